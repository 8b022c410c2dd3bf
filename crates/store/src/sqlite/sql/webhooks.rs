//! Statements about receivers of webhooks and their outbox.

macro_rules! webhook_columns {
    () => {
        "id, owner_id, dialect, name, url, events, kinds, active, failures, last_triggered_at, pending, dropped, \
         created_at, updated_at"
    };
}

statements! {
    LISTENERS = "SELECT id, owner_id, kinds FROM webhooks WHERE active = 1";
    COUNT_WEBHOOKS = "SELECT count(*) FROM webhooks WHERE owner_id = ?1 AND dialect = ?2";
    ADD_WEBHOOK =
        "INSERT INTO webhooks (id, owner_id, dialect, name, url, events, kinds, secret_sealed, active, failures, \
         pending, dropped, claim, claimed, created_at, updated_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, 0, 0, 0, 0, 0, ?9, ?9)";
    WEBHOOKS =
        concat!("SELECT ", webhook_columns!(), " FROM webhooks INDEXED BY webhooks_owner WHERE owner_id = ?1 \
         AND (?2 IS NULL OR dialect = ?2) ORDER BY created_at, id LIMIT ?3");
    WEBHOOK = concat!("SELECT ", webhook_columns!(), ", secret_sealed, claim FROM webhooks WHERE id = ?1");
    SAVE_WEBHOOK =
        "UPDATE webhooks SET name = ?2, url = ?3, events = ?4, kinds = ?5, active = ?6, failures = ?7, \
         last_triggered_at = ?8, pending = ?9, updated_at = ?10 WHERE id = ?1";
    SET_WEBHOOK_SECRET = "UPDATE webhooks SET secret_sealed = ?2 WHERE id = ?1";
    DELETE_DELIVERIES = "DELETE FROM deliveries WHERE webhook_id = ?1";
    DELETE_WEBHOOK = "DELETE FROM webhooks WHERE id = ?1";

    ADD_DELIVERY =
        "INSERT INTO deliveries (id, webhook_id, kind, state, at, next_at, notice, attempts, tries) \
         VALUES (?1, ?2, ?3, 'pending', ?4, ?4, ?5, 0, '[]')";
    EXPECT_DELIVERY =
        "UPDATE webhooks SET pending = pending + 1, \
         due_at = CASE WHEN claimed = 1 THEN due_at ELSE min(ifnull(due_at, ?2), ?2) END WHERE id = ?1 AND pending < ?3";
    DROP_DELIVERY = "UPDATE webhooks SET dropped = dropped + 1 WHERE id = ?1";
    DELIVERIES =
        "SELECT id, kind, state, at, next_at, tries FROM deliveries INDEXED BY deliveries_webhook \
         WHERE webhook_id = ?1 ORDER BY n DESC LIMIT ?2";

    DUE_WEBHOOKS =
        "SELECT id FROM webhooks INDEXED BY webhooks_due WHERE due_at <= ?1 AND (failures > 0) = ?2 \
         ORDER BY due_at LIMIT ?3";
    CLAIM_WEBHOOK = "UPDATE webhooks SET claim = claim + 1, claimed = 1, due_at = ?2 WHERE id = ?1";
    DUE_DELIVERIES =
        "SELECT n, id, kind, notice, body, attempts FROM deliveries INDEXED BY deliveries_pending \
         WHERE webhook_id = ?1 AND next_at <= ?2 ORDER BY next_at, n LIMIT ?3";
    SET_BODY = "UPDATE deliveries SET body = ?2 WHERE n = ?1";
    IS_CLAIMED = "SELECT 1 FROM webhooks WHERE id = ?1 AND claim = ?2 AND claimed = 1";
    DELIVERY = "SELECT n, kind, state, attempts, tries FROM deliveries WHERE id = ?1 AND webhook_id = ?2";
    SETTLE_DELIVERY =
        "UPDATE deliveries SET state = ?2, next_at = ?3, done_at = ?4, attempts = ?5, tries = ?6 WHERE n = ?1";
    WITHDRAW_DELIVERIES =
        "UPDATE deliveries SET state = 'withdrawn', next_at = NULL, done_at = ?2 \
         WHERE webhook_id = ?1 AND next_at IS NOT NULL";
    FREE_WEBHOOK =
        "UPDATE webhooks SET claimed = 0, due_at = (SELECT min(d.next_at) FROM deliveries d \
         INDEXED BY deliveries_pending WHERE d.webhook_id = webhooks.id AND d.next_at IS NOT NULL) WHERE id = ?1";
    CLAIMED_WEBHOOKS = "SELECT id FROM webhooks INDEXED BY webhooks_due WHERE due_at IS NOT NULL AND claimed = 1";
    NEXT_DELIVERY = "SELECT due_at FROM webhooks WHERE due_at IS NOT NULL ORDER BY due_at LIMIT 1";
    PRUNE_DELIVERIES =
        "DELETE FROM deliveries WHERE n IN (SELECT n FROM deliveries INDEXED BY deliveries_done WHERE done_at <= ?1 \
         LIMIT ?2)";
}
