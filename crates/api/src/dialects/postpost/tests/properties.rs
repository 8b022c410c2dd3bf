//! Whatever is sent, something that the document knows comes back, and what is refused leaves nothing behind.

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{TestRng, TestRunner};
use serde_json::{Map, Value, json};

use super::super::endpoints;
use crate::openapi::tests::{conforms, document};
use crate::openapi::{Doc, Endpoint, Field, ID, Kind};
use crate::testing::{Answer, Door};

/// Requests in all: about sixty to each endpoint, each with a look at what it left behind.
const CASES: u32 = 3_000;
/// Between the parts of a form.
const BOUNDARY: &str = "7d1";

/// Any JSON, not deep.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        select(TELLING).prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(".{0,8}", inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Texts that mean something somewhere.
const TELLING: &[&str] = &[
    "",
    "draft",
    "scheduled",
    "twitter-123456789",
    "threads-1",
    "[\"twitter-123456789\"]",
    "{}",
    "2026-03-15T10:00:00Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:60.999+14:00",
    "one\n---\ntwo",
    "0123456789abcdef01234567",
    "-1",
    "99999999999999999999",
];

/// What stands where an id should: that of the one group there is, and others.
const IDS: &[&str] = &[
    "KNOWN",
    "KNOWN",
    "0123456789abcdef01234567",
    "KNOWNf",
    "twitter-123456789",
];

/// A value that may well be right for this field.
fn likely(field: &Field) -> BoxedStrategy<Value> {
    match field.kind {
        Kind::Text if field.name == "contentType" => Just(json!("image/jpeg")).boxed(),
        Kind::Text if field.name == "url" => Just(json!("https://example.com/hook")).boxed(),
        Kind::Text if field.form == ID => select(IDS).prop_map(Value::from).boxed(),
        Kind::Text | Kind::File => select(TELLING).prop_map(Value::from).boxed(),
        Kind::Time => select(&["2026-03-15T10:00:00Z", "2026-03-15T08:00:00.000Z"][..])
            .prop_map(Value::from)
            .boxed(),
        Kind::Integer(low, high) => (low..=high).prop_map(Value::from).boxed(),
        Kind::Flag => any::<bool>().prop_map(Value::from).boxed(),
        Kind::Word(words) => select(words).prop_map(Value::from).boxed(),
        Kind::Texts(..) => prop_oneof![
            Just(json!(["twitter-123456789"])).boxed(),
            vec(select(TELLING), 0..4).prop_map(Value::from).boxed(),
        ]
        .boxed(),
        Kind::Words(_, _, words) => vec(select(words), 0..4).prop_map(Value::from).boxed(),
        Kind::Objects(_, _, fields) => vec(object(fields), 0..3).prop_map(Value::from).boxed(),
        Kind::Object(fields) => object(fields).boxed(),
    }
}

/// An object with some of these keys, right or wrong, and maybe others.
fn object(fields: &'static [Field]) -> impl Strategy<Value = Value> {
    let value = |field: &Field| match field.required {
        true => prop_oneof![9 => likely(field).prop_map(Some), 1 => proptest::option::of(any_json())].boxed(),
        false => proptest::option::of(prop_oneof![3 => likely(field), 1 => any_json()]).boxed(),
    };
    let known: Vec<_> = fields.iter().map(value).collect();
    (known, btree_map("[a-z]{0,6}", any_json(), 0..2)).prop_map(move |(values, others)| {
        let mut object: Map<String, Value> = others.into_iter().collect();
        for (field, value) in fields.iter().zip(values) {
            object.extend(value.map(|value| (field.name.to_owned(), value)));
        }
        Value::Object(object)
    })
}

/// A body: right, nearly right, or nothing of the kind.
fn body(doc: &'static Doc) -> BoxedStrategy<Vec<u8>> {
    let written = match doc.body_type {
        "application/json" => object(doc.body)
            .prop_map(|value| value.to_string().into_bytes())
            .boxed(),
        _ => form(doc.body).boxed(),
    };
    prop_oneof![
        8 => written,
        1 => any_json().prop_map(|value| value.to_string().into_bytes()),
        1 => vec(any::<u8>(), 0..40),
        1 => (0_usize..400).prop_map(|depth| [b"{\"content\":".repeat(depth), b"[".repeat(depth)].concat()),
    ]
    .boxed()
}

