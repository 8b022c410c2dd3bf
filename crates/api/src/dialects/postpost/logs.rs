//! A group's history in this dialect's six events.
//!
//! The engine records more than these: retries, refreshes, questions about an unknown outcome. What has no event here is
//! left out, and the limit of 100 counts what is shown.

use domain::error::ErrorKind;
use domain::ids::{GroupId, LogId};
use domain::log::{LogKind, LogRecord};
use domain::part::Part;
use engine::Reach;

use super::error::{Error, Operation};
use super::time::Iso;
use super::wire::{Log, LogMetadata};
use super::words::{self, Code};
use crate::state::ApiState;

/// The most entries that are shown.
const SHOWN_MAX: usize = 100;
/// How many are read at first, and at the most: a post that is tried again for days leaves many that are not shown.
const READ_FIRST: u32 = 128;
const READ_MAX: u32 = 8_192;

/// What is needed of a group's history to show the first hundred entries.
pub(super) async fn read(api: &ApiState, reach: &Reach, group: GroupId) -> Result<Vec<LogRecord>, Error> {
    let mut limit = READ_FIRST;
    loop {
        let records = api
            .engine
            .group_log(reach, group, limit)
            .await
            .map_err(Operation::PostLogs.failed())?;
        let is_all = u64::try_from(records.len()).unwrap_or(u64::MAX) < u64::from(limit);
        if is_all || limit >= READ_MAX || shown(group, &records).len() >= SHOWN_MAX {
            return Ok(records);
        }
        limit *= 4;
    }
}

/// The first hundred events of a history that comes in its own order, oldest first by their times.
pub(super) fn shown(group: GroupId, records: &[LogRecord]) -> Vec<Log<'_>> {
    let mut logs = Vec::with_capacity(records.len().min(SHOWN_MAX));
    let mut has_begun = false;
    for record in records {
        let Some(log) = log(group, record) else { continue };
        if log.event == PROCESSING && !has_begun {
            has_begun = true;
            logs.push(beginning(&log));
        }
        logs.push(log);
    }
    logs.truncate(SHOWN_MAX);
    // An entry is written when its transaction commits and may tell of an earlier moment; clients rely on the order of
    // the times. Equal times keep the order of the history.
    logs.sort_by_key(|log| log.created_at.0);
    logs
}

const PROCESSING: &str = "processing";
const FAILED: &str = "publish_failed";

/// The group as a whole is being processed from the moment at which its first target is.
fn beginning<'a>(first: &Log<'a>) -> Log<'a> {
    // It needs a name of its own that stays the same: that of the target's entry with one of its random bits turned over.
    // Entries of one transaction have names that differ by one, so it is a high bit; the time in front stays.
    let mut id = *first.id.as_bytes();
    if let Some(random) = id.get_mut(6) {
        *random ^= 0x80;
    }
    Log {
        id: LogId::from_bytes(id),
        post_id: None,
        platform: None,
        ..first.clone()
    }
}

fn log<'a>(group: GroupId, record: &'a LogRecord) -> Option<Log<'a>> {
    let entry = &record.entry;
    let platform = match entry.platform {
        None => None,
        Some(platform) => Some(words::platform_word(platform)?),
    };
    let event = event(record)?;
    let failure = (event == FAILED).then(|| code(record));
    let retries = if event == "publish_attempted" {
        entry.retries
    } else {
        entry.retries.filter(|retries| *retries > 0)
    };
    Some(Log {
        id: record.id,
        post_group_id: group,
        post_id: entry.post,
        platform,
        event,
        error: failure.and(entry.error.as_deref()),
        http_status: failure.and(entry.http_status),
        retry_count: retries,
        metadata: failure.map(|code| LogMetadata {
            error_code: code.word,
            retryable: code.retryable,
        }),
        created_at: Iso(entry.at),
        updated_at: Iso(entry.at),
        version: 0,
    })
}

/// The part of the post that an entry is about.
fn part(record: &LogRecord) -> Part {
    let number = record.entry.data.get("part").and_then(serde_json::Value::as_u64);
    number
        .and_then(|part| u16::try_from(part).ok())
        .map_or(Part::Head, Part::from_number)
}

