//! Logging in, and staying so.

use std::sync::Arc;

use domain::account::Tokens;

use super::*;
use crate::Credentials;
use crate::signin::{SignIn, Verified};
use crate::testing::connect;

async fn connected(script: Vec<Rule>) -> (World, Sandbox, Credentials, Verified) {
    let world = World::new(Platform::Bluesky, "", "");
    let sandbox = sandbox::start(sandbox::Options::new(Arc::new(world.clock.clone())))
        .await
        .unwrap();
    let world = world.with_endpoint(sandbox.endpoint(Platform::Bluesky).as_str());
    let new = NewSandboxAccount::new(Platform::Bluesky, "ada.example.com").with_script(script);
    let seed = sandbox.add_account(&new).unwrap();
    let credentials = Credentials {
        identifier: Some("@ada.example.com".to_owned()),
        password: seed.password.as_deref().map(Into::into),
        ..Credentials::default()
    };
    let connected = connect(&signin::BlueskySignIn, world.connect_ctx(), &credentials)
        .await
        .unwrap();
    assert_eq!(connected.identity.remote_id, seed.remote_id);
    (world, sandbox, credentials, connected)
}

#[tokio::test]
async fn connecting_finds_the_account_and_its_own_server() {
    let (world, sandbox, mut credentials, connected) = connected(vec![]).await;
    assert_eq!(connected.identity.username, "ada.example.com");
    assert_eq!(
        connected.identity.base_url.as_deref(),
        Some(sandbox.endpoint(Platform::Bluesky).as_str())
    );
    assert!(connected.tokens.expires_at.is_some() && connected.tokens.refresh.is_some());

    credentials.password = Some("nope-nope-nope-nope".into());
    let refused = connect(&signin::BlueskySignIn, world.connect_ctx(), &credentials)
        .await
        .unwrap_err();
    assert_eq!(
        (refused.kind, refused.retry.when),
        (ErrorKind::Auth, When::AfterReconnect)
    );
    credentials.password = None;
    let refused = connect(&signin::BlueskySignIn, world.connect_ctx(), &credentials)
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Invalid);
}

#[tokio::test]
async fn a_dead_refresh_token_is_replaced_by_a_new_session() {
    let (world, sandbox, _, connected) = connected(vec![]).await;
    world.clock.advance(SignedDuration::from_hours(91 * 24));
    let tokens = signin::BlueskySignIn
        .refresh(world.connect_ctx(), &connected.tokens)
        .unwrap()
        .await
        .unwrap();
    assert!(tokens.expires_at.unwrap() > world.ctx().now);
    assert_eq!(
        (count(&sandbox, "refreshSession"), count(&sandbox, "createSession")),
        (1, 2)
    );
    // And what is kept now works by itself.
    let again = signin::BlueskySignIn
        .refresh(world.connect_ctx(), &tokens)
        .unwrap()
        .await
        .unwrap();
    assert_ne!(again.access, tokens.access);
    assert_eq!(count(&sandbox, "createSession"), 2);
}

#[tokio::test]
async fn without_the_app_password_a_dead_refresh_token_needs_a_person() {
    let (world, _sandbox) = sandboxed(vec![]).await;
    world.clock.advance(SignedDuration::from_hours(91 * 24));
    let refused = signin::BlueskySignIn
        .refresh(world.connect_ctx(), &world.tokens)
        .unwrap()
        .await
        .unwrap_err();
    assert_eq!(
        (refused.kind, refused.retry.when),
        (ErrorKind::Auth, When::AfterReconnect)
    );
    assert!(
        signin::BlueskySignIn
            .refresh(world.connect_ctx(), &Tokens::default())
            .is_none()
    );
}
