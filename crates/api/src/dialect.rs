//! What dialects share: who is calling, and how a refusal looks.
//!
//! Dialects share no routes. They differ in where the credential stands, in the words of a refusal, and in the platforms
//! that they have a word for; the order of the checks is the same for all.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use domain::ids::{ApiKeyId, UserId};
use domain::platform::Platform;
use engine::Reach;

use crate::state::ApiState;

/// A wire protocol that this server speaks.
pub trait Dialect: Send + Sync + 'static {
    /// Its name, as in paths and in the names of idempotent operations.
    const NAME: &'static str;
    /// The platforms that it has a word for, in the order in which it names them.
    const PLATFORMS: &'static [Platform];
    /// What it answers instead of a result.
    type Error: IntoResponse + From<Refusal> + Send;

    /// The API key that a request carries; `None` when it carries none, or an empty one.
    fn credential(headers: &HeaderMap) -> Option<&[u8]>;
    /// What the calling program says it is.
    fn client(headers: &HeaderMap) -> Client;
    /// The user that the caller wants to act for.
    fn acting_for(headers: &HeaderMap) -> Option<ActingFor<'_>>;
}

/// What the calling program says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// An MCP server: the plan must grant it.
    Mcp,
    /// Anything else.
    Api,
}

/// The user that a caller wants to act for, as the request names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActingFor<'a> {
    /// The header's name, which an error repeats.
    pub header: &'static str,
    /// The header's value.
    pub user: &'a [u8],
}

/// Why a caller is turned away before anything is done, in the order in which it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no key.
    KeyMissing,
    /// The key is unknown or revoked.
    KeyUnknown,
    /// The key's user has been removed.
    OwnerGone,
    /// The plan does not grant the API.
    NoApiAccess,
    /// The caller says that it is an MCP server, and the plan does not grant that.
    NoMcpAccess,
    /// The user to act for is no id.
    MalformedUser {
        /// The header that names it.
        header: &'static str,
    },
    /// The plan does not grant acting for others.
    NoWorkspaces,
    /// The user to act for is not managed by the caller.
    NotManaged,
    /// It could not be found out.
    Unavailable,
}

/// Who is calling, found out and admitted.
#[derive(Debug)]
pub struct Caller<D: Dialect> {
    /// What it may see and change.
    pub reach: Reach,
    /// The key that it used.
    pub key: ApiKeyId,
    /// What it says it is.
    pub client: Client,
    /// The key's own user, when its plan lets it manage others.
    manager: Option<UserId>,
    dialect: PhantomData<fn() -> D>,
}

impl<D: Dialect> Caller<D> {
    async fn admit(api: &ApiState, headers: &HeaderMap) -> Result<Self, Refusal> {
        let credential = D::credential(headers).ok_or(Refusal::KeyMissing)?;
        // A key is printable ASCII; what is not even text cannot be one.
        let key = std::str::from_utf8(credential).map_err(|_| Refusal::KeyUnknown)?;
        let caller = api.engine.authenticate(key).await.map_err(|error| {
            tracing::error!(%error, dialect = D::NAME, "a key could not be looked up");
            Refusal::Unavailable
        })?;
        let caller = caller.ok_or(Refusal::KeyUnknown)?;
        let user = caller.user.as_ref().ok_or(Refusal::OwnerGone)?;
        let client = D::client(headers);
        if !user.plan.api_access {
            return Err(Refusal::NoApiAccess);
        }
        if client == Client::Mcp && !user.plan.mcp_access {
            return Err(Refusal::NoMcpAccess);
        }
        let owner = match D::acting_for(headers) {
            None => user.id,
            Some(acting) => acting_user(acting, user.id, user.plan.workspaces)?,
        };
        if owner != user.id {
            must_manage::<D>(api, user.id, owner).await?;
        }
        Ok(Self {
            reach: Reach { owner },
            key: caller.key,
            client,
            manager: user.plan.workspaces.then_some(user.id),
            dialect: PhantomData,
        })
    }

    /// The user that manages others with this key, whomever it acts for.
    pub(crate) fn as_manager(&self) -> Result<UserId, Refusal> {
        self.manager.ok_or(Refusal::NoWorkspaces)
    }
}

async fn must_manage<D: Dialect>(api: &ApiState, manager: UserId, user: UserId) -> Result<(), Refusal> {
    match api.engine.manages(manager, user).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refusal::NotManaged),
        Err(error) => {
            tracing::error!(%error, dialect = D::NAME, "a managed user could not be looked up");
            Err(Refusal::Unavailable)
        }
    }
}

/// The user whose things the request is about, if it may be about another's at all.
fn acting_user(acting: ActingFor<'_>, caller: UserId, workspaces: bool) -> Result<UserId, Refusal> {
    let malformed = Refusal::MalformedUser { header: acting.header };
    let text = std::str::from_utf8(acting.user).map_err(|_| malformed)?;
    let user: UserId = text.parse().map_err(|_| malformed)?;
    if user == caller || workspaces {
        Ok(user)
    } else {
        Err(Refusal::NoWorkspaces)
    }
}

impl<D: Dialect> FromRequestParts<ApiState> for Caller<D> {
    type Rejection = D::Error;

    async fn from_request_parts(parts: &mut Parts, api: &ApiState) -> Result<Self, D::Error> {
        Self::admit(api, &parts.headers).await.map_err(D::Error::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acting(user: &str, workspaces: bool) -> Result<UserId, Refusal> {
        acting_user(
            ActingFor {
                header: "x-user",
                user: user.as_bytes(),
            },
            caller(),
            workspaces,
        )
    }

    fn caller() -> UserId {
        UserId::from_bytes([7; 12])
    }

    #[test]
    fn acting_as_oneself_needs_no_workspace() {
        assert_eq!(acting(&caller().to_string(), false), Ok(caller()));
        assert_eq!(acting(&caller().to_string().to_uppercase(), false), Ok(caller()));
    }

    #[test]
    fn acting_for_others_is_refused_in_the_order_of_the_checks() {
        let other = UserId::from_bytes([8; 12]).to_string();
        assert_eq!(acting("me", true), Err(Refusal::MalformedUser { header: "x-user" }));
        assert_eq!(acting(&other, false), Err(Refusal::NoWorkspaces));
        assert_eq!(acting(&other, true), Ok(UserId::from_bytes([8; 12])));
    }
}
