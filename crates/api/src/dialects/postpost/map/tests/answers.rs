//! What the engine says, as this dialect shows it.

use domain::ids::{GroupId, PostId, UserId};
use domain::part::{PartsLive, RemotePost};
use domain::post::Phase;
use serde_json::{Value, json};

use super::super::*;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_774_000_000 + second).unwrap()
}

fn summary(kind: ErrorKind) -> ErrorSummary {
    ErrorSummary {
        kind,
        code: None,
        message: "ours".to_owned(),
        raw: None,
        http_status: None,
        at: at(0),
    }
}

fn failed(error: ErrorSummary) -> PostState {
    PostState::Failed {
        at: at(0),
        error,
        parts: PartsLive::default(),
    }
}

fn group(posts: &[(Platform, PostState)]) -> Group {
    let post = |(platform, state): &(Platform, PostState)| Post {
        id: PostId::from_bytes([2; 12]),
        platform: *platform,
        target: "1-2".to_owned(),
        account: None,
        state: state.clone(),
        attempts: 0,
        retries: 0,
    };
    Group {
        id: GroupId::from_bytes([1; 12]),
        owner: UserId::from_bytes([9; 12]),
        content: Content {
            head: PartContent {
                text: "text".to_owned(),
                media: Vec::new(),
            },
            ..Content::default()
        },
        draft: false,
        planned_at: None,
        mask: StateMask::of(false, posts.iter().map(|(_, state)| state)),
        created_at: at(0),
        updated_at: at(1),
        posts: posts.iter().map(post).collect(),
    }
}

fn all_states() -> Vec<(PostState, &'static str)> {
    let (due, attempt) = (at(0), domain::ids::AttemptId::default());
    let remote = RemotePost::visible("77", None);
    let processing = |phase| PostState::Processing {
        phase,
        due,
        next_check: due,
        give_up_at: due,
    };
    vec![
        (PostState::Draft, "draft"),
        (PostState::Scheduled { due }, "scheduled"),
        (
            PostState::Waiting {
                due,
                at: due,
                error: Some(summary(ErrorKind::Network)),
            },
            "scheduled",
        ),
        (
            PostState::Publishing {
                attempt,
                due,
                armed: false,
            },
            "pending",
        ),
        (
            PostState::Publishing {
                attempt,
                due,
                armed: true,
            },
            "processing",
        ),
        (processing(Phase::BeforeSend), "processing"),
        (processing(Phase::AfterSend), "processing"),
        (
            PostState::Reconciling {
                due,
                since: due,
                next_check: due,
                asked: 0,
                give_up_at: due,
            },
            "processing",
        ),
        (
            PostState::Published {
                at: due,
                remote: remote.clone(),
                next_look: None,
            },
            "published",
        ),
        (PostState::Removed { at: due, remote }, "published"),
        (failed(summary(ErrorKind::Auth)), "failed"),
        (
            PostState::Unconfirmed {
                since: due,
                next_look: None,
                error: summary(ErrorKind::Unknown),
                parts: PartsLive::default(),
            },
            "failed",
        ),
        (PostState::Missed { due, at: due }, "failed"),
        (PostState::Cancelled { at: due }, "failed"),
    ]
}

#[test]
fn every_state_has_its_word_and_only_its_keys() {
    for (state, word) in all_states() {
        let group = group(&[(Platform::X, state.clone())]);
        let shown = serde_json::to_value(fetched(&group).unwrap()).unwrap();
        let post = shown["posts"][0].as_object().unwrap();
        assert_eq!(post["status"], word, "{state:?}");
        assert_eq!(post.contains_key("postedId"), word == "published", "{state:?}");
        assert_eq!(post.contains_key("error"), word == "failed", "{state:?}");
        let keys: Vec<_> = shown.as_object().unwrap().keys().collect();
        assert_eq!(keys.len(), 3, "{keys:?}");
    }
}

