//! Accounts and their tokens.

use domain::account::{AccountHealth, Tokens};
use domain::clock::BootInstant;
use domain::error::ErrorKind;
use domain::intent::{DedupeMeans, IntentState};
use domain::log::LogKind;
use domain::part::Part;
use domain::platform::Platform;
use domain::post::{Event, PostState};
use domain::secret::SecretText;

use super::bench::{at, entry, error, release, settlement, unknown};
use super::{Bench, Outcome};
use crate::{AccountNote, Error, Refreshed};

fn tokens(access: &str, refresh: Option<&str>) -> Tokens {
    Tokens {
        access: SecretText::from(access),
        refresh: refresh.map(SecretText::from),
        expires_at: Some(at(9_000)),
        ..Tokens::default()
    }
}

pub(super) async fn an_account_keeps_its_id_however_often_it_is_connected(bench: Bench) -> Outcome {
    let (ann, bob) = (bench.owner("ann").await?, bench.owner("bob").await?);
    let first = bench.connected(&ann, Platform::Mastodon, "1").await?;
    assert_eq!((first.token_version, first.health), (1, AccountHealth::Ok));
    assert_eq!(first.token_expires_at, Some(at(7_200)));
    bench
        .note_account(
            first.id,
            AccountNote {
                error: Some(error(1)),
                ..AccountNote::default()
            },
        )
        .await?;
    let mut new = bench.new_account(&ann, Platform::Mastodon, "1");
    new.identity.username = "renamed".to_owned();
    new.identity.display_name = None;
    new.tokens = tokens("access 2", None);
    let again = bench.connect_account(new, entry(LogKind::Connected, 5)).await?;
    assert_eq!(
        (again.id, again.token_version, again.connected_at),
        (first.id, 2, first.connected_at)
    );
    assert_eq!(
        (again.identity.username.as_str(), again.identity.display_name.as_deref()),
        ("renamed", None)
    );
    assert_eq!(
        again.last_error,
        Some(error(1)),
        "history stays: what failed before, failed"
    );
    assert_eq!(bench.account(first.id).await?, Some(again.clone()));
    assert_eq!(bench.tokens(first.id).await?, Some(tokens("access 2", None)));
    bench
        .remove_account(&ann, first.id, at(6), entry(LogKind::Disconnected, 6))
        .await?;
    let back = bench.connected(&ann, Platform::Mastodon, "1").await?;
    assert_eq!((back.id, back.token_version), (first.id, 3));
    let other = bench.connected(&bob, Platform::Mastodon, "1").await?;
    assert_ne!(other.id, first.id, "another owner's connection is another account");
    let kinds: Vec<_> = bench
        .recent_log(&ann, 10)
        .await?
        .into_iter()
        .map(|record| record.entry.kind)
        .collect();
    assert_eq!(kinds.len(), 4);
    assert_eq!(kinds.iter().filter(|kind| **kind == LogKind::Reconnected).count(), 2);
    assert_eq!(kinds.iter().filter(|kind| **kind == LogKind::Connected).count(), 1);
    Ok(())
}

pub(super) async fn what_was_removed_is_not_there_for_the_next_create(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let target = [(Platform::Mastodon, "1")];
    let next = async || {
        let group = bench.grouped(&ann, &target, Some(100)).await?;
        Ok::<_, Error>(group.posts.first().and_then(|post| post.account))
    };
    let account = bench.connected(&ann, Platform::Mastodon, "1").await?.id;
    assert_eq!(next().await?, Some(account));
    let log = entry(LogKind::Disconnected, 3);
    bench.remove_account(&ann, account, at(3), log).await?;
    assert_eq!(next().await?, None);
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    assert_eq!(next().await?, Some(account));
    bench.remove_user(ann.owner, at(4)).await?;
    let refused = next().await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    Ok(())
}

