//! Groups: making, reading, listing.

use domain::content::{Content, Media, MediaKind, PartContent};
use domain::group::{StateBit, StateMask};
use domain::ids::{MediaId, UserId};
use domain::log::LogKind;
use domain::platform::Platform;
use domain::post::PostState;

use super::bench::{at, entry, published, release};
use super::{Bench, Outcome};
use crate::{Conflict, Created, Error, GroupOrder, GroupQuery, Reach, RequestKey};

/// A file as a content refers to it.
pub(super) fn media(key: &str) -> Media {
    Media {
        id: MediaId::from_bytes([7; 12]),
        kind: MediaKind::Image,
        mime: "image/png".to_owned(),
        bytes: 10,
        sha256: "00".to_owned(),
        key: key.to_owned(),
        name: None,
        alt: Some("a picture".to_owned()),
        width: Some(1),
        height: Some(2),
        duration_ms: None,
        frame_rate: None,
    }
}

pub(super) async fn a_group_is_read_as_it_was_made(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::Mastodon, "1").await?;
    let mut new = bench.new_group(
        &ann,
        &[(Platform::Mastodon, "1"), (Platform::Bluesky, "did:x")],
        Some(60),
    );
    new.content = Content {
        head: PartContent {
            text: "head".to_owned(),
            media: vec![media("a")],
        },
        replies: vec![PartContent {
            text: "reply".to_owned(),
            media: Vec::new(),
        }],
        first_comment: Some("comment".to_owned()),
        ..Content::default()
    };
    new.content
        .settings
        .insert("mastodon".to_owned(), serde_json::json!({ "visibility": "unlisted" }));
    assert_eq!(bench.create_group(new.clone(), None).await?, Created::New);
    let group = bench.read(&ann, new.id).await?;
    assert_eq!((group.id, group.owner, group.draft), (new.id, ann.owner, false));
    assert_eq!(group.content, new.content);
    assert_eq!(
        (group.planned_at, group.created_at, group.updated_at),
        (Some(at(60)), at(0), at(0))
    );
    assert_eq!(group.mask, StateMask::EMPTY.with(StateBit::Pending));
    let ids: Vec<_> = group.posts.iter().map(|post| post.id).collect();
    assert_eq!(
        ids,
        new.posts.iter().map(|post| post.id).collect::<Vec<_>>(),
        "in the order in which they were given"
    );
    let accounts: Vec<_> = group.posts.iter().map(|post| post.account).collect();
    assert_eq!(accounts, [Some(account.id), None], "a target is looked up");
    assert!(
        group
            .posts
            .iter()
            .all(|post| post.state == PostState::Scheduled { due: at(60) })
    );
    assert!(group.posts.iter().all(|post| post.attempts == 0 && post.retries == 0));
    let empty = bench.grouped(&ann, &[], None).await?;
    assert_eq!((empty.posts.len(), empty.mask), (0, StateMask::EMPTY));
    let now = bench.grouped(&ann, &[(Platform::X, "1")], None).await?;
    assert_eq!(
        now.posts.first().map(|post| &post.state),
        Some(&PostState::Scheduled { due: at(0) }),
        "without a time: now"
    );
    assert_eq!(now.planned_at, None);
    Ok(())
}

pub(super) async fn a_draft_is_not_due(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let mut new = bench.new_group(&ann, &[(Platform::X, "1")], Some(0));
    new.draft = true;
    let group = bench.made(&ann, new).await?;
    assert_eq!(group.mask, StateMask::EMPTY.with(StateBit::Draft));
    assert_eq!((group.planned_at, bench.next_wake().await?), (Some(at(0)), None));
    assert_eq!(bench.claim(1_000).await?, []);
    Ok(())
}

fn request(reach: &Reach, key: &str, body: u8, answer: &str) -> RequestKey {
    RequestKey {
        owner: reach.owner,
        operation: "postpost/create-post".to_owned(),
        key: key.to_owned(),
        body_hash: [body; 32],
        answer: answer.to_owned(),
        expires_at: at(3_600),
    }
}

