//! Links the program so that it takes little memory.

use std::env::var;
use std::process::Command;

/// The first glibc that starts programs with packed relocations.
const PACKED_SINCE: (u32, u32) = (2, 36);

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // A list of addresses that stays in memory for as long as the program runs: 900 KB, or 13 when it is packed. Only where
    // the program will run on the machine that builds it, or on one as new.
    let is_here = var("HOST").ok() == var("TARGET").ok() && var("CARGO_CFG_TARGET_ENV").is_ok_and(|libc| libc == "gnu");
    if is_here && glibc().is_some_and(|version| version >= PACKED_SINCE) {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// The version of this machine's C library, when that is glibc: `glibc 2.36`.
fn glibc() -> Option<(u32, u32)> {
    let told = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let told = String::from_utf8(told.stdout).ok()?;
    let (major, minor) = told.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
