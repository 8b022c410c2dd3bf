//! What the dialect has to answer, made from what the store keeps and what is out there.

use domain::error::ErrorSummary;
use domain::ids::LogId;
use domain::log::{LogKind, LogRecord};
use domain::platform::Platform;
use domain::post::PostState;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::super::sayings::put;
use super::super::store::{Account, Group, Post};
use super::super::{Sayings, Truth};
use super::{COUNTING, LISTS, PAGE, object, words};

/// Entries of a history that are shown.
const SHOWN: usize = 100;

/// Everything that has to be said when connections are asked for at that time.
pub(super) fn sayings(truth: &Truth, groups: &[String], asked_at: Timestamp) -> Sayings {
    let mut said = Sayings::default();
    for id in groups {
        let group = truth.store.group(id).filter(|group| !group.is_deleted);
        let missing = || json!({"http": 404, "body": {"error": "Post group not found"}});
        let shown = group.map_or_else(missing, |group| json!({"http": 200, "body": fetched(truth, group)}));
        said.say(format!("get-post {id}"), shown);
        let logs = group.map_or_else(missing, |group| json!({"http": 200, "body": history(group)}));
        said.say(format!("post-logs {id}"), logs);
        for post in group.into_iter().flat_map(|group| &group.posts) {
            numbers(truth, post, &mut said);
        }
    }
    let mut listed: Vec<&Group> = truth.store.groups.iter().filter(|group| !group.is_deleted).collect();
    listed.sort_by_key(|group| std::cmp::Reverse((group.created_at, group.id)));
    let rows: Vec<Value> = listed.iter().map(|group| row(group)).collect();
    said.say("list-posts", json!({"posts": rows, "pages": pages(rows.len())}));
    for (name, query) in LISTS {
        let word = query.strip_prefix("status=");
        let mut some: Vec<&Group> = listed
            .iter()
            .copied()
            .filter(|group| word.is_none_or(|word| status(group) == word))
            .collect();
        if word.is_none() {
            some.sort_by_key(|group| (group.updated_at, group.id));
        }
        let ids: Vec<Value> = some.iter().map(|group| json!({"id": group.id.to_string()})).collect();
        said.say(format!("list-posts: {name}"), ids.into());
    }
    let connections = truth
        .store
        .accounts
        .iter()
        .map(|account| connection(truth, account, asked_at));
    let body = json!({"success": true, "connections": connections.collect::<Vec<_>>()});
    said.say("platform-connections", json!({"http": 200, "body": body}));
    said
}

fn iso(at: Timestamp) -> Value {
    let millis = Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at);
    format!("{millis:.3}").into()
}

fn status(group: &Group) -> &'static str {
    let posts: Vec<&str> = group.posts.iter().map(|post| words::status(&post.state)).collect();
    words::of_group(group.draft, &posts)
}

fn fetched(truth: &Truth, group: &Group) -> Value {
    let posts = group.posts.iter().map(|post| {
        object([
            ("_id", Some(post.id.to_string().into())),
            ("platform", Some(words::platform(post.platform).into())),
            ("platformId", Some(post.target.clone().into())),
            ("content", Some(group.content.head.text.clone().into())),
            ("status", Some(words::status(&post.state).into())),
            ("postedId", posted_id(truth, group, post)),
            ("error", error(post)),
        ])
    });
    json!({"success": true, "postGroupId": group.id.to_string(), "posts": posts.collect::<Vec<_>>()})
}

/// The id that is out there. Only a post that is not to be found there has the store's.
fn posted_id(truth: &Truth, group: &Group, post: &Post) -> Option<Value> {
    let kept = match &post.state {
        PostState::Published { remote, .. } | PostState::Removed { remote, .. } => remote.known_id(),
        PostState::Failed { parts, .. } => parts.head.as_ref()?.known_id(),
        _ => return None,
    };
    truth.world.id_of(group, post).or(kept).map(Into::into)
}

