//! Webhooks under misbehaving receivers, under load, and under kills.
//!
//! Posts go out in windows, by turns without webhooks and with four: one whose receiver stalls, one that redirects to an
//! address of a private network, one that fails, and a healthy one. What is compared is how late posts went out in both
//! kinds of windows, and how late messages came to the healthy receiver. Then the server is killed in mid-delivery, again
//! and again, and every message must arrive all the same.

mod receivers;
mod site;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use domain::clock::Clock;
use jiff::SignedDuration;

use self::receivers::{Manner, Receiver};
use self::site::{Hook, Site, plan};
use crate::chaos::time::{Deadline, pause};
use crate::clock::SystemClock;
use crate::product::{self, ScratchFolder};

/// Posts with webhooks, in all windows together.
const POSTS: usize = 2_000;
const POSTS_QUICK: usize = 300;
/// Windows of each kind.
const WINDOWS: usize = 4;
const WINDOWS_QUICK: usize = 2;
/// Posts that fall due in a second.
const PER_SECOND: u32 = 40;
/// How long making the posts of a window may take before the first falls due.
const LEAD: SignedDuration = SignedDuration::from_secs(15);
/// Messages come to the healthy receiver within this, 99 of 100.
const HEALTHY_P99_MS: f64 = 1_000.0;
/// Lateness may grow by this part …
const GROWTH_MAX: f64 = 0.10;
/// … or by this, which is what two windows of the same kind differ by on a machine that does other things, too.
const NOISE_MS: f64 = 25.0;
/// How long what was told may be under way.
const ARRIVED_WITHIN: Duration = Duration::from_secs(60);

/// Posts whose messages are under way while the server is killed.
const KILL_POSTS: usize = 120;
const KILL_POSTS_QUICK: usize = 40;
const KILLS: usize = 3;
/// How long the receiver takes for each message meanwhile, so that a kill always meets one.
const TAKES: Duration = Duration::from_millis(40);

/// What to do.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// Exits 1 on a miss; without it the numbers are only printed.
    #[arg(long)]
    pub check: bool,
    /// 300 posts instead of 2,000.
    #[arg(long)]
    pub quick: bool,
    /// The server counts messages as delivered before it sends them, to show that the check notices.
    #[arg(long)]
    pub sabotage: bool,
}

/// One thing that must hold.
struct Finding {
    what: String,
    holds: bool,
}

/// Runs everything and prints what was found; false when something does not hold and `--check` was given.
///
/// # Errors
/// If the server cannot be started or a post is lost, or `out` cannot be written.
pub async fn run(options: &Options, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    let binary = product::binary().await?;
    let mut findings = Vec::new();
    {
        let folder = ScratchFolder::new("broadside-hooks")?;
        findings.extend(windows(&binary, folder.path(), options).await?);
    }
    let folder = ScratchFolder::new("broadside-hooks")?;
    findings.extend(kills(&binary, folder.path(), options).await?);
    for finding in &findings {
        writeln!(out, "{} {}", if finding.holds { "ok  " } else { "MISS" }, finding.what)?;
    }
    let missed = findings.iter().filter(|finding| !finding.holds).count();
    writeln!(out, "webhooks: {} hold, {missed} missed", findings.len() - missed)?;
    Ok(missed == 0 || !options.check)
}

