//! What every front door calls: dialects, the command line, and pages later.

mod groups;
mod posts;
mod users;

pub use crate::accounts::AddAccount;
pub use groups::{CreateGroup, CreatedGroup, IdempotencyKey, Target};
pub use users::NewApiKey;
