//! `linkedin-reactions`, `linkedin-comments` and `linkedin-reshare`: what makes or removes something.

use std::borrow::Cow;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use domain::error::{ErrorKind, PlatformError};
use domain::text::{TextUnit, measure};
use engine::Reach;
use engine::actions::{Act, Acted};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::{
    Answer, Refused, answer, bad, connection, is_number, is_open, is_post_urn, note, remote_id, status_of, words,
};
use crate::dialect::Caller;
use crate::dialects::postpost::Postpost;
use crate::dialects::postpost::error::Error;
use crate::dialects::postpost::js::{self, Js};
use crate::dialects::postpost::wire::Body;
use crate::state::ApiState;

const REACTIONS: [&str; 6] = ["LIKE", "PRAISE", "EMPATHY", "INTEREST", "APPRECIATION", "ENTERTAINMENT"];
/// The longest comment, as JavaScript counts.
const COMMENT_MAX: usize = 1_250;
/// The longest text of a reshare, as JavaScript counts.
const COMMENTARY_MAX: usize = 3_000;

fn length(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The fields of a body; of a DELETE those that it lacks may stand in the query.
fn fields<'a, const N: usize>(body: &'a [u8], query: Option<&str>, names: &[&str; N]) -> Result<[Js<'a>; N], Error> {
    let mut found = js::fields(body, names).map_err(|_| Error::Json)?;
    for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
        let place = names.iter().position(|known| *known == name);
        if let Some(place) = place.and_then(|place| found.get_mut(place))
            && matches!(place, Js::Missing)
        {
            *place = Js::Text(Cow::Owned(value.into_owned()));
        }
    }
    Ok(found)
}

/// The account's id, and the post: both are judged the same way everywhere.
fn whom<'a>(platform_id: &'a Js<'_>) -> Result<&'a str, Refused> {
    match platform_id {
        Js::Text(text) if remote_id(text).trim().is_empty() => Err(bad("Invalid platformId")),
        Js::Text(text) => Ok(remote_id(text)),
        _ => Err(bad("platformId must be a string")),
    }
}

fn post_of(posted_id: &Js<'_>) -> Result<String, Refused> {
    match posted_id {
        Js::Text(urn) if is_post_urn(urn) => Ok(urn.clone().into_owned()),
        _ => Err(bad("postedId must be a valid LinkedIn URN")),
    }
}

async fn done(
    api: &ApiState,
    reach: &Reach,
    id: &str,
    act: Act,
    failed: impl Fn(&engine::Error) -> Refused,
) -> Result<Acted, Refused> {
    let account = connection(api, reach, id).await?;
    let what = act.word();
    api.engine.act(&account, act).await.map_err(|error| {
        note(&error, what);
        failed(&error)
    })
}

/// A failed reaction: LinkedIn's words are an object there, with its status beside it.
fn reaction_failed(text: &str, error: &engine::Error) -> Refused {
    let (mut details, mut status) = (Map::new(), None);
    details.insert("message".to_owned(), json!(words(error)));
    if let engine::Error::Platform(error) = error {
        status = error.http_status;
        if let Some(code) = &error.code {
            details.insert("code".to_owned(), json!(code));
        }
        if is_open(error) {
            details.insert("outcome".to_owned(), json!("unknown"));
        }
    }
    let body = json!({ "error": text, "details": details, "status": status });
    Refused::with(status_of(error), &body)
}

fn failed_with_text(text: &str, error: &engine::Error) -> Refused {
    Refused::with(status_of(error), &json!({ "error": text, "details": words(error) }))
}

/// `POST /linkedin-reactions`.
pub(super) async fn react(State(api): State<ApiState>, caller: Caller<Postpost>, Body(body): Body) -> Answer {
    let names = ["postedId", "reactionType", "platformId"];
    let [posted_id, kind, platform_id] = js::fields(&body, &names).map_err(|_| Error::Json)?;
    if [&posted_id, &kind, &platform_id].iter().any(|given| !given.is_truthy()) {
        return Err(bad("postedId, reactionType, and platformId are required"));
    }
    let id = whom(&platform_id)?;
    let post = post_of(&posted_id)?;
    let reaction = kind.to_text().to_ascii_uppercase();
    if !REACTIONS.contains(&reaction.as_str()) {
        let text = format!("reactionType must be one of: {}", REACTIONS.join(", "));
        return Err(bad(&text));
    }
    let act = Act::React {
        post: post.clone(),
        reaction: reaction.clone(),
    };
    let acted = done(&api, &caller.reach, id, act, |error| match error {
        engine::Error::Platform(refused) if refused.http_status == Some(409) => exists(&reaction),
        other => reaction_failed("Failed to create LinkedIn reaction", other),
    });
    Ok(answer(StatusCode::CREATED, &reacted(&post, acted.await?)))
}

