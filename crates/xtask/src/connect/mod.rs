//! Connects accounts as people do, from the hosted page of the product's own binary, against the sandbox in this
//! process, and follows them: verified, used, expired, renewed, taken back, connected again.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use domain::platform::Platform;
use serde::Serialize;
use serde_json::json;
use tokio::task::JoinSet;

use crate::product::{self, ScratchFolder};

mod ahead;
mod journey;
mod keyboard;
mod refusals;
mod route;
mod stage;
pub(crate) mod visitor;

use route::{Mark, Route, Step};
use stage::Stage;

/// What to connect.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// Platforms, by Broadside's words for them.
    #[arg(value_name = "PLATFORM", value_parser = platform, required_unless_present_any = ["all", "browser"])]
    pub platforms: Vec<Platform>,
    /// Every platform, and what must be refused.
    #[arg(long, conflicts_with = "platforms")]
    pub all: bool,
    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
    /// Connects an account in a real browser by keyboard alone, where Chromium is installed.
    #[arg(long)]
    pub browser: bool,
    /// Where the browser's screenshots go [default: a new folder below the temporary one].
    #[arg(long, value_name = "FOLDER", requires = "browser")]
    pub screenshots: Option<PathBuf>,
}

fn platform(word: &str) -> Result<Platform, String> {
    word.parse().map_err(|_| format!("there is no platform '{word}'"))
}

/// The journey of one way to connect.
#[derive(Debug, Serialize)]
struct Journey {
    name: String,
    passed: bool,
    steps: Vec<Step>,
}

/// A check beside the journeys.
#[derive(Debug, Serialize)]
struct Check {
    check: String,
    passed: bool,
    why: Option<String>,
}

/// Makes the journeys and the checks, and prints a line each. True when all hold.
///
/// # Errors
/// If the product or the sandbox cannot be started.
pub async fn run(options: &Options, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    let binary = product::binary().await?;
    let mut passed = true;
    if options.browser {
        passed &= keyboard::run(&binary, options.screenshots.as_deref(), out).await?;
    }
    if options.all || !options.platforms.is_empty() {
        passed &= connect(options, &binary, out).await?;
    }
    Ok(passed)
}

async fn connect(options: &Options, binary: &Path, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    let scratch = ScratchFolder::new("broadside-connect")?;
    let (stage, mut server) = Stage::set(binary, scratch.path()).await?;
    let platforms = if options.all { Platform::ALL } else { &options.platforms };
    let journeys = walk(&stage, platforms).await?;
    let mut checks = Vec::new();
    if options.all {
        let mut told = refusals::all(&stage, &mut server).await;
        told.extend(ahead::all(&stage, &mut server).await);
        for (check, held) in told {
            let why = held.err().map(|error| format!("{error:#}"));
            checks.push(Check {
                check: check.to_owned(),
                passed: why.is_none(),
                why,
            });
        }
    }
    stage.note_tokens();
    server.kill().await?;
    checks.extend(leaks(&stage, &server.printed())?);
    let passed = journeys.iter().all(|journey| journey.passed) && checks.iter().all(|check| check.passed);
    if options.json {
        let report = json!({"passed": passed, "journeys": journeys, "checks": checks});
        writeln!(out, "{report}")?;
        return Ok(passed);
    }
    for journey in &journeys {
        print_journey(journey, out)?;
    }
    for Check { check, why, .. } in &checks {
        match why {
            None => writeln!(out, "ok: {check}")?,
            Some(why) => writeln!(out, "FAIL: {check}: {why}")?,
        }
    }
    Ok(passed)
}

/// Makes the journeys: platforms at the same time, the ways of one platform one after the other.
async fn walk(stage: &Arc<Stage>, platforms: &[Platform]) -> anyhow::Result<Vec<Journey>> {
    let mut walks = JoinSet::new();
    for (at, platform) in platforms.iter().copied().enumerate() {
        let stage = Arc::clone(stage);
        walks.spawn(async move {
            let mut journeys = Vec::new();
            for route in Route::of(platform) {
                let steps = journey::walk(&stage, route).await?;
                let passed = !steps.iter().any(|step| matches!(step.mark, Mark::Failed(_)));
                let name = route.name();
                journeys.push(Journey { name, passed, steps });
            }
            anyhow::Ok((at, journeys))
        });
    }
    let mut walked = walks.join_all().await.into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    walked.sort_by_key(|(at, _)| *at);
    Ok(walked.into_iter().flat_map(|(_, journeys)| journeys).collect())
}

fn print_journey(journey: &Journey, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
    let word = if journey.passed { "ok" } else { "FAIL" };
    let marks = journey.steps.iter().map(|Step { step, mark }| match mark {
        Mark::Ok => format!("✓ {step}"),
        Mark::None(_) => format!("– {step}"),
        Mark::Failed(why) => format!("✗ {step}: {why}"),
    });
    writeln!(out, "{word}: {}: {}", journey.name, marks.collect::<Vec<_>>().join(" "))?;
    Ok(())
}

/// Nothing secret may be in what the server printed, and no token in anything that it answered.
fn leaks(stage: &Stage, printed: &Path) -> anyhow::Result<Vec<Check>> {
    let log = std::fs::read_to_string(printed).context("what the server printed")?;
    ensure!(log.contains("broadside serves"), "the server printed no log");
    let secrets: Vec<String> = stage
        .seen
        .secrets()
        .into_iter()
        .filter(|secret| secret.len() >= 8)
        .collect();
    ensure!(!secrets.is_empty(), "no secret was used");
    let tokens: Vec<String> = stage.seen.tokens().into_iter().collect();
    let answers = stage.seen.answers();
    let in_log = found_in(&secrets, std::slice::from_ref(&log));
    let in_answers = found_in(&tokens, &answers);
    let check = |what: String, found: Vec<String>| Check {
        check: what,
        passed: found.is_empty(),
        why: (!found.is_empty()).then(|| found.join(", ")),
    };
    Ok(vec![
        check(
            format!(
                "none of {} tokens, codes and states is in the {} lines of the log",
                secrets.len(),
                log.lines().count()
            ),
            in_log,
        ),
        check(
            format!(
                "none of {} tokens is in {} answers of the server",
                tokens.len(),
                answers.len()
            ),
            in_answers,
        ),
    ])
}

/// The lines in which a secret is, with the secret cut out.
fn found_in(secrets: &[String], texts: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for secret in secrets {
        let line = texts
            .iter()
            .flat_map(|text| text.lines())
            .find(|line| line.contains(secret.as_str()));
        if let Some(line) = line {
            found.push(line.replace(secret.as_str(), "[HERE]").chars().take(300).collect());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_a_log_is_found_and_not_repeated() {
        let log = ["a line".to_owned(), "GET /?code=s3cret-code".to_owned()];
        assert_eq!(found_in(&["s3cret-code".to_owned()], &log), ["GET /?code=[HERE]"]);
        assert!(found_in(&["other".to_owned()], &log).is_empty());
    }

    #[test]
    fn a_journey_is_one_line_with_a_mark_for_each_step() {
        let step = |step, mark| Step { step, mark };
        let journey = Journey {
            name: "x".to_owned(),
            passed: false,
            steps: vec![
                step("page", Mark::Ok),
                step("choice", Mark::None("one account")),
                step("publish", Mark::Failed("503".to_owned())),
            ],
        };
        let mut out = Vec::new();
        print_journey(&journey, &mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "FAIL: x: ✓ page – choice ✗ publish: 503\n"
        );
    }
}
