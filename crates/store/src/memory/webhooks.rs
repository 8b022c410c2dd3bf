//! Receivers of webhooks and their outbox.

use std::sync::Arc;

use async_trait::async_trait;
use domain::ids::{DeliveryId, IdMint, UserId, WebhookId};
use domain::log::LogEntry;
use domain::notice::{Notice, NoticeKind, Subject};
use domain::secret::SecretText;
use domain::webhook::{Delivery, DeliveryState, Parcel, Webhook};
use jiff::Timestamp;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::Notify;

use super::MemoryStore;
use super::groups::at_most;
use super::state::State;
use crate::{
    Batch, Conflict, DELIVERIES_LISTED_MAX, DELIVERIES_PENDING_MAX, DeliveryAsk, DeliverySettlement, Error, NewGroup,
    NewWebhook, Reach, Result, WEBHOOKS_LISTED_MAX, WebhookEdit, Webhooks, outbox, rules,
};

#[derive(Debug, Clone)]
pub(super) struct WebhookRow {
    webhook: Webhook,
    secret: SecretText,
    claim: u32,
    /// When the claim ends, while there is one.
    claimed_until: Option<Timestamp>,
}

#[derive(Debug, Clone)]
pub(super) struct DeliveryRow {
    delivery: Delivery,
    notice: Notice,
    body: Option<Vec<u8>>,
    done_at: Option<Timestamp>,
}

impl State {
    fn webhook_row(&self, reach: &Reach, id: WebhookId) -> Result<&WebhookRow> {
        let row = self.webhooks.iter().find(|row| row.webhook.id == id);
        row.map(|row| &**row)
            .filter(|row| row.webhook.owner == reach.owner)
            .ok_or(Error::NotFound)
    }

    fn webhook_mut(&mut self, id: WebhookId) -> Result<&mut WebhookRow> {
        let row = self.webhooks.iter_mut().find(|row| row.webhook.id == id);
        row.map(Arc::make_mut).ok_or(Error::NotFound)
    }

    /// Tells of a post's move, if it is news.
    pub(super) fn tell_of_post(
        &mut self,
        post: domain::ids::PostId,
        told: Option<NoticeKind>,
        at: Timestamp,
    ) -> Result<()> {
        let Some(kind) = told else { return Ok(()) };
        let row = self.row(post)?;
        let subject = Subject::Post {
            group: row.group,
            post,
            platform: row.post.platform,
            target: row.post.target.clone(),
            state: row.post.state.clone(),
        };
        self.tell(row.owner, &Notice { kind, at, subject });
        Ok(())
    }

    /// Tells that the posts of a new group have a time, if they have.
    pub(super) fn tell_of_group(&mut self, new: &NewGroup) {
        let state = rules::first_state(new.draft, new.planned_at, new.created_at);
        let Some(kind) = NoticeKind::of_plan(&domain::post::PostState::Draft, &state) else {
            return;
        };
        for post in &new.posts {
            self.tell(new.owner, &outbox::of_new_post(kind, new, post, &state));
        }
    }

    /// Tells what an entry says about an account, if that is news.
    pub(super) fn tell_of_entry(&mut self, entry: &LogEntry) {
        let told = NoticeKind::of_entry(entry.kind).zip(entry.account).zip(entry.user);
        if let Some(((kind, account), owner)) = told
            && let Some(row) = self.account_row(account)
        {
            let notice = outbox::of_account(kind, entry, &row.account);
            self.tell(owner, &notice);
        }
    }

    fn tell(&mut self, owner: UserId, notice: &Notice) {
        let listens =
            |webhook: &Webhook| webhook.owner == owner && webhook.active && webhook.kinds.contains(notice.kind);
        let listeners = self
            .webhooks
            .iter()
            .map(|row| &row.webhook)
            .filter(|webhook| listens(webhook));
        let listeners: Vec<_> = listeners.map(|webhook| webhook.id).collect();
        for webhook in listeners {
            self.put_delivery(webhook, notice.clone());
        }
    }

