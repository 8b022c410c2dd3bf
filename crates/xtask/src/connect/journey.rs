//! The way of one account: connected from a hosted page, verified, used; its token ends, is renewed, is taken back; it
//! is connected again and used again.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use domain::clock::Clock;
use domain::platform::Platform;
use jiff::SignedDuration;
use sandbox::{Class, Fault, Filter, NewSandboxAccount, RequestLine, Rule, RuleSet, TokenVerb};
use serde_json::{Value, json};
use url::Url;

use super::route::{Mark, Route, Step, Way};
use super::stage::{Account, Stage};
use super::visitor::{Page, Visitor, choices, filled_in};
use crate::chaos::outside::dialect_word;
use crate::chaos::time::{Deadline, pause};
use crate::clock::SystemClock;

/// How long a post may take to come to its end.
const PUBLISHED_WITHIN: Duration = Duration::from_secs(60);

/// A journey under way.
pub(super) struct Walk<'a> {
    stage: &'a Stage,
    route: Route,
    visitor: Visitor,
    steps: Vec<Step>,
    now: &'static str,
}

/// Makes the journey.
pub(super) async fn walk(stage: &Stage, route: Route) -> anyhow::Result<Vec<Step>> {
    let mut walk = Walk {
        stage,
        route,
        visitor: stage.visitor()?,
        steps: Vec::new(),
        now: "page",
    };
    if let Err(error) = walk.all().await {
        let (step, mark) = (walk.now, Mark::Failed(format!("{error:#}")));
        walk.steps.push(Step { step, mark });
    }
    stage.note_tokens();
    Ok(walk.steps)
}

