//! A publisher's view of the emulated LinkedIn.

use domain::platform::Platform;
use jiff::SignedDuration;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::medium::sha256_hex;
use crate::samples::{VideoShape, mp4};
use crate::testing::{TestWorld, every_creation_fault, read};
use crate::{AccountSeed, Class, Fault, NewSandboxAccount, Rule, samples};

mod media;

const VERSION: &str = "202609";

fn rest(world: &TestWorld, seed: &AccountSeed, method: Method, path: &str) -> RequestBuilder {
    world
        .client
        .request(method, format!("{}/rest/{path}", seed.base_url))
        .bearer_auth(&seed.token)
        .header("LinkedIn-Version", VERSION)
        .header("X-Restli-Protocol-Version", "2.0.0")
}

fn encoded(urn: &str) -> String {
    urn.replace(':', "%3A")
        .replace('(', "%28")
        .replace(')', "%29")
        .replace(',', "%2C")
}

fn urn(seed: &AccountSeed) -> String {
    if seed.remote_id.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("urn:li:organization:{}", seed.remote_id)
    } else {
        format!("urn:li:person:{}", seed.remote_id)
    }
}

fn body(seed: &AccountSeed, commentary: &str) -> Value {
    json!({
        "author": urn(seed),
        "commentary": commentary,
        "visibility": "PUBLIC",
        "distribution": { "feedDistribution": "MAIN_FEED", "targetEntities": [], "thirdPartyDistributionChannels": [] },
        "lifecycleState": "PUBLISHED",
        "isReshareDisabledByAuthor": false,
    })
}

fn with_content(seed: &AccountSeed, commentary: &str, content: Value) -> Value {
    let mut body = body(seed, commentary);
    body["content"] = content;
    body
}

fn post(world: &TestWorld, seed: &AccountSeed, body: &Value) -> RequestBuilder {
    rest(world, seed, Method::POST, "posts").json(body)
}

/// Makes a post and returns its URN.
async fn posted(world: &TestWorld, seed: &AccountSeed, body: &Value) -> String {
    let response = post(world, seed, body).send().await.unwrap();
    assert_eq!(response.status(), 201);
    let urn = response.headers()["x-restli-id"].to_str().unwrap().to_owned();
    assert!(response.bytes().await.unwrap().is_empty());
    urn
}

fn organization(world: &TestWorld, handle: &str) -> AccountSeed {
    let mut new = NewSandboxAccount::new(Platform::LinkedIn, handle);
    new.remote_id = Some("5515715".to_owned());
    world.sandbox.add_account(&new).unwrap()
}

fn partner(world: &TestWorld) -> AccountSeed {
    let new = NewSandboxAccount::new(Platform::LinkedIn, "ada").with_scopes(&[
        "w_member_social",
        "w_member_social_feed",
        "r_member_social",
    ]);
    world.sandbox.add_account(&new).unwrap()
}

#[tokio::test]
async fn a_text_is_published_as_a_reader_sees_it() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::LinkedIn, vec![]);
    let raw = r"Hello @[Works](urn:li:organization:42) \(all\), #news";
    let urn = posted(&world, &seed, &body(&seed, raw)).await;
    assert!(urn.starts_with("urn:li:share:"));
    let made = &world.published(Platform::LinkedIn)[0];
    assert_eq!(
        (made.text.as_str(), &made.remote_id),
        ("Hello Works (all), #news", &urn)
    );
    assert_eq!(made.settings["commentary"], raw);
    assert_eq!(
        made.url.as_deref(),
        Some(format!("https://www.linkedin.com/feed/update/{urn}/").as_str())
    );

    // A reserved character without its backslash is no error, and that is the trouble.
    posted(&world, &seed, &body(&seed, "Costs (net) 3")).await;
    assert_eq!(world.published(Platform::LinkedIn)[1].text, "Costs ");
}

#[tokio::test]
async fn every_fault_is_what_it_says() {
    every_creation_fault(Platform::LinkedIn, async |world, seed, text| {
        post(world, seed, &body(seed, text))
    })
    .await;
}

