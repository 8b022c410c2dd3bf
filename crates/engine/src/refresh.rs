//! Exchanging tokens: recorded before it is done, one at a time for an account, and never from a stale version.

use std::sync::Arc;

use domain::account::AccountHealth;
use domain::error::{ErrorKind, PlatformError, Retry, Stage, When};
use domain::intent::Claim;

use crate::context::{Desk, Halt};
use crate::points::CrashPoint;
use crate::scrub::scrub;
use crate::{Engine, record};

/// Makes sure that the desk holds tokens that can be used, exchanging them when they have ended or were refused.
///
/// The inner error is the platform's, or ours: the account must be connected again.
pub(crate) async fn ensure_fresh(
    engine: &Engine,
    claim: &Claim,
    desk: &mut Desk,
) -> Result<Result<(), PlatformError>, Halt> {
    if !needs_refresh(engine, desk) {
        return Ok(Ok(()));
    }
    let gate = engine.gate(desk.account.id, desk.connector.capability().pace.in_flight_max);
    let _single_flight = gate.refreshing.lock().await;
    // Somebody else may have been first while this waited.
    if let Some(account) = engine.store.account(desk.account.id).await? {
        if account.token_version != desk.account.token_version {
            desk.tokens = engine.store.tokens(account.id).await?.unwrap_or_default();
        }
        desk.account = account;
    }
    if !needs_refresh(engine, desk) {
        return Ok(Ok(()));
    }
    exchange(engine, claim, desk).await
}

fn needs_refresh(engine: &Engine, desk: &Desk) -> bool {
    let expired = desk.account.token_expires_at.is_some_and(|at| at <= engine.clock.now());
    desk.account.health == AccountHealth::RefreshNeeded || (expired && desk.account.health == AccountHealth::Ok)
}

async fn exchange(engine: &Engine, claim: &Claim, desk: &mut Desk) -> Result<Result<(), PlatformError>, Halt> {
    let (account, version) = (desk.account.id, desk.account.token_version);
    let connector = Arc::clone(&desk.connector);
    let (tokens, base_url) = (desk.tokens.clone(), desk.account.base_url.clone());
    let refreshing = match tokens.refresh {
        Some(_) => connector.refresh(engine.connect_ctx(base_url.as_deref(), engine.clock.now()), &tokens),
        None => None,
    };
    let now = engine.clock.now();
    let Some(refreshing) = refreshing else {
        engine.store.set_health(account, AccountHealth::ReconnectNeeded).await?;
        return Ok(Err(reconnect(desk)));
    };
    if !engine.store.begin_refresh(account, version, now).await? {
        // An exchange of this very version was begun by a process that died: its answer is lost, and the old refresh
        // token is tried once more.
        tracing::warn!(account = %account, "an earlier token exchange did not end; trying once more");
    }
    engine.points.reach(CrashPoint::RefreshBegun, claim.platform)?;
    let answer = refreshing.await.map_err(|error| scrub(&tokens, error));
    engine.points.reach(CrashPoint::RefreshAnswered, claim.platform)?;
    let now = engine.clock.now();
    match answer {
        Ok(tokens) => {
            let entry = record::refreshed(claim, None, now);
            engine
                .store
                .finish_refresh(account, version, Some(tokens), entry)
                .await?;
            desk.tokens = engine.store.tokens(account).await?.unwrap_or_default();
            if let Some(account) = engine.store.account(account).await? {
                desk.account = account;
            }
            Ok(Ok(()))
        }
        Err(error) if error.kind.is_transient() => Ok(Err(error)),
        Err(error) => {
            let entry = record::refreshed(claim, Some(&error), now);
            engine.store.finish_refresh(account, version, None, entry).await?;
            Ok(Err(PlatformError {
                kind: ErrorKind::Auth,
                retry: Retry::when(When::AfterReconnect),
                ..error
            }))
        }
    }
}

fn reconnect(desk: &Desk) -> PlatformError {
    let name = desk.connector.platform().name();
    let message = format!("The {name} token has ended and cannot be renewed; connect the account again");
    PlatformError::refused(desk.connector.platform(), Stage::Refresh, ErrorKind::Auth, message)
        .with_retry(Retry::when(When::AfterReconnect))
}
