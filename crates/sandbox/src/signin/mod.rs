//! Sign-in: what the platforms' authorize pages, token endpoints and identity endpoints do.
//!
//! One engine serves all of them from the table in [`variants`]; what is truly different has a module of its own.
//! Every endpoint has the path of the real one below the platform's word, so an app is pointed here by its origins
//! alone. These routes come before the emulators', and what they do not know is the emulators'.
//!
//! Invariants:
//! - A code is good for one exchange, by the app, for the redirect address and with the verifier that it was made for.
//! - Tokens of one sign-in share a [`crate::account::Grant`]; revoking it ends them all.
//! - Paths in the journal have no query, and no token is ever written to it.
//!
//! Chosen where documentation is open: the app of the sandbox is a confidential client; refresh tokens of LinkedIn come
//! with the scopes of organizations, which are for partners as they are; a consent page is no subject of fault scripts.

mod apps;
mod authorize;
mod bluesky;
mod control;
mod identity;
mod longlived;
mod mastodon;
pub(crate) mod page;
mod people;
mod revoke;
mod scopes;
mod token;
mod variants;
mod words;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State as FromWorld};
use axum::response::Response;
use axum::routing::{get, post};
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use tower::ServiceExt as _;

pub use apps::{App, app};
pub(crate) use authorize::parameter;
pub(crate) use bluesky::{check_bound, nonce};
pub use control::TokenVerb;
pub(crate) use control::apply;
pub(crate) use people::number;
pub(crate) use token::mint;
pub(crate) use variants::of as variant_of;

use crate::account::{Account, Grant};
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::Dialect;
use crate::fault::Class;
use crate::journal::RequestLine;
use crate::limits::WindowView;
use crate::world::{Shared, World, lock};
use variants::{Refresh, Variant};

/// How long a code is remembered, whether used or not.
const REMEMBER_CODES: SignedDuration = SignedDuration::from_hours(24);

/// What the sign-ins know beyond accounts and tokens.
#[derive(Debug, Default)]
pub(crate) struct State(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Consents on their way to the token endpoint, by code.
    flows: HashMap<String, Flow>,
    /// Apps that were registered with Mastodon, by client id.
    registered: HashMap<String, apps::Client>,
    /// Tokens of pages, by grant, page and whether they end.
    page_tokens: HashMap<(u64, String, bool), String>,
    /// Answers whose ids alternate between text and number.
    alternations: u64,
    bluesky: bluesky::Requests,
}

impl State {
    pub(crate) fn clear(&self) {
        *lock(&self.0) = Inner::default();
    }

    fn remember(&self, code: String, flow: Flow) {
        let mut inner = lock(&self.0);
        let now = flow.at;
        inner
            .flows
            .retain(|_, flow| now.duration_since(flow.at) < REMEMBER_CODES);
        inner.flows.insert(code, flow);
    }
}

/// A consent that was given.
#[derive(Debug, Clone)]
struct Flow {
    redirect_uri: String,
    challenge: Option<Challenge>,
    account: Arc<Account>,
    grant: Arc<Grant>,
    offline: bool,
    at: Timestamp,
    used: bool,
}

/// A code challenge (RFC 7636).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Challenge {
    is_plain: bool,
    value: String,
}

/// Notes a request that is no subject of scripts, and answers it.
pub(crate) fn note(
    world: &World,
    platform: Platform,
    class: Class,
    call: &Call,
    account: Option<String>,
    answer: Answer,
) -> Response {
    let line = RequestLine {
        seq: 0,
        at: world.now(),
        platform,
        account,
        class,
        method: call.method.clone(),
        path: call.path.clone(),
        status: Some(answer.status),
        fault: None,
        commit: None,
        violation: None,
    };
    world.ledger().note_request(line);
    answer.into_response()
}

