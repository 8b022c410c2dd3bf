//! No secret is ever written where somebody could read it: every token is looked for in everything that is left behind
//! by a run with faults, a panic, platforms that say tokens back, and logging at its most talkative.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use connectors::{Connector, Finding, Preparation, Probe, SendCtx, Sent};
use domain::account::{Account, Tokens};
use domain::clock::BoxFut;
use domain::content::{Content, Draft, PartContent};
use domain::error::PlatformError;
use domain::intent::Armed;
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::secret::{SecretBytes, SecretText};
use engine::AccountLogQuery;
use engine::accounts::{MakeLink, Outcome, Presented};
use sandbox::{Class, Fault, Rule, RuleSet};
use store::Reach;
use tokio_util::sync::CancellationToken;

use crate::browser;
use crate::world::{EMULATED, Outside, Shelf, content, go_on, post_now, run_to_the_end};

/// Everything that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A connector that panics in the middle of a send.
struct Panics;

impl Connector for Panics {
    fn platform(&self) -> Platform {
        Platform::Reddit
    }

    fn prepare<'a>(
        &'a self,
        ctx: &'a SendCtx<'a>,
        _: &'a Draft,
        _: Part,
        _: &'a [(Part, RemotePost)],
        _: Option<&'a SecretBytes>,
    ) -> BoxFut<'a, Result<Preparation, PlatformError>> {
        Box::pin(async move { panic!("with {:?} and {:?}", ctx.tokens, ctx.account) })
    }

    fn send<'a>(&'a self, _: &'a SendCtx<'a>, _: &'a Armed) -> BoxFut<'a, Result<Sent, PlatformError>> {
        Box::pin(async { panic!("not asked for") })
    }

    fn check<'a>(&'a self, _: &'a SendCtx<'a>, _: Probe<'a>) -> BoxFut<'a, Result<Finding, PlatformError>> {
        Box::pin(async { panic!("not asked for") })
    }

    fn reads_prepared(&self, _: u16) -> bool {
        false
    }
}

