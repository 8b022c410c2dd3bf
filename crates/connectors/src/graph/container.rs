//! Containers: what Instagram and Threads make of a post before it is published.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Created;
use crate::next_look;

/// A container, and how far it is. It is kept between steps.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) finished: bool,
    /// How often the platform said that it is still at it.
    pub(crate) polls: u32,
}

impl Container {
    /// When to go on: a finished one is not waited for.
    pub(crate) fn look_at(&self, now: Timestamp) -> Timestamp {
        if self.finished { now } else { next_look(now, self.polls) }
    }
}

impl From<Created> for Container {
    fn from(created: Created) -> Self {
        Self {
            id: created.id,
            finished: false,
            polls: 0,
        }
    }
}
