//! Platforms that answer as told, a browser that keeps cookies, and what a page must have to be used by keyboard alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use connectors::signin::{
    AppNeed, Ask, Begun, Callback, Choice, Field, Found, Grant, Means, Memory, RefreshFacts, SignIn, SignInCtx,
    SignInFacts, Verified, refusal,
};
use connectors::{Credentials, Registry};
use domain::account::{Identity, Missing, Tokens};
use domain::clock::BoxFut;
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::platform::Platform;
use domain::secret::SecretText;
use engine::accounts::MakeLink;
use url::Url;

use crate::testing::{Answer, Door};

const fn facts(platform: Platform, means: &'static [Means], app: AppNeed) -> SignInFacts {
    SignInFacts {
        platform,
        means,
        oauth: None,
        app,
        refresh: RefreshFacts::NEVER,
        api: None,
        needs: &[],
    }
}

const fn field(name: &'static str, label: &'static str, secret: bool) -> Field {
    Field {
        name,
        label,
        hint: "Where to find it.",
        secret,
        placeholder: "example",
    }
}

static X: SignInFacts = facts(Platform::X, &[Means::OAuth], AppNeed::None);
static FACEBOOK: SignInFacts = facts(Platform::Facebook, &[Means::OAuth], AppNeed::None);
static MASTODON: SignInFacts = facts(
    Platform::Mastodon,
    &[Means::OAuthAt(field("server", "Your server", false))],
    AppNeed::PerInstance,
);
static TELEGRAM: SignInFacts = facts(
    Platform::Telegram,
    &[Means::Credentials(&[
        field("token", "Bot token", true),
        field("identifier", "Channel", false),
    ])],
    AppNeed::None,
);
static TIKTOK: SignInFacts = facts(
    Platform::TikTok,
    &[Means::OAuth],
    AppNeed::OperatorApp {
        at: "https://developers.tiktok.example",
        besides: None,
    },
);

/// Adds a sign-in for each way to connect.
pub(crate) fn add_sign_ins(registry: &mut Registry) {
    for facts in [&X, &FACEBOOK, &MASTODON, &TELEGRAM, &TIKTOK] {
        registry.add_sign_in(Arc::new(Scripted(facts)));
    }
}

/// Knows the code `good` and the bot token `good-token`; a code `ben` is another person's.
struct Scripted(&'static SignInFacts);

impl Scripted {
    fn verified(&self, remote_id: &str, username: &str) -> Verified {
        let identity = Identity {
            remote_id: remote_id.to_owned(),
            username: username.to_owned(),
            display_name: None,
            avatar_url: None,
            profile_url: None,
            base_url: None,
        };
        let tokens = Tokens {
            access: SecretText::from("s3cret-access"),
            ..Tokens::default()
        };
        Verified::new(self.0, identity, tokens, Vec::new())
    }

    fn refused(&self, message: &str) -> PlatformError {
        PlatformError::refused(self.0.platform, Stage::Connect, ErrorKind::Auth, message)
    }
}

impl SignIn for Scripted {
    fn facts(&self) -> &'static SignInFacts {
        self.0
    }

    fn begin<'a>(&'a self, _: SignInCtx<'a>, ask: &'a Ask) -> BoxFut<'a, Result<Begun, PlatformError>> {
        Box::pin(async move {
            if ask.inputs.get("server").is_some_and(|server| server.contains("down")) {
                return Err(self.refused("That server does not answer"));
            }
            let mut authorize = Url::parse("https://platform.example/authorize").unwrap();
            authorize
                .query_pairs_mut()
                .append_pair("state", &ask.state)
                .append_pair("redirect_uri", &ask.redirect_uri);
            Ok(Begun {
                authorize,
                memory: Memory::default(),
                registered: None,
            })
        })
    }

    fn exchange<'a>(
        &'a self,
        _: SignInCtx<'a>,
        _: &'a Memory,
        back: &'a Callback,
    ) -> BoxFut<'a, Result<Grant, PlatformError>> {
        Box::pin(async move {
            if let Some((word, _)) = &back.error {
                return Err(self
                    .refused("The sign-in was declined")
                    .with_code(if word == "access_denied" { refusal::DENIED } else { word }));
            }
            match back.code.as_ref().map(SecretText::expose) {
                Some(code @ ("good" | "ben" | "poor")) => Ok(Grant::of(Tokens {
                    access: SecretText::from(code),
                    ..Tokens::default()
                })),
                _ => Err(self.refused("The code was not accepted")),
            }
        })
    }

    fn identify<'a>(&'a self, _: SignInCtx<'a>, grant: &'a Grant) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(async move {
            if self.0.platform == Platform::Facebook {
                let pages = [("7", "Bakery"), ("8", "Café & Bar")];
                let choices = pages.map(|(id, name)| Choice::of(self.verified(id, name), Some("Owner".to_owned())));
                return Ok(Found::Choose {
                    question: "Which page is to be connected?",
                    choices: choices.into(),
                });
            }
            let mut verified = match grant.tokens.access.expose() {
                "ben" => self.verified("2000", "ben"),
                _ => self.verified("1000", "grace"),
            };
            if grant.tokens.access.expose() == "poor" {
                verified.missing.push(Missing {
                    code: "scope:tweet.write".to_owned(),
                    words: "The permission “tweet.write” was not granted.".to_owned(),
                });
            }
            Ok(Found::Account(verified))
        })
    }

    fn with_credentials<'a>(
        &'a self,
        _: SignInCtx<'a>,
        credentials: &'a Credentials,
    ) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(async move {
            match credentials.token.as_ref().map(SecretText::expose) {
                Some("good-token") => Ok(Found::Account(self.verified("-100", "channel"))),
                _ => Err(self.refused("That token is not known")),
            }
        })
    }
}

