//! Connecting with an app password, and keeping the session alive.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::account::Tokens;
use domain::error::{ErrorKind, PlatformError, Retry, Stage, When};
use domain::platform::Platform;
use domain::secret::SecretText;
use jiff::Timestamp;
use media::AddressPolicy;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;

use super::error::classify;
use super::identity::{self, Who};
use super::pds::{ENTRY, Pds};
use super::wire::Session;
use crate::Credentials;
use crate::http::READ_BUDGET;
use crate::signin::abroad::Abroad;
use crate::signin::{SignInCtx, Verified};

/// What is kept to get new tokens with: the refresh token, and what makes a new session once that is dead.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Renewal {
    refresh_jwt: String,
    #[serde(default)]
    identifier: Option<String>,
    #[serde(default)]
    password: Option<String>,
}

impl Renewal {
    /// A secret that is not of this form is a refresh token as it is.
    fn read(secret: &SecretText) -> Self {
        serde_json::from_str(secret.expose()).unwrap_or_else(|_| Self {
            refresh_jwt: secret.expose().to_owned(),
            identifier: None,
            password: None,
        })
    }

    fn into_tokens(self, access: String) -> Result<Tokens, PlatformError> {
        let expires_at = expiry(&access);
        let refresh = serde_json::to_string(&self).map_err(|_| invalid("This session cannot be stored"))?;
        Ok(Tokens {
            access: SecretText::new(access),
            refresh: Some(SecretText::new(refresh)),
            expires_at,
            ..Tokens::default()
        })
    }
}

/// Logs in and finds the account's own server.
pub(super) async fn connect(ctx: SignInCtx<'_>, credentials: &Credentials) -> Result<Verified, PlatformError> {
    let (Some(identifier), Some(password)) = (&credentials.identifier, &credentials.password) else {
        return Err(invalid("Bluesky needs a handle or e-mail address and an app password"));
    };
    let entry = entry(&ctx);
    // The password goes there, so it is judged before anything is sent.
    Abroad::new(Platform::Bluesky, Stage::Connect, ctx).judge(&entry)?;
    let identifier = identifier.trim().trim_start_matches('@');
    let pds = Pds::new(ctx.http, &entry);
    let session = create(&pds, identifier, password.expose(), Stage::Connect).await?;
    let home = home(session.did_doc.as_ref(), &entry);
    let who = Who {
        did: session.did.clone(),
        handle: session.handle,
        active: session.active,
    };
    let tokens = Renewal {
        refresh_jwt: session.refresh_jwt,
        identifier: Some(session.did),
        password: Some(password.expose().to_owned()),
    }
    .into_tokens(session.access_jwt)?;
    identity::verified(ctx, &home, who, tokens, Vec::new()).await
}

/// Ends the session.
pub(super) async fn revoke(ctx: SignInCtx<'_>, secret: &SecretText) -> Result<(), PlatformError> {
    let entry = entry(&ctx);
    let pds = Pds::new(ctx.http, &entry);
    let request = pds
        .post("com.atproto.server.deleteSession")
        .bearer_auth(Renewal::read(secret).refresh_jwt);
    let asked = ctx.http.read(request, READ_BUDGET).await;
    let answer = asked.map_err(|failure| failure.into_error(Platform::Bluesky, Stage::Connect))?;
    match classify(Stage::Connect, &answer) {
        _ if answer.is_success() => Ok(()),
        // A session that is not known any more is as good as ended.
        error if error.kind == ErrorKind::Auth => Ok(()),
        error => Err(error),
    }
}

/// Exchanges the refresh token; when that is dead and the app password is known, logs in again.
pub(super) async fn refresh(ctx: SignInCtx<'_>, secret: &SecretText) -> Result<Tokens, PlatformError> {
    let renewal = Renewal::read(secret);
    let entry = entry(&ctx);
    let pds = Pds::new(ctx.http, &entry);
    let request = pds
        .post("com.atproto.server.refreshSession")
        .bearer_auth(&renewal.refresh_jwt);
    let session = match pds.call::<Session>(request, Stage::Refresh).await {
        Err(refused) if refused.kind == ErrorKind::Auth => match (&renewal.identifier, &renewal.password) {
            (Some(identifier), Some(password)) => create(&pds, identifier, password, Stage::Refresh).await,
            _ => Err(refused.with_retry(Retry::when(When::AfterReconnect))),
        },
        other => other,
    }?;
    Renewal {
        refresh_jwt: session.refresh_jwt,
        ..renewal
    }
    .into_tokens(session.access_jwt)
}

