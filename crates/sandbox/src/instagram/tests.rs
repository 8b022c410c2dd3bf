//! A publisher's view of the emulated Instagram.

use domain::platform::Platform;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::medium::sha256_hex;
use crate::testing::{TestWorld, every_creation_fault, read};
use crate::{AccountSeed, Class, Fault, Filter, NewSandboxAccount, Rule, samples};

fn at(seed: &AccountSeed, path: &str) -> String {
    format!("{}/v25.0/{path}", seed.base_url)
}

fn send(world: &TestWorld, seed: &AccountSeed, path: &str, body: &Value) -> reqwest::RequestBuilder {
    world
        .client
        .post(at(seed, &format!("{}/{path}", seed.remote_id)))
        .bearer_auth(&seed.token)
        .json(body)
}

fn get(world: &TestWorld, seed: &AccountSeed, path: &str) -> reqwest::RequestBuilder {
    world.client.get(at(seed, path)).bearer_auth(&seed.token)
}

async fn container(world: &TestWorld, seed: &AccountSeed, body: &Value) -> String {
    let (status, made) = read(send(world, seed, "media", body)).await;
    assert_eq!(status, 200, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

async fn status(world: &TestWorld, seed: &AccountSeed, id: &str) -> Value {
    read(get(world, seed, &format!("{id}?fields=status_code,status")))
        .await
        .1["status_code"]
        .clone()
}

/// Makes a container of the sample image and polls it until it is finished.
async fn finished(world: &TestWorld, seed: &AccountSeed, caption: &str) -> String {
    let body = json!({ "image_url": world.sandbox.sample_url("image.jpg"), "caption": caption, "alt_text": "mosaic" });
    let id = container(world, seed, &body).await;
    assert_eq!(status(world, seed, &id).await, "IN_PROGRESS");
    assert_eq!(status(world, seed, &id).await, "FINISHED");
    id
}

fn publish(world: &TestWorld, seed: &AccountSeed, id: &str) -> reqwest::RequestBuilder {
    send(world, seed, "media_publish", &json!({ "creation_id": id }))
}

fn code(body: &Value) -> (i64, Option<u64>) {
    (
        body["error"]["code"].as_i64().unwrap(),
        body["error"]["error_subcode"].as_u64(),
    )
}

#[tokio::test]
async fn an_image_is_published_once_however_often_it_is_asked_for() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Instagram, vec![]);
    let (_, me) = read(get(&world, &seed, "me?fields=user_id,username")).await;
    assert_eq!(
        me,
        json!({ "id": seed.remote_id, "user_id": seed.remote_id, "username": "ada" })
    );
    let body = json!({ "image_url": world.sandbox.sample_url("image.jpg"), "caption": "hi", "alt_text": "mosaic" });
    let id = container(&world, &seed, &body).await;
    let (refused, early) = read(publish(&world, &seed, &id)).await;
    assert_eq!((refused, code(&early)), (400, (9_007, Some(2_207_027))));
    assert!(early["error"]["fbtrace_id"].is_string());
    for expected in ["IN_PROGRESS", "FINISHED", "FINISHED"] {
        assert_eq!(status(&world, &seed, &id).await, expected);
    }
    let (ok, made) = read(publish(&world, &seed, &id)).await;
    assert_eq!(ok, 200);
    assert_eq!(read(publish(&world, &seed, &id)).await.0, 400);
    assert_eq!(status(&world, &seed, &id).await, "PUBLISHED");

    let media_id = made["id"].as_str().unwrap();
    let fields = "fields=permalink,shortcode,media_product_type,timestamp";
    let (_, medium) = read(get(&world, &seed, &format!("{media_id}?{fields}"))).await;
    assert_eq!(
        (&medium["media_product_type"], &medium["timestamp"]),
        (&json!("FEED"), &json!("2026-11-22T09:00:00+0000"))
    );
    let (_, list) = read(get(
        &world,
        &seed,
        &format!("{}/media?fields=id,caption&limit=25", seed.remote_id),
    ))
    .await;
    assert_eq!(list["data"], json!([{ "id": media_id, "caption": "hi" }]));
    let limit = format!("{}/content_publishing_limit?fields=quota_usage,config", seed.remote_id);
    assert_eq!(
        read(get(&world, &seed, &limit)).await.1,
        json!({ "data": [{ "quota_usage": 1, "config": { "quota_total": 100, "quota_duration": 86_400 } }] })
    );
    let posts = world.published(Platform::Instagram);
    assert_eq!(posts.len(), 1);
    assert_eq!(posts[0].media, [sha256_hex(&samples::jpeg(1080, 1080, 1))]);
    assert_eq!(
        (posts[0].alt[0].as_str(), posts[0].key.as_deref()),
        ("mosaic", Some(id.as_str()))
    );
    assert_eq!(posts[0].url.as_deref(), medium["permalink"].as_str());
}

#[tokio::test]
async fn every_fault_is_what_it_says() {
    every_creation_fault(Platform::Instagram, async |world, seed, text| {
        let id = finished(world, seed, text).await;
        publish(world, seed, &id)
    })
    .await;
}

