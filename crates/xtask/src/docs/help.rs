//! Checks a command line against the help texts of the program it is for.

use std::collections::{BTreeMap, BTreeSet};

/// Where help texts come from.
pub(super) trait Manual {
    /// What `program SUBCOMMANDS --help` prints; none if that is no command.
    fn help(&mut self, subcommands: &[String]) -> Option<String>;
}

/// Whether the word after a flag is its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Never,
    Always,
    /// When it is no flag itself.
    Maybe,
}

/// What a help text lists.
#[derive(Debug, Default, PartialEq, Eq)]
struct Listed {
    subcommands: BTreeSet<String>,
    /// Flags, with their dashes.
    flags: BTreeMap<String, Next>,
}

/// Checks the words after the program's name.
pub(super) fn check(words: &[String], manual: &mut dyn Manual) -> Result<(), String> {
    let mut path: Vec<String> = Vec::new();
    let mut listed = listed(manual, &path)?;
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        if word == "--" {
            break;
        }
        if word.starts_with('-') && word.len() > 1 {
            let (flag, value) = word
                .split_once('=')
                .map_or((word.as_str(), None), |(flag, value)| (flag, Some(value)));
            let takes_next = listed
                .flags
                .get(flag)
                .ok_or_else(|| format!("the help does not list {flag}"))?;
            match (takes_next, value) {
                (Next::Always, None) => {
                    words.next().ok_or_else(|| format!("{flag} needs a value"))?;
                }
                (Next::Maybe, None) => {
                    words.next_if(|next| !next.starts_with('-'));
                }
                _ => {}
            }
        } else if !listed.subcommands.is_empty() {
            path.push(word.clone());
            listed = self::listed(manual, &path)?;
        }
    }
    Ok(())
}

fn listed(manual: &mut dyn Manual, path: &[String]) -> Result<Listed, String> {
    let help = manual
        .help(path)
        .ok_or_else(|| format!("`{} --help` fails", path.join(" ")))?;
    // Some programs print the help of the command above for a word they do not know.
    let usage = help.lines().find(|line| line.starts_with("Usage:")).unwrap_or_default();
    match path.last() {
        Some(last) if !usage.split_whitespace().any(|word| word == last) => Err(format!("{last} is no subcommand")),
        _ => Ok(read(&help)),
    }
}

fn read(help: &str) -> Listed {
    let mut listed = Listed::default();
    let mut in_commands = false;
    for line in help.lines() {
        let text = line.trim_start();
        if text.is_empty() || !line.starts_with(' ') {
            in_commands = text == "Commands:" || in_commands && text.is_empty();
        } else if in_commands {
            listed
                .subcommands
                .extend(text.split(char::is_whitespace).next().map(str::to_owned));
        } else if text.starts_with('-') {
            listed.flags.extend(flags(text));
        }
    }
    listed
}

/// The flags that begin a line of help such as `-d, --data <DIR>  Where`.
fn flags(line: &str) -> Vec<(String, Next)> {
    let head = line.split("  ").next().unwrap_or_default();
    let takes_next = match head {
        head if head.contains(" [<") => Next::Maybe,
        head if head.contains(" <") || head.contains(" [") => Next::Always,
        _ => Next::Never,
    };
    let words = head.split([' ', ',', '=', '[']).filter(|word| word.starts_with('-'));
    words
        .map(|word| (word.trim_end_matches('.').to_owned(), takes_next))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Printed;

    impl Manual for Printed {
        fn help(&mut self, path: &[String]) -> Option<String> {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            Some(match path.as_slice() {
                [] => {
                    "A server.\n\nUsage: broadside [OPTIONS] <COMMAND>\n\nCommands:\n  serve  Serves\n  key    Keys\n\n\
                       Options:\n  -c, --config <FILE>  Where\n      --color[=<WHEN>]  Colours\n      --import [<KEY>]  Brought\n  -h, --help  Help\n"
                        .to_owned()
                }
                ["serve"] => {
                    "Usage: broadside serve [OPTIONS]\n\nOptions:\n      --listen <ADDRESS>\n          Where to\n  \
                              -v, --verbose...  More\n"
                        .to_owned()
                }
                ["key"] => "Usage: broadside key <COMMAND>\n\nCommands:\n  list  Lists\n".to_owned(),
                ["key", "list"] => "Usage: broadside key list <OWNER>\n\nArguments:\n  <OWNER>  Whose\n".to_owned(),
                ["hidden"] => "Usage: broadside hidden\n".to_owned(),
                ["odd"] => "Usage: broadside <COMMAND>\n".to_owned(),
                _ => return None,
            })
        }
    }

    fn outcome(words: &str) -> Result<(), String> {
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        check(&words, &mut Printed)
    }

    #[test]
    fn commands_that_exist_pass() {
        for good in [
            "",
            "serve",
            "--config f serve --listen 127.0.0.1:0 -v",
            "--color serve --listen=x",
            "--import",
            "--import --color serve",
            "--import x serve",
            "key list OWNER",
            "key list -- --anything",
            "hidden",
            "--help",
        ] {
            assert_eq!(outcome(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn unknown_subcommands_and_flags_are_refused() {
        for bad in [
            "fly",
            "odd",
            "key lost",
            "serve --fast",
            "serve --list",
            "--config",
            "key list --owner x",
            "-x",
        ] {
            assert!(outcome(bad).is_err(), "{bad}");
        }
    }
}
