//! A publisher's view of the emulated PDS.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::platform::Platform;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::medium::sha256_hex;
use crate::testing::{TestWorld, every_creation_fault, read};
use crate::{AccountSeed, Class, Fault, Rule, samples};

const RKEY: &str = "3l4aaaaaaaa2a";

fn at(seed: &AccountSeed, method: &str) -> String {
    format!("{}/xrpc/com.atproto.{method}", seed.base_url)
}

fn call(world: &TestWorld, seed: &AccountSeed, method: &str, body: &Value) -> reqwest::RequestBuilder {
    world.client.post(at(seed, method)).bearer_auth(&seed.token).json(body)
}

fn post(text: &str) -> Value {
    json!({ "$type": "app.bsky.feed.post", "text": text, "createdAt": "2026-11-22T09:00:00.000Z" })
}

fn put_body(seed: &AccountSeed, rkey: &str, record: &Value) -> Value {
    json!({ "repo": seed.remote_id, "collection": "app.bsky.feed.post", "rkey": rkey, "record": record })
}

fn put(world: &TestWorld, seed: &AccountSeed, record: &Value) -> reqwest::RequestBuilder {
    call(world, seed, "repo.putRecord", &put_body(seed, RKEY, record))
}

async fn upload(world: &TestWorld, seed: &AccountSeed, mime: &str, bytes: Vec<u8>) -> (u16, Value) {
    let request = world
        .client
        .post(at(seed, "repo.uploadBlob"))
        .bearer_auth(&seed.token)
        .header("content-type", mime);
    read(request.body(bytes)).await
}

#[tokio::test]
async fn a_session_is_made_refreshed_and_ends() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Bluesky, vec![]);
    let create = |password: &str| {
        let body = json!({ "identifier": "ada.example.com", "password": password });
        world.client.post(at(&seed, "server.createSession")).json(&body)
    };
    assert_eq!(
        read(create("wrong")).await,
        (
            401,
            json!({ "error": "AuthenticationRequired", "message": "Invalid identifier or password" })
        )
    );
    let (status, session) = read(create(seed.password.as_deref().unwrap())).await;
    assert_eq!((status, &session["did"]), (200, &json!(seed.remote_id)));
    assert_eq!(
        session["didDoc"]["service"][0]["serviceEndpoint"],
        seed.base_url.as_str()
    );
    let access = session["accessJwt"].as_str().unwrap();
    let claims = URL_SAFE_NO_PAD.decode(access.split('.').nth(1).unwrap()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 7_200);

    let who = |token: &str| world.client.get(at(&seed, "server.getSession")).bearer_auth(token);
    assert_eq!(read(who(access)).await.0, 200);
    world.clock.advance(SignedDuration::from_hours(3));
    assert_eq!(
        read(who(access)).await,
        (400, json!({ "error": "ExpiredToken", "message": "Token has expired" }))
    );
    assert_eq!(read(who("nonsense")).await.1["error"], "InvalidToken");
    assert_eq!(read(world.client.get(at(&seed, "server.getSession"))).await.0, 401);
    let refresh = |token: &str| world.client.post(at(&seed, "server.refreshSession")).bearer_auth(token);
    assert_eq!(read(refresh(access)).await.1["error"], "InvalidToken");
    let (status, renewed) = read(refresh(session["refreshJwt"].as_str().unwrap())).await;
    assert_eq!(status, 200);
    assert_eq!(read(who(renewed["accessJwt"].as_str().unwrap())).await.0, 200);
    // A used refresh token still works for a while, not for long.
    assert_eq!(read(refresh(session["refreshJwt"].as_str().unwrap())).await.0, 200);
    world.clock.advance(SignedDuration::from_hours(3));
    assert_eq!(
        read(refresh(session["refreshJwt"].as_str().unwrap())).await.1["error"],
        "ExpiredToken"
    );
}

