//! Tests of the stand-in protocol, and of what all platforms share.

use std::net::SocketAddr;
use std::sync::Arc;

use domain::clock::ManualClock;
use domain::platform::Platform;
use serde_json::json;

use crate::testing::{Seen, TestWorld, every_creation_fault, read, see};
use crate::{AccountSeed, Class, Error, Fault, Filter, NewSandboxAccount, Options, Rule, start};

fn publish(world: &TestWorld, seed: &AccountSeed, text: &str) -> reqwest::RequestBuilder {
    world
        .client
        .post(format!("{}/publish", seed.base_url))
        .bearer_auth(&seed.token)
        .json(&json!({ "text": text, "media": [] }))
}

#[tokio::test]
async fn a_key_makes_one_post_and_finds_it_again() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Snapchat, vec![]);
    let (status, first) = read(publish(&world, &seed, "hi").header("idempotency-key", "k1")).await;
    let (again, second) = read(publish(&world, &seed, "hi").header("idempotency-key", "k1")).await;
    assert_eq!((status, again), (201, 200));
    assert_eq!(first, second);
    assert_eq!(world.published(Platform::Snapchat).len(), 1);
    let lookup = |key: &str| {
        world
            .client
            .get(format!("{}/lookup", seed.base_url))
            .query(&[("key", key)])
            .bearer_auth(&seed.token)
    };
    assert_eq!(read(lookup("k1")).await, (200, first));
    assert_eq!(read(lookup("k2")).await.0, 404);
}

#[tokio::test]
async fn every_fault_is_what_it_says() {
    every_creation_fault(Platform::TikTok, async |world, seed, text| publish(world, seed, text)).await;
}

#[tokio::test]
async fn a_caller_who_gives_up_does_not_undo_the_post() {
    let world = TestWorld::new().await;
    let seed = world.account(
        Platform::YouTube,
        vec![Rule::always(Class::Create, Fault::SlowBefore { ms: 60_000 })],
    );
    let caller = tokio::spawn(publish(&world, &seed, "late").send());
    while world.clock.next_sleeper().is_none() {
        tokio::task::yield_now().await;
    }
    caller.abort();
    assert!(caller.await.is_err());
    assert!(world.published(Platform::YouTube).is_empty());
    world.clock.advance(jiff::SignedDuration::from_mins(1));
    while world.published(Platform::YouTube).is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_post_has_a_page_where_it_says() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Snapchat, vec![]);
    let (_, made) = read(publish(&world, &seed, "a <b>")).await;
    let page = world.client.get(made["url"].as_str().unwrap()).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("<p>a &lt;b&gt;</p>"));
}

#[tokio::test]
async fn a_refreshed_token_keeps_the_script_and_a_spent_one_is_refused() {
    let world = TestWorld::new().await;
    let seed = world.account(
        Platform::Pinterest,
        vec![Rule::nth(Class::Create, 1, Fault::ExpiredToken)],
    );
    assert_eq!(read(publish(&world, &seed, "a")).await.0, 401);
    // The presented token stays dead, whatever the script says of later requests.
    assert_eq!(read(publish(&world, &seed, "a")).await.0, 401);
    let refresh = |token: &str| {
        world
            .client
            .post(format!("{}/refresh", seed.base_url))
            .form(&[("refresh_token", token)])
    };
    let (status, pair) = read(refresh(seed.refresh_token.as_deref().unwrap())).await;
    assert_eq!(status, 200);
    assert_eq!(read(refresh(seed.refresh_token.as_deref().unwrap())).await.0, 400);
    let mut fresh = seed.clone();
    fresh.token = pair["access_token"].as_str().unwrap().to_owned();
    assert_eq!(read(publish(&world, &fresh, "a")).await.0, 201);
    assert_eq!(world.published(Platform::Pinterest)[0].account, seed.remote_id);
}

