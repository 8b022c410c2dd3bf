//! How the platforms' sign-ins differ, as data.
//!
//! Sources: docs.x.com, learn.microsoft.com/linkedin, developers.facebook.com (Facebook, Instagram, Threads),
//! developers.tiktok.com, developers.google.com/identity, developers.pinterest.com, Reddit's OAuth2 wiki page,
//! developers.snap.com, docs.joinmastodon.org, atproto.com/specs/oauth.

use domain::platform::Platform;
use jiff::SignedDuration;

use super::scopes::{self, Scopes};

const fn minutes(count: i64) -> SignedDuration {
    SignedDuration::from_mins(count)
}

const fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(count * 24)
}

/// Where an app says who it is at the token endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientAuth {
    /// HTTP Basic only.
    Basic,
    /// Parameters of the request only.
    Body,
    /// Either.
    Either,
    /// Nowhere: a public client, whose key signs its requests.
    Public,
}

/// What a platform makes of a code challenge (RFC 7636).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pkce {
    /// No sign-in without one.
    Required,
    /// A challenge that was sent is checked.
    Optional,
    /// As [`Pkce::Optional`], but the S256 challenge is the hash in hex, as TikTok has it.
    Hex,
    /// Not looked at.
    Ignored,
}

/// What becomes of refresh tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refresh {
    /// There are none.
    None,
    /// Each is good for one use, and lives so long.
    Rotating(SignedDuration),
    /// The same one is used for ever, or so long.
    Kept(Option<SignedDuration>),
    /// Each refresh brings another one that lives so long; the old ones stay good.
    Renewed(SignedDuration),
}

/// When a sign-in brings a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offline {
    /// Always.
    Always,
    /// When one of these scopes was granted.
    Scope(&'static [&'static str]),
    /// When the authorize request had this parameter with this value.
    Parameter(&'static str, &'static str),
}

/// Whom the visitor chooses in the consent page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chooses {
    /// One account, for which the tokens then stand.
    Account,
    /// A person, and which of his accounts; in the words of the page.
    Person(&'static str),
    /// A member, and which of his organizations.
    Member,
}

/// How a scope that the platform does not know is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadScope {
    /// On the platform's own page.
    Page,
    /// By a redirect with this error.
    Redirect(&'static str),
}

/// A platform's sign-in.
#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) platform: Platform,
    /// Paths of the authorize page below the platform's word.
    pub(crate) authorize: &'static [&'static str],
    /// Paths of the token endpoint.
    pub(crate) token: &'static [&'static str],
    /// Whether the token endpoint takes GET too.
    pub(crate) token_by_get: bool,
    /// Path of the revocation endpoint (RFC 7009 or the platform's own).
    pub(crate) revoke: Option<&'static str>,
    /// The parameter with the app's id.
    pub(crate) client_parameter: &'static str,
    pub(crate) auth: ClientAuth,
    pub(crate) pkce: Pkce,
    pub(crate) code_life: SignedDuration,
    /// How long an access token lives; none for ever.
    pub(crate) access_life: Option<SignedDuration>,
    pub(crate) refresh: Refresh,
    pub(crate) offline: Offline,
    /// Between scopes, in requests and answers.
    pub(crate) separator: char,
    /// Every scope there is, with what it means in the consent page. The first is granted in any case when the
    /// platform lets people refuse scopes.
    pub(crate) scopes: Scopes,
    pub(crate) bad_scope: BadScope,
    /// Whether people may refuse single scopes.
    pub(crate) may_untick: bool,
    pub(crate) chooses: Chooses,
    /// How access tokens, refresh tokens and codes begin.
    pub(crate) prefixes: [&'static str; 3],
    /// What the redirect of a refusal says besides `state`.
    pub(crate) denied: &'static [(&'static str, &'static str)],
}

/// The sign-in of a platform; none for Telegram, where a bot's token is all there is.
pub(crate) fn of(platform: Platform) -> Option<&'static Variant> {
    ALL.iter().copied().find(|variant| variant.platform == platform)
}

