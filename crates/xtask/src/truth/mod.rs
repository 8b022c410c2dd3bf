//! Has clients make, change and delete groups at random while platforms fail and the server is killed, and then holds
//! everything that its API says against what is out there, what it keeps, and what the clients were promised.
//!
//! The truth knows no dialect: [`Truth`] is the server's database and the journal of the emulated platforms, which are
//! held against each other first ([`world::judge`]). A [`Dialect`] reads its answers and says what they had to be, in its
//! own words; every leaf of them is compared ([`sayings::differences`]). A further dialect is one more of these.

mod book;
mod clients;
mod plan;
mod postpost;
mod report;
pub(crate) mod sayings;
pub(crate) mod store;
#[cfg(test)]
mod tests;
pub(crate) mod world;

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, ensure};
use async_trait::async_trait;
use domain::clock::Clock;
use domain::platform::Platform;
use domain::post::PostState;
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sandbox::{Class, Fault, RequestLine, Rule, RuleSet};
use serde_json::json;

use crate::chaos::api::Api;
use crate::chaos::database::Database;
use crate::chaos::emulated::{self, Emulated};
use crate::chaos::outside::{Outside, Target, dialect_word};
use crate::chaos::processes::{SandboxProcess, Server};
use crate::chaos::time::{Deadline, Time, pause};
use crate::chaos::{admin, connect_all, count_platforms};
use crate::clock::SystemClock;
use crate::product::{self, ScratchFolder};
use book::Book;
use clients::{Clients, sha256};
use postpost::Postpost;
use sayings::Sayings;
use store::{Group, Post, Store};
use world::World;

pub use report::Report;

/// How many times as fast time runs.
const FACTOR: f64 = 30.0;
/// Accounts of each platform.
const ACCOUNTS: usize = 4;
/// The place of the account whose posts its platform refuses.
const REFUSED: usize = 3;
/// Addresses that an owner may have fetched in an hour, less a few.
const URLS_MAX: usize = 50;
/// After the clients' end everything must come to its own within this shared time, and this wall time on top. X refuses a
/// text for an hour when the account has just posted the same, as parts of two threads here sometimes are.
const ENDED_WITHIN: Duration = Duration::from_secs(75 * 60);
const ENDED_WITHIN_WALL: Duration = Duration::from_secs(20);
/// Posts that are due later than this are left waiting.
const FAR: SignedDuration = SignedDuration::from_hours(12);

/// What to try.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Groups to make.
    #[arg(long, default_value_t = 500)]
    pub groups: usize,
    /// What all chances are derived from.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Kills at random instants.
    #[arg(long, default_value_t = 10)]
    pub kills: usize,
    /// 40 groups and two kills, on one platform of each kind: less than a minute.
    #[arg(long, conflicts_with_all = ["groups", "kills"])]
    pub quick: bool,
    /// Prints nothing but the last line.
    #[arg(long)]
    pub json: bool,
}

/// What is true: what the server keeps, and what is out there.
#[derive(Debug, Clone, Default)]
pub(crate) struct Truth {
    pub(crate) store: Store,
    pub(crate) world: World,
}

/// An API of the server, as a program that uses it sees it.
#[async_trait]
pub(crate) trait Dialect: Send + Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Everything that it says, of these groups and of all that it lists. Nothing moves meanwhile.
    async fn told(&self, groups: &[String]) -> anyhow::Result<Sayings>;

    /// What it had to say.
    fn expected(&self, truth: &Truth, groups: &[String]) -> Sayings;
}

/// The server, its world, and what was seen of it.
struct Stage {
    server: Server,
    outside: Emulated,
    targets: Vec<Target>,
    left_out: Vec<String>,
    key: String,
    time: Time,
    requests: Vec<RequestLine>,
    read_up_to: u64,
}

