//! `broadside user`.

use std::process::ExitCode;

use clap::{ArgAction, Args, Subcommand};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Context;
use super::output::table;
use crate::admin::protocol::{PlanChange, UserView};
use crate::admin::{Reply, Request};

/// Adds, lists and removes users, and says what they may do.
#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Adds a user
    Add {
        /// A unique name, such as an e-mail address
        name: String,
        /// The word of its plan, instead of that of new users
        #[arg(long, value_name = "WORD")]
        plan: Option<String>,
    },
    /// Makes a user's consent to be managed by another user: a secret that works once
    Consent {
        /// The name of the user who is to be managed
        name: String,
        /// How long it works, such as 15m or 2h; at most seven days
        #[arg(long, value_name = "TIME", value_parser = super::account::life, default_value = "15m")]
        expires_in: SignedDuration,
    },
    /// Lists users
    List,
    /// Shows what a user may do, or changes it
    Plan(Plan),
    /// Removes a user with all accounts; what was published stays published
    Remove {
        /// The user's name
        name: String,
    },
}

/// Shows or changes a plan.
#[derive(Debug, Args)]
pub(super) struct Plan {
    /// The user's name
    name: String,
    /// Gives the plan of this word: "self-hosted", or a table [plans.WORD] of the configuration
    #[arg(long, value_name = "WORD")]
    give: Option<String>,
    /// Calls the plan so
    #[arg(long, value_name = "NAME")]
    plan: Option<String>,
    /// Whether the user's API keys are accepted
    #[arg(long, value_name = "BOOL", action = ArgAction::Set)]
    api: Option<bool>,
    /// Whether calls that say they come from an MCP server are accepted
    #[arg(long, value_name = "BOOL", action = ArgAction::Set)]
    mcp: Option<bool>,
    /// Whether the user may act for users that it manages
    #[arg(long, value_name = "BOOL", action = ArgAction::Set)]
    workspaces: Option<bool>,
}

impl Plan {
    fn request(self) -> Request {
        Request::UserPlan {
            name: self.name,
            change: PlanChange {
                give: self.give,
                name: self.plan,
                api_access: self.api,
                mcp_access: self.mcp,
                workspaces: self.workspaces,
            },
        }
    }
}

impl User {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let door = context.door().await?;
        let out = context.out;
        match self {
            Self::Add { name, plan } => {
                if let Reply::User(user) = door.ask(Request::UserAdd { name, plan }).await? {
                    out.show(&user, || {
                        format!("added {}\n  next: broadside key create --user {}", user.name, user.name)
                    });
                }
            }
            Self::Consent { name, expires_in } => {
                let request = Request::UserConsent {
                    name: name.clone(),
                    expires_in: Some(expires_in),
                };
                if let Reply::Consent { text, expires_at } = door.ask(request).await? {
                    let shown = json!({ "user": name, "consent": text, "expires_at": expires_at });
                    out.show(&shown, || consent(&name, text.0.expose(), expires_at));
                }
            }
            Self::List => {
                if let Reply::Users(users) = door.ask(Request::UserList).await? {
                    out.show(&users, || list(&users));
                }
            }
            Self::Plan(plan) => {
                if let Reply::User(user) = door.ask(plan.request()).await? {
                    out.show(&user, || {
                        let mut text = list(std::slice::from_ref(&user));
                        user.limits
                            .iter()
                            .for_each(|limit| text.push_str(&format!("\n  {limit}")));
                        text
                    });
                }
            }
            Self::Remove { name } => {
                door.ask(Request::UserRemove { name: name.clone() }).await?;
                out.show(&json!({ "removed": name }), || format!("removed {name}"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(users: &[UserView]) -> String {
    if users.is_empty() {
        return "no user yet\n  next: broadside key create".to_owned();
    }
    let rows: Vec<_> = users
        .iter()
        .map(|user| {
            vec![
                user.name.clone(),
                user.plan.clone(),
                word(user.api_access),
                word(user.mcp_access),
                word(user.workspaces),
                user.managed_by.clone().unwrap_or_default(),
                format!("{:.0}", user.created_at),
                user.id.to_string(),
            ]
        })
        .collect();
    let head = ["NAME", "PLAN", "API", "MCP", "WORKSPACES", "MANAGED BY", "SINCE", "ID"];
    table(&head, &rows)
}

fn consent(name: &str, text: &str, expires_at: Timestamp) -> String {
    format!(
        "{text}\n  whoever has this may once, until {expires_at:.0}, have {name} managed: it is the attachToken of \
         POST /workspace/users/attach"
    )
}

fn word(is_granted: bool) -> String {
    if is_granted { "yes" } else { "no" }.to_owned()
}
