//! Links, mentions and tags for Bluesky's facets, which the author's client must find: the server links nothing by itself
//! (docs.bsky.app, "Links, mentions, and rich text"). Positions are bytes of UTF-8, as facets want them.
//!
//! What is found follows the reference client; where that cuts through a link (a hyphen in a host without scheme, Chinese
//! and Japanese punctuation at the end), this does better.

use linkify::{LinkFinder, LinkKind};
use url::Url;

use super::{emoji, graphemes, tld};

/// The longest tag, in grapheme clusters and bytes (lexicon `app.bsky.richtext.facet#tag`).
const TAG_GRAPHEMES_MAX: usize = 64;
const TAG_BYTES_MAX: usize = 640;
/// The longest handle (atproto.com, "Handle").
const HANDLE_BYTES_MAX: usize = 253;

/// A stretch of a text that links to something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// Of a link the URL, with `https://` put before it where the text has no scheme; of a mention the handle without
    /// `@`; of a tag the word without `#`.
    pub url: String,
}

/// The links in `text`: `http` and `https` URLs, and hosts under a known top-level domain. Punctuation at the end and
/// closing parentheses without an opening one are not part of them.
#[must_use]
pub fn find_links(text: &str) -> Vec<Span> {
    let mut finder = LinkFinder::new();
    finder.kinds(&[LinkKind::Url]).url_must_have_scheme(false);
    finder
        .links(text)
        .filter_map(|link| span_of_link(text, link.start(), link.as_str()))
        .collect()
}

fn span_of_link(text: &str, start: usize, found: &str) -> Option<Span> {
    let found = found.trim_end_matches([
        '。', '、', '，', '．', '！', '？', '」', '』', '）', '】', '…', '”', '’', '»',
    ]);
    let before = text.get(..start)?.chars().next_back();
    let lower = found.to_ascii_lowercase();
    let url = if lower.starts_with("http://") || lower.starts_with("https://") {
        if before.is_some_and(|c| c.is_ascii_alphanumeric()) {
            return None;
        }
        found.to_owned()
    } else {
        let opens = before
            .is_none_or(|c| c.is_whitespace() || matches!(c, '(' | '[' | '{' | '<' | '"' | '\'' | '“' | '‘' | '「'));
        let host = found.split(['/', '?', '#', ':']).next()?;
        if !opens || found.contains("://") || !is_domain(host) || !host.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        format!("https://{found}")
    };
    Url::parse(&url).ok()?.host()?;
    Some(Span {
        start,
        end: start + found.len(),
        url,
    })
}

/// The mentions in `text`, such as `@alice.example.com`, at a start, after space or after an opening parenthesis.
#[must_use]
pub fn find_mentions(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices('@') {
        let (Some(before), Some(after)) = (text.get(..start), text.get(start + 1..)) else {
            continue;
        };
        if before
            .chars()
            .next_back()
            .is_some_and(|c| !c.is_whitespace() && c != '(')
        {
            continue;
        }
        let end = after
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '-')
            .unwrap_or(after.len());
        let handle = after.get(..end).unwrap_or_default().trim_end_matches(['.', '-']);
        // `.test` is no domain of the DNS, but development servers hand out handles under it.
        if handle.len() <= HANDLE_BYTES_MAX && (is_domain(handle) || is_test_handle(handle)) {
            found.push(Span {
                start,
                end: start + 1 + handle.len(),
                url: handle.to_owned(),
            });
        }
    }
    found
}

fn is_test_handle(handle: &str) -> bool {
    handle
        .strip_suffix(".test")
        .is_some_and(|rest| rest.split('.').all(is_label))
}

/// The tags in `text`, such as `#rust`, at a start or after space. They start with a letter or a pictograph.
#[must_use]
pub fn find_tags(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    for (start, _) in text.match_indices('#') {
        let (Some(before), Some(after)) = (text.get(..start), text.get(start + 1..)) else {
            continue;
        };
        let first = after.chars().next();
        if before.chars().next_back().is_some_and(|c| !c.is_whitespace()) || !first.is_some_and(is_tag_start) {
            continue;
        }
        let end = after
            .find(|c: char| !is_tag_start(c) && !c.is_ascii_digit() && c != '_' && c != '-')
            .unwrap_or(after.len());
        let tag = after.get(..end).unwrap_or_default().trim_end_matches(['_', '-']);
        if tag.len() <= TAG_BYTES_MAX && graphemes(tag) <= TAG_GRAPHEMES_MAX {
            found.push(Span {
                start,
                end: start + 1 + tag.len(),
                url: tag.to_owned(),
            });
        }
    }
    found
}

fn is_tag_start(c: char) -> bool {
    c.is_alphabetic()
        || (!c.is_ascii() && emoji::is_pictograph(c))
        || matches!(c, '\u{1f1e6}'..='\u{1f1ff}' | '\u{1f3fb}'..='\u{1f3ff}')
}

/// Whether this is a name of the DNS in ASCII under a known top-level domain.
fn is_domain(host: &str) -> bool {
    let Some((rest, top)) = host.rsplit_once('.') else {
        return false;
    };
    tld::is_known(top) && rest.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= 63
        && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !label.starts_with('-')
        && !label.ends_with('-')
}
