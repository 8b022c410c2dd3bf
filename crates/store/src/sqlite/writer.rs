//! The one thread that writes.
//!
//! It takes whatever has queued, runs each command in a savepoint of one transaction, commits once and then answers all:
//! while one commit waits for the disk, the next batch gathers by itself. Only on a slow disk a batch waits, a fraction of a
//! flush, for those whom the last commit has just answered ([`Gathering`]).
//! A command whose transaction did not commit was never done, and its caller is told so.
//!
//! A savepoint costs a copy of every page that its command touches. Verbs that check everything before their first
//! write do without ([`Writer::call_checked`]); should one fail after a write all the same, its whole batch is undone.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use tokio::sync::{mpsc, oneshot};

use self::gathering::Gathering;
use super::open::BeforeCommit;
use super::reader::Pool;
use super::tx::Tx;
use super::{Fatal, sql};
use crate::{CommitStats, Error, Result};

/// How many commands may wait; beyond, their senders do.
const QUEUE_MAX: usize = 1_024;
/// The most commands in one commit, unless the store is opened otherwise.
pub(super) const BATCH_MAX: usize = 256;
/// After so many commits the log is folded back into the database as soon as nobody waits.
const CHECKPOINT_EVERY: u32 = 256;

/// The way to the writing thread.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Command>>>,
    thread: Option<JoinHandle<()>>,
    counters: Arc<Counters>,
}

/// How the thread behaves.
pub(super) struct Habits {
    /// The most commands in one commit.
    pub(super) batch_max: usize,
    /// See [`super::OpenOptions::before_commit`].
    pub(super) before_commit: Option<BeforeCommit>,
    /// Hears of a commit that failed; afterwards nothing is written any more.
    pub(super) fatal: Fatal,
}

#[derive(Debug, Default)]
struct Counters {
    commits: AtomicU64,
    commands: AtomicU64,
    largest: AtomicU64,
}

/// A verb on its way: it runs inside the transaction and answers after the commit.
trait Command: Send {
    /// Runs it; `false` when it refused and what it wrote is to be rolled back.
    fn run(&mut self, tx: &mut Tx) -> bool;
    /// Whether it refuses only before its first write.
    fn checks_first(&self) -> bool;
    /// Says that it failed before it could say so itself.
    fn fail(&mut self, error: Error);
    /// Answers the caller.
    fn answer(self: Box<Self>);
}

