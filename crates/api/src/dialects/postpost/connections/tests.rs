use std::collections::BTreeMap;

use domain::account::Identity;
use domain::ids::{AccountId, UserId};
use serde_json::json;

use super::*;
use crate::testing::Door;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_774_000_000 + second).unwrap()
}

#[test]
fn the_words_for_a_token_change_exactly_at_their_bounds() {
    let now = at(0);
    let of = |seconds: i64| {
        let (status, text) = token_state(Some(at(seconds)), now);
        (status, text.unwrap().into_owned())
    };
    const HOUR: i64 = 3_600;
    const DAY: i64 = 24 * HOUR;
    for (seconds, status, text) in [
        (-1, "expired", "expired"),
        (0, "expired", "expired"),
        (1, "expiring_soon", "< 1h"),
        (HOUR - 1, "expiring_soon", "< 1h"),
        (HOUR, "expiring_soon", "1h"),
        (DAY - 1, "expiring_soon", "23h"),
        (DAY, "expiring_soon", "1d 0h"),
        (2 * DAY + 12 * HOUR + 1_800, "expiring_soon", "2d 12h"),
        (7 * DAY - 1, "expiring_soon", "6d 23h"),
        (7 * DAY, "valid", "7d 0h"),
        (7 * DAY + 3 * HOUR, "valid", "7d 3h"),
        (45 * DAY, "valid", "45d 0h"),
    ] {
        assert_eq!(of(seconds), (status, text.to_owned()), "{seconds}");
    }
    assert_eq!(token_state(None, now), ("unknown", None));
}

fn account(platform: Platform) -> Account {
    Account {
        id: AccountId::from_bytes([4; 12]),
        owner: UserId::from_bytes([9; 12]),
        platform,
        identity: Identity {
            remote_id: "did:plc:a".to_owned(),
            username: "ada".to_owned(),
            display_name: None,
            avatar_url: None,
            profile_url: None,
            base_url: None,
        },
        token_version: 1,
        token_expires_at: Some(at(7_200)),
        refresh_at: None,
        health: AccountHealth::Ok,
        scopes: Vec::new(),
        missing: Vec::new(),
        defaults: BTreeMap::new(),
        connected_at: at(0),
        verified_at: None,
        last_success_at: None,
        last_error: None,
    }
}

#[test]
fn a_connection_has_every_key_always() {
    let shown = serde_json::to_value(connection(&account(Platform::LinkedIn), at(0)).unwrap()).unwrap();
    assert_eq!(
        shown,
        json!({
            "platformId": "linkedin-did:plc:a", "username": "ada", "displayName": null, "profileImageUrl": null,
            "profileUrl": null, "accessTokenExpiresAt": "2026-03-20T11:46:40.000Z", "tokenStatus": "expiring_soon",
            "tokenExpiresIn": "2h", "lastSuccessfulPost": null, "lastError": null,
        })
    );
    assert!(connection(&account(Platform::Reddit), at(0)).is_none());
}

/// Q14: a token that is refreshed every few hours shows as a connection without an end.
#[test]
fn tokens_that_refresh_themselves_have_no_end() {
    for platform in [Platform::X, Platform::Bluesky] {
        let account = account(platform);
        let shown = connection(&account, at(0)).unwrap();
        assert_eq!(
            (
                shown.token_status,
                shown.token_expires_in,
                shown.access_token_expires_at
            ),
            ("unknown", None, None)
        );
    }
}

/// Q18: what came of it is in the body; the status is 200 whether the account works or not.
#[tokio::test]
async fn a_connection_is_tested_by_asking_its_platform() {
    let door = Door::open().await;
    door.connect(Platform::X, "1000", None).await;
    let answer = door.postpost("POST", "/test-connection/Twitter-1000", "").await;
    assert_eq!(
        (answer.status, answer.json()),
        (
            200,
            json!({
                "platform": "twitter", "platformId": "twitter-1000", "username": "grace", "status": "ok",
                "message": "Connected as grace", "permissions": [], "tokenExpiresIn": null,
                "lastSuccessfulPost": null, "lastError": null,
            })
        )
    );
}

/// Q18.
#[tokio::test]
async fn a_connection_that_cannot_be_asked_about_is_an_error_with_the_reason() {
    let door = Door::open().await;
    let answer = door
        .postpost("POST", "/test-connection/threads-17841412345678/", "")
        .await;
    let shown = answer.json();
    assert_eq!((answer.status, &shown["status"]), (200, &json!("error")));
    assert_eq!(shown["permissions"], json!([]));
    assert_eq!(shown["tokenExpiresIn"], "45d 0h");
    assert!(shown["message"].as_str().is_some_and(|words| !words.is_empty()));
}

/// Q19.
#[tokio::test]
async fn names_without_a_test_are_told_as_unknown_and_other_ids_are_judged() {
    let door = Door::open().await;
    door.connect(Platform::Pinterest, "abc123", None).await;
    for (id, word) in [
        ("pinterest-abc123", "pinterest"),
        ("myspace-7", "myspace"),
        ("reddit-x", "reddit"),
    ] {
        let answer = door.postpost("POST", &format!("/test-connection/{id}"), "").await;
        let expected = json!({
            "platform": word, "platformId": id, "username": "unknown", "status": "error",
            "message": format!("Unknown platform: {word}"), "permissions": [], "tokenExpiresIn": null,
            "lastSuccessfulPost": null, "lastError": null,
        });
        assert_eq!((answer.status, answer.json()), (200, expected), "{id}");
    }
    for (id, status, words) in [
        ("linkedin", 400, "Invalid platformId format"),
        ("-x", 400, "Invalid platformId format"),
        ("linkedin-", 400, "Invalid platformId format"),
        ("linkedin-%ff", 400, "Invalid platformId format"),
        ("linkedin-nope", 404, "Connection not found"),
        ("bluesky-did%3Aplc%3Anobody", 404, "Connection not found"),
    ] {
        let answer = door.postpost("POST", &format!("/test-connection/{id}"), "").await;
        assert_eq!((answer.status, answer.error().as_str()), (status, words), "{id}");
    }
    let (_, key) = door.other("ben@example.com", domain::plan::Plan::default()).await;
    let path = "/postpost/api/v1/test-connection/twitter-123456789";
    let foreign = door.ask("POST", path, &[("x-api-key", &key)], "").await;
    assert_eq!(
        (foreign.status, foreign.error().as_str()),
        (404, "Connection not found")
    );
}
