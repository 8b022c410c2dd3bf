//! Tokens end, are exchanged and are lost: once for all posts that need it, ahead of time, and told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use domain::account::{AccountHealth, Tokens};
use domain::clock::Clock as _;
use domain::error::ErrorKind;
use domain::log::LogKind;
use domain::platform::Platform;
use domain::post::PostState;
use domain::secret::SecretText;
use engine::Publisher;
use engine::points::{CrashPoint, FailPoints, Stopped};
use jiff::{SignedDuration, Timestamp};
use sandbox::{Class, Fault, Rule, TokenVerb};
use store::memory::MemoryStore;
use tokio_util::sync::CancellationToken;

use crate::browser;
use crate::care::{account_of, assert_honest, care, exchanges, keep, post, reread, said, told};
use crate::world::{self, Outside, go_on, run_until_stopped, state};

/// Two hundred posts at once with a token that has ended: `known` to us, or only to the platform.
async fn two_hundred_posts(known: bool) {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let (user, account) = account_of(&outside, &engine, Platform::X, "busy").await;
    if known {
        outside.clock.advance_to(account.token_expires_at.unwrap());
    } else {
        let remote_id = &account.identity.remote_id;
        outside
            .sandbox
            .tokens(Platform::X, remote_id, TokenVerb::ExpireAccess)
            .unwrap();
    }
    let before = exchanges(&outside);
    let mut groups = Vec::new();
    for n in 0..200 {
        groups.push(post(&outside, &engine, &user, &account, &format!("post {n} of many")).await);
    }
    let mut publisher = Publisher::new(engine.clone(), CancellationToken::new());
    let (_, _) = tokio::join!(publisher.run_until_idle(), keep(&engine));
    care(&outside, &engine).await;
    assert_eq!(
        exchanges(&outside) - before,
        1,
        "one refresh, however many posts need it"
    );
    for group in groups {
        let state = state(&engine, &user, group).await;
        assert!(matches!(state, PostState::Published { .. }), "{state:?}");
    }
    let account = reread(&engine, &account).await;
    assert_eq!(
        (account.token_version, account.health),
        (2, AccountHealth::Ok),
        "no late refusal spoils the new token"
    );
    assert_eq!(
        told(&engine, &account).await,
        [LogKind::Connected, LogKind::TokenRefreshed]
    );
}

#[tokio::test]
async fn two_hundred_posts_with_an_ended_rotating_token_cause_one_refresh() {
    two_hundred_posts(true).await;
}

#[tokio::test]
async fn two_hundred_posts_whose_token_is_refused_cause_one_refresh() {
    two_hundred_posts(false).await;
}

#[tokio::test]
async fn two_hundred_posts_whose_refresh_is_refused_ask_once_and_tell_it_once() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let (user, account) = account_of(&outside, &engine, Platform::X, "revoked").await;
    outside
        .sandbox
        .tokens(Platform::X, &account.identity.remote_id, TokenVerb::Revoke)
        .unwrap();
    let before = exchanges(&outside);
    let mut groups = Vec::new();
    for n in 0..200 {
        groups.push(post(&outside, &engine, &user, &account, &format!("post {n} of many")).await);
    }
    care(&outside, &engine).await;
    assert_eq!(exchanges(&outside) - before, 1);
    for group in groups {
        assert!(!assert_honest("revoked", &engine, &user, &account, group).await);
    }
    assert_eq!(said(&engine, &account, LogKind::ReconnectNeeded).await, 1);
}

#[tokio::test]
async fn a_crowd_of_posts_asks_a_platform_in_trouble_once_and_not_one_by_one() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let (user, account) = account_of(&outside, &engine, Platform::X, "crowd").await;
    outside.clock.advance_to(account.token_expires_at.unwrap());
    let trouble = Fault::ErrorBefore { status: 503 };
    outside.add_rules(&account, vec![Rule::first(Class::Refresh, 1, trouble)]);
    let before = exchanges(&outside);
    let mut groups = Vec::new();
    for n in 0..50 {
        groups.push(post(&outside, &engine, &user, &account, &format!("post {n} of a crowd")).await);
    }
    run_until_stopped(&engine).await;
    assert_eq!(exchanges(&outside) - before, 1);
    for _ in 0..4 {
        care(&outside, &engine).await;
    }
    assert_eq!(
        exchanges(&outside) - before,
        2,
        "and once more when there is no trouble"
    );
    for group in groups {
        assert!(assert_honest("crowd", &engine, &user, &account, group).await);
    }
}

