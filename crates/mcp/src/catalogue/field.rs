//! What a tool takes: arguments, their kinds, and where each stands in the request.

use serde_json::{Value, json};

/// An argument.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    about: &'static str,
    pub(crate) kind: Kind,
    pub(crate) place: Place,
    pub(crate) required: bool,
}

/// What an argument may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text.
    Text,
    /// A list of texts.
    Texts,
    /// A number.
    Number,
    /// One of these words.
    Word(&'static [&'static str]),
    /// The first and the last day of a span of time.
    Dates,
    /// Posts, each with the three texts that name it.
    Posts,
    /// A file that a chat program hands over.
    File,
}

/// Where an argument stands in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the path, in place of its name.
    Path,
    /// In the query.
    Query,
    /// In the body.
    Body,
}

/// The members of each of [`Kind::Posts`].
pub(crate) const POST_MEMBERS: [&str; 3] = ["platform", "platformId", "postedId"];
/// The members of [`Kind::Dates`].
pub(crate) const DATES: [&str; 2] = ["start", "end"];
/// The members of each of [`DATES`].
pub(crate) const DATE_MEMBERS: [&str; 3] = ["year", "month", "day"];
/// The members of [`Kind::File`]; the first two are required.
pub(crate) const FILE_MEMBERS: [&str; 4] = ["download_url", "file_id", "mime_type", "file_name"];

impl Field {
    const fn new(name: &'static str, kind: Kind, about: &'static str) -> Self {
        Self {
            name,
            about,
            kind,
            place: Place::Body,
            required: true,
        }
    }

    pub(super) const fn text(name: &'static str, about: &'static str) -> Self {
        Self::new(name, Kind::Text, about)
    }

    pub(super) const fn texts(name: &'static str, about: &'static str) -> Self {
        Self::new(name, Kind::Texts, about)
    }

    pub(super) const fn number(name: &'static str, about: &'static str) -> Self {
        Self::new(name, Kind::Number, about)
    }

    pub(super) const fn word(name: &'static str, words: &'static [&'static str], about: &'static str) -> Self {
        Self::new(name, Kind::Word(words), about)
    }

    pub(super) const fn dates(name: &'static str, about: &'static str) -> Self {
        Self::new(name, Kind::Dates, about)
    }

    pub(super) const fn posts(name: &'static str, about: &'static str) -> Self {
        Self::new(name, Kind::Posts, about)
    }

    pub(super) const fn file(name: &'static str, about: &'static str) -> Self {
        Self::new(name, Kind::File, about)
    }

    pub(super) const fn in_path(mut self) -> Self {
        self.place = Place::Path;
        self
    }

    pub(super) const fn in_query(mut self) -> Self {
        self.place = Place::Query;
        self
    }

    pub(super) const fn optional(mut self) -> Self {
        self.required = false;
        self
    }

    /// The JSON Schema of this argument.
    pub(super) fn schema(&self) -> Value {
        let mut schema = self.kind.schema();
        if let Value::Object(members) = &mut schema {
            members.insert("description".to_owned(), json!(self.about));
        }
        schema
    }
}

impl Kind {
    fn schema(self) -> Value {
        let of = |members: &[&str], kind: &Value, required: &[&str]| {
            let properties: serde_json::Map<_, _> = members
                .iter()
                .map(|member| ((*member).to_owned(), kind.clone()))
                .collect();
            json!({"type": "object", "properties": properties, "required": required})
        };
        let (text, number) = (json!({"type": "string"}), json!({"type": "number"}));
        match self {
            Self::Text => text,
            Self::Number => number,
            Self::Texts => json!({"type": "array", "items": text}),
            Self::Word(words) => json!({"type": "string", "enum": words}),
            Self::Dates => of(&DATES, &of(&DATE_MEMBERS, &number, &DATE_MEMBERS), &DATES),
            Self::Posts => json!({"type": "array", "items": of(&POST_MEMBERS, &text, &POST_MEMBERS)}),
            Self::File => of(&FILE_MEMBERS, &text, FILE_MEMBERS.split_at(2).0),
        }
    }
}
