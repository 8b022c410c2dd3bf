//! The machine's clock, for tools that run against a real server.

use domain::clock::{BootInstant, BoxFut, Clock};
use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

/// Wall time and boot time of this machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place where these tools ask the machine for the time"
    )]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn boot(&self) -> BootInstant {
        let read = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(read.tv_sec).unwrap_or_default();
        BootInstant(
            seconds
                .saturating_mul(1_000_000_000)
                .saturating_add(u64::try_from(read.tv_nsec).unwrap_or_default()),
        )
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFut<'_, ()> {
        Box::pin(async move {
            // Asked again after each sleep: the wall clock may have been set back meanwhile.
            while let Ok(left) = std::time::Duration::try_from(at.duration_since(self.now())) {
                if left.is_zero() {
                    return;
                }
                let deadline = tokio::time::Instant::now() + left;
                tokio::time::sleep_until(deadline).await;
            }
        })
    }
}
