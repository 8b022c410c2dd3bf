//! The form of a fact. Every key that is not named here is refused before anything is sent.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::expect::Expect;

/// What has to exist before a fact can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Issue {
    /// Posts, logs, connections and authentication alone.
    Core,
    /// The whole dialect.
    Whole,
}

/// A fact whose keys are all defined; its texts still hold variables.
#[derive(Debug)]
pub(super) struct Fact {
    pub(super) fixture: String,
    pub(super) steps: Vec<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[serde(rename = "id")]
    _id: String,
    #[serde(rename = "issue")]
    _issue: Issue,
    fixture: String,
    #[serde(default, rename = "layer")]
    _layer: Option<String>,
    #[serde(default, rename = "endpoint")]
    _endpoint: Option<String>,
    #[serde(default, rename = "given")]
    _given: Option<String>,
    #[serde(default, rename = "note")]
    _note: Option<String>,
    #[serde(default, rename = "tags")]
    _tags: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    request: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    expect: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    steps: Option<Vec<Value>>,
}

/// A step that sends a request and checks the answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestStep {
    pub(super) request: Request,
    pub(super) expect: Expect,
    #[serde(default)]
    pub(super) save: Map<String, Value>,
}

/// A step that waits for a delivery and checks it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReceiveStep {
    /// The event to wait for.
    pub(super) receive: String,
    /// How long at most, in seconds.
    pub(super) within_s: f64,
    pub(super) expect: Expect,
    #[serde(default)]
    pub(super) save: Map<String, Value>,
}

/// A request as a fact describes it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    #[serde(default, deserialize_with = "present")]
    pub(super) host: Option<Host>,
    #[serde(default)]
    pub(super) headers: Map<String, Value>,
    #[serde(default)]
    pub(super) query: Map<String, Value>,
    #[serde(default, deserialize_with = "present")]
    pub(super) body: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    pub(super) raw_base64: Option<String>,
}

/// A service other than the REST API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Host {
    /// The MCP service.
    Mcp,
}

/// One step, of either kind.
#[derive(Debug)]
pub(super) enum Step {
    Request(Box<RequestStep>),
    Receive(Box<ReceiveStep>),
}

impl Step {
    pub(super) fn parse(value: &Value) -> Result<Self, String> {
        if value.get("receive").is_some() {
            return Ok(Self::Receive(Box::new(typed(value)?)));
        }
        let step: RequestStep = typed(value)?;
        if step.request.body.is_some() && step.request.raw_base64.is_some() {
            return Err("a request has either body or rawBase64".to_owned());
        }
        Ok(Self::Request(Box::new(step)))
    }

    fn expect(&self) -> &Expect {
        match self {
            Self::Request(step) => &step.expect,
            Self::Receive(step) => &step.expect,
        }
    }
}

impl Fact {
    /// Reads a fact and every step of it, so that a fact with an undefined key fails before it changes anything.
    pub(super) fn parse(value: &Value) -> Result<Self, String> {
        let form: Form = typed(value)?;
        let steps = match (form.request, form.expect, form.steps) {
            (Some(request), Some(expect), None) => vec![serde_json::json!({ "request": request, "expect": expect })],
            (None, None, Some(steps)) if !steps.is_empty() => steps,
            _ => return Err("a fact has either request and expect, or steps".to_owned()),
        };
        let mut has_status = false;
        for (index, step) in steps.iter().enumerate() {
            let parsed = Step::parse(step).map_err(|why| format!("step {}: {why}", index + 1))?;
            parsed.expect().check_place(matches!(parsed, Step::Receive(_)))?;
            has_status |= parsed.expect().status.is_some();
        }
        if !has_status {
            return Err("no step of this fact expects a status".to_owned());
        }
        Ok(Self {
            fixture: form.fixture,
            steps,
        })
    }

    /// Whether a delivery may be sent to the runner.
    pub(super) fn needs_receiver(&self) -> bool {
        matches!(self.fixture.as_str(), "webhook_receiver" | "webhook_token_expiring")
            || self.steps.iter().any(|step| step.get("receive").is_some())
    }
}

/// Whether `--issue` chooses a fact. One of an unknown issue is always chosen, so that it fails and is not overlooked.
pub(super) fn is_chosen(fact: &Value, issue: Option<Issue>) -> bool {
    issue != Some(Issue::Core) || fact.get("issue").and_then(Value::as_str) != Some("whole")
}

/// Whether a fact belongs to a later profile, which is never run.
pub(super) fn is_for_later(fact: &Value) -> bool {
    fact.get("profile").and_then(Value::as_str) == Some("later")
}

/// The id of a fact, or its place among the chosen facts if it has none.
pub(super) fn name(fact: &Value, index: usize) -> String {
    fact.get("id")
        .and_then(Value::as_str)
        .map_or_else(|| format!("#{}", index + 1), str::to_owned)
}

fn typed<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}

/// For keys that may be missing but, when they are there, must hold a value: null is not "missing".
pub(super) fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    T::deserialize(from).map(Some)
}
