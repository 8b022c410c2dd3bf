//! Containers: what Instagram and Threads make of a post before it is published.

use domain::part::RemotePost;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Created;
use crate::{Finding, Probe, SendCtx, next_look};

/// What the id of a post begins with of which only the container is known.
pub(crate) const CONTAINER: &str = "container:";

/// How long after its send a post may be missing from its account's lists. Before that is over, a lone post that looks
/// like ours may be somebody else's.
const LISTS_LAG: SignedDuration = SignedDuration::from_secs(30);

/// How long after its send a post that is live is looked for, before it is left without an id.
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

/// The answer to give while it is too early to look for the post that a published container became: the container does
/// not say which it is, and the lists may lag.
pub(crate) fn too_early(ctx: &SendCtx<'_>, probe: Probe<'_>) -> Option<Finding> {
    let listed_at = probe.intent.send_by.saturating_add(LISTS_LAG).unwrap_or(Timestamp::MAX);
    (ctx.now < listed_at).then_some(Finding::StillProcessing { again_at: listed_at })
}

/// The verdict on a published container after the lists were read: it stands, whatever became of the search, but the id
/// is waited for a while, since without one the post can be neither answered nor taken down.
pub(crate) fn named(ctx: &SendCtx<'_>, probe: Probe<'_>, container: &str, found: Option<RemotePost>) -> Finding {
    let until = probe
        .intent
        .send_by
        .saturating_add(NAMED_WITHIN)
        .unwrap_or(Timestamp::MAX);
    match found {
        Some(remote) => Finding::Published(remote),
        None if ctx.now < until => Finding::StillProcessing {
            again_at: ctx.now.saturating_add(LOOK_AGAIN).unwrap_or(Timestamp::MAX),
        },
        None => Finding::Published(RemotePost::visible(format!("{CONTAINER}{container}"), None)),
    }
}
