//! Claims: who gets what, and how they end.

use domain::group::StateMask;
use domain::intent::{Claim, DedupeMeans, IntentState, Job, Lane};
use domain::part::Part;
use domain::platform::Platform;
use domain::post::{Event, Phase, PostState};
use domain::secret::SecretBytes;
use jiff::SignedDuration;

use super::bench::{at, error, failed, gave_up, published, release, settlement, unknown};
use super::{Bench, Outcome};
use crate::{AccountNote, Conflict, Error, Resume};

pub(super) async fn due_posts_are_claimed_once_oldest_first(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    for due in [30, 10, 20, 99] {
        bench.grouped(&ann, &[(Platform::X, "1")], Some(due)).await?;
    }
    assert_eq!(bench.next_wake().await?, Some(at(10)));
    assert_eq!(bench.claim(9).await?, []);
    let mut ask = bench.ask(30);
    ask.limit = 2;
    let names = ask.attempts.clone();
    let first = bench.claim_due(ask).await?;
    assert!(!first.orphans && !first.passed_over);
    let dues: Vec<_> = first.claims.iter().map(|claim| claim.due).collect();
    assert_eq!(dues, [at(10), at(20)]);
    assert!(
        first
            .claims
            .iter()
            .zip(&names)
            .all(|(claim, name)| claim.attempt == *name)
    );
    let rest = bench.claim(30).await?;
    assert_eq!(rest.iter().map(|claim| claim.due).collect::<Vec<_>>(), [at(30)]);
    assert_eq!(bench.claim(30).await?, []);
    assert_eq!(bench.next_wake().await?, Some(at(99)));
    let late = bench.claim_due(bench.ask(700)).await?;
    assert!(late.orphans, "leases have ended");
    assert_eq!(late.claims.len(), 1);
    let mut few = bench.ask(700);
    few.attempts.clear();
    assert_eq!(bench.claim_due(few).await?.claims, [], "no more than there are names");
    Ok(())
}

pub(super) async fn two_publishers_never_hold_one_post(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    for _ in 0..6 {
        bench.grouped(&ann, &[(Platform::X, "1")], Some(0)).await?;
    }
    let (one, two) = tokio::join!(bench.claim(1), bench.claim(1));
    let mut posts: Vec<_> = one?.into_iter().chain(two?).map(|claim| claim.post).collect();
    assert_eq!(posts.len(), 6);
    posts.sort();
    posts.dedup();
    assert_eq!(posts.len(), 6);
    Ok(())
}

pub(super) async fn a_claim_says_what_there_is_to_do(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::X, "1").await?;
    let group = bench.grouped(&ann, &[(Platform::X, "1")], Some(5)).await?;
    let post = group.posts.first().ok_or(Error::NotFound)?.id;
    let claim = bench.claim_one(7).await?;
    assert_eq!(
        (claim.post, claim.group, claim.owner, claim.platform),
        (post, group.id, ann.owner, Platform::X)
    );
    assert_eq!(
        (claim.job, claim.attempt_no, claim.retries, claim.account),
        (Job::Publish, 1, 0, Some(account.id))
    );
    assert_eq!(
        (claim.due, claim.claimed_at, claim.lease_until),
        (at(5), at(7), at(607))
    );
    assert_eq!(claim.found, PostState::Scheduled { due: at(5) });
    let now = bench.first(&ann, group.id).await?;
    assert_eq!(
        now.state,
        PostState::Publishing {
            attempt: claim.attempt,
            due: at(5),
            armed: false
        }
    );
    assert_eq!(now.attempts, 0, "a claim is no attempt yet");
    assert_eq!(
        bench.read(&ann, group.id).await?.updated_at,
        at(0),
        "and nothing to see"
    );

    let parked = |phase| Event::Parked {
        phase,
        next_check: at(20),
        give_up_at: at(90),
    };
    bench.release(claim, release(parked(Phase::BeforeSend), 8)).await?;
    let claim = bench.claim_one(20).await?;
    assert_eq!((claim.job, claim.attempt_no), (Job::Resume, 1));
    assert!(matches!(
        bench.first(&ann, group.id).await?.state,
        PostState::Publishing { .. }
    ));
    bench.release(claim, release(parked(Phase::AfterSend), 21)).await?;
    let claim = bench.claim_one(20).await?;
    assert_eq!((claim.job, claim.attempt_no), (Job::Resume, 0), "it only asks");
    assert!(matches!(
        bench.first(&ann, group.id).await?.state,
        PostState::Processing {
            phase: Phase::AfterSend,
            ..
        }
    ));
    bench.release(claim, release(unknown(22), 22)).await?;
    assert_eq!(bench.next_wake().await?, Some(at(82)));
    let claim = bench.claim_one(82).await?;
    assert_eq!((claim.job, claim.attempt_no, claim.due), (Job::Reconcile, 0, at(5)));
    let mut lost = gave_up(83);
    if let Event::GaveUp { next_look, .. } = &mut lost {
        *next_look = Some(at(100));
    }
    bench.release(claim, release(lost, 83)).await?;
    let claim = bench.claim_one(100).await?;
    assert_eq!((claim.job, claim.attempt_no), (Job::Look, 0));
    bench
        .release(
            claim,
            release(
                Event::Looked {
                    next_look: None,
                    remote: None,
                },
                101,
            ),
        )
        .await?;
    assert_eq!(bench.next_wake().await?, None);
    Ok(())
}

