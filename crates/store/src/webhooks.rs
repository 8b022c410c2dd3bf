//! Receivers of webhooks and their outbox.
//!
//! What must stay true:
//! - A message is written in the transaction of what it tells of, by whichever verb that is, and only when somebody
//!   listens: an owner without an active receiver costs no statement.
//! - The exact bytes of a message are rendered once, at its first claim, and stored in that transaction. What they are
//!   rendered from is a snapshot as of the transition.
//! - A receiver's messages are claimed together and by one claimant at a time, so that they go out in order. One that is
//!   to be tried again gives up its place.
//! - A message is forgotten only after its end: delivered, failed for good, or withdrawn.

use std::sync::Arc;

use async_trait::async_trait;
use domain::ids::{DeliveryId, UserId, WebhookId};
use domain::notice::{Notice, NoticeKinds};
use domain::secret::SecretText;
use domain::webhook::{Delivery, DeliveryAttempt, DeliveryState, Parcel, Webhook};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::{Reach, Result};

/// The most receivers that [`Webhooks::webhooks`] lists.
pub const WEBHOOKS_LISTED_MAX: u32 = 1_000;
/// The most messages that [`Webhooks::deliveries`] gives.
pub const DELIVERIES_LISTED_MAX: u32 = 1_000;
/// The most messages that wait for one receiver; beyond, new ones are dropped and counted.
pub const DELIVERIES_PENDING_MAX: u32 = 10_000;
/// How long a message is kept after its end.
pub const DELIVERIES_KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Renders a notice in a dialect, by name; `None` when it has no words for it. Called on the thread that writes.
pub type Render = Arc<dyn Fn(&str, &Notice) -> Option<Vec<u8>> + Send + Sync>;

/// A receiver to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWebhook {
    /// Its id.
    pub id: WebhookId,
    /// Whose it is.
    pub owner: UserId,
    /// Whose words it gets.
    pub dialect: String,
    /// What its owner calls it.
    pub name: String,
    /// Where messages go.
    pub url: String,
    /// What it listens to, in the dialect's words.
    pub events: Vec<String>,
    /// The same, neutral.
    pub kinds: NoticeKinds,
    /// What messages are signed with.
    pub secret: SecretText,
    /// When.
    pub at: Timestamp,
}

/// Changes to a receiver; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookEdit {
    /// What its owner calls it.
    pub name: Option<String>,
    /// Where messages go.
    pub url: Option<String>,
    /// What it listens to, in the dialect's words and neutral.
    pub events: Option<(Vec<String>, NoticeKinds)>,
    /// Whether it gets messages. Switching it off withdraws those that wait; switching it on keeps the count of failures.
    pub active: Option<bool>,
    /// What messages are signed with from now on.
    pub secret: Option<SecretText>,
}

/// What a deliverer can take.
#[derive(Clone)]
pub struct DeliveryAsk {
    /// The time.
    pub now: Timestamp,
    /// How long the claim of a receiver lasts.
    pub lease: SignedDuration,
    /// The most receivers whose last message arrived.
    pub sound_max: usize,
    /// The most receivers whose last message failed.
    pub failing_max: usize,
    /// The most messages for each.
    pub each_max: usize,
    /// Makes bodies.
    pub render: Render,
}

impl std::fmt::Debug for DeliveryAsk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeliveryAsk")
            .field("now", &self.now)
            .field("sound_max", &self.sound_max)
            .field("failing_max", &self.failing_max)
            .field("each_max", &self.each_max)
            .finish_non_exhaustive()
    }
}

/// A receiver's messages, claimed.
#[derive(Debug)]
pub struct Batch {
    /// For whom.
    pub webhook: Webhook,
    /// What they are signed with.
    pub secret: SecretText,
    /// The claim's number; the next claim of the receiver has another.
    pub claim: u32,
    /// The messages in order; at least one.
    pub parcels: Vec<Parcel>,
}

