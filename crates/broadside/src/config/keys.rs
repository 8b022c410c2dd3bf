//! The settings that exist: their paths, their kinds, and what was probably meant by one that does not.

use domain::platform::Platform;

/// What a setting holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text.
    Text,
    /// True or false.
    Flag,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Truth,
    /// A list of texts.
    List,
}

/// Every setting; `*` stands for a platform's word, or for the word of a plan.
pub(super) const KEYS: &[(&str, Kind)] = &[
    ("server.listen", Kind::Text),
    ("server.public_url", Kind::Text),
    ("data.dir", Kind::Text),
    ("log.format", Kind::Text),
    ("log.level", Kind::Text),
    ("publisher.sends_max", Kind::Number),
    ("publisher.claimed_max", Kind::Number),
    ("publisher.late_after", Kind::Text),
    ("publisher.behind_after", Kind::Text),
    ("publisher.poll", Kind::Text),
    ("publisher.processing_max", Kind::Text),
    ("publisher.rate_budgets", Kind::Flag),
    ("publisher.watchdog_after", Kind::Text),
    ("publisher.drain", Kind::Text),
    ("accounts.reconnect_grace", Kind::Text),
    ("media.allow", Kind::List),
    ("media.image_bytes_max", Kind::Number),
    ("media.video_bytes_max", Kind::Number),
    ("media.document_bytes_max", Kind::Number),
    ("media.imports_per_hour", Kind::Number),
    ("media.s3.endpoint", Kind::Text),
    ("media.s3.region", Kind::Text),
    ("media.s3.bucket", Kind::Text),
    ("media.s3.access_key", Kind::Text),
    ("media.s3.secret_key", Kind::Text),
    ("media.s3.secret_key_file", Kind::Text),
    ("media.s3.virtual_hosted", Kind::Truth),
    ("webhooks.allow", Kind::List),
    ("mcp.extra_tools", Kind::List),
    ("users.plan", Kind::Text),
    ("plans.*.name", Kind::Text),
    ("plans.*.api_access", Kind::Truth),
    ("plans.*.mcp_access", Kind::Truth),
    ("plans.*.workspaces", Kind::Truth),
    ("plans.*.platforms", Kind::List),
    ("plans.*.monthly_posts", Kind::Number),
    ("plans.*.monthly_posts_per", Kind::Text),
    ("plans.*.queued_posts", Kind::Number),
    ("plans.*.queued_posts_per", Kind::Text),
    ("plans.*.horizon_days", Kind::Number),
    ("plans.*.connections", Kind::Number),
    ("plans.*.video_bytes_max", Kind::Number),
    ("platforms.*.base_url", Kind::Text),
    ("platforms.*.client_id", Kind::Text),
    ("platforms.*.client_secret", Kind::Text),
    ("platforms.*.client_secret_file", Kind::Text),
    ("platforms.*.scopes", Kind::List),
    ("platforms.*.quotas", Kind::List),
];

/// The kind of the setting at this path; `None` when there is no such setting.
pub(super) fn kind(path: &str) -> Option<Kind> {
    let generic = generic(path);
    KEYS.iter().find(|(known, _)| *known == generic).map(|(_, kind)| *kind)
}

/// The path with a known platform's word, or any plan's, replaced by `*`.
fn generic(path: &str) -> String {
    let mut words = path.splitn(3, '.');
    match (words.next(), words.next(), words.next()) {
        (Some("platforms"), Some(word), Some(rest)) if word.parse::<Platform>().is_ok() => {
            format!("platforms.*.{rest}")
        }
        (Some("plans"), Some(_), Some(rest)) => format!("plans.*.{rest}"),
        _ => path.to_owned(),
    }
}

/// The setting whose path is most like this one, if one is like it at all.
pub(super) fn nearest(path: &str) -> Option<String> {
    let platforms = || Platform::ALL.iter().map(|platform| platform.word());
    let plan = path.split('.').nth(1).unwrap_or_default();
    let all = KEYS.iter().flat_map(|(known, _)| match known.split_once('*') {
        Some(("plans.", after)) => vec![format!("plans.{plan}{after}")],
        Some((before, after)) => platforms()
            .map(|word| format!("{before}{word}{after}"))
            .collect::<Vec<_>>(),
        None => vec![(*known).to_owned()],
    });
    let (distance, best) = all.map(|known| (distance(path, &known), known)).min()?;
    (distance <= 2.max(path.len() / 4)).then_some(best)
}

/// How many letters must be added, dropped or replaced to make one text of the other (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, left) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut last = i + 1;
        let mut next = vec![last];
        for (above, right) in row.iter().skip(1).zip(b.chars()) {
            let cost = diagonal + usize::from(left != right);
            last = cost.min(above + 1).min(last + 1);
            next.push(last);
            diagonal = *above;
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_count_letters() {
        assert_eq!(distance("listen", "listen"), 0);
        assert_eq!(distance("lsiten", "listen"), 2);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn a_misspelt_setting_finds_its_neighbour_and_nonsense_finds_none() {
        assert_eq!(nearest("server.lsiten").as_deref(), Some("server.listen"));
        assert_eq!(
            nearest("platforms.mastodn.base_url").as_deref(),
            Some("platforms.mastodon.base_url")
        );
        assert_eq!(nearest("utter.nonsense"), None);
    }

    #[test]
    fn every_setting_stands_in_the_defaults_file() {
        let text = super::super::DEFAULTS;
        for (path, _) in KEYS {
            let key = path.rsplit('.').next().unwrap();
            let shown = text
                .lines()
                .any(|line| line.trim_start_matches("# ").starts_with(&format!("{key} = ")));
            assert!(shown, "{path} is not explained in defaults.toml");
        }
    }
}
