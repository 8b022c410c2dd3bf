//! Images, documents and videos.

use super::*;

const DOCUMENT: &[u8] = b"%PDF-1.4\n1 0 obj<</Type /Pages>> 2 0 obj<</Type /Page>>\n%%EOF";

async fn session(world: &TestWorld, seed: &AccountSeed, kind: &str, more: Value) -> Value {
    let mut asked = json!({ "owner": urn(seed) });
    for (name, value) in more.as_object().unwrap() {
        asked[name] = value.clone();
    }
    let body = json!({ "initializeUploadRequest": asked });
    let path = format!("{kind}?action=initializeUpload");
    let (status, made) = read(rest(world, seed, Method::POST, &path).json(&body)).await;
    assert_eq!(status, 200, "{made}");
    made["value"].clone()
}

fn put(world: &TestWorld, address: &Value, bytes: impl Into<reqwest::Body>) -> RequestBuilder {
    world.client.put(address.as_str().unwrap()).body(bytes)
}

/// Uploads an image or a document and returns its URN.
async fn uploaded(world: &TestWorld, seed: &AccountSeed, kind: &str, bytes: &[u8]) -> String {
    let value = session(world, seed, &format!("{kind}s"), json!({})).await;
    let sent = put(world, &value["uploadUrl"], bytes.to_vec()).bearer_auth(&seed.token);
    assert_eq!(read(sent).await.0, 201);
    value[kind].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn several_images_keep_their_order_their_bytes_and_their_alternative_texts() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::LinkedIn, vec![]);
    let (one, two) = (samples::jpeg(640, 480, 1), samples::png(300, 300, 2));
    let images = [
        json!({ "id": uploaded(&world, &seed, "image", &one).await, "altText": "first" }),
        json!({ "id": uploaded(&world, &seed, "image", &two).await }),
    ];
    posted(
        &world,
        &seed,
        &with_content(&seed, "two", json!({ "multiImage": { "images": images } })),
    )
    .await;
    let made = &world.published(Platform::LinkedIn)[0];
    assert_eq!(made.media, [sha256_hex(&one), sha256_hex(&two)]);
    assert_eq!(made.alt, ["first", ""]);

    // A self-serve token may not ask about an image; that is no failure of the image.
    let path = format!("images/{}", encoded(images[0]["id"].as_str().unwrap()));
    assert_eq!(read(rest(&world, &seed, Method::GET, &path)).await.0, 403);
}

#[tokio::test]
async fn an_image_that_cannot_be_processed_makes_a_post_that_nobody_sees() {
    let world = TestWorld::new().await;
    let works = organization(&world, "works");
    let image = uploaded(&world, &works, "image", b"no image at all").await;
    let status = || rest(&world, &works, Method::GET, &format!("images/{}", encoded(&image)));
    assert_eq!(read(status()).await.1["status"], "PROCESSING");
    let content = json!({ "media": { "id": image } });
    let hidden = posted(&world, &works, &with_content(&works, "hidden", content.clone())).await;
    let show = rest(&world, &works, Method::GET, &format!("posts/{}", encoded(&hidden)));
    assert_eq!(read(show).await.0, 404);
    assert_eq!(read(status()).await.1["status"], "PROCESSING");
    assert_eq!(read(status()).await.1["status"], "PROCESSING_FAILED");
    let (code, refused) = read(post(&world, &works, &with_content(&works, "later", content))).await;
    assert_eq!((code, &refused["code"]), (400, &json!("MEDIA_ASSET_PROCESSING_FAILED")));
}

