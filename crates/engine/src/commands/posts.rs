//! A user's word on a post that ended badly.

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

    /// Says that an unconfirmed post is live, under this public address.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when it is not unconfirmed.
    pub async fn resolve_published(&self, reach: &Reach, post: PostId, url: String) -> Result<Group, Error> {
        let now = self.clock.now();
        let entry = self
            .user_entry(reach, post, LogKind::Resolved, now)
            .with("published", url.as_str());
        let id = url
            .trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();
        let remote = RemotePost::visible(if id.is_empty() { url.clone() } else { id }, Some(url));
        Ok(self
            .store
            .resolve_post(reach, post, Resolution::Published { remote, at: now }, entry)
            .await?)
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
