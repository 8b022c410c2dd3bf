//! What platforms told lately, in memory: their numbers move slowly and their quotas are small.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use connectors::insight::{Figure, Question};
use domain::ids::AccountId;
use jiff::{SignedDuration, Timestamp};

/// How long an answer is remembered (the PostPost documentation of early 2026: 30 minutes).
pub const KNOWN_FOR: SignedDuration = SignedDuration::from_mins(30);

/// The most answers that are remembered at once.
pub const KNOWN_MAX: usize = 4_000;

type Answers = HashMap<(AccountId, Question), (Figure, Timestamp)>;

/// Answers by account and question.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<Answers>);

impl Known {
    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was told, and when, if that was lately.
    pub(crate) fn get(&self, account: AccountId, question: &Question, now: Timestamp) -> Option<(Figure, Timestamp)> {
        let answers = self.answers();
        let (figure, at) = answers.get(&(account, question.clone()))?;
        is_recent(*at, now).then(|| (figure.clone(), *at))
    }

    /// Remembers an answer. When there are too many, old ones go first, then all: they can be asked for again.
    pub(crate) fn put(&self, account: AccountId, question: Question, figure: Figure, now: Timestamp) {
        let mut answers = self.answers();
        if answers.len() >= KNOWN_MAX {
            answers.retain(|_, (_, at)| is_recent(*at, now));
            if answers.len() >= KNOWN_MAX {
                answers.clear();
            }
        }
        answers.insert((account, question), (figure, now));
    }
}

/// A clock that was set back makes an answer of the future old, not eternal.
fn is_recent(at: Timestamp, now: Timestamp) -> bool {
    let age = now.duration_since(at);
    SignedDuration::ZERO <= age && age < KNOWN_FOR
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    #[test]
    fn an_answer_is_remembered_for_half_an_hour_by_its_account_alone() {
        let known = Known::default();
        let (ann, bob) = (AccountId::from_bytes([1; 12]), AccountId::from_bytes([2; 12]));
        known.put(ann, Question::Followers, Figure::Count(Some(7)), at(60));
        let told = Some((Figure::Count(Some(7)), at(60)));
        assert_eq!(known.get(ann, &Question::Followers, at(89)), told);
        assert_eq!(known.get(ann, &Question::Followers, at(90)), None);
        assert_eq!(known.get(ann, &Question::Followers, at(59)), None);
        assert_eq!(known.get(bob, &Question::Followers, at(61)), None);
        assert_eq!(known.get(ann, &Question::Profile, at(61)), None);
    }

    #[test]
    fn no_more_is_remembered_than_fits() {
        let known = Known::default();
        let ann = AccountId::from_bytes([1; 12]);
        for number in 0..=KNOWN_MAX {
            let post = Question::Post {
                post: number.to_string(),
            };
            known.put(ann, post, Figure::Post(None), at(0));
        }
        assert!(known.answers().len() <= KNOWN_MAX);
    }
}