pub(super) async fn an_account_without_a_slot_is_passed_over(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let mut accounts = Vec::new();
    for name in ["busy", "resting", "free"] {
        accounts.push(bench.connected(&ann, Platform::Mastodon, name).await?.id);
    }
    let [busy, resting, free] = *accounts else {
        return Err("three accounts".into());
    };
    let closed = bench.connected(&ann, Platform::Bluesky, "closed").await?.id;
    for target in ["busy", "resting", "free", "free", "free"] {
        bench.grouped(&ann, &[(Platform::Mastodon, target)], Some(0)).await?;
    }
    bench.grouped(&ann, &[(Platform::Bluesky, "closed")], Some(0)).await?;
    let ask = |seconds| {
        let mut ask = bench.ask(seconds);
        ask.slots.per_account_max = 2;
        ask.slots.busy.insert((busy, Lane::Sending), 2);
        ask.slots.resting.insert(resting, at(60));
        ask.slots.closed.insert(Platform::Bluesky, at(50));
        ask
    };
    let claimed = bench.claim_due(ask(1)).await?;
    assert!(claimed.passed_over);
    let accounts: Vec<_> = claimed.claims.iter().map(|claim| claim.account).collect();
    assert_eq!(accounts, [Some(free), Some(free)], "two at once, no more");
    let later = bench.claim_due(ask(50)).await?;
    let accounts: Vec<_> = later.claims.iter().map(|claim| claim.account).collect();
    assert_eq!(
        accounts,
        [Some(free), Some(closed)],
        "a platform opens again at its time"
    );
    let last = bench.claim(60).await?;
    assert_eq!(last.len(), 2, "room for everything by default");
    Ok(())
}

pub(super) async fn questions_and_sends_do_not_take_each_others_room(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::Mastodon, "1").await?.id;
    let ask = |seconds, lane| {
        let mut ask = bench.ask(seconds);
        ask.slots.per_account_max = 2;
        ask.slots.busy.insert((account, lane), 2);
        ask
    };
    for text in 0..3 {
        bench.grouped(&ann, &[(Platform::Mastodon, "1")], Some(0)).await?;
        let intent = bench.intent(Part::Head, text, DedupeMeans::ClientMintedId, 1);
        let armed = bench.recorded(bench.claim_one(1).await?, intent).await?;
        let open = settlement(IntentState::Open, None, 2);
        bench.settle(armed, open, Some(release(unknown(2), 2))).await?;
    }
    for _ in 0..3 {
        bench.grouped(&ann, &[(Platform::Mastodon, "1")], Some(100)).await?;
    }
    let jobs = |claims: &[Claim]| claims.iter().map(|claim| claim.job).collect::<Vec<_>>();
    let asked = bench.claim_due(ask(100, Lane::Sending)).await?;
    assert_eq!(
        jobs(&asked.claims),
        [Job::Reconcile; 2],
        "no send, and no third question"
    );
    assert!(asked.passed_over);
    let sent = bench.claim_due(ask(100, Lane::Asking)).await?;
    assert_eq!(jobs(&sent.claims), [Job::Publish; 2], "no question, and no third send");
    Ok(())
}

pub(super) async fn late_posts_go_out_one_an_account(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    bench.connected(&ann, Platform::Mastodon, "2").await?;
    for (target, due) in [("1", 0), ("1", 1), ("2", 2), ("1", 100), ("1", 101)] {
        bench.grouped(&ann, &[(Platform::Mastodon, target)], Some(due)).await?;
    }
    let mut ask = bench.ask(110);
    ask.slots.late_before = Some(at(100));
    let claimed = bench.claim_due(ask).await?;
    let dues: Vec<_> = claimed.claims.iter().map(|claim| claim.due).collect();
    assert_eq!(dues, [at(0), at(2), at(100), at(101)]);
    assert!(claimed.passed_over);
    Ok(())
}

