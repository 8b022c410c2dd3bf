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
    let arguments = [
        "sandbox",
        "account",
        "add",
        "--json",
        "--platform",
        "mastodon",
        "--handle",
        "ada",
        "--sandbox",
        &at,
        "--script",
        script,
    ];
    let seed = run(&data, &arguments).json();
    run(&data, &["key", "create"]);
    let base_url = seed["base_url"].as_str().unwrap();
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
