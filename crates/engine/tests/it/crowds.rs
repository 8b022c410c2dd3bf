//! Platforms that do not answer keep nobody waiting but those who wait for them.

use std::time::Duration;

use connectors::Registry;
use domain::account::User;
use domain::clock::BoxFut;
use domain::ids::GroupId;
use domain::platform::Platform;
use domain::post::PostState;
use engine::{Engine, Publisher, Settings};
use tokio_util::sync::CancellationToken;

use crate::world::meddler::{Step, meddle};
use crate::world::{Outside, content, go_on, memory, post_now, state};

/// An engine with this many slots whose Mastodon takes what it is sent and never answers, and posts to as many of its
/// accounts.
async fn hung(outside: &Outside, slots: usize, posts: usize) -> (Engine, Vec<(User, GroupId)>) {
    let never = |step, _| -> BoxFut<'static, ()> {
        Box::pin(async move {
            if step == Step::Send {
                std::future::pending::<()>().await;
            }
        })
    };
    let with = |registry: &mut Registry, settings: &mut Settings| {
        meddle(registry, Platform::Mastodon, never);
        settings.sends_max = slots;
    };
    let engine = outside.engine_with(memory(), go_on(), with).await;
    let mut groups = Vec::new();
    for n in 0..posts {
        let name = format!("hung{n}");
        let (user, account) = outside.connect(&engine, Platform::Mastodon, &name, vec![]).await;
        let words = content(outside, Platform::Mastodon, &name, &[]);
        let group = post_now(&engine, &user, &account, words).await;
        groups.push((user, group));
    }
    (engine, groups)
}

/// Lets everything run until `is_so`, and fails when that does not come.
async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait)
        .await
        .expect("it never came to that");
}

#[tokio::test]
async fn a_platform_that_hangs_leaves_room_for_the_others() {
    let outside = Outside::new().await;
    let (engine, groups) = hung(&outside, 4, 8).await;
    let (user, account) = outside.connect(&engine, Platform::Telegram, "quick", vec![]).await;
    let words = content(&outside, Platform::Telegram, "in time", &[]);
    let group = post_now(&engine, &user, &account, words).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(Publisher::new(engine.clone(), stop.clone()).run());
    until(async || matches!(state(&engine, &user, group).await, PostState::Published { .. })).await;
    for (user, group) in &groups {
        let state = state(&engine, user, *group).await;
        assert!(matches!(state, PostState::Publishing { .. }), "{state:?}");
    }
    running.abort();
}

#[tokio::test]
async fn a_claim_that_waited_for_as_long_as_its_lease_is_given_back() {
    let outside = Outside::new().await;
    let (engine, groups) = hung(&outside, 1, 2).await;
    let mut publisher = Publisher::new(engine.clone(), CancellationToken::new());
    assert_eq!(publisher.round().await.unwrap().claimed, 2);
    let states = async || {
        let mut states = Vec::new();
        for (user, group) in &groups {
            states.push(state(&engine, user, *group).await);
        }
        states
    };
    let is_sending = |state: &PostState| matches!(state, PostState::Publishing { armed: true, .. });
    until(async || states().await.iter().any(is_sending)).await;
    outside.clock.advance(engine.settings().lease);
    let waits = |state: &PostState| matches!(state, PostState::Waiting { .. });
    until(async || states().await.iter().any(waits)).await;
    assert!(states().await.iter().any(is_sending));
    assert_eq!(publisher.in_flight(), 1);
}
