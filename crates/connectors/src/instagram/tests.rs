use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use domain::content::{Media, MediaKind};
use domain::error::{From, When};
use serde_json::json;

use super::signin::TOKEN_LIFE;
use super::*;
use crate::testing::{Reply, Request, Server, TakenIds, World, draft, start, with_comment, with_reply, with_settings};

mod behaviour;
mod connecting;
mod emulated;
mod errors;
mod lookup;

/// A small Instagram: containers are in progress at the first look and finished at the second.
async fn fake() -> Server {
    let looks: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
    Server::start(move |request| {
        let mut looks = looks.lock().unwrap();
        let (path, _) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let path = path.strip_prefix("/v23.0").unwrap_or(path);
        if request.header("authorization") != Some("Bearer token") {
            return Reply::json(
                400,
                &json!({ "error": { "code": 190, "message": "Invalid OAuth access token" } }),
            );
        }
        match (request.method.as_str(), path) {
            ("POST", "/178/media") => {
                let id = format!("c{}", looks.len() + 1);
                looks.insert(id.clone(), 0);
                Reply::json(200, &json!({ "id": id }))
            }
            ("POST", "/178/media_publish") => Reply::json(200, &json!({ "id": "17900001" })),
            ("GET", "/17900001") => Reply::json(
                200,
                &json!({ "id": "17900001", "permalink": "https://ig.example/p/1/" }),
            ),
            ("POST", "/17900001/comments") => Reply::json(200, &json!({ "id": "17990001" })),
            ("GET", path) => {
                let seen = looks.get_mut(path.trim_start_matches('/')).unwrap();
                *seen += 1;
                Reply::json(
                    200,
                    &json!({ "status_code": if *seen > 1 { "FINISHED" } else { "IN_PROGRESS" } }),
                )
            }
            _ => Reply::HangUp,
        }
    })
    .await
}

fn world(server: &Server) -> World {
    let mut world = World::new(PLATFORM, "178", "token").with_endpoint(server.url());
    world.media.public_base = Some("https://files.example/".to_owned());
    world
}

fn media(world: &mut World, kind: MediaKind, alt: Option<&str>) -> Media {
    let mime = if kind == MediaKind::Video {
        "video/mp4"
    } else {
        "image/jpeg"
    };
    let mut media = world.media.add(kind, mime, "bytes");
    media.alt = alt.map(str::to_owned);
    media
}

/// The bodies of the requests to a path, decoded.
fn bodies(server: &Server, path: &str) -> Vec<Vec<(String, String)>> {
    let decode = |request: &Request| url::form_urlencoded::parse(&request.body).into_owned().collect();
    server
        .requests()
        .iter()
        .filter(|r| r.method == "POST" && r.path == format!("/v23.0{path}"))
        .map(decode)
        .collect()
}

fn pairs(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test]
async fn an_image_goes_through_one_container_and_is_commented_on() {
    let server = fake().await;
    let mut world = world(&server);
    let image = media(&mut world, MediaKind::Image, Some("A sheet & a half"));
    let draft = with_comment(draft(PLATFORM, "caption #1", vec![image]), "first!");
    let live = world.publish(&Instagram, &draft).await.unwrap();
    assert_eq!(
        bodies(&server, "/178/media"),
        [pairs(&[
            ("image_url", "https://files.example/file-0"),
            ("alt_text", "A sheet & a half"),
            ("caption", "caption #1"),
        ])]
    );
    assert_eq!(bodies(&server, "/178/media_publish"), [pairs(&[("creation_id", "c1")])]);
    assert_eq!(bodies(&server, "/17900001/comments"), [pairs(&[("message", "first!")])]);
    assert_eq!(
        live[0].1,
        RemotePost::visible("17900001", Some("https://ig.example/p/1/".to_owned()))
    );
    assert_eq!(live[1].1.id, "17990001");
    let addresses: String = server.requests().iter().map(|request| request.path.clone()).collect();
    assert!(!addresses.contains("token"), "the token is in no address");
}

#[tokio::test]
async fn a_carousel_keeps_its_order_and_waits_for_every_item() {
    let server = fake().await;
    let mut world = world(&server);
    let items = vec![
        media(&mut world, MediaKind::Image, Some("one")),
        media(&mut world, MediaKind::Video, Some("films have no description")),
        media(&mut world, MediaKind::Image, None),
    ];
    let settings = json!({ "collaborators": ["ada"], "videoType": "REELS" });
    world
        .publish(&Instagram, &with_settings(draft(PLATFORM, "three", items), settings))
        .await
        .unwrap();
    assert_eq!(
        bodies(&server, "/178/media"),
        [
            pairs(&[
                ("is_carousel_item", "true"),
                ("image_url", "https://files.example/file-0"),
                ("alt_text", "one")
            ]),
            pairs(&[
                ("is_carousel_item", "true"),
                ("media_type", "VIDEO"),
                ("video_url", "https://files.example/file-1"),
            ]),
            pairs(&[
                ("is_carousel_item", "true"),
                ("image_url", "https://files.example/file-2")
            ]),
            pairs(&[
                ("media_type", "CAROUSEL"),
                ("children", "c1,c2,c3"),
                ("caption", "three"),
                ("collaborators", "[\"ada\"]"),
            ]),
        ]
    );
    assert_eq!(bodies(&server, "/178/media_publish"), [pairs(&[("creation_id", "c4")])]);
}