#[tokio::test]
async fn the_first_publish_of_each_post_is_refused_and_a_retry_succeeds() {
    let world = TestWorld::new().await;
    let answer = Fault::Custom {
        status: 401,
        body: r#"{"error":{"message":"Invalid OAuth access token"}}"#.to_owned(),
        content_type: None,
        after: false,
    };
    let seed = world.account(
        Platform::GoogleBusiness,
        vec![Rule::first_per_text(Class::Create, 1, answer)],
    );
    for text in ["a", "b"] {
        let refused = see(publish(&world, &seed, text)).await;
        assert_eq!(
            refused,
            Seen::Answer(401, r#"{"error":{"message":"Invalid OAuth access token"}}"#.to_owned())
        );
        assert_eq!(read(publish(&world, &seed, text)).await.0, 201);
    }
}

#[tokio::test]
async fn owners_do_not_affect_one_another() {
    let world = TestWorld::new().await;
    let broken = world.account(Platform::Pinterest, vec![Rule::always(Class::Any, Fault::DropBefore)]);
    let mut other = NewSandboxAccount::new(Platform::Pinterest, "bob");
    other.stand_in = true;
    let sound = world.sandbox.add_account(&other).unwrap();
    assert_eq!(see(publish(&world, &broken, "x")).await, Seen::NoAnswer);
    assert_eq!(read(publish(&world, &sound, "x")).await.0, 201);
}

#[tokio::test]
async fn the_limits_are_enforced_unless_switched_off() {
    for (rate_limits, expected) in [(true, 429), (false, 201)] {
        let world = TestWorld::with(|options| options.rate_limits = rate_limits).await;
        let seed = world.account(Platform::Reddit, vec![]);
        let account = world
            .sandbox
            .world
            .accounts()
            .by_id(Platform::Reddit, &seed.remote_id)
            .unwrap();
        for _ in 0..crate::REQUESTS_PER_MINUTE {
            account.take(Class::Read, world.sandbox.world.now());
        }
        assert_eq!(read(publish(&world, &seed, "x")).await.0, expected);
    }
}

#[tokio::test]
async fn control_over_http_does_what_the_handle_does() {
    let world = TestWorld::new().await;
    let base = world.sandbox.base_url();
    let ctl = |path: &str| base.join(&format!("_ctl/{path}")).unwrap();
    let (status, seed) = read(world.client.post(ctl("accounts")).json(&json!({
        "platform": "snapchat", "handle": "ada", "script": [{ "on": { "class": "read" }, "fault": { "kind": "drop_before" } }],
    })))
    .await;
    assert_eq!(status, 201);
    let seed: AccountSeed = serde_json::from_value(seed).unwrap();
    let rules = json!({ "platform": "snapchat", "rules": [{ "on": { "class": "create", "times": 1 }, "fault": { "kind": "error_after", "status": 500 } }] });
    assert_eq!(read(world.client.post(ctl("rules")).json(&rules)).await.0, 204);
    assert_eq!(read(publish(&world, &seed, "x")).await.0, 500);
    assert_eq!(read(publish(&world, &seed, "x")).await.0, 201);
    let (_, made) = read(
        world
            .client
            .get(ctl("published"))
            .query(&[("platform", "snapchat"), ("text", "x")]),
    )
    .await;
    assert_eq!(made["published"].as_array().unwrap().len(), 2);
    let (_, journal) = read(world.client.get(ctl("journal")).query(&[("limit", "1")])).await;
    assert_eq!(journal["requests"][0]["fault"], "error_after");
    assert_eq!(journal["requests"][0]["status"], 500);
    assert_eq!(read(world.client.delete(ctl("rules?platform=snapchat"))).await.0, 204);
    assert_eq!(read(world.client.get(ctl("health"))).await.1["ok"], true);
    let unknown = json!({ "platform": "snapchat", "account": "nobody", "rules": [] });
    assert_eq!(read(world.client.post(ctl("rules")).json(&unknown)).await.0, 400);
    assert_eq!(
        read(world.client.post(ctl("reset")).header("origin", "http://example.com"))
            .await
            .0,
        403
    );
    assert_eq!(read(world.client.post(ctl("reset"))).await.0, 204);
    assert!(world.sandbox.published(&Filter::default()).is_empty());
    assert_eq!(read(publish(&world, &seed, "x")).await.0, 401);
}

#[tokio::test]
async fn what_was_published_survives_a_restart_and_the_journal_holds_no_token() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_owned();
    let world = TestWorld::with(|options| options.journal = Some(path.clone())).await;
    let seed = world.account(Platform::Snapchat, vec![]);
    read(publish(&world, &seed, "kept").header("idempotency-key", "k")).await;
    let before = world.sandbox.published(&Filter::default());
    world.sandbox.shutdown().await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"kept\"") && !text.contains(&seed.token));
    let world = TestWorld::with(|options| options.journal = Some(path.clone())).await;
    assert_eq!(world.sandbox.published(&Filter::default()), before);
}

#[tokio::test]
async fn the_sandbox_listens_on_the_loopback_only() {
    let clock = ManualClock::new("2026-11-22T09:00:00Z".parse().unwrap());
    let mut options = Options::new(Arc::new(clock));
    options.listen = SocketAddr::from(([0, 0, 0, 0], 0));
    assert!(matches!(start(options).await, Err(Error::NotLoopback(_))));
}

#[tokio::test]
async fn the_samples_are_served_with_their_lengths() {
    let world = TestWorld::new().await;
    for name in crate::samples::NAMES {
        let response = world.client.get(world.sandbox.sample_url(name)).send().await.unwrap();
        let length = response.content_length().unwrap();
        let bytes = response.bytes().await.unwrap();
        assert_eq!(length, bytes.len() as u64, "{name}");
        match crate::samples::by_name(name) {
            Some((_, expected)) => assert_eq!(bytes, expected),
            None => assert_eq!(bytes.len(), crate::samples::OVERSIZED_BYTES),
        }
    }
}
