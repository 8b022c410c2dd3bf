//! What is read and done with an account beside publishing: numbers, reactions, comments, reshares.
//!
//! What must stay true:
//! - Whatever makes or removes something is in the log before the platform hears of it, and how it ended is there
//!   afterwards: an entry `action_attempted` without its `action_ended` belongs to a process that died in between, and
//!   gets its end, of unknown outcome, when the next one starts.
//! - It is sent once. Only a refusal of the token itself, which did nothing, is followed by a second request, with a new
//!   token; an answer that was lost never is. The error's fate then says that it may have been done, and a person looks.
//! - Numbers are the platform's. They are remembered for [`KNOWN_FOR`], failures are not.

mod known;

use std::sync::Arc;

use connectors::AccountRef;
use connectors::insight::{Insight, InsightCtx, not_told};
use domain::account::{Account, AccountHealth, Tokens};
use domain::capability::Capability;
use domain::error::{ErrorKind, Fate, PlatformError, Stage, When};
use domain::ids::IntentId;
use domain::log::{LogEntry, LogKind, LogOutcome};
use domain::platform::Platform;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use store::{ACTION_ID, Reach};

use crate::gate::InUse;
use crate::refresh::{self, Renewal, Why};
use crate::scrub::scrub;
use crate::{Engine, Error};

/// What front doors ask with; they know the connectors by these names alone.
pub use connectors::insight::{Act, DayCount, Days, Figure, Metric, PostFigures, ProfileFigures, Question};
pub(crate) use known::Known;
pub use known::{KNOWN_FOR, KNOWN_MAX};

/// An answer, and where it is from.
#[derive(Debug, Clone)]
pub struct Told {
    /// The answer.
    pub figure: Figure,
    /// Whether it was remembered rather than asked for.
    pub cached: bool,
    /// When the platform gave it.
    pub at: Timestamp,
}

/// What was made or removed.
#[derive(Debug, Clone)]
pub struct Acted {
    /// The platform's answer; null for what was removed.
    pub answer: Value,
    /// The id that the platform takes for the post, when it is another than was given.
    pub translated: Option<String>,
}

