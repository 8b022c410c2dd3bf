use domain::platform::Platform;
use serde_json::{Value, json};

use super::{BACK, Visit, follow, parameter, text};
use crate::testing::{TestWorld, read};

async fn register(world: &TestWorld, scopes: &str) -> Value {
    let form = [("client_name", "My app"), ("redirect_uris", BACK), ("scopes", scopes)];
    let address = world.sandbox.base_url().join("mastodon/api/v1/apps").unwrap();
    let (status, body) = read(world.client.post(address).form(&form)).await;
    assert_eq!(status, 200, "{body}");
    body
}

fn authorize(visit: &Visit<'_>, client: &str, scope: &str, back: &str) -> url::Url {
    let mut url = visit.address("/oauth/authorize");
    url.query_pairs_mut()
        .append_pair("client_id", client)
        .append_pair("redirect_uri", back)
        .append_pair("response_type", "code")
        .append_pair("scope", scope);
    url
}

#[tokio::test]
async fn an_app_registers_itself_and_posts_with_what_it_was_granted() {
    let world = TestWorld::new().await;
    let app = register(&world, "read write").await;
    let (id, secret) = (text(&app, "client_id"), text(&app, "client_secret"));
    let visit = Visit::new(&world, Platform::Mastodon);
    let allow = [("decision", "allow"), ("handle", "ada")];
    for (scope, status) in [("read write:statuses", 200), ("read", 403)] {
        let back = follow(world.client.post(authorize(&visit, &id, scope, BACK)).form(&allow)).await;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", &parameter(&back, "code").unwrap()),
            ("redirect_uri", BACK),
        ];
        let (_, tokens) = read(visit.token_as(&id, &secret, &form)).await;
        assert_eq!(
            (&tokens["scope"], &tokens["token_type"]),
            (&json!(scope), &json!("Bearer"))
        );
        assert!(tokens.get("expires_in").is_none() && tokens["created_at"].is_i64());
        let access = text(&tokens, "access_token");
        let (_, me) = visit.get("/api/v1/accounts/verify_credentials", &access).await;
        assert_eq!(me["username"], "ada");
        let post = world
            .client
            .post(visit.address("/api/v1/statuses"))
            .bearer_auth(&access);
        assert_eq!(read(post.form(&[("status", scope)])).await.0, status, "{scope}");
    }
    assert_eq!(world.published(Platform::Mastodon).len(), 1);
}

#[tokio::test]
async fn an_app_gets_neither_more_scopes_nor_other_addresses_than_it_registered() {
    let world = TestWorld::new().await;
    let app = register(&world, "read").await;
    let id = text(&app, "client_id");
    let visit = Visit::new(&world, Platform::Mastodon);
    let back = follow(world.client.get(authorize(&visit, &id, "read write", BACK))).await;
    assert_eq!(parameter(&back, "error").as_deref(), Some("invalid_scope"));
    let elsewhere = authorize(&visit, &id, "read", "http://127.0.0.1:7777/elsewhere");
    assert_eq!(read(world.client.get(elsewhere)).await.0, 400);
}

#[tokio::test]
async fn a_token_is_revoked_by_its_own_app_only() {
    let world = TestWorld::new().await;
    let visit = Visit::new(&world, Platform::Mastodon).scopes(&["read"]);
    let access = text(&visit.tokens(&[("handle", "ada")]).await, "access_token");
    let other = register(&world, "read").await;
    let own = crate::app(Platform::Mastodon);
    for (id, secret, status, still) in [
        (text(&other, "client_id"), text(&other, "client_secret"), 403, 200),
        (own.id, own.secret, 200, 401),
    ] {
        let form = [("token", &access), ("client_id", &id), ("client_secret", &secret)];
        let request = world.client.post(visit.address("/oauth/revoke")).form(&form);
        assert_eq!(read(request).await.0, status);
        assert_eq!(visit.get("/api/v1/accounts/verify_credentials", &access).await.0, still);
    }
}

#[tokio::test]
async fn the_metadata_names_endpoints_that_are_there() {
    let world = TestWorld::new().await;
    let visit = Visit::new(&world, Platform::Mastodon);
    let address = visit.address("/.well-known/oauth-authorization-server");
    let (_, metadata) = read(world.client.get(address)).await;
    for (name, path) in [
        ("authorization_endpoint", "/oauth/authorize"),
        ("token_endpoint", "/oauth/token"),
        ("app_registration_endpoint", "/api/v1/apps"),
    ] {
        assert_eq!(text(&metadata, name), visit.address(path).as_str());
    }
}
