//! Members' posts cannot be listed: the second send of the same bytes is the question, and only for some minutes.

use domain::error::{From, When};
use domain::ids::IntentId;
use domain::intent::{DedupeMeans, Prepared};

use super::*;

fn duplicate(of: &str) -> Reply {
    Reply::json(
        422,
        &json!({
            "errorDetailType": "com.linkedin.common.error.BadRequest",
            "message": format!(
                "com.linkedin.content.common.exception.BadRequestResponseException: Content is a duplicate of {of}"
            ),
            "errorDetails": { "inputErrors": [
                { "description": "Duplicate post is detected", "input": {}, "code": "DUPLICATE_POST" },
            ] },
            "status": 422,
        }),
    )
}

async fn prepared(world: &World) -> Prepared {
    let draft = draft(P, "hello", vec![]);
    world.prepare(&LinkedIn, &draft, Part::Head, &[]).await.unwrap()
}

/// An earlier send of the part that ended like this.
fn earlier(world: &World, prepared: &Prepared, state: IntentState) -> IntentRecord {
    IntentRecord {
        id: IntentId::from_bytes([8; 12]),
        state,
        ..world.record(Part::Head, prepared.clone())
    }
}

async fn send(world: &World, prepared: &Prepared) -> Result<Sent, PlatformError> {
    let armed = world.arm(Part::Head, prepared.clone());
    LinkedIn.send(&world.ctx(), &armed).await
}

#[tokio::test]
async fn a_lost_answer_is_cleared_up_by_the_same_bytes_once_more() {
    let server = Server::answering([Reply::HangUp, duplicate(&fresh(1))]).await;
    let mut world = World::new(P, "AbC123", "token").with_endpoint(server.url());
    let prepared = prepared(&world).await;
    assert!(matches!(prepared.dedupe[0].means, DedupeMeans::EchoOnResend { .. }) && prepared.is_confusable());
    let error = send(&world, &prepared).await.unwrap_err();
    assert_eq!(error.fate, Fate::MayBePublished);
    let open = earlier(&world, &prepared, IntentState::Open);
    world.clock.advance(SignedDuration::from_secs(70));
    assert_eq!(
        world.check(&LinkedIn, &open, &[], &TakenIds::default()).await.unwrap(),
        Finding::RepeatTells
    );
    world.prior = vec![IntentRecord {
        state: IntentState::Untold,
        ..open
    }];
    let error = send(&world, &prepared).await.unwrap_err();
    let remote = Some(remote_post(&fresh(1)));
    assert_eq!(error.fate, Fate::LandedEarlier { remote });
    let bodies: Vec<_> = server.requests().iter().map(|request| request.body.clone()).collect();
    assert_eq!(bodies[0], bodies[1], "byte for byte");
}

#[tokio::test]
async fn outside_the_window_nothing_is_sent_again_by_itself() {
    let server = Server::start(|_| created(&fresh(1))).await;
    let mut world = World::new(P, "AbC123", "token").with_endpoint(server.url());
    let prepared = prepared(&world).await;
    let open = earlier(&world, &prepared, IntentState::Open);
    world.clock.advance(SignedDuration::from_secs(241));
    assert_eq!(
        world.check(&LinkedIn, &open, &[], &TakenIds::default()).await.unwrap(),
        Finding::CannotTell
    );
    // Freed in time, but claimed too late: a server that was down for a while.
    world.clock.advance(SignedDuration::from_secs(60));
    world.prior = vec![IntentRecord {
        state: IntentState::Absent,
        ..open.clone()
    }];
    let error = send(&world, &prepared).await.unwrap_err();
    assert_eq!(error.fate, Fate::LandedEarlier { remote: None });
    assert_eq!(server.requests().len(), 0);
    // A person may have it sent again all the same.
    world.prior = vec![IntentRecord {
        state: IntentState::Abandoned,
        ..open
    }];
    assert!(matches!(send(&world, &prepared).await.unwrap(), Sent::Live(_)));
}

#[tokio::test]
async fn a_duplicate_is_ours_only_if_an_earlier_send_could_have_made_it() {
    let old = format!(
        "urn:li:share:{}",
        (u64::try_from(start().as_millisecond()).unwrap() - 3_600_000) << 22
    );
    let odd = "urn:li:share:none".to_owned();
    for (named, state, fate) in [
        (fresh(1), None, Fate::NotPublished),
        (fresh(1), Some(IntentState::NotPublished), Fate::NotPublished),
        (old, Some(IntentState::Absent), Fate::LandedEarlier { remote: None }),
        (odd, Some(IntentState::Absent), Fate::LandedEarlier { remote: None }),
    ] {
        let server = Server::answering([duplicate(&named)]).await;
        let mut world = World::new(P, "AbC123", "token").with_endpoint(server.url());
        let prepared = prepared(&world).await;
        world.prior = state
            .map(|state| earlier(&world, &prepared, state))
            .into_iter()
            .collect();
        let error = send(&world, &prepared).await.unwrap_err();
        assert_eq!(
            (error.fate, error.kind, error.retry.when),
            (fate, ErrorKind::DuplicateContent, When::Never),
            "{named}"
        );
    }
}

#[tokio::test]
async fn a_success_without_an_id_is_no_success_yet() {
    let server = Server::answering([Reply::text(201, "application/json", "")]).await;
    let world = World::new(P, "AbC123", "token").with_endpoint(server.url());
    let error = send(&world, &prepared(&world).await).await.unwrap_err();
    assert_eq!((error.fate, error.kind), (Fate::MayBePublished, ErrorKind::Protocol));
}

#[tokio::test]
async fn a_file_that_is_not_ready_is_waited_for_with_what_was_prepared() {
    let body = json!({ "status": 400, "code": "MEDIA_ASSET_WAITING_UPLOAD", "message": "Wait" });
    let server = Server::answering([Reply::json(400, &body)]).await;
    let world = World::new(P, "AbC123", "token").with_endpoint(server.url());
    let error = send(&world, &prepared(&world).await).await.unwrap_err();
    assert_eq!(error.fate, Fate::NotPublished);
    assert_eq!(
        (error.retry.when, error.retry.from),
        (When::After(SignedDuration::from_mins(2)), From::Send)
    );
}