/// How a try ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryOutcome {
    /// Of which message.
    pub delivery: DeliveryId,
    /// The try.
    pub attempt: DeliveryAttempt,
    /// Where the message stands now: delivered, failed for good, or pending.
    pub state: DeliveryState,
    /// When a pending one is tried again.
    pub next_at: Option<Timestamp>,
}

/// How the messages of a claim fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverySettlement {
    /// Of which receiver.
    pub webhook: WebhookId,
    /// Under which claim.
    pub claim: u32,
    /// What is known, in the order of the tries.
    pub outcomes: Vec<DeliveryOutcome>,
    /// So many failures in a row switch the receiver off.
    pub disabled_after: u32,
    /// Whether the claim ends; messages without an outcome then wait again.
    pub release: bool,
    /// When.
    pub at: Timestamp,
}

/// Receivers and their outbox.
#[async_trait]
pub trait Webhooks {
    /// Adds a receiver. [`crate::Error::NotFound`] for an unknown user; [`crate::Conflict::TooManyWebhooks`] when it has
    /// `max` of this dialect.
    ///
    /// Race: counted in the same transaction, so two callers cannot both take the last place.
    async fn add_webhook(&self, new: NewWebhook, max: u32) -> Result<Webhook>;

    /// The receivers within reach, of one dialect or of all, oldest first, at most 1,000.
    async fn webhooks(&self, reach: &Reach, dialect: Option<&str>) -> Result<Vec<Webhook>>;

    /// One receiver within reach.
    async fn webhook(&self, reach: &Reach, webhook: WebhookId) -> Result<Option<Webhook>>;

    /// Changes a receiver. [`crate::Error::NotFound`] outside reach.
    ///
    /// Race: a message that is being sent goes to the old address with the old signature; how it fared still counts.
    async fn edit_webhook(
        &self,
        reach: &Reach,
        webhook: WebhookId,
        edit: WebhookEdit,
        at: Timestamp,
    ) -> Result<Webhook>;

    /// Removes a receiver with all its messages. [`crate::Error::NotFound`] outside reach.
    async fn remove_webhook(&self, reach: &Reach, webhook: WebhookId) -> Result<()>;

    /// Puts a message of kind [`domain::notice::NoticeKind::Test`] into the outbox, whatever the receiver listens to.
    /// [`crate::Error::NotFound`] outside reach; [`crate::Conflict::WebhookOff`] when it is switched off or too many wait.
    async fn test_webhook(&self, reach: &Reach, webhook: WebhookId, at: Timestamp) -> Result<DeliveryId>;

    /// The messages of a receiver, newest first, at most `limit` and at most 1,000. Empty outside reach.
    async fn deliveries(&self, reach: &Reach, webhook: WebhookId, limit: u32) -> Result<Vec<Delivery>>;

    /// Claims receivers whose messages are due, longest due first, with their messages in order. A claim whose lease has
    /// ended is taken over.
    ///
    /// Race: two claimants never hold one receiver; the number of the claim tells them apart.
    async fn claim_deliveries(&self, ask: DeliveryAsk) -> Result<Vec<Batch>>;

    /// Writes how messages of a claim fared, counts failures, switches the receiver off when they are too many (and writes
    /// the log entry), and ends the claim when asked to. [`crate::Error::LeaseLost`] when the claim was taken over or the
    /// receiver is gone: nothing is written, and the messages may be sent again.
    async fn settle_deliveries(&self, settlement: DeliverySettlement) -> Result<Webhook>;

    /// Frees every claim: for a process that holds the directory's lock and so knows that nobody else lives. Returns how
    /// many there were.
    async fn free_deliveries(&self) -> Result<u64>;

    /// When [`Webhooks::claim_deliveries`] has something to give next.
    async fn next_delivery(&self) -> Result<Option<Timestamp>>;

    /// Notified when a message may have been added. A claim that is asked for afterwards sees it.
    fn deliveries_added(&self) -> Arc<Notify>;
}
