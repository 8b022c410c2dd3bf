//! Looking after accounts, as the server does by itself, and what can be seen of it.

use domain::account::{Account, AccountHealth, User};
use domain::clock::Clock as _;
use domain::error::ErrorKind;
use domain::ids::GroupId;
use domain::log::LogKind;
use domain::platform::Platform;
use domain::post::PostState;
use engine::{AccountLogQuery, Engine, Publisher, Reach};
use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::browser;
use crate::world::{Outside, content, post_now, state};

/// Looks after tokens and publishes, and lets a quarter of an hour pass at most.
pub(crate) async fn care(outside: &Outside, engine: &Engine) {
    let mut publisher = Publisher::new(engine.clone(), CancellationToken::new());
    publisher.recover().await.unwrap();
    let end = outside.clock.now() + SignedDuration::from_mins(15);
    for _ in 0..200 {
        keep(engine).await;
        publisher.run_until_idle().await.unwrap();
        let store = engine.store();
        let next = [store.next_wake().await.unwrap(), store.next_refresh().await.unwrap()];
        match next.into_iter().flatten().min() {
            Some(at) if at < end => outside.clock.advance_to(at),
            _ => return,
        }
    }
    panic!("things go on and on");
}

pub(crate) async fn keep(engine: &Engine) -> usize {
    engine.keep_tokens_once(&CancellationToken::new()).await.unwrap()
}

pub(crate) async fn reread(engine: &Engine, account: &Account) -> Account {
    engine.store().account(account.id).await.unwrap().unwrap()
}

/// How often the platform was asked to exchange tokens.
pub(crate) fn exchanges(outside: &Outside) -> usize {
    let is_exchange = |path: &str| path.ends_with("/token") || path.ends_with("/accessToken");
    let requests = outside.sandbox.requests(0, 100_000);
    requests.iter().filter(|request| is_exchange(&request.path)).count()
}

/// The kinds of entries about an account's connection, oldest first.
pub(crate) async fn told(engine: &Engine, account: &Account) -> Vec<LogKind> {
    let query = AccountLogQuery {
        account: Some(account.id),
        platform: None,
        before: None,
        limit: 100,
    };
    let reach = Reach { owner: account.owner };
    let log = engine.account_log(&reach, query).await.unwrap();
    log.into_iter().rev().map(|record| record.entry.kind).collect()
}

pub(crate) async fn said(engine: &Engine, account: &Account, kind: LogKind) -> usize {
    told(engine, account)
        .await
        .into_iter()
        .filter(|told| *told == kind)
        .count()
}

pub(crate) async fn post(outside: &Outside, engine: &Engine, user: &User, account: &Account, text: &str) -> GroupId {
    post_now(engine, user, account, content(outside, account.platform, text, &[])).await
}

/// An account of a platform whose refresh tokens are good for one use (X), or stay (LinkedIn).
pub(crate) async fn account_of(outside: &Outside, engine: &Engine, platform: Platform, name: &str) -> (User, Account) {
    let user = browser::user(engine, name).await;
    let end = browser::sign_in(outside, engine, browser::start(&user, platform), name)
        .await
        .unwrap();
    let account = browser::connected(engine, end).await;
    assert!(
        account.token_expires_at.is_some() && account.refresh_at.is_some(),
        "{account:?}"
    );
    (user, account)
}

/// Nothing that an account says of itself is better than what it can do.
pub(crate) async fn assert_honest(case: &str, engine: &Engine, user: &User, account: &Account, group: GroupId) -> bool {
    let state = state(engine, user, group).await;
    let health = reread(engine, account).await.health;
    match (&state, health) {
        (PostState::Published { .. }, _) => true,
        (PostState::Failed { error, .. }, AccountHealth::ReconnectNeeded) => {
            assert_eq!(error.kind, ErrorKind::Auth, "{case}: {error:?}");
            false
        }
        other => panic!("{case}: {other:?}"),
    }
}
