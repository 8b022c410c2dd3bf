//! Asking what became of a post whose answer was lost, against lists as X gives them.

use jiff::SignedDuration;

use super::*;

const EMPTY: &str = r#"{"meta":{"result_count":0}}"#;

fn list(posts: &[Value]) -> Reply {
    Reply::json(200, &json!({"data": posts, "meta": {"result_count": posts.len()}}))
}

fn shown(id: &str, text: &str) -> Value {
    json!({"id": id, "text": text, "created_at": "2026-11-22T09:00:00.000Z"})
}

/// Asks once about `draft`'s head, sent when the world began, against a server with these answers.
async fn ask(draft: &Draft, replies: Vec<Reply>) -> (Result<Finding, PlatformError>, Server) {
    ask_with(draft, replies, &[]).await
}

async fn ask_with(draft: &Draft, replies: Vec<Reply>, taken: &[&str]) -> (Result<Finding, PlatformError>, Server) {
    let server = Server::answering(replies).await;
    let world = world_at(&server);
    let record = world.record(Part::Head, prepared(&world, draft).await);
    let taken = TakenIds(taken.iter().map(|id| (*id).to_owned()).collect());
    (world.check(&X, &record, &[], &taken).await, server)
}

fn id_of(finding: &Finding) -> Option<&str> {
    match finding {
        Finding::Published(remote) => Some(&remote.id),
        _ => None,
    }
}

#[tokio::test]
async fn a_text_is_found_although_x_shows_it_otherwise() {
    let mut post = shown("5", "fish &amp; chips: https://t.co/abc");
    post["entities"] = json!({"urls": [{"start": 18, "end": 35, "url": "https://t.co/abc", "expanded_url": "https://example.com/menu"}]});
    let (finding, server) = ask(&text("fish & chips: https://example.com/menu"), vec![list(&[post])]).await;
    let finding = finding.unwrap();
    assert_eq!(id_of(&finding), Some("5"));
    let Finding::Published(remote) = finding else {
        unreachable!()
    };
    assert_eq!(remote.url.as_deref(), Some("https://x.com/press/status/5"));
    let asked = &server.requests()[0].path;
    assert!(
        asked.starts_with("/2/users/42/tweets?start_time=2026-11-22T08%3A59%3A30Z&max_results=100&"),
        "{asked}"
    );
    assert!(!asked.contains("replies"), "a thread's parts are replies: {asked}");
}

#[tokio::test]
async fn an_empty_list_and_a_list_of_others_mean_absent() {
    let empty = Reply::text(200, "application/json", EMPTY);
    assert_eq!(ask(&text("hi"), vec![empty]).await.0.unwrap(), Finding::Absent);
    assert_eq!(
        ask(&text("hi"), vec![list(&[shown("5", "ho")])]).await.0.unwrap(),
        Finding::Absent
    );
}

#[tokio::test]
async fn the_same_words_at_another_time_or_with_a_picture_are_another_post() {
    let mut early = shown("5", "hi");
    early["created_at"] = json!("2026-11-22T08:59:29.000Z");
    let mut late = shown("6", "hi");
    // The call ends after 30 s, and another 60 s are allowed for.
    late["created_at"] = json!("2026-11-22T09:01:31.000Z");
    let mut pictured = shown("7", "hi");
    pictured["attachments"] = json!({"media_keys": ["3_77"]});
    let mut reply = shown("8", "hi");
    reply["referenced_posts"] = json!([{"type": "replied_to", "id": "1"}]);
    assert_eq!(
        ask(&text("hi"), vec![list(&[early, late, pictured, reply])])
            .await
            .0
            .unwrap(),
        Finding::Absent
    );
    let mut just = shown("9", "hi");
    just["created_at"] = json!("2026-11-22T09:01:30.000Z");
    assert_eq!(
        id_of(&ask(&text("hi"), vec![list(&[just])]).await.0.unwrap()),
        Some("9")
    );
}

#[tokio::test]
async fn a_post_that_belongs_to_another_of_ours_is_passed_over() {
    let posts = [shown("5", "hi"), shown("6", "hi")];
    assert_eq!(
        id_of(&ask_with(&text("hi"), vec![list(&posts)], &["6"]).await.0.unwrap()),
        Some("5")
    );
    assert_eq!(
        ask_with(&text("hi"), vec![list(&posts)], &["5", "6"]).await.0.unwrap(),
        Finding::Absent
    );
}

#[tokio::test]
async fn of_two_alike_nothing_is_claimed_unless_one_is_a_persons() {
    let mut by_hand = shown("5", "hi");
    by_hand["source"] = json!("Twitter for iPhone");
    let posts = [by_hand, shown("6", "hi")];
    assert_eq!(id_of(&ask(&text("hi"), vec![list(&posts)]).await.0.unwrap()), Some("6"));
    let posts = [shown("5", "hi"), shown("6", "hi")];
    assert_eq!(
        ask(&text("hi"), vec![list(&posts)]).await.0.unwrap(),
        Finding::CannotTell
    );
}

