//! The outbox with a fault.

use std::sync::Arc;

use async_trait::async_trait;
use domain::ids::{DeliveryId, WebhookId};
use domain::webhook::{Delivery, DeliveryAttempt, DeliveryState, Webhook};
use jiff::{SignedDuration, Timestamp};
use store::{
    Batch, DeliveryAsk, DeliveryOutcome, DeliverySettlement, NewWebhook, Reach, Result, WebhookEdit, Webhooks,
};
use tokio::sync::Notify;

use super::{Fault, Saboteur};

impl Saboteur {
    /// Writes down that messages arrived which are only about to be sent.
    async fn settle_early(&self, batch: &Batch, at: Timestamp) -> Result<()> {
        let arrived = |delivery| DeliveryOutcome {
            delivery,
            attempt: DeliveryAttempt {
                at,
                took: SignedDuration::ZERO,
                http_status: None,
                error: None,
            },
            state: DeliveryState::Delivered,
            next_at: None,
        };
        let settlement = DeliverySettlement {
            webhook: batch.webhook.id,
            claim: batch.claim,
            outcomes: batch.parcels.iter().map(|parcel| arrived(parcel.delivery)).collect(),
            disabled_after: u32::MAX,
            release: false,
            at,
        };
        self.inner.settle_deliveries(settlement).await.map(|_| ())
    }
}

#[async_trait]
impl Webhooks for Saboteur {
    async fn claim_deliveries(&self, ask: DeliveryAsk) -> Result<Vec<Batch>> {
        let now = ask.now;
        let batches = self.inner.claim_deliveries(ask).await?;
        if self.fault == Fault::ForgetMessages {
            for batch in &batches {
                self.settle_early(batch, now).await?;
            }
        }
        Ok(batches)
    }

    async fn settle_deliveries(&self, mut settlement: DeliverySettlement) -> Result<Webhook> {
        if self.fault == Fault::ForgetMessages {
            settlement.outcomes.clear();
        }
        self.inner.settle_deliveries(settlement).await
    }

    async fn add_webhook(&self, new: NewWebhook, max: u32) -> Result<Webhook> {
        self.inner.add_webhook(new, max).await
    }

    async fn webhooks(&self, reach: &Reach, dialect: Option<&str>) -> Result<Vec<Webhook>> {
        self.inner.webhooks(reach, dialect).await
    }

    async fn webhook(&self, reach: &Reach, webhook: WebhookId) -> Result<Option<Webhook>> {
        self.inner.webhook(reach, webhook).await
    }

    async fn edit_webhook(&self, reach: &Reach, id: WebhookId, edit: WebhookEdit, at: Timestamp) -> Result<Webhook> {
        self.inner.edit_webhook(reach, id, edit, at).await
    }

    async fn remove_webhook(&self, reach: &Reach, webhook: WebhookId) -> Result<()> {
        self.inner.remove_webhook(reach, webhook).await
    }

    async fn test_webhook(&self, reach: &Reach, webhook: WebhookId, at: Timestamp) -> Result<DeliveryId> {
        self.inner.test_webhook(reach, webhook, at).await
    }

    async fn deliveries(&self, reach: &Reach, webhook: WebhookId, limit: u32) -> Result<Vec<Delivery>> {
        self.inner.deliveries(reach, webhook, limit).await
    }

    async fn free_deliveries(&self) -> Result<u64> {
        self.inner.free_deliveries().await
    }

    async fn next_delivery(&self) -> Result<Option<Timestamp>> {
        self.inner.next_delivery().await
    }

    fn deliveries_added(&self) -> Arc<Notify> {
        self.inner.deliveries_added()
    }
}
