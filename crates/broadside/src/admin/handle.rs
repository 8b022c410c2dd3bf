//! Answers requests. The only place that turns them into commands of the engine.

use std::collections::HashSet;

use domain::account::{Account, User};
use domain::content::{Content, PartContent};
use domain::ids::{ApiKeyId, GroupId, PostId};
use engine::Engine;
use engine::commands::{CreateGroup, Target};
use store::{Group, GroupOrder, GroupQuery, Reach};

use super::accounts::{self, find_account};
use super::protocol::{Hush, NewPost, Refusal, Reply, Request};
use super::view::GroupView;
use super::{health, users, webhooks};
use crate::wiring::Site;

/// The user that the first key of an empty installation belongs to.
const FIRST_USER: &str = "me";
/// The most entries of a history that are looked through or shown.
const HISTORY_MAX: u32 = 1_000;

pub(super) type Answer = Result<Reply, Refusal>;

/// Answers one request.
///
/// # Errors
/// A [`Refusal`] says what to do next.
pub async fn handle(site: &Site, request: Request) -> Answer {
    let engine = &site.engine;
    match request {
        Request::Hello => Ok(Reply::Hello {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            serving: site.serving_at.is_some(),
            addr: site.serving_at,
        }),
        request @ (Request::UserAdd { .. }
        | Request::UserConsent { .. }
        | Request::UserList
        | Request::UserPlan { .. }
        | Request::UserRemove { .. }) => users::handle(engine, request).await,
        request @ (Request::AccountAdd { .. }
        | Request::AccountConnect { .. }
        | Request::AccountCheck { .. }
        | Request::AccountList { .. }
        | Request::AccountLog { .. }
        | Request::AccountRemove { .. }) => accounts::handle(site, request).await,
        Request::KeyCreate { user, name, import } => create_key(engine, user.as_deref(), &name, import).await,
        Request::KeyList { user } => {
            let user = the_user(engine, user.as_deref()).await?;
            Ok(Reply::Keys(engine.keys_of(user.id).await?))
        }
        Request::KeyRevoke { user, key } => revoke_key(engine, user.as_deref(), &key).await,
        Request::MediaPut { .. } => Err(Refusal::new("invalid", "a file's bytes must follow its request")),
        Request::MediaFetch { user, url } => site.fetch_media(user.as_deref(), &url).await,
        Request::Post(post) => create_post(engine, post).await,
        Request::Posts { user, limit } => {
            let page = engine
                .list_groups(&reach(engine, user.as_deref()).await?, newest(limit.clamp(1, 100)))
                .await?;
            Ok(Reply::Groups {
                groups: page.groups.iter().map(GroupView::from).collect(),
                total: page.total,
            })
        }
        Request::Show { user, id } => show(engine, user.as_deref(), &id).await,
        Request::Logs { user, id, limit } => {
            logs(engine, user.as_deref(), id.as_deref(), limit.clamp(1, HISTORY_MAX)).await
        }
        Request::Retry { user, id } => retry(engine, user.as_deref(), &id).await,
        Request::Delete { user, id } => delete(engine, user.as_deref(), &id).await,
        Request::Retract { user, id } => retract(engine, user.as_deref(), &id).await,
        Request::Resolve { user, id, published } => resolve(engine, user.as_deref(), &id, published).await,
        request @ (Request::WebhookAdd { .. }
        | Request::WebhookList { .. }
        | Request::WebhookRemove { .. }
        | Request::WebhookTest { .. }
        | Request::WebhookLog { .. }) => webhooks::handle(site, request).await,
        Request::Health => health::health(site).await,
        Request::SecretsStatus => secrets(site).await,
        Request::SecretsRotate => {
            site.rotate_secrets()
                .await
                .map_err(|error| Refusal::new("secrets", format!("{error:#}")))?;
            secrets(site).await
        }
    }
}

pub(super) async fn named(engine: &Engine, name: &str) -> Result<User, Refusal> {
    engine.user_by_name(name).await.map_err(|error| match error {
        engine::Error::NotFound => Refusal::new("not_found", format!("there is no user '{name}'"))
            .next("`broadside user list` shows who there is"),
        other => other.into(),
    })
}

