//! A publisher's view of the emulated X.

use domain::platform::Platform;
use jiff::SignedDuration;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::medium::sha256_hex;
use crate::testing::{TestWorld, every_creation_fault, read};
use crate::{AccountSeed, Class, Fault, NewSandboxAccount, Rule, samples};

fn at(seed: &AccountSeed, path: &str) -> String {
    format!("{}/2/{path}", seed.base_url)
}

fn create(world: &TestWorld, seed: &AccountSeed, body: &Value) -> reqwest::RequestBuilder {
    send(world, seed, "tweets", body)
}

fn send(world: &TestWorld, seed: &AccountSeed, path: &str, body: &Value) -> reqwest::RequestBuilder {
    world.client.post(at(seed, path)).bearer_auth(&seed.token).json(body)
}

fn get(world: &TestWorld, seed: &AccountSeed, path: &str) -> reqwest::RequestBuilder {
    world.client.get(at(seed, path)).bearer_auth(&seed.token)
}

async fn upload_image(world: &TestWorld, seed: &AccountSeed, bytes: Vec<u8>) -> (u16, Value) {
    let form = Form::new()
        .text("media_category", "tweet_image")
        .part("media", Part::bytes(bytes).file_name("i"));
    read(
        world
            .client
            .post(at(seed, "media/upload"))
            .bearer_auth(&seed.token)
            .multipart(form),
    )
    .await
}

/// Uploads a video in three segments, the last first, and finalizes it.
async fn upload_video(world: &TestWorld, seed: &AccountSeed, bytes: &[u8]) -> Value {
    let init = json!({ "media_type": "video/mp4", "total_bytes": bytes.len(), "media_category": "tweet_video" });
    let (status, begun) = read(send(world, seed, "media/upload/initialize", &init)).await;
    assert_eq!(status, 200);
    let id = begun["data"]["id"].as_str().unwrap();
    for (index, segment) in bytes
        .chunks(bytes.len().div_ceil(3))
        .enumerate()
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
    {
        let form = Form::new()
            .text("segment_index", index.to_string())
            .part("media", Part::bytes(segment.to_vec()).file_name("s"));
        let path = at(seed, &format!("media/upload/{id}/append"));
        assert_eq!(
            read(world.client.post(path).bearer_auth(&seed.token).multipart(form))
                .await
                .0,
            200
        );
    }
    let path = at(seed, &format!("media/upload/{id}/finalize"));
    read(world.client.post(path).bearer_auth(&seed.token)).await.1
}

async fn state(world: &TestWorld, seed: &AccountSeed, id: &str) -> Value {
    let (_, body) = read(get(world, seed, &format!("media/upload?command=STATUS&media_id={id}"))).await;
    body["data"]["processing_info"]["state"].clone()
}

#[tokio::test]
async fn a_thread_with_a_picture_is_made_and_reconciled() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::X, vec![]);
    let (_, me) = read(get(&world, &seed, "users/me?user.fields=verified_type")).await;
    assert_eq!(me["data"]["username"], "ada");
    assert_eq!(me["data"]["verified_type"], "none");
    let picture = samples::jpeg(64, 64, 1);
    let (status, media) = upload_image(&world, &seed, picture.clone()).await;
    assert_eq!((status, &media["data"]["image"]["w"]), (200, &json!(64)));
    assert!(media["data"].get("processing_info").is_none());
    let id = media["data"]["id"].as_str().unwrap();
    let alt = json!({ "id": id, "metadata": { "alt_text": { "text": "mosaic" } } });
    assert_eq!(read(send(&world, &seed, "media/metadata", &alt)).await.0, 200);

    let text = "one & https://example.com/a?b=c";
    let response = create(&world, &seed, &json!({ "text": text, "media": { "media_ids": [id] } }))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["x-rate-limit-limit"], "1000");
    let first: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert!(
        first["data"]["text"]
            .as_str()
            .unwrap()
            .starts_with("one &amp; https://t.co/")
    );
    let reply = json!({ "text": "two", "reply": { "in_reply_to_tweet_id": first["data"]["id"] } });
    assert_eq!(read(create(&world, &seed, &reply)).await.0, 201);

    let query = "max_results=100&start_time=2026-11-22T08:59:30Z&exclude=retweets&post.fields=created_at,attachments,\
                 entities,source,referenced_posts,note_post";
    let (_, list) = read(get(&world, &seed, &format!("users/{}/tweets?{query}", seed.remote_id))).await;
    assert_eq!(list["meta"]["result_count"], 2);
    assert_eq!(list["data"][0]["referenced_posts"][0]["id"], first["data"]["id"]);
    let found = &list["data"][1];
    assert_eq!(found["attachments"]["media_keys"][0], format!("3_{id}"));
    assert_eq!(
        found["entities"]["urls"][0]["expanded_url"],
        "https://example.com/a?b=c"
    );
    assert_eq!(found["created_at"], "2026-11-22T09:00:00.000Z");
    let later = get(
        &world,
        &seed,
        &format!("users/{}/tweets?start_time=2026-11-22T09:00:01Z", seed.remote_id),
    );
    assert_eq!(read(later).await.1, json!({ "meta": { "result_count": 0 } }));

    let made = &world.published(Platform::X);
    assert_eq!(
        (made[0].text.as_str(), &made[0].media),
        (text, &vec![sha256_hex(&picture)])
    );
    assert_eq!(made[0].alt, ["mosaic"]);
    assert_eq!(made[1].reply_to.as_deref(), first["data"]["id"].as_str());
}

