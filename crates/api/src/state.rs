//! What every handler can reach.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use engine::Engine;
use url::Url;

use crate::media::{MediaFiles, MediaLinks};

/// What the API is made of.
pub struct Parts {
    /// What does the work.
    pub engine: Engine,
    /// The address under which clients reach this server: the configured one, or the one really bound.
    pub public_url: Url,
    /// The version of the binary.
    pub version: &'static str,
    /// Turns stored media into absolute URLs.
    pub links: Arc<dyn MediaLinks>,
    /// Finds the file that a signed link stands for.
    pub files: Arc<dyn MediaFiles>,
    /// Whether a publisher runs in this process: readiness then needs its beat.
    pub publishes: bool,
    /// A random number that request ids are derived from.
    pub seed: u64,
}

/// What every handler can reach; cheap to clone.
#[derive(Clone)]
pub struct ApiState(Arc<Parts>);

impl ApiState {
    /// Puts the state together.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }

    /// The absolute address of a path of this server.
    pub(crate) fn address_of(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.as_str().trim_end_matches('/'))
    }
}

impl Deref for ApiState {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl fmt::Debug for ApiState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiState")
            .field("public_url", &self.public_url.as_str())
            .finish_non_exhaustive()
    }
}
