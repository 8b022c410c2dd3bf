//! JSON with two spaces an indent, as people read it, with its keys in the order in which they came.

/// Lays valid JSON out anew: what JavaScript's `JSON.stringify(value, null, 2)` gives. Strings and numbers stay as they
/// are written.
pub(crate) fn indented(json: &str) -> String {
    let mut out = String::with_capacity(json.len().saturating_mul(2));
    let mut depth = 0_usize;
    let mut characters = json.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' => {
                out.push('"');
                copy_string(&mut characters, &mut out);
            }
            '{' | '[' => {
                while characters.next_if(char::is_ascii_whitespace).is_some() {}
                out.push(character);
                if let Some(close) = characters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(close);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(',');
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            space if space.is_ascii_whitespace() => {}
            other => out.push(other),
        }
    }
    out
}

/// Copies a string to its end, the closing quotation mark included.
fn copy_string(characters: &mut impl Iterator<Item = char>, out: &mut String) {
    while let Some(character) = characters.next() {
        out.push(character);
        match character {
            '\\' => out.extend(characters.next()),
            '"' => return,
            _ => {}
        }
    }
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::indented;

    #[test]
    fn it_looks_as_javascript_would_print_it() {
        let compact = r#"{"z":1,"a":[{"b":"x, {y}: [\"\\"},[],{}],"n":null,"e":1e3}"#;
        let pretty = "{\n  \"z\": 1,\n  \"a\": [\n    {\n      \"b\": \"x, {y}: [\\\"\\\\\"\n    },\n    [],\n    {}\n  ],\n  \"n\": null,\n  \"e\": 1e3\n}";
        assert_eq!(indented(compact), pretty);
        assert_eq!(indented(pretty), pretty);
        assert_eq!(indented("[ ]"), "[]");
        assert_eq!(indented("\"a:b\""), "\"a:b\"");
    }
}