fn script(says_back: &str) -> Vec<Rule> {
    let body =
        format!(r#"{{"error":"the token {says_back} is bad","description":"{says_back}","detail":"{says_back}"}}"#);
    vec![
        Rule::nth(Class::Create, 1, Fault::DropAfter),
        Rule::nth(Class::Create, 2, Fault::Truncated),
        Rule::nth(
            Class::Create,
            3,
            Fault::Custom {
                status: 400,
                body,
                content_type: None,
                after: false,
            },
        ),
        Rule::nth(Class::Create, 4, Fault::ErrorAfter { status: 500 }),
        Rule::nth(Class::Create, 5, Fault::ExpiredToken),
    ]
}

/// Whether a file or a text holds one of the secrets.
fn leaks(name: &str, bytes: &[u8], secrets: &[String]) -> Vec<String> {
    let holds = |secret: &&String| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    secrets
        .iter()
        .filter(holds)
        .map(|secret| format!("{name} holds {secret}"))
        .collect()
}

fn files_below(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    // The master key is the one secret that lies there in the open, under its own mode.
    let files = entries.filter(|path| path.is_file() && path.file_name().unwrap() != "master.key");
    files
        .map(|path| (path.display().to_string(), std::fs::read(&path).unwrap()))
        .collect()
}

const PANICKING_TOKEN: &str = "panic-marker-token";

/// A post whose worker panics with its token at hand.
async fn panic_in_a_send(outside: &Outside, engine: &engine::Engine) {
    let tokens = Tokens {
        access: SecretText::from(PANICKING_TOKEN),
        ..Tokens::default()
    };
    let (user, reddit) = outside.add_account(engine, Platform::Reddit, tokens).await;
    post_now(
        engine,
        &user,
        &reddit,
        Content {
            head: PartContent {
                text: "boom".to_owned(),
                media: vec![],
            },
            ..Content::default()
        },
    )
    .await;
    let mut publisher = engine::Publisher::new(engine.clone(), tokio_util::sync::CancellationToken::new());
    publisher.run_until_idle().await.unwrap();
}

/// The next token request of the account (or of anybody on X) is refused with the secret in its words.
fn says_back(outside: &Outside, account: Option<&Account>, class: Class, says: &str) {
    let body = format!(r#"{{"error":"invalid_grant","error_description":"{says} is not good"}}"#);
    let refused = Fault::Custom {
        status: 400,
        body,
        content_type: None,
        after: false,
    };
    let rules = RuleSet {
        platform: Some(Platform::X),
        account: account.map(|account| account.identity.remote_id.clone()),
        rules: vec![Rule::nth(class, 1, refused)],
        latency_ms: None,
    };
    outside.sandbox.add_rules(rules).unwrap();
}

/// Sign-ins, a choice, a page, a refresh and a disconnection whose platforms say the secrets back. Returns everything
/// that was answered and written down.
async fn sign_ins_that_go_wrong(outside: &Outside, engine: &engine::Engine, secrets: &mut Vec<String>) -> String {
    let user = browser::user(engine, "signs-in").await;
    let mut answers = String::new();
    let begin = browser::start(&user, Platform::X);
    let authorize = engine.start_sign_in(begin.clone()).await.unwrap();
    let (state, back) = browser::allow(outside, &authorize, "signs-in").await;
    let code = back.code.clone().unwrap().expose().to_owned();
    says_back(outside, None, Class::Refresh, &code);
    let end = engine
        .finish_sign_in(&state, back.clone(), Presented::default())
        .await
        .unwrap();
    answers += &format!("{end:?}");
    answers += &format!("{:?}", engine.finish_sign_in(&state, back, Presented::default()).await);
    secrets.extend([state, code]);
    outside.sandbox.clear_rules(Some(Platform::X), None).unwrap();

    let facebook = browser::start(&user, Platform::Facebook);
    let end = browser::sign_in(outside, engine, facebook, "signs-in").await.unwrap();
    answers += &format!("{end:?}");
    if let Outcome::Choose { token, .. } = &end.outcome {
        secrets.push(token.expose().to_owned());
        answers += &format!("{:?}", engine.shown_choice(token.expose()).await);
    }
    let page = browser::connected(engine, end).await;
    let made = engine.make_link(user.id, MakeLink::default()).await.unwrap();
    answers += &format!("{made:?}");
    secrets.push(made.0.expose().to_owned());

    let end = browser::sign_in(outside, engine, begin, "signs-in").await.unwrap();
    let account = browser::connected(engine, end).await;
    for id in [page.id, account.id] {
        let tokens = engine.store().tokens(id).await.unwrap().unwrap();
        secrets.push(tokens.access.expose().to_owned());
        secrets.extend(tokens.refresh.map(|refresh| refresh.expose().to_owned()));
    }
    let refresh = secrets.last().unwrap().clone();
    says_back(outside, Some(&account), Class::Refresh, &refresh);
    outside.clock.advance_to(account.refresh_at.unwrap());
    engine.keep_tokens_once(&CancellationToken::new()).await.unwrap();
    let reach = Reach { owner: user.id };
    answers += &format!("{:?}", engine.check_account(&reach, account.id).await);
    says_back(outside, Some(&account), Class::Any, &refresh);
    engine.remove_account(&reach, account.id).await.unwrap();
    let query = AccountLogQuery {
        account: None,
        platform: None,
        before: None,
        limit: 100,
    };
    answers += &format!("{:?}", engine.account_log(&reach, query).await.unwrap());
    answers += &format!("{:?}", engine.reports(&reach).await.unwrap());
    assert!(
        answers.contains("is not good"),
        "what the platform said is kept, without the secret"
    );
    answers
}

#[tokio::test]
async fn no_token_is_left_in_logs_answers_history_or_files() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .init();

    let outside = Outside::new().await;
    let shelf = Shelf::sqlite();
    let engine = outside
        .engine_with(shelf.open(), go_on(), |registry, _| registry.add(Arc::new(Panics)))
        .await;
    let mut secrets = vec![sandbox::app(Platform::X).secret];
    let mut answers = String::new();
    for platform in EMULATED.iter().copied() {
        let name = format!("marker-{platform}");
        let (user, account, seed) = outside.connect_seeded(&engine, platform, &name, Vec::new()).await;
        let tokens = engine.store().tokens(account.id).await.unwrap().unwrap();
        secrets.extend(
            [Some(seed.token), seed.refresh_token, seed.password]
                .into_iter()
                .flatten(),
        );
        secrets.push(tokens.access.expose().to_owned());
        outside.add_rules(&account, script(tokens.access.expose()));
        for n in 0..6 {
            let group = post_now(
                &engine,
                &user,
                &account,
                content(&outside, platform, &format!("{name} {n}"), &[]),
            )
            .await;
            run_to_the_end(&outside, &engine).await;
            let reach = Reach { owner: user.id };
            answers += &format!("{:?}", engine.group(&reach, group).await.unwrap());
            answers += &format!("{:?}", engine.group_log(&reach, group, 100).await.unwrap());
            answers += &format!("{:?}", engine.accounts(&reach).await.unwrap());
        }
    }
    answers += &sign_ins_that_go_wrong(&outside, &engine, &mut secrets).await;
    panic_in_a_send(&outside, &engine).await;
    secrets.push(PANICKING_TOKEN.to_owned());

    let mut found = leaks("the log", &log.0.lock().unwrap(), &secrets);
    found.extend(leaks("an answer", answers.as_bytes(), &secrets));
    let Shelf::Sqlite(folder) = &shelf else { unreachable!() };
    for (name, bytes) in files_below(folder.path()) {
        found.extend(leaks(&name, &bytes, &secrets));
    }
    assert!(
        secrets.iter().all(|secret| secret.len() >= 8),
        "secrets worth looking for"
    );
    assert!(log.0.lock().unwrap().len() > 1_000, "something was logged");
    assert_eq!(found, Vec::<String>::new());
}
