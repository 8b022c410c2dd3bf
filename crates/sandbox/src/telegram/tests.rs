//! A publisher's view of the emulated Bot API.

use domain::platform::Platform;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::medium::sha256_hex;
use crate::testing::{TestWorld, every_creation_fault, read};
use crate::{AccountSeed, Class, Fault, Rule, TelegramEvent, TelegramVerb, samples};

fn call(world: &TestWorld, seed: &AccountSeed, method: &str, body: &Value) -> reqwest::RequestBuilder {
    world
        .client
        .post(format!("{}/bot{}/{method}", seed.base_url, seed.token))
        .json(body)
}

fn message(seed: &AccountSeed, text: &str) -> Value {
    json!({ "chat_id": seed.remote_id, "text": text })
}

fn refused(status: u16, description: &str) -> (u16, Value) {
    (
        status,
        json!({ "ok": false, "error_code": status, "description": description }),
    )
}

#[tokio::test]
async fn two_sends_are_two_messages() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Telegram, vec![]);
    for id in [1, 2] {
        let (status, sent) = read(call(&world, &seed, "sendMessage", &message(&seed, "same"))).await;
        assert_eq!((status, &sent["result"]["message_id"]), (200, &json!(id)));
    }
    let made = world.published(Platform::Telegram);
    assert_eq!(made.len(), 2);
    assert_eq!(made[1].remote_id, format!("{}/2", seed.remote_id));
    assert_eq!(made[1].url.as_deref(), Some("https://t.me/ada/2"));
}

#[tokio::test]
async fn every_fault_is_what_it_says() {
    every_creation_fault(Platform::Telegram, async |world, seed, text| {
        call(world, seed, "sendMessage", &message(seed, text))
    })
    .await;
}

#[tokio::test]
async fn a_limit_is_told_in_the_body() {
    let world = TestWorld::new().await;
    let script = vec![Rule::always(Class::Create, Fault::RateLimit { retry_after_s: 7 })];
    let seed = world.account(Platform::Telegram, script);
    let (status, body) = read(call(&world, &seed, "sendMessage", &message(&seed, "x"))).await;
    assert_eq!((status, &body["parameters"]["retry_after"]), (429, &json!(7)));
}

#[tokio::test]
async fn the_bot_says_who_it_is_and_what_it_may() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Telegram, vec![]);
    let (_, me) = read(call(&world, &seed, "getMe", &json!({}))).await;
    let bot = me["result"]["id"].clone();
    let (_, member) = read(call(
        &world,
        &seed,
        "getChatMember",
        &json!({ "chat_id": "@ada", "user_id": bot }),
    ))
    .await;
    assert_eq!(member["result"]["can_post_messages"], true);
    let (_, chat) = read(call(&world, &seed, "getChat", &json!({ "chat_id": seed.remote_id }))).await;
    assert_eq!(chat["result"]["username"], "ada");
    let elsewhere = call(&world, &seed, "getChat", &json!({ "chat_id": -1 }));
    assert_eq!(read(elsewhere).await, refused(400, "Bad Request: chat not found"));
}

#[tokio::test]
async fn an_album_is_one_post_of_several_messages() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Telegram, vec![]);
    let (one, two) = (samples::jpeg(64, 64, 1), samples::jpeg(64, 64, 2));
    let media = json!([
        { "type": "photo", "media": "attach://a", "caption": "<b>both</b>", "parse_mode": "HTML" },
        { "type": "photo", "media": "attach://b" },
    ]);
    let form = Form::new()
        .text("chat_id", seed.remote_id.clone())
        .text("media", media.to_string())
        .part("a", Part::bytes(one.clone()).file_name("a.jpg"))
        .part("b", Part::bytes(two.clone()).file_name("b.jpg"));
    let url = format!("{}/bot{}/sendMediaGroup", seed.base_url, seed.token);
    let (status, sent) = read(world.client.post(url).multipart(form)).await;
    assert_eq!((status, sent["result"].as_array().unwrap().len()), (200, 2));
    assert_eq!(sent["result"][0]["caption_entities"][0]["type"], "bold");
    let made = &world.published(Platform::Telegram)[0];
    assert_eq!(made.media, [sha256_hex(&one), sha256_hex(&two)]);
    assert_eq!(made.text, "both");

    let file_id = sent["result"][0]["photo"][0]["file_id"].clone();
    let again = json!({ "chat_id": seed.remote_id, "photo": file_id });
    let (_, photo) = read(call(&world, &seed, "sendPhoto", &again)).await;
    assert_eq!(photo["result"]["message_id"], 3);
    let delete = |ids: Value| {
        call(
            &world,
            &seed,
            "deleteMessages",
            &json!({ "chat_id": seed.remote_id, "message_ids": ids }),
        )
    };
    read(delete(json!([1]))).await;
    assert!(!world.published(Platform::Telegram)[0].deleted);
    read(delete(json!([2]))).await;
    assert!(world.published(Platform::Telegram)[0].deleted);
}

