//! Golden transcripts: each file of `golden/` is replayed in its order, and what comes back must be what stands there.
//! Ids and times are replaced by names, so that a transcript reads like a conversation.
//!
//! A request is `METHOD path`, an optional body, and `###` ends the step; `{{name}}` stands for something seen before.

use std::collections::HashMap;
use std::fmt::Write;

use domain::platform::Platform;
use insta::assert_snapshot;

use super::refused_token;
use crate::testing::Door;

/// Names for ids, in the order in which they are first seen.
#[derive(Default)]
struct Names {
    of: HashMap<String, String>,
}

impl Names {
    /// The raw text, so that the order of keys is pinned too, with a line for each element of a list.
    fn redacted(&mut self, body: &str) -> String {
        for word in body.split('"') {
            let is_id = word.len() == 24 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_id && !self.of.values().any(|known| known == word) {
                let name = format!("id{}", self.of.len() + 1);
                self.of.insert(name, word.to_owned());
            }
        }
        let text = self.of.iter().fold(body.to_owned(), |text, (name, id)| {
            text.replace(id, &format!("{{{{{name}}}}}"))
        });
        text.replace("[{", "[\n  {").replace("},{", "},\n  {")
    }

    fn filled(&self, text: &str) -> String {
        self.of.iter().fold(text.to_owned(), |text, (name, id)| {
            text.replace(&format!("{{{{{name}}}}}"), id)
        })
    }
}

async fn replay(door: &Door, transcript: &str) -> String {
    let mut names = Names::default();
    let mut out = String::new();
    for step in transcript.split("###\n").filter(|step| !step.trim().is_empty()) {
        let (line, body) = step.trim().split_once('\n').unwrap_or((step.trim(), ""));
        if line == "PUBLISH" {
            door.publish().await;
            continue;
        }
        let (method, path) = line.split_once(' ').unwrap();
        let answer = door
            .postpost(method, &names.filled(path), names.filled(body.trim()))
            .await;
        writeln!(
            out,
            "{line}\n{}\n{} {}",
            body.trim(),
            answer.status,
            answer.header("content-type")
        )
        .unwrap();
        out.push_str(&names.redacted(&answer.body));
        out.push_str("\n\n");
    }
    out
}

#[tokio::test]
async fn a_draft_from_its_creation_to_its_deletion() {
    let door = Door::open().await;
    assert_snapshot!("draft", replay(&door, include_str!("../golden/draft.http")).await);
}

#[tokio::test]
async fn a_published_and_a_failed_target() {
    let door = Door::open().await;
    door.scripts.answer(Platform::Threads, refused_token());
    door.scripts.answer(Platform::Threads, refused_token());
    assert_snapshot!("publish", replay(&door, include_str!("../golden/publish.http")).await);
}

#[tokio::test]
async fn refusals_and_unknown_routes() {
    let door = Door::open().await;
    assert_snapshot!("refusals", replay(&door, include_str!("../golden/refusals.http")).await);
}
