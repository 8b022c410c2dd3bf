//! Accounts are connected through the platforms' consent pages, as a person would, and every way in which that can go
//! wrong is refused and written down.

use domain::account::{AccountHealth, User};
use domain::clock::Clock as _;
use domain::log::{LogEntry, LogKind};
use domain::platform::Platform;
use domain::post::PostState;
use domain::secret::SecretText;
use engine::accounts::{ConnectWith, Failure, Outcome, Presented, Reason, SignInEnd};
use engine::{AccountLogQuery, Engine, Error, Reach};
use jiff::SignedDuration;
use sandbox::{Class, Fault, Rule, RuleSet};

use crate::browser::{allow, connected, decide, sign_in, start, user};
use crate::world::{self, Outside, content, go_on, post_now, run_to_the_end, state};

pub(crate) async fn world() -> (Outside, Engine) {
    let outside = Outside::new().await;
    let engine = outside.engine(world::memory(), go_on()).await;
    (outside, engine)
}

pub(crate) fn reach(user: &User) -> Reach {
    Reach { owner: user.id }
}

/// The newest entry about the user's connections.
pub(crate) async fn newest(engine: &Engine, user: &User) -> LogEntry {
    let query = AccountLogQuery {
        account: None,
        platform: None,
        before: None,
        limit: 1,
    };
    let log = engine.account_log(&reach(user), query).await.unwrap();
    log.into_iter().next().expect("something is told").entry
}

pub(crate) fn failure(end: &SignInEnd) -> &Failure {
    match &end.outcome {
        Outcome::Failed(failure) => failure,
        other => panic!("{other:?}"),
    }
}

/// Nothing was connected, and the user's history says why.
pub(crate) async fn assert_failed(engine: &Engine, user: &User, end: &SignInEnd, reason: Reason) {
    assert_eq!(failure(end).reason, reason, "{end:?}");
    assert!(!failure(end).words.is_empty());
    assert_eq!(end.owner, user.id);
    let entry = newest(engine, user).await;
    assert!(
        matches!(entry.kind, LogKind::ConnectFailed | LogKind::ReconnectFailed),
        "{entry:?}"
    );
    assert_eq!(entry.data["reason"], reason.code());
    assert_eq!(entry.data["stage"], reason.stage());
    assert_eq!(entry.error.as_deref(), Some(failure(end).words.as_str()));
}

#[tokio::test]
async fn a_sign_in_connects_verifies_and_leads_back_to_where_it_was_started_for() {
    let (outside, engine) = world().await;
    let ada = user(&engine, "ada").await;
    let mut begin = start(&ada, Platform::X);
    begin.return_to = Some("https://app.example/accounts?tab=x".to_owned());
    let end = sign_in(&outside, &engine, begin, "ada").await.unwrap();
    assert_eq!(end.return_to.as_deref(), Some("https://app.example/accounts?tab=x"));
    let account = connected(&engine, end).await;
    assert_eq!(account.identity.username, "ada");
    assert_eq!((account.health, &account.missing[..]), (AccountHealth::Ok, &[][..]));
    assert_eq!(account.verified_at, Some(outside.clock.now()));
    assert!(
        account.scopes.iter().any(|scope| scope == "tweet.write"),
        "{:?}",
        account.scopes
    );
    let entry = newest(&engine, &ada).await;
    assert_eq!((entry.kind, entry.account), (LogKind::Connected, Some(account.id)));
    assert_eq!(entry.data["method"], "oauth");
    assert_eq!(entry.data["username"], "ada");
    assert_eq!(entry.data["context"]["custom_redirect"], true);
    assert_eq!(
        entry.data["token_expires_at"],
        account.token_expires_at.unwrap().to_string()
    );
    let group = post_now(
        &engine,
        &ada,
        &account,
        content(&outside, Platform::X, "first post", &[]),
    )
    .await;
    run_to_the_end(&outside, &engine).await;
    assert!(matches!(state(&engine, &ada, group).await, PostState::Published { .. }));
}

