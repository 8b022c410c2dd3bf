//! What this dialect says of an address that is not allowed. What is allowed is the policy's to decide; only the words
//! are found here.

use std::net::{IpAddr, Ipv4Addr};

use media::address::{AddressPolicy, Refusal};
use url::{Host, Url};

const FORMAT: &str = "Invalid URL format";
const PROTOCOL: &str = "URL must use HTTPS";
const LOCALHOST: &str = "Localhost URLs are not allowed";
const PRIVATE: &str = "Private IP addresses are not allowed";
const LINK_LOCAL: &str = "Link-local addresses are not allowed";
const METADATA: &str = "Cloud metadata endpoints are not allowed";

/// Judges the text of an address. Plain http is allowed, whatever the words about HTTPS say.
pub(super) fn judge(policy: &AddressPolicy, text: &str) -> Result<(), &'static str> {
    let url = Url::parse(text).map_err(|_| FORMAT)?;
    match policy.judge_url(&url) {
        Ok(_) => Ok(()),
        Err(Refusal::Protocol) => Err(PROTOCOL),
        Err(Refusal::Credentials | Refusal::Port) => Err(FORMAT),
        Err(Refusal::Host) => Err(match url.host() {
            None => FORMAT,
            Some(Host::Domain(name)) => of_name(name),
            Some(Host::Ipv4(address)) => of_address(address.into()),
            Some(Host::Ipv6(address)) => of_address(address.to_canonical()),
        }),
    }
}

fn of_name(name: &str) -> &'static str {
    let name = name.trim_end_matches('.');
    match name {
        "metadata" | "metadata.google.internal" | "instance-data.ec2.internal" => METADATA,
        _ if name == "localhost" || name.ends_with(".localhost") || name == "localhost.localdomain" => LOCALHOST,
        _ => PRIVATE,
    }
}

/// Where clouds answer their own machines, in these words before any others.
const METADATA_V4: [Ipv4Addr; 4] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(168, 63, 129, 16),
];

fn of_address(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(address) if METADATA_V4.contains(&address) => METADATA,
        IpAddr::V4(address) if address.is_link_local() => LINK_LOCAL,
        IpAddr::V6(address) if address.segments().starts_with(&[0xfd00, 0xec2]) => METADATA,
        IpAddr::V6(address) if address.is_unicast_link_local() => LINK_LOCAL,
        _ if address.is_loopback() || address.is_unspecified() => LOCALHOST,
        _ => PRIVATE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Q30
    #[test]
    fn every_refused_address_has_its_words() {
        let policy = AddressPolicy::public_only().at_any_port();
        for (url, words) in [
            ("hooks.example.com", FORMAT),
            ("", FORMAT),
            ("https://user:pass@hooks.example.com/", FORMAT),
            ("ftp://hooks.example.com/x", PROTOCOL),
            ("javascript:alert(1)", PROTOCOL),
            ("http://localhost/x", LOCALHOST),
            ("http://LOCALHOST:8080/x", LOCALHOST),
            ("http://a.localhost/x", LOCALHOST),
            ("http://127.0.0.1/x", LOCALHOST),
            ("http://127.8.9.1/x", LOCALHOST),
            ("http://2130706433/x", LOCALHOST),
            ("http://0/x", LOCALHOST),
            ("http://[::1]/x", LOCALHOST),
            ("http://[::ffff:127.0.0.1]/x", LOCALHOST),
            ("https://10.1.2.3/x", PRIVATE),
            ("https://172.16.0.1/x", PRIVATE),
            ("https://192.168.1.1/x", PRIVATE),
            ("https://[fd12::1]/x", PRIVATE),
            ("https://printer.local/x", PRIVATE),
            ("https://169.254.1.1/x", LINK_LOCAL),
            ("https://[fe80::1]/x", LINK_LOCAL),
            ("http://169.254.169.254/latest", METADATA),
            ("http://[::ffff:169.254.169.254]/latest", METADATA),
            ("http://metadata.google.internal/x", METADATA),
            ("http://[fd00:ec2::254]/x", METADATA),
        ] {
            assert_eq!(judge(&policy, url), Err(words), "{url}");
        }
        for url in [
            "http://hooks.example.com/x",
            "https://hooks.example.com:8443/",
            "https://8.8.8.8/",
        ] {
            assert_eq!(judge(&policy, url), Ok(()), "{url}");
        }
    }

    #[test]
    fn what_the_operator_listed_is_allowed() {
        let policy = AddressPolicy::public_only().at_any_port();
        let policy = policy.trusting_hosts(&["127.0.0.1:*"]).unwrap();
        assert_eq!(judge(&policy, "http://127.0.0.1:4000/hook"), Ok(()));
        assert_eq!(judge(&policy, "http://127.0.0.1/hook"), Err(LOCALHOST));
    }
}
