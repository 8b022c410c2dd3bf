//! TikTok, by the Content Posting API.

pub mod signin;
