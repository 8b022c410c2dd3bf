//! Against the sandbox, which was written apart from this connector and has hashed what it got.

use sandbox::{Class, Fault, Rule};

use super::*;
use crate::testing::{Bench, film_of};

const ORGANIZATION: &str = "5515715";

async fn bench(remote_id: Option<&str>, script: Vec<Rule>) -> Bench {
    Bench::of(&LinkedIn, remote_id, script).await
}

/// A film of so many bytes.
fn film(bench: &mut Bench, bytes: usize) -> Media {
    bench.file(MediaKind::Video, "video/mp4", film_of(bytes))
}

/// Sends the head of a draft and fails to hear what became of it.
async fn lose(bench: &Bench, draft: &Draft) -> IntentRecord {
    IntentRecord {
        id: domain::ids::IntentId::from_bytes([8; 12]),
        ..bench.lose(draft, Part::Head, &[]).await
    }
}

#[tokio::test]
async fn a_text_arrives_as_it_was_written() {
    for id in [None, Some(ORGANIZATION)] {
        let bench = bench(id, vec![]).await;
        let text = r"Prices (net) <10 €> {a|b} [c] *d* _e_ ~f~ g@h #tag #snake_case \o/ 🦀 @ #1";
        let settings = json!({ "visibility": "LOGGED_IN", "isReshareDisabledByAuthor": true });
        let live = bench.publish(&with_settings(draft(P, text, vec![]), settings)).await;
        let posts = bench.published();
        assert_eq!((posts.len(), posts[0].text.as_str()), (1, text));
        assert_eq!((&posts[0].remote_id, &posts[0].url), (&live[0].1.id, &live[0].1.url));
        assert_eq!(posts[0].settings["visibility"], "LOGGED_IN");
        assert_eq!(posts[0].settings["isReshareDisabledByAuthor"], true);
    }
}

#[tokio::test]
async fn images_arrive_whole_in_order_with_their_descriptions() {
    for count in [1, 3] {
        let mut bench = bench(None, vec![]).await;
        let images: Vec<_> = (0..count).map(|n| bench.image(n)).collect();
        bench.publish(&draft(P, "pictures", images.clone())).await;
        let posts = bench.published();
        let hashes: Vec<_> = images.iter().map(|image| image.sha256.clone()).collect();
        let alts: Vec<_> = images.iter().map(|image| image.alt.clone().unwrap()).collect();
        assert_eq!((posts.len(), &posts[0].media, &posts[0].alt), (1, &hashes, &alts));
    }
}

#[tokio::test]
async fn a_document_and_a_film_arrive_whole() {
    let mut bench = bench(None, vec![]).await;
    let paper = bench
        .world
        .media
        .add(MediaKind::Document, "application/pdf", "%PDF-1.7 paper");
    let film = film(&mut bench, 9_000_000);
    let titled = |media: &Media| {
        with_settings(
            draft(P, "read this", vec![media.clone()]),
            json!({ "title": "The Paper" }),
        )
    };
    bench.publish(&titled(&paper)).await;
    bench.publish(&titled(&film)).await;
    let posts = bench.published();
    assert_eq!(posts.len(), 2);
    assert_eq!(posts[0].media, [paper.sha256]);
    assert_eq!(posts[1].media, [film.sha256]);
    assert!(posts[0].settings.to_string().contains("The Paper"));
    assert!(posts[1].remote_id.starts_with("urn:li:ugcPost:"));
}

#[tokio::test]
async fn cards_polls_and_reposts_arrive() {
    let mut bench = bench(Some(ORGANIZATION), vec![]).await;
    let thumb = serde_json::to_value(bench.image(1)).unwrap();
    let head = bench.publish(&draft(P, "head", vec![])).await;
    for (text, settings, path) in [
        (
            "card",
            json!({ "card": { "uri": "https://example.com/a", "title": "T", "thumb": thumb } }),
            "/content/article/source",
        ),
        (
            "poll",
            json!({ "poll": { "question": "Q?", "options": ["a", "b"] } }),
            "/content/poll/question",
        ),
        (
            "again",
            json!({ "repostParentUrn": head[0].1.id }),
            "/reshareContext/parent",
        ),
    ] {
        bench.publish(&with_settings(draft(P, text, vec![]), settings)).await;
        let last = bench.published().pop().unwrap();
        assert_eq!(last.text, text);
        let settings = serde_json::to_value(&last.settings).unwrap();
        assert!(settings.pointer(path).is_some(), "{settings}");
    }
}