#[tokio::test]
async fn a_reply_is_found_under_its_parent_in_both_spellings() {
    let thread = with_reply(text("one"), "two", vec![]);
    let head = [(Part::Head, RemotePost::visible("1", None))];
    for key in ["referenced_posts", "referenced_tweets"] {
        let mut post = shown("5", "two");
        post[key] = json!([{"type": "quoted", "id": "9"}, {"type": "replied_to", "id": "1"}]);
        let mut stray = shown("6", "two");
        stray[key] = json!([{"type": "replied_to", "id": "2"}]);
        let server = Server::answering([list(&[stray, post])]).await;
        let world = world_at(&server);
        let prepared = world.prepare(&X, &thread, Part::Reply(1), &head).await.unwrap();
        let record = world.record(Part::Reply(1), prepared);
        let finding = world.check(&X, &record, &head, &TakenIds::default()).await.unwrap();
        assert_eq!(id_of(&finding), Some("5"), "{key}");
    }
}

#[tokio::test]
async fn an_answer_is_found_behind_the_names_that_x_puts_before_it() {
    let draft = with_settings(text("@ann thanks, both"), json!({"replyTo": "1"}));
    let showing = |words: &str| {
        let mut post = shown("5", words);
        post["referenced_posts"] = json!([{"type": "replied_to", "id": "1"}]);
        vec![list(&[post])]
    };
    for words in [
        "@ann thanks, both",
        "@ben @ann thanks, both",
        "@cy @ben @ann thanks, both",
    ] {
        assert_eq!(
            id_of(&ask(&draft, showing(words)).await.0.unwrap()),
            Some("5"),
            "{words}"
        );
    }
    for words in ["thanks, both", "ben @ann thanks, both", "@ben thanks, both"] {
        assert_eq!(ask(&draft, showing(words)).await.0.unwrap(), Finding::Absent, "{words}");
    }
    let alone = vec![list(&[shown("5", "@ann hi")])];
    assert_eq!(ask(&text("hi"), alone).await.0.unwrap(), Finding::Absent);
}

#[tokio::test]
async fn a_quote_is_found_by_what_it_quotes_whether_its_address_is_shown_or_not() {
    let draft = with_settings(text("look"), json!({"quoteTweet": "9"}));
    let quoting = |id: &str, of: &str| {
        let mut post = shown(id, "look https://t.co/q");
        let address = format!("https://twitter.com/ann/status/{of}");
        post["entities"] = json!({"urls": [{"url": "https://t.co/q", "expanded_url": address}]});
        post["referenced_posts"] = json!([{"type": "quoted", "id": of}]);
        post
    };
    let posts = [quoting("5", "9"), quoting("6", "8"), shown("7", "look")];
    assert_eq!(id_of(&ask(&draft, vec![list(&posts)]).await.0.unwrap()), Some("5"));
    let mut bare = shown("5", "look");
    bare["referenced_posts"] = json!([{"type": "quoted", "id": "9"}]);
    assert_eq!(id_of(&ask(&draft, vec![list(&[bare])]).await.0.unwrap()), Some("5"));
    let others = [quoting("6", "8"), shown("7", "look")];
    assert_eq!(ask(&draft, vec![list(&others)]).await.0.unwrap(), Finding::Absent);
}

#[tokio::test]
async fn media_are_found_by_their_ids_whatever_the_text_the_time_and_the_prefix() {
    let server = Server::answering([
        Reply::json(200, &json!({"data": {"id": "77"}})),
        list(&[
            json!({"id": "4", "text": "hi", "created_at": "2026-11-22T09:00:00Z", "attachments": {"media_keys": ["3_177"]}}),
            json!({"id": "5", "text": "cut…", "created_at": "2026-11-22T09:09:00Z", "attachments": {"media_keys": ["13_77"]}}),
        ]),
        list(&[shown("4", "hi")]),
    ])
    .await;
    let mut world = world_at(&server);
    let picture = image(&mut world, "p");
    let record = world.record(
        Part::Head,
        prepared(&world, &draft(Platform::X, "hi", vec![picture])).await,
    );
    let finding = world.check(&X, &record, &[], &TakenIds::default()).await.unwrap();
    assert_eq!(id_of(&finding), Some("5"));
    let finding = world.check(&X, &record, &[], &TakenIds::default()).await.unwrap();
    assert_eq!(finding, Finding::Absent);
}

