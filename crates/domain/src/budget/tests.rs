use super::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_763_802_000 + seconds).unwrap()
}

fn charge(most: u32, seconds: i64) -> Charge {
    Charge {
        key: "x/account/1/posts".to_owned(),
        most: Some(most),
        is_stated: false,
        window: Window::Rolling(SignedDuration::from_secs(seconds)),
        weight: 1,
        gap: SignedDuration::from_secs(3_600),
        queues: true,
    }
}

/// Takes if it may, else says when it may.
fn try_take(budget: &mut Budget, charge: &Charge, now: Timestamp) -> Result<(), Timestamp> {
    match budget.opens_at(charge, now, true) {
        Some(at) => Err(at),
        None => {
            budget.take(charge, now, true);
            Ok(())
        }
    }
}

#[test]
fn in_no_window_is_more_spent_than_there_is_and_a_wait_is_never_in_vain() {
    let mut rng = StdRng::seed_from_u64(7);
    for round in 0..40 {
        let (most, seconds) = (rng.random_range(1..40_u32), rng.random_range(1..5_000_i64));
        let length = SignedDuration::from_secs(seconds);
        let mut budget = Budget::default();
        let mut now = at(rng.random_range(0..10_000));
        let mut taken: Vec<(Timestamp, u32)> = Vec::new();
        for _ in 0..400 {
            let charge = Charge {
                weight: rng.random_range(1..=most.min(3)),
                ..charge(most, seconds)
            };
            match try_take(&mut budget, &charge, now) {
                Ok(()) => taken.push((now, charge.weight)),
                Err(opens) => {
                    assert!(
                        opens > now && opens.duration_since(now) <= length + length / 16,
                        "{round}"
                    );
                    now = opens;
                    assert_eq!(try_take(&mut budget, &charge, now), Ok(()), "the wait was worth it");
                    taken.push((now, charge.weight));
                }
            }
            let within = taken.iter().filter(|(at, _)| now.duration_since(*at) < length);
            assert!(within.map(|(_, weight)| weight).sum::<u32>() <= most, "{round}");
            if rng.random_bool(0.5) {
                now += SignedDuration::from_millis(rng.random_range(0..=seconds * 60));
            }
            // What a store reads back is what it wrote.
            budget = serde_json::from_str(&serde_json::to_string(&budget).unwrap()).unwrap();
        }
    }
}

#[test]
fn a_day_begins_anew_at_midnight_utc() {
    let midnight: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
    let charge = Charge {
        window: Window::UtcDay,
        ..charge(2, 0)
    };
    let mut budget = Budget::default();
    let evening = midnight - SignedDuration::from_secs(1);
    assert_eq!(try_take(&mut budget, &charge, evening), Ok(()));
    assert_eq!(try_take(&mut budget, &charge, evening), Ok(()));
    assert_eq!(try_take(&mut budget, &charge, evening), Err(midnight));
    assert_eq!(try_take(&mut budget, &charge, midnight), Ok(()));
}

#[test]
fn a_crowd_gets_places_apart_and_newcomers_stand_behind_it() {
    let charge = charge(10, 1_000);
    let mut budget = Budget::default();
    for _ in 0..10 {
        assert_eq!(try_take(&mut budget, &charge, at(0)), Ok(()));
    }
    let mut places = Vec::new();
    for _ in 0..25 {
        let opens = budget.opens_at(&charge, at(1), false).unwrap();
        places.push(budget.queue(&charge, opens, at(1), false, 0));
    }
    let gap = SignedDuration::from_secs(100);
    assert!(
        places
            .iter()
            .zip(places.iter().skip(1))
            .all(|(one, next)| next.duration_since(*one) >= gap)
    );
    assert!(places.first().unwrap() >= &at(1_000));
    for place in &places {
        assert_eq!(
            budget.opens_at(&charge, *place, true),
            None,
            "each finds room at its place"
        );
        budget.take(&charge, *place, true);
    }
    let between = *places.get(3).unwrap() + SignedDuration::from_secs(1);
    let mut early = Budget {
        waiting: 10,
        tail: places.last().copied(),
        ..Budget::default()
    };
    assert!(
        early.opens_at(&charge, between, false).is_some(),
        "the queue comes first"
    );
    assert_eq!(early.opens_at(&charge, between, true), None);
    let shared = Charge {
        queues: false,
        ..charge
    };
    assert_eq!(
        early.opens_at(&shared, between, false),
        None,
        "another account does not wait for it"
    );
    early.take(&shared, between, false);
}

