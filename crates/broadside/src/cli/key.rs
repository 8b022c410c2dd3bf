//! `broadside key`.

use std::convert::Infallible;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use domain::account::ApiKey;
use domain::secret::SecretText;
use serde_json::json;

use super::Context;
use super::output::table;
use crate::admin::protocol::Hush;
use crate::admin::{Reply, Request};

/// Makes, lists and revokes API keys.
#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Makes a key and prints it once; on an empty installation also the user "me"
    Create {
        /// Whose key [default: the only user]
        #[arg(long)]
        user: Option<String>,
        /// A name to tell keys apart
        #[arg(long, default_value = "Default")]
        name: String,
        /// Accepts a key from elsewhere, so that clients need not be changed. Better leave KEY out: it is read from standard
        /// input then, while an argument shows in the list of processes and stays in the shell's history
        #[arg(long, value_name = "KEY", num_args = 0..=1, value_parser = secret)]
        import: Option<Option<SecretText>>,
    },
    /// Lists keys; the keys themselves cannot be shown again
    List {
        /// Whose keys [default: the only user]
        #[arg(long)]
        user: Option<String>,
    },
    /// Revokes a key at once
    Revoke {
        /// The key's id, prefix or name
        key: String,
        /// Whose key [default: the only user]
        #[arg(long)]
        user: Option<String>,
    },
}

impl Key {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let door = context.door().await?;
        let out = context.out;
        match self {
            Self::Create { user, name, import } => {
                let import = match import {
                    None => None,
                    Some(given) => Some(Hush(of_import(given)?)),
                };
                let is_import = import.is_some();
                if let Reply::NewKey { key, text, user } = door.ask(Request::KeyCreate { user, name, import }).await? {
                    if is_import {
                        // Whoever brought it has it already, so it is not shown again.
                        let shown = json!({ "id": key.id, "name": key.name, "user": user, "prefix": key.prefix });
                        out.show(&shown, || format!("accepted {} for {user}", key.prefix));
                        return Ok(ExitCode::SUCCESS);
                    }
                    let shown = json!({ "id": key.id, "name": key.name, "user": user, "key": text });
                    out.show(&shown, || text.0.expose().to_owned());
                    if !out.is_json() {
                        // Beside the key, so that `KEY=$(broadside key create)` holds nothing else.
                        eprintln!("This key of {user} is shown only now. Clients send it as the header x-api-key.");
                    }
                }
            }
            Self::List { user } => {
                if let Reply::Keys(keys) = door.ask(Request::KeyList { user }).await? {
                    out.show(&keys, || list(&keys));
                }
            }
            Self::Revoke { key, user } => {
                door.ask(Request::KeyRevoke { user, key: key.clone() })
                    .await
                    .context("not revoked")?;
                out.show(&json!({ "revoked": key }), || format!("revoked {key}"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A secret as it stands on the command line.
fn secret(text: &str) -> Result<SecretText, Infallible> {
    Ok(SecretText::new(text.to_owned()))
}

/// The key to import: the argument, or a line of standard input.
fn of_import(given: Option<SecretText>) -> anyhow::Result<SecretText> {
    match given {
        Some(text) if text.expose() != "-" => {
            eprintln!("warning: a key in an argument can be seen by others on this machine; standard input is safer");
            Ok(text)
        }
        _ => super::account::read_line("the key"),
    }
}

fn list(keys: &[ApiKey]) -> String {
    if keys.is_empty() {
        return "no key yet\n  next: broadside key create".to_owned();
    }
    let time = |at: Option<jiff::Timestamp>, none: &str| at.map_or_else(|| none.to_owned(), |at| format!("{at:.0}"));
    let row = |key: &ApiKey| {
        vec![
            key.name.clone(),
            key.prefix.clone(),
            time(key.last_used_at, "never"),
            time(key.revoked_at, "active"),
            key.id.to_string(),
        ]
    };
    table(
        &["NAME", "PREFIX", "LAST USED", "REVOKED", "ID"],
        &keys.iter().map(row).collect::<Vec<_>>(),
    )
}
