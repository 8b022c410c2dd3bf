//! Intents: what is recorded before a send, and what became of it.

use domain::clock::BootInstant;
use domain::content::PartContent;
use domain::group::{StateBit, StateMask};
use domain::intent::{DedupeMeans, IntentState};
use domain::log::LogKind;
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::post::{Event, PostState};
use jiff::SignedDuration;

use super::bench::{at, entry, error, gave_up, published, release, settlement, unknown};
use super::{Bench, Outcome};
use crate::{Conflict, Error, Settled};

const KEYED: DedupeMeans = DedupeMeans::ClientKey {
    valid_for: SignedDuration::from_hours(1),
};

pub(super) async fn an_intent_holds_all_that_will_be_sent(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    let group = bench
        .grouped(&ann, &[(Platform::Mastodon, "1"), (Platform::X, "2")], Some(0))
        .await?;
    let mut ask = bench.ask(1);
    ask.limit = 1;
    let claim = bench.claim_due(ask).await?.claims.pop().ok_or(Error::LeaseLost)?;
    let intent = bench.intent(Part::Head, 1, KEYED, 2);
    let armed = bench.recorded(claim, intent.clone()).await?;
    assert_eq!(
        (armed.intent(), armed.part(), armed.send_by()),
        (intent.id, Part::Head, BootInstant(1))
    );
    assert_eq!(armed.prepared(), &intent.prepared);
    let now = bench.read(&ann, group.id).await?;
    assert_eq!(
        now.mask,
        StateMask::EMPTY.with(StateBit::InFlight).with(StateBit::Pending)
    );
    assert_eq!(
        (now.updated_at, bench.next_wake().await?),
        (at(2), Some(at(0))),
        "the other post is still due"
    );
    let work = bench.work(armed.claim()).await?;
    let [record] = &*work.intents else {
        return Err("one intent".into());
    };
    assert_eq!(
        (record.id, record.part, record.state),
        (intent.id, Part::Head, IntentState::Open)
    );
    assert_eq!((record.recorded_at, record.send_by), (intent.at, intent.send_by));
    assert_eq!(record.prepared, intent.prepared);
    let kinds: Vec<_> = bench
        .group_log(&ann, group.id, 9)
        .await?
        .into_iter()
        .map(|record| record.entry.kind)
        .collect();
    assert_eq!(kinds, [LogKind::Scheduled, LogKind::PublishAttempted]);
    Ok(())
}

pub(super) async fn an_intent_is_refused_once_the_claim_has_ended(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    let group = bench.grouped(&ann, &[(Platform::Mastodon, "1")], Some(0)).await?;
    let claim = bench.claim_one(1).await?;
    bench.recover_orphans(crate::Orphans::Expired, at(700)).await?;
    let refused = bench
        .record_intent(claim, bench.intent(Part::Head, 1, KEYED, 701), BootInstant(1))
        .await;
    assert!(matches!(refused, Err((None, Error::LeaseLost))), "{refused:?}");
    assert!(matches!(
        bench.first(&ann, group.id).await?.state,
        PostState::Waiting { .. }
    ));
    let work = bench.work(&bench.claim_one(702).await?).await?;
    assert_eq!(work.intents, []);
    Ok(())
}

pub(super) async fn an_intent_is_refused_for_a_deleted_group_and_a_removed_account(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    for deletes in [true, false] {
        let account = bench.connected(&ann, Platform::Mastodon, "1").await?;
        let mut new = bench.new_group(&ann, &[(Platform::Mastodon, "1")], Some(0));
        new.content.replies.push(PartContent {
            text: "more".to_owned(),
            media: Vec::new(),
        });
        let group = bench.made(&ann, new).await?;
        let armed = bench.armed(bench.claim_one(1).await?, 1).await?;
        let remote = if deletes { "r1" } else { "r2" };
        let settled = bench
            .settle(armed, settlement(IntentState::Published, Some(remote), 2), None)
            .await?;
        let Settled::Continues(claim) = settled else {
            return Err("the claim goes on".into());
        };
        if deletes {
            bench
                .delete_group(&ann, group.id, at(3), entry(LogKind::Deleted, 3))
                .await?;
        } else {
            bench
                .remove_account(&ann, account.id, at(3), entry(LogKind::Disconnected, 3))
                .await?;
        }
        let refused = bench
            .record_intent(claim, bench.intent(Part::Reply(1), 2, KEYED, 4), BootInstant(1))
            .await;
        let Err((Some(claim), Error::LeaseLost)) = refused else {
            return Err(format!("{refused:?}").into());
        };
        let state = bench.release(claim, release(Event::Returned { at: at(5) }, 5)).await?;
        if deletes {
            assert_eq!(state, PostState::Cancelled { at: at(5) });
        } else {
            assert!(
                matches!(&state, PostState::Failed { parts, .. } if parts.live == 1),
                "what is live is shown: {state:?}"
            );
        }
    }
    Ok(())
}

