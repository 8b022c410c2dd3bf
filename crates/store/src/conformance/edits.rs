//! What a person changes of what a group says and where it goes.

use domain::content::Settings;
use domain::group::{PlanEdit, StateMask};
use domain::intent::IntentState;
use domain::log::LogKind;
use domain::platform::Platform;
use domain::post::PostState;
use serde_json::json;

use super::bench::{at, entry, failed, release, settlement};
use super::{Bench, Outcome};
use crate::{Conflict, Error, GroupEdit, NewPost, Reach, RequestKey};

fn edit(seconds: i64) -> GroupEdit {
    GroupEdit {
        plan: PlanEdit {
            draft: None,
            planned_at: None,
            now: at(seconds),
        },
        text: None,
        settings: Settings::new(),
        targets: None,
        files: Vec::new(),
        log: entry(LogKind::StatusChanged, seconds),
    }
}

fn targets(bench: &Bench, targets: &[(Platform, &str)]) -> Option<Vec<NewPost>> {
    let new = |(platform, target): &(Platform, &str)| NewPost {
        id: bench.post_id(),
        platform: *platform,
        target: (*target).to_owned(),
    };
    Some(targets.iter().map(new).collect())
}

fn request(reach: &Reach, key: &str, hash: u8) -> RequestKey {
    RequestKey {
        owner: reach.owner,
        operation: "edit".to_owned(),
        key: key.to_owned(),
        body_hash: [hash; 32],
        answer: String::new(),
        expires_at: at(1_000),
    }
}

pub(super) async fn an_edit_changes_what_is_named_and_nothing_else(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let group = bench.grouped(&ann, &[(Platform::X, "1")], Some(60)).await?;
    let mut settings = Settings::new();
    settings.insert("x".to_owned(), json!({ "madeWithAi": true }));
    let change = GroupEdit {
        text: Some("another text".to_owned()),
        settings: settings.clone(),
        ..edit(5)
    };
    let edited = bench.edit_group(&ann, group.id, change, None).await?;
    let read = bench.read(&ann, group.id).await?;
    assert_eq!((edited.replayed, &edited.group), (false, &read));
    assert_eq!(
        (read.content.head.text.as_str(), &read.content.settings),
        ("another text", &settings)
    );
    assert_eq!(
        (read.planned_at, read.draft, read.mask, &read.posts),
        (Some(at(60)), false, group.mask, &group.posts)
    );
    assert_eq!(bench.next_wake().await?, Some(at(60)));
    let bob = bench.owner("bob").await?;
    let foreign = bench.edit_group(&bob, group.id, edit(6), None).await;
    assert!(matches!(foreign, Err(Error::NotFound)), "{foreign:?}");
    Ok(())
}

pub(super) async fn targets_are_replaced_and_those_that_stay_keep_their_posts(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::Mastodon, "3").await?;
    let old = [(Platform::X, "1"), (Platform::Bluesky, "2")];
    let group = bench.grouped(&ann, &old, Some(60)).await?;
    let change = GroupEdit {
        targets: targets(&bench, &[(Platform::Mastodon, "3"), (Platform::X, "1")]),
        ..edit(5)
    };
    let edited = bench.edit_group(&ann, group.id, change, None).await?.group;
    let shown: Vec<_> = edited
        .posts
        .iter()
        .map(|post| (post.platform, post.target.as_str()))
        .collect();
    assert_eq!(shown, [(Platform::Mastodon, "3"), (Platform::X, "1")]);
    assert_eq!(
        edited.posts.last().map(|post| post.id),
        group.posts.first().map(|post| post.id)
    );
    assert_eq!(edited.posts.first().and_then(|post| post.account), Some(account.id));
    assert!(
        edited
            .posts
            .iter()
            .all(|post| post.state == PostState::Scheduled { due: at(60) })
    );
    assert_eq!(
        (edited.draft, edited.mask, edited.planned_at),
        (false, group.mask, Some(at(60)))
    );
    let counts = bench.post_counts().await?;
    assert!(
        counts
            .iter()
            .all(|count| count.platform != Platform::Bluesky || count.count == 0),
        "{counts:?}"
    );
    let none = GroupEdit {
        targets: Some(Vec::new()),
        ..edit(6)
    };
    let none = bench.edit_group(&ann, group.id, none, None).await?.group;
    assert_eq!((none.posts.len(), none.mask), (0, StateMask::EMPTY));
    assert_eq!(bench.next_wake().await?, None);
    Ok(())
}

