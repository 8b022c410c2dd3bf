use std::sync::{Arc, Mutex};

use domain::content::{Media, MediaKind};
use serde_json::{Value, json};

use super::*;
use crate::testing::{Reply, Request, Server, TakenIds, World, draft, sha256_hex, start, with_comment, with_settings};

mod behaviour;
mod echo;
mod emulated;
mod errors;
mod find;
mod session;
mod upload;

const P: Platform = Platform::LinkedIn;

/// The URN of a post that was made now, by the tests' clock.
fn fresh(n: u64) -> String {
    let ms = u64::try_from(start().as_millisecond()).unwrap();
    format!("urn:li:share:{}", (ms << 22) + n)
}

fn created(urn: &str) -> Reply {
    Reply::text(201, "application/json", "").with_header("x-restli-id", urn)
}

/// A small LinkedIn whose files are ready at the second look.
struct Fake {
    server: Server,
    looks: Arc<Mutex<u32>>,
}

impl Fake {
    async fn start() -> Self {
        let looks: Arc<Mutex<u32>> = Arc::default();
        let (seen, made) = (Arc::clone(&looks), Mutex::new(0_u64));
        let base: Arc<Mutex<String>> = Arc::default();
        let own = Arc::clone(&base);
        let server = Server::start(move |request| {
            let mut made = made.lock().unwrap();
            *made += 1;
            let base = own.lock().unwrap().clone();
            let (path, _) = request.path.split_once('?').unwrap_or((&request.path, ""));
            match (request.method.as_str(), path) {
                ("POST", "/rest/images" | "/rest/documents") => {
                    let kind = path.trim_start_matches("/rest/").trim_end_matches('s');
                    let upload = format!("{base}/up/{made}");
                    Reply::json(
                        200,
                        &json!({ "value": { "uploadUrl": upload, kind: format!("urn:li:{kind}:{made}") } }),
                    )
                }
                ("PUT", _) => Reply::text(201, "text/plain", ""),
                ("POST", "/rest/posts") => created(&fresh(*made)),
                ("POST", path) if path.ends_with("/comments") => created("6636062862760562688"),
                ("GET", _) => {
                    let mut looks = seen.lock().unwrap();
                    *looks += 1;
                    let status = if *looks % 2 == 0 { "AVAILABLE" } else { "PROCESSING" };
                    Reply::json(200, &json!({ "status": status }))
                }
                _ => Reply::HangUp,
            }
        })
        .await;
        server.url().clone_into(&mut base.lock().unwrap());
        Self { server, looks }
    }

    fn world(&self) -> World {
        World::new(P, "AbC123", "token").with_endpoint(self.server.url())
    }

    fn requests(&self, method: &str, path: &str) -> Vec<Request> {
        let all = self.server.requests();
        all.into_iter()
            .filter(|request| request.method == method && request.path.starts_with(path))
            .collect()
    }

    fn posted(&self) -> Value {
        let posts = self.requests("POST", "/rest/posts");
        assert_eq!(posts.len(), 1);
        serde_json::from_slice(&posts[0].body).unwrap()
    }
}

fn file(world: &mut World, kind: MediaKind, bytes: &str, alt: Option<&str>) -> Media {
    let mime = match kind {
        MediaKind::Image => "image/jpeg",
        MediaKind::Animation => "image/gif",
        MediaKind::Video => "video/mp4",
        MediaKind::Document => "application/pdf",
    };
    let mut media = world.media.add(kind, mime, bytes.to_owned());
    media.alt = alt.map(str::to_owned);
    media
}

