use domain::content::MediaKind;
use domain::error::{From, When};
use domain::intent::Certainty;
use sandbox::{Class, Fault, Filter, Published, Rule, Sandbox};
use serde_json::json;

use super::*;
use crate::Credentials;
use crate::signin::SignIn;
use crate::testing::connect;
use crate::testing::{
    Reply, Server, TakenIds, World, draft, sha256_hex, start, with_comment, with_reply, with_settings,
};

mod behaviour;
mod errors;
mod lookup;
mod signin;

async fn sandboxed(script: Vec<Rule>) -> (World, Sandbox) {
    World::in_sandbox(PLATFORM, script).await
}

fn published(sandbox: &Sandbox) -> Vec<Published> {
    sandbox.published(&Filter {
        platform: Some(PLATFORM),
        ..Filter::default()
    })
}

fn text(text: &str) -> Draft {
    draft(PLATFORM, text, Vec::new())
}

#[tokio::test]
async fn connecting_asks_whose_token_it_is() {
    let (world, sandbox) = sandboxed(vec![]).await;
    let credentials = Credentials {
        token: Some(world.tokens.access.clone()),
        ..Credentials::default()
    };
    let connected = connect(&super::signin::MastodonSignIn, world.connect_ctx(), &credentials)
        .await
        .unwrap();
    assert_eq!(connected.identity.remote_id, world.remote_id);
    assert_eq!(connected.identity.username, "press");
    assert_eq!(
        connected.identity.base_url.as_deref(),
        Some(sandbox.endpoint(PLATFORM).as_str())
    );
    assert!(connected.tokens.expires_at.is_none());
    let wrong = Credentials {
        token: Some("nonsense".into()),
        ..Credentials::default()
    };
    let error = connect(&super::signin::MastodonSignIn, world.connect_ctx(), &wrong)
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Auth);
}

#[tokio::test]
async fn a_text_arrives_as_it_was_written_under_our_key() {
    let (world, sandbox) = sandboxed(vec![]).await;
    let words = "Zeile eins\n\n<b>&amp;</b> 🦣 https://example.org/?a=1&b=2 #tag";
    let live = world.publish(&Mastodon, &text(words)).await.unwrap();
    let posts = published(&sandbox);
    assert_eq!(posts.len(), 1);
    assert_eq!(posts[0].text, words);
    assert_eq!(posts[0].key, Some(world.seed.key()));
    assert_eq!(posts[0].remote_id, live[0].1.id);
    assert_eq!(posts[0].url, live[0].1.url);
}

#[tokio::test]
async fn images_arrive_whole_in_order_and_with_their_descriptions() {
    let (mut world, sandbox) = sandboxed(vec![]).await;
    let files: Vec<_> = (0..4).map(|seed| sandbox::samples::png(64, 48, seed)).collect();
    let media: Vec<_> = files
        .iter()
        .enumerate()
        .map(|(n, bytes)| {
            let mut media = world.media.add(MediaKind::Image, "image/png", bytes.clone());
            media.alt = (n != 2).then(|| format!("Picture number {n}"));
            media
        })
        .collect();
    world.publish(&Mastodon, &draft(PLATFORM, "four", media)).await.unwrap();
    let posts = published(&sandbox);
    assert_eq!(
        posts[0].media,
        files.iter().map(|bytes| sha256_hex(bytes)).collect::<Vec<_>>()
    );
    assert_eq!(
        posts[0].alt,
        ["Picture number 0", "Picture number 1", "", "Picture number 3"]
    );
}

#[tokio::test]
async fn a_video_is_waited_for_and_uploaded_once() {
    let (mut world, sandbox) = sandboxed(vec![Rule::always(Class::Upload, Fault::ProcessingPolls { n: 3 })]).await;
    let (mime, bytes) = sandbox::samples::by_name("video.mp4").unwrap();
    let video = world.media.add(MediaKind::Video, mime, bytes.clone());
    world
        .publish(&Mastodon, &draft(PLATFORM, "film", vec![video]))
        .await
        .unwrap();
    assert_eq!(published(&sandbox)[0].media, [sha256_hex(&bytes)]);
    let uploads = sandbox
        .requests(0, 1_000)
        .iter()
        .filter(|line| line.path.ends_with("/api/v2/media"))
        .count();
    assert_eq!(uploads, 1);
    assert!(
        world.ctx().now > start(),
        "the connector lets time pass between its questions"
    );
}

