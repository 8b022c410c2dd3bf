//! `cargo xtask new-platform NAME`: a skeleton that compiles, whose failing tests say what is to be done.
//!
//! What is written is the platform's own: a capability, a connector with a sign-in, an emulator, a page. What is added to
//! the files of others is one line each in four lists ([`LISTS`]); a list that lacks a platform does not compile.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, ensure};
use domain::platform::Platform;

/// The lists that every platform stands in, one line each: file, and the line before which a new one goes.
pub(crate) const LISTS: &[(&str, &str)] = &[
    ("crates/domain/src/platform.rs", "} // The last line of the table."),
    ("crates/domain/src/capability/mod.rs", "} { // Without a connector yet."),
    ("crates/connectors/src/lib.rs", "} // The last line of the list."),
    ("crates/sandbox/src/lib.rs", "} { // Without an emulator of their own."),
];

/// The files of a platform: where, and what.
const FILES: &[(&str, &str)] = &[
    (
        "crates/domain/src/capability/{word}.rs",
        include_str!("template/capability.txt"),
    ),
    (
        "crates/connectors/src/{word}/mod.rs",
        include_str!("template/connector.txt"),
    ),
    (
        "crates/connectors/src/{word}/error.rs",
        include_str!("template/error.txt"),
    ),
    (
        "crates/connectors/src/{word}/signin.rs",
        include_str!("template/signin.txt"),
    ),
    (
        "crates/connectors/src/{word}/tests.rs",
        include_str!("template/tests.txt"),
    ),
    (
        "crates/connectors/src/{word}/tests/behaviour.rs",
        include_str!("template/behaviour.txt"),
    ),
    (
        "crates/sandbox/src/{word}/mod.rs",
        include_str!("template/emulator.txt"),
    ),
    ("docs/platforms/{word}.md", include_str!("template/page.txt")),
];

/// What the platform is called.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The name as people write it, such as `Pixelfed`.
    pub name: String,
}

/// The three spellings of a name.
struct Name<'a> {
    /// As people write it.
    shown: &'a str,
    /// As a type: letters and digits.
    of_type: String,
    /// Broadside's word: the same in lower case.
    word: String,
}

impl<'a> Name<'a> {
    fn of(shown: &'a str) -> anyhow::Result<Self> {
        let of_type: String = shown.chars().filter(char::is_ascii_alphanumeric).collect();
        ensure!(
            of_type.starts_with(|first: char| first.is_ascii_uppercase()),
            "a platform's name begins with a capital letter, such as Pixelfed"
        );
        let word = of_type.to_lowercase();
        ensure!(
            word.parse::<Platform>().is_err(),
            "there is a platform '{word}' already; CONTRIBUTING.md says how one that has only a sign-in gets a connector"
        );
        Ok(Self { shown, of_type, word })
    }

    fn fill(&self, template: &str) -> String {
        template
            .replace("{Name}", &self.of_type)
            .replace("{shown}", self.shown)
            .replace("{word}", &self.word)
    }
}

/// Writes the skeleton into this repository, and says what comes next.
///
/// # Errors
/// For a name that is none or is taken, and when a file cannot be read or written.
pub fn run(options: &Options, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    write_into(&crate::repository(), &options.name, out)?;
    Ok(true)
}

fn write_into(root: &Path, shown: &str, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
    let name = Name::of(shown)?;
    for (path, template) in FILES {
        let path = name.fill(path);
        let file = root.join(&path);
        ensure!(!file.exists(), "{path} is there already");
        std::fs::create_dir_all(file.parent().context("a file without a folder")?)?;
        std::fs::write(&file, name.fill(template)).with_context(|| format!("{path} cannot be written"))?;
        writeln!(out, "wrote {path}")?;
    }
    let number = Platform::ALL
        .iter()
        .map(|platform| platform.number())
        .max()
        .unwrap_or(0)
        + 1;
    let lines = [
        format!(
            "    /// {}.\n    {} = {number}, \"{}\", \"{}\";",
            name.shown, name.of_type, name.word, name.shown
        ),
        format!("    {} => {};", name.of_type, name.word),
        format!("    {0} => {1}: [{0}] {0}SignIn;", name.of_type, name.word),
        format!("    {} => {};", name.of_type, name.word),
    ];
    for ((path, before), line) in LISTS.iter().zip(lines) {
        let file = root.join(path);
        let text = std::fs::read_to_string(&file).with_context(|| format!("{path} cannot be read"))?;
        let (start, end) = text
            .split_once(before)
            .with_context(|| format!("{path} has no '{before}'"))?;
        std::fs::write(&file, format!("{start}{line}\n{before}{end}"))?;
        writeln!(out, "added a line to {path}")?;
    }
    let word = &name.word;
    writeln!(
        out,
        "\nWhat is to be done, in this order (CONTRIBUTING.md has more of each):\n  \
         1. docs/platforms/{word}.md: the facts\n  \
         2. crates/domain/src/capability/{word}.rs: what it takes; only what stands here is tested\n  \
         3. crates/sandbox/src/{word}/: the emulator\n  \
         4. crates/connectors/src/{word}/: until this passes: cargo test -p connectors {word}::\n  \
         5. crates/connectors/src/{word}/tests/errors.rs: a test of each row of the error map\n  \
         6. EMULATED, crash_matrix.rs and CAST: until this passes: cargo test\n  \
         7. what is missing still, once all tests pass: cargo xtask platforms --check"
    )?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::product::ScratchFolder;

    #[test]
    fn a_skeleton_is_its_own_files_and_one_line_in_each_list() {
        let scratch = ScratchFolder::new("broadside-skeleton").unwrap();
        for (path, before) in LISTS {
            let file = scratch.path().join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(&file, format!("list {{\n{before}\n}}\n")).unwrap();
        }
        write_into(scratch.path(), "Pixel Fed", &mut Vec::new()).unwrap();
        for (path, before) in LISTS {
            let text = std::fs::read_to_string(scratch.path().join(path)).unwrap();
            let added = text.lines().filter(|line| line.contains("PixelFed")).count();
            assert_eq!((added, text.contains(before)), (1, true), "{text}");
        }
        for (path, _) in FILES {
            let text = std::fs::read_to_string(scratch.path().join(path.replace("{word}", "pixelfed"))).unwrap();
            assert!(!text.contains("{Name}") && !text.contains("{word}"), "{path}");
        }
        let again = write_into(scratch.path(), "Pixel Fed", &mut Vec::new());
        assert!(again.unwrap_err().to_string().contains("is there already"));
    }

    /// The skeleton is compiled by nobody until somebody needs it.
    #[test]
    fn the_skeleton_of_a_capability_has_every_field_that_others_have() {
        let fields = |text: &str| -> std::collections::BTreeSet<String> {
            let lines = text.lines().filter_map(|line| line.strip_prefix("    "));
            let names = lines.filter_map(|line| line.split_once(':').map(|(name, _)| name.to_owned()));
            names
                .filter(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
                .collect()
        };
        let known =
            std::fs::read_to_string(crate::repository().join("crates/domain/src/capability/mastodon.rs")).unwrap();
        let (known, template) = (fields(&known), fields(include_str!("template/capability.txt")));
        assert!(known.contains("retract"), "{known:?}");
        assert_eq!(known, template);
    }

    #[test]
    fn a_name_that_is_none_or_is_taken_is_refused() {
        for name in ["", "pixelfed", "8bit", "Mastodon", "Google Business"] {
            assert!(Name::of(name).is_err(), "{name}");
        }
        assert_eq!(Name::of("Google Plus").unwrap().word, "googleplus");
    }
}
