//! Whether the process is alive, and whether it can do its work.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;

use crate::state::ApiState;

/// How long the database may take.
const DATABASE_TIME_MAX: Duration = Duration::from_secs(2);
/// A publisher that has not gone round for so many of its intervals is stuck.
const BEATS_MISSED_MAX: i32 = 3;

/// `GET /healthz`: the process answers.
pub(crate) async fn alive() -> Response {
    ([(CACHE_CONTROL, "no-store")], "ok\n").into_response()
}

/// `GET /readyz`: each check with what is wrong with it.
pub(crate) async fn ready(State(api): State<ApiState>) -> Response {
    let report = check(&api).await;
    let status = if report.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, [(CACHE_CONTROL, "no-store")], Json(report)).into_response()
}

/// The result of all checks.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    status: &'static str,
    checks: Checks,
}

#[derive(Debug, Serialize)]
struct Checks {
    database: Check,
    #[serde(skip_serializing_if = "Option::is_none")]
    publisher: Option<Check>,
    watchdog: Check,
}

#[derive(Debug, Serialize)]
struct Check {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl Check {
    fn of(problem: Option<String>) -> Self {
        Self {
            ok: problem.is_none(),
            problem,
        }
    }
}

impl Report {
    pub(crate) fn is_ready(&self) -> bool {
        self.checks().all(|(_, check)| check.ok)
    }

    fn checks(&self) -> impl Iterator<Item = (&'static str, &Check)> {
        let Checks {
            database,
            publisher,
            watchdog,
        } = &self.checks;
        let named = [
            ("Database", Some(database)),
            ("Publisher", publisher.as_ref()),
            ("Watchdog", Some(watchdog)),
        ];
        named.into_iter().filter_map(|(name, check)| Some((name, check?)))
    }

    /// Name, and problem if there is one, of each check.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&'static str, Option<&str>)> {
        self.checks().map(|(name, check)| (name, check.problem.as_deref()))
    }
}

/// Looks at everything that the work needs.
pub(crate) async fn check(api: &ApiState) -> Report {
    let checks = Checks {
        database: Check::of(database(api).await),
        publisher: api.publishes.then(|| Check::of(publisher(api))),
        watchdog: Check::of(watchdog(api).await),
    };
    let mut report = Report {
        status: "ready",
        checks,
    };
    if !report.is_ready() {
        report.status = "not ready";
    }
    report
}

async fn database(api: &ApiState) -> Option<String> {
    match tokio::time::timeout(DATABASE_TIME_MAX, api.engine.store().ping()).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!(
            "the database did not write anything for {} s",
            DATABASE_TIME_MAX.as_secs()
        )),
    }
}

fn publisher(api: &ApiState) -> Option<String> {
    let beat = api.engine.stats().publisher_beat.load(Ordering::Relaxed);
    let patience = api.engine.settings().poll.saturating_mul(BEATS_MISSED_MAX);
    let beat = match i64::try_from(beat).map(Timestamp::from_microsecond) {
        Ok(Ok(beat)) if beat > Timestamp::UNIX_EPOCH => beat,
        _ => return Some("the publisher has not started".to_owned()),
    };
    let since = api.engine.clock().now().duration_since(beat);
    (since > patience).then(|| format!("the publisher last went round {} s ago", since.as_secs()))
}

async fn watchdog(api: &ApiState) -> Option<String> {
    let now = api.engine.clock().now();
    match tokio::time::timeout(DATABASE_TIME_MAX, api.engine.backlog()).await {
        Ok(Ok(backlog)) => backlog.warning(now, api.engine.settings().watchdog_after),
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some(format!(
            "the database did not answer for {} s",
            DATABASE_TIME_MAX.as_secs()
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use jiff::SignedDuration;

    use crate::testing::Door;

    fn beat(door: &Door) {
        let now = u64::try_from(door.now().as_microsecond()).unwrap();
        door.engine.stats().publisher_beat.store(now, Ordering::Relaxed);
    }

    #[tokio::test]
    async fn a_process_that_answers_is_alive() {
        let door = Door::open().await;
        assert_eq!(door.get("/healthz").await.status, 200);
    }

    #[tokio::test]
    async fn a_publisher_that_never_went_round_or_stopped_is_not_ready() {
        let door = Door::open().await;
        let before = door.get("/readyz").await;
        assert_eq!(before.status, 503);
        assert_eq!(
            before.json()["checks"]["publisher"]["problem"],
            "the publisher has not started"
        );
        beat(&door);
        let ready = door.get("/readyz").await;
        assert_eq!(
            (ready.status, ready.json()["status"].as_str()),
            (200, Some("ready")),
            "{}",
            ready.body
        );
        let patience = door.engine.settings().poll.saturating_mul(3);
        door.clock.advance(patience);
        assert_eq!(door.get("/readyz").await.status, 200);
        door.clock.advance(SignedDuration::from_secs(1));
        let stuck = door.get("/readyz").await;
        assert_eq!(
            (stuck.status, stuck.json()["checks"]["publisher"]["ok"].as_bool()),
            (503, Some(false))
        );
        assert_eq!(stuck.json()["checks"]["database"]["ok"], true);
    }

    #[tokio::test]
    async fn a_post_that_is_not_finished_makes_the_watchdog_speak() {
        let door = Door::open().await;
        let at = door.now();
        let body = format!(r#"{{"content":"x","platforms":["twitter-1"],"scheduledTime":"{at:.3}"}}"#);
        assert_eq!(door.postpost("POST", "/create-post", body).await.status, 200);
        door.clock
            .advance(door.engine.settings().watchdog_after + SignedDuration::from_secs(1));
        beat(&door);
        let late = door.get("/readyz").await;
        assert_eq!(late.status, 503);
        let problem = late.json()["checks"]["watchdog"]["problem"]
            .as_str()
            .unwrap()
            .to_owned();
        assert!(problem.starts_with("1 posts due"), "{problem}");
    }
}
