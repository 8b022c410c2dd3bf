//! Signing in to LinkedIn (learn.microsoft.com, "Authorization Code Flow (3-legged OAuth)" and "Organization Access
//! Control by Role").
//!
//! The member's token serves the organizations that the member may post for, too, if the app was approved for their
//! scopes.

use domain::account::{Identity, Missing};
use domain::clock::BoxFut;
use domain::error::{PlatformError, Stage};
use domain::platform::Platform;
use jiff::SignedDuration;
use reqwest::Method;
use serde::Deserialize;

use super::api::{Api, VERSION};
use super::{author_of, is_organization};
use crate::Credentials;
use crate::signin::{
    Address, ApiVersion, AppNeed, CHOICES_MAX, Choice, ClientAuth, Found, Grant, Means, OAuth, Pkce, RefreshBy,
    RefreshFacts, RevokedBy, Scope, SignIn, SignInCtx, SignInFacts, Verified, oauth,
};

/// The sign-in. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct LinkedInSignIn;

/// The roles that may post for an organization (learn.microsoft.com, "Organization Access Control").
const ROLES: &[&str] = &["ADMINISTRATOR", "CONTENT_ADMIN", "DIRECT_SPONSORED_CONTENT_POSTER"];

/// The scope that posting for an organization needs.
const FOR_ORGANIZATIONS: &str = "w_organization_social";

const NOT_ALLOWED: &str =
    "This LinkedIn member may not post for the organization; one of its administrators must connect it";

/// Access tokens live 60 days. Refresh tokens (365 days, the same one until then) are for approved partners only; all
/// others sign in again before the 60 days are over. Asking for other scopes than before ends earlier tokens of the same
/// member.
pub static FACTS: SignInFacts = SignInFacts {
    platform: Platform::LinkedIn,
    means: &[Means::OAuth],
    oauth: Some(OAuth {
        authorize: Address::new("https://www.linkedin.com", "/oauth/v2/authorization"),
        token: Address::new("https://www.linkedin.com", "/oauth/v2/accessToken"),
        revoke: Some((
            Address::new("https://www.linkedin.com", "/oauth/v2/revoke"),
            RevokedBy::AccessToken,
        )),
        client_id_name: "client_id",
        scope_separator: " ",
        extra_params: &[],
        pkce: Pkce::None,
        client_auth: ClientAuth::Body,
        rows: &[],
    }),
    app: AppNeed::OperatorApp {
        at: "https://www.linkedin.com/developers/apps (products \"Share on LinkedIn\" and \"Sign In with LinkedIn using \
             OpenID Connect\")",
        besides: Some(
            "For organizations LinkedIn must approve the Community Management API; then set platforms.linkedin.scopes \
             = [\"w_organization_social\", \"r_organization_social\", \"rw_organization_admin\"].",
        ),
    },
    refresh: RefreshFacts {
        by: RefreshBy::RefreshToken,
        rotates: false,
        ahead: SignedDuration::from_hours(10 * 24),
        min_age: SignedDuration::ZERO,
    },
    api: Some(ApiVersion {
        version: VERSION,
        // Each month's version lives a year at least; the last ones ended in the middle of the month a year later.
        sunset: Some(jiff::civil::date(2027, 9, 15)),
        source: "learn.microsoft.com/linkedin/marketing/versioning",
    }),
    needs: &[
        Scope::new("openid", "know whose account it is"),
        Scope::new("profile", "know the name and picture"),
        Scope::new("w_member_social", "publish posts"),
        Scope::new(FOR_ORGANIZATIONS, "publish posts for organizations").by_operator(),
        Scope::new(
            "r_organization_social",
            "find organizations' posts again after an interrupted send",
        )
        .by_operator(),
        Scope::new(
            "rw_organization_admin",
            "see which organizations the member may post for",
        )
        .by_operator(),
        Scope::new("w_member_social_feed", "publish first comments").by_operator(),
        Scope::new("r_member_social", "read posts back after publishing").by_operator(),
    ],
};

#[derive(Deserialize)]
struct UserInfo {
    sub: String,
    name: String,
    #[serde(default)]
    picture: Option<String>,
}

#[derive(Deserialize)]
struct Listed<T> {
    elements: Vec<T>,
}

#[derive(Deserialize)]
struct Role {
    organization: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Organization {
    #[serde(default)]
    localized_name: Option<String>,
    #[serde(default)]
    vanity_name: Option<String>,
}

impl SignIn for LinkedInSignIn {
    fn facts(&self) -> &'static SignInFacts {
        &FACTS
    }

