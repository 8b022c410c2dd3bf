//! The kinds of posts, as far as a capability tells them apart.

use serde::{Deserialize, Serialize};

use super::Capability;

/// A kind of post. What a setting makes of a post (a story, a poll, a card) is a matter of that setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostType {
    /// Words alone.
    Text,
    /// Words with an address in them.
    Link,
    /// One picture.
    Image,
    /// Several pictures.
    Images,
    /// One film.
    Video,
    /// Pictures and films in one post.
    Mixed,
    /// One document.
    Document,
    /// A post with replies of its own.
    Thread,
    /// A post with a comment under it.
    FirstComment,
}

impl PostType {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Text,
        Self::Link,
        Self::Image,
        Self::Images,
        Self::Video,
        Self::Mixed,
        Self::Document,
        Self::Thread,
        Self::FirstComment,
    ];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Link => "link",
            Self::Image => "image",
            Self::Images => "images",
            Self::Video => "video",
            Self::Mixed => "mixed",
            Self::Document => "document",
            Self::Thread => "thread",
            Self::FirstComment => "first_comment",
        }
    }
}

impl Capability {
    /// Whether the platform takes posts of this kind.
    #[must_use]
    pub fn takes(&self, kind: PostType) -> bool {
        match kind {
            PostType::Text | PostType::Link => !self.needs_media,
            PostType::Image => self.images.is_some(),
            PostType::Images => self.media_max > 1 && self.images.as_ref().is_some_and(|rule| rule.count_max > 1),
            PostType::Video => self.video.is_some(),
            PostType::Mixed => self.mixes_media && self.images.is_some() && self.video.is_some(),
            PostType::Document => self.documents.is_some(),
            PostType::Thread => self.threads,
            PostType::FirstComment => self.first_comment,
        }
    }

    /// The kinds of posts that the platform takes, in the order of [`PostType::ALL`].
    pub fn post_types(&self) -> impl Iterator<Item = PostType> + '_ {
        PostType::ALL.iter().copied().filter(|kind| self.takes(*kind))
    }
}
