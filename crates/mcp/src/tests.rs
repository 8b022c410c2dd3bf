//! The tools over HTTP, as clients meet them.

mod calls;

use jiff::SignedDuration;
use serde_json::json;

use crate::sessions::{LIFETIME, SESSIONS_MAX};
use crate::testing::{KEY, World, initialize};

const NO_KEY: &str = "API key required. Use Authorization: Bearer <key> or x-publora-key header.";
const NO_SESSION: &str = "Invalid or missing session. Send a POST without mcp-session-id to start.";

fn list() -> serde_json::Value {
    json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"})
}

fn no_session() -> (u16, String) {
    (400, NO_SESSION.to_owned())
}

/// Q106, Q110.
#[tokio::test]
async fn a_session_opens_with_what_the_original_says() {
    let world = World::new();
    for path in ["/mcp", "/mcp/"] {
        let headers = [KEY, ("content-type", "application/json")];
        let said = world
            .ask("POST", path, &headers, initialize("2024-11-05").to_string())
            .await;
        assert_eq!((said.status, said.header("content-type")), (200, "text/event-stream"));
        assert!(said.body.starts_with("event: message\ndata: {"), "{}", said.body);
        assert_eq!(said.body.matches("\n\n").count(), 1, "one event: {}", said.body);
        assert_eq!(said.header("mcp-session-id").len(), 36);
        assert_eq!(
            said.json(),
            json!({"jsonrpc": "2.0", "id": 1, "result": {
                "protocolVersion": "2024-11-05",
                "capabilities": {"tools": {"listChanged": true}},
                "serverInfo": {"name": "publora", "version": "1.0.0"},
            }})
        );
    }
    assert_eq!(world.api.asked(), 0, "the key is looked at when a tool is called");
}

