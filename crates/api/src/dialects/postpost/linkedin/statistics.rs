//! `linkedin-post-statistics` and `linkedin-account-statistics`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use domain::account::Account;
use engine::actions::{Days, Figure, Metric, Question, Told};
use serde_json::{Map, Value, json};

use super::{
    Answer, Refused, answer, bad, canonical, connection, date_range, is_number, is_post_urn, note, platform_id,
    remote_id, shown, status_of,
};
use crate::dialect::Caller;
use crate::dialects::postpost::Postpost;
use crate::dialects::postpost::error::Error;
use crate::dialects::postpost::js::{self, Js};
use crate::dialects::postpost::wire::Body;
use crate::state::ApiState;

const FAILED: &str = "Failed to fetch metric from LinkedIn";
const NAMES: &str = "IMPRESSION, MEMBERS_REACHED, RESHARE, REACTION, COMMENT";

/// What is asked for.
enum Asked {
    One(Metric),
    Many(Vec<Metric>),
}

impl Asked {
    /// `queryTypes` wins over `queryType`: the documents only say not to send both.
    fn read(one: &Js<'_>, many: &Js<'_>) -> Result<Self, Refused> {
        let given: Vec<_> = match many {
            many if !many.is_truthy() => return Self::one(one),
            Js::List(items) if items.is_empty() => return Self::one(one),
            Js::List(items) => items.iter().map(Js::to_text).collect(),
            other => vec![other.to_text()],
        };
        let is_all = given.len() == 1 && given.iter().all(|word| word.eq_ignore_ascii_case("ALL"));
        if is_all {
            return Ok(Self::Many(Metric::ALL.to_vec()));
        }
        let read = |word: &str| Metric::from_word(&word.to_ascii_uppercase());
        let invalid: Vec<&str> = given
            .iter()
            .filter(|word| read(word).is_none())
            .map(AsRef::as_ref)
            .collect();
        // A single word that is no list is only good for all of them.
        if !invalid.is_empty() || !matches!(many, Js::List(_)) {
            let invalid = if invalid.is_empty() {
                many.to_text().into_owned()
            } else {
                invalid.join(", ")
            };
            let text = format!("Invalid queryTypes: {invalid}. Must be one of: {NAMES}, or \"ALL\"");
            return Err(bad(&text));
        }
        let mut metrics = Vec::new();
        for metric in given.iter().filter_map(|word| read(word)) {
            if !metrics.contains(&metric) {
                metrics.push(metric);
            }
        }
        Ok(Self::Many(metrics))
    }

    fn one(given: &Js<'_>) -> Result<Self, Refused> {
        if !given.is_truthy() {
            return Err(bad("queryType or queryTypes is required"));
        }
        let metric = match given {
            Js::Text(word) => Metric::from_word(word),
            _ => None,
        };
        let invalid = || bad(&format!("Invalid queryType. Must be one of: {NAMES}"));
        metric.map(Self::One).ok_or_else(invalid)
    }

    fn has(&self, wanted: Metric) -> bool {
        match self {
            Self::One(metric) => *metric == wanted,
            Self::Many(metrics) => metrics.contains(&wanted),
        }
    }
}

/// `POST /linkedin-post-statistics`.
pub(super) async fn of_post(State(api): State<ApiState>, caller: Caller<Postpost>, Body(body): Body) -> Answer {
    const FAILED_ALL: &str = "Failed to fetch LinkedIn post statistics";
    let names = ["postedId", "platformId", "queryType", "queryTypes"];
    let [posted_id, platform_id, one, many] = js::fields(&body, &names).map_err(|_| Error::Json)?;
    if !posted_id.is_truthy() || !platform_id.is_truthy() {
        return Err(bad("postedId and platformId are required"));
    }
    let (Js::Text(posted_id), Js::Text(platform_id)) = (&posted_id, &platform_id) else {
        return Err(bad("postedId and platformId must be strings"));
    };
    let asked = Asked::read(&one, &many)?;
    let post = match posted_id.as_ref() {
        urn if is_post_urn(urn) => urn.to_owned(),
        id if is_number(id) => format!("urn:li:share:{id}"),
        _ => return Err(bad("postedId must be a valid LinkedIn URN")),
    };
    let account = connection(&api, &caller.reach, remote_id(platform_id)).await?;
    let is_one = matches!(asked, Asked::One(_));
    let post = canonical(&api, &account, post).await.map_err(|error| {
        note(&error, "a post");
        Refused::text(status_of(&error), if is_one { FAILED } else { FAILED_ALL })
    })?;
    let question = |metric| Question::PostMetric {
        post: post.clone(),
        metric,
    };
    match asked {
        Asked::One(metric) => {
            let told = one_of(&api, &account, question(metric)).await?;
            match told.figure {
                // Without a number there is nothing to say: only the plural form has a word for that.
                Figure::Count(None) => Err(Refused::text(StatusCode::INTERNAL_SERVER_ERROR, FAILED)),
                _ => Ok(ok(
                    &json!({ "success": true, "count": shown(&told), "cached": told.cached }),
                )),
            }
        }
        Asked::Many(metrics) => Ok(many_of(&api, &account, &metrics, question, None).await),
    }
}

