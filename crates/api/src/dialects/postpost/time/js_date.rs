//! `new Date(text)` as V8, the engine of Node.js, reads it (`src/date/dateparser.h` of V8 tells the grammar): ISO 8601
//! first, and what that leaves by older and looser rules. A time without a zone is UTC, as on a server of that zone.

mod tokens;

use jiff::Timestamp;

use tokens::{Token, Tokens, Word};

/// The last instant that a `Date` can be, either way (ECMA-262, section 21.4.1.1).
const MILLIS_MAX: i64 = 8_640_000_000_000_000;

/// The instant; `None` for an invalid date. What lies beyond all instants that can be told here is the last of them.
pub(in crate::dialects::postpost) fn date(text: &str) -> Option<Timestamp> {
    let mut reading = Reading {
        tokens: Tokens::new(text),
        day: Day::default(),
        time: Time::default(),
        zone: Zone::default(),
    };
    match reading.iso()? {
        Iso::Whole => {}
        Iso::Left(token) => reading.loosely(token)?,
    }
    let local = reading.day.midnight()?.saturating_add(reading.time.millis()?);
    let millis = local.saturating_sub(reading.zone.millis());
    let beyond = if millis > 0 { Timestamp::MAX } else { Timestamp::MIN };
    (-MILLIS_MAX..=MILLIS_MAX)
        .contains(&millis)
        .then(|| Timestamp::from_millisecond(millis).unwrap_or(beyond))
}

/// The numbers of a date, in the order in which they stand.
#[derive(Default)]
struct Day {
    numbers: Vec<i64>,
    named_month: Option<i64>,
    is_iso: bool,
}

impl Day {
    fn add(&mut self, number: i64) -> Option<()> {
        self.numbers.push(number);
        (self.numbers.len() <= 3).then_some(())
    }

    /// Its beginning, in milliseconds since 1970. A day that its month does not have is one of the next month.
    fn midnight(&self) -> Option<i64> {
        let (year, month, day) = self.in_order()?;
        if !(1..=12).contains(&month) || !is_day(day) {
            return None;
        }
        (days_before(year, month) + day - 1).checked_mul(86_400_000)
    }

    /// Year, month and day, by the order in which they stand. What is not there is 1.
    fn in_order(&self) -> Option<(i64, i64, i64)> {
        let first = *self.numbers.first()?;
        let at = |index: usize| self.numbers.get(index).copied().unwrap_or(1);
        let (year, month, day) = match self.named_month {
            None if self.is_iso || !is_day(first) => (first, at(1), at(2)),
            None => (at(2), first, at(1)),
            Some(month) if !is_day(first) => (first, month, at(1)),
            Some(month) => (at(1), month, first),
        };
        let full = match year {
            0..50 if !self.is_iso => 2_000 + year,
            50..100 if !self.is_iso => 1_900 + year,
            _ => year,
        };
        Some((full, month, day))
    }
}

const fn is_day(number: i64) -> bool {
    matches!(number, 1..=31)
}

/// Days from 1970 to the first of a month of the Gregorian calendar.
const fn days_before(year: i64, month: i64) -> i64 {
    // Years that begin in March, so that the day that leap years add is the last of its year.
    let (year, months) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let leaps = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // From March on, months have 31, 30, 31, 30, 31 days, and so again.
    let of_months = (153 * months + 2) / 5;
    year * 365 + leaps + of_months - 719_468
}

/// Hours, minutes, seconds and milliseconds, as far as they were read.
#[derive(Default)]
struct Time {
    slots: Vec<i64>,
    half: Option<i64>,
}

impl Time {
    /// Whether this number may be the next one.
    fn expects(&self, number: i64) -> bool {
        match self.slots.len() {
            1 | 2 => number < 60,
            3 => number < 1_000,
            _ => false,
        }
    }

    fn add(&mut self, number: i64) -> Option<()> {
        self.slots.push(number);
        (self.slots.len() <= 4).then_some(())
    }

