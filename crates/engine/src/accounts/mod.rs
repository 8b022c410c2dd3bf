//! Accounts: connected, verified, kept alive, checked, let go.
//!
//! What must stay true:
//! - A state or a choice is good for one use, by whom it was made for, and leads back only to where its sign-in was
//!   started for. Every end of a sign-in is an entry in its owner's connection history.
//! - Connecting an account again keeps its id, posts and history; another account does not take its place.
//! - Tokens, states, codes and page tokens are in no entry, no error and no log line.

mod choosing;
mod connecting;
mod doors;
pub(crate) mod entries;
mod health;
mod keeper;
mod links;
mod outcome;
mod removal;
pub(crate) mod schedule;
mod sign_in;

use connectors::App;
use connectors::signin::abroad::origin_of;
use connectors::signin::{AppNeed, SignIn, SignInCtx};
use domain::account::Account;
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::platform::Platform;
use domain::secret::SecretText;
use jiff::Timestamp;
use rand::Rng;
use std::sync::Arc;
use url::Url;

use crate::context::Halt;
use crate::{Engine, Error};

pub use choosing::ShownChoice;
pub use connecting::{AddAccount, ConnectWith};
/// What front doors hand in and show; they know the connectors by these names alone.
pub use connectors::Credentials;
pub use connectors::signin::{Callback, Field, Means};
pub use links::{FoundLink, MakeLink};
pub use outcome::{Failure, Method, Offered, Outcome, Reason, SignInEnd};
pub use sign_in::{Presented, StartSignIn};

/// Whether accounts of a platform can be connected here.
#[derive(Debug, Clone)]
pub struct Ready {
    /// The platform.
    pub platform: Platform,
    /// The ways to connect, the best one first.
    pub means: &'static [Means],
    /// What the operator must configure first, in words; `None` when people can connect.
    pub missing_config: Option<String>,
}

impl Ready {
    /// Whether people can connect.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        self.missing_config.is_none()
    }
}

impl Engine {
    /// The platforms whose accounts can be connected, in the order of the platforms, and what is missing for others.
    #[must_use]
    pub fn connect_platforms(&self) -> Vec<Ready> {
        let ready = |sign_in: &Arc<dyn SignIn>| {
            let facts = sign_in.facts();
            Ready {
                platform: facts.platform,
                means: facts.means,
                missing_config: facts.missing_config(&self.endpoints),
            }
        };
        self.connectors.sign_ins().map(ready).collect()
    }

    /// Where platforms send browsers back to.
    ///
    /// # Errors
    /// [`Error::Invalid`] when this server does not know its own address.
    pub fn callback_url(&self) -> Result<Url, Error> {
        let unknown = || Error::Invalid("this server does not know its own address; set server.public_url".to_owned());
        let base = self.settings.public_url.as_ref().ok_or_else(unknown)?;
        let below = format!("{}/connect/callback", base.as_str().trim_end_matches('/'));
        Url::parse(&below).map_err(|_| unknown())
    }

    /// The sign-in of a platform. Credentials in hand need no more; what needs an app all the same says so itself.
    pub(crate) fn sign_in(&self, platform: Platform) -> Result<Arc<dyn SignIn>, Error> {
        let sign_in = self.connectors.sign_in(platform).map(Arc::clone);
        sign_in.ok_or_else(|| {
            misconfigured(
                platform,
                format!("This server cannot connect {} accounts", platform.name()),
            )
        })
    }

    /// The sign-in of a platform that the operator has made ready.
    pub(crate) fn ready_sign_in(&self, platform: Platform) -> Result<Arc<dyn SignIn>, Error> {
        let sign_in = self.sign_in(platform)?;
        match sign_in.facts().missing_config(&self.endpoints) {
            Some(missing) => {
                let message = format!("{} is not set up here: {missing}", platform.name());
                Err(misconfigured(platform, message))
            }
            None => Ok(sign_in),
        }
    }

    pub(crate) fn sign_in_ctx<'a>(
        &'a self,
        base_url: Option<&'a str>,
        app: Option<&'a App>,
        now: Timestamp,
    ) -> SignInCtx<'a> {
        SignInCtx {
            endpoints: &self.endpoints,
            http: self.http_at(base_url),
            base_url,
            app,
            now,
        }
    }

    /// This server's app at an account's own server.
    pub(crate) async fn app_of(&self, account: &Account) -> Result<Option<App>, Halt> {
        let server = account.identity.base_url.as_deref();
        Ok(self.app_at(account.platform, server).await?)
    }

    /// This server's app at the server of this address, where apps are registered at servers.
    pub(crate) async fn app_at(&self, platform: Platform, server: Option<&str>) -> Result<Option<App>, store::Error> {
        let per_instance = |sign_in: &&Arc<dyn SignIn>| sign_in.facts().app == AppNeed::PerInstance;
        if self.connectors.sign_in(platform).filter(per_instance).is_none() {
            return Ok(None);
        }
        // Where the operator names one server, it stands in for all.
        let own = self.endpoints.base(platform, "");
        let origin = if own.is_empty() {
            server.and_then(origin_of)
        } else {
            Some(own)
        };
        let Some(origin) = origin else { return Ok(None) };
        let app = self.store.app(platform, &origin).await?;
        Ok(app.map(|app| App {
            id: app.id,
            secret: app.secret,
        }))
    }

    /// A text that cannot be guessed: 256 random bits as hexadecimal digits.
    pub(crate) fn random_text(&self) -> SecretText {
        let bytes = self.random_bytes();
        SecretText::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    pub(crate) fn random_bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.with_rng(|rng| rng.fill_bytes(&mut bytes));
        bytes
    }
}

/// Where a browser may be sent in the end: an absolute address for browsers, without a name or password in it.
///
/// # Errors
/// [`Error::Invalid`].
fn checked_return(address: &str) -> Result<String, Error> {
    let invalid = || Error::Invalid("the address to return to must be an http or https address".to_owned());
    let url = Url::parse(address).map_err(|_| invalid())?;
    let is_plain = url.username().is_empty() && url.password().is_none();
    let fits = matches!(url.scheme(), "http" | "https") && url.has_host() && is_plain && address.len() <= 2_000;
    fits.then(|| url.into()).ok_or_else(invalid)
}

fn misconfigured(platform: Platform, message: String) -> Error {
    PlatformError::refused(platform, Stage::Connect, ErrorKind::OperatorConfig, message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_never_sent_to_a_script_or_a_file_in_the_end() {
        for address in [
            "javascript:alert(1)",
            "file:///etc/passwd",
            "//evil.example",
            "https://a:b@x.example/",
            "",
        ] {
            assert!(checked_return(address).is_err(), "{address}");
        }
        assert_eq!(
            checked_return("https://app.example/done?x=1").unwrap(),
            "https://app.example/done?x=1"
        );
    }
}
