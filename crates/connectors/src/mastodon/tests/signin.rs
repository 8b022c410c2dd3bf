//! Signing in to an instance that the person names.

use domain::error::PlatformError;
use sandbox::TokenVerb;

use super::*;
use crate::mastodon::signin;
use crate::signin::testing::{ask, back, consent, denied, only, sandbox_world};
use crate::signin::{Begun, Found, Verified, is_denied};
use crate::{AccountRef, App};

const SERVER: [(&str, &str); 1] = [("server", "example.social")];

async fn begun(world: &World, app: Option<App>) -> Begun {
    let mut ask = ask(&SERVER);
    ask.app = app;
    signin::MastodonSignIn.begin(world.connect_ctx(), &ask).await.unwrap()
}

async fn finished(world: &World, begun: &Begun) -> Result<Found, PlatformError> {
    let form = [("decision", "allow"), ("handle", "ada")];
    let back = back(&consent(world, &begun.authorize, &form).await);
    let ctx = world.connect_ctx();
    let grant = signin::MastodonSignIn.exchange(ctx, &begun.memory, &back).await?;
    signin::MastodonSignIn.identify(ctx, &grant).await
}

async fn verify(world: &World, account: &Verified) -> Result<Verified, PlatformError> {
    let whose = AccountRef::from(&account.identity);
    signin::MastodonSignIn
        .verify(world.connect_ctx(), whose, &account.tokens)
        .await
}

#[tokio::test]
async fn this_server_registers_once_and_signs_in_as_often_as_wanted() {
    let (mut world, sandbox) = sandbox_world(PLATFORM).await;
    world.endpoints.apps.clear();
    let first = begun(&world, None).await;
    let (server, app) = first.registered.clone().unwrap();
    assert_eq!(server, sandbox.endpoint(PLATFORM).as_str());
    let account = only(finished(&world, &first).await.unwrap());
    assert_eq!(account.identity.username, "ada");
    assert_eq!(account.identity.base_url.as_deref(), Some(server.as_str()));
    assert_eq!((account.missing.len(), account.tokens.expires_at), (0, None));
    verify(&world, &account).await.unwrap();

    let second = begun(&world, Some(app)).await;
    assert!(second.registered.is_none());
    finished(&world, &second).await.unwrap();
    let registrations = sandbox.requests(0, 1_000);
    let registrations = registrations.iter().filter(|line| line.path.ends_with("/api/v1/apps"));
    assert_eq!(registrations.count(), 1);
}

#[tokio::test]
async fn a_person_who_declines_is_told_so() {
    let (world, _sandbox) = sandbox_world(PLATFORM).await;
    assert!(is_denied(&denied(&world, &signin::MastodonSignIn, &SERVER).await));
}

#[tokio::test]
async fn the_token_is_given_back_by_the_app_that_got_it() {
    let (world, sandbox) = sandbox_world(PLATFORM).await;
    let first = begun(&world, None).await;
    let (_, app) = first.registered.clone().unwrap();
    let account = only(finished(&world, &first).await.unwrap());
    let mut ctx = world.connect_ctx();
    assert!(
        signin::MastodonSignIn.revoke(ctx, &account.tokens).is_none(),
        "nobody knows the app"
    );
    ctx.app = Some(&app);
    ctx.base_url = account.identity.base_url.as_deref();
    signin::MastodonSignIn
        .revoke(ctx, &account.tokens)
        .unwrap()
        .await
        .unwrap();
    assert_eq!(verify(&world, &account).await.unwrap_err().kind, ErrorKind::Auth);
    let unknown = sandbox.tokens(PLATFORM, &account.identity.remote_id, TokenVerb::Revoke);
    assert!(unknown.is_ok());
}

#[tokio::test]
async fn servers_of_this_machines_network_are_not_asked() {
    let world = World::new(PLATFORM, "", "");
    for server in [
        "127.0.0.1:4000",
        "https://10.0.0.8",
        "localhost",
        "metadata.internal",
        "",
    ] {
        let error = signin::MastodonSignIn
            .begin(world.connect_ctx(), &ask(&[("server", server)]))
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{server}");
    }
}
