//! Who may send, or ask, just now. What is slow to answer holds a part of the room at most: the rest stays for the others.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use domain::platform::Platform;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One platform works on this part of all slots at most.
const PLATFORM_SHARE: usize = 2;

/// One server of a platform of many servers, which anybody may run, works on this part of all slots at most.
const SERVER_SHARE: usize = 4;

/// Servers beyond which those that nobody waits for are forgotten.
const SERVERS_KEPT: usize = 1_000;

/// Whether accounts of this platform live on servers of their own choice.
pub(crate) const fn has_servers(platform: Platform) -> bool {
    matches!(platform, Platform::Mastodon | Platform::Bluesky)
}

/// Room for work, over all accounts: a platform has half of it, and a server a quarter.
pub(crate) struct Slots {
    most: usize,
    all: Arc<Semaphore>,
    platforms: Mutex<HashMap<Platform, Arc<Semaphore>>>,
    servers: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// A place in the room, given back when it is dropped.
pub(crate) struct Slot {
    _server: Option<OwnedSemaphorePermit>,
    _platform: Option<OwnedSemaphorePermit>,
    _all: Option<OwnedSemaphorePermit>,
}

impl Slots {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            all: Arc::new(Semaphore::new(most)),
            platforms: Mutex::default(),
            servers: Mutex::default(),
        }
    }

    /// Waits for a place: first behind the work for the same server, then behind that of the same platform, and last,
    /// with those, behind all. So whoever waits for a slow one holds nothing that others need.
    pub(crate) async fn take(&self, platform: Platform, server: Option<&str>) -> Slot {
        let server = server.map(|server| self.of_server(server));
        let platform = self.of_platform(platform);
        // Semaphores are never closed, so there is always a permit.
        let server = match server {
            Some(server) => server.acquire_owned().await.ok(),
            None => None,
        };
        let platform = platform.acquire_owned().await.ok();
        let all = Arc::clone(&self.all).acquire_owned().await.ok();
        Slot {
            _server: server,
            _platform: platform,
            _all: all,
        }
    }

    fn of_platform(&self, platform: Platform) -> Arc<Semaphore> {
        let mut known = self.platforms.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(platform).or_insert_with(|| self.share(PLATFORM_SHARE)))
    }

    fn of_server(&self, server: &str) -> Arc<Semaphore> {
        let mut known = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() > SERVERS_KEPT {
            // Who waits or works holds a copy.
            known.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        }
        let found = known
            .entry(server.to_owned())
            .or_insert_with(|| self.share(SERVER_SHARE));
        Arc::clone(found)
    }

    fn share(&self, share: usize) -> Arc<Semaphore> {
        Arc::new(Semaphore::new((self.most / share).max(1)))
    }
}
