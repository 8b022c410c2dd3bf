//! Proof keys for code exchange (RFC 7636).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

/// The verifier of a sign-in, 43 characters: a hash of its random seed, so that the seed can serve other keys too.
#[must_use]
pub fn verifier(seed: &[u8; 32]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"pkce verifier");
    hash.update(seed);
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

/// The S256 challenge of a verifier.
#[must_use]
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_the_one_of_the_standards_example() {
        // RFC 7636, appendix B.
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn a_verifier_is_long_enough_and_differs_with_the_seed() {
        let one = verifier(&[1; 32]);
        assert_eq!(one.len(), 43);
        assert!(one.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')));
        assert_ne!(one, verifier(&[2; 32]));
        assert_eq!(one, verifier(&[1; 32]));
    }
}
