//! Receivers of webhooks, and what they are told.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use domain::ids::{DeliveryId, UserId, WebhookId};
use domain::log::LogEntry;
use domain::notice::{Notice, NoticeKind, NoticeKinds, Subject};
use domain::post::PostState;
use domain::webhook::{Delivery, Webhook};
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use tokio::sync::Notify;

use super::{accounts, deliveries};
use crate::sqlite::SqliteStore;
use crate::sqlite::reader::Db;
use crate::sqlite::rows::{self, micros};
use crate::sqlite::sql::webhooks as sql;
use crate::sqlite::tx::{PostRow, Tx};
use crate::webhooks::{Batch, DeliveryAsk, DeliverySettlement, NewWebhook, WebhookEdit, Webhooks};
use crate::{Conflict, DELIVERIES_PENDING_MAX, Error, NewGroup, Reach, Result, WEBHOOKS_LISTED_MAX, outbox};

/// What secrets are sealed for.
pub(super) const SECRET: &str = "webhooks.secret";
/// The columns of [`read`].
pub(super) const COLUMNS: usize = 14;

/// Who listens to what, so that a transition nobody listens to costs no statement. Only the writer changes receivers,
/// so what it remembers is true until it changes one.
#[derive(Debug, Default)]
pub(in crate::sqlite) struct Listeners {
    known: Option<HashMap<UserId, Vec<(WebhookId, NoticeKinds)>>>,
    /// Whether the transaction that is running changed receivers.
    changed: bool,
}

impl Listeners {
    /// A receiver was changed: who listens is read anew.
    pub(super) fn forget(&mut self) {
        self.known = None;
        self.changed = true;
    }

    /// A transaction begins. What was read in one that was undone is not true.
    pub(in crate::sqlite) fn start(&mut self) {
        if self.changed {
            self.known = None;
        }
        self.changed = false;
    }

    /// The transaction is about to be committed; should that fail, the process ends.
    pub(in crate::sqlite) fn committed(&mut self) {
        self.changed = false;
    }

    /// What was read in a command that was rolled back may not be true.
    pub(in crate::sqlite) fn end_command(&mut self, is_done: bool) {
        if self.changed && !is_done {
            self.known = None;
        }
    }

    fn of(&mut self, conn: &Connection, owner: UserId, kind: NoticeKind) -> Result<Vec<WebhookId>> {
        let known = match &mut self.known {
            Some(known) => known,
            none => none.insert(load(conn)?),
        };
        let Some(mine) = known.get(&owner) else {
            return Ok(Vec::new());
        };
        let listening = mine.iter().filter(|(_, kinds)| kinds.contains(kind));
        Ok(listening.map(|(id, _)| *id).collect())
    }
}

fn load(conn: &Connection) -> Result<HashMap<UserId, Vec<(WebhookId, NoticeKinds)>>> {
    let mut known: HashMap<_, Vec<_>> = HashMap::new();
    let rows = rows::all(conn, sql::LISTENERS, [], |row| {
        Ok((
            rows::id(row, 1)?,
            rows::id(row, 0)?,
            NoticeKinds::from_bits(row.get(2)?),
        ))
    })?;
    for (owner, id, kinds) in rows {
        known.entry(owner).or_default().push((id, kinds));
    }
    Ok(known)
}

/// Puts a message into the outbox of everybody who listens. The notice is made only when somebody does.
fn tell(
    tx: &mut Tx,
    owner: UserId,
    kind: NoticeKind,
    notice: impl FnOnce(&Tx) -> Result<Option<Notice>>,
) -> Result<()> {
    let listeners = tx.listeners.of(&tx.conn, owner, kind)?;
    if listeners.is_empty() {
        return Ok(());
    }
    if let Some(notice) = notice(tx)? {
        for webhook in listeners {
            put(tx, webhook, &notice)?;
        }
    }
    Ok(())
}

/// Tells of a post's move, if it is news.
pub(in crate::sqlite) fn tell_of_post(
    tx: &mut Tx,
    row: &PostRow,
    told: Option<NoticeKind>,
    at: Timestamp,
) -> Result<()> {
    let Some(kind) = told else { return Ok(()) };
    tell(tx, row.owner, kind, |_| {
        let subject = Subject::Post {
            group: row.group,
            post: row.id,
            platform: row.platform,
            target: row.target.clone(),
            state: row.state.clone(),
        };
        Ok(Some(Notice { kind, at, subject }))
    })
}

/// Tells that the posts of a new group have a time, if they have.
pub(in crate::sqlite) fn tell_of_group(tx: &mut Tx, new: &NewGroup, state: &PostState) -> Result<()> {
    let Some(kind) = NoticeKind::of_plan(&PostState::Draft, state) else {
        return Ok(());
    };
    for post in &new.posts {
        tell(tx, new.owner, kind, |_| {
            Ok(Some(outbox::of_new_post(kind, new, post, state)))
        })?;
    }
    Ok(())
}

