use domain::content::{Media, MediaKind};
use domain::error::{ErrorKind, From, When};
use domain::intent::{Certainty, Prepared};
use serde_json::{Value, json};

use domain::account::Tokens;

use super::*;
use crate::Credentials;
use crate::signin::SignIn;
use crate::testing::connect;
use crate::testing::{Reply, Server, TakenIds, World, draft, start, with_comment, with_reply, with_settings};

mod behaviour;
mod lookup;
mod sandboxed;
mod upload;

fn text(text: &str) -> Draft {
    draft(Platform::X, text, Vec::new())
}

fn world_at(server: &Server) -> World {
    World::new(Platform::X, "42", "token").with_endpoint(server.url())
}

fn image(world: &mut World, bytes: &'static str) -> Media {
    world.media.add(MediaKind::Image, "image/png", bytes)
}

async fn prepared(world: &World, draft: &Draft) -> Prepared {
    world.prepare(&X, draft, Part::Head, &[]).await.unwrap()
}

fn body(prepared: &Prepared) -> Value {
    let frozen: Frozen = thaw(Platform::X, Stage::Send, &prepared.bytes).unwrap();
    serde_json::from_str(&frozen.body).unwrap()
}

async fn send(world: &World, prepared: Prepared) -> Result<Sent, PlatformError> {
    let armed = world.arm(Part::Head, prepared);
    X.send(&world.ctx(), &armed).await
}

fn duplicate() -> Reply {
    let detail = "You are not allowed to create a Tweet with duplicate content.";
    Reply::json(
        403,
        &json!({"detail": detail, "type": "about:blank", "title": "Forbidden", "status": 403}),
    )
}

/// A send of the same part before this one, with this outcome.
fn earlier(world: &World, prepared: &Prepared, state: IntentState) -> IntentRecord {
    let record = world.record(Part::Head, prepared.clone());
    IntentRecord {
        id: domain::ids::IntentId::from_bytes([1; 12]),
        state,
        ..record
    }
}

#[tokio::test]
async fn settings_become_the_words_of_x_and_defaults_are_left_out() {
    let world = World::new(Platform::X, "42", "token");
    let plain = json!({"text": "hi"});
    for (settings, wanted) in [
        (json!({}), plain.clone()),
        (json!({"replyControl": "everyone", "madeWithAi": false}), plain.clone()),
        // The mark is about media, of which there are none.
        (json!({"madeWithAi": true}), plain.clone()),
        (
            json!({"replyControl": "following"}),
            json!({"text": "hi", "reply_settings": "following"}),
        ),
        (
            json!({"replySettings": "mentionedUsers"}),
            json!({"text": "hi", "reply_settings": "mentionedUsers"}),
        ),
        (
            json!({"paidPartnership": true}),
            json!({"text": "hi", "paid_partnership": true}),
        ),
        (json!({"replyTo": "", "quoteTweet": null}), plain.clone()),
        (
            json!({"replyTo": "https://x.com/ann/status/41", "quoteTweet": "40"}),
            json!({"text": "hi", "reply": {"in_reply_to_tweet_id": "41"}, "quote_tweet_id": "40"}),
        ),
    ] {
        let draft = with_settings(text("hi"), settings.clone());
        assert_eq!(body(&prepared(&world, &draft).await), wanted, "{settings}");
    }
    for settings in [
        json!({"replyControl": "nobody"}),
        json!({"paidPartnership": "yes"}),
        json!({"replyTo": "https://example.com/ann/status/41"}),
        json!({"quoteTweet": 40}),
    ] {
        let draft = with_settings(text("hi"), settings);
        let error = world.prepare(&X, &draft, Part::Head, &[]).await.unwrap_err();
        assert_eq!((error.kind, error.stage), (ErrorKind::Validation, Stage::Validate));
    }
}

#[tokio::test]
async fn a_thread_answers_part_by_part_and_its_settings_hold_for_the_head() {
    let replies = (1..=4).map(|id| Reply::json(201, &json!({"data": {"id": id.to_string(), "text": "…"}})));
    let server = Server::answering(replies).await;
    let world = world_at(&server);
    let thread = with_comment(
        with_reply(with_reply(text("one"), "two", vec![]), "three", vec![]),
        "and",
    );
    let live = world
        .publish(&X, &with_settings(thread, json!({"replyControl": "verified"})))
        .await
        .unwrap();
    assert_eq!(live[0].1.url.as_deref(), Some("https://x.com/press/status/1"));
    let bodies: Vec<Value> = server
        .requests()
        .iter()
        .map(|asked| serde_json::from_slice(&asked.body).unwrap())
        .collect();
    let reply = |text: &str, to: &str| json!({"text": text, "reply": {"in_reply_to_tweet_id": to}});
    let head = json!({"text": "one", "reply_settings": "verified"});
    assert_eq!(
        bodies,
        [head, reply("two", "1"), reply("three", "2"), reply("and", "1")]
    );
}

