//! API keys: made, hashed, looked up, and remembered so that a request costs no lookup.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use domain::account::User;
use domain::ids::ApiKeyId;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use crate::{Engine, Error};

pub(crate) mod strength;

/// The most keys remembered; beyond that the memory starts anew.
const REMEMBERED_MAX: usize = 10_000;

/// A remembered key is looked up again after this long, in case another process changed it.
const REMEMBERED_FOR: SignedDuration = SignedDuration::from_secs(10);

/// Who is calling.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    /// The key.
    pub key: ApiKeyId,
    /// Its user; `None` when that user has been removed.
    pub user: Option<User>,
}

/// Who a key stands for.
#[derive(Debug)]
struct Known {
    since: Timestamp,
    caller: Arc<Caller>,
    /// When it was used last, in seconds since 1970; zero when that has been written down.
    used_at: AtomicI64,
}

#[derive(Debug, Default)]
pub(crate) struct KeyCache {
    known: RwLock<HashMap<[u8; 32], Known>>,
    /// When those were used that are not known any more.
    used: Mutex<HashMap<ApiKeyId, Timestamp>>,
}

impl KeyCache {
    /// Who uses this key now, if that is remembered.
    fn used_by(&self, hash: &[u8; 32], now: Timestamp) -> Option<Arc<Caller>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let known = known
            .get(hash)
            .filter(|known| now.duration_since(known.since) < REMEMBERED_FOR)?;
        // Written once a second, or the cores would pass the value between them for every request.
        if known.used_at.load(Ordering::Relaxed) != now.as_second() {
            known.used_at.store(now.as_second(), Ordering::Relaxed);
        }
        Some(Arc::clone(&known.caller))
    }

    fn put(&self, hash: [u8; 32], now: Timestamp, caller: Arc<Caller>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_MAX {
            self.keep_used(&known);
            known.clear();
        }
        let used_at = AtomicI64::new(now.as_second());
        known.insert(
            hash,
            Known {
                since: now,
                caller,
                used_at,
            },
        );
    }

    /// Forgets all keys: one was revoked, or a user changed.
    pub(crate) fn forget(&self) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        self.keep_used(&known);
        known.clear();
    }

    /// Notes when keys were used that are about to be forgotten, as far as there is room.
    fn keep_used(&self, known: &HashMap<[u8; 32], Known>) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        for known in known.values() {
            let at = known.used_at.swap(0, Ordering::Relaxed);
            if let (1.., Ok(at), true) = (at, Timestamp::from_second(at), used.len() < REMEMBERED_MAX) {
                used.insert(known.caller.key, at);
            }
        }
    }

    /// When keys were used since this was asked last, to the second.
    pub(crate) fn take_used(&self) -> Vec<(ApiKeyId, Timestamp)> {
        self.keep_used(&self.known.read().unwrap_or_else(PoisonError::into_inner));
        std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner))
            .into_iter()
            .collect()
    }
}

/// What is stored of a key: it was drawn at random, so no slow hash is needed.
#[must_use]
pub(crate) fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

impl Engine {
    /// Who this key stands for; `None` when it is unknown or revoked.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn authenticate(&self, key: &str) -> Result<Option<Arc<Caller>>, Error> {
        let hash = hash(key);
        let now = self.clock.now();
        if let Some(caller) = self.keys.used_by(&hash, now) {
            return Ok(Some(caller));
        }
        let Some(owner) = self.store.authenticate(hash).await? else {
            return Ok(None);
        };
        let caller = Arc::new(Caller {
            key: owner.key,
            user: owner.user,
        });
        self.keys.put(hash, now, Arc::clone(&caller));
        Ok(Some(caller))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(key: u8) -> Arc<Caller> {
        let key = ApiKeyId::from_bytes([key; 12]);
        Arc::new(Caller { key, user: None })
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_last_use_of_a_key_is_told_once_even_when_the_key_is_forgotten_meanwhile() {
        let keys = KeyCache::default();
        keys.put([1; 32], at(100), caller(1));
        assert_eq!(keys.used_by(&[1; 32], at(105)), Some(caller(1)));
        assert_eq!(keys.take_used(), [(caller(1).key, at(105))]);
        assert_eq!(keys.take_used(), []);
        keys.used_by(&[1; 32], at(106));
        keys.forget();
        assert_eq!(keys.used_by(&[1; 32], at(106)), None);
        assert_eq!(keys.take_used(), [(caller(1).key, at(106))]);
    }

    #[test]
    fn a_key_is_looked_up_again_after_a_while() {
        let keys = KeyCache::default();
        keys.put([1; 32], at(100), caller(1));
        assert!(keys.used_by(&[1; 32], at(109)).is_some());
        assert!(keys.used_by(&[1; 32], at(110)).is_none());
    }
}
