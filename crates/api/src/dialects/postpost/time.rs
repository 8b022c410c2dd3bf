//! Instants on the wire: `YYYY-MM-DDTHH:mm:ss.sssZ` out, ISO 8601 in, and in filters whatever `new Date()` takes.

mod js_date;

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{Span, Timestamp};
use serde::{Serialize, Serializer};

/// The instant that a filter names: whatever `new Date()` takes.
pub(in crate::dialects::postpost) use js_date::date;

/// An instant as it is written: UTC with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Iso(pub(super) Timestamp);

impl std::fmt::Display for Iso {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = Offset::UTC.to_datetime(self.0);
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            at.year(),
            at.month(),
            at.day(),
            at.hour(),
            at.minute(),
            at.second(),
            at.millisecond()
        )
    }
}

impl Serialize for Iso {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The instant that a `scheduledTime` names: a date, `T`, a time, and a zone, without which it is UTC.
pub(super) fn scheduled(text: &str) -> Option<Timestamp> {
    let mut cursor = Cursor(text);
    let date = cursor.date()?;
    cursor.eat('T')?;
    let time = cursor.time()?;
    let offset = cursor.zone()?;
    cursor.0.is_empty().then(|| instant(date, time, offset))?
}

#[derive(Debug, Clone, Copy, Default)]
struct Time {
    hour: i64,
    minute: i64,
    second: i64,
    millis: i64,
}

/// The instant of a local date and time, this many seconds east of UTC; `None` when there is no such day or time. 24:00 is
/// the end of its day. What lies before or behind all instants that can be told is the first or the last of them.
fn instant((year, month, day): (i64, i64, i64), time: Time, east: i32) -> Option<Timestamp> {
    let is_end = (time.hour, time.minute, time.second, time.millis) == (24, 0, 0, 0);
    let hour = if is_end { 0 } else { time.hour };
    let local = DateTime::new(
        i16::try_from(year).ok()?,
        i8::try_from(month).ok()?,
        i8::try_from(day).ok()?,
        i8::try_from(hour).ok()?,
        i8::try_from(time.minute).ok()?,
        i8::try_from(time.second).ok()?,
        i32::try_from(time.millis * 1_000_000).ok()?,
    )
    .ok()?;
    let local = if is_end {
        local.checked_add(Span::new().days(1)).unwrap_or(DateTime::MAX)
    } else {
        local
    };
    let beyond = if year > 0 { Timestamp::MAX } else { Timestamp::MIN };
    Some(Offset::from_seconds(east).ok()?.to_timestamp(local).unwrap_or(beyond))
}

struct Cursor<'a>(&'a str);

