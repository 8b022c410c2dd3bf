//! The classic way to upload a video: `start`, chunks, `finish`; or all of it at once.

use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::videos::{Purpose, Video, end, incomplete, publish, take_in, with_video};
use super::{Facebook, class_of, makes_visible, new_id, schedule, success};
use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Handled, Turn, open};
use crate::fetch::fetch_to;
use crate::graph::{self, Asked, amended, invalid, own_user, refusal};
use crate::world::{Shared, lock};

/// Bytes of a chunk.
const CHUNK_BYTES: u64 = 1024 * 1024;
/// Bytes of a video that comes in chunks.
const VIDEO_BYTES_MAX: u64 = 10 * 1024 * 1024 * 1024;
/// Bytes of a video that comes at once or is fetched.
const AT_ONCE_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Seconds from now in which a video can be scheduled.
const SCHEDULE_S: (i64, i64) = (10 * 60, 30 * 24 * 3_600);

pub(super) async fn classic(
    State(world): State<Shared>,
    Path((_version, page)): Path<(String, String)>,
    call: Call,
) -> Handled {
    let asked = Asked::read(&call);
    let phase = asked.text("upload_phase").to_ascii_lowercase();
    let ends = matches!(phase.as_str(), "" | "finish");
    let class = class_of(ends && makes_visible(&asked));
    let text = asked.text("description");
    let mut turn = open(&world, Facebook, &call, asked.credential(), class, &text).await?;
    let answer = match (own_user(&turn, &page), phase.as_str()) {
        (Err(refused), _) => Err(refused),
        (Ok(account), "") => at_once(&mut turn, &account, &asked).await,
        (Ok(account), "start") => start(&turn, &account, &asked),
        (Ok(_), "transfer") => transfer(&turn, &asked),
        (Ok(account), "finish") => finish(&mut turn, &account, &asked).await,
        (Ok(_), "cancel") => cancel(&turn, &asked),
        _ => Err(invalid(
            "Param upload_phase must be one of {start, transfer, finish, cancel}",
        )),
    };
    Ok(turn.close(answer).await)
}

async fn at_once(turn: &mut Turn<Facebook>, account: &Account, asked: &Asked) -> Result<Answer, Answer> {
    let mut video = Video::new(turn, account, Purpose::Feed, None)?;
    let mut spool = video.spool.take().ok_or_else(|| graph::server_error(503))?;
    match (asked.fields.file("source"), asked.fields.text("file_url")) {
        (Some(file), _) => spool.append(&file.bytes).map_err(|_| graph::server_error(503))?,
        (None, Some(address)) => {
            let fetched = fetch_to(&turn.world.clock, &address, AT_ONCE_BYTES_MAX, &mut spool).await;
            fetched.map_err(|_| refusal(389, 1_363_042, "Unable to fetch video file from URL."))?;
        }
        (None, None) => return Err(invalid("The parameter source or file_url is required")),
    }
    let id = new_id(turn);
    lock(&turn.world.facebook.videos).insert(id.clone(), video);
    take_in(turn, &id, spool).await?;
    conclude(turn, account, &id, asked)?;
    Ok(Answer::ok(&json!({ "id": id })))
}

/// A whole upload becomes a post, unless it is to stay unpublished.
fn conclude(turn: &mut Turn<Facebook>, account: &Account, id: &str, asked: &Asked) -> Result<(), Answer> {
    schedule(turn, asked, SCHEDULE_S.0, SCHEDULE_S.1)?;
    end(turn, id, asked)?;
    if makes_visible(asked) {
        publish(turn, account, id)?;
    }
    Ok(())
}

fn offsets(video: &Video) -> (String, String) {
    let end = video.size.unwrap_or_default().min(video.received + CHUNK_BYTES);
    (video.received.to_string(), end.to_string())
}

