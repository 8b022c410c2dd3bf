//! Opening a data directory: lock, key, database, schema, and the threads.

use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use domain::secret::SecretBytes;
use jiff::Timestamp;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::lock::{DirLock, LockError, make_dir};
use super::reader::{Db, Pool, Readers};
use super::tx::Tx;
use super::writer::{Habits, Writer};
use super::{Fatal, SqliteStore, migrate, rows, sql};
use crate::Installation;
use crate::seal::{SealError, Vault, os_rng};

/// The database, in the data directory.
pub const DATABASE_FILE: &str = "broadside.db";
/// The master keys, in the data directory unless the environment gives them.
pub const KEY_FILE: &str = "master.key";

/// More at once than cores bring nothing, and one long read must not hold up all others.
const LONG_READS_MAX: usize = 2;
const STATEMENTS_CACHED: usize = 256;
const SECRET_LEN: usize = 32;
const CANARY: &[u8] = b"broadside";

/// How a directory is opened.
#[derive(Clone)]
pub struct OpenOptions {
    /// The time, for the lock file and for what is made at first start.
    pub now: Timestamp,
    /// Master keys of 32 bytes that the environment gives, newest first. None: they are kept in [`KEY_FILE`].
    pub master_keys: Vec<SecretBytes>,
    /// Repeats the ids of log entries, for simulations; `None` takes the operating system's randomness.
    pub seed: Option<u64>,
    /// Hears of a commit that failed. The process must end: callers were told that nothing of the batch is durable, and
    /// whether that is so only a new start can tell.
    pub fatal: Fatal,
    /// The most commands in one commit, at least one. One makes each command a transaction of its own, to compare with.
    pub commands_per_commit_max: usize,
    /// Called on the writing thread right before each commit. A measurement puts the delay of a slower disk here.
    pub before_commit: Option<BeforeCommit>,
}

/// See [`OpenOptions::before_commit`].
pub type BeforeCommit = Arc<dyn Fn() + Send + Sync>;

impl OpenOptions {
    /// The usual: keys in a file, and a failed commit is logged. Set [`OpenOptions::fatal`] to end the process.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let fatal = |message: &str| tracing::error!(message, "a commit failed; the store has stopped");
        Self {
            now,
            master_keys: Vec::new(),
            seed: None,
            fatal: Arc::new(fatal),
            commands_per_commit_max: super::writer::BATCH_MAX,
            before_commit: None,
        }
    }
}

impl std::fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenOptions")
            .field("now", &self.now)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// Why a directory was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it open.
    #[error(
        "the data directory is in use by another broadside ({holder}); stop it first, or give this one another directory"
    )]
    Locked {
        /// What that process wrote into the lock file.
        holder: String,
    },
    /// The database was sealed with another master key.
    #[error(
        "the master key is not the one that this database was sealed with: put the right key back (the file master.key \
         in the data directory, or the environment); without it the stored tokens are lost"
    )]
    WrongMasterKey,
    /// The master key cannot be used.
    #[error(transparent)]
    MasterKey(#[from] SealError),
    /// The database was written by a newer program.
    #[error(
        "the database has schema {found}, which is newer than this program's ({known}): start the newer program, or \
         restore the copy that was made before the upgrade"
    )]
    NewerSchema {
        /// The newest step in the database.
        found: u32,
        /// The newest step that this program knows.
        known: u32,
    },
    /// A step of the schema is not the one that was applied.
    #[error("step {number} of the schema differs from the one that made this database: is this an unreleased program?")]
    ChangedMigration {
        /// Which.
        number: u32,
    },
    /// A file cannot be used.
    #[error("cannot {what}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The database does not open.
    #[error("the database does not open: {0}")]
    Database(String),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.to_string())
    }
}

