//! Films go up in the parts that LinkedIn asks for, and on from where they were after any cut.

use super::*;

const PART: usize = 4_194_304;

/// What the server does with the n-th attempt at a part.
type Cut = fn(part: usize, attempt: usize) -> Option<Reply>;

/// Where parts went, and their bytes.
type Parts = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A server that takes films in parts, and the parts as they arrived.
struct Films {
    server: Server,
    parts: Parts,
}

async fn films(bytes: usize, cut: Cut) -> Films {
    let base: Arc<Mutex<String>> = Arc::default();
    let own = Arc::clone(&base);
    let counts: Mutex<std::collections::BTreeMap<String, usize>> = Mutex::default();
    let server = Server::start(move |request| {
        let base = own.lock().unwrap().clone();
        let mut counts = counts.lock().unwrap();
        let count = counts
            .entry(format!("{} {}", request.method, request.path))
            .or_default();
        *count += 1;
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        match (request.method.as_str(), path, query) {
            ("POST", "/rest/videos", "action=initializeUpload") => {
                let parts: Vec<_> = (0..bytes.div_ceil(PART))
                    .map(|n| {
                        json!({
                            "uploadUrl": format!("{base}/part/{count}/{n}"),
                            "firstByte": n * PART,
                            "lastByte": (n * PART + PART).min(bytes) - 1,
                        })
                    })
                    .collect();
                Reply::json(
                    200,
                    &json!({ "value": {
                        "video": format!("urn:li:video:V{count}"), "uploadToken": "", "uploadInstructions": parts,
                        "uploadUrlsExpireAt": start().as_millisecond() + 60_000,
                    } }),
                )
            }
            ("POST", "/rest/videos", "action=finalizeUpload") => Reply::text(200, "text/plain", ""),
            ("PUT", path, _) => {
                let part = path.rsplit('/').next().unwrap().parse().unwrap();
                cut(part, *count).unwrap_or_else(|| {
                    Reply::text(200, "text/plain", "").with_header("ETag", &format!("\"/ambry-video/{part}.bin\""))
                })
            }
            ("GET", ..) => Reply::json(
                403,
                &json!({ "message": "Accessing this video resource is forbidden." }),
            ),
            ("POST", "/rest/posts", _) => created("urn:li:ugcPost:7300000000000000001"),
            _ => Reply::HangUp,
        }
    })
    .await;
    server.url().clone_into(&mut base.lock().unwrap());
    Films {
        server,
        parts: Arc::default(),
    }
}

impl Films {
    /// Publishes one film, going on with what is known after every failed step, and gives back how many failed.
    async fn publish(&self, bytes: Vec<u8>) -> usize {
        let mut world = World::new(P, "AbC123", "token").with_endpoint(self.server.url());
        let film = world.media.add(MediaKind::Video, "video/mp4", bytes);
        let draft = draft(P, "film", vec![film]);
        let (mut resume, mut failed): (Option<SecretBytes>, usize) = (None, 0);
        for _ in 0..50 {
            match LinkedIn
                .prepare(&world.ctx(), &draft, Part::Head, &[], resume.as_ref())
                .await
            {
                Ok(Preparation::Ready(prepared)) => {
                    let armed = world.arm(Part::Head, prepared);
                    assert!(matches!(
                        LinkedIn.send(&world.ctx(), &armed).await.unwrap(),
                        Sent::Live(_)
                    ));
                    self.note_parts();
                    return failed;
                }
                Ok(Preparation::Working { handle, again_at }) => {
                    world.clock.advance_to(again_at);
                    resume = Some(handle);
                }
                Err(error) => {
                    assert_eq!(error.fate, Fate::NotPublished);
                    assert_eq!(error.retry.from, domain::error::From::Send, "what arrived is kept");
                    failed += 1;
                }
            }
        }
        panic!("the upload does not end");
    }

    fn note_parts(&self) {
        let puts = self
            .server
            .requests()
            .into_iter()
            .filter(|request| request.method == "PUT");
        self.parts
            .lock()
            .unwrap()
            .extend(puts.map(|put| (put.path.clone(), put.body)));
        for put in self.server.requests().iter().filter(|request| request.method == "PUT") {
            assert_eq!(put.header("authorization"), None, "the address is the credential");
        }
    }

    fn finalized(&self) -> Value {
        let all = self.server.requests();
        let last = all
            .iter()
            .rfind(|r| r.path == "/rest/videos?action=finalizeUpload")
            .unwrap();
        serde_json::from_slice(&last.body).unwrap()
    }
}

fn bytes(len: usize) -> Vec<u8> {
    (0..len).map(|n| u8::try_from(n % 251).unwrap()).collect()
}

#[tokio::test]
async fn each_part_goes_to_its_own_address_and_their_tags_come_back_in_order() {
    let film = bytes(2 * PART + 1_000);
    let films = films(film.len(), |_, _| None).await;
    assert_eq!(films.publish(film.clone()).await, 0);
    let parts = films.parts.lock().unwrap().clone();
    let paths: Vec<_> = parts.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/part/1/0", "/part/1/1", "/part/1/2"]);
    let whole: Vec<u8> = parts.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    assert_eq!(sha256_hex(&whole), sha256_hex(&film));
    assert_eq!(
        films.finalized()["finalizeUploadRequest"],
        json!({
            "video": "urn:li:video:V1",
            "uploadToken": "",
            "uploadedPartIds": ["\"/ambry-video/0.bin\"", "\"/ambry-video/1.bin\"", "\"/ambry-video/2.bin\""],
        })
    );
}

