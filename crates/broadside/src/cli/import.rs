//! `broadside import-credentials`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use domain::platform::Platform;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::Context;
use super::output::Tone;
use crate::admin::protocol::Hush;
use crate::admin::{Refusal, Reply, Request, unexpected};

/// A file has at most so many bytes, and so many accounts.
const FILE_BYTES_MAX: u64 = 4 * 1_024 * 1_024;
const ENTRIES_MAX: usize = 1_000;

/// Connects the accounts of a file, each after asking its platform whose it is.
#[derive(Debug, Args)]
#[command(
    after_help = "The file is a JSON list, or a TOML file with one [[accounts]] table each, of:\n\n\
  platform    Broadside's word for it, such as x (required)\n\
  token       the access or bot token\n\
  password    an app password (Bluesky)\n\
  refresh     the refresh token\n\
  expires_at  when the token ends, such as 2026-12-31T00:00:00Z\n\
  identifier  the handle, e-mail address or chat id; names one account where a token is good for several\n\
  base_url    the account's own server (Mastodon, Bluesky)\n\
  owner       whose it will be [default: the only user]\n\n\
The whole file is read and checked before anything is connected. Each account is connected whole or not at all; one \
that is refused does not keep the others from being connected, and importing the file again is harmless. Ends with 1 \
when any was refused. Delete the file afterwards: it holds secrets."
)]
pub(super) struct Import {
    /// The file; `-` reads standard input
    file: PathBuf,
}

/// An account of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    platform: Platform,
    token: Option<Hush>,
    password: Option<Hush>,
    refresh: Option<Hush>,
    expires_at: Option<Timestamp>,
    identifier: Option<String>,
    base_url: Option<String>,
    owner: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    accounts: Vec<Entry>,
}

impl Import {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let entries = read(&self.file)?;
        let door = context.door().await?;
        let Reply::Users(users) = door.ask(Request::UserList).await? else {
            return Err(unexpected());
        };
        let names: Vec<&str> = users.iter().map(|user| user.name.as_str()).collect();
        check(&entries, &names)?;
        let mut refused = 0_usize;
        let all = entries.len();
        for (number, entry) in (1..).zip(entries) {
            let what = entry.name();
            match door.ask(entry.request()).await {
                Ok(Reply::Account(account)) => {
                    let missing: Vec<_> = account.missing.iter().map(|missing| missing.words.as_str()).collect();
                    let shown = json!({ "entry": number, "connected": account });
                    context.out.show(&shown, || {
                        let mark = context.out.toned(Tone::Good, "connected");
                        let name = &account.identity.username;
                        let missing: String = missing
                            .iter()
                            .map(|words| format!("\n      missing: {words}"))
                            .collect();
                        format!("{number:>4}  {mark} {}:{name}{missing}", account.platform)
                    });
                }
                Ok(_) => return Err(unexpected()),
                Err(error) => {
                    // Only what was answered concerns this account; without an answer no other will have one.
                    let Some(refusal) = error.downcast_ref::<Refusal>() else {
                        return Err(error.context(format!("at entry {number} of {all}; those before it are reported")));
                    };
                    refused += 1;
                    let shown =
                        json!({ "entry": number, "refused": what, "code": refusal.code, "message": refusal.message });
                    context.out.show(&shown, || {
                        let mark = context.out.toned(Tone::Bad, "refused");
                        format!("{number:>4}  {mark}   {what}: {}", refusal.message)
                    });
                }
            }
        }
        context
            .out
            .note(&format!("{} of {all} accounts connected", all - refused));
        Ok(if refused == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }
}

impl Entry {
    /// What it is called in reports: nothing secret.
    fn name(&self) -> String {
        match (&self.identifier, &self.base_url) {
            (Some(identifier), _) => format!("{}:{identifier}", self.platform),
            (None, Some(base_url)) => format!("{} at {base_url}", self.platform),
            (None, None) => self.platform.to_string(),
        }
    }

