//! Numbers of posts and followers, and posts of others that can be reacted to.
//!
//! The numbers that a token is told are what [`LinkedInFigures`] says; of what it does not say, reactions and comments are
//! counted in the journal and everything else is 0. A number of −1 is what LinkedIn answers when it does not tell.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{Path, State};
use domain::platform::Platform;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde_json::{Value, json};

use super::social::{self, entity};
use super::{
    LinkedIn, access_denied, invalid_value, is_organization, may, missing_field, not_found, open_rest, urn_of,
};
use crate::account::TokenUse;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Handled, Turn};
use crate::fault::Class;
use crate::journal::{Author, Ledger, NewPost};
use crate::world::{Shared, World, lock};

const METRICS: &[&str] = &["IMPRESSION", "MEMBERS_REACHED", "RESHARE", "REACTION", "COMMENT"];
/// Days of one answer at most.
const DAYS_MAX: usize = 400;

/// What LinkedIn tells a member beyond the journal. It belongs to a token, so that tests which connect the same account
/// side by side do not affect one another: reactions to and comments on these posts are known to the token that made them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkedInFigures {
    /// Posts of others: their URNs, and the share or ugcPost that each is.
    pub posts: BTreeMap<String, String>,
    /// Numbers of each of those posts, by metric.
    pub of_post: BTreeMap<String, i64>,
    /// Numbers of the whole account, by metric; a thirtieth of them is each day's.
    pub of_account: BTreeMap<String, i64>,
    /// Who follow the account; a hundredth of them is each day's growth.
    pub followers: i64,
    /// Metrics that are answered with an error 500.
    pub failing: BTreeSet<String>,
    /// Whether everything is answered so.
    pub down: bool,
    /// Posts that the account likes already.
    pub liked: Vec<String>,
    /// Comments that the account made already: post, number, text.
    pub comments: Vec<(String, u64, String)>,
}

/// What a token is told, and what was made with it on posts of others, by remote id.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    figures: LinkedInFigures,
    acts: BTreeSet<String>,
}

/// Takes the place of what was told with this token.
pub(crate) fn know(world: &World, token: &str, figures: LinkedInFigures) -> Result<(), crate::Error> {
    let now = world.now();
    let holder = world
        .accounts()
        .holder(Platform::LinkedIn, token, TokenUse::Access, now);
    let account = holder.account().ok_or_else(|| crate::Error::NoSuchAccount {
        platform: Platform::LinkedIn,
        remote_id: "of this token".to_owned(),
    })?;
    let liked = figures.liked.iter().map(|urn| NewPost {
        remote_id: social::reaction_id(&urn_of(account), urn),
        reply_to: Some(urn.clone()),
        settings: json!({ "kind": "reaction", "reactionType": "LIKE" }),
        ..NewPost::default()
    });
    let comments = figures.comments.iter().map(|(urn, number, text)| NewPost {
        remote_id: format!("urn:li:comment:({urn},{number})"),
        text: text.clone(),
        reply_to: Some(urn.clone()),
        settings: json!({ "kind": "comment" }),
        notes: json!({ "id": number.to_string() }),
        ..NewPost::default()
    });
    let author = Author {
        platform: Platform::LinkedIn,
        account: &account.remote_id,
        at: now,
        read_lag_s: 0,
    };
    let mut acts = BTreeSet::new();
    let mut ledger = world.ledger();
    for new in liked.chain(comments) {
        acts.insert(new.remote_id.clone());
        ledger.commit(&author, new).map_err(crate::Error::Journal)?;
    }
    drop(ledger);
    lock(&world.linkedin.known).insert(token.to_owned(), Known { figures, acts });
    Ok(())
}

/// What this request's token is told.
fn figures_of(world: &World, call: &Call) -> LinkedInFigures {
    let known = lock(&world.linkedin.known);
    let told = call.bearer().and_then(|token| known.get(token));
    told.map(|told| told.figures.clone()).unwrap_or_default()
}

/// Whether everything fails for this request's token.
pub(super) fn is_down(world: &World, call: &Call) -> bool {
    figures_of(world, call).down
}

/// The share or ugcPost that a URN of somebody else's post stands for.
pub(super) fn known_as(world: &World, call: &Call, urn: &str) -> Option<String> {
    figures_of(world, call).posts.get(urn).cloned()
}

/// Notes what was made with this request's token on a post of somebody else; false when it was there already.
pub(super) fn acted(world: &World, call: &Call, remote_id: &str) -> bool {
    with_acts(world, call, |acts| acts.insert(remote_id.to_owned())).unwrap_or_default()
}

