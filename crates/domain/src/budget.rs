//! Budgets: how many calls of a kind a platform allows in a window, and how many of them are spent.
//!
//! Pure arithmetic over a state that a store keeps. A call is charged before it is sent, so that workers who share the
//! state never spend more than there is together. What cannot be spent now gets a place in a queue, and the places lie
//! apart: when a window opens again, its crowd comes one by one.
//!
//! What must stay true: whatever instant one looks at, the calls that were charged within the window before it are at
//! most as many as the budget allows. Windows are kept in slices, each of which counts until the last of it has left.

use jiff::fmt::serde::timestamp::microsecond::optional as micros;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Slices of a rolling window: one thirty-second of it is the most that is waited in vain.
const SLICES: i64 = 32;
/// How long what a platform said of its limit is believed after its window has ended.
const TOLD_KEPT: SignedDuration = SignedDuration::from_hours(24 * 7);
/// Two ends of windows that are this close are the same: platforms round, and answers take their time.
const SAME_WINDOW: SignedDuration = SignedDuration::from_secs(5);

/// Over which time calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// Any time of this length.
    Rolling(SignedDuration),
    /// The day from midnight to midnight, UTC.
    UtcDay,
}

impl Window {
    /// How long it is.
    #[must_use]
    pub const fn length(self) -> SignedDuration {
        match self {
            Self::Rolling(length) => length,
            Self::UtcDay => SignedDuration::from_hours(24),
        }
    }

    /// The length of a slice in microseconds, and how many slices before the present one still count.
    fn slices(self) -> (i64, i64) {
        let micros = i64::try_from(self.length().as_micros()).unwrap_or(i64::MAX).max(SLICES);
        match self {
            // Rounded up: a window is rather too long than too short.
            Self::Rolling(_) => ((micros - 1) / SLICES + 1, SLICES),
            Self::UtcDay => (micros, 0),
        }
    }

    /// How long what is spent counts at most: the window, and the rest of the slice in which it was spent.
    fn counts_for(self) -> SignedDuration {
        let (slice, kept) = self.slices();
        SignedDuration::from_micros(slice.saturating_mul(kept + 1))
    }
}

/// What one call takes of one budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// Which budget: `platform/scope/subject/quota`.
    pub key: String,
    /// How much it is; `None` while only the platform's own answers limit it.
    pub most: Option<u32>,
    /// Whether the operator said so, whatever the platform tells.
    pub is_stated: bool,
    /// In which window.
    pub window: Window,
    /// How much of it the call takes.
    pub weight: u32,
    /// The least time between two places in the queue.
    pub gap: SignedDuration,
    /// Whether later calls wait behind those that wait already. Not so where accounts share a budget: the backlog of one
    /// must not hold the others.
    pub queues: bool,
}

/// What a platform's answer says of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// How much there is in a window.
    pub most: Option<u32>,
    /// How much of it is left …
    pub left: Option<u32>,
    /// … until then.
    pub until: Option<Timestamp>,
    /// Nothing is taken before then.
    pub closed_until: Option<Timestamp>,
}

/// What is spent of a budget, and what its platform said of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Budget {
    /// The length of the slices that follow, in microseconds.
    #[serde(default)]
    slice: i64,
    /// Slices, by their number since 1970, with what was spent in them; oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    spent: Vec<(i64, u32)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    most: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    left: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "micros")]
    left_until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "micros")]
    closed_until: Option<Timestamp>,
    /// Where the next place in the queue would be.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "micros")]
    tail: Option<Timestamp>,
    /// What waits in the queue.
    #[serde(default)]
    waiting: u32,
}

impl Budget {
    /// When the call could be made, if not now. `in_turn` is true for a call that has waited for this budget.
    #[must_use]
    pub fn opens_at(&self, charge: &Charge, now: Timestamp, in_turn: bool) -> Option<Timestamp> {
        let ahead = if in_turn || !charge.queues { 0 } else { self.ahead(now) };
        let closed = self.closed_until.filter(|until| *until > now);
        let told = self
            .left_until
            .filter(|until| *until > now)
            .filter(|_| self.left.is_some_and(|left| left < ahead.saturating_add(charge.weight)));
        let window = self
            .most_of(charge)
            .and_then(|most| self.room_at(charge, most, ahead, now));
        [closed, told, window].into_iter().flatten().max()
    }

