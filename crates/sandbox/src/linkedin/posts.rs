//! Posts: making, reading, changing and deleting them.

use std::sync::Arc;

use axum::extract::{Path, State};
use domain::platform::Platform;
use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use super::{
    LinkedIn, access_denied, act_as, check_keys, content, invalid_value, is_organization, little, may, missing_field,
    new_id, not_found, object_of, open_rest, refusal, text_of, urn_of, violation,
};
use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Handled, Turn};
use crate::fault::Class;
use crate::journal::{Ledger, NewPost, Published};
use crate::medium::sha256_hex;
use crate::world::Shared;

/// Characters of a commentary.
const COMMENTARY_MAX: usize = 3_000;
/// How long the same body is refused.
const DUPLICATE_WINDOW: SignedDuration = SignedDuration::from_mins(10);
/// How long it is refused when the first post was deleted meanwhile.
const DELETED_DUPLICATE_WINDOW: SignedDuration = SignedDuration::from_hours(24);
/// Posts of one page when the caller does not say.
const PAGE_DEFAULT: usize = 10;
/// Posts of one page at most.
const PAGE_MAX: usize = 100;

const KEYS: &[&str] = &[
    "author",
    "commentary",
    "visibility",
    "distribution",
    "lifecycleState",
    "isReshareDisabledByAuthor",
    "content",
    "reshareContext",
    "contentLandingPage",
    "contentCallToActionLabel",
    "container",
];
const DISTRIBUTION_KEYS: &[&str] = &["feedDistribution", "targetEntities", "thirdPartyDistributionChannels"];

/// Whether something of the journal is a post rather than a comment or a reaction.
pub(super) fn is_post(post: &Published) -> bool {
    post.settings.get("kind").is_none()
}

fn commentary_of(body: &Map<String, Value>) -> &str {
    body.get("commentary").and_then(Value::as_str).unwrap_or_default()
}

pub(super) async fn create(State(world): State<Shared>, call: Call) -> Handled {
    let body = object_of(&call);
    let shown = body
        .as_ref()
        .map(|body| little::read(commentary_of(body)).shown)
        .unwrap_or_default();
    let mut turn = open_rest(&world, &call, Class::Create, "posts", &shown).await?;
    let answer = match &body {
        Ok(body) => publish(&mut turn, body, shown),
        Err(refused) => Err(refused.clone()),
    };
    Ok(turn.close(answer).await)
}

fn word_of<'b>(body: &'b Map<String, Value>, name: &str, allowed: &[&str]) -> Result<&'b str, Answer> {
    let word = text_of(body, name, "")?;
    if allowed.contains(&word) {
        Ok(word)
    } else {
        Err(invalid_value(&format!("/{name}"), &json!(word)))
    }
}

fn check_commentary(text: &str) -> Result<(), Answer> {
    if text.chars().count() > COMMENTARY_MAX {
        return Err(content::too_long("/commentary", COMMENTARY_MAX));
    }
    Ok(())
}

fn check_body(turn: &mut Turn<LinkedIn>, body: &Map<String, Value>) -> Result<(), Answer> {
    check_keys(turn, body, "", KEYS)?;
    check_commentary(text_of(body, "commentary", "")?)?;
    word_of(body, "visibility", &["PUBLIC", "CONNECTIONS", "LOGGED_IN", "CONTAINER"])?;
    word_of(body, "lifecycleState", &["PUBLISHED"])?;
    let distribution = body
        .get("distribution")
        .and_then(Value::as_object)
        .ok_or_else(|| missing_field("/distribution"))?;
    check_keys(turn, distribution, "/distribution", DISTRIBUTION_KEYS)?;
    word_of(distribution, "feedDistribution", &["MAIN_FEED", "NONE"])?;
    match body.get("isReshareDisabledByAuthor") {
        None | Some(Value::Bool(_)) => Ok(()),
        Some(other) => Err(invalid_value("/isReshareDisabledByAuthor", other)),
    }
}

/// The post that is shared again.
fn reshared<'b>(ledger: &Ledger, body: &'b Map<String, Value>) -> Result<Option<&'b str>, Answer> {
    let Some(context) = body.get("reshareContext") else {
        return Ok(None);
    };
    let parent = context
        .get("parent")
        .and_then(Value::as_str)
        .ok_or_else(|| missing_field("/reshareContext/parent"))?;
    if !is_post_urn(parent) {
        let message = format!("/reshareContext/parent :: {parent} is not a share or ugcPost");
        return Err(refusal(400, "INVALID_URN_TYPE", &message));
    }
    // Posts of strangers are none of the sandbox's, so an unknown one is believed to exist.
    match ledger.by_remote(Platform::LinkedIn, parent) {
        Some(post) if post.deleted => Err(not_found(parent)),
        Some(post) if post.settings.get("isReshareDisabledByAuthor") == Some(&Value::Bool(true)) => {
            Err(access_denied("The author has disabled resharing of this post"))
        }
        _ => Ok(Some(parent)),
    }
}

