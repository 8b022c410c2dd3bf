//! The programs: what each needs, and what it is known to print.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;

use crate::packages::{self, Home};
use crate::product::Demo;

/// How long a program may take: its posts wait for emulated platforms.
const DONE_WITHIN: Duration = Duration::from_secs(120);

/// Accounts of the demonstration that take whatever is posted, as the API names them.
const GOOD: &str = "mastodon-109000000000000001 bluesky-did:plc:demoadaaaaaaaaaaaaaaaaaa";
/// One that refuses every text, and one whose token has ended.
const BAD: &str = "telegram--1001000000003 twitter-1000000000000000003";

/// A program in another language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Program {
    Curl,
    Fetch,
    Axios,
    Python,
}

/// A program that can be run here.
#[derive(Debug)]
pub(super) struct Installed {
    pub(super) program: Program,
    interpreter: PathBuf,
    script: PathBuf,
}

impl Program {
    pub(super) const ALL: [Self; 4] = [Self::Curl, Self::Fetch, Self::Axios, Self::Python];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Curl => "the script with cURL",
            Self::Fetch => "the program in JavaScript with fetch",
            Self::Axios => "the program in JavaScript with axios",
            Self::Python => "the program in Python with requests",
        }
    }

    /// Whether something must be installed for it.
    pub(super) const fn needs_packages(self) -> bool {
        matches!(self, Self::Axios | Self::Python)
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Curl => "curl",
            Self::Fetch => "fetch",
            Self::Axios => "axios",
            Self::Python => "python",
        }
    }

    /// Where it is written down what it is known to print.
    pub(super) fn recording(self) -> PathBuf {
        let name = format!("crates/xtask/src/seed_clients/expected/{}.txt", self.word());
        crate::repository().join(name)
    }

    /// Installs what it needs, unless that is there already.
    pub(super) async fn install(self, home: &Home) -> anyhow::Result<Installed> {
        let (interpreter, script) = match self {
            Self::Curl => {
                packages::program("curl").await?;
                (
                    "sh".into(),
                    home.script("client.sh", include_str!("programs/client.sh"))?,
                )
            }
            Self::Fetch => {
                home.script("scenes.mjs", include_str!("programs/scenes.mjs"))?;
                let node = packages::program("node").await?;
                (node, home.script("fetch.mjs", include_str!("programs/fetch.mjs"))?)
            }
            Self::Axios => {
                home.script("scenes.mjs", include_str!("programs/scenes.mjs"))?;
                let node = home.node("axios", "1").await?;
                (node, home.script("axios.mjs", include_str!("programs/axios.mjs"))?)
            }
            Self::Python => (
                home.python("requests", "requests>=2,<3").await?,
                home.script("client.py", include_str!("programs/client.py"))?,
            ),
        };
        Ok(Installed {
            program: self,
            interpreter,
            script,
        })
    }
}

impl Installed {
    /// Sends the program against a demonstration; gives what it printed.
    pub(super) async fn run(&self, demo: &Demo, limited_key: &str) -> anyhow::Result<String> {
        let mut command = packages::client(&self.interpreter);
        command
            .arg(&self.script)
            .env("BASE", format!("{}/api/v1", demo.base_url()))
            .env("KEY", demo.key())
            .env("LIMITED_KEY", limited_key)
            .env("GOOD", GOOD)
            .env("BAD", BAD);
        let output = packages::end_of(command, DONE_WITHIN).await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "it ended with {}:\n{said}", output.status);
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
