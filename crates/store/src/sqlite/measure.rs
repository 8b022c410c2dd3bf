//! Figures, on request: `cargo test --release -p store measure -- --ignored --nocapture --test-threads 1`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::log::LogKind;
use jiff::{SignedDuration, Timestamp};

use super::tests::{REACH, account, ask, fresh_dir, group, id, log, now, opened, with_owner};
use super::*;

#[expect(
    clippy::disallowed_methods,
    reason = "this measures how long things take, and decides nothing by it"
)]
fn instant() -> Instant {
    Instant::now()
}

/// The processor time of this thread: on a busy machine the only figure that repeats.
fn busy() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap()
}

fn per(total: Duration, count: u32) -> Duration {
    total / count
}

/// A group as the engine makes it: an entry a post, each with the request's id.
fn usual(n: u64, due: Timestamp) -> NewGroup {
    let mut new = group(n, 3, due);
    let entry = |post: &crate::NewPost| LogEntry {
        group: Some(new.id),
        post: Some(post.id),
        platform: Some(post.platform),
        user: Some(new.owner),
        ..log(LogKind::Scheduled).with("request_id", "0123456789abcdef")
    };
    new.log = new.posts.iter().map(entry).collect();
    new
}

#[test]
#[ignore = "a measurement"]
fn measure_creates_by_64_clients() {
    const CLIENTS: u64 = 64;
    const EACH: u64 = 400;
    let dir = fresh_dir("measure-creates");
    runtime().block_on(async {
        let store = Arc::new(opened(&dir));
        with_owner(&store).await;
        for n in 1..=3 {
            store
                .connect_account(account(n, "token"), log(LogKind::Connected))
                .await
                .unwrap();
        }
        let writer_before = store.writer.call(|_| Ok(busy())).await.unwrap();
        let start = instant();
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    let mut slowest = Duration::ZERO;
                    for nth in 0..EACH {
                        let due = now().saturating_add(SignedDuration::from_hours(1)).unwrap();
                        let group = usual(1_000 + (nth * CLIENTS + client) * 10, due);
                        let before = instant();
                        store.create_group(group, None).await.unwrap();
                        slowest = slowest.max(before.elapsed());
                    }
                    slowest
                })
            })
            .collect();
        let mut slowest = Duration::ZERO;
        for client in clients {
            slowest = slowest.max(client.await.unwrap());
        }
        let took = start.elapsed();
        let writer = store.writer.call(|_| Ok(busy())).await.unwrap() - writer_before;
        println!(
            "writer thread: {:?} of processor time a group",
            per(writer, u32::try_from(CLIENTS * EACH).unwrap())
        );
        let stats = store.commit_stats();
        println!(
            "{:.0} groups of 3 posts a second; {} commits of {:.1}; slowest {slowest:?}; log {} MiB",
            f64::from(u32::try_from(CLIENTS * EACH).unwrap()) / took.as_secs_f64(),
            stats.commits,
            stats.commands as f64 / stats.commits as f64,
            std::fs::metadata(dir.join("broadside.db-wal")).unwrap().len() >> 20,
        );
    });
}

const POST_ROW: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0)";
const LOG_ROW: &str = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

/// One insert of so many rows, from the statement for one.
fn of_rows(one: &str, row: &str, rows: usize) -> String {
    let (head, _) = one.split_once(" VALUES ").unwrap();
    format!("{head} VALUES {}", vec![row; rows].join(", "))
}

