//! Answers requests. The only place that turns them into commands of the engine.

use connectors::Credentials;
use domain::account::{Account, AccountHealth, User};
use domain::content::{Content, PartContent};
use domain::ids::{AccountId, ApiKeyId, GroupId, PostId};
use domain::plan::Plan;
use domain::platform::Platform;
use engine::Engine;
use engine::commands::{CreateGroup, Target};
use jiff::{SignedDuration, Timestamp};
use store::{Group, GroupOrder, GroupQuery, Reach};

use super::protocol::{Health, Hush, NewPost, PlatformHealth, Refusal, Reply, Request, UserView};
use super::view::GroupView;
use crate::wiring::Site;

/// The user that the first key of an empty installation belongs to.
const FIRST_USER: &str = "me";

/// How many groups are looked through for a post's id.
const SEARCHED_MAX: u64 = 2_000;

type Answer = Result<Reply, Refusal>;

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
            serving: site.serving,
        }),
        Request::UserAdd { name } => Ok(Reply::User(view(engine.create_user(&name, Plan::default()).await?))),
        Request::UserList => Ok(Reply::Users(engine.users().await?.into_iter().map(view).collect())),
        Request::UserRemove { name } => {
            let user = named(engine, &name).await?;
            engine.remove_user(user.id).await?;
            Ok(Reply::Done)
        }
        Request::AccountAdd {
            user,
            platform,
            base_url,
            token,
            refresh_token,
            identifier,
            password,
        } => {
            let credentials = Credentials {
                token: token.map(|hush| hush.0),
                refresh: refresh_token.map(|hush| hush.0),
                identifier,
                password: password.map(|hush| hush.0),
            };
            let user = the_user(engine, user.as_deref()).await?;
            Ok(Reply::Account(
                engine
                    .connect_account(user.id, platform, base_url.as_deref(), &credentials)
                    .await?,
            ))
        }
        Request::AccountList { user } => {
            let reach = reach(engine, user.as_deref()).await?;
            Ok(Reply::Accounts(engine.accounts(&reach).await?))
        }
        Request::AccountRemove { user, account } => {
            let reach = reach(engine, user.as_deref()).await?;
            let account = find_account(&engine.accounts(&reach).await?, &account)?.id;
            engine.remove_account(&reach, account).await?;
            Ok(Reply::Done)
        }
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
                .list_groups(&reach(engine, user.as_deref()).await?, newest(0, limit.clamp(1, 100)))
                .await?;
            Ok(Reply::Groups {
                groups: page.groups.iter().map(GroupView::from).collect(),
                total: page.total,
            })
        }
        Request::Show { user, id } => {
            let group = find_group(engine, &reach(engine, user.as_deref()).await?, &id).await?;
            Ok(Reply::Group(GroupView::from(&group)))
        }
        Request::Logs { user, id, limit } => logs(engine, user.as_deref(), id.as_deref(), limit.clamp(1, 1_000)).await,
        Request::Retry { user, id } => retry(engine, user.as_deref(), &id).await,
        Request::Resolve { user, id, published } => resolve(engine, user.as_deref(), &id, published).await,
        Request::Health => health(site).await,
        Request::SecretsStatus => secrets(site).await,
        Request::SecretsRotate => {
            site.rotate_secrets()
                .await
                .map_err(|error| Refusal::new("secrets", format!("{error:#}")))?;
            secrets(site).await
        }
    }
}

fn view(user: User) -> UserView {
    UserView {
        id: user.id,
        name: user.name,
        plan: user.plan.name,
        created_at: user.created_at,
    }
}

async fn named(engine: &Engine, name: &str) -> Result<User, Refusal> {
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

async fn reach(engine: &Engine, user: Option<&str>) -> Result<Reach, Refusal> {
    Ok(Reach {
        owner: the_user(engine, user).await?.id,
    })
}

/// The account that `platform:name`, `platform:remote id` or an id means.
fn find_account<'a>(accounts: &'a [Account], text: &str) -> Result<&'a Account, Refusal> {
    let unknown = || {
        Refusal::new("not_found", format!("there is no account '{text}'")).next("`broadside account list` shows them")
    };
    if let Ok(id) = text.parse::<AccountId>() {
        return accounts.iter().find(|account| account.id == id).ok_or_else(unknown);
    }
    let (word, name) = text
        .split_once(':')
        .map_or((text, None), |(word, name)| (word, Some(name)));
    let platform: Platform = word.parse().map_err(|_| unknown())?;
    let is_meant = |account: &&Account| {
        account.platform == platform
            && name.is_none_or(|name| account.username == name.trim_start_matches('@') || account.remote_id == name)
    };
    let mut found = accounts.iter().filter(is_meant);
    match (found.next(), found.next()) {
        (Some(account), None) => Ok(account),
        (None, _) => Err(unknown()),
        (Some(_), Some(_)) => Err(Refusal::new("ambiguous", format!("'{text}' could be several accounts"))
            .next("name one as platform:name; `broadside account list` shows them")),
    }
}