#[tokio::test]
async fn the_same_record_again_is_the_same_post() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Bluesky, vec![]);
    let (status, first) = read(put(&world, &seed, &post("once"))).await;
    let (_, second) = read(put(&world, &seed, &post("once"))).await;
    assert_eq!(status, 200);
    assert_eq!((&first["uri"], &first["cid"]), (&second["uri"], &second["cid"]));
    assert_eq!(world.published(Platform::Bluesky).len(), 1);

    let mut body = put_body(&seed, RKEY, &post("once"));
    body["swapRecord"] = Value::Null;
    let (status, refused) = read(call(&world, &seed, "repo.putRecord", &body)).await;
    assert_eq!((status, &refused["error"]), (400, &json!("InvalidSwap")));
    assert_eq!(
        refused["message"],
        format!("Record was at {}", first["cid"].as_str().unwrap())
    );
    let again = call(
        &world,
        &seed,
        "repo.createRecord",
        &put_body(&seed, RKEY, &post("once")),
    );
    assert_eq!(read(again).await.0, 500);

    let (_, other) = read(put(&world, &seed, &post("other"))).await;
    assert_ne!(other["cid"], first["cid"]);
    let made = world.published(Platform::Bluesky);
    assert_eq!((made.len(), made[0].text.as_str()), (1, "other"));
}

#[tokio::test]
async fn a_record_is_read_listed_and_deleted() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Bluesky, vec![]);
    let get = |rkey: &str| {
        let query = [
            ("repo", seed.remote_id.as_str()),
            ("collection", "app.bsky.feed.post"),
            ("rkey", rkey),
        ];
        world.client.get(at(&seed, "repo.getRecord")).query(&query)
    };
    let (status, missing) = read(get(RKEY)).await;
    assert_eq!((status, &missing["error"]), (400, &json!("RecordNotFound")));
    let response = put(&world, &seed, &post("here")).send().await.unwrap();
    assert_eq!(response.headers()["ratelimit-policy"], "1000;w=3600");
    let (_, found) = read(get(RKEY)).await;
    assert_eq!(found["value"], post("here"));
    let list = [
        ("repo", seed.handle.as_str()),
        ("collection", "app.bsky.feed.post"),
        ("limit", "1"),
    ];
    let (_, list) = read(world.client.get(at(&seed, "repo.listRecords")).query(&list)).await;
    assert_eq!(
        (&list["records"][0]["uri"], &list["cursor"]),
        (&found["uri"], &json!(RKEY))
    );
    for _ in 0..2 {
        let body = json!({ "repo": seed.remote_id, "collection": "app.bsky.feed.post", "rkey": RKEY });
        assert_eq!(
            read(call(&world, &seed, "repo.deleteRecord", &body)).await,
            (200, json!({}))
        );
    }
    assert_eq!(read(get(RKEY)).await.0, 400);
    let resolve = world
        .client
        .get(at(&seed, "identity.resolveHandle"))
        .query(&[("handle", &seed.handle)]);
    assert_eq!(read(resolve).await.1["did"], seed.remote_id.as_str());
}

#[tokio::test]
async fn every_fault_is_what_it_says() {
    every_creation_fault(Platform::Bluesky, async |world, seed, text| {
        put(world, seed, &post(text))
    })
    .await;
}

#[tokio::test]
async fn a_dead_token_needs_a_refresh() {
    let world = TestWorld::new().await;
    let mut seed = world.account(
        Platform::Bluesky,
        vec![Rule::nth(Class::Create, 1, Fault::ExpiredToken)],
    );
    for _ in 0..2 {
        assert_eq!(read(put(&world, &seed, &post("x"))).await.1["error"], "ExpiredToken");
    }
    let refresh = world
        .client
        .post(at(&seed, "server.refreshSession"))
        .bearer_auth(seed.refresh_token.as_ref().unwrap());
    seed.token = read(refresh).await.1["accessJwt"].as_str().unwrap().to_owned();
    assert_eq!(read(put(&world, &seed, &post("x"))).await.0, 200);
}