#[tokio::test]
async fn settings_are_sent_and_a_comment_is_unlisted_below_the_head() {
    let (world, sandbox) = sandboxed(vec![]).await;
    let settings = json!({ "visibility": "public", "sensitive": true, "spoilerText": "Spoiler", "language": "de" });
    let draft = with_comment(with_reply(text("head"), "second", vec![]), "a comment");
    let live = world.publish(&Mastodon, &with_settings(draft, settings)).await.unwrap();
    let posts = published(&sandbox);
    assert_eq!(posts[0].settings["visibility"], "public");
    assert_eq!(posts[0].settings["sensitive"], true);
    assert_eq!(posts[0].settings["spoiler_text"], "Spoiler");
    assert_eq!(posts[0].settings["language"], "de");
    assert_eq!(posts[1].reply_to.as_ref(), Some(&live[0].1.id));
    assert_eq!(posts[2].reply_to.as_ref(), Some(&live[0].1.id));
    assert_eq!(posts[2].settings["visibility"], "unlisted");
}

#[tokio::test]
async fn a_thread_answers_itself_and_a_comment_is_never_wider_than_its_post() {
    let (world, sandbox) = sandboxed(vec![]).await;
    let draft = with_comment(with_reply(with_reply(text("1"), "2", vec![]), "3", vec![]), "c");
    let live = world
        .publish(&Mastodon, &with_settings(draft, json!({ "visibility": "private" })))
        .await
        .unwrap();
    let posts = published(&sandbox);
    assert_eq!(posts[1].reply_to.as_ref(), Some(&live[0].1.id));
    assert_eq!(posts[2].reply_to.as_ref(), Some(&live[1].1.id));
    assert_eq!(posts[3].reply_to.as_ref(), Some(&live[0].1.id));
    assert!(posts.iter().all(|post| post.settings["visibility"] == "private"));
}

#[tokio::test]
async fn settings_that_mastodon_does_not_know_are_refused_before_anything_is_sent() {
    let (world, sandbox) = sandboxed(vec![]).await;
    for settings in [
        json!({ "visibility": "friends" }),
        json!({ "sensitive": "yes" }),
        json!({ "language": 7 }),
    ] {
        let draft = with_settings(text("hi"), settings);
        let error = world.prepare(&Mastodon, &draft, Part::Head, &[]).await.unwrap_err();
        assert_eq!((error.kind, error.stage), (ErrorKind::Validation, Stage::Validate));
    }
    assert!(sandbox.requests(0, 10).is_empty());
}

#[tokio::test]
async fn a_reply_without_a_live_parent_is_not_prepared() {
    let (world, _sandbox) = sandboxed(vec![]).await;
    let error = world
        .prepare(&Mastodon, &with_reply(text("a"), "b", vec![]), Part::Reply(1), &[])
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
}

#[tokio::test]
async fn the_key_is_promised_only_where_the_server_is_mastodon_itself() {
    let cases = [
        (200, json!({ "version": "4.5.2" }), true),
        (200, json!({ "version": "4.3.0+glitch" }), true),
        (200, json!({ "version": "2.7.2 (compatible; Pleroma 2.6.0)" }), false),
        (200, json!({ "version": "3.5.3 (compatible; Pixelfed 0.12.4)" }), false),
        (200, json!({ "version": "0.17.3 git-1234" }), false),
        (404, json!({ "error": "Record not found" }), false),
    ];
    for (status, body, promised) in cases {
        let server = Server::answering([Reply::json(status, &body)]).await;
        let world = World::new(PLATFORM, "1", "t").with_home(server.url());
        let prepared = world.prepare(&Mastodon, &text("hi"), Part::Head, &[]).await.unwrap();
        assert_eq!(
            matches!(prepared.dedupe[0].means, DedupeMeans::ClientKey { .. }),
            promised,
            "{body}"
        );
        assert_eq!(prepared.is_confusable(), !promised);
        assert_eq!(prepared.dedupe.last().unwrap().certainty, Certainty::Fuzzy);
    }
}

