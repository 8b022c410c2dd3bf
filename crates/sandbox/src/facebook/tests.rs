//! A publisher's view of an emulated Facebook page.

use domain::platform::Platform;
use jiff::SignedDuration;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::medium::sha256_hex;
use crate::testing::{TestWorld, every_creation_fault, read};
use crate::{AccountSeed, Class, Fault, Rule, samples};

mod videos;

fn send(world: &TestWorld, seed: &AccountSeed, path: &str, body: &Value) -> RequestBuilder {
    world
        .client
        .post(format!("{}/v25.0/{path}", seed.base_url))
        .bearer_auth(&seed.token)
        .json(body)
}

fn get(world: &TestWorld, seed: &AccountSeed, path: &str) -> RequestBuilder {
    let address = format!("{}/v25.0/{path}", seed.base_url);
    world.client.get(address).bearer_auth(&seed.token)
}

fn feed(world: &TestWorld, seed: &AccountSeed, body: &Value) -> RequestBuilder {
    send(world, seed, &format!("{}/feed", seed.remote_id), body)
}

fn code(body: &Value) -> (i64, Option<u64>) {
    (
        body["error"]["code"].as_i64().unwrap_or_default(),
        body["error"]["error_subcode"].as_u64(),
    )
}

async fn id_of(request: RequestBuilder) -> String {
    let (status, made) = read(request).await;
    assert_eq!(status, 200, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

/// Uploads a photo that stays unpublished.
async fn photo(world: &TestWorld, seed: &AccountSeed, bytes: &[u8], alt: &str) -> String {
    let part = reqwest::multipart::Part::bytes(bytes.to_vec()).file_name("photo");
    let form = reqwest::multipart::Form::new()
        .text("published", "false")
        .text("alt_text_custom", alt.to_owned())
        .part("source", part);
    let address = format!("{}/v25.0/{}/photos", seed.base_url, seed.remote_id);
    id_of(world.client.post(address).bearer_auth(&seed.token).multipart(form)).await
}

#[tokio::test]
async fn a_text_with_a_link_is_published_and_can_be_found() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Facebook, vec![]);
    let body = json!({ "message": "hi", "link": "https://example.com/a", "fields": "id,permalink_url" });
    let response = feed(&world, &seed, &body).send().await.unwrap();
    let usage: Value = serde_json::from_str(response.headers()["x-business-use-case-usage"].to_str().unwrap()).unwrap();
    assert_eq!(usage[&seed.remote_id][0]["type"], "pages");
    assert!(response.headers().contains_key("x-app-usage"));
    let made: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    let id = made["id"].as_str().unwrap();
    let stored = &world.published(Platform::Facebook)[0];
    assert_eq!((stored.text.as_str(), stored.remote_id.as_str()), ("hi", id));
    assert_eq!(stored.settings["link"], "https://example.com/a");
    assert_eq!(stored.url.as_deref(), made["permalink_url"].as_str());

    let list = format!(
        "{}/published_posts?fields=id,message,created_time,attachments{{media_type,target}}&limit=25",
        seed.remote_id
    );
    let (_, list) = read(get(&world, &seed, &list)).await;
    assert_eq!(
        (&list["data"][0]["id"], &list["data"][0]["message"]),
        (&json!(id), &json!("hi"))
    );
    assert_eq!(list["data"][0]["created_time"], "2026-11-22T09:00:00+0000");
}

#[tokio::test]
async fn every_fault_is_what_it_says() {
    every_creation_fault(Platform::Facebook, async |world, seed, text| {
        feed(world, seed, &json!({ "message": text }))
    })
    .await;
}

