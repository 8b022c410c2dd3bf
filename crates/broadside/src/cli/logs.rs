//! `broadside logs`.

use std::process::ExitCode;

use clap::Args;
use domain::log::{LogOutcome, LogRecord};

use super::Context;
use super::output::{Output, Tone};
use crate::admin::{Reply, Request, unexpected};

/// Shows what happened, step by step.
#[derive(Debug, Args)]
pub(super) struct Logs {
    /// The id of a group or a post [default: the newest of everything]
    id: Option<String>,
    /// Whose [default: the only user]
    #[arg(long)]
    user: Option<String>,
    /// How many entries, at most 1000
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
}

impl Logs {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let is_of_all = self.id.is_none();
        let request = Request::Logs {
            user: self.user,
            id: self.id,
            limit: self.limit,
        };
        let Reply::Logs(mut records) = context.door().await?.ask(request).await? else {
            return Err(unexpected());
        };
        if is_of_all {
            // They come newest first; people read downwards.
            records.reverse();
        }
        print(context.out, &records);
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints entries, one a line.
pub(super) fn print(out: Output, records: &[LogRecord]) {
    for record in records {
        out.show(record, || line(out, record));
    }
    if records.is_empty() {
        out.note("nothing happened yet");
    }
}

fn line(out: Output, record: &LogRecord) -> String {
    let entry = &record.entry;
    let tone = match entry.outcome {
        LogOutcome::Success => Tone::Good,
        LogOutcome::Failure => Tone::Bad,
        LogOutcome::Unknown => Tone::Doubtful,
        LogOutcome::Info => Tone::Faint,
    };
    let platform = entry.platform.map_or("", domain::platform::Platform::word);
    let mut told = Vec::new();
    told.extend(entry.error.clone());
    told.extend(entry.http_status.map(|status| format!("HTTP {status}")));
    told.extend(entry.took.map(|took| format!("{} ms", took.as_millis())));
    told.extend(entry.data.iter().map(|(key, value)| match value {
        serde_json::Value::String(text) => format!("{key}={text}"),
        other => format!("{key}={other}"),
    }));
    let kind = out.toned(tone, &format!("{:<20}", entry.kind.word()));
    format!("{:.3}  {kind} {platform:<10} {}", entry.at, told.join("  "))
        .trim_end()
        .to_owned()
}
