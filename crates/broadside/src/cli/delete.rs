//! `broadside delete`.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::Context;
use crate::admin::{Reply, Request, unexpected};

/// Deletes a group here, so that what is planned is not sent. What is published stays: retract takes it down.
#[derive(Debug, Args)]
pub(super) struct Delete {
    /// The id of a group
    id: String,
    /// Whose [default: the only user]
    #[arg(long)]
    user: Option<String>,
}

impl Delete {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let request = Request::Delete {
            user: self.user,
            id: self.id,
        };
        let Reply::Group(group) = context.door().await?.ask(request).await? else {
            return Err(unexpected());
        };
        let live: Vec<_> = group.posts.iter().filter(|post| post.status == "published").collect();
        context
            .out
            .show(&json!({ "deleted": group.id, "published": live }), || {
                let mut told = format!("deleted {}", group.id);
                for post in &live {
                    let at = post.url.as_deref().unwrap_or(&post.account);
                    told.push_str(&format!("\n  stays published: {} {at}", post.platform));
                }
                told
            });
        Ok(ExitCode::SUCCESS)
    }
}