/// The event of an entry; `None` for what this dialect does not tell.
fn event(record: &LogRecord) -> Option<&'static str> {
    let part = part(record);
    match record.entry.kind {
        LogKind::Scheduled => Some("scheduled"),
        LogKind::StatusChanged | LogKind::Resolved => Some("status_changed"),
        LogKind::Processing => Some(PROCESSING),
        // A thread is one target here, so only its head is told of; a failed comment never fails a post.
        LogKind::PublishAttempted => (part == Part::Head).then_some("publish_attempted"),
        LogKind::PublishSucceeded => (part == Part::Head).then_some("publish_succeeded"),
        LogKind::PublishFailed => (part != Part::FirstComment).then_some(FAILED),
        LogKind::Unconfirmed | LogKind::Missed => Some(FAILED),
        // A finding that makes a post live comes with an entry that says so.
        LogKind::OutcomeEstablished
        | LogKind::PublishRetry
        | LogKind::MediaConverted
        | LogKind::RetractAttempted
        | LogKind::Retracted
        | LogKind::RetractFailed
        | LogKind::OutcomeUnknown
        | LogKind::DuplicateDetected
        | LogKind::RateLimitPause
        | LogKind::TokenRefreshed
        | LogKind::TokenRefreshFailed
        | LogKind::Connected
        | LogKind::Reconnected
        | LogKind::ConnectFailed
        | LogKind::ReconnectFailed
        | LogKind::Verified
        | LogKind::TokenExpiring
        | LogKind::ReconnectNeeded
        | LogKind::Disconnected
        | LogKind::DisconnectedByPlatform
        | LogKind::TokenRevoked
        | LogKind::Deleted
        | LogKind::WebhookDisabled
        | LogKind::ActionAttempted
        | LogKind::ActionEnded => None,
    }
}

