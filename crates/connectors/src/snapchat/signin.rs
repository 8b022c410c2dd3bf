//! Signing in to Snapchat (developers.snap.com, "Public Profile API").

use domain::account::Identity;
use domain::clock::BoxFut;
use domain::error::{ErrorKind, PlatformError};
use domain::platform::Platform;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::Value;

use crate::rules::Row;
use crate::signin::api::IdentityApi;
use crate::signin::{
    Address, AppNeed, Choice, ClientAuth, Found, Grant, Means, OAuth, Pkce, RefreshBy, RefreshFacts, Rows, Scope,
    SignIn, SignInCtx, SignInFacts, Verified,
};

/// The sign-in. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct SnapchatSignIn;

/// Where the API is.
const BASE: &str = "https://businessapi.snapchat.com";

const NONE: &str = "This Snapchat account has no public profile; make one in Snapchat and connect it again";

/// Before Snap has put an app on its list, every call is refused so.
static IDENTITY_ROWS: Rows = &[&[Row::new(
    ErrorKind::OperatorConfig,
    "Snap has not allowed this server's app to use the Public Profile API, or the account has no role in the profile",
)
.status(403)
.code("AUTHORIZATION_PERMISSION_DENIED")]];

/// Access tokens live an hour (`expires_in` is believed); a refresh may bring another refresh token, and then ends the
/// old one.
pub static FACTS: SignInFacts = SignInFacts {
    platform: Platform::Snapchat,
    means: &[Means::OAuth],
    oauth: Some(OAuth {
        authorize: Address::new("https://accounts.snapchat.com", "/login/oauth2/authorize"),
        token: Address::new("https://accounts.snapchat.com", "/login/oauth2/access_token"),
        revoke: None,
        client_id_name: "client_id",
        scope_separator: " ",
        extra_params: &[],
        pkce: Pkce::None,
        client_auth: ClientAuth::Body,
        rows: &[],
    }),
    app: AppNeed::OperatorApp {
        at: "https://business.snapchat.com (Business Details, OAuth apps; one of the developer portal will not do)",
        besides: Some("Snap must put the app's client id on its list for the Public Profile API."),
    },
    refresh: RefreshFacts {
        by: RefreshBy::RefreshToken,
        rotates: true,
        ahead: SignedDuration::from_mins(10),
        min_age: SignedDuration::ZERO,
    },
    api: Some(crate::signin::ApiVersion {
        version: "v1",
        sunset: None,
        source: "developers.snap.com/api/marketing-api/Public-Profile-API",
    }),
    needs: &[Scope::new(
        "snapchat-profile-api",
        "see the public profile and publish to it",
    )],
};

#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    public_profile: Option<Profile>,
    #[serde(default)]
    public_profiles: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    public_profile: Profile,
}

#[derive(Deserialize)]
struct Profile {
    id: String,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    snap_user_name: Option<String>,
    #[serde(default)]
    logo_urls: Value,
}

impl SignIn for SnapchatSignIn {
    fn facts(&self) -> &'static SignInFacts {
        &FACTS
    }

    fn identify<'a>(&'a self, ctx: SignInCtx<'a>, grant: &'a Grant) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(async move {
            let api = IdentityApi::new(Platform::Snapchat, IDENTITY_ROWS, ctx, &grant.tokens.access);
            let told: Answered = api.ask(api.get(BASE, "/v1/public_profiles/my_profile")).await?;
            // One profile comes flat, several come as a list.
            let listed = told.public_profiles.into_iter().map(|listed| listed.public_profile);
            let profiles = told.public_profile.into_iter().chain(listed);
            let choices = profiles.map(|profile| profile.choice(grant)).collect();
            Found::among(Platform::Snapchat, "Which profile is to be connected?", choices, NONE)
        })
    }
}

impl Profile {
    fn choice(self, grant: &Grant) -> Choice {
        let picture = self
            .logo_urls
            .as_object()
            .and_then(|urls| urls.values().find_map(Value::as_str));
        let name = self.snap_user_name;
        let identity = Identity {
            avatar_url: picture.map(ToOwned::to_owned),
            profile_url: name.as_ref().map(|name| format!("https://www.snapchat.com/add/{name}")),
            username: name
                .clone()
                .or_else(|| self.display_name.clone())
                .unwrap_or_else(|| self.id.clone()),
            display_name: self.display_name,
            base_url: None,
            remote_id: self.id,
        };
        Choice::of(
            Verified::new(&FACTS, identity, grant.tokens.clone(), grant.scopes.clone()),
            name,
        )
    }
}
