mod bluesky;
mod client;
mod control;
mod emulators;
mod every;
mod identities;
mod mastodon;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::platform::Platform;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::app;
use super::variants::{ClientAuth, Pkce, Variant, of};
use crate::testing::{TestWorld, read};

const BACK: &str = "http://127.0.0.1:7777/callback?x=1";
const VERIFIER: &str = "a-verifier-that-is-long-enough-for-every-platform-0123456789";

/// An app on its way through one platform's sign-in.
struct Visit<'w> {
    world: &'w TestWorld,
    variant: &'static Variant,
    scopes: Vec<&'static str>,
    /// Further parameters of the authorize request.
    more: Vec<(&'static str, &'static str)>,
}

impl<'w> Visit<'w> {
    fn new(world: &'w TestWorld, platform: Platform) -> Self {
        let variant = of(platform).unwrap();
        let more = match platform {
            Platform::YouTube | Platform::GoogleBusiness => vec![("access_type", "offline")],
            Platform::Reddit => vec![("duration", "permanent")],
            _ => Vec::new(),
        };
        Self {
            world,
            variant,
            scopes: variant.scopes.iter().take(5).map(|(scope, _)| *scope).collect(),
            more,
        }
    }

    fn scopes(mut self, scopes: &[&'static str]) -> Self {
        self.scopes = scopes.to_vec();
        self
    }

    fn address(&self, path: &str) -> Url {
        let path = path.replace("{version}", "v25.0");
        let word = self.variant.platform.word();
        self.world.sandbox.base_url().join(&format!("{word}{path}")).unwrap()
    }

    fn challenge(&self) -> String {
        let hash = Sha256::digest(VERIFIER.as_bytes());
        if self.variant.pkce == Pkce::Hex {
            crate::medium::sha256_hex(VERIFIER.as_bytes())
        } else {
            URL_SAFE_NO_PAD.encode(hash)
        }
    }

    fn authorize(&self) -> Url {
        let mut url = self.address(self.variant.authorize.last().unwrap());
        let scope = self.scopes.join(&self.variant.separator.to_string());
        url.query_pairs_mut()
            .append_pair(self.variant.client_parameter, &app(self.variant.platform).id)
            .append_pair("redirect_uri", BACK)
            .append_pair("response_type", "code")
            .append_pair("state", "st&te")
            .append_pair("scope", &scope)
            .append_pair("code_challenge", &self.challenge())
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(&self.more);
        url
    }

    /// Posts the form, and follows to where it leads.
    async fn decide(&self, form: &[(&str, &str)]) -> Url {
        follow(self.world.client.post(self.authorize()).form(form)).await
    }

    async fn code(&self, form: &[(&str, &str)]) -> String {
        let mut all = vec![("decision", "allow")];
        all.extend_from_slice(form);
        let back = self.decide(&all).await;
        assert_eq!(parameter(&back, "state").as_deref(), Some("st&te"), "{back}");
        parameter(&back, "code").unwrap_or_else(|| panic!("{back} has no code"))
    }

    fn token(&self, form: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let own = app(self.variant.platform);
        self.token_as(&own.id, &own.secret, form)
    }

    fn token_as(&self, id: &str, secret: &str, form: &[(&str, &str)]) -> reqwest::RequestBuilder {
        let mut form: Vec<(&str, &str)> = form.to_vec();
        let request = self.world.client.post(self.address(self.variant.token.last().unwrap()));
        if self.variant.auth == ClientAuth::Basic {
            return request.basic_auth(id, Some(secret)).form(&form);
        }
        form.push((self.variant.client_parameter, id));
        form.push(("client_secret", secret));
        request.form(&form)
    }

    fn exchange(&self, code: &str) -> reqwest::RequestBuilder {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", BACK),
            ("code_verifier", VERIFIER),
        ])
    }

    fn refresh(&self, token: &str) -> reqwest::RequestBuilder {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)])
    }

    /// The whole way: the token endpoint's answer.
    async fn tokens(&self, form: &[(&str, &str)]) -> Value {
        let code = self.code(form).await;
        let (status, body) = read(self.exchange(&code)).await;
        assert_eq!(status, 200, "{body}");
        assert!(body["access_token"].is_string(), "{body}");
        body
    }

    async fn get(&self, path: &str, token: &str) -> (u16, Value) {
        let request = self.world.client.get(self.address(path)).bearer_auth(token);
        read(request.header("linkedin-version", "202609")).await
    }
}

async fn follow(request: reqwest::RequestBuilder) -> Url {
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let location = response
        .headers()
        .get("location")
        .map(|value| value.to_str().unwrap().to_owned());
    let Some(location) = location.filter(|_| status == 302) else {
        panic!("{status}: {}", response.text().await.unwrap());
    };
    Url::parse(&location).unwrap()
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

fn text(value: &Value, name: &str) -> String {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("{value} has no {name}"))
        .to_owned()
}
