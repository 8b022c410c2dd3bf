//! The fault script: which requests go wrong, and how.
//!
//! Invariant: every rule that matches a request counts it, whether or not an earlier rule already decided what
//! happens, so "the first" and "the second" in two rules mean the same two requests.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

/// What a request is for, as far as a script cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// The request that makes a post visible (a status, a message, a record, `media_publish`).
    Create,
    /// Uploading or preparing what nobody can see yet: media, containers of Instagram and Threads, drafts of Facebook;
    /// and changing what is there.
    Upload,
    /// Reading posts back: lists, look-ups, and Telegram's edits, which serve as probes.
    Read,
    /// Identity, limits, permissions, and the state of media processing.
    Check,
    /// Getting a new access token.
    Refresh,
    /// Deleting a post.
    Delete,
    /// Every request.
    #[default]
    Any,
}

impl Class {
    fn covers(self, other: Self) -> bool {
        self == Self::Any || self == other
    }
}

/// Which requests a rule is for.
///
/// Without `nth` and `times` it is all of them. `nth` alone is that one request (the first is 1); `times` alone is
/// the first so many; both are `times` requests from the `nth` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Match {
    /// The kind of request.
    #[serde(default)]
    pub class: Class,
    /// The first matching request that goes wrong, counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nth: Option<u32>,
    /// How many requests go wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Counts separately for each distinct post text, so "the first publish of each post is refused" can be said.
    #[serde(default)]
    pub per_text: bool,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The whole request is read, then the connection is closed. Nothing was made.
    DropBefore,
    /// The post is made, then the connection is closed without an answer.
    DropAfter,
    /// The platform's own server error, and nothing was made.
    ErrorBefore {
        /// The HTTP status.
        status: u16,
    },
    /// The platform's own server error, although the post was made.
    ErrorAfter {
        /// The HTTP status.
        status: u16,
    },
    /// A proxy's HTML page; nothing was made.
    HtmlError {
        /// The HTTP status.
        status: u16,
    },
    /// The post is made at once, the answer comes late.
    Slow {
        /// By so many milliseconds of the sandbox's clock.
        ms: u64,
    },
    /// The request lies around before the post is made, even when the caller has gone meanwhile.
    SlowBefore {
        /// For so many milliseconds of the sandbox's clock.
        ms: u64,
    },
    /// 429 in the platform's own form.
    RateLimit {
        /// Seconds until the caller may come back.
        retry_after_s: u64,
    },
    /// The platform's own answer to an expired token. Where tokens can be refreshed (X, Bluesky, stand-ins) the
    /// presented token stays dead; elsewhere only this request is refused.
    ExpiredToken,
    /// Media made by this request needs so many status polls before it is ready.
    ProcessingPolls {
        /// The number of polls that say "not yet".
        n: u32,
    },
    /// Processing of media made by this request fails.
    ProcessingFails,
    /// The post is made; the answer is a 2xx whose body is no JSON.
    Malformed,
    /// The post is made; status line, headers and half the body are sent, then the connection is closed.
    Truncated,
    /// A redirect that keeps the method; nothing was made here.
    #[serde(rename = "redirect_307")]
    Redirect307 {
        /// The address to go to.
        to: String,
    },
    /// The platform's own refusal of the content.
    RejectContent,
    /// The post is made, but reads do not show it yet.
    ReadLag {
        /// For so many seconds of the sandbox's clock.
        s: u64,
    },
    /// So many bytes of the body are taken, then the connection is closed. Uploads that can be resumed within a request
    /// keep what they took; everywhere else nothing was made.
    Cut {
        /// Bytes of the body.
        bytes: u64,
    },
    /// The refresh token is refused.
    RefreshRefused,
    /// This very answer. Nothing is made unless `after` is set.
    Custom {
        /// The HTTP status.
        status: u16,
        /// The body, sent as it is.
        body: String,
        /// The content type; `application/json` when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        content_type: Option<String>,
        /// Whether the post is made all the same.
        #[serde(default)]
        after: bool,
    },
}

impl Fault {
    /// The fault's word, as the journal shows it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::DropBefore => "drop_before",
            Self::DropAfter => "drop_after",
            Self::ErrorBefore { .. } => "error_before",
            Self::ErrorAfter { .. } => "error_after",
            Self::HtmlError { .. } => "html_error",
            Self::Slow { .. } => "slow",
            Self::SlowBefore { .. } => "slow_before",
            Self::RateLimit { .. } => "rate_limit",
            Self::ExpiredToken => "expired_token",
            Self::ProcessingPolls { .. } => "processing_polls",
            Self::ProcessingFails => "processing_fails",
            Self::Malformed => "malformed",
            Self::Truncated => "truncated",
            Self::Redirect307 { .. } => "redirect_307",
            Self::RejectContent => "reject_content",
            Self::ReadLag { .. } => "read_lag",
            Self::Cut { .. } => "cut",
            Self::RefreshRefused => "refresh_refused",
            Self::Custom { .. } => "custom",
        }
    }
}

/// One line of a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Which requests.
    #[serde(default)]
    pub on: Match,
    /// What happens to them.
    pub fault: Fault,
    /// Milliseconds of the sandbox's clock to wait first.
    #[serde(default)]
    pub latency_ms: u64,
}

impl Rule {
    /// `fault` on every request of `class`.
    #[must_use]
    pub fn always(class: Class, fault: Fault) -> Self {
        Self {
            on: Match {
                class,
                ..Match::default()
            },
            fault,
            latency_ms: 0,
        }
    }

