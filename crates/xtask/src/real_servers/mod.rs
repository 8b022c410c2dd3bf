//! Publishes to real servers, run on this machine, and reads back what arrived.
//!
//! The product runs as its users run it. Between it and the server stands a proxy of ours, which forwards a request and
//! drops the answer when told to. The server alone says what exists.

use std::io::Write;
use std::path::Path;

use crate::chaos::time::Time;
use crate::product::{self, ScratchFolder};

mod consent;
pub(crate) mod launch;
mod oidc;
mod proxy;
mod s3;
mod server;
mod walk;
pub(crate) mod world;

pub use launch::{FOLDER_VARIABLE, Which, folder};

use walk::Walk;
use world::RealWorld;

/// How many times as fast the product's clock runs: a minute of settling takes six seconds.
const FACTOR: f64 = 10.0;

/// A server to check against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Against {
    /// Bluesky's own personal data server: publishing, and signing in with a browser where there is Chromium.
    Pds,
    /// A stateful server with Mastodon's API: publishing.
    Mastodon,
    /// A certified OAuth provider: codes, proof keys, rotating refresh tokens.
    Oidc,
    /// A storage that verifies signatures: uploads by presigned URLs.
    S3,
}

/// Which servers to check against.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// Servers; all of them without any.
    #[arg(value_enum, value_name = "SERVER")]
    pub servers: Vec<Against>,
}

/// Runs every check on every server and prints a line each. True when all hold, or when there are no servers here.
///
/// # Errors
/// If the product or a server cannot be started.
pub async fn run(options: &Options, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    let Some(servers) = folder() else {
        writeln!(
            out,
            "skipped: {FOLDER_VARIABLE} names no folder with servers, and there is none beside the repository"
        )?;
        return Ok(true);
    };
    let all = [Against::Pds, Against::Mastodon, Against::Oidc, Against::S3];
    let chosen = if options.servers.is_empty() {
        &all[..]
    } else {
        &options.servers
    };
    let mut passed = true;
    for which in chosen {
        passed &= match which {
            Against::Pds => {
                let binary = product::binary().await?;
                let published = check(Which::Pds, &servers, &binary, out).await?;
                published & consent::check(&servers, &binary, out).await?
            }
            Against::Mastodon => check(Which::Mastodon, &servers, &product::binary().await?, out).await?,
            Against::Oidc => oidc::check(&servers, out).await?,
            Against::S3 => s3::check(&servers, out).await?,
        };
    }
    Ok(passed)
}

async fn check(which: Which, servers: &Path, binary: &Path, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    let scratch = ScratchFolder::new("broadside-real")?;
    let time = Time::start(FACTOR);
    let world = RealWorld::start(which, servers, scratch.path(), time).await?;
    let checked = check_all(&world, binary, scratch.path(), time, which, out).await;
    world.stop().await?;
    checked
}

async fn check_all(
    world: &RealWorld,
    binary: &Path,
    folder: &Path,
    time: Time,
    which: Which,
    out: &mut (dyn Write + Send),
) -> anyhow::Result<bool> {
    let mut walk = Walk::start(world, binary, folder, time).await?;
    let mut passed = true;
    let mut tell = |what: &str, held: anyhow::Result<()>| -> anyhow::Result<()> {
        passed &= held.is_ok();
        match held {
            Ok(()) => writeln!(out, "ok: {}: {what}", which.word())?,
            Err(why) => writeln!(out, "FAIL: {}: {what}: {why:#}", which.word())?,
        }
        Ok(())
    };
    tell(
        "a post with a link, a mention, a tag and a picture comes back as it was sent",
        walk.everything().await,
    )?;
    tell("a lost answer makes no second post", walk.lost_answer().await)?;
    for point in walk::places(world) {
        tell(
            &format!("one post exists after a death at {}", point.word()),
            walk.death_at(point).await,
        )?;
    }
    Ok(passed)
}
