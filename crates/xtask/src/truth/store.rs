//! What the server's database holds at the end, read without the server.

use domain::content::Content;
use domain::error::ErrorSummary;
use domain::ids::{GroupId, LogId, PostId};
use domain::log::{LogEntry, LogKind, LogOutcome, LogRecord};
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::post::PostState;
use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::Type;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::chaos::database::{Database, rows};

/// All groups and accounts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Store {
    pub(crate) groups: Vec<Group>,
    pub(crate) accounts: Vec<Account>,
    /// Posts out there whose groups were deleted and cleared away.
    pub(crate) orphans: Vec<Orphan>,
}

/// A post out there that the store remembers only so that nobody else takes it for its own.
#[derive(Debug, Clone)]
pub(crate) struct Orphan {
    pub(crate) platform: Platform,
    /// The platform's id of the account.
    pub(crate) account: String,
    pub(crate) post: RemotePost,
}

/// A group with its posts, in their order, and its history.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) id: GroupId,
    pub(crate) content: Content,
    pub(crate) draft: bool,
    pub(crate) planned_at: Option<Timestamp>,
    pub(crate) created_at: Timestamp,
    pub(crate) updated_at: Timestamp,
    pub(crate) is_deleted: bool,
    pub(crate) posts: Vec<Post>,
    pub(crate) log: Vec<LogRecord>,
}

/// A target.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) id: PostId,
    pub(crate) platform: Platform,
    /// The platform's id of the account.
    pub(crate) target: String,
    pub(crate) state: PostState,
    /// Everything that was ever about to be sent of it.
    pub(crate) intents: Vec<Intent>,
    /// What is known to be out there of it.
    pub(crate) remotes: Vec<Remote>,
}

/// A send.
#[derive(Debug, Clone)]
pub(crate) struct Intent {
    pub(crate) part: Part,
    /// `open`, `published`, `not_published`, `absent`, `untold` or `abandoned`.
    pub(crate) state: String,
    pub(crate) recorded_at: Timestamp,
    pub(crate) settled_at: Option<Timestamp>,
}

/// A part that is out there.
#[derive(Debug, Clone)]
pub(crate) struct Remote {
    pub(crate) part: Part,
    pub(crate) post: RemotePost,
}

/// A connected account.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) platform: Platform,
    pub(crate) remote_id: String,
    pub(crate) username: String,
    pub(crate) display_name: Option<String>,
    pub(crate) avatar_url: Option<String>,
    pub(crate) profile_url: Option<String>,
    pub(crate) token_expires_at: Option<Timestamp>,
    pub(crate) last_success_at: Option<Timestamp>,
    pub(crate) last_error: Option<ErrorSummary>,
}

const GROUPS: &str = "SELECT g.id, c.body, g.draft, g.planned_at, g.created_at, g.updated_at, g.deleted_at IS NOT NULL
    FROM groups g JOIN contents c ON c.n = g.content_n ORDER BY g.created_at, g.id";
const POSTS: &str = "SELECT id, group_id, platform, target, data FROM posts ORDER BY group_id, position";
const INTENTS: &str = "SELECT post_id, part, state, recorded_at, settled_at FROM intents ORDER BY n";
const REMOTES: &str = "SELECT post_id, part, data FROM remotes ORDER BY post_id, part";
const LOG: &str = "SELECT group_id, id, seq, post_id, kind, outcome, at, rest FROM log_entries
    WHERE group_id IS NOT NULL ORDER BY group_id, seq, n";
const ACCOUNTS: &str = "SELECT platform, remote_id, username, display_name, avatar_url, profile_url, token_expires_at,
    last_success_at, last_error FROM accounts WHERE removed_at IS NULL ORDER BY number";
const ORPHANS: &str = "SELECT a.platform, a.remote_id, r.data FROM remotes r JOIN accounts a ON a.id = r.account_id
    WHERE r.post_id NOT IN (SELECT id FROM posts)";

impl Store {
    /// Reads all of it.
    ///
    /// # Errors
    /// If the database cannot be read, or holds what does not belong there.
    pub(crate) async fn read(database: &Database) -> anyhow::Result<Self> {
        database
            .read(|db| {
                let mut groups = rows(db, GROUPS, [], group)?;
                let mut posts = rows(db, POSTS, [], post)?;
                for (of, intent) in rows(db, INTENTS, [], intent)? {
                    if let Some((_, post)) = posts.iter_mut().find(|(_, post)| post.id == of) {
                        post.intents.push(intent);
                    }
                }
                for (of, remote) in rows(db, REMOTES, [], remote)? {
                    if let Some((_, post)) = posts.iter_mut().find(|(_, post)| post.id == of) {
                        post.remotes.push(remote);
                    }
                }
                for (of, post) in posts {
                    if let Some(group) = groups.iter_mut().find(|group| group.id == of) {
                        group.posts.push(post);
                    }
                }
                for (of, record) in rows(db, LOG, [], log)? {
                    if let Some(group) = groups.iter_mut().find(|group| group.id == of) {
                        group.log.push(record);
                    }
                }
                Ok(Self {
                    groups,
                    accounts: rows(db, ACCOUNTS, [], account)?,
                    orphans: rows(db, ORPHANS, [], orphan)?,
                })
            })
            .await
    }

