//! A post that is due while a file of its group is still to come.

use domain::error::{ErrorKind, PlatformError, Stage};
use domain::intent::Claim;
use domain::post::{Event, PostState};
use jiff::{SignedDuration, Timestamp};
use store::{FileState, MediaFile, Work};

use super::UploadError;
use crate::Engine;
use crate::context::Halt;
use crate::settle::{fail_unsent, unsent};

/// The shortest and the longest time until a post looks for its files again.
const LOOK_AGAIN: (SignedDuration, SignedDuration) = (SignedDuration::from_secs(1), SignedDuration::from_secs(30));

/// Puts a post off until its files are there. It fails when one cannot come any more or is of no use.
pub(crate) async fn await_files(engine: &Engine, claim: Claim, work: &Work) -> Result<PostState, Halt> {
    let now = engine.clock.now();
    let mut again_at = now;
    for id in &work.content.awaiting {
        let file = engine.store.media_file(*id).await?;
        match state_of(engine, file, now).await {
            Awaited::Here => {}
            Awaited::Until(at) => again_at = again_at.max(at),
            Awaited::Never(why) => {
                let error = PlatformError::refused(claim.platform, Stage::Validate, ErrorKind::Validation, why);
                return fail_unsent(engine, claim, work, &error).await;
            }
        }
    }
    let event = Event::Returned { at: again_at };
    Ok(engine.store.release(claim, unsent(event, now, Vec::new())).await?)
}

enum Awaited {
    /// It is part of the content by now.
    Here,
    /// It may be there then.
    Until(Timestamp),
    /// It will not come; in words for its owner.
    Never(String),
}

async fn state_of(engine: &Engine, file: Option<MediaFile>, now: Timestamp) -> Awaited {
    let Some(file) = file else {
        return Awaited::Never("A file of this post is gone".to_owned());
    };
    let never = |why: &str| Awaited::Never(format!("The file '{}' cannot be published: {why}", file.name));
    match &file.state {
        FileState::Ready(_) => Awaited::Here,
        FileState::Failed(why) => never(why),
        // Where clients upload to the storage itself, nobody tells when they are done.
        FileState::Uploading if engine.library.is_direct() => match engine.look_for(&file).await {
            Ok(_) | Err(UploadError::Done) => Awaited::Here,
            Err(error @ (UploadError::Unusable(_) | UploadError::TooLarge { .. })) => never(&error.to_string()),
            Err(_) => Awaited::Until(look_again(&file, now)),
        },
        FileState::Uploading => Awaited::Until(look_again(&file, now)),
    }
}

/// The longer an upload has taken, the longer until the next look.
fn look_again(file: &MediaFile, now: Timestamp) -> Timestamp {
    let (least, most) = LOOK_AGAIN;
    let after = (now.duration_since(file.created_at) / 4).clamp(least, most);
    now.saturating_add(after).unwrap_or(Timestamp::MAX)
}
