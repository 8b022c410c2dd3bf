//! `broadside webhook`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use domain::webhook::{Delivery, DeliveryState, Webhook};
use serde_json::json;

use super::Context;
use super::output::{Output, Tone, table};
use crate::admin::{Reply, Request, unexpected};

/// Adds, lists, tests and removes receivers of webhooks.
#[derive(Debug, Subcommand)]
pub(super) enum WebhookCommand {
    /// Adds a receiver and prints its secret once
    Add {
        /// Where messages go; private addresses must be listed in webhooks.allow
        url: String,
        /// A name to tell receivers apart
        #[arg(long, default_value = "Default")]
        name: String,
        /// What it listens to, such as post.published; several times for several [default: every event]
        #[arg(long = "event", value_name = "EVENT")]
        events: Vec<String>,
        /// Whose words it gets
        #[arg(long, default_value = "postpost")]
        dialect: String,
        /// Whose receiver [default: the only user]
        #[arg(long)]
        user: Option<String>,
    },
    /// Lists receivers and how they are doing
    List {
        /// Whose receivers [default: the only user]
        #[arg(long)]
        user: Option<String>,
    },
    /// Sends a message that tells of nothing, and says how it fared
    Test {
        /// The receiver's id or name
        webhook: String,
        /// Whose receiver [default: the only user]
        #[arg(long)]
        user: Option<String>,
    },
    /// Shows messages and how they fared, the newest last
    Log {
        /// The receiver's id or name [default: all receivers]
        webhook: Option<String>,
        /// Whose receivers [default: the only user]
        #[arg(long)]
        user: Option<String>,
        /// How many messages, at most 1000
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
    },
    /// Removes a receiver with all its messages
    Remove {
        /// The receiver's id or name
        webhook: String,
        /// Whose receiver [default: the only user]
        #[arg(long)]
        user: Option<String>,
    },
}

impl WebhookCommand {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let door = context.door().await?;
        let out = context.out;
        match self {
            Self::Add {
                url,
                name,
                events,
                dialect,
                user,
            } => {
                let request = Request::WebhookAdd {
                    user,
                    dialect,
                    name,
                    url,
                    events,
                };
                let Reply::NewWebhook { webhook, secret } = door.ask(request).await? else {
                    return Err(unexpected());
                };
                let shown = json!({ "id": webhook.id, "name": webhook.name, "url": webhook.url,
                    "events": webhook.events, "secret": secret });
                out.show(&shown, || secret.0.expose().to_owned());
                if !out.is_json() {
                    introduce(&webhook);
                }
            }
            Self::List { user } => {
                let Reply::Webhooks(webhooks) = door.ask(Request::WebhookList { user }).await? else {
                    return Err(unexpected());
                };
                out.show(&webhooks, || list(out, &webhooks));
            }
            Self::Test { webhook, user } => {
                let Reply::Deliveries(deliveries) = door.ask(Request::WebhookTest { user, webhook }).await? else {
                    return Err(unexpected());
                };
                print(out, &deliveries);
                let arrived = deliveries.iter().all(|one| one.state == DeliveryState::Delivered);
                return Ok(if arrived { ExitCode::SUCCESS } else { ExitCode::FAILURE });
            }
            Self::Log { webhook, user, limit } => {
                let request = Request::WebhookLog { user, webhook, limit };
                let Reply::Deliveries(mut deliveries) = door.ask(request).await? else {
                    return Err(unexpected());
                };
                // They come newest first; people read downwards.
                deliveries.reverse();
                print(out, &deliveries);
                if deliveries.is_empty() {
                    out.note("nothing was sent yet");
                }
            }
            Self::Remove { webhook, user } => {
                let request = Request::WebhookRemove {
                    user,
                    webhook: webhook.clone(),
                };
                door.ask(request).await.context("not removed")?;
                out.show(&json!({ "removed": webhook }), || format!("removed {webhook}"));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Beside the secret, so that `SECRET=$(broadside webhook add …)` holds nothing else.
fn introduce(webhook: &Webhook) {
    let (name, id, events) = (&webhook.name, webhook.id, webhook.events.join(", "));
    eprintln!("This secret of {name} ({id}) is shown only now. It listens to {events}.");
}

fn list(out: Output, webhooks: &[Webhook]) -> String {
    if webhooks.is_empty() {
        return "no webhook yet\n  next: broadside webhook add URL".to_owned();
    }
    let row = |webhook: &Webhook| {
        let sent = webhook.last_triggered_at;
        vec![
            webhook.name.clone(),
            webhook.dialect.clone(),
            if webhook.active {
                "on".to_owned()
            } else {
                out.toned(Tone::Bad, "off")
            },
            webhook.failures.to_string(),
            webhook.pending.to_string(),
            sent.map_or_else(|| "never".to_owned(), |at| format!("{at:.0}")),
            webhook.url.clone(),
            webhook.id.to_string(),
        ]
    };
    table(
        &[
            "NAME",
            "DIALECT",
            "STATE",
            "FAILURES",
            "WAITING",
            "LAST SENT",
            "URL",
            "ID",
        ],
        &webhooks.iter().map(row).collect::<Vec<_>>(),
    )
}

fn print(out: Output, deliveries: &[Delivery]) {
    for delivery in deliveries {
        out.show(delivery, || line(out, delivery));
    }
}

fn line(out: Output, delivery: &Delivery) -> String {
    let tone = match delivery.state {
        DeliveryState::Delivered => Tone::Good,
        DeliveryState::Failed => Tone::Bad,
        DeliveryState::Pending => Tone::Doubtful,
        DeliveryState::Withdrawn => Tone::Faint,
    };
    let mut told = Vec::new();
    for attempt in &delivery.attempts {
        told.extend(attempt.http_status.map(|status| format!("HTTP {status}")));
        told.push(format!("{} ms", attempt.took.as_millis()));
        told.extend(attempt.error.clone());
    }
    told.extend(delivery.next_at.map(|at| format!("next try {at:.0}")));
    let state = out.toned(tone, &format!("{:<10}", delivery.state.word()));
    let kind = delivery.kind.word();
    format!(
        "{:.3}  {state} {kind:<20} {}  {}",
        delivery.at,
        delivery.id,
        told.join("  ")
    )
    .trim_end()
    .to_owned()
}
