//! Limits of plans, and what is counted against them.

use std::collections::BTreeMap;

use domain::group::PlanEdit;
use domain::log::LogKind;
use domain::plan::{Limit, LimitReached, Metric, Per, Plan, Used, month_of};
use domain::platform::Platform;
use domain::post::PostState;

use super::bench::{at, entry, failed, published, release};
use super::{Bench, Outcome};
use crate::{Created, Error, Reach, RequestKey, Result};

/// December, as seconds after the nine o'clock of a November morning that scenarios happen at.
const DECEMBER: i64 = 20 * 86_400;

type Found = std::result::Result<Limit, Box<dyn std::error::Error + Send + Sync>>;

/// The limit that was in the way, which there must be one.
fn limit<T: std::fmt::Debug>(result: Result<T>) -> Found {
    match result {
        Err(Error::LimitReached(reached)) => {
            let LimitReached { plan, limit } = *reached;
            assert_eq!(plan, "Small");
            Ok(limit)
        }
        other => Err(format!("no limit was reached: {other:?}").into()),
    }
}

fn small() -> Plan {
    Plan {
        key: Some("small".to_owned()),
        name: "Small".to_owned(),
        ..Plan::default()
    }
}

async fn with_plan(bench: &Bench, name: &str, plan: Plan) -> Result<Reach> {
    let reach = bench.owner(name).await?;
    bench.set_plan(reach.owner, plan).await?;
    Ok(reach)
}

/// How many posts are counted for the month of this second, and in the queue.
async fn counted(bench: &Bench, reach: &Reach, seconds: i64) -> Result<(u64, u64)> {
    let mut counted = BTreeMap::new();
    for row in bench.usage(reach.owner, 1_000).await? {
        *counted.entry(row.metric).or_insert(0) += row.count;
    }
    let of = |metric| counted.get(&metric).copied().unwrap_or(0);
    Ok((of(Metric::Month(month_of(at(seconds)).0)), of(Metric::Queue)))
}

pub(super) async fn nothing_is_counted_without_a_limit(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let group = bench
        .grouped(&ann, &[(Platform::X, "1"), (Platform::Bluesky, "2")], Some(60))
        .await?;
    assert_eq!(bench.usage(ann.owner, 10).await?, []);
    let plan = Plan {
        monthly_posts: Some(3),
        ..small()
    };
    bench.set_plan(ann.owner, plan).await?;
    assert_eq!(counted(&bench, &ann, 0).await?, (2, 0), "what there is is counted now");
    let log = entry(LogKind::Deleted, 1);
    bench.delete_group(&ann, group.id, at(1), log).await?;
    assert_eq!(counted(&bench, &ann, 0).await?, (0, 0));
    bench.set_plan(ann.owner, Plan::default()).await?;
    assert_eq!(bench.usage(ann.owner, 10).await?, []);
    Ok(())
}

pub(super) async fn posts_count_from_when_they_are_scheduled_until_they_are_taken_back(bench: Bench) -> Outcome {
    let plan = Plan {
        monthly_posts: Some(10),
        queued_posts: Some(10),
        ..small()
    };
    let ann = with_plan(&bench, "ann", plan).await?;
    let mut draft = bench.new_group(&ann, &[(Platform::X, "1"), (Platform::X, "2")], None);
    draft.draft = true;
    let group = bench.made(&ann, draft).await?;
    assert_eq!(counted(&bench, &ann, 0).await?, (0, 0), "a draft is not counted");
    let edit = |draft, planned_at: Option<i64>, now| PlanEdit {
        draft,
        planned_at: planned_at.map(at),
        now: at(now),
    };
    let log = || entry(LogKind::StatusChanged, 1);
    bench
        .edit_plan(&ann, group.id, edit(Some(false), Some(60), 1), log())
        .await?;
    assert_eq!(counted(&bench, &ann, 0).await?, (2, 2));
    bench
        .edit_plan(&ann, group.id, edit(None, Some(DECEMBER), 1), log())
        .await?;
    assert_eq!(counted(&bench, &ann, 0).await?, (0, 2), "moved to another month");
    assert_eq!(counted(&bench, &ann, DECEMBER).await?, (2, 2));
    bench
        .edit_plan(&ann, group.id, edit(Some(true), None, 1), log())
        .await?;
    assert_eq!(counted(&bench, &ann, DECEMBER).await?, (0, 0), "a draft again");
    bench
        .edit_plan(&ann, group.id, edit(Some(false), Some(DECEMBER), 1), log())
        .await?;
    bench
        .delete_group(&ann, group.id, at(2), entry(LogKind::Deleted, 2))
        .await?;
    assert_eq!(
        counted(&bench, &ann, DECEMBER).await?,
        (0, 0),
        "deleted before it was sent"
    );
    Ok(())
}

