//! What is read and done beside publishing, with LinkedIn's emulator outside.

use std::sync::Arc;

use domain::account::{Account, Tokens, User};
use domain::error::Fate;
use domain::log::{LogKind, LogOutcome};
use domain::plan::Plan;
use domain::platform::Platform;
use domain::secret::SecretText;
use engine::actions::{Act, Figure, Metric, PostFigures, ProfileFigures, Question};
use engine::{Engine, Error};
use jiff::SignedDuration;
use sandbox::{Class, Fault, Filter, LinkedInFigures, NewSandboxAccount, Rule};
use store::{ACTION_ID, Reach};

use crate::world::{Outside, added, content, go_on, memory, post_now, run_to_the_end};

const SHARE: &str = "urn:li:share:7123456789012345678";
const ACTIVITY: &str = "urn:li:activity:7123456789012345679";
const UGC_POST: &str = "urn:li:ugcPost:7123456789012345680";
const SCOPES: &[&str] = &[
    "w_member_social",
    "w_member_social_feed",
    "r_member_postAnalytics",
    "r_member_profileAnalytics",
];

async fn member(outside: &Outside) -> (Engine, User, Account) {
    let engine = outside.engine(memory(), go_on()).await;
    let mut new = NewSandboxAccount::new(Platform::LinkedIn, "member-ada").with_scopes(SCOPES);
    new.remote_id = Some("AbC123".to_owned());
    let seed = outside.sandbox.add_account(&new).unwrap();
    let tokens = Tokens {
        access: SecretText::from(seed.token.as_str()),
        ..Tokens::default()
    };
    let user = engine.create_user("ada", Plan::default()).await.unwrap();
    let add = added(&user, Platform::LinkedIn, (&seed.remote_id, &seed.handle), tokens);
    let account = engine.add_account(add).await.unwrap();
    outside
        .sandbox
        .linkedin(
            &seed.token,
            LinkedInFigures {
                posts: [(SHARE, SHARE), (ACTIVITY, UGC_POST), (UGC_POST, UGC_POST)]
                    .map(|(urn, is)| (urn.to_owned(), is.to_owned()))
                    .into(),
                of_post: [("IMPRESSION".to_owned(), 41), ("RESHARE".to_owned(), -1)].into(),
                failing: ["COMMENT".to_owned()].into(),
                followers: 700,
                ..LinkedInFigures::default()
            },
        )
        .unwrap();
    (engine, user, account)
}

fn comment() -> Act {
    Act::Comment {
        post: SHARE.to_owned(),
        parent: None,
        text: "Well said".to_owned(),
    }
}

fn made(outside: &Outside) -> usize {
    let filter = Filter {
        platform: Some(Platform::LinkedIn),
        account: None,
        text: None,
    };
    outside
        .sandbox
        .published(&filter)
        .iter()
        .filter(|made| !made.deleted)
        .count()
}

async fn log(engine: &Engine, user: &User) -> Vec<(LogKind, LogOutcome)> {
    let mut entries = engine.recent_log(&Reach { owner: user.id }, 50).await.unwrap();
    entries.retain(|record| matches!(record.entry.kind, LogKind::ActionAttempted | LogKind::ActionEnded));
    entries.reverse();
    entries
        .iter()
        .map(|record| (record.entry.kind, record.entry.outcome))
        .collect()
}

#[tokio::test]
async fn a_comment_is_written_down_before_and_after_it_is_made() {
    let outside = Outside::new().await;
    let (engine, user, account) = member(&outside).await;
    let acted = engine.act(&account, comment()).await.unwrap();
    assert!(acted.answer["id"].is_string() && acted.translated.is_none());
    let written = [
        (LogKind::ActionAttempted, LogOutcome::Info),
        (LogKind::ActionEnded, LogOutcome::Success),
    ];
    assert_eq!(
        (log(&engine, &user).await.as_slice(), made(&outside)),
        (&written[..], 1)
    );
}

#[tokio::test]
async fn a_comment_whose_answer_was_lost_is_not_sent_again_and_is_said_to_be_open() {
    let outside = Outside::new().await;
    let (engine, user, account) = member(&outside).await;
    outside.add_rules(&account, vec![Rule::nth(Class::Create, 1, Fault::DropAfter)]);
    let Err(Error::Platform(error)) = engine.act(&account, comment()).await else {
        panic!("the answer was lost");
    };
    assert_eq!((error.fate, made(&outside)), (Fate::MayBePublished, 1));
    let written = [
        (LogKind::ActionAttempted, LogOutcome::Info),
        (LogKind::ActionEnded, LogOutcome::Unknown),
    ];
    assert_eq!(log(&engine, &user).await, written);
}

#[tokio::test]
async fn a_token_that_has_ended_and_cannot_be_exchanged_makes_nothing() {
    let outside = Outside::new().await;
    let (engine, user, account) = member(&outside).await;
    outside.add_rules(&account, vec![Rule::always(Class::Create, Fault::ExpiredToken)]);
    let Err(Error::Platform(error)) = engine.act(&account, comment()).await else {
        panic!("the token had ended");
    };
    assert_eq!((error.fate, made(&outside)), (Fate::NotPublished, 0));
    let ended = log(&engine, &user).await.pop();
    assert_eq!(ended, Some((LogKind::ActionEnded, LogOutcome::Failure)));
}

