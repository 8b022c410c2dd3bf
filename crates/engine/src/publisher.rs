//! The loop that decides what runs when. The database is the timer: the publisher sleeps until the next due instant, or
//! until somebody made something due.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use domain::capability::Capability;
use domain::ids::{AccountId, AttemptId};
use domain::intent::{Claim, Job, Lane};
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use store::{ClaimAsk, Evidence, Orphans, Slots};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Engine;
use crate::attempt;
use crate::context::Halt;
use crate::gate::AccountGate;
use crate::reconcile::Asker;
use crate::settle::unsent;
use crate::slots::{self, Slot};

/// After a failure of the store the publisher waits this long before it goes round again.
const STORE_PAUSE: SignedDuration = SignedDuration::from_secs(1);

/// When posts of a platform of which enough is claimed are looked at again.
const CROWD_PAUSE: SignedDuration = SignedDuration::from_secs(5);

/// So many batches are claimed before the first of their posts goes on: about a tenth of a second's worth.
const BATCHES_MAX: usize = 10;

/// Runs posts until it is told to stop.
pub struct Publisher {
    engine: Engine,
    tasks: TaskTracker,
    stop: CancellationToken,
    busy: HashMap<(AccountId, Lane), u16>,
    resting: HashMap<AccountId, Timestamp>,
    in_flight: usize,
    /// Claims by platform, whatever they wait for.
    crowds: HashMap<Platform, usize>,
    done_tx: mpsc::UnboundedSender<Ended>,
    done_rx: mpsc::UnboundedReceiver<Ended>,
}

/// A claim that has ended: its platform, and its account's lane.
type Ended = (Platform, Option<(AccountId, Lane)>);

/// What one round did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Round {
    /// Posts taken.
    pub claimed: usize,
    /// Posts whose worker was gone.
    pub recovered: u64,
    /// Something due had to be left for want of room.
    pub passed_over: bool,
}

impl Publisher {
    /// A publisher that stops when `stop` is cancelled.
    #[must_use]
    pub fn new(engine: Engine, stop: CancellationToken) -> Self {
        // One message a claim, and claims are bounded by `claimed_max`: the channel cannot grow beyond that.
        let (done_tx, done_rx) = mpsc::unbounded_channel();
        Self {
            engine,
            tasks: TaskTracker::new(),
            stop,
            busy: HashMap::new(),
            resting: HashMap::new(),
            in_flight: 0,
            crowds: HashMap::new(),
            done_tx,
            done_rx,
        }
    }

    /// Takes over what a dead process left, and then publishes until stopped; then lets sends under way finish.
    pub async fn run(mut self) {
        beat(&self.engine, self.engine.clock.now());
        while let Err(error) = self
            .engine
            .store
            .recover_orphans(Orphans::All, self.engine.clock.now())
            .await
        {
            tracing::error!(%error, "orphans could not be recovered; trying again");
            if self.pause(STORE_PAUSE).await {
                return;
            }
        }
        while !self.stop.is_cancelled() {
            match self.round().await {
                Ok(round) if round.claimed > 0 || round.recovered > 0 => {}
                Ok(round) => self.sleep(round.passed_over).await,
                Err(error) => {
                    tracing::error!(%error, "the publisher could not reach the store");
                    self.pause(STORE_PAUSE).await;
                }
            }
        }
        self.drain().await;
    }

