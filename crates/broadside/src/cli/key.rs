//! `broadside key`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use domain::account::ApiKey;
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
        /// Accepts a key from elsewhere, read from standard input, so that clients need not be changed
        #[arg(long)]
        import: bool,
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
                let import = if import {
                    Some(Hush(super::account::read_line("the key")?))
                } else {
                    None
                };
                if let Reply::NewKey { key, text, user } = door.ask(Request::KeyCreate { user, name, import }).await? {
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
