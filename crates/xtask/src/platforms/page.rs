//! What a platform's page says, as far as the check needs it.

use std::collections::{BTreeMap, BTreeSet};

use crate::tidy::pattern;

/// The sections that every page has.
const SECTIONS: &[&str] = &["Connect", "Limits", "No duplicates", "Unknown outcome", "Known gaps"];

/// A page of `docs/platforms`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// Sections that are missing.
    pub(super) missing: Vec<&'static str>,
    /// The settings that a post may carry, by the names in the first column of the table of settings.
    pub(super) settings: BTreeSet<String>,
    /// Holes that are meant, by name, with the reason.
    pub(super) gaps: BTreeMap<String, String>,
}

impl Page {
    /// Reads a page.
    ///
    /// # Errors
    /// None in practice: the patterns are constants.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let sections = sections(text);
        let missing = SECTIONS
            .iter()
            .copied()
            .filter(|name| !sections.iter().any(|(title, _)| title == name));
        let body = |start: &str| {
            let mut found = sections.iter().filter(|(title, _)| title.starts_with(start));
            found.next().map_or("", |(_, body)| body.as_str())
        };
        let name = pattern(r"`([A-Za-z]+)`")?;
        let first_cells = body("Settings")
            .lines()
            .filter_map(|line| line.strip_prefix('|')?.split('|').next());
        let settings = first_cells
            .flat_map(|cell| {
                name.captures_iter(cell)
                    .filter_map(|found| Some(found.get(1)?.as_str().to_owned()))
            })
            .collect();
        let gap = pattern(r"(?m)^- `([a-z_]+: [^`]+)`: (.+)$")?;
        let gaps = gap.captures_iter(body("Known gaps")).filter_map(|found| {
            let (name, reason) = (found.get(1)?, found.get(2)?);
            Some((name.as_str().to_owned(), reason.as_str().to_owned()))
        });
        Ok(Self {
            missing: missing.collect(),
            settings,
            gaps: gaps.collect(),
        })
    }
}

/// The sections of the second level: title and text.
fn sections(text: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            sections.push((title.trim().to_owned(), String::new()));
        } else if let Some((_, body)) = sections.last_mut() {
            body.push_str(line);
            body.push('\n');
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_the_first_column_and_gaps_have_a_name_and_a_reason() {
        let page = Page::parse(
            "# P\n## Connect\n## Limits\n| `no` | x |\n## Settings (`p`)\n| Key | Value |\n|---|---|\n| `one`, `two` (or `three`) | `four` |\n\
             ## No duplicates\n## Known gaps\nWords.\n- `fault: read_lag`: it has no lists.\n- No more.\n",
        )
        .unwrap();
        assert_eq!(page.missing, ["Unknown outcome"]);
        assert_eq!(page.settings, ["one", "three", "two"].map(str::to_owned).into());
        assert_eq!(
            page.gaps,
            [("fault: read_lag".to_owned(), "it has no lists.".to_owned())].into()
        );
    }
}
