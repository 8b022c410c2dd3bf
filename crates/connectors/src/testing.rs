//! What connector tests are made of: a world with a clock that stands still, files in memory, and a server that answers
//! as told.

mod bench;
mod server;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use domain::account::Tokens;
use domain::clock::{BoxFut, Clock, ManualClock};
use domain::content::{Content, Draft, Media, MediaKind, PartContent, Settings};
use domain::error::{Fate, From, PlatformError, When};
use domain::ids::{AccountId, AttemptId, GroupId, IntentId, MediaId, PostId, UserId};
use domain::intent::{Armed, Claim, IntentRecord, IntentState, Job, Prepared};
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::post::PostState;
use domain::secret::{SecretBytes, SecretText};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};
use url::Url;

pub(crate) use self::bench::Bench;
pub(crate) use self::server::{Reply, Request, Server, nobody};
use crate::http::Http;
use crate::signin::{Found, SignIn, SignInCtx, Verified};
use crate::{
    AccountRef, Connector, Credentials, Endpoints, Finding, MediaSource, Preparation, Probe, Seed, SendCtx, Sent, Taken,
};

/// Names a file to which the sandboxes without faults copy their exchanges, for `cargo xtask specs`.
const EXCHANGES: &str = "BROADSIDE_EXCHANGES";

/// More steps than any preparation takes in a test.
const STEPS_MAX: usize = 200;

/// When a world begins: `2026-11-22T09:00:00Z`.
pub(crate) fn start() -> Timestamp {
    "2026-11-22T09:00:00Z".parse().unwrap()
}

/// Everything around one account of one platform. The fields are public: a test sets what it is about.
pub(crate) struct World {
    pub(crate) platform: Platform,
    pub(crate) clock: ManualClock,
    pub(crate) http: Http,
    pub(crate) endpoints: Endpoints,
    pub(crate) media: MemoryMedia,
    pub(crate) tokens: Tokens,
    pub(crate) remote_id: String,
    pub(crate) username: String,
    pub(crate) base_url: Option<String>,
    pub(crate) seed: Seed,
    pub(crate) prior: Vec<IntentRecord>,
}

impl World {
    /// A world whose account `remote_id` has the token `token`, on a clock that stands at [`start`].
    pub(crate) fn new(platform: Platform, remote_id: &str, token: &str) -> Self {
        let clock = ManualClock::new(start());
        Self {
            platform,
            http: Http::new(Arc::new(clock.clone())).unwrap(),
            clock,
            endpoints: Endpoints::default(),
            media: MemoryMedia::default(),
            tokens: Tokens {
                access: SecretText::from(token),
                ..Tokens::default()
            },
            remote_id: remote_id.to_owned(),
            username: "press".to_owned(),
            base_url: None,
            seed: Seed([7; 32]),
            prior: Vec::new(),
        }
    }

    /// A world whose account lives in a sandbox of its own, with this script of faults, on the world's clock.
    pub(crate) async fn in_sandbox(platform: Platform, script: Vec<sandbox::Rule>) -> (Self, sandbox::Sandbox) {
        Self::in_sandbox_as(&sandbox::NewSandboxAccount::new(platform, "press").with_script(script)).await
    }

    /// The same with this account.
    pub(crate) async fn in_sandbox_as(new: &sandbox::NewSandboxAccount) -> (Self, sandbox::Sandbox) {
        let platform = new.platform;
        let mut world = Self::new(platform, "", "");
        let mut options = sandbox::Options::new(Arc::new(world.clock.clone()));
        // What faults make of an answer is not the platform's.
        options.tap = std::env::var_os(EXCHANGES)
            .filter(|_| new.script.is_empty())
            .map(Into::into);
        let sandbox = sandbox::start(options).await.unwrap();
        let seed = sandbox.add_account(new).unwrap();
        world.remote_id = seed.remote_id;
        world.username = seed.handle;
        world.tokens.access = SecretText::from(seed.token.as_str());
        world.tokens.refresh = seed.refresh_token.as_deref().map(SecretText::from);
        let base = sandbox.endpoint(platform);
        (world.with_endpoint(base.as_str()).with_home(base.as_str()), sandbox)
    }

