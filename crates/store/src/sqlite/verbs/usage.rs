//! Counting posts against plans.
//!
//! The writing thread knows who has a limit ([`crate::sqlite::tx::Tx::meter`]); for everybody else no statement runs.

use async_trait::async_trait;
use domain::ids::UserId;
use domain::plan::{Asked, Connection, Counted, Metric, Plan, Tally};
use domain::platform::Platform;
use domain::post::PostState;
use jiff::Timestamp;
use rusqlite::{Connection as Database, Row, params};

use crate::sqlite::reader::Db;
use crate::sqlite::rows::{self, micros};
use crate::sqlite::tx::{Head, PostRow, Tx};
use crate::sqlite::{SqliteStore, sql};
use crate::usage::{self, Meter, Usage, UsageRow};
use crate::{Error, Result};

macro_rules! meter {
    ($from:literal, $which:literal) => {
        concat!(
            "SELECT u.id, coalesce(m.id, u.id), coalesce(m.plan, u.plan) FROM ",
            $from,
            " LEFT JOIN users m ON m.id = u.manager_id WHERE u.removed_at IS NULL",
            $which
        )
    };
}

macro_rules! recount {
    ($index:literal, $groups:literal) => {
        concat!(
            "INSERT INTO usage (payer_id, metric, period, owner_id, platform, target, n) \
             SELECT ?1, ?3, CASE ?3 WHEN 'queue' THEN 0 ELSE \
             unixepoch(coalesce(g.planned_at, g.created_at) / 1000000, 'unixepoch', 'start of month') * 1000000 END, \
             ?2, p.platform, p.target, 1 FROM groups g INDEXED BY ",
            $index,
            " JOIN posts p ON p.group_id = g.id WHERE g.owner_id = ?2 AND ",
            $groups,
            " AND p.state IN (SELECT value FROM json_each(?4)) \
             AND (?3 = 'queue' OR coalesce(g.planned_at, g.created_at) >= ?5) ON CONFLICT DO UPDATE SET n = n + 1"
        )
    };
}

sql::statements! {
    METERS = meter!("users u", "");
    METER = meter!("users u", " AND u.id = ?1");
    METERS_OF_MANAGED = meter!("users u INDEXED BY users_managed", " AND u.manager_id = ?1");
    ADD_USAGE =
        "INSERT INTO usage (payer_id, metric, period, owner_id, platform, target, n) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) \
         ON CONFLICT DO UPDATE SET n = n + excluded.n";
    // What is not there any more, since its month was forgotten, is not taken from.
    TAKE_USAGE =
        "UPDATE usage SET n = n + ?7 WHERE payer_id = ?1 AND metric = ?2 AND period = ?3 AND owner_id = ?4 \
         AND platform = ?5 AND target = ?6";
    PRUNE_USAGE = "DELETE FROM usage WHERE metric = 'month' AND period < ?1";
    TALLY = "SELECT owner_id, platform, target, n FROM usage WHERE payer_id = ?1 AND metric = ?2 AND period = ?3";
    DROP_USAGE = "DELETE FROM usage WHERE payer_id = ?1 AND owner_id = ?2";
    RECOUNT = recount!("groups_created", "g.deleted_at IS NULL");
    RECOUNT_DELETED = recount!("groups_deleted", "g.deleted_at IS NOT NULL");
    USAGE =
        "SELECT metric, period, owner_id, platform, target, n FROM usage WHERE payer_id = ?1 AND n <> 0 \
         ORDER BY metric, period, owner_id, platform, target LIMIT ?2";
    CONNECTIONS =
        "SELECT (SELECT count(*) FROM accounts WHERE owner_id = ?1 AND removed_at IS NULL) \
         + (SELECT count(*) FROM users u INDEXED BY users_managed JOIN accounts a ON a.owner_id = u.id \
            WHERE u.manager_id = ?1 AND u.removed_at IS NULL AND a.removed_at IS NULL)";
    FOLLOWERS = "SELECT id FROM users WHERE removed_at IS NULL AND json_extract(plan, '$.key') = ?1 AND plan <> ?2";
}

