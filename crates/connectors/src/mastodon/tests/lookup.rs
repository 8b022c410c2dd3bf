//! What became of a send that was lost: its key tells within the hour, its files always, its words hardly.

use domain::intent::{IntentRecord, IntentState};

use super::*;

/// What the connector says became of it.
async fn check(world: &World, intent: &IntentRecord) -> Finding {
    let taken = TakenIds::default();
    world.check(&Mastodon, intent, &[], &taken).await.unwrap()
}

/// The account in another program, on the same clock.
fn a_person(world: &World, sandbox: &Sandbox, seed: u8) -> World {
    let mut person = World::new(PLATFORM, &world.remote_id, world.tokens.access.expose())
        .with_home(sandbox.endpoint(PLATFORM).as_str());
    person.clock = world.clock.clone();
    person.seed = crate::Seed([seed; 32]);
    person
}

/// From now on this happens to the account.
fn add_rule(world: &World, sandbox: &Sandbox, rule: Rule) {
    let rules = sandbox::RuleSet {
        platform: Some(PLATFORM),
        account: Some(world.remote_id.clone()),
        rules: vec![rule],
        latency_ms: None,
    };
    sandbox.add_rules(rules).unwrap();
}

/// A send whose answer is lost, as recovery finds it.
async fn lose(world: &World, words: &str) -> IntentRecord {
    let prepared = world.prepare(&Mastodon, &text(words), Part::Head, &[]).await.unwrap();
    let intent = world.record(Part::Head, prepared.clone());
    let armed = world.arm(Part::Head, prepared);
    let error = Mastodon.send(&world.ctx(), &armed).await.unwrap_err();
    assert_eq!(error.fate, Fate::MayBePublished);
    intent
}

/// The intent as it is once the same may be sent again, and the next one, which does.
fn freed(world: &mut World, mut intent: IntentRecord) -> IntentRecord {
    let again = world.record(Part::Head, intent.prepared.clone());
    intent.state = IntentState::Untold;
    intent.id = domain::ids::IntentId::from_bytes([8; 12]);
    world.prior = vec![intent];
    again
}

/// Sends the same again.
async fn repeat(world: &World, intent: &IntentRecord) -> Result<RemotePost, PlatformError> {
    let armed = world.arm(Part::Head, intent.prepared.clone());
    match Mastodon.send(&world.ctx(), &armed).await? {
        Sent::Live(remote) => Ok(remote),
        Sent::Processing { .. } => panic!("a status is there at once"),
    }
}

#[tokio::test]
async fn of_a_persons_words_and_the_same_of_ours_the_key_tells_which_are_ours() {
    for before in [true, false] {
        let (mut world, sandbox) = sandboxed(vec![]).await;
        let person = a_person(&world, &sandbox, 3);
        let by_hand = || async { person.publish(&Mastodon, &text("same")).await.unwrap().remove(0).1.id };
        let theirs = if before { Some(by_hand().await) } else { None };
        add_rule(&world, &sandbox, Rule::first(Class::Create, 1, Fault::DropAfter));
        let intent = lose(&world, "same").await;
        let theirs = match theirs {
            Some(theirs) => theirs,
            None => by_hand().await,
        };
        world.clock.advance(SignedDuration::from_mins(2));
        assert_eq!(check(&world, &intent).await, Finding::RepeatTells, "two look like it");
        let again = freed(&mut world, intent);
        let ours = repeat(&world, &again).await.unwrap();
        assert_ne!(ours.id, theirs);
        assert_eq!(published(&sandbox).len(), 2, "theirs and ours");
    }
}

/// A post may be edited before it is sent again: the first would stay out there, and nobody would know.
#[tokio::test]
async fn a_status_that_landed_is_never_believed_absent() {
    let (world, sandbox) = sandboxed(vec![Rule::nth(Class::Create, 1, Fault::DropAfter)]).await;
    let intent = lose(&world, "once").await;
    let Finding::Published(found) = check(&world, &intent).await else {
        panic!("it is the only one")
    };
    assert_eq!(found.id, published(&sandbox)[0].remote_id);
}

#[tokio::test]
async fn a_server_that_answers_the_repeat_with_an_error_is_asked_for_the_words() {
    let script = vec![
        Rule::nth(Class::Create, 1, Fault::DropAfter),
        Rule::nth(Class::Create, 2, Fault::ErrorAfter { status: 500 }),
    ];
    let (mut world, sandbox) = sandboxed(script).await;
    let intent = lose(&world, "once").await;
    world.clock.advance(SignedDuration::from_mins(2));
    let again = freed(&mut world, intent);
    let error = repeat(&world, &again).await.unwrap_err();
    assert_eq!((&error.fate, error.http_status), (&Fate::MayBePublished, Some(500)));
    let Finding::Published(found) = check(&world, &again).await else {
        panic!("it lies before the repeat, and after the first send")
    };
    assert_eq!(found.id, published(&sandbox)[0].remote_id);

    a_person(&world, &sandbox, 3)
        .publish(&Mastodon, &text("once"))
        .await
        .unwrap();
    assert_eq!(check(&world, &again).await, Finding::CannotTell, "two look like it");
}

