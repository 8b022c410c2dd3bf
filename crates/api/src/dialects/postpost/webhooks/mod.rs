//! Webhooks: the endpoints that manage receivers, and the messages that receivers get.

mod address;
mod operations;
mod outgoing;
mod routes;

#[cfg(test)]
mod tests;

pub use outgoing::PostpostWebhooks;

pub(super) use routes::endpoints;
