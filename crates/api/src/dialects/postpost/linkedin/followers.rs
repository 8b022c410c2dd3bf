//! `linkedin-followers` and `linkedin-profile-summary`.

use axum::extract::State;
use axum::http::StatusCode;
use engine::actions::{Days, Figure, Metric, Question, Told};
use serde_json::{Map, Value, json};

use super::{Answer, Refused, answer, bad, connection, date_range, named_platform_id, note, shown, status_of};
use crate::dialect::Caller;
use crate::dialects::postpost::Postpost;
use crate::dialects::postpost::error::Error;
use crate::dialects::postpost::js::{self, Js};
use crate::dialects::postpost::wire::Body;
use crate::state::ApiState;

/// `POST /linkedin-followers`.
pub(super) async fn followers(State(api): State<ApiState>, caller: Caller<Postpost>, Body(body): Body) -> Answer {
    let names = ["platformId", "period", "dateRange"];
    let [id, period, range] = js::fields(&body, &names).map_err(|_| Error::Json)?;
    let id = named_platform_id(&id)?;
    let is_daily = is_daily(&period)?;
    let days = date_range(&range)?;
    let question = match (is_daily, days) {
        (false, _) => Question::Followers,
        (true, Some(days)) => Question::FollowersDaily { days },
        (true, None) => return Err(bad("dateRange is required for daily period")),
    };
    let account = connection(&api, &caller.reach, id).await?;
    let told = api.engine.ask(&account, question).await.map_err(|error| {
        note(&error, "followers");
        Refused::text(status_of(&error), "Failed to fetch LinkedIn followers statistics")
    })?;
    let body = match &told.figure {
        Figure::Daily(days) => {
            let data: Vec<Value> = days
                .iter()
                .map(|day| json!({ "date": day.start.to_string(), "count": day.count }))
                .collect();
            json!({ "success": true, "data": data, "totalGrowth": growth(&told), "cached": told.cached })
        }
        _ => json!({ "success": true, "followersCount": shown(&told), "cached": told.cached }),
    };
    Ok(answer(StatusCode::OK, &body))
}

fn is_daily(given: &Js<'_>) -> Result<bool, Refused> {
    match given {
        given if !given.is_truthy() => Ok(false),
        Js::Text(word) if word.eq_ignore_ascii_case("lifetime") => Ok(false),
        Js::Text(word) if word.eq_ignore_ascii_case("daily") => Ok(true),
        Js::Text(_) => Err(bad("Invalid period. Must be one of: lifetime, daily")),
        _ => Err(bad("period must be a string")),
    }
}

/// What the days of an answer add up to.
fn growth(told: &Told) -> i64 {
    match &told.figure {
        Figure::Daily(days) => days.iter().fold(0, |sum, day| sum.saturating_add(day.count)),
        _ => 0,
    }
}

/// A number of the summary: where it is shown, its name among the errors, and the words for its failure.
struct Part {
    question: Question,
    key: &'static str,
    name: String,
    failure: String,
}

/// The numbers of a summary, in the order in which they are shown.
fn parts(days: Option<Days>) -> Vec<Part> {
    let followers = Part {
        question: Question::Followers,
        key: "total",
        name: "followersLifetime".to_owned(),
        failure: "Failed to fetch follower count".to_owned(),
    };
    let period = days.map(|days| Part {
        question: Question::FollowersDaily { days },
        key: "periodGrowth",
        name: "followersPeriod".to_owned(),
        failure: "Failed to fetch follower growth".to_owned(),
    });
    let posts = Metric::ALL.into_iter().map(|metric| Part {
        question: Question::AccountMetric { metric, days },
        key: match metric {
            Metric::Impression => "totalImpressions",
            Metric::MembersReached => "totalMembersReached",
            Metric::Reshare => "totalReshares",
            Metric::Reaction => "totalReactions",
            Metric::Comment => "totalComments",
        },
        name: format!("post_{}", metric.word()),
        failure: format!("Failed to fetch {} count", metric.word().to_ascii_lowercase()),
    });
    [followers].into_iter().chain(period).chain(posts).collect()
}

/// `POST /linkedin-profile-summary`.
pub(super) async fn summary(State(api): State<ApiState>, caller: Caller<Postpost>, Body(body): Body) -> Answer {
    let [id, range] = js::fields(&body, &["platformId", "dateRange"]).map_err(|_| Error::Json)?;
    let id = named_platform_id(&id)?;
    let days = date_range(&range)?;
    let account = connection(&api, &caller.reach, id).await?;
    let parts = parts(days);
    let questions = parts.iter().map(|part| part.question.clone()).collect();
    let told = api.engine.ask_all(&account, questions).await;
    let (mut followers, mut posts, mut errors) = (Map::new(), Map::new(), Vec::new());
    for (part, told) in parts.iter().zip(&told) {
        let number = match told {
            Ok(told) if part.key == "periodGrowth" => json!(growth(told)),
            Ok(told) => shown(told),
            Err(error) => {
                note(error, part.key);
                errors.push(json!({ "metric": part.name, "error": part.failure }));
                Value::Null
            }
        };
        let group = if matches!(part.question, Question::AccountMetric { .. }) {
            &mut posts
        } else {
            &mut followers
        };
        group.insert(part.key.to_owned(), number);
    }
    if errors.len() == parts.len() {
        let body = json!({ "success": false, "error": "Failed to fetch LinkedIn profile data", "errors": errors });
        return Err(Refused::with(StatusCode::BAD_GATEWAY, &body));
    }
    let profile = json!({ "followers": followers, "posts": posts });
    let body = if errors.is_empty() {
        json!({ "success": true, "profile": profile })
    } else {
        json!({ "success": false, "partialData": true, "profile": profile, "errors": errors })
    };
    Ok(answer(StatusCode::OK, &body))
}
