//! LinkedIn's `little` text (learn.microsoft.com, "Little Text Format"): sixteen characters have a meaning of their own
//! and stand behind a backslash where they are meant literally. One that is left bare is no error: LinkedIn takes the
//! post and drops the text from there on.

use std::iter::Peekable;
use std::str::Chars;

/// The characters that must be escaped.
const RESERVED: &[char] = &[
    '|', '{', '}', '@', '[', ']', '(', ')', '<', '>', '#', '\\', '*', '_', '~',
];

/// `text` as LinkedIn is to be sent it: a tag stays a tag, a mention (`@[Name](urn:li:person:…)`, or
/// `@{urn:li:person:…|Name}`) becomes one, and everything else is meant literally.
#[must_use]
pub fn to_little(text: &str) -> String {
    let mut little = String::with_capacity(text.len() + 16);
    let mut rest = text;
    let mut before: Option<char> = None;
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '@' => mention_at(rest).map(|mention| {
                little.push_str("@[");
                escape_into(&mut little, mention.name);
                little.push_str(&format!("]({})", mention.urn));
                mention.len
            }),
            '#' if before.is_none_or(|c| !c.is_alphanumeric() && c != '_') => tag_at(rest).inspect(|len| {
                let word = rest.get(1..*len).unwrap_or_default();
                if word.contains('_') {
                    little.push_str(r"{hashtag|\#|");
                    escape_into(&mut little, word);
                    little.push('}');
                } else {
                    little.push('#');
                    little.push_str(word);
                }
            }),
            _ => None,
        };
        let len = taken.unwrap_or_else(|| {
            escape_char(&mut little, c);
            c.len_utf8()
        });
        before = rest.get(..len).and_then(|read| read.chars().next_back());
        rest = rest.get(len..).unwrap_or_default();
    }
    little
}

/// A mention in a plain text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mentioned {
    /// Where the name begins, in UTF-16 units.
    pub start: usize,
    /// How long it is, in UTF-16 units.
    pub length: usize,
    /// Whose it is: `urn:li:person:…` or `urn:li:organization:…`.
    pub urn: String,
}

/// `text` as it is shown, with the names of the mentions that [`to_little`] knows, and where they stand: LinkedIn's
/// comments are not `little`.
#[must_use]
pub fn with_mentions(text: &str) -> (String, Vec<Mentioned>) {
    let mut shown = String::with_capacity(text.len());
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((before, from)) = rest.find('@').and_then(|at| rest.split_at_checked(at)) {
        shown.push_str(before);
        let len = if let Some(mention) = mention_at(from) {
            found.push(Mentioned {
                start: shown.encode_utf16().count(),
                length: mention.name.encode_utf16().count(),
                urn: mention.urn.to_owned(),
            });
            shown.push_str(mention.name);
            mention.len
        } else {
            shown.push('@');
            1
        };
        rest = from.get(len..).unwrap_or_default();
    }
    shown.push_str(rest);
    (shown, found)
}

/// What a `little` text shows: escapes undone, tags as `#word`, mentions as their names.
#[must_use]
pub fn from_little(little: &str) -> String {
    let mut shown = String::with_capacity(little.len());
    let mut chars = little.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => shown.extend(chars.next()),
            '{' => {
                let template = until(&mut chars, '}');
                shown.push('#');
                shown.push_str(template.rsplit('|').next().unwrap_or_default());
            }
            '@' if chars.peek() == Some(&'[') => {
                chars.next();
                shown.push_str(&until(&mut chars, ']'));
                if chars.next_if_eq(&'(').is_some() {
                    until(&mut chars, ')');
                }
            }
            c => shown.push(c),
        }
    }
    shown
}

/// The length that LinkedIn holds against its limit: that of the escaped text, in UTF-16 units, which is never less than
/// what it counts.
pub(super) fn measure(text: &str) -> usize {
    to_little(text).encode_utf16().count()
}

fn until(chars: &mut Peekable<Chars<'_>>, end: char) -> String {
    let mut read = String::new();
    while let Some(c) = chars.next() {
        match c {
            '\\' => read.extend(chars.next()),
            c if c == end => break,
            c => read.push(c),
        }
    }
    read
}

fn escape_into(little: &mut String, text: &str) {
    for c in text.chars() {
        escape_char(little, c);
    }
}

fn escape_char(little: &mut String, c: char) {
    if RESERVED.contains(&c) {
        little.push('\\');
    }
    little.push(c);
}

struct Mention<'a> {
    name: &'a str,
    urn: &'a str,
    /// Bytes of the whole.
    len: usize,
}

fn mention_at(text: &str) -> Option<Mention<'_>> {
    let (name, urn, len) = if let Some(inner) = text.strip_prefix("@[") {
        let (name, after) = inner.split_once("](")?;
        let (urn, _) = after.split_once(')')?;
        (name, urn, "@[](".len() + name.len() + urn.len() + 1)
    } else {
        let (urn, after) = text.strip_prefix("@{")?.split_once('|')?;
        let (name, _) = after.split_once('}')?;
        (name, urn, "@{|}".len() + name.len() + urn.len())
    };
    let is_named = !name.is_empty() && !name.contains(['[', ']', '\n']);
    (is_named && is_mentionable(urn)).then_some(Mention { name, urn, len })
}

fn is_mentionable(urn: &str) -> bool {
    let id = ["urn:li:person:", "urn:li:organization:"]
        .iter()
        .find_map(|kind| urn.strip_prefix(kind));
    id.is_some_and(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')))
}

/// The bytes of a tag with its `#`. A tag of digits alone is none.
fn tag_at(text: &str) -> Option<usize> {
    let word = text.strip_prefix('#')?;
    let end = word
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(word.len());
    let word = word.get(..end)?.trim_end_matches('_');
    word.chars().any(char::is_alphabetic).then_some(1 + word.len())
}
