//! What the operator and the watchdog ask for.

use domain::intent::IntentState;
use domain::log::LogKind;
use domain::part::RemotePost;
use domain::platform::Platform;
use domain::post::Event;

use super::bench::{at, entry, error, published, release, settlement, unknown};
use super::groups::{all, media};
use super::{Bench, Outcome};
use crate::{AccountLogQuery, Backlog, Error, PostCount};

pub(super) async fn the_backlog_counts_what_is_due_and_what_is_claimed(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    assert_eq!(bench.backlog(at(0)).await?, Backlog::default());
    for due in [10, 20, 30] {
        bench.grouped(&ann, &[(Platform::X, "1")], Some(due)).await?;
    }
    let backlog = bench.backlog(at(20)).await?;
    assert_eq!(
        backlog,
        Backlog {
            due: 2,
            claimed: 0,
            oldest_due: Some(at(10)),
            oldest_claimed: None
        }
    );
    let mut ask = bench.ask(20);
    ask.limit = 1;
    let claim = bench.claim_due(ask).await?.claims.pop().ok_or(Error::LeaseLost)?;
    let backlog = bench.backlog(at(25)).await?;
    assert_eq!(
        backlog,
        Backlog {
            due: 1,
            claimed: 1,
            oldest_due: Some(at(20)),
            oldest_claimed: Some(at(10))
        }
    );
    bench
        .release(
            claim,
            release(
                Event::RetryAt {
                    at: at(40),
                    error: error(26),
                },
                26,
            ),
        )
        .await?;
    let backlog = bench.backlog(at(26)).await?;
    assert_eq!(
        backlog,
        Backlog {
            due: 1,
            claimed: 0,
            oldest_due: Some(at(20)),
            oldest_claimed: None
        }
    );
    assert_eq!(bench.backlog(at(40)).await?.due, 3, "a retry is due at its own time");
    let mut looked = published("r", 41);
    if let Event::Published { next_look, .. } = &mut looked {
        *next_look = Some(at(50));
    }
    for claim in bench.claim(40).await? {
        bench.release(claim, release(looked.clone(), 41)).await?;
    }
    assert_eq!(
        bench.backlog(at(60)).await?,
        Backlog::default(),
        "a later look is no backlog"
    );
    Ok(())
}

pub(super) async fn posts_are_counted_by_platform_and_state(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench
        .grouped(&ann, &[(Platform::X, "1"), (Platform::Bluesky, "2")], Some(0))
        .await?;
    bench.grouped(&ann, &[(Platform::X, "1")], Some(99)).await?;
    let count = |platform, state: &str, count| PostCount {
        platform,
        state: state.to_owned(),
        count,
    };
    let counted = async || {
        let mut counts = bench.post_counts().await?;
        counts.sort_by_key(|count| (count.platform.word(), count.state.clone()));
        crate::Result::Ok(counts)
    };
    assert_eq!(
        counted().await?,
        [
            count(Platform::Bluesky, "scheduled", 1),
            count(Platform::X, "scheduled", 2)
        ]
    );
    let claims = bench.claim(1).await?;
    let claimed = [
        count(Platform::Bluesky, "publishing", 1),
        count(Platform::X, "publishing", 1),
        count(Platform::X, "scheduled", 1),
    ];
    assert_eq!(counted().await?, claimed);
    for claim in claims {
        let refused = claim.platform == Platform::X;
        let event = if refused { Event::Unscheduled } else { published("r", 2) };
        assert_eq!(bench.release(claim, release(event, 2)).await.is_err(), refused);
    }
    let [_, publishing, scheduled] = claimed;
    assert_eq!(
        counted().await?,
        [count(Platform::Bluesky, "published", 1), publishing, scheduled]
    );
    bench.recover_orphans(crate::Orphans::All, at(3)).await?;
    for group in bench.list_groups(&ann, all()).await?.groups {
        bench
            .delete_group(&ann, group.id, at(4), entry(LogKind::Deleted, 4))
            .await?;
    }
    assert_eq!(
        counted().await?,
        [
            count(Platform::Bluesky, "published", 1),
            count(Platform::X, "cancelled", 2)
        ]
    );
    bench.prune(at(5), 10).await?;
    assert_eq!(counted().await?, []);
    Ok(())
}

pub(super) async fn deleted_groups_are_pruned_when_all_is_over(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    let mut new = bench.new_group(&ann, &[(Platform::Mastodon, "1")], Some(0));
    new.content.head.media = vec![media("picture")];
    let group = bench.made(&ann, new).await?;
    let armed = bench.armed(bench.claim_one(1).await?, 1).await?;
    let (intent, post) = (armed.intent(), armed.claim().post);
    let open = settlement(domain::intent::IntentState::Open, None, 2);
    bench.settle(armed, open, Some(release(unknown(2), 2))).await?;
    assert_eq!(bench.prune(at(3), 10).await?, Vec::<String>::new());
    bench.read(&ann, group.id).await?;
    bench
        .delete_group(&ann, group.id, at(4), entry(LogKind::Deleted, 4))
        .await?;
    assert_eq!(
        bench.prune(at(5), 10).await?,
        Vec::<String>::new(),
        "its outcome is not known yet"
    );
    let claim = bench.claim_one(100).await?;
    let mut end = release(published("r", 100), 100);
    end.intents = vec![(
        intent,
        settlement(domain::intent::IntentState::Published, Some("r"), 100),
    )];
    let account = claim.account.ok_or(Error::NotFound)?;
    bench.release(claim, end).await?;
    assert_eq!(bench.prune(at(101), 10).await?, ["picture"]);
    assert_eq!(bench.prune(at(102), 10).await?, Vec::<String>::new());
    assert_eq!(bench.post_counts().await?, []);
    let owner = bench.remote_owner(account, "r").await?.map(|(post, _)| post);
    assert_eq!(owner, Some(post), "nobody adopts what a pruned post made");
    Ok(())
}