pub(super) async fn what_was_sent_counts_for_its_month_for_good(bench: Bench) -> Outcome {
    let plan = Plan {
        monthly_posts: Some(10),
        queued_posts: Some(10),
        ..small()
    };
    let ann = with_plan(&bench, "ann", plan).await?;
    let group = bench
        .grouped(&ann, &[(Platform::X, "1"), (Platform::Bluesky, "2")], Some(0))
        .await?;
    for claim in bench.claim(1).await? {
        let event = if claim.platform == Platform::X {
            published("r", 2)
        } else {
            failed(2)
        };
        bench.release(claim, release(event, 2)).await?;
    }
    assert_eq!(
        counted(&bench, &ann, 0).await?,
        (2, 0),
        "sent and failed ones count, and wait no more"
    );
    let failed = bench.read(&ann, group.id).await?.posts.pop().ok_or(Error::NotFound)?;
    assert!(matches!(failed.state, PostState::Failed { .. }));
    bench
        .retry_post(&ann, failed.id, at(5), entry(LogKind::Scheduled, 5))
        .await?;
    assert_eq!(counted(&bench, &ann, 0).await?, (2, 1), "a retry is no second post");
    bench
        .delete_group(&ann, group.id, at(6), entry(LogKind::Deleted, 6))
        .await?;
    bench.prune(at(7), 10).await?;
    assert_eq!(counted(&bench, &ann, 0).await?, (1, 0), "what was published was used");
    Ok(())
}

pub(super) async fn months_that_are_over_are_forgotten_and_never_owed(bench: Bench) -> Outcome {
    const DAY: i64 = 86_400;
    let plan = Plan {
        monthly_posts: Some(10),
        queued_posts: Some(10),
        ..small()
    };
    let ann = with_plan(&bench, "ann", plan.clone()).await?;
    let targets = [(Platform::X, "1"), (Platform::Bluesky, "2")];
    let old = bench.grouped(&ann, &targets, Some(60)).await?;
    let coming = bench.grouped(&ann, &targets, Some(70 * DAY)).await?;
    // The month before this one may still be asked for by a clock that was set back.
    bench.prune(at(30 * DAY), 10).await?;
    assert_eq!(counted(&bench, &ann, 0).await?, (2, 4));
    bench.prune(at(69 * DAY), 10).await?;
    assert_eq!(counted(&bench, &ann, 0).await?, (0, 4));
    assert_eq!(counted(&bench, &ann, 70 * DAY).await?, (2, 4));
    // What is counted anew is not brought back, and what leaves a forgotten month leaves no debt there.
    let fewer = Plan {
        monthly_posts: None,
        ..plan.clone()
    };
    bench.set_plan(ann.owner, fewer).await?;
    bench.set_plan(ann.owner, plan).await?;
    assert_eq!(counted(&bench, &ann, 0).await?, (0, 4));
    for group in [old.id, coming.id] {
        let log = entry(LogKind::Deleted, 69 * DAY);
        bench.delete_group(&ann, group, at(69 * DAY), log).await?;
    }
    assert_eq!(bench.usage(ann.owner, 10).await?, []);
    Ok(())
}

pub(super) async fn two_hundred_callers_find_a_hundred_places(bench: Bench) -> Outcome {
    let plan = Plan {
        monthly_posts: Some(100),
        ..small()
    };
    let ann = with_plan(&bench, "ann", plan).await?;
    let mut callers = tokio::task::JoinSet::new();
    for n in 0..200 {
        let bench = bench.clone();
        let group = bench.new_group(&ann, &[(Platform::X, "1")], Some(60 + n));
        callers.spawn(async move { bench.create_group(group, None).await });
    }
    let mut admitted = 0;
    while let Some(answer) = callers.join_next().await {
        match answer? {
            Ok(_) => admitted += 1,
            refused => assert!(matches!(limit(refused)?, Limit::Monthly { .. })),
        }
    }
    assert_eq!(admitted, 100);
    assert_eq!(counted(&bench, &ann, 0).await?, (100, 0));
    Ok(())
}

pub(super) async fn a_refused_group_leaves_nothing_and_a_replay_is_not_counted(bench: Bench) -> Outcome {
    let plan = Plan {
        monthly_posts: Some(1),
        ..small()
    };
    let ann = with_plan(&bench, "ann", plan).await?;
    let request = |key: &str| RequestKey {
        owner: ann.owner,
        operation: "create".to_owned(),
        key: key.to_owned(),
        body_hash: [1; 32],
        answer: "answer".to_owned(),
        expires_at: at(1_000),
    };
    let new = || bench.new_group(&ann, &[(Platform::X, "1")], Some(60));
    assert_eq!(bench.create_group(new(), Some(request("a"))).await?, Created::New);
    let again = bench.create_group(new(), Some(request("a"))).await?;
    assert!(matches!(again, Created::Replayed { .. }));
    let refused = bench.create_group(new(), Some(request("b"))).await;
    assert!(matches!(limit(refused)?, Limit::Monthly { .. }));
    bench.set_plan(ann.owner, Plan::default()).await?;
    let later = bench.create_group(new(), Some(request("b"))).await?;
    assert_eq!(later, Created::New, "the refused request was not remembered");
    Ok(())
}

