//! Users and accounts that the writing thread has seen to be there, so that no create or claim looks for them again.
//! There is one writer, so what it has seen holds until it removes one.

use std::collections::{HashMap, HashSet};

use domain::ids::{AccountId, UserId};
use domain::platform::Platform;
use rusqlite::Connection;

use super::{rows, sql};
use crate::Result;

/// Users and accounts remembered at most; beyond, the memory starts anew.
const REMEMBERED_MAX: usize = 10_000;

/// What is there. What is not there is looked for each time, so that adding one needs no word here.
#[derive(Default)]
pub(super) struct Known {
    users: HashSet<UserId>,
    connected: HashSet<AccountId>,
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
        self.connected.clear();
        self.accounts.clear();
        self.count = 0;
    }

    /// Whether there is such a user.
    pub(super) fn is_user(&mut self, conn: &Connection, user: UserId) -> Result<bool> {
        if self.users.contains(&user) {
            return Ok(true);
        }
        let is_user = conn.prepare_cached(sql::IS_USER)?.exists([user.as_bytes()])?;
        if is_user {
            self.make_room();
            self.users.insert(user);
        }
        Ok(is_user)
    }

    /// Whether there is such an account, and it is connected.
    pub(super) fn is_connected(&mut self, conn: &Connection, account: AccountId) -> Result<bool> {
        if self.connected.contains(&account) {
            return Ok(true);
        }
        let is_connected = conn.prepare_cached(sql::IS_CONNECTED)?.exists([account.as_bytes()])?;
        if is_connected {
            self.make_room();
            self.connected.insert(account);
        }
        Ok(is_connected)
    }

    /// The connected account that a target names.
    pub(super) fn account_of(
        &mut self,
        conn: &Connection,
        owner: UserId,
        platform: Platform,
        target: &str,
    ) -> Result<Option<AccountId>> {
        let known = self.accounts.get(&(owner, platform));
        if let Some(account) = known.and_then(|of_owner| of_owner.get(target)) {
            return Ok(Some(*account));
        }
        let name = (owner.as_bytes(), platform.word(), target);
        let account = rows::one(conn, sql::ACCOUNT_OF_TARGET, name, |row| rows::id(row, 0))?;
        if let Some(account) = account {
            self.make_room();
            let of_owner = self.accounts.entry((owner, platform)).or_default();
            of_owner.insert(target.to_owned(), account);
        }
        Ok(account)
    }

    fn make_room(&mut self) {
        if self.count >= REMEMBERED_MAX {
            self.forget();
        }
        self.count += 1;
    }
}
