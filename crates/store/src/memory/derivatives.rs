//! Which groups use which derivatives.

use async_trait::async_trait;
use domain::ids::GroupId;

use super::MemoryStore;
use crate::derivatives::Derivatives;
use crate::{Error, Result};

#[async_trait]
impl Derivatives for MemoryStore {
    async fn use_derivative(&self, group: GroupId, key: &str) -> Result<()> {
        self.write(|state| {
            if !state.groups.contains_key(&group) {
                return Err(Error::NotFound);
            }
            state.derivatives.insert((group, key.to_owned()));
            Ok(())
        })
    }
}
