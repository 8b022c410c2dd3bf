//! Tests of what only this back end has: its files, its threads, its statements, its seals.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use domain::account::Identity;
use domain::content::{Content, PartContent};
use domain::ids::{AttemptId, WebhookId};
use domain::intent::{Dedupe, DedupeMeans, Fingerprint, Prepared};
use domain::log::{LogKind, LogOutcome};
use domain::notice::NoticeKind;
use domain::platform::Platform;
use domain::secret::SecretText;
use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::*;
use crate::{NewPost, NewWebhook, Slots, Webhooks as _, conformance};

/// An empty directory that belongs to one test and goes with it.
pub(crate) struct FreshDir(TempDir);

impl std::ops::Deref for FreshDir {
    type Target = Path;

    fn deref(&self) -> &Path {
        self.0.path()
    }
}

/// An empty directory, named after the test.
pub(crate) fn fresh_dir(name: &str) -> FreshDir {
    let prefix = format!("broadside-store-{name}-");
    FreshDir(tempfile::Builder::new().prefix(&prefix).tempdir().unwrap())
}

pub(super) fn now() -> Timestamp {
    "2026-11-22T09:00:00Z".parse().unwrap()
}

pub(super) fn opened(dir: &Path) -> SqliteStore {
    SqliteStore::open(dir, OpenOptions::new(now())).unwrap()
}

fn refused(dir: &Path) -> OpenError {
    SqliteStore::open(dir, OpenOptions::new(now())).unwrap_err()
}

const OWNER: UserId = UserId::from_bytes([1; 12]);
pub(super) const REACH: Reach = Reach { owner: OWNER };

pub(super) fn id(n: u64) -> [u8; 12] {
    let mut bits = [0; 12];
    bits[4..].copy_from_slice(&n.to_be_bytes());
    bits
}

pub(super) async fn with_owner(store: &SqliteStore) {
    let user = User {
        id: OWNER,
        name: "ann".to_owned(),
        plan: Plan::default(),
        created_at: now(),
        manager: None,
        display_name: None,
    };
    store.create_user(user).await.unwrap();
}

pub(super) fn account(n: u64, secret: &str) -> NewAccount {
    NewAccount {
        id: AccountId::from_bytes(id(n)),
        owner: OWNER,
        platform: Platform::Mastodon,
        identity: Identity {
            remote_id: n.to_string(),
            username: "ann".to_owned(),
            display_name: None,
            avatar_url: None,
            profile_url: None,
            base_url: None,
        },
        tokens: Tokens {
            access: SecretText::from(secret),
            refresh: Some(SecretText::from(secret)),
            proof_key: Some(SecretText::from(secret)),
            ..Tokens::default()
        },
        scopes: Vec::new(),
        missing: Vec::new(),
        defaults: std::collections::BTreeMap::new(),
        refresh_at: None,
        at: now(),
    }
}

pub(super) fn log(kind: LogKind) -> LogEntry {
    LogEntry::new(kind, LogOutcome::Info, now())
}

/// A group of `posts` posts, due now; ids from `n` on belong to it.
pub(super) fn group(n: u64, posts: u64, due: Timestamp) -> NewGroup {
    NewGroup {
        id: GroupId::from_bytes(id(n)),
        owner: OWNER,
        content: Content {
            head: PartContent {
                text: "hello world ".repeat(20),
                media: vec![],
            },
            ..Content::default()
        },
        draft: false,
        planned_at: Some(due),
        posts: (1..=posts)
            .map(|nth| NewPost {
                id: PostId::from_bytes(id(n + nth)),
                platform: Platform::Mastodon,
                target: nth.to_string(),
            })
            .collect(),
        created_at: now(),
        log: vec![log(LogKind::Scheduled)],
    }
}

pub(super) fn ask(limit: usize) -> ClaimAsk {
    ClaimAsk {
        now: now(),
        limit,
        lease: SignedDuration::from_mins(10),
        attempts: (0..limit)
            .map(|nth| AttemptId::from_bytes(id(9_000_000 + u64::try_from(nth).unwrap())))
            .collect(),
        slots: Slots::default(),
    }
}

fn intent(bytes: &[u8]) -> NewIntent {
    NewIntent {
        budgets: crate::BudgetAsk::default(),
        id: IntentId::from_bytes(id(77)),
        part: Part::Head,
        prepared: Prepared {
            version: 1,
            bytes: SecretBytes::new(bytes.to_vec()),
            dedupe: vec![Dedupe::exact(DedupeMeans::ClientMintedId)],
            fingerprint: Fingerprint([3; 32]),
            budget: SignedDuration::from_secs(10),
        },
        at: now(),
        send_by: now(),
        lease_until: now(),
        log: Vec::new(),
    }
}

