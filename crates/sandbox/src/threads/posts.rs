//! Publishing containers, and reading and deleting what came of them.

use std::sync::Arc;

use axum::extract::{Path, State};
use domain::platform::Platform;
use serde_json::{Value, json};

use super::containers::Container;
use super::{Threads, new_id, not_everywhere};
use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Handled, Turn, open};
use crate::fault::Class;
use crate::graph::{self, Asked, DAY, Progress, invalid, no_such_object, note, own_user};
use crate::journal::{Ledger, NewPost, Published};
use crate::world::{Shared, lock};

/// Posts of a day.
const POSTS_MAX: usize = 250;
/// Replies of a day.
const REPLIES_MAX: usize = 1_000;
/// Deletions of a day.
const DELETIONS_MAX: usize = 100;

type VersionAndId = Path<(String, String)>;

fn is_reply(post: &Published) -> bool {
    post.reply_to.is_some()
}

pub(super) async fn publish(State(world): State<Shared>, Path((_version, user)): VersionAndId, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let creation_id = asked.text("creation_id");
    // The request does not carry the text, but scripts may count by it.
    let text = lock(&world.threads.containers)
        .get(&creation_id)
        .map(|container| container.text.clone());
    let text = text.unwrap_or_default();
    let mut turn = open(&world, Threads, &call, asked.credential(), Class::Create, &text).await?;
    let answer = own_user(&turn, &user).and_then(|account| publish_container(&mut turn, &account, &creation_id));
    Ok(turn.close(answer).await)
}

fn full() -> Answer {
    graph::error(403, 9, Some(2_207_042), "Application request limit reached", false)
}

fn used(turn: &Turn<Threads>, ledger: &Ledger, account: &Account, replies: bool) -> usize {
    graph::made_today(turn.now, ledger, account, |post| is_reply(post) == replies)
}

fn publish_container(turn: &mut Turn<Threads>, account: &Account, id: &str) -> Result<Answer, Answer> {
    if id.is_empty() {
        return Err(invalid("The parameter creation_id is required."));
    }
    let world = Arc::clone(&turn.world);
    let mut ledger = world.ledger();
    if ledger.by_key(Platform::Threads, &account.remote_id, id).is_some() {
        return Err(invalid("The container has already been published"));
    }
    let container = lock(&world.threads.containers).get(id).cloned();
    let own = container.filter(|container| container.account == account.remote_id && !container.is_item);
    let container = own.ok_or_else(|| not_everywhere(id))?;
    let elapsed = turn.now.duration_since(container.preparation.began());
    let is_finished = container.preparation.progress(turn.now) == Progress::Finished;
    if !is_finished || elapsed < container.known_after {
        return Err(not_everywhere(id));
    }
    let (replies, max) = if container.reply_to.is_some() {
        (true, REPLIES_MAX)
    } else {
        (false, POSTS_MAX)
    };
    if world.rate_limits && used(turn, &ledger, account, replies) >= max {
        turn.is_over_quota();
        return Err(full());
    }
    let media_id = new_id(turn);
    turn.commit(&mut ledger, post_of(container, account, &media_id))?;
    Ok(Answer::ok(&json!({ "id": media_id })))
}

fn permalink(account: &Account, shortcode: &str) -> String {
    format!("https://www.threads.net/@{}/post/{shortcode}", account.handle)
}

fn post_of(container: Container, account: &Account, media_id: &str) -> NewPost {
    let shortcode = graph::shortcode('D', media_id);
    let permalink = permalink(account, &shortcode);
    NewPost {
        remote_id: media_id.to_owned(),
        url: Some(permalink.clone()),
        text: container.text,
        media: container.media,
        alt: container.alt,
        reply_to: container.reply_to,
        settings: container.settings,
        key: Some(container.id),
        notes: json!({
            "media_type": container.product.shown(),
            "shortcode": shortcode,
            "permalink": permalink,
            "username": account.handle,
        }),
    }
}

