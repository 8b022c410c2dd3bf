//! Proofs of possession (RFC 9449, with ES256): tokens that are worth nothing without a key, and a signed word by that
//! key with every request.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::secret::SecretText;
use jiff::Timestamp;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

use crate::http::Answer;
use crate::remembered::Remembered;

/// The word for a request that a server wants again with the nonce that it gave (RFC 9449, 8 and 9).
pub const USE_NONCE: &str = "use_dpop_nonce";

/// The longest nonce that is remembered, in bytes.
const NONCE_BYTES_MAX: usize = 512;

/// Ids made by this process: what makes two of the same instant differ.
static IDS: AtomicU64 = AtomicU64::new(0);

/// A private key of P-256.
#[derive(Clone)]
pub struct ProofKey(SigningKey);

impl std::fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ProofKey(…)")
    }
}

impl ProofKey {
    /// The key of a sign-in, made from its random seed. Of 2³² seeds about one gives a number that is no key, so a few
    /// are tried.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Option<Self> {
        (0_u8..8).find_map(|nth| {
            let mut hash = Sha256::new();
            hash.update(b"proof key");
            hash.update([nth]);
            hash.update(seed);
            SigningKey::from_slice(&hash.finalize()).ok().map(Self)
        })
    }

    /// The key of [`domain::account::Tokens::proof_key`]; `None` when the text is none of ours.
    #[must_use]
    pub fn from_text(text: &SecretText) -> Option<Self> {
        let bytes = zeroize::Zeroizing::new(URL_SAFE_NO_PAD.decode(text.expose()).ok()?);
        SigningKey::from_slice(&bytes).ok().map(Self)
    }

    /// As text: the private number, base64url, as `d` of a JWK.
    #[must_use]
    pub fn to_text(&self) -> SecretText {
        SecretText::new(URL_SAFE_NO_PAD.encode(self.0.to_bytes()))
    }

    /// The public key (RFC 7517).
    #[must_use]
    pub fn jwk(&self) -> Value {
        let point = self.0.verifying_key().to_sec1_point(false);
        let coordinate = |bytes: Option<&[u8]>| URL_SAFE_NO_PAD.encode(bytes.unwrap_or_default());
        let point = point.as_bytes();
        json!({
            "kty": "EC",
            "crv": "P-256",
            "x": coordinate(point.get(1..33)),
            "y": coordinate(point.get(33..65)),
        })
    }

    /// The proof for one request: of this method, to this address, with the token that goes along and the nonce that the
    /// server gave last. Each proof has an id of its own.
    #[must_use]
    pub fn proof(
        &self,
        method: &str,
        address: &Url,
        now: Timestamp,
        nonce: Option<&str>,
        access: Option<&SecretText>,
    ) -> SecretText {
        let mut bare = address.clone();
        bare.set_query(None);
        bare.set_fragment(None);
        let mut claims = json!({
            "jti": self.fresh_id(now),
            "htm": method,
            "htu": bare.as_str(),
            "iat": now.as_second(),
        });
        if let Some(claims) = claims.as_object_mut() {
            if let Some(nonce) = nonce {
                claims.insert("nonce".to_owned(), json!(nonce));
            }
            if let Some(access) = access {
                let hash = Sha256::digest(access.expose().as_bytes());
                claims.insert("ath".to_owned(), json!(URL_SAFE_NO_PAD.encode(hash)));
            }
        }
        let head = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk() });
        self.signed(&head, &claims)
    }

    /// An id that nobody has had before and nobody can guess: a hash of the key, the time and a count.
    #[must_use]
    pub fn fresh_id(&self, now: Timestamp) -> String {
        let mut id = Sha256::new();
        id.update(self.0.to_bytes());
        id.update(now.as_nanosecond().to_be_bytes());
        id.update(IDS.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        URL_SAFE_NO_PAD.encode(id.finalize())
    }

    /// A JSON Web Token of these, signed by the key (RFC 7515, compact).
    #[must_use]
    pub fn signed(&self, head: &Value, claims: &Value) -> SecretText {
        let encoded = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encoded(head), encoded(claims));
        let signature: Signature = self.0.sign(signed.as_bytes());
        SecretText::new(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes())))
    }
}

