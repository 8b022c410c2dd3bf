//! Managed users: the endpoints under `/workspace`.

mod operations;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use domain::account::User;
use domain::ids::UserId;
use engine::Conflict;
use engine::commands::{AttachError, ManagedUser, Namesake, StandingPage, Whom};
use jiff::SignedDuration;
use schemars::JsonSchema;
use serde::Serialize;

use super::error::{Error, Operation};
use super::js::{self, Js};
use super::time::Iso;
use super::wire::{Body, Done, PathId, True, json};
use super::{Postpost, USER_TOKEN_HEADERS, first_given};
use crate::dialect::{Caller, Refusal};
use crate::openapi::{Endpoint, Id, Instant};
use crate::state::ApiState;

/// What the original stores of every managed user and never looks at.
const DAILY_POSTS_LEFT: u32 = 100;

type Answer = Result<Response, Error>;

/// What is under `/workspace`.
pub(super) fn endpoints() -> [Endpoint; 6] {
    [
        Endpoint::get("/workspace/users", list, &operations::LIST),
        Endpoint::post("/workspace/users", create, &operations::CREATE),
        Endpoint::post("/workspace/users/attach", attach, &operations::ATTACH),
        Endpoint::delete("/workspace/users/{id}", detach, &operations::DETACH),
        Endpoint::post("/workspace/users/{id}/api-key", api_key, &operations::API_KEY),
        Endpoint::post(
            "/workspace/users/{id}/connection-url",
            connection_url,
            &operations::CONNECTION_URL,
        ),
    ]
}

/// Why a request about managed users was refused. The texts and codes are the wire's own.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is no name.
    #[error("Email is required")]
    EmailMissing,
    /// The name is taken.
    #[error("User with this email already exists")]
    EmailExists(Option<EmailExists>),
    /// There is no such user here.
    #[error("User not found or not managed by this key")]
    NotManaged,
    /// The id in the path is none.
    #[error("Invalid userId")]
    UserId,
    /// A lifetime that is no positive number.
    #[error("expiresInDays must be a positive number")]
    Days,
    /// Too many keys.
    #[error("Maximum of 10 active API keys allowed")]
    TooManyKeys,
    /// Attaching was refused.
    #[error("{}", .0.text())]
    Attach(Attach),
}

/// Why a user was not attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attach {
    MissingIdentifier,
    InvalidEmail,
    InvalidUserId,
    IdentifierMismatch,
    Itself,
    ConsentRequired,
    InvalidConsent,
    ConsentMismatch,
    UserNotFound,
    WorkspaceOwner,
    AnotherWorkspace,
}

impl Attach {
    const fn text(self) -> &'static str {
        match self {
            Self::MissingIdentifier => "Email or userId is required",
            Self::InvalidEmail => "Invalid email",
            Self::InvalidUserId => "Invalid userId",
            Self::IdentifierMismatch => "Email and userId belong to different users",
            Self::Itself => "Cannot attach yourself to your own workspace",
            Self::ConsentRequired => "Target user consent token is required",
            Self::InvalidConsent => "Invalid or expired target user consent token",
            Self::ConsentMismatch => "Consent token belongs to another user",
            Self::UserNotFound => "User not found",
            Self::WorkspaceOwner => "Cannot attach a user who owns a workspace",
            Self::AnotherWorkspace => "User already belongs to another workspace",
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::MissingIdentifier => "missing_identifier",
            Self::InvalidEmail => "invalid_email",
            Self::InvalidUserId => "invalid_user_id",
            Self::IdentifierMismatch => "identifier_mismatch",
            Self::Itself => "cannot_attach_self",
            Self::ConsentRequired => "attach_consent_required",
            Self::InvalidConsent => "invalid_attach_consent",
            Self::ConsentMismatch => "attach_consent_mismatch",
            Self::UserNotFound => "user_not_found",
            Self::WorkspaceOwner => "user_is_workspace_owner",
            Self::AnotherWorkspace => "user_in_another_workspace",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::MissingIdentifier
            | Self::InvalidEmail
            | Self::InvalidUserId
            | Self::IdentifierMismatch
            | Self::Itself => StatusCode::BAD_REQUEST,
            Self::ConsentRequired | Self::InvalidConsent | Self::ConsentMismatch => StatusCode::FORBIDDEN,
            Self::UserNotFound => StatusCode::NOT_FOUND,
            Self::WorkspaceOwner | Self::AnotherWorkspace => StatusCode::CONFLICT,
        }
    }
}

/// What is said of the user who has a name already.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmailExists {
    #[schemars(with = "Id")]
    user_id: UserId,
    attachable: bool,
    requires_consent: bool,
    already_in_workspace: bool,
    managed_by_another_workspace: bool,
}

impl EmailExists {
    fn of(manager: UserId, namesake: &Namesake) -> Self {
        let is_here = namesake.manager == Some(manager);
        let attachable = namesake.attachable && namesake.id != manager;
        Self {
            user_id: namesake.id,
            attachable,
            requires_consent: attachable,
            already_in_workspace: is_here,
            managed_by_another_workspace: namesake.manager.is_some() && !is_here,
        }
    }
}

