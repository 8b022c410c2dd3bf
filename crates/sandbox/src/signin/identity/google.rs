//! Google: the channel of YouTube, the accounts and locations of business profiles, and what a token is.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use domain::platform::Platform;
use serde_json::{Value, json};

use super::{ask, chosen, targets};
use crate::account::{Account, Holder, TokenUse};
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Handled, Turn, open};
use crate::fault::Class;
use crate::signin::Api;
use crate::signin::words::{google_error, standard};
use crate::world::{Shared, World};

const CHANNEL: &[&str] = &[
    "https://www.googleapis.com/auth/youtube.readonly",
    "https://www.googleapis.com/auth/youtube",
    "https://www.googleapis.com/auth/youtube.force-ssl",
];
const BUSINESS: &[&str] = &["https://www.googleapis.com/auth/business.manage"];

pub(super) fn routes() -> Router<Shared> {
    let tokeninfo =
        |platform: Platform| get(move |State(world): State<Shared>, call: Call| token_info(platform, world, call));
    Router::new()
        .route("/youtube/youtube/v3/channels", get(channels))
        .route("/youtube/tokeninfo", tokeninfo(Platform::YouTube))
        .route("/googlebusiness/tokeninfo", tokeninfo(Platform::GoogleBusiness))
        .route("/googlebusiness/v1/accounts", get(accounts))
        .route("/googlebusiness/v1/accounts/{account}/locations", get(locations))
}

fn invalid(message: &str) -> Answer {
    google_error(400, "INVALID_ARGUMENT", "badRequest", message)
}

async fn channels(State(world): State<Shared>, call: Call) -> Handled {
    let turn = ask(&world, Platform::YouTube, CHANNEL, &call).await?;
    let answer = turn.account().and_then(|channel| {
        let part = call.query("part").ok_or_else(|| invalid("Required parameter: part"))?;
        let is_own = call.query("mine") == Some("true");
        let ids = call.query("id").unwrap_or_default();
        if !is_own && ids.is_empty() {
            return Err(invalid("No filter selected. Expected one of: id, mine, forHandle"));
        }
        let shown = is_own || ids.split(',').any(|id| id == channel.remote_id);
        let items: Vec<Value> = shown
            .then(|| channel_json(&world, &channel, part))
            .into_iter()
            .collect();
        Ok(Answer::ok(&json!({
            "kind": "youtube#channelListResponse",
            "etag": "sandbox",
            "pageInfo": { "totalResults": items.len(), "resultsPerPage": 5 },
            "items": items,
        })))
    });
    Ok(turn.close(answer).await)
}

fn channel_json(world: &World, channel: &Account, part: &str) -> Value {
    let picture = json!({ "url": world.address("samples/image2.png"), "width": 256, "height": 256 });
    let letters = channel.remote_id.get(2..).unwrap_or_default();
    let parts = json!({
        "snippet": {
            "title": channel.handle,
            "description": "",
            "customUrl": format!("@{}", channel.handle),
            "publishedAt": channel.since.to_string(),
            "thumbnails": { "default": picture, "medium": picture, "high": picture },
            "localized": { "title": channel.handle, "description": "" },
        },
        "contentDetails": { "relatedPlaylists": { "likes": "LL", "uploads": format!("UU{letters}") } },
        "status": {
            "privacyStatus": "public",
            "isLinked": true,
            "longUploadsStatus": "allowed",
            "madeForKids": false,
        },
        "statistics": { "viewCount": "0", "subscriberCount": "0", "hiddenSubscriberCount": false, "videoCount": "0" },
    });
    let mut body = chosen(&parts, part);
    if let Some(object) = body.as_object_mut() {
        object.insert("kind".to_owned(), json!("youtube#channel"));
        object.insert("etag".to_owned(), json!("sandbox"));
        object.insert("id".to_owned(), json!(channel.remote_id));
    }
    body
}

/// The business accounts of the user: his own, which has all locations.
async fn accounts(State(world): State<Shared>, call: Call) -> Handled {
    let turn = ask(&world, Platform::GoogleBusiness, BUSINESS, &call).await?;
    let answer = turn.account().map(|user| {
        let account = json!({
            "name": format!("accounts/{}", user.remote_id),
            "accountName": user.handle,
            "type": "PERSONAL",
            "verificationState": "UNVERIFIED",
            "vettedState": "NOT_VETTED",
        });
        Answer::ok(&json!({ "accounts": [account] }))
    });
    Ok(turn.close(answer).await)
}

async fn locations(State(world): State<Shared>, Path(account): Path<String>, call: Call) -> Handled {
    let turn = ask(&world, Platform::GoogleBusiness, BUSINESS, &call).await?;
    let answer = located(&turn, &account, &call);
    Ok(turn.close(answer).await)
}

fn located(turn: &Turn<Api>, account: &str, call: &Call) -> Result<Answer, Answer> {
    let user = turn.account()?;
    if user.remote_id != account {
        let message = "The caller does not have permission";
        return Err(google_error(403, "PERMISSION_DENIED", "forbidden", message));
    }
    let mask = call
        .query("readMask")
        .ok_or_else(|| invalid("Invalid field mask provided: readMask is required"))?;
    // A token that came with a location's account is for that location.
    let mut shown = targets(turn);
    if turn.grant.is_none() {
        shown.insert(0, user);
    }
    let locations: Vec<Value> = shown
        .iter()
        .map(|location| {
            let all = json!({
                "name": format!("locations/{}", location.remote_id),
                "title": location.handle,
                "storeCode": location.handle,
                "languageCode": "en",
                "metadata": {
                    "hasVoiceOfMerchant": true,
                    "canOperateLocalPost": true,
                    "placeId": format!("ChIJ{}", location.remote_id),
                },
            });
            chosen(&all, mask)
        })
        .collect();
    // Google leaves empty lists out.
    Ok(Answer::ok(&if locations.is_empty() {
        json!({})
    } else {
        json!({ "locations": locations, "totalSize": locations.len() })
    }))
}

/// `tokeninfo`: what a token was granted, for whoever has it.
async fn token_info(platform: Platform, world: Shared, call: Call) -> Handled {
    let token = call.query("access_token").unwrap_or_default();
    let credential = Credential::Other(Some(token), TokenUse::Access);
    let api = Api { platform, scopes: &[] };
    let turn = open(&world, api, &call, credential, Class::Check, "").await?;
    let answer = match &turn.holder {
        Holder::Good(_) => {
            let ends = world.accounts().ends_at(token);
            let grant = turn.grant.as_deref();
            Ok(Answer::ok(&json!({
                "azp": grant.map(|grant| grant.app.as_str()),
                "aud": grant.map(|grant| grant.app.as_str()),
                "scope": grant.map(|grant| grant.scopes.join(" ")),
                "exp": ends.map(|ends| ends.as_second().to_string()),
                "expires_in": ends.map(|ends| ends.duration_since(turn.now).as_secs().to_string()),
                "access_type": "offline",
            })))
        }
        Holder::Expired(_) | Holder::Unknown => Err(standard(400, "invalid_token", "Invalid Value")),
    };
    Ok(turn.close(answer).await)
}
