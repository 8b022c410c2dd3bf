//! Every step of a refresh at which a crash can strike, for tokens that rotate and tokens that last, before and after the
//! end of the present one: what is left is an account that posts or one that says that it must be connected again, never
//! one that claims health and cannot post.

use domain::account::AccountHealth;
use domain::log::LogKind;
use domain::platform::Platform;
use engine::points::CrashPoint;

use crate::care::{account_of, assert_honest, care, keep, post, reread, said};
use crate::world::shelf::StopAt;
use crate::world::{Outside, Shelf, go_on, run_until_stopped};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// The keeper exchanges the token ahead of its end.
    Ahead,
    /// A due post finds it ended.
    Ended,
}

async fn check_crash(outside: &Outside, platform: Platform, point: Option<CrashPoint>, when: When, shelf: &Shelf) {
    let case = format!(
        "{platform}, {when:?}, crash at {}, {}",
        point.map_or("nowhere", CrashPoint::word),
        shelf.name()
    );
    let name = format!(
        "{}-{}-{when:?}-{}",
        platform.word(),
        point.map_or("none", CrashPoint::word),
        shelf.name()
    );
    let setup = outside.engine(shelf.open(), go_on()).await;
    let (user, account) = account_of(outside, &setup, platform, &name).await;
    drop(setup);
    let stop = StopAt::new(point, 1);
    let first = outside.engine(shelf.open(), stop.clone()).await;
    let one = match when {
        When::Ahead => {
            outside.clock.advance_to(account.refresh_at.unwrap());
            keep(&first).await;
            None
        }
        When::Ended => {
            outside.clock.advance_to(account.token_expires_at.unwrap());
            let one = post(outside, &first, &user, &account, &format!("one {name}")).await;
            run_until_stopped(&first).await;
            Some(one)
        }
    };
    assert_eq!(stop.died(), point.is_some(), "{case}");
    drop(first);

    // Only a rotating token whose exchange was answered is lost: the old refresh token is spent, the new one nobody has.
    let lost = platform == Platform::X && point == Some(CrashPoint::RefreshAnswered);
    let second = outside.engine(shelf.open(), go_on()).await;
    care(outside, &second).await;
    if let Some(one) = one {
        let sent = assert_honest(&case, &second, &user, &account, one).await;
        assert_eq!(sent, !lost, "{case}");
    }
    if lost && when == When::Ahead {
        let health = reread(&second, &account).await.health;
        assert_eq!(health, AccountHealth::Ok, "{case}: not given up while its token lives");
    }
    let two = post(outside, &second, &user, &account, &format!("two {name}")).await;
    care(outside, &second).await;
    let sent = assert_honest(&case, &second, &user, &account, two).await;
    assert_eq!(
        sent,
        when == When::Ahead || !lost,
        "{case}: the present token is good until it ends"
    );

    let end = reread(&second, &account).await.token_expires_at.unwrap();
    outside.clock.advance_to(end);
    care(outside, &second).await;
    let three = post(outside, &second, &user, &account, &format!("three {name}")).await;
    care(outside, &second).await;
    let sent = assert_honest(&case, &second, &user, &account, three).await;
    assert_eq!(sent, !lost, "{case}");
    let asked_for = said(&second, &account, LogKind::ReconnectNeeded).await;
    assert_eq!(asked_for, usize::from(lost), "{case}: said once, or not at all");
}

async fn check_crashes(platform: Platform) {
    let points = [
        None,
        Some(CrashPoint::RefreshBegun),
        Some(CrashPoint::RefreshAnswered),
        Some(CrashPoint::RefreshDurable),
    ];
    for point in points {
        for when in [When::Ahead, When::Ended] {
            for shelf in [Shelf::memory(), Shelf::sqlite()] {
                // A world each: what a case lives through takes months.
                check_crash(&Outside::new().await, platform, point, when, &shelf).await;
            }
        }
    }
}

#[tokio::test]
async fn a_crash_in_a_refresh_of_rotating_tokens_leaves_an_account_that_posts_or_says_reconnect() {
    check_crashes(Platform::X).await;
}

#[tokio::test]
async fn a_crash_in_a_refresh_of_lasting_tokens_leaves_an_account_that_posts() {
    check_crashes(Platform::LinkedIn).await;
}