/// What is to be done with a platform's answer to it.
enum Call<'a> {
    Ask(&'a Question),
    Act(&'a Act),
}

/// What came of it.
enum Came {
    Figure(Figure),
    Answer(Value),
}

impl Engine {
    /// The account within reach that has this id on a platform.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn account_on(&self, reach: &Reach, platform: Platform, remote_id: &str) -> Result<Account, Error> {
        let accounts = self.store.accounts(reach).await?;
        let found = accounts
            .into_iter()
            .find(|account| account.platform == platform && account.identity.remote_id == remote_id);
        found.ok_or(Error::NotFound)
    }

    /// Asks a platform, or remembers what it told lately.
    ///
    /// # Errors
    /// [`Error::Platform`] when it refused or could not be asked.
    pub async fn ask(&self, account: &Account, question: Question) -> Result<Told, Error> {
        if let Some((figure, at)) = self.known.get(account.id, &question, self.clock.now()) {
            let cached = true;
            return Ok(Told { figure, cached, at });
        }
        match self.call(account, &Call::Ask(&question)).await? {
            Came::Figure(figure) => {
                let at = self.clock.now();
                self.known.put(account.id, question, figure.clone(), at);
                let cached = false;
                Ok(Told { figure, cached, at })
            }
            Came::Answer(_) => Err(not_told(account.platform, Stage::Check).into()),
        }
    }

    /// Asks several things at once; each has its own answer, in the order of the questions.
    pub async fn ask_all(&self, account: &Account, questions: Vec<Question>) -> Vec<Result<Told, Error>> {
        join_all(questions.into_iter().map(|question| self.ask(account, question))).await
    }

    /// Makes or removes something on a platform, once.
    ///
    /// # Errors
    /// [`Error::Platform`] when the platform refused or did not answer; its fate says whether it may have been done.
    pub async fn act(&self, account: &Account, act: Act) -> Result<Acted, Error> {
        let (engine, account) = (self.clone(), account.clone());
        // How it ended is to be written down, whoever waits for it.
        self.to_its_end(async move { engine.act_alone(&account, act).await })
            .await?
    }

    /// Writes down that nobody knows how actions ended which were under way when an earlier process stopped; returns how
    /// many those were. To be called before anything is asked of this one.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn end_lost_actions(&self) -> Result<usize, Error> {
        let lost = self.store.lost_actions().await?;
        let count = lost.len();
        for attempt in lost {
            let Some(owner) = attempt.user else { continue };
            let end = LogEntry {
                kind: LogKind::ActionEnded,
                outcome: LogOutcome::Unknown,
                at: self.clock.now(),
                error: Some("the server stopped before the answer".to_owned()),
                ..attempt
            };
            self.store.log_connection(&Reach { owner }, end).await?;
        }
        Ok(count)
    }

    async fn act_alone(&self, account: &Account, act: Act) -> Result<Acted, Error> {
        let given = act.post().to_owned();
        let canonical = Question::Canonical { post: given.clone() };
        let act = match self.ask(account, canonical).await?.figure {
            Figure::Name(name) => act.on(name),
            _ => act,
        };
        let begun = self.clock.now();
        let reach = Reach { owner: account.owner };
        let id = IntentId::from_bytes(self.mint()).to_string();
        let attempted = entry(account, &act, LogKind::ActionAttempted, LogOutcome::Info, begun);
        self.store
            .log_connection(&reach, attempted.with(ACTION_ID, id.as_str()))
            .await?;
        let came = self.call(account, &Call::Act(&act)).await;
        let ended = ended(account, &act, &came, begun, self.clock.now()).with(ACTION_ID, id);
        if let Err(error) = self.store.log_connection(&reach, ended).await {
            // What the platform did is done: its answer is worth more than a complaint about the log.
            tracing::error!(%error, account = %account.id, "how an action ended could not be written down");
        }
        let translated = (act.post() != given).then(|| act.post().to_owned());
        match came? {
            Came::Answer(answer) => Ok(Acted { answer, translated }),
            Came::Figure(_) => Err(not_told(account.platform, Stage::Send).into()),
        }
    }

    /// Makes a call with tokens that can be used: once more with new ones when the platform says that these have ended.
    async fn call(&self, account: &Account, call: &Call<'_>) -> Result<Came, Error> {
        let insight = self.connectors.insight(account.platform).map(Arc::clone);
        let insight = insight.ok_or_else(|| not_told(account.platform, Stage::Check))?;
        let mut account = account.clone();
        let mut renewed = false;
        let ended = refresh::has_ended(&account, self.clock.now());
        match account.health {
            AccountHealth::ReconnectNeeded if ended => return Err(refresh::reconnect(account.platform).into()),
            AccountHealth::Ok if !ended => {}
            AccountHealth::ReconnectNeeded => {}
            AccountHealth::Ok | AccountHealth::RefreshNeeded => {
                account = self.renewed_account(&account).await?;
                renewed = true;
            }
        }
        loop {
            let outcome = self.call_once(insight.as_ref(), &mut account, call).await?;
            let error = match outcome {
                Ok(came) => return Ok(came),
                Err(error) => error,
            };
            let token_ended = error.retry.when == When::AfterRefresh && error.fate == Fate::NotPublished;
            if !token_ended || renewed {
                return Err(error.into());
            }
            account = self.renewed_account(&account).await?;
            renewed = true;
        }
    }

    async fn renewed_account(&self, account: &Account) -> Result<Account, Error> {
        match refresh::renew(self, account, Why::Needed).await? {
            Renewal::Usable(newest) => Ok(newest.0),
            Renewal::Failed(error) => Err(Error::Platform(error)),
            Renewal::Later => Ok(account.clone()),
        }
    }

    /// One request, while nobody exchanges the account's tokens. `account` becomes what it is by then.
    async fn call_once(
        &self,
        insight: &dyn Insight,
        account: &mut Account,
        call: &Call<'_>,
    ) -> Result<Result<Came, PlatformError>, Error> {
        let gate = refresh::gate(self, account.id, account.platform);
        let _of_account = gate.asking.acquire().await;
        let server = account.identity.base_url.as_deref();
        let _of_all = self.asking.take(account.platform, server).await;
        let _in_use: InUse = Arc::clone(&gate).use_tokens().await;
        if gate.has_newer(account.token_version)
            && let Some(newer) = self.store.account(account.id).await?
        {
            *account = newer;
        }
        let tokens: Tokens = self.store.tokens(account.id).await?.ok_or(Error::NotFound)?;
        let ctx = InsightCtx {
            account: AccountRef::from(&account.identity),
            tokens: &tokens,
            endpoints: &self.endpoints,
            http: self.http_at(account.identity.base_url.as_deref()),
            now: self.clock.now(),
        };
        let came = match call {
            Call::Ask(question) => insight.ask(&ctx, question).await.map(Came::Figure),
            Call::Act(act) => {
                let budget = Capability::of(account.platform).send.for_bytes(0);
                let send_by = self.clock.boot().plus(budget);
                insight.act(&ctx, act, send_by).await.map(Came::Answer)
            }
        };
        Ok(came.map_err(|error| scrub(&tokens, error)))
    }
}

fn entry(account: &Account, act: &Act, kind: LogKind, outcome: LogOutcome, at: Timestamp) -> LogEntry {
    LogEntry {
        user: Some(account.owner),
        account: Some(account.id),
        platform: Some(account.platform),
        ..LogEntry::new(kind, outcome, at)
    }
    .with("action", act.word())
    .with("on", act.post())
}

/// How an action ended. Nothing of the platform's answer is kept but the id of what was made.
fn ended(account: &Account, act: &Act, came: &Result<Came, Error>, begun: Timestamp, now: Timestamp) -> LogEntry {
    let outcome = match came {
        Ok(_) => LogOutcome::Success,
        Err(Error::Platform(error)) if error.fate == Fate::MayBePublished => LogOutcome::Unknown,
        Err(_) => LogOutcome::Failure,
    };
    let mut entry = entry(account, act, LogKind::ActionEnded, outcome, now);
    entry.took = Some(now.duration_since(begun).max(SignedDuration::ZERO));
    match came {
        Ok(Came::Answer(answer)) => match answer.get("id").and_then(Value::as_str) {
            Some(id) => entry.with("remote_id", id),
            None => entry,
        },
        Ok(Came::Figure(_)) => entry,
        Err(Error::Platform(error)) => {
            entry.error = Some(error.message.clone());
            entry.http_status = error.http_status;
            entry.with("kind", json!(error.kind))
        }
        Err(other) => {
            entry.error = Some(other.to_string());
            entry.with("kind", json!(ErrorKind::Unknown))
        }
    }
}
