//! From what was done and seen to the report.

use std::collections::HashMap;

use super::book::Entry;
use super::database::Cut;
use super::outside::Seen;
use super::report::{self, Details, Half, Report};
use super::storm::Storm;
use super::timing::{self, Timings};
use super::verdict::{self, Outcome};

/// Asks the world and the database, judges and measures.
pub(super) async fn conclude(
    storm: &Storm,
    platforms: Vec<(String, usize)>,
    left_out: Vec<String>,
) -> anyhow::Result<Report> {
    let entries = storm.book.entries();
    let rows = storm.database.posts().await?;
    let seen = storm.outside.posts().await?;
    let outcome = verdict::judge(&entries, &storm.targets, &rows, &seen);
    let timings = measure(storm, &entries, &seen).await?;
    let looks = report::spread(timings.first_looks.clone());
    let asked = timings.landed.iter().chain(&timings.not_landed);
    let verdicts = asked.chain(&timings.no_means).copied().collect();
    let (points, points_known) = storm.points();
    let kills = &storm.kills;
    let cannot_ask = |cut: &&Cut| cut.has_no_means();
    Ok(Report {
        posts: entries.len(),
        accepted: outcome.accepted,
        published: outcome.published,
        failed: outcome.failed,
        unconfirmed: outcome.unconfirmed,
        duplicates: outcome.duplicates,
        lost: outcome.lost,
        kills: kills.len(),
        // Intents that stay open for good, of posts that nobody can ask for, do not make a kill hard.
        kills_on_open_intent: kills.iter().filter(|kill| !kill.cut.is_empty()).count(),
        points_hit: points.len(),
        points_known,
        in_flight_no_means: kills.iter().flat_map(|kill| &kill.cut).filter(cannot_ask).count(),
        first_look_ms: Half {
            p50: looks.p50,
            p99: looks.p99,
        },
        verdict_ms: report::spread(verdicts),
        details: Details {
            platforms,
            left_out,
            points,
            ..details(storm, outcome, timings)
        },
        ..Report::default()
    })
}

async fn measure(storm: &Storm, entries: &[Entry], seen: &[Seen]) -> anyhow::Result<Timings> {
    let mut questions = storm.questions.clone();
    questions.extend(storm.outside.questions().await?);
    let made = |entry: &Entry| Some((entry.group.clone()?, entry.text.clone()));
    let texts: HashMap<String, String> = entries.iter().filter_map(made).collect();
    let first_seen = verdict::first_seen(seen);
    let landed_at = |cut: &Cut| {
        let text = texts.get(&cut.group)?.clone();
        first_seen
            .get(&(cut.platform.clone(), cut.account.clone(), text))
            .copied()
    };
    let verdicts = storm.database.verdicts().await?.into_iter().collect();
    Ok(timing::measure(&storm.kills, &questions, &verdicts, landed_at))
}

fn details(storm: &Storm, outcome: Outcome, timings: Timings) -> Details {
    let kills = &storm.kills;
    let calls = storm.book.calls();
    let unreached = storm.unreached.iter();
    let mut wrong = outcome.wrong;
    wrong.extend(unreached.map(|point| format!("the place {} was never reached", point.word())));
    Details {
        random_kills: kills.iter().filter(|kill| kill.point.is_none()).count(),
        sending_at_least: kills.iter().map(|kill| kill.cut.len()).min().unwrap_or_default(),
        thin_kills: kills.iter().filter(|kill| kill.cut.len() < storm.sending_min).count(),
        cut_off: kills.iter().map(|kill| kill.cut.len()).sum(),
        landed: (timings.landed.len(), report::spread(timings.landed)),
        no_means: (timings.no_means.len(), report::spread(timings.no_means)),
        not_landed: (timings.not_landed.len(), report::spread(timings.not_landed)),
        downtime_ms: report::spread(kills.iter().map(|kill| kill.down_ms).collect()),
        retried: calls.retried,
        edited: calls.edited,
        deleted: calls.deleted,
        reconnected: storm.reconnected,
        refused: storm.book.refusals(),
        wrong,
        ..Details::default()
    }
}
