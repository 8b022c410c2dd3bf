//! Budgets as users and platforms see them: who waits, until when, and who does not.

use domain::account::Account;
use domain::budget::Window;
use domain::clock::Clock;
use domain::log::LogKind;
use domain::platform::Platform;
use domain::post::PostState;
use engine::settings::StatedQuota;
use engine::{Engine, Publisher, Settings};
use jiff::{SignedDuration, Timestamp};
use sandbox::{Class, Fault, Rule};
use store::Reach;
use tokio_util::sync::CancellationToken;

use crate::world::{self, Outside, Shelf, content, go_on, post_now, run_to_the_end, state};

/// States a quota of posts for a platform.
fn stated(
    platform: Platform,
    name: &str,
    most: u32,
    hours: i64,
) -> impl FnOnce(&mut connectors::Registry, &mut Settings) {
    let quota = StatedQuota {
        platform,
        name: name.to_owned(),
        most: Some(most),
        window: Some(Window::Rolling(SignedDuration::from_hours(hours))),
    };
    move |_, settings| settings.quotas.push(quota)
}

async fn run_now(engine: &Engine) {
    let mut publisher = Publisher::new(engine.clone(), CancellationToken::new());
    publisher.recover().await.unwrap();
    publisher.run_until_idle().await.unwrap();
}

/// How many requests of this class an account has made.
fn requests(outside: &Outside, account: &Account, class: Class) -> usize {
    let remote_id = &account.identity.remote_id;
    let lines = outside.sandbox.requests(0, 1_000);
    let of_account = lines.iter().filter(|line| line.account.as_ref() == Some(remote_id));
    of_account.filter(|line| line.class == class).count()
}