/// Tells what an entry says about an account, if that is news.
pub(in crate::sqlite) fn tell_of_entry(tx: &mut Tx, entry: &LogEntry) -> Result<()> {
    let told = NoticeKind::of_entry(entry.kind).zip(entry.account).zip(entry.user);
    let Some(((kind, account), owner)) = told else {
        return Ok(());
    };
    tell(tx, owner, kind, |tx| {
        let account = tx.one(crate::sqlite::sql::ANY_ACCOUNT, [account.as_bytes()], rows::account)?;
        Ok(account.map(|account| outbox::of_account(kind, entry, &account)))
    })
}

/// Puts a message into a receiver's outbox; `None` when that is full.
fn put(tx: &mut Tx, webhook: WebhookId, notice: &Notice) -> Result<Option<DeliveryId>> {
    let due = micros(notice.at);
    let expected = params![webhook.as_bytes(), due, DELIVERIES_PENDING_MAX];
    if tx.exec(sql::EXPECT_DELIVERY, expected)? == 0 {
        tx.exec(sql::DROP_DELIVERY, [webhook.as_bytes()])?;
        return Ok(None);
    }
    let id = DeliveryId::from_bytes(tx.mint_at(notice.at));
    let row = params![
        id.as_bytes(),
        webhook.as_bytes(),
        notice.kind.word(),
        due,
        rows::to_json(notice)?
    ];
    tx.exec(sql::ADD_DELIVERY, row)?;
    tx.deliveries_added.notify_one();
    Ok(Some(id))
}

pub(super) fn read(row: &Row<'_>) -> Result<Webhook> {
    Ok(Webhook {
        id: rows::id(row, 0)?,
        owner: rows::id(row, 1)?,
        dialect: row.get(2)?,
        name: row.get(3)?,
        url: row.get(4)?,
        events: rows::json(row, 5)?,
        kinds: NoticeKinds::from_bits(row.get(6)?),
        active: row.get(7)?,
        failures: row.get(8)?,
        last_triggered_at: rows::maybe_at(row, 9)?,
        pending: row.get(10)?,
        dropped: row.get(11)?,
        created_at: rows::at(row, 12)?,
        updated_at: rows::at(row, 13)?,
    })
}

pub(super) fn any(tx: &Tx, id: WebhookId) -> Result<Webhook> {
    tx.one(sql::WEBHOOK, [id.as_bytes()], read)?.ok_or(Error::NotFound)
}

fn within(tx: &Tx, reach: &Reach, id: WebhookId) -> Result<Webhook> {
    Some(any(tx, id)?)
        .filter(|webhook| webhook.owner == reach.owner)
        .ok_or(Error::NotFound)
}

pub(super) fn save(tx: &Tx, webhook: &Webhook) -> Result<()> {
    let row = params![
        webhook.id.as_bytes(),
        webhook.name,
        webhook.url,
        rows::to_json(&webhook.events)?,
        webhook.kinds.bits(),
        webhook.active,
        webhook.failures,
        webhook.last_triggered_at.map(micros),
        webhook.pending,
        micros(webhook.updated_at),
    ];
    tx.exec(sql::SAVE_WEBHOOK, row).map(|_| ())
}

fn add(tx: &mut Tx, new: &NewWebhook, max: u32) -> Result<Webhook> {
    let owner = new.owner.as_bytes();
    if !tx.exists(crate::sqlite::sql::IS_USER, [owner])? {
        return Err(Error::NotFound);
    }
    let count: Option<u32> = tx.one(sql::COUNT_WEBHOOKS, params![owner, new.dialect], |row| Ok(row.get(0)?))?;
    if count.unwrap_or(0) >= max {
        return Err(Conflict::TooManyWebhooks(max).into());
    }
    let id = new.id.as_bytes();
    let row = params![
        id,
        owner,
        new.dialect,
        new.name,
        new.url,
        rows::to_json(&new.events)?,
        new.kinds.bits(),
        accounts::seal(&tx.vault, SECRET, id, &new.secret)?,
        micros(new.at),
    ];
    tx.exec(sql::ADD_WEBHOOK, row)?;
    tx.listeners.forget();
    any(tx, new.id)
}

fn edit(tx: &mut Tx, reach: &Reach, id: WebhookId, edit: WebhookEdit, at: Timestamp) -> Result<Webhook> {
    let mut webhook = within(tx, reach, id)?;
    if let Some(secret) = &edit.secret {
        let sealed = accounts::seal(&tx.vault, SECRET, id.as_bytes(), secret)?;
        tx.exec(sql::SET_WEBHOOK_SECRET, params![id.as_bytes(), sealed])?;
    }
    let was_active = webhook.active;
    outbox::edited(&mut webhook, edit, at);
    if was_active && !webhook.active {
        withdraw(tx, &mut webhook, at)?;
    }
    save(tx, &webhook)?;
    tx.listeners.forget();
    Ok(webhook)
}

