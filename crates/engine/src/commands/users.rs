//! Users and their keys.

use domain::account::{ApiKey, User};
use domain::ids::{ApiKeyId, UserId};
use domain::plan::{Metric, Plan, month_of};
use domain::secret::SecretText;
use rand::Rng;

use crate::{Engine, Error, keys};

/// The most active keys of a user (the PostPost documents name this number).
pub(super) const KEYS_MAX: u32 = 10;

/// How many rows of usage are added up.
const USAGE_ROWS_MAX: u32 = 1_000_000;

/// What is counted against a plan now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanUsage {
    /// Connected accounts.
    pub connections: u64,
    /// Posts of this calendar month (UTC).
    pub month: Option<u64>,
    /// Posts that wait to go out.
    pub queue: Option<u64>,
}

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
        let user = self.new_user(name, plan)?;
        self.store.create_user(user.clone()).await?;
        Ok(user)
    }

    pub(super) fn new_user(&self, name: &str, plan: Plan) -> Result<User, Error> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > 200 || name.chars().any(char::is_control) {
            return Err(Error::Invalid(
                "a user's name has 1 to 200 characters, all of them visible".to_owned(),
            ));
        }
        Ok(User {
            id: UserId::from_bytes(self.mint()),
            name: name.to_owned(),
            plan,
            created_at: self.clock.now(),
            manager: None,
            display_name: None,
        })
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

    /// Gives every user that follows a configured plan that plan as it is configured now. Returns how many had another.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn follow_plans(&self) -> Result<u64, Error> {
        let mut changed = 0;
        for plan in self.settings.plans.all() {
            changed += self.store.follow_plan(plan).await?;
        }
        self.keys.forget();
        Ok(changed)
    }

    /// What is counted against a user's plan now: connected accounts, posts of this month, posts in the queue; those of
    /// managed users included. Posts are `None` where the plan has no limit for them.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn usage(&self, user: &User) -> Result<PlanUsage, Error> {
        let (start, _) = month_of(self.clock.now());
        let rows = self.store.usage(user.id, USAGE_ROWS_MAX).await?;
        let of = |metric: Metric| {
            let counted = rows.iter().filter(|row| row.metric == metric);
            user.plan.counts(metric).then(|| counted.map(|row| row.count).sum())
        };
        Ok(PlanUsage {
            connections: self.store.connections(user.id).await?,
            month: of(Metric::Month(start)),
            queue: of(Metric::Queue),
        })
    }

    /// Removes a user with all accounts; its keys stand for nobody from then on, and the keeper gives the accounts' tokens
    /// back.
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
        self.import_key(user, name, &self.key_text()).await
    }

    pub(super) fn key_text(&self) -> String {
        let mut random = [0_u8; 30];
        self.with_rng(|rng| rng.fill_bytes(&mut random));
        let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let (head, tail) = hex.split_at(8);
        let millis = u64::try_from(self.clock.now().as_millisecond()).unwrap_or(0);
        format!("sk_{}_{head}.{tail}", base36(millis))
    }

    /// Accepts a key that the user has from elsewhere; it is stored and listed like those made here.
    ///
    /// # Errors
    /// [`Error::Invalid`] for what cannot be a key or could be guessed, [`Error::Conflict`] when somebody has or had the
    /// same one, and as [`Self::create_key`].
    pub async fn import_key(&self, user: UserId, name: &str, text: &str) -> Result<NewApiKey, Error> {
        let (key, text) = self.new_key(user, name, text)?;
        self.store
            .create_key(key.clone(), keys::hash(text.expose()), KEYS_MAX)
            .await?;
        Ok(NewApiKey { key, text })
    }

    pub(super) fn new_key(&self, user: UserId, name: &str, text: &str) -> Result<(ApiKey, SecretText), Error> {
        if name.chars().count() > 100 {
            return Err(Error::Invalid("a key's name has at most 100 characters".to_owned()));
        }
        if text.len() < 20 || text.len() > 200 || !text.bytes().all(is_of_keys) {
            return Err(Error::Invalid(
                "a key has 20 to 200 letters, digits and signs of `_-.~+/=`; take it without quotes".to_owned(),
            ));
        }
        if keys::strength::is_guessable(text) {
            return Err(Error::Invalid(
                "this key could be guessed: what follows its dot must be drawn at random; have one made here instead"
                    .to_owned(),
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
        Ok((key, SecretText::new(text.to_owned())))
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

/// Whether a key may have this character: all that URLs and base64 are written with.
const fn is_of_keys(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'~' | b'+' | b'/' | b'=')
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
