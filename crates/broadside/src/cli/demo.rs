//! `broadside demo`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use store::sqlite::DATABASE_FILE;

use super::Context;
use super::output::Tone;
use crate::admin::Refusal;
use crate::config::{Config, Flags};
use crate::demo::{JOURNAL_FILE, Show, Stage};
use crate::fixtures;
use crate::wiring::{Foundations, Opened, signal};

/// Shows everything at work on emulated platforms: no account, no configuration, nothing leaves this machine.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Writes addresses and keys to a file, which appears whole as soon as the server answers
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// Posts to every account, the misbehaving ones too, and ends: 0 when all end as they should
    #[arg(long)]
    once: bool,
}

/// A directory that goes with its value.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> anyhow::Result<Self> {
        use std::os::unix::fs::DirBuilderExt;
        let number = crate::wiring::random_number()?;
        let path = std::env::temp_dir().join(format!("broadside-demo-{number:016x}"));
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays lies in the folder for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Demo {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let scratch = if context.global.data.is_none() {
            Some(Scratch::new()?)
        } else {
            None
        };
        let config = self.config(context, scratch.as_ref().map(|scratch| scratch.0.as_path()))?;
        crate::logging::init(&config.log)?;
        let dir = config.data.dir.clone();
        // It would publish what waits there, to its own sandbox and with its own accounts.
        if dir.join(DATABASE_FILE).exists() && !dir.join(JOURNAL_FILE).exists() {
            let refusal = Refusal::new("not_a_demo", format!("{} holds data that no demo made", dir.display()));
            return Err(refusal
                .next("give the demo another --data, or none for a temporary one")
                .into());
        }
        let foundations = match Foundations::open(&config, &context.clock).await? {
            Opened::Site(foundations) => foundations,
            Opened::HeldBy(holder) => {
                let refusal = Refusal::new("in_use", format!("{} is in use by {holder}", dir.display()));
                return Err(refusal
                    .next("give the demo another --data, or none for a temporary one")
                    .into());
            }
        };
        let stage = Stage::set(config, foundations, &context.clock).await?;
        let fixtures = fixtures::listen(&dir, &stage.server.site, &stage.sandbox, stage.server.stop_token())?;
        if let Some(path) = &self.ready_file {
            crate::demo::write_whole(path, &stage.ready().await?)?;
        }
        if !context.out.is_json() {
            introduce(context, &stage, &dir);
        }
        let met = tokio::select! {
            met = perform(context, &stage, self.once) => met?,
            name = signal() => {
                tracing::info!(signal = name?, "ending");
                stage.server.shut_down().await;
                return Ok(ExitCode::SUCCESS);
            }
        };
        if self.once {
            stage.server.shut_down().await;
        } else {
            context.out.note("\nServing until Ctrl-C.");
            stage.server.until_told().await?;
        }
        fixtures.abort();
        Ok(if met { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// The defaults with what the environment and flags say; files are not looked for.
    fn config(&self, context: &Context, scratch: Option<&Path>) -> anyhow::Result<Config> {
        let data = context.global.data.clone().or_else(|| scratch.map(Path::to_owned));
        let mut config = Config::load(&Flags {
            data,
            listen: self.listen,
            ..context.flags()
        })?;
        if std::env::var_os("BROADSIDE_LOG__LEVEL").is_none() {
            config.log.level = "error".to_owned();
        }
        Ok(config)
    }
}

async fn perform(context: &Context, stage: &Stage, all: bool) -> anyhow::Result<bool> {
    Show::new(stage, context.out)?.perform(all).await
}

fn introduce(context: &Context, stage: &Stage, dir: &Path) {
    let out = context.out;
    let base = stage.server.public_url.as_str().trim_end_matches('/');
    out.line(&format!(
        "Broadside demo: a server, and {} accounts on emulated platforms",
        stage.accounts.len()
    ));
    out.line(&format!(
        "  API        {base}/api/v1   (x-api-key: {})",
        stage.key.expose()
    ));
    out.line(&format!("  platforms  {}", stage.sandbox.base_url()));
    out.line(&format!("  connect    {}", stage.connect_url.expose()));
    out.line(&format!("  data       {}", dir.display()));
    // Whole, so that it can be copied as it stands.
    let key = stage.key.expose();
    let attempt = format!("  try        curl -H 'x-api-key: {key}' {base}/api/v1/platform-connections");
    out.line(&out.toned(Tone::Faint, &attempt));
    out.line("");
}