#[tokio::test]
async fn a_video_is_a_reel_or_a_story() {
    for (settings, expected) in [
        (
            json!({ "shareToFeed": false }),
            vec![
                ("media_type", "REELS"),
                ("video_url", "https://files.example/file-0"),
                ("share_to_feed", "false"),
                ("caption", "film"),
            ],
        ),
        (
            json!({ "videoType": "STORIES" }),
            vec![("media_type", "STORIES"), ("video_url", "https://files.example/file-0")],
        ),
        (
            json!({ "contentType": "story" }),
            vec![("media_type", "STORIES"), ("video_url", "https://files.example/file-0")],
        ),
    ] {
        let server = fake().await;
        let mut world = world(&server);
        let film = media(&mut world, MediaKind::Video, None);
        world
            .publish(
                &Instagram,
                &with_settings(draft(PLATFORM, "film", vec![film]), settings),
            )
            .await
            .unwrap();
        assert_eq!(bodies(&server, "/178/media"), [pairs(&expected)]);
    }
}

#[tokio::test]
async fn what_instagram_does_not_take_is_refused_before_anything_is_sent() {
    let server = fake().await;
    let mut world = world(&server);
    let image = media(&mut world, MediaKind::Image, None);
    let paper = media(&mut world, MediaKind::Document, None);
    let cases = [
        (draft(PLATFORM, "words", vec![]), json!({})),
        (draft(PLATFORM, "", vec![paper]), json!({})),
        (draft(PLATFORM, "", vec![image.clone(); 11]), json!({})),
        (
            draft(PLATFORM, "", vec![image.clone(); 2]),
            json!({ "videoType": "STORIES" }),
        ),
        (
            draft(PLATFORM, "", vec![image.clone()]),
            json!({ "videoType": "CLIPS" }),
        ),
        (draft(PLATFORM, "", vec![image.clone()]), json!({ "shareToFeed": 1 })),
        (
            draft(PLATFORM, "", vec![image.clone()]),
            json!({ "collaborators": ["a", "b", "c", "d"] }),
        ),
    ];
    for (draft, settings) in cases {
        let draft = with_settings(draft, settings);
        let error = world.prepare(&Instagram, &draft, Part::Head, &[]).await.unwrap_err();
        let found = (error.stage, error.kind);
        assert_eq!(
            found,
            (Stage::Validate, ErrorKind::Validation),
            "{:?}",
            draft.content.settings
        );
    }
    let thread = with_reply(draft(PLATFORM, "", vec![image]), "reply", vec![]);
    assert_eq!(
        world
            .prepare(&Instagram, &thread, Part::Reply(1), &[])
            .await
            .unwrap_err()
            .kind,
        ErrorKind::Invalid
    );
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_server_without_a_public_address_is_told_to_its_operator() {
    let server = fake().await;
    let mut world = world(&server);
    world.media.public_base = None;
    let image = media(&mut world, MediaKind::Image, None);
    let error = world
        .prepare(&Instagram, &draft(PLATFORM, "", vec![image]), Part::Head, &[])
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::OperatorConfig);
    assert!(error.message.contains("public_url"));
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_step_that_failed_goes_on_with_the_container_that_it_has() {
    let server = Server::answering([
        Reply::json(200, &json!({ "id": "c1" })),
        Reply::json(
            500,
            &json!({ "error": { "code": 2, "message": "Service temporarily unavailable" } }),
        ),
        Reply::json(200, &json!({ "status_code": "FINISHED" })),
    ])
    .await;
    let mut world = world(&server);
    let image = media(&mut world, MediaKind::Image, None);
    let draft = draft(PLATFORM, "", vec![image]);
    let step = |handle| {
        let (world, draft) = (&world, &draft);
        async move { Instagram.prepare(&world.ctx(), draft, Part::Head, &[], handle).await }
    };
    let Preparation::Working { handle, again_at } = step(None).await.unwrap() else {
        panic!()
    };
    assert_eq!(again_at, start() + SignedDuration::from_secs(2));
    let error = step(Some(&handle)).await.unwrap_err();
    assert_eq!(
        (error.fate, error.retry.from, error.retry.when),
        (Fate::NotPublished, From::Send, When::Backoff)
    );
    let Preparation::Working { handle, again_at } = step(Some(&handle)).await.unwrap() else {
        panic!()
    };
    assert_eq!(again_at, start(), "what is finished is not waited for");
    let Preparation::Ready(prepared) = step(Some(&handle)).await.unwrap() else {
        panic!()
    };
    assert_eq!(prepared.dedupe, [Dedupe::exact(DedupeMeans::TwoPhase)]);
    assert_eq!(bodies(&server, "/178/media").len(), 1);
}

#[tokio::test]
async fn a_container_that_failed_says_why_and_is_never_used_again() {
    use ErrorKind::{MediaRejected, Network, NotReady};
    let cases = [
        (
            "ERROR",
            "Error: Media upload has failed with error code 2207026",
            MediaRejected,
            When::Never,
            None,
        ),
        (
            "ERROR",
            "Error: Media upload has failed with error code 2207052",
            Network,
            When::Backoff,
            Some(3),
        ),
        (
            "ERROR",
            "Error: Media upload has failed with error code 2207077",
            MediaRejected,
            When::Backoff,
            Some(1),
        ),
        (
            "ERROR",
            "Error: Media upload has failed with error code 2207999",
            MediaRejected,
            When::Backoff,
            Some(1),
        ),
        ("ERROR", "Error", MediaRejected, When::Backoff, Some(1)),
        (
            "EXPIRED",
            "Expired: Media has expired",
            NotReady,
            When::Backoff,
            Some(2),
        ),
    ];
    for (code, words, kind, when, at_most) in cases {
        let server = Server::answering([
            Reply::json(200, &json!({ "id": "c1" })),
            Reply::json(200, &json!({ "status_code": code, "status": words })),
        ])
        .await;
        let mut world = world(&server);
        let image = media(&mut world, MediaKind::Image, None);
        let error = world
            .prepare(&Instagram, &draft(PLATFORM, "", vec![image]), Part::Head, &[])
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.retry.when, error.retry.at_most),
            (kind, when, at_most),
            "{words}"
        );
        assert_eq!((error.retry.from, error.fate), (From::Prepare, Fate::NotPublished));
        assert_eq!(error.raw.as_deref(), Some(words));
    }
}

