//! What was measured: a line each, and the table in the documentation.

use std::fmt;
use std::fmt::Write as _;
use std::process::Command;
use std::sync::OnceLock;

use anyhow::Context;
use serde::Serialize;

use super::stopwatch::median;

/// Where the table goes, in the repository.
const FILE: &str = "docs/performance.md";

/// What a ratio must be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Target {
    AtLeast(f64),
    AtMost(f64),
    Below(f64),
}

impl Target {
    fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(bound) => ratio >= bound,
            Self::AtMost(bound) => ratio <= bound,
            Self::Below(bound) => ratio < bound,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(bound) => write!(f, ">= {bound}"),
            Self::AtMost(bound) => write!(f, "<= {bound}"),
            Self::Below(bound) => write!(f, "< {bound}"),
        }
    }
}

/// A measurement, as it is described.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject {
    pub(super) name: &'static str,
    /// What is measured, for the table.
    pub(super) what: &'static str,
    /// What it is held against.
    pub(super) against: &'static str,
    pub(super) unit: &'static str,
    pub(super) target: Target,
}

/// The result of a measurement.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Line {
    name: &'static str,
    /// The median of ours.
    ours: f64,
    /// The median of the baseline, or the bound.
    baseline: f64,
    /// Ours by the baseline.
    ratio: f64,
    /// What the ratio must be.
    target: String,
    /// Whether it is.
    pub(super) pass: bool,
    /// Samples of ours, and as many of a measured baseline.
    samples: usize,
    machine: String,
    commit: String,
    #[serde(skip)]
    subject: Subject,
}

impl Line {
    /// Ours against a baseline that was measured in turns with it.
    pub(super) fn against(subject: Subject, ours: &[f64], baseline: &[f64]) -> Self {
        eprintln!(
            "{}: ours {ours:.1?}, baseline {baseline:.1?} {}",
            subject.name, subject.unit
        );
        Self::new(subject, median(ours), median(baseline), ours.len())
    }

    /// Ours against a fixed bound.
    pub(super) fn within(subject: Subject, ours: &[f64], bound: f64) -> Self {
        eprintln!("{}: ours {ours:.1?} {}", subject.name, subject.unit);
        Self::new(subject, median(ours), bound, ours.len())
    }

    fn new(subject: Subject, ours: f64, baseline: f64, samples: usize) -> Self {
        let ratio = if baseline > 0.0 { ours / baseline } else { f64::MAX };
        Self {
            name: subject.name,
            ours: rounded(ours),
            baseline: rounded(baseline),
            ratio: rounded(ratio),
            target: subject.target.to_string(),
            pass: subject.target.is_met(ratio),
            samples,
            machine: machine().to_owned(),
            commit: commit().to_owned(),
            subject,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.pass { "ok  " } else { "MISS" };
        let (ours, baseline, unit) = (shown(self.ours), shown(self.baseline), self.subject.unit);
        write!(
            f,
            "{verdict} {:<20} {ours} {unit} against {baseline}: {:.3} (wanted {})",
            self.name, self.ratio, self.target
        )
    }
}

/// Four digits tell enough.
fn rounded(value: f64) -> f64 {
    if !value.is_finite() || value == 0.0 {
        return value;
    }
    let digits = (3.0 - value.abs().log10().floor()).clamp(0.0, 6.0);
    let scale = 10_f64.powf(digits);
    (value * scale).round() / scale
}

fn shown(value: f64) -> String {
    let digits = if value.abs() >= 100.0 { 0 } else { 2 };
    format!("{value:.digits$}")
}

/// Processor, cores, memory and system of this machine.
fn machine() -> &'static str {
    static MACHINE: OnceLock<String> = OnceLock::new();
    MACHINE.get_or_init(|| {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let (cpu, memory) = (read("/proc/cpuinfo"), read("/proc/meminfo"));
        let model = cpu.lines().find(|line| line.starts_with("model name"));
        let model = model
            .and_then(|line| line.split_once(':'))
            .map_or("unknown", |(_, name)| name.trim());
        let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
        let kib = memory.lines().find(|line| line.starts_with("MemTotal"));
        let kib: u64 = kib
            .and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
            .unwrap_or(0);
        let system = read("/proc/sys/kernel/osrelease");
        format!(
            "{cores} cores of {model}, {} GiB, Linux {}",
            (kib + (1 << 19)) >> 20,
            system.trim()
        )
    })
}

