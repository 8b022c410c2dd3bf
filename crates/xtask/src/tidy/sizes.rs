//! Files of at most 500 lines and functions of at most 70, so that each can be read in one go.

use anyhow::Context;
use serde::Deserialize;

use super::{Finding, Tree, pattern};

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;
/// The exceptions, each with its reason.
const ALLOWED: &str = "crates/xtask/src/tidy/allow.toml";

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Allowed {
    /// Files that may be longer.
    file: Vec<Exception>,
    /// Functions that may be longer.
    function: Vec<Exception>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    path: String,
    /// For functions alone.
    name: Option<String>,
    /// The length that is allowed instead.
    lines: usize,
    reason: String,
}

pub(super) fn check(tree: &Tree) -> anyhow::Result<Vec<Finding>> {
    let allowed: Allowed = toml::from_str(tree.text(ALLOWED).unwrap_or_default()).context(ALLOWED)?;
    let mut findings = Vec::new();
    let mut add = |place: String, what: String| {
        findings.push(Finding::new("sizes", place, what));
    };
    let mut used = Vec::new();
    let mut max_for = |list: &'static str, path: &str, name: Option<&str>, max: usize, lines: usize| {
        let exceptions = if list == "file" {
            &allowed.file
        } else {
            &allowed.function
        };
        let found = exceptions
            .iter()
            .position(|it| it.path == path && it.name.as_deref() == name);
        if lines > max {
            used.extend(found.map(|index| (list, index)));
        }
        found.and_then(|index| exceptions.get(index)).map_or(max, |it| it.lines)
    };
    for (path, text) in tree.under("crates/").filter(|(path, _)| path.ends_with(".rs")) {
        let lines = text.lines().count();
        let max = max_for("file", path, None, FILE_LINES_MAX, lines);
        if lines > max {
            add(path.to_owned(), format!("{lines} lines, at most {max}"));
        }
        for (name, lines) in functions(text)? {
            let max = max_for("function", path, Some(&name), FUNCTION_LINES_MAX, lines);
            if lines > max {
                add(format!("{path} fn {name}"), format!("{lines} lines, at most {max}"));
            }
        }
    }
    for (list, exceptions) in [("file", &allowed.file), ("function", &allowed.function)] {
        for (index, it) in exceptions.iter().enumerate() {
            let place = format!("{ALLOWED}: {} {}", it.path, it.name.as_deref().unwrap_or_default());
            if it.reason.trim().is_empty() {
                add(place.clone(), "an exception needs a reason".to_owned());
            }
            if !used.contains(&(list, index)) {
                add(place, "this exception is not needed any more".to_owned());
            }
        }
    }
    Ok(findings)
}

/// Name and number of lines of every function with a body, from its `fn` to its last brace.
fn functions(source: &str) -> anyhow::Result<Vec<(String, usize)>> {
    let code = without_texts(source);
    let named = pattern(r"\bfn\s+([A-Za-z_][A-Za-z0-9_]*)")?;
    let functions = named.captures_iter(&code).filter_map(|found| {
        let (whole, name) = (found.get(0)?, found.get(1)?);
        let body = code.get(whole.end()..)?;
        let length = length_to_last_brace(body)?;
        let lines = code.get(whole.start()..whole.end() + length)?.matches('\n').count() + 1;
        Some((name.as_str().to_owned(), lines))
    });
    Ok(functions.collect())
}

