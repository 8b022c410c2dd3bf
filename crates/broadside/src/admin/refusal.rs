//! Why something that an operator asked for was not done.

use serde::{Deserialize, Serialize};

/// Why something was refused, and what to do.
#[derive(Debug, Clone, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// A word for machines.
    pub code: String,
    /// What happened.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl Refusal {
    /// A refusal without a next step.
    #[must_use]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            next: None,
        }
    }

    /// The same with the next step.
    #[must_use]
    pub fn next(mut self, step: impl Into<String>) -> Self {
        self.next = Some(step.into());
        self
    }
}

impl From<engine::Error> for Refusal {
    fn from(error: engine::Error) -> Self {
        let message = error.to_string();
        match error {
            engine::Error::NotFound => {
                Self::new("not_found", "there is no such thing here").next("`broadside posts` lists ids")
            }
            engine::Error::Conflict(_) => Self::new("conflict", message),
            engine::Error::Limit(_) => {
                Self::new("limit", message).next("`broadside user plan NAME` shows what the plan allows")
            }
            engine::Error::Invalid(_) => Self::new("invalid", message),
            engine::Error::Platform(_) => {
                Self::new("platform", message).next("check the credentials and `broadside doctor`, then try again")
            }
            engine::Error::OutcomeUnknown(_) => Self::new("outcome_unknown", message),
            engine::Error::Files(_) => Self::new("files", message),
            engine::Error::Unavailable(source) => Self::new("unavailable", format!("{message}: {source}"))
                .next("`broadside doctor` looks at the database"),
        }
    }
}
