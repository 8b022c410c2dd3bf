//! The broadside binary: configuration, wiring and command line.
//!
//! This is the one crate that puts the others together, and the only one that reads the environment, starts threads of
//! its own accord, or asks the system for the time.

pub mod admin;
#[cfg(any(debug_assertions, feature = "chaos"))]
pub mod chaos;
pub mod cli;
pub mod clock;
pub mod config;
#[cfg(feature = "sandbox")]
pub mod demo;
#[cfg(feature = "sandbox")]
pub mod fixtures;
mod logging;
#[cfg(any(debug_assertions, feature = "chaos"))]
pub mod sabotage;
pub mod wiring;
