//! What a run came to: one JSON object, and a few lines for people.

use std::collections::BTreeSet;
use std::io::Write;

use serde::Serialize;

/// Half and nearly all of some durations, in milliseconds of the server's time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Half {
    /// Half of them were at most this long; 0 when there were none.
    pub p50: u64,
    /// 99 of 100 were at most this long; 0 when there were none.
    pub p99: u64,
}

/// Half, nearly all, and the longest of some durations, in milliseconds of the server's time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// See [`Half::p50`].
    pub p50: u64,
    /// See [`Half::p99`].
    pub p99: u64,
    /// The longest; 0 when there were none.
    pub max: u64,
}

/// The last line of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// What the run's chances were derived from.
    pub seed: u64,
    /// How many times as fast as the wall's clock all clocks ran.
    pub factor: f64,
    /// Posts that clients tried to make.
    pub posts: usize,
    /// Of these, posts whose creation was answered 200.
    pub accepted: usize,
    /// Accepted posts that ended as published.
    pub published: usize,
    /// Accepted posts that ended as failed because their platform had refused them.
    pub failed: usize,
    /// Accepted posts that ended as unconfirmed.
    pub unconfirmed: usize,
    /// Posts too many out there.
    pub duplicates: usize,
    /// Accepted posts that are out there in no way and not refused either, or have not come to an end.
    pub lost: usize,
    /// How often the server was killed.
    pub kills: usize,
    /// Of these, kills after which the database held an open intent.
    pub kills_on_open_intent: usize,
    /// Named places at which the server was killed.
    pub points_hit: usize,
    /// Named places that there are.
    pub points_known: usize,
    /// Sends that were cut off on platforms that cannot be asked what became of them.
    pub in_flight_no_means: usize,
    /// From a restart to the first question about a send that was cut off.
    pub first_look_ms: Half,
    /// From a restart to the verdict on a send that was cut off.
    pub verdict_ms: Spread,
    /// For people.
    #[serde(skip)]
    pub details: Details,
}

/// What people want to know besides.
#[derive(Debug, Clone, Default)]
pub struct Details {
    /// Platforms that took part, with the number of their accounts.
    pub platforms: Vec<(String, usize)>,
    /// Platforms that did not, and why.
    pub left_out: Vec<String>,
    /// Kills at random instants.
    pub random_kills: usize,
    /// The fewest sends that were under way at a kill.
    pub sending_at_least: usize,
    /// Kills at which fewer sends were under way than wanted.
    pub thin_kills: usize,
    /// The words of the places that were hit.
    pub points: BTreeSet<String>,
    /// Sends that were cut off.
    pub cut_off: usize,
    /// Verdicts on sends whose post was out there at the kill, their number and spread.
    pub landed: (usize, Spread),
    /// Verdicts on platforms that cannot be asked.
    pub no_means: (usize, Spread),
    /// Verdicts on the others.
    pub not_landed: (usize, Spread),
    /// Downtimes in milliseconds of the wall's clock.
    pub downtime_ms: Spread,
    /// Calls of clients that disturb: retries, edits, deletions that were carried out, and reconnections.
    pub retried: usize,
    /// See [`Self::retried`].
    pub edited: usize,
    /// See [`Self::retried`].
    pub deleted: usize,
    /// See [`Self::retried`].
    pub reconnected: usize,
    /// Requests that were sent again because their answer had been lost.
    pub sent_again: usize,
    /// Creations that were refused, as the server said it.
    pub refused: Vec<String>,
    /// What is wrong, one sentence each.
    pub wrong: Vec<String>,
    /// How long the run took, in seconds of the wall's clock.
    pub took_s: f64,
}

/// At most so many sentences of a kind are printed.
const SHOWN_MAX: usize = 12;

