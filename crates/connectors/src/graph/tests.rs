//! The envelope, and the refusals that all of Meta's platforms give.

use domain::error::ErrorKind::*;
use serde_json::json;

use super::*;

/// A refusal as the API writes it.
pub(crate) fn said(code: i64, subcode: Option<i64>) -> Answer {
    let error = json!({
        "message": "Said", "type": "OAuthException", "code": code, "error_subcode": subcode,
        "error_user_msg": "More", "fbtrace_id": "Axyz",
    });
    Answer {
        status: 400,
        headers: reqwest::header::HeaderMap::new(),
        body: json!({ "error": error }).to_string().into(),
    }
}

fn error(answer: &Answer) -> PlatformError {
    let envelope = Envelope::of(answer);
    let key = envelope.key(FAMILY);
    classify(Platform::Threads, FAMILY, Stage::Send, answer, &envelope, key)
}

#[test]
fn every_row_of_the_family_is_reached_and_means_what_it_says() {
    let cases = [
        (190, Auth, When::AfterReconnect),
        (102, Auth, When::AfterReconnect),
        (104, Auth, When::AfterReconnect),
        (10, Permission, When::AfterReconnect),
        (200, Permission, When::AfterReconnect),
        (283, Permission, When::AfterReconnect),
        (3, Permission, When::AfterReconnect),
        (4, RateLimited, AN_HOUR),
        (17, RateLimited, AN_HOUR),
        (32, RateLimited, AN_HOUR),
        (341, RateLimited, AN_HOUR),
        (613, RateLimited, AN_HOUR),
        (80_001, RateLimited, AN_HOUR),
        (368, PolicyBlocked, When::Never),
        (1, PlatformDown, When::Backoff),
        (2, PlatformDown, When::Backoff),
        (-1, PlatformDown, When::Backoff),
    ];
    let mut reached = std::collections::BTreeSet::new();
    for (code, kind, when) in cases {
        let answer = said(code, Some(463));
        let error = error(&answer);
        assert_eq!((error.kind, error.retry.when), (kind, when), "{code}");
        assert_eq!(error.fate == Fate::MayBePublished, kind == PlatformDown, "{code}");
        assert_eq!(error.code, Some(format!("{code}/463")));
        assert_eq!(error.raw.as_deref(), Some("Said: More"));
        reached.extend(Envelope::of(&answer).key(FAMILY));
    }
    reached.insert(TRANSIENT.to_owned());
    let rows: std::collections::BTreeSet<_> = FAMILY.iter().filter_map(|row| row.code.map(str::to_owned)).collect();
    assert_eq!(reached, rows);
}

#[test]
fn a_refusal_that_nobody_knows_is_not_tried_again_unless_it_calls_itself_passing() {
    let unknown = error(&said(424_242, None));
    assert_eq!(
        (unknown.kind, unknown.fate, unknown.retry.when),
        (Unknown, Fate::NotPublished, When::Never)
    );
    let mut passing = said(424_242, None);
    passing.body = json!({ "error": { "code": 424_242, "is_transient": true, "message": "Wait" } })
        .to_string()
        .into();
    let passing = error(&passing);
    assert_eq!((passing.kind, passing.fate), (PlatformDown, Fate::MayBePublished));
    assert_eq!(passing.code.as_deref(), Some("424242"));
}

#[test]
fn a_gateways_error_leaves_the_outcome_open_whatever_its_body_says() {
    let mut refused = said(190, None);
    refused.status = 502;
    assert_eq!(error(&refused).fate, Fate::MayBePublished);
}

#[test]
fn a_limit_is_waited_for_as_long_as_the_usage_header_says() {
    let usage = r#"{"178":[{"type":"pages","call_count":100,"estimated_time_to_regain_access":12}]}"#;
    let mut limited = said(32, None);
    limited
        .headers
        .insert("x-business-use-case-usage", usage.parse().unwrap());
    assert_eq!(error(&limited).retry.when, When::After(SignedDuration::from_mins(12)));
}

#[test]
fn what_is_added_for_programs_is_read_also_when_it_is_packed_as_a_text() {
    for data in [json!({ "start_offset": 7 }), json!("{\"start_offset\":7}")] {
        let mut answer = said(6_000, Some(1_363_037));
        answer.body = json!({ "error": { "code": 6_000, "error_data": data } })
            .to_string()
            .into();
        assert_eq!(Envelope::of(&answer).data["start_offset"], 7);
    }
}

#[test]
fn ids_and_times_are_read_in_all_their_forms() {
    #[derive(Deserialize)]
    struct Listed {
        #[serde(deserialize_with = "id")]
        id: String,
        #[serde(default, deserialize_with = "time")]
        timestamp: Option<Timestamp>,
    }
    let read = |value: Value| serde_json::from_value::<Listed>(value);
    assert_eq!(
        read(json!({ "id": 98_765_432_109_876_543_u64 })).unwrap().id,
        "98765432109876543"
    );
    let both = [json!("2026-11-22T04:00:00+0000"), json!("2026-11-22T04:00:00Z")].map(|timestamp| {
        read(json!({ "id": "1", "timestamp": timestamp }))
            .unwrap()
            .timestamp
            .unwrap()
    });
    assert_eq!(both[0], both[1]);
    assert!(read(json!({ "id": "" })).is_err());
}

#[test]
fn the_operators_address_may_name_a_version() {
    let mut endpoints = Endpoints::default();
    let bases = |endpoints: &Endpoints| bases(endpoints, Platform::Threads, "https://graph.example", "v1.0");
    assert_eq!(
        bases(&endpoints),
        (
            "https://graph.example".to_owned(),
            "https://graph.example/v1.0".to_owned()
        )
    );
    endpoints
        .overrides
        .insert(Platform::Threads, "http://127.0.0.1:1/threads/v99.1/".parse().unwrap());
    assert_eq!(
        bases(&endpoints),
        (
            "http://127.0.0.1:1/threads".to_owned(),
            "http://127.0.0.1:1/threads/v99.1".to_owned()
        )
    );
}