    /// The group of this id, as texts write it.
    pub(crate) fn group(&self, id: &str) -> Option<&Group> {
        let id: GroupId = id.parse().ok()?;
        self.groups.iter().find(|group| group.id == id)
    }
}

type Read<T> = rusqlite::Result<T>;

fn wrong(column: usize, why: impl std::fmt::Display) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.to_string().into())
}

fn id_bytes(row: &Row<'_>, column: usize) -> Read<[u8; 12]> {
    row.get(column)
}

fn at(row: &Row<'_>, column: usize) -> Read<Timestamp> {
    Timestamp::from_microsecond(row.get(column)?).map_err(|error| wrong(column, error))
}

fn maybe_at(row: &Row<'_>, column: usize) -> Read<Option<Timestamp>> {
    let micros: Option<i64> = row.get(column)?;
    micros
        .map(|micros| Timestamp::from_microsecond(micros).map_err(|error| wrong(column, error)))
        .transpose()
}

fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Read<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|error| wrong(column, error))
}

fn maybe_json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Read<Option<T>> {
    let text: Option<String> = row.get(column)?;
    let parsed = text.map(|text| serde_json::from_str(&text));
    parsed.transpose().map_err(|error| wrong(column, error))
}

fn platform(row: &Row<'_>, column: usize) -> Read<Platform> {
    let word: String = row.get(column)?;
    let found = Platform::ALL.iter().copied().find(|platform| platform.word() == word);
    found.ok_or_else(|| wrong(column, word))
}

fn group(row: &Row<'_>) -> Read<Group> {
    Ok(Group {
        id: GroupId::from_bytes(id_bytes(row, 0)?),
        content: json(row, 1)?,
        draft: row.get(2)?,
        planned_at: maybe_at(row, 3)?,
        created_at: at(row, 4)?,
        updated_at: at(row, 5)?,
        is_deleted: row.get(6)?,
        posts: Vec::new(),
        log: Vec::new(),
    })
}

fn post(row: &Row<'_>) -> Read<(GroupId, Post)> {
    let post = Post {
        id: PostId::from_bytes(id_bytes(row, 0)?),
        platform: platform(row, 2)?,
        target: row.get(3)?,
        state: json(row, 4)?,
        intents: Vec::new(),
        remotes: Vec::new(),
    };
    Ok((GroupId::from_bytes(id_bytes(row, 1)?), post))
}

fn intent(row: &Row<'_>) -> Read<(PostId, Intent)> {
    let intent = Intent {
        part: Part::from_number(row.get(1)?),
        state: row.get(2)?,
        recorded_at: at(row, 3)?,
        settled_at: maybe_at(row, 4)?,
    };
    Ok((PostId::from_bytes(id_bytes(row, 0)?), intent))
}

fn remote(row: &Row<'_>) -> Read<(PostId, Remote)> {
    let remote = Remote {
        part: Part::from_number(row.get(1)?),
        post: json(row, 2)?,
    };
    Ok((PostId::from_bytes(id_bytes(row, 0)?), remote))
}

/// What of a log entry has no column of its own.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Rest {
    platform: Option<Platform>,
    retries: Option<u32>,
    http_status: Option<u16>,
    error: Option<String>,
    data: serde_json::Map<String, serde_json::Value>,
}

fn log(row: &Row<'_>) -> Read<(GroupId, LogRecord)> {
    let rest: Rest = maybe_json(row, 7)?.unwrap_or_default();
    let (kind, outcome): (String, String) = (row.get(4)?, row.get(5)?);
    let kind = LogKind::from_word(&kind).ok_or_else(|| wrong(4, kind))?;
    let outcome = LogOutcome::from_word(&outcome).ok_or_else(|| wrong(5, outcome))?;
    let post: Option<[u8; 12]> = row.get(3)?;
    let entry = LogEntry {
        post: post.map(PostId::from_bytes),
        platform: rest.platform,
        retries: rest.retries,
        http_status: rest.http_status,
        error: rest.error,
        data: rest.data,
        ..LogEntry::new(kind, outcome, at(row, 6)?)
    };
    let seq: i64 = row.get(2)?;
    let record = LogRecord {
        id: LogId::from_bytes(id_bytes(row, 1)?),
        seq: u64::try_from(seq).unwrap_or_default(),
        entry,
    };
    Ok((GroupId::from_bytes(id_bytes(row, 0)?), record))
}

fn account(row: &Row<'_>) -> Read<Account> {
    Ok(Account {
        platform: platform(row, 0)?,
        remote_id: row.get(1)?,
        username: row.get(2)?,
        display_name: row.get(3)?,
        avatar_url: row.get(4)?,
        profile_url: row.get(5)?,
        token_expires_at: maybe_at(row, 6)?,
        last_success_at: maybe_at(row, 7)?,
        last_error: maybe_json(row, 8)?,
    })
}

fn orphan(row: &Row<'_>) -> Read<Orphan> {
    Ok(Orphan {
        platform: platform(row, 0)?,
        account: row.get(1)?,
        post: json(row, 2)?,
    })
}
