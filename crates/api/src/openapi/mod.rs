//! What the endpoints of a dialect take and answer: one table, read by the router, by the OpenAPI document and by the
//! reference page at `/docs`.
//!
//! An endpoint cannot be mounted without its [`Doc`]: [`Endpoint`]'s constructors ask for one, and routers are made of
//! endpoints alone ([`mount`]). To add an operation, write its handler, a [`Doc`] beside it, and one line in the table of
//! the dialect. Schemas of answers come from the types that are answered ([`schemars`]); what is asked for is described by
//! [`Field`]s, since dialects read requests more leniently than their documents say.

mod document;
mod endpoint;
pub(crate) mod page;
mod schema;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use document::document;
pub(crate) use endpoint::{Endpoint, mount};
pub(crate) use schema::{Id, Instant, answer};

use axum::http::HeaderName;
use schemars::{Schema, SchemaGenerator};

/// Gives the schema of a type; see [`answer`].
pub(crate) type Shape = fn(&mut SchemaGenerator) -> Schema;

/// A dialect as its document introduces it.
#[derive(Debug)]
pub(crate) struct About {
    /// Its name.
    pub(crate) title: &'static str,
    /// What it is and how it is used, in a few sentences.
    pub(crate) words: &'static str,
    /// The version of its API.
    pub(crate) version: &'static str,
    /// The prefix under which it is mounted.
    pub(crate) prefix: &'static str,
    /// Headers that carry the key; the first is the one that the document names.
    pub(crate) key_headers: &'static [HeaderName],
    /// Headers that every operation with a key takes.
    pub(crate) headers: &'static [Field],
    /// What the caller is refused with before anything is done: status and texts.
    pub(crate) refusals: &'static [Refusals],
    /// What an operation that reads a body may answer besides.
    pub(crate) body_refusals: &'static [Refusals],
    /// What a refusal looks like.
    pub(crate) refusal: Shape,
}

/// A status and the texts that come with it.
pub(crate) type Refusals = (u16, &'static [&'static str]);

/// What an operation takes and answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doc {
    /// Under which heading it stands.
    pub(crate) tag: &'static str,
    /// What it does, in a few words without a full stop.
    pub(crate) summary: &'static str,
    /// What else there is to know.
    pub(crate) words: &'static str,
    /// The segments of its path that stand in braces; those without a word here are plain texts.
    pub(crate) path: &'static [Field],
    /// Headers of its own.
    pub(crate) headers: &'static [Field],
    /// The parameters of its query.
    pub(crate) query: &'static [Field],
    /// The keys of its JSON body.
    pub(crate) body: &'static [Field],
    /// How the body is encoded: JSON, unless an operation is written as `Doc { body_type: "multipart/form-data", ..Doc::new(…) }`.
    pub(crate) body_type: &'static str,
    /// What it answers when it succeeds.
    pub(crate) answers: &'static [(u16, Shape)],
    /// What it answers when it does not, besides what every operation may answer.
    pub(crate) errors: &'static [Refusals],
    /// Whether anybody may ask, without a key.
    pub(crate) open: bool,
}

impl Doc {
    /// An operation that takes nothing. Each of the other methods adds one thing.
    pub(crate) const fn new(tag: &'static str, summary: &'static str, answers: &'static [(u16, Shape)]) -> Self {
        Self {
            tag,
            summary,
            words: "",
            path: &[],
            headers: &[],
            query: &[],
            body: &[],
            body_type: "application/json",
            answers,
            errors: &[],
            open: false,
        }
    }

    pub(crate) const fn words(mut self, words: &'static str) -> Self {
        self.words = words;
        self
    }

    pub(crate) const fn path(mut self, path: &'static [Field]) -> Self {
        self.path = path;
        self
    }

    pub(crate) const fn headers(mut self, headers: &'static [Field]) -> Self {
        self.headers = headers;
        self
    }

    pub(crate) const fn query(mut self, query: &'static [Field]) -> Self {
        self.query = query;
        self
    }

    pub(crate) const fn body(mut self, body: &'static [Field]) -> Self {
        self.body = body;
        self
    }

    pub(crate) const fn errors(mut self, errors: &'static [Refusals]) -> Self {
        self.errors = errors;
        self
    }

    /// Anybody may ask.
    pub(crate) const fn open(mut self) -> Self {
        self.open = true;
        self
    }
}

/// A parameter, a header, or a key of a body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
    /// The regular expression that the text, or each text of the list, is like; empty for any.
    pub(crate) form: &'static str,
    pub(crate) words: &'static str,
}

/// The form of an id.
pub(crate) const ID: &str = "^[0-9a-f]{24}$";
/// The form of a text that is not blank.
pub(crate) const NOT_BLANK: &str = r"\S";

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// A text.
    Text,
    /// An instant.
    Time,
    /// A whole number between these two.
    Integer(i64, i64),
    /// True or false.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of so many (least, most) texts.
    Texts(u32, u32),
    /// A list of so many (least, most) of these words.
    Words(u32, u32, &'static [&'static str]),
    /// A list of so many (least, most) objects with these keys.
    Objects(u32, u32, &'static [Field]),
    /// A file, in a form.
    File,
    /// An object with these keys.
    Object(&'static [Field]),
}

impl Field {
    /// A field that may be left out.
    pub(crate) const fn new(name: &'static str, kind: Kind, words: &'static str) -> Self {
        Self {
            name,
            kind,
            required: false,
            form: "",
            words,
        }
    }

    /// The same, but its text, or each of its texts, is like this regular expression.
    pub(crate) const fn form(mut self, form: &'static str) -> Self {
        self.form = form;
        self
    }

    /// The same, but it must be given.
    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }
}
