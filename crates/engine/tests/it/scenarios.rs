//! What users rely on, told as stories: each ends with a look at what is out there.

use domain::content::{Content, PartContent};
use domain::error::ErrorKind;
use domain::log::LogKind;
use domain::platform::Platform;
use domain::post::PostState;
use engine::commands::{CreateGroup, Target};
use engine::{Error, Publisher};
use jiff::SignedDuration;
use sandbox::{Class, Fault, Rule};
use store::{Conflict, Reach};
use tokio_util::sync::CancellationToken;

use crate::world::{self, Outside, content, go_on, post_now, run_to_the_end, state};

fn text(text: &str) -> Content {
    Content {
        head: PartContent {
            text: text.to_owned(),
            media: Vec::new(),
        },
        ..Content::default()
    }
}

fn refuse_create(nth: u32) -> Rule {
    Rule::nth(Class::Create, nth, Fault::RejectContent)
}

#[tokio::test]
async fn a_post_found_a_day_late_is_missed_and_not_sent() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let (user, account) = outside.connect(&engine, Platform::Mastodon, "late", vec![]).await;
    let group = post_now(&engine, &user, &account, text("yesterday's news")).await;
    outside.clock.advance(SignedDuration::from_hours(24));
    run_to_the_end(&outside, &engine).await;
    assert!(matches!(state(&engine, &user, group).await, PostState::Missed { .. }));
    assert_eq!(outside.copies(Platform::Mastodon, "yesterday's news"), 0);
}

#[tokio::test]
async fn after_an_outage_an_account_catches_up_at_its_platforms_pace() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let (user, account) = outside.connect(&engine, Platform::Telegram, "burst", vec![]).await;
    for n in 0..5 {
        post_now(&engine, &user, &account, text(&format!("burst {n}"))).await;
    }
    outside.clock.advance(SignedDuration::from_mins(10));
    let mut publisher = Publisher::new(engine.clone(), CancellationToken::new());
    publisher.run_until_idle().await.unwrap();
    assert_eq!(
        outside.copies(Platform::Telegram, "burst 0"),
        1,
        "the oldest goes first"
    );
    assert_eq!(
        outside.copies(Platform::Telegram, "burst 1"),
        0,
        "the next waits for its turn"
    );
    for n in 1..5 {
        outside.clock.advance(SignedDuration::from_secs(4));
        publisher.run_until_idle().await.unwrap();
        let out: usize = (0..5)
            .map(|n| outside.copies(Platform::Telegram, &format!("burst {n}")))
            .sum();
        assert_eq!(out, n + 1, "one more each time");
    }
}

#[tokio::test]
async fn two_identical_posts_whose_answers_are_both_lost_are_each_out_there_once() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let script = vec![Rule::first(Class::Create, 2, Fault::DropAfter)];
    let (user, account) = outside.connect(&engine, Platform::X, "twins", script).await;
    let first = post_now(
        &engine,
        &user,
        &account,
        content(&outside, Platform::X, "same words", &[]),
    )
    .await;
    run_to_the_end(&outside, &engine).await;
    outside.clock.advance(SignedDuration::from_hours(2));
    let second = post_now(
        &engine,
        &user,
        &account,
        content(&outside, Platform::X, "same words", &[]),
    )
    .await;
    run_to_the_end(&outside, &engine).await;
    let ids = |state: PostState| match state {
        PostState::Published { remote, .. } => remote.id,
        other => panic!("{other:?}"),
    };
    let (first, second) = (
        ids(state(&engine, &user, first).await),
        ids(state(&engine, &user, second).await),
    );
    assert_ne!(first, second, "each adopted its own");
    assert_eq!(outside.copies(Platform::X, "same words"), 2);
}