#[tokio::test]
async fn a_container_that_is_published_already_is_not_published_again() {
    let server = Server::answering([
        Reply::json(200, &json!({ "id": "c1" })),
        Reply::json(200, &json!({ "status_code": "PUBLISHED" })),
    ])
    .await;
    let mut world = world(&server);
    let image = media(&mut world, MediaKind::Image, None);
    let error = world
        .prepare(&Instagram, &draft(PLATFORM, "", vec![image]), Part::Head, &[])
        .await
        .unwrap_err();
    assert_eq!(error.fate, Fate::LandedEarlier { remote: None });
}

#[tokio::test]
async fn a_page_that_cannot_be_read_yet_does_not_unpublish_the_post() {
    let gone = json!({ "error": { "code": 100, "error_subcode": 33, "message": "Unsupported get request" } });
    for reply in [
        Reply::json(400, &gone),
        Reply::HangUp,
        Reply::text(200, "text/html", "<html>"),
    ] {
        let server = Server::answering([
            Reply::json(200, &json!({ "id": "c1" })),
            Reply::json(200, &json!({ "status_code": "FINISHED" })),
            Reply::json(200, &json!({ "id": "17900001" })),
            reply,
        ])
        .await;
        let mut world = world(&server);
        let image = media(&mut world, MediaKind::Image, None);
        let live = world
            .publish(&Instagram, &draft(PLATFORM, "", vec![image]))
            .await
            .unwrap();
        assert_eq!(live[0].1, RemotePost::visible("17900001", None));
    }
}

#[tokio::test]
async fn a_story_has_no_comments_and_a_post_without_an_id_cannot_have_one() {
    let server = fake().await;
    let mut world = world(&server);
    let image = media(&mut world, MediaKind::Image, None);
    let commented = with_comment(draft(PLATFORM, "", vec![image]), "first!");
    let live = |id: &str| vec![(Part::Head, RemotePost::visible(id, None))];
    let unnamed = vec![(Part::Head, RemotePost::unnamed("container:c1"))];
    let prepare = |draft: Draft, parents: Vec<(Part, RemotePost)>| {
        let world = &world;
        async move { world.prepare(&Instagram, &draft, Part::FirstComment, &parents).await }
    };
    let story = with_settings(commented.clone(), json!({ "videoType": "STORIES" }));
    assert_eq!(prepare(story, live("1")).await.unwrap_err().kind, ErrorKind::Invalid);
    assert_eq!(
        prepare(commented.clone(), unnamed).await.unwrap_err().kind,
        ErrorKind::Invalid
    );
    assert_eq!(
        prepare(commented.clone(), vec![]).await.unwrap_err().kind,
        ErrorKind::Invalid
    );
    assert!(prepare(commented, live("1")).await.unwrap().is_confusable());
}
