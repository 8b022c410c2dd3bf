//! Taking posts down: who is asked what, what a lost answer means, and what never takes anything down.

use domain::account::{Account, User};
use domain::capability::Capability;
use domain::error::Fate;
use domain::ids::{GroupId, PostId};
use domain::log::{LogKind, LogOutcome};
use domain::platform::Platform;
use domain::post::PostState;
use engine::{Engine, Error};
use jiff::SignedDuration;
use sandbox::{Class, Fault, Filter, Rule};
use store::{Conflict, Reach};

use crate::world::{self, Outside, content, go_on, post_now, run_to_the_end, state};

/// The platforms whose API takes posts down.
const WILLING: &[Platform] = &[
    Platform::X,
    Platform::Mastodon,
    Platform::Bluesky,
    Platform::Telegram,
    Platform::Threads,
    Platform::LinkedIn,
    Platform::Facebook,
];

/// A post that is live: its user, its account, its group and itself.
struct Live {
    user: User,
    account: Account,
    group: GroupId,
    post: PostId,
}

async fn publish_one(
    outside: &Outside,
    engine: &Engine,
    platform: Platform,
    replies: &[&str],
    script: Vec<Rule>,
) -> Live {
    let (user, account) = outside.connect(engine, platform, platform.word(), script).await;
    let replies: Vec<String> = replies.iter().map(|text| (*text).to_owned()).collect();
    let group = post_now(
        engine,
        &user,
        &account,
        content(outside, platform, "taken back", &replies),
    )
    .await;
    run_to_the_end(outside, engine).await;
    let read = engine.group(&Reach { owner: user.id }, group).await.unwrap();
    let post = read.posts.first().unwrap();
    assert!(
        matches!(post.state, PostState::Published { .. }),
        "{platform}: {:?}",
        post.state
    );
    let post = post.id;
    Live {
        user,
        account,
        group,
        post,
    }
}

/// How many of an account's posts can be seen.
fn seen(outside: &Outside, account: &Account) -> usize {
    let filter = Filter {
        platform: Some(account.platform),
        account: Some(account.identity.remote_id.clone()),
        text: None,
    };
    outside
        .sandbox
        .published(&filter)
        .iter()
        .filter(|post| !post.deleted)
        .count()
}

async fn outcomes(engine: &Engine, live: &Live) -> Vec<(LogKind, LogOutcome)> {
    let reach = Reach { owner: live.user.id };
    let log = engine.group_log(&reach, live.group, 100).await.unwrap();
    let kinds = [LogKind::RetractAttempted, LogKind::Retracted, LogKind::RetractFailed];
    let entries = log.into_iter().map(|record| (record.entry.kind, record.entry.outcome));
    entries.filter(|(kind, _)| kinds.contains(kind)).collect()
}

#[tokio::test]
async fn a_post_is_taken_down_with_all_its_parts_wherever_the_api_allows_it() {
    for platform in WILLING {
        let outside = Outside::new().await;
        let engine = outside.engine(world::memory(), go_on()).await;
        let replies: &[&str] = if Capability::of(*platform).threads {
            &["a", "b"]
        } else {
            &[]
        };
        let live = publish_one(&outside, &engine, *platform, replies, vec![]).await;
        assert_eq!(seen(&outside, &live.account), 1 + replies.len(), "{platform}");
        let reach = Reach { owner: live.user.id };
        engine
            .retract_post(&reach, live.post)
            .await
            .unwrap_or_else(|error| panic!("{platform}: {error:?}"));
        assert_eq!(seen(&outside, &live.account), 0, "{platform}");
        let after = state(&engine, &live.user, live.group).await;
        assert!(matches!(after, PostState::Removed { .. }), "{platform}: {after:?}");
        assert_eq!(
            outcomes(&engine, &live).await,
            [
                (LogKind::RetractAttempted, LogOutcome::Info),
                (LogKind::Retracted, LogOutcome::Success)
            ],
            "{platform}"
        );
        let again = engine.retract_post(&reach, live.post).await;
        assert!(
            matches!(again, Err(Error::Conflict(Conflict::IllegalTransition(_)))),
            "{platform}: {again:?}"
        );
    }
}

