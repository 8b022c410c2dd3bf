//! What is to be published: text, media, settings, and the rules they are held against.

use serde::{Deserialize, Serialize};

use crate::capability::Capability;
use crate::ids::MediaId;
use crate::part::Part;
use crate::platform::Platform;
use crate::thread;

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaKind {
    /// A still picture.
    Image,
    /// An animated GIF.
    Animation,
    /// A film.
    Video,
    /// Anything else.
    Document,
}

/// A stored file as a post refers to it. The numbers come from its bytes, not from the uploader.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Media {
    /// Its id.
    pub id: MediaId,
    /// What it is.
    pub kind: MediaKind,
    /// Its media type, such as `image/jpeg`.
    pub mime: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes, lower-case hex.
    pub sha256: String,
    /// Under which key the media store keeps it.
    pub key: String,
    /// The name it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The description for people who cannot see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt: Option<String>,
    /// Pixels across, rotation applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels down, rotation applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Length of a film in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Frames a second of a film.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_rate: Option<f64>,
}

/// The text and media of one part.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PartContent {
    /// The text as the user wrote it.
    pub text: String,
    /// Its media, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<Media>,
}

/// Settings per platform, as the dialect that took them understood them: word of the platform to an object.
pub type Settings = serde_json::Map<String, serde_json::Value>;

/// What a group says: the same for all its targets but for the settings.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Content {
    /// The head.
    pub head: PartContent,
    /// The replies of a thread, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replies: Vec<PartContent>,
    /// The comment to be put under the post where the platform has comments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_comment: Option<String>,
    /// The platforms that get the comment; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub first_comment_on: Vec<Platform>,
    /// Whether a text that is too long for one post becomes a thread where [`crate::thread`] knows how.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auto_thread: bool,
    /// Files that belong to the head and are still to be uploaded; nothing is sent while there is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub awaiting: Vec<MediaId>,
    /// Settings per platform.
    #[serde(default, skip_serializing_if = "Settings::is_empty")]
    pub settings: Settings,
}

/// What one post sends to one platform.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// Where to.
    pub platform: Platform,
    /// The content of the group.
    pub content: Content,
}

impl Content {
    /// Puts a file that was awaited, or is new, among the head's: files lie in the order in which they were asked for,
    /// which is the order of their ids.
    pub fn admit(&mut self, media: Media) {
        self.awaiting.retain(|id| *id != media.id);
        let files = &mut self.head.media;
        let at = files.iter().position(|file| file.id > media.id).unwrap_or(files.len());
        files.insert(at, media);
    }

    /// Takes a file, awaited or there, out of the head. Whether it was in it.
    pub fn dismiss(&mut self, id: MediaId) -> bool {
        let before = self.awaiting.len() + self.head.media.len();
        self.awaiting.retain(|awaited| *awaited != id);
        self.head.media.retain(|file| file.id != id);
        before > self.awaiting.len() + self.head.media.len()
    }
}

impl Draft {
    /// What this content sends to this platform: split into a thread where that was asked for, and without the comment
    /// when it was meant for others. The same content always gives the same parts.
    #[must_use]
    pub fn of(platform: Platform, mut content: Content) -> Self {
        if content.auto_thread && content.replies.is_empty() {
            let mut parts = thread::split(&content.head.text, platform).into_iter();
            content.head.text = parts.next().unwrap_or_default();
            content.replies.extend(parts.map(|text| PartContent {
                text,
                media: Vec::new(),
            }));
        }
        let is_meant = content.first_comment_on.is_empty() || content.first_comment_on.contains(&platform);
        if !is_meant {
            content.first_comment = None;
        }
        Self { platform, content }
    }

    /// The parts to be sent, in order.
    #[must_use]
    pub fn parts(&self) -> Vec<Part> {
        let replies = (1..).take(self.content.replies.len()).map(Part::Reply);
        let comment = self.content.first_comment.as_ref().map(|_| Part::FirstComment);
        std::iter::once(Part::Head).chain(replies).chain(comment).collect()
    }

    /// The content of a part; `None` when the draft has no such part.
    #[must_use]
    pub fn part(&self, part: Part) -> Option<PartContent> {
        match part {
            Part::Head => Some(self.content.head.clone()),
            Part::Reply(n) => self.content.replies.get(usize::from(n).checked_sub(1)?).cloned(),
            Part::FirstComment => self.content.first_comment.clone().map(|text| PartContent {
                text,
                media: Vec::new(),
            }),
        }
    }

    /// The settings for this platform; empty when there are none. What its capability does not list is not among them,
    /// so that no connector takes a setting that nobody was told of.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let Some(serde_json::Value::Object(given)) = self.content.settings.get(self.platform.word()) else {
            return Settings::new();
        };
        let listed = Capability::of(self.platform).settings.iter();
        let given = listed.filter_map(|name| given.get_key_value(*name));
        given.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

#[cfg(test)]
mod tests;
