//! Which groups use which derivatives.

use async_trait::async_trait;
use domain::ids::GroupId;
use rusqlite::params;

use crate::derivatives::Derivatives;
use crate::sqlite::{SqliteStore, sql};
use crate::{Error, Result};

#[async_trait]
impl Derivatives for SqliteStore {
    async fn use_derivative(&self, group: GroupId, key: &str) -> Result<()> {
        let key = key.to_owned();
        self.writer
            .call(move |tx| {
                let noted = tx.one(sql::ADD_DERIVATIVE, params![group.as_bytes(), key], |row| {
                    Ok(row.get::<_, String>(0)?)
                })?;
                noted.map(|_| ()).ok_or(Error::NotFound)
            })
            .await
    }
}
