//! A real server as the world outside of a run of [`crate::chaos`].

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context;
use async_trait::async_trait;
use domain::platform::Platform;
use engine::points::CrashPoint;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::launch::{Running, Which};
use super::proxy::Proxy;
use super::server::{Login, RealServer};
use crate::chaos::outside::{Outside, Question, Seen, Target};
use crate::chaos::time::Time;

/// A real server behind our proxy, and the accounts on it.
pub(crate) struct RealWorld {
    which: Which,
    running: Running,
    server: RealServer,
    proxy: Proxy,
    logins: Mutex<Vec<Login>>,
    notes_read: AtomicUsize,
}

impl RealWorld {
    /// Starts the server with its data below `scratch`, and the proxy before it.
    pub(crate) async fn start(which: Which, servers: &Path, scratch: &Path, time: Time) -> anyhow::Result<Self> {
        let running = Running::start(which, servers, scratch).await?;
        let parts = async {
            let server = RealServer::new(which, running.base_url())?;
            anyhow::Ok((
                server,
                Proxy::start(which, running.base_url(), time, time.send_takes()).await?,
            ))
        };
        let (server, proxy) = match parts.await {
            Ok(parts) => parts,
            Err(error) => {
                running.stop().await?;
                return Err(error);
            }
        };
        Ok(Self {
            which,
            running,
            server,
            proxy,
            logins: Mutex::default(),
            notes_read: AtomicUsize::new(0),
        })
    }

    /// Ends the server.
    pub(crate) async fn stop(&self) -> anyhow::Result<()> {
        self.running.stop().await
    }

    /// The server, past the proxy.
    pub(crate) fn server(&self) -> &RealServer {
        &self.server
    }

    /// The proxy.
    pub(crate) fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// The platform that it is a server of.
    pub(crate) fn platform(&self) -> Platform {
        match self.which {
            Which::Pds => Platform::Bluesky,
            Which::Mastodon => Platform::Mastodon,
        }
    }

    fn logins(&self) -> Vec<Login> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes an account.
    pub(crate) async fn login(&self, name: &str) -> anyhow::Result<Login> {
        let login = self.server.make_account(name).await?;
        self.logins
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(login.clone());
        Ok(login)
    }

    /// What the operator types to connect an account, which leads through the proxy.
    pub(crate) fn credentials(&self, login: &Login) -> Value {
        let base_url = self.proxy.base_url();
        match self.which {
            Which::Pds => json!({"base_url": base_url, "identifier": login.handle, "password": login.secret}),
            Which::Mastodon => json!({"base_url": base_url, "token": login.secret}),
        }
    }

    fn target(&self, login: &Login) -> Target {
        let credentials = self.credentials(login);
        Target {
            platform: self.platform(),
            remote_id: login.id.clone(),
            media_url: None,
            credentials,
        }
    }
}

#[async_trait]
impl Outside for RealWorld {
    fn settings(&self) -> String {
        format!(
            "[platforms.{}]\nbase_url = \"{}\"\n",
            self.platform(),
            self.proxy.base_url()
        )
    }

    async fn accounts(&self, per_platform: usize) -> anyhow::Result<(Vec<Target>, Vec<String>)> {
        let mut targets = Vec::new();
        for number in 0..per_platform {
            targets.push(self.target(&self.login(&format!("chaos{number}")).await?));
        }
        Ok((targets, Vec::new()))
    }

    async fn victims(&self, count: usize) -> anyhow::Result<Vec<Target>> {
        // Mastodon's tokens never end.
        let count = if self.which == Which::Pds { count } else { 0 };
        let mut victims = Vec::new();
        for number in 0..count {
            victims.push(self.target(&self.login(&format!("victim{number}")).await?));
        }
        Ok(victims)
    }

    async fn fresh_credentials(&self, target: &Target) -> anyhow::Result<Value> {
        let login = self.logins().into_iter().find(|login| login.id == target.remote_id);
        Ok(self.credentials(&login.context("an account that nobody made")?))
    }

    async fn provoke(&self, point: CrashPoint, victim: Option<&Target>) -> anyhow::Result<()> {
        match (point, victim) {
            (CrashPoint::Asked, _) => self.proxy.drop_answers(3),
            (point, Some(victim)) if point.is_of_a_refresh() => {
                self.proxy.expire(&victim.remote_id);
            }
            _ => {}
        }
        Ok(())
    }

    fn can_reach(&self, point: CrashPoint) -> bool {
        !point.is_of_a_refresh() || self.which == Which::Pds
    }

    async fn posts(&self) -> anyhow::Result<Vec<Seen>> {
        let mut made: HashMap<String, Timestamp> = HashMap::new();
        for note in self.proxy.notes() {
            if let Some(text) = note.made {
                made.entry(text).or_insert(note.at);
            }
        }
        let mut seen = Vec::new();
        for login in self.logins() {
            for record in self.server.posts(&login).await? {
                seen.push(Seen {
                    platform: self.platform().word().to_owned(),
                    account: login.id.clone(),
                    at: made.get(&record.text).copied().unwrap_or(Timestamp::MAX),
                    text: record.text,
                });
            }
        }
        Ok(seen)
    }

    async fn questions(&self) -> anyhow::Result<Vec<Question>> {
        let notes = self.proxy.notes();
        let read = self.notes_read.swap(notes.len(), Ordering::Relaxed);
        let asked = notes.into_iter().skip(read).filter_map(|note| {
            Some(Question {
                platform: self.platform().word().to_owned(),
                account: note.asked_about?,
                at: note.at,
            })
        });
        Ok(asked.collect())
    }
}
