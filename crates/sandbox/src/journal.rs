//! What the emulated world saw: every request, and every post that was really made.
//!
//! Invariants:
//! - A commit's line is handed to the operating system before the post exists for anybody, hence before any answer
//!   leaves. A post whose line cannot be written is not made.
//! - Look-ups go through indexes; no request scans all posts.

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::sync::Arc;

use domain::platform::Platform;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::fault::Class;

/// Request lines that stay in memory; older ones are in the file only.
const LINES_IN_MEMORY_MAX: usize = 20_000;
/// Bytes of request lines that wait for company before they are written.
const WAITING_BYTES_MAX: usize = 64 * 1024;
/// The most entries one read of the journal answers.
pub const PAGE_MAX: usize = 1_000;

/// A post, record or message that was really made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// Its place in the journal.
    pub seq: u64,
    /// When it was made, by the sandbox's clock.
    pub at: Timestamp,
    /// The platform that it is on.
    pub platform: Platform,
    /// The remote id of the account that made it.
    pub account: String,
    /// The platform's id: status id, `chat_id/message_id` of Telegram, `at://` address, post id, media id.
    pub remote_id: String,
    /// The public address.
    pub url: Option<String>,
    /// The text as the platform shows it, markup resolved.
    pub text: String,
    /// SHA-256 of each medium in lower-case hex, in order.
    #[serde(default)]
    pub media: Vec<String>,
    /// The alternative text of each medium, in order, empty where there is none.
    #[serde(default)]
    pub alt: Vec<String>,
    /// The remote id of the post that this one answers.
    #[serde(default)]
    pub reply_to: Option<String>,
    /// Everything else that was asked for (visibility, silent, facets, ...) in the platform's own words.
    #[serde(default)]
    pub settings: Value,
    /// What the platform recognises a repetition by: idempotency key, record key, container id.
    #[serde(default)]
    pub key: Option<String>,
    /// Whether it was deleted since.
    #[serde(default)]
    pub deleted: bool,
    /// When reads begin to show it.
    pub visible_at: Timestamp,
    /// The emulator's own notes about it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub notes: Value,
}

/// One request that came in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestLine {
    /// Its place in the journal.
    pub seq: u64,
    /// When it was answered, by the sandbox's clock.
    pub at: Timestamp,
    /// The platform that it was for.
    pub platform: Platform,
    /// The remote id of the account whose token it carried.
    pub account: Option<String>,
    /// What it was for.
    pub class: Class,
    /// The HTTP method.
    pub method: String,
    /// The path without query and without tokens.
    pub path: String,
    /// The HTTP status of the answer; none when the connection was dropped.
    pub status: Option<u16>,
    /// The fault that was applied.
    pub fault: Option<String>,
    /// The post that it made.
    pub commit: Option<u64>,
    /// What the request did that the platform's contract forbids, after `CONTRACT_VIOLATION: `. Such requests are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub violation: Option<String>,
}

/// Which posts are asked for; an absent field matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Filter {
    /// Only those on this platform.
    pub platform: Option<Platform>,
    /// Only those of the account with this remote id.
    pub account: Option<String>,
    /// Only those with exactly this text.
    pub text: Option<String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line {
    Request(RequestLine),
    Commit(Box<Published>),
    Edit { seq: u64, text: String, notes: Value },
    Delete { seq: u64, at: Timestamp },
    Reset { at: Timestamp },
}

/// What a platform wants to make; see [`Published`].
#[derive(Debug, Default)]
pub(crate) struct NewPost {
    pub(crate) remote_id: String,
    pub(crate) url: Option<String>,
    pub(crate) text: String,
    pub(crate) media: Vec<String>,
    pub(crate) alt: Vec<String>,
    pub(crate) reply_to: Option<String>,
    pub(crate) settings: Value,
    pub(crate) key: Option<String>,
    pub(crate) notes: Value,
}

/// Who makes a post, and when.
pub(crate) struct Author<'a> {
    pub(crate) platform: Platform,
    pub(crate) account: &'a str,
    pub(crate) at: Timestamp,
    pub(crate) read_lag_s: u64,
}

/// Posts with their indexes, and the file they are in.
#[derive(Debug)]
pub(crate) struct Ledger {
    file: Option<File>,
    waiting: Vec<u8>,
    next_seq: u64,
    lines: VecDeque<RequestLine>,
    posts: Vec<Arc<Published>>,
    by_seq: HashMap<u64, usize>,
    by_remote: HashMap<(Platform, String), usize>,
    by_key: HashMap<(Platform, String, String), usize>,
    by_text: HashMap<String, Vec<usize>>,
    by_account: HashMap<(Platform, String), Vec<usize>>,
}

