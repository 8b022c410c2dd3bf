//! X's counting: twitter-text's configuration 3 (docs.x.com, "Counting characters").
//!
//! The text is normalised to NFC. A URL is 23 units, an emoji 2, a character of the scripts that say little with a sign
//! 1, every other character 2.

use unicode_normalization::UnicodeNormalization;

use super::emoji;
use super::urls::{self, Grammar};

const URL_UNITS: usize = 23;
const EMOJI_UNITS: usize = 2;

static GRAMMAR: Grammar = Grammar {
    schemes: &["http", "https"],
    bare: true,
    path: is_path,
    path_end: is_path_end,
    query: is_query,
    query_end: is_query_end,
};

/// The weighted length of `text`.
pub(super) fn measure(text: &str) -> usize {
    let chars: Vec<char> = text.nfc().collect();
    let mut urls = urls::scan(&chars, &GRAMMAR).into_iter().peekable();
    let (mut units, mut at) = (0, 0);
    while let Some(c) = chars.get(at) {
        if let Some(url) = urls.next_if(|url| url.start <= at) {
            units += URL_UNITS;
            at = url.end;
        } else if let Some(len) = chars.get(at..).and_then(emoji::sequence_len) {
            units += EMOJI_UNITS;
            at += len;
        } else {
            units += weight(*c);
            at += 1;
        }
    }
    units
}

/// The ranges of configuration 3 that weigh one unit.
const fn weight(c: char) -> usize {
    match c as u32 {
        0..=4_351 | 8_192..=8_205 | 8_208..=8_223 | 8_242..=8_247 => 1,
        _ => 2,
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '\u{400}'..='\u{4ff}') || urls::is_latin_accent(c)
}

fn is_path(c: char) -> bool {
    is_word(c)
        || matches!(
            c,
            '!' | '*'
                | '\''
                | ';'
                | ':'
                | '='
                | '+'
                | ','
                | '.'
                | '$'
                | '/'
                | '%'
                | '#'
                | '['
                | ']'
                | '-'
                | '\u{2013}'
                | '_'
                | '~'
                | '@'
                | '|'
                | '&'
        )
}

fn is_path_end(c: char) -> bool {
    is_word(c) || matches!(c, '+' | '-' | '=' | '_' | '#' | '/')
}

fn is_query(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(
            c,
            '!' | '?'
                | '*'
                | '\''
                | '@'
                | '('
                | ')'
                | ';'
                | ':'
                | '&'
                | '='
                | '+'
                | '$'
                | '/'
                | '%'
                | '#'
                | '['
                | ']'
                | '-'
                | '_'
                | '.'
                | ','
                | '~'
                | '|'
        )
}

fn is_query_end(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '&' | '=' | '#' | '/')
}