/// The user of this name, or the only one there is.
pub(crate) async fn the_user(engine: &Engine, name: Option<&str>) -> Result<User, Refusal> {
    if let Some(name) = name {
        return named(engine, name).await;
    }
    let mut users = engine.users().await?;
    match users.len() {
        1 => users.pop().ok_or_else(|| Refusal::new("not_found", "there is no user")),
        0 => {
            Err(Refusal::new("no_user", "there is no user yet")
                .next("`broadside key create` makes one with its first key"))
        }
        _ => {
            let names: Vec<_> = users.iter().take(10).map(|user| user.name.as_str()).collect();
            Err(
                Refusal::new("which_user", format!("there are several users: {}", names.join(", ")))
                    .next("choose one with --user"),
            )
        }
    }
}

pub(super) async fn reach(engine: &Engine, user: Option<&str>) -> Result<Reach, Refusal> {
    Ok(Reach {
        owner: the_user(engine, user).await?.id,
    })
}

async fn create_key(engine: &Engine, user: Option<&str>, name: &str, import: Option<Hush>) -> Answer {
    let user = match the_user(engine, user).await {
        Err(refusal) if refusal.code == "no_user" => {
            engine
                .create_user(FIRST_USER, engine.settings().plans.of_new_users())
                .await?
        }
        other => other?,
    };
    let made = match import {
        Some(text) => engine.import_key(user.id, name, text.0.expose()).await?,
        None => engine.create_key(user.id, name).await?,
    };
    Ok(Reply::NewKey {
        key: made.key,
        text: Hush(made.text),
        user: user.name,
    })
}

async fn revoke_key(engine: &Engine, user: Option<&str>, text: &str) -> Answer {
    let user = the_user(engine, user).await?;
    let id = text.parse::<ApiKeyId>().ok();
    let keys = engine.keys_of(user.id).await?;
    let mut found = keys
        .iter()
        .filter(|key| key.revoked_at.is_none() && (Some(key.id) == id || key.prefix == text || key.name == text));
    match (found.next(), found.next()) {
        (Some(key), None) => {
            engine.revoke_key(user.id, key.id).await?;
            Ok(Reply::Done)
        }
        (None, _) => {
            Err(Refusal::new("not_found", "there is no such active key").next("`broadside key list` shows them"))
        }
        (Some(_), Some(_)) => {
            Err(Refusal::new("ambiguous", "several keys are called that").next("use the id or the prefix"))
        }
    }
}

async fn create_post(engine: &Engine, post: NewPost) -> Answer {
    let reach = reach(engine, post.user.as_deref()).await?;
    let accounts = engine.accounts(&reach).await?;
    let mut targets = if post.to.is_empty() {
        accounts.iter().map(target).collect::<Vec<_>>()
    } else {
        post.to
            .iter()
            .map(|text| find_account(&accounts, text).map(target))
            .collect::<Result<_, _>>()?
    };
    // An account may be named by its platform, by its name and by its id: it gets one post all the same.
    let mut named = HashSet::new();
    targets.retain(|target| named.insert((target.platform, target.remote_id.clone())));
    if targets.is_empty() {
        return Err(
            Refusal::new("no_account", "no account is connected").next("`broadside account connect` connects one")
        );
    }
    let content = Content {
        head: PartContent {
            text: post.text,
            media: post.media,
        },
        replies: post
            .replies
            .into_iter()
            .map(|text| PartContent {
                text,
                media: Vec::new(),
            })
            .collect(),
        first_comment: post.first_comment,
        settings: post.settings,
        ..Content::default()
    };
    let command = CreateGroup {
        owner: reach.owner,
        content,
        targets,
        draft: false,
        planned_at: post.at,
        idempotency: None,
        request_id: None,
    };
    let made = engine.create_group(command).await?;
    Ok(Reply::Group(GroupView::from(&engine.group(&reach, made.id).await?)))
}

fn target(account: &Account) -> Target {
    Target {
        platform: account.platform,
        remote_id: account.identity.remote_id.clone(),
    }
}

fn newest(limit: u32) -> GroupQuery {
    GroupQuery {
        masks: None,
        platforms: Vec::new(),
        planned_from: None,
        planned_to: None,
        order: GroupOrder::Created,
        descending: true,
        offset: 0,
        limit,
    }
}

/// The group of this id, or the one that a post of this id belongs to.
async fn find_group(engine: &Engine, reach: &Reach, text: &str) -> Result<Group, Refusal> {
    let wrong = || Refusal::new("invalid", format!("'{text}' is no id")).next("`broadside posts` lists ids");
    match engine.group(reach, text.parse::<GroupId>().map_err(|_| wrong())?).await {
        Err(engine::Error::NotFound) => {}
        other => return Ok(other?),
    }
    let post = text.parse::<PostId>().map_err(|_| wrong())?;
    Ok(engine.group_of_post(reach, post).await?)
}

