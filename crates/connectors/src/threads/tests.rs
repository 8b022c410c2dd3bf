use domain::content::{Media, MediaKind};
use domain::error::{ErrorKind, Fate, From, When};
use domain::intent::{Dedupe, DedupeMeans};
use serde_json::json;

use super::*;
use crate::Preparation;
use crate::testing::{Reply, Server, World, draft, with_comment, with_reply, with_settings};

mod behaviour;
mod emulated;
mod errors;

const P: Platform = Platform::Threads;

fn world(server: &Server) -> World {
    let mut world = World::new(P, "98765432109876543", "token").with_endpoint(server.url());
    world.media.public_base = Some("https://files.example/".to_owned());
    world
}

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

fn finished() -> Reply {
    Reply::json(200, &json!({ "id": "c1", "status": "FINISHED" }))
}

fn made(id: &str) -> Reply {
    Reply::json(200, &json!({ "id": id }))
}

fn pairs(server: &Server, n: usize) -> Vec<(String, String)> {
    url::form_urlencoded::parse(&server.requests()[n].body)
        .into_owned()
        .collect()
}

fn given(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[tokio::test]
async fn a_text_goes_through_a_container_that_was_read_as_finished() {
    let link = json!({ "id": "1", "permalink": "https://www.threads.net/@press/post/D1" });
    let server = Server::answering([made("c1"), finished(), made("1"), Reply::json(200, &link)]).await;
    let world = world(&server);
    let live = world.publish(&Threads, &draft(P, "Hello & all", vec![])).await.unwrap();
    let requests = server.requests();
    let seen: Vec<_> = requests
        .iter()
        .map(|request| (request.method.as_str(), request.path.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            ("POST", "/v1.0/98765432109876543/threads"),
            ("GET", "/v1.0/c1?fields=id%2Cstatus%2Cerror_message"),
            ("POST", "/v1.0/98765432109876543/threads_publish"),
            ("GET", "/v1.0/1?fields=id%2Cpermalink"),
        ]
    );
    assert_eq!(
        pairs(&server, 0),
        given(&[("media_type", "TEXT"), ("text", "Hello & all")])
    );
    assert_eq!(pairs(&server, 2), given(&[("creation_id", "c1")]));
    for request in &requests {
        assert_eq!(request.header("authorization"), Some("Bearer token"));
    }
    let url = Some("https://www.threads.net/@press/post/D1".to_owned());
    assert_eq!(live[0].1, RemotePost::visible("1", url));
}

#[tokio::test]
async fn settings_are_for_the_head_and_countries_for_all() {
    let server = Server::answering([made("c1"), finished(), made("c2"), finished()]).await;
    let world = world(&server);
    let settings = json!({
        "replyControl": "mentioned_only", "topicTag": "rust", "linkAttachment": "https://example.com/a",
        "locationId": "7", "quotePostId": "8", "allowlistedCountryCodes": ["FR", "DE"], "isGhostPost": true,
        "textEntities": [{ "entity_type": "SPOILER", "offset": 0, "length": 2 }],
    });
    let thread = with_reply(with_settings(draft(P, "head", vec![]), settings), "reply", vec![]);
    let head = world.prepare(&Threads, &thread, Part::Head, &[]).await.unwrap();
    assert_eq!(head.dedupe, [Dedupe::exact(DedupeMeans::TwoPhase)]);
    assert_eq!(
        pairs(&server, 0),
        given(&[
            ("media_type", "TEXT"),
            ("text", "head"),
            ("reply_control", "mentioned_only"),
            ("topic_tag", "rust"),
            ("location_id", "7"),
            ("quote_post_id", "8"),
            ("allowlisted_country_codes", "FR,DE"),
            ("text_entities", r#"[{"entity_type":"SPOILER","length":2,"offset":0}]"#),
            ("is_ghost_post", "true"),
            ("link_attachment", "https://example.com/a"),
        ])
    );
    let live = [(Part::Head, RemotePost::visible("1", None))];
    world.prepare(&Threads, &thread, Part::Reply(1), &live).await.unwrap();
    assert_eq!(
        pairs(&server, 2),
        given(&[
            ("media_type", "TEXT"),
            ("text", "reply"),
            ("allowlisted_country_codes", "FR,DE"),
            ("reply_to_id", "1"),
        ])
    );
}

#[tokio::test]
async fn what_threads_does_not_take_is_refused_before_anything_is_sent() {
    let server = Server::answering([]).await;
    let mut world = world(&server);
    let image = file(&mut world, MediaKind::Image, None);
    let mut paper = image.clone();
    paper.kind = MediaKind::Document;
    let cases = [
        (vec![], json!({ "replyControl": "nobody" }), "accounts_you_follow"),
        (vec![], json!({ "pollAttachment": "yes" }), "object or a list"),
        (
            vec![],
            json!({ "pollAttachment": {}, "linkAttachment": "https://x.example" }),
            "other attachments",
        ),
        (
            vec![image.clone()],
            json!({ "linkAttachment": "https://x.example" }),
            "without media",
        ),
        (vec![paper], json!({}), "images and videos only"),
        (vec![image.clone(); 21], json!({}), "at most 20"),
    ];
    for (media, settings, piece) in cases {
        let draft = with_settings(draft(P, "x", media), settings.clone());
        let error = world.prepare(&Threads, &draft, Part::Head, &[]).await.unwrap_err();
        assert!(error.message.contains(piece), "{settings}: {}", error.message);
    }
    let reply = with_reply(draft(P, "x", vec![]), "y", vec![]);
    for parents in [vec![], vec![(Part::Head, RemotePost::unnamed("container:c1"))]] {
        let error = world
            .prepare(&Threads, &reply, Part::Reply(1), &parents)
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid);
    }
    world.media.public_base = None;
    let error = world
        .prepare(&Threads, &draft(P, "x", vec![image]), Part::Head, &[])
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::OperatorConfig);
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn an_empty_reply_control_is_none() {
    let server = Server::answering([made("c1"), finished()]).await;
    let draft = with_settings(draft(P, "x", vec![]), json!({ "replyControl": "" }));
    world(&server).prepare(&Threads, &draft, Part::Head, &[]).await.unwrap();
    assert_eq!(pairs(&server, 0), given(&[("media_type", "TEXT"), ("text", "x")]));
}

#[tokio::test]
async fn a_refused_container_is_looked_at_before_it_is_published_again() {
    let expired = Reply::json(200, &json!({ "id": "c1", "status": "EXPIRED" }));
    let published = Reply::json(200, &json!({ "id": "c1", "status": "PUBLISHED" }));
    for (status, kind, fate) in [
        (expired, ErrorKind::NotReady, Fate::NotPublished),
        (
            published,
            ErrorKind::DuplicateContent,
            Fate::LandedEarlier { remote: None },
        ),
    ] {
        let server = Server::answering([made("c1"), finished(), status]).await;
        let mut world = world(&server);
        let words = draft(P, "x", vec![]);
        let mut resume = None;
        let prepared = loop {
            match Threads
                .prepare(&world.ctx(), &words, Part::Head, &[], resume.as_ref())
                .await
                .unwrap()
            {
                Preparation::Ready(prepared) => break prepared,
                Preparation::Working { handle, .. } => resume = Some(handle),
            }
        };
        world.prior = vec![world.record(Part::Head, prepared)];
        let error = Threads
            .prepare(&world.ctx(), &words, Part::Head, &[], resume.as_ref())
            .await
            .unwrap_err();
        assert_eq!((error.kind, error.fate), (kind, fate));
    }
}
