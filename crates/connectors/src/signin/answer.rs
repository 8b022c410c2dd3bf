//! Reading what a token endpoint gives.

use domain::account::Tokens;
use domain::secret::SecretText;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::flow::{Grant, Memory};
use crate::http::Answer;

/// What came with an access token.
#[derive(Debug, Clone)]
pub struct TokenAnswer {
    /// The access token.
    pub access: SecretText,
    /// A refresh token; never an empty one.
    pub refresh: Option<SecretText>,
    /// When the access token ends.
    pub expires_at: Option<Timestamp>,
    /// When the refresh token ends.
    pub refresh_expires_at: Option<Timestamp>,
    /// The granted scopes; empty when they are not told.
    pub scopes: Vec<String>,
    /// Whose it is (`sub`, `open_id`, `user_id`), as text whatever it was.
    pub subject: Option<String>,
}

impl TokenAnswer {
    /// Reads an answer; `None` when it has no access token.
    #[must_use]
    pub fn read(answer: &Answer, now: Timestamp) -> Option<Self> {
        let body = answer.json().filter(|_| answer.is_success())?;
        // Instagram's endpoint wraps its answer in a list (developers.facebook.com, "Business login for Instagram").
        let body = body.pointer("/data/0").unwrap_or(&body);
        let text = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let ends = |names: &[&str]| {
            let seconds = names.iter().find_map(|name| whole(body.get(*name)?))?;
            // Zero is Facebook's word for "never".
            let life = Some(SignedDuration::from_secs(seconds)).filter(|_| seconds > 0)?;
            now.checked_add(life).ok()
        };
        Some(Self {
            access: SecretText::from(text("access_token")?),
            refresh: text("refresh_token").map(SecretText::from),
            expires_at: ends(&["expires_in"]),
            refresh_expires_at: ends(&["refresh_expires_in", "refresh_token_expires_in"]),
            scopes: scopes(body),
            subject: ["sub", "open_id", "user_id"]
                .iter()
                .find_map(|name| match body.get(*name)? {
                    Value::String(text) => Some(text.clone()),
                    Value::Number(number) => Some(number.to_string()),
                    _ => None,
                }),
        })
    }

    /// The first tokens of an account.
    #[must_use]
    pub fn into_grant(self) -> Grant {
        let mut memory = Memory::default();
        if let Some(subject) = self.subject {
            memory.set("subject", subject);
        }
        Grant {
            tokens: Tokens {
                access: self.access,
                refresh: self.refresh,
                expires_at: self.expires_at,
                refresh_expires_at: self.refresh_expires_at,
                proof_key: None,
            },
            scopes: self.scopes,
            memory,
        }
    }

    /// New tokens in place of `old`: a refresh token that is not replaced stays, with its own end.
    #[must_use]
    pub fn renewing(self, old: &Tokens) -> Tokens {
        let refresh_expires_at = match self.refresh {
            Some(_) => self.refresh_expires_at,
            None => self.refresh_expires_at.or(old.refresh_expires_at),
        };
        Tokens {
            access: self.access,
            refresh: self.refresh.or_else(|| old.refresh.clone()),
            expires_at: self.expires_at,
            refresh_expires_at,
            proof_key: old.proof_key.clone(),
        }
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.parse().ok(),
        number => number.as_i64(),
    }
}

/// Scopes come as a text with spaces or commas between them, or as a list.
fn scopes(body: &Value) -> Vec<String> {
    let told = body.get("scope").or_else(|| body.get("permissions"));
    let list = |text: &str| {
        text.split([' ', ','])
            .filter(|scope| !scope.is_empty())
            .map(ToOwned::to_owned)
            .collect::<Vec<_>>()
    };
    match told {
        Some(Value::String(text)) => list(text),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).flat_map(list).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use reqwest::header::HeaderMap;

    use super::*;

    fn read(body: &str) -> Option<TokenAnswer> {
        let answer = Answer {
            status: 200,
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        TokenAnswer::read(&answer, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_number_beyond_what_a_double_holds_stays_exact() {
        let told = read(r#"{"access_token":"THQ","user_id":98765432109876543}"#).unwrap();
        assert_eq!(told.subject.as_deref(), Some("98765432109876543"));
        let text = read(r#"{"access_token":"THQ","user_id":"98765432109876543"}"#).unwrap();
        assert_eq!(text.subject, told.subject);
    }

    #[test]
    fn scopes_are_read_however_they_are_written() {
        for body in [
            r#"{"access_token":"a","scope":"one two"}"#,
            r#"{"access_token":"a","scope":"one,two"}"#,
            r#"{"access_token":"a","permissions":["one","two"]}"#,
            r#"{"data":[{"access_token":"a","permissions":"one,two"}]}"#,
        ] {
            assert_eq!(read(body).unwrap().scopes, ["one", "two"], "{body}");
        }
    }

    #[test]
    fn an_empty_refresh_token_never_replaces_one() {
        let old = Tokens {
            refresh: Some(SecretText::from("keep")),
            refresh_expires_at: Timestamp::from_second(9).ok(),
            proof_key: Some(SecretText::from("key")),
            ..Tokens::default()
        };
        let new = read(r#"{"access_token":"b","refresh_token":"","expires_in":"60"}"#)
            .unwrap()
            .renewing(&old);
        assert_eq!(new.refresh, old.refresh);
        assert_eq!(new.refresh_expires_at, old.refresh_expires_at);
        assert_eq!(new.proof_key, old.proof_key);
        assert_eq!(new.expires_at, Timestamp::from_second(60).ok());
    }

    #[test]
    fn an_answer_without_a_token_is_none() {
        assert!(read(r#"{"error":"invalid_grant"}"#).is_none());
        assert!(read(r#"{"access_token":""}"#).is_none());
        assert!(read("<html>").is_none());
    }
}
