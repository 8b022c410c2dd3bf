//! The limits that the platforms document, for a sandbox that enforces them ([`crate::Options::documented_limits`]).
//!
//! Written from what the platforms say, apart from the server that is to keep them. Limits on what was published
//! (Instagram, Threads, LinkedIn, reels) are enforced by their emulators in any case.

use std::collections::{HashMap, VecDeque};

use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};

use crate::fault::Class;
use crate::limits::WindowView;

/// Who shares a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Account,
    App,
}

/// How a platform counts.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// In windows that begin with their first request.
    Fixed,
    /// Over any time of the window's length.
    Rolling,
}

/// One limit.
#[derive(Debug, Clone, Copy)]
struct Limit {
    class: Class,
    whose: Whose,
    kind: Kind,
    most: u64,
    length_s: i64,
    weight: u64,
}

const fn fixed(class: Class, whose: Whose, most: u64, length_s: i64) -> Limit {
    Limit {
        class,
        whose,
        kind: Kind::Fixed,
        most,
        length_s,
        weight: 1,
    }
}

const fn rolling(class: Class, whose: Whose, most: u64, length_s: i64) -> Limit {
    Limit {
        kind: Kind::Rolling,
        ..fixed(class, whose, most, length_s)
    }
}

const QUARTER: i64 = 900;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// docs.x.com, "Rate limits".
const X: &[Limit] = &[
    fixed(Class::Create, Whose::Account, 100, QUARTER),
    fixed(Class::Create, Whose::App, 10_000, DAY),
    fixed(Class::Upload, Whose::Account, 500, QUARTER),
    fixed(Class::Delete, Whose::Account, 50, QUARTER),
    fixed(Class::Read, Whose::Account, 900, QUARTER),
    fixed(Class::Check, Whose::Account, 1_000, QUARTER),
];

/// docs.joinmastodon.org, "Rate limits", and the server's own limit of statuses. The first that fits is told.
const MASTODON: &[Limit] = &[
    fixed(Class::Create, Whose::Account, 300, 3 * HOUR),
    fixed(Class::Upload, Whose::Account, 30, HOUR / 2),
    fixed(Class::Delete, Whose::Account, 30, HOUR / 2),
    fixed(Class::Any, Whose::Account, 300, 300),
];

/// docs.bsky.app, "Rate limits": a record costs three points.
const BLUESKY: &[Limit] = &[
    Limit {
        weight: 3,
        ..fixed(Class::Create, Whose::Account, 5_000, HOUR)
    },
    Limit {
        weight: 3,
        ..fixed(Class::Create, Whose::Account, 35_000, DAY)
    },
    fixed(Class::Upload, Whose::Account, 1_000, DAY),
    fixed(Class::Refresh, Whose::Account, 30, 300),
    fixed(Class::Any, Whose::Account, 3_000, 300),
];

/// core.telegram.org/bots/faq, "My bot is hitting limits".
const TELEGRAM: &[Limit] = &[
    rolling(Class::Create, Whose::Account, 20, 60),
    rolling(Class::Create, Whose::Account, 1, 1),
    rolling(Class::Create, Whose::App, 30, 1),
];

/// developers.facebook.com, "Content publishing": containers.
const INSTAGRAM: &[Limit] = &[rolling(Class::Upload, Whose::Account, 400, DAY)];

const fn limits(platform: Platform) -> &'static [Limit] {
    match platform {
        Platform::X => X,
        Platform::Mastodon => MASTODON,
        Platform::Bluesky => BLUESKY,
        Platform::Telegram => TELEGRAM,
        Platform::Instagram => INSTAGRAM,
        _ => &[],
    }
}

/// What was counted in one window, with its time; a fixed window keeps one entry.
#[derive(Debug, Default)]
struct Counted(VecDeque<(Timestamp, u64)>);

impl Counted {
    fn used(&mut self, limit: &Limit, now: Timestamp) -> u64 {
        let length = SignedDuration::from_secs(limit.length_s);
        while self.0.front().is_some_and(|(at, _)| now.duration_since(*at) >= length) {
            self.0.pop_front();
        }
        self.0.iter().map(|(_, weight)| weight).sum()
    }

    fn add(&mut self, limit: &Limit, weight: u64, now: Timestamp) {
        match (limit.kind, self.0.front_mut()) {
            (Kind::Fixed, Some((_, used))) => *used += weight,
            _ => self.0.push_back((now, weight)),
        }
    }

    /// When there is room for one more of `weight`.
    fn frees_at(&self, limit: &Limit, now: Timestamp) -> Timestamp {
        let length = SignedDuration::from_secs(limit.length_s);
        let oldest = self.0.front().map_or(now, |(at, _)| *at);
        oldest.saturating_add(length).unwrap_or(Timestamp::MAX)
    }
}

