//! Media: stored by content, fetched safely, probed from their bytes.
//!
//! What must stay true: no file is ever whole in memory (a picture that is converted is decoded within a budget that holds
//! for all of them together); nothing about a file is believed because somebody said so (its
//! kind, size and shape come from its bytes); and a URL that a user gave never makes this server talk to an address that
//! the user could not reach from outside.

pub mod address;
pub mod clients;
mod derive;
pub mod error;
mod exif;
pub mod fetch;
pub mod key;
pub mod link;
pub mod probe;
pub mod s3;
pub mod store;
pub mod trust;

#[cfg(test)]
mod samples;

pub use address::AddressPolicy;
pub use clients::JudgedClients;
pub use derive::{DECODE_BYTES_MAX, DECODE_PIXELS_MAX, derivative_key};
pub use error::Error;
pub use fetch::{Allowance, FetchError, FetchLimits, Fetcher};
pub use link::{LinkError, LinkSigner};
pub use s3::S3;
pub use store::{Limits, MediaStore, NewFile, Opened};
