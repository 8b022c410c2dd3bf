//! What an operator should know.

use domain::account::{Account, AccountHealth};
use domain::platform::Platform;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use store::Reach;

use super::handle::Answer;
use super::protocol::{Health, PlatformHealth, Reply};
use crate::wiring::{self, Site};

/// An operator has so long to update before a platform ends a version of its API.
const SUNSET_SOON: SignedDuration = SignedDuration::from_hours(60 * 24);

/// Looks at everything.
pub(super) async fn health(site: &Site) -> Answer {
    let engine = &site.engine;
    let now = engine.clock().now();
    let backlog = engine.backlog().await?;
    let users = engine.users().await?;
    let mut accounts = Vec::new();
    for user in &users {
        accounts.extend(engine.accounts(&Reach { owner: user.id }).await?);
    }
    let of = |platform, wanted: &dyn Fn(&Account) -> bool| {
        let count = accounts
            .iter()
            .filter(|account: &&Account| account.platform == platform && wanted(account))
            .count();
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    let ready = engine.platforms();
    let connectable = engine.connect_platforms();
    let sunsets = sunsets(now);
    let platforms = Platform::ALL.iter().map(|platform| {
        let sign_in = connectable.iter().find(|ready| ready.platform == *platform);
        PlatformHealth {
            platform: *platform,
            connector: ready.contains(platform),
            connectable: sign_in.is_some_and(engine::accounts::Ready::is_ready),
            unready: sign_in.and_then(|ready| ready.missing_config.clone()),
            sunset: sunsets
                .iter()
                .find(|(of, _)| of == platform)
                .map(|(_, words)| words.clone()),
            accounts: of(*platform, &|_| true),
            reconnect: of(*platform, &|account| account.health == AccountHealth::ReconnectNeeded),
            missing: missing(site, &accounts, *platform),
        }
    });
    Ok(Reply::Health(Health {
        now,
        due: backlog.due,
        warning: backlog.warning(now, engine.settings().watchdog_after),
        database: site.check_database().await.err().map(|error| format!("{error:#}")),
        users: u32::try_from(users.len()).unwrap_or(u32::MAX),
        platforms: platforms.collect(),
    }))
}

/// What keeps accounts of a platform from being published to.
fn missing(site: &Site, accounts: &[Account], platform: Platform) -> Option<String> {
    let mut of_platform = accounts
        .iter()
        .filter(|account| account.platform == platform)
        .peekable();
    of_platform.peek()?;
    if !site.engine.platforms().contains(&platform) {
        return Some(format!("this server cannot publish to {} yet", platform.name()));
    }
    let of_platform: Vec<_> = of_platform.collect();
    let lost = of_platform
        .iter()
        .find(|account| account.health == AccountHealth::ReconnectNeeded);
    if let Some(account) = lost {
        let name = &account.identity.username;
        return Some(format!(
            "{name} must be connected again; next: broadside account reconnect {platform}:{name}"
        ));
    }
    let (account, missing) = of_platform
        .iter()
        .find_map(|account| Some((account, account.missing.first()?)))?;
    Some(format!("{}: {}", account.identity.username, missing.words))
}

/// The platforms whose version of the API, as this server speaks it, ends soon or has ended, in words.
#[must_use]
pub fn sunsets(now: Timestamp) -> Vec<(Platform, String)> {
    let versions = wiring::api_versions().into_iter();
    versions
        .filter_map(|(platform, api)| {
            let words = sunset(platform, api.version, api.sunset?, api.source, now)?;
            Some((platform, words))
        })
        .collect()
}

fn sunset(platform: Platform, version: &str, ends: Date, source: &str, now: Timestamp) -> Option<String> {
    let end = ends.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let left = end.duration_since(now);
    if left > SUNSET_SOON {
        return None;
    }
    let name = platform.name();
    Some(if left.is_positive() {
        let days = left.as_hours() / 24;
        format!(
            "{name} ends version {version} of its API on {ends}, in {days} days; update this server before ({source})"
        )
    } else {
        format!("{name} ended version {version} of its API on {ends}; update this server ({source})")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_version_is_told_sixty_days_ahead_and_after_it() {
        let ends: Date = "2026-12-31".parse().unwrap();
        let told = |now: &str| {
            sunset(
                Platform::LinkedIn,
                "202512",
                ends,
                "learn.microsoft.com",
                now.parse().unwrap(),
            )
        };
        assert_eq!(told("2026-10-31T00:00:00Z"), None);
        assert!(
            told("2026-11-01T00:00:00Z")
                .unwrap()
                .contains("on 2026-12-31, in 60 days")
        );
        assert!(told("2026-12-31T00:00:00Z").unwrap().contains("ended version 202512"));
    }
}
