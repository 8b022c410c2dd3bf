//! Many posts due in one instant: how long until each has its task, and how long until it is published and recorded.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use connectors::{Credentials, Endpoints};
use domain::account::User;
use domain::clock::Clock;
use domain::platform::Platform;
use domain::secret::SecretText;
use engine::commands::Target;
use engine::points::{CrashPoint, FailPoints, Stopped};
use engine::{Engine, Publisher, Settings};
use jiff::{SignedDuration, Timestamp};
use sandbox::{NewSandboxAccount, Sandbox};
use tokio_util::sync::CancellationToken;

use super::Bench;
use super::load::nap;
use super::report::{Line, Subject, Target as Bound};
use super::seed;
use super::site::{self, Setup};
use super::stopwatch::ninety_nine_percent;
use crate::clock::SystemClock;

/// How long a burst may take at all.
const PATIENCE: SignedDuration = SignedDuration::from_secs(120);
/// How often it is looked how many posts have their task.
const LOOK_EVERY: Duration = Duration::from_micros(500);

/// A burst.
#[derive(Debug, Clone, Copy)]
pub(super) struct Burst {
    posts: u32,
    /// From the first create to the due instant.
    lead: SignedDuration,
    to_task: Option<(Subject, f64)>,
    to_sent: (Subject, f64),
}

const AGAINST: &str = "bound";

/// Ten posts for each of a thousand accounts.
pub(super) const TEN_THOUSAND: Burst = Burst {
    posts: 10_000,
    lead: SignedDuration::from_secs(15),
    to_task: Some((
        Subject {
            name: "burst-10000-task",
            what: "10,000 posts due at once beside 1,000,000 future ones, 99 of 100: from the instant to the task",
            against: AGAINST,
            unit: "ms",
            target: Bound::Below(1.0),
        },
        100.0,
    )),
    to_sent: (
        Subject {
            name: "burst-10000",
            what: "The same posts, 99 of 100: from the instant to published and recorded",
            against: AGAINST,
            unit: "ms",
            target: Bound::Below(1.0),
        },
        3_000.0,
    ),
};

/// A post for each of a hundred accounts.
pub(super) const A_HUNDRED: Burst = Burst {
    posts: 100,
    lead: SignedDuration::from_secs(2),
    to_task: None,
    to_sent: (
        Subject {
            name: "burst-100",
            what: "100 posts due at once, 99 of 100: from the instant to published and recorded",
            against: AGAINST,
            unit: "ms",
            target: Bound::Below(1.0),
        },
        300.0,
    ),
};

/// Notes when outcomes became durable.
#[derive(Default)]
struct Watch {
    settled: Mutex<Vec<Timestamp>>,
}

