//! Reddit, by its OAuth API.

pub mod signin;