/// A form with some of these fields, maybe cut off.
fn form(fields: &'static [Field]) -> impl Strategy<Value = Vec<u8>> {
    let value = |field: &Field| {
        let bytes = match field.kind {
            Kind::File => prop_oneof![Just(JPEG.to_vec()), vec(any::<u8>(), 0..60)].boxed(),
            _ => likely(field)
                .prop_map(|value| value.as_str().unwrap_or_default().as_bytes().to_vec())
                .boxed(),
        };
        proptest::option::weighted(0.9, bytes)
    };
    let known: Vec<_> = fields.iter().map(value).collect();
    (known, proptest::option::weighted(0.1, 0_usize..200)).prop_map(move |(values, cut)| {
        let mut written = Vec::new();
        for (field, value) in fields.iter().zip(values) {
            let Some(value) = value else { continue };
            let file = match field.kind {
                Kind::File => "; filename=\"a.jpg\"\r\nContent-Type: image/jpeg",
                _ => "",
            };
            let name = field.name;
            let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
            written.extend([head.as_bytes(), &value, b"\r\n"].concat());
        }
        written.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
        written.truncate(cut.unwrap_or(usize::MAX));
        written
    })
}

/// The beginning of a picture.
const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0";

fn query(fields: &'static [Field]) -> impl Strategy<Value = String> {
    let mut names: Vec<&str> = fields.iter().map(|field| field.name).collect();
    names.extend(["other", ""]);
    let likely: Vec<_> = fields.iter().map(likely).collect();
    let value = prop_oneof![
        any::<String>().boxed(),
        select(TELLING).prop_map(str::to_owned).boxed(),
        any::<i64>().prop_map(|number| number.to_string()).boxed(),
    ];
    let right = likely
        .into_iter()
        .map(|value| proptest::option::of(value).boxed())
        .collect::<Vec<_>>();
    let wild = vec((select(names), value), 0..4);
    (right, wild, 0..3_u8).prop_map(move |(right, wild, which)| {
        let mut written = url::form_urlencoded::Serializer::new(String::new());
        if which > 0 {
            for (field, value) in fields.iter().zip(right) {
                let Some(value) = value else { continue };
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                written.append_pair(field.name, &text);
            }
        }
        if which < 2 {
            wild.iter().for_each(|(name, value)| {
                written.append_pair(name, value);
            });
        }
        written.finish()
    })
}

/// What stands in a path where an id should.
fn segment() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just("KNOWN".to_owned()),
        1 => select(IDS).prop_map(str::to_owned),
        1 => select(&["twitter-123456789", "pinterest-x", "%ff", "%00-%00", "a", "-", "%2e%2e%2f", "%F0%9F%92%A9"][..])
            .prop_map(str::to_owned),
        1 => "[a-zA-Z0-9:_~-]{1,30}",
    ]
}

/// Headers beside the key, right or wrong.
fn headers() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let one = prop_oneof![
        3 => select(&["k", "0", "", "KNOWN"][..]).prop_map(|value| ("idempotency-key", value.to_owned())),
        1 => "[ -~]{0,300}".prop_map(|value| ("idempotency-key", value)),
        1 => select(&["", "0", "0123456789abcdef01234567", "NULL", "%"][..])
            .prop_map(|value| ("x-postpost-user-id", value.to_owned())),
        1 => select(&["mcp", "", "cli"][..]).prop_map(|value| ("x-publora-client", value.to_owned())),
        1 => select(&["text/plain", "application/xml", "application/json; charset=latin1", ""][..])
            .prop_map(|value| ("content-type", value.to_owned())),
        1 => "[ -~]{0,40}".prop_map(|value| ("x-request-id", value)),
    ];
    prop_oneof![2 => Just(Vec::new()), 1 => vec(one, 1..3)]
}

/// A request; KNOWN stands for the id of a group.
#[derive(Debug, Clone)]
struct Sent {
    /// The place of its endpoint in the table.
    index: usize,
    segment: String,
    query: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn request() -> impl Strategy<Value = Sent> {
    let all: Vec<_> = endpoints()
        .iter()
        .enumerate()
        .map(|(index, endpoint)| {
            let doc = endpoint.doc;
            // Most that is sent is refused; some of it is to come through.
            let weight = if endpoint.path == "/create-post" { 6 } else { 1 };
            let parts = (segment(), query(doc.query), headers(), body(doc));
            let sent = parts.prop_map(move |(segment, query, headers, body)| Sent {
                index,
                segment,
                query,
                headers,
                body,
            });
            (weight, sent.boxed())
        })
        .collect();
    proptest::strategy::Union::new_weighted(all)
}

/// A server with one group that everybody knows, and what it has seen.
struct Tried {
    runtime: tokio::runtime::Runtime,
    door: Door,
    document: Value,
    endpoints: Vec<Endpoint>,
    known: RefCell<String>,
    seen: RefCell<BTreeSet<(usize, u16)>>,
}

impl Tried {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let door = runtime.block_on(Door::open());
        let document = runtime.block_on(document(&door));
        let known = runtime.block_on(super::create(&door, super::POST));
        Self {
            runtime,
            door,
            document,
            endpoints: endpoints(),
            known: RefCell::new(known),
            seen: RefCell::default(),
        }
    }