fn error(post: &Post) -> Option<Value> {
    let platform = |error: &ErrorSummary, at: Timestamp, (code, retryable): (&str, bool)| {
        let is_own = error.kind == domain::error::ErrorKind::Validation;
        object([
            ("code", Some(code.into())),
            ("message", Some(error.message.clone().into())),
            (
                "platformStatusCode",
                error.http_status.map(Value::from).or(is_own.then_some(Value::Null)),
            ),
            ("platformError", Some(error.raw.clone().into())),
            ("failedAt", Some(iso(at))),
            ("retryable", Some(retryable.into())),
        ])
    };
    match &post.state {
        PostState::Failed { at, error, parts } if parts.live > 0 && parts.head.is_some() => {
            let name = match post.platform {
                Platform::X => "Twitter",
                other => other.name(),
            };
            let mut shown = platform(error, *at, words::PARTIAL);
            let (live, of, why) = (parts.live, parts.of, &error.message);
            let message = format!("{name} thread partially published ({live}/{of}): {why}");
            put(&mut shown, "message", message.into());
            Some(shown)
        }
        PostState::Failed { at, error, .. } => Some(platform(error, *at, words::code(error.kind))),
        PostState::Unconfirmed { since, error, .. } => Some(platform(error, *since, words::UNKNOWN_OUTCOME)),
        PostState::Missed { at, .. } => Some(json!({
            "code": words::MISSED.0,
            "message": "The post was found too late and was not sent",
            "platformError": null,
            "failedAt": iso(*at),
            "retryable": words::MISSED.1,
        })),
        _ => None,
    }
}

fn row(group: &Group) -> Value {
    let word = |post: &Post| words::platform(post.platform);
    let targets = group.posts.iter().map(|post| {
        json!({
            "platformId": format!("{}-{}", word(post), post.target),
            "platform": word(post),
            "status": words::status(&post.state),
        })
    });
    let files: Vec<&String> = group.content.head.media.iter().map(|media| &media.sha256).collect();
    json!({
        "postGroupId": group.id.to_string(),
        "content": group.content.head.text,
        "status": status(group),
        "scheduledTime": group.planned_at.map(iso),
        "createdAt": iso(group.created_at),
        "updatedAt": iso(group.updated_at),
        "platforms": targets.collect::<Vec<_>>(),
        "mediaUrls": files,
    })
}

fn pages(total: usize) -> Vec<Value> {
    let count = total.div_ceil(PAGE);
    (1..=count.max(1))
        .map(|page| {
            json!({
                "page": page,
                "limit": PAGE,
                "totalItems": total,
                "totalPages": count,
                "hasNextPage": page < count,
                "hasPrevPage": page > 1,
            })
        })
        .collect()
}

fn history(group: &Group) -> Value {
    let mut logs: Vec<(Timestamp, Value)> = Vec::new();
    let mut has_begun = false;
    for record in &group.log {
        let Some(event) = words::event(record) else { continue };
        if event == "processing" && !has_begun {
            has_begun = true;
            let mut of_group = entry(group, record, event);
            put(&mut of_group, "_id", beside(record.id).to_string().into());
            for key in ["postId", "platform"] {
                of_group.as_object_mut().map(|fields| fields.remove(key));
            }
            logs.push((record.entry.at, of_group));
        }
        logs.push((record.entry.at, entry(group, record, event)));
    }
    logs.truncate(SHOWN);
    logs.sort_by_key(|(at, _)| at.as_microsecond());
    let logs: Vec<Value> = logs.into_iter().map(|(_, log)| log).collect();
    json!({"success": true, "logs": logs})
}

/// The id of the entry that stands for the whole group, beside that of its first target: one random bit differs.
fn beside(id: LogId) -> LogId {
    let mut bytes = *id.as_bytes();
    if let Some(random) = bytes.get_mut(6) {
        *random ^= 0x80;
    }
    LogId::from_bytes(bytes)
}