#[test]
fn jitter_stays_before_the_next_place() {
    let charge = charge(10, 1_000);
    let mut budget = Budget::default();
    let first = budget.queue(&charge, at(10), at(0), false, 999);
    let second = budget.queue(&charge, at(10), at(0), false, 0);
    assert!(at(10) < first && first < second && second > at(110));
}

#[test]
fn a_closed_budget_stays_closed_for_everybody_until_then() {
    let charge = Charge {
        most: None,
        ..charge(1, 60)
    };
    let mut budget = Budget::default();
    assert_eq!(budget.opens_at(&charge, at(0), false), None);
    let closed = |seconds| Told {
        closed_until: Some(at(seconds)),
        ..Told::default()
    };
    budget.learn(closed(30), at(0));
    budget.learn(closed(20), at(1));
    assert_eq!(
        budget.opens_at(&charge, at(29), true),
        Some(at(30)),
        "the longer of two pauses holds"
    );
    assert_eq!(budget.opens_at(&charge, at(30), true), None);
}

#[test]
fn what_a_platform_tells_counts_what_others_spend() {
    let charge = charge(100, 900);
    let told = |left, until| Told {
        most: Some(50),
        left: Some(left),
        until: Some(at(until)),
        closed_until: None,
    };
    let mut budget = Budget::default();
    budget.take(&charge, at(0), false);
    budget.learn(told(1, 600), at(1));
    assert_eq!(budget.opens_at(&charge, at(2), false), None);
    budget.take(&charge, at(2), false);
    assert_eq!(budget.opens_at(&charge, at(3), false), Some(at(600)), "nothing is left");
    budget.learn(told(7, 601), at(4));
    assert_eq!(
        budget.opens_at(&charge, at(4), false),
        Some(at(600)),
        "an answer overtaken by a later call"
    );
    budget.learn(told(49, 1_500), at(601));
    assert_eq!(budget.opens_at(&charge, at(601), false), None);
    for _ in 0..48 {
        budget.take(&charge, at(602), false);
    }
    let wait = budget.opens_at(&charge, at(602), false).unwrap();
    assert!(wait > at(900), "fifty by its word, not a hundred by ours: {wait}");
    let stated = Charge {
        is_stated: true,
        ..charge
    };
    budget.learn(told(49, 3_000), at(603));
    assert_eq!(
        budget.opens_at(&stated, at(603), false),
        None,
        "the operator knows better"
    );
}

#[test]
fn what_was_never_sent_is_given_back() {
    let charge = charge(1, 60);
    let mut budget = Budget::default();
    assert_eq!(try_take(&mut budget, &charge, at(0)), Ok(()));
    assert!(try_take(&mut budget, &charge, at(1)).is_err());
    budget.give_back(&charge, at(1));
    assert_eq!(try_take(&mut budget, &charge, at(1)), Ok(()));
}

#[test]
fn a_budget_that_is_changed_forgets_nothing_that_was_spent() {
    let mut budget = Budget::default();
    assert_eq!(try_take(&mut budget, &charge(2, 60), at(0)), Ok(()));
    budget.take(&charge(2, 600), at(1), false);
    assert!(budget.opens_at(&charge(2, 600), at(2), false).is_some());
    assert!(budget.idle_at(charge(2, 600).window) > at(600));
}
