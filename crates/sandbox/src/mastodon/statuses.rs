//! Statuses: creating them once per idempotency key, and reading them back.

use std::sync::Arc;

use axum::extract::{Path, State};
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::instance::{ATTACHMENTS_MAX, CHARACTERS_MAX, CHARACTERS_PER_URL};
use super::media::Attachment;
use super::{Mastodon, account_json, iso, not_found, refusal};
use crate::account::TokenUse;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Handled, Turn, open};
use crate::fault::Class;
use crate::form::Fields;
use crate::journal::{NewPost, Published};
use crate::text::{html_escape, length_with_links, links};
use crate::world::{Shared, World, lock};

/// How long an idempotency key is remembered (docs.joinmastodon.org, statuses).
const KEY_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// Statuses of one page when the caller does not say.
const PAGE_DEFAULT: usize = 20;
/// Statuses of one page at most.
const PAGE_MAX: usize = 40;

/// The smallest id of this moment: milliseconds, shifted by 16 bits.
pub(super) fn snowflake(now: Timestamp) -> u64 {
    u64::try_from(now.as_millisecond()).unwrap_or_default() << 16
}

pub(super) async fn create(State(world): State<Shared>, call: Call) -> Handled {
    let fields = Fields::of(&call);
    let text = fields
        .as_ref()
        .ok()
        .and_then(|fields| fields.text("status"))
        .unwrap_or_default();
    let mut turn = open(
        &world,
        Mastodon,
        &call,
        Credential::Access(call.bearer()),
        Class::Create,
        &text,
    )
    .await?;
    let answer = match &fields {
        Ok(fields) => publish(&mut turn, fields, text, call.header("idempotency-key")),
        Err(_) => Err(refusal(400, "Bad Request")),
    };
    Ok(turn.close(answer).await)
}

fn publish(turn: &mut Turn<Mastodon>, fields: &Fields, text: String, key: Option<&str>) -> Result<Answer, Answer> {
    let account = turn.account()?;
    let world = Arc::clone(&turn.world);
    let key = key.filter(|key| !key.is_empty());
    let mut ledger = world.ledger();
    let known = key.and_then(|key| ledger.by_key(Platform::Mastodon, &account.remote_id, key));
    if let Some(known) = known.filter(|known| turn.now.duration_since(known.at) < KEY_LIFE) {
        drop(ledger);
        return Ok(Answer::ok(&status_json(&world, &known)));
    }
    let draft = Draft::read(fields, &text)?;
    if let Some(parent) = &draft.reply_to
        && ledger
            .by_remote(Platform::Mastodon, parent)
            .is_none_or(|post| post.deleted)
    {
        return Err(refusal(
            404,
            "The post you are trying to reply to does not appear to exist.",
        ));
    }
    let mut media = lock(&world.mastodon.media);
    let attachments = attach(&media, &draft.media_ids, &account.remote_id)?;
    if text.is_empty() && attachments.is_empty() {
        return Err(refusal(422, "Validation failed: Text can't be blank"));
    }
    let id = world.next_id(Platform::Mastodon, snowflake(turn.now)).to_string();
    let entities: Vec<Value> = attachments.iter().map(|attachment| attachment.json(&world)).collect();
    let new = NewPost {
        url: Some(world.address(&format!("mastodon/@{}/{id}", account.handle))),
        remote_id: id,
        text,
        media: attachments
            .iter()
            .map(|attachment| attachment.medium.sha256.clone())
            .collect(),
        alt: attachments
            .iter()
            .map(|attachment| attachment.description.clone())
            .collect(),
        reply_to: draft.reply_to,
        settings: draft.settings,
        key: key.map(str::to_owned),
        notes: json!({ "media_attachments": entities }),
    };
    let post = turn.commit(&mut ledger, new)?;
    for id in &draft.media_ids {
        if let Some(attachment) = media.get_mut(id) {
            attachment.attached = true;
        }
    }
    drop((media, ledger));
    Ok(Answer::ok(&status_json(&world, &post)))
}

struct Draft {
    media_ids: Vec<String>,
    reply_to: Option<String>,
    settings: Value,
}

impl Draft {
    fn read(fields: &Fields, text: &str) -> Result<Self, Answer> {
        if fields.text("scheduled_at").is_some() {
            return Err(refusal(
                422,
                "Validation failed: Scheduled statuses are not available here",
            ));
        }
        let spoiler = fields.text("spoiler_text").unwrap_or_default();
        let length = length_with_links(&without_mention_hosts(text), CHARACTERS_PER_URL)
            + length_with_links(&spoiler, CHARACTERS_PER_URL);
        if length > CHARACTERS_MAX {
            let message = format!("Validation failed: Text character limit of {CHARACTERS_MAX} exceeded");
            return Err(refusal(422, &message));
        }
        let visibility = fields.text("visibility").unwrap_or_else(|| "public".to_owned());
        if !matches!(visibility.as_str(), "public" | "unlisted" | "private" | "direct") {
            return Err(refusal(
                422,
                "Validation failed: Visibility is not included in the list",
            ));
        }
        let sensitive = fields.flag("sensitive") || !spoiler.is_empty();
        Ok(Self {
            media_ids: fields.list("media_ids"),
            reply_to: fields.text("in_reply_to_id").filter(|id| !id.is_empty()),
            settings: json!({
                "visibility": visibility,
                "spoiler_text": spoiler,
                "sensitive": sensitive,
                "language": fields.text("language"),
                "poll": fields.json("poll"),
            }),
        })
    }
}

