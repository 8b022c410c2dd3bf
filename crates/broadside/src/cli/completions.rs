//! `broadside completions`.

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, CommandFactory};
use clap_complete::Shell;

/// Prints a completion script for a shell.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        // The generator panics where nobody reads to the end.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut super::Cli::command(), "broadside", &mut script);
        match std::io::stdout().write_all(&script) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("the script cannot be written"),
            _ => Ok(ExitCode::SUCCESS),
        }
    }
}
