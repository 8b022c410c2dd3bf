//! A whole Broadside in one process: a store, an engine, and the sandbox as the world outside, on a clock that moves
//! only when told to.

pub(crate) mod meddler;
pub(crate) mod shelf;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use connectors::http::Http;
use connectors::{App, Credentials, Endpoints, MediaSource, Registry};
use domain::account::{Account, Identity, Tokens, User};
use domain::clock::{BoxFut, Clock, ManualClock};
use domain::content::{Content, Media, MediaKind, PartContent};
use domain::ids::{GroupId, MediaId};
use domain::plan::Plan;
use domain::platform::Platform;
use domain::post::PostState;
use domain::secret::SecretText;
use engine::commands::{AddAccount, CreateGroup, Target};
use engine::library::Library;
use engine::points::{FailPoints, GoOn};
use engine::{Engine, Files, Parts, Publisher, Settings};
use futures_util::stream::{self, BoxStream, StreamExt};
use jiff::{SignedDuration, Timestamp};
use media::{AddressPolicy, FetchLimits, Fetcher, LinkSigner, MediaStore};
use rand::SeedableRng;
use sandbox::{AccountSeed, Filter, NewSandboxAccount, Rule, RuleSet, Sandbox};
use store::memory::MemoryStore;
use store::{Reach, Store};
use tokio_util::sync::CancellationToken;
use url::Url;

pub(crate) use self::shelf::Shelf;

/// Where the tests begin.
pub(crate) fn start_of_time() -> Timestamp {
    "2026-11-22T09:00:00Z".parse().unwrap()
}

/// The sandbox, its clock, and a file that every platform can fetch.
pub(crate) struct Outside {
    pub(crate) clock: ManualClock,
    pub(crate) sandbox: Sandbox,
    media: Arc<SandboxMedia>,
    pub(crate) http: Http,
    engines: AtomicU64,
}

impl Outside {
    pub(crate) async fn new() -> Self {
        Self::with(|options| options.rate_limits = false).await
    }

    /// The same with a sandbox that behaves otherwise.
    pub(crate) async fn with(change: impl FnOnce(&mut sandbox::Options)) -> Self {
        let clock = ManualClock::new(start_of_time());
        let mut options = sandbox::Options::new(Arc::new(clock.clone()));
        change(&mut options);
        let sandbox = sandbox::start(options).await.unwrap();
        let media = Arc::new(SandboxMedia {
            url: sandbox.sample_url("image.jpg").parse().unwrap(),
        });
        let http = Http::new(Arc::new(clock.clone())).unwrap();
        Self {
            clock,
            sandbox,
            media,
            http,
            engines: AtomicU64::new(0),
        }
    }

    /// An engine over `store`, as a fresh process would make it.
    pub(crate) async fn engine(&self, store: Arc<dyn Store>, points: Arc<dyn FailPoints>) -> Engine {
        self.engine_with(store, points, |_, _| ()).await
    }

    /// The same with another set of connectors or other settings.
    pub(crate) async fn engine_with(
        &self,
        store: Arc<dyn Store>,
        points: Arc<dyn FailPoints>,
        change: impl FnOnce(&mut Registry, &mut Settings),
    ) -> Engine {
        self.engine_with_files(store, points, Arc::clone(&self.media) as _, change)
            .await
    }

