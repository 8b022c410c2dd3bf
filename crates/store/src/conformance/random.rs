//! Random lives of both back ends: whatever is done to them, they say the same and hold the same.

use std::fmt::Debug;
use std::sync::Arc;

use domain::clock::BootInstant;
use domain::group::PlanEdit;
use domain::ids::{AccountId, GroupId, IntentId, LinkId, PostId, SignInId};
use domain::intent::{Armed, Claim, DedupeMeans, IntentState};
use domain::log::{LogEntry, LogKind, LogRecord};
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::post::{Event, Phase};
use domain::secret::SecretBytes;
use proptest::prelude::*;

use super::Bench;
use super::bench::{STAND_IN, at, entry, error, failed, gave_up, published, release, remote, settlement, unknown};
use super::groups::{all, media};
use crate::memory::MemoryStore;
use crate::sqlite::{OpenOptions, SqliteStore};
use crate::{Error, Orphans, Reach, Release, Resolution, Resume, Settled, Slots};

/// One thing that happens: what, and two numbers that say to whom and how.
type Step = (u8, u8, u8);

const KINDS: u8 = 34;

/// What a verb said, for comparison. The words of a back end's own errors may differ.
fn said<T: Debug>(result: crate::Result<T>) -> String {
    match result {
        Err(Error::Corrupt(_)) => "corrupt".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Both back ends, and what the same client holds of each.
struct Twins {
    model: Bench,
    real: Bench,
    owners: Vec<Reach>,
    now: i64,
    groups: Vec<(Reach, GroupId)>,
    posts: Vec<(Reach, PostId)>,
    accounts: Vec<(Reach, AccountId)>,
    intents: Vec<IntentId>,
    claims: Vec<(Claim, Claim)>,
    armed: Vec<(Armed, Armed)>,
    sign_ins: Vec<SignInId>,
    links: Vec<LinkId>,
}

fn pick<T: Copy>(from: &[T], by: u8) -> Option<T> {
    from.get(usize::from(by) % from.len().max(1)).copied()
}

/// Runs one verb on both and compares what they say.
macro_rules! both {
    ($twins:expr, |$store:ident| $verb:expr) => {{
        let ($store, real) = (&$twins.model, &$twins.real);
        let model = $verb.await;
        let $store = real;
        let real = $verb.await;
        (model, real)
    }};
}

mod connections;
mod edits;
mod usage;

impl Twins {
    async fn new(dir: &std::path::Path) -> Self {
        let model = Bench::new(Arc::new(MemoryStore::new(at(0), 7)));
        let real = Bench::new(Arc::new(SqliteStore::open(dir, OpenOptions::new(at(0))).unwrap()));
        let mut twins = Self {
            model,
            real,
            owners: Vec::new(),
            now: 0,
            groups: Vec::new(),
            posts: Vec::new(),
            accounts: Vec::new(),
            intents: Vec::new(),
            claims: Vec::new(),
            armed: Vec::new(),
            sign_ins: Vec::new(),
            links: Vec::new(),
        };
        for name in ["ann", "bob", "cat"] {
            let user = twins.model.user_of(name);
            twins.owners.push(Reach { owner: user.id });
            let (model, real) = both!(twins, |store| store.create_user(user.clone()));
            assert_eq!(said(model), said(real));
        }
        twins
    }

    fn remote(&self, by: u8) -> String {
        match by % 8 {
            6 | 7 => format!("{STAND_IN}{}", by % 2),
            n => format!("r{n}"),
        }
    }

    fn event(&self, by: u8) -> Event {
        let (now, soon) = (self.now, self.now + i64::from(by % 5) * 20);
        match by % 12 {
            0 | 1 => published(&self.remote(by), now),
            2 => failed(now),
            3 => unknown(now),
            4 => Event::RetryAt {
                at: at(soon),
                error: error(now),
            },
            5 => Event::Returned { at: at(soon) },
            6 => Event::Parked {
                phase: Phase::BeforeSend,
                next_check: at(soon),
                give_up_at: at(now + 900),
            },
            7 => Event::Parked {
                phase: Phase::AfterSend,
                next_check: at(soon),
                give_up_at: at(now + 900),
            },
            8 => Event::StillUnknown {
                next_check: at(soon),
                absent: true,
            },
            9 => Event::MaySend { at: at(soon) },
            10 => gave_up(now),
            _ => Event::Looked {
                next_look: Some(at(soon)),
                remote: (by >= 128).then(|| remote(&self.remote(by))),
            },
        }
    }

    fn end(&self, by: u8, twist: u8) -> Release {
        let mut end = release(self.event(by), self.now);
        end.counts_as_attempt = twist.is_multiple_of(2);
        end.resume = match twist % 3 {
            0 => Resume::Keep,
            1 => Resume::Set(SecretBytes::new(vec![twist; 3])),
            _ => Resume::Clear,
        };
        if twist.is_multiple_of(5) {
            let kinds = [
                LogKind::PublishFailed,
                LogKind::PublishSucceeded,
                LogKind::TokenRefreshed,
            ];
            end.log = vec![LogEntry {
                account: pick(&self.accounts, twist).map(|(_, account)| account),
                post: pick(&self.posts, by).map(|(_, post)| post),
                ..entry(kinds[usize::from(by % 3)], self.now)
            }];
            end.account = Some(crate::AccountNote {
                success_at: Some(at(self.now)),
                ..Default::default()
            });
        }
        if twist.is_multiple_of(7)
            && let Some(intent) = pick(&self.intents, twist)
        {
            end.intents = vec![(intent, settlement(IntentState::Absent, None, self.now))];
        }
        end
    }

    async fn step(&mut self, (kind, who, how): Step) {
        let owner = pick(&self.owners, who).unwrap();
        let now = self.now;
        match kind % KINDS {
            0..=3 => self.create(owner, who, how).await,
            4 => self.now += i64::from(how) * 3,
            5..=7 => self.claim(how).await,
            8..=10 => self.record(who, how).await,
            11 | 12 => self.settle(who, how).await,
            13..=15 => self.release(who, how).await,
            16 => {
                let which = if who.is_multiple_of(4) {
                    Orphans::All
                } else {
                    Orphans::Expired
                };
                let (model, real) = both!(self, |store| store.recover_orphans(which, at(now)));
                assert_eq!(said(model), said(real));
            }
            17 => self.connect(owner, who, how).await,
            18 => {
                let Some((_, group)) = pick(&self.groups, how) else {
                    return;
                };
                let edit = PlanEdit {
                    draft: [None, Some(true), Some(false)][usize::from(how % 3)],
                    planned_at: (!how.is_multiple_of(4)).then(|| at(now + i64::from(how))),
                    now: at(now),
                };
                let log = entry(LogKind::StatusChanged, now);
                let (model, real) = both!(self, |store| store.edit_plan(&owner, group, edit, log.clone()));
                assert_eq!(said(model), said(real));
            }
            19 => {
                let Some((_, group)) = pick(&self.groups, how) else {
                    return;
                };
                let log = entry(LogKind::Deleted, now);
                let (model, real) = both!(self, |store| store.delete_group(&owner, group, at(now), log.clone()));
                assert_eq!(said(model), said(real));
            }
            20 => self.resolve(owner, who, how).await,
            21 => {
                let Some(intent) = pick(&self.intents, how) else { return };
                let remote = RemotePost::visible(self.remote(who), None);
                let (model, real) = both!(self, |store| store.evidence(intent, remote.clone(), at(now)));
                assert_eq!(said(model), said(real));
            }
            22 => self.change_account(who, how).await,
            23 | 24 => self.care(who, how).await,
            25 | 26 => self.sign_in(owner, who, how).await,
            28 | 29 => self.change_plan(owner, who, how).await,
            30 => self.move_far(owner, who, how).await,
            31 | 32 => self.manage(owner, who, how).await,
            33 => self.edit(owner, who, how).await,
            _ => {
                // Now and then after months in which nothing happened.
                if how.is_multiple_of(5) {
                    self.now += i64::from(who) * 86_400;
                }
                let now = self.now;
                let (model, real) = both!(self, |store| store.prune(at(now), 100));
                assert_eq!(said(model), said(real));
            }
        }
    }

    async fn create(&mut self, owner: Reach, who: u8, how: u8) {
        let targets = [(Platform::Mastodon, "1"), (Platform::Bluesky, "2"), (Platform::X, "3")];
        let mut new = self.model.new_group(
            &owner,
            &targets[..usize::from(how % 4)],
            Some(self.now + i64::from(who % 50)),
        );
        new.created_at = at(self.now);
        new.draft = how.is_multiple_of(7);
        if how.is_multiple_of(5) {
            new.planned_at = None;
        }
        if how.is_multiple_of(3) {
            new.content.replies.push(domain::content::PartContent {
                text: "more".to_owned(),
                media: vec![media("m")],
            });
        }
        self.groups.push((owner, new.id));
        self.posts.extend(new.posts.iter().map(|post| (owner, post.id)));
        let (model, real) = both!(self, |store| store.create_group(new.clone(), None));
        assert_eq!(said(model), said(real));
    }

    async fn claim(&mut self, how: u8) {
        let mut ask = self.model.ask(self.now);
        ask.limit = usize::from(how % 4) + 1;
        ask.slots = Slots {
            per_account_max: u16::from(how % 3) + 1,
            ..Slots::default()
        };
        ask.slots.late_before = how.is_multiple_of(4).then(|| at(self.now - 60));
        let (model, real) = both!(self, |store| store.claim_due(ask.clone()));
        assert_eq!(
            said(model.as_ref().map_err(|_| Error::NotFound)),
            said(real.as_ref().map_err(|_| Error::NotFound))
        );
        self.claims
            .extend(model.unwrap().claims.into_iter().zip(real.unwrap().claims));
    }

    async fn record(&mut self, who: u8, how: u8) {
        if self.claims.is_empty() {
            return;
        }
        let (model, real) = self.claims.swap_remove(usize::from(who) % self.claims.len());
        let part = if how.is_multiple_of(4) {
            Part::Reply(1)
        } else {
            Part::Head
        };
        let means = if how.is_multiple_of(3) {
            DedupeMeans::None
        } else {
            DedupeMeans::ClientMintedId
        };
        let intent = self.model.intent(part, how % 2, means, self.now);
        self.intents.push(intent.id);
        let model = self.model.record_intent(model, intent.clone(), BootInstant(1)).await;
        let real = self.real.record_intent(real, intent, BootInstant(1)).await;
        assert_eq!(format!("{model:?}"), format!("{real:?}"));
        match (model, real) {
            (Ok(model), Ok(real)) => self.armed.push((model, real)),
            (Err((Some(model), _)), Err((Some(real), _))) => self.claims.push((model, real)),
            _ => {}
        }
    }

    async fn settle(&mut self, who: u8, how: u8) {
        if self.armed.is_empty() {
            return;
        }
        let (model, real) = self.armed.swap_remove(usize::from(who) % self.armed.len());
        let (state, remote) = match how % 4 {
            0 | 1 => (IntentState::Published, Some(self.remote(who))),
            2 => (IntentState::NotPublished, None),
            _ => (IntentState::Open, None),
        };
        let settled = settlement(state, remote.as_deref(), self.now);
        let end = (!how.is_multiple_of(5)).then(|| self.end(who, how));
        let model = self.model.settle(model, settled.clone(), end.clone()).await;
        let real = self.real.settle(real, settled, end).await;
        assert_eq!(format!("{model:?}"), format!("{real:?}"));
        if let (Ok(Settled::Continues(model)), Ok(Settled::Continues(real))) = (model, real) {
            self.claims.push((model, real));
        }
    }

    async fn release(&mut self, who: u8, how: u8) {
        if self.claims.is_empty() {
            return;
        }
        let nth = usize::from(who) % self.claims.len();
        if how.is_multiple_of(6) {
            let (model, real) = &self.claims[nth];
            let resume = Some(SecretBytes::new(vec![how]));
            let model = self.model.checkpoint(model, resume.clone(), at(self.now + 600)).await;
            assert_eq!(
                said(model),
                said(self.real.checkpoint(real, resume, at(self.now + 600)).await)
            );
            return;
        }
        let (model, real) = self.claims.swap_remove(nth);
        let end = self.end(how, who);
        let model = self.model.release(model, end.clone()).await;
        assert_eq!(said(model), said(self.real.release(real, end).await));
    }

    async fn resolve(&mut self, owner: Reach, who: u8, how: u8) {
        let Some((_, post)) = pick(&self.posts, how) else {
            return;
        };
        let now = self.now;
        let log = entry(LogKind::Resolved, now);
        match who % 4 {
            0 | 1 => {
                let word = if who.is_multiple_of(4) {
                    Resolution::SendAgain { at: at(now) }
                } else {
                    Resolution::Published {
                        remote: RemotePost::visible(self.remote(how), None),
                        at: at(now),
                    }
                };
                let (model, real) = both!(self, |store| store.resolve_post(
                    &owner,
                    post,
                    word.clone(),
                    log.clone()
                ));
                assert_eq!(said(model), said(real));
            }
            2 => {
                let (model, real) = both!(self, |store| store.retry_post(&owner, post, at(now + 5), log.clone()));
                assert_eq!(said(model), said(real));
            }
            _ => {
                let ask = self.model.ask(now);
                let (model, real) = both!(self, |store| store.claim_unconfirmed(&owner, post, &ask));
                assert_eq!(
                    said(model.as_ref().map_err(|_| Error::NotFound)),
                    said(real.as_ref().map_err(|_| Error::NotFound))
                );
                if let (Ok(Some(model)), Ok(Some(real))) = (model, real) {
                    self.claims.push((model, real));
                }
            }
        }
    }

    /// Everything that can be read of a back end.
    async fn dump(&self, store: &Bench, claims: Vec<&Claim>) -> Vec<String> {
        let history = |log: crate::Result<Vec<LogRecord>>| {
            said(log.map(|log| {
                log.into_iter()
                    .map(|record| (record.seq, record.entry))
                    .collect::<Vec<_>>()
            }))
        };
        let mut held = vec![
            said(store.next_wake().await),
            said(store.backlog(at(self.now)).await),
            said(store.post_counts().await),
        ];
        for owner in &self.owners {
            held.push(said(store.list_groups(owner, all()).await));
            held.push(said(store.accounts(owner).await));
            held.push(history(store.recent_log(owner, 1_000).await));
            held.extend(self.connections(store, owner).await);
            held.extend(self.usage_of(store, owner).await);
        }
        for (owner, group) in &self.groups {
            held.push(history(store.group_log(owner, *group, 1_000).await));
        }
        for (_, account) in &self.accounts {
            let tokens = store.tokens(*account).await.unwrap();
            held.push(format!("{:?}", tokens.map(|tokens| tokens.access.expose().to_owned())));
            held.push(said(store.remote_owner(*account, "r1").await));
        }
        for claim in claims {
            held.push(said(store.work(claim).await));
        }
        held
    }

    async fn compare(&self) {
        let model = self
            .dump(&self.model, self.claims.iter().map(|(model, _)| model).collect())
            .await;
        let real = self
            .dump(&self.real, self.claims.iter().map(|(_, real)| real).collect())
            .await;
        for (model, real) in model.iter().zip(&real) {
            assert_eq!(model, real);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_back_ends_live_the_same_life(steps in prop::collection::vec((0..KINDS, any::<u8>(), any::<u8>()), 1..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let dir = crate::sqlite::fresh_dir("random");
        runtime.block_on(async {
            let mut twins = Twins::new(&dir).await;
            for step in &steps {
                twins.step(*step).await;
            }
            twins.compare().await;
        });
    }
}