    /// Everything that a request can leave behind, as the API shows it.
    fn traces(&self) -> Vec<Value> {
        let ask = |path: &str| {
            let answer = self.runtime.block_on(self.door.postpost("GET", path, ""));
            answer.json()
        };
        let known = self.known.borrow();
        vec![
            ask("/list-posts?limit=100&sortBy=updatedAt"),
            ask(&format!("/post-logs/{known}")),
            ask("/webhooks"),
            ask("/workspace/users"),
            ask("/platform-connections"),
        ]
    }

    fn send(&self, sent: &Sent) -> Result<(), TestCaseError> {
        let endpoint = &self.endpoints[sent.index];
        let before = self.traces();
        let known = self.known.borrow().clone();
        let segment = sent.segment.replace("KNOWN", &known);
        let path = endpoint
            .path
            .split('/')
            .map(|part| if part.starts_with('{') { &segment } else { part });
        let path = format!("/postpost/api/v1{}?{}", path.collect::<Vec<_>>().join("/"), sent.query);
        let form = format!("multipart/form-data; boundary={BOUNDARY}");
        let mut headers = vec![("x-api-key", self.door.key.as_str())];
        if endpoint.doc.body_type != "application/json" {
            headers.push(("content-type", &form));
        }
        let others: Vec<_> = sent
            .headers
            .iter()
            .filter(|(name, _)| headers.iter().all(|(known, _)| known != name))
            .collect();
        headers.extend(others.iter().map(|(name, value)| (*name, value.as_str())));
        let body = match String::from_utf8(sent.body.clone()) {
            Ok(text) => text.replace("KNOWN", &known).into_bytes(),
            Err(bytes) => bytes.into_bytes(),
        };
        let answer = self
            .runtime
            .block_on(self.door.ask(endpoint.method, &path, &headers, body));
        let place = format!("{} {path}", endpoint.method);
        self.judge(endpoint, &answer, &place)?;
        self.seen.borrow_mut().insert((sent.index, answer.status));
        if answer.status >= 400 {
            prop_assert_eq!(self.traces(), before, "{} was refused with {}", place, answer.body);
        } else if endpoint.method == "DELETE" && endpoint.path.starts_with("/delete-post") {
            *self.known.borrow_mut() = self.runtime.block_on(super::create(&self.door, super::POST));
        }
        Ok(())
    }

    /// An answer is one that the document knows, of that status and in that form.
    fn judge(&self, endpoint: &Endpoint, answer: &Answer, place: &str) -> Result<(), TestCaseError> {
        let responses = &self.document["paths"][endpoint.path][endpoint.method.to_lowercase()]["responses"];
        let response = responses.get(answer.status.to_string());
        prop_assert!(response.is_some(), "{place} answers {}: {}", answer.status, answer.body);
        prop_assert_eq!(
            answer.header("content-type"),
            "application/json; charset=utf-8",
            "{}",
            place
        );
        let shown: Value = serde_json::from_str(&answer.body)
            .map_err(|error| TestCaseError::fail(format!("{place}: {error}: {}", answer.body)))?;
        prop_assert!(
            shown["error"] != json!("Internal server error"),
            "{place}: a handler panicked"
        );
        let schema = &response.unwrap()["content"]["application/json"]["schema"];
        conforms(&shown, schema, &self.document, place);
        Ok(())
    }
}

/// Q52: valid, nearly valid and hostile values for every path, query, header and body.
#[test]
fn whatever_is_sent_is_answered_as_the_document_says() {
    let tried = Tried::new();
    let config = ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let checked = TestRunner::new_with_rng(config, rng).run(&request(), |sent| tried.send(&sent));
    checked.unwrap();
    let seen = tried.seen.take();
    for (index, endpoint) in tried.endpoints.iter().enumerate() {
        let statuses = || {
            seen.iter()
                .filter(move |(of, _)| *of == index)
                .map(|(_, status)| *status)
        };
        let (method, path) = (endpoint.method, endpoint.path);
        assert!(statuses().count() > 0, "{method} {path} was never asked");
        let must = MUST_SUCCEED.contains(&path) && method != "DELETE";
        assert!(
            !must || statuses().any(|status| status < 300),
            "{method} {path} never did what it is for"
        );
    }
}

/// Endpoints that must have done once what they are for; others need what no single request makes, such as an upload.
const MUST_SUCCEED: &[&str] = &[
    "/create-post",
    "/get-post/{id}",
    "/list-posts",
    "/post-logs/{id}",
    "/platform-connections",
    "/platform-limits",
    "/workspace/users",
];
