//! `broadside doctor`.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use store::sqlite::{DATABASE_FILE, KEY_FILE};

use super::Context;
use super::output::{Output, Tone};
use crate::admin::protocol::{Health, PlatformHealth};
use crate::admin::{Door, Reply, Request, unexpected};
use crate::config::Config;

/// A clock before this is certainly wrong: the program did not exist.
const CLOCK_FLOOR: &str = "2026-01-01T00:00:00Z";

/// Looks for what is wrong or missing. Ends with 1 when something keeps the server from working.
#[derive(Debug, Args)]
pub(super) struct Doctor {}

/// What was looked at, and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    what: String,
    verdict: Verdict,
    #[serde(skip_serializing_if = "String::is_empty")]
    told: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Verdict {
    Fine,
    Warning,
    Problem,
}

impl Finding {
    fn new(what: &str, verdict: Verdict, told: impl Into<String>) -> Self {
        Self {
            what: what.to_owned(),
            verdict,
            told: told.into(),
        }
    }

    fn fine(what: &str, told: impl Into<String>) -> Self {
        Self::new(what, Verdict::Fine, told)
    }
}

impl Doctor {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let config = match context
            .config()
            .and_then(|config| super::config::check(&config).map(|()| config))
        {
            Ok(config) => config,
            Err(error) => {
                let found = [Finding::new("settings", Verdict::Problem, format!("{error:#}"))];
                return Ok(report(context.out, &found));
            }
        };
        let mut found = vec![Finding::fine("settings", "")];
        found.extend(look_at_files(&config.data.dir));
        found.push(match media::trust::check() {
            Ok(()) => Finding::fine("certificates", ""),
            Err(told) => Finding::new(
                "certificates",
                Verdict::Problem,
                format!("{told}, so no https address can be reached; next: install them (package ca-certificates)"),
            ),
        });
        // Looking must not make anything: without a database there is nothing inside to look at.
        if config.data.dir.join(DATABASE_FILE).exists() {
            found.extend(look_behind_the_door(context).await?);
        }
        found.push(look_at_public_url(&config));
        Ok(report(context.out, &found))
    }
}

async fn look_behind_the_door(context: &Context) -> anyhow::Result<Vec<Finding>> {
    let door = match context.door().await {
        Ok(door) => door,
        Err(error) => return Ok(vec![Finding::new("database", Verdict::Problem, format!("{error:#}"))]),
    };
    let server = if door.is_server() {
        "a server runs"
    } else {
        "no server runs"
    };
    let mut found = vec![Finding::fine("server", server)];
    found.extend(look_inside(&door, context.clock.now()).await?);
    Ok(found)
}

fn report(out: Output, found: &[Finding]) -> ExitCode {
    if out.is_json() {
        out.json_line(found);
    } else {
        for finding in found {
            let mark = match finding.verdict {
                Verdict::Fine => out.toned(Tone::Good, "ok      "),
                Verdict::Warning => out.toned(Tone::Doubtful, "warning "),
                Verdict::Problem => out.toned(Tone::Bad, "problem "),
            };
            out.line(format!("{mark} {:<16} {}", finding.what, finding.told).trim_end());
        }
    }
    let is_well = found.iter().all(|finding| finding.verdict != Verdict::Problem);
    if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Directory, key and database must be their owner's alone.
fn look_at_files(dir: &Path) -> Vec<Finding> {
    let mut found = Vec::new();
    let files = [
        ("data directory", dir.to_owned(), 0o700),
        ("master key", dir.join(KEY_FILE), 0o600),
        ("database file", dir.join(DATABASE_FILE), 0o600),
    ];
    for (what, path, mode) in files {
        let shown = path.display();
        let finding = match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Finding::fine(what, format!("{shown} is made at the first start"))
            }
            Err(error) => Finding::new(what, Verdict::Problem, format!("{shown}: {error}")),
            Ok(meta) if meta.permissions().mode() & 0o077 != 0 => {
                let told = format!("others may read {shown}; next: chmod {mode:o} {shown}");
                Finding::new(what, Verdict::Problem, told)
            }
            Ok(meta) if meta.uid() != rustix::process::geteuid().as_raw() => {
                Finding::new(what, Verdict::Warning, format!("{shown} belongs to another user"))
            }
            Ok(_) => Finding::fine(what, shown.to_string()),
        };
        found.push(finding);
    }
    found
}

