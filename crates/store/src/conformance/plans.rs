//! What a person changes.

use domain::group::{PlanEdit, StateBit, StateMask};
use domain::intent::{DedupeMeans, IntentState};
use domain::log::LogKind;
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::post::{Event, PostState};

use super::bench::{at, entry, error, failed, gave_up, published, release, settlement, unknown};
use super::{Bench, Outcome};
use crate::{Conflict, Error, Resolution, Settled};

fn edit(draft: Option<bool>, planned_at: Option<i64>, now: i64) -> PlanEdit {
    PlanEdit {
        draft,
        planned_at: planned_at.map(at),
        now: at(now),
    }
}

pub(super) async fn an_edit_moves_every_post_or_none(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let group = bench
        .grouped(&ann, &[(Platform::X, "1"), (Platform::Bluesky, "2")], Some(60))
        .await?;
    let log = || entry(LogKind::StatusChanged, 5);
    let moved = bench.edit_plan(&ann, group.id, edit(None, Some(90), 5), log()).await?;
    assert_eq!((moved.planned_at, moved.updated_at), (Some(at(90)), at(5)));
    assert!(
        moved
            .posts
            .iter()
            .all(|post| post.state == PostState::Scheduled { due: at(90) })
    );
    assert_eq!(bench.next_wake().await?, Some(at(90)));
    let draft = bench
        .edit_plan(&ann, group.id, edit(Some(true), None, 6), log())
        .await?;
    assert_eq!(
        (draft.draft, draft.mask),
        (true, StateMask::EMPTY.with(StateBit::Draft))
    );
    assert_eq!((draft.planned_at, bench.next_wake().await?), (Some(at(90)), None));
    let still = bench.edit_plan(&ann, group.id, edit(None, Some(120), 7), log()).await?;
    assert_eq!((still.draft, still.planned_at), (true, Some(at(120))));
    let back = bench
        .edit_plan(&ann, group.id, edit(Some(false), None, 8), log())
        .await?;
    assert_eq!(
        (back.draft, back.mask),
        (false, StateMask::EMPTY.with(StateBit::Pending))
    );
    assert_eq!(bench.group_log(&ann, group.id, 10).await?.len(), 5, "one entry an edit");
    let empty = bench.grouped(&ann, &[], None).await?;
    let empty = bench
        .edit_plan(&ann, empty.id, edit(Some(true), None, 9), log())
        .await?;
    assert_eq!(empty.mask, StateMask::EMPTY.with(StateBit::Draft));
    Ok(())
}

pub(super) async fn a_draft_that_is_scheduled_finds_its_account(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let mut new = bench.new_group(&ann, &[(Platform::X, "1")], None);
    new.draft = true;
    let group = bench.made(&ann, new).await?;
    let account = bench.connected(&ann, Platform::X, "1").await?;
    let group = bench
        .edit_plan(&ann, group.id, edit(Some(false), None, 5), entry(LogKind::Scheduled, 5))
        .await?;
    assert_eq!(group.posts.first().and_then(|post| post.account), Some(account.id));
    assert_eq!(group.planned_at, Some(at(5)), "without a time: now");
    assert_eq!(bench.claim_one(5).await?.account, Some(account.id));
    Ok(())
}

pub(super) async fn an_edit_after_a_claim_is_refused(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let group = bench
        .grouped(&ann, &[(Platform::X, "1"), (Platform::X, "2")], Some(60))
        .await?;
    let before = bench.read(&ann, group.id).await?;
    let mut ask = bench.ask(60);
    ask.limit = 1;
    let claim = bench.claim_due(ask).await?.claims.pop().ok_or(Error::LeaseLost)?;
    let refused = bench
        .edit_plan(
            &ann,
            group.id,
            edit(Some(true), None, 61),
            entry(LogKind::StatusChanged, 61),
        )
        .await;
    assert!(
        matches!(refused, Err(Error::Conflict(Conflict::NotEditable(mask))) if mask.has(StateBit::Pending)),
        "{refused:?}"
    );
    let after = bench.read(&ann, group.id).await?;
    assert_eq!(
        (after.draft, after.planned_at, after.mask),
        (before.draft, before.planned_at, before.mask)
    );
    assert_eq!(
        after.posts.last(),
        before.posts.last(),
        "the other post did not move either"
    );
    bench.release(claim, release(published("r", 62), 62)).await?;
    let mixed = bench.read(&ann, group.id).await?.mask;
    assert_eq!(
        mixed,
        StateMask::EMPTY.with(StateBit::Pending).with(StateBit::Published)
    );
    Ok(())
}

