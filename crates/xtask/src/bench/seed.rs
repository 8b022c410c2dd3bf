//! Databases with many rows in them, quickly: a template is made through the engine, and then multiplied within SQLite,
//! under the schema's own constraints.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, ensure};
use domain::account::{Identity, Tokens, User};
use domain::clock::Clock;
use domain::content::{Content, PartContent};
use domain::plan::Plan;
use domain::platform::Platform;
use domain::secret::SecretText;
use engine::Engine;
use engine::commands::{AddAccount, CreateGroup, Target};
use jiff::{SignedDuration, Timestamp};
use rusqlite::Connection;
use store::sqlite::{DATABASE_FILE, KEY_FILE};
use tokio::task::JoinSet;

use super::Bench;
use super::site::{self, Setup};
use crate::clock::SystemClock;

/// Accounts in a database with future posts.
pub(super) const ACCOUNTS: u32 = 1_000;
/// The user that has them.
pub(super) const USER: &str = "bench";
/// Future posts that are made through the engine; there are as many in the smallest database.
pub(super) const TEMPLATE_POSTS: u32 = 10_000;
/// Groups of three posts that are made through the engine.
const TEMPLATE_GROUPS: u32 = 1_000;
/// Creates under way at once while a template is made.
const CLIENTS: u32 = 64;
/// A text of usual length.
pub(super) const TEXT: &str = "We have just shipped the release that so many of you asked for: drafts that keep their \
    pictures, a calendar that knows your time zone, and a log that says what was sent where, and when. Tell us what you \
    think, and what should come next. https://example.com/release-notes";

/// The three places that a group goes to.
pub(super) fn three_targets() -> Vec<Target> {
    let of = |platform, remote_id: &str| Target {
        platform,
        remote_id: remote_id.to_owned(),
    };
    vec![
        of(Platform::X, "1000000000000000001"),
        of(Platform::Mastodon, "109000000000000001"),
        of(Platform::Bluesky, "did:plc:benchaaaaaaaaaaaaaaaaaaa"),
    ]
}

/// The account with this number in a database with future posts.
pub(super) fn remote_id(number: u32) -> String {
    format!("{}", 109_000_000_000_000_000_u64 + u64::from(number))
}

/// A group for these targets.
pub(super) fn group(owner: &User, text: String, targets: Vec<Target>, planned_at: Timestamp) -> CreateGroup {
    CreateGroup {
        owner: owner.id,
        content: Content {
            head: PartContent {
                text,
                media: Vec::new(),
            },
            ..Content::default()
        },
        targets,
        draft: false,
        planned_at: Some(planned_at),
        idempotency: None,
        request_id: Some("0123456789abcdef".to_owned()),
    }
}

/// Makes `count` groups, many at a time.
pub(super) async fn make_groups(
    engine: &Engine,
    count: u32,
    group: impl Fn(u32) -> CreateGroup + Send + Sync + 'static,
) -> anyhow::Result<()> {
    let (next, group) = (Arc::new(AtomicU32::new(0)), Arc::new(group));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS.min(count) {
        let (engine, next, group) = (engine.clone(), Arc::clone(&next), Arc::clone(&group));
        clients.spawn(async move {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok::<_, engine::Error>(());
                }
                engine.create_group(group(number)).await?;
            }
        });
    }
    while let Some(ended) = clients.join_next().await {
        ended.context("making groups")??;
    }
    Ok(())
}

/// Connects an account without asking its platform.
pub(super) async fn add_account(engine: &Engine, owner: &User, target: Target) -> anyhow::Result<()> {
    let tokens = Tokens {
        access: SecretText::from("a token of the bench"),
        ..Tokens::default()
    };
    let account = AddAccount {
        owner: owner.id,
        platform: target.platform,
        identity: Identity {
            remote_id: target.remote_id,
            username: "bench".to_owned(),
            display_name: Some("Bench".to_owned()),
            avatar_url: None,
            profile_url: None,
            base_url: None,
        },
        tokens,
        scopes: Vec::new(),
        missing: Vec::new(),
    };
    engine.add_account(account).await?;
    Ok(())
}

