//! Giving the tokens of disconnected accounts back.

use domain::ids::AccountId;
use domain::intent::IntentState;
use domain::log::LogKind;
use domain::platform::Platform;
use domain::post::Event;

use super::bench::{at, entry, error, release, settlement, unknown};
use super::{Bench, Outcome};
use crate::Reach;

async fn removed(bench: &Bench, reach: &Reach, account: AccountId, seconds: i64) -> crate::Result<()> {
    let log = entry(LogKind::Disconnected, seconds);
    bench.remove_account(reach, account, at(seconds), log).await
}

async fn due(bench: &Bench) -> crate::Result<Vec<(AccountId, bool)>> {
    let due = bench.revocations(10).await?;
    Ok(due.into_iter().map(|found| (found.account.id, found.needed)).collect())
}

pub(super) async fn tokens_of_a_removed_account_stay_until_they_are_given_back(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::Mastodon, "1").await?.id;
    assert_eq!(due(&bench).await?, []);
    removed(&bench, &ann, account, 3).await?;
    bench.prune(at(4), 10).await?;
    assert_eq!(due(&bench).await?, [(account, false)]);
    assert!(bench.tokens(account).await?.is_some(), "who gives them back needs them");
    let log = entry(LogKind::TokenRevoked, 5);
    bench.end_revocation(account, Some(log)).await?;
    assert_eq!(due(&bench).await?, []);
    assert_eq!(bench.tokens(account).await?, None);
    let newest = bench.recent_log(&ann, 1).await?;
    assert_eq!(
        newest.first().map(|record| (record.entry.kind, record.entry.account)),
        Some((LogKind::TokenRevoked, Some(account)))
    );
    Ok(())
}

pub(super) async fn tokens_are_needed_for_as_long_as_a_post_is_asked_about(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::Mastodon, "1").await?.id;
    let idle = bench.connected(&ann, Platform::X, "2").await?.id;
    bench.grouped(&ann, &[(Platform::Mastodon, "1")], Some(0)).await?;
    let armed = bench.armed(bench.claim_one(1).await?, 1).await?;
    removed(&bench, &ann, account, 2).await?;
    removed(&bench, &ann, idle, 2).await?;
    assert_eq!(due(&bench).await?, [(idle, false), (account, true)], "it is being sent");
    let open = settlement(IntentState::Open, None, 3);
    bench.settle(armed, open, Some(release(unknown(3), 3))).await?;
    assert_eq!(
        due(&bench).await?,
        [(idle, false), (account, true)],
        "it is asked about"
    );
    let looked_at = Event::GaveUp {
        at: at(100),
        next_look: Some(at(200)),
        error: error(100),
        parts: domain::part::PartsLive::default(),
    };
    bench
        .release(bench.claim_one(100).await?, release(looked_at, 100))
        .await?;
    assert_eq!(
        due(&bench).await?,
        [(idle, false), (account, true)],
        "it is looked for once more"
    );
    let over = Event::Looked {
        next_look: None,
        remote: None,
    };
    bench.release(bench.claim_one(200).await?, release(over, 200)).await?;
    assert_eq!(
        due(&bench).await?,
        [(account, false), (idle, false)],
        "nobody asks any more"
    );
    Ok(())
}

pub(super) async fn an_account_that_is_connected_again_keeps_its_tokens(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::Mastodon, "1").await?.id;
    removed(&bench, &ann, account, 3).await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    assert_eq!(due(&bench).await?, []);
    bench.end_revocation(account, None).await?;
    assert!(bench.tokens(account).await?.is_some());
    Ok(())
}

pub(super) async fn a_removed_users_tokens_are_given_back(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::Mastodon, "1").await?.id;
    let gone = bench.connected(&ann, Platform::Mastodon, "2").await?.id;
    removed(&bench, &ann, gone, 3).await?;
    bench.end_revocation(gone, None).await?;
    let (_, _) = bench.unconfirmed(&ann, "1").await?;
    bench.remove_user(ann.owner, at(300)).await?;
    assert_eq!(
        due(&bench).await?,
        [(account, false)],
        "nobody asks what became of a removed user's posts, and what was given back once is not again"
    );
    assert!(bench.tokens(account).await?.is_some());
    bench.end_revocation(account, None).await?;
    assert_eq!(bench.tokens(account).await?, None);
    Ok(())
}
