//! Every statement, so that a test can prepare them all and look at their plans.

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $text:expr;)+) => {
        $($(#[$doc])* pub(in crate::sqlite) const $name: &str = $text;)+

        /// All of them by name.
        #[cfg(test)]
        pub(in crate::sqlite) const ALL: &[(&str, &str)] = &[$((stringify!($name), $name)),+];
    };
}

/// Rooms of verbs have their statements beside them.
pub(super) use statements;

pub(super) mod webhooks;

macro_rules! account_columns {
    () => {
        "id, owner_id, platform, remote_id, username, display_name, avatar_url, profile_url, base_url, token_version, \
         token_expires_at, refresh_at, health, scopes, missing, connected_at, verified_at, last_success_at, last_error, \
         defaults"
    };
}

/// Whether a post of the account `a` is still asked about with its tokens.
macro_rules! tokens_needed {
    () => {
        "EXISTS (SELECT 1 FROM intents i JOIN posts p ON p.id = i.post_id WHERE i.account_id = a.id \
         AND i.state = 'open' AND p.wake_at IS NOT NULL)"
    };
}

macro_rules! user_columns {
    () => {
        "u.id, u.name, u.plan, u.created_at, u.manager_id, u.display_name"
    };
}

macro_rules! link_columns {
    () => {
        "l.id, l.owner_id, l.return_to, l.platforms, l.created_at, l.expires_at, l.revoked_at, l.standing"
    };
}

pub(super) use {link_columns, user_columns};

macro_rules! post_columns {
    () => {
        "p.id, p.group_id, p.owner_id, p.platform, p.target, p.account_id, p.data, p.claim, p.attempts, p.retries, \
         p.resume_sealed IS NOT NULL"
    };
}

macro_rules! intent_columns {
    () => {
        "id, part, state, recorded_at, send_by, version, budget, fingerprint, dedupe, prepared_sealed, settled_at"
    };
}

macro_rules! log_columns {
    () => {
        "id, group_id, seq, user_id, post_id, account_id, kind, outcome, at, rest"
    };
}

macro_rules! sign_in_columns {
    () => {
        "s.id, s.owner_id, s.platform, s.link_id, s.account_id, s.return_to, s.redirect_uri, s.phase, s.created_at, \
         s.expires_at"
    };
}

macro_rules! connection_log {
    ($index:literal, $column:literal) => {
        concat!(
            "SELECT ",
            log_columns!(),
            " FROM log_entries INDEXED BY ",
            $index,
            " WHERE ",
            $column,
            " = ?1 AND connection = 1 AND (at, id) < (?2, ?3) AND user_id = ?4 \
             AND (?5 IS NULL OR json_extract(rest, '$.platform') = ?5) ORDER BY at DESC, id DESC LIMIT ?6"
        )
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
    sealed!("account_tokens", "n", "account_id", "proof"),
    sealed!("sign_ins", "id", "id", "memory"),
    sealed!(
        "instance_apps",
        "n",
        "CAST(platform || ' ' || origin AS BLOB)",
        "secret"
    ),
    sealed!("intents", "n", "id", "prepared"),
    sealed!("posts", "id", "id", "resume"),
    sealed!("webhooks", "id", "id", "secret"),
];

pub(super) mod claims;

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

    BUDGET = "SELECT state FROM budgets WHERE key = ?1";
    PUT_BUDGET = "INSERT INTO budgets (key, state, idle_at) VALUES (?1, ?2, ?3)
                  ON CONFLICT (key) DO UPDATE SET state = ?2, idle_at = ?3";
    PRUNE_BUDGETS = "DELETE FROM budgets WHERE idle_at < ?1";

    INSTALLATION = "SELECT id, epoch, secret_sealed, canary_sealed FROM installation";
    ADD_INSTALLATION =
        "INSERT INTO installation (one, id, epoch, secret_sealed, canary_sealed) VALUES (1, ?1, ?2, ?3, ?4)";

    ADD_USER =
        "INSERT INTO users (id, name, plan, created_at, manager_id, display_name) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    USER_NAME_TAKEN = "SELECT 1 FROM users WHERE name = ?1 AND removed_at IS NULL";
    SET_PLAN = "UPDATE users SET plan = ?2 WHERE id = ?1 AND removed_at IS NULL";
    REMOVE_USER = "UPDATE users SET removed_at = ?2 WHERE id = ?1 AND removed_at IS NULL";
    USER = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = ?1 AND u.removed_at IS NULL");
    USER_BY_NAME = concat!("SELECT ", user_columns!(), " FROM users u WHERE u.name = ?1 AND u.removed_at IS NULL");
    USERS =
        concat!("SELECT ", user_columns!(), " FROM users u WHERE u.removed_at IS NULL ORDER BY u.created_at, u.id LIMIT ?1");
    IS_USER = "SELECT 1 FROM users WHERE id = ?1 AND removed_at IS NULL";

    ADD_KEY =
        "INSERT INTO api_keys (id, user_id, name, prefix, hash, created_at, last_used_at, revoked_at, issuer_id) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    IS_KEY = "SELECT 1 FROM api_keys WHERE hash = ?1";
    ACTIVE_KEYS = "SELECT count(*) FROM api_keys WHERE user_id = ?1 AND revoked_at IS NULL";
    KEYS =
        "SELECT id, user_id, name, prefix, created_at, last_used_at, revoked_at FROM api_keys WHERE user_id = ?1 \
         ORDER BY created_at, id LIMIT ?2";
    REVOKE_KEY = "UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?3) WHERE id = ?1 AND user_id = ?2";
    AUTHENTICATE = concat!(
        "SELECT k.id, ", user_columns!(), ", (SELECT m.plan FROM users m WHERE m.id = u.manager_id) FROM api_keys k \
         LEFT JOIN users u ON u.id = k.user_id AND u.removed_at IS NULL WHERE k.hash = ?1 AND k.revoked_at IS NULL"
    );
    TOUCH_KEY = "UPDATE api_keys SET last_used_at = max(coalesce(last_used_at, ?2), ?2) WHERE id = ?1";

    ACCOUNT_BY_NAME =
        concat!("SELECT ", account_columns!(), " FROM accounts WHERE owner_id = ?1 AND platform = ?2 AND remote_id = ?3");
    ADD_ACCOUNT =
        "INSERT INTO accounts (id, owner_id, platform, remote_id, username, token_version, health, scopes, missing, \
         defaults, connected_at) VALUES (?1, ?2, ?3, ?4, '', 0, 'ok', '[]', '[]', '{}', ?5)";
    VERIFIED =
        "UPDATE accounts SET username = ?2, display_name = ?3, avatar_url = ?4, profile_url = ?5, base_url = ?6, \
         scopes = ?7, missing = ?8, verified_at = ?9 WHERE id = ?1";
    CONNECTED = "UPDATE accounts SET removed_at = NULL, revoke_due = 0, defaults = ?2 WHERE id = ?1";
    ACCOUNTS =
        concat!("SELECT ", account_columns!(), " FROM accounts WHERE owner_id = ?1 AND removed_at IS NULL ORDER BY number LIMIT ?2");
    ACCOUNT = concat!("SELECT ", account_columns!(), " FROM accounts WHERE id = ?1 AND removed_at IS NULL");
    ANY_ACCOUNT = concat!("SELECT ", account_columns!(), " FROM accounts WHERE id = ?1");
    IS_CONNECTED = "SELECT 1 FROM accounts WHERE id = ?1 AND removed_at IS NULL";
    ACCOUNT_OF_TARGET =
        "SELECT id FROM accounts WHERE owner_id = ?1 AND platform = ?2 AND remote_id = ?3 AND removed_at IS NULL";
    REMOVE_ACCOUNT = "UPDATE accounts SET removed_at = ?3, revoke_due = 1 WHERE id = ?1 AND owner_id = ?2 AND removed_at IS NULL";
    REMOVE_ACCOUNTS_OF = "UPDATE accounts SET removed_at = ?2, revoke_due = 1 WHERE owner_id = ?1 AND removed_at IS NULL";
    NOTE_ACCOUNT =
        "UPDATE accounts SET health = CASE WHEN ?5 < token_version THEN health ELSE coalesce(?2, health) END, \
         last_success_at = CASE WHEN ?3 IS NULL THEN last_success_at ELSE max(coalesce(last_success_at, ?3), ?3) END, \
         last_error = CASE WHEN ?5 < token_version THEN last_error ELSE coalesce(?4, last_error) END WHERE id = ?1";
    TOKENS =
        "SELECT access_sealed, refresh_sealed, proof_sealed, expires_at, refresh_expires_at FROM account_tokens \
         WHERE account_id = ?1 ORDER BY version DESC LIMIT 1";
    ADD_TOKENS =
        "INSERT INTO account_tokens (account_id, version, expires_at, refresh_expires_at, access_sealed, \
         refresh_sealed, proof_sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    DROP_OLD_TOKENS = "DELETE FROM account_tokens WHERE account_id = ?1 AND version < ?2";
    DROP_UNUSED_TOKENS = concat!(
        "DELETE FROM account_tokens WHERE account_id IN (SELECT a.id FROM accounts a WHERE a.removed_at IS NOT NULL \
         AND a.revoke_due = 0 AND NOT ", tokens_needed!(), ")"
    );
    DROP_TOKENS_OF = "DELETE FROM account_tokens WHERE account_id = ?1";
    REVOCATIONS = concat!(
        "SELECT ", account_columns!(), ", ", tokens_needed!(), " AS needed FROM accounts a WHERE revoke_due = 1 \
         ORDER BY needed, number LIMIT ?1"
    );
    END_REVOCATION = "UPDATE accounts SET revoke_due = 0 WHERE id = ?1 AND removed_at IS NOT NULL AND revoke_due = 1";
    BEGIN_REFRESH =
        "INSERT INTO refreshes (account_id, version, begun_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
    END_REFRESH = "DELETE FROM refreshes WHERE account_id = ?1 AND version = ?2";
    DROP_OVERTAKEN_REFRESHES = "DELETE FROM refreshes WHERE account_id = ?1 AND version < ?2";
    UNFINISHED_REFRESH =
        "SELECT r.version, r.begun_at FROM accounts a JOIN refreshes r ON r.account_id = a.id \
         AND r.version = a.token_version WHERE a.id = ?1";
    REFRESHED =
        "UPDATE accounts SET token_version = ?2, token_expires_at = ?3, refresh_at = ?4, health = 'ok' WHERE id = ?1";
    SET_REFRESH_AT = "UPDATE accounts SET refresh_at = ?2 WHERE id = ?1";
    REFRESHES_DUE = concat!(
        "SELECT ", account_columns!(), " FROM accounts INDEXED BY accounts_refresh WHERE refresh_at <= ?1 \
         AND removed_at IS NULL AND health <> 'reconnect_needed' ORDER BY refresh_at, number LIMIT ?2"
    );
    NEXT_REFRESH =
        "SELECT refresh_at FROM accounts INDEXED BY accounts_refresh WHERE refresh_at IS NOT NULL AND removed_at IS NULL \
         AND health <> 'reconnect_needed' ORDER BY refresh_at LIMIT 1";
    HAS_OPEN_INTENTS = "SELECT 1 FROM intents WHERE account_id = ?1 AND state = 'open'";
    ACCOUNT_REPORTS = concat!(
        "WITH due AS (SELECT p.platform AS due_platform, p.target AS due_target, count(*) AS due_count \
         FROM groups g INDEXED BY groups_updated JOIN posts p ON p.group_id = g.id \
         WHERE g.owner_id = ?1 AND g.deleted_at IS NULL AND g.mask & ?4 <> 0 \
         AND p.state IN ('scheduled', 'waiting') GROUP BY p.platform, p.target) \
         SELECT ", account_columns!(), ", t.refresh_sealed IS NOT NULL, t.expires_at, t.refresh_expires_at, \
         (SELECT count(DISTINCT l.post_id) FROM log_entries l INDEXED BY log_verdicts \
          WHERE l.account_id = a.id AND l.kind = 'publish_failed' AND l.at > ?2), \
         (SELECT count(DISTINCT l.post_id) FROM log_entries l INDEXED BY log_verdicts \
          WHERE l.account_id = a.id AND l.kind = 'publish_succeeded' AND l.at > ?2), \
         coalesce(due_count, 0) FROM accounts a \
         LEFT JOIN (SELECT account_id, version, expires_at, refresh_expires_at, refresh_sealed FROM account_tokens) t \
         ON t.account_id = a.id AND t.version = a.token_version \
         LEFT JOIN due ON due_platform = a.platform AND due_target = a.remote_id \
         WHERE a.owner_id = ?1 AND a.removed_at IS NULL ORDER BY a.number LIMIT ?3"
    );
    IS_ACCOUNT_OF = "SELECT 1 FROM accounts WHERE id = ?1 AND owner_id = ?2";
    CONNECTION_LOG = connection_log!("log_connections", "user_id");
    CONNECTION_LOG_OF = connection_log!("log_connections_of", "account_id");

    ADD_SIGN_IN =
        "INSERT INTO sign_ins (id, owner_id, platform, link_id, account_id, return_to, redirect_uri, phase, secret_hash, \
         memory_sealed, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'authorizing', ?8, ?9, ?10, ?11)";
    OPEN_SIGN_INS = "SELECT count(*) FROM sign_ins WHERE owner_id = ?1 AND taken_at IS NULL AND expires_at > ?2";
    ADD_SECRET = "INSERT INTO sign_in_secrets (hash, sign_in_id) VALUES (?1, ?2)";
    IS_SECRET = "SELECT 1 FROM sign_in_secrets WHERE hash = ?1";
    SIGN_IN = concat!(
        "SELECT ", sign_in_columns!(), ", s.taken_at IS NULL AND s.secret_hash = ?1, s.memory_sealed \
         FROM sign_in_secrets k JOIN sign_ins s ON s.id = k.sign_in_id \
         JOIN users u ON u.id = s.owner_id AND u.removed_at IS NULL WHERE k.hash = ?1"
    );
    TAKE_SIGN_IN = "UPDATE sign_ins SET taken_at = ?2, memory_sealed = NULL WHERE id = ?1";
    OFFER_CHOICE =
        "UPDATE sign_ins SET phase = 'choosing', secret_hash = ?2, memory_sealed = ?3, expires_at = ?4, taken_at = NULL \
         WHERE id = ?1 AND taken_at IS NOT NULL";
    ADD_LINK =
        "INSERT INTO connect_links (id, token_hash, owner_id, return_to, platforms, created_at, expires_at, revoked_at, \
         standing) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    OPEN_LINKS = "SELECT count(*) FROM connect_links WHERE owner_id = ?1 AND revoked_at IS NULL AND expires_at > ?2";
    IS_LINK_TOKEN = "SELECT 1 FROM connect_links WHERE token_hash = ?1";
    IS_LINK_OF = "SELECT 1 FROM connect_links WHERE id = ?1 AND owner_id = ?2";
    LINK = concat!(
        "SELECT ", link_columns!(), " FROM connect_links l JOIN users u ON u.id = l.owner_id AND u.removed_at IS NULL \
         WHERE l.token_hash = ?1"
    );
    REVOKE_LINK = "UPDATE connect_links SET revoked_at = coalesce(revoked_at, ?3) WHERE id = ?1 AND owner_id = ?2";
    SET_APP =
        "INSERT INTO instance_apps (platform, origin, client_id, secret_sealed) VALUES (?1, ?2, ?3, ?4) \
         ON CONFLICT DO UPDATE SET client_id = excluded.client_id, secret_sealed = excluded.secret_sealed";
    APP = "SELECT client_id, secret_sealed FROM instance_apps WHERE platform = ?1 AND origin = ?2";

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
        "SELECT owner_id, draft, planned_at, mask, deleted_at IS NOT NULL, post_count, log_seq, updated_at, \
         coalesce(planned_at, created_at) FROM groups WHERE id = ?1";
    SAVE_HEAD = "UPDATE groups SET mask = ?2, log_seq = ?3, updated_at = ?4 WHERE id = ?1";
    SAVE_PLAN = "UPDATE groups SET draft = ?2, planned_at = ?3 WHERE id = ?1";
    DELETE_GROUP = "UPDATE groups SET deleted_at = ?2 WHERE id = ?1";
    GROUP =
        "SELECT g.owner_id, c.body, g.draft, g.planned_at, g.mask, g.created_at, g.updated_at, \
         p.id, p.platform, p.target, p.account_id, p.data, p.attempts, p.retries \
         FROM groups g JOIN contents c ON c.n = g.content_n LEFT JOIN posts p ON p.group_id = g.id \
         WHERE g.id = ?1 AND g.deleted_at IS NULL ORDER BY p.position";
    IS_GROUP = "SELECT 1 FROM groups WHERE id = ?1 AND owner_id = ?2 AND deleted_at IS NULL";
    POST_GROUP =
        "SELECT p.group_id FROM posts p JOIN groups g ON g.id = p.group_id \
         WHERE p.id = ?1 AND g.owner_id = ?2 AND g.deleted_at IS NULL";
    CONTENT_OF_GROUP = "SELECT c.body, g.revision FROM groups g JOIN contents c ON c.n = g.content_n WHERE g.id = ?1";
    GROUPS_CREATED_UP = list_groups!("groups_created", "created_at", "ASC");
    GROUPS_CREATED_DOWN = list_groups!("groups_created", "created_at", "DESC");
    GROUPS_UPDATED_UP = list_groups!("groups_updated", "updated_at", "ASC");
    GROUPS_UPDATED_DOWN = list_groups!("groups_updated", "updated_at", "DESC");
    GROUPS_PLANNED_UP = list_groups!("groups_planned", "planned_at", "ASC");
    GROUPS_PLANNED_DOWN = list_groups!("groups_planned", "planned_at", "DESC");
    COUNT_GROUPS = concat!("SELECT count(*) FROM groups INDEXED BY groups_updated WHERE ", group_filters!());
    NEXT_LOG_SEQ = "UPDATE groups SET log_seq = log_seq + 1 WHERE id = ?1 RETURNING log_seq";
    ADD_LOG =
        "INSERT INTO log_entries (id, group_id, seq, user_id, post_id, account_id, kind, outcome, at, rest, \
         connection) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    GROUP_LOG =
        concat!("SELECT ", log_columns!(), " FROM log_entries WHERE group_id = ?1 ORDER BY seq LIMIT ?2");
    RECENT_LOG =
        concat!(
            "SELECT ", log_columns!(), " FROM log_entries WHERE n > (SELECT max(n) FROM log_entries) - ?3 AND +user_id = ?1 \
             ORDER BY n DESC LIMIT ?2"
        );

    POST = concat!("SELECT ", post_columns!(), " FROM posts p WHERE p.id = ?1");
    POSTS_OF_GROUP = concat!("SELECT ", post_columns!(), " FROM posts p WHERE p.group_id = ?1 ORDER BY p.position");
    BITS_OF_GROUP = "SELECT bit FROM posts WHERE group_id = ?1";
    PUT_POST =
        "UPDATE posts SET state = ?2, bit = ?3, data = ?4, wake_at = ?5, ready_at = ?5, claim = NULL, attempts = ?6, \
         retries = ?7 WHERE id = ?1";
    PUT_ARMED = "UPDATE posts SET bit = ?2, data = ?3, wake_at = ?4, attempts = ?5 WHERE id = ?1";
    SET_POST_ACCOUNT = "UPDATE posts SET account_id = ?2 WHERE id = ?1";
    READY_AT = "SELECT ready_at FROM posts WHERE id = ?1";
    SET_RESUME = "UPDATE posts SET resume_sealed = ?2 WHERE id = ?1";
    RESUME = "SELECT resume_sealed FROM posts WHERE id = ?1";
    CHECKPOINT_CLAIM = "UPDATE posts SET wake_at = ?2 WHERE id = ?1";
    WAKING_OF_ACCOUNT =
        "SELECT id FROM posts INDEXED BY posts_wake WHERE wake_at IS NOT NULL AND claim IS NULL AND account_id = ?1 \
         UNION ALL SELECT id FROM posts INDEXED BY posts_claimed WHERE claim IS NOT NULL AND account_id = ?1";
    WAKING_OF_OWNER =
        "SELECT p.id FROM groups g INDEXED BY groups_created JOIN posts p ON p.group_id = g.id \
         WHERE g.owner_id = ?1 AND g.deleted_at IS NULL AND p.wake_at IS NOT NULL LIMIT ?2";

    INTENTS_OF_POST = concat!("SELECT ", intent_columns!(), " FROM intents WHERE post_id = ?1 ORDER BY n");
    ADD_INTENT =
        "INSERT INTO intents (id, post_id, part, account_id, attempt, state, recorded_at, send_by, version, budget, \
         fingerprint, confusable, dedupe, prepared_sealed) \
         VALUES (?1, ?2, ?3, ?4, ?5, 'open', ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
    EARLIER_INTENT = "SELECT 1 FROM intents WHERE post_id = ?1 AND part = ?2 AND state IN ('open', 'published')";
    LIKE_INTENT =
        "SELECT post_id FROM intents WHERE account_id = ?1 AND fingerprint = ?2 AND state = 'open' AND confusable = 1 \
         ORDER BY n LIMIT 1";
    HAS_OPEN_INTENT = "SELECT 1 FROM intents WHERE post_id = ?1 AND state = 'open'";
    UNTOLD_PARTS = "SELECT part FROM intents WHERE post_id = ?1 AND state = 'untold'";
    OPEN_INTENTS = "SELECT id, part FROM intents WHERE post_id = ?1 AND state = 'open' ORDER BY n";
    INTENT = "SELECT post_id, part, account_id, state FROM intents WHERE id = ?1";
    SETTLE_INTENT = "UPDATE intents SET state = ?2, settled_at = ?3 WHERE id = ?1";

    REMOTE = "SELECT post_id, part FROM remotes WHERE account_id = ?1 AND remote_id = ?2";
    ADOPTED = "SELECT data FROM remotes WHERE post_id = ?1 AND part = ?2 AND adopted = 1";
    FORGET_ADOPTED = "DELETE FROM remotes WHERE post_id = ?1 AND part = ?2 AND adopted = 1";
    ADD_REMOTE =
        "INSERT INTO remotes (account_id, remote_id, post_id, part, adopted, data) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    SET_REMOTE = "UPDATE remotes SET data = ?3 WHERE account_id = ?1 AND remote_id = ?2 RETURNING adopted";
    LIVE_PARTS = "SELECT part, data FROM remotes WHERE post_id = ?1 AND adopted = 1 ORDER BY part";

    ADD_COUNT =
        "INSERT INTO post_counts (platform, state, n) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET n = n + excluded.n";
    POST_COUNTS = "SELECT platform, state, n FROM post_counts WHERE n > 0 ORDER BY platform, state";

    GROUPS_OF_REMOVED =
        "SELECT g.id FROM users u INDEXED BY users_removed JOIN groups g INDEXED BY groups_created \
         ON g.owner_id = u.id AND g.deleted_at IS NULL WHERE u.removed_at IS NOT NULL LIMIT ?1";
    PRUNABLE =
        "SELECT g.id, g.content_n FROM groups g INDEXED BY groups_deleted WHERE g.deleted_at IS NOT NULL \
         AND NOT EXISTS (SELECT 1 FROM posts p WHERE p.group_id = g.id AND (p.claim IS NOT NULL \
         OR p.state NOT IN ('published', 'failed', 'unconfirmed', 'missed', 'cancelled', 'removed'))) LIMIT ?1";
    CONTENT = "SELECT body FROM contents WHERE n = ?1";
    PRUNE_INTENTS = "DELETE FROM intents WHERE post_id IN (SELECT id FROM posts WHERE group_id = ?1)";
    PRUNE_POSTS = "DELETE FROM posts WHERE group_id = ?1 RETURNING platform, state";
    PRUNE_LOG = "DELETE FROM log_entries WHERE group_id = ?1 AND connection IS NULL";
    PRUNE_CONTENT = "DELETE FROM contents WHERE n = ?1";
    PRUNE_GROUP = "DELETE FROM groups WHERE id = ?1";
    PRUNE_MEDIA_REF = "DELETE FROM media_refs WHERE key = ?1 AND group_id = ?2";
    IS_MEDIA_USED = "SELECT 1 FROM media_refs WHERE key = ?1";
    ADD_DERIVATIVE = "INSERT INTO derivatives (group_id, key) SELECT id, ?2 FROM groups WHERE id = ?1 \
         ON CONFLICT DO UPDATE SET key = excluded.key RETURNING key";
    PRUNE_DERIVATIVES = "DELETE FROM derivatives WHERE group_id = ?1 RETURNING key";
    IS_DERIVATIVE_USED = "SELECT 1 FROM derivatives WHERE key = ?1";
    ACTIONS = concat!(
        "SELECT ", log_columns!(), " FROM log_entries INDEXED BY log_actions \
         WHERE kind = 'action_attempted' OR kind = 'action_ended' ORDER BY n DESC LIMIT ?1"
    );
    AGED_INTENTS =
        "SELECT i.n, i.recorded_at, i.state <> 'open' AND p.wake_at IS NULL AND p.state IN ('published', 'removed') \
         FROM intents i JOIN posts p ON p.id = i.post_id WHERE i.n > ?1 ORDER BY i.n LIMIT ?2";
    PRUNE_INTENT = "DELETE FROM intents WHERE n = ?1";
    PRUNE_ACCOUNT_LOG =
        "DELETE FROM log_entries WHERE n IN (SELECT n FROM log_entries WHERE group_id IS NULL AND at < ?1 \
         ORDER BY at LIMIT ?2)";
    PRUNE_REQUESTS = "DELETE FROM requests WHERE expires_at <= ?1";
    PRUNE_SECRETS = "DELETE FROM sign_in_secrets WHERE sign_in_id IN (SELECT id FROM sign_ins WHERE expires_at <= ?1)";
    PRUNE_SIGN_INS = "DELETE FROM sign_ins WHERE expires_at <= ?1";
    PRUNE_LINKS = "DELETE FROM connect_links WHERE expires_at <= ?1";
}

/// Whether the database is whole: the row `ok`, or the first thing that is wrong.
pub(super) const QUICK_CHECK: &str = "PRAGMA quick_check(1)";
