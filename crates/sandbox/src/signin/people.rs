//! Who can sign in, and what is theirs.
//!
//! A person owns the accounts whose handle is the person's name or begins with it and `.`, `-`, `_` or a space. Where
//! tokens stand for an account, one chooses an account; where they stand for the person behind pages or locations, one
//! chooses the person and what of it the app may use. Of LinkedIn's accounts, those whose id is a number are
//! organizations and the others are members.

use std::sync::Arc;

use domain::platform::Platform;

use super::variants::{Chooses, Variant};
use crate::Error;
use crate::account::{Account, NewSandboxAccount};
use crate::medium::sha256_hex;
use crate::world::World;

/// Somebody to sign in as.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    pub(super) account: Arc<Account>,
    /// What else the app can be allowed to use.
    pub(super) targets: Vec<Arc<Account>>,
}

/// A stable number of so many digits for a name.
pub(crate) fn number(seed: &str, digits: usize) -> String {
    let hash = sha256_hex(seed.as_bytes());
    let mut number = "1".to_owned();
    number.extend(
        hash.bytes()
            .map(|byte| char::from(b'0' + byte % 10))
            .take(digits.saturating_sub(1)),
    );
    number
}

/// Whether an account of LinkedIn is an organization.
fn is_organization(account: &Account) -> bool {
    account.remote_id.bytes().all(|byte| byte.is_ascii_digit())
}

fn person(world: &World, platform: Platform, name: &str) -> Arc<Account> {
    let now = world.now();
    world.accounts().person(platform, name, || {
        let seed = format!("{platform}/{name}");
        let id = match platform {
            Platform::LinkedIn => format!("P{}", number(&seed, 9)),
            Platform::GoogleBusiness => number(&seed, 21),
            _ => number(&seed, 17),
        };
        Account::person(platform, name, id, now)
    })
}

/// Everybody who can sign in to the platform.
pub(super) fn choices(world: &World, variant: &Variant) -> Vec<Choice> {
    let platform = variant.platform;
    let stand_in = !crate::has_emulator(platform);
    let mut accounts = world.accounts().of_platform(platform);
    accounts.retain(|account| account.stand_in == stand_in);
    if variant.chooses == Chooses::Account {
        let alone = |account| Choice {
            account,
            targets: Vec::new(),
        };
        return accounts.into_iter().map(alone).collect();
    }
    let mut names: Vec<String> = accounts.iter().map(|account| account.owner()).collect();
    names.sort();
    names.dedup();
    let mut choices = Vec::new();
    for name in names {
        let owned = accounts.iter().filter(|account| account.owner() == name).cloned();
        if variant.chooses == Chooses::Member {
            let (organizations, members): (Vec<_>, Vec<_>) = owned.partition(|account| is_organization(account));
            let members = if members.is_empty() {
                vec![person(world, platform, &name)]
            } else {
                members
            };
            choices.extend(members.into_iter().map(|account| Choice {
                account,
                targets: organizations.clone(),
            }));
        } else {
            choices.push(Choice {
                account: person(world, platform, &name),
                targets: owned.collect(),
            });
        }
    }
    choices
}

/// Makes somebody new, with accounts, pages or locations to choose from, or finds who has the name already.
pub(super) fn by_name(world: &World, variant: &Variant, typed: &str) -> Result<Option<Choice>, Error> {
    let name = typed.trim().trim_start_matches('@').to_lowercase();
    if name.is_empty() || name.len() > 100 {
        return Ok(None);
    }
    let name = match (variant.chooses, variant.platform) {
        (Chooses::Account, Platform::Bluesky) if !name.contains('.') => format!("{name}.example.com"),
        (Chooses::Account, _) => name,
        (Chooses::Person(_) | Chooses::Member, _) => name.replace(['.', '-', '_', ' '], ""),
    };
    let known = |choices: Vec<Choice>| choices.into_iter().find(|choice| choice.account.handle == name);
    if let Some(choice) = known(choices(world, variant)) {
        return Ok(Some(choice));
    }
    let make = |handle: String, remote_id: Option<String>| {
        let mut new = NewSandboxAccount::new(variant.platform, &handle);
        new.remote_id = remote_id;
        world.add_account(&new).map(drop)
    };
    make(name.clone(), None)?;
    match variant.chooses {
        Chooses::Account => {}
        Chooses::Person(_) => make(format!("{name}-shop"), None)?,
        Chooses::Member => make(
            format!("{name}-works"),
            Some(number(&format!("organization/{name}"), 8)),
        )?,
    }
    Ok(known(choices(world, variant)))
}
