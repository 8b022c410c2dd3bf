//! Making, changing and reading receivers.

use domain::ids::{DeliveryId, UserId, WebhookId};
use domain::notice::NoticeKinds;
use domain::secret::SecretText;
use domain::webhook::{Delivery, Webhook, WebhookDialect};
use rand::Rng;
use store::{NewWebhook, Reach, WebhookEdit};
use url::Url;

use crate::{Engine, Error};

/// The longest name, in characters.
const NAME_CHARS_MAX: usize = 200;
/// The longest address, in bytes.
const URL_BYTES_MAX: usize = 2_048;
/// The random bytes of a secret that is made here, which is written in hex.
const SECRET_BYTES: usize = 32;

/// A receiver to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MakeWebhook {
    /// Whose it will be.
    pub owner: UserId,
    /// What its owner calls it.
    pub name: String,
    /// Where messages go.
    pub url: String,
    /// What it listens to, in the dialect's words.
    pub events: Vec<String>,
}

/// Changes to a receiver; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EditWebhook {
    /// What its owner calls it.
    pub name: Option<String>,
    /// Where messages go.
    pub url: Option<String>,
    /// What it listens to, in the dialect's words.
    pub events: Option<Vec<String>>,
    /// Whether it gets messages.
    pub active: Option<bool>,
}

impl Engine {
    /// Makes a receiver with a secret of its own, which is shown this once.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty or overlong name, an address that is not allowed, or an event that the dialect does
    /// not have; [`Error::Conflict`] when the user has as many as the dialect allows; [`Error::NotFound`].
    pub async fn make_webhook(
        &self,
        dialect: &dyn WebhookDialect,
        make: MakeWebhook,
    ) -> Result<(Webhook, SecretText), Error> {
        let name = self.checked_name(&make.name)?;
        self.check_url(&make.url)?;
        if make.events.is_empty() {
            return Err(Error::Invalid("a webhook listens to at least one event".to_owned()));
        }
        let kinds = kinds_of(dialect, &make.events)?;
        let secret = self.new_secret();
        let new = NewWebhook {
            id: WebhookId::from_bytes(self.mint()),
            owner: make.owner,
            dialect: dialect.name().to_owned(),
            name,
            url: make.url,
            events: make.events,
            kinds,
            secret: secret.clone(),
            at: self.clock.now(),
        };
        let webhook = self.store.add_webhook(new, dialect.webhooks_max()).await?;
        Ok((webhook, secret))
    }

    /// The receivers within reach, of one dialect or of all, oldest first.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn webhooks(&self, reach: &Reach, dialect: Option<&str>) -> Result<Vec<Webhook>, Error> {
        Ok(self.store.webhooks(reach, dialect).await?)
    }

    /// Changes a receiver of the dialect.
    ///
    /// # Errors
    /// As [`Self::make_webhook`]; [`Error::NotFound`] outside reach or of another dialect.
    pub async fn edit_webhook(
        &self,
        dialect: &dyn WebhookDialect,
        reach: &Reach,
        webhook: WebhookId,
        edit: EditWebhook,
    ) -> Result<Webhook, Error> {
        self.own(dialect, reach, webhook).await?;
        let name = edit.name.map(|name| self.checked_name(&name)).transpose()?;
        edit.url.iter().try_for_each(|url| self.check_url(url))?;
        let events = match edit.events {
            Some(events) => Some((events.clone(), kinds_of(dialect, &events)?)),
            None => None,
        };
        let edit = WebhookEdit {
            name,
            url: edit.url,
            events,
            active: edit.active,
            secret: None,
        };
        Ok(self.store.edit_webhook(reach, webhook, edit, self.clock.now()).await?)
    }

    /// Gives a receiver of the dialect a new secret, which is shown this once. Messages are signed with it at once.
    ///
    /// # Errors
    /// [`Error::NotFound`] outside reach or of another dialect.
    pub async fn renew_webhook_secret(
        &self,
        dialect: &dyn WebhookDialect,
        reach: &Reach,
        webhook: WebhookId,
    ) -> Result<SecretText, Error> {
        self.own(dialect, reach, webhook).await?;
        let secret = self.new_secret();
        let edit = WebhookEdit {
            secret: Some(secret.clone()),
            ..WebhookEdit::default()
        };
        self.store.edit_webhook(reach, webhook, edit, self.clock.now()).await?;
        Ok(secret)
    }

    /// Removes a receiver with all its messages.
    ///
    /// # Errors
    /// [`Error::NotFound`] outside reach.
    pub async fn remove_webhook(&self, reach: &Reach, webhook: WebhookId) -> Result<(), Error> {
        Ok(self.store.remove_webhook(reach, webhook).await?)
    }

    /// Sends a receiver a message that tells of nothing, and returns its id; [`Self::deliveries`] says how it fared.
    ///
    /// # Errors
    /// [`Error::NotFound`] outside reach; [`Error::Conflict`] when it is switched off.
    pub async fn test_webhook(&self, reach: &Reach, webhook: WebhookId) -> Result<DeliveryId, Error> {
        Ok(self.store.test_webhook(reach, webhook, self.clock.now()).await?)
    }

    /// The messages of a receiver, newest first, at most `limit` and at most 1,000. Empty outside reach.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn deliveries(&self, reach: &Reach, webhook: WebhookId, limit: u32) -> Result<Vec<Delivery>, Error> {
        Ok(self.store.deliveries(reach, webhook, limit).await?)
    }

    /// The receiver, when it is within reach and of this dialect: dialects do not see each other's.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn own(&self, dialect: &dyn WebhookDialect, reach: &Reach, webhook: WebhookId) -> Result<Webhook, Error> {
        let found = self.store.webhook(reach, webhook).await?;
        found
            .filter(|webhook| webhook.dialect == dialect.name())
            .ok_or(Error::NotFound)
    }

    fn checked_name(&self, name: &str) -> Result<String, Error> {
        if name.trim().is_empty() || name.chars().count() > NAME_CHARS_MAX {
            let words = format!("a webhook's name has 1 to {NAME_CHARS_MAX} characters");
            return Err(Error::Invalid(words));
        }
        Ok(name.to_owned())
    }

    fn check_url(&self, text: &str) -> Result<(), Error> {
        let url = Url::parse(text).ok().filter(|_| text.len() <= URL_BYTES_MAX);
        let url = url.ok_or_else(|| Error::Invalid("the address of a webhook is not a URL".to_owned()))?;
        let judged = self.settings.webhooks.judge_url(&url);
        judged
            .map(|_| ())
            .map_err(|refusal| Error::Invalid(refusal.to_string()))
    }

    fn new_secret(&self) -> SecretText {
        let mut random = [0_u8; SECRET_BYTES];
        self.with_rng(|rng| rng.fill_bytes(&mut random));
        SecretText::new(random.iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// What events of a dialect tell.
fn kinds_of(dialect: &dyn WebhookDialect, events: &[String]) -> Result<NoticeKinds, Error> {
    let mut kinds = Vec::new();
    for event in events {
        let known = dialect.events().iter().find(|(name, _)| name == event);
        let (_, told) = known.ok_or_else(|| {
            let names: Vec<_> = dialect.events().iter().map(|(name, _)| *name).collect();
            Error::Invalid(format!("there is no event '{event}'; there are: {}", names.join(", ")))
        })?;
        kinds.extend_from_slice(told);
    }
    Ok(kinds.into_iter().collect())
}