fn code(record: &LogRecord) -> Code {
    match record.entry.kind {
        LogKind::Unconfirmed => Code::OUTCOME_UNKNOWN,
        LogKind::Missed => Code::MISSED,
        // A reply goes out when its head is live: the thread stopped on its way, as `get-post` says it, too.
        LogKind::PublishFailed if matches!(part(record), Part::Reply(_)) => Code::PARTIAL,
        _ => {
            let kind = record.entry.data.get("kind").cloned();
            let kind = kind.and_then(|kind| serde_json::from_value::<ErrorKind>(kind).ok());
            Code::of(kind.unwrap_or(ErrorKind::Unknown))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::PostId;
    use domain::log::{LogEntry, LogOutcome};
    use domain::platform::Platform;
    use jiff::Timestamp;

    fn record(seq: u8, kind: LogKind, change: impl FnOnce(&mut LogEntry)) -> LogRecord {
        let at = Timestamp::from_second(1_774_000_000 + i64::from(seq)).unwrap();
        let mut entry = LogEntry {
            post: Some(PostId::from_bytes([3; 12])),
            platform: Some(Platform::Threads),
            ..LogEntry::new(kind, LogOutcome::Info, at)
        };
        change(&mut entry);
        LogRecord {
            id: LogId::from_bytes([seq; 12]),
            seq: u64::from(seq),
            entry,
        }
    }

    fn events(records: &[LogRecord]) -> Vec<(&'static str, Option<u32>)> {
        shown(GroupId::default(), records)
            .iter()
            .map(|log| (log.event, log.retry_count))
            .collect()
    }

    fn tried(seq: u8, kind: LogKind, retries: u32) -> LogRecord {
        record(seq, kind, |entry| {
            entry.retries = Some(retries);
            entry.error = Some("Error validating access token".to_owned());
            entry.http_status = Some(401);
            entry.data.insert("kind".to_owned(), "auth".into());
        })
    }

    /// Q8: the history of the seed: refused, refreshed, refused again. Retries and refreshes have no event.
    #[test]
    fn a_refused_token_reads_as_two_attempts_and_one_failure() {
        let records = [
            record(1, LogKind::Scheduled, |_| {}),
            record(2, LogKind::Processing, |_| {}),
            tried(3, LogKind::PublishAttempted, 0),
            tried(4, LogKind::PublishRetry, 0),
            record(5, LogKind::TokenRefreshed, |entry| entry.post = None),
            record(6, LogKind::Processing, |_| {}),
            tried(7, LogKind::PublishAttempted, 1),
            tried(8, LogKind::PublishFailed, 1),
        ];
        assert_eq!(
            events(&records),
            [
                ("scheduled", None),
                ("processing", None),
                ("processing", None),
                ("publish_attempted", Some(0)),
                ("processing", None),
                ("publish_attempted", Some(1)),
                ("publish_failed", Some(1)),
            ]
        );
        let logs = shown(GroupId::default(), &records);
        let failed = logs.last().unwrap();
        assert_eq!(
            (failed.error, failed.http_status),
            (Some("Error validating access token"), Some(401))
        );
        let metadata = failed.metadata.unwrap();
        assert_eq!(
            (metadata.error_code, metadata.retryable),
            ("PLATFORM_AUTH_EXPIRED", false)
        );
        // An attempt carries no error, even when its entry has one.
        assert!(
            logs.iter()
                .filter(|log| log.event != FAILED)
                .all(|log| log.error.is_none() && log.metadata.is_none())
        );
    }

    /// Q12: one entry of the group as a whole stands before that of its first target.
    #[test]
    fn the_group_begins_once_before_its_first_target() {
        let records = [
            record(1, LogKind::Processing, |_| {}),
            record(2, LogKind::Processing, |_| {}),
        ];
        let logs = shown(GroupId::default(), &records);
        let of_group: Vec<_> = logs
            .iter()
            .map(|log| log.post_id.is_none() && log.platform.is_none())
            .collect();
        assert_eq!(of_group, [true, false, false]);
        assert!(logs[0].id != logs[1].id && logs[0].created_at == logs[1].created_at);
    }

    /// Entries of one transaction get names that differ by one.
    #[test]
    fn the_entry_of_the_group_has_a_name_that_no_neighbour_has() {
        let mut records = [
            record(2, LogKind::Processing, |_| {}),
            record(3, LogKind::Processing, |_| {}),
        ];
        records[1].id = LogId::from_bytes([2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3]);
        let logs = shown(GroupId::default(), &records);
        let names: std::collections::HashSet<_> = logs.iter().map(|log| log.id).collect();
        assert_eq!(names.len(), 3);
        assert!(
            logs.iter().all(|log| log.id.as_bytes()[..4] == [2; 4]),
            "the time stays"
        );
    }

    /// Q24: a thread whose reply failed is the same here and in `get-post`.
    #[test]
    fn a_reply_that_failed_is_a_thread_that_stopped_on_its_way() {
        let failed = |part: u16| {
            let records = [record(1, LogKind::PublishFailed, |entry| {
                entry.data.insert("kind".to_owned(), "rate_limited".into());
                entry.data.insert("part".to_owned(), part.into());
            })];
            let metadata = shown(GroupId::default(), &records)[0].metadata.unwrap();
            (metadata.error_code, metadata.retryable)
        };
        assert_eq!(failed(Part::Head.number()), ("RATE_LIMITED", true));
        assert_eq!(failed(Part::Reply(1).number()), ("THREAD_PARTIALLY_PUBLISHED", false));
    }

    #[test]
    fn a_hundred_are_shown_in_order_of_time_and_hidden_ones_do_not_count() {
        let mut records = Vec::new();
        for seq in 1..=120 {
            records.push(record(seq, LogKind::PublishRetry, |_| {}));
            records.push(record(seq, LogKind::StatusChanged, |_| {}));
        }
        // The second entry tells of an earlier moment than the first.
        records[1].entry.at = Timestamp::from_second(1_774_000_090).unwrap();
        let logs = shown(GroupId::default(), &records);
        assert_eq!(logs.len(), 100);
        assert!(logs.is_sorted_by_key(|log| log.created_at.0));
    }

    #[test]
    fn what_was_found_too_late_or_cannot_be_confirmed_reads_as_a_failure() {
        let coded = |kind| {
            let records = [record(1, kind, |_| {})];
            shown(GroupId::default(), &records)[0]
                .metadata
                .map(|it| (it.error_code, it.retryable))
        };
        assert_eq!(coded(LogKind::Missed), Some(("PUBLISH_MISSED", true)));
        assert_eq!(coded(LogKind::Unconfirmed), Some(("PUBLISH_OUTCOME_UNKNOWN", false)));
        assert_eq!(coded(LogKind::PublishFailed), Some(("UNKNOWN_ERROR", false)));
    }

    #[test]
    fn a_success_is_told_once_although_the_id_is_found_later() {
        let records = [
            record(1, LogKind::PublishSucceeded, |_| {}),
            record(2, LogKind::OutcomeEstablished, |entry| {
                drop(entry.data.insert("remote_id".to_owned(), "179".into()));
            }),
        ];
        assert_eq!(events(&records), [("publish_succeeded", None)]);
    }

    #[test]
    fn every_kind_has_one_of_the_six_events_or_none() {
        let six = [
            "scheduled",
            "processing",
            "publish_attempted",
            "publish_succeeded",
            "publish_failed",
            "status_changed",
        ];
        for kind in LogKind::ALL {
            assert!(
                events(&[record(1, *kind, |_| {})])
                    .iter()
                    .all(|(event, _)| six.contains(event)),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn parts_after_the_head_and_platforms_without_a_word_are_not_told_of() {
        for (kind, part) in [
            (LogKind::PublishAttempted, Part::Reply(1)),
            (LogKind::PublishSucceeded, Part::Reply(1)),
            (LogKind::PublishFailed, Part::FirstComment),
        ] {
            let with_part = record(1, kind, |entry| {
                drop(entry.data.insert("part".to_owned(), part.number().into()));
            });
            assert_eq!(events(&[with_part]), [], "{kind:?}");
        }
        assert_eq!(
            events(&[record(1, LogKind::Scheduled, |entry| entry.platform = Some(Platform::Reddit))]),
            []
        );
    }
}
