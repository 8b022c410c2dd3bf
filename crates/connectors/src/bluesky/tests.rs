use domain::content::{Media, MediaKind};
use domain::error::{ErrorKind, Fate, When};
use domain::intent::{Dedupe, DedupeMeans, IntentRecord, Prepared};
use domain::platform::Platform;
use jiff::SignedDuration;
use sandbox::{Class, Fault, Filter, NewSandboxAccount, Published, Rule, Sandbox};
use serde_json::json;

use super::*;
use crate::signin::SignIn;
use crate::testing::{Reply, Server, TakenIds, World, draft, sha256_hex, with_comment, with_reply, with_settings};

mod behaviour;
mod oauth;
mod session;

async fn sandboxed(script: Vec<Rule>) -> (World, Sandbox) {
    World::in_sandbox(Platform::Bluesky, script).await
}

fn text(text: &str) -> Draft {
    draft(Platform::Bluesky, text, Vec::new())
}

fn published(sandbox: &Sandbox) -> Vec<Published> {
    sandbox.published(&Filter::default())
}

fn count(sandbox: &Sandbox, method: &str) -> usize {
    sandbox
        .requests(0, 1_000)
        .iter()
        .filter(|line| line.path.ends_with(method))
        .count()
}

fn image(world: &mut World, seed: u64, alt: &str) -> (Media, Vec<u8>) {
    let bytes = sandbox::samples::png(64, 48, seed);
    let mut media = world.media.add(MediaKind::Image, "image/png", bytes.clone());
    media.alt = Some(alt.to_owned());
    (media.width, media.height) = (Some(64), Some(48));
    (media, bytes)
}

async fn prepared(world: &World, draft: &Draft) -> (Prepared, IntentRecord) {
    let prepared = world.prepare(&Bluesky, draft, Part::Head, &[]).await.unwrap();
    let record = world.record(Part::Head, prepared.clone());
    (prepared, record)
}

async fn send(world: &World, prepared: &Prepared) -> Result<Sent, PlatformError> {
    let armed = world.arm(Part::Head, prepared.clone());
    Bluesky.send(&world.ctx(), &armed).await
}

async fn ask(world: &World, record: &IntentRecord) -> Result<Finding, PlatformError> {
    world.check(&Bluesky, record, &[], &TakenIds::default()).await
}

#[tokio::test]
async fn a_text_is_stored_with_its_links_mentions_and_tags() {
    let (world, sandbox) = sandboxed(vec![]).await;
    let eve = sandbox
        .add_account(&NewSandboxAccount::new(Platform::Bluesky, "eve.example.com"))
        .unwrap();
    let words = "Grüße 🦋 @eve.example.com und @nobody.example.com: https://example.com/ä?b=c #größe";
    let settings = json!({"langs": ["de"], "labels": ["nudity"]});
    let live = world
        .publish(&Bluesky, &with_settings(text(words), settings))
        .await
        .unwrap();
    let post = &published(&sandbox)[0];
    assert_eq!(post.text, words);
    assert_eq!(
        (Some(&post.remote_id), post.url.as_ref()),
        (Some(&live[0].1.id), live[0].1.url.as_ref())
    );
    assert_eq!(post.settings["createdAt"], "2026-11-22T09:00:00.000Z");
    assert_eq!(post.settings["langs"], json!(["de"]));
    assert_eq!(post.settings["labels"]["values"], json!([{"val": "nudity"}]));
    let facets: Vec<_> = post.settings["facets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|facet| {
            let at = |name: &str| usize::try_from(facet["index"][name].as_u64().unwrap()).unwrap();
            (&words[at("byteStart")..at("byteEnd")], facet["features"][0].clone())
        })
        .collect();
    assert_eq!(
        facets,
        [
            (
                "@eve.example.com",
                json!({"$type": "app.bsky.richtext.facet#mention", "did": eve.remote_id})
            ),
            (
                "https://example.com/ä?b=c",
                json!({"$type": "app.bsky.richtext.facet#link", "uri": "https://example.com/ä?b=c"})
            ),
            (
                "#größe",
                json!({"$type": "app.bsky.richtext.facet#tag", "tag": "größe"})
            ),
        ]
    );
}

