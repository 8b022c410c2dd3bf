//! What goes in and out of the steps of a sign-in.

use std::collections::BTreeMap;
use std::fmt;

use domain::account::Tokens;
use domain::secret::{SecretBytes, SecretText};
use serde_json::{Map, Value};
use url::Url;

use crate::App;

/// What a sign-in begins with.
#[derive(Clone)]
pub struct Ask {
    /// What the platform sends back unchanged: a random text, known to nobody else.
    pub state: String,
    /// Where the platform sends the browser.
    pub redirect_uri: String,
    /// 32 random bytes, from which the verifier and keys of this sign-in are made.
    pub seed: [u8; 32],
    /// What the person entered first, by [`super::Field::name`].
    pub inputs: BTreeMap<String, String>,
    /// The app that was registered at the server that the person named, if one is known.
    pub app: Option<App>,
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask")
            .field("redirect_uri", &self.redirect_uri)
            .field("inputs", &self.inputs)
            .finish_non_exhaustive()
    }
}

/// A sign-in that was begun.
#[derive(Debug)]
pub struct Begun {
    /// Where the browser is to go. It holds the state: not to be logged.
    pub authorize: Url,
    /// What must be remembered until it comes back. Sealed at rest.
    pub memory: Memory,
    /// An app that was registered on the way: the origin of its server, and what to remember for the next sign-in.
    pub registered: Option<(String, App)>,
}

/// What a sign-in remembers between its steps: verifier, redirect address, keys, the server. Sealed at rest.
#[derive(Clone, Default, PartialEq)]
pub struct Memory(pub Map<String, Value>);

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory(…)")
    }
}

impl Memory {
    /// A remembered text.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    /// Remembers a text.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), Value::String(value.into()));
    }

    /// For sealing.
    #[must_use]
    pub fn to_secret(&self) -> SecretBytes {
        SecretBytes::new(Value::Object(self.0.clone()).to_string().into_bytes())
    }

    /// What was sealed; `None` when it is nothing of ours.
    #[must_use]
    pub fn from_secret(secret: &SecretBytes) -> Option<Self> {
        serde_json::from_slice(secret.expose()).ok().map(Self)
    }
}

/// What the platform sent back with the browser.
#[derive(Debug, Clone, Default)]
pub struct Callback {
    /// The code, when there was consent.
    pub code: Option<SecretText>,
    /// The platform's word for what went wrong, and its description.
    pub error: Option<(String, Option<String>)>,
    /// Which authorization server answers (RFC 9207).
    pub iss: Option<String>,
    /// The other parameters, without the state.
    pub params: BTreeMap<String, String>,
}

impl Callback {
    /// Reads the query of the address that the browser was sent to: the state, and the rest.
    #[must_use]
    pub fn from_pairs<K: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (K, V)>,
    ) -> (Option<String>, Self) {
        let mut params: BTreeMap<String, String> = pairs
            .into_iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let state = params.remove("state");
        let code = params.remove("code").filter(|code| !code.is_empty());
        let description = params
            .remove("error_description")
            .or_else(|| params.get("error_message").cloned());
        let error = params
            .remove("error")
            .or_else(|| params.get("error_code").cloned())
            .map(|word| (word, description));
        let callback = Self {
            code: code.map(SecretText::new),
            error,
            iss: params.remove("iss"),
            params,
        };
        (state, callback)
    }
}

/// What a consent was exchanged for.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The tokens.
    pub tokens: Tokens,
    /// The scopes that the platform says it granted; empty when it does not say.
    pub scopes: Vec<String>,
    /// What else the token endpoint told: `subject` is whose the tokens are.
    pub memory: Memory,
}

impl Grant {
    /// Tokens of which nothing else is known.
    #[must_use]
    pub fn of(tokens: Tokens) -> Self {
        Self {
            tokens,
            scopes: Vec::new(),
            memory: Memory::default(),
        }
    }
}
