//! A whole API over a store in memory, a clock that stands still, and platforms that answer as told.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex};

use ::media::{AddressPolicy, FetchLimits, Fetcher, LinkSigner, MediaStore};
use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use bytes::Bytes;
use connectors::http::Http;
use connectors::{Connector, Endpoints, Finding, MediaSource, Preparation, Probe, Registry, SendCtx, Sent};
use domain::account::{Identity, Tokens, User};
use domain::clock::{BoxFut, Clock, ManualClock};
use domain::content::{Draft, Media};
use domain::error::PlatformError;
use domain::ids::UserId;
use domain::intent::{Armed, Dedupe, DedupeMeans, Fingerprint, Prepared};
use domain::part::{Part, RemotePost};
use domain::plan::Plan;
use domain::platform::Platform;
use domain::secret::{SecretBytes, SecretText};
use engine::commands::AddAccount;
use engine::library::Library;
use engine::points::GoOn;
use engine::{Engine, Publisher, Settings};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use jiff::{SignedDuration, Timestamp};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::Value;
use store::memory::MemoryStore;
use tower::ServiceExt;
use url::Url;

use crate::media::{MediaFile, MediaFiles, MediaLinks, MediaStream};
use crate::state::{ApiState, Parts};

/// When every test begins.
pub(crate) const START: &str = "2026-03-15T09:00:00Z";

/// The API with one user who has a key and a few accounts.
pub(crate) struct Door {
    pub(crate) origin: crate::Origin,
    pub(crate) engine: Engine,
    pub(crate) clock: ManualClock,
    pub(crate) owner: User,
    pub(crate) key: String,
    pub(crate) scripts: Arc<Scripts>,
    publisher: tokio::sync::Mutex<Publisher>,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> String {
        self.headers
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The text of `error`.
    pub(crate) fn error(&self) -> String {
        self.json()["error"]
            .as_str()
            .unwrap_or_else(|| panic!("no error in {}", self.body))
            .to_owned()
    }
}

impl Door {
    pub(crate) async fn open() -> Self {
        Self::importing_from(AddressPolicy::public_only()).await
    }

    /// A door behind which files are imported from these addresses.
    pub(crate) async fn importing_from(policy: AddressPolicy) -> Self {
        let clock = ManualClock::new(START.parse().unwrap());
        let scripts = Arc::new(Scripts::default());
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let mut connectors = Registry::new();
        for platform in [Platform::X, Platform::LinkedIn, Platform::Threads] {
            connectors.add(Arc::new(Scripted {
                platform,
                scripts: Arc::clone(&scripts),
            }));
        }
        crate::connect::testing::add_sign_ins(&mut connectors);
        let public_url = Url::parse("http://127.0.0.1:4000/").unwrap();
        let engine = Engine::new(engine::Parts {
            store: Arc::new(MemoryStore::new(clock.now(), 7)),
            connectors,
            endpoints: Endpoints::default(),
            media: Arc::new(NoMedia),
            library: library(policy, &shared, &public_url),
            http: Http::new(Arc::clone(&shared)).unwrap(),
            clock: shared,
            rng: StdRng::seed_from_u64(7),
            settings: Settings {
                public_url: Some(public_url.clone()),
                ..Settings::default()
            },
            points: Arc::new(GoOn),
        })
        .await
        .unwrap();
        let owner = engine.create_user("ada@example.com", Plan::default()).await.unwrap();
        let key = engine.create_key(owner.id, "").await.unwrap().text.expose().to_owned();
        let state = ApiState::new(Parts {
            engine: engine.clone(),
            public_url,
            version: "9.9.9",
            links: Arc::new(TestMedia),
            files: Arc::new(TestMedia),
            publishes: true,
            seed: 7,
        });
        let publisher = tokio::sync::Mutex::new(Publisher::new(engine.clone(), Default::default()));
        let door = Self {
            origin: crate::origin(state),
            engine,
            clock,
            owner,
            key,
            scripts,
            publisher,
        };
        door.connect(Platform::X, "123456789", None).await;
        door.connect(Platform::LinkedIn, "ABC123", Some(SignedDuration::from_hours(45 * 24)))
            .await;
        door.connect(
            Platform::Threads,
            "17841412345678",
            Some(SignedDuration::from_hours(45 * 24)),
        )
        .await;
        door
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn connect(&self, platform: Platform, remote_id: &str, left: Option<SignedDuration>) {
        let tokens = Tokens {
            access: SecretText::from("access"),
            refresh: Some(SecretText::from("refresh")),
            expires_at: left.map(|left| self.now() + left),
            ..Tokens::default()
        };
        let account = AddAccount {
            owner: self.owner.id,
            platform,
            identity: Identity {
                remote_id: remote_id.to_owned(),
                username: "ada".to_owned(),
                display_name: Some("Ada".to_owned()),
                avatar_url: None,
                profile_url: None,
                base_url: None,
            },
            tokens,
            scopes: Vec::new(),
            missing: Vec::new(),
        };
        self.engine.add_account(account).await.unwrap();
    }

    /// Another user, with a key.
    pub(crate) async fn other(&self, name: &str, plan: Plan) -> (UserId, String) {
        let user = self.engine.create_user(name, plan).await.unwrap();
        (
            user.id,
            self.engine
                .create_key(user.id, "")
                .await
                .unwrap()
                .text
                .expose()
                .to_owned(),
        )
    }

    /// Publishes what is due.
    pub(crate) async fn publish(&self) {
        self.publisher.lock().await.run_until_idle().await.unwrap();
    }

    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self
            .origin
            .clone()
            .oneshot(request.body(body.into()).unwrap())
            .await
            .unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 10_000_000).await.unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    /// Asks the PostPost API with the owner's key.
    pub(crate) async fn postpost(&self, method: &str, path: &str, body: impl Into<Body>) -> Answer {
        self.ask(
            method,
            &format!("/postpost/api/v1{path}"),
            &[("x-api-key", &self.key)],
            body,
        )
        .await
    }
}

/// Files in memory, which are imported from these addresses alone.
fn library(policy: AddressPolicy, clock: &Arc<dyn Clock>, public_url: &Url) -> Arc<Library> {
    let fetcher = Fetcher::new(policy, FetchLimits::default(), Arc::clone(clock)).unwrap();
    let signer = LinkSigner::new(SecretBytes::new(vec![7; 32]));
    let rng = StdRng::seed_from_u64(9);
    let library = Library::new(MediaStore::in_memory(), fetcher, signer, Arc::clone(clock), rng);
    library.set_public_url(public_url.clone());
    Arc::new(library)
}

/// What platforms answer next; without a word they publish.
#[derive(Default)]
pub(crate) struct Scripts {
    answers: Mutex<BTreeMap<Platform, VecDeque<Option<PlatformError>>>>,
    live: Mutex<Vec<(Platform, String)>>,
}

impl Scripts {
    pub(crate) fn answer(&self, platform: Platform, error: PlatformError) {
        self.push(platform, Some(error));
    }