/// Every platform that one signs in to.
pub(crate) static ALL: &[&Variant] = &[
    &X,
    &LINKEDIN,
    &FACEBOOK,
    &INSTAGRAM,
    &THREADS,
    &TIKTOK,
    &YOUTUBE,
    &GOOGLE_BUSINESS,
    &PINTEREST,
    &REDDIT,
    &SNAPCHAT,
    &MASTODON,
    &BLUESKY,
];

static X: Variant = Variant {
    platform: Platform::X,
    authorize: &["/i/oauth2/authorize"],
    token: &["/2/oauth2/token"],
    token_by_get: false,
    revoke: Some("/2/oauth2/revoke"),
    client_parameter: "client_id",
    auth: ClientAuth::Basic,
    pkce: Pkce::Required,
    code_life: SignedDuration::from_secs(30),
    access_life: Some(minutes(120)),
    refresh: Refresh::Rotating(days(180)),
    offline: Offline::Scope(&["offline.access"]),
    separator: ' ',
    scopes: scopes::X,
    bad_scope: BadScope::Page,
    may_untick: false,
    chooses: Chooses::Account,
    prefixes: ["", "", ""],
    denied: &[("error", "access_denied")],
};

static LINKEDIN: Variant = Variant {
    platform: Platform::LinkedIn,
    authorize: &["/oauth/v2/authorization"],
    token: &["/oauth/v2/accessToken"],
    token_by_get: false,
    revoke: Some("/oauth/v2/revoke"),
    client_parameter: "client_id",
    auth: ClientAuth::Body,
    pkce: Pkce::Ignored,
    code_life: minutes(30),
    access_life: Some(days(60)),
    refresh: Refresh::Kept(Some(days(365))),
    // Only partners get refresh tokens, and only partners get the scopes of organizations.
    offline: Offline::Scope(&[
        "w_organization_social",
        "r_organization_social",
        "rw_organization_admin",
    ]),
    separator: ' ',
    scopes: scopes::LINKEDIN,
    bad_scope: BadScope::Redirect("unauthorized_scope_error"),
    may_untick: false,
    chooses: Chooses::Member,
    prefixes: ["AQU", "AQV", "AQT"],
    denied: &[
        ("error", "user_cancelled_authorize"),
        ("error_description", "The user cancelled the authorization"),
    ],
};

const GRAPH_DENIED: &[(&str, &str)] = &[
    ("error", "access_denied"),
    ("error_code", "200"),
    ("error_description", "Permissions error"),
    ("error_reason", "user_denied"),
];

static FACEBOOK: Variant = Variant {
    platform: Platform::Facebook,
    authorize: &["/dialog/oauth", "/{version}/dialog/oauth"],
    token: &["/oauth/access_token", "/{version}/oauth/access_token"],
    token_by_get: true,
    revoke: None,
    client_parameter: "client_id",
    auth: ClientAuth::Body,
    pkce: Pkce::Optional,
    code_life: minutes(10),
    access_life: Some(minutes(90)),
    refresh: Refresh::None,
    offline: Offline::Always,
    separator: ',',
    scopes: scopes::FACEBOOK,
    bad_scope: BadScope::Page,
    may_untick: true,
    chooses: Chooses::Person("Pages"),
    prefixes: ["EAA", "", "AQ"],
    denied: GRAPH_DENIED,
};

static INSTAGRAM: Variant = Variant {
    platform: Platform::Instagram,
    authorize: &["/oauth/authorize"],
    token: &["/oauth/access_token"],
    token_by_get: false,
    revoke: None,
    client_parameter: "client_id",
    auth: ClientAuth::Body,
    pkce: Pkce::Ignored,
    code_life: minutes(60),
    access_life: Some(minutes(60)),
    refresh: Refresh::None,
    offline: Offline::Always,
    separator: ',',
    scopes: scopes::INSTAGRAM,
    bad_scope: BadScope::Page,
    may_untick: true,
    chooses: Chooses::Account,
    prefixes: ["IGAA", "", "AQ"],
    denied: &[
        ("error", "access_denied"),
        ("error_reason", "user_denied"),
        ("error_description", "The user denied your request."),
    ],
};

