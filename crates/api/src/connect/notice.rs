//! Pages that say what happened when it was not what was wanted, and what to do next.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::platform::Platform;
use engine::Error;
use engine::accounts::{Failure, Reason};

use super::rendered;

/// A page with one thing to say.
#[derive(Debug, Clone)]
pub(super) struct Notice {
    status: StatusCode,
    title: String,
    words: String,
    next: String,
    link: Option<Link>,
}

/// Where to go from here.
#[derive(Debug, Clone)]
struct Link {
    address: String,
    label: &'static str,
}

#[derive(Template)]
#[template(path = "connect/notice.html")]
struct Page<'a> {
    base: &'a str,
    title: &'a str,
    words: &'a str,
    next: &'a str,
    link: Option<&'a Link>,
}

const ASK_FOR_LINK: &str = "Ask whoever sent you here for a new link. If this is your own server, \
“broadside account connect” makes one.";

const START_ANEW: &str = "Nothing was connected. Open your page again and start anew.";

impl Notice {
    pub(super) fn new(
        status: StatusCode,
        title: impl Into<String>,
        words: impl Into<String>,
        next: impl Into<String>,
    ) -> Self {
        Self {
            status,
            title: title.into(),
            words: words.into(),
            next: next.into(),
            link: None,
        }
    }

    /// The same with a link to the page at this path.
    pub(super) fn back_to(mut self, page: Option<String>) -> Self {
        self.link = page.map(|address| Link {
            address,
            label: "Back to your accounts",
        });
        self
    }

    pub(super) fn page_unknown() -> Self {
        let words = "There is no page at this address. Perhaps a part of the address is missing.";
        Self::new(
            StatusCode::NOT_FOUND,
            "This link is not known",
            words,
            format!("Try the whole link again. {ASK_FOR_LINK}"),
        )
    }

    pub(super) fn page_over(is_revoked: bool) -> Self {
        let (title, words) = if is_revoked {
            (
                "This link was withdrawn",
                "It worked once, and whoever made it has ended it since.",
            )
        } else {
            (
                "This link has expired",
                "Links like this one work for a limited time only.",
            )
        };
        let words = format!("{words} Accounts that were connected stay connected.");
        Self::new(StatusCode::GONE, title, words, ASK_FOR_LINK)
    }

    /// A POST that did not come from the page itself, or without its cookie.
    pub(super) fn not_from_page(page: String) -> Self {
        let words = "The request did not come from this page in this browser, so nothing was done.";
        let next = "Open the page and press the button there. If that fails too, allow cookies for this site: one keeps \
                    others from connecting accounts in your name.";
        Self::new(StatusCode::FORBIDDEN, "That did not come from the page", words, next).back_to(Some(page))
    }

    pub(super) fn account_unknown(page: String) -> Self {
        let words = "This account is not connected here. Perhaps it was disconnected a moment ago.";
        Self::new(
            StatusCode::NOT_FOUND,
            "There is no such account",
            words,
            "Look at the list of accounts.",
        )
        .back_to(Some(page))
    }

    pub(super) fn platform_unknown(page: String) -> Self {
        let words = "This page cannot connect accounts of that platform.";
        Self::new(
            StatusCode::NOT_FOUND,
            "That platform is not on this page",
            words,
            "Choose another platform.",
        )
        .back_to(Some(page))
    }

