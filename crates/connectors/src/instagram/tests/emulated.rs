//! Against the sandbox, which fetches the files itself and has hashed what it got.

use domain::intent::IntentRecord;
use sandbox::{Class, Fault, Rule};

use super::*;
use crate::Credentials;
use crate::signin::SignIn;
use crate::testing::sha256_hex;
use crate::testing::{Bench, connect};

async fn bench(script: Vec<Rule>) -> Bench {
    Bench::new(&Instagram, script).await
}

/// Prepares a post and fails to hear what became of it.
async fn lose(bench: &mut Bench, caption: &str) -> (IntentRecord, PlatformError) {
    let image = bench.image(1);
    bench
        .fail(&draft(PLATFORM, caption, vec![image]), Part::Head, &[])
        .await
}

#[tokio::test]
async fn connecting_and_renewing_go_by_the_age_of_the_token() {
    let bench = bench(vec![]).await;
    let credentials = Credentials {
        token: Some(bench.world.tokens.access.clone()),
        ..Credentials::default()
    };
    let connected = connect(&signin::InstagramSignIn, bench.world.connect_ctx(), &credentials)
        .await
        .unwrap();
    assert_eq!(
        (
            connected.identity.remote_id.as_str(),
            connected.identity.username.as_str()
        ),
        (bench.world.remote_id.as_str(), "press")
    );
    let error = signin::InstagramSignIn
        .refresh(bench.world.connect_ctx(), &connected.tokens)
        .unwrap()
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotReady);
    bench.world.clock.advance(SignedDuration::from_hours(25));
    let renewed = signin::InstagramSignIn
        .refresh(bench.world.connect_ctx(), &connected.tokens)
        .unwrap()
        .await
        .unwrap();
    assert_ne!(renewed.access, connected.tokens.access);
    assert!(renewed.expires_at > connected.tokens.expires_at);
}

#[tokio::test]
async fn an_image_arrives_whole_with_its_description_and_its_comment() {
    let mut bench = bench(vec![]).await;
    let mut image = bench.image(1);
    image.alt = Some("A sheet & a half".to_owned());
    let draft = with_comment(
        draft(PLATFORM, "Caption & 🦀 #tag", vec![image.clone()]),
        "first! & only",
    );
    let live = bench.world.publish(&Instagram, &draft).await.unwrap();
    let posts = bench.published();
    assert_eq!(posts[0].text, "Caption & 🦀 #tag");
    assert_eq!(
        (&posts[0].media, &posts[0].alt),
        (&vec![image.sha256], &vec!["A sheet & a half".to_owned()])
    );
    assert_eq!(
        (posts[0].remote_id.as_str(), &posts[0].url),
        (live[0].1.id.as_str(), &live[0].1.url)
    );
    assert_eq!(
        (posts[1].text.as_str(), &posts[1].remote_id),
        ("first! & only", &live[1].1.id)
    );
    assert_eq!(posts[1].settings["kind"], "comment");
    assert_eq!(posts.len(), 2);
}

#[tokio::test]
async fn a_carousel_arrives_whole_and_in_order() {
    let mut bench = bench(vec![]).await;
    let mut items: Vec<_> = (0..3).map(|seed| bench.image(seed)).collect();
    items[2].alt = Some("The third".to_owned());
    items.insert(1, bench.film());
    let hashes: Vec<_> = items.iter().map(|media| media.sha256.clone()).collect();
    bench
        .world
        .publish(&Instagram, &draft(PLATFORM, "four", items))
        .await
        .unwrap();
    let posts = bench.published();
    assert_eq!(
        (posts.len(), posts[0].text.as_str(), &posts[0].media),
        (1, "four", &hashes)
    );
    assert_eq!(posts[0].alt, ["Alt 0", "", "Alt 1", "The third"]);
    assert_eq!(posts[0].notes["media_type"], "CAROUSEL_ALBUM");
}

