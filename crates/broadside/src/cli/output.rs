//! What commands print: text in aligned columns for people, JSON for machines.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};

use serde::Serialize;

use crate::admin::Refusal;

/// Where and how a command prints.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    json: bool,
    coloured: bool,
}

/// How a word is shown on a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It went well.
    Good,
    /// It went badly.
    Bad,
    /// It needs a look.
    Doubtful,
    /// Less important.
    Faint,
}

impl Output {
    /// Prints to standard output; colours only on a terminal, and not when `NO_COLOR` is set (no-color.org).
    #[must_use]
    pub fn new(json: bool) -> Self {
        let coloured = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
        Self { json, coloured }
    }

    /// Whether a machine reads.
    #[must_use]
    pub const fn is_json(&self) -> bool {
        self.json
    }

    /// Prints one value as a line of JSON, or what `text` makes of it.
    pub fn show<T: Serialize + ?Sized>(&self, value: &T, text: impl FnOnce() -> String) {
        if self.json {
            self.json_line(value);
        } else {
            self.line(&text());
        }
    }

    /// Prints a value as a line of JSON.
    pub fn json_line<T: Serialize + ?Sized>(&self, value: &T) {
        if let Ok(text) = serde_json::to_string(value) {
            self.line(&text);
        }
    }

    /// Prints a line. A reader that has gone away is no error of ours.
    pub fn line(&self, text: &str) {
        let mut stdout = std::io::stdout().lock();
        let _ = writeln!(stdout, "{}", printable(text));
        let _ = stdout.flush();
    }

    /// Prints a line for people, none for machines.
    pub fn note(&self, text: &str) {
        if !self.json {
            self.line(text);
        }
    }

    /// The text in a tone, on a terminal.
    #[must_use]
    pub fn toned(&self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => "32",
            Tone::Bad => "31",
            Tone::Doubtful => "33",
            Tone::Faint => "2",
        };
        if self.coloured {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// Prints an error with its next step on standard error.
    pub fn error(&self, error: &anyhow::Error) {
        let refusal = error.chain().find_map(|cause| cause.downcast_ref::<Refusal>());
        let message = format!("{error:#}");
        let mut stderr = std::io::stderr().lock();
        let _ = if self.json {
            let code = refusal.map_or("failed", |refusal| refusal.code.as_str());
            let next = refusal.and_then(|refusal| refusal.next.as_deref());
            writeln!(
                stderr,
                "{}",
                serde_json::json!({ "error": { "code": code, "message": message, "next": next } })
            )
        } else {
            let next = refusal
                .and_then(|refusal| refusal.next.as_deref())
                .map(|next| format!("\n  next: {next}"));
            writeln!(stderr, "error: {}{}", printable(&message), next.unwrap_or_default())
        };
    }
}

/// A text without what would steer a terminal: posts and names are other people's words. Colours stay.
fn printable(text: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !c.is_control() || c == '\n' || c == '\t';
    if text.chars().all(is_plain) {
        return text.into();
    }
    let mut kept = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let is_colour = c == '\u{1b}' && is_colour(text.get(at + 1..).unwrap_or_default());
        kept.push(if is_plain(c) || is_colour { c } else { '\u{fffd}' });
    }
    kept.into()
}

/// Whether what comes after an escape makes it one for a colour (ECMA-48, 8.3.117).
fn is_colour(rest: &str) -> bool {
    let ends = |rest: &str| {
        rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';')
            .starts_with('m')
    };
    rest.strip_prefix('[').is_some_and(ends)
}

/// Rows in aligned columns, with a heading.
#[must_use]
pub fn table(heading: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| shown_width(cell));
        cells
            .chain(heading.get(column).map(|cell| cell.chars().count()))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<_> = (0..heading.len()).map(width).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells.zip(&widths).map(|(cell, width)| {
            let missing = width.saturating_sub(shown_width(cell));
            format!("{cell}{}", " ".repeat(missing))
        });
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&mut heading.iter().copied())];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines.join("\n")
}

/// How many columns a text takes; colour codes take none.
fn shown_width(text: &str) -> usize {
    let mut width = 0;
    let mut in_code = false;
    for letter in text.chars() {
        match letter {
            '\u{1b}' => in_code = true,
            'm' if in_code => in_code = false,
            _ if !in_code => width += 1,
            _ => {}
        }
    }
    width
}

/// The first `max` characters of the first line, with an ellipsis when something is missing.
#[must_use]
pub fn short(text: &str, max: usize) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= max && line.len() == text.trim_end().len() {
        return line.to_owned();
    }
    let cut: String = line.chars().take(max.saturating_sub(1)).collect();
    format!("{cut}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_whatever_their_colour() {
        let rows = vec![vec![
            "a".to_owned(),
            "\u{1b}[32mgood\u{1b}[0m".to_owned(),
            "z".to_owned(),
        ]];
        let text = table(&["NAME", "IS", "END"], &rows);
        assert_eq!(text, "NAME  IS    END\na     \u{1b}[32mgood\u{1b}[0m  z");
    }

    #[test]
    fn other_peoples_words_do_not_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[31mb\u{1b}[0m\n\t"), "a\u{1b}[31mb\u{1b}[0m\n\t");
        assert_eq!(
            printable("\u{1b}]0;title\u{7}\u{1b}[2J\r\u{9b}"),
            "\u{fffd}]0;title\u{fffd}\u{fffd}[2J\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn long_texts_are_cut_with_an_ellipsis() {
        assert_eq!(short("hello", 10), "hello");
        assert_eq!(short("hello world", 6), "hello…");
        assert_eq!(short("two\nlines", 10), "two…");
    }
}
