//! Creating, changing and deleting groups.

use domain::content::{Content, Media, Settings};
use domain::group::PlanEdit;
use domain::ids::{GroupId, PostId, UserId};
use domain::log::{LogEntry, LogKind, LogOutcome};
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use store::{Created, Group, GroupEdit, NewGroup, NewPost, Purpose, Reach, RequestKey};

use crate::uploads::ready_file;
use crate::{Engine, Error};

/// How long an idempotency key is remembered.
const KEY_REMEMBERED: SignedDuration = SignedDuration::from_hours(24);

/// A group to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateGroup {
    /// Whose it is.
    pub owner: UserId,
    /// What it says.
    pub content: Content,
    /// Where it goes; accounts need not exist until it is due.
    pub targets: Vec<Target>,
    /// Whether it is kept as a draft.
    pub draft: bool,
    /// When it goes out; in the past means now. A draft may have one or not.
    pub planned_at: Option<Timestamp>,
    /// What makes a repeated request the same request.
    pub idempotency: Option<IdempotencyKey>,
    /// The request's id, which stands in the log entries.
    pub request_id: Option<String>,
}

/// Where a post goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The platform.
    pub platform: Platform,
    /// The platform's own id of the account.
    pub remote_id: String,
}

/// The identity that a caller gave a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Dialect and operation.
    pub operation: String,
    /// The caller's key.
    pub key: String,
    /// SHA-256 of the canonical body.
    pub body_hash: [u8; 32],
}

/// What is to be changed of a group. What is `None` or empty stays as it is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EditGroup {
    /// To a draft (`Some(true)`), or to scheduled.
    pub draft: Option<bool>,
    /// To this time; in the past means now.
    pub planned_at: Option<Timestamp>,
    /// To this text.
    pub text: Option<String>,
    /// The settings of these platforms, by Broadside's word for each, in place of theirs.
    pub settings: Settings,
    /// To exactly these targets.
    pub targets: Option<Vec<Target>>,
    /// Stored files that come to those of its head; they are removed when the edit is refused or was made before.
    pub media: Vec<Media>,
    /// What makes a repeated request the same request.
    pub idempotency: Option<IdempotencyKey>,
}

/// What was made, now or by the first request of the same key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreatedGroup {
    /// The group.
    pub id: GroupId,
    /// When it goes out; `None` for a draft without a time.
    pub planned_at: Option<Timestamp>,
    /// Whether an earlier request made it.
    pub replayed: bool,
}

impl Engine {
    /// Makes a group with a post for each target. When it returns, all of it is durable.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the idempotency key was used for another body; [`Error::Limit`]; [`Error::Unavailable`].
    pub async fn create_group(&self, command: CreateGroup) -> Result<CreatedGroup, Error> {
        let now = self.clock.now();
        let id = GroupId::from_bytes(self.mint());
        let planned_at = planned(command.draft, command.planned_at, now);
        let posts: Vec<_> = command
            .targets
            .iter()
            .map(|target| NewPost {
                id: PostId::from_bytes(self.mint()),
                platform: target.platform,
                target: target.remote_id.clone(),
            })
            .collect();
        let log = first_entries(&command, id, &posts, now);
        let request = command
            .idempotency
            .map(|key| request_key(command.owner, key, answer(id, planned_at), now));
        let group = NewGroup {
            id,
            owner: command.owner,
            content: command.content,
            draft: command.draft,
            planned_at,
            posts,
            created_at: now,
            log,
        };
        let due =
            !command.draft && planned_at.is_some_and(|at| at <= now.saturating_add(self.settings.poll).unwrap_or(at));
        match self.store.create_group(group, request).await? {
            Created::New => {
                // Only what is due before the publisher looks by itself needs to wake it.
                if due {
                    self.wake();
                }
                Ok(CreatedGroup {
                    id,
                    planned_at,
                    replayed: false,
                })
            }
            Created::Replayed { answer } => replayed(&answer),
        }
    }

