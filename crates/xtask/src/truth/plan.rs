//! What is to be done with each group of a run: decided by chance from the seed before anything is done.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

/// Longer than Mastodon's and Bluesky's posts may be.
const LONG_WORDS: usize = 90;

/// A group and its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// Its place among the groups of the run.
    pub(super) number: usize,
    /// Where it goes, by places in the list of accounts.
    pub(super) targets: Vec<usize>,
    pub(super) text: String,
    pub(super) files: Files,
    /// Scheduled so many seconds ahead at once, or a draft.
    pub(super) starts: Option<i64>,
    /// What is done to it afterwards, each after a pause of so many seconds.
    pub(super) acts: Vec<(i64, Act)>,
}

/// The files of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Files {
    None,
    /// Pictures of these seeds, uploaded one by one.
    Uploads(Vec<u64>),
    /// The sample of the sandbox, by its address.
    Url,
}

/// What a client does to a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    Text(String),
    /// Schedules it so many seconds ahead.
    Time(i64),
    Draft,
    Targets(Vec<usize>),
    Delete,
}

/// An account as far as plans are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Account {
    /// Whether every post to it needs a file.
    pub(super) needs_file: bool,
}

/// What every text of a group begins with, and no other group's.
pub(super) fn token(seed: u64, number: usize) -> String {
    format!("truth {seed} {number} ")
}

/// The plans of a run.
pub(super) fn plans(seed: u64, groups: usize, accounts: &[Account], urls_max: usize) -> Vec<Plan> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut urls_left = urls_max;
    (0..groups)
        .map(|number| {
            let plan = plan(seed, number, accounts, urls_left > 0, &mut rng);
            urls_left -= usize::from(plan.files == Files::Url);
            plan
        })
        .collect()
}

fn plan(seed: u64, number: usize, accounts: &[Account], urls: bool, rng: &mut StdRng) -> Plan {
    let targets = targets(accounts, rng);
    let needs_file = |targets: &[usize]| {
        let mut accounts = targets.iter().filter_map(|target| accounts.get(*target));
        accounts.any(|account| account.needs_file)
    };
    let mut files = match rng.random_range(0..10_u32) {
        0..6 => Files::None,
        6..8 if urls => Files::Url,
        _ => Files::Uploads((0..rng.random_range(1..=2_u64)).map(|_| rng.random()).collect()),
    };
    // A few go without all the same: what their platform needs is then missing.
    if files == Files::None && needs_file(&targets) && rng.random_range(0..8_u32) > 0 {
        files = Files::Uploads(vec![rng.random()]);
    }
    let text = text(seed, number, 0, rng);
    let starts = match rng.random_range(0..10_u32) {
        0..6 => Some(rng.random_range(1..40)),
        6 => Some(rng.random_range(86_400..864_000)),
        _ => None,
    };
    let acts = acts(seed, number, accounts, starts.is_none(), rng);
    Plan {
        number,
        targets,
        text,
        files,
        starts,
        acts,
    }
}

fn targets(accounts: &[Account], rng: &mut StdRng) -> Vec<usize> {
    let all: Vec<usize> = (0..accounts.len()).collect();
    let count = rng.random_range(1..=3).min(all.len());
    all.sample(rng, count).copied().collect()
}

/// A text in its `version`: mostly a line, sometimes a thread where there are threads, sometimes too long somewhere.
fn text(seed: u64, number: usize, version: usize, rng: &mut StdRng) -> String {
    let token = token(seed, number);
    match rng.random_range(0..12_u32) {
        0 => format!("{token}version {version}\n---\n{token}second part of version {version}"),
        1 => format!("{token}version {version}{}", " and more".repeat(LONG_WORDS)),
        _ => format!("{token}version {version}"),
    }
}

fn acts(seed: u64, number: usize, accounts: &[Account], is_draft: bool, rng: &mut StdRng) -> Vec<(i64, Act)> {
    let mut acts: Vec<Act> = Vec::new();
    for version in 1..=rng.random_range(0..=3_usize) {
        acts.push(match rng.random_range(0..10_u32) {
            0..4 => Act::Text(text(seed, number, version, rng)),
            4..7 => Act::Time(rng.random_range(1..40)),
            7 => Act::Draft,
            _ => Act::Targets(targets(accounts, rng)),
        });
    }
    if is_draft && rng.random_range(0..3_u32) > 0 {
        acts.push(Act::Time(rng.random_range(-60..20)));
    }
    if rng.random_range(0..10_u32) == 0 {
        acts.push(Act::Delete);
    }
    acts.into_iter().map(|act| (rng.random_range(0..15), act)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_plans_and_every_kind_of_act_comes() {
        let accounts = [Account { needs_file: false }, Account { needs_file: true }];
        let made = plans(5, 300, &accounts, 10);
        assert_eq!(made, plans(5, 300, &accounts, 10));
        assert_ne!(made, plans(6, 300, &accounts, 10));
        let has = |is: fn(&Act) -> bool| made.iter().any(|plan| plan.acts.iter().any(|(_, act)| is(act)));
        assert!(has(|act| matches!(act, Act::Text(_))) && has(|act| matches!(act, Act::Time(_))));
        assert!(has(|act| *act == Act::Draft) && has(|act| *act == Act::Delete));
        assert!(has(|act| matches!(act, Act::Targets(_))));
        assert_eq!(made.iter().filter(|plan| plan.files == Files::Url).count(), 10);
    }
}