/// Forgets it again; false when it was not there.
pub(super) fn undone(world: &World, call: &Call, remote_id: &str) -> bool {
    with_acts(world, call, |acts| acts.remove(remote_id)).unwrap_or_default()
}

fn with_acts<T>(world: &World, call: &Call, use_it: impl FnOnce(&mut BTreeSet<String>) -> T) -> Option<T> {
    let mut known = lock(&world.linkedin.known);
    let told = call.bearer().and_then(|token| known.get_mut(token))?;
    Some(use_it(&mut told.acts))
}

/// `GET /rest/memberCreatorPostAnalytics`.
pub(super) async fn member_posts(State(world): State<Shared>, call: Call) -> Handled {
    let turn = open_rest(&world, &call, Class::Read, "memberCreatorPostAnalytics", "").await?;
    let answer = counted(&turn, &call);
    Ok(turn.close(answer).await)
}

fn counted(turn: &Turn<LinkedIn>, call: &Call) -> Result<Answer, Answer> {
    let account = member(turn, "r_member_postAnalytics", "partnerApiMemberCreatorPostAnalytics")?;
    let metric = call.query("queryType").ok_or_else(|| missing_field("/queryType"))?;
    if !METRICS.contains(&metric) {
        return Err(invalid_value("/queryType", &json!(metric)));
    }
    let figures = figures_of(&turn.world, call);
    if figures.failing.contains(metric) {
        return Err(crate::exchange::Dialect::server_error(&turn.dialect, 500));
    }
    let kind = json!({ "com.linkedin.adsexternalapi.memberanalytics.v1.CreatorPostAnalyticsMetricTypeV1": metric });
    let daily = match call.query("aggregation") {
        Some("DAILY") => true,
        Some("TOTAL") | None => false,
        Some(other) => return Err(invalid_value("/aggregation", &json!(other))),
    };
    let ledger = turn.world.ledger();
    let elements = match (call.query("q"), daily) {
        (Some("entity"), false) => {
            let urn = entity_of(call)?;
            drop(ledger);
            let known = entity(turn, call, &urn)?;
            let ledger = turn.world.ledger();
            let told = figures.of_post.get(metric).copied();
            let count = told.unwrap_or_else(|| acts(&ledger, metric, |on| on == known.urn));
            vec![json!({ "count": count, "metricType": kind })]
        }
        (Some("me"), false) => {
            let told = figures.of_account.get(metric).copied();
            let own: BTreeSet<&str> = ledger
                .of_account(Platform::LinkedIn, &account)
                .map(|post| post.remote_id.as_str())
                .collect();
            let count = told.unwrap_or_else(|| acts(&ledger, metric, |on| own.contains(on)));
            vec![json!({ "count": count, "metricType": kind })]
        }
        (Some("me"), true) if metric == "MEMBERS_REACHED" => {
            return Err(invalid_value("/aggregation", &json!("DAILY")));
        }
        (Some("me"), true) => {
            let count = figures.of_account.get(metric).copied().unwrap_or_default() / 30;
            let day = |(start, end)| json!({ "count": count, "metricType": kind, "dateRange": days_json(start, end) });
            days_of(call, turn.now)?.into_iter().map(day).collect()
        }
        _ => return Err(invalid_value("/q", &json!(call.query("q")))),
    };
    let paging = json!({ "start": 0, "count": 10, "links": [] });
    Ok(Answer::ok(&json!({ "paging": paging, "elements": elements })))
}

/// How many reactions or comments of anybody the journal has on these posts; nothing else is counted there.
fn acts(ledger: &Ledger, metric: &str, on: impl Fn(&str) -> bool) -> i64 {
    let kind = match metric {
        "REACTION" => "reaction",
        "COMMENT" => "comment",
        _ => return 0,
    };
    let counts = ledger.posts().iter().filter(|made| {
        made.platform == Platform::LinkedIn
            && !made.deleted
            && made.settings.get("kind").and_then(Value::as_str) == Some(kind)
            && made.reply_to.as_deref().is_some_and(&on)
    });
    i64::try_from(counts.count()).unwrap_or(i64::MAX)
}

/// `GET /rest/memberFollowersCount`.
pub(super) async fn followers(State(world): State<Shared>, call: Call) -> Handled {
    let turn = open_rest(&world, &call, Class::Read, "memberFollowersCount", "").await?;
    let answer = followed(&turn, &call);
    Ok(turn.close(answer).await)
}

