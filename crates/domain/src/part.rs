//! The parts of a post: a head, the replies of a thread, and an optional first comment.

use serde::{Deserialize, Serialize};

/// One irreversible call's worth of a post. Parts belong to the post, not to an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The post itself.
    Head,
    /// The n-th reply of a thread, from 1.
    Reply(u16),
    /// A comment under the post. Its failure never changes a published post.
    FirstComment,
}

impl Part {
    /// The number that a store keeps: 0 for the head, n for a reply, 65535 for the first comment.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Head => 0,
            Self::Reply(n) => n,
            Self::FirstComment => u16::MAX,
        }
    }

    /// The part with this [`Part::number`].
    #[must_use]
    pub const fn from_number(number: u16) -> Self {
        match number {
            0 => Self::Head,
            u16::MAX => Self::FirstComment,
            n => Self::Reply(n),
        }
    }
}

/// How sure the platform is that the post can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Assurance {
    /// The platform took it and may still process or review it.
    Accepted,
    /// It can be seen.
    Visible,
}

/// Where a published post lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Locus {
    /// Public, in the account's feed.
    Feed,
    /// In the account's inbox, to be finished by its owner.
    Inbox,
}

/// A post as the platform knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemotePost {
    /// The platform's own id, unique within the account, or what stands in for it.
    pub id: String,
    /// The public page, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What a reply or a later look needs beside the id, such as a Bluesky `cid`. Never a credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Whether it can be seen.
    pub assurance: Assurance,
    /// Where it lies.
    pub locus: Locus,
    /// Whether the id is one of ours, since the platform has not told its own yet, or never will.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_stand_in: bool,
}

impl RemotePost {
    /// A post that can be seen in the feed.
    #[must_use]
    pub fn visible(id: impl Into<String>, url: Option<String>) -> Self {
        Self {
            id: id.into(),
            url,
            detail: None,
            assurance: Assurance::Visible,
            locus: Locus::Feed,
            is_stand_in: false,
        }
    }

    /// A post that can be seen in the feed, and of which the platform has not told the id.
    #[must_use]
    pub fn unnamed(stand_in: impl Into<String>) -> Self {
        Self {
            is_stand_in: true,
            ..Self::visible(stand_in, None)
        }
    }

    /// The platform's own id, when it is known: what a person may be shown, and what a platform may be asked for.
    #[must_use]
    pub fn known_id(&self) -> Option<&str> {
        (!self.is_stand_in && !self.id.is_empty()).then_some(self.id.as_str())
    }
}

/// How much of a post that ended badly is live all the same.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PartsLive {
    /// Parts known to be live.
    pub live: u16,
    /// Parts there are.
    pub of: u16,
    /// The head, when it is live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<RemotePost>,
}
