//! Broadside at work on emulated platforms: nothing to configure, no account to have, nothing that leaves the machine.

mod cast;
mod ready;
mod show;
mod stage;

pub use cast::{Behaviour, CAST, Role};
pub use ready::write_whole;
pub use show::{Ended, Show};
pub(crate) use stage::JOURNAL_FILE;
pub use stage::Stage;
pub(crate) use stage::{extras, start_sandbox};
