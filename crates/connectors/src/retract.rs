//! What taking a post down has in common on all platforms.

use domain::error::{ErrorKind, PlatformError, Stage};
use domain::part::RemotePost;
use domain::platform::Platform;
use reqwest::RequestBuilder;

use crate::SendCtx;
use crate::http::{Answer, READ_BUDGET};

/// Makes the call, which the client for creating calls built, once.
pub(crate) async fn ask(
    ctx: &SendCtx<'_>,
    platform: Platform,
    request: RequestBuilder,
) -> Result<Answer, PlatformError> {
    let answer = ctx.http.once(request, READ_BUDGET).await;
    answer.map_err(|failure| failure.into_error(platform, Stage::Retract))
}

/// The id of a post as a piece of an address. What a person said of a post may hold anything.
pub(crate) fn plain_id(platform: Platform, remote: &RemotePost) -> Result<&str, PlatformError> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':' | '.');
    if remote.is_stand_in || remote.id.is_empty() || !remote.id.chars().all(is_plain) || remote.id.contains("..") {
        return Err(unknown_id(platform));
    }
    Ok(&remote.id)
}

/// What is said of a post whose id the platform cannot have given.
pub(crate) fn unknown_id(platform: Platform) -> PlatformError {
    let message = format!(
        "Broadside does not know this post's id on {0}; remove it at {0}",
        platform.name()
    );
    PlatformError::refused(platform, Stage::Retract, ErrorKind::Invalid, message)
}
