//! The platforms that a post can go to.

use std::fmt;
use std::str::FromStr;

macro_rules! platforms {
    ($($(#[$doc:meta])* $variant:ident = $word:literal, $name:literal;)+) => {
        /// A social network or channel. The word is Broadside's own; dialects have theirs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum Platform { $(#[serde(rename = $word)] $(#[$doc])* $variant,)+ }

        impl Platform {
            /// Every platform, in the order of this table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Broadside's word for it, such as `x`.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The name as people write it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }
    };
}

platforms! {
    /// X, formerly Twitter.
    X = "x", "X";
    /// LinkedIn members and organizations.
    LinkedIn = "linkedin", "LinkedIn";
    /// Instagram professional accounts.
    Instagram = "instagram", "Instagram";
    /// Threads.
    Threads = "threads", "Threads";
    /// Facebook Pages.
    Facebook = "facebook", "Facebook";
    /// TikTok.
    TikTok = "tiktok", "TikTok";
    /// YouTube.
    YouTube = "youtube", "YouTube";
    /// Pinterest.
    Pinterest = "pinterest", "Pinterest";
    /// Bluesky and other AT Protocol servers.
    Bluesky = "bluesky", "Bluesky";
    /// Mastodon and servers with its API.
    Mastodon = "mastodon", "Mastodon";
    /// Telegram channels and groups, through a bot.
    Telegram = "telegram", "Telegram";
    /// Reddit.
    Reddit = "reddit", "Reddit";
    /// Google Business Profile.
    GoogleBusiness = "googlebusiness", "Google Business Profile";
    /// Snapchat.
    Snapchat = "snapchat", "Snapchat";
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A word that names no platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no platform; known are: {list}", list = Platform::ALL.iter().map(|p| p.word()).collect::<Vec<_>>().join(", "))]
pub struct UnknownPlatform(pub String);

impl FromStr for Platform {
    type Err = UnknownPlatform;

    fn from_str(word: &str) -> Result<Self, UnknownPlatform> {
        Self::ALL
            .iter()
            .copied()
            .find(|p| p.word() == word)
            .ok_or_else(|| UnknownPlatform(word.to_owned()))
    }
}
