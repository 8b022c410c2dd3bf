//! The loop that takes messages out of the outbox. The database is its timer, as it is the publisher's: it sleeps until
//! the next message is due, or until one was added.
//!
//! A receiver's messages go out one after the other, by a task of its own. How they fared is written down after each
//! failure, and for those that arrived four times a second and at the end: a process that is killed in between sends the last
//! few again, under the same ids.

use std::sync::Arc;

use domain::webhook::{DeliveryAttempt, DeliveryPolicy, DeliveryState, Parcel, WebhookDialect};
use jiff::{SignedDuration, Timestamp};
use store::{Batch, DeliveryAsk, DeliveryOutcome, DeliverySettlement, Render};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Answer, Outgoing};
use crate::Engine;
use crate::stats::WebhookEnd;

/// After a failure of the store the deliverer waits this long before it goes round again.
const STORE_PAUSE: SignedDuration = SignedDuration::from_secs(1);
/// After a message was added others are awaited this long: a group has several, and one claim serves them all.
const GATHER: SignedDuration = SignedDuration::from_millis(20);
/// How long what arrived may go unwritten.
const UNWRITTEN_MAX: SignedDuration = SignedDuration::from_millis(250);
/// What a lease has beyond the deadlines of its messages.
const LEASE_SLACK: SignedDuration = SignedDuration::from_secs(60);

/// How many receivers are served at once. Those whose last message failed have room of their own, so that however many
/// stall, a sound one is never behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Receivers whose last message arrived.
    pub sound_max: usize,
    /// Receivers whose last message failed.
    pub failing_max: usize,
    /// Messages of one claim.
    pub each_max: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            sound_max: 256,
            failing_max: 64,
            each_max: 50,
        }
    }
}

/// Delivers messages until it is told to stop.
pub struct Deliverer {
    engine: Engine,
    outgoing: Arc<Outgoing>,
    render: Render,
    lease: SignedDuration,
    tasks: TaskTracker,
    stop: CancellationToken,
    sound: usize,
    failing: usize,
    done_tx: mpsc::UnboundedSender<Kind>,
    done_rx: mpsc::UnboundedReceiver<Kind>,
}

/// Whose room a task takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sound,
    Failing,
}

impl Deliverer {
    /// A deliverer that stops when `stop` is cancelled.
    #[must_use]
    pub fn new(engine: Engine, outgoing: Outgoing, stop: CancellationToken) -> Self {
        // One message a task, and tasks are bounded by the room: the channel cannot grow beyond that.
        let (done_tx, done_rx) = mpsc::unbounded_channel();
        let outgoing = Arc::new(outgoing);
        let longest = outgoing.dialects.iter().map(|dialect| dialect.policy().deadline).max();
        let each = i32::try_from(outgoing.room.each_max).unwrap_or(i32::MAX);
        let lease = longest
            .unwrap_or_default()
            .saturating_mul(each)
            .saturating_add(LEASE_SLACK);
        let dialects = outgoing.dialects.clone();
        let render: Render = Arc::new(move |name, notice| {
            let dialect = dialects.iter().find(|dialect| dialect.name() == name)?;
            dialect.body(notice)
        });
        Self {
            engine,
            outgoing,
            render,
            lease,
            tasks: TaskTracker::new(),
            stop,
            sound: 0,
            failing: 0,
            done_tx,
            done_rx,
        }
    }

