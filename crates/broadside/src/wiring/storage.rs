//! The database of a data directory, with what operation needs beside the verbs of [`Store`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use domain::clock::Clock;
use domain::secret::SecretBytes;
use store::Store;
use store::sqlite::{KEY_FILE, OpenError, OpenOptions, SqliteStore};

use super::Opened;

/// The environment variable that holds master keys instead of the file: 64 hexadecimal digits each, newest first,
/// separated by commas.
const MASTER_KEY_VARIABLE: &str = "BROADSIDE_MASTER_KEY";

/// What the process ends with when a commit has failed: nobody may go on as if it had not (`EX_SOFTWARE`).
const FATAL_EXIT: i32 = 70;

/// Values sealed anew in one transaction.
const RESEAL_BATCH: u32 = 200;

/// An opened database.
#[derive(Clone)]
pub struct Storage {
    store: Arc<SqliteStore>,
    key_file: Option<PathBuf>,
}

/// Which master keys are in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretsStatus {
    /// Where the keys come from, for people.
    pub source: String,
    /// How many there are.
    pub keys: u32,
    /// Values that are sealed with another than the newest.
    pub older: u64,
}

impl Storage {
    /// Opens the directory, brings the database to this version's schema and takes the lock.
    pub(super) async fn open(dir: &Path, clock: &dyn Clock) -> anyhow::Result<Opened<Self>> {
        let master_keys = keys_from_env()?;
        let key_file = master_keys.is_empty().then(|| dir.join(KEY_FILE));
        let options = OpenOptions {
            master_keys,
            fatal: Arc::new(end_process),
            ..OpenOptions::new(clock.now())
        };
        let path = dir.to_owned();
        let opened = tokio::task::spawn_blocking(move || SqliteStore::open(&path, options)).await;
        match opened.context("opening the database")? {
            Ok(store) => Ok(Opened::Site(Self {
                store: Arc::new(store),
                key_file,
            })),
            Err(OpenError::Locked { holder }) => Ok(Opened::HeldBy(holder)),
            Err(error) => Err(error).with_context(|| format!("cannot open {}", dir.display())),
        }
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as _
    }

    pub(super) async fn check(&self) -> anyhow::Result<()> {
        self.store.ping().await.context("the database cannot be written")?;
        self.store
            .check()
            .await
            .context("the database is damaged; restore a backup")
    }

    pub(super) async fn secrets_status(&self) -> anyhow::Result<SecretsStatus> {
        // No row is touched: only those that are left are counted.
        let older = self.store.reseal(0).await?;
        let (source, keys) = match &self.key_file {
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
                (
                    path.display().to_string(),
                    text.lines().filter(|line| !line.trim().is_empty()).count(),
                )
            }
            None => (MASTER_KEY_VARIABLE.to_owned(), keys_from_env()?.len()),
        };
        Ok(SecretsStatus {
            source,
            keys: u32::try_from(keys).unwrap_or(u32::MAX),
            older,
        })
    }

    pub(super) async fn rotate_secrets(&self) -> anyhow::Result<()> {
        self.store.rotate_master_key().await?;
        while self.store.reseal(RESEAL_BATCH).await? > 0 {}
        self.store.retire_old_keys().await?;
        Ok(())
    }
}

/// A commit failed, or whether it happened is not known. Its callers were told that nothing is durable; whether that is
/// so only a new start can tell, so this process must not go on.
fn end_process(message: &str) {
    tracing::error!(
        message,
        "a commit failed; ending the process, and a new start will find out what is durable"
    );
    std::process::exit(FATAL_EXIT);
}

fn keys_from_env() -> anyhow::Result<Vec<SecretBytes>> {
    let text = std::env::var(MASTER_KEY_VARIABLE).unwrap_or_default();
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| from_hex(word).with_context(|| format!("{MASTER_KEY_VARIABLE}: a key has 64 hexadecimal digits")))
        .collect()
}

fn from_hex(text: &str) -> Option<SecretBytes> {
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok()))
        .collect();
    let digits = digits.filter(|digits| digits.len() == 64)?;
    Some(SecretBytes::new(
        digits
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
            .collect(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_master_key_is_64_hexadecimal_digits() {
        let key = from_hex(&"0aF".repeat(22)[..64]).unwrap();
        assert_eq!(key.expose().len(), 32);
        assert_eq!(key.expose()[..3], [0x0a, 0xf0, 0xaf]);
        assert!(from_hex("0a").is_none());
        assert!(from_hex(&"g".repeat(64)).is_none());
    }
}
