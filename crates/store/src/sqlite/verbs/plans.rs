//! What a person changes of groups and posts that exist.

use domain::group::{EditedPlan, PlanEdit, StateMask};
use domain::ids::{GroupId, PostId};
use domain::intent::IntentState;
use domain::log::LogEntry;
use domain::notice::NoticeKind;
use domain::part::Part;
use domain::plan::Asked;
use domain::post::{Event, PostState};
use jiff::Timestamp;
use rusqlite::params;

use super::groups::read;
use super::{intents, usage, webhooks};
use crate::sqlite::rows::{self, micros};
use crate::sqlite::sql;
use crate::sqlite::tx::{Head, PostRow, Tx};
use crate::{Conflict, Error, Group, Reach, Resolution, Result, rules};

pub(in crate::sqlite) fn edit(
    tx: &mut Tx,
    reach: &Reach,
    group: GroupId,
    edit: PlanEdit,
    log: LogEntry,
) -> Result<Group> {
    let mut head = tx.live_head(reach, group)?;
    let posts = tx.posts_of(group)?;
    if !posts.iter().all(|post| post.state.is_editable()) {
        return Err(Conflict::NotEditable(StateMask::from_bits(head.mask)).into());
    }
    let plan = edit.apply(head.draft, head.planned_at);
    recount(tx, &mut head, &posts, &plan, edit.now)?;
    head.draft = plan.draft;
    for mut post in posts {
        if let Some(event) = &plan.event {
            reschedule(tx, &mut head, &mut post, event, edit.now)?;
        }
    }
    // The draft flag is part of the mask, also when no post moved.
    let own = head.mask & !StateMask::of(true, []).bits();
    tx.fold(&mut head, own)?;
    head.touch(edit.now);
    tx.exec(
        sql::SAVE_PLAN,
        params![group.as_bytes(), plan.draft, plan.planned_at.map(micros)],
    )?;
    finish(tx, reach, &mut head, log)
}

/// Refuses what the plan has no room for after the edit, and moves posts that are counted already to their new month.
/// What comes to be counted, or no longer is, follows from the posts' own moves.
fn recount(tx: &Tx, head: &mut Head, posts: &[PostRow], plan: &EditedPlan, now: Timestamp) -> Result<()> {
    let (before, was_draft) = (crate::usage::month(head.counted_at), head.draft);
    head.counted_at = plan.planned_at.unwrap_or(head.counted_at);
    let after = crate::usage::month(head.counted_at);
    let Some(meter) = tx.meter(head.owner) else {
        return Ok(());
    };
    let targets: Vec<_> = posts.iter().map(|post| (post.platform, post.target.clone())).collect();
    let asked = Asked {
        targets: &targets,
        at: (!plan.draft).then_some(head.counted_at),
        now,
        joins_month: was_draft || before != after,
        joins_queue: was_draft,
    };
    usage::admit(tx, head.owner, &asked)?;
    if before == after {
        return Ok(());
    }
    for post in posts.iter().filter(|post| before.counts(&post.state)) {
        let connection = (post.platform, post.target.as_str());
        usage::charge(tx, &meter, before, head.owner, connection, -1)?;
        usage::charge(tx, &meter, after, head.owner, connection, 1)?;
    }
    Ok(())
}

/// Moves a post at a person's wish; one that is to go out finds its account anew.
fn reschedule(tx: &mut Tx, head: &mut Head, row: &mut PostRow, event: &Event, at: Timestamp) -> Result<()> {
    let state = rules::moved(&row.state, event)?;
    if !matches!(state, PostState::Draft) {
        let account = tx.account_of(row.owner, row.platform, &row.target)?;
        if account != row.account {
            tx.set_account(row.id, account)?;
            row.account = account;
        }
    }
    let before = row.state.clone();
    let after = tx.put(head, row, state, at)?;
    webhooks::tell_of_post(tx, row, NoticeKind::of_plan(&before, &after), at)
}

