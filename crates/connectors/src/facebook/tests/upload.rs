//! Films go on from where they were cut, and begin anew when Facebook has forgotten them.

use sandbox::{Class, Fault, Rule, Sandbox};

use super::*;
use crate::testing::film_of;

/// Publishes a film, going on with what is known after every failed step; gives back how many failed.
async fn publish(world: &World, draft: &Draft) -> usize {
    let (mut resume, mut failed): (Option<SecretBytes>, usize) = (None, 0);
    for _ in 0..80 {
        match Facebook
            .prepare(&world.ctx(), draft, Part::Head, &[], resume.as_ref())
            .await
        {
            Ok(Preparation::Ready(prepared)) => {
                let record = world.record(Part::Head, prepared.clone());
                let armed = world.arm(Part::Head, prepared);
                if let Sent::Processing { again_at, .. } = Facebook.send(&world.ctx(), &armed).await.unwrap() {
                    world.clock.advance_to(again_at);
                    wait_for(world, &record).await;
                }
                return failed;
            }
            Ok(Preparation::Working { handle, again_at }) => {
                world.clock.advance_to(again_at);
                resume = Some(handle);
            }
            Err(error) => {
                assert_eq!(
                    error.retry.from,
                    domain::error::From::Send,
                    "what arrived is kept: {error:?}"
                );
                failed += 1;
            }
        }
    }
    panic!("the upload does not end");
}

pub(super) async fn wait_for(world: &World, intent: &IntentRecord) -> RemotePost {
    for _ in 0..20 {
        match world.check(&Facebook, intent, &[], &TakenIds::default()).await.unwrap() {
            Finding::Published(remote) => return remote,
            Finding::StillProcessing { again_at } => world.clock.advance_to(again_at),
            other => panic!("{other:?}"),
        }
    }
    panic!("the processing does not end");
}

async fn sandboxed(script: Vec<Rule>, bytes: usize) -> (World, Sandbox, Media) {
    let (mut world, sandbox) = World::in_sandbox(P, script).await;
    let film = world.media.add(MediaKind::Video, "video/mp4", film_of(bytes));
    (world, sandbox, film)
}

#[tokio::test]
async fn a_film_of_the_feed_goes_on_after_a_cut_at_every_piece() {
    // Class Upload: start is the first, then a piece of one MiB each.
    for (cut_at, fault) in [
        (2, Fault::DropBefore),
        (3, Fault::DropAfter),
        (4, Fault::Cut { bytes: 1_000 }),
    ] {
        let (world, sandbox, film) = sandboxed(vec![Rule::nth(Class::Upload, cut_at, fault.clone())], 3_000_000).await;
        let words = draft(P, "film", vec![film.clone()]);
        assert_eq!(publish(&world, &words).await, 1, "{fault:?}");
        let posts = sandbox.published(&sandbox::Filter::default());
        assert_eq!((posts.len(), &posts[0].media), (1, &vec![film.sha256]), "{fault:?}");
    }
}

#[tokio::test]
async fn a_reel_goes_on_with_the_bytes_that_are_missing() {
    // Class Upload: start is the first, the stream the second.
    let (world, sandbox, film) = sandboxed(
        vec![Rule::nth(Class::Upload, 2, Fault::Cut { bytes: 1_234_567 })],
        3_000_000,
    )
    .await;
    let reel = with_settings(draft(P, "reel", vec![film.clone()]), json!({ "contentType": "reel" }));
    assert_eq!(publish(&world, &reel).await, 1);
    let posts = sandbox.published(&sandbox::Filter::default());
    assert_eq!((posts.len(), &posts[0].media), (1, &vec![film.sha256]));
}

#[tokio::test]
async fn an_upload_that_facebook_has_forgotten_begins_anew() {
    for settings in [json!({}), json!({ "contentType": "reel" })] {
        // The first piece, or stream, fails; the next comes a day later.
        let (world, sandbox, film) = sandboxed(
            vec![Rule::nth(Class::Upload, 2, Fault::Cut { bytes: 1_000 })],
            3_000_000,
        )
        .await;
        let words = with_settings(draft(P, "late", vec![film.clone()]), settings.clone());
        let first = Facebook
            .prepare(&world.ctx(), &words, Part::Head, &[], None)
            .await
            .unwrap();
        let Preparation::Working { handle, .. } = first else {
            panic!()
        };
        Facebook
            .prepare(&world.ctx(), &words, Part::Head, &[], Some(&handle))
            .await
            .unwrap_err();
        world.clock.advance(SignedDuration::from_hours(25));
        let mut resume = handle;
        let prepared = loop {
            match Facebook
                .prepare(&world.ctx(), &words, Part::Head, &[], Some(&resume))
                .await
                .unwrap()
            {
                Preparation::Ready(prepared) => break prepared,
                Preparation::Working { handle, again_at } => {
                    world.clock.advance_to(again_at);
                    resume = handle;
                }
            }
        };
        let armed = world.arm(Part::Head, prepared);
        Facebook.send(&world.ctx(), &armed).await.unwrap();
        let posts = sandbox.published(&sandbox::Filter::default());
        assert_eq!((posts.len(), &posts[0].media), (1, &vec![film.sha256]), "{settings}");
    }
}

#[tokio::test]
async fn a_film_that_cannot_be_processed_is_refused_before_it_is_published() {
    for settings in [json!({}), json!({ "contentType": "reel" })] {
        let (world, sandbox, film) =
            sandboxed(vec![Rule::always(Class::Upload, Fault::ProcessingFails)], 1_000_000).await;
        let words = with_settings(draft(P, "bad", vec![film]), settings.clone());
        let error = world.prepare(&Facebook, &words, Part::Head, &[]).await.unwrap_err();
        assert_eq!(
            (error.kind, error.retry.from),
            (ErrorKind::MediaRejected, domain::error::From::Prepare),
            "{settings}"
        );
        assert!(sandbox.published(&sandbox::Filter::default()).is_empty());
    }
}

