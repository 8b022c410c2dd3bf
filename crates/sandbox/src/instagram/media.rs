//! Publishing containers, and reading media, stories, comments and limits.

use std::sync::Arc;

use axum::extract::{Path, State};
use domain::platform::Platform;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::containers::{Container, Product, Progress, not_ready, status_words};
use super::{Asked, Instagram, graph_error, invalid, new_id, no_such_object, own_user, refusal, selected};
use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Handled, Turn, open};
use crate::fault::Class;
use crate::journal::{Ledger, NewPost, Published};
use crate::world::{Shared, lock};

/// Publishes in a day.
const PUBLISHES_MAX: usize = 100;
/// The day in which they count, and in which a story is shown.
const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Media of one page when the caller does not say.
const PAGE_DEFAULT: usize = 25;
/// Media of one page at most.
const PAGE_MAX: usize = 100;

type VersionAndId = Path<(String, String)>;

fn is_comment(post: &Published) -> bool {
    post.settings.get("kind").and_then(Value::as_str) == Some("comment")
}

fn note<'p>(post: &'p Published, name: &str) -> &'p str {
    post.notes.get(name).and_then(Value::as_str).unwrap_or_default()
}

pub(super) async fn publish(State(world): State<Shared>, Path((_version, user)): VersionAndId, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let creation_id = asked.fields.text("creation_id").unwrap_or_default();
    // The request does not carry the caption, but scripts may count by it.
    let caption = lock(&world.instagram.containers)
        .get(&creation_id)
        .map(|container| container.caption.clone());
    let caption = caption.unwrap_or_default();
    let mut turn = open(&world, Instagram, &call, asked.credential(), Class::Create, &caption).await?;
    let answer = own_user(&turn, &user).and_then(|account| publish_container(&mut turn, &account, &creation_id));
    Ok(turn.close(answer).await)
}

fn publish_container(turn: &mut Turn<Instagram>, account: &Account, id: &str) -> Result<Answer, Answer> {
    if id.is_empty() {
        return Err(invalid("The parameter creation_id is required."));
    }
    let world = Arc::clone(&turn.world);
    let mut ledger = world.ledger();
    if ledger.by_key(Platform::Instagram, &account.remote_id, id).is_some() {
        return Err(not_ready());
    }
    let container = lock(&world.instagram.containers).get(id).cloned();
    let container = container
        .filter(|container| container.account == account.remote_id)
        .ok_or_else(|| {
            refusal(
                24,
                2_207_006,
                "The media builder with the given creation id was not found.",
            )
        })?;
    if container.product == Product::Item {
        return Err(refusal(
            100,
            2_207_023,
            "A carousel item cannot be published by itself.",
        ));
    }
    match container.progress(turn.now) {
        Progress::Finished => {}
        Progress::Working | Progress::Failed(_) => return Err(not_ready()),
        Progress::Expired => {
            return Err(refusal(
                24,
                2_207_008,
                "The media builder with the given creation id has expired.",
            ));
        }
    }
    if world.rate_limits && published_today(turn, &ledger, account) >= PUBLISHES_MAX {
        return Err(graph_error(
            403,
            9,
            Some(2_207_042),
            "Application request limit reached",
            false,
        ));
    }
    let media_id = new_id(turn);
    let new = post_of(&container, account, &media_id);
    turn.commit(&mut ledger, new)?;
    Ok(Answer::ok(&json!({ "id": media_id })))
}

fn published_today(turn: &Turn<Instagram>, ledger: &Ledger, account: &Account) -> usize {
    ledger
        .of_account(Platform::Instagram, &account.remote_id)
        .take_while(|post| turn.now.duration_since(post.at) < DAY)
        .filter(|post| !is_comment(post))
        .take(PUBLISHES_MAX)
        .count()
}

fn post_of(container: &Container, account: &Account, media_id: &str) -> NewPost {
    let shortcode = shortcode(media_id);
    let (product_type, permalink) = match container.product {
        Product::Reel => ("REELS", format!("https://www.instagram.com/reel/{shortcode}/")),
        Product::Story => (
            "STORY",
            format!("https://www.instagram.com/stories/{}/{media_id}", account.handle),
        ),
        Product::Image | Product::Item | Product::Carousel => {
            ("FEED", format!("https://www.instagram.com/p/{shortcode}/"))
        }
    };
    let media_type = match container.product {
        Product::Carousel => "CAROUSEL_ALBUM",
        _ if container.is_video => "VIDEO",
        _ => "IMAGE",
    };
    NewPost {
        remote_id: media_id.to_owned(),
        url: Some(permalink.clone()),
        // A story shows no caption.
        text: if container.product == Product::Story {
            String::new()
        } else {
            container.caption.clone()
        },
        media: container.media.clone(),
        alt: container.alt.clone(),
        reply_to: None,
        settings: container.settings.clone(),
        key: Some(container.id.clone()),
        notes: json!({
            "product_type": product_type,
            "media_type": media_type,
            "shortcode": shortcode,
            "permalink": permalink,
            "username": account.handle,
        }),
    }
}