    /// Spends what the call takes; [`Self::opens_at`] must have said that it may.
    pub fn take(&mut self, charge: &Charge, now: Timestamp, in_turn: bool) {
        self.tidy(charge, now);
        let (slice, _) = charge.window.slices();
        let number = now.as_microsecond().div_euclid(slice);
        match self.spent.last_mut() {
            // A clock that went back spends in the newest slice, which counts the longest.
            Some((last, spent)) if *last >= number => *spent = spent.saturating_add(charge.weight),
            _ => self.spent.push((number, charge.weight)),
        }
        self.left = self.left.map(|left| left.saturating_sub(charge.weight));
        if in_turn {
            self.waiting = self.waiting.saturating_sub(charge.weight);
        }
    }

    /// Gives a place in the queue at or after `opens_at`. The places are [`Charge::gap`] apart or as the window allows,
    /// whichever is closer; `jitter` (0 to 1000) is where between this one and the next.
    pub fn queue(
        &mut self,
        charge: &Charge,
        opens_at: Timestamp,
        now: Timestamp,
        in_turn: bool,
        jitter: u16,
    ) -> Timestamp {
        self.tidy(charge, now);
        if in_turn {
            self.waiting = self.waiting.saturating_sub(charge.weight);
        }
        let place = self.tail.map_or(opens_at, |tail| tail.max(opens_at));
        let gap = self.gap(charge);
        self.tail = place.saturating_add(gap).ok();
        self.waiting = self.waiting.saturating_add(charge.weight);
        let within = gap.as_micros().saturating_mul(i128::from(jitter.min(1_000))) / 1_000;
        place
            .saturating_add(SignedDuration::from_micros(i64::try_from(within).unwrap_or(0)))
            .unwrap_or(place)
    }

    /// Takes back what a call that was certainly never made was charged.
    pub fn give_back(&mut self, charge: &Charge, now: Timestamp) {
        self.tidy(charge, now);
        let mut back = charge.weight;
        for (_, spent) in self.spent.iter_mut().rev() {
            let part = back.min(*spent);
            *spent -= part;
            back -= part;
        }
        if self.left_until.is_some_and(|until| until > now) {
            self.left = self.left.map(|left| left.saturating_add(charge.weight));
        }
    }

    /// Notes what the platform says.
    pub fn learn(&mut self, told: Told, now: Timestamp) {
        self.most = told.most.or(self.most);
        self.closed_until = self.closed_until.max(told.closed_until.filter(|until| *until > now));
        let (Some(left), Some(until)) = (told.left, told.until) else {
            return;
        };
        let is_same = self
            .left_until
            .is_some_and(|known| known.duration_since(until).abs() <= SAME_WINDOW);
        // Calls under way are charged here and not yet counted there: within one window the platform is believed only
        // when it knows of more.
        self.left = match self.left {
            Some(known) if is_same => Some(known.min(left)),
            _ => Some(left),
        };
        if !is_same {
            self.left_until = Some(until);
        }
    }

    /// Until when nothing goes, as far as the platform said so.
    #[must_use]
    pub const fn closed_until(&self) -> Option<Timestamp> {
        self.closed_until
    }

    /// Whether what its platform said of it still holds.
    #[must_use]
    pub fn is_told(&self, now: Timestamp) -> bool {
        self.left_until.is_some_and(|until| until > now)
    }

    /// How much is spent in the window that ends now.
    #[must_use]
    pub fn spent(&self, window: Window, now: Timestamp) -> u32 {
        let first = first_counting(window, now);
        let counting = self.spent.iter().filter(|(number, _)| *number >= first);
        counting.fold(0, |sum, (_, spent)| sum.saturating_add(*spent))
    }

