use domain::platform::Platform;
use serde_json::json;

use super::{Visit, text};
use crate::testing::{Seen, TestWorld, read, see};
use crate::{Error, TokenVerb};

#[tokio::test]
async fn access_tokens_can_be_made_to_end_now() {
    let world = TestWorld::new().await;
    let visit = Visit::new(&world, Platform::X);
    let tokens = visit.tokens(&[("handle", "ada")]).await;
    let access = text(&tokens, "access_token");
    let (_, me) = visit.get("/2/users/me", &access).await;
    let id = text(&me["data"], "id");
    assert!(world.sandbox.tokens(Platform::X, &id, TokenVerb::ExpireAccess).unwrap() >= 1);
    assert_eq!(visit.get("/2/users/me", &access).await.0, 401);
    let (status, fresh) = read(visit.refresh(&text(&tokens, "refresh_token"))).await;
    assert_eq!(status, 200);
    assert_eq!(visit.get("/2/users/me", &text(&fresh, "access_token")).await.0, 200);
}

#[tokio::test]
async fn a_grant_can_be_taken_back_over_http() {
    let world = TestWorld::new().await;
    let visit = Visit::new(&world, Platform::TikTok);
    let tokens = visit.tokens(&[("handle", "ada")]).await;
    let order = json!({ "platform": "tiktok", "account": tokens["open_id"], "do": "revoke" });
    let address = world.sandbox.base_url().join("_ctl/tokens").unwrap();
    let (status, answer) = read(world.client.post(address.clone()).json(&order)).await;
    assert_eq!(status, 200);
    assert!(answer["tokens"].as_u64().unwrap() >= 2);
    assert_eq!(
        read(visit.refresh(&text(&tokens, "refresh_token"))).await.1["error"],
        "invalid_grant"
    );
    let from_a_page = world
        .client
        .post(address)
        .header("origin", "http://evil.example")
        .json(&order);
    assert_eq!(read(from_a_page).await.0, 403);
}

#[tokio::test]
async fn the_next_refresh_can_be_made_to_lose_its_answer() {
    let world = TestWorld::new().await;
    let visit = Visit::new(&world, Platform::Snapchat);
    let tokens = visit.tokens(&[("handle", "ada")]).await;
    let access = text(&tokens, "access_token");
    let (_, profile) = visit.get("/v1/public_profiles/my_profile", &access).await;
    let id = text(&profile["public_profile"], "id");
    world
        .sandbox
        .tokens(Platform::Snapchat, &id, TokenVerb::LoseNextRefresh)
        .unwrap();
    let refresh = text(&tokens, "refresh_token");
    assert_eq!(see(visit.refresh(&refresh)).await, Seen::NoAnswer);
    assert_eq!(read(visit.refresh(&refresh)).await.0, 400);
}

#[tokio::test]
async fn a_page_s_tokens_are_those_of_its_person_too() {
    let world = TestWorld::new().await;
    let mut new = crate::NewSandboxAccount::new(Platform::Facebook, "ada");
    new.remote_id = Some("111".to_owned());
    world.sandbox.add_account(&new).unwrap();
    let visit = Visit::new(&world, Platform::Facebook);
    let user = text(&visit.tokens(&[]).await, "access_token");
    assert_eq!(visit.get("/me", &user).await.0, 200);
    world
        .sandbox
        .tokens(Platform::Facebook, "111", TokenVerb::ExpireAccess)
        .unwrap();
    assert_eq!(visit.get("/me", &user).await.0, 400);
    let unknown = world.sandbox.tokens(Platform::Facebook, "999", TokenVerb::Revoke);
    assert!(matches!(unknown, Err(Error::NoSuchAccount { .. })));
}

#[tokio::test]
async fn the_apps_are_told_over_http_too() {
    let world = TestWorld::new().await;
    let (status, apps) = read(world.client.get(world.sandbox.base_url().join("_ctl/apps").unwrap())).await;
    let own = crate::app(Platform::TikTok);
    assert_eq!(
        (status, &apps["tiktok"]),
        (200, &json!({ "id": own.id, "secret": own.secret }))
    );
}