#[tokio::test]
async fn the_words_are_looked_for_once_the_key_has_ended_and_only_near_the_send() {
    let (world, sandbox) = sandboxed(vec![Rule::nth(Class::Create, 1, Fault::DropAfter)]).await;
    let intent = lose(&world, "late").await;
    world.clock.advance(SignedDuration::from_mins(61));
    let person = a_person(&world, &sandbox, 3);
    person.publish(&Mastodon, &text("late")).await.unwrap();
    let Finding::Published(found) = check(&world, &intent).await else {
        panic!("the person's came an hour later")
    };
    assert_eq!(found.id, published(&sandbox)[0].remote_id);
}

#[tokio::test]
async fn a_repeat_that_comes_after_the_key_has_ended_is_not_sent_before_the_words_were_looked_for() {
    let (mut world, sandbox) = sandboxed(vec![Rule::nth(Class::Create, 1, Fault::DropAfter)]).await;
    let intent = lose(&world, "once").await;
    let again = freed(&mut world, intent);
    world.clock.advance(SignedDuration::from_mins(61));
    let error = repeat(&world, &again).await.unwrap_err();
    assert_eq!(error.fate, Fate::LandedEarlier { remote: None });
    assert_eq!(published(&sandbox).len(), 1);
    let reopened = world.prior[0].clone();
    assert!(matches!(check(&world, &reopened).await, Finding::Published(_)));
    // Where the words are not there, the next send goes through: what was refused came after the key's end.
    let mut refused = world.record(Part::Head, reopened.prepared.clone());
    refused.state = IntentState::NotPublished;
    refused.id = domain::ids::IntentId::from_bytes([7; 12]);
    world.prior.push(refused);
    assert!(repeat(&world, &again).await.is_ok());
}

#[tokio::test]
async fn a_lost_reply_never_becomes_a_second_status() {
    for fault in [
        Fault::DropAfter,
        Fault::ErrorAfter { status: 503 },
        Fault::Truncated,
        Fault::Malformed,
    ] {
        let (world, sandbox) = sandboxed(vec![Rule::nth(Class::Create, 1, fault.clone())]).await;
        let prepared = world.prepare(&Mastodon, &text("once"), Part::Head, &[]).await.unwrap();
        let intent = world.record(Part::Head, prepared.clone());
        let armed = world.arm(Part::Head, prepared.clone());
        let error = Mastodon.send(&world.ctx(), &armed).await.unwrap_err();
        assert_eq!(error.fate, Fate::MayBePublished, "{fault:?}");
        assert!(
            matches!(check(&world, &intent).await, Finding::Published(_)),
            "{fault:?}"
        );
        // The same bytes again, within the hour in which the key holds.
        let Sent::Live(again) = Mastodon.send(&world.ctx(), &armed).await.unwrap() else {
            panic!()
        };
        assert_eq!(again.id, published(&sandbox)[0].remote_id);
        assert_eq!(published(&sandbox).len(), 1);
    }
}

#[tokio::test]
async fn what_never_arrived_is_absent_and_what_is_refused_is_not_published() {
    let (world, _sandbox) = sandboxed(vec![Rule::nth(Class::Create, 1, Fault::DropBefore)]).await;
    let prepared = world.prepare(&Mastodon, &text("once"), Part::Head, &[]).await.unwrap();
    let intent = world.record(Part::Head, prepared.clone());
    let error = Mastodon
        .send(&world.ctx(), &world.arm(Part::Head, prepared))
        .await
        .unwrap_err();
    assert_eq!(error.fate, Fate::MayBePublished);
    assert_eq!(
        world
            .check(&Mastodon, &intent, &[], &TakenIds::default())
            .await
            .unwrap(),
        Finding::Absent
    );

    let (world, _sandbox) = sandboxed(vec![Rule::always(Class::Create, Fault::RejectContent)]).await;
    let prepared = world.prepare(&Mastodon, &text("no"), Part::Head, &[]).await.unwrap();
    let error = Mastodon
        .send(&world.ctx(), &world.arm(Part::Head, prepared))
        .await
        .unwrap_err();
    assert_eq!(
        (error.fate, error.kind),
        (Fate::NotPublished, ErrorKind::ContentRejected)
    );
}

