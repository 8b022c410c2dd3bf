//! Whose token it is, and making it anew.

use domain::account::Tokens;

use super::*;
use crate::Credentials;
use crate::signin::SignIn;
use crate::testing::connect;

#[tokio::test]
async fn connecting_asks_whose_token_it_is_and_makes_it_anew() {
    let me =
        json!({ "user_id": 178_414, "username": "press", "name": "The Press", "profile_picture_url": "https://x/" });
    let server = Server::answering([
        Reply::json(200, &me),
        Reply::json(
            200,
            &json!({ "access_token": "newer", "token_type": "bearer", "expires_in": 5_184_000 }),
        ),
    ])
    .await;
    let world = world(&server);
    let credentials = Credentials {
        token: Some("token".into()),
        ..Credentials::default()
    };
    let connected = connect(&signin::InstagramSignIn, world.connect_ctx(), &credentials)
        .await
        .unwrap();
    assert_eq!(
        (
            connected.identity.remote_id.as_str(),
            connected.identity.username.as_str()
        ),
        ("178414", "press")
    );
    assert_eq!(connected.tokens.access.expose(), "newer");
    assert_eq!(
        connected.tokens.expires_at,
        Some(start() + SignedDuration::from_hours(60 * 24))
    );
}

#[tokio::test]
async fn a_token_of_today_is_connected_though_it_cannot_be_made_anew() {
    let server = Server::answering([
        Reply::json(200, &json!({ "user_id": "178", "username": "press" })),
        Reply::json(400, &json!({ "error": { "code": 10, "message": "not yet" } })),
    ])
    .await;
    let credentials = Credentials {
        token: Some("token".into()),
        ..Credentials::default()
    };
    let connected = connect(&signin::InstagramSignIn, world(&server).connect_ctx(), &credentials)
        .await
        .unwrap();
    assert_eq!(connected.tokens.access.expose(), "token");
    assert_eq!(connected.tokens.expires_at, Some(start() + TOKEN_LIFE));
}

#[tokio::test]
async fn a_refresh_that_is_refused_too_early_does_not_condemn_the_token_and_a_late_one_does() {
    let refused = json!({ "error": { "code": 190, "message": "Session has expired" } });
    for (expires_at, when) in [
        (
            start() + SignedDuration::from_hours(24),
            When::After(SignedDuration::from_hours(24)),
        ),
        (start(), When::AfterReconnect),
    ] {
        let me = json!({ "user_id": "178" });
        let server = Server::answering([Reply::json(400, &refused), Reply::json(200, &me)]).await;
        let world = world(&server);
        let tokens = Tokens {
            expires_at: Some(expires_at),
            ..world.tokens.clone()
        };
        let error = signin::InstagramSignIn
            .refresh(world.connect_ctx(), &tokens)
            .unwrap()
            .await
            .unwrap_err();
        assert_eq!((error.retry.when, error.stage), (when, Stage::Refresh));
    }
}

#[tokio::test]
async fn the_version_is_left_out_of_the_address_of_the_token() {
    let server = Server::answering([Reply::json(200, &json!({ "access_token": "newer" }))]).await;
    let world = World::new(PLATFORM, "178", "token").with_endpoint(&format!("{}/v99.1", server.url()));
    signin::InstagramSignIn
        .refresh(world.connect_ctx(), &world.tokens)
        .unwrap()
        .await
        .unwrap();
    assert!(
        server.requests()[0]
            .path
            .starts_with("/refresh_access_token?grant_type=ig_refresh_token&")
    );
}