#[tokio::test]
async fn an_organization_comments_first_and_a_member_is_told_why_not() {
    let organization = bench(Some(ORGANIZATION), vec![]).await;
    let words = "first (of \u{1f41f} all), @{urn:li:person:ABC123|Ada Lovelace} and @[Works](urn:li:organization:77)!";
    let commented = with_comment(draft(P, "head", vec![]), words);
    let live = organization.publish(&commented).await;
    let posts = organization.published();
    let shown = "first (of \u{1f41f} all), Ada Lovelace and Works!";
    assert_eq!((posts.len(), posts[1].text.as_str()), (2, shown));
    let person = json!({ "com.linkedin.common.MemberAttributedEntity": { "member": "urn:li:person:ABC123" } });
    let company = json!({ "com.linkedin.common.CompanyAttributedEntity": { "company": "urn:li:organization:77" } });
    let attributes = json!([
        { "start": 19, "length": 12, "value": person }, { "start": 36, "length": 5, "value": company },
    ]);
    assert_eq!(posts[1].notes["attributes"], attributes);
    assert_eq!(posts[1].reply_to.as_deref(), Some(live[0].1.id.as_str()));
    let member = bench(None, vec![]).await;
    let error = member.world.publish(&LinkedIn, &commented).await.unwrap_err();
    assert_eq!((error.kind, error.fate), (ErrorKind::Permission, Fate::NotPublished));
}

#[tokio::test]
async fn a_comment_on_a_post_that_is_not_known_yet_comes_again_whatever_the_words() {
    let organization = bench(Some(ORGANIZATION), vec![]).await;
    for number in 0..4 {
        let commented = with_comment(
            draft(P, &format!("head {number}"), vec![]),
            &format!("comment {number}"),
        );
        organization.publish(&commented).await;
    }
    let told = organization.sandbox.requests(0, 1_000).into_iter();
    let refused = told
        .filter(|line| line.path.ends_with("/comments") && line.status == Some(404))
        .count();
    assert_eq!((organization.published().len(), refused), (8, 4));
}

#[tokio::test]
async fn a_members_lost_answer_never_becomes_a_second_post() {
    for fault in [
        Fault::DropAfter,
        Fault::DropBefore,
        Fault::ErrorAfter { status: 500 },
        Fault::ErrorBefore { status: 503 },
        Fault::Truncated,
    ] {
        let mut bench = bench(None, vec![Rule::nth(Class::Create, 1, fault.clone())]).await;
        let image = bench.image(1);
        let draft = draft(P, "only once (please)", vec![image]);
        let mut intent = lose(&bench, &draft).await;
        bench.world.clock.advance(SignedDuration::from_secs(65));
        assert_eq!(bench.check(&intent).await, Finding::RepeatTells);
        intent.state = IntentState::Untold;
        bench.world.prior = vec![intent.clone()];
        let armed = bench.world.arm(Part::Head, intent.prepared.clone());
        // The first send is made now, or LinkedIn refuses the second by naming it.
        let remote = match LinkedIn.send(&bench.world.ctx(), &armed).await {
            Ok(Sent::Live(remote)) => remote,
            Err(PlatformError {
                fate: Fate::LandedEarlier { remote: Some(remote) },
                ..
            }) => remote,
            other => panic!("{fault:?}: {other:?}"),
        };
        let posts = bench.published();
        assert_eq!((posts.len(), &posts[0].remote_id), (1, &remote.id), "{fault:?}");
    }
}

