//! Comments and reactions. Self-serve tokens of members may do neither.

use std::sync::Arc;

use axum::extract::{Path, State};
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::posts::{check_reads, is_post, is_post_urn};
use super::{
    LinkedIn, access_denied, act_as, check_keys, content, figures, invalid_value, may, missing_field, new_id,
    not_found, object_of, open_rest, refusal, text_of, urn_of,
};
use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Handled, Turn};
use crate::fault::Class;
use crate::journal::{NewPost, Published};
use crate::world::{Shared, lock};

/// Characters of a comment.
const COMMENT_MAX: usize = 1_250;
/// How long after its post the first comment is told to come again.
const NOT_KNOWN_YET: SignedDuration = SignedDuration::from_secs(8);
/// Comments of one page at most.
const PAGE_MAX: usize = 100;
const REACTIONS: &[&str] = &["LIKE", "PRAISE", "EMPATHY", "INTEREST", "APPRECIATION", "ENTERTAINMENT"];

fn check_feed_scope(turn: &Turn<LinkedIn>, account: &Account, what: &str) -> Result<(), Answer> {
    let scopes = [
        "w_member_social_feed",
        "w_organization_social_feed",
        "w_organization_social",
    ];
    if may(turn, account, &scopes) {
        Ok(())
    } else {
        Err(access_denied(&format!("Not enough permissions to access: {what}")))
    }
}

/// A post that can be commented on: one of the sandbox that still stands.
fn target(turn: &Turn<LinkedIn>, urn: &str) -> Result<Arc<Published>, Answer> {
    if !is_post_urn(urn) {
        return Err(refusal(
            400,
            "INVALID_URN_TYPE",
            &format!("{urn} is not a share or ugcPost"),
        ));
    }
    let post = turn.world.ledger().by_remote(Platform::LinkedIn, urn);
    post.filter(|post| is_post(post) && turn.shows(post))
        .ok_or_else(|| refusal(404, "NOT_FOUND", &format!("Unable to obtain activity for entity {urn}")))
}

/// A post that can be reacted to or commented on.
#[derive(Debug)]
pub(super) struct Entity {
    pub(super) urn: String,
    /// When it was made, if it was made here.
    at: Option<Timestamp>,
}

/// A post of the sandbox, or one of somebody else that is known to exist.
pub(super) fn entity(turn: &Turn<LinkedIn>, call: &Call, urn: &str) -> Result<Entity, Answer> {
    if is_post_urn(urn) && figures::known_as(&turn.world, call, urn).is_some_and(|known| known == urn) {
        let urn = urn.to_owned();
        return Ok(Entity { urn, at: None });
    }
    let post = target(turn, urn)?;
    Ok(Entity {
        urn: post.remote_id.clone(),
        at: Some(post.at),
    })
}