/// `POST /linkedin-account-statistics`.
pub(super) async fn of_account(State(api): State<ApiState>, caller: Caller<Postpost>, Body(body): Body) -> Answer {
    let names = ["platformId", "queryType", "queryTypes", "aggregation", "dateRange"];
    let [id, one, many, aggregation, range] = js::fields(&body, &names).map_err(|_| Error::Json)?;
    let id = platform_id(&id)?;
    let asked = Asked::read(&one, &many)?;
    let word = aggregation_of(&aggregation)?;
    let days = date_range(&range)?;
    let is_daily = word == "DAILY";
    if is_daily && asked.has(Metric::MembersReached) {
        return Err(bad(
            "MEMBERS_REACHED with DAILY aggregation is not supported by LinkedIn API",
        ));
    }
    let account = connection(&api, &caller.reach, id).await?;
    let question = |metric| account_question(metric, is_daily, days);
    match asked {
        Asked::One(metric) => {
            let told = one_of(&api, &account, question(metric)).await?;
            let body = json!({
                "success": true, "data": shown(&told), "aggregation": word, "cached": told.cached,
            });
            Ok(ok(&body))
        }
        Asked::Many(metrics) => Ok(many_of(&api, &account, &metrics, question, Some(word)).await),
    }
}

const fn account_question(metric: Metric, is_daily: bool, days: Option<Days>) -> Question {
    if is_daily {
        Question::AccountDaily { metric, days }
    } else {
        Question::AccountMetric { metric, days }
    }
}

fn aggregation_of(given: &Js<'_>) -> Result<&'static str, Refused> {
    match given {
        given if !given.is_truthy() => Ok("TOTAL"),
        Js::Text(word) if word.eq_ignore_ascii_case("TOTAL") => Ok("TOTAL"),
        Js::Text(word) if word.eq_ignore_ascii_case("DAILY") => Ok("DAILY"),
        Js::Text(_) => Err(bad("Invalid aggregation. Must be one of: DAILY, TOTAL")),
        _ => Err(bad("aggregation must be a string")),
    }
}

async fn one_of(api: &ApiState, account: &Account, question: Question) -> Result<Told, Refused> {
    api.engine.ask(account, question).await.map_err(|error| {
        note(&error, "a number");
        Refused::text(status_of(&error), FAILED)
    })
}

/// Several numbers: those that failed are null and named among the errors, and the answer is a 200 all the same.
async fn many_of(
    api: &ApiState,
    account: &Account,
    metrics: &[Metric],
    question: impl Fn(Metric) -> Question,
    aggregation: Option<&str>,
) -> Response {
    let questions = metrics.iter().map(|metric| question(*metric)).collect();
    let told = api.engine.ask_all(account, questions).await;
    let (mut numbers, mut cached, mut errors) = (Map::new(), Vec::new(), Vec::new());
    for (metric, told) in metrics.iter().zip(&told) {
        let word = metric.word();
        let number = match told {
            Ok(told) => {
                if told.cached {
                    cached.push(word);
                }
                shown(told)
            }
            Err(error) => {
                note(error, word);
                errors.push(json!({ "metric": word, "error": FAILED }));
                Value::Null
            }
        };
        numbers.insert(word.to_owned(), number);
    }
    let mut body = Map::new();
    body.insert("success".to_owned(), json!(errors.is_empty()));
    body.insert("metrics".to_owned(), Value::Object(numbers));
    if let Some(aggregation) = aggregation {
        body.insert("aggregation".to_owned(), json!(aggregation));
    }
    body.insert("cached".to_owned(), json!(!cached.is_empty()));
    if !cached.is_empty() {
        body.insert("cachedMetrics".to_owned(), json!(cached));
    }
    if !errors.is_empty() {
        body.insert("errors".to_owned(), json!(errors));
    }
    ok(&Value::Object(body))
}

fn ok(body: &Value) -> Response {
    answer(StatusCode::OK, body)
}
