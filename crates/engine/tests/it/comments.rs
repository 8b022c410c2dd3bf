//! First comments: whatever a platform does to one, its post stays live and says so soon, and no comment is there twice.

use domain::capability::Capability;
use domain::content::Content;
use domain::log::LogKind;
use domain::part::Part;
use domain::platform::Platform;
use domain::post::PostState;
use jiff::SignedDuration;
use sandbox::{Class, Fault, Match, Rule};
use store::Reach;

use crate::world::{EMULATED, Outside, content, go_on, memory, post_now, run_to_the_end, start_of_time, state};

/// A post that is live may say that it is not for this long, while its comment is tried and asked about.
const LONGEST: SignedDuration = SignedDuration::from_mins(30);

/// What became of a comment whose calls go as `fault` says, `times` of them.
struct End {
    comments: usize,
    /// Entries of the history that say that the comment failed.
    failures: usize,
}

async fn comment_under(platform: Platform, fault: Option<Fault>, times: u32) -> End {
    let told = format!("{platform}: {fault:?} x {times}");
    let outside = Outside::new().await;
    let engine = outside.engine(memory(), go_on()).await;
    let rule = |fault| Rule {
        on: Match {
            class: Class::Create,
            nth: Some(2),
            times: Some(times),
            ..Match::default()
        },
        fault,
        latency_ms: 0,
    };
    let script = fault.map(rule).into_iter().collect();
    let (user, account) = outside.connect(&engine, platform, "comments.test", script).await;
    let content = Content {
        first_comment: Some("first!".to_owned()),
        ..content(&outside, platform, "a post", &[])
    };
    let group = post_now(&engine, &user, &account, content).await;
    run_to_the_end(&outside, &engine).await;
    match state(&engine, &user, group).await {
        PostState::Published { at, .. } => {
            let after = at.duration_since(start_of_time());
            assert!(after <= LONGEST, "{told}: it said so after {after:?}");
        }
        other => panic!("{told}: {other:?}"),
    }
    assert_eq!(outside.copies(platform, "a post"), 1, "{told}");
    let comments = outside.copies(platform, "first!");
    assert!(comments <= 1, "{told}: {comments} comments");
    let log = engine.group_log(&Reach { owner: user.id }, group, 100).await.unwrap();
    let is_failure = |kind| matches!(kind, LogKind::PublishFailed | LogKind::Unconfirmed | LogKind::Missed);
    let failures: Vec<_> = log.iter().filter(|record| is_failure(record.entry.kind)).collect();
    for failure in &failures {
        let part = failure.entry.data.get("part").and_then(serde_json::Value::as_u64);
        assert_eq!(
            part,
            Some(u64::from(Part::FirstComment.number())),
            "{told}: {failure:?}"
        );
    }
    End {
        comments,
        failures: failures.len(),
    }
}

#[tokio::test]
async fn nothing_that_befalls_a_first_comment_changes_a_live_post() {
    let faults = [
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::ErrorBefore { status: 500 },
        Fault::ErrorAfter { status: 503 },
        Fault::RateLimit { retry_after_s: 5 },
        Fault::RateLimit { retry_after_s: 7_200 },
        Fault::RejectContent,
        Fault::Malformed,
    ];
    let commented = EMULATED
        .iter()
        .filter(|platform| Capability::of(**platform).first_comment);
    for platform in commented {
        for fault in &faults {
            for times in [1, 50] {
                let end = comment_under(*platform, Some(fault.clone()), times).await;
                assert!(end.failures <= 1, "{platform}: {fault:?} x {times}");
            }
        }
    }
}

#[tokio::test]
async fn a_first_comment_is_tried_again_and_asked_for_like_any_other_part() {
    for fault in [
        Fault::DropBefore,
        Fault::DropAfter,
        Fault::ErrorBefore { status: 500 },
        Fault::RateLimit { retry_after_s: 5 },
    ] {
        let end = comment_under(Platform::Mastodon, Some(fault.clone()), 1).await;
        assert_eq!((end.comments, end.failures), (1, 0), "{fault:?}");
    }
}

#[tokio::test]
async fn a_first_comment_that_would_have_to_wait_for_hours_is_given_up_at_once() {
    let limited = Fault::RateLimit { retry_after_s: 7_200 };
    let end = comment_under(Platform::Mastodon, Some(limited), 1).await;
    assert_eq!((end.comments, end.failures), (0, 1));
}
