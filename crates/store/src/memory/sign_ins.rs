//! Sign-ins under way and connection pages.

use std::sync::Arc;

use domain::ids::{LinkId, SignInId};
use domain::secret::SecretBytes;
use jiff::Timestamp;

use super::groups::at_most;
use super::state::{SignInEntry, State};
use crate::{
    Conflict, ConnectLink, Error, LINKS_OPEN_MAX, NewSignIn, Reach, Result, SIGN_INS_OPEN_MAX, SignInPhase, SignInRow,
    TakeRefused, rules,
};

impl State {
    pub(super) fn begin_sign_in(&mut self, new: NewSignIn) -> Result<()> {
        self.live_user(new.owner).ok_or(Error::NotFound)?;
        let is_mine = |id| self.account_row(id).is_some_and(|row| row.account.owner == new.owner);
        let is_my_page = |id| {
            self.links
                .iter()
                .any(|(link, _)| link.id == id && link.owner == new.owner)
        };
        if !new.account.is_none_or(is_mine) || !new.link.is_none_or(is_my_page) {
            return Err(Error::NotFound);
        }
        let is_open = |entry: &&Arc<SignInEntry>| {
            !entry.taken && entry.row.owner == new.owner && entry.row.expires_at > new.created_at
        };
        if self.sign_ins.iter().filter(is_open).count() >= at_most(SIGN_INS_OPEN_MAX) {
            return Err(Conflict::TooManySignIns(SIGN_INS_OPEN_MAX).into());
        }
        self.refuse_used(new.secret_hash)?;
        self.sign_ins.push(Arc::new(SignInEntry {
            row: SignInRow {
                id: new.id,
                owner: new.owner,
                platform: new.platform,
                link: new.link,
                account: new.account,
                return_to: new.return_to,
                redirect_uri: new.redirect_uri,
                phase: SignInPhase::Authorizing,
                memory: new.memory,
                created_at: new.created_at,
                expires_at: new.expires_at,
            },
            secrets: vec![new.secret_hash],
            taken: false,
        }));
        Ok(())
    }

    fn refuse_used(&self, secret: [u8; 32]) -> Result<()> {
        if self.sign_ins.iter().any(|entry| entry.secrets.contains(&secret)) {
            Err(Conflict::SecretUsed.into())
        } else {
            Ok(())
        }
    }

    pub(super) fn found_sign_in(
        &self,
        secret: [u8; 32],
        now: Timestamp,
    ) -> std::result::Result<SignInRow, TakeRefused> {
        let found = self
            .sign_ins
            .iter()
            .find(|entry| entry.secrets.contains(&secret) && self.live_user(entry.row.owner).is_some());
        let found = found.map(|entry| (entry.row.clone(), !entry.taken && entry.secrets.last() == Some(&secret)));
        rules::taken(found, now)
    }

    pub(super) fn take_sign_in(
        &mut self,
        secret: [u8; 32],
        now: Timestamp,
    ) -> std::result::Result<SignInRow, TakeRefused> {
        let taken = self.found_sign_in(secret, now)?;
        for entry in self.sign_ins.iter_mut().filter(|entry| entry.row.id == taken.id) {
            let entry = Arc::make_mut(entry);
            entry.taken = true;
            entry.row.memory = SecretBytes::default();
        }
        Ok(taken)
    }

    pub(super) fn offer_choice(
        &mut self,
        id: SignInId,
        secret: [u8; 32],
        memory: SecretBytes,
        expires_at: Timestamp,
    ) -> Result<()> {
        self.refuse_used(secret)?;
        let entry = self.sign_ins.iter_mut().find(|entry| entry.row.id == id && entry.taken);
        let entry = entry.map(Arc::make_mut).ok_or(Error::NotFound)?;
        entry.taken = false;
        entry.secrets.push(secret);
        entry.row.phase = SignInPhase::Choosing;
        entry.row.memory = memory;
        entry.row.expires_at = expires_at;
        Ok(())
    }

    pub(super) fn add_link(&mut self, link: ConnectLink, token: [u8; 32]) -> Result<()> {
        self.live_user(link.owner).ok_or(Error::NotFound)?;
        let works = |(other, _): &&(ConnectLink, [u8; 32])| {
            other.owner == link.owner && other.revoked_at.is_none() && other.expires_at > link.created_at
        };
        if self.links.iter().filter(works).count() >= at_most(LINKS_OPEN_MAX) {
            return Err(Conflict::TooManyLinks(LINKS_OPEN_MAX).into());
        }
        if self.links.iter().any(|(_, other)| *other == token) {
            return Err(Conflict::SecretUsed.into());
        }
        self.links.push((link, token));
        Ok(())
    }

    pub(super) fn link(&self, token: [u8; 32]) -> Option<ConnectLink> {
        let (link, _) = self.links.iter().find(|(_, other)| *other == token)?;
        self.live_user(link.owner).map(|_| link.clone())
    }

    pub(super) fn revoke_link(&mut self, reach: &Reach, id: LinkId, at: Timestamp) -> Result<()> {
        let mut links = self.links.iter_mut().map(|(link, _)| link);
        let link = links.find(|link| link.id == id && link.owner == reach.owner);
        link.ok_or(Error::NotFound)?.revoked_at.get_or_insert(at);
        Ok(())
    }

    /// Forgets sign-ins and pages that expired long ago.
    pub(super) fn forget_expired(&mut self, now: Timestamp) {
        let by = rules::forgotten_by(now);
        self.sign_ins.retain(|entry| entry.row.expires_at > by);
        self.links.retain(|(link, _)| link.expires_at > by);
    }
}
