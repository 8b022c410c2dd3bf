//! Reads, on connections that cannot write: short ones on the spot, longer ones on threads kept for what blocks.
//!
//! A look-up by key takes tens of microseconds from the page cache, less than handing it to another thread and back
//! would cost. Lists and counts may take milliseconds and must not hold up whoever shares the caller's thread.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

use rusqlite::{Connection, Params, Row};
use tokio::sync::Semaphore;

use super::{rows, sql};
use crate::seal::Vault;
use crate::{Error, Result};

/// Opens a connection that cannot write.
pub(super) type Connect = Box<dyn Fn() -> Result<Db> + Send + Sync>;

/// A connection as a read sees it.
pub(super) struct Db {
    pub(super) conn: Connection,
    pub(super) vault: Arc<Vault>,
}

impl Db {
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

    /// Runs several statements on one state of the database.
    pub(super) fn at_once<T>(&self, read: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        rows::run(&self.conn, sql::BEGIN_READ)?;
        let value = read(self);
        rows::run(&self.conn, sql::COMMIT)?;
        value
    }
}

/// Connections that nobody reads with at the moment, and which thread was the last to read with each. There are never more
/// than reads were under way at once. None is opened before it is needed: an open one keeps a copy of the schema, a quarter
/// of a megabyte, and a server at rest needs one.
struct Pool {
    free: Mutex<Vec<(ThreadId, Box<Db>)>>,
    connect: Connect,
}

impl Pool {
    fn free(&self) -> MutexGuard<'_, Vec<(ThreadId, Box<Db>)>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection for this thread: best the one that it had before, whose memory its core may still have at hand.
    fn take(&self, thread: ThreadId) -> Result<Box<Db>> {
        let mut free = self.free();
        let own = free.iter().position(|(last, _)| *last == thread);
        let taken = match own {
            Some(own) => Some(free.swap_remove(own)),
            None => free.pop(),
        };
        drop(free);
        taken.map_or_else(|| (self.connect)().map(Box::new), |(_, db)| Ok(db))
    }

    /// Runs a read; a panic in it is an error, and leaves no transaction open.
    fn run<T>(&self, read: impl FnOnce(&Db) -> Result<T>) -> Result<T> {
        let thread = std::thread::current().id();
        let db = self.take(thread)?;
        let read = std::panic::AssertUnwindSafe(|| read(&db));
        let found =
            std::panic::catch_unwind(read).unwrap_or_else(|_| Err(Error::Unavailable("the verb has a bug".to_owned())));
        if !db.conn.is_autocommit() {
            drop(rows::run(&db.conn, sql::ROLLBACK));
        }
        self.free().push((thread, db));
        found
    }
}

/// The way to the reading connections.
pub(super) struct Readers {
    pool: Arc<Pool>,
    /// A place for each longer read.
    places: Semaphore,
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readers").finish_non_exhaustive()
    }
}

impl Readers {
    /// No connection yet. At most `long_max` longer reads run at once; others wait.
    pub(super) fn new(long_max: usize, connect: Connect) -> Self {
        Self {
            pool: Arc::new(Pool {
                free: Mutex::default(),
                connect,
            }),
            places: Semaphore::new(long_max),
        }
    }

    /// Runs a look-up by key on the caller's own thread.
    pub(super) fn quick<T>(&self, read: impl FnOnce(&Db) -> Result<T>) -> Result<T> {
        self.pool.run(read)
    }

    /// Runs a read that may take long, on a thread where nothing waits for it, and returns what it found.
    pub(super) async fn call<T, F>(&self, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T> + Send + 'static,
    {
        let stopped = |_| Error::Unavailable("the readers have stopped".to_owned());
        let _place = self.places.acquire().await.map_err(stopped)?;
        let pool = Arc::clone(&self.pool);
        let found = tokio::task::spawn_blocking(move || pool.run(read)).await;
        found.unwrap_or_else(|_| Err(Error::Unavailable("the process is ending".to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

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
        (Readers::new(2, Box::new(connect)), opened)
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
        let broken = readers.quick(|db| -> Result<()> {
            rows::run(&db.conn, sql::BEGIN_READ)?;
            panic!("a bug");
        });
        assert!(matches!(broken, Err(Error::Unavailable(_))));
        readers
            .quick(|db| {
                assert!(db.conn.is_autocommit(), "the transaction is over");
                two(db)
            })
            .unwrap();
        assert_eq!(opened.load(Ordering::SeqCst), 1);
    }
}