pub(super) async fn a_deleted_group_is_hidden_and_its_posts_are_cancelled(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let group = bench
        .grouped(&ann, &[(Platform::X, "1"), (Platform::X, "2")], Some(0))
        .await?;
    let mut ask = bench.ask(1);
    ask.limit = 1;
    let claim = bench.claim_due(ask).await?.claims.pop().ok_or(Error::LeaseLost)?;
    bench
        .delete_group(&ann, group.id, at(2), entry(LogKind::Deleted, 2))
        .await?;
    assert_eq!(bench.group(&ann, group.id).await?, None);
    assert!(matches!(
        bench.group_log(&ann, group.id, 10).await,
        Err(Error::NotFound)
    ));
    let again = bench
        .delete_group(&ann, group.id, at(3), entry(LogKind::Deleted, 3))
        .await;
    assert!(matches!(again, Err(Error::NotFound)));
    assert!(
        matches!(bench.work(&claim).await, Err(Error::LeaseLost)),
        "a claim without an intent ends"
    );
    assert_eq!((bench.next_wake().await?, bench.claim(10).await?), (None, vec![]));
    let newest = bench.recent_log(&ann, 1).await?;
    assert_eq!(newest.first().map(|record| record.entry.kind), Some(LogKind::Deleted));
    Ok(())
}

pub(super) async fn a_deleted_groups_open_intent_runs_to_its_verdict(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    for remote in [Some("r"), None] {
        let group = bench.grouped(&ann, &[(Platform::Mastodon, "1")], Some(0)).await?;
        let armed = bench.armed(bench.claim_one(1).await?, 1).await?;
        bench
            .delete_group(&ann, group.id, at(2), entry(LogKind::Deleted, 2))
            .await?;
        let (settled, event) = match remote {
            Some(remote) => (
                settlement(IntentState::Published, Some(remote), 3),
                published(remote, 3),
            ),
            None => (
                settlement(IntentState::NotPublished, None, 3),
                Event::RetryAt {
                    at: at(4),
                    error: error(3),
                },
            ),
        };
        let state = bench.settle(armed, settled, Some(release(event, 3))).await?;
        match (remote, state) {
            (Some(_), Settled::Released(PostState::Published { .. })) => {}
            (None, Settled::Released(PostState::Cancelled { at: when })) => assert_eq!(when, at(3)),
            (_, other) => return Err(format!("{other:?}").into()),
        }
        assert_eq!(bench.next_wake().await?, None, "nothing is sent for a deleted group");
    }
    Ok(())
}

pub(super) async fn a_failed_post_is_retried_by_hand_with_its_retries_counted_anew(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let group = bench
        .grouped(&ann, &[(Platform::X, "1"), (Platform::Bluesky, "2")], Some(0))
        .await?;
    for claim in bench.claim(1).await? {
        let mut end = release(
            Event::RetryAt {
                at: at(5),
                error: error(1),
            },
            1,
        );
        end.counts_as_attempt = true;
        bench.release(claim, end).await?;
    }
    for claim in bench.claim(5).await? {
        let event = if claim.platform == Platform::X {
            failed(6)
        } else {
            Event::Missed { at: at(6) }
        };
        bench.release(claim, release(event, 6)).await?;
    }
    let account = bench.connected(&ann, Platform::X, "1").await?;
    for post in bench.read(&ann, group.id).await?.posts {
        assert_eq!((post.attempts, post.retries), (1, 1));
        let after = bench
            .retry_post(&ann, post.id, at(10), entry(LogKind::Scheduled, 7))
            .await?;
        let now = after
            .posts
            .into_iter()
            .find(|other| other.id == post.id)
            .ok_or(Error::NotFound)?;
        assert_eq!(
            (now.state, now.attempts, now.retries),
            (PostState::Scheduled { due: at(10) }, 1, 0)
        );
        assert_eq!(now.account, (post.platform == Platform::X).then_some(account.id));
        assert_eq!(after.updated_at, at(7));
    }
    assert_eq!(
        bench.read(&ann, group.id).await?.mask,
        StateMask::EMPTY.with(StateBit::Pending)
    );
    assert_eq!(bench.claim(10).await?.len(), 2);
    Ok(())
}

pub(super) async fn only_failed_and_missed_posts_are_retried_by_hand(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    let (unconfirmed, _) = bench.unconfirmed(&ann, "1").await?;
    let scheduled = bench.grouped(&ann, &[(Platform::X, "1")], Some(500)).await?;
    for group in [unconfirmed, scheduled] {
        let post = group.posts.first().ok_or(Error::NotFound)?.id;
        let refused = bench
            .retry_post(&ann, post, at(10), entry(LogKind::Scheduled, 10))
            .await;
        assert!(
            matches!(refused, Err(Error::Conflict(Conflict::IllegalTransition(_)))),
            "{refused:?}"
        );
        assert_eq!(bench.read(&ann, group.id).await?, group);
        let word = Resolution::SendAgain { at: at(10) };
        let resolved = bench.resolve_post(&ann, post, word, entry(LogKind::Resolved, 10)).await;
        assert_eq!(resolved.is_ok(), group.mask.has(StateBit::Unconfirmed));
    }
    Ok(())
}

