//! How many calls each platform allows, as its documents say. `docs/platforms` tells the same in words.

use jiff::SignedDuration;
use serde::Serialize;

use crate::budget::Window;
use crate::content::Draft;
use crate::part::Part;
use crate::platform::Platform;

/// A limit on calls that a platform documents, or that it tells only in its answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Quota {
    /// The word by which settings, histories and the store know it; once a platform.
    pub name: &'static str,
    /// Who shares it.
    pub scope: Scope,
    /// What is counted.
    pub counts: Counted,
    /// How many; `None` where only the platform's answers tell.
    pub most: Option<u32>,
    /// In which time.
    pub window: Window,
    /// Whether a call that the platform refused is counted by it.
    pub counts_refusals: bool,
}

/// Who shares a quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All accounts that are reached through one app of ours (a bot, at Telegram).
    App,
    /// One account.
    Account,
}

impl Scope {
    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Account => "account",
        }
    }
}

/// What a quota counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Counted {
    /// Every call that makes something visible, as so many points.
    Parts(u32),
    /// Posts and the replies of their threads, and not first comments.
    Posts,
    /// Posts alone.
    Heads,
    /// The replies of threads and first comments.
    Replies,
    /// First comments.
    Comments,
    /// Every file of a part, or one for a part without.
    Items,
    /// Posts that the connector names as reels.
    Reels,
    /// Files that are uploaded, before anything is sent.
    Uploads,
    /// Containers: one a file, and one more for a carousel, before anything is sent.
    Containers,
}

impl Counted {
    /// Whether it is spent by preparing, and not by the call that makes a post.
    #[must_use]
    pub const fn is_preparation(self) -> bool {
        matches!(self, Self::Uploads | Self::Containers)
    }

    /// How much of it a part takes; 0 when it is not counted.
    #[must_use]
    pub fn weight(self, draft: &Draft, part: Part) -> u32 {
        let files = match part {
            Part::Head => draft.content.head.media.len(),
            Part::Reply(n) => {
                let reply = draft.content.replies.get(usize::from(n).wrapping_sub(1));
                reply.map_or(0, |reply| reply.media.len())
            }
            Part::FirstComment => 0,
        };
        let files = u32::try_from(files).unwrap_or(u32::MAX);
        match (self, part) {
            (Self::Parts(points), _) => points,
            (Self::Posts, Part::Head | Part::Reply(_))
            | (Self::Heads, Part::Head)
            | (Self::Replies, Part::Reply(_) | Part::FirstComment)
            | (Self::Comments, Part::FirstComment) => 1,
            (Self::Items, _) => files.max(1),
            (Self::Uploads, _) => files,
            (Self::Containers, _) => files.max(1).saturating_add(u32::from(files > 1)),
            (Self::Posts | Self::Heads | Self::Replies | Self::Comments | Self::Reels, _) => 0,
        }
    }
}

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: Window = rolling(24 * HOUR);

const fn rolling(seconds: i64) -> Window {
    Window::Rolling(SignedDuration::from_secs(seconds))
}

const fn of(name: &'static str, scope: Scope, counts: Counted, most: u32, window: Window) -> Quota {
    Quota {
        name,
        scope,
        counts,
        most: Some(most),
        window,
        counts_refusals: true,
    }
}

/// A quota of what was published: refused calls do not count.
const fn of_posts(name: &'static str, counts: Counted, most: u32) -> Quota {
    Quota {
        counts_refusals: false,
        ..of(name, Scope::Account, counts, most, DAY)
    }
}

/// Of which nothing is known but what the answers tell: Meta's usage headers.
const fn told(name: &'static str, scope: Scope, window: Window) -> Quota {
    Quota {
        name,
        scope,
        counts: Counted::Parts(1),
        most: None,
        window,
        counts_refusals: true,
    }
}

/// docs.x.com, "Rate limits".
const X: &[Quota] = &[
    of("posts", Scope::Account, Counted::Parts(1), 100, rolling(15 * MINUTE)),
    of("posts_day", Scope::App, Counted::Parts(1), 10_000, DAY),
];

/// docs.joinmastodon.org, "Rate limits"; the limit of statuses is the server software's (`app/lib/rate_limiter.rb`).
const MASTODON: &[Quota] = &[
    of("posts", Scope::Account, Counted::Parts(1), 300, rolling(3 * HOUR)),
    of("uploads", Scope::Account, Counted::Uploads, 30, rolling(30 * MINUTE)),
];

