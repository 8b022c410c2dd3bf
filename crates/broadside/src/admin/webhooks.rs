//! Requests about webhooks.

use std::sync::Arc;

use domain::ids::{DeliveryId, WebhookId};
use domain::webhook::{Delivery, DeliveryState, Webhook, WebhookDialect};
use engine::Engine;
use engine::webhooks::{Deliverer, MakeWebhook};
use jiff::{SignedDuration, Timestamp};
use store::Reach;
use tokio_util::sync::CancellationToken;

use super::handle::{Answer, reach};
use super::protocol::{Hush, Refusal, Reply, Request};
use crate::wiring::Site;

/// How long a test waits for its outcome: the longest deadline of a dialect, and a little.
const TEST_WITHIN: SignedDuration = SignedDuration::from_secs(15);
/// How often a test looks.
const LOOK_EVERY: SignedDuration = SignedDuration::from_millis(50);

/// Answers a request about webhooks.
pub(super) async fn handle(site: &Site, request: Request) -> Answer {
    let engine = &site.engine;
    match request {
        Request::WebhookAdd {
            user,
            dialect,
            name,
            url,
            events,
        } => {
            let owner = reach(engine, user.as_deref()).await?.owner;
            let dialect = named(&dialect)?;
            let events = if events.is_empty() {
                dialect.events().iter().map(|(name, _)| (*name).to_owned()).collect()
            } else {
                events
            };
            let make = MakeWebhook {
                owner,
                name,
                url,
                events,
            };
            let (webhook, secret) = engine.make_webhook(dialect.as_ref(), make).await?;
            Ok(Reply::NewWebhook {
                webhook,
                secret: Hush(secret),
            })
        }
        Request::WebhookList { user } => {
            let reach = reach(engine, user.as_deref()).await?;
            Ok(Reply::Webhooks(engine.webhooks(&reach, None).await?))
        }
        Request::WebhookRemove { user, webhook } => {
            let reach = reach(engine, user.as_deref()).await?;
            let webhook = find(engine, &reach, &webhook).await?;
            engine.remove_webhook(&reach, webhook.id).await?;
            Ok(Reply::Done)
        }
        Request::WebhookTest { user, webhook } => {
            let reach = reach(engine, user.as_deref()).await?;
            let webhook = find(engine, &reach, &webhook).await?;
            test(site, &reach, webhook.id).await
        }
        Request::WebhookLog { user, webhook, limit } => {
            let reach = reach(engine, user.as_deref()).await?;
            log(engine, &reach, webhook.as_deref(), limit.clamp(1, 1_000)).await
        }
        _ => Err(Refusal::new("invalid", "this is no request about webhooks")),
    }
}

fn named(dialect: &str) -> Result<Arc<dyn WebhookDialect>, Refusal> {
    let mut dialects = api::webhook_dialects();
    let known: Vec<_> = dialects.iter().map(|dialect| dialect.name()).collect();
    let words = format!(
        "there is no dialect '{dialect}' with webhooks; there are: {}",
        known.join(", ")
    );
    dialects.retain(|known| known.name() == dialect);
    dialects.pop().ok_or_else(|| Refusal::new("invalid", words))
}

/// The webhook of this id, or the only one of this name.
async fn find(engine: &Engine, reach: &Reach, text: &str) -> Result<Webhook, Refusal> {
    let id = text.parse::<WebhookId>().ok();
    let all = engine.webhooks(reach, None).await?;
    let mut found = all
        .into_iter()
        .filter(|webhook| Some(webhook.id) == id || webhook.name == text);
    match (found.next(), found.next()) {
        (Some(webhook), None) => Ok(webhook),
        (None, _) => Err(Refusal::new("not_found", format!("there is no webhook '{text}'"))
            .next("`broadside webhook list` shows them")),
        (Some(_), Some(_)) => Err(Refusal::new("ambiguous", "several webhooks are called that").next("use the id")),
    }
}

/// Sends a message and waits for its outcome. Without a server this process delivers what waits, this message included.
async fn test(site: &Site, reach: &Reach, webhook: WebhookId) -> Answer {
    let engine = &site.engine;
    let id = engine.test_webhook(reach, webhook).await?;
    let deliver = async {
        if site.serving_at.is_some() {
            return Ok(());
        }
        let mut deliverer = Deliverer::new(engine.clone(), site.outgoing.clone(), CancellationToken::new());
        deliverer.recover().await?;
        Ok::<_, engine::Error>(deliverer.run_until_idle().await?)
    };
    let watch = outcome(engine, reach, webhook, id);
    let (delivered, delivery) = tokio::join!(deliver, watch);
    delivered?;
    Ok(Reply::Deliveries(vec![delivery?]))
}

async fn outcome(engine: &Engine, reach: &Reach, webhook: WebhookId, id: DeliveryId) -> Result<Delivery, Refusal> {
    let clock = engine.clock();
    let until = clock.now().saturating_add(TEST_WITHIN).unwrap_or(Timestamp::MAX);
    loop {
        let newest = engine.deliveries(reach, webhook, 1_000).await?;
        let found = newest.into_iter().find(|delivery| delivery.id == id);
        let now = clock.now();
        match found {
            Some(delivery) if delivery.state != DeliveryState::Pending || now >= until => return Ok(delivery),
            Some(_) => clock.sleep_until(now.saturating_add(LOOK_EVERY).unwrap_or(until)).await,
            None => return Err(Refusal::new("not_found", "the webhook was removed meanwhile")),
        }
    }
}

/// Messages of one receiver or of all, newest first.
async fn log(engine: &Engine, reach: &Reach, webhook: Option<&str>, limit: u32) -> Answer {
    let webhooks = match webhook {
        Some(text) => vec![find(engine, reach, text).await?],
        None => engine.webhooks(reach, None).await?,
    };
    let mut all = Vec::new();
    for webhook in webhooks {
        all.extend(engine.deliveries(reach, webhook.id, limit).await?);
    }
    all.sort_by_key(|delivery| std::cmp::Reverse((delivery.at, delivery.id)));
    all.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(Reply::Deliveries(all))
}
