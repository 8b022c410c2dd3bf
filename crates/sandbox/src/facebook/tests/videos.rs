//! Reels, stories and videos.

use super::*;
use crate::samples::{VideoShape, mp4};

fn film() -> Vec<u8> {
    mp4(VideoShape::default(), 9)
}

/// Begins a reel or a story: its id, and the address for its bytes.
async fn start(world: &TestWorld, seed: &AccountSeed, edge: &str) -> (String, String) {
    let body = json!({ "upload_phase": "start" });
    let (_, made) = read(send(world, seed, &format!("{}/{edge}", seed.remote_id), &body)).await;
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("video_id"), text("upload_url"))
}

fn upload(world: &TestWorld, seed: &AccountSeed, address: &str, offset: usize, film: &[u8]) -> RequestBuilder {
    world
        .client
        .post(address)
        .header("Authorization", format!("OAuth {}", seed.token))
        .header("offset", offset)
        .header("file_size", film.len())
        .body(film[offset..].to_vec())
}

fn finish(world: &TestWorld, seed: &AccountSeed, edge: &str, id: &str, more: &Value) -> RequestBuilder {
    let mut body = json!({ "upload_phase": "FINISH", "video_id": id, "video_state": "PUBLISHED" });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    send(world, seed, &format!("{}/{edge}", seed.remote_id), &body)
}

async fn status(world: &TestWorld, seed: &AccountSeed, id: &str) -> Value {
    read(get(world, seed, &format!("{id}?fields=status,published,post_id")))
        .await
        .1
}

#[tokio::test]
async fn a_reel_is_uploaded_finished_and_then_published() {
    let world = TestWorld::new().await;
    let script = vec![Rule::nth(Class::Create, 1, Fault::DropAfter)];
    let seed = world.account(Platform::Facebook, script);
    let (id, address) = start(&world, &seed, "video_reels").await;
    let early = finish(&world, &seed, "video_reels", &id, &json!({ "video_state": "DRAFT" }));
    assert_eq!(code(&read(early).await.1), (6_000, Some(1_363_030)));
    assert_eq!(
        read(upload(&world, &seed, &address, 0, &film())).await.1,
        json!({ "success": true })
    );
    assert_eq!(
        status(&world, &seed, &id).await["status"]["publishing_phase"]["status"],
        "not_started"
    );
    let reel = json!({ "description": "r", "title": "T" });
    assert!(finish(&world, &seed, "video_reels", &id, &reel).send().await.is_err());
    let under_way = status(&world, &seed, &id).await;
    assert_eq!(under_way["status"]["publishing_phase"]["status"], "in_progress");
    let done = status(&world, &seed, &id).await;
    assert_eq!(done["status"]["video_status"], "ready");
    assert_eq!(done["status"]["publishing_phase"]["publish_status"], "published");
    let made = world.published(Platform::Facebook);
    assert_eq!(made.len(), 1);
    assert_eq!((made[0].text.as_str(), &made[0].settings["title"]), ("r", &json!("T")));
    assert_eq!(
        (made[0].remote_id.as_str(), &made[0].media),
        (done["post_id"].as_str().unwrap(), &vec![sha256_hex(&film())])
    );
    assert_eq!(
        made[0].url.as_deref(),
        Some(format!("https://www.facebook.com/reel/{id}/").as_str())
    );
    assert_eq!(
        code(&read(finish(&world, &seed, "video_reels", &id, &reel)).await.1),
        (100, None)
    );
    assert_eq!(world.published(Platform::Facebook).len(), 1);
}

#[tokio::test]
async fn an_upload_that_is_cut_goes_on_where_it_broke_off() {
    let world = TestWorld::new().await;
    let script = vec![Rule::nth(Class::Upload, 2, Fault::Cut { bytes: 50_002 })];
    let seed = world.account(Platform::Facebook, script);
    let (id, address) = start(&world, &seed, "video_reels").await;
    let film = film();
    assert!(upload(&world, &seed, &address, 0, &film).send().await.is_err());
    let phase = status(&world, &seed, &id).await["status"]["uploading_phase"].clone();
    let received = phase
        .get("bytes_transfered")
        .or(phase.get("bytes_transferred"))
        .unwrap();
    assert_eq!((&phase["status"], received), (&json!("in_progress"), &json!(50_002)));
    let (_, refused) = read(upload(&world, &seed, &address, 0, &film)).await;
    assert_eq!(refused["debug_info"]["type"], "OffsetInvalidError");
    let short = upload(&world, &seed, &address, 50_002, &film).body(film[50_002..50_010].to_vec());
    assert_eq!(read(short).await.1["debug_info"]["type"], "PartialRequestError");
    assert_eq!(read(upload(&world, &seed, &address, 50_010, &film)).await.0, 200);
    assert_eq!(read(finish(&world, &seed, "video_reels", &id, &json!({}))).await.0, 200);
    assert_eq!(world.published(Platform::Facebook)[0].media, [sha256_hex(&film)]);
}