fn exists(reaction: &str) -> Refused {
    let message = format!("A reaction already exists on this post. Delete it before applying '{reaction}'.");
    let body = json!({
        "error": "REACTION_ALREADY_EXISTS", "message": message, "requestedReactionType": reaction,
    });
    Refused::with(StatusCode::CONFLICT, &body)
}

fn reacted(post: &str, acted: Acted) -> Value {
    let mut body = json!({ "success": true, "reaction": acted.answer });
    if let (Some(to), Some(fields)) = (acted.translated, body.as_object_mut()) {
        fields.insert("urnTranslated".to_owned(), json!({ "from": post, "to": to }));
    }
    body
}

/// `DELETE /linkedin-reactions`.
pub(super) async fn unreact(
    State(api): State<ApiState>,
    caller: Caller<Postpost>,
    RawQuery(query): RawQuery,
    Body(body): Body,
) -> Answer {
    let [posted_id, platform_id] = fields(&body, query.as_deref(), &["postedId", "platformId"])?;
    if !posted_id.is_truthy() || !platform_id.is_truthy() {
        return Err(bad("postedId and platformId are required"));
    }
    let id = whom(&platform_id)?;
    let post = post_of(&posted_id)?;
    let failed = |error: &engine::Error| reaction_failed("Failed to delete LinkedIn reaction", error);
    let act = Act::Unreact { post: post.clone() };
    let acted = done(&api, &caller.reach, id, act, failed).await?;
    Ok(answer(StatusCode::OK, &reacted(&post, acted)))
}

/// `POST /linkedin-comments`.
pub(super) async fn comment(State(api): State<ApiState>, caller: Caller<Postpost>, Body(body): Body) -> Answer {
    let names = ["postedId", "message", "platformId", "parentComment"];
    let [posted_id, message, platform_id, parent] = js::fields(&body, &names).map_err(|_| Error::Json)?;
    if [&posted_id, &message, &platform_id]
        .iter()
        .any(|given| !given.is_truthy())
    {
        return Err(bad("postedId, message, and platformId are required"));
    }
    let id = whom(&platform_id)?;
    let post = post_of(&posted_id)?;
    let text = match &message {
        Js::Text(text) if !js::trim(text).is_empty() => text.clone().into_owned(),
        _ => return Err(bad("message cannot be empty")),
    };
    if length(&text) > COMMENT_MAX {
        return Err(bad("message cannot exceed 1250 characters"));
    }
    let parent = match &parent {
        given if !given.is_truthy() => None,
        Js::Text(urn) if is_post_urn(urn) || comment_number(urn).is_some() => Some(urn.clone().into_owned()),
        _ => return Err(bad("parentComment must be a valid LinkedIn URN")),
    };
    let failed = |error: &engine::Error| failed_with_text("Failed to create LinkedIn comment", error);
    let act = Act::Comment {
        post,
        parent,
        text: text.clone(),
    };
    let acted = done(&api, &caller.reach, id, act, failed).await?;
    let comment = commented(acted.answer, &text);
    Ok(answer(
        StatusCode::CREATED,
        &json!({ "success": true, "comment": comment }),
    ))
}

/// LinkedIn's answer, but for the message, which is a text here, and an id that is a text whatever it was.
fn commented(made: Value, text: &str) -> Value {
    let Value::Object(mut made) = made else {
        return json!({ "message": text });
    };
    made.insert("message".to_owned(), json!(text));
    if let Some(id) = made.get_mut("id")
        && !id.is_string()
    {
        *id = json!(id.to_string());
    }
    Value::Object(made)
}

/// The number of a comment in its URN, `urn:li:comment:(urn:li:activity:1,2)`.
fn comment_number(urn: &str) -> Option<&str> {
    let inner = urn.strip_prefix("urn:li:comment:(")?.strip_suffix(')')?;
    let (post, number) = inner.split_once(',')?;
    (is_post_urn(post) && is_number(number)).then_some(number)
}