    /// Claims what is due and can start, and starts it, batch after batch while they come back full. Each batch gets its
    /// tasks while the store claims the next, but none of them goes on before all are claimed: a claim that queued behind
    /// the first intents would come five times as late.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn round(&mut self) -> Result<Round, store::Error> {
        self.collect();
        let mut round = Round::default();
        let mut orphans = false;
        let gate = CancellationToken::new();
        // However this ends, what is claimed is let go.
        let opening = gate.clone().drop_guard();
        let mut claims = Vec::new();
        for _ in 0..BATCHES_MAX {
            let now = self.engine.clock.now();
            let Some(room) = self.room(now) else {
                round.passed_over = true;
                break;
            };
            let asked = self.engine.store.claim_due(self.ask(now, room));
            let (batch, ()) = tokio::join!(asked, async {
                claims.drain(..).for_each(|claim| self.start(claim, &gate));
            });
            let batch = batch?;
            batch.claims.iter().for_each(|claim| self.admit(claim, now));
            round.claimed += batch.claims.len();
            round.passed_over = batch.passed_over;
            orphans |= batch.orphans;
            claims = batch.claims;
            if claims.len() < room {
                break;
            }
        }
        drop(opening);
        claims.into_iter().for_each(|claim| self.start(claim, &gate));
        if orphans {
            let now = self.engine.clock.now();
            round.recovered = self.engine.store.recover_orphans(Orphans::Expired, now).await?;
        }
        Ok(round)
    }

    /// How many posts may be claimed now, if any.
    fn room(&mut self, now: Timestamp) -> Option<usize> {
        beat(&self.engine, now);
        self.resting.retain(|_, until| *until > now);
        let settings = &self.engine.settings;
        let room = settings.claimed_max.saturating_sub(self.in_flight);
        Some(room.min(settings.claim_batch)).filter(|room| *room > 0)
    }

    /// Takes over what a dead process left. [`Self::run`] does so by itself.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn recover(&self) -> Result<u64, store::Error> {
        self.engine
            .store
            .recover_orphans(Orphans::All, self.engine.clock.now())
            .await
    }

    /// Does everything that can be done now and returns when nothing is claimed any more; what is due later stays.
    /// Returns how many posts were taken.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn run_until_idle(&mut self) -> Result<usize, store::Error> {
        let mut taken = 0;
        loop {
            let round = self.round().await?;
            taken += round.claimed;
            while self.in_flight > 0 {
                let Some(ended) = self.done_rx.recv().await else {
                    break;
                };
                self.ended(ended);
            }
            if round.claimed == 0 && round.recovered == 0 {
                return Ok(taken);
            }
        }
    }

    /// How many claims are being worked on.
    pub fn in_flight(&mut self) -> usize {
        self.collect();
        self.in_flight
    }

    fn ask(&self, now: Timestamp, limit: usize) -> ClaimAsk {
        let settings = &self.engine.settings;
        let late_before = settings
            .pacing
            .then(|| now.saturating_sub(settings.behind_after).unwrap_or(Timestamp::MIN));
        let mut resting = self.resting.clone();
        resting.extend(self.engine.resting(now));
        ClaimAsk {
            now,
            limit,
            lease: settings.lease,
            attempts: (0..limit).map(|_| AttemptId::from_bytes(self.engine.mint())).collect(),
            slots: Slots {
                per_account_max: settings.per_account_claimed_max,
                late_before,
                busy: self.busy.clone(),
                resting,
                closed: self.crowded(now),
            },
        }
    }

    /// The platforms of which enough is claimed: claims that only wait must not take the room of others.
    fn crowded(&self, now: Timestamp) -> HashMap<Platform, Timestamp> {
        let most = (self.engine.settings.claimed_max / 2).max(1);
        let until = now.saturating_add(CROWD_PAUSE).unwrap_or(Timestamp::MAX);
        let crowded = self.crowds.iter().filter(|(_, crowd)| **crowd >= most);
        crowded.map(|(platform, _)| (*platform, until)).collect()
    }

    /// Counts a claim from now on.
    fn admit(&mut self, claim: &Claim, now: Timestamp) {
        let settings = &self.engine.settings;
        if let Some((account, lane)) = room_of(claim) {
            *self.busy.entry((account, lane)).or_default() += 1;
            let behind = now.duration_since(claim.due) > settings.behind_after && !claim.found.waits_for_limit();
            if settings.pacing && claim.job == Job::Publish && behind {
                let gap = Capability::of(claim.platform).pace.catch_up_gap;
                self.resting
                    .insert(account, now.saturating_add(gap).unwrap_or(Timestamp::MAX));
            }
        }
        self.in_flight += 1;
        *self.crowds.entry(claim.platform).or_default() += 1;
        self.engine.stats.claimed.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives a claim its task, which goes on once the gate is open.
    fn start(&self, claim: Claim, gate: &CancellationToken) {
        let engine = self.engine.clone();
        let done = Done {
            tx: self.done_tx.clone(),
            ended: (claim.platform, room_of(&claim)),
            engine: engine.clone(),
        };
        let (stop, gate) = (self.stop.clone(), gate.clone());
        self.tasks.spawn(async move {
            let _done = done;
            gate.cancelled().await;
            work(&engine, claim, &stop).await;
        });
        self.engine.stats.started.fetch_add(1, Ordering::Relaxed);
    }

    fn collect(&mut self) {
        while let Ok(ended) = self.done_rx.try_recv() {
            self.ended(ended);
        }
    }

    fn ended(&mut self, (platform, room): Ended) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(crowd) = self.crowds.get_mut(&platform) {
            *crowd = crowd.saturating_sub(1);
        }
        if let Some(room) = room
            && let Some(count) = self.busy.get_mut(&room)
        {
            *count -= 1;
            if *count == 0 {
                self.busy.remove(&room);
            }
        }
    }

    async fn sleep(&self, passed_over: bool) {
        let now = self.engine.clock.now();
        let poll = now.saturating_add(self.engine.settings.poll).unwrap_or(Timestamp::MAX);
        let next = self
            .engine
            .store
            .next_wake()
            .await
            .ok()
            .flatten()
            .unwrap_or(poll)
            .min(poll);
        // What was passed over is due already: only room, or a little time, makes a difference.
        let soon = now
            .saturating_add(SignedDuration::from_millis(if passed_over { 100 } else { 1 }))
            .unwrap_or(poll);
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = self.engine.wake.notified() => {}
            () = self.engine.clock.sleep_until(next.max(soon)) => {}
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

    /// Lets sends under way end within their deadline; what is left is recovered at the next start.
    async fn drain(self) {
        self.tasks.close();
        self.engine.work.close();
        let until = self
            .engine
            .clock
            .now()
            .saturating_add(self.engine.settings.drain)
            .unwrap_or(Timestamp::MAX);
        tokio::select! {
            _ = async { tokio::join!(self.tasks.wait(), self.engine.work.wait()) } => {
                tracing::info!("all sends have ended");
            }
            () = self.engine.clock.sleep_until(until) => {
                tracing::warn!(left = self.tasks.len(), "stopping with sends under way; they are asked for at the next start");
            }
        }
    }
}

