//! Pages that do not let invisible posts be shown: the post is made visible at once, and the list is the evidence.

use domain::error::{From, When};
use domain::ids::IntentId;

use super::*;

/// The intent of a show that was refused.
fn refused_show(world: &World) -> IntentRecord {
    let frozen = Frozen::Show {
        post: "111_401".to_owned(),
    };
    let prepared = domain::intent::Prepared {
        version: prepare::VERSION,
        bytes: freeze(P, Stage::Prepare, &frozen).unwrap(),
        dedupe: vec![],
        fingerprint: domain::intent::Fingerprint([0; 32]),
        budget: SignedDuration::from_secs(60),
    };
    IntentRecord {
        id: IntentId::from_bytes([8; 12]),
        state: IntentState::NotPublished,
        ..world.record(Part::Head, prepared)
    }
}

#[tokio::test]
async fn a_show_that_is_not_understood_makes_the_post_visible_at_once_the_next_time() {
    let refused = json!({ "error": { "code": 100, "message": "(#100) Param is_published is not supported" } });
    let server = Server::answering([
        Reply::json(200, &json!({ "id": "111_401" })),
        Reply::json(400, &refused),
        Reply::json(200, &json!({ "id": "111_402" })),
        Reply::json(200, &json!({ "permalink_url": "https://www.facebook.com/402" })),
    ])
    .await;
    let mut world = World::new(P, "111", "token").with_endpoint(server.url());
    let words = draft(P, "hello", vec![]);
    let error = world.publish(&Facebook, &words).await.unwrap_err();
    assert_eq!((error.kind, error.fate), (ErrorKind::Invalid, Fate::NotPublished));
    assert_eq!(
        (error.retry.when, error.retry.from, error.retry.at_most),
        (When::After(SignedDuration::from_secs(1)), From::Prepare, Some(1))
    );
    world.prior = vec![refused_show(&world)];
    let prepared = world.prepare(&Facebook, &words, Part::Head, &[]).await.unwrap();
    assert!(matches!(prepared.dedupe[0].means, DedupeMeans::Lookup { .. }) && prepared.is_confusable());
    let armed = world.arm(Part::Head, prepared);
    let Sent::Live(live) = Facebook.send(&world.ctx(), &armed).await.unwrap() else {
        panic!()
    };
    assert_eq!(
        live,
        remote_post("111_402", Some("https://www.facebook.com/402".to_owned()))
    );
    assert_eq!(server.requests()[2].text(), "message=hello");
}

#[tokio::test]
async fn what_was_just_made_and_is_not_known_yet_is_waited_for_before_it_is_given_up() {
    let unknown = json!({ "error": { "code": 100, "error_subcode": 33, "message": "Unsupported post request" } });
    let films = [
        Frozen::ShowFilm { film: "501".to_owned() },
        Frozen::Finish {
            kind: settings::Kind::Reel,
            film: "501".to_owned(),
            fields: vec![],
        },
    ];
    let show = Frozen::Show {
        post: "111_401".to_owned(),
    };
    for frozen in films.into_iter().chain([show]) {
        let answer = unknown.clone();
        let server = Server::start(move |_| Reply::json(400, &answer)).await;
        let mut world = World::new(P, "111", "token").with_endpoint(server.url());
        let mut refused = refused_show(&world);
        refused.prepared.bytes = freeze(P, Stage::Prepare, &frozen).unwrap();
        for tries in 0..4 {
            let armed = world.arm(Part::Head, refused.prepared.clone());
            let error = Facebook.send(&world.ctx(), &armed).await.unwrap_err();
            assert_eq!(error.fate, Fate::NotPublished);
            let waits =
                (error.retry.when, error.retry.from) == (When::After(SignedDuration::from_secs(10)), From::Send);
            assert_eq!(
                waits && error.retry.at_most == Some(3),
                tries < 3,
                "{frozen:?} after {tries}"
            );
            let is_at_once = (error.retry.from, error.retry.at_most) == (From::Prepare, Some(4));
            assert_eq!(
                is_at_once,
                tries == 3 && matches!(frozen, Frozen::Show { .. }),
                "{frozen:?}"
            );
            world.prior.push(refused.clone());
        }
    }
}

