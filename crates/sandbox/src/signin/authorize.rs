//! The authorize endpoint: what an app asks for, and what the visitor decides.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::response::Response;
use domain::platform::Platform;
use url::Url;

use super::apps::{self, Client};
use super::page;
use super::people::{self, Choice};
use super::variants::{BadScope, Offline, Pkce, Variant};
use super::{Challenge, Flow, note};
use crate::account::{Account, Grant, TokenUse};
use crate::answer::Answer;
use crate::call::Call;
use crate::fault::Class;
use crate::world::{Shared, World, later};

/// The longest `state` that is echoed (X has 500 characters; the others say nothing).
const STATE_BYTES_MAX: usize = 2_048;

/// What an app asks for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) client: Client,
    pub(super) redirect_uri: String,
    pub(super) state: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) challenge: Option<Challenge>,
    pub(super) offline: bool,
    /// Whether the app wants people to be asked as if for the first time (`prompt=consent`).
    pub(super) anew: bool,
    /// Whom the app expects, by handle or id.
    pub(super) login_hint: Option<String>,
    /// The key that the tokens are to be bound to.
    pub(super) proof_key: Option<String>,
}

/// Why nobody is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Stop {
    /// Told on the platform's own page: where to send the visitor is not known, or not trusted.
    Page(String),
    /// Told to the app.
    Redirect(String),
}

/// The parameters of a request.
pub(crate) type Parameters = [(String, String)];

/// The first value of a parameter that has one.
pub(crate) fn parameter<'p>(parameters: &'p Parameters, name: &str) -> Option<&'p str> {
    let found = parameters.iter().find(|(key, _)| key == name);
    found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

/// Adds parameters to a redirect address.
pub(super) fn redirect(variant: &Variant, address: &str, parameters: &[(&str, &str)]) -> String {
    let Ok(mut url) = Url::parse(address) else {
        return address.to_owned();
    };
    url.query_pairs_mut()
        .extend_pairs(parameters.iter().filter(|(_, value)| !value.is_empty()));
    if matches!(
        variant.platform,
        Platform::Facebook | Platform::Instagram | Platform::Threads
    ) {
        url.set_fragment(Some("_"));
    }
    url.to_string()
}

/// Reads what `client` asks for.
pub(super) fn read(variant: &Variant, client: Client, parameters: &Parameters) -> Result<Asked, Stop> {
    let page = |why: &str| Err(Stop::Page(why.to_owned()));
    let Some(redirect_uri) = parameter(parameters, "redirect_uri").map(str::to_owned) else {
        return page("The request has no redirect_uri.");
    };
    if !client.may_redirect_to(&redirect_uri) {
        return page("The redirect_uri is not one of those that the app registered.");
    }
    let state = parameter(parameters, "state").map(str::to_owned);
    if state.as_ref().is_some_and(|state| state.len() > STATE_BYTES_MAX) {
        return page("The state is too long.");
    }
    let back = |error: &str, description: &str| {
        let told = [
            ("error", error),
            ("error_description", description),
            ("state", state.as_deref().unwrap_or_default()),
        ];
        Err(Stop::Redirect(redirect(variant, &redirect_uri, &told)))
    };
    let code_is_default = variant.platform == Platform::Facebook;
    match parameter(parameters, "response_type") {
        Some("code") => {}
        None if code_is_default => {}
        _ => return back("unsupported_response_type", "response_type must be code"),
    }
    let challenge = match read_challenge(variant, parameters) {
        Ok(challenge) => challenge,
        Err(why) if variant.platform == Platform::X => return page(why),
        Err(why) => return back("invalid_request", why),
    };
    let scopes = read_scopes(variant, parameters);
    if let Some(unknown) = scopes.iter().find(|scope| !is_allowed(variant, &client, scope)) {
        let why = format!("Scope \"{unknown}\" is not authorized for your application");
        return match variant.bad_scope {
            BadScope::Page => page(&why),
            BadScope::Redirect(error) => back(error, &why),
        };
    }
    if scopes.is_empty() {
        return back("invalid_scope", "No scope was asked for");
    }
    let offline = match variant.offline {
        Offline::Always | Offline::Scope(_) => true,
        Offline::Parameter(name, value) => parameter(parameters, name) == Some(value),
    };
    Ok(Asked {
        client,
        state,
        scopes,
        challenge,
        offline,
        anew: parameter(parameters, "prompt").is_some_and(|prompt| prompt.split(' ').any(|word| word == "consent")),
        login_hint: parameter(parameters, "login_hint").map(str::to_owned),
        proof_key: None,
        redirect_uri,
    })
}

