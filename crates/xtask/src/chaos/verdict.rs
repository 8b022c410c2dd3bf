//! The end of a run: what became of every post, by the world's word and not by the server's.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;

use super::book::{Deletion, Entry};
use super::database::PostRow;
use super::outside::{Seen, Target};

/// What became of the posts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) accepted: usize,
    pub(super) published: usize,
    pub(super) failed: usize,
    pub(super) unconfirmed: usize,
    pub(super) duplicates: usize,
    pub(super) lost: usize,
    pub(super) wrong: Vec<String>,
}

/// States that nothing more happens to by itself.
pub(super) fn is_over(state: &str) -> bool {
    matches!(
        state,
        "published" | "failed" | "unconfirmed" | "missed" | "cancelled" | "removed"
    )
}

type Place = (String, String, String);

fn place(target: &Target, text: &str) -> Place {
    (
        target.platform.word().to_owned(),
        target.remote_id.clone(),
        text.to_owned(),
    )
}

/// Judges every post of the run. `rows` is the server's database, `seen` is what is out there.
pub(super) fn judge(entries: &[Entry], targets: &[Target], rows: &[PostRow], seen: &[Seen]) -> Outcome {
    let mut copies: HashMap<Place, usize> = HashMap::new();
    for post in seen {
        *copies
            .entry((post.platform.clone(), post.account.clone(), post.text.clone()))
            .or_default() += 1;
    }
    let by_group: HashMap<&str, &PostRow> = rows.iter().map(|row| (row.group.as_str(), row)).collect();
    let mut outcome = Outcome::default();
    for entry in entries {
        let Some(target) = targets.get(entry.target) else {
            continue;
        };
        let out_there = copies.get(&place(target, &entry.text)).copied().unwrap_or_default();
        if out_there > 1 {
            outcome.duplicates += out_there - 1;
            outcome
                .wrong
                .push(format!("'{}' is {out_there} times on {}", entry.text, target.platform));
        }
        let Some(group) = &entry.group else { continue };
        outcome.accepted += 1;
        if entry.deletion != Deletion::Done {
            judge_one(
                entry,
                target,
                by_group.get(group.as_str()).copied(),
                out_there,
                &mut outcome,
            );
        }
    }
    outcome
}

fn judge_one(entry: &Entry, target: &Target, row: Option<&PostRow>, out_there: usize, outcome: &mut Outcome) {
    let Some(row) = row else {
        outcome.lost += 1;
        outcome
            .wrong
            .push(format!("'{}' was accepted and the server does not know it", entry.text));
        return;
    };
    let mut lost = |why: &str| {
        outcome.lost += 1;
        let group = &row.group;
        outcome.wrong.push(format!(
            "'{}' on {} (group {group}) {why}: {}",
            entry.text, target.platform, row.data
        ));
    };
    match row.state.as_str() {
        "published" if out_there == 0 => lost("is published, they say, and is not out there"),
        "published" => outcome.published += 1,
        "unconfirmed" => outcome.unconfirmed += 1,
        "failed" if out_there > 0 => lost("has failed, they say, and is out there"),
        "failed" if was_refused(&row.data) => outcome.failed += 1,
        "failed" => lost("has failed although the platform did not refuse it"),
        "missed" | "cancelled" | "removed" => lost("was given up"),
        _ => lost("has not come to an end"),
    }
}

/// Whether a failure is a platform's own word.
fn was_refused(data: &Value) -> bool {
    data.pointer("/error/http_status")
        .is_some_and(|status| status.as_u64().is_some_and(|code| (400..500).contains(&code)))
}

/// When each post came out there first.
pub(super) fn first_seen(seen: &[Seen]) -> HashMap<Place, Timestamp> {
    let mut first: HashMap<Place, Timestamp> = HashMap::new();
    for post in seen {
        let at = first
            .entry((post.platform.clone(), post.account.clone(), post.text.clone()))
            .or_insert(post.at);
        *at = post.at.min(*at);
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::platform::Platform;
    use serde_json::json;

    fn target() -> Target {
        Target {
            platform: Platform::X,
            remote_id: "7".to_owned(),
            media_url: None,
            credentials: Value::Null,
        }
    }

    fn entry(group: Option<&str>, deletion: Deletion) -> Entry {
        Entry {
            text: "t".to_owned(),
            target: 0,
            group: group.map(str::to_owned),
            deletion,
        }
    }

    fn row(state: &str, data: Value) -> PostRow {
        let text = str::to_owned;
        PostRow {
            id: text("p"),
            group: text("g"),
            state: text(state),
            data,
        }
    }

    fn seen(copies: usize) -> Vec<Seen> {
        let at = "2026-11-22T09:00:00Z".parse().unwrap();
        let one = Seen {
            platform: "x".to_owned(),
            account: "7".to_owned(),
            text: "t".to_owned(),
            at,
        };
        vec![one; copies]
    }

    fn judged(state: &str, data: Value, copies: usize) -> Outcome {
        judge(
            &[entry(Some("g"), Deletion::None)],
            &[target()],
            &[row(state, data)],
            &seen(copies),
        )
    }

    #[test]
    fn only_what_is_out_there_is_published() {
        assert_eq!(judged("published", Value::Null, 1).published, 1);
        assert_eq!(judged("published", Value::Null, 0).lost, 1);
        assert_eq!(judged("published", Value::Null, 3).duplicates, 2);
    }

    #[test]
    fn a_failure_counts_only_as_the_platforms_word() {
        assert_eq!(judged("failed", json!({"error": {"http_status": 422}}), 0).failed, 1);
        assert_eq!(judged("failed", json!({"error": {"http_status": 503}}), 0).lost, 1);
        assert_eq!(judged("failed", json!({"error": {}}), 0).lost, 1);
        assert_eq!(judged("failed", json!({"error": {"http_status": 422}}), 1).lost, 1);
    }

    #[test]
    fn what_is_accepted_comes_to_an_end() {
        for state in ["scheduled", "draft", "reconciling", "missed", "cancelled"] {
            assert_eq!(judged(state, Value::Null, 0).lost, 1, "{state}");
        }
        assert_eq!(
            judge(&[entry(Some("g"), Deletion::None)], &[target()], &[], &[]).lost,
            1
        );
    }

    #[test]
    fn a_deleted_post_may_be_anywhere_but_not_twice() {
        let deleted = [entry(Some("g"), Deletion::Done)];
        assert_eq!(
            judge(&deleted, &[target()], &[], &seen(1)),
            Outcome {
                accepted: 1,
                ..Outcome::default()
            }
        );
        assert_eq!(judge(&deleted, &[target()], &[], &seen(2)).duplicates, 1);
        let refused = [entry(None, Deletion::None)];
        assert_eq!(judge(&refused, &[target()], &[], &seen(2)).duplicates, 1);
    }
}