#[tokio::test]
async fn after_a_cut_at_every_part_only_that_part_goes_up_again() {
    let film = bytes(3 * PART);
    let films = films(film.len(), |_, attempt| (attempt == 1).then_some(Reply::HangUp)).await;
    assert_eq!(films.publish(film.clone()).await, 3);
    let parts = films.parts.lock().unwrap().clone();
    let paths: Vec<_> = parts.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/part/1/0",
            "/part/1/0",
            "/part/1/1",
            "/part/1/1",
            "/part/1/2",
            "/part/1/2"
        ]
    );
}

#[tokio::test]
async fn an_upload_that_has_ended_is_begun_anew() {
    let film = bytes(2 * PART);
    let ended = |part: usize, attempt: usize| {
        (part == 1 && attempt == 1).then(|| {
            Reply::json(
                400,
                &json!({ "status": 400, "code": "EXPIRED_UPLOAD_URL", "message": "Expired" }),
            )
        })
    };
    // The addresses of the second upload are others, but its part 1 is refused at its first attempt too.
    let films = films(film.len(), ended).await;
    let mut world = World::new(P, "AbC123", "token").with_endpoint(films.server.url());
    let media = world.media.add(MediaKind::Video, "video/mp4", film);
    let error = world
        .prepare(&LinkedIn, &draft(P, "film", vec![media]), Part::Head, &[])
        .await
        .unwrap_err();
    assert_eq!(error.code.as_deref(), Some("EXPIRED_UPLOAD_URL"));
    assert_eq!(error.retry.from, domain::error::From::Prepare);
    let begun = films
        .server
        .requests()
        .iter()
        .filter(|r| r.path.ends_with("initializeUpload"))
        .count();
    assert_eq!(begun, 3, "twice anew, and no more");
}

#[tokio::test]
async fn addresses_whose_time_is_over_are_not_used() {
    let film = bytes(PART + 1);
    let films = films(film.len(), |_, _| None).await;
    let mut world = World::new(P, "AbC123", "token").with_endpoint(films.server.url());
    let media = world.media.add(MediaKind::Video, "video/mp4", film);
    let draft = draft(P, "film", vec![media]);
    let mut resume = None;
    for step in 0..2 {
        let next = LinkedIn
            .prepare(&world.ctx(), &draft, Part::Head, &[], resume.as_ref())
            .await
            .unwrap();
        let Preparation::Working { handle, .. } = next else {
            panic!("{step}")
        };
        resume = Some(handle);
    }
    world.clock.advance(SignedDuration::from_mins(2));
    let restarted = LinkedIn
        .prepare(&world.ctx(), &draft, Part::Head, &[], resume.as_ref())
        .await
        .unwrap();
    let Preparation::Working { handle, .. } = restarted else {
        panic!()
    };
    LinkedIn
        .prepare(&world.ctx(), &draft, Part::Head, &[], Some(&handle))
        .await
        .unwrap();
    let begun = films
        .server
        .requests()
        .iter()
        .filter(|r| r.path.ends_with("initializeUpload"))
        .count();
    assert_eq!(begun, 2);
}

#[tokio::test]
async fn a_file_that_linkedin_cannot_process_says_why_and_goes_up_again_when_it_is_tried_again() {
    let base: Arc<Mutex<String>> = Arc::default();
    let own = Arc::clone(&base);
    let server = Server::start(move |request| match request.method.as_str() {
        "POST" => {
            let upload = format!("{}/up", own.lock().unwrap());
            Reply::json(
                200,
                &json!({ "value": { "uploadUrl": upload, "image": "urn:li:image:1" } }),
            )
        }
        "PUT" => Reply::text(201, "text/plain", ""),
        _ => Reply::json(
            200,
            &json!({ "status": "PROCESSING_FAILED", "processingFailureReason": "Too strange" }),
        ),
    })
    .await;
    server.url().clone_into(&mut base.lock().unwrap());
    let mut world = World::new(P, "AbC123", "token").with_endpoint(server.url());
    let image = file(&mut world, MediaKind::Image, "x", None);
    let draft = draft(P, "x", vec![image]);
    let error = world.prepare(&LinkedIn, &draft, Part::Head, &[]).await.unwrap_err();
    assert_eq!(
        (error.kind, error.retry.from),
        (ErrorKind::MediaRejected, domain::error::From::Prepare)
    );
    assert_eq!(error.raw.as_deref(), Some("Too strange"));
}

#[tokio::test]
async fn parts_that_do_not_make_up_the_film_are_not_sent() {
    for parts in [
        json!([{ "uploadUrl": "http://127.0.0.1:9/", "firstByte": 0, "lastByte": 3 }]),
        json!([{ "uploadUrl": "http://127.0.0.1:9/", "firstByte": 1, "lastByte": 4 }]),
    ] {
        let value = json!({ "video": "urn:li:video:1", "uploadToken": "", "uploadInstructions": parts });
        let server = Server::answering([Reply::json(200, &json!({ "value": value }))]).await;
        let mut world = World::new(P, "AbC123", "token").with_endpoint(server.url());
        let film = file(&mut world, MediaKind::Video, "bytes", None);
        let error = world
            .prepare(&LinkedIn, &draft(P, "x", vec![film]), Part::Head, &[])
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Protocol);
    }
}
