//! Accounts as a table.

use domain::account::AccountHealth;
use jiff::{SignedDuration, Timestamp};

use crate::admin::view::{AccountView, CheckView};
use crate::cli::output::{Output, Tone, short, table};

/// From then on the end of a sign-in is worth a colour.
const SOON: SignedDuration = SignedDuration::from_hours(7 * 24);
/// A table must fit a terminal: errors are cut there, `--json` has them whole.
const ERROR_CHARS_MAX: usize = 48;
const NAME_CHARS_MAX: usize = 32;

/// All accounts, one a line, in the order of their users and of their connection.
pub(super) fn list(out: Output, accounts: &[AccountView], now: Timestamp) -> String {
    if accounts.is_empty() {
        return "no account yet\n  next: broadside account connect".to_owned();
    }
    let row = |view: &AccountView| {
        let account = &view.report.account;
        let error = account
            .last_error
            .as_ref()
            .map(|error| format!("{}, {}", since(now, error.at), short(&error.message, ERROR_CHARS_MAX)));
        vec![
            short(&view.user, NAME_CHARS_MAX),
            account.platform.to_string(),
            short(&account.identity.username, NAME_CHARS_MAX),
            state(out, view, now),
            life(out, view, now),
            account.last_success_at.map_or_else(dash, |at| since(now, at)),
            error.unwrap_or_else(dash),
            account.id.to_string(),
        ]
    };
    table(
        &[
            "OWNER",
            "PLATFORM",
            "NAME",
            "STATE",
            "TOKEN",
            "LAST POST",
            "LAST ERROR",
            "ID",
        ],
        &accounts.iter().map(row).collect::<Vec<_>>(),
    )
}

/// What a check came to, with what the account lacks below.
pub(super) fn check(out: Output, check: &CheckView, now: Timestamp) -> String {
    let view = &check.account;
    let name = format!(
        "{}:{}",
        view.report.account.platform, view.report.account.identity.username
    );
    let mut lines = vec![format!("{name}  {}  {}", state(out, view, now), life(out, view, now))];
    lines.extend(check.problem.iter().map(|problem| format!("  not asked: {problem}")));
    let missing = view.report.account.missing.iter();
    lines.extend(missing.map(|missing| format!("  missing: {}", missing.words)));
    if !works(view, now) {
        lines.push(format!(
            "  next: broadside account reconnect {name} --user {}",
            view.user
        ));
    }
    lines.join("\n")
}

/// Whether an account can be published to, as far as is known.
pub(super) fn works(view: &AccountView, now: Timestamp) -> bool {
    view.report.account.health != AccountHealth::ReconnectNeeded && view.report.token_ends_at.is_none_or(|at| at > now)
}

fn state(out: Output, view: &AccountView, now: Timestamp) -> String {
    if !works(view, now) {
        return out.toned(Tone::Bad, "reconnect");
    }
    if !view.report.account.missing.is_empty() {
        return out.toned(Tone::Doubtful, "lacks something");
    }
    out.toned(Tone::Good, "ok")
}

fn life(out: Output, view: &AccountView, now: Timestamp) -> String {
    match view.report.token_ends_at {
        _ if view.report.account.health == AccountHealth::ReconnectNeeded => out.toned(Tone::Bad, "not accepted"),
        Some(end) if end <= now => out.toned(Tone::Bad, &format!("ended {}", since(now, end))),
        Some(end) => {
            let left = end.duration_since(now);
            let words = format!("{} left", span(left));
            if left < SOON {
                out.toned(Tone::Doubtful, &words)
            } else {
                words
            }
        }
        None if view.report.refreshable => "renewed by itself".to_owned(),
        None => "does not end".to_owned(),
    }
}

fn since(now: Timestamp, at: Timestamp) -> String {
    format!("{} ago", span(now.duration_since(at)))
}

/// A duration in its largest unit.
fn span(duration: SignedDuration) -> String {
    let minutes = duration.as_mins().max(0);
    match minutes {
        0..60 => format!("{minutes} min"),
        60..2_880 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1_440),
    }
}

fn dash() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use domain::account::{Account, AccountReport, Identity};
    use domain::error::{ErrorKind, ErrorSummary};
    use domain::ids::{AccountId, UserId};
    use domain::platform::Platform;

    use super::*;

    const NOW: &str = "2026-03-15T09:00:00Z";

    fn view(number: u8) -> AccountView {
        let now: Timestamp = NOW.parse().unwrap();
        let account = Account {
            id: AccountId::from_bytes([number; 12]),
            owner: UserId::default(),
            platform: Platform::ALL[usize::from(number) % Platform::ALL.len()],
            identity: Identity {
                remote_id: number.to_string(),
                username: format!("ada{number}"),
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
            connected_at: now,
            verified_at: None,
            last_success_at: Some(now - SignedDuration::from_hours(3)),
            last_error: None,
        };
        AccountView::new(
            "ada@example.com",
            AccountReport {
                account,
                refreshable: false,
                token_ends_at: Some(now + SignedDuration::from_hours(24 * 45)),
                failures_7d: 0,
                successes_7d: 0,
                due: 0,
            },
        )
    }

    #[test]
    fn forty_accounts_are_one_table_of_forty_lines_that_fit_a_wide_terminal() {
        let mut accounts: Vec<_> = (0..40).map(view).collect();
        accounts[7].report.account.health = AccountHealth::ReconnectNeeded;
        accounts[9].report.account.last_error = Some(ErrorSummary {
            kind: ErrorKind::Auth,
            code: None,
            message: "a very long story about what went wrong ".repeat(9),
            raw: None,
            http_status: Some(401),
            at: NOW.parse().unwrap(),
        });
        let text = list(Output::new(false), &accounts, NOW.parse().unwrap());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 41);
        assert!(lines.iter().all(|line| line.chars().count() <= 190), "{text}");
        for heading in ["OWNER", "PLATFORM", "NAME", "TOKEN", "LAST POST", "LAST ERROR"] {
            assert!(lines[0].contains(heading), "{heading}");
        }
        assert!(
            lines[1].contains("45 days left") && lines[1].contains("3 h ago"),
            "{}",
            lines[1]
        );
        assert!(
            lines[8].contains("reconnect") && lines[8].contains("not accepted"),
            "{}",
            lines[8]
        );
        assert!(lines[10].contains("0 min ago, a very long story"), "{}", lines[10]);
    }
}