/// `@user@host` counts as `@user`.
fn without_mention_hosts(text: &str) -> String {
    text.split(' ')
        .map(
            |word| match word.strip_prefix('@').and_then(|rest| rest.split_once('@')) {
                Some((user, _)) if !user.is_empty() => format!("@{user}"),
                _ => word.to_owned(),
            },
        )
        .collect::<Vec<_>>()
        .join(" ")
}

fn attach(
    media: &std::collections::HashMap<String, Attachment>,
    ids: &[String],
    account: &str,
) -> Result<Vec<Attachment>, Answer> {
    if ids.len() > ATTACHMENTS_MAX {
        let message = format!("Validation failed: Cannot attach more than {ATTACHMENTS_MAX} files");
        return Err(refusal(422, &message));
    }
    let usable = |id: &&String| {
        media
            .get(*id)
            .filter(|found| found.account == account && !found.attached)
    };
    let missing: Vec<&str> = ids
        .iter()
        .filter(|id| usable(id).is_none())
        .map(String::as_str)
        .collect();
    if !missing.is_empty() {
        let message = format!(
            "Validation failed: Media {} not found or already attached to another post",
            missing.join(", ")
        );
        return Err(refusal(422, &message));
    }
    let attachments: Vec<Attachment> = ids.iter().filter_map(|id| usable(&id).cloned()).collect();
    if attachments.len() > 1 && attachments.iter().any(|attachment| attachment.medium.kind.is_video()) {
        return Err(refusal(
            422,
            "Validation failed: Cannot attach a video to a post that already contains images",
        ));
    }
    if !attachments.iter().all(Attachment::is_ready) {
        let message =
            "Validation failed: Cannot attach files that have not finished processing. Try again in a moment!";
        return Err(refusal(422, message));
    }
    Ok(attachments)
}

/// The Status entity.
fn status_json(world: &World, post: &Published) -> Value {
    let account = world.accounts().by_id(Platform::Mastodon, &post.account);
    let author = account
        .as_ref()
        .map_or(Value::Null, |account| account_json(world, account));
    let setting = |name: &str| post.settings.get(name).cloned().unwrap_or(Value::Null);
    let answers = |other: &&Arc<Published>| !other.deleted && other.reply_to.as_ref() == Some(&post.remote_id);
    let replies = world
        .ledger()
        .of_account(Platform::Mastodon, &post.account)
        .filter(answers)
        .count();
    json!({
        "id": post.remote_id,
        "created_at": iso(post.at),
        "in_reply_to_id": post.reply_to,
        "in_reply_to_account_id": post.reply_to.as_ref().map(|_| &post.account),
        "sensitive": setting("sensitive"),
        "spoiler_text": setting("spoiler_text"),
        "visibility": setting("visibility"),
        "language": setting("language"),
        "uri": world.address(&format!("mastodon/users/{}/statuses/{}", post.account, post.remote_id)),
        "url": post.url,
        "replies_count": replies,
        "reblogs_count": 0,
        "favourites_count": 0,
        "edited_at": null,
        "content": content_html(&post.text),
        "reblog": null,
        "application": { "name": "Broadside", "website": null },
        "account": author,
        "media_attachments": post.notes.get("media_attachments").cloned().unwrap_or_else(|| json!([])),
        "mentions": [],
        "tags": [],
        "emojis": [],
        "card": null,
        "poll": setting("poll"),
    })
}

/// The text as Mastodon renders it: escaped, paragraphs, links as anchors.
fn content_html(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut html = String::new();
    let mut done = 0;
    for link in links(text) {
        html.push_str(&html_escape(text.get(done..link.start).unwrap_or_default()));
        let address = html_escape(text.get(link.clone()).unwrap_or_default());
        html.push_str(&format!(
            r#"<a href="{address}" rel="nofollow noopener" target="_blank">{address}</a>"#
        ));
        done = link.end;
    }
    html.push_str(&html_escape(text.get(done..).unwrap_or_default()));
    format!("<p>{}</p>", html.replace("\n\n", "</p><p>").replace('\n', "<br />"))
}

fn reader(call: &Call) -> Credential<'_> {
    Credential::Other(call.bearer(), TokenUse::Access)
}

