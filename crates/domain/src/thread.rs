//! Splitting a long text into the parts of a thread.
//!
//! Rules of the PostPost documents: parts that the author marked are kept, everything else is split at the best place that
//! fits and numbered. The result depends on the text alone, so that every attempt sees the same parts.

use crate::capability::Capability;
use crate::platform::Platform;
use crate::text::measure;

/// Room for the number of a part, ` (12/34)`, in the platform's units.
const NUMBER_ROOM: usize = 10;
/// The most parts; the rest of a longer text stays in the last one, which is then too long to be sent.
const PARTS_MAX: usize = 200;

/// Whether a text that is too long for this platform may become a thread.
#[must_use]
pub const fn splits(platform: Platform) -> bool {
    matches!(platform, Platform::X | Platform::Threads)
}

/// The parts of a text for a platform: one, unless the platform [`splits`] and the text is too long or is marked.
///
/// A line that is `---` ends a part; a part that is too long is then split further, unnumbered. Parts that begin or end in
/// the whole series `[1/n]` … `[n/n]` are left as they are. Any other text that is too long is split at the end of a
/// paragraph, a line, a sentence, or a word, or else wherever it must be, and its parts end in ` (1/n)`.
#[must_use]
pub fn split(text: &str, platform: Platform) -> Vec<String> {
    if !splits(platform) {
        return vec![text.to_owned()];
    }
    let rule = &Capability::of(platform).text;
    let fits = |part: &str, room: usize| measure(rule.unit, part) + room <= rule.units_max as usize;
    let marked = at_rulers(text);
    if marked.len() > 1 {
        return marked
            .into_iter()
            .flat_map(|part| pieces(part, &|part| fits(part, 0)))
            .collect();
    }
    if let Some(series) = numbered(text) {
        return series;
    }
    if fits(text, 0) {
        return vec![text.to_owned()];
    }
    let parts = pieces(text, &|part| fits(part, NUMBER_ROOM));
    let count = parts.len();
    if count < 2 {
        return parts;
    }
    let number = |(index, part): (usize, String)| format!("{part} ({}/{count})", index + 1);
    parts.into_iter().enumerate().map(number).collect()
}

/// The text between lines that are `---`; the first and the last line are no such lines. Lines end as Unix or as Windows
/// ends them.
fn at_rulers(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut at) = (Vec::new(), 0, 0);
    for line in text.split_inclusive('\n') {
        let is_inside = at > 0 && line.ends_with('\n');
        if is_inside && line.trim_end_matches('\n').trim_end_matches('\r') == "---" {
            parts.extend(text.get(from..at));
            from = at + line.len();
        }
        at += line.len();
    }
    parts.extend(text.get(from..));
    let parts: Vec<_> = parts
        .into_iter()
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    if parts.len() > 1 { parts } else { vec![text] }
}

/// The parts of a text that the author numbered, `[1/n]` to `[n/n]`, all at the start or all at the end of a part.
fn numbered(text: &str) -> Option<Vec<String>> {
    let (_, count) = text.split_once("[1/")?;
    let count: usize = count.split_once(']')?.0.parse().ok()?;
    if !(2..=PARTS_MAX).contains(&count) {
        return None;
    }
    let mut marks = Vec::with_capacity(count);
    let mut from = 0;
    for index in 1..=count {
        let mark = format!("[{index}/{count}]");
        let at = from + text.get(from..)?.find(&mark)?;
        marks.push((at, at + mark.len()));
        from = at + mark.len();
    }
    let (first, last) = (*marks.first()?, *marks.last()?);
    let bounds: Vec<usize> = if text.get(..first.0)?.trim().is_empty() {
        marks.iter().map(|(start, _)| *start).chain([text.len()]).collect()
    } else if text.get(last.1..)?.trim().is_empty() {
        std::iter::once(0).chain(marks.iter().map(|(_, end)| *end)).collect()
    } else {
        return None;
    };
    let starts = bounds.iter().zip(bounds.iter().skip(1));
    starts
        .map(|(start, end)| Some(text.get(*start..*end)?.trim().to_owned()))
        .collect()
}

/// Splits a text into parts that fit.
fn pieces(text: &str, fits: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while parts.len() + 1 < PARTS_MAX && !fits(rest) {
        let end = cut(rest, longest(rest, fits));
        let (part, after) = rest.split_at(end);
        parts.push(part.trim_end().to_owned());
        rest = after.trim_start();
    }
    if !rest.is_empty() {
        parts.push(rest.to_owned());
    }
    parts
}

/// How many bytes from the start fit: at least one character.
fn longest(text: &str, fits: &dyn Fn(&str) -> bool) -> usize {
    let ends: Vec<usize> = unicode_segmentation::UnicodeSegmentation::grapheme_indices(text, true)
        .map(|(start, cluster)| start + cluster.len())
        .collect();
    let fitting = ends.partition_point(|end| text.get(..*end).is_some_and(fits));
    let at_least_one = fitting.max(1) - 1;
    ends.get(at_least_one).copied().unwrap_or(text.len())
}

/// The best place to cut, at most at `most`: after a paragraph, a line, a sentence, a word, or right there.
fn cut(text: &str, most: usize) -> usize {
    // A break right behind what fits is a place too.
    let window_end = text
        .get(most..)
        .and_then(|rest| rest.chars().next())
        .map_or(most, |next| {
            if next.is_whitespace() {
                most + next.len_utf8()
            } else {
                most
            }
        });
    let window = text.get(..window_end).unwrap_or(text);
    let after = |mark: &str, kept: usize| window.rfind(mark).map(|at| at + kept).filter(|at| *at > 0);
    let sentence = [". ", "! ", "? "].into_iter().filter_map(|mark| after(mark, 1)).max();
    after("\n\n", 0)
        .or_else(|| after("\n", 0))
        .or(sentence)
        .or_else(|| window.rfind(char::is_whitespace).filter(|at| *at > 0))
        .unwrap_or(most)
        .min(most)
}

#[cfg(test)]
mod tests;
