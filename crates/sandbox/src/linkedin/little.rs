//! LinkedIn's "little" text: plain text with templates, in which reserved characters must be escaped.
//!
//! What makes it dangerous: a reserved character that is neither escaped nor part of a template is not refused. The
//! post is made, and its text ends there.

const RESERVED: &[char] = &[
    '|', '{', '}', '@', '[', ']', '(', ')', '<', '>', '#', '\\', '*', '_', '~',
];

/// What becomes of a commentary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Little {
    /// The text as a viewer sees it.
    pub(super) shown: String,
    /// How much of the raw text was kept, in bytes.
    pub(super) kept: usize,
}

/// Reads little text up to its end or to the first mistake in it.
pub(super) fn read(raw: &str) -> Little {
    let mut shown = String::with_capacity(raw.len());
    let mut at = 0;
    while let Some(rest) = raw.get(at..).filter(|rest| !rest.is_empty()) {
        let Some((text, length)) = next(rest) else { break };
        shown.push_str(&text);
        at += length;
    }
    Little { shown, kept: at }
}

/// The next piece as it is shown, with its length in the raw text; none where the text breaks off.
fn next(rest: &str) -> Option<(String, usize)> {
    let first = rest.chars().next()?;
    match first {
        '\\' => escaped(rest),
        '@' => mention(rest),
        '{' => hashtag_template(rest),
        '#' => hashtag(rest),
        other if RESERVED.contains(&other) => None,
        other => Some((other.to_string(), other.len_utf8())),
    }
}

fn escaped(rest: &str) -> Option<(String, usize)> {
    let letter = rest.chars().nth(1)?;
    RESERVED
        .contains(&letter)
        .then(|| (letter.to_string(), 1 + letter.len_utf8()))
}

/// `@[Name](urn:li:person:…)` is shown as the name.
fn mention(rest: &str) -> Option<(String, usize)> {
    let (name, after) = until(rest.strip_prefix("@[")?, ']')?;
    let (urn, end) = until(after.strip_prefix('(')?, ')')?;
    let known = ["urn:li:person:", "urn:li:organization:"]
        .iter()
        .any(|kind| urn.strip_prefix(kind).is_some_and(|id| !id.is_empty()));
    known.then(|| (name, rest.len() - end.len()))
}

/// `{hashtag|\#|word}` is shown as `#word`.
fn hashtag_template(rest: &str) -> Option<(String, usize)> {
    let (word, end) = until(rest.strip_prefix("{hashtag|\\#|")?, '}')?;
    (!word.is_empty()).then(|| (format!("#{word}"), rest.len() - end.len()))
}

/// `#word` is a hashtag of its own.
fn hashtag(rest: &str) -> Option<(String, usize)> {
    let length: usize = rest
        .chars()
        .skip(1)
        .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
        .map(char::len_utf8)
        .sum();
    let tag = rest.get(..=length)?;
    (length > 0).then(|| (tag.to_owned(), tag.len()))
}

/// The text before `end`, with its escapes resolved, and what follows it.
fn until(rest: &str, end: char) -> Option<(String, &str)> {
    let mut text = String::new();
    let mut letters = rest.char_indices();
    while let Some((at, letter)) = letters.next() {
        if letter == end {
            return Some((text, rest.get(at + letter.len_utf8()..)?));
        }
        text.push(if letter == '\\' { letters.next()?.1 } else { letter });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_and_escapes_are_shown_as_a_reader_sees_them() {
        let cases = [
            ("plain, with 'quotes' & more", "plain, with 'quotes' & more"),
            (r"1 \* 2 \(or 3\) \_ \# \\ \@me", r"1 * 2 (or 3) _ # \ @me"),
            (
                "Hi @[Ada \\(L\\)](urn:li:person:Ab_1) and @[Works](urn:li:organization:42)!",
                "Hi Ada (L) and Works!",
            ),
            (r"#one #zwei_2, {hashtag|\#|three}", "#one #zwei_2, #three"),
        ];
        for (raw, shown) in cases {
            assert_eq!(
                read(raw),
                Little {
                    shown: shown.to_owned(),
                    kept: raw.len()
                }
            );
        }
    }

    #[test]
    fn text_ends_at_the_first_reserved_character_that_is_not_escaped() {
        let cases = [
            ("price (net) is 3", "price "),
            ("mail ada@example.com", "mail ada"),
            ("a # b", "a "),
            (r"C:\temp", "C:"),
            ("x @[No](urn:li:share:1) y", "x "),
            ("snake_case", "snake"),
        ];
        for (raw, shown) in cases {
            let little = read(raw);
            assert_eq!((little.shown.as_str(), raw.get(..little.kept)), (shown, Some(shown)));
        }
    }
}