/// Letters that stand for an id; a real one cannot be computed from the id, and no client should.
fn shortcode(media_id: &str) -> String {
    let letters = media_id
        .bytes()
        .rev()
        .map(|digit| char::from(b'a' + digit.wrapping_sub(b'0') % 10));
    format!("C{}", letters.take(10).collect::<String>())
}

fn media_json(post: &Published) -> Value {
    let or_null = |text: &str| {
        if text.is_empty() {
            Value::Null
        } else {
            Value::String(text.to_owned())
        }
    };
    json!({
        "id": post.remote_id,
        "caption": or_null(&post.text),
        "permalink": note(post, "permalink"),
        "shortcode": note(post, "shortcode"),
        "media_product_type": note(post, "product_type"),
        "media_type": note(post, "media_type"),
        "username": note(post, "username"),
        // The offset has no colon.
        "timestamp": post.at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string(),
        "like_count": 0,
        "comments_count": 0,
        "is_comment_enabled": true,
    })
}

pub(super) async fn node(State(world): State<Shared>, Path((_version, id)): VersionAndId, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let is_container = lock(&world.instagram.containers).contains_key(&id);
    let is_user = id == "me" || world.accounts().by_id(Platform::Instagram, &id).is_some();
    let class = if is_container || is_user {
        Class::Check
    } else {
        Class::Read
    };
    let turn = open(&world, Instagram, &call, asked.credential(), class, "").await?;
    let answer = if is_user {
        user(&turn, &id, &call)
    } else {
        object(&turn, &id, &call)
    };
    Ok(turn.close(answer).await)
}

fn user(turn: &Turn<Instagram>, id: &str, call: &Call) -> Result<Answer, Answer> {
    let account = own_user(turn, id)?;
    let all = json!({
        "id": account.remote_id,
        "user_id": account.remote_id,
        "username": account.handle,
        "name": account.handle,
        "account_type": "BUSINESS",
        "profile_picture_url": turn.world.address("samples/image.jpg"),
        "followers_count": 0,
        "follows_count": 0,
        "media_count": turn.world.ledger().count_of_account(Platform::Instagram, &account.remote_id),
    });
    Ok(Answer::ok(&selected(call, &all)))
}

/// A container or a medium of the token's account.
fn object(turn: &Turn<Instagram>, id: &str, call: &Call) -> Result<Answer, Answer> {
    let account = turn.account()?;
    let ledger = turn.world.ledger();
    let published = ledger.by_key(Platform::Instagram, &account.remote_id, id).is_some();
    let mut containers = lock(&turn.world.instagram.containers);
    let container = containers
        .get_mut(id)
        .filter(|container| container.account == account.remote_id);
    let words = match container {
        _ if published => Some((
            "PUBLISHED",
            "Published: Media has been successfully published.".to_owned(),
        )),
        Some(container) => Some(status_words(container.poll(turn.now))),
        None => None,
    };
    if let Some((code, text)) = words {
        let all = json!({ "id": id, "status_code": code, "status": text });
        return Ok(Answer::ok(&selected(call, &all)));
    }
    let post = ledger.by_remote(Platform::Instagram, id);
    let post = post.filter(|post| post.account == account.remote_id && turn.shows(post) && !is_comment(post));
    post.map(|post| Answer::ok(&selected(call, &media_json(&post))))
        .ok_or_else(|| no_such_object(id))
}

/// The one thing of a medium that can be changed: whether it can be commented on.
pub(super) async fn update(State(world): State<Shared>, Path((_version, id)): VersionAndId, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let turn = open(&world, Instagram, &call, asked.credential(), Class::Upload, "").await?;
    let answer = own_medium(&turn, &id).and_then(|_| match asked.fields.text("comment_enabled") {
        Some(_) => Ok(Answer::ok(&json!({ "success": true }))),
        None => Err(invalid("The parameter comment_enabled is required.")),
    });
    Ok(turn.close(answer).await)
}

fn own_medium(turn: &Turn<Instagram>, id: &str) -> Result<Arc<Published>, Answer> {
    let account = turn.account()?;
    let post = turn.world.ledger().by_remote(Platform::Instagram, id);
    let own = post.filter(|post| post.account == account.remote_id && !post.deleted && !is_comment(post));
    own.ok_or_else(|| no_such_object(id))
}

pub(super) async fn list(State(world): State<Shared>, Path((_version, id)): VersionAndId, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let turn = open(&world, Instagram, &call, asked.credential(), Class::Read, "").await?;
    let answer = page(&turn, &id, &call, |post| {
        note(post, "product_type") != "STORY" && !is_comment(post)
    });
    Ok(turn.close(answer).await)
}

