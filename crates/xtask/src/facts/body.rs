//! Comparisons of JSON values: the partial match, equality, types, order.

use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use super::vars::iso;

/// The partial match: every named key exists and matches; each element of a list matches some element; `[]` only itself.
pub(super) fn matches(expected: &Value, actual: &Value) -> Result<(), String> {
    match (expected, actual) {
        (Value::Object(named), Value::Object(there)) => named.iter().try_for_each(|(key, want)| {
            let value = there.get(key).ok_or_else(|| format!("there is no '{key}'"))?;
            matches(want, value).map_err(|why| format!("{key}: {why}"))
        }),
        (Value::Array(wanted), Value::Array(there)) if !wanted.is_empty() => wanted.iter().try_for_each(|want| {
            let any = there.iter().any(|value| matches(want, value).is_ok());
            if any {
                Ok(())
            } else {
                Err(format!("no element matches {want} in {actual}"))
            }
        }),
        _ if same(expected, actual) => Ok(()),
        _ => Err(format!("expected {expected}, got {actual}")),
    }
}

/// Equality in type and value; numbers are equal when their values are.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => x == y || x.as_f64() == y.as_f64() && !(is_exact(x) && is_exact(y)),
        (Value::Array(x), Value::Array(y)) => x.len() == y.len() && x.iter().zip(y).all(|(x, y)| same(x, y)),
        (Value::Object(x), Value::Object(y)) => {
            x.len() == y.len() && x.iter().all(|(key, x)| y.get(key).is_some_and(|y| same(x, y)))
        }
        _ => a == b,
    }
}

/// Whole numbers are compared digit by digit, since large ones share a floating-point value.
fn is_exact(number: &serde_json::Number) -> bool {
    number.is_i64() || number.is_u64()
}

/// Whether `value` has the type `name`, which may end in `?`.
pub(super) fn has_type(value: &Value, name: &str) -> Result<bool, String> {
    let (name, nullable) = name.strip_suffix('?').map_or((name, false), |name| (name, true));
    let text = value.as_str();
    let fits = match name {
        "string" => text.is_some(),
        "int" => value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0),
        "bool" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "url" => text.is_some_and(is_url),
        "objectId" => text.is_some_and(is_object_id),
        "isoDate" => text.is_some_and(|text| iso_date(text).is_some()),
        other => return Err(format!("unknown type {other}")),
    };
    Ok(fits || nullable && value.is_null())
}

fn is_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.host().is_some())
}

fn is_object_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// The instant that a `YYYY-MM-DDTHH:mm:ss.sssZ` names; none for any other form and for what is no real date.
pub(super) fn iso_date(text: &str) -> Option<Timestamp> {
    let instant: Timestamp = text.parse().ok()?;
    // Writing it again shows both another form and a date that was silently corrected.
    (iso(instant) == text).then_some(instant)
}

/// Checks `'KEY asc'` or `'KEY desc'` of a list: neighbours may be equal, at least two texts must remain.
pub(super) fn is_sorted(list: &Value, rule: &str) -> Result<(), String> {
    let (key, descending) = match rule.split_once(' ') {
        Some((key, "asc")) => (key, false),
        Some((key, "desc")) => (key, true),
        _ => return Err(format!("'{rule}' is no order")),
    };
    let list = list.as_array().ok_or("it is no array")?;
    let there = list
        .iter()
        .filter_map(|item| item.get(key))
        .filter(|value| !value.is_null());
    let texts = there.map(|value| value.as_str().ok_or_else(|| format!("{key} is no text: {value}")));
    let texts: Vec<&str> = texts.collect::<Result<_, _>>()?;
    if texts.len() < 2 {
        return Err(format!("only {} texts at {key}", texts.len()));
    }
    let ordered = if descending {
        texts.is_sorted_by(|a, b| a >= b)
    } else {
        texts.is_sorted()
    };
    if ordered {
        Ok(())
    } else {
        Err(format!("not in the order {rule}: {texts:?}"))
    }
}

/// Whether two instants are at most `within_s` seconds apart.
pub(super) fn is_near(one: Timestamp, other: Timestamp, within_s: f64) -> bool {
    one.duration_since(other).as_secs_f64().abs() <= within_s
}

