//! What the engine counts while it runs, for metrics.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use domain::platform::Platform;
use jiff::SignedDuration;

/// The upper bounds of the lateness histogram, in milliseconds.
pub const LATENESS_BOUNDS_MS: [u64; 10] = [
    50, 100, 300, 1_000, 3_000, 10_000, 60_000, 300_000, 1_800_000, 21_600_000,
];

/// Counters since the start of the process.
#[derive(Debug, Default)]
pub struct Stats {
    attempts: Mutex<HashMap<(Platform, &'static str), u64>>,
    lateness: [AtomicU64; LATENESS_BOUNDS_MS.len() + 1],
    lateness_sum_ms: AtomicU64,
    /// Claims under way.
    pub claimed: AtomicU64,
    /// Claims that were handed to their tasks.
    pub started: AtomicU64,
    /// When the publisher last went round, as microseconds since the epoch; 0 when it never did.
    pub publisher_beat: AtomicU64,
    /// Two posts where one was meant.
    pub duplicates: AtomicU64,
    webhooks: [AtomicU64; WebhookEnd::ALL.len()],
    webhook_ms: AtomicU64,
    webhooks_disabled: AtomicU64,
}

/// How a try to deliver a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookEnd {
    /// The receiver took it.
    Delivered,
    /// It did not, and another try follows.
    Retried,
    /// It did not, and no other follows.
    Failed,
}

impl WebhookEnd {
    /// Every end.
    pub const ALL: &'static [Self] = &[Self::Delivered, Self::Retried, Self::Failed];

    /// Its word in metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Retried => "retried",
            Self::Failed => "failed",
        }
    }
}

impl Stats {
    /// Counts an attempt's end.
    pub fn attempt(&self, platform: Platform, outcome: &'static str) {
        *self
            .attempts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry((platform, outcome))
            .or_default() += 1;
    }

    /// Counts how late a post went out.
    pub fn late(&self, by: SignedDuration) {
        let ms = u64::try_from(by.as_millis()).unwrap_or(0);
        let bucket = LATENESS_BOUNDS_MS
            .iter()
            .position(|bound| ms <= *bound)
            .unwrap_or(LATENESS_BOUNDS_MS.len());
        if let Some(counter) = self.lateness.get(bucket) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        self.lateness_sum_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Counts a try to deliver a message, and how long it took.
    pub(crate) fn webhook(&self, end: WebhookEnd, took: SignedDuration) {
        for (counter, counted) in self.webhooks.iter().zip(WebhookEnd::ALL) {
            counter.fetch_add(u64::from(*counted == end), Ordering::Relaxed);
        }
        let ms = u64::try_from(took.as_millis()).unwrap_or(0);
        self.webhook_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Counts a receiver that was switched off.
    pub(crate) fn webhook_disabled(&self) {
        self.webhooks_disabled.fetch_add(1, Ordering::Relaxed);
    }

    /// Tries to deliver messages, by their end.
    #[must_use]
    pub fn webhooks(&self) -> Vec<(&'static str, u64)> {
        let counts = self.webhooks.iter().map(|counter| counter.load(Ordering::Relaxed));
        WebhookEnd::ALL.iter().map(|end| end.word()).zip(counts).collect()
    }

    /// How long those took together, in ms, and how many receivers were switched off.
    #[must_use]
    pub fn webhook_totals(&self) -> (u64, u64) {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (load(&self.webhook_ms), load(&self.webhooks_disabled))
    }

    /// Attempts by platform and outcome.
    #[must_use]
    pub fn attempts(&self) -> Vec<(Platform, &'static str, u64)> {
        let attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows: Vec<_> = attempts
            .iter()
            .map(|((platform, outcome), n)| (*platform, *outcome, *n))
            .collect();
        rows.sort_unstable();
        rows
    }

    /// How many posts went out within each of [`LATENESS_BOUNDS_MS`] and beyond (not cumulative), and their sum in ms.
    #[must_use]
    pub fn lateness(&self) -> (Vec<u64>, u64) {
        let buckets = self.lateness.iter().map(|n| n.load(Ordering::Relaxed)).collect();
        (buckets, self.lateness_sum_ms.load(Ordering::Relaxed))
    }
}
