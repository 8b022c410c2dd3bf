-- Times are microseconds since 1970-01-01 UTC, ids are 12 bytes, JSON is TEXT. Columns named *_sealed hold ciphertext.
-- No check of a row that is written often says IN (...): SQLite would build that list anew for each statement.

CREATE TABLE installation (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    secret_sealed BLOB NOT NULL,
    canary_sealed BLOB NOT NULL
) STRICT;

CREATE TABLE users (
    id BLOB PRIMARY KEY CHECK (length(id) = 12),
    name TEXT NOT NULL,
    display_name TEXT,
    plan TEXT NOT NULL,
    -- Who manages it and pays for it.
    manager_id BLOB REFERENCES users (id) CHECK (manager_id <> id),
    created_at INTEGER NOT NULL,
    removed_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX users_name ON users (name) WHERE removed_at IS NULL;
CREATE INDEX users_removed ON users (removed_at) WHERE removed_at IS NOT NULL;
CREATE INDEX users_managed ON users (manager_id, created_at, id) WHERE manager_id IS NOT NULL AND removed_at IS NULL;

CREATE TABLE api_keys (
    id BLOB PRIMARY KEY CHECK (length(id) = 12),
    user_id BLOB NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    -- The manager that had it made: it ends with the managing.
    issuer_id BLOB REFERENCES users (id),
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX api_keys_user ON api_keys (user_id, created_at, id);

-- The number is what dialects with integer ids show: in order of connection, never used again.
CREATE TABLE accounts (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 12),
    owner_id BLOB NOT NULL REFERENCES users (id),
    platform TEXT NOT NULL CHECK (platform <> ''),
    remote_id TEXT NOT NULL,
    username TEXT NOT NULL,
    display_name TEXT,
    avatar_url TEXT,
    profile_url TEXT,
    base_url TEXT,
    token_version INTEGER NOT NULL CHECK (token_version >= 0),
    token_expires_at INTEGER,
    -- When the tokens are to be looked at next.
    refresh_at INTEGER,
    health TEXT NOT NULL CHECK (health = 'ok' OR health = 'refresh_needed' OR health = 'reconnect_needed'),
    scopes TEXT NOT NULL,
    missing TEXT NOT NULL,
    defaults TEXT NOT NULL,
    connected_at INTEGER NOT NULL,
    verified_at INTEGER,
    last_success_at INTEGER,
    last_error TEXT,
    removed_at INTEGER,
    -- 1 while the tokens of a removed account are to be given back to the platform.
    revoke_due INTEGER NOT NULL DEFAULT 0 CHECK (revoke_due = 0 OR removed_at IS NOT NULL),
    UNIQUE (owner_id, platform, remote_id)
) STRICT;
CREATE INDEX accounts_revocations ON accounts (number) WHERE revoke_due = 1;
CREATE INDEX accounts_refresh ON accounts (refresh_at, number)
    WHERE refresh_at IS NOT NULL AND removed_at IS NULL AND health <> 'reconnect_needed';

CREATE TABLE account_tokens (
    n INTEGER PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES accounts (id),
    version INTEGER NOT NULL CHECK (version > 0),
    expires_at INTEGER,
    refresh_expires_at INTEGER,
    access_sealed BLOB NOT NULL,
    refresh_sealed BLOB,
    proof_sealed BLOB,
    UNIQUE (account_id, version)
) STRICT;

-- Exchanges of tokens that were begun and not finished.
CREATE TABLE refreshes (
    account_id BLOB NOT NULL REFERENCES accounts (id),
    version INTEGER NOT NULL,
    begun_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, version)
) STRICT, WITHOUT ROWID;

