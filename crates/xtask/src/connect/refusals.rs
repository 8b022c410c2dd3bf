//! What must be refused: states that are replayed, foreign, changed or too old, and forms of other sites.

use anyhow::{Context, ensure};
use domain::platform::Platform;
use jiff::SignedDuration;
use sandbox::Class;
use url::Url;

use super::journey::{below, consent};
use super::stage::Stage;
use super::visitor::{Page, Visitor};
use crate::chaos::processes::Server;

/// Longer than a person has at the platform.
const TOO_LATE: SignedDuration = SignedDuration::from_mins(31);
/// Where the sign-ins are tried.
const WHERE: Platform = Platform::X;
/// Where a page leads back to; nobody listens there, and nobody is asked to.
const RETURN_TO: &str = "http://127.0.0.1:9/done?from=here";

/// What the log says of a state that is not known.
const UNKNOWN: &str = "with a state that nobody was given";

/// A check and how it ended.
pub(super) type Told = (&'static str, anyhow::Result<()>);

/// Makes all checks. The server's clock is ahead afterwards.
pub(super) async fn all(stage: &Stage, server: &mut Server) -> Vec<Told> {
    vec![
        ("a replayed state is refused and written down", replayed(stage).await),
        (
            "a state from another browser is refused and written down",
            foreign(stage).await,
        ),
        ("a changed state is refused and logged", tampered(stage, server).await),
        ("a denial connects nothing and is written down", denied(stage).await),
        ("a form of another site begins nothing", from_elsewhere(stage).await),
        ("the browser ends where the page was made for", returns(stage).await),
        (
            "a state that is too old is refused and written down",
            expired(stage, server).await,
        ),
    ]
}

/// Begins a sign-in on a page of its own; the browser, the page, and the platform's address.
async fn begun(stage: &Stage, return_to: Option<&str>) -> anyhow::Result<(Visitor, Url, Url)> {
    let (visitor, page) = (stage.visitor()?, stage.page(&[WHERE], return_to).await?);
    visitor.get(&page).await?.shown()?;
    let fields = [("platform".to_owned(), WHERE.word().to_owned())];
    let answer = visitor.post(&below(&page, "start")?, &fields).await?;
    let authorize = answer.onward()?.clone();
    Ok((visitor, page, authorize))
}

/// Nothing, if this answer refuses, the platform was not asked, and the history has an entry more with this reason.
async fn is_refused(stage: &Stage, answer: &Page, since: u64, reason: &str, before: usize) -> anyhow::Result<()> {
    ensure!(answer.status.is_client_error(), answer.summary());
    let asked = stage.requests_after(since, WHERE);
    let asked = asked
        .iter()
        .filter(|line| line.class == Class::Refresh && line.method == "POST")
        .count();
    ensure!(asked == 0, "the platform was asked for tokens all the same");
    let after = told(stage, reason).await?;
    ensure!(
        after == before + 1,
        "the history has {before} and then {after} entries with {reason}"
    );
    Ok(())
}

/// How many entries of the history have this reason.
async fn told(stage: &Stage, reason: &str) -> anyhow::Result<usize> {
    let history = stage.history(WHERE).await?;
    let word = format!("\"reason\":\"{reason}\"");
    Ok(history.iter().filter(|entry| entry.to_string().contains(&word)).count())
}

async fn replayed(stage: &Stage) -> anyhow::Result<()> {
    let (visitor, _, authorize) = begun(stage, None).await?;
    let callback = consent(&visitor, &authorize, "replayed", None).await?;
    visitor.get(&callback).await?.onward()?;
    let (since, before) = (stage.newest_request(), told(stage, "state_replayed").await?);
    let again = visitor.get(&callback).await?;
    is_refused(stage, &again, since, "state_replayed", before).await
}

async fn foreign(stage: &Stage) -> anyhow::Result<()> {
    let (visitor, _, authorize) = begun(stage, None).await?;
    let callback = consent(&visitor, &authorize, "foreign", None).await?;
    let (since, before) = (stage.newest_request(), told(stage, "state_foreign").await?);
    let answer = stage.visitor()?.get(&callback).await?;
    is_refused(stage, &answer, since, "state_foreign", before).await
}

async fn tampered(stage: &Stage, server: &Server) -> anyhow::Result<()> {
    let (visitor, _, authorize) = begun(stage, None).await?;
    let mut callback = consent(&visitor, &authorize, "tampered", None).await?;
    let pairs: Vec<(String, String)> = callback.query_pairs().into_owned().collect();
    let change = |(name, value): (String, String)| match name.as_str() {
        "state" => (name, value.chars().rev().collect()),
        _ => (name, value),
    };
    callback
        .query_pairs_mut()
        .clear()
        .extend_pairs(pairs.into_iter().map(change));
    let (since, accounts) = (stage.newest_request(), stage.accounts(WHERE).await?.len());
    let answer = visitor.get(&callback).await?;
    ensure!(answer.status.is_client_error(), answer.summary());
    ensure!(
        stage.requests_after(since, WHERE).is_empty(),
        "the platform was asked all the same"
    );
    ensure!(
        stage.accounts(WHERE).await?.len() == accounts,
        "an account was connected"
    );
    let log = std::fs::read_to_string(server.printed())?;
    ensure!(log.contains(UNKNOWN), "the log does not say so");
    Ok(())
}

async fn denied(stage: &Stage) -> anyhow::Result<()> {
    let (visitor, _, authorize) = begun(stage, None).await?;
    let no = [("decision".to_owned(), "deny".to_owned())];
    let answer = visitor.post(&authorize, &no).await?;
    let callback = answer.onward()?.clone();
    let (since, before) = (stage.newest_request(), told(stage, "oauth_denied").await?);
    let back = visitor.get(&callback).await?;
    ensure!(
        !back.status.is_redirection() && !back.status.is_server_error(),
        back.summary()
    );
    ensure!(
        stage.requests_after(since, WHERE).is_empty(),
        "the platform was asked all the same"
    );
    ensure!(
        told(stage, "oauth_denied").await? == before + 1,
        "the history does not say so"
    );
    Ok(())
}

async fn from_elsewhere(stage: &Stage) -> anyhow::Result<()> {
    let (visitor, page, _) = begun(stage, None).await?;
    let fields = [("platform".to_owned(), WHERE.word().to_owned())];
    let address = below(&page, "start")?;
    let answer = visitor.post_from_elsewhere(&address, &fields).await?;
    ensure!(answer.status.is_client_error(), answer.summary());
    let answer = stage.visitor()?.post(&address, &fields).await?;
    ensure!(
        answer.status.is_client_error(),
        "without a cookie: {}",
        answer.summary()
    );
    Ok(())
}

async fn returns(stage: &Stage) -> anyhow::Result<()> {
    let (visitor, _, authorize) = begun(stage, Some(RETURN_TO)).await?;
    let callback = consent(&visitor, &authorize, "returns", None).await?;
    let back = visitor.get(&callback).await?;
    let onward = back.onward()?;
    let meant = Url::parse(RETURN_TO)?;
    let same = onward.origin() == meant.origin() && onward.path() == meant.path();
    ensure!(same, "the browser was sent to {}", onward.path());
    let query = onward.query().context("nothing is told there")?;
    ensure!(query.starts_with("from=here&status=connected"), "it is told {query}");
    Ok(())
}

async fn expired(stage: &Stage, server: &mut Server) -> anyhow::Result<()> {
    let (visitor, _, authorize) = begun(stage, None).await?;
    let callback = consent(&visitor, &authorize, "expired", None).await?;
    let before = told(stage, "state_expired").await?;
    stage.jump(server, TOO_LATE).await?;
    let since = stage.newest_request();
    let answer = visitor.get(&callback).await?;
    ensure!(answer.status.is_client_error(), answer.summary());
    // The server may renew tokens of others meanwhile, but nobody asks who this one is.
    let asked = stage.requests_after(since, WHERE);
    ensure!(
        !asked.iter().any(|line| line.path.ends_with("/users/me")),
        "the code was used"
    );
    let after = told(stage, "state_expired").await?;
    ensure!(
        after == before + 1,
        "the history has {before} and then {after} entries with state_expired"
    );
    Ok(())
}