#[tokio::test]
async fn a_document_needs_a_title_and_a_token() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::LinkedIn, vec![]);
    let value = session(&world, &seed, "documents", json!({})).await;
    assert_eq!(read(put(&world, &value["uploadUrl"], DOCUMENT)).await.0, 401);
    let stream = reqwest::Body::wrap_stream(futures_util::stream::iter([Ok::<_, std::io::Error>(DOCUMENT)]));
    let unmeasured = put(&world, &value["uploadUrl"], stream).bearer_auth(&seed.token);
    assert_eq!(read(unmeasured).await.0, 411);
    let content = json!({ "media": { "id": value["document"], "title": "Paper" } });
    let (_, early) = read(post(&world, &seed, &with_content(&seed, "p", content.clone()))).await;
    assert_eq!(early["code"], "MEDIA_ASSET_WAITING_UPLOAD");
    let sent = put(&world, &value["uploadUrl"], DOCUMENT).bearer_auth(&seed.token);
    assert_eq!(read(sent).await.0, 201);
    posted(&world, &seed, &with_content(&seed, "p", content)).await;
    assert_eq!(world.published(Platform::LinkedIn)[0].media, [sha256_hex(DOCUMENT)]);

    // Nobody else's media can be posted.
    let eve = NewSandboxAccount::new(Platform::LinkedIn, "eve");
    let eve = world.sandbox.add_account(&eve).unwrap();
    let stolen = json!({ "media": { "id": value["document"], "title": "Mine" } });
    assert_eq!(read(post(&world, &eve, &with_content(&eve, "p", stolen))).await.0, 403);
}

/// A film larger than one part, its size in bytes not a multiple of a part's.
fn film() -> Vec<u8> {
    let mut bytes = mp4(VideoShape::default(), 7);
    // A free box at the end makes it as long as it must be.
    let padding: u32 = 9 * 1024 * 1024;
    bytes.extend_from_slice(&padding.to_be_bytes());
    bytes.extend_from_slice(b"free");
    bytes.resize(bytes.len() + 9 * 1024 * 1024 - 8, 7);
    bytes
}

async fn part(world: &TestWorld, instruction: &Value, film: &[u8]) -> String {
    let at = |name: &str| usize::try_from(instruction[name].as_u64().unwrap()).unwrap();
    let bytes = film[at("firstByte")..=at("lastByte")].to_vec();
    let response = put(world, &instruction["uploadUrl"], bytes).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.headers()["etag"].to_str().unwrap().to_owned()
}

fn finalize(world: &TestWorld, seed: &AccountSeed, value: &Value, etags: &[String]) -> RequestBuilder {
    let asked = json!({ "video": value["video"], "uploadToken": value["uploadToken"], "uploadedPartIds": etags });
    rest(world, seed, Method::POST, "videos?action=finalizeUpload").json(&json!({ "finalizeUploadRequest": asked }))
}

#[tokio::test]
async fn a_video_comes_in_parts_and_is_processed_before_it_can_be_posted() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::LinkedIn, vec![]);
    let film = film();
    let value = session(&world, &seed, "videos", json!({ "fileSizeBytes": film.len() })).await;
    let instructions = value["uploadInstructions"].as_array().unwrap();
    assert_eq!(
        (instructions.len(), &instructions[0]["lastByte"]),
        (3, &json!(4_194_303))
    );
    let mut etags = Vec::new();
    for instruction in instructions.iter().rev() {
        etags.insert(0, part(&world, instruction, &film).await);
    }
    let mut shuffled = etags.clone();
    shuffled.swap(0, 1);
    assert_eq!(read(finalize(&world, &seed, &value, &shuffled)).await.0, 400);
    assert_eq!(read(finalize(&world, &seed, &value, &etags[..2])).await.0, 400);
    for _ in 0..2 {
        assert_eq!(read(finalize(&world, &seed, &value, &etags)).await.0, 200);
    }
    let video = value["video"].as_str().unwrap();
    let content = json!({ "media": { "id": video, "title": "Film" } });
    let (_, early) = read(post(&world, &seed, &with_content(&seed, "film", content.clone()))).await;
    assert_eq!(early["code"], "MEDIA_ASSET_WAITING_UPLOAD");
    let status = || rest(&world, &seed, Method::GET, &format!("videos/{}", encoded(video)));
    for expected in ["PROCESSING", "PROCESSING", "AVAILABLE"] {
        assert_eq!(read(status()).await.1["status"], expected);
    }
    let urn = posted(&world, &seed, &with_content(&seed, "film", content)).await;
    assert!(urn.starts_with("urn:li:ugcPost:"));
    assert_eq!(world.published(Platform::LinkedIn)[0].media, [sha256_hex(&film)]);
}