#[tokio::test]
async fn what_was_not_granted_is_said_at_once_in_words() {
    let (outside, engine) = world().await;
    let ada = user(&engine, "ada").await;
    let authorize = engine.start_sign_in(start(&ada, Platform::Instagram)).await.unwrap();
    let form = [
        ("decision", "allow"),
        ("handle", "ada"),
        ("scopes_shown", "1"),
        ("scope", "instagram_business_basic"),
    ];
    let (state, back) = decide(&outside, &authorize, &form).await;
    let end = engine.finish_sign_in(&state, back, Presented::default()).await.unwrap();
    let account = connected(&engine, end).await;
    let codes: Vec<_> = account.missing.iter().map(|missing| missing.code.as_str()).collect();
    assert_eq!(
        codes,
        [
            "scope:instagram_business_content_publish",
            "scope:instagram_business_manage_comments"
        ]
    );
    assert!(
        account.missing[0].words.contains("needed to publish"),
        "{:?}",
        account.missing
    );
}

#[tokio::test]
async fn a_state_is_good_for_one_use() {
    let (outside, engine) = world().await;
    let ada = user(&engine, "ada").await;
    let authorize = engine.start_sign_in(start(&ada, Platform::X)).await.unwrap();
    let (state, back) = allow(&outside, &authorize, "ada").await;
    let first = engine
        .finish_sign_in(&state, back.clone(), Presented::default())
        .await
        .unwrap();
    let account = connected(&engine, first).await;
    let second = engine.finish_sign_in(&state, back, Presented::default()).await.unwrap();
    assert_failed(&engine, &ada, &second, Reason::Replayed).await;
    assert_eq!(
        engine.accounts(&reach(&ada)).await.unwrap(),
        [account],
        "nothing else happened"
    );
}

#[tokio::test]
async fn a_changed_state_is_nobodys() {
    let (outside, engine) = world().await;
    let ada = user(&engine, "ada").await;
    let authorize = engine.start_sign_in(start(&ada, Platform::X)).await.unwrap();
    let (state, back) = allow(&outside, &authorize, "ada").await;
    let last = if state.ends_with('0') { "1" } else { "0" };
    let changed = format!("{}{last}", &state[..state.len() - 1]);
    let end = engine
        .finish_sign_in(&changed, back.clone(), Presented::default())
        .await;
    assert!(matches!(end, Err(Error::NotFound)), "{end:?}");
    assert_eq!(engine.accounts(&reach(&ada)).await.unwrap(), []);
    let end = engine.finish_sign_in(&state, back, Presented::default()).await.unwrap();
    connected(&engine, end).await;
}

#[tokio::test]
async fn a_state_that_comes_too_late_is_refused() {
    let (outside, engine) = world().await;
    let ada = user(&engine, "ada").await;
    let authorize = engine.start_sign_in(start(&ada, Platform::X)).await.unwrap();
    let (state, back) = allow(&outside, &authorize, "ada").await;
    outside.clock.advance(SignedDuration::from_mins(31));
    let end = engine.finish_sign_in(&state, back, Presented::default()).await.unwrap();
    assert_failed(&engine, &ada, &end, Reason::Expired).await;
}

