//! Signing in with a browser: start, consent at the platform, and what it sends back.

use std::collections::BTreeMap;
use std::sync::Arc;

use connectors::App;
use connectors::signin::abroad::origin_of;
use connectors::signin::{Ask, Begun, Callback, Found, Means, Memory, SignIn};
use domain::account::Account;
use domain::error::PlatformError;
use domain::ids::{AccountId, SignInId, UserId};
use domain::platform::Platform;
use domain::secret::SecretText;
use jiff::{SignedDuration, Timestamp};
use store::{ConnectLink, InstanceApp, NewSignIn, SignInPhase, SignInRow, TakeRefused};
use url::Url;

use super::checked_return;
use super::entries::{self, Subject};
use super::links::is_open;
use super::outcome::{Failure, Method, Outcome, Reason, SignInEnd};
use crate::{Engine, Error, keys};

/// How long a person has at the platform: long enough to find a phone with a second factor.
const SIGN_IN_FOR: SignedDuration = SignedDuration::from_mins(30);

/// What the sealed memory of a sign-in holds beside the connector's: the browser that began it.
const BROWSER: &str = "engine.browser";

/// What a sign-in begins with.
#[derive(Debug, Clone)]
pub struct StartSignIn {
    /// Who signs in.
    pub owner: UserId,
    /// Where.
    pub platform: Platform,
    /// What the person entered first, by the field's name: a server, a handle.
    pub inputs: BTreeMap<String, String>,
    /// The hosted page that it is begun from.
    pub link: Option<ConnectLink>,
    /// The account that is to be connected again.
    pub account: Option<AccountId>,
    /// Where the browser goes in the end; that of the hosted page, when it is begun from one.
    pub return_to: Option<String>,
    /// A secret that the browser keeps; whoever finishes must have it too.
    pub browser: Option<SecretText>,
}

/// Who brings a state back. What is known must be what the sign-in was begun with.
#[derive(Debug, Clone, Default)]
pub struct Presented {
    /// The user, when an API call finishes it.
    pub owner: Option<UserId>,
    /// The platform, when the address names it.
    pub platform: Option<Platform>,
    /// The browser's secret.
    pub browser: Option<SecretText>,
}

impl Engine {
    /// Begins a sign-in. Returns where the browser is to go; that address holds the state and is not to be logged.
    ///
    /// # Errors
    /// [`Error::Platform`] when the platform is not set up here or refuses (that is an entry, too); [`Error::Invalid`]
    /// for inputs and addresses that make no sense; [`Error::NotFound`] for an account of somebody else or a page that
    /// has ended; [`Error::Conflict`] when too many sign-ins are open.
    pub async fn start_sign_in(&self, mut start: StartSignIn) -> Result<Url, Error> {
        let sign_in = self.ready_sign_in(start.platform)?;
        let now = self.clock.now();
        let again = self.account_again(&start).await?;
        let return_to = self.return_of(&start, now)?;
        let redirect_uri = self.callback_url()?.to_string();
        let server = asked_first(sign_in.as_ref(), &mut start, again.as_ref())?;
        let subject = Subject {
            owner: start.owner,
            platform: start.platform,
            again: start.account,
            method: Method::OAuth,
            returns: return_to.is_some(),
            from_page: start.link.is_some(),
        };
        let state = self.random_text();
        let ask = Ask {
            state: state.expose().to_owned(),
            redirect_uri: redirect_uri.clone(),
            seed: self.random_bytes(),
            inputs: start.inputs.clone(),
            app: self.app_at(start.platform, server.as_deref()).await?,
        };
        let Begun {
            authorize,
            mut memory,
            registered,
        } = match sign_in.begin(self.sign_in_ctx(None, None, now), &ask).await {
            Ok(begun) => begun,
            Err(error) => return Err(self.could_not_begin(&subject, error).await?),
        };
        if let Some((origin, App { id, secret })) = registered {
            let app = InstanceApp { id, secret };
            self.store.remember_app(start.platform, &origin, app).await?;
        }
        if let Some(browser) = &start.browser {
            memory.set(BROWSER, fingerprint(browser));
        }
        let row = NewSignIn {
            id: SignInId::from_bytes(self.mint()),
            owner: start.owner,
            platform: start.platform,
            link: start.link.as_ref().map(|link| link.id),
            account: start.account,
            return_to,
            redirect_uri,
            secret_hash: keys::hash(state.expose()),
            memory: memory.to_secret(),
            created_at: now,
            expires_at: now.saturating_add(SIGN_IN_FOR).unwrap_or(Timestamp::MAX),
        };
        self.store.begin_sign_in(row).await?;
        Ok(authorize)
    }