impl Watch {
    fn settled(&self) -> usize {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn take(&self) -> Vec<Timestamp> {
        std::mem::take(&mut *self.settled.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl FailPoints for Watch {
    fn reach(&self, point: CrashPoint, _: Platform) -> Result<(), Stopped> {
        if point == CrashPoint::Settled {
            let now = SystemClock.now();
            self.settled.lock().unwrap_or_else(PoisonError::into_inner).push(now);
        }
        Ok(())
    }
}

/// Measures a burst.
pub(super) async fn measure(bench: &Bench, burst: Burst) -> anyhow::Result<Vec<Line>> {
    let dir = bench.folder("burst");
    seed::copy(&bench.with_many_future_posts().await?, &dir)?;
    let sandbox = sandbox::Options {
        rate_limits: false,
        ..sandbox::Options::new(Arc::new(SystemClock))
    };
    let sandbox = sandbox::start(sandbox).await?;
    let watch = Arc::new(Watch::default());
    let mut endpoints = Endpoints::default();
    endpoints
        .overrides
        .insert(Platform::Mastodon, sandbox.endpoint(Platform::Mastodon));
    let setup = Setup {
        endpoints,
        points: Arc::clone(&watch) as Arc<dyn FailPoints>,
        settings: Settings {
            pacing: false,
            rate_budgets: false,
            ..Settings::default()
        },
        ..Setup::default()
    };
    let engine = site::open(&dir, setup).await?;
    let user = engine.user_by_name(seed::USER).await?;
    connect(&engine, &user, &sandbox).await?;
    let stop = CancellationToken::new();
    let publisher = tokio::spawn(Publisher::new(engine.clone(), stop.clone()).run());
    let (mut to_task, mut to_sent) = (Vec::new(), Vec::new());
    for nth in 0..bench.sizes.samples {
        let (task, sent) = sample(&engine, &user, burst, &watch, nth).await?;
        to_task.push(task);
        to_sent.push(sent);
    }
    stop.cancel();
    publisher.await.context("the publisher")?;
    sandbox.shutdown().await?;
    let mut lines = Vec::new();
    if let Some((subject, bound)) = burst.to_task {
        lines.push(Line::within(subject, &to_task, bound));
    }
    let (subject, bound) = burst.to_sent;
    lines.push(Line::within(subject, &to_sent, bound));
    Ok(lines)
}

/// Connects the accounts again, now to a platform that is there.
async fn connect(engine: &Engine, user: &User, sandbox: &Sandbox) -> anyhow::Result<()> {
    for number in 0..seed::ACCOUNTS {
        let mut new = NewSandboxAccount::new(Platform::Mastodon, &format!("bench{number}"));
        new.remote_id = Some(seed::remote_id(number));
        let account = sandbox.add_account(&new)?;
        let token = Some(SecretText::from(account.token.as_str()));
        let credentials = Credentials {
            token,
            ..Credentials::default()
        };
        let base_url = account.base_url.to_string();
        engine
            .connect_account(user.id, Platform::Mastodon, Some(&base_url), &credentials)
            .await?;
    }
    Ok(())
}

/// One burst: milliseconds from the due instant until 99 of 100 had their task, and until they were recorded.
async fn sample(engine: &Engine, user: &User, burst: Burst, watch: &Watch, nth: usize) -> anyhow::Result<(f64, f64)> {
    let due = SystemClock.now().saturating_add(burst.lead)?;
    let owner = user.clone();
    let single = move |number: u32| {
        let target = Target {
            platform: Platform::Mastodon,
            remote_id: seed::remote_id(number % seed::ACCOUNTS),
        };
        seed::group(&owner, format!("{} {nth}-{number}", seed::TEXT), vec![target], due)
    };
    watch.take();
    seed::make_groups(engine, burst.posts, single).await?;
    let ready = due.saturating_sub(SignedDuration::from_millis(500))?;
    ensure!(
        SystemClock.now() < ready,
        "making the posts took longer than until they were due"
    );
    let until_task = look(engine.clone(), ninety_nine_percent(burst.posts as usize), due).await?;
    let until = due.saturating_add(PATIENCE)?;
    while watch.settled() < burst.posts as usize {
        ensure!(
            SystemClock.now() < until,
            "only {} of {} posts were sent",
            watch.settled(),
            burst.posts
        );
        nap(Duration::from_millis(20)).await;
    }
    let mut settled = watch.take();
    settled.sort_unstable();
    let last = ninety_nine_percent(settled.len())
        .checked_sub(1)
        .and_then(|index| settled.get(index))
        .copied();
    let last = last.context("nothing was sent")?;
    Ok((until_task, since(due, last)))
}

/// When `wanted` more posts have their task, in milliseconds since the due instant.
async fn look(engine: Engine, wanted: usize, due: Timestamp) -> anyhow::Result<f64> {
    let before = engine.stats().started.load(Ordering::Relaxed);
    let until = due.saturating_add(PATIENCE)?;
    let looking = tokio::task::spawn_blocking(move || {
        loop {
            let now = SystemClock.now();
            let started = engine.stats().started.load(Ordering::Relaxed) - before;
            if usize::try_from(started).unwrap_or(usize::MAX) >= wanted {
                return Some(since(due, now));
            }
            if now > until {
                return None;
            }
            std::thread::sleep(LOOK_EVERY);
        }
    });
    looking.await?.context("not all posts got a task")
}

fn since(due: Timestamp, at: Timestamp) -> f64 {
    at.duration_since(due).as_secs_f64() * 1_000.0
}