    /// Answers for a group that goes nowhere: it gets an id and a time as if it were made, and nothing of it is kept.
    #[must_use]
    pub fn discard_group(&self, draft: bool, planned_at: Option<Timestamp>) -> CreatedGroup {
        CreatedGroup {
            id: GroupId::from_bytes(self.mint()),
            planned_at: planned(draft, planned_at, self.clock.now()),
            replayed: false,
        }
    }

    /// What an earlier request of this key made, if there was one: who asks first need not prepare anything.
    ///
    /// # Errors
    /// [`Error::Conflict`] when the key was used for another body; [`Error::Unavailable`].
    pub async fn created_before(&self, owner: UserId, key: &IdempotencyKey) -> Result<Option<CreatedGroup>, Error> {
        let answer = self.answered_before(owner, key).await?;
        answer.map(|answer| replayed(&answer)).transpose()
    }

    /// The group right after an earlier request of this key changed it, if there was one.
    ///
    /// # Errors
    /// Those of [`Engine::created_before`].
    pub async fn edited_before(&self, owner: UserId, key: &IdempotencyKey) -> Result<Option<Group>, Error> {
        let answer = self.answered_before(owner, key).await?;
        answer.map(|answer| remembered(&answer)).transpose()
    }

    async fn answered_before(&self, owner: UserId, key: &IdempotencyKey) -> Result<Option<String>, Error> {
        let now = self.clock.now();
        let request = request_key(owner, key.clone(), String::new(), now);
        Ok(self.store.answered(&request, now).await?)
    }

    /// A group that can still be edited, as far as its posts tell: who prepares something for it asks first.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when a post of it is past being changed.
    pub async fn editable_group(&self, reach: &Reach, group: GroupId) -> Result<Group, Error> {
        let found = self.group(reach, group).await?;
        if found.posts.iter().all(|post| post.state.is_editable()) {
            Ok(found)
        } else {
            Err(Error::Conflict(store::Conflict::NotEditable(found.mask)))
        }
    }

    /// Changes whether a group is a draft, and when it goes out.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when a post of it is past being changed; [`Error::Limit`] when the plan has
    /// no room for it there.
    pub async fn edit_plan(
        &self,
        reach: &Reach,
        group: GroupId,
        draft: Option<bool>,
        planned_at: Option<Timestamp>,
    ) -> Result<Group, Error> {
        let now = self.clock.now();
        let entry = plan_entry(reach, group, draft, planned_at, now);
        let group = self
            .store
            .edit_plan(reach, group, PlanEdit { draft, planned_at, now }, entry)
            .await?;
        self.wake();
        Ok(group)
    }

    /// Changes what a group says, where it goes, and its plan. Two requests of one key have one effect and one answer.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] when a post of it is past being changed, or when the idempotency key was
    /// used for another body.
    pub async fn edit_group(&self, reach: &Reach, group: GroupId, command: EditGroup) -> Result<Group, Error> {
        let now = self.clock.now();
        let mut log = plan_entry(reach, group, command.draft, command.planned_at, now);
        for (name, is_changed) in [
            ("text", command.text.is_some()),
            ("settings", !command.settings.is_empty()),
            ("targets", command.targets.is_some()),
            ("media", !command.media.is_empty()),
        ] {
            if is_changed {
                log = log.with(name, "changed");
            }
        }
        let new_post = |target: Target| NewPost {
            id: PostId::from_bytes(self.mint()),
            platform: target.platform,
            target: target.remote_id,
        };
        let edit = GroupEdit {
            plan: PlanEdit {
                draft: command.draft,
                planned_at: command.planned_at,
                now,
            },
            text: command.text,
            settings: command.settings,
            targets: command
                .targets
                .map(|targets| targets.into_iter().map(new_post).collect()),
            files: command
                .media
                .iter()
                .map(|media| ready_file(reach.owner, group, Purpose::Post, media.clone(), now))
                .collect(),
            log,
        };
        let request = command
            .idempotency
            .map(|key| request_key(reach.owner, key, String::new(), now));
        let edited = self.store.edit_group(reach, group, edit, request).await;
        if edited.as_ref().map_or(true, |edited| edited.replayed) {
            self.discard_media(&command.media).await;
        }
        let edited = edited?;
        if !edited.replayed {
            self.wake();
        }
        Ok(edited.group)
    }

