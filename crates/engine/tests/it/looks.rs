//! Platforms that say that a post is live before they say under which id.

use domain::clock::Clock;
use domain::ids::GroupId;
use domain::log::LogKind;
use domain::part::RemotePost;
use domain::platform::Platform;
use domain::post::PostState;
use engine::{Engine, Error};
use jiff::SignedDuration;
use sandbox::{Class, Fault, Filter, Rule};
use store::Reach;

use crate::world::{Outside, Shelf, content, go_on, post_now, run_to_the_end, run_until_stopped, state};

/// The platforms of which only the container is known after a lost answer.
const PLATFORMS: &[Platform] = &[Platform::Instagram, Platform::Threads];

/// Making a container and asking for the first time what became of it take less than this.
const VERDICT_MAX: SignedDuration = SignedDuration::from_secs(10);

/// A post whose answer was lost, at the time of the verdict.
struct Lost {
    outside: Outside,
    engine: Engine,
    reach: Reach,
    group: GroupId,
}

impl Lost {
    async fn new(platform: Platform, shelf: &Shelf, mut script: Vec<Rule>) -> Self {
        let outside = Outside::new().await;
        let engine = outside.engine(shelf.open(), go_on()).await;
        script.push(Rule::nth(Class::Create, 1, Fault::DropAfter));
        let (user, account) = outside.connect(&engine, platform, "lost.answer", script).await;
        let group = post_now(&engine, &user, &account, content(&outside, platform, "ours", &[])).await;
        let sent_at = outside.clock.now();
        run_until_stopped(&engine).await;
        while !matches!(state(&engine, &user, group).await, PostState::Published { .. }) {
            let next = engine.store().next_wake().await.unwrap().unwrap();
            assert!(
                next.duration_since(sent_at) < VERDICT_MAX,
                "{platform}: no verdict by {next}"
            );
            outside.clock.advance_to(next);
            run_until_stopped(&engine).await;
        }
        let reach = Reach { owner: user.id };
        Self {
            outside,
            engine,
            reach,
            group,
        }
    }

    async fn state(&self) -> PostState {
        let group = self.engine.group(&self.reach, self.group).await.unwrap();
        group.posts.first().unwrap().state.clone()
    }

    async fn remote(&self) -> RemotePost {
        match self.state().await {
            PostState::Published { remote, .. } => remote,
            other => panic!("{other:?}"),
        }
    }

    async fn kinds(&self) -> Vec<LogKind> {
        let log = self.engine.group_log(&self.reach, self.group, 100).await.unwrap();
        log.into_iter().map(|record| record.entry.kind).collect()
    }
}

#[tokio::test]
async fn what_had_landed_is_published_at_once_and_named_by_a_later_look() {
    for platform in PLATFORMS {
        for shelf in [Shelf::memory(), Shelf::sqlite()] {
            let lost = Lost::new(*platform, &shelf, vec![]).await;
            let before = lost.state().await;
            assert_eq!(lost.remote().await.known_id(), None, "{platform}");

            run_to_the_end(&lost.outside, &lost.engine).await;
            let posts = lost.outside.sandbox.published(&Filter::default());
            let [post] = posts.as_slice() else {
                panic!("{platform}: {posts:?}")
            };
            let (
                PostState::Published { at, .. },
                PostState::Published {
                    at: later,
                    remote,
                    next_look,
                },
            ) = (before, lost.state().await)
            else {
                panic!("{platform}: it is not published any more");
            };
            assert_eq!((later, next_look), (at, None), "{platform}");
            assert_eq!(
                (remote.known_id(), &remote.url),
                (Some(post.remote_id.as_str()), &post.url)
            );
            let kinds = lost.kinds().await;
            let successes = kinds.iter().filter(|kind| **kind == LogKind::PublishSucceeded).count();
            assert_eq!(successes, 1, "{platform}: {kinds:?}");
            assert_eq!(kinds.last(), Some(&LogKind::OutcomeEstablished), "{platform}");
        }
    }
}

#[tokio::test]
async fn a_post_that_no_list_ever_shows_stays_published_without_an_id() {
    for platform in PLATFORMS {
        let never = Rule::nth(Class::Create, 1, Fault::ReadLag { s: 1_000_000 });
        let lost = Lost::new(*platform, &Shelf::sqlite(), vec![never]).await;
        run_to_the_end(&lost.outside, &lost.engine).await;
        let remote = lost.remote().await;
        assert_eq!((remote.known_id(), remote.url.as_ref()), (None, None), "{platform}");
        assert_eq!(lost.outside.copies(*platform, "ours"), 1, "{platform}");
    }
}

#[tokio::test]
async fn a_post_without_an_id_is_not_taken_for_gone() {
    let lost = Lost::new(Platform::Threads, &Shelf::memory(), vec![]).await;
    let post = lost
        .engine
        .group(&lost.reach, lost.group)
        .await
        .unwrap()
        .posts
        .remove(0)
        .id;
    let refused = lost.engine.retract_post(&lost.reach, post).await;
    assert!(matches!(refused, Err(Error::Platform(_))), "{refused:?}");
    assert_eq!(lost.outside.copies(Platform::Threads, "ours"), 1);
    run_to_the_end(&lost.outside, &lost.engine).await;
    lost.engine.retract_post(&lost.reach, post).await.unwrap();
    assert_eq!(lost.outside.copies(Platform::Threads, "ours"), 0);
}

#[tokio::test]
async fn a_group_that_was_deleted_meanwhile_is_looked_at_no_longer_than_others() {
    let lost = Lost::new(Platform::Instagram, &Shelf::sqlite(), vec![]).await;
    lost.engine.delete_group(&lost.reach, lost.group).await.unwrap();
    run_to_the_end(&lost.outside, &lost.engine).await;
    assert_eq!(lost.outside.copies(Platform::Instagram, "ours"), 1);
}

#[tokio::test]
async fn lists_that_cannot_be_read_are_read_again() {
    for platform in PLATFORMS {
        let down = Rule {
            on: sandbox::Match {
                class: Class::Read,
                nth: Some(2),
                times: Some(3),
                ..sandbox::Match::default()
            },
            fault: Fault::ErrorBefore { status: 500 },
            latency_ms: 0,
        };
        let lost = Lost::new(*platform, &Shelf::memory(), vec![down]).await;
        run_to_the_end(&lost.outside, &lost.engine).await;
        let remote = lost.remote().await;
        assert!(remote.known_id().is_some(), "{platform}: {remote:?}");
    }
}