#[tokio::test]
async fn a_reel_outside_its_limits_is_refused_at_the_end() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Facebook, vec![]);
    let shape = VideoShape::default();
    let cases = [
        (VideoShape { duration_s: 2, ..shape }, 1_363_128),
        (VideoShape { fps: 15, ..shape }, 1_363_129),
        (
            VideoShape {
                width: 360,
                height: 640,
                ..shape
            },
            1_363_127,
        ),
        (
            VideoShape {
                width: 1080,
                height: 1080,
                ..shape
            },
            1_363_040,
        ),
    ];
    for (shape, subcode) in cases {
        let (id, address) = start(&world, &seed, "video_reels").await;
        read(upload(&world, &seed, &address, 0, &mp4(shape, 1))).await;
        let (_, refused) = read(finish(&world, &seed, "video_reels", &id, &json!({}))).await;
        assert_eq!(code(&refused), (100, Some(subcode)));
    }
    assert!(world.published(Platform::Facebook).is_empty());
}

#[tokio::test]
async fn processing_that_fails_is_told_by_the_status_alone() {
    let world = TestWorld::new().await;
    let script = vec![Rule::always(Class::Upload, Fault::ProcessingFails)];
    let seed = world.account(Platform::Facebook, script);
    let (id, address) = start(&world, &seed, "video_reels").await;
    read(upload(&world, &seed, &address, 0, &film())).await;
    assert_eq!(read(finish(&world, &seed, "video_reels", &id, &json!({}))).await.0, 200);
    world.clock.advance(SignedDuration::from_secs(30));
    let shown = status(&world, &seed, &id).await;
    assert_eq!(
        (&shown["status"]["video_status"], &shown["published"]),
        (&json!("error"), &json!(false))
    );
    assert!(shown["status"]["processing_phase"]["errors"].is_array());
    assert!(world.published(Platform::Facebook).is_empty());
}

#[tokio::test]
async fn the_31st_reel_of_a_day_has_to_wait() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Facebook, vec![]);
    let mut last = Value::Null;
    for _ in 0..31 {
        let (id, address) = start(&world, &seed, "video_reels").await;
        read(upload(&world, &seed, &address, 0, &film())).await;
        last = read(finish(&world, &seed, "video_reels", &id, &json!({}))).await.1;
        world.clock.advance(SignedDuration::from_mins(1));
        if !last["success"].is_boolean() {
            world.clock.advance(SignedDuration::from_hours(24));
            assert_eq!(read(finish(&world, &seed, "video_reels", &id, &json!({}))).await.0, 200);
        }
    }
    assert_eq!(code(&last), (9, Some(1_390_008)));
    assert_eq!(world.published(Platform::Facebook).len(), 31);
}

#[tokio::test]
async fn stories_are_listed_for_a_day() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Facebook, vec![]);
    let (id, address) = start(&world, &seed, "video_stories").await;
    let pull = world
        .client
        .post(&address)
        .header("Authorization", format!("OAuth {}", seed.token))
        .header("file_url", world.sandbox.sample_url("video.mp4"));
    assert_eq!(read(pull).await.0, 200);
    let (_, film_story) = read(finish(&world, &seed, "video_stories", &id, &json!({}))).await;
    let photo = photo(&world, &seed, &samples::jpeg(540, 960, 1), "").await;
    let body = json!({ "photo_id": photo });
    let (_, photo_story) = read(send(&world, &seed, &format!("{}/photo_stories", seed.remote_id), &body)).await;
    let list = || {
        get(
            &world,
            &seed,
            &format!("{}/stories?fields=post_id,media_id", seed.remote_id),
        )
    };
    let (_, stories) = read(list()).await;
    assert_eq!(stories["data"][0]["media_id"], json!(photo));
    assert_eq!(stories["data"][1]["post_id"], film_story["post_id"]);
    assert_ne!(photo_story["post_id"], film_story["post_id"]);
    let (_, feed) = read(get(&world, &seed, &format!("{}/published_posts", seed.remote_id))).await;
    assert_eq!(feed["data"], json!([]));
    world.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(read(list()).await.1["data"], json!([]));
}

