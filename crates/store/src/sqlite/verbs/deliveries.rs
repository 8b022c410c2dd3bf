//! Messages to receivers of webhooks: claimed, settled, read.

use std::sync::Arc;

use domain::ids::WebhookId;
use domain::notice::{Notice, NoticeKind};
use domain::secret::SecretText;
use domain::webhook::{Delivery, DeliveryState, Parcel, Webhook};
use rusqlite::{Row, params};

use super::accounts;
use super::webhooks::{self, COLUMNS, SECRET, any, read, save, withdraw};
use crate::sqlite::reader::Db;
use crate::sqlite::rows::{self, micros};
use crate::sqlite::sql::webhooks as sql;
use crate::sqlite::tx::Tx;
use crate::webhooks::{Batch, DeliveryAsk, DeliveryOutcome, DeliverySettlement};
use crate::{DELIVERIES_LISTED_MAX, Error, Reach, Result, outbox, rules};

pub(super) fn list(db: &Db, reach: &Reach, id: WebhookId, limit: u32) -> Result<Vec<Delivery>> {
    if webhooks::one(db, reach, id)?.is_none() {
        return Ok(Vec::new());
    }
    let asked = params![id.as_bytes(), limit.min(DELIVERIES_LISTED_MAX)];
    db.all(sql::DELIVERIES, asked, |row| {
        Ok(Delivery {
            id: rows::id(row, 0)?,
            webhook: id,
            kind: kind(row, 1)?,
            state: state(row, 2)?,
            at: rows::at(row, 3)?,
            next_at: rows::maybe_at(row, 4)?,
            attempts: rows::json(row, 5)?,
        })
    })
}

fn kind(row: &Row<'_>, column: usize) -> Result<NoticeKind> {
    let word = rows::text(row, column)?;
    NoticeKind::from_word(word).ok_or_else(|| rows::corrupt(format!("notice kind '{word}'")))
}

fn state(row: &Row<'_>, column: usize) -> Result<DeliveryState> {
    let word = rows::text(row, column)?;
    DeliveryState::from_word(word).ok_or_else(|| rows::corrupt(format!("delivery state '{word}'")))
}

pub(super) fn claim(tx: &mut Tx, ask: &DeliveryAsk) -> Result<Vec<Batch>> {
    let mut batches = Vec::new();
    for (is_failing, max) in [(false, ask.sound_max), (true, ask.failing_max)] {
        let limit = i64::try_from(max).unwrap_or(i64::MAX);
        let due: Vec<WebhookId> = tx.all(sql::DUE_WEBHOOKS, params![micros(ask.now), is_failing, limit], |row| {
            rows::id(row, 0)
        })?;
        for webhook in due {
            batches.extend(claim_one(tx, webhook, ask)?);
        }
    }
    Ok(batches)
}

/// Claims a receiver. One for which nothing is left to send (its dialect had no words) is freed again.
fn claim_one(tx: &mut Tx, id: WebhookId, ask: &DeliveryAsk) -> Result<Option<Batch>> {
    let lease_until = micros(rules::later(ask.now, ask.lease));
    tx.exec(sql::CLAIM_WEBHOOK, params![id.as_bytes(), lease_until])?;
    let vault = Arc::clone(&tx.vault);
    let found = tx.one(sql::WEBHOOK, [id.as_bytes()], |row| {
        let secret = accounts::maybe_opened(&vault, SECRET, id.as_bytes(), row, COLUMNS)?;
        Ok((read(row)?, secret, row.get::<_, u32>(COLUMNS + 1)?))
    })?;
    let (mut webhook, secret, claim) = found.ok_or(Error::NotFound)?;
    let secret: SecretText = secret.ok_or_else(|| rows::corrupt("a webhook without a secret"))?;
    let parcels = parcels(tx, &mut webhook, ask)?;
    if parcels.is_empty() {
        tx.exec(sql::FREE_WEBHOOK, [id.as_bytes()])?;
        return Ok(None);
    }
    Ok(Some(Batch {
        webhook,
        secret,
        claim,
        parcels,
    }))
}