/// How many bytes after the name of a function its body ends; none for a declaration without a body.
fn length_to_last_brace(after_name: &str) -> Option<usize> {
    let (mut brackets, mut braces) = (0_usize, 0_usize);
    for (index, byte) in after_name.bytes().enumerate() {
        match byte {
            b'(' | b'[' => brackets += 1,
            b')' | b']' => brackets = brackets.saturating_sub(1),
            b'{' => braces += 1,
            b'}' if braces == 1 => return Some(index + 1),
            b'}' => braces = braces.checked_sub(1)?,
            b';' if brackets == 0 && braces == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The code with comments, strings and characters blanked out; lines stay lines.
fn without_texts(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let length = text_length(rest, before).unwrap_or(0);
        if length == 0 {
            code.push(first);
            before = first;
            rest = rest.get(first.len_utf8()..).unwrap_or_default();
            continue;
        }
        let (text, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        code.extend(text.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        before = ' ';
        rest = after;
    }
    code
}

/// The length of the comment, string or character that `rest` starts with; none if it starts with code.
fn text_length(rest: &str, before: char) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(comment_length(rest));
    }
    if rest.starts_with('"') {
        return Some(1 + quoted_length(rest.get(1..)?, '"'));
    }
    if let Some(after) = rest.strip_prefix('\'') {
        let mut chars = after.chars();
        let (first, second) = (chars.next()?, chars.next());
        // A lifetime has no closing quote right after its first letter.
        let is_character = first == '\\' || second == Some('\'');
        return is_character.then(|| 1 + quoted_length(after, '\''));
    }
    if rest.starts_with('r') && !(before.is_alphanumeric() && !matches!(before, 'b' | 'c') || before == '_') {
        let hashes = rest.bytes().skip(1).take_while(|byte| *byte == b'#').count();
        let inside = rest.get(1 + hashes..)?.strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(inside.find(&end).map_or(rest.len(), |at| 2 + hashes + at + end.len()));
    }
    None
}

/// The length up to and with the closing quote; a backslash hides the character after it.
fn quoted_length(inside: &str, quote: char) -> usize {
    let mut hidden = false;
    for (index, c) in inside.char_indices() {
        match c {
            _ if hidden => hidden = false,
            '\\' => hidden = true,
            c if c == quote => return index + c.len_utf8(),
            _ => {}
        }
    }
    inside.len()
}

/// The length of a block comment with the block comments in it.
fn comment_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0_usize);
    while let Some(here) = rest.get(at..) {
        let step = match here {
            _ if here.starts_with("/*") => {
                depth += 1;
                2
            }
            _ if here.starts_with("*/") => {
                depth -= 1;
                2
            }
            _ => here.chars().next().map_or(1, char::len_utf8),
        };
        at += step;
        if depth == 0 || at >= rest.len() {
            break;
        }
    }
    at.min(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files))
            .unwrap()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    fn function(name: &str, lines: usize) -> String {
        format!("fn {name}() {{\n{}}}\n", "    let _ = 1;\n".repeat(lines - 2))
    }

    #[test]
    fn long_files_and_long_functions_are_found() {
        let (fits, long) = (function("fits", 70), function("long", 71));
        let text = format!("{fits}\nimpl A {{\n{long}}}\n");
        assert_eq!(
            found(&[("crates/a/src/b.rs", &text)]),
            ["sizes: crates/a/src/b.rs fn long: 71 lines, at most 70"]
        );
        assert_eq!(
            found(&[
                ("crates/a/b.rs", &"\n".repeat(500)),
                ("crates/a/c.md", &"\n".repeat(900))
            ]),
            [""; 0]
        );
        assert_eq!(
            found(&[("crates/a/b.rs", &"\n".repeat(501))]),
            ["sizes: crates/a/b.rs: 501 lines, at most 500"]
        );
    }

    #[test]
    fn braces_in_texts_and_declarations_do_not_confuse_the_count() {
        let source = "trait T { fn declared(&self) -> [u8; 2]; }\n\
            fn texts<'a>(x: &'a str) -> char {\n  let _ = (\"}\\\"}\", '}', '\\'', r#\"}\"}\"#, br\"}\"); // }\n  /* } /* } */ } */ '{'\n}\n\
            fn after(f: fn(u8)) {}\n";
        assert_eq!(
            functions(source).unwrap(),
            [("texts".to_owned(), 4), ("after".to_owned(), 1)]
        );
    }

    #[test]
    fn an_exception_needs_a_reason_and_a_cause() {
        let long = function("long", 80);
        let with = |allow: &str| found(&[("crates/a/b.rs", &long), (ALLOWED, allow)]);
        let entry = "[[function]]\npath = \"crates/a/b.rs\"\nname = \"long\"\n";
        assert_eq!(with(&format!("{entry}lines = 80\nreason = \"A table.\"")), [""; 0]);
        assert_eq!(with(&format!("{entry}lines = 79\nreason = \"A table.\"")).len(), 1);
        assert_eq!(with(&format!("{entry}lines = 80\nreason = \" \"")).len(), 1);
        let stale = format!(
            "{entry}lines = 80\nreason = \"x\"\n[[file]]\npath = \"crates/a/b.rs\"\nlines = 600\nreason = \"x\""
        );
        assert!(with(&stale).join("").contains("not needed any more"));
    }
}