impl Cursor<'_> {
    fn eat(&mut self, expected: char) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    /// Exactly `count` digits.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        self.0 = rest;
        digits.parse().ok()
    }

    fn date(&mut self) -> Option<(i64, i64, i64)> {
        let year = self.digits(4)?;
        self.eat('-')?;
        let month = self.digits(2)?;
        self.eat('-')?;
        Some((year, month, self.digits(2)?))
    }

    /// `HH:mm`, seconds and a fraction of any length if given; JavaScript keeps milliseconds.
    fn time(&mut self) -> Option<Time> {
        let hour = self.digits(2)?;
        self.eat(':')?;
        let minute = self.digits(2)?;
        let mut time = Time {
            hour,
            minute,
            ..Time::default()
        };
        if self.eat(':').is_some() {
            time.second = self.digits(2)?;
            if self.eat('.').is_some() {
                time.millis = self.fraction()?;
            }
        }
        Some(time)
    }

    fn fraction(&mut self) -> Option<i64> {
        let end = self
            .0
            .bytes()
            .position(|byte| !byte.is_ascii_digit())
            .unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at_checked(end).filter(|(digits, _)| !digits.is_empty())?;
        self.0 = rest;
        let millis: String = digits.chars().chain("00".chars()).take(3).collect();
        millis.parse().ok()
    }

    /// `Z`, `+HH:MM`, `+HHMM`, or nothing; in seconds east of UTC.
    fn zone(&mut self) -> Option<i32> {
        if self.0.is_empty() || self.eat('Z').is_some() {
            return Some(0);
        }
        let sign = if self.eat('+').is_some() {
            1
        } else {
            self.eat('-').map(|()| -1)?
        };
        let hours = self.digits(2).filter(|hours| *hours < 24)?;
        let _ = self.eat(':');
        let minutes = self.digits(2).filter(|minutes| *minutes < 60)?;
        i32::try_from(sign * (hours * 3_600 + minutes * 60)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Option<String> {
        scheduled(text).map(|at| Iso(at).to_string())
    }

    #[test]
    fn an_iso_date_time_is_understood_whatever_its_zone() {
        for (text, utc) in [
            ("2026-03-15T10:00:00.000Z", "2026-03-15T10:00:00.000Z"),
            ("2026-03-15T10:00:00Z", "2026-03-15T10:00:00.000Z"),
            ("2026-03-15T10:00Z", "2026-03-15T10:00:00.000Z"),
            ("2026-03-15T10:00:00+00:00", "2026-03-15T10:00:00.000Z"),
            ("2026-03-15T10:00:00+0530", "2026-03-15T04:30:00.000Z"),
            ("2026-03-15T23:00:00.25-08:00", "2026-03-16T07:00:00.250Z"),
            ("2026-03-15T10:00:00.123999999Z", "2026-03-15T10:00:00.123Z"),
            ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"),
            ("2026-02-28T24:00:00Z", "2026-03-01T00:00:00.000Z"),
            ("9999-12-31T24:00Z", "9999-12-30T22:00:00.999Z"),
            ("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(at(text).as_deref(), Some(utc), "{text}");
        }
    }

    /// Q10: without a zone a time is UTC.
    #[test]
    fn a_time_without_a_zone_is_utc() {
        assert_eq!(at("2026-03-15T10:00:00").as_deref(), Some("2026-03-15T10:00:00.000Z"));
    }

    #[test]
    fn what_is_no_iso_date_time_is_refused() {
        for text in [
            "",
            "soon",
            "2026-03-15",
            "2026-03-15 10:00:00",
            "March 15, 2026",
            "03/15/2026",
            "2026-03-15T",
            "2026-03-15T10",
            "2026-02-30T10:00:00Z",
            "2026-13-01T10:00:00Z",
            "2026-03-15T24:00:01Z",
            "2026-03-15T10:60:00Z",
            "2026-03-15T10:00:00.Z",
            "2026-03-15T10:00:00+5:30",
            "2026-03-15T10:00:00+24:00",
            "2026-03-15t10:00:00Z",
            " 2026-03-15T10:00:00Z",
            "2026-03-15T10:00:00Zulu",
            "1773568800000",
            "+02026-03-15T10:00:00Z",
            "٢٠٢٦-03-15T10:00:00Z",
        ] {
            assert_eq!(at(text), None, "{text}");
        }
    }

    /// Q11: a filter takes what `new Date()` takes. What Node.js 20 says of each, in the zone UTC.
    #[test]
    fn a_filter_takes_what_new_date_takes() {
        for (text, utc) in [
            ("2026-03-15T10:00:00.000Z", "2026-03-15T10:00:00.000Z"),
            ("+002026-03-15T10:00Z", "2026-03-15T10:00:00.000Z"),
            ("2026-03-15T24:00", "2026-03-16T00:00:00.000Z"),
            ("9999-12-31", "9999-12-30T22:00:00.999Z"),
            ("123456", "9999-12-30T22:00:00.999Z"),
            ("2026", "2026-01-01T00:00:00.000Z"),
            ("2026-03", "2026-03-01T00:00:00.000Z"),
            ("2026-03-15", "2026-03-15T00:00:00.000Z"),
            ("2026-03-15Z", "2026-03-15T00:00:00.000Z"),
            ("2026-02-30", "2026-03-02T00:00:00.000Z"),
            (" 2026-03-15 ", "2026-03-15T00:00:00.000Z"),
            ("2026-03-15 10:00:00", "2026-03-15T10:00:00.000Z"),
            ("2026-03-15 10:00:00.5Z", "2026-03-15T10:00:00.500Z"),
            ("2026-03-15 10:00 +02:00", "2026-03-15T08:00:00.000Z"),
            ("2026/03/15", "2026-03-15T00:00:00.000Z"),
            ("2026/12", "2026-12-01T00:00:00.000Z"),
            ("03/15/2026", "2026-03-15T00:00:00.000Z"),
            ("3/5/26 7:30", "2026-03-05T07:30:00.000Z"),
            ("1/2", "2001-01-02T00:00:00.000Z"),
            ("12", "2001-12-01T00:00:00.000Z"),
            ("March 15, 2026", "2026-03-15T00:00:00.000Z"),
            ("Dec 2026", "2026-12-01T00:00:00.000Z"),
            ("Dec 1", "2001-12-01T00:00:00.000Z"),
            ("01-Dec-2026", "2026-12-01T00:00:00.000Z"),
            ("15 March 2026 3:04 PM", "2026-03-15T15:04:00.000Z"),
            ("Mar 15 2026 12:04 am", "2026-03-15T00:04:00.000Z"),
            ("foo Mar 15 2026 10::30", "2026-03-15T10:00:30.000Z"),
            ("Sun, 15 Mar 2026 10:00:00 GMT", "2026-03-15T10:00:00.000Z"),
            ("Sun, 15 Mar 2026 10:00:00 +0530", "2026-03-15T04:30:00.000Z"),
            ("Sun, 15 Mar 2026 10:00:00 EST", "2026-03-15T15:00:00.000Z"),
            ("Sun, 15 Mar 2026 10:00:00 GMT-8", "2026-03-15T18:00:00.000Z"),
            (
                "Sun Mar 15 2026 10:00:00 GMT+0100 (Central European Standard Time)",
                "2026-03-15T09:00:00.000Z",
            ),
        ] {
            assert_eq!(date(text).map(|at| Iso(at).to_string()).as_deref(), Some(utc), "{text}");
        }
        for text in [
            "",
            "nope",
            "yesterday",
            "2031-13-45",
            "2026-00-01",
            "-000000-01-01T00:00",
            "2026-03-15T10:00:00Z ",
            "2026-03-15T25:00",
            "2026-03-15 10:00am",
            "2026-03-15 13:00 PM",
            "2026-03-15 10:00 foo",
            "2026-03-15 10:00 GMT-12345",
            "1773568800000",
            "March",
            "15",
            "10:00",
            "a/b/c",
        ] {
            assert_eq!(date(text), None, "{text}");
        }
    }
}
