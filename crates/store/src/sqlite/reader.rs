//! Reads, on connections that cannot write: short ones on the spot, longer ones on threads of their own.
//!
//! A look-up by key takes tens of microseconds from the page cache, less than handing it to another thread and back
//! would cost. Lists and counts may take milliseconds and must not hold up whoever shares the caller's thread.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rusqlite::{Connection, Params, Row};
use tokio::sync::{mpsc, oneshot};

use super::{rows, sql};
use crate::seal::Vault;
use crate::{Error, Result};

/// How many reads may wait; beyond, their senders do.
const QUEUE_MAX: usize = 1_024;

type Read = Box<dyn FnOnce(&Db) + Send>;

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

/// The way to the reading connections.
pub(super) struct Readers {
    queue: Option<mpsc::Sender<Read>>,
    threads: Vec<JoinHandle<()>>,
    quick: Vec<Mutex<Db>>,
    next: AtomicUsize,
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readers")
            .field("threads", &self.threads.len())
            .finish_non_exhaustive()
    }
}

/// Runs a read; a panic in it is an error, and leaves no transaction open.
fn run<T>(db: &Db, read: impl FnOnce(&Db) -> Result<T>) -> Result<T> {
    let read = std::panic::AssertUnwindSafe(|| read(db));
    let found =
        std::panic::catch_unwind(read).unwrap_or_else(|_| Err(Error::Unavailable("the verb has a bug".to_owned())));
    if !db.conn.is_autocommit() {
        drop(rows::run(&db.conn, sql::ROLLBACK));
    }
    found
}

impl Readers {
    /// Starts one thread for each of `connections`; those of `quick`, at least one, serve short reads.
    pub(super) fn start(connections: Vec<Db>, quick: Vec<Db>) -> std::io::Result<Self> {
        let (queue, reads) = mpsc::channel::<Read>(QUEUE_MAX);
        let reads = Arc::new(Mutex::new(reads));
        let mut threads = Vec::new();
        for db in connections {
            let reads = Arc::clone(&reads);
            let name = "store-reader".to_owned();
            threads.push(std::thread::Builder::new().name(name).spawn(move || {
                // One thread waits in the queue, the others for the lock: each read goes to whoever is free.
                let next = || reads.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
                while let Some(read) = next() {
                    read(&db);
                }
            })?);
        }
        Ok(Self {
            queue: Some(queue),
            threads,
            quick: quick.into_iter().map(Mutex::new).collect(),
            next: AtomicUsize::new(0),
        })
    }

    /// Runs a look-up by key on the caller's own thread.
    pub(super) fn quick<T>(&self, read: impl FnOnce(&Db) -> Result<T>) -> Result<T> {
        let free = self.quick.iter().find_map(|slot| slot.try_lock().ok());
        let db = match free {
            Some(db) => db,
            None => {
                let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.quick.len().max(1);
                let slot = self.quick.get(turn);
                let slot = slot.ok_or_else(|| Error::Unavailable("there is no connection to read with".to_owned()))?;
                slot.lock().unwrap_or_else(PoisonError::into_inner)
            }
        };
        run(&db, read)
    }

    /// Runs a read that may take long and returns what it found.
    pub(super) async fn call<T, F>(&self, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T> + Send + 'static,
    {
        let stopped = || Error::Unavailable("the readers have stopped".to_owned());
        let (reply, answer) = oneshot::channel();
        let job: Read = Box::new(move |db| drop(reply.send(run(db, read))));
        self.queue
            .as_ref()
            .ok_or_else(stopped)?
            .send(job)
            .await
            .map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}