    fn put_delivery(&mut self, id: WebhookId, notice: Notice) -> Option<DeliveryId> {
        self.minted += 1;
        let mut rng = StdRng::seed_from_u64(self.minted);
        let delivery = DeliveryId::from_bytes(IdMint::default().next(notice.at, &mut rng));
        let webhook = &mut self.webhook_mut(id).ok()?.webhook;
        if webhook.pending >= DELIVERIES_PENDING_MAX {
            webhook.dropped += 1;
            return None;
        }
        webhook.pending += 1;
        self.deliveries.push(Arc::new(DeliveryRow {
            delivery: Delivery {
                id: delivery,
                webhook: id,
                kind: notice.kind,
                state: DeliveryState::Pending,
                at: notice.at,
                next_at: Some(notice.at),
                attempts: Vec::new(),
            },
            notice,
            body: None,
            done_at: None,
        }));
        Some(delivery)
    }

    fn add_webhook(&mut self, new: NewWebhook, max: u32) -> Result<Webhook> {
        self.live_user(new.owner).ok_or(Error::NotFound)?;
        let alike = |row: &&Arc<WebhookRow>| row.webhook.owner == new.owner && row.webhook.dialect == new.dialect;
        if self.webhooks.iter().filter(alike).count() >= at_most(max) {
            return Err(Conflict::TooManyWebhooks(max).into());
        }
        let webhook = Webhook {
            id: new.id,
            owner: new.owner,
            dialect: new.dialect,
            name: new.name,
            url: new.url,
            events: new.events,
            kinds: new.kinds,
            active: true,
            failures: 0,
            last_triggered_at: None,
            pending: 0,
            dropped: 0,
            created_at: new.at,
            updated_at: new.at,
        };
        self.webhooks.push(Arc::new(WebhookRow {
            webhook: webhook.clone(),
            secret: new.secret,
            claim: 0,
            claimed_until: None,
        }));
        Ok(webhook)
    }

    fn webhooks_listed(&self, reach: &Reach, dialect: Option<&str>) -> Vec<Webhook> {
        let asked = |webhook: &&Webhook| {
            webhook.owner == reach.owner && dialect.is_none_or(|dialect| dialect == webhook.dialect)
        };
        let mut mine: Vec<_> = self
            .webhooks
            .iter()
            .map(|row| &row.webhook)
            .filter(asked)
            .cloned()
            .collect();
        mine.sort_by_key(|webhook| (webhook.created_at, webhook.id));
        mine.truncate(at_most(WEBHOOKS_LISTED_MAX));
        mine
    }

    fn edit_webhook(&mut self, reach: &Reach, id: WebhookId, mut edit: WebhookEdit, at: Timestamp) -> Result<Webhook> {
        self.webhook_row(reach, id)?;
        let row = self.webhook_mut(id)?;
        if let Some(secret) = edit.secret.take() {
            row.secret = secret;
        }
        let was_active = row.webhook.active;
        outbox::edited(&mut row.webhook, edit, at);
        if was_active && !row.webhook.active {
            self.withdraw_deliveries(id, at)?;
        }
        Ok(self.webhook_row(reach, id)?.webhook.clone())
    }

    fn withdraw_deliveries(&mut self, id: WebhookId, at: Timestamp) -> Result<()> {
        self.webhook_mut(id)?.webhook.pending = 0;
        let waits = |row: &&mut Arc<DeliveryRow>| row.delivery.webhook == id && row.delivery.next_at.is_some();
        for row in self.deliveries.iter_mut().filter(waits) {
            let row = Arc::make_mut(row);
            row.delivery.state = DeliveryState::Withdrawn;
            row.delivery.next_at = None;
            row.done_at = Some(at);
        }
        Ok(())
    }

    /// Removes receivers with all their messages.
    pub(super) fn remove_webhooks(&mut self, which: impl Fn(&Webhook) -> bool) {
        self.webhooks.retain(|row| !which(&row.webhook));
        let left: Vec<_> = self.webhooks.iter().map(|row| row.webhook.id).collect();
        self.deliveries.retain(|row| left.contains(&row.delivery.webhook));
    }

