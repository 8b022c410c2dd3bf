//! Operation: what the command line can do, whether a server runs or not.
//!
//! [`Request`]s are answered by [`handle()`] alone. A running server answers them over a unix socket in its data
//! directory; without one the command opens the store itself and calls the same function.

mod accounts;
mod door;
mod handle;
mod health;
mod hush;
pub mod protocol;
mod refusal;
mod socket;
mod users;
pub mod view;
mod webhooks;

pub use door::Door;
pub(crate) use door::{ask_server, unexpected};
pub use handle::handle;
pub(crate) use handle::the_user;
pub use health::sunsets;
pub use protocol::{Refusal, Reply, Request};
#[cfg(feature = "sandbox")]
pub(crate) use socket::read_line;
pub use socket::{Listener, SOCKET_FILE};
