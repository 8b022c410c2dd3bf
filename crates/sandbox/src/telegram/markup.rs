//! Text with markup: `parse_mode=HTML` or a list of entities, down to plain text.

use serde_json::{Value, json};

use super::bad_request;
use crate::answer::Answer;
use crate::form::Fields;
use crate::text::utf16;

/// Plain text with its entities, offsets in UTF-16 code units.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Marked {
    pub(super) text: String,
    pub(super) entities: Vec<Value>,
}

/// Reads the text in the field `text_field` with what `entities_field` or `parse_mode` say about it.
pub(super) fn read(fields: &Fields, text_field: &str, entities_field: &str) -> Result<Marked, Answer> {
    let text = fields.text(text_field).unwrap_or_default();
    let entities = fields.json(entities_field).and_then(|value| value.as_array().cloned());
    marked(&text, fields.text("parse_mode").as_deref(), entities)
}

/// Applies a parse mode or checks given entities.
pub(super) fn marked(text: &str, parse_mode: Option<&str>, entities: Option<Vec<Value>>) -> Result<Marked, Answer> {
    let mut marked = match (parse_mode.filter(|mode| !mode.is_empty()), entities) {
        (Some(mode), _) if mode.eq_ignore_ascii_case("html") => Html::parse(text)?,
        (Some(_), _) => return Err(bad_request("unsupported parse_mode")),
        (None, entities) => Marked {
            text: text.to_owned(),
            entities: entities.unwrap_or_default(),
        },
    };
    let whole = utf16(&marked.text);
    for entity in &marked.entities {
        let number = |name: &str| {
            entity
                .get(name)
                .and_then(Value::as_u64)
                .and_then(|n| usize::try_from(n).ok())
        };
        let (Some(offset), Some(length), Some(_)) = (number("offset"), number("length"), entity.get("type")) else {
            return Err(bad_request("can't parse MessageEntity"));
        };
        if length == 0 || offset + length > whole {
            return Err(bad_request("can't parse entities: entity lies outside of the text"));
        }
    }
    let kept = marked.text.trim_end().len();
    marked.text.truncate(kept);
    Ok(marked)
}

struct Html {
    text: String,
    units: usize,
    entities: Vec<Value>,
    open: Vec<(String, usize, Value)>,
}

impl Html {
    fn parse(source: &str) -> Result<Marked, Answer> {
        let mut html = Self {
            text: String::new(),
            units: 0,
            entities: Vec::new(),
            open: Vec::new(),
        };
        let mut at = 0;
        while let Some(letter) = source.get(at..).and_then(|rest| rest.chars().next()) {
            let rest = source.get(at..).unwrap_or_default();
            match letter {
                '<' => {
                    let end = rest
                        .find('>')
                        .ok_or_else(|| unparsable(&format!("unclosed start tag at byte offset {at}")))?;
                    html.tag(rest.get(1..end).unwrap_or_default(), at)?;
                    at += end + 1;
                }
                '&' => {
                    let (letter, length) = character(rest);
                    html.push(letter);
                    at += length;
                }
                letter => {
                    html.push(letter);
                    at += letter.len_utf8();
                }
            }
        }
        match html.open.pop() {
            Some((name, ..)) => Err(unparsable(&format!(
                "can't find end tag corresponding to start tag \"{name}\""
            ))),
            None => Ok(Marked {
                text: html.text,
                entities: html.entities,
            }),
        }
    }

    fn push(&mut self, letter: char) {
        self.text.push(letter);
        self.units += letter.len_utf16();
    }