/// docs.bsky.app, "Rate limits": making a record takes three points.
const BLUESKY: &[Quota] = &[
    of("points", Scope::Account, Counted::Parts(3), 5_000, rolling(HOUR)),
    of("points_day", Scope::Account, Counted::Parts(3), 35_000, DAY),
    of("uploads", Scope::Account, Counted::Uploads, 1_000, DAY),
];

/// core.telegram.org/bots/faq, "My bot is hitting limits": each file of an album is a message.
const TELEGRAM: &[Quota] = &[
    of("messages", Scope::Account, Counted::Items, 20, rolling(MINUTE)),
    of("calls_second", Scope::Account, Counted::Parts(1), 1, rolling(1)),
    of("messages_second", Scope::App, Counted::Items, 30, rolling(1)),
];

/// developers.facebook.com, Instagram Platform, "Content publishing: rate limit".
const INSTAGRAM: &[Quota] = &[
    of_posts("posts", Counted::Heads, 100),
    of("containers", Scope::Account, Counted::Containers, 400, DAY),
    told("calls", Scope::Account, DAY),
    told("app_calls", Scope::App, rolling(HOUR)),
];

/// developers.facebook.com, Threads API, "Rate limits".
const THREADS: &[Quota] = &[
    of_posts("posts", Counted::Heads, 250),
    of_posts("replies", Counted::Replies, 1_000),
    told("calls", Scope::Account, DAY),
    told("app_calls", Scope::App, rolling(HOUR)),
];

/// developers.facebook.com, Graph API, "Rate limits", and Reels API, "Limits".
const FACEBOOK: &[Quota] = &[
    of_posts("reels", Counted::Reels, 30),
    told("calls", Scope::Account, DAY),
    told("app_calls", Scope::App, rolling(HOUR)),
];

/// learn.microsoft.com, LinkedIn API, "Share on LinkedIn: rate limits". Quotas begin anew at midnight UTC. What other
/// products allow is told in the developer portal alone.
const LINKEDIN: &[Quota] = &[
    of("posts", Scope::Account, Counted::Posts, 150, Window::UtcDay),
    of("comments", Scope::Account, Counted::Comments, 150, Window::UtcDay),
    of("posts_day", Scope::App, Counted::Posts, 100_000, Window::UtcDay),
];

/// developers.tiktok.com, Content Posting API: beginning a post.
const TIKTOK: &[Quota] = &[of("posts", Scope::Account, Counted::Heads, 6, rolling(MINUTE))];

/// developers.google.com/youtube: uploads of a project in a day. That day begins at midnight Pacific; any 24 hours are
/// a stricter reading.
const YOUTUBE: &[Quota] = &[of("uploads_day", Scope::App, Counted::Heads, 100, DAY)];

/// github.com/reddit-archive/reddit/wiki/API: requests of a client.
const REDDIT: &[Quota] = &[of("calls", Scope::App, Counted::Parts(1), 100, rolling(MINUTE))];

/// developers.google.com/my-business, "Usage limits": edits of a profile.
const GOOGLE_BUSINESS: &[Quota] = &[of("edits", Scope::Account, Counted::Parts(1), 10, rolling(MINUTE))];

/// developers.snap.com, Public Profile API: requests of a token and of an app in a second.
const SNAPCHAT: &[Quota] = &[
    of("calls", Scope::Account, Counted::Parts(1), 10, rolling(1)),
    of("app_calls", Scope::App, Counted::Parts(1), 20, rolling(1)),
];

/// The quotas of a platform; none where nothing is documented.
#[must_use]
pub const fn quotas(platform: Platform) -> &'static [Quota] {
    match platform {
        Platform::X => X,
        Platform::Mastodon => MASTODON,
        Platform::Bluesky => BLUESKY,
        Platform::Telegram => TELEGRAM,
        Platform::Instagram => INSTAGRAM,
        Platform::Threads => THREADS,
        Platform::Facebook => FACEBOOK,
        Platform::LinkedIn => LINKEDIN,
        Platform::TikTok => TIKTOK,
        Platform::YouTube => YOUTUBE,
        Platform::Reddit => REDDIT,
        Platform::GoogleBusiness => GOOGLE_BUSINESS,
        Platform::Snapchat => SNAPCHAT,
        _ => &[],
    }
}
