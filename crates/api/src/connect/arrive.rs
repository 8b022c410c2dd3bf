//! Coming back from a platform, and where the browser goes from there.

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use domain::ids::LinkId;
use domain::secret::SecretText;
use engine::Error;
use engine::accounts::{Callback, Failure, FoundLink, Outcome, Presented, Reason, SignInEnd};
use url::form_urlencoded;

use super::{Notice, Shown, base, see_other, wall, with_outcome, words};
use crate::state::ApiState;

/// `GET /connect/callback`: one for all platforms; the state says which sign-in it belongs to.
pub(super) async fn arrive(State(api): State<ApiState>, headers: HeaderMap, RawQuery(query): RawQuery) -> Shown {
    let query = query.unwrap_or_default();
    let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
    let (state, callback): (Option<String>, Callback) = Callback::from_pairs(pairs);
    let Some(state) = state else {
        return Err(Notice::sign_in_unknown());
    };
    // The page's token is what the sign-in was tied to. A browser that does not have it is refused by the engine,
    // which also writes that down.
    let begun_on = api.engine.sign_in_link(&state).await?;
    let browser = match begun_on {
        Some(link) => page_of(&api, &headers, link).await?,
        None => None,
    };
    let by = Presented {
        browser: browser.map(SecretText::new),
        ..Presented::default()
    };
    match api.engine.finish_sign_in(&state, callback, by).await {
        Ok(end) => leave(&api, &headers, end).await,
        Err(Error::NotFound) => {
            // Nobody's history can tell it, since nobody knows whose it would be. The state itself stays out of the log.
            tracing::warn!("a browser came back from a platform with a state that nobody was given");
            Err(Notice::sign_in_unknown())
        }
        Err(error) => Err(Notice::from(error)),
    }
}

/// The token of the page that a sign-in was begun on, in a browser that opened it.
async fn page_of(api: &ApiState, headers: &HeaderMap, link: LinkId) -> Result<Option<String>, Notice> {
    for token in wall::pages_of(headers) {
        let known = api.engine.link(&token).await?;
        if known.is_some_and(|(FoundLink::Open(known) | FoundLink::Ended(known))| known.id == link) {
            return Ok(Some(token));
        }
    }
    Ok(None)
}

/// The path of that page.
pub(super) async fn home(api: &ApiState, headers: &HeaderMap, link: LinkId) -> Result<Option<String>, Notice> {
    let token = page_of(api, headers, link).await?;
    Ok(token.map(|token| format!("{}/connect/{token}", base(api))))
}

/// Where the browser goes when a step of a sign-in has ended.
pub(super) async fn leave(api: &ApiState, headers: &HeaderMap, end: SignInEnd) -> Shown {
    let page = match end.link {
        Some(link) => home(api, headers, link).await?,
        None => None,
    };
    let return_to = end.return_to.as_deref();
    match end.outcome {
        Outcome::Choose { token, .. } => Ok(see_other(&format!("{}/connect/choose/{}", base(api), token.expose()))),
        Outcome::Connected(account) => {
            let outcome = [
                ("status", "connected"),
                ("platform", account.platform.word()),
                ("username", &account.identity.username),
            ];
            if let Some(address) = return_to.and_then(|to| with_outcome(to, &outcome)) {
                return Ok(see_other(&address));
            }
            if let Some(token) = end.more {
                let choose = format!(
                    "{}/connect/choose/{}?connected={}",
                    base(api),
                    token.expose(),
                    account.id
                );
                return Ok(see_other(&choose));
            }
            match page {
                Some(page) => Ok(see_other(&format!("{page}?connected={}", account.id))),
                None => Err(connected_without_page(&words::full_name(&account))),
            }
        }
        Outcome::Failed(failure) => {
            let outcome = [
                (
                    "status",
                    if failure.reason == Reason::Denied {
                        "denied"
                    } else {
                        "failed"
                    },
                ),
                ("platform", end.platform.word()),
                ("reason", failure.reason.code()),
            ];
            match return_to
                .filter(|_| is_told(&failure))
                .and_then(|to| with_outcome(to, &outcome))
            {
                Some(address) => Ok(see_other(&address)),
                None => Err(Notice::failed(&failure, end.platform).back_to(page)),
            }
        }
    }
}

/// Whether the address that a sign-in was begun for is told how it failed. States that are not good (any more) are told
/// to nobody but the person in front of the browser.
const fn is_told(failure: &Failure) -> bool {
    !matches!(
        failure.reason,
        Reason::Expired | Reason::Replayed | Reason::Foreign | Reason::NoSuchChoice
    )
}

/// A sign-in that was begun without a page and has nowhere to return to has still ended well.
fn connected_without_page(account: &str) -> Notice {
    let title = format!("{account} is connected");
    let words = "Posts can be published to it now.";
    Notice::new(StatusCode::OK, title, words, "You can close this window.")
}