#[tokio::test]
async fn the_same_text_is_refused_for_an_hour() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::X, vec![]);
    let send = || create(&world, &seed, &json!({ "text": "again" }));
    assert_eq!(read(send()).await.0, 201);
    let (status, body) = read(send()).await;
    assert_eq!((status, &body["title"]), (403, &json!("Forbidden")));
    assert_eq!(
        body["detail"],
        "You are not allowed to create a Tweet with duplicate content."
    );
    world.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(read(send()).await.0, 201);
}

#[tokio::test]
async fn every_fault_is_what_it_says() {
    every_creation_fault(Platform::X, async |world, seed, text| {
        create(world, seed, &json!({ "text": text }))
    })
    .await;
}

#[tokio::test]
async fn a_limit_is_told_in_the_headers_without_retry_after() {
    let world = TestWorld::new().await;
    let seed = world.account(
        Platform::X,
        vec![Rule::always(Class::Create, Fault::RateLimit { retry_after_s: 60 })],
    );
    let response = create(&world, &seed, &json!({ "text": "x" })).send().await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["x-rate-limit-remaining"], "0");
    assert_eq!(response.headers()["x-rate-limit-reset"], "1795338060");
    assert!(response.headers().get("retry-after").is_none());
    assert_eq!(response.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn a_video_is_processed_by_the_clock() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::X, vec![]);
    let video = samples::mp4(samples::VideoShape::default(), 1);
    let finalized = upload_video(&world, &seed, &video).await;
    assert_eq!(
        finalized["data"]["processing_info"],
        json!({ "state": "pending", "check_after_secs": 1 })
    );
    assert_eq!(finalized["data"]["size"], video.len());
    let id = finalized["data"]["id"].as_str().unwrap();
    let post = json!({ "text": "v", "media": { "media_ids": [id] } });
    let (status, refused) = read(create(&world, &seed, &post)).await;
    assert_eq!(
        (status, &refused["errors"][0]["message"]),
        (400, &json!("Your media IDs are invalid."))
    );
    world.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(state(&world, &seed, id).await, "in_progress");
    world.clock.advance(SignedDuration::from_secs(2));
    assert_eq!(state(&world, &seed, id).await, "succeeded");
    assert_eq!(read(create(&world, &seed, &post)).await.0, 201);
    let made = &world.published(Platform::X)[0];
    assert_eq!(made.media, [sha256_hex(&video)]);
    // The prefix of the key differs from that of the upload; its digits do not.
    assert_eq!(finalized["data"]["media_key"], format!("7_{id}"));
    assert_eq!(made.notes["media_keys"][0], format!("13_{id}"));
}

#[tokio::test]
async fn processing_can_take_polls_or_fail() {
    let world = TestWorld::new().await;
    let script = vec![
        Rule::always(Class::Upload, Fault::ProcessingPolls { n: 2 }),
        Rule::always(Class::Upload, Fault::ProcessingFails),
    ];
    let seed = world.account(Platform::X, script);
    let finalized = upload_video(&world, &seed, &samples::mp4(samples::VideoShape::default(), 1)).await;
    let id = finalized["data"]["id"].as_str().unwrap();
    for expected in ["pending", "pending", "failed"] {
        assert_eq!(state(&world, &seed, id).await, expected);
    }
}

#[tokio::test]
async fn what_is_no_video_fails_in_processing() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::X, vec![]);
    let finalized = upload_video(&world, &seed, b"no video at all").await;
    world.clock.advance(SignedDuration::from_secs(5));
    assert_eq!(
        state(&world, &seed, finalized["data"]["id"].as_str().unwrap()).await,
        "failed"
    );
}

