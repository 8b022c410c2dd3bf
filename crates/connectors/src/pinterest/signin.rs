//! Signing in to Pinterest (developers.pinterest.com, "Set up authentication and authorization").

use domain::account::{Identity, Missing, Tokens};
use domain::clock::BoxFut;
use domain::error::{ErrorKind, PlatformError, When};
use domain::platform::Platform;
use jiff::SignedDuration;
use serde::Deserialize;

use crate::AccountRef;
use crate::rules::Row;
use crate::signin::api::IdentityApi;
use crate::signin::{
    Address, ApiVersion, AppNeed, CHOICES_MAX, Choice, ClientAuth, Found, Grant, Means, OAuth, Pkce, RefreshBy,
    RefreshFacts, RevokedBy, Rows, Scope, SignIn, SignInCtx, SignInFacts, Verified,
};

/// The sign-in. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct PinterestSignIn;

/// Where the API is.
const BASE: &str = "https://api.pinterest.com";

/// Pinterest answers 401 both to a wrong app and to a refresh token that has ended; the number tells them apart.
static ROWS: &[Row] = &[
    Row::new(
        ErrorKind::OperatorConfig,
        "Pinterest does not accept this server's app; its operator must check the app's id and secret",
    )
    .status(401)
    .code("2"),
    Row::new(
        ErrorKind::Auth,
        "Pinterest did not accept the sign-in; connect the account again",
    )
    .code("283")
    .retry(When::AfterReconnect),
];

static IDENTITY_ROWS: Rows = &[&[Row::new(
    ErrorKind::Permission,
    "The Pinterest sign-in lacks a permission; connect the account again",
)
.status(401)
.code("3")
.retry(When::AfterReconnect)]];

/// Access tokens live 30 days; each refresh brings another refresh token, for 60 days. Only apps made before 2025-09-25
/// have to ask for that ("continuous refresh").
pub static FACTS: SignInFacts = SignInFacts {
    platform: Platform::Pinterest,
    means: &[Means::OAuth],
    oauth: Some(OAuth {
        authorize: Address::new("https://www.pinterest.com", "/oauth/"),
        token: Address::new(BASE, "/v5/oauth/token"),
        revoke: Some((Address::new(BASE, "/v5/oauth/token/revoke"), RevokedBy::RefreshToken)),
        client_id_name: "client_id",
        scope_separator: ",",
        extra_params: &[],
        pkce: Pkce::None,
        client_auth: ClientAuth::Basic,
        rows: &[ROWS],
    }),
    app: AppNeed::OperatorApp {
        at: "https://developers.pinterest.com/apps",
        besides: Some("With trial access, Pins are visible to their author only: apply for standard access."),
    },
    refresh: RefreshFacts {
        by: RefreshBy::RefreshToken,
        rotates: false,
        ahead: SignedDuration::from_hours(5 * 24),
        min_age: SignedDuration::ZERO,
    },
    api: Some(ApiVersion {
        version: "v5",
        sunset: None,
        source: "developers.pinterest.com/docs/api/v5",
    }),
    needs: &[
        Scope::new("user_accounts:read", "know whose account it is"),
        Scope::new("boards:read", "see the boards that Pins go to"),
        Scope::new("boards:write", "put Pins on boards"),
        Scope::new("pins:read", "find Pins again after an interrupted send"),
        Scope::new("pins:write", "publish Pins"),
    ],
};

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    id: Option<String>,
    username: String,
    #[serde(default)]
    business_name: Option<String>,
    #[serde(default)]
    profile_image: Option<String>,
}

#[derive(Deserialize)]
struct Boards {
    #[serde(default)]
    items: Vec<Board>,
    #[serde(default)]
    bookmark: Option<String>,
}

#[derive(Deserialize)]
struct Board {
    id: String,
    name: String,
    #[serde(default)]
    privacy: Option<String>,
}

/// The setting that a chosen board becomes the default of.
pub const BOARD: &str = "boardId";

impl SignIn for PinterestSignIn {
    fn facts(&self) -> &'static SignInFacts {
        &FACTS
    }

    fn identify<'a>(&'a self, ctx: SignInCtx<'a>, grant: &'a Grant) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(identify(ctx, grant))
    }

    /// The person is asked for, and not for a board again.
    fn verify<'a>(
        &'a self,
        ctx: SignInCtx<'a>,
        account: AccountRef<'a>,
        tokens: &'a Tokens,
    ) -> BoxFut<'a, Result<Verified, PlatformError>> {
        Box::pin(async move {
            let grant = Grant::of(tokens.clone());
            let api = IdentityApi::new(Platform::Pinterest, IDENTITY_ROWS, ctx, &grant.tokens.access);
            person(&api, &grant).await?.only(Platform::Pinterest, account)
        })
    }
}

/// Every Pin goes to a board, so one is chosen for those that name none.
async fn identify(ctx: SignInCtx<'_>, grant: &Grant) -> Result<Found, PlatformError> {
    let api = IdentityApi::new(Platform::Pinterest, IDENTITY_ROWS, ctx, &grant.tokens.access);
    let verified = person(&api, grant).await?;
    let boards = boards(&api).await?;
    if boards.is_empty() {
        return Ok(Found::Account(verified.lacking(Missing {
            code: "board".to_owned(),
            words: "This account has no board, and every Pin needs one; make one at Pinterest".to_owned(),
        })));
    }
    let choices = boards.into_iter().map(|board| Choice {
        verified: verified.clone().defaulting(BOARD, &board.id),
        id: board.id,
        name: board.name,
        detail: board.privacy.filter(|privacy| privacy != "PUBLIC"),
        picture: None,
    });
    let question = "Which board do Pins go to that name none?";
    Found::among(Platform::Pinterest, question, choices.collect(), "There is no board")
}

async fn person(api: &IdentityApi<'_>, grant: &Grant) -> Result<Verified, PlatformError> {
    let user: User = api.ask(api.get(BASE, "/v5/user_account")).await?;
    let identity = Identity {
        profile_url: Some(format!("https://www.pinterest.com/{}/", user.username)),
        remote_id: user.id.unwrap_or_else(|| user.username.clone()),
        username: user.username,
        display_name: user.business_name.filter(|name| !name.is_empty()),
        avatar_url: user.profile_image.filter(|url| !url.is_empty()),
        base_url: None,
    };
    let (tokens, scopes) = (grant.tokens.clone(), grant.scopes.clone());
    Ok(Verified::new(&FACTS, identity, tokens, scopes))
}

/// The first [`CHOICES_MAX`] boards.
async fn boards(api: &IdentityApi<'_>) -> Result<Vec<Board>, PlatformError> {
    let mut found: Vec<Board> = Vec::new();
    let mut bookmark: Option<String> = None;
    while found.len() < CHOICES_MAX {
        let mut request = api.get(BASE, "/v5/boards").query(&[("page_size", "100")]);
        if let Some(bookmark) = &bookmark {
            request = request.query(&[("bookmark", bookmark)]);
        }
        let page: Boards = api.ask(request).await?;
        let is_last = page.items.is_empty() || page.bookmark.is_none();
        found.extend(page.items);
        if is_last {
            break;
        }
        bookmark = page.bookmark;
    }
    found.truncate(CHOICES_MAX);
    Ok(found)
}