    fn end_with(&mut self, number: i64) {
        self.slots.push(number);
        self.slots.resize(4, 0);
    }

    fn millis(&self) -> Option<i64> {
        let at = |index: usize| self.slots.get(index).copied().unwrap_or_default();
        let (mut hour, minute, second, milli) = (at(0), at(1), at(2), at(3));
        if let Some(half) = self.half {
            hour = (hour <= 12).then_some(hour % 12 + half)?;
        }
        let is_end = (hour, minute, second, milli) == (24, 0, 0, 0);
        let is_good = (hour < 24 || is_end) && minute < 60 && second < 60 && milli < 1_000;
        is_good.then_some(((hour * 60 + minute) * 60 + second) * 1_000 + milli)
    }
}

/// What a time is ahead of UTC.
#[derive(Default)]
struct Zone {
    sign: Option<i64>,
    hour: Option<i64>,
    minute: Option<i64>,
}

impl Zone {
    fn set(&mut self, hours: i64) {
        let sign = if hours < 0 { -1 } else { 1 };
        *self = Self {
            sign: Some(sign),
            hour: Some(hours * sign),
            minute: Some(0),
        };
    }

    fn is_utc(&self) -> bool {
        (self.hour, self.minute) == (Some(0), Some(0))
    }

    fn expects(&self, number: i64) -> bool {
        self.hour.is_some() && self.minute.is_none() && number < 60
    }

    fn millis(&self) -> i64 {
        let minutes = self.hour.unwrap_or_default() * 60 + self.minute.unwrap_or_default();
        self.sign.unwrap_or_default() * minutes * 60_000
    }
}

/// What a reading by ISO 8601 came to.
enum Iso {
    /// All of the text was read.
    Whole,
    /// The looser rules go on with this token. What was read of a date is kept.
    Left(Token),
}

struct Reading<'t> {
    tokens: Tokens<'t>,
    day: Day,
    time: Time,
    zone: Zone,
}

