//! What is answered when a plan's limit is in the way: the original's `LimitExceededError`, its standard keys first and
//! then those of the one limit.

use domain::plan::{Limit, LimitReached, Overrun, Used};
use domain::platform::Platform;
use serde::Serialize;

use super::time::Iso;
use super::wire::Compound;
use super::words;

/// The body.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Exceeded<'a> {
    error: &'static str,
    code: &'static str,
    metric: &'static str,
    message: String,
    limit: u64,
    used: Option<u64>,
    requested: Option<u64>,
    remaining: Option<u64>,
    period_start: Option<Iso>,
    period_end: Option<Iso>,
    plan_name: &'a str,
    #[serde(flatten)]
    context: Context<'a>,
}

/// The keys of one limit.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked_platforms: Option<Vec<Blocked<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_time: Option<Iso>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_scheduled_date: Option<Iso>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disallowed_platforms: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed_platforms: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    over_limit_by: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    projected_used: Option<u64>,
}

/// A connection that has no room.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Blocked<'a> {
    platform_selection: Compound<'a>,
    used: u64,
    remaining: u64,
}

const MONTHLY: &str = "posts.platform_monthly";

impl<'a> Exceeded<'a> {
    /// The body for a limit that was reached.
    pub(super) fn of(reached: &'a LimitReached) -> Self {
        let plan = reached.plan.as_str();
        match &reached.limit {
            Limit::Monthly { count, start, end } => Self {
                error: "Post limit reached",
                code: "POST_LIMIT_REACHED",
                metric: MONTHLY,
                message: format!(
                    "Monthly post limit reached. Your {plan} plan allows {} platform posts per month{}.",
                    count.limit,
                    per(count)
                ),
                period_start: Some(Iso(*start)),
                period_end: Some(Iso(*end)),
                ..Self::counted(plan, count)
            },
            Limit::Queued { count } => Self {
                error: "Scheduled post limit reached",
                code: "SCHEDULED_POST_LIMIT_REACHED",
                metric: "posts.scheduled_active",
                message: format!(
                    "Scheduled post limit reached. Your {plan} plan allows {} scheduled platform posts at once{}.",
                    count.limit,
                    per(count)
                ),
                ..Self::counted(plan, count)
            },
            Limit::Horizon { days, at, latest } => Self {
                error: "Schedule horizon reached",
                code: "SCHEDULE_HORIZON_REACHED",
                metric: "posts.schedule_horizon_days",
                message: format!("Your {plan} plan allows scheduling up to {days} days ahead."),
                context: Context {
                    scheduled_time: Some(Iso(*at)),
                    max_scheduled_date: Some(Iso(*latest)),
                    ..Context::default()
                },
                ..Self::bare(plan, u64::from(*days))
            },
            Limit::Platforms { refused, allowed } => {
                let refused = words_of(refused);
                Self {
                    error: "Platform not available",
                    code: "PLATFORM_NOT_AVAILABLE",
                    metric: MONTHLY,
                    message: format!("Your {plan} plan does not include {}.", refused.join(", ")),
                    context: Context {
                        disallowed_platforms: Some(refused),
                        allowed_platforms: Some(words_of(allowed)),
                        ..Context::default()
                    },
                    ..Self::bare(plan, 0)
                }
            }
            Limit::Connections { .. } | Limit::Channels { .. } => Self::connections(plan, &reached.limit),
        }
    }

    fn connections(plan: &'a str, limit: &Limit) -> Self {
        let (limit, used, projected) = match *limit {
            Limit::Connections { limit, used } => (limit, used, None),
            Limit::Channels { limit, used, projected } => (limit, used, Some(projected)),
            _ => (0, 0, None),
        };
        let (error, code, message) = match projected {
            None => (
                "Account over channel limit",
                "CONNECTIONS_OVER_LIMIT",
                format!(
                    "{used} channels are connected, and your {plan} plan allows {limit}. Disconnect some to go on."
                ),
            ),
            Some(_) => (
                "Channel limit reached",
                "CHANNEL_LIMIT_REACHED",
                format!("Your {plan} plan allows {limit} connected channels."),
            ),
        };
        Self {
            error,
            code,
            metric: "connections.total",
            message,
            used: Some(used),
            requested: projected.map(|projected| projected.saturating_sub(used)),
            remaining: Some(limit.saturating_sub(used)),
            context: Context {
                over_limit_by: projected.is_none().then(|| used.saturating_sub(limit)),
                projected_used: projected,
                ..Context::default()
            },
            ..Self::bare(plan, limit)
        }
    }

    fn bare(plan: &'a str, limit: u64) -> Self {
        Self {
            error: "",
            code: "",
            metric: "",
            message: String::new(),
            limit,
            used: None,
            requested: None,
            remaining: None,
            period_start: None,
            period_end: None,
            plan_name: plan,
            context: Context::default(),
        }
    }

    /// With the numbers of a count: at the top for the account, beside each connection otherwise.
    fn counted(plan: &'a str, count: &'a Overrun) -> Self {
        let bare = Self {
            requested: Some(count.requested),
            ..Self::bare(plan, count.limit)
        };
        match &count.used {
            Used::Account(used) => Self {
                used: Some(*used),
                remaining: Some(count.limit.saturating_sub(*used)),
                ..bare
            },
            Used::Connections(full) => Self {
                context: Context {
                    scope: Some("connection"),
                    blocked_platforms: Some(full.iter().filter_map(|one| Blocked::of(one, count.limit)).collect()),
                    ..Context::default()
                },
                ..bare
            },
        }
    }
}

impl<'a> Blocked<'a> {
    fn of(((platform, id), used): &'a ((Platform, String), u64), limit: u64) -> Option<Self> {
        let word = words::platform_word(*platform)?;
        Some(Self {
            platform_selection: Compound { word, id },
            used: *used,
            remaining: limit.saturating_sub(*used),
        })
    }
}

fn per(count: &Overrun) -> &'static str {
    match count.used {
        Used::Account(_) => "",
        Used::Connections(_) => " and connection",
    }
}

/// In the order of the registry, in which the original lists platforms.
fn words_of(platforms: &[Platform]) -> Vec<&'static str> {
    let named = words::PLATFORMS
        .into_iter()
        .filter(|platform| platforms.contains(platform));
    named.filter_map(words::platform_word).collect()
}
