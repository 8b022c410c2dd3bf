//! The tools: what they are called, what they take, and which request each of them is.

mod baseline;
mod field;
mod later;

use std::sync::{Arc, OnceLock};

use axum::http::Method;
use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

pub(crate) use field::{DATE_MEMBERS, DATES, FILE_MEMBERS, Field, Kind, POST_MEMBERS, Place};

use crate::upstream::{Ask, Unreachable, Upstream};

/// One tool.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    about: &'static str,
    pub(crate) method: Method,
    /// The path of the request; `{name}` stands for the argument of that name.
    pub(crate) path: &'static str,
    pub(crate) fields: &'static [Field],
    /// The one member of the answer that is the result, where the result is not the whole answer.
    pub(crate) member: Option<&'static str>,
    effect: Effect,
}

/// What a call does, as clients want to know before they ask a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It reads.
    Reads,
    /// It makes something new.
    Adds,
    /// It sets something to a state: doing it again changes nothing.
    Sets,
    /// It takes something away: doing it again changes nothing.
    Removes,
}

impl Spec {
    /// The tool as clients see it.
    fn tool(&self) -> Tool {
        let annotations = ToolAnnotations::new();
        let annotations = match self.effect {
            Effect::Reads => annotations.read_only(true),
            Effect::Adds => annotations.read_only(false).destructive(false),
            Effect::Sets => annotations.read_only(false).destructive(false).idempotent(true),
            Effect::Removes => annotations.read_only(false).destructive(true).idempotent(true),
        };
        Tool::new(self.name, self.about, Arc::new(self.schema())).with_annotations(annotations)
    }

    /// The JSON Schema of the arguments. What it does not name is ignored, as in the original.
    fn schema(&self) -> JsonObject {
        let properties: JsonObject = self
            .fields
            .iter()
            .map(|field| (field.name.to_owned(), field.schema()))
            .collect();
        let mut schema = JsonObject::new();
        schema.insert("type".to_owned(), json!("object"));
        schema.insert("properties".to_owned(), Value::Object(properties));
        let required: Vec<_> = self
            .fields
            .iter()
            .filter(|field| field.required)
            .map(|field| field.name)
            .collect();
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        schema
    }

    /// A request that tells whether the REST API has what this tool needs: without a key it changes nothing.
    fn probe(&self) -> Ask {
        let filled: Vec<_> = self
            .path
            .split('/')
            .map(|segment| {
                if segment.starts_with('{') {
                    "000000000000000000000000"
                } else {
                    segment
                }
            })
            .collect();
        Ask {
            method: self.method.clone(),
            path: filled.join("/"),
            body: None,
        }
    }
}

/// Why there are no such tools.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Nothing is called that.
    #[error("there is no further tool '{name}'; there are: {}", names_of_later_tools().collect::<Vec<_>>().join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The server's API cannot do what the tool is for.
    #[error("the tool '{name}' needs {method} {path}, which the server's API does not have")]
    Missing {
        /// The tool.
        name: &'static str,
        /// The request's method.
        method: Method,
        /// The request's path.
        path: &'static str,
    },
    /// It could not be found out.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
}

/// The tools of later documents, which a server offers only when its settings say so.
pub fn names_of_later_tools() -> impl Iterator<Item = &'static str> {
    later::TOOLS.iter().map(|spec| spec.name)
}

/// The tools that a server offers. What clients see of them is made when the first one asks: most servers have none.
#[derive(Debug, Clone)]
pub struct Catalogue(Arc<Offer>);

#[derive(Debug)]
struct Offer {
    specs: Vec<&'static Spec>,
    tools: OnceLock<Vec<Tool>>,
}

impl Catalogue {
    /// The eighteen tools of the baseline.
    #[must_use]
    pub fn baseline() -> Self {
        Self::of(baseline::TOOLS.iter())
    }

    /// The baseline's tools, and these of [`names_of_later_tools`] besides, after the API was asked whether it has what
    /// they need.
    ///
    /// # Errors
    /// When there is no such tool, or the API does not have what it needs or does not answer.
    pub async fn with_later(names: &[String], upstream: &dyn Upstream) -> Result<Self, Refused> {
        let mut specs: Vec<&'static Spec> = baseline::TOOLS.iter().collect();
        for name in names {
            let Some(spec) = later::TOOLS.iter().find(|spec| spec.name == name) else {
                return Err(Refused::Unknown { name: name.clone() });
            };
            if upstream.ask(None, spec.probe()).await?.status == 404 {
                return Err(Refused::Missing {
                    name: spec.name,
                    method: spec.method.clone(),
                    path: spec.path,
                });
            }
            if !specs.iter().any(|known| known.name == spec.name) {
                specs.push(spec);
            }
        }
        Ok(Self::of(specs.into_iter()))
    }

    fn of(specs: impl Iterator<Item = &'static Spec>) -> Self {
        Self(Arc::new(Offer {
            specs: specs.collect(),
            tools: OnceLock::new(),
        }))
    }

    /// All of them, as clients see them.
    pub(crate) fn tools(&self) -> &[Tool] {
        let Offer { specs, tools } = &*self.0;
        tools.get_or_init(|| specs.iter().map(|spec| spec.tool()).collect())
    }

    /// The tool with this name.
    pub(crate) fn find(&self, name: &str) -> Option<&'static Spec> {
        self.0.specs.iter().find(|spec| spec.name == name).copied()
    }
}
