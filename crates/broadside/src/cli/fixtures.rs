//! `broadside fixtures`, for tests.

use std::process::ExitCode;

use clap::Args;

use super::Context;
use crate::fixtures::{FixtureError, NAMES, prepare_at};

/// There is no such state.
const EXIT_UNKNOWN: u8 = 2;

/// Prepares states for conformance tests: one fresh owner a call.
#[derive(Debug, Args)]
pub(super) struct Fixtures {
    /// Makes one fresh owner in this state and prints what a test needs to know
    #[arg(long, value_name = "NAME", required_unless_present = "list", conflicts_with = "list")]
    prepare: Option<String>,
    /// Where the state's webhook points, for states that have one
    #[arg(long, value_name = "URL", requires = "prepare")]
    receiver: Option<String>,
    /// Prints the names of the states
    #[arg(long)]
    list: bool,
}

impl Fixtures {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let Some(name) = self.prepare else {
            context.out.show(NAMES, || NAMES.join("\n"));
            return Ok(ExitCode::SUCCESS);
        };
        match prepare_at(&context.config()?, &context.clock, &name, self.receiver).await {
            Ok(variables) => context.out.json_line(&variables),
            Err(error) => {
                eprintln!("{error}");
                let code = if matches!(error, FixtureError::Unknown(_)) {
                    EXIT_UNKNOWN.into()
                } else {
                    ExitCode::FAILURE
                };
                return Ok(code);
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}
