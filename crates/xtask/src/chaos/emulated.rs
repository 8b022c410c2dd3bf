//! The world outside as the sandbox emulates it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use domain::platform::Platform;
use engine::points::CrashPoint;
use sandbox::{AccountSeed, Class, Fault, NewSandboxAccount, RequestLine, Rule, RuleSet};
use serde_json::{Value, json};

use super::control::Control;
use super::outside::{Outside, Question, Seen, Target};
use super::processes::SandboxProcess;
use super::time::Time;

/// The platforms of a usual run: one of each way in which a lost answer is cleared up.
const USUAL: &[Platform] = &[
    Platform::Mastodon,
    Platform::Bluesky,
    Platform::X,
    Platform::Telegram,
    Platform::Instagram,
];

/// The platforms of a run: the usual ones, or all that can be published to.
pub(crate) fn platforms(all: bool) -> Vec<Platform> {
    if all {
        connectors::Registry::all().platforms().collect()
    } else {
        USUAL.to_vec()
    }
}

/// The platform that loses answers on request.
const LOSES: Platform = Platform::Mastodon;

/// Whether this account's posts lie around for a while before they are made.
const fn is_late(number: usize) -> bool {
    number % 3 == 2
}

/// The sandbox in its process.
pub(crate) struct Emulated {
    control: Control,
    platforms: Vec<Platform>,
    send_ms: u64,
    read_up_to: AtomicU64,
    /// Accounts whose answers can be lost on request.
    losers: Mutex<Vec<String>>,
    _process: SandboxProcess,
}

impl Emulated {
    /// These platforms in the world of this process.
    pub(crate) async fn new(process: SandboxProcess, time: &Time, platforms: Vec<Platform>) -> anyhow::Result<Self> {
        let control = Control::new(process.base_url().to_owned())?;
        let send_ms = time.shared_ms(time.send_takes());
        for platform in platforms.iter().copied() {
            let rules = vec![Rule::always(Class::Create, Fault::Slow { ms: send_ms })];
            control
                .add_rules(&RuleSet {
                    platform: Some(platform),
                    account: None,
                    rules,
                    latency_ms: None,
                })
                .await?;
        }
        Ok(Self {
            control,
            platforms,
            send_ms,
            read_up_to: AtomicU64::new(0),
            losers: Mutex::default(),
            _process: process,
        })
    }

    /// Its controls.
    pub(crate) fn control(&self) -> &Control {
        &self.control
    }

    /// The weather of an account. Every third lets a post lie around before it is made; there are lost answers, server
    /// errors with and without a post, and pauses, but on Telegram nothing that cannot be asked for afterwards.
    fn script(&self, platform: Platform, number: usize) -> Vec<Rule> {
        let late = is_late(number).then(|| Rule::always(Class::Create, Fault::SlowBefore { ms: self.send_ms }));
        let pause = Rule::nth(Class::Create, 9, Fault::RateLimit { retry_after_s: 2 });
        let mut script = match platform {
            Platform::Telegram => vec![pause],
            _ => vec![
                Rule::nth(Class::Create, 3, Fault::DropAfter),
                Rule::nth(Class::Create, 6, Fault::ErrorAfter { status: 503 }),
                pause,
                Rule::nth(Class::Create, 12, Fault::ErrorBefore { status: 500 }),
            ],
        };
        if platform == Platform::LinkedIn {
            // Its 429 is that of a day's quota, which ends at midnight: longer than a run.
            script.retain(|rule| !matches!(rule.fault, Fault::RateLimit { .. }));
        }
        script.extend(late);
        script
    }

    /// An organization of LinkedIn, which posts with the token of a member of its own: what a member may post in a day is
    /// less than what all organizations post in a storm. Posts of members are not part of a run: what becomes of them can
    /// be told for ten minutes only, and a kill may take longer.
    async fn organization(&self, number: usize) -> anyhow::Result<Target> {
        let owner = format!("chaos{number}");
        let script = self.script(Platform::LinkedIn, number);
        let member = NewSandboxAccount::new(Platform::LinkedIn, &owner).with_script(script);
        let member = self.control.add_account(&member).await?;
        let organization = NewSandboxAccount {
            remote_id: Some(format!("{}", 7_000_000 + number)),
            ..NewSandboxAccount::new(Platform::LinkedIn, &format!("{owner}_page"))
        };
        let seed = self.control.add_account(&organization).await?;
        Ok(Target {
            platform: Platform::LinkedIn,
            credentials: json!({"token": member.token, "identifier": seed.remote_id}),
            remote_id: seed.remote_id,
            media_url: None,
        })
    }

    async fn account(&self, platform: Platform, handle: &str, script: Vec<Rule>) -> anyhow::Result<Target> {
        let seed = self
            .control
            .add_account(&NewSandboxAccount::new(platform, handle).with_script(script))
            .await?;
        let media_url = (platform == Platform::Instagram).then(|| format!("{}/samples/image.jpg", self.control.base()));
        Ok(Target {
            platform,
            remote_id: seed.remote_id.clone(),
            media_url,
            credentials: credentials(&seed),
        })
    }
}

