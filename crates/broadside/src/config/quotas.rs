//! Quotas as an operator writes them: `posts=50`, `posts=50/15m`, `posts=50/day`, `posts=off`.

use anyhow::{Context, bail, ensure};
use domain::budget::Window;
use domain::capability::quotas;
use domain::platform::Platform;
use engine::settings::StatedQuota;
use jiff::SignedDuration;

/// The longest window that is counted.
const WINDOW_MAX: SignedDuration = SignedDuration::from_hours(24 * 31);

/// Reads one.
///
/// # Errors
/// When the platform has no quota of the name, or number and window make no sense; the text says what would.
pub(super) fn parse(platform: Platform, text: &str) -> anyhow::Result<StatedQuota> {
    let (name, value) = text
        .split_once('=')
        .with_context(|| format!("'{text}' is not NAME=NUMBER, NAME=NUMBER/WINDOW or NAME=off"))?;
    let name = name.trim();
    let known: Vec<_> = quotas(platform).iter().map(|quota| quota.name).collect();
    ensure!(
        known.contains(&name),
        "{platform} has no quota '{name}'; it has: {}",
        known.join(", ")
    );
    let (most, window) = match value.trim() {
        "off" => (None, None),
        value => {
            let (most, window) = value
                .split_once('/')
                .map_or((value, None), |(most, window)| (most, Some(window)));
            let most: u32 = most
                .trim()
                .parse()
                .with_context(|| format!("'{most}' is not a whole number"))?;
            ensure!(most > 0, "'{text}' would allow nothing; 'off' lifts the limit");
            (
                Some(most),
                window.map(|window| parse_window(window.trim())).transpose()?,
            )
        }
    };
    Ok(StatedQuota {
        platform,
        name: name.to_owned(),
        most,
        window,
    })
}

fn parse_window(text: &str) -> anyhow::Result<Window> {
    if text == "day" {
        return Ok(Window::UtcDay);
    }
    let Ok(length) = text.parse::<SignedDuration>() else {
        bail!("'{text}' is no window; write a time such as 15m or 24h, or day for the day by UTC");
    };
    ensure!(
        length >= SignedDuration::from_secs(1) && length <= WINDOW_MAX,
        "a window is between a second and 31 days long"
    );
    Ok(Window::Rolling(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_states_a_number_a_window_or_that_there_is_no_limit() {
        let quarter = Window::Rolling(SignedDuration::from_mins(15));
        for (text, most, window) in [
            ("posts=50", Some(50), None),
            ("posts = 50 / 15m", Some(50), Some(quarter)),
            (
                "posts_day=17/24h",
                Some(17),
                Some(Window::Rolling(SignedDuration::from_hours(24))),
            ),
            ("posts_day=17/day", Some(17), Some(Window::UtcDay)),
            ("posts=off", None, None),
        ] {
            let stated = parse(Platform::X, text).unwrap();
            assert_eq!((stated.most, stated.window), (most, window), "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_would() {
        for (text, words) in [
            ("posts", "NAME=NUMBER"),
            ("toots=5", "it has: posts, posts_day"),
            ("posts=0", "'off' lifts the limit"),
            ("posts=many", "not a whole number"),
            ("posts=5/soon", "no window"),
            ("posts=5/0s", "between a second"),
        ] {
            let error = format!("{:#}", parse(Platform::X, text).unwrap_err());
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
