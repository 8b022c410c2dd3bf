//! Rate windows of an account: generous, but real.

use jiff::Timestamp;

/// Requests an account may make in a minute.
pub const REQUESTS_PER_MINUTE: u64 = 1_200;
/// Posts an account may make in an hour.
pub const POSTS_PER_HOUR: u64 = 1_000;

/// What the rate-limit headers of an answer say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WindowView {
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    pub(crate) reset: Timestamp,
    pub(crate) window_s: i64,
}

impl WindowView {
    /// Whole seconds until the window starts anew, at least 1.
    pub(crate) fn retry_after_s(&self, now: Timestamp) -> u64 {
        u64::try_from(self.reset.duration_since(now).as_secs())
            .unwrap_or(0)
            .max(1)
    }
}

/// A fixed window that begins with its first request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    limit: u64,
    length_s: i64,
    began: Timestamp,
    used: u64,
}

impl Window {
    pub(crate) fn requests() -> Self {
        Self {
            limit: REQUESTS_PER_MINUTE,
            length_s: 60,
            began: Timestamp::MIN,
            used: 0,
        }
    }

    pub(crate) fn posts() -> Self {
        Self {
            limit: POSTS_PER_HOUR,
            length_s: 3_600,
            began: Timestamp::MIN,
            used: 0,
        }
    }

    /// Takes one from the window. The flag tells whether there was one to take.
    pub(crate) fn take(&mut self, now: Timestamp) -> (WindowView, bool) {
        if now.duration_since(self.began).as_secs() >= self.length_s || now < self.began {
            self.began = now;
            self.used = 0;
        }
        let granted = self.used < self.limit;
        if granted {
            self.used += 1;
        }
        (self.view(), granted)
    }

    fn view(&self) -> WindowView {
        WindowView {
            limit: self.limit,
            remaining: self.limit - self.used,
            reset: self
                .began
                .saturating_add(jiff::SignedDuration::from_secs(self.length_s))
                .unwrap_or(Timestamp::MAX),
            window_s: self.length_s,
        }
    }

    /// The view of a window that is never used up, for a sandbox without limits.
    pub(crate) fn untouched(now: Timestamp) -> WindowView {
        Self {
            began: now,
            ..Self::requests()
        }
        .view()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_refuses_the_one_too_many_and_starts_anew() {
        let now: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        let mut window = Window::requests();
        for _ in 0..REQUESTS_PER_MINUTE {
            assert!(window.take(now).1);
        }
        let (view, granted) = window.take(now);
        assert!(!granted);
        assert_eq!((view.remaining, view.retry_after_s(now)), (0, 60));
        assert!(window.take(view.reset).1);
    }
}
