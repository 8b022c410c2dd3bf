//! Packages of other languages, installed from their registries into a folder, for clients that are not written in Rust.
//!
//! Where something cannot be had the error says so in a line, and the caller skips what needs it.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};
use tokio::process::Command;

use crate::product::ScratchFolder;

/// An installation may take minutes where the registry is slow.
const INSTALLED_WITHIN: Duration = Duration::from_secs(420);

/// Where packages are installed: a folder that is kept for the next time, or one that goes with this value.
#[derive(Debug)]
pub(crate) struct Home {
    folder: PathBuf,
    _scratch: Option<ScratchFolder>,
}

impl Home {
    /// The folder that is to be kept, which is made when it is not there, or a scratch folder.
    ///
    /// # Errors
    /// When a folder cannot be made.
    pub(crate) fn open(kept: Option<&Path>, label: &str) -> anyhow::Result<Self> {
        let Some(kept) = kept else {
            let scratch = ScratchFolder::new(label)?;
            return Ok(Self {
                folder: scratch.path().to_owned(),
                _scratch: Some(scratch),
            });
        };
        std::fs::create_dir_all(kept).with_context(|| format!("cannot make {}", kept.display()))?;
        Ok(Self {
            folder: std::path::absolute(kept)?,
            _scratch: None,
        })
    }

    /// Puts a script beside the packages, which it then finds.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn script(&self, name: &str, text: impl AsRef<[u8]>) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(name);
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }

    /// Node, with this package of npm unless it is there already; `wanted` is the range of versions.
    ///
    /// # Errors
    /// Why it cannot be had here.
    pub(crate) async fn node(&self, package: &str, wanted: &str) -> anyhow::Result<PathBuf> {
        if !self.folder.join("node_modules").join(package).is_dir() {
            let mut npm = Command::new("npm");
            npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts"])
                .args(["--loglevel=error", "--prefix"])
                .arg(&self.folder)
                .arg(format!("{package}@{wanted}"));
            succeed(&mut npm, "npm").await?;
        }
        program("node").await
    }

    /// The Python of a virtual environment in which `module` can be imported; `wanted` is what pip installs for it.
    ///
    /// # Errors
    /// Why it cannot be had here.
    pub(crate) async fn python(&self, module: &str, wanted: &str) -> anyhow::Result<PathBuf> {
        let venv = self.folder.join("venv");
        let python = venv.join("bin/python");
        let import = ["-c".to_owned(), format!("import {module}")];
        if succeed(Command::new(&python).args(&import), "python").await.is_err() {
            let mut make = Command::new("python3");
            succeed(make.args(["-m", "venv"]).arg(&venv), "python3 -m venv").await?;
            let mut pip = Command::new(venv.join("bin/pip"));
            succeed(pip.args(["install", "--quiet", wanted]), "pip").await?;
        }
        Ok(python)
    }
}

/// A program of this machine, which tells its version.
///
/// # Errors
/// When it cannot be started.
pub(crate) async fn program(name: &str) -> anyhow::Result<PathBuf> {
    succeed(Command::new(name).arg("--version"), name).await?;
    Ok(PathBuf::from(name))
}

/// A client's command, without the operator's own settings, which must not leak into what is under test.
pub(crate) fn client(program: &Path) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BROADSIDE_")) {
        command.env_remove(name);
    }
    command
}

/// What a client's command said in the end, whatever it came to.
///
/// # Errors
/// When it cannot be started, or is not done within `within`.
pub(crate) async fn end_of(mut command: Command, within: Duration) -> anyhow::Result<Output> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    tokio::time::timeout(within, command.output())
        .await
        .context("the client did not end in time")?
        .context("the client cannot be started")
}

/// Runs a command of an installation to its end.
async fn succeed(command: &mut Command, name: &str) -> anyhow::Result<()> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(INSTALLED_WITHIN, command.output())
        .await
        .with_context(|| format!("{name} did not end in time"))?
        .with_context(|| format!("{name} cannot be started"))?;
    ensure!(output.status.success(), "{name}: {}", last_line(&output.stderr));
    Ok(())
}

fn last_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.trim_end().lines().next_back().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_had_says_why() {
        let error = program("no-such-program-anywhere").await.unwrap_err();
        assert!(format!("{error:#}").starts_with("no-such-program-anywhere cannot be started"));
        let mut failing = Command::new("sh");
        let error = succeed(failing.args(["-c", "echo one >&2; echo two >&2; exit 3"]), "sh").await;
        assert_eq!(error.unwrap_err().to_string(), "sh: two");
    }

    #[test]
    fn a_scratch_home_goes_and_a_kept_one_stays() {
        let scratch = Home::open(None, "broadside-home-test").unwrap();
        let kept = scratch.folder.join("kept");
        let home = Home::open(Some(&kept), "unused").unwrap();
        let script = home.script("a.py", "print()").unwrap();
        drop(home);
        assert!(script.is_file());
        drop(scratch);
        assert!(!script.exists());
    }
}
