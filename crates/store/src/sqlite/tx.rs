//! What a writing verb works with: the one connection that can write, and the rows that most verbs touch.

use std::collections::HashMap;
use std::sync::Arc;

use domain::group::{StateBit, StateMask};
use domain::ids::{AccountId, AttemptId, GroupId, IdMint, PostId, UserId};
use domain::notice::NoticeKind;
use domain::plan::Metric;
use domain::platform::Platform;
use domain::post::PostState;
use jiff::Timestamp;
use rand::rngs::StdRng;
use rusqlite::{Connection, Params, Row, params};
use tokio::sync::Notify;

use super::known::Known;
use super::meters::Meters;
use super::rows::{self, micros};
use super::sql;
use super::verbs::webhooks::{self, Listeners};
use super::verbs::{intents, usage};
use crate::seal::Vault;
use crate::usage::Meter;
use crate::{Error, Reach, Result, rules};

/// The writer's state between verbs.
pub(super) struct Tx {
    pub(super) conn: Connection,
    pub(super) vault: Arc<Vault>,
    mint: IdMint,
    rng: StdRng,
    /// How the numbers of posts changed in this transaction, and in the command that is running.
    counts: Counts,
    command_counts: Counts,
    meters: Meters,
    pub(super) known: Known,
    pub(super) listeners: Listeners,
    /// The last intent that pruning by age has looked at; 0 to begin anew.
    pub(super) intents_seen: i64,
    pub(super) deliveries_added: Arc<Notify>,
}

type Counts = HashMap<(Platform, &'static str), i64>;

/// What of a group changes with its posts and its history. Loaded once a verb, saved once.
pub(super) struct Head {
    pub(super) id: GroupId,
    pub(super) owner: UserId,
    pub(super) draft: bool,
    pub(super) planned_at: Option<Timestamp>,
    pub(super) mask: u16,
    pub(super) deleted: bool,
    /// The time whose month its posts are counted in.
    pub(super) counted_at: Timestamp,
    post_count: u32,
    pub(super) log_seq: i64,
    updated_at: i64,
}

/// A post as the publisher's verbs need it.
pub(super) struct PostRow {
    pub(super) id: PostId,
    pub(super) group: GroupId,
    pub(super) owner: UserId,
    pub(super) platform: Platform,
    pub(super) target: String,
    pub(super) account: Option<AccountId>,
    pub(super) state: PostState,
    pub(super) claim: Option<AttemptId>,
    pub(super) attempts: u32,
    pub(super) retries: u32,
    pub(super) has_resume: bool,
}

impl PostRow {
    /// From [`sql::POST_COLUMNS`].
    pub(super) fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            id: rows::id(row, 0)?,
            group: rows::id(row, 1)?,
            owner: rows::id(row, 2)?,
            platform: rows::platform(row, 3)?,
            target: row.get(4)?,
            account: rows::maybe_id(row, 5)?,
            state: rows::json(row, 6)?,
            claim: rows::maybe_id(row, 7)?,
            attempts: row.get(8)?,
            retries: row.get(9)?,
            has_resume: row.get(10)?,
        })
    }
}

pub(super) fn bit(state: &PostState) -> u16 {
    StateMask::EMPTY.with(StateBit::of(state)).bits()
}

impl Tx {
    pub(super) fn new(conn: Connection, vault: Arc<Vault>, rng: StdRng) -> Self {
        let counts = Counts::new();
        Self {
            listeners: Listeners::default(),
            intents_seen: 0,
            deliveries_added: Arc::default(),
            conn,
            vault,
            mint: IdMint::default(),
            rng,
            command_counts: counts.clone(),
            counts,
            meters: Meters::default(),
            known: Known::default(),
        }
    }

    /// Begins to count for a new transaction.
    pub(super) fn start(&mut self) {
        self.counts.clear();
        self.command_counts.clear();
        // Only a transaction that was undone leaves any behind.
        self.meters.undo_all();
        self.known.start();
        self.listeners.start();
    }

    /// Learns who has a limit. To be called once, before the first verb.
    pub(super) fn learn_meters(&mut self) -> Result<()> {
        self.meters = Meters::of(usage::meters(&self.conn)?);
        Ok(())
    }

    /// Whose plan a user uses up; `None` when that has no limit.
    pub(super) fn meter(&self, user: UserId) -> Option<Meter> {
        self.meters.of_user(user)
    }

    /// Who has a limit, and which months are counted.
    pub(super) fn meters(&mut self) -> &mut Meters {
        &mut self.meters
    }

    /// Whether a metric is of now: months that were forgotten are not.
    pub(super) fn counts_month(&self, metric: Metric) -> bool {
        match metric {
            Metric::Month(start) => self.meters.counted_from().is_none_or(|from| start >= from),
            Metric::Queue => true,
        }
    }

