//! When an account's tokens are looked at: pure arithmetic over what the platform gave and what is known of it.

use connectors::signin::{RefreshBy, RefreshFacts};
use domain::account::Tokens;
use jiff::{SignedDuration, Timestamp};
use rand::{Rng, RngExt};

/// How long before its end a token that nobody but a person can replace is spoken of.
pub(crate) const WARNINGS: [SignedDuration; 2] = [SignedDuration::from_hours(7 * 24), SignedDuration::from_hours(24)];

/// The part of the wait by which a renewal may come earlier, so that accounts that were connected together are not all
/// renewed in the same second.
const JITTER_PERCENT: i128 = 10;

/// The shortest and the longest wait after an exchange that was not made.
const BACKOFF: (SignedDuration, SignedDuration) = (SignedDuration::from_mins(1), SignedDuration::from_hours(1));

/// When a person is needed if nobody refuses the tokens before; `None` is never.
#[must_use]
pub(crate) fn ends_at(facts: &RefreshFacts, tokens: &Tokens) -> Option<Timestamp> {
    match facts.by {
        RefreshBy::AccessToken => None,
        RefreshBy::RefreshToken if tokens.refresh.is_some() => tokens.refresh_expires_at,
        RefreshBy::RefreshToken | RefreshBy::Nothing => tokens.expires_at,
    }
}

/// When tokens that were made or renewed at `now` are looked at first: at their renewal, or when a person is to be told
/// that they end.
pub(crate) fn first_look(
    facts: &RefreshFacts,
    tokens: &Tokens,
    now: Timestamp,
    rng: &mut dyn Rng,
) -> Option<Timestamp> {
    let renewal = facts.refresh_at(tokens, now).map(|at| earlier(facts, now, at, rng));
    let end = ends_at(facts, tokens);
    if renewal.is_none()
        && let Some(at) = end.and_then(|end| missed_warning(end, now))
    {
        return Some(at);
    }
    renewal.into_iter().chain(next_warning(end, now)).min()
}

/// The warning that came due before tokens were known that end soon: they are looked at, and spoken of, at once.
fn missed_warning(ends_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let warnings = WARNINGS.iter().filter_map(|ahead| ends_at.checked_sub(*ahead).ok());
    warnings.filter(|at| *at <= now && now < ends_at).max()
}

/// A little earlier, but never before the platform would renew the tokens.
fn earlier(facts: &RefreshFacts, now: Timestamp, at: Timestamp, rng: &mut dyn Rng) -> Timestamp {
    let wait = at.duration_since(now).as_millis().max(0);
    let jitter = rng.random_range(0..=wait * JITTER_PERCENT / 100);
    let jittered = at
        .saturating_sub(SignedDuration::from_millis_i128(jitter))
        .unwrap_or(at);
    let oldest = now.saturating_add(facts.min_age).unwrap_or(Timestamp::MAX);
    jittered.max(oldest.min(at))
}

/// The first instant after `now` at which a person is told that tokens end then, or that they have ended.
pub(crate) fn next_warning(ends_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    let ends_at = ends_at?;
    let warnings = WARNINGS
        .iter()
        .filter_map(|ahead| ends_at.checked_sub(*ahead).ok())
        .chain([ends_at]);
    // An end that has passed is looked at once more, at once.
    warnings.filter(|at| *at > now).min().or(Some(ends_at.max(now)))
}

/// Whether a person is to be told now, in a look that was planned for `planned`: one of the warnings came due since.
pub(crate) fn is_warning_due(ends_at: Timestamp, planned: Timestamp, now: Timestamp) -> bool {
    let mut warnings = WARNINGS.iter().filter_map(|ahead| ends_at.checked_sub(*ahead).ok());
    now < ends_at && warnings.any(|at| planned <= at && at <= now)
}