#[tokio::test]
async fn a_state_of_another_user_platform_or_browser_is_refused_and_spent() {
    let (outside, engine) = world().await;
    let (ada, eve) = (user(&engine, "ada").await, user(&engine, "eve").await);
    let browser = SecretText::from("cookie of ada's browser");
    let strangers = [
        Presented {
            owner: Some(eve.id),
            browser: Some(browser.clone()),
            ..Presented::default()
        },
        Presented {
            platform: Some(Platform::LinkedIn),
            browser: Some(browser.clone()),
            ..Presented::default()
        },
        Presented {
            browser: Some(SecretText::from("another cookie")),
            ..Presented::default()
        },
        Presented::default(),
    ];
    for stranger in strangers {
        let mut begin = start(&ada, Platform::X);
        begin.browser = Some(browser.clone());
        let authorize = engine.start_sign_in(begin).await.unwrap();
        let (state, back) = allow(&outside, &authorize, "ada").await;
        let end = engine.finish_sign_in(&state, back.clone(), stranger).await.unwrap();
        assert_failed(&engine, &ada, &end, Reason::Foreign).await;
        outside.clock.advance(SignedDuration::from_secs(1));
        let by = Presented {
            browser: Some(browser.clone()),
            ..Presented::default()
        };
        let again = engine.finish_sign_in(&state, back, by).await.unwrap();
        assert_failed(&engine, &ada, &again, Reason::Replayed).await;
        outside.clock.advance(SignedDuration::from_secs(1));
    }
    assert_eq!(engine.accounts(&reach(&ada)).await.unwrap(), []);
    assert_eq!(engine.accounts(&reach(&eve)).await.unwrap(), []);
}

#[tokio::test]
async fn a_persons_no_is_told_as_such() {
    let (outside, engine) = world().await;
    let ada = user(&engine, "ada").await;
    let authorize = engine.start_sign_in(start(&ada, Platform::X)).await.unwrap();
    let (state, back) = decide(&outside, &authorize, &[("decision", "deny"), ("handle", "ada")]).await;
    let end = engine.finish_sign_in(&state, back, Presented::default()).await.unwrap();
    assert_failed(&engine, &ada, &end, Reason::Denied).await;
    assert!(failure(&end).words.contains("declined"), "{end:?}");
}

#[tokio::test]
async fn a_platform_that_gives_no_tokens_is_told_from_one_that_cannot_just_now() {
    let (outside, engine) = world().await;
    let ada = user(&engine, "ada").await;
    let body = r#"{"error":"invalid_grant","error_description":"no"}"#.to_owned();
    let refused = Fault::Custom {
        status: 400,
        body,
        content_type: None,
        after: false,
    };
    let cases = [
        (refused, Reason::ExchangeFailed),
        (Fault::ErrorBefore { status: 503 }, Reason::PlatformUnavailable),
    ];
    for (fault, reason) in cases {
        let authorize = engine.start_sign_in(start(&ada, Platform::X)).await.unwrap();
        let (state, back) = allow(&outside, &authorize, "ada").await;
        let rules = RuleSet {
            platform: Some(Platform::X),
            account: None,
            rules: vec![Rule::nth(Class::Refresh, 1, fault)],
            latency_ms: None,
        };
        outside.sandbox.add_rules(rules).unwrap();
        let end = engine.finish_sign_in(&state, back, Presented::default()).await.unwrap();
        assert_failed(&engine, &ada, &end, reason).await;
        outside.sandbox.clear_rules(Some(Platform::X), None).unwrap();
    }
    assert_eq!(engine.accounts(&reach(&ada)).await.unwrap(), []);
}

