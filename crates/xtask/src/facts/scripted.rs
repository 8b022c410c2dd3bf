//! A server and preparations that answer by script, for the tests of the runner.

use std::sync::Arc;

use async_trait::async_trait;
use domain::clock::{Clock, ManualClock};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::http::{Otherwise, Reader};
use super::{Fixtures, Prepared, Server, fixtures};

const SECRET: &str = "whsec";

/// Prints every variable of the fixture; for those with a receiver it delivers one event there.
#[derive(Debug)]
struct ScriptedFixtures;

#[async_trait]
impl Fixtures for ScriptedFixtures {
    async fn prepare(&self, name: &str, receiver: Option<&str>) -> Result<Prepared, String> {
        if let Some(url) = receiver {
            let body = br#"{"event":"token.expiring","timestamp":"2026-03-14T10:00:00.000Z","data":{"n":1}}"#;
            let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
            mac.update(body);
            let digest: String = mac
                .finalize()
                .into_bytes()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            let address = url
                .strip_prefix("http://")
                .unwrap()
                .split('/')
                .next()
                .unwrap()
                .to_owned();
            for event in ["post.scheduled", "token.expiring"] {
                let mut stream = TcpStream::connect(&address).await.unwrap();
                let head = format!(
                    "POST /deliveries HTTP/1.1\r\nHost: x\r\nContent-Type: application/json; charset=utf-8\r\n\
                     x-postpost-event: {event}\r\nx-postpost-signature: {digest}\r\nContent-Length: {}\r\n\r\n",
                    body.len()
                );
                stream.write_all(head.as_bytes()).await.unwrap();
                stream.write_all(body).await.unwrap();
                assert!(
                    Reader::new(&mut stream)
                        .head()
                        .await
                        .unwrap()
                        .first_line
                        .contains("200")
                );
            }
        }
        let variables = fixtures::named(name)?.variables();
        let text = |name: &str| {
            if name == "WEBHOOK_SECRET" {
                SECRET.to_owned()
            } else {
                format!("the-{name}")
            }
        };
        Ok(variables.map(|name| (name.to_owned(), text(name))).collect())
    }
}

/// Answers by path: `/json` a body with something for every expectation, `/echo` what was sent, `/mcp` an event stream.
async fn answer(mut stream: TcpStream) {
    let (from, mut to) = stream.split();
    let mut reader = Reader::new(from);
    let Ok(head) = reader.head().await else { return };
    let body = reader.body(&head, Otherwise::Nothing).await.unwrap_or_default();
    let target = head.first_line.split(' ').nth(1).unwrap_or_default().to_owned();
    let path = target.split('?').next().unwrap_or_default();
    let (status, kind, text) = match path {
        "/api/v1/json" => (200, "application/json; charset=utf-8", everything().to_string()),
        "/api/v1/order" => (200, "application/json", r#"{"zebra":1,"ant":2}"#.to_owned()),
        "/api/v1/echo" => {
            let sent = json!({"target": target, "body": String::from_utf8_lossy(&body),
                "key": head.header("x-api-key"), "type": head.header("content-type")});
            (201, "application/json", sent.to_string())
        }
        "/api/v1/moved" => (302, "text/plain\r\nLocation: /api/v1/json", String::new()),
        "/mcp" => {
            let data = json!({"result": {"tools": [{"name": "one"}, {"name": "two"}]}});
            (
                200,
                "text/event-stream\r\nmcp-session-id: s-1",
                format!(": hi\n\nevent: message\ndata: {data}\n\n"),
            )
        }
        _ => (404, "text/html; charset=utf-8", format!("<pre>Cannot GET {path}</pre>")),
    };
    let length = if path == "/mcp" {
        String::new()
    } else {
        format!("Content-Length: {}\r\n", text.len())
    };
    let message = format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n{length}\r\n{text}");
    let _ = to.write_all(message.as_bytes()).await;
}

fn everything() -> Value {
    json!({
        "ok": true, "count": 3, "text": "hello", "nothing": null, "id": "0123456789abcdef01234567",
        "at": "2026-03-14T10:00:05.000Z", "link": "https://h.example/x", "deep": {"er": "x"}, "none": [],
        "list": [{"t": "a", "on": true, "extra": 1}, {"t": "b", "on": true}],
    })
}

/// A server that listens, on a clock that stands still.
pub(super) async fn server() -> Arc<Server> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream));
        }
    });
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new("2026-03-14T10:00:00Z".parse().unwrap()));
    Arc::new(Server {
        base_url,
        fixtures: Box::new(ScriptedFixtures),
        clock,
    })
}
