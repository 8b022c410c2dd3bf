//! How the engine behaves. The defaults are `serve`'s own.

use std::collections::BTreeMap;

use domain::budget::Window;
use domain::plan::{Plan, SELF_HOSTED};
use domain::platform::Platform;
use domain::retry::RetryPolicy;
use jiff::SignedDuration;
use media::AddressPolicy;
use url::Url;

/// A quota as the operator states it, in place of the documented one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedQuota {
    /// Of which platform.
    pub platform: Platform,
    /// Its name in [`domain::capability::quotas`].
    pub name: String,
    /// How much; `None` when only the platform's answers are to limit it.
    pub most: Option<u32>,
    /// In which window; `None` for the documented one.
    pub window: Option<Window>,
}

/// Bounds and policies.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The most posts claimed at once; no more are claimed of a platform that has half of them.
    pub claimed_max: usize,
    /// The most posts claimed in one transaction.
    pub claim_batch: usize,
    /// The most sends under way at once. One platform has half of them at most, and one server of Mastodon or Bluesky a
    /// quarter, so that what is slow to answer does not keep the others waiting.
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
    /// How often an unconfirmed post, or one that is live under an unknown id, is asked for again, and for how long.
    pub look_every: SignedDuration,
    /// See [`Self::look_every`].
    pub look_for: SignedDuration,
    /// Automatic retries.
    pub retry: RetryPolicy,
    /// Whether accounts that are behind keep to their platform's pace.
    pub pacing: bool,
    /// Whether posts keep to their platforms' quotas. Without it nothing is counted, read or written.
    pub rate_budgets: bool,
    /// Quotas that the operator knows better than the platforms' documents.
    pub quotas: Vec<StatedQuota>,
    /// A due post that is not finished by then makes the watchdog speak.
    pub watchdog_after: SignedDuration,
    /// How long a shutdown waits for sends under way.
    pub drain: SignedDuration,
    /// How long after its time a post waits for a person to connect its account again; zero fails it at once.
    pub reconnect_grace: SignedDuration,
    /// The most exchanges of tokens under way at once that nobody waits for.
    pub refreshes_max: usize,
    /// How many URLs one user may have imported in an hour.
    pub imports_per_hour: u32,
    /// The plans that users can be given.
    pub plans: Plans,
    /// The address under which others reach this server; without it nobody can sign in with a browser.
    pub public_url: Option<Url>,
    /// Where webhooks may lead.
    pub webhooks: AddressPolicy,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            claimed_max: 20_000,
            claim_batch: 1_000,
            sends_max: 256,
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
            rate_budgets: true,
            quotas: Vec::new(),
            watchdog_after: SignedDuration::from_mins(5),
            drain: SignedDuration::from_secs(90),
            reconnect_grace: SignedDuration::ZERO,
            refreshes_max: 8,
            imports_per_hour: 60,
            plans: Plans::default(),
            public_url: None,
            webhooks: AddressPolicy::public_only().at_any_port(),
        }
    }
}

/// The plans that users can be given, by their words. There is always [`SELF_HOSTED`].
#[derive(Debug, Clone, PartialEq)]
pub struct Plans {
    known: BTreeMap<String, Plan>,
    of_new_users: String,
}

impl Default for Plans {
    fn default() -> Self {
        Self {
            known: BTreeMap::from([(SELF_HOSTED.to_owned(), Plan::default())]),
            of_new_users: SELF_HOSTED.to_owned(),
        }
    }
}

impl Plans {
    /// These plans beside the one that there always is, or in its place. `None` when there is none of the word that new
    /// users are to have.
    #[must_use]
    pub fn new(known: BTreeMap<String, Plan>, of_new_users: &str) -> Option<Self> {
        let mut plans = Self::default();
        let with_key = known.into_iter().map(|(word, plan)| {
            let key = Some(word.clone());
            (word, Plan { key, ..plan })
        });
        plans.known.extend(with_key);
        of_new_users.clone_into(&mut plans.of_new_users);
        plans.known.contains_key(of_new_users).then_some(plans)
    }

    /// The plan of this word.
    #[must_use]
    pub fn by_word(&self, word: &str) -> Option<Plan> {
        self.known.get(word).cloned()
    }

    /// The plan that a new user has.
    #[must_use]
    pub fn of_new_users(&self) -> Plan {
        self.by_word(&self.of_new_users).unwrap_or_default()
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = Plan> {
        self.known.values().cloned()
    }

    /// Their words in order.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str)
    }
}
