//! Which groups use which derivatives: pictures that were converted for a platform.

use async_trait::async_trait;
use domain::ids::GroupId;

use crate::Result;

/// The verbs on derivatives.
#[async_trait]
pub trait Derivatives: Send + Sync {
    /// Notes that the group uses the derivative under this key; noting it again changes nothing. It is noted before the
    /// file is made, so that no file is ever without a group. [`crate::Store::prune`] forgets it with the group and
    /// returns keys that no group uses any more. [`crate::Error::NotFound`] for an unknown group.
    ///
    /// Race: another group's last use may be pruned, and the file deleted, right after this. A derivative is made again
    /// from the same bytes when it is missed.
    async fn use_derivative(&self, group: GroupId, key: &str) -> Result<()>;
}