/// Runs, prints what differs and the JSON object to `out`, and returns the report. Progress goes to stderr.
///
/// # Errors
/// If the product cannot be built or started, ends by itself, or leaves a request without an answer for minutes.
pub async fn run(options: &Options, out: &mut (dyn Write + Send)) -> anyhow::Result<Report> {
    let (groups, kills) = if options.quick {
        (40, 2)
    } else {
        (options.groups, options.kills)
    };
    ensure!(groups > 0, "--groups must be at least 1");
    let began = SystemClock.now();
    let binary = product::binary().await?;
    let scratch = ScratchFolder::new("broadside-truth")?;
    let mut stage = Stage::set(&binary, scratch.path(), options).await?;
    let book = Arc::new(Book::default());
    let plans = plan::plans(options.seed, groups, &stage.accounts(), URLS_MAX);
    let clients = stage.clients(options.seed, plans, &book).await?;
    stage.rage(&clients, groups, kills, options.seed).await?;
    eprintln!("all groups are made; waiting for their ends");
    let is_over = stage.settle_down(&book).await?;
    let mut report = stage.conclude(options.seed, &book).await?;
    if !is_over {
        report.differences.push("not every post has come to its end".to_owned());
    }
    report.groups = groups;
    report.kills = kills;
    report.seed = options.seed;
    report.sent_again = clients.api.sent_again();
    report.took_s = SystemClock.now().duration_since(began).as_secs_f64();
    report.print(out, options.json)?;
    Ok(report)
}

impl Stage {
    async fn set(binary: &Path, folder: &Path, options: &Options) -> anyhow::Result<Self> {
        let time = Time::start(FACTOR);
        let sandbox = SandboxProcess::start(binary, folder, options.seed, &time).await?;
        let outside = Emulated::new(sandbox, &time, emulated::platforms(!options.quick)).await?;
        let mut server = Server::new(binary, folder, time, &outside.settings(), Vec::new())?;
        server.start().await?;
        let key = admin::new_key(&server.data()).await?;
        let (targets, mut left_out) = outside.accounts(ACCOUNTS).await?;
        for (place, target) in targets.iter().enumerate() {
            if let Some(rule) = failure(target.platform, place % ACCOUNTS) {
                let set = RuleSet {
                    platform: Some(target.platform),
                    account: Some(target.remote_id.clone()),
                    rules: vec![rule],
                    latency_ms: None,
                };
                outside.control().add_rules(&set).await?;
            }
        }
        let targets = connect_all(&server, targets, &mut left_out).await?;
        ensure!(
            !targets.is_empty(),
            "no account could be connected: {}",
            left_out.join("; ")
        );
        eprintln!("{} accounts are connected", targets.len());
        Ok(Self {
            server,
            outside,
            targets,
            left_out,
            key,
            time,
            requests: Vec::new(),
            read_up_to: 0,
        })
    }

    fn accounts(&self) -> Vec<plan::Account> {
        let needs = |target: &Target| plan::Account {
            needs_file: target.media_url.is_some(),
        };
        self.targets.iter().map(needs).collect()
    }

    async fn clients(&self, seed: u64, plans: Vec<plan::Plan>, book: &Arc<Book>) -> anyhow::Result<Arc<Clients>> {
        let api = Api::new(&self.server.base_url(), self.key.clone())?;
        let url = format!("{}/samples/image.jpg", self.outside.control().base());
        let bytes = api.http().get(&url).send().await?.bytes().await?;
        let addresses = self.targets.iter();
        Ok(Arc::new(Clients {
            api,
            time: self.time,
            book: Arc::clone(book),
            addresses: addresses
                .map(|target| format!("{}-{}", dialect_word(target.platform), target.remote_id))
                .collect(),
            sample: (url, sha256(&bytes)),
            seed,
            plans: Mutex::new(plans.into()),
        }))
    }

    /// Lets the clients work, and kills the server whenever another part of the groups is done. A client that gives up
    /// is a finding, and ends the run.
    async fn rage(&mut self, clients: &Arc<Clients>, groups: usize, kills: usize, seed: u64) -> anyhow::Result<()> {
        let mut rng = StdRng::seed_from_u64(seed ^ 0x6b69_6c6c);
        let mut tasks = clients.start();
        let mut killed = 0;
        while !tasks.is_empty() {
            tokio::select! {
                Some(ended) = tasks.join_next() => ended??,
                () = pause(Duration::from_millis(rng.random_range(20..250))) => {
                    if killed < kills && clients.book.count() * (kills + 1) >= groups * killed {
                        self.server.kill().await?;
                        self.drain().await?;
                        self.server.start().await?;
                        killed += 1;
                        eprintln!("kill {killed}: {} of {groups} groups are done", clients.book.count());
                    }
                }
            }
        }
        ensure!(killed == kills, "the clients were done after {killed} of {kills} kills");
        Ok(())
    }

