//! `broadside resolve`.

use std::process::ExitCode;

use clap::{ArgGroup, Args};

use super::Context;
use super::post::follow;
use crate::admin::{Reply, Request, unexpected};

/// Says what became of a post whose outcome nobody knows. Look at the account first.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("verdict").required(true).args(["published", "send_again"])))]
pub(super) struct Resolve {
    /// The id of the post
    id: String,
    /// It is live at this address
    #[arg(long, value_name = "URL")]
    published: Option<String>,
    /// It is not there, or a second copy does not matter: send it again
    #[arg(long)]
    send_again: bool,
    /// Whose [default: the only user]
    #[arg(long)]
    user: Option<String>,
}

impl Resolve {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let door = context.door().await?;
        let request = Request::Resolve {
            user: self.user.clone(),
            id: self.id,
            published: self.published,
        };
        let Reply::Group(group) = door.ask(request).await? else {
            return Err(unexpected());
        };
        door.publishing(follow(context, &door, self.user, group)).await
    }
}
