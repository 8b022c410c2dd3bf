//! Writing history.

use domain::ids::{AccountId, GroupId, LogId, PostId, UserId};
use domain::log::LogEntry;
use rusqlite::params;

use super::rows::{self, micros};
use super::sql;
use super::tx::{Head, Tx};
use super::verbs::webhooks;
use crate::{Result, rules};

/// An entry with its last column, which can be made before the writer's turn.
pub(super) struct LogRow {
    entry: LogEntry,
    rest: Option<String>,
}

impl LogRow {
    pub(super) fn of(mut entry: LogEntry) -> Result<Self> {
        let rest = rows::log_rest(&mut entry)?;
        Ok(Self { entry, rest })
    }
}

impl Tx {
    /// Writes history of a group.
    pub(super) fn log(&mut self, head: &mut Head, entries: Vec<LogEntry>) -> Result<()> {
        for entry in entries {
            let entry = rules::in_context(entry, head.owner, Some(head.id));
            if entry.group == Some(head.id) {
                head.log_seq += 1;
                self.log_entry(entry, head.log_seq)?;
            } else {
                self.log_elsewhere(entry, head.owner)?;
            }
        }
        Ok(())
    }

    /// Writes history that no loaded group is about.
    pub(super) fn log_elsewhere(&mut self, entry: LogEntry, owner: UserId) -> Result<()> {
        let entry = rules::in_context(entry, owner, None);
        let seq = match entry.group {
            Some(group) => self
                .one(sql::NEXT_LOG_SEQ, [group.as_bytes()], |row| Ok(row.get(0)?))?
                .unwrap_or(0),
            None => 0,
        };
        self.log_entry(entry, seq)
    }

    fn log_entry(&mut self, entry: LogEntry, seq: i64) -> Result<()> {
        webhooks::tell_of_entry(self, &entry)?;
        self.log_row(&LogRow::of(entry)?, seq)
    }

    /// Writes an entry that nobody is to be told of.
    pub(super) fn log_row(&mut self, row: &LogRow, seq: i64) -> Result<()> {
        let LogRow { entry, rest } = row;
        let id = LogId::from_bytes(self.mint_at(entry.at));
        self.exec(
            sql::ADD_LOG,
            params![
                id.as_bytes(),
                entry.group.as_ref().map(GroupId::as_bytes),
                seq,
                entry.user.as_ref().map(UserId::as_bytes),
                entry.post.as_ref().map(PostId::as_bytes),
                entry.account.as_ref().map(AccountId::as_bytes),
                entry.kind.word(),
                entry.outcome.word(),
                micros(entry.at),
                rest,
                entry.kind.is_connection().then_some(1),
            ],
        )?;
        Ok(())
    }
}
