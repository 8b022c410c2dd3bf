//! Log entries as the engine writes them: one function a kind, so that every entry of a kind has the same fields.

use domain::content::Media;
use domain::derive::Recipe;
use domain::error::{Fate, PlatformError};
use domain::intent::Claim;
use domain::log::{LogEntry, LogKind, LogOutcome};
use domain::part::{Part, RemotePost};
use jiff::{SignedDuration, Timestamp};

/// An entry about a claimed post.
fn of(claim: &Claim, kind: LogKind, outcome: LogOutcome, at: Timestamp) -> LogEntry {
    LogEntry {
        group: Some(claim.group),
        post: Some(claim.post),
        account: claim.account,
        user: Some(claim.owner),
        platform: Some(claim.platform),
        attempt: Some(claim.attempt),
        retries: Some(claim.retries),
        ..LogEntry::new(kind, outcome, at)
    }
}

/// A worker began; told with the first intent, at the time of the claim.
pub(crate) fn processing(claim: &Claim) -> LogEntry {
    LogEntry {
        retries: None,
        ..of(claim, LogKind::Processing, LogOutcome::Info, claim.claimed_at)
    }
}

/// A picture was converted: what from, what to, and why in the recipe's words.
pub(crate) fn converted(
    claim: &Claim,
    part: Part,
    from: &Media,
    to: &Media,
    recipe: &Recipe,
    at: Timestamp,
) -> LogEntry {
    let facts = |media: &Media| {
        serde_json::json!({
            "mime": media.mime,
            "bytes": media.bytes,
            "width": media.width,
            "height": media.height,
            "sha256": media.sha256,
        })
    };
    let why = match recipe {
        Recipe::Clean => "location",
        Recipe::Jpeg { .. } => "platform",
    };
    LogEntry {
        retries: None,
        ..of(claim, LogKind::MediaConverted, LogOutcome::Info, at)
    }
    .with("part", part.number())
    .with("from", facts(from))
    .with("to", facts(to))
    .with("why", why)
}

/// The call is about to be made.
pub(crate) fn attempted(claim: &Claim, part: Part, at: Timestamp) -> LogEntry {
    of(claim, LogKind::PublishAttempted, LogOutcome::Info, at).with("part", part.number())
}

/// It is live.
pub(crate) fn succeeded(
    claim: &Claim,
    part: Part,
    remote: &RemotePost,
    at: Timestamp,
    took: Option<SignedDuration>,
) -> LogEntry {
    let entry = LogEntry {
        took,
        ..of(claim, LogKind::PublishSucceeded, LogOutcome::Success, at)
    };
    with_remote(entry.with("part", part.number()), remote)
}

/// The entry with what is known of a remote post.
fn with_remote(mut entry: LogEntry, remote: &RemotePost) -> LogEntry {
    if let Some(id) = remote.known_id() {
        entry = entry.with("remote_id", id);
    }
    match &remote.url {
        Some(url) => entry.with("url", url.as_str()),
        None => entry,
    }
}

/// The entry with what went wrong.
pub(crate) fn with_error(mut entry: LogEntry, error: &PlatformError) -> LogEntry {
    entry.error = Some(error.message.clone());
    entry.http_status = error.http_status;
    entry = entry.with("kind", serde_json::to_value(error.kind).unwrap_or_default());
    if let Some(code) = &error.code {
        entry = entry.with("code", code.as_str());
    }
    match &error.raw {
        Some(raw) => entry.with("raw", raw.as_str()),
        None => entry,
    }
}

/// It failed for good.
pub(crate) fn failed(claim: &Claim, error: &PlatformError, at: Timestamp, took: Option<SignedDuration>) -> LogEntry {
    LogEntry {
        took,
        ..with_error(of(claim, LogKind::PublishFailed, LogOutcome::Failure, at), error)
    }
}

/// Its first comment failed, or may have; the post itself is live.
pub(crate) fn comment_failed(claim: &Claim, error: &PlatformError, at: Timestamp) -> LogEntry {
    let outcome = match error.fate {
        Fate::NotPublished => LogOutcome::Failure,
        Fate::MayBePublished | Fate::LandedEarlier { .. } => LogOutcome::Unknown,
    };
    with_error(of(claim, LogKind::PublishFailed, outcome, at), error).with("part", Part::FirstComment.number())
}

/// It failed and is tried again.
pub(crate) fn retrying(claim: &Claim, error: &PlatformError, at: Timestamp, next: Timestamp) -> LogEntry {
    with_error(of(claim, LogKind::PublishRetry, LogOutcome::Failure, at), error)
        .with("next_attempt_at", next.to_string())
}

/// A budget of the platform is spent; it goes on at `until`.
pub(crate) fn paused(claim: &Claim, budget: &str, error: &PlatformError, at: Timestamp, until: Timestamp) -> LogEntry {
    with_error(of(claim, LogKind::RateLimitPause, LogOutcome::Info, at), error)
        .with("budget", budget)
        .with("next_attempt_at", until.to_string())
}

/// Something else has to be decided first; it is looked at again at `next`.
pub(crate) fn held_back(claim: &Claim, error: &PlatformError, at: Timestamp, next: Timestamp) -> LogEntry {
    with_error(of(claim, LogKind::PublishRetry, LogOutcome::Info, at), error).with("next_attempt_at", next.to_string())
}

/// The outcome is not known.
pub(crate) fn unknown(claim: &Claim, error: &PlatformError, at: Timestamp) -> LogEntry {
    with_error(of(claim, LogKind::OutcomeUnknown, LogOutcome::Unknown, at), error)
}

/// The outcome was established by asking.
pub(crate) fn established(claim: &Claim, what: &str, at: Timestamp) -> LogEntry {
    of(claim, LogKind::OutcomeEstablished, LogOutcome::Success, at).with("finding", what)
}

/// A post that is live has its platform's id now.
pub(crate) fn named(claim: &Claim, part: Part, remote: &RemotePost, at: Timestamp) -> LogEntry {
    with_remote(established(claim, "id", at).with("part", part.number()), remote)
}

/// The outcome cannot be established.
pub(crate) fn unconfirmed(claim: &Claim, message: &str, at: Timestamp) -> LogEntry {
    LogEntry {
        error: Some(message.to_owned()),
        ..of(claim, LogKind::Unconfirmed, LogOutcome::Unknown, at)
    }
}

/// It was found too late.
pub(crate) fn missed(claim: &Claim, late: SignedDuration, at: Timestamp) -> LogEntry {
    LogEntry {
        error: Some(format!("Found {} s after its time; not sent", late.as_secs())),
        ..of(claim, LogKind::Missed, LogOutcome::Failure, at)
    }
}
