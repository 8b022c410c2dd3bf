//! What follows an error whose fate is known: a pure decision.

use jiff::{SignedDuration, Timestamp};
use rand::{Rng, RngExt};

use crate::error::{Fate, PlatformError, When};

/// When and how often to try again by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The waits before the first, second, … automatic retry.
    pub backoff: Vec<SignedDuration>,
    /// Waits are shortened at random by up to this many percent, so that a crowd spreads.
    pub jitter_percent: u8,
    /// A platform that asks for a longer wait than this is not waited for.
    pub longest_wait: SignedDuration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            backoff: [1, 5, 30, 120, 600].map(SignedDuration::from_secs).to_vec(),
            jitter_percent: 20,
            longest_wait: SignedDuration::from_hours(24),
        }
    }
}

/// What to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Try again then.
    RetryAt(Timestamp),
    /// Refresh the token and try again at once.
    Refresh,
    /// The outcome is unknown: ask, and never send blindly.
    Reconcile,
    /// It ends here.
    Fail,
}

/// What has been tried already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tried {
    /// Automatic retries of the post.
    pub retries: u32,
    /// Whether the token that was used now was got because the post's last try was refused for its token.
    pub token_is_fresh: bool,
}

impl RetryPolicy {
    /// Decides after `error`, when these tries have already been made.
    #[must_use]
    pub fn decide(&self, error: &PlatformError, tried: Tried, now: Timestamp, rng: &mut dyn Rng) -> Decision {
        let retries = tried.retries;
        match error.fate {
            Fate::MayBePublished | Fate::LandedEarlier { .. } => return Decision::Reconcile,
            Fate::NotPublished => {}
        }
        let Some(base) = usize::try_from(retries).ok().and_then(|n| self.backoff.get(n)) else {
            return Decision::Fail;
        };
        if error.retry.when == When::AfterRefresh {
            // One refresh and one retry, whatever else was retried before: a refused fresh token is a person's business.
            return if tried.token_is_fresh {
                Decision::Fail
            } else {
                Decision::Refresh
            };
        }
        if error.retry.at_most.is_some_and(|most| retries >= u32::from(most)) {
            return Decision::Fail;
        }
        let at = match error.retry.when {
            When::Never | When::AfterReconnect | When::AfterRefresh => return Decision::Fail,
            When::Backoff => now.saturating_add(self.jittered(*base, rng)),
            When::NotBefore(at) => Ok(at.max(now)),
            When::After(wait) => now.saturating_add(wait),
        };
        match at {
            Ok(at) if at.duration_since(now) <= self.longest_wait => Decision::RetryAt(at),
            _ => Decision::Fail,
        }
    }

    fn jittered(&self, base: SignedDuration, rng: &mut dyn Rng) -> SignedDuration {
        let millis = base.as_millis();
        let spread = millis * i128::from(self.jitter_percent) / 100;
        let less = if spread > 0 { rng.random_range(0..=spread) } else { 0 };
        SignedDuration::from_millis_i128(millis - less)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{ErrorKind, Retry, Stage};
    use crate::platform::Platform;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn now() -> Timestamp {
        "2026-11-22T09:00:00Z".parse().unwrap()
    }

    fn decide(error: &PlatformError, retries: u32) -> Decision {
        let tried = Tried {
            retries,
            token_is_fresh: false,
        };
        RetryPolicy::default().decide(error, tried, now(), &mut StdRng::seed_from_u64(7))
    }

    fn error(retry: Retry) -> PlatformError {
        PlatformError::refused(Platform::X, Stage::Send, ErrorKind::PlatformDown, "down").with_retry(retry)
    }

    #[test]
    fn an_unknown_outcome_is_never_retried_whatever_the_retry_says() {
        for when in [
            When::Never,
            When::Backoff,
            When::NotBefore(now()),
            When::AfterRefresh,
            When::AfterReconnect,
        ] {
            let error = error(Retry::when(when)).with_fate(Fate::MayBePublished);
            assert_eq!(decide(&error, 0), Decision::Reconcile);
            let error = error.with_fate(Fate::LandedEarlier { remote: None });
            assert_eq!(decide(&error, 0), Decision::Reconcile);
        }
    }

    #[test]
    fn backoff_grows_stays_below_its_base_and_ends() {
        let mut last = SignedDuration::ZERO;
        for (n, base) in RetryPolicy::default().backoff.iter().enumerate() {
            let Decision::RetryAt(at) = decide(&error(Retry::BACKOFF), u32::try_from(n).unwrap()) else {
                panic!()
            };
            let wait = at.duration_since(now());
            assert!(wait <= *base && wait > last);
            last = wait;
        }
        assert_eq!(decide(&error(Retry::BACKOFF), 5), Decision::Fail);
    }

    #[test]
    fn a_retry_after_is_honoured_to_the_second_unless_it_is_longer_than_a_day() {
        let two = now().saturating_add(SignedDuration::from_secs(2)).unwrap();
        assert_eq!(
            decide(&error(Retry::when(When::NotBefore(two))), 0),
            Decision::RetryAt(two)
        );
        let far = now().saturating_add(SignedDuration::from_hours(25)).unwrap();
        assert_eq!(decide(&error(Retry::when(When::NotBefore(far))), 0), Decision::Fail);
    }

    #[test]
    fn a_refused_token_is_refreshed_once_and_then_it_is_over() {
        let error = error(Retry::when(When::AfterRefresh));
        assert_eq!(decide(&error, 0), Decision::Refresh);
        let refused_again = Tried {
            retries: 1,
            token_is_fresh: true,
        };
        let decision = RetryPolicy::default().decide(&error, refused_again, now(), &mut StdRng::seed_from_u64(7));
        assert_eq!(decision, Decision::Fail);
    }

    #[test]
    fn a_post_that_was_retried_for_another_reason_still_has_its_refresh() {
        assert_eq!(
            decide(&error(Retry::when(When::AfterRefresh).at_most(1)), 2),
            Decision::Refresh
        );
    }

    #[test]
    fn an_errors_own_bound_on_retries_is_kept() {
        assert_eq!(decide(&error(Retry::BACKOFF.at_most(1)), 1), Decision::Fail);
    }
}
