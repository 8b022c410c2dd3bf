use domain::content::{Media, MediaKind};
use domain::error::Fate;
use sandbox::{Class, Fault, Filter, Published, Rule, Sandbox};
use serde_json::json;

use super::*;
use crate::Credentials;
use crate::http::Answer;
use crate::testing::connect;
use crate::testing::{
    Reply, Server, TakenIds, World, draft, nobody, sha256_hex, with_comment, with_reply, with_settings,
};

mod behaviour;
mod errors;

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

fn image(world: &mut World, seed: u64) -> Media {
    world
        .media
        .add(MediaKind::Image, "image/png", sandbox::samples::png(64, 48, seed))
}

fn video(world: &mut World) -> Media {
    let (mime, bytes) = sandbox::samples::by_name("video.mp4").unwrap();
    let mut video = world.media.add(MediaKind::Video, mime, bytes);
    (video.width, video.height, video.duration_ms) = (Some(1_080), Some(1_920), Some(5_000));
    video
}

#[tokio::test]
async fn connecting_takes_the_channel_for_the_account_however_it_is_named() {
    let (world, _sandbox) = sandboxed(vec![]).await;
    for given in [
        world.remote_id.as_str(),
        "@press",
        "press",
        "https://t.me/press",
        " t.me/press/ ",
    ] {
        let credentials = Credentials {
            token: Some(world.tokens.access.clone()),
            identifier: Some(given.to_owned()),
            ..Credentials::default()
        };
        let connected = connect(&signin::TelegramSignIn, world.connect_ctx(), &credentials)
            .await
            .unwrap();
        assert_eq!(connected.identity.remote_id, world.remote_id, "{given}");
        assert_eq!(connected.identity.username, "press");
        assert_eq!(connected.identity.profile_url.as_deref(), Some("https://t.me/press"));
    }
}

#[tokio::test]
async fn a_bot_that_may_not_post_is_not_connected() {
    let member = |kind: &str, member: serde_json::Value| {
        [
            Reply::json(200, &json!({ "ok": true, "result": { "id": 7, "is_bot": true } })),
            Reply::json(
                200,
                &json!({ "ok": true, "result": { "id": -1_001_234, "type": kind, "title": "News" } }),
            ),
            Reply::json(200, &json!({ "ok": true, "result": member })),
        ]
    };
    let cases = [
        (
            "channel",
            json!({ "status": "administrator", "can_post_messages": true }),
            true,
        ),
        (
            "channel",
            json!({ "status": "administrator", "can_post_messages": false }),
            false,
        ),
        ("channel", json!({ "status": "administrator" }), false),
        ("channel", json!({ "status": "member" }), false),
        ("channel", json!({ "status": "creator" }), true),
        ("supergroup", json!({ "status": "member" }), true),
        (
            "supergroup",
            json!({ "status": "restricted", "can_send_messages": false }),
            false,
        ),
        ("supergroup", json!({ "status": "left" }), false),
        ("supergroup", json!({ "status": "kicked" }), false),
    ];
    for (kind, answer, may) in cases {
        let server = Server::answering(member(kind, answer.clone())).await;
        let world = World::new(PLATFORM, "", "").with_endpoint(server.url());
        let credentials = Credentials {
            token: Some("7:abc".into()),
            identifier: Some("-1001234".to_owned()),
            ..Credentials::default()
        };
        let outcome = connect(&signin::TelegramSignIn, world.connect_ctx(), &credentials).await;
        assert_eq!(outcome.is_ok(), may, "{kind} {answer}");
        match outcome {
            Ok(connected) => assert_eq!(
                (connected.identity.username.as_str(), connected.identity.profile_url),
                ("News", None)
            ),
            Err(error) => assert_eq!(error.kind, ErrorKind::Permission),
        }
        assert_eq!(server.requests()[2].text(), "chat_id=-1001234&user_id=7");
    }
}

