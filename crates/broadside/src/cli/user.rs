//! `broadside user`.

use std::process::ExitCode;

use clap::{ArgAction, Args, Subcommand};
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
            Self::Add { name } => {
                if let Reply::User(user) = door.ask(Request::UserAdd { name }).await? {
                    out.show(&user, || {
                        format!("added {}\n  next: broadside key create --user {}", user.name, user.name)
                    });
                }
            }
            Self::List => {
                if let Reply::Users(users) = door.ask(Request::UserList).await? {
                    out.show(&users, || list(&users));
                }
            }
            Self::Plan(plan) => {
                if let Reply::User(user) = door.ask(plan.request()).await? {
                    out.show(&user, || list(std::slice::from_ref(&user)));
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
                format!("{:.0}", user.created_at),
                user.id.to_string(),
            ]
        })
        .collect();
    table(&["NAME", "PLAN", "API", "MCP", "WORKSPACES", "SINCE", "ID"], &rows)
}

fn word(is_granted: bool) -> String {
    if is_granted { "yes" } else { "no" }.to_owned()
}
