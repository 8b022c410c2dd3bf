//! What tests have shown about a platform, written down for the check that wants to know it.
//!
//! A test notes a proof after its last assertion. Nothing is written unless [`VARIABLE`] names a file, so that plain test
//! runs leave nothing behind, and no test can claim what it did not come by.

use std::io::Write;
use std::path::Path;

use domain::capability::PostType;
use domain::platform::Platform;
use serde::{Deserialize, Serialize};

/// The environment variable that names the file to append to.
pub const VARIABLE: &str = "BROADSIDE_PROOFS";

/// What was shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Shown {
    /// What was stored of a post of this kind is what was asked for.
    Stored(PostType),
    /// What was stored of this setting is what was asked for. The name is the one that the post carried.
    Setting(String),
    /// An answer was classified by this row of the error map. The name is that of the row.
    ErrorRow(String),
    /// The posts met by this fault ended as they may. The word is the fault's.
    Fault(String),
}

/// One line of the file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Of which platform.
    pub platform: Platform,
    /// What.
    pub shown: Shown,
}

/// Appends a proof to the file that [`VARIABLE`] names, if it names one.
///
/// # Panics
/// When that file cannot be written: the test that has something to show fails.
#[expect(
    clippy::expect_used,
    reason = "called by tests only; a proof that is lost must be noticed"
)]
pub fn note(platform: Platform, shown: Shown) {
    if let Some(file) = std::env::var_os(VARIABLE) {
        append(Path::new(&file), &Proof { platform, shown }).expect("the file of proofs can be written");
    }
}

fn append(file: &Path, proof: &Proof) -> std::io::Result<()> {
    let mut line = serde_json::to_vec(proof)?;
    line.push(b'\n');
    // One write, so that lines of several processes do not mix.
    std::fs::File::options()
        .append(true)
        .create(true)
        .open(file)?
        .write_all(&line)
}