fn read_challenge(variant: &Variant, parameters: &Parameters) -> Result<Option<Challenge>, &'static str> {
    if variant.pkce == Pkce::Ignored {
        return Ok(None);
    }
    let Some(value) = parameter(parameters, "code_challenge") else {
        return match variant.pkce {
            Pkce::Required => Err("The request has no code_challenge."),
            _ => Ok(None),
        };
    };
    let is_plain = match parameter(parameters, "code_challenge_method") {
        Some("S256") => false,
        Some("plain") | None if variant.platform != Platform::Bluesky => true,
        _ => return Err("The code_challenge_method is not supported."),
    };
    Ok(Some(Challenge {
        is_plain,
        value: value.to_owned(),
    }))
}

fn read_scopes(variant: &Variant, parameters: &Parameters) -> Vec<String> {
    let Some(scope) = parameter(parameters, "scope") else {
        // Facebook then asks for the public profile, Mastodon for reading.
        let default = variant.scopes.first().map(|(scope, _)| (*scope).to_owned());
        let has_default = matches!(variant.platform, Platform::Facebook | Platform::Mastodon);
        return default.filter(|_| has_default).into_iter().collect();
    };
    // Meta and LinkedIn take both separators.
    let mut scopes: Vec<String> = Vec::new();
    for scope in scope.split([variant.separator, ' ']).filter(|scope| !scope.is_empty()) {
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    scopes
}

/// Whether the platform has this scope and the app may ask for it.
fn is_allowed(variant: &Variant, client: &Client, scope: &str) -> bool {
    if let Some(registered) = &client.scopes {
        // `write` stands for `write:statuses`, as Mastodon has it.
        let broad = scope.split(':').next().unwrap_or_default();
        return registered.iter().any(|one| one == scope || one == broad);
    }
    variant.scopes.iter().any(|(known, _)| *known == scope)
}

/// What the request asks for; on Bluesky it was pushed before.
fn asked(variant: &'static Variant, world: &World, call: &Call) -> Result<Asked, Stop> {
    if variant.platform == Platform::Bluesky {
        return super::bluesky::pushed(world, &call.query);
    }
    let id = parameter(&call.query, variant.client_parameter).unwrap_or_default();
    let Some(client) = apps::find(world, variant.platform, id) else {
        return Err(Stop::Page(format!(
            "{} knows no app with this {}.",
            variant.platform.name(),
            variant.client_parameter
        )));
    };
    read(variant, client, &call.query)
}

fn stopped(variant: &Variant, stop: Stop) -> Answer {
    match stop {
        Stop::Page(why) => page::refusal(variant, &why),
        Stop::Redirect(address) => found(address),
    }
}

fn found(address: String) -> Answer {
    Answer::bytes(302, "", "".into())
        .with("location", address)
        .with("cache-control", "no-store")
}

/// `GET`: the consent page.
pub(super) async fn show(variant: &'static Variant, world: Shared, call: Call) -> Response {
    let answer = match asked(variant, &world, &call) {
        Ok(asked) => page::consent(variant, &asked, &people::choices(&world, variant), None),
        Err(stop) => stopped(variant, stop),
    };
    note(&world, variant.platform, Class::Refresh, &call, None, answer)
}

/// What the visitor sent.
struct Decision {
    fields: Vec<(String, String)>,
}

impl Decision {
    fn text(&self, name: &str) -> Option<&str> {
        parameter(&self.fields, name)
    }

    fn all(&self, name: &str) -> BTreeSet<&str> {
        let named = self.fields.iter().filter(|(key, _)| key == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    /// What was ticked; everything when the form had no such boxes.
    fn ticked(&self, name: &str, marker: &str) -> Option<BTreeSet<&str>> {
        let ticked = self.all(name);
        (!ticked.is_empty() || self.text(marker).is_some()).then_some(ticked)
    }
}

/// `POST`: the visitor's decision.
pub(super) async fn decide(variant: &'static Variant, world: Shared, call: Call) -> Response {
    let decision = Decision {
        fields: url::form_urlencoded::parse(&call.body).into_owned().collect(),
    };
    let (account, answer) = match asked(variant, &world, &call) {
        Ok(asked) => decided(variant, &world, &asked, &decision),
        Err(stop) => (None, stopped(variant, stop)),
    };
    if variant.platform == Platform::Bluesky && answer.status == 302 {
        super::bluesky::spend(&world, &call.query);
    }
    note(&world, variant.platform, Class::Refresh, &call, account, answer)
}

fn decided(variant: &'static Variant, world: &World, asked: &Asked, decision: &Decision) -> (Option<String>, Answer) {
    let state = asked.state.as_deref().unwrap_or_default();
    match decision.text("decision") {
        Some("allow") => {}
        Some("deny") => {
            let mut told = variant.denied.to_vec();
            told.push(("state", state));
            let issuer = super::bluesky::issuer(world);
            if variant.platform == Platform::Bluesky {
                told.push(("iss", &issuer));
            }
            return (None, found(redirect(variant, &asked.redirect_uri, &told)));
        }
        _ => return (None, again(variant, world, asked, "Please choose Allow or Deny.")),
    }
    let choice = match choose(variant, world, asked, decision) {
        Ok(choice) => choice,
        Err(why) => return (None, again(variant, world, asked, &why)),
    };
    let account = choice.account.remote_id.clone();
    let address = allow(variant, world, asked, decision, choice);
    (Some(account), found(address))
}

/// The page once more, with what is wrong.
fn again(variant: &Variant, world: &World, asked: &Asked, why: &str) -> Answer {
    let choices = people::choices(world, variant);
    Answer {
        status: 400,
        ..page::consent(variant, asked, &choices, Some(why))
    }
}

fn choose(variant: &Variant, world: &World, asked: &Asked, decision: &Decision) -> Result<Choice, String> {
    if let Some(typed) = decision.text("handle") {
        let made = people::by_name(world, variant, typed).map_err(|error| error.to_string())?;
        return made.ok_or_else(|| "This name cannot be used.".to_owned());
    }
    let choices = people::choices(world, variant);
    let chosen = match decision.text("account") {
        Some(id) => choices.into_iter().find(|choice| choice.account.remote_id == id),
        None => {
            let hint = asked.login_hint.as_deref().unwrap_or_default();
            let hinted = choices.iter().find(|choice| is_hinted(choice, hint)).cloned();
            hinted.or_else(|| choices.into_iter().next())
        }
    };
    chosen.ok_or_else(|| "Please choose who you are, or type a new name.".to_owned())
}

/// Whether an app expects this one.
pub(super) fn is_hinted(choice: &Choice, hint: &str) -> bool {
    choice.account.handle == hint || choice.account.remote_id == hint
}

/// Grants what was ticked, and makes the code.
fn allow(variant: &'static Variant, world: &World, asked: &Asked, decision: &Decision, choice: Choice) -> String {
    let ticked = decision.ticked("scope", "scopes_shown").filter(|_| variant.may_untick);
    let always = variant.scopes.first().map(|(scope, _)| *scope);
    let kept = |scope: &String| {
        let scope = scope.as_str();
        Some(scope) == always || ticked.as_ref().is_none_or(|ticked| ticked.contains(scope))
    };
    let (scopes, declined): (Vec<String>, Vec<String>) = asked.scopes.iter().cloned().partition(kept);
    let mut targets = choice.targets;
    if let Some(chosen) = decision.ticked("target", "targets_shown") {
        let is_chosen = |target: &Arc<Account>| chosen.contains(target.remote_id.as_str());
        // Somebody new has targets that the page could not show.
        if decision.text("handle").is_none() || targets.iter().any(is_chosen) {
            targets.retain(is_chosen);
        }
    }
    let offline = match variant.offline {
        Offline::Scope(wanted) => scopes.iter().any(|scope| wanted.contains(&scope.as_str())),
        // Google gives a refresh token the first time only, unless the app asks for it (developers.google.com/identity).
        Offline::Parameter("access_type", _) if !asked.anew => {
            let app = &asked.client.id;
            asked.offline && !world.accounts().has_refresh(&choice.account, app, world.now())
        }
        Offline::Always | Offline::Parameter(..) => asked.offline,
    };
    let now = world.now();
    let grant = Arc::new(Grant {
        serial: world.serial(),
        app: asked.client.id.clone(),
        scopes,
        declined,
        targets,
        proof_key: asked.proof_key.clone(),
    });
    let [_, _, prefix] = variant.prefixes;
    let code = format!("{prefix}{}", world.random_text(64));
    let remembered = Some(later(now, super::REMEMBER_CODES));
    world.issue_granted(
        &code,
        &choice.account,
        TokenUse::Code,
        remembered,
        now,
        Some(Arc::clone(&grant)),
    );
    let granted = grant.scopes.join(&variant.separator.to_string());
    let flow = Flow {
        redirect_uri: asked.redirect_uri.clone(),
        challenge: asked.challenge.clone(),
        account: choice.account,
        grant,
        offline,
        at: now,
        used: false,
    };
    world.signin.remember(code.clone(), flow);
    let issuer = super::bluesky::issuer(world);
    let mut told = vec![
        ("code", code.as_str()),
        ("state", asked.state.as_deref().unwrap_or_default()),
    ];
    match variant.platform {
        Platform::Bluesky => told.push(("iss", &issuer)),
        Platform::TikTok => told.push(("scopes", &granted)),
        Platform::YouTube | Platform::GoogleBusiness => told.push(("scope", &granted)),
        _ => {}
    }
    redirect(variant, &asked.redirect_uri, &told)
}
