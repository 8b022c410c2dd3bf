//! `broadside completions`.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Prints a completion script for a shell.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    #[expect(clippy::unnecessary_wraps, reason = "subcommands have one form")]
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        clap_complete::generate(
            self.shell,
            &mut super::Cli::command(),
            "broadside",
            &mut std::io::stdout(),
        );
        Ok(ExitCode::SUCCESS)
    }
}
