//! Whether a key that somebody brings along could be guessed.
//!
//! Keys are stored as plain hashes, which is safe only for what was drawn at random: whoever steals the database can try
//! many millions of guesses a second. Keys made here have 240 random bits; one from elsewhere is looked at.

use std::collections::{BTreeMap, HashSet};

/// The least bits that a key must seem to have: far more than anybody can try.
const BITS_MIN: f64 = 80.0;
/// What a letter of running text tells, in bits (Shannon, "Prediction and Entropy of Printed English", 1951).
const LETTER_BITS: f64 = 1.6;
/// So many letters of one case in a row are taken for words, wherever they stand.
const WORDS_LEN: usize = 16;
/// What was seen before in this length tells nothing.
const REPEAT_LEN: usize = 4;

/// Whether what callers must know of this key, beyond the prefix that lists show, could be found by trying.
pub(crate) fn is_guessable(key: &str) -> bool {
    bits(secret_part(key)) < BITS_MIN
}

/// The part of a key that no list shows: what stands after the first dot, or all of a key without one.
fn secret_part(key: &str) -> &str {
    key.split_once('.').map_or(key, |(_, rest)| rest)
}

/// How much a text seems to tell, in bits: of each letter and digit what its frequency says, but little in words, and
/// nothing in rows such as `abcd` and `0000`, in what is repeated, and in punctuation.
fn bits(text: &str) -> f64 {
    let bytes = text.as_bytes();
    let of_each = surprise(bytes);
    let of_each_in_turn = text
        .split_inclusive(|c: char| !c.is_ascii_alphanumeric())
        .flat_map(|piece| piece_bits(piece.as_bytes(), of_each));
    let mut seen = HashSet::new();
    let mut total = 0.0;
    for (at, told) in of_each_in_turn.enumerate() {
        let is_row = match bytes.get(at.saturating_sub(2)..=at) {
            Some([first, second, third]) => {
                let step = second.wrapping_sub(*first);
                step == third.wrapping_sub(*second) && matches!(step, 0 | 1 | u8::MAX)
            }
            _ => false,
        };
        let start = (at + 1).checked_sub(REPEAT_LEN);
        let is_repeated = start
            .and_then(|start| bytes.get(start..=at))
            .is_some_and(|window| !seen.insert(window));
        if !is_row && !is_repeated {
            total += told;
        }
    }
    total
}

/// What each character of a piece tells: letters and digits, with the sign that ends it.
fn piece_bits(piece: &[u8], of_each: f64) -> impl Iterator<Item = f64> {
    let is_word = is_word(piece);
    let runs = piece.chunk_by(|left, right| class(*left) == class(*right));
    runs.flat_map(move |run| {
        let is_letters = run.iter().all(u8::is_ascii_alphabetic);
        let told = match run.first() {
            Some(first) if !first.is_ascii_alphanumeric() => 0.0,
            _ if is_letters && (is_word || run.len() >= WORDS_LEN) => of_each.min(LETTER_BITS),
            _ => of_each,
        };
        std::iter::repeat_n(told, run.len())
    })
}

/// Whether a piece is written as words are: without digits, and in one case but for its first letter.
fn is_word(piece: &[u8]) -> bool {
    let mut rest = piece.iter().skip(1).filter(|byte| byte.is_ascii_alphanumeric());
    piece.iter().all(|byte| !byte.is_ascii_digit())
        && (rest.clone().all(u8::is_ascii_lowercase) || rest.all(u8::is_ascii_uppercase))
}

const fn class(byte: u8) -> u8 {
    match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    }
}

/// What one character tells, in bits, when all are as frequent as here.
fn surprise(bytes: &[u8]) -> f64 {
    let mut counts = BTreeMap::<u8, u32>::new();
    for byte in bytes {
        *counts.entry(*byte).or_default() += 1;
    }
    let all: f64 = counts.values().copied().map(f64::from).sum();
    let told = counts.values().map(|count| {
        let share = f64::from(*count) / all;
        -share * share.log2()
    });
    told.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    #[test]
    fn what_was_drawn_at_random_is_not_guessable() {
        let mut rng = StdRng::seed_from_u64(7);
        let mut draw = |alphabet: &[u8], len: usize| -> String {
            (0..len)
                .map(|_| char::from(alphabet[rng.random_range(0..alphabet.len())]))
                .collect()
        };
        let all: Vec<u8> = (b'0'..=b'9').chain(b'a'..=b'z').chain(b'A'..=b'Z').collect();
        for _ in 0..2_000 {
            // The forms that the PostPost documents name, one without a dot, and what others issue.
            for key in [
                format!("sk_kzq5mjw_a1b2c3d4.{}", draw(&all[..16], 52)),
                format!("sk_kzq5mjw.{}", draw(&all[..16], 32)),
                format!("sk_{}", draw(&all[..16], 64)),
                draw(&all[..36], 40),
                draw(&all, 27),
            ] {
                assert!(!is_guessable(&key), "{key} {}", bits(secret_part(&key)));
            }
        }
    }

    #[test]
    fn what_a_person_would_think_of_is_guessable() {
        for key in [
            "sk_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "sk_kzq5mjw.0123456789abcdef0123456789abcdef0123456789abcdef",
            "sk_test.zyxwvutsrqponmlkjihgfedcba9876543210",
            "correct-horse-battery-staple-2026",
            "the.quick-brown-fox-jumps-over-the-lazy-dog",
            "sk_live.Passw0rd!Passw0rd!Passw0rd!Passw0rd!",
            "20261122-20261123-20261124-20261125-20261126",
            // The random part stands where lists show it.
            "sk_9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08.key",
        ] {
            assert!(is_guessable(key), "{key} {}", bits(secret_part(key)));
        }
    }
}
