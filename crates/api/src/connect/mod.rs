//! The hosted page at `/connect/{token}`: where people connect, reconnect and disconnect accounts.
//!
//! What must stay true: everything works without script and by keyboard alone, every answer has the headers of [`wall`],
//! the browser is sent only to a platform, to these pages, or to the address that the page was made with, and no token,
//! state or code is in a log (see `request_id`), an answer to anybody else, or an error.

mod arrive;
mod choose;
mod disconnect;
mod notice;
mod page;
mod start;
mod wall;
mod words;

use askama::Template;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use domain::account::User;
use engine::accounts::FoundLink;
use engine::{ConnectLink, Reach};
use url::Url;

use self::notice::Notice;
use crate::state::ApiState;

/// A form has at most so many bytes.
const FORM_BYTES_MAX: usize = 32 * 1_024;

/// The page and what belongs to it.
pub(crate) fn routes(state: &ApiState) -> Router<ApiState> {
    Router::new()
        .route("/connect/callback", get(arrive::arrive))
        .route("/connect/client-metadata.json", get(client_metadata))
        .route("/connect/choose/{token}", get(choose::show).post(choose::choose))
        .route("/connect/{token}", get(page::show))
        .route("/connect/{token}/start", get(start::fields).post(start::begin))
        .route(
            "/connect/{token}/disconnect",
            get(disconnect::confirm).post(disconnect::disconnect),
        )
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(axum::middleware::from_fn_with_state(state.clone(), wall::headers))
}

/// What every answer here may end as: a page, or a notice that says what to do instead.
type Shown = Result<Response, Notice>;

/// A page that is open, with whose it is.
struct Open {
    token: String,
    link: ConnectLink,
    owner: User,
}

impl Open {
    /// The page of this token.
    async fn by(api: &ApiState, token: &str) -> Result<Self, Notice> {
        let link = match api.engine.link(token).await? {
            Some(FoundLink::Open(link)) => link,
            Some(FoundLink::Ended(link)) => return Err(Notice::page_over(link.revoked_at.is_some())),
            None => return Err(Notice::page_unknown()),
        };
        let owner = api.engine.user(link.owner).await?;
        Ok(Self {
            token: token.to_owned(),
            link,
            owner,
        })
    }

    fn reach(&self) -> Reach {
        Reach { owner: self.link.owner }
    }

    /// Whether the page is for this platform too.
    fn offers(&self, platform: domain::platform::Platform) -> bool {
        self.link.platforms.is_empty() || self.link.platforms.contains(&platform)
    }

    /// The path of the page, or of something below it.
    fn path(&self, api: &ApiState, rest: &str) -> String {
        format!("{}/connect/{}{rest}", base(api), self.token)
    }
}

/// The path under which this server is reached, without a slash at the end.
fn base(api: &ApiState) -> &str {
    api.public_url.path().trim_end_matches('/')
}

fn rendered(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a connection page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Sends the browser on with GET, whatever it came with.
fn see_other(address: &str) -> Response {
    (StatusCode::SEE_OTHER, [(LOCATION, address)]).into_response()
}

/// The address with these parameters added to those that it has.
fn with_outcome(address: &str, outcome: &[(&str, &str)]) -> Option<String> {
    let mut url = Url::parse(address).ok()?;
    url.query_pairs_mut().extend_pairs(outcome);
    Some(url.into())
}

/// `GET /connect/client-metadata.json`: this server's description of itself, for platforms that take its address for a
/// registration (atproto.com, "OAuth": client metadata).
async fn client_metadata(State(api): State<ApiState>) -> Result<Json<serde_json::Value>, Notice> {
    api.engine.client_metadata().map(Json).map_err(Notice::from)
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
