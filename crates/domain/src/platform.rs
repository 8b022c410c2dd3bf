//! The platforms that a post can go to.

use std::fmt;
use std::str::FromStr;

macro_rules! platforms {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $word:literal, $name:literal;)+) => {
        /// A social network or channel. The word is Broadside's own; dialects have theirs. The numbers are stored: they
        /// are below 63 and never given anew.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub enum Platform { $(#[serde(rename = $word)] $(#[$doc])* $variant = $number,)+ }

        impl Platform {
            /// Every platform, in the order of this table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its number in stored sets of platforms.
            #[must_use]
            pub const fn number(self) -> u8 {
                match self { $(Self::$variant => $number),+ }
            }

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
    X = 0, "x", "X";
    /// LinkedIn members and organizations.
    LinkedIn = 1, "linkedin", "LinkedIn";
    /// Instagram professional accounts.
    Instagram = 2, "instagram", "Instagram";
    /// Threads.
    Threads = 3, "threads", "Threads";
    /// Facebook Pages.
    Facebook = 4, "facebook", "Facebook";
    /// TikTok.
    TikTok = 5, "tiktok", "TikTok";
    /// YouTube.
    YouTube = 6, "youtube", "YouTube";
    /// Pinterest.
    Pinterest = 7, "pinterest", "Pinterest";
    /// Bluesky and other AT Protocol servers.
    Bluesky = 8, "bluesky", "Bluesky";
    /// Mastodon and servers with its API.
    Mastodon = 9, "mastodon", "Mastodon";
    /// Telegram channels and groups, through a bot.
    Telegram = 10, "telegram", "Telegram";
    /// Reddit.
    Reddit = 11, "reddit", "Reddit";
    /// Google Business Profile.
    GoogleBusiness = 12, "googlebusiness", "Google Business Profile";
    /// Snapchat.
    Snapchat = 13, "snapchat", "Snapchat";
} // The last line of the table.

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