#[tokio::test]
async fn images_are_embedded_by_their_blobs() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Bluesky, vec![]);
    let picture = samples::jpeg(64, 64, 1);
    let (status, uploaded) = upload(&world, &seed, "image/jpeg", picture.clone()).await;
    assert_eq!((status, &uploaded["blob"]["mimeType"]), (200, &json!("image/jpeg")));
    let image = json!({ "image": uploaded["blob"], "alt": "mosaic", "aspectRatio": { "width": 1, "height": 1 } });
    let with = |images: Vec<Value>| {
        let mut record = post("pictures");
        record["embed"] = json!({ "$type": "app.bsky.embed.images", "images": images });
        record
    };
    assert_eq!(read(put(&world, &seed, &with(vec![image.clone()]))).await.0, 200);
    let made = &world.published(Platform::Bluesky)[0];
    assert_eq!(
        (&made.media, &made.alt),
        (&vec![sha256_hex(&picture)], &vec!["mosaic".to_owned()])
    );
    let query = [
        ("did", seed.remote_id.as_str()),
        ("cid", uploaded["blob"]["ref"]["$link"].as_str().unwrap()),
    ];
    let blob = world
        .client
        .get(at(&seed, "sync.getBlob"))
        .query(&query)
        .send()
        .await
        .unwrap();
    assert_eq!(blob.bytes().await.unwrap(), picture);

    let (_, refused) = read(put(&world, &seed, &with(vec![image.clone(); 5]))).await;
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("array too big (maximum 4, got 5)")
    );
    let mut no_alt = image.clone();
    no_alt.as_object_mut().unwrap().remove("alt");
    assert_eq!(read(put(&world, &seed, &with(vec![no_alt]))).await.0, 400);
    let mut unknown = image;
    unknown["image"]["ref"]["$link"] = json!("bafkreiunknown");
    assert_eq!(
        read(put(&world, &seed, &with(vec![unknown]))).await.1["error"],
        "BlobNotFound"
    );
    assert_eq!(
        upload(&world, &seed, "image/jpeg", vec![0; 6 * 1024 * 1024]).await.1["error"],
        "PayloadTooLarge"
    );

    let mut large = samples::jpeg(64, 64, 1);
    large.resize(2_000_001, 0);
    let (_, uploaded) = upload(&world, &seed, "image/jpeg", large).await;
    let (_, refused) = read(put(
        &world,
        &seed,
        &with(vec![json!({ "image": uploaded["blob"], "alt": "" })]),
    ))
    .await;
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("blob too big (maximum 2000000, got 2000001)")
    );
}

#[tokio::test]
async fn what_the_lexicon_forbids_is_refused_in_its_words() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Bluesky, vec![]);
    let change = |name: &str, value: Value| {
        let mut record = post("häh https://example.com");
        record[name] = value;
        record
    };
    let link = |start: u32, end: u32| {
        json!([{ "index": { "byteStart": start, "byteEnd": end },
            "features": [{ "$type": "app.bsky.richtext.facet#link", "uri": "https://example.com" }] }])
    };
    let cases = [
        (
            post(&"x".repeat(301)),
            "grapheme too big (maximum 300, got 301) at $.record.text",
        ),
        (
            post(&"👩‍👩‍👧‍👧".repeat(121)),
            "string too big (maximum 3000, got 3025) at $.record.text",
        ),
        (change("createdAt", json!("yesterday")), "Invalid datetime"),
        (
            change("langs", json!(["en", "de", "fr", "it"])),
            "array too big (maximum 3, got 4)",
        ),
        (change("facets", link(5, 99)), "facet range 5..99 is not in the text"),
        (change("facets", link(2, 5)), "facet range 2..5 is not in the text"),
        (
            change("reply", json!({ "root": { "uri": "at://x" } })),
            "Missing required key \"cid\"",
        ),
        (
            change(
                "embed",
                json!({ "$type": "app.bsky.embed.external", "external": { "uri": "u", "title": "t" } }),
            ),
            "Missing required key \"description\"",
        ),
        (change("$type", json!("app.bsky.feed.like")), "Invalid $type"),
    ];
    for (record, why) in cases {
        let (status, body) = read(put(&world, &seed, &record)).await;
        assert_eq!((status, &body["error"]), (400, &json!("InvalidRequest")), "{why}");
        assert!(body["message"].as_str().unwrap().contains(why), "{body}");
    }
    let bad_key = call(&world, &seed, "repo.putRecord", &put_body(&seed, "abc", &post("x")));
    assert!(
        read(bad_key).await.1["message"]
            .as_str()
            .unwrap()
            .contains("Invalid TID string")
    );
    let mut foreign = put_body(&seed, RKEY, &post("x"));
    foreign["repo"] = json!("did:plc:somebodyelse");
    assert_eq!(read(call(&world, &seed, "repo.putRecord", &foreign)).await.0, 403);
    assert!(world.published(Platform::Bluesky).is_empty());
    assert_eq!(read(put(&world, &seed, &change("facets", link(5, 24)))).await.0, 200);
}
