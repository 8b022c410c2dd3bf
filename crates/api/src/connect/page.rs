//! The page itself: what is connected and how it does, and what can be connected.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use domain::account::{AccountHealth, AccountReport};
use domain::platform::Platform;
use engine::accounts::{Means, Ready};
use jiff::Timestamp;
use url::Url;

use super::words::{self, Tone};
use super::{Open, Shown, base, rendered, wall};
use crate::state::ApiState;

#[derive(Template)]
#[template(path = "connect/page.html")]
struct Page<'a> {
    base: &'a str,
    owner: &'a str,
    until: String,
    message: Option<Message>,
    start: String,
    accounts: Vec<AccountCard>,
    ready: Vec<Offer>,
    others: Vec<Other>,
    back: Option<Back<'a>>,
}

struct Message {
    tone: Tone,
    words: String,
}

struct AccountCard {
    id: String,
    platform: &'static str,
    name: String,
    full_name: Option<String>,
    tone: Tone,
    state: &'static str,
    life: String,
    last_post: String,
    planned: Option<String>,
    last_error: Option<String>,
    failures: Option<String>,
    missing: Vec<String>,
    again: Option<Again>,
    disconnect: String,
}

/// How an account is connected again.
struct Again {
    platform: &'static str,
    action: String,
    asks_first: bool,
    is_urgent: bool,
}

/// A platform that can be connected.
struct Offer {
    word: &'static str,
    name: &'static str,
    asks_first: bool,
}

/// A platform that cannot.
struct Other {
    name: &'static str,
    reason: String,
}

struct Back<'a> {
    address: &'a str,
    host: String,
}

/// `GET /connect/{token}`.
pub(super) async fn show(
    State(api): State<ApiState>,
    Path(token): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Shown {
    let open = Open::by(&api, &token).await?;
    let now = api.engine.clock().now();
    let mut reports = api.engine.reports(&open.reach()).await?;
    reports.retain(|report| open.offers(report.account.platform));
    let message = message(&query, &reports);
    let platforms = api.engine.connect_platforms();
    let is_offered = |ready: &&Ready| open.offers(ready.platform);
    let start = open.path(&api, "/start");
    let cards = cards(&reports, &platforms, &open, &api, now);
    let page = Page {
        base: base(&api),
        owner: &open.owner.name,
        until: words::moment(open.link.expires_at),
        message,
        start,
        accounts: cards,
        ready: platforms.iter().filter(is_offered).filter_map(offer).collect(),
        others: platforms.iter().filter(is_offered).filter_map(other).collect(),
        back: open.link.return_to.as_deref().and_then(back),
    };
    Ok(wall::tie(&api, &open.token, rendered(StatusCode::OK, &page)))
}

/// What the address says has just happened. It names things by closed words and ids: nobody can have the page say
/// something by making up an address.
fn message(query: &BTreeMap<String, String>, reports: &[AccountReport]) -> Option<Message> {
    if let Some(id) = query.get("connected") {
        let account = &reports.iter().find(|one| one.account.id.to_string() == *id)?.account;
        let (tone, what) = if account.missing.is_empty() {
            (Tone::Good, "is connected.")
        } else {
            (Tone::Warn, "is connected, but something is missing: see below.")
        };
        return Some(Message {
            tone,
            words: format!("{} {what}", words::full_name(account)),
        });
    }
    let platform: Platform = query.get("disconnected")?.parse().ok()?;
    Some(Message {
        tone: Tone::Good,
        words: format!("The {} account is disconnected.", platform.name()),
    })
}

fn cards(
    reports: &[AccountReport],
    platforms: &[Ready],
    open: &Open,
    api: &ApiState,
    now: Timestamp,
) -> Vec<AccountCard> {
    let mut cards: Vec<_> = reports
        .iter()
        .map(|report| card(report, platforms, open, api, now))
        .collect();
    // What needs somebody comes first; the rest stays in the order of the accounts.
    cards.sort_by_key(|card| card.tone != Tone::Bad);
    cards
}

fn card(report: &AccountReport, platforms: &[Ready], open: &Open, api: &ApiState, now: Timestamp) -> AccountCard {
    let account = &report.account;
    let (tone, state) = words::state(report, now);
    let ready = platforms
        .iter()
        .find(|one| one.platform == account.platform && one.is_ready());
    let again = ready.map(|ready| Again {
        platform: account.platform.word(),
        action: open.path(api, "/start"),
        // A server of its own is known from the account, credentials are not.
        asks_first: matches!(ready.means.first(), Some(Means::Credentials(_))),
        is_urgent: tone == Tone::Bad || account.health == AccountHealth::ReconnectNeeded,
    });
    let name = words::name(account);
    let full_name = account
        .identity
        .display_name
        .clone()
        .filter(|full| *full != account.identity.username);
    AccountCard {
        id: account.id.to_string(),
        platform: account.platform.name(),
        name,
        full_name,
        tone,
        state,
        life: words::life(report, now),
        last_post: account
            .last_success_at
            .map_or_else(|| "none yet".to_owned(), |at| words::since(now, at)),
        planned: words::planned(report.due),
        last_error: account
            .last_error
            .as_ref()
            .map(|error| format!("{} ({})", error.message, words::since(now, error.at))),
        failures: words::failures(report),
        missing: account.missing.iter().map(|missing| missing.words.clone()).collect(),
        again,
        disconnect: open.path(api, &format!("/disconnect?account={}", account.id)),
    }
}

fn offer(ready: &Ready) -> Option<Offer> {
    ready.is_ready().then(|| Offer {
        word: ready.platform.word(),
        name: ready.platform.name(),
        asks_first: !matches!(ready.means.first(), Some(Means::OAuth)),
    })
}

fn other(ready: &Ready) -> Option<Other> {
    ready.missing_config.clone().map(|reason| Other {
        name: ready.platform.name(),
        reason,
    })
}

fn back(address: &str) -> Option<Back<'_>> {
    let host = Url::parse(address).ok()?.host_str()?.to_owned();
    Some(Back { address, host })
}
