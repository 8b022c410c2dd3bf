//! What a data directory holds, read without a server and without changing anything.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use domain::platform::Platform;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, Params, Row};
use serde_json::Value;

/// How long a read waits for a writer.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// A send that was under way: its intent is open, and its post was being published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cut {
    /// The intent's id in hex.
    pub(crate) intent: String,
    /// Where it was sent to, in Broadside's word.
    pub(crate) platform: String,
    /// The platform's own id of the account.
    pub(crate) account: String,
    /// The group's id in hex.
    pub(crate) group: String,
}

impl Cut {
    /// Whether nobody can tell what became of it: a bot of Telegram cannot read what it sent.
    pub(crate) fn has_no_means(&self) -> bool {
        self.platform == Platform::Telegram.word()
    }
}

/// A target as it stands.
#[derive(Debug, Clone)]
pub(crate) struct PostRow {
    /// The post's id in hex.
    pub(crate) id: String,
    /// The group's id in hex.
    pub(crate) group: String,
    /// The state's word.
    pub(crate) state: String,
    /// The state as the product keeps it.
    pub(crate) data: Value,
}

/// An account that must be connected again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeadAccount {
    /// Broadside's word for the platform.
    pub(crate) platform: String,
    /// The platform's own id of the account.
    pub(crate) remote_id: String,
}

/// Reads the database of one data directory.
#[derive(Debug, Clone)]
pub(crate) struct Database(PathBuf);

// What an earlier life left looks the same until the next one has taken it over, but for the time.
const SENDING: &str = "SELECT count(*) FROM intents i JOIN posts p ON p.id = i.post_id
    WHERE i.state = 'open' AND p.state = 'publishing' AND p.claim IS NOT NULL AND i.recorded_at >= ?1";
const CLAIMED: &str = "SELECT count(*) FROM posts WHERE state = 'publishing' AND claim IS NOT NULL AND ?1 >= 0";
const CUT: &str = "SELECT lower(hex(i.id)), p.platform, p.target, lower(hex(p.group_id))
    FROM intents i JOIN posts p ON p.id = i.post_id
    WHERE i.state = 'open' AND p.state = 'publishing' AND p.claim IS NOT NULL AND i.recorded_at >= ?1";
const POSTS: &str = "SELECT lower(hex(id)), lower(hex(group_id)), state, data FROM posts";
const VERDICTS: &str = "SELECT lower(hex(i.id)), i.settled_at, p.state, p.data
    FROM intents i JOIN posts p ON p.id = i.post_id";
const DEAD_ACCOUNTS: &str = "SELECT platform, remote_id FROM accounts
    WHERE health = 'reconnect_needed' AND removed_at IS NULL";

impl Database {
    /// The database in `data`, which need not exist yet.
    pub(crate) fn of(data: &Path) -> Self {
        Self(data.join("broadside.db"))
    }

    /// Reads from the database without changing it.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> anyhow::Result<T> + Send + 'static,
    ) -> anyhow::Result<T> {
        let path = self.0.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(&path, flags).context("the server's database")?;
            connection.busy_timeout(BUSY_WAIT)?;
            work(&connection)
        });
        reading.await.context("reading the server's database")?
    }

    /// How many sends of a server that was started then are under way; with `claims`, posts that are claimed for sending
    /// count as well.
    pub(crate) async fn sending(&self, since: Timestamp, claims: bool) -> anyhow::Result<usize> {
        let sql = if claims { CLAIMED } else { SENDING };
        self.read(move |db| count(db, sql, [since.as_microsecond()])).await
    }

    /// The sends that were cut off when a server that was started then was killed.
    pub(crate) async fn cut_off(&self, since: Timestamp) -> anyhow::Result<Vec<Cut>> {
        self.read(move |db| {
            rows(db, CUT, [since.as_microsecond()], |row| {
                Ok(Cut {
                    intent: row.get(0)?,
                    platform: row.get(1)?,
                    account: row.get(2)?,
                    group: row.get(3)?,
                })
            })
        })
        .await
    }

    /// All targets.
    pub(crate) async fn posts(&self) -> anyhow::Result<Vec<PostRow>> {
        self.read(|db| {
            rows(db, POSTS, [], |row| {
                let data: String = row.get(3)?;
                Ok(PostRow {
                    id: row.get(0)?,
                    group: row.get(1)?,
                    state: row.get(2)?,
                    data: serde_json::from_str(&data).unwrap_or_default(),
                })
            })
        })
        .await
    }

    /// When the verdict on each intent was written down, by the intent's id in hex; those without one are left out.
    pub(crate) async fn verdicts(&self) -> anyhow::Result<Vec<(String, Timestamp)>> {
        self.read(|db| {
            let found = rows(db, VERDICTS, [], |row| {
                let (settled, state, data): (Option<i64>, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
                let gave_up = || {
                    let data: Value = serde_json::from_str(&data).ok()?;
                    data.get("since")?.as_str()?.parse().ok()
                };
                let at = match settled {
                    Some(micros) => Timestamp::from_microsecond(micros).ok(),
                    None if state == "unconfirmed" => gave_up(),
                    None => None,
                };
                Ok((row.get::<_, String>(0)?, at))
            })?;
            Ok(found.into_iter().filter_map(|(id, at)| Some((id, at?))).collect())
        })
        .await
    }

    /// Accounts whose tokens are dead.
    pub(crate) async fn dead_accounts(&self) -> anyhow::Result<Vec<DeadAccount>> {
        self.read(|db| {
            rows(db, DEAD_ACCOUNTS, [], |row| {
                Ok(DeadAccount {
                    platform: row.get(0)?,
                    remote_id: row.get(1)?,
                })
            })
        })
        .await
    }
}

fn count(db: &Connection, sql: &str, params: impl Params) -> anyhow::Result<usize> {
    let count: i64 = db.query_row(sql, params, |row| row.get(0))?;
    Ok(usize::try_from(count)?)
}

/// Every row of an answer.
pub(crate) fn rows<T>(
    db: &Connection,
    sql: &str,
    params: impl Params,
    map: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> anyhow::Result<Vec<T>> {
    let mut statement = db.prepare(sql)?;
    let found = statement
        .query_map(params, map)?
        .collect::<rusqlite::Result<Vec<T>>>()?;
    Ok(found)
}
