//! The runner against a scripted server and scripted preparations: what must pass passes, and everything else fails.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::scripted::server;
use super::*;

async fn run_facts(facts: Vec<Value>, issue: Option<Issue>) -> (Summary, String) {
    let mut out = Vec::new();
    let summary = check_all(server().await, facts, issue, &mut out).await.unwrap();
    (summary, String::from_utf8(out).unwrap())
}

fn fact(path: &str, expect: impl Into<Value>) -> Value {
    let expect: Value = expect.into();
    json!({"id": "f", "issue": "core", "fixture": "default", "request": {"method": "GET", "path": path}, "expect": expect})
}

fn with_status(expect: &Value) -> Value {
    let mut expect = expect.clone();
    expect.as_object_mut().unwrap().entry("status").or_insert(json!(200));
    expect
}

async fn passes(fact: Value) -> bool {
    let (summary, text) = run_facts(vec![fact], None).await;
    assert_eq!(summary.passed + summary.failed, 1, "{text}");
    summary.is_success()
}

/// For each expectation key: one that holds of `/json` and one that does not.
fn both_ways() -> Vec<(&'static str, Value, Value)> {
    vec![
        ("status", json!(200), json!(201)),
        ("contentType", json!("Application/JSON"), json!("text/html")),
        (
            "headers",
            json!({"content-TYPE": "^application/.*utf-8$"}),
            json!({"X-None": ""}),
        ),
        ("bodyContains", json!("hello"), json!("goodbye")),
        (
            "json",
            json!({"list": [{"t": "b"}], "none": [], "nothing": null}),
            json!({"list": []}),
        ),
        ("absent", json!(["gone", "list[].gone", "none[].x"]), json!(["nothing"])),
        (
            "shape",
            json!({"id": "objectId", "nothing": "int?", "list[].t": "string"}),
            json!({"list[].extra": "int"}),
        ),
        ("match", json!({"list[].t": "^[ab]$"}), json!({"list[].t": "^a$"})),
        (
            "enum",
            json!({"list[].t": ["a", "b"], "count": [3]}),
            json!({"list[].t": ["a"]}),
        ),
        ("every", json!({"list": {"on": true}}), json!({"list": {"extra": 1}})),
        (
            "some",
            json!({"list": {"json": {"t": "b"}, "absent": ["extra"]}}),
            json!({"list": {"json": {"t": "b", "extra": 1}}}),
        ),
        (
            "near",
            json!({"at": {"offset_s": 0, "within_s": 5}}),
            json!({"at": {"offset_s": 0, "within_s": 4.9}}),
        ),
        ("not", json!({"text": "bye", "list[].t": "c"}), json!({"list[].t": "b"})),
        ("sorted", json!({"list": "t asc"}), json!({"list": "t desc"})),
        ("arrayLength", json!({"list": 2, "none": 0}), json!({"list": 1})),
    ]
}

#[tokio::test]
async fn each_expectation_passes_when_it_holds_and_fails_when_it_does_not() {
    for (key, holds, breaks) in both_ways() {
        assert!(
            passes(fact("/json", with_status(&json!({ key: holds })))).await,
            "{key} should hold"
        );
        assert!(
            !passes(fact("/json", with_status(&json!({ key: breaks })))).await,
            "{key} should not hold"
        );
    }
    let keys = ["ant", "zebra"];
    assert!(passes(fact("/order", json!({"status": 200, "topLevelKeys": keys}))).await);
    assert!(!passes(fact("/order", json!({"status": 200, "topLevelKeys": ["ant"]}))).await);
    assert!(
        !passes(fact(
            "/order",
            json!({"status": 200, "topLevelKeys": ["ant", "zebra", "yak"]})
        ))
        .await
    );
    assert!(passes(fact("/order", json!({"status": 200, "keyOrder": ["zebra", "ant"]}))).await);
    assert!(!passes(fact("/order", json!({"status": 200, "keyOrder": keys}))).await);
    assert!(!passes(fact("/order", json!({"status": 200, "keyOrder": ["zebra"]}))).await);
    for (names, pass) in [
        (vec!["two", "one"], true),
        (vec!["one"], false),
        (vec!["one", "two", "three"], false),
    ] {
        let mut tools = fact("/", json!({"status": 200, "toolNames": names}));
        tools["request"]["host"] = json!("mcp");
        assert_eq!(passes(tools).await, pass, "{names:?}");
    }
}

