//! Pictures as a platform takes them: what it would refuse is converted, and what tells where it was taken is silenced.
//!
//! It happens at publishing, before the draft is held against the platform's rules, and gives the same files every time:
//! a post that goes on after a crash, or is prepared again, finds what it had.

use std::sync::Arc;

use connectors::MediaSource;
use domain::clock::BoxFut;
use domain::content::{Media, MediaKind};
use domain::derive::{Recipe, Survey};
use domain::error::{ErrorKind, PlatformError, Retry, Stage};
use domain::intent::Claim;
use domain::part::Part;

use crate::context::{Desk, Halt};
use crate::library::Library;
use crate::{Engine, record};

/// Stored files as the engine uses them: read by connectors, converted for platforms, deleted when nobody needs them.
///
/// What has nothing to convert leaves the defaults: pictures go as they are.
pub trait Files: MediaSource {
    /// What a picture's file says beside the picture.
    ///
    /// # Errors
    /// When it cannot be read or understood.
    fn survey<'a>(&'a self, _media: &'a Media) -> BoxFut<'a, Result<Survey, media::Error>> {
        Box::pin(async { Ok(Survey::default()) })
    }

    /// Under which key a derivative is kept; `None` for a file that cannot have any.
    fn derivative_key(&self, _media: &Media, _recipe: &Recipe) -> Option<String> {
        None
    }

    /// The derivative of a picture by this recipe: the stored one, or a new one.
    ///
    /// # Errors
    /// When it cannot be made.
    fn derive<'a>(&'a self, _media: &'a Media, _recipe: &'a Recipe) -> BoxFut<'a, Result<Media, media::Error>> {
        Box::pin(async { Err(media::Error::Unsupported) })
    }

    /// Deletes a file that nothing refers to any more; one that is gone already is fine.
    ///
    /// # Errors
    /// When the storage fails.
    fn discard<'a>(&'a self, _key: &'a str) -> BoxFut<'a, Result<(), media::Error>> {
        Box::pin(async { Ok(()) })
    }
}

impl Files for Library {
    fn survey<'a>(&'a self, media: &'a Media) -> BoxFut<'a, Result<Survey, media::Error>> {
        Box::pin(self.store.survey(media))
    }

    fn derivative_key(&self, media: &Media, recipe: &Recipe) -> Option<String> {
        media::derivative_key(media, recipe)
    }

    fn derive<'a>(&'a self, media: &'a Media, recipe: &'a Recipe) -> BoxFut<'a, Result<Media, media::Error>> {
        Box::pin(self.store.derive(media, recipe))
    }

    fn discard<'a>(&'a self, key: &'a str) -> BoxFut<'a, Result<(), media::Error>> {
        Box::pin(self.store.delete(key))
    }
}

/// Puts derivatives in place of the draft's pictures where the platform needs them, and notes what was converted.
pub(crate) async fn develop(
    engine: &Engine,
    claim: &Claim,
    desk: &mut Desk,
) -> Result<Result<(), PlatformError>, Halt> {
    let connector = Arc::clone(&desk.connector);
    let Some(rule) = &connector.capability().images else {
        return Ok(Ok(()));
    };
    let replies = (1..).map(Part::Reply).zip(&mut desk.draft.content.replies);
    let parts = std::iter::once((Part::Head, &mut desk.draft.content.head)).chain(replies);
    let is_live = |part| desk.work.live.iter().any(|(live, _)| *live == part);
    for (part, content) in parts.filter(|(part, _)| !is_live(*part)) {
        for media in content.media.iter_mut().filter(|media| media.kind == MediaKind::Image) {
            let survey = match engine.media.survey(media).await {
                Ok(survey) => survey,
                Err(error) => return Ok(Err(failed(claim, media, &error))),
            };
            let Some(recipe) = Recipe::for_picture(media, survey, rule) else {
                continue;
            };
            // A file that this library did not make goes as it is; the platform's rule says whether it may.
            let Some(key) = engine.media.derivative_key(media, &recipe) else {
                continue;
            };
            engine.store.use_derivative(claim.group, &key).await?;
            let made = match engine.media.derive(media, &recipe).await {
                Ok(made) => made,
                Err(error) => return Ok(Err(failed(claim, media, &error))),
            };
            desk.notes.push(record::converted(
                claim,
                part,
                media,
                &made,
                &recipe,
                engine.clock.now(),
            ));
            *media = made;
        }
    }
    Ok(Ok(()))
}

/// Nothing was sent. What is wrong with the file stays wrong; a storage that is away comes back.
fn failed(claim: &Claim, media: &Media, error: &media::Error) -> PlatformError {
    let name = media.name.as_deref().unwrap_or("An image");
    let refused = |kind| {
        let message = format!("{name} cannot be converted for {}: {error}", claim.platform.name());
        PlatformError::refused(claim.platform, Stage::Prepare, kind, message)
    };
    match error {
        media::Error::TooLarge { .. } | media::Error::TooManyPixels { .. } => refused(ErrorKind::TooLarge),
        error if error.is_about_the_file() => refused(ErrorKind::MediaRejected),
        media::Error::NotFound | media::Error::BadKey => refused(ErrorKind::MediaRejected),
        _ => refused(ErrorKind::NotReady).with_retry(Retry::BACKOFF),
    }
}
