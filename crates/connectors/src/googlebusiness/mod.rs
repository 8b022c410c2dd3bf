//! Google Business Profile, by the Business Profile APIs.

pub mod signin;
