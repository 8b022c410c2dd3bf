//! Users that other users manage: made, taken in with their consent, let go, and given keys and connection pages.

use domain::account::User;
use domain::ids::{LinkId, UserId};
use domain::secret::SecretText;
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use sha2::Sha256;
use store::{Conflict, ConnectLink, MANAGED_MAX};

use super::users::{KEYS_MAX, NewApiKey};
use crate::{Engine, Error, keys};

/// How long a consent holds unless said otherwise, and how long at most.
const CONSENT_FOR: SignedDuration = SignedDuration::from_mins(15);
const CONSENT_FOR_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long a standing connection page works unless said otherwise (the PostPost documents say 90 days).
const PAGE_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);
const PAGE_FOR_MAX: SignedDuration = SignedDuration::from_hours(366 * 24);

/// A managed user as its manager sees it.
#[derive(Debug, Clone)]
pub struct ManagedUser {
    /// The user.
    pub user: User,
    /// Its standing connection page, while one works.
    pub page: Option<StandingPage>,
}

/// A connection page whose address the user's manager may ask for again.
#[derive(Debug, Clone)]
pub struct StandingPage {
    /// The last part of its address, `{public_url}/connect/{token}`.
    pub token: SecretText,
    /// Until when it works.
    pub expires_at: Timestamp,
}

/// Whom to take in: by id, by name, or by both, which must then be one user's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Whom {
    /// Its id.
    pub id: Option<UserId>,
    /// Its name.
    pub name: Option<String>,
}

/// Why a user was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// Id and name are two users'.
    #[error("the id and the name are of two different users")]
    Mismatch,
    /// A user cannot manage itself.
    #[error("a user cannot be taken into its own workspace")]
    Itself,
    /// The user's consent is missing.
    #[error("the user's consent is needed")]
    ConsentMissing,
    /// Anything else.
    #[error(transparent)]
    Other(#[from] Error),
}

/// A user who was asked for by a name that is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namesake {
    /// Who has the name.
    pub id: UserId,
    /// Who manages it.
    pub manager: Option<UserId>,
    /// Whether it could be taken in with its consent.
    pub attachable: bool,
}

