//! Uploads that are cut anywhere, and sessions that end under way: what is out there in the end is the file, once.

use std::sync::Arc;

use bytes::Bytes;
use connectors::MediaSource;
use domain::clock::BoxFut;
use domain::content::{Content, Media, MediaKind, PartContent, Settings};
use domain::ids::MediaId;
use domain::platform::Platform;
use domain::post::PostState;
use engine::{Engine, Files};
use futures_util::stream::{self, BoxStream, StreamExt};
use sandbox::{Class, Fault, Filter, Rule};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use crate::world::{self, Outside, go_on, post_now, run_to_the_end, state};

const MIB: usize = 1_024 * 1_024;
/// Pieces in which the store gives a file.
const PIECE: usize = 64 * 1_024;

/// A way of uploading a film.
struct Protocol {
    platform: Platform,
    settings: fn() -> Value,
    /// Long enough for several chunks, where there are chunks.
    bytes: usize,
    /// Whether an upload can end on the platform's side before it is whole.
    has_sessions: bool,
}

fn plain() -> Value {
    json!({})
}

/// Every protocol that uploads ahead. Telegram's upload is part of the call that publishes: a cut there is an unknown
/// outcome, which is another story.
const PROTOCOLS: &[Protocol] = &[
    Protocol {
        platform: Platform::X,
        settings: plain,
        bytes: 3 * MIB + 17,
        has_sessions: true,
    },
    Protocol {
        platform: Platform::LinkedIn,
        settings: plain,
        bytes: 9 * MIB + 17,
        has_sessions: true,
    },
    Protocol {
        platform: Platform::Facebook,
        settings: plain,
        bytes: 3 * MIB + 17,
        has_sessions: true,
    },
    Protocol {
        platform: Platform::Facebook,
        settings: || json!({ "videoType": "REELS" }),
        bytes: MIB + 17,
        has_sessions: true,
    },
    Protocol {
        platform: Platform::Mastodon,
        settings: plain,
        bytes: MIB + 17,
        has_sessions: false,
    },
    Protocol {
        platform: Platform::Bluesky,
        settings: plain,
        bytes: MIB + 17,
        has_sessions: false,
    },
];

/// One film, given in pieces.
struct Film {
    bytes: Bytes,
}

impl Film {
    /// The sandbox's film, made `length` long by a box that players skip (ISO 14496-12, 8.1.2), every piece of which is
    /// different.
    fn of(length: usize) -> Self {
        let mut film = sandbox::samples::by_name("video.mp4").unwrap().1.to_vec();
        film.extend(u32::try_from(length - film.len()).unwrap().to_be_bytes());
        film.extend(b"free");
        film.extend((film.len()..length).map(|at| u8::try_from(at / 997 % 251).unwrap()));
        Self { bytes: film.into() }
    }

    fn media(&self) -> Media {
        Media {
            id: MediaId::default(),
            kind: MediaKind::Video,
            mime: "video/mp4".to_owned(),
            bytes: self.bytes.len() as u64,
            sha256: Sha256::digest(&self.bytes)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
            key: "film.mp4".to_owned(),
            name: None,
            alt: None,
            width: Some(1_080),
            height: Some(1_920),
            duration_ms: Some(5_000),
            frame_rate: Some(30.0),
        }
    }
}

impl MediaSource for Film {
    fn open<'a>(
        &'a self,
        _media: &'a Media,
        offset: u64,
    ) -> BoxFut<'a, std::io::Result<BoxStream<'static, std::io::Result<Bytes>>>> {
        let rest = self.bytes.slice(usize::try_from(offset).unwrap()..);
        let pieces: Vec<_> = (0..rest.len())
            .step_by(PIECE)
            .map(|at| Ok(rest.slice(at..rest.len().min(at + PIECE))))
            .collect();
        Box::pin(async { Ok(stream::iter(pieces).boxed()) })
    }

    fn public_url(&self, _media: &Media) -> Option<Url> {
        None
    }
}