impl SqliteStore {
    /// Opens the directory, which is made when there is none, and owns it until the store is dropped.
    ///
    /// # Errors
    /// See [`OpenError`]. Nothing is changed when the directory is locked, the key is wrong or the schema newer.
    pub fn open(dir: &Path, options: OpenOptions) -> Result<Self, OpenError> {
        let io = |what| move |source| OpenError::Io { what, source };
        make_dir(dir).map_err(io("make the data directory"))?;
        let lock = DirLock::take(dir, options.now).map_err(|error| match error {
            LockError::Held(holder) => OpenError::Locked { holder },
            LockError::Io(source) => OpenError::Io {
                what: "lock the data directory",
                source,
            },
        })?;
        let path = dir.join(DATABASE_FILE);
        let is_new = fs::metadata(&path).map_or(true, |file| file.len() == 0);
        make_private(&path).map_err(io("make the database"))?;
        let vault = Arc::new(open_vault(dir, &options, is_new)?);
        let mut conn = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let known = known_installation(&conn, &vault)?;
        migrate::migrate(&mut conn, &path, migrate::MIGRATIONS, options.now)?;
        let installation = match known {
            Some(installation) => installation,
            None => install(&conn, &vault, options.now)?,
        };
        if is_new {
            // What making the schema has left in its memory goes with the connection that made it.
            drop(conn);
            conn = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        }
        let rng = match options.seed {
            Some(seed) => StdRng::seed_from_u64(seed),
            None => os_rng()?,
        };
        let reading = {
            let (path, vault) = (path.clone(), Arc::clone(&vault));
            move || {
                let conn = connect(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
                conn.pragma_update(None, "query_only", true)?;
                let vault = Arc::clone(&vault);
                Ok(Db { conn, vault })
            }
        };
        let habits = Habits {
            batch_max: options.commands_per_commit_max.max(1),
            before_commit: options.before_commit,
            fatal: options.fatal,
        };
        let mut tx = Tx::new(conn, Arc::clone(&vault), rng);
        tx.learn_meters()
            .map_err(|error| OpenError::Database(error.to_string()))?;
        let deliveries_added = Arc::clone(&tx.deliveries_added);
        let pool = Arc::new(Pool::new(Box::new(reading)));
        let writer = Writer::start(tx, habits, Arc::clone(&pool)).map_err(io("start the writing thread"))?;
        Ok(Self {
            readers: Readers::new(LONG_READS_MAX, pool),
            writer,
            deliveries_added,
            vault,
            installation,
            dir: dir.to_path_buf(),
            _lock: lock,
        })
    }
}

/// Makes the file readable by its owner only; SQLite gives its companions the same mode.
fn make_private(path: &Path) -> io::Result<()> {
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map(|_| ())
}

fn open_vault(dir: &Path, options: &OpenOptions, is_new: bool) -> Result<Vault, OpenError> {
    if !options.master_keys.is_empty() {
        return Ok(Vault::from_keys(&options.master_keys)?);
    }
    // A database whose key is missing must not get another one: that would only hide what is wrong.
    match Vault::from_file(&dir.join(KEY_FILE), is_new) {
        Err(SealError::File(error)) if error.kind() == io::ErrorKind::NotFound => Err(OpenError::WrongMasterKey),
        vault => Ok(vault?),
    }
}

fn connect(path: &Path, mode: OpenFlags) -> rusqlite::Result<Connection> {
    let conn = Connection::open_with_flags(path, mode | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
    // Without this SQLite plans a cached statement anew whenever its parameters change, which costs more than to run it.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    conn.busy_timeout(std::time::Duration::from_secs(5))?;
    if mode.contains(OpenFlags::SQLITE_OPEN_READ_WRITE) {
        conn.pragma_update(None, "journal_mode", "wal")?;
    }
    // FULL: a commit that a power cut takes back may be an intent, and a lost intent is a second post.
    conn.pragma_update(None, "synchronous", "full")?;
    conn.pragma_update(None, "foreign_keys", true)?;
    conn.pragma_update(None, "trusted_schema", false)?;
    // What a command's savepoint would take back stays in memory: beyond 64 KiB it would be written to a file.
    conn.pragma_update(None, "temp_store", "memory")?;
    // 16 MiB of pages at most, taken as needed.
    conn.pragma_update(None, "cache_size", -16_384)?;
    // The log is folded back when the writer idles; these bound it when it never does: 32 MiB of pages, 64 MiB of file.
    conn.pragma_update(None, "wal_autocheckpoint", 8_192)?;
    conn.pragma_update(None, "journal_size_limit", 64 << 20)?;
    Ok(conn)
}

/// The installation's identity; `None` in a database that was never set up. The canary tells a wrong key before anything
/// is written.
fn known_installation(conn: &Connection, vault: &Vault) -> Result<Option<Installation>, OpenError> {
    if !conn.table_exists(None, "installation")? {
        return Ok(None);
    }
    let known = rows::one(conn, sql::INSTALLATION, [], |row| {
        let sealed: (Vec<u8>, Vec<u8>) = (row.get(2)?, row.get(3)?);
        Ok((row.get(0)?, rows::at(row, 1)?, sealed))
    });
    let known = known.map_err(|error| OpenError::Database(error.to_string()))?;
    let Some((id, epoch, (secret, canary))) = known else {
        return Ok(None);
    };
    let canary = vault
        .open("installation.canary", &[], &canary)
        .map_err(|_| OpenError::WrongMasterKey)?;
    let secret = vault
        .open("installation.secret", &[], &secret)
        .map_err(|_| OpenError::WrongMasterKey)?;
    if canary.expose() == CANARY {
        Ok(Some(Installation { id, secret, epoch }))
    } else {
        Err(OpenError::WrongMasterKey)
    }
}

/// Makes the installation's identity.
fn install(conn: &Connection, vault: &Vault, now: Timestamp) -> Result<Installation, OpenError> {
    let mut rng = os_rng()?;
    let mut secret = vec![0; SECRET_LEN];
    rng.fill_bytes(&mut secret);
    let id = format!("{:016x}{:016x}", rng.next_u64(), rng.next_u64());
    let sealed = vault.seal("installation.secret", &[], &secret)?;
    let canary = vault.seal("installation.canary", &[], CANARY)?;
    conn.execute(sql::ADD_INSTALLATION, (&id, rows::micros(now), sealed, canary))?;
    // The epoch as it will be read again.
    let epoch = rows::time(rows::micros(now)).map_err(|error| OpenError::Database(error.to_string()))?;
    Ok(Installation {
        id,
        secret: SecretBytes::new(secret),
        epoch,
    })
}