    /// Notes whose plan a user uses up from now on.
    pub(super) fn set_meter(&mut self, user: UserId, meter: Option<Meter>) {
        self.meters.change(user, meter);
    }

    /// Keeps or forgets what the command counted.
    pub(super) fn end_command(&mut self, is_done: bool) {
        self.meters.end_command(is_done);
        if !is_done {
            self.known.forget();
        }
        for (key, change) in self.command_counts.drain().filter(|_| is_done) {
            *self.counts.entry(key).or_default() += change;
        }
        self.listeners.end_command(is_done);
    }

    /// The bits of a new id.
    pub(super) fn mint_at(&mut self, at: Timestamp) -> [u8; 12] {
        self.mint.next(at, &mut self.rng)
    }

    /// Writes what was counted, once a transaction.
    pub(super) fn save_counts(&mut self) -> rusqlite::Result<()> {
        for ((platform, state), change) in self.counts.drain().filter(|(_, change)| *change != 0) {
            self.conn
                .prepare_cached(sql::ADD_COUNT)?
                .execute((platform.word(), state, change))?;
        }
        // A commit that fails ends the process.
        self.meters.committed();
        self.known.committed();
        self.listeners.committed();
        Ok(())
    }

    /// Counts posts that came into (or, below zero, left) a state.
    pub(super) fn count(&mut self, platform: Platform, state: &'static str, change: i64) {
        *self.command_counts.entry((platform, state)).or_default() += change;
    }

    pub(super) fn run(&self, sql: &str) -> rusqlite::Result<()> {
        rows::run(&self.conn, sql)
    }

    /// Runs a statement; returns how many rows it changed.
    pub(super) fn exec(&self, sql: &str, params: impl Params) -> Result<usize> {
        Ok(self.conn.prepare_cached(sql)?.execute(params)?)
    }

    /// The first row, if there is one.
    pub(super) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnOnce(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        rows::one(&self.conn, sql, params, map)
    }

