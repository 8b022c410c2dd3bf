//! Values as JavaScript sees them. The original validates by truthiness and by `String(x)`; so a body is read into
//! these first and judged afterwards, instead of being refused by a stricter parser with other words.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// An object as it was sent.
pub(super) type Object = serde_json::Map<String, serde_json::Value>;

/// A JSON value, or none at all.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Js<'a> {
    /// The key is absent.
    #[default]
    Missing,
    /// `null`.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number.
    Number(serde_json::Number),
    /// A text.
    Text(Cow<'a, str>),
    /// An array.
    List(Vec<Js<'a>>),
    /// An object.
    Object(Object),
}

impl Js<'_> {
    /// Whether the original takes it for given.
    pub(super) fn is_truthy(&self) -> bool {
        match self {
            Self::Missing | Self::Null => false,
            Self::Bool(value) => *value,
            Self::Number(number) => number.as_f64() != Some(0.0),
            Self::Text(text) => !text.is_empty(),
            Self::List(_) | Self::Object(_) => true,
        }
    }

    /// What `String(x)` makes of it.
    pub(super) fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Missing => Cow::Borrowed("undefined"),
            Self::Null => Cow::Borrowed("null"),
            Self::Bool(value) => Cow::Borrowed(if *value { "true" } else { "false" }),
            // To JavaScript 1.0 is 1; from 10^21 on it writes exponents.
            Self::Number(number) => Cow::Owned(match number.as_f64() {
                Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e21 => {
                    format!("{:.0}", float + 0.0)
                }
                _ => number.to_string(),
            }),
            Self::Text(text) => Cow::Borrowed(text),
            Self::List(items) => Cow::Owned(items.iter().map(Self::in_list).collect::<Vec<_>>().join(",")),
            Self::Object(_) => Cow::Borrowed("[object Object]"),
        }
    }

    /// An element of a list that becomes text: nothing is written for nothing.
    fn in_list(&self) -> Cow<'_, str> {
        match self {
            Self::Null | Self::Missing => Cow::Borrowed(""),
            other => other.to_text(),
        }
    }
}

/// `String.prototype.trim`: Unicode's white space, but with the byte order mark and without NEL.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}')
}

/// `parseInt(text, 10)`: a sign and the digits at the start, whatever follows; `None` for NaN.
pub(super) fn parse_int(text: &str) -> Option<i64> {
    let text = trim(text);
    let (negative, digits) = match text.as_bytes() {
        [b'-', ..] => (true, text.get(1..)?),
        [b'+', ..] => (false, text.get(1..)?),
        _ => (false, text),
    };
    let end = digits
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(digits.len());
    let digits = digits.get(..end).filter(|digits| !digits.is_empty())?;
    // Beyond what JavaScript counts exactly one number is as good as another.
    let number = digits.parse::<i64>().unwrap_or(INTEGER_MAX).min(INTEGER_MAX);
    Some(if negative { -number } else { number })
}

/// `Number.MAX_SAFE_INTEGER`.
pub(super) const INTEGER_MAX: i64 = 9_007_199_254_740_991;

/// A body as parsers of JSON here can read it: without a byte order mark, which Express takes away, and with U+FFFD in
/// place of halves of surrogate pairs. JavaScript keeps such halves, and its database writes them as that.
pub(super) fn readable(body: Bytes) -> Bytes {
    readable_escapes(if body.starts_with(b"\xef\xbb\xbf") {
        body.slice(3..)
    } else {
        body
    })
}

/// The value of a text of JSON, as `JSON.parse` reads it.
///
/// # Errors
/// When it is no JSON.
pub(super) fn parsed(text: &str) -> Result<serde_json::Value, serde_json::Error> {
    serde_json::from_slice(&readable_escapes(Bytes::copy_from_slice(text.as_bytes())))
}

