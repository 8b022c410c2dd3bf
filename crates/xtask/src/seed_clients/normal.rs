//! What programs print, without what is different every time.

use std::sync::LazyLock;

use regex::Regex;

/// What is replaced, and what stands for it. The order matters: an instant holds digits, and so may an address.
static CHANGING: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let rules = [
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
        (r#"at://[^\s",]+"#, "<uri>"),
        (r"\b[0-9a-f]{24}\b", "<id>"),
        (r"\b\d{17,}\b", "<number>"),
        (r#""requestId":"[0-9a-f]+""#, "\"requestId\":\"<id>\""),
    ];
    let compiled = rules
        .into_iter()
        .filter_map(|(rule, word)| Some((Regex::new(rule).ok()?, word)));
    compiled.collect()
});

/// The text with ids, instants, the platforms' numbers and the server's address replaced by words.
pub(super) fn form(text: &str, base_url: &str) -> String {
    let mut text = text.replace("\r\n", "\n").replace(base_url, "<server>");
    for (rule, word) in CHANGING.iter() {
        text = rule.replace_all(&text, *word).into_owned();
    }
    text
}

/// The first line that is not as expected, with both sides; none if there is no such line.
pub(super) fn difference(expected: &str, printed: &str) -> Option<String> {
    let (mut left, mut right) = (expected.lines(), printed.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (left.next(), right.next()) {
            (None, None) => return None,
            (left, right) if left == right => {}
            (left, right) => {
                let shown = |line: Option<&str>| line.map_or_else(|| "nothing".to_owned(), |line| format!("{line:?}"));
                return Some(format!(
                    "line {number} is {}, expected was {}",
                    shown(right),
                    shown(left)
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_is_replaced_and_nothing_else() {
        let text = "01a204005872837a5273ff1a at 2026-11-22T16:04:26.123Z on http://127.0.0.1:4000/x: 109000000000000001\r\n\
                    at://did:plc:a/app.bsky.feed.post/3n2vpmgtbnapv 401 sk_wrong_00000000.00";
        assert_eq!(
            form(text, "http://127.0.0.1:4000"),
            "<id> at <time> on <server>/x: <number>\n<uri> 401 sk_wrong_00000000.00"
        );
        assert_eq!(CHANGING.len(), 5, "every rule compiles");
    }

    #[test]
    fn the_first_line_that_differs_is_told() {
        assert_eq!(difference("a\nb\n", "a\nb"), None);
        let told = |left, right| difference(left, right).unwrap();
        assert_eq!(told("a\nb", "a\nc\nd"), "line 2 is \"c\", expected was \"b\"");
        assert_eq!(told("a\nb", "a"), "line 2 is nothing, expected was \"b\"");
        assert_eq!(told("", "a"), "line 1 is \"a\", expected was nothing");
    }
}