#[tokio::test]
async fn an_activity_is_acted_on_as_the_post_that_it_is_about() {
    let outside = Outside::new().await;
    let (engine, _, account) = member(&outside).await;
    let react = |reaction: &str| Act::React {
        post: ACTIVITY.to_owned(),
        reaction: reaction.to_owned(),
    };
    let acted = engine.act(&account, react("LIKE")).await.unwrap();
    assert_eq!(acted.translated.as_deref(), Some(UGC_POST));
    let Err(Error::Platform(error)) = engine.act(&account, react("PRAISE")).await else {
        panic!("there is one already");
    };
    assert_eq!(error.http_status, Some(409));
    let post = ACTIVITY.to_owned();
    engine.act(&account, Act::Unreact { post }).await.unwrap();
    assert_eq!(made(&outside), 0);
}

#[tokio::test]
async fn numbers_are_linkedins_remembered_for_a_while_and_failures_are_not() {
    let outside = Outside::new().await;
    let (engine, _, account) = member(&outside).await;
    let ask = |metric| Question::PostMetric {
        post: SHARE.to_owned(),
        metric,
    };
    let first = engine.ask(&account, ask(Metric::Impression)).await.unwrap();
    assert_eq!((first.figure, first.cached), (Figure::Count(Some(41)), false));
    assert!(engine.ask(&account, ask(Metric::Impression)).await.unwrap().cached);
    outside.clock.advance(SignedDuration::from_mins(30));
    assert!(!engine.ask(&account, ask(Metric::Impression)).await.unwrap().cached);
    let untold = engine.ask(&account, ask(Metric::Reshare)).await.unwrap();
    assert_eq!(untold.figure, Figure::Count(None));
    let before = outside.sandbox.requests(0, 1_000).len();
    for _ in 0..2 {
        assert!(engine.ask(&account, ask(Metric::Comment)).await.is_err());
    }
    assert_eq!(outside.sandbox.requests(0, 1_000).len(), before + 2);
}

#[tokio::test]
async fn numbers_of_posts_and_profiles_are_what_their_servers_say() {
    for platform in [Platform::Mastodon, Platform::Bluesky] {
        let outside = Outside::new().await;
        let engine = outside.engine(memory(), go_on()).await;
        let (user, account) = outside.connect(&engine, platform, "ada.example.com", vec![]).await;
        post_now(
            &engine,
            &user,
            &account,
            content(&outside, platform, "first", &["second".to_owned()]),
        )
        .await;
        run_to_the_end(&outside, &engine).await;
        let filter = Filter {
            platform: Some(platform),
            account: None,
            text: Some("first".to_owned()),
        };
        let post = outside.sandbox.published(&filter).remove(0).remote_id;
        let told = engine
            .ask(&account, Question::Post { post: post.clone() })
            .await
            .unwrap();
        let Figure::Post(Some(figures)) = told.figure else {
            panic!("{platform} knows nothing of {post}");
        };
        let has_quotes = platform == Platform::Bluesky;
        let expected = PostFigures {
            reactions: Some(0),
            comments: Some(1),
            reposts: Some(0),
            quotes: has_quotes.then_some(0),
            saves: has_quotes.then_some(0),
        };
        assert_eq!(figures, expected, "{platform}");
        let gone = Question::Post {
            post: post.replace(|c: char| c.is_ascii_digit(), "7"),
        };
        assert_eq!(
            engine.ask(&account, gone).await.unwrap().figure,
            Figure::Post(None),
            "{platform}"
        );
        let profile = engine.ask(&account, Question::Profile).await.unwrap().figure;
        let expected = ProfileFigures {
            followers: Some(0),
            following: Some(0),
            posts: Some(2),
        };
        assert_eq!(profile, Figure::Profile(expected), "{platform}");
    }
}

#[tokio::test]
async fn an_action_that_a_crash_cut_off_gets_an_end_at_the_next_start_once() {
    let outside = Outside::new().await;
    let (engine, user, account) = member(&outside).await;
    engine.act(&account, comment()).await.unwrap();
    let reach = Reach { owner: user.id };
    let written = engine.recent_log(&reach, 10).await.unwrap();
    let ids: Vec<_> = written
        .iter()
        .filter_map(|record| record.entry.data.get(ACTION_ID))
        .collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1], "both entries name the action");
    // What a process that dies before the answer leaves behind.
    let attempted = written
        .iter()
        .find(|record| record.entry.kind == LogKind::ActionAttempted);
    let cut_off = attempted.unwrap().entry.clone().with(ACTION_ID, "another");
    engine.store().log_connection(&reach, cut_off).await.unwrap();
    let next = outside.engine(Arc::clone(engine.store()), go_on()).await;
    assert_eq!(next.end_lost_actions().await.unwrap(), 1);
    assert_eq!(next.end_lost_actions().await.unwrap(), 0, "once");
    let newest = next.recent_log(&reach, 1).await.unwrap().remove(0).entry;
    assert_eq!(
        (newest.kind, newest.outcome),
        (LogKind::ActionEnded, LogOutcome::Unknown)
    );
    assert_eq!(newest.data[ACTION_ID], "another");
    assert_eq!(newest.account, Some(account.id));
}
