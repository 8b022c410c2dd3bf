//! The wire protocols: each a folder with its own routes, wire types, mapping and errors, all over the same engine.

pub mod postpost;

use domain::platform::Platform;

use crate::dialect::Dialect;

/// The settings that posts to this platform can be given: the dialect that has a place for one, and its name.
#[must_use]
pub fn setting_names(platform: Platform) -> Vec<(&'static str, &'static str)> {
    let of_postpost = postpost::setting_names(platform);
    of_postpost.map(|name| (postpost::Postpost::NAME, name)).collect()
}
