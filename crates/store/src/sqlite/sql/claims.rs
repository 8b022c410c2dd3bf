//! Statements that find what is due, take it, and find those whose worker is gone.

statements! {
    DUE = concat!("SELECT ", post_columns!(), " FROM posts p WHERE p.wake_at <= ?1 AND p.claim IS NULL \
         ORDER BY p.wake_at, p.id LIMIT ?2");
    NEXT_WAKE = "SELECT wake_at FROM posts WHERE wake_at IS NOT NULL AND claim IS NULL ORDER BY wake_at LIMIT 1";
    NEXT_LEASE_END = "SELECT wake_at FROM posts WHERE claim IS NOT NULL ORDER BY wake_at LIMIT 1";
    PUT_OFF = "UPDATE posts SET wake_at = ?2 WHERE id = ?1";
    CLAIM_TO_SEND = "UPDATE posts SET state = ?2, bit = ?3, data = ?4, claim = ?5, wake_at = ?6 WHERE id = ?1";
    CLAIM_TO_ASK = "UPDATE posts SET claim = ?2, wake_at = ?3 WHERE id = ?1";
    CLAIMED = concat!("SELECT ", post_columns!(), " FROM posts p INDEXED BY posts_claimed WHERE p.claim IS NOT NULL");
    CLAIMED_UNTIL =
        concat!("SELECT ", post_columns!(), " FROM posts p INDEXED BY posts_claimed WHERE p.claim IS NOT NULL AND p.wake_at <= ?1");

    DUE_BACKLOG =
        "SELECT count(*), min(ready_at) FROM (SELECT ready_at FROM posts WHERE wake_at <= ?1 AND ready_at <= ?2 \
         AND claim IS NULL AND state NOT IN ('published', 'unconfirmed') LIMIT ?3)";
    CLAIMED_BACKLOG =
        "SELECT count(*), min(ready_at) FROM posts INDEXED BY posts_claimed WHERE claim IS NOT NULL \
         AND state NOT IN ('published', 'unconfirmed')";
}