    /// `fault` on the `nth` request of `class`, counted from 1.
    #[must_use]
    pub fn nth(class: Class, nth: u32, fault: Fault) -> Self {
        Self {
            on: Match {
                class,
                nth: Some(nth),
                ..Match::default()
            },
            fault,
            latency_ms: 0,
        }
    }

    /// `fault` on the first `times` requests of `class`.
    #[must_use]
    pub fn first(class: Class, times: u32, fault: Fault) -> Self {
        Self {
            on: Match {
                class,
                times: Some(times),
                ..Match::default()
            },
            fault,
            latency_ms: 0,
        }
    }

    /// `fault` on the first `times` requests of `class` for each distinct post text.
    #[must_use]
    pub fn first_per_text(class: Class, times: u32, fault: Fault) -> Self {
        Self {
            on: Match {
                class,
                times: Some(times),
                nth: None,
                per_text: true,
            },
            fault,
            latency_ms: 0,
        }
    }
}

/// What the scripts decided for one request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Picked {
    /// The fault that shapes the exchange itself.
    pub(crate) fault: Option<Fault>,
    /// What happens to media made by this request.
    pub(crate) polls: Option<u32>,
    /// Processing of media made by this request fails.
    pub(crate) processing_fails: bool,
    /// For how long reads hide the post made by this request.
    pub(crate) read_lag_s: u64,
    /// How long to wait first.
    pub(crate) latency_ms: u64,
}

impl Picked {
    fn add(&mut self, rule: &Rule) {
        self.latency_ms = self.latency_ms.saturating_add(rule.latency_ms);
        match &rule.fault {
            Fault::ProcessingPolls { n } => self.polls = self.polls.or(Some(*n)),
            Fault::ProcessingFails => self.processing_fails = true,
            Fault::ReadLag { s } => self.read_lag_s = self.read_lag_s.max(*s),
            other if self.fault.is_none() => self.fault = Some(other.clone()),
            _ => {}
        }
    }
}

/// Rules with their counters.
#[derive(Debug, Default)]
pub(crate) struct Script(Vec<Counted>);

#[derive(Debug)]
struct Counted {
    rule: Rule,
    seen: u32,
    seen_by_text: HashMap<u64, u32>,
}

impl Script {
    pub(crate) fn new(rules: Vec<Rule>) -> Self {
        Self(
            rules
                .into_iter()
                .map(|rule| Counted {
                    rule,
                    seen: 0,
                    seen_by_text: HashMap::new(),
                })
                .collect(),
        )
    }

    pub(crate) fn extend(&mut self, rules: Vec<Rule>) {
        self.0.extend(Self::new(rules).0);
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Counts one request and adds what the firing rules say to `picked`.
    pub(crate) fn pick(&mut self, class: Class, text: &str, picked: &mut Picked) {
        for counted in &mut self.0 {
            if counted.rule.on.class.covers(class) && counted.fires(text) {
                picked.add(&counted.rule);
            }
        }
    }
}

impl Counted {
    fn fires(&mut self, text: &str) -> bool {
        let on = self.rule.on;
        let counter = if on.per_text {
            let mut hasher = DefaultHasher::new();
            text.hash(&mut hasher);
            self.seen_by_text.entry(hasher.finish()).or_default()
        } else {
            &mut self.seen
        };
        *counter = counter.saturating_add(1);
        let first = on.nth.unwrap_or(1);
        let times = on.times.unwrap_or(if on.nth.is_some() { 1 } else { u32::MAX });
        *counter >= first && *counter - first < times
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(script: &mut Script, class: Class, text: &str) -> Option<Fault> {
        let mut picked = Picked::default();
        script.pick(class, text, &mut picked);
        picked.fault
    }

    #[test]
    fn two_rules_count_the_same_requests() {
        let mut script = Script::new(vec![
            Rule::nth(Class::Create, 1, Fault::DropAfter),
            Rule::nth(Class::Create, 2, Fault::DropBefore),
        ]);
        assert_eq!(fault(&mut script, Class::Create, "a"), Some(Fault::DropAfter));
        assert_eq!(fault(&mut script, Class::Read, "a"), None);
        assert_eq!(fault(&mut script, Class::Create, "a"), Some(Fault::DropBefore));
        assert_eq!(fault(&mut script, Class::Create, "a"), None);
    }

    #[test]
    fn a_rule_per_text_refuses_the_first_publish_of_each_post() {
        let mut script = Script::new(vec![Rule::first_per_text(Class::Create, 1, Fault::RejectContent)]);
        assert!(fault(&mut script, Class::Create, "a").is_some());
        assert!(fault(&mut script, Class::Create, "b").is_some());
        assert!(fault(&mut script, Class::Create, "a").is_none());
        assert!(fault(&mut script, Class::Create, "b").is_none());
    }

    #[test]
    fn a_lag_and_a_fault_can_strike_one_request() {
        let mut script = Script::new(vec![
            Rule::always(Class::Create, Fault::ReadLag { s: 9 }),
            Rule::always(Class::Create, Fault::DropAfter),
        ]);
        let mut picked = Picked::default();
        script.pick(Class::Create, "", &mut picked);
        assert_eq!((picked.read_lag_s, picked.fault), (9, Some(Fault::DropAfter)));
    }

    #[test]
    fn a_rule_reads_from_the_json_that_scripts_carry() {
        let rule: Rule = serde_json::from_str(
            r#"{"on":{"class":"create","times":1,"per_text":true},"fault":{"kind":"custom","status":401,"body":"{}"}}"#,
        )
        .unwrap();
        assert_eq!(rule.on.times, Some(1));
        assert_eq!(rule.fault.word(), "custom");
        assert!(serde_json::from_str::<Rule>(r#"{"fault":{"kind":"no_such"}}"#).is_err());
    }
}
