//! What is said of whom: a tree of JSON taken apart into single sayings, and where two of them differ.
//!
//! Nothing here knows a dialect. A dialect gives what its API answered and what it would have had to answer, subject by
//! subject; whatever is said in only one of them, or otherwise, is a difference.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Keys that name an element of a list better than its place does.
const NAMES: [&str; 4] = ["_id", "id", "postGroupId", "platformId"];

/// What is said, by subject: an answer, or a thing that the answers are about.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sayings(BTreeMap<String, Value>);

impl Sayings {
    /// Says this of that.
    pub(crate) fn say(&mut self, of: impl Into<String>, what: Value) {
        self.0.insert(of.into(), what);
    }

    /// How many single sayings there are.
    pub(crate) fn count(&self) -> usize {
        self.0.values().map(|value| flat(value).len()).sum()
    }

    /// What is said of this, to be changed.
    #[cfg(test)]
    pub(crate) fn of_mut(&mut self, of: &str) -> &mut Value {
        self.0.get_mut(of).unwrap()
    }
}

/// Where `told` is not as `truth` says, one sentence each.
pub(crate) fn differences(told: &Sayings, truth: &Sayings) -> Vec<String> {
    let mut found = Vec::new();
    let mut subjects: Vec<&String> = told.0.keys().chain(truth.0.keys()).collect();
    subjects.sort_unstable();
    subjects.dedup();
    for subject in subjects {
        match (told.0.get(subject), truth.0.get(subject)) {
            (Some(told), Some(truth)) => compare(subject, told, truth, &mut found),
            (Some(_), None) => found.push(format!("{subject}: it is told of, and there is no such thing")),
            (None, Some(truth)) => found.push(format!("{subject}: nothing is told of it, and it is {truth}")),
            (None, None) => {}
        }
    }
    found
}

/// Sets a member of an object.
pub(crate) fn put(object: &mut Value, member: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(member.to_owned(), value);
    }
}

fn compare(subject: &str, told: &Value, truth: &Value, found: &mut Vec<String>) {
    let (told, truth) = (flat(told), flat(truth));
    for (path, value) in &told {
        match truth.get(path) {
            Some(true_value) if true_value == value => {}
            Some(true_value) => found.push(format!(
                "{subject}: {path} is told to be {value}, and it is {true_value}"
            )),
            None => found.push(format!(
                "{subject}: {path} is told to be {value}, and there is no such thing"
            )),
        }
    }
    for (path, value) in truth.iter().filter(|(path, _)| !told.contains_key(*path)) {
        found.push(format!("{subject}: {path} is not told, and it is {value}"));
    }
}

/// Every leaf of a tree by its path. An empty object or list is a leaf.
fn flat(value: &Value) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    take_apart(String::new(), value, &mut leaves);
    leaves
}

fn take_apart(path: String, value: &Value, leaves: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (key, value) in object {
                let dot = if path.is_empty() { "" } else { "." };
                take_apart(format!("{path}{dot}{key}"), value, leaves);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let names: Option<Vec<&str>> = items.iter().map(name).collect();
            match names {
                // The order of named elements is a saying of its own, so that a missing one is one difference.
                Some(names) => {
                    for (item, name) in items.iter().zip(&names) {
                        take_apart(format!("{path}[{name}]"), item, leaves);
                    }
                    for pair in names.windows(2) {
                        if let [first, second] = pair {
                            leaves.insert(format!("{path}[{first}] is followed by"), Value::from(*second));
                        }
                    }
                }
                None => {
                    for (place, item) in items.iter().enumerate() {
                        take_apart(format!("{path}[{place}]"), item, leaves);
                    }
                }
            }
        }
        leaf => {
            leaves.insert(path, leaf.clone());
        }
    }
}

fn name(item: &Value) -> Option<&str> {
    let object: &Map<String, Value> = item.as_object()?;
    NAMES.iter().find_map(|key| object.get(*key)?.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(value: Value) -> Sayings {
        let mut sayings = Sayings::default();
        sayings.say("get-post 1", value);
        sayings
    }

    #[test]
    fn a_difference_names_the_thing_and_both_values() {
        let truth = said(json!({"posts": [{"_id": "a", "status": "failed"}, {"_id": "b", "status": "draft"}]}));
        let told = said(json!({"posts": [{"_id": "a", "status": "published"}, {"_id": "b", "status": "draft"}]}));
        assert_eq!(differences(&truth, &truth), [""; 0]);
        assert_eq!(
            differences(&told, &truth),
            [r#"get-post 1: posts[a].status is told to be "published", and it is "failed""#]
        );
    }

    #[test]
    fn what_is_missing_too_much_or_in_another_order_is_found() {
        let truth = said(json!({"logs": [{"_id": "a"}, {"_id": "b"}]}));
        assert_eq!(differences(&said(json!({"logs": [{"_id": "a"}]})), &truth).len(), 2);
        assert_eq!(
            differences(&said(json!({"logs": [{"_id": "b"}, {"_id": "a"}]})), &truth).len(),
            2
        );
        assert_eq!(
            differences(&said(json!({"logs": [{"_id": "a"}, {"_id": "b"}], "more": []})), &truth).len(),
            1
        );
        assert_eq!(differences(&Sayings::default(), &truth).len(), 1);
        assert_eq!(differences(&truth, &Sayings::default()).len(), 1);
    }
}