    /// From when on it says nothing any more and may be forgotten.
    #[must_use]
    pub fn idle_at(&self, window: Window) -> Timestamp {
        let (slice, kept) = window.slices();
        let spent = self
            .spent
            .last()
            .and_then(|(number, _)| leaves_at(*number, slice, kept));
        let told = self.left_until.and_then(|until| until.saturating_add(TOLD_KEPT).ok());
        [spent, told, self.closed_until, self.tail]
            .into_iter()
            .flatten()
            .max()
            .unwrap_or(Timestamp::MIN)
    }

    fn most_of(&self, charge: &Charge) -> Option<u32> {
        if charge.is_stated {
            charge.most
        } else {
            self.most.or(charge.most)
        }
    }

    /// What waits and comes before a newcomer. Places that have passed unused are forgotten.
    fn ahead(&self, now: Timestamp) -> u32 {
        if self.tail.is_some_and(|tail| tail > now) {
            self.waiting
        } else {
            0
        }
    }

    /// When the window has room for the call behind `ahead`, if not now.
    fn room_at(&self, charge: &Charge, most: u32, ahead: u32, now: Timestamp) -> Option<Timestamp> {
        let most = most.max(1);
        let weight = charge.weight.min(most);
        // What does not fit into one window behind the queue waits for as many whole windows more.
        let (windows, ahead) = (ahead / most, ahead % most);
        let (slice, kept) = charge.window.slices();
        let first = first_counting(charge.window, now);
        let mut spent = self.spent(charge.window, now);
        let mut room = (windows == 0 && fits(spent, ahead, weight, most)).then_some(now);
        for (number, part) in self.spent.iter().filter(|(number, _)| *number >= first) {
            if room.is_some() {
                break;
            }
            spent = spent.saturating_sub(*part);
            room = fits(spent, ahead, weight, most)
                .then(|| leaves_at(*number, slice, kept))
                .flatten();
        }
        let room = room.unwrap_or_else(|| later(now, charge.window.counts_for()));
        let room = (0..windows.min(1_000)).fold(room, |at, _| later(at, charge.window.counts_for()));
        (room > now).then_some(room)
    }

    fn gap(&self, charge: &Charge) -> SignedDuration {
        let fair = self.most_of(charge).map(|most| {
            let share = charge.window.counts_for().as_micros() * i128::from(charge.weight) / i128::from(most.max(1));
            SignedDuration::from_micros(i64::try_from(share).unwrap_or(i64::MAX))
        });
        fair.map_or(charge.gap, |fair| fair.min(charge.gap))
    }

    /// Forgets what counts no more. Another length of the slices makes all that is known count from now on.
    fn tidy(&mut self, charge: &Charge, now: Timestamp) {
        let (slice, _) = charge.window.slices();
        if self.slice != slice {
            let all = self
                .spent
                .iter()
                .fold(0_u32, |sum, (_, spent)| sum.saturating_add(*spent));
            self.spent = vec![(now.as_microsecond().div_euclid(slice), all)];
            self.slice = slice;
        }
        let first = first_counting(charge.window, now);
        self.spent.retain(|(number, spent)| *number >= first && *spent > 0);
        if self.tail.is_some_and(|tail| tail <= now) {
            (self.tail, self.waiting) = (None, 0);
        }
        self.closed_until = self.closed_until.filter(|until| *until > now);
    }
}

const fn fits(spent: u32, ahead: u32, weight: u32, most: u32) -> bool {
    spent.saturating_add(ahead).saturating_add(weight) <= most
}

/// The number of the first slice that counts now.
fn first_counting(window: Window, now: Timestamp) -> i64 {
    let (slice, kept) = window.slices();
    now.as_microsecond().div_euclid(slice) - kept
}

/// When a slice stops counting.
fn leaves_at(number: i64, slice: i64, kept: i64) -> Option<Timestamp> {
    let micros = number.checked_add(kept)?.checked_add(1)?.checked_mul(slice)?;
    Timestamp::from_microsecond(micros).ok()
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(at)
}

#[cfg(test)]
mod tests;
