//! `create-post` with all that a real one passes: the request's name and its tracing span, the check of the key and of
//! what the plan grants, validation, mapping, and every limit that a plan can have, counted in the transaction that
//! writes the group. Rates are not limited in this dialect, as in the original.

use domain::account::User;
use domain::clock::Clock;
use domain::plan::{Per, Plan};
use engine::Engine;
use jiff::SignedDuration;

use super::Bench;
use super::load::{Load, in_turns};
use super::report::{Line, Subject, Target};
use super::site::{self, Setup};
use super::{creates, seed};
use crate::clock::SystemClock;

/// The writing thread keeps one of two cores busy with durable writes; the server's HTTP and the generator of load share
/// the other. So everything in front of the store may take as long as the store does, and no longer.
const MIDDLEWARE: Subject = Subject {
    name: "create-post",
    what: "Creates by 64 clients through the whole middleware, under a plan with every limit",
    against: "the same through the engine alone, in as large commits",
    unit: "/s",
    target: Target::AtLeast(0.5),
};

/// A create writes eight rows: the text, the group, and for each of three posts itself and its first log entry. A plan with
/// limits reads two counts and adds to six, so that the same creates may take half as long again, and some noise.
const LIMITS: Subject = Subject {
    name: "create-post-limits",
    what: "The same",
    against: "the same by a user without limits",
    target: Target::AtLeast(0.6),
    ..MIDDLEWARE
};

/// More posts than any run makes.
const PLENTY: u64 = 1_000_000_000;

/// Every limit there is, and room below each.
fn every_limit() -> Plan {
    Plan {
        key: None,
        name: "Bench".to_owned(),
        platforms: Some(
            seed::three_targets()
                .into_iter()
                .map(|target| target.platform)
                .collect(),
        ),
        monthly_posts: Some(PLENTY),
        monthly_posts_per: Per::Connection,
        queued_posts: Some(PLENTY),
        queued_posts_per: Per::Connection,
        horizon_days: Some(365),
        connections: Some(PLENTY),
        ..Plan::default()
    }
}

/// Measures creates per second, twice.
pub(super) async fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let dir = bench.folder("middleware");
    seed::copy(&bench.with_groups().await?, &dir)?;
    let engine = site::open(&dir, Setup::default()).await?;
    let (limited, unlimited) = (limited_user(&engine).await?, engine.user_by_name(seed::USER).await?);
    let server = site::serve(&engine, &dir).await?;
    let later = SystemClock.now().saturating_add(SignedDuration::from_hours(24 * 30))?;
    let mut loads = Vec::new();
    for user in [&limited, &unlimited] {
        let key = engine.create_key(user.id, "bench").await?.text;
        loads.push(Load {
            addr: server.addr,
            clients: creates::CLIENTS,
            request: creates::request(key.expose(), later),
        });
    }
    let [with_limits, without_limits] = loads.as_slice() else {
        anyhow::bail!("two users make two loads");
    };
    let (samples, span) = (bench.sizes.samples, bench.sizes.span);
    let ours = || with_limits.per_second(span);
    let engine_alone = || creates::without_http(&engine, &limited, later, span);
    let (middleware, alone) = in_turns(samples, ours, engine_alone).await?;
    let (limits, free) = in_turns(samples, ours, || without_limits.per_second(span)).await?;
    Ok(vec![
        Line::against(MIDDLEWARE, &middleware, &alone),
        Line::against(LIMITS, &limits, &free),
    ])
}

/// A user with accounts for the three targets, and with limits.
async fn limited_user(engine: &Engine) -> anyhow::Result<User> {
    let user = engine.create_user("limited", every_limit()).await?;
    for target in seed::three_targets() {
        seed::add_account(engine, &user, target).await?;
    }
    Ok(user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::ScratchFolder;
    use domain::plan::Metric;

    /// Otherwise the measurement would be one of a plan without limits.
    #[tokio::test]
    async fn what_the_limited_user_makes_is_counted() {
        let scratch = ScratchFolder::new("broadside-limits").unwrap();
        let engine = site::open(&scratch.path().join("data"), Setup::default())
            .await
            .unwrap();
        let user = limited_user(&engine).await.unwrap();
        let later = SystemClock.now().saturating_add(SignedDuration::from_hours(1)).unwrap();
        let group = seed::group(&user, seed::TEXT.to_owned(), seed::three_targets(), later);
        engine.create_group(group).await.unwrap();
        let counted = engine.store().usage(user.id, 10).await.unwrap();
        let queued = counted.iter().filter(|row| row.metric == Metric::Queue).count();
        assert_eq!((counted.len(), queued), (6, 3), "{counted:?}");
    }
}
