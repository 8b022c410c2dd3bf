//! What outlives an engine that dies, and what lets it die.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use domain::platform::Platform;
use engine::points::{CrashPoint, FailPoints, Stopped};
use store::Store;
use store::sqlite::{OpenOptions, SqliteStore};
use tempfile::TempDir;

use super::{memory, start_of_time};

/// Where a store outlives the engine that uses it.
pub(crate) enum Shelf {
    /// The model: the same for every engine.
    Memory(Arc<dyn Store>),
    /// A data directory, opened anew by every engine.
    Sqlite(TempDir),
}

impl Shelf {
    pub(crate) fn memory() -> Self {
        Self::Memory(memory())
    }

    pub(crate) fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Memory(_) => "memory",
            Self::Sqlite(_) => "sqlite",
        }
    }

    /// The store, as a fresh process finds it.
    pub(crate) fn open(&self) -> Arc<dyn Store> {
        match self {
            Self::Memory(store) => Arc::clone(store),
            Self::Sqlite(folder) => {
                Arc::new(SqliteStore::open(folder.path(), OpenOptions::new(start_of_time())).unwrap())
            }
        }
    }
}

/// Stops the engine dead at the nth time that a point is reached, and at every point from then on.
pub(crate) struct StopAt {
    point: Option<CrashPoint>,
    nth: u32,
    reached: AtomicU32,
    dead: AtomicBool,
}

impl StopAt {
    pub(crate) fn new(point: Option<CrashPoint>, nth: u32) -> Arc<Self> {
        Arc::new(Self {
            point,
            nth,
            reached: AtomicU32::new(0),
            dead: AtomicBool::new(false),
        })
    }

    pub(crate) fn died(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }
}

impl FailPoints for StopAt {
    fn reach(&self, point: CrashPoint, _platform: Platform) -> Result<(), Stopped> {
        if self.point == Some(point) && self.reached.fetch_add(1, Ordering::SeqCst) + 1 == self.nth {
            self.dead.store(true, Ordering::SeqCst);
        }
        if self.died() { Err(Stopped) } else { Ok(()) }
    }
}
