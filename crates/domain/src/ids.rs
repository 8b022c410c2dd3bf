//! Identifiers: 96 bits, a 48-bit millisecond timestamp followed by 48 random bits.
//!
//! They are written as 24 lower-case hex digits. The timestamp comes first so that rows made together lie together in
//! an index; nothing may order by an id alone, since two ids of one millisecond compare by chance.

use std::fmt;

use jiff::Timestamp;
use rand::Rng;

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is 24 hexadecimal digits")]
pub struct ParseIdError;

/// Makes the bits of new ids. Ids made by one mint never decrease, even when the clock steps back.
#[derive(Debug, Default)]
pub struct IdMint {
    last: u128,
}

impl IdMint {
    /// The bits of the next id at `now`.
    pub fn next(&mut self, now: Timestamp, rng: &mut dyn Rng) -> [u8; 12] {
        let millis = u128::from(u64::try_from(now.as_millisecond()).unwrap_or(0) & 0xffff_ffff_ffff);
        let fresh = (millis << 48) | u128::from(rng.next_u64() >> 16);
        self.last = if fresh > self.last { fresh } else { self.last + 1 };
        let mut bits = [0; 12];
        for (byte, source) in bits.iter_mut().zip(self.last.to_be_bytes().into_iter().skip(4)) {
            *byte = source;
        }
        bits
    }
}

fn parse(text: &str) -> Result<[u8; 12], ParseIdError> {
    let digits = text.as_bytes();
    if digits.len() != 24 {
        return Err(ParseIdError);
    }
    let mut bits = [0; 12];
    for (byte, pair) in bits.iter_mut().zip(digits.chunks_exact(2)) {
        let mut value = 0;
        for digit in pair {
            value = value << 4 | char::from(*digit).to_digit(16).ok_or(ParseIdError)?;
        }
        *byte = u8::try_from(value).map_err(|_| ParseIdError)?;
    }
    Ok(bits)
}

/// The digits of an id. Answers are full of ids: digit by digit through the formatter they took a twentieth of a read.
fn digits(bits: [u8; 12]) -> [u8; 24] {
    let digit = |half: u8| half + if half < 10 { b'0' } else { b'a' - 10 };
    let mut digits = [0; 24];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(bits) {
        pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
    }
    digits
}

macro_rules! define_ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name([u8; 12]);

        impl $name {
            /// The id with exactly these bits.
            #[must_use]
            pub const fn from_bytes(bits: [u8; 12]) -> Self {
                Self(bits)
            }

            /// The 12 bytes as they are stored.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 12] {
                &self.0
            }

            /// When it was made, to the millisecond, by the clock of its maker. Other bits than a mint's give any instant.
            #[must_use]
            pub fn made_at(&self) -> Timestamp {
                let millis = self.0.iter().take(6).fold(0, |millis, byte| millis << 8 | i64::from(*byte));
                Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = ParseIdError;
            fn try_from(bytes: &[u8]) -> Result<Self, ParseIdError> {
                bytes.try_into().map(Self).map_err(|_| ParseIdError)
            }
        }

        impl std::str::FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let digits = digits(self.0);
                f.write_str(std::str::from_utf8(&digits).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let digits = digits(self.0);
                serializer.serialize_str(std::str::from_utf8(&digits).map_err(serde::ser::Error::custom)?)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+};
}

define_ids! {
    /// A person or organisation that owns accounts and posts.
    UserId,
    /// A connected account of a platform.
    AccountId,
    /// A post group: one request, fanned out to its posts.
    GroupId,
    /// One target of a group.
    PostId,
    /// One try at publishing a post, from its claim on.
    AttemptId,
    /// One recorded intent to make one irreversible call.
    IntentId,
    /// A stored image, video or document.
    MediaId,
    /// An API key.
    ApiKeyId,
    /// An entry of the history for people.
    LogId,
    /// A sign-in under way.
    SignInId,
    /// A hosted connection page.
    LinkId,
    /// A receiver of webhooks.
    WebhookId,
    /// A message to a receiver of webhooks.
    DeliveryId,
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn an_id_is_written_as_24_lower_case_hex_digits_and_read_back() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(7);
        let id = GroupId::from_bytes(IdMint::default().next("2026-11-22T09:00:00Z".parse().unwrap(), &mut rng));
        assert_eq!(id.to_string().len(), 24);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        let every_digit = GroupId::from_bytes([0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x90, 0xa9, 0xf0, 0x0f]);
        assert_eq!(every_digit.to_string(), "0123456789abcdef90a9f00f");
        assert_eq!(
            serde_json::to_string(&every_digit).unwrap(),
            "\"0123456789abcdef90a9f00f\""
        );
    }

    #[test]
    fn an_id_tells_when_it_was_made() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(7);
        let now = "2026-11-22T09:00:00.123Z".parse().unwrap();
        assert_eq!(
            MediaId::from_bytes(IdMint::default().next(now, &mut rng)).made_at(),
            now
        );
        // Nobody's mint made this one.
        assert_eq!(MediaId::from_bytes([0xff; 12]).made_at(), Timestamp::MAX);
    }

    #[test]
    fn what_is_not_24_hex_digits_is_no_id() {
        for text in [
            "",
            "507f1f77bcf86cd79943901",
            "507f1f77bcf86cd7994390111",
            "507f1f77bcf86cd79943901g",
            "é07f1f77bcf86cd79943901",
        ] {
            assert_eq!(text.parse::<GroupId>(), Err(ParseIdError), "{text}");
        }
    }

    #[test]
    fn a_mint_never_goes_back_when_the_clock_does() {
        let mut rng = rand::rngs::StdRng::seed_from_u64(7);
        let mut mint = IdMint::default();
        let late = mint.next("2026-11-22T09:00:00Z".parse().unwrap(), &mut rng);
        let early = mint.next("2026-11-22T08:00:00Z".parse().unwrap(), &mut rng);
        assert!(early > late);
    }
}
