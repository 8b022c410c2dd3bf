//! The time that the server and the world under test share, which may run faster than the wall's.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use domain::clock::{BootInstant, BoxFut, Clock};
use jiff::{SignedDuration, Timestamp};

use crate::clock::SystemClock;

/// A clock that shows `epoch` at that wall time and runs `factor` times as fast from there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time {
    epoch: Timestamp,
    factor: f64,
}

impl Time {
    /// Starts now.
    pub(crate) fn start(factor: f64) -> Self {
        Self {
            epoch: SystemClock.now(),
            factor,
        }
    }

    /// A clock that is so far ahead of the wall's, and runs twice as fast from there.
    pub(crate) fn ahead(by: SignedDuration) -> Self {
        let wall = SystemClock.now();
        Self {
            epoch: wall.saturating_sub(by).unwrap_or(wall),
            factor: 2.0,
        }
    }

    /// The shared time.
    pub(crate) fn now(&self) -> Timestamp {
        self.at_wall(SystemClock.now())
    }

    /// The shared time at this wall time.
    pub(crate) fn at_wall(&self, wall: Timestamp) -> Timestamp {
        let passed = wall.duration_since(self.epoch).as_secs_f64() * self.factor;
        let passed = SignedDuration::try_from_secs_f64(passed).unwrap_or(SignedDuration::MAX);
        self.epoch.saturating_add(passed).unwrap_or(wall)
    }

    /// A time some shared seconds ahead, as clients write it.
    pub(crate) fn soon(&self, seconds: i64) -> String {
        let at = self.now().saturating_add(SignedDuration::from_secs(seconds));
        format!("{:.3}", at.unwrap_or_default())
    }

    /// How many shared milliseconds a wall duration is.
    pub(crate) fn shared_ms(&self, wall: Duration) -> u64 {
        let ms = Duration::try_from_secs_f64(wall.as_secs_f64() * self.factor)
            .unwrap_or(Duration::MAX)
            .as_millis();
        u64::try_from(ms).unwrap_or(u64::MAX)
    }

    /// How long a shared duration is on the wall.
    pub(crate) fn wall(&self, shared: Duration) -> Duration {
        Duration::try_from_secs_f64(shared.as_secs_f64() / self.factor).unwrap_or(Duration::MAX)
    }

    /// How long the world lets a creating request take on the wall, so that many are under way at once: well within the
    /// 30 shared seconds that the product waits for an answer.
    pub(crate) fn send_takes(&self) -> Duration {
        self.wall(Duration::from_secs(12))
            .clamp(Duration::from_millis(250), Duration::from_secs(3))
    }

    /// What a process is told so that it shares this time.
    pub(crate) fn flags(&self) -> [String; 4] {
        [
            "--time-factor".to_owned(),
            self.factor.to_string(),
            "--time-epoch".to_owned(),
            self.epoch.to_string(),
        ]
    }
}

/// A [`Time`] that can be set anew, as a clock.
#[derive(Debug)]
pub(crate) struct MovableClock(Mutex<Time>);

impl MovableClock {
    /// Shows this time.
    pub(crate) const fn new(time: Time) -> Self {
        Self(Mutex::new(time))
    }

    /// Shows that time from now on.
    pub(crate) fn set(&self, time: Time) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    fn time(&self) -> Time {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for MovableClock {
    fn now(&self) -> Timestamp {
        self.time().now()
    }

    fn boot(&self) -> BootInstant {
        SystemClock.boot()
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFut<'_, ()> {
        Box::pin(async move {
            // Short naps: the time may be set anew meanwhile.
            while let Ok(left) = Duration::try_from(at.duration_since(self.now())) {
                if left.is_zero() {
                    return;
                }
                pause(left.min(Duration::from_millis(200))).await;
            }
        })
    }
}

/// Waits on the wall's clock.
pub(crate) async fn pause(wall: Duration) {
    let by = SignedDuration::try_from(wall).unwrap_or(SignedDuration::MAX);
    SystemClock
        .sleep_until(SystemClock.now().saturating_add(by).unwrap_or(Timestamp::MAX))
        .await;
}

/// A wall time by which something must have happened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Timestamp);

impl Deadline {
    /// So long from now.
    pub(crate) fn within(wall: Duration) -> Self {
        let by = SignedDuration::try_from(wall).unwrap_or(SignedDuration::MAX);
        Self(SystemClock.now().saturating_add(by).unwrap_or(Timestamp::MAX))
    }

    /// Whether it has passed.
    pub(crate) fn passed(self) -> bool {
        SystemClock.now() >= self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_can_be_put_ahead() {
        let ahead = Time::ahead(SignedDuration::from_mins(31))
            .now()
            .duration_since(SystemClock.now());
        assert!(
            ahead >= SignedDuration::from_mins(31) && ahead < SignedDuration::from_mins(32),
            "{ahead}"
        );
    }

    #[test]
    fn one_factor_stretches_every_duration() {
        let time = Time {
            epoch: "2026-11-22T09:00:00Z".parse().unwrap(),
            factor: 30.0,
        };
        assert_eq!(
            time.at_wall("2026-11-22T09:00:02Z".parse().unwrap()),
            "2026-11-22T09:01:00Z".parse().unwrap()
        );
        assert_eq!(time.shared_ms(Duration::from_millis(400)), 12_000);
        assert_eq!(time.wall(Duration::from_secs(60)), Duration::from_secs(2));
    }
}
