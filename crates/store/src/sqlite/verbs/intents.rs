//! Intents: recording one, and what became of it.

use domain::ids::{AccountId, AttemptId, IntentId, PostId};
use domain::intent::{Fingerprint, IntentRecord, IntentState, Prepared};
use domain::part::{Part, RemotePost};
use domain::post::{Event, PostState};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{Connection, Row, params};

use super::{budgets, claims};
use crate::parts::{self, Live, Meeting};
use crate::seal::Vault;
use crate::sqlite::reader::Db;
use crate::sqlite::rows::{self, micros};
use crate::sqlite::sql;
use crate::sqlite::tx::{Head, PostRow, Tx};
use crate::{Conflict, Error, Evidence, NewIntent, Release, Result, Settlement, rules};

/// An intent on its way into the database, with what can be computed before the writer's turn.
pub(in crate::sqlite) struct Sealed {
    new: NewIntent,
    dedupe: String,
    bytes: Vec<u8>,
}

/// Does outside the writing thread what needs no transaction.
pub(in crate::sqlite) fn seal(vault: &Vault, new: NewIntent) -> Result<Sealed> {
    let plain = new.prepared.bytes.expose();
    let bytes = vault.seal("intents.prepared", new.id.as_bytes(), plain);
    Ok(Sealed {
        dedupe: rows::to_json(&new.prepared.dedupe)?,
        bytes: bytes.map_err(rows::corrupt)?,
        new,
    })
}

/// Records an intent of a claim. `Ok(Err)` is a refusal that leaves the claim with its holder.
pub(in crate::sqlite) fn record(
    tx: &mut Tx,
    post: PostId,
    attempt: AttemptId,
    sealed: Sealed,
) -> Result<std::result::Result<(), Error>> {
    let Sealed { new, dedupe, bytes } = sealed;
    let mut row = tx.claimed(post, attempt)?;
    let mut head = tx.head(row.group)?;
    let account = match may_record(tx, &head, &row, &new) {
        Ok(account) => account,
        Err(refusal) => return Ok(Err(refusal)),
    };
    if !new.budgets.charges.is_empty()
        && let Some(wait) = budgets::spend(tx, &new.budgets, new.at)?
    {
        return Ok(Err(Conflict::BudgetSpent(wait).into()));
    }
    let state = if rules::is_armed(&row.state) {
        row.state.clone()
    } else {
        row.attempts += 1;
        rules::moved(&row.state, &Event::Armed { attempt })?
    };
    add(tx, (post, account, attempt), &new, (&dedupe, &bytes))?;
    tx.put_armed(&mut head, &mut row, state, new.lease_until, new.at)?;
    head.touch(new.at);
    tx.log(&mut head, new.log)?;
    tx.save(&head)?;
    Ok(Ok(()))
}

fn may_record(tx: &mut Tx, head: &Head, row: &PostRow, new: &NewIntent) -> Result<AccountId> {
    let account = row.account.ok_or(Error::NotFound)?;
    if head.deleted || !tx.is_connected(account)? {
        return Err(Error::LeaseLost);
    }
    if tx.exists(sql::EARLIER_INTENT, params![row.id.as_bytes(), new.part.number()])? {
        return Err(Conflict::EarlierIntentOpen.into());
    }
    let prepared = &new.prepared;
    let alike = params![account.as_bytes(), prepared.fingerprint.0];
    if prepared.is_confusable()
        && let Some(post) = tx.one(sql::LIKE_INTENT, alike, |row| rows::id(row, 0))?
    {
        let is_unconfirmed = matches!(tx.post(post)?.state, PostState::Unconfirmed { .. });
        return Err(Conflict::FingerprintBusy { post, is_unconfirmed }.into());
    }
    Ok(account)
}

