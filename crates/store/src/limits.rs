//! How much a store lists, counts and keeps open at most.

/// The most groups on one page of [`crate::Store::list_groups`].
pub const LISTED_MAX: u32 = 100;
/// The most keys that [`crate::Store::keys`] lists.
pub const KEYS_LISTED_MAX: u32 = 1_000;
/// The most accounts that [`crate::Store::accounts`] lists.
pub const ACCOUNTS_LISTED_MAX: u32 = 1_000;
/// The most accounts that [`crate::Store::refreshes_due`] gives.
pub const REFRESHES_LISTED_MAX: u32 = 1_000;
/// The most entries that [`crate::Store::account_log`] gives.
pub const ACCOUNT_LOG_LISTED_MAX: u32 = 100;
/// The most sign-ins of one user that are open at once.
pub const SIGN_INS_OPEN_MAX: u32 = 100;
/// The most connection pages of one user that work at once.
pub const LINKS_OPEN_MAX: u32 = 1_000;
/// How many of everybody's newest entries [`crate::Store::recent_log`] looks through: an index for it would be written with
/// every entry, and read when somebody looks.
pub const RECENT_LOG_SPAN: u32 = 1_000_000;
/// How far [`crate::Backlog::due`] is counted.
pub const BACKLOG_COUNTED_MAX: u64 = 100_000;