    /// The account that is to be connected again, if it is the caller's.
    async fn account_again(&self, start: &StartSignIn) -> Result<Option<Account>, Error> {
        let Some(id) = start.account else { return Ok(None) };
        let account = self.store.account(id).await?;
        let is_theirs = |account: &Account| account.owner == start.owner && account.platform == start.platform;
        account.filter(is_theirs).map(Some).ok_or(Error::NotFound)
    }

    fn return_of(&self, start: &StartSignIn, now: Timestamp) -> Result<Option<String>, Error> {
        let Some(link) = &start.link else {
            return start.return_to.as_deref().map(checked_return).transpose();
        };
        let offers = link.platforms.is_empty() || link.platforms.contains(&start.platform);
        if link.owner != start.owner || !offers || !is_open(link, now) {
            return Err(Error::NotFound);
        }
        Ok(link.return_to.clone())
    }

    async fn could_not_begin(&self, subject: &Subject, error: PlatformError) -> Result<Error, Error> {
        let failure = Failure::of(error, Reason::ExchangeFailed);
        self.log_failure(subject, &failure, None).await?;
        Ok(failure.error.map_or(Error::Invalid(failure.words), Error::Platform))
    }

    /// Finishes a sign-in with what the platform sent back with the browser.
    ///
    /// A state is good for one use. One that was used before, has expired, or was begun by somebody else fails, and its
    /// owner's history says so.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a state that nobody began, which is what a changed one is; [`Error::Unavailable`].
    pub async fn finish_sign_in(&self, state: &str, back: Callback, by: Presented) -> Result<SignInEnd, Error> {
        let (engine, hash) = (self.clone(), keys::hash(state));
        // A task of its own: a browser that goes away must not leave a code spent and nothing written down.
        let task = tokio::spawn(async move { engine.finish(hash, back, by).await });
        match task.await {
            Ok(end) => end,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(Error::Unavailable(store::Error::Unavailable("stopping".to_owned()))),
        }
    }

    async fn finish(&self, hash: [u8; 32], back: Callback, by: Presented) -> Result<SignInEnd, Error> {
        let row = match self.store.take_sign_in(hash, self.clock.now()).await? {
            Ok(row) => row,
            Err(refused) => return self.refuse(refused).await,
        };
        let subject = Subject::of(&row, Method::OAuth);
        let started = self.clock.now();
        let outcome = match self.answered(&row, &back, &by).await {
            Ok((memory, sign_in)) => self.exchange(&row, sign_in.as_ref(), &memory, &back).await?,
            Err(failure) => Err(failure),
        };
        let outcome = match outcome {
            Ok(found) => self.conclude(&subject, Some(row.id), found, started).await?,
            Err(failure) => self.fail(&subject, failure, Some(started)).await?,
        };
        Ok(end_of(row, outcome))
    }

    /// What is remembered of a sign-in, if whoever brings its state back may.
    async fn answered(
        &self,
        row: &SignInRow,
        back: &Callback,
        by: &Presented,
    ) -> Result<(Memory, Arc<dyn SignIn>), Failure> {
        let foreign = |words: &str| Err(Failure::own(Reason::Foreign, words));
        let memory = Memory::from_secret(&row.memory).filter(|_| row.phase == SignInPhase::Authorizing);
        let Some(memory) = memory else {
            return foreign("This sign-in waits for a choice, not for an answer of the platform; start it again");
        };
        if by.owner.is_some_and(|owner| owner != row.owner) {
            return foreign("This sign-in was begun by somebody else; start it again");
        }
        if by.platform.is_some_and(|platform| platform != row.platform) {
            return foreign("This sign-in was begun for another platform; start it again");
        }
        let shown = by.browser.as_ref().map(fingerprint);
        if memory.get(BROWSER).is_some_and(|begun| shown.as_deref() != Some(begun)) {
            return foreign("This sign-in was begun in another browser; start it again in this one");
        }
        if back.code.is_none() && back.error.is_none() {
            let words = format!(
                "{} sent nothing to finish the sign-in with; start it again",
                row.platform.name()
            );
            return Err(Failure::own(Reason::ExchangeFailed, words));
        }
        let sign_in = self.ready_sign_in(row.platform);
        let sign_in = sign_in.map_err(|error| Failure::own(Reason::NotConfigured, error.to_string()))?;
        Ok((memory, sign_in))
    }

