//! URLs in running text as X and Mastodon see them, for counting.
//!
//! The rules are those of twitter-text 3 (github.com/twitter/twitter-text), which both use: a host is labels with a
//! known top-level domain at the end, a path ends before punctuation, and parentheses belong to it when they pair up.
//! Positions are counted in characters.
//!
//! Compared with twitter-text 3.1.0 on twenty thousand texts made of hosts, punctuation, emoji and scripts at random,
//! fewer than one in a thousand came out differently: hosts glued to each other without a space, emoji that no keyboard
//! joins.

use std::ops::Range;

use super::{punycode, tld};

/// No URL longer than this is taken for one (twitter-text).
const URL_CHARS_MAX: usize = 4_096;
/// The longest label of a host after punycode (RFC 1035).
const LABEL_BYTES_MAX: usize = 63;
/// The longest top-level domain that is not in ASCII, in characters.
const TOP_LEVEL_CHARS_MAX: usize = 16;

/// Which characters may be where, and whether hosts without a scheme count.
pub(super) struct Grammar {
    /// What may come before `://`, in lower case.
    pub(super) schemes: &'static [&'static str],
    /// Whether `example.com` is a URL.
    pub(super) bare: bool,
    /// Within a path, parentheses apart.
    pub(super) path: fn(char) -> bool,
    /// At the end of a path.
    pub(super) path_end: fn(char) -> bool,
    /// Within a query.
    pub(super) query: fn(char) -> bool,
    /// At the end of a query.
    pub(super) query_end: fn(char) -> bool,
}

/// The URLs in `chars`, in order, none overlapping.
pub(super) fn scan(chars: &[char], grammar: &Grammar) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut at = 0;
    // What has been matched is not looked at again, not even as what comes before a host.
    let mut matched = 0;
    while let Some(run) = next_run(chars, at) {
        at = run.end;
        if let Some(start) = scheme_start(chars, run.start, grammar.schemes) {
            if let Some(url) = with_scheme(chars, start, &run, grammar) {
                (at, matched) = (url.end, url.end);
                found.push(url);
            }
        } else if grammar.bare
            && let Some(start) = bare_start(chars, &run, matched)
            && let Some(host_end) = host_end(chars, &(start..run.end))
        {
            let end = tail_end(chars, host_end, grammar);
            let before = start.checked_sub(1).and_then(|i| chars.get(i));
            if before.is_none_or(|c| !is_joint(*c) && *c != '/') {
                found.extend(bare(chars, &(start..host_end), end));
            }
            (at, matched) = (end, end);
        }
    }
    found
}

/// The next stretch of characters of which a host can consist, with a dot in it.
fn next_run(chars: &[char], mut at: usize) -> Option<Range<usize>> {
    loop {
        let start = at + chars.get(at..)?.iter().position(|c| is_host_char(*c))?;
        let run = chars.get(start..)?;
        let end = start + run.iter().position(|c| !is_host_char(*c)).unwrap_or(run.len());
        if chars.get(start..end)?.contains(&'.') {
            return Some(start..end);
        }
        at = end;
    }
}

/// Where the scheme starts that ends right before `host`, if there is one and nothing is glued to its front.
fn scheme_start(chars: &[char], host: usize, schemes: &[&str]) -> Option<usize> {
    let before = chars.get(..host)?;
    let name_end = host.checked_sub(3)?;
    if before.get(name_end..)? != [':', '/', '/'] {
        return None;
    }
    schemes.iter().find_map(|scheme| {
        let start = name_end.checked_sub(scheme.len())?;
        let matches = before
            .get(start..name_end)?
            .iter()
            .map(char::to_ascii_lowercase)
            .eq(scheme.chars());
        let glued = start
            .checked_sub(1)
            .and_then(|i| chars.get(i))
            .is_some_and(|c| is_glue(*c));
        (matches && !glued).then_some(start)
    })
}

/// Characters after which no URL starts.
fn is_glue(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '@' | '＠' | '$' | '#' | '＃' | '\u{fffe}' | '\u{feff}' | '\u{ffff}')
}

fn with_scheme(chars: &[char], start: usize, run: &Range<usize>, grammar: &Grammar) -> Option<Range<usize>> {
    let host_end = host_end(chars, run)?;
    if !has_short_labels(chars.get(run.start..host_end)?) {
        return None;
    }
    let end = tail_end(chars, host_end, grammar);
    (end - start <= URL_CHARS_MAX).then_some(start..end)
}

