//! Every state meets every event; `docs/post-states.md` is held against what comes out.

use std::collections::BTreeSet;

use super::*;

mod samples;

use samples::{at, error, events, mine, parts, remote, states};

type Triple = (String, String, String);

fn legal_triples() -> BTreeSet<Triple> {
    let mut legal = BTreeSet::new();
    for state in states() {
        for event in events() {
            match state.next(&event) {
                Ok(next) => {
                    legal.insert((state.word().to_owned(), event.word().to_owned(), next.word().to_owned()));
                }
                Err(refused) => {
                    assert_eq!((refused.from, refused.event), (state.word(), event.word()));
                }
            }
        }
    }
    legal
}

/// Fails naming each move that only one of the two knows.
fn assert_same(documented: &BTreeSet<Triple>) {
    let legal = legal_triples();
    let missing: Vec<_> = legal.difference(documented).collect();
    let invented: Vec<_> = documented.difference(&legal).collect();
    assert!(
        missing.is_empty() && invented.is_empty(),
        "missing: {missing:#?}, invented: {invented:#?}"
    );
}

fn document() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/post-states.md");
    std::fs::read_to_string(path).unwrap()
}

fn unquoted(cell: &str) -> String {
    cell.trim().trim_matches('`').to_owned()
}

#[test]
fn the_samples_have_every_state_and_the_words_are_complete() {
    let words: BTreeSet<&str> = states().iter().map(PostState::word).collect();
    assert_eq!(words, PostState::WORDS.iter().copied().collect());
    assert_eq!(words.len(), PostState::WORDS.len());
    let words: BTreeSet<&str> = events().iter().map(Event::word).collect();
    assert_eq!(words.len(), 19);
}

#[test]
fn the_documented_table_is_exactly_what_the_machine_allows() {
    let documented: BTreeSet<Triple> = document()
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
            (unquoted(cells[0]), unquoted(cells[1]), unquoted(cells[2]))
        })
        .collect();
    assert_same(&documented);
}

#[test]
fn the_documented_diagram_is_exactly_what_the_machine_allows() {
    let text = document();
    let drawn: BTreeSet<Triple> = text
        .lines()
        .filter_map(|line| {
            let (from, rest) = line.trim().split_once(" --> ")?;
            let (to, events) = rest.split_once(':')?;
            Some(
                events
                    .split(',')
                    .map(move |event| (from.to_owned(), event.trim().to_owned(), to.trim().to_owned())),
            )
        })
        .flatten()
        .collect();
    assert_same(&drawn);
}

#[test]
fn a_claim_can_be_armed_only_under_its_own_name() {
    let claimed = PostState::Scheduled { due: at(0) }
        .next(&Event::Claimed { attempt: mine() })
        .unwrap();
    assert_eq!(
        claimed,
        PostState::Publishing {
            attempt: mine(),
            due: at(0),
            armed: false
        }
    );
    let armed = claimed.next(&Event::Armed { attempt: mine() }).unwrap();
    assert_eq!(
        armed,
        PostState::Publishing {
            attempt: mine(),
            due: at(0),
            armed: true
        }
    );
    assert!(
        claimed
            .next(&Event::Armed {
                attempt: AttemptId::from_bytes([2; 12])
            })
            .is_err()
    );
}

#[test]
fn nothing_is_cancelled_once_something_may_have_been_sent() {
    let cancel = Event::Cancelled { at: at(5) };
    for state in states() {
        let sent = matches!(
            state,
            PostState::Publishing { armed: true, .. }
                | PostState::Processing {
                    phase: Phase::AfterSend,
                    ..
                }
                | PostState::Reconciling { .. }
                | PostState::Published { .. }
                | PostState::Unconfirmed { .. }
                | PostState::Removed { .. }
        );
        assert!(!sent || state.next(&cancel).is_err(), "{state:?}");
    }
}

#[test]
fn what_the_platform_works_on_after_the_send_is_never_claimed_for_sending() {
    for state in states() {
        let may_have_been_sent = matches!(
            state,
            PostState::Processing {
                phase: Phase::AfterSend,
                ..
            } | PostState::Reconciling { .. }
                | PostState::Unconfirmed { .. }
                | PostState::Published { .. }
        );
        assert!(
            !may_have_been_sent || state.next(&Event::Claimed { attempt: mine() }).is_err(),
            "{state:?}"
        );
    }
}

#[test]
fn an_unknown_outcome_never_goes_straight_to_waiting() {
    let unknown = Event::OutcomeUnknown {
        at: at(5),
        next_check: at(6),
        give_up_at: at(31),
    };
    for state in states() {
        if let Ok(next) = state.next(&unknown) {
            assert_eq!(
                next,
                PostState::Reconciling {
                    due: at(0),
                    since: at(5),
                    next_check: at(6),
                    asked: 0,
                    give_up_at: at(31)
                }
            );
        }
    }
}

