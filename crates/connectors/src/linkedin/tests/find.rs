//! Organizations' posts are listed, and ours is told from others.

use domain::content::PartContent;
use domain::intent::{Certainty, DedupeMeans};

use super::*;

const ORGANIZATION: &str = "5515715";

fn page(posts: &[Value]) -> Reply {
    Reply::json(
        200,
        &json!({ "elements": posts, "paging": { "start": 0, "count": 10 } }),
    )
}

/// A listed post that was made so many seconds after the tests' clock began.
fn post(id: &str, text: &str, at_s: i64, content: &Value) -> Value {
    let at = start().as_millisecond() + at_s * 1_000;
    json!({ "id": id, "commentary": text, "content": content, "createdAt": at, "lastModifiedAt": at })
}

fn world(server: &Server) -> World {
    World::new(P, ORGANIZATION, "token").with_endpoint(server.url())
}

/// The intent of a post with this text, and with an image where `urn` is one.
fn intent(world: &World, text: &str, urn: Option<&str>) -> IntentRecord {
    let mut body = json!({ "author": format!("urn:li:organization:{ORGANIZATION}"), "commentary": text });
    if let Some(urn) = urn {
        body["content"] = json!({ "media": { "id": urn } });
    }
    let frozen = Frozen::Post { body: body.to_string() };
    world.record(
        Part::Head,
        domain::intent::Prepared {
            version: prepare::VERSION,
            bytes: crate::frozen::freeze(P, Stage::Prepare, &frozen).unwrap(),
            dedupe: vec![],
            fingerprint: crate::frozen::fingerprint(P, ORGANIZATION, None, &PartContent::default()),
            budget: SignedDuration::from_secs(60),
        },
    )
}

async fn look(posts: &[Value], text: &str, urn: Option<&str>, taken: &[&str]) -> Finding {
    let server = Server::answering([page(posts)]).await;
    let world = world(&server);
    let intent = intent(&world, text, urn);
    let taken = TakenIds(taken.iter().map(|id| (*id).to_owned()).collect());
    let finding = world.check(&LinkedIn, &intent, &[], &taken).await.unwrap();
    let request = &server.requests()[0];
    assert!(
        request
            .path
            .contains("q=author&author=urn%3Ali%3Aorganization%3A5515715&count=10")
    );
    assert_eq!(request.header("x-restli-method"), Some("FINDER"));
    finding
}

#[tokio::test]
async fn a_text_is_found_by_its_words_and_its_time() {
    let none = Value::Null;
    let found = |id: &str| Finding::Published(remote_post(id));
    let sent = r"Hi \(all\) #rust";
    let as_listed = r"Hi \(all\) {hashtag|\#|rust}";
    for (posts, taken, finding) in [
        (vec![], vec![], Finding::Absent),
        (
            vec![post("urn:li:share:1", as_listed, 1, &none)],
            vec![],
            found("urn:li:share:1"),
        ),
        (vec![post("urn:li:share:1", "other", 1, &none)], vec![], Finding::Absent),
        (
            vec![post("urn:li:share:1", as_listed, -600, &none)],
            vec![],
            Finding::Absent,
        ),
        (
            vec![post("urn:li:share:1", as_listed, 1, &none)],
            vec!["urn:li:share:1"],
            Finding::Absent,
        ),
        (
            vec![
                post("urn:li:share:1", as_listed, 1, &none),
                post("urn:li:share:2", as_listed, 2, &none),
            ],
            vec![],
            Finding::CannotTell,
        ),
        (
            vec![post(
                "urn:li:share:1",
                as_listed,
                1,
                &json!({ "article": { "source": "https://x.example" } }),
            )],
            vec![],
            Finding::Absent,
        ),
    ] {
        assert_eq!(look(&posts, sent, None, &taken).await, finding, "{posts:?}");
    }
}

#[tokio::test]
async fn files_are_proof_whatever_else_is_said() {
    let image = |urn: &str| json!({ "media": { "id": urn } });
    let posts = [
        post("urn:li:share:2", "same", 1, &image("urn:li:image:2")),
        post("urn:li:share:1", "edited", 2, &image("urn:li:image:1")),
    ];
    assert_eq!(
        look(&posts, "same", Some("urn:li:image:1"), &[]).await,
        Finding::Published(remote_post("urn:li:share:1"))
    );
    assert_eq!(
        look(&posts[..1], "same", Some("urn:li:image:1"), &[]).await,
        Finding::Absent
    );
}

#[tokio::test]
async fn a_question_that_fails_is_no_answer() {
    let server = Server::answering([Reply::json(
        403,
        &json!({ "status": 403, "code": "ACCESS_DENIED", "message": "Not enough permissions to access" }),
    )])
    .await;
    let world = world(&server);
    let error = world
        .check(&LinkedIn, &intent(&world, "x", None), &[], &TakenIds::default())
        .await
        .unwrap_err();
    assert_eq!((error.kind, error.fate), (ErrorKind::Permission, Fate::NotPublished));
}

#[tokio::test]
async fn a_list_that_does_not_end_is_no_proof_of_absence() {
    let posts: Vec<_> = (0..10)
        .map(|n| post(&format!("urn:li:share:{n}"), "other", 5, &Value::Null))
        .collect();
    let server = Server::start(move |_| page(&posts)).await;
    let world = world(&server);
    let finding = world
        .check(&LinkedIn, &intent(&world, "x", None), &[], &TakenIds::default())
        .await;
    assert_eq!(finding.unwrap(), Finding::CannotTell);
}

#[tokio::test]
async fn organizations_have_a_list_and_with_files_a_proof() {
    let fake = Fake::start().await;
    let mut world = fake.world();
    world.remote_id = ORGANIZATION.to_owned();
    let image = file(&mut world, MediaKind::Image, "x", None);
    for (media, certainty) in [(vec![], Certainty::Fuzzy), (vec![image], Certainty::Exact)] {
        let prepared = world
            .prepare(&LinkedIn, &draft(P, "x", media), Part::Head, &[])
            .await
            .unwrap();
        assert!(matches!(prepared.dedupe[0].means, DedupeMeans::Lookup { .. }));
        assert_eq!(prepared.dedupe[0].certainty, certainty);
    }
}

#[tokio::test]
async fn a_comment_of_an_organization_is_found_and_a_members_is_not_asked_for() {
    let comments = json!({ "elements": [
        { "id": "1", "actor": "urn:li:person:Other", "message": { "text": "first!" } },
        { "id": "2", "actor": "urn:li:organization:5515715", "message": { "text": "first!" } },
    ] });
    let server = Server::start(move |_| Reply::json(200, &comments)).await;
    let draft = with_comment(draft(P, "head", vec![]), "first!");
    let head = [(Part::Head, RemotePost::visible("urn:li:share:1", None))];
    for (id, finding) in [
        (ORGANIZATION, Finding::Published(RemotePost::visible("2", None))),
        ("AbC123", Finding::CannotTell),
    ] {
        let world = World::new(P, id, "token").with_endpoint(server.url());
        let prepared = world
            .prepare(&LinkedIn, &draft, Part::FirstComment, &head)
            .await
            .unwrap();
        let intent = world.record(Part::FirstComment, prepared);
        assert_eq!(
            world
                .check(&LinkedIn, &intent, &head, &TakenIds::default())
                .await
                .unwrap(),
            finding
        );
    }
    assert!(
        server.requests()[0]
            .path
            .starts_with("/rest/socialActions/urn%3Ali%3Ashare%3A1/comments")
    );
}
