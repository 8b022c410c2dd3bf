use serde_json::Value;

use crate::world::{Scratch, Served, run, run_with_input};

/// A sandbox, and a user with a Mastodon account on it.
fn connected(scratch: &Scratch, script: &str) -> (Served, String) {
    let data = scratch.data();
    let sandbox = Served::sandbox(scratch);
    let at = sandbox.ready["base_url"]
        .as_str()
        .unwrap()
        .replace("http://", "")
        .replace('/', "");
    let seed = sandbox.new_account(&data, "mastodon", "ada", &["--script", script]);
    run(&data, &["key", "create"]);
    let base_url = seed["base_url"].as_str().unwrap();
    // Servers on this machine are asked only when the operator says so.
    let settings = format!("[platforms.mastodon]\nbase_url = \"{base_url}\"\n");
    std::fs::write(data.join("broadside.toml"), settings).unwrap();
    let arguments = [
        "account",
        "add",
        "--json",
        "--platform",
        "mastodon",
        "--base-url",
        base_url,
        "--token-stdin",
    ];
    let account = run_with_input(&data, &arguments, seed["token"].as_str().unwrap()).json();
    assert_eq!(account["username"], "ada");
    assert!(
        !account.to_string().contains(seed["token"].as_str().unwrap()),
        "a token is never shown again"
    );
    (sandbox, at)
}

fn made(scratch: &Scratch, at: &str) -> Vec<Value> {
    let said = run(&scratch.data(), &["sandbox", "journal", "--published", "--sandbox", at]);
    said.out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_wrong_token_is_refused_when_the_account_is_connected_not_when_something_is_posted() {
    let scratch = Scratch::new("wrong");
    let (sandbox, _) = connected(&scratch, "[]");
    let base_url = format!("{}mastodon", sandbox.ready["base_url"].as_str().unwrap());
    let arguments = [
        "account",
        "add",
        "--platform",
        "mastodon",
        "--base-url",
        &base_url,
        "--token-stdin",
    ];
    let said = run_with_input(&scratch.data(), &arguments, "nonsense");
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("next:"), "{}", said.err);
}

#[test]
fn a_post_without_a_server_is_published_by_the_command_itself_and_shown_with_its_address() {
    let scratch = Scratch::new("alone");
    let (_sandbox, at) = connected(&scratch, "[]");
    let picture = scratch.path().join("picture.jpg");
    std::fs::write(&picture, &sandbox::samples::by_name("image.jpg").unwrap().1).unwrap();
    let arguments = [
        "post",
        "Hello",
        "--all",
        "--media",
        picture.to_str().unwrap(),
        "--alt",
        "A picture",
        "--reply",
        "And more",
    ];
    let said = run(&scratch.data(), &arguments);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert!(said.out.contains("/mastodon/@ada/"), "{}", said.out);
    let made = made(&scratch, &at);
    assert_eq!(made.len(), 2);
    assert_eq!(
        (made[0]["text"].as_str(), made[0]["alt"][0].as_str()),
        (Some("Hello"), Some("A picture"))
    );
    assert_eq!(made[1]["reply_to"], made[0]["remote_id"]);
}

#[test]
fn an_account_that_is_named_twice_gets_one_post_and_mistakes_none() {
    let scratch = Scratch::new("twice");
    let (_sandbox, at) = connected(&scratch, "[]");
    let twice = ["post", "Hello", "--to", "mastodon", "--to", "mastodon:ada"];
    let said = run(&scratch.data(), &twice);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    for (mistake, word) in [
        (["--setting", "mastodon.visibilty=private"], "visibility"),
        (["--at", "2020-12-24 18:00"], "is over"),
    ] {
        let said = run(&scratch.data(), &[&["post", "Hello", "--all"][..], &mistake].concat());
        assert_eq!(said.code, Some(1), "{}", said.out);
        assert!(said.err.contains(word), "{}", said.err);
    }
    assert_eq!(made(&scratch, &at).len(), 1);
}

#[test]
fn a_refused_post_says_why_and_what_to_do_and_its_retry_succeeds_beside_a_server() {
    let scratch = Scratch::new("refused");
    let script = r#"[{"on":{"class":"create","nth":1},"fault":{"kind":"reject_content"}}]"#;
    let (_sandbox, at) = connected(&scratch, script);
    let server = Served::start(&scratch.data(), &[]);
    let said = run(&scratch.data(), &["post", "Hello", "--to", "mastodon:ada", "--json"]);
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    let post: Value = serde_json::from_str(said.out.lines().next().unwrap()).unwrap();
    assert_eq!(post["status"], "failed");
    assert!(made(&scratch, &at).is_empty());
    let id = post["id"].as_str().unwrap();
    let shown = run(&scratch.data(), &["show", id]);
    assert!(shown.out.contains(&format!("broadside retry {id}")), "{}", shown.out);
    let again = run(&scratch.data(), &["retry", id]);
    assert_eq!(again.code, Some(0), "{}{}", again.out, again.err);
    assert_eq!(made(&scratch, &at).len(), 1);
    let logs = run(&scratch.data(), &["logs", id]);
    assert!(
        logs.out.contains("publish_failed") && logs.out.contains("publish_succeeded"),
        "{}",
        logs.out
    );
    assert_eq!(server.terminate().0, Some(0));
}