impl Bench {
    /// A folder of its own.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        self.scratch
            .path()
            .join(format!("{name}-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
    }

    /// A database with groups of three posts; made once a run.
    pub(super) async fn with_groups(&self) -> anyhow::Result<PathBuf> {
        let dir = self.scratch.path().join("groups");
        if dir.exists() {
            return Ok(dir);
        }
        {
            let engine = site::open(&dir, Setup::default()).await?;
            let user = engine.create_user(USER, Plan::default()).await?;
            for target in three_targets() {
                add_account(&engine, &user, target).await?;
            }
            let later = SystemClock.now().saturating_add(SignedDuration::from_hours(24 * 30))?;
            let of_three = move |_| group(&user, TEXT.to_owned(), three_targets(), later);
            make_groups(&engine, TEMPLATE_GROUPS, of_three).await?;
        }
        multiply(&dir, self.sizes.groups / TEMPLATE_GROUPS)?;
        Ok(dir)
    }

    /// A database with a thousand accounts and ten future posts for each; made once a run.
    pub(super) async fn with_few_future_posts(&self) -> anyhow::Result<PathBuf> {
        let dir = self.scratch.path().join("few");
        if dir.exists() {
            return Ok(dir);
        }
        let engine = site::open(&dir, Setup::default()).await?;
        let user = engine.create_user(USER, Plan::default()).await?;
        for number in 0..ACCOUNTS {
            let target = Target {
                platform: Platform::Mastodon,
                remote_id: remote_id(number),
            };
            add_account(&engine, &user, target).await?;
        }
        let tomorrow = SystemClock.now().saturating_add(SignedDuration::from_hours(24))?;
        let single = move |number: u32| {
            let target = Target {
                platform: Platform::Mastodon,
                remote_id: remote_id(number % ACCOUNTS),
            };
            let later = SignedDuration::from_mins(4 * i64::from(number));
            let at = tomorrow.saturating_add(later).unwrap_or(tomorrow);
            group(&user, format!("{TEXT} {number}"), vec![target], at)
        };
        make_groups(&engine, TEMPLATE_POSTS, single).await?;
        Ok(dir)
    }

    /// The same with many future posts; made once a run.
    pub(super) async fn with_many_future_posts(&self) -> anyhow::Result<PathBuf> {
        let dir = self.scratch.path().join("many");
        if dir.exists() {
            return Ok(dir);
        }
        copy(&self.with_few_future_posts().await?, &dir)?;
        multiply(&dir, self.sizes.future_posts / TEMPLATE_POSTS)?;
        Ok(dir)
    }
}

/// Copies a data directory that nobody has open.
pub(super) fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir(to).with_context(|| format!("cannot make {}", to.display()))?;
    for file in [DATABASE_FILE, KEY_FILE] {
        std::fs::copy(from.join(file), to.join(file)).with_context(|| format!("cannot copy {file}"))?;
    }
    Ok(())
}

/// The tables that are multiplied, parents first.
const TABLES: [&str; 4] = ["contents", "groups", "posts", "log_entries"];

/// Copies all groups of a database until there are `times` as many.
fn multiply(dir: &Path, times: u32) -> anyhow::Result<()> {
    let db = Connection::open(dir.join(DATABASE_FILE))?;
    // Only while this is made; whoever opens it next sets its own.
    db.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; \
         PRAGMA cache_size = -2000000; PRAGMA locking_mode = EXCLUSIVE;",
    )?;
    let most: i64 = db.query_row("SELECT max(n) FROM contents", [], |row| row.get(0))?;
    let mut statements = Vec::new();
    for table in TABLES {
        db.execute_batch(&format!(
            "CREATE TEMP TABLE template_{table} AS SELECT * FROM {table} {};",
            if table == "log_entries" {
                "WHERE group_id IS NOT NULL"
            } else {
                ""
            }
        ))?;
        statements.push(copy_statement(&db, table)?);
    }
    db.execute_batch("BEGIN")?;
    for nth in 1..times {
        for statement in &statements {
            db.prepare_cached(statement)?.execute((nth, i64::from(nth) * most))?;
        }
    }
    db.execute_batch(
        "DELETE FROM post_counts; INSERT INTO post_counts (platform, state, n) SELECT platform, state, count(*) \
         FROM posts GROUP BY platform, state; COMMIT; PRAGMA journal_mode = WAL;",
    )?;
    let whole: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    ensure!(whole == "ok", "the multiplied database is broken: {whole}");
    Ok(())
}

