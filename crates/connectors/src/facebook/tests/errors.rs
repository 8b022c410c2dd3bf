//! Every row of the error map, by codes as the platform documents them.

use domain::error::ErrorKind::{self, *};
use domain::error::From;
use domain::error::When::{self, AfterReconnect, Backoff, Never};

use super::*;
use crate::graph::tests::said;
use crate::rules::first_match;

const HOURS: When = When::After(SignedDuration::from_hours(2));
const HOUR: When = When::After(SignedDuration::from_hours(1));

/// Code, subcode (0 is none), what it means, when to try again.
const CASES: &[(i64, i64, ErrorKind, When)] = &[
    (100, 33, Permission, Never),
    (100, 0, Invalid, Never),
    (506, 0, DuplicateContent, Never),
    (100, 1_366_051, DuplicateContent, Never),
    (9, 1_390_008, RateLimited, HOURS),
    (9, 0, RateLimited, HOURS),
    (368, 1_390_008, PolicyBlocked, Never),
    (368, 1_346_003, AccountRestricted, Never),
    (368, 1_404_102, AccountRestricted, Never),
    (368, 1_404_112, AccountRestricted, Never),
    (368, 1_404_006, AccountRestricted, Never),
    (200, 1_404_078, Permission, AfterReconnect),
    (200, 4_854_002, Permission, AfterReconnect),
    (100, 1_609_005, ContentRejected, Never),
    (100, 1_609_008, ContentRejected, Never),
    (100, 2_061_006, ContentRejected, Never),
    (324, 0, TooLarge, Never),
    (1, 1_366_046, TooLarge, Never),
    (100, 1_363_040, MediaRejected, Never),
    (100, 1_363_127, MediaRejected, Never),
    (100, 1_363_128, TooLarge, Never),
    (100, 1_363_129, MediaRejected, Never),
    (6_000, 2_069_019, MediaRejected, Never),
    (6_000, 1_363_019, PlatformDown, Backoff),
    (6_000, 1_363_021, PlatformDown, Backoff),
    (6_000, 1_363_030, PlatformDown, Backoff),
    (6_000, 1_363_037, PlatformDown, Backoff),
    (6_000, 1_363_047, PlatformDown, Backoff),
    (1, 1_609_010, PlatformDown, Backoff),
    (190, 463, Auth, AfterReconnect),
    (190, 460, Auth, AfterReconnect),
    (210, 0, Permission, AfterReconnect),
    (32, 0, RateLimited, HOUR),
    (2, 0, PlatformDown, Backoff),
];

fn of_upload(kind: &str) -> Answer {
    let body = json!({ "debug_info": { "retriable": false, "type": kind, "message": "Request processing failed" } });
    Answer {
        body: body.to_string().into(),
        ..said(1, None)
    }
}

#[test]
fn every_refusal_means_what_its_row_says_and_every_row_is_reached() {
    let mut reached = std::collections::BTreeSet::new();
    for &(code, subcode, kind, when) in CASES {
        let subcode = Some(subcode).filter(|subcode| *subcode != 0);
        let error = classify(Stage::Send, &said(code, subcode));
        assert_eq!((error.kind, error.retry.when), (kind, when), "{code}/{subcode:?}");
        let is_open = matches!((code, subcode), (2, _) | (_, Some(1_363_047 | 1_609_010)));
        assert_eq!(error.fate == Fate::MayBePublished, is_open, "{code}/{subcode:?}");
        let landed = matches!(error.fate, Fate::LandedEarlier { .. });
        assert_eq!(landed, kind == DuplicateContent, "{code}/{subcode:?}");
        let keys = [
            subcode.map(|sub| format!("{code}/{sub}")),
            subcode.map(|sub| sub.to_string()),
            Some(code.to_string()),
        ];
        let key = keys
            .iter()
            .flatten()
            .find(|key| error::ROWS.iter().any(|row| row.code == Some(key.as_str())));
        reached.extend(key.and_then(|key| first_match(error::ROWS, 400, Some(key), "")));
    }
    for (kind, means) in [
        ("OffsetInvalidError", PlatformDown),
        ("PartialRequestError", PlatformDown),
        ("ProcessingFailedError", MediaRejected),
    ] {
        assert_eq!(classify(Stage::Prepare, &of_upload(kind)).kind, means, "{kind}");
        reached.extend(first_match(error::ROWS, 400, Some(kind), ""));
    }
    for (n, row) in error::ROWS.iter().enumerate() {
        assert!(reached.contains(&n), "no case for: {row:?}");
    }
}

#[test]
fn a_refusal_that_nobody_knows_is_not_tried_again() {
    let error = classify(Stage::Send, &said(424_242, Some(7)));
    assert_eq!(
        (error.kind, error.fate, error.retry.when),
        (Unknown, Fate::NotPublished, Never)
    );
    assert_eq!(classify(Stage::Prepare, &of_upload("SomethingNew")).kind, Unknown);
}

#[test]
fn what_can_never_be_shown_is_prepared_anew() {
    for (code, subcode, from) in [
        (100, Some(33), From::Prepare),
        (100, None, From::Send),
        (32, None, From::Send),
    ] {
        assert_eq!(classify(Stage::Send, &said(code, subcode)).retry.from, from, "{code}");
    }
    let failed = error::of_phase(Some(1_363_128), "Too long");
    assert_eq!((failed.kind, failed.retry.from), (TooLarge, From::Prepare));
    assert_eq!(error::of_phase(Some(7), "").kind, MediaRejected);
}

#[test]
fn a_piece_in_the_wrong_place_says_where_to_go_on() {
    let mut answer = said(6_000, Some(1_363_037));
    answer.body = json!({ "error": {
        "code": 6_000, "error_subcode": 1_363_037, "error_data": "{\"start_offset\":\"7\",\"end_offset\":9}",
    } })
    .to_string()
    .into();
    assert_eq!(error::go_on_at(&answer), Some((7, 9)));
    assert_eq!(error::go_on_at(&said(6_000, Some(1_363_037))), None);
    assert_eq!(error::go_on_at(&said(100, None)), None);
}
