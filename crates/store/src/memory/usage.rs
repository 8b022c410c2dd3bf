//! Usage, counted anew from the posts whenever it is asked for.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::group::EditedPlan;
use domain::ids::UserId;
use domain::plan::{Asked, Connection, Counted, Metric, Plan, Tally};
use jiff::Timestamp;

use super::MemoryStore;
use super::groups::at_most;
use super::state::{GroupRow, State};
use crate::usage::{Meter, Usage, UsageRow};
use crate::{Error, NewGroup, Result};

/// The time whose month a group's posts are counted in.
fn counted_at(group: &GroupRow) -> Timestamp {
    group.planned_at.unwrap_or(group.created_at)
}

impl State {
    /// Whose plan a user uses up; `None` when that has no limit.
    pub(super) fn meter(&self, user: UserId) -> Option<Meter> {
        let user = self.live_user(user)?;
        let payer = match user.manager {
            Some(manager) => self.live_user(manager)?,
            None => user,
        };
        let (payer, plan) = (payer.id, payer.plan.clone());
        Some(Meter { payer, plan }).filter(|meter| meter.plan.is_limited())
    }

    /// The meters of a user and of those that it manages.
    pub(super) fn meters_of(&self, user: UserId) -> Vec<(UserId, Option<Meter>)> {
        let managed = self.live_users().filter(|one| one.manager == Some(user));
        let all = std::iter::once(user).chain(managed.map(|one| one.id));
        all.map(|one| (one, self.meter(one))).collect()
    }

    /// Forgets what pruned posts counted, of users whose posts are counted anew.
    pub(super) fn remeter(&mut self, before: Vec<(UserId, Option<Meter>)>) {
        for (user, meter) in before {
            if crate::usage::recounts(meter.as_ref(), self.meter(user).as_ref()) {
                self.pruned.retain(|(owner, ..), _| *owner != user);
            }
        }
    }

    /// Keeps what a group's posts count in their month when they are pruned.
    pub(super) fn keep_counts(&mut self, group: &GroupRow) {
        if self.meter(group.owner).is_none_or(|meter| !meter.keeps()) {
            return;
        }
        let month = crate::usage::month(counted_at(group));
        let rows: Vec<_> = self
            .posts_of(group)
            .filter(|row| month.counts(&row.post.state))
            .collect();
        let keys: Vec<_> = rows
            .into_iter()
            .map(|row| (group.owner, month, (row.post.platform, row.post.target.clone())))
            .collect();
        for key in keys {
            *self.pruned.entry(key).or_default() += 1;
        }
    }

    fn counted(&self, payer: UserId) -> BTreeMap<(Metric, UserId, Connection), u64> {
        let mut counted = BTreeMap::new();
        let meter = |owner: UserId| self.meter(owner).filter(|meter| meter.payer == payer);
        let mut add = |metric: Metric, owner: UserId, connection: &Connection, n: u64| {
            let is_over = matches!(metric, Metric::Month(start) if start < self.counted_from);
            if !is_over && meter(owner).is_some_and(|meter| meter.plan.counts(metric)) {
                *counted.entry((metric, owner, connection.clone())).or_default() += n;
            }
        };
        for row in self.posts.values() {
            let Some(group) = self.groups.get(&row.group) else {
                continue;
            };
            let connection = (row.post.platform, row.post.target.clone());
            for metric in [crate::usage::month(counted_at(group)), Metric::Queue] {
                if metric.counts(&row.post.state) {
                    add(metric, row.owner, &connection, 1);
                }
            }
        }
        for ((owner, month, connection), n) in &self.pruned {
            add(*month, *owner, connection, *n);
        }
        counted
    }

    pub(super) fn connections(&self, payer: UserId) -> u64 {
        let is_counted =
            |owner: UserId| owner == payer || self.live_user(owner).is_some_and(|user| user.manager == Some(payer));
        let connected = self
            .accounts
            .iter()
            .filter(|row| !row.removed && is_counted(row.account.owner));
        u64::try_from(connected.count()).unwrap_or(u64::MAX)
    }

