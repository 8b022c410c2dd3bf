//! Reading posts back: one by its id, or the newest of a user.

use std::sync::Arc;

use axum::extract::{Path, State};
use domain::platform::Platform;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{X, invalid, not_found_error};
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Handled, Turn, open};
use crate::fault::Class;
use crate::journal::Published;
use crate::world::Shared;

/// Posts of one page when the caller does not say.
const PAGE_DEFAULT: usize = 10;

/// The fields that were asked for, under the old name or the new.
fn asked(call: &Call) -> Vec<String> {
    ["post.fields", "tweet.fields"]
        .into_iter()
        .filter_map(|name| call.query(name))
        .flat_map(|fields| fields.split(','))
        .map(|field| field.trim().to_owned())
        .collect()
}

fn post_json(post: &Published, fields: &[String]) -> Value {
    let note = |name: &str| post.notes.get(name).cloned().unwrap_or(Value::Null);
    let mut object = Map::new();
    object.insert("id".to_owned(), json!(post.remote_id));
    object.insert("text".to_owned(), note("text"));
    object.insert("edit_history_tweet_ids".to_owned(), json!([post.remote_id]));
    for field in fields {
        let value = match field.as_str() {
            "created_at" => json!(format!("{:.3}", post.at)),
            "author_id" => json!(post.account),
            "conversation_id" => json!(post.reply_to.as_ref().unwrap_or(&post.remote_id)),
            "source" => json!("Broadside Sandbox"),
            "attachments" if !post.media.is_empty() => json!({ "media_keys": note("media_keys") }),
            "entities" if note("urls").as_array().is_some_and(|urls| !urls.is_empty()) => {
                json!({ "urls": note("urls") })
            }
            "referenced_posts" | "referenced_tweets" => match references(post) {
                references if references.is_empty() => continue,
                references => json!(references),
            },
            _ => continue,
        };
        object.insert(field.clone(), value);
    }
    Value::Object(object)
}

/// What a post answers and quotes.
fn references(post: &Published) -> Vec<Value> {
    let answered = post.reply_to.as_deref().map(|id| ("replied_to", id));
    let quoted = post
        .notes
        .get("quoted")
        .and_then(Value::as_str)
        .map(|id| ("quoted", id));
    let both = answered.into_iter().chain(quoted);
    both.map(|(kind, id)| json!({ "type": kind, "id": id })).collect()
}

pub(super) async fn show(State(world): State<Shared>, Path(id): Path<String>, call: Call) -> Handled {
    let turn = open(&world, X, &call, Credential::Access(call.bearer()), Class::Read, "").await?;
    let post = world
        .ledger()
        .by_remote(Platform::X, &id)
        .filter(|post| turn.shows(post));
    let answer = match post {
        Some(post) => json!({ "data": post_json(&post, &asked(&call)) }),
        None => json!({ "errors": [not_found_error(&world.x, &id)] }),
    };
    Ok(turn.close(Ok(Answer::ok(&answer))).await)
}

pub(super) async fn list(State(world): State<Shared>, Path(id): Path<String>, call: Call) -> Handled {
    let turn = open(&world, X, &call, Credential::Access(call.bearer()), Class::Read, "").await?;
    let answer = page(&turn, &id, &call);
    Ok(turn.close(answer).await)
}

/// What a page of the timeline may hold.
struct Bounds {
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    above: Option<u64>,
    below: Option<u64>,
    limit: usize,
    no_replies: bool,
}

impl Bounds {
    fn read(turn: &Turn<X>, call: &Call) -> Result<Self, Answer> {
        let wrong = |name: &str| {
            invalid(
                &turn.world.x,
                &format!("The `{name}` query parameter value is not valid."),
                &json!({ name: [call.query(name)] }),
            )
        };
        let time = |name: &str| match call.query(name) {
            Some(text) => text.parse::<Timestamp>().map(Some).map_err(|_| wrong(name)),
            None => Ok(None),
        };
        let number = |name: &str| match call.query(name) {
            Some(text) => text.parse::<u64>().map(Some).map_err(|_| wrong(name)),
            None => Ok(None),
        };
        let limit = match number("max_results")? {
            None => PAGE_DEFAULT,
            Some(limit) if (5..=100).contains(&limit) => usize::try_from(limit).unwrap_or(PAGE_DEFAULT),
            Some(_) => return Err(wrong("max_results")),
        };
        let page = number("pagination_token")?;
        Ok(Self {
            start: time("start_time")?,
            end: time("end_time")?,
            above: number("since_id")?,
            below: match (number("until_id")?, page) {
                (Some(until), Some(page)) => Some(until.min(page)),
                (until, page) => until.or(page),
            },
            limit,
            no_replies: call
                .query("exclude")
                .is_some_and(|kinds| kinds.split(',').any(|kind| kind == "replies")),
        })
    }

    fn holds(&self, post: &Published) -> bool {
        let id = post.remote_id.parse::<u64>().unwrap_or_default();
        self.end.is_none_or(|end| post.at < end)
            && self.below.is_none_or(|below| id < below)
            && self.above.is_none_or(|above| id > above)
            && !(self.no_replies && post.reply_to.is_some())
    }
}

fn page(turn: &Turn<X>, id: &str, call: &Call) -> Result<Answer, Answer> {
    let bounds = Bounds::read(turn, call)?;
    let posts: Vec<Arc<Published>> = {
        let ledger = turn.world.ledger();
        ledger
            .of_account(Platform::X, id)
            .take_while(|post| bounds.start.is_none_or(|start| post.at >= start))
            .filter(|post| bounds.holds(post) && turn.shows(post))
            .take(bounds.limit)
            .cloned()
            .collect()
    };
    let (Some(newest), Some(oldest)) = (posts.first(), posts.last()) else {
        return Ok(Answer::ok(&json!({ "meta": { "result_count": 0 } })));
    };
    let fields = asked(call);
    let mut meta = json!({
        "result_count": posts.len(),
        "newest_id": newest.remote_id,
        "oldest_id": oldest.remote_id,
    });
    if let (Some(object), true) = (meta.as_object_mut(), posts.len() == bounds.limit) {
        object.insert("next_token".to_owned(), json!(oldest.remote_id));
    }
    let data: Vec<Value> = posts.iter().map(|post| post_json(post, &fields)).collect();
    Ok(Answer::ok(&json!({ "data": data, "meta": meta })))
}
