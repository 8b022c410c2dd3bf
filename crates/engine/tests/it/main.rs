//! The engine against the sandbox, in one process and on one clock: no HTTP of ours is involved.

#[cfg(test)]
mod abroad;
#[cfg(test)]
mod accounts;
#[cfg(test)]
mod actions;
#[cfg(test)]
mod browser;
#[cfg(test)]
mod budgets;
#[cfg(test)]
mod care;
#[cfg(test)]
mod comments;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod crash_matrix;
#[cfg(test)]
mod crowds;
#[cfg(test)]
mod derivatives;
#[cfg(test)]
mod doubts;
#[cfg(test)]
mod films;
#[cfg(test)]
mod looks;
#[cfg(test)]
mod quota_day;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod refresh_crashes;
#[cfg(test)]
mod refreshes;
#[cfg(test)]
mod retracting;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod threads;
#[cfg(test)]
mod twins;
#[cfg(test)]
mod uploads;
#[cfg(test)]
mod webhooks;
#[cfg(test)]
mod world;