pub(super) async fn what_was_tried_can_be_moved_and_not_rewritten(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::X, "1").await?;
    let group = bench.grouped(&ann, &[(Platform::X, "1")], Some(60)).await?;
    let claim = bench.claim_one(60).await?;
    assert_eq!(claim.account, Some(account.id));
    let rewrite = || GroupEdit {
        text: Some("other".to_owned()),
        ..edit(61)
    };
    let refused = bench.edit_group(&ann, group.id, rewrite(), None).await;
    assert!(
        matches!(refused, Err(Error::Conflict(Conflict::NotEditable(_)))),
        "{refused:?}"
    );
    let armed = bench.armed(claim, 61).await?;
    let settlement = settlement(IntentState::NotPublished, None, 62);
    bench.settle(armed, settlement, Some(release(failed(62), 62))).await?;
    let post = bench.first(&ann, group.id).await?.id;
    bench
        .retry_post(&ann, post, at(90), entry(LogKind::StatusChanged, 63))
        .await?;
    let refused = bench.edit_group(&ann, group.id, rewrite(), None).await;
    assert!(
        matches!(refused, Err(Error::Conflict(Conflict::NotEditable(_)))),
        "{refused:?}"
    );
    let later = PlanEdit {
        planned_at: Some(at(120)),
        ..edit(64).plan
    };
    let moved = bench
        .edit_group(
            &ann,
            group.id,
            GroupEdit {
                plan: later,
                ..edit(64)
            },
            None,
        )
        .await?;
    assert_eq!(moved.group.planned_at, Some(at(120)));
    Ok(())
}

pub(super) async fn the_same_edit_again_is_answered_as_it_was(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let group = bench.grouped(&ann, &[(Platform::X, "1")], Some(60)).await?;
    let change = || GroupEdit {
        text: Some("second".to_owned()),
        ..edit(5)
    };
    let first = bench
        .edit_group(&ann, group.id, change(), Some(request(&ann, "k", 1)))
        .await?;
    let third = GroupEdit {
        text: Some("third".to_owned()),
        ..edit(6)
    };
    bench.edit_group(&ann, group.id, third, None).await?;
    let again = bench
        .edit_group(&ann, group.id, change(), Some(request(&ann, "k", 1)))
        .await?;
    assert_eq!((again.replayed, again.group), (true, first.group));
    assert_eq!(bench.read(&ann, group.id).await?.content.head.text, "third");
    let answered = bench.answered(&request(&ann, "k", 1), at(7)).await?;
    assert!(answered.is_some_and(|answer| answer.contains("second")));
    assert_eq!(bench.answered(&request(&ann, "other", 1), at(7)).await?, None);
    let conflict = bench.answered(&request(&ann, "k", 2), at(7)).await;
    assert!(
        matches!(conflict, Err(Error::Conflict(Conflict::IdempotencyKey))),
        "{conflict:?}"
    );
    let other = bench
        .edit_group(&ann, group.id, change(), Some(request(&ann, "k", 2)))
        .await;
    assert!(
        matches!(other, Err(Error::Conflict(Conflict::IdempotencyKey))),
        "{other:?}"
    );
    let refused = GroupEdit {
        text: Some("x".to_owned()),
        ..edit(7)
    };
    let gone = bench
        .edit_group(&ann, bench.group_id(), refused, Some(request(&ann, "l", 1)))
        .await;
    assert!(
        matches!(gone, Err(Error::NotFound)),
        "a refused request is not remembered: {gone:?}"
    );
    bench
        .edit_group(&ann, group.id, edit(8), Some(request(&ann, "l", 2)))
        .await?;
    Ok(())
}
