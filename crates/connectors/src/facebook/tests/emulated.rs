//! Against the sandbox, which was written apart from this connector and has hashed what it got.

use sandbox::{Class, Fault, Rule};

use super::upload::wait_for;
use super::*;
use crate::Credentials;
use crate::testing::{Bench, connect};

async fn bench(script: Vec<Rule>) -> Bench {
    Bench::new(&Facebook, script).await
}

fn story(media: Media) -> Draft {
    with_settings(draft(P, "", vec![media]), json!({ "contentType": "story" }))
}

fn reel(media: Media) -> Draft {
    let settings = json!({ "contentType": "reel", "title": "Title", "place": "106" });
    with_settings(draft(P, "reel & text", vec![media]), settings)
}

#[tokio::test]
async fn a_text_with_a_link_and_its_comment_arrive_as_they_were_written() {
    let bench = bench(vec![]).await;
    let settings = json!({
        "link": "https://example.com/a?b=c", "place": "106", "tags": ["1", "2"],
        "targeting": { "geo_locations": { "countries": ["FR"] } },
    });
    let words = with_comment(with_settings(draft(P, "Héllo & 🦀", vec![]), settings), "first! & only");
    let live = bench.publish(&words).await;
    let posts = bench.published();
    assert_eq!((posts.len(), posts[0].text.as_str()), (2, "Héllo & 🦀"));
    assert_eq!((&posts[0].remote_id, &posts[0].url), (&live[0].1.id, &live[0].1.url));
    assert_eq!(posts[0].settings["link"], "https://example.com/a?b=c");
    assert_eq!(posts[0].settings["place"], 106);
    assert!(posts[0].settings["targeting"].to_string().contains("FR"));
    assert_eq!(
        (posts[1].text.as_str(), &posts[1].remote_id),
        ("first! & only", &live[1].1.id)
    );
    assert_eq!(posts[1].reply_to.as_deref(), Some(live[0].1.id.as_str()));
}

#[tokio::test]
async fn pictures_arrive_whole_in_order_with_their_descriptions() {
    for count in [1, 3] {
        let mut bench = bench(vec![]).await;
        let images: Vec<_> = (0..count).map(|seed| bench.image(seed)).collect();
        let live = bench.publish(&draft(P, "pictures", images.clone())).await;
        let posts = bench.published();
        let hashes: Vec<_> = images.iter().map(|image| image.sha256.clone()).collect();
        let alts: Vec<_> = images.iter().map(|image| image.alt.clone().unwrap()).collect();
        assert_eq!((posts.len(), &posts[0].media, &posts[0].alt), (1, &hashes, &alts));
        assert_eq!(
            (posts[0].text.as_str(), &posts[0].remote_id),
            ("pictures", &live[0].1.id)
        );
    }
}

#[tokio::test]
async fn a_carousel_of_links_arrives() {
    let bench = bench(vec![]).await;
    let cards = json!([{ "link": "https://example.com/1", "name": "One" }, { "link": "https://example.com/2" }]);
    let settings = json!({ "link": "https://example.com", "childAttachments": cards, "multiShareEndCard": false });
    bench.publish(&with_settings(draft(P, "cards", vec![]), settings)).await;
    let posts = bench.published();
    assert!(
        posts[0].settings["child_attachments"]
            .to_string()
            .contains("example.com/2")
    );
}

#[tokio::test]
async fn a_film_arrives_whole_with_its_title_and_cover() {
    let mut bench = bench(vec![]).await;
    let (film, cover) = (bench.film(), bench.image(9));
    let settings = json!({ "title": "Title", "cover": serde_json::to_value(&cover).unwrap(), "embeddable": false });
    let words = with_settings(draft(P, "film & text", vec![film.clone()]), settings);
    let live = bench.publish(&words).await;
    let posts = bench.published();
    assert_eq!(
        (posts.len(), posts[0].text.as_str(), &posts[0].media),
        (1, "film & text", &vec![film.sha256])
    );
    assert_eq!(posts[0].key.as_ref(), Some(&live[0].1.id), "the film's id");
    assert_eq!(
        (&posts[0].settings["title"], &posts[0].notes["thumbnail"]),
        (&json!("Title"), &json!(cover.sha256))
    );
    assert!(live[0].1.url.as_ref().unwrap().starts_with("https://www.facebook.com/"));
}

