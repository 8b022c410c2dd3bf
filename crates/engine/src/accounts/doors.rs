//! What the hosted page needs to know besides the commands.

use domain::account::User;
use domain::ids::{LinkId, UserId};

use crate::{Engine, Error, keys};

impl Engine {
    /// The user of this id.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn user(&self, user: UserId) -> Result<User, Error> {
        self.store.user(user).await?.ok_or(Error::NotFound)
    }

    /// How this server describes itself to platforms that take an address for a registration (Bluesky), as JSON. It must
    /// be served where they expect it: beside the callback, at `client-metadata.json`.
    ///
    /// # Errors
    /// As [`Self::callback_url`].
    pub fn client_metadata(&self) -> Result<serde_json::Value, Error> {
        let callback = self.callback_url()?;
        Ok(connectors::bluesky::signin::client_metadata(
            callback.as_str(),
            &self.endpoints,
        )?)
    }

    /// The hosted page that a sign-in which waits for this state was begun from. The sign-in goes on waiting.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn sign_in_link(&self, state: &str) -> Result<Option<LinkId>, Error> {
        let row = self.store.peek_sign_in(keys::hash(state), self.clock.now()).await?;
        Ok(row.and_then(|row| row.link))
    }
}
