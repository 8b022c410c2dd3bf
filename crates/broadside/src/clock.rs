//! The real clock. This file and the start of the program are the only places that ask the system for the time.

use std::time::Duration;

use domain::clock::{BootInstant, BoxFut, Clock};
use jiff::{SignedDuration, Timestamp};

/// A single sleep is never longer than this: after a suspend or a step of the wall clock the remaining time is
/// computed anew.
const NAP_MAX: Duration = Duration::from_secs(30);

/// The system's wall clock and `CLOCK_BOOTTIME`, which goes on while the machine sleeps.
///
/// With a factor other than 1 both run faster (or slower) from `epoch` on; processes that are given the same factor and
/// epoch agree on the time. That is for tests.
#[derive(Debug, Clone)]
pub struct SystemClock {
    factor: f64,
    epoch: Timestamp,
}

impl SystemClock {
    /// The time as it is.
    #[must_use]
    pub fn real() -> Self {
        Self {
            factor: 1.0,
            epoch: Timestamp::UNIX_EPOCH,
        }
    }

    /// A clock that shows `epoch` at that wall time and runs `factor` times as fast from there.
    ///
    /// # Errors
    /// When the factor is not a positive number.
    pub fn scaled(factor: f64, epoch: Timestamp) -> anyhow::Result<Self> {
        anyhow::ensure!(
            factor.is_finite() && factor > 0.0,
            "--time-factor must be a positive number"
        );
        Ok(Self { factor, epoch })
    }

    fn is_real(&self) -> bool {
        (self.factor - 1.0).abs() < f64::EPSILON
    }

    fn shown(&self, wall: Timestamp) -> Timestamp {
        if self.is_real() {
            return wall;
        }
        let passed = wall.duration_since(self.epoch).as_secs_f64() * self.factor;
        let passed = SignedDuration::try_from_secs_f64(passed).unwrap_or(SignedDuration::MAX);
        self.epoch.saturating_add(passed).unwrap_or(wall)
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everybody else is given"
    )]
    fn now(&self) -> Timestamp {
        self.shown(Timestamp::now())
    }

    fn boot(&self) -> BootInstant {
        let reading = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let seconds = u64::try_from(reading.tv_sec).unwrap_or(0);
        let nanos = seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(u64::try_from(reading.tv_nsec).unwrap_or(0));
        if self.is_real() {
            return BootInstant(nanos);
        }
        let scaled = Duration::from_nanos(nanos).as_secs_f64() * self.factor;
        BootInstant(
            Duration::try_from_secs_f64(scaled)
                .ok()
                .and_then(|d| u64::try_from(d.as_nanos()).ok())
                .unwrap_or(u64::MAX),
        )
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFut<'_, ()> {
        Box::pin(async move {
            loop {
                let left = at.duration_since(self.now());
                if left <= SignedDuration::ZERO {
                    return;
                }
                let real = Duration::try_from_secs_f64(left.as_secs_f64() / self.factor).unwrap_or(NAP_MAX);
                nap(real.min(NAP_MAX)).await;
            }
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "this is what sleeping on the clock comes down to"
)]
async fn nap(time: Duration) {
    // The timer counts milliseconds: shorter naps would only spin.
    tokio::time::sleep(time.max(Duration::from_millis(1))).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_factor_stretches_the_time_since_the_epoch_and_nothing_before_it() {
        let clock = SystemClock::scaled(60.0, at("2026-11-22T09:00:00Z")).unwrap();
        assert_eq!(clock.shown(at("2026-11-22T09:00:00Z")), at("2026-11-22T09:00:00Z"));
        assert_eq!(clock.shown(at("2026-11-22T09:00:02Z")), at("2026-11-22T09:02:00Z"));
        assert_eq!(
            SystemClock::real().shown(at("2026-11-22T09:00:02Z")),
            at("2026-11-22T09:00:02Z")
        );
    }

    #[test]
    fn a_factor_that_would_stop_time_is_refused() {
        for factor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(SystemClock::scaled(factor, Timestamp::UNIX_EPOCH).is_err());
        }
    }

    #[test]
    fn deadlines_run_at_the_same_factor() {
        let clock = SystemClock::scaled(1_000.0, Timestamp::UNIX_EPOCH).unwrap();
        let real = SystemClock::real();
        let (a, b, c) = (real.boot(), clock.boot(), real.boot());
        assert!(b.0 >= a.0.saturating_mul(999) && b.0 <= c.0.saturating_mul(1_001));
    }

    #[tokio::test]
    async fn a_sleep_ends_when_its_time_has_come() {
        let clock = SystemClock::scaled(10_000.0, Timestamp::UNIX_EPOCH).unwrap();
        let later = clock.now().saturating_add(SignedDuration::from_secs(60)).unwrap();
        clock.sleep_until(later).await;
        assert!(clock.now() >= later);
    }
}