/// The nonces that servers gave last, by origin.
#[derive(Debug, Clone, Default)]
pub struct Nonces(Remembered<String>);

impl Nonces {
    /// The nonce for the next request to this address.
    #[must_use]
    pub fn of(&self, address: &Url) -> Option<String> {
        self.0.of(&address.origin().ascii_serialization())
    }

    /// Remembers the nonce of an answer, if it has one.
    pub fn learn(&self, address: &Url, answer: &Answer) {
        let nonce = answer.header("dpop-nonce");
        if let Some(nonce) = nonce.filter(|nonce| nonce.len() <= NONCE_BYTES_MAX) {
            self.0.learn(&address.origin().ascii_serialization(), nonce.to_owned());
        }
    }
}

/// Whether an answer asks for the same request with the nonce that it gives.
#[must_use]
pub fn wants_nonce(answer: &Answer) -> bool {
    let by_header = answer
        .header("www-authenticate")
        .is_some_and(|header| header.contains(USE_NONCE));
    let in_body = || {
        let body = answer.json();
        body.as_ref().and_then(|body| body.get("error")?.as_str()) == Some(USE_NONCE)
    };
    matches!(answer.status, 400 | 401) && answer.header("dpop-nonce").is_some() && (by_header || in_body())
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::VerifyingKey;
    use p256::ecdsa::signature::Verifier;

    use super::*;

    fn key() -> ProofKey {
        ProofKey::from_seed(&[3; 32]).unwrap()
    }

    fn part(proof: &SecretText, nth: usize) -> Value {
        let encoded = proof.expose().split('.').nth(nth).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(encoded).unwrap()).unwrap()
    }

    fn prove(nonce: Option<&str>, access: Option<&SecretText>) -> SecretText {
        let address = Url::parse("https://pds.example.com/xrpc/a.b.c?x=1#y").unwrap();
        key().proof("POST", &address, Timestamp::UNIX_EPOCH, nonce, access)
    }

    #[test]
    fn a_proof_names_the_request_the_token_and_the_nonce() {
        let access = SecretText::from("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU");
        let proof = prove(Some("n1"), Some(&access));
        let claims = part(&proof, 1);
        assert_eq!(claims["htm"], "POST");
        assert_eq!(claims["htu"], "https://pds.example.com/xrpc/a.b.c");
        assert_eq!(claims["nonce"], "n1");
        // The token and its hash are those of RFC 9449, 7.1.
        assert_eq!(claims["ath"], "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
        let head = part(&proof, 0);
        assert_eq!((&head["typ"], &head["alg"]), (&json!("dpop+jwt"), &json!("ES256")));
        assert!(head["jwk"].get("d").is_none());
    }

    #[test]
    fn a_proof_is_signed_by_the_key_that_it_shows() {
        let proof = prove(None, None);
        let (signed, signature) = proof.expose().rsplit_once('.').unwrap();
        let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        let jwk = &part(&proof, 0)["jwk"];
        let mut point = vec![4];
        for name in ["x", "y"] {
            point.extend(URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap());
        }
        let shown = VerifyingKey::from_sec1_bytes(&point).unwrap();
        shown.verify(signed.as_bytes(), &signature).unwrap();
        assert!(shown.verify(b"something else", &signature).is_err());
    }

    #[test]
    fn no_two_proofs_are_the_same() {
        assert_ne!(part(&prove(None, None), 1)["jti"], part(&prove(None, None), 1)["jti"]);
    }

    #[test]
    fn a_key_survives_being_stored_and_shows_nothing() {
        let again = ProofKey::from_text(&key().to_text()).unwrap();
        assert_eq!(again.jwk(), key().jwk());
        assert_ne!(again.jwk(), ProofKey::from_seed(&[4; 32]).unwrap().jwk());
        assert!(ProofKey::from_text(&SecretText::from("nonsense")).is_none());
        assert_eq!(format!("{again:?}"), "ProofKey(…)");
    }
}
