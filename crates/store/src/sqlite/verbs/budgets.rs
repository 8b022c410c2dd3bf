//! Budgets of calls.

use async_trait::async_trait;
use domain::budget::{Budget, Window};
use jiff::Timestamp;
use rusqlite::{Connection, params};

use crate::budgets::{noted, shut, spend as spend_all};
use crate::sqlite::rows::{self, micros};
use crate::sqlite::tx::Tx;
use crate::sqlite::{SqliteStore, sql};
use crate::{BudgetAsk, BudgetNote, BudgetWait, Budgets, Result};

type Found = Vec<(domain::budget::Charge, Budget)>;

fn find(conn: &Connection, key: &str) -> Result<Option<Budget>> {
    rows::one(conn, sql::BUDGET, [key], |row| rows::json(row, 0))
}

fn found(conn: &Connection, ask: &BudgetAsk) -> Result<Found> {
    let find = |charge: &domain::budget::Charge| {
        let budget = find(conn, &charge.key)?.unwrap_or_default();
        Ok((charge.clone(), budget))
    };
    ask.charges.iter().map(find).collect()
}

fn put(tx: &Tx, key: &str, window: Window, budget: &Budget) -> Result<()> {
    let idle_at = micros(budget.idle_at(window));
    tx.exec(sql::PUT_BUDGET, params![key, rows::to_json(budget)?, idle_at])
        .map(|_| ())
}

/// Spends, or gives a place in the queue.
pub(in crate::sqlite) fn spend(tx: &Tx, ask: &BudgetAsk, now: Timestamp) -> Result<Option<BudgetWait>> {
    let mut found = found(&tx.conn, ask)?;
    let (changed, wait) = spend_all(&mut found, ask, now);
    for (charge, budget) in found.get(changed).unwrap_or_default() {
        put(tx, &charge.key, charge.window, budget)?;
    }
    Ok(wait)
}

fn queue(tx: &Tx, ask: &BudgetAsk, now: Timestamp) -> Result<Option<BudgetWait>> {
    let is_shut = shut(&found(&tx.conn, ask)?, ask.in_turn, now).is_some();
    if is_shut { spend(tx, ask, now) } else { Ok(None) }
}

fn note(tx: &Tx, notes: &[BudgetNote], now: Timestamp) -> Result<()> {
    for note in notes {
        let (budget, window) = noted(find(&tx.conn, note.key())?.unwrap_or_default(), note, now);
        put(tx, note.key(), window, &budget)?;
    }
    Ok(())
}

/// Whether any of these would change what is known.
fn is_news(conn: &Connection, notes: &[BudgetNote], now: Timestamp) -> Result<bool> {
    for note in notes {
        let known = find(conn, note.key())?.unwrap_or_default();
        if noted(known.clone(), note, now).0 != known {
            return Ok(true);
        }
    }
    Ok(false)
}

#[async_trait]
impl Budgets for SqliteStore {
    async fn wait_for_budgets(&self, ask: BudgetAsk, now: Timestamp) -> Result<Option<BudgetWait>> {
        if ask.charges.is_empty() {
            return Ok(None);
        }
        let is_shut = |db: &crate::sqlite::reader::Db| Ok(shut(&found(&db.conn, &ask)?, ask.in_turn, now).is_some());
        if !self.readers.quick(is_shut)? {
            return Ok(None);
        }
        self.writer.call(move |tx| queue(tx, &ask, now)).await
    }

    async fn spend_budgets(&self, ask: BudgetAsk, now: Timestamp) -> Result<Option<BudgetWait>> {
        if ask.charges.is_empty() {
            return Ok(None);
        }
        self.writer.call(move |tx| spend(tx, &ask, now)).await
    }

    async fn note_budgets(&self, notes: Vec<BudgetNote>, now: Timestamp) -> Result<()> {
        if !self.readers.quick(|db| is_news(&db.conn, &notes, now))? {
            return Ok(());
        }
        self.writer.call(move |tx| note(tx, &notes, now)).await
    }

    async fn budget(&self, key: &str) -> Result<Option<Budget>> {
        self.readers.quick(|db| find(&db.conn, key))
    }
}
