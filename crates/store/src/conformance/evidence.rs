//! Late answers, and posts whose worker is gone.

use domain::content::PartContent;
use domain::ids::IntentId;
use domain::intent::{Armed, IntentState};
use domain::log::LogKind;
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::post::{Event, PostState};

use super::bench::{at, error, failed, published, release, remote, settlement, unknown};
use super::{Bench, Outcome};
use crate::{Error, Evidence, Group, Orphans, Reach, Release, Settled};

fn live(remote: &str, seconds: i64) -> crate::Settlement {
    settlement(IntentState::Published, Some(remote), seconds)
}

/// A post that was armed at second 1 by a sender that lost its lease at second 700.
async fn fenced(bench: &Bench, reach: &Reach) -> crate::Result<(Group, Armed)> {
    let group = bench.grouped(reach, &[(Platform::Mastodon, "1")], Some(0)).await?;
    let armed = bench.armed(bench.claim_one(1).await?, 1).await?;
    assert_eq!(bench.recover_orphans(Orphans::Expired, at(700)).await?, 1);
    Ok((group, armed))
}

pub(super) async fn a_late_answer_of_a_fenced_sender_is_kept(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    let (group, armed) = fenced(&bench, &ann).await?;
    let asking = bench.claim_one(700).await?;
    let end = Some(release(published("r", 701), 701));
    let settled = bench.settle(armed, live("r", 701), end).await?;
    assert!(
        matches!(settled, Settled::Fenced(Evidence { duplicate: false })),
        "{settled:?}"
    );
    let now = bench.first(&ann, group.id).await?;
    let remote = RemotePost::visible("r", None);
    assert_eq!(
        now.state,
        PostState::Published {
            at: at(701),
            remote,
            next_look: None
        }
    );
    assert_eq!(bench.read(&ann, group.id).await?.updated_at, at(701));
    let absent = bench
        .release(asking, release(Event::MaySend { at: at(702) }, 702))
        .await;
    assert!(
        matches!(absent, Err(Error::LeaseLost)),
        "who asked meanwhile comes too late"
    );
    let kinds: Vec<_> = bench
        .group_log(&ann, group.id, 9)
        .await?
        .into_iter()
        .map(|record| record.entry.kind)
        .collect();
    assert!(
        kinds.ends_with(&[LogKind::OutcomeUnknown, LogKind::OutcomeEstablished]),
        "{kinds:?}"
    );
    Ok(())
}

pub(super) async fn a_posts_own_id_takes_the_place_of_its_stand_in(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Instagram, "1").await?;
    let group = bench.grouped(&ann, &[(Platform::Instagram, "1")], Some(0)).await?;
    let armed = bench.armed(bench.claim_one(1).await?, 1).await?;
    let intent = armed.intent();
    let looked_at = |remote: RemotePost| Event::Published {
        at: at(2),
        remote,
        next_look: Some(at(20)),
    };
    let stand_in = remote("stand-in 1");
    let end = release(looked_at(stand_in.clone()), 2);
    bench.settle(armed, live("stand-in 1", 2), Some(end)).await?;
    assert!(bench.claim(19).await?.is_empty());
    let learned_nothing = Event::Looked {
        next_look: Some(at(30)),
        remote: None,
    };
    let look = bench.claim_one(20).await?;
    bench.release(look, release(learned_nothing, 20)).await?;
    assert_eq!(bench.read(&ann, group.id).await?.updated_at, at(2));
    assert!(bench.claim(29).await?.is_empty());
    let look = bench.claim_one(30).await?;
    assert_eq!(bench.work(&look).await?.live, [(Part::Head, stand_in.clone())]);
    let learned = Release {
        intents: vec![(intent, live("r1", 30))],
        ..release(
            Event::Looked {
                next_look: None,
                remote: Some(remote("r1")),
            },
            30,
        )
    };
    let state = bench.release(look, learned).await?;
    let expected = PostState::Published {
        at: at(2),
        remote: remote("r1"),
        next_look: None,
    };
    assert_eq!(state, expected);
    let account = bench.first(&ann, group.id).await?.account.ok_or("no account")?;
    assert_eq!(bench.remote_owner(account, "stand-in 1").await?, None);
    let told = bench.evidence(intent, stand_in, at(31)).await?;
    assert_eq!(
        told,
        Evidence { duplicate: false },
        "it stands for the one that is known"
    );
    assert_eq!(bench.remote_owner(account, "stand-in 1").await?, None);
    let told = bench.evidence(intent, remote("r2"), at(32)).await?;
    assert_eq!(told, Evidence { duplicate: true });
    assert_eq!(bench.first(&ann, group.id).await?.state, expected);
    Ok(())
}

