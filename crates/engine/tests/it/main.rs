//! The engine against the sandbox, in one process and on one clock: no HTTP of ours is involved.

#[cfg(test)]
mod crash_matrix;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod world;