    fn admit(&self, owner: UserId, asked: &Asked<'_>) -> Result<()> {
        let Some(meter) = self.meter(owner) else {
            return Ok(());
        };
        let used = UsedBy {
            state: self,
            payer: meter.payer,
            owner,
        };
        Ok(meter.plan.admit(asked, &used)??)
    }

    pub(super) fn admit_group(&self, new: &NewGroup) -> Result<()> {
        let targets: Vec<_> = new
            .posts
            .iter()
            .map(|post| (post.platform, post.target.clone()))
            .collect();
        let asked = Asked {
            targets: &targets,
            at: (!new.draft).then(|| new.planned_at.unwrap_or(new.created_at)),
            now: new.created_at,
            joins_month: true,
            joins_queue: true,
        };
        self.admit(new.owner, &asked)
    }

    pub(super) fn admit_edit(&self, group: &GroupRow, plan: &EditedPlan, now: Timestamp) -> Result<()> {
        let rows = self.posts_of(group);
        let targets: Vec<_> = rows.map(|row| (row.post.platform, row.post.target.clone())).collect();
        let after = plan.planned_at.unwrap_or_else(|| counted_at(group));
        let asked = Asked {
            targets: &targets,
            at: (!plan.draft).then_some(after),
            now,
            joins_month: group.draft || crate::usage::month(counted_at(group)) != crate::usage::month(after),
            joins_queue: group.draft,
        };
        self.admit(group.owner, &asked)
    }

    pub(super) fn admit_connections(&self, owner: UserId, more: u64) -> Result<()> {
        let Some(meter) = self.meter(owner) else {
            return Ok(());
        };
        let used = self.connections(meter.payer);
        Ok(meter.plan.admit_connections(used, used.saturating_add(more))?)
    }
}

/// What one user has used of its payer's plan.
struct UsedBy<'a> {
    state: &'a State,
    payer: UserId,
    owner: UserId,
}

impl Counted for UsedBy<'_> {
    type Error = Error;

    fn connections(&self) -> Result<u64> {
        Ok(self.state.connections(self.payer))
    }

    fn tally(&self, metric: Metric) -> Result<Tally> {
        let mut tally = Tally::default();
        for ((of, owner, connection), n) in self.state.counted(self.payer) {
            if of != metric {
                continue;
            }
            tally.total += n;
            if owner == self.owner {
                tally.own.insert(connection, n);
            }
        }
        Ok(tally)
    }
}

#[async_trait]
impl Usage for MemoryStore {
    async fn connections(&self, payer: UserId) -> Result<u64> {
        Ok(self.read(|state| state.connections(payer)))
    }

    async fn usage(&self, payer: UserId, limit: u32) -> Result<Vec<UsageRow>> {
        let counted = self.read(|state| state.counted(payer));
        let rows = counted
            .into_iter()
            .map(|((metric, owner, connection), count)| UsageRow {
                metric,
                owner,
                connection,
                count,
            });
        let mut rows: Vec<_> = rows.collect();
        rows.sort_by(|a, b| order(a).cmp(&order(b)));
        rows.truncate(at_most(limit));
        Ok(rows)
    }

    async fn follow_plan(&self, plan: Plan) -> Result<u64> {
        let Some(key) = plan.key.clone() else {
            return Ok(0);
        };
        self.write(|state| {
            let follows = |user: &&domain::account::User| user.plan.key.as_ref() == Some(&key) && user.plan != plan;
            let followers: Vec<_> = state.live_users().filter(follows).map(|user| user.id).collect();
            for user in &followers {
                state.set_plan(*user, plan.clone())?;
            }
            Ok(u64::try_from(followers.len()).unwrap_or(u64::MAX))
        })
    }
}

/// As the database orders them: by words and bytes.
fn order(row: &UsageRow) -> (Metric, UserId, &'static str, &str) {
    (row.metric, row.owner, row.connection.0.word(), &row.connection.1)
}
