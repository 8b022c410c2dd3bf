//! What happens to connections in a random life.

use domain::account::{AccountHealth, Tokens};
use domain::log::{LogEntry, LogKind};
use domain::platform::Platform;
use domain::secret::{SecretBytes, SecretText};

use super::super::Bench;
use super::super::bench::{at, entry};
use super::{Twins, pick, said};
use crate::{AccountLogQuery, ConnectLink, InstanceApp, NewSignIn, Reach, Refreshed, Verification};

fn all() -> AccountLogQuery {
    AccountLogQuery {
        account: None,
        platform: None,
        before: None,
        limit: 100,
    }
}

impl Twins {
    /// A new connection page that works for so many seconds.
    pub(super) fn page(&self, owner: Reach, seconds: i64, standing: bool) -> ConnectLink {
        ConnectLink {
            id: self.model.link_id(),
            owner: owner.owner,
            return_to: None,
            platforms: Vec::new(),
            created_at: at(self.now),
            expires_at: at(self.now + seconds),
            revoked_at: None,
            standing,
        }
    }

    pub(super) async fn connect(&mut self, owner: Reach, who: u8, how: u8) {
        let (platform, name) = [(Platform::Mastodon, "1"), (Platform::Bluesky, "2")][usize::from(how % 2)];
        let mut new = self.model.new_account(&owner, platform, name);
        new.refresh_at = (!how.is_multiple_of(3)).then(|| at(self.now + i64::from(how)));
        let log = entry(LogKind::Connected, self.now);
        let (model, real) = both!(self, |store| store.connect_account(new.clone(), log.clone()));
        if let Ok(account) = &model {
            self.accounts.push((owner, account.id));
        }
        assert_eq!(said(model), said(real), "{who}");
    }

    pub(super) async fn change_account(&mut self, who: u8, how: u8) {
        let Some((owner, account)) = pick(&self.accounts, who) else {
            return;
        };
        let (now, version) = (self.now, u32::from(how % 3) + 1);
        match how % 5 {
            0 => {
                let log = entry(LogKind::Disconnected, now);
                let (model, real) = both!(self, |store| store.remove_account(
                    &owner,
                    account,
                    at(now),
                    log.clone()
                ));
                assert_eq!(said(model), said(real));
            }
            1 => {
                let (model, real) = both!(self, |store| store.begin_refresh(account, version, at(now)));
                assert_eq!(said(model), said(real));
            }
            2 | 3 => {
                let end = match how % 15 {
                    2 | 3 => Refreshed::Refused,
                    7 => Refreshed::NotMade,
                    _ => Refreshed::Renewed(Tokens {
                        access: "new".into(),
                        expires_at: Some(at(now + 60)),
                        ..Tokens::default()
                    }),
                };
                let look = Some(at(now + i64::from(who)));
                let log = entry(LogKind::TokenRefreshed, now);
                let (model, real) = both!(self, |store| store.finish_refresh(
                    account,
                    version,
                    end.clone(),
                    look,
                    log.clone()
                ));
                assert_eq!(said(model), said(real));
            }
            _ => {
                let (model, real) = both!(self, |store| store.set_health(account, AccountHealth::RefreshNeeded));
                assert_eq!(said(model), said(real));
            }
        }
    }

    /// Something becomes known of an account, or is asked.
    pub(super) async fn care(&mut self, who: u8, how: u8) {
        let Some((owner, account)) = pick(&self.accounts, who) else {
            return;
        };
        let now = self.now;
        let log = LogEntry {
            account: Some(account),
            platform: Some(Platform::Mastodon),
            ..entry(LogKind::ReconnectNeeded, now)
        };
        match how % 6 {
            0 => {
                let look = (!how.is_multiple_of(4)).then(|| at(now + i64::from(how)));
                let log = how.is_multiple_of(5).then_some(log);
                let (model, real) = both!(self, |store| store.put_off_refresh(account, look, log.clone()));
                assert_eq!(said(model), said(real));
            }
            1 => {
                let told = Verification {
                    scopes: vec![how.to_string()],
                    missing: Vec::new(),
                    identity: None,
                    at: at(now),
                };
                let (model, real) = both!(self, |store| store.verify_account(account, told.clone(), log.clone()));
                assert_eq!(said(model), said(real));
            }
            2 => {
                let (model, real) = both!(self, |store| store.refreshes_due(at(now), u32::from(how % 3) + 1));
                assert_eq!(said(model), said(real));
            }
            3 => {
                let (model, real) = both!(self, |store| store.unfinished_refresh(account));
                assert_eq!(said(model), said(real));
                let (model, real) = both!(self, |store| store.has_open_intents(account));
                assert_eq!(said(model), said(real));
            }
            4 => {
                let other = self.owners[usize::from(how) % self.owners.len()];
                let (model, real) = both!(self, |store| store.log_connection(&other, log.clone()));
                assert_eq!(said(model), said(real));
            }
            _ if how > 240 => {
                let (model, real) = both!(self, |store| store.remove_user(owner.owner, at(now)));
                assert_eq!(said(model), said(real));
            }
            _ => {
                let (model, real) = both!(self, |store| store.account_reports(&owner, at(now), 9));
                assert_eq!(said(model), said(real));
            }
        }
    }