    /// A state that nobody began.
    pub(super) fn sign_in_unknown() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "This sign-in is not known",
            "The address does not belong to a sign-in that was begun here, or it was changed on the way.",
            START_ANEW,
        )
    }

    /// A choice that was made already, or has expired.
    pub(super) fn choice_over() -> Self {
        Self::new(
            StatusCode::GONE,
            "There is nothing to choose any more",
            "A choice can be made once, within ten minutes.",
            "Look at your accounts: what you chose is there. Otherwise connect again.",
        )
    }

    /// A request that must come from the browser in which a sign-in was begun, and did not.
    pub(super) fn foreign() -> Self {
        Self::new(
            StatusCode::FORBIDDEN,
            "This sign-in was begun elsewhere",
            "It came back to another browser than the one it was begun in, so it was stopped. Nothing was connected.",
            "Start anew, and stay in the same browser until the account is connected. If you did not begin this \
             yourself, close this window: somebody may have wanted to connect your account to theirs.",
        )
    }

    /// A sign-in that failed.
    pub(super) fn failed(failure: &Failure, platform: Platform) -> Self {
        let name = platform.name();
        let (status, title, next) = match failure.reason {
            Reason::Foreign => return Self::foreign(),
            Reason::Denied => {
                let words = format!("{name} says that the connection was not allowed. Nothing was connected.");
                let next = "If that was a slip, connect again and allow it.";
                return Self::new(StatusCode::FORBIDDEN, "You did not allow it", words, next);
            }
            Reason::Expired => (StatusCode::GONE, "This sign-in took too long".to_owned(), START_ANEW),
            Reason::Replayed => (
                StatusCode::CONFLICT,
                "This step was done already".to_owned(),
                "Look at your accounts: what you connected is there. Otherwise start anew.",
            ),
            Reason::DifferentAccount => (
                StatusCode::CONFLICT,
                "That is another account".to_owned(),
                "Sign out there, or switch accounts, and connect again.",
            ),
            Reason::NotConfigured => (
                StatusCode::SERVICE_UNAVAILABLE,
                format!("{name} is not set up properly here"),
                "Tell whoever runs this server: “broadside doctor” says what is missing.",
            ),
            Reason::PlatformUnavailable => (
                StatusCode::BAD_GATEWAY,
                format!("{name} does not answer as it should"),
                "Try again in a few minutes.",
            ),
            Reason::PlanFull => (
                StatusCode::FORBIDDEN,
                "There is no room for one more account".to_owned(),
                "Disconnect one that is not needed, or ask whoever sent you here for a larger plan.",
            ),
            Reason::CredentialsRefused | Reason::NoSuchChoice => (
                StatusCode::UNPROCESSABLE_ENTITY,
                format!("{name} did not connect the account"),
                "Correct it and try again.",
            ),
            Reason::ExchangeFailed | Reason::IdentityFailed => (
                StatusCode::BAD_GATEWAY,
                format!("{name} did not connect the account"),
                "Try again. If it fails the same way, whoever runs this server finds the reason in the connection log.",
            ),
        };
        Self::new(status, title, failure.words.as_str(), next)
    }
}

/// What the engine refused.
impl From<Error> for Notice {
    fn from(error: Error) -> Self {
        let words = error.to_string();
        let (status, title, next) = match &error {
            Error::NotFound => return Self::page_unknown(),
            Error::Conflict(_) => (
                StatusCode::CONFLICT,
                "That does not work now",
                "Finish what is begun, or wait a few minutes and try again.",
            ),
            Error::Invalid(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "That cannot be used",
                "Correct it and try again.",
            ),
            Error::Platform(_) => (
                StatusCode::BAD_GATEWAY,
                "The platform did not answer as it should",
                "Try again later.",
            ),
            _ => {
                tracing::error!(%error, "a connection page could not do its work");
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    "This does not work at the moment",
                    "Try again in a minute.",
                )
            }
        };
        Self::new(status, title, words, next)
    }
}

impl Notice {
    /// What is said of a request that no handler could read.
    pub(super) fn unreadable(status: StatusCode) -> Self {
        let words = "The request was not one that these pages send.";
        Self::new(status, "That could not be read", words, "Go back and try again.")
    }

    /// The page, on a server that is reached under this path.
    pub(super) fn page(&self, base: &str) -> Response {
        let page = Page {
            base,
            title: &self.title,
            words: &self.words,
            next: &self.next,
            link: self.link.as_ref(),
        };
        rendered(self.status, &page)
    }
}

/// The middleware makes the page of it: handlers need not know where the style sheet is.
impl IntoResponse for Notice {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
