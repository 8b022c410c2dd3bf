//! A publisher's view of the emulated Threads.

use domain::platform::Platform;
use jiff::SignedDuration;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::medium::sha256_hex;
use crate::testing::{TestWorld, every_creation_fault, read};
use crate::{AccountSeed, Class, Fault, Rule, samples};

fn send(world: &TestWorld, seed: &AccountSeed, path: &str, body: &Value) -> RequestBuilder {
    world
        .client
        .post(format!("{}/v1.0/{path}", seed.base_url))
        .bearer_auth(&seed.token)
        .json(body)
}

fn get(world: &TestWorld, seed: &AccountSeed, path: &str) -> RequestBuilder {
    let address = format!("{}/v1.0/{path}", seed.base_url);
    world.client.get(address).bearer_auth(&seed.token)
}

fn make(world: &TestWorld, seed: &AccountSeed, body: &Value) -> RequestBuilder {
    send(world, seed, "me/threads", body)
}

async fn container(world: &TestWorld, seed: &AccountSeed, body: &Value) -> String {
    let (status, made) = read(make(world, seed, body)).await;
    assert_eq!(status, 200, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

async fn status(world: &TestWorld, seed: &AccountSeed, id: &str) -> Value {
    read(get(world, seed, &format!("{id}?fields=id,status,error_message")))
        .await
        .1
}

fn text(words: &str) -> Value {
    json!({ "media_type": "TEXT", "text": words })
}

/// Makes a container of this text and waits until it is finished.
async fn finished(world: &TestWorld, seed: &AccountSeed, body: &Value) -> String {
    let id = container(world, seed, body).await;
    for _ in 0..3 {
        if status(world, seed, &id).await["status"] == "FINISHED" {
            return id;
        }
    }
    panic!("never finished");
}

fn publish(world: &TestWorld, seed: &AccountSeed, id: &str) -> RequestBuilder {
    send(world, seed, "me/threads_publish", &json!({ "creation_id": id }))
}

async fn published(world: &TestWorld, seed: &AccountSeed, body: &Value) -> String {
    let id = finished(world, seed, body).await;
    let (status, made) = read(publish(world, seed, &id)).await;
    assert_eq!(status, 200, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

fn code(body: &Value) -> (i64, Option<u64>) {
    (
        body["error"]["code"].as_i64().unwrap_or_default(),
        body["error"]["error_subcode"].as_u64(),
    )
}

#[tokio::test]
async fn a_text_is_published_once_however_often_it_is_asked_for() {
    let world = TestWorld::new().await;
    let script = vec![Rule::nth(Class::Create, 1, Fault::DropAfter)];
    let seed = world.account(Platform::Threads, script);
    let body = json!({
        "media_type": "TEXT",
        "text": "hi #rust",
        "reply_control": "mentioned_only",
        "link_attachment": "https://example.com",
    });
    let id = finished(&world, &seed, &body).await;
    assert!(publish(&world, &seed, &id).send().await.is_err());
    assert_eq!(status(&world, &seed, &id).await["status"], "PUBLISHED");
    assert_eq!(read(publish(&world, &seed, &id)).await.0, 400);
    let made = world.published(Platform::Threads);
    assert_eq!(
        (made.len(), made[0].text.as_str(), made[0].key.as_deref()),
        (1, "hi #rust", Some(id.as_str()))
    );
    assert_eq!(
        made[0].settings,
        json!({
            "media_type": "TEXT",
            "reply_control": "mentioned_only",
            "link_attachment": "https://example.com",
            "topic_tag": "rust",
        })
    );
    let list = format!(
        "{}/threads?fields=id,text,timestamp,permalink,media_type&limit=25",
        seed.remote_id
    );
    let (_, list) = read(get(&world, &seed, &list)).await;
    let found = &list["data"][0];
    assert_eq!(
        (&found["media_type"], &found["timestamp"]),
        (&json!("TEXT_POST"), &json!("2026-11-22T09:00:00+0000"))
    );
    assert_eq!(found["permalink"].as_str(), made[0].url.as_deref());
}

#[tokio::test]
async fn every_fault_is_what_it_says() {
    every_creation_fault(Platform::Threads, async |world, seed, words| {
        let id = finished(world, seed, &text(words)).await;
        publish(world, seed, &id)
    })
    .await;
}

#[tokio::test]
async fn a_container_is_denied_until_it_is_known_everywhere() {
    let world = TestWorld::new().await;
    let script = vec![Rule::nth(Class::Upload, 3, Fault::ReadLag { s: 20 })];
    let seed = world.account(Platform::Threads, script);
    let blind = container(&world, &seed, &text("blind")).await;
    let (_, denied) = read(publish(&world, &seed, &blind)).await;
    assert_eq!(code(&denied), (24, Some(4_279_009)));
    assert_eq!(
        (&denied["error"]["error_user_title"], &denied["error"]["is_transient"]),
        (&json!("Media Not Found"), &json!(false))
    );
    world.clock.advance(SignedDuration::from_secs(5));
    assert_eq!(read(publish(&world, &seed, &blind)).await.0, 200);
    published(&world, &seed, &text("polled")).await;

    let lagging = finished(&world, &seed, &text("lagging")).await;
    world.clock.advance(SignedDuration::from_secs(19));
    assert_eq!(
        code(&read(publish(&world, &seed, &lagging)).await.1),
        (24, Some(4_279_009))
    );
    world.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(read(publish(&world, &seed, &lagging)).await.0, 200);
}

#[tokio::test]
async fn a_chain_of_replies_waits_for_its_parent_and_is_in_a_list_of_its_own() {
    let world = TestWorld::new().await;
    let script = vec![Rule::nth(Class::Create, 1, Fault::ReadLag { s: 10 })];
    let seed = world.account(Platform::Threads, script);
    let first = published(&world, &seed, &text("1")).await;
    let reply = json!({ "media_type": "TEXT", "text": "2", "reply_to_id": first });
    assert_eq!(code(&read(make(&world, &seed, &reply)).await.1), (24, Some(4_279_009)));
    world.clock.advance(SignedDuration::from_secs(10));
    let second = published(&world, &seed, &reply).await;
    let made = world.published(Platform::Threads);
    assert_eq!(made[1].reply_to.as_deref(), Some(first.as_str()));
    let ids = async |path: String| {
        let (_, list) = read(get(&world, &seed, &path)).await;
        list["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|post| post["id"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(format!("{}/threads", seed.remote_id)).await, [json!(first)]);
    assert_eq!(ids("me/replies".to_owned()).await, [json!(second)]);
    assert_eq!(ids(format!("{first}/replies")).await, [json!(second)]);
    let limit = "me/threads_publishing_limit?fields=quota_usage,config,reply_quota_usage,reply_config";
    assert_eq!(
        read(get(&world, &seed, limit)).await.1,
        json!({ "data": [{
            "quota_usage": 1,
            "config": { "quota_total": 250, "quota_duration": 86_400 },
            "reply_quota_usage": 1,
            "reply_config": { "quota_total": 1_000, "quota_duration": 86_400 },
        }]})
    );
}

#[tokio::test]
async fn a_carousel_keeps_the_order_of_its_children() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Threads, vec![]);
    let image = json!({
        "media_type": "IMAGE",
        "image_url": world.sandbox.sample_url("image.jpg"),
        "is_carousel_item": true,
        "alt_text": "mosaic",
    });
    let video =
        json!({ "media_type": "VIDEO", "video_url": world.sandbox.sample_url("video.mp4"), "is_carousel_item": true });
    let early = container(&world, &seed, &image).await;
    let parent = |children: String| json!({ "media_type": "CAROUSEL", "children": children, "text": "c" });
    let unready = parent(format!("{early},{early}"));
    assert_eq!(
        code(&read(make(&world, &seed, &unready)).await.1),
        (24, Some(4_279_009))
    );
    let children = [
        finished(&world, &seed, &video).await,
        finished(&world, &seed, &image).await,
    ];
    published(&world, &seed, &parent(children.join(","))).await;
    let made = &world.published(Platform::Threads)[0];
    let film = samples::by_name("video.mp4").unwrap().1;
    assert_eq!(
        made.media,
        [sha256_hex(&film), sha256_hex(&samples::jpeg(1080, 1080, 1))]
    );
    assert_eq!(made.alt, ["", "mosaic"]);
    assert_eq!(made.notes["media_type"], "CAROUSEL_ALBUM");
    assert_eq!(
        code(&read(make(&world, &seed, &parent(children[0].clone()))).await.1),
        (100, None)
    );
    assert_eq!(
        code(&read(publish(&world, &seed, &children[0])).await.1),
        (24, Some(4_279_009))
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_file_is_told_by_the_status() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Threads, vec![]);
    let video = |name: &str| json!({ "media_type": "VIDEO", "video_url": world.sandbox.sample_url(name) });
    let image = |name: &str| json!({ "media_type": "IMAGE", "image_url": world.sandbox.sample_url(name) });
    let cases = [
        (video("video-15fps.mp4"), "INVALID_FRAME_RATE"),
        (video("nothing.mp4"), "FAILED_DOWNLOADING_VIDEO"),
        (video("image.jpg"), "FAILED_PROCESSING_VIDEO"),
        (image("video.mp4"), "UNKNOWN"),
        (image("oversized.jpg"), "UNKNOWN"),
    ];
    for (body, expected) in cases {
        let id = container(&world, &seed, &body).await;
        let mut seen = status(&world, &seed, &id).await;
        while seen["status"] == "IN_PROGRESS" {
            seen = status(&world, &seed, &id).await;
        }
        assert_eq!(
            (&seen["status"], &seen["error_message"]),
            (&json!("ERROR"), &json!(expected)),
            "{body}"
        );
        assert_eq!(code(&read(publish(&world, &seed, &id)).await.1), (24, Some(4_279_009)));
    }
    let id = finished(&world, &seed, &text("late")).await;
    world.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(status(&world, &seed, &id).await["status"], "EXPIRED");
    assert!(world.published(Platform::Threads).is_empty());
}

#[tokio::test]
async fn what_threads_refuses_is_refused_with_its_codes() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Threads, vec![]);
    let with = |name: &str, value: Value| {
        let mut body = text("x");
        body[name] = value;
        body
    };
    let cases = [
        json!({}),
        text(""),
        text(&"x".repeat(501)),
        // An emoji of four bytes is one character too many at the end.
        text(&format!("{}🙂", "x".repeat(497))),
        with("reply_control", json!("nobody")),
        with("topic_tag", json!("a.b")),
        with("link_attachment", json!("nonsense")),
        with("is_carousel_item", json!(true)),
        json!({ "media_type": "IMAGE", "text": "no image" }),
    ];
    for body in cases {
        let (status, refused) = read(make(&world, &seed, &body)).await;
        assert_eq!((status, code(&refused)), (400, (100, None)), "{body}");
    }
    container(&world, &seed, &text(&format!("{}🙂", "x".repeat(496)))).await;
    assert_eq!(
        read(make(&world, &seed, &with("auto_publish_text", json!(true))))
            .await
            .0,
        400
    );
    let journal = world.sandbox.requests(0, 50);
    assert_eq!(journal.iter().filter(|line| line.violation.is_some()).count(), 1);
    assert_eq!(
        code(&read(get(&world, &seed, "123?fields=id")).await.1),
        (100, Some(33))
    );
    let wrong = world
        .client
        .get(format!("{}/v1.0/me?access_token=wrong", seed.base_url));
    assert_eq!(code(&read(wrong).await.1), (190, None));
}

#[tokio::test]
async fn a_day_has_250_posts_and_100_deletions() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Threads, vec![]);
    let mut ids = Vec::new();
    for number in 0..250 {
        ids.push(published(&world, &seed, &text(&number.to_string())).await);
    }
    let more = finished(&world, &seed, &text("more")).await;
    assert_eq!(code(&read(publish(&world, &seed, &more)).await.1), (9, Some(2_207_042)));
    assert_eq!(status(&world, &seed, &more).await["status"], "FINISHED");
    let reply = json!({ "media_type": "TEXT", "text": "reply", "reply_to_id": ids[0] });
    published(&world, &seed, &reply).await;
    let delete = |id: &str| {
        let address = format!("{}/v1.0/{id}", seed.base_url);
        world.client.delete(address).bearer_auth(&seed.token)
    };
    for id in &ids[..100] {
        assert_eq!(read(delete(id)).await.1, json!({ "success": true, "deleted_id": id }));
    }
    assert_eq!(code(&read(delete(&ids[0])).await.1), (100, Some(33)));
    assert_eq!(code(&read(delete(&ids[100])).await.1), (9, Some(2_207_042)));
    world.clock.advance(SignedDuration::from_hours(23));
    assert_eq!(code(&read(publish(&world, &seed, &more)).await.1), (9, Some(2_207_042)));
    world.clock.advance(SignedDuration::from_hours(1));
    published(&world, &seed, &text("tomorrow")).await;
}

