//! The kills: half at random instants, half at named places, each while many sends are under way.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use engine::points::CrashPoint;
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use super::admin;
use super::book::Book;
use super::database::{Cut, Database};
use super::outside::{Outside, Question, Target};
use super::processes::Server;
use super::time::{Deadline, Time, pause};

/// How many sends must be under way at a kill.
pub(super) const SENDING_MIN: usize = 8;
/// Without enough sends under way by then, more posts are let in.
const TOP_UP_AFTER: Duration = Duration::from_millis(1_500);
/// So many at a time.
const TOP_UP: usize = 4;
/// A kill that cannot have enough sends under way by then is done all the same, and counted as thin.
const GATHERED_WITHIN: Duration = Duration::from_secs(20);
/// A kill at a random instant comes within this after enough sends are under way.
const RANDOM_WITHIN_MS: u64 = 150;
/// A named place that is not reached within this is tried again later.
const REACHED_WITHIN: Duration = Duration::from_secs(12);
/// How often the sends under way are counted until a trap springs.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// At most so many posts are let in besides while one trap is set.
const TOP_UP_MAX: usize = 48;
/// So many more than needed are kept under way then.
const SPARE: usize = 4;
/// How often a named place is tried.
pub(super) const TRIES_MAX: usize = 4;
/// Posts for the account whose tokens die.
const VICTIM_POSTS: usize = 2;

/// One kill.
#[derive(Debug, Clone)]
pub(super) struct Kill {
    /// When, by the shared time.
    pub(super) at: Timestamp,
    /// When the server answered again.
    pub(super) ready: Timestamp,
    /// The downtime on the wall, in milliseconds.
    pub(super) down_ms: u64,
    /// The named place, if it was one.
    pub(super) point: Option<CrashPoint>,
    /// Sends that were under way.
    pub(super) cut: Vec<Cut>,
}

/// What a step of the plan wants.
#[derive(Debug, Clone, Copy)]
struct Step {
    point: Option<CrashPoint>,
    tries: usize,
}

/// The kills of a run.
pub(super) struct Storm {
    pub(super) server: Server,
    pub(super) outside: Arc<dyn Outside>,
    pub(super) database: Database,
    pub(super) book: Arc<Book>,
    pub(super) time: Time,
    pub(super) targets: Vec<Target>,
    /// The places of the victims among the targets. Each is used once: a token that dies twice under one post is a
    /// person's business.
    pub(super) victims: VecDeque<usize>,
    /// Posts that the run is to make.
    pub(super) posts: usize,
    /// How many sends can be expected to be under way.
    pub(super) sending_min: usize,
    /// How often a named place is tried.
    pub(super) tries_max: usize,
    /// A saboteur may keep intents from the database: claims count as sends then.
    pub(super) count_claims: bool,
    pub(super) rng: StdRng,
    /// What was done.
    pub(super) kills: Vec<Kill>,
    /// What the world was asked.
    pub(super) questions: Vec<Question>,
    /// Named places that could not be reached.
    pub(super) unreached: Vec<CrashPoint>,
    /// Accounts that were connected again.
    pub(super) reconnected: usize,
}

impl Storm {
    /// Kills `kills` times and at every named place at least once.
    pub(super) async fn rage(&mut self, kills: usize) -> anyhow::Result<()> {
        let mut steps = plan(kills, self.outside.as_ref(), &mut self.rng);
        while let Some(step) = steps.pop() {
            let wave = self.posts.saturating_sub(self.book.allowed()) / (steps.len() + 1);
            let done = self.strike(step, wave).await?;
            let cut = self.kills.last().map_or(0, |kill| kill.cut.len());
            let place = step.point.map_or("at a random instant", CrashPoint::word);
            if done {
                eprintln!(
                    "kill {}: {place}, {cut} sends under way; {} left",
                    self.kills.len(),
                    steps.len()
                );
            } else {
                eprintln!("the place {place} was not reached this time");
            }
            if !done && step.tries < self.tries_max {
                steps.insert(
                    0,
                    Step {
                        tries: step.tries + 1,
                        ..step
                    },
                );
            } else if let (false, Some(point)) = (done, step.point) {
                self.unreached.push(point);
            }
        }
        self.book.allow(self.posts.saturating_sub(self.book.allowed()));
        self.book.close();
        Ok(())
    }