    /// The same with other files than the sandbox's samples.
    pub(crate) async fn engine_with_files(
        &self,
        store: Arc<dyn Store>,
        points: Arc<dyn FailPoints>,
        media: Arc<dyn Files>,
        change: impl FnOnce(&mut Registry, &mut Settings),
    ) -> Engine {
        let mut registry = Registry::all();
        let mut settings = Settings {
            public_url: Some("http://127.0.0.1:9/".parse().unwrap()),
            ..Settings::default()
        };
        change(&mut registry, &mut settings);
        let clock: Arc<dyn Clock> = Arc::new(self.clock.clone());
        let mut endpoints = Endpoints::default();
        for platform in EMULATED {
            endpoints.overrides.insert(*platform, self.sandbox.endpoint(*platform));
        }
        use Platform::{Facebook, GoogleBusiness, Instagram, LinkedIn, Threads, X};
        for platform in [X, Facebook, LinkedIn, Instagram, Threads, GoogleBusiness] {
            let app = sandbox::app(platform);
            let secret = SecretText::new(app.secret);
            endpoints.apps.insert(platform, App { id: app.id, secret });
            let base = self.sandbox.base_url().join(platform.word()).unwrap();
            endpoints.overrides.insert(platform, base);
        }
        // What LinkedIn grants to approved partners: with these scopes sign-ins come with refresh tokens.
        let approved = [
            "w_organization_social",
            "r_organization_social",
            "rw_organization_admin",
        ];
        endpoints
            .scopes
            .insert(Platform::LinkedIn, approved.map(str::to_owned).to_vec());
        Engine::new(Parts {
            store,
            connectors: registry,
            endpoints,
            media,
            library: library(&clock),
            http: self.http.clone(),
            clock,
            // Each process has its own randomness: on a clock that stands still, ids would be the same otherwise.
            rng: rand::rngs::StdRng::seed_from_u64(self.engines.fetch_add(1, Ordering::Relaxed)),
            settings,
            points,
        })
        .await
        .unwrap()
    }

    /// A user with an account of the platform whose first calls go as the script says.
    pub(crate) async fn connect(
        &self,
        engine: &Engine,
        platform: Platform,
        name: &str,
        script: Vec<Rule>,
    ) -> (User, Account) {
        let (user, account, _) = self.connect_seeded(engine, platform, name, script).await;
        (user, account)
    }

    /// The same, with what the platform gave out for the account.
    pub(crate) async fn connect_seeded(
        &self,
        engine: &Engine,
        platform: Platform,
        name: &str,
        script: Vec<Rule>,
    ) -> (User, Account, AccountSeed) {
        let mut new = NewSandboxAccount::new(platform, name).with_script(script);
        if platform == Platform::LinkedIn && !name.starts_with(MEMBER) {
            new.remote_id = Some(organization(name));
        }
        let seed = self.sandbox.add_account(&new).unwrap();
        let user = engine.create_user(name, Plan::default()).await.unwrap();
        let account = self.connect_as(engine, &user, &seed).await;
        (user, account, seed)
    }

    async fn connect_as(&self, engine: &Engine, user: &User, seed: &AccountSeed) -> Account {
        let is_number = seed.remote_id.bytes().all(|byte| byte.is_ascii_digit());
        let connected = if seed.platform == Platform::LinkedIn && is_number {
            // An organization is chosen in a member's sign-in; here it has a token of its own.
            let tokens = Tokens {
                access: SecretText::from(seed.token.as_str()),
                ..Tokens::default()
            };
            let add = added(user, seed.platform, (&seed.remote_id, &seed.handle), tokens);
            engine.add_account(add).await
        } else {
            let base_url = base_url(seed);
            engine
                .connect_account(user.id, seed.platform, base_url.as_deref(), &credentials(seed))
                .await
        };
        connected.unwrap_or_else(|error| panic!("{}: {error}", seed.platform))
    }

    /// Connects an account that the sandbox has already to another user.
    pub(crate) async fn connect_known(&self, engine: &Engine, user: &User, known: &NewSandboxAccount) -> Account {
        let seed = self.sandbox.add_account(known).unwrap();
        self.connect_as(engine, user, &seed).await
    }

    /// A person who has this account in another program, which is an engine of its own here.
    pub(crate) async fn person(&self, seed: &AccountSeed) -> (Engine, User, Account) {
        let theirs = self.engine(memory(), go_on()).await;
        let person = theirs.create_user("person", Plan::default()).await.unwrap();
        let same = NewSandboxAccount {
            remote_id: Some(seed.remote_id.clone()),
            ..NewSandboxAccount::new(seed.platform, &seed.handle)
        };
        let account = self.connect_known(&theirs, &person, &same).await;
        (theirs, person, account)
    }

