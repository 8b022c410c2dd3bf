//! Pictures that a platform would refuse, or that tell where they were taken: what is out there is another file, and the
//! same one every time.

use std::sync::Arc;
use tempfile::TempDir;

use bytes::Bytes;
use domain::account::{Account, User};
use domain::clock::Clock;
use domain::content::{Content, Media, PartContent};
use domain::error::ErrorKind;
use domain::log::{LogEntry, LogKind};
use domain::platform::Platform;
use domain::post::PostState;
use domain::secret::SecretBytes;
use engine::Engine;
use engine::library::Library;
use futures_util::stream;
use media::{AddressPolicy, FetchLimits, Fetcher, Limits, LinkSigner, MediaStore};
use rand::SeedableRng;
use rand::rngs::StdRng;
use sandbox::{Class, Fault, Filter, Published, Rule};
use sha2::{Digest, Sha256};
use store::{Reach, Store};

use crate::world::{self, Outside, go_on, post_now, run_to_the_end, state};

const LIMITS: Limits = Limits {
    image_bytes_max: 25_000_000,
    video_bytes_max: 0,
    document_bytes_max: 0,
};

/// A library on a folder that is gone when the test is.
struct Shelf {
    folder: TempDir,
    library: Arc<Library>,
}

impl Shelf {
    fn new(outside: &Outside) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock: Arc<dyn Clock> = Arc::new(outside.clock.clone());
        let fetcher = Fetcher::new(AddressPolicy::public_only(), FetchLimits::default(), Arc::clone(&clock)).unwrap();
        let signer = LinkSigner::new(SecretBytes::new(vec![7; 32]));
        let store = MediaStore::local(folder.path()).unwrap();
        let library = Arc::new(Library::new(store, fetcher, signer, clock, StdRng::seed_from_u64(7)));
        Self { folder, library }
    }

    async fn put(&self, user: &User, name: &str, bytes: Vec<u8>) -> Media {
        let stream = stream::iter([Ok(Bytes::from(bytes))]);
        let name = Some(name.to_owned());
        self.library.put(user.id, name, None, stream, &LIMITS).await.unwrap()
    }

    /// How many files there are.
    fn files(&self) -> usize {
        let mut folders = vec![self.folder.path().to_owned()];
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files += 1;
                }
            }
        }
        files
    }
}

/// A photograph as a telephone makes it: its Exif says where.
fn photograph() -> Vec<u8> {
    let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x88\x25\0\x04\0\0\0\x01\0\0\0\x1a\0\0\0\0 48.2082 N 16.3738 E";
    let mut bytes = sandbox::samples::jpeg(640, 480, 3);
    let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
    bytes.splice(2..2, [&[0xff, 0xe1][..], &length, exif].concat());
    bytes
}

fn with_picture(text: &str, media: Media) -> Content {
    Content {
        head: PartContent {
            text: text.to_owned(),
            media: vec![media],
        },
        ..Content::default()
    }
}

async fn engine(outside: &Outside, store: Arc<dyn Store>, shelf: &Shelf) -> Engine {
    outside
        .engine_with_files(store, go_on(), Arc::clone(&shelf.library) as _, |_, _| ())
        .await
}

fn published(outside: &Outside, account: &Account) -> Vec<Published> {
    let filter = Filter {
        platform: Some(account.platform),
        account: Some(account.identity.remote_id.clone()),
        text: None,
    };
    outside.sandbox.published(&filter)
}

