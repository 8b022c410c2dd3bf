//! Request bodies as fields: JSON objects, URL-encoded forms and multipart alike.

use axum::body::Bytes;
use serde_json::Value;

use crate::call::Call;

/// A file of a multipart body.
#[derive(Debug, Clone)]
pub(crate) struct FilePart {
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
}

/// The fields of a request, the query's first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields {
    values: Vec<(String, Value)>,
    files: Vec<FilePart>,
}

/// A body that is not what its content type says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

impl Fields {
    /// Reads query and body.
    pub(crate) fn of(call: &Call) -> Result<Self, Unreadable> {
        let mut fields = Self::default();
        for (name, value) in &call.query {
            fields.values.push((name.clone(), Value::String(value.clone())));
        }
        let mime = call.mime();
        let essence = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match essence.as_str() {
            "application/json" if !call.body.is_empty() => match serde_json::from_slice(&call.body) {
                Ok(Value::Object(object)) => fields.values.extend(object),
                _ => return Err(Unreadable),
            },
            "application/x-www-form-urlencoded" => {
                for (name, value) in url::form_urlencoded::parse(&call.body) {
                    fields
                        .values
                        .push((name.into_owned(), Value::String(value.into_owned())));
                }
            }
            "multipart/form-data" => fields.read_multipart(mime, &call.body)?,
            _ => {}
        }
        Ok(fields)
    }

    fn read_multipart(&mut self, mime: &str, body: &Bytes) -> Result<(), Unreadable> {
        let boundary = parameter(mime, "boundary").ok_or(Unreadable)?;
        let opening = format!("--{boundary}");
        let between = format!("\r\n--{boundary}");
        let mut at = find(body, opening.as_bytes(), 0).ok_or(Unreadable)? + opening.len();
        loop {
            let rest = body.get(at..).ok_or(Unreadable)?;
            if rest.starts_with(b"--") {
                return Ok(());
            }
            if !rest.starts_with(b"\r\n") {
                return Err(Unreadable);
            }
            let head_end = find(body, b"\r\n\r\n", at).ok_or(Unreadable)?;
            let head = body.get(at + 2..head_end.max(at + 2)).ok_or(Unreadable)?;
            let content_at = head_end + 4;
            let end = find(body, between.as_bytes(), content_at).ok_or(Unreadable)?;
            self.add_part(&String::from_utf8_lossy(head), body.slice(content_at..end))?;
            at = end + between.len();
        }
    }

    fn add_part(&mut self, head: &str, bytes: Bytes) -> Result<(), Unreadable> {
        let disposition = head
            .split("\r\n")
            .find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))
            .ok_or(Unreadable)?;
        let name = parameter(disposition, "name").ok_or(Unreadable)?;
        if parameter(disposition, "filename").is_some() {
            self.files.push(FilePart { name, bytes });
        } else {
            let text = String::from_utf8(bytes.to_vec()).map_err(|_| Unreadable)?;
            self.values.push((name, Value::String(text)));
        }
        Ok(())
    }

    /// Sets a field, whatever came.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.values.push((name.to_owned(), Value::String(value.to_owned())));
    }

    /// The value of a field as it came.
    pub(crate) fn raw(&self, name: &str) -> Option<&Value> {
        self.values
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
            .filter(|value| !value.is_null())
    }

    /// The value of a field as it came, where null is a value too.
    pub(crate) fn raw_or_null(&self, name: &str) -> Option<&Value> {
        self.values
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    /// The names of all fields.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(|(name, _)| name.as_str())
    }

    /// A field as text; numbers and truth values are written out, objects as JSON.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.raw(name).map(plain)
    }

    /// A field as JSON; text that holds JSON is read.
    pub(crate) fn json(&self, name: &str) -> Option<Value> {
        match self.raw(name)? {
            Value::String(text) => serde_json::from_str(text).ok(),
            other => Some(other.clone()),
        }
    }

    /// Whether a field says yes.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.text(name)
            .is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "true" | "1" | "on" | "yes"))
    }

    /// All values of a list: a JSON array, or `name[]`, `name[0]` of a form, whose numbers say the order.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let index = |key: &str| {
            let rest = key.strip_prefix(name)?.strip_prefix('[')?;
            Some(rest.strip_suffix(']')?.parse::<usize>().ok())
        };
        let mut list: Vec<(Option<usize>, String)> = Vec::new();
        for (key, value) in &self.values {
            match (index(key), value) {
                (None, Value::Array(items)) if key == name => list.extend(items.iter().map(|item| (None, plain(item)))),
                (Some(at), value) => list.push((at, plain(value))),
                _ => {}
            }
        }
        list.sort_by_key(|(at, _)| *at);
        list.into_iter().map(|(_, value)| value).collect()
    }

    /// The file of this name.
    pub(crate) fn file(&self, name: &str) -> Option<&FilePart> {
        self.files.iter().find(|file| file.name == name)
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A parameter of a header, with or without quotes.
fn parameter(header: &str, name: &str) -> Option<String> {
    for piece in header.split(';').skip(1) {
        if let Some((key, value)) = piece.trim().split_once('=')
            && key.trim().eq_ignore_ascii_case(name)
        {
            return Some(value.trim().trim_matches('"').to_owned());
        }
    }
    None
}

/// Where `needle` begins in `bytes`, looking from `from` on.
fn find(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    let first = *needle.first()?;
    let mut at = from;
    loop {
        let rest = bytes.get(at..)?;
        at += rest.iter().position(|byte| *byte == first)?;
        if bytes.get(at..)?.starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(mime: &str, body: &str) -> Call {
        let mut headers = hyper::HeaderMap::new();
        headers.insert("content-type", mime.parse().unwrap());
        Call {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            query: vec![("q".to_owned(), "1".to_owned())],
            headers,
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    #[test]
    fn the_three_kinds_of_body_give_the_same_fields() {
        let json = Fields::of(&call("application/json", r#"{"a":"x y","l":["1","2"],"n":3}"#)).unwrap();
        let form = Fields::of(&call("application/x-www-form-urlencoded", "a=x+y&l[]=1&l[]=2&n=3")).unwrap();
        let multipart = "--B\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx y\r\n--B\r\n\
            Content-Disposition: form-data; name=\"l[0]\"\r\n\r\n1\r\n--B\r\nContent-Disposition: form-data; \
            name=\"l[1]\"\r\n\r\n2\r\n--B\r\ncontent-disposition: form-data; name=\"n\"\r\n\r\n3\r\n--B\r\n\
            Content-Disposition: form-data; name=\"f\"; filename=\"f.bin\"\r\nContent-Type: x/y\r\n\r\n\r\n-\r\n--B--\r\n";
        let multipart = Fields::of(&call("multipart/form-data; boundary=B", multipart)).unwrap();
        for fields in [&json, &form, &multipart] {
            assert_eq!(fields.text("a").as_deref(), Some("x y"));
            assert_eq!(fields.list("l"), ["1", "2"]);
            assert_eq!(fields.text("n").as_deref(), Some("3"));
            assert_eq!(fields.text("q").as_deref(), Some("1"));
        }
        assert_eq!(multipart.file("f").unwrap().bytes.as_ref(), b"\r\n-");
    }

    #[test]
    fn a_broken_body_is_told_apart() {
        assert_eq!(Fields::of(&call("application/json", "{")).unwrap_err(), Unreadable);
        assert_eq!(
            Fields::of(&call("multipart/form-data; boundary=B", "--B\r\nx")).unwrap_err(),
            Unreadable
        );
    }
}
