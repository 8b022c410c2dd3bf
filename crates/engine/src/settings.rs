//! How the engine behaves. The defaults are `serve`'s own.

use domain::retry::RetryPolicy;
use jiff::SignedDuration;
use url::Url;

/// Bounds and policies.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The most posts claimed at once.
    pub claimed_max: usize,
    /// The most posts claimed in one transaction.
    pub claim_batch: usize,
    /// The most sends under way at once.
    pub sends_max: usize,
    /// The most posts of one account claimed at once.
    pub per_account_claimed_max: u16,
    /// How long a claim may wait and prepare before somebody else may take it; an intent's own budget is added.
    pub lease: SignedDuration,
    /// A post found this much later than planned is missed, not sent.
    pub late_after: SignedDuration,
    /// A post found this much later than planned has fallen behind: its account catches up at its platform's pace.
    pub behind_after: SignedDuration,
    /// The publisher looks at the database at least this often.
    pub poll: SignedDuration,
    /// How long the platform may work on something before it counts as an unknown outcome or a failure.
    pub processing_max: SignedDuration,
    /// How often an unconfirmed post is asked for again, and for how long.
    pub look_every: SignedDuration,
    /// See [`Self::look_every`].
    pub look_for: SignedDuration,
    /// Automatic retries.
    pub retry: RetryPolicy,
    /// Whether accounts that are behind keep to their platform's pace.
    pub pacing: bool,
    /// A due post that is not finished by then makes the watchdog speak.
    pub watchdog_after: SignedDuration,
    /// How long a shutdown waits for sends under way.
    pub drain: SignedDuration,
    /// How long after its time a post waits for a person to connect its account again; zero fails it at once.
    pub reconnect_grace: SignedDuration,
    /// The most exchanges of tokens under way at once that nobody waits for.
    pub refreshes_max: usize,
    /// The address under which others reach this server; without it nobody can sign in with a browser.
    pub public_url: Option<Url>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            claimed_max: 20_000,
            claim_batch: 500,
            sends_max: 64,
            per_account_claimed_max: 32,
            lease: SignedDuration::from_mins(10),
            late_after: SignedDuration::from_hours(6),
            behind_after: SignedDuration::from_mins(2),
            poll: SignedDuration::from_secs(30),
            processing_max: SignedDuration::from_mins(30),
            look_every: SignedDuration::from_hours(24),
            look_for: SignedDuration::from_hours(24 * 7),
            retry: RetryPolicy::default(),
            pacing: true,
            watchdog_after: SignedDuration::from_mins(5),
            drain: SignedDuration::from_secs(90),
            reconnect_grace: SignedDuration::ZERO,
            refreshes_max: 8,
            public_url: None,
        }
    }
}