/// `DELETE /linkedin-comments`.
pub(super) async fn uncomment(
    State(api): State<ApiState>,
    caller: Caller<Postpost>,
    RawQuery(query): RawQuery,
    Body(body): Body,
) -> Answer {
    let names = ["postedId", "commentId", "platformId"];
    let [posted_id, comment_id, platform_id] = fields(&body, query.as_deref(), &names)?;
    if [&posted_id, &comment_id, &platform_id]
        .iter()
        .any(|given| !given.is_truthy())
    {
        return Err(bad("postedId, commentId, and platformId are required"));
    }
    let id = whom(&platform_id)?;
    let post = post_of(&posted_id)?;
    let given = comment_id.to_text();
    let number = match given.as_ref() {
        number if is_number(number) => Some(number),
        urn => comment_number(urn),
    };
    let comment = number.ok_or_else(|| bad("commentId must be a valid LinkedIn URN or numeric ID"))?;
    let failed = |error: &engine::Error| failed_with_text("Failed to delete LinkedIn comment", error);
    let act = Act::Uncomment {
        post,
        comment: comment.to_owned(),
    };
    done(&api, &caller.reach, id, act, failed).await?;
    Ok(answer(StatusCode::OK, &json!({ "success": true, "deleted": given })))
}

/// `POST /linkedin-reshare`.
pub(super) async fn reshare(State(api): State<ApiState>, caller: Caller<Postpost>, Body(body): Body) -> Answer {
    let names = ["platformId", "parent", "commentary", "visibility"];
    let [platform_id, parent, commentary, visibility] = js::fields(&body, &names).map_err(|_| Error::Json)?;
    if matches!(platform_id, Js::Missing | Js::Null) || matches!(parent, Js::Missing | Js::Null) {
        return Err(bad("platformId and parent are required"));
    }
    let platform_id = required_text(&platform_id, "platformId")?;
    let parent = required_text(&parent, "parent")?;
    let is_post = is_post_urn(parent) && !parent.starts_with("urn:li:activity:");
    if !is_post {
        return Err(bad(
            "parent must be a valid LinkedIn post URN (urn:li:share:<id> or urn:li:ugcPost:<id>)",
        ));
    }
    let commentary = optional_text(&commentary, "commentary")?.unwrap_or_default();
    if length(commentary) > COMMENTARY_MAX {
        return Err(bad("commentary cannot exceed 3000 characters"));
    }
    let visibility = optional_text(&visibility, "visibility")?.unwrap_or("PUBLIC");
    let visibility = visibility.to_ascii_uppercase();
    if !["PUBLIC", "CONNECTIONS"].contains(&visibility.as_str()) {
        return Err(bad("visibility must be one of: PUBLIC, CONNECTIONS"));
    }
    if measure(TextUnit::Little, commentary) > COMMENTARY_MAX {
        return Err(bad(
            "commentary exceeds 3000 characters after mention/text formatting — shorten the text",
        ));
    }
    let id = remote_id(platform_id);
    let account = connection(&api, &caller.reach, id).await?;
    if visibility == "CONNECTIONS" && is_number(&account.identity.remote_id) {
        return Err(bad(
            "LinkedIn organization reposts cannot use CONNECTIONS visibility; choose PUBLIC",
        ));
    }
    let act = Act::Reshare {
        parent: parent.to_owned(),
        commentary: commentary.to_owned(),
        visibility,
    };
    let acted = done(&api, &caller.reach, id, act, |error| match error {
        engine::Error::Platform(refused) if has_ended(refused) => {
            Refused::text(StatusCode::UNAUTHORIZED, "LINKEDIN_TOKEN_EXPIRED")
        }
        other => failed_with_text("Failed to create LinkedIn reshare", other),
    });
    let id = acted.await?.answer.get("id").cloned();
    let reshare = json!({ "lifecycleState": "PUBLISHED", "id": id });
    Ok(answer(
        StatusCode::CREATED,
        &json!({ "success": true, "reshare": reshare }),
    ))
}

fn has_ended(error: &PlatformError) -> bool {
    error.kind == ErrorKind::Auth
}

fn required_text<'a>(given: &'a Js<'_>, name: &str) -> Result<&'a str, Refused> {
    match given {
        Js::Text(text) if js::trim(text).is_empty() => Err(bad(&format!("{name} cannot be empty"))),
        Js::Text(text) => Ok(text),
        _ => Err(bad(&format!("{name} must be a string"))),
    }
}

fn optional_text<'a>(given: &'a Js<'_>, name: &str) -> Result<Option<&'a str>, Refused> {
    match given {
        given if !given.is_truthy() => Ok(None),
        Js::Text(text) => Ok(Some(text)),
        _ => Err(bad(&format!("{name} must be a string"))),
    }
}