/// The token side of a platform.
#[derive(Debug, Clone, Copy)]
struct SignIn(&'static Variant);

impl Dialect for SignIn {
    fn platform(&self) -> Platform {
        self.0.platform
    }

    fn server_error(&self, status: u16) -> Answer {
        words::server_error(self.0.platform, status)
    }

    fn rate_limited(&self, retry_after_s: u64, now: Timestamp) -> Answer {
        words::rate_limited(self.0.platform, retry_after_s, now)
    }

    fn unauthorized(&self) -> Answer {
        words::refusal(self.0.platform, words::Refusal::UnknownCode)
    }

    fn expired(&self) -> Answer {
        self.refresh_refused()
    }

    fn rejected(&self) -> Answer {
        self.refresh_refused()
    }

    fn refresh_refused(&self) -> Answer {
        words::refusal(self.0.platform, words::Refusal::RefreshToken)
    }

    fn can_refresh(&self) -> bool {
        true
    }

    fn stamp(&self, answer: &mut Answer, _window: &WindowView, now: Timestamp) {
        if self.0.platform == Platform::Bluesky {
            answer.headers.push(("dpop-nonce", bluesky::nonce(now)));
        }
    }
}

/// The identity side of a platform.
#[derive(Debug, Clone, Copy)]
struct Api {
    platform: Platform,
    /// The scopes of which a token needs one here.
    scopes: &'static [&'static str],
}

impl Dialect for Api {
    fn platform(&self) -> Platform {
        self.platform
    }

    fn server_error(&self, status: u16) -> Answer {
        words::server_error(self.platform, status)
    }

    fn rate_limited(&self, retry_after_s: u64, now: Timestamp) -> Answer {
        words::rate_limited(self.platform, retry_after_s, now)
    }

    fn unauthorized(&self) -> Answer {
        words::bad_token(self.platform, false)
    }

    fn expired(&self) -> Answer {
        words::bad_token(self.platform, true)
    }

    fn rejected(&self) -> Answer {
        words::missing_scope(self.platform)
    }

    fn can_refresh(&self) -> bool {
        variant_of(self.platform).is_some_and(|variant| variant.refresh != Refresh::None)
    }

    fn scopes_for(&self, _class: Class) -> &'static [&'static str] {
        self.scopes
    }

    fn missing_scope(&self) -> Answer {
        words::missing_scope(self.platform)
    }

    fn stamp(&self, _answer: &mut Answer, _window: &WindowView, _now: Timestamp) {}
}

/// The routes of all sign-ins; what they do not know goes to `emulators`.
pub(crate) fn routes(world: &Shared, emulators: Router) -> Router {
    let mut router = Router::new()
        .nest("/_ctl", control::routes())
        .merge(identity::routes())
        .merge(longlived::routes())
        .merge(mastodon::routes())
        .merge(bluesky::routes());
    for variant in variants::ALL.iter().copied() {
        let below = |path: &str| format!("/{}{path}", variant.platform.word());
        for path in variant.authorize {
            let show = move |FromWorld(world): FromWorld<Shared>, call: Call| authorize::show(variant, world, call);
            let decide = move |FromWorld(world): FromWorld<Shared>, call: Call| authorize::decide(variant, world, call);
            router = router.route(&below(path), get(show).post(decide));
        }
        for path in variant.token {
            let exchange = move |FromWorld(world): FromWorld<Shared>, call: Call| token::exchange(variant, world, call);
            let mut endpoint = post(exchange);
            if variant.token_by_get {
                endpoint = endpoint.get(exchange);
            }
            router = router.route(&below(path), endpoint);
        }
        if let Some(path) = variant.revoke {
            let revoke = move |FromWorld(world): FromWorld<Shared>, call: Call| revoke::revoke(variant, world, call);
            router = router.route(&below(path), post(revoke));
        }
    }
    let others = emulators.clone();
    let pass_on = move |request: Request| {
        let others = others.clone();
        async move { others.oneshot(request).await }
    };
    for platform in [Platform::Facebook, Platform::Instagram, Platform::Threads] {
        // Graph addresses may leave the version out.
        let others = emulators.clone();
        let with_version = move |mut request: Request| {
            let query = request.uri().query().unwrap_or_default();
            let address = format!("/{}/v25.0/me?{query}", platform.word());
            if let Ok(uri) = address.parse() {
                *request.uri_mut() = uri;
            }
            let others = others.clone();
            async move { others.oneshot(request).await }
        };
        router = router.route(&format!("/{}/me", platform.word()), get(with_version));
    }
    router
        .method_not_allowed_fallback(pass_on)
        .fallback_service(emulators)
        .with_state(Arc::clone(world))
}

#[cfg(test)]
mod tests;