    /// Lets a wave of posts in, kills in the middle of it, and starts the server again. False when the named place was
    /// not reached.
    async fn strike(&mut self, step: Step, wave: usize) -> anyhow::Result<bool> {
        self.reconnect().await?;
        // What is held back comes when the trap is set, so that every place lies on somebody's way.
        let held_back = if step.point.is_some() { wave / 4 } else { 0 };
        self.book.allow(wave - held_back);
        self.gather().await?;
        let Some(point) = step.point else {
            pause(Duration::from_millis(self.rng.random_range(0..RANDOM_WITHIN_MS))).await;
            self.gather().await?;
            self.server.kill().await?;
            self.after_death(None).await?;
            return Ok(true);
        };
        let victim = if point.is_of_a_refresh() {
            self.victims.pop_front()
        } else {
            None
        };
        self.outside
            .provoke(point, victim.and_then(|at| self.targets.get(at)))
            .await?;
        self.server.arm(point.word())?;
        self.book.allow(held_back);
        if let Some(victim) = victim {
            self.book.allow_for(victim, VICTIM_POSTS);
        }
        let deadline = Deadline::within(REACHED_WITHIN);
        let (mut topped_up, mut top_up) = (0, Deadline::within(Duration::ZERO));
        while !self.server.dies_within(LOOK_EVERY).await? {
            if deadline.passed() {
                self.server.disarm()?;
                return Ok(false);
            }
            if !top_up.passed() {
                continue;
            }
            // A place that is off the common way may take a while: enough sends must still be under way then. A post is
            // sent a shared second after it is made.
            top_up = Deadline::within(self.time.wall(Duration::from_millis(1_500)));
            let missing = (self.sending_min + SPARE).saturating_sub(self.sending().await?);
            let more = missing.min(TOP_UP_MAX - topped_up);
            self.book.allow(more);
            topped_up += more;
        }
        self.after_death(Some(point)).await?;
        Ok(true)
    }

    /// How many sends are under way.
    async fn sending(&self) -> anyhow::Result<usize> {
        self.database.sending(self.server.started(), self.count_claims).await
    }

    /// Waits until enough sends are under way.
    async fn gather(&self) -> anyhow::Result<()> {
        let deadline = Deadline::within(GATHERED_WITHIN);
        let mut top_up = Deadline::within(TOP_UP_AFTER);
        while self.sending().await? < self.sending_min && !deadline.passed() {
            if top_up.passed() {
                self.book.allow(TOP_UP);
                top_up = Deadline::within(TOP_UP_AFTER);
            }
            pause(Duration::from_millis(5)).await;
        }
        Ok(())
    }

    /// Counts what is open in the dead directory, and starts the server again.
    async fn after_death(&mut self, point: Option<CrashPoint>) -> anyhow::Result<()> {
        let at = self.time.now();
        self.server.disarm()?;
        let cut = self.database.cut_off(self.server.started()).await;
        let cut = cut.context("reading the dead directory")?;
        self.questions.extend(self.outside.questions().await?);
        let ready = self.server.start().await?;
        let down = std::time::Duration::try_from(ready.duration_since(at)).unwrap_or_default();
        let down_ms = u64::try_from(self.time.wall(down).as_millis()).unwrap_or(u64::MAX);
        self.kills.push(Kill {
            at,
            ready,
            down_ms,
            point,
            cut,
        });
        Ok(())
    }

    /// Does what an operator does when the server says that an account must be connected again.
    pub(super) async fn reconnect(&mut self) -> anyhow::Result<()> {
        for dead in self.database.dead_accounts().await? {
            let is_it =
                |target: &&Target| target.platform.word() == dead.platform && target.remote_id == dead.remote_id;
            let Some(target) = self.targets.iter().find(is_it) else {
                continue;
            };
            let fresh = self.outside.fresh_credentials(target).await?;
            connect(&self.server, target, &fresh).await?;
            self.reconnected += 1;
        }
        Ok(())
    }

    /// The named places at which the server has killed itself, and those that there are.
    pub(super) fn points(&self) -> (BTreeSet<String>, usize) {
        let hit = self.server.crashes().into_iter().collect();
        (
            hit,
            CrashPoint::ALL
                .iter()
                .filter(|point| self.outside.can_reach(**point))
                .count(),
        )
    }
}

/// Connects an account through the operator's door; the answer is the account as the product knows it.
pub(super) async fn connect(server: &Server, target: &Target, credentials: &Value) -> anyhow::Result<Value> {
    let mut request = json!({"ask": "account_add", "user": null, "platform": target.platform.word()});
    if let (Some(request), Some(fields)) = (request.as_object_mut(), credentials.as_object()) {
        request.extend(fields.clone());
    }
    let connected = admin::ask(&server.data(), &request).await?.done();
    connected.with_context(|| format!("connecting {} on {}", target.remote_id, target.platform))
}

/// Half of the kills at random instants, the others at named places in turn, each place at least once, in an order by
/// chance. The last is done first.
fn plan(kills: usize, outside: &dyn Outside, rng: &mut StdRng) -> Vec<Step> {
    let points: Vec<CrashPoint> = CrashPoint::ALL
        .iter()
        .copied()
        .filter(|point| outside.can_reach(*point))
        .collect();
    let random = kills / 2;
    let named = (kills - random).max(points.len());
    let mut steps: Vec<Option<CrashPoint>> = points.iter().copied().map(Some).cycle().take(named).collect();
    steps.extend(std::iter::repeat_n(None, random));
    steps.shuffle(rng);
    steps.into_iter().map(|point| Step { point, tries: 1 }).collect()
}

/// How many victims the kills need: one for each time that a refresh is to be reached, and as many again for a second try.
pub(super) fn victims_for(kills: usize) -> usize {
    let rounds = (kills - kills / 2).div_ceil(CrashPoint::ALL.len()).max(1);
    4 * rounds
}

/// The chances of the killer, apart from those of the clients.
pub(super) fn chances(seed: u64) -> StdRng {
    StdRng::seed_from_u64(seed ^ 0x6b69_6c6c)
}