pub(super) async fn the_same_request_is_answered_again_and_another_body_is_refused(bench: Bench) -> Outcome {
    let (ann, bob) = (bench.owner("ann").await?, bench.owner("bob").await?);
    let new = bench.new_group(&ann, &[(Platform::X, "1")], Some(0));
    assert_eq!(
        bench.create_group(new, Some(request(&ann, "k", 1, "first"))).await?,
        Created::New
    );
    let again = bench
        .create_group(bench.new_group(&ann, &[], None), Some(request(&ann, "k", 1, "second")))
        .await?;
    assert_eq!(
        again,
        Created::Replayed {
            answer: "first".to_owned()
        }
    );
    let other = bench
        .create_group(bench.new_group(&ann, &[], None), Some(request(&ann, "k", 2, "third")))
        .await;
    assert!(
        matches!(other, Err(Error::Conflict(Conflict::IdempotencyKey))),
        "{other:?}"
    );
    let his = bench
        .create_group(bench.new_group(&bob, &[], None), Some(request(&bob, "k", 2, "his")))
        .await?;
    assert_eq!(his, Created::New, "keys are each owner's own");
    let mut elsewhere = request(&ann, "k", 2, "elsewhere");
    elsewhere.operation = "late/create-post".to_owned();
    assert_eq!(
        bench
            .create_group(bench.new_group(&ann, &[], None), Some(elsewhere))
            .await?,
        Created::New
    );
    assert_eq!(bench.list_groups(&ann, all()).await?.total, 2);
    Ok(())
}

pub(super) async fn two_callers_with_one_request_make_one_group(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let (one, two) = tokio::join!(
        bench.create_group(bench.new_group(&ann, &[], None), Some(request(&ann, "k", 1, "one"))),
        bench.create_group(bench.new_group(&ann, &[], None), Some(request(&ann, "k", 1, "two"))),
    );
    let (one, two) = (one?, two?);
    assert_ne!(one, two, "one makes it, the other reads the answer");
    assert!([&one, &two].contains(&&Created::New));
    assert_eq!(bench.list_groups(&ann, all()).await?.total, 1);
    Ok(())
}

pub(super) async fn an_expired_request_is_forgotten(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench
        .create_group(bench.new_group(&ann, &[], None), Some(request(&ann, "k", 1, "old")))
        .await?;
    let mut late = bench.new_group(&ann, &[], None);
    late.created_at = at(3_600);
    let mut fresh = request(&ann, "k", 2, "new");
    fresh.expires_at = at(7_200);
    assert_eq!(
        bench.create_group(late.clone(), Some(fresh.clone())).await?,
        Created::New
    );
    late.id = bench.group_id();
    assert_eq!(
        bench.create_group(late, Some(fresh)).await?,
        Created::Replayed {
            answer: "new".to_owned()
        }
    );
    Ok(())
}

pub(super) async fn a_group_of_an_unknown_owner_is_refused_as_a_whole(bench: Bench) -> Outcome {
    let nobody = Reach {
        owner: UserId::from_bytes([9; 12]),
    };
    let new = bench.new_group(&nobody, &[(Platform::X, "1")], Some(0));
    let refused = bench.create_group(new, Some(request(&nobody, "k", 1, "never"))).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    assert_eq!(bench.next_wake().await?, None);
    assert_eq!(bench.post_counts().await?, []);
    Ok(())
}

/// A query for everything.
pub(super) fn all() -> GroupQuery {
    GroupQuery {
        masks: None,
        platforms: Vec::new(),
        planned_from: None,
        planned_to: None,
        order: GroupOrder::Created,
        descending: false,
        offset: 0,
        limit: 100,
    }
}

pub(super) async fn lists_are_ordered_filtered_and_counted_exactly(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let mut ids = Vec::new();
    for (nth, (platform, due)) in (0..).zip([
        (Platform::X, Some(50)),
        (Platform::Mastodon, Some(40)),
        (Platform::X, None),
    ]) {
        let mut new = bench.new_group(&ann, &[(platform, "1")], due);
        new.created_at = at(nth);
        ids.push(new.id);
        bench.create_group(new, None).await?;
    }
    let [first, second, third] = *ids else {
        return Err("three groups".into());
    };
    // The one without a time is due at once.
    let claim = bench.claim_one(10).await?;
    bench.release(claim, release(published("r", 20), 20)).await?;

    let listed = async |query: GroupQuery| {
        let page = bench.list_groups(&ann, query).await?;
        crate::Result::Ok((page.groups.iter().map(|group| group.id).collect::<Vec<_>>(), page.total))
    };
    assert_eq!(listed(all()).await?, (vec![first, second, third], 3));
    assert_eq!(
        listed(GroupQuery {
            descending: true,
            ..all()
        })
        .await?,
        (vec![third, second, first], 3)
    );
    assert_eq!(
        listed(GroupQuery {
            limit: 1,
            offset: 1,
            ..all()
        })
        .await?,
        (vec![second], 3)
    );
    assert_eq!(listed(GroupQuery { offset: 9, ..all() }).await?, (vec![], 3));
    let planned = GroupQuery {
        order: GroupOrder::Planned,
        ..all()
    };
    assert_eq!(
        listed(planned.clone()).await?,
        (vec![third, second, first], 3),
        "no time comes first"
    );
    assert_eq!(
        listed(GroupQuery {
            descending: true,
            ..planned
        })
        .await?,
        (vec![first, second, third], 3)
    );
    let updated = GroupQuery {
        order: GroupOrder::Updated,
        descending: true,
        ..all()
    };
    assert_eq!(listed(updated).await?, (vec![third, second, first], 3));
    let on_x = GroupQuery {
        platforms: vec![Platform::X, Platform::TikTok],
        ..all()
    };
    assert_eq!(listed(on_x).await?, (vec![first, third], 2));
    let live = GroupQuery {
        masks: Some(vec![StateMask::EMPTY.with(StateBit::Published)]),
        ..all()
    };
    assert_eq!(listed(live).await?, (vec![third], 1));
    assert_eq!(
        listed(GroupQuery {
            masks: Some(Vec::new()),
            ..all()
        })
        .await?,
        (vec![], 0)
    );
    let from = GroupQuery {
        planned_from: Some(at(50)),
        ..all()
    };
    assert_eq!(listed(from).await?, (vec![first], 1));
    let to = GroupQuery {
        planned_to: Some(at(49)),
        ..all()
    };
    assert_eq!(listed(to).await?, (vec![second], 1));
    bench
        .delete_group(&ann, second, at(30), entry(LogKind::Deleted, 30))
        .await?;
    assert_eq!(listed(all()).await?, (vec![first, third], 2));
    Ok(())
}

