//! The program as its users run it: the real binary, real processes, real files. One test binary, so that it is linked
//! once; a new theme is a new module here.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod demo;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod help;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod mcp;
#[cfg(test)]
mod migrate;
#[cfg(test)]
mod readme;
#[cfg(test)]
mod sabotage;
#[cfg(test)]
mod serve;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod users;
#[cfg(test)]
mod world;