pub(super) async fn a_person_may_say_that_an_unconfirmed_post_is_live(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::Mastodon, "1").await?;
    let (group, _) = bench.unconfirmed(&ann, "1").await?;
    let post = group.posts.first().ok_or(Error::NotFound)?.id;
    let remote = RemotePost::visible("r1", Some("https://social.example/r1".to_owned()));
    let word = Resolution::Published {
        remote: remote.clone(),
        at: at(200),
    };
    let now = bench
        .resolve_post(&ann, post, word, entry(LogKind::Resolved, 200))
        .await?;
    assert_eq!(now.mask, StateMask::EMPTY.with(StateBit::Published));
    let state = now.posts.into_iter().next().map(|post| post.state);
    assert_eq!(
        state,
        Some(PostState::Published {
            at: at(200),
            remote,
            next_look: None
        })
    );
    let owner = bench.remote_owner(account.id, "r1").await?;
    assert_eq!(owner, Some((post, Part::Head)), "nobody else can adopt it");
    let (other, _) = bench.unconfirmed(&ann, "1").await?;
    let other = other.posts.first().ok_or(Error::NotFound)?.id;
    let word = Resolution::Published {
        remote: RemotePost::visible("r1", None),
        at: at(300),
    };
    let refused = bench
        .resolve_post(&ann, other, word, entry(LogKind::Resolved, 300))
        .await;
    assert!(
        matches!(refused, Err(Error::Conflict(Conflict::RemoteTaken))),
        "{refused:?}"
    );
    Ok(())
}

pub(super) async fn a_thread_goes_on_behind_the_part_that_a_person_has_seen(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    let (group, armed) = bench.thread_armed(&ann, 3).await?;
    let claim = bench.head_settled(armed, 2).await?;
    let reply = bench.intent(Part::Reply(1), 2, DedupeMeans::ClientMintedId, 3);
    let armed = bench.recorded(claim, reply).await?;
    let open = settlement(IntentState::Open, None, 4);
    bench.settle(armed, open, Some(release(unknown(4), 4))).await?;
    bench
        .release(bench.claim_one(100).await?, release(gave_up(100), 100))
        .await?;
    let post = bench.first(&ann, group).await?.id;
    let word = |remote: &str, seconds| Resolution::Published {
        remote: RemotePost::visible(remote, None),
        at: at(seconds),
    };
    let log = entry(LogKind::Resolved, 200);
    let now = bench.resolve_post(&ann, post, word("r2", 200), log).await?;
    assert_eq!(
        now.mask,
        StateMask::EMPTY.with(StateBit::Pending),
        "one reply is missing"
    );
    let claim = bench.claim_one(200).await?;
    let live = bench.work(&claim).await?.live;
    let named: Vec<_> = live.iter().map(|(part, remote)| (*part, remote.id.as_str())).collect();
    assert_eq!(named, [(Part::Head, "r1"), (Part::Reply(1), "r2")]);
    let last = bench.intent(Part::Reply(2), 3, DedupeMeans::ClientMintedId, 201);
    let armed = bench.recorded(claim, last).await?;
    let open = settlement(IntentState::Open, None, 202);
    bench.settle(armed, open, Some(release(unknown(202), 202))).await?;
    bench
        .release(bench.claim_one(300).await?, release(gave_up(300), 300))
        .await?;
    let log = entry(LogKind::Resolved, 400);
    let now = bench.resolve_post(&ann, post, word("r3", 400), log).await?;
    let state = now.posts.into_iter().next().map(|post| post.state);
    assert!(
        matches!(&state, Some(PostState::Published { remote, .. }) if remote.id == "r1"),
        "the head is what was published: {state:?}"
    );
    Ok(())
}

pub(super) async fn a_person_may_have_an_unconfirmed_post_sent_again(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    let (group, intent) = bench.unconfirmed(&ann, "1").await?;
    let post = group.posts.first().ok_or(Error::NotFound)?.id;
    let now = bench
        .resolve_post(
            &ann,
            post,
            Resolution::SendAgain { at: at(200) },
            entry(LogKind::Resolved, 200),
        )
        .await?;
    assert_eq!(now.mask, StateMask::EMPTY.with(StateBit::Pending));
    let claim = bench.claim_one(200).await?;
    let known: Vec<_> = bench
        .work(&claim)
        .await?
        .intents
        .into_iter()
        .map(|old| (old.id, old.state))
        .collect();
    assert_eq!(known, [(intent, IntentState::Abandoned)]);
    let armed = bench.armed(claim, 201).await?;
    let end = release(published("r2", 202), 202);
    bench
        .settle(armed, settlement(IntentState::Published, Some("r2"), 202), Some(end))
        .await?;
    assert_eq!(bench.first(&ann, group.id).await?.attempts, 2);
    Ok(())
}