pub(super) async fn a_crowd_that_is_passed_over_is_put_off(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::Mastodon, "1").await?.id;
    for _ in 0..120 {
        bench
            .create_group(bench.new_group(&ann, &[(Platform::Mastodon, "1")], Some(0)), None)
            .await?;
    }
    let mut ask = bench.ask(10);
    ask.slots.resting.insert(account, at(20));
    let claimed = bench.claim_due(ask).await?;
    assert!(claimed.claims.is_empty() && claimed.passed_over);
    assert_eq!(bench.next_wake().await?, Some(at(20)));
    assert_eq!(bench.claim(19).await?, []);
    let backlog = bench.backlog(at(15)).await?;
    assert_eq!(
        (backlog.due, backlog.oldest_due),
        (120, Some(at(0))),
        "put off is due all the same"
    );
    assert_eq!(bench.claim(21).await?.len(), 10);
    Ok(())
}

pub(super) async fn a_target_is_looked_up_again_at_the_claim(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let group = bench
        .grouped(&ann, &[(Platform::X, "1"), (Platform::X, "2")], Some(0))
        .await?;
    let account = bench.connected(&ann, Platform::X, "1").await?.id;
    let claims = bench.claim(1).await?;
    let accounts: Vec<_> = claims.iter().map(|claim| claim.account).collect();
    assert_eq!(accounts, [Some(account), None]);
    let posts = bench.read(&ann, group.id).await?.posts;
    assert_eq!(posts.iter().map(|post| post.account).collect::<Vec<_>>(), accounts);
    for (claim, target) in claims.iter().zip(["1", "2"]) {
        let work = bench.work(claim).await?;
        assert_eq!(
            (work.target.as_str(), work.account.map(|account| account.id)),
            (target, claim.account)
        );
        assert_eq!((work.content, work.revision), (group.content.clone(), 0));
        assert_eq!(work.tokens.is_some(), claim.account.is_some());
        assert_eq!((work.intents, work.live, work.resume), (vec![], vec![], None));
    }
    Ok(())
}

pub(super) async fn a_checkpoint_keeps_the_lease_and_what_prepare_left(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.grouped(&ann, &[(Platform::X, "1")], Some(0)).await?;
    let claim = bench.claim_one(1).await?;
    let handle = SecretBytes::new(b"upload 1".to_vec());
    bench.checkpoint(&claim, Some(handle.clone()), at(1_200)).await?;
    bench.checkpoint(&claim, None, at(1_300)).await?;
    assert_eq!(bench.next_wake().await?, Some(at(1_300)));
    assert_eq!(bench.work(&claim).await?.resume, Some(handle.clone()), "none keeps it");
    bench.release(claim, release(Event::Returned { at: at(5) }, 2)).await?;
    let claim = bench.claim_one(5).await?;
    assert_eq!(bench.work(&claim).await?.resume, Some(handle));
    let next = SecretBytes::new(b"upload 2".to_vec());
    let mut end = release(Event::Returned { at: at(6) }, 6);
    end.resume = Resume::Set(next.clone());
    bench.release(claim, end).await?;
    let claim = bench.claim_one(6).await?;
    assert_eq!(bench.work(&claim).await?.resume, Some(next));
    let mut end = release(Event::Returned { at: at(7) }, 7);
    end.resume = Resume::Clear;
    bench.release(claim, end).await?;
    assert_eq!(bench.work(&bench.claim_one(7).await?).await?.resume, None);
    Ok(())
}

pub(super) async fn a_group_shows_the_state_of_a_post_that_is_prepared_in_steps(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let group = bench.grouped(&ann, &[(Platform::X, "1")], Some(0)).await?;
    let parked = Event::Parked {
        phase: Phase::BeforeSend,
        next_check: at(10),
        give_up_at: at(900),
    };
    bench.release(bench.claim_one(1).await?, release(parked, 2)).await?;
    for now in [3, 10] {
        drop(bench.claim(now).await?);
        let read = bench.read(&ann, group.id).await?;
        let states = read.posts.iter().map(|post| &post.state);
        assert_eq!(read.mask, StateMask::of(false, states), "after {now} s");
    }
    Ok(())
}

pub(super) async fn a_lost_lease_changes_nothing(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let group = bench.grouped(&ann, &[(Platform::X, "1")], Some(0)).await?;
    let old = bench.claim_one(1).await?;
    bench.recover_orphans(crate::Orphans::Expired, at(700)).await?;
    let new = bench.claim_one(700).await?;
    let before = bench.read(&ann, group.id).await?;
    assert!(matches!(bench.work(&old).await, Err(Error::LeaseLost)));
    assert!(matches!(
        bench.checkpoint(&old, None, at(9_000)).await,
        Err(Error::LeaseLost)
    ));
    let mut end = release(failed(701), 701);
    end.log = vec![super::bench::entry(domain::log::LogKind::PublishFailed, 701)];
    let history = bench.group_log(&ann, group.id, 10).await?;
    assert!(matches!(bench.release(old, end).await, Err(Error::LeaseLost)));
    assert_eq!(bench.read(&ann, group.id).await?, before);
    assert_eq!(bench.group_log(&ann, group.id, 10).await?, history);
    bench.work(&new).await?;
    Ok(())
}