    /// The same with the platform's API at `base`.
    pub(crate) fn with_endpoint(mut self, base: &str) -> Self {
        self.endpoints.overrides.insert(self.platform, base.parse().unwrap());
        self
    }

    /// The same with the account's own server at `base`.
    pub(crate) fn with_home(mut self, base: &str) -> Self {
        self.base_url = Some(base.to_owned());
        self
    }

    /// What working on the head needs, now.
    pub(crate) fn ctx(&self) -> SendCtx<'_> {
        self.ctx_of(Part::Head)
    }

    /// What working on a part needs, now. Each part has a seed of its own; the head has [`World::seed`].
    pub(crate) fn ctx_of(&self, part: Part) -> SendCtx<'_> {
        let mut seed = self.seed;
        for (byte, of_part) in seed.0.iter_mut().zip(part.number().to_be_bytes()) {
            *byte ^= of_part;
        }
        SendCtx {
            account: AccountRef {
                remote_id: &self.remote_id,
                username: &self.username,
                base_url: self.base_url.as_deref(),
            },
            tokens: &self.tokens,
            endpoints: &self.endpoints,
            http: &self.http,
            media: &self.media,
            seed,
            now: self.clock.now(),
            due: start(),
            prior: &self.prior,
        }
    }

    /// What connecting and refreshing need, now.
    pub(crate) fn connect_ctx(&self) -> SignInCtx<'_> {
        SignInCtx {
            endpoints: &self.endpoints,
            http: &self.http,
            base_url: self.base_url.as_deref(),
            app: None,
            now: self.clock.now(),
        }
    }

    /// Prepares to the end, moving the clock to wherever the connector wants to go on.
    pub(crate) async fn prepare(
        &self,
        connector: &dyn Connector,
        draft: &Draft,
        part: Part,
        parents: &[(Part, RemotePost)],
    ) -> Result<Prepared, PlatformError> {
        let mut resume: Option<SecretBytes> = None;
        for _ in 0..STEPS_MAX {
            match connector
                .prepare(&self.ctx_of(part), draft, part, parents, resume.as_ref())
                .await?
            {
                Preparation::Ready(prepared) => return Ok(prepared),
                Preparation::Working { handle, again_at } => {
                    self.clock.advance_to(again_at);
                    resume = Some(handle);
                }
            }
        }
        panic!("the preparation does not end");
    }

    /// The right to send `prepared` now, as a store gives it once the intent is durable.
    #[expect(
        clippy::disallowed_methods,
        reason = "a connector's test has no store, and nothing that could be lost"
    )]
    pub(crate) fn arm(&self, part: Part, prepared: Prepared) -> Armed {
        let send_by = self.clock.boot().plus(prepared.budget);
        Armed::assert_durable(self.claim(), IntentId::from_bytes([9; 12]), part, prepared, send_by)
    }

    /// The intent of such a send as recovery reads it, recorded now.
    pub(crate) fn record(&self, part: Part, prepared: Prepared) -> IntentRecord {
        IntentRecord {
            id: IntentId::from_bytes([9; 12]),
            part,
            state: IntentState::Open,
            recorded_at: self.clock.now(),
            send_by: self.clock.now() + prepared.budget,
            settled_at: None,
            prepared,
        }
    }

    fn claim(&self) -> Claim {
        let attempt = AttemptId::from_bytes([3; 12]);
        Claim {
            post: PostId::from_bytes([1; 12]),
            group: GroupId::from_bytes([2; 12]),
            owner: UserId::from_bytes([4; 12]),
            attempt,
            attempt_no: 1,
            retries: 0,
            job: Job::Publish,
            platform: self.platform,
            account: Some(AccountId::from_bytes([5; 12])),
            due: start(),
            claimed_at: self.clock.now(),
            lease_until: self.clock.now() + SignedDuration::from_mins(10),
            found: PostState::Publishing {
                attempt,
                due: start(),
                armed: false,
            },
        }
    }

    /// Asks once what became of `intent`, with nothing taken and no handle.
    pub(crate) async fn check(
        &self,
        connector: &dyn Connector,
        intent: &IntentRecord,
        parents: &[(Part, RemotePost)],
        taken: &TakenIds,
    ) -> Result<Finding, PlatformError> {
        let probe = Probe {
            part: intent.part,
            intent,
            parents,
            handle: None,
            taken,
        };
        connector.check(&self.ctx_of(intent.part), probe).await
    }

    /// Publishes every part of a draft in order, as the engine does, and gives back what the platform made.
    pub(crate) async fn publish(
        &self,
        connector: &dyn Connector,
        draft: &Draft,
    ) -> Result<Vec<(Part, RemotePost)>, PlatformError> {
        let mut live = Vec::new();
        for part in draft.parts() {
            let prepared = self.prepare(connector, draft, part, &live).await?;
            assert!(
                connector.reads_prepared(prepared.version),
                "a connector reads what it has just written"
            );
            let record = self.record(part, prepared.clone());
            let remote = match self.send(connector, part, &prepared).await? {
                Sent::Live(remote) => remote,
                Sent::Processing { handle, again_at } => {
                    self.clock.advance_to(again_at);
                    self.finish(connector, &record, &live, &handle).await?
                }
            };
            live.push((part, remote));
        }
        Ok(live)
    }

    /// Sends, and again after the time that the platform asks for, as often as the connector allows.
    async fn send(&self, connector: &dyn Connector, part: Part, prepared: &Prepared) -> Result<Sent, PlatformError> {
        let mut tries = 0;
        loop {
            let armed = self.arm(part, prepared.clone());
            let error = match connector.send(&self.ctx_of(part), &armed).await {
                Ok(sent) => return Ok(sent),
                Err(error) => error,
            };
            let may_again = error.fate == Fate::NotPublished && error.retry.from == From::Send;
            match error.retry.when {
                When::After(wait) if may_again && error.retry.at_most.is_some_and(|most| tries < most) => {
                    self.clock.advance(wait);
                    tries += 1;
                }
                _ => return Err(error),
            }
        }
    }

    async fn finish(
        &self,
        connector: &dyn Connector,
        intent: &IntentRecord,
        parents: &[(Part, RemotePost)],
        handle: &SecretBytes,
    ) -> Result<RemotePost, PlatformError> {
        let taken = TakenIds::default();
        for _ in 0..STEPS_MAX {
            let probe = Probe {
                part: intent.part,
                intent,
                parents,
                handle: Some(handle),
                taken: &taken,
            };
            match connector.check(&self.ctx_of(intent.part), probe).await? {
                Finding::Published(remote) => return Ok(remote),
                Finding::StillProcessing { again_at } => self.clock.advance_to(again_at),
                other => panic!("a post that was processing is now {other:?}"),
            }
        }
        panic!("the processing does not end");
    }
}

