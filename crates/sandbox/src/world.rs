//! The state of the emulated world, shared by all platforms.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::clock::Clock;
use domain::platform::Platform;
use jiff::{SignedDuration, Timestamp};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use url::Url;

use crate::account::{Account, AccountSeed, Accounts, Grant, NewSandboxAccount, TokenUse};
use crate::documented::Documented;
use crate::fault::{Class, Picked, Rule, Script};
use crate::journal::Ledger;
use crate::{Error, Options, States, bluesky, facebook, instagram, linkedin, signin, standin, threads, x};

/// The world as handlers hold it.
pub(crate) type Shared = Arc<World>;

/// Everything that the emulators know.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) base: Url,
    pub(crate) rate_limits: bool,
    /// What was counted of the documented limits, when they are enforced.
    pub(crate) documented: Option<Mutex<Documented>>,
    seed: u64,
    rng: Mutex<StdRng>,
    accounts: Mutex<Accounts>,
    global: Mutex<HashMap<Platform, Global>>,
    ledger: Mutex<Ledger>,
    last_ids: Mutex<HashMap<Platform, u64>>,
    serial: AtomicU64,
    pub(crate) signin: signin::State,
    states: States,
}

/// The emulators' own states are fields of the world.
impl std::ops::Deref for World {
    type Target = States;

    fn deref(&self) -> &States {
        &self.states
    }
}

#[derive(Debug, Default)]
struct Global {
    script: Script,
    latency_ms: u64,
}

