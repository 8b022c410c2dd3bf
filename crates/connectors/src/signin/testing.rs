//! What tests of sign-ins are made of: a browser that consents at the sandbox, and the steps in order.

use std::collections::BTreeMap;

use domain::error::PlatformError;
use domain::platform::Platform;
use domain::secret::SecretText;
use jiff::SignedDuration;
use reqwest::Method;
use url::Url;

use super::{Ask, Begun, Callback, Found, Grant, SignIn, Verified};
use crate::App;
use crate::testing::World;

/// The state of every test's sign-in.
pub(crate) const STATE: &str = "state-of-this-test";

/// Where the platforms send the browser: nobody listens there, since the answer is read and not followed.
pub(crate) const REDIRECT: &str = "http://127.0.0.1:9/connect/callback";

/// A world with a sandbox, whose app there is configured, and no account.
pub(crate) async fn sandbox_world(platform: Platform) -> (World, sandbox::Sandbox) {
    let mut world = World::new(platform, "", "");
    let sandbox = sandbox::start(sandbox::Options::new(std::sync::Arc::new(world.clock.clone())))
        .await
        .unwrap();
    let app = sandbox::app(platform);
    let app = App {
        id: app.id,
        secret: SecretText::new(app.secret),
    };
    world.endpoints.apps.insert(platform, app);
    // Not the endpoint of publishing: that is a stand-in's where there is no emulator.
    let base = sandbox.base_url().join(platform.word()).unwrap();
    (world.with_endpoint(base.as_str()), sandbox)
}

/// What every test's sign-in begins with.
pub(crate) fn ask(inputs: &[(&str, &str)]) -> Ask {
    Ask {
        state: STATE.to_owned(),
        redirect_uri: REDIRECT.to_owned(),
        seed: [5; 32],
        inputs: inputs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect::<BTreeMap<_, _>>(),
        app: None,
    }
}

/// Consents (or not) as a browser without script does, and gives back where it was sent.
pub(crate) async fn consent(world: &World, authorize: &Url, form: &[(&str, &str)]) -> Url {
    let request = world.http.creating(Method::POST, authorize.as_str()).form(form);
    let answer = world.http.once(request, SignedDuration::from_secs(10)).await.unwrap();
    assert!(
        (300..400).contains(&answer.status),
        "{}: {}",
        answer.status,
        String::from_utf8_lossy(&answer.body)
    );
    answer.header("location").unwrap().parse().unwrap()
}

/// What the browser brings back from there.
pub(crate) fn back(url: &Url) -> Callback {
    assert!(url.as_str().starts_with(REDIRECT), "{url}");
    let (state, back) = Callback::from_pairs(
        url.query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned())),
    );
    assert_eq!(state.as_deref(), Some(STATE));
    back
}

/// Begins a sign-in and consents.
pub(crate) async fn consented(
    world: &World,
    sign_in: &dyn SignIn,
    inputs: &[(&str, &str)],
    form: &[(&str, &str)],
) -> (Begun, Callback) {
    let begun = sign_in.begin(world.connect_ctx(), &ask(inputs)).await.unwrap();
    let mut all = vec![("decision", "allow")];
    all.extend_from_slice(form);
    let url = consent(world, &begun.authorize, &all).await;
    (begun, back(&url))
}

/// A whole sign-in up to the tokens.
pub(crate) async fn granted(world: &World, sign_in: &dyn SignIn, form: &[(&str, &str)]) -> Grant {
    let (begun, back) = consented(world, sign_in, &[], form).await;
    sign_in
        .exchange(world.connect_ctx(), &begun.memory, &back)
        .await
        .unwrap()
}

/// A whole sign-in.
pub(crate) async fn signed_in(
    world: &World,
    sign_in: &dyn SignIn,
    form: &[(&str, &str)],
) -> Result<Found, PlatformError> {
    let grant = granted(world, sign_in, form).await;
    sign_in.identify(world.connect_ctx(), &grant).await
}

/// The one account that was found.
pub(crate) fn only(found: Found) -> Verified {
    match found {
        Found::Account(verified) => verified,
        Found::Choose { choices, .. } => panic!("{} choices", choices.len()),
    }
}

/// Says no, and gives back the error that the exchange ends with.
pub(crate) async fn denied(world: &World, sign_in: &dyn SignIn, inputs: &[(&str, &str)]) -> PlatformError {
    let begun = sign_in.begin(world.connect_ctx(), &ask(inputs)).await.unwrap();
    let form = [("decision", "deny"), ("handle", "ada")];
    let url = consent(world, &begun.authorize, &form).await;
    sign_in
        .exchange(world.connect_ctx(), &begun.memory, &back(&url))
        .await
        .unwrap_err()
}
