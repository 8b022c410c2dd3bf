//! Two posts of the same words to one account are both cut off in flight, and in the same minute a person posts those
//! words as well. Nothing of ours is out there twice, none of ours takes another's place, and a post is unconfirmed only
//! where the platform gives no means to tell.

use std::collections::BTreeSet;

use domain::account::User;
use domain::clock::Clock;
use domain::ids::GroupId;
use domain::log::LogKind;
use domain::platform::Platform;
use domain::post::PostState;
use engine::{Engine, Publisher};
use jiff::SignedDuration;
use sandbox::proof::{Shown, note};
use sandbox::{Class, Fault, Rule};
use store::Reach;
use tokio_util::sync::CancellationToken;

use crate::world::{EMULATED, Outside, content, go_on, memory, post_now, run_to_the_end, state};

const WORDS: &str = "the very same words";

/// Platforms on which nothing distinguishes a text of ours from the same text of a person: they have no key, no container
/// and no list, or a list of texts and times.
const LIKENESS_ONLY: &[Platform] = &[Platform::Telegram, Platform::X, Platform::LinkedIn];

/// Steps of five seconds: a day and some hours.
const STEPS_MAX: usize = 20_000;

/// What became of one of ours.
#[derive(Debug)]
enum End {
    Published(String),
    Unconfirmed,
    /// The platform refused the words because it has them already.
    Refused,
}

fn end_of(platform: Platform, state: PostState) -> End {
    match state {
        PostState::Published { remote, .. } => End::Published(remote.id),
        PostState::Unconfirmed { .. } => End::Unconfirmed,
        PostState::Failed { error, .. } => {
            assert_eq!(
                error.kind,
                domain::error::ErrorKind::DuplicateContent,
                "{platform}: {error:?}"
            );
            End::Refused
        }
        other => panic!("{platform}: {other:?}"),
    }
}

async fn twins_and_a_person(platform: Platform) {
    let outside = Outside::new().await;
    let engine = outside.engine(memory(), go_on()).await;
    let name = format!("twins-{platform}");
    let (user, account, seed) = outside.connect_seeded(&engine, platform, &name, vec![]).await;
    let (theirs, person, there) = outside.person(&seed).await;

    let cut_off = || vec![Rule::first(Class::Create, 1, Fault::DropAfter)];
    let mut publisher = Publisher::new(engine.clone(), CancellationToken::new());
    let mut groups = Vec::new();
    for _ in 0..2 {
        outside.add_rules(&account, cut_off());
        groups.push(post_now(&engine, &user, &account, content(&outside, platform, WORDS, &[])).await);
        publisher.run_until_idle().await.unwrap();
    }
    let by_hand = post_now(&theirs, &person, &there, content(&outside, platform, WORDS, &[])).await;
    Publisher::new(theirs.clone(), CancellationToken::new())
        .run_until_idle()
        .await
        .unwrap();
    let ends = ends_of(&outside, &engine, &user, platform, &groups).await;
    run_to_the_end(&outside, &theirs).await;
    let persons = end_of(platform, state(&theirs, &person, by_hand).await);
    judge(platform, &ends, &persons, outside.copies(platform, WORDS));
    note(platform, Shown::Fault("twins_and_a_person".to_owned()));
}

/// Where a person says that a post is.
fn page_of(platform: Platform) -> &'static str {
    match platform {
        Platform::Telegram => "https://t.me/seen/9999",
        Platform::X => "https://x.com/seen/status/9999",
        _ => "https://www.linkedin.com/feed/update/urn:li:share:9999",
    }
}

/// Lets time pass until all have ended. A post that waits behind an unconfirmed one of the same words waits for a person,
/// who says here that the first is live.
async fn ends_of(outside: &Outside, engine: &Engine, user: &User, platform: Platform, groups: &[GroupId]) -> Vec<End> {
    let reach = Reach { owner: user.id };
    let mut publisher = Publisher::new(engine.clone(), CancellationToken::new());
    let mut decided = None;
    for _ in 0..STEPS_MAX {
        publisher.run_until_idle().await.unwrap();
        let mut states = Vec::new();
        for group in groups {
            states.push(state(engine, user, *group).await);
        }
        let waits = |state: &PostState| matches!(state, PostState::Waiting { .. });
        let is_unconfirmed = |state: &PostState| matches!(state, PostState::Unconfirmed { .. });
        if let (Some(at), true) = (states.iter().position(is_unconfirmed), states.iter().any(waits)) {
            let group = engine.group(&reach, groups[at]).await.unwrap();
            let url = page_of(platform).to_owned();
            engine.resolve_published(&reach, group.posts[0].id, url).await.unwrap();
            decided = Some(at);
            continue;
        }
        let is_over = |state: &PostState| {
            is_unconfirmed(state) || matches!(state, PostState::Published { .. } | PostState::Failed { .. })
        };
        if states.iter().all(is_over) {
            let ends = states.into_iter().enumerate();
            return ends
                .map(|(at, state)| {
                    if decided == Some(at) {
                        End::Unconfirmed
                    } else {
                        end_of(platform, state)
                    }
                })
                .collect();
        }
        outside.clock.advance(SignedDuration::from_secs(5));
    }
    panic!("{platform}: things go on and on");
}