#[tokio::test]
async fn a_draft_is_seen_by_nobody_until_it_is_made_visible_however_often_that_is_asked_for() {
    let world = TestWorld::new().await;
    let script = vec![Rule::nth(Class::Create, 1, Fault::DropAfter)];
    let seed = world.account(Platform::Facebook, script);
    let (one, two) = (samples::jpeg(640, 480, 1), samples::png(300, 300, 2));
    let photos = [
        photo(&world, &seed, &one, "first").await,
        photo(&world, &seed, &two, "").await,
    ];
    // The numbers say the order, not the place in the body.
    let form = [
        ("message", "album".to_owned()),
        ("published", "false".to_owned()),
        ("attached_media[1]", json!({ "media_fbid": photos[1] }).to_string()),
        ("attached_media[0]", json!({ "media_fbid": photos[0] }).to_string()),
        ("access_token", seed.token.clone()),
    ];
    let address = format!("{}/v25.0/{}/feed", seed.base_url, seed.remote_id);
    let id = id_of(world.client.post(address).form(&form)).await;
    let shown = || get(&world, &seed, &format!("{id}?fields=is_published,permalink_url"));
    assert_eq!(read(shown()).await.1["is_published"], false);
    assert!(world.published(Platform::Facebook).is_empty());
    let (_, list) = read(get(&world, &seed, &format!("{}/feed", seed.remote_id))).await;
    assert_eq!(list["data"], json!([]));

    // A draft can be changed, and stays one.
    let change = send(&world, &seed, &id, &json!({ "message": "the album" }));
    assert_eq!(read(change).await.0, 200);
    assert!(world.published(Platform::Facebook).is_empty());

    let flip = || send(&world, &seed, &id, &json!({ "is_published": true }));
    assert!(flip().send().await.is_err());
    assert_eq!(read(shown()).await.1["is_published"], true);
    assert_eq!(read(flip()).await.1, json!({ "success": true }));
    let made = world.published(Platform::Facebook);
    assert_eq!((made.len(), made[0].text.as_str()), (1, "the album"));
    assert_eq!(made[0].media, [sha256_hex(&one), sha256_hex(&two)]);
    assert_eq!(made[0].alt, ["first", ""]);
    assert_eq!(made[0].notes["media_ids"], json!(photos));
    let back = send(&world, &seed, &id, &json!({ "is_published": false }));
    assert_eq!(code(&read(back).await.1), (100, None));
    let again = json!({ "attached_media": [{ "media_fbid": photos[0] }] });
    assert_eq!(code(&read(feed(&world, &seed, &again)).await.1), (100, Some(1_366_051)));
}

#[tokio::test]
async fn a_photo_that_is_fetched_is_a_post_of_its_own() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Facebook, vec![]);
    let photos = format!("{}/photos", seed.remote_id);
    let by_url = |name: &str| {
        let body = json!({ "url": world.sandbox.sample_url(name), "message": "look", "alt_text_custom": "mosaic" });
        send(&world, &seed, &photos, &body)
    };
    let (_, made) = read(by_url("image.jpg")).await;
    let stored = &world.published(Platform::Facebook)[0];
    assert_eq!(
        (Some(stored.remote_id.as_str()), stored.text.as_str()),
        (made["post_id"].as_str(), "look")
    );
    assert_eq!(stored.media, [sha256_hex(&samples::jpeg(1080, 1080, 1))]);
    assert_eq!(stored.alt, ["mosaic"]);
    assert_eq!(code(&read(by_url("oversized.jpg")).await.1), (1, Some(1_366_046)));
    assert_eq!(code(&read(by_url("nothing.jpg")).await.1), (324, None));
    assert_eq!(code(&read(by_url("video.mp4")).await.1), (324, None));
    let photo = made["id"].as_str().unwrap();
    let (_, shown) = read(get(&world, &seed, &format!("{photo}?fields=alt_text_custom,name"))).await;
    assert_eq!(shown["alt_text_custom"], "mosaic");
}

#[tokio::test]
async fn the_newest_message_is_not_taken_twice() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Facebook, vec![]);
    let hi = json!({ "message": "hi" });
    id_of(feed(&world, &seed, &hi)).await;
    assert_eq!(code(&read(feed(&world, &seed, &hi)).await.1), (506, None));
    id_of(feed(&world, &seed, &json!({ "message": "between" }))).await;
    id_of(feed(&world, &seed, &hi)).await;
    world.clock.advance(SignedDuration::from_hours(1));
    id_of(feed(&world, &seed, &hi)).await;
    assert_eq!(world.published(Platform::Facebook).len(), 4);
}