    /// All rows.
    pub(super) fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        rows::all(&self.conn, sql, params, map)
    }

    /// Whether there is a row.
    pub(super) fn exists(&self, sql: &str, params: impl Params) -> Result<bool> {
        Ok(self.conn.prepare_cached(sql)?.exists(params)?)
    }

    /// A group's head, of whoever, deleted or not.
    pub(super) fn head(&self, group: GroupId) -> Result<Head> {
        let head = self.one(sql::HEAD, [group.as_bytes()], |row| {
            Ok(Head {
                id: group,
                owner: rows::id(row, 0)?,
                draft: row.get(1)?,
                planned_at: rows::maybe_at(row, 2)?,
                mask: row.get(3)?,
                deleted: row.get(4)?,
                post_count: row.get(5)?,
                log_seq: row.get(6)?,
                updated_at: row.get(7)?,
                counted_at: rows::at(row, 8)?,
            })
        })?;
        head.ok_or(Error::NotFound)
    }

    /// A group's head within reach, unless it is deleted.
    pub(super) fn live_head(&self, reach: &Reach, group: GroupId) -> Result<Head> {
        Some(self.head(group)?)
            .filter(|head| !head.deleted && head.owner == reach.owner)
            .ok_or(Error::NotFound)
    }

    /// Writes a head back.
    pub(super) fn save(&self, head: &Head) -> Result<()> {
        let params = params![head.id.as_bytes(), head.mask, head.log_seq, head.updated_at];
        self.exec(sql::SAVE_HEAD, params).map(|_| ())
    }

    pub(super) fn post(&self, post: PostId) -> Result<PostRow> {
        self.one(sql::POST, [post.as_bytes()], PostRow::read)?
            .ok_or(Error::NotFound)
    }

    /// The post of a claim that is still its own.
    pub(super) fn claimed(&self, post: PostId, attempt: AttemptId) -> Result<PostRow> {
        match self.post(post) {
            Ok(row) if row.claim == Some(attempt) => Ok(row),
            Ok(_) | Err(Error::NotFound) => Err(Error::LeaseLost),
            Err(error) => Err(error),
        }
    }

    pub(super) fn posts_of(&self, group: GroupId) -> Result<Vec<PostRow>> {
        self.all(sql::POSTS_OF_GROUP, [group.as_bytes()], PostRow::read)
    }

    /// Gives a post its new state, unclaimed, and folds it into the head's mask; one that must not be sent any more is
    /// cancelled instead of waiting. The counters of attempts are written as `row` has them.
    pub(super) fn put(
        &mut self,
        head: &mut Head,
        row: &mut PostRow,
        state: PostState,
        at: Timestamp,
    ) -> Result<PostState> {
        let state = self.unless_withdrawn(head, row, state, at)?;
        let wake_at = state.wake_at().map(micros);
        self.exec(
            sql::PUT_POST,
            params![
                row.id.as_bytes(),
                state.word(),
                bit(&state),
                rows::to_json(&state)?,
                wake_at,
                row.attempts,
                row.retries,
            ],
        )?;
        row.claim = None;
        let told = NoticeKind::of_move(&row.state, &state);
        self.moved(head, row, state.clone(), at)?;
        webhooks::tell_of_post(self, row, told, at)?;
        Ok(state)
    }

    /// Gives a post another account. Apart from its state: a statement that writes a reference to another table keeps a
    /// journal of the pages that it touches.
    pub(super) fn set_account(&self, post: PostId, account: Option<AccountId>) -> Result<()> {
        let account = account.as_ref().map(AccountId::as_bytes);
        self.exec(sql::SET_POST_ACCOUNT, params![post.as_bytes(), account])
            .map(|_| ())
    }

    fn unless_withdrawn(&mut self, head: &Head, row: &PostRow, state: PostState, at: Timestamp) -> Result<PostState> {
        if matches!(state, PostState::Draft) {
            return Ok(state);
        }
        let withdrawn = rules::withdrawn(state.clone(), at);
        if withdrawn == state {
            return Ok(state);
        }
        if head.deleted {
            Ok(withdrawn)
        } else if self.is_removed(row.account)? {
            Ok(intents::live(self, row)?.cut_off(&state, at))
        } else {
            Ok(state)
        }
    }

    /// Gives a claimed post its armed state and renews its lease; the claim stays.
    pub(super) fn put_armed(
        &mut self,
        head: &mut Head,
        row: &mut PostRow,
        state: PostState,
        until: Timestamp,
        at: Timestamp,
    ) -> Result<()> {
        self.exec(
            sql::PUT_ARMED,
            params![
                row.id.as_bytes(),
                bit(&state),
                rows::to_json(&state)?,
                micros(until),
                row.attempts
            ],
        )?;
        self.moved(head, row, state, at)
    }

    /// Accounts for a move that is written already.
    fn moved(&mut self, head: &mut Head, row: &mut PostRow, state: PostState, at: Timestamp) -> Result<()> {
        if row.state.word() != state.word() {
            usage::moved(self, head, row, &state)?;
            self.count(row.platform, row.state.word(), -1);
            self.count(row.platform, state.word(), 1);
        }
        if bit(&row.state) != bit(&state) {
            self.fold(head, bit(&state))?;
        }
        if rules::shows(&row.state, &state) {
            head.touch(at);
        }
        row.state = state;
        Ok(())
    }

    /// Computes the mask anew. A group of one post needs no look at its siblings.
    pub(super) fn fold(&self, head: &mut Head, own: u16) -> Result<()> {
        let posts = match head.post_count {
            0 => 0,
            1 => own,
            _ => {
                let bits = self.all(
                    sql::BITS_OF_GROUP,
                    [head.id.as_bytes()],
                    |row| Ok(row.get::<_, u16>(0)?),
                )?;
                bits.into_iter().fold(0, |mask, bit| mask | bit)
            }
        };
        head.mask = posts | StateMask::of(head.draft, []).bits();
        Ok(())
    }

    /// Whether there is such a user.
    pub(super) fn is_user(&mut self, user: UserId) -> Result<bool> {
        self.known.is_user(&self.conn, user)
    }

    /// Whether there is such an account, and it is connected.
    pub(super) fn is_connected(&mut self, account: AccountId) -> Result<bool> {
        self.known.is_connected(&self.conn, account)
    }

    fn is_removed(&mut self, account: Option<AccountId>) -> Result<bool> {
        account.map_or(Ok(false), |account| Ok(!self.is_connected(account)?))
    }

    /// The connected account that a target names.
    pub(super) fn account_of(&mut self, owner: UserId, platform: Platform, target: &str) -> Result<Option<AccountId>> {
        self.known.account_of(&self.conn, owner, platform, target)
    }

    /// A user or an account was removed: what is known of them is read anew.
    pub(super) fn forget_known(&mut self) {
        self.known.forget();
    }

    pub(super) fn has_open_intent(&self, post: PostId) -> Result<bool> {
        self.exists(sql::HAS_OPEN_INTENT, [post.as_bytes()])
    }
}

impl Head {
    /// Notes that the owner sees a change.
    pub(super) fn touch(&mut self, at: Timestamp) {
        self.updated_at = self.updated_at.max(micros(at));
    }
}