/// The commit that was measured, with a plus when the tree had changes besides.
fn commit() -> &'static str {
    static COMMIT: OnceLock<String> = OnceLock::new();
    COMMIT.get_or_init(|| {
        let git = |args: &[&str]| {
            let output = Command::new("git")
                .args(args)
                .current_dir(crate::repository())
                .output()
                .ok()?;
            output
                .status
                .success()
                .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
        };
        let head = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
        let is_changed = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|text| !text.is_empty());
        if is_changed { format!("{head}+") } else { head }
    })
}

/// Writes the table.
pub(super) fn write(lines: &[Line]) -> anyhow::Result<()> {
    let path = crate::repository().join(FILE);
    std::fs::write(&path, document(lines)).with_context(|| format!("cannot write {}", path.display()))
}

fn document(lines: &[Line]) -> String {
    let mut text = String::from(
        "# Performance\n\n\
         Written by `cargo xtask bench --write`; never edit it by hand.\n\n\
         | Name | What | Ours | Against | Ratio | Target | |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for line in lines {
        let subject = line.subject;
        let verdict = if line.pass { "met" } else { "**missed**" };
        let (ours, baseline) = (shown(line.ours), shown(line.baseline));
        // Writing into a text cannot fail.
        let _ = writeln!(
            text,
            "| `{}` | {} | {ours} {} | {}: {baseline} {} | {:.3} | {} | {verdict} |",
            line.name, subject.what, subject.unit, subject.against, subject.unit, line.ratio, line.target
        );
    }
    let samples = lines.iter().map(|line| line.samples).min().unwrap_or_default();
    let _ = write!(
        text,
        "\nEach figure is the median of at least {samples} samples. Where a baseline is measured, it alternates with ours \
         in one run on one machine, over the same schema, indexes, pragmas (`synchronous=FULL`), rows and release \
         profile. Ours goes through HTTP on the loopback with authentication, validation and logging; the generator of \
         load and the emulated platforms run on the same cores, so absolute figures are low and ratios are what counts.\n\
         Memory is resident memory (`VmRSS`) in millions of bytes.\n\n\
         ## How to reproduce\n\n\
         ```sh\n\
         cargo xtask bench --check        # everything, as above; exit code 1 when a target is missed\n\
         cargo xtask bench --quick        # smaller databases, shorter samples\n\
         cargo xtask bench creates --json # one measurement, one JSON object a line\n\
         cargo xtask bench --write        # everything, and this file\n\
         ```\n\n\
         ## Where this was measured\n\n\
         - Machine: {}\n\
         - Commit: {} (a plus means: with changes)\n",
        machine(),
        commit()
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: Subject = Subject {
        name: "creates",
        what: "Creates",
        against: "one by one",
        unit: "/s",
        target: Target::AtLeast(5.0),
    };

    #[test]
    fn a_line_says_whether_its_target_is_met() {
        assert!(Line::against(SUBJECT, &[50.0, 60.0, 55.0], &[11.0, 10.0, 12.0]).pass);
        assert!(!Line::against(SUBJECT, &[50.0], &[11.0]).pass);
        let below = Subject {
            target: Target::Below(1.0),
            ..SUBJECT
        };
        assert!(!Line::within(below, &[100.0], 100.0).pass);
        assert!(Line::within(below, &[99.0], 100.0).pass);
    }

    #[test]
    fn the_json_object_has_the_agreed_fields() {
        let line = serde_json::to_value(Line::within(SUBJECT, &[1_234.567], 100.0)).unwrap();
        let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        let mut wanted = [
            "name", "ours", "baseline", "ratio", "target", "pass", "samples", "machine", "commit",
        ]
        .to_vec();
        wanted.sort_unstable();
        let mut keys = keys;
        keys.sort_unstable();
        assert_eq!(keys, wanted);
        assert_eq!(line["ours"], 1235.0);
        assert_eq!(line["ratio"], 12.35);
    }

    #[test]
    fn the_document_has_a_row_for_each_line() {
        let text = document(&[Line::within(SUBJECT, &[7.0], 1.0)]);
        assert!(
            text.contains("| `creates` | Creates | 7.00 /s | one by one: 1.00 /s | 7.000 | >= 5 | met |"),
            "{text}"
        );
        assert!(text.contains("the median of at least 1 samples"), "{text}");
    }
}