pub(super) fn is_post_urn(urn: &str) -> bool {
    ["urn:li:share:", "urn:li:ugcPost:"]
        .iter()
        .any(|kind| urn.strip_prefix(kind).is_some_and(|id| !id.is_empty()))
}

fn publish(turn: &mut Turn<LinkedIn>, body: &Map<String, Value>, shown: String) -> Result<Answer, Answer> {
    check_body(turn, body)?;
    let author = text_of(body, "author", "")?;
    let account = act_as(turn, author, "/author")?;
    let content = content::read(turn, body, author)?;
    let world = Arc::clone(&turn.world);
    let mut ledger = world.ledger();
    let parent = reshared(&ledger, body)?;
    let raw = commentary_of(body);
    if raw.is_empty() && body.get("content").is_none() && parent.is_none() {
        return Err(missing_field("/commentary"));
    }
    let key = sha256_hex(format!("{author}\n{}", Value::Object(body.clone())).as_bytes());
    refuse_duplicate(turn, &ledger, &account, &key)?;
    let kind = if content.is_video { "ugcPost" } else { "share" };
    let urn = format!("urn:li:{kind}:{}", new_id(turn));
    if content.invisible {
        // Taken, but it never shows.
        turn.picked.read_lag_s = u64::MAX;
    }
    let settings: Map<String, Value> = body
        .iter()
        .filter(|(name, _)| *name != "author")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let kept = raw.get(..little::read(raw).kept).unwrap_or_default();
    let new = NewPost {
        url: Some(format!("https://www.linkedin.com/feed/update/{urn}/")),
        remote_id: urn.clone(),
        text: shown,
        media: content.media,
        alt: content.alt,
        reply_to: None,
        settings: Value::Object(settings),
        key: Some(key),
        notes: json!({ "commentary": kept, "media_urns": content.urns, "invisible": content.invisible }),
    };
    turn.commit(&mut ledger, new)?;
    Ok(Answer::bytes(201, "", "".into()).with("x-restli-id", urn))
}

fn refuse_duplicate(turn: &Turn<LinkedIn>, ledger: &Ledger, account: &Account, key: &str) -> Result<(), Answer> {
    let Some(first) = ledger.by_key(Platform::LinkedIn, &account.remote_id, key) else {
        return Ok(());
    };
    let window = if first.deleted {
        DELETED_DUPLICATE_WINDOW
    } else {
        DUPLICATE_WINDOW
    };
    // What was posted before the account was connected anew is another owner's, who is not to be met.
    if first.at < account.fresh_since() || turn.now.duration_since(first.at) >= window {
        return Ok(());
    }
    let body = json!({
        "errorDetailType": "com.linkedin.common.error.BadRequest",
        "message": format!(
            "com.linkedin.content.common.exception.BadRequestResponseException: Content is a duplicate of {}",
            first.remote_id
        ),
        "errorDetails": { "inputErrors": [
            { "description": "Duplicate post is detected", "input": {}, "code": "DUPLICATE_POST" },
        ]},
        "status": 422,
    });
    Err(Answer::json(422, &body))
}

/// A post of an account that the token may act for.
pub(super) fn own_post(turn: &mut Turn<LinkedIn>, urn: &str) -> Result<Arc<Published>, Answer> {
    if !is_post_urn(urn) {
        return Err(refusal(
            400,
            "INVALID_URN_TYPE",
            &format!("{urn} is not a share or ugcPost"),
        ));
    }
    let post = turn.world.ledger().by_remote(Platform::LinkedIn, urn);
    let post = post.ok_or_else(|| not_found(urn))?;
    if turn.act_as(&post.account) {
        Ok(post)
    } else {
        Err(access_denied("Not enough permissions to access this post"))
    }
}

pub(super) async fn delete(State(world): State<Shared>, Path(urn): Path<String>, call: Call) -> Handled {
    let mut turn = open_rest(&world, &call, Class::Delete, "posts", "").await?;
    let answer = own_post(&mut turn, &urn).and_then(|post| {
        // Deleting is repeatable.
        if !post.deleted {
            turn.delete(&mut world.ledger(), &post)?;
        }
        Ok(Answer::bytes(204, "", "".into()))
    });
    Ok(turn.close(answer).await)
}

/// `PARTIAL_UPDATE` of the commentary.
pub(super) async fn update(State(world): State<Shared>, Path(urn): Path<String>, call: Call) -> Handled {
    let mut turn = open_rest(&world, &call, Class::Upload, "posts", "").await?;
    let answer = if call.header("x-restli-method") == Some("PARTIAL_UPDATE") {
        change(&mut turn, &urn, &call)
    } else {
        Err(violation(
            &mut turn,
            "a post is changed without X-RestLi-Method: PARTIAL_UPDATE",
        ))
    };
    Ok(turn.close(answer).await)
}