    fn tag(&mut self, tag: &str, at: usize) -> Result<(), Answer> {
        if let Some(name) = tag.strip_prefix('/') {
            let name = name.trim().to_ascii_lowercase();
            let Some((open, offset, mut entity)) = self.open.pop().filter(|(open, ..)| *open == name) else {
                return Err(unparsable(&format!("unmatched end tag at byte offset {at}")));
            };
            let length = self.units - offset;
            if let (Some(object), true) = (entity.as_object_mut(), length > 0 && !open.is_empty()) {
                object.insert("offset".to_owned(), json!(offset));
                object.insert("length".to_owned(), json!(length));
                self.entities.push(entity);
            }
            return Ok(());
        }
        let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
        let name = name.to_ascii_lowercase();
        let entity = match name.as_str() {
            "b" | "strong" => json!({ "type": "bold" }),
            "i" | "em" => json!({ "type": "italic" }),
            "u" | "ins" => json!({ "type": "underline" }),
            "s" | "strike" | "del" => json!({ "type": "strikethrough" }),
            "tg-spoiler" => json!({ "type": "spoiler" }),
            "span" if attribute(attributes, "class").as_deref() == Some("tg-spoiler") => json!({ "type": "spoiler" }),
            "code" => json!({ "type": "code" }),
            "pre" => json!({ "type": "pre" }),
            "blockquote" => json!({ "type": "blockquote" }),
            "a" => json!({ "type": "text_link", "url": attribute(attributes, "href").unwrap_or_default() }),
            _ => {
                return Err(unparsable(&format!(
                    "unsupported start tag \"{name}\" at byte offset {at}"
                )));
            }
        };
        self.open.push((name, self.units, entity));
        Ok(())
    }
}

fn unparsable(why: &str) -> Answer {
    bad_request(&format!("can't parse entities: {why}"))
}

fn attribute(attributes: &str, name: &str) -> Option<String> {
    let (_, rest) = attributes.split_once(&format!("{name}="))?;
    let quote = rest.chars().next().filter(|letter| *letter == '"' || *letter == '\'')?;
    let value = rest.get(1..)?.split(quote).next()?;
    let mut plain = String::new();
    let mut at = 0;
    while let Some(letter) = value.get(at..).and_then(|rest| rest.chars().next()) {
        let (letter, length) = if letter == '&' {
            character(value.get(at..).unwrap_or_default())
        } else {
            (letter, letter.len_utf8())
        };
        plain.push(letter);
        at += length;
    }
    Some(plain)
}

/// The character that an HTML entity at the start of `rest` stands for, and its length; a bare `&` is itself.
fn character(rest: &str) -> (char, usize) {
    for (entity, letter) in [("&lt;", '<'), ("&gt;", '>'), ("&amp;", '&'), ("&quot;", '"')] {
        if rest.starts_with(entity) {
            return (letter, entity.len());
        }
    }
    let numbered = rest
        .strip_prefix("&#")
        .and_then(|rest| rest.split_once(';'))
        .and_then(|(number, _)| {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            Some((char::from_u32(code)?, number.len() + 3))
        });
    numbered.unwrap_or(('&', 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_becomes_entities_counted_in_utf16() {
        let marked = marked(
            "🎈 <b>a &lt; <i>b</i></b> <a href=\"http://x.y/?a=1&amp;b\">l</a>",
            Some("HTML"),
            None,
        )
        .unwrap();
        assert_eq!(marked.text, "🎈 a < b l");
        assert_eq!(
            marked.entities,
            [
                json!({ "type": "italic", "offset": 7, "length": 1 }),
                json!({ "type": "bold", "offset": 3, "length": 5 }),
                json!({ "type": "text_link", "url": "http://x.y/?a=1&b", "offset": 9, "length": 1 }),
            ]
        );
    }

    #[test]
    fn broken_markup_is_refused() {
        for broken in ["<b>x", "x</b>", "<foo>x</foo>", "a < b", "<b><i>x</b></i>"] {
            assert_eq!(marked(broken, Some("HTML"), None).unwrap_err().status, 400, "{broken}");
        }
        assert!(marked("x", Some("Markdown"), None).is_err());
        let outside = vec![json!({ "type": "bold", "offset": 1, "length": 1 })];
        assert!(marked("x", None, Some(outside)).is_err());
    }
}
