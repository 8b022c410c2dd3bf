//! The checks that run against the real binary, as the default tests run them.

#[cfg(test)]
mod product;
