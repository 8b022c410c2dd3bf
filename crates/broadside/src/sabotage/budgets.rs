//! Budgets of calls, which no fault touches.

use async_trait::async_trait;
use domain::budget::Budget;
use jiff::Timestamp;
use store::{BudgetAsk, BudgetNote, BudgetWait, Budgets, Result};

use super::Saboteur;

#[async_trait]
impl Budgets for Saboteur {
    async fn wait_for_budgets(&self, ask: BudgetAsk, now: Timestamp) -> Result<Option<BudgetWait>> {
        self.inner.wait_for_budgets(ask, now).await
    }

    async fn spend_budgets(&self, ask: BudgetAsk, now: Timestamp) -> Result<Option<BudgetWait>> {
        self.inner.spend_budgets(ask, now).await
    }

    async fn note_budgets(&self, notes: Vec<BudgetNote>, now: Timestamp) -> Result<()> {
        self.inner.note_budgets(notes, now).await
    }

    async fn budget(&self, key: &str) -> Result<Option<Budget>> {
        self.inner.budget(key).await
    }
}