#[tokio::test]
async fn a_retry_of_an_unconfirmed_post_is_refused_until_a_person_decides() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let script = vec![Rule::nth(Class::Create, 1, Fault::DropAfter)];
    let (user, account) = outside.connect(&engine, Platform::Telegram, "unknown", script).await;
    let reach = Reach { owner: user.id };
    let group = post_now(&engine, &user, &account, text("did it arrive?")).await;
    run_to_the_end(&outside, &engine).await;
    let post = engine.group(&reach, group).await.unwrap().posts.first().unwrap().id;
    assert!(matches!(
        state(&engine, &user, group).await,
        PostState::Unconfirmed { .. }
    ));

    let refused = engine.retry_post(&reach, post).await;
    assert!(
        matches!(refused, Err(Error::OutcomeUnknown(id)) if id == post),
        "{refused:?}"
    );
    assert_eq!(outside.copies(Platform::Telegram, "did it arrive?"), 1);

    engine.resolve_send_again(&reach, post).await.unwrap();
    run_to_the_end(&outside, &engine).await;
    assert!(matches!(
        state(&engine, &user, group).await,
        PostState::Published { .. }
    ));
    assert_eq!(
        outside.copies(Platform::Telegram, "did it arrive?"),
        2,
        "a person asked for it"
    );
}

#[tokio::test]
async fn a_person_can_say_that_an_unconfirmed_post_is_live() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let script = vec![Rule::nth(Class::Create, 1, Fault::DropAfter)];
    let (user, account) = outside.connect(&engine, Platform::Telegram, "seen", script).await;
    let reach = Reach { owner: user.id };
    let group = post_now(&engine, &user, &account, text("seen it")).await;
    run_to_the_end(&outside, &engine).await;
    let post = engine.group(&reach, group).await.unwrap().posts.first().unwrap().id;
    engine
        .resolve_published(&reach, post, "https://t.me/seen/1".to_owned())
        .await
        .unwrap();
    match state(&engine, &user, group).await {
        PostState::Published { remote, .. } => assert_eq!(remote.url.as_deref(), Some("https://t.me/seen/1")),
        other => panic!("{other:?}"),
    }
    run_to_the_end(&outside, &engine).await;
    assert_eq!(outside.copies(Platform::Telegram, "seen it"), 1);
}

#[tokio::test]
async fn a_thread_that_fails_half_way_goes_on_with_the_part_that_failed() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let (user, account) = outside
        .connect(&engine, Platform::Mastodon, "half", vec![refuse_create(2)])
        .await;
    let reach = Reach { owner: user.id };
    let thread = content(
        &outside,
        Platform::Mastodon,
        "one",
        &["two".to_owned(), "three".to_owned()],
    );
    let group = post_now(&engine, &user, &account, thread).await;
    run_to_the_end(&outside, &engine).await;
    match state(&engine, &user, group).await {
        PostState::Failed { parts, .. } => assert_eq!((parts.live, parts.of), (1, 3)),
        other => panic!("{other:?}"),
    }
    let post = engine.group(&reach, group).await.unwrap().posts.first().unwrap().id;
    engine.retry_post(&reach, post).await.unwrap();
    run_to_the_end(&outside, &engine).await;
    assert!(matches!(
        state(&engine, &user, group).await,
        PostState::Published { .. }
    ));
    for text in ["one", "two", "three"] {
        assert_eq!(outside.copies(Platform::Mastodon, text), 1, "{text}");
    }
}

#[tokio::test]
async fn a_thread_that_stopped_is_no_success_of_its_account_though_its_head_was_found() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let lost = Rule::nth(Class::Create, 1, Fault::DropAfter);
    let (user, account) = outside
        .connect(&engine, Platform::Mastodon, "stopped", vec![lost, refuse_create(2)])
        .await;
    let thread = content(&outside, Platform::Mastodon, "one", &["two".to_owned()]);
    let group = post_now(&engine, &user, &account, thread).await;
    run_to_the_end(&outside, &engine).await;
    match state(&engine, &user, group).await {
        PostState::Failed { parts, .. } => assert_eq!((parts.live, parts.of), (1, 2)),
        other => panic!("{other:?}"),
    }
    let accounts = engine.accounts(&Reach { owner: user.id }).await.unwrap();
    assert_eq!(accounts.first().unwrap().last_success_at, None);
    assert_eq!(outside.copies(Platform::Mastodon, "one"), 1);
}

