//! What goes over the wire to and from X's API v2 (docs.x.com, OpenAPI document 2.167).

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Most answers are this.
#[derive(Debug, Deserialize)]
pub(super) struct Envelope<T> {
    pub(super) data: T,
}

/// The body of `POST /2/tweets`. Unknown keys are refused, so absent ones are not written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CreatePost {
    pub(super) text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) media: Option<AttachedMedia>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reply: Option<ReplyTo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) quote_tweet_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reply_settings: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) made_with_ai: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) paid_partnership: Option<bool>,
}

/// Uploaded files of a post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AttachedMedia {
    pub(super) media_ids: Vec<String>,
}

/// What a post answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReplyTo {
    pub(super) in_reply_to_tweet_id: String,
}

/// The answer to a created post. Its text is not the text that was sent, and is not read.
#[derive(Debug, Deserialize)]
pub(super) struct CreatedPost {
    pub(super) id: String,
}

/// An account.
#[derive(Debug, Deserialize)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) username: String,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) profile_image_url: Option<String>,
}

/// The body of `POST /2/media/upload/initialize`.
#[derive(Debug, Serialize)]
pub(super) struct Initialize<'a> {
    pub(super) media_type: &'a str,
    pub(super) total_bytes: u64,
    pub(super) media_category: &'a str,
}

/// An uploaded file, or one on its way.
#[derive(Debug, Deserialize)]
pub(super) struct MediaState {
    pub(super) id: String,
    #[serde(default)]
    pub(super) processing_info: Option<ProcessingInfo>,
}

/// How far the processing of a file is. Absent means that the file is ready.
#[derive(Debug, Deserialize)]
pub(super) struct ProcessingInfo {
    pub(super) state: String,
    #[serde(default)]
    pub(super) check_after_secs: Option<i64>,
    #[serde(default)]
    pub(super) error: Option<ProcessingError>,
}

/// Why processing failed. Not in the OpenAPI document, but sent.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ProcessingError {
    #[serde(default)]
    pub(super) message: Option<String>,
}

/// A page of `GET /2/users/{id}/tweets`. An empty one has no `data`.
#[derive(Debug, Deserialize)]
pub(super) struct Timeline {
    #[serde(default)]
    pub(super) data: Option<Vec<Post>>,
    #[serde(default)]
    pub(super) meta: Option<Meta>,
}

/// Where a page stands.
#[derive(Debug, Deserialize)]
pub(super) struct Meta {
    #[serde(default)]
    pub(super) next_token: Option<String>,
}

/// A post of a timeline. The newer spelling of a name comes first, the older one is taken as well.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Post {
    pub(super) id: String,
    #[serde(default)]
    pub(super) text: String,
    #[serde(default)]
    pub(super) created_at: Option<jiff::Timestamp>,
    #[serde(default)]
    pub(super) source: Option<String>,
    #[serde(default)]
    pub(super) attachments: Option<Attachments>,
    #[serde(default)]
    pub(super) entities: Option<Entities>,
    #[serde(default, alias = "referenced_tweets")]
    pub(super) referenced_posts: Option<Vec<Reference>>,
    /// The whole of a post above 280 units, whose `text` is cut.
    #[serde(default, alias = "note_tweet")]
    pub(super) note_post: Option<Note>,
}

/// What is attached to a post.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Attachments {
    #[serde(default)]
    pub(super) media_keys: Option<Vec<String>>,
}

/// What was found in a text.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Entities {
    #[serde(default)]
    pub(super) urls: Option<Vec<UrlEntity>>,
}

/// A link of a text: how it stands there, and where it leads.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct UrlEntity {
    #[serde(default)]
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) expanded_url: Option<String>,
}

/// Another post that this one refers to.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Reference {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) id: String,
}

/// The text of a long post.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Note {
    pub(super) text: String,
    #[serde(default)]
    pub(super) entities: Option<Entities>,
}

/// The metadata of a file: its description.
pub(super) fn alt_text(media_id: &str, alt: &str) -> Value {
    serde_json::json!({"id": media_id, "metadata": {"alt_text": {"text": alt}}})
}
