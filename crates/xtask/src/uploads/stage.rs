//! One film, one account, one post: an engine over a store in memory, and the sandbox as the platform.

use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use connectors::http::Http;
use connectors::{Credentials, Endpoints, Registry};
use domain::clock::{Clock, ManualClock};
use domain::content::{Content, PartContent, Settings};
use domain::ids::GroupId;
use domain::plan::Plan;
use domain::platform::Platform;
use domain::post::PostState;
use domain::secret::{SecretBytes, SecretText};
use engine::commands::{CreateGroup, Target};
use engine::library::Library;
use engine::points::GoOn;
use engine::{Engine, Publisher, Reach};
use jiff::SignedDuration;
use media::{AddressPolicy, FetchLimits, Fetcher, LinkSigner, MediaStore};
use rand::SeedableRng;
use rand::rngs::StdRng;
use sandbox::samples::VideoShape;
use sandbox::{AccountSeed, Class, Fault, Filter, NewSandboxAccount, PAGE_MAX, Rule, Sandbox};
use store::memory::MemoryStore;
use tokio_util::sync::CancellationToken;

use super::{Protocol, Seen};
use crate::film::Film;

/// Turns of the publisher before a post is given up.
const TURNS_MAX: usize = 10_000;
/// The request of an upload that is cut: the second that carries bytes, or the only one.
const CUT_AT: u32 = 3;
const CUT_AT_OF_STREAM: u32 = 2;
/// So much of a piece comes through before the cut.
const CUT_AFTER_BYTES: u64 = 300_000;

/// Uploads a film of `bytes` and publishes it.
pub(super) async fn upload(protocol: &Protocol, bytes: u64) -> anyhow::Result<Seen> {
    let clock = ManualClock::new("2026-11-22T09:00:00Z".parse()?);
    let mut options = sandbox::Options::new(Arc::new(clock.clone()));
    options.rate_limits = false;
    let sandbox = sandbox::start(options).await?;
    let film = Film::of(VideoShape::default(), bytes)?;
    let engine = engine(&sandbox, &clock, film.clone()).await?;
    let is_stream = protocol.name == "resumable";
    let cut = match is_stream {
        true => Rule::nth(Class::Upload, CUT_AT_OF_STREAM, Fault::Cut { bytes: bytes / 2 }),
        false => Rule::nth(Class::Upload, CUT_AT, Fault::Cut { bytes: CUT_AFTER_BYTES }),
    };
    let new = NewSandboxAccount::new(protocol.platform, "press").with_script(vec![cut]);
    let seed = sandbox.add_account(&new)?;
    let sent = film.sha256();
    let group = post(&engine, protocol, &seed, &film).await?;
    let before = Memory::of_this_process()?.resident;
    Memory::forget_peak()?;
    publish(&engine, &clock, group).await?;
    let most = Memory::of_this_process()?.peak;
    let filter = Filter {
        platform: Some(protocol.platform),
        ..Filter::default()
    };
    Ok(Seen {
        bytes_read: film.bytes_read(),
        growth_bytes: most.saturating_sub(before),
        arrived: sandbox
            .published(&filter)
            .into_iter()
            .flat_map(|post| post.media)
            .collect(),
        sent,
        cuts: cuts(&sandbox),
    })
}

/// How many requests the sandbox cut.
fn cuts(sandbox: &Sandbox) -> usize {
    let (mut after, mut cuts) = (0, 0);
    loop {
        let page = sandbox.requests(after, PAGE_MAX);
        let Some(last) = page.last() else { return cuts };
        after = last.seq;
        cuts += page.iter().filter(|line| line.fault.as_deref() == Some("cut")).count();
    }
}

