//! Taking down what was published.

use domain::group::{StateBit, StateMask};
use domain::log::LogKind;
use domain::part::Part;
use domain::platform::Platform;
use domain::post::PostState;

use super::bench::{at, entry, published, release, settlement};
use super::{Bench, Outcome};
use crate::{Conflict, Error, Reach};

/// A published post of an account of this owner.
async fn live(bench: &Bench, ann: &Reach) -> Result<domain::ids::PostId, Box<dyn std::error::Error + Send + Sync>> {
    bench.connected(ann, Platform::Mastodon, "1").await?;
    let group = bench.grouped(ann, &[(Platform::Mastodon, "1")], Some(0)).await?;
    let armed = bench.armed(bench.claim_one(1).await?, 1).await?;
    let made = settlement(domain::intent::IntentState::Published, Some("r"), 2);
    bench.settle(armed, made, Some(release(published("r", 2), 2))).await?;
    Ok(group.posts.first().ok_or(Error::NotFound)?.id)
}

pub(super) async fn a_published_post_is_removed_once_and_says_so(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let post = live(&bench, &ann).await?;
    let found = bench.retractable(&ann, post).await?;
    assert_eq!((found.platform, found.published_at), (Platform::Mastodon, at(2)));
    let parts: Vec<_> = found
        .live
        .iter()
        .map(|(part, remote)| (*part, remote.id.as_str()))
        .collect();
    assert_eq!(parts, [(Part::Head, "r")]);
    assert!(found.account.is_some());
    bench
        .log_retraction(&ann, post, entry(LogKind::RetractAttempted, 3))
        .await?;
    for second in [4, 5] {
        let log = entry(LogKind::Retracted, second);
        let group = bench.finish_retraction(&ann, post, at(second), log).await?;
        assert_eq!(group.mask, StateMask::EMPTY.with(StateBit::Removed));
        let state = group.posts.first().map(|post| post.state.clone());
        assert!(
            matches!(state, Some(PostState::Removed { at: when, .. }) if when == at(4)),
            "{state:?}"
        );
    }
    let log = bench.group_log(&ann, found.group, 100).await?;
    let kinds: Vec<_> = log.iter().rev().take(3).map(|record| record.entry.kind).collect();
    assert_eq!(
        kinds,
        [LogKind::Retracted, LogKind::Retracted, LogKind::RetractAttempted]
    );
    let again = bench.retractable(&ann, post).await;
    assert!(
        matches!(again, Err(Error::Conflict(Conflict::IllegalTransition(_)))),
        "{again:?}"
    );
    Ok(())
}

pub(super) async fn only_a_published_post_of_ones_own_is_removed(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let bob = bench.owner("bob").await?;
    let post = live(&bench, &ann).await?;
    let scheduled = bench.grouped(&ann, &[(Platform::X, "1")], Some(500)).await?;
    let scheduled = scheduled.posts.first().ok_or(Error::NotFound)?.id;
    let log = || entry(LogKind::Retracted, 9);
    assert!(matches!(bench.retractable(&bob, post).await, Err(Error::NotFound)));
    let theirs = bench.finish_retraction(&bob, post, at(9), log()).await;
    assert!(matches!(theirs, Err(Error::NotFound)), "{theirs:?}");
    let theirs = bench.log_retraction(&bob, post, log()).await;
    assert!(matches!(theirs, Err(Error::NotFound)), "{theirs:?}");
    let refused = bench.finish_retraction(&ann, scheduled, at(9), log()).await;
    assert!(
        matches!(refused, Err(Error::Conflict(Conflict::IllegalTransition(_)))),
        "{refused:?}"
    );
    Ok(())
}
