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
