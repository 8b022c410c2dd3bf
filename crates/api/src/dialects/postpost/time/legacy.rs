//! Dates in the forms that JavaScript's `Date` takes besides ISO 8601: RFC 2822 (section 3.3), `Date.toString()`, and the
//! American forms. What an engine would only guess is refused.

use jiff::Timestamp;

use super::{Cursor, Time, instant};

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// The zones that RFC 2822 names, in hours east of UTC.
const ZONES: [(&str, i32); 12] = [
    ("z", 0),
    ("ut", 0),
    ("utc", 0),
    ("gmt", 0),
    ("est", -5),
    ("edt", -4),
    ("cst", -6),
    ("cdt", -5),
    ("mst", -7),
    ("mdt", -6),
    ("pst", -8),
    ("pdt", -7),
];

#[derive(Default)]
struct Found {
    numbers: Vec<i64>,
    month: Option<i64>,
    time: Option<Time>,
    east: Option<i32>,
}

pub(super) fn date(text: &str) -> Option<Timestamp> {
    let mut found = Found::default();
    for word in without_comments(text).split([' ', ',']).filter(|word| !word.is_empty()) {
        found.take(word)?;
    }
    instant(found.day()?, found.time.unwrap_or_default(), found.east.unwrap_or(0))
}

/// The text without what stands in parentheses.
fn without_comments(text: &str) -> String {
    let mut depth = 0_u32;
    let outside = |c: &char| {
        match c {
            '(' => depth += 1,
            ')' => {
                depth = depth.saturating_sub(1);
                return false;
            }
            _ => {}
        }
        depth == 0
    };
    text.chars().filter(outside).collect()
}

impl Found {
    fn take(&mut self, word: &str) -> Option<()> {
        let lower = word.to_ascii_lowercase();
        let first = lower.chars().next()?;
        match first {
            '+' | '-' if self.time.is_some() => self.zone(&lower),
            '0'..='9' if lower.contains(':') => self.time(&lower),
            '0'..='9' => self.numbers(&lower),
            'a'..='z' => self.word(&lower),
            _ => None,
        }
    }

    fn numbers(&mut self, word: &str) -> Option<()> {
        for part in word.split(['/', '-']) {
            if part.len() > 4 || !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return None;
            }
            self.numbers.push(part.parse().ok()?);
        }
        (self.numbers.len() <= 3).then_some(())
    }

    /// A time, and a zone or half of the day that hangs on it.
    fn time(&mut self, word: &str) -> Option<()> {
        // One digit of hours is fine here.
        let padded = if word.find(':') == Some(1) {
            format!("0{word}")
        } else {
            word.to_owned()
        };
        let mut cursor = Cursor(&padded);
        self.time = Some(cursor.time()?);
        match cursor.0 {
            "" => Some(()),
            rest if rest.starts_with(['+', '-']) => self.zone(rest),
            rest => self.word(rest),
        }
    }

    fn zone(&mut self, word: &str) -> Option<()> {
        let mut cursor = Cursor(word);
        let east = cursor.zone()?;
        self.east = Some(east);
        cursor.0.is_empty().then_some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        if let Some((zone, hours)) = ZONES
            .iter()
            .rev()
            .find(|(zone, _)| word.starts_with(zone) && !is_longer(word, zone))
        {
            self.east = Some(hours * 3_600);
            return match word.strip_prefix(zone) {
                None | Some("") => Some(()),
                Some(offset) => self.zone(offset),
            };
        }
        if let (Some(time), "am" | "pm") = (&mut self.time, word) {
            time.hour = time.hour % 12 + if word == "pm" { 12 } else { 0 };
            return Some(());
        }
        let start = word.get(..3)?;
        if let Some(index) = MONTHS.iter().position(|month| *month == start) {
            self.month = Some(i64::try_from(index).ok()? + 1);
            return Some(());
        }
        DAYS.contains(&start).then_some(())
    }

    /// Year, month and day, by the order in which they stand.
    fn day(&self) -> Option<(i64, i64, i64)> {
        match (self.month, self.numbers.as_slice()) {
            (Some(month), [year, day]) if *year > 31 => Some((*year, month, *day)),
            (Some(month), [day, year]) => Some((full(*year), month, *day)),
            (None, [year, month, day]) if *year > 31 => Some((*year, *month, *day)),
            (None, [month, day, year]) => Some((full(*year), *month, *day)),
            _ => None,
        }
    }
}

/// Whether a word goes on with letters after a zone's name.
fn is_longer(word: &str, zone: &str) -> bool {
    word.strip_prefix(zone)
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// Two digits are a year between 1950 and 2049.
const fn full(year: i64) -> i64 {
    match year {
        0..50 => 2_000 + year,
        50..100 => 1_900 + year,
        _ => year,
    }
}
