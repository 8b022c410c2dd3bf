//! What is written down when an answer is doubtful, or when writing itself is: no answer is thrown away, and no question is
//! put for ever.

use std::sync::Arc;

use domain::account::AccountHealth;
use domain::clock::Clock;
use domain::error::ErrorKind;
use domain::platform::Platform;
use domain::post::PostState;
use engine::{Engine, Publisher};
use jiff::SignedDuration;
use sandbox::{Class, Fault, Rule};
use store::Reach;
use store::memory::MemoryStore;
use tokio_util::sync::CancellationToken;

use crate::world::{
    MEMBER, Outside, content, go_on, memory, post_now, run_to_the_end, run_until_stopped, start_of_time, state,
};

/// Runs what can be run now, and lets time pass for whoever waits a moment.
async fn run_through_pauses(outside: &Outside, engine: &Engine) {
    let mut publisher = Publisher::new(engine.clone(), CancellationToken::new());
    let running = tokio::spawn(async move { publisher.run_until_idle().await });
    while !running.is_finished() {
        let soon = outside.clock.now() + SignedDuration::from_secs(2);
        // Deadlines of calls are farther away than the pause of a settlement.
        if let Some(at) = outside.clock.next_sleeper().filter(|at| *at <= soon) {
            outside.clock.advance_to(at);
        }
        tokio::task::yield_now().await;
    }
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn an_answer_outlives_a_store_that_is_busy() {
    let outside = Outside::new().await;
    let model = Arc::new(MemoryStore::new(start_of_time(), 7));
    let engine = outside.engine(Arc::clone(&model) as _, go_on()).await;
    let (user, account) = outside.connect(&engine, Platform::Telegram, "busy", vec![]).await;
    let words = content(&outside, Platform::Telegram, "written down late", &[]);
    let group = post_now(&engine, &user, &account, words).await;
    model.be_busy_for(8);
    run_through_pauses(&outside, &engine).await;
    let state = state(&engine, &user, group).await;
    assert!(matches!(state, PostState::Published { .. }), "{state:?}");
    assert_eq!(outside.copies(Platform::Telegram, "written down late"), 1);
}

#[tokio::test]
async fn a_store_that_stays_busy_is_waited_for_no_longer_than_the_lease() {
    let outside = Outside::new().await;
    let model = Arc::new(MemoryStore::new(start_of_time(), 7));
    let engine = outside.engine(Arc::clone(&model) as _, go_on()).await;
    let (user, account) = outside.connect(&engine, Platform::Telegram, "stuck", vec![]).await;
    let words = content(&outside, Platform::Telegram, "nobody wrote it down", &[]);
    let group = post_now(&engine, &user, &account, words).await;
    model.be_busy_for(u32::MAX);
    run_through_pauses(&outside, &engine).await;
    model.be_busy_for(0);
    run_to_the_end(&outside, &engine).await;
    let state = state(&engine, &user, group).await;
    assert!(matches!(state, PostState::Unconfirmed { .. }), "{state:?}");
    assert_eq!(outside.copies(Platform::Telegram, "nobody wrote it down"), 1);
}

#[tokio::test]
async fn what_is_processed_for_ever_ends_as_unconfirmed() {
    let outside = Outside::new().await;
    let engine = outside.engine(memory(), go_on()).await;
    let lost = vec![Rule::nth(Class::Create, 1, Fault::DropBefore)];
    let (user, account) = outside.connect(&engine, Platform::Threads, "stuck", lost).await;
    let words = content(&outside, Platform::Threads, "still at it", &[]);
    let group = post_now(&engine, &user, &account, words).await;
    for _ in 0..10 {
        run_until_stopped(&engine).await;
        if matches!(state(&engine, &user, group).await, PostState::Reconciling { .. }) {
            break;
        }
        outside.clock.advance(SignedDuration::from_secs(1));
    }
    let never = Fault::Custom {
        status: 200,
        body: r#"{"id":"1","status":"IN_PROGRESS"}"#.to_owned(),
        content_type: None,
        after: false,
    };
    outside.add_rules(&account, vec![Rule::always(Class::Check, never)]);
    for hours in [1, 30] {
        outside.clock.advance(SignedDuration::from_hours(hours));
        run_until_stopped(&engine).await;
        let state = state(&engine, &user, group).await;
        let is_over = matches!(state, PostState::Unconfirmed { .. });
        assert_eq!(is_over, hours > 1, "{state:?}");
    }
    assert_eq!(outside.copies(Platform::Threads, "still at it"), 0);
}

#[tokio::test]
async fn a_question_that_the_account_may_not_put_says_nothing_of_its_connection() {
    let outside = Outside::new().await;
    let engine = outside.engine(memory(), go_on()).await;
    let refused = Fault::Custom {
        status: 403,
        body: r#"{"status":403,"code":"ACCESS_DENIED","message":"Not enough permissions to access"}"#.to_owned(),
        content_type: None,
        after: false,
    };
    let script = vec![
        Rule::nth(Class::Create, 1, Fault::DropAfter),
        Rule::always(Class::Read, refused),
    ];
    let (user, account) = outside.connect(&engine, Platform::LinkedIn, "no-reader", script).await;
    let words = content(&outside, Platform::LinkedIn, "who may read this?", &[]);
    let group = post_now(&engine, &user, &account, words).await;
    run_to_the_end(&outside, &engine).await;
    let state = state(&engine, &user, group).await;
    assert!(matches!(state, PostState::Unconfirmed { .. }), "{state:?}");
    let accounts = engine.accounts(&Reach { owner: user.id }).await.unwrap();
    let account = accounts.first().unwrap();
    assert_eq!(account.health, AccountHealth::Ok);
    let said = account.last_error.as_ref().map(|error| error.kind);
    assert_eq!(said, Some(ErrorKind::Permission), "this test is about such a refusal");
}

#[tokio::test]
async fn a_refusal_that_names_another_post_of_ours_is_a_refusal() {
    let outside = Outside::new().await;
    let engine = outside.engine(memory(), go_on()).await;
    let lost = vec![Rule::nth(Class::Create, 2, Fault::DropBefore)];
    let name = format!("{MEMBER}-twice");
    let (user, account) = outside.connect(&engine, Platform::LinkedIn, &name, lost).await;
    let mut groups = Vec::new();
    for _ in 0..2 {
        let words = content(&outside, Platform::LinkedIn, "said before", &[]);
        groups.push(post_now(&engine, &user, &account, words).await);
        run_until_stopped(&engine).await;
    }
    run_to_the_end(&outside, &engine).await;
    let (first, second) = (
        state(&engine, &user, groups[0]).await,
        state(&engine, &user, groups[1]).await,
    );
    assert!(matches!(first, PostState::Published { .. }), "{first:?}");
    match second {
        PostState::Failed { error, .. } => assert_eq!(error.kind, ErrorKind::DuplicateContent),
        other => panic!("{other:?}"),
    }
    assert_eq!(outside.copies(Platform::LinkedIn, "said before"), 1);
}

/// Two statuses look like it, and the repeat that is to tell is refused, for good or for a time.
#[tokio::test]
async fn what_two_have_said_is_unconfirmed_unless_a_repeat_has_told() {
    let limit = Fault::RateLimit { retry_after_s: 5 };
    for (refusal, is_known) in [
        (Rule::always(Class::Create, Fault::RejectContent), false),
        (Rule::always(Class::Create, limit.clone()), false),
        (Rule::first(Class::Create, 1, limit), true),
    ] {
        let outside = Outside::new().await;
        let engine = outside.engine(memory(), go_on()).await;
        let lost = vec![Rule::nth(Class::Create, 1, Fault::DropAfter)];
        let (user, account, seed) = outside.connect_seeded(&engine, Platform::Mastodon, "press", lost).await;
        let (theirs, person, there) = outside.person(&seed).await;
        let words = content(&outside, Platform::Mastodon, "good morning", &[]);
        let group = post_now(&engine, &user, &account, words.clone()).await;
        run_until_stopped(&engine).await;
        post_now(&theirs, &person, &there, words).await;
        run_until_stopped(&theirs).await;
        assert_eq!(outside.copies(Platform::Mastodon, "good morning"), 2);
        outside.add_rules(&account, vec![refusal.clone()]);
        run_to_the_end(&outside, &engine).await;
        match state(&engine, &user, group).await {
            PostState::Published { .. } => assert!(is_known, "{refusal:?}"),
            PostState::Unconfirmed { .. } => assert!(!is_known, "{refusal:?}"),
            other => panic!("{refusal:?}: {other:?}"),
        }
        assert_eq!(outside.copies(Platform::Mastodon, "good morning"), 2);
    }
}

/// A member's posts cannot be listed: the same send again is the only question, and any other refusal no answer to it.
#[tokio::test]
async fn what_only_a_repeat_can_tell_is_unconfirmed_until_it_has_told() {
    let refused = Rule::nth(Class::Create, 2, Fault::RejectContent);
    for (script, is_known) in [(vec![refused], false), (vec![], true)] {
        let outside = Outside::new().await;
        let engine = outside.engine(memory(), go_on()).await;
        let mut script = script;
        script.push(Rule::nth(Class::Create, 1, Fault::DropAfter));
        let name = format!("{MEMBER}-asks-again");
        let (user, account) = outside.connect(&engine, Platform::LinkedIn, &name, script).await;
        let words = content(&outside, Platform::LinkedIn, "have you heard this?", &[]);
        let group = post_now(&engine, &user, &account, words).await;
        run_to_the_end(&outside, &engine).await;
        match state(&engine, &user, group).await {
            PostState::Published { .. } => assert!(is_known),
            PostState::Unconfirmed { .. } => assert!(!is_known),
            other => panic!("{other:?}"),
        }
        assert_eq!(outside.copies(Platform::LinkedIn, "have you heard this?"), 1);
    }
}
