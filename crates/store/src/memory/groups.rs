//! Groups and their history.

use std::sync::Arc;

use domain::group::PlanEdit;
use domain::ids::{GroupId, PostId};
use domain::intent::IntentState;
use domain::log::{LogEntry, LogRecord};
use domain::notice::NoticeKind;
use domain::part::Part;
use domain::post::{Event, PostState};
use jiff::Timestamp;

use super::state::{GroupRow, PostRow, State};
use crate::{
    Conflict, Created, Error, Group, GroupOrder, GroupPage, GroupQuery, LISTED_MAX, NewGroup, Post, RECENT_LOG_SPAN,
    Reach, RequestKey, Resolution, Result, rules,
};

pub(super) fn at_most(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

impl State {
    pub(super) fn create_group(&mut self, new: NewGroup, request: Option<RequestKey>) -> Result<Created> {
        self.live_user(new.owner).ok_or(Error::NotFound)?;
        if let Some(request) = request {
            if let Some(answer) = self.answered(&request, new.created_at)? {
                return Ok(Created::Replayed { answer });
            }
            let name = (request.owner, request.operation.clone(), request.key.clone());
            self.requests.insert(name, request);
        }
        self.admit_group(&new)?;
        if self.groups.contains_key(&new.id) || new.posts.iter().any(|post| self.posts.contains_key(&post.id)) {
            return Err(Error::Corrupt("an id is taken".to_owned()));
        }
        for post in &new.posts {
            let state = rules::first_state(new.draft, new.planned_at, new.created_at);
            let wake_at = state.wake_at();
            let account = self.account_of(new.owner, post.platform, &post.target);
            let (id, platform, target) = (post.id, post.platform, post.target.clone());
            let post = Post {
                id,
                platform,
                target,
                account,
                state,
                attempts: 0,
                retries: 0,
            };
            let row = PostRow {
                post,
                group: new.id,
                owner: new.owner,
                claim: None,
                wake_at,
                ready_at: wake_at,
                resume: None,
            };
            self.posts.insert(id, Arc::new(row));
        }
        self.tell_of_group(&new);
        let row = GroupRow {
            id: new.id,
            owner: new.owner,
            content: Arc::new(new.content),
            revision: 0,
            draft: new.draft,
            planned_at: new.planned_at,
            created_at: new.created_at,
            updated_at: new.created_at,
            deleted: false,
            log_seq: 0,
            posts: new.posts.iter().map(|post| post.id).collect(),
        };
        self.groups.insert(new.id, Arc::new(row));
        self.write_log(new.log, new.owner, Some(new.id));
        Ok(Created::New)
    }

    /// What the same request was answered before, if it was.
    pub(super) fn answered(&self, request: &RequestKey, now: Timestamp) -> Result<Option<String>> {
        let name = (request.owner, request.operation.clone(), request.key.clone());
        match self.requests.get(&name).filter(|known| known.expires_at > now) {
            Some(known) if known.body_hash == request.body_hash => Ok(Some(known.answer.clone())),
            Some(_) => Err(Conflict::IdempotencyKey.into()),
            None => Ok(None),
        }
    }

    pub(super) fn group_within(&self, reach: &Reach, group: GroupId) -> Option<Group> {
        self.live_group(reach, group).ok().map(|row| self.as_read(row))
    }

    pub(super) fn list_groups(&self, reach: &Reach, query: &GroupQuery) -> GroupPage {
        let asked = |row: &&Arc<GroupRow>| {
            let on_platform = |row: &PostRow| query.platforms.contains(&row.post.platform);
            !row.deleted
                && row.owner == reach.owner
                && query.masks.as_ref().is_none_or(|masks| masks.contains(&self.mask(row)))
                && (query.platforms.is_empty() || self.posts_of(row).any(on_platform))
                && query
                    .planned_from
                    .is_none_or(|from| row.planned_at.is_some_and(|at| at >= from))
                && query
                    .planned_to
                    .is_none_or(|to| row.planned_at.is_some_and(|at| at <= to))
        };
        let mut rows: Vec<_> = self.groups.values().filter(asked).collect();
        rows.sort_by_key(|row| match query.order {
            GroupOrder::Created => (Some(row.created_at), row.id),
            GroupOrder::Updated => (Some(row.updated_at), row.id),
            GroupOrder::Planned => (row.planned_at, row.id),
        });
        if query.descending {
            rows.reverse();
        }
        let total = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let page = rows
            .into_iter()
            .skip(usize::try_from(query.offset).unwrap_or(usize::MAX));
        let groups = page
            .take(at_most(query.limit.min(LISTED_MAX)))
            .map(|row| self.as_read(row))
            .collect();
        GroupPage { groups, total }
    }

    pub(super) fn edit_plan(&mut self, reach: &Reach, group: GroupId, edit: PlanEdit, log: LogEntry) -> Result<Group> {
        let row = self.live_group(reach, group)?;
        if !self.posts_of(row).all(|row| row.post.state.is_editable()) {
            return Err(Conflict::NotEditable(self.mask(row)).into());
        }
        let posts = row.posts.clone();
        let plan = edit.apply(row.draft, row.planned_at);
        self.admit_edit(row, &plan, edit.now)?;
        for post in posts {
            if let Some(event) = &plan.event {
                self.reschedule(post, event, edit.now)?;
            }
        }
        let row = self.group_mut(group)?;
        row.draft = plan.draft;
        row.planned_at = plan.planned_at;
        self.touch(group, edit.now)?;
        self.write_log(vec![log], reach.owner, Some(group));
        Ok(self.as_read(self.live_group(reach, group)?))
    }

    /// Moves a post at a person's wish; one that is to go out finds its account anew.
    fn reschedule(&mut self, post: PostId, event: &Event, at: Timestamp) -> Result<()> {
        let row = self.row(post)?;
        let state = rules::moved(&row.post.state, event)?;
        let account = match state {
            PostState::Draft => row.post.account,
            _ => self.account_of(row.owner, row.post.platform, &row.post.target),
        };
        let row = self.row_mut(post)?;
        row.post.account = account;
        let before = row.post.state.clone();
        let after = self.put(post, state, at)?;
        self.tell_of_post(post, NoticeKind::of_plan(&before, &after), at)
    }

    pub(super) fn delete_group(&mut self, reach: &Reach, group: GroupId, at: Timestamp, log: LogEntry) -> Result<()> {
        self.live_group(reach, group)?;
        self.hide(group, at)?;
        self.write_log(vec![log], reach.owner, Some(group));
        Ok(())
    }

    /// Hides a group and cancels its posts that have no open intent.
    pub(super) fn hide(&mut self, group: GroupId, at: Timestamp) -> Result<()> {
        let posts = self.group_mut(group)?.posts.clone();
        self.touch(group, at)?;
        for post in posts {
            let state = self.row(post)?.post.state.clone();
            let withdrawn = rules::withdrawn(state.clone(), at);
            if withdrawn != state && !self.has_open_intent(post) {
                self.put(post, withdrawn, at)?;
            }
        }
        self.group_mut(group)?.deleted = true;
        Ok(())
    }

    pub(super) fn group_log(&self, reach: &Reach, group: GroupId, limit: u32) -> Result<Vec<LogRecord>> {
        self.live_group(reach, group)?;
        let mut entries: Vec<_> = self
            .log
            .iter()
            .filter(|record| record.entry.group == Some(group))
            .collect();
        entries.sort_by_key(|record| record.seq);
        Ok(entries
            .into_iter()
            .take(at_most(limit))
            .map(|record| LogRecord::clone(record))
            .collect())
    }

    pub(super) fn recent_log(&self, reach: &Reach, limit: u32) -> Vec<LogRecord> {
        self.log
            .iter()
            .rev()
            .take(usize::try_from(RECENT_LOG_SPAN).unwrap_or(usize::MAX))
            .filter(|record| record.entry.user == Some(reach.owner))
            .take(at_most(limit))
            .map(|record| LogRecord::clone(record))
            .collect()
    }

    /// A post of a group within reach.
    pub(super) fn post_within(&self, reach: &Reach, post: PostId) -> Result<&PostRow> {
        let row = self.row(post)?;
        self.live_group(reach, row.group)?;
        Ok(row)
    }

    pub(super) fn retry_post(&mut self, reach: &Reach, post: PostId, due: Timestamp, log: LogEntry) -> Result<Group> {
        let row = self.post_within(reach, post)?;
        let (group, event) = (row.group, Event::Scheduled { due });
        if !matches!(row.post.state, PostState::Failed { .. } | PostState::Missed { .. }) {
            return Err(rules::not_from(&row.post.state, &event));
        }
        self.reschedule(post, &event, log.at)?;
        self.row_mut(post)?.post.retries = 0;
        self.write_log(vec![log], reach.owner, Some(group));
        Ok(self.as_read(self.live_group(reach, group)?))
    }

    pub(super) fn resolve_post(
        &mut self,
        reach: &Reach,
        post: PostId,
        word: Resolution,
        log: LogEntry,
    ) -> Result<Group> {
        let row = self.post_within(reach, post)?;
        let group = row.group;
        let mut event = rules::resolution(&word);
        if !matches!(row.post.state, PostState::Unconfirmed { .. }) {
            return Err(rules::not_from(&row.post.state, &event));
        }
        let (Resolution::Published { at, .. } | Resolution::SendAgain { at }) = word;
        let open = |row: &Arc<super::state::IntentRow>| row.post == post && row.record.state == IntentState::Open;
        let open: Vec<_> = self
            .intents
            .iter()
            .filter(|row| open(row))
            .map(|row| (row.record.id, row.record.part))
            .collect();
        for (intent, _) in &open {
            self.intent_mut(post, *intent)?
                .record
                .settle(IntentState::Abandoned, at);
        }
        match word {
            Resolution::Published { remote, at } => {
                let account = self.row(post)?.post.account;
                // The word is about the first part that was open: what came before it is live already.
                let first = open.first().copied();
                if let Some((intent, _)) = first {
                    self.intent_mut(post, intent)?.record.settle(IntentState::Published, at);
                }
                if let Some(account) = account {
                    let missing = self.live(self.row(post)?)?.missing();
                    let part = first.map(|(_, part)| part).or(missing).unwrap_or(Part::Head);
                    self.adopt_own(account, post, part, &remote)?;
                    event = self.live(self.row(post)?)?.resolved(at);
                }
                let state = rules::moved(&self.row(post)?.post.state, &event)?;
                self.put(post, state, at)?;
                self.row_mut(post)?.post.retries = 0;
            }
            Resolution::SendAgain { at } => {
                self.reschedule(post, &event, at)?;
                self.row_mut(post)?.post.retries = 0;
            }
        }
        self.write_log(vec![log], reach.owner, Some(group));
        Ok(self.as_read(self.live_group(reach, group)?))
    }
}
