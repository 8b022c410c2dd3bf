//! Letting an account go, after a page that asks whether it is meant.

use std::collections::BTreeMap;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use domain::account::AccountReport;
use domain::ids::AccountId;
use serde::Deserialize;

use super::{Notice, Open, Shown, base, rendered, see_other, wall, words};
use crate::state::ApiState;

#[derive(Template)]
#[template(path = "connect/disconnect.html")]
struct Confirm<'a> {
    base: &'a str,
    account: String,
    id: String,
    planned: String,
    action: String,
    page: String,
}

#[derive(Deserialize)]
pub(super) struct Which {
    account: String,
}

/// `GET /connect/{token}/disconnect?account=…`.
pub(super) async fn confirm(
    State(api): State<ApiState>,
    Path(token): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Shown {
    let open = Open::by(&api, &token).await?;
    let id = query.get("account").map_or("", String::as_str);
    let report = find(&api, &open, id).await?;
    let planned = match report.due {
        0 => "Nothing is planned for this account.".to_owned(),
        due => format!("{} planned for this account will not be published.", words::posts(due)),
    };
    let page = Confirm {
        base: base(&api),
        account: words::full_name(&report.account),
        id: report.account.id.to_string(),
        planned,
        action: open.path(&api, "/disconnect"),
        page: open.path(&api, ""),
    };
    Ok(wall::tie(&api, &open.token, rendered(StatusCode::OK, &page)))
}

/// `POST /connect/{token}/disconnect`.
pub(super) async fn disconnect(
    State(api): State<ApiState>,
    Path(token): Path<String>,
    headers: HeaderMap,
    Form(which): Form<Which>,
) -> Shown {
    let open = Open::by(&api, &token).await?;
    if !wall::is_from_page(&headers, &token) {
        return Err(Notice::not_from_page(open.path(&api, "")));
    }
    let account = find(&api, &open, &which.account).await?.account;
    match api.engine.remove_account(&open.reach(), account.id).await {
        Ok(()) => {}
        Err(engine::Error::NotFound) => return Err(unknown(&api, &open)),
        Err(error) => return Err(Notice::from(error)),
    }
    let rest = format!("?disconnected={}", account.platform.word());
    Ok(see_other(&open.path(&api, &rest)))
}

/// The account of this id, if the page is for it.
pub(super) async fn find(api: &ApiState, open: &Open, id: &str) -> Result<AccountReport, Notice> {
    let reports = api.engine.reports(&open.reach()).await?;
    let id = id.parse::<AccountId>().map_err(|_| unknown(api, open))?;
    let is_it = |report: &AccountReport| report.account.id == id && open.offers(report.account.platform);
    reports.into_iter().find(is_it).ok_or_else(|| unknown(api, open))
}

fn unknown(api: &ApiState, open: &Open) -> Notice {
    Notice::account_unknown(open.path(api, ""))
}
