//! A group read over HTTP, against the least that the same server can do.
//!
//! Ours is `get-post` with all that a real one passes: the request's name and its tracing span, the check of the key and
//! of what the plan grants, the read of the group and its posts, and the mapping. A limit of a plan or of a rate does not
//! stand in its way: plans count posts, and this dialect limits no requests.

use std::time::Duration;

use anyhow::{Context, ensure};
use axum::Router;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use domain::clock::Clock;
use jiff::SignedDuration;
use tokio::net::{TcpListener, TcpStream};

use super::Bench;
use super::load::{Load, exchange, in_turns};
use super::report::{Line, Subject, Target};
use super::site::{self, Listening, Setup};
use super::{creates, seed};
use crate::clock::SystemClock;

const SUBJECT: Subject = Subject {
    name: "get-post",
    what: "Reads of a group with three posts by 64 clients, over HTTP with authentication",
    against: "a handler that returns the same bytes",
    unit: "/s",
    target: Target::AtLeast(0.4),
};

/// Measures reads per second.
pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Line> {
    let dir = bench.folder("read");
    seed::copy(&bench.with_groups().await?, &dir)?;
    let engine = site::open(&dir, Setup::default()).await?;
    let user = engine.user_by_name(seed::USER).await?;
    let key = engine.create_key(user.id, "bench").await?.text;
    let later = SystemClock.now().saturating_add(SignedDuration::from_hours(24 * 30))?;
    let group = seed::group(&user, seed::TEXT.to_owned(), seed::three_targets(), later);
    let group = engine.create_group(group).await?.id;
    let server = site::serve(&engine, &dir).await?;
    let request = format!(
        "GET /postpost/api/v1/get-post/{group} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {}\r\n\r\n",
        key.expose()
    )
    .into_bytes();
    let constant = constant(answer(&server, &request).await?).await?;
    let load = |addr| Load {
        addr,
        clients: creates::CLIENTS,
        request: request.clone(),
    };
    let (ours, least) = (load(server.addr), load(constant.addr));
    let span: Duration = bench.sizes.span;
    let (read, constants) = in_turns(bench.sizes.samples, || ours.per_second(span), || least.per_second(span)).await?;
    Ok(Line::against(SUBJECT, &read, &constants))
}

/// The body that the server answers with.
async fn answer(server: &Listening, request: &[u8]) -> anyhow::Result<Bytes> {
    let mut stream = TcpStream::connect(server.addr).await?;
    let mut buffer = Vec::new();
    let begin = exchange(&mut stream, request, &mut buffer).await?;
    let body = buffer.get(begin..).context("an answer without a body")?;
    ensure!(
        body.len() > 100,
        "the answer is no group: {}",
        String::from_utf8_lossy(body)
    );
    Ok(Bytes::copy_from_slice(body))
}

/// Serves these bytes.
async fn constant(body: Bytes) -> anyhow::Result<Listening> {
    let handler = get(move || async move {
        let mut response = Response::new(axum::body::Body::from(body));
        let json = HeaderValue::from_static("application/json; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    });
    let router = Router::new().route("/postpost/api/v1/get-post/{id}", handler);
    site::serve_routes(TcpListener::bind("127.0.0.1:0").await?, router)
}
