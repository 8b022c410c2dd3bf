//! Signing in to Google Business Profile (developers.google.com/my-business, "Implement OAuth").
//!
//! An account here is a location. Its remote id is the location's own id, which stays the same whoever manages it; the
//! Business account above it differs from manager to manager and is looked up when needed.

use domain::account::{Identity, Missing};
use domain::clock::BoxFut;
use domain::error::PlatformError;
use domain::platform::Platform;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::signin::api::IdentityApi;
use crate::signin::{
    ApiVersion, AppNeed, CHOICES_MAX, Choice, Found, Grant, Means, Scope, SignIn, SignInCtx, SignInFacts, Verified,
    google,
};

/// The sign-in. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct GoogleBusinessSignIn;

const ACCOUNTS: &str = "https://mybusinessaccountmanagement.googleapis.com";
const LOCATIONS: &str = "https://mybusinessbusinessinformation.googleapis.com";

/// Lists are read to this many pages.
const PAGES_MAX: usize = 10;

const NONE: &str = "This Google account manages no business location; its owner must invite it as a manager";

/// What is known of signing in to Google Business Profile.
pub static FACTS: SignInFacts = SignInFacts {
    platform: Platform::GoogleBusiness,
    means: &[Means::OAuth],
    oauth: Some(google::OAUTH),
    app: AppNeed::OperatorApp {
        at: "https://console.cloud.google.com/apis/credentials (OAuth client, type \"Web application\")",
        besides: Some(
            "Google must grant the project access to the Business Profile APIs; until then their quota is zero.",
        ),
    },
    refresh: google::REFRESH,
    api: Some(ApiVersion {
        version: "v1",
        sunset: None,
        source: "developers.google.com/my-business/content/change-log",
    }),
    needs: &[Scope::new(
        "https://www.googleapis.com/auth/business.manage",
        "see locations and publish posts",
    )],
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accounts {
    #[serde(default)]
    accounts: Vec<Account>,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    /// `accounts/{a}`.
    name: String,
    #[serde(default)]
    account_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Locations {
    #[serde(default)]
    locations: Vec<Location>,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    /// `locations/{l}`.
    name: String,
    title: String,
    #[serde(default)]
    store_code: Option<String>,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    can_operate_local_post: Option<bool>,
    #[serde(default)]
    maps_uri: Option<String>,
}

/// A page of a list.
trait Page {
    fn next(&self) -> Option<&str>;
}

impl Page for Accounts {
    fn next(&self) -> Option<&str> {
        self.next_page_token.as_deref().filter(|token| !token.is_empty())
    }
}

impl Page for Locations {
    fn next(&self) -> Option<&str> {
        self.next_page_token.as_deref().filter(|token| !token.is_empty())
    }
}

impl SignIn for GoogleBusinessSignIn {
    fn facts(&self) -> &'static SignInFacts {
        &FACTS
    }

    fn identify<'a>(&'a self, ctx: SignInCtx<'a>, grant: &'a Grant) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(identify(ctx, grant))
    }
}

async fn identify(ctx: SignInCtx<'_>, grant: &Grant) -> Result<Found, PlatformError> {
    let api = IdentityApi::new(Platform::GoogleBusiness, &[], ctx, &grant.tokens.access);
    let mut choices = Vec::new();
    let accounts = pages::<Accounts>(&api, ACCOUNTS, "/v1/accounts", &[("pageSize", "20")]).await?;
    for account in accounts.iter().flat_map(|page| &page.accounts) {
        if choices.len() >= CHOICES_MAX {
            break;
        }
        let path = format!("/v1/{}/locations", account.name);
        let query = [("readMask", "name,title,storeCode,metadata"), ("pageSize", "100")];
        let found = pages::<Locations>(&api, LOCATIONS, &path, &query).await?;
        let locations = found.into_iter().flat_map(|page| page.locations);
        choices.extend(locations.map(|location| location.choice(grant, account)));
    }
    Found::among(
        Platform::GoogleBusiness,
        "Which location is to be connected?",
        choices,
        NONE,
    )
}

async fn pages<T: Page + DeserializeOwned>(
    api: &IdentityApi<'_>,
    origin: &str,
    path: &str,
    query: &[(&str, &str)],
) -> Result<Vec<T>, PlatformError> {
    let mut pages: Vec<T> = Vec::new();
    for _ in 0..PAGES_MAX {
        let mut request = api.get(origin, path).query(query);
        if let Some(next) = pages.last().and_then(Page::next) {
            request = request.query(&[("pageToken", next)]);
        }
        let page: T = api.ask(request).await?;
        let is_last = page.next().is_none();
        pages.push(page);
        if is_last {
            break;
        }
    }
    Ok(pages)
}

impl Location {
    fn choice(self, grant: &Grant, account: &Account) -> Choice {
        let id = self.name.strip_prefix("locations/").unwrap_or(&self.name).to_owned();
        let identity = Identity {
            remote_id: id,
            username: self.title.clone(),
            display_name: Some(self.title),
            avatar_url: None,
            profile_url: self.metadata.maps_uri,
            base_url: None,
        };
        // The API for posts asks for the account that manages the location, which is another for each manager.
        let mut verified = Verified::new(&FACTS, identity, grant.tokens.clone(), grant.scopes.clone())
            .defaulting("account", &account.name);
        if self.metadata.can_operate_local_post == Some(false) {
            verified = verified.lacking(Missing {
                code: "posting".to_owned(),
                words: "Google does not let this location publish posts; its profile must be verified first".to_owned(),
            });
        }
        let detail = self.store_code.or_else(|| account.account_name.clone());
        Choice::of(verified, detail)
    }
}
