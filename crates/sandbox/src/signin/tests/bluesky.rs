use domain::clock::Clock as _;
use domain::platform::Platform;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::client::{BACK, Client};
use super::{VERIFIER, follow, parameter, text};
use crate::testing::{TestWorld, read};
use crate::{Class, TokenVerb};

#[tokio::test]
async fn the_metadata_leads_from_the_account_to_the_endpoints() {
    let world = TestWorld::new().await;
    let client = Client::new(&world);
    let tokens = client.tokens().await;
    let did = text(&tokens, "sub");
    let (_, document) = read(world.client.get(client.address(&format!("/{did}")))).await;
    let server = text(&document["service"][0], "serviceEndpoint");
    let (_, resource) = read(
        world
            .client
            .get(format!("{server}/.well-known/oauth-protected-resource")),
    )
    .await;
    let issuer = resource["authorization_servers"][0].as_str().unwrap().to_owned();
    let (_, metadata) = read(
        world
            .client
            .get(format!("{issuer}/.well-known/oauth-authorization-server")),
    )
    .await;
    assert_eq!(text(&metadata, "issuer"), issuer);
    assert_eq!(
        text(&metadata, "pushed_authorization_request_endpoint"),
        client.address("/oauth/par").as_str()
    );
    assert_eq!(metadata["require_pushed_authorization_requests"], true);
}

#[tokio::test]
async fn a_token_posts_with_proofs_of_its_own_key_only() {
    let world = TestWorld::new().await;
    let client = Client::new(&world);
    let tokens = client.tokens().await;
    assert_eq!(
        (&tokens["token_type"], &tokens["expires_in"]),
        (&json!("DPoP"), &json!(3_600))
    );
    let (status, body) = read(client.post_text(&tokens, "hello")).await;
    assert_eq!(status, 200, "{body}");
    let stranger = Client::new(&world);
    assert_eq!(
        read(stranger.post_text(&tokens, "stolen")).await.1["error"],
        "invalid_dpop_proof"
    );
    let access = text(&tokens, "access_token");
    let bare = world
        .client
        .get(client.address("/xrpc/com.atproto.server.getSession"))
        .bearer_auth(&access);
    assert_eq!(read(bare).await.0, 400);
    let (status, session) = read(client.call("GET", "/xrpc/com.atproto.server.getSession", &access)).await;
    assert_eq!(
        (status, &session["did"], &session["handle"]),
        (200, &tokens["sub"], &json!("ada.example.com"))
    );
    assert_eq!(world.published(Platform::Bluesky).len(), 1);
}

#[tokio::test]
async fn a_proof_is_good_for_one_request_with_the_server_s_nonce() {
    let world = TestWorld::new().await;
    let client = Client::new(&world);
    let code = client.code().await;
    let address = client.address("/oauth/token");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
        ("client_id", &client.id),
    ];
    let send = |proof: String| world.client.post(address.clone()).header("dpop", proof).form(&form);
    let response = send(client.proof("POST", &address, None, None)).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 400);
    let nonce = response.headers()["dpop-nonce"].to_str().unwrap().to_owned();
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"], "use_dpop_nonce");
    let other = client.proof("GET", &address, None, Some(&nonce));
    assert_eq!(read(send(other)).await.1["error"], "invalid_dpop_proof");
    let proof = client.proof("POST", &address, None, Some(&nonce));
    assert_eq!(read(send(proof.clone())).await.0, 200);
    assert_eq!(read(send(proof)).await.1["error_description"], "DPoP proof replayed");
    let proof = || client.proof("POST", &address, None, Some(&nonce));
    let (one, other) = (proof(), proof());
    let broken = format!(
        "{}.{}",
        one.rsplit_once('.').unwrap().0,
        other.rsplit_once('.').unwrap().1
    );
    assert_eq!(read(send(broken)).await.1["error"], "invalid_dpop_proof");
    // A nonce lives for two of its turns.
    world.clock.advance(SignedDuration::from_secs(400));
    let old = client.proof("POST", &address, None, Some(&nonce));
    assert_eq!(read(send(old)).await.1["error"], "use_dpop_nonce");
}

#[tokio::test]
async fn a_replayed_code_ends_the_session_that_it_began() {
    let world = TestWorld::new().await;
    let client = Client::new(&world);
    let code = client.code().await;
    let (_, tokens) = read(client.exchange(&code)).await;
    let (status, refused) = read(client.exchange(&code)).await;
    assert_eq!((status, &refused["error"]), (400, &json!("invalid_grant")));
    assert_eq!(read(client.post_text(&tokens, "x")).await.1["error"], "ExpiredToken");
}