async fn create_key(engine: &Engine, user: Option<&str>, name: &str, import: Option<Hush>) -> Answer {
    let user = match the_user(engine, user).await {
        Err(refusal) if refusal.code == "no_user" => engine.create_user(FIRST_USER, Plan::default()).await?,
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
    let targets = if post.to.is_empty() {
        accounts.iter().map(target).collect::<Vec<_>>()
    } else {
        post.to
            .iter()
            .map(|text| find_account(&accounts, text).map(target))
            .collect::<Result<_, _>>()?
    };
    if targets.is_empty() {
        return Err(Refusal::new("no_account", "no account is connected")
            .next("`broadside account add --platform …` connects one"));
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
        remote_id: account.remote_id.clone(),
    }
}

fn newest(offset: u64, limit: u32) -> GroupQuery {
    GroupQuery {
        masks: None,
        platforms: Vec::new(),
        planned_from: None,
        planned_to: None,
        order: GroupOrder::Created,
        descending: true,
        offset,
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
    let mut offset = 0;
    while offset < SEARCHED_MAX {
        let page = engine.list_groups(reach, newest(offset, 100)).await?;
        offset += 100;
        let is_last = page.groups.len() < 100;
        if let Some(group) = page
            .groups
            .into_iter()
            .find(|group| group.posts.iter().any(|one| one.id == post))
        {
            return Ok(group);
        }
        if is_last {
            break;
        }
    }
    Err(engine::Error::NotFound.into())
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

async fn health(site: &Site) -> Answer {
    let engine = &site.engine;
    let now = engine.clock().now();
    let backlog = engine.backlog().await?;
    let users = engine.users().await?;
    let mut accounts = Vec::new();
    for user in &users {
        accounts.extend(engine.accounts(&Reach { owner: user.id }).await?);
    }
    let of = |platform, wanted: &dyn Fn(&Account) -> bool| {
        let count = accounts
            .iter()
            .filter(|account: &&Account| account.platform == platform && wanted(account))
            .count();
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    let ready = engine.platforms();
    let platforms = Platform::ALL.iter().map(|platform| PlatformHealth {
        platform: *platform,
        connector: ready.contains(platform),
        accounts: of(*platform, &|_| true),
        reconnect: of(*platform, &|account| account.health == AccountHealth::ReconnectNeeded),
        missing: missing(site, &accounts, *platform, now),
    });
    Ok(Reply::Health(Health {
        now,
        due: backlog.due,
        warning: backlog.warning(now, engine.settings().watchdog_after),
        database: site.check_database().await.err().map(|error| format!("{error:#}")),
        users: u32::try_from(users.len()).unwrap_or(u32::MAX),
        platforms: platforms.collect(),
    }))
}

/// What keeps a platform that is used from being published to.
fn missing(site: &Site, accounts: &[Account], platform: Platform, now: Timestamp) -> Option<String> {
    let of_platform = || accounts.iter().filter(|account| account.platform == platform);
    let first = of_platform().next()?;
    if !site.engine.platforms().contains(&platform) {
        return Some(format!("this server cannot publish to {} yet", platform.name()));
    }
    if let Some(account) = of_platform().find(|account| account.health == AccountHealth::ReconnectNeeded) {
        return Some(format!(
            "connect {} again with `broadside account add --platform {platform}`",
            account.username
        ));
    }
    let soon = now.saturating_add(SignedDuration::from_hours(24 * 7)).unwrap_or(now);
    let ends = |account: &&Account| account.token_expires_at.is_some_and(|at| at < soon);
    let has_app = site.engine.endpoints().apps.contains_key(&platform);
    // Only these exchange refresh tokens with the app's own credentials.
    let needs_app = matches!(platform, Platform::X);
    if needs_app && !has_app && of_platform().any(|account| ends(&account)) {
        return Some(format!(
            "the token of {} ends soon, and without platforms.{platform}.client_id it cannot be renewed",
            first.username
        ));
    }
    None
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