pub(super) async fn every_limit_stands_in_the_way_by_itself(bench: Bench) -> Outcome {
    let to = [(Platform::X, "1")];
    let make = async |name: &str, plan: Plan, due: i64| -> Found {
        let reach = with_plan(&bench, name, plan).await?;
        bench.connected(&reach, Platform::Bluesky, "2").await?;
        bench
            .create_group(bench.new_group(&reach, &[(Platform::Bluesky, "2")], Some(30)), None)
            .await
            .ok();
        limit(bench.create_group(bench.new_group(&reach, &to, Some(due)), None).await)
    };
    let plan = Plan {
        platforms: Some(vec![Platform::Bluesky]),
        ..small()
    };
    assert!(matches!(make("a", plan, 60).await?, Limit::Platforms { .. }));
    let plan = Plan {
        horizon_days: Some(7),
        ..small()
    };
    assert!(matches!(make("b", plan, DECEMBER).await?, Limit::Horizon { .. }));
    let plan = Plan {
        queued_posts: Some(1),
        ..small()
    };
    assert!(matches!(make("c", plan, 60).await?, Limit::Queued { .. }));
    let plan = Plan {
        queued_posts: Some(1),
        queued_posts_per: Per::Connection,
        ..small()
    };
    let reach = with_plan(&bench, "d", plan).await?;
    bench.create_group(bench.new_group(&reach, &to, Some(60)), None).await?;
    let other = bench.new_group(&reach, &[(Platform::Bluesky, "2")], Some(60));
    bench.create_group(other, None).await?;
    let full = limit(bench.create_group(bench.new_group(&reach, &to, Some(90)), None).await)?;
    let Limit::Queued { count } = full else {
        return Err(format!("{full:?}").into());
    };
    assert_eq!(count.used, Used::Connections(vec![((Platform::X, "1".to_owned()), 1)]));
    Ok(())
}

pub(super) async fn an_edit_is_held_to_the_limits_of_where_it_leads(bench: Bench) -> Outcome {
    let plan = Plan {
        monthly_posts: Some(1),
        ..small()
    };
    let ann = with_plan(&bench, "ann", plan).await?;
    let group = bench.grouped(&ann, &[(Platform::X, "1")], Some(60)).await?;
    bench.grouped(&ann, &[(Platform::X, "1")], Some(DECEMBER)).await?;
    let edit = |planned_at| PlanEdit {
        draft: None,
        planned_at: Some(at(planned_at)),
        now: at(1),
    };
    let log = || entry(LogKind::StatusChanged, 1);
    let refused = bench.edit_plan(&ann, group.id, edit(DECEMBER + 5), log()).await;
    assert!(matches!(limit(refused)?, Limit::Monthly { .. }));
    assert_eq!(bench.read(&ann, group.id).await?, group);
    bench.edit_plan(&ann, group.id, edit(90), log()).await?;
    assert_eq!(
        counted(&bench, &ann, 0).await?,
        (1, 0),
        "within its month it keeps its place"
    );
    Ok(())
}

pub(super) async fn connections_are_limited_when_they_are_made_and_when_there_are_too_many(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let first = bench.connected(&ann, Platform::X, "1").await?;
    bench.connected(&ann, Platform::Bluesky, "2").await?;
    let plan = Plan {
        connections: Some(1),
        ..small()
    };
    bench.set_plan(ann.owner, plan).await?;
    bench.connected(&ann, Platform::X, "1").await?;
    let more = limit(bench.connected(&ann, Platform::Mastodon, "3").await)?;
    assert_eq!(
        more,
        Limit::Channels {
            limit: 1,
            used: 2,
            projected: 3
        }
    );
    let new = || bench.new_group(&ann, &[(Platform::X, "1")], Some(60));
    let refused = limit(bench.create_group(new(), None).await)?;
    assert_eq!(refused, Limit::Connections { limit: 1, used: 2 });
    let log = entry(LogKind::Disconnected, 1);
    bench.remove_account(&ann, first.id, at(1), log).await?;
    assert_eq!(bench.connections(ann.owner).await?, 1);
    bench.create_group(new(), None).await?;
    Ok(())
}

pub(super) async fn users_follow_their_plan_when_it_changes(bench: Bench) -> Outcome {
    let (ann, bob) = (
        with_plan(&bench, "ann", small()).await?,
        with_plan(&bench, "bob", Plan::default()).await?,
    );
    bench.grouped(&ann, &[(Platform::X, "1")], Some(60)).await?;
    let tighter = Plan {
        monthly_posts: Some(1),
        ..small()
    };
    assert_eq!(bench.follow_plan(tighter.clone()).await?, 1);
    assert_eq!(bench.follow_plan(tighter.clone()).await?, 0, "nothing is left to do");
    assert_eq!(bench.user(ann.owner).await?.map(|user| user.plan), Some(tighter));
    assert_eq!(
        bench.user(bob.owner).await?.map(|user| user.plan),
        Some(Plan::default())
    );
    assert_eq!(counted(&bench, &ann, 0).await?, (1, 0));
    Ok(())
}
