//! Every statement, so that a test can prepare them all and look at their plans.

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)+) => {
        $($(#[$doc])* pub(super) const $name: &str = $text;)+

        /// All of them by name.
        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str)] = &[$((stringify!($name), $name)),+];
    };
}

macro_rules! account_columns {
    () => {
        "id, owner_id, platform, remote_id, username, display_name, avatar_url, profile_url, base_url, token_version, \
         token_expires_at, health, connected_at, last_success_at, last_error"
    };
}

macro_rules! post_columns {
    () => {
        "p.id, p.group_id, p.owner_id, p.platform, p.target, p.account_id, p.data, p.claim, p.attempts, p.retries, \
         p.resume_sealed IS NOT NULL"
    };
}

macro_rules! intent_columns {
    () => {
        "id, part, state, recorded_at, send_by, version, budget, fingerprint, dedupe, prepared_sealed"
    };
}

macro_rules! log_columns {
    () => {
        "id, group_id, seq, user_id, post_id, account_id, kind, outcome, at, rest"
    };
}

macro_rules! group_filters {
    () => {
        "owner_id = ?1 AND deleted_at IS NULL \
         AND (?2 IS NULL OR mask IN (SELECT value FROM json_each(?2))) \
         AND (?3 = 0 OR platforms & ?3 <> 0) \
         AND (?4 IS NULL OR planned_at >= ?4) AND (?5 IS NULL OR planned_at <= ?5)"
    };
}

macro_rules! list_groups {
    ($index:literal, $column:literal, $direction:literal) => {
        concat!(
            "SELECT id FROM groups INDEXED BY ",
            $index,
            " WHERE ",
            group_filters!(),
            " ORDER BY ",
            $column,
            " ",
            $direction,
            ", id ",
            $direction,
            " LIMIT ?6 OFFSET ?7"
        )
    };
}

macro_rules! sealed {
    ($table:literal, $key:literal, $row:literal, $column:literal) => {
        Sealed {
            place: concat!($table, ".", $column),
            find: concat!(
                "SELECT ",
                $key,
                " FROM ",
                $table,
                " WHERE ",
                $column,
                "_sealed IS NOT NULL AND substr(",
                $column,
                "_sealed, 2, 8) <> ?1 LIMIT ?2"
            ),
            count: concat!(
                "SELECT count(*) FROM ",
                $table,
                " WHERE ",
                $column,
                "_sealed IS NOT NULL AND substr(",
                $column,
                "_sealed, 2, 8) <> ?1"
            ),
            get: concat!(
                "SELECT ",
                $row,
                ", ",
                $column,
                "_sealed FROM ",
                $table,
                " WHERE ",
                $key,
                " = ?1"
            ),
            set: concat!(
                "UPDATE ",
                $table,
                " SET ",
                $column,
                "_sealed = ?2 WHERE ",
                $key,
                " = ?1"
            ),
        }
    };
}

/// A column with sealed values, and the statements that seal it anew.
pub(super) struct Sealed {
    /// What the value is sealed for.
    pub(super) place: &'static str,
    /// Keys of rows sealed under another key than ?1.
    pub(super) find: &'static str,
    /// How many those are.
    pub(super) count: &'static str,
    /// The row that the value is sealed for, and the value.
    pub(super) get: &'static str,
    /// Replaces the value.
    pub(super) set: &'static str,
}

/// Every sealed column.
pub(super) const SEALED: &[Sealed] = &[
    sealed!("installation", "one", "x''", "secret"),
    sealed!("installation", "one", "x''", "canary"),
    sealed!("account_tokens", "n", "account_id", "access"),
    sealed!("account_tokens", "n", "account_id", "refresh"),
    sealed!("intents", "n", "id", "prepared"),
    sealed!("posts", "id", "id", "resume"),
];

