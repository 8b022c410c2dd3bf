//! Threads that read, each with its own connection that cannot write.

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

/// The way to the reading threads.
#[derive(Debug)]
pub(super) struct Readers {
    queue: Option<mpsc::Sender<Read>>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Starts one thread a connection.
    pub(super) fn start(connections: Vec<Db>) -> std::io::Result<Self> {
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
        })
    }

    /// Runs a read and returns what it found.
    pub(super) async fn call<T, F>(&self, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Db) -> Result<T> + Send + 'static,
    {
        let stopped = || Error::Unavailable("the readers have stopped".to_owned());
        let (reply, answer) = oneshot::channel();
        let job: Read = Box::new(move |db| {
            let read = std::panic::AssertUnwindSafe(|| read(db));
            let found = std::panic::catch_unwind(read)
                .unwrap_or_else(|_| Err(Error::Unavailable("the verb has a bug".to_owned())));
            // A read that broke off may have left its transaction open.
            if !db.conn.is_autocommit() {
                drop(rows::run(&db.conn, sql::ROLLBACK));
            }
            drop(reply.send(found));
        });
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