fn change(turn: &mut Turn<LinkedIn>, urn: &str, call: &Call) -> Result<Answer, Answer> {
    let body = object_of(call)?;
    let set = body
        .get("patch")
        .and_then(|patch| patch.get("$set"))
        .and_then(Value::as_object)
        .ok_or_else(|| missing_field("/patch/$set"))?;
    check_keys(
        turn,
        set,
        "/patch/$set",
        &["commentary", "contentCallToActionLabel", "contentLandingPage"],
    )?;
    let post = own_post(turn, urn)?;
    if post.deleted {
        return Err(not_found(urn));
    }
    let raw = commentary_of(set);
    check_commentary(raw)?;
    let read = little::read(raw);
    let mut notes = post.notes.clone();
    if let Some(notes) = notes.as_object_mut() {
        let kept = raw.get(..read.kept).unwrap_or_default();
        notes.insert("commentary".to_owned(), json!(kept));
    }
    let world = Arc::clone(&turn.world);
    let edited = world.ledger().edit(post.seq, read.shown, notes);
    edited.map_err(|_| refusal(503, "SERVICE_UNAVAILABLE", "Service Unavailable"))?;
    Ok(Answer::bytes(204, "", "".into()))
}

/// Whether the token may read what the account has posted.
pub(super) fn check_reads(turn: &Turn<LinkedIn>, account: &Account, what: &str) -> Result<(), Answer> {
    let scope = if is_organization(&account.remote_id) {
        "r_organization_social"
    } else {
        "r_member_social"
    };
    if may(turn, account, &[scope]) {
        Ok(())
    } else {
        Err(access_denied(&format!("Not enough permissions to access: {what}")))
    }
}

fn post_json(account: &Account, post: &Published) -> Value {
    let at = post.at.as_millisecond();
    let mut shown = json!({
        "id": post.remote_id,
        "author": urn_of(account),
        "commentary": post.notes.get("commentary"),
        "createdAt": at,
        "publishedAt": at,
        "lastModifiedAt": at,
        "lifecycleState": "PUBLISHED",
        "lifecycleStateInfo": { "isEditedByAuthor": false },
    });
    let carried = [
        "visibility",
        "distribution",
        "content",
        "reshareContext",
        "isReshareDisabledByAuthor",
    ];
    if let Some(object) = shown.as_object_mut() {
        for name in carried {
            if let Some(value) = post.settings.get(name) {
                object.insert(name.to_owned(), value.clone());
            }
        }
    }
    shown
}

pub(super) async fn show(State(world): State<Shared>, Path(urn): Path<String>, call: Call) -> Handled {
    let mut turn = open_rest(&world, &call, Class::Read, "posts", "").await?;
    let answer = own_post(&mut turn, &urn).and_then(|post| {
        let account = turn.account()?;
        check_reads(&turn, &account, "partnerApiPostsExternal.GET")?;
        if turn.shows(&post) {
            Ok(Answer::ok(&post_json(&account, &post)))
        } else {
            Err(not_found(&urn))
        }
    });
    Ok(turn.close(answer).await)
}

/// The posts of an author, newest first.
pub(super) async fn find(State(world): State<Shared>, call: Call) -> Handled {
    let mut turn = open_rest(&world, &call, Class::Read, "posts", "").await?;
    let answer = list(&mut turn, &call);
    Ok(turn.close(answer).await)
}

fn list(turn: &mut Turn<LinkedIn>, call: &Call) -> Result<Answer, Answer> {
    if call.header("x-restli-method") != Some("FINDER") {
        return Err(violation(turn, "a finder without X-RestLi-Method: FINDER"));
    }
    if call.query("q") != Some("author") {
        return Err(invalid_value("/q", &json!(call.query("q"))));
    }
    let account = act_as(turn, call.query("author").unwrap_or_default(), "/author")?;
    check_reads(turn, &account, "partnerApiPostsExternal.FINDER-author")?;
    let count = call.query_number("count", PAGE_DEFAULT, PAGE_MAX);
    let start = call.query_number("start", 0, usize::MAX);
    let ledger = turn.world.ledger();
    let elements: Vec<Value> = ledger
        .of_account(Platform::LinkedIn, &account.remote_id)
        .filter(|post| is_post(post) && turn.shows(post))
        .skip(start)
        .take(count)
        .map(|post| post_json(&account, post))
        .collect();
    let paging = json!({ "start": start, "count": count, "links": [] });
    Ok(Answer::ok(&json!({ "paging": paging, "elements": elements })))
}
