//! What is known of a platform's sign-in before anybody signs in.

use domain::account::{Missing, Tokens};
use domain::platform::Platform;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

use crate::Endpoints;
use crate::rules::Row;

/// A platform's sign-in as data. `doctor` prints it, the hosted page shows it, [`super::oauth`] follows it.
#[derive(Debug)]
pub struct SignInFacts {
    /// Which platform.
    pub platform: Platform,
    /// The ways to connect, the best one first.
    pub means: &'static [Means],
    /// The authorization code flow, where there is one.
    pub oauth: Option<OAuth>,
    /// What the operator must have.
    pub app: AppNeed,
    /// How tokens are kept alive.
    pub refresh: RefreshFacts,
    /// The version of the platform's API that is spoken.
    pub api: Option<ApiVersion>,
    /// The scopes that are asked for.
    pub needs: &'static [Scope],
}

/// A way to connect an account.
#[derive(Debug, Clone, Copy)]
pub enum Means {
    /// The browser is sent to the platform.
    OAuth,
    /// The browser is sent to a server that the person names first.
    OAuthAt(Field),
    /// The person enters these.
    Credentials(&'static [Field]),
}

/// Something that a person enters.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// The name in forms and in [`super::Ask::inputs`]; `token`, `identifier`, `password`, `refresh` and `server` are
    /// what [`crate::Credentials::from_inputs`] reads.
    pub name: &'static str,
    /// What people read.
    pub label: &'static str,
    /// Where to find it; may be empty.
    pub hint: &'static str,
    /// Whether it is hidden while typed, and never shown again.
    pub secret: bool,
    /// An example.
    pub placeholder: &'static str,
}

/// A platform's address: the operator may replace the origin, never the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// Scheme and host, without a slash at the end.
    pub origin: &'static str,
    /// The path, with its slash.
    pub path: &'static str,
}

impl Address {
    /// An address.
    #[must_use]
    pub const fn new(origin: &'static str, path: &'static str) -> Self {
        Self { origin, path }
    }
}

/// The authorization code flow (RFC 6749, 4.1) as one platform has it.
#[derive(Debug)]
pub struct OAuth {
    /// Where the browser goes.
    pub authorize: Address,
    /// Where codes and refresh tokens are exchanged.
    pub token: Address,
    /// Where tokens are given back (RFC 7009), and which of them ends the grant.
    pub revoke: Option<(Address, RevokedBy)>,
    /// The parameter that carries the app's id.
    pub client_id_name: &'static str,
    /// Between scopes.
    pub scope_separator: &'static str,
    /// Parameters of the authorize request that only this platform has.
    pub extra_params: &'static [(&'static str, &'static str)],
    /// Whether a code challenge goes along (RFC 7636).
    pub pkce: Pkce,
    /// How the app says who it is.
    pub client_auth: ClientAuth,
    /// What the token endpoint's refusals mean where the common reading is wrong; first table
    /// first, and first match first.
    pub rows: Rows,
}

/// Tables of refusals, looked through in their order.
pub type Rows = &'static [&'static [Row]];

/// Which token is given back to end a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevokedBy {
    /// The access token.
    AccessToken,
    /// The refresh token, or the access token where there is none.
    RefreshToken,
}

/// A code challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pkce {
    /// By SHA-256, as base64url.
    S256,
    /// None: the platform does not know it.
    None,
}

/// How the app says who it is at the token endpoint (RFC 6749, 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// By HTTP Basic; an app without a secret is named in the body.
    Basic,
    /// In the body.
    Body,
}

/// What an operator must have before people can connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppNeed {
    /// Nothing.
    None,
    /// An app of their own.
    OperatorApp {
        /// Where it is made.
        at: &'static str,
        /// What the platform wants besides: a review, a product, an application.
        besides: Option<&'static str>,
    },
    /// Nothing: this server registers itself at each instance.
    PerInstance,
    /// Nothing but a `public_url` that the platform can reach: this server's description of itself is served there.
    ClientMetadata,
}

/// What tokens are renewed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefreshBy {
    /// Nothing: they do not end, or a person must sign in again.
    Nothing,
    /// The refresh token.
    RefreshToken,
    /// The access token itself, while it lives.
    AccessToken,
}

/// How tokens are kept alive.
#[derive(Debug, Clone, Copy)]
pub struct RefreshFacts {
    /// By what.
    pub by: RefreshBy,
    /// Whether a refresh token is good for one use only.
    pub rotates: bool,
    /// How long before a token's end it is renewed.
    pub ahead: SignedDuration,
    /// How old a token must be before it can be renewed.
    pub min_age: SignedDuration,
}

impl RefreshFacts {
    /// Tokens that are never renewed.
    pub const NEVER: Self = Self {
        by: RefreshBy::Nothing,
        rotates: false,
        ahead: SignedDuration::ZERO,
        min_age: SignedDuration::ZERO,
    };

