//! What the tests of all emulators need: a sandbox on a clock that stands still, and a client.

use std::sync::{Arc, Once};

use domain::clock::ManualClock;
use domain::platform::Platform;
use serde_json::Value;

use crate::{AccountSeed, Fault, Filter, NewSandboxAccount, Options, Published, Rule, Sandbox, start};

/// A running sandbox with a client for it.
pub(crate) struct TestWorld {
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: ManualClock,
    pub(crate) client: reqwest::Client,
}

/// A client that follows no redirect and keeps no connection, so that each request meets a fresh one.
fn client() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .no_proxy()
        .build()
        .unwrap()
}

impl TestWorld {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let clock = ManualClock::new("2026-11-22T09:00:00Z".parse().unwrap());
        let mut options = Options::new(Arc::new(clock.clone()));
        change(&mut options);
        Self {
            sandbox: start(options).await.unwrap(),
            clock,
            client: client(),
        }
    }

    pub(crate) fn account(&self, platform: Platform, script: Vec<Rule>) -> AccountSeed {
        let handle = if platform == Platform::Bluesky {
            "ada.example.com"
        } else {
            "ada"
        };
        self.sandbox
            .add_account(&NewSandboxAccount::new(platform, handle).with_script(script))
            .unwrap()
    }

    pub(crate) fn published(&self, platform: Platform) -> Vec<Published> {
        self.sandbox.published(&Filter {
            platform: Some(platform),
            ..Filter::default()
        })
    }

    /// Moves the clock to each sleeper's hour as soon as there is one, until `work` is done.
    pub(crate) async fn while_time_passes<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::task::yield_now() => {
                    if let Some(at) = self.clock.next_sleeper() {
                        self.clock.advance_to(at);
                    }
                }
            }
        }
    }
}

/// Status and JSON body.
pub(crate) async fn read(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Every fault that a creating request can meet, with whether the post exists afterwards.
pub(crate) fn creation_faults() -> Vec<(Fault, bool)> {
    vec![
        (Fault::DropBefore, false),
        (Fault::DropAfter, true),
        (Fault::Cut { bytes: 3 }, false),
        (Fault::ErrorBefore { status: 503 }, false),
        (Fault::ErrorAfter { status: 500 }, true),
        (Fault::HtmlError { status: 502 }, false),
        (Fault::Slow { ms: 90_000 }, true),
        (Fault::SlowBefore { ms: 90_000 }, true),
        (Fault::RateLimit { retry_after_s: 17 }, false),
        (Fault::ExpiredToken, false),
        (Fault::Malformed, true),
        (Fault::Truncated, true),
        (
            Fault::Redirect307 {
                to: "http://127.0.0.1:9/elsewhere".to_owned(),
            },
            false,
        ),
        (Fault::RejectContent, false),
        (Fault::ReadLag { s: 30 }, true),
        (
            Fault::Custom {
                status: 418,
                body: "{\"a\":1}".to_owned(),
                content_type: None,
                after: false,
            },
            false,
        ),
        (
            Fault::Custom {
                status: 418,
                body: "{\"a\":1}".to_owned(),
                content_type: None,
                after: true,
            },
            true,
        ),
    ]
}

/// What a caller sees of a faulty exchange: a status with the body's text, or how it broke.
#[derive(Debug, PartialEq)]
pub(crate) enum Seen {
    NoAnswer,
    HalfAnAnswer(u16),
    Answer(u16, String),
}

pub(crate) async fn see(request: reqwest::RequestBuilder) -> Seen {
    let Ok(response) = request.send().await else {
        return Seen::NoAnswer;
    };
    let status = response.status().as_u16();
    match response.text().await {
        Ok(text) => Seen::Answer(status, text),
        Err(_) => Seen::HalfAnAnswer(status),
    }
}

/// Checks that `seen` is what the fault promises.
pub(crate) fn assert_seen(fault: &Fault, seen: &Seen) {
    let ok = match (fault, seen) {
        (Fault::DropBefore | Fault::DropAfter | Fault::Cut { .. }, Seen::NoAnswer) => true,
        (Fault::Truncated, Seen::HalfAnAnswer(status)) => *status < 300,
        (Fault::ErrorBefore { status } | Fault::ErrorAfter { status }, Seen::Answer(seen, body)) => {
            seen == status && serde_json::from_str::<Value>(body).is_ok()
        }
        (Fault::HtmlError { status }, Seen::Answer(seen, body)) => seen == status && body.starts_with("<html>"),
        (Fault::Slow { .. } | Fault::SlowBefore { .. } | Fault::ReadLag { .. }, Seen::Answer(seen, body)) => {
            // Some platforms answer a success with headers alone.
            *seen < 300 && (body.is_empty() || serde_json::from_str::<Value>(body).is_ok())
        }
        (Fault::Malformed, Seen::Answer(seen, body)) => *seen < 300 && serde_json::from_str::<Value>(body).is_err(),
        (Fault::Redirect307 { .. }, Seen::Answer(307, _)) => true,
        (Fault::Custom { status, body, .. }, Seen::Answer(seen, text)) => seen == status && body == text,
        (Fault::RateLimit { .. } | Fault::ExpiredToken | Fault::RejectContent, Seen::Answer(seen, body)) => {
            (400..500).contains(seen) && serde_json::from_str::<Value>(body).is_ok()
        }
        _ => false,
    };
    assert!(ok, "{fault:?} was seen as {seen:?}");
}

/// Runs every creation fault against a fresh account: what the caller sees and what exists must both be right.
pub(crate) async fn every_creation_fault(
    platform: Platform,
    make: impl AsyncFn(&TestWorld, &AccountSeed, &str) -> reqwest::RequestBuilder,
) {
    let world = TestWorld::new().await;
    for (at, (fault, exists)) in creation_faults().into_iter().enumerate() {
        let new = NewSandboxAccount {
            handle: format!("user{at}.example.com"),
            ..NewSandboxAccount::new(platform, "")
        }
        .with_script(vec![Rule::nth(crate::Class::Create, 1, fault.clone())]);
        let seed = world.sandbox.add_account(&new).unwrap();
        let text = format!("post {at}");
        let request = make(&world, &seed, &text).await;
        let seen = world.while_time_passes(see(request)).await;
        assert_seen(&fault, &seen);
        let filter = Filter {
            text: Some(text),
            ..Filter::default()
        };
        assert_eq!(world.sandbox.published(&filter).len(), usize::from(exists), "{fault:?}");
    }
}