fn message_of(body: &Map<String, Value>) -> &str {
    body.get("message")
        .and_then(|message| message.get("text"))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

pub(super) async fn comment(State(world): State<Shared>, Path(urn): Path<String>, call: Call) -> Handled {
    let body = object_of(&call);
    let text = body.as_ref().map(message_of).unwrap_or_default().to_owned();
    let mut turn = open_rest(&world, &call, Class::Create, "socialActions", &text).await?;
    let answer = match &body {
        Ok(body) => add_comment(&mut turn, &call, &urn, body),
        Err(refused) => Err(refused.clone()),
    };
    Ok(turn.close(answer).await)
}

fn add_comment(turn: &mut Turn<LinkedIn>, call: &Call, urn: &str, body: &Map<String, Value>) -> Result<Answer, Answer> {
    let text = message_of(body);
    check_keys(
        turn,
        body,
        "",
        &["actor", "object", "message", "content", "parentComment"],
    )?;
    let actor = act_as(turn, text_of(body, "actor", "")?, "/actor")?;
    check_feed_scope(turn, &actor, "partnerApiSocialActions.CREATE-comments")?;
    let object = text_of(body, "object", "")?;
    if text.is_empty() {
        return Err(missing_field("/message/text"));
    }
    if text.chars().count() > COMMENT_MAX {
        return Err(content::too_long("/message/text", COMMENT_MAX));
    }
    // An answer to a comment is made below that comment.
    let comment = urn
        .strip_prefix("urn:li:comment:(")
        .and_then(|inner| inner.split_once(','));
    let urn = match comment {
        // A comment may be named below the activity of its post, which the body says (learn.microsoft.com, "Comments API").
        Some((activity, _)) if activity.starts_with("urn:li:activity:") => object,
        Some((post, _)) => post,
        None => urn,
    };
    let attributes = attributes_of(body, text)?;
    let post = entity(turn, call, urn)?;
    let world = Arc::clone(&turn.world);
    let is_fresh = post.at.is_some_and(|at| turn.now.duration_since(at) < NOT_KNOWN_YET);
    if is_fresh && lock(&world.linkedin.told_to_wait).insert(urn.to_owned()) {
        // Every other post is unknown without a reason.
        let is_bare = urn.ends_with(['1', '3', '5', '7', '9']);
        let message = format!("Unable to obtain activity for entity {urn}");
        let words = if is_bare { "Not Found" } else { &message };
        return Err(refusal(404, "NOT_FOUND", words));
    }
    let id = new_id(turn).to_string();
    let comment_urn = format!("urn:li:comment:({urn},{id})");
    let new = NewPost {
        remote_id: comment_urn.clone(),
        text: text.to_owned(),
        reply_to: Some(urn.to_owned()),
        settings: json!({ "kind": "comment" }),
        notes: json!({ "id": id, "attributes": attributes }),
        ..NewPost::default()
    };
    turn.commit(&mut world.ledger(), new)?;
    figures::acted(&world, call, &comment_urn);
    let made = json!({
        "id": id,
        "commentUrn": comment_urn,
        "actor": urn_of(&actor),
        "object": urn,
        "message": { "attributes": attributes, "text": text },
        "created": { "actor": urn_of(&actor), "time": turn.now.as_millisecond() },
    });
    Ok(Answer::json(201, &made).with("x-restli-id", id))
}

/// Whose the names in a comment are. A range outside the text, or of nobody, is refused.
fn attributes_of(body: &Map<String, Value>, text: &str) -> Result<Value, Answer> {
    let given = body.get("message").and_then(|message| message.get("attributes"));
    let Some(given) = given else { return Ok(json!([])) };
    let length = u64::try_from(text.encode_utf16().count()).unwrap_or(u64::MAX);
    let is_known = |attribute: &Value| {
        let number = |name: &str| attribute.get(name).and_then(Value::as_u64);
        let entity = |path: &str| attribute.pointer(path).and_then(Value::as_str);
        let ends = number("start")
            .zip(number("length"))
            .and_then(|(start, length)| start.checked_add(length));
        let is_of = entity("/value/com.linkedin.common.MemberAttributedEntity/member")
            .map(|urn| urn.starts_with("urn:li:person:"))
            .or_else(|| {
                let company = entity("/value/com.linkedin.common.CompanyAttributedEntity/company")?;
                Some(company.starts_with("urn:li:organization:"))
            });
        ends.is_some_and(|end| end <= length) && is_of == Some(true)
    };
    let list = given.as_array().map(Vec::as_slice).unwrap_or_default();
    if given.is_array() && list.iter().all(is_known) {
        Ok(given.clone())
    } else {
        Err(invalid_value("/message/attributes", given))
    }
}

pub(super) async fn comments(State(world): State<Shared>, Path(urn): Path<String>, call: Call) -> Handled {
    let mut turn = open_rest(&world, &call, Class::Read, "socialActions", "").await?;
    let answer = list(&mut turn, &urn);
    Ok(turn.close(answer).await)
}

fn list(turn: &mut Turn<LinkedIn>, urn: &str) -> Result<Answer, Answer> {
    let post = target(turn, urn)?;
    if !turn.act_as(&post.account) {
        return Err(access_denied("Not enough permissions to access these comments"));
    }
    let account = turn.account()?;
    check_reads(turn, &account, "partnerApiSocialActions.GET_ALL-comments")?;
    let ledger = turn.world.ledger();
    let elements: Vec<Value> = ledger
        .of_account(Platform::LinkedIn, &post.account)
        .take_while(|comment| comment.seq > post.seq)
        .filter(|comment| comment.reply_to.as_deref() == Some(urn) && turn.shows(comment) && is_comment(comment))
        .take(PAGE_MAX)
        .map(|comment| {
            json!({
                "id": comment.notes.get("id"),
                "commentUrn": comment.remote_id,
                "actor": urn_of(&account),
                "object": urn,
                "message": { "attributes": comment.notes.get("attributes"), "text": comment.text },
                "created": { "actor": urn_of(&account), "time": comment.at.as_millisecond() },
            })
        })
        .collect();
    let paging = json!({ "start": 0, "count": PAGE_MAX, "links": [] });
    Ok(Answer::ok(&json!({ "paging": paging, "elements": elements })))
}

fn is_comment(post: &Published) -> bool {
    post.settings.get("kind").and_then(Value::as_str) == Some("comment")
}

/// Deletes what the token's account made with this remote id.
fn remove(turn: &mut Turn<LinkedIn>, call: &Call, remote_id: &str, on: &str) -> Result<Answer, Answer> {
    let world = Arc::clone(&turn.world);
    let of_others = figures::known_as(&world, call, on).is_some();
    if of_others && !figures::undone(&world, call, remote_id) {
        return Err(not_found(remote_id));
    }
    let mut ledger = world.ledger();
    let made = ledger.by_remote(Platform::LinkedIn, remote_id);
    if of_others && made.as_ref().is_none_or(|made| made.deleted) {
        // Another token of the same account took back its own.
        return Ok(Answer::bytes(204, "", "".into()));
    }
    let made = made.filter(|made| !made.deleted).ok_or_else(|| not_found(remote_id))?;
    if !turn.act_as(&made.account) {
        return Err(access_denied("Not enough permissions to delete this"));
    }
    turn.delete(&mut ledger, &made)?;
    Ok(Answer::bytes(204, "", "".into()))
}

pub(super) async fn delete_comment(
    State(world): State<Shared>,
    Path((urn, id)): Path<(String, String)>,
    call: Call,
) -> Handled {
    let mut turn = open_rest(&world, &call, Class::Delete, "socialActions", "").await?;
    let answer = remove(&mut turn, &call, &format!("urn:li:comment:({urn},{id})"), &urn);
    Ok(turn.close(answer).await)
}

pub(super) fn reaction_id(actor: &str, entity: &str) -> String {
    format!("urn:li:reaction:({actor},{entity})")
}

pub(super) async fn react(State(world): State<Shared>, call: Call) -> Handled {
    let mut turn = open_rest(&world, &call, Class::Create, "reactions", "").await?;
    let answer = object_of(&call).and_then(|body| add_reaction(&mut turn, &call, &body));
    Ok(turn.close(answer).await)
}

fn add_reaction(turn: &mut Turn<LinkedIn>, call: &Call, body: &Map<String, Value>) -> Result<Answer, Answer> {
    check_keys(turn, body, "", &["root", "reactionType"])?;
    let actor = act_as(turn, call.query("actor").unwrap_or_default(), "/actor")?;
    check_feed_scope(turn, &actor, "partnerApiReactions.CREATE")?;
    let kind = text_of(body, "reactionType", "")?;
    if !REACTIONS.contains(&kind) {
        return Err(invalid_value("/reactionType", &json!(kind)));
    }
    let post = entity(turn, call, text_of(body, "root", "")?)?;
    let id = reaction_id(&urn_of(&actor), &post.urn);
    let world = Arc::clone(&turn.world);
    let mut ledger = world.ledger();
    // A post of somebody else has no time here; of those the token's own reactions count.
    let exists = match post.at {
        Some(_) => ledger
            .by_remote(Platform::LinkedIn, &id)
            .is_some_and(|known| !known.deleted),
        None => !figures::acted(&world, call, &id),
    };
    if exists {
        return Err(refusal(
            409,
            "CONFLICT",
            "A reaction of this actor exists on this entity already",
        ));
    }
    let new = NewPost {
        remote_id: id.clone(),
        reply_to: Some(post.urn.clone()),
        settings: json!({ "kind": "reaction", "reactionType": kind }),
        ..NewPost::default()
    };
    turn.commit(&mut ledger, new)?;
    let made = json!({ "id": id, "root": post.urn, "reactionType": kind });
    Ok(Answer::json(201, &made).with("x-restli-id", id))
}

/// The key of a reaction is `(actor:…,entity:…)`.
pub(super) async fn delete_reaction(State(world): State<Shared>, Path(key): Path<String>, call: Call) -> Handled {
    let mut turn = open_rest(&world, &call, Class::Delete, "reactions", "").await?;
    let inner = key.trim_start_matches('(').trim_end_matches(')');
    let answer = match inner.split_once(",entity:") {
        Some((actor, entity)) => {
            let actor = actor.trim_start_matches("actor:");
            remove(&mut turn, &call, &reaction_id(actor, entity), entity)
        }
        None => Err(invalid_value("/key", &json!(key))),
    };
    Ok(turn.close(answer).await)
}
