//! The tokens that an account comes with; all others are made by [`crate::signin`].

use std::sync::Arc;

use domain::platform::Platform;
use jiff::Timestamp;

use crate::account::{Account, AccountSeed};
use crate::signin;
use crate::world::World;

/// Issues the account's first pair of tokens.
pub(crate) fn first_tokens(world: &World, account: &Arc<Account>, seed: &mut AccountSeed, now: Timestamp) {
    let Some(variant) = signin::variant_of(Platform::X) else {
        return;
    };
    let minted = signin::mint(world, variant, account, None, true, now);
    seed.token = minted.access;
    seed.refresh_token = minted.refresh;
    seed.expires_at = minted.access_ends;
}