/// The column values of a metric.
fn columns(metric: Metric) -> (&'static str, i64) {
    match metric {
        Metric::Month(start) => ("month", micros(start)),
        Metric::Queue => ("queue", 0),
    }
}

/// The words of the states that count, as JSON.
fn counted_words(metric: Metric) -> Result<String> {
    let words: Vec<_> = PostState::WORDS
        .iter()
        .filter(|word| metric.counts_word(word))
        .collect();
    rows::to_json(&words)
}

fn meter(row: &Row<'_>) -> Result<(UserId, Meter)> {
    let (user, payer) = (rows::id(row, 0)?, rows::id(row, 1)?);
    let plan = rows::json(row, 2)?;
    Ok((user, Meter { payer, plan }))
}

/// Everybody whose plan, or whose manager's, has a limit.
pub(in crate::sqlite) fn meters(conn: &Database) -> Result<Vec<(UserId, Meter)>> {
    let mut all = rows::all(conn, METERS, [], meter)?;
    all.retain(|(_, meter)| meter.plan.is_limited());
    Ok(all)
}

/// Looks anew at whose plan a user and those that it manages use up, and counts their posts anew where that changed.
/// To be called after every change of a plan, a manager, or of there being the user at all.
pub(super) fn remeter(tx: &mut Tx, user: UserId) -> Result<()> {
    let own = tx.one(METER, [user.as_bytes()], meter)?;
    if own.is_none() {
        change(tx, user, None)?;
    }
    let managed = tx.all(METERS_OF_MANAGED, [user.as_bytes()], meter)?;
    for (one, meter) in own.into_iter().chain(managed) {
        change(tx, one, Some(meter).filter(|meter| meter.plan.is_limited()))?;
    }
    Ok(())
}

fn change(tx: &mut Tx, user: UserId, after: Option<Meter>) -> Result<()> {
    let before = tx.meter(user);
    if usage::recounts(before.as_ref(), after.as_ref()) {
        if let Some(before) = &before {
            tx.exec(DROP_USAGE, params![before.payer.as_bytes(), user.as_bytes()])?;
        }
        if let Some(after) = &after {
            recount(tx, user, after)?;
        }
    }
    tx.set_meter(user, after);
    Ok(())
}

fn recount(tx: &mut Tx, user: UserId, meter: &Meter) -> Result<()> {
    for metric in [Metric::Month(Timestamp::UNIX_EPOCH), Metric::Queue] {
        if !meter.plan.counts(metric) {
            continue;
        }
        for statement in [RECOUNT, RECOUNT_DELETED] {
            let (payer, owner) = (meter.payer.as_bytes(), user.as_bytes());
            let from = tx.meters().counted_from().map_or(i64::MIN, micros);
            let row = params![payer, owner, columns(metric).0, counted_words(metric)?, from];
            tx.exec(statement, row)?;
        }
    }
    Ok(())
}

/// Adds to (or, below zero, takes from) what is counted of one user's posts to one connection.
pub(in crate::sqlite) fn charge(
    tx: &Tx,
    meter: &Meter,
    metric: Metric,
    owner: UserId,
    (platform, target): (Platform, &str),
    change: i64,
) -> Result<()> {
    if change == 0 || !meter.plan.counts(metric) || !tx.counts_month(metric) {
        return Ok(());
    }
    let (word, period) = columns(metric);
    let (payer, owner) = (meter.payer.as_bytes(), owner.as_bytes());
    let row = params![payer, word, period, owner, platform.word(), target, change];
    let statement = if change > 0 { ADD_USAGE } else { TAKE_USAGE };
    tx.exec(statement, row).map(|_| ())
}

/// Forgets the months that are over. Only the first call of a month, and of a process, runs a statement.
pub(super) fn prune(tx: &mut Tx, now: Timestamp) -> Result<()> {
    let from = usage::counted_from(now);
    if tx.meters().count_from(from) {
        tx.exec(PRUNE_USAGE, [micros(from)])?;
    }
    Ok(())
}

