use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::testing::Door;

pub(crate) async fn document(door: &Door) -> Value {
    let answer = door.get("/postpost/api/v1/openapi.json").await;
    assert_eq!(
        (answer.status, answer.header("content-type").as_str()),
        (200, "application/json; charset=utf-8")
    );
    answer.json()
}

/// Method and path of every operation, with an id in place of a brace.
fn operations(document: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            found.push((method.to_uppercase(), path.clone()));
        }
    }
    found
}

/// Fails when a route has no operation, when an operation has no route, and when a route asks for no key unawares.
#[tokio::test]
async fn every_route_has_an_operation_and_every_operation_a_route() {
    let door = Door::open().await;
    let document = document(&door).await;
    let told: BTreeSet<_> = operations(&document).into_iter().collect();
    let routed: BTreeSet<_> = crate::dialects::postpost::endpoints()
        .iter()
        .map(|endpoint| (endpoint.method.to_owned(), endpoint.path.to_owned()))
        .collect();
    assert_eq!(told, routed);
    for (method, path) in told {
        let concrete: String = path
            .split('/')
            .map(|part| match part.strip_prefix('{') {
                Some(_) => "/0123456789abcdef01234567".to_owned(),
                None if part.is_empty() => String::new(),
                None => format!("/{part}"),
            })
            .collect();
        let answer = door
            .ask(&method, &format!("/postpost/api/v1{concrete}"), &[], "{broken")
            .await;
        let operation = &document["paths"][&path][method.to_lowercase()];
        let expected = if operation.get("security") == Some(&json!([])) {
            200
        } else {
            401
        };
        assert_eq!(answer.status, expected, "{method} {path}: {}", answer.body);
    }
}

/// Routes are made of endpoints alone: nobody adds one beside the table.
#[test]
fn no_route_is_mounted_beside_the_table() {
    let routes = include_str!("../dialects/postpost/routes.rs");
    assert!(routes.contains("mount(super::PREFIX, endpoints())"));
    assert!(!routes.contains(".route(") && !routes.contains(".merge(") && !routes.contains(".nest("));
}

#[tokio::test]
async fn the_document_is_whole_in_itself() {
    let door = Door::open().await;
    let document = document(&door).await;
    assert_eq!(document["openapi"], "3.1.0");
    let text = document.to_string();
    let mut references = 0;
    for reference in text.split("\"$ref\":\"").skip(1) {
        let pointer = reference.split('"').next().unwrap().strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
        references += 1;
    }
    assert!(references > 10, "{references}");
    let mut ids = BTreeSet::new();
    for (method, path) in operations(&document) {
        let operation = &document["paths"][&path][method.to_lowercase()];
        assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{path}");
        assert!(!operation["summary"].as_str().unwrap().ends_with('.'), "{path}");
        let segments = path.matches('{').count();
        let named = operation["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|it| it["in"] == "path")
            .count();
        assert_eq!(segments, named, "{path}");
        let keyed = operation.get("security").is_none();
        assert_eq!(operation["responses"].get("401").is_some(), keyed, "{path}");
    }
}

/// A schema is worth something only when what is answered is like it.
#[tokio::test]
async fn the_schema_of_an_answer_names_exactly_its_keys() {
    let door = Door::open().await;
    let document = document(&door).await;
    let made = door
        .postpost(
            "POST",
            "/create-post",
            r#"{"content":"x","platforms":["twitter-123456789"]}"#,
        )
        .await
        .json();
    let id = made["postGroupId"].as_str().unwrap().to_owned();
    for (method, path, asked) in [
        ("get", "/get-post/{id}", format!("/get-post/{id}")),
        ("get", "/list-posts", "/list-posts".to_owned()),
        ("get", "/post-logs/{id}", format!("/post-logs/{id}")),
        ("get", "/platform-connections", "/platform-connections".to_owned()),
    ] {
        let schema = &document["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"];
        let answer = door.postpost("GET", &asked, "").await.json();
        conforms(&answer, schema, &document, path);
    }
}

/// Every key of a value is in its schema, and every required key of the schema in the value.
pub(crate) fn conforms(value: &Value, schema: &Value, document: &Value, place: &str) {
    let schema = match schema.get("$ref").and_then(Value::as_str) {
        Some(reference) => document.pointer(&reference[1..]).unwrap(),
        None => schema,
    };
    if let Some(either) = schema.get("anyOf").and_then(Value::as_array) {
        if !value.is_null() {
            conforms(value, &either[0], document, place);
        }
        return;
    }
    match value {
        Value::Object(object) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            let others = schema.get("additionalProperties").filter(|others| others.is_object());
            for (key, value) in object {
                let inner = properties.and_then(|properties| properties.get(key)).or(others);
                match inner {
                    Some(inner) => conforms(value, inner, document, &format!("{place}.{key}")),
                    None => assert!(properties.is_none(), "{place}.{key} is not in the document"),
                }
            }
            for key in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
                assert!(object.contains_key(key.as_str().unwrap()), "{place} lacks {key}");
            }
        }
        Value::Array(items) => items
            .iter()
            .for_each(|item| conforms(item, &schema["items"], document, place)),
        Value::String(_) => assert!(schema["type"].to_string().contains("string"), "{place}: {schema}"),
        Value::Number(_) => {
            let kind = schema["type"].to_string();
            assert!(kind.contains("integer") || kind.contains("number"), "{place}: {schema}");
        }
        Value::Bool(_) => assert!(schema["type"].to_string().contains("boolean"), "{place}: {schema}"),
        Value::Null => assert!(schema["type"].to_string().contains("null"), "{place}: {schema}"),
    }
}

/// By keyboard, without a network, without a script.
#[tokio::test]
async fn the_reference_page_shows_every_operation_and_needs_nothing_from_elsewhere() {
    let door = Door::open().await;
    let page = door.get("/docs").await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    for (method, path) in operations(&document(&door).await) {
        assert!(page.body.contains(&format!("{method} {path}")), "{method} {path}");
    }
    for needed in [
        "<title>",
        "href=\"#main\"",
        "posts[].error.code",
        "platforms.*.videos.maxCount",
        "Idempotency-Key",
        "color-scheme",
    ] {
        assert!(page.body.contains(needed), "{needed}");
    }
    for foreign in ["<script", "style=", "<style", "@import", "href=\"http", "src="] {
        assert!(!page.body.contains(foreign), "{foreign}");
    }
    // Whatever scrolls can be reached by keyboard, and every place that a link goes to is there.
    assert_eq!(
        page.body.matches("class=\"scroll\"").count(),
        page.body.matches("role=\"region\"").count()
    );
    for target in page.body.split("href=\"#").skip(1) {
        let target = target.split('"').next().unwrap();
        assert!(page.body.contains(&format!("id=\"{target}\"")), "{target}");
    }
}