    /// When tokens that were made or renewed at `made_at` are to be renewed, without jitter; `None` when they cannot be,
    /// or their end is not known. A token whose life is shorter than twice the time ahead is renewed halfway.
    #[must_use]
    pub fn refresh_at(&self, tokens: &Tokens, made_at: Timestamp) -> Option<Timestamp> {
        if !self.can_refresh(tokens) {
            return None;
        }
        let life = tokens.expires_at?.duration_since(made_at).max(SignedDuration::ZERO);
        let wait = (life.saturating_sub(self.ahead))
            .max(life / 2)
            .max(self.min_age.min(life));
        made_at.checked_add(wait).ok()
    }

    /// Whether these tokens can be renewed without a person.
    #[must_use]
    pub const fn can_refresh(&self, tokens: &Tokens) -> bool {
        match self.by {
            RefreshBy::Nothing => false,
            RefreshBy::RefreshToken => tokens.refresh.is_some(),
            RefreshBy::AccessToken => true,
        }
    }
}

/// A version of a platform's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiVersion {
    /// As it stands in requests.
    pub version: &'static str,
    /// The day on which the platform stops answering it, as far as announced.
    pub sunset: Option<Date>,
    /// Where that is said.
    pub source: &'static str,
}

/// A right that an app asks for.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    /// The platform's word.
    pub name: &'static str,
    /// What it is for, to follow "needed to".
    pub for_what: &'static str,
    /// Wider scopes that include it.
    pub within: &'static [&'static str],
    /// Who asks for it.
    pub asked: Asked,
}

/// When a scope is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Always.
    Always,
    /// When the operator lists it in `platforms.NAME.scopes`: platforms refuse a sign-in that asks for scopes which
    /// the app was not approved for.
    ByOperator,
}

impl Scope {
    /// A scope that is always asked for.
    #[must_use]
    pub const fn new(name: &'static str, for_what: &'static str) -> Self {
        Self {
            name,
            for_what,
            within: &[],
            asked: Asked::Always,
        }
    }

    /// The same, included in these too.
    #[must_use]
    pub const fn within(mut self, wider: &'static [&'static str]) -> Self {
        self.within = wider;
        self
    }

    /// The same, asked for only if the operator lists it.
    #[must_use]
    pub const fn by_operator(mut self) -> Self {
        self.asked = Asked::ByOperator;
        self
    }

    /// Whether these scopes include it.
    #[must_use]
    pub fn is_in(&self, granted: &[String]) -> bool {
        granted
            .iter()
            .any(|scope| scope == self.name || self.within.contains(&scope.as_str()))
    }

    /// What is said of an account that lacks it.
    #[must_use]
    pub fn missing(&self) -> Missing {
        Missing {
            code: format!("scope:{}", self.name),
            words: format!(
                "The permission “{}” was not granted; it is needed to {}. Connect the account again and grant it.",
                self.name, self.for_what
            ),
        }
    }
}

impl SignInFacts {
    /// The scopes that this server asks for, in order, each once.
    #[must_use]
    pub fn scopes_asked(&self, endpoints: &Endpoints) -> Vec<String> {
        let listed = endpoints.scopes.get(&self.platform).map_or(&[][..], Vec::as_slice);
        let always = self.needs.iter().filter(|scope| scope.asked == Asked::Always);
        let mut asked: Vec<String> = Vec::new();
        for name in always.map(|scope| scope.name).chain(listed.iter().map(String::as_str)) {
            if !asked.iter().any(|known| known == name) {
                asked.push(name.to_owned());
            }
        }
        asked
    }

    /// What these scopes lack of those that are always asked for. No scopes at all means that the platform does not
    /// tell them, and nothing is said to be missing.
    #[must_use]
    pub fn missing(&self, granted: &[String]) -> Vec<Missing> {
        if granted.is_empty() {
            return Vec::new();
        }
        let lacks = |scope: &&Scope| scope.asked == Asked::Always && !scope.is_in(granted);
        self.needs.iter().filter(lacks).map(Scope::missing).collect()
    }

    /// What the operator still has to configure before people can connect, in words; `None` when they can.
    #[must_use]
    pub fn missing_config(&self, endpoints: &Endpoints) -> Option<String> {
        let AppNeed::OperatorApp { at, besides } = self.app else {
            return None;
        };
        if endpoints.apps.contains_key(&self.platform) {
            return None;
        }
        let word = self.platform.word();
        let besides = besides.map_or(String::new(), |words| format!(" {words}"));
        Some(format!(
            "no app: make one at {at} and set platforms.{word}.client_id and platforms.{word}.client_secret.{besides}"
        ))
    }
}