#[tokio::test]
async fn a_token_is_refreshed_after_a_day_and_ends_after_sixty() {
    let world = TestWorld::new().await;
    let mut seed = world.account(Platform::Threads, vec![]);
    let refresh = |token: &str| {
        let query = [("grant_type", "th_refresh_token"), ("access_token", token)];
        world
            .client
            .get(format!("{}/refresh_access_token", seed.base_url))
            .query(&query)
    };
    assert_eq!(code(&read(refresh(&seed.token)).await.1), (10, None));
    world.clock.advance(SignedDuration::from_hours(24));
    let (ok, fresh) = read(refresh(&seed.token)).await;
    assert_eq!((ok, &fresh["expires_in"]), (200, &json!(5_184_000)));
    seed.token = fresh["access_token"].as_str().unwrap().to_owned();
    assert_eq!(
        read(get(&world, &seed, "me?fields=username")).await.1["username"],
        "ada"
    );
    world.clock.advance(SignedDuration::from_hours(60 * 24));
    assert_eq!(code(&read(get(&world, &seed, "me")).await.1), (190, Some(463)));
}

#[tokio::test]
async fn a_published_container_is_known_after_a_restart() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_owned();
    let world = TestWorld::with(|options| options.journal = Some(path.clone())).await;
    let seed = world.account(Platform::Threads, vec![]);
    let id = finished(&world, &seed, &text("kept")).await;
    read(publish(&world, &seed, &id)).await;
    world.sandbox.shutdown().await.unwrap();
    let world = TestWorld::with(|options| options.journal = Some(path.clone())).await;
    let mut again = crate::NewSandboxAccount::new(Platform::Threads, "ada");
    again.remote_id = Some(seed.remote_id.clone());
    let seed = world.sandbox.add_account(&again).unwrap();
    assert_eq!(status(&world, &seed, &id).await["status"], "PUBLISHED");
    assert_ne!(finished(&world, &seed, &text("other")).await, id);
}
