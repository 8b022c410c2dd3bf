//! `cargo xtask uploads`: the longest film that each protocol of uploading in pieces takes, up to a gibibyte, with one
//! piece cut on the way.
//!
//! What must stay true: connector, engine and emulator are all in this process, so that its memory is that of both ends;
//! the cut is looked for in the emulator's journal, so that no run passes without one; and what arrived is judged by its
//! hash alone.

mod stage;

use std::io::Write;

use anyhow::Context;
use domain::capability::Capability;
use domain::platform::Platform;
use serde::Serialize;
use serde_json::{Value, json};

/// A film is at most this long, in bytes.
const FILM_BYTES_MAX: u64 = 1_024 * 1_024 * 1_024;
/// How long it is with `--quick`, in bytes: twice what the process may grow by.
const QUICK_BYTES: u64 = 64 * 1_024 * 1_024;
/// By how much the process may grow, in bytes.
const GROWTH_BYTES_MAX: u64 = 32_000_000;
/// How much more of the film than it has may be read because of the cut, in bytes.
const AGAIN_BYTES_MAX: u64 = 16 * 1_024 * 1_024;

/// What is uploaded.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Films of 64 MiB instead of the longest.
    #[arg(long)]
    quick: bool,
    /// Only to this platform.
    #[arg(long)]
    platform: Option<Platform>,
    /// Prints one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// A way of uploading in pieces.
#[derive(Debug)]
struct Protocol {
    platform: Platform,
    name: &'static str,
    settings: fn() -> Value,
}

/// All of them. Mastodon, Bluesky and Telegram take a film in one request, Instagram and Threads fetch it themselves.
const PROTOCOLS: &[Protocol] = &[
    Protocol {
        platform: Platform::X,
        name: "segments",
        settings: || json!({}),
    },
    Protocol {
        platform: Platform::LinkedIn,
        name: "parts",
        settings: || json!({}),
    },
    Protocol {
        platform: Platform::Facebook,
        name: "chunks",
        settings: || json!({}),
    },
    Protocol {
        platform: Platform::Facebook,
        name: "resumable",
        settings: || json!({ "videoType": "REELS" }),
    },
];

/// How one upload went.
#[derive(Debug, Serialize)]
struct Line {
    platform: Platform,
    protocol: &'static str,
    /// The film's length.
    bytes: u64,
    /// What was read of it beyond that, because of the cut.
    bytes_again: u64,
    /// The most that the process had more than before.
    growth_bytes: u64,
    /// What went wrong; nothing when all is well.
    misses: Vec<String>,
}

/// What was seen of one upload.
#[derive(Debug)]
struct Seen {
    bytes_read: u64,
    growth_bytes: u64,
    /// Hash of what was sent.
    sent: String,
    /// Hashes of what was published.
    arrived: Vec<String>,
    /// Requests that were cut.
    cuts: usize,
}

/// Uploads, a line for each protocol; `false` when one missed its mark.
///
/// # Errors
/// When no protocol is of the platform that was asked for, or nothing can be printed.
pub async fn run(options: &Options, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    let is_chosen = |protocol: &&Protocol| options.platform.is_none_or(|platform| platform == protocol.platform);
    let chosen: Vec<&Protocol> = PROTOCOLS.iter().filter(is_chosen).collect();
    anyhow::ensure!(!chosen.is_empty(), "this platform takes no film in pieces");
    let mut is_good = true;
    for protocol in chosen {
        let rule = Capability::of(protocol.platform).video.as_ref();
        let longest = rule
            .context("the platform takes no films")?
            .bytes_max
            .min(FILM_BYTES_MAX);
        let bytes = if options.quick {
            longest.min(QUICK_BYTES)
        } else {
            longest
        };
        let line = Line::of(protocol, bytes, stage::upload(protocol, bytes).await);
        is_good &= line.misses.is_empty();
        if options.json {
            writeln!(out, "{}", serde_json::to_string(&line)?)?;
        } else {
            write!(out, "{line}")?;
        }
    }
    Ok(is_good)
}

impl Line {
    fn of(protocol: &Protocol, bytes: u64, seen: anyhow::Result<Seen>) -> Self {
        let mut line = Self {
            platform: protocol.platform,
            protocol: protocol.name,
            bytes,
            bytes_again: 0,
            growth_bytes: 0,
            misses: Vec::new(),
        };
        match seen {
            Ok(seen) => {
                line.bytes_again = seen.bytes_read.saturating_sub(bytes);
                line.growth_bytes = seen.growth_bytes;
                line.misses = seen.misses(bytes);
            }
            Err(error) => line.misses.push(format!("{error:#}")),
        }
        line
    }
}

impl Seen {
    fn misses(&self, bytes: u64) -> Vec<String> {
        let checks = [
            (
                self.cuts == 1,
                format!("{} requests were cut instead of one", self.cuts),
            ),
            (
                self.arrived == [self.sent.as_str()],
                format!("what arrived is {:?} and not {}", self.arrived, self.sent),
            ),
            (
                self.growth_bytes < GROWTH_BYTES_MAX,
                format!("memory grew by {}", mb(self.growth_bytes)),
            ),
            (
                self.bytes_read <= bytes + AGAIN_BYTES_MAX,
                format!("the cut cost {} again", mb(self.bytes_read.saturating_sub(bytes))),
            ),
        ];
        let missed = checks.into_iter().filter(|(is_met, _)| !is_met);
        missed.map(|(_, what)| what).collect()
    }
}

impl std::fmt::Display for Line {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(
            to,
            "{:<4} {:<10} {:<10} {:>10}  memory +{:>8}  sent again {:>8}",
            if self.misses.is_empty() { "ok" } else { "MISS" },
            self.platform.word(),
            self.protocol,
            mb(self.bytes),
            mb(self.growth_bytes),
            mb(self.bytes_again)
        )?;
        self.misses.iter().try_for_each(|miss| writeln!(to, "     {miss}"))
    }
}

/// Millions of bytes, with one place.
fn mb(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Seen {
        Seen {
            bytes_read: QUICK_BYTES,
            growth_bytes: 1,
            sent: "a".to_owned(),
            arrived: vec!["a".to_owned()],
            cuts: 1,
        }
    }

    #[test]
    fn each_thing_that_is_not_as_it_must_be_is_a_miss() {
        assert_eq!(seen().misses(QUICK_BYTES), [""; 0]);
        let spoil: [fn(&mut Seen); 6] = [
            |seen| seen.cuts = 0,
            |seen| seen.arrived = vec!["b".to_owned()],
            |seen| seen.arrived = vec!["a".to_owned(), "a".to_owned()],
            |seen| seen.arrived.clear(),
            |seen| seen.growth_bytes = GROWTH_BYTES_MAX,
            |seen| seen.bytes_read = 2 * QUICK_BYTES,
        ];
        for spoil in spoil {
            let mut seen = seen();
            spoil(&mut seen);
            assert_eq!(seen.misses(QUICK_BYTES).len(), 1, "{seen:?}");
        }
    }
}
