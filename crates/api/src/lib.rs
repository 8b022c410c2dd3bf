//! HTTP: the dialects, media links, the hosted connection page, health, metrics and the home page.
//!
//! What must stay true: a handler translates and does not decide. It asks [`engine`] by its commands and queries, and
//! what differs between dialects (names, words, status codes) is in pure functions of `map` modules that tables test.
//! Nothing secret is ever part of an answer, a log or a trace.

mod body;
mod connect;
pub mod dialect;
pub mod dialects;
mod health;
mod home;
mod media;
mod metrics;
mod openapi;
mod origin;
mod range;
mod request_id;
mod server;
mod state;
mod uploads;

#[cfg(test)]
mod testing;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::webhook::WebhookDialect;

pub use crate::media::{MediaFile, MediaFiles, MediaLinks, MediaStream};
pub use crate::origin::Origin;
pub use crate::request_id::CurrentRequest;
pub use crate::server::{Answers, Limits, serve, serve_origin};
pub use crate::state::{ApiState, Parts};

use crate::dialects::postpost;
use crate::origin::Mount;

/// The dialects that have webhooks.
#[must_use]
pub fn webhook_dialects() -> Vec<Arc<dyn WebhookDialect>> {
    vec![Arc::new(postpost::PostpostWebhooks)]
}

/// Everything that this server answers.
pub fn origin(state: ApiState) -> Origin {
    let mounts = vec![Mount {
        prefix: postpost::PREFIX,
        claims: postpost::claims,
        routes: postpost::router(&state),
        failed: postpost::failed,
    }];
    let seed = state.seed;
    let elsewhere = Router::new()
        .route("/", get(home::page))
        .route("/style.css", get(home::style))
        .route("/docs", get(home::docs))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(metrics::metrics))
        .route("/media/{token}/{*name}", get(media::serve).put(uploads::receive))
        .merge(connect::routes(&state))
        .fallback(nothing_here)
        .with_state(state);
    Origin::new(elsewhere, seed).speaking(mounts)
}

async fn nothing_here() -> Response {
    (
        StatusCode::NOT_FOUND,
        "There is nothing here. The addresses are listed at /\n",
    )
        .into_response()
}