/// When an exchange that was not made is tried again: the closer the end (or the shorter the time since), the sooner.
pub(crate) fn retry_at(expires_at: Option<Timestamp>, now: Timestamp, rng: &mut dyn Rng) -> Timestamp {
    let distance = expires_at.map_or(SignedDuration::ZERO, |at| at.duration_since(now).abs());
    let wait = (distance / 4).clamp(BACKOFF.0, BACKOFF.1);
    let jitter = rng.random_range(0..=wait.as_millis() * JITTER_PERCENT / 100);
    now.saturating_add(wait.saturating_add(SignedDuration::from_millis_i128(jitter)))
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::secret::SecretText;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    const ROTATING: RefreshFacts = RefreshFacts {
        by: RefreshBy::RefreshToken,
        rotates: true,
        ahead: SignedDuration::from_mins(20),
        min_age: SignedDuration::ZERO,
    };

    fn at(text: &str) -> Timestamp {
        format!("2026-11-{text}Z").parse().unwrap()
    }

    fn tokens(refresh: bool, expires_at: &str) -> Tokens {
        Tokens {
            access: SecretText::from("access"),
            refresh: refresh.then(|| SecretText::from("refresh")),
            expires_at: Some(at(expires_at)),
            ..Tokens::default()
        }
    }

    #[test]
    fn tokens_are_renewed_ahead_of_their_end_and_not_all_at_once() {
        let now = at("22T09:00:00");
        let looks: Vec<_> = (0..50)
            .map(|seed| {
                first_look(
                    &ROTATING,
                    &tokens(true, "22T11:00:00"),
                    now,
                    &mut StdRng::seed_from_u64(seed),
                )
            })
            .map(Option::unwrap)
            .collect();
        assert!(
            looks
                .iter()
                .all(|look| (at("22T10:30:00")..=at("22T10:40:00")).contains(look)),
            "{looks:?}"
        );
        assert!(looks.iter().max() != looks.iter().min());
    }

    #[test]
    fn a_token_that_is_too_young_to_be_renewed_is_left_alone_whatever_the_jitter() {
        let facts = RefreshFacts {
            by: RefreshBy::AccessToken,
            rotates: false,
            ahead: SignedDuration::from_hours(47),
            min_age: SignedDuration::from_hours(24),
        };
        for seed in 0..50 {
            let look = first_look(
                &facts,
                &tokens(false, "24T09:00:00"),
                at("22T09:00:00"),
                &mut StdRng::seed_from_u64(seed),
            );
            assert_eq!(look, Some(at("23T09:00:00")));
        }
    }

    #[test]
    fn a_token_that_only_a_person_can_replace_is_spoken_of_a_week_and_a_day_ahead() {
        let mut rng = StdRng::seed_from_u64(7);
        let never = RefreshFacts::NEVER;
        let tokens = tokens(false, "30T00:00:00");
        assert_eq!(
            first_look(&never, &tokens, at("01T00:00:00"), &mut rng),
            Some(at("23T00:00:00"))
        );
        assert_eq!(
            first_look(&never, &tokens, at("24T09:00:00"), &mut rng),
            Some(at("23T00:00:00")),
            "connected with six days left: spoken of at once"
        );
        assert_eq!(
            first_look(&never, &tokens, at("29T00:00:00"), &mut rng),
            Some(at("29T00:00:00"))
        );
        assert_eq!(
            first_look(&never, &tokens, at("30T00:00:00"), &mut rng),
            Some(at("30T00:00:00")),
            "the end itself is no warning"
        );
        let end = at("30T00:00:00");
        assert_eq!(next_warning(Some(end), at("24T09:00:00")), Some(at("29T00:00:00")));
        assert!(is_warning_due(end, at("23T00:00:00"), at("24T09:00:00")));
        assert!(is_warning_due(end, at("23T00:00:00"), at("23T00:00:05")));
        assert!(
            !is_warning_due(end, at("25T00:00:00"), at("26T00:00:00")),
            "told before"
        );
        assert!(
            is_warning_due(end, at("23T00:00:00"), at("29T12:00:00")),
            "a server that was off tells it late"
        );
        assert!(
            !is_warning_due(end, at("29T00:00:00"), end),
            "that is no warning any more"
        );
    }

    #[test]
    fn the_closer_the_end_the_sooner_an_exchange_is_tried_again() {
        let now = at("22T09:00:00");
        let wait = |end| {
            retry_at(end, now, &mut StdRng::seed_from_u64(7))
                .duration_since(now)
                .as_mins()
        };
        assert_eq!(wait(Some(now)), 1);
        assert!((5..=6).contains(&wait(Some(at("22T09:20:00")))));
        assert!((60..=66).contains(&wait(Some(at("29T09:00:00")))));
        assert_eq!(wait(None), 1);
    }
}
