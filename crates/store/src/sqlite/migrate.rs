//! Brings a database to this program's schema: numbered files, each applied once, in order, in its own transaction.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::Connection;
use sha2::{Digest, Sha256};

use super::{OpenError, rows};

/// A step of the schema.
pub(super) struct Migration {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
}

/// All steps. A step that was ever released is never changed: its checksum is compared at every start.
pub(super) const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "init",
    sql: include_str!("../migrations/sqlite/0001_init.sql"),
}];

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migrations (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    checksum TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT";

/// Applies what is missing. A database that holds something is copied first, beside itself, as
/// `broadside.db.before-NNNN`; the path of the copy is returned.
pub(super) fn migrate(
    conn: &mut Connection,
    path: &Path,
    steps: &[Migration],
    now: Timestamp,
) -> Result<Option<PathBuf>, OpenError> {
    conn.execute_batch(TABLE)?;
    let applied = applied(conn)?;
    let newest = steps.last().map_or(0, |step| step.number);
    if let Some((found, ..)) = applied.iter().find(|(number, ..)| *number > newest) {
        return Err(OpenError::NewerSchema {
            found: *found,
            known: newest,
        });
    }
    for (number, sum) in &applied {
        if steps
            .iter()
            .any(|step| step.number == *number && checksum(step.sql) != *sum)
        {
            return Err(OpenError::ChangedMigration { number: *number });
        }
    }
    let is_missing = |step: &&Migration| applied.iter().all(|(number, _)| *number != step.number);
    let missing: Vec<_> = steps.iter().filter(is_missing).collect();
    let copy = match missing.first() {
        Some(first) if !applied.is_empty() => Some(copy_before(conn, path, first.number)?),
        _ => None,
    };
    for step in missing {
        let tx = conn.transaction()?;
        tx.execute_batch(step.sql)?;
        tx.execute(
            "INSERT INTO schema_migrations (number, name, checksum, applied_at) VALUES (?1, ?2, ?3, ?4)",
            (step.number, step.name, checksum(step.sql), rows::micros(now)),
        )?;
        tx.commit()?;
    }
    Ok(copy)
}

fn applied(conn: &Connection) -> Result<Vec<(u32, String)>, OpenError> {
    let mut select = conn.prepare("SELECT number, checksum FROM schema_migrations ORDER BY number")?;
    let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The name says before which step the copy was made; an older copy of the same name is from a start that failed, and
/// the database has not changed since.
fn copy_before(conn: &Connection, path: &Path, number: u32) -> Result<PathBuf, OpenError> {
    let copy = path.with_extension(format!("db.before-{number:04}"));
    if !copy.exists() {
        // Under another name until it is whole.
        let partial = path.with_extension("db.copying");
        let target = partial
            .to_str()
            .ok_or_else(|| OpenError::Database("the directory's name is not UTF-8".into()))?;
        let io = |what, source| OpenError::Io { what, source };
        if partial.exists() {
            std::fs::remove_file(&partial).map_err(|source| io("remove an unfinished copy", source))?;
        }
        conn.execute("VACUUM INTO ?1", [target])?;
        std::fs::rename(&partial, &copy).map_err(|source| io("name the copy", source))?;
    }
    Ok(copy)
}

fn checksum(sql: &str) -> String {
    Sha256::digest(sql.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Migration = Migration {
        number: 1,
        name: "one",
        sql: "CREATE TABLE a (n INTEGER) STRICT",
    };
    const SECOND: Migration = Migration {
        number: 2,
        name: "two",
        sql: "ALTER TABLE a ADD COLUMN m INTEGER",
    };

    fn open(name: &str) -> (Connection, PathBuf, crate::sqlite::FreshDir) {
        let dir = crate::sqlite::fresh_dir(name);
        let path = dir.join("broadside.db");
        (Connection::open(&path).unwrap(), path, dir)
    }

    fn now() -> Timestamp {
        "2026-11-22T09:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_database_that_holds_something_is_copied_before_it_is_changed() {
        let (mut conn, path, _dir) = open("copied");
        assert_eq!(migrate(&mut conn, &path, &[FIRST], now()).unwrap(), None);
        conn.execute("INSERT INTO a VALUES (7)", []).unwrap();
        let copy = migrate(&mut conn, &path, &[FIRST, SECOND], now()).unwrap().unwrap();
        assert!(copy.ends_with("broadside.db.before-0002"));
        let old = Connection::open(copy).unwrap();
        assert_eq!(
            old.query_row("SELECT n FROM a", [], |row| row.get::<_, i64>(0))
                .unwrap(),
            7
        );
        assert!(old.prepare("SELECT m FROM a").is_err());
        conn.prepare("SELECT m FROM a").unwrap();
        assert_eq!(migrate(&mut conn, &path, &[FIRST, SECOND], now()).unwrap(), None);
    }

    #[test]
    fn a_newer_schema_is_refused_in_clear_words() {
        let (mut conn, path, _dir) = open("newer");
        migrate(&mut conn, &path, &[FIRST, SECOND], now()).unwrap();
        let error = migrate(&mut conn, &path, &[FIRST], now()).unwrap_err();
        assert!(matches!(error, OpenError::NewerSchema { found: 2, known: 1 }));
        assert!(error.to_string().contains("newer"), "{error}");
    }

    #[test]
    fn a_step_that_was_changed_after_its_release_is_noticed() {
        let (mut conn, path, _dir) = open("changed");
        migrate(&mut conn, &path, &[FIRST], now()).unwrap();
        let changed = Migration {
            sql: "CREATE TABLE b (n INTEGER) STRICT",
            ..FIRST
        };
        let error = migrate(&mut conn, &path, &[changed], now()).unwrap_err();
        assert!(matches!(error, OpenError::ChangedMigration { number: 1 }));
    }

    #[test]
    fn a_step_that_fails_leaves_nothing_behind() {
        let (mut conn, path, _dir) = open("fails");
        let broken = Migration {
            sql: "CREATE TABLE b (n INTEGER) STRICT; SELECT nonsense",
            ..FIRST
        };
        assert!(migrate(&mut conn, &path, &[broken], now()).is_err());
        assert!(conn.prepare("SELECT n FROM b").is_err());
    }
}
