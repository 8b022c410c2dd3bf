//! Claims: taking, keeping, ending, and finding those whose worker is gone.

use domain::ids::{AccountId, AttemptId, PostId};
use domain::intent::Claim;
use domain::part::{Part, RemotePost};
use domain::post::{Event, PostState};
use domain::secret::SecretBytes;
use jiff::Timestamp;
use rusqlite::params;

use super::{accounts, intents, plans};
use crate::sqlite::reader::Db;
use crate::sqlite::rows::{self, micros};
use crate::sqlite::sql;
use crate::sqlite::tx::{Head, PostRow, Tx};
use crate::{ClaimAsk, Claimed, Error, Orphans, Reach, Release, Result, Resume, Work, rules};

/// A due post with the account that a send would go through.
struct Due {
    row: PostRow,
    account: Option<AccountId>,
}

impl Due {
    fn read(row: &rusqlite::Row<'_>) -> Result<Self> {
        let connected = rows::maybe_id(row, 11)?;
        let row = PostRow::read(row)?;
        let only_asks = rules::job(&row.state).is_some_and(|job| rules::only_asks(&row.state, job));
        let account = if only_asks { row.account } else { connected };
        Ok(Self { row, account })
    }

    fn candidate(&self, ask: &ClaimAsk) -> rules::Candidate {
        rules::Candidate {
            platform: self.row.platform,
            account: self.account,
            claimed: self.row.claim.is_some(),
            lane: rules::lane(&self.row.state),
            late: rules::is_late(&self.row.state, ask),
        }
    }
}

pub(in crate::sqlite) fn take_due(tx: &mut Tx, ask: &ClaimAsk) -> Result<Claimed> {
    let mut found = Vec::new();
    let chosen = look(tx, ask, &mut found)?;
    let mut found: Vec<_> = found.into_iter().map(Some).collect();
    for (index, at) in &chosen.put_off {
        if let Some(due) = found.get_mut(*index).and_then(Option::take) {
            tx.exec(sql::PUT_OFF, params![due.row.id.as_bytes(), micros(*at)])?;
        }
    }
    let mut claims = Vec::with_capacity(chosen.taken.len());
    for (index, attempt) in chosen.taken.iter().zip(&ask.attempts) {
        if let Some(due) = found.get_mut(*index).and_then(Option::take) {
            claims.push(tx.take(due.row, due.account, *attempt, ask)?);
        }
    }
    Ok(Claimed {
        claims,
        orphans: chosen.orphans,
        passed_over: chosen.passed_over,
    })
}

/// Reads due posts only until enough are chosen.
fn look(tx: &Tx, ask: &ClaimAsk, found: &mut Vec<Due>) -> Result<rules::Chosen> {
    let mut statement = tx.conn.prepare_cached(sql::DUE)?;
    let mut due = statement.query(params![
        micros(ask.now),
        i64::try_from(rules::looked_at(ask)).unwrap_or(i64::MAX)
    ])?;
    let mut failure = None;
    let candidates = std::iter::from_fn(|| {
        let next = due
            .next()
            .map_err(Error::from)
            .and_then(|row| row.map(Due::read).transpose());
        match next {
            Ok(next) => {
                let next = next?;
                let candidate = next.candidate(ask);
                found.push(next);
                Some(candidate)
            }
            Err(error) => {
                failure = Some(error);
                None
            }
        }
    });
    let chosen = rules::choose(candidates, ask);
    match failure {
        None => Ok(chosen),
        Some(error) => Err(error),
    }
}

pub(in crate::sqlite) fn take_unconfirmed(
    tx: &mut Tx,
    reach: &Reach,
    post: PostId,
    ask: &ClaimAsk,
) -> Result<Option<Claim>> {
    let (_, row) = plans::post_within(tx, reach, post)?;
    let is_free = row.claim.is_none() && matches!(row.state, PostState::Unconfirmed { .. });
    match ask.attempts.first().filter(|_| is_free) {
        Some(attempt) => {
            let account = row.account;
            tx.take(row, account, *attempt, ask).map(Some)
        }
        None => Ok(None),
    }
}

pub(in crate::sqlite) fn next_wake(db: &Db) -> Result<Option<Timestamp>> {
    db.one(sql::NEXT_WAKE, [], |row| rows::at(row, 0))
}

pub(in crate::sqlite) fn work(db: &Db, post: PostId, attempt: AttemptId) -> Result<Work> {
    db.at_once(|db| {
        let row = db.one(sql::POST, [post.as_bytes()], PostRow::read)?;
        let row = row.filter(|row| row.claim == Some(attempt)).ok_or(Error::LeaseLost)?;
        let content = db.one(sql::CONTENT_OF_GROUP, [row.group.as_bytes()], |row| {
            Ok((rows::json(row, 0)?, row.get(1)?))
        })?;
        let (content, revision) = content.ok_or(Error::NotFound)?;
        let resume = if row.has_resume { open_resume(db, post)? } else { None };
        let mut work = Work {
            content,
            target: row.target,
            account: None,
            tokens: None,
            live: intents::live_parts(&db.conn, post)?,
            intents: intents::of_post(db, post)?,
            resume,
            revision,
        };
        if let Some(account) = row.account {
            work.account = db.one(sql::ANY_ACCOUNT, [account.as_bytes()], rows::account)?;
            work.tokens = accounts::tokens(&db.conn, &db.vault, account)?;
        }
        Ok(work)
    })
}