/// The account's lane that a claim takes a place in.
fn room_of(claim: &Claim) -> Option<(AccountId, Lane)> {
    claim.account.map(|account| (account, claim.job.lane()))
}

/// Tells the publisher that a claim has ended, however it ended.
struct Done {
    tx: mpsc::UnboundedSender<Ended>,
    ended: Ended,
    engine: Engine,
}

impl Drop for Done {
    fn drop(&mut self) {
        self.engine.stats.claimed.fetch_sub(1, Ordering::Relaxed);
        // The receiver is gone only when the publisher is.
        let _ = self.tx.send(self.ended);
        self.engine.wake.notify_one();
    }
}

async fn work(engine: &Engine, claim: Claim, stop: &CancellationToken) {
    let post = claim.post;
    let pace = &Capability::of(claim.platform).pace;
    let gate = claim.account.map(|account| engine.gate(account, pace.in_flight_max));
    let waiting = wait_for_room(engine, &claim, gate.as_deref());
    let room = tokio::select! {
        biased;
        room = waiting => Some(room),
        // Work that begins when its lease ends is work that somebody else may begin as well.
        () = engine.clock.sleep_until(claim.lease_until) => None,
    };
    let is_stopped = stop.is_cancelled() && claim.job == Job::Publish;
    let outcome = match (&room, claim.job) {
        // Boxed, so that a claim that waits for room takes no room for its send.
        (Some(_), _) if !is_stopped => Box::pin(attempt::run(engine, claim, Asker::Engine)).await,
        (_, Job::Publish) => {
            let now = engine.clock.now();
            let back = unsent(claim.found.given_back(now), now, Vec::new());
            engine.store.release(claim, back).await.map_err(Halt::from)
        }
        // What was only to be asked about is found again now that its lease has ended.
        _ => Err(Halt::LeaseLost),
    };
    match outcome {
        Ok(state) => tracing::debug!(%post, state = state.word(), "released"),
        Err(Halt::LeaseLost) => tracing::info!(%post, "the claim had ended"),
        Err(Halt::Stopped) => {}
        Err(Halt::Store(error)) => {
            tracing::error!(%post, %error, "the store failed; the post comes back when its lease ends");
        }
    }
}

/// Waits until the account, its server, its platform and the server as a whole have room for this claim.
async fn wait_for_room(
    engine: &Engine,
    claim: &Claim,
    gate: Option<&AccountGate>,
) -> (Option<OwnedSemaphorePermit>, Slot) {
    // A question does not wait behind sends, which may take their time: whoever restarts a server wants to know at once
    // what became of the posts that it was sending.
    let asks = claim.job.lane() == Lane::Asking;
    let account_slot = match gate {
        Some(gate) => {
            let slots = if asks { &gate.asking } else { &gate.sending };
            Arc::clone(slots).acquire_owned().await.ok()
        }
        None => None,
    };
    let server = match (gate, claim.account) {
        (Some(gate), Some(account)) if slots::has_servers(claim.platform) => {
            let read = || async {
                engine
                    .store
                    .account(account)
                    .await
                    .map(|found| found.and_then(|found| found.identity.base_url))
            };
            gate.server.get_or_try_init(read).await.ok().and_then(Option::as_deref)
        }
        _ => None,
    };
    let slots = if asks { &engine.asking } else { &engine.sending };
    (account_slot, slots.take(claim.platform, server).await)
}

impl Engine {
    /// Notes evidence that two posts exist where one was meant.
    pub(crate) fn note_evidence(&self, platform: domain::platform::Platform, evidence: Evidence) {
        if evidence.duplicate {
            self.stats.duplicates.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%platform, "a late answer shows that a post exists twice");
        }
    }
}

/// Says that there is a publisher that looks at what is due.
fn beat(engine: &Engine, now: Timestamp) {
    let beat = u64::try_from(now.as_microsecond()).unwrap_or(0);
    engine.stats.publisher_beat.store(beat, Ordering::Relaxed);
}
