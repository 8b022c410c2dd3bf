//! The endpoints. Each handler translates a request into one command or query, and its result into an answer.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use domain::ids::GroupId;
use domain::platform::Platform;
use engine::commands::CreateGroup;
use jiff::{SignedDuration, Timestamp};

use super::error::{Error, Operation};
use super::wire::{self, Body, PathId, json};
use super::{
    Postpost, bookmarks, connections, covers, linkedin, logs, map, media, media_urls, not_found, numbers, operations,
    platform_limits, query, reference, update, webhooks, words, workspace,
};
use crate::dialect::Caller;
use crate::openapi::{Endpoint, mount};
use crate::request_id::RequestId;
use crate::state::ApiState;

pub(super) type Answer = Result<Response, Error>;

/// How long a post for now waits for a program that will ask for its uploads only then.
const FILES_FOLLOW_WITHIN: SignedDuration = SignedDuration::from_secs(2);

/// Every operation: one line makes a route, and puts it into the OpenAPI document and on the reference page.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    let mut endpoints = vec![
        Endpoint::post("/create-post", create_post, &operations::CREATE_POST),
        Endpoint::get("/get-post/{id}", get_post, &operations::GET_POST),
        Endpoint::put("/update-post/{id}", update::update_post, &operations::UPDATE_POST),
        Endpoint::delete("/delete-post/{id}", delete_post, &operations::DELETE_POST),
        Endpoint::get("/list-posts", list_posts, &operations::LIST_POSTS),
        Endpoint::get("/post-logs/{id}", post_logs, &operations::POST_LOGS),
        Endpoint::get("/platform-connections", connections::list, &connections::LIST),
        Endpoint::post("/test-connection/{platformId}", connections::test, &connections::TEST),
        Endpoint::get("/platform-limits", platform_limits::list, &platform_limits::LIST),
        Endpoint::get("/openapi.json", reference::openapi, &reference::OPENAPI),
    ];
    endpoints.extend(media::endpoints());
    endpoints.extend(covers::endpoints());
    endpoints.extend(workspace::endpoints());
    endpoints.extend(webhooks::endpoints());
    endpoints.extend(bookmarks::endpoints());
    endpoints.extend(linkedin::endpoints());
    endpoints.extend(numbers::endpoints());
    endpoints
}

/// The routes, under the prefix.
pub(crate) fn router(api: &ApiState) -> Router {
    mount(super::PREFIX, endpoints())
        .fallback(not_found::not_found)
        .method_not_allowed_fallback(not_found::not_found)
        .with_state(api.clone())
}

/// What is said of an error of this server's.
pub(crate) fn failed() -> Response {
    Error::Internal.into_response()
}

async fn create_post(
    State(api): State<ApiState>,
    caller: Caller<Postpost>,
    request_id: RequestId,
    headers: HeaderMap,
    Body(body): Body,
) -> Answer {
    let new = map::create(wire::CreatePost::parse(&body)?)?;
    if new.targets.is_empty() {
        let discarded = api.engine.discard_group(new.at.is_none(), new.at);
        return Ok(json(&map::created(&discarded, new.at)));
    }
    let idempotency = map::idempotency(&headers, "postpost/create-post".to_owned(), &body)?;
    let owner = caller.reach.owner;
    let failed = Operation::CreatePost.failed();
    // What an earlier request was answered needs no files: they would be fetched, counted and thrown away, and may be gone.
    if let (Some(key), false) = (&idempotency, new.media_urls.is_empty())
        && let Some(created) = api.engine.created_before(owner, key).await.map_err(&failed)?
    {
        return Ok(json(&map::created(&created, new.at)));
    }
    let mut content = new.content;
    content.head.media = media_urls::import(&api, owner, new.media_urls, Operation::CreatePost).await?;
    let imported = content.head.media.clone();
    let is_patient = super::is_of_earlier_name(&headers) && imported.is_empty();
    let planned_at = new.at.map(|at| if is_patient { at.max(in_time(&api)) } else { at });
    let command = CreateGroup {
        owner,
        content,
        targets: new.targets,
        draft: new.at.is_none(),
        planned_at,
        idempotency,
        request_id: Some(request_id.as_str().to_owned()),
    };
    let created = api.engine.create_group(command).await;
    // Nothing refers to the files of a request that was refused, or that an earlier one had answered.
    if created.as_ref().map_or(true, |created| created.replayed) {
        media_urls::discard(&api, &imported).await;
    }
    let mut created = created.map_err(failed)?;
    if is_patient {
        created.planned_at = created.planned_at.zip(new.at).map(without_patience);
    }
    Ok(json(&map::created(&created, new.at)))
}

/// What a plan is answered as: the time asked for, or that of the request when it is over.
fn without_patience((planned, asked): (Timestamp, Timestamp)) -> Timestamp {
    let earlier = planned.saturating_sub(FILES_FOLLOW_WITHIN).unwrap_or(asked);
    asked.max(earlier)
}

/// The earliest start of a post to which files may follow. Programs of the API's earlier name ask for uploads after they
/// have made a post for now, and count on a scheduler that looks once a minute; ours looks at once.
fn in_time(api: &ApiState) -> Timestamp {
    let now = api.engine.clock().now();
    now.saturating_add(FILES_FOLLOW_WITHIN).unwrap_or(now)
}

async fn get_post(State(api): State<ApiState>, caller: Caller<Postpost>, id: PathId<GroupId>) -> Answer {
    let id = id.of(Operation::GetPost)?;
    let group = api
        .engine
        .group(&caller.reach, id)
        .await
        .map_err(Operation::GetPost.failed())?;
    Ok(json(&map::fetched(&group).ok_or(Error::NotFound)?))
}

async fn delete_post(State(api): State<ApiState>, caller: Caller<Postpost>, id: PathId<GroupId>) -> Answer {
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

async fn post_logs(State(api): State<ApiState>, caller: Caller<Postpost>, id: PathId<GroupId>) -> Answer {
    let id = id.of(Operation::PostLogs)?;
    let records = logs::read(&api, &caller.reach, id).await?;
    Ok(json(&wire::Logs {
        success: wire::True,
        logs: logs::shown(id, &records),
    }))
}