#[test]
fn a_failure_shows_what_is_known_and_leaves_out_what_is_not() {
    let shown = |error: ErrorSummary| serde_json::to_value(post_error(&failed(error))).unwrap();
    let full = ErrorSummary {
        http_status: Some(401),
        raw: Some("theirs".to_owned()),
        ..summary(ErrorKind::Auth)
    };
    assert_eq!(
        shown(full),
        json!({
            "code": "PLATFORM_AUTH_EXPIRED", "message": "ours", "platformStatusCode": 401, "platformError": "theirs",
            "failedAt": "2026-03-20T09:46:40.000Z", "retryable": false,
        })
    );
    let unreached = shown(summary(ErrorKind::Network));
    assert!(unreached.get("platformStatusCode").is_none());
    assert_eq!(
        (&unreached["platformError"], &unreached["retryable"]),
        (&Value::Null, &json!(true))
    );
    let own_check = shown(summary(ErrorKind::Validation));
    assert_eq!(own_check["code"], "PLATFORM_VALIDATION_ERROR");
    assert_eq!(own_check.get("platformStatusCode"), Some(&Value::Null));
    assert_eq!(own_check["platformError"], Value::Null);
}

#[test]
fn ends_that_the_original_does_not_know_have_codes_of_their_own() {
    let codes: Vec<_> = all_states()
        .iter()
        .filter_map(|(state, _)| post_error(state))
        .map(|it| (it.code, it.retryable))
        .collect();
    assert_eq!(
        codes,
        [
            ("PLATFORM_AUTH_EXPIRED", false),
            ("PUBLISH_OUTCOME_UNKNOWN", false),
            ("PUBLISH_MISSED", true),
            ("PUBLISH_CANCELLED", false)
        ]
    );
}

#[test]
fn ids_are_raw_in_one_answer_and_compound_in_the_other() {
    let group = group(&[(Platform::X, PostState::Draft)]);
    let raw = serde_json::to_value(fetched(&group).unwrap()).unwrap();
    assert_eq!(
        (&raw["posts"][0]["platform"], &raw["posts"][0]["platformId"]),
        (&json!("twitter"), &json!("1-2"))
    );
    let compound = serde_json::to_value(listed(&group, &NoLinks)).unwrap();
    assert_eq!(
        compound["platforms"][0],
        json!({ "platformId": "twitter-1-2", "platform": "twitter", "status": "draft" })
    );
    assert_eq!(compound["scheduledTime"], Value::Null);
    assert_eq!(compound["mediaUrls"], json!([]));
}

/// Q13: what this dialect cannot name is left out, and the status is that of the rest.
#[test]
fn targets_without_a_word_are_left_out() {
    let published = PostState::Published {
        at: at(0),
        remote: RemotePost::visible("7", None),
        next_look: None,
    };
    let mixed = group(&[
        (Platform::X, published),
        (Platform::Reddit, failed(summary(ErrorKind::Auth))),
    ]);
    assert_eq!(fetched(&mixed).unwrap().posts.len(), 1);
    assert_eq!(listed(&mixed, &NoLinks).status, "published");
    assert!(fetched(&group(&[(Platform::Reddit, PostState::Draft)])).is_none());
}

#[test]
fn an_update_leaves_out_a_time_that_is_not_there() {
    let mut group = group(&[(Platform::X, PostState::Draft)]);
    group.draft = true;
    let untimed = serde_json::to_value(updated(&group, None)).unwrap();
    assert!(untimed["postGroup"].get("scheduledTime").is_none());
    assert_eq!(untimed.get("scheduledTime"), Some(&Value::Null));
    group.planned_at = Some(at(0));
    let timed = serde_json::to_value(updated(&group, None)).unwrap();
    assert_eq!(timed["postGroup"]["scheduledTime"], "2026-03-20T09:46:40.000Z");
    assert_eq!(timed["postGroup"]["platforms"], json!(["twitter-1-2"]));
}

struct NoLinks;

impl MediaLinks for NoLinks {
    fn link(&self, _: &domain::content::Media) -> Option<String> {
        None
    }
}
