//! Reads, on connections that cannot write: short ones on the spot, longer ones on threads kept for what blocks.
//!
//! A look-up by key takes tens of microseconds from the page cache, less than handing it to another thread and back
//! would cost. Lists and counts may take milliseconds and must not hold up whoever shares the caller's thread.
//!
//! A read sees one state of the database, however many statements it runs. Reads that follow each other without a commit
//! between see the same one: its transaction stays open, because to begin and end one takes locks that all connections
//! share, a third of what a look-up costs ([`View`]).

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
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
}

/// A connection, and what its open transaction sees.
struct View {
    db: Db,
    /// How many commits there were at least when the open transaction began; `None` when none is open.
    commits: Option<u64>,
}

impl View {
    /// Sees at least so many commits.
    fn see(&mut self, commits: u64) -> Result<()> {
        if self.commits == Some(commits) {
            return Ok(());
        }
        self.end();
        rows::run(&self.db.conn, sql::BEGIN_READ)?;
        self.commits = Some(commits);
        Ok(())
    }

    /// Ends the transaction, if one is open.
    fn end(&mut self) {
        if self.commits.take().is_some() {
            drop(rows::run(&self.db.conn, sql::ROLLBACK));
        }
    }
}

/// Connections that nobody reads with at the moment, and which thread was the last to read with each. There are never more than reads were under way at once. None is
/// opened before it is needed: an open one keeps a copy of the schema, a quarter of a megabyte, and a server at rest
/// needs one.
pub(super) struct Pool {
    free: Mutex<Vec<(ThreadId, Box<View>)>>,
    connect: Connect,
    commits: AtomicU64,
}

impl Pool {
    /// Without a connection yet.
    pub(super) fn new(connect: Connect) -> Self {
        Self {
            free: Mutex::default(),
            connect,
            commits: AtomicU64::new(0),
        }
    }

    /// What is read from now on is not older than the commit before. To be called after each, before anybody hears of it.
    pub(super) fn refresh(&self) {
        self.commits.fetch_add(1, Ordering::Release);
    }

    /// Ends the transactions of connections that nobody reads with. To be called before the log is written or folded
    /// back: it cannot begin anew while somebody sees it.
    pub(super) fn make_way(&self) {
        self.free().iter_mut().for_each(|(_, view)| view.end());
    }

    fn free(&self) -> MutexGuard<'_, Vec<(ThreadId, Box<View>)>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection for this thread: best the one that it had before, whose memory its core may still have at hand.
    fn take(&self, thread: ThreadId) -> Result<Box<View>> {
        let mut free = self.free();
        let own = free.iter().position(|(last, _)| *last == thread);
        let taken = match own {
            Some(own) => Some(free.swap_remove(own)),
            None => free.pop(),
        };
        drop(free);
        if let Some((_, view)) = taken {
            return Ok(view);
        }
        let (db, commits) = ((self.connect)()?, None);
        Ok(Box::new(View { db, commits }))
    }

    /// Runs a read; a panic in it is an error.
    fn run<T>(&self, read: impl FnOnce(&Db) -> Result<T>) -> Result<T> {
        let commits = self.commits.load(Ordering::Acquire);
        let thread = std::thread::current().id();
        let mut view = self.take(thread)?;
        view.see(commits)?;
        let found = catch_unwind(AssertUnwindSafe(|| read(&view.db)))
            .unwrap_or_else(|_| Err(Error::Unavailable("the verb has a bug".to_owned())));
        if found.is_err() {
            view.end();
        }
        self.free().push((thread, view));
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
    /// At most `long_max` longer reads run at once; others wait.
    pub(super) fn new(long_max: usize, pool: Arc<Pool>) -> Self {
        let places = Semaphore::new(long_max);
        Self { pool, places }
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
mod tests;
