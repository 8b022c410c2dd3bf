//! Budgets of calls.

use async_trait::async_trait;
use domain::budget::{Budget, Charge};
use jiff::Timestamp;

use super::MemoryStore;
use super::state::State;
use crate::budgets::{noted, shut, spend};
use crate::{BudgetAsk, BudgetNote, BudgetWait, Budgets, Result};

impl State {
    fn found(&self, ask: &BudgetAsk) -> Vec<(Charge, Budget)> {
        let found = |charge: &Charge| {
            let known = self.budgets.get(&charge.key);
            (
                charge.clone(),
                known.map(|(budget, _)| budget.clone()).unwrap_or_default(),
            )
        };
        ask.charges.iter().map(found).collect()
    }

    /// Spends, or gives a place in the queue.
    pub(super) fn spend(&mut self, ask: &BudgetAsk, now: Timestamp) -> Option<BudgetWait> {
        let mut found = self.found(ask);
        let (changed, wait) = spend(&mut found, ask, now);
        for (charge, budget) in found.drain(changed) {
            let idle_at = budget.idle_at(charge.window);
            self.budgets.insert(charge.key, (budget, idle_at));
        }
        wait
    }

    pub(super) fn prune_budgets(&mut self, now: Timestamp) {
        self.budgets.retain(|_, (_, idle_at)| *idle_at >= now);
    }
}

#[async_trait]
impl Budgets for MemoryStore {
    async fn wait_for_budgets(&self, ask: BudgetAsk, now: Timestamp) -> Result<Option<BudgetWait>> {
        self.write(|state| match shut(&state.found(&ask), ask.in_turn, now) {
            Some(_) => Ok(state.spend(&ask, now)),
            None => Ok(None),
        })
    }

    async fn spend_budgets(&self, ask: BudgetAsk, now: Timestamp) -> Result<Option<BudgetWait>> {
        self.write(|state| Ok(state.spend(&ask, now)))
    }

    async fn note_budgets(&self, notes: Vec<BudgetNote>, now: Timestamp) -> Result<()> {
        self.write(|state| {
            for note in &notes {
                let known = state.budgets.get(note.key()).map(|(budget, _)| budget.clone());
                let (budget, window) = noted(known.unwrap_or_default(), note, now);
                let idle_at = budget.idle_at(window);
                state.budgets.insert(note.key().to_owned(), (budget, idle_at));
            }
            Ok(())
        })
    }

    async fn budget(&self, key: &str) -> Result<Option<Budget>> {
        Ok(self.read(|state| state.budgets.get(key).map(|(budget, _)| budget.clone())))
    }
}
