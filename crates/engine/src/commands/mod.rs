//! What every front door calls: dialects, the command line, and pages later.

mod accounts;
mod groups;
mod posts;
mod users;

pub use accounts::AddAccount;
pub use groups::{CreateGroup, CreatedGroup, IdempotencyKey, Target};
pub use users::NewApiKey;