fn waits_until(state: &PostState) -> Timestamp {
    match state {
        PostState::Waiting { at, error: Some(_), .. } => *at,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_refusal_for_too_many_calls_holds_back_every_post_of_the_account_and_no_other() {
    for shelf in [Shelf::memory(), Shelf::sqlite()] {
        let outside = Outside::new().await;
        let started = outside.clock.now();
        let engine = outside.engine(shelf.open(), go_on()).await;
        let limited = vec![Rule::nth(Class::Create, 1, Fault::RateLimit { retry_after_s: 600 })];
        let (ann, account) = outside.connect(&engine, Platform::Mastodon, "ann", limited).await;
        let (bob, other) = outside.connect(&engine, Platform::Mastodon, "bob", vec![]).await;
        let first = post_now(
            &engine,
            &ann,
            &account,
            content(&outside, Platform::Mastodon, "first", &[]),
        )
        .await;
        run_now(&engine).await;
        let mut groups = vec![first];
        for text in ["second", "third"] {
            let content = content(&outside, Platform::Mastodon, text, &[]);
            groups.push(post_now(&engine, &ann, &account, content).await);
        }
        let others = post_now(
            &engine,
            &bob,
            &other,
            content(&outside, Platform::Mastodon, "bob's", &[]),
        )
        .await;
        run_now(&engine).await;
        assert_eq!(
            requests(&outside, &account, Class::Create),
            1,
            "{}: one was refused",
            shelf.name()
        );
        assert!(matches!(
            state(&engine, &bob, others).await,
            PostState::Published { .. }
        ));
        let reopens = started + SignedDuration::from_secs(600);
        for group in &groups {
            assert!(waits_until(&state(&engine, &ann, *group).await) >= reopens);
        }
        drop(engine);

        // A fresh process knows it too.
        let engine = outside.engine(shelf.open(), go_on()).await;
        outside.clock.advance(SignedDuration::from_secs(300));
        run_now(&engine).await;
        let content = content(&outside, Platform::Mastodon, "fourth", &[]);
        groups.push(post_now(&engine, &ann, &account, content).await);
        run_now(&engine).await;
        assert_eq!(requests(&outside, &account, Class::Create), 1, "{}", shelf.name());
        run_to_the_end(&outside, &engine).await;
        for group in groups {
            assert!(matches!(state(&engine, &ann, group).await, PostState::Published { .. }));
        }
        assert_eq!(requests(&outside, &account, Class::Create), 5, "no other was refused");
    }
}

#[tokio::test]
async fn a_post_over_its_quota_waits_says_until_when_and_is_not_missed_for_it() {
    let outside = Outside::new().await;
    let engine = outside
        .engine_with(world::memory(), go_on(), stated(Platform::X, "posts", 2, 8))
        .await;
    let (user, account) = outside.connect(&engine, Platform::X, "busy", vec![]).await;
    let mut groups = Vec::new();
    for text in ["one", "two", "three", "four"] {
        groups.push(post_now(&engine, &user, &account, content(&outside, Platform::X, text, &[])).await);
    }
    run_now(&engine).await;
    assert_eq!(requests(&outside, &account, Class::Create), 2);
    let mut places = Vec::new();
    for group in &groups {
        let state = state(&engine, &user, *group).await;
        if matches!(state, PostState::Published { .. }) {
            continue;
        }
        let until = waits_until(&state);
        places.push(until);
        let log = engine.group_log(&Reach { owner: user.id }, *group, 20).await.unwrap();
        let pause = log
            .iter()
            .find(|record| record.entry.kind == LogKind::RateLimitPause)
            .unwrap();
        let said = pause
            .entry
            .data
            .get("next_attempt_at")
            .and_then(serde_json::Value::as_str);
        assert_eq!(said, Some(until.to_string().as_str()));
        assert!(pause.entry.error.as_ref().unwrap().contains("budget 'posts'"));
    }
    assert_eq!(places.len(), 2);
    assert_ne!(places.first(), places.last(), "a crowd comes back one by one");
    run_to_the_end(&outside, &engine).await;
    for group in groups {
        assert!(matches!(
            state(&engine, &user, group).await,
            PostState::Published { .. }
        ));
    }
    assert_eq!(
        requests(&outside, &account, Class::Create),
        4,
        "none was refused, none was sent twice"
    );
}

#[tokio::test]
async fn a_post_that_waited_for_its_quota_keeps_its_place_while_its_platform_works_on_it() {
    for (hours, shelf) in [(8, Shelf::memory()), (4, Shelf::sqlite())] {
        let outside = Outside::new().await;
        let platform = Platform::Instagram;
        let engine = outside
            .engine_with(shelf.open(), go_on(), stated(platform, "posts", 1, hours))
            .await;
        let slow = vec![Rule::nth(Class::Upload, 2, Fault::ProcessingPolls { n: 2 })];
        let (user, account) = outside.connect(&engine, platform, "reels", slow).await;
        let first = post_now(&engine, &user, &account, content(&outside, platform, "first", &[])).await;
        for _ in 0..4 {
            run_now(&engine).await;
            outside.clock.advance(SignedDuration::from_secs(5));
        }
        let second = post_now(&engine, &user, &account, content(&outside, platform, "second", &[])).await;
        run_now(&engine).await;
        waits_until(&state(&engine, &user, second).await);
        let mut was_processing = false;
        let mut publisher = Publisher::new(engine.clone(), CancellationToken::new());
        for _ in 0..40 {
            publisher.run_until_idle().await.unwrap();
            was_processing |= matches!(state(&engine, &user, second).await, PostState::Processing { .. });
            if let Some(at) = engine.store().next_wake().await.unwrap() {
                outside.clock.advance_to(at.max(outside.clock.now()));
            }
        }
        assert!(
            was_processing,
            "{hours} h: this test is about the time that a platform needs"
        );
        for group in [first, second] {
            let state = state(&engine, &user, group).await;
            assert!(matches!(state, PostState::Published { .. }), "{hours} h: {state:?}");
        }
        let log = engine.group_log(&Reach { owner: user.id }, second, 50).await.unwrap();
        let pauses = log.iter().filter(|record| record.entry.kind == LogKind::RateLimitPause);
        assert_eq!(pauses.count(), 1, "{hours} h: it queued once");
    }
}

#[tokio::test]
async fn a_refused_post_counts_where_calls_are_counted_and_not_where_posts_are() {
    for (platform, counts) in [(Platform::X, true), (Platform::Instagram, false)] {
        let outside = Outside::new().await;
        let engine = outside
            .engine_with(world::memory(), go_on(), stated(platform, "posts", 1, 24))
            .await;
        let script = vec![Rule::nth(Class::Create, 1, Fault::RejectContent)];
        let (user, account) = outside.connect(&engine, platform, "writer", script).await;
        let refused = post_now(&engine, &user, &account, content(&outside, platform, "refused", &[])).await;
        let mut publisher = Publisher::new(engine.clone(), CancellationToken::new());
        let run = async |publisher: &mut Publisher| {
            for _ in 0..20 {
                publisher.run_until_idle().await.unwrap();
                outside.clock.advance(SignedDuration::from_secs(30));
            }
        };
        run(&mut publisher).await;
        assert!(
            matches!(state(&engine, &user, refused).await, PostState::Failed { .. }),
            "{platform}"
        );
        let next = post_now(&engine, &user, &account, content(&outside, platform, "next", &[])).await;
        run(&mut publisher).await;
        let waits = matches!(state(&engine, &user, next).await, PostState::Waiting { .. });
        assert_eq!(waits, counts, "{platform}");
    }
}

#[tokio::test]
async fn uploads_wait_for_their_own_budget_before_a_byte_goes_up() {
    let outside = Outside::new().await;
    let engine = outside
        .engine_with(world::memory(), go_on(), stated(Platform::Mastodon, "uploads", 1, 1))
        .await;
    let (user, account) = outside.connect(&engine, Platform::Mastodon, "pictures", vec![]).await;
    for text in ["one", "two"] {
        let mut content = content(&outside, Platform::Mastodon, text, &[]);
        content.head.media = vec![outside.picture()];
        post_now(&engine, &user, &account, content).await;
    }
    run_now(&engine).await;
    assert_eq!(requests(&outside, &account, Class::Upload), 1);
    let words = post_now(
        &engine,
        &user,
        &account,
        content(&outside, Platform::Mastodon, "words", &[]),
    )
    .await;
    run_now(&engine).await;
    assert!(
        matches!(state(&engine, &user, words).await, PostState::Published { .. }),
        "words need no upload"
    );
    run_to_the_end(&outside, &engine).await;
    assert_eq!(outside.copies(Platform::Mastodon, "two"), 1);
}

#[tokio::test]
async fn without_budgets_nothing_is_counted() {
    let outside = Outside::new().await;
    let engine = outside
        .engine_with(world::memory(), go_on(), |_, settings| settings.rate_budgets = false)
        .await;
    let (user, account) = outside.connect(&engine, Platform::X, "free", vec![]).await;
    post_now(&engine, &user, &account, content(&outside, Platform::X, "free", &[])).await;
    run_now(&engine).await;
    assert_eq!(outside.copies(Platform::X, "free"), 1);
    let key = format!("x/account/{}/posts", account.identity.remote_id);
    assert_eq!(engine.store().budget(&key).await.unwrap(), None);
    assert_eq!(engine.store().budget("x/app//posts_day").await.unwrap(), None);
}
