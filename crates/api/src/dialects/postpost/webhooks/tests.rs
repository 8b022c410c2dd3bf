//! Managing receivers over HTTP, and the bytes that they get.

use std::sync::{Arc, Mutex};

use domain::clock::BoxFut;
use domain::error::{ErrorKind, ErrorSummary};
use domain::ids::{AccountId, DeliveryId, GroupId, PostId, WebhookId};
use domain::notice::{Notice, NoticeKind, Subject};
use domain::part::{PartsLive, RemotePost};
use domain::platform::Platform;
use domain::post::PostState;
use domain::secret::SecretText;
use domain::webhook::{Header, Parcel, WebhookDialect};
use engine::webhooks::{Answer as Carried, Courier, Deliverer, Outgoing, Room};
use hmac::{Hmac, KeyInit, Mac};
use insta::assert_snapshot;
use jiff::Timestamp;
use serde_json::json;
use sha2::Sha256;

use super::PostpostWebhooks;
use crate::testing::{Answer, Door};

const HOOK: &str =
    r#"{"name":"Production","url":"https://hooks.example.com/x","events":["post.published","post.failed"]}"#;

fn at() -> Timestamp {
    "2026-03-15T10:00:00.5Z".parse().unwrap()
}

fn post(platform: Platform, state: PostState) -> Subject {
    Subject::Post {
        group: GroupId::from_bytes([2; 12]),
        post: PostId::from_bytes([1; 12]),
        platform,
        target: "123456789".to_owned(),
        state,
    }
}

fn bytes(kind: NoticeKind, subject: Subject) -> String {
    let notice = Notice {
        kind,
        at: at(),
        subject,
    };
    String::from_utf8(PostpostWebhooks.body(&notice).unwrap()).unwrap()
}

fn error(message: &str) -> ErrorSummary {
    ErrorSummary {
        kind: ErrorKind::ContentRejected,
        code: None,
        message: message.to_owned(),
        raw: Some("raw".to_owned()),
        http_status: Some(400),
        at: at(),
    }
}

// Q34, Q36
#[test]
fn the_bytes_of_every_message_are_what_receivers_expect() {
    let failed = PostState::Failed {
        at: at(),
        error: error("It\u{2019}s not allowed\u{2026}"),
        parts: PartsLive::default(),
    };
    let published = PostState::Published {
        at: at(),
        remote: RemotePost::visible("99", None),
        next_look: None,
    };
    let unconfirmed = PostState::Unconfirmed {
        since: at(),
        next_look: None,
        error: error("No answer"),
        parts: PartsLive::default(),
    };
    let token = Subject::Account {
        account: AccountId::from_bytes([3; 12]),
        platform: Platform::LinkedIn,
        remote_id: "Tz9W5i6ZYG".to_owned(),
        username: "ada".to_owned(),
        expires_at: Some(at()),
    };
    let test = Subject::Webhook {
        webhook: WebhookId::from_bytes([4; 12]),
        name: "Production".to_owned(),
    };
    let messages = [
        bytes(
            NoticeKind::PostScheduled,
            post(Platform::X, PostState::Scheduled { due: at() }),
        ),
        bytes(NoticeKind::PostPublished, post(Platform::X, published)),
        bytes(NoticeKind::PostFailed, post(Platform::LinkedIn, failed)),
        bytes(
            NoticeKind::PostMissed,
            post(Platform::Threads, PostState::Missed { due: at(), at: at() }),
        ),
        bytes(NoticeKind::PostUnconfirmed, post(Platform::Bluesky, unconfirmed)),
        bytes(NoticeKind::TokenExpiring, token),
        bytes(NoticeKind::Test, test),
    ];
    assert_snapshot!(messages.join("\n"));
}

#[test]
fn what_this_dialect_cannot_say_is_not_sent() {
    let notice = |kind, subject| Notice {
        kind,
        at: at(),
        subject,
    };
    let due = || PostState::Scheduled { due: at() };
    let unnamed = notice(NoticeKind::PostScheduled, post(Platform::Reddit, due()));
    assert_eq!(PostpostWebhooks.body(&unnamed), None);
    let cancelled = post(Platform::X, PostState::Cancelled { at: at() });
    assert_eq!(
        PostpostWebhooks.body(&notice(NoticeKind::PostCancelled, cancelled)),
        None
    );
}