/// A store with a secret in every sealed column.
async fn with_secrets(store: &SqliteStore, secret: &str) -> Claim {
    with_owner(store).await;
    store
        .connect_account(account(1, secret), log(LogKind::Connected))
        .await
        .unwrap();
    store.create_group(group(100, 1, now()), None).await.unwrap();
    let claim = store.claim_due(ask(1)).await.unwrap().claims.pop().unwrap();
    store
        .checkpoint(&claim, Some(SecretBytes::new(secret.into())), now())
        .await
        .unwrap();
    let armed = store
        .record_intent(claim, intent(secret.as_bytes()), BootInstant(0))
        .await
        .unwrap();
    let begun = NewSignIn {
        id: SignInId::from_bytes([1; 12]),
        owner: OWNER,
        platform: Platform::X,
        link: None,
        account: None,
        return_to: None,
        redirect_uri: String::new(),
        secret_hash: [1; 32],
        memory: SecretBytes::new(secret.into()),
        created_at: now(),
        expires_at: now() + SignedDuration::from_hours(1),
    };
    store.begin_sign_in(begun).await.unwrap();
    let app = InstanceApp {
        id: "client".to_owned(),
        secret: SecretText::from(secret),
    };
    store.remember_app(Platform::Mastodon, HOME, app).await.unwrap();
    let webhook = NewWebhook {
        id: WebhookId::from_bytes([1; 12]),
        owner: OWNER,
        dialect: "postpost".to_owned(),
        name: String::new(),
        url: HOME.to_owned(),
        events: Vec::new(),
        kinds: std::iter::once(NoticeKind::PostFailed).collect(),
        secret: SecretText::from(secret),
        at: now(),
    };
    store.add_webhook(webhook, 1).await.unwrap();
    armed.into_claim().0
}

const HOME: &str = "https://social.example";

async fn secrets_are(store: &SqliteStore, claim: &Claim, secret: &str) {
    let work = store.work(claim).await.unwrap();
    assert_eq!(work.resume.unwrap().expose(), secret.as_bytes());
    assert_eq!(work.intents[0].prepared.bytes.expose(), secret.as_bytes());
    let tokens = work.tokens.unwrap();
    let (refresh, proof) = (tokens.refresh.unwrap(), tokens.proof_key.unwrap());
    assert_eq!([tokens.access.expose(), refresh.expose(), proof.expose()], [secret; 3]);
    let sign_in = store.peek_sign_in([1; 32], now()).await.unwrap().unwrap();
    assert_eq!(sign_in.memory.expose(), secret.as_bytes());
    let app = store.app(Platform::Mastodon, HOME).await.unwrap().unwrap();
    assert_eq!((app.id.as_str(), app.secret.expose()), ("client", secret));
}

fn holds(bytes: &[u8], marker: &str) -> bool {
    bytes.windows(marker.len()).any(|window| window == marker.as_bytes())
}

#[tokio::test]
async fn it_does_what_every_store_does() {
    let root = fresh_dir("conformance");
    let nth = AtomicU32::new(0);
    conformance::exercise(|| {
        let dir = root.join(nth.fetch_add(1, Ordering::Relaxed).to_string());
        let store: Arc<dyn Store> = Arc::new(opened(&dir));
        async { store }
    })
    .await;
}

#[test]
fn a_second_opener_is_told_who_has_the_directory() {
    let dir = fresh_dir("locked");
    let first = opened(&dir);
    let error = refused(&dir);
    assert!(matches!(&error, OpenError::Locked { .. }));
    let text = error.to_string();
    assert!(
        text.contains(&format!("process {}", std::process::id())) && text.contains("2026-11-22T09:00:00Z"),
        "{text}"
    );
    drop(first);
    opened(&dir);
}

