//! Pinterest, by the API v5.

pub mod signin;
