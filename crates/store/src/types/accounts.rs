//! What the verbs about accounts, sign-ins and connection pages take and give.

use std::collections::BTreeMap;

use domain::account::{AccountHealth, Identity, Missing, Tokens};
use domain::error::ErrorSummary;
use domain::ids::{AccountId, LinkId, LogId, SignInId, UserId};
use domain::platform::Platform;
use domain::secret::{SecretBytes, SecretText};
use jiff::Timestamp;

/// An account to be connected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// The id it gets when it is new.
    pub id: AccountId,
    /// Whose it is.
    pub owner: UserId,
    /// Where.
    pub platform: Platform,
    /// Who it is there.
    pub identity: Identity,
    /// Its tokens.
    pub tokens: Tokens,
    /// What was granted.
    pub scopes: Vec<String>,
    /// What it lacks.
    pub missing: Vec<Missing>,
    /// What its posts get when they name nothing else; none keep those of an earlier connection.
    pub defaults: BTreeMap<String, String>,
    /// When the tokens are to be looked at next.
    pub refresh_at: Option<Timestamp>,
    /// When.
    pub at: Timestamp,
}

/// What the platform said when it was asked what an account is and may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// What is granted.
    pub scopes: Vec<String>,
    /// What it lacks.
    pub missing: Vec<Missing>,
    /// Who it is now; `None` leaves what is known. Its `remote_id` is the account's for ever and is not taken from here.
    pub identity: Option<Identity>,
    /// When.
    pub at: Timestamp,
}

/// What was learned of an account; absent fields stay as they are.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AccountNote {
    /// Whether it can be used.
    pub health: Option<AccountHealth>,
    /// It published something then.
    pub success_at: Option<Timestamp>,
    /// It failed like this.
    pub error: Option<ErrorSummary>,
    /// The version of the tokens that health and error tell of; they are left out when there are newer tokens. `None`
    /// tells of whatever there is.
    pub of_version: Option<u32>,
}

/// How an exchange of tokens ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// The platform gave these. An absent or empty refresh token, and an absent proof key, keep the old one.
    Renewed(Tokens),
    /// The platform will not exchange them: the account must be connected again.
    Refused,
    /// Nothing was exchanged, for sure (the platform was busy or not reached): the same exchange may be begun again.
    NotMade,
}

/// An exchange of tokens that was begun and not ended: whoever made it is at it, or died over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnfinishedRefresh {
    /// The version of the tokens that were to be exchanged.
    pub version: u32,
    /// When.
    pub begun_at: Timestamp,
}

/// Which connection entries to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountLogQuery {
    /// Those of this account.
    pub account: Option<AccountId>,
    /// Those of this platform.
    pub platform: Option<Platform>,
    /// Those that come after this one in the list: the time and id of the last entry of the page before.
    pub before: Option<(Timestamp, LogId)>,
    /// At most so many are given; at most 100.
    pub limit: u32,
}

/// A sign-in to be begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSignIn {
    /// Its id.
    pub id: SignInId,
    /// Who signs in.
    pub owner: UserId,
    /// Where.
    pub platform: Platform,
    /// The connection page that it was begun from.
    pub link: Option<LinkId>,
    /// The account that is to be connected again.
    pub account: Option<AccountId>,
    /// Where the browser goes in the end.
    pub return_to: Option<String>,
    /// Where the platform was told to send the browser.
    pub redirect_uri: String,
    /// SHA-256 of the state that the platform gives back.
    pub secret_hash: [u8; 32],
    /// What must be remembered until the browser comes back. It is sealed.
    pub memory: SecretBytes,
    /// When it is begun.
    pub created_at: Timestamp,
    /// Until when it can be taken.
    pub expires_at: Timestamp,
}

/// What a sign-in waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignInPhase {
    /// The platform's answer.
    Authorizing,
    /// A choice among what the platform offers.
    Choosing,
}

/// A sign-in as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInRow {
    /// Its id.
    pub id: SignInId,
    /// Who signs in.
    pub owner: UserId,
    /// Where.
    pub platform: Platform,
    /// The connection page that it was begun from.
    pub link: Option<LinkId>,
    /// The account that is to be connected again.
    pub account: Option<AccountId>,
    /// Where the browser goes in the end.
    pub return_to: Option<String>,
    /// Where the platform was told to send the browser.
    pub redirect_uri: String,
    /// What it waits for.
    pub phase: SignInPhase,
    /// What was remembered; empty in a refusal.
    pub memory: SecretBytes,
    /// When it was begun.
    pub created_at: Timestamp,
    /// Until when it can be taken.
    pub expires_at: Timestamp,
}

/// Why a sign-in cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakeRefused {
    /// Nobody began it, or it is forgotten, or its user is.
    Unknown,
    /// It has expired. Its memory is left out.
    Expired(Box<SignInRow>),
    /// It was taken before. Its memory is left out.
    Replayed(Box<SignInRow>),
}

/// A hosted connection page of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectLink {
    /// Its id.
    pub id: LinkId,
    /// Whose accounts it connects.
    pub owner: UserId,
    /// Where it leads back to.
    pub return_to: Option<String>,
    /// The platforms that it offers; empty for all.
    pub platforms: Vec<Platform>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it works.
    pub expires_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Whether it is the user's standing page, whose address its manager may ask for again.
    pub standing: bool,
}

/// An app of ours that is registered at one server of a platform that has many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceApp {
    /// The client id.
    pub id: String,
    /// The client secret. It is sealed.
    pub secret: SecretText,
}