#[tokio::test]
async fn reels_and_stories_are_what_they_should_be() {
    let mut bench = bench(vec![]).await;
    let (film, image) = (bench.film(), bench.image(1));
    let reel_live = bench.publish(&with_comment(reel(film.clone()), "under the reel")).await;
    bench.publish(&story(film.clone())).await;
    let photo_live = bench.publish(&story(image.clone())).await;
    let posts = bench.published();
    let kinds: Vec<_> = posts.iter().filter_map(|post| post.notes["kind"].as_str()).collect();
    assert_eq!(kinds, ["reel", "story", "story"]);
    assert_eq!(
        (posts[0].text.as_str(), &posts[0].media),
        ("reel & text", &vec![film.sha256.clone()])
    );
    assert_eq!(
        (&posts[0].settings["title"], &posts[0].settings["place"]),
        (&json!("Title"), &json!(106))
    );
    assert_eq!(posts[0].key.as_ref(), Some(&reel_live[0].1.id));
    let reel_url = reel_live[0].1.url.clone().unwrap();
    assert_eq!(
        reel_url.trim_end_matches('/'),
        format!("https://www.facebook.com/reel/{}", reel_live[0].1.id)
    );
    assert_eq!(
        (posts[1].text.as_str(), &posts[1].reply_to),
        ("under the reel", &Some(posts[0].remote_id.clone()))
    );
    assert_eq!(
        (&posts[2].media, &posts[3].media),
        (&vec![film.sha256], &vec![image.sha256])
    );
    assert_eq!(
        (&posts[3].remote_id, &posts[3].url),
        (&photo_live[0].1.id, &photo_live[0].1.url)
    );
}

#[tokio::test]
async fn a_lost_answer_never_becomes_a_second_post() {
    for fault in [
        Fault::DropAfter,
        Fault::DropBefore,
        Fault::ErrorAfter { status: 500 },
        Fault::ErrorBefore { status: 503 },
        Fault::Truncated,
        Fault::Malformed,
    ] {
        for kind in ["text", "picture", "film", "reel", "film story", "photo story"] {
            let mut bench = bench(vec![Rule::nth(Class::Create, 1, fault.clone())]).await;
            let words = match kind {
                "text" => draft(P, "ours", vec![]),
                "picture" => draft(P, "ours", vec![bench.image(1)]),
                "film" => draft(P, "ours", vec![bench.film()]),
                "reel" => reel(bench.film()),
                "film story" => story(bench.film()),
                _ => story(bench.image(1)),
            };
            let intent = bench.lose(&words, Part::Head, &[]).await;
            // The Page's owner posts the same by hand in the same minute.
            let by_hand = bench.image(2);
            bench.publish(&draft(P, "ours", vec![by_hand])).await;
            let is_there = bench.published().len() == 2;
            match bench.check(&intent).await {
                Finding::Absent => assert!(!is_there, "{kind} {fault:?}"),
                Finding::Published(_) => assert!(is_there, "{kind} {fault:?}"),
                Finding::StillProcessing { again_at } => {
                    assert!(is_there, "{kind} {fault:?}");
                    bench.world.clock.advance_to(again_at);
                    wait_for(&bench.world, &intent).await;
                }
                other => panic!("{kind} {fault:?}: {other:?}"),
            }
            if !is_there {
                let again = bench.world.arm(Part::Head, intent.prepared.clone());
                Facebook.send(&bench.world.ctx(), &again).await.unwrap();
            }
            assert_eq!(bench.published().len(), 2, "{kind} {fault:?}");
        }
    }
}

#[tokio::test]
async fn showing_a_post_twice_shows_one() {
    let bench = bench(vec![]).await;
    let words = draft(P, "once", vec![]);
    let prepared = bench.world.prepare(&Facebook, &words, Part::Head, &[]).await.unwrap();
    for _ in 0..2 {
        let armed = bench.world.arm(Part::Head, prepared.clone());
        assert!(matches!(
            Facebook.send(&bench.world.ctx(), &armed).await.unwrap(),
            Sent::Live(_)
        ));
    }
    assert_eq!(bench.published().len(), 1);
}

#[tokio::test]
async fn a_lost_comment_is_found_and_never_made_twice() {
    // The head is the first thing created, its comment the second.
    let bench = bench(vec![Rule::nth(Class::Create, 2, Fault::DropAfter)]).await;
    let commented = with_comment(draft(P, "head", vec![]), "first!");
    let mut head_only = commented.clone();
    head_only.content.first_comment = None;
    let live = bench.publish(&head_only).await;
    let prepared = bench
        .world
        .prepare(&Facebook, &commented, Part::FirstComment, &live)
        .await
        .unwrap();
    let intent = bench.world.record(Part::FirstComment, prepared.clone());
    let armed = bench.world.arm(Part::FirstComment, prepared);
    let error = Facebook.send(&bench.world.ctx(), &armed).await.unwrap_err();
    assert_eq!(error.fate, Fate::MayBePublished);
    let Finding::Published(found) = bench.check(&intent).await else {
        panic!()
    };
    assert_eq!(found.id, bench.published()[1].remote_id);
}

#[tokio::test]
async fn a_page_is_connected_by_its_token() {
    let bench = bench(vec![]).await;
    let credentials = Credentials {
        token: Some(bench.world.tokens.access.clone()),
        identifier: Some(bench.world.remote_id.clone()),
        ..Credentials::default()
    };
    let connected = connect(&signin::FacebookSignIn, bench.world.connect_ctx(), &credentials)
        .await
        .unwrap();
    assert_eq!(
        (&connected.identity.remote_id, connected.identity.username.as_str()),
        (&bench.world.remote_id, "press")
    );
}
