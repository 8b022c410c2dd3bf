//! What a command can refuse.

use domain::error::PlatformError;
use domain::plan::LimitReached;

use crate::context::Halt;

/// Why a command did nothing. Dialects render it in their own words.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing within the caller's reach.
    #[error("not found")]
    NotFound,
    /// Something stands in the way.
    #[error("{0}")]
    Conflict(store::Conflict),
    /// The plan of the user, or of who manages it, does not allow that much.
    #[error("{0}")]
    Limit(Box<LimitReached>),
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// A platform refused, or could not be reached, while it was asked directly.
    #[error("{}", .0.message)]
    Platform(#[from] Box<PlatformError>),
    /// The post may be live and nobody can tell: a person must decide.
    #[error(
        "the post may already be published; look at the account, then say `broadside resolve {0} --published URL` or `--send-again`"
    )]
    OutcomeUnknown(domain::ids::PostId),
    /// The storage of files does not do what it should.
    #[error("the media storage failed: {0}")]
    Files(String),
    /// The database does not answer. Nothing that was asked for can be relied on.
    #[error("the database is unavailable")]
    Unavailable(#[source] store::Error),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::NotFound => Self::NotFound,
            store::Error::Conflict(conflict) => Self::Conflict(conflict),
            store::Error::LimitReached(reached) => Self::Limit(reached),
            other => Self::Unavailable(other),
        }
    }
}

impl From<Halt> for Error {
    fn from(halt: Halt) -> Self {
        match halt {
            Halt::Store(error) => error.into(),
            Halt::LeaseLost | Halt::Stopped => Self::Unavailable(store::Error::Unavailable("stopping".to_owned())),
        }
    }
}

impl From<PlatformError> for Error {
    fn from(error: PlatformError) -> Self {
        Self::Platform(Box::new(error))
    }
}
