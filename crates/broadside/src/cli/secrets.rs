//! `broadside secrets`.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::Context;
use crate::admin::{Reply, Request, unexpected};

/// Looks after the keys that tokens are sealed with.
#[derive(Debug, Subcommand)]
pub(super) enum Secrets {
    /// Makes a new master key, seals everything with it and forgets the old one; a running server goes on
    Rotate,
    /// Shows where the master key is and whether everything is sealed with it
    Status,
}

impl Secrets {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let request = match self {
            Self::Rotate => Request::SecretsRotate,
            Self::Status => Request::SecretsStatus,
        };
        let Reply::Secrets { source, keys, older } = context.door().await?.ask(request).await? else {
            return Err(unexpected());
        };
        context
            .out
            .show(&json!({ "source": source, "keys": keys, "older": older }), || {
                let state = match older {
                    0 => "everything is sealed with the newest".to_owned(),
                    n => format!("{n} values are sealed with an older one; `broadside secrets rotate` seals them anew"),
                };
                format!("master key: {source} ({keys}); {state}\n  keep a copy elsewhere: backups do not hold it")
            });
        Ok(ExitCode::SUCCESS)
    }
}