    /// Deletes a group: it is hidden at once, what was not sent is cancelled, what was stays published.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn delete_group(&self, reach: &Reach, group: GroupId) -> Result<(), Error> {
        let now = self.clock.now();
        let entry = LogEntry {
            group: Some(group),
            user: Some(reach.owner),
            ..LogEntry::new(LogKind::Deleted, LogOutcome::Info, now)
        };
        Ok(self.store.delete_group(reach, group, now, entry).await?)
    }
}

/// The first entries of a group's history: one a post that is to go out, or one for a draft.
fn first_entries(command: &CreateGroup, id: GroupId, posts: &[NewPost], now: Timestamp) -> Vec<LogEntry> {
    let entry = |kind, post: Option<&NewPost>| {
        let entry = LogEntry {
            group: Some(id),
            post: post.map(|post| post.id),
            platform: post.map(|post| post.platform),
            user: Some(command.owner),
            ..LogEntry::new(kind, LogOutcome::Info, now)
        };
        match &command.request_id {
            Some(request_id) => entry.with("request_id", request_id.as_str()),
            None => entry,
        }
    };
    if command.draft {
        vec![entry(LogKind::StatusChanged, None).with("to", "draft")]
    } else {
        posts.iter().map(|post| entry(LogKind::Scheduled, Some(post))).collect()
    }
}

/// When a new group goes out: what is to be sent goes out now at the earliest.
fn planned(draft: bool, planned_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    if draft {
        planned_at
    } else {
        Some(planned_at.unwrap_or(now).max(now))
    }
}

/// The entry for a change of a group's plan.
fn plan_entry(
    reach: &Reach,
    group: GroupId,
    draft: Option<bool>,
    planned_at: Option<Timestamp>,
    now: Timestamp,
) -> LogEntry {
    let mut entry = LogEntry {
        group: Some(group),
        user: Some(reach.owner),
        ..LogEntry::new(LogKind::StatusChanged, LogOutcome::Info, now)
    };
    if let Some(draft) = draft {
        entry = entry.with("to", if draft { "draft" } else { "scheduled" });
    }
    if let Some(at) = planned_at {
        entry = entry.with("planned_at", at.to_string());
    }
    entry
}

fn request_key(owner: UserId, key: IdempotencyKey, answer: String, now: Timestamp) -> RequestKey {
    RequestKey {
        owner,
        operation: key.operation,
        key: key.key,
        body_hash: key.body_hash,
        answer,
        expires_at: now.saturating_add(KEY_REMEMBERED).unwrap_or(Timestamp::MAX),
    }
}

fn answer(id: GroupId, planned_at: Option<Timestamp>) -> String {
    serde_json::json!({ "group": id, "planned_at": planned_at }).to_string()
}

fn remembered<T: serde::de::DeserializeOwned>(answer: &str) -> Result<T, Error> {
    serde_json::from_str(answer)
        .map_err(|error| Error::Unavailable(store::Error::Corrupt(format!("a remembered answer: {error}"))))
}

fn replayed(answer: &str) -> Result<CreatedGroup, Error> {
    #[derive(serde::Deserialize)]
    struct Answer {
        group: GroupId,
        planned_at: Option<Timestamp>,
    }
    let Answer { group, planned_at } = remembered(answer)?;
    Ok(CreatedGroup {
        id: group,
        planned_at,
        replayed: true,
    })
}
