//! The apps that the platforms know.

use domain::platform::Platform;
use url::Url;

use super::variants::{ClientAuth, Variant};
use super::words::Refusal;
use crate::call::Call;
use crate::form::Fields;
use crate::world::{World, lock};

/// An app that is registered with a platform of the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// The client id (TikTok: client key).
    pub id: String,
    /// The client secret; empty where apps have none, as on Bluesky.
    pub secret: String,
}

/// The sandbox's app of a platform, the same in every run. Mastodon takes registrations besides; on Bluesky it is the
/// client of a program on the same machine, whose id carries redirect addresses and scopes as its query
/// (atproto.com/specs/oauth). On Telegram it is a bot: its username and its token.
#[must_use]
pub fn app(platform: Platform) -> App {
    if platform == Platform::Bluesky {
        return App {
            id: "http://localhost".to_owned(),
            secret: String::new(),
        };
    }
    if platform == Platform::Telegram {
        return App {
            id: "sandbox_bot".to_owned(),
            secret: "1000000001:AAsandbox_bot_secret_of_thirty_five".to_owned(),
        };
    }
    let id = format!("sandbox-{}", platform.word());
    let secret = format!("{id}-secret");
    App { id, secret }
}

/// An app as the authorize and token endpoints see it.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) name: String,
    /// None for clients without a secret.
    pub(super) secret: Option<String>,
    /// The redirect addresses it registered; none means any on the loopback.
    pub(super) redirects: Option<Vec<String>>,
    /// Whether a redirect address may have another port than the registered one (RFC 8252, 7.3).
    pub(super) any_port: bool,
    /// The scopes it registered; none means all.
    pub(super) scopes: Option<Vec<String>>,
    /// The public keys with which a client without a secret proves who it is.
    pub(super) assertion_key: Option<Vec<serde_json::Value>>,
}

impl Client {
    /// Whether it may be answered at this address: http or https, on this machine, and one that it registered.
    pub(super) fn may_redirect_to(&self, address: &str) -> bool {
        let same = |one: &String| one == address || (self.any_port && without_port(one) == without_port(address));
        let known = |registered: &Vec<String>| registered.iter().any(same);
        is_loopback(address) && self.redirects.as_ref().is_none_or(known)
    }
}

fn without_port(address: &str) -> Option<Url> {
    let mut url = Url::parse(address).ok()?;
    url.set_port(None).ok()?;
    Some(url)
}

/// Whether an address is on this machine. The sandbox never sends anybody elsewhere.
pub(super) fn is_loopback(address: &str) -> bool {
    let Ok(url) = Url::parse(address) else { return false };
    let here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    here && matches!(url.scheme(), "http" | "https")
}

/// The app with this id.
pub(super) fn find(world: &World, platform: Platform, id: &str) -> Option<Client> {
    if platform == Platform::Mastodon
        && let Some(client) = lock(&world.signin.0).registered.get(id)
    {
        return Some(client.clone());
    }
    let own = app(platform);
    (own.id == id && platform != Platform::Bluesky).then(|| Client {
        id: own.id,
        name: "Broadside".to_owned(),
        secret: Some(own.secret),
        redirects: None,
        any_port: false,
        scopes: None,
        assertion_key: None,
    })
}

/// Which app calls a token or revocation endpoint.
pub(super) fn caller(world: &World, variant: &Variant, call: &Call, fields: &Fields) -> Result<String, Refusal> {
    let basic = call.basic();
    let named = fields.text(variant.client_parameter);
    let body = || Some((named.clone()?, fields.text("client_secret").unwrap_or_default()));
    let (id, secret) = match variant.auth {
        ClientAuth::Public => return named.ok_or(Refusal::UnknownClient),
        ClientAuth::Basic => basic,
        ClientAuth::Body => body(),
        ClientAuth::Either => basic.or_else(body),
    }
    .ok_or(Refusal::UnknownClient)?;
    let client = find(world, variant.platform, &id).ok_or(Refusal::UnknownClient)?;
    match client.secret {
        Some(wanted) if wanted != secret => Err(Refusal::WrongSecret),
        _ => Ok(id),
    }
}
