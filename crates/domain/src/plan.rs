//! What a user may do, and how much of it: plans, what is counted against them, and what they refuse.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::platform::Platform;
use crate::post::PostState;

/// Entitlements of a user. The default grants everything that the server has, without a limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The word of the configured plan that this one follows; `None` for one that was made for its user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The plan's name, for display.
    pub name: String,
    /// Whether API keys of this user are accepted.
    #[serde(default = "granted")]
    pub api_access: bool,
    /// Whether calls that say they come from an MCP server are accepted.
    #[serde(default = "granted")]
    pub mcp_access: bool,
    /// Whether it may manage other users and act for them.
    #[serde(default = "granted")]
    pub workspaces: bool,
    /// The platforms that it may post to; `None` for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platforms: Option<Vec<Platform>>,
    /// The most posts (targets, not groups) in a calendar month (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub monthly_posts: Option<u64>,
    /// What [`Plan::monthly_posts`] is counted for.
    #[serde(default, skip_serializing_if = "Per::is_account")]
    pub monthly_posts_per: Per,
    /// The most posts that wait to go out at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_posts: Option<u64>,
    /// What [`Plan::queued_posts`] is counted for.
    #[serde(default, skip_serializing_if = "Per::is_account")]
    pub queued_posts_per: Per,
    /// How many days ahead a post may be scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizon_days: Option<u32>,
    /// The most connected accounts, those of managed users included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u64>,
    /// The most bytes of a video that is uploaded or imported, for each file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video_bytes_max: Option<u64>,
}

/// What a number of posts is counted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// All posts of the user and of those that it manages together.
    #[default]
    Account,
    /// Each connection of each user for itself.
    Connection,
}

impl Per {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_account(&self) -> bool {
        *self == Self::Account
    }
}

/// The word of the plan that every server has: everything on, and no limit.
pub const SELF_HOSTED: &str = "self-hosted";

const fn granted() -> bool {
    true
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            key: Some(SELF_HOSTED.to_owned()),
            name: "Self-hosted".to_owned(),
            api_access: true,
            mcp_access: true,
            workspaces: true,
            platforms: None,
            monthly_posts: None,
            monthly_posts_per: Per::Account,
            queued_posts: None,
            queued_posts_per: Per::Account,
            horizon_days: None,
            connections: None,
            video_bytes_max: None,
        }
    }
}

/// What is counted in posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Posts of the calendar month that begins then: from when they are scheduled for it, for good once they were sent,
    /// failed ones included; those taken back before (drafts, cancelled) are not counted.
    Month(Timestamp),
    /// Posts that wait to go out or are under way.
    Queue,
}

impl Metric {
    /// Whether a post in this state counts.
    #[must_use]
    pub fn counts(self, state: &PostState) -> bool {
        self.counts_word(state.word())
    }

    /// [`Metric::counts`] by the state's word.
    #[must_use]
    pub fn counts_word(self, word: &str) -> bool {
        match self {
            Self::Month(_) => !matches!(word, "draft" | "cancelled"),
            Self::Queue => matches!(
                word,
                "scheduled" | "publishing" | "processing" | "waiting" | "reconciling"
            ),
        }
    }
}

/// The first instant of the calendar month (UTC) that holds `at`, and that of the next.
#[must_use]
pub fn month_of(at: Timestamp) -> (Timestamp, Timestamp) {
    let day = at.to_zoned(TimeZone::UTC).date().first_of_month();
    let start = |day: jiff::civil::Date| day.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    let next = day.last_of_month().tomorrow().and_then(start);
    (start(day).unwrap_or(Timestamp::MIN), next.unwrap_or(Timestamp::MAX))
}

/// A connection as a post names it: the platform, and the platform's own id of the account.
pub type Connection = (Platform, String);

/// A count of posts, as a limit needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Of the user whose plan it is and of all users that it manages.
    pub total: u64,
    /// Of the acting user alone, by connection.
    pub own: BTreeMap<Connection, u64>,
}

