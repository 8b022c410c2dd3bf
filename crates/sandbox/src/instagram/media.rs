//! Publishing containers, and reading media, stories, comments and limits.

use std::sync::Arc;

use axum::extract::{Path, State};
use domain::platform::Platform;
use serde_json::{Value, json};

use super::containers::{Container, Product, not_ready, status_words};
use super::{Instagram, new_id};
use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Handled, Turn, open};
use crate::fault::Class;
use crate::graph::{self, Asked, DAY, PAGE_MAX, Progress, invalid, no_such_object, note, own_user, refusal};
use crate::journal::{Ledger, NewPost, Published};
use crate::world::{Shared, lock};

/// Publishes in a day.
const PUBLISHES_MAX: usize = 100;

type VersionAndId = Path<(String, String)>;

fn is_comment(post: &Published) -> bool {
    graph::kind(post) == "comment"
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
    match container.preparation.progress(turn.now) {
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
        turn.is_over_quota();
        return Err(graph::error(
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
    graph::made_today(turn.now, ledger, account, |post| !is_comment(post)).min(PUBLISHES_MAX)
}

fn post_of(container: &Container, account: &Account, media_id: &str) -> NewPost {
    let shortcode = graph::shortcode('C', media_id);
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
        "timestamp": graph::timestamp(post.at),
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
        user(&turn, &id, &asked)
    } else {
        object(&turn, &id, &asked)
    };
    Ok(turn.close(answer).await)
}

fn user(turn: &Turn<Instagram>, id: &str, asked: &Asked) -> Result<Answer, Answer> {
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
    Ok(Answer::ok(&asked.selected(&all)))
}

/// A container or a medium of the token's account.
fn object(turn: &Turn<Instagram>, id: &str, asked: &Asked) -> Result<Answer, Answer> {
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
        Some(container) => Some(status_words(&container.preparation.poll(turn.now))),
        None => None,
    };
    if let Some((code, text)) = words {
        let all = json!({ "id": id, "status_code": code, "status": text });
        return Ok(Answer::ok(&asked.selected(&all)));
    }
    let post = ledger.by_remote(Platform::Instagram, id);
    let post = post.filter(|post| post.account == account.remote_id && turn.shows(post) && !is_comment(post));
    post.map(|post| Answer::ok(&asked.selected(&media_json(&post))))
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
    let wanted = |post: &Published| note(post, "product_type") != "STORY" && !is_comment(post);
    let answer = own_user(&turn, &id).map(|account| graph::page(&turn, &account, &asked, wanted, media_json));
    Ok(turn.close(answer).await)
}

pub(super) async fn stories(State(world): State<Shared>, Path((_version, id)): VersionAndId, call: Call) -> Handled {
    let asked = Asked::read(&call);
    let turn = open(&world, Instagram, &call, asked.credential(), Class::Read, "").await?;
    let now = turn.now;
    let wanted = |post: &Published| note(post, "product_type") == "STORY" && now.duration_since(post.at) < DAY;
    let answer = own_user(&turn, &id).map(|account| graph::page(&turn, &account, &asked, wanted, media_json));
    Ok(turn.close(answer).await)
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
        Answer::ok(&json!({ "data": [asked.selected(&all)] }))
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
            .map(|post| json!({ "id": post.remote_id, "text": post.text, "timestamp": graph::timestamp(post.at) }))
            .collect();
        Answer::ok(&json!({ "data": data }))
    });
    Ok(turn.close(answer).await)
}
