//! `broadside retract`.

use std::process::ExitCode;

use clap::Args;

use super::Context;
use super::posts::show;
use crate::admin::{Reply, Request, unexpected};

/// Takes published posts down from their platforms. Nothing else does: a deleted group stays published.
#[derive(Debug, Args)]
pub(super) struct Retract {
    /// The id of a post, or of a group whose published posts are all taken down
    id: String,
    /// Whose [default: the only user]
    #[arg(long)]
    user: Option<String>,
}

impl Retract {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let door = context.door().await?;
        let request = Request::Retract {
            user: self.user,
            id: self.id,
        };
        let Reply::Group(group) = door.ask(request).await? else {
            return Err(unexpected());
        };
        context.out.show(&group, || show(context.out, &group));
        Ok(ExitCode::SUCCESS)
    }
}
