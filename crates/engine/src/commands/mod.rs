//! What every front door calls: dialects, the command line, and pages later.

mod groups;
mod posts;
mod retract;
mod users;
mod workspaces;

pub use crate::accounts::AddAccount;
pub use groups::{CreateGroup, CreatedGroup, EditGroup, IdempotencyKey, Target};
pub use users::{NewApiKey, PlanUsage};
pub use workspaces::{AttachError, ManagedUser, Namesake, StandingPage, Whom};
