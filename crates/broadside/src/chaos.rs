//! Fail points for crash tests: the process kills itself at a named place, as a power cut would.
//!
//! Only in builds with debug assertions or the feature `chaos`.
//!
//! - `BROADSIDE_CRASH=point[:platform][:nth]` kills at the nth time (1 when absent) that the place is reached.
//! - `BROADSIDE_CRASH_FILE=path` names a file with the same text; it is read whenever a place is reached, so that a
//!   harness can arm the next kill in a running process. A file that is not there arms nothing; counting starts anew
//!   when its text changes.
//! - `BROADSIDE_CRASH_LOG=path` names a file to which the place's word is appended before the kill.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail};
use domain::platform::Platform;
use engine::points::{CrashPoint, FailPoints, Stopped};

/// Where to kill: `point[:platform][:nth]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trap {
    point: CrashPoint,
    platform: Option<Platform>,
    nth: u64,
}

impl FromStr for Trap {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let mut words = text.trim().split(':');
        let word = words.next().unwrap_or_default();
        let point = CrashPoint::ALL.iter().copied().find(|point| point.word() == word);
        let known = || {
            CrashPoint::ALL
                .iter()
                .map(|point| point.word())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let point = point.with_context(|| format!("'{word}' is no place to crash at; known are: {}", known()))?;
        let mut trap = Self {
            point,
            platform: None,
            nth: 1,
        };
        for word in words {
            match (word.parse::<u64>(), word.parse::<Platform>()) {
                (Ok(nth), _) if nth > 0 => trap.nth = nth,
                (_, Ok(platform)) => trap.platform = Some(platform),
                _ => bail!("'{word}' is neither a platform nor a number"),
            }
        }
        Ok(trap)
    }
}

impl Trap {
    fn covers(&self, point: CrashPoint, platform: Platform) -> bool {
        self.point == point && self.platform.is_none_or(|wanted| wanted == platform)
    }
}

/// A trap and how often its place was reached.
#[derive(Debug, Default)]
struct Armed {
    text: String,
    trap: Option<Trap>,
    reached: u64,
}

impl Armed {
    fn with(text: String) -> anyhow::Result<Self> {
        let trap = if text.trim().is_empty() {
            None
        } else {
            Some(text.parse()?)
        };
        Ok(Self { text, trap, reached: 0 })
    }

    /// Counts a place; true when it is the one.
    fn springs(&mut self, point: CrashPoint, platform: Platform) -> bool {
        let Some(trap) = self.trap.filter(|trap| trap.covers(point, platform)) else {
            return false;
        };
        self.reached += 1;
        self.reached == trap.nth
    }
}

/// Kills this process at the places that the environment names.
#[derive(Debug)]
pub struct KillPoints {
    from_env: Mutex<Armed>,
    from_file: Mutex<Armed>,
    file: Option<PathBuf>,
    log: Option<PathBuf>,
}

impl KillPoints {
    /// The kill points that the environment asks for; `None` when it asks for none.
    ///
    /// # Errors
    /// When `BROADSIDE_CRASH` names no place.
    pub fn from_env() -> anyhow::Result<Option<Self>> {
        let trap = std::env::var("BROADSIDE_CRASH").unwrap_or_default();
        let file = std::env::var_os("BROADSIDE_CRASH_FILE").map(PathBuf::from);
        if trap.is_empty() && file.is_none() {
            return Ok(None);
        }
        let log = std::env::var_os("BROADSIDE_CRASH_LOG").map(PathBuf::from);
        let from_env = Armed::with(trap).context("BROADSIDE_CRASH")?;
        Ok(Some(Self {
            from_env: Mutex::new(from_env),
            from_file: Mutex::default(),
            file,
            log,
        }))
    }

    fn springs(&self, point: CrashPoint, platform: Platform) -> bool {
        let lock = |armed| Mutex::lock(armed).unwrap_or_else(PoisonError::into_inner);
        if lock(&self.from_env).springs(point, platform) {
            return true;
        }
        let Some(file) = &self.file else { return false };
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let mut armed = lock(&self.from_file);
        if armed.text != text {
            match Armed::with(text) {
                Ok(fresh) => *armed = fresh,
                Err(error) => tracing::error!("{}: {error:#}", file.display()),
            }
        }
        armed.springs(point, platform)
    }

    fn die(&self, point: CrashPoint) {
        if let Some(path) = &self.log {
            let written = OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .and_then(|mut log| {
                    writeln!(log, "{}", point.word())?;
                    log.sync_data()
                });
            if let Err(error) = written {
                tracing::error!(%error, "the crash log cannot be written");
            }
        }
        // The signal cannot be caught: nothing of this process runs on, no destructor, no flush.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

impl FailPoints for KillPoints {
    fn reach(&self, point: CrashPoint, platform: Platform) -> Result<(), Stopped> {
        if self.springs(point, platform) {
            self.die(point);
            return Err(Stopped);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trap_is_a_place_with_a_platform_and_a_count_if_wanted() {
        let trap: Trap = "answer-read:x:3".parse().unwrap();
        assert_eq!(
            trap,
            Trap {
                point: CrashPoint::AnswerRead,
                platform: Some(Platform::X),
                nth: 3
            }
        );
        assert_eq!(
            "settled:2".parse::<Trap>().unwrap(),
            Trap {
                point: CrashPoint::Settled,
                platform: None,
                nth: 2
            }
        );
        for wrong in ["nowhere", "settled:0", "settled:myspace", ""] {
            assert!(wrong.parse::<Trap>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_trap_springs_once_and_only_at_its_place() {
        let mut armed = Armed::with("settled:x:2".to_owned()).unwrap();
        assert!(!armed.springs(CrashPoint::Settled, Platform::X));
        assert!(!armed.springs(CrashPoint::Settled, Platform::Bluesky));
        assert!(!armed.springs(CrashPoint::Claimed, Platform::X));
        assert!(armed.springs(CrashPoint::Settled, Platform::X));
        assert!(!armed.springs(CrashPoint::Settled, Platform::X));
    }

    #[test]
    fn a_file_arms_a_running_process_and_counts_anew_when_it_changes() {
        let file = std::env::temp_dir().join(format!("broadside-trap-{}", std::process::id()));
        let points = KillPoints {
            from_env: Mutex::default(),
            from_file: Mutex::default(),
            file: Some(file.clone()),
            log: None,
        };
        assert!(!points.springs(CrashPoint::Asked, Platform::X));
        std::fs::write(&file, "asked:2\n").unwrap();
        assert!(!points.springs(CrashPoint::Asked, Platform::X));
        std::fs::write(&file, "asked:1\n").unwrap();
        assert!(points.springs(CrashPoint::Asked, Platform::X));
        std::fs::remove_file(&file).unwrap();
        assert!(!points.springs(CrashPoint::Asked, Platform::X));
    }
}