    /// Gives an account of the sandbox a script.
    pub(crate) fn add_rules(&self, account: &Account, rules: Vec<Rule>) {
        let (platform, remote_id) = (account.platform, account.identity.remote_id.clone());
        let rules = RuleSet {
            platform: Some(platform),
            account: Some(remote_id),
            rules,
            latency_ms: None,
        };
        self.sandbox.add_rules(rules).unwrap();
    }

    /// A user with an account of any platform that has these tokens; nobody is asked.
    pub(crate) async fn add_account(&self, engine: &Engine, platform: Platform, tokens: Tokens) -> (User, Account) {
        let user = engine.create_user("somebody", Plan::default()).await.unwrap();
        let add = added(&user, platform, ("1", "somebody"), tokens);
        let account = engine.add_account(add).await.unwrap();
        (user, account)
    }

    /// How many posts with this text exist out there.
    pub(crate) fn copies(&self, platform: Platform, text: &str) -> usize {
        let filter = Filter {
            platform: Some(platform),
            account: None,
            text: Some(text.to_owned()),
        };
        self.sandbox
            .published(&filter)
            .into_iter()
            .filter(|post| post.text == text && !post.deleted)
            .count()
    }

    /// One picture, as a post refers to it.
    pub(crate) fn picture(&self) -> Media {
        let (mime, bytes) = sandbox::samples::by_name("image.jpg").unwrap();
        Media {
            id: MediaId::default(),
            kind: MediaKind::Image,
            mime: mime.to_owned(),
            bytes: bytes.len() as u64,
            sha256: String::new(),
            key: "image.jpg".to_owned(),
            name: Some("image.jpg".to_owned()),
            alt: Some("A test card".to_owned()),
            width: Some(1_080),
            height: Some(1_080),
            duration_ms: None,
            frame_rate: None,
        }
    }
}

/// The platforms that have an emulator and a connector.
pub(crate) const EMULATED: &[Platform] = &[
    Platform::Mastodon,
    Platform::Telegram,
    Platform::Bluesky,
    Platform::X,
    Platform::Instagram,
    Platform::LinkedIn,
    Platform::Facebook,
    Platform::Threads,
];

/// The names of LinkedIn accounts that are members begin with this; all others are organizations.
pub(crate) const MEMBER: &str = "member";

/// The id of an organization of this name: a number.
fn organization(name: &str) -> String {
    let folded = name
        .bytes()
        .fold(5_000_000_u64, |sum, byte| (sum * 131 + u64::from(byte)) % 9_999_999_967);
    folded.to_string()
}

/// An account of this native id and name that is connected with these tokens, and nobody is asked.
pub(crate) fn added(user: &User, platform: Platform, (id, name): (&str, &str), tokens: Tokens) -> AddAccount {
    AddAccount {
        owner: user.id,
        platform,
        identity: Identity {
            remote_id: id.to_owned(),
            username: name.to_owned(),
            display_name: None,
            avatar_url: None,
            profile_url: None,
            base_url: None,
        },
        tokens,
        scopes: Vec::new(),
        missing: Vec::new(),
    }
}

fn base_url(seed: &AccountSeed) -> Option<String> {
    matches!(seed.platform, Platform::Mastodon | Platform::Bluesky).then(|| seed.base_url.to_string())
}

fn credentials(seed: &AccountSeed) -> Credentials {
    match seed.platform {
        Platform::Bluesky => Credentials {
            identifier: Some(seed.handle.clone()),
            password: seed.password.as_deref().map(SecretText::from),
            ..Credentials::default()
        },
        Platform::Telegram | Platform::LinkedIn | Platform::Facebook => Credentials {
            token: Some(SecretText::from(seed.token.as_str())),
            refresh: seed.refresh_token.as_deref().map(SecretText::from),
            identifier: Some(seed.remote_id.clone()),
            ..Credentials::default()
        },
        _ => Credentials {
            token: Some(SecretText::from(seed.token.as_str())),
            refresh: seed.refresh_token.as_deref().map(SecretText::from),
            expires_at: seed.expires_at,
            ..Credentials::default()
        },
    }
}

