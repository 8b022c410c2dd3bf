//! Secrets between the command line and the server.

use domain::secret::SecretText;
use serde::{Deserialize, Serialize};

/// A secret on its way through the socket, which only the directory's owner can open. Its `Debug` says nothing.
#[derive(Debug, Clone, Default)]
pub struct Hush(pub SecretText);

impl Hush {
    /// The secret with this text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(SecretText::new(text))
    }
}

impl Serialize for Hush {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for Hush {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}
