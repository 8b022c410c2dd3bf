//! Tests of the schema and of the statements: that they fit, and that they are fast by their plans.

use rusqlite::Connection;

use super::tests::{FreshDir, fresh_dir, group, now, opened, with_owner};
use super::*;

/// A migrated database and its directory.
fn migrated() -> (Connection, FreshDir) {
    let dir = fresh_dir("statements");
    drop(opened(&dir));
    (Connection::open(dir.join(DATABASE_FILE)).unwrap(), dir)
}

fn sealed_statements() -> impl Iterator<Item = (&'static str, &'static str)> {
    let texts = |column: &'static sql::Sealed| {
        [column.find, column.count, column.get, column.set].map(|text| (column.place, text))
    };
    sql::SEALED.iter().flat_map(texts)
}

fn all_statements() -> impl Iterator<Item = (&'static str, &'static str)> {
    let rooms = [
        sql::ALL,
        sql::claims::ALL,
        sql::webhooks::ALL,
        verbs::media::sql::ALL,
        verbs::usage::ALL,
        verbs::workspaces::ALL,
    ];
    rooms.into_iter().flatten().copied()
}

#[test]
fn every_statement_prepares() {
    let (conn, _dir) = migrated();
    for (name, text) in all_statements().chain(sealed_statements()) {
        conn.prepare(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// Statements that may read a whole table: it is small, or nobody waits.
const MAY_SCAN: &[&str] = &[
    "INSTALLATION",
    "USERS",
    "DROP_UNUSED_TOKENS",
    "POST_COUNTS",
    "PRUNE_BUDGETS",
    "PRUNE_USAGE",
    "WAKING_OF_ACCOUNT",
    "METERS",
    "FOLLOWERS",
    "LISTENERS",
    "CONDEMNED",
];

#[test]
fn no_statement_scans_a_table() {
    let (conn, _dir) = migrated();
    for (name, text) in all_statements().filter(|(name, _)| !MAY_SCAN.contains(name)) {
        let is_query = ["SELECT", "UPDATE", "DELETE", "INSERT", "WITH"]
            .iter()
            .any(|verb| text.starts_with(verb));
        if !is_query {
            continue;
        }
        let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
        let plan = explain
            .raw_query()
            .mapped(|row| row.get::<_, String>(3))
            .collect::<rusqlite::Result<Vec<_>>>();
        for step in plan.unwrap() {
            // A partial index that holds only what is asked for is read whole on purpose; json_each is a parameter.
            let is_fine = !step.starts_with("SCAN")
                || step.contains("json_each")
                || [
                    "posts_claimed",
                    "groups_deleted",
                    "posts_wake",
                    "users_removed",
                    "accounts_refresh",
                    "accounts_revocations",
                    "log_actions",
                    "webhooks_due",
                ]
                .iter()
                .any(|index| step.contains(index))
                || step == "SCAN (subquery-1)"
                || step == "SCAN CONSTANT ROW";
            assert!(is_fine, "{name}: {step}");
            // A user's accounts are few, as are those that leave, and they are sorted by what no index of theirs ends with.
            let sorts = ["ACCOUNTS", "ACCOUNT_REPORTS", "REVOCATIONS"].contains(&name);
            assert!(!step.contains("TEMP B-TREE") || sorts, "{name}: {step}");
        }
    }
}

#[test]
fn the_hot_statements_use_their_indexes() {
    let (conn, _dir) = migrated();
    let uses = |text: &str, index: &str| {
        let mut explain = conn.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
        let plan = explain
            .raw_query()
            .mapped(|row| row.get::<_, String>(3))
            .collect::<rusqlite::Result<Vec<_>>>();
        let plan = plan.unwrap();
        assert!(plan.iter().any(|step| step.contains(index)), "{text}: {plan:?}");
    };
    uses(sql::claims::DUE, "posts_wake");
    uses(sql::claims::NEXT_WAKE, "posts_wake");
    uses(sql::GROUP, "PRIMARY KEY");
    uses(sql::GROUP, "posts_group");
    uses(sql::GROUPS_CREATED_DOWN, "groups_created");
    uses(sql::COUNT_GROUPS, "COVERING INDEX groups_updated");
    uses(sql::LIKE_INTENT, "intents_open");
    uses(sql::AUTHENTICATE, "sqlite_autoindex_api_keys");
    uses(sql::claims::CLAIMED_UNTIL, "posts_claimed (wake_at<?)");
    uses(sql::claims::NEXT_LEASE_END, "posts_claimed");
    uses(sql::WAKING_OF_ACCOUNT, "COVERING INDEX posts_wake");
    uses(sql::ACCOUNT_OF_TARGET, "sqlite_autoindex_accounts");
    uses(sql::GROUP_LOG, "log_group");
    uses(sql::RECENT_LOG, "INTEGER PRIMARY KEY (rowid>?)");
    uses(sql::POST_GROUP, "PRIMARY KEY");
    uses(sql::REFRESHES_DUE, "accounts_refresh");
    uses(sql::HAS_OPEN_INTENTS, "intents_open");
    uses(sql::ACCOUNT_REPORTS, "log_verdicts (account_id=? AND kind=? AND at>?)");
    uses(sql::ACCOUNT_REPORTS, "COVERING INDEX groups_updated");
    uses(sql::CONNECTION_LOG, "log_connections (user_id=? AND (at,id)<(?,?))");
    uses(
        sql::CONNECTION_LOG_OF,
        "log_connections_of (account_id=? AND (at,id)<(?,?))",
    );
    uses(sql::SIGN_IN, "PRIMARY KEY");
    uses(sql::OPEN_SIGN_INS, "sign_ins_open");
    uses(sql::OPEN_LINKS, "connect_links_open");
    uses(sql::LINK, "sqlite_autoindex_connect_links");
    uses(sql::APP, "sqlite_autoindex_instance_apps");
    uses(sql::webhooks::DUE_WEBHOOKS, "webhooks_due (due_at<?)");
    uses(
        sql::webhooks::DUE_DELIVERIES,
        "deliveries_pending (webhook_id=? AND next_at<?)",
    );
    uses(sql::webhooks::PRUNE_DELIVERIES, "deliveries_done (done_at<?)");
}

#[test]
fn the_tables_refuse_states_that_cannot_be() {
    let dir = fresh_dir("checks");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let store = opened(&dir);
    runtime.block_on(async {
        with_owner(&store).await;
        store.create_group(group(100, 1, now()), None).await.unwrap();
    });
    drop(store);
    let conn = Connection::open(dir.join(DATABASE_FILE)).unwrap();
    for change in [
        "state = 'unheard-of'",
        "state = 'publishing'",
        "state = 'failed'",
        "wake_at = NULL",
        "claim = x'00'",
        "wake_at = NULL, claim = x'000000000000000000000000'",
        "id = x'00'",
    ] {
        let refused = conn.execute(&format!("UPDATE posts SET {change}"), []);
        assert!(refused.is_err(), "{change}");
    }
    conn.execute("UPDATE posts SET state = 'failed', wake_at = NULL", [])
        .unwrap();
}

#[test]
fn every_state_that_the_tables_know_is_a_state_and_the_other_way_round() {
    let (conn, _dir) = migrated();
    let text: String = conn
        .query_row("SELECT sql FROM sqlite_schema WHERE name = 'posts'", [], |row| {
            row.get(0)
        })
        .unwrap();
    let mut words: Vec<_> = text
        .split("WHEN '")
        .skip(1)
        .map(|when| when.split('\'').next().unwrap())
        .collect();
    words.sort_unstable();
    let mut states = PostState::WORDS.to_vec();
    states.sort_unstable();
    assert_eq!(words, states);
}