/// The keys of a JSON object in the order in which they stand in its text, repeated ones included.
pub(super) fn keys_in_order(text: &str) -> Result<Vec<String>, String> {
    struct Keys;
    impl<'de> serde::de::Visitor<'de> for Keys {
        type Value = Vec<String>;
        fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            to.write_str("an object")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Vec<String>, A::Error> {
            let mut keys = Vec::new();
            while let Some((key, serde::de::IgnoredAny)) = map.next_entry()? {
                keys.push(key);
            }
            Ok(keys)
        }
    }
    let mut from = serde_json::Deserializer::from_str(text);
    serde::Deserializer::deserialize_map(&mut from, Keys).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_partial_match_names_what_must_be_there() {
        let body = json!({"ok": true, "n": 5, "gone": null, "list": [{"a": 1, "b": 2}, {"a": 3}], "none": []});
        for good in [
            json!({}),
            json!({"ok": true, "n": 5.0}),
            json!({"gone": null}),
            json!({"list": [{"a": 3}]}),
            json!({"list": [{"a": 3}, {"b": 2}]}),
            json!({"none": []}),
        ] {
            assert_eq!(matches(&good, &body), Ok(()), "{good}");
        }
        for bad in [
            json!({"ok": "true"}),
            json!({"n": "5"}),
            json!({"missing": null}),
            json!({"list": []}),
            json!({"none": [{}]}),
            json!({"list": [{"a": 1, "b": 3}]}),
            json!({"list": {}}),
            json!([]),
        ] {
            assert!(matches(&bad, &body).is_err(), "{bad}");
        }
    }

    #[test]
    fn large_whole_numbers_are_not_confused_by_rounding() {
        assert!(!same(
            &json!(9_007_199_254_740_993_u64),
            &json!(9_007_199_254_740_992_u64)
        ));
        assert!(same(&json!({"a": [1, 2.5]}), &json!({"a": [1.0, 2.5]})));
        assert!(!same(&json!([1]), &json!([1, 2])));
    }

    #[test]
    fn types_are_told_apart() {
        let good = [
            (json!("x"), "string"),
            (json!(3), "int"),
            (json!(3.0), "int"),
            (json!(false), "bool"),
            (json!([]), "array"),
            (json!({}), "object"),
            (json!("https://h.example/x"), "url"),
            (json!("0123456789abcdef01234567"), "objectId"),
            (json!("2024-02-29T23:59:59.999Z"), "isoDate"),
            (Value::Null, "isoDate?"),
        ];
        for (value, name) in good {
            assert_eq!(has_type(&value, name), Ok(true), "{value} {name}");
        }
        let bad = [
            (Value::Null, "string"),
            (json!(3.5), "int"),
            (json!("3"), "int"),
            (json!(1), "bool"),
            (json!("ftp://h.example"), "url"),
            (json!("http://"), "url"),
            (json!("0123456789ABCDEF01234567"), "objectId"),
            (json!("0123456789abcdef0123456"), "objectId"),
            (json!("2023-02-29T00:00:00.000Z"), "isoDate"),
            (json!("2024-02-29T00:00:00Z"), "isoDate"),
            (json!("2024-02-29T00:00:00.000+00:00"), "isoDate"),
            (json!("2024-02-29T24:00:00.000Z"), "isoDate"),
            (json!("2024-12-31T23:59:60.000Z"), "isoDate?"),
        ];
        for (value, name) in bad {
            assert_eq!(has_type(&value, name), Ok(false), "{value} {name}");
        }
        assert!(has_type(&json!(1), "number").is_err());
    }

    #[test]
    fn order_needs_two_texts_and_allows_equal_neighbours() {
        let list = json!([{"t": "a"}, {"t": null}, {}, {"t": "b"}, {"t": "b"}]);
        assert_eq!(is_sorted(&list, "t asc"), Ok(()));
        assert!(is_sorted(&list, "t desc").is_err());
        assert!(is_sorted(&list, "t").is_err());
        assert!(is_sorted(&json!([{"t": "a"}]), "t asc").is_err());
        assert!(is_sorted(&json!([{"t": 1}, {"t": 2}]), "t asc").is_err());
    }

    #[test]
    fn keys_keep_the_order_of_the_text() {
        assert_eq!(keys_in_order(r#"{"b":1,"a":{"z":2},"b":3}"#).unwrap(), ["b", "a", "b"]);
        assert!(keys_in_order("[]").is_err());
    }
}
