//! The care of connections: exchanges of tokens, checks, reports, and their history.

use domain::account::{AccountHealth, Missing, Tokens};
use domain::ids::AccountId;
use domain::intent::IntentState;
use domain::log::{LogEntry, LogKind};
use domain::platform::Platform;
use domain::post::Event;
use domain::secret::SecretText;
use jiff::Timestamp;

use super::bench::{at, entry, error, failed, published, release, settlement, unknown};
use super::{Bench, Outcome};
use crate::{AccountLogQuery, Error, Reach, Refreshed, UnfinishedRefresh, Verification};

const DAY: i64 = 24 * 3_600;

fn renewed(access: &str, refresh: Option<&str>) -> Tokens {
    Tokens {
        access: SecretText::from(access),
        refresh: refresh.map(SecretText::from),
        expires_at: Some(at(9_000)),
        ..Tokens::default()
    }
}

/// An account whose tokens are to be looked at at this second.
async fn cared_for(bench: &Bench, reach: &Reach, remote_id: &str, look: i64) -> crate::Result<AccountId> {
    let mut new = bench.new_account(reach, Platform::X, remote_id);
    new.refresh_at = Some(at(look));
    let account = bench.connect_account(new, entry(LogKind::Connected, 0)).await?;
    assert_eq!(account.refresh_at, Some(at(look)));
    Ok(account.id)
}

async fn due(bench: &Bench, now: i64, limit: u32) -> crate::Result<Vec<AccountId>> {
    let due = bench.refreshes_due(at(now), limit).await?;
    Ok(due.into_iter().map(|account| account.id).collect())
}

pub(super) async fn tokens_are_looked_at_when_they_are_due_the_longest_due_first(bench: Bench) -> Outcome {
    let (ann, bob) = (bench.owner("ann").await?, bench.owner("bob").await?);
    assert_eq!(bench.next_refresh().await?, None);
    let second = cared_for(&bench, &ann, "1", 200).await?;
    let first = cared_for(&bench, &bob, "2", 100).await?;
    let third = cared_for(&bench, &ann, "3", 300).await?;
    bench.connected(&ann, Platform::Mastodon, "never").await?;
    assert_eq!(bench.next_refresh().await?, Some(at(100)));
    assert_eq!(due(&bench, 99, 10).await?, []);
    assert_eq!(due(&bench, 200, 10).await?, [first, second], "at the very time, too");
    assert_eq!(due(&bench, 900, 2).await?, [first, second], "no more than asked for");
    bench.set_health(second, AccountHealth::RefreshNeeded).await?;
    bench.set_health(first, AccountHealth::ReconnectNeeded).await?;
    assert_eq!(due(&bench, 900, 10).await?, [second, third], "not what needs a person");
    assert_eq!(bench.next_refresh().await?, Some(at(200)));
    let entry = entry(LogKind::Disconnected, 5);
    bench.remove_account(&ann, second, at(5), entry).await?;
    assert_eq!(due(&bench, 900, 10).await?, [third], "nor what is disconnected");
    bench.put_off_refresh(third, Some(at(1_000)), None).await?;
    assert_eq!(due(&bench, 900, 10).await?, []);
    assert_eq!(bench.next_refresh().await?, Some(at(1_000)));
    bench.put_off_refresh(third, None, None).await?;
    assert_eq!(bench.next_refresh().await?, None);
    Ok(())
}

pub(super) async fn putting_off_may_be_told(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = cared_for(&bench, &ann, "1", 100).await?;
    let told = Some(entry(LogKind::TokenExpiring, 7));
    bench.put_off_refresh(account, Some(at(500)), told).await?;
    let newest = bench.recent_log(&ann, 1).await?;
    let newest = newest.first().map(|record| (record.entry.kind, record.entry.account));
    assert_eq!(newest, Some((LogKind::TokenExpiring, Some(account))));
    let unknown = AccountId::from_bytes([9; 12]);
    let outcome = bench.put_off_refresh(unknown, None, None).await;
    assert!(matches!(outcome, Err(Error::NotFound)), "{outcome:?}");
    Ok(())
}