/// Two of them may wait for a verdict at the same time only when the look-up can tell them apart.
#[tokio::test]
async fn the_same_words_about_another_post_are_another_post_and_a_quote_has_no_media() {
    let server = Server::start(|_| Reply::json(200, &json!({"data": {"id": "7"}}))).await;
    let mut world = world_at(&server);
    let mut known = Vec::new();
    for settings in [
        json!({}),
        json!({"replyTo": "1"}),
        json!({"quoteTweet": "1"}),
        json!({"quoteTweet": "2"}),
        json!({"replyTo": "1", "quoteTweet": "2"}),
    ] {
        let post = prepared(&world, &with_settings(text("hi"), settings)).await;
        assert!(!known.contains(&post.fingerprint));
        known.push(post.fingerprint);
    }
    let picture = image(&mut world, "p");
    let pictured = with_settings(draft(Platform::X, "hi", vec![picture]), json!({"quoteTweet": "1"}));
    let error = world.prepare(&X, &pictured, Part::Head, &[]).await.unwrap_err();
    assert_eq!((error.kind, error.stage), (ErrorKind::Validation, Stage::Validate));
}

#[tokio::test]
async fn a_text_is_recognised_by_likeness_and_media_for_sure() {
    let server = Server::start(|_| Reply::json(200, &json!({"data": {"id": "7"}}))).await;
    let mut world = world_at(&server);
    let picture = image(&mut world, "p");
    let words = prepared(&world, &text("hi")).await;
    assert!(words.is_confusable() && matches!(words.dedupe[0].means, domain::intent::DedupeMeans::Lookup { .. }));
    let pictured = prepared(&world, &draft(Platform::X, "hi", vec![picture])).await;
    assert!(!pictured.is_confusable() && pictured.dedupe[0].certainty == Certainty::Exact);
    assert_eq!(body(&pictured), json!({"text": "hi", "media": {"media_ids": ["7"]}}));
    // Texts that a look-up could not tell apart must not wait for a verdict at the same time.
    assert_eq!(words.fingerprint, prepared(&world, &text(" hi ")).await.fingerprint);
    assert_ne!(words.fingerprint, prepared(&world, &text("ho")).await.fingerprint);
}