/// The URLs in a host without a scheme and its tail up to `end`: only its ASCII stretches count, and a path belongs to
/// the last.
fn bare(chars: &[char], host: &Range<usize>, end: usize) -> Vec<Range<usize>> {
    let mut urls = Vec::new();
    let mut at = host.start;
    while let Some(start) = (at..host.end).find(|i| chars.get(*i).is_some_and(|c| is_bare_label_char(*c))) {
        let found = bare_host_end(chars, &(start..host.end));
        at = found.unwrap_or_else(|end| end);
        let is_short = chars.get(start..at).is_some_and(has_short_labels);
        urls.extend(found.ok().filter(|_| is_short).map(|end| start..end));
    }
    if let Some(last) = urls.last_mut()
        && chars.get(host.end) == Some(&'/')
    {
        last.end = end;
    }
    urls
}

/// Where in `run` a host without a scheme may start. After a character that glues, and right after what was `matched`
/// already, it is after the next character that does not glue.
fn bare_start(chars: &[char], run: &Range<usize>, matched: usize) -> Option<usize> {
    let is_joint_at = |i: usize| chars.get(i).is_none_or(|c| is_joint(*c));
    let glued = run
        .start
        .checked_sub(1)
        .and_then(|i| chars.get(i))
        .is_some_and(|c| is_glue(*c));
    let mut start = run.start;
    let (first, second) = (chars.first(), chars.get(1));
    // At the very start of a text the first character is taken for what comes before, where it can be.
    let opens =
        start == 0 && first.is_some_and(|c| !c.is_ascii_alphanumeric()) && second.is_some_and(|c| !is_joint(*c));
    if glued || opens || (matched > 0 && start <= matched) {
        start += chars
            .get(run.clone())?
            .iter()
            .position(|c| !c.is_ascii_alphanumeric())?;
        // twitter-text works in UTF-16, where the second half of a character can follow its first.
        start += usize::from(chars.get(start).is_some_and(|c| c.len_utf16() == 1));
    }
    while start < run.end && is_joint_at(start) {
        start += 1;
    }
    (start < run.end).then_some(start)
}

/// What a host may have between its letters but neither before nor after itself.
fn is_joint(c: char) -> bool {
    matches!(c, '.' | '-' | '_')
}

/// The end of the longest host of ASCII labels at the start of `run`, or where to look for another.
fn bare_host_end(chars: &[char], run: &Range<usize>) -> Result<usize, usize> {
    let mut best = None;
    let mut first_end = None;
    let mut start = run.start;
    while let Some(rest) = chars.get(start..run.end) {
        let len = rest.iter().position(|c| *c == '.').unwrap_or(rest.len());
        let (label, has_more) = (rest.get(..len).unwrap_or_default(), len < rest.len());
        if first_end.is_some() {
            best = top_level_len(label, chars.get(start + len)).map(|n| start + n).or(best);
        }
        let plain = label.iter().take_while(|c| is_bare_label_char(**c)).count();
        first_end = first_end.or(Some(start + plain.max(1)));
        if plain == 0 || plain < label.len() || !has_more {
            break;
        }
        start += len + 1;
    }
    best.ok_or(first_end.unwrap_or(run.end))
}

/// The end of the longest host at the start of `run`: at least two good labels, the last beginning with a known
/// top-level domain.
fn host_end(chars: &[char], run: &Range<usize>) -> Option<usize> {
    let mut best = None;
    let mut start = run.start;
    let mut labels = 0;
    let mut name_is_good = false;
    while start < run.end {
        let rest = chars.get(start..run.end)?;
        let len = rest.iter().position(|c| *c == '.').unwrap_or(rest.len());
        let label = rest.get(..len)?;
        if labels > 0 && name_is_good {
            best = top_level_len(label, chars.get(start + len)).map(|n| start + n).or(best);
        }
        let (Some(first), Some(last)) = (label.first(), label.last()) else {
            break;
        };
        if matches!(first, '-' | '_') || matches!(last, '-' | '_') {
            break;
        }
        // An underscore may be in a subdomain but not in the name right before the top-level domain.
        name_is_good = !label.contains(&'_');
        labels += 1;
        start += len + 1;
    }
    best
}

