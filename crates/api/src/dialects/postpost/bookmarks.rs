//! X bookmarks: a beta of the original that its owners switch on for single accounts. This server answers as one on which
//! it is switched on for nobody (`docs/dialects/postpost.md`).

use super::Postpost;
use super::error::Error;
use super::routes::Answer;
use crate::dialect::Caller;
use crate::openapi::{Doc, Endpoint};

/// What every operation about bookmarks answers.
const NOT_ENABLED: &str = "X bookmarks are not enabled for this account";

macro_rules! docs {
    ($($name:ident = $summary:literal;)+) => {
        $(static $name: Doc = Doc::new("X bookmarks", $summary, &[])
            .words("A beta that this server does not have: always refused.")
            .errors(&[(403, &[NOT_ENABLED])]);)+
    };
}

docs! {
    SYNC = "Would fetch new bookmarks";
    LIST = "Would list bookmarks";
    GET = "Would show one bookmark";
    EXPORT = "Would give bookmarks in one piece";
    BALANCE = "Would tell how many bookmarks are left";
    SETTINGS = "Would tell the settings of bookmarks";
    SET = "Would change the settings of bookmarks";
    MEDIA = "Would tell how far the media of bookmarks are";
    HISTORY = "Would list earlier fetches of bookmarks";
}

/// All of them.
pub(super) fn endpoints() -> [Endpoint; 9] {
    [
        Endpoint::post("/x-bookmarks/sync", refuse, &SYNC),
        Endpoint::get("/x-bookmarks", refuse, &LIST),
        Endpoint::get("/x-bookmarks/{id}", refuse, &GET),
        Endpoint::get("/x-bookmarks/export", refuse, &EXPORT),
        Endpoint::get("/x-bookmarks/balance", refuse, &BALANCE),
        Endpoint::get("/x-bookmarks/user/settings", refuse, &SETTINGS),
        Endpoint::put("/x-bookmarks/user/settings", refuse, &SET),
        Endpoint::get("/x-bookmarks/user/media-stats", refuse, &MEDIA),
        Endpoint::get("/x-bookmarks/sync/history", refuse, &HISTORY),
    ]
}

async fn refuse(_: Caller<Postpost>) -> Answer {
    Err(Error::Forbidden {
        code: "X_BOOKMARKS_NOT_ENABLED",
        words: NOT_ENABLED,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Door;

    /// Q21.
    #[tokio::test]
    async fn bookmarks_are_refused_as_a_beta_that_is_not_enabled() {
        let door = Door::open().await;
        for endpoint in endpoints() {
            let path = endpoint.path.replace("{id}", "1234567890");
            let answer = door.postpost(endpoint.method, &path, "{}").await;
            let expected = serde_json::json!({ "error": NOT_ENABLED, "code": "X_BOOKMARKS_NOT_ENABLED" });
            assert_eq!((answer.status, answer.json()), (403, expected), "{path}");
        }
    }
}
