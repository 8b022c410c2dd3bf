//! The room of budgets: what platforms allow of one kind of call, shared by all workers.
//!
//! The arithmetic is [`domain::budget`]; here it is only read, written and made atomic. A budget without a row is one of
//! which nothing is spent.

use async_trait::async_trait;
use domain::budget::{Budget, Charge, Told, Window};
use jiff::Timestamp;

use crate::Result;

/// What a call would take of its platform's budgets: all of it or nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BudgetAsk {
    /// What it takes; empty when nothing limits it.
    pub charges: Vec<Charge>,
    /// Whether the call has waited in the queue.
    pub in_turn: bool,
    /// Where between its place in the queue and the next a call that must wait comes: 0 to 1000.
    pub jitter: u16,
}

/// A call has to wait.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetWait {
    /// For this budget.
    pub key: String,
    /// Until then: its place in the queue.
    pub until: Timestamp,
}

/// What became known of a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BudgetNote {
    /// The platform said so.
    Told {
        /// Of which budget.
        key: String,
        /// Its window.
        window: Window,
        /// What.
        told: Told,
    },
    /// A call that was charged was certainly never made.
    NeverSent(Charge),
}

impl BudgetNote {
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Told { key, .. } => key,
            Self::NeverSent(charge) => &charge.key,
        }
    }
}

/// Budgets of calls. Recording an intent spends too ([`crate::NewIntent::budgets`]), in its own transaction.
#[async_trait]
pub trait Budgets: Send + Sync {
    /// Gives a call that cannot be made now a place in the queue; `None`, and nothing is written, when it could be made.
    /// Nothing is spent either way.
    ///
    /// Race: somebody else may spend what was left before the call is charged; then the charge says so.
    async fn wait_for_budgets(&self, ask: BudgetAsk, now: Timestamp) -> Result<Option<BudgetWait>>;

    /// Spends all that is asked for, or gives a place in the queue and spends nothing. Without charges nothing is
    /// written.
    ///
    /// Race: two workers who ask for the last of a budget serialise here; one gets it, the other waits.
    async fn spend_budgets(&self, ask: BudgetAsk, now: Timestamp) -> Result<Option<BudgetWait>>;

    /// Notes what became known. What changes nothing is not written.
    async fn note_budgets(&self, notes: Vec<BudgetNote>, now: Timestamp) -> Result<()>;

    /// One budget; `None` when nothing is known of it.
    async fn budget(&self, key: &str) -> Result<Option<Budget>>;
}

/// Which of the budgets opens last, and when; `None` when all are open.
pub(crate) fn shut(found: &[(Charge, Budget)], in_turn: bool, now: Timestamp) -> Option<(usize, Timestamp)> {
    let shut = found
        .iter()
        .enumerate()
        .filter_map(|(n, (charge, budget))| Some((n, budget.opens_at(charge, now, in_turn)?)));
    shut.max_by_key(|(_, at)| *at)
}

/// Spends of all budgets, or queues at the one that opens last. Returns which of them are to be written.
pub(crate) fn spend(
    found: &mut [(Charge, Budget)],
    ask: &BudgetAsk,
    now: Timestamp,
) -> (std::ops::Range<usize>, Option<BudgetWait>) {
    let Some((n, opens_at)) = shut(found, ask.in_turn, now) else {
        for (charge, budget) in &mut *found {
            budget.take(charge, now, ask.in_turn);
        }
        return (0..found.len(), None);
    };
    let wait = found.get_mut(n).map(|(charge, budget)| BudgetWait {
        key: charge.key.clone(),
        until: budget.queue(charge, opens_at, now, ask.in_turn, ask.jitter),
    });
    (n..n + 1, wait)
}

/// The budget after a note, with its window.
pub(crate) fn noted(mut budget: Budget, note: &BudgetNote, now: Timestamp) -> (Budget, Window) {
    match note {
        BudgetNote::Told { told, window, .. } => {
            budget.learn(*told, now);
            (budget, *window)
        }
        BudgetNote::NeverSent(charge) => {
            budget.give_back(charge, now);
            (budget, charge.window)
        }
    }
}