/// What the log says of conversions, in order.
async fn conversions(engine: &Engine, user: &User, group: domain::ids::GroupId) -> Vec<LogEntry> {
    let log = engine.group_log(&Reach { owner: user.id }, group, 100).await.unwrap();
    let entries = log.into_iter().map(|record| record.entry);
    entries.filter(|entry| entry.kind == LogKind::MediaConverted).collect()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_is_too_large_for_bluesky_goes_out_as_a_jpeg_that_fits_and_the_log_says_so() {
    let outside = Outside::new().await;
    let shelf = Shelf::new(&outside);
    let engine = engine(&outside, world::memory(), &shelf).await;
    let (user, account) = outside.connect(&engine, Platform::Bluesky, "ann", vec![]).await;
    let source = shelf.put(&user, "chart.png", sandbox::samples::png(700, 600, 5)).await;
    assert!(source.bytes > 1_000_000);
    let group = post_now(&engine, &user, &account, with_picture("a chart", source.clone())).await;
    run_to_the_end(&outside, &engine).await;
    let post_state = state(&engine, &user, group).await;
    assert!(matches!(post_state, PostState::Published { .. }), "{post_state:?}");
    let entries = conversions(&engine, &user, group).await;
    let [entry] = &*entries else { panic!("{entries:?}") };
    assert_eq!(entry.data["why"], "platform");
    assert_eq!(
        (&entry.data["from"]["mime"], &entry.data["from"]["bytes"]),
        (&"image/png".into(), &source.bytes.into())
    );
    assert_eq!(entry.data["to"]["mime"], "image/jpeg");
    assert!(entry.data["to"]["bytes"].as_u64().unwrap() <= 1_000_000);
    let out_there = published(&outside, &account);
    assert_eq!(out_there[0].media, [entry.data["to"]["sha256"].as_str().unwrap()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_platform_is_told_where_a_picture_was_taken_and_no_pixel_is_lost_for_it() {
    let outside = Outside::new().await;
    let shelf = Shelf::new(&outside);
    let engine = engine(&outside, world::memory(), &shelf).await;
    // What is left when the Exif is taken out is the picture as it was before it was put in.
    let plain = sha256(&sandbox::samples::jpeg(640, 480, 3));
    for platform in [Platform::Mastodon, Platform::Bluesky, Platform::Telegram, Platform::X] {
        let (user, account) = outside.connect(&engine, platform, platform.word(), vec![]).await;
        let source = shelf.put(&user, "me.jpg", photograph()).await;
        assert_ne!(source.sha256, plain);
        let group = post_now(&engine, &user, &account, with_picture("at home", source)).await;
        run_to_the_end(&outside, &engine).await;
        assert_eq!(published(&outside, &account)[0].media, [plain.as_str()], "{platform}");
        let entries = conversions(&engine, &user, group).await;
        assert_eq!(entries[0].data["why"], "location", "{platform}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_after_a_refusal_sends_the_very_same_derivative_made_once() {
    let outside = Outside::new().await;
    let shelf = Shelf::new(&outside);
    let engine = engine(&outside, world::memory(), &shelf).await;
    let script = vec![Rule::first(Class::Create, 1, Fault::ErrorBefore { status: 503 })];
    let (user, account) = outside.connect(&engine, Platform::Bluesky, "ann", script).await;
    let source = shelf.put(&user, "me.jpg", photograph()).await;
    let group = post_now(&engine, &user, &account, with_picture("twice", source.clone())).await;
    run_to_the_end(&outside, &engine).await;
    assert!(matches!(
        state(&engine, &user, group).await,
        PostState::Published { .. }
    ));
    assert_eq!(published(&outside, &account).len(), 1);
    assert_eq!(shelf.files(), 2, "the picture and its derivative");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_derivative_goes_with_the_last_post_that_used_it() {
    let outside = Outside::new().await;
    let shelf = Shelf::new(&outside);
    let engine = engine(&outside, world::memory(), &shelf).await;
    let (user, account) = outside.connect(&engine, Platform::Mastodon, "ann", vec![]).await;
    let source = shelf.put(&user, "me.jpg", photograph()).await;
    let mut groups = Vec::new();
    for text in ["one", "two"] {
        groups.push(post_now(&engine, &user, &account, with_picture(text, source.clone())).await);
        run_to_the_end(&outside, &engine).await;
    }
    let reach = Reach { owner: user.id };
    for (n, group) in groups.into_iter().enumerate() {
        assert_eq!(shelf.files(), 2, "after {n}");
        engine.delete_group(&reach, group).await.unwrap();
        engine.keep_house_once().await.unwrap();
    }
    assert_eq!(shelf.files(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_over_the_budget_for_decoding_fails_its_post_in_plain_words() {
    let outside = Outside::new().await;
    let shelf = Shelf::new(&outside);
    let engine = engine(&outside, world::memory(), &shelf).await;
    let (user, account) = outside.connect(&engine, Platform::Bluesky, "ann", vec![]).await;
    // A header that says 9,000 by 9,000 pixels, and a body that is too long for Bluesky.
    let mut bytes = sandbox::samples::png(700, 600, 5);
    bytes.splice(16..24, [9_000_u32.to_be_bytes(), 9_000_u32.to_be_bytes()].concat());
    let source = shelf.put(&user, "bomb.png", bytes).await;
    let group = post_now(&engine, &user, &account, with_picture("boom", source)).await;
    run_to_the_end(&outside, &engine).await;
    let PostState::Failed { error, .. } = state(&engine, &user, group).await else {
        panic!("it cannot be published");
    };
    assert_eq!(error.kind, ErrorKind::TooLarge);
    assert!(error.message.contains("9000x9000"), "{}", error.message);
    assert!(published(&outside, &account).is_empty());
    assert_eq!(shelf.files(), 1, "nothing was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_platform_takes_goes_out_byte_for_byte() {
    let outside = Outside::new().await;
    let shelf = Shelf::new(&outside);
    let engine = engine(&outside, world::memory(), &shelf).await;
    let (user, account) = outside.connect(&engine, Platform::Mastodon, "ann", vec![]).await;
    let source = shelf.put(&user, "card.png", sandbox::samples::png(256, 256, 1)).await;
    let group = post_now(&engine, &user, &account, with_picture("as it is", source.clone())).await;
    run_to_the_end(&outside, &engine).await;
    assert_eq!(published(&outside, &account)[0].media, [source.sha256.as_str()]);
    assert!(conversions(&engine, &user, group).await.is_empty());
}
