//! The check for duplicates is worth something only if it fails when the spine is broken. On Telegram nothing but the
//! spine keeps one post from becoming two: the platform has no means of its own.

use crate::world::{Scratch, Served, run, run_with_input};

/// A data directory with one Telegram channel, on a sandbox of its own.
struct Channel {
    scratch: Scratch,
    at: String,
    _sandbox: Served,
}

/// The answer to the first message is lost.
const FIRST_ANSWER_LOST: &str = r#"[{"on":{"class":"create","nth":1},"fault":{"kind":"drop_after"}}]"#;

/// Each look starts a process, so this many take some seconds.
const LOOKS_MAX: usize = 300;

impl Channel {
    fn new(label: &str, script: &str) -> Self {
        let scratch = Scratch::new(label);
        let data = scratch.data();
        let sandbox = Served::sandbox(&scratch);
        let at = sandbox.ready["base_url"]
            .as_str()
            .unwrap()
            .replace("http://", "")
            .replace('/', "");
        let base_url = sandbox.ready["endpoints"]["telegram"].as_str().unwrap();
        std::fs::create_dir(&data).unwrap();
        std::fs::write(
            data.join("broadside.toml"),
            format!("[platforms.telegram]\nbase_url = \"{base_url}\"\n"),
        )
        .unwrap();
        let seed = sandbox.new_account(&data, "telegram", "news", &["--script", script]);
        run(&data, &["key", "create"]);
        let chat = seed["remote_id"].as_str().unwrap();
        let add = [
            "account",
            "add",
            "--platform",
            "telegram",
            "--identifier",
            chat,
            "--token-stdin",
        ];
        let said = run_with_input(&data, &add, seed["token"].as_str().unwrap());
        assert_eq!(said.code, Some(0), "{}", said.err);
        Self {
            scratch,
            at,
            _sandbox: sandbox,
        }
    }

    fn serve(&self, arguments: &[&str], env: &[(&str, &str)]) -> Served {
        Served::start_with(&self.scratch.data(), arguments, env)
    }

    /// What this command says does not matter: a server that is about to die may do so before it answers.
    fn post(&self) {
        run(&self.scratch.data(), &["post", "Hello", "--all", "--no-wait"]);
    }

    fn copies(&self) -> usize {
        run(
            &self.scratch.data(),
            &["sandbox", "journal", "--published", "--sandbox", &self.at],
        )
        .out
        .lines()
        .count()
    }

    fn status(&self) -> String {
        let posts = run(&self.scratch.data(), &["posts", "--json"]).json();
        posts["groups"][0]["posts"][0]["status"].as_str().unwrap().to_owned()
    }

    /// Looks until there are two copies.
    fn becomes_two(&self) -> bool {
        (0..LOOKS_MAX).any(|_| self.copies() > 1)
    }

    /// Looks until nothing more happens by itself.
    fn ends(&self) -> String {
        let ended = (0..LOOKS_MAX)
            .map(|_| self.status())
            .find(|status| ["published", "failed", "unconfirmed"].contains(&status.as_str()));
        ended.unwrap()
    }
}

#[test]
fn a_whole_server_never_makes_a_second_copy_of_a_message_whose_answer_was_lost() {
    let channel = Channel::new("whole", FIRST_ANSWER_LOST);
    let server = channel.serve(&[], &[]);
    channel.post();
    assert_eq!(channel.ends(), "unconfirmed");
    assert_eq!(channel.copies(), 1);
    assert_eq!(server.terminate().0, Some(0));
}

#[test]
fn what_nobody_can_tell_is_settled_by_a_persons_word() {
    for (label, word) in [
        ("again", vec!["--send-again"]),
        ("there", vec!["--published", "https://t.me/news/1"]),
    ] {
        let channel = Channel::new(label, FIRST_ANSWER_LOST);
        let data = channel.scratch.data();
        let said = run(&data, &["post", "Hello", "--all", "--json"]);
        assert_eq!(said.code, Some(3), "{}{}", said.out, said.err);
        let post: serde_json::Value = serde_json::from_str(said.out.lines().last().unwrap()).unwrap();
        let id = post["id"].as_str().unwrap();
        let undecided = run(&data, &["resolve", id]);
        assert_eq!(undecided.code, Some(2), "{}", undecided.out);
        let said = run(&data, &[&["resolve", id][..], &word].concat());
        assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
        assert_eq!(channel.status(), "published");
        assert_eq!(channel.copies(), if label == "again" { 2 } else { 1 });
    }
}

#[test]
fn a_server_that_retries_blindly_is_caught_with_two_copies() {
    let channel = Channel::new("blind", FIRST_ANSWER_LOST);
    let _server = channel.serve(&["--sabotage", "retry-blindly"], &[]);
    channel.post();
    assert!(channel.becomes_two());
}

#[test]
fn a_server_that_forgets_what_it_sent_is_caught_with_two_copies() {
    let channel = Channel::new("forget", "[]");
    let _server = channel.serve(&["--sabotage", "forget-settle"], &[]);
    channel.post();
    assert!(channel.becomes_two());
}

#[test]
fn a_server_that_dies_with_the_answer_in_hand_does_not_send_again() {
    let channel = Channel::new("dies", "[]");
    let log = channel.scratch.path().join("crashes");
    let crash = [
        ("BROADSIDE_CRASH", "answer-read:telegram"),
        ("BROADSIDE_CRASH_LOG", log.to_str().unwrap()),
    ];
    let server = channel.serve(&[], &crash);
    channel.post();
    server.wait_for_its_end();
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "answer-read\n");
    let _next = channel.serve(&[], &[]);
    assert_eq!(channel.ends(), "unconfirmed");
    assert_eq!(channel.copies(), 1);
}

#[test]
fn a_server_that_sends_before_its_intent_is_durable_is_caught_with_two_copies_after_its_death() {
    let channel = Channel::new("skip", "[]");
    let server = channel.serve(
        &["--sabotage", "skip-intent"],
        &[("BROADSIDE_CRASH", "answer-read:telegram")],
    );
    channel.post();
    server.wait_for_its_end();
    assert_eq!(channel.copies(), 1);
    let _next = channel.serve(&[], &[]);
    assert!(channel.becomes_two());
}
