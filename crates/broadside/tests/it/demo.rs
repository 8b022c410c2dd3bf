use std::collections::BTreeMap;
use std::process::Stdio;

use serde_json::Value;

use crate::world::{Scratch, broadside, run};

#[test]
fn every_account_of_the_demo_ends_as_its_behaviour_says() {
    let scratch = Scratch::new("demo");
    let said = run(
        &scratch.data(),
        &["demo", "--once", "--json", "--listen", "127.0.0.1:0"],
    );
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let lines: Vec<Value> = said
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let mut ends: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in &lines {
        let end = (line["status"].as_str().unwrap(), line["copies"].as_u64().unwrap());
        ends.entry(line["behaviour"].as_str().unwrap()).or_default().push(end);
    }
    // Eight platforms, four kinds of posts, and one of them without posts of text alone.
    assert_eq!(ends["ok"], [("published", 1); 31]);
    for line in lines.iter().filter(|line| line["behaviour"] == "ok") {
        assert!(line["url"].as_str().unwrap().contains("://"), "{line}");
    }
    assert_eq!(ends["fails_once"], [("failed", 0)]);
    assert_eq!(ends["auth_expired"], [("failed", 0)]);
    assert_eq!(ends["rate_limited"], [("published", 1)]);
    assert_eq!(ends["server_error_then_ok"], [("published", 1)]);
    assert_eq!(ends["rejects_content"], [("failed", 0)]);
    assert_eq!(ends["reply_lost"], [("published", 1)]);
    assert_eq!(ends["reply_lost_unknowable"], [("unconfirmed", 1)]);
    assert!(lines.iter().all(|line| line["ms"].as_u64().unwrap() < 40_000));
}

#[test]
fn a_demo_that_was_ended_starts_again_on_the_same_data() {
    let scratch = Scratch::new("again");
    for _ in 0..2 {
        let said = run(
            &scratch.data(),
            &["demo", "--once", "--json", "--listen", "127.0.0.1:0"],
        );
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    }
}

#[test]
fn a_demo_keeps_its_hands_off_what_no_demo_made() {
    let scratch = Scratch::new("real");
    run(&scratch.data(), &["user", "add", "me"]);
    let said = run(&scratch.data(), &["demo", "--once", "--listen", "127.0.0.1:0"]);
    assert_eq!(said.code, Some(1), "{}", said.out);
    assert!(said.err.contains("that no demo made"), "{}", said.err);
    let users = run(&scratch.data(), &["user", "list"]);
    assert!(users.out.contains("me") && !users.out.contains("demo"), "{}", users.out);
}

#[test]
fn the_ready_file_is_whole_and_leads_to_a_server_that_answers() {
    let scratch = Scratch::new("ready");
    let ready = scratch.path().join("ready.json");
    let arguments = [
        "demo",
        "--listen",
        "127.0.0.1:0",
        "--ready-file",
        ready.to_str().unwrap(),
    ];
    let mut child = broadside(&scratch.data(), &arguments)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The first line on standard output comes after the file is in its place.
    let mut first = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut first).unwrap();
    let ready: Value = serde_json::from_slice(&std::fs::read(&ready).unwrap()).unwrap();
    let key = ready["keys"]["postpost"].as_str().unwrap();
    let addr = ready["base_url"].as_str().unwrap().strip_prefix("http://").unwrap();
    let (status, body) = crate::world::get(addr, "/api/v1/platform-connections", &[("x-api-key", key)]);
    let page = ready["connect_url"].as_str().unwrap();
    let page = page.strip_prefix(ready["base_url"].as_str().unwrap()).unwrap();
    let page = crate::world::get(addr, page, &[]);
    crate::world::signal(child.id(), "-TERM");
    child.wait().unwrap();
    assert_eq!(status, 200);
    assert_eq!(page.0, 200);
    for platform in [
        "Connect X",
        "Connect Mastodon",
        "Connect TikTok",
        "Connect Google Business Profile",
    ] {
        assert!(
            page.1.contains(platform),
            "{platform}: everything is ready in a demonstration"
        );
    }
    let accounts = ready["accounts"].as_array().unwrap();
    assert_eq!(accounts[0]["behaviour"], "ok");
    // The platform's word, a dash, and the platform's own id: what clients have stored works with any installation.
    let of_the_good = accounts.iter().take_while(|account| account["behaviour"] == "ok");
    assert_eq!(
        of_the_good
            .map(|account| account["postpost"].as_str().unwrap())
            .collect::<Vec<_>>(),
        [
            "twitter-1000000000000000001",
            "bluesky-did:plc:demoadaaaaaaaaaaaaaaaaaa",
            "mastodon-109000000000000001",
            "telegram--1001000000001",
            "instagram-17841400000000001",
            "linkedin-AdaDemo001",
            "facebook-104000000000001",
            "threads-17841400000000002",
        ]
    );
    for account in accounts {
        let id = account["postpost"].as_str().unwrap();
        assert!(body.contains(id), "{id} is not among {body}");
    }
    assert!(
        ready["sample_media"]["oversized"]
            .as_str()
            .unwrap()
            .starts_with(ready["sandbox_url"].as_str().unwrap())
    );
}
