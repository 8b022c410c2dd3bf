//! The ways to connect, and the marks of a journey's steps.

use domain::platform::Platform;
use serde::Serialize;

/// Who signs in.
const PERSON: &str = "nora";

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "mark", content = "why")]
pub(super) enum Mark {
    /// It did what it should.
    Ok,
    /// There is no such step here, and why.
    None(&'static str),
    /// It did not, and what was answered.
    Failed(String),
}

/// A step of a journey.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Step {
    /// Its name.
    pub(super) step: &'static str,
    /// Its end.
    #[serde(flatten)]
    pub(super) mark: Mark,
}

/// A way to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Through the platform's consent page.
    Browser,
    /// By credentials entered into a form.
    Form,
}

/// A journey to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Route {
    /// Where.
    pub(super) platform: Platform,
    /// How.
    pub(super) way: Way,
}

impl Route {
    /// The ways of a platform.
    pub(super) fn of(platform: Platform) -> Vec<Self> {
        let ways: &[Way] = match platform {
            Platform::Telegram => &[Way::Form],
            Platform::Bluesky | Platform::Mastodon => &[Way::Browser, Way::Form],
            _ => &[Way::Browser],
        };
        ways.iter().map(|way| Self { platform, way: *way }).collect()
    }

    /// Its name in the report.
    pub(super) fn name(self) -> String {
        match (self.platform, self.way) {
            (Platform::Bluesky, Way::Form) => "bluesky (app password)".to_owned(),
            (platform, Way::Form) => format!("{platform} (token)"),
            (platform, Way::Browser) => platform.word().to_owned(),
        }
    }

    /// Whether the server can renew a token that has ended without a person.
    pub(super) const fn renews(self) -> bool {
        !matches!(
            self.platform,
            Platform::Facebook | Platform::Instagram | Platform::Threads | Platform::Mastodon | Platform::Telegram
        )
    }

    /// Whose account it is.
    pub(super) fn handle(self) -> String {
        match (self.platform, self.way) {
            (Platform::Bluesky, Way::Browser) => format!("{PERSON}.test"),
            (Platform::Bluesky, Way::Form) => "otto.test".to_owned(),
            (_, Way::Browser) => PERSON.to_owned(),
            (_, Way::Form) => "otto_channel".to_owned(),
        }
    }
}
