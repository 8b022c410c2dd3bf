//! Claims: taking, keeping, ending, and finding those whose worker is gone.

use domain::ids::{AccountId, AttemptId, PostId};
use domain::intent::Claim;
use domain::part::{Part, RemotePost};
use domain::post::{Event, PostState};
use domain::secret::SecretBytes;
use jiff::Timestamp;
use rusqlite::{CachedStatement, Connection, params};

use super::{accounts, intents, plans};
use crate::sqlite::known::Known;
use crate::sqlite::reader::Db;
use crate::sqlite::rows::{self, micros};
use crate::sqlite::sql;
use crate::sqlite::tx::{Head, PostRow, Tx, bit};
use crate::{ClaimAsk, Claimed, Error, Orphans, Reach, Release, Result, Resume, Work, rules};

/// A due post with the account that a send would go through.
struct Due {
    row: PostRow,
    account: Option<AccountId>,
}

impl Due {
    fn of(row: PostRow, known: &mut Known, conn: &Connection) -> Result<Self> {
        let only_asks = rules::job(&row.state).is_some_and(|job| rules::only_asks(&row.state, job));
        let account = match row.account {
            account if only_asks => account,
            Some(account) => known.is_connected(conn, account)?.then_some(account),
            None => known.account_of(conn, row.owner, row.platform, &row.target)?,
        };
        Ok(Self { row, account })
    }

    fn candidate(&self, ask: &ClaimAsk) -> rules::Candidate {
        rules::Candidate {
            platform: self.row.platform,
            account: self.account,
            lane: rules::lane(&self.row.state),
            late: rules::is_late(&self.row.state, ask),
        }
    }
}

/// The statements that write claims, taken out once for many.
struct ClaimStatements<'c> {
    to_send: CachedStatement<'c>,
    to_ask: CachedStatement<'c>,
}

/// A claim that is written to its post's row, and what is left to be followed up.
struct Written {
    claim: Claim,
    /// The account that the row had.
    account: Option<AccountId>,
    /// The state that the claim left the post in, where it sends.
    state: Option<PostState>,
}

impl<'c> ClaimStatements<'c> {
    fn of(conn: &'c Connection) -> Result<Self> {
        Ok(Self {
            to_send: conn.prepare_cached(sql::claims::CLAIM_TO_SEND)?,
            to_ask: conn.prepare_cached(sql::claims::CLAIM_TO_ASK)?,
        })
    }

    fn write(&mut self, due: Due, attempt: AttemptId, ask: &ClaimAsk) -> Result<Written> {
        let Due { row, account } = due;
        let found = row.state;
        let job = rules::job(&found).ok_or_else(|| rows::corrupt("a due post in a state without anything to do"))?;
        let lease_until = rules::later(ask.now, ask.lease);
        let only_asks = rules::only_asks(&found, job);
        let state = if only_asks {
            let claim = params![row.id.as_bytes(), attempt.as_bytes(), micros(lease_until)];
            self.to_ask.execute(claim)?;
            None
        } else {
            let state = rules::claimed(&found, attempt)?;
            self.to_send.execute(params![
                row.id.as_bytes(),
                state.word(),
                bit(&state),
                rows::to_json(&state)?,
                attempt.as_bytes(),
                micros(lease_until),
            ])?;
            Some(state)
        };
        let claim = Claim {
            post: row.id,
            group: row.group,
            owner: row.owner,
            attempt,
            attempt_no: if only_asks { 0 } else { row.attempts + 1 },
            retries: row.retries,
            job,
            platform: row.platform,
            account: if only_asks { row.account } else { account },
            due: rules::due(&found),
            claimed_at: ask.now,
            lease_until,
            found,
        };
        Ok(Written {
            claim,
            account: row.account,
            state,
        })
    }
}

impl Written {
    /// Brings what depends on the post's row up to date.
    fn follow_up(self, tx: &mut Tx) -> Result<Claim> {
        let Self { claim, account, state } = self;
        let Some(state) = state else { return Ok(claim) };
        tx.count(claim.platform, claim.found.word(), -1);
        tx.count(claim.platform, state.word(), 1);
        if claim.account != account {
            tx.set_account(claim.post, claim.account)?;
        }
        // Most posts were waiting and still are, as their group sees it; one that was processing no longer is.
        if bit(&claim.found) != bit(&state) {
            let mut head = tx.head(claim.group)?;
            tx.fold(&mut head, bit(&state))?;
            tx.save(&head)?;
        }
        Ok(claim)
    }
}

pub(in crate::sqlite) fn take_due(tx: &mut Tx, ask: &ClaimAsk) -> Result<Claimed> {
    let mut found = Vec::new();
    let chosen = look(tx, ask, &mut found)?;
    let mut found: Vec<_> = found.into_iter().map(Some).collect();
    for (index, at) in &chosen.put_off {
        if let Some(due) = found.get_mut(*index).and_then(Option::take) {
            tx.exec(sql::claims::PUT_OFF, params![due.row.id.as_bytes(), micros(*at)])?;
        }
    }
    // Before this claim's own leases, which may be over before they begin.
    let lease_end = tx.one(sql::claims::NEXT_LEASE_END, [], |row| rows::at(row, 0))?;
    let mut statements = ClaimStatements::of(&tx.conn)?;
    let mut written = Vec::with_capacity(chosen.taken.len());
    for (index, attempt) in chosen.taken.iter().zip(&ask.attempts) {
        if let Some(due) = found.get_mut(*index).and_then(Option::take) {
            written.push(statements.write(due, *attempt, ask)?);
        }
    }
    drop(statements);
    Ok(Claimed {
        claims: written
            .into_iter()
            .map(|written| written.follow_up(tx))
            .collect::<Result<_>>()?,
        orphans: lease_end.is_some_and(|end| end <= ask.now),
        passed_over: chosen.passed_over,
    })
}

/// Reads due posts only until enough are chosen.
fn look(tx: &mut Tx, ask: &ClaimAsk, found: &mut Vec<Due>) -> Result<rules::Chosen> {
    let Tx { conn, known, .. } = tx;
    let mut statement = conn.prepare_cached(sql::claims::DUE)?;
    let mut due = statement.query(params![
        micros(ask.now),
        i64::try_from(rules::looked_at(ask)).unwrap_or(i64::MAX)
    ])?;
    let mut failure = None;
    let candidates = std::iter::from_fn(|| {
        let next = due
            .next()
            .map_err(Error::from)
            .and_then(|row| row.map(|row| Due::of(PostRow::read(row)?, known, conn)).transpose());
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
            let written = ClaimStatements::of(&tx.conn)?.write(Due { row, account }, *attempt, ask)?;
            written.follow_up(tx).map(Some)
        }
        None => Ok(None),
    }
}

pub(in crate::sqlite) fn next_wake(db: &Db) -> Result<Option<Timestamp>> {
    let due = db.one(sql::claims::NEXT_WAKE, [], |row| rows::at(row, 0))?;
    let lease_end = db.one(sql::claims::NEXT_LEASE_END, [], |row| rows::at(row, 0))?;
    Ok(due.into_iter().chain(lease_end).min())
}

pub(in crate::sqlite) fn work(db: &Db, post: PostId, attempt: AttemptId) -> Result<Work> {
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
        Orphans::All => tx.all(sql::claims::CLAIMED, [], PostRow::read)?,
        Orphans::Expired => tx.all(sql::claims::CLAIMED_UNTIL, [micros(now)], PostRow::read)?,
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
