//! Whose token it is, and new ones for old.

use domain::secret::SecretText;

use super::*;
use crate::App;
use crate::Credentials;
use crate::signin::SignIn;
use crate::testing::connect;

fn credentials(identifier: Option<&str>) -> Credentials {
    Credentials {
        token: Some("token".into()),
        identifier: identifier.map(str::to_owned),
        ..Credentials::default()
    }
}

#[tokio::test]
async fn a_member_is_who_the_token_says() {
    let info =
        json!({ "sub": "AbC123", "name": "Ada L", "picture": "https://x.example/a.jpg", "email": "a@x.example" });
    let server = Server::answering([Reply::json(200, &info)]).await;
    let world = World::new(P, "", "").with_endpoint(server.url());
    let connected = connect(&signin::LinkedInSignIn, world.connect_ctx(), &credentials(None))
        .await
        .unwrap();
    assert_eq!(
        (
            connected.identity.remote_id.as_str(),
            connected.identity.username.as_str()
        ),
        ("AbC123", "Ada L")
    );
    assert_eq!(
        (connected.tokens.access.expose(), connected.tokens.expires_at),
        ("token", None)
    );
    assert_eq!(server.requests()[0].path, "/v2/userinfo");
}

#[tokio::test]
async fn an_organization_is_connected_by_those_who_may_post_for_it() {
    let acls = |urn: &str| {
        Reply::json(
            200,
            &json!({ "elements": [{ "organization": urn, "state": "APPROVED" }] }),
        )
    };
    let none = || Reply::json(200, &json!({ "elements": [] }));
    let server = Server::answering([
        none(),
        acls("urn:li:organization:5515715"),
        Reply::json(200, &json!({ "localizedName": "Works", "vanityName": "works" })),
        acls("urn:li:organization:1"),
        none(),
        none(),
    ])
    .await;
    let world = World::new(P, "", "").with_endpoint(server.url());
    let connected = connect(
        &signin::LinkedInSignIn,
        world.connect_ctx(),
        &credentials(Some("5515715")),
    )
    .await
    .unwrap();
    assert_eq!(
        (
            connected.identity.remote_id.as_str(),
            connected.identity.username.as_str()
        ),
        ("5515715", "Works")
    );
    assert_eq!(
        connected.identity.profile_url.as_deref(),
        Some("https://www.linkedin.com/company/works/")
    );
    let refused = connect(
        &signin::LinkedInSignIn,
        world.connect_ctx(),
        &credentials(Some("urn:li:organization:5515715")),
    )
    .await
    .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Permission);
}

#[tokio::test]
async fn tokens_are_renewed_where_linkedin_gave_the_means() {
    let server = Server::answering([
        Reply::json(200, &json!({ "access_token": "newer", "expires_in": 5_184_000 })),
        Reply::json(
            400,
            &json!({ "error": "invalid_grant", "error_description": "The refresh token is expired" }),
        ),
    ])
    .await;
    let mut world = World::new(P, "AbC123", "token").with_endpoint(server.url());
    assert!(
        signin::LinkedInSignIn
            .refresh(world.connect_ctx(), &world.tokens)
            .is_none()
    );
    world.tokens.refresh = Some(SecretText::from("refresh"));
    let without_app = signin::LinkedInSignIn
        .refresh(world.connect_ctx(), &world.tokens)
        .unwrap()
        .await;
    assert_eq!(without_app.unwrap_err().kind, ErrorKind::OperatorConfig);
    let app = App {
        id: "app".to_owned(),
        secret: SecretText::from("secret"),
    };
    world.endpoints.apps.insert(P, app);
    let renewed = signin::LinkedInSignIn
        .refresh(world.connect_ctx(), &world.tokens)
        .unwrap()
        .await
        .unwrap();
    assert_eq!(renewed.access.expose(), "newer");
    assert_eq!(renewed.refresh, world.tokens.refresh);
    assert_eq!(renewed.expires_at, Some(start() + SignedDuration::from_secs(5_184_000)));
    let request = &server.requests()[0];
    assert_eq!(request.path, "/oauth/v2/accessToken");
    assert_eq!(
        request.text(),
        "grant_type=refresh_token&refresh_token=refresh&client_id=app&client_secret=secret"
    );
    let ended = signin::LinkedInSignIn
        .refresh(world.connect_ctx(), &world.tokens)
        .unwrap()
        .await
        .unwrap_err();
    assert_eq!(ended.retry.when, domain::error::When::AfterReconnect);
}