#[tokio::test]
async fn reels_and_stories_are_what_they_should_be() {
    let mut bench = bench(vec![]).await;
    let film = bench.film();
    let image = bench.image(1);
    let story = |media| {
        with_settings(
            draft(PLATFORM, "unseen", vec![media]),
            json!({ "videoType": "STORIES" }),
        )
    };
    bench
        .world
        .publish(&Instagram, &draft(PLATFORM, "reel", vec![film.clone()]))
        .await
        .unwrap();
    bench.world.publish(&Instagram, &story(film.clone())).await.unwrap();
    bench.world.publish(&Instagram, &story(image.clone())).await.unwrap();
    let posts = bench.published();
    let kinds: Vec<_> = posts
        .iter()
        .map(|post| post.notes["product_type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["REELS", "STORY", "STORY"]);
    let texts: Vec<_> = posts.iter().map(|post| post.text.as_str()).collect();
    assert_eq!(texts, ["reel", "", ""]);
    assert_eq!(
        posts[0].media,
        [sha256_hex(&sandbox::samples::by_name("video.mp4").unwrap().1)]
    );
    assert_eq!(posts[2].media, [image.sha256]);
}

#[tokio::test]
async fn a_lost_answer_is_found_again_by_the_container_and_not_taken_for_the_newest_post() {
    for fault in [
        Fault::DropAfter,
        Fault::ErrorAfter { status: 500 },
        Fault::Truncated,
        Fault::Malformed,
    ] {
        let mut bench = bench(vec![Rule::nth(Class::Create, 1, fault.clone())]).await;
        let (intent, error) = lose(&mut bench, "ours").await;
        assert_eq!(error.fate, Fate::MayBePublished, "{fault:?}");
        // The account's owner posts by hand in the same minute.
        let image = bench.image(2);
        bench
            .world
            .publish(&Instagram, &draft(PLATFORM, "by hand", vec![image]))
            .await
            .unwrap();
        let found = bench.find(&intent).await;
        let posts = bench.published();
        assert_eq!(
            (found.id.as_str(), &found.url),
            (posts[0].remote_id.as_str(), &posts[0].url)
        );
        assert_eq!(posts.len(), 2);
    }
}

#[tokio::test]
async fn what_never_arrived_is_absent_and_the_same_container_is_published_then() {
    let mut bench = bench(vec![Rule::nth(Class::Create, 1, Fault::DropBefore)]).await;
    let (intent, error) = lose(&mut bench, "ours").await;
    assert_eq!(error.fate, Fate::MayBePublished);
    assert_eq!(bench.check(&intent).await, Finding::Absent);
    let again = bench.world.arm(Part::Head, intent.prepared.clone());
    assert!(matches!(
        Instagram.send(&bench.world.ctx(), &again).await.unwrap(),
        Sent::Live(_)
    ));
    assert_eq!(bench.published().len(), 1);
}

#[tokio::test]
async fn the_anti_spam_block_is_believed_only_after_asking_the_container() {
    for live in [true, false] {
        let body = json!({ "error": {
            "message": "Action is blocked", "type": "OAuthException", "code": 4, "error_subcode": 2_207_051,
        } });
        let blocked = Fault::Custom {
            status: 403,
            body: body.to_string(),
            content_type: None,
            after: live,
        };
        let mut bench = bench(vec![Rule::nth(Class::Create, 1, blocked)]).await;
        let (intent, error) = lose(&mut bench, "ours").await;
        assert_eq!((error.fate, error.kind), (Fate::MayBePublished, ErrorKind::RateLimited));
        let finding = bench.check(&intent).await;
        assert_eq!(finding == Finding::Absent, !live, "{finding:?}");
        if live {
            assert_eq!(bench.find(&intent).await.id, bench.published()[0].remote_id);
        }
    }
}

#[tokio::test]
async fn a_post_that_cannot_be_read_yet_is_live_all_the_same() {
    let mut bench = bench(vec![Rule::always(Class::Create, Fault::ReadLag { s: 30 })]).await;
    let image = bench.image(1);
    let live = bench
        .world
        .publish(&Instagram, &draft(PLATFORM, "hi", vec![image]))
        .await
        .unwrap();
    assert_eq!(
        live[0].1,
        RemotePost::visible(bench.published()[0].remote_id.as_str(), None)
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_fetched_is_the_operators_business_and_is_prepared_anew() {
    let mut bench = bench(vec![]).await;
    let image = bench.image(1);
    bench.take_files_away();
    let error = bench
        .world
        .prepare(&Instagram, &draft(PLATFORM, "", vec![image]), Part::Head, &[])
        .await
        .unwrap_err();
    assert_eq!((error.kind, error.retry.from), (ErrorKind::Network, From::Prepare));
    assert!(error.message.contains("public_url"));
}

#[tokio::test]
async fn a_lost_comment_is_found_and_never_made_twice() {
    // The head is the first thing created, its comment the second.
    let mut bench = bench(vec![Rule::nth(Class::Create, 2, Fault::DropAfter)]).await;
    let image = bench.image(1);
    let commented = with_comment(draft(PLATFORM, "head", vec![image]), "first!");
    let mut head_only = commented.clone();
    head_only.content.first_comment = None;
    let live = bench.world.publish(&Instagram, &head_only).await.unwrap();
    let prepared = bench
        .world
        .prepare(&Instagram, &commented, Part::FirstComment, &live)
        .await
        .unwrap();
    let intent = bench.world.record(Part::FirstComment, prepared.clone());
    let armed = bench.world.arm(Part::FirstComment, prepared);
    let error = Instagram.send(&bench.world.ctx(), &armed).await.unwrap_err();
    assert_eq!(error.fate, Fate::MayBePublished);
    let Finding::Published(found) = bench.check(&intent).await else {
        panic!()
    };
    assert_eq!(found.id, bench.published()[1].remote_id);
    let taken = TakenIds(vec![found.id]);
    assert_eq!(
        bench.world.check(&Instagram, &intent, &live, &taken).await.unwrap(),
        Finding::Absent
    );
}
