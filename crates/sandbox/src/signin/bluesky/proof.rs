//! Proofs of possession (RFC 9449): a signed word with every request, with a nonce that the server gave.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::account::Grant;
use crate::answer::Answer;
use crate::call::Call;
use crate::medium::sha256_hex;
use crate::world::{World, lock};

/// Seconds that a nonce is given out; the one before is still taken (the reference server's three minutes).
const NONCE_SECONDS: i64 = 180;
/// Seconds that a proof's clock may be off.
const SKEW_SECONDS: i64 = 300;

/// Why a proof is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unproven {
    /// It has no nonce, or an old one.
    Nonce,
    /// It is none.
    Invalid(&'static str),
}

impl Unproven {
    /// In the words of the authorization server.
    pub(super) fn at_server(self, now: Timestamp) -> Answer {
        let (error, why) = match self {
            Self::Nonce => ("use_dpop_nonce", "Authorization server requires nonce in DPoP proof"),
            Self::Invalid(why) => ("invalid_dpop_proof", why),
        };
        Answer::json(400, &json!({ "error": error, "error_description": why })).with("dpop-nonce", nonce(now))
    }

    /// In the words of the personal data server.
    fn at_resource(self, now: Timestamp) -> Answer {
        let (error, why) = match self {
            Self::Nonce => ("use_dpop_nonce", "Resource server requires nonce in DPoP proof"),
            Self::Invalid(why) => ("invalid_dpop_proof", why),
        };
        Answer::json(401, &json!({ "error": error, "message": why }))
            .with("dpop-nonce", nonce(now))
            .with(
                "www-authenticate",
                format!("DPoP error=\"{error}\", error_description=\"{why}\", algs=\"ES256\""),
            )
    }
}

fn nonce_of(window: i64) -> String {
    let hash = Sha256::digest(format!("sandbox nonce {window}").as_bytes());
    URL_SAFE_NO_PAD.encode(hash)
}

/// The nonce that is given out now.
pub(crate) fn nonce(now: Timestamp) -> String {
    nonce_of(now.as_second().div_euclid(NONCE_SECONDS))
}

fn is_fresh(presented: &str, now: Timestamp) -> bool {
    let window = now.as_second().div_euclid(NONCE_SECONDS);
    [window, window - 1]
        .into_iter()
        .any(|window| nonce_of(window) == presented)
}

/// The head and the claims of a compact JWS, after its signature was checked with `key`, or with the key in its head.
pub(super) fn verified(jws: &str, key: Option<&Value>) -> Result<(Value, Value), &'static str> {
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| "Malformed JWT");
    let (signed, signature) = jws.rsplit_once('.').ok_or("Malformed JWT")?;
    let (head, claims) = signed.split_once('.').ok_or("Malformed JWT")?;
    let read = |part: &str| -> Result<Value, &'static str> {
        serde_json::from_slice(&decode(part)?).map_err(|_| "Malformed JWT")
    };
    let (head, claims) = (read(head)?, read(claims)?);
    if head.get("alg").and_then(Value::as_str) != Some("ES256") {
        return Err("Unsupported algorithm");
    }
    let jwk = key.or_else(|| head.get("jwk")).ok_or("Missing key")?;
    let point = point_of(jwk).ok_or("Unsupported key")?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(signed.as_bytes(), &decode(signature)?)
        .map_err(|_| "Signature verification failed")?;
    Ok((head, claims))
}

fn member<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A public key of P-256 as an uncompressed point.
fn point_of(jwk: &Value) -> Option<Vec<u8>> {
    if member(jwk, "kty") != "EC" || member(jwk, "crv") != "P-256" || jwk.get("d").is_some() {
        return None;
    }
    let mut point = vec![4];
    for name in ["x", "y"] {
        let coordinate = URL_SAFE_NO_PAD.decode(member(jwk, name)).ok()?;
        point.extend_from_slice(&coordinate);
    }
    (point.len() == 65).then_some(point)
}

/// The thumbprint of a key (RFC 7638).
fn thumbprint(jwk: &Value) -> String {
    let canonical = format!(
        "{{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"{}\",\"y\":\"{}\"}}",
        member(jwk, "x"),
        member(jwk, "y")
    );
    URL_SAFE_NO_PAD.encode(Sha256::digest(canonical.as_bytes()))
}

/// The address that a proof must name: that of the request, without its query.
fn address(world: &World, call: &Call) -> String {
    match call.header("host") {
        Some(host) => format!("http://{host}{}", call.path),
        None => world.address(call.path.trim_start_matches('/')),
    }
}

/// Checks the request's proof, and says which key signed it. With a token, the proof must name it.
pub(super) fn check(world: &World, call: &Call, token: Option<&str>) -> Result<String, Unproven> {
    let now = world.now();
    let proof = call.header("dpop").ok_or(Unproven::Invalid("DPoP proof required"))?;
    let (head, claims) = verified(proof, None).map_err(Unproven::Invalid)?;
    if member(&head, "typ") != "dpop+jwt" {
        return Err(Unproven::Invalid("Invalid \"typ\" of DPoP proof"));
    }
    if member(&claims, "htm") != call.method {
        return Err(Unproven::Invalid("DPoP \"htm\" mismatch"));
    }
    if member(&claims, "htu") != address(world, call) {
        return Err(Unproven::Invalid("DPoP \"htu\" mismatch"));
    }
    let issued = claims.get("iat").and_then(Value::as_i64).unwrap_or_default();
    if (issued - now.as_second()).abs() > SKEW_SECONDS {
        return Err(Unproven::Invalid("DPoP \"iat\" is too far from now"));
    }
    if let Some(token) = token {
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(token.as_bytes()));
        if member(&claims, "ath") != hash {
            return Err(Unproven::Invalid("DPoP \"ath\" mismatch"));
        }
    }
    if !is_fresh(member(&claims, "nonce"), now) {
        return Err(Unproven::Nonce);
    }
    let id = member(&claims, "jti");
    let known = sha256_hex(id.as_bytes());
    let mut inner = lock(&world.signin.0);
    let proofs = &mut inner.bluesky.proofs;
    proofs.retain(|_, at| now.duration_since(*at).as_secs() < 2 * SKEW_SECONDS);
    if id.is_empty() || proofs.insert(known, now).is_some() {
        return Err(Unproven::Invalid("DPoP proof replayed"));
    }
    drop(inner);
    Ok(head.get("jwk").map(thumbprint).unwrap_or_default())
}

/// Checks that a request to the personal data server may use this token: one bound to a key comes as `DPoP` with a proof
/// by that key, any other as `Bearer`.
pub(crate) fn check_bound(world: &World, call: &Call, token: &str, grant: Option<&Grant>) -> Result<(), Answer> {
    let bound_to = grant.and_then(|grant| grant.proof_key.as_deref());
    let came_bound = call.authorization("dpop").is_some();
    let malformed = || Answer::json(400, &json!({ "error": "InvalidToken", "message": "Malformed token" }));
    match bound_to {
        None if came_bound => Err(malformed()),
        None => Ok(()),
        Some(_) if !came_bound => Err(malformed()),
        Some(key) => match check(world, call, Some(token)) {
            Ok(signer) if signer == key => Ok(()),
            Ok(_) => Err(Unproven::Invalid("Invalid DPoP key binding").at_resource(world.now())),
            Err(why) => Err(why.at_resource(world.now())),
        },
    }
}
