//! Against the sandbox, which fetches the files itself and has hashed what it got.

use sandbox::{Class, Fault, Rule};

use super::*;
use crate::testing::Bench;

async fn bench(script: Vec<Rule>) -> Bench {
    Bench::new(&Threads, script).await
}

fn described_film(bench: &mut Bench) -> Media {
    Media {
        alt: Some("A film".to_owned()),
        ..bench.film()
    }
}

#[tokio::test]
async fn a_text_arrives_with_its_settings() {
    let bench = bench(vec![]).await;
    let settings = json!({
        "replyControl": "accounts_you_follow", "topicTag": "rust", "linkAttachment": "https://example.com/a?b=c",
        "allowlistedCountryCodes": ["FR"], "isGhostPost": true,
    });
    let live = bench
        .publish(&with_settings(draft(P, "Héllo & 🦀", vec![]), settings))
        .await;
    let posts = bench.published();
    assert_eq!((posts.len(), posts[0].text.as_str()), (1, "Héllo & 🦀"));
    assert_eq!((&posts[0].remote_id, &posts[0].url), (&live[0].1.id, &live[0].1.url));
    for (name, value) in [
        ("reply_control", json!("accounts_you_follow")),
        ("topic_tag", json!("rust")),
        ("link_attachment", json!("https://example.com/a?b=c")),
    ] {
        assert_eq!(posts[0].settings[name], value);
    }
    assert!(
        posts[0].settings["allowlisted_country_codes"]
            .to_string()
            .contains("FR")
    );
}

#[tokio::test]
async fn pictures_films_and_carousels_arrive_whole_in_order_with_their_descriptions() {
    let mut bench = bench(vec![]).await;
    let (image, film) = (bench.image(1), described_film(&mut bench));
    let many = vec![bench.image(2), described_film(&mut bench), bench.image(3)];
    for (media, kind) in [(vec![image], "IMAGE"), (vec![film], "VIDEO"), (many, "CAROUSEL_ALBUM")] {
        bench.publish(&draft(P, kind, media.clone())).await;
        let last = bench.published().pop().unwrap();
        let hashes: Vec<_> = media.iter().map(|media| media.sha256.clone()).collect();
        let alts: Vec<_> = media.iter().map(|media| media.alt.clone().unwrap()).collect();
        assert_eq!((last.text.as_str(), &last.media, &last.alt), (kind, &hashes, &alts));
        assert_eq!(last.notes["media_type"], kind);
    }
}

#[tokio::test]
async fn each_part_of_a_thread_answers_the_one_before_and_the_comment_the_head() {
    let mut bench = bench(vec![]).await;
    let image = bench.image(1);
    let thread = with_reply(
        with_reply(draft(P, "one", vec![]), "two", vec![image.clone()]),
        "three",
        vec![],
    );
    let live = bench.publish(&with_comment(thread, "first!")).await;
    let posts = bench.published();
    let texts: Vec<_> = posts.iter().map(|post| post.text.as_str()).collect();
    assert_eq!(texts, ["one", "two", "three", "first!"]);
    let id = |n: usize| Some(live[n].1.id.clone());
    let parents: Vec<_> = posts.iter().map(|post| post.reply_to.clone()).collect();
    assert_eq!(parents, [None, id(0), id(1), id(0)]);
    assert_eq!(posts[1].media, [image.sha256]);
}

#[tokio::test]
async fn a_lost_answer_is_found_again_by_the_container_and_not_taken_for_the_newest_post() {
    for fault in [
        Fault::DropAfter,
        Fault::ErrorAfter { status: 500 },
        Fault::Truncated,
        Fault::Malformed,
    ] {
        let bench = bench(vec![Rule::nth(Class::Create, 1, fault.clone())]).await;
        let intent = bench.lose(&draft(P, "ours", vec![]), Part::Head, &[]).await;
        // The account's owner posts by hand in the same minute.
        bench.publish(&draft(P, "by hand", vec![])).await;
        let found = bench.find(&intent).await;
        let posts = bench.published();
        assert_eq!((&found.id, &found.url), (&posts[0].remote_id, &posts[0].url));
        assert_eq!(posts.len(), 2);
    }
}

#[tokio::test]
async fn twins_that_cannot_be_told_apart_are_live_without_an_id() {
    let bench = bench(vec![Rule::nth(Class::Create, 1, Fault::DropAfter)]).await;
    let intent = bench.lose(&draft(P, "same", vec![]), Part::Head, &[]).await;
    bench.publish(&draft(P, "same", vec![])).await;
    let found = bench.find(&intent).await;
    assert!(found.is_stand_in && found.url.is_none());
}

#[tokio::test]
async fn a_post_that_the_list_shows_late_is_waited_for() {
    for (lag, is_found) in [(100, false), (20, true)] {
        let script = vec![
            Rule::nth(Class::Create, 1, Fault::ReadLag { s: lag }),
            Rule::nth(Class::Create, 1, Fault::DropAfter),
        ];
        let bench = bench(script).await;
        let intent = bench.lose(&draft(P, "same", vec![]), Part::Head, &[]).await;
        let first = bench.check(&intent).await;
        assert!(
            matches!(first, Finding::Unnamed { again_at, .. } if again_at > intent.send_by),
            "{first:?}"
        );
        bench
            .world
            .clock
            .advance_to(intent.send_by + SignedDuration::from_secs(35));
        let second = bench.check(&intent).await;
        assert_eq!(matches!(second, Finding::Published(_)), is_found, "{second:?}");
        assert_eq!(bench.find(&intent).await.id, bench.published()[0].remote_id);
    }
}