/// A browser on a page of the owner: it keeps cookies and does not follow redirects by itself.
pub(crate) struct Browser<'a> {
    pub(crate) door: &'a Door,
    pub(crate) token: String,
    cookies: std::cell::RefCell<BTreeMap<String, String>>,
}

impl<'a> Browser<'a> {
    /// A browser that was given a link.
    pub(crate) async fn with_link(door: &'a Door, make: MakeLink) -> Self {
        let (token, _) = door.engine.make_link(door.owner.id, make).await.unwrap();
        Self {
            door,
            token: token.expose().to_owned(),
            cookies: Default::default(),
        }
    }

    /// A browser that has opened the page.
    pub(crate) async fn on_page(door: &'a Door) -> Self {
        let browser = Self::with_link(door, MakeLink::default()).await;
        assert_eq!(browser.page().await.status, 200);
        browser
    }

    /// Another browser that was given the same link.
    pub(crate) fn another(&self) -> Self {
        Self {
            door: self.door,
            token: self.token.clone(),
            cookies: Default::default(),
        }
    }

    fn path(&self, rest: &str) -> String {
        format!("/connect/{}{rest}", self.token)
    }

    pub(crate) async fn page(&self) -> Answer {
        self.get(&self.path("")).await
    }

    pub(crate) async fn below(&self, rest: &str) -> Answer {
        self.get(&self.path(rest)).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let answer = self.door.ask("GET", path, &[("cookie", &self.jar())], "").await;
        self.keep(&answer);
        answer
    }

    pub(crate) async fn post(&self, rest: &str, form: &[(&str, &str)]) -> Answer {
        self.post_with(&self.path(rest), form, &[("sec-fetch-site", "same-origin")])
            .await
    }

    pub(crate) async fn post_with(&self, path: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let jar = self.jar();
        let mut all = vec![
            ("content-type", "application/x-www-form-urlencoded"),
            ("cookie", jar.as_str()),
        ];
        all.extend_from_slice(headers);
        let answer = self.door.ask("POST", path, &all, body).await;
        self.keep(&answer);
        answer
    }

    /// Begins a sign-in and returns the state that went to the platform.
    pub(crate) async fn begin(&self, form: &[(&str, &str)]) -> String {
        let answer = self.post("/start", form).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        let address = Url::parse(&answer.header("location")).unwrap();
        assert_eq!(address.host_str(), Some("platform.example"));
        let pairs: BTreeMap<_, _> = address.query_pairs().into_owned().collect();
        assert_eq!(pairs["redirect_uri"], "http://127.0.0.1:4000/connect/callback");
        pairs["state"].clone()
    }

