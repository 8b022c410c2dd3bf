//! What happened, told to receivers of webhooks: neutral, so that each dialect can put it into its own words.
//!
//! A notice is a snapshot. It holds everything that any dialect says of the event, as of the transition that it tells of,
//! so that nothing is looked up when it is rendered.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::ids::{AccountId, GroupId, PostId, WebhookId};
use crate::log::LogKind;
use crate::platform::Platform;
use crate::post::PostState;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $bit:literal, $word:literal;)+) => {
        /// The closed list of what receivers are told.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum NoticeKind { $($(#[$doc])* $variant,)+ }

        impl NoticeKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word that people and stores see.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            const fn bit(self) -> u32 {
                match self { $(Self::$variant => 1 << $bit),+ }
            }
        }
    };
}

kinds! {
    /// A post was given a time, by its creation or by a person.
    PostScheduled = 0, "post_scheduled";
    /// A post is live.
    PostPublished = 1, "post_published";
    /// A post failed for good.
    PostFailed = 2, "post_failed";
    /// A post was found too late to be sent.
    PostMissed = 3, "post_missed";
    /// Whether a post is live could not be established.
    PostUnconfirmed = 4, "post_unconfirmed";
    /// A post was taken back before it was sent.
    PostCancelled = 5, "post_cancelled";
    /// A token ends soon and only a person can replace it.
    TokenExpiring = 6, "token_expiring";
    /// An account was connected, for the first time or again.
    AccountConnected = 7, "account_connected";
    /// A person must connect an account again.
    ReconnectNeeded = 8, "reconnect_needed";
    /// An account was disconnected, by its owner or at its platform.
    AccountDisconnected = 9, "account_disconnected";
    /// Somebody wants to see whether deliveries arrive. Every receiver is told, whatever it listens to.
    Test = 10, "test";
}

impl NoticeKind {
    /// The kind of this word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.word() == word)
    }

    /// What a move from `before` to `after` tells. Giving a time is told where a person does it ([`Self::PostScheduled`]):
    /// a post that goes back to waiting by itself is no news.
    #[must_use]
    pub fn of_move(before: &PostState, after: &PostState) -> Option<Self> {
        let told = Self::of_end(after)?;
        (Self::of_end(before) != Some(told)).then_some(told)
    }

    /// What a person's (or a creation's) giving a post a time tells.
    #[must_use]
    pub fn of_plan(before: &PostState, after: &PostState) -> Option<Self> {
        (matches!(after, PostState::Scheduled { .. }) && before != after).then_some(Self::PostScheduled)
    }

    const fn of_end(state: &PostState) -> Option<Self> {
        match state {
            PostState::Published { .. } => Some(Self::PostPublished),
            PostState::Failed { .. } => Some(Self::PostFailed),
            PostState::Missed { .. } => Some(Self::PostMissed),
            PostState::Unconfirmed { .. } => Some(Self::PostUnconfirmed),
            PostState::Cancelled { .. } => Some(Self::PostCancelled),
            PostState::Draft
            | PostState::Scheduled { .. }
            | PostState::Publishing { .. }
            | PostState::Processing { .. }
            | PostState::Waiting { .. }
            | PostState::Reconciling { .. }
            | PostState::Removed { .. } => None,
        }
    }

    /// What an entry about an account's connection tells.
    #[must_use]
    pub const fn of_entry(kind: LogKind) -> Option<Self> {
        match kind {
            LogKind::TokenExpiring => Some(Self::TokenExpiring),
            LogKind::Connected | LogKind::Reconnected => Some(Self::AccountConnected),
            LogKind::ReconnectNeeded => Some(Self::ReconnectNeeded),
            LogKind::Disconnected | LogKind::DisconnectedByPlatform => Some(Self::AccountDisconnected),
            _ => None,
        }
    }
}

/// A set of kinds: what a receiver listens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NoticeKinds(u32);

impl NoticeKinds {
    /// The set with these bits, as [`Self::bits`] gave them.
    #[must_use]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// The set as a number for stores.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether a kind is in it.
    #[must_use]
    pub const fn contains(self, kind: NoticeKind) -> bool {
        self.0 & kind.bit() != 0
    }
}

impl FromIterator<NoticeKind> for NoticeKinds {
    fn from_iter<I: IntoIterator<Item = NoticeKind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |bits, kind| bits | kind.bit()))
    }
}

/// What a notice is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "about", rename_all = "snake_case")]
pub enum Subject {
    /// A post.
    Post {
        /// Its group.
        group: GroupId,
        /// Itself.
        post: PostId,
        /// Where.
        platform: Platform,
        /// The platform's own id of the account, as the caller gave it.
        target: String,
        /// The state that it came into.
        state: PostState,
    },
    /// An account.
    Account {
        /// Itself.
        account: AccountId,
        /// Where.
        platform: Platform,
        /// The platform's own id of the account.
        remote_id: String,
        /// The name that posts appear under.
        username: String,
        /// When its access token ends.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires_at: Option<Timestamp>,
    },
    /// The receiver itself.
    Webhook {
        /// Its id.
        webhook: WebhookId,
        /// Its name.
        name: String,
    },
}

impl Subject {
    /// An account as it stands.
    #[must_use]
    pub fn account(account: &Account) -> Self {
        Self::Account {
            account: account.id,
            platform: account.platform,
            remote_id: account.identity.remote_id.clone(),
            username: account.identity.username.clone(),
            expires_at: account.token_expires_at,
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// What.
    pub kind: NoticeKind,
    /// When.
    pub at: Timestamp,
    /// To what.
    pub subject: Subject,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        "2026-11-22T09:00:00Z".parse().unwrap()
    }

    #[test]
    fn every_kind_has_a_bit_and_a_word_of_its_own() {
        let all: NoticeKinds = NoticeKind::ALL.iter().copied().collect();
        assert_eq!(all.bits().count_ones() as usize, NoticeKind::ALL.len());
        for kind in NoticeKind::ALL {
            assert_eq!(NoticeKind::from_word(kind.word()), Some(*kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
        }
    }

    #[test]
    fn only_the_way_into_an_end_is_news() {
        let cancelled = PostState::Cancelled { at: at() };
        let missed = PostState::Missed { due: at(), at: at() };
        let waits = PostState::Scheduled { due: at() };
        assert_eq!(NoticeKind::of_move(&waits, &cancelled), Some(NoticeKind::PostCancelled));
        assert_eq!(
            NoticeKind::of_move(&missed, &cancelled),
            Some(NoticeKind::PostCancelled)
        );
        assert_eq!(NoticeKind::of_move(&cancelled, &cancelled), None, "told before");
        assert_eq!(NoticeKind::of_move(&missed, &waits), None);
        assert_eq!(NoticeKind::of_plan(&missed, &waits), Some(NoticeKind::PostScheduled));
        assert_eq!(NoticeKind::of_plan(&waits, &waits), None, "the same time again");
        assert_eq!(NoticeKind::of_plan(&waits, &PostState::Draft), None);
    }
}