async fn look_inside(door: &Door, now: Timestamp) -> anyhow::Result<Vec<Finding>> {
    let Reply::Health(health) = door.ask(Request::Health).await? else {
        return Err(unexpected());
    };
    let mut found = vec![match &health.database {
        None => Finding::fine("database", "whole and writable"),
        Some(problem) => Finding::new("database", Verdict::Problem, problem.as_str()),
    }];
    found.push(look_at_clock(&health, now));
    found.push(match &health.warning {
        None => Finding::fine("backlog", format!("{} posts due", health.due)),
        Some(warning) if door.is_server() => Finding::new("backlog", Verdict::Problem, warning.as_str()),
        Some(warning) => Finding::new("backlog", Verdict::Warning, format!("{warning}; next: broadside serve")),
    });
    if health.users == 0 {
        found.push(Finding::new(
            "users",
            Verdict::Warning,
            "none yet; next: broadside key create",
        ));
    }
    found.extend(health.platforms.iter().flat_map(look_at_platform));
    Ok(found)
}

/// Whether people can connect accounts of a platform, whether the connected ones work, and what comes to an end there.
fn look_at_platform(health: &PlatformHealth) -> Vec<Finding> {
    let word = health.platform.word();
    let mut found = Vec::new();
    found.push(match (&health.missing, &health.unready, health.accounts) {
        (Some(missing), ..) => Finding::new(word, Verdict::Warning, missing.as_str()),
        // Connected accounts go on working without an app, until their tokens end.
        (None, Some(unready), 1..) => Finding::new(
            word,
            Verdict::Warning,
            format!("{} connected; {unready}", health.accounts),
        ),
        (None, Some(unready), 0) => Finding::fine(word, format!("not set up: {unready}")),
        (None, None, 0) if health.connectable => {
            let publishes = if health.connector {
                ""
            } else {
                "; this server cannot publish to it yet"
            };
            Finding::fine(
                word,
                format!("ready{publishes}; next: broadside account connect {word}"),
            )
        }
        (None, None, 0) => Finding::fine(word, "this server cannot connect it yet"),
        (None, None, n) => Finding::fine(word, format!("{n} connected")),
    });
    let sunset = health.sunset.as_deref();
    found.extend(sunset.map(|sunset| Finding::new(word, Verdict::Warning, sunset)));
    found
}

fn look_at_clock(health: &Health, now: Timestamp) -> Finding {
    let floor = CLOCK_FLOOR.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    let apart = health.now.duration_since(now).abs();
    if now < floor {
        Finding::new(
            "clock",
            Verdict::Problem,
            format!("it shows {now:.0}; next: set the time, for instance with NTP"),
        )
    } else if apart > SignedDuration::from_secs(5) {
        Finding::new(
            "clock",
            Verdict::Warning,
            format!("the server's is {} s away from this one", apart.as_secs()),
        )
    } else {
        Finding::fine("clock", format!("{now:.0}"))
    }
}

fn look_at_public_url(config: &Config) -> Finding {
    let what = "public_url";
    let for_whom = "platforms that fetch media themselves (Instagram) cannot reach it, and browsers elsewhere do not come back \
                    from sign-ins";
    let Some(url) = &config.server.public_url else {
        let told = format!(
            "unset, so links lead to {}; {for_whom}; next: set server.public_url",
            config.server.listen
        );
        return Finding::new(what, Verdict::Warning, told);
    };
    let is_local = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback() || address.is_private(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => true,
    };
    if is_local {
        Finding::new(
            what,
            Verdict::Warning,
            format!("{url} is an address of this machine or network; {for_whom}"),
        )
    } else if url.scheme() == "http" {
        Finding::new(
            what,
            Verdict::Warning,
            format!(
                "{url} is plain http; keys, connection pages and media cross the network in the clear, and most platforms \
                 refuse such a redirect address"
            ),
        )
    } else {
        Finding::fine(what, url.to_string())
    }
}