/// Inserts the posts or the log entries of `groups` groups, `rows` rows a statement; returns the processor time.
fn insert(tx: &tx::Tx, first: u64, groups: u64, rows: u64, posts: bool) -> Duration {
    let (one, row) = if posts {
        (sql::ADD_POST, POST_ROW)
    } else {
        (sql::ADD_LOG, LOG_ROW)
    };
    let sql = of_rows(one, row, usize::try_from(rows).unwrap());
    let state = rows::to_json(&PostState::Scheduled { due: now() }).unwrap();
    let micros = rows::micros(now());
    let start = busy();
    for chunk in 0..groups * 3 / rows {
        let mut statement = tx.conn.prepare_cached(&sql).unwrap();
        let mut place = 0;
        let mut bind = |value: &dyn rusqlite::ToSql| {
            place += 1;
            statement.raw_bind_parameter(place, value).unwrap();
        };
        for nth in chunk * rows..(chunk + 1) * rows {
            let (group, position) = (id(first + nth / 3 * 10), nth % 3);
            let own = id(first + nth / 3 * 10 + 1 + position);
            if posts {
                bind(&own);
                bind(&group);
                bind(&i64::try_from(position).unwrap());
                bind(&REACH.owner.as_bytes());
                bind(&"mastodon");
                bind(&(position + 1).to_string());
                bind(&id(position + 1));
                bind(&"scheduled");
                bind(&2);
                bind(&state);
                bind(&micros);
                bind(&micros);
            } else {
                bind(&own);
                bind(&group);
                bind(&i64::try_from(position + 1).unwrap());
                bind(&REACH.owner.as_bytes());
                bind(&own);
                bind(&rusqlite::types::Null);
                bind(&"scheduled");
                bind(&"info");
                bind(&micros);
                bind(&r#"{"platform":"mastodon","data":{"request_id":"0123456789abcdef"}}"#);
                bind(&rusqlite::types::Null);
            }
        }
        assert_eq!(statement.raw_execute().unwrap(), usize::try_from(rows).unwrap());
    }
    busy() - start
}

/// Whether one statement for many rows costs less than a statement a row: for a group's three, and for many groups at once.
#[test]
#[ignore = "a measurement"]
fn measure_rows_a_statement() {
    const GROUPS: u64 = 4_000;
    let dir = fresh_dir("measure-rows");
    runtime().block_on(async {
        let store = Arc::new(opened(&dir));
        with_owner(&store).await;
        for n in 1..=3 {
            let new = account(n, "token");
            store.connect_account(new, log(LogKind::Connected)).await.unwrap();
        }
        for round in 0..5_u64 {
            for (nth, rows) in (0..).zip([1, 3, 12, 48]) {
                let first = 10_000 + (round * 4 + nth) * GROUPS * 10;
                let took = store.writer.call_checked(move |tx| {
                    for n in 0..GROUPS {
                        let mut new = group(first + n * 10, 0, now());
                        new.log.clear();
                        groups::create(tx, groups::prepare(new)?, None)?;
                    }
                    Ok((
                        insert(tx, first, GROUPS, rows, true),
                        insert(tx, first, GROUPS, rows, false),
                    ))
                });
                let (posts, entries) = took.await.unwrap();
                let groups = u32::try_from(GROUPS).unwrap();
                println!(
                    "{rows:>2} rows a statement: posts {:?}, entries {:?} a group",
                    per(posts, groups),
                    per(entries, groups)
                );
            }
        }
    });
}

/// Fills a store with groups of ten posts, many at a time.
async fn fill(store: &Arc<SqliteStore>, first: u64, groups: u64, due: Timestamp) {
    let mut making = tokio::task::JoinSet::new();
    for nth in 0..groups {
        let n = first + nth * 11;
        let mut new = group(n, 10, due);
        for (post, nth) in new.posts.iter_mut().zip(0..) {
            post.target = (nth % 3 + 1).to_string();
        }
        let store = Arc::clone(store);
        making.spawn(async move { store.create_group(new, None).await.unwrap() });
        if making.len() >= 256 {
            making.join_next().await.unwrap().unwrap();
        }
    }
    while making.join_next().await.is_some() {}
}

#[test]
#[ignore = "a measurement"]
fn measure_claims_and_reads_beside_a_million_future_posts() {
    let dir = fresh_dir("measure-claims");
    runtime().block_on(async {
        let store = Arc::new(opened(&dir));
        with_owner(&store).await;
        for n in 1..=3 {
            store
                .connect_account(account(n, "token"), log(LogKind::Connected))
                .await
                .unwrap();
        }
        let future = now().saturating_add(SignedDuration::from_hours(24)).unwrap();
        fill(&store, 10_000_000, 100_000, future).await;
        fill(&store, 20_000_000, 1_000, now()).await;
        let mut took = Vec::new();
        for _ in 0..20 {
            let ask = ask(500);
            let start = instant();
            let before = store.writer.call(|_| Ok(busy())).await.unwrap();
            let claimed = store.claim_due(ask).await.unwrap();
            let writer = store.writer.call(|_| Ok(busy())).await.unwrap() - before;
            took.push((writer, start.elapsed()));
            assert_eq!(claimed.claims.len(), 500);
        }
        took.sort();
        let (writer, wall) = took[10];
        println!(
            "claim of 500 with its commit: {:?} of processor time a row; {wall:?} in all",
            per(writer, 500)
        );
        let start = instant();
        for _ in 0..1_000 {
            assert!(store.claim_due(ask(500)).await.unwrap().claims.is_empty());
        }
        println!("empty claim: {:?}", per(start.elapsed(), 1_000));
        store.create_group(group(5_000, 3, future), None).await.unwrap();
        let start = instant();
        for _ in 0..10_000 {
            store
                .group(&REACH, GroupId::from_bytes(id(5_000)))
                .await
                .unwrap()
                .unwrap();
        }
        println!("group with 3 posts, one caller: {:?}", per(start.elapsed(), 10_000));
        let found = store
            .readers
            .call(|db| {
                let start = busy();
                for _ in 0..10_000 {
                    groups::one(db, &REACH, GroupId::from_bytes(id(5_000)))?;
                }
                Ok(busy() - start)
            })
            .await
            .unwrap();
        println!(
            "group with 3 posts, on the reading thread: {:?} of processor time",
            per(found, 10_000)
        );
        let start = instant();
        let backlog = store.backlog(now()).await.unwrap();
        println!("backlog {backlog:?}: {:?}", start.elapsed());
        let start = instant();
        store.recover_orphans(Orphans::All, now()).await.unwrap();
        println!("recovery of 10,000 orphans: {:?}", start.elapsed());
        let start = instant();
        let removed = AccountId::from_bytes(id(1));
        store
            .remove_account(&REACH, removed, now(), log(LogKind::Disconnected))
            .await
            .unwrap();
        println!("removal of an account with 400,000 posts: {:?}", start.elapsed());
    });
}
