use std::cell::Cell;

use super::*;

struct Fixed {
    connections: u64,
    tally: Tally,
    asked: Cell<u32>,
}

impl Counted for Fixed {
    type Error = std::convert::Infallible;

    fn connections(&self) -> Result<u64, Self::Error> {
        self.asked.set(self.asked.get() + 1);
        Ok(self.connections)
    }

    fn tally(&self, _: Metric) -> Result<Tally, Self::Error> {
        self.asked.set(self.asked.get() + 1);
        Ok(self.tally.clone())
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn targets(of: &[(Platform, &str)]) -> Vec<Connection> {
    of.iter().map(|(platform, id)| (*platform, (*id).to_owned())).collect()
}

fn admit(plan: &Plan, used: &Fixed, to: &[(Platform, &str)], at: Option<&str>) -> Result<(), Limit> {
    let targets = targets(to);
    let asked = Asked {
        targets: &targets,
        at: at.map(time),
        now: time("2026-11-22T12:00:00Z"),
        joins_month: true,
        joins_queue: true,
    };
    let Ok(admitted) = plan.admit(&asked, used);
    admitted.map_err(|reached| reached.limit)
}

fn used(connections: u64, total: u64, own: &[(Platform, &str, u64)]) -> Fixed {
    let own = own.iter().map(|(platform, id, n)| ((*platform, (*id).to_owned()), *n));
    Fixed {
        connections,
        tally: Tally {
            total,
            own: own.collect(),
        },
        asked: Cell::new(0),
    }
}

const SOON: Option<&str> = Some("2026-11-30T10:00:00Z");

#[test]
fn the_default_plan_admits_everything_and_asks_for_no_count() {
    let used = used(1_000, 1_000_000, &[]);
    let far = Some("2036-01-01T00:00:00Z");
    assert_eq!(admit(&Plan::default(), &used, &[(Platform::X, "1")], far), Ok(()));
    assert_eq!(used.asked.get(), 0);
    assert!(!Plan::default().is_limited());
}

#[test]
fn drafts_are_held_to_the_platforms_and_to_nothing_else() {
    let plan = Plan {
        platforms: Some(vec![Platform::LinkedIn]),
        monthly_posts: Some(0),
        queued_posts: Some(0),
        connections: Some(0),
        ..Plan::default()
    };
    let full = used(9, 9, &[]);
    assert_eq!(admit(&plan, &full, &[(Platform::LinkedIn, "1")], None), Ok(()));
    let refused = admit(&plan, &full, &[(Platform::X, "1"), (Platform::X, "2")], None);
    let (refused_platforms, allowed) = (vec![Platform::X], vec![Platform::LinkedIn]);
    assert_eq!(
        refused,
        Err(Limit::Platforms {
            refused: refused_platforms,
            allowed
        })
    );
}

#[test]
fn an_account_is_counted_as_a_whole_and_to_the_last_place() {
    let plan = Plan {
        monthly_posts: Some(100),
        ..Plan::default()
    };
    let two = [(Platform::X, "1"), (Platform::Bluesky, "2")];
    assert_eq!(admit(&plan, &used(0, 98, &[]), &two, SOON), Ok(()));
    let Err(Limit::Monthly { count, start, end }) = admit(&plan, &used(0, 99, &[]), &two, SOON) else {
        panic!("99 and 2 are more than 100");
    };
    assert_eq!((count.limit, count.requested, count.used), (100, 2, Used::Account(99)));
    assert_eq!(
        (start, end),
        (time("2026-11-01T00:00:00Z"), time("2026-12-01T00:00:00Z"))
    );
}

#[test]
fn connections_are_counted_each_for_itself_and_only_full_ones_are_named() {
    let plan = Plan {
        queued_posts: Some(3),
        queued_posts_per: Per::Connection,
        ..Plan::default()
    };
    let used = used(0, 50, &[(Platform::X, "1", 3), (Platform::Bluesky, "2", 2)]);
    assert_eq!(admit(&plan, &used, &[(Platform::Bluesky, "2")], SOON), Ok(()));
    let refused = admit(&plan, &used, &[(Platform::X, "1"), (Platform::Bluesky, "2")], SOON);
    let Err(Limit::Queued { count }) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(count.used, Used::Connections(vec![((Platform::X, "1".to_owned()), 3)]));
}

#[test]
fn the_horizon_counts_whole_days_from_now() {
    let plan = Plan {
        horizon_days: Some(7),
        ..Plan::default()
    };
    let none = used(0, 0, &[]);
    let to = [(Platform::X, "1")];
    assert_eq!(admit(&plan, &none, &to, Some("2026-11-29T12:00:00Z")), Ok(()));
    let refused = admit(&plan, &none, &to, Some("2026-11-29T12:00:00.001Z"));
    assert!(
        matches!(refused, Err(Limit::Horizon { latest, .. }) if latest == time("2026-11-29T12:00:00Z")),
        "{refused:?}"
    );
}

#[test]
fn as_many_connections_as_allowed_are_no_reason_to_refuse_posts() {
    let plan = Plan {
        connections: Some(2),
        ..Plan::default()
    };
    let to = [(Platform::X, "1")];
    assert_eq!(admit(&plan, &used(2, 0, &[]), &to, SOON), Ok(()));
    let refused = admit(&plan, &used(7, 0, &[]), &to, SOON);
    assert_eq!(refused, Err(Limit::Connections { limit: 2, used: 7 }));
    assert!(plan.admit_connections(1, 2).is_ok());
    assert!(plan.admit_connections(2, 3).is_err());
}

#[test]
fn a_month_ends_where_the_next_begins_also_at_the_turn_of_a_year() {
    let december = (time("2026-12-01T00:00:00Z"), time("2027-01-01T00:00:00Z"));
    assert_eq!(month_of(time("2026-12-31T23:59:59.999999Z")), december);
    assert_eq!(month_of(time("2026-12-01T00:00:00Z")), december);
}

#[test]
fn a_plan_is_read_as_it_was_written() {
    let plan = Plan {
        key: None,
        platforms: Some(vec![Platform::X]),
        monthly_posts: Some(5),
        monthly_posts_per: Per::Connection,
        ..Plan::default()
    };
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    let little: Plan = serde_json::from_str(r#"{"name":"Little"}"#).unwrap();
    assert!(little.api_access && little.workspaces && !little.is_limited());
}
