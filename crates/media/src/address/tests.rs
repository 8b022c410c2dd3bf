//! The ranges, the encodings, the lists.

use proptest::prelude::*;

use super::*;

fn judge(policy: &AddressPolicy, url: &str) -> Result<Verdict, Refusal> {
    policy.judge_url(&Url::parse(url).unwrap())
}

fn plain(url: &str) -> Result<Verdict, Refusal> {
    judge(&AddressPolicy::public_only(), url)
}

/// Every special range of IPv4: first address and prefix length.
const SPECIAL_V4: [([u8; 4], u32); 17] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([168, 63, 129, 16], 32),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
    ([255, 255, 255, 255], 32),
];

/// Every special range of IPv6 within global unicast, and the well-known ones outside.
const SPECIAL_V6: [(&str, u32); 14] = [
    ("::", 128),
    ("::1", 128),
    ("::", 96),
    ("64:ff9b:1::", 48),
    ("100::", 64),
    ("2001::", 23),
    ("2001:db8::", 32),
    ("2002::", 16),
    ("3fff::", 20),
    ("5f00::", 16),
    ("fc00::", 7),
    ("fe80::", 10),
    ("fec0::", 10),
    ("ff00::", 8),
];

fn in_v4(first: [u8; 4], prefix: u32, bits: u32) -> Ipv4Addr {
    let mask = u32::MAX.checked_shr(prefix).unwrap_or(0);
    Ipv4Addr::from_bits(u32::from_be_bytes(first) | (bits & mask))
}

fn in_v6(first: &str, prefix: u32, bits: u128) -> Ipv6Addr {
    let mask = u128::MAX.checked_shr(prefix).unwrap_or(0);
    Ipv6Addr::from_bits(first.parse::<Ipv6Addr>().unwrap().to_bits() | (bits & mask))
}

fn is_special_v4(address: Ipv4Addr) -> bool {
    SPECIAL_V4.iter().any(|(first, prefix)| {
        let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
        address.to_bits() & mask == u32::from_be_bytes(*first)
    })
}

/// The ways in which a URL can spell an IPv4 address.
fn spellings(address: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = address.octets();
    let bits = address.to_bits();
    let low = bits & 0xff_ffff;
    vec![
        format!("{a}.{b}.{c}.{d}"),
        format!("{a}.{b}.{c}.{d}."),
        format!("{bits}"),
        format!("{bits:#x}"),
        format!("0{bits:o}"),
        format!("{a:#x}.{b:#x}.{c:#x}.{d:#x}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("{a}.{low}"),
        format!("{a:#x}.{low:#x}"),
        format!("0{a:o}.{b}.{}", u32::from(c) << 8 | u32::from(d)),
        format!("0x00000000{a:x}.{b}.{c}.{d}"),
        format!("{a}。{b}．{c}｡{d}"),
        format!(
            "%{:02x}{}.{b}.{c}.{d}",
            a.to_string().as_bytes()[0],
            &a.to_string()[1..]
        ),
        format!("[::ffff:{a}.{b}.{c}.{d}]"),
        format!(
            "[::ffff:{:x}:{:x}]",
            u16::from_be_bytes([a, b]),
            u16::from_be_bytes([c, d])
        ),
        format!("[0:0:0:0:0:FFFF:{a}.{b}.{c}.{d}]"),
        format!("[64:ff9b::{a}.{b}.{c}.{d}]"),
    ]
}

#[test]
fn public_addresses_are_public() {
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "93.184.216.34",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.1",
        "192.167.255.255",
        "192.169.0.0",
        "169.253.255.255",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "11.0.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "9.255.255.255",
        "168.63.129.15",
        "2606:4700::1111",
        "2001:4860:4860::8888",
        "2a00:1450::1",
        "2001:200::1",
        "2620:fe::fe",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2000::1",
        "3ffe:ffff::1",
    ] {
        assert!(is_public(address.parse().unwrap()), "{address}");
    }
}

#[test]
fn the_metadata_services_of_clouds_are_not_public() {
    for address in [
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "fd00:ec2::254",
        "fe80::a9fe:a9fe",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "2001:0:a9fe:a9fe::1",
        "2a00:1450::5efe:a9fe:a9fe",
        "::169.254.169.254",
    ] {
        assert!(!is_public(address.parse().unwrap()), "{address}");
    }
    for url in [
        "http://metadata.google.internal/",
        "http://metadata.google.internal./",
        "http://instance-data.ec2.internal/",
    ] {
        assert_eq!(plain(url), Err(Refusal::Host), "{url}");
    }
}