/// A group for one account, due at once.
pub(crate) async fn post_now(engine: &Engine, user: &User, account: &Account, content: Content) -> GroupId {
    let command = CreateGroup {
        owner: user.id,
        content,
        targets: vec![Target {
            platform: account.platform,
            remote_id: account.identity.remote_id.clone(),
        }],
        draft: false,
        planned_at: None,
        idempotency: None,
        request_id: None,
    };
    engine.create_group(command).await.unwrap().id
}

/// A text, with a picture where the platform needs one.
pub(crate) fn content(outside: &Outside, platform: Platform, text: &str, replies: &[String]) -> Content {
    let needs_picture = domain::capability::Capability::of(platform).needs_media;
    let media = if needs_picture {
        vec![outside.picture()]
    } else {
        Vec::new()
    };
    let part = |text: &String| PartContent {
        text: text.clone(),
        media: Vec::new(),
    };
    Content {
        head: PartContent {
            text: text.to_owned(),
            media,
        },
        replies: replies.iter().map(part).collect(),
        ..Content::default()
    }
}

/// The state of a group's only post.
pub(crate) async fn state(engine: &Engine, user: &User, group: GroupId) -> PostState {
    let group = engine.group(&Reach { owner: user.id }, group).await.unwrap();
    group.posts.first().unwrap().state.clone()
}

/// Publishes, lets time pass to whatever comes next, and so on, until nothing is left to happen within two days.
pub(crate) async fn run_to_the_end(outside: &Outside, engine: &Engine) {
    let mut publisher = Publisher::new(engine.clone(), CancellationToken::new());
    publisher.recover().await.unwrap();
    let end = outside.clock.now() + SignedDuration::from_hours(48);
    for _ in 0..500 {
        publisher.run_until_idle().await.unwrap();
        match engine.store().next_wake().await.unwrap() {
            // Due already and passed over: its account rests between late posts.
            Some(at) if at <= outside.clock.now() => outside.clock.advance(SignedDuration::from_secs(1)),
            Some(at) if at < end => outside.clock.advance_to(at),
            _ => return,
        }
    }
    let (now, next) = (outside.clock.now(), engine.store().next_wake().await);
    panic!("things go on and on: at {now} the next is {next:?}");
}

/// Runs until the engine was stopped at its point, or nothing is left to do now.
pub(crate) async fn run_until_stopped(engine: &Engine) {
    Publisher::new(engine.clone(), CancellationToken::new())
        .run_until_idle()
        .await
        .unwrap();
}

/// Never stops.
pub(crate) fn go_on() -> Arc<dyn FailPoints> {
    Arc::new(GoOn)
}

/// An empty model store.
pub(crate) fn memory() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new(start_of_time(), 7))
}

impl Files for SandboxMedia {}

struct SandboxMedia {
    url: Url,
}

impl MediaSource for SandboxMedia {
    fn open<'a>(
        &'a self,
        media: &'a Media,
        offset: u64,
    ) -> BoxFut<'a, std::io::Result<BoxStream<'static, std::io::Result<bytes::Bytes>>>> {
        Box::pin(async move {
            let (_, bytes) = sandbox::samples::by_name(&media.key).ok_or(std::io::ErrorKind::NotFound)?;
            let rest = bytes.slice(usize::try_from(offset).unwrap()..);
            Ok(stream::iter([Ok(rest)]).boxed())
        })
    }

    fn public_url(&self, _media: &Media) -> Option<Url> {
        Some(self.url.clone())
    }
}

/// Files in memory; most of these tests have none.
fn library(clock: &Arc<dyn Clock>) -> Arc<Library> {
    let fetcher = Fetcher::new(AddressPolicy::public_only(), FetchLimits::default(), Arc::clone(clock)).unwrap();
    let signer = LinkSigner::new(domain::secret::SecretBytes::new(vec![7; 32]));
    let rng = rand::rngs::StdRng::seed_from_u64(1);
    let library = Library::new(MediaStore::in_memory(), fetcher, signer, Arc::clone(clock), rng);
    library.set_public_url("http://127.0.0.1:9/".parse().unwrap());
    Arc::new(library)
}