static THREADS: Variant = Variant {
    platform: Platform::Threads,
    authorize: &["/oauth/authorize"],
    token: &["/oauth/access_token"],
    token_by_get: false,
    revoke: None,
    client_parameter: "client_id",
    auth: ClientAuth::Body,
    pkce: Pkce::Ignored,
    code_life: minutes(60),
    access_life: Some(minutes(60)),
    refresh: Refresh::None,
    offline: Offline::Always,
    separator: ',',
    scopes: scopes::THREADS,
    bad_scope: BadScope::Page,
    may_untick: true,
    chooses: Chooses::Account,
    prefixes: ["THAA", "", "AQ"],
    denied: GRAPH_DENIED,
};

static TIKTOK: Variant = Variant {
    platform: Platform::TikTok,
    authorize: &["/v2/auth/authorize/", "/v2/auth/authorize"],
    token: &["/v2/oauth/token/"],
    token_by_get: false,
    revoke: Some("/v2/oauth/revoke/"),
    client_parameter: "client_key",
    auth: ClientAuth::Body,
    pkce: Pkce::Hex,
    code_life: minutes(10),
    access_life: Some(minutes(120)),
    refresh: Refresh::Rotating(days(180)),
    offline: Offline::Always,
    separator: ',',
    scopes: scopes::TIKTOK,
    bad_scope: BadScope::Redirect("invalid_scope"),
    may_untick: true,
    chooses: Chooses::Account,
    prefixes: ["act.", "rft.", ""],
    denied: &[
        ("error", "access_denied"),
        ("error_description", "The user denied the request"),
    ],
};

static YOUTUBE: Variant = Variant {
    platform: Platform::YouTube,
    authorize: &["/o/oauth2/v2/auth"],
    token: &["/token"],
    token_by_get: false,
    revoke: Some("/revoke"),
    client_parameter: "client_id",
    auth: ClientAuth::Either,
    pkce: Pkce::Optional,
    code_life: minutes(10),
    access_life: Some(SignedDuration::from_secs(3_599)),
    refresh: Refresh::Kept(None),
    offline: Offline::Parameter("access_type", "offline"),
    separator: ' ',
    scopes: scopes::YOUTUBE,
    bad_scope: BadScope::Page,
    may_untick: true,
    chooses: Chooses::Account,
    prefixes: ["ya29.", "1//", "4/0"],
    denied: &[("error", "access_denied")],
};

static GOOGLE_BUSINESS: Variant = Variant {
    platform: Platform::GoogleBusiness,
    authorize: &["/o/oauth2/v2/auth"],
    token: &["/token"],
    token_by_get: false,
    revoke: Some("/revoke"),
    client_parameter: "client_id",
    auth: ClientAuth::Either,
    pkce: Pkce::Optional,
    code_life: minutes(10),
    access_life: Some(SignedDuration::from_secs(3_599)),
    refresh: Refresh::Kept(None),
    offline: Offline::Parameter("access_type", "offline"),
    separator: ' ',
    scopes: scopes::GOOGLE_BUSINESS,
    bad_scope: BadScope::Page,
    may_untick: true,
    chooses: Chooses::Person("locations"),
    prefixes: ["ya29.", "1//", "4/0"],
    denied: &[("error", "access_denied")],
};