#[tokio::test]
async fn paths_that_lead_nowhere_or_meet_nothing_fail() {
    for key in ["shape", "match", "enum", "not", "near"] {
        let ask = |path: &str| match key {
            "shape" => json!({path: "string?"}),
            "enum" => json!({path: [null]}),
            "near" => json!({path: {"offset_s": 0, "within_s": 1e9}}),
            _ => json!({path: ""}),
        };
        for path in ["gone", "none[]", "none[].x", "list[].extra"] {
            assert!(
                !passes(fact("/json", json!({"status": 200, key: ask(path)}))).await,
                "{key} {path}"
            );
        }
    }
    assert!(!passes(fact("/json", json!({"status": 200, "every": {"none": {}}}))).await);
    assert!(!passes(fact("/json", json!({"status": 200, "arrayLength": {"gone": 0}}))).await);
}

#[tokio::test]
async fn an_answer_without_json_satisfies_only_its_envelope() {
    let html = json!({"status": 404, "contentType": "text/html", "bodyContains": "Cannot GET /api/v1/nowhere"});
    assert!(passes(fact("/nowhere", html)).await);
    assert!(!passes(fact("/nowhere", json!({"status": 404, "absent": ["success"]}))).await);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    assert!(passes(fact("/moved", json!({"status": 302, "headers": {"location": "json$"}}))).await);
}

/// A small set of facts that all pass, with every form of step.
fn passing() -> Vec<Value> {
    let key = json!({"x-api-key": "${API_KEY}"});
    let steps = json!([
        {"request": {"method": "POST", "path": "/echo", "headers": key, "query": {"a": "b c"}, "body": {"n": "${NOW_ISO}"}},
         "expect": {"status": 201, "json": {"key": "the-API_KEY", "type": "application/json",
            "target": "/api/v1/echo?a=b+c", "body": "{\"n\":\"2026-03-14T10:00:00.000Z\"}"}},
         "save": {"SEEN": "key"}},
        {"request": {"method": "POST", "path": "/echo", "rawBase64": "eA=="},
         "expect": {"status": 201, "json": {"body": "x", "type": null}}, "save": {"KIND": "header:content-type"}},
        {"request": {"method": "GET", "path": "/echo", "headers": {"x-api-key": "${SEEN} ${KIND}"}},
         "expect": {"status": 201, "json": {"key": "the-API_KEY application/json"}}}]);
    let receive = json!([
        {"receive": "token.expiring", "within_s": 20, "expect": {"contentType": "application/json",
            "headers": {"X-PostPost-Event": "^token"}, "json": {"data": {"n": 1}}, "keyOrder": ["event", "timestamp", "data"],
            "signature": {"header": "X-PostPost-Signature", "secret": "${WEBHOOK_SECRET}"}}, "save": {"AT": "timestamp"}},
        {"receive": "post.scheduled", "within_s": 20, "expect": {"json": {"timestamp": "${AT}"}}},
        {"request": {"method": "GET", "path": "/json"}, "expect": {"status": 200, "json": {"ok": true}}}]);
    vec![
        fact("/json", json!({"status": 200, "json": {"ok": true}})),
        json!({"id": "s", "issue": "whole", "fixture": "no_posts", "layer": "S", "endpoint": "e", "given": "g", "note": "n",
            "tags": ["t"], "steps": steps}),
        json!({"id": "r", "issue": "whole", "fixture": "webhook_token_expiring", "steps": receive}),
    ]
}

