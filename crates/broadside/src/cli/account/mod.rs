//! `broadside account`.

mod add;
mod show;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use domain::platform::Platform;
use jiff::{SignedDuration, Span, SpanRelativeTo};
use serde_json::json;

use self::add::Add;
pub(super) use self::add::{platform, read_line};
use super::Context;
use super::logs;
use crate::admin::view::{AccountView, LinkView};
use crate::admin::{Reply, Request, unexpected};

/// Connects, checks, lists and disconnects social accounts.
#[derive(Debug, Subcommand)]
pub(super) enum Account {
    /// Makes a page on which accounts are connected with a browser, and prints its address
    Connect(Connect),
    /// Connects an account with credentials in hand, or connects it again; the platform is asked whose it is
    Add(Box<Add>),
    /// Lists connected accounts and how they are doing
    List {
        /// Whose accounts [default: everybody's]
        #[arg(long)]
        user: Option<String>,
    },
    /// Asks the platforms now whether accounts work, and renews their tokens where needed
    Check {
        /// platform:name, or the account's id [default: all accounts]
        account: Option<String>,
        /// Whose accounts [default: everybody's, or the only user's when an account is named]
        #[arg(long)]
        user: Option<String>,
    },
    /// Makes a page on which an account is connected again, and prints its address
    Reconnect {
        /// platform:name, or the account's id
        account: String,
        /// Whose account [default: the only user]
        #[arg(long)]
        user: Option<String>,
        /// How long the page works, at most 366d
        #[arg(long, value_name = "TIME", value_parser = life, default_value = "1d")]
        expires_in: SignedDuration,
    },
    /// Shows what happened to connections: made, failed, renewed, ended
    Log {
        /// platform:name, or the account's id [default: all accounts]
        account: Option<String>,
        /// Whose accounts [default: the only user]
        #[arg(long)]
        user: Option<String>,
        /// Of one platform alone
        #[arg(long, value_parser = platform)]
        platform: Option<Platform>,
        /// How many entries, at most 100
        #[arg(long, default_value_t = 50)]
        limit: u32,
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

/// Makes a page.
#[derive(Debug, Args)]
pub(super) struct Connect {
    /// The platforms that the page offers [default: all that are ready]
    #[arg(value_parser = platform, value_name = "PLATFORM")]
    platforms: Vec<Platform>,
    /// Whose accounts it connects [default: the only user]
    #[arg(long)]
    user: Option<String>,
    /// How long the page works, such as 30m, 12h or 7d; at most 366d
    #[arg(long, value_name = "TIME", value_parser = life, default_value = "1d")]
    expires_in: SignedDuration,
    /// Where the browser goes when an account is connected [default: it stays on the page]
    #[arg(long, value_name = "URL")]
    return_to: Option<String>,
}

/// A span of time, days too.
pub(super) fn life(text: &str) -> Result<SignedDuration, String> {
    let span: Span = text.parse().map_err(|error| format!("{error}"))?;
    let life = span.to_duration(SpanRelativeTo::days_are_24_hours());
    let life = life.map_err(|error| format!("{error}"))?;
    if life.is_positive() {
        Ok(life)
    } else {
        Err("it must be longer than nothing".to_owned())
    }
}

impl Account {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let out = context.out;
        match self {
            Self::Add(add) => connect_by_credentials(context, *add).await?,
            Self::Connect(connect) => {
                let request = Request::AccountConnect {
                    user: connect.user,
                    platforms: connect.platforms,
                    account: None,
                    return_to: connect.return_to,
                    expires_in: Some(connect.expires_in),
                };
                make_page(context, request).await?;
            }
            Self::Reconnect {
                account,
                user,
                expires_in,
            } => {
                let request = Request::AccountConnect {
                    user,
                    platforms: Vec::new(),
                    account: Some(account),
                    return_to: None,
                    expires_in: Some(expires_in),
                };
                make_page(context, request).await?;
            }
            Self::List { user } => {
                if let Reply::Accounts(accounts) = context.door().await?.ask(Request::AccountList { user }).await? {
                    let now = context.clock.now();
                    out.show(&accounts, || show::list(out, &accounts, now));
                }
            }
            Self::Check { account, user } => return check(context, account, user).await,
            Self::Log {
                account,
                user,
                platform,
                limit,
            } => {
                let request = Request::AccountLog {
                    user,
                    account,
                    platform,
                    limit,
                };
                let Reply::Logs(mut records) = context.door().await?.ask(request).await? else {
                    return Err(unexpected());
                };
                // They come newest first; people read downwards.
                records.reverse();
                logs::print(out, &records);
            }
            Self::Remove { account, user } => {
                let request = Request::AccountRemove {
                    user,
                    account: account.clone(),
                };
                context.door().await?.ask(request).await?;
                out.show(&json!({ "removed": account }), || format!("disconnected {account}"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn connect_by_credentials(context: &Context, add: Add) -> anyhow::Result<()> {
    let Reply::Account(account) = context.door().await?.ask(add.request()?).await? else {
        return Err(unexpected());
    };
    context.out.show(&account, || {
        let (platform, name) = (account.platform, &account.identity.username);
        let missing = account.missing.iter();
        let missing: String = missing
            .map(|missing| format!("\n  missing: {}", missing.words))
            .collect();
        format!("connected {platform}:{name}{missing}\n  next: broadside post --to {platform}:{name} \"Hello\"")
    });
    Ok(())
}

/// Asks about one account after another, so that each answer is shown as it comes. Ends with 1 when an account does not
/// work, or could not be asked about.
async fn check(context: &Context, account: Option<String>, user: Option<String>) -> anyhow::Result<ExitCode> {
    let door = context.door().await?;
    let wanted: Vec<(Option<String>, String)> = match account {
        Some(account) => vec![(user, account)],
        None => {
            let Reply::Accounts(accounts) = door.ask(Request::AccountList { user }).await? else {
                return Err(unexpected());
            };
            let each = |view: AccountView| (Some(view.user), view.report.account.id.to_string());
            accounts.into_iter().map(each).collect()
        }
    };
    if wanted.is_empty() {
        context.out.note("no account yet\n  next: broadside account connect");
    }
    let mut is_well = true;
    for (user, account) in wanted {
        let Reply::Check(check) = door.ask(Request::AccountCheck { user, account }).await? else {
            return Err(unexpected());
        };
        let now = context.clock.now();
        context.out.show(&check, || show::check(context.out, &check, now));
        is_well &= check.problem.is_none() && show::works(&check.account, now);
    }
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn make_page(context: &Context, request: Request) -> anyhow::Result<()> {
    let Reply::Link(link) = context.door().await?.ask(request).await? else {
        return Err(unexpected());
    };
    let url = address(context, &link)?;
    let shown = json!({
        "url": url,
        "user": link.user,
        "platforms": link.platforms,
        "expires_at": link.expires_at,
        "serving": link.serving,
    });
    context.out.show(&shown, || {
        let until = link.expires_at.strftime("%Y-%m-%d %H:%M UTC");
        let next = if link.serving {
            "open it in a browser; whoever has it can connect and disconnect accounts"
        } else {
            "broadside serve, then open it in a browser"
        };
        format!("{url}\n  for {}, until {until}\n  next: {next}", link.user)
    });
    Ok(())
}

/// A server knows its own address; without one the settings say where it will be.
fn address(context: &Context, link: &LinkView) -> anyhow::Result<String> {
    let told = link.url.0.expose();
    if !told.starts_with('/') {
        return Ok(told.to_owned());
    }
    let listen = context.config().context("the settings")?.server.listen;
    Ok(format!("http://{listen}{told}"))
}