#[test]
fn only_the_answer_absent_counts_while_reconciling() {
    let state = PostState::Reconciling {
        due: at(0),
        since: at(1),
        next_check: at(2),
        asked: 1,
        give_up_at: at(30),
    };
    for (absent, asked) in [(true, 2), (false, 1)] {
        let next = state
            .next(&Event::StillUnknown {
                next_check: at(6),
                absent,
            })
            .unwrap();
        assert_eq!(
            next,
            PostState::Reconciling {
                due: at(0),
                since: at(1),
                next_check: at(6),
                asked,
                give_up_at: at(30)
            }
        );
    }
    let full = PostState::Reconciling {
        due: at(0),
        since: at(1),
        next_check: at(2),
        asked: u16::MAX,
        give_up_at: at(30),
    };
    let next = full
        .next(&Event::StillUnknown {
            next_check: at(6),
            absent: true,
        })
        .unwrap();
    assert!(matches!(next, PostState::Reconciling { asked: u16::MAX, .. }));
}

#[test]
fn the_time_a_post_was_to_go_out_survives_waiting_processing_and_reconciling() {
    for state in states() {
        for event in events() {
            let Ok(next) = state.next(&event) else { continue };
            let due = |state: &PostState| match state {
                PostState::Publishing { due, .. }
                | PostState::Processing { due, .. }
                | PostState::Waiting { due, .. }
                | PostState::Reconciling { due, .. } => Some(*due),
                _ => None,
            };
            if let (Some(before), Some(after)) = (due(&state), due(&next)) {
                assert_eq!(before, after, "{state:?} {event:?}");
            }
        }
    }
}

#[test]
fn a_look_changes_what_is_known_but_not_when_it_was_published() {
    let published = PostState::Published {
        at: at(1),
        remote: remote(),
        next_look: Some(at(4)),
    };
    let learned = RemotePost::visible("7", Some("https://example.com/7".to_owned()));
    let next = published
        .next(&Event::Looked {
            next_look: None,
            remote: Some(learned.clone()),
        })
        .unwrap();
    assert_eq!(
        next,
        PostState::Published {
            at: at(1),
            remote: learned,
            next_look: None
        }
    );
    let next = published
        .next(&Event::Looked {
            next_look: None,
            remote: None,
        })
        .unwrap();
    assert_eq!(
        next,
        PostState::Published {
            at: at(1),
            remote: remote(),
            next_look: None
        }
    );
}

#[test]
fn a_post_that_ends_badly_says_what_of_it_is_live() {
    let publishing = PostState::Publishing {
        attempt: mine(),
        due: at(0),
        armed: true,
    };
    let failed = publishing
        .next(&Event::Failed {
            at: at(5),
            error: error(),
            parts: parts(),
        })
        .unwrap();
    assert_eq!(
        failed,
        PostState::Failed {
            at: at(5),
            error: error(),
            parts: parts()
        }
    );
    let gave_up = Event::GaveUp {
        at: at(5),
        next_look: None,
        error: error(),
        parts: parts(),
    };
    let unconfirmed = publishing.next(&gave_up).unwrap();
    assert_eq!(
        unconfirmed,
        PostState::Unconfirmed {
            since: at(5),
            next_look: None,
            error: error(),
            parts: parts()
        }
    );
}

#[test]
fn the_publisher_wakes_for_what_it_can_move_and_for_nothing_else() {
    let wakes: Vec<(&str, Option<Timestamp>)> = states().iter().map(|state| (state.word(), state.wake_at())).collect();
    assert_eq!(
        wakes,
        [
            ("draft", None),
            ("scheduled", Some(at(0))),
            ("publishing", None),
            ("publishing", None),
            ("processing", Some(at(2))),
            ("processing", Some(at(2))),
            ("waiting", Some(at(3))),
            ("reconciling", Some(at(2))),
            ("published", Some(at(4))),
            ("failed", None),
            ("unconfirmed", Some(at(4))),
            ("missed", None),
            ("cancelled", None),
            ("removed", None),
        ]
    );
}

#[test]
fn terminal_and_editable_exclude_each_other() {
    for state in states() {
        let terminal = ["published", "failed", "unconfirmed", "missed", "cancelled", "removed"].contains(&state.word());
        assert_eq!(state.is_terminal(), terminal, "{state:?}");
        assert_eq!(
            state.is_editable(),
            ["draft", "scheduled"].contains(&state.word()),
            "{state:?}"
        );
    }
}

#[test]
fn a_state_is_read_back_as_it_was_stored() {
    for state in states() {
        let json = serde_json::to_value(&state).unwrap();
        assert_eq!(json["state"], state.word());
        assert_eq!(serde_json::from_value::<PostState>(json).unwrap(), state);
    }
}

#[test]
fn an_illegal_move_names_both_words() {
    let refused = PostState::Draft.next(&Event::Removed { at: at(5) }).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "a post that is draft cannot take the event removed"
    );
}