#[tokio::test]
async fn a_failed_first_comment_leaves_the_post_published() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let (user, account) = outside
        .connect(&engine, Platform::Mastodon, "comment", vec![refuse_create(2)])
        .await;
    let content = Content {
        first_comment: Some("first!".to_owned()),
        ..text("a post")
    };
    let group = post_now(&engine, &user, &account, content).await;
    run_to_the_end(&outside, &engine).await;
    assert!(matches!(
        state(&engine, &user, group).await,
        PostState::Published { .. }
    ));
    assert_eq!(outside.copies(Platform::Mastodon, "first!"), 0);
    let log = engine.group_log(&Reach { owner: user.id }, group, 100).await.unwrap();
    assert!(
        log.iter().any(|record| record.entry.kind == LogKind::PublishFailed),
        "the failure is on record"
    );
}

#[tokio::test]
async fn a_redirected_create_is_not_followed() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let elsewhere = outside.sandbox.base_url().to_string();
    let script = vec![Rule::nth(Class::Create, 1, Fault::Redirect307 { to: elsewhere })];
    let (user, account) = outside.connect(&engine, Platform::Mastodon, "redirect", script).await;
    let group = post_now(&engine, &user, &account, text("stay here")).await;
    run_to_the_end(&outside, &engine).await;
    assert!(matches!(state(&engine, &user, group).await, PostState::Failed { .. }));
    assert_eq!(outside.copies(Platform::Mastodon, "stay here"), 0);
}

#[tokio::test]
async fn after_an_hours_outage_a_lost_post_is_sent_again_within_seconds() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let script = vec![Rule::nth(Class::Create, 1, Fault::DropBefore)];
    let (user, account) = outside.connect(&engine, Platform::X, "outage", script).await;
    let group = post_now(
        &engine,
        &user,
        &account,
        content(&outside, Platform::X, "back again", &[]),
    )
    .await;
    let mut publisher = Publisher::new(engine.clone(), CancellationToken::new());
    publisher.run_until_idle().await.unwrap();
    outside.clock.advance(SignedDuration::from_hours(1));
    for _ in 0..5 {
        publisher.run_until_idle().await.unwrap();
        outside.clock.advance(SignedDuration::from_secs(2));
    }
    assert_eq!(
        outside.copies(Platform::X, "back again"),
        1,
        "{:?}",
        state(&engine, &user, group).await
    );
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_as_long_as_the_platform_says() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let script = vec![Rule::nth(Class::Create, 1, Fault::RateLimit { retry_after_s: 90 })];
    let (user, account) = outside.connect(&engine, Platform::Telegram, "limited", script).await;
    let group = post_now(&engine, &user, &account, text("patience")).await;
    let mut publisher = Publisher::new(engine.clone(), CancellationToken::new());
    publisher.run_until_idle().await.unwrap();
    match state(&engine, &user, group).await {
        PostState::Waiting { at, .. } => {
            let wait = at.duration_since(world::start_of_time());
            assert!((90..=92).contains(&wait.as_secs()), "{wait:?}");
        }
        other => panic!("{other:?}"),
    }
    run_to_the_end(&outside, &engine).await;
    assert!(matches!(
        state(&engine, &user, group).await,
        PostState::Published { .. }
    ));
}

