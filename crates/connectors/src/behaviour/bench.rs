//! An account in a sandbox of its own, and a server from which the platform can fetch files.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use domain::capability::PostType;
use domain::content::{Draft, Media, MediaKind};
use domain::platform::Platform;
use sandbox::{Filter, NewSandboxAccount, Published, Rule, Sandbox};

use super::{Describes, Subject};
use crate::testing::{Reply, Server, World, draft, with_comment, with_reply};

/// What every post says: characters that markup, forms and JSON write otherwise, two lines, and more than one plane.
const WORDS: &str = "Fisch & <Chips>\n\n\u{1f41f} 100% \"fresh\" \\ caf\u{e9} #menu";
const WORDS_WITH_LINK: &str = "The menu: https://example.com/today?dish=1&side=2";

/// Where a platform is tried out.
pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) sandbox: Sandbox,
    describes: Describes,
    files: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    _server: Server,
}

impl Bench {
    pub(super) async fn new(subject: &Subject, script: Vec<Rule>) -> Self {
        let platform = subject.connector.platform();
        let mut new = NewSandboxAccount::new(platform, "press").with_script(script);
        new.remote_id = subject.remote_id.map(str::to_owned);
        let (mut world, sandbox) = World::in_sandbox_as(&new).await;
        let files: Arc<Mutex<HashMap<String, Vec<u8>>>> = Arc::default();
        let served = Arc::clone(&files);
        let server =
            Server::start(
                move |request| match served.lock().unwrap().get(request.path.trim_start_matches('/')) {
                    Some(bytes) => Reply::Answer {
                        status: 200,
                        headers: vec![],
                        body: bytes.clone(),
                    },
                    None => Reply::text(404, "text/plain", ""),
                },
            )
            .await;
        world.media.public_base = Some(format!("{}/", server.url()));
        Self {
            world,
            sandbox,
            describes: subject.describes,
            files,
            _server: server,
        }
    }

    fn file(&mut self, kind: MediaKind, mime: &str, bytes: Vec<u8>) -> Media {
        let mut media = self.world.media.add(kind, mime, bytes.clone());
        self.files.lock().unwrap().insert(media.key.clone(), bytes);
        let is_described = match self.describes {
            Describes::Nothing => false,
            Describes::Pictures => kind == MediaKind::Image,
            Describes::All => kind != MediaKind::Document,
        };
        media.alt = is_described.then(|| format!("What \"{}\" shows & more", media.key));
        media
    }

    /// A picture, another for each `seed`.
    pub(crate) fn image(&mut self, seed: u64) -> Media {
        let mut image = self.file(MediaKind::Image, "image/jpeg", sandbox::samples::jpeg(320, 320, seed));
        (image.width, image.height) = (Some(320), Some(320));
        image
    }

    /// A film of five seconds.
    pub(crate) fn film(&mut self) -> Media {
        let (mime, bytes) = sandbox::samples::by_name("video.mp4").unwrap();
        let mut film = self.file(MediaKind::Video, mime, bytes.to_vec());
        (film.width, film.height, film.duration_ms) = (Some(1_080), Some(1_920), Some(5_000));
        film
    }

    fn paper(&mut self) -> Media {
        let mut paper = self.file(MediaKind::Document, "application/pdf", b"%PDF-1.7 a menu".to_vec());
        paper.name = Some("menu.pdf".to_owned());
        paper
    }

    /// A post of this kind.
    pub(crate) fn post(&mut self, kind: PostType) -> Draft {
        let platform = self.world.platform;
        let media = match kind {
            PostType::Text | PostType::Link | PostType::Thread | PostType::FirstComment => self.needed(platform),
            PostType::Image => vec![self.image(1)],
            PostType::Images => (1..=3).map(|seed| self.image(seed)).collect(),
            PostType::Video => vec![self.film()],
            PostType::Mixed => vec![self.image(1), self.film(), self.image(2)],
            PostType::Document => vec![self.paper()],
        };
        let words = if kind == PostType::Link { WORDS_WITH_LINK } else { WORDS };
        let post = draft(platform, words, media);
        match kind {
            PostType::Thread => with_reply(with_reply(post, "second & last but one", vec![]), "third", vec![]),
            PostType::FirstComment => with_comment(post, "one more thing & that is all"),
            _ => post,
        }
    }

    fn needed(&mut self, platform: Platform) -> Vec<Media> {
        if domain::capability::Capability::of(platform).needs_media {
            vec![self.image(1)]
        } else {
            Vec::new()
        }
    }

    /// What is out there, oldest first.
    pub(crate) fn published(&self) -> Vec<Published> {
        self.sandbox.published(&Filter::default())
    }
}