impl Files for Film {}

/// A world in which one film is uploaded again and again.
struct Stage<'a> {
    outside: Outside,
    engine: Engine,
    protocol: &'a Protocol,
    media: Media,
}

impl<'a> Stage<'a> {
    async fn of(protocol: &'a Protocol) -> Self {
        let outside = Outside::new().await;
        let film = Arc::new(Film::of(protocol.bytes));
        let media = film.media();
        let engine = outside
            .engine_with_files(world::memory(), go_on(), film, |_, _| ())
            .await;
        Self {
            outside,
            engine,
            protocol,
            media,
        }
    }

    /// Publishes the film from a fresh account on which this goes wrong; says how many requests its upload took.
    async fn publish(&self, name: &str, script: Vec<Rule>) -> usize {
        let platform = self.protocol.platform;
        let name = format!("{}-{name}", platform.word());
        let (user, account) = self.outside.connect(&self.engine, platform, &name, script).await;
        let content = Content {
            head: PartContent {
                text: name.clone(),
                media: vec![self.media.clone()],
            },
            settings: Settings::from_iter([(platform.word().to_owned(), (self.protocol.settings)())]),
            ..Content::default()
        };
        let group = post_now(&self.engine, &user, &account, content).await;
        run_to_the_end(&self.outside, &self.engine).await;
        let end = state(&self.engine, &user, group).await;
        assert!(matches!(end, PostState::Published { .. }), "{name}: {end:?}");
        let filter = Filter {
            platform: Some(platform),
            account: Some(account.identity.remote_id.clone()),
            text: None,
        };
        let out_there = self.outside.sandbox.published(&filter);
        let hashes: Vec<_> = out_there.iter().map(|post| post.media.as_slice()).collect();
        assert_eq!(hashes, [[self.media.sha256.clone()]], "{name}");
        self.uploading_requests(&account.identity.remote_id)
    }

    /// How many requests of this account uploaded something.
    fn uploading_requests(&self, remote_id: &str) -> usize {
        let (mut found, mut after) = (0, 0);
        loop {
            let page = self.outside.sandbox.requests(after, 1_000);
            let Some(last) = page.last() else { return found };
            after = last.seq;
            let is_one = |line: &&sandbox::RequestLine| {
                line.class == Class::Upload && line.account.as_deref() == Some(remote_id)
            };
            found += page.iter().filter(is_one).count();
        }
    }
}

#[tokio::test]
async fn an_upload_that_is_cut_at_any_chunk_goes_on_and_ends_with_the_whole_file() {
    for protocol in PROTOCOLS {
        let stage = Stage::of(protocol).await;
        let requests = stage.publish("whole", vec![]).await;
        assert!(requests > 0, "{}", protocol.platform);
        for nth in 1..=u32::try_from(requests).unwrap() {
            let cut = Rule::nth(Class::Upload, nth, Fault::Cut { bytes: 5_000 });
            stage.publish(&format!("cut-{nth}"), vec![cut]).await;
            let lost = Rule::nth(Class::Upload, nth, Fault::DropAfter);
            stage.publish(&format!("lost-{nth}"), vec![lost]).await;
        }
    }
}

#[tokio::test]
async fn an_upload_whose_session_has_ended_is_begun_anew() {
    for protocol in PROTOCOLS.iter().filter(|protocol| protocol.has_sessions) {
        let stage = Stage::of(protocol).await;
        let requests = stage.publish("whole", vec![]).await;
        // The first request begins the session.
        for nth in 2..=u32::try_from(requests).unwrap() {
            let gone = Fault::Custom {
                status: 404,
                body: "{}".to_owned(),
                content_type: None,
                after: false,
            };
            let rule = Rule::nth(Class::Upload, nth, gone);
            let again = stage.publish(&format!("gone-{nth}"), vec![rule]).await;
            assert!(again > requests, "{} {nth}: it is uploaded anew", protocol.platform);
        }
    }
}
