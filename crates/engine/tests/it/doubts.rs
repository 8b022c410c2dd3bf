//! What is written down when an answer is doubtful: no question is put for ever, and none is taken for what it is not.

use domain::account::AccountHealth;
use domain::error::ErrorKind;
use domain::platform::Platform;
use domain::post::PostState;
use jiff::SignedDuration;
use sandbox::{Class, Fault, Rule};
use store::Reach;

use crate::world::{Outside, content, go_on, memory, post_now, run_to_the_end, run_until_stopped, state};

#[tokio::test]
async fn what_is_processed_for_ever_ends_as_unconfirmed() {
    let outside = Outside::new().await;
    let engine = outside.engine(memory(), go_on()).await;
    let lost = vec![Rule::nth(Class::Create, 1, Fault::DropBefore)];
    let (user, account) = outside.connect(&engine, Platform::Threads, "stuck", lost).await;
    let words = content(&outside, Platform::Threads, "still at it", &[]);
    let group = post_now(&engine, &user, &account, words).await;
    for _ in 0..10 {
        run_until_stopped(&engine).await;
        if matches!(state(&engine, &user, group).await, PostState::Reconciling { .. }) {
            break;
        }
        outside.clock.advance(SignedDuration::from_secs(1));
    }
    let never = Fault::Custom {
        status: 200,
        body: r#"{"id":"1","status":"IN_PROGRESS"}"#.to_owned(),
        content_type: None,
        after: false,
    };
    outside.add_rules(&account, vec![Rule::always(Class::Check, never)]);
    for hours in [1, 30] {
        outside.clock.advance(SignedDuration::from_hours(hours));
        run_until_stopped(&engine).await;
        let state = state(&engine, &user, group).await;
        let is_over = matches!(state, PostState::Unconfirmed { .. });
        assert_eq!(is_over, hours > 1, "{state:?}");
    }
    assert_eq!(outside.copies(Platform::Threads, "still at it"), 0);
}

#[tokio::test]
async fn a_question_that_the_account_may_not_put_says_nothing_of_its_connection() {
    let outside = Outside::new().await;
    let engine = outside.engine(memory(), go_on()).await;
    let refused = Fault::Custom {
        status: 403,
        body: r#"{"status":403,"code":"ACCESS_DENIED","message":"Not enough permissions to access"}"#.to_owned(),
        content_type: None,
        after: false,
    };
    let script = vec![
        Rule::nth(Class::Create, 1, Fault::DropAfter),
        Rule::always(Class::Read, refused),
    ];
    let (user, account) = outside.connect(&engine, Platform::LinkedIn, "no-reader", script).await;
    let words = content(&outside, Platform::LinkedIn, "who may read this?", &[]);
    let group = post_now(&engine, &user, &account, words).await;
    run_to_the_end(&outside, &engine).await;
    let state = state(&engine, &user, group).await;
    assert!(matches!(state, PostState::Unconfirmed { .. }), "{state:?}");
    let accounts = engine.accounts(&Reach { owner: user.id }).await.unwrap();
    let account = accounts.first().unwrap();
    assert_eq!(account.health, AccountHealth::Ok);
    let said = account.last_error.as_ref().map(|error| error.kind);
    assert_eq!(said, Some(ErrorKind::Permission), "this test is about such a refusal");
}