#[tokio::test]
async fn a_spent_refresh_token_is_refused_and_ends_the_session() {
    let world = TestWorld::new().await;
    let client = Client::new(&world);
    let first = client.tokens().await;
    let stranger = Client::new(&world);
    assert_eq!(read(stranger.refresh(&text(&first, "refresh_token"))).await.0, 400);
    let (status, second) = read(client.refresh(&text(&first, "refresh_token"))).await;
    assert_eq!(status, 200, "{second}");
    assert_eq!(read(client.post_text(&second, "x")).await.0, 200);
    assert_eq!(
        read(client.refresh(&text(&first, "refresh_token"))).await.1["error"],
        "invalid_grant"
    );
    assert_eq!(read(client.post_text(&second, "y")).await.1["error"], "ExpiredToken");
}

#[tokio::test]
async fn asking_for_a_nonce_does_not_use_up_a_rule() {
    let world = TestWorld::new().await;
    let client = Client::new(&world);
    let tokens = client.tokens().await;
    world
        .sandbox
        .tokens(Platform::Bluesky, &text(&tokens, "sub"), TokenVerb::LoseNextRefresh)
        .unwrap();
    let address = client.address("/oauth/token");
    let refresh = text(&tokens, "refresh_token");
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &refresh),
        ("client_id", &client.id),
    ];
    let bare = client.proof("POST", &address, None, None);
    let (_, body) = read(world.client.post(address).header("dpop", bare).form(&form)).await;
    assert_eq!(body["error"], "use_dpop_nonce");
    assert!(client.refresh(&refresh).send().await.is_err());
    assert_eq!(read(client.refresh(&refresh)).await.0, 400);
    let dropped = world
        .sandbox
        .requests(0, 1_000)
        .into_iter()
        .filter(|line| line.status.is_none());
    assert!(dropped.into_iter().all(|line| line.class == Class::Refresh));
}

#[tokio::test]
async fn a_post_that_only_lacked_the_nonce_does_not_use_up_a_rule() {
    let world = TestWorld::new().await;
    let client = Client::new(&world);
    let tokens = client.tokens().await;
    let rules = crate::RuleSet {
        platform: Some(Platform::Bluesky),
        rules: vec![crate::Rule::nth(Class::Create, 1, crate::Fault::DropAfter)],
        ..crate::RuleSet::default()
    };
    world.sandbox.add_rules(rules).unwrap();
    let path = "/xrpc/com.atproto.repo.createRecord";
    let access = text(&tokens, "access_token");
    let bare = client.proof("POST", &client.address(path), Some(&access), None);
    let request = world.client.post(client.address(path)).header("dpop", bare);
    let (status, body) = read(
        request
            .header("authorization", format!("DPoP {access}"))
            .json(&json!({})),
    )
    .await;
    assert_eq!((status, &body["error"]), (401, &json!("use_dpop_nonce")));
    assert!(client.post_text(&tokens, "hello").send().await.is_err());
    assert_eq!(world.published(Platform::Bluesky).len(), 1);
}

#[tokio::test]
async fn a_request_that_was_not_pushed_or_was_used_is_refused() {
    let world = TestWorld::new().await;
    let client = Client::new(&world);
    let mut bare = client.address("/oauth/authorize");
    bare.query_pairs_mut()
        .append_pair("client_id", &client.id)
        .append_pair("redirect_uri", BACK);
    assert_eq!(read(world.client.get(bare)).await.0, 400);
    let page = client.page().await;
    assert_eq!(read(world.client.get(page.clone())).await.0, 200);
    let denied = follow(world.client.post(page.clone()).form(&[("decision", "deny")])).await;
    assert_eq!(parameter(&denied, "error").as_deref(), Some("access_denied"));
    assert!(parameter(&denied, "iss").is_some());
    assert_eq!(read(world.client.get(page)).await.0, 400);
    let old = client.page().await;
    world.clock.advance(SignedDuration::from_mins(5));
    assert_eq!(read(world.client.get(old)).await.0, 400);
}

#[tokio::test]
async fn a_client_asks_for_what_it_said_it_would() {
    let world = TestWorld::new().await;
    let client = Client::new(&world);
    for (name, value) in [
        ("scope", "atproto transition:chat.bsky"),
        ("scope", "transition:generic"),
        ("redirect_uri", "http://127.0.0.1:7777/elsewhere"),
        ("code_challenge_method", "plain"),
    ] {
        let mut form = vec![(name, value)];
        if name == "code_challenge_method" {
            form.push(("scope", "atproto"));
        }
        let (status, body) = client.push(&form).await;
        if name == "code_challenge_method" {
            // The first of two values counts.
            assert_eq!(status, 201, "{body}");
        } else {
            assert_eq!(status, 400, "{name} {value} {body}");
        }
    }
}