impl Engine {
    /// Whether `manager` manages `user`.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn manages(&self, manager: UserId, user: UserId) -> Result<bool, Error> {
        let user = self.store.user(user).await?;
        Ok(user.is_some_and(|user| user.manager == Some(manager)))
    }

    /// The users that `manager` manages, oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn managed_users(&self, manager: UserId) -> Result<Vec<ManagedUser>, Error> {
        let found = self.store.managed_users(manager, self.clock.now(), MANAGED_MAX).await?;
        let with_page = found.into_iter().map(|one| ManagedUser {
            page: one.page.map(|page| self.standing_page(&page)),
            user: one.user,
        });
        Ok(with_page.collect())
    }

    /// Adds a user that `manager` manages. Names are kept in lower case, since they are e-mail addresses.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name or display name that is too long, [`Error::Conflict`] for a taken one or when there
    /// are too many, [`Error::NotFound`] when the manager is managed itself.
    pub async fn create_managed_user(
        &self,
        manager: UserId,
        name: &str,
        display_name: Option<String>,
    ) -> Result<User, Error> {
        if display_name.as_ref().is_some_and(|name| name.chars().count() > 200) {
            return Err(Error::Invalid("a display name has at most 200 characters".to_owned()));
        }
        let user = User {
            manager: Some(manager),
            display_name,
            ..self.new_user(&name.to_lowercase(), self.settings.plans.of_new_users())?
        };
        self.store.create_user(user.clone()).await?;
        Ok(user)
    }

    /// Who has this name; `None` when it is free.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn namesake(&self, name: &str) -> Result<Option<Namesake>, Error> {
        let Some(user) = self.store.user_by_name(&name.trim().to_lowercase()).await? else {
            return Ok(None);
        };
        let manages = !self.store.managed_users(user.id, self.clock.now(), 1).await?.is_empty();
        Ok(Some(Namesake {
            id: user.id,
            manager: user.manager,
            attachable: user.manager.is_none() && !manages,
        }))
    }

    /// Has `manager` manage a user who consents. Returns the user, and whether it was managed by `manager` before.
    ///
    /// # Errors
    /// [`AttachError`]; within [`AttachError::Other`]: [`Error::NotFound`] for an unknown user, [`Error::Conflict`],
    /// [`Error::Limit`] when the manager's plan has no room for the user's accounts.
    pub async fn attach_user(
        &self,
        manager: UserId,
        whom: &Whom,
        consent: Option<&str>,
    ) -> Result<(User, bool), AttachError> {
        let mut user = self.whom(whom).await?;
        if user.id == manager {
            return Err(AttachError::Itself);
        }
        if user.manager == Some(manager) {
            return Ok((user, true));
        }
        let consent = keys::hash(consent.ok_or(AttachError::ConsentMissing)?);
        let is_new = self
            .store
            .attach(manager, user.id, consent, self.clock.now())
            .await
            .map_err(Error::from)?;
        self.keys.forget();
        user.manager = Some(manager);
        Ok((user, !is_new))
    }

    async fn whom(&self, whom: &Whom) -> Result<User, AttachError> {
        let by_id = match whom.id {
            Some(id) => Some(self.store.user(id).await.map_err(Error::from)?.ok_or(Error::NotFound)?),
            None => None,
        };
        let by_name = match &whom.name {
            Some(name) => Some(self.user_by_any_case(name).await?),
            None => None,
        };
        match (by_id, by_name) {
            (Some(one), Some(other)) if one.id != other.id => Err(AttachError::Mismatch),
            (Some(user), _) | (None, Some(user)) => Ok(user),
            (None, None) => Err(Error::NotFound.into()),
        }
    }

    async fn user_by_any_case(&self, name: &str) -> Result<User, Error> {
        match self.user_by_name(name).await {
            Err(Error::NotFound) => self.user_by_name(&name.to_lowercase()).await,
            other => other,
        }
    }

    /// Lets a managed user go. It keeps all it has, but for keys and the page that its manager had made.
    ///
    /// # Errors
    /// [`Error::NotFound`] when `manager` does not manage it.
    pub async fn detach_user(&self, manager: UserId, user: UserId) -> Result<(), Error> {
        self.store.detach(manager, user, self.clock.now()).await?;
        self.keys.forget();
        Ok(())
    }

    /// Makes the key with which a managed user's things are reached; the one that was made so before is revoked.
    ///
    /// # Errors
    /// [`Error::NotFound`] when `manager` does not manage it, [`Error::Conflict`] when the user has ten active keys of
    /// its own.
    pub async fn replace_managed_key(&self, manager: UserId, user: UserId) -> Result<NewApiKey, Error> {
        let (key, text) = self.new_key(user, "Workspace", &self.key_text())?;
        self.store
            .replace_key(manager, key.clone(), keys::hash(text.expose()), KEYS_MAX)
            .await?;
        self.keys.forget();
        Ok(NewApiKey { key, text })
    }

    /// The standing connection page of a managed user: the one that works, or a new one for so long (90 days, at most 366)
    /// when there is none or `rotate` is asked for.
    ///
    /// # Errors
    /// [`Error::NotFound`] when `manager` does not manage it, [`Error::Conflict`] when the user has too many pages.
    pub async fn managed_page(
        &self,
        manager: UserId,
        user: UserId,
        expires_in: Option<SignedDuration>,
        rotate: bool,
    ) -> Result<StandingPage, Error> {
        let now = self.clock.now();
        let life = expires_in
            .unwrap_or(PAGE_FOR)
            .clamp(SignedDuration::from_secs(1), PAGE_FOR_MAX);
        let page = ConnectLink {
            id: LinkId::from_bytes(self.mint()),
            owner: user,
            return_to: None,
            platforms: Vec::new(),
            created_at: now,
            expires_at: now.saturating_add(life).unwrap_or(Timestamp::MAX),
            revoked_at: None,
            standing: true,
        };
        let hash = keys::hash(self.standing_page(&page).token.expose());
        let page = self.store.standing_link(manager, page, hash, rotate).await?;
        Ok(self.standing_page(&page))
    }

    /// The token is a function of the page's id and the installation's secret, so that the same address can be told again
    /// although only its hash is kept.
    fn standing_page(&self, page: &ConnectLink) -> StandingPage {
        let mut token = String::new();
        if let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.installation.secret.expose()) {
            mac.update(b"connection page\0");
            mac.update(page.id.as_bytes());
            token = mac
                .finalize()
                .into_bytes()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
        }
        StandingPage {
            token: SecretText::new(token),
            expires_at: page.expires_at,
        }
    }

    /// Makes a consent: whoever is given its text may once have this user managed. A consent made before ends.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown user, [`Error::Invalid`] for more than a week, [`Error::Conflict`] for a user
    /// whom somebody manages.
    pub async fn make_consent(
        &self,
        user: UserId,
        expires_in: Option<SignedDuration>,
    ) -> Result<(SecretText, Timestamp), Error> {
        let life = expires_in.unwrap_or(CONSENT_FOR);
        if !life.is_positive() || life > CONSENT_FOR_MAX {
            return Err(Error::Invalid("a consent holds for at most seven days".to_owned()));
        }
        let user = self.store.user(user).await?.ok_or(Error::NotFound)?;
        if user.manager.is_some() {
            return Err(Error::Conflict(Conflict::ManagedByAnother));
        }
        let until = self.clock.now().saturating_add(life).unwrap_or(Timestamp::MAX);
        let text = SecretText::new(format!("consent_{}", self.random_text().expose()));
        self.store
            .add_consent(user.id, keys::hash(text.expose()), until)
            .await?;
        Ok((text, until))
    }
}
