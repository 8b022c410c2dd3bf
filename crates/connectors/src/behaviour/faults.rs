//! Whatever happens to the call that publishes, there is one post or none, and what the connector says of it is true.

use domain::capability::PostType;
use domain::content::Draft;
use domain::error::{ErrorKind, Fate, PlatformError, When};
use domain::intent::{DedupeMeans, IntentRecord, IntentState, Prepared};
use domain::part::{Part, RemotePost};
use jiff::SignedDuration;
use sandbox::proof::{Shown, note};
use sandbox::{Class, Fault, Rule};

use super::posts::is_named_by;
use super::{Bench, Subject};
use crate::testing::TakenIds;
use crate::{Connector, Finding, Sent};

/// Faults that leave the outcome open, or may.
pub(crate) const RECOVERED: &[Fault] = &[
    Fault::DropAfter,
    Fault::ErrorAfter { status: 500 },
    Fault::Malformed,
    Fault::Truncated,
    Fault::ReadLag { s: 20 },
    Fault::DropBefore,
    Fault::ErrorBefore { status: 503 },
    Fault::HtmlError { status: 502 },
];

/// Faults after which it is certain that nothing was published.
pub(crate) const REFUSED: &[Fault] = &[
    Fault::RateLimit { retry_after_s: 2 },
    Fault::ExpiredToken,
    Fault::RejectContent,
    Fault::Redirect307 { to: String::new() },
];

/// More questions than it takes anywhere.
const QUESTIONS_MAX: usize = 60;

/// What a server knows in the end.
#[derive(Debug, PartialEq)]
enum End {
    Live(RemotePost),
    NobodyCanTell,
}

fn kind_of(subject: &Subject) -> PostType {
    let takes_text = subject.connector.capability().takes(PostType::Text);
    if takes_text { PostType::Text } else { PostType::Image }
}

async fn prepared(bench: &Bench, connector: &dyn Connector, draft: &Draft) -> Prepared {
    let prepared = bench.world.prepare(connector, draft, Part::Head, &[]).await;
    prepared.unwrap_or_else(|error| panic!("a post that should meet a fault is not even prepared: {error:?}"))
}

async fn send(bench: &Bench, connector: &dyn Connector, prepared: &Prepared) -> Result<Sent, PlatformError> {
    let armed = bench.world.arm(Part::Head, prepared.clone());
    connector.send(&bench.world.ctx(), &armed).await
}

/// A post whose creating call is met by this fault. In the end there is exactly one, and it is known which, unless the
/// connector said beforehand that it would have no means to find out.
pub(crate) async fn a_post_met_by(subject: &Subject, fault: &Fault) {
    let connector = subject.connector;
    let mut script = vec![Rule::nth(Class::Create, 1, fault.clone())];
    if matches!(fault, Fault::ReadLag { .. }) {
        script.push(Rule::nth(Class::Create, 1, Fault::DropAfter));
    }
    let mut bench = Bench::new(subject, script).await;
    let draft = bench.post(kind_of(subject));
    let prepared = prepared(&bench, connector, &draft).await;
    let has_means = prepared
        .dedupe
        .iter()
        .any(|dedupe| !matches!(dedupe.means, DedupeMeans::None));
    let intent = bench.world.record(Part::Head, prepared.clone());
    let end = match send(&bench, connector, &prepared).await {
        Ok(Sent::Live(remote)) => End::Live(remote),
        Ok(Sent::Processing { .. }) => recover(&mut bench, connector, intent).await,
        Err(error) => {
            assert_eq!(error.fate, Fate::MayBePublished, "{fault:?}: {error:?}");
            recover(&mut bench, connector, intent).await
        }
    };
    let posts = bench.published();
    assert!(posts.len() <= 1, "{fault:?}: published twice: {posts:?}");
    match end {
        End::Live(remote) => {
            assert_eq!(posts.len(), 1, "{fault:?}: {remote:?} is not there");
            assert!(
                is_named_by(&remote, &posts[0]),
                "{fault:?}: {remote:?} is not {:?}",
                posts[0]
            );
        }
        End::NobodyCanTell => assert!(!has_means, "{fault:?}: {:?} did not help", prepared.dedupe),
    }
    note(bench.world.platform, Shown::Fault(fault.word().to_owned()));
}

