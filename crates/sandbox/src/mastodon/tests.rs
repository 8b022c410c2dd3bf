//! A publisher's view of the emulated Mastodon.

use domain::platform::Platform;
use jiff::SignedDuration;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::testing::{TestWorld, every_creation_fault, read};
use crate::{AccountSeed, Class, Fault, Rule, samples};

fn at(seed: &AccountSeed, path: &str) -> String {
    format!("{}/api/{path}", seed.base_url)
}

fn create(world: &TestWorld, seed: &AccountSeed, body: &Value) -> reqwest::RequestBuilder {
    world
        .client
        .post(at(seed, "v1/statuses"))
        .bearer_auth(&seed.token)
        .json(body)
}

fn get(world: &TestWorld, seed: &AccountSeed, path: &str) -> reqwest::RequestBuilder {
    world.client.get(at(seed, path)).bearer_auth(&seed.token)
}

async fn upload(world: &TestWorld, seed: &AccountSeed, bytes: Vec<u8>) -> (u16, Value) {
    let form = Form::new()
        .part("file", Part::bytes(bytes).file_name("f"))
        .text("description", "a picture");
    read(
        world
            .client
            .post(at(seed, "v2/media"))
            .bearer_auth(&seed.token)
            .multipart(form),
    )
    .await
}

#[tokio::test]
async fn a_toot_with_a_picture_is_made_and_read_back() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Mastodon, vec![]);
    let (status, me) = read(get(&world, &seed, "v1/accounts/verify_credentials")).await;
    assert_eq!(
        (status, &me["id"], &me["username"]),
        (200, &json!(seed.remote_id), &json!("ada"))
    );
    let (_, instance) = read(world.client.get(at(&seed, "v2/instance"))).await;
    assert_eq!(instance["configuration"]["statuses"]["max_characters"], 500);

    let picture = samples::jpeg(64, 64, 1);
    let (status, media) = upload(&world, &seed, picture.clone()).await;
    assert_eq!(status, 200);
    let body = json!({ "status": "Hello <world> https://example.com/a", "media_ids": [media["id"]],
        "visibility": "unlisted", "spoiler_text": "cw", "language": "en" });
    let response = create(&world, &seed, &body).send().await.unwrap();
    assert_eq!(response.headers()["x-ratelimit-reset"], "2026-11-22T10:00:00.000Z");
    assert_eq!(response.headers()["date"], "Sun, 22 Nov 2026 09:00:00 GMT");
    let toot: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    let id = toot["id"].as_str().unwrap();
    assert_eq!(
        toot["content"],
        "<p>Hello &lt;world&gt; <a href=\"https://example.com/a\" rel=\"nofollow noopener\" \
         target=\"_blank\">https://example.com/a</a></p>"
    );
    let (_, source) = read(get(&world, &seed, &format!("v1/statuses/{id}/source"))).await;
    assert_eq!(source["text"], "Hello <world> https://example.com/a");
    let (_, list) = read(get(
        &world,
        &seed,
        &format!("v1/accounts/{}/statuses?limit=40", seed.remote_id),
    ))
    .await;
    assert_eq!(list[0]["id"], id);
    assert_eq!(list[0]["media_attachments"][0]["id"], media["id"]);

    let made = &world.published(Platform::Mastodon)[0];
    assert_eq!(made.media, [crate::medium::sha256_hex(&picture)]);
    assert_eq!(made.alt, ["a picture"]);
    assert_eq!(made.settings["visibility"], "unlisted");
    assert_eq!(made.url.as_deref(), toot["url"].as_str());

    let delete = || {
        world
            .client
            .delete(at(&seed, &format!("v1/statuses/{id}")))
            .bearer_auth(&seed.token)
    };
    assert_eq!(read(delete()).await.1["text"], "Hello <world> https://example.com/a");
    assert_eq!(read(delete()).await, (404, json!({ "error": "Record not found" })));
    assert!(world.published(Platform::Mastodon)[0].deleted);
}

#[tokio::test]
async fn one_key_makes_one_toot_for_an_hour() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Mastodon, vec![]);
    let send = || create(&world, &seed, &json!({ "status": "hi" })).header("idempotency-key", "k");
    let (_, first) = read(send()).await;
    world.clock.advance(SignedDuration::from_mins(59));
    let (_, second) = read(send()).await;
    assert_eq!(first["id"], second["id"]);
    world.clock.advance(SignedDuration::from_mins(2));
    let (_, third) = read(send()).await;
    assert_ne!(first["id"], third["id"]);
    assert_eq!(world.published(Platform::Mastodon).len(), 2);
}

#[tokio::test]
async fn every_fault_is_what_it_says() {
    every_creation_fault(Platform::Mastodon, async |world, seed, text| {
        create(world, seed, &json!({ "status": text }))
    })
    .await;
}