impl Reading<'_> {
    /// `YYYY`, `YYYY-MM` or `YYYY-MM-DD`, the year perhaps as a sign and six digits, and perhaps a time. `None` when what
    /// begins like that does not go on so: the looser rules are no way out of a bad time behind a `T`.
    fn iso(&mut self) -> Option<Iso> {
        let first = self.tokens.take();
        let year = match (first.sign(), self.tokens.next.fixed(6)) {
            (Some(-1), Some(0)) => {
                self.tokens.take();
                None
            }
            (Some(sign), Some(year)) => {
                self.tokens.take();
                Some(sign * year)
            }
            _ => first.fixed(4),
        };
        let Some(year) = year else {
            return Some(Iso::Left(first));
        };
        self.day.add(year)?;
        for max in [12, 31] {
            if !self.tokens.skip('-') {
                break;
            }
            let token = self.tokens.take();
            match token.fixed_to(2, max).filter(|number| *number > 0) {
                Some(number) => self.day.add(number)?,
                None => return Some(Iso::Left(token)),
            }
        }
        match self.tokens.take() {
            Token::End => self.zone.set(0),
            Token::Word(Word::T) => self.iso_time()?,
            other => return Some(Iso::Left(other)),
        }
        self.day.is_iso = true;
        Some(Iso::Whole)
    }

    /// `HH:mm`, seconds and a fraction if given, and a zone if given.
    fn iso_time(&mut self) -> Option<()> {
        let hour = self.tokens.take().fixed_to(2, 24)?;
        self.time.add(hour)?;
        let max = if hour == 24 { 0 } else { 59 };
        if !self.tokens.skip(':') {
            return None;
        }
        self.time.add(self.tokens.take().fixed_to(2, max)?)?;
        if self.tokens.skip(':') {
            self.time.add(self.tokens.take().fixed_to(2, max)?)?;
            if self.tokens.skip('.') {
                let millis = self.tokens.take().fraction()?;
                self.time.add((hour < 24 || millis == 0).then_some(millis)?)?;
            }
        }
        if self.tokens.next == Token::Word(Word::Z) {
            self.tokens.take();
            self.zone.set(0);
        } else if let Some(sign) = self.tokens.next.sign() {
            self.tokens.take();
            self.zone.sign = Some(sign);
            self.iso_zone()?;
        }
        (self.tokens.next == Token::End).then_some(())
    }

    /// `HH:mm` or `HHmm`.
    fn iso_zone(&mut self) -> Option<()> {
        let token = self.tokens.take();
        let (hour, minute) = match token.fixed(4) {
            Some(both) => (both / 100, both % 100),
            None => {
                let hour = token.fixed(2)?;
                if !self.tokens.skip(':') {
                    return None;
                }
                (hour, self.tokens.take().fixed(2)?)
            }
        };
        (self.zone.hour, self.zone.minute) = (Some(hour), Some(minute));
        (hour < 24 && minute < 60).then_some(())
    }

    fn loosely(&mut self, first: Token) -> Option<()> {
        let mut has_number = !self.day.numbers.is_empty();
        let mut token = first;
        while token != Token::End {
            match token {
                Token::Number { value, .. } => {
                    has_number = true;
                    self.number(value)?;
                }
                Token::Word(word) => self.word(word, has_number)?,
                Token::Symbol('+' | '-') if self.zone.is_utc() || !self.time.slots.is_empty() => {
                    has_number = true;
                    self.offset(token.sign()?)?;
                }
                Token::Symbol('+' | '-' | ')') if has_number => return None,
                _ => {}
            }
            token = self.tokens.take();
        }
        Some(())
    }

    fn number(&mut self, number: i64) -> Option<()> {
        if self.tokens.skip(':') {
            if self.tokens.skip(':') {
                // `10::30` has no minutes.
                if !self.time.slots.is_empty() {
                    return None;
                }
                self.time.add(number)?;
                return self.time.add(0);
            }
            self.time.add(number)?;
            self.tokens.skip('.');
        } else if self.tokens.skip('.') && self.time.expects(number) {
            self.time.add(number)?;
            let millis = self.tokens.take().fraction()?;
            self.time.end_with(millis);
        } else if self.zone.expects(number) {
            self.zone.minute = Some(number);
        } else if self.time.expects(number) {
            self.time.end_with(number);
            let next = self.tokens.next;
            let is_end = matches!(next, Token::End | Token::Space | Token::Word(Word::Z)) || next.sign().is_some();
            return is_end.then_some(());
        } else {
            self.day.add(number)?;
            self.tokens.skip('-');
        }
        Some(())
    }

    fn word(&mut self, word: Word, has_number: bool) -> Option<()> {
        match word {
            Word::HalfDay(hours) if !self.time.slots.is_empty() => self.time.half = Some(hours),
            Word::Month(month) => {
                self.day.named_month = Some(month);
                self.tokens.skip('-');
            }
            Word::Zone(hours) if has_number => self.zone.set(hours),
            Word::Z if has_number => self.zone.set(0),
            // Other words may only stand before all numbers, and apart from them.
            _ if has_number || matches!(self.tokens.next, Token::Number { .. }) => return None,
            _ => {}
        }
        Some(())
    }

    /// What follows a sign: `h`, `hh`, `hmm`, `hhmm`, or hours and a colon.
    fn offset(&mut self, sign: i64) -> Option<()> {
        self.zone.sign = Some(sign);
        let (value, digits) = match self.tokens.next {
            Token::Number { value, digits } => {
                self.tokens.take();
                (value, digits)
            }
            _ => (0, 0),
        };
        let (hour, minute) = match digits {
            _ if self.tokens.next == Token::Symbol(':') => (value, None),
            1 | 2 => (value, Some(0)),
            3 | 4 => (value / 100, Some(value % 100)),
            _ => return None,
        };
        (self.zone.hour, self.zone.minute) = (Some(hour), minute);
        Some(())
    }
}
