//! Hosted connection pages: an address that works for a while, for one user.

use domain::ids::{LinkId, UserId};
use domain::platform::Platform;
use domain::secret::SecretText;
use jiff::{SignedDuration, Timestamp};
use store::{ConnectLink, Reach};

use super::checked_return;
use crate::{Engine, Error, keys};

/// How long a page works unless said otherwise, and how long at most.
const LINK_FOR: SignedDuration = SignedDuration::from_hours(24);
const LINK_FOR_MAX: SignedDuration = SignedDuration::from_hours(366 * 24);

/// A page to be made.
#[derive(Debug, Clone, Default)]
pub struct MakeLink {
    /// Where the page leads back to.
    pub return_to: Option<String>,
    /// The platforms that it offers; empty for all.
    pub platforms: Vec<Platform>,
    /// How long it works: a day unless said otherwise, at most a year.
    pub expires_in: Option<SignedDuration>,
}

/// A page that was found by its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundLink {
    /// It works.
    Open(ConnectLink),
    /// It has expired or was revoked.
    Ended(ConnectLink),
}

/// Whether a page works at `now`.
pub(super) fn is_open(link: &ConnectLink, now: Timestamp) -> bool {
    link.revoked_at.is_none() && now < link.expires_at
}

impl Engine {
    /// Makes a page. Its address is `{public_url}/connect/{token}`; the token is a secret and is not kept.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an address or a time that makes no sense; [`Error::NotFound`] for an unknown user;
    /// [`Error::Conflict`] when the user has too many.
    pub async fn make_link(&self, owner: UserId, make: MakeLink) -> Result<(SecretText, ConnectLink), Error> {
        let now = self.clock.now();
        let life = make.expires_in.unwrap_or(LINK_FOR);
        if !life.is_positive() || life > LINK_FOR_MAX {
            return Err(Error::Invalid("a connection page works for at most a year".to_owned()));
        }
        let link = ConnectLink {
            id: LinkId::from_bytes(self.mint()),
            owner,
            return_to: make.return_to.as_deref().map(checked_return).transpose()?,
            platforms: make.platforms,
            created_at: now,
            expires_at: now.saturating_add(life).unwrap_or(Timestamp::MAX),
            revoked_at: None,
            standing: false,
        };
        let token = self.random_text();
        self.store.add_link(link.clone(), keys::hash(token.expose())).await?;
        Ok((token, link))
    }

    /// The page of this token; `None` when there is none, or it is forgotten.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn link(&self, token: &str) -> Result<Option<FoundLink>, Error> {
        let now = self.clock.now();
        let link = self.store.link(keys::hash(token)).await?;
        Ok(link.map(|link| {
            if is_open(&link, now) {
                FoundLink::Open(link)
            } else {
                FoundLink::Ended(link)
            }
        }))
    }

    /// Ends a page at once.
    ///
    /// # Errors
    /// [`Error::NotFound`] outside reach.
    pub async fn revoke_link(&self, reach: &Reach, link: LinkId) -> Result<(), Error> {
        Ok(self.store.revoke_link(reach, link, self.clock.now()).await?)
    }
}
