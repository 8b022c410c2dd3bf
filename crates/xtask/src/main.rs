//! `cargo xtask`: checks and measurements of this repository.

use std::process::ExitCode;

/// Small, short-lived pieces are most of what a request allocates; the system's allocator took a tenth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    xtask::main().await
}
