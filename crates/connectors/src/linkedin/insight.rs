//! Numbers, reactions, comments and reshares (learn.microsoft.com, "Member Post Statistics", "Member Follower
//! Statistics", "Organization Share Statistics", "Reactions API", "Comments API", "Posts API").

use domain::clock::{BootInstant, BoxFut};
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::platform::Platform;
use domain::text::to_little;
use jiff::civil::Date;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::{Api, encoded};
use super::error::classify;
use super::prepare::message;
use super::{LinkedIn, author_of, created, is_organization};
use crate::http::READ_BUDGET;
use crate::insight::{Act, DayCount, Days, Figure, Insight, InsightCtx, Metric, Question, not_told};

/// What a list of numbers begins with: nothing that is asked here has more pages.
#[derive(Debug, Deserialize)]
struct Elements<T> {
    elements: Vec<T>,
}

/// A number of a member's posts.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counted {
    /// −1 for what is not known.
    count: i64,
    date_range: Option<WireDays>,
}

/// A number of a member's followers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Followed {
    member_followers_count: i64,
    date_range: Option<WireDays>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct WireDays {
    start: WireDate,
    end: WireDate,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct WireDate {
    year: i16,
    month: i8,
    day: i8,
}

impl WireDate {
    fn read(self) -> Option<Date> {
        Date::new(self.year, self.month, self.day).ok()
    }
}

/// Numbers of an organization's posts, summed up over what was asked for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfOrganization {
    total_share_statistics: ShareStatistics,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ShareStatistics {
    impression_count: Option<u64>,
    unique_impressions_count: Option<u64>,
    share_count: Option<u64>,
    like_count: Option<u64>,
    comment_count: Option<u64>,
}

impl ShareStatistics {
    const fn of(&self, metric: Metric) -> Option<u64> {
        match metric {
            Metric::Impression => self.impression_count,
            Metric::MembersReached => self.unique_impressions_count,
            Metric::Reshare => self.share_count,
            Metric::Reaction => self.like_count,
            Metric::Comment => self.comment_count,
        }
    }
}

impl Insight for LinkedIn {
    fn platform(&self) -> Platform {
        Platform::LinkedIn
    }

    fn ask<'a>(&'a self, ctx: &'a InsightCtx<'a>, question: &'a Question) -> BoxFut<'a, Result<Figure, PlatformError>> {
        Box::pin(ask(ctx, question))
    }

    fn act<'a>(
        &'a self,
        ctx: &'a InsightCtx<'a>,
        act: &'a Act,
        send_by: BootInstant,
    ) -> BoxFut<'a, Result<Value, PlatformError>> {
        Box::pin(do_it(ctx, act, send_by))
    }
}

fn api<'a>(ctx: &InsightCtx<'a>) -> Api<'a> {
    Api::new(ctx.http, ctx.endpoints, &ctx.tokens.access)
}

async fn find<T: serde::de::DeserializeOwned>(api: &Api<'_>, path: &str) -> Result<Vec<T>, PlatformError> {
    let found: Elements<T> = api.call(api.finder(path), Stage::Check).await?;
    Ok(found.elements)
}

/// Days as Rest.li writes them in a query.
fn range(name: &str, days: Option<Days>) -> String {
    let date = |date: Date| format!("(day:{},month:{},year:{})", date.day(), date.month(), date.year());
    days.map(|days| format!("&{name}=(start:{},end:{})", date(days.start), date(days.end)))
        .unwrap_or_default()
}