#[tokio::test]
async fn everything_is_readable_by_its_owner_only() {
    let root = fresh_dir("modes");
    let dir = root.join("data");
    let store = opened(&dir);
    store.ping().await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for name in [
        DATABASE_FILE,
        "broadside.db-wal",
        "broadside.db-shm",
        KEY_FILE,
        LOCK_FILE,
    ] {
        assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_wrong_or_missing_key_is_told_in_clear_words_and_nothing_is_changed() {
    let dir = fresh_dir("wrong-key");
    drop(opened(&dir));
    let key = std::fs::read(dir.join(KEY_FILE)).unwrap();
    std::fs::write(dir.join(KEY_FILE), "11".repeat(32)).unwrap();
    let error = refused(&dir);
    assert!(matches!(error, OpenError::WrongMasterKey));
    assert!(error.to_string().contains("master key is not the one"), "{error}");
    std::fs::write(dir.join(KEY_FILE), "too short").unwrap();
    assert!(matches!(refused(&dir), OpenError::MasterKey(SealError::BadKey)));
    std::fs::remove_file(dir.join(KEY_FILE)).unwrap();
    assert!(matches!(refused(&dir), OpenError::WrongMasterKey));
    assert!(!dir.join(KEY_FILE).exists(), "no other key is made for it");
    std::fs::write(dir.join(KEY_FILE), key).unwrap();
    opened(&dir);
}

#[tokio::test]
async fn a_key_from_the_environment_leaves_no_file() {
    let dir = fresh_dir("env-key");
    let options = || OpenOptions {
        master_keys: vec![SecretBytes::new(vec![5; 32])],
        ..OpenOptions::new(now())
    };
    let store = SqliteStore::open(&dir, options()).unwrap();
    assert!(matches!(store.rotate_master_key().await, Err(SealError::NotOurs)));
    let first = store.installation().await.unwrap();
    drop(store);
    assert!(!dir.join(KEY_FILE).exists());
    assert_eq!(
        SqliteStore::open(&dir, options())
            .unwrap()
            .installation()
            .await
            .unwrap(),
        first
    );
}

#[tokio::test]
async fn no_secret_is_in_any_file_in_the_clear() {
    let (dir, secret) = (fresh_dir("secrets"), "MARKER-b7e1-OF-A-SECRET");
    let store = opened(&dir);
    let claim = with_secrets(&store, secret).await;
    secrets_are(&store, &claim, secret).await;
    let files = || std::fs::read_dir(&*dir).unwrap().map(|file| file.unwrap().path());
    let clear = |marker| {
        files()
            .filter(|file| holds(&std::fs::read(file).unwrap(), marker))
            .count()
    };
    assert!(clear("hello world") > 0, "the search finds what is not secret");
    assert_eq!(clear(secret), 0);
    drop(store);
    assert_eq!(clear(secret), 0);
}

#[tokio::test]
async fn a_master_key_is_changed_without_a_stop() {
    let dir = fresh_dir("rotation");
    let store = opened(&dir);
    let claim = with_secrets(&store, "secret").await;
    store.retire_old_keys().await.unwrap();
    let old = std::fs::read_to_string(dir.join(KEY_FILE)).unwrap();
    store.rotate_master_key().await.unwrap();
    secrets_are(&store, &claim, "secret").await;
    let kept = store.retire_old_keys().await;
    let columns = u64::try_from(sql::SEALED.len()).unwrap();
    assert!(
        matches!(kept, Err(SealError::StillInUse(n)) if n == columns),
        "{kept:?}"
    );
    let mut left = Vec::new();
    while left.last() != Some(&0) {
        left.push(store.reseal(4).await.unwrap());
    }
    assert_eq!(left, [columns - 4, columns - 8, 0]);
    store.retire_old_keys().await.unwrap();
    let new = std::fs::read_to_string(dir.join(KEY_FILE)).unwrap();
    assert!(new.lines().count() == 1 && new != old);
    secrets_are(&store, &claim, "secret").await;
    drop(store);
    secrets_are(&opened(&dir), &claim, "secret").await;
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_crash() {
    let (dir, copy) = (fresh_dir("crash"), fresh_dir("crash-copy"));
    let store = opened(&dir);
    with_owner(&store).await;
    for n in 0..50 {
        store.create_group(group(100 + n * 10, 3, now()), None).await.unwrap();
    }
    let claims = store.claim_due(ask(20)).await.unwrap().claims;
    // What a dead process leaves behind: the files as they are, without a last checkpoint.
    for name in [DATABASE_FILE, "broadside.db-wal", KEY_FILE] {
        std::fs::copy(dir.join(name), copy.join(name)).unwrap();
    }
    assert!(std::fs::metadata(copy.join("broadside.db-wal")).unwrap().len() > 0);
    let after = opened(&copy);
    assert_eq!(after.list_groups(&REACH, everything()).await.unwrap().total, 50);
    for claim in &claims {
        after.work(claim).await.unwrap();
    }
    assert_eq!(after.recover_orphans(Orphans::All, now()).await.unwrap(), 20);
    let counted: u64 = after.post_counts().await.unwrap().iter().map(|count| count.count).sum();
    assert_eq!(counted, 150);
}

pub(super) fn everything() -> GroupQuery {
    GroupQuery {
        masks: None,
        platforms: Vec::new(),
        planned_from: None,
        planned_to: None,
        order: crate::GroupOrder::Created,
        descending: false,
        offset: 0,
        limit: 10,
    }
}

#[test]
fn every_instant_that_can_be_kept_can_be_read() {
    for at in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
        let kept = super::rows::micros(at);
        assert_eq!(super::rows::micros(super::rows::time(kept).unwrap()), kept, "{at}");
    }
}
