//! Users and accounts that the writing thread has seen to be there, so that a create does not look for them again. There is
//! one writer, so what it has seen holds until it removes one.

use std::collections::{HashMap, HashSet};

use domain::ids::{AccountId, UserId};
use domain::platform::Platform;

/// Users and accounts remembered at most; beyond, the memory starts anew.
const REMEMBERED_MAX: usize = 10_000;

/// What is there. What is not there is looked for each time, so that adding one needs no word here.
#[derive(Default)]
pub(super) struct Known {
    users: HashSet<UserId>,
    accounts: HashMap<(UserId, Platform), HashMap<String, AccountId>>,
    count: usize,
    /// Whether the transaction that is running has not been committed yet.
    is_open: bool,
}

impl Known {
    /// A transaction begins. What was seen in one that was undone may not be there.
    pub(super) fn start(&mut self) {
        if self.is_open {
            self.forget();
        }
        self.is_open = true;
    }

    /// The transaction is about to be committed; should that fail, the process ends.
    pub(super) fn committed(&mut self) {
        self.is_open = false;
    }

    /// One was removed, or what was seen was rolled back.
    pub(super) fn forget(&mut self) {
        self.users.clear();
        self.accounts.clear();
        self.count = 0;
    }

    pub(super) fn has_user(&self, user: UserId) -> bool {
        self.users.contains(&user)
    }

    pub(super) fn add_user(&mut self, user: UserId) {
        self.make_room();
        self.users.insert(user);
    }

    /// The connected account of this name.
    pub(super) fn account(&self, owner: UserId, platform: Platform, name: &str) -> Option<AccountId> {
        self.accounts.get(&(owner, platform))?.get(name).copied()
    }

    pub(super) fn add_account(&mut self, owner: UserId, platform: Platform, name: &str, account: AccountId) {
        self.make_room();
        let of_owner = self.accounts.entry((owner, platform)).or_default();
        of_owner.insert(name.to_owned(), account);
    }

    fn make_room(&mut self) {
        if self.count >= REMEMBERED_MAX {
            self.forget();
        }
        self.count += 1;
    }
}
