//! The check is shown everything that it must notice, once each: doctored answers, a doctored store, a doctored world.

use domain::content::{Content, PartContent};
use domain::ids::{GroupId, LogId, PostId};
use domain::log::{LogEntry, LogKind, LogOutcome, LogRecord};
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::post::PostState;
use jiff::{SignedDuration, Timestamp};
use sandbox::{Class, Published, RequestLine};
use serde_json::{Value, json};

use super::book::Made;
use super::postpost::Postpost;
use super::sayings::{Sayings, differences};
use super::store::{Account, Group, Intent, Post, Remote, Store};
use super::world::{World, judge};
use super::{Dialect, Truth};
use crate::chaos::outside::Target;
use crate::chaos::time::Time;

const SEED: u64 = 7;
const URL: &str = "http://127.0.0.1:1/mastodon/@ada/101";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn id() -> String {
    GroupId::from_bytes([1; 12]).to_string()
}

fn post() -> Post {
    let remote = RemotePost::visible("101", Some(URL.to_owned()));
    let intent = |state: &str, from, to| Intent {
        part: Part::Head,
        state: state.to_owned(),
        recorded_at: at(from),
        settled_at: Some(at(to)),
    };
    Post {
        id: PostId::from_bytes([2; 12]),
        platform: Platform::Mastodon,
        target: "7".to_owned(),
        state: PostState::Published {
            at: at(16),
            remote: remote.clone(),
            next_look: None,
        },
        intents: vec![intent("not_published", 10, 11), intent("published", 14, 16)],
        remotes: vec![Remote {
            part: Part::Head,
            post: remote,
        }],
    }
}

fn entry(seq: u8, kind: LogKind, second: i64, retries: Option<u32>) -> LogRecord {
    let entry = LogEntry {
        post: Some(PostId::from_bytes([2; 12])),
        platform: Some(Platform::Mastodon),
        retries,
        ..LogEntry::new(kind, LogOutcome::Info, at(second)).with("part", 0)
    };
    LogRecord {
        id: LogId::from_bytes([seq; 12]),
        seq: seq.into(),
        entry,
    }
}

fn account() -> Account {
    Account {
        platform: Platform::Mastodon,
        remote_id: "7".to_owned(),
        username: "ada".to_owned(),
        display_name: None,
        avatar_url: None,
        profile_url: Some("http://127.0.0.1:1/mastodon/@ada".to_owned()),
        token_expires_at: None,
        last_success_at: Some(at(16)),
        last_error: None,
    }
}

/// One post that was refused once, and came out with the second attempt.
fn truth() -> Truth {
    let head = PartContent {
        text: "truth 7 0 version 0".to_owned(),
        media: Vec::new(),
    };
    let group = Group {
        id: GroupId::from_bytes([1; 12]),
        content: Content {
            head,
            ..Content::default()
        },
        draft: false,
        planned_at: Some(at(10)),
        created_at: at(1),
        updated_at: at(16),
        is_deleted: false,
        posts: vec![post()],
        log: vec![
            entry(1, LogKind::Scheduled, 1, None),
            entry(2, LogKind::PublishAttempted, 10, Some(0)),
            entry(3, LogKind::PublishRetry, 11, Some(0)),
            entry(4, LogKind::PublishAttempted, 14, Some(1)),
            entry(5, LogKind::PublishSucceeded, 16, Some(1)),
        ],
    };
    Truth {
        store: Store {
            groups: vec![group],
            accounts: vec![account()],
            orphans: Vec::new(),
        },
        world: world(),
    }
}

fn world() -> World {
    let published = json!({"seq": 3, "at": at(15), "platform": "mastodon", "account": "7", "remote_id": "101",
        "url": URL, "text": "truth 7 0 version 0", "visible_at": at(15)});
    let line = |seq, second, status| RequestLine {
        seq,
        at: at(second),
        platform: Platform::Mastodon,
        account: Some("7".to_owned()),
        class: Class::Create,
        method: "POST".to_owned(),
        path: "/mastodon/api/v1/statuses".to_owned(),
        status: Some(status),
        fault: None,
        commit: None,
        violation: None,
    };
    World::new(
        vec![serde_json::from_value::<Published>(published).unwrap()],
        vec![line(1, 11, 503), line(4, 15, 200)],
    )
}

fn promises() -> Vec<Made> {
    vec![Made {
        id: Some(id()),
        text: "truth 7 0 version 0".to_owned(),
        targets: vec![0],
        planned_at: Some(format!("{:.3}", at(10))),
        ..Made::default()
    }]
}

fn judged(truth: &Truth, promises: &[Made]) -> Vec<String> {
    let target = Target {
        platform: Platform::Mastodon,
        remote_id: "7".to_owned(),
        media_url: None,
        credentials: Value::Null,
    };
    judge(SEED, promises, &[target], truth)
}

