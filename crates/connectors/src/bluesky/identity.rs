//! Who an account is, and where it lives: from the handle to the DID, its document, and the personal data server
//! (atproto.com, "Handle" and "DID").

use domain::account::{Identity, Missing, Tokens};
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::platform::Platform;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::pds::{ENTRY, Pds, read};
use super::session::home;
use super::signin::FACTS;
use crate::signin::abroad::Abroad;
use crate::signin::{SignInCtx, Verified, refused};

/// The directory of DIDs of the method `plc`.
const DIRECTORY: &str = "https://plc.directory";

/// Whose session it is.
#[derive(Debug, Deserialize)]
pub(super) struct Who {
    pub(super) did: String,
    pub(super) handle: String,
    #[serde(default)]
    pub(super) active: Option<bool>,
}

#[derive(Deserialize)]
struct Resolved {
    did: String,
}

/// What a person entered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entered {
    /// A handle or a DID.
    Account(String),
    /// The address of a server.
    Server(String),
}

impl Entered {
    /// Reads it; `None` when it is none of these.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) {
            return (!rest.is_empty()).then(|| Self::Server(text.trim_end_matches('/').to_owned()));
        }
        let name = text.trim_start_matches('@');
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '_' | '%');
        let is_account = name.starts_with("did:") || name.contains('.');
        (is_account && name.len() <= 2_048 && name.chars().all(is_plain))
            .then(|| Self::Account(name.to_ascii_lowercase()))
            // The case of a DID counts.
            .map(|account| match name.starts_with("did:") {
                true => Self::Account(name.to_owned()),
                false => account,
            })
    }
}

/// The DID of a handle, or the DID itself.
pub(super) async fn did_of(ctx: SignInCtx<'_>, account: &str) -> Result<String, PlatformError> {
    if account.starts_with("did:") {
        return Ok(account.to_owned());
    }
    let entry = ctx.endpoints.base(Platform::Bluesky, ENTRY);
    let pds = Pds::new(ctx.http, &entry);
    let request = pds.get("com.atproto.identity.resolveHandle", &[("handle", account)]);
    match pds.call::<Resolved>(request, Stage::Connect).await {
        Ok(found) if found.did.starts_with("did:") => Ok(found.did),
        Err(error) if error.kind.is_transient() => Err(error),
        _ => {
            let message = "There is no Bluesky account of this handle; check its spelling, such as ada.bsky.social";
            Err(refused(Platform::Bluesky, ErrorKind::Invalid, message))
        }
    }
}

/// The personal data server of a DID, by its document. With an address of the operator's, that is the one.
pub(super) async fn home_of(ctx: SignInCtx<'_>, did: &str) -> Result<String, PlatformError> {
    if ctx.endpoints.overrides.contains_key(&Platform::Bluesky) {
        return Ok(ctx.endpoints.base(Platform::Bluesky, ENTRY));
    }
    let unknown = || {
        let message = "Where this Bluesky account lives cannot be found out; its DID document is missing or wrong";
        refused(Platform::Bluesky, ErrorKind::Invalid, message)
    };
    let address = match did.strip_prefix("did:web:") {
        // Only whole hosts are DIDs of this method here (atproto.com, "Blessed DID Methods").
        Some(host) if !host.contains(':') => format!("https://{host}/.well-known/did.json"),
        Some(_) => return Err(unknown()),
        None => format!("{DIRECTORY}/{did}"),
    };
    let abroad = Abroad::new(Platform::Bluesky, Stage::Connect, ctx);
    let answer = abroad.ask(Method::GET, &address, |request| request).await?;
    let doc: Value = read(Stage::Connect, &answer).map_err(|error| match error.kind.is_transient() {
        true => error,
        false => unknown(),
    })?;
    let is_of_this = doc.get("id").and_then(Value::as_str) == Some(did);
    // Without an entry to fall back on, an address that is not believed is an empty one.
    let home = home(Some(&doc), "");
    if is_of_this && !home.is_empty() {
        Ok(home)
    } else {
        Err(unknown())
    }
}

/// The account with its profile, which is an ornament: an account may have none.
pub(super) async fn verified(
    ctx: SignInCtx<'_>,
    home: &str,
    who: Who,
    tokens: Tokens,
    scopes: Vec<String>,
) -> Result<Verified, PlatformError> {
    let pds = Pds::new(ctx.http, home);
    let profile = pds.record(&who.did, "app.bsky.actor.profile", "self").await;
    let profile = profile.map(|record| record.value).unwrap_or_default();
    let text = |pointer: &str| {
        let text = profile.pointer(pointer).and_then(Value::as_str);
        text.filter(|text| !text.is_empty())
    };
    let identity = Identity {
        display_name: text("/displayName").map(ToOwned::to_owned),
        avatar_url: text("/avatar/ref/$link")
            .map(|cid| format!("{home}/xrpc/com.atproto.sync.getBlob?did={}&cid={cid}", who.did)),
        profile_url: Some(format!("https://bsky.app/profile/{}", who.did)),
        base_url: Some(home.to_owned()),
        remote_id: who.did,
        username: who.handle,
    };
    let verified = Verified::new(&FACTS, identity, tokens, scopes);
    Ok(match who.active {
        Some(false) => verified.lacking(Missing {
            code: "posting".to_owned(),
            words: "This Bluesky account is not active; activate it in its own app".to_owned(),
        }),
        _ => verified,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_enters_is_a_handle_a_did_or_a_server() {
        let account = |name: &str| Some(Entered::Account(name.to_owned()));
        assert_eq!(Entered::read(" @Ada.BSKY.social "), account("ada.bsky.social"));
        assert_eq!(Entered::read("did:plc:AbC"), account("did:plc:AbC"));
        assert_eq!(
            Entered::read("https://pds.example.com/"),
            Some(Entered::Server("https://pds.example.com".to_owned()))
        );
        for wrong in ["", "ada", "ada@example.com", "a.b/../c", "a b.c", "https://"] {
            assert_eq!(Entered::read(wrong), None, "{wrong}");
        }
    }
}