fn followed(turn: &Turn<LinkedIn>, call: &Call) -> Result<Answer, Answer> {
    member(turn, "r_member_profileAnalytics", "partnerApiMemberFollowersCount")?;
    let figures = figures_of(&turn.world, call);
    let elements = match call.query("q") {
        Some("me") => vec![json!({ "memberFollowersCount": figures.followers })],
        Some("dateRange") => {
            let growth = figures.followers / 100;
            let day = |(start, end)| json!({ "memberFollowersCount": growth, "dateRange": days_json(start, end) });
            days_of(call, turn.now)?.into_iter().map(day).collect()
        }
        other => return Err(invalid_value("/q", &json!(other))),
    };
    Ok(Answer::ok(
        &json!({ "paging": { "start": 0, "count": 10, "links": [] }, "elements": elements }),
    ))
}

/// `GET /rest/socialActions/{urn}`: what a post has gathered, and which share or ugcPost it is.
pub(super) async fn summary(State(world): State<Shared>, Path(urn): Path<String>, call: Call) -> Handled {
    let turn = open_rest(&world, &call, Class::Read, "socialActions", "").await?;
    let answer = summed_up(&turn, &call, &urn);
    Ok(turn.close(answer).await)
}

fn summed_up(turn: &Turn<LinkedIn>, call: &Call, urn: &str) -> Result<Answer, Answer> {
    let target = match known_as(&turn.world, call, urn) {
        Some(target) => target,
        None => entity(turn, call, urn).map_err(|_| not_found(urn))?.urn,
    };
    let ledger = turn.world.ledger();
    let count = |metric| acts(&ledger, metric, |on| on == target);
    Ok(Answer::ok(&json!({
        "$URN": urn,
        "target": target,
        "likesSummary": { "totalLikes": count("REACTION"), "aggregatedTotalLikes": count("REACTION") },
        "commentsSummary": { "totalFirstLevelComments": count("COMMENT"), "aggregatedTotalComments": count("COMMENT") },
    })))
}

/// The member that asks: only members have these numbers, and only with this scope.
fn member(turn: &Turn<LinkedIn>, scope: &str, resource: &str) -> Result<String, Answer> {
    let account = turn.account()?;
    if !is_organization(&account.remote_id) && may(turn, &account, &[scope]) {
        Ok(account.remote_id.clone())
    } else {
        Err(access_denied(&format!(
            "Not enough permissions to access: {resource}.FINDER"
        )))
    }
}

/// The post in `entity=(share:urn:li:share:1)`.
fn entity_of(call: &Call) -> Result<String, Answer> {
    let given = call.query("entity").ok_or_else(|| missing_field("/entity"))?;
    let inner = given.strip_prefix('(').and_then(|given| given.strip_suffix(')'));
    let urn = inner
        .and_then(|inner| inner.split_once(':'))
        .map(|(_, urn)| urn.to_owned());
    urn.ok_or_else(|| invalid_value("/entity", &json!(given)))
}

fn days_json(start: Date, end: Date) -> Value {
    let date = |date: Date| json!({ "year": date.year(), "month": date.month(), "day": date.day() });
    json!({ "start": date(start), "end": date(end) })
}

/// The days of `dateRange=(start:(day:1,month:1,year:2024),end:(…))`, the end left out; the last week when nothing is said.
fn days_of(call: &Call, now: Timestamp) -> Result<Vec<(Date, Date)>, Answer> {
    let (start, end) = match call.query("dateRange") {
        None => {
            let today = now.to_zoned(TimeZone::UTC).date();
            (today.saturating_sub(7.days()), today)
        }
        Some(given) => {
            let wrong = || invalid_value("/dateRange", &json!(given));
            let (start, end) = given.split_once("),end:(").ok_or_else(wrong)?;
            let start = start.strip_prefix("(start:(").and_then(date_of).ok_or_else(wrong)?;
            let end = end.strip_suffix("))").and_then(date_of).ok_or_else(wrong)?;
            (start, end)
        }
    };
    let days = start.series(1.day()).take_while(|day| *day < end).take(DAYS_MAX);
    Ok(days.map(|day| (day, day.saturating_add(1.day()))).collect())
}

fn date_of(text: &str) -> Option<Date> {
    let field = |name: &str| {
        let mut fields = text.split(',').filter_map(|field| field.split_once(':'));
        fields.find(|(known, _)| *known == name).map(|(_, value)| value)
    };
    Date::new(
        field("year")?.parse().ok()?,
        field("month")?.parse().ok()?,
        field("day")?.parse().ok()?,
    )
    .ok()
}