pub(super) async fn what_a_removed_user_leaves_is_pruned_when_all_is_over(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    let mut draft = bench.new_group(&ann, &[(Platform::Mastodon, "1")], None);
    draft.draft = true;
    draft.content.head.media = vec![media("picture")];
    let draft = bench.made(&ann, draft).await?;
    let (sent, intent) = bench.unconfirmed(&ann, "1").await?;
    bench.remove_user(ann.owner, at(200)).await?;
    assert_eq!(bench.prune(at(201), 10).await?, ["picture"]);
    assert_eq!(bench.group(&ann, draft.id).await?, None);
    assert_eq!(bench.group(&ann, sent.id).await?, None);
    let late = bench.evidence(intent, RemotePost::visible("r", None), at(202)).await;
    assert!(matches!(late, Err(Error::NotFound)), "{late:?}");
    assert_eq!(bench.post_counts().await?, []);
    Ok(())
}

pub(super) async fn media_that_another_group_shows_is_kept(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let mut groups = Vec::new();
    for key in ["mine", "mine too"] {
        let mut new = bench.new_group(&ann, &[(Platform::X, "1")], Some(500));
        new.content.head.media = vec![media(key), media("shared")];
        groups.push(bench.made(&ann, new).await?.id);
    }
    let [first, second] = *groups else {
        return Err("two groups".into());
    };
    bench
        .delete_group(&ann, first, at(1), entry(LogKind::Deleted, 1))
        .await?;
    assert_eq!(bench.prune(at(2), 10).await?, ["mine"]);
    bench
        .delete_group(&ann, second, at(3), entry(LogKind::Deleted, 3))
        .await?;
    assert_eq!(bench.prune(at(4), 10).await?, ["mine too", "shared"]);
    Ok(())
}

pub(super) async fn the_installation_stays_the_same(bench: Bench) -> Outcome {
    let first = bench.installation().await?;
    bench.ping().await?;
    assert_eq!(bench.installation().await?, first);
    assert!(!first.id.is_empty() && first.secret.expose().len() >= 32);
    assert_eq!(bench.reseal(10).await?, 0, "nothing is sealed with an old key");
    Ok(())
}

const DAY: i64 = 24 * 3_600;

pub(super) async fn what_was_sent_is_forgotten_a_month_after_it_was_published(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    let (_, open) = bench.unconfirmed(&ann, "1").await?;
    let mut sent = Vec::new();
    for (remote, seconds) in [("r1", 200), ("r2", 3 * DAY)] {
        bench.grouped(&ann, &[(Platform::Mastodon, "1")], Some(seconds)).await?;
        let armed = bench.armed(bench.claim_one(seconds).await?, seconds).await?;
        sent.push((armed.intent(), RemotePost::visible(remote, None)));
        let end = Some(release(published(remote, seconds), seconds));
        let live = settlement(IntentState::Published, Some(remote), seconds);
        bench.settle(armed, live, end).await?;
    }
    let is_known = async |nth: usize| {
        let (intent, remote) = sent.get(nth).cloned().ok_or(Error::NotFound)?;
        match bench.evidence(intent, remote, at(31 * DAY)).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    };
    bench.prune(at(29 * DAY), 10).await?;
    assert!(is_known(0).await?, "a late answer may still come");
    bench.prune(at(31 * DAY), 10).await?;
    assert_eq!((is_known(0).await?, is_known(1).await?), (false, true));
    bench.prune(at(400 * DAY), 10).await?;
    assert!(!is_known(1).await?);
    let late = RemotePost::visible("r3", None);
    assert!(
        bench.evidence(open, late, at(400 * DAY)).await.is_ok(),
        "what nobody could tell of is kept"
    );
    Ok(())
}

pub(super) async fn what_is_told_of_accounts_is_forgotten_after_half_a_year(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::Mastodon, "1").await?.id;
    let told = async || {
        let query = AccountLogQuery {
            account: Some(account),
            platform: None,
            before: None,
            limit: 10,
        };
        let log = bench.account_log(&ann, query).await?;
        Ok::<_, Error>(log.into_iter().map(|record| record.entry.kind).collect::<Vec<_>>())
    };
    let mut refreshed = entry(LogKind::TokenRefreshed, 10 * DAY);
    refreshed.account = Some(account);
    bench.log_connection(&ann, refreshed).await?;
    bench.prune(at(179 * DAY), 10).await?;
    assert_eq!(told().await?, [LogKind::TokenRefreshed, LogKind::Connected]);
    bench.prune(at(181 * DAY), 10).await?;
    assert_eq!(told().await?, [LogKind::TokenRefreshed]);
    Ok(())
}
