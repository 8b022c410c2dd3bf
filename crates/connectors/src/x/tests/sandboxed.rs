//! Against the sandbox: what X stored is what was asked for, and no fault makes a second post.

use sandbox::{Class, Fault, Filter, Published, Rule, Sandbox};

use super::*;
use crate::testing::sha256_hex;

async fn sandboxed(script: Vec<Rule>) -> (World, Sandbox) {
    World::in_sandbox(Platform::X, script).await
}

fn published(sandbox: &Sandbox) -> Vec<Published> {
    sandbox.published(&Filter::default())
}

fn count(sandbox: &Sandbox, end: &str) -> usize {
    sandbox
        .requests(0, 1_000)
        .iter()
        .filter(|line| line.path.ends_with(end))
        .count()
}

fn picture(world: &mut World, seed: u64) -> (Media, Vec<u8>) {
    let bytes = sandbox::samples::png(64, 48, seed);
    let mut media = world.media.add(MediaKind::Image, "image/png", bytes.clone());
    media.alt = (seed != 2).then(|| format!("picture {seed}"));
    (media, bytes)
}

fn film(world: &mut World) -> (Media, Vec<u8>) {
    let (mime, bytes) = sandbox::samples::by_name("video.mp4").unwrap();
    (world.media.add(MediaKind::Video, mime, bytes.clone()), bytes.to_vec())
}

async fn ask(world: &World, record: &IntentRecord) -> Finding {
    world.check(&X, record, &[], &TakenIds::default()).await.unwrap()
}

fn found(finding: Finding) -> String {
    let Finding::Published(remote) = finding else {
        panic!("not found: {finding:?}")
    };
    remote.id
}

#[tokio::test]
async fn a_lost_answer_to_somebody_else_is_found_again() {
    let (world, sandbox) = sandboxed(vec![Rule::nth(Class::Create, 1, Fault::DropAfter)]).await;
    let ann = sandbox
        .add_account(&sandbox::NewSandboxAccount::new(Platform::X, "ann"))
        .unwrap();
    let mut theirs = World::new(Platform::X, &ann.remote_id, &ann.token);
    theirs.clock = world.clock.clone();
    let theirs = theirs.with_endpoint(sandbox.endpoint(Platform::X).as_str());
    let words = text(&format!("what do you say, @{}?", world.username));
    let parent = theirs.publish(&X, &words).await.unwrap().remove(0).1.id;
    let answer = with_settings(text("nothing https://example.com/at-all"), json!({ "replyTo": parent }));
    let prepared = world.prepare(&X, &answer, Part::Head, &[]).await.unwrap();
    let record = world.record(Part::Head, prepared.clone());
    let armed = world.arm(Part::Head, prepared);
    X.send(&world.ctx(), &armed).await.unwrap_err();
    let posts = published(&sandbox);
    assert_eq!(posts[1].reply_to.as_ref(), Some(&parent));
    assert!(
        posts[1].notes["text"].as_str().unwrap().starts_with("@ann nothing"),
        "{:?}",
        posts[1].notes
    );
    assert_eq!(found(ask(&world, &record).await), posts[1].remote_id);
}

#[tokio::test]
async fn a_text_is_stored_as_it_was_written() {
    let (world, sandbox) = sandboxed(vec![]).await;
    let words = "Fisch & <Chips>\n\n🐟 https://example.com/?a=1&b=2 #menu";
    let draft = with_settings(
        text(words),
        json!({"replyControl": "following", "paidPartnership": true}),
    );
    let live = world.publish(&X, &draft).await.unwrap();
    let post = &published(&sandbox)[0];
    assert_eq!(
        (&post.text, &post.remote_id, &post.url),
        (&words.to_owned(), &live[0].1.id, &live[0].1.url)
    );
    assert_eq!(
        post.settings,
        json!({"reply_settings": "following", "paid_partnership": true})
    );
}

#[tokio::test]
async fn images_are_stored_whole_in_order_and_with_their_descriptions() {
    let (mut world, sandbox) = sandboxed(vec![]).await;
    let files: Vec<_> = (0..4).map(|n| picture(&mut world, n)).collect();
    let media = files.iter().map(|(media, _)| media.clone()).collect();
    let draft = with_settings(draft(Platform::X, "four", media), json!({"madeWithAi": true}));
    world.publish(&X, &draft).await.unwrap();
    let post = &published(&sandbox)[0];
    assert_eq!(
        post.media,
        files.iter().map(|(_, bytes)| sha256_hex(bytes)).collect::<Vec<_>>()
    );
    assert_eq!(post.alt, ["picture 0", "picture 1", "", "picture 3"]);
    assert_eq!(post.settings["made_with_ai"], true);
    assert_eq!(count(&sandbox, "/2/media/upload"), 4);
}

