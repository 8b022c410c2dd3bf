//! `broadside account add`: connecting with credentials in hand.

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clap::Args;
use domain::platform::Platform;
use domain::secret::SecretText;

use crate::admin::Request;
use crate::admin::protocol::Hush;
use crate::wiring::read_secret;

/// The variables that secrets may come in, so that they never stand in a list of processes.
const TOKEN_VARIABLE: &str = "BROADSIDE_ACCOUNT_TOKEN";
const PASSWORD_VARIABLE: &str = "BROADSIDE_ACCOUNT_PASSWORD";
const REFRESH_VARIABLE: &str = "BROADSIDE_ACCOUNT_REFRESH_TOKEN";

/// A line with a secret has at most this many bytes.
const SECRET_BYTES_MAX: usize = 16 * 1_024;

/// Connects an account.
#[derive(Debug, Args)]
#[command(
    after_help = "Secrets are read from files, standard input or the environment (BROADSIDE_ACCOUNT_TOKEN, \
BROADSIDE_ACCOUNT_REFRESH_TOKEN, BROADSIDE_ACCOUNT_PASSWORD), never from the command line.\n\n\
  mastodon   a token with the scopes write and profile, and --base-url\n\
  bluesky    --identifier with the handle, and an app password\n\
  telegram   the bot's token, and --identifier with the channel (@name or its id)\n\
  x          a user's OAuth 2 token, and its refresh token if it has one\n\
  instagram  a token of a professional account\n\n\
Other platforms, and people who have a browser, connect with `broadside account connect`."
)]
pub(in crate::cli) struct Add {
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

impl Add {
    pub(super) fn request(self) -> anyhow::Result<Request> {
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
            expires_at: None,
        })
    }
}

pub(in crate::cli) fn platform(word: &str) -> Result<Platform, domain::platform::UnknownPlatform> {
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
pub(in crate::cli) fn read_line(what: &str) -> anyhow::Result<SecretText> {
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