-- Sign-ins under way, and for a day what became of them.
CREATE TABLE sign_ins (
    id BLOB PRIMARY KEY CHECK (length(id) = 12),
    owner_id BLOB NOT NULL REFERENCES users (id),
    platform TEXT NOT NULL CHECK (platform <> ''),
    link_id BLOB CHECK (length(link_id) = 12),
    account_id BLOB REFERENCES accounts (id),
    return_to TEXT,
    redirect_uri TEXT NOT NULL,
    phase TEXT NOT NULL CHECK (phase = 'authorizing' OR phase = 'choosing'),
    -- The one secret that can take it.
    secret_hash BLOB NOT NULL CHECK (length(secret_hash) = 32),
    -- Gone once it is taken.
    memory_sealed BLOB,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    taken_at INTEGER,
    CHECK ((taken_at IS NULL) = (memory_sealed IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_ins_open ON sign_ins (owner_id, expires_at) WHERE taken_at IS NULL;
CREATE INDEX sign_ins_expiry ON sign_ins (expires_at);

-- Every secret that a sign-in ever had, so that a used one is known again.
CREATE TABLE sign_in_secrets (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    sign_in_id BLOB NOT NULL REFERENCES sign_ins (id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_in_secrets_of ON sign_in_secrets (sign_in_id);

CREATE TABLE connect_links (
    id BLOB PRIMARY KEY CHECK (length(id) = 12),
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    owner_id BLOB NOT NULL REFERENCES users (id),
    return_to TEXT,
    platforms TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    -- 1 for the one whose address the user's manager is told again.
    standing INTEGER NOT NULL CHECK (standing BETWEEN 0 AND 1)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX connect_links_standing ON connect_links (owner_id) WHERE standing = 1 AND revoked_at IS NULL;
CREATE INDEX connect_links_open ON connect_links (owner_id, expires_at) WHERE revoked_at IS NULL;
CREATE INDEX connect_links_expiry ON connect_links (expires_at);

-- Apps of ours at servers that people run themselves.
CREATE TABLE instance_apps (
    n INTEGER PRIMARY KEY,
    platform TEXT NOT NULL CHECK (platform <> ''),
    origin TEXT NOT NULL,
    client_id TEXT NOT NULL,
    secret_sealed BLOB NOT NULL,
    UNIQUE (platform, origin)
) STRICT;

-- What a group says: the head, the replies, what is rarely there. Apart from the groups, so that a change of status does not
-- rewrite it.
CREATE TABLE contents (
    n INTEGER PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;

CREATE TABLE groups (
    id BLOB PRIMARY KEY CHECK (length(id) = 12),
    owner_id BLOB NOT NULL REFERENCES users (id),
    content_n INTEGER NOT NULL,
    revision INTEGER NOT NULL DEFAULT 0,
    draft INTEGER NOT NULL CHECK (draft BETWEEN 0 AND 1),
    planned_at INTEGER,
    mask INTEGER NOT NULL CHECK (mask BETWEEN 0 AND 511),
    platforms INTEGER NOT NULL,
    post_count INTEGER NOT NULL CHECK (post_count >= 0),
    log_seq INTEGER NOT NULL CHECK (log_seq >= 0),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX groups_created ON groups (owner_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX groups_planned ON groups (owner_id, planned_at, id) WHERE deleted_at IS NULL;
-- Covers the filters as well, so that a total is counted without reading the groups.
CREATE INDEX groups_updated ON groups (owner_id, updated_at, id, mask, platforms, planned_at, deleted_at)
    WHERE deleted_at IS NULL;
CREATE INDEX groups_deleted ON groups (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE posts (
    id BLOB PRIMARY KEY CHECK (length(id) = 12),
    group_id BLOB NOT NULL REFERENCES groups (id),
    position INTEGER NOT NULL,
    owner_id BLOB NOT NULL,
    platform TEXT NOT NULL CHECK (platform <> ''),
    target TEXT NOT NULL,
    account_id BLOB REFERENCES accounts (id),
    state TEXT NOT NULL,
    -- The state's bit in the group's mask.
    bit INTEGER NOT NULL,
    data TEXT NOT NULL,
    -- When to look at it: what the state asks for, or later when it was put off, or the end of the lease.
    wake_at INTEGER,
    -- What the state asked for, claimed or not.
    ready_at INTEGER,
    claim BLOB CHECK (length(claim) = 12),
    attempts INTEGER NOT NULL,
    retries INTEGER NOT NULL,
    resume_sealed BLOB,
    CHECK (claim IS NULL OR wake_at IS NOT NULL),
    CHECK (CASE state
        WHEN 'scheduled' THEN wake_at IS NOT NULL
        WHEN 'publishing' THEN claim IS NOT NULL
        WHEN 'published' THEN TRUE
        WHEN 'draft' THEN wake_at IS NULL
        WHEN 'processing' THEN wake_at IS NOT NULL
        WHEN 'waiting' THEN wake_at IS NOT NULL
        WHEN 'reconciling' THEN wake_at IS NOT NULL
        WHEN 'unconfirmed' THEN TRUE
        WHEN 'failed' THEN wake_at IS NULL
        WHEN 'missed' THEN wake_at IS NULL
        WHEN 'cancelled' THEN wake_at IS NULL
        WHEN 'removed' THEN wake_at IS NULL
        ELSE FALSE
    END)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX posts_group ON posts (group_id, position);
-- A post is in one of the two: what waits may be millions, what is being worked on is a few thousand at most.
CREATE INDEX posts_wake ON posts (wake_at, id, account_id, claim) WHERE wake_at IS NOT NULL AND claim IS NULL;
CREATE INDEX posts_claimed ON posts (wake_at, ready_at) WHERE claim IS NOT NULL;

CREATE TABLE intents (
    n INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 12),
    post_id BLOB NOT NULL REFERENCES posts (id),
    part INTEGER NOT NULL CHECK (part BETWEEN 0 AND 65535),
    account_id BLOB NOT NULL REFERENCES accounts (id),
    attempt BLOB NOT NULL CHECK (length(attempt) = 12),
    state TEXT NOT NULL CHECK (
        state = 'open' OR state = 'published' OR state = 'not_published' OR state = 'absent' OR state = 'untold'
        OR state = 'abandoned'
    ),
    recorded_at INTEGER NOT NULL,
    send_by INTEGER NOT NULL,
    settled_at INTEGER,
    version INTEGER NOT NULL,
    budget INTEGER NOT NULL,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    confusable INTEGER NOT NULL CHECK (confusable IN (0, 1)),
    dedupe TEXT NOT NULL,
    prepared_sealed BLOB NOT NULL,
    CHECK (state <> 'open' OR settled_at IS NULL)
) STRICT;
CREATE INDEX intents_post ON intents (post_id);
CREATE INDEX intents_open ON intents (account_id, fingerprint) WHERE state = 'open';

-- Which post of ours a remote post is. Rows outlive their posts, so that nothing is adopted twice.
CREATE TABLE remotes (
    account_id BLOB NOT NULL REFERENCES accounts (id),
    remote_id TEXT NOT NULL,
    post_id BLOB NOT NULL CHECK (length(post_id) = 12),
    part INTEGER NOT NULL CHECK (part BETWEEN 0 AND 65535),
    -- 0 for a duplicate of a part that another remote post was adopted for.
    adopted INTEGER NOT NULL CHECK (adopted IN (0, 1)),
    data TEXT NOT NULL,
    PRIMARY KEY (account_id, remote_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX remotes_post ON remotes (post_id, part);

CREATE TABLE log_entries (
    n INTEGER PRIMARY KEY,
    id BLOB NOT NULL CHECK (length(id) = 12),
    group_id BLOB,
    seq INTEGER NOT NULL CHECK (seq >= 0),
    user_id BLOB,
    post_id BLOB,
    account_id BLOB,
    kind TEXT NOT NULL CHECK (kind <> ''),
    outcome TEXT NOT NULL CHECK (outcome = 'info' OR outcome = 'success' OR outcome = 'failure' OR outcome = 'unknown'),
    at INTEGER NOT NULL,
    -- What is rarely there.
    rest TEXT,
    -- 1 in an entry about an account's connection.
    connection INTEGER CHECK (connection = 1)
) STRICT;
CREATE INDEX log_group ON log_entries (group_id, seq) WHERE group_id IS NOT NULL;
CREATE INDEX log_connections ON log_entries (user_id, at, id) WHERE connection = 1;
CREATE INDEX log_connections_of ON log_entries (account_id, at, id) WHERE connection = 1;
-- What is forgotten by its age.
CREATE INDEX log_ageing ON log_entries (at) WHERE group_id IS NULL;
CREATE INDEX log_actions ON log_entries (n) WHERE kind = 'action_attempted' OR kind = 'action_ended';
-- How an account fared lately.
CREATE INDEX log_verdicts ON log_entries (account_id, kind, at, post_id)
    WHERE kind = 'publish_succeeded' OR kind = 'publish_failed';

CREATE TABLE requests (
    owner_id BLOB NOT NULL REFERENCES users (id),
    operation TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash BLOB NOT NULL CHECK (length(body_hash) = 32),
    answer TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (owner_id, operation, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_expiry ON requests (expires_at);

CREATE TABLE media_refs (
    key TEXT NOT NULL,
    group_id BLOB NOT NULL CHECK (length(group_id) = 12),
    PRIMARY KEY (key, group_id)
) STRICT, WITHOUT ROWID;

-- Pictures that were converted for a platform, by the groups that use them.
CREATE TABLE derivatives (
    group_id BLOB NOT NULL CHECK (length(group_id) = 12),
    key TEXT NOT NULL,
    PRIMARY KEY (group_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX derivatives_by_key ON derivatives (key);

-- Files of groups from the moment their upload is asked for.
CREATE TABLE media_files (
    id BLOB PRIMARY KEY CHECK (length(id) = 12),
    owner_id BLOB NOT NULL REFERENCES users (id),
    group_id BLOB NOT NULL CHECK (length(group_id) = 12),
    purpose TEXT NOT NULL CHECK (purpose = 'post' OR purpose = 'cover' OR purpose = 'thumbnail'),
    kind TEXT NOT NULL CHECK (kind = 'image' OR kind = 'animation' OR kind = 'video' OR kind = 'document'),
    mime TEXT NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    bytes_max INTEGER NOT NULL CHECK (bytes_max > 0),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state = 'uploading' OR state = 'ready' OR state = 'failed'),
    -- What it is, once it is ready.
    media TEXT,
    -- Why it is of no use, once it failed.
    failure TEXT,
    CHECK ((state = 'ready') = (media IS NOT NULL)),
    CHECK ((state = 'failed') = (failure IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX media_files_group ON media_files (group_id, id);
CREATE INDEX media_files_uploading ON media_files (expires_at) WHERE state = 'uploading';

-- Keys of stored bytes that nothing refers to any more, until the bytes are gone.
CREATE TABLE media_condemned (
    key TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- How many URLs an owner had imported in an hour (since 1970).
CREATE TABLE media_imports (
    owner_id BLOB PRIMARY KEY CHECK (length(owner_id) = 12),
    hour INTEGER NOT NULL,
    urls INTEGER NOT NULL CHECK (urls > 0)
) STRICT, WITHOUT ROWID;

-- Written once a commit from what the commit moved.
CREATE TABLE post_counts (
    platform TEXT NOT NULL,
    state TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (platform, state)
) STRICT, WITHOUT ROWID;

-- Posts counted against plans: a row a month or queue, user and connection. Nothing is kept for what has no limit.
CREATE TABLE usage (
    -- Whose plan it is: the user's own, or its manager's.
    payer_id BLOB NOT NULL REFERENCES users (id),
    metric TEXT NOT NULL CHECK (metric = 'month' OR metric = 'queue'),
    -- The month's first instant; 0 for the queue.
    period INTEGER NOT NULL,
    owner_id BLOB NOT NULL REFERENCES users (id),
    platform TEXT NOT NULL,
    target TEXT NOT NULL,
    n INTEGER NOT NULL,
    PRIMARY KEY (payer_id, metric, period, owner_id, platform, target)
) STRICT, WITHOUT ROWID;

-- A user's word that it may be managed: one a user, used once.
CREATE TABLE consents (
    user_id BLOB PRIMARY KEY REFERENCES users (id),
    token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX consents_expiry ON consents (expires_at);

-- Receivers of webhooks. due_at is when the next message is due, or the end of the lease while claimed; claim counts
-- claims, so that one that was taken over can be told from the present one.
CREATE TABLE webhooks (
    id BLOB PRIMARY KEY CHECK (length(id) = 12),
    owner_id BLOB NOT NULL REFERENCES users (id),
    dialect TEXT NOT NULL CHECK (dialect <> ''),
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    events TEXT NOT NULL,
    kinds INTEGER NOT NULL,
    secret_sealed BLOB NOT NULL,
    active INTEGER NOT NULL CHECK (active = 0 OR active = 1),
    failures INTEGER NOT NULL CHECK (failures >= 0),
    last_triggered_at INTEGER,
    pending INTEGER NOT NULL CHECK (pending >= 0),
    dropped INTEGER NOT NULL CHECK (dropped >= 0),
    due_at INTEGER,
    claim INTEGER NOT NULL,
    claimed INTEGER NOT NULL CHECK (claimed = 0 OR (claimed = 1 AND due_at IS NOT NULL)),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_owner ON webhooks (owner_id, created_at, id);
CREATE INDEX webhooks_due ON webhooks (due_at) WHERE due_at IS NOT NULL;

-- Messages for them. The body is what is sent, byte for byte, once it has been rendered from the notice.
CREATE TABLE deliveries (
    n INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 12),
    webhook_id BLOB NOT NULL REFERENCES webhooks (id),
    kind TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state <> ''),
    at INTEGER NOT NULL,
    next_at INTEGER CHECK ((next_at IS NULL) = (done_at IS NOT NULL)),
    done_at INTEGER,
    notice TEXT NOT NULL,
    body BLOB,
    attempts INTEGER NOT NULL,
    tries TEXT NOT NULL
) STRICT;
CREATE INDEX deliveries_webhook ON deliveries (webhook_id, n);
CREATE INDEX deliveries_pending ON deliveries (webhook_id, next_at, n) WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_done ON deliveries (done_at) WHERE done_at IS NOT NULL;

-- What is spent of what a platform allows: one row a budget, made when something of it is spent or told.
CREATE TABLE budgets (
    -- platform/scope/subject/quota
    key TEXT PRIMARY KEY CHECK (key <> ''),
    state TEXT NOT NULL,
    -- From when on it says nothing any more.
    idle_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