fn judge(platform: Platform, ends: &[End], persons: &End, copies: usize) {
    let told = format!("{platform}: {copies} copies, ours {ends:?}, the person's {persons:?}");
    assert!(copies <= 3, "{told}");
    let named: Vec<&String> = ends
        .iter()
        .chain([persons])
        .filter_map(|end| match end {
            End::Published(id) => Some(id),
            End::Unconfirmed | End::Refused => None,
        })
        .collect();
    if LIKENESS_ONLY.contains(&platform) {
        // Where the words are all there is, the person's may be taken for one of ours: the words are out once either way.
        let ours: Vec<_> = ends.iter().filter(|end| matches!(end, End::Published(_))).collect();
        assert!(ours.len() <= copies, "{told}");
    } else {
        assert!(ends.iter().all(|end| matches!(end, End::Published(_))), "{told}");
        assert_eq!(copies, named.len(), "{told}");
        assert_eq!(named.iter().collect::<BTreeSet<_>>().len(), named.len(), "{told}");
    }
    let ids_of_ours: Vec<_> = ends
        .iter()
        .filter_map(|end| match end {
            End::Published(id) => Some(id),
            End::Unconfirmed | End::Refused => None,
        })
        .collect();
    assert_eq!(
        ids_of_ours.iter().collect::<BTreeSet<_>>().len(),
        ids_of_ours.len(),
        "both took the same for theirs: {told}"
    );
}

#[tokio::test]
async fn twins_cut_off_in_flight_and_a_person_with_the_same_words_are_told_apart_where_they_can_be() {
    for platform in EMULATED {
        twins_and_a_person(*platform).await;
    }
}

#[tokio::test]
async fn a_post_behind_an_unconfirmed_one_waits_for_a_person_however_late() {
    let outside = Outside::new().await;
    let platform = Platform::Telegram;
    let engine = outside.engine(memory(), go_on()).await;
    let lost = vec![Rule::nth(Class::Create, 1, Fault::DropAfter)];
    let (user, account) = outside.connect(&engine, platform, "late", lost).await;
    let reach = Reach { owner: user.id };
    let first = post_now(&engine, &user, &account, content(&outside, platform, WORDS, &[])).await;
    run_to_the_end(&outside, &engine).await;
    let unconfirmed = engine.group(&reach, first).await.unwrap().posts[0].id;
    let second = post_now(&engine, &user, &account, content(&outside, platform, WORDS, &[])).await;
    let mut publisher = Publisher::new(engine.clone(), CancellationToken::new());
    let end = outside.clock.now() + SignedDuration::from_hours(10);
    let mut looks = 0;
    while outside.clock.now() < end {
        looks += publisher.run_until_idle().await.unwrap();
        outside.clock.advance(SignedDuration::from_secs(60));
    }
    assert!((110..=130).contains(&looks), "{looks} looks in ten hours");
    match state(&engine, &user, second).await {
        PostState::Waiting { error: Some(error), .. } => {
            assert_eq!(error.kind, domain::error::ErrorKind::DuplicateContent);
            assert!(error.message.contains(&unconfirmed.to_string()), "{}", error.message);
        }
        other => panic!("{other:?}"),
    }
    let log = engine.group_log(&reach, second, 100).await.unwrap();
    let said = log.iter().filter(|record| record.entry.kind == LogKind::PublishRetry);
    assert_eq!(said.count(), 1, "it is said once");
    assert_eq!(outside.copies(platform, WORDS), 1);

    let url = page_of(platform).to_owned();
    engine.resolve_published(&reach, unconfirmed, url).await.unwrap();
    outside.clock.advance(SignedDuration::from_mins(5));
    publisher.run_until_idle().await.unwrap();
    let state = state(&engine, &user, second).await;
    assert!(matches!(state, PostState::Published { .. }), "{state:?}");
    assert_eq!(outside.copies(platform, WORDS), 2);
}
