//! `broadside retry`.

use std::process::ExitCode;

use clap::Args;

use super::Context;
use super::post::follow;
use crate::admin::{Reply, Request, unexpected};

/// Tries a failed post again; one whose outcome is unknown is looked for first and never sent blindly.
#[derive(Debug, Args)]
pub(super) struct Retry {
    /// The id of a post, or of a group whose failed posts are all tried again
    id: String,
    /// Whose [default: the only user]
    #[arg(long)]
    user: Option<String>,
}

impl Retry {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let door = context.door().await?;
        let request = Request::Retry {
            user: self.user.clone(),
            id: self.id,
        };
        let Reply::Group(group) = door.ask(request).await? else {
            return Err(unexpected());
        };
        door.publishing(follow(context, &door, self.user, group)).await
    }
}
