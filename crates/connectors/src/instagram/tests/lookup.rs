//! What became of a container or a comment.

use super::*;
use crate::testing::Reply;

/// A world whose post was prepared, and the intent to publish it.
async fn intent(server: &Server, text: &str, kind: MediaKind) -> (World, domain::intent::IntentRecord) {
    let mut world = world(server);
    let file = media(&mut world, kind, None);
    let prepared = world
        .prepare(&Instagram, &draft(PLATFORM, text, vec![file]), Part::Head, &[])
        .await
        .unwrap();
    let intent = world.record(Part::Head, prepared);
    (world, intent)
}

/// A server that prepares a container and then answers the questions with these.
async fn then(replies: Vec<Reply>) -> Server {
    let before = [
        Reply::json(200, &json!({ "id": "c1" })),
        Reply::json(200, &json!({ "status_code": "FINISHED" })),
    ];
    Server::answering(before.into_iter().chain(replies)).await
}

fn status(code: &str) -> Reply {
    Reply::json(200, &json!({ "status_code": code, "id": "c1" }))
}

fn listed(id: &str, caption: Option<&str>, minute: &str, product: &str, kind: &str) -> serde_json::Value {
    json!({
        "id": id, "caption": caption, "timestamp": format!("2026-11-22T{minute}:00+0000"),
        "permalink": format!("https://ig.example/p/{id}/"), "media_product_type": product, "media_type": kind,
    })
}

fn list(items: &[serde_json::Value]) -> Reply {
    Reply::json(200, &json!({ "data": items })).with_header("Date", "Sun, 22 Nov 2026 10:00:30 GMT")
}

#[tokio::test]
async fn the_container_says_whether_it_was_published() {
    let cases = [
        ("FINISHED", Finding::Absent),
        ("ERROR", Finding::Absent),
        ("EXPIRED", Finding::Absent),
        ("SOMETHING_NEW", Finding::CannotTell),
    ];
    for (code, expected) in cases {
        let server = then(vec![status(code)]).await;
        let (world, intent) = intent(&server, "hi", MediaKind::Image).await;
        assert_eq!(
            world
                .check(&Instagram, &intent, &[], &TakenIds::default())
                .await
                .unwrap(),
            expected,
            "{code}"
        );
    }
    let server = then(vec![status("IN_PROGRESS")]).await;
    let (world, intent) = intent(&server, "hi", MediaKind::Image).await;
    let finding = world
        .check(&Instagram, &intent, &[], &TakenIds::default())
        .await
        .unwrap();
    assert!(matches!(finding, Finding::StillProcessing { again_at } if again_at > world.ctx().now));
}

#[tokio::test]
async fn a_question_that_fails_is_no_verdict() {
    let token = json!({ "error": { "code": 190, "error_subcode": 463, "message": "Session has expired" } });
    let missing = json!({ "error": { "code": 24, "error_subcode": 2_207_006, "message": "not found" } });
    for reply in [
        Reply::HangUp,
        Reply::json(400, &token),
        Reply::json(400, &missing),
        Reply::json(503, &json!({})),
    ] {
        let server = then(vec![reply.clone()]).await;
        let (world, intent) = intent(&server, "hi", MediaKind::Image).await;
        let error = world
            .check(&Instagram, &intent, &[], &TakenIds::default())
            .await
            .unwrap_err();
        assert_eq!(
            (error.stage, error.fate),
            (Stage::Check, Fate::NotPublished),
            "{reply:?}"
        );
    }
}

async fn found(text: &str, kind: MediaKind, items: &[serde_json::Value], taken: &[&str]) -> RemotePost {
    let server = then(vec![status("PUBLISHED"), list(items)]).await;
    let (world, intent) = intent(&server, text, kind).await;
    world.clock.advance_to(intent.send_by + SignedDuration::from_secs(120));
    let taken = TakenIds(taken.iter().map(|id| (*id).to_owned()).collect());
    match world.check(&Instagram, &intent, &[], &taken).await.unwrap() {
        Finding::Published(remote) => remote,
        other => panic!("{other:?}"),
    }
}