#[tokio::test]
async fn a_choice_is_made_once_under_a_token_of_its_own() {
    let (outside, engine) = world().await;
    let (ada, eve) = (user(&engine, "ada").await, user(&engine, "eve").await);
    let end = sign_in(&outside, &engine, start(&ada, Platform::Facebook), "ada")
        .await
        .unwrap();
    let Outcome::Choose {
        token,
        choices,
        question,
    } = end.outcome
    else {
        panic!("{end:?}")
    };
    assert!(
        choices.len() >= 2 && question.contains("Page"),
        "{question} {choices:?}"
    );
    let shown = engine.shown_choice(token.expose()).await.unwrap().unwrap();
    assert_eq!((shown.owner, &shown.choices), (ada.id, &choices));

    let wrong = engine.choose(token.expose(), "no such page", None).await.unwrap();
    assert_eq!(failure(&wrong).reason, Reason::NoSuchChoice);
    assert!(
        engine.shown_choice(token.expose()).await.unwrap().is_some(),
        "one may choose again"
    );
    let as_state = engine
        .finish_sign_in(token.expose(), Default::default(), Presented::default())
        .await
        .unwrap();
    let second = SignedDuration::from_secs(1);
    assert_failed(&engine, &ada, &as_state, Reason::Foreign).await;

    outside.clock.advance(second);
    let end = sign_in(&outside, &engine, start(&ada, Platform::Facebook), "ada")
        .await
        .unwrap();
    let Outcome::Choose { token, choices, .. } = end.outcome else {
        panic!("{end:?}")
    };
    let end = engine
        .choose(token.expose(), &choices[1].id, Some(ada.id))
        .await
        .unwrap();
    let account = connected(&engine, end).await;
    assert_eq!(account.identity.remote_id, choices[1].id);
    assert!(engine.shown_choice(token.expose()).await.unwrap().is_none());
    outside.clock.advance(second);
    let again = engine.choose(token.expose(), &choices[0].id, None).await.unwrap();
    assert_failed(&engine, &ada, &again, Reason::Replayed).await;

    outside.clock.advance(second);
    let end = sign_in(&outside, &engine, start(&ada, Platform::Facebook), "ada")
        .await
        .unwrap();
    let Outcome::Choose { token, choices, .. } = end.outcome else {
        panic!("{end:?}")
    };
    let stolen = engine
        .choose(token.expose(), &choices[0].id, Some(eve.id))
        .await
        .unwrap();
    assert_failed(&engine, &ada, &stolen, Reason::Foreign).await;
    assert_eq!(engine.accounts(&reach(&ada)).await.unwrap().len(), 1);
    assert_eq!(engine.accounts(&reach(&eve)).await.unwrap(), []);
}

#[tokio::test]
async fn credentials_that_are_good_for_several_accounts_lead_to_a_choice_too() {
    let (outside, engine) = world().await;
    let ada = user(&engine, "ada").await;
    let end = sign_in(&outside, &engine, start(&ada, Platform::GoogleBusiness), "ada")
        .await
        .unwrap();
    let first = connected(&engine, end).await;
    let tokens = engine.store().tokens(first.id).await.unwrap().unwrap();
    let with = ConnectWith {
        owner: ada.id,
        platform: Platform::GoogleBusiness,
        base_url: None,
        credentials: connectors::Credentials {
            token: Some(tokens.access),
            ..Default::default()
        },
        link: None,
        account: None,
    };
    let end = engine.connect_with_credentials(with).await.unwrap();
    let Outcome::Choose { token, choices, .. } = end.outcome else {
        panic!("{end:?}")
    };
    let other = choices
        .iter()
        .find(|choice| choice.id != first.identity.remote_id)
        .unwrap();
    outside.clock.advance(SignedDuration::from_secs(1));
    let end = engine.choose(token.expose(), &other.id, Some(ada.id)).await.unwrap();
    let account = connected(&engine, end).await;
    assert_eq!(account.identity.remote_id, other.id);
    assert_eq!(newest(&engine, &ada).await.data["method"], "credentials");
}

#[tokio::test]
async fn refused_credentials_are_an_entry_and_connect_nothing() {
    let (_outside, engine) = world().await;
    let ada = user(&engine, "ada").await;
    let credentials = connectors::Credentials {
        token: Some(SecretText::from("not-a-token-of-anybody")),
        ..Default::default()
    };
    let refused = engine.connect_account(ada.id, Platform::X, None, &credentials).await;
    assert!(matches!(refused, Err(Error::Platform(_))), "{refused:?}");
    let entry = newest(&engine, &ada).await;
    assert_eq!(
        (entry.kind, &entry.data["reason"]),
        (LogKind::ConnectFailed, &"credentials_refused".into())
    );
}
