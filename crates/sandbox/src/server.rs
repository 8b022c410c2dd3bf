//! The listener: axum routes, hyper speaks, so that a handler can end the connection instead of answering.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::answer::HangUp;
use crate::world::Shared;
use crate::{control, samples, signin, standin};

/// The connection ends here without an answer.
#[derive(Debug, thiserror::Error)]
#[error("hung up")]
struct HungUp;

/// Everything that the sandbox serves.
pub(crate) fn routes(world: Shared) -> Router {
    Router::new()
        .nest("/_ctl", control::routes())
        .nest("/samples", samples::routes())
        .nest("/standin", standin::routes())
        .merge(crate::emulators())
        .layer(DefaultBodyLimit::disable())
        .with_state(world)
}

/// Accepts connections until the task is aborted; the connections end with it.
pub(crate) async fn accept(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let _ = stream.set_nodelay(true);
                    connections.spawn(serve(stream, router.clone()));
                }
                // Out of descriptors, or a peer that has gone already: let others run and try again.
                Err(_) => tokio::task::yield_now().await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

async fn serve(stream: TcpStream, router: Router) {
    let service = service_fn(move |request| exchange(router.clone(), request));
    // Idle connections stay open: one that closes under a request would look like a fault that nobody scripted.
    // Errors are hang-ups that a script asked for, or clients that went away.
    let _ = http1::Builder::new()
        .header_read_timeout(None)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn exchange(router: Router, request: Request<Incoming>) -> Result<Response<Body>, HungUp> {
    // In a task of its own, so that a caller who gives up does not undo what a real platform would go on to do.
    let handled = tokio::spawn(async move {
        let response: Result<Response<Body>, Infallible> = router.oneshot(request.map(Body::new)).await;
        response
    });
    match handled.await {
        Ok(Ok(response)) if response.extensions().get::<HangUp>().is_none() => Ok(response),
        _ => Err(HungUp),
    }
}

/// The world and its routes, as one.
pub(crate) fn assemble(world: &Shared) -> Router {
    signin::routes(world, routes(Arc::clone(world)))
}
