//! `broadside migrate`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde_json::json;

use super::Context;
use crate::admin::Refusal;
use crate::wiring::{Foundations, Opened};

/// Brings the database to this version's schema, after a copy of it was made. `serve` does the same at its start.
#[derive(Debug, Args)]
pub(super) struct Migrate {}

impl Migrate {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let config = context.config()?;
        let dir = &config.data.dir;
        let before = copies(dir);
        if let Opened::HeldBy(holder) = Foundations::open(&config, &Arc::clone(&context.clock)).await? {
            let refusal = Refusal::new("in_use", format!("{} is in use by {holder}", dir.display()));
            return Err(refusal
                .next("nothing to do: that server brought the database up to date when it started")
                .into());
        }
        let made: Vec<_> = copies(dir).difference(&before).cloned().collect();
        context.out.show(&json!({ "up_to_date": true, "copies": made }), || {
            let copies = made
                .iter()
                .map(|copy| format!("\n  the database as it was before: {}", copy.display()));
            let found = if made.is_empty() {
                "nothing was pending"
            } else {
                "the pending steps were applied"
            };
            format!(
                "the database has this version's schema; {found}{}",
                copies.collect::<String>()
            )
        });
        Ok(ExitCode::SUCCESS)
    }
}

/// Copies that were made before a change of the schema.
fn copies(dir: &Path) -> BTreeSet<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.to_string_lossy().contains(".db.before-"))
        .collect()
}
