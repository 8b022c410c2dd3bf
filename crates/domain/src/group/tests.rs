//! Tests of the fold.

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::error::{ErrorKind, ErrorSummary};
use crate::ids::AttemptId;
use crate::part::{PartsLive, RemotePost};
use crate::post::Phase;

const BITS: [StateBit; 9] = [
    StateBit::Draft,
    StateBit::Pending,
    StateBit::InFlight,
    StateBit::Published,
    StateBit::Failed,
    StateBit::Unconfirmed,
    StateBit::Missed,
    StateBit::Cancelled,
    StateBit::Removed,
];

fn states() -> Vec<(PostState, StateBit)> {
    use PostState as S;
    let at: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
    let attempt = AttemptId::default();
    let error = ErrorSummary {
        kind: ErrorKind::Unknown,
        code: None,
        message: String::new(),
        raw: None,
        http_status: None,
        at,
    };
    let processing = |phase| S::Processing {
        phase,
        due: at,
        next_check: at,
        give_up_at: at,
    };
    let parts = PartsLive::default();
    vec![
        (S::Draft, StateBit::Draft),
        (S::Scheduled { due: at }, StateBit::Pending),
        (
            S::Waiting {
                due: at,
                at,
                error: None,
            },
            StateBit::Pending,
        ),
        (
            S::Publishing {
                attempt,
                due: at,
                armed: false,
            },
            StateBit::Pending,
        ),
        (
            S::Publishing {
                attempt,
                due: at,
                armed: true,
            },
            StateBit::InFlight,
        ),
        (processing(Phase::BeforeSend), StateBit::InFlight),
        (processing(Phase::AfterSend), StateBit::InFlight),
        (
            S::Reconciling {
                due: at,
                since: at,
                next_check: at,
                asked: 0,
                give_up_at: at,
            },
            StateBit::InFlight,
        ),
        (
            S::Published {
                at,
                remote: RemotePost::visible("1", None),
                next_look: None,
            },
            StateBit::Published,
        ),
        (
            S::Failed {
                at,
                error: error.clone(),
                parts: parts.clone(),
            },
            StateBit::Failed,
        ),
        (
            S::Unconfirmed {
                since: at,
                next_look: None,
                error,
                parts,
            },
            StateBit::Unconfirmed,
        ),
        (S::Missed { due: at, at }, StateBit::Missed),
        (S::Cancelled { at }, StateBit::Cancelled),
        (
            S::Removed {
                at,
                remote: RemotePost::visible("1", None),
            },
            StateBit::Removed,
        ),
    ]
}

#[test]
fn every_state_sets_exactly_its_own_bit() {
    for (state, bit) in states() {
        let mask = StateMask::of(false, [&state]);
        assert_eq!(mask.bits(), bit as u16, "{state:?}");
        assert_eq!(BITS.iter().filter(|b| mask.has(**b)).collect::<Vec<_>>(), vec![&bit]);
    }
}

#[test]
fn a_claim_does_not_change_the_mask_until_its_intent_is_durable() {
    let of = |state: &PostState| StateMask::of(false, [state]);
    let (scheduled, claimed, armed) = (&states()[1].0, &states()[3].0, &states()[4].0);
    assert_eq!(of(scheduled), of(claimed));
    assert_ne!(of(claimed), of(armed));
}

#[test]
fn a_group_without_posts_is_empty_or_a_draft() {
    assert_eq!(StateMask::of(false, []), StateMask::EMPTY);
    assert_eq!(StateMask::of(true, []), StateMask::EMPTY.with(StateBit::Draft));
}

#[test]
fn all_masks_are_below_the_limit_and_each_comes_once() {
    let all: std::collections::BTreeSet<u16> = StateMask::all().map(StateMask::bits).collect();
    assert_eq!(all.len(), usize::from(StateMask::LIMIT));
    assert_eq!(all.last().copied(), Some(StateMask::LIMIT - 1));
    assert_eq!(BITS.iter().fold(0, |sum, bit| sum | *bit as u16), StateMask::LIMIT - 1);
}

proptest! {
    #[test]
    fn the_mask_has_a_bit_exactly_when_a_post_sets_it(draft: bool, picks in prop::collection::vec(0usize..14, 0..12)) {
        let samples = states();
        let posts: Vec<&PostState> = picks.iter().map(|i| &samples[*i].0).collect();
        let mask = StateMask::of(draft, posts.iter().copied());
        for bit in BITS {
            let set = (draft && bit == StateBit::Draft) || picks.iter().any(|i| samples[*i].1 == bit);
            prop_assert_eq!(mask.has(bit), set);
            prop_assert_eq!(mask.has_any(&[bit]), set);
        }
        prop_assert!(mask.bits() < StateMask::LIMIT);
        prop_assert_eq!(StateMask::from_bits(mask.bits()), mask);
    }

    #[test]
    fn neither_order_nor_repetition_matters(picks in prop::collection::vec(0usize..14, 0..12)) {
        let samples = states();
        let forward = StateMask::of(false, picks.iter().map(|i| &samples[*i].0));
        let backward = StateMask::of(false, picks.iter().rev().chain(&picks).map(|i| &samples[*i].0));
        prop_assert_eq!(forward, backward);
    }

    #[test]
    fn unknown_bits_of_a_stored_number_are_dropped(bits: u16) {
        prop_assert_eq!(StateMask::from_bits(bits).bits(), bits % StateMask::LIMIT);
    }
}