statements! {
    BEGIN = "BEGIN IMMEDIATE";
    BEGIN_READ = "BEGIN DEFERRED";
    COMMIT = "COMMIT";
    ROLLBACK = "ROLLBACK";
    SAVEPOINT = "SAVEPOINT command";
    ROLLBACK_TO = "ROLLBACK TO command";
    RELEASE = "RELEASE command";
    CHECKPOINT = "PRAGMA wal_checkpoint(PASSIVE)";
    CHECKPOINT_ALL = "PRAGMA wal_checkpoint(TRUNCATE)";

    INSTALLATION = "SELECT id, epoch, secret_sealed, canary_sealed FROM installation";
    ADD_INSTALLATION =
        "INSERT INTO installation (one, id, epoch, secret_sealed, canary_sealed) VALUES (1, ?1, ?2, ?3, ?4)";

    ADD_USER = "INSERT INTO users (id, name, plan, created_at) VALUES (?1, ?2, ?3, ?4)";
    USER_NAME_TAKEN = "SELECT 1 FROM users WHERE name = ?1 AND removed_at IS NULL";
    SET_PLAN = "UPDATE users SET plan = ?2 WHERE id = ?1 AND removed_at IS NULL";
    REMOVE_USER = "UPDATE users SET removed_at = ?2 WHERE id = ?1 AND removed_at IS NULL";
    USER = "SELECT id, name, plan, created_at FROM users WHERE id = ?1 AND removed_at IS NULL";
    USER_BY_NAME = "SELECT id, name, plan, created_at FROM users WHERE name = ?1 AND removed_at IS NULL";
    USERS = "SELECT id, name, plan, created_at FROM users WHERE removed_at IS NULL ORDER BY created_at, id LIMIT ?1";
    IS_USER = "SELECT 1 FROM users WHERE id = ?1 AND removed_at IS NULL";

    ADD_KEY =
        "INSERT INTO api_keys (id, user_id, name, prefix, hash, created_at, last_used_at, revoked_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    IS_KEY = "SELECT 1 FROM api_keys WHERE hash = ?1";
    ACTIVE_KEYS = "SELECT count(*) FROM api_keys WHERE user_id = ?1 AND revoked_at IS NULL";
    KEYS =
        "SELECT id, user_id, name, prefix, created_at, last_used_at, revoked_at FROM api_keys WHERE user_id = ?1 \
         ORDER BY created_at, id LIMIT ?2";
    REVOKE_KEY = "UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?3) WHERE id = ?1 AND user_id = ?2";
    AUTHENTICATE =
        "SELECT k.id, u.id, u.name, u.plan, u.created_at FROM api_keys k \
         LEFT JOIN users u ON u.id = k.user_id AND u.removed_at IS NULL WHERE k.hash = ?1 AND k.revoked_at IS NULL";
    TOUCH_KEY = "UPDATE api_keys SET last_used_at = max(coalesce(last_used_at, ?2), ?2) WHERE id = ?1";

    ACCOUNT_BY_NAME =
        concat!("SELECT ", account_columns!(), " FROM accounts WHERE owner_id = ?1 AND platform = ?2 AND remote_id = ?3");
    ADD_ACCOUNT =
        "INSERT INTO accounts (id, owner_id, platform, remote_id, username, token_version, health, connected_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, 0, 'ok', ?6)";
    CONNECT_ACCOUNT =
        "UPDATE accounts SET username = ?2, display_name = ?3, avatar_url = ?4, profile_url = ?5, base_url = ?6, \
         token_version = ?7, token_expires_at = ?8, health = 'ok', removed_at = NULL WHERE id = ?1";
    ACCOUNTS =
        concat!("SELECT ", account_columns!(), " FROM accounts WHERE owner_id = ?1 AND removed_at IS NULL ORDER BY number LIMIT ?2");
    ACCOUNT = concat!("SELECT ", account_columns!(), " FROM accounts WHERE id = ?1 AND removed_at IS NULL");
    ANY_ACCOUNT = concat!("SELECT ", account_columns!(), " FROM accounts WHERE id = ?1");
    IS_CONNECTED = "SELECT 1 FROM accounts WHERE id = ?1 AND removed_at IS NULL";
    ACCOUNT_OF_TARGET =
        "SELECT id FROM accounts WHERE owner_id = ?1 AND platform = ?2 AND remote_id = ?3 AND removed_at IS NULL";
    REMOVE_ACCOUNT = "UPDATE accounts SET removed_at = ?3 WHERE id = ?1 AND owner_id = ?2 AND removed_at IS NULL";
    REMOVE_ACCOUNTS_OF = "UPDATE accounts SET removed_at = ?2 WHERE owner_id = ?1 AND removed_at IS NULL";
    NOTE_ACCOUNT =
        "UPDATE accounts SET health = coalesce(?2, health), \
         last_success_at = CASE WHEN ?3 IS NULL THEN last_success_at ELSE max(coalesce(last_success_at, ?3), ?3) END, \
         last_error = coalesce(?4, last_error) WHERE id = ?1";
    TOKENS =
        "SELECT access_sealed, refresh_sealed, expires_at, version FROM account_tokens WHERE account_id = ?1 \
         ORDER BY version DESC LIMIT 1";
    ADD_TOKENS =
        "INSERT INTO account_tokens (account_id, version, expires_at, access_sealed, refresh_sealed) \
         VALUES (?1, ?2, ?3, ?4, ?5)";
    DROP_OLD_TOKENS = "DELETE FROM account_tokens WHERE account_id = ?1 AND version < ?2";
    DROP_UNUSED_TOKENS =
        "DELETE FROM account_tokens WHERE account_id IN (SELECT a.id FROM accounts a WHERE a.removed_at IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM intents i WHERE i.account_id = a.id AND i.state = 'open'))";
    BEGIN_REFRESH =
        "INSERT INTO refreshes (account_id, version, begun_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    END_REFRESH = "DELETE FROM refreshes WHERE account_id = ?1 AND version = ?2";
    REFRESHED = "UPDATE accounts SET token_version = ?2, token_expires_at = ?3, health = 'ok' WHERE id = ?1";

    ADD_CONTENT = "INSERT INTO contents (body) VALUES (?1)";
    ADD_GROUP =
        "INSERT INTO groups (id, owner_id, content_n, draft, planned_at, mask, platforms, post_count, log_seq, \
         created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)";
    ADD_POST =
        "INSERT INTO posts (id, group_id, position, owner_id, platform, target, account_id, state, bit, data, wake_at, \
         ready_at, attempts, retries) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, 0, 0)";
    ADD_MEDIA_REF = "INSERT INTO media_refs (key, group_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
    REQUEST =
        "SELECT body_hash, answer FROM requests WHERE owner_id = ?1 AND operation = ?2 AND key = ?3 AND expires_at > ?4";
    SET_REQUEST =
        "INSERT INTO requests (owner_id, operation, key, body_hash, answer, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
         ON CONFLICT DO UPDATE SET body_hash = excluded.body_hash, answer = excluded.answer, expires_at = excluded.expires_at";
    HEAD =
        "SELECT owner_id, draft, planned_at, mask, deleted_at IS NOT NULL, post_count, log_seq, updated_at FROM groups \
         WHERE id = ?1";
    SAVE_HEAD = "UPDATE groups SET mask = ?2, log_seq = ?3, updated_at = ?4 WHERE id = ?1";
    SAVE_PLAN = "UPDATE groups SET draft = ?2, planned_at = ?3 WHERE id = ?1";
    DELETE_GROUP = "UPDATE groups SET deleted_at = ?2 WHERE id = ?1";
    GROUP =
        "SELECT g.owner_id, c.body, g.draft, g.planned_at, g.mask, g.created_at, g.updated_at FROM groups g \
         JOIN contents c ON c.n = g.content_n WHERE g.id = ?1 AND g.deleted_at IS NULL";
    IS_GROUP = "SELECT 1 FROM groups WHERE id = ?1 AND owner_id = ?2 AND deleted_at IS NULL";
    CONTENT_OF_GROUP = "SELECT c.body, g.revision FROM groups g JOIN contents c ON c.n = g.content_n WHERE g.id = ?1";
    POSTS_AS_READ =
        "SELECT id, platform, target, account_id, data, attempts, retries FROM posts WHERE group_id = ?1 ORDER BY position";
    GROUPS_CREATED_UP = list_groups!("groups_created", "created_at", "ASC");
    GROUPS_CREATED_DOWN = list_groups!("groups_created", "created_at", "DESC");
    GROUPS_UPDATED_UP = list_groups!("groups_updated", "updated_at", "ASC");
    GROUPS_UPDATED_DOWN = list_groups!("groups_updated", "updated_at", "DESC");
    GROUPS_PLANNED_UP = list_groups!("groups_planned", "planned_at", "ASC");
    GROUPS_PLANNED_DOWN = list_groups!("groups_planned", "planned_at", "DESC");
    COUNT_GROUPS = concat!("SELECT count(*) FROM groups INDEXED BY groups_updated WHERE ", group_filters!());
    NEXT_LOG_SEQ = "UPDATE groups SET log_seq = log_seq + 1 WHERE id = ?1 RETURNING log_seq";
    ADD_LOG =
        "INSERT INTO log_entries (id, group_id, seq, user_id, post_id, account_id, kind, outcome, at, rest) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    GROUP_LOG =
        concat!("SELECT ", log_columns!(), " FROM log_entries WHERE group_id = ?1 ORDER BY seq LIMIT ?2");
    RECENT_LOG =
        concat!("SELECT ", log_columns!(), " FROM log_entries WHERE user_id = ?1 ORDER BY at DESC, n DESC LIMIT ?2");

    POST = concat!("SELECT ", post_columns!(), " FROM posts p WHERE p.id = ?1");
    POSTS_OF_GROUP = concat!("SELECT ", post_columns!(), " FROM posts p WHERE p.group_id = ?1 ORDER BY p.position");
    BITS_OF_GROUP = "SELECT bit FROM posts WHERE group_id = ?1";
    PUT_POST =
        "UPDATE posts SET state = ?2, bit = ?3, data = ?4, account_id = ?5, wake_at = ?6, ready_at = ?6, claim = NULL, \
         attempts = ?7, retries = ?8 WHERE id = ?1";
    PUT_ARMED = "UPDATE posts SET bit = ?2, data = ?3, wake_at = ?4, attempts = ?5 WHERE id = ?1";
    SET_RESUME = "UPDATE posts SET resume_sealed = ?2 WHERE id = ?1";
    RESUME = "SELECT resume_sealed FROM posts WHERE id = ?1";
    CHECKPOINT_CLAIM = "UPDATE posts SET wake_at = ?2 WHERE id = ?1";
    WAKING_OF_ACCOUNT = "SELECT id FROM posts INDEXED BY posts_wake WHERE wake_at IS NOT NULL AND account_id = ?1";
    WAKING_OF_OWNER =
        "SELECT p.id FROM groups g INDEXED BY groups_created JOIN posts p ON p.group_id = g.id \
         WHERE g.owner_id = ?1 AND g.deleted_at IS NULL AND p.wake_at IS NOT NULL";

    DUE = concat!(
        "SELECT ", post_columns!(), ", CASE WHEN p.account_id IS NULL \
         THEN (SELECT a.id FROM accounts a WHERE a.owner_id = p.owner_id AND a.platform = p.platform \
               AND a.remote_id = p.target AND a.removed_at IS NULL) \
         ELSE (SELECT a.id FROM accounts a WHERE a.id = p.account_id AND a.removed_at IS NULL) END \
         FROM posts p WHERE p.wake_at <= ?1 ORDER BY p.wake_at, p.id LIMIT ?2"
    );
    NEXT_WAKE = "SELECT wake_at FROM posts WHERE wake_at IS NOT NULL ORDER BY wake_at LIMIT 1";
    PUT_OFF = "UPDATE posts SET wake_at = ?2 WHERE id = ?1";
    CLAIM_TO_SEND = "UPDATE posts SET state = ?2, bit = ?3, data = ?4, claim = ?5, wake_at = ?6 WHERE id = ?1";
    CLAIM_TO_ASK = "UPDATE posts SET claim = ?2, wake_at = ?3 WHERE id = ?1";
    SET_POST_ACCOUNT = "UPDATE posts SET account_id = ?2 WHERE id = ?1";
    CLAIMED = concat!("SELECT ", post_columns!(), " FROM posts p INDEXED BY posts_claimed WHERE p.claim IS NOT NULL");
    CLAIMED_UNTIL =
        concat!("SELECT ", post_columns!(), " FROM posts p INDEXED BY posts_claimed WHERE p.claim IS NOT NULL AND p.wake_at <= ?1");

    INTENTS_OF_POST = concat!("SELECT ", intent_columns!(), " FROM intents WHERE post_id = ?1 ORDER BY n");
    ADD_INTENT =
        "INSERT INTO intents (id, post_id, part, account_id, attempt, state, recorded_at, send_by, version, budget, \
         fingerprint, confusable, dedupe, prepared_sealed) \
         VALUES (?1, ?2, ?3, ?4, ?5, 'open', ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    EARLIER_INTENT = "SELECT 1 FROM intents WHERE post_id = ?1 AND part = ?2 AND state IN ('open', 'published')";
    LIKE_INTENT = "SELECT 1 FROM intents WHERE account_id = ?1 AND fingerprint = ?2 AND state = 'open' AND confusable = 1";
    HAS_OPEN_INTENT = "SELECT 1 FROM intents WHERE post_id = ?1 AND state = 'open'";
    OPEN_INTENTS = "SELECT id, part FROM intents WHERE post_id = ?1 AND state = 'open' ORDER BY n";
    INTENT = "SELECT post_id, part, account_id, state FROM intents WHERE id = ?1";
    SETTLE_INTENT = "UPDATE intents SET state = ?2, settled_at = ?3 WHERE id = ?1";

    REMOTE = "SELECT post_id, part FROM remotes WHERE account_id = ?1 AND remote_id = ?2";
    OTHER_ADOPTED =
        "SELECT 1 FROM remotes WHERE post_id = ?1 AND part = ?2 AND adopted = 1 AND (account_id <> ?3 OR remote_id <> ?4)";
    ADD_REMOTE =
        "INSERT INTO remotes (account_id, remote_id, post_id, part, adopted, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    SET_REMOTE = "UPDATE remotes SET data = ?3 WHERE account_id = ?1 AND remote_id = ?2 RETURNING adopted";
    LIVE_PARTS = "SELECT part, data FROM remotes WHERE post_id = ?1 AND adopted = 1 ORDER BY part";

    DUE_BACKLOG =
        "SELECT count(*), min(ready_at) FROM (SELECT ready_at FROM posts WHERE wake_at <= ?1 AND ready_at <= ?2 \
         AND claim IS NULL AND state NOT IN ('published', 'unconfirmed') LIMIT ?3)";
    CLAIMED_BACKLOG =
        "SELECT count(*), min(ready_at) FROM posts INDEXED BY posts_claimed WHERE claim IS NOT NULL \
         AND state NOT IN ('published', 'unconfirmed')";
    ADD_COUNT =
        "INSERT INTO post_counts (platform, state, n) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET n = n + excluded.n";
    POST_COUNTS = "SELECT platform, state, n FROM post_counts WHERE n > 0 ORDER BY platform, state";

    PRUNABLE =
        "SELECT g.id, g.content_n FROM groups g INDEXED BY groups_deleted WHERE g.deleted_at IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM posts p WHERE p.group_id = g.id AND (p.claim IS NOT NULL \
         OR p.state NOT IN ('published', 'failed', 'unconfirmed', 'missed', 'cancelled', 'removed'))) LIMIT ?1";
    CONTENT = "SELECT body FROM contents WHERE n = ?1";
    PRUNE_INTENTS = "DELETE FROM intents WHERE post_id IN (SELECT id FROM posts WHERE group_id = ?1)";
    PRUNE_POSTS = "DELETE FROM posts WHERE group_id = ?1 RETURNING platform, state";
    PRUNE_LOG = "DELETE FROM log_entries WHERE group_id = ?1";
    PRUNE_CONTENT = "DELETE FROM contents WHERE n = ?1";
    PRUNE_GROUP = "DELETE FROM groups WHERE id = ?1";
    PRUNE_MEDIA_REF = "DELETE FROM media_refs WHERE key = ?1 AND group_id = ?2";
    IS_MEDIA_USED = "SELECT 1 FROM media_refs WHERE key = ?1";
    PRUNE_REQUESTS = "DELETE FROM requests WHERE expires_at <= ?1";
}

/// Whether the database is whole: the row `ok`, or the first thing that is wrong.
pub(super) const QUICK_CHECK: &str = "PRAGMA quick_check(1)";
