//! `broadside user`.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::Context;
use super::output::table;
use crate::admin::protocol::UserView;
use crate::admin::{Reply, Request};

/// Adds, lists and removes users.
#[derive(Debug, Subcommand)]
pub(super) enum User {
    /// Adds a user
    Add {
        /// A unique name, such as an e-mail address
        name: String,
    },
    /// Lists users
    List,
    /// Removes a user with all accounts; what was published stays published
    Remove {
        /// The user's name
        name: String,
    },
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
                format!("{:.0}", user.created_at),
                user.id.to_string(),
            ]
        })
        .collect();
    table(&["NAME", "PLAN", "SINCE", "ID"], &rows)
}