/// Q105.
#[tokio::test]
async fn the_version_that_a_client_asks_for_is_spoken_if_it_is_known() {
    let world = World::new();
    for (asked, spoken) in [
        ("2024-11-05", "2024-11-05"),
        ("2025-03-26", "2025-03-26"),
        ("2025-06-18", "2025-06-18"),
        ("2025-11-25", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
    ] {
        let said = world.post(&[KEY], &initialize(asked)).await;
        assert_eq!(said.json()["result"]["protocolVersion"], spoken, "{asked}");
    }
}

/// Q101.
#[tokio::test]
async fn a_key_is_needed_wherever_a_client_puts_it() {
    let world = World::new();
    for headers in [
        vec![],
        vec![("authorization", "Bearer ")],
        vec![("authorization", "Basic YTpi")],
        vec![("x-api-key", " ")],
        vec![("cookie", "key=sk_ada.1")],
    ] {
        let said = world.post(&headers, &initialize("2025-06-18")).await;
        assert_eq!(said.error(), (401, NO_KEY.to_owned()), "{headers:?}");
    }
    for method in ["GET", "DELETE"] {
        let said = world
            .ask(method, "/mcp", &[("mcp-session-id", "x")], String::new())
            .await;
        assert_eq!(said.error(), (401, NO_KEY.to_owned()));
    }
    for (headers, key) in [
        (vec![("authorization", "Bearer one")], "one"),
        (vec![("authorization", "bearer one"), ("x-api-key", "two")], "one"),
        (vec![("x-api-key", "two"), ("x-publora-key", "three")], "two"),
        (
            vec![("authorization", "Basic YTpi"), ("x-publora-key", "three")],
            "three",
        ),
    ] {
        let said = world.post(&headers, &initialize("2025-06-18")).await;
        let session = said.header("mcp-session-id").to_owned();
        let call = json!({"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "list_connections"}});
        let headers = [headers, vec![("mcp-session-id", &session)]].concat();
        assert_eq!(world.post(&headers, &call).await.status, 200);
        assert_eq!(world.api.last().key, key);
    }
}

/// Q102, Q104.
#[tokio::test]
async fn without_a_session_of_ones_own_nothing_is_answered() {
    let world = World::new();
    let session = world.open(KEY).await;
    let of = |id: &'static str| [KEY, ("mcp-session-id", id)];
    assert_eq!(world.post(&[KEY], &list()).await.error(), no_session());
    assert_eq!(
        world
            .post(&of("00000000-0000-0000-0000-000000000000"), &list())
            .await
            .error(),
        no_session()
    );
    for method in ["GET", "DELETE"] {
        assert_eq!(
            world.ask(method, "/mcp", &[KEY], String::new()).await.error(),
            no_session()
        );
        assert_eq!(
            world.ask(method, "/mcp", &of("other"), String::new()).await.error(),
            no_session()
        );
    }
    let of_bob = [
        ("authorization", "Bearer sk_bob.2"),
        ("mcp-session-id", session.as_str()),
    ];
    assert_eq!(world.post(&of_bob, &list()).await.error(), no_session());
    assert_eq!(
        world.ask("DELETE", "/mcp", &of_bob, String::new()).await.error(),
        no_session()
    );
    assert_eq!(
        world.post(&[KEY, ("mcp-session-id", &session)], &list()).await.status,
        200
    );
}

/// Q103.
#[tokio::test]
async fn a_session_ends_when_its_client_closes_it_or_leaves_it_alone_for_half_an_hour() {
    let world = World::new();
    let session = world.open(KEY).await;
    let headers = [KEY, ("mcp-session-id", session.as_str())];
    world.clock.advance(LIFETIME - SignedDuration::from_secs(1));
    assert_eq!(world.post(&headers, &list()).await.status, 200);
    let closed = world.ask("DELETE", "/mcp", &headers, String::new()).await;
    assert_eq!((closed.status, closed.body.as_str()), (200, ""));
    assert_eq!(world.post(&headers, &list()).await.error(), no_session());
    assert_eq!(
        world.ask("DELETE", "/mcp", &headers, String::new()).await.error(),
        no_session()
    );

    let session = world.open(KEY).await;
    world.clock.advance(LIFETIME);
    let headers = [KEY, ("mcp-session-id", session.as_str())];
    assert_eq!(world.post(&headers, &list()).await.error(), no_session());
}

/// Q103.
#[tokio::test]
async fn the_session_after_the_hundredth_takes_the_place_of_the_one_left_alone_the_longest() {
    let world = World::new();
    let mut sessions = Vec::new();
    for _ in 0..=SESSIONS_MAX {
        sessions.push(world.open(KEY).await);
        world.clock.advance(SignedDuration::from_secs(1));
    }
    let status = async |session: &String| world.post(&[KEY, ("mcp-session-id", session)], &list()).await.status;
    assert_eq!(status(&sessions[0]).await, 400);
    assert_eq!(status(&sessions[1]).await, 200);
    assert_eq!(status(&sessions[SESSIONS_MAX]).await, 200);
}

/// Q106.
#[tokio::test]
async fn a_client_that_forgets_to_say_what_it_accepts_is_served_all_the_same() {
    let world = World::new();
    for accept in [
        None,
        Some("*/*"),
        Some("application/json"),
        Some("application/json, text/event-stream"),
    ] {
        let accept = accept.map(|accept| ("accept", accept));
        let headers: Vec<_> = accept.into_iter().chain([KEY]).collect();
        let said = world.post(&headers, &initialize("2024-11-05")).await;
        assert_eq!(
            (said.status, said.header("content-type")),
            (200, "text/event-stream"),
            "{accept:?}"
        );
    }
}

/// Q109.
#[tokio::test]
async fn what_is_no_message_is_refused_in_the_words_of_the_protocol() {
    let world = World::new();
    let headers = [KEY, ("content-type", "application/json")];
    for (body, status, code) in [
        ("", 400, -32_700),
        ("{broken", 400, -32_700),
        ("[]", 400, -32_600),
        ("{\"hello\":1}", 400, -32_600),
        (&format!("\"{}\"", "x".repeat(1_024 * 1_024)), 413, -32_600),
    ] {
        let said = world.ask("POST", "/mcp", &headers, body.to_owned()).await;
        let answer = said.json();
        assert_eq!(
            (said.status, &answer["error"]["code"]),
            (status, &json!(code)),
            "{}",
            said.body
        );
        assert_eq!(answer["id"], json!(null));
    }
    let session = world.open(KEY).await;
    let headers = [KEY, ("mcp-session-id", session.as_str())];
    let unknown = world
        .post(&headers, &json!({"jsonrpc": "2.0", "id": 7, "method": "tools/paint"}))
        .await
        .json();
    assert_eq!(
        (&unknown["id"], &unknown["error"]["code"]),
        (&json!(7), &json!(-32_601))
    );
    let notice = world
        .post(
            &headers,
            &json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        )
        .await;
    assert_eq!((notice.status, notice.body.as_str()), (202, ""));
}

/// Q105: the version of 2026-07-28 has no sessions, and each request says all that is needed.
#[tokio::test]
async fn the_newest_version_needs_no_session() {
    let world = World::new();
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    });
    let ask = async |method: &str, params: serde_json::Value| {
        let mut params = params;
        params["_meta"] = meta.clone();
        let name = params["name"].as_str().unwrap_or_default().to_owned();
        let mut headers = vec![KEY, ("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
        if !name.is_empty() {
            headers.push(("mcp-name", &name));
        }
        let message = json!({"jsonrpc": "2.0", "id": 3, "method": method, "params": params});
        let said = world.post(&headers, &message).await;
        assert_eq!((said.status, said.header("mcp-session-id")), (200, ""), "{}", said.body);
        said.json()["result"].clone()
    };
    assert!(ask("server/discover", json!({})).await["capabilities"]["tools"].is_object());
    assert_eq!(
        ask("tools/list", json!({})).await["tools"].as_array().unwrap().len(),
        18
    );
    let result = ask(
        "tools/call",
        json!({"name": "get_post", "arguments": {"postGroupId": "a"}}),
    )
    .await;
    assert_eq!(result["content"][0]["text"], "{\n  \"success\": true\n}");
    assert_eq!(world.api.last().key, "sk_ada.1");
}

#[tokio::test]
async fn a_stream_stays_open_until_the_server_stops() {
    let world = World::new();
    let session = world.open(KEY).await;
    let stream = world
        .send("GET", "/mcp", &[KEY, ("mcp-session-id", &session)], String::new())
        .await;
    assert_eq!(stream.status(), 200);
    assert_eq!(stream.headers()["content-type"], "text/event-stream");
    let whole = axum::body::to_bytes(stream.into_body(), 1 << 20);
    world.stop.cancel();
    assert_eq!(whole.await.unwrap().as_ref(), b"");
}

#[tokio::test]
async fn health_needs_no_key_and_other_ways_to_sign_in_are_not_there() {
    let world = World::new();
    let health = world.ask("GET", "/mcp/health", &[], String::new()).await;
    assert_eq!(
        (health.status, health.json()),
        (200, json!({"status": "ok", "service": "postpost-mcp"}))
    );
    for path in [
        "/.well-known/oauth-protected-resource/mcp",
        "/.well-known/oauth-authorization-server",
    ] {
        let said = world.ask("GET", path, &[], String::new()).await;
        assert_eq!(said.error(), (404, "oauth_not_supported".to_owned()));
    }
    let said = world.ask("PUT", "/mcp", &[KEY], String::new()).await;
    assert_eq!(said.status, 405);
}
