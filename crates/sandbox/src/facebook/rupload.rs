//! The upload host of reels and stories: one request that can be taken up again where it broke off.

use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use http_body_util::BodyExt as _;
use serde_json::json;

use super::Facebook;
use super::videos::{take_in, with_video};
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Handled, Turn, cut_after, open_in_part};
use crate::fault::Class;
use crate::fetch::fetch_to;
use crate::graph;
use crate::spool::Spool;
use crate::world::Shared;

/// Bytes of a video that is fetched.
const FETCH_BYTES_MAX: usize = 1024 * 1024 * 1024;

/// How the upload host refuses; it does not speak the language of the Graph API.
fn refusal(kind: &str, message: &str, is_retriable: bool) -> Answer {
    let info = json!({ "retriable": is_retriable, "type": kind, "message": message });
    Answer::json(400, &json!({ "debug_info": info }))
}

fn failed() -> Answer {
    refusal("ProcessingFailedError", "Request processing failed", false)
}

/// How the bytes of a request came in.
enum Came {
    Whole,
    /// The caller went away, or a script cut the line.
    InPart,
}

pub(super) async fn take(
    State(world): State<Shared>,
    Path((_version, id)): Path<(String, String)>,
    request: Request,
) -> Handled {
    let (parts, body) = request.into_parts();
    let call = Call::of(parts, Bytes::new());
    let credential = Credential::Access(call.authorization("oauth"));
    let mut turn = open_in_part(&world, Facebook, &call, credential, Class::Upload, "").await?;
    let answer = match begin(&mut turn, &call, &id) {
        Err(refused) => Err(refused),
        Ok((spool, size)) => match call.header("file_url") {
            Some(address) => pull(&turn, &id, spool, address).await,
            None => match receive(&turn, &id, spool, body, size).await {
                Ok(Came::Whole) => end(&turn, &id, size).await,
                Ok(Came::InPart) => return Ok(turn.hang_up()),
                Err(refused) => Err(refused),
            },
        },
    };
    Ok(turn.close(answer).await)
}

/// Checks the headers and takes the file out of its video, so that nobody else writes to it meanwhile.
fn begin(turn: &mut Turn<Facebook>, call: &Call, id: &str) -> Result<(Spool, u64), Answer> {
    if call.query("access_token").is_some() {
        turn.violates("a token in the query of an upload");
        return Err(graph::invalid("The token belongs in the Authorization header"));
    }
    let is_pull = call.header("file_url").is_some();
    let number = |name: &str| call.header(name).and_then(|value| value.parse::<u64>().ok());
    let (offset, size) = match (number("offset"), number("file_size")) {
        (Some(offset), Some(size)) if size > 0 => (offset, size),
        _ if is_pull => (0, 0),
        _ => return Err(graph::invalid("The headers offset and file_size are required")),
    };
    with_video(turn, id, |video| {
        if video.has_expired(turn.now) {
            return Err(refusal(
                "ProcessingFailedError",
                "The upload session has expired",
                false,
            ));
        }
        video.remember(&turn.picked);
        if video.medium.is_some() {
            return Err(refusal("OffsetInvalidError", "The file is complete", false));
        }
        if !is_pull && (offset != video.received || video.size.is_some_and(|known| known != size)) {
            return Err(refusal(
                "OffsetInvalidError",
                "Request starting offset is invalid",
                true,
            ));
        }
        let busy = || refusal("PartialRequestError", "Another request is uploading", true);
        let spool = video.spool.take().ok_or_else(busy)?;
        video.size = (!is_pull).then_some(size);
        Ok((spool, size))
    })
}

/// Writes what comes, and keeps it even when the rest does not.
async fn receive(turn: &Turn<Facebook>, id: &str, mut spool: Spool, mut body: Body, size: u64) -> Result<Came, Answer> {
    let mut left = cut_after(&turn.picked);
    let mut came = Came::Whole;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            came = Came::InPart;
            break;
        };
        let Ok(mut piece) = frame.into_data() else { continue };
        if let Some(left) = &mut left {
            piece.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left -= u64::try_from(piece.len()).unwrap_or(*left);
        }
        let fits = spool
            .len()
            .saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX))
            <= size;
        if !fits || spool.append(&piece).is_err() {
            break;
        }
        if left == Some(0) {
            came = Came::InPart;
            break;
        }
    }
    if cut_after(&turn.picked).is_some() {
        came = Came::InPart;
    }
    with_video(turn, id, |video| {
        video.received = spool.len();
        video.spool = Some(spool);
        Ok(came)
    })
}

/// Looks at what came: all of it, or less.
async fn end(turn: &Turn<Facebook>, id: &str, size: u64) -> Result<Answer, Answer> {
    let spool = with_video(turn, id, |video| {
        if video.received < size {
            let message = "Partial request (did not match length of file)";
            return Err(refusal("PartialRequestError", message, true));
        }
        video.spool.take().ok_or_else(failed)
    })?;
    take_in(turn, id, spool).await?;
    Ok(super::success())
}

/// Fetches the file from where the caller has it.
async fn pull(turn: &Turn<Facebook>, id: &str, mut spool: Spool, address: &str) -> Result<Answer, Answer> {
    if fetch_to(&turn.world.clock, address, FETCH_BYTES_MAX, &mut spool)
        .await
        .is_ok()
    {
        take_in(turn, id, spool).await?;
        return Ok(super::success());
    }
    with_video(turn, id, |video| {
        // The next try begins with an empty file.
        video.spool = Spool::new().ok();
        Err(failed())
    })
}
