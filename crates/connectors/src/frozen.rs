//! How connectors freeze what they will send, and what they compare posts by.

use domain::content::{Media, PartContent};
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::intent::Fingerprint;
use domain::platform::Platform;
use domain::secret::SecretBytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

/// The bytes of a prepared request or of a handle.
///
/// # Errors
/// [`ErrorKind::Unknown`] when `value` cannot be written as JSON, which only a map with keys that are no text can cause.
pub fn freeze<T: Serialize>(platform: Platform, stage: Stage, value: &T) -> Result<SecretBytes, PlatformError> {
    serde_json::to_vec(value).map(SecretBytes::new).map_err(|_| {
        PlatformError::refused(
            platform,
            stage,
            ErrorKind::Unknown,
            "This post cannot be written down for sending",
        )
    })
}

/// What [`freeze`] wrote.
///
/// # Errors
/// [`ErrorKind::Unknown`] when the bytes are not of this form: another version wrote them, or they are damaged.
pub fn thaw<T: DeserializeOwned>(platform: Platform, stage: Stage, bytes: &SecretBytes) -> Result<T, PlatformError> {
    serde_json::from_slice(bytes.expose()).map_err(|_| {
        let message = "What was prepared for this post cannot be read by this version of Broadside";
        PlatformError::refused(platform, stage, ErrorKind::Unknown, message)
    })
}

/// How far an earlier step got, unless it was about something else: then the work begins anew.
///
/// # Errors
/// As [`thaw`].
pub(crate) fn progress<T: DeserializeOwned>(
    platform: Platform,
    resume: Option<&SecretBytes>,
    is_about_this: impl FnOnce(&T) -> bool,
) -> Result<Option<T>, PlatformError> {
    let done = resume
        .map(|handle| thaw(platform, Stage::Prepare, handle))
        .transpose()?;
    Ok(done.filter(is_about_this))
}

/// The hashes of files, in order.
pub(crate) fn hashes<'m>(media: impl IntoIterator<Item = &'m Media>) -> Vec<String> {
    media.into_iter().map(|media| media.sha256.clone()).collect()
}

/// SHA-256 over everything that the platform would show of a part: the account, what it answers to, its text, and its
/// files in order. Every field goes in with its length, so that no two different parts are one text.
#[must_use]
pub fn fingerprint(platform: Platform, account: &str, parent: Option<&str>, content: &PartContent) -> Fingerprint {
    let mut hash = Sha256::new();
    let mut put = |field: &[u8]| {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field);
    };
    put(platform.word().as_bytes());
    put(account.as_bytes());
    put(parent.map_or(&[0_u8][..], |_| &[1]));
    put(parent.unwrap_or_default().as_bytes());
    put(content.text.as_bytes());
    for media in &content.media {
        put(media.sha256.as_bytes());
    }
    Fingerprint(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemoryMedia;
    use domain::content::MediaKind;

    #[test]
    fn posts_that_look_different_have_different_fingerprints() {
        let mut files = MemoryMedia::default();
        let one = files.add(MediaKind::Image, "image/png", "one");
        let two = files.add(MediaKind::Image, "image/png", "two");
        let content = |text: &str, media: &[&domain::content::Media]| PartContent {
            text: text.to_owned(),
            media: media.iter().map(|m| (*m).clone()).collect(),
        };
        let of =
            |account: &str, parent, content: &PartContent| fingerprint(Platform::Mastodon, account, parent, content).0;
        let prints = [
            of("1", None, &content("a", &[])),
            of("2", None, &content("a", &[])),
            of("1", Some(""), &content("a", &[])),
            of("1", Some("9"), &content("a", &[])),
            of("1", Some("9a"), &content("", &[])),
            of("1", None, &content("b", &[])),
            of("1", None, &content("a", &[&one])),
            of("1", None, &content("a", &[&one, &two])),
            of("1", None, &content("a", &[&two, &one])),
            fingerprint(Platform::X, "1", None, &content("a", &[])).0,
        ];
        let distinct: std::collections::BTreeSet<_> = prints.iter().collect();
        assert_eq!(distinct.len(), prints.len());
        assert_eq!(
            of("1", None, &content("a", &[&one])),
            of("1", None, &content("a", &[&one]))
        );
    }
}
