//! Simulated days at nine tenths of what every platform allows, against a sandbox that enforces what they document.
//!
//! By default it is a short form of a day, in which the short windows fill more than once. With
//! `BROADSIDE_QUOTA_DAY=full` it is the whole day for all platforms: `cargo xtask quotas` does that.

use domain::account::{Account, User};
use domain::clock::Clock;
use domain::platform::Platform;
use engine::commands::{CreateGroup, Target};
use engine::{Engine, Publisher};
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::world::{Outside, Shelf, content, go_on, start_of_time};

/// Posts of one account that are all due at once, so often and so far apart.
struct Crowds {
    platform: Platform,
    posts: usize,
    times: i64,
    apart_mins: i64,
}

const fn crowds(platform: Platform, posts: usize, times: i64, apart_mins: i64) -> Crowds {
    Crowds {
        platform,
        posts,
        times,
        apart_mins,
    }
}

/// Nine tenths of the quota of a day, in crowds; the short form fills the windows that are short, and some of the others.
fn day(is_full: bool) -> Vec<Crowds> {
    if !is_full {
        return vec![
            // 100 in 15 minutes: nine tenths of half an hour, all at once.
            crowds(Platform::X, 180, 1, 30),
            // 20 a minute.
            crowds(Platform::Telegram, 90, 1, 5),
            crowds(Platform::Mastodon, 30, 1, 20),
            crowds(Platform::Bluesky, 15, 1, 1),
            crowds(Platform::Instagram, 5, 1, 75),
            crowds(Platform::Threads, 10, 1, 60),
            crowds(Platform::LinkedIn, 10, 1, 100),
            crowds(Platform::Facebook, 10, 1, 1),
        ];
    }
    vec![
        // 10,000 a day for the app is tighter than 100 in 15 minutes.
        crowds(Platform::X, 375, 24, 60),
        // 300 in 3 hours.
        crowds(Platform::Mastodon, 270, 8, 180),
        // 35,000 points a day, three a post: less than 5,000 an hour.
        crowds(Platform::Bluesky, 437, 24, 60),
        // 20 a minute.
        crowds(Platform::Telegram, 180, 144, 10),
        // 100, 250 and 150 a day.
        crowds(Platform::Instagram, 45, 2, 720),
        crowds(Platform::Threads, 112, 2, 720),
        crowds(Platform::LinkedIn, 67, 2, 600),
        // Nothing is documented but the usage headers.
        crowds(Platform::Facebook, 90, 24, 60),
    ]
}

struct Poster {
    user: User,
    account: Account,
    crowds: Crowds,
}

async fn plan(outside: &Outside, engine: &Engine, poster: &Poster) {
    let (platform, crowds) = (poster.account.platform, &poster.crowds);
    for nth in 0..crowds.times {
        let at = start_of_time() + SignedDuration::from_mins(1 + nth * crowds.apart_mins);
        let all = (0..crowds.posts).map(|number| {
            let command = CreateGroup {
                owner: poster.user.id,
                content: content(outside, platform, &format!("post {number} of crowd {nth}"), &[]),
                targets: vec![Target {
                    platform,
                    remote_id: poster.account.identity.remote_id.clone(),
                }],
                draft: false,
                planned_at: Some(at),
                idempotency: None,
                request_id: None,
            };
            async move { engine.create_group(command).await.unwrap() }
        });
        futures_util::future::join_all(all).await;
    }
}

/// All requests of the sandbox's journal, and those that were over a limit.
fn answers(outside: &Outside) -> (u64, u64) {
    let (mut all, mut refused, mut after) = (0, 0, 0);
    loop {
        let lines = outside.sandbox.requests(after, 1_000);
        let Some(last) = lines.last() else {
            return (all, refused);
        };
        after = last.seq;
        for line in &lines {
            all += 1;
            refused += u64::from(line.fault.as_deref() == Some(sandbox::OVER_QUOTA));
        }
    }
}

/// Runs the crowds to their end; returns all answers and those over a limit.
async fn run(day: Vec<Crowds>, rate_budgets: bool) -> (u64, u64) {
    let outside = Outside::with(|options| options.documented_limits = true).await;
    let shelf = Shelf::sqlite();
    let engine = outside
        .engine_with(shelf.open(), go_on(), |_, settings| {
            settings.rate_budgets = rate_budgets;
        })
        .await;
    let mut posters = Vec::new();
    for crowds in day {
        let name = format!("{}-daily", crowds.platform.word());
        let (user, account) = outside.connect(&engine, crowds.platform, &name, vec![]).await;
        posters.push(Poster { user, account, crowds });
    }
    for poster in &posters {
        plan(&outside, &engine, poster).await;
    }
    let mut publisher = Publisher::new(engine.clone(), CancellationToken::new());
    let end = start_of_time() + SignedDuration::from_hours(49);
    loop {
        publisher.run_until_idle().await.unwrap();
        match engine.store().next_wake().await.unwrap() {
            Some(at) if at < end => {
                let soon = outside.clock.now() + SignedDuration::from_millis(100);
                outside.clock.advance_to(at.max(soon));
            }
            _ => break,
        }
    }
    if rate_budgets {
        for poster in &posters {
            let states = engine.store().post_counts().await.unwrap();
            let of_platform = states.iter().filter(|count| count.platform == poster.account.platform);
            let left: Vec<_> = of_platform
                .filter(|count| count.state != "published" && count.count > 0)
                .collect();
            assert!(left.is_empty(), "every post went out: {left:?}");
        }
    }
    answers(&outside)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_nine_tenths_of_every_quota_almost_nothing_is_refused() {
    let is_full = std::env::var("BROADSIDE_QUOTA_DAY").is_ok_and(|form| form == "full");
    let (all, refused) = run(day(is_full), true).await;
    eprintln!("{refused} of {all} answers were over a limit");
    assert!(all > 350 && refused * 10_000 < all * 5, "{refused} of {all}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_budgets_the_same_crowds_are_refused_by_the_hundred() {
    let (all, refused) = run(
        vec![crowds(Platform::X, 125, 1, 20), crowds(Platform::Telegram, 30, 1, 2)],
        false,
    )
    .await;
    assert!(refused * 10 > all, "{refused} of {all}");
}