    /// Somebody signs in, or tries to with a secret that was used, or offers or opens a page.
    pub(super) async fn sign_in(&mut self, owner: Reach, who: u8, how: u8) {
        let (now, secret) = (self.now, [who % 12; 32]);
        match how % 7 {
            0 | 1 => {
                let new = NewSignIn {
                    id: self.model.sign_in_id(),
                    owner: owner.owner,
                    platform: Platform::X,
                    link: pick(&self.links, who).filter(|_| how.is_multiple_of(2)),
                    account: pick(&self.accounts, who)
                        .map(|(_, id)| id)
                        .filter(|_| how.is_multiple_of(3)),
                    return_to: None,
                    redirect_uri: "https://broadside.example/connect/callback".to_owned(),
                    secret_hash: secret,
                    memory: SecretBytes::new(vec![how]),
                    created_at: at(now),
                    expires_at: at(now + i64::from(how) * 4),
                };
                let (model, real) = both!(self, |store| store.begin_sign_in(new.clone()));
                assert_eq!(said(model), said(real));
            }
            2 | 3 => {
                let (model, real) = both!(self, |store| store.take_sign_in(secret, at(now)));
                if let Ok(Ok(taken)) = &model {
                    self.sign_ins.push(taken.id);
                }
                assert_eq!(said(model), said(real));
            }
            4 => {
                let Some(id) = pick(&self.sign_ins, how) else { return };
                let memory = SecretBytes::new(vec![who]);
                let until = at(now + 500);
                let (model, real) = both!(self, |store| store.offer_choice(id, secret, memory.clone(), until));
                assert_eq!(said(model), said(real));
            }
            5 => {
                let link = self.page(owner, i64::from(how), false);
                let (model, real) = both!(self, |store| store.add_link(link.clone(), secret));
                if model.is_ok() {
                    self.links.push(link.id);
                }
                assert_eq!(said(model), said(real));
            }
            _ => {
                let Some(link) = pick(&self.links, how) else { return };
                let (model, real) = both!(self, |store| store.revoke_link(&owner, link, at(now)));
                assert_eq!(said(model), said(real));
                let app = InstanceApp {
                    id: how.to_string(),
                    secret: SecretText::from("secret"),
                };
                let origin = format!("https://{}.example", who % 3);
                let (model, real) = both!(self, |store| store.remember_app(
                    Platform::Mastodon,
                    &origin,
                    app.clone()
                ));
                assert_eq!(said(model), said(real));
            }
        }
    }

    /// Everything that can be read of an owner's connections.
    pub(super) async fn connections(&self, store: &Bench, owner: &Reach) -> Vec<String> {
        let log = store.account_log(owner, all()).await.unwrap();
        let mut log: Vec<_> = log.into_iter().map(|record| record.entry).collect();
        // Entries of one moment are ordered by their ids, which each back end mints for itself.
        log.sort_by_key(|entry| (entry.at, format!("{entry:?}")));
        let mut held = vec![
            said(Ok(log)),
            said(store.account_reports(owner, at(self.now), 1_000).await),
            said(store.refreshes_due(at(self.now), 1_000).await),
            said(store.next_refresh().await),
        ];
        for secret in 0..12 {
            let sign_in = store.peek_sign_in([secret; 32], at(self.now)).await.unwrap();
            let memory = sign_in.as_ref().map(|sign_in| sign_in.memory.expose().to_owned());
            held.push(format!("{sign_in:?} {memory:?}"));
            held.push(said(store.link([secret; 32]).await));
        }
        for origin in 0..3 {
            let origin = format!("https://{origin}.example");
            held.push(said(store.app(Platform::Mastodon, &origin).await));
        }
        held
    }
}