impl Refused {
    pub(super) const fn status(&self) -> StatusCode {
        match self {
            Self::EmailMissing | Self::UserId | Self::Days | Self::TooManyKeys => StatusCode::BAD_REQUEST,
            Self::NotManaged => StatusCode::NOT_FOUND,
            Self::EmailExists(_) => StatusCode::CONFLICT,
            Self::Attach(attach) => attach.status(),
        }
    }

    pub(super) const fn code(&self) -> Option<&'static str> {
        match self {
            Self::EmailExists(_) => Some("email_exists"),
            Self::Attach(attach) => Some(attach.code()),
            _ => None,
        }
    }

    /// What is said besides.
    pub(super) const fn details(&self) -> Option<&EmailExists> {
        match self {
            Self::EmailExists(details) => details.as_ref(),
            _ => None,
        }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::Workspace(refused)
    }
}

/// A caller that may manage users.
struct Manager(UserId);

impl FromRequestParts<ApiState> for Manager {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, api: &ApiState) -> Result<Self, Error> {
        let caller = Caller::<Postpost>::from_request_parts(parts, api).await?;
        Ok(Self(caller.as_manager()?))
    }
}

/// A managed user.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct UserWire {
    #[serde(rename = "_id")]
    #[schemars(with = "Id")]
    id: UserId,
    username: String,
    display_name: String,
    role: &'static str,
    daily_posts_left: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_active: Option<True>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connections_page_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Instant>")]
    connections_page_token_expires_at: Option<Iso>,
}

impl UserWire {
    fn of(user: User, page: Option<Page>) -> Self {
        let (url, expires_at) = page.map(|page| (page.url, page.token_expires_at)).unzip();
        Self {
            id: user.id,
            display_name: user.display_name.unwrap_or_else(|| user.name.clone()),
            username: user.name,
            role: "managed",
            daily_posts_left: DAILY_POSTS_LEFT,
            is_active: None,
            connections_page_url: url,
            connections_page_token_expires_at: expires_at,
        }
    }
}

/// A connection page.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Page {
    url: String,
    #[schemars(with = "Instant")]
    token_expires_at: Iso,
}

impl Page {
    fn of(api: &ApiState, page: &StandingPage) -> Self {
        Self {
            url: api.address_of(&format!("/connect/{}", page.token.expose())),
            token_expires_at: Iso(page.expires_at),
        }
    }
}

/// The managed users.
#[derive(Serialize, JsonSchema)]
struct Users {
    users: Vec<UserWire>,
}

async fn list(State(api): State<ApiState>, Manager(manager): Manager) -> Answer {
    let found = api.engine.managed_users(manager).await.map_err(failed)?;
    let shown = |ManagedUser { user, page }| UserWire::of(user, page.map(|page| Page::of(&api, &page)));
    Ok(json(&Users {
        users: found.into_iter().map(shown).collect(),
    }))
}

/// One managed user.
#[derive(Serialize, JsonSchema)]
struct OneUser {
    user: UserWire,
}

async fn create(State(api): State<ApiState>, Manager(manager): Manager, Body(body): Body) -> Answer {
    let [username, display_name] = js::fields(&body, &["username", "displayName"]).map_err(|_| Error::Json)?;
    let name = given_text(&username).ok_or(Refused::EmailMissing)?;
    let display_name = given_text(&display_name);
    let made = match api.engine.create_managed_user(manager, &name, display_name).await {
        Err(engine::Error::Conflict(Conflict::UserName)) => {
            let namesake = api.engine.namesake(&name).await.map_err(failed)?;
            let details = namesake.map(|namesake| EmailExists::of(manager, &namesake));
            return Err(Refused::EmailExists(details).into());
        }
        other => other.map_err(failed)?,
    };
    let mut response = json(&OneUser {
        user: UserWire::of(made, None),
    });
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// The user that was attached.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Attached {
    user: UserWire,
    already_in_workspace: bool,
}

async fn attach(
    State(api): State<ApiState>,
    Manager(manager): Manager,
    headers: HeaderMap,
    Body(body): Body,
) -> Answer {
    let (whom, in_body) = attach_fields(&body)?;
    let in_header = first_given(&headers, &USER_TOKEN_HEADERS).and_then(|(_, value)| std::str::from_utf8(value).ok());
    let consent = in_header.or(in_body.as_deref());
    let (user, already) = api
        .engine
        .attach_user(manager, &whom, consent)
        .await
        .map_err(attach_failed)?;
    Ok(json(&Attached {
        user: UserWire {
            is_active: Some(True),
            ..UserWire::of(user, None)
        },
        already_in_workspace: already,
    }))
}