#[test]
fn both_ends_of_every_special_range_are_refused() {
    for (first, prefix) in SPECIAL_V4 {
        for bits in [0, u32::MAX] {
            assert!(!is_public(in_v4(first, prefix, bits).into()), "{first:?}/{prefix}");
        }
    }
    for (first, prefix) in SPECIAL_V6 {
        for bits in [0, 1 << 40, u128::MAX] {
            let address = in_v6(first, prefix, bits);
            // The mapped addresses lie in ::/80, beside ::/96.
            assert!(!is_public(address.into()), "{address}");
        }
    }
}

proptest! {
    #[test]
    fn an_ipv4_address_is_public_unless_it_is_in_a_special_range(bits: u32) {
        let address = Ipv4Addr::from_bits(bits);
        prop_assert_eq!(is_public(address.into()), !is_special_v4(address));
    }

    #[test]
    fn no_address_of_a_special_range_is_public(i in 0..SPECIAL_V4.len(), bits: u32) {
        let (first, prefix) = SPECIAL_V4[i];
        prop_assert!(!is_public(in_v4(first, prefix, bits).into()));
    }

    #[test]
    fn no_address_of_a_special_ipv6_range_is_public(i in 0..SPECIAL_V6.len(), bits: u128) {
        let (first, prefix) = SPECIAL_V6[i];
        prop_assert!(!is_public(in_v6(first, prefix, bits).into()));
    }

    #[test]
    fn nothing_outside_global_unicast_is_public_but_embedded_ipv4(bits: u128) {
        let address = Ipv6Addr::from_bits(bits);
        let outside = !(0x2000..=0x3fff).contains(&address.segments()[0]);
        let embedded = address.to_ipv4_mapped().is_some() || address.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
        prop_assert!(!outside || embedded || !is_public(address.into()));
    }

    #[test]
    fn an_embedded_ipv4_address_is_judged_as_itself(bits: u32) {
        let inner = Ipv4Addr::from_bits(bits);
        let public = is_public(inner.into());
        prop_assert_eq!(is_public(inner.to_ipv6_mapped().into()), public);
        let translated = Ipv6Addr::from_bits("64:ff9b::".parse::<Ipv6Addr>().unwrap().to_bits() | u128::from(bits));
        prop_assert_eq!(is_public(translated.into()), public);
        for dead in ["::", "2002::", "2001::", "64:ff9b:1::"] {
            let shift = if dead == "2002::" { 80 } else { 0 };
            let address = Ipv6Addr::from_bits(dead.parse::<Ipv6Addr>().unwrap().to_bits() | u128::from(bits) << shift);
            prop_assert!(!is_public(address.into()));
        }
    }

    #[test]
    fn a_special_address_is_refused_however_it_is_spelled(i in 0..SPECIAL_V4.len(), bits: u32, https: bool) {
        let (first, prefix) = SPECIAL_V4[i];
        let scheme = if https { "https" } else { "http" };
        for host in spellings(in_v4(first, prefix, bits)) {
            // A spelling that is no URL at all is as good as refused.
            if let Ok(url) = Url::parse(&format!("{scheme}://{host}/x.png")) {
                prop_assert_eq!(AddressPolicy::public_only().judge_url(&url), Err(Refusal::Host), "{}", url);
            }
        }
    }
}

#[test]
fn the_spellings_are_urls_and_mean_the_address() {
    for host in spellings(Ipv4Addr::new(93, 184, 216, 34)) {
        assert_eq!(plain(&format!("http://{host}/")), Ok(Verdict::Public), "{host}");
    }
    for host in spellings(Ipv4Addr::LOCALHOST) {
        assert_eq!(plain(&format!("http://{host}/")), Err(Refusal::Host), "{host}");
    }
}

#[test]
fn names_of_this_machine_and_its_network_are_refused_unresolved() {
    for url in [
        "http://localhost/",
        "http://LOCALHOST./",
        "http://a.localhost/",
        "https://printer.local/",
        "http://router.lan/",
        "http://x.home.arpa/",
        "http://x.localdomain/",
        "http://ｌｏｃａｌｈｏｓｔ/",
        "http://loc%61lhost/",
    ] {
        assert_eq!(plain(url), Err(Refusal::Host), "{url}");
    }
    for url in [
        "http://example.com/",
        "https://localhost.example.com/",
        "https://bücher.example/",
    ] {
        assert_eq!(plain(url), Ok(Verdict::Public), "{url}");
    }
}

