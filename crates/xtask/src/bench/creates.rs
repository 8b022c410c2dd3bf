//! Durable creates: many requests in one commit, against a commit for each.
//!
//! Ours passes the whole middleware, but its user has no limits; what those cost is [`super::create_post`]'s.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Context;
use domain::account::User;
use domain::clock::Clock;
use engine::Engine;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;

use super::Bench;
use super::load::{Load, in_turns, nap};
use super::report::{Line, Subject, Target};
use super::seed;
use super::site::{self, Setup};
use super::stopwatch::Stopwatch;
use crate::clock::SystemClock;

/// Requests under way at once.
pub(super) const CLIENTS: usize = 64;
/// How long the baseline runs before anything is counted.
const WARM_UP: Duration = Duration::from_millis(300);

/// A kind of disk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Disk {
    subject: Subject,
    slower_by: Duration,
}

const AGAINST: &str = "one transaction a request, without HTTP";

/// This machine's disk.
pub(super) const PLAIN: Disk = Disk {
    subject: Subject {
        name: "creates",
        what: "Durable creates by 64 clients: one group, three posts, their log entries",
        against: AGAINST,
        unit: "/s",
        target: Target::AtLeast(5.0),
    },
    slower_by: Duration::ZERO,
};

/// A disk that takes 2 ms longer for each commit.
pub(super) const SLOWED_BY_2_MS: Disk = Disk {
    subject: Subject {
        name: "creates-2ms",
        what: "The same, each commit slowed by 2 ms",
        target: Target::AtLeast(12.0),
        ..PLAIN.subject
    },
    slower_by: Duration::from_millis(2),
};

/// A disk that takes 10 ms longer for each commit.
pub(super) const SLOWED_BY_10_MS: Disk = Disk {
    subject: Subject {
        name: "creates-10ms",
        what: "The same, each commit slowed by 10 ms",
        target: Target::AtLeast(25.0),
        ..PLAIN.subject
    },
    slower_by: Duration::from_millis(10),
};

/// Measures creates per second on a disk.
pub(super) async fn measure(bench: &Bench, disk: Disk) -> anyhow::Result<Line> {
    let filled = bench.with_groups().await?;
    let (grouped, single) = (bench.folder("grouped"), bench.folder("single"));
    seed::copy(&filled, &grouped)?;
    seed::copy(&filled, &single)?;
    let ours = site::open(
        &grouped,
        Setup {
            slower_by: disk.slower_by,
            ..Setup::default()
        },
    )
    .await?;
    let baseline = Setup {
        commands_per_commit_max: Some(1),
        slower_by: disk.slower_by,
        ..Setup::default()
    };
    let baseline = site::open(&single, baseline).await?;
    let server = site::serve(&ours, &grouped).await?;
    let user = ours.user_by_name(seed::USER).await?;
    let key = ours.create_key(user.id, "bench").await?.text;
    let later = SystemClock.now().saturating_add(SignedDuration::from_hours(24 * 30))?;
    let load = Load {
        addr: server.addr,
        clients: CLIENTS,
        request: request(key.expose(), later),
    };
    let span = bench.sizes.span;
    let (with_group_commit, one_by_one) = in_turns(
        bench.sizes.samples,
        || load.per_second(span),
        || without_http(&baseline, &user, later, span),
    )
    .await?;
    Ok(Line::against(disk.subject, &with_group_commit, &one_by_one))
}

/// A whole `create-post` of the PostPost dialect.
pub(super) fn request(key: &str, at: Timestamp) -> Vec<u8> {
    let targets: Vec<_> = seed::three_targets()
        .into_iter()
        .map(|target| {
            let word = if target.platform == domain::platform::Platform::X {
                "twitter"
            } else {
                target.platform.word()
            };
            format!("{word}-{}", target.remote_id)
        })
        .collect();
    let body = serde_json::json!({
        "content": seed::TEXT,
        "platforms": targets,
        "scheduledTime": at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string(),
    })
    .to_string();
    format!(
        "POST /postpost/api/v1/create-post HTTP/1.1\r\nHost: localhost\r\nx-api-key: {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Creates per second through the engine alone.
pub(super) async fn without_http(
    engine: &Engine,
    user: &User,
    later: Timestamp,
    span: Duration,
) -> anyhow::Result<f64> {
    let (made, stop) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (engine, made, stop, user) = (engine.clone(), Arc::clone(&made), Arc::clone(&stop), user.clone());
        clients.spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let group = seed::group(&user, seed::TEXT.to_owned(), seed::three_targets(), later);
                engine.create_group(group).await?;
                made.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, engine::Error>(())
        });
    }
    nap(WARM_UP).await;
    let (before, watch) = (made.load(Ordering::Relaxed), Stopwatch::start());
    nap(span).await;
    let (after, took) = (made.load(Ordering::Relaxed), watch.elapsed());
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = clients.join_next().await {
        ended.context("a client")??;
    }
    Ok(f64::from(after - before) / took.as_secs_f64())
}