#[tokio::test]
async fn a_backdated_post_is_looked_for_where_it_was_backdated_to() {
    let asked = |value: &str, listed: &str| {
        let field = ("backdated_time".to_owned(), value.to_owned());
        let post = json!({ "id": "2", "message": "hello", "created_time": listed });
        look_for(vec![field], json!([post]), &[], &[])
    };
    let found = Finding::Published(remote_post("2", None));
    assert_eq!(
        asked("2019-05-04T10:00:00+0000", "2019-05-04T10:00:00+0000").await,
        found
    );
    assert_eq!(asked("1556964000", "2019-05-04T00:00:00+0000").await, found);
    assert_eq!(asked("2019-05-04", "2019-05-04T00:00:00+0000").await, found);
    assert_eq!(asked("2019-05-04", "2020-05-04T00:00:00+0000").await, Finding::Absent);
    assert_eq!(asked("in May", "2019-05-04T00:00:00+0000").await, Finding::CannotTell);
}

async fn look(posts: serde_json::Value, photos: &[&str], taken: &[&str]) -> Finding {
    look_for(vec![], posts, photos, taken).await
}

async fn look_for(fields: settings::Fields, posts: serde_json::Value, photos: &[&str], taken: &[&str]) -> Finding {
    let server = Server::answering([Reply::json(200, &json!({ "data": posts }))]).await;
    let world = World::new(P, "111", "token").with_endpoint(server.url());
    let frozen = Frozen::Post {
        fields,
        text: "hello".to_owned(),
        photos: photos.iter().map(|photo| (*photo).to_owned()).collect(),
    };
    let mut intent = refused_show(&world);
    intent.prepared.bytes = freeze(P, Stage::Prepare, &frozen).unwrap();
    let taken = TakenIds(taken.iter().map(|id| (*id).to_owned()).collect());
    let finding = world.check(&Facebook, &intent, &[], &taken).await.unwrap();
    assert!(
        server.requests()[0]
            .path
            .starts_with("/v25.0/111/published_posts?fields=id%2Cmessage")
    );
    finding
}

#[tokio::test]
async fn a_lost_post_is_found_among_the_pages_posts_and_not_taken_for_another() {
    let post = |id: &str, text: &str, at: &str| json!({ "id": id, "message": text, "created_time": at });
    let now = "2026-11-22T09:00:05+0000";
    let found = |id: &str| Finding::Published(remote_post(id, None));
    for (posts, taken, finding) in [
        (json!([]), vec![], Finding::Absent),
        (
            json!([post("1", "by hand", now), post("2", "hello", now)]),
            vec![],
            found("2"),
        ),
        (json!([post("2", "hello", now)]), vec!["2"], Finding::Absent),
        (
            json!([post("2", "hello", "2026-11-22T08:00:00+0000")]),
            vec![],
            Finding::Absent,
        ),
        (
            json!([post("1", "hello", now), post("2", "hello", now)]),
            vec![],
            Finding::CannotTell,
        ),
    ] {
        assert_eq!(look(posts.clone(), &[], &taken).await, finding, "{posts}");
    }
    let album = |id: &str, photos: &[&str]| {
        let items: Vec<_> = photos
            .iter()
            .map(|photo| json!({ "target": { "id": photo } }))
            .collect();
        let mut post = post(id, "edited", now);
        post["attachments"] = json!({ "data": [{ "media_type": "album", "subattachments": { "data": items } }] });
        post
    };
    let posts = json!([album("1", &["300", "303"]), album("2", &["301", "302"])]);
    assert_eq!(look(posts, &["301", "302"], &[]).await, found("2"));
}