#[tokio::test]
async fn a_video_must_be_processed_before_it_is_posted() {
    let world = TestWorld::new().await;
    let seed = world.account(
        Platform::Mastodon,
        vec![Rule::nth(Class::Upload, 1, Fault::ProcessingPolls { n: 2 })],
    );
    let (status, media) = upload(&world, &seed, samples::mp4(samples::VideoShape::default(), 1)).await;
    assert_eq!((status, &media["url"]), (202, &Value::Null));
    let body = json!({ "status": "v", "media_ids": [media["id"]] });
    let (status, refusal) = read(create(&world, &seed, &body)).await;
    assert_eq!(status, 422);
    assert!(
        refusal["error"]
            .as_str()
            .unwrap()
            .contains("have not finished processing")
    );
    let path = format!("v1/media/{}", media["id"].as_str().unwrap());
    for expected in [206, 206, 200] {
        assert_eq!(read(get(&world, &seed, &path)).await.0, expected);
    }
    let describe = world
        .client
        .put(at(&seed, &path))
        .bearer_auth(&seed.token)
        .json(&json!({ "description": "moves" }));
    assert_eq!(read(describe).await.1["description"], "moves");
    assert_eq!(read(create(&world, &seed, &body)).await.0, 200);
    assert_eq!(world.published(Platform::Mastodon)[0].alt, ["moves"]);
    // A medium belongs to one toot.
    assert_eq!(read(create(&world, &seed, &body)).await.0, 422);
}

#[tokio::test]
async fn processing_can_fail() {
    let world = TestWorld::new().await;
    let seed = world.account(
        Platform::Mastodon,
        vec![Rule::always(Class::Upload, Fault::ProcessingFails)],
    );
    let (_, media) = upload(&world, &seed, samples::jpeg(64, 64, 1)).await;
    let (status, _) = read(get(
        &world,
        &seed,
        &format!("v1/media/{}", media["id"].as_str().unwrap()),
    ))
    .await;
    assert_eq!(status, 422);
}

#[tokio::test]
async fn what_mastodon_refuses_is_refused_in_its_words() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Mastodon, vec![]);
    let long = "x".repeat(501);
    let fits = format!("{} https://example.com/{}", "x".repeat(476), "y".repeat(300));
    let cases = [
        (json!({ "status": "" }), 422, "Validation failed: Text can't be blank"),
        (
            json!({ "status": long }),
            422,
            "Validation failed: Text character limit of 500 exceeded",
        ),
        (
            json!({ "status": "x", "visibility": "loud" }),
            422,
            "Validation failed: Visibility is not included in the list",
        ),
        (
            json!({ "status": "x", "media_ids": ["1"] }),
            422,
            "Validation failed: Media 1 not found or already attached to another post",
        ),
        (
            json!({ "status": "x", "media_ids": ["1", "2", "3", "4", "5"] }),
            422,
            "Validation failed: Cannot attach more than 4 files",
        ),
        (
            json!({ "status": "x", "in_reply_to_id": "1" }),
            404,
            "The post you are trying to reply to does not appear to exist.",
        ),
    ];
    for (body, status, error) in cases {
        assert_eq!(
            read(create(&world, &seed, &body)).await,
            (status, json!({ "error": error }))
        );
    }
    assert_eq!(read(create(&world, &seed, &json!({ "status": fits }))).await.0, 200);
    let mut stranger = seed.clone();
    stranger.token = "wrong".to_owned();
    let (status, body) = read(create(&world, &stranger, &json!({ "status": "x" }))).await;
    assert_eq!((status, body), (401, json!({ "error": "The access token is invalid" })));
    assert_eq!(upload(&world, &seed, b"text".to_vec()).await.0, 422);
    let picture = upload(&world, &seed, samples::jpeg(64, 64, 1)).await.1;
    let video = upload(&world, &seed, samples::mp4(samples::VideoShape::default(), 1))
        .await
        .1;
    let mixed = json!({ "status": "x", "media_ids": [picture["id"], video["id"]] });
    assert_eq!(read(create(&world, &seed, &mixed)).await.0, 422);
}

#[tokio::test]
async fn a_lag_hides_a_toot_from_reads_only() {
    let world = TestWorld::new().await;
    let seed = world.account(
        Platform::Mastodon,
        vec![Rule::always(Class::Create, Fault::ReadLag { s: 30 })],
    );
    let (_, toot) = read(create(&world, &seed, &json!({ "status": "late" }))).await;
    let path = format!("v1/statuses/{}", toot["id"].as_str().unwrap());
    assert_eq!(world.published(Platform::Mastodon).len(), 1);
    assert_eq!(read(get(&world, &seed, &path)).await.0, 404);
    world.clock.advance(SignedDuration::from_secs(30));
    assert_eq!(read(get(&world, &seed, &path)).await.0, 200);
}

#[tokio::test]
async fn a_reply_names_its_parent_and_pages_go_on() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Mastodon, vec![]);
    let (_, first) = read(create(&world, &seed, &json!({ "status": "1" }))).await;
    let reply = json!({ "status": "2", "in_reply_to_id": first["id"], "visibility": "private" });
    read(create(&world, &seed, &reply)).await;
    assert_eq!(
        world.published(Platform::Mastodon)[1].reply_to.as_deref(),
        first["id"].as_str()
    );
    let list = format!("v1/accounts/{}/statuses?limit=1", seed.remote_id);
    let (_, newest) = read(get(&world, &seed, &list)).await;
    assert_eq!(newest[0]["in_reply_to_id"], first["id"]);
    let next = format!("{list}&max_id={}", newest[0]["id"].as_str().unwrap());
    assert_eq!(read(get(&world, &seed, &next)).await.1[0]["id"], first["id"]);
    // A stranger sees no private toot.
    assert_eq!(read(world.client.get(at(&seed, &list))).await.1[0]["id"], first["id"]);
}