/// Remote ids that other posts have.
#[derive(Debug, Default)]
pub(crate) struct TakenIds(pub(crate) Vec<String>);

impl Taken for TakenIds {
    fn is_taken<'a>(&'a self, remote_id: &'a str) -> BoxFut<'a, bool> {
        Box::pin(async move { self.0.iter().any(|id| id == remote_id) })
    }
}

/// Files in memory, and where they can be fetched from, if anywhere.
#[derive(Debug, Default)]
pub(crate) struct MemoryMedia {
    files: BTreeMap<String, Bytes>,
    /// The public link of a file is this with the file's key appended.
    pub(crate) public_base: Option<String>,
    /// The public links of single files, by key; they come before `public_base`.
    pub(crate) public_urls: BTreeMap<String, String>,
}

impl MemoryMedia {
    /// Stores a file and describes it as a post refers to it.
    pub(crate) fn add(&mut self, kind: MediaKind, mime: &str, bytes: impl Into<Bytes>) -> Media {
        let bytes = bytes.into();
        let number = u8::try_from(self.files.len()).unwrap();
        let key = format!("file-{number}");
        let media = Media {
            id: MediaId::from_bytes([number; 12]),
            kind,
            mime: mime.to_owned(),
            bytes: bytes.len() as u64,
            sha256: sha256_hex(&bytes),
            key: key.clone(),
            name: None,
            alt: None,
            width: None,
            height: None,
            duration_ms: None,
            frame_rate: None,
        };
        self.files.insert(key, bytes);
        media
    }
}