    /// Takes over what a dead process left, and then delivers until stopped; then lets messages under way arrive.
    pub async fn run(mut self) {
        while let Err(error) = self.recover().await {
            tracing::error!(%error, "webhooks that a dead process served could not be freed; trying again");
            if self.pause(STORE_PAUSE).await {
                return;
            }
        }
        while !self.stop.is_cancelled() {
            match self.round().await {
                Ok(0) => self.sleep().await,
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "the deliverer could not reach the store");
                    self.pause(STORE_PAUSE).await;
                }
            }
        }
        // Each message has its deadline, and no task begins another.
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Takes over what a dead process left. [`Self::run`] does so by itself.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn recover(&self) -> Result<u64, store::Error> {
        self.engine.store.free_deliveries().await
    }

    /// Claims the receivers that can be served now and starts to; returns how many.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn round(&mut self) -> Result<usize, store::Error> {
        while let Ok(kind) = self.done_rx.try_recv() {
            self.ended(kind);
        }
        let room = self.outgoing.room;
        let ask = DeliveryAsk {
            now: self.engine.clock.now(),
            lease: self.lease,
            sound_max: room.sound_max.saturating_sub(self.sound),
            failing_max: room.failing_max.saturating_sub(self.failing),
            each_max: room.each_max,
            render: Arc::clone(&self.render),
        };
        let batches = self.engine.store.claim_deliveries(ask).await?;
        let count = batches.len();
        for batch in batches {
            self.start(batch);
        }
        Ok(count)
    }

    /// Delivers everything that can be delivered now and returns when nothing is under way any more.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn run_until_idle(&mut self) -> Result<(), store::Error> {
        loop {
            let started = self.round().await?;
            while self.sound + self.failing > 0 {
                let Some(kind) = self.done_rx.recv().await else { break };
                self.ended(kind);
            }
            if started == 0 {
                return Ok(());
            }
        }
    }

    fn start(&mut self, batch: Batch) {
        let kind = if batch.webhook.failures > 0 {
            self.failing += 1;
            Kind::Failing
        } else {
            self.sound += 1;
            Kind::Sound
        };
        let done = Done(self.done_tx.clone(), kind);
        let (engine, outgoing, stop) = (self.engine.clone(), Arc::clone(&self.outgoing), self.stop.clone());
        self.tasks.spawn(async move {
            let _done = done;
            let id = batch.webhook.id;
            match serve(&engine, &outgoing, batch, &stop).await {
                // The receiver was removed, or another process has taken over.
                Ok(()) | Err(store::Error::LeaseLost) => {}
                Err(error) => {
                    tracing::error!(webhook = %id, %error, "how messages fared could not be written; they may be sent again");
                }
            }
        });
    }

    fn ended(&mut self, kind: Kind) {
        let count = match kind {
            Kind::Sound => &mut self.sound,
            Kind::Failing => &mut self.failing,
        };
        *count = count.saturating_sub(1);
    }

    async fn sleep(&mut self) {
        let now = self.engine.clock.now();
        let poll = now.saturating_add(self.engine.settings.poll).unwrap_or(Timestamp::MAX);
        let next = self.engine.store.next_delivery().await.ok().flatten().unwrap_or(poll);
        // What is due and was not claimed waits for room: only an end, or a little time, makes a difference.
        let soon = now.saturating_add(GATHER).unwrap_or(poll);
        let added = self.engine.store.deliveries_added();
        let ended = tokio::select! {
            () = self.stop.cancelled() => None,
            () = added.notified() => {
                self.pause(GATHER).await;
                None
            }
            kind = self.done_rx.recv() => kind,
            () = self.engine.clock.sleep_until(next.min(poll).max(soon)) => None,
        };
        if let Some(kind) = ended {
            self.ended(kind);
        }
    }

    /// Waits; true when told to stop meanwhile.
    async fn pause(&self, by: SignedDuration) -> bool {
        let until = self.engine.clock.now().saturating_add(by).unwrap_or(Timestamp::MAX);
        tokio::select! {
            () = self.stop.cancelled() => true,
            () = self.engine.clock.sleep_until(until) => false,
        }
    }
}

/// Tells the deliverer that a task has ended, however it ended.
struct Done(mpsc::UnboundedSender<Kind>, Kind);

impl Drop for Done {
    fn drop(&mut self) {
        // The receiver is gone only when the deliverer is.
        let _ = self.0.send(self.1);
    }
}

/// Sends a receiver its messages, and writes down how they fared.
async fn serve(
    engine: &Engine,
    outgoing: &Outgoing,
    batch: Batch,
    stop: &CancellationToken,
) -> Result<(), store::Error> {
    let name = &batch.webhook.dialect;
    let Some(dialect) = outgoing.dialect(name) else {
        // Its messages have no bytes, so that none was claimed; one that was rendered by an older version waits.
        tracing::warn!(webhook = %batch.webhook.id, dialect = %name, "this server does not speak the dialect of a webhook");
        return Ok(());
    };
    let mut book = Book {
        engine,
        policy: dialect.policy(),
        batch: &batch,
        outcomes: Vec::new(),
        written_at: engine.clock.now(),
    };
    for parcel in &batch.parcels {
        if stop.is_cancelled() {
            break;
        }
        let outcome = send(engine, outgoing, dialect, &batch, parcel).await;
        if !book.note(outcome).await? {
            break;
        }
    }
    book.write(true).await.map(|_| ())
}