impl Report {
    /// Nothing was made twice, nothing was lost, no more is unconfirmed than must be, and the run was hard enough.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.duplicates == 0
            && self.lost == 0
            && self.unconfirmed <= self.in_flight_no_means
            && self.kills_on_open_intent * 2 >= self.kills
            && self.points_hit == self.points_known
            && self.accepted > 0
    }

    /// Prints the lines for people unless they are not wanted, and then the object.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn print(&self, out: &mut (dyn Write + Send), only_json: bool) -> anyhow::Result<()> {
        if !only_json {
            self.print_for_people(out)?;
        }
        writeln!(out, "{}", serde_json::to_string(self)?)?;
        Ok(())
    }

    fn print_for_people(&self, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
        let d = &self.details;
        let platforms: Vec<String> = d
            .platforms
            .iter()
            .map(|(word, n)| format!("{word} ({n} accounts)"))
            .collect();
        writeln!(out, "platforms: {}", platforms.join(", "))?;
        for why in &d.left_out {
            writeln!(out, "left out: {why}")?;
        }
        writeln!(
            out,
            "time ran {} times as fast; the run took {:.1} s",
            self.factor, d.took_s
        )?;
        writeln!(
            out,
            "kills: {} ({} at random instants, {} at named places: {}); at least {} sends under way at each, {} kills with fewer than wanted",
            self.kills,
            d.random_kills,
            self.kills - d.random_kills,
            d.points.iter().cloned().collect::<Vec<_>>().join(" "),
            d.sending_at_least,
            d.thin_kills,
        )?;
        writeln!(
            out,
            "downtime (wall): p50 {} ms, longest {} ms",
            d.downtime_ms.p50, d.downtime_ms.max
        )?;
        writeln!(
            out,
            "posts: {} tried, {} accepted, {} deleted, {} published, {} failed, {} unconfirmed (at most {} allowed)",
            self.posts,
            self.accepted,
            d.deleted,
            self.published,
            self.failed,
            self.unconfirmed,
            self.in_flight_no_means
        )?;
        writeln!(
            out,
            "clients: {} requests sent again, {} retries, {} edits, {} deletions, {} accounts connected again",
            d.sent_again, d.retried, d.edited, d.deleted, d.reconnected
        )?;
        let told = |(count, times): &(usize, Spread)| format!("{count} (p50 {} ms, p99 {} ms)", times.p50, times.p99);
        writeln!(
            out,
            "verdicts on {} sends that were cut off: had landed {}, had not {}, cannot be asked for {}",
            d.cut_off,
            told(&d.landed),
            told(&d.not_landed),
            told(&d.no_means)
        )?;
        for (title, list) in [("refused", &d.refused), ("WRONG", &d.wrong)] {
            for line in list.iter().take(SHOWN_MAX) {
                writeln!(out, "{title}: {line}")?;
            }
            if list.len() > SHOWN_MAX {
                writeln!(out, "{title}: and {} more", list.len() - SHOWN_MAX)?;
            }
        }
        writeln!(out, "{}", if self.is_success() { "passed" } else { "FAILED" })?;
        Ok(())
    }
}

/// The spread of these durations.
pub(super) fn spread(mut ms: Vec<u64>) -> Spread {
    ms.sort_unstable();
    let at = |percent: usize| {
        let rank = (ms.len() * percent).div_ceil(100).max(1);
        ms.get(rank - 1).copied().unwrap_or_default()
    };
    Spread {
        p50: at(50),
        p99: at(99),
        max: ms.last().copied().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean() -> Report {
        Report {
            accepted: 10,
            kills: 4,
            kills_on_open_intent: 2,
            points_hit: 8,
            points_known: 8,
            ..Report::default()
        }
    }

    #[test]
    fn a_spread_takes_the_nearest_rank() {
        assert_eq!(
            spread((1..=200).collect()),
            Spread {
                p50: 100,
                p99: 198,
                max: 200
            }
        );
        assert_eq!(spread(vec![7]), Spread { p50: 7, p99: 7, max: 7 });
        assert_eq!(spread(Vec::new()), Spread::default());
    }

    #[test]
    fn each_broken_promise_fails_the_run() {
        assert!(clean().is_success());
        assert!(
            !Report {
                duplicates: 1,
                ..clean()
            }
            .is_success()
        );
        assert!(!Report { lost: 1, ..clean() }.is_success());
        assert!(
            !Report {
                unconfirmed: 1,
                ..clean()
            }
            .is_success()
        );
        assert!(
            Report {
                unconfirmed: 1,
                in_flight_no_means: 1,
                ..clean()
            }
            .is_success()
        );
        assert!(
            !Report {
                kills_on_open_intent: 1,
                ..clean()
            }
            .is_success()
        );
        assert!(
            !Report {
                points_hit: 7,
                ..clean()
            }
            .is_success()
        );
        assert!(!Report { accepted: 0, ..clean() }.is_success());
    }

    #[test]
    fn the_last_line_is_one_object() {
        let mut out = Vec::new();
        clean().print(&mut out, false).unwrap();
        let text = String::from_utf8(out).unwrap();
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last["verdict_ms"]["max"], 0);
        assert_eq!(last["points_known"], 8);
        assert!(last.get("details").is_none());
    }
}
