//! Secrets at rest: XChaCha20-Poly1305 under a master key that is kept outside the database.
//!
//! A sealed value is one version byte, eight bytes that name its key, a nonce of 24 random bytes, and the ciphertext.
//! Where it lies (table, column, row) and the key's name are authenticated with it, so that a value copied to another
//! row does not open. Several keys may be known at once, newest first: that is how a key is changed without a stop.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock};

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use domain::secret::SecretBytes;
use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng, TryRng};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const KEY_LEN: usize = 32;
const NONCE_LEN: usize = 24;
const KEY_ID_LEN: usize = 8;
const HEADER_LEN: usize = 1 + KEY_ID_LEN + NONCE_LEN;

/// The name of a master key: the first bytes of a hash of it, which say nothing about it.
pub type KeyId = [u8; KEY_ID_LEN];

/// Why a secret cannot be sealed or opened, or a key cannot be used. Never holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The value was sealed with a key that is not known here.
    #[error("sealed with a master key that is not known here")]
    UnknownKey,
    /// The value is not what was sealed at this place.
    #[error("a sealed value does not open: it was changed, or moved from another row")]
    Damaged,
    /// A master key must have 32 bytes, written as 64 hexadecimal digits.
    #[error("a master key is 32 bytes, written as 64 hexadecimal digits")]
    BadKey,
    /// Keys that the environment gives can be changed there only.
    #[error("the master key comes from the environment and can be changed only there")]
    NotOurs,
    /// Old keys are still in use.
    #[error("{0} values are still sealed with an old master key")]
    StillInUse(u64),
    /// The key file cannot be read or written.
    #[error("master key file: {0}")]
    File(#[from] io::Error),
    /// The operating system gives no randomness.
    #[error("the operating system gives no randomness: {0}")]
    Randomness(String),
}

struct MasterKey {
    id: KeyId,
    bytes: Zeroizing<[u8; KEY_LEN]>,
    cipher: XChaCha20Poly1305,
}

impl MasterKey {
    fn new(bytes: [u8; KEY_LEN]) -> Self {
        let hash = Sha256::new()
            .chain_update(b"broadside master key name")
            .chain_update(bytes)
            .finalize();
        let mut id = KeyId::default();
        id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        Self {
            id,
            cipher: XChaCha20Poly1305::new(&bytes.into()),
            bytes: Zeroizing::new(bytes),
        }
    }
}

/// Seals and opens the secrets of one database.
pub struct Vault {
    /// Newest first, never empty.
    ring: RwLock<Vec<MasterKey>>,
    rng: Mutex<StdRng>,
    /// Where the keys are kept; `None` when the environment gave them.
    file: Option<PathBuf>,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vault").finish_non_exhaustive()
    }
}

impl Vault {
    /// A vault with keys that the environment gives, newest first.
    ///
    /// # Errors
    /// [`SealError::BadKey`] when there is none or one has not 32 bytes; [`SealError::Randomness`].
    pub fn from_keys(keys: &[SecretBytes]) -> Result<Self, SealError> {
        let ring: Vec<_> = keys
            .iter()
            .map(|key| key.expose().try_into().map(MasterKey::new))
            .collect::<Result<_, _>>()
            .map_err(|_| SealError::BadKey)?;
        Self::new(ring, None)
    }

    /// A vault with the keys of a file, one a line in hexadecimal, newest first. `may_create` makes the file, readable
    /// by its owner only, when it does not exist.
    ///
    /// # Errors
    /// [`SealError::File`] and [`SealError::BadKey`]; [`SealError::Randomness`].
    pub fn from_file(path: &Path, may_create: bool) -> Result<Self, SealError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound && may_create => {
                let ring = vec![MasterKey::new(random_key()?)];
                write_keys(path, &ring)?;
                return Self::new(ring, Some(path.to_owned()));
            }
            Err(error) => return Err(error.into()),
        };
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let ring = lines
            .map(|line| from_hex(line).map(MasterKey::new))
            .collect::<Option<_>>()
            .ok_or(SealError::BadKey)?;
        Self::new(ring, Some(path.to_owned()))
    }

    fn new(ring: Vec<MasterKey>, file: Option<PathBuf>) -> Result<Self, SealError> {
        if ring.is_empty() {
            return Err(SealError::BadKey);
        }
        Ok(Self {
            ring: RwLock::new(ring),
            rng: Mutex::new(os_rng()?),
            file,
        })
    }

    /// Seals a value for one place (such as `intents.prepared`) and row.
    ///
    /// # Errors
    /// [`SealError::Damaged`] when the cipher refuses the length; there is no such length in practice.
    pub fn seal(&self, place: &str, row: &[u8], plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let key = ring.first().ok_or(SealError::UnknownKey)?;
        let mut nonce = [0; NONCE_LEN];
        self.rng
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .fill_bytes(&mut nonce);
        let aad = associated(place, row, &key.id);
        let payload = Payload { msg: plain, aad: &aad };
        let sealed = key
            .cipher
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| SealError::Damaged)?;
        let mut out = Vec::with_capacity(HEADER_LEN + sealed.len());
        out.push(VERSION);
        out.extend_from_slice(&key.id);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(out)
    }

    /// Opens what [`Vault::seal`] made for this place and row.
    ///
    /// # Errors
    /// [`SealError::UnknownKey`] and [`SealError::Damaged`].
    pub fn open(&self, place: &str, row: &[u8], sealed: &[u8]) -> Result<SecretBytes, SealError> {
        let (header, text) = sealed.split_at_checked(HEADER_LEN).ok_or(SealError::Damaged)?;
        let (version, rest) = header.split_first().ok_or(SealError::Damaged)?;
        let (id, nonce) = rest.split_at_checked(KEY_ID_LEN).ok_or(SealError::Damaged)?;
        let nonce: [u8; NONCE_LEN] = nonce.try_into().map_err(|_| SealError::Damaged)?;
        if *version != VERSION {
            return Err(SealError::Damaged);
        }
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        let key = ring.iter().find(|key| key.id == id).ok_or(SealError::UnknownKey)?;
        let aad = associated(place, row, &key.id);
        let plain = key
            .cipher
            .decrypt(&XNonce::from(nonce), Payload { msg: text, aad: &aad });
        plain.map(SecretBytes::new).map_err(|_| SealError::Damaged)
    }

    /// The name of the key that new values are sealed with.
    #[must_use]
    pub fn newest(&self) -> KeyId {
        let ring = self.ring.read().unwrap_or_else(PoisonError::into_inner);
        ring.first().map(|key| key.id).unwrap_or_default()
    }

    /// Makes a new master key and keeps the old ones for reading. The file is durable before the key is used.
    ///
    /// # Errors
    /// [`SealError::NotOurs`], [`SealError::File`], [`SealError::Randomness`].
    pub fn rotate(&self) -> Result<(), SealError> {
        let path = self.file.as_deref().ok_or(SealError::NotOurs)?;
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        ring.insert(0, MasterKey::new(random_key()?));
        write_keys(path, &ring).inspect_err(|_| drop(ring.remove(0)))
    }

    /// Forgets all keys but the newest. Only for a caller that knows that no value needs them.
    ///
    /// # Errors
    /// [`SealError::NotOurs`], [`SealError::File`].
    pub(crate) fn retire(&self) -> Result<(), SealError> {
        let path = self.file.as_deref().ok_or(SealError::NotOurs)?;
        let mut ring = self.ring.write().unwrap_or_else(PoisonError::into_inner);
        write_keys(path, ring.get(..1).unwrap_or_default())?;
        ring.truncate(1);
        Ok(())
    }
}

