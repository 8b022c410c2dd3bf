//! Secrets, in a program of their own: the subscriber that listens to everything is the whole process's.
#![expect(dead_code, reason = "the world has more in it than this program needs")]

#[cfg(test)]
#[path = "../it/browser.rs"]
mod browser;
#[cfg(test)]
mod run;
#[cfg(test)]
#[path = "../it/world/mod.rs"]
mod world;