fn flags(options: &Options) -> Vec<String> {
    let words: &[&str] = if options.sabotage {
        &["--sabotage", "forget-messages"]
    } else {
        &[]
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// What was measured in windows of both kinds, in milliseconds.
#[derive(Default)]
struct Measured {
    late_without: Vec<f64>,
    late_with: Vec<f64>,
    told: Vec<f64>,
    expected: usize,
    forged: usize,
    switched_off: usize,
    behind_redirect: usize,
}

async fn windows(binary: &Path, folder: &Path, options: &Options) -> anyhow::Result<Vec<Finding>> {
    let site = Arc::new(Site::start(binary, folder, flags(options)).await?);
    let (posts, windows) = if options.quick {
        (POSTS_QUICK, WINDOWS_QUICK)
    } else {
        (POSTS, WINDOWS)
    };
    let mut measured = Measured::default();
    for window in 0..windows {
        let from = SystemClock.now().saturating_add(LEAD)?;
        let plain = plan(&format!("plain {window}"), posts / windows, from, PER_SECOND);
        site.create(&plain).await?;
        measured.late_without.extend(site.lateness(&plain).await?);
        with_webhooks(&site, window, posts / windows, &mut measured).await?;
        eprintln!("window {} of {windows} is over", window + 1);
    }
    Ok(judge(&measured))
}

async fn with_webhooks(site: &Arc<Site>, window: usize, count: usize, measured: &mut Measured) -> anyhow::Result<()> {
    let inside = Receiver::start(Manner::Takes(Duration::ZERO)).await?;
    let healthy = Receiver::start(Manner::Takes(Duration::ZERO)).await?;
    let mut bad = Vec::new();
    for (name, manner) in [
        ("stalls", Manner::Stalls),
        ("redirects", Manner::Redirects(inside.addr())),
        ("fails", Manner::Fails),
    ] {
        let receiver = Receiver::start(manner).await?;
        bad.push((site.add_hook(name, &receiver.url()).await?, receiver));
    }
    let hook = site.add_hook("healthy", &healthy.url()).await?;
    let from = SystemClock.now().saturating_add(LEAD)?;
    let posts = plan(&format!("hooked {window}"), count, from, PER_SECOND);
    site.create(&posts).await?;
    measured.late_with.extend(site.lateness(&posts).await?);
    // Each post is told of twice: when it is planned and when it is live.
    let expected = 2 * count;
    let deadline = Deadline::within(ARRIVED_WITHIN);
    while healthy.count() < expected && !deadline.passed() {
        pause(Duration::from_millis(100)).await;
    }
    let messages = healthy.take();
    measured.expected += expected;
    measured.forged += messages
        .iter()
        .filter(|message| !message.is_signed_with(&hook.secret))
        .count();
    measured
        .told
        .extend(messages.iter().filter_map(receivers::Message::late_ms));
    for (bad, _) in &bad {
        measured.switched_off += usize::from(is_off(site, bad).await?);
    }
    measured.behind_redirect += inside.count();
    site.remove_hook(&hook).await?;
    for (bad, _) in &bad {
        site.remove_hook(bad).await?;
    }
    Ok(())
}

/// Waits until a webhook is switched off; one that stalls takes five deadlines.
async fn is_off(site: &Site, hook: &Hook) -> anyhow::Result<bool> {
    let deadline = Deadline::within(ARRIVED_WITHIN);
    loop {
        let shown = site.hook(hook).await?;
        let is_off = shown.get("isActive").and_then(serde_json::Value::as_bool) == Some(false);
        if is_off || deadline.passed() {
            return Ok(is_off);
        }
        pause(Duration::from_millis(250)).await;
    }
}

/// The value that `part` of all are at most.
fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let nth = (sorted.len() as f64 * part).ceil() as usize;
    let found = sorted.get(nth.saturating_sub(1).min(last));
    found.copied().unwrap_or(f64::INFINITY)
}

fn judge(measured: &Measured) -> Vec<Finding> {
    let (p50, p99) = (quantile(&measured.told, 0.5), quantile(&measured.told, 0.99));
    let mut findings = vec![
        Finding {
            what: format!(
                "{} of {} messages came to the healthy receiver",
                measured.told.len(),
                measured.expected
            ),
            holds: measured.told.len() == measured.expected,
        },
        Finding {
            what: format!("within {p50:.0} ms (median) and {p99:.0} ms (p99, less than {HEALTHY_P99_MS:.0})"),
            holds: p99 < HEALTHY_P99_MS,
        },
        Finding {
            what: format!("{} signatures do not fit", measured.forged),
            holds: measured.forged == 0,
        },
        Finding {
            what: format!("{} requests went where a redirect led", measured.behind_redirect),
            holds: measured.behind_redirect == 0,
        },
        Finding {
            what: format!("{} bad receivers were switched off", measured.switched_off),
            holds: measured.switched_off > 0 && measured.switched_off.is_multiple_of(3),
        },
    ];
    for (name, part) in [("median", 0.5), ("p99", 0.99)] {
        let without = quantile(&measured.late_without, part);
        let with = quantile(&measured.late_with, part);
        findings.push(Finding {
            what: format!(
                "posts were late by {with:.0} ms with webhooks and {without:.0} ms without ({name}; at most 10 % or \
                 {NOISE_MS:.0} ms more)"
            ),
            holds: with <= (without * (1.0 + GROWTH_MAX)).max(without + NOISE_MS),
        });
    }
    findings
}

/// Kills the server while messages are under way.
async fn kills(binary: &Path, folder: &Path, options: &Options) -> anyhow::Result<Vec<Finding>> {
    let count = if options.quick { KILL_POSTS_QUICK } else { KILL_POSTS };
    let site = Arc::new(Site::start(binary, folder, flags(options)).await?);
    let receiver = Receiver::start(Manner::Takes(TAKES)).await?;
    let hook = site.add_hook("slow", &receiver.url()).await?;
    let from = SystemClock.now().saturating_add(SignedDuration::from_secs(2))?;
    let posts = plan("killed", count, from, PER_SECOND);
    site.create(&posts).await?;
    let mut site = Arc::into_inner(site).context("the clients have ended")?;
    for kill in 1..=KILLS {
        // In the middle of what is left: the receiver is at a message, and others wait.
        let goal = kill * 2 * count / (KILLS + 1);
        let deadline = Deadline::within(ARRIVED_WITHIN);
        while receiver.count() < goal && !deadline.passed() {
            pause(Duration::from_millis(5)).await;
        }
        site.server.kill().await?;
        site.server.start().await?;
    }
    site.lateness(&posts).await?;
    let deadline = Deadline::within(ARRIVED_WITHIN);
    while receiver.by_news().len() < 2 * count && !deadline.passed() {
        pause(Duration::from_millis(100)).await;
    }
    // Whatever is sent again comes soon, too.
    pause(Duration::from_secs(1)).await;
    let news = receiver.by_news();
    ensure!(!news.is_empty(), "nothing was delivered at all");
    let again = news.values().filter(|messages| messages.len() > 1).count();
    let is_one = |messages: &&Vec<receivers::Message>| {
        let first = messages.first();
        messages.iter().all(|message| {
            message.is_signed_with(&hook.secret)
                && first.is_some_and(|first| (&first.delivery, &first.body) == (&message.delivery, &message.body))
        })
    };
    let same = news.values().filter(is_one).count();
    Ok(vec![
        Finding {
            what: format!(
                "{} of {} messages survived {KILLS} kills in mid-delivery",
                news.len(),
                2 * count
            ),
            holds: news.len() == 2 * count,
        },
        Finding {
            what: format!(
                "{again} came more than once, {} of them not the same",
                news.len() - same
            ),
            holds: same == news.len(),
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured() -> Measured {
        Measured {
            late_without: vec![10.0; 100],
            late_with: vec![20.0; 100],
            told: vec![50.0; 200],
            expected: 200,
            switched_off: 3,
            ..Measured::default()
        }
    }

    fn missed(measured: &Measured) -> usize {
        judge(measured).iter().filter(|finding| !finding.holds).count()
    }

    #[test]
    fn each_miss_is_noticed() {
        assert_eq!(missed(&measured()), 0);
        let mut lost = measured();
        lost.told.pop();
        assert_eq!(missed(&lost), 1);
        let mut slow = measured();
        slow.told.iter_mut().take(3).for_each(|ms| *ms = 1_500.0);
        assert_eq!(missed(&slow), 1);
        let mut in_the_way = measured();
        in_the_way.late_with = vec![100.0; 100];
        assert_eq!(missed(&in_the_way), 2);
        for spoil in [
            |measured: &mut Measured| measured.forged = 1,
            |measured: &mut Measured| measured.behind_redirect = 1,
            |measured: &mut Measured| measured.switched_off = 2,
        ] {
            let mut spoilt = measured();
            spoil(&mut spoilt);
            assert_eq!(missed(&spoilt), 1);
        }
    }

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!((quantile(&values, 0.5), quantile(&values, 0.99)), (50.0, 99.0));
        assert_eq!(quantile(&[], 0.5), f64::INFINITY);
    }
}
