//! What becomes of connected accounts: connected again, offered on pages, checked, let go.

use std::sync::Arc;

use domain::account::{Account, AccountHealth, User};
use domain::clock::Clock as _;
use domain::log::LogKind;
use domain::platform::Platform;
use domain::post::PostState;
use engine::accounts::{FoundLink, MakeLink, Outcome, Reason};
use engine::{Engine, Error};
use jiff::SignedDuration;
use sandbox::{Class, Fault, Rule, TokenVerb};
use tokio_util::sync::CancellationToken;

use crate::accounts::{assert_failed, failure, newest, reach, world};
use crate::browser::{connected, sign_in, start, user};
use crate::world::{Outside, content, go_on, post_now, run_to_the_end, run_until_stopped, state};

#[tokio::test]
async fn connecting_again_keeps_the_account_its_posts_and_its_history() {
    let (outside, engine) = world().await;
    let ada = user(&engine, "ada").await;
    let account = on_x(&outside, &engine, &ada).await;
    let group = post_now(&engine, &ada, &account, content(&outside, Platform::X, "before", &[])).await;
    run_to_the_end(&outside, &engine).await;
    outside
        .sandbox
        .tokens(Platform::X, &account.identity.remote_id, TokenVerb::Revoke)
        .unwrap();
    let report = engine.check_account(&reach(&ada), account.id).await.unwrap();
    assert_eq!(report.account.health, AccountHealth::ReconnectNeeded);

    let mut again = start(&ada, Platform::X);
    again.account = Some(account.id);
    let end = sign_in(&outside, &engine, again, "ada").await.unwrap();
    let same = connected(&engine, end).await;
    assert_eq!(
        (same.id, same.health, same.connected_at),
        (account.id, AccountHealth::Ok, account.connected_at)
    );
    assert_eq!(newest(&engine, &ada).await.kind, LogKind::Reconnected);
    assert!(matches!(state(&engine, &ada, group).await, PostState::Published { .. }));
    let after = post_now(&engine, &ada, &same, content(&outside, Platform::X, "after", &[])).await;
    run_to_the_end(&outside, &engine).await;
    assert!(matches!(state(&engine, &ada, after).await, PostState::Published { .. }));
}

#[tokio::test]
async fn another_account_does_not_take_the_place_of_the_one_to_be_connected_again() {
    let (outside, engine) = world().await;
    let (ada, eve) = (user(&engine, "ada").await, user(&engine, "eve").await);
    let account = on_x(&outside, &engine, &ada).await;
    let mut again = start(&ada, Platform::X);
    again.account = Some(account.id);
    let end = sign_in(&outside, &engine, again.clone(), "bob").await.unwrap();
    assert_failed(&engine, &ada, &end, Reason::DifferentAccount).await;
    assert!(
        failure(&end).words.contains("“bob”") && failure(&end).words.contains("“ada”"),
        "{end:?}"
    );
    let entry = newest(&engine, &ada).await;
    assert_eq!(
        (entry.kind, entry.account),
        (LogKind::ReconnectFailed, Some(account.id))
    );
    assert_eq!(engine.accounts(&reach(&ada)).await.unwrap(), [account]);
    again.owner = eve.id;
    let foreign = engine.start_sign_in(again).await;
    assert!(matches!(foreign, Err(Error::NotFound)), "{foreign:?}");
}