fn add(
    tx: &Tx,
    (post, account, attempt): (PostId, AccountId, AttemptId),
    new: &NewIntent,
    (dedupe, sealed): (&str, &[u8]),
) -> Result<()> {
    let prepared = &new.prepared;
    tx.exec(
        sql::ADD_INTENT,
        params![
            new.id.as_bytes(),
            post.as_bytes(),
            new.part.number(),
            account.as_bytes(),
            attempt.as_bytes(),
            micros(new.at),
            micros(new.send_by),
            prepared.version,
            i64::try_from(prepared.budget.as_micros()).unwrap_or(i64::MAX),
            prepared.fingerprint.0,
            prepared.is_confusable(),
            dedupe,
            sealed,
        ],
    )?;
    Ok(())
}

fn state(word: &str) -> Result<IntentState> {
    let state = IntentState::ALL.iter().copied().find(|state| state.word() == word);
    state.ok_or_else(|| rows::corrupt(format!("intent state '{word}'")))
}

pub(in crate::sqlite) fn of_post(db: &Db, post: PostId) -> Result<Vec<IntentRecord>> {
    db.all(sql::INTENTS_OF_POST, [post.as_bytes()], |row| record_from(db, row))
}

fn record_from(db: &Db, row: &Row<'_>) -> Result<IntentRecord> {
    let id: IntentId = rows::id(row, 0)?;
    let sealed = row.get_ref(9)?.as_blob().map_err(rows::corrupt)?;
    Ok(IntentRecord {
        id,
        part: rows::part(row, 1)?,
        state: state(rows::text(row, 2)?)?,
        recorded_at: rows::at(row, 3)?,
        send_by: rows::at(row, 4)?,
        settled_at: rows::maybe_at(row, 10)?,
        prepared: Prepared {
            version: row.get(5)?,
            bytes: db
                .vault
                .open("intents.prepared", id.as_bytes(), sealed)
                .map_err(rows::corrupt)?,
            dedupe: rows::json(row, 8)?,
            fingerprint: Fingerprint(row.get(7)?),
            budget: SignedDuration::from_micros(row.get(6)?),
        },
    })
}

/// The parts of a post that are live, in order.
pub(in crate::sqlite) fn live_parts(conn: &Connection, post: PostId) -> Result<Vec<(Part, RemotePost)>> {
    rows::all(conn, sql::LIVE_PARTS, [post.as_bytes()], |row| {
        Ok((rows::part(row, 0)?, rows::json(row, 1)?))
    })
}

/// An intent as settling needs it.
struct Known {
    post: PostId,
    part: Part,
    account: AccountId,
    state: IntentState,
}

fn known(tx: &Tx, intent: IntentId) -> Result<Known> {
    let known = tx.one(sql::INTENT, [intent.as_bytes()], |row| {
        Ok(Known {
            post: rows::id(row, 0)?,
            part: rows::part(row, 1)?,
            account: rows::id(row, 2)?,
            state: state(rows::text(row, 3)?)?,
        })
    })?;
    known.ok_or(Error::NotFound)
}

pub(in crate::sqlite) fn set_state(tx: &Tx, intent: IntentId, state: IntentState, at: Timestamp) -> Result<()> {
    let settled_at = (state != IntentState::Open).then(|| micros(at));
    tx.exec(sql::SETTLE_INTENT, params![intent.as_bytes(), state.word(), settled_at])
        .map(|_| ())
}

/// What may become of an intent of a post.
struct Settling {
    intent: Known,
    settlement: Settlement,
    /// Whether the remote post is known to be this part.
    is_known: bool,
}

/// Looks whether this may become of an intent of this post.
fn may_settle(tx: &Tx, post: PostId, id: IntentId, settlement: Settlement) -> Result<Settling> {
    let intent = known(tx, id)?;
    if intent.post != post {
        return Err(Error::NotFound);
    }
    rules::may_settle(intent.state, &settlement)?;
    let is_known = match rules::published(&settlement)? {
        Some(remote) => is_own(tx, intent.account, post, intent.part, remote)?,
        None => false,
    };
    Ok(Settling {
        intent,
        settlement,
        is_known,
    })
}