#[tokio::test]
async fn a_script_can_count_by_caption_although_publishing_does_not_carry_it() {
    let world = TestWorld::new().await;
    let seed = world.account(
        Platform::Instagram,
        vec![Rule::first_per_text(
            Class::Create,
            1,
            Fault::ErrorBefore { status: 500 },
        )],
    );
    for caption in ["a", "b"] {
        let id = finished(&world, &seed, caption).await;
        let (status, body) = read(publish(&world, &seed, &id)).await;
        assert_eq!((status, code(&body)), (500, (2, None)));
        assert_eq!(read(publish(&world, &seed, &id)).await.0, 200);
    }
}

#[tokio::test]
async fn a_reel_takes_longer_and_a_slow_one_fails() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Instagram, vec![]);
    let reel = |file: &str| json!({ "media_type": "REELS", "video_url": world.sandbox.sample_url(file), "caption": "r", "share_to_feed": true });
    let id = container(&world, &seed, &reel("video.mp4")).await;
    for expected in ["IN_PROGRESS", "IN_PROGRESS", "FINISHED"] {
        assert_eq!(status(&world, &seed, &id).await, expected);
    }
    assert_eq!(read(publish(&world, &seed, &id)).await.0, 200);
    let made = &world.published(Platform::Instagram)[0];
    assert!(made.url.as_deref().unwrap().contains("/reel/"));
    assert_eq!(
        (&made.notes["media_type"], &made.settings["share_to_feed"]),
        (&json!("VIDEO"), &json!(true))
    );

    let id = container(&world, &seed, &reel("video-15fps.mp4")).await;
    status(&world, &seed, &id).await;
    status(&world, &seed, &id).await;
    let (_, failed) = read(get(&world, &seed, &format!("{id}?fields=status_code,status"))).await;
    assert_eq!(
        failed["status"],
        "Error: Media upload has failed with error code 2207026"
    );
    assert_eq!(read(publish(&world, &seed, &id)).await.0, 400);
}

#[tokio::test]
async fn a_carousel_needs_finished_children() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Instagram, vec![]);
    let item = |alt: &str| json!({ "image_url": world.sandbox.sample_url("image.jpg"), "is_carousel_item": true, "alt_text": alt });
    let children = [
        container(&world, &seed, &item("one")).await,
        container(&world, &seed, &item("two")).await,
    ];
    let parent = json!({ "media_type": "CAROUSEL", "children": children.join(","), "caption": "c" });
    assert_eq!(
        code(&read(send(&world, &seed, "media", &parent)).await.1),
        (9_007, Some(2_207_027))
    );
    for child in &children {
        status(&world, &seed, child).await;
    }
    assert_eq!(
        code(&read(publish(&world, &seed, &children[0])).await.1),
        (100, Some(2_207_023))
    );
    let id = container(&world, &seed, &parent).await;
    status(&world, &seed, &id).await;
    assert_eq!(read(publish(&world, &seed, &id)).await.0, 200);
    let made = &world.published(Platform::Instagram)[0];
    assert_eq!(
        (made.media.len(), &made.alt),
        (2, &vec!["one".to_owned(), "two".to_owned()])
    );
    let one = json!({ "media_type": "CAROUSEL", "children": [children[0]] });
    assert_eq!(
        code(&read(send(&world, &seed, "media", &one)).await.1),
        (100, Some(2_207_028))
    );
}

#[tokio::test]
async fn what_instagram_refuses_is_refused_with_its_codes() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Instagram, vec![]);
    let image = |name: &str| json!({ "image_url": world.sandbox.sample_url(name) });
    let mut long = image("image.jpg");
    long["caption"] = json!("x".repeat(2_201));
    let cases = [
        (image("nothing.jpg"), (9_004, Some(2_207_052))),
        (
            json!({ "image_url": "https://example.invalid/a.jpg" }),
            (9_004, Some(2_207_052)),
        ),
        (image("image2.png"), (36_001, Some(2_207_005))),
        (image("oversized.jpg"), (36_000, Some(2_207_004))),
        (long, (36_004, Some(2_207_010))),
        (json!({ "media_type": "REELS" }), (100, None)),
        (json!({ "media_type": "HOLOGRAM" }), (100, Some(2_207_023))),
        (json!({}), (100, None)),
    ];
    for (body, expected) in cases {
        let (status, refused) = read(send(&world, &seed, "media", &body)).await;
        assert_eq!((status, code(&refused)), (400, expected), "{body}");
    }
    assert_eq!(
        code(&read(publish(&world, &seed, "123")).await.1),
        (24, Some(2_207_006))
    );
    assert_eq!(
        code(&read(get(&world, &seed, "123?fields=permalink")).await.1),
        (100, Some(33))
    );
    let wrong = world.client.get(at(&seed, "me?access_token=wrong"));
    assert_eq!(code(&read(wrong).await.1), (190, None));
    assert!(world.sandbox.published(&Filter::default()).is_empty());
}

