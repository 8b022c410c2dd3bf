//! Whether an answer is one that the server's own document knows.

use serde_json::Value;

use crate::specs::schema;

/// The server's OpenAPI document.
#[derive(Debug)]
pub(super) struct Document(Value);

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) mime: String,
    pub(super) body: Vec<u8>,
}

impl Document {
    pub(super) const fn new(document: Value) -> Self {
        Self(document)
    }

    /// Every operation, as its method and its path.
    pub(super) fn operations(&self) -> Vec<(String, String)> {
        let paths = self.0.get("paths").and_then(Value::as_object);
        let operations = paths.into_iter().flatten().flat_map(|(path, item)| {
            let methods = item.as_object().into_iter().flatten();
            methods.map(move |(method, _)| (method.to_uppercase(), path.clone()))
        });
        operations.collect()
    }

    /// The path in the document that a path on the wire is routed to; one without variables comes first.
    pub(super) fn route(&self, path: &str) -> Option<&str> {
        let path = path.strip_suffix('/').unwrap_or(path);
        let fits = |template: &str| {
            let (mut wanted, mut given) = (template.split('/'), path.split('/'));
            loop {
                match (wanted.next(), given.next()) {
                    (None, None) => return true,
                    (Some(wanted), Some(given)) if wanted == given => {}
                    (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {}
                    _ => return false,
                }
            }
        };
        let paths = self.0.get("paths")?.as_object()?;
        let found = paths.keys().find(|template| *template == path);
        found
            .or_else(|| paths.keys().find(|template| fits(template)))
            .map(String::as_str)
    }

    /// What is wrong with the answer to a request of this method for this path; nothing when it is one that is documented.
    pub(super) fn judge(&self, method: &str, path: &str, answer: &Answer) -> Vec<String> {
        let route = self.route(path);
        let item = route.and_then(|route| self.0.get("paths")?.get(route)?.get(method.to_lowercase()));
        let Some(operation) = item else {
            // No route, or none with this method: the page of Express.
            return match answer.status {
                404 => Vec::new(),
                status => vec![format!("there is no such route, and it is answered {status}")],
            };
        };
        let status = answer.status;
        let Some(response) = operation.get("responses").and_then(|all| all.get(status.to_string())) else {
            return vec![format!("the document does not know the status {status} here")];
        };
        if answer.mime != "application/json; charset=utf-8" {
            return vec![format!("it is {:?} and no JSON", answer.mime)];
        }
        let Ok(value) = serde_json::from_slice::<Value>(&answer.body) else {
            return vec!["it is no JSON".to_owned()];
        };
        let mut wrong = Vec::new();
        if status >= 500 && !may_fail(route.unwrap_or_default(), path) {
            wrong.push(format!("it is a failure of the server: {value}"));
        }
        if let Some(wanted) = response.pointer("/content/application~1json/schema") {
            let found = schema::check(&self.0, wanted, &value).into_iter();
            wrong.extend(found.map(|what| format!("not as the document says: {what}")));
        }
        wrong
    }
}

/// Where a 5xx is nobody's mistake: what asks a platform, a file that is not there yet, and the four that answer what is
/// no id as the original's database driver does.
fn may_fail(route: &str, path: &str) -> bool {
    let asks = [
        "/linkedin-",
        "/profile-statistics",
        "/test-connection",
        "/complete-media",
    ];
    let id = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let is_id = id.len() == 24 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    asks.iter().any(|start| route.starts_with(start)) || (OF_GROUPS.contains(&route) && !is_id)
}

const OF_GROUPS: [&str; 4] = [
    "/get-post/{id}",
    "/update-post/{id}",
    "/delete-post/{id}",
    "/post-logs/{id}",
];

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn document() -> Document {
        let schema = json!({"type": "object", "properties": {"success": {"type": "boolean", "const": true}}, "required": ["success"]});
        let response = json!({"content": {"application/json": {"schema": schema}}});
        Document::new(json!({"paths": {
            "/get-post/{id}": {"get": {"responses": {"200": response, "500": {}}}},
            "/list-posts": {"get": {"responses": {"200": response, "500": {}}}},
        }}))
    }

    fn wrong(path: &str, status: u16, body: &str) -> usize {
        let answer = Answer {
            status,
            mime: "application/json; charset=utf-8".to_owned(),
            body: body.as_bytes().to_vec(),
        };
        document().judge("GET", path, &answer).len()
    }

    #[test]
    fn what_the_document_does_not_know_is_found() {
        assert_eq!(wrong("/list-posts", 200, r#"{"success":true}"#), 0);
        assert_eq!(wrong("/list-posts/", 200, r#"{"success":true}"#), 0);
        assert_eq!(wrong("/list-posts", 200, r#"{"success":false}"#), 1);
        assert_eq!(wrong("/list-posts", 200, "{}"), 1);
        assert_eq!(wrong("/list-posts", 200, "<html>"), 1);
        assert_eq!(wrong("/list-posts", 418, "{}"), 1);
        assert_eq!(wrong("/elsewhere", 404, "<html>"), 0);
        assert_eq!(wrong("/elsewhere", 200, "{}"), 1);
    }

    #[test]
    fn a_failure_is_one_even_where_it_is_documented_but_for_what_is_no_id() {
        assert_eq!(wrong("/list-posts", 500, "{}"), 1);
        assert_eq!(wrong("/get-post/none", 500, "{}"), 0);
        assert_eq!(wrong("/get-post/0123456789abcdef01234567", 500, "{}"), 1);
    }
}
