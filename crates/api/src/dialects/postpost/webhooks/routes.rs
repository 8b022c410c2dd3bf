//! The endpoints that manage receivers.

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use domain::ids::WebhookId;
use domain::webhook::Webhook;
use engine::Conflict;
use engine::webhooks::{EditWebhook, MakeWebhook};
use schemars::JsonSchema;
use serde::Serialize;

use super::outgoing::{EVENTS, PostpostWebhooks};
use super::{address, operations};
use crate::dialect::{Caller, Dialect};
use crate::dialects::postpost::Postpost;
use crate::dialects::postpost::error::{Error, Operation};
use crate::dialects::postpost::js::{self, Js};
use crate::dialects::postpost::time::Iso;
use crate::dialects::postpost::wire::{Body, Done, PathId, True, json};
use crate::openapi::{Endpoint, Id, Instant};
use crate::state::ApiState;

type Answer = Result<Response, Error>;

const DIALECT: &PostpostWebhooks = &PostpostWebhooks;

/// What is under `/webhooks`.
pub(in crate::dialects::postpost) fn endpoints() -> [Endpoint; 5] {
    [
        Endpoint::get("/webhooks", list, &operations::LIST),
        Endpoint::post("/webhooks", create, &operations::CREATE),
        Endpoint::patch("/webhooks/{id}", update, &operations::UPDATE),
        Endpoint::delete("/webhooks/{id}", remove, &operations::REMOVE),
        Endpoint::post("/webhooks/{id}/regenerate-secret", regenerate, &operations::REGENERATE),
    ]
}

/// The id in the path. What is no id names no receiver.
struct WebhookRef(WebhookId);

impl<S: Send + Sync> FromRequestParts<S> for WebhookRef {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        let id = PathId::from_request_parts(parts, state).await?;
        id.or(Error::WebhookNotFound).map(Self)
    }
}

/// A receiver.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Webhook")]
struct Shown<'a> {
    #[serde(rename = "_id")]
    #[schemars(with = "Id")]
    id: WebhookId,
    name: &'a str,
    url: &'a str,
    events: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
    is_active: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_count: Option<u32>,
    /// Null as long as nothing was sent; absent where it is not shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    last_triggered_at: Option<Option<Iso>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    created_at: Option<Iso>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    updated_at: Option<Iso>,
    #[serde(rename = "__v", skip_serializing_if = "Option::is_none")]
    version: Option<u8>,
}

impl<'a> Shown<'a> {
    /// What every answer has.
    fn of(webhook: &'a Webhook) -> Self {
        Self {
            id: webhook.id,
            name: &webhook.name,
            url: &webhook.url,
            events: &webhook.events,
            secret: None,
            is_active: webhook.active,
            failure_count: None,
            last_triggered_at: None,
            created_at: None,
            updated_at: None,
            version: None,
        }
    }
}

/// All receivers.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Webhooks")]
pub(super) struct Listed<'a> {
    success: True,
    webhooks: Vec<Shown<'a>>,
}

/// A receiver that was made or changed.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "OneWebhook")]
pub(super) struct One<'a> {
    success: True,
    webhook: Shown<'a>,
}

/// A new secret, shown here and never again.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookSecret")]
pub(super) struct Renewed<'a> {
    success: True,
    secret: &'a str,
}

async fn list(State(api): State<ApiState>, caller: Caller<Postpost>) -> Answer {
    let found = api.engine.webhooks(&caller.reach, Some(Postpost::NAME)).await;
    let found = found.map_err(failed(Operation::ListWebhooks))?;
    let shown = |webhook| {
        let webhook: &Webhook = webhook;
        Shown {
            failure_count: Some(webhook.failures),
            last_triggered_at: Some(webhook.last_triggered_at.map(Iso)),
            created_at: Some(Iso(webhook.created_at)),
            updated_at: Some(Iso(webhook.updated_at)),
            version: Some(0),
            ..Shown::of(webhook)
        }
    };
    Ok(json(&Listed {
        success: True,
        webhooks: found.iter().map(shown).collect(),
    }))
}