#[tokio::test]
async fn files_come_from_an_address_or_with_the_message() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Telegram, vec![]);
    let by_url = json!({ "chat_id": seed.remote_id, "video": world.sandbox.sample_url("video.mp4"), "caption": "v" });
    let (_, video) = read(call(&world, &seed, "sendVideo", &by_url)).await;
    assert_eq!(video["result"]["video"]["duration"], 5);
    let gone = json!({ "chat_id": seed.remote_id, "photo": world.sandbox.sample_url("nothing.jpg") });
    let (status, body) = read(call(&world, &seed, "sendPhoto", &gone)).await;
    assert_eq!(
        (status, body),
        refused(400, "Bad Request: failed to get HTTP URL content")
    );
    let form = Form::new()
        .text("chat_id", seed.remote_id.clone())
        .part("document", Part::bytes(b"some text".to_vec()).file_name("a.txt"));
    let url = format!("{}/bot{}/sendDocument", seed.base_url, seed.token);
    assert_eq!(read(world.client.post(url).multipart(form)).await.0, 200);
    assert_eq!(world.published(Platform::Telegram)[1].media, [sha256_hex(b"some text")]);
}

#[tokio::test]
async fn what_telegram_refuses_is_refused_in_its_words() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Telegram, vec![]);
    let long = "x".repeat(4_097);
    let to = seed.remote_id.clone();
    let cases = [
        ("sendMessage", message(&seed, "  "), "message text is empty"),
        ("sendMessage", message(&seed, &long), "message is too long"),
        (
            "sendMessage",
            json!({ "chat_id": to, "text": "<b>x", "parse_mode": "HTML" }),
            "can't parse entities: can't find end tag corresponding to start tag \"b\"",
        ),
        (
            "sendMessage",
            json!({ "chat_id": to, "text": "x", "reply_parameters": { "message_id": 99 } }),
            "message to be replied not found",
        ),
        (
            "sendPhoto",
            json!({ "chat_id": to, "photo": "nonsense" }),
            "wrong file identifier/HTTP URL specified",
        ),
        (
            "sendPhoto",
            json!({ "chat_id": to, "photo": "x", "caption": "x".repeat(1_025) }),
            "message caption is too long",
        ),
        (
            "sendMediaGroup",
            json!({ "chat_id": to, "media": [{ "type": "photo", "media": "x" }] }),
            "wrong number of messages in the media group, from 2 to 10 are allowed",
        ),
        (
            "deleteMessage",
            json!({ "chat_id": to, "message_id": 99 }),
            "message to delete not found",
        ),
        (
            "editMessageText",
            json!({ "chat_id": to, "message_id": 99, "text": "x" }),
            "message to edit not found",
        ),
    ];
    for (method, body, why) in cases {
        assert_eq!(
            read(call(&world, &seed, method, &body)).await,
            refused(400, &format!("Bad Request: {why}"))
        );
    }
    let url = |token: &str| format!("{}/bot{token}/getMe", seed.base_url);
    assert_eq!(
        read(world.client.get(url("1:wrong"))).await,
        refused(401, "Unauthorized")
    );
    assert_eq!(read(world.client.get(url("wrong"))).await, refused(404, "Not Found"));
    assert!(world.published(Platform::Telegram).is_empty());
}

#[tokio::test]
async fn an_edit_to_the_same_text_proves_a_message() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Telegram, vec![]);
    read(call(&world, &seed, "sendMessage", &message(&seed, "probe me"))).await;
    let edit = |text: &str| {
        call(
            &world,
            &seed,
            "editMessageText",
            &json!({ "chat_id": seed.remote_id, "message_id": 1, "text": text }),
        )
    };
    let (status, same) = read(edit("probe me")).await;
    assert_eq!(status, 400);
    assert!(
        same["description"]
            .as_str()
            .unwrap()
            .starts_with("Bad Request: message is not modified")
    );
    assert_eq!(read(edit("changed")).await.0, 200);
    assert_eq!(world.published(Platform::Telegram)[0].text, "changed");
    let journal = world.sandbox.requests(0, 10);
    assert!(journal.iter().all(|line| !line.path.contains(&seed.token)));
}

fn own_bot(world: &TestWorld, method: &str, body: &Value) -> reqwest::RequestBuilder {
    let base = world.sandbox.endpoint(Platform::Telegram);
    let token = crate::app(Platform::Telegram).secret;
    world.client.post(format!("{base}/bot{token}/{method}")).json(body)
}

fn event(verb: TelegramVerb, chat: &str, text: &str) -> TelegramEvent {
    TelegramEvent {
        verb,
        chat: chat.to_owned(),
        text: text.to_owned(),
        bot: None,
    }
}

