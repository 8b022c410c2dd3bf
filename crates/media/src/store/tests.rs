//! Tests of the store, on a real folder and in memory.

use futures_util::stream;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::*;
use crate::key::NAME_BYTES_MAX;
use crate::samples::{self, Film, Jpeg};

const LIMITS: Limits = Limits {
    image_bytes_max: 2_000,
    video_bytes_max: 20_000_000,
    document_bytes_max: 0,
};

/// A folder that is gone when the test is.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Every file below, staged ones too.
    fn files(&self) -> Vec<std::path::PathBuf> {
        let mut folders = vec![self.0.path().to_owned()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files
    }
}

/// The key of some upload.
pub(crate) fn key() -> String {
    let at = jiff::Timestamp::from_millisecond(1_710_500_000_000).unwrap();
    let owner = UserId::from_bytes([0xab; 12]);
    crate::key::upload_key(owner, MediaKind::Image, "a.jpg", at, &mut StdRng::seed_from_u64(3))
}

fn new_file(name: &str, seed: u64) -> NewFile {
    let owner = UserId::from_bytes([0xab; 12]);
    let name = (!name.is_empty()).then(|| name.to_owned());
    NewFile::new(
        MediaId::from_bytes([1; 12]),
        owner,
        name,
        Some("image/bmp".to_owned()),
        &mut StdRng::seed_from_u64(seed),
    )
}

fn chunks(bytes: &[u8], size: usize) -> impl Stream<Item = io::Result<Bytes>> + Send + use<> {
    let chunks: Vec<_> = bytes
        .chunks(size)
        .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
        .collect();
    stream::iter(chunks)
}

fn in_memory() -> MediaStore {
    MediaStore::new(Arc::new(InMemory::new()))
}

async fn read(opened: Opened) -> Vec<u8> {
    let length = opened.length;
    let bytes: Vec<Bytes> = opened.stream.map(Result::unwrap).collect().await;
    let bytes = bytes.concat();
    assert_eq!(bytes.len() as u64, length);
    bytes
}