pub(super) async fn a_removed_account_is_hidden_and_its_due_posts_are_cancelled(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::Mastodon, "1").await?;
    let other = bench.connected(&ann, Platform::Bluesky, "2").await?;
    let targets = [(Platform::Mastodon, "1"), (Platform::Bluesky, "2")];
    let scheduled = bench.grouped(&ann, &targets, Some(100)).await?;
    let mut draft = bench.new_group(&ann, &targets, Some(100));
    draft.draft = true;
    let draft = bench.made(&ann, draft).await?;
    let claimed = bench.grouped(&ann, &[(Platform::Mastodon, "1")], Some(1)).await?;
    let claim = bench.claim_one(2).await?;
    bench
        .remove_account(&ann, account.id, at(3), entry(LogKind::Disconnected, 3))
        .await?;
    assert_eq!(bench.account(account.id).await?, None);
    assert_eq!(bench.accounts(&ann).await?, [other]);
    bench.end_revocation(account.id, None).await?;
    assert_eq!(bench.tokens(account.id).await?, None);
    let scheduled = bench.read(&ann, scheduled.id).await?;
    assert_eq!(
        scheduled.posts.first().map(|post| &post.state),
        Some(&PostState::Cancelled { at: at(3) })
    );
    assert_eq!(
        scheduled.posts.last().map(|post| &post.state),
        Some(&PostState::Scheduled { due: at(100) })
    );
    assert_eq!(scheduled.updated_at, at(3));
    assert!(
        bench
            .read(&ann, draft.id)
            .await?
            .posts
            .iter()
            .all(|post| post.state == PostState::Draft)
    );
    assert_eq!(
        bench.first(&ann, claimed.id).await?.state,
        PostState::Cancelled { at: at(3) }
    );
    let late = bench.release(claim, release(Event::Returned { at: at(9) }, 4)).await;
    assert!(matches!(late, Err(Error::LeaseLost)), "{late:?}");
    let again = bench
        .remove_account(&ann, account.id, at(4), entry(LogKind::Disconnected, 4))
        .await;
    assert!(matches!(again, Err(Error::NotFound)));
    Ok(())
}

pub(super) async fn a_thread_cut_off_by_a_removed_account_says_what_is_live(bench: Bench) -> Outcome {
    let cut_off = |state: &PostState| match state {
        PostState::Failed { error, parts, .. } => {
            let head = parts.head.as_ref().map(|head| head.id.clone());
            Some((error.kind, parts.live, parts.of, head))
        }
        _ => None,
    };
    let expected = Some((ErrorKind::AccountGone, 1, 3, Some("r1".to_owned())));
    // Removed while a worker is between two parts, and while the post waits between two parts.
    for (waits, name) in [(false, "ann"), (true, "bob")] {
        let ann = bench.owner(name).await?;
        let account = bench.connected(&ann, Platform::Mastodon, "1").await?;
        let (group, armed) = bench.thread_armed(&ann, 3).await?;
        let claim = bench.head_settled(armed, 2).await?;
        let back = release(Event::Returned { at: at(9) }, 4);
        let log = entry(LogKind::Disconnected, 3);
        if waits {
            bench.release(claim, back).await?;
            bench.remove_account(&ann, account.id, at(3), log).await?;
        } else {
            bench.remove_account(&ann, account.id, at(3), log).await?;
            let reply = bench.intent(Part::Reply(1), 2, DedupeMeans::ClientMintedId, 3);
            let refused = bench.record_intent(claim, reply, BootInstant(1)).await;
            let Err((Some(claim), Error::LeaseLost)) = refused else {
                return Err(format!("the claim stays with its holder: {refused:?}").into());
            };
            bench.release(claim, back).await?;
        }
        assert_eq!(cut_off(&bench.first(&ann, group).await?.state), expected);
    }
    Ok(())
}

pub(super) async fn a_live_post_whose_account_goes_before_its_first_comment_stays_published(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::Mastodon, "1").await?;
    let mut new = bench.new_group(&ann, &[(Platform::Mastodon, "1")], Some(0));
    new.content.first_comment = Some("first!".to_owned());
    let group = bench.made(&ann, new).await?;
    let armed = bench.armed(bench.claim_one(1).await?, 1).await?;
    let claim = bench.head_settled(armed, 2).await?;
    bench.release(claim, release(Event::Returned { at: at(9) }, 3)).await?;
    let log = entry(LogKind::Disconnected, 4);
    bench.remove_account(&ann, account.id, at(4), log).await?;
    let state = bench.first(&ann, group.id).await?.state;
    assert!(
        matches!(&state, PostState::Published { remote, .. } if remote.id == "r1"),
        "{state:?}"
    );
    Ok(())
}

