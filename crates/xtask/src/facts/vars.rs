//! Variables: `${NAME}` in the texts of a fact.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::fixtures::{Fixture, Prepared};

/// The variables that the steps of one fact may use.
#[derive(Debug)]
pub(super) struct Variables(BTreeMap<String, String>);

impl Variables {
    /// The runner's own, for a fact that starts at `now`.
    pub(super) fn of_runner(now: Timestamp, new_email: &str) -> Result<Self, String> {
        let after = |hours| {
            now.checked_add(SignedDuration::from_hours(hours))
                .map_err(|error| error.to_string())
        };
        let tomorrow = after(24)?;
        let before = now
            .checked_sub(SignedDuration::from_mins(2))
            .map_err(|error| error.to_string())?;
        let whole = |zone: &str| tomorrow.strftime(&format!("%Y-%m-%dT%H:%M:%S{zone}")).to_string();
        let pairs = [
            ("FUTURE_ISO", whole(".000Z")),
            ("FUTURE_ISO_NO_MS", whole("Z")),
            ("FUTURE_ISO_PLUS0000", whole("+00:00")),
            ("NOW_ISO", iso(now)),
            ("NOW_MINUS_2_MIN", iso(before)),
            ("NOW_PLUS_30_DAYS", iso(after(30 * 24)?)),
            ("NEW_EMAIL", new_email.to_owned()),
            ("1251_CHARS", "a".repeat(1251)),
        ];
        Ok(Self(
            pairs.into_iter().map(|(name, text)| (name.to_owned(), text)).collect(),
        ))
    }

    /// Those that the preparation of `fixture` printed; any it had no business to print stay unknown.
    pub(super) fn add_prepared(&mut self, fixture: &Fixture, prepared: &Prepared) -> Result<(), String> {
        for name in fixture.variables() {
            let text = prepared
                .get(name)
                .ok_or_else(|| format!("fixture {} did not print {name}", fixture.name))?;
            self.0.insert(name.to_owned(), text.clone());
        }
        Ok(())
    }

    /// One that a step saves for the steps after it.
    pub(super) fn save(&mut self, name: &str, text: String) {
        self.0.insert(name.to_owned(), text);
    }

    /// `value` with the variables in all its texts replaced, keys excepted.
    pub(super) fn fill(&self, value: &Value) -> Result<Value, String> {
        Ok(match value {
            Value::String(text) => Value::String(self.fill_text(text)?),
            Value::Array(list) => Value::Array(list.iter().map(|item| self.fill(item)).collect::<Result<_, _>>()?),
            Value::Object(map) => {
                let filled = map.iter().map(|(key, item)| Ok((key.clone(), self.fill(item)?)));
                Value::Object(filled.collect::<Result<_, String>>()?)
            }
            other => other.clone(),
        })
    }

    fn fill_text(&self, text: &str) -> Result<String, String> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, next) = after
                .split_once('}')
                .ok_or_else(|| format!("a variable without an end in {text}"))?;
            filled.push_str(before);
            filled.push_str(self.0.get(name).ok_or_else(|| format!("unknown variable {name}"))?);
            rest = next;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// `YYYY-MM-DDTHH:mm:ss.sssZ`.
pub(super) fn iso(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures;
    use super::*;
    use serde_json::json;

    fn variables() -> Variables {
        Variables::of_runner("2026-03-14T10:00:00.123456Z".parse().unwrap(), "new@mail.example").unwrap()
    }

    #[test]
    fn the_runners_variables_have_the_documented_forms() {
        let filled = variables()
            .fill(&json!([
                "${FUTURE_ISO}",
                "${FUTURE_ISO_NO_MS}",
                "${FUTURE_ISO_PLUS0000}",
                "${NOW_ISO}",
                "${NOW_MINUS_2_MIN}",
                "${NOW_PLUS_30_DAYS}",
                "<${NEW_EMAIL}>"
            ]))
            .unwrap();
        assert_eq!(
            filled,
            json!([
                "2026-03-15T10:00:00.000Z",
                "2026-03-15T10:00:00Z",
                "2026-03-15T10:00:00+00:00",
                "2026-03-14T10:00:00.123Z",
                "2026-03-14T09:58:00.123Z",
                "2026-04-13T10:00:00.123Z",
                "<new@mail.example>"
            ])
        );
        assert_eq!(
            variables()
                .fill(&json!("${1251_CHARS}"))
                .unwrap()
                .as_str()
                .unwrap()
                .len(),
            1251
        );
    }

    #[test]
    fn keys_are_not_replaced_and_unknown_variables_are_refused() {
        assert_eq!(
            variables().fill(&json!({"${NOW_ISO}": 1})).unwrap(),
            json!({"${NOW_ISO}": 1})
        );
        assert!(variables().fill(&json!({"a": ["${NOBODY}"]})).is_err());
        assert!(variables().fill(&json!("${NOW_ISO")).is_err());
    }

    #[test]
    fn a_preparation_must_print_its_variables_and_no_others_count() {
        let fixture = fixtures::named("no_posts").unwrap();
        let mut printed: Prepared = fixture
            .variables()
            .map(|name| (name.to_owned(), "x".to_owned()))
            .collect();
        printed.insert("GROUP_ID".to_owned(), "y".to_owned());
        let mut known = variables();
        known.add_prepared(fixture, &printed).unwrap();
        assert_eq!(known.fill(&json!("${API_KEY}")).unwrap(), json!("x"));
        assert!(known.fill(&json!("${GROUP_ID}")).is_err());
        printed.remove("LINKEDIN");
        assert!(variables().add_prepared(fixture, &printed).is_err());
    }
}
