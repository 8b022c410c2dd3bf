//! `GET /metrics`: what a monitor needs, in OpenMetrics text (prometheus.io/docs/specs/om).
//!
//! Everything is read when it is asked for; nothing is counted twice or kept in step with anything.

use std::fmt;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use domain::account::{Account, AccountHealth};
use domain::platform::Platform;
use engine::stats::{LATENESS_BOUNDS_MS, Stats};
use engine::{CommitStats, Engine, PostCount, Reach};
use jiff::{SignedDuration, Timestamp};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::state::ApiState;

const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// A token with less left than this expires soon.
const EXPIRING_BELOW: SignedDuration = SignedDuration::from_hours(7 * 24);

pub(crate) async fn metrics(State(api): State<ApiState>) -> Response {
    let text = match Reading::take(&api.engine, api.version).await {
        Ok(reading) => reading.into_text(),
        Err(error) => {
            tracing::error!(%error, "metrics could not be read");
            return (StatusCode::SERVICE_UNAVAILABLE, "The database is unavailable\n").into_response();
        }
    };
    match text {
        Ok(text) => ([(CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(fmt::Error) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// All values at one moment.
#[derive(Debug)]
struct Reading {
    version: &'static str,
    posts: Vec<PostCount>,
    attempts: Vec<(Platform, &'static str, u64)>,
    lateness: (Vec<u64>, u64),
    due: u64,
    due_claimed: u64,
    oldest_late: SignedDuration,
    claimed: u64,
    duplicates: u64,
    beat_age: Option<SignedDuration>,
    commits: CommitStats,
    accounts: Vec<(Platform, &'static str, u64)>,
    webhooks: Vec<(&'static str, u64)>,
    webhook_ms: u64,
    webhooks_disabled: u64,
}

impl Reading {
    async fn take(engine: &Engine, version: &'static str) -> Result<Self, engine::Error> {
        let now = engine.clock().now();
        let stats: &Stats = engine.stats();
        let backlog = engine.backlog().await?;
        let beat = i64::try_from(stats.publisher_beat.load(Ordering::Relaxed)).unwrap_or(0);
        let beat = Timestamp::from_microsecond(beat)
            .ok()
            .filter(|beat| *beat > Timestamp::UNIX_EPOCH);
        Ok(Self {
            version,
            posts: engine.post_counts().await?,
            attempts: stats.attempts(),
            lateness: stats.lateness(),
            oldest_late: backlog
                .oldest
                .map_or(SignedDuration::ZERO, |oldest| now.duration_since(oldest)),
            due: backlog.due,
            due_claimed: backlog.claimed,
            claimed: stats.claimed.load(Ordering::Relaxed),
            duplicates: stats.duplicates.load(Ordering::Relaxed),
            beat_age: beat.map(|beat| now.duration_since(beat)),
            commits: engine.store().commit_stats(),
            accounts: accounts(engine, now).await?,
            webhooks: stats.webhooks(),
            webhook_ms: stats.webhook_totals().0,
            webhooks_disabled: stats.webhook_totals().1,
        })
    }

    fn into_text(self) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("broadside");
        registry.register_collector(Box::new(self));
        let mut text = String::with_capacity(4_096);
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

/// Accounts by platform and state of their tokens.
async fn accounts(engine: &Engine, now: Timestamp) -> Result<Vec<(Platform, &'static str, u64)>, engine::Error> {
    let mut counts = std::collections::BTreeMap::new();
    for user in engine.users().await? {
        for account in engine.accounts(&Reach { owner: user.id }).await? {
            *counts
                .entry((account.platform, token_state(&account, now)))
                .or_insert(0) += 1;
        }
    }
    Ok(counts
        .into_iter()
        .map(|((platform, state), count)| (platform, state, count))
        .collect())
}

fn token_state(account: &Account, now: Timestamp) -> &'static str {
    if account.health == AccountHealth::ReconnectNeeded {
        return "reconnect_needed";
    }
    match account.token_expires_at.map(|end| end.duration_since(now)) {
        None => "unlimited",
        Some(left) if left <= SignedDuration::ZERO => "expired",
        Some(left) if left < EXPIRING_BELOW => "expiring_soon",
        Some(_) => "valid",
    }
}

/// One value and its labels.
type Row<'a> = (Vec<(&'static str, &'a str)>, u64);

impl Reading {
    fn post_rows(&self) -> Vec<Row<'_>> {
        self.posts
            .iter()
            .map(|row| {
                (
                    vec![("platform", row.platform.word()), ("state", row.state.as_str())],
                    row.count,
                )
            })
            .collect()
    }

    fn attempt_rows(&self) -> Vec<Row<'_>> {
        let row = |(platform, outcome, count): &(Platform, &'static str, u64)| {
            (vec![("platform", platform.word()), ("outcome", *outcome)], *count)
        };
        self.attempts.iter().map(row).collect()
    }

    fn account_rows(&self) -> Vec<Row<'_>> {
        let row = |(platform, state, count): &(Platform, &'static str, u64)| {
            (vec![("platform", platform.word()), ("token", *state)], *count)
        };
        self.accounts.iter().map(row).collect()
    }

    fn unconfirmed(&self) -> u64 {
        self.posts
            .iter()
            .filter(|row| row.state == "unconfirmed")
            .map(|row| row.count)
            .sum()
    }
}

impl Reading {
    fn encode_webhooks(&self, out: &mut Out<'_>) -> Result<(), fmt::Error> {
        let tries = self
            .webhooks
            .iter()
            .map(|(outcome, count)| (vec![("outcome", *outcome)], *count));
        out.counters(
            "webhook_attempts",
            "Tries to deliver messages to webhooks by their end",
            &tries.collect::<Vec<_>>(),
        )?;
        out.counter(
            "webhook_milliseconds",
            "How long those tries took together",
            self.webhook_ms,
        )?;
        out.counter(
            "webhooks_disabled",
            "Webhooks that were switched off because too many messages in a row failed",
            self.webhooks_disabled,
        )
    }
}

impl Collector for Reading {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let mut out = Out(encoder);
        out.gauges(
            "build_info",
            "The version of this server",
            &[(vec![("version", self.version)], 1)],
        )?;
        out.gauges("posts", "Posts by platform and state", &self.post_rows())?;
        out.gauge(
            "posts_unconfirmed",
            "Posts that may be live and that a person must look at",
            self.unconfirmed(),
        )?;
        out.counters("attempts", "Publishing attempts by their end", &self.attempt_rows())?;
        out.lateness(&self.lateness)?;
        out.gauge("backlog_due", "Posts that are due and not finished", self.due)?;
        out.gauge(
            "backlog_claimed",
            "Posts that are due, claimed and not finished",
            self.due_claimed,
        )?;
        out.seconds(
            "backlog_oldest_seconds",
            "How late the oldest unfinished post is",
            self.oldest_late,
        )?;
        out.gauge("claimed", "Claims that this process works on", self.claimed)?;
        out.counter(
            "duplicates",
            "Posts published twice where one was meant",
            self.duplicates,
        )?;
        if let Some(age) = self.beat_age {
            out.seconds(
                "publisher_beat_age_seconds",
                "Since when the publisher has not gone round",
                age,
            )?;
        }
        out.counter("commits", "Transactions committed", self.commits.commits)?;
        out.counter(
            "commit_commands",
            "Commands in committed transactions",
            self.commits.commands,
        )?;
        out.gauge(
            "commit_batch_largest",
            "The most commands that one transaction held",
            self.commits.largest,
        )?;
        out.gauges(
            "accounts",
            "Connected accounts by platform and state of their token",
            &self.account_rows(),
        )?;
        self.encode_webhooks(&mut out)
    }
}

/// Writes families of metrics.
struct Out<'a>(DescriptorEncoder<'a>);

impl Out<'_> {
    fn family<M: EncodeMetric>(
        &mut self,
        name: &str,
        help: &str,
        rows: &[Row<'_>],
        of: fn(u64) -> M,
    ) -> Result<(), fmt::Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut family = self.0.encode_descriptor(name, help, None, of(0).metric_type())?;
        for (labels, value) in rows {
            of(*value).encode(family.encode_family(labels)?)?;
        }
        Ok(())
    }

    fn gauges(&mut self, name: &str, help: &str, rows: &[Row<'_>]) -> Result<(), fmt::Error> {
        self.family(name, help, rows, ConstGauge::new)
    }

    fn counters(&mut self, name: &str, help: &str, rows: &[Row<'_>]) -> Result<(), fmt::Error> {
        self.family(name, help, rows, ConstCounter::new)
    }

    fn gauge(&mut self, name: &str, help: &str, value: u64) -> Result<(), fmt::Error> {
        ConstGauge::new(value).encode(self.0.encode_descriptor(name, help, None, MetricType::Gauge)?)
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> Result<(), fmt::Error> {
        ConstCounter::new(value).encode(self.0.encode_descriptor(name, help, None, MetricType::Counter)?)
    }

    fn seconds(&mut self, name: &str, help: &str, value: SignedDuration) -> Result<(), fmt::Error> {
        let seconds = value.as_secs_f64().max(0.0);
        ConstGauge::new(seconds).encode(self.0.encode_descriptor(name, help, None, MetricType::Gauge)?)
    }

    fn lateness(&mut self, (counts, sum_ms): &(Vec<u64>, u64)) -> Result<(), fmt::Error> {
        let bounds = LATENESS_BOUNDS_MS.iter().map(|bound| Some(*bound)).chain([None]);
        let seconds = |bound: Option<u64>| {
            bound.map_or(f64::INFINITY, |ms| {
                SignedDuration::from_millis(i64::try_from(ms).unwrap_or(0)).as_secs_f64()
            })
        };
        let buckets: Vec<_> = bounds.map(seconds).zip(counts.iter().copied()).collect();
        let sum = SignedDuration::from_millis(i64::try_from(*sum_ms).unwrap_or(i64::MAX)).as_secs_f64();
        let help = "How much later than planned posts went out";
        let mut metric = self
            .0
            .encode_descriptor("lateness_seconds", help, None, MetricType::Histogram)?;
        metric.encode_histogram::<NoLabelSet>(sum, counts.iter().sum(), &buckets, None)
    }
}

#[cfg(test)]
mod tests {
    use domain::platform::Platform;
    use jiff::SignedDuration;

    use crate::testing::Door;

    #[tokio::test]
    async fn what_happened_is_counted_by_platform() {
        let door = Door::open().await;
        door.postpost(
            "POST",
            "/create-post",
            r#"{"content":"x","platforms":["twitter-1","bluesky-2"]}"#,
        )
        .await;
        door.engine.stats().attempt(Platform::Mastodon, "published");
        door.engine.stats().late(SignedDuration::from_millis(200));
        door.engine.stats().late(SignedDuration::from_hours(7));
        let answer = door.get("/metrics").await;
        assert_eq!(answer.status, 200);
        assert!(
            answer
                .header("content-type")
                .starts_with("application/openmetrics-text")
        );
        for line in [
            "# TYPE broadside_posts gauge",
            "broadside_posts{platform=\"x\",state=\"draft\"} 1",
            "broadside_posts{platform=\"bluesky\",state=\"draft\"} 1",
            "broadside_posts_unconfirmed 0",
            "broadside_attempts_total{platform=\"mastodon\",outcome=\"published\"} 1",
            "broadside_lateness_seconds_bucket{le=\"0.1\"} 0",
            "broadside_lateness_seconds_bucket{le=\"0.3\"} 1",
            "broadside_lateness_seconds_bucket{le=\"21600.0\"} 1",
            "broadside_lateness_seconds_bucket{le=\"+Inf\"} 2",
            "broadside_lateness_seconds_count 2",
            "broadside_duplicates_total 0",
            "broadside_backlog_due 0",
            "broadside_accounts{platform=\"linkedin\",token=\"valid\"} 1",
            "# EOF",
        ] {
            assert!(
                answer.body.lines().any(|have| have == line),
                "{line} is not in\n{}",
                answer.body
            );
        }
    }
}