/// Counts a post that comes into its owner's metrics with this state, or leaves them.
pub(in crate::sqlite) fn moved(tx: &Tx, head: &Head, row: &PostRow, state: &PostState) -> Result<()> {
    let Some(meter) = tx.meter(row.owner).filter(Meter::keeps) else {
        return Ok(());
    };
    for metric in [usage::month(head.counted_at), Metric::Queue] {
        let change = i64::from(metric.counts(state)) - i64::from(metric.counts(&row.state));
        charge(tx, &meter, metric, row.owner, (row.platform, &row.target), change)?;
    }
    Ok(())
}

/// What one user has used of its meter's plan.
struct UsedBy<'a> {
    tx: &'a Tx,
    meter: &'a Meter,
    owner: UserId,
}

impl Counted for UsedBy<'_> {
    type Error = Error;

    fn connections(&self) -> Result<u64> {
        connections(&self.tx.conn, self.meter.payer)
    }

    fn tally(&self, metric: Metric) -> Result<Tally> {
        let (word, period) = columns(metric);
        let mut tally = Tally::default();
        let of = params![self.meter.payer.as_bytes(), word, period];
        let found = self.tx.all(TALLY, of, |row| {
            let owner: UserId = rows::id(row, 0)?;
            let count = u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0);
            Ok((owner, (rows::platform(row, 1)?, row.get(2)?), count))
        })?;
        for (owner, connection, count) in found {
            tally.total = tally.total.saturating_add(count);
            if owner == self.owner {
                tally.own.insert(connection, count);
            }
        }
        Ok(tally)
    }
}

/// Refuses what the user's plan has no room for. Nothing is written.
pub(super) fn admit(tx: &Tx, owner: UserId, asked: &Asked<'_>) -> Result<()> {
    let Some(meter) = tx.meter(owner) else {
        return Ok(());
    };
    let used = UsedBy {
        tx,
        meter: &meter,
        owner,
    };
    Ok(meter.plan.admit(asked, &used)??)
}

/// Refuses more connected accounts than the plan of `payer` allows, when `more` are added to what `owner` has.
pub(super) fn admit_connections(tx: &Tx, owner: UserId, more: u64) -> Result<()> {
    let Some(meter) = tx.meter(owner).filter(|meter| meter.plan.connections.is_some()) else {
        return Ok(());
    };
    let used = connections(&tx.conn, meter.payer)?;
    Ok(meter.plan.admit_connections(used, used.saturating_add(more))?)
}

pub(super) fn connections(conn: &Database, payer: UserId) -> Result<u64> {
    let counted = rows::one(conn, CONNECTIONS, [payer.as_bytes()], |row| rows::count(row, 0))?;
    Ok(counted.unwrap_or(0))
}

fn list(db: &Db, payer: UserId, limit: u32) -> Result<Vec<UsageRow>> {
    db.all(USAGE, params![payer.as_bytes(), limit], |row| {
        let metric = match row.get_ref(0)?.as_str().map_err(rows::corrupt)? {
            "queue" => Metric::Queue,
            _ => Metric::Month(rows::at(row, 1)?),
        };
        let connection: Connection = (rows::platform(row, 3)?, row.get(4)?);
        Ok(UsageRow {
            metric,
            owner: rows::id(row, 2)?,
            connection,
            count: rows::count(row, 5)?,
        })
    })
}

fn follow(tx: &mut Tx, plan: &Plan) -> Result<u64> {
    let Some(key) = &plan.key else {
        return Ok(0);
    };
    let followers: Vec<UserId> = tx.all(FOLLOWERS, params![key, rows::to_json(plan)?], |row| rows::id(row, 0))?;
    for user in &followers {
        super::users::set_plan(tx, *user, plan)?;
    }
    Ok(u64::try_from(followers.len()).unwrap_or(u64::MAX))
}

#[async_trait]
impl Usage for SqliteStore {
    async fn connections(&self, payer: UserId) -> Result<u64> {
        self.readers.call(move |db| connections(&db.conn, payer)).await
    }

    async fn usage(&self, payer: UserId, limit: u32) -> Result<Vec<UsageRow>> {
        self.readers.call(move |db| list(db, payer, limit)).await
    }

    async fn follow_plan(&self, plan: Plan) -> Result<u64> {
        self.writer.call(move |tx| follow(tx, &plan)).await
    }
}