#[tokio::test]
async fn images_are_stored_whole_in_order_and_with_their_descriptions() {
    let (mut world, sandbox) = sandboxed(vec![]).await;
    let files: Vec<_> = (0..4).map(|n| image(&mut world, n, &format!("picture {n}"))).collect();
    let media = files.iter().map(|(media, _)| media.clone()).collect();
    world
        .publish(&Bluesky, &draft(Platform::Bluesky, "four", media))
        .await
        .unwrap();
    let post = &published(&sandbox)[0];
    assert_eq!(
        post.media,
        files.iter().map(|(_, bytes)| sha256_hex(bytes)).collect::<Vec<_>>()
    );
    assert_eq!(post.alt, ["picture 0", "picture 1", "picture 2", "picture 3"]);
    assert_eq!(
        post.settings["embed"]["images"][3]["aspectRatio"],
        json!({"width": 64, "height": 48})
    );
    assert_eq!(count(&sandbox, "uploadBlob"), 4);
}

#[tokio::test]
async fn a_video_is_stored_whole_and_with_its_description() {
    let (mut world, sandbox) = sandboxed(vec![]).await;
    let (mime, bytes) = sandbox::samples::by_name("video.mp4").unwrap();
    let mut film = world.media.add(MediaKind::Video, mime, bytes.clone());
    film.alt = Some("a film".to_owned());
    world
        .publish(&Bluesky, &draft(Platform::Bluesky, "", vec![film]))
        .await
        .unwrap();
    let post = &published(&sandbox)[0];
    assert_eq!(
        (&post.media, &post.alt),
        (&vec![sha256_hex(&bytes)], &vec!["a film".to_owned()])
    );
    assert_eq!(post.settings["embed"]["$type"], "app.bsky.embed.video");
}

#[tokio::test]
async fn a_link_card_is_stored_with_its_picture_and_fetches_nothing() {
    let (mut world, sandbox) = sandboxed(vec![]).await;
    let (thumb, _) = image(&mut world, 1, "");
    let card = json!({"card": {"uri": "https://example.com/", "title": "T", "description": "D", "thumb": thumb}});
    world
        .publish(&Bluesky, &with_settings(text("read"), card))
        .await
        .unwrap();
    let external = published(&sandbox)[0].settings["embed"]["external"].clone();
    assert_eq!(
        (&external["uri"], &external["title"], &external["description"]),
        (&json!("https://example.com/"), &json!("T"), &json!("D"))
    );
    assert_eq!(external["thumb"]["size"], thumb.bytes);

    let mut world = world;
    world.seed = crate::Seed([9; 32]);
    let link = with_settings(text("read https://example.org/a"), json!({"linkCard": {"title": "T"}}));
    world.publish(&Bluesky, &link).await.unwrap();
    assert_eq!(
        published(&sandbox)[1].settings["embed"]["external"]["uri"],
        "https://example.org/a"
    );
}

#[tokio::test]
async fn a_thread_answers_part_by_part_and_the_comment_answers_the_head() {
    let (mut world, sandbox) = sandboxed(vec![]).await;
    let (picture, bytes) = image(&mut world, 1, "");
    let thread = with_reply(with_reply(text("one"), "two", vec![picture]), "three", Vec::new());
    let live = world.publish(&Bluesky, &with_comment(thread, "and")).await.unwrap();
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
    for post in &posts[1..] {
        assert_eq!(post.settings["reply"]["root"]["uri"], live[0].1.id);
        assert_eq!(
            post.settings["reply"]["root"]["cid"].as_str(),
            live[0].1.detail.as_deref()
        );
    }
}

#[tokio::test]
async fn a_parent_of_which_only_the_address_is_known_is_looked_up() {
    let (world, sandbox) = sandboxed(vec![]).await;
    let thread = with_reply(text("one"), "two", Vec::new());
    let live = world.publish(&Bluesky, &text("one")).await.unwrap();
    let told = [(
        Part::Head,
        RemotePost {
            detail: None,
            ..live[0].1.clone()
        },
    )];
    let prepared = world.prepare(&Bluesky, &thread, Part::Reply(1), &told).await.unwrap();
    let armed = world.arm(Part::Reply(1), prepared);
    Bluesky.send(&world.ctx(), &armed).await.unwrap();
    assert_eq!(
        published(&sandbox)[1].settings["reply"]["parent"]["cid"].as_str(),
        live[0].1.detail.as_deref()
    );
}

