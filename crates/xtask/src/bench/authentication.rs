//! What the check of a key costs: a handler that answers a constant, with the check that every request passes, against the
//! same handler without it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use api::ApiState;
use api::dialect::Caller;
use api::dialects::postpost::Postpost;
use axum::Router;
use axum::routing::get;
use domain::clock::{BootInstant, BoxFut, Clock};
use domain::plan::Plan;
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;

use super::load::{Load, in_turns};
use super::report::{Line, Subject, Target};
use super::site::{self, Setup};
use super::{Bench, creates, seed};
use crate::clock::SystemClock;

/// A key has 256 random bits, so that one SHA-256 and one look into a table are all that it takes: about two of the thirty
/// microseconds that the least request costs. Nine tenths, less what a noisy machine takes: a slow hash of 20 ms, as
/// passwords need, would leave a hundredth of it.
const REMEMBERED: Subject = Subject {
    name: "authentication",
    what: "Requests by 64 clients to a handler that checks the key and answers a constant",
    against: "the same handler without the check",
    unit: "/s",
    target: Target::AtLeast(0.8),
};

/// Once in ten seconds a key is looked up in the database, which a reading thread's own connection does in about ten
/// microseconds. Were that so for each request, half of the requests must be left.
const LOOKED_UP: Subject = Subject {
    name: "authentication-lookup",
    what: "The same, when no key is remembered and each is looked up in the database",
    target: Target::AtLeast(0.4),
    ..REMEMBERED
};

const BODY: &str = r#"{"success":true}"#;
const WITH: &str = "/with";
const WITHOUT: &str = "/without";

/// Measures requests per second, twice.
pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for (subject, clock) in [
        (REMEMBERED, Arc::new(SystemClock) as Arc<dyn Clock>),
        (LOOKED_UP, Arc::new(HastyClock::default())),
    ] {
        let dir = bench.folder("keys");
        seed::copy(&bench.with_groups().await?, &dir)?;
        let engine = site::open(
            &dir,
            Setup {
                clock,
                ..Setup::default()
            },
        )
        .await?;
        let user = engine.create_user(subject.name, Plan::default()).await?;
        let key = engine.create_key(user.id, "bench").await?.text;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let state = site::state(&engine, &dir, listener.local_addr()?)?;
        let server = site::serve_routes(listener, routes(state))?;
        let load = |path: &str| Load {
            addr: server.addr,
            clients: creates::CLIENTS,
            request: request(path, key.expose()),
        };
        let (with, without) = (load(WITH), load(WITHOUT));
        let (samples, span) = (bench.sizes.samples, bench.sizes.span);
        let (ours, baseline) = in_turns(samples, || with.per_second(span), || without.per_second(span)).await?;
        lines.push(Line::against(subject, &ours, &baseline));
    }
    Ok(lines)
}

/// The handler with the check, and without.
fn routes(state: ApiState) -> Router {
    Router::new()
        .route(WITH, get(async |_: Caller<Postpost>| BODY))
        .route(WITHOUT, get(async || BODY))
        .with_state(state)
}

/// The same headers for both, so that reading them costs the same.
fn request(path: &str, key: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nx-api-key: {key}\r\n\r\n").into_bytes()
}

/// A clock of which every look is an hour after the last one: nothing is remembered for as long.
#[derive(Debug, Default)]
struct HastyClock {
    looks: AtomicI64,
}

impl Clock for HastyClock {
    fn now(&self) -> Timestamp {
        // A thousand years of hours, again and again: what is remembered is never found at its own time.
        let hours = self.looks.fetch_add(1, Ordering::Relaxed) % (1_000 * 365 * 24);
        let now = SystemClock.now();
        now.saturating_add(SignedDuration::from_hours(hours)).unwrap_or(now)
    }

    fn boot(&self) -> BootInstant {
        SystemClock.boot()
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFut<'_, ()> {
        SystemClock.sleep_until(at)
    }
}

#[cfg(test)]
mod tests {
    use super::super::load::exchange;
    use super::*;
    use crate::product::ScratchFolder;
    use tokio::net::TcpStream;

    /// Otherwise the two would not differ by the check, or by more than it.
    #[tokio::test]
    async fn the_handlers_differ_by_the_check_of_the_key_and_by_nothing_else() {
        let scratch = ScratchFolder::new("broadside-keys").unwrap();
        let dir = scratch.path().join("data");
        let clock: Arc<dyn Clock> = Arc::new(HastyClock::default());
        let engine = site::open(
            &dir,
            Setup {
                clock,
                ..Setup::default()
            },
        )
        .await
        .unwrap();
        let user = engine.create_user("ann", Plan::default()).await.unwrap();
        let key = engine.create_key(user.id, "bench").await.unwrap().text;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let state = site::state(&engine, &dir, listener.local_addr().unwrap()).unwrap();
        let server = site::serve_routes(listener, routes(state)).unwrap();
        for (path, key, is_taken) in [
            (WITH, key.expose(), true),
            (WITH, "sk_unknown", false),
            (WITHOUT, key.expose(), true),
            (WITHOUT, "sk_unknown", true),
        ] {
            let mut stream = TcpStream::connect(server.addr).await.unwrap();
            let mut buffer = Vec::new();
            let answered = exchange(&mut stream, &request(path, key), &mut buffer).await;
            assert_eq!(answered.is_ok(), is_taken, "{path}");
            if let Ok(begin) = answered {
                assert_eq!(&buffer[begin..], BODY.as_bytes(), "{path}");
            }
        }
    }

    #[test]
    fn no_key_is_remembered_from_one_look_to_the_next() {
        let clock = HastyClock::default();
        let (first, second) = (clock.now(), clock.now());
        assert!(second.duration_since(first) > SignedDuration::from_mins(59));
    }
}
