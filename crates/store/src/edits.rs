//! The room of edits: what a group says and where it goes, changed together with its plan.

use async_trait::async_trait;
use domain::content::Settings;
use domain::group::PlanEdit;
use domain::ids::GroupId;
use domain::log::LogEntry;
use jiff::Timestamp;

use crate::{Group, MediaFile, NewPost, Reach, RequestKey, Result};

/// What is to be changed of a group. What is not named stays as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupEdit {
    /// Whether it is a draft, and when it goes out.
    pub plan: PlanEdit,
    /// Another text of the head.
    pub text: Option<String>,
    /// The settings of these platforms, in place of theirs.
    pub settings: Settings,
    /// All its targets; those that it has already keep their posts, and the ids given here for them are not used.
    pub targets: Option<Vec<NewPost>>,
    /// Files that come to those of its head.
    pub files: Vec<MediaFile>,
    /// The entry of its history.
    pub log: LogEntry,
}

/// A group after an edit.
#[derive(Debug, Clone, PartialEq)]
pub struct EditedGroup {
    /// The group, as it was right after the edit.
    pub group: Group,
    /// Whether an earlier request of the same key made the edit.
    pub replayed: bool,
}

/// The verb of edits.
#[async_trait]
pub trait Edits: Send + Sync {
    /// Changes a group and all its posts, or nothing. [`crate::Error::NotFound`] when it is not within reach;
    /// [`crate::Conflict::NotEditable`] unless every post [`domain::post::PostState::is_editable`], and when its content
    /// or its targets would change although a post of it was tried before: what was sent must stay what it was.
    /// A changed content has a new revision. With a `request` its effect happens once: the same request again is given
    /// the group as it was then ([`RequestKey::answer`] is written here), another body is
    /// [`crate::Conflict::IdempotencyKey`].
    ///
    /// Race: a claim that commits first makes this a conflict; one that comes later sees the new content and time. Two
    /// callers with one request serialise on it.
    async fn edit_group(
        &self,
        reach: &Reach,
        group: GroupId,
        edit: GroupEdit,
        request: Option<RequestKey>,
    ) -> Result<EditedGroup>;

    /// What this request was answered before, by [`Self::edit_group`] or [`crate::Store::create_group`], if that is still
    /// remembered; [`crate::Conflict::IdempotencyKey`] for another body. It saves what need not be done twice.
    ///
    /// Race: a twin may commit right after it; the verbs that write look again in their own transaction.
    async fn answered(&self, request: &RequestKey, now: Timestamp) -> Result<Option<String>>;
}
