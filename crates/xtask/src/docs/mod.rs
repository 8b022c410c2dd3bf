//! `cargo xtask docs`: the commands that the documentation shows must be commands that exist.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::CommandFactory;

use crate::product;
use crate::tidy::Tree;

mod help;
mod shell;

use help::Manual;
use shell::Shown;

/// What to do with the commands that are found.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// Checks each command against the product's own help; without this they are only listed.
    #[arg(long)]
    pub check: bool,
}

/// Prints the commands of the documentation, or what is wrong with them; true if nothing is.
///
/// # Errors
/// If the repository cannot be read, the product cannot be built, or `out` cannot be written.
pub async fn run(options: &Options, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    let shown = shown_in(&Tree::read(&crate::repository())?);
    if !options.check {
        for command in &shown {
            writeln!(out, "{}: {}", command.place, command.words.join(" "))?;
        }
        return Ok(true);
    }
    let mut manual = Binary {
        path: product::binary().await?,
        read: BTreeMap::new(),
    };
    let wrong: Vec<String> = shown
        .iter()
        .filter_map(|command| check(command, &mut manual).err())
        .collect();
    for line in &wrong {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "{} commands, {} wrong", shown.len(), wrong.len())?;
    Ok(wrong.is_empty())
}

/// Every command of the documentation that is ours: the product's and this program's.
fn shown_in(tree: &Tree) -> Vec<Shown> {
    let top = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"];
    let docs = tree.under("docs/").filter(|(path, _)| path.ends_with(".md"));
    let pages = top
        .iter()
        .filter_map(|path| Some((*path, tree.text(path)?)))
        .chain(docs);
    let commands = pages.flat_map(|(path, text)| shell::commands(path, text));
    commands
        .filter(|command| is_product(command) || xtask_words(command).is_some())
        .collect()
}

fn is_product(command: &Shown) -> bool {
    command
        .words
        .first()
        .is_some_and(|word| word.rsplit('/').next() == Some("broadside"))
}

/// The words after `cargo xtask`.
fn xtask_words(command: &Shown) -> Option<&[String]> {
    match command.words.as_slice() {
        [cargo, xtask, rest @ ..] if cargo == "cargo" && xtask == "xtask" => Some(rest),
        _ => None,
    }
}

fn check(command: &Shown, manual: &mut dyn Manual) -> Result<(), String> {
    let checked = match xtask_words(command) {
        Some(words) => {
            let words = std::iter::once("xtask").chain(words.iter().map(String::as_str));
            let parsed = crate::Cli::command().try_get_matches_from(words);
            parsed
                .map(|_| ())
                .map_err(|error| error.to_string().lines().next().unwrap_or_default().to_owned())
        }
        None => help::check(command.words.get(1..).unwrap_or_default(), manual),
    };
    checked.map_err(|why| format!("{}: {}: {why}", command.place, command.words.join(" ")))
}

/// The help texts of the product's binary, each asked for once.
#[derive(Debug)]
struct Binary {
    path: PathBuf,
    read: BTreeMap<Vec<String>, Option<String>>,
}

impl Manual for Binary {
    fn help(&mut self, subcommands: &[String]) -> Option<String> {
        let ask = || {
            let output = Command::new(&self.path)
                .args(subcommands)
                .arg("--help")
                .stdin(Stdio::null())
                .output()
                .ok()?;
            output
                .status
                .success()
                .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
        };
        self.read.entry(subcommands.to_vec()).or_insert_with(ask).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(words: &str) -> Option<String> {
        struct Nothing;
        impl Manual for Nothing {
            fn help(&mut self, _: &[String]) -> Option<String> {
                None
            }
        }
        let words = words.split(' ').map(str::to_owned).collect();
        check(
            &Shown {
                place: "README.md:1".to_owned(),
                words,
            },
            &mut Nothing,
        )
        .err()
    }

    #[test]
    fn commands_of_this_program_must_parse() {
        assert_eq!(wrong("cargo xtask facts --issue core a.json"), None);
        assert_eq!(wrong("cargo xtask docs --check"), None);
        assert!(
            wrong("cargo xtask fly")
                .unwrap()
                .starts_with("README.md:1: cargo xtask fly: ")
        );
        assert!(wrong("cargo xtask facts --issue hardcore").is_some());
        assert!(wrong("cargo xtask tidy --chaos").is_some());
    }

    #[test]
    fn a_product_without_help_makes_its_commands_wrong() {
        assert!(wrong("broadside serve").is_some());
    }

    #[test]
    fn only_the_named_pages_and_our_commands_are_looked_at() {
        let page = "```sh\nbroadside serve\ncargo test\n$ cargo xtask tidy\n./target/release/broadside key list\n```\n";
        let tree = Tree::of(&[
            ("README.md", page),
            ("docs/adr/1.md", page),
            ("notes.md", page),
            ("docs/x.txt", page),
        ]);
        let places: Vec<String> = shown_in(&tree).into_iter().map(|shown| shown.place).collect();
        let of = |path: &str| [2, 4, 5].map(|line| format!("{path}:{line}")).to_vec();
        assert_eq!(places, [of("README.md"), of("docs/adr/1.md")].concat());
    }
}