async fn logs(engine: &Engine, user: Option<&str>, id: Option<&str>, limit: u32) -> Answer {
    let reach = reach(engine, user).await?;
    let Some(id) = id else {
        return Ok(Reply::Logs(engine.recent_log(&reach, limit).await?));
    };
    let group = find_group(engine, &reach, id).await?;
    let mut entries = engine.group_log(&reach, group.id, limit).await?;
    if let Ok(post) = id.parse::<PostId>()
        && group.posts.iter().any(|one| one.id == post)
    {
        entries.retain(|record| record.entry.post.is_none_or(|of| of == post));
    }
    Ok(Reply::Logs(entries))
}

async fn retry(engine: &Engine, user: Option<&str>, id: &str) -> Answer {
    let reach = reach(engine, user).await?;
    let group = find_group(engine, &reach, id).await?;
    let post = id
        .parse::<PostId>()
        .ok()
        .filter(|post| group.posts.iter().any(|one| one.id == *post));
    let Some(post) = post else {
        // Of a whole group only what certainly failed: an unknown outcome is asked for post by post.
        let failed = |state: &domain::post::PostState| matches!(state.word(), "failed" | "missed");
        let posts: Vec<_> = group
            .posts
            .iter()
            .filter(|post| failed(&post.state))
            .map(|post| post.id)
            .collect();
        if posts.is_empty() {
            return Err(Refusal::new("conflict", "no post of this group has failed"));
        }
        for post in posts {
            engine.retry_post(&reach, post).await?;
        }
        return Ok(Reply::Group(GroupView::from(&engine.group(&reach, group.id).await?)));
    };
    Ok(Reply::Group(GroupView::from(&engine.retry_post(&reach, post).await?)))
}

async fn show(engine: &Engine, user: Option<&str>, id: &str) -> Answer {
    let reach = reach(engine, user).await?;
    let group = find_group(engine, &reach, id).await?;
    let mut view = GroupView::from(&group);
    if group.content.first_comment.is_some() {
        view.note_comments(&engine.group_log(&reach, group.id, HISTORY_MAX).await?);
    }
    Ok(Reply::Group(view))
}

/// Answers with the group as it was.
async fn delete(engine: &Engine, user: Option<&str>, id: &str) -> Answer {
    let reach = reach(engine, user).await?;
    let group = find_group(engine, &reach, id).await?;
    if group.id.to_string() != id.to_ascii_lowercase() {
        let message = format!("{id} is one post of a group, and a group is deleted as a whole");
        return Err(Refusal::new("conflict", message).next(format!("broadside delete {}", group.id)));
    }
    engine.delete_group(&reach, group.id).await?;
    Ok(Reply::Group(GroupView::from(&group)))
}

async fn retract(engine: &Engine, user: Option<&str>, id: &str) -> Answer {
    let reach = reach(engine, user).await?;
    let group = find_group(engine, &reach, id).await?;
    let named = id.parse::<PostId>().ok();
    let is_meant = |post: &&engine::Post| match named.filter(|named| group.posts.iter().any(|one| one.id == *named)) {
        Some(named) => post.id == named,
        None => matches!(post.state.word(), "published"),
    };
    let posts: Vec<_> = group.posts.iter().filter(is_meant).map(|post| post.id).collect();
    if posts.is_empty() {
        return Err(Refusal::new("conflict", "no post of this group is published"));
    }
    for post in posts {
        engine.retract_post(&reach, post).await?;
    }
    Ok(Reply::Group(GroupView::from(&engine.group(&reach, group.id).await?)))
}

async fn resolve(engine: &Engine, user: Option<&str>, id: &str, published: Option<String>) -> Answer {
    let reach = reach(engine, user).await?;
    let post: PostId = id
        .parse()
        .map_err(|_| Refusal::new("invalid", format!("'{id}' is no post's id")))?;
    let group = match published {
        Some(url) => engine.resolve_published(&reach, post, url).await?,
        None => engine.resolve_send_again(&reach, post).await?,
    };
    Ok(Reply::Group(GroupView::from(&group)))
}

async fn secrets(site: &Site) -> Answer {
    let status = site
        .secrets_status()
        .await
        .map_err(|error| Refusal::new("secrets", format!("{error:#}")))?;
    Ok(Reply::Secrets {
        source: status.source,
        keys: status.keys,
        older: status.older,
    })
}
