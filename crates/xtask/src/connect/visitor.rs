//! A browser by hand: it keeps cookies, follows nothing by itself, fills in forms, and remembers what it saw.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, ensure};
use regex::Regex;
use reqwest::StatusCode;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use url::Url;

/// How long an answer may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);
/// Query parameters whose values are secrets.
const SECRET_PARAMETERS: [&str; 4] = ["state", "code", "request_uri", "login_hint_token"];

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What all visitors of a run have seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    secrets: Arc<Mutex<BTreeSet<String>>>,
    tokens: Arc<Mutex<BTreeSet<String>>>,
    answers: Arc<Mutex<Vec<String>>>,
}

impl Seen {
    /// Notes something that must be in no log.
    pub(crate) fn secret(&self, text: &str) {
        lock(&self.secrets).insert(text.to_owned());
    }

    /// Notes a token of a platform, which must be in no answer either.
    pub(crate) fn token(&self, text: &str) {
        self.secret(text);
        lock(&self.tokens).insert(text.to_owned());
    }

    /// Every token of a platform.
    pub(crate) fn tokens(&self) -> BTreeSet<String> {
        lock(&self.tokens).clone()
    }

    /// Notes an answer in which no token may be.
    pub(crate) fn answer(&self, text: String) {
        lock(&self.answers).push(text);
    }

    /// Everything that must be in no log.
    pub(crate) fn secrets(&self) -> BTreeSet<String> {
        lock(&self.secrets).clone()
    }

    /// Everything in which no token may be.
    pub(crate) fn answers(&self) -> Vec<String> {
        lock(&self.answers).clone()
    }

    /// Notes what an address holds: states, codes, and the tokens of our pages.
    fn address(&self, url: &Url) {
        for (name, value) in url.query_pairs() {
            if SECRET_PARAMETERS.contains(&name.as_ref()) {
                self.secret(&value);
            }
        }
        let words: Vec<&str> = url.path_segments().into_iter().flatten().collect();
        match words.as_slice() {
            ["connect", "choose", token, ..] => self.secret(token),
            ["connect", "callback" | "client-metadata.json"] => {}
            ["connect", token, ..] => self.secret(token),
            _ => {}
        }
    }
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Page {
    /// Where it is from.
    pub(crate) url: Url,
    /// Its status.
    pub(crate) status: StatusCode,
    /// Where it sends the browser.
    pub(crate) location: Option<Url>,
    /// Its text.
    pub(crate) body: String,
}

impl Page {
    /// Where it sends the browser.
    ///
    /// # Errors
    /// If it does not; the error quotes the page.
    pub(crate) fn onward(&self) -> anyhow::Result<&Url> {
        let redirects = self.status.is_redirection();
        self.location
            .as_ref()
            .filter(|_| redirects)
            .with_context(|| self.summary())
    }

    /// Nothing if it is a page to look at.
    ///
    /// # Errors
    /// If it is not; the error quotes it.
    pub(crate) fn shown(self) -> anyhow::Result<Self> {
        ensure!(self.status == StatusCode::OK, self.summary());
        Ok(self)
    }

    /// The status and the beginning of what a person reads.
    pub(crate) fn summary(&self) -> String {
        static TAG: LazyLock<Option<Regex>> =
            LazyLock::new(|| Regex::new(r"(?s)<head.*?</head>|<style.*?</style>|<[^>]*>").ok());
        let text = TAG
            .as_ref()
            .map_or_else(|| self.body.as_str().into(), |tag| tag.replace_all(&self.body, " "));
        let words: Vec<&str> = text.split_whitespace().collect();
        let text: String = words.join(" ").chars().take(300).collect();
        format!("{} answered {}: {text}", self.url.path(), self.status)
    }
}

/// A browser.
#[derive(Debug)]
pub(crate) struct Visitor {
    http: reqwest::Client,
    cookies: Mutex<BTreeMap<(String, String), String>>,
    ours: url::Origin,
    seen: Seen,
}

impl Visitor {
    /// A new browser; answers of the server at `ours` are noted in `seen`.
    pub(crate) fn new(ours: &Url, seen: Seen) -> anyhow::Result<Self> {
        // A provider that is installed already serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(ANSWERED_WITHIN)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("the HTTP client")?;
        Ok(Self {
            http,
            cookies: Mutex::default(),
            ours: ours.origin(),
            seen,
        })
    }

    /// Opens an address.
    pub(crate) async fn get(&self, url: &Url) -> anyhow::Result<Page> {
        self.send(self.http.get(url.clone()), url).await
    }

    /// Sends a form.
    pub(crate) async fn post(&self, url: &Url, fields: &[(String, String)]) -> anyhow::Result<Page> {
        self.send(self.http.post(url.clone()).form(fields), url).await
    }

