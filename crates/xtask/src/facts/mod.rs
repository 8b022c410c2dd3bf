//! Checks what a server answers against files of facts, each of which starts from a freshly prepared owner.
//!
//! A fact names a fixture (the state it needs) and one or more steps (a request, or a delivery to wait for) with what
//! must hold of each. The rule of doubt governs everything here: a fixture, a variable or a key that is not defined
//! fails the fact; nothing undefined ever passes.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use domain::clock::Clock;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::clock::SystemClock;
use crate::product;

mod body;
mod client;
mod expect;
mod fact;
mod fixtures;
mod http;
mod paths;
mod receiver;
mod steps;
mod vars;

#[cfg(test)]
mod scripted;
#[cfg(test)]
mod tests;

pub use fact::Issue;
pub use fixtures::{CommandFixtures, Fixtures, Prepared};

/// How many facts are under way at once. Preparations may run side by side.
const AT_ONCE_MAX: usize = 4;

/// Which facts to check.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// core: the core facts alone; whole: every fact, which is also what happens without this option.
    #[arg(long, value_enum)]
    pub issue: Option<Issue>,
    /// Files of facts; without any, the project's own under facts/.
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// How many facts passed, failed and were skipped; the sum is the number of facts chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Facts of which everything held.
    pub passed: usize,
    /// Facts of which something did not hold or was not defined.
    pub failed: usize,
    /// Facts of the profile `later`.
    pub skipped: usize,
}

impl Summary {
    /// Something passed and nothing failed.
    #[must_use]
    pub fn is_success(self) -> bool {
        self.failed == 0 && self.passed > 0
    }
}

/// The server that facts are checked against.
#[derive(Debug)]
pub struct Server {
    /// Its address without a slash at the end.
    pub base_url: String,
    /// How it is brought into the state that a fact needs.
    pub fixtures: Box<dyn Fixtures>,
    /// The runner's clock, which `near` and the runner's variables use.
    pub clock: Arc<dyn Clock>,
}

/// Starts a fresh server and checks the facts; prints a `FAIL id: why` line for each that fails and a line of counts.
///
/// # Errors
/// If a file cannot be read, the server cannot be started, or `out` cannot be written. A failing fact is no error.
pub async fn run(options: &Options, out: &mut (dyn Write + Send)) -> anyhow::Result<Summary> {
    let facts = load(&if options.files.is_empty() {
        own_files()?
    } else {
        options.files.clone()
    })?;
    let binary = product::binary().await?;
    let demo = product::Demo::start(&binary).await?;
    let server = Server {
        base_url: demo.base_url().to_owned(),
        fixtures: Box::new(CommandFixtures::new(binary, demo.data().to_owned())),
        clock: Arc::new(SystemClock),
    };
    let summary = check_all(Arc::new(server), facts, options.issue, out).await;
    demo.stop().await?;
    summary
}

/// The project's own files of facts, sorted by name.
///
/// # Errors
/// If the folder cannot be read.
pub fn own_files() -> anyhow::Result<Vec<PathBuf>> {
    let folder = crate::repository().join("facts/postpost");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut files = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    Ok(files)
}

/// The facts of `files` in order. A file is a JSON object whose key `facts` or `examples` holds the list.
///
/// # Errors
/// If a file cannot be read or is not of that form.
pub fn load(files: &[PathBuf]) -> anyhow::Result<Vec<Value>> {
    let mut facts = Vec::new();
    for file in files {
        let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut whole: Value =
            serde_json::from_slice(&text).with_context(|| format!("{} is no JSON", file.display()))?;
        let list = ["facts", "examples"]
            .iter()
            .find_map(|key| whole.get_mut(key).map(Value::take));
        let Some(Value::Array(mut list)) = list else {
            anyhow::bail!("{} has no list under the key facts or examples", file.display());
        };
        facts.append(&mut list);
    }
    Ok(facts)
}

/// Checks those of `facts` that `issue` chooses against a running server, some at once; prints in the order of `facts`.
///
/// # Errors
/// If `out` cannot be written.
pub async fn check_all(
    server: Arc<Server>,
    facts: Vec<Value>,
    issue: Option<Issue>,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<Summary> {
    let mut summary = Summary::default();
    let room = Arc::new(Semaphore::new(AT_ONCE_MAX));
    let mut under_way = JoinSet::new();
    for (index, value) in facts
        .into_iter()
        .filter(|value| fact::is_chosen(value, issue))
        .enumerate()
    {
        if fact::is_for_later(&value) {
            summary.skipped += 1;
            continue;
        }
        let (server, room) = (Arc::clone(&server), Arc::clone(&room));
        under_way.spawn(async move {
            let _permit = room.acquire_owned().await;
            (index, fact::name(&value, index), check(&server, &value).await)
        });
    }
    let mut results = under_way.join_all().await;
    results.sort_by_key(|(index, ..)| *index);
    for (_, name, result) in results {
        match result {
            Ok(()) => summary.passed += 1,
            Err(why) => {
                summary.failed += 1;
                writeln!(out, "FAIL {name}: {}", on_one_line(&why))?;
            }
        }
    }
    writeln!(
        out,
        "{} passed, {} failed, {} skipped",
        summary.passed, summary.failed, summary.skipped
    )?;
    Ok(summary)
}

/// Checks one fact; the error says why it failed.
async fn check(server: &Server, value: &Value) -> Result<(), String> {
    let fact = fact::Fact::parse(value)?;
    let fixture = fixtures::named(&fact.fixture)?;
    let mut receiver = match fact.needs_receiver() {
        true => Some(receiver::Receiver::start(Arc::clone(&server.clock)).await?),
        false => None,
    };
    let url = receiver.as_ref().map(|receiver| receiver.url().to_owned());
    let prepared = server.fixtures.prepare(fixture.name, url.as_deref()).await?;
    let mut variables = vars::Variables::of_runner(server.clock.now(), &new_email(server))?;
    variables.add_prepared(fixture, &prepared)?;
    let alone = fact.steps.len() == 1;
    for (index, step) in fact.steps.iter().enumerate() {
        let outcome = steps::run(server, step, &mut variables, receiver.as_mut()).await;
        outcome.map_err(|why| {
            if alone {
                why
            } else {
                format!("step {}: {why}", index + 1)
            }
        })?;
    }
    Ok(())
}

/// An address that no user of the server has, because it is made of this moment and a number that is never used again.
fn new_email(server: &Server) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!(
        "fact-{}-{}-{number}@mail.example",
        server.clock.now().as_millisecond(),
        std::process::id()
    )
}

/// A reason as one line of bounded length, since it may quote what a server sent.
fn on_one_line(why: &str) -> String {
    const CHARS_MAX: usize = 600;
    let flat: String = why
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(CHARS_MAX)
        .collect();
    if why.chars().count() > CHARS_MAX {
        format!("{flat}…")
    } else {
        flat
    }
}