/// Gives up the messages that wait for a receiver that was switched off. A claim under way keeps its lease.
pub(super) fn withdraw(tx: &Tx, webhook: &mut Webhook, at: Timestamp) -> Result<()> {
    tx.exec(sql::WITHDRAW_DELIVERIES, params![webhook.id.as_bytes(), micros(at)])?;
    webhook.pending = 0;
    Ok(())
}

fn remove(tx: &mut Tx, id: WebhookId) -> Result<()> {
    tx.exec(sql::DELETE_DELIVERIES, [id.as_bytes()])?;
    tx.exec(sql::DELETE_WEBHOOK, [id.as_bytes()])?;
    tx.listeners.forget();
    Ok(())
}

/// Removes everything of a user that is removed.
pub(in crate::sqlite) fn remove_all(tx: &mut Tx, owner: UserId) -> Result<()> {
    let none = None::<&str>;
    let mine = tx.all(
        sql::WEBHOOKS,
        params![owner.as_bytes(), none, WEBHOOKS_LISTED_MAX],
        |row| rows::id(row, 0),
    )?;
    mine.into_iter().try_for_each(|webhook| remove(tx, webhook))
}

fn test(tx: &mut Tx, reach: &Reach, id: WebhookId, at: Timestamp) -> Result<DeliveryId> {
    let webhook = within(tx, reach, id)?;
    let notice = outbox::test_notice(&webhook, at);
    let put = if webhook.active { put(tx, id, &notice)? } else { None };
    put.ok_or_else(|| Conflict::WebhookOff.into())
}

fn list(db: &Db, reach: &Reach, dialect: Option<&str>) -> Result<Vec<Webhook>> {
    let asked = params![reach.owner.as_bytes(), dialect, WEBHOOKS_LISTED_MAX];
    db.all(sql::WEBHOOKS, asked, read)
}

pub(super) fn one(db: &Db, reach: &Reach, id: WebhookId) -> Result<Option<Webhook>> {
    let found = db.one(sql::WEBHOOK, [id.as_bytes()], read)?;
    Ok(found.filter(|webhook| webhook.owner == reach.owner))
}

#[async_trait]
impl Webhooks for SqliteStore {
    async fn add_webhook(&self, new: NewWebhook, max: u32) -> Result<Webhook> {
        self.writer.call(move |tx| add(tx, &new, max)).await
    }

    async fn webhooks(&self, reach: &Reach, dialect: Option<&str>) -> Result<Vec<Webhook>> {
        let (reach, dialect) = (*reach, dialect.map(str::to_owned));
        self.readers.call(move |db| list(db, &reach, dialect.as_deref())).await
    }

    async fn webhook(&self, reach: &Reach, webhook: WebhookId) -> Result<Option<Webhook>> {
        self.readers.quick(|db| one(db, reach, webhook))
    }

    async fn edit_webhook(&self, reach: &Reach, id: WebhookId, change: WebhookEdit, at: Timestamp) -> Result<Webhook> {
        let reach = *reach;
        self.writer.call(move |tx| edit(tx, &reach, id, change, at)).await
    }

    async fn remove_webhook(&self, reach: &Reach, webhook: WebhookId) -> Result<()> {
        let reach = *reach;
        self.writer
            .call(move |tx| {
                within(tx, &reach, webhook)?;
                remove(tx, webhook)
            })
            .await
    }

    async fn test_webhook(&self, reach: &Reach, webhook: WebhookId, at: Timestamp) -> Result<DeliveryId> {
        let reach = *reach;
        self.writer.call(move |tx| test(tx, &reach, webhook, at)).await
    }

    async fn deliveries(&self, reach: &Reach, webhook: WebhookId, limit: u32) -> Result<Vec<Delivery>> {
        let reach = *reach;
        self.readers
            .call(move |db| deliveries::list(db, &reach, webhook, limit))
            .await
    }

    async fn claim_deliveries(&self, ask: DeliveryAsk) -> Result<Vec<Batch>> {
        self.writer.call(move |tx| deliveries::claim(tx, &ask)).await
    }

    async fn settle_deliveries(&self, settlement: DeliverySettlement) -> Result<Webhook> {
        self.writer.call(move |tx| deliveries::settle(tx, settlement)).await
    }

    async fn free_deliveries(&self) -> Result<u64> {
        self.writer.call(|tx| deliveries::free(tx)).await
    }

    async fn next_delivery(&self) -> Result<Option<Timestamp>> {
        self.readers
            .quick(|db| db.one(sql::NEXT_DELIVERY, [], |row| rows::at(row, 0)))
    }

    fn deliveries_added(&self) -> Arc<Notify> {
        Arc::clone(&self.deliveries_added)
    }
}
