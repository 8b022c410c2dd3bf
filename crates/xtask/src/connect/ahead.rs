//! Seven weeks later: tokens were renewed ahead of their end by the server itself, and what nobody could renew says so.

use std::time::Duration;

use anyhow::{Context, ensure};
use domain::platform::Platform;
use jiff::SignedDuration;
use sandbox::Class;

use super::refusals::Told;
use super::stage::{Account, Stage};
use crate::chaos::processes::Server;
use crate::chaos::time::{Deadline, pause};

/// Ten days before the end of tokens that live for sixty, and a day more.
const LATER: SignedDuration = SignedDuration::from_hours(51 * 24);
/// How long the server may take to look at all accounts.
const RENEWED_WITHIN: Duration = Duration::from_secs(30);
/// Where tokens, or what they are renewed by, live longer than that.
const RENEWED: [Platform; 10] = [
    Platform::X,
    Platform::LinkedIn,
    Platform::Instagram,
    Platform::Threads,
    Platform::TikTok,
    Platform::YouTube,
    Platform::Pinterest,
    Platform::Reddit,
    Platform::GoogleBusiness,
    Platform::Snapchat,
];

/// Jumps, and looks at what became of the accounts.
pub(super) async fn all(stage: &Stage, server: &mut Server) -> Vec<Told> {
    let since = stage.newest_request();
    if let Err(error) = stage.jump(server, LATER).await {
        return vec![("the server starts seven weeks later", Err(error))];
    }
    vec![
        (
            "seven weeks later every token that can be renewed was renewed, unasked",
            renewed(stage, since).await,
        ),
        (
            "a session that has ended meanwhile asks for a person, unasked",
            ended(stage).await,
        ),
    ]
}

async fn renewed(stage: &Stage, since: u64) -> anyhow::Result<()> {
    for platform in RENEWED {
        let deadline = Deadline::within(RENEWED_WITHIN);
        let renewal = |line: &&sandbox::RequestLine| line.class == Class::Refresh && line.status == Some(200);
        while !stage.requests_after(since, platform).iter().any(|line| renewal(&line)) {
            ensure!(
                !deadline.passed(),
                "{platform}: nothing was renewed within {RENEWED_WITHIN:?}"
            );
            pause(Duration::from_millis(100)).await;
        }
        for account in stage.accounts(platform).await? {
            let checked = stage.check(&account.id).await?;
            ensure!(
                checked.health == "ok",
                "{platform}: {} is {}",
                account.remote_id,
                checked.health
            );
        }
    }
    Ok(())
}

/// A public client's session of Bluesky lives for two weeks.
async fn ended(stage: &Stage) -> anyhow::Result<()> {
    let deadline = Deadline::within(RENEWED_WITHIN);
    loop {
        let accounts: Vec<Account> = stage.accounts(Platform::Bluesky).await?;
        let first = accounts.first().context("there is no account on Bluesky")?;
        if first.health == "reconnect_needed" {
            return Ok(());
        }
        ensure!(!deadline.passed(), "it claims to be {}", first.health);
        pause(Duration::from_millis(100)).await;
    }
}
