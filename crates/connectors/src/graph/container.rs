//! Containers: what Instagram and Threads make of a post before it is published.

use domain::error::PlatformError;
use domain::part::RemotePost;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Created;
use crate::{Finding, Probe, SendCtx, next_look};

/// What the id of a post begins with of which only the container is known: containers have numbers like those of posts.
const CONTAINER: &str = "container:";

/// How long after its send a post may be missing from its account's lists. Before that is over, a lone post that looks
/// like ours may be somebody else's.
const LISTS_LAG: SignedDuration = SignedDuration::from_secs(30);

/// How long after its send a post that is live is looked for, before it is left without its id.
const NAMED_WITHIN: SignedDuration = SignedDuration::from_secs(120);

/// When the lists are read again.
const LOOK_AGAIN: SignedDuration = SignedDuration::from_secs(10);

/// A container, and how far it is. It is kept between steps.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) finished: bool,
    /// How often the platform said that it is still at it.
    pub(crate) polls: u32,
}

impl Container {
    /// When to go on: a finished one is not waited for.
    pub(crate) fn look_at(&self, now: Timestamp) -> Timestamp {
        if self.finished { now } else { next_look(now, self.polls) }
    }
}

impl From<Created> for Container {
    fn from(created: Created) -> Self {
        Self {
            id: created.id,
            finished: false,
            polls: 0,
        }
    }
}

/// The verdict on a published container: its post is live. Which post it became the container does not say, so that is
/// looked for in the account's lists by `search`, once they can be believed, until its time is over: without its id a post
/// can be neither answered nor taken down.
pub(crate) async fn live(
    ctx: &SendCtx<'_>,
    probe: Probe<'_>,
    container: &str,
    search: impl Future<Output = Result<Option<RemotePost>, PlatformError>>,
) -> Finding {
    let after_send = |by| probe.intent.send_by.saturating_add(by).unwrap_or(Timestamp::MAX);
    let stand_in = RemotePost::unnamed(format!("{CONTAINER}{container}"));
    let listed_at = after_send(LISTS_LAG);
    if ctx.now < listed_at {
        let again_at = listed_at;
        return Finding::Unnamed { stand_in, again_at };
    }
    // Lists that cannot be read take nothing from the verdict, and are read again.
    match search.await {
        Ok(Some(remote)) => Finding::Published(remote),
        Ok(None) if ctx.now >= after_send(NAMED_WITHIN) => Finding::Published(stand_in),
        Ok(None) | Err(_) => Finding::Unnamed {
            stand_in,
            again_at: ctx.now.saturating_add(LOOK_AGAIN).unwrap_or(Timestamp::MAX),
        },
    }
}
