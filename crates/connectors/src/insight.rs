//! What is read and done beside publishing: numbers, reactions, comments, reshares.
//!
//! As a connector, an implementation never retries, reads no clock and keeps nothing. Numbers are the platform's own: what
//! it does not tell is `None`, never 0.

use domain::account::Tokens;
use domain::clock::{BootInstant, BoxFut};
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::platform::Platform;
use jiff::Timestamp;
use jiff::civil::Date;
use serde_json::Value;

use crate::http::Http;
use crate::{AccountRef, Endpoints};

/// A platform that can be asked for numbers, or that more can be done on than publishing.
pub trait Insight: Send + Sync {
    /// Which platform.
    fn platform(&self) -> Platform;

    /// Read-only: asks the platform, within [`crate::http::READ_BUDGET`] a request. A question that the platform has no
    /// answer to is refused without asking ([`not_told`]).
    fn ask<'a>(&'a self, ctx: &'a InsightCtx<'a>, question: &'a Question) -> BoxFut<'a, Result<Figure, PlatformError>>;

    /// Makes or removes something, in one request that is written before `send_by` only. The error's fate says whether it
    /// may have been done. The default does nothing of the kind.
    fn act<'a>(
        &'a self,
        ctx: &'a InsightCtx<'a>,
        act: &'a Act,
        send_by: BootInstant,
    ) -> BoxFut<'a, Result<Value, PlatformError>> {
        let _ = (ctx, act, send_by);
        Box::pin(async { Err(not_told(self.platform(), Stage::Send)) })
    }
}

/// What asking and acting need.
pub struct InsightCtx<'a> {
    /// The account as the platform knows it.
    pub account: AccountRef<'a>,
    /// Its tokens.
    pub tokens: &'a Tokens,
    /// Where the platforms are.
    pub endpoints: &'a Endpoints,
    /// The clients.
    pub http: &'a Http,
    /// The time at which the request began.
    pub now: Timestamp,
}

/// What a number counts, in the words of LinkedIn's analytics (learn.microsoft.com, "Member Post Statistics").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Times that it was shown.
    Impression,
    /// Members who saw it.
    MembersReached,
    /// Times that it was shared again.
    Reshare,
    /// Reactions.
    Reaction,
    /// Comments.
    Comment,
}

impl Metric {
    /// Every metric, in the order in which they are listed.
    pub const ALL: [Self; 5] = [
        Self::Impression,
        Self::MembersReached,
        Self::Reshare,
        Self::Reaction,
        Self::Comment,
    ];

    /// LinkedIn's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Impression => "IMPRESSION",
            Self::MembersReached => "MEMBERS_REACHED",
            Self::Reshare => "RESHARE",
            Self::Reaction => "REACTION",
            Self::Comment => "COMMENT",
        }
    }

    /// The metric of this word, upper-case only.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|metric| metric.word() == word)
    }
}

/// Days, as the platform reads them: LinkedIn counts up to, and without, the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Days {
    /// The first day.
    pub start: Date,
    /// The last one.
    pub end: Date,
}

/// What can be asked. Equal questions of one account have the same answer for a while.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Question {
    /// How often something happened to a post: a [`Figure::Count`].
    PostMetric {
        /// The post, by the platform's id.
        post: String,
        /// What is counted.
        metric: Metric,
    },
    /// How often something happened to all posts of the account: a [`Figure::Count`].
    AccountMetric {
        /// What is counted.
        metric: Metric,
        /// Only these days.
        days: Option<Days>,
    },
    /// The same, day by day: a [`Figure::Daily`].
    AccountDaily {
        /// What is counted.
        metric: Metric,
        /// Only these days.
        days: Option<Days>,
    },
    /// How many follow the account: a [`Figure::Count`].
    Followers,
    /// How many more did so, day by day: a [`Figure::Daily`].
    FollowersDaily {
        /// These days.
        days: Days,
    },
    /// What a post has gathered: a [`Figure::Post`].
    Post {
        /// The post, by the platform's id.
        post: String,
    },
    /// What the account has gathered: a [`Figure::Profile`].
    Profile,
    /// The id that acting on a post takes, where it goes by several: a [`Figure::Name`].
    Canonical {
        /// The post, by any of its ids.
        post: String,
    },
}

/// What a platform answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Figure {
    /// A number; `None` when the platform has it but does not tell.
    Count(Option<u64>),
    /// Numbers by day. LinkedIn's growth may be negative.
    Daily(Vec<DayCount>),
    /// A post's; `None` when there is no such post.
    Post(Option<PostFigures>),
    /// An account's.
    Profile(ProfileFigures),
    /// A post's id.
    Name(String),
}

/// One day's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayCount {
    /// How many.
    pub count: i64,
    /// Which days: from this one …
    pub start: Date,
    /// … up to this one, as the platform writes it.
    pub end: Date,
}

/// What a post has gathered; `None` for what the platform does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PostFigures {
    /// Likes, favourites.
    pub reactions: Option<u64>,
    /// Answers.
    pub comments: Option<u64>,
    /// Boosts, reposts.
    pub reposts: Option<u64>,
    /// Quotes.
    pub quotes: Option<u64>,
    /// Bookmarks.
    pub saves: Option<u64>,
}

/// What an account has gathered; `None` for what the platform does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProfileFigures {
    /// Who follow it.
    pub followers: Option<u64>,
    /// Whom it follows.
    pub following: Option<u64>,
    /// Its posts.
    pub posts: Option<u64>,
}

/// What can be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// React to a post. The answer is the platform's, whole.
    React {
        /// The post.
        post: String,
        /// The platform's word for the reaction.
        reaction: String,
    },
    /// Take the account's reaction back. The answer is null.
    Unreact {
        /// The post.
        post: String,
    },
    /// Comment on a post. The answer is the platform's, whole.
    Comment {
        /// The post.
        post: String,
        /// The comment that this one answers to.
        parent: Option<String>,
        /// The text.
        text: String,
    },
    /// Delete a comment. The answer is null.
    Uncomment {
        /// The post.
        post: String,
        /// The comment, by its number under the post.
        comment: String,
    },
    /// Share a post again. The answer has the new one's `id`.
    Reshare {
        /// The post.
        parent: String,
        /// What is said about it; may be empty.
        commentary: String,
        /// Who sees it, in the platform's word.
        visibility: String,
    },
}

impl Act {
    /// What logs call it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::React { .. } => "react",
            Self::Unreact { .. } => "unreact",
            Self::Comment { .. } => "comment",
            Self::Uncomment { .. } => "uncomment",
            Self::Reshare { .. } => "reshare",
        }
    }

    /// The post that it is about.
    #[must_use]
    pub fn post(&self) -> &str {
        match self {
            Self::React { post, .. }
            | Self::Unreact { post }
            | Self::Comment { post, .. }
            | Self::Uncomment { post, .. }
            | Self::Reshare { parent: post, .. } => post,
        }
    }

    /// The same about this post.
    #[must_use]
    pub fn on(mut self, other: String) -> Self {
        match &mut self {
            Self::React { post, .. }
            | Self::Unreact { post }
            | Self::Comment { post, .. }
            | Self::Uncomment { post, .. }
            | Self::Reshare { parent: post, .. } => *post = other,
        }
        self
    }
}

/// The refusal of what a platform, or this server on it, does not offer.
#[must_use]
pub fn not_told(platform: Platform, stage: Stage) -> PlatformError {
    let message = format!("{} offers nothing of the kind for this account", platform.name());
    PlatformError::refused(platform, stage, ErrorKind::Invalid, message)
}
