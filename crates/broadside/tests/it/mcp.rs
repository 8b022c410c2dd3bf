//! The tools of the real binary, met with the official Rust client.

use std::path::Path;
use std::process::Stdio;

use rmcp::model::{CallToolRequestParams, CallToolResult};
use rmcp::service::{RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ServiceExt, serve_client};
use serde_json::{Value, json};

use crate::world::{Scratch, Served, broadside, run};

type Client = RunningService<RoleClient, ()>;

/// A server and a key of its only user.
fn served(scratch: &Scratch) -> (Served, String) {
    let made = run(&scratch.data(), &["key", "create", "--json"]).json();
    let key = made["key"].as_str().unwrap().to_owned();
    (Served::start(&scratch.data(), &[]), key)
}

async fn over_http(server: &Served, key: &str) -> Client {
    // The client's HTTP library wants one even for plain HTTP; an error says that there is one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = format!("http://{}/mcp", server.addr());
    let config = StreamableHttpClientTransportConfig::with_uri(url).auth_header(key);
    ().serve(StreamableHttpClientTransport::from_config(config))
        .await
        .unwrap()
}

/// `broadside mcp` on this data directory.
async fn over_stdio(data: &Path, arguments: &[&str], key: &str) -> (Client, tokio::process::Child) {
    let mut command = broadside(data, &["mcp"]);
    command
        .args(arguments)
        .env("BROADSIDE_API_KEY", key)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let streams = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
    (serve_client((), streams).await.unwrap(), child)
}

async fn call(client: &Client, tool: &'static str, arguments: Value) -> CallToolResult {
    let mut call = CallToolRequestParams::new(tool);
    call.arguments = arguments.as_object().cloned();
    client.call_tool(call).await.unwrap()
}

/// Whether it is an error, and its text.
fn said(result: &CallToolResult) -> (bool, String) {
    assert_eq!(result.content.len(), 1);
    let text = result.content[0].as_text().unwrap().text.clone();
    (result.is_error == Some(true), text)
}

async fn walk(client: &Client) -> Vec<(bool, String)> {
    let names: Vec<_> = client
        .list_all_tools()
        .await
        .unwrap()
        .into_iter()
        .map(|tool| tool.name)
        .collect();
    assert_eq!(names.len(), 18);
    assert_eq!(
        client.peer_info().unwrap().server_info.as_ref().unwrap().name,
        "publora"
    );
    let mut answers = Vec::new();
    for (tool, arguments) in [
        ("list_connections", json!({})),
        ("get_post", json!({"postGroupId": "none"})),
        ("get_post", json!({"postGroupId": "0123456789abcdef01234567"})),
        ("list_posts", json!({"limit": 3})),
        (
            "create_post",
            json!({"content": "hello", "platforms": ["nowhere-1"], "scheduledTime": "2099-01-01T00:00:00Z"}),
        ),
        ("create_post", json!({"content": "hello"})),
    ] {
        answers.push(said(&call(client, tool, arguments).await));
    }
    answers
}

#[tokio::test]
async fn the_tools_say_the_same_over_http_and_over_stdio() {
    let scratch = Scratch::new("mcp");
    let (server, key) = served(&scratch);
    let http = over_http(&server, &key).await;
    let answers = walk(&http).await;
    assert_eq!(answers[0], (false, "[]".to_owned()));
    assert_eq!(answers[1], (true, "Failed to fetch post group".to_owned()));
    assert_eq!(answers[2], (true, "Post group not found".to_owned()));
    assert!(
        !answers[3].0 && answers[3].1.contains("\"totalItems\": 0"),
        "{:?}",
        answers[3]
    );
    assert_eq!(answers[4], (true, "Invalid platform ID format: nowhere-1".to_owned()));
    assert!(
        answers[5].0 && answers[5].1.contains("platforms is required"),
        "{:?}",
        answers[5]
    );
    let url = format!("http://{}", server.addr());
    for arguments in [vec![], vec!["--url", url.as_str()]] {
        let (stdio, mut child) = over_stdio(&scratch.data(), &arguments, &key).await;
        assert_eq!(walk(&stdio).await, answers);
        stdio.cancel().await.unwrap();
        assert!(child.wait().await.unwrap().success(), "it ends with its client");
    }
    http.cancel().await.unwrap();
    // An open stream does not keep the server.
    let _idle = over_http(&server, &key).await;
    let (code, said) = tokio::task::spawn_blocking(|| server.terminate()).await.unwrap();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains(&key), "a key in the log: {said}");
}

#[tokio::test]
async fn a_server_that_goes_away_is_told_of_by_each_call() {
    let scratch = Scratch::new("gone");
    let (server, key) = served(&scratch);
    let (stdio, _child) = over_stdio(&scratch.data(), &[], &key).await;
    let addr = server.addr();
    drop(server);
    let (is_error, text) = said(&call(&stdio, "list_connections", json!({})).await);
    assert!(
        is_error && text == format!("Broadside cannot be reached at http://{addr}; nothing was done"),
        "{text}"
    );
}

#[test]
fn without_a_server_or_a_key_it_says_what_to_do() {
    let scratch = Scratch::new("nokey");
    let refused = run(&scratch.data(), &["mcp"]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("broadside key create"), "{}", refused.err);
    let mut command = broadside(&scratch.data(), &["mcp"]);
    let refused = command.env("BROADSIDE_API_KEY", "sk_any.1").output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("no server runs on") && said.contains("--url"), "{said}");
}

#[test]
fn a_further_tool_that_this_server_cannot_offer_keeps_it_from_starting() {
    let scratch = Scratch::new("tools");
    let refused = |names: &str| {
        let mut command = broadside(&scratch.data(), &["serve", "--listen", "127.0.0.1:0"]);
        let output = command.env("BROADSIDE_MCP__EXTRA_TOOLS", names).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let said = refused("paint_a_picture");
    assert!(
        said.contains("mcp.extra_tools has 'paint_a_picture'; there are complete_media"),
        "{said}"
    );
}
