//! One of each state and event.

use super::*;
use crate::error::ErrorKind;

pub(super) fn at(minute: u8) -> Timestamp {
    format!("2026-11-22T09:{minute:02}:00Z").parse().unwrap()
}

pub(super) fn mine() -> AttemptId {
    AttemptId::from_bytes([1; 12])
}

pub(super) fn error() -> ErrorSummary {
    ErrorSummary {
        kind: ErrorKind::PlatformDown,
        code: None,
        message: "down".to_owned(),
        raw: None,
        http_status: None,
        at: at(1),
    }
}

pub(super) fn remote() -> RemotePost {
    RemotePost::visible("7", None)
}

pub(super) fn parts() -> PartsLive {
    PartsLive {
        live: 1,
        of: 2,
        head: Some(remote()),
    }
}

/// Every state, those with a guard on their fields in each form.
pub(super) fn states() -> Vec<PostState> {
    use PostState as S;
    let processing = |phase| S::Processing {
        phase,
        due: at(0),
        next_check: at(2),
        give_up_at: at(30),
    };
    vec![
        S::Draft,
        S::Scheduled { due: at(0) },
        S::Publishing {
            attempt: mine(),
            due: at(0),
            armed: false,
        },
        S::Publishing {
            attempt: mine(),
            due: at(0),
            armed: true,
        },
        processing(Phase::BeforeSend),
        processing(Phase::AfterSend),
        S::Waiting {
            due: at(0),
            at: at(3),
            error: Some(error()),
        },
        S::Reconciling {
            due: at(0),
            since: at(1),
            next_check: at(2),
            asked: 1,
            give_up_at: at(30),
        },
        S::Published {
            at: at(1),
            remote: remote(),
            next_look: Some(at(4)),
        },
        S::Failed {
            at: at(1),
            error: error(),
            parts: parts(),
        },
        S::Unconfirmed {
            since: at(1),
            next_look: Some(at(4)),
            error: error(),
            parts: parts(),
        },
        S::Missed { due: at(0), at: at(1) },
        S::Cancelled { at: at(1) },
        S::Removed {
            at: at(1),
            remote: remote(),
        },
    ]
}

/// Every event, those with a guard on their fields in each form.
pub(super) fn events() -> Vec<Event> {
    use Event as E;
    let parked = |phase| E::Parked {
        phase,
        next_check: at(6),
        give_up_at: at(31),
    };
    vec![
        E::Scheduled { due: at(5) },
        E::Unscheduled,
        E::Claimed { attempt: mine() },
        E::Armed { attempt: mine() },
        E::Armed {
            attempt: AttemptId::from_bytes([2; 12]),
        },
        E::Returned { at: at(5) },
        E::Paused {
            at: at(6),
            error: error(),
        },
        parked(Phase::BeforeSend),
        parked(Phase::AfterSend),
        E::OutcomeUnknown {
            at: at(5),
            next_check: at(6),
            give_up_at: at(31),
        },
        E::StillUnknown {
            next_check: at(6),
            absent: true,
        },
        E::StillUnknown {
            next_check: at(6),
            absent: false,
        },
        E::MaySend { at: at(5) },
        E::GaveUp {
            at: at(5),
            next_look: Some(at(6)),
            error: error(),
            parts: parts(),
        },
        E::RetryAt {
            at: at(5),
            error: error(),
        },
        E::Published {
            at: at(5),
            remote: remote(),
            next_look: None,
        },
        E::Failed {
            at: at(5),
            error: error(),
            parts: parts(),
        },
        E::Missed { at: at(5) },
        E::Cancelled { at: at(5) },
        E::Looked {
            next_look: None,
            remote: None,
        },
        E::RemovedByPlatform {
            at: at(5),
            error: error(),
        },
        E::Removed { at: at(5) },
    ]
}
