//! Requests about accounts.

use connectors::Credentials;
use domain::account::Account;
use domain::ids::AccountId;
use domain::platform::Platform;
use engine::Engine;
use engine::accounts::MakeLink;
use store::{AccountLogQuery, Reach};

use super::handle::{Answer, reach, the_user};
use super::protocol::{Hush, Refusal, Reply, Request};
use super::view::{AccountView, CheckView, LinkView};
use crate::wiring::Site;

/// Answers a request about accounts.
pub(super) async fn handle(site: &Site, request: Request) -> Answer {
    let engine = &site.engine;
    match request {
        Request::AccountAdd {
            user,
            platform,
            base_url,
            token,
            refresh_token,
            identifier,
            password,
            expires_at,
        } => {
            let credentials = Credentials {
                token: token.map(|hush| hush.0),
                refresh: refresh_token.map(|hush| hush.0),
                identifier,
                password: password.map(|hush| hush.0),
                expires_at,
            };
            add(engine, user.as_deref(), platform, base_url.as_deref(), &credentials).await
        }
        Request::AccountConnect {
            user,
            platforms,
            account,
            return_to,
            expires_in,
        } => {
            let make = MakeLink {
                return_to,
                platforms,
                expires_in,
            };
            connect(site, user.as_deref(), account.as_deref(), make).await
        }
        Request::AccountCheck { user, account } => check(engine, user.as_deref(), &account).await,
        Request::AccountList { user } => list(engine, user.as_deref()).await,
        Request::AccountLog {
            user,
            account,
            platform,
            limit,
        } => {
            log(
                engine,
                user.as_deref(),
                account.as_deref(),
                platform,
                limit.clamp(1, 100),
            )
            .await
        }
        Request::AccountRemove { user, account } => remove(engine, user.as_deref(), &account).await,
        _ => Err(Refusal::new("invalid", "this is no request about accounts")),
    }
}

/// The account that `platform:name`, `platform:remote id` or an id means.
pub(super) fn find_account<'a>(accounts: &'a [Account], text: &str) -> Result<&'a Account, Refusal> {
    let unknown = || {
        Refusal::new("not_found", format!("there is no account '{text}'")).next("`broadside account list` shows them")
    };
    if let Ok(id) = text.parse::<AccountId>() {
        return accounts.iter().find(|account| account.id == id).ok_or_else(unknown);
    }
    let (word, name) = text
        .split_once(':')
        .map_or((text, None), |(word, name)| (word, Some(name)));
    let platform: Platform = word.parse().map_err(|_| unknown())?;
    let is_meant = |account: &&Account| {
        account.platform == platform
            && name.is_none_or(|name| {
                account.identity.username == name.trim_start_matches('@') || account.identity.remote_id == name
            })
    };
    let mut found = accounts.iter().filter(is_meant);
    match (found.next(), found.next()) {
        (Some(account), None) => Ok(account),
        (None, _) => Err(unknown()),
        (Some(_), Some(_)) => Err(Refusal::new("ambiguous", format!("'{text}' could be several accounts"))
            .next("name one as platform:name; `broadside account list` shows them")),
    }
}

/// Connects the account that credentials stand for.
pub(super) async fn add(
    engine: &Engine,
    user: Option<&str>,
    platform: Platform,
    base_url: Option<&str>,
    credentials: &Credentials,
) -> Answer {
    let user = the_user(engine, user).await?;
    let account = engine.connect_account(user.id, platform, base_url, credentials).await?;
    Ok(Reply::Account(Box::new(account)))
}

/// Makes a connection page.
pub(super) async fn connect(site: &Site, user: Option<&str>, account: Option<&str>, mut make: MakeLink) -> Answer {
    let engine = &site.engine;
    let user = the_user(engine, user).await?;
    if let Some(text) = account {
        let accounts = engine.accounts(&Reach { owner: user.id }).await?;
        make.platforms = vec![find_account(&accounts, text)?.platform];
    }
    if let Some(unready) = unready(engine, &make.platforms) {
        return Err(unready);
    }
    let (token, link) = engine.make_link(user.id, make).await?;
    let base = site
        .public_url
        .as_ref()
        .map_or_else(String::new, |url| url.as_str().trim_end_matches('/').to_owned());
    Ok(Reply::Link(LinkView {
        url: Hush::new(format!("{base}/connect/{}", token.expose())),
        user: user.name,
        platforms: link.platforms,
        expires_at: link.expires_at,
        serving: site.serving_at.is_some(),
    }))
}

/// Why none of these platforms can be connected: a page that offers nothing helps nobody.
fn unready(engine: &Engine, platforms: &[Platform]) -> Option<Refusal> {
    let known = engine.connect_platforms();
    let is_ready = |platform: &Platform| {
        known
            .iter()
            .any(|ready| ready.platform == *platform && ready.is_ready())
    };
    let first = platforms.first().filter(|_| !platforms.iter().any(is_ready))?;
    let words = known
        .iter()
        .find(|ready| ready.platform == *first)
        .and_then(|ready| ready.missing_config.clone())
        .unwrap_or_else(|| "this server cannot connect it".to_owned());
    let message = format!("{} is not ready: {words}", first.name());
    Some(Refusal::new("not_ready", message).next("`broadside doctor` tells the same of every platform"))
}

/// Asks the platform about an account.
pub(super) async fn check(engine: &Engine, user: Option<&str>, account: &str) -> Answer {
    let user = the_user(engine, user).await?;
    let reach = Reach { owner: user.id };
    let account = find_account(&engine.accounts(&reach).await?, account)?.id;
    let (report, problem) = match engine.check_account(&reach, account).await {
        Ok(report) => (report, None),
        Err(engine::Error::Platform(error)) => {
            let known = engine.reports(&reach).await?.into_iter();
            let report = known.into_iter().find(|report| report.account.id == account);
            (report.ok_or(engine::Error::NotFound)?, Some(error.message.clone()))
        }
        Err(error) => return Err(error.into()),
    };
    Ok(Reply::Check(Box::new(CheckView {
        account: AccountView::new(&user.name, report),
        problem,
    })))
}

/// Lists accounts: of one user, or of everybody.
pub(super) async fn list(engine: &Engine, user: Option<&str>) -> Answer {
    let mut views = Vec::new();
    let users = match user {
        Some(name) => vec![the_user(engine, Some(name)).await?],
        None => engine.users().await?,
    };
    for user in users {
        let reports = engine.reports(&Reach { owner: user.id }).await?;
        views.extend(reports.into_iter().map(|report| AccountView::new(&user.name, report)));
    }
    Ok(Reply::Accounts(views))
}

/// The history of connections.
pub(super) async fn log(
    engine: &Engine,
    user: Option<&str>,
    account: Option<&str>,
    platform: Option<Platform>,
    limit: u32,
) -> Answer {
    let reach = reach(engine, user).await?;
    let account = match account {
        // The history of an account outlives it: its id is good after it was disconnected.
        Some(text) => match text.parse::<AccountId>() {
            Ok(id) => Some(id),
            Err(_) => Some(find_account(&engine.accounts(&reach).await?, text)?.id),
        },
        None => None,
    };
    let query = AccountLogQuery {
        account,
        platform,
        before: None,
        limit,
    };
    Ok(Reply::Logs(engine.account_log(&reach, query).await?))
}

/// Disconnects an account.
pub(super) async fn remove(engine: &Engine, user: Option<&str>, account: &str) -> Answer {
    let reach = reach(engine, user).await?;
    let account = find_account(&engine.accounts(&reach).await?, account)?.id;
    engine.remove_account(&reach, account).await?;
    Ok(Reply::Done)
}