#[tokio::test]
async fn a_post_to_an_account_that_nobody_connected_fails_and_can_be_retried_once_it_is() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let (user, _) = outside.connect(&engine, Platform::Mastodon, "known", vec![]).await;
    let target = Target {
        platform: Platform::Mastodon,
        remote_id: "999".to_owned(),
    };
    let command = CreateGroup {
        owner: user.id,
        content: text("to whom?"),
        targets: vec![target],
        draft: false,
        planned_at: None,
        idempotency: None,
        request_id: None,
    };
    let group = engine.create_group(command).await.unwrap().id;
    run_to_the_end(&outside, &engine).await;
    match state(&engine, &user, group).await {
        PostState::Failed { error, .. } => {
            assert_eq!((error.kind, error.http_status), (ErrorKind::AccountGone, None));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_deleted_before_it_is_due_is_never_sent_and_never_seen_again() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let (user, account) = outside.connect(&engine, Platform::Mastodon, "deleted", vec![]).await;
    let reach = Reach { owner: user.id };
    let group = post_now(&engine, &user, &account, text("never mind")).await;
    engine.delete_group(&reach, group).await.unwrap();
    run_to_the_end(&outside, &engine).await;
    assert_eq!(outside.copies(Platform::Mastodon, "never mind"), 0);
    assert!(matches!(engine.group(&reach, group).await, Err(Error::NotFound)));
    assert!(matches!(engine.delete_group(&reach, group).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn a_published_group_can_no_longer_be_rescheduled() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let (user, account) = outside.connect(&engine, Platform::Mastodon, "fixed", vec![]).await;
    let group = post_now(&engine, &user, &account, text("done")).await;
    run_to_the_end(&outside, &engine).await;
    let refused = engine
        .edit_plan(&Reach { owner: user.id }, group, Some(true), None)
        .await;
    assert!(
        matches!(refused, Err(Error::Conflict(Conflict::NotEditable(_)))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn twenty_posts_with_an_ended_token_cause_one_refresh() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let (user, account) = outside
        .connect(&engine, Platform::Bluesky, "refresh.test", vec![])
        .await;
    outside.clock.advance(SignedDuration::from_hours(3));
    for n in 0..20 {
        post_now(&engine, &user, &account, text(&format!("fresh {n}"))).await;
    }
    let before = outside.sandbox.requests(0, 100_000).len();
    run_to_the_end(&outside, &engine).await;
    let refreshes = outside
        .sandbox
        .requests(0, 100_000)
        .into_iter()
        .skip(before)
        .filter(|request| request.path.contains("refreshSession") || request.path.contains("createSession"))
        .count();
    assert_eq!(refreshes, 1);
    let out: usize = (0..20)
        .map(|n| outside.copies(Platform::Bluesky, &format!("fresh {n}")))
        .sum();
    assert_eq!(out, 20);
}

#[tokio::test]
async fn the_watchdog_says_what_is_due_and_how_late() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let (user, account) = outside.connect(&engine, Platform::Mastodon, "watched", vec![]).await;
    post_now(&engine, &user, &account, text("anyone there?")).await;
    outside.clock.advance(SignedDuration::from_mins(7));
    let backlog = engine.backlog().await.unwrap();
    let warning = backlog.warning(engine.clock().now(), SignedDuration::from_mins(5));
    assert_eq!(
        warning.as_deref(),
        Some("1 posts due, 0 of them claimed and not finished, the oldest late by 420 s")
    );
    assert_eq!(
        backlog.warning(engine.clock().now(), SignedDuration::from_mins(8)),
        None
    );
}

#[tokio::test]
async fn a_publisher_told_to_stop_lets_a_send_under_way_finish() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let (user, account) = outside.connect(&engine, Platform::Mastodon, "drained", vec![]).await;
    let group = post_now(&engine, &user, &account, text("last words")).await;
    let stop = CancellationToken::new();
    let mut publisher = Publisher::new(engine.clone(), stop.clone());
    publisher.round().await.unwrap();
    // The claim has been handed to its worker; from here on nothing new may start, and this one must end.
    tokio::task::yield_now().await;
    let running = tokio::spawn(publisher.run());
    stop.cancel();
    running.await.unwrap();
    let copies = outside.copies(Platform::Mastodon, "last words");
    match state(&engine, &user, group).await {
        PostState::Published { .. } => assert_eq!(copies, 1),
        PostState::Waiting { .. } | PostState::Scheduled { .. } => assert_eq!(copies, 0, "given back unsent"),
        other => panic!("{other:?}"),
    }
}
