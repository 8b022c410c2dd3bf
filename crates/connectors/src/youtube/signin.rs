//! Signing in to YouTube (developers.google.com/youtube, "OAuth 2.0 authorization").

use domain::account::Identity;
use domain::clock::BoxFut;
use domain::error::{ErrorKind, PlatformError};
use domain::platform::Platform;
use serde::Deserialize;

use crate::signin::api::IdentityApi;
use crate::signin::{
    ApiVersion, AppNeed, Choice, Found, Grant, Means, Scope, SignIn, SignInCtx, SignInFacts, Verified, google,
};

/// The sign-in. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct YouTubeSignIn;

/// Where the API is.
const BASE: &str = "https://youtube.googleapis.com";

const NO_CHANNEL: &str = "This Google account has no YouTube channel; make one at youtube.com and connect it again";

/// The wider scopes that include reading the channel.
const WIDER: &[&str] = &[
    "https://www.googleapis.com/auth/youtube",
    "https://www.googleapis.com/auth/youtube.force-ssl",
];

/// What is known of signing in to YouTube.
pub static FACTS: SignInFacts = SignInFacts {
    platform: Platform::YouTube,
    means: &[Means::OAuth],
    oauth: Some(google::OAUTH),
    app: AppNeed::OperatorApp {
        at: "https://console.cloud.google.com/apis/credentials (OAuth client, type \"Web application\"; enable the \
             YouTube Data API v3)",
        besides: Some(
            "Until Google has verified the app, uploads stay private, and while it is in testing, sign-ins end after \
             seven days.",
        ),
    },
    refresh: google::REFRESH,
    api: Some(ApiVersion {
        version: "v3",
        sunset: None,
        source: "developers.google.com/youtube/v3/revision_history",
    }),
    needs: &[
        Scope::new("https://www.googleapis.com/auth/youtube.upload", "upload videos").within(WIDER),
        Scope::new(
            "https://www.googleapis.com/auth/youtube.readonly",
            "know the channel and find videos again",
        )
        .within(WIDER),
        Scope::new("https://www.googleapis.com/auth/youtube.force-ssl", "publish comments").by_operator(),
    ],
};

#[derive(Deserialize)]
struct Channels {
    #[serde(default)]
    items: Vec<Channel>,
}

#[derive(Deserialize)]
struct Channel {
    id: String,
    snippet: Snippet,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Snippet {
    title: String,
    #[serde(default)]
    custom_url: Option<String>,
    #[serde(default)]
    thumbnails: serde_json::Value,
}

impl SignIn for YouTubeSignIn {
    fn facts(&self) -> &'static SignInFacts {
        &FACTS
    }

    fn identify<'a>(&'a self, ctx: SignInCtx<'a>, grant: &'a Grant) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(async move {
            let api = IdentityApi::new(Platform::YouTube, &[], ctx, &grant.tokens.access);
            let request = api
                .get(BASE, "/youtube/v3/channels")
                .query(&[("part", "id,snippet"), ("mine", "true")]);
            let channels: Channels = match api.ask(request).await {
                // An account that never had a channel is refused by this reason instead of getting an empty list.
                Err(error)
                    if error
                        .raw
                        .as_deref()
                        .is_some_and(|raw| raw.contains("youtubeSignupRequired")) =>
                {
                    return Err(crate::signin::refused(
                        Platform::YouTube,
                        ErrorKind::Permission,
                        NO_CHANNEL,
                    ));
                }
                other => other?,
            };
            let choices = channels
                .items
                .into_iter()
                .map(|channel| channel.choice(grant))
                .collect();
            Found::among(
                Platform::YouTube,
                "Which channel is to be connected?",
                choices,
                NO_CHANNEL,
            )
        })
    }
}

impl Channel {
    fn choice(self, grant: &Grant) -> Choice {
        let handle = self.snippet.custom_url;
        let picture = self.snippet.thumbnails.pointer("/default/url");
        let identity = Identity {
            profile_url: Some(format!("https://www.youtube.com/channel/{}", self.id)),
            username: handle
                .as_deref()
                .map_or(self.snippet.title.as_str(), |handle| handle.trim_start_matches('@'))
                .to_owned(),
            display_name: Some(self.snippet.title),
            avatar_url: picture.and_then(serde_json::Value::as_str).map(ToOwned::to_owned),
            base_url: None,
            remote_id: self.id,
        };
        let verified = Verified::new(&FACTS, identity, grant.tokens.clone(), grant.scopes.clone());
        Choice::of(verified, handle)
    }
}