impl Walk<'_> {
    fn begin(&mut self, step: &'static str) {
        self.now = step;
    }

    fn done(&mut self) {
        self.steps.push(Step {
            step: self.now,
            mark: Mark::Ok,
        });
        self.stage.note_tokens();
    }

    fn none(&mut self, step: &'static str, why: &'static str) {
        self.steps.push(Step {
            step,
            mark: Mark::None(why),
        });
    }

    async fn all(&mut self) -> anyhow::Result<()> {
        self.begin("page");
        let inputs = self.inputs(None)?;
        let page = self.stage.page(&[self.route.platform], None).await?;
        self.visitor.get(&page).await?.shown()?;
        self.done();
        let account = self.connect(&page, inputs, None).await?;
        self.begin("verified");
        self.verified(&account).await?;
        self.done();
        self.publish("publish", &account).await?;
        if self.expire(&account).await? {
            self.reconnect("reconnect after expiry", &page, &account).await?;
        }
        self.begin("revoked");
        self.revoke(&account)?;
        self.asks_for_a_person(&page, &account).await?;
        self.done();
        self.reconnect("reconnect", &page, &account).await?;
        self.publish("publish again", &account).await
    }

    fn spoil(&self, account: &Account, verb: TokenVerb) -> anyhow::Result<usize> {
        self.stage.note_tokens();
        Ok(self
            .stage
            .sandbox
            .tokens(self.route.platform, &account.remote_id, verb)?)
    }

    /// Takes back what was granted, the app password included.
    fn revoke(&self, account: &Account) -> anyhow::Result<()> {
        let touched = self.spoil(account, TokenVerb::Revoke)?;
        ensure!(touched > 0, "the sandbox had no token to take back");
        if (self.route.platform, self.route.way) == (Platform::Bluesky, Way::Form) {
            let rules = vec![Rule::always(Class::Refresh, Fault::RefreshRefused)];
            let account = Some(account.remote_id.clone());
            let platform = Some(Platform::Bluesky);
            self.stage.sandbox.add_rules(RuleSet {
                platform,
                account,
                rules,
                latency_ms: None,
            })?;
        }
        Ok(())
    }

    /// What a person enters into the form. The account that it is about is made, or gets fresh credentials.
    fn inputs(&self, again: Option<&Account>) -> anyhow::Result<Vec<(&'static str, String)>> {
        let (platform, handle) = (self.route.platform, self.route.handle());
        let server = self.stage.sandbox.endpoint(Platform::Mastodon).to_string();
        let browses = self.route.way == Way::Browser;
        match platform {
            Platform::Mastodon if browses => return Ok(vec![("server", server)]),
            Platform::Mastodon | Platform::Bluesky | Platform::Telegram => {}
            _ => return Ok(Vec::new()),
        }
        let remote_id = again.map(|account| account.remote_id.clone());
        let account = NewSandboxAccount {
            remote_id,
            ..NewSandboxAccount::new(platform, &handle)
        };
        let seed = self.stage.sandbox.add_account(&account)?;
        self.stage.note_tokens();
        Ok(match platform {
            Platform::Bluesky if browses => vec![("handle", handle)],
            Platform::Bluesky => vec![
                ("identifier", handle),
                ("password", seed.password.context("an account without an app password")?),
            ],
            Platform::Mastodon => vec![("server", server), ("token", seed.token)],
            _ => vec![("token", seed.token), ("identifier", seed.remote_id)],
        })
    }

    /// Connects an account from the page, or `again`. Returns it.
    async fn connect(
        &mut self,
        page: &Url,
        inputs: Vec<(&'static str, String)>,
        again: Option<&Account>,
    ) -> anyhow::Result<Account> {
        let first = again.is_none();
        if first {
            self.begin("start");
        }
        let form = self.route.way == Way::Form;
        let mut fields = vec![
            ("platform".to_owned(), self.route.platform.word().to_owned()),
            ("by".to_owned(), if form { "credentials" } else { "browser" }.to_owned()),
        ];
        fields.extend(again.map(|account| ("account".to_owned(), account.id.clone())));
        fields.extend(inputs.into_iter().map(|(name, text)| (name.to_owned(), text)));
        let begun = self.visitor.post(&below(page, "start")?, &fields).await?;
        let mut onward = begun.onward()?.clone();
        if first {
            self.done();
        }
        if form {
            if first {
                self.none("consent", "credentials in hand");
                self.none("callback", "credentials in hand");
            }
        } else {
            onward = self.through_the_platform(&onward, first, again).await?;
        }
        if onward.path().contains("/connect/choose/") {
            if first {
                self.begin("choice");
            }
            onward = self.choose(&onward).await?;
            if first {
                self.done();
            }
        } else if first {
            self.none("choice", "there is one account to choose");
        }
        self.arrive(page, &onward).await
    }

    /// Consents, and comes back.
    async fn through_the_platform(
        &mut self,
        authorize: &Url,
        first: bool,
        again: Option<&Account>,
    ) -> anyhow::Result<Url> {
        if first {
            self.begin("consent");
        }
        let callback = consent(&self.visitor, authorize, &self.route.handle(), again).await?;
        ensure!(
            callback.path() == "/connect/callback" && callback.query_pairs().any(|(name, _)| name == "code"),
            "the consent led to {}",
            callback.path()
        );
        if first {
            self.done();
            self.begin("callback");
        }
        let back = self.visitor.get(&callback).await?;
        let onward = back.onward()?.clone();
        if first {
            self.done();
        }
        Ok(onward)
    }

    async fn choose(&self, address: &Url) -> anyhow::Result<Url> {
        let shown = self.visitor.get(address).await?.shown()?;
        let offered = choices(&shown.body, "choice");
        let chosen = offered.first().context("a choice without choices")?.clone();
        let ended = self.visitor.post(address, &[("choice".to_owned(), chosen)]).await?;
        Ok(ended.onward()?.clone())
    }

    /// Looks at the page that the browser ends on, which names the account; where others can be chosen still, that is
    /// said first.
    async fn arrive(&self, page: &Url, onward: &Url) -> anyhow::Result<Account> {
        let chooses = onward.path().contains("/connect/choose/");
        ensure!(
            onward.path() == page.path() || chooses,
            "the browser was sent to {}",
            onward.path()
        );
        let id = onward.query_pairs().find(|(name, _)| name == "connected");
        let id = id.context("the page was not told what is connected")?.1.into_owned();
        let mut shown = self.visitor.get(onward).await?.shown()?;
        if chooses {
            ensure!(
                shown.body.contains("is connected"),
                "the choice does not say what is connected"
            );
            shown = self.visitor.get(page).await?.shown()?;
        }
        ensure!(shown.body.contains(&id), "the page does not show the account");
        let accounts = self.stage.accounts(self.route.platform).await?;
        let account = accounts.into_iter().find(|account| account.id == id);
        account.context("the server does not list the account")
    }

    async fn verified(&self, account: &Account) -> anyhow::Result<()> {
        ensure!(account.missing.is_empty(), "it lacks {:?}", account.missing);
        let checked = self.stage.check(&account.id).await?;
        ensure!(checked.problem.is_none(), "{:?}", checked.problem);
        ensure!(checked.missing.is_empty(), "it lacks {:?}", checked.missing);
        ensure!(checked.health == "ok", "it is {}", checked.health);
        Ok(())
    }

    async fn publish(&mut self, step: &'static str, account: &Account) -> anyhow::Result<()> {
        if !self.stage.publishes_to(self.route.platform) {
            self.none(step, "no connector, or no name at PostPost");
            return Ok(());
        }
        self.begin(step);
        self.published(step, account).await?;
        self.done();
        Ok(())
    }

    /// Publishes through PostPost's API, and looks at what was made.
    async fn published(&self, what: &str, account: &Account) -> anyhow::Result<()> {
        let platform = self.route.platform;
        let text = format!("{what} of {} over {}", account.remote_id, self.route.name());
        let soon = SystemClock.now().saturating_add(SignedDuration::from_secs(1))?;
        let mut body = json!({
            "content": text,
            "platforms": [format!("{}-{}", dialect_word(platform), account.remote_id)],
            "scheduledTime": format!("{soon:.3}"),
        });
        if let (Platform::Instagram, Some(object)) = (platform, body.as_object_mut()) {
            object.insert(
                "mediaUrls".to_owned(),
                json!([self.stage.sandbox.sample_url("image.jpg")]),
            );
        }
        let made = self.stage.postpost("/create-post", Some(&body)).await?;
        let group = made
            .get("postGroupId")
            .and_then(Value::as_str)
            .context("no postGroupId")?;
        let deadline = Deadline::within(PUBLISHED_WITHIN);
        loop {
            let shown = self.stage.postpost(&format!("/get-post/{group}"), None).await?;
            let status = shown
                .pointer("/posts/0/status")
                .and_then(Value::as_str)
                .unwrap_or_default();
            match status {
                "published" => break,
                "failed" | "unconfirmed" | "cancelled" | "missed" => bail!("the post is {status}: {shown}"),
                _ if deadline.passed() => bail!("the post has not come to an end: {shown}"),
                _ => pause(Duration::from_millis(100)).await,
            }
        }
        let filter = Filter {
            platform: Some(platform),
            account: None,
            text: None,
        };
        let all = self.stage.sandbox.published(&filter);
        let copies = all.iter().filter(|post| post.text.contains(&text)).count();
        ensure!(copies == 1, "it is out there {copies} times");
        Ok(())
    }

    /// Lets the access token end. True when a person must connect the account again.
    async fn expire(&mut self, account: &Account) -> anyhow::Result<bool> {
        if self.route.platform == Platform::Telegram {
            self.none("expired", "bot tokens do not end");
            self.none("refreshed", "bot tokens do not end");
            return Ok(false);
        }
        self.begin("expired");
        let before = self.stage.newest_request();
        let touched = self.spoil(account, TokenVerb::ExpireAccess)?;
        ensure!(touched > 0, "the sandbox had no token to end");
        if !self.route.renews() {
            let checked = self.stage.check(&account.id).await?;
            ensure!(
                checked.health == "reconnect_needed",
                "it claims to be {}",
                checked.health
            );
            self.done();
            self.none("refreshed", "only a person renews an ended token there");
            return Ok(true);
        }
        self.done();
        self.begin("refreshed");
        if self.stage.publishes_to(self.route.platform) {
            self.published("a post with an ended token", account).await?;
        } else {
            self.stage.check(&account.id).await?;
        }
        let seen = self.stage.requests_after(before, self.route.platform);
        let renewal =
            |line: &&RequestLine| line.class == Class::Refresh && line.method == "POST" && line.status == Some(200);
        let renewals = seen.iter().filter(renewal).count();
        ensure!(renewals == 1, "the sandbox saw {renewals} refreshes");
        let checked = self.stage.check(&account.id).await?;
        ensure!(checked.health == "ok", "it is {} after the refresh", checked.health);
        self.done();
        Ok(false)
    }

    /// Nothing, if the account and the page say that a person is needed.
    async fn asks_for_a_person(&self, page: &Url, account: &Account) -> anyhow::Result<()> {
        let checked = self.stage.check(&account.id).await?;
        ensure!(
            checked.health == "reconnect_needed",
            "it claims to be {}",
            checked.health
        );
        let shown = self.visitor.get(page).await?.shown()?;
        ensure!(shown.body.contains("badge bad"), "the page does not ask for a person");
        Ok(())
    }

    async fn reconnect(&mut self, step: &'static str, page: &Url, account: &Account) -> anyhow::Result<()> {
        self.begin(step);
        let inputs = match self.route.way {
            // Credentials are entered anew; what else a browser needs is known from the account.
            Way::Form => self.inputs(Some(account))?,
            Way::Browser => Vec::new(),
        };
        let again = self.connect(page, inputs, Some(account)).await?;
        ensure!(again.id == account.id, "it came back as another account");
        ensure!(again.health == "ok", "it is {} after that", again.health);
        self.done();
        Ok(())
    }
}

/// An address below the page.
pub(super) fn below(page: &Url, rest: &str) -> anyhow::Result<Url> {
    let mut url = page.clone();
    url.path_segments_mut().ok().context("the page's address")?.push(rest);
    Ok(url)
}

/// Sends the consent page's form as it stands, as somebody of this name, or as the account; returns the way back.
pub(super) async fn consent(
    visitor: &Visitor,
    authorize: &Url,
    handle: &str,
    again: Option<&Account>,
) -> anyhow::Result<Url> {
    let shown: Page = visitor.get(authorize).await?.shown()?;
    let mut fields = filled_in(&shown.body);
    let people = choices(&shown.body, "account");
    let known = again.filter(|account| people.contains(&account.remote_id));
    if let Some(account) = known {
        fields.retain(|(name, _)| name != "account");
        fields.push(("account".to_owned(), account.remote_id.clone()));
    } else if again.is_none() {
        fields.retain(|(name, _)| name != "account");
        fields.push(("handle".to_owned(), handle.to_owned()));
    }
    fields.push(("decision".to_owned(), "allow".to_owned()));
    let answer = visitor.post(authorize, &fields).await?;
    Ok(answer.onward()?.clone())
}
