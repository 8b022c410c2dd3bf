//! The program; everything is in the library, where tests reach it.

/// Small, short-lived pieces are most of what a request allocates; the system's allocator took a tenth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    broadside::cli::main()
}
