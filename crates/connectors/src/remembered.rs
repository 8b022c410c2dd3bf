//! What servers told of themselves, kept between requests. Cheap to clone; losing it costs a request each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Servers remembered at most; beyond, the memory starts anew.
const SERVERS_MAX: usize = 1_000;

/// What is known of servers, by their address.
#[derive(Debug, Clone)]
pub(crate) struct Remembered<T>(Arc<Mutex<BTreeMap<String, T>>>);

impl<T> Default for Remembered<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Clone> Remembered<T> {
    /// What this server told last.
    pub(crate) fn of(&self, server: &str) -> Option<T> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(server)
            .cloned()
    }

    /// This server told this.
    pub(crate) fn learn(&self, server: &str, told: T) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= SERVERS_MAX && !known.contains_key(server) {
            known.clear();
        }
        known.insert(server.to_owned(), told);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_told_last_is_known_and_only_so_much_of_it() {
        let known = Remembered::default();
        known.learn("one", 1);
        known.learn("one", 2);
        assert_eq!((known.clone().of("one"), known.of("two")), (Some(2), None));
        for server in 0..SERVERS_MAX {
            known.learn(&format!("{server}"), server);
        }
        assert_eq!(known.of("one"), None);
        assert_eq!(known.of(&format!("{}", SERVERS_MAX - 1)), Some(SERVERS_MAX - 1));
    }
}
