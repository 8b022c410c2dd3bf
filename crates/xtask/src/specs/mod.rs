//! Official machine-readable specifications, and what of ours is held against them.

use domain::platform::Platform;

/// A specification that a platform, or somebody from its documentation, publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// Its name for people.
    pub name: &'static str,
}

/// The specification of a platform, where there is one.
#[must_use]
pub fn of(platform: Platform) -> Option<&'static Spec> {
    let spec = match platform {
        Platform::X => &Spec { name: "X OpenAPI" },
        Platform::Bluesky => &Spec {
            name: "atproto lexicons",
        },
        Platform::Mastodon => &Spec {
            name: "Mastodon OpenAPI",
        },
        Platform::Telegram => &Spec {
            name: "Bot API as data",
        },
        Platform::Instagram | Platform::Facebook | Platform::Threads => &Spec {
            name: "Meta node specs",
        },
        _ => return None,
    };
    Some(spec)
}