/// What is known of a claim and not written yet.
struct Book<'a> {
    engine: &'a Engine,
    policy: DeliveryPolicy,
    batch: &'a Batch,
    outcomes: Vec<DeliveryOutcome>,
    written_at: Timestamp,
}

impl Book<'_> {
    /// Notes an outcome; `false` when the receiver was switched off and gets nothing more.
    async fn note(&mut self, outcome: DeliveryOutcome) -> Result<bool, store::Error> {
        let failed = outcome.state != DeliveryState::Delivered;
        self.outcomes.push(outcome);
        let is_time = self.engine.clock.now().duration_since(self.written_at) >= UNWRITTEN_MAX;
        if failed || is_time {
            self.write(false).await
        } else {
            Ok(true)
        }
    }

    /// Writes what is known; `false` when the receiver was switched off.
    async fn write(&mut self, release: bool) -> Result<bool, store::Error> {
        let now = self.engine.clock.now();
        self.written_at = now;
        let was_active = self.batch.webhook.active;
        let webhook = self
            .engine
            .store
            .settle_deliveries(DeliverySettlement {
                webhook: self.batch.webhook.id,
                claim: self.batch.claim,
                outcomes: std::mem::take(&mut self.outcomes),
                disabled_after: self.policy.disabled_after,
                release,
                at: now,
            })
            .await?;
        if was_active && !webhook.active && webhook.failures >= self.policy.disabled_after && !release {
            self.engine.stats.webhook_disabled();
            tracing::warn!(webhook = %webhook.id, owner = %webhook.owner, failures = webhook.failures, "a webhook is switched off: too many messages in a row failed");
        }
        Ok(webhook.active)
    }
}

/// Tries to deliver one message.
async fn send(
    engine: &Engine,
    outgoing: &Outgoing,
    dialect: &dyn WebhookDialect,
    batch: &Batch,
    parcel: &Parcel,
) -> DeliveryOutcome {
    let policy = dialect.policy();
    let headers = dialect.headers(parcel, &batch.secret);
    let at = engine.clock.now();
    let deadline = at.saturating_add(policy.deadline).unwrap_or(Timestamp::MAX);
    let answer = tokio::select! {
        answer = outgoing.courier.post(&batch.webhook.url, &headers, parcel.body.clone()) => answer,
        () = engine.clock.sleep_until(deadline) => Err(format!("no answer within {} s", policy.deadline.as_secs())),
    };
    let now = engine.clock.now();
    let error = verdict(&answer);
    let tries = parcel.attempts.saturating_add(1);
    let next_at = error.as_ref().and_then(|_| policy.retry_at(tries, now));
    let (state, end) = match (&error, next_at) {
        (None, _) => (DeliveryState::Delivered, WebhookEnd::Delivered),
        (Some(_), Some(_)) => (DeliveryState::Pending, WebhookEnd::Retried),
        (Some(_), None) => (DeliveryState::Failed, WebhookEnd::Failed),
    };
    engine.stats.webhook(end, now.duration_since(at));
    if let Some(error) = &error {
        tracing::info!(webhook = %batch.webhook.id, delivery = %parcel.delivery, kind = parcel.kind.word(), error, "a webhook was not delivered");
    }
    DeliveryOutcome {
        delivery: parcel.delivery,
        attempt: DeliveryAttempt {
            at,
            took: now.duration_since(at),
            http_status: answer.ok(),
            error,
        },
        state,
        next_at,
    }
}

/// Why an answer does not count as delivered.
fn verdict(answer: &Answer) -> Option<String> {
    match answer {
        Ok(200..=299) => None,
        Ok(status @ 300..=399) => Some(format!("the receiver redirects ({status}), which is not followed")),
        Ok(status) => Some(format!("the receiver answered {status}")),
        Err(words) => Some(words.clone()),
    }
}