pub(super) async fn history_is_in_order_and_within_reach(bench: Bench) -> Outcome {
    let (ann, bob) = (bench.owner("ann").await?, bench.owner("bob").await?);
    let mut new = bench.new_group(&ann, &[(Platform::X, "1")], Some(0));
    new.log = vec![
        entry(LogKind::StatusChanged, 0).with("request", "r1"),
        entry(LogKind::Scheduled, 0),
    ];
    let group = bench.made(&ann, new).await?.id;
    let mut end = release(published("r", 5), 5);
    end.log = vec![entry(LogKind::PublishSucceeded, 5)];
    bench.release(bench.claim_one(1).await?, end).await?;
    let log = bench.group_log(&ann, group, 10).await?;
    let kinds: Vec<_> = log.iter().map(|record| (record.seq, record.entry.kind)).collect();
    assert_eq!(
        kinds,
        [
            (1, LogKind::StatusChanged),
            (2, LogKind::Scheduled),
            (3, LogKind::PublishSucceeded)
        ]
    );
    assert!(
        log.iter()
            .all(|record| record.entry.group == Some(group) && record.entry.user == Some(ann.owner))
    );
    assert_eq!(
        log.first().and_then(|record| record.entry.data.get("request")),
        Some(&"r1".into())
    );
    assert_eq!(bench.group_log(&ann, group, 2).await?.len(), 2, "the first ones");
    let recent: Vec<_> = bench
        .recent_log(&ann, 2)
        .await?
        .into_iter()
        .map(|record| record.entry.kind)
        .collect();
    assert_eq!(
        recent,
        [LogKind::PublishSucceeded, LogKind::Scheduled],
        "the newest ones"
    );
    assert!(matches!(bench.group_log(&bob, group, 10).await, Err(Error::NotFound)));
    assert_eq!(bench.recent_log(&bob, 10).await?, []);
    Ok(())
}

pub(super) async fn groups_of_others_are_out_of_reach(bench: Bench) -> Outcome {
    let (ann, bob) = (bench.owner("ann").await?, bench.owner("bob").await?);
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    let (group, _) = bench.unconfirmed(&ann, "1").await?;
    let post = group.posts.first().map(|post| post.id).ok_or(Error::NotFound)?;
    assert_eq!(bench.group(&bob, group.id).await?, None);
    assert_eq!(bench.post_group(&bob, post).await?, None);
    assert_eq!(bench.post_group(&ann, post).await?, Some(group.id));
    assert_eq!(bench.list_groups(&bob, all()).await?.total, 0);
    let edit = domain::group::PlanEdit {
        draft: None,
        planned_at: Some(at(9)),
        now: at(5),
    };
    let log = || entry(LogKind::Resolved, 5);
    assert!(matches!(
        bench.edit_plan(&bob, group.id, edit, log()).await,
        Err(Error::NotFound)
    ));
    assert!(matches!(
        bench.delete_group(&bob, group.id, at(5), log()).await,
        Err(Error::NotFound)
    ));
    assert!(matches!(
        bench.retry_post(&bob, post, at(5), log()).await,
        Err(Error::NotFound)
    ));
    let word = crate::Resolution::SendAgain { at: at(5) };
    assert!(matches!(
        bench.resolve_post(&bob, post, word, log()).await,
        Err(Error::NotFound)
    ));
    assert!(matches!(
        bench.claim_unconfirmed(&bob, post, &bench.ask(200)).await,
        Err(Error::NotFound)
    ));
    assert_eq!(bench.read(&ann, group.id).await?, group, "and nothing changed");
    Ok(())
}
