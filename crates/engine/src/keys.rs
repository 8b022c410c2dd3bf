//! API keys: made, hashed, looked up, and remembered so that a request costs no lookup.

use std::collections::HashMap;
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

/// Who a key stands for, and since when that is known.
type Known = (Timestamp, Arc<Caller>);

#[derive(Debug, Default)]
pub(crate) struct KeyCache {
    known: RwLock<HashMap<[u8; 32], Known>>,
    used: Mutex<HashMap<ApiKeyId, Timestamp>>,
}

impl KeyCache {
    fn get(&self, hash: &[u8; 32], now: Timestamp) -> Option<Arc<Caller>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let (since, caller) = known.get(hash)?;
        (now.duration_since(*since) < REMEMBERED_FOR).then(|| Arc::clone(caller))
    }

    fn put(&self, hash: [u8; 32], now: Timestamp, caller: Arc<Caller>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED_MAX {
            known.clear();
        }
        known.insert(hash, (now, caller));
    }

    /// Forgets all keys: one was revoked, or a user changed.
    pub(crate) fn forget(&self) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn touch(&self, key: ApiKeyId, now: Timestamp) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() < REMEMBERED_MAX {
            used.insert(key, now);
        }
    }

    pub(crate) fn take_used(&self) -> Vec<(ApiKeyId, Timestamp)> {
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
        if let Some(caller) = self.keys.get(&hash, now) {
            self.keys.touch(caller.key, now);
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
        self.keys.touch(caller.key, now);
        Ok(Some(caller))
    }
}
