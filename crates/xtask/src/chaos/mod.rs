//! Kills the real server again and again while it publishes, and lets the world outside say whether anything was made
//! twice or lost.
//!
//! The server is the product's own binary with `serve`'s own defaults; the world outside is a process that is never
//! killed. Clients make, retry, edit and delete posts meanwhile, and send a request again when its answer is lost.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use domain::capability::Capability;
use domain::clock::Clock;
use domain::platform::Platform;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::clock::SystemClock;
use crate::product::{self, ScratchFolder};
use crate::real_servers::world::RealWorld;
use crate::real_servers::{self, Which};

pub(crate) mod admin;
pub(crate) mod api;
mod book;
mod clients;
mod conclude;
pub(crate) mod control;
pub(crate) mod database;
pub(crate) mod emulated;
pub(crate) mod outside;
pub(crate) mod processes;
mod report;
mod storm;
pub(crate) mod time;
mod timing;
mod verdict;

use book::{Book, Deletion};
use clients::{Address, Callers};
use database::{Database, PostRow};
use outside::{Outside, Target};
use processes::{SandboxProcess, Server};
use storm::{SENDING_MIN, Storm, TRIES_MAX};
use time::{Deadline, Time, pause};

pub use report::{Details, Half, Report, Spread};

/// How many times as fast time runs by default when all of the world is emulated.
const FACTOR: f64 = 30.0;
/// The same against a real server, which takes its own time to answer.
const FACTOR_REAL: f64 = 10.0;
/// One account of each platform for so many posts, but not fewer and not more than these.
const POSTS_PER_ACCOUNT: usize = 50;
const ACCOUNTS_MIN: usize = 4;
const ACCOUNTS_MAX: usize = 40;
/// A real server is one platform alone.
const ACCOUNTS_REAL: usize = 12;
/// After the last kill everything must come to its end within this shared time, and this wall time on top.
const ENDED_WITHIN: Duration = Duration::from_secs(45 * 60);
const ENDED_WITHIN_WALL: Duration = Duration::from_secs(10);
const SABOTAGED_ENDED_WITHIN: Duration = Duration::from_secs(2 * 60);
/// Failed posts are retried this often at the end, as a person would.
const LAST_RETRIES: usize = 2;

/// What the server does wrong on purpose, to show that this check notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Sabotage {
    /// Sends before the intent is durable.
    SkipIntent,
    /// Takes an unknown outcome for a failure and sends again.
    RetryBlindly,
    /// Forgets what a send came to.
    ForgetSettle,
}

impl Sabotage {
    const fn word(self) -> &'static str {
        match self {
            Self::SkipIntent => "skip-intent",
            Self::RetryBlindly => "retry-blindly",
            Self::ForgetSettle => "forget-settle",
        }
    }
}

/// How hard to try.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Posts to make.
    #[arg(long, default_value_t = 200)]
    pub posts: usize,
    /// Kills, half of them at named places; more when there are more places than that.
    #[arg(long, default_value_t = 5)]
    pub kills: usize,
    /// What all chances are derived from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many times as fast every clock runs [default: 30, and 10 against a real server].
    #[arg(long)]
    pub factor: Option<f64>,
    /// Publishes to a real server that runs on this machine instead of to the emulated platforms.
    #[arg(long, value_enum)]
    pub against: Option<Which>,
    /// Publishes to every emulated platform that there is a connector for, and not only to one of each kind.
    #[arg(long, conflicts_with = "against")]
    pub all_platforms: bool,
    /// Lets the server do one thing wrong: this must make the check fail.
    #[arg(long, value_enum)]
    pub sabotage: Option<Sabotage>,
    /// Prints nothing but the last line.
    #[arg(long)]
    pub json: bool,
    /// Leaves databases, journals and logs in this new folder.
    #[arg(long, value_name = "FOLDER")]
    pub keep: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            posts: 200,
            kills: 5,
            seed: 1,
            factor: None,
            against: None,
            all_platforms: false,
            sabotage: None,
            json: false,
            keep: None,
        }
    }
}