fn media_json(post: &Published) -> Value {
    json!({
        "id": post.remote_id,
        "media_product_type": "THREADS",
        "media_type": note(post, "media_type"),
        "permalink": note(post, "permalink"),
        "shortcode": note(post, "shortcode"),
        "username": note(post, "username"),
        "owner": { "id": post.account },
        "text": if post.text.is_empty() { Value::Null } else { json!(post.text) },
        "timestamp": graph::timestamp(post.at),
        "is_quote_post": post.settings.get("quote_post_id").is_some(),
        "is_reply": is_reply(post),
        "replied_to": post.reply_to.as_ref().map(|id| json!({ "id": id })),
        "alt_text": post.alt.first().filter(|alt| !alt.is_empty()),
        "topic_tag": post.settings.get("topic_tag"),
        "link_attachment_url": post.settings.get("link_attachment"),
    })
}

pub(super) async fn node(State(world): State<Shared>, Path((_version, id)): VersionAndId, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let is_container = lock(&world.threads.containers).contains_key(&id);
    let is_user = id == "me" || world.accounts().by_id(Platform::Threads, &id).is_some();
    let class = if is_container || is_user {
        Class::Check
    } else {
        Class::Read
    };
    let turn = open(&world, Threads, &call, asked.credential(), class, "").await?;
    let answer = if is_user {
        own_user(&turn, &id).map(|account| {
            json!({
                "id": account.remote_id,
                "username": account.handle,
                "name": account.handle,
                "threads_profile_picture_url": world.address("samples/image.jpg"),
                "threads_biography": "",
            })
        })
    } else {
        object(&turn, &id)
    };
    let answer = answer.map(|all| Answer::ok(&asked.selected(&all)));
    Ok(turn.close(answer).await)
}

/// A container or a post of the token's account.
fn object(turn: &Turn<Threads>, id: &str) -> Result<Value, Answer> {
    let account = turn.account()?;
    let ledger = turn.world.ledger();
    if ledger.by_key(Platform::Threads, &account.remote_id, id).is_some() {
        return Ok(json!({ "id": id, "status": "PUBLISHED" }));
    }
    let mut containers = lock(&turn.world.threads.containers);
    let container = containers
        .get_mut(id)
        .filter(|container| container.account == account.remote_id);
    if let Some(container) = container {
        let (status, error) = match container.preparation.poll(turn.now) {
            Progress::Working => ("IN_PROGRESS", None),
            Progress::Finished => {
                if container.spreads_by_status {
                    container.known_after = jiff::SignedDuration::ZERO;
                }
                ("FINISHED", None)
            }
            Progress::Failed(why) => ("ERROR", Some(why)),
            Progress::Expired => ("EXPIRED", None),
        };
        return Ok(json!({ "id": id, "status": status, "error_message": error }));
    }
    let post = ledger.by_remote(Platform::Threads, id);
    let post = post.filter(|post| post.account == account.remote_id && turn.shows(post));
    post.map(|post| media_json(&post)).ok_or_else(|| no_such_object(id))
}

/// The account's posts, newest first; its replies are in another list.
pub(super) async fn list(State(world): State<Shared>, Path((_version, id)): VersionAndId, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let turn = open(&world, Threads, &call, asked.credential(), Class::Read, "").await?;
    let wanted = |post: &Published| !is_reply(post);
    let answer = own_user(&turn, &id).map(|account| graph::page(&turn, &account, &asked, wanted, media_json));
    Ok(turn.close(answer).await)
}

/// The replies of an account, or the account's own replies to one of its posts.
pub(super) async fn replies(State(world): State<Shared>, Path((_version, id)): VersionAndId, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let turn = open(&world, Threads, &call, asked.credential(), Class::Read, "").await?;
    let answer = turn.account().map(|account| {
        let of_user = own_user(&turn, &id).is_ok();
        let wanted = |post: &Published| is_reply(post) && (of_user || post.reply_to.as_deref() == Some(&id));
        graph::page(&turn, &account, &asked, wanted, media_json)
    });
    Ok(turn.close(answer).await)
}