    /// Has the next part go through.
    pub(crate) fn publish(&self, platform: Platform) {
        self.push(platform, None);
    }

    /// The texts that went out there, in order.
    pub(crate) fn live(&self, platform: Platform) -> Vec<String> {
        let live = self.live.lock().unwrap();
        live.iter()
            .filter(|(on, _)| *on == platform)
            .map(|(_, text)| text.clone())
            .collect()
    }

    fn push(&self, platform: Platform, answer: Option<PlatformError>) {
        self.answers
            .lock()
            .unwrap()
            .entry(platform)
            .or_default()
            .push_back(answer);
    }

    fn next(&self, platform: Platform) -> Option<PlatformError> {
        self.answers.lock().unwrap().get_mut(&platform)?.pop_front()?
    }
}

struct Scripted {
    platform: Platform,
    scripts: Arc<Scripts>,
}

impl Connector for Scripted {
    fn platform(&self) -> Platform {
        self.platform
    }

    fn reads_prepared(&self, _: u16) -> bool {
        true
    }

    fn prepare<'a>(
        &'a self,
        _: &'a SendCtx<'a>,
        draft: &'a Draft,
        part: Part,
        _: &'a [(Part, RemotePost)],
        _: Option<&'a SecretBytes>,
    ) -> BoxFut<'a, Result<Preparation, PlatformError>> {
        Box::pin(async move {
            Ok(Preparation::Ready(Prepared {
                version: 1,
                bytes: SecretBytes::new(draft.part(part).unwrap().text.into_bytes()),
                dedupe: vec![Dedupe::exact(DedupeMeans::ClientMintedId)],
                fingerprint: Fingerprint([0; 32]),
                budget: SignedDuration::from_secs(10),
            }))
        })
    }

    fn send<'a>(&'a self, _: &'a SendCtx<'a>, armed: &'a Armed) -> BoxFut<'a, Result<Sent, PlatformError>> {
        Box::pin(async move {
            match self.scripts.next(self.platform) {
                Some(error) => Err(error),
                None => {
                    let text = String::from_utf8(armed.prepared().bytes.expose().to_vec()).unwrap();
                    self.scripts.live.lock().unwrap().push((self.platform, text));
                    let id = match armed.part() {
                        Part::Head => format!("live-{}", armed.claim().post),
                        part => format!("live-{}-{part:?}", armed.claim().post),
                    };
                    Ok(Sent::Live(RemotePost::visible(id, None)))
                }
            }
        })
    }

    fn check<'a>(&'a self, _: &'a SendCtx<'a>, _: Probe<'a>) -> BoxFut<'a, Result<Finding, PlatformError>> {
        Box::pin(async { Ok(Finding::CannotTell) })
    }
}

struct NoMedia;

impl MediaSource for NoMedia {
    fn open<'a>(&'a self, _: &'a Media, _: u64) -> BoxFut<'a, io::Result<BoxStream<'static, io::Result<Bytes>>>> {
        Box::pin(async { Ok(stream::empty().boxed()) })
    }

    fn public_url(&self, _: &Media) -> Option<Url> {
        None
    }
}

impl engine::Files for NoMedia {}

/// One file, `a.txt`, of ten digits.
struct TestMedia;

impl MediaLinks for TestMedia {
    fn link(&self, media: &Media) -> Option<String> {
        assert_ne!(media.key, "panic", "a test asks for this");
        Some(format!("http://127.0.0.1:4000/media/token/{}", media.key))
    }
}

#[async_trait]
impl MediaFiles for TestMedia {
    async fn find(&self, _: &str, name: &str) -> io::Result<Option<MediaFile>> {
        Ok((name == "a.txt").then(|| MediaFile {
            mime: "image/png".to_owned(),
            bytes: 10,
        }))
    }

    async fn read(&self, _: &str, _: &str, range: Range<u64>) -> io::Result<MediaStream> {
        let (start, end) = (
            usize::try_from(range.start).unwrap(),
            usize::try_from(range.end).unwrap(),
        );
        Ok(stream::iter([Ok(Bytes::from_static(&b"0123456789"[start..end]))]).boxed())
    }
}