/// Runs, prints the lines for people and the JSON object to `out`, and returns the report. Progress goes to stderr.
///
/// # Errors
/// If the product cannot be built or started, ends by itself, or leaves a request without an answer for minutes.
pub async fn run(options: &Options, out: &mut (dyn Write + Send)) -> anyhow::Result<Report> {
    ensure!(options.posts > 0, "--posts must be at least 1");
    let factor = options
        .factor
        .unwrap_or(if options.against.is_some() { FACTOR_REAL } else { FACTOR });
    ensure!(factor.is_finite() && factor > 0.0, "--factor must be a positive number");
    let began = SystemClock.now();
    let binary = product::binary().await?;
    processes::has_fail_points(&binary).await?;
    let scratch = if options.keep.is_none() {
        Some(ScratchFolder::new("broadside-chaos")?)
    } else {
        None
    };
    let folder = match (&options.keep, &scratch) {
        (Some(kept), _) => {
            std::fs::create_dir(kept).with_context(|| format!("cannot make {}", kept.display()))?;
            std::path::absolute(kept)?
        }
        (None, Some(scratch)) => scratch.path().to_owned(),
        (None, None) => anyhow::bail!("there is no folder to work in"),
    };
    let time = Time::start(factor);
    let mut report = match options.against {
        None => {
            let sandbox = SandboxProcess::start(&binary, &folder, options.seed, &time).await?;
            let outside =
                Arc::new(emulated::Emulated::new(sandbox, &time, emulated::platforms(options.all_platforms)).await?);
            rage(options, outside, &binary, &folder, time).await?
        }
        Some(which) => {
            let variable = real_servers::FOLDER_VARIABLE;
            let servers = real_servers::folder().with_context(|| format!("{variable} names no folder with servers"))?;
            let world = Arc::new(RealWorld::start(which, &servers, &folder, time).await?);
            let report = rage(options, Arc::clone(&world) as Arc<dyn Outside>, &binary, &folder, time).await;
            world.stop().await?;
            report?
        }
    };
    report.seed = options.seed;
    report.factor = factor;
    report.details.took_s = SystemClock.now().duration_since(began).as_secs_f64();
    report.print(out, options.json)?;
    Ok(report)
}

/// Connects accounts, lets clients and kills loose, waits for the end and judges.
async fn rage(
    options: &Options,
    outside: Arc<dyn Outside>,
    binary: &Path,
    folder: &Path,
    time: Time,
) -> anyhow::Result<Report> {
    let flags = options
        .sabotage
        .map(|what| vec!["--sabotage".to_owned(), what.word().to_owned()])
        .unwrap_or_default();
    let mut server = Server::new(binary, folder, time, &outside.settings(), flags)?;
    server.start().await?;
    let key = admin::new_key(&server.data()).await?;
    let per_platform = match options.against {
        None => (options.posts / POSTS_PER_ACCOUNT).clamp(ACCOUNTS_MIN, ACCOUNTS_MAX),
        Some(_) => ACCOUNTS_REAL,
    };
    let (targets, mut left_out) = outside.accounts(per_platform).await?;
    let mut targets = connect_all(&server, targets, &mut left_out).await?;
    leave_out_without_media(&server, &key, &mut targets, &mut left_out).await?;
    ensure!(
        !targets.is_empty(),
        "no account could be connected: {}",
        left_out.join("; ")
    );
    let book = Arc::new(Book::new(options.seed, targets.len()));
    let platforms = count_platforms(&targets);
    let room: usize = targets
        .iter()
        .map(|target| usize::from(Capability::of(target.platform).pace.in_flight_max))
        .sum();
    let victims = outside.victims(storm::victims_for(options.kills)).await?;
    let victims = connect_all(&server, victims, &mut left_out).await?;
    let first_victim = targets.len();
    targets.extend(victims);
    let callers = callers(&server, key, time, &book, &targets)?;
    let clients = callers.start(options.seed);
    let mut storm = Storm {
        database: Database::of(&server.data()),
        server,
        outside,
        book,
        time,
        victims: (first_victim..targets.len()).collect(),
        targets,
        posts: options.posts,
        sending_min: SENDING_MIN.min(room),
        tries_max: if options.sabotage.is_some() { 1 } else { TRIES_MAX },
        count_claims: options.sabotage == Some(Sabotage::SkipIntent),
        rng: storm::chances(options.seed),
        kills: Vec::new(),
        questions: Vec::new(),
        unreached: Vec::new(),
        reconnected: 0,
    };
    eprintln!("{} accounts are connected", storm.targets.len());
    weather(&mut storm, options.kills, clients).await?;
    eprintln!("all posts are made; waiting for their ends");
    settle_down(&mut storm, &callers, options.sabotage.is_some()).await?;
    let mut report = conclude::conclude(&storm, platforms, left_out).await?;
    report.details.sent_again = callers.sent_again();
    Ok(report)
}

