//! The steps of an upload, where they go wrong in ways that the sandbox does not know.

use super::*;

const MIB: usize = 1_024 * 1_024;

fn film(world: &mut World, bytes: usize) -> Media {
    // Every piece has bytes of its own.
    let content: Vec<u8> = (0..bytes.div_ceil(MIB))
        .flat_map(|piece| vec![mark(piece); MIB])
        .take(bytes)
        .collect();
    world.media.add(MediaKind::Video, "video/mp4", content)
}

fn mark(piece: usize) -> u8 {
    200 + u8::try_from(piece).unwrap()
}

fn state(info: &Value) -> Reply {
    Reply::json(200, &json!({"data": {"id": "9", "processing_info": info}}))
}

fn plain() -> Reply {
    Reply::json(200, &json!({"data": {"id": "9"}}))
}

fn paths(server: &Server) -> Vec<String> {
    server.requests().iter().map(|request| request.path.clone()).collect()
}

#[tokio::test]
async fn an_upload_goes_on_where_it_stopped() {
    let server = Server::start(|_| plain()).await;
    let mut world = world_at(&server);
    let media = film(&mut world, 9 * MIB + 1);
    let draft = draft(Platform::X, "film", vec![media]);
    let mut handle: Option<SecretBytes> = None;
    let mut steps = Vec::new();
    loop {
        let before = server.requests().len();
        // Nothing but the handle goes from step to step, as after a restart.
        match X
            .prepare(&world.ctx(), &draft, Part::Head, &[], handle.as_ref())
            .await
            .unwrap()
        {
            Preparation::Working { handle: next, .. } => handle = Some(next),
            Preparation::Ready(_) => break,
        }
        steps.push(
            paths(&server)[before..]
                .iter()
                .map(|path| path.rsplit('/').next().unwrap().to_owned())
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(
        steps,
        [
            vec!["initialize"],
            vec!["append"; 8],
            vec!["append"; 2],
            vec!["finalize"]
        ]
    );
    let pieces: Vec<_> = server
        .requests()
        .iter()
        .filter(|request| request.path.ends_with("append"))
        .enumerate()
        .map(|(piece, request)| request.body.iter().filter(|byte| **byte == mark(piece)).count())
        .collect();
    assert_eq!(pieces, [vec![MIB; 9], vec![1]].concat());
}

#[tokio::test]
async fn a_piece_that_fails_is_sent_again_with_the_same_number() {
    let server = Server::answering([plain(), plain(), Reply::HangUp, plain(), plain(), plain()]).await;
    let mut world = world_at(&server);
    let media = film(&mut world, 2 * MIB);
    let draft = draft(Platform::X, "film", vec![media]);
    let Preparation::Working { handle, .. } = X.prepare(&world.ctx(), &draft, Part::Head, &[], None).await.unwrap()
    else {
        panic!("an upload takes more than one step")
    };
    let error = X
        .prepare(&world.ctx(), &draft, Part::Head, &[], Some(&handle))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind, error.fate, error.retry.when),
        (ErrorKind::Network, Fate::NotPublished, When::Backoff)
    );
    X.prepare(&world.ctx(), &draft, Part::Head, &[], Some(&handle))
        .await
        .unwrap();
    let numbers: Vec<_> = server
        .requests()
        .iter()
        .filter(|request| request.path.ends_with("append"))
        .map(|request| {
            ["0", "1"]
                .into_iter()
                .find(|n| request.text().contains(&format!("\r\n\r\n{n}\r\n")))
                .unwrap()
        })
        .collect();
    assert_eq!(numbers, ["0", "1", "0", "1"]);
}