pub(super) async fn a_release_counts_attempts_and_retries(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::X, "1").await?.id;
    let group = bench.grouped(&ann, &[(Platform::X, "1")], Some(0)).await?;
    bench
        .release(bench.claim_one(1).await?, release(Event::Returned { at: at(2) }, 1))
        .await?;
    assert_eq!(
        bench.first(&ann, group.id).await?.attempts,
        0,
        "given back is no attempt"
    );
    let mut end = release(
        Event::RetryAt {
            at: at(5),
            error: error(2),
        },
        2,
    );
    end.counts_as_attempt = true;
    end.account = Some(AccountNote {
        error: Some(error(2)),
        ..AccountNote::default()
    });
    let state = bench.release(bench.claim_one(2).await?, end).await?;
    assert_eq!(
        state,
        PostState::Waiting {
            due: at(0),
            at: at(5),
            error: Some(error(2))
        }
    );
    let post = bench.first(&ann, group.id).await?;
    assert_eq!((post.attempts, post.retries, post.state), (1, 1, state));
    assert_eq!(
        bench.account(account).await?.and_then(|account| account.last_error),
        Some(error(2))
    );
    let claim = bench.claim_one(5).await?;
    assert_eq!((claim.attempt_no, claim.retries, claim.due), (2, 1, at(0)));
    let armed = bench.armed(claim, 5).await?;
    assert_eq!(
        bench.first(&ann, group.id).await?.attempts,
        2,
        "an intent makes it an attempt"
    );
    let mut end = release(failed(6), 6);
    end.counts_as_attempt = true;
    let refused = super::bench::settlement(domain::intent::IntentState::NotPublished, None, 6);
    bench.settle(armed, refused, Some(end)).await?;
    assert_eq!(bench.first(&ann, group.id).await?.attempts, 2, "and it is counted once");
    Ok(())
}

pub(super) async fn an_illegal_move_is_refused_as_a_whole(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::X, "1").await?.id;
    let group = bench.grouped(&ann, &[(Platform::X, "1")], Some(0)).await?;
    let claim = bench.claim_one(1).await?;
    let before = bench.read(&ann, group.id).await?;
    let mut end = release(Event::Unscheduled, 2);
    end.account = Some(AccountNote {
        success_at: Some(at(2)),
        ..AccountNote::default()
    });
    end.resume = Resume::Set(SecretBytes::new(vec![1]));
    let refused = bench.release(claim, end).await;
    assert!(
        matches!(refused, Err(Error::Conflict(Conflict::IllegalTransition(_)))),
        "{refused:?}"
    );
    assert_eq!(bench.read(&ann, group.id).await?, before);
    assert_eq!(
        bench
            .account(account)
            .await?
            .and_then(|account| account.last_success_at),
        None
    );
    assert_eq!(
        bench.recover_orphans(crate::Orphans::All, at(3)).await?,
        1,
        "the claim is still there"
    );
    Ok(())
}

pub(super) async fn an_unconfirmed_post_is_looked_at_on_request(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    let (group, _) = bench.unconfirmed(&ann, "1").await?;
    let post = group.posts.first().ok_or(Error::NotFound)?.id;
    assert_eq!(bench.next_wake().await?, None);
    let mut ask = bench.ask(200);
    ask.lease = SignedDuration::from_mins(1);
    let claim = bench
        .claim_unconfirmed(&ann, post, &ask)
        .await?
        .ok_or(Error::LeaseLost)?;
    assert_eq!(
        (claim.job, claim.attempt_no, claim.lease_until),
        (Job::Look, 0, at(260))
    );
    assert_eq!(
        bench.claim_unconfirmed(&ann, post, &bench.ask(200)).await?,
        None,
        "it is claimed"
    );
    bench.release(claim, release(published("r", 201), 201)).await?;
    assert_eq!(
        bench.claim_unconfirmed(&ann, post, &bench.ask(202)).await?,
        None,
        "it is not unconfirmed"
    );
    let nobody = bench.claim_unconfirmed(&ann, bench.post_id(), &bench.ask(202)).await;
    assert!(matches!(nobody, Err(Error::NotFound)));
    Ok(())
}