    fn request(self) -> Request {
        Request::AccountAdd {
            user: self.owner,
            platform: self.platform,
            base_url: self.base_url,
            token: self.token,
            refresh_token: self.refresh,
            identifier: self.identifier,
            password: self.password,
            expires_at: self.expires_at,
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<Entry>> {
    use std::io::Read;
    let shown = path.display();
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin()
            .lock()
            .take(FILE_BYTES_MAX + 1)
            .read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(path).with_context(|| format!("cannot read {shown}"))?;
        file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)
    };
    let bytes = read.with_context(|| format!("cannot read {shown}"))?;
    ensure!(
        bytes as u64 <= FILE_BYTES_MAX,
        "{shown} is larger than {FILE_BYTES_MAX} bytes"
    );
    parse(&text).with_context(|| shown.to_string())
}

fn parse(text: &str) -> anyhow::Result<Vec<Entry>> {
    let entries = match text.trim_start().chars().next() {
        None => bail!("it is empty"),
        // A parser's own words would show the line at fault, and with it a secret.
        Some('[') if !text.trim_start().starts_with("[[") => {
            serde_json::from_str::<Vec<Entry>>(text).map_err(|error| json_error(&error))?
        }
        Some('{') => {
            serde_json::from_str::<File>(text)
                .map_err(|error| json_error(&error))?
                .accounts
        }
        Some(_) => {
            toml::from_str::<File>(text)
                .map_err(|error| anyhow::anyhow!("it is neither JSON nor TOML as expected: {}", error.message()))?
                .accounts
        }
    };
    ensure!(!entries.is_empty(), "it has no account");
    ensure!(
        entries.len() <= ENTRIES_MAX,
        "it has more than {ENTRIES_MAX} accounts; split it"
    );
    Ok(entries)
}

fn json_error(error: &serde_json::Error) -> anyhow::Error {
    anyhow::anyhow!(
        "it is not as expected, at line {}, column {}",
        error.line(),
        error.column()
    )
}

/// Looks at every entry before the first is connected, and names everything that is wrong.
fn check(entries: &[Entry], users: &[&str]) -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    for (number, entry) in (1..).zip(entries) {
        if entry.token.is_none() && entry.password.is_none() {
            wrong.push(format!(
                "entry {number} ({}) has neither token nor password",
                entry.name()
            ));
        }
        match &entry.owner {
            Some(owner) if !users.contains(&owner.as_str()) => {
                wrong.push(format!("entry {number} ({}): there is no user '{owner}'", entry.name()));
            }
            None if users.len() != 1 => {
                wrong.push(format!(
                    "entry {number} ({}) names no owner, and there are {} users",
                    entry.name(),
                    users.len()
                ));
            }
            _ => {}
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let refusal = Refusal::new("invalid", format!("nothing was connected: {}", wrong.join("; ")));
    Err(refusal
        .next("correct the file; `broadside user list` shows who there is")
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_in_json_a_table_in_json_and_toml_say_the_same() {
        let forms = [
            r#" [{"platform":"x","token":"t","refresh":"r","owner":"ada"}]"#,
            r#"{"accounts":[{"platform":"x","token":"t","refresh":"r","owner":"ada"}]}"#,
            "[[accounts]]\nplatform = \"x\"\ntoken = \"t\"\nrefresh = \"r\"\nowner = \"ada\"\n",
            "# mine\n[[accounts]]\nplatform = \"x\"\ntoken = \"t\"\nrefresh = \"r\"\nowner = \"ada\"\n",
        ];
        for form in forms {
            let entries = parse(form).unwrap();
            assert_eq!((entries.len(), entries[0].platform), (1, Platform::X), "{form}");
            assert_eq!(entries[0].token.as_ref().unwrap().0.expose(), "t");
            check(&entries, &["ada", "ben"]).unwrap();
        }
    }

    #[test]
    fn what_is_wrong_is_named_all_at_once_before_anything_is_connected() {
        let text = r#"[{"platform":"x","owner":"ada"},{"platform":"telegram","token":"t","owner":"eve"},{"platform":"x","token":"t"}]"#;
        let error = format!("{:#}", check(&parse(text).unwrap(), &["ada", "ben"]).unwrap_err());
        for part in [
            "entry 1 (x) has neither",
            "entry 2 (telegram): there is no user 'eve'",
            "entry 3 (x) names no owner",
        ] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_file_that_cannot_be_read_is_refused_without_showing_what_it_holds() {
        for text in [
            r#"[{"platform":"x","token":"s3cret","oops":1}]"#,
            r#"[{"platform":"x","token":"s3cret"#,
            "[[accounts]]\nplatform = \"x\"\ntoken = \"s3cret\noops",
            r#"[{"platform":"nowhere","token":"s3cret"}]"#,
            "[]",
            "",
        ] {
            let error = format!("{:#}", parse(text).map(|_| ()).unwrap_err());
            assert!(!error.contains("s3cret"), "{error}");
        }
    }
}