    /// The code for tokens, and whose they are.
    async fn exchange(
        &self,
        row: &SignInRow,
        sign_in: &dyn SignIn,
        memory: &Memory,
        back: &Callback,
    ) -> Result<Result<Found, Failure>, Error> {
        let ctx = self.sign_in_ctx(None, None, self.clock.now());
        let grant = match sign_in.exchange(ctx, memory, back).await {
            Ok(grant) => grant,
            Err(error) => return Ok(Err(Failure::of(error, Reason::ExchangeFailed))),
        };
        let found = sign_in.identify(ctx, &grant).await;
        let found =
            found.map_err(|error| Failure::of(crate::scrub::scrub(&grant.tokens, error), Reason::IdentityFailed));
        match found {
            Ok(found) => self.only_the_same(row.platform, row.account, found).await,
            Err(failure) => Ok(Err(failure)),
        }
    }

    /// Refuses a state or a choice that cannot be used, and tells its owner.
    pub(super) async fn refuse(&self, refused: TakeRefused) -> Result<SignInEnd, Error> {
        let (row, failure) = match refused {
            TakeRefused::Unknown => return Err(Error::NotFound),
            TakeRefused::Expired(row) => {
                let words = "This sign-in has expired; start it again";
                (row, Failure::own(Reason::Expired, words))
            }
            TakeRefused::Replayed(row) => {
                let words = "This sign-in was used already; if nothing was connected, start it again";
                (row, Failure::own(Reason::Replayed, words))
            }
        };
        let subject = Subject::of(&row, Method::OAuth);
        let outcome = self.fail(&subject, failure, None).await?;
        Ok(end_of(*row, outcome))
    }

    /// Writes down that nothing was connected.
    pub(super) async fn fail(
        &self,
        subject: &Subject,
        failure: Failure,
        started: Option<Timestamp>,
    ) -> Result<Outcome, Error> {
        self.log_failure(subject, &failure, started).await?;
        Ok(Outcome::Failed(failure))
    }

    pub(super) async fn log_failure(
        &self,
        subject: &Subject,
        failure: &Failure,
        started: Option<Timestamp>,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let took = started.map(|started| now.duration_since(started));
        let entry = entries::connect_failed(subject, failure, now, took);
        let reach = store::Reach { owner: subject.owner };
        Ok(self.store.log_connection(&reach, entry).await?)
    }
}

impl Subject {
    pub(super) fn of(row: &SignInRow, method: Method) -> Self {
        Self {
            owner: row.owner,
            platform: row.platform,
            again: row.account,
            method,
            returns: row.return_to.is_some(),
            from_page: row.link.is_some(),
        }
    }
}

pub(super) fn end_of(row: SignInRow, outcome: Outcome) -> SignInEnd {
    SignInEnd {
        owner: row.owner,
        platform: row.platform,
        link: row.link,
        return_to: row.return_to,
        outcome,
        more: None,
    }
}

/// What is kept of a browser's secret.
fn fingerprint(secret: &SecretText) -> String {
    keys::hash(secret.expose())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Checks what must be entered before the browser is sent anywhere, and fills in what is known of an account that is
/// connected again. Returns the origin of the server that was named.
fn asked_first(
    sign_in: &dyn SignIn,
    start: &mut StartSignIn,
    again: Option<&Account>,
) -> Result<Option<String>, Error> {
    let name = start.platform.name();
    let by_browser = sign_in.facts().means.iter().find_map(|means| match means {
        Means::OAuth => Some(None),
        Means::OAuthAt(field) => Some(Some(field)),
        Means::Credentials(_) => None,
    });
    let field = match by_browser {
        Some(Some(field)) => field,
        Some(None) => return Ok(None),
        None => {
            return Err(Error::Invalid(format!(
                "{name} accounts are not connected with a browser"
            )));
        }
    };
    let known = |account: &Account| match &account.identity.base_url {
        Some(server) if field.name == "server" => server.clone(),
        _ => account.identity.username.clone(),
    };
    let entered = start.inputs.get(field.name).map(|text| text.trim().to_owned());
    let entered = entered.filter(|text| !text.is_empty()).or_else(|| again.map(known));
    let Some(entered) = entered else {
        return Err(Error::Invalid(format!("{name} needs the field “{}”", field.name)));
    };
    let server = origin_of(&entered);
    start.inputs.insert(field.name.to_owned(), entered);
    Ok(server)
}
