//! `broadside config`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use media::AddressPolicy;
use serde_json::json;

use super::Context;
use crate::config::{Config as Settings, DEFAULTS};

/// Checks and shows settings.
#[derive(Debug, Subcommand)]
pub(super) enum Config {
    /// Says whether the settings can be used
    Check,
    /// Shows the settings that hold, from wherever they come; secrets are not shown
    Show {
        /// Shows the defaults with their explanations, as a start for a file
        #[arg(long)]
        defaults: bool,
    },
}

impl Config {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        if let Self::Show { defaults: true } = self {
            context.out.line(DEFAULTS.trim_end());
            return Ok(ExitCode::SUCCESS);
        }
        let settings = Settings::load(&context.flags())?;
        check(&settings)?;
        match self {
            Self::Check => context
                .out
                .show(&json!({ "ok": true }), || "the settings are fine".to_owned()),
            Self::Show { .. } => {
                let text = toml::to_string_pretty(&settings).context("the settings")?;
                context.out.show(&settings, || text.trim_end().to_owned());
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What loading does not look at: lists of addresses, files with secrets, the log level.
pub(super) fn check(settings: &Settings) -> anyhow::Result<()> {
    AddressPolicy::public_only()
        .trusting_origins(&settings.media.allow)
        .context("media.allow")?;
    AddressPolicy::public_only()
        .trusting_hosts(&settings.webhooks.allow)
        .context("webhooks.allow")?;
    if settings.media.s3.is_some() {
        crate::wiring::media_store(settings)?;
    }
    for (platform, set) in &settings.platforms {
        if let Some(path) = &set.client_secret_file {
            crate::wiring::read_secret(path).with_context(|| format!("platforms.{platform}.client_secret_file"))?;
        }
    }
    crate::logging::filter(&settings.log.level).map(|_| ())
}
