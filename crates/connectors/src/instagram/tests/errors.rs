//! Every row of the error map, by codes as the platform documents them.

use super::*;
use crate::rules::first_match;
use domain::error::ErrorKind::*;
use domain::error::When::{AfterReconnect, Backoff, Never};

const HOUR: When = When::After(SignedDuration::from_hours(1));

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        headers: reqwest::header::HeaderMap::new(),
        body: body.to_owned().into(),
    }
}

fn said(code: i64, subcode: Option<i64>) -> Answer {
    let error = json!({
        "message": "Said", "type": "OAuthException", "code": code, "error_subcode": subcode,
        "error_user_msg": "More", "fbtrace_id": "Axyz",
    });
    answer(400, &json!({ "error": error }).to_string())
}

const CASES: &[(i64, i64, domain::error::ErrorKind, When)] = &[
    (-2, 2_207_003, Network, Backoff),
    (9_004, 2_207_052, Network, Backoff),
    (-2, 2_207_020, NotReady, Backoff),
    (24, 2_207_006, NotReady, Backoff),
    (24, 2_207_008, NotReady, Backoff),
    (9_007, 2_207_027, NotReady, Backoff),
    (-1, 2_207_001, PlatformDown, Backoff),
    (-1, 2_207_032, PlatformDown, Backoff),
    (-1, 2_207_053, PlatformDown, Backoff),
    (4, 2_207_051, RateLimited, HOUR),
    (9, 2_207_042, QuotaExhausted, HOUR),
    (25, 2_207_050, AccountRestricted, Never),
    (1, 2_207_057, Invalid, Never),
    (100, 2_207_023, Invalid, Never),
    (100, 2_207_028, Invalid, Never),
    (100, 2_207_035, Invalid, Never),
    (100, 2_207_036, Invalid, Never),
    (100, 2_207_037, Invalid, Never),
    (100, 2_207_040, Invalid, Never),
    (100, 2_207_081, Invalid, Never),
    (352, 2_207_026, MediaRejected, Never),
    (36_000, 2_207_004, TooLarge, Never),
    (36_001, 2_207_005, MediaRejected, Never),
    (36_001, 2_207_083, MediaRejected, Never),
    (36_003, 2_207_009, MediaRejected, Never),
    (36_004, 2_207_010, TextTooLong, Never),
    (-1, 2_207_076, MediaRejected, Backoff),
    (-1, 2_207_077, MediaRejected, Backoff),
    (-1, 2_207_082, MediaRejected, Backoff),
    (-1, 2_207_085, MediaRejected, Backoff),
    (190, 463, Auth, AfterReconnect),
    (190, 460, Auth, AfterReconnect),
    (102, 0, Auth, AfterReconnect),
    (10, 0, Permission, AfterReconnect),
    (200, 0, Permission, AfterReconnect),
    (100, 33, Permission, Never),
    (100, 0, Invalid, Never),
    (368, 0, PolicyBlocked, Never),
    (4, 0, RateLimited, HOUR),
    (17, 0, RateLimited, HOUR),
    (32, 0, RateLimited, HOUR),
    (613, 0, RateLimited, HOUR),
    (80_002, 0, RateLimited, HOUR),
    (1, 0, PlatformDown, Backoff),
    (2, 0, PlatformDown, Backoff),
    (-1, 0, PlatformDown, Backoff),
    (-2, 0, PlatformDown, Backoff),
];

#[test]
fn every_refusal_means_what_its_row_says_and_every_row_is_reached() {
    let mut reached = std::collections::BTreeSet::new();
    for &(code, subcode, kind, when) in CASES {
        let subcode = Some(subcode).filter(|subcode| *subcode != 0);
        let error = error::refusal(Stage::Send, &said(code, subcode));
        assert_eq!((error.kind, error.retry.when), (kind, when), "{code}/{subcode:?}");
        let key = match subcode {
            Some(33) => "100/33".to_owned(),
            Some(sub) if sub > 2_207_000 => sub.to_string(),
            _ => code.to_string(),
        };
        // These are seen with the post live, or say nothing of what was done.
        let open =
            matches!(subcode, Some(2_207_001 | 2_207_051)) || (subcode.is_none() && matches!(code, 1 | 2 | -1 | -2));
        assert_eq!(error.fate == Fate::MayBePublished, open, "{code}/{subcode:?}");
        assert_eq!(
            error.code,
            Some(subcode.map_or_else(|| code.to_string(), |sub| format!("{code}/{sub}")))
        );
        assert_eq!(error.raw.as_deref(), Some("Said: More"));
        reached.extend(first_match(error::ROWS, 400, Some(&key), ""));
    }
    for (n, row) in error::ROWS.iter().enumerate() {
        assert!(reached.contains(&n), "no case for: {row:?}");
    }
}