/// Posts that ask to be scheduled, or kept as drafts.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// Their targets.
    pub targets: &'a [Connection],
    /// When they would go out; `None` for drafts.
    pub at: Option<Timestamp>,
    /// The time.
    pub now: Timestamp,
    /// Whether they are new to the month of `at`.
    pub joins_month: bool,
    /// Whether they are new to the queue.
    pub joins_queue: bool,
}

/// Where an admission finds what has been used. Only what the plan limits is asked for.
pub trait Counted {
    /// Why it cannot be found.
    type Error;
    /// Connected accounts of the plan's user and of all users that it manages.
    ///
    /// # Errors
    /// What the store says.
    fn connections(&self) -> Result<u64, Self::Error>;
    /// Posts.
    ///
    /// # Errors
    /// What the store says.
    fn tally(&self, metric: Metric) -> Result<Tally, Self::Error>;
}

impl Plan {
    /// Whether anything is refused under this plan that is not about access.
    #[must_use]
    pub const fn is_limited(&self) -> bool {
        self.platforms.is_some()
            || self.horizon_days.is_some()
            || self.connections.is_some()
            || self.monthly_posts.is_some()
            || self.queued_posts.is_some()
    }

    /// Whether posts of a metric need counting: nothing is kept for what has no limit.
    #[must_use]
    pub const fn counts(&self, metric: Metric) -> bool {
        match metric {
            Metric::Month(_) => self.monthly_posts.is_some(),
            Metric::Queue => self.queued_posts.is_some(),
        }
    }

    /// Whether these posts may be made or moved. Platforms are looked at for drafts too, all else for what is scheduled.
    ///
    /// # Errors
    /// Outside: what the store says. Inside: the first limit that is in the way.
    pub fn admit<C: Counted>(&self, asked: &Asked<'_>, used: &C) -> Result<Result<(), LimitReached>, C::Error> {
        if let Some(refused) = self.refused_platforms(asked.targets) {
            return Ok(Err(refused));
        }
        let Some(at) = asked.at else {
            return Ok(Ok(()));
        };
        if let Some(limit) = self.connections {
            let connections = used.connections()?;
            if connections > limit {
                return Ok(Err(self.reached(Limit::Connections {
                    limit,
                    used: connections,
                })));
            }
        }
        if let Some(beyond) = self.beyond_horizon(at, asked.now) {
            return Ok(Err(beyond));
        }
        let (start, end) = month_of(at);
        if let Some(limit) = self.monthly_posts.filter(|_| asked.joins_month) {
            let tally = used.tally(Metric::Month(start))?;
            if let Some(count) = Overrun::find(limit, self.monthly_posts_per, asked.targets, &tally) {
                return Ok(Err(self.reached(Limit::Monthly { count, start, end })));
            }
        }
        if let Some(limit) = self.queued_posts.filter(|_| asked.joins_queue) {
            let tally = used.tally(Metric::Queue)?;
            if let Some(count) = Overrun::find(limit, self.queued_posts_per, asked.targets, &tally) {
                return Ok(Err(self.reached(Limit::Queued { count })));
            }
        }
        Ok(Ok(()))
    }

    /// Whether `projected` connections would be too many.
    ///
    /// # Errors
    /// [`Limit::Channels`].
    pub fn admit_connections(&self, used: u64, projected: u64) -> Result<(), LimitReached> {
        match self.connections {
            Some(limit) if projected > limit => Err(self.reached(Limit::Channels { limit, used, projected })),
            _ => Ok(()),
        }
    }

    fn reached(&self, limit: Limit) -> LimitReached {
        LimitReached {
            plan: self.name.clone(),
            limit,
        }
    }

    fn refused_platforms(&self, targets: &[Connection]) -> Option<LimitReached> {
        let allowed = self.platforms.as_ref()?;
        let mut refused: Vec<Platform> = Vec::new();
        for (platform, _) in targets {
            if !allowed.contains(platform) && !refused.contains(platform) {
                refused.push(*platform);
            }
        }
        let allowed = allowed.clone();
        (!refused.is_empty()).then(|| self.reached(Limit::Platforms { refused, allowed }))
    }

