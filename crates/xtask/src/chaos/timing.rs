//! How soon a restarted server asks what became of the sends that were cut off, and how soon it knows.

use std::collections::HashMap;

use jiff::Timestamp;

use super::database::Cut;
use super::outside::Question;
use super::storm::Kill;

/// How soon it asked and knew, in milliseconds of the shared time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Timings {
    /// To the first question about each cut-off send that was asked for before the next kill.
    pub(super) first_looks: Vec<u64>,
    /// To the verdict that nobody can tell, on platforms that cannot be asked.
    pub(super) no_means: Vec<u64>,
    /// To the verdict, where the post had been made by the time of the kill.
    pub(super) landed: Vec<u64>,
    /// To the verdict on the others.
    pub(super) not_landed: Vec<u64>,
}

fn ms(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or_default()
}

/// Measures. `landed_at` tells when the post of a cut-off send was made, `verdicts` when each intent's verdict was
/// written down.
pub(super) fn measure(
    kills: &[Kill],
    questions: &[Question],
    verdicts: &HashMap<String, Timestamp>,
    landed_at: impl Fn(&Cut) -> Option<Timestamp>,
) -> Timings {
    let mut timings = Timings::default();
    for (number, kill) in kills.iter().enumerate() {
        let next = kills.get(number + 1).map_or(Timestamp::MAX, |next| next.at);
        timings.first_looks.extend(first_looks(kill, next, questions));
        for cut in &kill.cut {
            let Some(at) = verdicts.get(&cut.intent) else { continue };
            let later = kills.iter().skip(number + 1).filter(|later| later.at < *at);
            // A server that is dead can know nothing: later downtimes do not count.
            let down: u64 = later.map(|later| ms(later.at, later.ready)).sum();
            let took = ms(kill.ready, *at).saturating_sub(down);
            let had_landed = landed_at(cut).is_some_and(|made| made <= kill.at);
            let times = match (cut.has_no_means(), had_landed) {
                (true, _) => &mut timings.no_means,
                (false, true) => &mut timings.landed,
                (false, false) => &mut timings.not_landed,
            };
            times.push(took);
        }
    }
    timings
}

/// A request tells its account and not the send it is about: the first question about the n-th of an account's cut-off
/// sends is taken to be the account's n-th question.
fn first_looks(kill: &Kill, next: Timestamp, questions: &[Question]) -> Vec<u64> {
    let mut waiting: HashMap<(&str, &str), usize> = HashMap::new();
    for cut in &kill.cut {
        *waiting.entry((&cut.platform, &cut.account)).or_default() += 1;
    }
    let mut looks = Vec::new();
    for question in questions
        .iter()
        .filter(|question| question.at >= kill.at && question.at < next)
    {
        let left = waiting.get_mut(&(question.platform.as_str(), question.account.as_str()));
        if let Some(left) = left.filter(|left| **left > 0) {
            *left -= 1;
            looks.push(ms(kill.ready, question.at));
        }
    }
    looks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn cut(intent: &str) -> Cut {
        let text = str::to_owned;
        Cut {
            intent: text(intent),
            platform: text("x"),
            account: text("7"),
            group: text("g"),
        }
    }

    fn kill(second: i64, ready: i64, intents: &[&str]) -> Kill {
        let cut = intents.iter().map(|intent| cut(intent)).collect();
        Kill {
            at: at(second),
            ready: at(ready),
            down_ms: 0,
            point: None,
            cut,
        }
    }

    fn question(second: i64) -> Question {
        Question {
            platform: "x".to_owned(),
            account: "7".to_owned(),
            at: at(second),
        }
    }

    #[test]
    fn each_cut_off_send_has_one_first_question() {
        let kills = [kill(10, 12, &["a", "b"]), kill(100, 101, &["c"])];
        let questions = [question(5), question(13), question(15), question(20), question(103)];
        let timings = measure(&kills, &questions, &HashMap::new(), |_| None);
        assert_eq!(timings.first_looks, [1_000, 3_000, 2_000]);
    }

    #[test]
    fn verdicts_are_told_apart_by_what_had_landed_and_later_downtimes_do_not_count() {
        let kills = [kill(10, 12, &["a", "b"]), kill(20, 25, &[])];
        let verdicts = HashMap::from([("a".to_owned(), at(14)), ("b".to_owned(), at(77))]);
        let timings = measure(&kills, &[], &verdicts, |cut| (cut.intent == "a").then_some(at(9)));
        assert_eq!((timings.landed, timings.not_landed), (vec![2_000], vec![60_000]));
    }
}
