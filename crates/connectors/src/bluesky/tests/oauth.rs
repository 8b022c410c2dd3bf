//! Signing in with the browser, and posting with tokens that are bound to a key.

use sandbox::TokenVerb;

use domain::account::Tokens;

use super::*;
use crate::AccountRef;
use crate::signin::testing::{ask, back, consent, consented, denied, only, sandbox_world};
use crate::signin::{NO_ANSWER, SignIn, Verified, is_denied};

const HANDLE: [(&str, &str); 1] = [("handle", "ada.example.com")];

async fn signed_in() -> (World, Sandbox, Verified) {
    let (world, sandbox) = sandbox_world(Platform::Bluesky).await;
    let new = NewSandboxAccount::new(Platform::Bluesky, "ada.example.com");
    let seed = sandbox.add_account(&new).unwrap();
    let sign_in = signin::BlueskySignIn;
    let form = [("account", seed.remote_id.as_str())];
    let (begun, back) = consented(&world, &sign_in, &HANDLE, &form).await;
    let ctx = world.connect_ctx();
    let grant = sign_in.exchange(ctx, &begun.memory, &back).await.unwrap();
    let verified = only(sign_in.identify(ctx, &grant).await.unwrap());
    assert_eq!(verified.identity.remote_id, seed.remote_id);
    (world, sandbox, verified)
}

fn with(mut world: World, account: &Verified) -> World {
    world.tokens = account.tokens.clone();
    world.remote_id.clone_from(&account.identity.remote_id);
    world.base_url.clone_from(&account.identity.base_url);
    world
}

async fn verify(world: &World, account: &Verified) -> Result<Verified, PlatformError> {
    let whose = AccountRef::from(&account.identity);
    signin::BlueskySignIn
        .verify(world.connect_ctx(), whose, &account.tokens)
        .await
}

#[tokio::test]
async fn an_account_is_connected_with_the_browser_and_posts_with_proofs() {
    let (world, sandbox, account) = signed_in().await;
    assert_eq!(account.identity.username, "ada.example.com");
    assert_eq!(account.missing, []);
    assert!(account.tokens.proof_key.is_some() && account.tokens.expires_at.is_some());
    assert!(verify(&world, &account).await.is_ok());

    let mut world = with(world, &account);
    let (media, _) = image(&mut world, 1, "a picture");
    let draft = draft(Platform::Bluesky, "signed by a key", vec![media]);
    // The nonce that the server gave is too old by now, for the upload as for the post.
    world.clock.advance(SignedDuration::from_mins(10));
    let posts = world.publish(&Bluesky, &draft).await.unwrap();
    assert_eq!(posts.len(), 1);
    let published = published(&sandbox);
    assert_eq!((published.len(), published[0].media.len()), (1, 1));
}

#[tokio::test]
async fn a_stale_nonce_costs_one_more_request_and_never_a_second_post() {
    let (world, sandbox, account) = signed_in().await;
    let world = with(world, &account);
    let prepared = world.prepare(&Bluesky, &text("once"), Part::Head, &[]).await.unwrap();
    world.clock.advance(SignedDuration::from_mins(10));
    let armed = world.arm(Part::Head, prepared);
    let sent = Bluesky.send(&world.ctx(), &armed).await.unwrap();
    assert!(matches!(sent, Sent::Live(_)));
    assert_eq!(published(&sandbox).len(), 1);
    assert_eq!(count(&sandbox, "putRecord"), 2);
}

#[tokio::test]
async fn tokens_are_worth_nothing_without_their_key() {
    let (world, _sandbox, mut account) = signed_in().await;
    let other = crate::signin::dpop::ProofKey::from_seed(&[8; 32]).unwrap();
    account.tokens.proof_key = Some(other.to_text());
    let error = verify(&world, &account).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Auth, "{error:?}");
    account.tokens.proof_key = None;
    let error = verify(&world, &account).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Auth, "{error:?}");
}

