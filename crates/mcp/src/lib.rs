//! The tools of the PostPost API for programs that speak the Model Context Protocol (modelcontextprotocol.io).
//!
//! What must stay true: a tool is a request to the REST API and nothing else. Who may do what, what is valid and what an
//! error says is decided there, once; this crate translates arguments into a request and an answer into a result. It
//! reaches the API through an [`Upstream`], so the same tools serve a router in this process and a server far away.

mod arguments;
mod catalogue;
mod door;
mod http;
mod indent;
mod outcome;
mod sessions;
mod upstream;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use catalogue::{Catalogue, Refused, names_of_later_tools};
pub use door::{StdioEnded, serve_stdio};
pub use http::{Parts, routes};
pub use upstream::{ANSWER_BYTES_MAX, Answer, Ask, CLIENT_HEADER, InProcess, KEY_HEADER, Unreachable, Upstream};