/// With U+FFFD in place of halves of surrogate pairs. Nearly no body escapes surrogates, and then it is not copied.
fn readable_escapes(body: Bytes) -> Bytes {
    if body.windows(3).any(|three| matches!(three, [b'\\', b'u', b'd' | b'D'])) {
        without_halves(body.to_vec()).into()
    } else {
        body
    }
}

fn without_halves(mut body: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    while let Some(byte) = body.get(at) {
        let unit = escaped(&body, at);
        at += match (byte, unit) {
            (_, Some(0xd800..=0xdbff)) if matches!(escaped(&body, at + 6), Some(0xdc00..=0xdfff)) => 12,
            (_, Some(0xd800..=0xdfff)) => {
                if let Some(digits) = body.get_mut(at + 2..at + 6) {
                    digits.copy_from_slice(b"fffd");
                }
                6
            }
            // The character after a backslash is no beginning of another escape.
            (b'\\', _) => 2,
            _ => 1,
        };
    }
    body
}

/// The UTF-16 unit of the escape `\\uXXXX` that begins here.
fn escaped(body: &[u8], at: usize) -> Option<u16> {
    let digits = body.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    u16::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| is_hex)?, 16).ok()
}

/// The values of the keys in `names` of the object in `body`; other keys are read over, the last of equal keys counts.
/// An empty body is an empty object, and so is an array: neither has these keys.
///
/// # Errors
/// When the body is neither, or no JSON in UTF-8.
pub(super) fn fields<'a, const N: usize>(body: &'a [u8], names: &[&str; N]) -> Result<[Js<'a>; N], serde_json::Error> {
    if body.is_empty() {
        return Ok(std::array::from_fn(|_| Js::Missing));
    }
    // Texts that are read over are not looked at by the parser, so the whole is looked at first.
    let text = std::str::from_utf8(body).map_err(serde_json::Error::custom)?;
    let mut parser = serde_json::Deserializer::from_str(text);
    let found = Fields { names }.deserialize(&mut parser)?;
    parser.end()?;
    Ok(found)
}

struct Fields<'n, const N: usize> {
    names: &'n [&'n str; N],
}

