//! Reading the settings that a post carries for one platform. A value that is null counts as not given, and so does an
//! empty text.

use domain::content::{Draft, Settings};
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::platform::Platform;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The settings of a draft for its platform. Keys that nobody asks for are left alone.
///
/// Every method answers [`ErrorKind::Validation`], naming the setting, for a value of another form.
#[derive(Debug, Clone)]
pub struct Given {
    platform: Platform,
    settings: Settings,
}

impl Given {
    /// What this draft carries.
    #[must_use]
    pub fn of(draft: &Draft) -> Self {
        Self {
            platform: draft.platform,
            settings: draft.settings(),
        }
    }

    /// The value as it was given.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        let value = self.settings.get(name)?;
        let is_empty = value.is_null() || value.as_str().is_some_and(str::is_empty);
        (!is_empty).then_some(value)
    }

    /// A text.
    ///
    /// # Errors
    /// When it is none.
    pub fn text(&self, name: &str) -> Result<Option<String>, PlatformError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.invalid(&format!("'{name}' is a text"))),
        }
    }

    /// One of these words.
    ///
    /// # Errors
    /// When it is none of them; the error names them.
    pub fn word(&self, name: &str, words: &[&str]) -> Result<Option<String>, PlatformError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::String(word)) if words.contains(&word.as_str()) => Ok(Some(word.clone())),
            Some(_) => Err(self.invalid(&format!("'{name}' is one of: {}", words.join(", ")))),
        }
    }

    /// True or false.
    ///
    /// # Errors
    /// When it is neither.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, PlatformError> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(on)) => Ok(Some(*on)),
            Some(_) => Err(self.invalid(&format!("'{name}' is true or false"))),
        }
    }

    /// A list of texts; one text is a list of one.
    ///
    /// # Errors
    /// When it is none.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, PlatformError> {
        match self.value(name) {
            None => Ok(Vec::new()),
            Some(Value::String(one)) => Ok(vec![one.clone()]),
            Some(list) => {
                serde_json::from_value(list.clone()).map_err(|_| self.invalid(&format!("'{name}' is a list of texts")))
            }
        }
    }

    /// A value with parts.
    ///
    /// # Errors
    /// When it has other parts.
    pub fn object<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, PlatformError> {
        let read = |value: &Value| {
            serde_json::from_value(value.clone()).map_err(|_| self.invalid(&format!("'{name}' is not of its form")))
        };
        self.value(name).map(read).transpose()
    }

    /// The refusal of a setting; `what` goes on after "The … setting".
    #[must_use]
    pub fn invalid(&self, what: &str) -> PlatformError {
        let message = format!("The {} setting {what}", self.platform.name());
        PlatformError::refused(self.platform, Stage::Validate, ErrorKind::Validation, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_setting_of_another_form_is_refused_by_its_name_and_an_empty_one_is_none() {
        let settings = json!({ "empty": "", "null": null, "number": 7, "list": ["a"], "one": "a", "yes": true });
        let Value::Object(settings) = settings else {
            panic!("settings are an object")
        };
        let given = Given {
            platform: Platform::Threads,
            settings,
        };
        for name in ["empty", "null", "missing"] {
            assert_eq!(given.text(name).unwrap(), None);
            assert_eq!(given.word(name, &["a"]).unwrap(), None);
            assert_eq!(given.flag(name).unwrap(), None);
            assert!(given.texts(name).unwrap().is_empty());
            assert!(given.object::<Vec<String>>(name).unwrap().is_none());
        }
        assert_eq!(given.texts("one").unwrap(), given.texts("list").unwrap());
        assert_eq!(given.flag("yes").unwrap(), Some(true));
        for error in [
            given.text("number").unwrap_err(),
            given.flag("number").unwrap_err(),
            given.texts("number").unwrap_err(),
            given.object::<Vec<String>>("number").unwrap_err(),
            given.word("number", &["a"]).unwrap_err(),
        ] {
            assert_eq!(error.kind, ErrorKind::Validation);
            assert!(
                error.message.starts_with("The Threads setting 'number' is "),
                "{}",
                error.message
            );
        }
    }
}
