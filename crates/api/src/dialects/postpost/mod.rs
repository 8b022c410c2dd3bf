//! The PostPost API: posts, their logs, and connections. See README.md, and `docs/dialects/postpost.md` for its quirks.

mod attach;
mod bookmarks;
mod connections;
mod covers;
mod error;
mod js;
mod limits;
mod linkedin;
mod logs;
mod map;
mod media;
mod media_urls;
mod not_found;
mod numbers;
mod operations;
mod platform_limits;
mod query;
mod reference;
mod routes;
mod settings;
mod time;
mod update;
mod webhooks;
mod wire;
mod words;
mod workspace;

#[cfg(test)]
mod tests;

use axum::http::{HeaderMap, HeaderName};
use domain::platform::Platform;

use crate::dialect::{ActingFor, Client, Dialect};

pub(crate) use error::Error;
pub(crate) use reference::reference;
#[cfg(test)]
pub(crate) use routes::endpoints;
pub(crate) use routes::{failed, router};
pub(crate) use settings::setting_names;
pub use webhooks::PostpostWebhooks;

/// The PostPost dialect.
#[derive(Debug)]
pub struct Postpost;

/// Where it is found.
pub(crate) const PREFIX: &str = "/postpost/api/v1";
/// Header names: the present one first, then the one of the API's earlier name, which every client in the wild sends.
static KEY_HEADERS: [HeaderName; 2] = named(["x-api-key", "x-publora-key"]);
/// The form of a platformId that can be published to.
const COMPOUND: &str = "^(twitter|instagram|threads|tiktok|linkedin|youtube|facebook|mastodon|bluesky|telegram|pinterest)\
                        -[^\\s\\x00-\\x1f\\x7f/?#]{1,200}$";
static USER_HEADERS: [HeaderName; 2] = named(["x-postpost-user-id", "x-publora-user-id"]);
static USER_TOKEN_HEADERS: [HeaderName; 2] = named(["x-postpost-user-token", "x-publora-user-token"]);
static CLIENT_HEADERS: [HeaderName; 2] = named(["x-postpost-client", "x-publora-client"]);

const fn named([present, earlier]: [&'static str; 2]) -> [HeaderName; 2] {
    [HeaderName::from_static(present), HeaderName::from_static(earlier)]
}

impl Dialect for Postpost {
    const NAME: &'static str = "postpost";
    const PLATFORMS: &'static [Platform] = &words::PLATFORMS;
    type Error = Error;

    fn credential(headers: &HeaderMap) -> Option<&[u8]> {
        first_given(headers, &KEY_HEADERS).map(|(_, value)| value)
    }

    fn client(headers: &HeaderMap) -> Client {
        match first_given(headers, &CLIENT_HEADERS) {
            Some((_, b"mcp")) => Client::Mcp,
            _ => Client::Api,
        }
    }

    fn acting_for(headers: &HeaderMap) -> Option<ActingFor<'_>> {
        first_given(headers, &USER_HEADERS).map(|(header, user)| ActingFor {
            header: header.as_str(),
            user,
        })
    }
}

/// Whether a request on the undivided address is this dialect's.
pub(crate) fn claims(headers: &HeaderMap) -> bool {
    KEY_HEADERS.iter().any(|name| headers.contains_key(name))
}

/// Whether the caller speaks the API by its earlier name.
fn is_of_earlier_name(headers: &HeaderMap) -> bool {
    let [_, earlier] = &KEY_HEADERS;
    first_given(headers, &KEY_HEADERS).is_some_and(|(name, _)| name == earlier)
}

/// The first of these headers that has a value; an empty one counts as missing.
fn first_given<'h>(headers: &'h HeaderMap, names: &'static [HeaderName; 2]) -> Option<(&'static HeaderName, &'h [u8])> {
    let given = |name| Some((name, headers.get(name)?.as_bytes().trim_ascii()));
    names.iter().filter_map(given).find(|(_, value)| !value.is_empty())
}