fn replace_everywhere(value: &mut Value, key: &str, by: &Value) -> bool {
    let mut found = false;
    if let Some(expect) = value.get_mut("expect").and_then(Value::as_object_mut)
        && expect.contains_key(key)
    {
        expect.insert(key.to_owned(), by.clone());
        found = true;
    }
    let steps = value.get_mut("steps").and_then(Value::as_array_mut);
    steps
        .into_iter()
        .flatten()
        .fold(found, |found, step| replace_everywhere(step, key, by) || found)
}

#[tokio::test]
async fn facts_of_every_form_pass() {
    let (summary, text) = run_facts(passing(), None).await;
    assert_eq!(
        (summary, text.as_str()),
        (
            Summary {
                passed: 3,
                failed: 0,
                skipped: 0
            },
            "3 passed, 0 failed, 0 skipped\n"
        )
    );
}

#[tokio::test]
async fn with_every_expected_status_replaced_no_fact_passes() {
    let mut facts = passing();
    facts
        .iter_mut()
        .for_each(|fact| assert!(replace_everywhere(fact, "status", &json!(599))));
    let (summary, text) = run_facts(facts, None).await;
    assert_eq!(
        summary,
        Summary {
            passed: 0,
            failed: 3,
            skipped: 0
        },
        "{text}"
    );
    assert!(text.starts_with("FAIL f: status: expected 599, got 200"), "{text}");
}

#[tokio::test]
async fn with_every_json_replaced_no_fact_that_has_one_passes() {
    let mut facts = passing();
    facts
        .iter_mut()
        .for_each(|fact| assert!(replace_everywhere(fact, "json", &json!({"no-such-key": 1}))));
    assert_eq!(
        run_facts(facts, None).await.0,
        Summary {
            passed: 0,
            failed: 3,
            skipped: 0
        }
    );
}

#[tokio::test]
async fn what_is_not_defined_fails_the_fact() {
    let good = fact("/json", json!({"status": 200, "some": {"list": {"json": {}}}}));
    assert!(passes(good.clone()).await);
    let changes: [(&str, Value); 14] = [
        ("/fixture", json!("defaults")),
        ("/issue", json!("late")),
        ("/profile", json!("sooner")),
        ("/extra", json!(1)),
        ("/save", json!({"A": "ok"})),
        ("/request/extra", json!(1)),
        ("/request/host", json!("rest")),
        ("/request/headers", json!({"x": "${GROUP_WITH_150_LOGS}"})),
        ("/request/path", json!("/json?${NOBODY}")),
        ("/expect/statuses", json!(200)),
        ("/expect/status", Value::Null),
        ("/expect/some/list/every", json!({})),
        ("/expect/shape", json!({"ok": "boolean"})),
        ("/expect/signature", json!({"header": "a", "secret": "b"})),
    ];
    for (pointer, value) in changes {
        let mut broken = good.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        broken.pointer_mut(parent).unwrap()[key] = value;
        assert!(!passes(broken).await, "{pointer}");
    }
    let step = json!({"request": {"method": "GET", "path": "/json"}, "expect": {"status": 200}});
    let steps = |steps: Value| json!({"id": "f", "issue": "core", "fixture": "default", "steps": steps});
    assert!(passes(steps(json!([step]))).await);
    for (key, value) in [
        ("then", json!([])),
        ("save", json!({"A": "count"})),
        ("save", json!({"A": "list[].t"})),
    ] {
        let mut broken = step.clone();
        broken[key] = value;
        assert!(!passes(steps(json!([broken]))).await, "{key}");
    }
    assert!(!passes(steps(json!([]))).await);
    assert!(
        !passes(steps(
            json!([{"receive": "post.failed", "within_s": 0.05, "expect": {}}, step])
        ))
        .await
    );
    assert!(
        !passes(fact("/json", json!({"json": {"ok": true}}))).await,
        "a fact without any status"
    );
}