#[tokio::test]
async fn what_x_refuses_is_refused_in_its_shapes() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::X, vec![]);
    let invalid = [
        json!({ "text": "x", "unknown": 1 }),
        json!({ "text": "x", "reply_settings": "everyone" }),
        json!({ "text": "x", "media": { "media_ids": ["1", "2", "3", "4", "5"] } }),
        json!({ "text": "x", "media": { "media_ids": ["13_1"] } }),
        json!({ "text": "x", "media": { "media_ids": ["1"] } }),
        json!({ "text": "x", "poll": { "options": ["a", "b".repeat(26)], "duration_minutes": 60 } }),
        json!({ "text": "日".repeat(141) }),
        json!({}),
    ];
    for body in invalid {
        let (status, refused) = read(create(&world, &seed, &body)).await;
        assert_eq!((status, &refused["title"]), (400, &json!("Invalid Request")), "{body}");
        assert!(
            refused["type"]
                .as_str()
                .unwrap()
                .ends_with("/2/problems/invalid-request")
        );
    }
    let reply = json!({ "text": "x", "reply": { "in_reply_to_tweet_id": "1" } });
    let (status, missing) = read(create(&world, &seed, &reply)).await;
    assert_eq!((status, &missing["resource_type"]), (404, &json!("tweet")));
    let mut stranger = seed.clone();
    stranger.token = "wrong".to_owned();
    let (status, body) = read(create(&world, &stranger, &json!({ "text": "x" }))).await;
    assert_eq!(status, 401);
    assert_eq!(
        body,
        json!({ "title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized" })
    );
    let picture = upload_image(&world, &seed, samples::jpeg(64, 64, 1)).await.1;
    let id = picture["data"]["id"].as_str().unwrap();
    assert_eq!(
        read(get(
            &world,
            &seed,
            &format!("media/upload?command=STATUS&media_id={id}")
        ))
        .await
        .0,
        400
    );
    let bound = get(&world, &seed, &format!("users/{}/tweets?max_results=4", seed.remote_id));
    assert_eq!(read(bound).await.0, 400);
    assert!(world.published(Platform::X).is_empty());
    assert_eq!(
        read(create(&world, &seed, &json!({ "text": "日".repeat(140) })))
            .await
            .0,
        201
    );
}

#[tokio::test]
async fn a_post_is_read_and_deleted_by_its_author_only() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::X, vec![]);
    let other = world
        .sandbox
        .add_account(&NewSandboxAccount::new(Platform::X, "bob"))
        .unwrap();
    let (_, made) = read(create(&world, &seed, &json!({ "text": "mine" }))).await;
    let path = format!("tweets/{}", made["data"]["id"].as_str().unwrap());
    assert_eq!(read(get(&world, &seed, &path)).await.1["data"]["text"], "mine");
    let delete = |seed: &AccountSeed| world.client.delete(at(seed, &path)).bearer_auth(&seed.token);
    assert_eq!(read(delete(&other)).await.0, 403);
    let foreign = json!({ "text": "hey", "reply": { "in_reply_to_tweet_id": made["data"]["id"] } });
    assert_eq!(read(create(&world, &other, &foreign)).await.0, 403);
    assert_eq!(read(delete(&seed)).await, (200, json!({ "data": { "deleted": true } })));
    assert_eq!(read(delete(&seed)).await.0, 404);
    let (status, gone) = read(get(&world, &seed, &path)).await;
    assert_eq!((status, &gone["errors"][0]["title"]), (200, &json!("Not Found Error")));
}

#[tokio::test]
async fn a_refresh_token_works_once() {
    let world = TestWorld::new().await;
    let mut seed = world.account(Platform::X, vec![]);
    world.clock.advance(SignedDuration::from_hours(2));
    assert_eq!(read(create(&world, &seed, &json!({ "text": "x" }))).await.0, 401);
    let refresh = |token: &str| {
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        world
            .client
            .post(at(&seed, "oauth2/token"))
            .basic_auth("id", Some("secret"))
            .form(&form)
    };
    let (status, pair) = read(refresh(seed.refresh_token.as_deref().unwrap())).await;
    assert_eq!((status, &pair["expires_in"]), (200, &json!(7_200)));
    let (status, refused) = read(refresh(seed.refresh_token.as_deref().unwrap())).await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_request")));
    seed.token = pair["access_token"].as_str().unwrap().to_owned();
    assert_eq!(read(create(&world, &seed, &json!({ "text": "x" }))).await.0, 201);
}

#[tokio::test]
async fn a_refresh_can_be_refused_by_script() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::X, vec![Rule::always(Class::Refresh, Fault::RefreshRefused)]);
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", seed.refresh_token.as_deref().unwrap()),
    ];
    let (status, body) = read(world.client.post(at(&seed, "oauth2/token")).form(&form)).await;
    assert_eq!((status, &body["error"]), (400, &json!("invalid_request")));
}