#[tokio::test]
async fn a_lost_answer_leaves_the_post_published_and_asking_again_finds_it_gone() {
    for platform in WILLING {
        let outside = Outside::new().await;
        let engine = outside.engine(world::memory(), go_on()).await;
        let script = vec![Rule::first(Class::Delete, 1, Fault::DropAfter)];
        let live = publish_one(&outside, &engine, *platform, &[], script).await;
        let reach = Reach { owner: live.user.id };
        let lost = engine.retract_post(&reach, live.post).await;
        let Err(Error::Platform(error)) = lost else {
            panic!("{platform}: {lost:?}");
        };
        assert_eq!(error.fate, Fate::MayBePublished, "{platform}");
        assert!(error.message.contains("asking again does no harm"), "{}", error.message);
        let after = state(&engine, &live.user, live.group).await;
        assert!(matches!(after, PostState::Published { .. }), "{platform}: {after:?}");
        assert_eq!(seen(&outside, &live.account), 0, "{platform} did it all the same");
        engine
            .retract_post(&reach, live.post)
            .await
            .unwrap_or_else(|error| panic!("{platform}: {error:?}"));
        let after = state(&engine, &live.user, live.group).await;
        assert!(matches!(after, PostState::Removed { .. }), "{platform}: {after:?}");
        let told = outcomes(&engine, &live).await;
        assert_eq!(told[1], (LogKind::RetractFailed, LogOutcome::Unknown), "{platform}");
    }
}

#[tokio::test]
async fn a_refusal_is_told_and_nothing_is_asked_a_second_time_by_itself() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let script = vec![Rule::first(Class::Delete, 1, Fault::RateLimit { retry_after_s: 60 })];
    let live = publish_one(&outside, &engine, Platform::Mastodon, &[], script).await;
    let reach = Reach { owner: live.user.id };
    let refused = engine.retract_post(&reach, live.post).await;
    let Err(Error::Platform(error)) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(error.fate, Fate::NotPublished);
    assert_eq!(seen(&outside, &live.account), 1);
    run_to_the_end(&outside, &engine).await;
    assert_eq!(seen(&outside, &live.account), 1, "only a person asks again");
    let told = outcomes(&engine, &live).await;
    assert_eq!(told.last(), Some(&(LogKind::RetractFailed, LogOutcome::Failure)));
}

#[tokio::test]
async fn what_an_api_cannot_do_is_said_before_anything_is_asked() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let live = publish_one(&outside, &engine, Platform::Instagram, &[], vec![]).await;
    let refused = engine.retract_post(&Reach { owner: live.user.id }, live.post).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    assert_eq!(outcomes(&engine, &live).await, []);
    let live = publish_one(&outside, &engine, Platform::Telegram, &[], vec![]).await;
    outside.clock.advance(SignedDuration::from_hours(48));
    let refused = engine.retract_post(&Reach { owner: live.user.id }, live.post).await;
    let Err(Error::Invalid(words)) = refused else {
        panic!("{refused:?}");
    };
    assert!(words.contains("48 hours"), "{words}");
}

#[tokio::test]
async fn deleting_a_group_leaves_what_it_published_where_it_is() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let live = publish_one(&outside, &engine, Platform::Mastodon, &["and more"], vec![]).await;
    let reach = Reach { owner: live.user.id };
    engine.delete_group(&reach, live.group).await.unwrap();
    run_to_the_end(&outside, &engine).await;
    engine.keep_house_once().await.unwrap();
    assert_eq!(seen(&outside, &live.account), 2);
    let gone = engine.retract_post(&reach, live.post).await;
    assert!(matches!(gone, Err(Error::NotFound)), "{gone:?}");
}

#[tokio::test]
async fn a_post_of_somebody_else_is_out_of_reach() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let live = publish_one(&outside, &engine, Platform::Mastodon, &[], vec![]).await;
    let stranger = engine
        .create_user("stranger", domain::plan::Plan::default())
        .await
        .unwrap();
    let refused = engine.retract_post(&Reach { owner: stranger.id }, live.post).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    assert_eq!(seen(&outside, &live.account), 1);
}

#[tokio::test]
async fn whoever_hangs_up_while_a_thread_is_taken_down_leaves_no_half_of_it() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let live = publish_one(&outside, &engine, Platform::Mastodon, &["two", "three"], vec![]).await;
    let reach = Reach { owner: live.user.id };
    tokio::select! {
        biased;
        _ = engine.retract_post(&reach, live.post) => panic!("it takes a while"),
        // Begun, and then dropped as a server drops what a client no longer waits for.
        () = std::future::ready(()) => {}
    }
    let is_removed = async {
        while !matches!(state(&engine, &live.user, live.group).await, PostState::Removed { .. }) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), is_removed)
        .await
        .unwrap();
    assert_eq!(seen(&outside, &live.account), 0);
}