#[tokio::test]
async fn a_text_goes_out_escaped_with_the_headers_of_its_version() {
    let fake = Fake::start().await;
    let draft = draft(P, "Hello (world) #rust @[Ada](urn:li:person:A1)", vec![]);
    let live = fake.world().publish(&LinkedIn, &draft).await.unwrap();
    assert_eq!(
        fake.posted(),
        json!({
            "author": "urn:li:person:AbC123",
            "commentary": r"Hello \(world\) #rust @[Ada](urn:li:person:A1)",
            "visibility": "PUBLIC",
            "distribution": { "feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": [] },
            "lifecycleState": "PUBLISHED",
            "isReshareDisabledByAuthor": false,
        })
    );
    let request = &fake.requests("POST", "/rest/posts")[0];
    for (name, value) in [
        ("authorization", "Bearer token"),
        ("linkedin-version", "202609"),
        ("x-restli-protocol-version", "2.0.0"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(request.header(name), Some(value));
    }
    let urn = &live[0].1.id;
    assert_eq!(
        live[0].1.url.as_deref(),
        Some(format!("https://www.linkedin.com/feed/update/{urn}/").as_str())
    );
}

#[tokio::test]
async fn files_go_up_whole_with_the_token_and_are_attached_in_order() {
    for (kind, count) in [(MediaKind::Image, 1), (MediaKind::Image, 3), (MediaKind::Document, 1)] {
        let fake = Fake::start().await;
        let mut world = fake.world();
        let files: Vec<_> = (0..count)
            .map(|n| file(&mut world, kind, &format!("bytes {n}"), (n != 1).then_some("Alt")))
            .collect();
        let mut draft = draft(P, "files", files.clone());
        if kind == MediaKind::Document {
            draft = with_settings(draft, json!({ "title": "The Paper" }));
        }
        world.publish(&LinkedIn, &draft).await.unwrap();
        let puts = fake.requests("PUT", "/up/");
        let hashes: Vec<_> = puts.iter().map(|put| sha256_hex(&put.body)).collect();
        assert_eq!(hashes, files.iter().map(|file| file.sha256.clone()).collect::<Vec<_>>());
        for put in &puts {
            assert_eq!(put.header("authorization"), Some("Bearer token"));
            assert_eq!(put.header("content-length"), Some("7"));
        }
        let content = fake.posted()["content"].clone();
        match (kind, count) {
            (MediaKind::Document, _) => {
                assert_eq!(
                    content,
                    json!({ "media": { "id": "urn:li:document:1", "title": "The Paper", "altText": "Alt" } })
                );
            }
            (_, 1) => assert_eq!(
                content,
                json!({ "media": { "id": "urn:li:image:1", "altText": "Alt" } })
            ),
            _ => {
                let images = content["multiImage"]["images"].as_array().unwrap();
                let alts: Vec<_> = images.iter().map(|image| image["altText"].as_str()).collect();
                assert_eq!(alts, [Some("Alt"), None, Some("Alt")]);
                let ids: Vec<_> = images.iter().map(|image| image["id"].as_str().unwrap()).collect();
                assert!(ids.is_sorted() && ids.len() == 3, "{ids:?}");
            }
        }
        assert_eq!(*fake.looks.lock().unwrap(), 2 * count);
    }
}

#[tokio::test]
async fn every_setting_is_in_the_body() {
    let fake = Fake::start().await;
    let mut world = fake.world();
    world.remote_id = "5515715".to_owned();
    let thumb = file(&mut world, MediaKind::Image, "thumb", None);
    let card = json!({
        "uri": "https://example.com/a", "title": "T", "description": "D", "thumb": serde_json::to_value(thumb).unwrap(),
    });
    let targets = json!([{ "industries": ["urn:li:industry:4"] }]);
    let settings = json!({
        "visibility": "LOGGED_IN", "feedDistribution": "NONE", "targetEntities": targets,
        "isReshareDisabledByAuthor": true, "card": card,
    });
    let draft = with_settings(draft(P, "x", vec![]), settings);
    world.publish(&LinkedIn, &draft).await.unwrap();
    let body = fake.posted();
    assert_eq!(body["author"], "urn:li:organization:5515715");
    assert_eq!(body["visibility"], "LOGGED_IN");
    assert_eq!(
        (
            &body["distribution"]["feedDistribution"],
            &body["distribution"]["targetEntities"]
        ),
        (&json!("NONE"), &targets)
    );
    assert_eq!(body["isReshareDisabledByAuthor"], true);
    assert_eq!(
        body["content"]["article"],
        json!({
            "source": "https://example.com/a", "title": "T", "description": "D", "thumbnail": "urn:li:image:1",
        })
    );
}

#[tokio::test]
async fn polls_reposts_and_cards_for_the_only_link_are_made_from_settings() {
    let poll = json!({ "question": "Q?", "options": ["a", "b"], "duration": "ONE_DAY" });
    for (text, settings, path, value) in [
        (
            "vote",
            json!({ "poll": poll }),
            "/content/poll",
            json!({ "question": "Q?", "options": [{ "text": "a" }, { "text": "b" }], "settings": { "duration": "ONE_DAY" } }),
        ),
        (
            "again",
            json!({ "repostEnabled": true, "repostParentUrn": "urn:li:share:7", "repostVisibility": "CONNECTIONS" }),
            "/reshareContext/parent",
            json!("urn:li:share:7"),
        ),
        (
            "see https://example.com/a",
            json!({ "linkCard": { "title": "T" } }),
            "/content/article/source",
            json!("https://example.com/a"),
        ),
    ] {
        let fake = Fake::start().await;
        let draft = with_settings(draft(P, text, vec![]), settings);
        fake.world().publish(&LinkedIn, &draft).await.unwrap();
        assert_eq!(fake.posted().pointer(path), Some(&value));
    }
}

#[tokio::test]
async fn settings_that_linkedin_does_not_have_are_refused_before_anything_is_sent() {
    let world = World::new(P, "AbC123", "token");
    let mut organization = World::new(P, "5515715", "token");
    organization.username = "Works".to_owned();
    let cases = [
        (&world, json!({ "visibility": "SECRET" }), "LOGGED_IN"),
        (&organization, json!({ "visibility": "CONNECTIONS" }), "no connections"),
        (&world, json!({ "targetEntities": [] }), "organizations"),
        (&world, json!({ "repostEnabled": true }), "repostParentUrn"),
        (
            &world,
            json!({ "repostEnabled": false, "repostParentUrn": "urn:li:share:1" }),
            "repostEnabled",
        ),
        (
            &world,
            json!({ "repostEnabled": true, "repostParentUrn": "urn:li:person:1" }),
            "is a post",
        ),
        (
            &world,
            json!({ "poll": { "question": "Q", "options": ["only"] } }),
            "two to four",
        ),
        (&world, json!({ "poll": { "question": "Q" } }), "'poll'"),
        (&world, json!({ "card": { "title": "T" } }), "'uri'"),
        (
            &world,
            json!({ "card": { "title": "T", "uri": "https://x.example" }, "repostParentUrn": "urn:li:share:1" }),
            "one of them",
        ),
    ];
    for (world, settings, piece) in cases {
        let draft = with_settings(draft(P, "x", vec![]), settings.clone());
        let error = world.prepare(&LinkedIn, &draft, Part::Head, &[]).await.unwrap_err();
        assert!(
            error.kind == ErrorKind::Validation && error.message.contains(piece),
            "{settings}: {}",
            error.message
        );
    }
    let mut huge = World::new(P, "AbC123", "token");
    let mut image = file(&mut huge, MediaKind::Image, "x", None);
    (image.width, image.height) = (Some(36_152), Some(1_001));
    let error = huge
        .prepare(&LinkedIn, &draft(P, "x", vec![image]), Part::Head, &[])
        .await;
    assert_eq!(error.unwrap_err().kind, ErrorKind::TooLarge);
}

#[tokio::test]
async fn a_first_comment_waits_a_moment_and_goes_under_the_post() {
    let fake = Fake::start().await;
    let world = fake.world();
    let draft = with_comment(draft(P, "head", vec![]), "first (not escaped)!");
    let live = world.publish(&LinkedIn, &draft).await.unwrap();
    let comments = fake.requests("POST", "/rest/socialActions/urn%3Ali%3Ashare%3A");
    let body: Value = serde_json::from_slice(&comments[0].body).unwrap();
    assert_eq!(
        body,
        json!({
            "actor": "urn:li:person:AbC123", "object": live[0].1.id, "message": { "text": "first (not escaped)!" },
        })
    );
    assert_eq!(live[1].1, RemotePost::visible("6636062862760562688", None));
    assert!(world.ctx().now.duration_since(start()) >= super::upload::COMMENT_WAIT);
    let long = with_comment(draft.clone(), &"x".repeat(1_251));
    let refused = world
        .prepare(&LinkedIn, &long, Part::FirstComment, &live)
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::TextTooLong);
}