static PINTEREST: Variant = Variant {
    platform: Platform::Pinterest,
    authorize: &["/oauth/"],
    token: &["/v5/oauth/token"],
    token_by_get: false,
    revoke: Some("/v5/oauth/token/revoke"),
    client_parameter: "client_id",
    auth: ClientAuth::Basic,
    pkce: Pkce::Ignored,
    code_life: minutes(10),
    access_life: Some(days(30)),
    refresh: Refresh::Renewed(days(60)),
    offline: Offline::Always,
    separator: ',',
    scopes: scopes::PINTEREST,
    bad_scope: BadScope::Page,
    may_untick: false,
    chooses: Chooses::Account,
    prefixes: ["pina_", "pinr.", ""],
    denied: &[
        ("error", "access_denied"),
        ("error_description", "The user denied the request"),
    ],
};

static REDDIT: Variant = Variant {
    platform: Platform::Reddit,
    authorize: &["/api/v1/authorize"],
    token: &["/api/v1/access_token"],
    token_by_get: false,
    revoke: Some("/api/v1/revoke_token"),
    client_parameter: "client_id",
    auth: ClientAuth::Basic,
    pkce: Pkce::Ignored,
    code_life: minutes(10),
    access_life: Some(days(1)),
    refresh: Refresh::Kept(None),
    offline: Offline::Parameter("duration", "permanent"),
    separator: ' ',
    scopes: scopes::REDDIT,
    bad_scope: BadScope::Redirect("invalid_scope"),
    may_untick: false,
    chooses: Chooses::Account,
    prefixes: ["eyJ", "", ""],
    denied: &[("error", "access_denied")],
};

static SNAPCHAT: Variant = Variant {
    platform: Platform::Snapchat,
    authorize: &["/login/oauth2/authorize"],
    token: &["/login/oauth2/access_token"],
    token_by_get: false,
    revoke: None,
    client_parameter: "client_id",
    auth: ClientAuth::Either,
    pkce: Pkce::Optional,
    code_life: minutes(10),
    access_life: Some(minutes(60)),
    refresh: Refresh::Rotating(days(365)),
    offline: Offline::Always,
    separator: ' ',
    scopes: scopes::SNAPCHAT,
    bad_scope: BadScope::Redirect("invalid_scope"),
    may_untick: false,
    chooses: Chooses::Account,
    prefixes: ["hCgwKCjE", "hCgwKCjI", ""],
    denied: &[
        ("error", "access_denied"),
        ("error_description", "The user denied the request."),
    ],
};

static MASTODON: Variant = Variant {
    platform: Platform::Mastodon,
    authorize: &["/oauth/authorize"],
    token: &["/oauth/token"],
    token_by_get: false,
    revoke: Some("/oauth/revoke"),
    client_parameter: "client_id",
    auth: ClientAuth::Either,
    pkce: Pkce::Optional,
    code_life: minutes(10),
    access_life: None,
    refresh: Refresh::None,
    offline: Offline::Always,
    separator: ' ',
    scopes: scopes::MASTODON,
    bad_scope: BadScope::Redirect("invalid_scope"),
    may_untick: false,
    chooses: Chooses::Account,
    prefixes: ["", "", ""],
    denied: &[
        ("error", "access_denied"),
        (
            "error_description",
            "The resource owner or authorization server denied the request.",
        ),
    ],
};

static BLUESKY: Variant = Variant {
    platform: Platform::Bluesky,
    authorize: &["/oauth/authorize"],
    token: &["/oauth/token"],
    token_by_get: false,
    revoke: Some("/oauth/revoke"),
    client_parameter: "client_id",
    auth: ClientAuth::Public,
    pkce: Pkce::Required,
    code_life: minutes(1),
    access_life: Some(minutes(60)),
    refresh: Refresh::Rotating(days(14)),
    offline: Offline::Always,
    separator: ' ',
    scopes: scopes::BLUESKY,
    bad_scope: BadScope::Redirect("invalid_scope"),
    may_untick: false,
    chooses: Chooses::Account,
    prefixes: ["", "ref-", "cod-"],
    denied: &[
        ("error", "access_denied"),
        ("error_description", "The user denied the request"),
    ],
};