pub(super) async fn an_intent_waits_for_earlier_ones_of_its_part(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    bench.grouped(&ann, &[(Platform::Mastodon, "1")], Some(0)).await?;
    let armed = bench.armed(bench.claim_one(1).await?, 1).await?;
    let first = armed.intent();
    bench
        .settle(
            armed,
            settlement(IntentState::Open, None, 2),
            Some(release(unknown(2), 2)),
        )
        .await?;
    let claim = bench.claim_one(100).await?;
    bench
        .release(claim, release(Event::MaySend { at: at(100) }, 100))
        .await?;
    let claim = bench.claim_one(100).await?;
    let refused = bench
        .record_intent(claim, bench.intent(Part::Head, 1, KEYED, 101), BootInstant(1))
        .await;
    let Err((Some(claim), Error::Conflict(Conflict::EarlierIntentOpen))) = refused else {
        return Err(format!("{refused:?}").into());
    };
    let mut end = release(Event::Returned { at: at(102) }, 102);
    end.intents = vec![(first, settlement(IntentState::Absent, None, 102))];
    bench.release(claim, end).await?;
    let armed = bench.armed(bench.claim_one(102).await?, 103).await?;
    assert_eq!(bench.work(armed.claim()).await?.intents.len(), 2);
    Ok(())
}

pub(super) async fn look_alikes_of_one_account_go_out_one_by_one(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    for target in ["1", "2"] {
        bench.connected(&ann, Platform::Mastodon, target).await?;
    }
    for target in ["1", "1", "1", "2"] {
        bench.grouped(&ann, &[(Platform::Mastodon, target)], Some(0)).await?;
    }
    let [first, second, third, other] = <[_; 4]>::try_from(bench.claim(1).await?).map_err(|_| "four claims")?;
    let alike = || bench.intent(Part::Head, 1, DedupeMeans::None, 2);
    let first = bench.recorded(first, alike()).await?;
    let busy = Conflict::FingerprintBusy {
        post: first.claim().post,
        is_unconfirmed: false,
    };
    let refused = bench.record_intent(second, alike(), BootInstant(1)).await;
    let second = match refused {
        Err((Some(second), Error::Conflict(conflict))) if conflict == busy => second,
        refused => return Err(format!("{refused:?}").into()),
    };
    bench.recorded(other, alike()).await?;
    bench.recorded(third, bench.intent(Part::Head, 1, KEYED, 2)).await?;
    let end = release(published("r", 3), 3);
    bench
        .settle(first, settlement(IntentState::Published, Some("r"), 3), Some(end))
        .await?;
    let second = bench.recorded(second, alike()).await?;
    let unconfirmed = second.claim().post;
    let end = Some(release(gave_up(4), 4));
    bench
        .settle(second, settlement(IntentState::Open, None, 4), end)
        .await?;
    bench.grouped(&ann, &[(Platform::Mastodon, "1")], Some(0)).await?;
    let refused = bench
        .record_intent(bench.claim_one(5).await?, alike(), BootInstant(1))
        .await;
    let busy = Conflict::FingerprintBusy {
        post: unconfirmed,
        is_unconfirmed: true,
    };
    assert!(
        matches!(&refused, Err((Some(_), Error::Conflict(conflict))) if *conflict == busy),
        "{refused:?}"
    );
    Ok(())
}

