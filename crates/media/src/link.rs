//! Public links to stored files, for platforms that fetch media themselves.
//!
//! A link is unguessable, names one file and ends: it carries the file's key and an end, signed with a secret of the
//! installation (HMAC-SHA256, RFC 2104). It needs no row in a database and cannot be made longer. The URLs at which
//! clients upload are signed in the same way, and carry the id of a file that waits for its bytes.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::ids::MediaId;
use domain::secret::SecretBytes;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use crate::key::{is_key, split};

#[cfg(test)]
mod tests;

/// Keeps signatures of this kind apart from any other that the same secret may make.
const CONTEXT: &[u8] = b"broadside media link 1\0";
const UPLOAD_CONTEXT: &[u8] = b"broadside media upload 1\0";
const MAC_BYTES: usize = 32;
const TIME_BYTES: usize = 8;

/// Why a link is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It was not signed here, or was changed since.
    #[error("this link is not valid")]
    Invalid,
    /// Its time is over.
    #[error("this link has expired")]
    Expired,
}

/// Signs and checks links to stored files.
#[derive(Clone)]
pub struct LinkSigner {
    secret: SecretBytes,
}

impl fmt::Debug for LinkSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkSigner")
    }
}

impl LinkSigner {
    /// Signs with this secret of the installation; at least 32 random bytes.
    #[must_use]
    pub fn new(secret: SecretBytes) -> Self {
        Self { secret }
    }

    /// The path of a link to the file with `key` that ends at `expires_at`: `/media/{token}/{name}`, where the name of an
    /// upload has its folder before it.
    ///
    /// # Errors
    /// [`LinkError::Invalid`] when `key` is not a key of the store.
    pub fn sign(&self, key: &str, expires_at: Timestamp) -> Result<String, LinkError> {
        let (folder, name) = split(key).filter(|_| is_key(key)).ok_or(LinkError::Invalid)?;
        let end = expires_at.as_second().to_be_bytes();
        let mut token = self.mac(&end, key)?.finalize().into_bytes().to_vec();
        token.extend(end);
        token.extend(folder.as_bytes());
        Ok(format!("/media/{}/{name}", URL_SAFE_NO_PAD.encode(token)))
    }

    /// The key that the link `/media/{token}/{name}` stands for at `now`. The comparison takes the same time however
    /// much of the signature is right.
    ///
    /// # Errors
    /// [`LinkError::Expired`] only for a link that was good once.
    pub fn verify(&self, token: &str, name: &str, now: Timestamp) -> Result<String, LinkError> {
        let token = URL_SAFE_NO_PAD.decode(token).map_err(|_| LinkError::Invalid)?;
        let (signature, rest) = token.split_at_checked(MAC_BYTES).ok_or(LinkError::Invalid)?;
        let (end, folder) = rest.split_first_chunk::<TIME_BYTES>().ok_or(LinkError::Invalid)?;
        let folder = std::str::from_utf8(folder).map_err(|_| LinkError::Invalid)?;
        let key = format!("{folder}/{name}");
        self.mac(end, &key)?
            .verify_slice(signature)
            .map_err(|_| LinkError::Invalid)?;
        if !is_key(&key) {
            return Err(LinkError::Invalid);
        }
        if now.as_second() >= i64::from_be_bytes(*end) {
            Err(LinkError::Expired)
        } else {
            Ok(key)
        }
    }

    /// The token that lets whoever has it upload the file `id` until `expires_at` (to the second).
    ///
    /// # Errors
    /// None in practice: the algorithm takes secrets of any length.
    pub fn sign_upload(&self, id: MediaId, expires_at: Timestamp) -> Result<String, LinkError> {
        let end = expires_at.as_second().to_be_bytes();
        let mut token = self.upload_mac(&end, id)?.finalize().into_bytes().to_vec();
        token.extend(end);
        token.extend(id.as_bytes());
        Ok(URL_SAFE_NO_PAD.encode(token))
    }

    /// The file that the token lets somebody upload at `now`.
    ///
    /// # Errors
    /// [`LinkError::Expired`] only for a token that was good once.
    pub fn verify_upload(&self, token: &str, now: Timestamp) -> Result<MediaId, LinkError> {
        let token = URL_SAFE_NO_PAD.decode(token).map_err(|_| LinkError::Invalid)?;
        let (signature, rest) = token.split_at_checked(MAC_BYTES).ok_or(LinkError::Invalid)?;
        let (end, id) = rest.split_first_chunk::<TIME_BYTES>().ok_or(LinkError::Invalid)?;
        let id = MediaId::try_from(id).map_err(|_| LinkError::Invalid)?;
        self.upload_mac(end, id)?
            .verify_slice(signature)
            .map_err(|_| LinkError::Invalid)?;
        if now.as_second() >= i64::from_be_bytes(*end) {
            Err(LinkError::Expired)
        } else {
            Ok(id)
        }
    }

    fn upload_mac(&self, end: &[u8; TIME_BYTES], id: MediaId) -> Result<Hmac<Sha256>, LinkError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose()).map_err(|_| LinkError::Invalid)?;
        mac.update(UPLOAD_CONTEXT);
        mac.update(end);
        mac.update(id.as_bytes());
        Ok(mac)
    }

    fn mac(&self, end: &[u8; TIME_BYTES], key: &str) -> Result<Hmac<Sha256>, LinkError> {
        // HMAC takes keys of any length; the error exists for algorithms that do not.
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.expose()).map_err(|_| LinkError::Invalid)?;
        mac.update(CONTEXT);
        mac.update(end);
        mac.update(key.as_bytes());
        Ok(mac)
    }
}
