//! What the clients asked for and were promised: the third witness, beside the store and the world outside.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A group as its client knows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Made {
    /// Its place among the groups of the run.
    pub(crate) number: usize,
    /// Its id; none when its creation was refused.
    pub(crate) id: Option<String>,
    /// What it says now.
    pub(crate) text: String,
    /// Where it goes now, by places in the list of accounts.
    pub(crate) targets: Vec<usize>,
    pub(crate) is_draft: bool,
    /// When it goes out, as the last answer about it said.
    pub(crate) planned_at: Option<String>,
    /// SHA-256 of each of its files, in lower-case hex and in order.
    pub(crate) files: Vec<String>,
    pub(crate) is_deleted: bool,
}

/// How often clients did what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Calls {
    pub(crate) uploads: usize,
    pub(crate) imports: usize,
    pub(crate) edits: usize,
    pub(crate) edits_too_late: usize,
    pub(crate) deletes: usize,
    pub(crate) retries: usize,
}

#[derive(Debug, Default)]
struct Inner {
    made: Vec<Made>,
    calls: Calls,
    wrong: Vec<String>,
}

/// The book of a run.
#[derive(Debug, Default)]
pub(crate) struct Book(Mutex<Inner>);

impl Book {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client is done with a group.
    pub(crate) fn done(&self, made: Made) {
        self.lock().made.push(made);
    }

    /// How many groups clients are done with.
    pub(crate) fn count(&self) -> usize {
        self.lock().made.len()
    }

    pub(crate) fn did(&self, add: impl FnOnce(&mut Calls)) {
        add(&mut self.lock().calls);
    }

    pub(crate) fn calls(&self) -> Calls {
        self.lock().calls
    }

    /// An answer was not what a client has to reckon with.
    pub(crate) fn wrong(&self, what: String) {
        self.lock().wrong.push(what);
    }

    pub(crate) fn wrongs(&self) -> Vec<String> {
        self.lock().wrong.clone()
    }

    /// All groups, in the order in which clients were done with them.
    pub(crate) fn made(&self) -> Vec<Made> {
        self.lock().made.clone()
    }
}