pub(super) async fn tokens_of_a_removed_account_stay_while_an_intent_is_open(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::Mastodon, "1").await?;
    let group = bench.grouped(&ann, &[(Platform::Mastodon, "1")], Some(0)).await?;
    let armed = bench.armed(bench.claim_one(1).await?, 1).await?;
    bench
        .remove_account(&ann, account.id, at(2), entry(LogKind::Disconnected, 2))
        .await?;
    assert!(
        bench.tokens(account.id).await?.is_some(),
        "the outcome must still be asked for"
    );
    bench
        .settle(
            armed,
            settlement(IntentState::Open, None, 3),
            Some(release(unknown(3), 3)),
        )
        .await?;
    let claim = bench.claim_one(100).await?;
    assert_eq!(claim.account, Some(account.id), "asking goes on");
    let work = bench.work(&claim).await?;
    assert!(work.tokens.is_some() && work.account.is_some());
    let intent = work.intents.first().map(|intent| intent.id).ok_or(Error::NotFound)?;
    let mut end = release(Event::MaySend { at: at(100) }, 100);
    end.intents = vec![(intent, settlement(IntentState::Absent, None, 100))];
    let state = bench.release(claim, end).await?;
    assert_eq!(
        state,
        PostState::Cancelled { at: at(100) },
        "nothing more is sent through it"
    );
    assert_eq!(bench.first(&ann, group.id).await?.state, state);
    bench.end_revocation(account.id, None).await?;
    assert_eq!(bench.tokens(account.id).await?, None);
    Ok(())
}

pub(super) async fn what_only_a_repeat_could_tell_is_unconfirmed_when_its_account_goes(bench: Bench) -> Outcome {
    // Removed while it is asked about, and while it waits for the repeat.
    for (waits, name) in [(false, "ann"), (true, "bob")] {
        let ann = bench.owner(name).await?;
        let account = bench.connected(&ann, Platform::LinkedIn, "1").await?;
        let group = bench.grouped(&ann, &[(Platform::LinkedIn, "1")], Some(0)).await?;
        let armed = bench.armed(bench.claim_one(1).await?, 1).await?;
        let intent = armed.intent();
        let lost = settlement(IntentState::Open, None, 2);
        bench.settle(armed, lost, Some(release(unknown(2), 2))).await?;
        let claim = bench.claim_one(100).await?;
        let log = entry(LogKind::Disconnected, 99);
        if !waits {
            bench.remove_account(&ann, account.id, at(99), log.clone()).await?;
        }
        let mut freed = release(Event::MaySend { at: at(200) }, 100);
        freed.intents = vec![(intent, settlement(IntentState::Untold, None, 100))];
        bench.release(claim, freed).await?;
        if waits {
            bench.remove_account(&ann, account.id, at(101), log).await?;
        }
        let state = bench.first(&ann, group.id).await?.state;
        assert!(matches!(state, PostState::Unconfirmed { .. }), "{state:?}");
    }
    Ok(())
}

pub(super) async fn a_refresh_is_begun_once_and_makes_the_next_version(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::X, "1").await?.id;
    assert!(!bench.begin_refresh(account, 2, at(0)).await?, "no such version");
    let (one, two) = tokio::join!(
        bench.begin_refresh(account, 1, at(0)),
        bench.begin_refresh(account, 1, at(0))
    );
    assert_eq!(usize::from(one?) + usize::from(two?), 1, "one exchange at a time");
    bench.set_health(account, AccountHealth::RefreshNeeded).await?;
    let new = tokens("access 2", Some(""));
    bench
        .finish_refresh(
            account,
            1,
            Refreshed::Renewed(new),
            None,
            entry(LogKind::TokenRefreshed, 1),
        )
        .await?;
    assert_eq!(
        bench.tokens(account).await?,
        Some(tokens("access 2", Some("refresh 1"))),
        "an empty one replaces none"
    );
    let now = bench.account(account).await?.ok_or(Error::NotFound)?;
    assert_eq!(
        (now.token_version, now.health, now.token_expires_at),
        (2, AccountHealth::Ok, Some(at(9_000)))
    );
    assert!(
        !bench.begin_refresh(account, 1, at(2)).await?,
        "it is not the newest any more"
    );
    assert!(bench.begin_refresh(account, 2, at(2)).await?);
    bench
        .finish_refresh(
            account,
            2,
            Refreshed::Renewed(tokens("access 3", Some("refresh 3"))),
            None,
            entry(LogKind::TokenRefreshed, 3),
        )
        .await?;
    assert_eq!(
        bench.tokens(account).await?,
        Some(tokens("access 3", Some("refresh 3")))
    );
    let nobody = domain::ids::AccountId::from_bytes([9; 12]);
    assert!(matches!(
        bench.begin_refresh(nobody, 1, at(0)).await,
        Err(Error::NotFound)
    ));
    Ok(())
}

pub(super) async fn a_failed_refresh_asks_for_a_person(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::X, "1").await?.id;
    assert!(bench.begin_refresh(account, 1, at(0)).await?);
    bench
        .finish_refresh(
            account,
            1,
            Refreshed::Refused,
            None,
            entry(LogKind::TokenRefreshFailed, 1),
        )
        .await?;
    let now = bench.account(account).await?.ok_or(Error::NotFound)?;
    assert_eq!((now.token_version, now.health), (1, AccountHealth::ReconnectNeeded));
    assert!(bench.tokens(account).await?.is_some());
    assert!(
        bench.begin_refresh(account, 1, at(2)).await?,
        "a finished exchange does not stand in the way"
    );
    let newest = bench.recent_log(&ann, 1).await?;
    assert_eq!(
        newest.first().map(|record| record.entry.kind),
        Some(LogKind::TokenRefreshFailed)
    );
    assert_eq!(newest.first().and_then(|record| record.entry.account), Some(account));
    Ok(())
}