#[tokio::test]
async fn a_text_arrives_as_plain_text_and_has_its_public_address() {
    let (world, sandbox) = sandboxed(vec![]).await;
    let words = "One & two\n\n<b>not bold</b> _*[]()~` 🛰️ https://example.org/?a=1&b=%20";
    let live = world.publish(&Telegram, &text(words)).await.unwrap().remove(0).1;
    let posts = published(&sandbox);
    assert_eq!(posts.len(), 1);
    assert_eq!(posts[0].text, words);
    assert_eq!(posts[0].settings, json!({}));
    assert_eq!(posts[0].remote_id, format!("{}/{}", world.remote_id, live.id));
    assert_eq!(live.url, Some(format!("https://t.me/press/{}", live.id)));
    assert_eq!(live.url, posts[0].url);
}

#[tokio::test]
async fn settings_are_sent() {
    let (world, sandbox) = sandboxed(vec![]).await;
    let settings = json!({ "disableNotification": true, "protectContent": true, "disableWebPagePreview": true });
    world
        .publish(&Telegram, &with_settings(text("https://example.org"), settings))
        .await
        .unwrap();
    let sent = &published(&sandbox)[0].settings;
    assert_eq!(sent["disable_notification"], true);
    assert_eq!(sent["protect_content"], true);
    assert_eq!(sent["link_preview_options"]["is_disabled"], true);
    let settings = json!({ "parseMode": "HTML" });
    world
        .publish(&Telegram, &with_settings(text("<b>bold</b>"), settings))
        .await
        .unwrap();
    assert_eq!(published(&sandbox)[1].text, "bold");
}

#[tokio::test]
async fn settings_that_telegram_does_not_know_are_refused_before_anything_is_sent() {
    let (world, sandbox) = sandboxed(vec![]).await;
    for settings in [json!({ "parseMode": "BBCode" }), json!({ "protectContent": "yes" })] {
        let error = world
            .prepare(&Telegram, &with_settings(text("hi"), settings), Part::Head, &[])
            .await
            .unwrap_err();
        assert_eq!((error.kind, error.stage), (ErrorKind::Validation, Stage::Validate));
    }
    assert!(sandbox.requests(0, 10).is_empty());
}

#[tokio::test]
async fn a_photo_and_a_video_arrive_whole_with_their_captions() {
    let (mut world, sandbox) = sandboxed(vec![]).await;
    let photo = image(&mut world, 1);
    let film = video(&mut world);
    world
        .publish(&Telegram, &draft(PLATFORM, "a photo", vec![photo.clone()]))
        .await
        .unwrap();
    world
        .publish(&Telegram, &draft(PLATFORM, "", vec![film.clone()]))
        .await
        .unwrap();
    let posts = published(&sandbox);
    assert_eq!(
        (posts[0].text.as_str(), &posts[0].media),
        ("a photo", &vec![photo.sha256])
    );
    assert_eq!((posts[1].text.as_str(), &posts[1].media), ("", &vec![film.sha256]));
    assert_eq!(posts[1].settings["supports_streaming"], true);
}