#[tokio::test]
async fn a_delivery_with_another_signature_or_a_status_fails() {
    let mut facts = passing();
    let mut fact = facts.remove(2);
    fact["steps"][0]["expect"]["signature"]["secret"] = json!("other");
    assert!(!passes(fact.clone()).await);
    fact["steps"][0]["expect"] = json!({"status": 200});
    assert!(!passes(fact).await);
}

#[tokio::test]
async fn only_the_later_profile_is_skipped_and_only_whole_facts_are_not_core() {
    let mut facts = passing();
    facts[1]["profile"] = json!("later");
    assert_eq!(
        run_facts(facts.clone(), None).await.0,
        Summary {
            passed: 2,
            failed: 0,
            skipped: 1
        }
    );
    assert_eq!(
        run_facts(facts.clone(), Some(Issue::Whole)).await.0,
        Summary {
            passed: 2,
            failed: 0,
            skipped: 1
        }
    );
    assert_eq!(
        run_facts(facts, Some(Issue::Core)).await.0,
        Summary {
            passed: 1,
            failed: 0,
            skipped: 0
        }
    );
    let (none, text) = run_facts(Vec::new(), None).await;
    assert_eq!(
        (none.is_success(), text.as_str()),
        (false, "0 passed, 0 failed, 0 skipped\n")
    );
}

#[test]
fn a_file_holds_its_list_under_either_key() {
    let scratch = crate::product::ScratchFolder::new("broadside-facts-test").unwrap();
    let file = |name: &str, text: &str| {
        std::fs::write(scratch.path().join(name), text).unwrap();
        scratch.path().join(name)
    };
    let (a, b) = (
        file("a", r#"{"meta":{},"facts":[1]}"#),
        file("b", r#"{"examples":[2]}"#),
    );
    assert_eq!(load(&[a, b]).unwrap(), [json!(1), json!(2)]);
    assert!(load(&[file("c", "[]")]).is_err());
    assert!(load(&[scratch.path().join("gone")]).is_err());
}

/// Own facts: every `${NAME}` is the runner's, of the fixture, or saved by an earlier step.
fn check_variables(value: &Value, fact: &fact::Fact) -> Result<(), String> {
    let fixture = fixtures::named(&fact.fixture)?;
    let mut known = vars::Variables::of_runner("2026-03-14T10:00:00Z".parse().unwrap(), "a@b.example")?;
    known.add_prepared(
        fixture,
        &fixture
            .variables()
            .map(|name| (name.to_owned(), "x".to_owned()))
            .collect(),
    )?;
    for step in &fact.steps {
        known.fill(step).map_err(|why| format!("{why} in {}", value["id"]))?;
        for name in step
            .get("save")
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(|save| save.keys())
        {
            known.save(name, "x".to_owned());
        }
    }
    Ok(())
}

#[test]
fn the_projects_own_facts_are_well_formed_and_many() {
    let facts = load(&own_files().unwrap()).unwrap();
    let mut ids = BTreeSet::new();
    let mut endpoints: BTreeMap<String, usize> = BTreeMap::new();
    for value in &facts {
        let fact = fact::Fact::parse(value).unwrap_or_else(|why| panic!("{}: {why}", value["id"]));
        check_variables(value, &fact).unwrap();
        assert!(
            ids.insert(value["id"].as_str().unwrap().to_owned()),
            "{} occurs twice",
            value["id"]
        );
        *endpoints
            .entry(value["endpoint"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    let core = facts.iter().filter(|fact| fact["issue"] == "core").count();
    assert!(core >= 120, "only {core} core facts");
    for endpoint in [
        "create-post",
        "get-post",
        "update-post",
        "delete-post",
        "list-posts",
        "post-logs",
        "platform-connections",
    ] {
        assert!(
            endpoints.get(endpoint).is_some_and(|count| *count >= 8),
            "{endpoint}: {endpoints:?}"
        );
    }
}