/// Whose request it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) platform: Platform,
    pub(crate) account: &'a str,
    /// What accounts of one app share; a bot's token, at Telegram.
    pub(crate) app: &'a str,
}

/// All windows.
#[derive(Debug, Default)]
pub(crate) struct Documented(HashMap<(Platform, usize, String), Counted>);

impl Documented {
    /// Counts a request, or refuses it uncounted. `None` when no limit is about it; else
    /// the window that the answer's headers tell of.
    pub(crate) fn take(&mut self, subject: Subject<'_>, class: Class, now: Timestamp) -> Option<(WindowView, bool)> {
        let about = || {
            let all = limits(subject.platform).iter().enumerate();
            all.filter(move |(_, limit)| limit.class == class || limit.class == Class::Any)
        };
        let mut shown = None;
        let mut refusal: Option<WindowView> = None;
        for (n, limit) in about() {
            let counted = self.window(subject, n, limit);
            let used = counted.used(limit, now);
            let weight = limit.weight;
            let is_full = used + weight > limit.most;
            let view = WindowView {
                limit: limit.most,
                remaining: limit
                    .most
                    .saturating_sub(if is_full { limit.most } else { used + weight }),
                reset: counted.frees_at(limit, now),
                window_s: limit.length_s,
            };
            if is_full && refusal.is_none_or(|known| known.reset < view.reset) {
                refusal = Some(view);
            }
            // The first is the one that headers tell of, unless a later one of Bluesky's has less left.
            let tighter =
                |known: &WindowView| subject.platform == Platform::Bluesky && view.remaining < known.remaining;
            if limit.whose == Whose::Account && shown.as_ref().is_none_or(tighter) {
                shown = Some(view);
            }
        }
        if let Some(refusal) = refusal {
            return Some((refusal, false));
        }
        for (n, limit) in about() {
            let weight = limit.weight;
            self.window(subject, n, limit).add(limit, weight, now);
        }
        shown.map(|view| (view, true))
    }

    /// Counts `times` more messages of a request that was granted already, or says which window is full; limits of calls
    /// in a second stay as they are.
    pub(crate) fn more(
        &mut self,
        subject: Subject<'_>,
        class: Class,
        times: u64,
        now: Timestamp,
    ) -> Option<WindowView> {
        let about = |limit: &Limit| limit.class == class && limit.length_s > 1;
        for (n, limit) in limits(subject.platform).iter().enumerate() {
            if !about(limit) {
                continue;
            }
            let counted = self.window(subject, n, limit);
            if counted.used(limit, now) + times > limit.most {
                return Some(WindowView {
                    limit: limit.most,
                    remaining: 0,
                    reset: counted.frees_at(limit, now),
                    window_s: limit.length_s,
                });
            }
            counted.add(limit, times, now);
        }
        None
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    fn window(&mut self, subject: Subject<'_>, n: usize, limit: &Limit) -> &mut Counted {
        let name = match limit.whose {
            Whose::Account => subject.account,
            Whose::App => subject.app,
        };
        self.0.entry((subject.platform, n, name.to_owned())).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_763_802_000 + seconds).unwrap()
    }

    fn subject(platform: Platform, account: &'static str) -> Subject<'static> {
        Subject {
            platform,
            account,
            app: "",
        }
    }

    #[test]
    fn the_hundred_and_first_post_in_a_quarter_of_an_hour_is_refused_and_others_are_not() {
        let mut documented = Documented::default();
        let ann = subject(Platform::X, "ann");
        for n in 0..100 {
            let (view, granted) = documented.take(ann, Class::Create, at(n)).unwrap();
            assert!(granted && view.limit == 100 && view.remaining == u64::try_from(99 - n).unwrap());
        }
        let (view, granted) = documented.take(ann, Class::Create, at(100)).unwrap();
        assert_eq!((granted, view.remaining, view.reset), (false, 0, at(900)));
        assert!(
            documented
                .take(subject(Platform::X, "bob"), Class::Create, at(100))
                .unwrap()
                .1
        );
        assert!(documented.take(ann, Class::Read, at(100)).unwrap().1);
        assert!(documented.take(ann, Class::Create, at(900)).unwrap().1);
    }

    #[test]
    fn a_chat_takes_one_message_a_second_and_twenty_a_minute_with_each_file_of_an_album() {
        let mut documented = Documented::default();
        let chat = subject(Platform::Telegram, "1");
        assert!(documented.take(chat, Class::Create, at(0)).unwrap().1);
        assert!(documented.more(chat, Class::Create, 9, at(0)).is_none());
        assert!(!documented.take(chat, Class::Create, at(0)).unwrap().1);
        for n in 1..=10 {
            assert!(documented.take(chat, Class::Create, at(n)).unwrap().1, "{n}");
        }
        assert!(!documented.take(chat, Class::Create, at(11)).unwrap().1);
        assert!(documented.take(chat, Class::Create, at(60)).unwrap().1);
    }
}