pub(super) async fn an_exchange_that_did_not_end_is_found_again(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = cared_for(&bench, &ann, "1", 100).await?;
    assert_eq!(bench.unfinished_refresh(account).await?, None);
    assert!(bench.begin_refresh(account, 1, at(3)).await?);
    let begun = UnfinishedRefresh {
        version: 1,
        begun_at: at(3),
    };
    assert_eq!(bench.unfinished_refresh(account).await?, Some(begun));
    assert!(!bench.begin_refresh(account, 1, at(50)).await?, "its end is not known");
    assert_eq!(
        bench.unfinished_refresh(account).await?,
        Some(begun),
        "the first is what counts"
    );
    assert_eq!(
        bench.tokens(account).await?.map(|tokens| tokens.access),
        Some("access 1".into())
    );
    // Once more with the old refresh token, and this time the answer is kept.
    let end = Refreshed::Renewed(renewed("access 2", Some("refresh 2")));
    bench
        .finish_refresh(account, 1, end, Some(at(400)), entry(LogKind::TokenRefreshed, 60))
        .await?;
    assert_eq!(bench.unfinished_refresh(account).await?, None);
    assert_eq!(due(&bench, 400, 10).await?, [account]);
    assert!(bench.begin_refresh(account, 2, at(400)).await?);
    bench.connected(&ann, Platform::X, "1").await?;
    assert_eq!(bench.unfinished_refresh(account).await?, None, "a person was faster");
    assert!(bench.begin_refresh(account, 3, at(500)).await?);
    Ok(())
}

pub(super) async fn an_exchange_that_was_not_made_may_be_begun_again(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = cared_for(&bench, &ann, "1", 100).await?;
    bench.set_health(account, AccountHealth::RefreshNeeded).await?;
    assert!(bench.begin_refresh(account, 1, at(3)).await?);
    let failed = entry(LogKind::TokenRefreshFailed, 4);
    bench
        .finish_refresh(account, 1, Refreshed::NotMade, Some(at(200)), failed)
        .await?;
    let now = bench.account(account).await?.ok_or(Error::NotFound)?;
    assert_eq!((now.token_version, now.health), (1, AccountHealth::RefreshNeeded));
    assert_eq!(now.refresh_at, Some(at(200)));
    assert_eq!(bench.unfinished_refresh(account).await?, None);
    assert!(bench.begin_refresh(account, 1, at(200)).await?);
    Ok(())
}

pub(super) async fn a_refused_exchange_is_looked_at_no_more(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = cared_for(&bench, &ann, "1", 100).await?;
    assert!(bench.begin_refresh(account, 1, at(3)).await?);
    let log = entry(LogKind::TokenRefreshFailed, 4);
    bench
        .finish_refresh(account, 1, Refreshed::Refused, Some(at(200)), log)
        .await?;
    let now = bench.account(account).await?.ok_or(Error::NotFound)?;
    assert_eq!((now.health, now.refresh_at), (AccountHealth::ReconnectNeeded, None));
    let back = cared_for(&bench, &ann, "1", 300).await?;
    assert_eq!(back, account);
    assert_eq!(due(&bench, 300, 10).await?, [account], "until it is connected again");
    Ok(())
}

pub(super) async fn an_exchange_keeps_what_it_does_not_replace(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let mut new = bench.new_account(&ann, Platform::Bluesky, "1");
    new.tokens.proof_key = Some(SecretText::from("key 1"));
    new.tokens.refresh_expires_at = Some(at(90 * DAY));
    let first = new.tokens.clone();
    let account = bench.connect_account(new, entry(LogKind::Connected, 0)).await?.id;
    assert_eq!(bench.tokens(account).await?, Some(first));
    let renew = async |version, tokens| {
        assert!(bench.begin_refresh(account, version, at(1)).await?);
        let log = entry(LogKind::TokenRefreshed, 1);
        let end = Refreshed::Renewed(tokens);
        bench.finish_refresh(account, version, end, None, log).await?;
        bench.tokens(account).await?.ok_or(Error::NotFound)
    };
    let kept = renew(1, renewed("access 2", None)).await?;
    assert_eq!(kept.refresh, Some("refresh 1".into()));
    assert_eq!(kept.refresh_expires_at, Some(at(90 * DAY)), "as long as the old one");
    assert_eq!(
        kept.proof_key,
        Some("key 1".into()),
        "the tokens stay bound to their key"
    );
    let rotated = renew(2, renewed("access 3", Some("refresh 3"))).await?;
    assert_eq!(rotated.refresh, Some("refresh 3".into()));
    assert_eq!(rotated.refresh_expires_at, None, "nothing is known of the new one");
    Ok(())
}

pub(super) async fn an_open_intent_is_known_by_its_account(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::Mastodon, "1").await?.id;
    let other = bench.connected(&ann, Platform::Mastodon, "2").await?.id;
    bench.grouped(&ann, &[(Platform::Mastodon, "1")], Some(0)).await?;
    assert!(!bench.has_open_intents(account).await?);
    let armed = bench.armed(bench.claim_one(1).await?, 1).await?;
    assert!(bench.has_open_intents(account).await?);
    assert!(!bench.has_open_intents(other).await?);
    let live = settlement(IntentState::Published, Some("r"), 2);
    bench.settle(armed, live, Some(release(published("r", 2), 2))).await?;
    assert!(!bench.has_open_intents(account).await?);
    Ok(())
}