pub(super) async fn an_intent_was_settled_when_it_first_was(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    bench.grouped(&ann, &[(Platform::Mastodon, "1")], Some(0)).await?;
    let armed = bench.armed(bench.claim_one(1).await?, 1).await?;
    let intent = armed.intent();
    bench
        .settle(
            armed,
            settlement(IntentState::Open, None, 2),
            Some(release(unknown(2), 2)),
        )
        .await?;
    for seconds in [100, 200] {
        let claim = bench.claim_one(seconds).await?;
        let absent = Release {
            intents: vec![(intent, settlement(IntentState::Absent, None, seconds))],
            ..release(
                Event::StillUnknown {
                    next_check: at(seconds + 60),
                    absent: true,
                },
                seconds,
            )
        };
        bench.release(claim, absent).await?;
    }
    let intents = bench.work(&bench.claim_one(300).await?).await?.intents;
    assert_eq!(intents.first().and_then(|intent| intent.settled_at), Some(at(100)));
    Ok(())
}

pub(super) async fn a_late_refusal_closes_the_intent_and_no_more(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    let (group, armed) = fenced(&bench, &ann).await?;
    let before = bench.first(&ann, group.id).await?.state;
    let refused = settlement(IntentState::NotPublished, None, 701);
    let settled = bench.settle(armed, refused, Some(release(failed(701), 701))).await?;
    assert!(matches!(settled, Settled::Fenced(Evidence { duplicate: false })));
    assert_eq!(bench.first(&ann, group.id).await?.state, before);
    let work = bench.work(&bench.claim_one(800).await?).await?;
    assert_eq!(
        work.intents.first().map(|intent| intent.state),
        Some(IntentState::NotPublished)
    );
    Ok(())
}

pub(super) async fn evidence_completes_a_post_only_when_all_its_parts_are_live(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    let mut new = bench.new_group(&ann, &[(Platform::Mastodon, "1")], Some(0));
    new.content.replies.push(PartContent {
        text: "more".to_owned(),
        media: Vec::new(),
    });
    let group = bench.made(&ann, new).await?;
    let armed = bench.armed(bench.claim_one(1).await?, 1).await?;
    let head = armed.intent();
    bench
        .settle(
            armed,
            settlement(IntentState::Open, None, 2),
            Some(release(unknown(2), 2)),
        )
        .await?;
    assert_eq!(
        bench.evidence(head, remote("r1"), at(3)).await?,
        Evidence { duplicate: false }
    );
    assert!(
        matches!(bench.first(&ann, group.id).await?.state, PostState::Reconciling { .. }),
        "the reply is missing"
    );
    let claim = bench.claim_one(100).await?;
    assert_eq!(bench.work(&claim).await?.live, [(Part::Head, remote("r1"))]);
    bench
        .release(claim, release(Event::MaySend { at: at(100) }, 100))
        .await?;
    let means = domain::intent::DedupeMeans::ClientMintedId;
    let armed = bench
        .recorded(bench.claim_one(100).await?, bench.intent(Part::Reply(1), 2, means, 101))
        .await?;
    let reply = armed.intent();
    bench
        .settle(
            armed,
            settlement(IntentState::Open, None, 102),
            Some(release(unknown(102), 102)),
        )
        .await?;
    bench.evidence(reply, remote("r2"), at(103)).await?;
    let state = bench.first(&ann, group.id).await?.state;
    assert_eq!(
        state,
        PostState::Published {
            at: at(103),
            remote: remote("r1"),
            next_look: None
        }
    );
    let nobody = bench
        .evidence(IntentId::from_bytes([9; 12]), remote("r3"), at(104))
        .await;
    assert!(matches!(nobody, Err(Error::NotFound)));
    Ok(())
}

