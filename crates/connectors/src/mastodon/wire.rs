//! What Mastodon is sent and what it answers (docs.joinmastodon.org, entities and methods of API v1 and v2).

use domain::content::Settings;
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::platform::Platform;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Who may see a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Visibility {
    Public,
    Unlisted,
    Private,
    Direct,
}

/// The body of `POST /api/v1/statuses`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NewStatus {
    pub(super) status: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) media_ids: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) in_reply_to_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) visibility: Option<Visibility>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) sensitive: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) spoiler_text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) language: Option<String>,
}

/// What of a Status entity is read.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Status {
    pub(super) id: String,
    #[serde(default)]
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) uri: Option<String>,
}

/// What of a Status entity is read to tell whether it is ours.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ListedStatus {
    #[serde(flatten)]
    pub(super) status: Status,
    pub(super) created_at: Timestamp,
    #[serde(default)]
    pub(super) in_reply_to_id: Option<String>,
    #[serde(default)]
    pub(super) media_attachments: Vec<Attachment>,
}

/// A MediaAttachment entity; `url` is null while it is processed.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Attachment {
    pub(super) id: String,
    #[serde(default)]
    pub(super) url: Option<String>,
}

/// The StatusSource entity: the text as it was sent.
#[derive(Debug, Deserialize)]
pub(super) struct Source {
    pub(super) text: String,
    #[serde(default)]
    pub(super) spoiler_text: String,
}

/// What of the CredentialAccount entity is read.
#[derive(Debug, Deserialize)]
pub(super) struct CredentialAccount {
    pub(super) id: String,
    pub(super) username: String,
    #[serde(default)]
    pub(super) display_name: Option<String>,
    #[serde(default)]
    pub(super) avatar: Option<String>,
    #[serde(default)]
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) suspended: Option<bool>,
}

/// What of the Instance entity (v2) is read.
#[derive(Debug, Deserialize)]
pub(super) struct Instance {
    version: String,
}

impl Instance {
    /// Whether the server is Mastodon itself, which remembers idempotency keys. Others that speak its API say
    /// `2.7.2 (compatible; Pleroma 2.6)` or count from 0, and ignore the key, or did until lately.
    pub(super) fn remembers_keys(&self) -> bool {
        let major = self.version.split('.').next().and_then(|text| text.parse::<u32>().ok());
        !self.version.contains("compatible") && major.is_some_and(|major| major >= 3)
    }
}

/// The settings of a post that this connector understands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct PostSettings {
    pub(super) visibility: Option<Visibility>,
    pub(super) sensitive: bool,
    pub(super) spoiler_text: Option<String>,
    pub(super) language: Option<String>,
}

impl PostSettings {
    /// Reads them; keys that are not known are left alone.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] for a value that Mastodon does not know.
    pub(super) fn read(settings: &Settings) -> Result<Self, PlatformError> {
        let text = |names: [&str; 2]| {
            let value = names
                .iter()
                .find_map(|name| settings.get(*name))
                .filter(|value| !value.is_null());
            match value {
                None => Ok(None),
                Some(value) => match value.as_str() {
                    Some(text) => Ok(Some(text.to_owned()).filter(|text| !text.is_empty())),
                    None => Err(invalid(format!("The Mastodon setting '{}' must be a text", names[0]))),
                },
            }
        };
        let visibility = match text(["visibility", "visibility"])? {
            None => None,
            Some(word) => Some(serde_json::from_value(word.as_str().into()).map_err(|_| {
                invalid(format!(
                    "'{word}' is no Mastodon visibility; known are public, unlisted, private, direct"
                ))
            })?),
        };
        let sensitive = match settings.get("sensitive") {
            None | Some(serde_json::Value::Null) => false,
            Some(serde_json::Value::Bool(flag)) => *flag,
            Some(_) => {
                return Err(invalid(
                    "The Mastodon setting 'sensitive' must be true or false".to_owned(),
                ));
            }
        };
        Ok(Self {
            visibility,
            sensitive,
            spoiler_text: text(["spoilerText", "spoiler_text"])?,
            language: text(["language", "language"])?,
        })
    }
}

fn invalid(message: String) -> PlatformError {
    PlatformError::refused(Platform::Mastodon, Stage::Validate, ErrorKind::Validation, message)
}