impl<'de, const N: usize> DeserializeSeed<'de> for Fields<'_, N> {
    type Value = [Js<'de>; N];
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Fields<'_, N> {
    type Value = [Js<'de>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = std::array::from_fn(|_| Js::Missing);
        while let Some(index) = map.next_key_seed(Key { names: self.names })? {
            match index.and_then(|index| found.get_mut(index)) {
                Some(place) => *place = map.next_value()?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(std::array::from_fn(|_| Js::Missing))
    }
}

/// Which of the names a key is.
struct Key<'n> {
    names: &'n [&'n str],
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(self.names.iter().position(|name| *name == key))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Js<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any).map(|value: Js<'de>| value)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Js<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Js<'de>, E> {
        Ok(Js::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Js<'de>, E> {
        Ok(Js::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Js<'de>, E> {
        Ok(Js::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Js<'de>, E> {
        Ok(Js::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Js<'de>, E> {
        Ok(serde_json::Number::from_f64(value).map_or(Js::Null, Js::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Js<'de>, E> {
        Ok(Js::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Js<'de>, E> {
        Ok(Js::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Js<'de>, E> {
        Ok(Js::Text(Cow::Owned(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Js<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Js::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Js<'de>, A::Error> {
        let mut object = Object::new();
        while let Some((key, value)) = map.next_entry::<String, serde_json::Value>()? {
            object.insert(key, value);
        }
        Ok(Js::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn js(text: &str) -> Js<'_> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn truthiness_is_javascripts() {
        for falsy in ["null", "false", "0", "0.0", "-0", "\"\""] {
            assert!(!js(falsy).is_truthy(), "{falsy}");
        }
        for truthy in ["true", "1", "-1", "0.5", "\"0\"", "\" \"", "[]", "{}"] {
            assert!(js(truthy).is_truthy(), "{truthy}");
        }
        assert!(!Js::Missing.is_truthy());
    }

    #[test]
    fn texts_of_values_are_javascripts() {
        for (value, text) in [
            ("null", "null"),
            ("true", "true"),
            ("42", "42"),
            ("1.0", "1"),
            ("-0.0", "0"),
            ("1.5", "1.5"),
            ("\"a\"", "a"),
            ("{\"a\":1}", "[object Object]"),
            ("[\"a\",null,[1,2]]", "a,,1,2"),
        ] {
            assert_eq!(js(value).to_text(), text);
        }
    }

    #[test]
    fn parse_int_takes_the_digits_at_the_start() {
        for (text, number) in [
            ("12abc", Some(12)),
            (" 7 ", Some(7)),
            ("-5", Some(-5)),
            ("+5", Some(5)),
            ("1.9", Some(1)),
            ("1e3", Some(1)),
            ("007", Some(7)),
            ("", None),
            ("abc", None),
            ("-", None),
            ("99999999999999999999", Some(INTEGER_MAX)),
        ] {
            assert_eq!(parse_int(text), number, "{text}");
        }
    }

    #[test]
    fn trim_is_javascripts() {
        assert_eq!(trim("\u{feff} \t\n\u{2003}a b\u{a0}"), "a b");
        assert_eq!(trim("\u{85}"), "\u{85}");
    }

    #[test]
    fn halves_of_surrogate_pairs_are_replaced_and_pairs_are_not() {
        let read = |body: &'static str| {
            let body = readable(Bytes::from_static(body.as_bytes()));
            let [a] = fields(&body, &["a"]).unwrap();
            a.to_text().into_owned()
        };
        for (body, text) in [
            (r#"{"a":"x\ud83dy"}"#, "x\u{fffd}y"),
            (r#"{"a":"\uDE00"}"#, "\u{fffd}"),
            (r#"{"a":"\ud83d\ud83d\ude00"}"#, "\u{fffd}\u{1f600}"),
            (r#"{"a":"\ud83d\u0041"}"#, "\u{fffd}A"),
            (r#"{"a":"\\ud83d"}"#, r"\ud83d"),
            (r#"{"a":"\ud83d"}"#, "\u{fffd}"),
            ("\u{feff}{\"a\":\"b\"}", "b"),
        ] {
            assert_eq!(read(body), text, "{body}");
        }
        assert_eq!(readable(Bytes::from_static(b"\\ud8")), b"\\ud8".as_slice());
        assert_eq!(parsed(r#"["\ud83d"]"#).unwrap(), serde_json::json!(["\u{fffd}"]));
        assert!(parsed("\u{feff}[]").is_err(), "a text is no body");
    }

    #[test]
    fn the_last_of_equal_keys_counts_and_other_keys_are_read_over() {
        let [a, b] = fields(br#"{"a":1,"z":{"a":[9]},"a":"2","":null}"#, &["a", "b"]).unwrap();
        assert_eq!((a, b), (Js::Text("2".into()), Js::Missing));
    }

    #[test]
    fn an_empty_body_and_an_array_have_no_keys() {
        for body in ["", "[]", "[{\"a\":1}]"] {
            assert_eq!(fields(body.as_bytes(), &["a"]).unwrap(), [Js::Missing], "{body}");
        }
    }

    #[test]
    fn what_is_no_object_in_utf8_is_refused() {
        for body in [
            &b"7"[..],
            b"null",
            b"\"a\"",
            b"{\"a\":",
            b"{}{}",
            b"{'a':1}",
            b"{\"z\":\"\xff\"}",
            b" ",
            b"{\"a\":1,}",
        ] {
            assert!(fields(body, &["a"]).is_err(), "{body:?}");
        }
        let deep = format!("{{\"a\":{}", "[".repeat(5_000));
        assert!(fields(deep.as_bytes(), &["a"]).is_err());
        let deep_elsewhere = format!("{{\"z\":{}", "[".repeat(500_000));
        assert!(fields(deep_elsewhere.as_bytes(), &["a"]).is_err());
    }
}
