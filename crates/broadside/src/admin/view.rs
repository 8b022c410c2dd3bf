//! Groups, posts and accounts as the command line shows them.

use domain::account::AccountReport;
use domain::error::ErrorSummary;
use domain::ids::{GroupId, PostId};
use domain::log::{LogKind, LogOutcome, LogRecord};
use domain::part::Part;
use domain::platform::Platform;
use domain::post::PostState;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::Group;

use super::protocol::Hush;

/// A group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupView {
    /// Its id.
    pub id: GroupId,
    /// Its head's text.
    pub text: String,
    /// How many files it has.
    pub media: usize,
    /// Whether it is a draft.
    pub draft: bool,
    /// When it is to go out.
    pub planned_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its posts.
    pub posts: Vec<PostView>,
}

/// A post.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PostView {
    /// Its id.
    pub id: PostId,
    /// Where.
    pub platform: Platform,
    /// The platform's own id of the account.
    pub account: String,
    /// The state's word.
    pub status: String,
    /// Whether nothing more happens by itself.
    pub done: bool,
    /// The public page.
    pub url: Option<String>,
    /// The platform's own id of the post.
    pub remote_id: Option<String>,
    /// Why it failed or waits.
    pub error: Option<ErrorSummary>,
    /// When something happens next.
    pub next_at: Option<Timestamp>,
    /// Publishing attempts so far.
    pub attempts: u32,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// What became of its first comment, when that is not there or may not be. The post itself is live all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_comment: Option<String>,
}

impl From<&Group> for GroupView {
    fn from(group: &Group) -> Self {
        Self {
            id: group.id,
            text: group.content.head.text.clone(),
            media: group.content.head.media.len(),
            draft: group.draft,
            planned_at: group.planned_at,
            created_at: group.created_at,
            posts: group.posts.iter().map(PostView::from).collect(),
        }
    }
}

impl From<&store::Post> for PostView {
    fn from(post: &store::Post) -> Self {
        let state = &post.state;
        let (remote, error, ended_at) = match state {
            PostState::Published { at, remote, .. } | PostState::Removed { at, remote } => {
                (Some(remote), None, Some(*at))
            }
            PostState::Failed { at, error, parts } => (parts.head.as_ref(), Some(error), Some(*at)),
            PostState::Unconfirmed {
                since, error, parts, ..
            } => (parts.head.as_ref(), Some(error), Some(*since)),
            PostState::Waiting { error, .. } => (None, error.as_ref(), None),
            PostState::Missed { at, .. } | PostState::Cancelled { at } => (None, None, Some(*at)),
            _ => (None, None, None),
        };
        Self {
            id: post.id,
            platform: post.platform,
            account: post.target.clone(),
            status: state.word().to_owned(),
            done: state.is_terminal() || matches!(state, PostState::Draft),
            url: remote.and_then(|remote| remote.url.clone()),
            remote_id: remote.and_then(|remote| remote.known_id()).map(ToOwned::to_owned),
            error: error.cloned(),
            next_at: state.wake_at(),
            attempts: post.attempts,
            ended_at,
            first_comment: None,
        }
    }
}

impl GroupView {
    /// Says of posts that are live what their history says of their first comments.
    pub(super) fn note_comments(&mut self, history: &[LogRecord]) {
        let number = Part::FirstComment.number();
        let of_comments = history.iter().map(|record| &record.entry).filter(|entry| {
            entry.kind == LogKind::PublishFailed
                && entry.data.get("part").and_then(Value::as_u64) == Some(number.into())
        });
        for entry in of_comments {
            let word = match entry.outcome {
                LogOutcome::Unknown => "may not be there",
                _ => "failed",
            };
            let told = format!("{word}: {}", entry.error.as_deref().unwrap_or("nobody knows why"));
            if let Some(post) = self.posts.iter_mut().find(|post| Some(post.id) == entry.post) {
                post.first_comment = Some(told);
            }
        }
    }

    /// Whether nothing more happens by itself.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.posts.iter().all(|post| post.done)
    }
}

impl PostView {
    /// What a person can do now, when there is something.
    #[must_use]
    pub fn next_step(&self) -> Option<String> {
        let id = self.id;
        Some(match self.status.as_str() {
            "failed" => match self.error.as_ref().map(|error| error.kind) {
                Some(domain::error::ErrorKind::Auth | domain::error::ErrorKind::AccountGone) => format!(
                    "connect the account again with `broadside account reconnect {}:{}`, then `broadside retry {id}`",
                    self.platform, self.account
                ),
                _ => format!("`broadside retry {id}`"),
            },
            "missed" => format!("`broadside retry {id}` sends it now"),
            "unconfirmed" => format!(
                "look at the account, then `broadside resolve {id} --published URL` or `broadside resolve {id} --send-again`"
            ),
            _ => return None,
        })
    }
}

/// An account with whose it is and how it is doing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccountView {
    /// Its user's name.
    pub user: String,
    /// The account and how it is doing.
    #[serde(flatten)]
    pub report: AccountReport,
}

impl AccountView {
    /// The report on an account of the user of this name.
    #[must_use]
    pub fn new(user: &str, report: AccountReport) -> Self {
        Self {
            user: user.to_owned(),
            report,
        }
    }
}

/// What asking about an account came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckView {
    /// The account as it is known now.
    #[serde(flatten)]
    pub account: AccountView,
    /// Why its platform could not be asked.
    pub problem: Option<String>,
}

/// A page on which accounts are connected.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LinkView {
    /// Its address, which is all that it takes to use it.
    pub url: Hush,
    /// Whose accounts it connects.
    pub user: String,
    /// The platforms that it offers; empty for all that are ready.
    pub platforms: Vec<Platform>,
    /// Until when it works.
    pub expires_at: Timestamp,
    /// Whether a server runs that answers there.
    pub serving: bool,
}
