//! Changing what a group says and where it goes.

use async_trait::async_trait;
use domain::content::Content;
use domain::group::{PlanEdit, StateBit, StateMask};
use domain::ids::{AccountId, GroupId};
use domain::post::PostState;
use jiff::Timestamp;
use rusqlite::params;

use super::{groups, media, plans};
use crate::edits::{EditedGroup, Edits, GroupEdit};
use crate::sqlite::tx::Tx;
use crate::sqlite::{SqliteStore, rows, sql};
use crate::{Conflict, Error, NewPost, Reach, RequestKey, Result, rules};

const CONTENT: &str = "SELECT c.body FROM contents c JOIN groups g ON g.content_n = c.n WHERE g.id = ?1";
const SAVE_CONTENT: &str = "UPDATE contents SET body = ?2 WHERE n = (SELECT content_n FROM groups WHERE id = ?1)";
const SAVE_REVISION: &str = "UPDATE groups SET revision = revision + 1 WHERE id = ?1";
const WAS_TRIED: &str = "SELECT 1 FROM intents i JOIN posts p ON p.id = i.post_id WHERE p.group_id = ?1";
const DROP_POST: &str = "DELETE FROM posts WHERE id = ?1";
/// Positions are unique at every moment, so that posts go to the other side of zero before they come to their new places.
const MOVE_POST: &str = "UPDATE posts SET position = -1 - ?2 WHERE id = ?1";
const MOVE_BACK: &str = "UPDATE posts SET position = -1 - position WHERE group_id = ?1 AND position < 0";
const SAVE_TARGETS: &str = "UPDATE groups SET platforms = ?2, post_count = ?3, mask = ?4 WHERE id = ?1";

#[async_trait]
impl Edits for SqliteStore {
    async fn edit_group(
        &self,
        reach: &Reach,
        group: GroupId,
        edit: GroupEdit,
        request: Option<RequestKey>,
    ) -> Result<EditedGroup> {
        let reach = *reach;
        self.writer
            .call(move |tx| change(tx, &reach, group, edit, request))
            .await
    }

    async fn answered(&self, request: &RequestKey, now: Timestamp) -> Result<Option<String>> {
        let (owner, at) = (request.owner.as_bytes(), rows::micros(now));
        let known = self.readers.quick(|db| {
            let name = params![owner, request.operation, request.key, at];
            db.one(sql::REQUEST, name, |row| Ok((row.get(0)?, row.get(1)?)))
        })?;
        groups::same(request, known)
    }
}

fn change(
    tx: &mut Tx,
    reach: &Reach,
    id: GroupId,
    edit: GroupEdit,
    request: Option<RequestKey>,
) -> Result<EditedGroup> {
    if let Some(request) = &request
        && let Some(answer) = groups::answered(tx, request, edit.plan.now)?
    {
        return Ok(EditedGroup {
            group: rules::remembered(&answer)?,
            replayed: true,
        });
    }
    let head = tx.live_head(reach, id)?;
    let posts = tx.posts_of(id)?;
    let changes_more =
        edit.text.is_some() || !edit.settings.is_empty() || edit.targets.is_some() || !edit.files.is_empty();
    let is_editable = posts.iter().all(|post| post.state.is_editable());
    if !is_editable || (changes_more && tx.exists(WAS_TRIED, [id.as_bytes()])?) {
        return Err(Conflict::NotEditable(StateMask::from_bits(head.mask)).into());
    }
    if edit.text.is_some() || !edit.settings.is_empty() {
        let body: Option<Content> = tx.one(CONTENT, [id.as_bytes()], |row| rows::json(row, 0))?;
        let mut content = body.ok_or(Error::NotFound)?;
        rules::rewrite(&mut content, edit.text, edit.settings);
        tx.exec(SAVE_CONTENT, params![id.as_bytes(), rows::to_json(&content)?])?;
        tx.exec(SAVE_REVISION, [id.as_bytes()])?;
    }
    if !edit.files.is_empty() {
        media::add(tx, reach, id, &edit.files, edit.plan.now)?;
    }
    let mut plan = edit.plan;
    if let Some(targets) = edit.targets {
        if !head.draft {
            // What is taken back and made anew goes through the draft, so that it counts as both.
            let unscheduled = PlanEdit {
                draft: Some(true),
                planned_at: None,
                now: plan.now,
            };
            plans::edit(tx, reach, id, unscheduled, edit.log.clone().with("to", "draft"))?;
            plan.draft = Some(plan.draft.unwrap_or(false));
        }
        replace_targets(tx, reach, id, &targets)?;
    }
    let group = plans::edit(tx, reach, id, plan, edit.log)?;
    if let Some(request) = request {
        let answer = rows::to_json(&group)?;
        groups::remember(tx, &RequestKey { answer, ..request })?;
    }
    Ok(EditedGroup { group, replayed: false })
}

/// Gives a draft these targets. Posts of targets that stay are kept.
fn replace_targets(tx: &mut Tx, reach: &Reach, id: GroupId, targets: &[NewPost]) -> Result<()> {
    let posts = tx.posts_of(id)?;
    let is = |post: &crate::sqlite::tx::PostRow, target: &NewPost| {
        post.platform == target.platform && post.target == target.target
    };
    for post in &posts {
        if !targets.iter().any(|target| is(post, target)) {
            tx.exec(DROP_POST, [post.id.as_bytes()])?;
            tx.count(post.platform, post.state.word(), -1);
        }
    }
    let state = PostState::Draft;
    let bit = StateMask::EMPTY.with(StateBit::of(&state)).bits();
    for (position, target) in (0_i64..).zip(targets) {
        if let Some(post) = posts.iter().find(|post| is(post, target)) {
            tx.exec(MOVE_POST, params![post.id.as_bytes(), position])?;
            continue;
        }
        let account = tx.account_of(reach.owner, target.platform, &target.target)?;
        let row = params![
            target.id.as_bytes(),
            id.as_bytes(),
            -1 - position,
            reach.owner.as_bytes(),
            target.platform.word(),
            target.target,
            account.as_ref().map(AccountId::as_bytes),
            state.word(),
            bit,
            rows::to_json(&state)?,
            None::<i64>,
        ];
        tx.exec(sql::ADD_POST, row)?;
        tx.count(target.platform, state.word(), 1);
    }
    tx.exec(MOVE_BACK, [id.as_bytes()])?;
    let platforms = targets
        .iter()
        .fold(0, |bits, target| bits | rows::platform_bit(target.platform));
    let count = i64::try_from(targets.len()).unwrap_or(i64::MAX);
    let mask = StateMask::of(true, []).bits();
    tx.exec(SAVE_TARGETS, params![id.as_bytes(), platforms, count, mask])?;
    Ok(())
}
