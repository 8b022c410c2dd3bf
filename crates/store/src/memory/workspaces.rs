//! Users that manage others.

use async_trait::async_trait;
use domain::account::{ApiKey, User};
use domain::ids::UserId;
use jiff::Timestamp;

use super::MemoryStore;
use super::groups::at_most;
use super::state::State;
use crate::workspaces::{MANAGED_MAX, Managed, Workspaces};
use crate::{Conflict, ConnectLink, Error, Result};

impl State {
    pub(super) fn managed_by(&self, manager: UserId) -> impl Iterator<Item = &User> {
        self.live_users().filter(move |user| user.manager == Some(manager))
    }

    /// Refuses to give `manager` one more user.
    pub(super) fn room_for_one_more(&self, manager: UserId) -> Result<()> {
        let found = self.live_user(manager);
        found.filter(|user| user.manager.is_none()).ok_or(Error::NotFound)?;
        if self.managed_by(manager).count() >= at_most(MANAGED_MAX) {
            return Err(Conflict::TooManyManaged(MANAGED_MAX).into());
        }
        Ok(())
    }

    fn must_manage(&self, manager: UserId, user: UserId) -> Result<()> {
        let found = self.live_user(user).filter(|user| user.manager == Some(manager));
        found.map(|_| ()).ok_or(Error::NotFound)
    }

    fn set_manager(&mut self, user: UserId, manager: Option<UserId>) {
        let before = self.meters_of(user);
        for row in self.users.iter_mut().filter(|row| row.user.id == user) {
            row.user.manager = manager;
        }
        self.remeter(before);
    }

    fn attach(&mut self, manager: UserId, user: UserId, consent: [u8; 32], now: Timestamp) -> Result<bool> {
        let found = self
            .live_user(user)
            .filter(|_| user != manager)
            .ok_or(Error::NotFound)?;
        if found.manager == Some(manager) {
            return Ok(false);
        }
        let managed_by_another = found.manager.is_some();
        let consents =
            |(_, (hash, expires_at)): &(&UserId, &([u8; 32], Timestamp))| *hash == consent && *expires_at > now;
        match self.consents.iter().find(consents).map(|(of, _)| *of) {
            None => return Err(Conflict::ConsentInvalid.into()),
            Some(of) if of != user => return Err(Conflict::ConsentMismatch.into()),
            Some(_) if managed_by_another => return Err(Conflict::ManagedByAnother.into()),
            Some(_) => {}
        }
        if self.managed_by(user).next().is_some() {
            return Err(Conflict::ManagesOthers.into());
        }
        self.room_for_one_more(manager)?;
        let brought = self.connections(user);
        if brought > 0 {
            self.admit_connections(manager, brought)?;
        }
        self.consents.remove(&user);
        self.set_manager(user, Some(manager));
        Ok(true)
    }

    fn revoke_issued(&mut self, user: UserId, at: Timestamp) {
        for (key, _) in self.keys.iter_mut().filter(|(key, _)| key.user == user) {
            if self.issued.contains(&key.id) {
                key.revoked_at.get_or_insert(at);
            }
        }
    }

    fn end_standing(&mut self, user: UserId, at: Timestamp) {
        for (link, _) in self
            .links
            .iter_mut()
            .filter(|(link, _)| link.owner == user && link.standing)
        {
            link.revoked_at.get_or_insert(at);
        }
    }

    fn let_go(&mut self, user: UserId, at: Timestamp) {
        self.set_manager(user, None);
        self.revoke_issued(user, at);
        self.end_standing(user, at);
    }

    /// Lets go of everybody that a removed user manages.
    pub(super) fn dissolve(&mut self, manager: UserId, at: Timestamp) {
        let managed: Vec<_> = self.managed_by(manager).map(|user| user.id).collect();
        managed.into_iter().for_each(|user| self.let_go(user, at));
    }

    fn standing(&self, user: UserId) -> Option<&ConnectLink> {
        let mut links = self.links.iter().map(|(link, _)| link);
        links.find(|link| link.owner == user && link.standing && link.revoked_at.is_none())
    }
}

#[async_trait]
impl Workspaces for MemoryStore {
    async fn managed_users(&self, manager: UserId, now: Timestamp, limit: u32) -> Result<Vec<Managed>> {
        Ok(self.read(|state| {
            let mut users: Vec<_> = state.managed_by(manager).cloned().collect();
            users.sort_by_key(|user| (user.created_at, user.id));
            users.truncate(at_most(limit));
            let managed = users.into_iter().map(|user| Managed {
                page: state.standing(user.id).filter(|page| page.expires_at > now).cloned(),
                user,
            });
            managed.collect()
        }))
    }

    async fn attach(&self, manager: UserId, user: UserId, consent_hash: [u8; 32], now: Timestamp) -> Result<bool> {
        self.write(|state| state.attach(manager, user, consent_hash, now))
    }

    async fn detach(&self, manager: UserId, user: UserId, at: Timestamp) -> Result<()> {
        self.write(|state| {
            state.must_manage(manager, user)?;
            state.let_go(user, at);
            Ok(())
        })
    }

    async fn replace_key(&self, manager: UserId, key: ApiKey, hash: [u8; 32], max_active: u32) -> Result<()> {
        self.write(|state| {
            state.must_manage(manager, key.user)?;
            state.revoke_issued(key.user, key.created_at);
            let id = key.id;
            state.create_key(key, hash, max_active)?;
            state.issued.insert(id);
            Ok(())
        })
    }

    async fn standing_link(
        &self,
        manager: UserId,
        page: ConnectLink,
        token_hash: [u8; 32],
        rotate: bool,
    ) -> Result<ConnectLink> {
        self.write(|state| {
            state.must_manage(manager, page.owner)?;
            let known = state.standing(page.owner);
            if let Some(known) = known.filter(|known| !rotate && known.expires_at > page.created_at) {
                return Ok(known.clone());
            }
            state.end_standing(page.owner, page.created_at);
            state.add_link(page.clone(), token_hash)?;
            Ok(page)
        })
    }

    async fn add_consent(&self, user: UserId, token_hash: [u8; 32], expires_at: Timestamp) -> Result<()> {
        self.write(|state| {
            state.live_user(user).ok_or(Error::NotFound)?;
            state.consents.insert(user, (token_hash, expires_at));
            Ok(())
        })
    }
}
