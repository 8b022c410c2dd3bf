//! Logs on standard error: text for people, JSON for machines.

use std::io::{IsTerminal, Stderr};

use anyhow::Context;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::Layer;
use tracing_subscriber::fmt::format::{DefaultFields, Format};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::{Log, LogFormat};

/// What is logged: a level, and others for parts of the program. By target alone: a filter that knows spans takes a lock
/// whenever one is entered.
///
/// # Errors
/// When a level is none.
pub(crate) fn filter(level: &str) -> anyhow::Result<Targets> {
    level.parse().with_context(|| format!("log.level '{level}'"))
}

/// Sends the events of this process to standard error from now on.
///
/// # Errors
/// When the level cannot be understood.
pub(crate) fn init(log: &Log) -> anyhow::Result<()> {
    let filtered = tracing_subscriber::registry().with(filter(&log.level)?);
    let lines: Layer<_, DefaultFields, Format, fn() -> Stderr> =
        tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    // A second initialisation in one process, as tests make it, changes nothing.
    let _ = match log.format {
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true);
            let lines = lines.with_current_span(true).with_span_list(false);
            filtered.with(lines).try_init()
        }
        LogFormat::Text => filtered
            .with(lines.with_ansi(std::io::stderr().is_terminal()))
            .try_init(),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn a_level_is_for_everything_and_directives_are_for_parts() {
        let plain = filter("info").unwrap();
        assert!(plain.would_enable("engine", &Level::INFO) && !plain.would_enable("engine", &Level::DEBUG));
        let parts = filter("warn,engine=debug").unwrap();
        assert!(parts.would_enable("engine::publisher", &Level::DEBUG));
        assert!(!parts.would_enable("api", &Level::INFO));
    }

    #[test]
    fn what_is_no_level_is_refused_by_its_setting() {
        let refused = format!("{:#}", filter("engine=loud").unwrap_err());
        assert!(refused.starts_with("log.level 'engine=loud'"), "{refused}");
    }
}
