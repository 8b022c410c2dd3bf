use domain::content::{Media, MediaKind};
use domain::intent::{DedupeMeans, IntentRecord};
use serde_json::json;

use super::*;
use crate::testing::{Reply, Server, TakenIds, World, draft, with_comment, with_settings};

mod behaviour;
mod emulated;
mod errors;
mod fallback;
mod session;
mod upload;

const P: Platform = Platform::Facebook;

fn file(world: &mut World, kind: MediaKind, alt: Option<&str>) -> Media {
    let mime = if kind == MediaKind::Video {
        "video/mp4"
    } else {
        "image/jpeg"
    };
    let mut media = world.media.add(kind, mime, "bytes");
    media.alt = alt.map(str::to_owned);
    media
}

#[tokio::test]
async fn a_post_is_made_invisibly_and_only_shown_by_the_last_call() {
    let server = Server::answering([
        Reply::json(200, &json!({ "id": "111_401" })),
        Reply::json(200, &json!({ "success": true })),
        Reply::json(
            200,
            &json!({ "permalink_url": "https://www.facebook.com/p/posts/401", "id": "111_401" }),
        ),
    ])
    .await;
    let world = World::new(P, "111", "token").with_endpoint(server.url());
    let draft = with_settings(
        draft(P, "Hello & all", vec![]),
        json!({ "link": "https://example.com/a?b=c" }),
    );
    let live = world.publish(&Facebook, &draft).await.unwrap();
    let requests = server.requests();
    let seen: Vec<_> = requests
        .iter()
        .map(|request| (request.method.as_str(), request.path.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            ("POST", "/v25.0/111/feed"),
            ("POST", "/v25.0/111_401"),
            ("GET", "/v25.0/111_401?fields=permalink_url"),
        ]
    );
    assert_eq!(
        requests[0].text(),
        "message=Hello+%26+all&link=https%3A%2F%2Fexample.com%2Fa%3Fb%3Dc&published=false"
    );
    assert_eq!(requests[1].text(), "is_published=true");
    for request in &requests {
        assert_eq!(request.header("authorization"), Some("Bearer token"));
        assert!(!request.path.contains("token"), "the token is in no address");
    }
    let url = Some("https://www.facebook.com/p/posts/401".to_owned());
    assert_eq!(live[0].1, RemotePost::visible("111_401", url));
}

#[tokio::test]
async fn a_page_that_cannot_be_read_yet_does_not_unpublish_the_post() {
    let gone = json!({ "error": { "code": 100, "error_subcode": 33, "message": "Unsupported get request" } });
    for reply in [Reply::json(400, &gone), Reply::HangUp] {
        let server = Server::answering([
            Reply::json(200, &json!({ "id": "111_401" })),
            Reply::json(200, &json!({ "success": true })),
            reply,
        ])
        .await;
        let world = World::new(P, "111", "token").with_endpoint(server.url());
        let live = world.publish(&Facebook, &draft(P, "x", vec![])).await.unwrap();
        assert_eq!(live[0].1, remote_post("111_401", None));
    }
}

#[tokio::test]
async fn everything_is_two_phases_but_stories_of_pictures_and_comments() {
    let server = Server::start(|request| match request.path.as_str() {
        "/v25.0/111/photos" => Reply::json(200, &json!({ "id": "301" })),
        _ => Reply::json(200, &json!({ "id": "111_401" })),
    })
    .await;
    let mut world = World::new(P, "111", "token").with_endpoint(server.url());
    let image = file(&mut world, MediaKind::Image, None);
    let post = with_comment(draft(P, "x", vec![image.clone()]), "first");
    let story = with_settings(draft(P, "", vec![image]), json!({ "contentType": "story" }));
    let head = [(Part::Head, RemotePost::visible("111_401", None))];
    let of = |draft: Draft, part: Part| {
        let (world, head) = (&world, &head);
        async move { world.prepare(&Facebook, &draft, part, head).await.unwrap() }
    };
    let prepared = of(post.clone(), Part::Head).await;
    assert_eq!(prepared.dedupe[0].means, DedupeMeans::TwoPhase);
    assert!(!prepared.is_confusable());
    let story_prepared = of(story.clone(), Part::Head).await;
    assert!(matches!(story_prepared.dedupe[0].means, DedupeMeans::Lookup { .. }));
    assert!(!story_prepared.is_confusable());
    assert!(of(post, Part::FirstComment).await.is_confusable());
    let refused = world
        .prepare(&Facebook, &with_comment(story, "first"), Part::FirstComment, &head)
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Validation);
}

/// Prepares a post, which is refused before anything is sent.
async fn refused(world: &World, media: Vec<Media>, settings: &serde_json::Value) -> PlatformError {
    let draft = with_settings(draft(P, "x", media), settings.clone());
    world.prepare(&Facebook, &draft, Part::Head, &[]).await.unwrap_err()
}

#[tokio::test]
async fn settings_that_facebook_does_not_have_are_refused_before_anything_is_sent() {
    let mut world = World::new(P, "111", "token");
    let image = file(&mut world, MediaKind::Image, None);
    let film = file(&mut world, MediaKind::Video, None);
    let cover = serde_json::to_value(&image).unwrap();
    let one = || vec![image.clone()];
    let cases = [
        (vec![], json!({ "contentType": "blog" }), "post, reel, story"),
        (vec![], json!({ "contentType": "reel" }), "one video"),
        (vec![], json!({ "videoType": "STORIES" }), "one image or one video"),
        (vec![image.clone(), film], json!({}), "not both"),
        (one(), json!({ "link": "https://x.example" }), "not both"),
        (one(), json!({ "title": "T" }), "'title'"),
        (one(), json!({ "cover": cover }), "'cover'"),
        (vec![], json!({ "childAttachments": [{}] }), "'link'"),
        (vec![], json!({ "targeting": "FR" }), "object or a list"),
    ];
    for (media, settings, piece) in cases {
        let error = refused(&world, media, &settings).await;
        assert!(
            error.kind == ErrorKind::Validation && error.message.contains(piece),
            "{settings}: {}",
            error.message
        );
    }
}

#[tokio::test]
async fn films_that_are_no_reels_or_stories_are_refused_before_anything_is_sent() {
    let mut world = World::new(P, "111", "token");
    let mut film = file(&mut world, MediaKind::Video, None);
    (film.duration_ms, film.width, film.height, film.frame_rate) = (Some(30_000), Some(1_080), Some(1_920), Some(30.0));
    let (mut long, mut longer, mut low, mut slow) = (film.clone(), film.clone(), film.clone(), film);
    long.duration_ms = Some(61_000);
    longer.duration_ms = Some(91_000);
    low.height = Some(500);
    slow.frame_rate = Some(15.0);
    for (film, word, kind, piece) in [
        (longer, "reel", ErrorKind::Validation, "91"),
        (long, "story", ErrorKind::Validation, "61"),
        (low, "reel", ErrorKind::Validation, "1080 by 500"),
        (slow, "story", ErrorKind::Validation, "24 to 60"),
    ] {
        let error = refused(&world, vec![film], &json!({ "contentType": word })).await;
        assert!(error.kind == kind && error.message.contains(piece), "{}", error.message);
    }
}
