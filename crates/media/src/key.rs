//! The keys of stored files: `{owner}/{128 random bits}/{name}`, or `{owner}/{128 random bits}/{folder}/{name}` for
//! uploads that clients make by themselves.

use domain::content::MediaKind;
use domain::ids::UserId;
use jiff::Timestamp;
use rand::{Rng, RngExt};

/// The longest name of a file within a key, in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 100;
/// The longest name of an upload, in bytes: the time stands before it.
const UPLOAD_NAME_BYTES_MAX: usize = NAME_BYTES_MAX + 24;
/// The folders of uploads.
const FOLDERS: [&str; 3] = ["images", "videos", "documents"];

/// A name that is safe in a path, a URL and a header: ASCII letters, digits, dots, hyphens and underscores.
pub(crate) fn sanitised(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let safe: String = last.chars().map(|c| if is_safe(c) { c } else { '_' }).collect();
    let safe = ending(safe.trim_matches(['.', '_'])).trim_start_matches(['.', '_']);
    if safe.is_empty() {
        NAMELESS.to_owned()
    } else {
        safe.to_owned()
    }
}

const fn is_safe(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

/// What a file is called of whose name nothing is left.
const NAMELESS: &str = "file";

/// The end of a name says more than its start: it has the extension.
fn ending(safe: &str) -> &str {
    let start = safe.len().saturating_sub(NAME_BYTES_MAX);
    safe.get(start..).unwrap_or_default()
}

/// Where an upload of `owner` is kept: in a folder by its kind, under the time in milliseconds and its name, in which
/// white space became underscores and everything unsafe was left out. Other PostPost servers do the same.
#[must_use]
pub fn upload_key(owner: UserId, kind: MediaKind, name: &str, at: Timestamp, rng: &mut dyn Rng) -> String {
    let folder = match kind {
        MediaKind::Image | MediaKind::Animation => "images",
        MediaKind::Video => "videos",
        MediaKind::Document => "documents",
    };
    let underscored = name.trim().chars().map(|c| if c.is_whitespace() { '_' } else { c });
    let safe: String = underscored.filter(|c| is_safe(*c)).collect();
    // The time stands before it, so that even a leading dot is no harm: `日本.jpg` leaves `.jpg`.
    let name = if safe.bytes().all(|byte| byte == b'.') {
        NAMELESS
    } else {
        ending(&safe)
    };
    let random: u128 = rng.random();
    format!("{owner}/{random:032x}/{folder}/{}-{name}", at.as_millisecond())
}

/// The two halves of a key: what must not be guessed, and what a URL shows.
pub(crate) fn split(key: &str) -> Option<(&str, &str)> {
    let folder_end = key.match_indices('/').nth(1)?.0;
    let (folder, name) = key.split_at_checked(folder_end)?;
    Some((folder, name.strip_prefix('/')?))
}

/// Whether a text has the form of a key.
pub(crate) fn is_key(text: &str) -> bool {
    let is_hex = |part: &str, len| part.len() == len && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    let mut parts = text.split('/');
    let is_ours =
        parts.next().is_some_and(|part| is_hex(part, 24)) && parts.next().is_some_and(|part| is_hex(part, 32));
    let is_named = match (parts.next(), parts.next()) {
        (Some(name), None) => name == sanitised(name),
        (Some(folder), Some(name)) => FOLDERS.contains(&folder) && is_upload_name(name),
        (None, _) => false,
    };
    is_ours && is_named && parts.next().is_none()
}

fn is_upload_name(name: &str) -> bool {
    name.len() <= UPLOAD_NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_digit())
        && name.contains('-')
        && name.chars().all(is_safe)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn key(kind: MediaKind, name: &str) -> String {
        let at = Timestamp::from_millisecond(1_710_500_000_000).unwrap();
        upload_key(
            UserId::from_bytes([0xab; 12]),
            kind,
            name,
            at,
            &mut StdRng::seed_from_u64(1),
        )
    }

    #[test]
    fn an_upload_is_named_by_its_time_and_its_name() {
        for (kind, name, ends) in [
            (
                MediaKind::Image,
                "product-photo.jpg",
                "/images/1710500000000-product-photo.jpg",
            ),
            (
                MediaKind::Image,
                " my photo (1).jpg ",
                "/images/1710500000000-my_photo_1.jpg",
            ),
            (
                MediaKind::Video,
                "../../etc/passwd",
                "/videos/1710500000000-....etcpasswd",
            ),
            (MediaKind::Image, "日本.jpg", "/images/1710500000000-.jpg"),
            (MediaKind::Image, "..", "/images/1710500000000-file"),
            (MediaKind::Document, "\u{fc}\u{1f600}", "/documents/1710500000000-file"),
        ] {
            let key = key(kind, name);
            assert!(key.ends_with(ends), "{key}");
            assert!(is_key(&key), "{key}");
        }
    }

    #[test]
    fn what_only_looks_like_an_upload_is_none() {
        let good = key(MediaKind::Image, "a.jpg");
        for bad in [
            good.replace("images", "etc"),
            good.replace("1710500000000-", ""),
            good.replace("a.jpg", "a/b.jpg"),
            good.replace("a.jpg", "a%2f.jpg"),
        ] {
            assert!(!is_key(&bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_name_makes_a_key_that_is_split_and_joined(name in ".*") {
            let key = key(MediaKind::Image, &name);
            prop_assert!(is_key(&key));
            let (folder, rest) = split(&key).unwrap();
            prop_assert_eq!(folder.len(), 57);
            prop_assert_eq!(format!("{folder}/{rest}"), key);
        }
    }
}