#[tokio::test]
async fn a_document_arrives_byte_for_byte() {
    let (mut world, sandbox) = sandboxed(vec![]).await;
    let bytes = (0..100_000_u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>();
    let paper = world.media.add(MediaKind::Document, "application/pdf", bytes.clone());
    world
        .publish(&Telegram, &draft(PLATFORM, "paper", vec![paper]))
        .await
        .unwrap();
    assert_eq!(published(&sandbox)[0].media, [sha256_hex(&bytes)]);
}

#[tokio::test]
async fn an_album_keeps_its_order_has_one_caption_and_tells_all_its_ids() {
    let (mut world, sandbox) = sandboxed(vec![]).await;
    let mut album: Vec<_> = (0..9).map(|seed| image(&mut world, seed)).collect();
    album.insert(4, video(&mut world));
    let hashes: Vec<_> = album.iter().map(|media| media.sha256.clone()).collect();
    let reply = image(&mut world, 20);
    let draft = with_reply(draft(PLATFORM, "ten & more", album), "below", vec![reply]);
    let live = world.publish(&Telegram, &draft).await.unwrap();
    let posts = published(&sandbox);
    assert_eq!((posts[0].text.as_str(), &posts[0].media), ("ten & more", &hashes));
    let ids: Vec<i64> = live[0]
        .1
        .detail
        .as_ref()
        .unwrap()
        .split(',')
        .map(|id| id.parse().unwrap())
        .collect();
    assert_eq!(json!(ids), posts[0].notes["message_ids"]);
    assert_eq!(live[0].1.id, ids[0].to_string());
    assert_eq!(posts[1].reply_to, Some(format!("{}/{}", world.remote_id, ids[0])));
}

#[tokio::test]
async fn media_that_telegram_does_not_take_together_are_refused_before_anything_is_sent() {
    let (mut world, sandbox) = sandboxed(vec![]).await;
    let photo = image(&mut world, 1);
    let paper = world.media.add(MediaKind::Document, "application/pdf", "%PDF");
    let gif = world.media.add(MediaKind::Animation, "image/gif", "GIF89a");
    for album in [vec![photo.clone(), paper], vec![photo.clone(), gif], vec![photo; 11]] {
        let error = world
            .prepare(&Telegram, &draft(PLATFORM, "", album), Part::Head, &[])
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Validation);
    }
    assert!(sandbox.requests(0, 10).is_empty());
}

#[tokio::test]
async fn an_animation_goes_out_as_one() {
    let done =
        json!({ "ok": true, "result": { "message_id": 5, "chat": { "id": -42, "type": "group", "title": "t" } } });
    let server = Server::answering([Reply::json(200, &done)]).await;
    let mut world = World::new(PLATFORM, "-42", "7:abc").with_endpoint(server.url());
    let gif = world.media.add(MediaKind::Animation, "image/gif", "GIF89a");
    let live = world.publish(&Telegram, &draft(PLATFORM, "", vec![gif])).await.unwrap();
    assert_eq!(live[0].1.url, None, "messages of basic groups have no address");
    assert_eq!(server.requests()[0].path, "/bot7:abc/sendAnimation");
}

#[tokio::test]
async fn a_message_of_a_private_channel_has_the_address_for_its_members() {
    let chat = json!({ "id": -1_001_234_567_890_i64, "type": "channel", "title": "t" });
    let done = json!({ "ok": true, "result": { "message_id": 5, "chat": chat } });
    let server = Server::answering([Reply::json(200, &done)]).await;
    let world = World::new(PLATFORM, "-1001234567890", "7:abc").with_endpoint(server.url());
    let live = world.publish(&Telegram, &text("hi")).await.unwrap();
    assert_eq!(live[0].1.url.as_deref(), Some("https://t.me/c/1234567890/5"));
}

#[tokio::test]
async fn a_lost_answer_leaves_the_outcome_open_and_nobody_can_tell() {
    let faults = [
        (Fault::DropAfter, 1),
        (Fault::DropBefore, 0),
        (Fault::ErrorAfter { status: 502 }, 1),
        (Fault::HtmlError { status: 502 }, 0),
        (Fault::Truncated, 1),
        (Fault::Malformed, 1),
    ];
    for (fault, made) in faults {
        let (world, sandbox) = sandboxed(vec![Rule::always(Class::Create, fault.clone())]).await;
        let prepared = world.prepare(&Telegram, &text("hi"), Part::Head, &[]).await.unwrap();
        assert_eq!(prepared.dedupe, [Dedupe::exact(DedupeMeans::None)]);
        assert!(prepared.is_confusable());
        let intent = world.record(Part::Head, prepared.clone());
        let error = Telegram
            .send(&world.ctx(), &world.arm(Part::Head, prepared))
            .await
            .unwrap_err();
        assert_eq!(error.fate, Fate::MayBePublished, "{fault:?}");
        assert_eq!(published(&sandbox).len(), made, "{fault:?}");
        let finding = world
            .check(&Telegram, &intent, &[], &TakenIds::default())
            .await
            .unwrap();
        assert_eq!(finding, Finding::CannotTell);
    }
}