async fn ask(ctx: &InsightCtx<'_>, question: &Question) -> Result<Figure, PlatformError> {
    let api = api(ctx);
    let author = author_of(ctx.account.remote_id);
    let of_organization = is_organization(&author);
    match question {
        Question::PostMetric { post, metric } if of_organization => {
            let list = if post.starts_with("urn:li:ugcPost:") {
                "ugcPosts"
            } else {
                "shares"
            };
            let only = format!("&{list}=List({})", encoded(post));
            organization_count(&api, &author, &only, *metric).await
        }
        Question::AccountMetric { metric, days: None } if of_organization => {
            organization_count(&api, &author, "", *metric).await
        }
        Question::Followers if of_organization => {
            let path = format!(
                "/rest/networkSizes/{}?edgeType=COMPANY_FOLLOWED_BY_MEMBER",
                encoded(&author)
            );
            let size: Value = api.call(api.request(Method::GET, &path), Stage::Check).await?;
            Ok(Figure::Count(size.get("firstDegreeSize").and_then(Value::as_u64)))
        }
        Question::PostMetric { post, metric } if !of_organization => {
            let path = format!(
                "/rest/memberCreatorPostAnalytics?q=entity&entity=({}:{})&queryType={}&aggregation=TOTAL",
                kind_of(post),
                encoded(post),
                metric.word()
            );
            member_count(&find(&api, &path).await?)
        }
        Question::AccountMetric { metric, days } if !of_organization => {
            let counted: Vec<Counted> = find(&api, &of_member(*metric, "TOTAL", *days)).await?;
            member_count(&counted)
        }
        Question::AccountDaily { metric, days } if !of_organization => {
            let counted: Vec<Counted> = find(&api, &of_member(*metric, "DAILY", *days)).await?;
            Ok(Figure::Daily(
                counted
                    .iter()
                    .filter_map(|day| dated(day.count, day.date_range))
                    .collect(),
            ))
        }
        Question::Followers => {
            let found: Vec<Followed> = find(&api, "/rest/memberFollowersCount?q=me").await?;
            let count = found.first().map(|found| found.member_followers_count);
            Ok(Figure::Count(count.and_then(|count| u64::try_from(count).ok())))
        }
        Question::FollowersDaily { days } if !of_organization => {
            let path = format!(
                "/rest/memberFollowersCount?q=dateRange{}",
                range("dateRange", Some(*days))
            );
            let found: Vec<Followed> = find(&api, &path).await?;
            let day = |day: &Followed| dated(day.member_followers_count, day.date_range);
            Ok(Figure::Daily(found.iter().filter_map(day).collect()))
        }
        Question::Canonical { post } => canonical(&api, post).await,
        _ => Err(not_told(Platform::LinkedIn, Stage::Check)),
    }
}

fn of_member(metric: Metric, aggregation: &str, days: Option<Days>) -> String {
    format!(
        "/rest/memberCreatorPostAnalytics?q=me&queryType={}&aggregation={aggregation}{}",
        metric.word(),
        range("dateRange", days)
    )
}

/// The name of a post's kind: the word before its number.
fn kind_of(urn: &str) -> &str {
    match urn.split(':').nth(2) {
        Some("ugcPost") => "ugc",
        Some(kind) => kind,
        None => "share",
    }
}

fn member_count(counted: &[Counted]) -> Result<Figure, PlatformError> {
    let counted = counted.first().ok_or_else(unreadable)?;
    Ok(Figure::Count(u64::try_from(counted.count).ok()))
}

/// The numbers of an organization's posts: of all, or of what `only` adds to the query.
async fn organization_count(api: &Api<'_>, author: &str, only: &str, metric: Metric) -> Result<Figure, PlatformError> {
    let path = format!(
        "/rest/organizationalEntityShareStatistics?q=organizationalEntity&organizationalEntity={}{only}",
        encoded(author)
    );
    let found: Vec<OfOrganization> = find(api, &path).await?;
    // An organization whose posts nobody has seen yet has no element.
    Ok(Figure::Count(
        found.first().and_then(|found| found.total_share_statistics.of(metric)),
    ))
}

fn dated(count: i64, days: Option<WireDays>) -> Option<DayCount> {
    let days = days?;
    Some(DayCount {
        count,
        start: days.start.read()?,
        end: days.end.read()?,
    })
}

/// The share or ugcPost that an activity is about: the summary of its social actions names it as their target.
async fn canonical(api: &Api<'_>, post: &str) -> Result<Figure, PlatformError> {
    if !post.starts_with("urn:li:activity:") {
        return Ok(Figure::Name(post.to_owned()));
    }
    let path = format!("/rest/socialActions/{}", encoded(post));
    let summary: Value = api.call(api.request(Method::GET, &path), Stage::Check).await?;
    let target = summary.get("target").and_then(Value::as_str).ok_or_else(unreadable)?;
    Ok(Figure::Name(target.to_owned()))
}

fn unreadable() -> PlatformError {
    let message = "LinkedIn gave an answer that cannot be read";
    PlatformError::refused(Platform::LinkedIn, Stage::Check, ErrorKind::Protocol, message)
}

