//! Tests of what a commit holds, and of what becomes of it when one of its commands fails.

use std::sync::Arc;

use domain::account::User;
use domain::ids::UserId;
use domain::plan::Plan;
use domain::platform::Platform;

use super::super::tests::{REACH, everything, fresh_dir, group, now, opened, with_owner};
use super::super::{Fatal, OpenOptions, SqliteStore, tx};
use crate::{Error, Store};

/// Keeps the writer busy until told, so that what is sent meanwhile shares one commit.
async fn hold(store: &Arc<SqliteStore>) -> (tokio::task::JoinHandle<()>, std::sync::mpsc::Sender<()>) {
    let (go, wait) = std::sync::mpsc::channel();
    let (taken, is_taken) = tokio::sync::oneshot::channel();
    let store = Arc::clone(store);
    let held = tokio::spawn(async move {
        let work = move |_: &mut tx::Tx| {
            taken.send(()).unwrap();
            wait.recv().unwrap_or_default();
            Ok(())
        };
        store.writer.call(work).await.unwrap();
    });
    is_taken.await.unwrap();
    (held, go)
}

#[tokio::test]
async fn callers_that_come_together_share_a_commit() {
    let store = Arc::new(opened(&fresh_dir("batch")));
    with_owner(&store).await;
    let before = store.commit_stats();
    let (held, go) = hold(&store).await;
    let creates = (0..100).map(|n| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.create_group(group(100 + n * 10, 1, now()), None).await })
    });
    let creates: Vec<_> = creates.collect();
    // The scheduler runs some tasks a turn; after a few turns all have sent their verb.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    go.send(()).unwrap();
    for create in creates {
        create.await.unwrap().unwrap();
    }
    held.await.unwrap();
    let after = store.commit_stats();
    assert_eq!(
        (after.commands - before.commands, after.commits - before.commits),
        (101, 2)
    );
    assert_eq!(after.largest, 100);
}

#[tokio::test]
async fn a_refused_verb_takes_nothing_back_of_others_in_its_commit() {
    let dir = fresh_dir("savepoint");
    let store = Arc::new(opened(&dir));
    with_owner(&store).await;
    let (held, go) = hold(&store).await;
    let panicking = store.writer.call::<(), _>(|tx| {
        tx.exec("UPDATE users SET name = 'changed'", []).unwrap();
        tx.count(Platform::X, "draft", 7);
        panic!("a bug");
    });
    let refused = store.create_user(User {
        id: UserId::from_bytes([2; 12]),
        name: "ann".into(),
        plan: Plan::default(),
        created_at: now(),
        manager: None,
        display_name: None,
    });
    let good = store.create_group(group(100, 2, now()), None);
    let release = async {
        tokio::task::yield_now().await;
        go.send(()).unwrap();
    };
    let (panicked, refused, good, ()) = tokio::join!(panicking, refused, good, release);
    held.await.unwrap();
    assert!(matches!(panicked, Err(Error::Unavailable(_))));
    assert!(matches!(refused, Err(Error::Conflict(crate::Conflict::UserName))));
    good.unwrap();
    assert_eq!(store.commit_stats().largest, 3);
    assert!(store.user_by_name("ann").await.unwrap().is_some());
    let counts = store.post_counts().await.unwrap();
    assert_eq!(counts.iter().map(|count| count.count).collect::<Vec<_>>(), [2]);
}

#[tokio::test]
async fn a_verb_that_breaks_its_word_to_check_first_takes_its_batch_with_it_and_the_store_goes_on() {
    let dir = fresh_dir("checked");
    let store = Arc::new(opened(&dir));
    with_owner(&store).await;
    let (held, go) = hold(&store).await;
    let fails_late = store.writer.call_checked::<(), _>(|tx| {
        tx.exec("UPDATE users SET name = 'changed'", []).unwrap();
        Err(Error::NotFound)
    });
    let good = store.create_group(group(100, 2, now()), None);
    let release = async {
        tokio::task::yield_now().await;
        go.send(()).unwrap();
    };
    let (fails_late, good, ()) = tokio::join!(fails_late, good, release);
    held.await.unwrap();
    assert!(matches!(fails_late, Err(Error::Unavailable(_))));
    assert!(
        matches!(good, Err(Error::Unavailable(_))),
        "nothing of the batch was kept"
    );
    assert!(store.user_by_name("ann").await.unwrap().is_some());
    store.create_group(group(100, 2, now()), None).await.unwrap();
}