#[tokio::test]
async fn tokens_are_renewed_ahead_of_their_end_by_the_clock_and_not_all_at_once() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let mut accounts = Vec::new();
    for n in 0..12 {
        accounts.push(account_of(&outside, &engine, Platform::X, &format!("kept{n}")).await.1);
    }
    let looks: Vec<_> = accounts.iter().map(|account| account.refresh_at.unwrap()).collect();
    let ends: Vec<_> = accounts
        .iter()
        .map(|account| account.token_expires_at.unwrap())
        .collect();
    assert!(looks.iter().max() > looks.iter().min(), "spread out");
    assert!(
        looks
            .iter()
            .zip(&ends)
            .all(|(look, end)| *look <= *end - SignedDuration::from_mins(20))
    );
    let before = exchanges(&outside);
    outside
        .clock
        .advance_to(*looks.iter().min().unwrap() - SignedDuration::from_secs(1));
    assert_eq!(keep(&engine).await, 0);
    assert_eq!(exchanges(&outside), before, "nothing ahead of its time");
    outside.clock.advance_to(*looks.iter().max().unwrap());
    assert_eq!(keep(&engine).await, 12);
    assert_eq!(keep(&engine).await, 0, "and not again");
    assert_eq!(exchanges(&outside) - before, 12);
    for account in accounts {
        let now = reread(&engine, &account).await;
        assert_eq!((now.token_version, now.health), (2, AccountHealth::Ok));
        assert!(now.token_expires_at > account.token_expires_at);
    }
}

#[tokio::test]
async fn the_keeper_wakes_by_itself_and_stops_when_told_to() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(engine.clone().keep_tokens(stop.clone()));
    let (_, account) = account_of(&outside, &engine, Platform::X, "watched").await;
    outside.clock.advance_to(account.refresh_at.unwrap());
    let renewed = async {
        while reread(&engine, &account).await.token_version < 2 {
            outside.clock.advance(SignedDuration::from_millis(100));
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), renewed)
        .await
        .unwrap();
    stop.cancel();
    running.await.unwrap();
}

#[tokio::test]
async fn a_token_endpoint_in_trouble_is_asked_again_and_the_account_is_not_given_up() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let (user, account) = account_of(&outside, &engine, Platform::X, "trouble").await;
    outside.add_rules(
        &account,
        vec![Rule::first(Class::Refresh, 3, Fault::ErrorBefore { status: 503 })],
    );
    outside.clock.advance_to(account.token_expires_at.unwrap());
    keep(&engine).await;
    let now = reread(&engine, &account).await;
    assert_eq!(
        now.health,
        AccountHealth::RefreshNeeded,
        "it has ended and is no healthy account"
    );
    assert!(now.refresh_at.unwrap() > outside.clock.now(), "asked again later");
    care(&outside, &engine).await;
    assert_eq!(reread(&engine, &account).await.health, AccountHealth::Ok);
    let group = post(&outside, &engine, &user, &account, "back again").await;
    care(&outside, &engine).await;
    assert!(assert_honest("trouble", &engine, &user, &account, group).await);
    assert_eq!(said(&engine, &account, LogKind::TokenRefreshFailed).await, 3);
    assert_eq!(said(&engine, &account, LogKind::ReconnectNeeded).await, 0);
}

#[tokio::test]
async fn a_wrong_app_secret_is_the_operators_business_and_costs_no_account() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let (_, account) = account_of(&outside, &engine, Platform::X, "wrongapp").await;
    let body = r#"{"error":"invalid_client","error_description":"no"}"#.to_owned();
    let refused = Fault::Custom {
        status: 401,
        body,
        content_type: None,
        after: false,
    };
    outside.add_rules(&account, vec![Rule::first(Class::Refresh, 1, refused)]);
    outside.clock.advance_to(account.refresh_at.unwrap());
    keep(&engine).await;
    let now = reread(&engine, &account).await;
    assert_eq!(
        (now.health, now.token_version),
        (AccountHealth::Ok, 1),
        "its token is good still"
    );
    care(&outside, &engine).await;
    assert_eq!(reread(&engine, &account).await.token_version, 2, "once it is mended");
}

