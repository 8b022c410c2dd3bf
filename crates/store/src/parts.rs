//! What follows from which parts of a post are live: the decisions that both back ends share.

use domain::content::{Content, Draft};
use domain::error::{ErrorKind, ErrorSummary};
use domain::part::{Part, PartsLive, RemotePost};
use domain::platform::Platform;
use domain::post::{Event, PostState};
use jiff::Timestamp;

use crate::rules;

/// A post's parts that are live, in order, and what it was to be.
pub(crate) struct Live<'a> {
    /// Where.
    pub(crate) platform: Platform,
    /// The account's text, as the request named it.
    pub(crate) target: &'a str,
    /// What its group says.
    pub(crate) content: Content,
    /// What is out there.
    pub(crate) parts: Vec<(Part, RemotePost)>,
    /// The parts of which a repeat was to tell whether an earlier send made them.
    pub(crate) untold: Vec<Part>,
}

impl Live<'_> {
    fn all(&self) -> Vec<Part> {
        Draft::of(self.platform, self.content.clone()).parts()
    }

    fn has(&self, part: Part) -> bool {
        self.parts.iter().any(|(live, _)| *live == part)
    }

    fn head(&self) -> Option<&RemotePost> {
        let head = self.parts.iter().find(|(part, _)| *part == Part::Head);
        head.map(|(_, remote)| remote)
    }

    /// The first part that is not live.
    pub(crate) fn missing(&self) -> Option<Part> {
        self.all().into_iter().find(|part| !self.has(*part))
    }

    /// The head of a post of which every part is live.
    pub(crate) fn complete(&self) -> Option<&RemotePost> {
        self.head().filter(|_| self.missing().is_none())
    }

    /// What a person's word that its unknown part is live makes of an unconfirmed post: it is published when that was
    /// all that was missing; else what is left of it may be sent.
    pub(crate) fn resolved(&self, at: Timestamp) -> Event {
        match self.complete() {
            Some(head) => Event::Published {
                at,
                remote: head.clone(),
                next_look: None,
            },
            None => Event::MaySend { at },
        }
    }

    /// The state of a post whose account is gone: as it is when something was sent whose outcome counts; published when it
    /// lacks nothing but its first comment; unconfirmed when a part of it may be out there; failed when other parts of it
    /// are live, which its owner then sees; else cancelled.
    pub(crate) fn cut_off(&self, state: &PostState, at: Timestamp) -> PostState {
        let withdrawn = rules::withdrawn(state.clone(), at);
        if withdrawn == *state || (self.parts.is_empty() && self.untold.is_empty()) {
            return withdrawn;
        }
        if let (Some(head), Some(Part::FirstComment)) = (self.head(), self.missing()) {
            let event = Event::Published {
                at,
                remote: head.clone(),
                next_look: None,
            };
            return state.next(&event).unwrap_or(withdrawn);
        }
        let message = format!(
            "{} account {} was disconnected before all parts were sent; connect it and retry",
            self.platform.name(),
            self.target
        );
        let count = |parts: usize| u16::try_from(parts).unwrap_or(u16::MAX);
        let parts = PartsLive {
            live: count(self.parts.len()),
            of: count(self.all().len()),
            head: self.head().cloned(),
        };
        if self.untold.iter().any(|part| !self.has(*part)) {
            let event = Event::GaveUp {
                at,
                next_look: None,
                error: ErrorSummary::outcome_unknown(at),
                parts,
            };
            return state.next(&event).unwrap_or(withdrawn);
        }
        if self.parts.is_empty() {
            return withdrawn;
        }
        let event = Event::Failed {
            at,
            error: ErrorSummary {
                kind: ErrorKind::AccountGone,
                code: None,
                message,
                raw: None,
                http_status: None,
                at,
            },
            parts,
        };
        state.next(&event).unwrap_or(withdrawn)
    }
}

/// What a remote post of a part is beside the one that was taken for that part until then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meeting {
    /// There was none.
    First,
    /// There was what stood for it while its id was not known: it takes that place.
    Named,
    /// It stands for the one that is known.
    StandIn,
    /// There are two.
    Duplicate,
}

/// What a remote post that is new to us is beside the one that was adopted for its part.
pub(crate) fn meeting(adopted: Option<&RemotePost>, new: &RemotePost) -> Meeting {
    match adopted {
        None => Meeting::First,
        Some(adopted) if new.is_stand_in && !adopted.is_stand_in => Meeting::StandIn,
        Some(adopted) if adopted.is_stand_in && !new.is_stand_in => Meeting::Named,
        Some(_) => Meeting::Duplicate,
    }
}