#[tokio::test]
async fn a_check_that_fails_is_no_verdict() {
    let faults = [
        Fault::ErrorBefore { status: 503 },
        Fault::RateLimit { retry_after_s: 30 },
        Fault::ExpiredToken,
        Fault::DropBefore,
        Fault::Malformed,
    ];
    for fault in faults {
        let (world, _sandbox) = sandboxed(vec![Rule::always(Class::Read, fault.clone())]).await;
        let prepared = world.prepare(&Mastodon, &text("hi"), Part::Head, &[]).await.unwrap();
        let intent = world.record(Part::Head, prepared);
        world.clock.advance(SignedDuration::from_mins(61));
        let error = world
            .check(&Mastodon, &intent, &[], &TakenIds::default())
            .await
            .unwrap_err();
        assert_eq!(
            (error.stage, error.fate),
            (Stage::Check, Fate::NotPublished),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_status_that_belongs_to_another_post_or_is_older_or_says_something_else_is_not_ours() {
    let (world, sandbox) = sandboxed(vec![]).await;
    let mut other = a_person(&world, &sandbox, 6);
    other.publish(&Mastodon, &text("same words")).await.unwrap();
    world.clock.advance(SignedDuration::from_mins(5));
    let prepared = world
        .prepare(&Mastodon, &text("same words"), Part::Head, &[])
        .await
        .unwrap();
    let intent = world.record(Part::Head, prepared);
    other.seed = crate::Seed([8; 32]);
    let reply = with_reply(text("other words"), "same words", vec![]);
    other.publish(&Mastodon, &reply).await.unwrap();
    let after_the_key = SignedDuration::from_mins(61);
    world.clock.advance(after_the_key);
    let none = TakenIds::default();
    assert_eq!(
        world.check(&Mastodon, &intent, &[], &none).await.unwrap(),
        Finding::Absent,
        "one is older, one says something else, one is a reply"
    );

    let intent = world.record(Part::Head, intent.prepared);
    other.seed = crate::Seed([9; 32]);
    let theirs = other.publish(&Mastodon, &text("same words")).await.unwrap().remove(0).1;
    world.clock.advance(after_the_key);
    let taken = TakenIds(vec![theirs.id.clone()]);
    assert_eq!(
        world.check(&Mastodon, &intent, &[], &taken).await.unwrap(),
        Finding::Absent,
        "it is taken"
    );
    assert_eq!(
        world.check(&Mastodon, &intent, &[], &none).await.unwrap(),
        Finding::Published(theirs)
    );
}

/// A server without keys whose clock is `hour` o'clock when ours is nine, with `count` strange statuses before ours, of
/// which there are so many, and a twin of it from ten minutes before.
async fn crowded(hour: i8, count: usize, ours: usize) -> Server {
    let status = |n: usize, minute: u32, parent: Option<&str>| {
        let hour = if minute == 50 { hour - 1 } else { hour };
        json!({
            "id": format!("{}", 1_000 - n), "url": null, "created_at": format!("2026-11-22T{hour:02}:{minute:02}:00.000Z"),
            "in_reply_to_id": parent, "media_attachments": [],
        })
    };
    let mut all: Vec<_> = (0..count).map(|n| status(n, 30, Some("7"))).collect();
    all.extend((0..ours).map(|n| status(count + n, 0, None)));
    all.push(status(count + 2, 50, None));
    Server::start(move |request| {
        if request.path.contains("/source") {
            return Reply::json(200, &json!({ "id": "1", "text": "hi", "spoiler_text": "" }));
        }
        if !request.path.contains("/statuses") {
            return Reply::json(200, &json!({ "version": "2.7.2 (compatible; Pleroma 2.6.0)" }));
        }
        let after = request
            .path
            .split("max_id=")
            .nth(1)
            .map_or(0, |id| 1_001 - id.parse::<usize>().unwrap());
        let page: Vec<_> = all.iter().skip(after).take(40).cloned().collect();
        Reply::json(200, &json!(page)).with_header("Date", &format!("Sun, 22 Nov 2026 {hour:02}:00:00 GMT"))
    })
    .await
}

async fn ask(server: &Server) -> Finding {
    let world = World::new(PLATFORM, "1", "t").with_home(server.url());
    let prepared = world.prepare(&Mastodon, &text("hi"), Part::Head, &[]).await.unwrap();
    let intent = world.record(Part::Head, prepared);
    world
        .check(&Mastodon, &intent, &[], &TakenIds::default())
        .await
        .unwrap()
}

#[tokio::test]
async fn the_search_goes_by_the_servers_clock_and_says_when_it_did_not_reach_back_or_found_two() {
    for hour in [8, 9, 10] {
        let finding = ask(&crowded(hour, 60, 1).await).await;
        let Finding::Published(found) = finding else {
            panic!("{finding:?} at {hour}")
        };
        assert_eq!(found.id, "940");
        assert_eq!(ask(&crowded(hour, 60, 2).await).await, Finding::CannotTell);
        assert_eq!(ask(&crowded(hour, 60, 0).await).await, Finding::Absent);
        assert_eq!(ask(&crowded(hour, 300, 1).await).await, Finding::CannotTell);
    }
}