#[tokio::test]
async fn a_refresh_token_is_spent_by_its_use_and_the_key_stays() {
    let (world, sandbox, account) = signed_in().await;
    let refresh = |tokens: Tokens| {
        let world = &world;
        async move {
            signin::BlueskySignIn
                .refresh(world.connect_ctx(), &tokens)
                .unwrap()
                .await
        }
    };
    let renewed = refresh(account.tokens.clone()).await.unwrap();
    assert_ne!(renewed.access, account.tokens.access);
    assert_eq!(renewed.proof_key, account.tokens.proof_key);
    let spent = refresh(account.tokens.clone()).await.unwrap_err();
    assert_eq!((spent.kind, spent.retry.when), (ErrorKind::Auth, When::AfterReconnect));
    assert_eq!(spent.stage, Stage::Refresh);

    let (_, sandbox_of_second, second) = signed_in().await;
    drop((sandbox_of_second, second));
    sandbox
        .tokens(
            Platform::Bluesky,
            &account.identity.remote_id,
            TokenVerb::LoseNextRefresh,
        )
        .unwrap();
    if let Err(lost) = refresh(renewed).await {
        assert!(
            lost.code.as_deref() == Some(NO_ANSWER) || lost.kind == ErrorKind::Auth,
            "{lost:?}"
        );
    }
}

#[tokio::test]
async fn an_answer_from_another_server_is_not_believed() {
    let (world, sandbox) = sandbox_world(Platform::Bluesky).await;
    sandbox
        .add_account(&NewSandboxAccount::new(Platform::Bluesky, "ada.example.com"))
        .unwrap();
    let sign_in = signin::BlueskySignIn;
    let (begun, good) = consented(&world, &sign_in, &HANDLE, &[("handle", "ada.example.com")]).await;
    for iss in [None, Some("https://other.example.com".to_owned())] {
        let mut back = good.clone();
        back.iss = iss;
        let error = sign_in
            .exchange(world.connect_ctx(), &begun.memory, &back)
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Auth);
        assert!(error.message.contains("another server"), "{error:?}");
    }
    // Nothing was asked with the code, so it is still good.
    sign_in
        .exchange(world.connect_ctx(), &begun.memory, &good)
        .await
        .unwrap();
    // And now it is not.
    let error = sign_in
        .exchange(world.connect_ctx(), &begun.memory, &good)
        .await
        .unwrap_err();
    assert_eq!(error.retry.when, When::AfterReconnect);
}

#[tokio::test]
async fn a_person_who_declines_is_told_so() {
    let (world, sandbox) = sandbox_world(Platform::Bluesky).await;
    sandbox
        .add_account(&NewSandboxAccount::new(Platform::Bluesky, "ada.example.com"))
        .unwrap();
    assert!(is_denied(&denied(&world, &signin::BlueskySignIn, &HANDLE).await));
}

#[tokio::test]
async fn nothing_of_the_sign_in_is_in_the_address_but_the_request_that_was_pushed() {
    let (world, sandbox) = sandbox_world(Platform::Bluesky).await;
    sandbox
        .add_account(&NewSandboxAccount::new(Platform::Bluesky, "ada.example.com"))
        .unwrap();
    let begun = signin::BlueskySignIn
        .begin(world.connect_ctx(), &ask(&HANDLE))
        .await
        .unwrap();
    let names: Vec<String> = begun
        .authorize
        .query_pairs()
        .map(|(name, _)| name.into_owned())
        .collect();
    assert_eq!(names, ["client_id", "request_uri"]);
    let url = consent(
        &world,
        &begun.authorize,
        &[("decision", "allow"), ("handle", "ada.example.com")],
    )
    .await;
    assert!(back(&url).code.is_some());
}

#[tokio::test]
async fn an_unknown_handle_is_said_before_the_browser_goes_anywhere() {
    let (world, _sandbox) = sandbox_world(Platform::Bluesky).await;
    for entered in ["nobody.example.com", "no handle", ""] {
        let error = signin::BlueskySignIn
            .begin(world.connect_ctx(), &ask(&[("handle", entered)]))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{entered}");
    }
}

#[tokio::test]
async fn a_session_that_is_given_back_is_over() {
    let (world, _sandbox, account) = signed_in().await;
    let ctx = world.connect_ctx();
    signin::BlueskySignIn
        .revoke(ctx, &account.tokens)
        .unwrap()
        .await
        .unwrap();
    assert_eq!(verify(&world, &account).await.unwrap_err().kind, ErrorKind::Auth);
    signin::BlueskySignIn
        .revoke(ctx, &account.tokens)
        .unwrap()
        .await
        .unwrap();
}