#[tokio::test]
async fn the_clock_of_x_counts() {
    // X is ten minutes behind: by its clock the post was made at 08:50, and a list from 08:59:30 on cannot have it.
    let mut post = shown("5", "hi");
    post["created_at"] = json!("2026-11-22T08:50:01.000Z");
    let dated = |reply: Reply| reply.with_header("Date", "Sun, 22 Nov 2026 08:50:00 GMT");
    let empty = dated(Reply::text(200, "application/json", EMPTY));
    let (finding, server) = ask(&text("hi"), vec![empty.clone(), dated(list(&[post]))]).await;
    assert_eq!(id_of(&finding.unwrap()), Some("5"));
    assert!(
        server.requests()[1]
            .path
            .contains("start_time=2026-11-22T08%3A49%3A30Z")
    );
    // A list that begins in X's future is refused, and the refusal tells the time as well.
    let refused = dated(Reply::json(400, &json!({"detail": "Invalid 'start_time'"})));
    assert_eq!(ask(&text("hi"), vec![refused, empty]).await.0.unwrap(), Finding::Absent);
}

#[tokio::test]
async fn the_older_names_of_fields_are_tried_when_the_newer_are_not_known() {
    let refused = Reply::json(
        400,
        &json!({"errors": [{"message": "The query parameter [post.fields] is not one of [tweet.fields]"}]}),
    );
    let (finding, server) = ask(&text("hi"), vec![refused, list(&[shown("5", "hi")])]).await;
    assert_eq!(id_of(&finding.unwrap()), Some("5"));
    assert!(server.requests()[1].path.contains("tweet.fields=created_at"));
}

#[tokio::test]
async fn posts_without_the_fields_that_were_asked_for_prove_nothing() {
    let bare = list(&[json!({"id": "5", "text": "ho"})]);
    let (finding, server) = ask(&text("hi"), vec![bare.clone(), bare]).await;
    assert_eq!(finding.unwrap(), Finding::CannotTell);
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_list_of_long_ago_has_an_end() {
    let server = Server::answering([Reply::text(200, "application/json", EMPTY), list(&[])]).await;
    let world = world_at(&server);
    let record = world.record(Part::Head, prepared(&world, &text("hi")).await);
    let ask = || async { world.check(&X, &record, &[], &TakenIds::default()).await.unwrap() };
    ask().await;
    world.clock.advance(SignedDuration::from_hours(5));
    ask().await;
    let paths: Vec<_> = server.requests().iter().map(|request| request.path.clone()).collect();
    assert!(!paths[0].contains("end_time"), "{}", paths[0]);
    assert!(paths[1].contains("end_time=2026-11-22T09%3A11%3A30Z"), "{}", paths[1]);
}

#[tokio::test]
async fn a_clock_of_x_that_is_ahead_cuts_nothing_off() {
    let mut post = shown("5", "hi");
    post["created_at"] = json!("2026-11-22T09:20:01.000Z");
    let dated = |reply: Reply| reply.with_header("Date", "Sun, 22 Nov 2026 09:20:00 GMT");
    let (finding, server) = ask(&text("hi"), vec![dated(list(&[])), dated(list(&[post]))]).await;
    assert_eq!(id_of(&finding.unwrap()), Some("5"));
    assert!(
        server.requests()[1]
            .path
            .contains("start_time=2026-11-22T09%3A19%3A30Z")
    );
}

fn page_of(posts: &[Value], next: &str) -> Reply {
    Reply::json(200, &json!({"data": posts, "meta": {"next_token": next}}))
}

#[tokio::test]
async fn the_next_page_is_read_and_a_list_without_end_is_not_taken_for_whole() {
    let other = [shown("4", "ho")];
    let (finding, server) = ask(&text("hi"), vec![page_of(&other, "n1"), list(&[shown("5", "hi")])]).await;
    assert_eq!(id_of(&finding.unwrap()), Some("5"));
    assert!(server.requests()[1].path.contains("pagination_token=n1"));

    let endless = (0..9).map(|n| page_of(&other, &format!("n{n}"))).collect();
    let (finding, server) = ask(&text("hi"), endless).await;
    assert_eq!(finding.unwrap(), Finding::CannotTell);
    assert_eq!(server.requests().len(), 5);
}

#[tokio::test]
async fn an_answer_that_is_no_list_is_no_verdict() {
    let partial = Reply::json(200, &json!({"errors": [{"detail": "Could not find user"}]}));
    assert_eq!(ask(&text("hi"), vec![partial]).await.0.unwrap(), Finding::CannotTell);
    for reply in [
        Reply::json(503, &json!({})),
        Reply::json(401, &json!({})),
        Reply::json(429, &json!({})),
        Reply::HangUp,
    ] {
        assert!(ask(&text("hi"), vec![reply]).await.0.is_err());
    }
    let gone = ask(&text("hi"), vec![page_of(&[], "n"), Reply::json(503, &json!({}))])
        .await
        .0;
    assert!(gone.is_err());
}

#[tokio::test]
async fn a_version_of_tomorrow_is_not_guessed_at() {
    let world = World::new(Platform::X, "42", "token");
    let mut record = world.record(Part::Head, prepared(&world, &text("hi")).await);
    record.prepared.version += 1;
    assert!(!X.reads_prepared(record.prepared.version));
    assert_eq!(
        world.check(&X, &record, &[], &TakenIds::default()).await.unwrap(),
        Finding::CannotTell
    );
}
