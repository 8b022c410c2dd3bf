//! Claim, prepared request, recorded intent: the typestate of the spine.
//!
//! A [`Claim`] is made only by a store's claim. Recording an intent consumes it and yields [`Armed`]; sending needs an
//! `&Armed`; settling consumes that and may return the claim for the next part. Leaving a step out does not compile.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::clock::BootInstant;
use crate::ids::{AccountId, AttemptId, GroupId, IntentId, PostId, UserId};
use crate::part::Part;
use crate::platform::Platform;
use crate::post::PostState;
use crate::secret::SecretBytes;

/// What a claimed post needs done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// Publish: go through the parts that are not live.
    Publish,
    /// Go on with a step that the platform was still working on.
    Resume,
    /// Ask what became of an open intent.
    Reconcile,
    /// Look again at a post whose outcome could not be established, or whose visibility was not certain.
    Look,
}

/// What an account's room is counted by: questions do not wait for sends, nor sends for questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Claims that may send something.
    Sending,
    /// Claims that only ask.
    Asking,
}

impl Job {
    /// In which lane it is done.
    #[must_use]
    pub const fn lane(self) -> Lane {
        match self {
            Self::Publish | Self::Resume => Lane::Sending,
            Self::Reconcile | Self::Look => Lane::Asking,
        }
    }
}

/// The exclusive right to work on one post until the lease ends. Not `Clone`: there is one at a time.
#[derive(Debug, PartialEq, Eq)]
pub struct Claim {
    /// The post.
    pub post: PostId,
    /// Its group.
    pub group: GroupId,
    /// Whose it is.
    pub owner: UserId,
    /// This claim's name; a settle under another name changes nothing.
    pub attempt: AttemptId,
    /// How many publishing attempts there have been, this one included; 0 for a claim that only asks.
    pub attempt_no: u32,
    /// How many automatic retries of those since a user last asked for one.
    pub retries: u32,
    /// What to do.
    pub job: Job,
    /// Where the post goes.
    pub platform: Platform,
    /// The account, when the target names a connected one.
    pub account: Option<AccountId>,
    /// When the post was to go out.
    pub due: Timestamp,
    /// When it was claimed.
    pub claimed_at: Timestamp,
    /// Until when nobody else may claim it.
    pub lease_until: Timestamp,
    /// The state in which it was found.
    pub found: PostState,
}

/// How a platform keeps one request from becoming two posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DedupeMeans {
    /// A key of ours that the platform remembers this long.
    ClientKey {
        /// How long after the first send the key holds. The engine does not look at it: the connector sends no more, and
        /// calls nothing absent, once the key may have ended.
        valid_for: SignedDuration,
    },
    /// The record's id is chosen by us: a second write is the same record.
    ClientMintedId,
    /// A container is made first; publishing it twice is not possible.
    TwoPhase,
    /// The account's recent posts can be listed and compared.
    Lookup {
        /// How far back the list reaches.
        window: SignedDuration,
    },
    /// Sending identical bytes again names the original.
    EchoOnResend {
        /// How long.
        within: SignedDuration,
    },
    /// Nothing.
    None,
}

/// Whether a match is proof or likeness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// The match is ours and no other's.
    Exact,
    /// Another post of the same account may match too.
    Fuzzy,
}

/// A means as it holds for one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dedupe {
    /// The means.
    pub means: DedupeMeans,
    /// How sure its verdict is.
    pub certainty: Certainty,
}

impl Dedupe {
    /// A means whose verdict is proof.
    #[must_use]
    pub const fn exact(means: DedupeMeans) -> Self {
        Self {
            means,
            certainty: Certainty::Exact,
        }
    }

    /// A means whose verdict is likeness.
    #[must_use]
    pub const fn fuzzy(means: DedupeMeans) -> Self {
        Self {
            means,
            certainty: Certainty::Fuzzy,
        }
    }

    /// Whether two open intents with one fingerprint could be taken for each other.
    #[must_use]
    pub const fn is_confusable(&self) -> bool {
        matches!(self.means, DedupeMeans::EchoOnResend { .. } | DedupeMeans::None)
            || matches!(self.certainty, Certainty::Fuzzy)
    }
}

/// What is compared to tell two parts of one account apart: a hash of all that the platform would show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fingerprint(pub [u8; 32]);