/// Notes what became of an intent; returns the remote post, if it is one.
fn write_settled(tx: &mut Tx, head: &mut Head, id: IntentId, settling: Settling) -> Result<Option<RemotePost>> {
    let Settling {
        intent,
        settlement,
        is_known,
    } = settling;
    // What was known before was so since then.
    if intent.state != settlement.state {
        set_state(tx, id, settlement.state, settlement.at)?;
    }
    let remote = rules::published(&settlement)?;
    if let Some(remote) = remote {
        write_adopted(tx, intent.account, (intent.post, intent.part), remote, is_known)?;
    }
    let remote = remote.cloned();
    tx.log(head, settlement.log)?;
    Ok(remote)
}

/// Notes what became of an intent of this post.
pub(in crate::sqlite) fn settle_one(
    tx: &mut Tx,
    head: &mut Head,
    post: PostId,
    id: IntentId,
    settlement: Settlement,
) -> Result<()> {
    let settling = may_settle(tx, post, id, settlement)?;
    write_settled(tx, head, id, settling).map(|_| ())
}

/// Whether a remote post is known to be this part; an error when it is another.
fn is_own(tx: &Tx, account: AccountId, post: PostId, part: Part, remote: &RemotePost) -> Result<bool> {
    match owner(&tx.conn, account, &remote.id)? {
        Some(owner) if owner != (post, part) => Err(Conflict::RemoteTaken.into()),
        owner => Ok(owner.is_some()),
    }
}

/// Notes that this remote post is this part; returns whether another is that already.
fn adopt(tx: &Tx, account: AccountId, post: PostId, part: Part, remote: &RemotePost) -> Result<bool> {
    let is_known = is_own(tx, account, post, part, remote)?;
    write_adopted(tx, account, (post, part), remote, is_known)
}

fn write_adopted(
    tx: &Tx,
    account: AccountId,
    (post, part): (PostId, Part),
    remote: &RemotePost,
    is_known: bool,
) -> Result<bool> {
    let data = rows::to_json(remote)?;
    if is_known {
        let set = params![account.as_bytes(), remote.id, data];
        let adopted: Option<bool> = tx.one(sql::SET_REMOTE, set, |row| Ok(row.get(0)?))?;
        return Ok(adopted == Some(false));
    }
    let part = part.number();
    let adopted: Option<RemotePost> = tx.one(sql::ADOPTED, params![post.as_bytes(), part], |row| rows::json(row, 0))?;
    let meeting = parts::meeting(adopted.as_ref(), remote);
    match meeting {
        Meeting::First | Meeting::Duplicate => {}
        Meeting::Named => {
            tx.exec(sql::FORGET_ADOPTED, params![post.as_bytes(), part])?;
        }
        Meeting::StandIn => return Ok(false),
    }
    let is_duplicate = meeting == Meeting::Duplicate;
    let row = params![
        account.as_bytes(),
        remote.id,
        post.as_bytes(),
        part,
        !is_duplicate,
        data
    ];
    tx.exec(sql::ADD_REMOTE, row)?;
    Ok(is_duplicate)
}

/// Notes a remote id for a part, unless the post has it already for another part.
pub(in crate::sqlite) fn adopt_own(
    tx: &Tx,
    account: AccountId,
    post: PostId,
    part: Part,
    remote: &RemotePost,
) -> Result<()> {
    let owner = owner(&tx.conn, account, &remote.id)?;
    let part = owner.filter(|(owner, _)| *owner == post).map_or(part, |(_, part)| part);
    adopt(tx, account, post, part, remote).map(|_| ())
}

/// Which post and part of ours a remote post is.
pub(in crate::sqlite) fn owner(
    conn: &Connection,
    account: AccountId,
    remote_id: &str,
) -> Result<Option<(PostId, Part)>> {
    let name = params![account.as_bytes(), remote_id];
    rows::one(conn, sql::REMOTE, name, |row| {
        Ok((rows::id(row, 0)?, rows::part(row, 1)?))
    })
}

