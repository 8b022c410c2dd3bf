//! Mastodon's counting (docs.joinmastodon.org, "Posting to your profile"): grapheme clusters, where a URL with a scheme
//! counts 23 whatever its length, and of `@user@domain` only `@user` counts.
//!
//! Differs by necessity: `xmpp:` and `magnet:` links, which Mastodon shortens too, are counted in full.

use super::graphemes;
use super::urls::{self, Grammar};

const URL_PLACEHOLDER: &str = "xxxxxxxxxxxxxxxxxxxxxxx";

static GRAMMAR: Grammar = Grammar {
    schemes: &[
        "http", "https", "dat", "dweb", "ipfs", "ipns", "ssb", "gopher", "gemini",
    ],
    bare: false,
    path: |c| !c.is_whitespace() && !matches!(c, '<' | '>' | '(' | ')' | '?'),
    path_end: is_path_end,
    query: |c| {
        is_query_end(c)
            || matches!(
                c,
                '!' | '?'
                    | '*'
                    | '\''
                    | '('
                    | ')'
                    | ';'
                    | ':'
                    | '+'
                    | '$'
                    | '%'
                    | '['
                    | ']'
                    | '.'
                    | ','
                    | '~'
                    | '|'
                    | '@'
                    | '^'
            )
    },
    query_end: is_query_end,
};

fn is_path_end(c: char) -> bool {
    !c.is_whitespace()
        && !matches!(
            c,
            '(' | ')'
                | '?'
                | '!'
                | '*'
                | '"'
                | '\''
                | '「'
                | '」'
                | '<'
                | '>'
                | ';'
                | ':'
                | '='
                | ','
                | '.'
                | '$'
                | '%'
                | '['
                | ']'
                | '~'
                | '&'
                | '|'
                | '@'
        )
}

fn is_query_end(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '&' | '=' | '#' | '/' | '-') || (c >= '\u{a0}' && !c.is_whitespace())
}

/// The length of `text` as a server with default settings counts it.
pub(super) fn measure(text: &str) -> usize {
    let chars: Vec<char> = text.chars().collect();
    let mut urls = urls::scan(&chars, &GRAMMAR).into_iter().peekable();
    let mut counted = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(c) = chars.get(at) {
        if let Some(url) = urls.next_if(|url| url.start <= at) {
            counted.push_str(URL_PLACEHOLDER);
            at = url.end;
        } else if let Some(mention) = mention_at(&chars, at) {
            counted.extend(chars.iter().skip(at).take(mention.local_len));
            at += mention.len;
        } else {
            counted.push(*c);
            at += 1;
        }
    }
    graphemes(&counted)
}

struct Mention {
    /// Characters of `@user`.
    local_len: usize,
    /// Characters of the whole.
    len: usize,
}

fn mention_at(chars: &[char], at: usize) -> Option<Mention> {
    let before = at.checked_sub(1).and_then(|i| chars.get(i));
    if chars.get(at) != Some(&'@') || before.is_some_and(|c| is_word(*c) || matches!(c, '=' | '/')) {
        return None;
    }
    let local_len = 1 + dotted_len(chars.get(at + 1..)?, |c| c.is_ascii_alphanumeric() || c == '_');
    if local_len == 1 || chars.get(at + local_len) != Some(&'@') {
        return None;
    }
    let domain = dotted_len(chars.get(at + local_len + 1..)?, is_word);
    (domain > 0).then_some(Mention {
        local_len,
        len: local_len + 1 + domain,
    })
}

/// The length of words joined by dots and hyphens, none at either end.
fn dotted_len(chars: &[char], is_word: impl Fn(char) -> bool) -> usize {
    let mut end = 0;
    for (i, c) in chars.iter().enumerate() {
        if is_word(*c) {
            end = i + 1;
        } else if i == 0 || !matches!(c, '.' | '-') {
            break;
        }
    }
    end
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
