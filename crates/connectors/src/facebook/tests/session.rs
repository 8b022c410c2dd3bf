//! Which Page a token is of.

use super::*;
use crate::Credentials;
use crate::signin::testing::only;
use crate::signin::{Found, SignIn, Verified};

fn credentials(identifier: Option<&str>) -> Credentials {
    Credentials {
        token: Some("token".into()),
        identifier: identifier.map(str::to_owned),
        ..Credentials::default()
    }
}

/// A server that answers so to the lists of a person's Pages, and says who `me` is.
async fn found(accounts: Reply, identifier: Option<&str>) -> Result<Found, PlatformError> {
    let server = Server::start(move |request| {
        let (path, _) = request.path.split_once('?').unwrap_or((&request.path, ""));
        match path {
            "/v25.0/me/accounts" => accounts.clone(),
            "/v25.0/me/permissions" => Reply::json(200, &json!({ "data": [] })),
            "/v25.0/me" => Reply::json(200, &json!({ "id": "111", "name": "Works" })),
            _ => Reply::HangUp,
        }
    })
    .await;
    let world = World::new(P, "", "").with_endpoint(server.url());
    signin::FacebookSignIn
        .with_credentials(world.connect_ctx(), &credentials(identifier))
        .await
}

async fn connect(accounts: Reply, identifier: Option<&str>) -> Result<Verified, PlatformError> {
    found(accounts, identifier).await.map(only)
}

fn pages(pages: &[&str]) -> Reply {
    let data: Vec<_> = pages
        .iter()
        .map(|id| json!({ "id": id, "name": "P", "access_token": format!("of {id}"), "tasks": ["CREATE_CONTENT"] }))
        .collect();
    Reply::json(200, &json!({ "data": data }))
}

#[tokio::test]
async fn a_pages_own_token_is_taken_as_it_is() {
    let message = "(#100) Tried accessing nonexisting field (accounts) on node type (Page)";
    for identifier in [None, Some("111")] {
        let no_accounts = Reply::json(400, &json!({ "error": { "code": 100, "message": message } }));
        let connected = connect(no_accounts, identifier).await.unwrap();
        assert_eq!(
            (
                connected.identity.remote_id.as_str(),
                connected.identity.username.as_str()
            ),
            ("111", "Works")
        );
        assert_eq!(
            (connected.tokens.access.expose(), connected.tokens.expires_at),
            ("token", None)
        );
    }
}

#[tokio::test]
async fn a_persons_token_becomes_that_of_their_page() {
    let chosen = connect(pages(&["111", "222"]), Some("222")).await.unwrap();
    assert_eq!(
        (chosen.identity.remote_id.as_str(), chosen.tokens.access.expose()),
        ("222", "of 222")
    );
    assert_eq!(connect(pages(&["111"]), None).await.unwrap().identity.remote_id, "111");
    let several = found(pages(&["111", "222"]), None).await.unwrap();
    assert!(matches!(several, Found::Choose { choices, .. } if choices.len() == 2));
    assert!(connect(pages(&["111", "222"]), Some("333")).await.is_err());
    assert_eq!(connect(pages(&[]), None).await.unwrap_err().kind, ErrorKind::Permission);
}