    /// Forgets messages that ended long ago.
    pub(super) fn prune_deliveries(&mut self, now: Timestamp) {
        let by = outbox::ended_by(now);
        self.deliveries.retain(|row| row.done_at.is_none_or(|at| at > by));
    }

    fn claim_deliveries(&mut self, ask: &DeliveryAsk) -> Result<Vec<Batch>> {
        let mut batches = Vec::new();
        for (is_failing, max) in [(false, ask.sound_max), (true, ask.failing_max)] {
            let is_due = |row: &&Arc<WebhookRow>| {
                (row.webhook.failures > 0) == is_failing && self.due_at(row).is_some_and(|at| at <= ask.now)
            };
            let mut due: Vec<_> = self.webhooks.iter().filter(is_due).cloned().collect();
            due.sort_by_key(|row| (self.due_at(row), row.webhook.id));
            for row in due.into_iter().take(max) {
                batches.extend(self.claim_webhook(row.webhook.id, ask)?);
            }
        }
        Ok(batches)
    }

    /// When a receiver's next message is due, or its claim ends.
    fn due_at(&self, row: &WebhookRow) -> Option<Timestamp> {
        let mine = self
            .deliveries
            .iter()
            .filter(|one| one.delivery.webhook == row.webhook.id);
        row.claimed_until
            .or_else(|| mine.filter_map(|one| one.delivery.next_at).min())
    }

    fn claim_webhook(&mut self, id: WebhookId, ask: &DeliveryAsk) -> Result<Option<Batch>> {
        let dialect = self.webhook_mut(id)?.webhook.dialect.clone();
        let is_due = |row: &&mut Arc<DeliveryRow>| {
            row.delivery.webhook == id && row.delivery.next_at.is_some_and(|at| at <= ask.now)
        };
        let mut due: Vec<_> = self.deliveries.iter_mut().filter(is_due).map(Arc::make_mut).collect();
        due.sort_by_key(|row| row.delivery.next_at);
        let (mut parcels, mut withdrawn) = (Vec::new(), 0);
        for row in due.into_iter().take(ask.each_max) {
            let body = row.body.take().or_else(|| (ask.render)(&dialect, &row.notice));
            match body {
                None => {
                    row.delivery.state = DeliveryState::Withdrawn;
                    (row.delivery.next_at, row.done_at) = (None, Some(ask.now));
                    withdrawn += 1;
                }
                Some(body) => {
                    row.body = Some(body.clone());
                    parcels.push(Parcel {
                        delivery: row.delivery.id,
                        kind: row.delivery.kind,
                        body,
                        attempts: u32::try_from(row.delivery.attempts.len()).unwrap_or(u32::MAX),
                    });
                }
            }
        }
        let row = self.webhook_mut(id)?;
        row.webhook.pending -= withdrawn;
        row.claimed_until = (!parcels.is_empty()).then(|| rules::later(ask.now, ask.lease));
        row.claim += 1;
        let batch = Batch {
            webhook: row.webhook.clone(),
            secret: row.secret.clone(),
            claim: row.claim,
            parcels,
        };
        Ok(Some(batch).filter(|batch| !batch.parcels.is_empty()))
    }

