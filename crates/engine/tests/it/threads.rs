//! Threads of which something is out there already: what is left goes out, or is said.

use std::sync::{Arc, Mutex};

use connectors::Registry;
use domain::account::Account;
use domain::clock::BoxFut;
use domain::error::ErrorKind;
use domain::part::Part;
use domain::platform::Platform;
use domain::post::PostState;
use engine::{Engine, Error, Publisher, Settings};
use sandbox::{Class, Fault, Rule};
use store::Reach;
use tokio_util::sync::CancellationToken;

use crate::world::meddler::{Step, meddle};
use crate::world::{self, Outside, content, go_on, post_now, run_to_the_end, state};

#[tokio::test]
async fn a_thread_goes_on_behind_the_reply_that_a_person_has_seen_and_comes_down_whole() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let script = vec![Rule::nth(Class::Create, 2, Fault::DropAfter)];
    let (user, account) = outside.connect(&engine, Platform::Telegram, "thread", script).await;
    let reach = Reach { owner: user.id };
    let replies = ["two".to_owned(), "three".to_owned()];
    let thread = content(&outside, Platform::Telegram, "one", &replies);
    let group = post_now(&engine, &user, &account, thread).await;
    run_to_the_end(&outside, &engine).await;
    match state(&engine, &user, group).await {
        PostState::Unconfirmed { parts, .. } => assert_eq!((parts.live, parts.of), (1, 3)),
        other => panic!("{other:?}"),
    }
    let post = engine.group(&reach, group).await.unwrap().posts.first().unwrap().id;
    for nowhere in ["https://t.me/thread", "two", "ftp://t.me/thread/2"] {
        let refused = engine.resolve_published(&reach, post, nowhere.to_owned()).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }
    let all = outside.sandbox.published(&sandbox::Filter {
        platform: Some(Platform::Telegram),
        account: None,
        text: None,
    });
    let second = all.iter().find(|post| post.text == "two").unwrap();
    let page = format!(
        "https://t.me/thread/{}?single",
        second.remote_id.rsplit('/').next().unwrap()
    );
    engine.resolve_published(&reach, post, page).await.unwrap();
    run_to_the_end(&outside, &engine).await;
    let head = all.iter().find(|post| post.text == "one").unwrap();
    match state(&engine, &user, group).await {
        PostState::Published { remote, .. } => assert!(head.remote_id.ends_with(&format!("/{}", remote.id))),
        other => panic!("{other:?}"),
    }
    for text in ["one", "two", "three"] {
        assert_eq!(outside.copies(Platform::Telegram, text), 1, "{text}");
    }
    engine.retract_post(&reach, post).await.unwrap();
    for text in ["one", "two", "three"] {
        assert_eq!(outside.copies(Platform::Telegram, text), 0, "{text}");
    }
}

#[tokio::test]
async fn a_thread_whose_account_goes_between_two_parts_says_at_once_what_is_live() {
    let outside = Outside::new().await;
    let store = world::memory();
    let leaving: Arc<Mutex<Option<(Engine, Account)>>> = Arc::default();
    let hook = {
        let leaving = Arc::clone(&leaving);
        move |step, part| -> BoxFut<'static, ()> {
            let leaves = (step, part) == (Step::Prepare, Part::Reply(1));
            let leaving = leaves.then(|| leaving.lock().unwrap().take().unwrap());
            Box::pin(async move {
                if let Some((engine, account)) = leaving {
                    let reach = Reach { owner: account.owner };
                    engine.remove_account(&reach, account.id).await.unwrap();
                }
            })
        }
    };
    let with = |registry: &mut Registry, _: &mut Settings| meddle(registry, Platform::Mastodon, hook);
    let engine = outside.engine_with(store, go_on(), with).await;
    let (user, account) = outside.connect(&engine, Platform::Mastodon, "leaving", vec![]).await;
    *leaving.lock().unwrap() = Some((engine.clone(), account.clone()));
    let replies = ["two".to_owned(), "three".to_owned()];
    let thread = content(&outside, Platform::Mastodon, "one", &replies);
    let group = post_now(&engine, &user, &account, thread).await;
    let mut publisher = Publisher::new(engine.clone(), CancellationToken::new());
    publisher.run_until_idle().await.unwrap();
    match state(&engine, &user, group).await {
        PostState::Failed { error, parts, .. } => {
            assert_eq!(error.kind, ErrorKind::AccountGone);
            assert_eq!((parts.live, parts.of, parts.head.is_some()), (1, 3, true));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(outside.copies(Platform::Mastodon, "two"), 0);
}

/// X refuses the same words within an hour, whoever's thread they are in, and its look-ups show which are whose.
#[tokio::test]
async fn a_reply_refused_as_the_double_of_another_threads_is_sent_once_more_and_then_left_to_a_person() {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    let lost = vec![Rule::nth(Class::Create, 4, Fault::DropBefore)];
    let (user, account) = outside.connect(&engine, Platform::X, "echo", lost).await;
    let replies = ["the same words".to_owned()];
    let mut groups = Vec::new();
    for head in ["first", "second"] {
        let thread = content(&outside, Platform::X, head, &replies);
        groups.push(post_now(&engine, &user, &account, thread).await);
        run_to_the_end(&outside, &engine).await;
    }
    let first = state(&engine, &user, groups[0]).await;
    assert!(matches!(first, PostState::Published { .. }), "{first:?}");
    match state(&engine, &user, groups[1]).await {
        PostState::Unconfirmed { parts, .. } => assert_eq!((parts.live, parts.of), (1, 2)),
        other => panic!("{other:?}"),
    }
    assert_eq!(outside.copies(Platform::X, "the same words"), 1);
    let group = engine.group(&Reach { owner: user.id }, groups[1]).await.unwrap();
    // The send that was lost, and two that were refused: the answer to the first of those was looked into.
    assert_eq!(group.posts.first().unwrap().attempts, 3);
}