#[tokio::test]
async fn what_facebook_refuses_is_refused_with_its_codes() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Facebook, vec![]);
    let cases = [
        (json!({}), (100, None)),
        (json!({ "message": "x".repeat(63_207) }), (100, None)),
        (json!({ "link": "nonsense" }), (100, Some(2_061_006))),
        (json!({ "link": "https://www.facebook.com/x" }), (100, Some(1_609_008))),
        (json!({ "attached_media": [{ "media_fbid": "1" }] }), (100, None)),
        (
            json!({ "message": "x", "published": false, "scheduled_publish_time": 5 }),
            (100, None),
        ),
    ];
    for (body, expected) in cases {
        let (status, refused) = read(feed(&world, &seed, &body)).await;
        assert_eq!((status, code(&refused)), (400, expected), "{body}");
        assert!(refused["error"]["fbtrace_id"].is_string());
    }
    let missing = read(get(&world, &seed, "1_2?fields=id")).await.1;
    assert_eq!(
        (code(&missing), &missing["error"]["type"]),
        ((100, Some(33)), &json!("GraphMethodException"))
    );
    let elsewhere = send(&world, &seed, "4711/feed", &json!({ "message": "x" }));
    assert_eq!(code(&read(elsewhere).await.1), (100, Some(33)));
    let wrong = world
        .client
        .get(format!("{}/v25.0/me?access_token=wrong", seed.base_url));
    assert_eq!(code(&read(wrong).await.1), (190, None));
    assert!(world.published(Platform::Facebook).is_empty());
}

#[tokio::test]
async fn refusals_of_the_script_have_the_documented_bodies() {
    let world = TestWorld::new().await;
    let script = vec![
        Rule::nth(Class::Create, 1, Fault::RateLimit { retry_after_s: 720 }),
        Rule::nth(Class::Create, 2, Fault::ExpiredToken),
        Rule::nth(Class::Create, 3, Fault::RejectContent),
        Rule::nth(Class::Create, 4, Fault::ErrorBefore { status: 500 }),
        Rule::nth(Class::Create, 5, Fault::ReadLag { s: 20 }),
    ];
    let seed = world.account(Platform::Facebook, script);
    let hi = json!({ "message": "hi" });
    let limited = feed(&world, &seed, &hi).send().await.unwrap();
    let usage: Value = serde_json::from_str(limited.headers()["x-business-use-case-usage"].to_str().unwrap()).unwrap();
    assert_eq!(usage["0"][0]["estimated_time_to_regain_access"], 12);
    for expected in [(190, Some(463)), (368, Some(1_346_003)), (2, None)] {
        assert_eq!(code(&read(feed(&world, &seed, &hi)).await.1), expected);
    }
    let id = id_of(feed(&world, &seed, &hi)).await;
    let show = || get(&world, &seed, &format!("{id}?fields=permalink_url"));
    assert_eq!(code(&read(show()).await.1), (100, Some(33)));
    world.clock.advance(SignedDuration::from_secs(20));
    assert_eq!(read(show()).await.0, 200);
}

#[tokio::test]
async fn a_comment_is_made_and_a_post_is_deleted_once() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Facebook, vec![]);
    let id = id_of(feed(&world, &seed, &json!({ "message": "post" }))).await;
    let comments = format!("{id}/comments");
    let comment = id_of(send(&world, &seed, &comments, &json!({ "message": "first" }))).await;
    assert!(comment.starts_with(&format!("{}_", id.rsplit('_').next().unwrap())));
    let (_, list) = read(get(&world, &seed, &comments)).await;
    assert_eq!(list["data"][0]["message"], "first");
    let made = world.published(Platform::Facebook);
    assert_eq!(
        (made[1].reply_to.as_deref(), &made[1].settings["kind"]),
        (Some(id.as_str()), &json!("comment"))
    );
    let edit = send(&world, &seed, &id, &json!({ "message": "changed" }));
    assert_eq!(read(edit).await.0, 200);
    assert_eq!(world.published(Platform::Facebook)[0].text, "changed");

    let delete = || {
        let address = format!("{}/v25.0/{id}", seed.base_url);
        world.client.delete(address).bearer_auth(&seed.token)
    };
    assert_eq!(read(delete()).await.1, json!({ "success": true }));
    assert_eq!(code(&read(delete()).await.1), (100, Some(33)));
    assert!(world.published(Platform::Facebook)[0].deleted);
}

#[tokio::test]
async fn a_scheduled_post_shows_when_its_time_comes() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Facebook, vec![]);
    let opening: jiff::Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
    let at = opening.as_second() + 3_600;
    let body = json!({ "message": "later", "published": false, "scheduled_publish_time": at });
    let id = id_of(feed(&world, &seed, &body)).await;
    assert_eq!(read(get(&world, &seed, &id)).await.0, 400);
    world.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(read(get(&world, &seed, &id)).await.0, 200);
}
