//! Durations, and what many of them come to.

use std::time::Duration;

use domain::clock::{BootInstant, Clock};

use crate::clock::SystemClock;

/// Runs from its making.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stopwatch(BootInstant);

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self(SystemClock.boot())
    }

    pub(super) fn elapsed(self) -> Duration {
        Duration::from_nanos(SystemClock.boot().0.saturating_sub(self.0.0))
    }
}

/// The middle one, or the mean of the two in the middle; 0 of none.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    let upper = sorted.get(half).copied().unwrap_or_default();
    if sorted.len().is_multiple_of(2) {
        let lower = half
            .checked_sub(1)
            .and_then(|index| sorted.get(index))
            .copied()
            .unwrap_or(upper);
        return f64::midpoint(lower, upper);
    }
    upper
}

/// How many of `count` make up 99 of 100.
pub(super) fn ninety_nine_percent(count: usize) -> usize {
    (count * 99).div_ceil(100)
}

/// Milliseconds with their fraction.
pub(super) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle() {
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median(&[]).abs() < f64::EPSILON);
    }

    #[test]
    fn ninety_nine_of_a_hundred_are_rounded_up() {
        assert_eq!(ninety_nine_percent(100), 99);
        assert_eq!(ninety_nine_percent(10_000), 9_900);
        assert_eq!(ninety_nine_percent(10), 10);
    }
}