#[tokio::test]
async fn a_video_is_waited_for_and_stored_whole_with_its_description() {
    let (mut world, sandbox) = sandboxed(vec![Rule::always(Class::Upload, Fault::ProcessingPolls { n: 2 })]).await;
    let (mut film, bytes) = film(&mut world);
    film.alt = Some("a film".to_owned());
    world
        .publish(&X, &draft(Platform::X, "film", vec![film]))
        .await
        .unwrap();
    let post = &published(&sandbox)[0];
    assert_eq!(
        (&post.media, &post.alt),
        (&vec![sha256_hex(&bytes)], &vec!["a film".to_owned()])
    );
    assert_eq!(count(&sandbox, "/initialize"), 1);
    assert_eq!(count(&sandbox, "/finalize"), 1);
}

#[tokio::test]
async fn a_video_that_cannot_be_processed_is_refused() {
    let (mut world, sandbox) = sandboxed(vec![Rule::always(Class::Upload, Fault::ProcessingFails)]).await;
    let (film, _) = film(&mut world);
    let error = world
        .publish(&X, &draft(Platform::X, "film", vec![film]))
        .await
        .unwrap_err();
    assert_eq!((error.kind, error.fate), (ErrorKind::MediaRejected, Fate::NotPublished));
    assert_eq!(published(&sandbox), []);
}

#[tokio::test]
async fn a_thread_and_its_comment_hang_together() {
    let (mut world, sandbox) = sandboxed(vec![]).await;
    let (media, bytes) = picture(&mut world, 1);
    let thread = with_reply(with_reply(text("one"), "two", vec![media]), "three", vec![]);
    let live = world.publish(&X, &with_comment(thread, "and")).await.unwrap();
    let posts = published(&sandbox);
    let parents: Vec<_> = posts
        .iter()
        .map(|post| (post.text.as_str(), post.reply_to.as_deref()))
        .collect();
    let id = |n: usize| Some(live[n].1.id.as_str());
    assert_eq!(
        parents,
        [("one", None), ("two", id(0)), ("three", id(1)), ("and", id(0))]
    );
    assert_eq!(posts[1].media, [sha256_hex(&bytes)]);
}

/// A draft of each kind: found by likeness, and found for sure.
fn drafts(world: &mut World) -> [Draft; 2] {
    let words = "once & for all: https://example.com/?a=1&b=2";
    let (media, _) = picture(world, 1);
    [text(words), draft(Platform::X, words, vec![media])]
}

#[tokio::test]
async fn a_lost_reply_is_found_and_never_becomes_a_second_post() {
    for fault in [
        Fault::DropAfter,
        Fault::ErrorAfter { status: 503 },
        Fault::Malformed,
        Fault::Truncated,
    ] {
        for kind in 0..2 {
            let (mut world, sandbox) = sandboxed(vec![Rule::nth(Class::Create, 1, fault.clone())]).await;
            let draft = &drafts(&mut world)[kind];
            let prepared = prepared(&world, draft).await;
            let record = world.record(Part::Head, prepared.clone());
            let lost = send(&world, prepared).await.unwrap_err();
            assert_eq!(lost.fate, Fate::MayBePublished, "{fault:?}");
            let posts = published(&sandbox);
            assert_eq!(
                (posts.len(), found(ask(&world, &record).await)),
                (1, posts[0].remote_id.clone()),
                "{fault:?}"
            );
            // It is there hours later as well.
            world.clock.advance(jiff::SignedDuration::from_mins(90));
            assert_eq!(found(ask(&world, &record).await), posts[0].remote_id);
        }
    }
}

#[tokio::test]
async fn a_post_that_never_arrived_is_absent_and_the_same_bytes_publish_it() {
    for fault in [
        Fault::DropBefore,
        Fault::ErrorBefore { status: 503 },
        Fault::HtmlError { status: 502 },
    ] {
        for kind in 0..2 {
            let (mut world, sandbox) = sandboxed(vec![Rule::nth(Class::Create, 1, fault.clone())]).await;
            let draft = &drafts(&mut world)[kind];
            let prepared = prepared(&world, draft).await;
            let record = world.record(Part::Head, prepared.clone());
            assert_eq!(
                send(&world, prepared.clone()).await.unwrap_err().fate,
                Fate::MayBePublished,
                "{fault:?}"
            );
            assert_eq!(ask(&world, &record).await, Finding::Absent);
            assert!(matches!(send(&world, prepared).await.unwrap(), Sent::Live(_)));
            assert_eq!(published(&sandbox).len(), 1);
        }
    }
}