#[tokio::test]
async fn an_upload_that_x_has_forgotten_is_begun_anew_once() {
    let gone = || Reply::json(404, &json!({"type": "https://api.x.com/2/problems/resource-not-found"}));
    let server = Server::answering([plain(), gone(), plain(), plain(), plain()]).await;
    let mut world = world_at(&server);
    let media = film(&mut world, 10);
    let short = draft(Platform::X, "film", vec![media]);
    world.prepare(&X, &short, Part::Head, &[]).await.unwrap();
    let begun = paths(&server)
        .iter()
        .filter(|path| path.ends_with("initialize"))
        .count();
    assert_eq!(begun, 2);

    let server = Server::answering([plain(), gone(), plain(), gone()]).await;
    let world = world.with_endpoint(server.url());
    let error = world.prepare(&X, &short, Part::Head, &[]).await.unwrap_err();
    assert_eq!((error.kind, error.fate), (ErrorKind::MediaRejected, Fate::NotPublished));
}

#[tokio::test]
async fn processing_is_looked_at_when_x_says_so() {
    let server = Server::answering([
        plain(),
        plain(),
        state(&json!({"state": "pending", "check_after_secs": 3})),
        state(&json!({"state": "in_progress", "check_after_secs": 100_000, "progress_percent": 45})),
        state(&json!({"state": "succeeded", "progress_percent": 100})),
    ])
    .await;
    let mut world = world_at(&server);
    let media = film(&mut world, 10);
    prepared(&world, &draft(Platform::X, "film", vec![media])).await;
    let waited = world.ctx().now.duration_since(start());
    // Three seconds as told, and five minutes instead of a day.
    assert_eq!(waited.as_secs(), 303);
    assert!(
        paths(&server)
            .last()
            .unwrap()
            .ends_with("/2/media/upload?command=STATUS&media_id=9")
    );
}

#[tokio::test]
async fn a_film_that_x_cannot_process_is_refused_with_its_words() {
    for (info, raw) in [
        (
            json!({"state": "failed", "error": {"code": 1, "name": "InvalidMedia", "message": "Unsupported video format"}}),
            Some("Unsupported video format"),
        ),
        (json!({"state": "failed"}), None),
    ] {
        let server = Server::answering([plain(), plain(), state(&info)]).await;
        let mut world = world_at(&server);
        let media = film(&mut world, 10);
        let error = world
            .prepare(&X, &draft(Platform::X, "film", vec![media]), Part::Head, &[])
            .await
            .unwrap_err();
        assert_eq!((error.kind, error.raw.as_deref()), (ErrorKind::MediaRejected, raw));
    }
}

#[tokio::test]
async fn a_description_that_x_does_not_take_for_a_film_does_not_hold_it_up() {
    let refused = Reply::json(
        400,
        &json!({"detail": "One or more parameters to your request was invalid."}),
    );
    let server = Server::answering([plain(), plain(), plain(), refused.clone(), plain(), refused]).await;
    let mut world = world_at(&server);
    let mut media = film(&mut world, 10);
    media.alt = Some("a film".to_owned());
    prepared(&world, &draft(Platform::X, "film", vec![media])).await;
    assert!(paths(&server).last().unwrap().ends_with("/2/media/metadata"));
    // A picture's description is never lost silently.
    let mut picture = image(&mut world, "p");
    picture.alt = Some("a picture".to_owned());
    let error = world
        .prepare(&X, &draft(Platform::X, "x", vec![picture]), Part::Head, &[])
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::MediaRejected);
}

#[tokio::test]
async fn files_that_x_would_refuse_are_not_uploaded() {
    let server = Server::answering([]).await;
    let mut world = world_at(&server);
    let large = world.media.add(MediaKind::Image, "image/png", vec![0; 5 * MIB + 1]);
    let small = image(&mut world, "p");
    let moving = world.media.add(MediaKind::Animation, "image/gif", "g");
    let paper = world.media.add(MediaKind::Document, "application/pdf", "d");
    for (media, kind) in [
        (vec![large], ErrorKind::TooLarge),
        (vec![small.clone(), moving], ErrorKind::Validation),
        (vec![small; 5], ErrorKind::Validation),
        (vec![paper], ErrorKind::Validation),
    ] {
        let error = world
            .prepare(&X, &draft(Platform::X, "x", media), Part::Head, &[])
            .await
            .unwrap_err();
        assert_eq!((error.kind, error.stage), (kind, Stage::Validate));
    }
    assert_eq!(server.connections(), 0);
}