// Q33
#[test]
fn the_signature_is_over_exactly_the_bytes_that_are_sent_in_both_families_of_headers() {
    let parcel = Parcel {
        delivery: DeliveryId::from_bytes([5; 12]),
        kind: NoticeKind::PostFailed,
        // Not what any serializer would write.
        body: br#"{ "event" :"post.failed"}"#.to_vec(),
        attempts: 0,
    };
    let headers = PostpostWebhooks.headers(&parcel, &SecretText::from("a secret"));
    let mac = Hmac::<Sha256>::new_from_slice(b"a secret").unwrap();
    let code = mac.chain_update(&parcel.body).finalize().into_bytes();
    let code: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
    for family in ["X-PostPost", "X-Publora"] {
        let header = |name: &str| {
            let name = format!("{family}-{name}");
            headers.iter().find(|(known, _)| *known == name).unwrap().1.clone()
        };
        assert_eq!(header("Signature"), code);
        assert_eq!(header("Event"), "post.failed");
        assert_eq!(header("Delivery"), parcel.delivery.to_string());
    }
}

async fn made(door: &Door) -> (String, String) {
    let answer = door.postpost("POST", "/webhooks", HOOK).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let text = |key: &str| answer.json()["webhook"][key].as_str().unwrap().to_owned();
    (text("_id"), text("secret"))
}

fn says(answer: &Answer) -> (u16, String) {
    (answer.status, answer.error())
}

