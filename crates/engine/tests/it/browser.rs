//! A browser that consents, or not, at the sandbox's platforms.

use std::collections::BTreeMap;

use connectors::signin::Callback;
use domain::account::{Account, User};
use domain::plan::Plan;
use domain::platform::Platform;
use engine::accounts::{Outcome, Presented, SignInEnd, StartSignIn};
use engine::{Engine, Error};
use jiff::SignedDuration;
use url::Url;

use crate::world::Outside;

/// What a sign-in begins with when nothing is special about it.
pub(crate) fn start(user: &User, platform: Platform) -> StartSignIn {
    StartSignIn {
        owner: user.id,
        platform,
        inputs: BTreeMap::new(),
        link: None,
        account: None,
        return_to: None,
        browser: None,
    }
}

/// A user without accounts.
pub(crate) async fn user(engine: &Engine, name: &str) -> User {
    engine.create_user(name, Plan::default()).await.unwrap()
}

/// Sends the consent form, and gives back the state and what else the platform sends back.
pub(crate) async fn decide(outside: &Outside, authorize: &Url, form: &[(&str, &str)]) -> (String, Callback) {
    let request = outside
        .http
        .creating(reqwest::Method::POST, authorize.as_str())
        .form(form);
    let answer = outside.http.once(request, SignedDuration::from_secs(10)).await.unwrap();
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let location = answer
        .header("location")
        .unwrap_or_else(|| panic!("{}: {text}", answer.status));
    let url: Url = location.parse().unwrap();
    assert_eq!(url.path(), "/connect/callback");
    let pairs = url
        .query_pairs()
        .map(|(name, value)| (name.into_owned(), value.into_owned()));
    let (state, back) = Callback::from_pairs(pairs);
    (state.unwrap(), back)
}

/// Consents as the person of this name, who is made on the spot.
pub(crate) async fn allow(outside: &Outside, authorize: &Url, handle: &str) -> (String, Callback) {
    decide(outside, authorize, &[("decision", "allow"), ("handle", handle)]).await
}

/// A whole sign-in as the person of this name.
pub(crate) async fn sign_in(
    outside: &Outside,
    engine: &Engine,
    start: StartSignIn,
    handle: &str,
) -> Result<SignInEnd, Error> {
    let authorize = engine.start_sign_in(start).await?;
    let (state, back) = allow(outside, &authorize, handle).await;
    engine.finish_sign_in(&state, back, Presented::default()).await
}

/// The account of a sign-in that went well; where there is a choice, the first one.
pub(crate) async fn connected(engine: &Engine, end: SignInEnd) -> Account {
    match end.outcome {
        Outcome::Connected(account) => *account,
        Outcome::Choose { token, choices, .. } => {
            let end = engine.choose(token.expose(), &choices[0].id, None).await.unwrap();
            match end.outcome {
                Outcome::Connected(account) => *account,
                other => panic!("{other:?}"),
            }
        }
        Outcome::Failed(failure) => panic!("{failure:?}"),
    }
}