#[tokio::test]
async fn the_same_words_of_a_person_are_not_taken_while_ours_may_be_missing_from_the_list() {
    let script = vec![
        Rule::nth(Class::Create, 1, Fault::ReadLag { s: 20 }),
        Rule::nth(Class::Create, 1, Fault::DropAfter),
    ];
    let bench = bench(script).await;
    let intent = bench.lose(&draft(P, "same", vec![]), Part::Head, &[]).await;
    let theirs = bench.publish(&draft(P, "same", vec![])).await.remove(0).1;
    let found = bench.find(&intent).await;
    assert_ne!(found, theirs);
    assert!(found.is_stand_in, "{found:?}");
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_read_again() {
    let fault = Rule::nth(Class::Create, 1, Fault::DropAfter);
    let bench = bench(vec![fault]).await;
    let intent = bench.lose(&draft(P, "words", vec![]), Part::Head, &[]).await;
    let rules = sandbox::RuleSet {
        platform: Some(P),
        account: Some(bench.world.remote_id.clone()),
        rules: vec![Rule::nth(Class::Read, 1, Fault::ErrorBefore { status: 500 })],
        latency_ms: None,
    };
    bench.sandbox.add_rules(rules).unwrap();
    bench
        .world
        .clock
        .advance_to(intent.send_by + SignedDuration::from_secs(35));
    let finding = bench.check(&intent).await;
    assert!(matches!(finding, Finding::Unnamed { .. }), "{finding:?}");
    assert_eq!(bench.find(&intent).await.id, bench.published()[0].remote_id);
}

#[tokio::test]
async fn a_lost_reply_is_found_among_the_replies() {
    // The head is the first thing created, its reply the second.
    let bench = bench(vec![Rule::nth(Class::Create, 2, Fault::DropAfter)]).await;
    let head = draft(P, "head", vec![]);
    let live = bench.publish(&head).await;
    let intent = bench
        .lose(&with_reply(head, "reply", vec![]), Part::Reply(1), &live)
        .await;
    assert_eq!(bench.find(&intent).await.id, bench.published()[1].remote_id);
}

#[tokio::test]
async fn what_never_arrived_is_absent_and_the_same_container_is_published_then() {
    let bench = bench(vec![Rule::nth(Class::Create, 1, Fault::DropBefore)]).await;
    let intent = bench.lose(&draft(P, "ours", vec![]), Part::Head, &[]).await;
    assert_eq!(bench.check(&intent).await, Finding::Absent);
    let again = bench.world.arm(Part::Head, intent.prepared.clone());
    assert!(matches!(
        Threads.send(&bench.world.ctx(), &again).await.unwrap(),
        Sent::Live(_)
    ));
    assert_eq!(bench.published().len(), 1);
}

#[tokio::test]
async fn a_container_that_is_not_known_everywhere_is_published_a_little_later() {
    let bench = bench(vec![Rule::always(Class::Upload, Fault::ReadLag { s: 30 })]).await;
    let words = draft(P, "slow", vec![]);
    let prepared = bench.world.prepare(&Threads, &words, Part::Head, &[]).await.unwrap();
    let armed = bench.world.arm(Part::Head, prepared.clone());
    let error = Threads.send(&bench.world.ctx(), &armed).await.unwrap_err();
    assert_eq!((error.kind, error.fate), (ErrorKind::NotReady, Fate::NotPublished));
    assert_eq!(
        (error.retry.when, error.retry.at_most),
        (When::After(SignedDuration::from_secs(10)), Some(3))
    );
    bench.world.clock.advance(SignedDuration::from_secs(30));
    let armed = bench.world.arm(Part::Head, prepared);
    assert!(matches!(
        Threads.send(&bench.world.ctx(), &armed).await.unwrap(),
        Sent::Live(_)
    ));
}

#[tokio::test]
async fn a_file_that_cannot_be_fetched_is_the_operators_business_and_is_prepared_anew() {
    let mut bench = bench(vec![]).await;
    let film = described_film(&mut bench);
    bench.take_files_away();
    let error = bench
        .world
        .prepare(&Threads, &draft(P, "", vec![film]), Part::Head, &[])
        .await
        .unwrap_err();
    assert_eq!((error.kind, error.retry.from), (ErrorKind::Network, From::Prepare));
    assert!(error.message.contains("public_url"));
}

#[tokio::test]
async fn a_post_that_cannot_be_read_yet_is_live_all_the_same() {
    let bench = bench(vec![Rule::always(Class::Create, Fault::ReadLag { s: 30 })]).await;
    let live = bench.publish(&draft(P, "hi", vec![])).await;
    assert_eq!(
        live[0].1,
        RemotePost::visible(bench.published()[0].remote_id.as_str(), None)
    );
}

#[tokio::test]
async fn a_text_that_counts_too_much_is_too_large() {
    let bench = bench(vec![]).await;
    let error = bench
        .world
        .prepare(&Threads, &draft(P, &"🦀".repeat(126), vec![]), Part::Head, &[])
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::TextTooLong);
    bench.publish(&draft(P, &"🦀".repeat(125), vec![])).await;
}
