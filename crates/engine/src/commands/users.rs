//! Users and their keys.

use domain::account::{ApiKey, User};
use domain::ids::{ApiKeyId, UserId};
use domain::plan::Plan;
use domain::secret::SecretText;
use rand::Rng;

use crate::{Engine, Error, keys};

/// The most active keys of a user (the PostPost documents name this number).
const KEYS_MAX: u32 = 10;

/// A key just made. The text is shown once and cannot be had again.
#[derive(Debug, Clone)]
pub struct NewApiKey {
    /// The key as it is listed.
    pub key: ApiKey,
    /// What callers send.
    pub text: SecretText,
}

impl Engine {
    /// Adds a user.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an empty or overlong name, [`Error::Conflict`] for a taken one.
    pub async fn create_user(&self, name: &str, plan: Plan) -> Result<User, Error> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > 200 {
            return Err(Error::Invalid("a user's name has 1 to 200 characters".to_owned()));
        }
        let user = User {
            id: UserId::from_bytes(self.mint()),
            name: name.to_owned(),
            plan,
            created_at: self.clock.now(),
        };
        self.store.create_user(user.clone()).await?;
        Ok(user)
    }

    /// Changes what a user may do.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn set_plan(&self, user: UserId, plan: Plan) -> Result<(), Error> {
        self.store.set_plan(user, plan).await?;
        self.keys.forget();
        Ok(())
    }

    /// Removes a user with all accounts; its keys stand for nobody from then on.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn remove_user(&self, user: UserId) -> Result<(), Error> {
        self.store.remove_user(user, self.clock.now()).await?;
        self.keys.forget();
        Ok(())
    }

    /// Makes an API key in PostPost's form: `sk_`, the time in base 36, eight hex digits, a dot, and 52 hex digits.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an overlong name, [`Error::Conflict`] when the user has ten active keys.
    pub async fn create_key(&self, user: UserId, name: &str) -> Result<NewApiKey, Error> {
        let mut random = [0_u8; 30];
        self.with_rng(|rng| rng.fill_bytes(&mut random));
        let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let (head, tail) = hex.split_at(8);
        let millis = u64::try_from(self.clock.now().as_millisecond()).unwrap_or(0);
        self.import_key(user, name, &format!("sk_{}_{head}.{tail}", base36(millis)))
            .await
    }

    /// Accepts a key that the user has from elsewhere.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a key that is too short to be secret, and as [`Self::create_key`].
    pub async fn import_key(&self, user: UserId, name: &str, text: &str) -> Result<NewApiKey, Error> {
        if name.chars().count() > 100 {
            return Err(Error::Invalid("a key's name has at most 100 characters".to_owned()));
        }
        if text.len() < 20 || text.len() > 200 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::Invalid(
                "a key has 20 to 200 printable characters without spaces".to_owned(),
            ));
        }
        let key = ApiKey {
            id: ApiKeyId::from_bytes(self.mint()),
            user,
            name: if name.is_empty() {
                "Default".to_owned()
            } else {
                name.to_owned()
            },
            prefix: text.split_once('.').map_or("legacy", |(prefix, _)| prefix).to_owned(),
            created_at: self.clock.now(),
            last_used_at: None,
            revoked_at: None,
        };
        self.store.create_key(key.clone(), keys::hash(text), KEYS_MAX).await?;
        Ok(NewApiKey {
            key,
            text: SecretText::new(text.to_owned()),
        })
    }

    /// Revokes a key at once.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn revoke_key(&self, user: UserId, key: ApiKeyId) -> Result<(), Error> {
        self.store.revoke_key(user, key, self.clock.now()).await?;
        self.keys.forget();
        Ok(())
    }
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(std::char::from_digit((number % 36) as u32, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}