#[tokio::test]
async fn a_bot_hears_where_it_was_added_and_may_post_there_until_it_is_removed() {
    let world = TestWorld::new().await;
    let (_, me) = read(own_bot(&world, "getMe", &json!({}))).await;
    assert_eq!(me["result"]["username"], "sandbox_bot");
    let send = || {
        read(own_bot(
            &world,
            "sendMessage",
            &json!({ "chat_id": "@ada", "text": "hello" }),
        ))
    };
    assert_eq!(send().await, refused(400, "Bad Request: chat not found"));
    let joined = world.sandbox.telegram(&event(TelegramVerb::Join, "@ada", "")).unwrap();
    world
        .sandbox
        .telegram(&event(TelegramVerb::Post, "ada", "/start c0de"))
        .unwrap();
    let (_, heard) = read(own_bot(&world, "getUpdates", &json!({}))).await;
    assert_eq!(
        heard["result"][0]["my_chat_member"]["new_chat_member"]["status"],
        "administrator"
    );
    let post = &heard["result"][1]["channel_post"];
    assert_eq!(
        (&post["text"], post["chat"]["id"].to_string()),
        (&json!("/start c0de"), joined.chat_id.clone())
    );
    let (_, last) = read(own_bot(&world, "getUpdates", &json!({ "offset": -1 }))).await;
    assert_eq!(last["result"], json!([heard["result"][1]]));
    let after = heard["result"][1]["update_id"].as_i64().unwrap() + 1;
    let (_, heard) = read(own_bot(&world, "getUpdates", &json!({ "offset": after }))).await;
    assert_eq!(heard["result"], json!([]));
    let me = json!({ "chat_id": joined.chat_id, "user_id": me["result"]["id"] });
    let (_, member) = read(own_bot(&world, "getChatMember", &me)).await;
    assert_eq!(member["result"]["can_post_messages"], true);
    // The person's own post has the first id.
    let (status, sent) = send().await;
    assert_eq!((status, &sent["result"]["message_id"]), (200, &json!(2)));
    world.sandbox.telegram(&event(TelegramVerb::Leave, "ada", "")).unwrap();
    assert_eq!(
        send().await,
        refused(403, "Forbidden: bot is not a member of the channel chat")
    );
    assert_eq!(world.published(Platform::Telegram).len(), 1);
    assert!(
        world
            .sandbox
            .telegram(&event(TelegramVerb::Post, "nobody", "x"))
            .is_err()
    );
}

#[tokio::test]
async fn the_rules_of_a_channel_hold_for_the_bot_that_was_added() {
    let world = TestWorld::new().await;
    world.account(Platform::Telegram, vec![Rule::always(Class::Create, Fault::DropAfter)]);
    world.sandbox.telegram(&event(TelegramVerb::Join, "ada", "")).unwrap();
    let sent = own_bot(&world, "sendMessage", &json!({ "chat_id": "@ada", "text": "hello" }))
        .send()
        .await;
    assert!(sent.is_err());
    assert_eq!(world.published(Platform::Telegram).len(), 1);
}

#[tokio::test]
async fn a_bot_that_waits_hears_at_once_what_is_written_to_it() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::Telegram, vec![]);
    let waiting = tokio::spawn(read(call(&world, &seed, "getUpdates", &json!({ "timeout": 30 }))));
    while world.clock.next_sleeper().is_none() {
        tokio::task::yield_now().await;
    }
    let said = TelegramEvent {
        bot: Some(seed.token.clone()),
        ..event(TelegramVerb::Message, "bob", "/start c0de")
    };
    let body = serde_json::to_value(&said).unwrap();
    let address = world.sandbox.base_url().join("_ctl/telegram").unwrap();
    let (status, update) = read(world.client.post(address).json(&body)).await;
    assert_eq!(status, 200);
    let (_, heard) = waiting.await.unwrap();
    let message = &heard["result"][0]["message"];
    assert_eq!(
        (&message["text"], &message["chat"]["type"]),
        (&json!("/start c0de"), &json!("private"))
    );
    assert_eq!(message["from"]["id"].to_string(), update["chat_id"].as_str().unwrap());
    let (_, other) = read(own_bot(&world, "getUpdates", &json!({}))).await;
    assert_eq!(other["result"], json!([]));
    let journal = world.sandbox.requests(0, 100);
    assert!(journal.iter().all(|line| !line.path.contains(&seed.token)));
}

#[tokio::test]
async fn the_page_behind_the_bot_s_link_adds_it_and_posts_the_code() {
    let world = TestWorld::new().await;
    let link = format!("{}/sandbox_bot?start=c0de", world.sandbox.endpoint(Platform::Telegram));
    let (status, page) = read(world.client.get(&link)).await;
    assert!(status == 200 && page.to_string().contains("/start c0de"), "{page}");
    let form = [("handle", "news"), ("decision", "channel")];
    assert_eq!(read(world.client.post(&link).form(&form)).await.0, 200);
    let (_, heard) = read(own_bot(
        &world,
        "getUpdates",
        &json!({ "allowed_updates": ["channel_post"] }),
    ))
    .await;
    assert_eq!(heard["result"][0]["channel_post"]["text"], "/start c0de");
    assert_eq!(heard["result"][0]["channel_post"]["chat"]["username"], "news");
    assert_eq!(
        read(world.client.post(&link).form(&[("decision", "channel")])).await.0,
        400
    );
}
