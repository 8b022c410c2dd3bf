//! What is counted against plans, and plans that change for many at once.

use async_trait::async_trait;
use domain::ids::UserId;
use domain::plan::{Connection, Metric, Plan, month_of};
use jiff::{SignedDuration, Timestamp};

use crate::Result;

/// Posts of one user to one connection, counted against a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRow {
    /// What is counted.
    pub metric: Metric,
    /// Whose posts.
    pub owner: UserId,
    /// Where they go.
    pub connection: Connection,
    /// How many.
    pub count: u64,
}

/// Verbs about usage. The counting itself happens in the transactions of the verbs that make, move and end posts.
#[async_trait]
pub trait Usage: Send + Sync {
    /// The connected accounts of a user and of those that it manages.
    async fn connections(&self, payer: UserId) -> Result<u64>;

    /// What is counted against a user's plan, by metric, user and connection, at most `limit` rows. Nothing is counted
    /// for what the plan does not limit, and nothing against the plan of a managed user. Months that were over a month
    /// before the last [`crate::Store::prune`] are forgotten: nothing can be scheduled for them any more.
    async fn usage(&self, payer: UserId, limit: u32) -> Result<Vec<UsageRow>>;

    /// Gives every user that follows this plan (by [`Plan::key`]) the plan as it is now. Returns how many had another.
    ///
    /// Race: as [`crate::Store::set_plan`] for each of them, all or none.
    async fn follow_plan(&self, plan: Plan) -> Result<u64>;
}

/// The plan of a managed user: its manager's, but it manages nobody.
pub(crate) fn managed_plan(of_manager: Plan) -> Plan {
    Plan {
        workspaces: false,
        ..of_manager
    }
}

/// Whose plan a user uses up, and that plan. Users without any limit have none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Meter {
    /// The user itself, or its manager.
    pub(crate) payer: UserId,
    /// The payer's plan.
    pub(crate) plan: Plan,
}

impl Meter {
    /// What is kept for its user: the payer, and whether months and the queue are counted.
    fn kept(&self) -> (UserId, bool, bool) {
        let month = self.plan.counts(Metric::Month(Timestamp::UNIX_EPOCH));
        (self.payer, month, self.plan.counts(Metric::Queue))
    }

    /// Whether anything is kept for its user.
    pub(crate) fn keeps(&self) -> bool {
        let (_, month, queue) = self.kept();
        month || queue
    }
}

/// Whether a user's posts must be counted anew: somebody else pays, or another metric has a limit.
pub(crate) fn recounts(before: Option<&Meter>, after: Option<&Meter>) -> bool {
    before.map(Meter::kept) != after.map(Meter::kept)
}

/// The first month that is still counted: the one before this one, lest a clock that is set back finds nothing.
pub(crate) fn counted_from(now: Timestamp) -> Timestamp {
    let (start, _) = month_of(now);
    month_of(start.saturating_sub(SignedDuration::from_secs(1)).unwrap_or(start)).0
}

/// The month against which a group's posts are counted.
pub(crate) fn month(planned_at: Timestamp) -> Metric {
    Metric::Month(month_of(planned_at).0)
}
