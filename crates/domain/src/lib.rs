//! What a post is and how it may move, without any input or output.
//!
//! Nothing here asks for the time or for randomness: both come in as arguments.

pub mod account;
pub mod budget;
pub mod capability;
pub mod clock;
pub mod content;
pub mod derive;
pub mod error;
pub mod group;
pub mod ids;
pub mod intent;
pub mod log;
pub mod notice;
pub mod part;
pub mod plan;
pub mod platform;
pub mod post;
pub mod retry;
pub mod secret;
pub mod text;
pub mod thread;
pub mod validate;
pub mod webhook;