#[tokio::test]
async fn files_of_another_part_or_of_an_older_content_are_never_attached() {
    let server = Server::start(|_| Reply::json(200, &json!({"data": {"id": "7"}}))).await;
    let mut world = world_at(&server);
    let (one, two) = (image(&mut world, "p"), image(&mut world, "q"));
    let thread = with_reply(draft(Platform::X, "one", vec![one]), "two", vec![]);
    let first = X.prepare(&world.ctx(), &thread, Part::Head, &[], None).await.unwrap();
    let Preparation::Working { handle, .. } = first else {
        panic!("there is a file to upload")
    };
    let head = [(Part::Head, RemotePost::visible("1", None))];
    let reply = X
        .prepare(&world.ctx(), &thread, Part::Reply(1), &head, Some(&handle))
        .await
        .unwrap();
    let Preparation::Ready(reply) = reply else {
        panic!("there is nothing to upload")
    };
    assert_eq!(body(&reply).get("media"), None);
    let edited = draft(Platform::X, "one", vec![two]);
    let again = X
        .prepare(&world.ctx(), &edited, Part::Head, &[], Some(&handle))
        .await
        .unwrap();
    assert!(matches!(again, Preparation::Working { .. }));
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_duplicate_after_a_send_of_ours_that_may_have_landed_is_that_send() {
    for state in [IntentState::Open, IntentState::Absent, IntentState::Abandoned] {
        let server = Server::answering([duplicate()]).await;
        let mut world = world_at(&server);
        let prepared = prepared(&world, &text("hi")).await;
        world.prior = vec![earlier(&world, &prepared, state)];
        let error = send(&world, prepared).await.unwrap_err();
        assert_eq!(error.fate, Fate::LandedEarlier { remote: None }, "{state:?}");
    }
}

#[tokio::test]
async fn a_duplicate_that_no_send_of_ours_can_explain_is_a_refusal() {
    for state in [None, Some(IntentState::NotPublished)] {
        let server = Server::answering([duplicate()]).await;
        let mut world = world_at(&server);
        let prepared = prepared(&world, &text("hi")).await;
        world.prior = state
            .map(|state| earlier(&world, &prepared, state))
            .into_iter()
            .collect();
        // The intent at hand is no earlier one.
        world.prior.push(world.record(Part::Head, prepared.clone()));
        let error = send(&world, prepared).await.unwrap_err();
        assert_eq!(
            (error.kind, error.fate),
            (ErrorKind::DuplicateContent, Fate::NotPublished)
        );
        assert_eq!(error.retry.when, When::Never);
    }
}

#[tokio::test]
async fn an_unknown_media_id_is_waited_for_once_and_then_uploaded_anew() {
    let refusal = Reply::json(400, &json!({"errors": [{"message": "Your media IDs are invalid."}]}));
    let server = Server::answering([refusal.clone(), refusal]).await;
    let mut world = world_at(&server);
    let prepared = prepared(&world, &text("hi")).await;
    let first = send(&world, prepared.clone()).await.unwrap_err();
    assert_eq!((first.fate, first.retry.from), (Fate::NotPublished, From::Send));
    world.prior = vec![earlier(&world, &prepared, IntentState::NotPublished)];
    let second = send(&world, prepared).await.unwrap_err();
    assert_eq!(second.retry.from, From::Prepare);
}

#[tokio::test]
async fn an_answer_without_an_id_leaves_the_outcome_open() {
    let half = Reply::Half {
        status: 201,
        body: r#"{"data":{"id":"#.to_owned(),
    };
    let odd = Reply::json(200, &json!({"errors": [{"detail": "partial"}]}));
    for reply in [Reply::HangUp, half, odd, Reply::text(201, "text/html", "<html>")] {
        let server = Server::answering([reply.clone()]).await;
        let world = world_at(&server);
        let prepared = prepared(&world, &text("hi")).await;
        assert_eq!(
            send(&world, prepared).await.unwrap_err().fate,
            Fate::MayBePublished,
            "{reply:?}"
        );
    }
}

#[tokio::test]
async fn nothing_written_is_nothing_published() {
    let world = World::new(Platform::X, "42", "token").with_endpoint(&crate::testing::nobody().await);
    let prepared = prepared(&world, &text("hi")).await;
    let error = send(&world, prepared).await.unwrap_err();
    assert_eq!((error.kind, error.fate), (ErrorKind::Network, Fate::NotPublished));
}

fn with_app(mut world: World, secret: &str) -> World {
    let app = crate::App {
        id: "app".to_owned(),
        secret: secret.into(),
    };
    world.endpoints.apps.insert(Platform::X, app);
    world.tokens.refresh = Some("old".into());
    world
}

async fn refreshed(world: &World) -> Result<Tokens, PlatformError> {
    signin::XSignIn
        .refresh(world.connect_ctx(), &world.tokens)
        .unwrap()
        .await
}

#[tokio::test]
async fn tokens_are_renewed_as_the_app_is_registered() {
    let new = json!({"access_token": "a2", "refresh_token": "r2", "expires_in": 7_200, "token_type": "bearer"});
    let bare = json!({"access_token": "a3", "token_type": "bearer"});
    let server = Server::answering([Reply::json(200, &new), Reply::json(200, &bare)]).await;

    let world = with_app(world_at(&server), "hush");
    let tokens = refreshed(&world).await.unwrap();
    assert_eq!((tokens.access.expose(), tokens.refresh.unwrap().expose()), ("a2", "r2"));
    assert_eq!(
        tokens.expires_at,
        Some(start() + jiff::SignedDuration::from_secs(7_200))
    );
    let asked = &server.requests()[0];
    // "app:hush"
    assert_eq!(asked.header("authorization"), Some("Basic YXBwOmh1c2g="));
    assert_eq!(asked.text(), "grant_type=refresh_token&refresh_token=old");

    // A public client says who it is in the body. An answer without a refresh token does not lose the old one.
    let world = with_app(world_at(&server), "");
    let tokens = refreshed(&world).await.unwrap();
    assert_eq!(
        (tokens.access.expose(), tokens.refresh.unwrap().expose()),
        ("a3", "old")
    );
    let asked = &server.requests()[1];
    assert_eq!(asked.header("authorization"), None);
    assert_eq!(asked.text(), "grant_type=refresh_token&refresh_token=old&client_id=app");
}

#[tokio::test]
async fn without_an_app_only_the_operator_can_help() {
    let mut world = World::new(Platform::X, "42", "token");
    assert!(signin::XSignIn.refresh(world.connect_ctx(), &world.tokens).is_none());
    world.tokens.refresh = Some("old".into());
    assert_eq!(refreshed(&world).await.unwrap_err().kind, ErrorKind::OperatorConfig);
}

#[tokio::test]
async fn connecting_asks_whose_tokens_these_are() {
    let user = json!({"data": {"id": "42", "name": "The Press", "username": "press", "profile_image_url": "https://pbs.example.com/1.jpg"}});
    let server = Server::answering([
        Reply::json(200, &user),
        Reply::json(401, &json!({"title": "Unauthorized"})),
    ])
    .await;
    let world = world_at(&server);
    let credentials = Credentials {
        token: Some("access".into()),
        refresh: Some("r".into()),
        ..Credentials::default()
    };
    let connected = connect(&signin::XSignIn, world.connect_ctx(), &credentials)
        .await
        .unwrap();
    assert_eq!(
        (
            connected.identity.remote_id.as_str(),
            connected.identity.username.as_str()
        ),
        ("42", "press")
    );
    assert_eq!(connected.identity.display_name.as_deref(), Some("The Press"));
    assert_eq!(connected.tokens.refresh, Some("r".into()));
    assert_eq!(server.requests()[0].header("authorization"), Some("Bearer access"));
    assert_eq!(
        connect(&signin::XSignIn, world.connect_ctx(), &credentials)
            .await
            .unwrap_err()
            .kind,
        ErrorKind::Auth
    );
    let none = Credentials::default();
    assert_eq!(
        connect(&signin::XSignIn, world.connect_ctx(), &none)
            .await
            .unwrap_err()
            .kind,
        ErrorKind::Invalid
    );
}
