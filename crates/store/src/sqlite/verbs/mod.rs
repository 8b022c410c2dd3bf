//! The verbs. Those that write take the [`super::tx::Tx`] of the transaction that they run in.

pub(super) mod accounts;
mod actions;
pub(super) mod budgets;
pub(super) mod claims;
pub(super) mod deliveries;
mod derivatives;
mod edits;
pub(super) mod groups;
pub(super) mod intents;
pub(super) mod media;
pub(super) mod operation;
pub(super) mod plans;
pub(super) mod refreshes;
pub(super) mod reports;
mod retractions;
mod revocations;
pub(super) mod sign_ins;
pub(super) mod usage;
pub(super) mod users;
pub(super) mod webhooks;
pub(super) mod workspaces;