#[tokio::test]
async fn a_rotating_token_whose_answer_is_lost_is_used_until_it_ends_and_then_tried_once() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let (user, account) = account_of(&outside, &engine, Platform::X, "lost").await;
    outside
        .sandbox
        .tokens(Platform::X, &account.identity.remote_id, TokenVerb::LoseNextRefresh)
        .unwrap();
    let before = exchanges(&outside);
    outside.clock.advance_to(account.refresh_at.unwrap());
    care(&outside, &engine).await;
    assert_eq!(exchanges(&outside) - before, 1, "not asked again while the token lives");
    let group = post(&outside, &engine, &user, &account, "still here").await;
    care(&outside, &engine).await;
    assert!(assert_honest("lost", &engine, &user, &account, group).await);
    outside.clock.advance_to(account.token_expires_at.unwrap());
    care(&outside, &engine).await;
    assert_eq!(exchanges(&outside) - before, 2, "one try with the old one");
    assert_eq!(reread(&engine, &account).await.health, AccountHealth::ReconnectNeeded);
    let kinds = told(&engine, &account).await;
    assert_eq!(
        kinds,
        [
            LogKind::Connected,
            LogKind::TokenRefreshFailed,
            LogKind::ReconnectNeeded
        ]
    );
}

#[tokio::test]
async fn a_rotating_token_is_not_exchanged_while_an_outcome_is_asked_for() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let (user, account) = account_of(&outside, &engine, Platform::X, "asking").await;
    outside
        .clock
        .advance_to(account.refresh_at.unwrap() - SignedDuration::from_secs(1));
    outside.add_rules(&account, vec![Rule::nth(Class::Create, 1, Fault::DropAfter)]);
    let group = post(&outside, &engine, &user, &account, "did it arrive?").await;
    run_until_stopped(&engine).await;
    assert!(matches!(
        state(&engine, &user, group).await,
        PostState::Reconciling { .. }
    ));
    outside.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(keep(&engine).await, 1);
    assert_eq!(reread(&engine, &account).await.token_version, 1, "it waits");
    care(&outside, &engine).await;
    assert!(assert_honest("asking", &engine, &user, &account, group).await);
    assert_eq!(
        reread(&engine, &account).await.token_version,
        2,
        "and goes on when the outcome is known"
    );
    assert_eq!(outside.copies(Platform::X, "did it arrive?"), 1);
}

#[tokio::test]
async fn a_token_that_only_a_person_can_replace_is_spoken_of_twice_and_then_given_up() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let ends: Timestamp = world::start_of_time() + SignedDuration::from_hours(24 * 30);
    let tokens = Tokens {
        access: SecretText::from("imported-access-token"),
        expires_at: Some(ends),
        ..Tokens::default()
    };
    let (_, account) = outside.add_account(&engine, Platform::LinkedIn, tokens).await;
    let mut seen = Vec::new();
    while let Some(at) = engine.store().next_refresh().await.unwrap() {
        outside.clock.advance_to(at);
        assert_eq!(keep(&engine).await, 1);
        seen.push(ends.duration_since(at).as_hours());
    }
    assert_eq!(seen, [7 * 24, 24, 0]);
    let kinds = told(&engine, &account).await;
    use LogKind::{Connected, ReconnectNeeded, TokenExpiring};
    assert_eq!(kinds, [Connected, TokenExpiring, TokenExpiring, ReconnectNeeded]);
    assert_eq!(reread(&engine, &account).await.health, AccountHealth::ReconnectNeeded);
    assert_eq!(exchanges(&outside), 0, "nobody was asked for what cannot be had");
}

