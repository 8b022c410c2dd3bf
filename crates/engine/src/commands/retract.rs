//! Taking down what was published.
//!
//! It is asked for by a person, one post at a time, and every call may be repeated: a post that is gone is taken down.
//! So an outcome that nobody knows is not asked for by itself; the post stays "published" until somebody says it again.

use connectors::{AccountRef, Connector, Retraction, SendCtx};
use domain::account::AccountHealth;
use domain::error::{ErrorKind, Fate, PlatformError, Stage, When};
use domain::ids::PostId;
use domain::log::{LogEntry, LogKind, LogOutcome};
use domain::part::{Part, RemotePost};
use store::{Group, Reach, Retractable};

use crate::refresh::{Renewal, Why};
use crate::scrub::scrub;
use crate::{Engine, Error, record, refresh};

impl Engine {
    /// Takes a published post down from its platform, its last part first. What is gone already counts as taken down.
    /// Nothing else ever does this: deleting a group leaves what it published where it is.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when it is not published; [`Error::Invalid`] when the platform's API
    /// cannot do it, or cannot any more; [`Error::Platform`] when it refused or did not answer. Parts that were taken
    /// down before the error stay so, and saying it again goes on with the rest.
    pub async fn retract_post(&self, reach: &Reach, post: PostId) -> Result<Group, Error> {
        let (engine, reach) = (self.clone(), *reach);
        // Parts that are gone are to be written down as gone, whoever waits for it.
        self.to_its_end(async move { engine.retract(&reach, post).await })
            .await?
    }

    async fn retract(&self, reach: &Reach, post: PostId) -> Result<Group, Error> {
        let found = self.store.retractable(reach, post).await?;
        let connector = self.connectors.get(found.platform).cloned();
        let connector = connector.ok_or_else(|| cannot(&found, "this server has no connector for it"))?;
        self.may_retract(&found, connector.as_ref())?;
        let entry = |kind, outcome| LogEntry {
            post: Some(post),
            account: found.account,
            platform: Some(found.platform),
            user: Some(reach.owner),
            ..LogEntry::new(kind, outcome, self.clock.now())
        };
        let begun = entry(LogKind::RetractAttempted, LogOutcome::Info);
        self.store.log_retraction(reach, post, begun).await?;
        let mut taken = self.take_down(post, &found, connector.as_ref()).await;
        if self.wants_another_token(&found, &taken).await? {
            taken = self.take_down(post, &found, connector.as_ref()).await;
        }
        match taken {
            Ok(gone) => {
                let gone_already = gone.iter().all(|gone| *gone == Retraction::GoneAlready);
                let done = entry(LogKind::Retracted, LogOutcome::Success)
                    .with("parts", gone.len())
                    .with("gone_already", gone_already);
                Ok(self
                    .store
                    .finish_retraction(reach, post, self.clock.now(), done)
                    .await?)
            }
            Err(Error::Platform(error)) => {
                let outcome = match error.fate {
                    Fate::NotPublished => LogOutcome::Failure,
                    Fate::MayBePublished | Fate::LandedEarlier { .. } => LogOutcome::Unknown,
                };
                let failed = record::with_error(entry(LogKind::RetractFailed, outcome), &error);
                self.store.log_retraction(reach, post, failed).await?;
                Err(Error::Platform(in_words(error, outcome)))
            }
            Err(error) => Err(error),
        }
    }

    /// Holds the wish against the platform's rule.
    fn may_retract(&self, found: &Retractable, connector: &dyn Connector) -> Result<(), Error> {
        let Some(rule) = &connector.capability().retract else {
            return Err(cannot(found, "its API does not do that"));
        };
        let age = self.clock.now().duration_since(found.published_at);
        match rule.within {
            Some(within) if age >= within => {
                let hours = within.as_hours();
                Err(cannot(found, &format!("its API does that for {hours} hours only")))
            }
            _ => Ok(()),
        }
    }

    /// Whether the token was refused and may be exchanged, which the next try then does.
    async fn wants_another_token(
        &self,
        found: &Retractable,
        taken: &Result<Vec<Retraction>, Error>,
    ) -> Result<bool, Error> {
        let (Err(Error::Platform(error)), Some(account)) = (taken, found.account) else {
            return Ok(false);
        };
        if error.stage != Stage::Retract || error.retry.when != When::AfterRefresh {
            return Ok(false);
        }
        self.store.set_health(account, AccountHealth::RefreshNeeded).await?;
        Ok(true)
    }

    /// Takes the parts down, the last first: what hangs on a part goes before it.
    async fn take_down(
        &self,
        post: PostId,
        found: &Retractable,
        connector: &dyn Connector,
    ) -> Result<Vec<Retraction>, Error> {
        let gone = |message: &str| {
            let message = format!("{} {message}", found.platform.name());
            PlatformError::refused(found.platform, Stage::Retract, ErrorKind::AccountGone, message)
        };
        let account = match found.account {
            Some(id) => self.store.account(id).await?,
            None => None,
        };
        let account = account.ok_or_else(|| gone("account is not connected any more; connect it and try again"))?;
        if refresh::is_needed(&account, self.clock.now())
            && let Renewal::Failed(error) = refresh::renew(self, &account, Why::Needed).await?
        {
            return Err(Error::Platform(error));
        }
        let _in_use = refresh::gate(self, account.id, account.platform).use_tokens().await;
        let tokens = self.store.tokens(account.id).await?.unwrap_or_default();
        let mut done = Vec::with_capacity(found.live.len());
        for (part, remote) in found.live.iter().rev() {
            let now = self.clock.now();
            let ctx = SendCtx {
                account: AccountRef::from(&account.identity),
                tokens: &tokens,
                endpoints: &self.endpoints,
                http: self.http_at(account.identity.base_url.as_deref()),
                media: self.media.as_ref(),
                seed: self.seed(post, 0, *part),
                now,
                due: now,
                prior: &[],
            };
            done.push(one(&ctx, connector, *part, remote).await?);
        }
        Ok(done)
    }
}

async fn one(
    ctx: &SendCtx<'_>,
    connector: &dyn Connector,
    part: Part,
    remote: &RemotePost,
) -> Result<Retraction, Error> {
    let asked = connector.retract(ctx, part, remote).await;
    asked.map_err(|error| Error::from(scrub(ctx.tokens, error)))
}

fn cannot(found: &Retractable, why: &str) -> Error {
    let name = found.platform.name();
    Error::Invalid(format!(
        "{name} posts cannot be taken down from here: {why}; remove it at {name}"
    ))
}

/// The error with what the user can do, when nobody knows whether the post is gone.
fn in_words(mut error: Box<PlatformError>, outcome: LogOutcome) -> Box<PlatformError> {
    if outcome == LogOutcome::Unknown {
        error.message = format!(
            "{}; the post may be gone or not, and asking again does no harm",
            error.message
        );
    }
    error
}