#[tokio::test]
async fn two_posts_of_the_same_words_do_not_share_one() {
    let mut bench = bench(None, vec![Rule::nth(Class::Create, 2, Fault::DropBefore)]).await;
    let words = draft(P, "the same", vec![]);
    bench.publish(&words).await;
    // The second is cut off before LinkedIn saw it; the first is an hour old then, and forgotten in ten minutes.
    bench.world.clock.advance(SignedDuration::from_mins(5));
    let mut intent = lose(&bench, &words).await;
    bench.world.clock.advance(SignedDuration::from_secs(65));
    intent.state = IntentState::Absent;
    bench.world.prior = vec![intent.clone()];
    let armed = bench.world.arm(Part::Head, intent.prepared.clone());
    let error = LinkedIn.send(&bench.world.ctx(), &armed).await.unwrap_err();
    assert_eq!(
        error.fate,
        Fate::LandedEarlier { remote: None },
        "the first post is not adopted"
    );
    assert_eq!(bench.published().len(), 1);
}

#[tokio::test]
async fn an_organizations_lost_answer_is_found_in_its_list() {
    for with_image in [false, true] {
        for (fault, is_there) in [(Fault::DropAfter, true), (Fault::DropBefore, false)] {
            let mut bench = bench(Some(ORGANIZATION), vec![Rule::nth(Class::Create, 1, fault.clone())]).await;
            let media = if with_image { vec![bench.image(1)] } else { vec![] };
            let intent = lose(&bench, &draft(P, "ours (#tag) #tag", media)).await;
            bench.world.clock.advance(SignedDuration::from_secs(3));
            bench.publish(&draft(P, "by hand", vec![])).await;
            let finding = bench.check(&intent).await;
            let expected = bench
                .published()
                .iter()
                .find(|post| post.text == "ours (#tag) #tag")
                .map_or(Finding::Absent, |post| Finding::Published(remote_post(&post.remote_id)));
            assert_eq!((finding == Finding::Absent, &finding), (!is_there, &expected));
        }
    }
}

#[tokio::test]
async fn a_film_goes_on_from_where_it_was_cut_at_every_part() {
    // Class Upload: initialize is the first, the parts are the next, each cut at its first attempt.
    for cut_at in 2..=4 {
        let mut bench = bench(
            None,
            vec![Rule::nth(Class::Upload, cut_at, Fault::Cut { bytes: 1_000_000 })],
        )
        .await;
        let film = film(&mut bench, 2 * 4_194_304 + 1_000_001);
        let draft = draft(P, "film", vec![film.clone()]);
        let mut resume: Option<SecretBytes> = None;
        let mut failures = 0;
        let prepared = loop {
            match LinkedIn
                .prepare(&bench.world.ctx(), &draft, Part::Head, &[], resume.as_ref())
                .await
            {
                Ok(Preparation::Ready(prepared)) => break prepared,
                Ok(Preparation::Working { handle, again_at }) => {
                    bench.world.clock.advance_to(again_at);
                    resume = Some(handle);
                }
                Err(error) => {
                    assert_eq!(error.kind, ErrorKind::Network);
                    failures += 1;
                }
            }
        };
        assert_eq!(failures, 1);
        let armed = bench.world.arm(Part::Head, prepared);
        LinkedIn.send(&bench.world.ctx(), &armed).await.unwrap();
        assert_eq!(bench.published()[0].media, [film.sha256]);
    }
}

#[tokio::test]
async fn refusals_of_the_emulator_are_what_they_mean() {
    let bench = bench(None, vec![Rule::nth(Class::Create, 1, Fault::ExpiredToken)]).await;
    let draft = draft(P, "hello", vec![]);
    let error = bench.world.publish(&LinkedIn, &draft).await.unwrap_err();
    assert_eq!((error.kind, error.fate), (ErrorKind::Auth, Fate::NotPublished));
    bench.publish(&draft).await;
    let again = bench.world.publish(&LinkedIn, &draft).await.unwrap_err();
    assert_eq!(
        (again.kind, again.fate),
        (ErrorKind::DuplicateContent, Fate::NotPublished)
    );
}