fn postpost() -> Postpost {
    Postpost::new("http://127.0.0.1:1", String::new(), Time::start(1.0)).unwrap()
}

/// What is found when this answer is doctored so.
fn found(of: &str, doctor: impl Fn(&mut Value)) -> Vec<String> {
    let expected: Sayings = postpost().expected(&truth(), &[id()]);
    let mut told = expected.clone();
    doctor(told.of_mut(of));
    differences(&told, &expected)
}

#[test]
fn witnesses_that_agree_leave_nothing_to_say() {
    assert_eq!(judged(&truth(), &promises()), [""; 0]);
    assert_eq!(found("list-posts", |_| {}), [""; 0]);
}

#[test]
fn a_wrong_url_is_found() {
    let wrong = found("platform-connections", |told| {
        told["body"]["connections"][0]["profileUrl"] = "http://elsewhere/".into();
    });
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(
        wrong[0].contains("http://elsewhere/") && wrong[0].contains("mastodon/@ada"),
        "{wrong:?}"
    );
    let mut doctored = truth();
    doctored.store.groups[0].posts[0].remotes[0].post.url = Some("http://elsewhere/".to_owned());
    let wrong = judged(&doctored, &promises());
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(
        wrong[0].contains("http://elsewhere/") && wrong[0].contains(URL),
        "{wrong:?}"
    );
}

#[test]
fn a_wrong_id_is_found_against_the_world_and_not_against_the_store() {
    let mut doctored = truth();
    doctored.world.published[0].remote_id = "102".to_owned();
    let expected = postpost().expected(&doctored, &[id()]);
    // The server tells what it keeps.
    let told = postpost().expected(&truth(), &[id()]);
    let wrong = differences(&told, &expected);
    assert!(
        wrong[0].contains(r#"postedId is told to be "101", and it is "102""#),
        "{wrong:?}"
    );
    assert!(judged(&doctored, &promises()).len() >= 2);
}

#[test]
fn a_wrong_attempt_count_is_found() {
    let logs = format!("post-logs {}", id());
    let wrong = found(&logs, |told| told["body"]["logs"][2]["retryCount"] = 2.into());
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(
        wrong[0].ends_with("retryCount is told to be 2, and it is 1"),
        "{wrong:?}"
    );
    let mut secret = truth();
    secret.world.requests.remove(0);
    let wrong = judged(&secret, &promises());
    assert!(
        wrong[0].contains("1 requests to publish came in, and the store has 2 sends"),
        "{wrong:?}"
    );
    let mut forgotten = truth();
    forgotten.store.groups[0].posts[0].intents.remove(0);
    // The log tells of a send that is not there, and a request came in that nobody made.
    assert_eq!(judged(&forgotten, &promises()).len(), 2);
}

#[test]
fn a_missing_log_row_is_found() {
    let logs = format!("post-logs {}", id());
    let wrong = found(&logs, |told| {
        told["body"]["logs"].as_array_mut().unwrap().remove(3);
    });
    assert!(
        !wrong.is_empty() && wrong.iter().all(|what| what.contains("is not told")),
        "{wrong:?}"
    );
    let mut doctored = truth();
    doctored.store.groups[0].log.remove(3);
    let wrong = judged(&doctored, &promises());
    assert!(
        wrong[0].contains("its log tells of 1 attempts, and the store has 2 sends"),
        "{wrong:?}"
    );
}

#[test]
fn a_time_that_is_off_by_a_second_is_found() {
    let wrong = found("list-posts", |told| {
        told["posts"][0]["scheduledTime"] = format!("{:.3}", at(11)).into();
    });
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    let mut promised = promises();
    promised[0].planned_at = Some(format!("{:.3}", at(11)));
    assert_eq!(judged(&truth(), &promised).len(), 1);
    for wrong_time in [SignedDuration::from_secs(-2), SignedDuration::from_secs(2)] {
        let mut doctored = truth();
        // Before its send was under way, or after its answer had come.
        doctored.world.published[0].at += wrong_time;
        let wrong = judged(&doctored, &promises());
        assert!(wrong[0].contains("no send of the store was under way"), "{wrong:?}");
    }
}

#[test]
fn a_lost_promise_a_stranger_and_a_missing_post_are_found() {
    let mut forgotten = truth();
    forgotten.store.groups.clear();
    // The post that is out there is a stranger then.
    assert_eq!(judged(&forgotten, &promises()).len(), 2);
    let mut absent = truth();
    absent.world.published.clear();
    assert_eq!(judged(&absent, &promises()).len(), 2);
    let mut twice = truth();
    let mut second = twice.world.published[0].clone();
    second.remote_id = "103".to_owned();
    twice.world.published.push(second);
    assert_eq!(judged(&twice, &promises()).len(), 1);
}