/// The intent to end the upload of a reel.
fn finish(world: &World) -> IntentRecord {
    let frozen = Frozen::Finish {
        kind: settings::Kind::Reel,
        film: "501".to_owned(),
        fields: vec![],
    };
    let prepared = domain::intent::Prepared {
        version: prepare::VERSION,
        bytes: freeze(P, Stage::Prepare, &frozen).unwrap(),
        dedupe: vec![],
        fingerprint: domain::intent::Fingerprint([0; 32]),
        budget: SignedDuration::from_secs(60),
    };
    world.record(Part::Head, prepared)
}

#[tokio::test]
async fn the_end_of_an_upload_is_not_sent_again_once_publishing_has_begun() {
    let not_understood = json!({ "error": { "code": 100, "message": "(#100) Invalid video" } });
    for (phase, sent) in [("in_progress", 0), ("complete", 0), ("not_started", 1)] {
        let state = json!({ "id": "501", "status": {
            "video_status": "processing", "uploading_phase": { "status": "complete" },
            "processing_phase": { "status": "in_progress" }, "publishing_phase": { "status": phase },
        } });
        let refusal = not_understood.clone();
        let server = Server::start(move |request| match request.method.as_str() {
            "GET" => Reply::json(200, &state),
            _ => Reply::json(400, &refusal),
        })
        .await;
        let mut world = World::new(P, "111", "token").with_endpoint(server.url());
        let mut earlier = finish(&world);
        let armed = world.arm(Part::Head, earlier.prepared.clone());
        earlier.state = IntentState::Absent;
        earlier.id = domain::ids::IntentId::from_bytes([8; 12]);
        world.prior = vec![earlier];
        let error = Facebook.send(&world.ctx(), &armed).await.unwrap_err();
        assert_eq!(error.fate, Fate::LandedEarlier { remote: None }, "{phase}");
        let posts = server
            .requests()
            .iter()
            .filter(|request| request.method == "POST")
            .count();
        assert_eq!(posts, sent, "{phase}");
    }
}

#[tokio::test]
async fn publishing_that_was_accepted_and_has_not_begun_is_waited_for() {
    let state = json!({ "id": "501", "status": { "publishing_phase": { "status": "not_started" } } });
    let server = Server::start(move |_| Reply::json(200, &state)).await;
    let world = World::new(P, "111", "token").with_endpoint(server.url());
    let intent = finish(&world);
    let handle = freeze(P, Stage::Send, &"501").unwrap();
    for (minutes, accepted, waits) in [(0, true, true), (20, true, false), (0, false, false)] {
        world.clock.advance(SignedDuration::from_mins(minutes));
        let probe = Probe {
            part: Part::Head,
            intent: &intent,
            parents: &[],
            handle: accepted.then_some(&handle),
            taken: &TakenIds::default(),
        };
        let finding = Facebook.check(&world.ctx(), probe).await.unwrap();
        assert_eq!(matches!(finding, Finding::StillProcessing { .. }), waits, "{finding:?}");
        assert_eq!(finding == Finding::Absent, !waits, "{finding:?}");
    }
}

#[tokio::test]
async fn a_reel_that_is_not_known_yet_goes_up_from_its_first_byte() {
    let unknown = json!({ "error": { "code": 100, "error_subcode": 33, "message": "Unsupported get request" } });
    let mut bench = crate::testing::Bench::new(&Facebook, vec![]).await;
    let film = Media {
        alt: None,
        ..bench.film()
    };
    let fault = Fault::Custom {
        status: 400,
        body: unknown.to_string(),
        content_type: None,
        after: false,
    };
    let rules = sandbox::RuleSet {
        platform: Some(P),
        account: Some(bench.world.remote_id.clone()),
        rules: vec![Rule::nth(Class::Check, 1, fault)],
        latency_ms: None,
    };
    bench.sandbox.add_rules(rules).unwrap();
    let reel = with_settings(draft(P, "reel", vec![film.clone()]), json!({ "contentType": "reel" }));
    bench.publish(&reel).await;
    assert_eq!(bench.published()[0].media, [film.sha256]);
    let calls = bench.sandbox.requests(0, 1_000).into_iter();
    let of_upload = calls.filter(|line| line.path.ends_with("/video_reels")).count();
    assert_eq!(of_upload, 2, "begun once, and ended");
}

#[tokio::test]
async fn a_reel_that_fails_after_it_was_published_ends_with_why_and_not_in_a_circle() {
    let failed = json!({ "status": {
        "video_status": "error",
        "uploading_phase": { "status": "completed" },
        "processing_phase": { "status": "error", "errors": [{ "code": 1_363_129, "message": "Too slow" }] },
        "publishing_phase": { "status": "not_started" },
    }, "id": "501" });
    let server = Server::start(move |_| Reply::json(200, &failed)).await;
    let mut world = World::new(P, "111", "token").with_endpoint(server.url());
    let mut intent = finish(&world);
    let prepared = intent.prepared.clone();
    assert_eq!(
        world
            .check(&Facebook, &intent, &[], &TakenIds::default())
            .await
            .unwrap(),
        Finding::Absent
    );
    intent.state = IntentState::Absent;
    world.prior = vec![intent];
    let armed = world.arm(Part::Head, prepared);
    let error = Facebook.send(&world.ctx(), &armed).await.unwrap_err();
    assert_eq!((error.kind, error.fate), (ErrorKind::MediaRejected, Fate::NotPublished));
    assert_eq!(error.code.as_deref(), Some("1363129"));
    assert!(server.requests().iter().all(|request| request.method == "GET"));
}