async fn create(pds: &Pds<'_>, identifier: &str, password: &str, stage: Stage) -> Result<Session, PlatformError> {
    let body = json!({"identifier": identifier, "password": password});
    pds.call(pds.post("com.atproto.server.createSession").json(&body), stage)
        .await
}

fn entry(ctx: &SignInCtx<'_>) -> String {
    let named = ctx.base_url.map(|base| base.trim_end_matches('/').to_owned());
    named.unwrap_or_else(|| ctx.endpoints.base(Platform::Bluesky, ENTRY))
}

/// The address of the account's own server: as its DID document says, else the one it logged in at.
///
/// A plain `http` address is believed only of the host that was asked in the first place: a DID document is the user's
/// to write, and must not point this server into its own network's services.
pub(super) fn home(did_doc: Option<&Value>, entry: &str) -> String {
    let told = did_doc.and_then(|doc| {
        let services = doc.get("service")?.as_array()?;
        let is_home = |service: &&Value| {
            service
                .get("id")
                .and_then(Value::as_str)
                .is_some_and(|id| id.ends_with("#atproto_pds"))
        };
        Url::parse(services.iter().find(is_home)?.get("serviceEndpoint")?.as_str()?).ok()
    });
    let entry_url = Url::parse(entry).ok();
    let is_trusted = |url: &Url| {
        let same_host = entry_url.as_ref().is_some_and(|entry| entry.origin() == url.origin());
        let is_public = AddressPolicy::public_only().at_any_port().judge_url(url).is_ok();
        let is_named = matches!(url.host(), Some(url::Host::Domain(_)));
        same_host || (url.scheme() == "https" && is_named && is_public)
    };
    told.filter(is_trusted)
        .map_or_else(|| entry.to_owned(), |url| url.as_str().trim_end_matches('/').to_owned())
}

/// When a JSON Web Token ends (RFC 7519, `exp`).
pub(super) fn expiry(token: &str) -> Option<Timestamp> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    Timestamp::from_second(claims.get("exp")?.as_i64()?).ok()
}

fn invalid(message: &str) -> PlatformError {
    PlatformError::refused(Platform::Bluesky, Stage::Validate, ErrorKind::Invalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doc(endpoint: &str) -> Value {
        json!({"service": [
            {"id": "#other", "serviceEndpoint": "https://other.example.com"},
            {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": endpoint},
        ]})
    }

    #[test]
    fn the_account_lives_where_its_document_says() {
        assert_eq!(
            home(Some(&doc("https://pds.example.com/")), ENTRY),
            "https://pds.example.com"
        );
        assert_eq!(home(None, ENTRY), ENTRY);
        assert_eq!(home(Some(&json!({"service": []})), ENTRY), ENTRY);
    }

    #[test]
    fn a_document_cannot_point_into_the_servers_own_network() {
        for endpoint in [
            "http://pds.example.com",
            "https://127.0.0.1",
            "https://[::1]:8443",
            "https://db.internal",
            "https://localhost:2583",
            "file:///etc",
            "nonsense",
        ] {
            assert_eq!(home(Some(&doc(endpoint)), ENTRY), ENTRY, "{endpoint}");
        }
        let local = "http://127.0.0.1:2583";
        assert_eq!(home(Some(&doc(local)), local), local);
    }

    #[test]
    fn the_end_of_a_session_is_read_from_its_token() {
        let token = format!(
            "e30.{}.sig",
            URL_SAFE_NO_PAD.encode(r#"{"exp":1795345200,"sub":"did:plc:x"}"#)
        );
        assert_eq!(expiry(&token), Timestamp::from_second(1_795_345_200).ok());
        assert_eq!(expiry("opaque"), None);
    }
}