    /// Comes back from the platform.
    pub(crate) async fn back(&self, state: &str, rest: &str) -> Answer {
        self.get(&format!("/connect/callback?state={state}&{rest}")).await
    }

    fn jar(&self) -> String {
        let cookies = self.cookies.borrow();
        cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ")
    }

    fn keep(&self, answer: &Answer) {
        for line in answer.headers.get_all("set-cookie") {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned());
        }
    }
}

/// What a page must have for people who see it, hear it, or feel it, and have no mouse and no script.
pub(crate) fn assert_usable_by_keyboard(page: &str) {
    let tags: Vec<&str> = page
        .split('<')
        .skip(1)
        .filter_map(|rest| rest.split('>').next())
        .collect();
    let named = |name: &str| {
        tags.iter()
            .filter(|tag| tag.split_whitespace().next() == Some(name))
            .copied()
            .collect::<Vec<_>>()
    };
    assert_eq!(named("html"), ["html lang=\"en\""]);
    assert!(page.contains("name=\"viewport\""));
    assert!(
        !page.contains("<title></title>") && !page.contains("<title> "),
        "every page has a title of its own"
    );
    assert_eq!(named("h1").len(), 1);
    assert!(named("script").is_empty() && named("style").is_empty() && named("iframe").is_empty());
    for tag in &tags {
        for attribute in [
            " onclick=",
            " onsubmit=",
            " style=",
            " tabindex=\"1",
            " role=\"button\"",
            " autofocus",
        ] {
            assert!(!tag.contains(attribute), "{tag}");
        }
    }
    let skip = named("a").first().and_then(|tag| value(tag, "href"));
    assert_eq!(
        skip.as_deref(),
        Some("#main"),
        "the first thing that the keyboard reaches leads to the content"
    );
    for link in named("a") {
        assert!(value(link, "href").is_some_and(|href| !href.is_empty()), "{link}");
    }
    assert_controls(&tags);
}

/// Every control is a link, a button or a labelled field, and what names another thing names one that is there.
fn assert_controls(tags: &[&str]) {
    let named = |name: &str| {
        tags.iter()
            .filter(|tag| tag.split_whitespace().next() == Some(name))
            .copied()
            .collect::<Vec<_>>()
    };
    let labels: Vec<_> = named("label").iter().filter_map(|tag| value(tag, "for")).collect();
    let ids: Vec<_> = tags.iter().filter_map(|tag| value(tag, "id")).collect();
    for input in named("input") {
        match value(input, "type").as_deref() {
            Some("hidden") => {}
            _ => assert!(labels.contains(&value(input, "id").unwrap()), "no label for {input}"),
        }
    }
    for tag in tags {
        for name in ["aria-describedby", "aria-labelledby", "for"] {
            for id in value(tag, name).iter().flat_map(|ids| ids.split(' ')) {
                assert!(ids.iter().any(|known| known == id), "{tag}: there is no {id}");
            }
        }
    }
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "an id is there twice: {ids:?}");
    for form in named("form") {
        assert_eq!(value(form, "method").as_deref(), Some("post"), "{form}");
        assert!(
            value(form, "action").is_some_and(|action| action.starts_with('/')),
            "{form}"
        );
    }
    assert_eq!(named("form").len(), named("button").len(), "every form has one button");
    let mut last = 1;
    for tag in tags {
        if let Some(level) = tag
            .strip_prefix('h')
            .and_then(|rest| rest.split(' ').next()?.parse::<u8>().ok())
        {
            assert!(
                level <= last + 1,
                "a heading of level {level} follows one of level {last}"
            );
            last = level;
        }
    }
}

fn value(tag: &str, name: &str) -> Option<String> {
    let rest = tag.split(&format!(" {name}=\"")).nth(1)?;
    Some(rest.split('"').next()?.to_owned())
}