impl Ledger {
    /// Opens the journal at `path` and reads back what was made, or keeps it in memory.
    pub(crate) fn open(path: Option<&Path>) -> io::Result<Self> {
        let mut ledger = Self {
            file: None,
            waiting: Vec::new(),
            next_seq: 1,
            lines: VecDeque::new(),
            posts: Vec::new(),
            by_seq: HashMap::new(),
            by_remote: HashMap::new(),
            by_key: HashMap::new(),
            by_text: HashMap::new(),
            by_account: HashMap::new(),
        };
        if let Some(path) = path {
            if path.exists() {
                ledger.reload(path)?;
            }
            ledger.file = Some(File::options().append(true).create(true).open(path)?);
        }
        Ok(ledger)
    }

    fn reload(&mut self, path: &Path) -> io::Result<()> {
        for line in BufReader::new(File::open(path)?).lines() {
            // A line cut by a crash of the machine is the last one; what it told of was never answered.
            let Ok(line) = serde_json::from_str::<Line>(&line?) else {
                continue;
            };
            match line {
                Line::Request(line) => {
                    self.next_seq = self.next_seq.max(line.seq + 1);
                    self.remember_line(line);
                }
                Line::Commit(post) => {
                    self.next_seq = self.next_seq.max(post.seq + 1);
                    self.insert(Arc::new(*post));
                }
                Line::Edit { seq, text, notes } => self.apply_edit(seq, text, notes),
                Line::Delete { seq, .. } => self.apply_delete(seq),
                Line::Reset { .. } => self.forget(),
            }
        }
        Ok(())
    }

    fn remember_line(&mut self, line: RequestLine) {
        if self.lines.len() >= LINES_IN_MEMORY_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    fn take_seq(&mut self) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        seq
    }

    /// Notes a request; the line is written together with the next commit, or when enough have gathered.
    pub(crate) fn note_request(&mut self, mut line: RequestLine) {
        line.seq = self.take_seq();
        if self.file.is_some() {
            append_line(&mut self.waiting, &Line::Request(line.clone()));
            if self.waiting.len() > WAITING_BYTES_MAX {
                // A lost request line is no lost post; the next commit will meet the same error and refuse.
                let _ = self.flush();
            }
        }
        self.remember_line(line);
    }

    /// Makes a post: its line reaches the operating system first.
    pub(crate) fn commit(&mut self, author: &Author<'_>, new: NewPost) -> io::Result<Arc<Published>> {
        let lag = i64::try_from(author.read_lag_s).unwrap_or(i64::MAX);
        let post = Published {
            seq: self.take_seq(),
            at: author.at,
            platform: author.platform,
            account: author.account.to_owned(),
            remote_id: new.remote_id,
            url: new.url,
            text: new.text,
            media: new.media,
            alt: new.alt,
            reply_to: new.reply_to,
            settings: new.settings,
            key: new.key,
            deleted: false,
            visible_at: author
                .at
                .saturating_add(jiff::SignedDuration::from_secs(lag))
                .unwrap_or(Timestamp::MAX),
            notes: new.notes,
        };
        self.write(&Line::Commit(Box::new(post.clone())))?;
        let post = Arc::new(post);
        self.insert(Arc::clone(&post));
        Ok(post)
    }

    /// Changes the text of the post `seq`.
    pub(crate) fn edit(&mut self, seq: u64, text: String, notes: Value) -> io::Result<()> {
        self.write(&Line::Edit {
            seq,
            text: text.clone(),
            notes: notes.clone(),
        })?;
        self.apply_edit(seq, text, notes);
        Ok(())
    }

    /// Marks the post `seq` as deleted.
    pub(crate) fn delete(&mut self, seq: u64, at: Timestamp) -> io::Result<()> {
        self.write(&Line::Delete { seq, at })?;
        self.apply_delete(seq);
        Ok(())
    }

    /// Forgets everything; the file keeps what it has, and a restart forgets it as well.
    pub(crate) fn reset(&mut self, at: Timestamp) -> io::Result<()> {
        self.write(&Line::Reset { at })?;
        self.forget();
        Ok(())
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        if self.file.is_some() {
            append_line(&mut self.waiting, line);
        }
        self.flush()
    }