    fn settle_deliveries(&mut self, settlement: DeliverySettlement) -> Result<Webhook> {
        let id = settlement.webhook;
        let row = self.webhooks.iter().find(|row| row.webhook.id == id);
        let held = row.filter(|row| row.claim == settlement.claim && row.claimed_until.is_some());
        let mut webhook = held.ok_or(Error::LeaseLost)?.webhook.clone();
        for outcome in settlement.outcomes {
            let row = self
                .deliveries
                .iter_mut()
                .find(|row| row.delivery.id == outcome.delivery);
            let row = Arc::make_mut(row.ok_or(Error::NotFound)?);
            let tries = std::mem::take(&mut row.delivery.attempts);
            let settled = outbox::settled(&mut webhook, row.delivery.kind, row.delivery.state, tries, outcome);
            row.delivery.state = settled.state;
            row.delivery.next_at = settled.next_at;
            row.delivery.attempts = settled.tries;
            row.done_at = settled.done_at;
        }
        let off = outbox::switched_off(&mut webhook, settlement.disabled_after, settlement.at);
        let owner = webhook.owner;
        let row = self.webhook_mut(id)?;
        row.webhook = webhook;
        if settlement.release {
            row.claimed_until = None;
        }
        if let Some(entry) = off {
            self.withdraw_deliveries(id, settlement.at)?;
            self.write_log(vec![entry], owner, None);
        }
        Ok(self.webhook_mut(id)?.webhook.clone())
    }
}

#[async_trait]
impl Webhooks for MemoryStore {
    async fn add_webhook(&self, new: NewWebhook, max: u32) -> Result<Webhook> {
        self.write(|state| state.add_webhook(new, max))
    }

    async fn webhooks(&self, reach: &Reach, dialect: Option<&str>) -> Result<Vec<Webhook>> {
        Ok(self.read(|state| state.webhooks_listed(reach, dialect)))
    }

    async fn webhook(&self, reach: &Reach, webhook: WebhookId) -> Result<Option<Webhook>> {
        Ok(self.read(|state| state.webhook_row(reach, webhook).ok().map(|row| row.webhook.clone())))
    }

    async fn edit_webhook(&self, reach: &Reach, id: WebhookId, edit: WebhookEdit, at: Timestamp) -> Result<Webhook> {
        self.write(|state| state.edit_webhook(reach, id, edit, at))
    }

    async fn remove_webhook(&self, reach: &Reach, webhook: WebhookId) -> Result<()> {
        self.write(|state| {
            state.webhook_row(reach, webhook)?;
            state.remove_webhooks(|other| other.id == webhook);
            Ok(())
        })
    }

    async fn test_webhook(&self, reach: &Reach, webhook: WebhookId, at: Timestamp) -> Result<DeliveryId> {
        self.write(|state| {
            let row = state.webhook_row(reach, webhook)?;
            let (notice, active) = (outbox::test_notice(&row.webhook, at), row.webhook.active);
            let put = if active {
                state.put_delivery(webhook, notice)
            } else {
                None
            };
            put.ok_or_else(|| Conflict::WebhookOff.into())
        })
    }

    async fn deliveries(&self, reach: &Reach, webhook: WebhookId, limit: u32) -> Result<Vec<Delivery>> {
        Ok(self.read(|state| {
            let is_mine = state.webhook_row(reach, webhook).is_ok();
            let all = state.deliveries.iter().rev().map(|row| &row.delivery);
            let mine = all.filter(|delivery| is_mine && delivery.webhook == webhook);
            mine.take(at_most(limit.min(DELIVERIES_LISTED_MAX))).cloned().collect()
        }))
    }

    async fn claim_deliveries(&self, ask: DeliveryAsk) -> Result<Vec<Batch>> {
        self.write(|state| state.claim_deliveries(&ask))
    }

    async fn settle_deliveries(&self, settlement: DeliverySettlement) -> Result<Webhook> {
        self.write(|state| state.settle_deliveries(settlement))
    }

    async fn free_deliveries(&self) -> Result<u64> {
        self.write(|state| {
            let mut count = 0;
            for row in state.webhooks.iter_mut().filter(|row| row.claimed_until.is_some()) {
                Arc::make_mut(row).claimed_until = None;
                count += 1;
            }
            Ok(count)
        })
    }

    async fn next_delivery(&self) -> Result<Option<Timestamp>> {
        Ok(self.read(|state| state.webhooks.iter().filter_map(|row| state.due_at(row)).min()))
    }

    fn deliveries_added(&self) -> Arc<Notify> {
        Arc::clone(&self.written)
    }
}
