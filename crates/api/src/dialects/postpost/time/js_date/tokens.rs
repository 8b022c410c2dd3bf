//! What a date is read from: numbers, signs, words that mean something, and all that lies between them.

use std::iter::Peekable;
use std::str::Chars;

/// How many digits of a number count; further ones are read over.
const DIGITS_MAX: usize = 9;
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
/// The zones that have names, in hours east of UTC.
const ZONES: [(&str, i64); 12] = [
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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    End,
    Number {
        value: i64,
        digits: usize,
    },
    /// One of `:`, `-`, `+`, `.` and `)`.
    Symbol(char),
    Word(Word),
    Space,
    /// What nobody looks at: any other character, or all that stands in parentheses.
    Other,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// From 1.
    Month(i64),
    /// The hours that are added.
    HalfDay(i64),
    /// Hours east of UTC.
    Zone(i64),
    Z,
    T,
    Unknown,
}

impl Word {
    fn of(word: &str) -> Self {
        let lower = word.to_ascii_lowercase();
        let month = lower
            .get(..3)
            .and_then(|start| MONTHS.iter().position(|month| *month == start));
        let zone = ZONES.iter().find(|(name, _)| *name == lower);
        match (lower.as_str(), month, zone) {
            (_, Some(index), _) => Self::Month(i64::try_from(index).map_or(0, |index| index + 1)),
            ("am", ..) => Self::HalfDay(0),
            ("pm", ..) => Self::HalfDay(12),
            ("t", ..) => Self::T,
            ("z", ..) => Self::Z,
            (_, _, Some((_, hours))) => Self::Zone(*hours),
            _ => Self::Unknown,
        }
    }
}

impl Token {
    /// The value of a number of exactly this many digits.
    pub(super) fn fixed(self, count: usize) -> Option<i64> {
        match self {
            Self::Number { value, digits } if digits == count => Some(value),
            _ => None,
        }
    }

    /// The same within bounds.
    pub(super) fn fixed_to(self, count: usize, max: i64) -> Option<i64> {
        self.fixed(count).filter(|value| *value <= max)
    }

    pub(super) fn sign(self) -> Option<i64> {
        match self {
            Self::Symbol('+') => Some(1),
            Self::Symbol('-') => Some(-1),
            _ => None,
        }
    }

    /// Digits behind a point as milliseconds.
    pub(super) fn fraction(self) -> Option<i64> {
        let Self::Number { value, digits } = self else {
            return None;
        };
        let scale = |places: usize| 10_i64.pow(u32::try_from(places).unwrap_or_default());
        Some(match digits {
            ..3 => value * scale(3 - digits),
            _ => value / scale(digits.min(DIGITS_MAX) - 3),
        })
    }
}

/// The text, a token at a time, with a look at the next one.
pub(super) struct Tokens<'t> {
    chars: Peekable<Chars<'t>>,
    pub(super) next: Token,
}

impl<'t> Tokens<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut tokens = Self {
            chars: text.chars().peekable(),
            next: Token::End,
        };
        tokens.take();
        tokens
    }

    /// The next token, which is passed.
    pub(super) fn take(&mut self) -> Token {
        let scanned = self.scan();
        std::mem::replace(&mut self.next, scanned)
    }

    /// Passes this symbol, if it is next.
    pub(super) fn skip(&mut self, symbol: char) -> bool {
        let is_next = self.next == Token::Symbol(symbol);
        if is_next {
            self.take();
        }
        is_next
    }

    fn scan(&mut self) -> Token {
        match self.chars.peek().copied() {
            None | Some('\0') => Token::End,
            Some('0'..='9') => self.number(),
            Some(symbol @ (':' | '-' | '+' | '.' | ')')) => {
                self.chars.next();
                Token::Symbol(symbol)
            }
            Some('(') => {
                self.comment();
                Token::Other
            }
            Some(c) if is_space(c) => {
                self.chars.next();
                Token::Space
            }
            Some('A'..) => {
                let mut word = String::new();
                while let Some(c) = self.chars.next_if(|c| *c >= 'A' && !is_space(*c)) {
                    word.push(c);
                }
                Token::Word(Word::of(&word))
            }
            Some(_) => {
                self.chars.next();
                Token::Other
            }
        }
    }

    fn number(&mut self) -> Token {
        let (mut value, mut digits, mut counted) = (0, 0, 0);
        while let Some(digit) = self.chars.next_if(char::is_ascii_digit).and_then(|c| c.to_digit(10)) {
            digits += 1;
            // Zeros in front do not count.
            if counted < DIGITS_MAX && (value, digit) != (0, 0) {
                value = value * 10 + i64::from(digit);
                counted += 1;
            }
        }
        Token::Number { value, digits }
    }

    fn comment(&mut self) {
        let mut depth = 0;
        while let Some(c) = self.chars.next_if(|c| *c != '\0') {
            match c {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
}

/// White space and ends of lines as JavaScript has them.
fn is_space(c: char) -> bool {
    (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'
}