#[test]
fn a_post_for_later_waits_and_secrets_can_be_changed_meanwhile() {
    let scratch = Scratch::new("later");
    let (_sandbox, at) = connected(&scratch, "[]");
    let said = run(&scratch.data(), &["post", "Hello", "--all", "--at", "2d", "--json"]).json();
    assert_eq!(said["posts"][0]["status"], "scheduled");
    let rotated = run(&scratch.data(), &["secrets", "rotate", "--json"]).json();
    assert_eq!(
        (rotated["older"].as_u64(), rotated["keys"].as_u64()),
        (Some(0), Some(1))
    );
    let said = run(&scratch.data(), &["post", "Now", "--all"]);
    assert_eq!(
        said.code,
        Some(0),
        "the token opens with the new key: {}{}",
        said.out,
        said.err
    );
    assert_eq!(made(&scratch, &at).len(), 1);
}

#[test]
fn a_connection_page_can_be_made_before_and_beside_a_server_and_its_token_is_in_no_log() {
    let scratch = Scratch::new("page");
    run(&scratch.data(), &["user", "add", "ada"]);
    let before = run(&scratch.data(), &["account", "connect", "mastodon", "--json"]).json();
    assert_eq!(before["serving"], false);
    assert!(
        before["url"]
            .as_str()
            .unwrap()
            .starts_with("http://127.0.0.1:8420/connect/")
    );
    let server = Served::start_with(&scratch.data(), &[], &[("BROADSIDE_LOG__LEVEL", "trace")]);
    let said = run(&scratch.data(), &["account", "connect", "--expires-in", "7d", "--json"]).json();
    let url = said["url"].as_str().unwrap();
    let path = url.strip_prefix(&format!("http://{}", server.addr())).unwrap();
    let (status, body) = crate::world::get(&server.addr(), path, &[]);
    assert_eq!(status, 200);
    assert!(
        body.contains("Connect Mastodon") && body.contains("platforms.x.client_id"),
        "{body}"
    );
    let token = path.strip_prefix("/connect/").unwrap();
    assert_eq!(
        crate::world::get(&server.addr(), &format!("{path}/start?platform=x"), &[]).0,
        404
    );
    let wrong = crate::world::get(
        &server.addr(),
        "/connect/callback?state=s3cret-state&code=s3cret-code",
        &[],
    );
    assert_eq!(wrong.0, 404);
    let (code, log) = server.terminate();
    assert_eq!(code, Some(0));
    assert!(log.contains("/connect/…"), "requests are logged at this level: {log}");
    for secret in [token, "s3cret-state", "s3cret-code"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[test]
fn a_platform_that_is_not_ready_gets_no_page_but_the_reason() {
    let scratch = Scratch::new("unready");
    run(&scratch.data(), &["user", "add", "ada"]);
    let said = run(&scratch.data(), &["account", "connect", "x"]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.contains("platforms.x.client_id") && said.err.contains("broadside doctor"),
        "{}",
        said.err
    );
}

#[test]
fn accounts_of_everybody_are_one_table_and_a_check_asks_their_platforms() {
    let scratch = Scratch::new("table");
    let (_sandbox, _) = connected(&scratch, "[]");
    let table = run(&scratch.data(), &["account", "list"]);
    let lines: Vec<_> = table.out.lines().collect();
    assert_eq!(lines.len(), 2, "{}", table.out);
    assert!(
        lines[0].starts_with("OWNER") && lines[1].starts_with("me     mastodon"),
        "{}",
        table.out
    );
    let listed = run(&scratch.data(), &["account", "list", "--json"]).json();
    assert_eq!(
        (listed[0]["user"].as_str(), listed[0]["username"].as_str()),
        (Some("me"), Some("ada"))
    );
    assert!(listed[0]["failures_7d"].is_u64() && listed[0]["token_ends_at"].is_null());
    let checked = run(&scratch.data(), &["account", "check", "mastodon:ada", "--json"]).json();
    assert!(
        checked["problem"].is_null() && checked["verified_at"].is_string(),
        "{checked}"
    );
    let log = run(&scratch.data(), &["account", "log"]);
    assert!(
        log.out.contains("connected") && log.out.contains("verified"),
        "{}",
        log.out
    );
    let again = run(&scratch.data(), &["account", "reconnect", "mastodon:ada", "--json"]).json();
    assert_eq!(again["platforms"], serde_json::json!(["mastodon"]));
    let gone = run(&scratch.data(), &["account", "check", "mastodon:nobody"]);
    assert_eq!(gone.code, Some(1));
}

#[test]
fn a_file_of_credentials_is_checked_whole_and_then_connected_line_by_line() {
    let scratch = Scratch::new("import");
    let (sandbox, _) = connected(&scratch, "[]");
    let ben = sandbox.new_account(&scratch.data(), "mastodon", "ben", &[]);
    let base_url = format!("{}mastodon", sandbox.ready["base_url"].as_str().unwrap());
    let file = scratch.path().join("credentials.json");
    let entry = |token: &str, owner: &str| serde_json::json!({ "platform": "mastodon", "token": token, "base_url": base_url, "owner": owner });
    let good = entry(ben["token"].as_str().unwrap(), "me");
    let import = |entries: &[Value]| {
        std::fs::write(&file, serde_json::to_string(entries).unwrap()).unwrap();
        run(&scratch.data(), &["import-credentials", file.to_str().unwrap()])
    };
    let names = || {
        let listed = run(&scratch.data(), &["account", "list", "--json"]).json();
        let names = listed.as_array().unwrap().iter();
        names
            .map(|account| account["username"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let said = import(&[good.clone(), entry("t", "nobody")]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.contains("entry 2") && said.err.contains("nothing was connected"),
        "{}",
        said.err
    );
    assert_eq!(names(), ["ada"]);
    let said = import(&[entry("wrong-s3cret", "me"), good.clone()]);
    assert_eq!(said.code, Some(1), "{}{}", said.out, said.err);
    assert!(
        said.out.contains("refused") && said.out.contains("connected mastodon:ben"),
        "{}",
        said.out
    );
    assert!(said.out.contains("1 of 2 accounts connected"), "{}", said.out);
    assert!(!said.out.contains("s3cret") && !said.err.contains("s3cret"));
    assert_eq!(names(), ["ada", "ben"]);
    assert_eq!(import(&[good]).code, Some(0), "importing again is harmless");
    assert_eq!(names(), ["ada", "ben"]);
}

#[test]
fn what_is_deleted_is_not_sent_and_what_is_live_is_named_and_stays() {
    let scratch = Scratch::new("deletes");
    let (_sandbox, at) = connected(&scratch, "[]");
    let planned = run(&scratch.data(), &["post", "Later", "--all", "--at", "2d", "--json"]).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let (group, post) = (text(&planned["id"]), text(&planned["posts"][0]["id"]));
    let one = run(&scratch.data(), &["delete", &post]);
    assert_eq!(one.code, Some(1), "{}", one.out);
    assert!(one.err.contains(&format!("broadside delete {group}")), "{}", one.err);
    assert_eq!(run(&scratch.data(), &["delete", &group]).code, Some(0));
    assert_eq!(run(&scratch.data(), &["show", &group]).code, Some(1));

    run(&scratch.data(), &["post", "Now", "--all"]);
    let listed = run(&scratch.data(), &["posts", "--json"]).json();
    let live = text(&listed["groups"][0]["id"]);
    let said = run(&scratch.data(), &["delete", &live]);
    assert!(
        said.out.contains("stays published: mastodon"),
        "{}{}",
        said.out,
        said.err
    );
    assert_eq!(made(&scratch, &at).len(), 1);
}

#[test]
fn a_first_comment_that_failed_is_told_of_beside_the_post_that_is_live() {
    let scratch = Scratch::new("comment");
    let script = r#"[{"on":{"class":"create","nth":2},"fault":{"kind":"reject_content"}}]"#;
    let (_sandbox, at) = connected(&scratch, script);
    let said = run(&scratch.data(), &["post", "Hello", "--all", "--first-comment", "More"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    assert!(said.out.contains("its first comment failed: "), "{}", said.out);
    assert_eq!(made(&scratch, &at).len(), 1);
    let listed = run(&scratch.data(), &["posts", "--json"]).json();
    let shown = run(
        &scratch.data(),
        &["show", listed["groups"][0]["id"].as_str().unwrap(), "--json"],
    )
    .json();
    assert_eq!(shown["posts"][0]["status"], "published");
    assert!(shown["posts"][0]["first_comment"].is_string(), "{shown}");
}