fn entry(group: &Group, record: &LogRecord, event: &str) -> Value {
    let told = &record.entry;
    let failure = (event == "publish_failed").then(|| match told.kind {
        LogKind::Unconfirmed => words::UNKNOWN_OUTCOME,
        LogKind::Missed => words::MISSED,
        // Replies have the numbers from 1; what is told of here is no first comment.
        LogKind::PublishFailed if told.data.get("part").is_some_and(|part| part != 0) => words::PARTIAL,
        _ => {
            let kind = told.data.get("kind").cloned();
            let kind = kind.and_then(|kind| serde_json::from_value(kind).ok());
            words::code(kind.unwrap_or(domain::error::ErrorKind::Unknown))
        }
    });
    let retries = told
        .retries
        .filter(|retries| *retries > 0 || event == "publish_attempted");
    object([
        ("_id", Some(record.id.to_string().into())),
        ("postGroupId", Some(group.id.to_string().into())),
        ("postId", told.post.map(|post| post.to_string().into())),
        (
            "platform",
            told.platform.map(|platform| words::platform(platform).into()),
        ),
        ("event", Some(event.into())),
        ("error", failure.and_then(|_| Some(told.error.clone()?.into()))),
        ("httpStatus", failure.and_then(|_| Some(told.http_status?.into()))),
        ("retryCount", retries.map(Value::from)),
        (
            "metadata",
            failure.map(|(code, retryable)| json!({"errorCode": code, "retryable": retryable})),
        ),
        ("createdAt", Some(iso(told.at))),
        ("updatedAt", Some(iso(told.at))),
        ("__v", Some(0.into())),
    ])
}

fn connection(truth: &Truth, account: &Account, asked_at: Timestamp) -> Value {
    let posts = truth.store.groups.iter().flat_map(|group| &group.posts);
    let is_its = |platform, target: &str| platform == account.platform && target == account.remote_id;
    // A post whose group was cleared away has left its time with the account alone.
    let mut orphans = truth.store.orphans.iter();
    let kept = orphans.any(|orphan| is_its(orphan.platform, &orphan.account));
    let last = posts
        .filter(|post| is_its(post.platform, &post.target))
        .filter_map(|post| match &post.state {
            PostState::Published { at, .. } => Some(*at),
            _ => None,
        })
        .max()
        .max(account.last_success_at.filter(|_| kept));
    // On these two the token of a connection is renewed without anybody's doing.
    let renews = matches!(account.platform, Platform::X | Platform::Bluesky);
    let ends = account.token_expires_at.filter(|_| !renews);
    let (token, left) = ends.map_or(("unknown", None), |ends| token(ends.duration_since(asked_at)));
    let error = account.last_error.as_ref();
    json!({
        "platformId": format!("{}-{}", words::platform(account.platform), account.remote_id),
        "username": account.username,
        "displayName": account.display_name,
        "profileImageUrl": account.avatar_url,
        "profileUrl": account.profile_url,
        "accessTokenExpiresAt": ends.map(iso),
        "tokenStatus": token,
        "tokenExpiresIn": left,
        "lastSuccessfulPost": last.map(iso),
        "lastError": error.map(|error| json!({"message": error.message, "occurredAt": iso(error.at)})),
    })
}

fn token(left: SignedDuration) -> (&'static str, Option<String>) {
    let hours = left.as_hours();
    if left <= SignedDuration::ZERO {
        return ("expired", Some("expired".to_owned()));
    }
    let word = if hours < 7 * 24 { "expiring_soon" } else { "valid" };
    let text = match (hours / 24, hours % 24) {
        (0, 0) => "< 1h".to_owned(),
        (0, hours) => format!("{hours}h"),
        (days, hours) => format!("{days}d {hours}h"),
    };
    (word, Some(text))
}

/// What a post has gathered: nothing but answers comes about in the emulated world.
fn numbers(truth: &Truth, post: &Post, said: &mut Sayings) {
    let PostState::Published { remote, .. } = &post.state else {
        return;
    };
    if !COUNTING.contains(&words::platform(post.platform)) {
        return;
    }
    let mastodon = post.platform == Platform::Mastodon;
    let numbers = json!({
        "reactions": 0,
        "comments": truth.world.answers(post.platform, &remote.id),
        "reposts": 0,
        "quotes": if mastodon { Value::Null } else { json!(0) },
        "saves": if mastodon { Value::Null } else { json!(0) },
        "impressions": null,
        "reach": null,
        "clicks": null,
    });
    said.say(format!("post-statistics of {}", remote.id), numbers);
}