/// Everything that the irreversible call will send, frozen. Serialisable and versioned by its connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prepared {
    /// The version of `bytes`; a connector that does not know it may ask but not send.
    pub version: u16,
    /// The connector's own form: bodies, record key, container, media ids. Sealed at rest.
    pub bytes: SecretBytes,
    /// The means that hold for this part, in order of preference. Never empty: [`DedupeMeans::None`] is said.
    pub dedupe: Vec<Dedupe>,
    /// What it would look like.
    pub fingerprint: Fingerprint,
    /// How long the call may take from the recorded intent to the last byte of the answer.
    pub budget: SignedDuration,
}

impl Prepared {
    /// Whether another open intent with the same fingerprint must end before this one starts.
    #[must_use]
    pub fn is_confusable(&self) -> bool {
        self.dedupe.first().is_none_or(Dedupe::is_confusable)
    }
}

/// A durable intent: the right to make one irreversible call before a deadline.
#[derive(Debug, PartialEq, Eq)]
pub struct Armed {
    claim: Claim,
    intent: IntentId,
    part: Part,
    prepared: Prepared,
    send_by: BootInstant,
}

impl Armed {
    /// Says that the intent is durable. Only a store may, after its commit.
    #[must_use]
    pub fn assert_durable(
        claim: Claim,
        intent: IntentId,
        part: Part,
        prepared: Prepared,
        send_by: BootInstant,
    ) -> Self {
        Self {
            claim,
            intent,
            part,
            prepared,
            send_by,
        }
    }

    /// The claim it was made from.
    #[must_use]
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The intent's id.
    #[must_use]
    pub fn intent(&self) -> IntentId {
        self.intent
    }

    /// The part to send.
    #[must_use]
    pub fn part(&self) -> Part {
        self.part
    }

    /// What to send.
    #[must_use]
    pub fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// The monotonic deadline: no byte is written at or after it.
    #[must_use]
    pub fn send_by(&self) -> BootInstant {
        self.send_by
    }

    /// Gives the claim back, for the store that settles.
    #[must_use]
    pub fn into_claim(self) -> (Claim, IntentId, Part) {
        (self.claim, self.intent, self.part)
    }
}

/// What is known of one intent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntentState {
    /// Recorded; the outcome is not known.
    Open,
    /// It made a post.
    Published,
    /// The platform refused it, or it was never written: it made no post.
    NotPublished,
    /// Asked for as the platform's rules demand, and not there: it made no post.
    Absent,
    /// No question finds out what it made, but the answer to the same send again will tell. Until then it may have made a
    /// post.
    Untold,
    /// Its outcome cannot be established; a person overrode or gave up.
    Abandoned,
}

impl IntentState {
    /// Every state, for CHECK constraints and tables.
    pub const ALL: &'static [Self] = &[
        Self::Open,
        Self::Published,
        Self::NotPublished,
        Self::Absent,
        Self::Untold,
        Self::Abandoned,
    ];

    /// The word that a store keeps.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Published => "published",
            Self::NotPublished => "not_published",
            Self::Absent => "absent",
            Self::Untold => "untold",
            Self::Abandoned => "abandoned",
        }
    }

    /// Whether the same may be sent again after this one, as far as it is concerned.
    #[must_use]
    pub const fn frees_a_repeat(self) -> bool {
        matches!(self, Self::Absent | Self::Untold)
    }
}

/// An intent as recovery reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntentRecord {
    /// Its id.
    pub id: IntentId,
    /// The part it is for.
    pub part: Part,
    /// What is known of it.
    pub state: IntentState,
    /// When it became durable, by our clock.
    pub recorded_at: Timestamp,
    /// When its sender had to be done, by our clock.
    pub send_by: Timestamp,
    /// When its state was established, by our clock; `None` while it is open.
    pub settled_at: Option<Timestamp>,
    /// What it sends.
    pub prepared: Prepared,
}

impl IntentRecord {
    /// Notes what is known of it now. What was known before was so since then.
    pub fn settle(&mut self, state: IntentState, at: Timestamp) {
        if self.state != state {
            self.state = state;
            self.settled_at = (state != IntentState::Open).then_some(at);
        }
    }
}
