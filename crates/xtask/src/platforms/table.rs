//! The table, and what is missing in it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use domain::capability::Capability;
use domain::platform::Platform;
use sandbox::proof::{Proof, Shown};

use super::page::Page;
use super::{FAULTS, is_shown};
use crate::specs::Spec;

/// What is listed and what of it is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Cell {
    listed: usize,
    shown: usize,
    /// Names of what is listed, not shown, and no known gap.
    holes: Vec<String>,
}

impl Cell {
    fn of(kind: &str, page: &Page, listed: &[(String, bool)]) -> Self {
        let name = |word: &str| format!("{kind}: {word}");
        Self {
            listed: listed.len(),
            shown: listed.iter().filter(|(_, is_shown)| *is_shown).count(),
            holes: listed
                .iter()
                .filter(|(word, is_shown)| !is_shown && !page.gaps.contains_key(&name(word)))
                .map(|(word, _)| name(word))
                .collect(),
        }
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.pad(&format!("{}/{}", self.shown, self.listed))
    }
}

/// A platform's line.
#[derive(Debug, Clone)]
pub(super) struct Line {
    platform: Platform,
    posts: Cell,
    settings: Cell,
    dialects: Cell,
    errors: Cell,
    faults: Cell,
    spec: Option<&'static Spec>,
    docs: Cell,
    gaps: Vec<(String, String)>,
}

impl Line {
    /// What is listed of the platform, held against what tests have shown.
    pub(super) fn of(
        capability: &Capability,
        page: &Page,
        rows: BTreeSet<String>,
        proofs: &BTreeSet<Proof>,
        spec: Option<&'static Spec>,
    ) -> Self {
        let platform = capability.platform;
        let is_shown = |shown: Shown| is_shown(proofs, platform, &shown);
        let posts = capability
            .post_types()
            .map(|kind| (kind.word().to_owned(), is_shown(Shown::Stored(kind))));
        let settings = capability
            .settings
            .iter()
            .map(|name| ((*name).to_owned(), is_shown(Shown::Setting((*name).to_owned()))));
        let dialects = api::dialects::setting_names(platform)
            .into_iter()
            .map(|(dialect, name)| {
                let is_taken = capability.settings.contains(&name) && is_shown(Shown::Setting(name.to_owned()));
                (format!("{dialect} {name}"), is_taken)
            });
        let mut errors: Vec<_> = rows
            .into_iter()
            .map(|row| (row.clone(), is_shown(Shown::ErrorRow(row))))
            .collect();
        if errors.is_empty() {
            errors.push(("an error map".to_owned(), false));
        }
        let faults = FAULTS
            .iter()
            .map(|word| ((*word).to_owned(), is_shown(Shown::Fault((*word).to_owned()))));
        let mut docs = vec![("page".to_owned(), page.missing.len() < 5)];
        docs.extend(page.missing.iter().map(|section| ((*section).to_owned(), false)));
        let listed = capability.settings.iter().map(|name| (*name).to_owned()).collect();
        let apart = page.settings.symmetric_difference(&listed);
        docs.extend(apart.map(|name| (format!("setting {name}"), false)));
        Self {
            platform,
            posts: Cell::of("post", page, &posts.collect::<Vec<_>>()),
            settings: Cell::of("setting", page, &settings.collect::<Vec<_>>()),
            dialects: Cell::of("dialect", page, &dialects.collect::<Vec<_>>()),
            errors: Cell::of("error", page, &errors),
            faults: Cell::of("fault", page, &faults.collect::<Vec<_>>()),
            spec,
            docs: Cell::of("docs", page, &docs),
            gaps: page.gaps.clone().into_iter().collect(),
        }
    }

    /// What is listed, not shown, and no known gap.
    pub(super) fn holes(&self) -> Vec<String> {
        let cells = [
            &self.posts,
            &self.settings,
            &self.dialects,
            &self.errors,
            &self.faults,
            &self.docs,
        ];
        let holes = cells.into_iter().flat_map(|cell| &cell.holes);
        holes.map(|hole| format!("{}: {hole}", self.platform)).collect()
    }

    fn spec(&self) -> &'static str {
        self.spec.map_or("none published", |spec| spec.name)
    }

    fn server(&self) -> &'static str {
        match self.platform {
            Platform::Bluesky => "`real-servers pds`",
            Platform::Mastodon => "`real-servers mastodon`",
            _ => "none to run",
        }
    }

    fn docs(&self) -> &'static str {
        if self.docs.holes.is_empty() {
            "whole"
        } else {
            "with holes"
        }
    }
}

/// The table for a terminal.
pub(super) fn plain(lines: &[Line]) -> String {
    let mut text = format!(
        "{:<10} {:>6} {:>9} {:>9} {:>7} {:>7}  {:<24} {:<24} {}\n",
        "platform", "posts", "settings", "dialects", "errors", "faults", "specification", "real server", "docs"
    );
    for line in lines {
        let _ = writeln!(
            text,
            "{:<10} {:>6} {:>9} {:>9} {:>7} {:>7}  {:<24} {:<24} {}",
            line.platform.word(),
            line.posts,
            line.settings,
            line.dialects,
            line.errors,
            line.faults,
            line.spec(),
            line.server().replace('`', ""),
            line.docs()
        );
    }
    text
}