#[tokio::test]
async fn a_part_that_was_cut_is_sent_again_and_one_with_a_token_is_refused() {
    let world = TestWorld::new().await;
    // The session is the first upload request, its parts are the next ones.
    let script = vec![Rule::nth(Class::Upload, 3, Fault::Cut { bytes: 1_000 })];
    let seed = world.account(Platform::LinkedIn, script);
    let film = film();
    let value = session(&world, &seed, "videos", json!({ "fileSizeBytes": film.len() })).await;
    let instructions = value["uploadInstructions"].as_array().unwrap();
    let first = part(&world, &instructions[0], &film).await;
    let bytes = film[4_194_304..8_388_608].to_vec();
    assert!(put(&world, &instructions[1]["uploadUrl"], bytes).send().await.is_err());
    assert_eq!(
        read(finalize(&world, &seed, &value, std::slice::from_ref(&first)))
            .await
            .0,
        400
    );
    let second = part(&world, &instructions[1], &film).await;
    let with_token = put(&world, &instructions[2]["uploadUrl"], vec![0]).bearer_auth(&seed.token);
    assert_eq!(read(with_token).await.0, 400);
    assert_eq!(read(put(&world, &instructions[2]["uploadUrl"], vec![0])).await.0, 400);
    let third = part(&world, &instructions[2], &film).await;
    assert_eq!(
        read(finalize(&world, &seed, &value, &[first, second, third])).await.0,
        200
    );
    let journal = world.sandbox.requests(0, 50);
    assert!(
        journal
            .iter()
            .any(|line| line.violation.as_deref().is_some_and(|what| what.contains("token")))
    );
    assert!(
        journal
            .iter()
            .all(|line| line.account.as_deref() == Some(seed.remote_id.as_str()))
    );
}

#[tokio::test]
async fn an_upload_session_ends() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::LinkedIn, vec![]);
    let image = session(&world, &seed, "images", json!({})).await;
    let video = session(&world, &seed, "videos", json!({ "fileSizeBytes": 10 })).await;
    world.clock.advance(SignedDuration::from_hours(24));
    let late = put(&world, &image["uploadUrl"], "x").bearer_auth(&seed.token);
    assert_eq!(read(late).await.1["code"], "EXPIRED_UPLOAD_URL");
    let address = &video["uploadInstructions"][0]["uploadUrl"];
    assert_eq!(read(put(&world, address, "0123456789")).await.0, 200);
    world.clock.advance(SignedDuration::from_hours(29 * 24));
    assert_eq!(
        read(put(&world, address, "0123456789")).await.1["code"],
        "EXPIRED_UPLOAD_URL"
    );
}

#[tokio::test]
async fn processing_follows_the_script() {
    let world = TestWorld::new().await;
    let script = vec![
        Rule::always(Class::Upload, Fault::ProcessingPolls { n: 1 }),
        Rule::always(Class::Upload, Fault::ProcessingFails),
    ];
    let seed = world.account(Platform::LinkedIn, script);
    let film = mp4(VideoShape::default(), 7);
    let value = session(&world, &seed, "videos", json!({ "fileSizeBytes": film.len() })).await;
    let etag = part(&world, &value["uploadInstructions"][0], &film).await;
    assert_eq!(read(finalize(&world, &seed, &value, &[etag])).await.0, 200);
    world.clock.advance(SignedDuration::from_hours(1));
    let path = format!("videos/{}", encoded(value["video"].as_str().unwrap()));
    let status = || rest(&world, &seed, Method::GET, &path);
    assert_eq!(read(status()).await.1["status"], "PROCESSING");
    let (_, failed) = read(status()).await;
    assert_eq!(failed["status"], "PROCESSING_FAILED");
    assert!(failed["processingFailureReason"].is_string());
}