pub(super) async fn a_check_says_what_an_account_is_and_lacks(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let before = bench.connected(&ann, Platform::Mastodon, "1").await?;
    assert_eq!((before.scopes.len(), before.verified_at), (2, Some(at(-10))));
    bench.set_health(before.id, AccountHealth::ReconnectNeeded).await?;
    let missing = Missing {
        code: "scope:write".to_owned(),
        words: "Connect it again and allow it to write".to_owned(),
    };
    let mut identity = before.identity.clone();
    identity.username = "renamed".to_owned();
    identity.remote_id = "somebody else".to_owned();
    let mut told = Verification {
        scopes: vec!["read".to_owned()],
        missing: vec![missing.clone()],
        identity: Some(identity),
        at: at(50),
    };
    let log = || entry(LogKind::Verified, 50);
    let after = bench.verify_account(before.id, told.clone(), log()).await?;
    assert_eq!(bench.account(before.id).await?, Some(after.clone()));
    assert_eq!((after.scopes, after.missing), (vec!["read".to_owned()], vec![missing]));
    assert_eq!(after.verified_at, Some(at(50)));
    assert_eq!(after.identity.username, "renamed");
    assert_eq!(after.identity.remote_id, "1", "another account is another connection");
    assert_eq!(after.health, AccountHealth::ReconnectNeeded, "a check is no use");
    told.identity = None;
    told.missing.clear();
    let after = bench.verify_account(before.id, told.clone(), log()).await?;
    assert_eq!((after.identity.username.as_str(), after.missing), ("renamed", vec![]));
    let gone = entry(LogKind::Disconnected, 60);
    bench.remove_account(&ann, before.id, at(60), gone).await?;
    let outcome = bench.verify_account(before.id, told, log()).await;
    assert!(matches!(outcome, Err(Error::NotFound)), "{outcome:?}");
    Ok(())
}

/// A post that ends like this, with the entry that tells so.
async fn ends(bench: &Bench, reach: &Reach, kind: LogKind, event: Event, seconds: i64) -> Outcome {
    bench
        .grouped(reach, &[(Platform::Mastodon, "1")], Some(seconds))
        .await?;
    let claim = bench.claim_one(seconds).await?;
    let armed = bench.armed(claim, seconds).await?;
    let mut end = release(event.clone(), seconds);
    let account = bench.accounts(reach).await?.first().map(|account| account.id);
    let (group, post) = (armed.claim().group, armed.claim().post);
    end.log = vec![LogEntry {
        account,
        group: Some(group),
        post: Some(post),
        ..entry(kind, seconds)
    }];
    let remote = format!("r{seconds}");
    let settled = match event {
        Event::Published { .. } => settlement(IntentState::Published, Some(&remote), seconds),
        _ => settlement(IntentState::NotPublished, None, seconds),
    };
    bench.settle(armed, settled, Some(end)).await?;
    Ok(())
}

pub(super) async fn a_report_counts_seven_days_and_what_is_due(bench: Bench) -> Outcome {
    let (ann, bob) = (bench.owner("ann").await?, bench.owner("bob").await?);
    let account = bench.connected(&ann, Platform::Mastodon, "1").await?;
    let mut keyless = bench.new_account(&ann, Platform::Bluesky, "2");
    keyless.tokens.refresh = None;
    let keyless = bench.connect_account(keyless, entry(LogKind::Connected, 0)).await?;
    bench.connected(&bob, Platform::Mastodon, "1").await?;
    for day in [0, 1, 6] {
        ends(&bench, &ann, LogKind::PublishFailed, failed(day * DAY), day * DAY).await?;
        let live = published(&format!("r{}", day * DAY + 1), day * DAY + 1);
        ends(&bench, &ann, LogKind::PublishSucceeded, live, day * DAY + 1).await?;
    }
    let now = 7 * DAY;
    for (reach, due) in [(&ann, 5), (&ann, 6), (&bob, 7)] {
        bench
            .grouped(reach, &[(Platform::Mastodon, "1")], Some(now + due))
            .await?;
    }
    let gone = bench.grouped(&ann, &[(Platform::Mastodon, "1")], Some(now + 5)).await?;
    let deleted = entry(LogKind::Deleted, now);
    bench.delete_group(&ann, gone.id, at(now), deleted).await?;
    let mut draft = bench.new_group(&ann, &[(Platform::Mastodon, "1")], Some(now + 5));
    draft.draft = true;
    bench.made(&ann, draft).await?;
    let reports = bench.account_reports(&ann, at(now), 10).await?;
    let [first, second] = &*reports else {
        return Err("two accounts".into());
    };
    assert_eq!((first.account.id, second.account.id), (account.id, keyless.id));
    assert_eq!(
        (first.failures_7d, first.successes_7d),
        (2, 3),
        "more than seven days ago is over"
    );
    assert_eq!((first.due, second.due), (2, 0));
    assert_eq!((first.refreshable, first.token_ends_at), (true, None));
    assert_eq!((second.refreshable, second.token_ends_at), (false, Some(at(7_200))));
    assert_eq!(bench.account_reports(&ann, at(now), 1).await?.len(), 1);
    let of_bob = bench.account_reports(&bob, at(now), 10).await?;
    let of_bob: Vec<_> = of_bob.iter().map(|report| (report.failures_7d, report.due)).collect();
    assert_eq!(of_bob, [(0, 1)]);
    // A post that waits for another try is due as well; one that is being asked for is not.
    let claim = bench.claim_one(now + 5).await?;
    let again = Event::RetryAt {
        at: at(now + 100),
        error: error(now + 5),
    };
    bench.release(claim, release(again, now + 5)).await?;
    let armed = bench.armed(bench.claim_one(now + 6).await?, now + 6).await?;
    let open = settlement(IntentState::Open, None, now + 6);
    bench
        .settle(armed, open, Some(release(unknown(now + 6), now + 6)))
        .await?;
    let reports = bench.account_reports(&ann, at(now), 10).await?;
    assert_eq!(reports.first().map(|report| report.due), Some(1));
    Ok(())
}

