//! Snapchat, by the Public Profile API.

pub mod signin;