impl MediaSource for MemoryMedia {
    fn open<'a>(
        &'a self,
        media: &'a Media,
        offset: u64,
    ) -> BoxFut<'a, std::io::Result<BoxStream<'static, std::io::Result<Bytes>>>> {
        Box::pin(async move {
            let whole = self.files.get(&media.key).ok_or(std::io::ErrorKind::NotFound)?;
            let rest = whole.slice(usize::try_from(offset).unwrap().min(whole.len())..);
            // Small pieces, so that a connector that takes the first for all is found out.
            let pieces: Vec<_> = rest
                .chunks(1_000)
                .map(|piece| Ok(Bytes::copy_from_slice(piece)))
                .collect();
            Ok(futures_util::stream::iter(pieces).boxed())
        })
    }

    fn public_url(&self, media: &Media) -> Option<Url> {
        let url = self.public_urls.get(&media.key).cloned();
        url.or_else(|| Some(format!("{}{}", self.public_base.as_ref()?, media.key)))?
            .parse()
            .ok()
    }
}

/// SHA-256 as lower-case hex.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The sandbox's film, made `bytes` long by a box that players skip (ISO 14496-12, 8.1.2).
pub(crate) fn film_of(bytes: usize) -> Vec<u8> {
    let mut film = sandbox::samples::by_name("video.mp4").unwrap().1.to_vec();
    let rest = bytes.checked_sub(film.len()).filter(|rest| *rest >= 8).unwrap();
    film.extend(u32::try_from(rest).unwrap().to_be_bytes());
    film.extend(b"free");
    film.resize(bytes, 7);
    film
}

/// A draft with a head only.
pub(crate) fn draft(platform: Platform, text: &str, media: Vec<Media>) -> Draft {
    let content = Content {
        head: PartContent {
            text: text.to_owned(),
            media,
        },
        ..Content::default()
    };
    Draft { platform, content }
}

/// The same draft with these settings for its platform; `settings` is an object.
pub(crate) fn with_settings(mut draft: Draft, settings: serde_json::Value) -> Draft {
    draft.content.settings = Settings::from_iter([(draft.platform.word().to_owned(), settings)]);
    draft
}

/// The same draft with one more reply.
pub(crate) fn with_reply(mut draft: Draft, text: &str, media: Vec<Media>) -> Draft {
    draft.content.replies.push(PartContent {
        text: text.to_owned(),
        media,
    });
    draft
}

/// The same draft with a first comment.
pub(crate) fn with_comment(mut draft: Draft, text: &str) -> Draft {
    draft.content.first_comment = Some(text.to_owned());
    draft
}

/// The one account that credentials stand for.
pub(crate) async fn connect(
    sign_in: &dyn SignIn,
    ctx: SignInCtx<'_>,
    credentials: &Credentials,
) -> Result<Verified, PlatformError> {
    match sign_in.with_credentials(ctx, credentials).await? {
        Found::Account(verified) => Ok(verified),
        Found::Choose { question, .. } => panic!("{question}"),
    }
}

/// Notes that an answer met this row of an error map, if the test that runs is one of error maps: others come by rows
/// without looking at what they say.
pub(crate) fn note_row(platform: Platform, row: &crate::rules::Row) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or_default();
    if test.contains("error") || test.starts_with("graph::tests") || test.starts_with("signin::") {
        sandbox::proof::note(platform, sandbox::proof::Shown::ErrorRow(row.name()));
    }
}