#[tokio::test]
async fn the_same_body_within_ten_minutes_names_the_original() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::LinkedIn, vec![Rule::nth(Class::Create, 1, Fault::DropAfter)]);
    assert!(post(&world, &seed, &body(&seed, "once")).send().await.is_err());
    let original = world.published(Platform::LinkedIn)[0].remote_id.clone();
    world.clock.advance(SignedDuration::from_mins(9));
    let (status, refused) = read(post(&world, &seed, &body(&seed, "once"))).await;
    assert_eq!(
        (status, &refused["errorDetails"]["inputErrors"][0]["code"]),
        (422, &json!("DUPLICATE_POST"))
    );
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .ends_with(&format!("Content is a duplicate of {original}"))
    );
    // The smallest difference makes another post, and so does time.
    posted(&world, &seed, &body(&seed, "once more")).await;
    world.clock.advance(SignedDuration::from_mins(1));
    let second = posted(&world, &seed, &body(&seed, "once")).await;
    assert_ne!(second, original);

    // A deleted post is named all the same.
    let path = format!("posts/{}", encoded(&second));
    for _ in 0..2 {
        assert_eq!(read(rest(&world, &seed, Method::DELETE, &path)).await.0, 204);
    }
    world.clock.advance(SignedDuration::from_hours(1));
    assert_eq!(read(post(&world, &seed, &body(&seed, "once"))).await.0, 422);
}

#[tokio::test]
async fn a_request_without_its_headers_is_refused_and_marked() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::LinkedIn, vec![]);
    let bare = |version: Option<&str>, protocol: bool| {
        let mut request = world
            .client
            .post(format!("{}/rest/posts", seed.base_url))
            .bearer_auth(&seed.token)
            .json(&body(&seed, "hi"));
        if let Some(version) = version {
            request = request.header("LinkedIn-Version", version);
        }
        if protocol {
            request = request.header("X-Restli-Protocol-Version", "2.0.0");
        }
        request
    };
    for version in [None, Some("202510"), Some("202707"), Some("next")] {
        let (status, refused) = read(bare(version, true)).await;
        assert_eq!(
            (status, &refused["code"]),
            (426, &json!("NONEXISTENT_VERSION")),
            "{version:?}"
        );
    }
    assert_eq!(read(bare(Some(VERSION), false)).await.0, 400);
    let raw = rest(&world, &seed, Method::DELETE, "posts/urn:li:share:1");
    assert_eq!(read(raw).await.0, 400);
    let mut more = body(&seed, "hi");
    more["surprise"] = json!(1);
    assert_eq!(read(post(&world, &seed, &more)).await.0, 400);
    let journal = world.sandbox.requests(0, 20);
    let marked = journal.iter().filter(|line| line.violation.is_some()).count();
    assert_eq!(marked, 4);
    assert!(world.published(Platform::LinkedIn).is_empty());
    // What is good today is retired within a year.
    assert_eq!(read(bare(Some(VERSION), true)).await.0, 201);
    world.clock.advance(SignedDuration::from_hours(10 * 31 * 24));
    let again = world.account(Platform::LinkedIn, vec![]);
    assert_eq!(read(post(&world, &again, &body(&again, "hi"))).await.0, 426);
}

