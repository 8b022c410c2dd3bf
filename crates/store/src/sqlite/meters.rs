//! What the writing thread knows of plans with a limit, so that nothing is asked about anybody else. There is one
//! writer, so what it knows is what holds.

use std::collections::HashMap;

use domain::ids::UserId;
use jiff::Timestamp;

use crate::usage::Meter;

/// Whose plan users with a limit use up. Changes are undone with the command or the transaction that made them.
#[derive(Default)]
pub(super) struct Meters {
    known: HashMap<UserId, Meter>,
    /// What was known before the changes of this transaction, in their order; and how many of them are of commands that
    /// have ended.
    undo: Vec<(UserId, Option<Meter>)>,
    kept: usize,
    /// The first month that is counted, once older ones have been forgotten in this process.
    counted_from: Option<Timestamp>,
}

impl Meters {
    pub(super) fn of(known: Vec<(UserId, Meter)>) -> Self {
        Self {
            known: known.into_iter().collect(),
            ..Self::default()
        }
    }

    /// The first month that is counted; `None` for all.
    pub(super) const fn counted_from(&self) -> Option<Timestamp> {
        self.counted_from
    }

    /// Forgets the months before this one. Says whether it is news: then their counts are to be deleted.
    pub(super) fn count_from(&mut self, start: Timestamp) -> bool {
        let is_news = self.counted_from.is_none_or(|from| from < start);
        if is_news {
            self.counted_from = Some(start);
        }
        is_news
    }

    /// What is known of a user; `None` when it has no limit.
    pub(super) fn of_user(&self, user: UserId) -> Option<Meter> {
        // Most servers have no limit at all: then not even the id is hashed.
        if self.known.is_empty() {
            return None;
        }
        self.known.get(&user).cloned()
    }

    /// Notes what holds from now on.
    pub(super) fn change(&mut self, user: UserId, meter: Option<Meter>) {
        let before = self.set(user, meter);
        self.undo.push((user, before));
    }

    fn set(&mut self, user: UserId, meter: Option<Meter>) -> Option<Meter> {
        match meter {
            Some(meter) => self.known.insert(user, meter),
            None => self.known.remove(&user),
        }
    }

    /// A command has ended, and was rolled back unless it `is_done`.
    pub(super) fn end_command(&mut self, is_done: bool) {
        if is_done {
            self.kept = self.undo.len();
        } else {
            self.undo_to(self.kept);
        }
    }

    /// Everything of the transaction was undone, if anything was left of it.
    pub(super) fn undo_all(&mut self) {
        self.undo_to(0);
    }

    /// What was changed holds for good.
    pub(super) fn committed(&mut self) {
        self.undo.clear();
        self.kept = 0;
    }

    fn undo_to(&mut self, changes: usize) {
        while self.undo.len() > changes
            && let Some((user, before)) = self.undo.pop()
        {
            self.set(user, before);
        }
        self.kept = changes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::plan::Plan;

    fn meter(posts: u64) -> Option<Meter> {
        let plan = Plan {
            monthly_posts: Some(posts),
            ..Plan::default()
        };
        let payer = UserId::from_bytes([1; 12]);
        Some(Meter { payer, plan })
    }

    #[test]
    fn a_command_that_is_rolled_back_takes_its_changes_with_it_and_no_others() {
        let user = UserId::from_bytes([1; 12]);
        let mut meters = Meters::default();
        meters.change(user, meter(1));
        meters.end_command(true);
        meters.change(user, meter(2));
        meters.change(user, None);
        meters.end_command(false);
        assert_eq!(meters.of_user(user), meter(1));
        meters.undo_all();
        assert_eq!(meters.of_user(user), None, "the batch was undone");
        meters.change(user, meter(3));
        meters.end_command(true);
        meters.committed();
        meters.undo_all();
        assert_eq!(meters.of_user(user), meter(3));
    }
}
