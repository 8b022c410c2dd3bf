//! What YouTube and Google Business Profile have in common: Google's authorization server
//! (developers.google.com/identity, "Using OAuth 2.0 for Web Server Applications").

use jiff::SignedDuration;

use super::facts::{Address, ClientAuth, OAuth, Pkce, RefreshBy, RefreshFacts, RevokedBy};

/// A refresh token comes with `access_type=offline`, and again only after a consent that was asked for anew
/// (`prompt=consent`).
pub const OAUTH: OAuth = OAuth {
    authorize: Address::new("https://accounts.google.com", "/o/oauth2/v2/auth"),
    token: Address::new("https://oauth2.googleapis.com", "/token"),
    revoke: Some((
        Address::new("https://oauth2.googleapis.com", "/revoke"),
        RevokedBy::RefreshToken,
    )),
    client_id_name: "client_id",
    scope_separator: " ",
    extra_params: &[("access_type", "offline"), ("prompt", "consent")],
    pkce: Pkce::S256,
    client_auth: ClientAuth::Body,
    rows: &[],
};

/// Access tokens live an hour; refresh tokens stay good, but for seven days only while the app is in testing.
pub const REFRESH: RefreshFacts = RefreshFacts {
    by: RefreshBy::RefreshToken,
    rotates: false,
    ahead: SignedDuration::from_mins(10),
    min_age: SignedDuration::ZERO,
};