/// What the operator types to connect this account.
pub(crate) fn credentials(seed: &AccountSeed) -> Value {
    let base_url = matches!(seed.platform, Platform::Mastodon | Platform::Bluesky).then(|| seed.base_url.to_string());
    match seed.platform {
        Platform::Bluesky => json!({"base_url": base_url, "identifier": seed.handle, "password": seed.password}),
        Platform::Telegram | Platform::LinkedIn | Platform::Facebook => {
            json!({"token": seed.token, "identifier": seed.remote_id})
        }
        _ => json!({"base_url": base_url, "token": seed.token, "refresh_token": seed.refresh_token}),
    }
}

fn handle(platform: Platform, number: usize) -> String {
    match platform {
        Platform::Bluesky => format!("chaos{number}.test"),
        _ => format!("chaos_{}_{number}", platform.word()),
    }
}

/// Whether this request asks what became of a send. Mastodon's sources are read after a list that was one already.
fn asks(line: &RequestLine) -> bool {
    match line.platform {
        Platform::Instagram | Platform::Threads | Platform::Facebook => {
            matches!(line.class, Class::Check | Class::Read) && line.method == "GET"
        }
        _ => line.class == Class::Read && line.method == "GET" && !line.path.ends_with("/source"),
    }
}

#[async_trait]
impl Outside for Emulated {
    fn settings(&self) -> String {
        let base = self.control.base();
        // A storm is many posts of few accounts in little time: the platforms' own quotas, and that of imports, would
        // only make it wait.
        let mut text =
            format!("[publisher]\nrate_budgets = false\n[media]\nallow = [\"{base}\"]\nimports_per_hour = 1000000\n");
        for platform in self.platforms.iter().copied() {
            text.push_str(&format!("[platforms.{platform}]\nbase_url = \"{base}/{platform}\"\n"));
            if platform == Platform::X {
                text.push_str("client_id = \"chaos\"\n");
            }
        }
        text
    }

    async fn accounts(&self, per_platform: usize) -> anyhow::Result<(Vec<Target>, Vec<String>)> {
        let (mut targets, mut left_out) = (Vec::new(), Vec::new());
        for platform in self.platforms.iter().copied() {
            for number in 0..per_platform {
                let made = match platform {
                    Platform::LinkedIn => self.organization(number).await,
                    _ => {
                        let script = self.script(platform, number);
                        self.account(platform, &handle(platform, number), script).await
                    }
                };
                match made {
                    Ok(target) => {
                        if platform == LOSES && !is_late(number) {
                            self.losers
                                .lock()
                                .unwrap_or_else(PoisonError::into_inner)
                                .push(target.remote_id.clone());
                        }
                        targets.push(target);
                    }
                    Err(error) => {
                        left_out.push(format!("{platform}: {error:#}"));
                        break;
                    }
                }
            }
        }
        Ok((targets, left_out))
    }

    async fn victims(&self, count: usize) -> anyhow::Result<Vec<Target>> {
        let mut victims = Vec::new();
        for number in 0..count {
            victims.push(
                self.account(Platform::Bluesky, &format!("victim{number}.test"), Vec::new())
                    .await?,
            );
        }
        Ok(victims)
    }

    async fn fresh_credentials(&self, target: &Target) -> anyhow::Result<Value> {
        let known = NewSandboxAccount {
            remote_id: Some(target.remote_id.clone()),
            ..NewSandboxAccount::new(target.platform, "known")
        };
        Ok(credentials(&self.control.add_account(&known).await?))
    }

    async fn provoke(&self, point: CrashPoint, victim: Option<&Target>) -> anyhow::Result<()> {
        let (platform, accounts, fault) = match (point, victim) {
            (CrashPoint::Asked, _) => (
                LOSES,
                self.losers.lock().unwrap_or_else(PoisonError::into_inner).clone(),
                Fault::DropAfter,
            ),
            (point, Some(victim)) if point.is_of_a_refresh() => {
                (victim.platform, vec![victim.remote_id.clone()], Fault::ExpiredToken)
            }
            _ => return Ok(()),
        };
        for account in accounts {
            let rules = vec![Rule::first(Class::Create, 1, fault.clone())];
            let set = RuleSet {
                platform: Some(platform),
                account: Some(account),
                rules,
                latency_ms: None,
            };
            self.control.add_rules(&set).await?;
        }
        Ok(())
    }

    fn can_reach(&self, _point: CrashPoint) -> bool {
        true
    }

    async fn posts(&self) -> anyhow::Result<Vec<Seen>> {
        let seen = self.control.published().await?.into_iter().filter(|post| !post.deleted);
        let seen = seen.map(|post| Seen {
            platform: post.platform.word().to_owned(),
            account: post.account,
            text: post.text,
            at: post.at,
        });
        Ok(seen.collect())
    }

    async fn questions(&self) -> anyhow::Result<Vec<Question>> {
        let lines = self.control.requests(self.read_up_to.load(Ordering::Relaxed)).await?;
        if let Some(last) = lines.last() {
            self.read_up_to.store(last.seq, Ordering::Relaxed);
        }
        let asked = lines.into_iter().filter(asks).filter_map(|line| {
            Some(Question {
                platform: line.platform.word().to_owned(),
                account: line.account?,
                at: line.at,
            })
        });
        Ok(asked.collect())
    }
}
