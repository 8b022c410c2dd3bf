//! `cargo xtask`: checks and measurements of this repository.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    xtask::main().await
}
