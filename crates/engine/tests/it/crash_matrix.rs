//! Every place at which a crash can strike, crossed with everything that a platform can do to the first send, for every
//! platform and for the second part of a thread as well as the first. Whatever happens, no part is out there twice, and
//! what the server says in the end is true.

use domain::part::Part;
use domain::platform::Platform;
use domain::post::PostState;
use engine::points::CrashPoint;
use sandbox::proof::{Shown, note};
use sandbox::{Class, Fault, Rule};

use crate::world::shelf::StopAt;
use crate::world::{
    EMULATED, MEMBER, Outside, Shelf, content, go_on, post_now, run_to_the_end, run_until_stopped, state,
};

/// What the platform does to the first call that would create the part.
fn faults() -> Vec<(&'static str, Option<Fault>)> {
    vec![
        ("plain", None),
        ("connection dropped before the post exists", Some(Fault::DropBefore)),
        ("connection dropped after the post exists", Some(Fault::DropAfter)),
        ("500 and nothing published", Some(Fault::ErrorBefore { status: 500 })),
        ("500 but published", Some(Fault::ErrorAfter { status: 500 })),
        ("an HTML page with 502", Some(Fault::HtmlError { status: 502 })),
        ("half an answer", Some(Fault::Truncated)),
        ("a malformed answer", Some(Fault::Malformed)),
        ("429 with a time", Some(Fault::RateLimit { retry_after_s: 2 })),
    ]
}

struct Case {
    platform: Platform,
    /// What the accounts' names begin with.
    prefix: &'static str,
    part: Part,
    fault_name: &'static str,
    fault: Option<Fault>,
    point: Option<CrashPoint>,
    nth: u32,
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let point = self.point.map_or("nowhere", CrashPoint::word);
        write!(
            f,
            "{}, {:?}, {}, crash at {point} #{}",
            self.platform, self.part, self.fault_name, self.nth
        )
    }
}

impl Case {
    /// Whether the world can be asked, however late, what became of a send. A bot cannot read what it sent; a member of
    /// LinkedIn is told by a second send of the same bytes, and only for about ten minutes.
    fn can_be_asked(&self) -> bool {
        self.platform != Platform::Telegram && self.prefix != MEMBER
    }
}

fn cases(platform: Platform, prefix: &'static str) -> Vec<Case> {
    let threads = domain::capability::Capability::of(platform).threads;
    let parts = if threads {
        vec![Part::Head, Part::Reply(1)]
    } else {
        vec![Part::Head]
    };
    let points = std::iter::once(None).chain(CrashPoint::ALL.iter().copied().map(Some));
    let mut cases = Vec::new();
    for point in points {
        for (fault_name, fault) in faults() {
            for part in &parts {
                // The crash strikes the part that the fault strikes: a thread reaches each point once for its head.
                let nth = if *part == Part::Head { 1 } else { 2 };
                cases.push(Case {
                    platform,
                    prefix,
                    part: *part,
                    fault_name,
                    fault: fault.clone(),
                    point,
                    nth,
                });
            }
        }
    }
    cases
}

async fn check(outside: &Outside, number: usize, case: &Case, shelf: &Shelf) {
    let (head, reply) = (
        format!("head {number} {}", shelf.name()),
        format!("reply {number} {}", shelf.name()),
    );
    let replies = if case.part == Part::Head {
        Vec::new()
    } else {
        vec![reply.clone()]
    };
    let nth_create = if case.part == Part::Head { 1 } else { 2 };
    let script = case
        .fault
        .clone()
        .map(|fault| Rule::nth(Class::Create, nth_create, fault))
        .into_iter()
        .collect();
    let name = format!("{}{number}{}", case.prefix, shelf.name());

    let setup = outside.engine(shelf.open(), go_on()).await;
    let (user, account) = outside.connect(&setup, case.platform, &name, script).await;
    let group = post_now(
        &setup,
        &user,
        &account,
        content(outside, case.platform, &head, &replies),
    )
    .await;
    drop(setup);
    let first = outside.engine(shelf.open(), StopAt::new(case.point, case.nth)).await;
    run_until_stopped(&first).await;
    drop(first);

    let second = outside.engine(shelf.open(), go_on()).await;
    run_to_the_end(outside, &second).await;
    let state = state(&second, &user, group).await;
    let texts: Vec<_> = std::iter::once(head).chain(replies).collect();
    let copies: Vec<_> = texts.iter().map(|text| outside.copies(case.platform, text)).collect();

    assert!(
        copies.iter().all(|n| *n <= 1),
        "{case} on {}: published twice: {copies:?}, {state:?}",
        shelf.name()
    );
    match &state {
        PostState::Published { .. } => {
            assert!(copies.iter().all(|n| *n == 1), "{case}: says published, but {copies:?}");
        }
        PostState::Unconfirmed { .. } => {
            assert!(
                !case.can_be_asked(),
                "{case}: unconfirmed where the platform can be asked: {copies:?}"
            );
            assert!(
                case.point.is_some() || case.fault.is_some(),
                "{case}: unconfirmed without cause"
            );
        }
        other => panic!("{case} on {}: ended as {other:?} with {copies:?}", shelf.name()),
    }
}

async fn check_all(platform: Platform) {
    check_accounts(platform, platform.word()).await;
    note(platform, Shown::Fault("crash_matrix".to_owned()));
}

async fn check_accounts(platform: Platform, prefix: &'static str) {
    let outside = Outside::new().await;
    for (number, case) in cases(platform, prefix).iter().enumerate() {
        check(&outside, number, case, &Shelf::memory()).await;
        // A real database for what a platform does most often; opening files for all cases would take minutes.
        if matches!(case.fault, None | Some(Fault::DropAfter)) {
            check(&outside, number, case, &Shelf::sqlite()).await;
        }
    }
}

#[tokio::test]
async fn no_crash_and_no_fault_makes_two_toots() {
    check_all(Platform::Mastodon).await;
}

#[tokio::test]
async fn no_crash_and_no_fault_makes_two_telegram_messages() {
    check_all(Platform::Telegram).await;
}

#[tokio::test]
async fn no_crash_and_no_fault_makes_two_bluesky_records() {
    check_all(Platform::Bluesky).await;
}

#[tokio::test]
async fn no_crash_and_no_fault_makes_two_posts_on_x() {
    check_all(Platform::X).await;
}

#[tokio::test]
async fn no_crash_and_no_fault_makes_two_instagram_posts() {
    check_all(Platform::Instagram).await;
}

#[tokio::test]
async fn no_crash_and_no_fault_makes_two_posts_of_an_organization_on_linkedin() {
    check_all(Platform::LinkedIn).await;
}

#[tokio::test]
async fn no_crash_and_no_fault_makes_two_posts_of_a_member_on_linkedin() {
    check_accounts(Platform::LinkedIn, MEMBER).await;
}

#[tokio::test]
async fn no_crash_and_no_fault_makes_two_posts_on_facebook() {
    check_all(Platform::Facebook).await;
}

#[tokio::test]
async fn no_crash_and_no_fault_makes_two_threads() {
    check_all(Platform::Threads).await;
}

#[tokio::test]
async fn every_platform_with_a_connector_is_in_the_matrix() {
    let mut emulated = EMULATED.to_vec();
    emulated.sort();
    let published: Vec<_> = connectors::Registry::all().platforms().collect();
    assert_eq!(
        published, emulated,
        "a platform with a connector stands in EMULATED and has a test here, and no other"
    );
}
