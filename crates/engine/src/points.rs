//! The places at which a test stops the engine, as a crash would.

use domain::platform::Platform;

macro_rules! points {
    ($($(#[$doc:meta])* $variant:ident = $word:literal;)+) => {
        /// A place in the spine.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum CrashPoint { $($(#[$doc])* $variant,)+ }

        impl CrashPoint {
            /// Every place, in the order of a post's walk.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its word on the command line.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

points! {
    /// The claim is durable; nothing else happened.
    Claimed = "claimed";
    /// A step of prepare is done.
    Prepared = "prepared";
    /// The intent is durable; no byte was sent.
    IntentDurable = "intent-durable";
    /// The answer to the send has been read; nothing of it is durable.
    AnswerRead = "answer-read";
    /// The outcome is durable.
    Settled = "settled";
    /// An unknown outcome was asked for; the finding is not durable.
    Asked = "asked";
    /// A refresh of a token is about to be exchanged, and that is durable.
    RefreshBegun = "refresh-begun";
    /// New tokens were received and are not durable.
    RefreshAnswered = "refresh-answered";
    /// How a refresh ended is durable; nobody has used the new tokens.
    RefreshDurable = "refresh-durable";
}

impl CrashPoint {
    /// Whether it lies on the way of a refresh, which not every post takes.
    #[must_use]
    pub const fn is_of_a_refresh(self) -> bool {
        matches!(self, Self::RefreshBegun | Self::RefreshAnswered | Self::RefreshDurable)
    }
}

/// The engine was told to stop dead, as if it had been killed. Nothing more may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

/// Decides at each place whether to go on.
pub trait FailPoints: Send + Sync {
    /// Called at a place while working for a platform.
    ///
    /// # Errors
    /// [`Stopped`] ends this piece of work without another write.
    fn reach(&self, point: CrashPoint, platform: Platform) -> Result<(), Stopped>;
}

/// Never stops: what a server runs with.
#[derive(Debug, Clone, Copy, Default)]
pub struct GoOn;

impl FailPoints for GoOn {
    fn reach(&self, _point: CrashPoint, _platform: Platform) -> Result<(), Stopped> {
        Ok(())
    }
}