#[tokio::test]
async fn a_container_ends_after_a_day() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Instagram, vec![]);
    let id = finished(&world, &seed, "late").await;
    world.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(status(&world, &seed, &id).await, "EXPIRED");
    assert_eq!(code(&read(publish(&world, &seed, &id)).await.1), (24, Some(2_207_008)));
}

#[tokio::test]
async fn processing_follows_the_script() {
    let world = TestWorld::new().await;
    let script = vec![
        Rule::always(Class::Upload, Fault::ProcessingPolls { n: 3 }),
        Rule::always(Class::Upload, Fault::ProcessingFails),
    ];
    let seed = world.account(Platform::Instagram, script);
    let id = container(
        &world,
        &seed,
        &json!({ "image_url": world.sandbox.sample_url("image.jpg") }),
    )
    .await;
    for expected in ["IN_PROGRESS", "IN_PROGRESS", "IN_PROGRESS", "ERROR"] {
        assert_eq!(status(&world, &seed, &id).await, expected);
    }
}

#[tokio::test]
async fn a_story_and_a_comment_are_made_and_read() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Instagram, vec![]);
    let id = finished(&world, &seed, "p").await;
    let (_, medium) = read(publish(&world, &seed, &id)).await;
    let media_id = medium["id"].as_str().unwrap();
    let comment = world
        .client
        .post(at(&seed, &format!("{media_id}/comments")))
        .form(&[("message", "first"), ("access_token", &seed.token)]);
    let (ok, made) = read(comment).await;
    assert_eq!(ok, 200);
    let (_, list) = read(get(&world, &seed, &format!("{media_id}/comments"))).await;
    assert_eq!(
        (&list["data"][0]["id"], &list["data"][0]["text"]),
        (&made["id"], &json!("first"))
    );

    let story = json!({ "media_type": "STORIES", "image_url": world.sandbox.sample_url("image.jpg") });
    let id = container(&world, &seed, &story).await;
    status(&world, &seed, &id).await;
    assert_eq!(read(publish(&world, &seed, &id)).await.0, 200);
    let stories = || get(&world, &seed, &format!("{}/stories?fields=permalink", seed.remote_id));
    assert!(
        read(stories()).await.1["data"][0]["permalink"]
            .as_str()
            .unwrap()
            .contains("/stories/ada/")
    );
    let (_, feed) = read(get(&world, &seed, &format!("{}/media", seed.remote_id))).await;
    assert_eq!(feed["data"].as_array().unwrap().len(), 1);
    world.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(read(stories()).await.1["data"], json!([]));
}

#[tokio::test]
async fn a_token_can_be_refreshed_after_a_day_with_the_same_script() {
    let world = TestWorld::new().await;
    let mut seed = world.account(Platform::Instagram, vec![Rule::always(Class::Read, Fault::DropBefore)]);
    let refresh = |token: &str| {
        let query = [("grant_type", "ig_refresh_token"), ("access_token", token)];
        world
            .client
            .get(format!("{}/refresh_access_token", seed.base_url))
            .query(&query)
    };
    assert_eq!(code(&read(refresh(&seed.token)).await.1), (10, None));
    world.clock.advance(SignedDuration::from_hours(24));
    let (ok, fresh) = read(refresh(&seed.token)).await;
    assert_eq!((ok, &fresh["expires_in"]), (200, &json!(5_184_000)));
    let journal = world.sandbox.requests(0, 10);
    assert!(journal.iter().all(|line| !line.path.contains("IGAA")));
    seed.token = fresh["access_token"].as_str().unwrap().to_owned();
    assert_eq!(
        read(get(&world, &seed, "me?fields=username")).await.1["username"],
        "ada"
    );
    assert!(
        get(&world, &seed, &format!("{}/media", seed.remote_id))
            .send()
            .await
            .is_err()
    );
    world.clock.advance(SignedDuration::from_hours(60 * 24));
    assert_eq!(code(&read(get(&world, &seed, "me")).await.1), (190, Some(463)));
}

#[tokio::test]
async fn a_published_container_is_known_after_a_restart() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_owned();
    let world = TestWorld::with(|options| options.journal = Some(path.clone())).await;
    let seed = world.account(Platform::Instagram, vec![]);
    let id = finished(&world, &seed, "kept").await;
    read(publish(&world, &seed, &id)).await;
    world.sandbox.shutdown().await.unwrap();
    let world = TestWorld::with(|options| options.journal = Some(path.clone())).await;
    let mut again = NewSandboxAccount::new(Platform::Instagram, "ada");
    again.remote_id = Some(seed.remote_id.clone());
    let seed = world.sandbox.add_account(&again).unwrap();
    assert_eq!(status(&world, &seed, &id).await, "PUBLISHED");
    assert_eq!(read(publish(&world, &seed, &id)).await.0, 400);
    assert_ne!(finished(&world, &seed, "other").await, id);
    assert_eq!(world.published(Platform::Instagram).len(), 1);
}