#[tokio::test]
async fn a_verb_that_refuses_before_it_writes_harms_nobody() {
    let store = Arc::new(opened(&fresh_dir("checked-refusal")));
    with_owner(&store).await;
    let (held, go) = hold(&store).await;
    let refused = store.writer.call_checked::<(), _>(|_| Err(Error::NotFound));
    let good = store.create_group(group(100, 2, now()), None);
    let release = async {
        tokio::task::yield_now().await;
        go.send(()).unwrap();
    };
    let (refused, good, ()) = tokio::join!(refused, good, release);
    held.await.unwrap();
    assert!(matches!(refused, Err(Error::NotFound)));
    good.unwrap();
}

#[tokio::test]
async fn a_commit_that_fails_fails_everybody_in_it_and_stops_the_store() {
    let (told, heard) = std::sync::mpsc::channel();
    let fatal: Fatal = Arc::new(move |message| told.send(message.to_owned()).unwrap_or_default());
    let dir = fresh_dir("commit-fails");
    let store = Arc::new(
        SqliteStore::open(
            &dir,
            OpenOptions {
                fatal,
                ..OpenOptions::new(now())
            },
        )
        .unwrap(),
    );
    with_owner(&store).await;
    let (held, go) = hold(&store).await;
    // A broken promise that SQLite finds out at the commit.
    let broken = store.writer.call(|tx| {
        tx.run("PRAGMA defer_foreign_keys = ON")?;
        tx.exec(
            "INSERT INTO refreshes (account_id, version, begun_at) VALUES (x'00', 1, 1)",
            [],
        )
    });
    let innocent = store.create_group(group(100, 1, now()), None);
    let release = async {
        tokio::task::yield_now().await;
        go.send(()).unwrap();
    };
    let (broken, innocent, ()) = tokio::join!(broken, innocent, release);
    held.await.unwrap();
    assert!(matches!(broken, Err(Error::Unavailable(_))), "{broken:?}");
    assert!(matches!(innocent, Err(Error::Unavailable(_))), "{innocent:?}");
    assert!(heard.recv().unwrap().contains("FOREIGN KEY"));
    assert!(matches!(store.ping().await, Err(Error::Unavailable(_))));
    drop(store);
    assert_eq!(opened(&dir).list_groups(&REACH, everything()).await.unwrap().total, 0);
}

/// A log that never begins anew grows by what each of these commits writes.
#[tokio::test]
async fn the_log_begins_anew_beside_reads_after_every_commit() {
    let dir = fresh_dir("log-anew");
    let store = opened(&dir);
    with_owner(&store).await;
    let mut lengths = Vec::new();
    for round in 0..4 {
        for n in 0..300 {
            let id = 1_000 * (round * 300 + n);
            store.create_group(group(id, 1, now()), None).await.unwrap();
            assert_eq!(store.users(10).await.unwrap().len(), 1);
            assert!(store.user(REACH.owner).await.unwrap().is_some());
        }
        lengths.push(std::fs::metadata(dir.join("broadside.db-wal")).unwrap().len());
    }
    assert!(lengths[3] < lengths[0] * 2, "the log's lengths: {lengths:?}");
}

/// Whoever reads while a transaction is being written sees what was before it, and must not go on seeing that.
#[tokio::test]
async fn a_view_from_before_a_commit_ends_with_it() {
    let dir = fresh_dir("view-ends");
    let store = Arc::new(opened(&dir));
    with_owner(&store).await;
    let (go, wait) = std::sync::mpsc::channel();
    let (written, is_written) = tokio::sync::oneshot::channel();
    let writing = Arc::clone(&store);
    let renamed = tokio::spawn(async move {
        let work = move |tx: &mut tx::Tx| {
            tx.exec("UPDATE users SET display_name = 'Ann Late'", []).unwrap();
            written.send(()).unwrap();
            wait.recv().unwrap_or_default();
            Ok(())
        };
        writing.writer.call(work).await.unwrap();
    });
    is_written.await.unwrap();
    let name = async || store.user(REACH.owner).await.unwrap().unwrap().display_name;
    assert_eq!(name().await, None);
    go.send(()).unwrap();
    renamed.await.unwrap();
    assert_eq!(name().await.as_deref(), Some("Ann Late"));
}

#[tokio::test]
async fn a_store_that_was_closed_leaves_no_log() {
    let dir = fresh_dir("closed");
    let store = opened(&dir);
    with_owner(&store).await;
    assert!(store.user(REACH.owner).await.unwrap().is_some());
    assert!(dir.join("broadside.db-wal").exists());
    drop(store);
    assert!(!dir.join("broadside.db-wal").exists());
}
