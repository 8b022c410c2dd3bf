//! YouTube, by the Data API v3.

pub mod signin;
