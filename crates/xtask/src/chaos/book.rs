//! What the clients have done: shared between them, the killer and the verdict.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// How far a deletion has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Deletion {
    /// Nobody wants it deleted.
    #[default]
    None,
    /// It was asked for; the answer is not known yet.
    Asked,
    /// The server said that it is done.
    Done,
}

/// A post of the run.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Its text, which no other post of the run has.
    pub(crate) text: String,
    /// Its target, by its place in the list of targets.
    pub(crate) target: usize,
    /// The group's id, once its creation was answered 200.
    pub(crate) group: Option<String>,
    /// Whether a client has it deleted.
    pub(crate) deletion: Deletion,
}

/// A post to be made.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// Its place in the book.
    pub(crate) index: usize,
    /// Its text.
    pub(crate) text: String,
    /// Its target, by its place in the list of targets.
    pub(crate) target: usize,
}

/// How often clients did what.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Calls {
    pub(crate) retried: usize,
    pub(crate) edited: usize,
    pub(crate) deleted: usize,
}

#[derive(Debug)]
struct Inner {
    entries: Vec<Entry>,
    /// How many posts may have been begun by now.
    allowed: usize,
    /// Targets that the next posts must go to.
    wanted: VecDeque<usize>,
    closed: bool,
    rng: StdRng,
    refused: Vec<String>,
    calls: Calls,
}

/// The book of a run.
#[derive(Debug)]
pub(crate) struct Book {
    inner: Mutex<Inner>,
    seed: u64,
    /// Targets that posts go to by chance: the first so many of the list.
    targets: usize,
}

impl Book {
    /// An empty book for posts to `targets` targets, chosen by `seed`.
    pub(crate) fn new(seed: u64, targets: usize) -> Self {
        let inner = Inner {
            entries: Vec::new(),
            allowed: 0,
            wanted: VecDeque::new(),
            closed: false,
            rng: StdRng::seed_from_u64(seed),
            refused: Vec::new(),
            calls: Calls::default(),
        };
        Self {
            inner: Mutex::new(inner),
            seed,
            targets,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next post that may be made now.
    pub(crate) fn take(&self) -> Option<Job> {
        let mut inner = self.lock();
        let index = inner.entries.len();
        if index >= inner.allowed {
            return None;
        }
        let by_chance = inner.rng.random_range(0..self.targets);
        let target = inner.wanted.pop_front().unwrap_or(by_chance);
        let text = format!("chaos {} {index}", self.seed);
        inner.entries.push(Entry {
            text: text.clone(),
            target,
            group: None,
            deletion: Deletion::None,
        });
        Some(Job { index, text, target })
    }

    /// Lets `more` further posts be made.
    pub(crate) fn allow(&self, more: usize) {
        self.lock().allowed += more;
    }

    /// Lets `count` further posts be made, which go to this target.
    pub(crate) fn allow_for(&self, target: usize, count: usize) {
        let mut inner = self.lock();
        inner.allowed += count;
        inner.wanted.extend(std::iter::repeat_n(target, count));
    }

    /// How many posts were allowed so far.
    pub(crate) fn allowed(&self) -> usize {
        self.lock().allowed
    }

    /// No more posts will be allowed.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    /// Whether every post that will ever be allowed was begun.
    pub(crate) fn is_over(&self) -> bool {
        let inner = self.lock();
        inner.closed && inner.entries.len() >= inner.allowed
    }

    /// The creation was answered 200.
    pub(crate) fn accepted(&self, index: usize, group: String) {
        if let Some(entry) = self.lock().entries.get_mut(index) {
            entry.group = Some(group);
        }
    }

    /// The creation was refused.
    pub(crate) fn refused(&self, why: String) {
        self.lock().refused.push(why);
    }

    /// An accepted post that nobody has deleted, by chance.
    pub(crate) fn any(&self, rng: &mut StdRng) -> Option<(usize, String)> {
        let inner = self.lock();
        if inner.entries.is_empty() {
            return None;
        }
        let index = rng.random_range(0..inner.entries.len());
        let entry = inner
            .entries
            .get(index)
            .filter(|entry| entry.deletion == Deletion::None)?;
        Some((index, entry.group.clone()?))
    }

    /// Notes how far a deletion has come.
    pub(crate) fn deletion(&self, index: usize, deletion: Deletion) {
        if let Some(entry) = self.lock().entries.get_mut(index) {
            entry.deletion = deletion;
        }
    }

    /// How many posts were deleted or are being deleted, and how many were accepted.
    pub(crate) fn deletions(&self) -> (usize, usize) {
        let inner = self.lock();
        let deleted = inner
            .entries
            .iter()
            .filter(|entry| entry.deletion != Deletion::None)
            .count();
        (
            deleted,
            inner.entries.iter().filter(|entry| entry.group.is_some()).count(),
        )
    }

    /// Counts calls.
    pub(crate) fn count(&self, add: impl FnOnce(&mut Calls)) {
        add(&mut self.lock().calls);
    }

    /// How often clients did what.
    pub(crate) fn calls(&self) -> Calls {
        self.lock().calls
    }

    /// All posts.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.lock().entries.clone()
    }

    /// What the server said to creations that it refused.
    pub(crate) fn refusals(&self) -> Vec<String> {
        self.lock().refused.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_texts_and_targets() {
        let take_all = || {
            let book = Book::new(7, 5);
            book.allow(20);
            std::iter::from_fn(|| book.take())
                .map(|job| (job.text, job.target))
                .collect::<Vec<_>>()
        };
        assert_eq!(take_all(), take_all());
        assert_eq!(take_all().len(), 20);
    }

    #[test]
    fn no_more_posts_are_made_than_allowed_and_wanted_targets_come_first() {
        let book = Book::new(1, 1);
        assert!(book.take().is_none());
        book.allow_for(9, 1);
        book.allow(1);
        assert_eq!(book.take().unwrap().target, 9);
        assert_eq!(book.take().unwrap().target, 0);
        assert!(book.take().is_none());
        book.close();
        assert!(book.is_over());
        book.accepted(0, "g".to_owned());
        book.refused("no".to_owned());
        assert_eq!((book.deletions(), book.refusals().len()), ((0, 1), 1));
    }
}