/// What became of [`settle`]: the caller still holds the claim, or not.
pub(in crate::sqlite) enum Outcome {
    Continues,
    Released(Box<PostState>),
    Fenced(Evidence),
}

/// Settles an intent and, with it, releases the claim. It refuses before its first write unless the release settles intents
/// of its own.
pub(in crate::sqlite) fn settle(
    tx: &mut Tx,
    (post, attempt): (PostId, AttemptId),
    intent: IntentId,
    settlement: Settlement,
    release: Option<Release>,
) -> Result<Outcome> {
    let row = match tx.claimed(post, attempt) {
        Err(Error::LeaseLost) => return fenced(tx, post, intent, settlement).map(Outcome::Fenced),
        row => row?,
    };
    let mut head = tx.head(row.group)?;
    let settling = may_settle(tx, post, intent, settlement)?;
    let Some(release) = release else {
        write_settled(tx, &mut head, intent, settling)?;
        tx.save(&head)?;
        return Ok(Outcome::Continues);
    };
    rules::moved(&row.state, &release.event)?;
    let remote = write_settled(tx, &mut head, intent, settling)?;
    let state = claims::write_released(tx, row, head, release, remote.as_ref())?;
    Ok(Outcome::Released(Box::new(state)))
}

/// A sender that lost its lease reports: only what is certain counts, and only for an intent that is still open.
fn fenced(tx: &mut Tx, post: PostId, id: IntentId, settlement: Settlement) -> Result<Evidence> {
    let row = tx.post(post)?;
    let mut head = tx.head(row.group)?;
    let remote = rules::published(&settlement)?.cloned();
    let intent = known(tx, id)?;
    if let Some(remote) = &remote {
        is_own(tx, intent.account, intent.post, intent.part, remote)?;
    }
    tx.log(&mut head, settlement.log)?;
    tx.save(&head)?;
    if let Some(remote) = remote {
        return evidence(tx, id, &remote, settlement.at);
    }
    if intent.state == IntentState::Open {
        set_state(tx, id, settlement.state, settlement.at)?;
    }
    Ok(Evidence { duplicate: false })
}

pub(in crate::sqlite) fn evidence(tx: &mut Tx, id: IntentId, remote: &RemotePost, at: Timestamp) -> Result<Evidence> {
    let intent = known(tx, id)?;
    let duplicate = adopt(tx, intent.account, intent.post, intent.part, remote)?;
    if intent.state == IntentState::Published {
        return Ok(Evidence { duplicate });
    }
    set_state(tx, id, IntentState::Published, at)?;
    let mut row = tx.post(intent.post)?;
    let mut head = tx.head(row.group)?;
    let mut entry = rules::evidence_entry(duplicate, &remote.id, at);
    entry.post = Some(row.id);
    tx.log(&mut head, vec![entry])?;
    if rules::takes_evidence(&row.state)
        && let Some(remote) = live(tx, &row)?.complete().cloned()
    {
        let event = Event::Published {
            at,
            remote,
            next_look: None,
        };
        let state = rules::moved(&row.state, &event)?;
        tx.put(&mut head, &mut row, state, at)?;
    }
    tx.save(&head)?;
    Ok(Evidence { duplicate })
}

/// What of a post is live.
pub(in crate::sqlite) fn live<'a>(tx: &Tx, row: &'a PostRow) -> Result<Live<'a>> {
    let content = tx.one(sql::CONTENT_OF_GROUP, [row.group.as_bytes()], |row| rows::json(row, 0))?;
    Ok(Live {
        platform: row.platform,
        target: &row.target,
        content: content.ok_or(Error::NotFound)?,
        parts: live_parts(&tx.conn, row.id)?,
        untold: tx.all(sql::UNTOLD_PARTS, [row.id.as_bytes()], |row| rows::part(row, 0))?,
    })
}
