//! What the pages say of accounts and of time, in words. Pure, so that tables can test it.

use domain::account::{Account, AccountHealth, AccountReport};
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};

/// From then on the end of a sign-in is worth a warning.
const SOON: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How something stands, as a style.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// Well.
    Good,
    /// Somebody should look.
    Warn,
    /// Not well.
    Bad,
}

impl std::fmt::Display for Tone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
        })
    }
}

/// The account in a word or two.
pub(super) fn state(report: &AccountReport, now: Timestamp) -> (Tone, &'static str) {
    let account = &report.account;
    let ends_soon = report.token_ends_at.is_some_and(|at| at.duration_since(now) < SOON);
    match account.health {
        AccountHealth::ReconnectNeeded => (Tone::Bad, "Reconnect it: nothing can be published until then"),
        _ if report.token_ends_at.is_some_and(|at| at <= now) => (Tone::Bad, "Reconnect it: the sign-in has ended"),
        _ if !account.missing.is_empty() => (Tone::Warn, "Connected, but something is missing"),
        _ if ends_soon => (Tone::Warn, "Reconnect it soon"),
        AccountHealth::Ok => (Tone::Good, "Ready to publish"),
        AccountHealth::RefreshNeeded => (Tone::Good, "Ready to publish; the sign-in is renewed first"),
    }
}

/// How long the sign-in lives.
pub(super) fn life(report: &AccountReport, now: Timestamp) -> String {
    if report.account.health == AccountHealth::ReconnectNeeded {
        return "not accepted any more".to_owned();
    }
    match (report.token_ends_at, report.refreshable) {
        (Some(end), _) if end <= now => format!("ended {}", since(now, end)),
        (Some(end), true) => format!("renewed by itself, until {}", day(end)),
        (Some(end), false) => format!("ends {}, on {}", until(now, end), day(end)),
        (None, true) => "renewed by itself".to_owned(),
        (None, false) => "does not end".to_owned(),
    }
}

/// What failed in the last seven days.
pub(super) fn failures(report: &AccountReport) -> Option<String> {
    (report.failures_7d > 0).then(|| format!("{} failed", posts(report.failures_7d)))
}

/// What is to go out.
pub(super) fn planned(due: u32) -> Option<String> {
    (due > 0).then(|| posts(due))
}

/// So many posts.
pub(super) fn posts(count: u32) -> String {
    counted(u64::from(count), "post")
}

/// The name that people know an account by: `@ada`, or `Ada's bakery` where names are no handles.
pub(super) fn name(account: &Account) -> String {
    let name = &account.identity.username;
    // Pages, organizations, locations and members there have names, and no handles.
    let is_named = matches!(
        account.platform,
        Platform::Facebook | Platform::LinkedIn | Platform::GoogleBusiness | Platform::Reddit
    );
    if is_named || name.contains(char::is_whitespace) {
        name.clone()
    } else {
        format!("@{name}")
    }
}

/// The name with its platform's.
pub(super) fn full_name(account: &Account) -> String {
    format!("{} on {}", name(account), account.platform.name())
}

/// How long ago something was.
pub(super) fn since(now: Timestamp, at: Timestamp) -> String {
    match span(now.duration_since(at)) {
        Some(span) => format!("{span} ago"),
        None => "just now".to_owned(),
    }
}

/// How soon something will be.
pub(super) fn until(now: Timestamp, at: Timestamp) -> String {
    match span(at.duration_since(now)) {
        Some(span) => format!("in {span}"),
        None => "in a moment".to_owned(),
    }
}

/// A day and a time, in UTC: the page does not know where its reader is.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%-d %B %Y, %H:%M UTC").to_string()
}

fn day(at: Timestamp) -> String {
    at.strftime("%-d %B %Y").to_string()
}

/// A duration in its largest unit; `None` below a minute.
fn span(duration: SignedDuration) -> Option<String> {
    let minutes = u64::try_from(duration.as_mins()).unwrap_or(0);
    match minutes {
        0 => None,
        1..60 => Some(counted(minutes, "minute")),
        60..2_880 => Some(counted(minutes / 60, "hour")),
        _ => Some(counted(minutes / 1_440, "day")),
    }
}

fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use domain::account::{Identity, Missing};
    use domain::ids::{AccountId, UserId};

    use super::*;

    const NOW: &str = "2026-03-15T09:00:00Z";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn report() -> AccountReport {
        AccountReport {
            account: Account {
                id: AccountId::default(),
                owner: UserId::default(),
                platform: Platform::X,
                identity: Identity {
                    remote_id: "1".to_owned(),
                    username: "ada".to_owned(),
                    display_name: None,
                    avatar_url: None,
                    profile_url: None,
                    base_url: None,
                },
                token_version: 1,
                token_expires_at: None,
                refresh_at: None,
                health: AccountHealth::Ok,
                scopes: Vec::new(),
                missing: Vec::new(),
                defaults: std::collections::BTreeMap::new(),
                connected_at: at(NOW),
                verified_at: None,
                last_success_at: None,
                last_error: None,
            },
            refreshable: false,
            token_ends_at: None,
            failures_7d: 0,
            successes_7d: 0,
            due: 0,
        }
    }

    #[test]
    fn an_end_is_told_in_words_and_as_a_day() {
        let table = [
            (None, false, "does not end"),
            (None, true, "renewed by itself"),
            (Some("2026-03-27T10:00:00Z"), false, "ends in 12 days, on 27 March 2026"),
            (
                Some("2026-03-27T10:00:00Z"),
                true,
                "renewed by itself, until 27 March 2026",
            ),
            (Some("2026-03-15T10:30:00Z"), false, "ends in 1 hour, on 15 March 2026"),
            (Some("2026-03-15T08:58:59Z"), false, "ended 1 minute ago"),
            (Some(NOW), true, "ended just now"),
        ];
        for (end, refreshable, words) in table {
            let report = AccountReport {
                token_ends_at: end.map(at),
                refreshable,
                ..report()
            };
            assert_eq!(life(&report, at(NOW)), words);
        }
    }

    #[test]
    fn the_worst_thing_is_said_first() {
        let mut report = report();
        assert_eq!(state(&report, at(NOW)).0, Tone::Good);
        report.token_ends_at = Some(at("2026-03-20T09:00:00Z"));
        assert_eq!(state(&report, at(NOW)), (Tone::Warn, "Reconnect it soon"));
        report.account.missing.push(Missing {
            code: "role".to_owned(),
            words: "Ask for a role".to_owned(),
        });
        assert_eq!(state(&report, at(NOW)).1, "Connected, but something is missing");
        report.token_ends_at = Some(at(NOW));
        assert_eq!(state(&report, at(NOW)).1, "Reconnect it: the sign-in has ended");
        report.account.health = AccountHealth::ReconnectNeeded;
        assert_eq!(state(&report, at(NOW)).0, Tone::Bad);
        assert_eq!(life(&report, at(NOW)), "not accepted any more");
    }

    #[test]
    fn names_with_spaces_get_no_at_sign() {
        let mut account = report().account;
        assert_eq!(full_name(&account), "@ada on X");
        account.platform = Platform::Facebook;
        assert_eq!(full_name(&account), "ada on Facebook");
        account.platform = Platform::X;
        account.identity.username = "Ada's bakery".to_owned();
        assert_eq!(name(&account), "Ada's bakery");
    }

    #[test]
    fn one_of_something_is_not_several() {
        assert_eq!(posts(1), "1 post");
        assert_eq!(posts(2), "2 posts");
        assert_eq!(planned(0), None);
        assert_eq!(moment(at(NOW)), "15 March 2026, 09:00 UTC");
    }
}
