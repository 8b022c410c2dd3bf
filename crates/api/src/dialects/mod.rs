//! The wire protocols: each a folder with its own routes, wire types, mapping and errors, all over the same engine.

pub mod postpost;