struct Job<T, F> {
    work: Option<F>,
    checks_first: bool,
    outcome: Result<T>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T: Send, F: FnOnce(&mut Tx) -> Result<T> + Send> Command for Job<T, F> {
    fn run(&mut self, tx: &mut Tx) -> bool {
        if let Some(work) = self.work.take() {
            self.outcome = work(tx);
        }
        self.outcome.is_ok()
    }

    fn checks_first(&self) -> bool {
        self.checks_first
    }

    fn fail(&mut self, error: Error) {
        self.outcome = Err(error);
    }

    fn answer(self: Box<Self>) {
        // A caller that has gone away hears nothing; what it asked for is done all the same.
        drop(self.reply.send(self.outcome));
    }
}

fn stopped() -> Error {
    Error::Unavailable("the writer has stopped".to_owned())
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(tx: Tx, habits: Habits, readers: Arc<Pool>) -> std::io::Result<Self> {
        let (queue, commands) = mpsc::channel(QUEUE_MAX);
        let counters = Arc::new(Counters::default());
        let state = Loop {
            commands,
            tx,
            habits,
            readers,
            counters: Arc::clone(&counters),
            gathering: Gathering::default(),
            unfolded: 0,
        };
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || state.run())?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            counters,
        })
    }

    /// Runs a verb in the next transaction and returns when that is durable.
    pub(super) async fn call<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx) -> Result<T> + Send + 'static,
    {
        self.run(work, false).await
    }

    /// As [`Writer::call`], for a verb that refuses only before its first write: it runs without a savepoint.
    pub(super) async fn call_checked<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx) -> Result<T> + Send + 'static,
    {
        self.run(work, true).await
    }

    /// As [`Writer::call_checked`] or [`Writer::call`], which only the arguments of the verb can tell.
    pub(super) async fn run<T, F>(&self, work: F, checks_first: bool) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Tx) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Job {
            work: Some(work),
            checks_first,
            outcome: Err(stopped()),
            reply,
        };
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send(Box::new(job)).await.map_err(|_| stopped())?;
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }

    pub(super) fn stats(&self) -> CommitStats {
        CommitStats {
            commits: self.counters.commits.load(Ordering::Relaxed),
            commands: self.counters.commands.load(Ordering::Relaxed),
            largest: self.counters.largest.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Writer {
    /// Ends the thread once it has done what is queued.
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

struct Loop {
    commands: mpsc::Receiver<Box<dyn Command>>,
    tx: Tx,
    habits: Habits,
    readers: Arc<Pool>,
    counters: Arc<Counters>,
    gathering: Gathering,
    /// Commits since the log was folded back.
    unfolded: u32,
}

impl Loop {
    fn run(mut self) {
        while let Some(first) = self.commands.blocking_recv() {
            let batch = self.gather(first);
            let Err(failure) = self.commit(batch) else {
                self.fold_when_idle();
                continue;
            };
            if failure.is_fatal {
                (self.habits.fatal)(&failure.message);
                return;
            }
        }
        // The log goes with the last connection, which must be one that can write.
        drop(self.readers);
        if let Err(error) = self.tx.conn.execute_batch(sql::CHECKPOINT_ALL) {
            tracing::warn!(%error, "the write-ahead log could not be folded back at the end");
        }
    }

    /// What has queued, and on a slow disk what is about to.
    fn gather(&mut self, first: Box<dyn Command>) -> Vec<Box<dyn Command>> {
        let max = self.habits.batch_max;
        let mut batch = vec![first];
        let (expected, patience) = (self.gathering.callers().min(max), self.gathering.patience());
        let begun = gathering::now();
        loop {
            while batch.len() < max
                && let Ok(next) = self.commands.try_recv()
            {
                batch.push(next);
            }
            if batch.len() >= expected || begun.elapsed() >= patience {
                return batch;
            }
            Gathering::pause();
        }
    }

    fn commit(&mut self, mut batch: Vec<Box<dyn Command>>) -> std::result::Result<(), Failure> {
        let done = self.transaction(&mut batch);
        self.gathering.answered(batch.len(), self.commands.len());
        let size = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        match &done {
            Ok(()) => {
                self.counters.commits.fetch_add(1, Ordering::Relaxed);
                self.counters.commands.fetch_add(size, Ordering::Relaxed);
                self.counters.largest.fetch_max(size, Ordering::Relaxed);
                self.unfolded += 1;
            }
            Err(failure) => {
                batch
                    .iter_mut()
                    .for_each(|command| command.fail(Error::Unavailable(failure.message.clone())));
            }
        }
        batch.into_iter().for_each(Command::answer);
        done
    }

    fn transaction(&mut self, batch: &mut [Box<dyn Command>]) -> std::result::Result<(), Failure> {
        self.readers.make_way();
        // Nothing has been done yet when this fails: the callers may try again.
        self.tx.run(sql::BEGIN).map_err(|error| Failure::harmless(&error))?;
        self.tx.start();
        let done = batch.iter_mut().try_for_each(|command| self.command(&mut **command));
        let done = done.and_then(|()| {
            let saved = self.tx.save_counts();
            saved
                .and_then(|()| self.commit_now())
                .map_err(|error| Failure::fatal(&error))
        });
        if done.is_err() && !self.tx.conn.is_autocommit() {
            drop(self.tx.conn.execute_batch(sql::ROLLBACK));
        }
        done
    }

    fn commit_now(&mut self) -> rusqlite::Result<()> {
        let begun = gathering::now();
        if let Some(before_commit) = &self.habits.before_commit {
            before_commit();
        }
        self.tx.run(sql::COMMIT)?;
        self.readers.refresh();
        self.gathering.flushed_in(begun.elapsed());
        Ok(())
    }

    /// Runs one command. An error here is the transaction's, not the command's.
    fn command(&mut self, command: &mut dyn Command) -> std::result::Result<(), Failure> {
        if command.checks_first() {
            return self.checked_command(command);
        }
        self.tx.run(sql::SAVEPOINT).map_err(|error| Failure::fatal(&error))?;
        let done = if self.attempt(command) {
            Ok(())
        } else {
            // SQLite ends the whole transaction on some errors (a full disk); then this fails, and the batch with it.
            self.tx.run(sql::ROLLBACK_TO)
        };
        done.and_then(|()| self.tx.run(sql::RELEASE))
            .map_err(|error| Failure::fatal(&error))
    }

    fn checked_command(&mut self, command: &mut dyn Command) -> std::result::Result<(), Failure> {
        let before = self.tx.conn.total_changes();
        if self.attempt(command) || (self.tx.conn.total_changes() == before && !self.tx.conn.is_autocommit()) {
            return Ok(());
        }
        Err(Failure {
            message: "another verb of the batch failed after it had written".to_owned(),
            is_fatal: false,
        })
    }

    /// Whether the command did what it was to do.
    fn attempt(&mut self, command: &mut dyn Command) -> bool {
        let tx = &mut self.tx;
        let is_done = catch_unwind(AssertUnwindSafe(|| command.run(tx))).unwrap_or_else(|_| {
            command.fail(Error::Unavailable("the verb has a bug and was rolled back".to_owned()));
            false
        });
        self.tx.end_command(is_done);
        is_done
    }

    /// Folds the log back while nobody waits. `wal_autocheckpoint` bounds the log when somebody always does.
    fn fold_when_idle(&mut self) {
        if self.unfolded < CHECKPOINT_EVERY || !self.commands.is_empty() {
            return;
        }
        self.unfolded = 0;
        self.readers.make_way();
        if let Err(error) = self.tx.conn.execute_batch(sql::CHECKPOINT) {
            tracing::warn!(%error, "the write-ahead log could not be folded back");
        }
    }
}

struct Failure {
    message: String,
    is_fatal: bool,
}

impl Failure {
    fn harmless(error: &rusqlite::Error) -> Self {
        Self {
            message: error.to_string(),
            is_fatal: false,
        }
    }

    fn fatal(error: &rusqlite::Error) -> Self {
        Self {
            message: error.to_string(),
            is_fatal: true,
        }
    }
}

mod gathering;

#[cfg(test)]
mod tests;
