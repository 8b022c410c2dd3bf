//! Paths into JSON: keys joined by dots, `[]` for every element of the array before it, `[n]` for element n from 0.

use serde_json::Value;

#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Key(String),
    Every,
    At(usize),
}

/// A path that was read without error.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Path(Vec<Segment>);

impl Path {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let bad = || format!("'{text}' is no path");
        let mut segments = Vec::new();
        for (index, piece) in text.split('.').enumerate() {
            let (key, mut brackets) = piece.split_at(piece.find('[').unwrap_or(piece.len()));
            match key {
                "" if index == 0 && !brackets.is_empty() => {}
                "" => return Err(bad()),
                key => segments.push(Segment::Key(key.to_owned())),
            }
            while !brackets.is_empty() {
                let (inside, after) = brackets
                    .strip_prefix('[')
                    .and_then(|b| b.split_once(']'))
                    .ok_or_else(bad)?;
                segments.push(match inside {
                    "" => Segment::Every,
                    number => Segment::At(number.parse().map_err(|_| bad())?),
                });
                brackets = after;
            }
        }
        Ok(Self(segments))
    }

    /// Every value the path leads to. It is an error if it leads nowhere at any element, or meets no element at all.
    pub(super) fn values<'a>(&self, from: &'a Value) -> Result<Vec<&'a Value>, String> {
        let mut at = vec![from];
        for segment in &self.0 {
            let mut next = Vec::new();
            for value in at {
                match segment {
                    Segment::Key(key) => next.push(value.get(key).ok_or_else(|| format!("there is no '{key}'"))?),
                    Segment::At(n) => next.push(value.get(n).ok_or_else(|| format!("there is no element {n}"))?),
                    Segment::Every => next.extend(value.as_array().ok_or("[] stands after what is no array")?),
                }
            }
            at = next;
        }
        if at.is_empty() {
            Err("[] meets no element".to_owned())
        } else {
            Ok(at)
        }
    }

    /// Whether the path leads to anything, null included, by any element.
    pub(super) fn leads_anywhere(&self, from: &Value) -> bool {
        let mut at = vec![from];
        for segment in &self.0 {
            at = match segment {
                Segment::Key(key) => at.into_iter().filter_map(|value| value.get(key)).collect(),
                Segment::At(n) => at.into_iter().filter_map(|value| value.get(n)).collect(),
                Segment::Every => at.into_iter().filter_map(Value::as_array).flatten().collect(),
            };
        }
        !at.is_empty()
    }
}

/// Every value that `path` leads to in `from`; errors name the path.
pub(super) fn values<'a>(from: &'a Value, path: &str) -> Result<Vec<&'a Value>, String> {
    Path::parse(path)?.values(from).map_err(|why| format!("{path}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(from: &Value, path: &str) -> Option<Vec<Value>> {
        values(from, path).ok().map(|list| list.into_iter().cloned().collect())
    }

    #[test]
    fn paths_lead_through_keys_elements_and_all_elements() {
        let body = json!({"posts": [{"id": 1, "tags": ["a", "b"]}, {"id": 2, "tags": []}], "deep": {"er": null}});
        assert_eq!(found(&body, "posts[].id"), Some(vec![json!(1), json!(2)]));
        assert_eq!(found(&body, "posts[1].id"), Some(vec![json!(2)]));
        assert_eq!(found(&body, "posts[].tags[]"), Some(vec![json!("a"), json!("b")]));
        assert_eq!(found(&body, "deep.er"), Some(vec![Value::Null]));
        assert_eq!(found(&json!([[7]]), "[0][]"), Some(vec![json!(7)]));
    }

    #[test]
    fn a_path_that_leads_nowhere_or_meets_no_element_is_an_error() {
        let body = json!({"none": [], "some": [{"x": 1}, {}], "text": "t"});
        for path in ["gone", "none[]", "none[].x", "some[].x", "some[2]", "text[]", "text.x"] {
            assert_eq!(found(&body, path), None, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in ["", ".", "a.", "a..b", "a[", "a[x]", "a[-1]", "a]b[", "a[0]b"] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn absence_looks_at_every_element_and_counts_null_as_there() {
        let body = json!({"none": [], "some": [{"x": null}, {}]});
        let leads = |path: &str| Path::parse(path).unwrap().leads_anywhere(&body);
        assert!(leads("some[].x") && leads("none") && leads("some[0].x"));
        assert!(!leads("none[].x") && !leads("some[].y") && !leads("gone.x[]") && !leads("some[1].x"));
    }
}