    fn identify<'a>(&'a self, ctx: SignInCtx<'a>, grant: &'a Grant) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(identify(ctx, grant))
    }

    fn with_credentials<'a>(
        &'a self,
        ctx: SignInCtx<'a>,
        credentials: &'a Credentials,
    ) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(async move {
            let tokens = match credentials.tokens() {
                Some(tokens) => tokens,
                None => oauth::first_tokens(&FACTS, ctx, credentials).await?,
            };
            let named = credentials.identifier.as_deref().map(author_of);
            account(ctx, &Grant::of(tokens), named.as_deref())
                .await
                .map(Found::Account)
        })
    }

    fn verify<'a>(
        &'a self,
        ctx: SignInCtx<'a>,
        account: crate::AccountRef<'a>,
        tokens: &'a domain::account::Tokens,
    ) -> BoxFut<'a, Result<Verified, PlatformError>> {
        Box::pin(async move {
            let author = author_of(account.remote_id);
            let found = self::account(ctx, &Grant::of(tokens.clone()), Some(&author)).await?;
            if found.identity.remote_id == account.remote_id {
                Ok(found)
            } else {
                Err(crate::signin::another_account(Platform::LinkedIn))
            }
        })
    }
}

/// The member, and the organizations that the member may post for.
async fn identify(ctx: SignInCtx<'_>, grant: &Grant) -> Result<Found, PlatformError> {
    let api = Api::new(ctx.http, ctx.endpoints, &grant.tokens.access);
    let mut choices = vec![Choice::of(
        member(&api, grant).await?,
        Some("your own profile".to_owned()),
    )];
    if grant.scopes.iter().any(|scope| scope == FOR_ORGANIZATIONS) {
        let mut known: Vec<String> = Vec::new();
        for role in ROLES {
            for urn in roles(&api, role).await? {
                if choices.len() >= CHOICES_MAX || known.contains(&urn) {
                    continue;
                }
                choices.push(Choice::of(
                    organization(&api, &urn, grant).await,
                    Some("organization".to_owned()),
                ));
                known.push(urn);
            }
        }
    }
    Found::among(
        Platform::LinkedIn,
        "Which profile or organization is to be connected?",
        choices,
        NOT_ALLOWED,
    )
}

/// The account of this URN, or the member where none is named. Whether the member may post for an organization is asked
/// of LinkedIn, and is a lack of the account when the answer is no.
async fn account(ctx: SignInCtx<'_>, grant: &Grant, urn: Option<&str>) -> Result<Verified, PlatformError> {
    let api = Api::new(ctx.http, ctx.endpoints, &grant.tokens.access);
    let Some(urn) = urn.filter(|urn| is_organization(urn)) else {
        return member(&api, grant).await;
    };
    for role in ROLES {
        if roles(&api, role).await?.iter().any(|listed| listed == urn) {
            return Ok(organization(&api, urn, grant).await);
        }
    }
    let kind = domain::error::ErrorKind::Permission;
    Err(crate::signin::refused(Platform::LinkedIn, kind, NOT_ALLOWED))
}

async fn member(api: &Api<'_>, grant: &Grant) -> Result<Verified, PlatformError> {
    let user: UserInfo = api
        .call(api.unversioned(Method::GET, "/v2/userinfo"), Stage::Connect)
        .await?;
    let identity = Identity {
        remote_id: user.sub,
        display_name: Some(user.name.clone()),
        username: user.name,
        avatar_url: user.picture,
        profile_url: None,
        base_url: None,
    };
    Ok(Verified::new(
        &FACTS,
        identity,
        grant.tokens.clone(),
        grant.scopes.clone(),
    ))
}

/// The organizations for which the member has a role.
async fn roles(api: &Api<'_>, role: &str) -> Result<Vec<String>, PlatformError> {
    let request =
        api.finder("/rest/organizationAcls")
            .query(&[("q", "roleAssignee"), ("role", role), ("state", "APPROVED")]);
    let listed: Listed<Role> = api.call(request, Stage::Connect).await?;
    Ok(listed.elements.into_iter().map(|role| role.organization).collect())
}

/// An organization for which the member may post. Its name is asked for with a permission of its own, and is no reason
/// not to connect.
async fn organization(api: &Api<'_>, urn: &str, grant: &Grant) -> Verified {
    let id = urn.rsplit(':').next().unwrap_or_default();
    let request = api.request(Method::GET, &format!("/rest/organizations/{id}"));
    let names = api.call::<Organization>(request, Stage::Connect).await.ok();
    let (name, vanity) = names.map_or((None, None), |found| (found.localized_name, found.vanity_name));
    let identity = Identity {
        remote_id: id.to_owned(),
        username: name.clone().or_else(|| vanity.clone()).unwrap_or_else(|| id.to_owned()),
        display_name: name,
        avatar_url: None,
        profile_url: Some(format!(
            "https://www.linkedin.com/company/{}/",
            vanity.as_deref().unwrap_or(id)
        )),
        base_url: None,
    };
    Verified {
        identity,
        tokens: grant.tokens.clone(),
        missing: lacks_for_organization(&grant.scopes),
        defaults: std::collections::BTreeMap::new(),
        scopes: grant.scopes.clone(),
    }
}

/// An organization's posts need other scopes than the member's own.
fn lacks_for_organization(scopes: &[String]) -> Vec<Missing> {
    if scopes.is_empty() {
        return Vec::new();
    }
    let needed = |scope: &&Scope| matches!(scope.name, FOR_ORGANIZATIONS | "r_organization_social");
    let needs = FACTS.needs.iter().filter(needed);
    needs.filter(|scope| !scope.is_in(scopes)).map(Scope::missing).collect()
}
