//! Servers that users name: Mastodon's instances, personal data servers and their authorization servers.
//!
//! What must stay true: an address that a user (or a document that a user wrote) named is asked only if it is `https` at
//! a public address and the default port, judged as written here and again at the moment of connecting
//! ([`crate::http::Http::visit`]). The one exception is the origin that the operator configured for the platform.

use domain::error::{ErrorKind, PlatformError, Stage};
use domain::platform::Platform;
use media::AddressPolicy;
use reqwest::{Method, RequestBuilder};
use url::Url;

use super::{SignInCtx, refusal};
use crate::http::{Answer, READ_BUDGET};

/// The longest address that is looked at, in bytes.
const ADDRESS_BYTES_MAX: usize = 2_048;

/// Calls to servers that users name, for one platform.
#[derive(Clone, Copy)]
pub struct Abroad<'a> {
    /// Which platform.
    pub platform: Platform,
    /// The step.
    pub stage: Stage,
    /// What the step needs.
    pub ctx: SignInCtx<'a>,
}

impl<'a> Abroad<'a> {
    /// For a step of a sign-in.
    #[must_use]
    pub const fn new(platform: Platform, stage: Stage, ctx: SignInCtx<'a>) -> Self {
        Self { platform, stage, ctx }
    }

    /// The address, if it may be asked.
    ///
    /// # Errors
    /// `Invalid`, with words for the person who named it.
    pub fn judge(&self, address: &str) -> Result<Url, PlatformError> {
        let refuse = |why: &str| {
            let message = format!("This server cannot be used: {why}");
            PlatformError::refused(self.platform, self.stage, ErrorKind::Invalid, message)
        };
        if address.len() > ADDRESS_BYTES_MAX {
            return Err(refuse("its address is too long"));
        }
        let url = Url::parse(address).map_err(|_| refuse("its address is none"))?;
        if self.is_operators(&url) {
            return Ok(url);
        }
        if url.scheme() != "https" {
            return Err(refuse("its address must begin with https://"));
        }
        match AddressPolicy::public_only().judge_url(&url) {
            Ok(_) => Ok(url),
            Err(why) => Err(refuse(&why.to_string())),
        }
    }

    /// Whether the address is at the origin that the operator configured.
    #[must_use]
    pub fn is_operators(&self, url: &Url) -> bool {
        let own = self.ctx.endpoints.overrides.get(&self.platform);
        own.is_some_and(|own| own.origin() == url.origin())
    }

    /// Asks, once, over a connection of its own.
    ///
    /// # Errors
    /// When the address may not be asked, or there was no answer.
    pub async fn ask(
        &self,
        method: Method,
        address: &str,
        build: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) -> Result<Answer, PlatformError> {
        let url = self.judge(address)?;
        let http = self.ctx.http;
        let outcome = if self.is_operators(&url) {
            http.once(build(http.creating(method, url.as_str())), READ_BUDGET).await
        } else {
            http.visit(build(http.visiting(method, url.as_str())), READ_BUDGET)
                .await
        };
        outcome.map_err(|failure| refusal::of_failure(self.platform, self.stage, failure))
    }
}

/// What a person entered as a server, as an origin: a bare name gets `https://`, and paths are left out.
#[must_use]
pub fn origin_of(entered: &str) -> Option<String> {
    let entered = entered.trim();
    let address = if entered.contains("://") {
        entered.to_owned()
    } else {
        // `@ada@example.social` names a server too.
        format!("https://{}", entered.rsplit('@').next().unwrap_or(entered))
    };
    let url = Url::parse(&address).ok()?;
    let origin = url.origin();
    (origin.is_tuple() && url.host_str().is_some_and(|host| !host.is_empty())).then(|| origin.ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::World;

    #[test]
    fn a_server_is_understood_however_it_is_written() {
        for (entered, origin) in [
            ("mastodon.social", Some("https://mastodon.social")),
            (" https://mastodon.social/@ada ", Some("https://mastodon.social")),
            ("@ada@Mastodon.Social", Some("https://mastodon.social")),
            ("http://127.0.0.1:4000/", Some("http://127.0.0.1:4000")),
            ("", None),
            ("file:///etc/passwd", None),
            ("not a host", None),
        ] {
            assert_eq!(origin_of(entered).as_deref(), origin, "{entered}");
        }
    }

    #[test]
    fn addresses_of_this_machine_and_its_network_are_not_asked() {
        let world = World::new(Platform::Mastodon, "", "");
        let abroad = Abroad::new(Platform::Mastodon, Stage::Connect, world.connect_ctx());
        for address in [
            "http://mastodon.social",
            "https://127.0.0.1",
            "https://[::1]/",
            "https://10.0.0.8",
            "https://169.254.169.254/latest/meta-data",
            "https://localhost",
            "https://db.internal",
            "https://mastodon.social:8443",
            "https://user:password@mastodon.social",
            "ftp://mastodon.social",
            "nonsense",
        ] {
            let error = abroad.judge(address).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Invalid, "{address}");
            assert!(!error.message.contains("password@"), "{address}");
        }
        assert!(abroad.judge("https://mastodon.social/oauth/token").is_ok());
    }

    #[test]
    fn the_operators_own_origin_is_asked_whatever_it_is() {
        let world = World::new(Platform::Mastodon, "", "").with_endpoint("http://127.0.0.1:4000/mastodon");
        let abroad = Abroad::new(Platform::Mastodon, Stage::Connect, world.connect_ctx());
        assert!(abroad.judge("http://127.0.0.1:4000/mastodon/oauth/token").is_ok());
        assert!(abroad.judge("http://127.0.0.1:4001/").is_err());
    }

    #[tokio::test]
    async fn a_public_name_for_a_private_address_is_not_connected_to() {
        let world = World::new(Platform::Mastodon, "", "");
        // The resolver of the system knows this name by itself, and what it knows is loopback.
        let request = world.http.visiting(Method::GET, "http://localhost:9/");
        let outcome = world.http.visit(request, READ_BUDGET).await;
        assert!(matches!(
            outcome,
            Err(crate::http::Failure::NoAnswer { .. } | crate::http::Failure::NotWritten { .. })
        ));
    }
}