#[test]
fn what_must_be_prepared_anew_is_and_nothing_else() {
    for (code, anew) in [
        (2_207_008, true),
        (2_207_052, true),
        (2_207_027, false),
        (2_207_042, false),
    ] {
        let error = error::refusal(Stage::Send, &said(-1, Some(code)));
        assert_eq!(error.retry.from == From::Prepare, anew, "{code}");
    }
}

#[test]
fn a_gateways_error_leaves_the_outcome_open_whatever_its_body_says() {
    let mut held_up = said(9, Some(2_207_042));
    held_up.status = 502;
    for answer in [
        held_up,
        answer(500, ""),
        answer(503, "<html>"),
        answer(408, ""),
        answer(200, "{}"),
        answer(200, "<html>"),
    ] {
        assert_eq!(
            error::refusal(Stage::Send, &answer).fate,
            Fate::MayBePublished,
            "{answer:?}"
        );
        assert_eq!(
            error::refusal(Stage::Prepare, &answer).fate,
            Fate::NotPublished,
            "{answer:?}"
        );
    }
}

#[test]
fn a_refusal_that_nobody_knows_is_not_tried_again() {
    let error = error::refusal(Stage::Send, &said(424_242, None));
    assert_eq!(
        (error.kind, error.fate, error.retry.when),
        (Unknown, Fate::NotPublished, Never)
    );
}

#[test]
fn a_limit_is_waited_for_as_long_as_the_usage_header_says() {
    let usage = r#"{"178":[{"type":"instagram","call_count":100,"estimated_time_to_regain_access":19}]}"#;
    let mut limited = said(4, None);
    limited
        .headers
        .insert("x-business-use-case-usage", usage.parse().unwrap());
    let error = error::refusal(Stage::Send, &limited);
    assert_eq!(error.retry.when, When::After(SignedDuration::from_mins(19)));
}

#[tokio::test]
async fn a_film_that_is_no_story_and_a_caption_with_too_many_tags_are_refused_before_anything_is_sent() {
    let server = fake().await;
    let mut world = world(&server);
    let film = Media {
        duration_ms: Some(60_000),
        ..media(&mut world, MediaKind::Video, None)
    };
    let of = |duration_ms: u64, bytes: u64| Media {
        duration_ms: Some(duration_ms),
        bytes,
        ..film.clone()
    };
    let words = |mark: &str, count: usize| vec![format!("{mark}word"); count].join(" ");
    let story = json!({ "videoType": "STORIES" });
    let cases = [
        (of(60_000, 9), String::new(), &story, None),
        (of(60_001, 9), String::new(), &story, Some(ErrorKind::TooLarge)),
        (of(2_999, 9), String::new(), &story, Some(ErrorKind::TooLarge)),
        (of(9_000, 104_857_601), String::new(), &story, Some(ErrorKind::TooLarge)),
        (of(9_000, 9), words("#", 31), &story, None),
        (of(61_000, 9), words("#", 30), &json!({}), None),
        (
            of(61_000, 9),
            words("#", 31),
            &json!({}),
            Some(ErrorKind::ContentRejected),
        ),
        (of(61_000, 9), words("@", 20) + " a@b.c # 1", &json!({}), None),
        (
            of(61_000, 9),
            words("@", 21),
            &json!({}),
            Some(ErrorKind::ContentRejected),
        ),
    ];
    for (film, caption, settings, refused) in cases {
        let told = format!("{:?} ms, {} bytes, {caption}, {settings}", film.duration_ms, film.bytes);
        let draft = with_settings(draft(PLATFORM, &caption, vec![film]), settings.clone());
        let before = server.requests().len();
        let error = world.prepare(&Instagram, &draft, Part::Head, &[]).await.err();
        assert_eq!(error.as_ref().map(|error| error.kind), refused, "{told}");
        assert_eq!(server.requests().len() > before, refused.is_none(), "{told}");
    }
}