#[tokio::test]
async fn due_posts_wait_as_long_as_the_operator_grants_and_go_out_after_a_reconnect() {
    let outside = Outside::new().await;
    let grace = SignedDuration::from_hours(2);
    let engine = outside
        .engine_with(world::memory(), go_on(), |_, settings| settings.reconnect_grace = grace)
        .await;
    let (user, account) = account_of(&outside, &engine, Platform::X, "grace").await;
    outside
        .sandbox
        .tokens(Platform::X, &account.identity.remote_id, TokenVerb::Revoke)
        .unwrap();
    let saved = post(&outside, &engine, &user, &account, "worth the wait").await;
    care(&outside, &engine).await;
    assert!(matches!(state(&engine, &user, saved).await, PostState::Waiting { .. }));
    let mut again = browser::start(&user, Platform::X);
    again.account = Some(account.id);
    let end = browser::sign_in(&outside, &engine, again, "grace").await.unwrap();
    assert_eq!(browser::connected(&engine, end).await.id, account.id);
    care(&outside, &engine).await;
    assert!(matches!(
        state(&engine, &user, saved).await,
        PostState::Published { .. }
    ));

    outside
        .sandbox
        .tokens(Platform::X, &account.identity.remote_id, TokenVerb::Revoke)
        .unwrap();
    let lost = post(&outside, &engine, &user, &account, "waited in vain").await;
    let due = outside.clock.now();
    for _ in 0..10 {
        care(&outside, &engine).await;
    }
    match state(&engine, &user, lost).await {
        PostState::Failed { at, error, .. } => {
            assert_eq!(error.kind, ErrorKind::Auth);
            assert!(at >= due + grace, "{at}");
        }
        other => panic!("{other:?}"),
    }
}

/// Does something at the first reaching of a point.
struct Once {
    point: CrashPoint,
    what: Box<dyn Fn() + Send + Sync>,
    is_done: AtomicBool,
}

impl FailPoints for Once {
    fn reach(&self, point: CrashPoint, _platform: Platform) -> Result<(), Stopped> {
        if point == self.point && !self.is_done.swap(true, Ordering::AcqRel) {
            (self.what)();
        }
        Ok(())
    }
}

fn once(point: CrashPoint, what: impl Fn() + Send + Sync + 'static) -> Arc<dyn FailPoints> {
    let is_done = AtomicBool::new(false);
    let what = Box::new(what);
    Arc::new(Once { point, what, is_done })
}

#[tokio::test]
async fn an_exchange_that_panics_stops_nothing_but_itself() {
    let outside = Outside::new().await;
    let points = once(CrashPoint::RefreshBegun, || panic!("on purpose"));
    let engine = outside.engine(world::memory(), points).await;
    let (user, account) = account_of(&outside, &engine, Platform::X, "panics").await;
    outside.clock.advance_to(account.token_expires_at.unwrap());
    assert_eq!(keep(&engine).await, 1, "the keeper goes on");
    let now = reread(&engine, &account).await;
    assert_eq!(now.token_version, 1);
    assert!(now.refresh_at.unwrap() > outside.clock.now(), "it is put off");
    assert_eq!(said(&engine, &account, LogKind::TokenRefreshFailed).await, 1);
    let group = post(&outside, &engine, &user, &account, "and on it goes").await;
    care(&outside, &engine).await;
    assert_eq!(reread(&engine, &account).await.token_version, 2);
    assert!(assert_honest("panics", &engine, &user, &account, group).await);
}

#[tokio::test]
async fn new_tokens_outlive_a_store_that_does_not_answer_for_a_while() {
    let outside = Outside::new().await;
    let store = Arc::new(MemoryStore::new(world::start_of_time(), 7));
    let points = {
        let store = Arc::clone(&store);
        once(CrashPoint::RefreshAnswered, move || store.refuse_writes(3))
    };
    let engine = outside.engine(store, points).await;
    let (_, account) = account_of(&outside, &engine, Platform::X, "patient").await;
    outside.clock.advance_to(account.refresh_at.unwrap());
    let passing = async {
        loop {
            outside.clock.advance(SignedDuration::from_millis(100));
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        kept = keep(&engine) => assert_eq!(kept, 1),
        () = passing => {}
    }
    let now = reread(&engine, &account).await;
    assert_eq!((now.token_version, now.health), (2, AccountHealth::Ok));
    assert_eq!(said(&engine, &account, LogKind::TokenRefreshed).await, 1);
}
