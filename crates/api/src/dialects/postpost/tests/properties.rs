//! Whatever is sent, something that the document knows comes back.

use std::collections::BTreeSet;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{TestRng, TestRunner};
use serde_json::{Map, Value, json};

use super::super::endpoints;
use crate::openapi::tests::{conforms, document};
use crate::openapi::{Field, Kind};
use crate::testing::Door;

const CASES: u32 = 1_500;

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

/// A value that may well be right for this field.
fn likely(field: &Field) -> BoxedStrategy<Value> {
    match field.kind {
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

/// What is sent instead of a body.
fn body(fields: &'static [Field]) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        8 => object(fields).prop_map(|value| value.to_string().into_bytes()),
        2 => any_json().prop_map(|value| value.to_string().into_bytes()),
        1 => vec(any::<u8>(), 0..40),
        1 => (0_usize..400).prop_map(|depth| [b"{\"content\":".repeat(depth), b"[".repeat(depth)].concat()),
    ]
}

fn query(fields: &'static [Field]) -> impl Strategy<Value = String> {
    let mut names: Vec<&str> = fields.iter().map(|field| field.name).collect();
    names.push("other");
    let value = prop_oneof![
        any::<String>().boxed(),
        select(TELLING).prop_map(str::to_owned).boxed(),
        any::<i64>().prop_map(|number| number.to_string()).boxed(),
    ];
    vec((select(names), value), 0..4).prop_map(|pairs| {
        let mut written = url::form_urlencoded::Serializer::new(String::new());
        pairs.iter().for_each(|(name, value)| {
            written.append_pair(name, value);
        });
        written.finish()
    })
}

/// What stands in a path where an id should.
fn segment() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => Just("KNOWN".to_owned()),
        1 => Just("0123456789abcdef01234567".to_owned()),
        1 => select(&["twitter-123456789", "pinterest-x", "%ff", "%00-%00", "a", "-"][..]).prop_map(str::to_owned),
        1 => "[a-zA-Z0-9:_~-]{1,30}",
    ]
}

/// A request: which endpoint, what for an id, the query, the body, and whether it has an idempotency key.
fn request() -> impl Strategy<Value = (usize, String, String, Vec<u8>, bool)> {
    let all: Vec<_> = endpoints()
        .iter()
        .enumerate()
        .map(|(index, endpoint)| {
            let doc = endpoint.doc;
            // Most that is sent is refused; some of it is to come through.
            let weight = if endpoint.path == "/create-post" { 8 } else { 1 };
            let request = (Just(index), segment(), query(doc.query), body(doc.body), any::<bool>());
            (weight, request.boxed())
        })
        .collect();
    proptest::strategy::Union::new_weighted(all)
}

#[test]
fn whatever_is_sent_is_answered_as_the_document_says() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let door = runtime.block_on(Door::open());
    let document = runtime.block_on(document(&door));
    let known = runtime.block_on(super::create(&door, super::POST));
    let endpoints = endpoints();
    let seen = std::cell::RefCell::new(BTreeSet::new());
    let config = ProptestConfig {
        cases: CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let checked = TestRunner::new_with_rng(config, rng).run(&request(), |(index, segment, query, body, keyed)| {
        let endpoint = &endpoints[index];
        let segment = segment.replace("KNOWN", &known);
        let path = endpoint
            .path
            .split('/')
            .map(|part| if part.starts_with('{') { &segment } else { part });
        let path = format!("/postpost/api/v1{}?{query}", path.collect::<Vec<_>>().join("/"));
        let mut headers = vec![("x-api-key", door.key.as_str())];
        if keyed {
            headers.push(("idempotency-key", "k"));
        }
        let answer = runtime.block_on(door.ask(endpoint.method, &path, &headers, body));
        let place = format!("{} {path}", endpoint.method);
        let responses = &document["paths"][endpoint.path][endpoint.method.to_lowercase()]["responses"];
        let response = responses.get(answer.status.to_string());
        prop_assert!(response.is_some(), "{place} answers {}: {}", answer.status, answer.body);
        let shown: Value = serde_json::from_str(&answer.body)
            .map_err(|error| TestCaseError::fail(format!("{place}: {error}: {}", answer.body)))?;
        prop_assert!(
            shown["error"] != json!("Internal server error"),
            "{place}: a handler panicked"
        );
        conforms(
            &shown,
            &response.unwrap()["content"]["application/json"]["schema"],
            &document,
            &place,
        );
        seen.borrow_mut().insert((index, answer.status));
        Ok(())
    });
    checked.unwrap();
    let seen = seen.into_inner();
    for (index, endpoint) in endpoints.iter().enumerate() {
        assert!(
            seen.iter().any(|(of, _)| *of == index),
            "{} was never asked",
            endpoint.path
        );
    }
    assert!(
        seen.iter()
            .any(|(index, status)| endpoints[*index].path == "/create-post" && *status == 200)
    );
}
