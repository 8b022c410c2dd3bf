//! The endpoints. Each handler translates a request into one command or query, and its result into an answer.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post, put};
use domain::platform::Platform;
use engine::commands::{CreateGroup, IdempotencyKey};
use tower_http::catch_panic::CatchPanicLayer;

use super::error::{Error, Operation};
use super::time::Iso;
use super::wire::{self, Body, GroupRef, json};
use super::{Postpost, logs, map, media_urls, not_found, query, webhooks, words, workspace};
use crate::dialect::Caller;
use crate::request_id::RequestId;
use crate::state::ApiState;

type Answer = Result<Response, Error>;

/// The routes, without a prefix. A trailing slash makes no difference, as in Express.
pub(crate) fn router(api: &ApiState) -> Router {
    let routes: [(&str, MethodRouter<ApiState>); 7] = [
        ("/create-post", post(create_post)),
        ("/get-post/{id}", get(get_post)),
        ("/update-post/{id}", put(update_post)),
        ("/delete-post/{id}", delete(delete_post)),
        ("/list-posts", get(list_posts)),
        ("/post-logs/{id}", get(post_logs)),
        ("/platform-connections", get(platform_connections)),
    ];
    let mut router = Router::new();
    let rooms = workspace::routes().into_iter().chain(webhooks::routes());
    for (path, method) in routes.into_iter().chain(rooms) {
        router = router.route(path, method.clone()).route(&format!("{path}/"), method);
    }
    router
        .fallback(not_found::not_found)
        .method_not_allowed_fallback(not_found::not_found)
        .layer(CatchPanicLayer::custom(|_| {
            tracing::error!("a handler panicked");
            Error::Internal.into_response()
        }))
        .with_state(api.clone())
}

async fn create_post(
    State(api): State<ApiState>,
    caller: Caller<Postpost>,
    request_id: RequestId,
    headers: HeaderMap,
    Body(body): Body,
) -> Answer {
    let new = map::create(wire::CreatePost::parse(&body)?)?;
    let idempotency = match wire::idempotency_key(&headers)? {
        None => None,
        Some(key) => {
            let operation = "postpost/create-post".to_owned();
            Some(IdempotencyKey {
                operation,
                key,
                body_hash: map::body_hash(&body)?,
            })
        }
    };
    let owner = caller.reach.owner;
    let mut content = new.content;
    content.head.media = media_urls::import(&api, owner, new.media_urls).await?;
    let imported = content.head.media.clone();
    let command = CreateGroup {
        owner,
        content,
        targets: new.targets,
        draft: new.at.is_none(),
        planned_at: new.at,
        idempotency,
        request_id: Some(request_id.as_str().to_owned()),
    };
    let created = api.engine.create_group(command).await;
    // Nothing refers to the files of a request that was refused, or that an earlier one had answered.
    if created.as_ref().map_or(true, |created| created.replayed) {
        media_urls::discard(&api, &imported).await;
    }
    let created = created.map_err(Operation::CreatePost.failed())?;
    let scheduled_time = created.planned_at.map(Iso);
    Ok(json(&wire::Created {
        success: wire::True,
        post_group_id: created.id,
        scheduled_time,
    }))
}

async fn get_post(State(api): State<ApiState>, caller: Caller<Postpost>, id: GroupRef) -> Answer {
    let id = id.of(Operation::GetPost)?;
    let group = api
        .engine
        .group(&caller.reach, id)
        .await
        .map_err(Operation::GetPost.failed())?;
    Ok(json(&map::fetched(&group).ok_or(Error::NotFound)?))
}

async fn update_post(State(api): State<ApiState>, caller: Caller<Postpost>, id: GroupRef, Body(body): Body) -> Answer {
    let change = map::update(&wire::UpdatePost::parse(&body)?)?;
    let id = id.of(Operation::UpdatePost)?;
    let group = api
        .engine
        .edit_plan(&caller.reach, id, change.draft, change.at)
        .await
        .map_err(Operation::UpdatePost.failed())?;
    Ok(json(&map::updated(&group)))
}

async fn delete_post(State(api): State<ApiState>, caller: Caller<Postpost>, id: GroupRef) -> Answer {
    let id = id.of(Operation::DeletePost)?;
    api.engine
        .delete_group(&caller.reach, id)
        .await
        .map_err(Operation::DeletePost.failed())?;
    Ok(json(&wire::Done { success: wire::True }))
}

async fn list_posts(State(api): State<ApiState>, caller: Caller<Postpost>, RawQuery(query): RawQuery) -> Answer {
    let list = query::list(query.as_deref().unwrap_or_default(), shown_platforms(&api))?;
    let (groups, total) = match list.query.clone() {
        None => (Vec::new(), 0),
        Some(query) => {
            let page = api
                .engine
                .list_groups(&caller.reach, query)
                .await
                .map_err(Operation::ListPosts.failed())?;
            (page.groups, page.total)
        }
    };
    let posts = groups
        .iter()
        .map(|group| map::listed(group, api.links.as_ref()))
        .collect();
    Ok(json(&wire::Listed {
        success: wire::True,
        posts,
        pagination: list.pagination(total),
    }))
}

/// The platforms that a list is restricted to. Only a server that publishes to others needs the restriction, and without
/// it the database can count by its index.
fn shown_platforms(api: &ApiState) -> &'static [Platform] {
    let has_others = api
        .engine
        .platforms()
        .into_iter()
        .any(|platform| words::platform_word(platform).is_none());
    if has_others { &words::PLATFORMS } else { &[] }
}

async fn post_logs(State(api): State<ApiState>, caller: Caller<Postpost>, id: GroupRef) -> Answer {
    let id = id.of(Operation::PostLogs)?;
    let records = logs::read(&api, &caller.reach, id).await?;
    Ok(json(&wire::Logs {
        success: wire::True,
        logs: logs::shown(id, &records),
    }))
}

async fn platform_connections(State(api): State<ApiState>, caller: Caller<Postpost>) -> Answer {
    let accounts = api
        .engine
        .accounts(&caller.reach)
        .await
        .map_err(Operation::PlatformConnections.failed())?;
    let now = api.engine.clock().now();
    let connections = accounts
        .iter()
        .filter_map(|account| map::connection(account, now))
        .collect();
    Ok(json(&wire::Connections {
        success: wire::True,
        connections,
    }))
}