#[tokio::test]
async fn what_was_uploaded_before_a_restart_is_not_uploaded_again() {
    let (mut world, sandbox) = sandboxed(vec![]).await;
    let files: Vec<_> = (0..2).map(|n| image(&mut world, n, "").0).collect();
    let draft = draft(Platform::Bluesky, "two", files);
    let mut handle = None;
    for uploads in 1..=2 {
        // Nothing but the handle goes from step to step.
        match Bluesky
            .prepare(&world.ctx(), &draft, Part::Head, &[], handle.as_ref())
            .await
            .unwrap()
        {
            Preparation::Working { handle: next, again_at } => {
                assert_eq!(again_at, world.ctx().now);
                handle = Some(next);
            }
            Preparation::Ready(_) => panic!("there are files to upload"),
        }
        assert_eq!(count(&sandbox, "uploadBlob"), uploads);
    }
    let last = Bluesky
        .prepare(&world.ctx(), &draft, Part::Head, &[], handle.as_ref())
        .await
        .unwrap();
    assert!(matches!(last, Preparation::Ready(_)));
    assert_eq!(count(&sandbox, "uploadBlob"), 2);
}

#[tokio::test]
async fn a_lost_reply_is_found_under_its_key_and_never_becomes_a_second_post() {
    for fault in [
        Fault::DropAfter,
        Fault::ErrorAfter { status: 500 },
        Fault::Malformed,
        Fault::Truncated,
    ] {
        let (world, sandbox) = sandboxed(vec![Rule::nth(Class::Create, 1, fault.clone())]).await;
        let (prepared, record) = prepared(&world, &text("once")).await;
        assert_eq!(prepared.dedupe, [Dedupe::exact(DedupeMeans::ClientMintedId)]);
        let lost = send(&world, &prepared).await.unwrap_err();
        assert_eq!(lost.fate, Fate::MayBePublished, "{fault:?}");
        let Finding::Published(found) = ask(&world, &record).await.unwrap() else {
            panic!("{fault:?}: not found")
        };
        // The same bytes again are no second post, and say where the first is.
        let Sent::Live(again) = send(&world, &prepared).await.unwrap() else {
            panic!("{fault:?}: not live")
        };
        assert_eq!(found, again);
        let posts = published(&sandbox);
        assert_eq!(
            (posts.len(), posts[0].remote_id.as_str()),
            (1, found.id.as_str()),
            "{fault:?}"
        );
        assert_eq!(posts[0].notes["cid"].as_str(), found.detail.as_deref());
    }
}

#[tokio::test]
async fn a_post_that_never_arrived_is_absent_and_the_same_bytes_publish_it() {
    for fault in [
        Fault::DropBefore,
        Fault::ErrorBefore { status: 503 },
        Fault::HtmlError { status: 502 },
    ] {
        let (world, sandbox) = sandboxed(vec![Rule::nth(Class::Create, 1, fault.clone())]).await;
        let (prepared, record) = prepared(&world, &text("once")).await;
        assert_eq!(
            send(&world, &prepared).await.unwrap_err().fate,
            Fate::MayBePublished,
            "{fault:?}"
        );
        assert_eq!(ask(&world, &record).await.unwrap(), Finding::Absent);
        assert!(matches!(send(&world, &prepared).await.unwrap(), Sent::Live(_)));
        assert_eq!(published(&sandbox).len(), 1);
    }
}

#[tokio::test]
async fn a_record_of_another_content_under_the_key_is_not_claimed() {
    let (world, _sandbox) = sandboxed(vec![]).await;
    let (first, _) = prepared(&world, &text("first")).await;
    send(&world, &first).await.unwrap();
    let (second, record) = prepared(&world, &text("second")).await;
    assert_eq!(
        send(&world, &second).await.unwrap_err().fate,
        Fate::LandedEarlier { remote: None }
    );
    assert_eq!(ask(&world, &record).await.unwrap(), Finding::CannotTell);
}

#[tokio::test]
async fn a_record_that_belongs_to_another_post_is_not_claimed() {
    let (world, _sandbox) = sandboxed(vec![]).await;
    let (prepared, record) = prepared(&world, &text("once")).await;
    let Sent::Live(remote) = send(&world, &prepared).await.unwrap() else {
        panic!("not live")
    };
    let taken = TakenIds(vec![remote.id]);
    assert_eq!(
        world.check(&Bluesky, &record, &[], &taken).await.unwrap(),
        Finding::CannotTell
    );
}

#[tokio::test]
async fn a_question_that_fails_is_no_verdict() {
    let (mut world, _sandbox) = sandboxed(vec![]).await;
    let (_, record) = prepared(&world, &text("once")).await;
    for reply in [
        Reply::json(503, &json!({})),
        Reply::HangUp,
        Reply::text(200, "text/html", "<html>"),
    ] {
        let server = Server::answering([reply]).await;
        world = world.with_home(server.url());
        assert!(ask(&world, &record).await.is_err());
    }
}

