//! Users, what they may do, and who manages them.

use std::collections::BTreeMap;

use domain::account::User;
use domain::ids::UserId;
use domain::plan::{Per, Plan};
use engine::Engine;

use super::handle::{Answer, named};
use super::protocol::{Hush, PlanChange, Refusal, Reply, Request, UserView};

/// Answers a request about users.
pub(super) async fn handle(engine: &Engine, request: Request) -> Answer {
    match request {
        Request::UserAdd { name, plan } => {
            let plan = match plan {
                Some(word) => configured(engine, &word)?,
                None => engine.settings().plans.of_new_users(),
            };
            Ok(Reply::User(view(&engine.create_user(&name, plan).await?)))
        }
        Request::UserConsent { name, expires_in } => {
            let user = named(engine, &name).await?;
            let (text, expires_at) = engine.make_consent(user.id, expires_in).await?;
            Ok(Reply::Consent {
                text: Hush(text),
                expires_at,
            })
        }
        Request::UserPlan { name, change } => change_plan(engine, &name, change).await,
        Request::UserRemove { name } => {
            let user = named(engine, &name).await?;
            engine.remove_user(user.id).await?;
            Ok(Reply::Done)
        }
        _ => list(engine).await,
    }
}

async fn list(engine: &Engine) -> Answer {
    let users = engine.users().await?;
    let names: BTreeMap<UserId, &str> = users.iter().map(|user| (user.id, user.name.as_str())).collect();
    let views = users.iter().map(|user| UserView {
        managed_by: user.manager.map(|manager| {
            names
                .get(&manager)
                .map_or_else(|| manager.to_string(), |name| (*name).to_owned())
        }),
        ..view(user)
    });
    Ok(Reply::Users(views.collect()))
}

fn configured(engine: &Engine, word: &str) -> Result<Plan, Refusal> {
    let plans = &engine.settings().plans;
    plans.by_word(word).ok_or_else(|| {
        let words: Vec<_> = plans.words().collect();
        Refusal::new(
            "not_found",
            format!("there is no plan '{word}': there are {}", words.join(", ")),
        )
        .next("plans are tables [plans.WORD] of the configuration")
    })
}

fn view(user: &User) -> UserView {
    UserView {
        id: user.id,
        name: user.name.clone(),
        plan: user.plan.name.clone(),
        api_access: user.plan.api_access,
        mcp_access: user.plan.mcp_access,
        workspaces: user.plan.workspaces,
        limits: Vec::new(),
        managed_by: None,
        created_at: user.created_at,
    }
}

async fn change_plan(engine: &Engine, name: &str, change: PlanChange) -> Answer {
    let mut user = named(engine, name).await?;
    let base = match &change.give {
        Some(word) => configured(engine, word)?,
        None => user.plan.clone(),
    };
    let mut plan = Plan {
        name: change.name.unwrap_or_else(|| base.name.clone()),
        api_access: change.api_access.unwrap_or(base.api_access),
        mcp_access: change.mcp_access.unwrap_or(base.mcp_access),
        workspaces: change.workspaces.unwrap_or(base.workspaces),
        ..base.clone()
    };
    if plan != base {
        // It is a plan of the user's own now, and no longer follows the configured one.
        plan.key = None;
    }
    if plan != user.plan {
        engine.set_plan(user.id, plan.clone()).await?;
        user.plan = plan;
    }
    let limits = limits(engine, &user).await?;
    Ok(Reply::User(UserView { limits, ..view(&user) }))
}

/// What a plan limits, and how much of it is used.
async fn limits(engine: &Engine, user: &User) -> Result<Vec<String>, Refusal> {
    let (plan, usage) = (&user.plan, engine.usage(user).await?);
    let per = |per| match per {
        Per::Account => "",
        Per::Connection => " for each connection",
    };
    let mut limits = Vec::new();
    if let Some(platforms) = &plan.platforms {
        let words: Vec<_> = platforms.iter().map(|platform| platform.word()).collect();
        limits.push(format!("platforms: {}", words.join(", ")));
    }
    if let Some(limit) = plan.monthly_posts {
        let (per, used) = (per(plan.monthly_posts_per), usage.month.unwrap_or(0));
        limits.push(format!("posts a month: {limit}{per} ({used} used)"));
    }
    if let Some(limit) = plan.queued_posts {
        let (per, used) = (per(plan.queued_posts_per), usage.queue.unwrap_or(0));
        limits.push(format!("scheduled posts: {limit}{per} ({used} used)"));
    }
    if let Some(days) = plan.horizon_days {
        limits.push(format!("scheduling ahead: {days} days"));
    }
    if let Some(limit) = plan.connections {
        limits.push(format!("connected accounts: {limit} ({} used)", usage.connections));
    }
    if let Some(bytes) = plan.video_bytes_max {
        limits.push(format!("bytes of a video: {bytes}"));
    }
    Ok(limits)
}
