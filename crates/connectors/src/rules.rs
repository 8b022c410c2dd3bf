//! Error maps as data: what a platform's refusal means, one row a refusal, and the rule where no row matches.

use domain::error::{ErrorKind, Fate, PlatformError, Retry, Stage, When};
use domain::platform::Platform;
use jiff::Timestamp;

use crate::http::Answer;

/// One refusal that a platform documents.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// The HTTP status; `None` matches any.
    pub status: Option<u16>,
    /// The platform's own code, as the connector extracts it; `None` matches any.
    pub code: Option<&'static str>,
    /// A piece of the platform's words, compared without regard to case; `None` matches any.
    pub contains: Option<&'static str>,
    /// What it means.
    pub kind: ErrorKind,
    /// Whether a post may exist, when it answers a creating call.
    pub fate: RowFate,
    /// What to do.
    pub when: When,
    /// Whether another try prepares anew.
    pub anew: bool,
    /// At most so many automatic tries.
    pub at_most: Option<u8>,
    /// Our words: what happened and what the user can do.
    pub message: &'static str,
}

/// The fate column of a [`Row`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFate {
    /// No post was made.
    NotPublished,
    /// A post may have been made.
    MayBePublished,
    /// An earlier call of the same part made it.
    LandedEarlier,
}

impl Row {
    /// A row that matches nothing but by what is added, and means a refusal for good.
    #[must_use]
    pub const fn new(kind: ErrorKind, message: &'static str) -> Self {
        Self {
            status: None,
            code: None,
            contains: None,
            kind,
            fate: RowFate::NotPublished,
            when: When::Never,
            anew: false,
            at_most: None,
            message,
        }
    }

    /// Only for this status.
    #[must_use]
    pub const fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Only for this code.
    #[must_use]
    pub const fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// Only when the platform's words contain this.
    #[must_use]
    pub const fn contains(mut self, piece: &'static str) -> Self {
        self.contains = Some(piece);
        self
    }

    /// With this fate.
    #[must_use]
    pub const fn fate(mut self, fate: RowFate) -> Self {
        self.fate = fate;
        self
    }

    /// With another try then.
    #[must_use]
    pub const fn retry(mut self, when: When) -> Self {
        self.when = when;
        self
    }

    /// With another try that prepares anew.
    #[must_use]
    pub const fn anew(mut self) -> Self {
        self.anew = true;
        self
    }

    /// With at most so many automatic tries.
    #[must_use]
    pub const fn at_most(mut self, times: u8) -> Self {
        self.at_most = Some(times);
        self
    }

    /// The row as one line: what it matches, and its message.
    #[must_use]
    pub fn name(&self) -> String {
        let status = self.status.map(|status| status.to_string());
        let of = [status.as_deref(), self.code, self.contains];
        let [status, code, contains] = of.map(|part| part.unwrap_or("*"));
        format!("{status} {code} '{contains}': {}", self.message)
    }

    fn matches(&self, status: u16, code: Option<&str>, words: &str) -> bool {
        self.status.is_none_or(|s| s == status)
            && self.code.is_none_or(|c| code == Some(c))
            && self
                .contains
                .is_none_or(|piece| words.to_lowercase().contains(&piece.to_lowercase()))
    }
}

/// What a connector read out of a refusal.
#[derive(Debug, Clone, Default)]
pub struct Refusal {
    /// The platform's own code.
    pub code: Option<String>,
    /// The platform's words, without tokens.
    pub words: String,
    /// The instant that the platform names for another try.
    pub not_before: Option<Timestamp>,
}

/// The index of the first row that matches.
#[must_use]
pub fn first_match(rows: &[Row], status: u16, code: Option<&str>, words: &str) -> Option<usize> {
    rows.iter().position(|row| row.matches(status, code, words))
}

/// The error for an answer that is not the one hoped for: by the first row that matches, else by the rule that an
/// unknown refusal is never retried as if harmless, and that 408, 5xx and unreadable 2xx leave the outcome open.
#[must_use]
pub fn classify(platform: Platform, rows: &[Row], stage: Stage, answer: &Answer, refusal: &Refusal) -> PlatformError {
    let status = answer.status;
    let row = first_match(rows, status, refusal.code.as_deref(), &refusal.words).and_then(|n| rows.get(n));
    #[cfg(test)]
    if let Some(row) = row {
        crate::testing::note_row(platform, row);
    }
    let mut error = match row {
        Some(row) => {
            let fate = match row.fate {
                RowFate::NotPublished => Fate::NotPublished,
                RowFate::MayBePublished => Fate::MayBePublished,
                RowFate::LandedEarlier => Fate::LandedEarlier { remote: None },
            };
            let mut retry = Retry::when(row.when);
            retry.at_most = row.at_most;
            if row.anew {
                retry = retry.from_prepare();
            }
            PlatformError::refused(platform, stage, row.kind, row.message)
                .with_fate(fate)
                .with_retry(retry)
        }
        None => unknown(platform, stage, status),
    };
    // Outside the creating call nothing can have been published by this answer, whatever the row says. A call that takes
    // a post down may have done so unless the refusal says that it did nothing.
    if !matches!(stage, Stage::Send | Stage::Retract) {
        error.fate = Fate::NotPublished;
    }
    if let (Some(at), When::Backoff) = (refusal.not_before, error.retry.when) {
        error.retry.when = When::NotBefore(at);
    }
    error.code.clone_from(&refusal.code);
    let error = error.with_status(status);
    if refusal.words.is_empty() {
        error
    } else {
        error.with_raw(&refusal.words)
    }
}