    fn beyond_horizon(&self, at: Timestamp, now: Timestamp) -> Option<LimitReached> {
        let days = self.horizon_days?;
        let latest = now
            .saturating_add(SignedDuration::from_hours(24 * i64::from(days)))
            .unwrap_or(Timestamp::MAX);
        (at > latest).then(|| self.reached(Limit::Horizon { days, at, latest }))
    }
}

/// A limit of a plan that stands in the way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{limit} (plan {plan})")]
pub struct LimitReached {
    /// The plan's name.
    pub plan: String,
    /// Which limit.
    pub limit: Limit,
}

/// Which limit was reached, and how far.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Limit {
    /// Posts of a month.
    #[error("the plan allows {} posts a month", .count.limit)]
    Monthly {
        /// By how much.
        count: Overrun,
        /// The month's first instant.
        start: Timestamp,
        /// The next month's first instant.
        end: Timestamp,
    },
    /// Posts that wait.
    #[error("the plan allows {} scheduled posts at once", .count.limit)]
    Queued {
        /// By how much.
        count: Overrun,
    },
    /// Too far ahead.
    #[error("the plan allows posts at most {days} days ahead")]
    Horizon {
        /// How far is allowed, in days.
        days: u32,
        /// The time that was asked for.
        at: Timestamp,
        /// The latest that is allowed.
        latest: Timestamp,
    },
    /// Platforms that the plan does not have.
    #[error("the plan does not include {}", words(.refused))]
    Platforms {
        /// Those that were asked for, each once.
        refused: Vec<Platform>,
        /// Those that it has.
        allowed: Vec<Platform>,
    },
    /// More accounts are connected than the plan allows, from an earlier plan: nothing is scheduled until some are gone.
    #[error("the plan allows {limit} connected accounts, and there are {used}")]
    Connections {
        /// So many are allowed.
        limit: u64,
        /// So many there are.
        used: u64,
    },
    /// Connecting one more account, or taking in a user with accounts, would be too much.
    #[error("the plan allows {limit} connected accounts")]
    Channels {
        /// So many are allowed.
        limit: u64,
        /// So many there are.
        used: u64,
        /// So many there would be.
        projected: u64,
    },
}

fn words(platforms: &[Platform]) -> String {
    let words: Vec<_> = platforms.iter().map(|platform| platform.word()).collect();
    words.join(", ")
}

/// A count that would pass its limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overrun {
    /// So many are allowed.
    pub limit: u64,
    /// So many were asked for.
    pub requested: u64,
    /// For what it is counted, and how many there are.
    pub used: Used,
}

/// How many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Used {
    /// Of everything together.
    Account(u64),
    /// Of each connection that has no room for what was asked for.
    Connections(Vec<(Connection, u64)>),
}

impl Overrun {
    fn find(limit: u64, per: Per, targets: &[Connection], tally: &Tally) -> Option<Self> {
        let requested = u64::try_from(targets.len()).unwrap_or(u64::MAX);
        let used = match per {
            Per::Account => {
                (requested > 0 && tally.total.saturating_add(requested) > limit).then_some(Used::Account(tally.total))
            }
            Per::Connection => {
                let mut asked: BTreeMap<&Connection, u64> = BTreeMap::new();
                for target in targets {
                    *asked.entry(target).or_default() += 1;
                }
                let used = |connection: &Connection| tally.own.get(connection).copied().unwrap_or_default();
                let blocked: Vec<_> = asked
                    .into_iter()
                    .map(|(connection, more)| (connection, used(connection), more))
                    .filter(|(_, used, more)| used.saturating_add(*more) > limit)
                    .map(|(connection, used, _)| (connection.clone(), used))
                    .collect();
                (!blocked.is_empty()).then_some(Used::Connections(blocked))
            }
        };
        used.map(|used| Self { limit, requested, used })
    }
}

#[cfg(test)]
mod tests;