#[tokio::test]
async fn a_server_is_asked_whether_it_knows_keys_once_an_hour_and_again_when_it_did_not_say() {
    let modern = || Reply::json(200, &json!({ "version": "4.5.2" }));
    let server = Server::answering([Reply::json(503, &json!({})), modern(), modern()]).await;
    let world = World::new(PLATFORM, "1", "t").with_home(server.url());
    let promises = || async {
        let prepared = world.prepare(&Mastodon, &text("hi"), Part::Head, &[]).await.unwrap();
        let is_key = matches!(prepared.dedupe[0].means, DedupeMeans::ClientKey { .. });
        (is_key, server.requests().len())
    };
    assert_eq!(promises().await, (false, 1));
    assert_eq!(promises().await, (true, 2));
    assert_eq!(promises().await, (true, 2));
    world.clock.advance(ASKED_EVERY);
    assert_eq!(promises().await, (true, 3));
}

#[tokio::test]
async fn files_that_are_already_attached_tell_of_an_earlier_send_only_if_there_may_have_been_one() {
    let refusal = json!({ "error": "Validation failed: Media 7 not found or already attached to another post" });
    for (state, landed) in [
        (None, false),
        (Some(domain::intent::IntentState::NotPublished), false),
        (Some(domain::intent::IntentState::Absent), true),
        (Some(domain::intent::IntentState::Abandoned), true),
    ] {
        let server = Server::answering([
            Reply::json(200, &json!({ "version": "4.5.2" })),
            Reply::json(422, &refusal),
        ])
        .await;
        let mut world = World::new(PLATFORM, "1", "t").with_home(server.url());
        let prepared = world.prepare(&Mastodon, &text("hi"), Part::Head, &[]).await.unwrap();
        if let Some(state) = state {
            let mut earlier = world.record(Part::Head, prepared.clone());
            earlier.id = domain::ids::IntentId::from_bytes([1; 12]);
            earlier.state = state;
            world.prior.push(earlier);
        }
        let error = Mastodon
            .send(&world.ctx(), &world.arm(Part::Head, prepared))
            .await
            .unwrap_err();
        assert_eq!(matches!(error.fate, Fate::LandedEarlier { .. }), landed, "{state:?}");
        assert_eq!(error.retry.from, From::Prepare);
    }
}

#[tokio::test]
async fn a_file_that_the_server_cannot_process_ends_the_post() {
    let (mut world, _sandbox) = sandboxed(vec![Rule::always(Class::Upload, Fault::ProcessingFails)]).await;
    let (mime, bytes) = sandbox::samples::by_name("video.mp4").unwrap();
    let video = world.media.add(MediaKind::Video, mime, bytes);
    let error = world
        .prepare(&Mastodon, &draft(PLATFORM, "", vec![video]), Part::Head, &[])
        .await
        .unwrap_err();
    assert_eq!((error.kind, error.retry.when), (ErrorKind::MediaRejected, When::Never));
}

#[tokio::test]
async fn a_file_that_is_gone_from_our_store_is_found_out_before_anything_is_uploaded() {
    let (mut world, sandbox) = sandboxed(vec![]).await;
    let mut media = world.media.add(MediaKind::Image, "image/png", "x");
    media.key = "elsewhere".to_owned();
    let error = world
        .prepare(&Mastodon, &draft(PLATFORM, "", vec![media]), Part::Head, &[])
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotReady);
    assert!(sandbox.requests(0, 10).is_empty());
}

#[tokio::test]
async fn nothing_that_can_be_printed_holds_the_token() {
    let (world, _sandbox) = sandboxed(vec![Rule::always(Class::Create, Fault::ExpiredToken)]).await;
    let prepared = world.prepare(&Mastodon, &text("hi"), Part::Head, &[]).await.unwrap();
    let printed = format!("{prepared:?}");
    let error = Mastodon
        .send(&world.ctx(), &world.arm(Part::Head, prepared))
        .await
        .unwrap_err();
    let token = world.tokens.access.expose();
    assert!(!format!("{printed}{error:?}{error}").contains(token));
    assert_eq!(error.retry.when, When::AfterReconnect);
}