async fn create(State(api): State<ApiState>, caller: Caller<Postpost>, Body(body): Body) -> Answer {
    let [name, url, events] = js::fields(&body, &["name", "url", "events"]).map_err(|_| Error::Json)?;
    let Js::List(events) = events else {
        return Err(REQUIRED);
    };
    if !name.is_truthy() || !url.is_truthy() || events.is_empty() {
        return Err(REQUIRED);
    }
    let url = checked_url(&api, &url)?;
    let events = checked_events(&events, true)?;
    let make = MakeWebhook {
        owner: caller.reach.owner,
        name: name.to_text().into_owned(),
        url,
        events,
    };
    let made = api.engine.make_webhook(DIALECT, make).await;
    let (webhook, secret) = made.map_err(failed(Operation::CreateWebhook))?;
    let mut response = json(&One {
        success: True,
        webhook: Shown {
            secret: Some(secret.expose()),
            created_at: Some(Iso(webhook.created_at)),
            ..Shown::of(&webhook)
        },
    });
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

async fn update(
    State(api): State<ApiState>,
    caller: Caller<Postpost>,
    WebhookRef(id): WebhookRef,
    Body(body): Body,
) -> Answer {
    let names = ["name", "url", "events", "isActive"];
    let [name, url, events, active] = js::fields(&body, &names).map_err(|_| Error::Json)?;
    let known = api.engine.own(DIALECT, &caller.reach, id).await;
    known.map_err(failed(Operation::UpdateWebhook))?;
    let given = |value: &Js<'_>| value.is_truthy();
    let edit = EditWebhook {
        name: given(&name).then(|| name.to_text().into_owned()),
        url: given(&url).then(|| checked_url(&api, &url)).transpose()?,
        events: match &events {
            Js::List(events) => Some(checked_events(events, false)?),
            other if given(other) => return Err(unknown_events(&other.to_text(), false)),
            _ => None,
        },
        active: match active {
            Js::Bool(active) => Some(active),
            _ => None,
        },
    };
    let edited = api.engine.edit_webhook(DIALECT, &caller.reach, id, edit).await;
    let webhook = edited.map_err(failed(Operation::UpdateWebhook))?;
    Ok(json(&One {
        success: True,
        webhook: Shown {
            updated_at: Some(Iso(webhook.updated_at)),
            ..Shown::of(&webhook)
        },
    }))
}

async fn remove(State(api): State<ApiState>, caller: Caller<Postpost>, WebhookRef(id): WebhookRef) -> Answer {
    let known = api.engine.own(DIALECT, &caller.reach, id).await;
    known.map_err(failed(Operation::DeleteWebhook))?;
    let removed = api.engine.remove_webhook(&caller.reach, id).await;
    removed.map_err(failed(Operation::DeleteWebhook))?;
    Ok(json(&Done { success: True }))
}

async fn regenerate(State(api): State<ApiState>, caller: Caller<Postpost>, WebhookRef(id): WebhookRef) -> Answer {
    let renewed = api.engine.renew_webhook_secret(DIALECT, &caller.reach, id).await;
    let secret = renewed.map_err(failed(Operation::RegenerateSecret))?;
    Ok(json(&Renewed {
        success: True,
        secret: secret.expose(),
    }))
}

const REQUIRED: Error = Error::bad("Name, URL, and at least one event are required");

fn checked_url(api: &ApiState, url: &Js<'_>) -> Result<String, Error> {
    let url = url.to_text().into_owned();
    address::judge(&api.engine.settings().webhooks, &url).map_err(Error::bad)?;
    Ok(url)
}

fn checked_events(events: &[Js<'_>], lists_valid: bool) -> Result<Vec<String>, Error> {
    let texts: Vec<_> = events.iter().map(Js::to_text).collect();
    let is_known = |text: &str| EVENTS.iter().any(|(name, _)| *name == text);
    let unknown: Vec<_> = texts.iter().map(AsRef::as_ref).filter(|text| !is_known(text)).collect();
    if unknown.is_empty() {
        Ok(texts.into_iter().map(Into::into).collect())
    } else {
        Err(unknown_events(&unknown.join(", "), lists_valid))
    }
}

fn unknown_events(unknown: &str, lists_valid: bool) -> Error {
    let text = format!("Invalid events: {unknown}");
    if !lists_valid {
        return Error::BadRequest(text.into());
    }
    let names: Vec<_> = EVENTS.iter().map(|(name, _)| *name).collect();
    Error::BadRequest(format!("{text}. Valid events: {}", names.join(", ")).into())
}

/// The error that an operation on receivers answers for one of the engine.
fn failed(operation: Operation) -> impl Fn(engine::Error) -> Error {
    move |error| match error {
        engine::Error::NotFound => Error::WebhookNotFound,
        engine::Error::Conflict(Conflict::TooManyWebhooks(max)) => {
            Error::BadRequest(format!("Maximum of {max} webhooks per user").into())
        }
        engine::Error::Invalid(words) => Error::BadRequest(words.into()),
        other => operation.failed()(other),
    }
}
