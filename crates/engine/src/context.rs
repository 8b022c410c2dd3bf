//! What working on one claimed post needs, gathered once.

use std::sync::Arc;

use connectors::http::Http;
use connectors::quota::Meter;
use connectors::{AccountRef, Connector, Seed, SendCtx, Taken};
use domain::account::{Account, Tokens};
use domain::clock::BoxFut;
use domain::content::Draft;
use domain::ids::{AccountId, PostId};
use domain::intent::{Claim, IntentRecord};
use domain::log::LogEntry;
use domain::part::{Part, PartsLive, RemotePost};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use store::{Store, Work};

use crate::Engine;
use crate::points::Stopped;

/// Why a piece of work ended without an outcome of its own. The lease brings the post back.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Halt {
    /// The claim belongs to somebody else now, or the post was cancelled: nothing is left to do.
    #[error("the claim has ended")]
    LeaseLost,
    /// The store failed.
    #[error(transparent)]
    Store(store::Error),
    /// A test stopped the engine here.
    #[error("stopped")]
    Stopped,
}

impl From<store::Error> for Halt {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::LeaseLost => Self::LeaseLost,
            other => Self::Store(other),
        }
    }
}

impl From<Stopped> for Halt {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// A post on the desk: its work, its account and the connector that serves it.
pub(crate) struct Desk {
    pub(crate) connector: Arc<dyn Connector>,
    pub(crate) account: Account,
    pub(crate) tokens: Tokens,
    pub(crate) draft: Draft,
    pub(crate) work: Work,
    /// The clients, which keep what answers say of limits.
    pub(crate) http: Http,
    /// What they keep; `None` when nobody wants to know.
    pub(crate) meter: Option<Arc<Meter>>,
    /// What is told with the next thing that is written down.
    pub(crate) notes: Vec<LogEntry>,
}

impl Desk {
    /// The parts that are live, in order.
    pub(crate) fn live(&self) -> &[(Part, RemotePost)] {
        &self.work.live
    }

    pub(crate) fn is_live(&self, part: Part) -> bool {
        self.work.live.iter().any(|(live, _)| *live == part)
    }

    /// The parts that are not live yet, in order.
    pub(crate) fn parts_left(&self) -> Vec<Part> {
        self.draft
            .parts()
            .into_iter()
            .filter(|part| !self.is_live(*part))
            .collect()
    }

    pub(crate) fn head(&self) -> Option<&RemotePost> {
        self.work
            .live
            .iter()
            .find(|(part, _)| *part == Part::Head)
            .map(|(_, remote)| remote)
    }

    /// The last part that is known by a stand-in only.
    pub(crate) fn unnamed(&self) -> Option<Part> {
        let unnamed = self.work.live.iter().rfind(|(_, remote)| remote.is_stand_in);
        unnamed.map(|(part, _)| *part)
    }

    pub(crate) fn parts_live(&self) -> PartsLive {
        PartsLive {
            live: u16::try_from(self.work.live.len()).unwrap_or(u16::MAX),
            of: u16::try_from(self.draft.parts().len()).unwrap_or(u16::MAX),
            head: self.head().cloned(),
        }
    }

    /// Earlier intents of a part, oldest first.
    pub(crate) fn prior(&self, part: Part) -> Vec<IntentRecord> {
        self.work
            .intents
            .iter()
            .filter(|intent| intent.part == part)
            .cloned()
            .collect()
    }

    pub(crate) fn ctx<'a>(
        &'a self,
        engine: &'a Engine,
        claim: &Claim,
        part: Part,
        prior: &'a [IntentRecord],
    ) -> SendCtx<'a> {
        SendCtx {
            account: AccountRef::from(&self.account.identity),
            tokens: &self.tokens,
            endpoints: &engine.endpoints,
            http: &self.http,
            media: engine.media.as_ref(),
            seed: engine.seed(claim.post, self.work.revision, part),
            now: engine.clock.now(),
            due: claim.due,
            prior,
        }
    }
}

impl Engine {
    /// What keys of this part are made of. The installation's secret keeps others from guessing record keys, and the
    /// content's revision makes an edited post another post.
    pub(crate) fn seed(&self, post: PostId, revision: u32, part: Part) -> Seed {
        let mut bytes = [0; 32];
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.installation.secret.expose()) {
            mac.update(b"part\0");
            mac.update(post.as_bytes());
            mac.update(&revision.to_be_bytes());
            mac.update(&part.number().to_be_bytes());
            bytes = mac.finalize().into_bytes().into();
        }
        Seed(bytes)
    }
}

/// Remote posts that belong to other posts of ours.
pub(crate) struct TakenByOthers {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) account: AccountId,
    pub(crate) post: PostId,
    pub(crate) part: Part,
}

impl std::fmt::Debug for TakenByOthers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TakenByOthers")
            .field("post", &self.post)
            .finish_non_exhaustive()
    }
}

impl Taken for TakenByOthers {
    fn is_taken<'a>(&'a self, remote_id: &'a str) -> BoxFut<'a, bool> {
        Box::pin(async move {
            match self.store.remote_owner(self.account, remote_id).await {
                Ok(owner) => owner.is_some_and(|owner| owner != (self.post, self.part)),
                // What cannot be read is not claimed for us.
                Err(_) => true,
            }
        })
    }
}
