//! Time comes in through this door only.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use jiff::{SignedDuration, Timestamp};

/// A future that is boxed so that the trait stays usable as `dyn`.
pub type BoxFut<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A reading of a monotonic clock that counts suspended time (`CLOCK_BOOTTIME`), in nanoseconds.
///
/// Never compared between machines, and never stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootInstant(pub u64);

impl BootInstant {
    /// This reading moved by `by`; saturates at both ends.
    #[must_use]
    pub fn plus(self, by: SignedDuration) -> Self {
        let nanos = i64::try_from(by.as_nanos()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add_signed(nanos))
    }

    /// How long until `later`; zero when it has passed.
    #[must_use]
    pub fn until(self, later: Self) -> SignedDuration {
        SignedDuration::from_nanos(i64::try_from(later.0.saturating_sub(self.0)).unwrap_or(i64::MAX))
    }
}

/// Wall time for schedules and records, monotonic time for deadlines, and sleeping.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// The wall time.
    fn now(&self) -> Timestamp;
    /// The monotonic time that deadlines are measured with.
    fn boot(&self) -> BootInstant;
    /// Ends at the first moment at which [`Clock::now`] is not before `at`.
    fn sleep_until(&self, at: Timestamp) -> BoxFut<'_, ()>;
}

/// A clock that moves only when told to, for tests.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<Manual>>);

#[derive(Debug)]
struct Manual {
    now: Timestamp,
    boot: BootInstant,
    sleepers: BTreeMap<(Timestamp, u64), Waker>,
    next_sleeper: u64,
}

impl ManualClock {
    /// A clock that stands at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Manual {
            now,
            boot: BootInstant(1_000_000_000_000),
            sleepers: BTreeMap::new(),
            next_sleeper: 0,
        })))
    }

    /// Moves both clocks on and wakes every sleeper whose time has come.
    pub fn advance(&self, by: SignedDuration) {
        let mut inner = self.lock();
        inner.now = inner.now.saturating_add(by).unwrap_or(Timestamp::MAX);
        inner.boot = inner.boot.plus(by);
        let now = inner.now;
        let later = inner.sleepers.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut inner.sleepers, later);
        drop(inner);
        due.into_values().for_each(Waker::wake);
    }

    /// Moves on to `at`; does nothing when that has passed.
    pub fn advance_to(&self, at: Timestamp) {
        let now = self.lock().now;
        if at > now {
            self.advance(at.duration_since(now));
        }
    }

    /// Steps the wall clock alone, as an operator or a time server may; deadlines do not move.
    pub fn step_wall_clock(&self, by: SignedDuration) {
        let mut inner = self.lock();
        inner.now = inner.now.saturating_add(by).unwrap_or(Timestamp::MAX);
    }

    /// The earliest time anybody sleeps for.
    #[must_use]
    pub fn next_sleeper(&self) -> Option<Timestamp> {
        self.lock().sleepers.keys().next().map(|(at, _)| *at)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Manual> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.lock().now
    }

    fn boot(&self) -> BootInstant {
        self.lock().boot
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFut<'_, ()> {
        Box::pin(ManualSleep {
            clock: self.clone(),
            at,
            key: None,
        })
    }
}

struct ManualSleep {
    clock: ManualClock,
    at: Timestamp,
    key: Option<u64>,
}

impl Future for ManualSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let at = self.at;
        let clock = self.clock.clone();
        let mut inner = clock.lock();
        if inner.now >= at {
            return Poll::Ready(());
        }
        let key = *self.key.get_or_insert_with(|| {
            inner.next_sleeper += 1;
            inner.next_sleeper
        });
        inner.sleepers.insert((at, key), cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for ManualSleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.clock.lock().sleepers.remove(&(self.at, key));
        }
    }
}

#[cfg(test)]
mod tests;
