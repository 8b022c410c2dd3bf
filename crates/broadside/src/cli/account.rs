//! `broadside account`.

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use domain::account::{Account as Connected, AccountHealth};
use domain::platform::Platform;
use domain::secret::SecretText;
use serde_json::json;

use super::Context;
use super::output::{Output, Tone, table};
use crate::admin::protocol::Hush;
use crate::admin::{Reply, Request};
use crate::wiring::read_secret;

/// The variables that secrets may come in, so that they never stand in a list of processes.
const TOKEN_VARIABLE: &str = "BROADSIDE_ACCOUNT_TOKEN";
const PASSWORD_VARIABLE: &str = "BROADSIDE_ACCOUNT_PASSWORD";
const REFRESH_VARIABLE: &str = "BROADSIDE_ACCOUNT_REFRESH_TOKEN";

/// A line with a secret has at most this many bytes.
const SECRET_BYTES_MAX: usize = 16 * 1_024;

/// Connects, lists and disconnects social accounts.
#[derive(Debug, Subcommand)]
pub(super) enum Account {
    /// Connects an account, or connects it again; the platform is asked whose it is
    Add(Box<Add>),
    /// Lists connected accounts
    List {
        /// Whose accounts [default: the only user]
        #[arg(long)]
        user: Option<String>,
    },
    /// Disconnects an account and cancels what was not sent
    Remove {
        /// platform:name, or the account's id
        account: String,
        /// Whose account [default: the only user]
        #[arg(long)]
        user: Option<String>,
    },
}

/// Connects an account.
#[derive(Debug, Args)]
#[command(
    after_help = "Secrets are read from files, standard input or the environment (BROADSIDE_ACCOUNT_TOKEN, \
BROADSIDE_ACCOUNT_REFRESH_TOKEN, BROADSIDE_ACCOUNT_PASSWORD), never from the command line.\n\n\
  mastodon   a token with the scopes write and profile, and --base-url\n\
  bluesky    --identifier with the handle, and an app password\n\
  telegram   the bot's token, and --identifier with the channel (@name or its id)\n\
  x          a user's OAuth 2 token, and its refresh token if it has one\n\
  instagram  a token of a professional account"
)]
pub(super) struct Add {
    /// Where the account is
    #[arg(long, value_parser = platform)]
    platform: Platform,
    /// Whose account it will be [default: the only user]
    #[arg(long)]
    user: Option<String>,
    /// The account's own server, for platforms that have many
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// The handle, e-mail address or chat id
    #[arg(long, visible_alias = "remote-id", value_name = "NAME", allow_hyphen_values = true)]
    identifier: Option<String>,
    /// Reads the token from a file
    #[arg(long, value_name = "FILE", conflicts_with = "token_stdin")]
    token_file: Option<PathBuf>,
    /// Reads the token from standard input
    #[arg(long)]
    token_stdin: bool,
    /// Reads the refresh token from a file
    #[arg(long, value_name = "FILE")]
    refresh_token_file: Option<PathBuf>,
    /// Reads the app password from a file
    #[arg(long, value_name = "FILE", conflicts_with = "password_stdin")]
    password_file: Option<PathBuf>,
    /// Reads the app password from standard input
    #[arg(long, conflicts_with = "token_stdin")]
    password_stdin: bool,
}

impl Account {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let out = context.out;
        match self {
            Self::Add(add) => {
                let request = add.request()?;
                if let Reply::Account(account) = context.door().await?.ask(request).await? {
                    out.show(&account, || {
                        let (platform, name) = (account.platform, &account.username);
                        format!("connected {platform}:{name}\n  next: broadside post --to {platform}:{name} \"Hello\"")
                    });
                }
            }
            Self::List { user } => {
                if let Reply::Accounts(accounts) = context.door().await?.ask(Request::AccountList { user }).await? {
                    out.show(&accounts, || list(out, &accounts));
                }
            }
            Self::Remove { account, user } => {
                context
                    .door()
                    .await?
                    .ask(Request::AccountRemove {
                        user,
                        account: account.clone(),
                    })
                    .await?;
                out.show(&json!({ "removed": account }), || format!("disconnected {account}"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Add {
    fn request(self) -> anyhow::Result<Request> {
        let token = secret(self.token_file, self.token_stdin, TOKEN_VARIABLE, "the token")?;
        let password = secret(
            self.password_file,
            self.password_stdin,
            PASSWORD_VARIABLE,
            "the app password",
        )?;
        let refresh_token = secret(self.refresh_token_file, false, REFRESH_VARIABLE, "the refresh token")?;
        ensure!(
            token.is_some() || password.is_some(),
            "no credentials: give --token-file, --token-stdin, --password-stdin or {TOKEN_VARIABLE}; \
             `broadside account add --help` tells what each platform needs"
        );
        Ok(Request::AccountAdd {
            user: self.user,
            platform: self.platform,
            base_url: self.base_url,
            token: token.map(Hush),
            refresh_token: refresh_token.map(Hush),
            identifier: self.identifier,
            password: password.map(Hush),
        })
    }
}

pub(super) fn platform(word: &str) -> Result<Platform, domain::platform::UnknownPlatform> {
    word.parse()
}

fn secret(file: Option<PathBuf>, stdin: bool, variable: &str, what: &str) -> anyhow::Result<Option<SecretText>> {
    if let Some(path) = file {
        return read_secret(&path).map(Some);
    }
    if stdin {
        return read_line(what).map(Some);
    }
    Ok(std::env::var(variable)
        .ok()
        .filter(|text| !text.is_empty())
        .map(SecretText::new))
}

/// Reads one line of standard input that is a secret.
pub(super) fn read_line(what: &str) -> anyhow::Result<SecretText> {
    use std::io::Read;
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprint!("{what}: ");
    }
    let mut line = String::new();
    stdin
        .lock()
        .take(SECRET_BYTES_MAX as u64)
        .read_line(&mut line)
        .with_context(|| format!("{what} on standard input"))?;
    let text = line.trim();
    ensure!(
        !text.is_empty(),
        "{what} was expected on standard input, and nothing came"
    );
    Ok(SecretText::new(text.to_owned()))
}

fn list(out: Output, accounts: &[Connected]) -> String {
    if accounts.is_empty() {
        return "no account yet\n  next: broadside account add --help".to_owned();
    }
    let row = |account: &Connected| {
        let health = match account.health {
            AccountHealth::Ok => out.toned(Tone::Good, "ok"),
            AccountHealth::RefreshNeeded => out.toned(Tone::Doubtful, "will be renewed"),
            AccountHealth::ReconnectNeeded => out.toned(Tone::Bad, "connect again"),
        };
        let time = |at: Option<jiff::Timestamp>| at.map_or_else(|| "-".to_owned(), |at| format!("{at:.0}"));
        vec![
            format!("{}:{}", account.platform, account.username),
            account.remote_id.clone(),
            health,
            time(account.token_expires_at),
            time(account.last_success_at),
            account.id.to_string(),
        ]
    };
    table(
        &["ACCOUNT", "REMOTE ID", "STATE", "TOKEN ENDS", "LAST POST", "ID"],
        &accounts.iter().map(row).collect::<Vec<_>>(),
    )
}