fn page(account: Option<AccountId>, limit: u32) -> AccountLogQuery {
    AccountLogQuery {
        account,
        platform: None,
        before: None,
        limit,
    }
}

fn told(kind: LogKind, platform: Platform, seconds: i64) -> LogEntry {
    LogEntry {
        platform: Some(platform),
        ..entry(kind, seconds)
    }
}

pub(super) async fn the_history_of_connections_is_read_in_pages(bench: Bench) -> Outcome {
    let (ann, bob) = (bench.owner("ann").await?, bench.owner("bob").await?);
    let account = bench.connected(&ann, Platform::X, "1").await?.id;
    bench.grouped(&ann, &[(Platform::X, "1")], Some(0)).await?;
    for seconds in 0..5 {
        // Several at the same moment: none is shown twice, and none is left out.
        let platform = if seconds == 0 { Platform::Mastodon } else { Platform::X };
        let failed = told(LogKind::ConnectFailed, platform, seconds / 3);
        bench.log_connection(&ann, failed).await?;
    }
    let gone = told(LogKind::Disconnected, Platform::X, 9);
    bench.remove_account(&ann, account, at(9), gone).await?;
    let all = bench.account_log(&ann, page(None, 100)).await?;
    let kinds: Vec<_> = all.iter().map(|record| record.entry.kind).collect();
    assert_eq!(kinds.first(), Some(&LogKind::Disconnected), "newest first");
    assert_eq!(kinds.last(), Some(&LogKind::Connected));
    assert_eq!(kinds.len(), 7, "what became of posts is told elsewhere");
    let mut paged: Vec<domain::log::LogRecord> = Vec::new();
    loop {
        let before: Option<(Timestamp, _)> = paged.last().map(|record| (record.entry.at, record.id));
        let query = AccountLogQuery {
            before,
            ..page(None, 2)
        };
        let next = bench.account_log(&ann, query).await?;
        if next.is_empty() {
            break;
        }
        assert!(next.len() <= 2);
        paged.extend(next);
    }
    assert_eq!(paged, all);
    let of_account = bench.account_log(&ann, page(Some(account), 100)).await?;
    assert_eq!(of_account.len(), 2);
    let mut query = page(None, 100);
    query.platform = Some(Platform::Mastodon);
    assert_eq!(bench.account_log(&ann, query).await?.len(), 1);
    assert_eq!(bench.account_log(&bob, page(None, 100)).await?, []);
    assert_eq!(bench.account_log(&bob, page(Some(account), 100)).await?, []);
    let foreign = LogEntry {
        account: Some(account),
        ..told(LogKind::ReconnectFailed, Platform::X, 10)
    };
    let outcome = bench.log_connection(&bob, foreign.clone()).await;
    assert!(matches!(outcome, Err(Error::NotFound)), "{outcome:?}");
    bench.log_connection(&ann, foreign).await?;
    let newest = bench.account_log(&ann, page(Some(account), 1)).await?;
    let newest = newest.first().map(|record| record.entry.kind);
    assert_eq!(newest, Some(LogKind::ReconnectFailed), "also of a removed account");
    Ok(())
}