// Q31
#[tokio::test]
async fn a_webhook_is_made_listed_changed_and_removed() {
    let door = Door::open().await;
    let answer = door.postpost("POST", "/webhooks", HOOK).await;
    assert_eq!(answer.status, 201);
    let keys = ["_id", "name", "url", "events", "secret", "isActive", "createdAt"];
    assert!(in_order(&answer.body, &keys), "{}", answer.body);
    let made = answer.json()["webhook"].clone();
    assert_eq!(made["secret"].as_str().unwrap().len(), 64);
    let id = made["_id"].as_str().unwrap().to_owned();

    let list = door.postpost("GET", "/webhooks", "").await;
    let keys = [
        "_id",
        "name",
        "url",
        "events",
        "isActive",
        "failureCount",
        "lastTriggeredAt",
        "createdAt",
        "updatedAt",
        "__v",
    ];
    assert!(
        in_order(&list.body, &keys) && !list.body.contains("secret"),
        "{}",
        list.body
    );
    assert!(
        list.body.contains(r#""failureCount":0,"lastTriggeredAt":null"#),
        "{}",
        list.body
    );

    let path = format!("/webhooks/{id}");
    let edit = r#"{"name":"","url":"","events":["token.expiring"],"isActive":"false"}"#;
    let edited = door.postpost("PATCH", &path, edit).await;
    let keys = ["_id", "name", "url", "events", "isActive", "updatedAt"];
    assert!(in_order(&edited.body, &keys), "{}", edited.body);
    let webhook = &edited.json()["webhook"];
    assert_eq!(
        (webhook["name"].as_str(), webhook["isActive"].as_bool()),
        (Some("Production"), Some(true))
    );
    assert_eq!(
        (webhook["url"].clone(), webhook["events"].clone()),
        (made["url"].clone(), json!(["token.expiring"]))
    );
    let off = door.postpost("PATCH", &path, r#"{"isActive":false}"#).await;
    assert_eq!(off.json()["webhook"]["isActive"], false);

    let renewed = door.postpost("POST", &format!("{path}/regenerate-secret"), "").await;
    assert_eq!(renewed.status, 200);
    assert_ne!(renewed.json()["secret"], made["secret"]);
    let removed = door.postpost("DELETE", &path, "").await;
    assert_eq!((removed.status, removed.body.as_str()), (200, r#"{"success":true}"#));
    assert_eq!(
        says(&door.postpost("DELETE", &path, "").await),
        (404, "Webhook not found".to_owned())
    );
    assert_eq!(
        door.postpost("GET", "/webhooks", "").await.json()["webhooks"],
        json!([])
    );
}

fn in_order(body: &str, keys: &[&str]) -> bool {
    let found: Vec<_> = keys.iter().map(|key| body.find(&format!("\"{key}\":"))).collect();
    found.iter().all(Option::is_some) && found.is_sorted()
}

#[tokio::test]
async fn every_refusal_has_its_words() {
    let door = Door::open().await;
    let (id, _) = made(&door).await;
    let path = format!("/webhooks/{id}");
    let required = "Name, URL, and at least one event are required";
    let valid = "Valid events: post.scheduled, post.published, post.failed, token.expiring";
    let unknown = format!("Invalid events: foo, bar. {valid}");
    let nowhere = "Webhook not found";
    for (method, path, body, status, text) in [
        ("POST", "/webhooks", "{}", 400, required),
        (
            "POST",
            "/webhooks",
            r#"{"name":"a","url":"https://h.example.com","events":[]}"#,
            400,
            required,
        ),
        (
            "POST",
            "/webhooks",
            r#"{"name":"a","url":"https://h.example.com","events":"post.failed"}"#,
            400,
            required,
        ),
        (
            "POST",
            "/webhooks",
            r#"{"name":"","url":"https://h.example.com","events":["post.failed"]}"#,
            400,
            required,
        ),
        (
            "POST",
            "/webhooks",
            r#"{"name":"a","url":"nonsense","events":["post.failed"]}"#,
            400,
            "Invalid URL format",
        ),
        (
            "POST",
            "/webhooks",
            r#"{"name":"a","url":"http://127.0.0.1/x","events":["post.failed"]}"#,
            400,
            "Localhost URLs are not allowed",
        ),
        (
            "POST",
            "/webhooks",
            r#"{"name":"a","url":"https://h.example.com","events":["foo","post.failed","bar"]}"#,
            400,
            unknown.as_str(),
        ),
        ("POST", "/webhooks", "{", 400, "Invalid JSON body"),
        ("PATCH", &path, r#"{"events":["foo"]}"#, 400, "Invalid events: foo"),
        (
            "PATCH",
            &path,
            r#"{"url":"https://10.0.0.1"}"#,
            400,
            "Private IP addresses are not allowed",
        ),
        ("PATCH", "/webhooks/nonsense", "{}", 404, nowhere),
        ("DELETE", "/webhooks/0123456789abcdef01234567", "", 404, nowhere),
        ("POST", "/webhooks/nonsense/regenerate-secret", "", 404, nowhere),
    ] {
        let answer = door.postpost(method, path, body).await;
        assert_eq!(says(&answer), (status, text.to_owned()), "{method} {path} {body}");
    }
}

#[tokio::test]
async fn an_eleventh_webhook_is_refused() {
    let door = Door::open().await;
    for _ in 0..10 {
        made(&door).await;
    }
    let eleventh = door.postpost("POST", "/webhooks", HOOK).await;
    assert_eq!(says(&eleventh), (400, "Maximum of 10 webhooks per user".to_owned()));
}

#[tokio::test]
async fn somebody_elses_webhook_is_not_found() {
    let door = Door::open().await;
    let (id, _) = made(&door).await;
    let (_, key) = door.other("bob@example.com", domain::plan::Plan::default()).await;
    for (method, path) in [
        ("PATCH", format!("/api/v1/webhooks/{id}")),
        ("DELETE", format!("/api/v1/webhooks/{id}")),
        ("POST", format!("/api/v1/webhooks/{id}/regenerate-secret")),
    ] {
        let answer = door.ask(method, &path, &[("x-api-key", &key)], "{}").await;
        assert_eq!(says(&answer), (404, "Webhook not found".to_owned()), "{method}");
    }
    let list = door.ask("GET", "/api/v1/webhooks", &[("x-api-key", &key)], "").await;
    assert_eq!(list.json()["webhooks"], json!([]));
}

/// Keeps what it was given, and answers as told.
struct Kept {
    got: Mutex<Vec<(Vec<Header>, String)>>,
    status: u16,
}

impl Courier for Kept {
    fn post<'a>(&'a self, _: &'a str, headers: &'a [Header], body: Vec<u8>) -> BoxFut<'a, Carried> {
        let body = String::from_utf8(body).unwrap();
        self.got.lock().unwrap().push((headers.to_vec(), body));
        Box::pin(async { Ok(self.status) })
    }
}

async fn deliver(door: &Door, status: u16) -> Vec<(Vec<Header>, String)> {
    let courier = Arc::new(Kept {
        got: Mutex::default(),
        status,
    });
    let outgoing = Outgoing {
        dialects: crate::webhook_dialects(),
        courier: Arc::clone(&courier) as _,
        room: Room::default(),
    };
    let mut deliverer = Deliverer::new(door.engine.clone(), outgoing, Default::default());
    deliverer.run_until_idle().await.unwrap();
    std::mem::take(&mut *courier.got.lock().unwrap())
}

#[tokio::test]
async fn a_post_is_told_from_its_plan_to_its_end() {
    let door = Door::open().await;
    let all = HOOK.replace("[\"post.published\"", "[\"post.scheduled\",\"post.published\"");
    let answer = door.postpost("POST", "/webhooks", all).await;
    let secret = answer.json()["webhook"]["secret"].as_str().unwrap().to_owned();
    let create = r#"{"content":"hello","platforms":["twitter-123456789"],"scheduledTime":"2026-03-15T09:00:00Z"}"#;
    let group = door.postpost("POST", "/create-post", create).await.json()["postGroupId"].clone();
    door.publish().await;
    let got = deliver(&door, 200).await;
    let events: Vec<_> = got.iter().map(|(headers, _)| headers[0].1.as_str()).collect();
    assert_eq!(events, ["post.scheduled", "post.published"]);
    for (headers, body) in &got {
        let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        let code = mac.chain_update(body.as_bytes()).finalize().into_bytes();
        let code: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(headers[1], ("X-PostPost-Signature", code));
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["data"]["postGroupId"], group);
    }
    let list = door.postpost("GET", "/webhooks", "").await;
    assert_eq!(
        list.json()["webhooks"][0]["lastTriggeredAt"],
        "2026-03-15T09:00:00.000Z"
    );
}

// Q32
#[tokio::test]
async fn five_failures_in_a_row_switch_a_webhook_off_and_its_count_stays_when_it_is_switched_on() {
    let door = Door::open().await;
    let hook = HOOK.replace("\"post.published\"", "\"post.scheduled\"");
    let answer = door.postpost("POST", "/webhooks", hook).await;
    let id = answer.json()["webhook"]["_id"].as_str().unwrap().to_owned();
    let create =
        |n: u32| format!(r#"{{"content":"{n}","platforms":["twitter-1"],"scheduledTime":"2026-03-18T09:00:00Z"}}"#);
    for n in 1..=5 {
        door.postpost("POST", "/create-post", create(n)).await;
        assert_eq!(deliver(&door, 500).await.len(), 1, "one try an event");
    }
    let shown = door.postpost("GET", "/webhooks", "").await.json()["webhooks"][0].clone();
    assert_eq!(
        (shown["isActive"].clone(), shown["failureCount"].clone()),
        (json!(false), json!(5))
    );
    door.postpost("POST", "/create-post", create(6)).await;
    assert_eq!(deliver(&door, 200).await.len(), 0);
    door.postpost("PATCH", &format!("/webhooks/{id}"), r#"{"isActive":true}"#)
        .await;
    let shown = door.postpost("GET", "/webhooks", "").await.json()["webhooks"][0].clone();
    assert_eq!(
        (shown["isActive"].clone(), shown["failureCount"].clone()),
        (json!(true), json!(5))
    );
    door.postpost("POST", "/create-post", create(7)).await;
    assert_eq!(deliver(&door, 204).await.len(), 1);
    let shown = door.postpost("GET", "/webhooks", "").await.json()["webhooks"][0].clone();
    assert_eq!(shown["failureCount"], 0);
}