    /// Sends a form as a browser does from another site's page, with the cookies that it would send then: none.
    pub(crate) async fn post_from_elsewhere(&self, url: &Url, fields: &[(String, String)]) -> anyhow::Result<Page> {
        let request = self.http.post(url.clone()).form(fields);
        self.send(request.header("sec-fetch-site", "cross-site"), url).await
    }

    async fn send(&self, request: reqwest::RequestBuilder, url: &Url) -> anyhow::Result<Page> {
        self.seen.address(url);
        let origin = url.origin().ascii_serialization();
        let kept: Vec<String> = lock(&self.cookies)
            .iter()
            .filter(|((of, _), _)| *of == origin)
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        let request = if kept.is_empty() {
            request
        } else {
            request.header(COOKIE, kept.join("; "))
        };
        let answer = request
            .send()
            .await
            .with_context(|| format!("{} did not answer", url.path()))?;
        let status = answer.status();
        for cookie in answer.headers().get_all(SET_COOKIE) {
            let pair = cookie
                .to_str()
                .unwrap_or_default()
                .split(';')
                .next()
                .unwrap_or_default();
            if let Some((name, value)) = pair.split_once('=') {
                lock(&self.cookies).insert((origin.clone(), name.to_owned()), value.to_owned());
            }
        }
        let location = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
        let location = location
            .map(|to| url.join(to))
            .transpose()
            .context("the Location header")?;
        if let Some(to) = &location {
            self.seen.address(to);
        }
        let body = answer.text().await?;
        if url.origin() == self.ours {
            self.seen.answer(body.clone());
        }
        Ok(Page {
            url: url.clone(),
            status,
            location,
            body,
        })
    }
}

/// What a browser would send with the first form of a page, nothing changed: hidden fields, and what is chosen.
pub(crate) fn filled_in(body: &str) -> Vec<(String, String)> {
    static INPUT: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"<input\b[^>]*>").ok());
    let inputs = INPUT.iter().flat_map(|input| input.find_iter(body));
    inputs.filter_map(|input| field(input.as_str())).collect()
}

fn field(tag: &str) -> Option<(String, String)> {
    let has = |word: &str| tag.contains(&format!(" {word}>")) || tag.contains(&format!(" {word} "));
    let kind = attribute(tag, "type")?;
    let counts = match kind.as_str() {
        "hidden" => true,
        "radio" | "checkbox" => has("checked") && !has("disabled"),
        _ => false,
    };
    counts
        .then(|| Some((attribute(tag, "name")?, attribute(tag, "value")?)))
        .flatten()
}

/// The values of the radio buttons of this name, in order.
pub(crate) fn choices(body: &str, name: &str) -> Vec<String> {
    static RADIO: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r#"<input type="radio"[^>]*>"#).ok());
    let radios = RADIO.iter().flat_map(|radio| radio.find_iter(body));
    radios
        .filter(|radio| attribute(radio.as_str(), "name").as_deref() == Some(name))
        .filter_map(|radio| attribute(radio.as_str(), "value"))
        .collect()
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {name}=\""))?;
    let (value, _) = rest.split_once('"')?;
    let mut text = value.to_owned();
    for (escaped, plain) in [
        ("&#34;", "\""),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&lt;", "<"),
        ("&#60;", "<"),
    ] {
        text = text.replace(escaped, plain);
    }
    for (escaped, plain) in [("&gt;", ">"), ("&#62;", ">"), ("&#38;", "&"), ("&amp;", "&")] {
        text = text.replace(escaped, plain);
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = r#"<input type="radio" name="account" value="a" checked><input type="radio" name="account" value="b&amp;c">
        <input type="hidden" name="shown" value="1"><input type="checkbox" name="scope" value="write" checked disabled>
        <input type="checkbox" name="scope" value="read" checked><input type="text" name="handle" maxlength="100">"#;

    #[test]
    fn a_form_is_sent_as_it_stands() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            filled_in(FORM),
            [pair("account", "a"), pair("shown", "1"), pair("scope", "read")]
        );
        assert_eq!(choices(FORM, "account"), ["a", "b&c"]);
    }

    #[test]
    fn what_is_secret_in_an_address_is_noted() {
        let seen = Seen::default();
        for address in [
            "http://127.0.0.1/connect/callback?code=one&state=two&iss=x",
            "http://127.0.0.1/connect/three/start",
            "http://127.0.0.1/connect/choose/four",
        ] {
            seen.address(&Url::parse(address).unwrap());
        }
        assert_eq!(Vec::from_iter(seen.secrets()), ["four", "one", "three", "two"]);
    }
}