#[tokio::test]
async fn a_version_of_tomorrow_is_not_guessed_at() {
    let (world, _sandbox) = sandboxed(vec![]).await;
    let (_, mut record) = prepared(&world, &text("once")).await;
    record.prepared.version += 1;
    assert!(!Bluesky.reads_prepared(record.prepared.version));
    assert_eq!(ask(&world, &record).await.unwrap(), Finding::CannotTell);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Server::answering([Reply::json(200, &json!({"uri": "at://x/y/z", "cid": "b"}))]).await;
    let fault = Fault::Redirect307 {
        to: format!("{}/xrpc/com.atproto.repo.putRecord", elsewhere.url()),
    };
    let (world, _sandbox) = sandboxed(vec![Rule::nth(Class::Create, 1, fault)]).await;
    let (prepared, _) = prepared(&world, &text("once")).await;
    assert_eq!(send(&world, &prepared).await.unwrap_err().fate, Fate::NotPublished);
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn an_ended_session_is_renewed_and_the_post_goes_out() {
    let (mut world, sandbox) = sandboxed(vec![Rule::nth(Class::Create, 1, Fault::ExpiredToken)]).await;
    let (prepared, _) = prepared(&world, &text("once")).await;
    let refused = send(&world, &prepared).await.unwrap_err();
    assert_eq!(
        (refused.kind, refused.fate, refused.retry.when),
        (ErrorKind::Auth, Fate::NotPublished, When::AfterRefresh)
    );
    let tokens = signin::BlueskySignIn
        .refresh(world.connect_ctx(), &world.tokens)
        .unwrap()
        .await
        .unwrap();
    assert_ne!(tokens.access, world.tokens.access);
    assert_eq!(
        tokens.expires_at,
        world.ctx().now.checked_add(SignedDuration::from_hours(2)).ok()
    );
    world.tokens = tokens;
    assert!(matches!(send(&world, &prepared).await.unwrap(), Sent::Live(_)));
    assert_eq!(published(&sandbox).len(), 1);
}

#[tokio::test]
async fn files_that_bluesky_would_refuse_later_are_not_uploaded() {
    let (mut world, sandbox) = sandboxed(vec![]).await;
    let large = world.media.add(MediaKind::Image, "image/png", vec![0; 1_000_001]);
    let small = world.media.add(MediaKind::Image, "image/png", vec![0; 10]);
    let film = world.media.add(MediaKind::Video, "video/mp4", vec![0; 10]);
    let paper = world.media.add(MediaKind::Document, "application/pdf", vec![0; 10]);
    for (media, kind) in [
        (vec![large], ErrorKind::TooLarge),
        (vec![small, film], ErrorKind::Validation),
        (vec![paper], ErrorKind::Validation),
    ] {
        let draft = draft(Platform::Bluesky, "files", media);
        let error = world.prepare(&Bluesky, &draft, Part::Head, &[]).await.unwrap_err();
        assert_eq!((error.kind, error.stage), (kind, Stage::Validate));
    }
    assert_eq!(sandbox.requests(0, 10).len(), 0);
}

#[tokio::test]
async fn a_file_that_bluesky_has_lost_is_uploaded_again() {
    let (mut world, sandbox) = sandboxed(vec![]).await;
    let (picture, _) = image(&mut world, 1, "");
    let (prepared, _) = prepared(&world, &draft(Platform::Bluesky, "x", vec![picture])).await;
    sandbox.reset().unwrap();
    let new = NewSandboxAccount {
        remote_id: Some(world.remote_id.clone()),
        ..NewSandboxAccount::new(Platform::Bluesky, "press")
    };
    world.tokens.access = sandbox.add_account(&new).unwrap().token.as_str().into();
    let refused = send(&world, &prepared).await.unwrap_err();
    assert_eq!(
        (refused.fate, refused.retry.from),
        (Fate::NotPublished, domain::error::From::Prepare)
    );
}

#[tokio::test]
async fn a_late_post_is_dated_when_it_goes_out() {
    let (world, sandbox) = sandboxed(vec![]).await;
    world.clock.advance(SignedDuration::from_mins(30));
    world.publish(&Bluesky, &text("late")).await.unwrap();
    assert_eq!(published(&sandbox)[0].settings["createdAt"], "2026-11-22T09:30:00.000Z");
}

#[tokio::test]
async fn the_same_part_prepared_twice_is_the_same_request() {
    let (world, _sandbox) = sandboxed(vec![]).await;
    let (one, _) = prepared(&world, &text("once")).await;
    let (two, _) = prepared(&world, &text("once")).await;
    assert_eq!(one, two);
    let (other, _) = prepared(&world, &text("twice")).await;
    assert_ne!(one.fingerprint, other.fingerprint);
}