fn open_resume(db: &Db, post: PostId) -> Result<Option<SecretBytes>> {
    db.one(sql::RESUME, [post.as_bytes()], |row| {
        let sealed = row.get_ref(0)?.as_blob().map_err(rows::corrupt)?;
        db.vault
            .open("posts.resume", post.as_bytes(), sealed)
            .map_err(rows::corrupt)
    })
}

fn seal_resume(tx: &Tx, post: PostId, resume: &SecretBytes) -> Result<()> {
    let sealed = tx
        .vault
        .seal("posts.resume", post.as_bytes(), resume.expose())
        .map_err(rows::corrupt)?;
    tx.exec(sql::SET_RESUME, params![post.as_bytes(), sealed]).map(|_| ())
}

pub(in crate::sqlite) fn checkpoint(
    tx: &Tx,
    post: PostId,
    attempt: AttemptId,
    resume: Option<&SecretBytes>,
    until: Timestamp,
) -> Result<()> {
    tx.claimed(post, attempt)?;
    tx.exec(sql::CHECKPOINT_CLAIM, params![post.as_bytes(), micros(until)])?;
    resume.map_or(Ok(()), |resume| seal_resume(tx, post, resume))
}

pub(in crate::sqlite) fn release(tx: &mut Tx, post: PostId, attempt: AttemptId, release: Release) -> Result<PostState> {
    let row = tx.claimed(post, attempt)?;
    let head = tx.head(row.group)?;
    write_released(tx, row, head, release, None)
}

/// Ends a claim with its row and head as they were read. What has been `adopted` for it just now is not looked for again.
pub(super) fn write_released(
    tx: &mut Tx,
    mut row: PostRow,
    mut head: Head,
    release: Release,
    adopted: Option<&RemotePost>,
) -> Result<PostState> {
    let post = row.id;
    for (intent, settlement) in release.intents {
        intents::settle_one(tx, &mut head, post, intent, settlement)?;
    }
    let learned = rules::head_learned(&release.event).filter(|remote| Some(*remote) != adopted);
    if let (Some(account), Some(remote)) = (row.account, learned) {
        intents::adopt_own(tx, account, post, Part::Head, remote)?;
    }
    let state = rules::moved(&row.state, &release.event)?;
    row.attempts += u32::from(release.counts_as_attempt && !rules::is_armed(&row.state));
    row.retries += u32::from(matches!(release.event, Event::RetryAt { .. }));
    let state = tx.put(&mut head, &mut row, state, release.at)?;
    match &release.resume {
        Resume::Keep => {}
        Resume::Set(resume) => seal_resume(tx, post, resume)?,
        Resume::Clear if row.has_resume => {
            tx.exec(sql::SET_RESUME, params![post.as_bytes(), None::<Vec<u8>>])?;
        }
        Resume::Clear => {}
    }
    if let (Some(account), Some(note)) = (row.account, &release.account) {
        accounts::note(tx, account, note)?;
    }
    tx.log(&mut head, release.log)?;
    tx.save(&head)?;
    Ok(state)
}

pub(in crate::sqlite) fn recover_orphans(tx: &mut Tx, which: Orphans, now: Timestamp) -> Result<u64> {
    let mut orphans = match which {
        Orphans::All => tx.all(sql::CLAIMED, [], PostRow::read)?,
        Orphans::Expired => tx.all(sql::CLAIMED_UNTIL, [micros(now)], PostRow::read)?,
    };
    // In an order that does not depend on the index, so that histories read alike on every back end.
    orphans.sort_unstable_by_key(|row| row.id);
    let count = u64::try_from(orphans.len()).unwrap_or(u64::MAX);
    for mut row in orphans {
        let ready_at = tx.one(sql::READY_AT, [row.id.as_bytes()], |row| rows::maybe_at(row, 0))?;
        let state = match rules::orphaned(&row.state, tx.has_open_intent(row.id)?, ready_at.flatten(), now) {
            Some(event) => rules::moved(&row.state, &event)?,
            None => row.state.clone(),
        };
        let mut head = tx.head(row.group)?;
        if let Some(mut entry) = rules::orphan_entry(&state, now) {
            entry.post = Some(row.id);
            tx.log(&mut head, vec![entry])?;
        }
        tx.put(&mut head, &mut row, state, now)?;
        tx.save(&head)?;
    }
    Ok(count)
}
