//! Files that are fetched for a request, and what happens when the request comes again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::media::AddressPolicy;
use axum::Router;
use axum::routing::get;
use serde_json::{Value, json};

use super::media::{DRAFT, code, coded, png};
use super::{create, refusal, says};
use crate::testing::{Answer, Door};

/// A door, and a server with one picture that can be imported from, which counts how often it was asked.
struct Gallery {
    door: Door,
    url: String,
    asked: Arc<AtomicUsize>,
}

impl Gallery {
    async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let picture = get(move || async move {
            counter.fetch_add(1, Ordering::SeqCst);
            png(640, 480)
        });
        let router = Router::new().route("/a.png", picture);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let policy = AddressPolicy::public_only()
            .trusting_origins(&[origin.as_str()])
            .unwrap();
        Self {
            door: Door::importing_from(policy).await,
            url: format!("{origin}/a.png"),
            asked,
        }
    }

    async fn send(&self, method: &str, path: &str, key: Option<&str>, body: &Value) -> Answer {
        let mut headers = vec![("x-api-key", self.door.key.as_str())];
        headers.extend(key.map(|key| ("idempotency-key", key)));
        let path = format!("/postpost/api/v1{path}");
        self.door.ask(method, &path, &headers, body.to_string()).await
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn shown(&self, id: &str) -> Value {
        let listed = self.door.postpost("GET", "/list-posts", "").await.json();
        let posts = listed["posts"].as_array().unwrap();
        posts.iter().find(|post| post["postGroupId"] == id).unwrap().clone()
    }
}

/// Q17: nothing is fetched, and nothing counted, for what was answered before; not even when the post is gone.
#[tokio::test]
async fn a_request_that_was_answered_before_fetches_nothing() {
    let gallery = Gallery::open().await;
    let body = json!({ "content": "x", "platforms": ["twitter-1"], "mediaUrls": [gallery.url] });
    let first = gallery.send("POST", "/create-post", Some("k"), &body).await;
    assert_eq!((first.status, gallery.asked()), (200, 1), "{}", first.body);
    let again = gallery.send("POST", "/create-post", Some("k"), &body).await;
    assert_eq!((again.json(), gallery.asked()), (first.json(), 1));
    let other = json!({ "content": "y", "platforms": ["twitter-1"], "mediaUrls": [gallery.url] });
    let refused = gallery.send("POST", "/create-post", Some("k"), &other).await;
    assert_eq!(code(&refused), coded(422, "IDEMPOTENCY_KEY_CONFLICT"));
    let id = first.json()["postGroupId"].as_str().unwrap().to_owned();
    let update = format!("/update-post/{id}");
    let body = json!({ "status": "draft", "mediaUrls": [gallery.url] });
    let first = gallery.send("PUT", &update, Some("k"), &body).await;
    assert_eq!((first.status, gallery.asked()), (200, 2), "{}", first.body);
    assert_eq!(gallery.shown(&id).await["mediaUrls"].as_array().map(Vec::len), Some(2));
    gallery.door.postpost("DELETE", &format!("/delete-post/{id}"), "").await;
    let again = gallery.send("PUT", &update, Some("k"), &body).await;
    assert_eq!((again.json(), gallery.asked()), (first.json(), 2));
}

/// Q28: the seed's rule goes before everything that came later.
#[tokio::test]
async fn files_alone_are_no_update() {
    let gallery = Gallery::open().await;
    let id = create(&gallery.door, DRAFT).await;
    let update = format!("/update-post/{id}");
    for body in [json!({ "mediaUrls": [gallery.url] }), json!({ "mediaUrls": [] })] {
        let answer = gallery.send("PUT", &update, None, &body).await;
        assert_eq!(
            refusal(&answer),
            says(400, "Either status or scheduledTime must be provided")
        );
    }
    assert_eq!(gallery.asked(), 0);
}

#[tokio::test]
async fn a_post_that_is_full_stays_as_it_is() {
    let gallery = Gallery::open().await;
    let scheduled = r#"{"content":"x","platforms":["twitter-1"],"scheduledTime":"2027-01-01T00:00:00Z"}"#;
    let id = create(&gallery.door, scheduled).await;
    for _ in 0..10 {
        let body = json!({ "status": "scheduled", "mediaUrls": vec![gallery.url.clone(); 10] });
        gallery.door.clock.advance(jiff::SignedDuration::from_hours(1));
        let answer = gallery.send("PUT", &format!("/update-post/{id}"), None, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let full = says(400, "a post may have at most 100 files");
    let file = json!({ "file": { "download_url": gallery.url, "file_id": "f" } });
    let answer = gallery.send("POST", &format!("/attach-media/{id}"), None, &file).await;
    assert_eq!(refusal(&answer), full);
    let body = json!({ "status": "scheduled", "mediaUrls": [gallery.url] });
    let answer = gallery.send("PUT", &format!("/update-post/{id}"), None, &body).await;
    assert_eq!(refusal(&answer), full);
    let shown = gallery.shown(&id).await;
    assert_eq!(shown["status"], "scheduled");
    assert_eq!(shown["mediaUrls"].as_array().map(Vec::len), Some(100));
}

/// Q75: a retry with another temporary URL is the same attachment.
#[tokio::test]
async fn an_attached_file_keeps_its_name_and_comes_once() {
    let gallery = Gallery::open().await;
    let id = create(&gallery.door, DRAFT).await;
    let path = format!("/attach-media/{id}");
    let file = |url: &str| {
        json!({
            "file": { "download_url": url, "file_id": "f", "file_name": "in.png" }, "fileName": "spring banner.png",
        })
    };
    let first = gallery.send("POST", &path, Some("k"), &file(&gallery.url)).await;
    assert_eq!((first.status, gallery.asked()), (200, 1), "{}", first.body);
    assert_eq!(first.json()["postGroup"]["status"], "draft");
    let shown = gallery.shown(&id).await["mediaUrls"][0].as_str().unwrap().to_owned();
    assert!(shown.contains("spring_banner.png"), "{shown}");
    let again = gallery
        .send("POST", &path, Some("k"), &file("https://10.0.0.1/gone"))
        .await;
    assert_eq!((again.status, again.json()), (200, first.json()));
    let other = json!({ "file": { "download_url": gallery.url, "file_id": "g" } });
    let refused = gallery.send("POST", &path, Some("k"), &other).await;
    assert_eq!(code(&refused), coded(422, "IDEMPOTENCY_KEY_CONFLICT"));
    assert_eq!(gallery.asked(), 1);
}

#[tokio::test]
async fn nothing_is_fetched_for_a_post_that_is_over() {
    let gallery = Gallery::open().await;
    let now = r#"{"content":"x","platforms":["twitter-123456789"],"scheduledTime":"2026-03-15T09:00:00Z"}"#;
    let id = create(&gallery.door, now).await;
    gallery.door.publish().await;
    let words = "Cannot update post: post is currently in published status";
    let file = json!({ "file": { "download_url": gallery.url, "file_id": "f" } });
    let answer = gallery.send("POST", &format!("/attach-media/{id}"), None, &file).await;
    assert_eq!(answer.error(), words);
    assert_eq!(code(&answer), coded(400, "POST_NOT_EDITABLE"));
    let body = json!({ "status": "draft", "mediaUrls": [gallery.url] });
    let answer = gallery.send("PUT", &format!("/update-post/{id}"), None, &body).await;
    assert_eq!(refusal(&answer), says(400, words));
    assert_eq!(gallery.asked(), 0);
}