/// The messages that are due, each with its body, which is rendered the first time.
fn parcels(tx: &Tx, webhook: &mut Webhook, ask: &DeliveryAsk) -> Result<Vec<Parcel>> {
    let limit = i64::try_from(ask.each_max).unwrap_or(i64::MAX);
    let due = params![webhook.id.as_bytes(), micros(ask.now), limit];
    let due = tx.all(sql::DUE_DELIVERIES, due, |row| {
        let n: i64 = row.get(0)?;
        let (kind, body): (_, Option<Vec<u8>>) = (kind(row, 2)?, row.get(4)?);
        let notice: Option<Notice> = if body.is_some() {
            None
        } else {
            Some(rows::json(row, 3)?)
        };
        let parcel = Parcel {
            delivery: rows::id(row, 1)?,
            kind,
            body: body.unwrap_or_default(),
            attempts: row.get(5)?,
        };
        Ok((n, notice, parcel))
    })?;
    let mut parcels = Vec::with_capacity(due.len());
    for (n, notice, mut parcel) in due {
        match notice.map(|notice| (ask.render)(&webhook.dialect, &notice)) {
            None => {}
            Some(Some(body)) => {
                tx.exec(sql::SET_BODY, params![n, body])?;
                parcel.body = body;
            }
            Some(None) => {
                let (word, now) = (DeliveryState::Withdrawn.word(), micros(ask.now));
                tx.exec(sql::SETTLE_DELIVERY, params![n, word, None::<i64>, now, 0, "[]"])?;
                webhook.pending = webhook.pending.saturating_sub(1);
                save(tx, webhook)?;
                continue;
            }
        }
        parcels.push(parcel);
    }
    Ok(parcels)
}

pub(super) fn settle(tx: &mut Tx, settlement: DeliverySettlement) -> Result<Webhook> {
    let id = settlement.webhook;
    if !tx.exists(sql::IS_CLAIMED, params![id.as_bytes(), settlement.claim])? {
        return Err(Error::LeaseLost);
    }
    let mut webhook = any(tx, id)?;
    for outcome in settlement.outcomes {
        settle_one(tx, &mut webhook, outcome)?;
    }
    if let Some(entry) = outbox::switched_off(&mut webhook, settlement.disabled_after, settlement.at) {
        withdraw(tx, &mut webhook, settlement.at)?;
        tx.listeners.forget();
        tx.log_elsewhere(entry, webhook.owner)?;
    }
    save(tx, &webhook)?;
    if settlement.release {
        tx.exec(sql::FREE_WEBHOOK, [id.as_bytes()])?;
    }
    Ok(webhook)
}

fn settle_one(tx: &Tx, webhook: &mut Webhook, outcome: DeliveryOutcome) -> Result<()> {
    let name = params![outcome.delivery.as_bytes(), webhook.id.as_bytes()];
    let found = tx.one(sql::DELIVERY, name, |row| {
        let attempts: u32 = row.get(3)?;
        Ok((
            row.get::<_, i64>(0)?,
            kind(row, 1)?,
            state(row, 2)?,
            attempts,
            rows::json(row, 4)?,
        ))
    })?;
    let (n, kind, before, attempts, tries): (_, _, _, _, Vec<_>) = found.ok_or(Error::NotFound)?;
    let settled = outbox::settled(webhook, kind, before, tries, outcome);
    let row = params![
        n,
        settled.state.word(),
        settled.next_at.map(micros),
        settled.done_at.map(micros),
        attempts.saturating_add(1),
        rows::to_json(&settled.tries)?,
    ];
    tx.exec(sql::SETTLE_DELIVERY, row).map(|_| ())
}

pub(super) fn free(tx: &Tx) -> Result<u64> {
    let claimed: Vec<WebhookId> = tx.all(sql::CLAIMED_WEBHOOKS, [], |row| rows::id(row, 0))?;
    let count = u64::try_from(claimed.len()).unwrap_or(u64::MAX);
    for webhook in claimed {
        tx.exec(sql::FREE_WEBHOOK, [webhook.as_bytes()])?;
    }
    Ok(count)
}