/// Leaves out the targets whose posts need a file when create-post does not take one by its address.
async fn leave_out_without_media(
    server: &Server,
    key: &str,
    targets: &mut Vec<Target>,
    left_out: &mut Vec<String>,
) -> anyhow::Result<()> {
    let Some(needy) = targets.iter().find(|target| target.media_url.is_some()) else {
        return Ok(());
    };
    if !clients::takes_media(&server.base_url(), key, &address(needy)).await? {
        left_out.push(format!("{}: create-post does not take mediaUrls", needy.platform));
        targets.retain(|target| target.media_url.is_none());
    }
    Ok(())
}

/// Kills while clients work, and waits for the clients' end. A client that gives up is a finding, and ends the run.
async fn weather(storm: &mut Storm, kills: usize, mut clients: JoinSet<anyhow::Result<()>>) -> anyhow::Result<()> {
    {
        let raging = storm.rage(kills);
        tokio::pin!(raging);
        loop {
            tokio::select! {
                ended = &mut raging => break ended?,
                Some(client) = clients.join_next() => client??,
            }
        }
    }
    while let Some(client) = clients.join_next().await {
        client??;
    }
    Ok(())
}

/// Connects accounts; those of a platform that the server refuses are left out.
pub(crate) async fn connect_all(
    server: &Server,
    targets: Vec<Target>,
    left_out: &mut Vec<String>,
) -> anyhow::Result<Vec<Target>> {
    let mut connected: Vec<Target> = Vec::new();
    let mut refused: Option<Platform> = None;
    for mut target in targets {
        if refused == Some(target.platform) {
            continue;
        }
        match storm::connect(server, &target, &target.credentials).await {
            Ok(account) => {
                // The product's word for the account is what its clients use.
                if let Some(id) = account.get("remote_id").and_then(Value::as_str) {
                    target.remote_id = id.to_owned();
                }
                connected.push(target);
            }
            Err(error) => {
                refused = Some(target.platform);
                connected.retain(|other| other.platform != target.platform);
                left_out.push(format!("{error:#}"));
            }
        }
    }
    Ok(connected)
}

pub(crate) fn count_platforms(targets: &[Target]) -> Vec<(String, usize)> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for target in targets {
        match counts.iter_mut().find(|(word, _)| word == target.platform.word()) {
            Some((_, n)) => *n += 1,
            None => counts.push((target.platform.word().to_owned(), 1)),
        }
    }
    counts
}

fn address(target: &Target) -> Address {
    Address {
        platform_id: format!("{}-{}", outside::dialect_word(target.platform), target.remote_id),
        media_url: target.media_url.clone(),
    }
}

fn callers(
    server: &Server,
    key: String,
    time: Time,
    book: &Arc<Book>,
    targets: &[Target],
) -> anyhow::Result<Arc<Callers>> {
    let addresses = targets.iter().map(address).collect();
    Callers::new(
        &server.base_url(),
        key,
        server.data(),
        time,
        Arc::clone(book),
        addresses,
    )
}

/// Waits until every post has come to its end, connecting accounts, scheduling drafts and retrying failures on the way.
///
/// A saboteur's posts may never end: little time is spent on them.
async fn settle_down(storm: &mut Storm, callers: &Callers, sabotaged: bool) -> anyhow::Result<()> {
    let patience = if sabotaged {
        SABOTAGED_ENDED_WITHIN
    } else {
        ENDED_WITHIN
    };
    let deadline = Deadline::within(storm.time.wall(patience).saturating_add(ENDED_WITHIN_WALL));
    let mut retries = 0;
    loop {
        storm.reconnect().await?;
        let rows = pending(storm).await?;
        let unfinished = rows.iter().filter(|row| !verdict::is_over(&row.state)).count();
        for row in rows.iter().filter(|row| row.state == "draft") {
            callers.schedule(&row.group).await?;
        }
        if unfinished == 0 {
            let failed: Vec<&PostRow> = rows.iter().filter(|row| row.state == "failed").collect();
            if failed.is_empty() || retries == LAST_RETRIES {
                return Ok(());
            }
            retries += 1;
            for row in failed {
                callers.retry_post(&row.id).await?;
            }
        }
        if deadline.passed() {
            return Ok(());
        }
        pause(Duration::from_millis(200)).await;
    }
}

/// The posts of the run that nobody has deleted, as the database has them.
async fn pending(storm: &Storm) -> anyhow::Result<Vec<PostRow>> {
    let entries = storm.book.entries();
    let wanted = entries.iter().filter(|entry| entry.deletion != Deletion::Done);
    let groups: std::collections::HashSet<&str> = wanted.filter_map(|entry| entry.group.as_deref()).collect();
    let mut rows = storm.database.posts().await?;
    rows.retain(|row| groups.contains(row.group.as_str()));
    Ok(rows)
}