pub(super) async fn publishing_limit(
    State(world): State<Shared>,
    Path((_version, id)): VersionAndId,
    call: Call,
) -> Handled {
    let asked = Asked::read(&call);
    let turn = open(&world, Threads, &call, asked.credential(), Class::Check, "").await?;
    let answer = own_user(&turn, &id).map(|account| {
        let ledger = world.ledger();
        let quota = |max: usize| json!({ "quota_total": max, "quota_duration": DAY.as_secs() });
        // Without limits there is always room left.
        let shown = |used: usize, max: usize| if world.rate_limits { used } else { used.min(max / 2) };
        let all = json!({
            "quota_usage": shown(used(&turn, &ledger, &account, false), POSTS_MAX),
            "config": quota(POSTS_MAX),
            "reply_quota_usage": shown(used(&turn, &ledger, &account, true), REPLIES_MAX),
            "reply_config": quota(REPLIES_MAX),
            "delete_quota_usage": shown(deletions(&turn, &account), DELETIONS_MAX),
            "delete_config": quota(DELETIONS_MAX),
        });
        let mut chosen = asked.selected(&all);
        if let Some(object) = chosen.as_object_mut() {
            object.remove("id");
        }
        Answer::ok(&json!({ "data": [chosen] }))
    });
    Ok(turn.close(answer).await)
}

fn deletions(turn: &Turn<Threads>, account: &Account) -> usize {
    let fresh_since = account.fresh_since();
    let mut all = lock(&turn.world.threads.deletions);
    let of_account = all.entry(account.remote_id.clone()).or_default();
    of_account.retain(|at| turn.now.duration_since(*at) < DAY && *at >= fresh_since);
    of_account.len()
}

pub(super) async fn delete(State(world): State<Shared>, Path((_version, id)): VersionAndId, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let turn = open(&world, Threads, &call, asked.credential(), Class::Delete, "").await?;
    let answer = turn.account().and_then(|account| remove(&turn, &account, &id));
    Ok(turn.close(answer).await)
}

fn remove(turn: &Turn<Threads>, account: &Account, id: &str) -> Result<Answer, Answer> {
    let world = Arc::clone(&turn.world);
    let mut ledger = world.ledger();
    let post = ledger.by_remote(Platform::Threads, id);
    let own = post.filter(|post| post.account == account.remote_id && !post.deleted);
    let post = own.ok_or_else(|| no_such_object(id))?;
    if world.rate_limits && deletions(turn, account) >= DELETIONS_MAX {
        return Err(full());
    }
    turn.delete(&mut ledger, &post)?;
    lock(&world.threads.deletions)
        .entry(account.remote_id.clone())
        .or_default()
        .push(turn.now);
    Ok(Answer::ok(&json!({ "success": true, "deleted_id": id })))
}

/// Shares a post again as it is.
pub(super) async fn repost(State(world): State<Shared>, Path((_version, id)): VersionAndId, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let mut turn = open(&world, Threads, &call, asked.credential(), Class::Create, "").await?;
    let answer = turn.account().and_then(|account| share_again(&mut turn, &account, &id));
    Ok(turn.close(answer).await)
}

fn share_again(turn: &mut Turn<Threads>, account: &Account, id: &str) -> Result<Answer, Answer> {
    let world = Arc::clone(&turn.world);
    let mut ledger = world.ledger();
    let shown = ledger.by_remote(Platform::Threads, id).filter(|post| turn.shows(post));
    shown.ok_or_else(|| not_everywhere(id))?;
    if world.rate_limits && used(turn, &ledger, account, false) >= POSTS_MAX {
        turn.is_over_quota();
        return Err(full());
    }
    let media_id = new_id(turn);
    let shortcode = graph::shortcode('D', &media_id);
    let permalink = permalink(account, &shortcode);
    let new = NewPost {
        remote_id: media_id.clone(),
        url: Some(permalink.clone()),
        settings: json!({ "kind": "repost", "reposted": id }),
        notes: json!({
            "media_type": "REPOST_FACADE",
            "shortcode": shortcode,
            "permalink": permalink,
            "username": account.handle,
        }),
        ..NewPost::default()
    };
    turn.commit(&mut ledger, new)?;
    Ok(Answer::ok(&json!({ "id": media_id })))
}