    /// Reads what came in since the last time: the sandbox keeps only so many requests in memory.
    async fn drain(&mut self) -> anyhow::Result<()> {
        let more = self.outside.control().requests(self.read_up_to).await?;
        self.read_up_to = more.last().map_or(self.read_up_to, |line| line.seq);
        self.requests.extend(more);
        Ok(())
    }

    /// Waits until nothing moves any more by itself, retrying once what has failed. False when it is not over in time.
    async fn settle_down(&mut self, book: &Book) -> anyhow::Result<bool> {
        let patience = self.time.wall(ENDED_WITHIN).saturating_add(ENDED_WITHIN_WALL);
        let mut deadline = Deadline::within(patience);
        let database = Database::of(&self.server.data());
        let mut retried = false;
        loop {
            self.drain().await?;
            let store = Store::read(&database).await?;
            let far = self.time.now().saturating_add(FAR)?;
            let failed = |post: &&Post| matches!(post.state, PostState::Failed { .. });
            if !store.groups.iter().any(|group| moves(group, far)) {
                if retried {
                    return Ok(true);
                }
                retried = true;
                deadline = Deadline::within(patience);
                let kept = store.groups.iter().filter(|group| !group.is_deleted);
                for post in kept.flat_map(|group| &group.posts).filter(failed) {
                    let request = json!({"ask": "retry", "user": null, "id": post.id.to_string()});
                    admin::ask(&self.server.data(), &request).await?;
                    book.did(|calls| calls.retries += 1);
                }
            } else if deadline.passed() {
                return Ok(false);
            }
            pause(Duration::from_millis(200)).await;
        }
    }

    /// Has every dialect read, ends the server, and compares.
    async fn conclude(mut self, seed: u64, book: &Book) -> anyhow::Result<Report> {
        let made = book.made();
        let ids: Vec<String> = made.iter().filter_map(|made| made.id.clone()).collect();
        let dialects: [Box<dyn Dialect>; 1] = [Box::new(Postpost::new(
            &self.server.base_url(),
            self.key.clone(),
            self.time,
        )?)];
        let mut told = Vec::new();
        for dialect in &dialects {
            told.push(dialect.told(&ids).await.with_context(|| dialect.name())?);
        }
        self.drain().await?;
        self.server.kill().await?;
        let truth = Truth {
            store: Store::read(&Database::of(&self.server.data())).await?,
            world: World::new(self.outside.control().published().await?, self.requests),
        };
        let mut report = Report {
            calls: book.calls(),
            platforms: count_platforms(&self.targets),
            left_out: self.left_out,
            ..Report::of(&truth)
        };
        report.differences.extend(book.wrongs());
        report
            .differences
            .extend(world::judge(seed, &made, &self.targets, &truth));
        for (dialect, told) in dialects.iter().zip(&told) {
            report.compared += told.count();
            let differences = sayings::differences(told, &dialect.expected(&truth, &ids));
            let name = dialect.name();
            report
                .differences
                .extend(differences.into_iter().map(|what| format!("{name}: {what}")));
        }
        Ok(report)
    }
}

/// Whether anything of a group will change by itself before this instant.
fn moves(group: &Group, far: Timestamp) -> bool {
    let moves = |post: &Post| match &post.state {
        PostState::Draft => false,
        PostState::Scheduled { due } => *due < far,
        other => !other.is_terminal(),
    };
    let mut posts = group.posts.iter();
    posts.any(|post| !group.is_deleted && moves(post) || is_looked_at(post))
}

/// Whether the server will look again at a published post for the id that its platform has not told yet.
fn is_looked_at(post: &Post) -> bool {
    let is_unnamed = post.remotes.iter().any(|remote| remote.post.is_stand_in);
    is_unnamed && matches!(post.state, PostState::Published { next_look: Some(_), .. })
}

/// What goes wrong for some accounts besides the weather that all have: one of each platform has its posts refused, and a
/// token of Mastodon dies.
fn failure(platform: Platform, place: usize) -> Option<Rule> {
    match (platform, place) {
        (Platform::Mastodon, 1) => Some(Rule::nth(Class::Create, 4, Fault::ExpiredToken)),
        (Platform::Telegram, _) => None,
        (_, REFUSED) => Some(Rule::always(Class::Create, Fault::RejectContent)),
        _ => None,
    }
}
