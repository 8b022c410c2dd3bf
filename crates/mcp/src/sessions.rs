//! Which sessions are open, and for whom.
//!
//! What must stay true: there are never more than [`SESSIONS_MAX`], and a session answers only to the key that opened it,
//! so that a session's id alone is worth nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::clock::Clock;
use domain::secret::SecretText;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

/// How long a session lives without a request.
pub(crate) const LIFETIME: SignedDuration = SignedDuration::from_mins(30);
/// The most sessions at once; one more closes the one that was used the longest ago.
pub(crate) const SESSIONS_MAX: usize = 100;

/// The open sessions.
pub(crate) struct Sessions {
    clock: Arc<dyn Clock>,
    open: Mutex<HashMap<Arc<str>, Session>>,
}

struct Session {
    /// The SHA-256 of the key that opened it.
    opener: [u8; 32],
    used_at: Timestamp,
}

impl Session {
    fn is_over(&self, now: Timestamp) -> bool {
        now.duration_since(self.used_at) >= LIFETIME
    }
}

fn digest(key: &SecretText) -> [u8; 32] {
    Sha256::digest(key.expose().as_bytes()).into()
}

impl Sessions {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            open: Mutex::default(),
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut HashMap<Arc<str>, Session>, Timestamp) -> T) -> T {
        let now = self.clock.now();
        // Whatever panicked while it held the lock left a map that is still a map.
        change(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner), now)
    }

    /// Whether this key opened that session and it still lives; it is then used as of now.
    pub(crate) fn is_open(&self, id: &str, key: &SecretText) -> bool {
        let opener = digest(key);
        self.with(|open, now| match open.get_mut(id) {
            Some(session) if session.opener == opener && !session.is_over(now) => {
                session.used_at = now;
                true
            }
            _ => false,
        })
    }

    /// A session was opened by this key. Gives those that are to be closed in its stead, already forgotten here: the ones
    /// that are over, and so many of those not used for the longest that [`SESSIONS_MAX`] are left.
    pub(crate) fn add(&self, id: &str, key: &SecretText) -> Vec<Arc<str>> {
        let opener = digest(key);
        self.with(|open, now| {
            let mut others: Vec<(bool, Timestamp, Arc<str>)> = open
                .iter()
                .map(|(id, session)| (!session.is_over(now), session.used_at, Arc::clone(id)))
                .collect();
            others.sort_unstable();
            let over = others.iter().take_while(|(lives, ..)| !lives).count();
            let too_many = (others.len() + 1).saturating_sub(SESSIONS_MAX);
            let gone: Vec<_> = others.into_iter().take(over.max(too_many)).map(|(.., id)| id).collect();
            for id in &gone {
                open.remove(id);
            }
            open.insert(Arc::from(id), Session { opener, used_at: now });
            gone
        })
    }

    /// A session is no longer.
    pub(crate) fn remove(&self, id: &str) {
        self.with(|open, _| open.remove(id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::clock::ManualClock;

    fn sessions() -> (Sessions, ManualClock) {
        let clock = ManualClock::new("2026-03-15T09:00:00Z".parse().unwrap());
        (Sessions::new(Arc::new(clock.clone())), clock)
    }

    #[test]
    fn a_session_answers_only_to_the_key_that_opened_it() {
        let (sessions, _) = sessions();
        sessions.add("one", &"ada".into());
        assert!(sessions.is_open("one", &"ada".into()));
        assert!(!sessions.is_open("one", &"bob".into()));
        assert!(!sessions.is_open("two", &"ada".into()));
        sessions.remove("one");
        assert!(!sessions.is_open("one", &"ada".into()));
    }

    #[test]
    fn half_an_hour_without_a_request_ends_a_session_and_a_request_begins_it_anew() {
        let (sessions, clock) = sessions();
        sessions.add("one", &"ada".into());
        for _ in 0..3 {
            clock.advance(LIFETIME - SignedDuration::from_secs(1));
            assert!(sessions.is_open("one", &"ada".into()));
        }
        clock.advance(LIFETIME);
        assert!(!sessions.is_open("one", &"ada".into()));
        assert_eq!(sessions.add("two", &"ada".into()), ["one".into()]);
        assert!(sessions.add("three", &"ada".into()).is_empty());
    }

    #[test]
    fn room_for_one_more_is_made_where_nobody_was_for_the_longest() {
        let (sessions, clock) = sessions();
        for number in 0..SESSIONS_MAX {
            assert!(sessions.add(&number.to_string(), &"ada".into()).is_empty(), "{number}");
            clock.advance(SignedDuration::from_secs(1));
        }
        assert!(sessions.is_open("0", &"ada".into()));
        assert_eq!(sessions.add("new", &"bob".into()), ["1".into()]);
        assert_eq!(sessions.add("newer", &"bob".into()), ["2".into()]);
        assert!(sessions.is_open("0", &"ada".into()) && sessions.is_open("new", &"bob".into()));
    }
}
