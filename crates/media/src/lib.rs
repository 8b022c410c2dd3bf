//! Media: stored by content, fetched safely, probed from their bytes.
//!
//! What must stay true: no file is ever whole in memory; nothing about a file is believed because somebody said so (its
//! kind, size and shape come from its bytes); and a URL that a user gave never makes this server talk to an address that
//! the user could not reach from outside.

pub mod address;
pub mod clients;
pub mod error;
pub mod fetch;
pub mod link;
pub mod probe;
pub mod store;

#[cfg(test)]
mod samples;

pub use address::AddressPolicy;
pub use clients::JudgedClients;
pub use error::Error;
pub use fetch::{Allowance, FetchError, FetchLimits, Fetcher};
pub use link::{LinkError, LinkSigner};
pub use store::{Limits, MediaStore, NewFile, Opened};