fn start(turn: &Turn<Facebook>, account: &Account, asked: &Asked) -> Result<Answer, Answer> {
    let size = asked.text("file_size").parse::<u64>().ok();
    let size = size.filter(|size| (1..=VIDEO_BYTES_MAX).contains(size));
    let size = size.ok_or_else(|| invalid("The parameter file_size is required"))?;
    let id = new_id(turn);
    let video = Video::new(turn, account, Purpose::Feed, Some(size))?;
    let (start_offset, end_offset) = offsets(&video);
    lock(&turn.world.facebook.videos).insert(id.clone(), video);
    Ok(Answer::ok(&json!({
        "video_id": id,
        "upload_session_id": session_of(&id),
        "start_offset": start_offset,
        "end_offset": end_offset,
    })))
}

/// A session has a name of its own.
fn session_of(id: &str) -> String {
    format!("9{id}")
}

/// The video of the session that is named.
fn video_of(asked: &Asked) -> Result<String, Answer> {
    let session = asked.text("upload_session_id");
    let id = session.strip_prefix('9').filter(|id| !id.is_empty());
    id.map(str::to_owned)
        .ok_or_else(|| invalid("Param upload_session_id is invalid"))
}

fn with_session<T>(
    turn: &Turn<Facebook>,
    asked: &Asked,
    work: impl FnOnce(&mut Video, &str) -> Result<T, Answer>,
) -> Result<T, Answer> {
    let id = video_of(asked)?;
    with_video(turn, &id, |video| {
        if video.has_expired(turn.now) {
            return Err(invalid("Param upload_session_id is invalid: the session has expired"));
        }
        video.remember(&turn.picked);
        work(video, &id)
    })
}

fn transfer(turn: &Turn<Facebook>, asked: &Asked) -> Result<Answer, Answer> {
    let chunk = asked
        .fields
        .file("video_file_chunk")
        .ok_or_else(|| invalid("The parameter video_file_chunk is required"))?;
    let length = u64::try_from(chunk.bytes.len()).unwrap_or(u64::MAX);
    with_session(turn, asked, |video, id| {
        let (start_offset, end_offset) = offsets(video);
        let total = video.size.unwrap_or_default();
        let belongs = asked.text("start_offset") == start_offset && video.received.saturating_add(length) <= total;
        let spool = video.spool.as_mut().filter(|_| belongs && length > 0);
        let Some(spool) = spool else {
            return Err(misplaced(id, &start_offset, &end_offset));
        };
        spool.append(&chunk.bytes).map_err(|_| graph::server_error(503))?;
        video.received = spool.len();
        let (start_offset, end_offset) = offsets(video);
        Ok(Answer::ok(
            &json!({ "start_offset": start_offset, "end_offset": end_offset }),
        ))
    })
}

/// A chunk that belongs elsewhere; the error says where to go on, as an object or as text that holds one.
fn misplaced(id: &str, start_offset: &str, end_offset: &str) -> Answer {
    let data = json!({ "start_offset": start_offset, "end_offset": end_offset });
    let data = if id.ends_with(['1', '3', '5', '7', '9']) {
        Value::String(data.to_string())
    } else {
        data
    };
    let answer = refusal(
        6_001,
        1_363_037,
        "There was a problem uploading your video. Please try again.",
    );
    amended(answer, &[("error_data", data)])
}

async fn finish(turn: &mut Turn<Facebook>, account: &Account, asked: &Asked) -> Result<Answer, Answer> {
    let id = video_of(asked)?;
    let spool = with_session(turn, asked, |video, _| {
        if video.medium.is_some() {
            // It was taken in by a finish that was refused later.
            return Ok(None);
        }
        if Some(video.received) != video.size {
            return Err(incomplete());
        }
        Ok(video.spool.take())
    })?;
    if let Some(spool) = spool {
        take_in(turn, &id, spool).await?;
    }
    conclude(turn, account, &id, asked)?;
    Ok(success())
}

fn cancel(turn: &Turn<Facebook>, asked: &Asked) -> Result<Answer, Answer> {
    let id = with_session(turn, asked, |_, id| Ok(id.to_owned()))?;
    lock(&turn.world.facebook.videos).remove(&id);
    Ok(success())
}
