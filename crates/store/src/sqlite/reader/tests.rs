//! Tests of connections that are shared, and of what a read sees.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::sqlite::fresh_dir;

/// Readers of an empty database, and how often it was opened.
fn readers() -> (Readers, Arc<AtomicUsize>) {
    let opened = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&opened);
    let connect = move || {
        counted.fetch_add(1, Ordering::SeqCst);
        let conn = Connection::open_in_memory()?;
        let vault = Arc::new(Vault::from_keys(&[domain::secret::SecretBytes::new(vec![7; 32])]).unwrap());
        Ok(Db { conn, vault })
    };
    (Readers::new(2, Arc::new(Pool::new(Box::new(connect)))), opened)
}

fn two(db: &Db) -> Result<Option<i64>> {
    db.one("SELECT 2", [], |row| Ok(row.get(0)?))
}

#[tokio::test]
async fn reads_one_after_another_share_a_connection_and_none_is_opened_before_the_first() {
    let (readers, opened) = readers();
    assert_eq!(opened.load(Ordering::SeqCst), 0);
    for _ in 0..3 {
        assert_eq!(readers.quick(two).unwrap(), Some(2));
        assert_eq!(readers.call(two).await.unwrap(), Some(2));
    }
    assert_eq!(opened.load(Ordering::SeqCst), 1);
}

#[test]
fn reads_at_once_have_a_connection_each_and_a_thread_gets_its_own_again() {
    let (readers, opened) = readers();
    let address = |db: &Db| Ok(std::ptr::from_ref(db).addr());
    let outer = readers.quick(|db| {
        let inner = std::thread::scope(|scope| scope.spawn(|| readers.quick(address)).join().unwrap());
        assert_ne!(inner?, address(db)?);
        address(db)
    });
    assert_eq!(opened.load(Ordering::SeqCst), 2);
    for _ in 0..3 {
        assert_eq!(readers.quick(address).unwrap(), outer.as_ref().copied().unwrap());
    }
}

#[test]
fn a_read_with_a_bug_is_an_error_and_costs_no_connection() {
    let (readers, opened) = readers();
    let broken = readers.quick(|_| -> Result<()> { panic!("a bug") });
    assert!(matches!(broken, Err(Error::Unavailable(_))));
    assert!(
        readers.pool.free()[0].1.db.conn.is_autocommit(),
        "the transaction is over"
    );
    readers.quick(two).unwrap();
    assert_eq!(opened.load(Ordering::SeqCst), 1);
}

/// A database of one table in a file, a connection that writes to it, and readers.
fn counted(dir: &Path) -> (Connection, Readers) {
    let path = dir.join("counted.db");
    let writing = Connection::open(&path).unwrap();
    writing.pragma_update(None, "journal_mode", "wal").unwrap();
    writing.execute_batch("CREATE TABLE t (n)").unwrap();
    let connect = move || {
        let conn = Connection::open(&path)?;
        let vault = Arc::new(Vault::from_keys(&[domain::secret::SecretBytes::new(vec![7; 32])]).unwrap());
        Ok(Db { conn, vault })
    };
    (writing, Readers::new(2, Arc::new(Pool::new(Box::new(connect)))))
}

fn count(db: &Db) -> Result<Option<i64>> {
    db.one("SELECT count(*) FROM t", [], |row| Ok(row.get(0)?))
}

#[test]
fn reads_without_a_commit_between_see_one_state_and_after_it_the_next() {
    let dir = fresh_dir("views");
    let (writing, readers) = counted(&dir);
    assert_eq!(readers.quick(count).unwrap(), Some(0));
    writing.execute_batch("INSERT INTO t VALUES (1)").unwrap();
    assert_eq!(
        readers.quick(count).unwrap(),
        Some(0),
        "nobody was told of the commit yet"
    );
    readers.pool.refresh();
    assert_eq!(readers.quick(count).unwrap(), Some(1));
}

#[test]
fn a_read_under_way_sees_one_state_whatever_is_committed_meanwhile() {
    let dir = fresh_dir("one-state");
    let (writing, readers) = counted(&dir);
    let counts = readers.quick(|db| {
        let before = count(db)?;
        writing.execute_batch("INSERT INTO t VALUES (1)").unwrap();
        readers.pool.refresh();
        readers.pool.make_way();
        Ok((before, count(db)?))
    });
    assert_eq!(counts.unwrap(), (Some(0), Some(0)));
    assert_eq!(readers.quick(count).unwrap(), Some(1));
}

#[test]
fn a_connection_that_nobody_reads_with_makes_way() {
    let dir = fresh_dir("way");
    let (writing, readers) = counted(&dir);
    writing.execute_batch("INSERT INTO t VALUES (1)").unwrap();
    readers.quick(count).unwrap();
    let is_busy = || -> bool {
        writing
            .query_row("PRAGMA wal_checkpoint(RESTART)", [], |row| row.get(0))
            .unwrap()
    };
    writing.busy_timeout(std::time::Duration::ZERO).unwrap();
    assert!(is_busy(), "the log cannot begin anew");
    readers.pool.make_way();
    assert!(!is_busy());
}
