//! Which addresses a URL that a user gave may lead to.
//!
//! A server that fetches what strangers name can be made to talk to itself, to its neighbours and to the metadata service
//! of its cloud. So a URL is judged twice: as written, before anything is resolved ([`AddressPolicy::judge_url`]), and
//! every address that its name resolves to, at the moment of connecting ([`is_public`]). An operator may list places
//! that are trusted all the same.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

#[cfg(test)]
mod tests;

/// The first port that a program without privileges may listen on.
const UNPRIVILEGED: u16 = 1_024;

/// Why a URL is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Neither http nor https.
    #[error("only http and https URLs are followed")]
    Protocol,
    /// A name or password in the URL.
    #[error("a URL with a user name or password is not followed")]
    Credentials,
    /// Not the scheme's own port.
    #[error("only the default ports are followed")]
    Port,
    /// An address of this machine, its network or its cloud, or a name for one.
    #[error("the host is not a public one")]
    Host,
}

/// What is known of a URL that may be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every address that its name resolves to must still be public.
    Public,
    /// The operator listed it: any address will do.
    Trusted,
}

/// An entry of an allow-list that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{entry}' in the allow-list is not {wanted}")]
pub struct AllowListError {
    /// The entry.
    pub entry: String,
    /// What it should look like.
    pub wanted: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    /// `None` for any scheme.
    scheme: Option<String>,
    host: Host,
    /// `None` for any port.
    port: Option<u16>,
}

/// Which URLs of users are followed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AddressPolicy {
    trusted: Vec<Place>,
    any_port: bool,
}

impl AddressPolicy {
    /// Public addresses at default ports, and nothing else.
    #[must_use]
    pub fn public_only() -> Self {
        Self::default()
    }

    /// The same, and exactly these origins, such as `http://127.0.0.1:4000`.
    ///
    /// # Errors
    /// For an entry that is not the origin of an http or https URL.
    pub fn trusting_origins<S: AsRef<str>>(mut self, origins: &[S]) -> Result<Self, AllowListError> {
        for origin in origins {
            let entry = origin.as_ref();
            let place = origin_place(entry).ok_or_else(|| AllowListError {
                entry: entry.to_owned(),
                wanted: "an origin such as \"http://127.0.0.1:4000\"",
            })?;
            self.trusted.push(place);
        }
        Ok(self)
    }

    /// The same, and these hosts at one port (`host:port`) or every port (`host:*`), by http or https. Of this machine
    /// itself `*` means the ports from 1024 on: those below are its own services', and one that is meant is named.
    ///
    /// # Errors
    /// For an entry of another form.
    pub fn trusting_hosts<S: AsRef<str>>(mut self, hosts: &[S]) -> Result<Self, AllowListError> {
        for host in hosts {
            let entry = host.as_ref();
            let place = host_place(entry).ok_or_else(|| AllowListError {
                entry: entry.to_owned(),
                wanted: "\"host:port\" or \"host:*\"",
            })?;
            self.trusted.push(place);
        }
        Ok(self)
    }

    /// The same, at any port.
    #[must_use]
    pub fn at_any_port(mut self) -> Self {
        self.any_port = true;
        self
    }

    /// Judges a URL as it is written, without resolving its host.
    ///
    /// # Errors
    /// [`Refusal`] says which rule it breaks.
    pub fn judge_url(&self, url: &Url) -> Result<Verdict, Refusal> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refusal::Protocol);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Credentials);
        }
        let host = url.host().ok_or(Refusal::Host)?.to_owned();
        let port = url.port_or_known_default();
        let is_listed = |place: &Place| {
            place.scheme.as_deref().is_none_or(|scheme| scheme == url.scheme())
                && place.host == host
                && match place.port {
                    Some(_) => place.port == port,
                    None => !is_loopback(&place.host) || port.is_some_and(|port| port >= UNPRIVILEGED),
                }
        };
        if self.trusted.iter().any(is_listed) {
            return Ok(Verdict::Trusted);
        }
        // `Url::port` is empty exactly for the scheme's own port.
        if url.port().is_some() && !self.any_port {
            return Err(Refusal::Port);
        }
        let is_public = match &host {
            Host::Ipv4(address) => is_public((*address).into()),
            Host::Ipv6(address) => is_public((*address).into()),
            Host::Domain(name) => is_public_name(name),
        };
        if is_public {
            Ok(Verdict::Public)
        } else {
            Err(Refusal::Host)
        }
    }
}

fn origin_place(entry: &str) -> Option<Place> {
    let url = Url::parse(entry).ok()?;
    let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    let is_anonymous = url.username().is_empty() && url.password().is_none();
    if !matches!(url.scheme(), "http" | "https") || !is_bare || !is_anonymous {
        return None;
    }
    let host = url.host()?.to_owned();
    Some(Place {
        scheme: Some(url.scheme().to_owned()),
        host,
        port: url.port_or_known_default(),
    })
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(name) => name == "localhost",
    }
}

fn host_place(entry: &str) -> Option<Place> {
    let (host, port) = entry.rsplit_once(':')?;
    let port = if port == "*" {
        None
    } else {
        Some(port.parse().ok().filter(|port| *port > 0)?)
    };
    Some(Place {
        scheme: None,
        host: Host::parse(host).ok()?,
        port,
    })
}

/// Whether a name may be resolved at all. Names of this machine and of clouds' own services are refused unresolved,
/// whatever the resolver would say (RFC 6761, RFC 6762; `.internal` is reserved by ICANN for private use).
fn is_public_name(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    let top = name.rsplit('.').next().unwrap_or_default();
    !name.is_empty()
        && !matches!(
            top,
            "localhost" | "local" | "internal" | "localdomain" | "home" | "lan" | "onion" | "arpa"
        )
}

/// Whether an address is one that anybody can reach over the internet, and no machine's own or its network's.
///
/// Addresses that carry an IPv4 address inside are judged by that one where they lead to it, and refused where they are
/// remains of an old transition (IANA, special-purpose address registries).
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_special = match address.octets() {
        // This network, private use, loopback.
        [0 | 10 | 127, ..] | [172, 16..=31, ..] | [192, 168, ..] => true,
        // Shared by the customers of a provider; one cloud has its metadata service there.
        [100, 64..=127, ..] => true,
        // Link-local, with the metadata service of most clouds.
        [169, 254, ..] => true,
        // Protocol assignments, with another cloud's metadata service; documentation; relays of 6to4; benchmarks.
        [192, 0, 0 | 2, _] | [192, 88, 99, _] | [198, 18..=19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => true,
        // A cloud's own services for its machines, at an address that looks public.
        [168, 63, 129, 16] => true,
        // Multicast, reserved, broadcast.
        [224..=255, ..] => true,
        _ => false,
    };
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let inner = Ipv4Addr::from_bits(u32::from(g) << 16 | u32::from(h));
    match (a, b, c, d, e, f) {
        // IPv4 written as IPv6, and the translation by the network's well-known prefix: both lead to the IPv4 address.
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => is_public_v4(inner),
        // Teredo, benchmarks and other protocol assignments; documentation; 6to4, whatever is inside.
        (0x2001, 0..=0x1ff | 0xdb8, ..) | (0x2002, ..) | (0x3fff, 0..=0xfff, ..) => false,
        // Interface ids of ISATAP carry an IPv4 address.
        (0x2000..=0x3fff, _, _, _, 0 | 0x200, 0x5efe) => is_public_v4(inner),
        // Everything else outside of global unicast is local, multicast, translated by a private prefix or unassigned.
        _ => (0x2000..=0x3fff).contains(&a),
    }
}
