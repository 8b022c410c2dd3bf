//! Tokens of a sign-in at the emulators of the platforms.

use domain::platform::Platform;
use serde_json::{Value, json};

use super::{Visit, text};
use crate::NewSandboxAccount;
use crate::testing::{TestWorld, read};

fn add(world: &TestWorld, platform: Platform, handle: &str, remote_id: &str) {
    let mut new = NewSandboxAccount::new(platform, handle);
    new.remote_id = Some(remote_id.to_owned());
    world.sandbox.add_account(&new).unwrap();
}

async fn post_on_linkedin(visit: &Visit<'_>, token: &str, author: &str) -> u16 {
    let body = json!({
        "author": author,
        "commentary": format!("hello from {author}").replace(['(', ')', '_'], " "),
        "visibility": "PUBLIC",
        "distribution": { "feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": [] },
        "lifecycleState": "PUBLISHED",
        "isReshareDisabledByAuthor": false,
    });
    let request = visit.world.client.post(visit.address("/rest/posts")).bearer_auth(token);
    let request = request
        .header("linkedin-version", "202609")
        .header("x-restli-protocol-version", "2.0.0");
    read(request.json(&body)).await.0
}

#[tokio::test]
async fn a_member_of_linkedin_posts_for_himself_and_for_the_organizations_that_he_ticked() {
    let world = TestWorld::new().await;
    add(&world, Platform::LinkedIn, "ada", "AbC123");
    add(&world, Platform::LinkedIn, "ada-works", "1001");
    add(&world, Platform::LinkedIn, "ada-labs", "1002");
    let scopes = ["openid", "profile", "w_member_social", "w_organization_social"];
    let visit = Visit::new(&world, Platform::LinkedIn).scopes(&scopes);
    let token = text(&visit.tokens(&[("target", "1001")]).await, "access_token");
    for (author, status) in [
        ("urn:li:person:AbC123", 201),
        ("urn:li:organization:1001", 201),
        ("urn:li:organization:1002", 403),
        ("urn:li:person:Somebody", 403),
    ] {
        assert_eq!(post_on_linkedin(&visit, &token, author).await, status, "{author}");
    }
    let made = world.published(Platform::LinkedIn);
    assert_eq!(
        made.iter().map(|post| post.account.as_str()).collect::<Vec<_>>(),
        ["AbC123", "1001"]
    );
}

#[tokio::test]
async fn linkedin_refuses_what_was_not_granted() {
    let world = TestWorld::new().await;
    add(&world, Platform::LinkedIn, "ada", "AbC123");
    add(&world, Platform::LinkedIn, "ada-works", "1001");
    let visit = Visit::new(&world, Platform::LinkedIn).scopes(&["openid", "profile", "w_member_social"]);
    let token = text(&visit.tokens(&[]).await, "access_token");
    assert_eq!(post_on_linkedin(&visit, &token, "urn:li:organization:1001").await, 403);
    let visit = Visit::new(&world, Platform::LinkedIn).scopes(&["openid", "profile"]);
    let token = text(&visit.tokens(&[]).await, "access_token");
    assert_eq!(post_on_linkedin(&visit, &token, "urn:li:person:AbC123").await, 403);
    assert!(world.published(Platform::LinkedIn).is_empty());
}

async fn post_on_facebook(visit: &Visit<'_>, token: &str, page: &str) -> (u16, Value) {
    let form = [("message", "hello"), ("access_token", token)];
    let address = visit.address(&format!("/v25.0/{page}/feed"));
    read(visit.world.client.post(address).form(&form)).await
}

#[tokio::test]
async fn a_page_of_facebook_is_posted_to_with_its_own_token_only() {
    let world = TestWorld::new().await;
    add(&world, Platform::Facebook, "ada", "111");
    add(&world, Platform::Facebook, "bob", "222");
    let visit = Visit::new(&world, Platform::Facebook);
    let user = text(&visit.tokens(&[]).await, "access_token");
    let (_, pages) = visit.get("/v25.0/me/accounts", &user).await;
    assert_eq!(pages["data"].as_array().unwrap().len(), 1);
    let page = text(&pages["data"][0], "access_token");
    let (_, rest) = visit.get("/v25.0/me/accounts?after=QVFJ", &user).await;
    assert_eq!(rest["data"], json!([]));
    for path in ["/v25.0/me/accounts", "/v25.0/me/permissions"] {
        let (status, body) = visit.get(path, &page).await;
        assert_eq!((status, &body["error"]["code"]), (400, &json!(100)));
    }
    assert_ne!(post_on_facebook(&visit, &user, "111").await.0, 200);
    assert_ne!(post_on_facebook(&visit, &page, "222").await.0, 200);
    let (status, body) = post_on_facebook(&visit, &page, "111").await;
    assert_eq!(status, 200, "{body}");
    let made = world.published(Platform::Facebook);
    assert_eq!((made.len(), made[0].account.as_str()), (1, "111"));
    // Without the permission the page's token is no better than the user's.
    let form = [("scope", "pages_show_list"), ("scopes_shown", "1")];
    let user = text(&visit.tokens(&form).await, "access_token");
    let (_, pages) = visit.get("/v25.0/me/accounts", &user).await;
    let (status, body) = post_on_facebook(&visit, &text(&pages["data"][0], "access_token"), "111").await;
    assert_eq!((status, &body["error"]["code"]), (403, &json!(200)));
}

#[tokio::test]
async fn threads_takes_a_post_with_the_permission_only() {
    let world = TestWorld::new().await;
    let visit = Visit::new(&world, Platform::Threads);
    for (scopes, status) in [(vec![("scope", "threads_basic")], 403), (vec![], 200)] {
        let mut form = vec![("handle", "ada")];
        form.extend(scopes);
        let token = text(&visit.tokens(&form).await, "access_token");
        let query = [("media_type", "TEXT"), ("text", "hello"), ("access_token", &token)];
        let (seen, body) = read(world.client.post(visit.address("/v1.0/me/threads")).query(&query)).await;
        assert_eq!(seen, status, "{body}");
    }
}