#[tokio::test]
async fn a_page_works_for_its_user_its_platforms_and_its_time() {
    let (outside, engine) = world().await;
    let (ada, eve) = (user(&engine, "ada").await, user(&engine, "eve").await);
    let make = MakeLink {
        return_to: Some("https://app.example/back".to_owned()),
        platforms: vec![Platform::X],
        expires_in: Some(SignedDuration::from_hours(1)),
    };
    let (token, _) = engine.make_link(ada.id, make.clone()).await.unwrap();
    let Some(FoundLink::Open(link)) = engine.link(token.expose()).await.unwrap() else {
        panic!("it works")
    };
    let from_page = |platform, owner: &User| {
        let mut begin = start(owner, platform);
        begin.link = Some(link.clone());
        begin.return_to = Some("https://evil.example/".to_owned());
        begin
    };
    for wrong in [from_page(Platform::LinkedIn, &ada), from_page(Platform::X, &eve)] {
        let refused = engine.start_sign_in(wrong).await;
        assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    }
    let end = sign_in(&outside, &engine, from_page(Platform::X, &ada), "ada")
        .await
        .unwrap();
    assert_eq!(
        (end.link, end.return_to.as_deref()),
        (Some(link.id), Some("https://app.example/back"))
    );
    connected(&engine, end).await;

    outside.clock.advance(SignedDuration::from_hours(1));
    assert!(matches!(
        engine.link(token.expose()).await.unwrap(),
        Some(FoundLink::Ended(_))
    ));
    let late = engine.start_sign_in(from_page(Platform::X, &ada)).await;
    assert!(matches!(late, Err(Error::NotFound)), "{late:?}");
    let (token, link) = engine.make_link(ada.id, make).await.unwrap();
    assert!(matches!(
        engine.revoke_link(&reach(&eve), link.id).await,
        Err(Error::NotFound)
    ));
    engine.revoke_link(&reach(&ada), link.id).await.unwrap();
    assert!(matches!(
        engine.link(token.expose()).await.unwrap(),
        Some(FoundLink::Ended(_))
    ));
    assert_eq!(engine.link("no such token").await.unwrap(), None);
}