/// The page with the table.
pub(super) fn readme(lines: &[Line]) -> String {
    let mut text = String::from(
        "# Platforms\n\n\
         Written by `cargo xtask platforms --write` from a run of the tests, and held against one by `--check`. Each\n\
         number is what tests have shown of what the product lists; a test that is taken away makes a hole.\n\n\
         | Platform | Kinds of posts stored as asked | Settings stored as asked | Settings of dialects taken | Rows of the error map met | Faults stood | \
         Specification | Real server | Page |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for line in lines {
        let _ = writeln!(
            text,
            "| [{}]({}.md) | {} | {} | {} | {} | {} | {} | {} | {} |",
            line.platform.name(),
            line.platform.word(),
            line.posts,
            line.settings,
            line.dialects,
            line.errors,
            line.faults,
            line.spec(),
            line.server(),
            line.docs()
        );
    }
    text.push_str(
        "\n- **Posts**: each kind that the capability lists is published to the emulator, and its text, its files by hash and\n  \
         in order, their descriptions, what it answers and its address are compared with what the emulator stored.\n\
         - **Settings**: each name that the capability lists, looked for in what the emulator stored. They are Broadside's\n  \
         names, which every dialect's settings become; the page's table has the same.\n\
         - **Dialects**: each setting that a dialect has a place for, taken by the connector.\n\
         - **Error map**: each row is met by a documented body in a test of the error map.\n",
    );
    let _ = writeln!(text, "- **Faults**: {}.", FAULTS.join(", ").replace('_', " "));
    text.push_str(
        "- **Specification**: with the specifications at hand, `cargo xtask specs` holds every request of the connector and\n  \
         every answer of the emulator against them.\n\
         - **Real server**: `cargo xtask real-servers` publishes to it where its start script is at hand.\n",
    );
    if lines.iter().any(|line| !line.gaps.is_empty()) {
        text.push_str("\n## Gaps that are meant\n\n");
        for line in lines {
            for (name, reason) in &line.gaps {
                let _ = writeln!(text, "- {}, `{name}`: {reason}", line.platform.name());
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::capability::PostType;

    fn page() -> Page {
        let mut page = Page {
            settings: Capability::of(Platform::Threads)
                .settings
                .iter()
                .map(|name| (*name).to_owned())
                .collect(),
            ..Page::default()
        };
        page.gaps
            .insert("setting: isGhostPost".to_owned(), "for a reason.".to_owned());
        page
    }

    fn proofs(leave_out: &Shown) -> BTreeSet<Proof> {
        let platform = Platform::Threads;
        let posts = PostType::ALL.iter().map(|kind| Shown::Stored(*kind));
        let faults = FAULTS.iter().map(|word| Shown::Fault((*word).to_owned()));
        let settings = Capability::of(platform).settings.iter();
        let settings = settings
            .filter(|name| **name != "isGhostPost")
            .map(|name| Shown::Setting((*name).to_owned()));
        let row = std::iter::once(Shown::ErrorRow("row".to_owned()));
        let all = posts
            .chain(faults)
            .chain(settings)
            .chain(row)
            .filter(|shown| shown != leave_out);
        all.map(|shown| Proof { platform, shown }).collect()
    }

    fn line(leave_out: &Shown) -> Line {
        let rows = ["row".to_owned()].into();
        let capability = Capability::of(Platform::Threads);
        Line::of(capability, &page(), rows, &proofs(leave_out), None)
    }

    #[test]
    fn what_a_test_has_shown_is_no_hole_and_neither_is_a_gap_with_a_reason() {
        let whole = line(&Shown::Setting(String::new()));
        assert_eq!(whole.holes(), [""; 0]);
        assert_eq!(whole.settings.to_string(), "11/12");
        assert!(readme(&[whole]).contains("- Threads, `setting: isGhostPost`: for a reason."));
    }

    #[test]
    fn whatever_no_test_shows_is_a_hole_by_its_name() {
        for (left_out, name) in [
            (Shown::Stored(PostType::Mixed), "threads: post: mixed"),
            (Shown::Fault("drop_after".to_owned()), "threads: fault: drop_after"),
            (Shown::Setting("locationId".to_owned()), "threads: setting: locationId"),
            (Shown::ErrorRow("row".to_owned()), "threads: error: row"),
        ] {
            assert_eq!(line(&left_out).holes(), [name]);
        }
    }

    #[test]
    fn a_setting_of_a_dialect_that_is_not_taken_and_one_that_the_page_does_not_name_are_holes() {
        let shown = line(&Shown::Setting("topicTag".to_owned()));
        let holes = ["threads: setting: topicTag", "threads: dialect: postpost topicTag"];
        assert_eq!(shown.holes(), holes);
        let mut page = page();
        page.settings.remove("locationId");
        page.settings.insert("unheardOf".to_owned());
        let nothing = Shown::Setting(String::new());
        let capability = Capability::of(Platform::Threads);
        let line = Line::of(capability, &page, ["row".to_owned()].into(), &proofs(&nothing), None);
        let holes = ["threads: docs: setting locationId", "threads: docs: setting unheardOf"];
        assert_eq!(line.holes(), holes);
    }

    #[test]
    fn a_connector_without_an_error_map_or_a_page_has_holes() {
        let capability = Capability::of(Platform::Threads);
        let nothing = BTreeSet::new();
        let line = Line::of(
            capability,
            &Page::parse("").unwrap(),
            nothing,
            &proofs(&Shown::Setting(String::new())),
            None,
        );
        let holes = line.holes();
        assert!(holes.contains(&"threads: error: an error map".to_owned()), "{holes:?}");
        assert!(holes.contains(&"threads: docs: page".to_owned()), "{holes:?}");
    }
}