/// Writes the entry and reads the group as it is now.
pub(super) fn finish(tx: &mut Tx, reach: &Reach, head: &mut Head, log: LogEntry) -> Result<Group> {
    tx.log(head, vec![log])?;
    tx.save(head)?;
    read(&tx.conn, reach, head.id)?.ok_or(Error::NotFound)
}

pub(in crate::sqlite) fn delete(
    tx: &mut Tx,
    reach: &Reach,
    group: GroupId,
    at: Timestamp,
    log: LogEntry,
) -> Result<()> {
    let head = tx.live_head(reach, group)?;
    hide(tx, head, at, Some(log))
}

/// Hides a group and cancels its posts that have no open intent.
pub(super) fn hide(tx: &mut Tx, mut head: Head, at: Timestamp, log: Option<LogEntry>) -> Result<()> {
    for mut row in tx.posts_of(head.id)? {
        let withdrawn = rules::withdrawn(row.state.clone(), at);
        if withdrawn != row.state && !tx.has_open_intent(row.id)? {
            tx.put(&mut head, &mut row, withdrawn, at)?;
        }
    }
    head.touch(at);
    tx.log(&mut head, log.into_iter().collect())?;
    tx.save(&head)?;
    tx.exec(sql::DELETE_GROUP, params![head.id.as_bytes(), micros(at)])?;
    Ok(())
}

/// A post of a group within reach, and that group.
pub(in crate::sqlite) fn post_within(tx: &Tx, reach: &Reach, post: PostId) -> Result<(Head, PostRow)> {
    let row = tx.post(post)?;
    Ok((tx.live_head(reach, row.group)?, row))
}

pub(in crate::sqlite) fn retry(
    tx: &mut Tx,
    reach: &Reach,
    post: PostId,
    due: Timestamp,
    log: LogEntry,
) -> Result<Group> {
    let (mut head, mut row) = post_within(tx, reach, post)?;
    let event = Event::Scheduled { due };
    if !matches!(row.state, PostState::Failed { .. } | PostState::Missed { .. }) {
        return Err(rules::not_from(&row.state, &event));
    }
    row.retries = 0;
    reschedule(tx, &mut head, &mut row, &event, log.at)?;
    finish(tx, reach, &mut head, log)
}

pub(in crate::sqlite) fn resolve(
    tx: &mut Tx,
    reach: &Reach,
    post: PostId,
    word: &Resolution,
    log: LogEntry,
) -> Result<Group> {
    let (mut head, mut row) = post_within(tx, reach, post)?;
    let mut event = rules::resolution(word);
    if !matches!(row.state, PostState::Unconfirmed { .. }) {
        return Err(rules::not_from(&row.state, &event));
    }
    let open = tx.all(sql::OPEN_INTENTS, [post.as_bytes()], |row| {
        Ok((rows::id(row, 0)?, rows::part(row, 1)?))
    })?;
    let (Resolution::Published { at, .. } | Resolution::SendAgain { at }) = word;
    for (intent, _) in &open {
        intents::set_state(tx, *intent, IntentState::Abandoned, *at)?;
    }
    match word {
        Resolution::Published { remote, at } => {
            // The word is about the first part that was open: what came before it is live already.
            let first = open.first().copied();
            if let Some((intent, _)) = first {
                intents::set_state(tx, intent, IntentState::Published, *at)?;
            }
            if let Some(account) = row.account {
                let missing = intents::live(tx, &row)?.missing();
                let part = first.map(|(_, part)| part).or(missing).unwrap_or(Part::Head);
                intents::adopt_own(tx, account, post, part, remote)?;
                event = intents::live(tx, &row)?.resolved(*at);
            }
            row.retries = 0;
            let state = rules::moved(&row.state, &event)?;
            tx.put(&mut head, &mut row, state, *at)?;
        }
        Resolution::SendAgain { at } => {
            row.retries = 0;
            reschedule(tx, &mut head, &mut row, &event, *at)?;
        }
    }
    finish(tx, reach, &mut head, log)
}
