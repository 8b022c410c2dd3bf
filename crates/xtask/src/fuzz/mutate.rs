//! Changes to a valid request, each by chance: of its JSON as a tree, of its query, headers and path, and of its bytes.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use super::request::{Body, Request};

/// Texts that mean something somewhere, or that somebody forgot.
const TEXTS: &[&str] = &[
    "",
    " ",
    "0",
    "-1",
    "1e999",
    "null",
    "NaN",
    "true",
    "[]",
    "{}",
    "\0",
    "\u{feff}",
    "\u{202e}abc",
    "\u{1f469}\u{200d}\u{1f4bb}",
    "\u{fffd}",
    "a\r\nb: c",
    "../../etc/passwd",
    "%00",
    "%",
    "'; DROP TABLE posts; --",
    "<script>alert(1)</script>",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "draft",
    "scheduled",
    "published",
    "twitter-",
    "-",
    "twitter-1-2",
    "mastodon-\u{0}",
    "reddit-1",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999Z",
    "2026-02-30T00:00:00Z",
    "+275760-09-13T00:00:00Z",
    "2026-01-01T00:00:00+99:99",
    "http://127.0.0.1:1/",
    "http://[::1]/",
    "http://169.254.169.254/",
    "file:///etc/passwd",
    "https://user:pass@example.com:99999/",
    "one\n---\ntwo\n---\nthree",
    "[1/2] a",
    "urn:li:share:99999999999999999999",
    "at://did:plc:a/app.bsky.feed.post/\u{0}",
    "ffffffffffffffffffffffff",
    "0123456789abcdef0123456",
    "image/jpeg",
];
/// Numbers at the edges of what holds numbers.
const NUMBERS: &[f64] = &[
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    1e15,
    -1e15,
    9_007_199_254_740_993.0,
    1.8e19,
    -9.3e18,
    1e300,
    4e-320,
    366.0,
    367.0,
    1_000_001.0,
];
/// The longest text that a change makes.
const LONG: usize = 70_000;
/// The longest body of a GET.
const UNREAD_MAX: usize = 1_024;
/// As deep as a change nests.
const DEEP: usize = 300;

/// One to four changes.
pub(super) fn mutate(request: &mut Request, others: &[Request], rng: &mut StdRng) {
    for _ in 0..rng.random_range(1..=4_u32) {
        match rng.random_range(0..20_u32) {
            0..10 => body(request, others, rng),
            10..14 => query(request, rng),
            14..16 => header(request, rng),
            16..18 => segment(request, rng),
            _ => bytes(request, rng),
        }
    }
    shorten(request);
}

fn text(rng: &mut StdRng) -> String {
    match rng.random_range(0..12_u32) {
        0 => "\u{1f600}".repeat(rng.random_range(0..400)),
        1 => "a".repeat(rng.random_range(0..LONG)),
        2 => (0..rng.random_range(0..30_u32)).map(|_| rng.random::<char>()).collect(),
        _ => (*TEXTS.choose(rng).unwrap_or(&"")).to_owned(),
    }
}

fn value(rng: &mut StdRng) -> Value {
    match rng.random_range(0..12_u32) {
        0 => Value::Null,
        1 => json!(rng.random::<bool>()),
        2 => json!(*NUMBERS.choose(rng).unwrap_or(&0.0)),
        3 => json!(rng.random::<i64>()),
        4 => json!(rng.random::<u64>()),
        5 => json!([]),
        6 => json!({}),
        7 => Value::Array((0..rng.random_range(0..150_u32)).map(|_| json!(text(rng))).collect()),
        8 => {
            let mut deep = json!(1);
            for level in 0..rng.random_range(0..DEEP) {
                deep = if level % 2 == 0 {
                    json!([deep])
                } else {
                    json!({ "a": deep })
                };
            }
            deep
        }
        9 => json!({ text(rng): text(rng), "__proto__": {}, "constructor": 1 }),
        _ => json!(text(rng)),
    }
}

/// Changes one place of the tree, or puts another request's tree in its place.
fn body(request: &mut Request, others: &[Request], rng: &mut StdRng) {
    match &mut request.body {
        Body::Json(tree) => {
            if rng.random_range(0..20_u32) == 0 {
                request.body = others.choose(rng).map_or(Body::None, |other| other.body.clone());
            } else {
                let place = rng.random_range(0..count(tree));
                change(tree, place, rng);
            }
        }
        Body::None => request.body = Body::Json(value(rng)),
        Body::Bytes(_) => bytes(request, rng),
    }
}