/// The name of the key that a value was sealed with.
#[must_use]
pub fn key_of(sealed: &[u8]) -> Option<&[u8]> {
    sealed.get(1..=KEY_ID_LEN)
}

/// A generator seeded by the operating system. What it gives is never behaviour: nonces, and ids of log entries.
pub(crate) fn os_rng() -> Result<StdRng, SealError> {
    random_key().map(StdRng::from_seed)
}

fn random_key() -> Result<[u8; KEY_LEN], SealError> {
    let mut bytes = [0; KEY_LEN];
    SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| SealError::Randomness(error.to_string()))?;
    Ok(bytes)
}

fn associated(place: &str, row: &[u8], key: &KeyId) -> Vec<u8> {
    // The place ends with a zero byte, so that no place and row read like another place and row.
    [place.as_bytes(), &[0], row, key].concat()
}

fn from_hex(line: &str) -> Option<[u8; KEY_LEN]> {
    let mut bytes = [0; KEY_LEN];
    if line.len() != KEY_LEN * 2 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(line.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// Replaces the key file as a whole: a crash leaves the old one or the new one.
fn write_keys(path: &Path, ring: &[MasterKey]) -> Result<(), SealError> {
    let mut text = Zeroizing::new(String::new());
    for key in ring {
        key.bytes.iter().for_each(|byte| text.push_str(&format!("{byte:02x}")));
        text.push('\n');
    }
    let draft = path.with_extension("key.new");
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    if let Some(dir) = path.parent() {
        fs::File::open(dir)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(bytes: u8) -> Vault {
        Vault::from_keys(&[SecretBytes::new(vec![bytes; 32])]).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_at_its_own_place_and_row_only() {
        let vault = vault(7);
        let sealed = vault.seal("intents.prepared", b"row 1", b"secret").unwrap();
        assert_eq!(
            vault.open("intents.prepared", b"row 1", &sealed).unwrap().expose(),
            b"secret"
        );
        assert!(vault.open("intents.prepared", b"row 2", &sealed).is_err());
        assert!(vault.open("posts.resume", b"row 1", &sealed).is_err());
        assert!(!sealed.windows(6).any(|bytes| bytes == b"secret"));
    }

    #[test]
    fn a_changed_byte_is_noticed_wherever_it_is() {
        let vault = vault(7);
        let sealed = vault.seal("posts.resume", b"row", b"secret").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(vault.open("posts.resume", b"row", &changed).is_err(), "byte {at}");
        }
        assert!(vault.open("posts.resume", b"row", &[]).is_err());
    }

    #[test]
    fn another_key_is_named_as_unknown() {
        let sealed = vault(7).seal("posts.resume", b"row", b"secret").unwrap();
        assert!(matches!(
            vault(8).open("posts.resume", b"row", &sealed),
            Err(SealError::UnknownKey)
        ));
    }

    #[test]
    fn two_seals_of_one_value_differ() {
        let vault = vault(7);
        assert_ne!(
            vault.seal("a.b", b"", b"x").unwrap(),
            vault.seal("a.b", b"", b"x").unwrap()
        );
    }

    #[test]
    fn a_key_that_is_not_32_bytes_is_refused() {
        assert!(matches!(
            Vault::from_keys(&[SecretBytes::new(vec![1; 31])]),
            Err(SealError::BadKey)
        ));
        assert!(matches!(Vault::from_keys(&[]), Err(SealError::BadKey)));
    }
}