/// Whom to attach, and the consent where the body has one.
fn attach_fields(body: &[u8]) -> Result<(Whom, Option<String>), Error> {
    let names = ["email", "username", "userId", "userAccessToken", "attachToken"];
    let [email, username, user_id, access_token, attach_token] = js::fields(body, &names).map_err(|_| Error::Json)?;
    let name = match given_text(&email).or_else(|| given_text(&username)) {
        Some(name) if name.contains('@') => Some(name),
        Some(_) => return Err(Refused::Attach(Attach::InvalidEmail).into()),
        None => None,
    };
    let id = match &user_id {
        id if !id.is_truthy() => None,
        id => Some(
            id.to_text()
                .parse()
                .map_err(|_| Refused::Attach(Attach::InvalidUserId))?,
        ),
    };
    if name.is_none() && id.is_none() {
        return Err(Refused::Attach(Attach::MissingIdentifier).into());
    }
    let consent = given_text(&access_token).or_else(|| given_text(&attach_token));
    Ok((Whom { id, name }, consent))
}

async fn detach(State(api): State<ApiState>, Manager(manager): Manager, user: PathId<UserId>) -> Answer {
    api.engine
        .detach_user(manager, user.or(Refused::UserId.into())?)
        .await
        .map_err(failed)?;
    Ok(json(&Done { success: True }))
}

/// A key for a managed user; shown here and never again.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Key<'a> {
    message: &'static str,
    api_key: &'a str,
    #[schemars(with = "Id")]
    user_id: UserId,
}

/// What a manager without access to the API is told here; everywhere else the words are about the account.
const NO_API_ACCESS: &str = "API access is not enabled for this workspace owner";

async fn api_key(State(api): State<ApiState>, manager: Result<Manager, Error>, user: PathId<UserId>) -> Answer {
    let Manager(manager) = manager.map_err(|error| match error {
        Error::Refused(Refusal::NoApiAccess) => Error::plain(StatusCode::FORBIDDEN, NO_API_ACCESS),
        other => other,
    })?;
    let user = user.or(Refused::UserId.into())?;
    let made = api.engine.replace_managed_key(manager, user).await.map_err(failed)?;
    Ok(json(&Key {
        message: "API key generated successfully",
        api_key: made.text.expose(),
        user_id: user,
    }))
}

async fn connection_url(
    State(api): State<ApiState>,
    Manager(manager): Manager,
    user: PathId<UserId>,
    Body(body): Body,
) -> Answer {
    let [days, rotate] = js::fields(&body, &["expiresInDays", "rotate"]).map_err(|_| Error::Json)?;
    let life = lifetime(&days)?;
    let page = api
        .engine
        .managed_page(manager, user.or(Refused::UserId.into())?, life, rotate.is_truthy())
        .await
        .map_err(failed)?;
    Ok(json(&Page::of(&api, &page)))
}

/// How long a page is to work. Days may have a fraction. Zero is refused, although JavaScript takes it for false: whoever
/// asks for no time at all is not to get ninety days.
fn lifetime(days: &Js<'_>) -> Result<Option<SignedDuration>, Error> {
    let number = match days {
        Js::Number(number) => number.as_f64(),
        given if !given.is_truthy() => return Ok(None),
        _ => None,
    };
    let days = number.filter(|days| *days > 0.0).ok_or(Refused::Days)?;
    let life = SignedDuration::try_from_secs_f64((days * 86_400.0).min(1e12));
    Ok(Some(life.map_err(|_| Refused::Days)?))
}

/// A text that is not blank, without the white space around it.
fn given_text(value: &Js<'_>) -> Option<String> {
    match value {
        Js::Text(text) => Some(js::trim(text).to_owned()).filter(|text| !text.is_empty()),
        _ => None,
    }
}

fn failed(error: engine::Error) -> Error {
    match error {
        engine::Error::NotFound => Refused::NotManaged.into(),
        engine::Error::Conflict(Conflict::TooManyKeys(_)) => Refused::TooManyKeys.into(),
        engine::Error::Invalid(text) => Error::BadRequest(text.into()),
        other => Operation::Workspace.failed()(other),
    }
}

fn attach_failed(error: AttachError) -> Error {
    let attach = match error {
        AttachError::Mismatch => Attach::IdentifierMismatch,
        AttachError::Itself => Attach::Itself,
        AttachError::ConsentMissing => Attach::ConsentRequired,
        AttachError::Other(engine::Error::NotFound) => Attach::UserNotFound,
        AttachError::Other(engine::Error::Conflict(Conflict::ConsentInvalid)) => Attach::InvalidConsent,
        AttachError::Other(engine::Error::Conflict(Conflict::ConsentMismatch)) => Attach::ConsentMismatch,
        AttachError::Other(engine::Error::Conflict(Conflict::ManagesOthers)) => Attach::WorkspaceOwner,
        AttachError::Other(engine::Error::Conflict(Conflict::ManagedByAnother)) => Attach::AnotherWorkspace,
        AttachError::Other(other) => return failed(other),
    };
    Refused::Attach(attach).into()
}
