//! Changing what a group says and where it goes.

use std::sync::Arc;

use async_trait::async_trait;
use domain::group::PlanEdit;
use domain::ids::GroupId;
use domain::post::PostState;
use jiff::Timestamp;

use super::MemoryStore;
use super::state::{PostRow, State};
use crate::edits::{EditedGroup, Edits, GroupEdit};
use crate::{Conflict, NewPost, Post, Reach, RequestKey, Result, rules};

#[async_trait]
impl Edits for MemoryStore {
    async fn edit_group(
        &self,
        reach: &Reach,
        group: GroupId,
        edit: GroupEdit,
        request: Option<RequestKey>,
    ) -> Result<EditedGroup> {
        self.write(|state| state.edit_group(reach, group, edit, request))
    }

    async fn answered(&self, request: &RequestKey, now: Timestamp) -> Result<Option<String>> {
        self.read(|state| state.answered(request, now))
    }
}

impl State {
    fn edit_group(
        &mut self,
        reach: &Reach,
        id: GroupId,
        edit: GroupEdit,
        request: Option<RequestKey>,
    ) -> Result<EditedGroup> {
        if let Some(request) = &request
            && let Some(answer) = self.answered(request, edit.plan.now)?
        {
            return Ok(EditedGroup {
                group: rules::remembered(&answer)?,
                replayed: true,
            });
        }
        let row = self.live_group(reach, id)?;
        let changes_more =
            edit.text.is_some() || !edit.settings.is_empty() || edit.targets.is_some() || !edit.files.is_empty();
        let was_tried = self.intents.iter().any(|intent| row.posts.contains(&intent.post));
        if !self.posts_of(row).all(|row| row.post.state.is_editable()) || (changes_more && was_tried) {
            return Err(Conflict::NotEditable(self.mask(row)).into());
        }
        let is_draft = row.draft;
        if edit.text.is_some() || !edit.settings.is_empty() {
            let row = self.group_mut(id)?;
            rules::rewrite(Arc::make_mut(&mut row.content), edit.text, edit.settings);
            row.revision += 1;
        }
        if !edit.files.is_empty() {
            self.add_files(reach, id, edit.files, edit.plan.now)?;
        }
        let mut plan = edit.plan;
        if let Some(targets) = edit.targets {
            if !is_draft {
                let unscheduled = PlanEdit {
                    draft: Some(true),
                    planned_at: None,
                    now: plan.now,
                };
                self.edit_plan(reach, id, unscheduled, edit.log.clone().with("to", "draft"))?;
                plan.draft = Some(plan.draft.unwrap_or(false));
            }
            self.replace_targets(reach, id, targets)?;
        }
        let group = self.edit_plan(reach, id, plan, edit.log)?;
        if let Some(request) = request {
            let answer = serde_json::to_string(&group).map_err(|error| crate::Error::Corrupt(error.to_string()))?;
            let name = (request.owner, request.operation.clone(), request.key.clone());
            self.requests.insert(name, RequestKey { answer, ..request });
        }
        Ok(EditedGroup { group, replayed: false })
    }

    fn replace_targets(&mut self, reach: &Reach, id: GroupId, targets: Vec<NewPost>) -> Result<()> {
        let old = self.group_mut(id)?.posts.clone();
        let mut posts = Vec::with_capacity(targets.len());
        for target in targets {
            let kept = old.iter().find(|post| {
                let post = self.posts.get(*post).map(|row| &row.post);
                post.is_some_and(|post| post.platform == target.platform && post.target == target.target)
            });
            if let Some(kept) = kept {
                posts.push(*kept);
                continue;
            }
            let row = PostRow {
                post: Post {
                    id: target.id,
                    platform: target.platform,
                    account: self.account_of(reach.owner, target.platform, &target.target),
                    target: target.target,
                    state: PostState::Draft,
                    attempts: 0,
                    retries: 0,
                },
                group: id,
                owner: reach.owner,
                claim: None,
                wake_at: None,
                ready_at: None,
                resume: None,
            };
            posts.push(target.id);
            self.posts.insert(target.id, Arc::new(row));
        }
        for gone in old.iter().filter(|post| !posts.contains(post)) {
            self.posts.remove(gone);
        }
        self.group_mut(id)?.posts = posts;
        Ok(())
    }
}