#[test]
fn schemes_credentials_and_ports_are_judged() {
    for url in [
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://example.com/",
        "data:image/png,x",
        "ws://example.com/",
    ] {
        assert_eq!(plain(url), Err(Refusal::Protocol), "{url}");
    }
    for url in [
        "http://user@example.com/",
        "http://user:pass@example.com/",
        "http://:pass@example.com/",
    ] {
        assert_eq!(plain(url), Err(Refusal::Credentials), "{url}");
    }
    for url in [
        "http://example.com:8080/",
        "https://example.com:80/",
        "http://example.com:443/",
        "http://example.com:0/",
    ] {
        assert_eq!(plain(url), Err(Refusal::Port), "{url}");
    }
    for url in ["http://example.com:80/", "https://example.com:443/"] {
        assert_eq!(plain(url), Ok(Verdict::Public), "{url}");
    }
    let any_port = AddressPolicy::public_only().at_any_port();
    assert_eq!(judge(&any_port, "https://example.com:8443/"), Ok(Verdict::Public));
    assert_eq!(judge(&any_port, "https://127.0.0.1:8443/"), Err(Refusal::Host));
}

#[test]
fn a_listed_origin_is_trusted_and_nothing_beside_it() {
    let policy = AddressPolicy::public_only()
        .trusting_origins(&["http://127.0.0.1:4000", "https://media.lan/"])
        .unwrap();
    for url in [
        "http://127.0.0.1:4000/a.png",
        "http://0x7f.1:4000/a.png",
        "http://2130706433:4000/",
        "https://media.lan:443/x",
    ] {
        assert_eq!(judge(&policy, url), Ok(Verdict::Trusted), "{url}");
    }
    for (url, refusal) in [
        ("http://127.0.0.1/", Refusal::Host),
        ("http://127.0.0.1:4001/", Refusal::Port),
        ("https://127.0.0.1:4000/", Refusal::Port),
        ("http://127.0.0.2:4000/", Refusal::Port),
        ("http://localhost:4000/", Refusal::Port),
        ("http://media.lan/", Refusal::Host),
        ("https://x.media.lan/", Refusal::Host),
        ("http://user@127.0.0.1:4000/", Refusal::Credentials),
    ] {
        assert_eq!(judge(&policy, url), Err(refusal), "{url}");
    }
}

#[test]
fn every_port_of_this_machine_means_those_of_programs_without_privileges() {
    let policy = AddressPolicy::public_only()
        .trusting_hosts(&["127.0.0.1:*", "[::1]:*", "localhost:*"])
        .unwrap();
    for host in ["127.0.0.1", "[::1]", "localhost"] {
        assert_eq!(judge(&policy, &format!("http://{host}:1024/")), Ok(Verdict::Trusted));
        for url in [
            format!("http://{host}/"),
            format!("https://{host}/"),
            format!("http://{host}:22/"),
        ] {
            assert!(judge(&policy, &url).is_err(), "{url}");
        }
    }
}

#[test]
fn a_listed_host_is_trusted_at_its_ports_by_both_schemes() {
    let policy = AddressPolicy::public_only()
        .trusting_hosts(&["127.0.0.1:9000", "hooks.lan:*", "[::1]:9000"])
        .unwrap();
    for url in [
        "http://127.0.0.1:9000/",
        "https://127.0.0.1:9000/",
        "http://hooks.lan/",
        "https://hooks.lan:1/",
        "http://[::1]:9000/",
        "http://HOOKS.lan:7/",
    ] {
        assert_eq!(judge(&policy, url), Ok(Verdict::Trusted), "{url}");
    }
    assert_eq!(judge(&policy, "http://127.0.0.1/"), Err(Refusal::Host));
    assert_eq!(judge(&policy, "http://[::1]/"), Err(Refusal::Host));
    assert_eq!(judge(&policy, "http://127.0.0.1:9001/"), Err(Refusal::Port));
}

#[test]
fn an_allow_list_that_cannot_be_understood_is_refused_naming_the_entry() {
    for entry in [
        "127.0.0.1",
        "http://",
        "ftp://a.example",
        "http://a.example/path",
        "http://u@a.example",
        "http://a.example?x",
        "*",
    ] {
        let error = AddressPolicy::public_only().trusting_origins(&[entry]).unwrap_err();
        assert_eq!(error.entry, entry);
    }
    for entry in [
        "host",
        "host:",
        "host:0",
        "host:99999",
        ":80",
        "*",
        "ho st:80",
        "http://host:80",
    ] {
        let error = AddressPolicy::public_only().trusting_hosts(&[entry]).unwrap_err();
        assert_eq!(error.entry, entry);
    }
}
