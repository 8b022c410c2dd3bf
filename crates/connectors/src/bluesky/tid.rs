//! Record keys. A post's key must be a TID: 53 bits of microseconds and 10 bits of a clock's number, written in 13
//! characters that sort as the numbers do (atproto.com, "Timestamp Identifiers").

use jiff::Timestamp;

use crate::Seed;

const ALPHABET: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";
const CLOCK_BITS: u32 = 10;

/// The record key of a part that is due then: the same for each send of the part.
///
/// Everything below the second comes from the seed. Queues put many posts of one account on the same second, and two
/// parts with one key would be one post; with 30 bits of seed a hundred parts of one second meet once in 200,000 times.
pub(super) fn record_key(due: Timestamp, seed: &Seed) -> String {
    let drawn = seed
        .0
        .iter()
        .take(8)
        .fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
    let clock = drawn & ((1 << CLOCK_BITS) - 1);
    let below_second = (drawn >> CLOCK_BITS) % 1_000_000;
    let seconds = u64::try_from(due.as_second()).unwrap_or(0);
    let micros = (seconds.saturating_mul(1_000_000).saturating_add(below_second)) & ((1 << 53) - 1);
    let number = micros << CLOCK_BITS | clock;
    (0..13_u32)
        .rev()
        .filter_map(|digit| ALPHABET.get(usize::try_from(number >> (5 * digit) & 31).ok()?))
        .map(|letter| char::from(*letter))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn is_tid(key: &str) -> bool {
        let valid = |c: char| ALPHABET.contains(&(c as u8));
        key.len() == 13 && key.chars().all(valid) && key.starts_with(|c| "234567abcdefghij".contains(c))
    }

    fn seed(n: u64) -> Seed {
        let mut bytes = [0; 32];
        // What the engine draws is a hash, so every bit differs.
        bytes[..8].copy_from_slice(&(n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_be_bytes());
        Seed(bytes)
    }

    proptest! {
        #[test]
        fn every_key_is_a_tid(second in 0_i64..9_000_000_000, bytes in any::<[u8; 32]>()) {
            let key = record_key(Timestamp::from_second(second).unwrap(), &Seed(bytes));
            prop_assert!(is_tid(&key), "{key}");
        }
    }

    #[test]
    fn a_key_reads_back_as_the_second_it_was_made_for() {
        let due: Timestamp = "2026-11-22T09:00:00.250Z".parse().unwrap();
        let key = record_key(due, &seed(1));
        let number = key.bytes().fold(0_u64, |n, c| {
            n << 5 | ALPHABET.iter().position(|a| *a == c).unwrap() as u64
        });
        assert_eq!((number >> 10) / 1_000_000, u64::try_from(due.as_second()).unwrap());
    }

    #[test]
    fn parts_of_one_instant_have_keys_of_their_own_and_keep_them() {
        let due: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        let keys: BTreeSet<_> = (0..2_000).map(|n| record_key(due, &seed(n))).collect();
        assert_eq!(keys.len(), 2_000);
        assert_eq!(record_key(due, &seed(5)), record_key(due, &seed(5)));
    }

    #[test]
    fn later_posts_have_later_keys() {
        let due: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        let next: Timestamp = "2026-11-22T09:00:01Z".parse().unwrap();
        assert!((0..200).all(|n| record_key(due, &seed(n)) < record_key(next, &seed(n + 1))));
    }
}