    /// Hands waiting lines to the operating system in one write.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if let Some(file) = &mut self.file
            && !self.waiting.is_empty()
        {
            let written = file.write_all(&self.waiting);
            self.waiting.clear();
            written?;
        }
        Ok(())
    }

    fn insert(&mut self, post: Arc<Published>) {
        let at = self.posts.len();
        self.by_seq.insert(post.seq, at);
        self.by_remote.insert((post.platform, post.remote_id.clone()), at);
        if let Some(key) = &post.key {
            self.by_key
                .insert((post.platform, post.account.clone(), key.clone()), at);
        }
        self.by_text.entry(post.text.clone()).or_default().push(at);
        self.by_account
            .entry((post.platform, post.account.clone()))
            .or_default()
            .push(at);
        self.posts.push(post);
    }

    fn apply_edit(&mut self, seq: u64, text: String, notes: Value) {
        let Some(&at) = self.by_seq.get(&seq) else { return };
        if let Some(post) = self.posts.get_mut(at) {
            let post = Arc::make_mut(post);
            if let Some(same) = self.by_text.get_mut(&post.text) {
                same.retain(|other| *other != at);
            }
            self.by_text.entry(text.clone()).or_default().push(at);
            post.text = text;
            post.notes = notes;
        }
    }

    fn apply_delete(&mut self, seq: u64) {
        if let Some(post) = self.by_seq.get(&seq).and_then(|at| self.posts.get_mut(*at)) {
            Arc::make_mut(post).deleted = true;
        }
    }

    fn forget(&mut self) {
        self.lines.clear();
        self.posts.clear();
        self.by_seq.clear();
        self.by_remote.clear();
        self.by_key.clear();
        self.by_text.clear();
        self.by_account.clear();
    }

    fn at(&self, index: Option<&usize>) -> Option<Arc<Published>> {
        index.and_then(|at| self.posts.get(*at)).cloned()
    }

    /// The post at this place in the journal, deleted or not.
    pub(crate) fn by_seq(&self, seq: u64) -> Option<Arc<Published>> {
        self.at(self.by_seq.get(&seq))
    }

    /// The post with this remote id, deleted or not.
    pub(crate) fn by_remote(&self, platform: Platform, remote_id: &str) -> Option<Arc<Published>> {
        self.at(self.by_remote.get(&(platform, remote_id.to_owned())))
    }

    /// The newest post that this key made, deleted or not.
    pub(crate) fn by_key(&self, platform: Platform, account: &str, key: &str) -> Option<Arc<Published>> {
        self.at(self.by_key.get(&(platform, account.to_owned(), key.to_owned())))
    }

    /// The newest post of the account with exactly this text that still stands.
    pub(crate) fn last_with_text(&self, platform: Platform, account: &str, text: &str) -> Option<Arc<Published>> {
        let same = self.by_text.get(text)?;
        same.iter()
            .rev()
            .filter_map(|at| self.posts.get(*at))
            .find(|post| post.platform == platform && post.account == account && !post.deleted)
            .cloned()
    }

    /// The account's posts, newest first, deleted ones included.
    pub(crate) fn of_account(&self, platform: Platform, account: &str) -> impl Iterator<Item = &Arc<Published>> {
        self.by_account
            .get(&(platform, account.to_owned()))
            .into_iter()
            .flatten()
            .rev()
            .filter_map(|at| self.posts.get(*at))
    }

    /// How many posts the account ever made.
    pub(crate) fn count_of_account(&self, platform: Platform, account: &str) -> usize {
        self.by_account.get(&(platform, account.to_owned())).map_or(0, Vec::len)
    }

    /// Every post, oldest first.
    pub(crate) fn posts(&self) -> &[Arc<Published>] {
        &self.posts
    }

    /// The posts that match, oldest first.
    pub(crate) fn published(&self, filter: &Filter) -> Vec<Published> {
        let wanted = |post: &&Arc<Published>| {
            filter.platform.is_none_or(|platform| post.platform == platform)
                && filter.account.as_ref().is_none_or(|account| &post.account == account)
                && filter.text.as_ref().is_none_or(|text| &post.text == text)
        };
        let whole = |post: &Arc<Published>| Published::clone(post);
        match &filter.text {
            Some(text) => {
                let same = self.by_text.get(text).into_iter().flatten();
                same.filter_map(|at| self.posts.get(*at))
                    .filter(wanted)
                    .map(whole)
                    .collect()
            }
            None => self.posts.iter().filter(wanted).map(whole).collect(),
        }
    }

    /// Requests with a `seq` above `after`, oldest first, at most [`PAGE_MAX`].
    pub(crate) fn requests(&self, after: u64, limit: usize) -> Vec<RequestLine> {
        let from = self.lines.partition_point(|line| line.seq <= after);
        self.lines.range(from..).take(limit.min(PAGE_MAX)).cloned().collect()
    }
}

fn append_line(waiting: &mut Vec<u8>, line: &Line) {
    // Serialising these types to memory cannot fail; were it to, half a line would be skipped on reload.
    let _ = serde_json::to_writer(&mut *waiting, line);
    waiting.push(b'\n');
}

impl Drop for Ledger {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

#[cfg(test)]
mod tests;
