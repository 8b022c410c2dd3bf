//! A user's word on a post that ended badly.

use connectors::AccountRef;
use domain::ids::PostId;
use domain::log::{LogEntry, LogKind, LogOutcome};
use domain::part::RemotePost;
use domain::post::PostState;
use jiff::Timestamp;
use store::{ClaimAsk, Group, Reach, Resolution, Slots};

use crate::context::Halt;
use crate::reconcile::Asker;
use crate::{Engine, Error, attempt};

impl Engine {
    /// Tries a failed or missed post again now. An unconfirmed one is asked about first: found, it is adopted; certainly
    /// absent, it is sent; otherwise it is refused.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::OutcomeUnknown`]; [`Error::Conflict`] when it is not in a state to be retried.
    pub async fn retry_post(&self, reach: &Reach, post: PostId) -> Result<Group, Error> {
        let now = self.clock.now();
        let ask = ClaimAsk {
            now,
            limit: 1,
            lease: self.settings.lease,
            attempts: vec![domain::ids::AttemptId::from_bytes(self.mint())],
            slots: Slots::default(),
        };
        let entry = self
            .user_entry(reach, post, LogKind::StatusChanged, now)
            .with("to", "retry");
        if let Some(claim) = self.store.claim_unconfirmed(reach, post, &ask).await? {
            let group = claim.group;
            match attempt::run(self, claim, Asker::User).await {
                Ok(PostState::Unconfirmed { .. }) => return Err(Error::OutcomeUnknown(post)),
                Ok(_) => {
                    self.wake();
                    return self.group(reach, group).await;
                }
                Err(Halt::Store(error)) => return Err(error.into()),
                Err(Halt::LeaseLost | Halt::Stopped) => return Err(Error::OutcomeUnknown(post)),
            }
        }
        let group = self.store.retry_post(reach, post, now, entry).await?;
        self.wake();
        Ok(group)
    }

    /// Says that the part of an unconfirmed post whose outcome is unknown is live, under this public address. When it was
    /// the last part the post is published; else the rest of its thread is sent.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when it is not unconfirmed, or when that page is another post's;
    /// [`Error::Invalid`] when the address is none of a post on that platform.
    pub async fn resolve_published(&self, reach: &Reach, post: PostId, url: String) -> Result<Group, Error> {
        let now = self.clock.now();
        let entry = self
            .user_entry(reach, post, LogKind::Resolved, now)
            .with("published", url.as_str());
        let remote = match self.id_on_page(reach, post, &url).await? {
            Some(id) => RemotePost::visible(id, Some(url)),
            None => RemotePost {
                url: Some(url.clone()),
                ..RemotePost::unnamed(url)
            },
        };
        let word = Resolution::Published { remote, at: now };
        let group = self.store.resolve_post(reach, post, word, entry).await?;
        self.wake();
        Ok(group)
    }

    /// The platform's id of the post that a page shows; `None` where pages do not tell it.
    async fn id_on_page(&self, reach: &Reach, post: PostId, url: &str) -> Result<Option<String>, Error> {
        let group = self.store.post_group(reach, post).await?.ok_or(Error::NotFound)?;
        let group = self.group(reach, group).await?;
        let found = group.posts.into_iter().find(|found| found.id == post);
        let found = found.ok_or(Error::NotFound)?;
        let page = url::Url::parse(url)
            .ok()
            .filter(|page| matches!(page.scheme(), "http" | "https"));
        let page = page.ok_or_else(|| Error::Invalid(format!("'{url}' is not the address of a page")))?;
        let account = match found.account {
            Some(account) => self.store.account(account).await?,
            None => None,
        };
        let (Some(connector), Some(account)) = (self.connectors.get(found.platform), account) else {
            return Ok(None);
        };
        let id = connector.remote_id(AccountRef::from(&account.identity), &page);
        id.map_err(|form| {
            let name = found.platform.name();
            let message = format!("'{url}' is not the address of a post of this {name} account, such as {form}");
            Error::Invalid(message)
        })
    }

    /// Sends an unconfirmed post again, whatever is out there.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when it is not unconfirmed.
    pub async fn resolve_send_again(&self, reach: &Reach, post: PostId) -> Result<Group, Error> {
        let now = self.clock.now();
        let entry = self
            .user_entry(reach, post, LogKind::Resolved, now)
            .with("send_again", true);
        let group = self
            .store
            .resolve_post(reach, post, Resolution::SendAgain { at: now }, entry)
            .await?;
        self.wake();
        Ok(group)
    }

    fn user_entry(&self, reach: &Reach, post: PostId, kind: LogKind, now: Timestamp) -> LogEntry {
        LogEntry {
            post: Some(post),
            user: Some(reach.owner),
            ..LogEntry::new(kind, LogOutcome::Info, now)
        }
    }
}
