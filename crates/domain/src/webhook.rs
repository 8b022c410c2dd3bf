//! Receivers of webhooks, the messages for them, and how those fared.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ids::{DeliveryId, UserId, WebhookId};
use crate::notice::{Notice, NoticeKind, NoticeKinds};
use crate::secret::SecretText;

/// A receiver of webhooks. Its secret is kept apart and shown when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Whose it is.
    pub owner: UserId,
    /// The dialect whose payloads, headers and policy it gets.
    pub dialect: String,
    /// What its owner calls it.
    pub name: String,
    /// Where messages go.
    pub url: String,
    /// What it listens to, in the dialect's words and its owner's order.
    pub events: Vec<String>,
    /// The same, neutral.
    pub kinds: NoticeKinds,
    /// Whether it gets messages.
    pub active: bool,
    /// Messages that failed since the last one that arrived.
    pub failures: u32,
    /// When a message was last sent to it.
    pub last_triggered_at: Option<Timestamp>,
    /// Messages that wait for it.
    pub pending: u32,
    /// Messages that were given up because too many waited, since it was made.
    pub dropped: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its owner or its failures last changed it.
    pub updated_at: Timestamp,
}

/// Where a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It waits for its turn or for another try.
    Pending,
    /// The receiver took it.
    Delivered,
    /// It did not, and no more tries are left.
    Failed,
    /// The receiver was switched off, or the dialect has no words for it: it was not sent (any more).
    Withdrawn,
}

impl DeliveryState {
    const ALL: [Self; 4] = [Self::Pending, Self::Delivered, Self::Failed, Self::Withdrawn];

    /// The word that a store keeps.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The state of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// One try to deliver a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryAttempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took: SignedDuration,
    /// The receiver's answer, when there was one.
    pub http_status: Option<u16>,
    /// Why it does not count as delivered, in plain words; `None` when it does.
    pub error: Option<String>,
}

/// A message and how it fared, for its owner to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its id: the same at every try.
    pub id: DeliveryId,
    /// For whom.
    pub webhook: WebhookId,
    /// What it tells.
    pub kind: NoticeKind,
    /// Where it stands.
    pub state: DeliveryState,
    /// When what it tells of happened.
    pub at: Timestamp,
    /// When it is tried next, while it is pending.
    pub next_at: Option<Timestamp>,
    /// Its tries, oldest first.
    pub attempts: Vec<DeliveryAttempt>,
}

/// A message about to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Its id.
    pub delivery: DeliveryId,
    /// What it tells.
    pub kind: NoticeKind,
    /// The exact bytes: rendered once, stored, signed and sent.
    pub body: Vec<u8>,
    /// Tries before this one.
    pub attempts: u32,
}

/// What a dialect does when a receiver fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryPolicy {
    /// How long after a failed try the next one comes; empty for a single try.
    pub retry_after: &'static [SignedDuration],
    /// After so many messages in a row that failed for good, the receiver is switched off.
    pub disabled_after: u32,
    /// How long the receiver may take.
    pub deadline: SignedDuration,
}

impl DeliveryPolicy {
    /// When a message whose `attempts`-th try (from 1) failed at `now` is tried again; `None` when it has failed for good.
    #[must_use]
    pub fn retry_at(&self, attempts: u32, now: Timestamp) -> Option<Timestamp> {
        let nth = usize::try_from(attempts.checked_sub(1)?).ok()?;
        now.checked_add(*self.retry_after.get(nth)?).ok()
    }
}

/// A header of a message.
pub type Header = (&'static str, String);

/// The outgoing half of a dialect: names of events, payloads, headers and policy. Pure; it is called on the thread that
/// writes.
pub trait WebhookDialect: Send + Sync {
    /// Its name, as [`Webhook::dialect`] has it.
    fn name(&self) -> &'static str;
    /// Its names of events, and what each of them tells.
    fn events(&self) -> &'static [(&'static str, &'static [NoticeKind])];
    /// The most receivers of one user.
    fn webhooks_max(&self) -> u32;
    /// What it does when a receiver fails.
    fn policy(&self) -> DeliveryPolicy;
    /// The body of a message; `None` for what it has no words for.
    fn body(&self, notice: &Notice) -> Option<Vec<u8>>;
    /// The headers of a message, the signature over exactly these bytes among them.
    fn headers(&self, parcel: &Parcel, secret: &SecretText) -> Vec<Header>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_try_is_followed_by_as_many_as_the_policy_has() {
        const AGAIN: &[SignedDuration] = &[SignedDuration::from_secs(5), SignedDuration::from_mins(1)];
        let policy = DeliveryPolicy {
            retry_after: AGAIN,
            disabled_after: 5,
            deadline: SignedDuration::from_secs(10),
        };
        let now: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        assert_eq!(policy.retry_at(1, now), Some(now + SignedDuration::from_secs(5)));
        assert_eq!(policy.retry_at(2, now), Some(now + SignedDuration::from_mins(1)));
        assert_eq!(policy.retry_at(3, now), None);
        assert_eq!(policy.retry_at(0, now), None);
    }
}