#[tokio::test]
async fn a_slow_timeline_and_a_refused_duplicate_lead_to_the_one_post() {
    let script = vec![
        Rule::nth(Class::Create, 1, Fault::ReadLag { s: 20 }),
        Rule::nth(Class::Create, 1, Fault::DropAfter),
    ];
    let (mut world, sandbox) = sandboxed(script).await;
    let prepared = prepared(&world, &text("hi")).await;
    let record = world.record(Part::Head, prepared.clone());
    send(&world, prepared.clone()).await.unwrap_err();
    assert_eq!(ask(&world, &record).await, Finding::Absent);
    // Had this been believed at once, X itself would say that it was wrong.
    world.prior = vec![earlier(&world, &prepared, IntentState::Absent)];
    assert_eq!(
        send(&world, prepared).await.unwrap_err().fate,
        Fate::LandedEarlier { remote: None }
    );
    world.clock.advance(jiff::SignedDuration::from_secs(20));
    assert_eq!(found(ask(&world, &record).await), published(&sandbox)[0].remote_id);
}

#[tokio::test]
async fn an_ended_session_is_renewed_once_and_the_post_goes_out() {
    let (world, sandbox) = sandboxed(vec![Rule::nth(Class::Create, 1, Fault::ExpiredToken)]).await;
    let refresh = world.tokens.refresh.clone();
    let mut world = with_app(world, "hush");
    world.tokens.refresh = refresh;
    let prepared = prepared(&world, &text("hi")).await;
    let refused = send(&world, prepared.clone()).await.unwrap_err();
    assert_eq!(
        (refused.kind, refused.fate, refused.retry.when),
        (ErrorKind::Auth, Fate::NotPublished, When::AfterRefresh)
    );
    let old = world.tokens.clone();
    world.tokens = refreshed(&world).await.unwrap();
    assert!(matches!(send(&world, prepared).await.unwrap(), Sent::Live(_)));
    assert_eq!(published(&sandbox).len(), 1);
    // A refresh token works once.
    world.tokens = old;
    let spent = refreshed(&world).await.unwrap_err();
    assert_eq!((spent.kind, spent.retry.when), (ErrorKind::Auth, When::AfterReconnect));
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::answering([Reply::json(201, &json!({"data": {"id": "1"}}))]).await;
    let fault = Fault::Redirect307 {
        to: format!("{}/2/tweets", elsewhere.url()),
    };
    let (world, sandbox) = sandboxed(vec![Rule::nth(Class::Create, 1, fault)]).await;
    let prepared = prepared(&world, &text("hi")).await;
    assert_eq!(send(&world, prepared).await.unwrap_err().fate, Fate::NotPublished);
    assert_eq!((elsewhere.connections(), published(&sandbox).len()), (0, 0));
}

#[tokio::test]
async fn what_was_uploaded_before_a_restart_is_not_uploaded_again() {
    let (mut world, sandbox) = sandboxed(vec![]).await;
    let (film, bytes) = film(&mut world);
    let draft = draft(Platform::X, "film", vec![film]);
    let mut handle: Option<SecretBytes> = None;
    let prepared = loop {
        // Each step could be the first of a new process: it has nothing but the handle.
        match X
            .prepare(&world.ctx(), &draft, Part::Head, &[], handle.as_ref())
            .await
            .unwrap()
        {
            Preparation::Working { handle: next, again_at } => {
                world.clock.advance_to(again_at);
                handle = Some(next);
            }
            Preparation::Ready(prepared) => break prepared,
        }
    };
    assert_eq!(
        (count(&sandbox, "/initialize"), count(&sandbox, "/append")),
        (1, bytes.len().div_ceil(1 << 20))
    );
    send(&world, prepared).await.unwrap();
    assert_eq!(published(&sandbox)[0].media, [sha256_hex(&bytes)]);
}

#[tokio::test]
async fn a_text_that_x_finds_too_long_is_said_to_be() {
    let (world, _sandbox) = sandboxed(vec![]).await;
    let error = world.publish(&X, &text(&"a".repeat(281))).await.unwrap_err();
    assert_eq!((error.kind, error.fate), (ErrorKind::TextTooLong, Fate::NotPublished));
}