/// Asks as the engine does: so often, so far apart and so long as the capability says, and sends the same again only when
/// the post is absent by that rule.
async fn recover(bench: &mut Bench, connector: &dyn Connector, mut intent: IntentRecord) -> End {
    let ask = &connector.capability().ask;
    let (mut absent, mut freed) = (0, IntentState::Absent);
    for _ in 0..QUESTIONS_MAX {
        bench.world.clock.advance(ask.ask_after);
        let finding = bench.world.check(connector, &intent, &[], &TakenIds::default()).await;
        match finding.unwrap_or(Finding::CannotTell) {
            Finding::Published(remote) => return End::Live(remote),
            Finding::StillProcessing { again_at } | Finding::Unnamed { again_at, .. } => {
                bench.world.clock.advance_to(again_at);
            }
            Finding::CannotTell => absent = 0,
            found @ (Finding::Absent | Finding::RepeatTells) => {
                if found == Finding::RepeatTells {
                    freed = IntentState::Untold;
                }
                absent += 1;
                let settled = bench.world.ctx().now >= intent.send_by + ask.settle_for;
                if absent >= ask.ask_times && settled {
                    break;
                }
            }
        }
    }
    if absent < ask.ask_times {
        return End::NobodyCanTell;
    }
    intent.state = freed;
    intent.id = domain::ids::IntentId::from_bytes([8; 12]);
    bench.world.prior = vec![intent.clone()];
    match send(bench, connector, &intent.prepared).await {
        Ok(Sent::Live(remote)) => End::Live(remote),
        Ok(Sent::Processing { again_at, .. }) => {
            bench.world.clock.advance_to(again_at);
            End::Live(found(bench, connector, &intent).await)
        }
        Err(PlatformError {
            fate: Fate::LandedEarlier { remote: Some(remote) },
            ..
        }) => End::Live(remote),
        Err(PlatformError {
            fate: Fate::LandedEarlier { remote: None },
            ..
        }) => End::Live(found(bench, connector, &intent).await),
        Err(other) => panic!("the second send: {other:?}"),
    }
}

async fn found(bench: &Bench, connector: &dyn Connector, intent: &IntentRecord) -> RemotePost {
    for _ in 0..QUESTIONS_MAX {
        match bench.world.check(connector, intent, &[], &TakenIds::default()).await {
            Ok(Finding::Published(remote)) => return remote,
            _ => bench.world.clock.advance(SignedDuration::from_secs(30)),
        }
    }
    panic!("what had landed is not found");
}

/// A post that is refused: nothing is out there, and the error says so, and whether another try makes sense.
pub(crate) async fn a_refusal(subject: &Subject, fault: &Fault) {
    let connector = subject.connector;
    let mut bench = Bench::new(subject, vec![]).await;
    let fault = match fault {
        Fault::Redirect307 { .. } => Fault::Redirect307 {
            to: bench.sandbox.base_url().to_string(),
        },
        other => other.clone(),
    };
    let draft = bench.post(kind_of(subject));
    let prepared = prepared(&bench, connector, &draft).await;
    let rules = sandbox::RuleSet {
        platform: Some(bench.world.platform),
        account: Some(bench.world.remote_id.clone()),
        rules: vec![Rule::nth(Class::Create, 1, fault.clone())],
        latency_ms: None,
    };
    bench.sandbox.add_rules(rules).unwrap();
    let error = send(&bench, connector, &prepared).await.unwrap_err();
    assert_eq!(error.fate, Fate::NotPublished, "{fault:?}: {error:?}");
    assert_eq!(bench.published(), [], "{fault:?}");
    match fault {
        Fault::RateLimit { .. } => {
            match error.retry.when {
                When::NotBefore(at) => bench.world.clock.advance_to(at),
                When::After(pause) => bench.world.clock.advance(pause),
                When::Backoff => bench.world.clock.advance(SignedDuration::from_secs(30)),
                other => panic!("a pause is no reason for {other:?}: {error:?}"),
            }
            let again = send(&bench, connector, &prepared).await;
            assert!(again.is_ok(), "{again:?}");
            assert_eq!(bench.published().len(), 1);
        }
        Fault::ExpiredToken => assert_eq!(error.kind, ErrorKind::Auth, "{error:?}"),
        _ => assert_eq!(error.retry.when, When::Never, "{fault:?}: {error:?}"),
    }
    note(bench.world.platform, Shown::Fault(fault.word().to_owned()));
}

/// A film that takes its time goes out once it is done, and one that cannot be processed does not, wherever the platform
/// processes before it publishes.
pub(crate) async fn processing(subject: &Subject) {
    for fault in [Fault::ProcessingPolls { n: 3 }, Fault::ProcessingFails] {
        let mut bench = Bench::new(subject, vec![Rule::always(Class::Upload, fault.clone())]).await;
        if !subject.connector.capability().takes(PostType::Video) {
            return;
        }
        let draft = bench.post(PostType::Video);
        let outcome = bench.world.publish(subject.connector, &draft).await;
        let posts = bench.published();
        match outcome {
            Ok(_) => assert_eq!(posts.len(), 1, "{fault:?}"),
            Err(error) => {
                assert_eq!(fault, Fault::ProcessingFails, "{error:?}");
                assert_eq!((&error.fate, posts.len()), (&Fate::NotPublished, 0), "{error:?}");
            }
        }
        note(bench.world.platform, Shown::Fault(fault.word().to_owned()));
    }
}
