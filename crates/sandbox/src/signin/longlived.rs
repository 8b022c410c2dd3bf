//! Meta's long-lived tokens: a token for a token, by `GET` with the secrets in the query.

use axum::Router;
use axum::extract::State as FromWorld;
use axum::routing::get;
use domain::platform::Platform;
use jiff::SignedDuration;
use serde_json::json;

use super::variants::{Variant, of};
use super::words::{self, Refusal};
use super::{SignIn, apps};
use crate::account::{Holder, TokenUse};
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Handled, Turn, open};
use crate::fault::Class;
use crate::form::Fields;
use crate::graph::{self, Asked};
use crate::world::{Shared, later};

/// How long a long-lived token lives.
const LONG_LIFE: SignedDuration = SignedDuration::from_hours(60 * 24);
pub(super) fn routes() -> Router<Shared> {
    let mut router = Router::new();
    for (platform, grant_type) in [
        (Platform::Instagram, "ig_exchange_token"),
        (Platform::Threads, "th_exchange_token"),
    ] {
        let Some(variant) = of(platform) else { continue };
        let swap = move |FromWorld(world): FromWorld<Shared>, call: Call| swap(variant, grant_type, world, call);
        let word = platform.word();
        router = router
            .route(&format!("/{word}/access_token"), get(swap))
            .route(&format!("/{word}/{{version}}/access_token"), get(swap));
    }
    router
}

/// A long-lived token for a short-lived one; fresh ones for long-lived ones are with the emulators.
async fn swap(variant: &'static Variant, grant_type: &'static str, world: Shared, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let credential = Credential::Other(asked.token.as_deref(), TokenUse::Access);
    let turn = open(&world, SignIn(variant), &call, credential, Class::Refresh, "").await?;
    let answer = swapped(&turn, grant_type, &asked);
    Ok(turn.close(answer).await)
}

fn swapped(turn: &Turn<SignIn>, grant_type: &str, asked: &Asked) -> Result<Answer, Answer> {
    let SignIn(variant) = turn.dialect;
    if asked.text("grant_type") != grant_type {
        return Err(graph::invalid(&format!(
            "Param grant_type must be one of {{{grant_type}}}"
        )));
    }
    if asked.text("client_secret") != apps::app(variant.platform).secret {
        return Err(words::graph(400, 1, None, "Error validating client secret."));
    }
    match turn.holder {
        Holder::Good(_) => long_lived(turn),
        Holder::Expired(_) => Err(graph::expired()),
        Holder::Unknown => Err(graph::unauthorized()),
    }
}

/// `grant_type=fb_exchange_token` of Facebook's token endpoint.
pub(super) fn facebook(turn: &Turn<SignIn>, call: &Call, fields: &Fields) -> Result<Answer, Answer> {
    let SignIn(variant) = turn.dialect;
    let refuse = |why| words::refusal(variant.platform, why);
    let app = apps::caller(&turn.world, variant, call, fields).map_err(refuse)?;
    if turn.grant.as_ref().is_some_and(|grant| grant.app != app) {
        return Err(refuse(Refusal::UnknownClient));
    }
    match turn.holder {
        Holder::Good(_) => long_lived(turn),
        Holder::Expired(_) => Err(refuse(Refusal::Exchange)),
        Holder::Unknown => Err(words::bad_token(variant.platform, false)),
    }
}

fn long_lived(turn: &Turn<SignIn>) -> Result<Answer, Answer> {
    let SignIn(variant) = turn.dialect;
    let account = turn.account()?;
    let [prefix, ..] = variant.prefixes;
    let token = format!("{prefix}{}", turn.world.random_text(150));
    let ends = later(turn.now, LONG_LIFE);
    turn.world.issue_granted(
        &token,
        &account,
        TokenUse::Access,
        Some(ends),
        turn.now,
        turn.grant.clone(),
    );
    Ok(Answer::ok(&json!({
        "access_token": token,
        "token_type": "bearer",
        "expires_in": LONG_LIFE.as_secs(),
    })))
}