pub(super) async fn a_second_adopted_send_is_a_duplicate(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::Mastodon, "1").await?;
    let (group, late) = fenced(&bench, &ann).await?;
    let first = late.intent();
    let mut end = release(Event::MaySend { at: at(701) }, 701);
    end.intents = vec![(first, settlement(IntentState::Absent, None, 701))];
    bench.release(bench.claim_one(700).await?, end).await?;
    let armed = bench.armed(bench.claim_one(701).await?, 702).await?;
    bench
        .settle(armed, live("second", 703), Some(release(published("second", 703), 703)))
        .await?;
    let settled = bench.settle(late, live("first", 704), None).await?;
    assert!(
        matches!(settled, Settled::Fenced(Evidence { duplicate: true })),
        "{settled:?}"
    );
    let now = bench.first(&ann, group.id).await?;
    assert!(
        matches!(now.state, PostState::Published { remote, .. } if remote.id == "second"),
        "what was adopted stays"
    );
    let last = bench
        .group_log(&ann, group.id, 20)
        .await?
        .into_iter()
        .last()
        .ok_or(Error::NotFound)?;
    assert_eq!(
        (last.entry.kind, last.entry.post),
        (LogKind::DuplicateDetected, Some(now.id))
    );
    assert_eq!(
        bench.remote_owner(account.id, "first").await?,
        Some((now.id, Part::Head)),
        "and nobody adopts the other"
    );
    let again = bench
        .evidence(first, RemotePost::visible("first", None), at(705))
        .await?;
    assert!(again.duplicate);
    Ok(())
}

pub(super) async fn orphans_without_an_intent_go_back_on_schedule(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let group = bench.grouped(&ann, &[(Platform::X, "1")], Some(0)).await?;
    bench.claim_one(1).await?;
    assert_eq!(bench.recover_orphans(Orphans::All, at(2)).await?, 1);
    let now = bench.first(&ann, group.id).await?;
    assert_eq!(
        now.state,
        PostState::Waiting {
            due: at(0),
            at: at(0),
            error: None
        },
        "ready since then, however long nobody was there"
    );
    assert_eq!((now.attempts, now.retries), (0, 0));
    assert_eq!(bench.recover_orphans(Orphans::All, at(3)).await?, 0);
    assert_eq!(bench.claim_one(3).await?.due, at(0));
    Ok(())
}

pub(super) async fn orphans_with_an_open_intent_are_asked_for(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    let group = bench.grouped(&ann, &[(Platform::Mastodon, "1")], Some(0)).await?;
    let armed = bench.armed(bench.claim_one(1).await?, 1).await?;
    assert_eq!(bench.recover_orphans(Orphans::All, at(2)).await?, 1);
    let state = bench.first(&ann, group.id).await?.state;
    let PostState::Reconciling {
        due,
        since,
        next_check,
        asked,
        give_up_at,
    } = state
    else {
        return Err(format!("{state:?}").into());
    };
    assert_eq!((due, since, next_check, asked), (at(0), at(2), at(2), 0));
    assert_eq!(give_up_at.duration_since(at(2)), crate::ORPHAN_GIVE_UP);
    let claim = bench.claim_one(2).await?;
    let known = bench.work(&claim).await?.intents;
    assert_eq!(known.first().map(|intent| intent.id), Some(armed.intent()));
    let last = bench
        .group_log(&ann, group.id, 9)
        .await?
        .into_iter()
        .last()
        .map(|record| record.entry.kind);
    assert_eq!(last, Some(LogKind::OutcomeUnknown));
    Ok(())
}

pub(super) async fn orphans_that_only_asked_stay_as_they_are(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    let (group, _) = fenced(&bench, &ann).await?;
    let before = bench.read(&ann, group.id).await?;
    bench.claim_one(700).await?;
    assert_eq!(bench.claim(701).await?, []);
    assert_eq!(bench.recover_orphans(Orphans::All, at(702)).await?, 1);
    assert_eq!(bench.read(&ann, group.id).await?, before);
    bench.claim_one(702).await?;
    Ok(())
}

pub(super) async fn only_ended_leases_are_recovered_while_others_work(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.grouped(&ann, &[(Platform::X, "1")], Some(0)).await?;
    let early = bench.claim_one(1).await?;
    bench.grouped(&ann, &[(Platform::X, "2")], Some(0)).await?;
    let late = bench.claim_one(100).await?;
    assert_eq!(bench.recover_orphans(Orphans::Expired, at(600)).await?, 0);
    assert_eq!(bench.recover_orphans(Orphans::Expired, at(601)).await?, 1);
    assert!(matches!(bench.work(&early).await, Err(Error::LeaseLost)));
    bench.work(&late).await?;
    let end = release(
        Event::RetryAt {
            at: at(650),
            error: error(602),
        },
        602,
    );
    bench.release(late, end).await?;
    Ok(())
}