/// How many values there are in a tree.
fn count(tree: &Value) -> usize {
    1 + match tree {
        Value::Array(items) => items.iter().map(count).sum::<usize>(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

/// Changes the value with this number, counted in the order of writing.
fn change(tree: &mut Value, place: usize, rng: &mut StdRng) {
    if place == 0 {
        return change_this(tree, rng);
    }
    let mut left = place - 1;
    let inner: Vec<&mut Value> = match tree {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(fields) => fields.values_mut().collect(),
        _ => Vec::new(),
    };
    for value in inner {
        let within = count(value);
        if left < within {
            return change(value, left, rng);
        }
        left -= within;
    }
}

fn change_this(tree: &mut Value, rng: &mut StdRng) {
    match tree {
        Value::Object(fields) if !fields.is_empty() && rng.random_range(0..4_u32) > 0 => {
            let names: Vec<String> = fields.keys().cloned().collect();
            let name = names.choose(rng).cloned().unwrap_or_default();
            match rng.random_range(0..4_u32) {
                0 => drop(fields.remove(&name)),
                1 => drop(fields.insert(text(rng), value(rng))),
                2 => {
                    // The same in another case, or under another name.
                    let moved = fields.remove(&name).unwrap_or_default();
                    fields.insert(name.to_uppercase(), moved);
                }
                _ => drop(fields.insert(name, value(rng))),
            }
        }
        Value::Array(items) if !items.is_empty() && rng.random_range(0..3_u32) > 0 => {
            let copy = items.choose(rng).cloned().unwrap_or_default();
            match rng.random_range(0..3_u32) {
                0 => items.push(copy),
                1 => items.resize(rng.random_range(0..200), copy),
                _ => items.push(value(rng)),
            }
        }
        Value::String(known) if rng.random_range(0..2_u32) == 0 => {
            let mut chars: Vec<char> = known.chars().collect();
            let at = rng.random_range(0..=chars.len());
            match rng.random_range(0..3_u32) {
                0 => chars.truncate(at),
                1 => chars.insert(at, rng.random()),
                _ => chars.splice(at..at, text(rng).chars()).for_each(drop),
            }
            *known = chars.into_iter().collect();
        }
        // What a form would send.
        other if rng.random_range(0..8_u32) == 0 => *other = json!(other.to_string()),
        other => *other = value(rng),
    }
}

fn query(request: &mut Request, rng: &mut StdRng) {
    let pairs = &mut request.query;
    let at = rng.random_range(0..=pairs.len());
    match (rng.random_range(0..4_u32), pairs.get(at).cloned()) {
        (0, Some(_)) => drop(pairs.remove(at)),
        (1, Some((name, _))) => pairs.push((name, text(rng))),
        (_, Some((name, _))) => {
            if let Some(pair) = pairs.get_mut(at) {
                *pair = (name, text(rng));
            }
        }
        (_, None) => pairs.push((text(rng), text(rng))),
    }
    // Servers refuse request lines without end before anybody reads them.
    for (name, value) in pairs.iter_mut() {
        *name = name.chars().take(200).collect();
        *value = value.chars().take(2_000).collect();
    }
}

fn header(request: &mut Request, rng: &mut StdRng) {
    let name = [
        "Idempotency-Key",
        "x-postpost-user-id",
        "x-publora-user-id",
        "x-postpost-client",
        "Content-Type",
        "Accept",
        "x-request-id",
        "Range",
        "If-None-Match",
        "x-postpost-user-token",
        "Accept-Encoding",
        "Expect-CT",
    ];
    let name = *name.choose(rng).unwrap_or(&"Accept");
    let value: String = text(rng)
        .chars()
        .filter(|c| matches!(c, ' '..='~'))
        .take(1_000)
        .collect();
    request.headers.push((name.to_owned(), value));
}

fn segment(request: &mut Request, rng: &mut StdRng) {
    let last = request.segments.len().saturating_sub(1);
    // Mostly where the id stands; whole other paths are the router's business.
    let at = if rng.random_range(0..4_u32) > 0 {
        last
    } else {
        rng.random_range(0..=last)
    };
    let raw = text(rng);
    let encoded: String = url::form_urlencoded::byte_serialize(raw.as_bytes()).collect();
    let encoded: String = encoded.replace('+', "%20").chars().take(3_000).collect();
    let odd = ["%ff", "%c3%28", "%2e%2e", "%2F", ";", "%25"];
    let text = if rng.random_range(0..4_u32) == 0 {
        (*odd.choose(rng).unwrap_or(&"a")).to_owned()
    } else {
        encoded
    };
    if let Some(segment) = request.segments.get_mut(at) {
        *segment = text;
    }
}

/// Changes the bytes of the body, so that it may be no JSON any more.
fn bytes(request: &mut Request, rng: &mut StdRng) {
    let mut bytes = request.bytes();
    for _ in 0..rng.random_range(1..6_u32) {
        let at = rng.random_range(0..=bytes.len());
        match rng.random_range(0..5_u32) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, rng.random()),
            2 => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1 << rng.random_range(0..8_u32);
                }
            }
            3 => {
                let some: Vec<u8> = bytes.iter().skip(at).take(rng.random_range(0..64)).copied().collect();
                bytes.splice(at..at, some).for_each(drop);
            }
            _ => bytes.splice(at..at, text(rng).into_bytes()).for_each(drop),
        }
    }
    request.body = Body::Bytes(bytes);
}

/// A body where there is none to be read is kept so short that it arrives with its head: what nobody reads may cost the
/// answer its connection.
fn shorten(request: &mut Request) {
    let bytes = request.bytes();
    if request.method == "GET" && bytes.len() > UNREAD_MAX {
        request.body = Body::Bytes(bytes.into_iter().take(UNREAD_MAX).collect());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn a_seed_repeats_its_changes_and_every_part_of_a_request_is_changed() {
        let request = Request {
            method: "PUT".to_owned(),
            segments: vec!["update-post".to_owned(), "0123".to_owned()],
            query: vec![("a".to_owned(), "b".to_owned())],
            headers: Vec::new(),
            body: Body::Json(json!({"content": "x", "platforms": ["mastodon-1"], "more": {}})),
        };
        let changed = |seed| {
            let mut changed = request.clone();
            mutate(&mut changed, &[], &mut StdRng::seed_from_u64(seed));
            changed
        };
        let all: Vec<Request> = (0..300).map(changed).collect();
        assert_eq!(all, (0..300).map(changed).collect::<Vec<_>>());
        assert!(all.iter().any(|one| one.segments != request.segments));
        assert!(all.iter().any(|one| one.query != request.query));
        assert!(all.iter().any(|one| one.headers != request.headers));
        assert!(
            all.iter()
                .any(|one| matches!(&one.body, Body::Json(tree) if *tree != json!({})))
        );
        assert!(all.iter().any(|one| matches!(one.body, Body::Bytes(_))));
    }
}