#[tokio::test]
async fn bytes_that_cannot_be_fetched_and_sessions_that_ended_are_told_by_the_upload_host() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Facebook, vec![]);
    let (id, address) = start(&world, &seed, "video_reels").await;
    let pull = |url: String| {
        let request = world.client.post(&address).header("file_url", url);
        request.header("Authorization", format!("OAuth {}", seed.token))
    };
    let (_, refused) = read(pull(world.sandbox.sample_url("nothing.mp4"))).await;
    assert_eq!(refused["debug_info"]["type"], "ProcessingFailedError");
    let with_query = world.client.post(format!("{address}?access_token={}", seed.token));
    let with_query = with_query.header("Authorization", format!("OAuth {}", seed.token));
    assert_eq!(read(with_query).await.0, 400);
    assert!(
        world
            .sandbox
            .requests(0, 20)
            .iter()
            .any(|line| line.violation.is_some())
    );
    world.clock.advance(SignedDuration::from_hours(24));
    let (_, late) = read(upload(&world, &seed, &address, 0, &film())).await;
    assert_eq!(late["debug_info"]["retriable"], false);
    assert_eq!(status(&world, &seed, &id).await["status"]["video_status"], "expired");
}

fn videos(world: &TestWorld, seed: &AccountSeed, body: &Value) -> RequestBuilder {
    send(world, seed, &format!("{}/videos", seed.remote_id), body)
}

fn chunk(world: &TestWorld, seed: &AccountSeed, session: &Value, offset: &str, bytes: &[u8]) -> RequestBuilder {
    let part = reqwest::multipart::Part::bytes(bytes.to_vec()).file_name("chunk");
    let form = reqwest::multipart::Form::new()
        .text("upload_phase", "transfer")
        .text(
            "upload_session_id",
            session["upload_session_id"].as_str().unwrap().to_owned(),
        )
        .text("start_offset", offset.to_owned())
        .part("video_file_chunk", part);
    let address = format!("{}/v25.0/{}/videos", seed.base_url, seed.remote_id);
    world.client.post(address).bearer_auth(&seed.token).multipart(form)
}

#[tokio::test]
async fn a_video_in_chunks_tells_where_to_go_on() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Facebook, vec![]);
    let mut film = film();
    let padding: u32 = 2 * 1024 * 1024;
    film.extend_from_slice(&padding.to_be_bytes());
    film.extend_from_slice(b"free");
    film.resize(film.len() + 2 * 1024 * 1024 - 8, 5);
    let (_, session) = read(videos(
        &world,
        &seed,
        &json!({ "upload_phase": "start", "file_size": film.len() }),
    ))
    .await;
    assert_eq!(
        (&session["start_offset"], &session["end_offset"]),
        (&json!("0"), &json!("1048576"))
    );
    let (_, next) = read(chunk(&world, &seed, &session, "0", &film[..1_048_576])).await;
    assert_eq!(
        (&next["start_offset"], &next["end_offset"]),
        (&json!("1048576"), &json!("2097152"))
    );
    let (_, refused) = read(chunk(&world, &seed, &session, "0", &film[..1_048_576])).await;
    assert_eq!(code(&refused), (6_001, Some(1_363_037)));
    let data = refused["error"]["error_data"].clone();
    let data = data
        .as_str()
        .map_or(data.clone(), |text| serde_json::from_str(text).unwrap());
    assert_eq!(data["start_offset"], "1048576");
    let end = || {
        let id = &session["upload_session_id"];
        let asked = json!({ "upload_phase": "finish", "upload_session_id": id, "description": "film" });
        videos(&world, &seed, &asked)
    };
    assert_eq!(code(&read(end()).await.1), (6_000, Some(1_363_030)));
    read(chunk(&world, &seed, &session, "1048576", &film[1_048_576..2_097_152])).await;
    let (_, last) = read(chunk(&world, &seed, &session, "2097152", &film[2_097_152..])).await;
    assert_eq!(last["start_offset"], last["end_offset"]);
    assert_eq!(read(end()).await.1, json!({ "success": true }));
    assert_eq!(code(&read(end()).await.1), (100, None));
    let made = world.published(Platform::Facebook);
    assert_eq!(
        (made.len(), made[0].text.as_str(), &made[0].media),
        (1, "film", &vec![sha256_hex(&film)])
    );
}

#[tokio::test]
async fn an_unpublished_video_is_made_visible_later() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Facebook, vec![]);
    let body = json!({ "file_url": world.sandbox.sample_url("video.mp4"), "description": "v", "published": false });
    let id = id_of(videos(&world, &seed, &body)).await;
    assert!(world.published(Platform::Facebook).is_empty());
    for _ in 0..2 {
        assert_eq!(
            read(send(&world, &seed, &id, &json!({ "published": true }))).await.0,
            200
        );
    }
    let made = world.published(Platform::Facebook);
    assert_eq!((made.len(), made[0].key.as_deref()), (1, Some(id.as_str())));
    let (_, shown) = read(get(&world, &seed, &format!("{}?fields=attachments", made[0].remote_id))).await;
    assert_eq!(shown["attachments"]["data"][0]["target"]["id"], json!(id));
    let comment = send(&world, &seed, &format!("{id}/comments"), &json!({ "message": "first" }));
    assert_eq!(read(comment).await.0, 200);
}