/// Whether the caller may see the status.
fn may_see(turn: &Turn<Mastodon>, post: &Published) -> bool {
    let visibility = post
        .settings
        .get("visibility")
        .and_then(Value::as_str)
        .unwrap_or("public");
    let own = turn.account().is_ok_and(|account| account.remote_id == post.account);
    turn.shows(post) && (own || matches!(visibility, "public" | "unlisted"))
}

fn find(turn: &Turn<Mastodon>, id: &str) -> Result<Arc<Published>, Answer> {
    let post = turn.world.ledger().by_remote(Platform::Mastodon, id);
    post.filter(|post| may_see(turn, post)).ok_or_else(not_found)
}

pub(super) async fn show(State(world): State<Shared>, Path(id): Path<String>, call: Call) -> Handled {
    let turn = open(&world, Mastodon, &call, reader(&call), Class::Read, "").await?;
    let answer = find(&turn, &id).map(|post| Answer::ok(&status_json(&world, &post)));
    Ok(turn.close(answer).await)
}

/// The status's public page.
pub(super) async fn page(
    State(world): State<Shared>,
    Path((_author, id)): Path<(String, String)>,
    call: Call,
) -> Handled {
    let turn = open(&world, Mastodon, &call, Credential::Open, Class::Read, "").await?;
    let answer = Answer::page(find(&turn, &id).ok().as_deref());
    Ok(turn.close(Ok(answer)).await)
}

pub(super) async fn source(State(world): State<Shared>, Path(id): Path<String>, call: Call) -> Handled {
    let turn = open(
        &world,
        Mastodon,
        &call,
        Credential::Access(call.bearer()),
        Class::Read,
        "",
    )
    .await?;
    let answer = find(&turn, &id).map(|post| {
        Answer::ok(&json!({ "id": id, "text": post.text, "spoiler_text": post.settings.get("spoiler_text") }))
    });
    Ok(turn.close(answer).await)
}

pub(super) async fn delete(State(world): State<Shared>, Path(id): Path<String>, call: Call) -> Handled {
    let turn = open(
        &world,
        Mastodon,
        &call,
        Credential::Access(call.bearer()),
        Class::Delete,
        "",
    )
    .await?;
    let answer = remove(&turn, &id);
    Ok(turn.close(answer).await)
}

fn remove(turn: &Turn<Mastodon>, id: &str) -> Result<Answer, Answer> {
    let account = turn.account()?;
    let mut ledger = turn.world.ledger();
    let post = ledger
        .by_remote(Platform::Mastodon, id)
        .filter(|post| post.account == account.remote_id && !post.deleted)
        .ok_or_else(not_found)?;
    turn.delete(&mut ledger, &post)?;
    drop(ledger);
    let mut body = status_json(&turn.world, &post);
    if let Some(object) = body.as_object_mut() {
        object.insert("text".to_owned(), Value::String(post.text.clone()));
    }
    Ok(Answer::ok(&body))
}

pub(super) async fn of_account(State(world): State<Shared>, Path(id): Path<String>, call: Call) -> Handled {
    let turn = open(&world, Mastodon, &call, reader(&call), Class::Read, "").await?;
    let answer = list(&turn, &id, &call);
    Ok(turn.close(answer).await)
}

fn list(turn: &Turn<Mastodon>, id: &str, call: &Call) -> Result<Answer, Answer> {
    turn.world
        .accounts()
        .by_id(Platform::Mastodon, id)
        .ok_or_else(not_found)?;
    let bound = |name: &str| call.query(name).and_then(|id| id.parse::<u64>().ok());
    let (below, above) = (bound("max_id"), bound("since_id").or_else(|| bound("min_id")));
    let limit = call.query_number("limit", PAGE_DEFAULT, PAGE_MAX).max(1);
    let flag = |name: &str| call.query(name).is_some_and(|value| value == "true" || value == "1");
    let (no_replies, only_media) = (flag("exclude_replies"), flag("only_media"));
    let inside = |post: &&Arc<Published>| {
        let id = post.remote_id.parse::<u64>().unwrap_or_default();
        below.is_none_or(|below| id < below)
            && above.is_none_or(|above| id > above)
            && !(no_replies && post.reply_to.is_some())
            && !(only_media && post.media.is_empty())
            && may_see(turn, post)
    };
    let page: Vec<Arc<Published>> = {
        let ledger = turn.world.ledger();
        ledger
            .of_account(Platform::Mastodon, id)
            .filter(inside)
            .take(limit)
            .cloned()
            .collect()
    };
    let statuses: Vec<Value> = page.iter().map(|post| status_json(&turn.world, post)).collect();
    let answer = Answer::ok(&Value::Array(statuses));
    Ok(match (page.last(), page.len() == limit) {
        (Some(last), true) => {
            let next = turn.world.address(&format!("mastodon/api/v1/accounts/{id}/statuses"));
            answer.with(
                "link",
                format!("<{next}?max_id={}&limit={limit}>; rel=\"next\"", last.remote_id),
            )
        }
        _ => answer,
    })
}
