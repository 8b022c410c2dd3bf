//! The engine against the sandbox, in one process and on one clock: no HTTP of ours is involved.

mod crash_matrix;
mod readme;
mod scenarios;
mod secrets;
mod world;
