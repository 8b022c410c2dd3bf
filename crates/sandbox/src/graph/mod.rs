//! What the Graph APIs of Meta have in common: error bodies, usage headers, field selection, lists, and media that is
//! prepared before it is published.
//!
//! Facebook Pages, Instagram and Threads answer alike; what differs is in their own folders.

mod preparation;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

pub(crate) use preparation::{Preparation, Progress};

use crate::account::{Account, AccountSeed, Grant, Holder, TokenUse};
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Dialect, Turn};
use crate::form::Fields;
use crate::journal::{Ledger, Published};
use crate::limits::WindowView;
use crate::world::{World, later};

/// How long the tokens of Instagram and Threads live.
const TOKEN_LIFE: SignedDuration = SignedDuration::from_hours(60 * 24);
/// How old such a token must be before it can be refreshed.
const REFRESH_AGE: SignedDuration = SignedDuration::from_hours(24);
/// The day in which what was made counts against quotas.
pub(crate) const DAY: SignedDuration = SignedDuration::from_hours(24);
/// Entries of one page of a list when the caller does not say.
const PAGE_DEFAULT: usize = 25;
/// Entries of one page of a list at most.
pub(crate) const PAGE_MAX: usize = 100;

/// The header that says how much of its quota an account has used.
const USAGE: &str = "x-business-use-case-usage";

/// An error in the shape of all Graph APIs.
pub(crate) fn error(status: u16, code: i64, subcode: Option<u64>, message: &str, is_transient: bool) -> Answer {
    static TRACES: AtomicU64 = AtomicU64::new(1);
    let trace = format!("A{:010}x", TRACES.fetch_add(1, Ordering::Relaxed));
    let mut error = json!({
        "message": message,
        "type": "OAuthException",
        "code": code,
        "is_transient": is_transient,
        "fbtrace_id": trace,
    });
    if let (Some(object), Some(subcode)) = (error.as_object_mut(), subcode) {
        object.insert("error_subcode".to_owned(), json!(subcode));
        object.insert("error_user_title".to_owned(), json!(message));
        object.insert("error_user_msg".to_owned(), json!(message));
    }
    Answer::json(status, &json!({ "error": error })).with("x-fb-trace-id", trace)
}

/// A refusal of a request with its subcode.
pub(crate) fn refusal(code: i64, subcode: u64, message: &str) -> Answer {
    error(400, code, Some(subcode), message, false)
}

/// A refusal with a title and a message for people that differ from the one for developers.
pub(crate) fn explained(code: i64, subcode: u64, message: &str, title: &str, words: &str) -> Answer {
    amended(
        refusal(code, subcode, message),
        &[("error_user_title", json!(title)), ("error_user_msg", json!(words))],
    )
}

/// The same error with other or more fields.
pub(crate) fn amended(answer: Answer, fields: &[(&str, Value)]) -> Answer {
    let mut body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if let Some(error) = body.get_mut("error").and_then(Value::as_object_mut) {
        for (name, value) in fields {
            error.insert((*name).to_owned(), value.clone());
        }
    }
    Answer {
        body: body.to_string().into(),
        ..answer
    }
}

/// An object that is not there, or not yet.
pub(crate) fn no_such_object(id: &str) -> Answer {
    let message = format!(
        "Unsupported get request. Object with ID '{id}' does not exist, cannot be loaded due to missing permissions, \
         or does not support this operation"
    );
    amended(refusal(100, 33, &message), &[("type", json!("GraphMethodException"))])
}

/// A parameter that is missing or wrong.
pub(crate) fn invalid(message: &str) -> Answer {
    error(400, 100, None, &format!("(#100) {message}"), false)
}

/// Content that goes against the rules.
pub(crate) fn abusive() -> Answer {
    explained(
        368,
        1_346_003,
        "The action attempted has been deemed abusive or is otherwise disallowed",
        "Your content could not be shared",
        "This content goes against the Community Standards",
    )
}

/// The platforms' own server error.
pub(crate) fn server_error(status: u16) -> Answer {
    let message = "An unexpected error has occurred. Please retry your request later.";
    error(status, 2, None, message, true)
}

/// No token, or none of this platform.
pub(crate) fn unauthorized() -> Answer {
    error(
        400,
        190,
        None,
        "Invalid OAuth access token - Cannot parse access token",
        false,
    )
}

/// A token that has ended.
pub(crate) fn expired() -> Answer {
    let message = "Error validating access token: Session has expired. The current time is later.";
    error(400, 190, Some(463), message, false)
}

/// The usage header of an account; `kind` is the platform's word for itself in it.
pub(crate) fn usage(account: &str, kind: &str, used_percent: u64, regain_minutes: u64) -> String {
    json!({ account: [{
        "type": kind,
        "call_count": used_percent,
        "total_cputime": 1,
        "total_time": 1,
        "estimated_time_to_regain_access": regain_minutes,
    }]})
    .to_string()
}

