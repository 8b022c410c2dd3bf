//! A client of Bluesky's sign-in: it has a key and signs what it asks.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::clock::Clock as _;
use reqwest::Method;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::{VERIFIER, follow, parameter, text};
use crate::testing::{TestWorld, read};

pub(super) const BACK: &str = "http://127.0.0.1:7777/callback";

pub(super) fn part(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A client with a key.
pub(super) struct Client<'w> {
    pub(super) world: &'w TestWorld,
    key: EcdsaKeyPair,
    pub(super) id: String,
    serial: std::cell::Cell<u64>,
}

impl<'w> Client<'w> {
    pub(super) fn new(world: &'w TestWorld) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
        let scope = "atproto%20transition%3Ageneric";
        Self {
            world,
            key,
            id: format!("http://localhost?redirect_uri=http%3A%2F%2F127.0.0.1%2Fcallback&scope={scope}"),
            serial: std::cell::Cell::new(0),
        }
    }

    pub(super) fn address(&self, path: &str) -> Url {
        self.world.sandbox.base_url().join(&format!("bluesky{path}")).unwrap()
    }

    pub(super) fn nonce(&self) -> String {
        crate::signin::nonce(self.world.clock.now())
    }

    pub(super) fn jwk(&self) -> Value {
        let point = &self.key.public_key().as_ref()[1..];
        json!({ "kty": "EC", "crv": "P-256", "x": part(&point[..32]), "y": part(&point[32..]) })
    }

    pub(super) fn sign(&self, head: &Value, claims: &Value) -> String {
        let signed = format!(
            "{}.{}",
            part(head.to_string().as_bytes()),
            part(claims.to_string().as_bytes())
        );
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", part(signature.as_ref()))
    }

    pub(super) fn proof(&self, method: &str, address: &Url, token: Option<&str>, nonce: Option<&str>) -> String {
        let mut plain = address.clone();
        plain.set_query(None);
        self.serial.set(self.serial.get() + 1);
        let mut claims = json!({
            "jti": format!("{}-{}", part(&self.key.public_key().as_ref()[1..7]), self.serial.get()),
            "htm": method,
            "htu": plain.as_str(),
            "iat": self.world.clock.now().as_second(),
        });
        if let Some(nonce) = nonce {
            claims["nonce"] = json!(nonce);
        }
        if let Some(token) = token {
            claims["ath"] = json!(part(&Sha256::digest(token.as_bytes())));
        }
        self.sign(
            &json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() }),
            &claims,
        )
    }

    pub(super) fn post(&self, path: &str, form: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let address = self.address(path);
        let proof = self.proof("POST", &address, None, Some(&self.nonce()));
        self.world.client.post(address).header("dpop", proof).form(form)
    }

    pub(super) async fn push(&self, more: &[(&str, &str)]) -> (u16, Value) {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER.as_bytes()));
        let mut form = vec![
            ("client_id", self.id.as_str()),
            ("response_type", "code"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("state", "s1"),
        ];
        form.extend_from_slice(more);
        if parameter_of(&form, "scope").is_none() {
            form.push(("scope", "atproto transition:generic"));
        }
        if parameter_of(&form, "redirect_uri").is_none() {
            form.push(("redirect_uri", BACK));
        }
        read(self.post("/oauth/par", &form)).await
    }

    pub(super) async fn page(&self) -> Url {
        let (status, pushed) = self.push(&[]).await;
        assert_eq!(status, 201, "{pushed}");
        let mut page = self.address("/oauth/authorize");
        page.query_pairs_mut()
            .append_pair("client_id", &self.id)
            .append_pair("request_uri", &text(&pushed, "request_uri"));
        page
    }

    pub(super) async fn code(&self) -> String {
        let form = [("decision", "allow"), ("handle", "ada")];
        let back = follow(self.world.client.post(self.page().await).form(&form)).await;
        assert_eq!(parameter(&back, "iss").as_deref(), Some(self.address("").as_str()));
        assert_eq!(parameter(&back, "state").as_deref(), Some("s1"));
        parameter(&back, "code").unwrap()
    }

    pub(super) fn exchange(&self, code: &str) -> reqwest::RequestBuilder {
        self.post(
            "/oauth/token",
            &[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", BACK),
                ("code_verifier", VERIFIER),
                ("client_id", &self.id),
            ],
        )
    }

    pub(super) fn refresh(&self, token: &str) -> reqwest::RequestBuilder {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", &self.id),
        ];
        self.post("/oauth/token", &form)
    }

    pub(super) async fn tokens(&self) -> Value {
        let (status, tokens) = read(self.exchange(&self.code().await)).await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }

    /// A request to the personal data server.
    pub(super) fn call(&self, method: &str, path: &str, token: &str) -> reqwest::RequestBuilder {
        let address = self.address(path);
        let proof = self.proof(method, &address, Some(token), Some(&self.nonce()));
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.world.client.request(method, address);
        request
            .header("dpop", proof)
            .header("authorization", format!("DPoP {token}"))
    }

    pub(super) fn post_text(&self, tokens: &Value, words: &str) -> reqwest::RequestBuilder {
        let record = json!({ "$type": "app.bsky.feed.post", "text": words, "createdAt": "2026-11-22T09:00:00Z" });
        let body = json!({ "repo": tokens["sub"], "collection": "app.bsky.feed.post", "record": record });
        let request = self.call(
            "POST",
            "/xrpc/com.atproto.repo.createRecord",
            &text(tokens, "access_token"),
        );
        request.json(&body)
    }
}

fn parameter_of<'f>(form: &[(&str, &'f str)], name: &str) -> Option<&'f str> {
    form.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
}