pub(super) async fn parts_are_settled_one_after_the_other(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::Mastodon, "1").await?;
    let mut new = bench.new_group(&ann, &[(Platform::Mastodon, "1")], Some(0));
    new.content.replies.push(PartContent {
        text: "more".to_owned(),
        media: Vec::new(),
    });
    let group = bench.made(&ann, new).await?;
    let armed = bench.armed(bench.claim_one(1).await?, 1).await?;
    let post = armed.claim().post;
    let settled = bench
        .settle(armed, settlement(IntentState::Published, Some("r1"), 2), None)
        .await?;
    let Settled::Continues(claim) = settled else {
        return Err("the claim goes on".into());
    };
    assert_eq!(
        bench.work(&claim).await?.live,
        [(Part::Head, RemotePost::visible("r1", None))]
    );
    assert!(matches!(
        bench.first(&ann, group.id).await?.state,
        PostState::Publishing { armed: true, .. }
    ));
    let again = bench
        .record_intent(claim, bench.intent(Part::Head, 1, KEYED, 3), BootInstant(1))
        .await;
    let Err((Some(claim), Error::Conflict(Conflict::EarlierIntentOpen))) = again else {
        return Err("a live part is never sent again".into());
    };
    let armed = bench.recorded(claim, bench.intent(Part::Reply(1), 2, KEYED, 3)).await?;
    let mut end = release(published("r1", 4), 4);
    end.log = vec![entry(LogKind::PublishSucceeded, 4)];
    let settled = bench
        .settle(armed, settlement(IntentState::Published, Some("r2"), 4), Some(end))
        .await?;
    let Settled::Released(PostState::Published { remote, .. }) = settled else {
        return Err("it is live".into());
    };
    assert_eq!(remote.id, "r1");
    assert_eq!(
        bench.remote_owner(account.id, "r2").await?,
        Some((post, Part::Reply(1)))
    );
    let now = bench.read(&ann, group.id).await?;
    assert_eq!(
        (now.mask, now.updated_at),
        (StateMask::EMPTY.with(StateBit::Published), at(4))
    );
    assert_eq!(
        now.posts.first().map(|post| post.attempts),
        Some(1),
        "one attempt for all parts"
    );
    Ok(())
}

pub(super) async fn a_refused_send_is_tried_again_under_a_new_intent(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    bench.grouped(&ann, &[(Platform::Mastodon, "1")], Some(0)).await?;
    let armed = bench.armed(bench.claim_one(1).await?, 1).await?;
    let end = release(
        Event::RetryAt {
            at: at(5),
            error: error(2),
        },
        2,
    );
    let settled = bench
        .settle(armed, settlement(IntentState::NotPublished, None, 2), Some(end))
        .await?;
    assert!(matches!(settled, Settled::Released(PostState::Waiting { .. })));
    let armed = bench.armed(bench.claim_one(5).await?, 6).await?;
    let states: Vec<_> = bench
        .work(armed.claim())
        .await?
        .intents
        .into_iter()
        .map(|intent| intent.state)
        .collect();
    assert_eq!(states, [IntentState::NotPublished, IntentState::Open], "oldest first");
    Ok(())
}

pub(super) async fn a_remote_post_belongs_to_one_part_of_one_post(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::Mastodon, "1").await?;
    bench.connected(&ann, Platform::Mastodon, "2").await?;
    for target in ["1", "1", "2"] {
        bench.grouped(&ann, &[(Platform::Mastodon, target)], Some(0)).await?;
    }
    let [first, second, other] = <[_; 3]>::try_from(bench.claim(1).await?).map_err(|_| "three claims")?;
    let (owner, group) = (first.post, second.group);
    let (first, other) = (bench.armed(first, 1).await?, bench.armed(other, 1).await?);
    let second = bench.armed(second, 1).await?;
    let intent = second.intent();
    let live = || settlement(IntentState::Published, Some("r"), 2);
    let end = || Some(release(published("r", 2), 2));
    bench.settle(first, live(), end()).await?;
    bench.settle(other, live(), end()).await?;
    bench
        .settle(
            second,
            settlement(IntentState::Open, None, 2),
            Some(release(unknown(2), 2)),
        )
        .await?;
    let claim = bench.claim_one(100).await?;
    let mut adopt = release(published("r", 100), 100);
    adopt.intents = vec![(intent, live())];
    let refused = bench.release(claim, adopt).await;
    assert!(
        matches!(refused, Err(Error::Conflict(Conflict::RemoteTaken))),
        "{refused:?}"
    );
    assert!(
        matches!(bench.first(&ann, group).await?.state, PostState::Reconciling { .. }),
        "nothing was adopted"
    );
    assert_eq!(bench.remote_owner(account.id, "r").await?, Some((owner, Part::Head)));
    assert_eq!(bench.remote_owner(account.id, "none").await?, None);
    Ok(())
}
