//! What goes over the wire to and from a personal data server, as the lexicons of `app.bsky` and `com.atproto` say.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The collection that posts are records of.
pub(super) const COLLECTION: &str = "app.bsky.feed.post";

/// The answer of `com.atproto.server.createSession` and `refreshSession`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Session {
    pub(super) did: String,
    pub(super) handle: String,
    pub(super) access_jwt: String,
    pub(super) refresh_jwt: String,
    #[serde(default)]
    pub(super) active: Option<bool>,
    #[serde(default)]
    pub(super) did_doc: Option<Value>,
}

/// A record by its address and the hash of its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StrongRef {
    pub(super) uri: String,
    pub(super) cid: String,
}

/// The answer of `com.atproto.repo.getRecord`.
#[derive(Debug, Deserialize)]
pub(super) struct FoundRecord {
    pub(super) uri: String,
    #[serde(default)]
    pub(super) cid: Option<String>,
    pub(super) value: Value,
}

/// The answer of `com.atproto.repo.uploadBlob`. The blob goes into the record word for word.
#[derive(Debug, Deserialize)]
pub(super) struct UploadedBlob {
    pub(super) blob: Value,
}

/// The answer of `com.atproto.identity.resolveHandle`.
#[derive(Debug, Deserialize)]
pub(super) struct ResolvedHandle {
    pub(super) did: String,
}

/// The body of `com.atproto.repo.putRecord`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PutRecord {
    pub(super) repo: String,
    pub(super) collection: String,
    pub(super) rkey: String,
    pub(super) record: PostRecord,
    /// Always written as `null`: only if there is no record of this key yet.
    pub(super) swap_record: Option<String>,
}

/// An `app.bsky.feed.post`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PostRecord {
    #[serde(rename = "$type")]
    pub(super) kind: String,
    pub(super) text: String,
    pub(super) created_at: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) langs: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) facets: Vec<Facet>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) embed: Option<Embed>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) reply: Option<ReplyRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) labels: Option<SelfLabels>,
}

/// What a post answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ReplyRef {
    pub(super) root: StrongRef,
    pub(super) parent: StrongRef,
}

/// A stretch of text with a meaning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Facet {
    pub(super) index: ByteSlice,
    pub(super) features: Vec<Feature>,
}

/// Positions in bytes of UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ByteSlice {
    pub(super) byte_start: usize,
    pub(super) byte_end: usize,
}

/// The meaning of a stretch of text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "$type")]
pub(super) enum Feature {
    #[serde(rename = "app.bsky.richtext.facet#link")]
    Link { uri: String },
    #[serde(rename = "app.bsky.richtext.facet#mention")]
    Mention { did: String },
    #[serde(rename = "app.bsky.richtext.facet#tag")]
    Tag { tag: String },
}

/// What is shown below the text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "$type")]
pub(super) enum Embed {
    #[serde(rename = "app.bsky.embed.images")]
    Images { images: Vec<ImageView> },
    #[serde(rename = "app.bsky.embed.video")]
    #[serde(rename_all = "camelCase")]
    Video {
        video: Value,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alt: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        aspect_ratio: Option<AspectRatio>,
    },
    #[serde(rename = "app.bsky.embed.external")]
    External { external: External },
}

/// One picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageView {
    pub(super) image: Value,
    /// Required by the lexicon, and empty where there is none.
    pub(super) alt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) aspect_ratio: Option<AspectRatio>,
}

/// The shape that clients keep free before the file has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AspectRatio {
    pub(super) width: u32,
    pub(super) height: u32,
}

/// A link card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct External {
    pub(super) uri: String,
    pub(super) title: String,
    pub(super) description: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) thumb: Option<Value>,
}

/// Warnings that the author puts on a post.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SelfLabels {
    #[serde(rename = "$type")]
    pub(super) kind: String,
    pub(super) values: Vec<SelfLabel>,
}

/// One warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SelfLabel {
    pub(super) val: String,
}