#[tokio::test]
async fn a_stored_picture_is_described_by_its_bytes_and_read_back() {
    let folder = Folder::new();
    let store = MediaStore::local(folder.0.path()).unwrap();
    let bytes = Jpeg {
        orientation: Some(6),
        ..Jpeg::default()
    }
    .bytes();
    let media = store
        .put_stream(new_file("My cat.bmp", 7), chunks(&bytes, 10), &LIMITS)
        .await
        .unwrap();
    assert_eq!(
        (media.kind, media.mime.as_str(), media.bytes),
        (MediaKind::Image, "image/jpeg", bytes.len() as u64)
    );
    assert_eq!((media.width, media.height), (Some(480), Some(640)));
    assert_eq!(media.name.as_deref(), Some("My cat.bmp"));
    let hash: String = Sha256::digest(&bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(media.sha256, hash);
    assert_eq!(folder.files().len(), 1);
    assert_eq!(read(store.open(&media.key, None).await.unwrap()).await, bytes);
    store.delete(&media.key).await.unwrap();
    assert_eq!(folder.files().len(), 0);
}

#[tokio::test]
async fn a_large_film_goes_through_in_parts_of_one_size() {
    let store = in_memory();
    let film = Film {
        data: 11 * 1_024 * 1_024,
        index_first: false,
        ..Film::default()
    }
    .bytes();
    for size in [60_000, 6 * 1_024 * 1_024, film.len()] {
        let media = store
            .put_stream(new_file("film.mp4", 7), chunks(&film, size), &LIMITS)
            .await
            .unwrap();
        assert_eq!((media.duration_ms, media.width), (Some(10_010), Some(1_280)));
        assert_eq!(media.bytes, film.len() as u64);
        assert!(read(store.open(&media.key, None).await.unwrap()).await == film);
    }
}

#[tokio::test]
async fn a_range_is_read_and_one_outside_is_refused() {
    let store = in_memory();
    let bytes = samples::png(10, 10);
    let len = bytes.len() as u64;
    let key = store
        .put_stream(new_file("a.png", 7), chunks(&bytes, 7), &LIMITS)
        .await
        .unwrap()
        .key;
    for (range, expected) in [
        (0..1, &bytes[..1]),
        (5..9, &bytes[5..9]),
        (len - 1..len, &bytes[bytes.len() - 1..]),
        (8..len + 99, &bytes[8..]),
    ] {
        let opened = store.open(&key, Some(range)).await.unwrap();
        assert_eq!(opened.total, len);
        assert_eq!(read(opened).await, expected);
    }
    for range in [len..len + 1, 5..5, u64::MAX - 1..u64::MAX] {
        assert!(matches!(store.open(&key, Some(range)).await, Err(Error::BadRange { bytes }) if bytes == len));
    }
}

#[tokio::test]
async fn a_file_at_its_limit_passes_and_one_byte_more_leaves_nothing_behind() {
    let folder = Folder::new();
    let store = MediaStore::local(folder.0.path()).unwrap();
    let base = Jpeg {
        data: 0,
        ..Jpeg::default()
    }
    .bytes()
    .len();
    let exact = Jpeg {
        data: 2_000 - base,
        ..Jpeg::default()
    }
    .bytes();
    let media = store
        .put_stream(new_file("a.jpg", 7), chunks(&exact, 64), &LIMITS)
        .await
        .unwrap();
    store.delete(&media.key).await.unwrap();
    let over = Jpeg {
        data: 2_001 - base,
        ..Jpeg::default()
    }
    .bytes();
    for size in [1, 64, 5_000] {
        let refused = store
            .put_stream(new_file("a.jpg", 7), chunks(&over, size), &LIMITS)
            .await;
        assert!(
            matches!(refused, Err(Error::TooLarge { bytes_max: 2_000 })),
            "{refused:?}"
        );
    }
    assert_eq!(folder.files(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn what_is_wrong_leaves_nothing_behind() {
    let folder = Folder::new();
    let store = MediaStore::local(folder.0.path()).unwrap();
    let jpeg = Jpeg::default().bytes();
    let cut = &jpeg[..jpeg.len() - 2];
    let bomb = samples::png(100_000, 100_000);
    let put = |bytes: &[u8]| store.put_stream(new_file("a", 7), chunks(bytes, 9), &LIMITS);
    assert!(matches!(put(b"").await, Err(Error::Empty)));
    assert!(matches!(put(b"#!/bin/sh").await, Err(Error::Unsupported)));
    assert!(matches!(put(&[b'x'; 5_000]).await, Err(Error::Unsupported)));
    assert!(matches!(put(b"%PDF-1.7").await, Err(Error::Unsupported)));
    assert!(matches!(put(cut).await, Err(Error::Truncated(_))));
    assert!(matches!(put(&bomb).await, Err(Error::TooManyPixels { .. })));
    let broken = stream::iter([
        Ok(Bytes::from_static(b"\xff\xd8\xff\xe0")),
        Err(io::Error::other("gone")),
    ]);
    assert!(matches!(
        store.put_stream(new_file("a", 7), broken, &LIMITS).await,
        Err(Error::Receive(_))
    ));
    assert_eq!(folder.files(), Vec::<std::path::PathBuf>::new());
}

#[tokio::test]
async fn a_gone_file_is_not_found_and_deleting_it_again_is_fine() {
    let store = in_memory();
    let key = store
        .put_stream(new_file("a.png", 7), chunks(&samples::png(1, 1), 9), &LIMITS)
        .await
        .unwrap()
        .key;
    store.delete(&key).await.unwrap();
    store.delete(&key).await.unwrap();
    assert!(matches!(store.open(&key, None).await, Err(Error::NotFound)));
    assert!(matches!(store.open(&key, Some(0..1)).await, Err(Error::NotFound)));
    assert!(matches!(store.probe(&key).await, Err(Error::NotFound)));
}

#[tokio::test]
async fn only_keys_of_this_store_are_opened() {
    let store = in_memory();
    let good = new_file("a.png", 7).key().to_owned();
    for key in [
        "",
        "a",
        "../../etc/passwd",
        "/etc/passwd",
        &good.to_uppercase(),
        &format!("/{good}"),
        &format!("{good}/x"),
        &format!("{}/..", good.rsplit_once('/').unwrap().0),
        &good.replace("a.png", "a%2fb"),
        &good.replace("a.png", ".hidden"),
    ] {
        assert!(matches!(store.open(key, None).await, Err(Error::BadKey)), "{key}");
        assert!(matches!(store.delete(key).await, Err(Error::BadKey)), "{key}");
    }
}

#[test]
fn a_key_has_the_owner_a_random_part_and_a_safe_name() {
    let key = new_file("../../Ünïcode cät (1).PNG", 7).key().to_owned();
    let parts: Vec<&str> = key.split('/').collect();
    assert_eq!(parts[0], "abababababababababababab");
    assert_eq!(parts[1].len(), 32);
    assert_eq!(parts[2], "n_code_c_t__1_.PNG");
    assert_ne!(new_file("a", 7).key(), new_file("a", 8).key());
    assert_eq!(new_file("a", 7).key(), new_file("a", 7).key());
    for (name, safe) in [
        ("", "file"),
        ("...", "file"),
        ("日本", "file"),
        ("C:\\x\\y.gif", "y.gif"),
        (".htaccess", "htaccess"),
        ("a/b/", "file"),
    ] {
        assert!(new_file(name, 7).key().ends_with(&format!("/{safe}")), "{name}");
    }
    let long = format!("{}.jpeg", "x".repeat(300));
    assert!(
        new_file(&long, 7).key().ends_with("x.jpeg")
            && new_file(&long, 7).key().len() == 24 + 1 + 32 + 1 + NAME_BYTES_MAX
    );
}

proptest! {
    #[test]
    fn every_name_gives_a_key(name in ".*", seed: u64) {
        let key = new_file(&name, seed).key().to_owned();
        prop_assert!(is_key(&key), "{key}");
        prop_assert!(Path::parse(&key).is_ok());
    }
}

#[tokio::test]
async fn more_files_than_are_looked_at_at_once_all_get_their_turn() {
    let store = in_memory();
    let bytes = samples::gif(5, 5, 2);
    let puts = (0..20).map(|seed| store.put_stream(new_file("a.gif", seed), chunks(&bytes, 16), &LIMITS));
    let stored = futures_util::future::join_all(puts).await;
    assert!(
        stored
            .into_iter()
            .all(|media| media.unwrap().kind == MediaKind::Animation)
    );
}

/// Notes the sizes of the parts it gets.
#[derive(Debug, Default)]
struct PartSizes(Arc<std::sync::Mutex<Vec<usize>>>);

#[async_trait::async_trait]
impl MultipartUpload for PartSizes {
    fn put_part(&mut self, data: PutPayload) -> object_store::UploadPart {
        self.0.lock().unwrap().push(data.content_length());
        Box::pin(std::future::ready(Ok(())))
    }

    async fn complete(&mut self) -> object_store::Result<object_store::PutResult> {
        Err(object_store::Error::NotImplemented {
            operation: String::new(),
            implementer: String::new(),
        })
    }

    async fn abort(&mut self) -> object_store::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_more_than_one_part_is_in_memory() {
    let film = Film {
        data: 2 * PART_BYTES,
        ..Film::default()
    }
    .bytes();
    for size in [1_000_000, 2 * PART_BYTES + 5] {
        let sizes = PartSizes::default();
        let seen = Arc::clone(&sizes.0);
        let mut upload: Box<dyn MultipartUpload> = Box::new(sizes);
        let written = receive(&mut upload, chunks(&film, size), &LIMITS).await.unwrap();
        assert_eq!(written.bytes, film.len() as u64);
        assert_eq!(
            *seen.lock().unwrap(),
            [PART_BYTES, PART_BYTES, film.len() - 2 * PART_BYTES]
        );
    }
}

#[tokio::test]
async fn a_file_that_was_put_without_us_is_looked_at_all_the_same() {
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let store = MediaStore::new(Arc::clone(&objects));
    let new = || NewFile::keyed(MediaId::from_bytes([1; 12]), key(), None, None);
    let put = |bytes: Vec<u8>| {
        let objects = Arc::clone(&objects);
        async move { objects.put(&Path::parse(key()).unwrap(), bytes.into()).await.unwrap() }
    };
    let missing = store.adopt(new(), &LIMITS).await;
    assert!(matches!(missing, Err(Error::NotFound)), "{missing:?}");
    let bytes = Jpeg::default().bytes();
    put(bytes.clone()).await;
    let adopted = store.adopt(new(), &LIMITS).await.unwrap();
    let sent = stream::iter([Ok(Bytes::from(bytes))]);
    let stored = store.put_stream(new(), sent, &LIMITS).await.unwrap();
    assert_eq!(adopted, stored);
    put(vec![0; 20_000_001]).await;
    let large = store.adopt(new(), &LIMITS).await;
    assert!(matches!(large, Err(Error::TooLarge { .. })), "{large:?}");
    put(b"no picture at all".to_vec()).await;
    let other = store.adopt(new(), &LIMITS).await;
    assert!(matches!(other, Err(Error::Unsupported)), "{other:?}");
}
