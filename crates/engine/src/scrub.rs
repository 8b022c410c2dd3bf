//! Platforms sometimes say a token back in their error text. What is kept of an error never holds one.

use domain::account::Tokens;
use domain::error::PlatformError;
use serde_json::Value;

/// Shorter texts are no secrets, and would tear holes into ordinary words.
const SECRET_BYTES_MIN: usize = 8;

const INSTEAD: &str = "[redacted]";

/// The error without any of these tokens in its texts.
pub(crate) fn scrub(tokens: &Tokens, mut error: PlatformError) -> PlatformError {
    let secrets = secrets(tokens);
    let clean = |text: &mut String| {
        for secret in &secrets {
            if text.contains(secret.as_str()) {
                *text = text.replace(secret.as_str(), INSTEAD);
            }
        }
    };
    clean(&mut error.message);
    error.raw.as_mut().map(&clean);
    error.code.as_mut().map(&clean);
    error
}

/// Every piece of the tokens that is a secret by itself: some connectors keep several in one.
fn secrets(tokens: &Tokens) -> Vec<String> {
    let mut found = vec![tokens.access.expose().to_owned()];
    if let Some(refresh) = &tokens.refresh {
        found.push(refresh.expose().to_owned());
        if let Ok(Value::Object(pieces)) = serde_json::from_str(refresh.expose()) {
            found.extend(
                pieces
                    .into_iter()
                    .filter_map(|(_, piece)| piece.as_str().map(str::to_owned)),
            );
        }
    }
    found.extend(tokens.proof_key.iter().map(|key| key.expose().to_owned()));
    found.retain(|secret| secret.len() >= SECRET_BYTES_MIN);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::error::{ErrorKind, Stage};
    use domain::platform::Platform;
    use domain::secret::SecretText;

    #[test]
    fn a_token_that_a_platform_says_back_is_not_kept() {
        let tokens = Tokens {
            access: SecretText::from("access-token-123"),
            refresh: Some(SecretText::from(r#"{"password":"abcd-efgh-ijkl"}"#)),
            ..Tokens::default()
        };
        let error = PlatformError::refused(Platform::X, Stage::Send, ErrorKind::Auth, "no: access-token-123")
            .with_raw("the password abcd-efgh-ijkl of access-token-123 is wrong");
        let error = scrub(&tokens, error);
        assert_eq!(error.message, "no: [redacted]");
        assert_eq!(
            error.raw.as_deref(),
            Some("the password [redacted] of [redacted] is wrong")
        );
    }

    #[test]
    fn a_short_token_does_not_tear_holes_into_words() {
        let tokens = Tokens {
            access: SecretText::from("a"),
            ..Tokens::default()
        };
        let error = PlatformError::refused(Platform::X, Stage::Send, ErrorKind::Auth, "a bad day");
        assert_eq!(scrub(&tokens, error).message, "a bad day");
    }
}