pub(super) async fn stories(State(world): State<Shared>, Path((_version, id)): VersionAndId, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let turn = open(&world, Instagram, &call, asked.credential(), Class::Read, "").await?;
    let now = turn.now;
    let answer = page(&turn, &id, &call, |post| {
        note(post, "product_type") == "STORY" && now.duration_since(post.at) < DAY
    });
    Ok(turn.close(answer).await)
}

/// The account's media, newest first.
fn page(
    turn: &Turn<Instagram>,
    user: &str,
    call: &Call,
    wanted: impl Fn(&Published) -> bool,
) -> Result<Answer, Answer> {
    let account = own_user(turn, user)?;
    let limit = call.query_number("limit", PAGE_DEFAULT, PAGE_MAX).max(1);
    let second = |name: &str| call.query(name).and_then(|second| second.parse::<i64>().ok());
    let (since, until) = (second("since"), second("until"));
    let after = call.query("after").and_then(|id| id.parse::<u64>().ok());
    let inside = |post: &&Arc<Published>| {
        until.is_none_or(|until| post.at.as_second() <= until)
            && after.is_none_or(|after| post.remote_id.parse::<u64>().is_ok_and(|id| id < after))
            && wanted(post)
            && turn.shows(post)
    };
    let ledger = turn.world.ledger();
    let posts: Vec<&Arc<Published>> = ledger
        .of_account(Platform::Instagram, &account.remote_id)
        .take_while(|post| since.is_none_or(|since| post.at.as_second() >= since))
        .filter(inside)
        .take(limit)
        .collect();
    let data: Vec<Value> = posts.iter().map(|post| selected(call, &media_json(post))).collect();
    let mut body = json!({ "data": data });
    if let (Some(object), Some(first), Some(last)) = (body.as_object_mut(), posts.first(), posts.last()) {
        let cursors = json!({ "cursors": { "before": first.remote_id, "after": last.remote_id } });
        object.insert("paging".to_owned(), cursors);
    }
    Ok(Answer::ok(&body))
}

pub(super) async fn publishing_limit(
    State(world): State<Shared>,
    Path((_version, id)): VersionAndId,
    call: Call,
) -> Handled {
    let asked = Asked::read(&call);
    let turn = open(&world, Instagram, &call, asked.credential(), Class::Check, "").await?;
    let answer = own_user(&turn, &id).map(|account| {
        let used = published_today(&turn, &world.ledger(), &account);
        // Without limits there is always room left.
        let used = if world.rate_limits {
            used
        } else {
            used.min(PUBLISHES_MAX / 2)
        };
        let all = json!({
            "quota_usage": used,
            "config": { "quota_total": PUBLISHES_MAX, "quota_duration": DAY.as_secs() },
        });
        Answer::ok(&json!({ "data": [selected(&call, &all)] }))
    });
    Ok(turn.close(answer).await)
}

pub(super) async fn comment(State(world): State<Shared>, Path((_version, id)): VersionAndId, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let message = asked.fields.text("message").unwrap_or_default();
    let mut turn = open(&world, Instagram, &call, asked.credential(), Class::Create, &message).await?;
    let answer = add_comment(&mut turn, &id, message);
    Ok(turn.close(answer).await)
}

fn add_comment(turn: &mut Turn<Instagram>, id: &str, message: String) -> Result<Answer, Answer> {
    if message.is_empty() {
        return Err(invalid("The parameter message is required."));
    }
    let medium = own_medium(turn, id)?;
    let world = Arc::clone(&turn.world);
    let comment_id = new_id(turn);
    let new = NewPost {
        remote_id: comment_id.clone(),
        text: message,
        reply_to: Some(medium.remote_id.clone()),
        settings: json!({ "kind": "comment" }),
        ..NewPost::default()
    };
    turn.commit(&mut world.ledger(), new)?;
    Ok(Answer::ok(&json!({ "id": comment_id })))
}

pub(super) async fn comments(State(world): State<Shared>, Path((_version, id)): VersionAndId, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let turn = open(&world, Instagram, &call, asked.credential(), Class::Read, "").await?;
    let answer = own_medium(&turn, &id).map(|medium| {
        let ledger = world.ledger();
        let data: Vec<Value> = ledger
            .of_account(Platform::Instagram, &medium.account)
            .take_while(|post| post.at >= medium.at)
            .filter(|post| post.reply_to.as_deref() == Some(&medium.remote_id) && turn.shows(post))
            .take(PAGE_MAX)
            .map(|post| {
                let at = post.at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string();
                json!({ "id": post.remote_id, "text": post.text, "timestamp": at })
            })
            .collect();
        Answer::ok(&json!({ "data": data }))
    });
    Ok(turn.close(answer).await)
}
