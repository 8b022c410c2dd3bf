//! Counting requests against limits.

use std::sync::Arc;

use domain::platform::Platform;
use jiff::Timestamp;

use super::{Credential, Dialect, Turn};
use crate::account::{Account, Holder};
use crate::answer::Answer;
use crate::documented::Subject;
use crate::fault::Class;
use crate::limits::{Window, WindowView};
use crate::world::{World, lock};

/// The word in the journal for what a limit refused.
pub const OVER_QUOTA: &str = "over_quota";

/// What accounts of one app share: the token of their bot, at Telegram; else nothing but the platform.
pub(super) fn app_of(platform: Platform, credential: Credential<'_>) -> &str {
    match (platform, credential.secret()) {
        (Platform::Telegram, Some((secret, _))) => secret,
        _ => "",
    }
}

/// Counts a request of whom it is; the view is of the window that its headers tell of.
pub(super) fn count(world: &World, holder: &Holder, app: &str, class: Class, now: Timestamp) -> (WindowView, bool) {
    let Some(account) = holder.account().filter(|_| world.rate_limits) else {
        return (Window::untouched(now), true);
    };
    let documented = world.documented.as_ref();
    let documented = documented.and_then(|documented| lock(documented).take(subject(account, app), class, now));
    documented.unwrap_or_else(|| account.take(class, now))
}

fn subject<'a>(account: &'a Account, app: &'a str) -> Subject<'a> {
    Subject {
        platform: account.platform,
        account: &account.remote_id,
        app,
    }
}

impl<D: Dialect> Turn<D> {
    /// Counts so many more of the same against the documented limits: files of an album are messages of their own.
    pub(crate) fn count_more(&mut self, times: u64) -> Result<(), Answer> {
        let account = self.account()?;
        let world = Arc::clone(&self.world);
        let Some(documented) = &world.documented else {
            return Ok(());
        };
        let full = lock(documented).more(subject(&account, &self.app), self.line.class, times, self.now);
        match full {
            None => Ok(()),
            Some(window) => {
                self.is_over_quota();
                Err(self.dialect.rate_limited(window.retry_after_s(self.now), self.now))
            }
        }
    }

    /// Notes that the request is refused for a limit that was not in any script.
    pub(crate) fn is_over_quota(&mut self) {
        self.line.fault = Some(OVER_QUOTA.to_owned());
    }
}