/// Inserts the template's rows as copy ?1; ?2 is added to the numbers of contents. The copies of one template are told
/// apart by the first half of their ids, which is a time.
fn copy_statement(db: &Connection, table: &str) -> anyhow::Result<String> {
    let columns = db
        .prepare(&format!("SELECT name FROM pragma_table_info('{table}')"))?
        .query_map([], |row| row.get::<_, String>(0))?
        .collect::<Result<Vec<_>, _>>()?;
    let value = |column: &String| match (table, column.as_str()) {
        (_, "id") | ("posts" | "log_entries", "group_id") | ("log_entries", "post_id") => format!(
            "CASE WHEN {column} IS NULL THEN NULL \
             ELSE unhex(printf('%012x', 1600000000000 + ?1) || hex(substr({column}, 7))) END"
        ),
        ("contents", "n") | ("groups", "content_n") => format!("{column} + ?2"),
        ("groups", "created_at" | "updated_at") => format!("{column} + 1000000 * ?1"),
        _ => column.clone(),
    };
    // A log entry's number is given by the table.
    let copied: Vec<_> = columns
        .iter()
        .filter(|column| (table, column.as_str()) != ("log_entries", "n"))
        .collect();
    let values: Vec<_> = copied.iter().map(|column| value(column)).collect();
    let names: Vec<_> = copied.iter().map(|column| column.as_str()).collect();
    let order = if names.contains(&"id") {
        "ORDER BY substr(id, 7)"
    } else {
        ""
    };
    // Both parameters are named in each statement, so that all are called alike.
    Ok(format!(
        "INSERT INTO {table} ({}) SELECT {} FROM template_{table} WHERE ?1 >= 0 AND ?2 >= 0 {order}",
        names.join(", "),
        values.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::ScratchFolder;
    use store::{GroupQuery, Reach};

    #[tokio::test]
    async fn a_multiplied_database_is_one_that_the_store_reads() {
        let scratch = ScratchFolder::new("broadside-seed").unwrap();
        let dir = scratch.path().join("data");
        let later = SystemClock.now().saturating_add(SignedDuration::from_hours(1)).unwrap();
        let user = {
            let engine = site::open(&dir, Setup::default()).await.unwrap();
            let user = engine.create_user(USER, Plan::default()).await.unwrap();
            for target in three_targets() {
                add_account(&engine, &user, target).await.unwrap();
            }
            let owner = user.clone();
            let of_three = move |_| group(&owner, TEXT.to_owned(), three_targets(), later);
            make_groups(&engine, 20, of_three).await.unwrap();
            user
        };
        multiply(&dir, 5).unwrap();
        let engine = site::open(&dir, Setup::default()).await.unwrap();
        let reach = Reach { owner: user.id };
        let page = engine.list_groups(&reach, every(100)).await.unwrap();
        assert_eq!(page.total, 100);
        assert!(
            page.groups
                .iter()
                .all(|group| group.posts.len() == 3 && group.content.head.text == TEXT)
        );
        let counts = engine.store().post_counts().await.unwrap();
        assert_eq!(counts.iter().map(|count| count.count).sum::<u64>(), 300);
        let first = page.groups.first().unwrap();
        assert_eq!(engine.store().group_log(&reach, first.id, 10).await.unwrap().len(), 3);
    }

    fn every(limit: u32) -> GroupQuery {
        GroupQuery {
            masks: None,
            platforms: Vec::new(),
            planned_from: None,
            planned_to: None,
            order: store::GroupOrder::Created,
            descending: false,
            offset: 0,
            limit,
        }
    }
}