async fn engine(sandbox: &Sandbox, clock: &ManualClock, film: Film) -> anyhow::Result<Engine> {
    let clock: Arc<dyn Clock> = Arc::new(clock.clone());
    let mut endpoints = Endpoints::default();
    for platform in [Platform::X, Platform::LinkedIn, Platform::Facebook] {
        let base = sandbox.base_url().join(platform.word())?;
        endpoints.overrides.insert(platform, base);
    }
    let fetcher = Fetcher::new(AddressPolicy::public_only(), FetchLimits::default(), Arc::clone(&clock))?;
    let signer = LinkSigner::new(SecretBytes::new(vec![7; 32]));
    let rng = StdRng::seed_from_u64(1);
    let library = Library::new(MediaStore::in_memory(), fetcher, signer, Arc::clone(&clock), rng);
    let parts = engine::Parts {
        store: Arc::new(MemoryStore::new(clock.now(), 7)),
        connectors: Registry::all(),
        endpoints,
        media: Arc::new(film),
        library: Arc::new(library),
        http: Http::new(Arc::clone(&clock))?,
        clock,
        rng: StdRng::seed_from_u64(7),
        settings: engine::Settings::default(),
        points: Arc::new(GoOn),
    };
    Ok(Engine::new(parts).await?)
}

/// Connects the account and makes a post with the film, due at once.
async fn post(
    engine: &Engine,
    protocol: &Protocol,
    seed: &AccountSeed,
    film: &Film,
) -> anyhow::Result<(Reach, GroupId)> {
    let user = engine.create_user("press", Plan::default()).await?;
    let is_direct = matches!(seed.platform, Platform::LinkedIn | Platform::Facebook);
    let credentials = Credentials {
        token: Some(SecretText::from(seed.token.as_str())),
        refresh: seed.refresh_token.as_deref().map(SecretText::from),
        identifier: is_direct.then(|| seed.remote_id.clone()),
        ..Credentials::default()
    };
    let account = engine
        .connect_account(user.id, protocol.platform, None, &credentials)
        .await?;
    let content = Content {
        head: PartContent {
            text: "a long film".to_owned(),
            media: vec![film.media()],
        },
        settings: Settings::from_iter([(protocol.platform.word().to_owned(), (protocol.settings)())]),
        ..Content::default()
    };
    let command = CreateGroup {
        owner: user.id,
        content,
        targets: vec![Target {
            platform: protocol.platform,
            remote_id: account.identity.remote_id.clone(),
        }],
        draft: false,
        planned_at: None,
        idempotency: None,
        request_id: None,
    };
    let group = engine.create_group(command).await?.id;
    Ok((Reach { owner: user.id }, group))
}

/// Publishes: lets time pass to whatever comes next, until the post is settled.
async fn publish(engine: &Engine, clock: &ManualClock, (reach, group): (Reach, GroupId)) -> anyhow::Result<()> {
    let mut publisher = Publisher::new(engine.clone(), CancellationToken::new());
    publisher.recover().await?;
    for _ in 0..TURNS_MAX {
        publisher.run_until_idle().await?;
        let read = engine.group(&reach, group).await?;
        match read.posts.first().map(|post| &post.state) {
            Some(PostState::Published { .. }) => return Ok(()),
            Some(PostState::Failed { error, .. }) => bail!("it was not published: {}", error.message),
            Some(_) => {}
            None => bail!("the group has no post"),
        }
        match engine.store().next_wake().await? {
            // Due already and passed over: its account rests.
            Some(at) if at <= clock.now() => clock.advance(SignedDuration::from_secs(1)),
            Some(at) => clock.advance_to(at),
            None => bail!("nothing more happens to it"),
        }
    }
    bail!("it goes on and on")
}

/// Memory of this process in bytes (proc(5)).
struct Memory {
    resident: u64,
    peak: u64,
}

impl Memory {
    fn of_this_process() -> anyhow::Result<Self> {
        let status =
            std::fs::read_to_string("/proc/self/status").context("only Linux tells what this process takes")?;
        let read = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            kib.map(|kib| kib * 1_024)
                .with_context(|| format!("no {name} in /proc/self/status"))
        };
        Ok(Self {
            resident: read("VmRSS:")?,
            peak: read("VmHWM:")?,
        })
    }

    /// Lets the peak be what it is now ("5" in `clear_refs`, proc(5)), and makes sure that it is.
    fn forget_peak() -> anyhow::Result<()> {
        std::fs::write("/proc/self/clear_refs", "5").context("the peak of memory cannot be reset")?;
        let memory = Self::of_this_process()?;
        let above = memory.peak.saturating_sub(memory.resident);
        ensure!(above < 1_024 * 1_024, "the peak of memory was not reset");
        Ok(())
    }
}