/// Our clock says 09:00 and the platform's 10:00:30, so what it lists as 10:00 is ours and as 09:55 is older.
#[tokio::test]
async fn the_post_is_the_only_one_since_then_that_looks_like_it_and_never_just_the_newest() {
    let by_hand = listed("9", Some("by hand, in the same minute"), "10:01", "FEED", "IMAGE");
    let ours = listed("8", Some("hi"), "10:00", "FEED", "IMAGE");
    let reel = listed("7", Some("hi"), "10:00", "REELS", "VIDEO");
    let older = listed("6", Some("hi"), "09:55", "FEED", "IMAGE");
    let all = [by_hand.clone(), ours.clone(), reel.clone(), older.clone()];
    let is = |id: &str| RemotePost::visible(id, Some(format!("https://ig.example/p/{id}/")));
    let unknown = RemotePost::unnamed("container:c1");

    assert_eq!(found("hi", MediaKind::Image, &all, &[]).await, is("8"));
    assert_eq!(
        found("hi", MediaKind::Video, &all, &[]).await,
        is("7"),
        "a reel is told by its product type"
    );
    assert_eq!(
        found("hi", MediaKind::Image, &all, &["8"]).await,
        unknown,
        "it belongs to another post"
    );
    assert_eq!(
        found("hi", MediaKind::Image, &[by_hand, older], &[]).await,
        unknown,
        "it is not listed yet"
    );
    let twin = listed("5", Some("hi "), "10:00", "FEED", "IMAGE");
    assert_eq!(
        found("hi", MediaKind::Image, &[twin.clone(), ours], &[]).await,
        unknown,
        "two look like it"
    );
    let silent = listed("4", None, "10:00", "FEED", "IMAGE");
    assert_eq!(found("", MediaKind::Image, &[twin, silent], &[]).await, is("4"));
}

#[tokio::test]
async fn a_published_container_is_a_verdict_though_its_post_cannot_be_listed() {
    for reply in [
        Reply::HangUp,
        Reply::json(500, &json!({})),
        Reply::text(200, "text/html", "<html>"),
    ] {
        let answers = vec![
            status("PUBLISHED"),
            status("PUBLISHED"),
            reply.clone(),
            status("PUBLISHED"),
            reply,
        ];
        let server = then(answers).await;
        let (world, intent) = intent(&server, "hi", MediaKind::Image).await;
        // The list is not read before it can be believed; then it fails, and is read again however late it is.
        for seconds in [0, 40, 120] {
            world
                .clock
                .advance_to(intent.send_by + SignedDuration::from_secs(seconds));
            let taken = TakenIds::default();
            let finding = world.check(&Instagram, &intent, &[], &taken).await.unwrap();
            let expected = RemotePost::unnamed("container:c1");
            let Finding::Unnamed { stand_in, again_at } = finding else {
                panic!("{finding:?} after {seconds} s")
            };
            assert_eq!(stand_in, expected);
            assert!(again_at > world.ctx().now);
        }
    }
}

fn comment(id: &str, text: &str, user: &str, minute: &str) -> serde_json::Value {
    json!({ "id": id, "text": text, "username": user, "timestamp": format!("2026-11-22T{minute}:00+0000") })
}

async fn ask_for_comment(pages: Vec<Reply>, taken: &[&str]) -> Finding {
    let server = Server::answering(pages).await;
    let mut world = world(&server);
    let image = media(&mut world, MediaKind::Image, None);
    let draft = with_comment(draft(PLATFORM, "", vec![image]), "first!");
    let head = [(Part::Head, RemotePost::visible("17900001", None))];
    let prepared = world
        .prepare(&Instagram, &draft, Part::FirstComment, &head)
        .await
        .unwrap();
    let intent = world.record(Part::FirstComment, prepared);
    let taken = TakenIds(taken.iter().map(|id| (*id).to_owned()).collect());
    world.check(&Instagram, &intent, &head, &taken).await.unwrap()
}

#[tokio::test]
async fn a_comment_is_found_by_its_words_its_author_and_its_time() {
    let ours = || comment("4", "first!", "press", "10:00");
    let strange = [
        comment("1", "first", "press", "10:00"),
        comment("2", "first!", "ada", "10:00"),
        comment("3", "first!", "press", "09:00"),
    ];
    let all = || list(&[strange[0].clone(), strange[1].clone(), strange[2].clone(), ours()]);
    assert_eq!(
        ask_for_comment(vec![all()], &[]).await,
        Finding::Published(RemotePost::visible("4", None))
    );
    assert_eq!(ask_for_comment(vec![all()], &["4"]).await, Finding::Absent);
    assert_eq!(ask_for_comment(vec![list(&strange)], &[]).await, Finding::Absent);
}

#[tokio::test]
async fn comments_are_absent_only_when_all_were_read() {
    let page = |items: &[serde_json::Value]| {
        let paging = json!({ "cursors": { "after": "more" }, "next": "https://ig.example/next" });
        Reply::json(200, &json!({ "data": items, "paging": paging }))
    };
    let strange = [comment("1", "nice", "ada", "10:00")];
    let second = vec![page(&strange), list(&[comment("4", "first!", "press", "10:00")])];
    assert!(matches!(ask_for_comment(second, &[]).await, Finding::Published(_)));
    assert_eq!(ask_for_comment(vec![page(&strange); 5], &[]).await, Finding::CannotTell);
}