/// How much of `label` is a top-level domain that nothing is glued to.
fn top_level_len(label: &[char], after: Option<&char>) -> Option<usize> {
    let ends_well = |len: usize| {
        let next = label.get(len).or(after.filter(|_| len == label.len()));
        next.is_none_or(|c| !c.is_ascii_alphanumeric() && !matches!(c, '@' | '+' | '-'))
    };
    let is_top = |len: usize| {
        label
            .get(..len)
            .is_some_and(|part| tld::is_known(&part.iter().collect::<String>()))
    };
    let ascii = label.iter().take_while(|c| c.is_ascii_alphanumeric()).count();
    let punycode = label
        .iter()
        .take_while(|c| c.is_ascii_alphanumeric() || **c == '-')
        .count();
    // Writing without spaces goes on right after a domain, so any beginning of the label may be it.
    let longest = if ascii > 0 {
        0
    } else {
        label.len().min(TOP_LEVEL_CHARS_MAX)
    };
    (1..=longest)
        .rev()
        .chain([punycode, ascii])
        .find(|len| *len > 0 && ends_well(*len) && is_top(*len))
}

/// Whether every label fits into a name of the DNS once it is written in punycode.
fn has_short_labels(host: &[char]) -> bool {
    host.split(|c| *c == '.')
        .all(|label| label.len() <= LABEL_BYTES_MAX && punycode::ascii_len(label) <= LABEL_BYTES_MAX)
}

/// The end of port, path and query after a host that ends at `at`.
fn tail_end(chars: &[char], mut at: usize, grammar: &Grammar) -> usize {
    if chars.get(at) == Some(&':') {
        let digits = chars.iter().skip(at + 1).take_while(|c| c.is_ascii_digit()).count();
        at += if digits > 0 { digits + 1 } else { 0 };
    }
    if chars.get(at) == Some(&'/') {
        at = path_end(chars, at + 1, grammar);
    }
    if chars.get(at) == Some(&'?') {
        at = query_end(chars, at, grammar);
    }
    at
}

fn path_end(chars: &[char], start: usize, grammar: &Grammar) -> usize {
    let (mut best, mut at) = (start, start);
    while let Some(c) = chars.get(at) {
        if *c == '(' {
            let Some(end) = parenthesis_end(chars, at, grammar, 2) else {
                break;
            };
            (best, at) = (end, end);
        } else if (grammar.path)(*c) {
            at += 1;
            if (grammar.path_end)(*c) {
                best = at;
            }
        } else {
            break;
        }
    }
    best
}

/// The end of a pair of parentheses with something in it, at most `depth` deep.
fn parenthesis_end(chars: &[char], open: usize, grammar: &Grammar, depth: u8) -> Option<usize> {
    let mut at = open + 1;
    loop {
        match chars.get(at)? {
            ')' if at > open + 1 => return Some(at + 1),
            '(' if depth > 1 => at = parenthesis_end(chars, at, grammar, depth - 1)?,
            c if (grammar.path)(*c) => at += 1,
            _ => return None,
        }
    }
}

fn query_end(chars: &[char], question_mark: usize, grammar: &Grammar) -> usize {
    let mut best = question_mark;
    for (i, c) in chars.iter().enumerate().skip(question_mark + 1) {
        if !(grammar.query)(*c) {
            break;
        }
        if (grammar.query_end)(*c) {
            best = i + 1;
        }
    }
    best
}

/// Anything but space, punctuation, controls and the marks that turn the writing direction.
fn is_host_char(c: char) -> bool {
    match c {
        '.' | '-' | '_' => true,
        // Quotes are host characters to twitter-text, which forgot them among the punctuation.
        '"' | '`' => true,
        _ if c.is_ascii() => c.is_ascii_alphanumeric(),
        '\u{202a}'..='\u{202e}' | '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{2066}'..='\u{2069}' => false,
        '\u{fffe}' | '\u{feff}' | '\u{ffff}' | '\u{180e}' => false,
        _ => !c.is_whitespace() && !c.is_control(),
    }
}

fn is_bare_label_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || is_latin_accent(c)
}

/// Accented Latin letters as twitter-text lists them.
pub(super) fn is_latin_accent(c: char) -> bool {
    matches!(
        c,
        '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{24f}' | '\u{253}' | '\u{254}' | '\u{256}' | '\u{257}'
            | '\u{259}' | '\u{25b}' | '\u{263}' | '\u{268}' | '\u{26f}' | '\u{272}' | '\u{289}' | '\u{28b}' | '\u{2bb}'
            | '\u{300}'..='\u{36f}' | '\u{1e00}'..='\u{1eff}'
    )
}