/// An error that says, in the usage header too, that there were too many requests.
pub(crate) fn throttled(answer: Answer, kind: &str, retry_after_s: u64) -> Answer {
    // The header of an error that a script asks for does not know whose request it was.
    answer.with(USAGE, usage("0", kind, 100, retry_after_s.div_ceil(60)))
}

/// How much of a window is used, in percent.
pub(crate) fn used_percent(window: &WindowView) -> u64 {
    (window.limit - window.remaining) * 100 / window.limit.max(1)
}

/// The headers that all answers carry.
pub(crate) fn stamp(answer: &mut Answer, window: &WindowView, account: Option<&str>, kind: &str, version: &str) {
    answer.headers.push(("facebook-api-version", version.to_owned()));
    let has = |answer: &Answer, wanted: &str| answer.headers.iter().any(|(name, _)| *name == wanted);
    if !has(answer, "x-fb-trace-id") {
        answer.headers.push(("x-fb-trace-id", format!("T{}", window.remaining)));
    }
    if !has(answer, USAGE) {
        let value = usage(account.unwrap_or("0"), kind, used_percent(window), 0);
        answer.headers.push((USAGE, value));
    }
}

/// A moment as Graph writes it: the offset has no colon.
pub(crate) fn timestamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string()
}

/// The next id of any object of a platform: `floor` plus milliseconds, and never one twice.
pub(crate) fn new_id<D: Dialect>(turn: &Turn<D>, floor: u64) -> String {
    let since = u64::try_from(turn.now.as_millisecond()).unwrap_or_default();
    turn.world.next_id(turn.dialect.platform(), floor + since).to_string()
}

/// Letters that stand for an id; a real shortcode cannot be computed from the id, and no client should.
pub(crate) fn shortcode(first: char, id: &str) -> String {
    let letters = id
        .bytes()
        .rev()
        .map(|digit| char::from(b'a' + digit.wrapping_sub(b'0') % 10));
    format!("{first}{}", letters.take(10).collect::<String>())
}

/// A request's fields with the token among them.
pub(crate) struct Asked {
    pub(crate) fields: Fields,
    pub(crate) token: Option<String>,
}

impl Asked {
    /// Unreadable bodies count as empty: what is missing is then told by name.
    pub(crate) fn read(call: &Call) -> Self {
        let fields = Fields::of(call).unwrap_or_default();
        let token = call.bearer().map(str::to_owned).or_else(|| fields.text("access_token"));
        Self { fields, token }
    }

    pub(crate) fn credential(&self) -> Credential<'_> {
        Credential::Access(self.token.as_deref())
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.fields.text(name).unwrap_or_default()
    }

    /// The fields that `fields=` names, out of all that there are; `id` comes always.
    pub(crate) fn selected(&self, all: &Value) -> Value {
        selected(&self.text("fields"), all)
    }
}

fn selected(asked: &str, all: &Value) -> Value {
    let mut chosen = serde_json::Map::new();
    for name in field_names(asked).into_iter().chain(std::iter::once("id")) {
        if let Some(value) = all.get(name).filter(|value| !value.is_null()) {
            chosen.insert(name.to_owned(), value.clone());
        }
    }
    Value::Object(chosen)
}

/// The outermost names of a field list such as `id,attachments{media_type,target}`.
fn field_names(asked: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let (mut depth, mut begins) = (0_usize, 0);
    for (at, letter) in asked.char_indices().chain(std::iter::once((asked.len(), ','))) {
        match letter {
            '{' | '(' => depth += 1,
            '}' | ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                let whole = asked.get(begins..at).unwrap_or_default();
                names.push(whole.split(['{', '(', '.']).next().unwrap_or_default().trim());
                begins = at + 1;
            }
            _ => {}
        }
    }
    names
}

/// Whether `id` is the account of the token, by number or as `me`.
pub(crate) fn own_user<D: Dialect>(turn: &Turn<D>, id: &str) -> Result<Arc<Account>, Answer> {
    let account = turn.account()?;
    if id == account.remote_id || id == "me" {
        Ok(account)
    } else {
        Err(no_such_object(id))
    }
}

/// One page of the account's posts, newest first.
pub(crate) fn page<D: Dialect>(
    turn: &Turn<D>,
    account: &Account,
    asked: &Asked,
    wanted: impl Fn(&Published) -> bool,
    shown: impl Fn(&Published) -> Value,
) -> Answer {
    let number = |name: &str| asked.fields.text(name).and_then(|text| text.parse::<i64>().ok());
    let limit = number("limit").and_then(|limit| usize::try_from(limit).ok());
    let limit = limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX);
    let (since, until) = (number("since"), number("until"));
    let after = asked.fields.text("after").and_then(|seq| seq.parse::<u64>().ok());
    let inside = |post: &&Arc<Published>| {
        until.is_none_or(|until| post.at.as_second() <= until)
            && after.is_none_or(|after| post.seq < after)
            && wanted(post)
            && turn.shows(post)
    };
    let ledger = turn.world.ledger();
    let posts: Vec<&Arc<Published>> = ledger
        .of_account(account.platform, &account.remote_id)
        .take_while(|post| since.is_none_or(|since| post.at.as_second() >= since))
        .filter(inside)
        .take(limit)
        .collect();
    let data: Vec<Value> = posts.iter().map(|post| asked.selected(&shown(post))).collect();
    let mut body = json!({ "data": data });
    if let (Some(object), Some(first), Some(last)) = (body.as_object_mut(), posts.first(), posts.last()) {
        let cursors = json!({ "cursors": { "before": first.seq.to_string(), "after": last.seq.to_string() } });
        object.insert("paging".to_owned(), cursors);
    }
    Answer::ok(&body)
}

