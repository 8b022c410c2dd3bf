//! What a run came to: one JSON object, and a few lines for people.

use std::collections::BTreeMap;
use std::io::Write;

use domain::post::PostState;
use serde::Serialize;

use super::Truth;
use super::book::Calls;

/// At most so many differences are printed.
const SHOWN_MAX: usize = 40;

/// The last line of a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// What the run's chances were derived from.
    pub seed: u64,
    /// Groups that clients tried to make.
    pub groups: usize,
    /// Targets of the groups that are there at the end.
    pub posts: usize,
    /// Posts out there, parts of threads apart.
    pub out_there: usize,
    /// Sends that were under way at some time.
    pub sends: usize,
    /// Entries of histories.
    pub log_rows: usize,
    /// How often the server was killed.
    pub kills: usize,
    /// Requests that were sent again because their answer had been lost.
    pub sent_again: usize,
    /// Single values that the API told and that were compared.
    pub compared: usize,
    /// What is not as it is told to be, one sentence each.
    pub differences: Vec<String>,
    /// How often clients did what.
    #[serde(flatten)]
    pub(super) calls: Calls,
    /// States of the posts, with their numbers.
    #[serde(skip)]
    pub states: Vec<(String, usize)>,
    /// Platforms that took part, with the number of their accounts.
    #[serde(skip)]
    pub platforms: Vec<(String, usize)>,
    /// Platforms that did not, and why.
    #[serde(skip)]
    pub left_out: Vec<String>,
    /// How long the run took, in seconds of the wall's clock.
    pub took_s: f64,
}

impl Report {
    /// The figures of what is there at the end.
    pub(super) fn of(truth: &Truth) -> Self {
        let posts = || truth.store.groups.iter().flat_map(|group| &group.posts);
        Self {
            posts: posts().count(),
            out_there: truth
                .world
                .published
                .iter()
                .filter(|one| one.reply_to.is_none())
                .count(),
            sends: posts().map(|post| post.intents.len()).sum(),
            log_rows: truth.store.groups.iter().map(|group| group.log.len()).sum(),
            states: counted(posts().map(|post| PostState::word(&post.state).to_owned())),
            ..Self::default()
        }
    }

    /// Nothing differs, and there was something to compare.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.differences.is_empty() && self.out_there > 0 && self.compared > 0
    }

    /// Prints the lines for people unless they are not wanted, and then the object.
    ///
    /// # Errors
    /// If `out` cannot be written.
    pub fn print(&self, out: &mut (dyn Write + Send), only_json: bool) -> anyhow::Result<()> {
        if !only_json {
            let list = |counts: &[(String, usize)]| {
                let words: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
                words.join(", ")
            };
            writeln!(out, "accounts: {}", list(&self.platforms))?;
            for why in &self.left_out {
                writeln!(out, "left out: {why}")?;
            }
            writeln!(out, "posts: {}", list(&self.states))?;
            for what in self.differences.iter().take(SHOWN_MAX) {
                writeln!(out, "DIFFERENCE: {what}")?;
            }
            if self.differences.len() > SHOWN_MAX {
                writeln!(out, "… and {} more", self.differences.len() - SHOWN_MAX)?;
            }
        }
        writeln!(out, "{}", serde_json::to_string(self)?)?;
        Ok(())
    }
}

/// How often each word comes, most often first.
fn counted(words: impl IntoIterator<Item = String>) -> Vec<(String, usize)> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}