async fn do_it(ctx: &InsightCtx<'_>, act: &Act, send_by: BootInstant) -> Result<Value, PlatformError> {
    let api = api(ctx);
    let actor = author_of(ctx.account.remote_id);
    let (path, body) = match act {
        Act::React { post, reaction } => (
            format!("/rest/reactions?actor={}", encoded(&actor)),
            json!({ "root": post, "reactionType": reaction }),
        ),
        Act::Comment { post, parent, text } => {
            let mut body = json!({ "actor": actor, "object": post, "message": message(text) });
            if let (Some(parent), Some(fields)) = (parent, body.as_object_mut()) {
                fields.insert("parentComment".to_owned(), json!(parent));
            }
            let on = parent.as_ref().unwrap_or(post);
            (format!("/rest/socialActions/{}/comments", encoded(on)), body)
        }
        Act::Reshare {
            parent,
            commentary,
            visibility,
        } => (
            "/rest/posts".to_owned(),
            reshare(&actor, parent, commentary, visibility),
        ),
        Act::Unreact { post } => {
            let key = format!("(actor:{},entity:{})", encoded(&actor), encoded(post));
            return remove(&api, &format!("/rest/reactions/{key}")).await;
        }
        Act::Uncomment { post, comment } => {
            let (post, comment, actor) = (encoded(post), encoded(comment), encoded(&actor));
            return remove(
                &api,
                &format!("/rest/socialActions/{post}/comments/{comment}?actor={actor}"),
            )
            .await;
        }
    };
    let request = api
        .creating(&path)
        .header(CONTENT_TYPE, "application/json")
        .body(body.to_string());
    let answer = ctx.http.create(request, send_by).await;
    let answer = answer.map_err(|failure| failure.into_error(Platform::LinkedIn, Stage::Send))?;
    if !answer.is_success() {
        return Err(classify(Stage::Send, &answer));
    }
    match (answer.json(), created(&answer)) {
        (Some(Value::Object(made)), _) => Ok(Value::Object(made)),
        // A post's answer is empty, but for the header.
        (_, Some(id)) => Ok(json!({ "id": id })),
        _ => Err(classify(Stage::Send, &answer)),
    }
}

/// The body of a post that shares another.
fn reshare(author: &str, parent: &str, commentary: &str, visibility: &str) -> Value {
    json!({
        "author": author,
        "commentary": to_little(commentary),
        "visibility": visibility,
        "distribution": {
            "feedDistribution": "MAIN_FEED",
            "targetEntities": [],
            "thirdPartyDistributionChannels": [],
        },
        "lifecycleState": "PUBLISHED",
        "isReshareDisabledByAuthor": false,
        "reshareContext": { "parent": parent },
    })
}

/// Removing can be repeated without harm, but whether it was done may stay open.
async fn remove(api: &Api<'_>, path: &str) -> Result<Value, PlatformError> {
    let answer = api
        .exchange(api.request(Method::DELETE, path), Stage::Send, READ_BUDGET)
        .await?;
    if answer.is_success() {
        Ok(Value::Null)
    } else {
        Err(classify(Stage::Send, &answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_as_rest_li_has_them() {
        let days = Days {
            start: Date::constant(2024, 5, 4),
            end: Date::constant(2024, 5, 6),
        };
        assert_eq!(
            of_member(Metric::MembersReached, "DAILY", Some(days)),
            "/rest/memberCreatorPostAnalytics?q=me&queryType=MEMBERS_REACHED&aggregation=DAILY\
             &dateRange=(start:(day:4,month:5,year:2024),end:(day:6,month:5,year:2024))"
        );
        assert_eq!(kind_of("urn:li:ugcPost:7"), "ugc");
        assert_eq!(kind_of("urn:li:share:7"), "share");
    }

    #[test]
    fn what_linkedin_does_not_know_is_no_number() {
        let counted = |count| {
            [Counted {
                count,
                date_range: None,
            }]
        };
        assert_eq!(member_count(&counted(7)).unwrap(), Figure::Count(Some(7)));
        assert_eq!(member_count(&counted(-1)).unwrap(), Figure::Count(None));
        assert!(member_count(&[]).is_err());
    }
}