/// How much of what is `counted` an account has made in the last 24 hours, deleted or not.
pub(crate) fn made_today(
    now: Timestamp,
    ledger: &Ledger,
    account: &Account,
    counted: impl Fn(&Published) -> bool,
) -> usize {
    let fresh_since = account.fresh_since();
    ledger
        .of_account(account.platform, &account.remote_id)
        .take_while(|post| now.duration_since(post.at) < DAY && post.at >= fresh_since)
        .filter(|post| counted(post))
        .count()
}

/// A note of the emulator about a post, as text.
pub(crate) fn note<'p>(post: &'p Published, name: &str) -> &'p str {
    post.notes.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// What a post is beyond a plain one: `comment`, for example.
pub(crate) fn kind(post: &Published) -> &str {
    post.settings.get("kind").and_then(Value::as_str).unwrap_or_default()
}

/// Everything that was asked for beyond the parameters that `plain` names.
pub(crate) fn settings(fields: &Fields, plain: &[&str]) -> Value {
    let of_list = |name: &str| name.split_once('[').is_some_and(|(list, _)| plain.contains(&list));
    let rest = fields
        .names()
        .filter(|name| !plain.contains(name) && !of_list(name) && !matches!(*name, "access_token" | "fields"))
        .filter_map(|name| {
            let value = fields.json(name).or_else(|| fields.raw(name).cloned())?;
            Some((name.to_owned(), value))
        })
        .collect();
    Value::Object(rest)
}

/// The ids of a list: a JSON array, `name[0]` of a form, or text with commas.
pub(crate) fn ids(fields: &Fields, name: &str) -> Vec<String> {
    let list = fields.list(name);
    if !list.is_empty() {
        return list;
    }
    match fields.json(name) {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => {
            let text = fields.text(name).unwrap_or_default();
            let ids = text.split(',').map(str::trim).filter(|id| !id.is_empty());
            ids.map(str::to_owned).collect()
        }
    }
}

/// Issues the first long-lived token of an account whose tokens can be refreshed.
pub(crate) fn first_token(
    world: &World,
    account: &Arc<Account>,
    seed: &mut AccountSeed,
    now: Timestamp,
    letters: &str,
) {
    let (token, expires_at) = new_token(world, account, now, letters, None);
    seed.token = token;
    seed.expires_at = Some(expires_at);
}

fn new_token(
    world: &World,
    account: &Arc<Account>,
    now: Timestamp,
    letters: &str,
    grant: Option<Arc<Grant>>,
) -> (String, Timestamp) {
    let token = format!("{letters}{}", world.random_text(150));
    let expires_at = later(now, TOKEN_LIFE);
    world.issue_granted(&token, account, TokenUse::Access, Some(expires_at), now, grant);
    (token, expires_at)
}

/// Exchanges a long-lived token for a fresh one; `letters` is what the platform's tokens begin with.
pub(crate) fn renew<D: Dialect>(
    turn: &Turn<D>,
    asked: &Asked,
    grant_type: &str,
    letters: &str,
) -> Result<Value, Answer> {
    if asked.text("grant_type") != grant_type {
        return Err(invalid(&format!("Param grant_type must be one of {{{grant_type}}}")));
    }
    let Holder::Good(account) = &turn.holder else {
        return Err(turn.account().err().unwrap_or_else(unauthorized));
    };
    let issued = turn
        .world
        .accounts()
        .issued_at(asked.token.as_deref().unwrap_or_default());
    if issued.is_none_or(|issued| turn.now.duration_since(issued) < REFRESH_AGE) {
        let message = "(#10) The access token must be at least 24 hours old";
        return Err(error(400, 10, None, message, false));
    }
    let (token, expires_at) = new_token(&turn.world, account, turn.now, letters, turn.grant.clone());
    Ok(json!({
        "access_token": token,
        "token_type": "bearer",
        "expires_in": expires_at.duration_since(turn.now).as_secs(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_fields_do_not_count_as_fields() {
        let asked = "id, attachments{media_type,target{id}},comments.limit(3){id,text},message";
        assert_eq!(field_names(asked), ["id", "attachments", "comments", "message"]);
        let all = json!({ "id": "1", "message": "hi", "link": null, "secret": 2 });
        assert_eq!(selected("message,link", &all), json!({ "id": "1", "message": "hi" }));
    }
}