#[tokio::test]
async fn what_linkedin_refuses_is_refused_with_its_codes() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::LinkedIn, vec![]);
    let mut without_author = body(&seed, "x");
    without_author.as_object_mut().unwrap().remove("author");
    let mut stranger = body(&seed, "x");
    stranger["author"] = json!("urn:li:person:Somebody");
    let mut wrong_kind = body(&seed, "x");
    wrong_kind["author"] = json!("urn:li:share:1");
    let mut draft = body(&seed, "x");
    draft["lifecycleState"] = json!("DRAFT");
    let media = |id: &str| with_content(&seed, "x", json!({ "media": { "id": id } }));
    let poll = |options: Value| {
        let poll = json!({ "question": "?", "options": options, "settings": { "duration": "ONE_DAY" } });
        with_content(&seed, "x", json!({ "poll": poll }))
    };
    let cases = [
        (body(&seed, &"x".repeat(3_001)), 400, "FIELD_LENGTH_TOO_LONG"),
        (without_author, 400, "MISSING_FIELD"),
        (stranger, 403, "ACCESS_DENIED"),
        (wrong_kind, 400, "INVALID_URN_TYPE"),
        (draft, 400, "INVALID_VALUE_FOR_FIELD"),
        (media("urn:li:image:none"), 400, "INVALID_URN_ID"),
        (media("urn:li:video:none"), 400, "INVALID_VIDEO_ID"),
        (media("urn:li:share:1"), 400, "INVALID_URN_TYPE"),
        (media("urn:li:document:none"), 400, "MISSING_FIELD"),
        (
            with_content(
                &seed,
                "x",
                json!({ "multiImage": { "images": [{ "id": "urn:li:image:a" }] } }),
            ),
            400,
            "INVALID_VALUE_FOR_FIELD",
        ),
        (
            with_content(&seed, "x", json!({ "article": { "source": "https://example.com" } })),
            400,
            "MISSING_FIELD",
        ),
        (poll(json!([{ "text": "only" }])), 400, "INVALID_VALUE_FOR_FIELD"),
    ];
    for (body, status, code) in cases {
        let (seen, refused) = read(post(&world, &seed, &body)).await;
        assert_eq!((seen, refused["code"].as_str()), (status, Some(code)), "{body}");
    }
    assert!(world.published(Platform::LinkedIn).is_empty());
    for (token, code) in [(None, "EMPTY_ACCESS_TOKEN"), (Some("wrong"), "INVALID_ACCESS_TOKEN")] {
        let mut request = world.client.get(format!("{}/rest/posts/x", seed.base_url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        assert_eq!(read(request).await.1["code"], code);
    }
    world.clock.advance(SignedDuration::from_hours(60 * 24));
    let (status, refused) = read(post(&world, &seed, &body(&seed, "late"))).await;
    assert_eq!(
        (status, &refused["code"], &refused["serviceErrorCode"]),
        (401, &json!("EXPIRED_ACCESS_TOKEN"), &json!(65_602))
    );
}

#[tokio::test]
async fn a_link_and_a_reshare_keep_what_was_asked_for() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::LinkedIn, vec![]);
    let article = json!({ "source": "https://example.com/a", "title": "A", "description": "b" });
    let first = posted(
        &world,
        &seed,
        &with_content(&seed, "read", json!({ "article": article })),
    )
    .await;
    let mut again = body(&seed, "look");
    again["reshareContext"] = json!({ "parent": first });
    posted(&world, &seed, &again).await;
    let made = world.published(Platform::LinkedIn);
    assert_eq!(made[0].settings["content"]["article"], article);
    assert_eq!(made[1].settings["reshareContext"]["parent"], json!(first));
}

#[tokio::test]
async fn a_member_administers_the_organization_of_the_same_owner_and_no_other() {
    let world = TestWorld::new().await;
    let member = world.account(Platform::LinkedIn, vec![]);
    let works = organization(&world, "ada.works");
    let urn = posted(&world, &member, &body(&works, "from us")).await;
    let made = &world.published(Platform::LinkedIn)[0];
    assert_eq!((&made.account, &made.remote_id), (&works.remote_id, &urn));
    let stranger = world
        .sandbox
        .add_account(&NewSandboxAccount::new(Platform::LinkedIn, "eve"))
        .unwrap();
    let (status, refused) = read(post(&world, &stranger, &body(&works, "mine"))).await;
    assert_eq!((status, &refused["code"]), (403, &json!("ACCESS_DENIED")));

    // The organization's posts can be listed; a member's cannot.
    let find = |seed: &AccountSeed, author: &AccountSeed| {
        let path = format!(
            "posts?q=author&author={}&count=10&sortBy=LAST_MODIFIED",
            encoded(&self::urn(author))
        );
        rest(&world, seed, Method::GET, &path).header("X-RestLi-Method", "FINDER")
    };
    let (_, list) = read(find(&works, &works)).await;
    assert_eq!(
        (&list["elements"][0]["id"], &list["elements"][0]["commentary"]),
        (&json!(urn), &json!("from us"))
    );
    assert_eq!(read(find(&member, &member)).await.0, 403);
    let partner = partner(&world);
    assert_eq!(read(find(&partner, &partner)).await.1["elements"], json!([]));
}

