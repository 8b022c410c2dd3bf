//! Webhooks: receivers, and the messages that go out to them.
//!
//! The store writes messages, in the transactions of what they tell of; [`deliverer`] takes them out. What must stay true:
//! - Nothing of it shares workers with publishing, and a receiver that stalls or fails takes nobody else's room.
//! - A message goes out at least once: it is forgotten after its outcome is durable, and has one id at every try.
//! - An address is judged when it is given and again at every connection; redirects are not followed.

mod commands;
mod courier;
mod deliverer;

use std::sync::Arc;

use domain::clock::BoxFut;
use domain::webhook::{Header, WebhookDialect};

pub use commands::{EditWebhook, MakeWebhook};
pub use courier::HttpCourier;
pub use deliverer::{Deliverer, Room};

/// What came back for a message: the status, or why there is none, in plain words.
pub type Answer = Result<u16, String>;

/// Carries a message to its receiver, once, without following redirects.
pub trait Courier: Send + Sync {
    /// Posts `body` to `url`. Whoever calls has the deadline.
    fn post<'a>(&'a self, url: &'a str, headers: &'a [Header], body: Vec<u8>) -> BoxFut<'a, Answer>;
}

/// What a [`Deliverer`] works with.
#[derive(Clone)]
pub struct Outgoing {
    /// The dialects that have webhooks.
    pub dialects: Vec<Arc<dyn WebhookDialect>>,
    /// Carries messages.
    pub courier: Arc<dyn Courier>,
    /// How many receivers it serves at once.
    pub room: Room,
}

impl Outgoing {
    fn dialect(&self, name: &str) -> Option<&dyn WebhookDialect> {
        let found = self.dialects.iter().find(|dialect| dialect.name() == name);
        found.map(AsRef::as_ref)
    }
}
