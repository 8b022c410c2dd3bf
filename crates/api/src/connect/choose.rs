//! Choosing among the pages, channels and locations that a sign-in gave access to.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use engine::accounts::{Outcome, Reason, ShownChoice};
use engine::{Error, Reach};
use serde::Deserialize;

use super::arrive::{home, leave};
use super::{Notice, Shown, base, rendered, wall, words};
use crate::state::ApiState;

#[derive(Template)]
#[template(path = "connect/choose.html")]
struct Choose<'a> {
    base: &'a str,
    name: &'static str,
    question: &'a str,
    choices: Vec<Row<'a>>,
    action: String,
    page: Option<&'a str>,
    connected: Option<String>,
    error: Option<&'static str>,
}

struct Row<'a> {
    id: &'a str,
    name: &'a str,
    detail: Option<&'a str>,
}

#[derive(Deserialize)]
pub(super) struct Chosen {
    #[serde(default)]
    choice: String,
}

/// `GET /connect/choose/{token}`.
pub(super) async fn show(
    State(api): State<ApiState>,
    Path(token): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Shown {
    let (shown, page) = waiting(&api, &headers, &token).await?;
    let reach = Reach { owner: shown.owner };
    let connected = match query.get("connected") {
        Some(id) => {
            let accounts = api.engine.accounts(&reach).await?;
            let account = accounts.iter().find(|account| account.id.to_string() == *id);
            account.map(words::full_name)
        }
        None => None,
    };
    Ok(list(&api, &token, &shown, page.as_deref(), connected, None))
}

/// `POST /connect/choose/{token}`.
pub(super) async fn choose(
    State(api): State<ApiState>,
    Path(token): Path<String>,
    headers: HeaderMap,
    Form(chosen): Form<Chosen>,
) -> Shown {
    if !wall::is_from_here(&headers) {
        return Err(Notice::foreign());
    }
    let (shown, page) = waiting(&api, &headers, &token).await?;
    let end = api.engine.choose(&token, &chosen.choice, Some(shown.owner)).await;
    let end = end.map_err(|error| match error {
        Error::NotFound => Notice::choice_over(),
        error => Notice::from(error),
    })?;
    match &end.outcome {
        Outcome::Failed(failure) if failure.reason == Reason::NoSuchChoice => {
            let error = Some("Choose one of these first.");
            Ok(list(&api, &token, &shown, page.as_deref(), None, error))
        }
        _ => leave(&api, &headers, end).await,
    }
}

/// The choice that waits under this token, and the page that it was begun on: only the browser that began it sees it.
async fn waiting(api: &ApiState, headers: &HeaderMap, token: &str) -> Result<(ShownChoice, Option<String>), Notice> {
    let shown = api.engine.shown_choice(token).await?;
    let Some(shown) = shown else {
        return Err(Notice::choice_over());
    };
    let Some(link) = shown.link else {
        return Ok((shown, None));
    };
    match home(api, headers, link).await? {
        Some(page) => Ok((shown, Some(page))),
        None => Err(Notice::foreign()),
    }
}

fn list(
    api: &ApiState,
    token: &str,
    shown: &ShownChoice,
    page: Option<&str>,
    connected: Option<String>,
    error: Option<&'static str>,
) -> Response {
    let rows = shown.choices.iter().map(|choice| Row {
        id: &choice.id,
        name: &choice.name,
        detail: choice.detail.as_deref(),
    });
    let status = if error.is_some() {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let page = Choose {
        base: base(api),
        name: shown.platform.name(),
        question: &shown.question,
        choices: rows.collect(),
        action: format!("{}/connect/choose/{token}", base(api)),
        page,
        connected,
        error,
    };
    rendered(status, &page)
}
