//! Meta's nodes: which edges there are, which parameters they take and which fields nodes have; for Threads, Meta's own
//! collection of requests.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sandbox::tap::Exchange;
use serde_json::Value;

use super::{Judge, Verdict, fields, query};

/// What every call may carry (developers.facebook.com, Graph API, "Overview").
const COMMON: &[&str] = &[
    "access_token",
    "fields",
    "limit",
    "after",
    "before",
    "since",
    "until",
    "appsecret_proof",
];

/// What every answer may have beside a node's fields: the Graph API's own frame, and what uploads in pieces are told
/// (developers.facebook.com, Video API, "Resumable uploads").
const AROUND: &[&str] = &[
    "id",
    "data",
    "paging",
    "success",
    "error",
    "video_id",
    "upload_url",
    "post_id",
    "upload_session_id",
    "start_offset",
    "end_offset",
];

/// Parameters and fields of a platform's calls.
#[derive(Default)]
pub(super) struct Nodes {
    /// By method and edge; the empty edge is the node itself.
    parameters: BTreeMap<(String, String), BTreeSet<String>>,
    /// The fields of all nodes; empty where the specification does not say.
    fields: BTreeSet<String>,
}

impl Nodes {
    pub(super) fn facebook(folder: &Path) -> anyhow::Result<Self> {
        Self::of(
            folder,
            &["Page", "PagePost", "Photo", "AdVideo", "Comment", "VideoStatus"],
        )
    }

    pub(super) fn instagram(folder: &Path) -> anyhow::Result<Self> {
        let of_user = [
            "IGUser",
            "IGUserForIGOnlyAPI",
            "IGMedia",
            "IGMediaForIGOnlyAPI",
            "IGComment",
        ];
        let others = [
            "ShadowIGMediaBuilder",
            "ContentPublishingLimitResponse",
            "IGRefreshAccessTokenForIGOnlyAPI",
        ];
        Self::of(folder, &[&of_user[..], &others[..]].concat())
    }

    /// Threads has no node files worth the name; the collection of requests has every parameter.
    pub(super) fn threads(folder: &Path) -> anyhow::Result<Self> {
        let mut nodes = Self::default();
        let collection = super::json(&folder.join("threads-api.postman_collection.json"))?;
        nodes.gather(&collection);
        Ok(nodes)
    }

    fn of(folder: &Path, names: &[&str]) -> anyhow::Result<Self> {
        let mut nodes = Self::default();
        for name in names {
            let node = super::json(&folder.join(format!("{name}.json")))?;
            for call in list(&node, "apis") {
                let key = (text(call, "method"), text(call, "endpoint"));
                let parameters = list(call, "params").iter().map(|parameter| text(parameter, "name"));
                nodes.parameters.entry(key).or_default().extend(parameters);
            }
            nodes
                .fields
                .extend(list(&node, "fields").iter().map(|field| text(field, "name")));
        }
        Ok(nodes)
    }

    fn gather(&mut self, folder: &Value) {
        for item in list(folder, "item") {
            self.gather(item);
            let Some(request) = item.get("request") else { continue };
            let path: Vec<&str> = request
                .pointer("/url/path")
                .and_then(Value::as_array)
                .map_or(Vec::new(), |path| {
                    path.iter()
                        .filter_map(Value::as_str)
                        .filter(|segment| !segment.is_empty())
                        .collect()
                });
            let edge = match path.as_slice() {
                [only] if !only.starts_with("{{") && *only != "me" => (*only).to_owned(),
                [_, edge] => (*edge).to_owned(),
                _ => String::new(),
            };
            let queries = request
                .pointer("/url/query")
                .and_then(Value::as_array)
                .map_or(&[][..], Vec::as_slice);
            let key = (text(request, "method"), edge);
            let names = queries.iter().map(|query| text(query, "key"));
            self.parameters.entry(key).or_default().extend(names);
        }
    }
}

/// The names of a list of fields, without what is asked of their own fields.
fn top_level(fields: &str) -> Vec<String> {
    let mut depth = 0_usize;
    let mut names = vec![String::new()];
    for letter in fields.chars() {
        match letter {
            '{' | '(' => depth += 1,
            '}' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => names.push(String::new()),
            letter if depth == 0 => {
                if let Some(name) = names.last_mut() {
                    name.push(letter);
                }
            }
            _ => {}
        }
    }
    // A field's own edges follow a dot: `comments.limit(1)`.
    let plain = |name: String| name.split('.').next().unwrap_or_default().trim().to_owned();
    names.into_iter().map(plain).filter(|name| !name.is_empty()).collect()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The edge of a path, behind a version and a node's id.
fn edge(path: &str) -> Option<String> {
    let is_version = |segment: &&str| segment.starts_with('v') && segment.contains('.');
    let segments: Vec<&str> = path
        .split('/')
        .filter(|segment| !segment.is_empty() && !is_version(segment))
        .collect();
    match segments.as_slice() {
        [_] => Some(String::new()),
        [_, edge] => Some((*edge).to_owned()),
        _ => None,
    }
}

impl Judge for Nodes {
    fn judge(&self, path: &str, exchange: &Exchange) -> Verdict {
        let Some(edge) = edge(path) else {
            return Verdict::Unknown;
        };
        let Some(known) = self.parameters.get(&(exchange.method.clone(), edge)) else {
            return Verdict::Unknown;
        };
        let mut wrong = Vec::new();
        let given = query(exchange).into_iter().chain(fields(exchange).unwrap_or_default());
        for (name, value) in given {
            let plain = name.split('[').next().unwrap_or_default();
            if !known.contains(plain) && !COMMON.contains(&plain) {
                wrong.push(format!("request: the parameter {plain} is not in the specification"));
            }
            if name == "fields" && !self.fields.is_empty() {
                let unknown = top_level(&value)
                    .into_iter()
                    .filter(|name| !self.fields.contains(name) && name != "id");
                wrong.extend(unknown.map(|name| format!("request: there is no field {name}")));
            }
        }
        if let Ok(Value::Object(answer)) = serde_json::from_str(&exchange.answer)
            && exchange.status == 200
            && !self.fields.is_empty()
        {
            let names = answer
                .keys()
                .filter(|name| !AROUND.contains(&name.as_str()) && !self.fields.contains(*name));
            wrong.extend(names.map(|name| format!("answer 200: there is no field {name}")));
        }
        Verdict::Known(wrong)
    }
}