#[tokio::test]
async fn a_read_lag_hides_a_post_from_the_finder() {
    let world = TestWorld::new().await;
    let works = organization(&world, "works");
    let rules = crate::RuleSet {
        platform: Some(Platform::LinkedIn),
        rules: vec![Rule::nth(Class::Create, 1, Fault::ReadLag { s: 30 })],
        ..crate::RuleSet::default()
    };
    world.sandbox.add_rules(rules).unwrap();
    let urn = posted(&world, &works, &body(&works, "soon")).await;
    let show = || rest(&world, &works, Method::GET, &format!("posts/{}", encoded(&urn)));
    assert_eq!(read(show()).await.0, 404);
    world.clock.advance(SignedDuration::from_secs(30));
    assert_eq!(read(show()).await.1["id"], json!(urn));
    let patch = json!({ "patch": { "$set": { "commentary": "now" } } });
    let change = rest(&world, &works, Method::POST, &format!("posts/{}", encoded(&urn)))
        .header("X-RestLi-Method", "PARTIAL_UPDATE")
        .json(&patch);
    assert_eq!(read(change).await.0, 204);
    assert_eq!(world.published(Platform::LinkedIn)[0].text, "now");
}

#[tokio::test]
async fn a_first_comment_needs_the_right_product_and_a_second_try() {
    let world = TestWorld::new().await;
    let plain = world.account(Platform::LinkedIn, vec![]);
    let comment = |seed: &AccountSeed, urn: &str| {
        let body = json!({ "actor": self::urn(seed), "object": urn, "message": { "text": "first" } });
        rest(
            &world,
            seed,
            Method::POST,
            &format!("socialActions/{}/comments", encoded(urn)),
        )
        .json(&body)
    };
    let urn = posted(&world, &plain, &body(&plain, "post")).await;
    let (status, refused) = read(comment(&plain, &urn)).await;
    assert_eq!((status, &refused["code"]), (403, &json!("ACCESS_DENIED")));

    let partner = partner(&world);
    let urn = posted(&world, &partner, &body(&partner, "other")).await;
    assert_eq!(read(comment(&partner, &urn)).await.0, 404);
    let (status, made) = read(comment(&partner, &urn)).await;
    assert_eq!(status, 201);
    let last = world.published(Platform::LinkedIn).pop().unwrap();
    assert_eq!(
        (last.reply_to.as_deref(), &last.settings["kind"]),
        (Some(urn.as_str()), &json!("comment"))
    );
    // An answer to it, named below its post's activity.
    let under = format!("urn:li:comment:(urn:li:activity:7123,{})", made["id"].as_str().unwrap());
    let path = format!("socialActions/{}/comments", encoded(&under));
    let answer = json!({
        "actor": self::urn(&partner), "object": urn, "parentComment": under, "message": { "text": "second" },
    });
    let (status, answered) = read(rest(&world, &partner, Method::POST, &path).json(&answer)).await;
    assert_eq!((status, &answered["object"]), (201, &json!(urn)), "{answered}");
    let wrong = json!([{ "start": 0, "length": 9, "value": {} }]);
    let body = json!({ "actor": self::urn(&partner), "object": urn, "message": { "text": "x", "attributes": wrong } });
    assert_eq!(
        read(rest(&world, &partner, Method::POST, &path).json(&body)).await.0,
        400
    );
    let comments = format!("socialActions/{}/comments", encoded(&urn));
    let (_, list) = read(rest(&world, &partner, Method::GET, &comments)).await;
    assert_eq!(
        (&list["elements"][1]["id"], &list["elements"][0]["id"]),
        (&made["id"], &answered["id"])
    );
    let like = json!({ "root": urn, "reactionType": "LIKE" });
    let path = format!("reactions?actor={}", encoded(&self::urn(&partner)));
    assert_eq!(
        read(rest(&world, &partner, Method::POST, &path).json(&like)).await.0,
        201
    );
    let key = format!(
        "reactions/(actor:{},entity:{})",
        encoded(&self::urn(&partner)),
        encoded(&urn)
    );
    assert_eq!(read(rest(&world, &partner, Method::DELETE, &key)).await.0, 204);
}

#[tokio::test]
async fn the_151st_post_of_a_day_waits_for_midnight_in_utc() {
    let world = TestWorld::new().await;
    let seed = world.account(Platform::LinkedIn, vec![]);
    for number in 0..150 {
        posted(&world, &seed, &body(&seed, &number.to_string())).await;
    }
    let response = post(&world, &seed, &body(&seed, "150")).send().await.unwrap();
    assert_eq!(response.status(), 429);
    assert!(!response.headers().contains_key("retry-after"));
    world.clock.advance(SignedDuration::from_hours(15));
    posted(&world, &seed, &body(&seed, "150")).await;
}