#[tokio::test]
async fn a_client_can_be_a_document_on_this_machine() {
    let world = TestWorld::new().await;
    let mut client = Client::new(&world);
    client.id = world.sandbox.sample_url("no-such-document.json");
    assert_eq!(client.push(&[]).await.1["error"], "invalid_client_metadata");
    client.id = "https://app.example/client.json".to_owned();
    assert_eq!(client.push(&[]).await.1["error"], "invalid_client_metadata");
    let (address, served) = serve_document(json!({ "token_endpoint_auth_method": "none" })).await;
    client.id = address;
    assert_eq!(client.push(&[]).await.0, 201);
    served.abort();
}

#[tokio::test]
async fn a_client_with_a_key_of_its_own_signs_what_it_says() {
    let world = TestWorld::new().await;
    let mut client = Client::new(&world);
    let keys = json!({ "keys": [client.jwk()] });
    let described = json!({ "token_endpoint_auth_method": "private_key_jwt", "jwks": keys });
    let (id, served) = serve_document(described).await;
    client.id = id;
    let claims = |audience: &str, ends: i64| {
        let now = world.clock.now().as_second();
        json!({ "iss": client.id, "sub": client.id, "aud": audience, "jti": "a1", "iat": now, "exp": now + ends })
    };
    let head = json!({ "alg": "ES256", "kid": "k" });
    let issuer = client.address("").to_string();
    let good = client.sign(&head, &claims(&issuer, 60));
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let stranger = Client::new(&world).sign(&head, &claims(&issuer, 60));
    let elsewhere = client.sign(&head, &claims("http://127.0.0.1/", 60));
    let late = client.sign(&head, &claims(&issuer, 0));
    for assertion in ["", &stranger, &elsewhere, &late] {
        let (status, body) = client
            .push(&[("client_assertion", assertion), ("client_assertion_type", kind)])
            .await;
        assert_eq!((status, &body["error"]), (401, &json!("invalid_client")));
    }
    let (status, pushed) = client
        .push(&[("client_assertion", &good), ("client_assertion_type", kind)])
        .await;
    assert_eq!(status, 201, "{pushed}");
    let mut page = client.address("/oauth/authorize");
    page.query_pairs_mut()
        .append_pair("client_id", &client.id)
        .append_pair("request_uri", &text(&pushed, "request_uri"));
    let form = [("decision", "allow"), ("handle", "ada")];
    let back = follow(world.client.post(page).form(&form)).await;
    let code = parameter(&back, "code").unwrap();
    assert_eq!(read(client.exchange(&code)).await.1["error"], "invalid_client");
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
        ("client_id", &client.id),
        ("client_assertion_type", kind),
        ("client_assertion", &good),
    ];
    assert_eq!(read(client.post("/oauth/token", &form)).await.0, 200);
    served.abort();
}

/// Serves a client's document at a free port, and says where.
async fn serve_document(more: Value) -> (String, tokio::task::JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let id = format!("http://{}/client.json", listener.local_addr().unwrap());
    let mut document = json!({
        "client_id": id,
        "client_name": "A web app",
        "redirect_uris": [BACK],
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "scope": "atproto transition:generic",
        "dpop_bound_access_tokens": true,
    });
    document
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let app = axum::Router::new().route(
        "/client.json",
        axum::routing::get(move || async move { axum::Json(document) }),
    );
    (
        id,
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }),
    )
}

#[tokio::test]
async fn a_token_without_the_scope_cannot_post() {
    let world = TestWorld::new().await;
    let client = Client::new(&world);
    let (_, pushed) = client.push(&[("scope", "atproto")]).await;
    let mut page = client.address("/oauth/authorize");
    page.query_pairs_mut()
        .append_pair("client_id", &client.id)
        .append_pair("request_uri", &text(&pushed, "request_uri"));
    let form = [("decision", "allow"), ("handle", "ada")];
    let back = follow(world.client.post(page).form(&form)).await;
    let (_, tokens) = read(client.exchange(&parameter(&back, "code").unwrap())).await;
    assert_eq!(
        read(client.post_text(&tokens, "x")).await.1["error"],
        "ScopeMissingError"
    );
    assert!(world.published(Platform::Bluesky).is_empty());
}
