//! Choosing among the accounts that a sign-in is good for. What can be chosen lies sealed with the sign-in, tokens and
//! all, under a new secret that works once.

use connectors::signin::{Choice, Found, choices};
use domain::ids::{SignInId, UserId};
use domain::platform::Platform;
use domain::secret::{SecretBytes, SecretText};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use store::{NewSignIn, SignInPhase, SignInRow};

use super::connecting::ConnectWith;
use super::entries::Subject;
use super::outcome::{Failure, Method, Offered, Outcome, Reason, SignInEnd};
use super::sign_in::end_of;
use crate::{Engine, Error, keys};

/// How long a choice is open.
const CHOICE_FOR: SignedDuration = SignedDuration::from_mins(10);

/// A choice that is open, as a page shows it.
#[derive(Debug, Clone)]
pub struct ShownChoice {
    /// Whose it is.
    pub owner: UserId,
    /// Where.
    pub platform: Platform,
    /// The hosted page that it belongs to.
    pub link: Option<domain::ids::LinkId>,
    /// What is asked.
    pub question: String,
    /// Among these.
    pub choices: Vec<Offered>,
    /// Until when.
    pub expires_at: Timestamp,
}

/// The sealed form of a choice.
#[derive(Serialize, Deserialize)]
struct Kept {
    question: String,
    by_browser: bool,
    choices: String,
}

impl Kept {
    fn seal(question: &str, method: Method, choices: &[Choice]) -> SecretBytes {
        let kept = Self {
            question: question.to_owned(),
            by_browser: method == Method::OAuth,
            choices: String::from_utf8_lossy(choices::to_secret(choices).expose()).into_owned(),
        };
        SecretBytes::new(serde_json::to_vec(&kept).unwrap_or_default())
    }

    fn open(row: &SignInRow) -> Option<(Self, Vec<Choice>)> {
        let kept: Self = serde_json::from_slice(row.memory.expose()).ok()?;
        let choices = choices::from_secret(&SecretBytes::new(kept.choices.clone().into_bytes()))?;
        (row.phase == SignInPhase::Choosing).then_some((kept, choices))
    }

    const fn method(&self) -> Method {
        if self.by_browser {
            Method::OAuth
        } else {
            Method::Credentials
        }
    }
}

impl Engine {
    /// Offers a choice in a sign-in that was taken.
    pub(super) async fn offer(
        &self,
        sign_in: SignInId,
        method: Method,
        question: &str,
        choices: &[Choice],
    ) -> Result<Outcome, Error> {
        let token = self.random_text();
        let until = self.clock.now().saturating_add(CHOICE_FOR).unwrap_or(Timestamp::MAX);
        let memory = Kept::seal(question, method, choices);
        self.store
            .offer_choice(sign_in, keys::hash(token.expose()), memory, until)
            .await?;
        Ok(Outcome::Choose {
            token,
            question: question.to_owned(),
            choices: choices.iter().map(Offered::of).collect(),
        })
    }

    /// Offers a choice that credentials led to: there was no browser, so the sign-in is made for it.
    pub(super) async fn offer_new(
        &self,
        subject: &Subject,
        with: &ConnectWith,
        question: &str,
        choices: &[Choice],
    ) -> Result<Outcome, Error> {
        let now = self.clock.now();
        let (id, hash) = (SignInId::from_bytes(self.mint()), self.random_bytes());
        let row = NewSignIn {
            id,
            owner: with.owner,
            platform: with.platform,
            link: with.link.as_ref().map(|link| link.id),
            account: with.account,
            return_to: with.link.as_ref().and_then(|link| link.return_to.clone()),
            redirect_uri: String::new(),
            secret_hash: hash,
            memory: SecretBytes::default(),
            created_at: now,
            expires_at: now.saturating_add(CHOICE_FOR).unwrap_or(Timestamp::MAX),
        };
        self.store.begin_sign_in(row).await?;
        match self.store.take_sign_in(hash, now).await? {
            Ok(row) => self.offer(row.id, subject.method, question, choices).await,
            Err(_) => Err(Error::NotFound),
        }
    }

    /// What can be chosen with this token; `None` when it was used, has expired, or is none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn shown_choice(&self, token: &str) -> Result<Option<ShownChoice>, Error> {
        let row = self.store.peek_sign_in(keys::hash(token), self.clock.now()).await?;
        Ok(row.and_then(|row| {
            let (kept, choices) = Kept::open(&row)?;
            Some(ShownChoice {
                owner: row.owner,
                platform: row.platform,
                link: row.link,
                question: kept.question,
                choices: choices.iter().map(Offered::of).collect(),
                expires_at: row.expires_at,
            })
        }))
    }

    /// Connects what was chosen, and offers the rest ([`SignInEnd::more`]). The token works once; naming something that is
    /// not among the choices does not use it up. `owner` is the caller, when an API call chooses.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a token that nobody was given; [`Error::Unavailable`].
    pub async fn choose(&self, token: &str, choice: &str, owner: Option<UserId>) -> Result<SignInEnd, Error> {
        let (hash, now) = (keys::hash(token), self.clock.now());
        if let Some(row) = self.store.peek_sign_in(hash, now).await?
            && let Some((_, choices)) = Kept::open(&row)
            && !choices.iter().any(|offered| offered.id == choice)
        {
            let words = "That is not among the choices; choose again";
            let outcome = Outcome::Failed(Failure::own(Reason::NoSuchChoice, words));
            return Ok(end_of(row, outcome));
        }
        let row = match self.store.take_sign_in(hash, now).await? {
            Ok(row) => row,
            Err(refused) => return self.refuse(refused).await,
        };
        let kept = Kept::open(&row);
        let method = kept.as_ref().map_or(Method::OAuth, |(kept, _)| kept.method());
        let subject = Subject::of(&row, method);
        let is_theirs = owner.is_none_or(|owner| owner == row.owner);
        let chosen = kept.filter(|_| is_theirs).and_then(|(kept, mut choices)| {
            let at = choices.iter().position(|offered| offered.id == choice)?;
            Some((kept.question, choices.remove(at), choices))
        });
        let Some((question, chosen, rest)) = chosen else {
            let words = "This choice belongs to another sign-in; start it again";
            let outcome = self.fail(&subject, Failure::own(Reason::Foreign, words), None).await?;
            return Ok(end_of(row, outcome));
        };
        let found = Found::Account(chosen.verified);
        let outcome = self.conclude(&subject, Some(row.id), found, now).await?;
        let is_one_of_several = subject.again.is_none() && !rest.is_empty();
        let more = if is_one_of_several && matches!(outcome, Outcome::Connected(_)) {
            self.offer_rest(row.id, method, &question, &rest).await
        } else {
            None
        };
        Ok(SignInEnd {
            more,
            ..end_of(row, outcome)
        })
    }

    /// Offers what was not chosen. The account that was is connected whatever becomes of this.
    async fn offer_rest(
        &self,
        sign_in: SignInId,
        method: Method,
        question: &str,
        rest: &[Choice],
    ) -> Option<SecretText> {
        match self.offer(sign_in, method, question, rest).await {
            Ok(Outcome::Choose { token, .. }) => Some(token),
            Ok(_) => None,
            Err(error) => {
                tracing::warn!(%error, "the rest of a choice could not be offered");
                None
            }
        }
    }
}