#[tokio::test]
async fn a_platform_that_is_not_set_up_says_what_is_missing() {
    let (_outside, engine) = world().await;
    let ada = user(&engine, "ada").await;
    let ready = engine.connect_platforms();
    let of = |platform| ready.iter().find(|ready| ready.platform == platform).unwrap();
    assert!(of(Platform::X).is_ready());
    assert!(
        of(Platform::TikTok)
            .missing_config
            .as_ref()
            .unwrap()
            .contains("platforms.tiktok.client_id")
    );
    let refused = engine.start_sign_in(start(&ada, Platform::TikTok)).await;
    assert!(
        matches!(&refused, Err(Error::Platform(error)) if error.message.contains("not set up")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_check_asks_the_platform_and_says_what_it_said() {
    let (outside, engine) = world().await;
    let ada = user(&engine, "ada").await;
    let account = on_x(&outside, &engine, &ada).await;
    outside.clock.advance(SignedDuration::from_hours(1));
    let report = engine.check_account(&reach(&ada), account.id).await.unwrap();
    assert_eq!(
        (report.account.verified_at, report.refreshable),
        (Some(outside.clock.now()), true)
    );
    assert_eq!(newest(&engine, &ada).await.kind, LogKind::Verified);

    outside
        .sandbox
        .tokens(Platform::X, &account.identity.remote_id, TokenVerb::ExpireAccess)
        .unwrap();
    let report = engine.check_account(&reach(&ada), account.id).await.unwrap();
    assert_eq!(
        (report.account.token_version, report.account.health),
        (2, AccountHealth::Ok),
        "renewed on the way"
    );
    outside.clock.advance(SignedDuration::from_secs(1));

    outside
        .sandbox
        .tokens(Platform::X, &account.identity.remote_id, TokenVerb::Revoke)
        .unwrap();
    for _ in 0..2 {
        let report = engine.check_account(&reach(&ada), account.id).await.unwrap();
        assert_eq!(report.account.health, AccountHealth::ReconnectNeeded);
    }
    let entry = newest(&engine, &ada).await;
    assert_eq!(entry.kind, LogKind::ReconnectNeeded);
    let eve = user(&engine, "eve").await;
    let foreign = engine.check_account(&reach(&eve), account.id).await;
    assert!(matches!(foreign, Err(Error::NotFound)));
}

/// An account of X that this user has just connected.
async fn on_x(outside: &Outside, engine: &Engine, user: &User) -> Account {
    let end = sign_in(outside, engine, start(user, Platform::X), "ada").await.unwrap();
    connected(engine, end).await
}

/// How often the platform was told that tokens are not used any more.
fn revocations(outside: &Outside) -> usize {
    let requests = outside.sandbox.requests(0, 100_000);
    requests
        .iter()
        .filter(|request| request.path.ends_with("/revoke"))
        .count()
}

#[tokio::test]
async fn a_disconnected_accounts_tokens_are_given_back() {
    let (outside, engine) = world().await;
    let ada = user(&engine, "ada").await;
    let account = on_x(&outside, &engine, &ada).await;
    engine.remove_account(&reach(&ada), account.id).await.unwrap();
    assert_eq!(revocations(&outside), 1);
    assert_eq!(newest(&engine, &ada).await.kind, LogKind::TokenRevoked);
    assert!(matches!(
        engine.remove_account(&reach(&ada), account.id).await,
        Err(Error::NotFound)
    ));
}

#[tokio::test]
async fn tokens_that_are_needed_to_ask_for_an_outcome_are_given_back_when_it_is_known() {
    let (outside, engine) = world().await;
    let ada = user(&engine, "ada").await;
    let account = on_x(&outside, &engine, &ada).await;
    outside.add_rules(&account, vec![Rule::nth(Class::Create, 1, Fault::DropAfter)]);
    let group = post_now(
        &engine,
        &ada,
        &account,
        content(&outside, Platform::X, "last words", &[]),
    )
    .await;
    run_until_stopped(&engine).await;
    engine.remove_account(&reach(&ada), account.id).await.unwrap();
    let stop = CancellationToken::new();
    engine.keep_tokens_once(&stop).await.unwrap();
    assert_eq!(revocations(&outside), 0, "the outcome is not known yet");
    run_to_the_end(&outside, &engine).await;
    assert!(matches!(state(&engine, &ada, group).await, PostState::Published { .. }));
    engine.keep_tokens_once(&stop).await.unwrap();
    assert_eq!(revocations(&outside), 1);
    engine.keep_tokens_once(&stop).await.unwrap();
    assert_eq!(revocations(&outside), 1, "once");
}

#[tokio::test]
async fn a_restart_forgets_no_tokens_that_are_to_be_given_back() {
    let (outside, engine) = world().await;
    let ada = user(&engine, "ada").await;
    let account = on_x(&outside, &engine, &ada).await;
    outside.add_rules(&account, vec![Rule::nth(Class::Create, 1, Fault::DropAfter)]);
    let words = content(&outside, Platform::X, "last words", &[]);
    post_now(&engine, &ada, &account, words).await;
    run_until_stopped(&engine).await;
    engine.remove_account(&reach(&ada), account.id).await.unwrap();
    let next = outside.engine(Arc::clone(engine.store()), go_on()).await;
    run_to_the_end(&outside, &next).await;
    assert_eq!(revocations(&outside), 0);
    next.keep_tokens_once(&CancellationToken::new()).await.unwrap();
    assert_eq!(revocations(&outside), 1);
    assert_eq!(next.store().tokens(account.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_removed_users_tokens_are_given_back() {
    let (outside, engine) = world().await;
    let ada = user(&engine, "ada").await;
    let account = on_x(&outside, &engine, &ada).await;
    engine.remove_user(ada.id).await.unwrap();
    let stop = CancellationToken::new();
    engine.keep_tokens_once(&stop).await.unwrap();
    assert_eq!(revocations(&outside), 1);
    assert_eq!(engine.store().tokens(account.id).await.unwrap(), None);
    engine.keep_tokens_once(&stop).await.unwrap();
    assert_eq!(revocations(&outside), 1, "once");
}

#[tokio::test]
async fn accounts_that_live_by_one_consent_keep_it_until_the_last_one_goes() {
    let (outside, engine) = world().await;
    let ada = user(&engine, "ada").await;
    let mut accounts = Vec::new();
    for nth in 0..2 {
        let end = sign_in(&outside, &engine, start(&ada, Platform::LinkedIn), "ada")
            .await
            .unwrap();
        let Outcome::Choose { token, choices, .. } = end.outcome else {
            panic!("{end:?}")
        };
        let end = engine.choose(token.expose(), &choices[nth].id, None).await.unwrap();
        accounts.push(connected(&engine, end).await);
    }
    engine.remove_account(&reach(&ada), accounts[0].id).await.unwrap();
    assert_eq!(revocations(&outside), 0, "the other one lives by it");
    engine.remove_account(&reach(&ada), accounts[1].id).await.unwrap();
    assert_eq!(revocations(&outside), 1);
}