#[tokio::test]
async fn a_file_that_is_gone_is_found_out_before_the_call_begins() {
    let server = Server::answering([]).await;
    let mut world = World::new(PLATFORM, "-42", "7:abc").with_endpoint(server.url());
    let mut lost = image(&mut world, 1);
    lost.key = "elsewhere".to_owned();
    let prepared = world
        .prepare(&Telegram, &draft(PLATFORM, "", vec![lost]), Part::Head, &[])
        .await
        .unwrap();
    let error = Telegram
        .send(&world.ctx(), &world.arm(Part::Head, prepared))
        .await
        .unwrap_err();
    assert_eq!(
        (error.fate, error.kind, error.retry.when),
        (Fate::NotPublished, ErrorKind::NotReady, When::Backoff)
    );
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn the_time_for_a_call_grows_with_what_it_uploads() {
    let mut world = World::new(PLATFORM, "-42", "7:abc");
    let small = world
        .prepare(&Telegram, &text("hi"), Part::Head, &[])
        .await
        .unwrap()
        .budget;
    let mut film = video(&mut world);
    film.bytes = 50 * 1_024 * 1_024;
    let large = world
        .prepare(&Telegram, &draft(PLATFORM, "", vec![film]), Part::Head, &[])
        .await
        .unwrap()
        .budget;
    let send = &Capability::of(PLATFORM).send;
    assert_eq!((small, large), (send.base, send.for_bytes(50 * 1_024 * 1_024)));
    assert!(large > small);
}

#[tokio::test]
async fn the_token_is_in_no_error_whatever_goes_wrong() {
    let token = "7:SECRET-token_x";
    let refused = Reply::json(
        401,
        &json!({ "ok": false, "error_code": 401, "description": "Unauthorized" }),
    );
    let server = Server::answering([refused, Reply::HangUp, Reply::text(302, "text/html", "")]).await;
    for url in [
        server.url(),
        server.url(),
        server.url(),
        nobody().await.as_str(),
        "http://:nowhere@",
    ] {
        let mut world = World::new(PLATFORM, "-42", token);
        if let Ok(url) = url.parse() {
            world.endpoints.overrides.insert(PLATFORM, url);
        }
        let prepared = world.prepare(&Telegram, &text("hi"), Part::Head, &[]).await.unwrap();
        let shown = format!("{prepared:?}");
        if world.endpoints.overrides.is_empty() {
            continue;
        }
        let error = Telegram
            .send(&world.ctx(), &world.arm(Part::Head, prepared))
            .await
            .unwrap_err();
        assert!(!format!("{shown} {error} {error:?} {}", json!(error)).contains("SECRET"));
    }
}

#[tokio::test]
async fn what_is_no_token_never_becomes_a_path() {
    for token in ["", "7:a/../b", "7:a?b", "7:a b", "7:a#b"] {
        let world = World::new(PLATFORM, "-42", token).with_endpoint("http://127.0.0.1:9");
        let prepared = world.prepare(&Telegram, &text("hi"), Part::Head, &[]).await.unwrap();
        let error = Telegram
            .send(&world.ctx(), &world.arm(Part::Head, prepared))
            .await
            .unwrap_err();
        assert_eq!(
            (error.kind, error.fate),
            (ErrorKind::Auth, Fate::NotPublished),
            "{token}"
        );
    }
}

#[tokio::test]
async fn there_is_no_first_comment() {
    let world = World::new(PLATFORM, "-42", "7:abc");
    let draft = with_comment(text("a"), "b");
    let error = world
        .prepare(&Telegram, &draft, Part::FirstComment, &[])
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Invalid);
}