/// The time so long after `now`, or the last time there is.
pub(crate) fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// Locks without minding a panic elsewhere: the sandbox's state is whole between any two statements that change it.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub(crate) fn new(options: &Options, addr: SocketAddr) -> Result<Self, Error> {
        let ledger = Ledger::open(options.journal.as_deref()).map_err(Error::Journal)?;
        let world = Self {
            clock: Arc::clone(&options.clock),
            base: Url::parse(&format!("http://{addr}/")).map_err(|_| Error::Address(addr))?,
            rate_limits: options.rate_limits,
            documented: (options.rate_limits && options.documented_limits).then(Mutex::default),
            seed: options.seed,
            rng: Mutex::new(StdRng::seed_from_u64(options.seed)),
            accounts: Mutex::default(),
            global: Mutex::default(),
            ledger: Mutex::new(ledger),
            last_ids: Mutex::default(),
            serial: AtomicU64::new(1),
            signin: signin::State::default(),
            states: States::default(),
        };
        world.resume();
        Ok(world)
    }

    /// Lets ids go on behind those that a reloaded journal has.
    fn resume(&self) {
        let ledger = self.ledger();
        let mut last = lock(&self.last_ids);
        for post in ledger.posts() {
            // The number may stand at the end of a longer name, such as `urn:li:share:1` or `page_1`.
            let mut numbers = post.remote_id.rsplit(|letter: char| !letter.is_ascii_digit());
            let last_number = numbers.find(|digits| !digits.is_empty());
            if let Some(Ok(id)) = last_number.map(str::parse::<u64>) {
                let known = last.entry(post.platform).or_default();
                *known = (*known).max(id);
            }
        }
        drop(last);
        self.serial
            .store(ledger.posts().last().map_or(1, |post| post.seq + 1), Ordering::Relaxed);
        self.telegram.resume(ledger.posts());
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) async fn pause(&self, ms: u64) {
        if ms > 0 {
            let by = SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
            self.clock
                .sleep_until(self.now().saturating_add(by).unwrap_or(Timestamp::MAX))
                .await;
        }
    }

    pub(crate) fn accounts(&self) -> MutexGuard<'_, Accounts> {
        lock(&self.accounts)
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    /// A number that was not used before in this run.
    pub(crate) fn serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed)
    }

    /// The next id of a platform whose ids grow with time: `floor`, or one more than the last.
    pub(crate) fn next_id(&self, platform: Platform, floor: u64) -> u64 {
        let mut last = lock(&self.last_ids);
        let last = last.entry(platform).or_default();
        *last = (*last + 1).max(floor);
        *last
    }

    /// `length` random letters and digits.
    pub(crate) fn random_text(&self, length: usize) -> String {
        const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789Zx";
        let mut rng = lock(&self.rng);
        let mut text = String::with_capacity(length);
        while text.len() < length {
            let number = rng.next_u64();
            for shift in 0..10 {
                let index = usize::try_from((number >> (shift * 6)) & 63).unwrap_or_default();
                if let (true, Some(letter)) = (text.len() < length, LETTERS.get(index)) {
                    text.push(char::from(*letter));
                }
            }
        }
        text
    }

    /// `length` random digits, the first of them not 0.
    pub(crate) fn random_digits(&self, length: usize) -> String {
        let mut rng = lock(&self.rng);
        (0..length)
            .map(|at| {
                let digit = if at == 0 {
                    1 + rng.next_u64() % 9
                } else {
                    rng.next_u64() % 10
                };
                char::from(b'0' + u8::try_from(digit).unwrap_or_default())
            })
            .collect()
    }

    /// Where the API of a platform is.
    pub(crate) fn endpoint(&self, platform: Platform, stand_in: bool) -> Url {
        let path = if stand_in {
            format!("standin/{}", platform.word())
        } else {
            platform.word().to_owned()
        };
        self.base.join(&path).unwrap_or_else(|_| self.base.clone())
    }

    /// An address below the base address, as text.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base.as_str())
    }

    pub(crate) fn add_account(&self, new: &NewSandboxAccount) -> Result<AccountSeed, Error> {
        let now = self.now();
        let stand_in = new.stand_in || !crate::has_emulator(new.platform);
        let remote_id = match &new.remote_id {
            Some(id) => id.clone(),
            None => self.made_up_id(new.platform, stand_in),
        };
        if new.platform == Platform::Telegram && !stand_in && remote_id.parse::<i64>().is_err() {
            return Err(Error::RemoteId {
                platform: new.platform,
                wanted: "a numeric chat id",
            });
        }
        if new.platform == Platform::Bluesky && !stand_in && !remote_id.starts_with("did:") {
            return Err(Error::RemoteId {
                platform: new.platform,
                wanted: "a DID",
            });
        }
        let known = self
            .accounts()
            .by_id(new.platform, &remote_id)
            .filter(|known| known.stand_in == stand_in);
        let account = Arc::new(match known {
            Some(known) => known.connected_anew(new, now),
            None => Account::new(new, remote_id, stand_in, now),
        });
        self.accounts().insert(Arc::clone(&account));
        let mut seed = AccountSeed {
            platform: new.platform,
            remote_id: account.remote_id.clone(),
            handle: account.handle.clone(),
            token: String::new(),
            refresh_token: None,
            password: None,
            expires_at: None,
            base_url: self.endpoint(new.platform, stand_in),
        };
        self.issue_first_tokens(&account, &mut seed, now);
        Ok(seed)
    }

    fn made_up_id(&self, platform: Platform, stand_in: bool) -> String {
        match platform {
            Platform::Telegram if !stand_in => format!("-100{}", self.random_digits(10)),
            Platform::Bluesky if !stand_in => bluesky::made_up_did(&self.random_text(24)),
            Platform::Instagram => format!("17841{}", self.random_digits(12)),
            Platform::Mastodon => format!("1{}", self.random_digits(17)),
            // A member; organizations, whose ids are numbers, are made with theirs.
            Platform::LinkedIn => format!("L{}", self.random_text(9)),
            Platform::YouTube => format!("UC{}", self.random_text(22)),
            _ => self.random_digits(10),
        }
    }

    /// A token with which a bot reaches this channel.
    pub(crate) fn new_bot_token(&self, account: &Arc<Account>) -> String {
        let token = format!("{}:AA{}", self.random_digits(10), self.random_text(33));
        self.issue(&token, account, TokenUse::Access, None, self.now());
        token
    }

    fn issue_first_tokens(&self, account: &Arc<Account>, seed: &mut AccountSeed, now: Timestamp) {
        if account.stand_in {
            let pair = standin::new_pair(self, account, now);
            seed.token = pair.access;
            seed.refresh_token = Some(pair.refresh);
            seed.expires_at = Some(pair.expires_at);
            return;
        }
        match account.platform {
            Platform::Telegram => {
                seed.token = self.new_bot_token(account);
            }
            Platform::Bluesky => bluesky::first_session(self, account, seed, now),
            Platform::X => x::first_tokens(self, account, seed, now),
            Platform::Instagram => instagram::first_token(self, account, seed, now),
            Platform::LinkedIn => linkedin::first_token(self, account, seed, now),
            Platform::Facebook => facebook::first_token(self, account, seed, now),
            Platform::Threads => threads::first_token(self, account, seed, now),
            _ => {
                seed.token = self.random_text(43);
                self.issue(&seed.token, account, TokenUse::Access, None, now);
            }
        }
    }

    pub(crate) fn issue(
        &self,
        secret: &str,
        account: &Arc<Account>,
        usage: TokenUse,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) {
        self.issue_granted(secret, account, usage, expires_at, now, None);
    }

    /// Lets `secret` stand for `account` as far as `grant` goes.
    pub(crate) fn issue_granted(
        &self,
        secret: &str,
        account: &Arc<Account>,
        usage: TokenUse,
        expires_at: Option<Timestamp>,
        now: Timestamp,
        grant: Option<Arc<Grant>>,
    ) {
        self.accounts()
            .issue(secret.to_owned(), Arc::clone(account), usage, expires_at, now, grant);
    }

    pub(crate) fn add_global_rules(&self, platform: Platform, rules: Vec<Rule>) {
        lock(&self.global).entry(platform).or_default().script.extend(rules);
    }

    pub(crate) fn clear_global_rules(&self, platform: Option<Platform>) {
        let mut global = lock(&self.global);
        match platform {
            Some(platform) => {
                global.remove(&platform);
            }
            None => global.clear(),
        }
    }

    pub(crate) fn set_latency(&self, platform: Platform, ms: u64) {
        lock(&self.global).entry(platform).or_default().latency_ms = ms;
    }

    /// What the scripts say about a request.
    pub(crate) fn pick(&self, platform: Platform, account: Option<&Account>, class: Class, text: &str) -> Picked {
        let mut picked = Picked::default();
        if let Some(account) = account {
            account.pick(class, text, &mut picked);
        }
        if let Some(global) = lock(&self.global).get_mut(&platform) {
            picked.latency_ms = picked.latency_ms.saturating_add(global.latency_ms);
            global.script.pick(class, text, &mut picked);
        }
        picked
    }

    /// Empties the world: accounts, scripts, posts and media.
    pub(crate) fn reset(&self) -> Result<(), Error> {
        self.ledger().reset(self.now()).map_err(Error::Journal)?;
        self.accounts().clear();
        lock(&self.global).clear();
        *lock(&self.rng) = StdRng::seed_from_u64(self.seed);
        if let Some(documented) = &self.documented {
            lock(documented).clear();
        }
        self.signin.clear();
        self.states.clear();
        Ok(())
    }
}