fn unknown(platform: Platform, stage: Stage, status: u16) -> PlatformError {
    let name = platform.name();
    let new = |kind, message: String| PlatformError::refused(platform, stage, kind, message);
    match status {
        200..=299 => new(
            ErrorKind::Protocol,
            format!("{name} gave an answer that cannot be read"),
        )
        .with_fate(Fate::MayBePublished)
        .with_retry(Retry::BACKOFF),
        300..=399 => new(
            ErrorKind::Protocol,
            format!("{name} redirected the request; nothing was published"),
        ),
        408 => new(
            ErrorKind::Timeout,
            format!("{name} says that the request took too long"),
        )
        .with_fate(Fate::MayBePublished)
        .with_retry(Retry::BACKOFF),
        429 => new(ErrorKind::RateLimited, format!("{name} asks for fewer requests")).with_retry(Retry::BACKOFF),
        500..=599 => new(
            ErrorKind::PlatformDown,
            format!("{name} answered with a server error ({status})"),
        )
        .with_fate(Fate::MayBePublished)
        .with_retry(Retry::BACKOFF),
        _ => new(
            ErrorKind::Unknown,
            format!("{name} refused this for a reason that Broadside does not know ({status})"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    const P: Platform = Platform::Mastodon;

    fn answer(status: u16) -> Answer {
        Answer {
            status,
            headers: reqwest::header::HeaderMap::new(),
            body: bytes::Bytes::new(),
        }
    }

    fn judge(rows: &[Row], stage: Stage, status: u16, words: &str) -> PlatformError {
        let refusal = Refusal {
            words: words.to_owned(),
            ..Refusal::default()
        };
        classify(P, rows, stage, &answer(status), &refusal)
    }

    #[test]
    fn the_first_row_that_matches_decides_whatever_the_case_of_the_words() {
        let rows = [
            Row::new(ErrorKind::TooLarge, "long").status(422).contains("Too Long"),
            Row::new(ErrorKind::ContentRejected, "other").status(422),
        ];
        assert_eq!(
            judge(&rows, Stage::Send, 422, "text is too LONG").kind,
            ErrorKind::TooLarge
        );
        assert_eq!(judge(&rows, Stage::Send, 422, "no").kind, ErrorKind::ContentRejected);
        assert_eq!(judge(&rows, Stage::Send, 400, "too long").kind, ErrorKind::Unknown);
    }

    #[test]
    fn an_answer_that_no_row_knows_is_open_only_where_something_may_have_been_done() {
        for (status, open) in [
            (200, true),
            (204, true),
            (302, false),
            (307, false),
            (400, false),
            (401, false),
            (408, true),
            (409, false),
            (429, false),
            (451, false),
            (500, true),
            (503, true),
            (599, true),
        ] {
            let error = judge(&[], Stage::Send, status, "");
            assert_eq!(error.fate == Fate::MayBePublished, open, "{status}");
            assert_eq!(error.http_status, Some(status));
            assert_eq!(
                judge(&[], Stage::Prepare, status, "").fate,
                Fate::NotPublished,
                "{status}"
            );
        }
        for status in [302, 400, 401, 409, 451] {
            assert_eq!(judge(&[], Stage::Send, status, "").retry, Retry::NEVER, "{status}");
        }
    }

    #[test]
    fn a_row_decides_the_fate_at_any_status_but_only_of_the_creating_call() {
        let open = [Row::new(ErrorKind::RateLimited, "held").fate(RowFate::MayBePublished)];
        let landed = [Row::new(ErrorKind::DuplicateContent, "twice").fate(RowFate::LandedEarlier)];
        let refused = [Row::new(ErrorKind::Invalid, "no")];
        for status in [200, 400, 500] {
            assert_eq!(judge(&open, Stage::Send, status, "").fate, Fate::MayBePublished);
            assert_eq!(
                judge(&landed, Stage::Send, status, "").fate,
                Fate::LandedEarlier { remote: None }
            );
            assert_eq!(judge(&refused, Stage::Send, status, "").fate, Fate::NotPublished);
            for stage in [Stage::Validate, Stage::Prepare, Stage::Check, Stage::Refresh] {
                assert_eq!(judge(&open, stage, status, "").fate, Fate::NotPublished);
                assert_eq!(judge(&landed, stage, status, "").fate, Fate::NotPublished);
            }
        }
    }

    #[test]
    fn a_named_instant_moves_a_backoff_and_never_makes_a_retry_of_a_refusal() {
        let at: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        let refusal = Refusal {
            not_before: Some(at),
            ..Refusal::default()
        };
        let later = When::After(SignedDuration::from_hours(1));
        for (when, expected) in [
            (When::Backoff, When::NotBefore(at)),
            (When::Never, When::Never),
            (When::AfterReconnect, When::AfterReconnect),
            (later, later),
        ] {
            let rows = [Row::new(ErrorKind::RateLimited, "slower").retry(when)];
            assert_eq!(
                classify(P, &rows, Stage::Send, &answer(429), &refusal).retry.when,
                expected
            );
        }
    }
}
