//! An account in a sandbox of its own, and a server from which the platform can fetch files.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use domain::content::{Draft, Media, MediaKind};
use domain::error::{Fate, PlatformError};
use domain::intent::IntentRecord;
use domain::part::{Part, RemotePost};
use sandbox::{Filter, NewSandboxAccount, Published, Rule, Sandbox};

use super::{Reply, Server, TakenIds, World};
use crate::{Connector, Finding};

/// Where a connector is tried out against its emulator.
pub(crate) struct Bench {
    connector: &'static dyn Connector,
    pub(crate) world: World,
    pub(crate) sandbox: Sandbox,
    files: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    _server: Server,
}

impl Bench {
    /// An account whose requests go as the script says.
    pub(crate) async fn new(connector: &'static dyn Connector, script: Vec<Rule>) -> Self {
        Self::of(connector, None, script).await
    }

    /// The same for the account of this id; `None` leaves it to the sandbox.
    pub(crate) async fn of(connector: &'static dyn Connector, remote_id: Option<&str>, script: Vec<Rule>) -> Self {
        let mut new = NewSandboxAccount::new(connector.platform(), "press").with_script(script);
        new.remote_id = remote_id.map(str::to_owned);
        let (mut world, sandbox) = World::in_sandbox_as(&new).await;
        let files: Arc<Mutex<HashMap<String, Vec<u8>>>> = Arc::default();
        let served = Arc::clone(&files);
        let server = Server::start(move |request| {
            let file = served
                .lock()
                .unwrap()
                .get(request.path.trim_start_matches('/'))
                .cloned();
            file.map_or_else(|| Reply::text(404, "text/plain", ""), whole)
        })
        .await;
        world.media.public_base = Some(format!("{}/", server.url()));
        Self {
            connector,
            world,
            sandbox,
            files,
            _server: server,
        }
    }

    /// A file that the platform can be sent, and can fetch.
    pub(crate) fn file(&mut self, kind: MediaKind, mime: &str, bytes: impl Into<Vec<u8>>) -> Media {
        let bytes = bytes.into();
        let media = self.world.media.add(kind, mime, bytes.clone());
        self.files.lock().unwrap().insert(media.key.clone(), bytes);
        media
    }

    /// A picture with a description, another for each `seed`.
    pub(crate) fn image(&mut self, seed: u64) -> Media {
        let mut image = self.file(MediaKind::Image, "image/jpeg", sandbox::samples::jpeg(320, 320, seed));
        image.alt = Some(format!("Alt {seed}"));
        image
    }

    /// A film of five seconds.
    pub(crate) fn film(&mut self) -> Media {
        let (mime, bytes) = sandbox::samples::by_name("video.mp4").unwrap();
        self.file(MediaKind::Video, mime, bytes)
    }

    /// Nothing can be fetched any more.
    pub(crate) fn take_files_away(&self) {
        self.files.lock().unwrap().clear();
    }

    /// What is out there, oldest first.
    pub(crate) fn published(&self) -> Vec<Published> {
        self.sandbox.published(&Filter::default())
    }

    /// Publishes every part of a draft.
    pub(crate) async fn publish(&self, draft: &Draft) -> Vec<(Part, RemotePost)> {
        self.world.publish(self.connector, draft).await.unwrap()
    }

    /// Prepares a part and fails to send it.
    pub(crate) async fn fail(
        &self,
        draft: &Draft,
        part: Part,
        live: &[(Part, RemotePost)],
    ) -> (IntentRecord, PlatformError) {
        let prepared = self.world.prepare(self.connector, draft, part, live).await.unwrap();
        let intent = self.world.record(part, prepared.clone());
        let armed = self.world.arm(part, prepared);
        let error = self.connector.send(&self.world.ctx(), &armed).await.unwrap_err();
        (intent, error)
    }

    /// Sends a part and fails to hear what became of it.
    pub(crate) async fn lose(&self, draft: &Draft, part: Part, live: &[(Part, RemotePost)]) -> IntentRecord {
        let (intent, error) = self.fail(draft, part, live).await;
        assert_eq!(error.fate, Fate::MayBePublished, "{error:?}");
        intent
    }

    /// Asks as often as the connector wants to be asked, and finds it.
    pub(crate) async fn find(&self, intent: &IntentRecord) -> RemotePost {
        loop {
            match self.check(intent).await {
                Finding::Published(remote) => return remote,
                Finding::StillProcessing { again_at } | Finding::Unnamed { again_at, .. } => {
                    self.world.clock.advance_to(again_at);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// What the connector says became of it.
    pub(crate) async fn check(&self, intent: &IntentRecord) -> Finding {
        let taken = TakenIds::default();
        self.world.check(self.connector, intent, &[], &taken).await.unwrap()
    }
}

fn whole(body: Vec<u8>) -> Reply {
    Reply::Answer {
        status: 200,
        headers: vec![],
        body,
    }
}