pub(super) async fn a_refresh_that_was_overtaken_changes_nothing(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::X, "1").await?.id;
    assert!(bench.begin_refresh(account, 1, at(0)).await?);
    let mut new = bench.new_account(&ann, Platform::X, "1");
    new.tokens = tokens("by hand", Some("by hand"));
    bench.connect_account(new, entry(LogKind::Connected, 1)).await?;
    bench
        .finish_refresh(
            account,
            1,
            Refreshed::Renewed(tokens("late", None)),
            None,
            entry(LogKind::TokenRefreshed, 2),
        )
        .await?;
    assert_eq!(bench.tokens(account).await?, Some(tokens("by hand", Some("by hand"))));
    bench
        .finish_refresh(
            account,
            1,
            Refreshed::Refused,
            None,
            entry(LogKind::TokenRefreshFailed, 3),
        )
        .await?;
    assert_eq!(
        bench.account(account).await?.map(|account| account.health),
        Some(AccountHealth::Ok)
    );
    Ok(())
}

pub(super) async fn what_is_noted_of_an_account_stays_until_it_is_noted_anew(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::X, "1").await?.id;
    let note = AccountNote {
        success_at: Some(at(9)),
        error: Some(error(4)),
        ..AccountNote::default()
    };
    bench.note_account(account, note).await?;
    bench
        .note_account(
            account,
            AccountNote {
                success_at: Some(at(3)),
                ..AccountNote::default()
            },
        )
        .await?;
    bench.set_health(account, AccountHealth::ReconnectNeeded).await?;
    let now = bench.account(account).await?.ok_or(Error::NotFound)?;
    assert_eq!((now.last_success_at, now.last_error), (Some(at(9)), Some(error(4))));
    assert_eq!(now.health, AccountHealth::ReconnectNeeded);
    let nobody = domain::ids::AccountId::from_bytes([9; 12]);
    assert!(matches!(
        bench.note_account(nobody, AccountNote::default()).await,
        Err(Error::NotFound)
    ));
    Ok(())
}

pub(super) async fn what_is_noted_of_old_tokens_does_not_spoil_newer_ones(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::X, "1").await?.id;
    let refused = |version| AccountNote {
        health: Some(AccountHealth::RefreshNeeded),
        success_at: Some(at(2)),
        error: Some(error(4)),
        of_version: Some(version),
    };
    bench.begin_refresh(account, 1, at(1)).await?;
    let (end, log) = (
        Refreshed::Renewed(tokens("new", Some("new"))),
        entry(LogKind::TokenRefreshed, 1),
    );
    bench.finish_refresh(account, 1, end, None, log).await?;
    bench.note_account(account, refused(1)).await?;
    let now = bench.account(account).await?.ok_or(Error::NotFound)?;
    assert_eq!((now.health, now.last_error), (AccountHealth::Ok, None));
    assert_eq!(now.last_success_at, Some(at(2)), "what went out went out");
    bench.note_account(account, refused(2)).await?;
    let now = bench.account(account).await?.ok_or(Error::NotFound)?;
    assert_eq!(
        (now.health, now.last_error),
        (AccountHealth::RefreshNeeded, Some(error(4)))
    );
    Ok(())
}

pub(super) async fn accounts_of_others_are_out_of_reach(bench: Bench) -> Outcome {
    let (ann, bob) = (bench.owner("ann").await?, bench.owner("bob").await?);
    let account = bench.connected(&ann, Platform::X, "1").await?;
    assert_eq!(bench.accounts(&bob).await?, []);
    assert_eq!(bench.recent_log(&bob, 10).await?, []);
    let removed = bench
        .remove_account(&bob, account.id, at(1), entry(LogKind::Disconnected, 1))
        .await;
    assert!(matches!(removed, Err(Error::NotFound)));
    assert_eq!(bench.accounts(&ann).await?, [account]);
    let group = bench.grouped(&bob, &[(Platform::X, "1")], Some(0)).await?;
    assert_eq!(
        group.posts.first().and_then(|post| post.account),
        None,
        "a target never names another's account"
    );
    assert_eq!(bench.claim_one(1).await?.account, None);
    Ok(())
}
