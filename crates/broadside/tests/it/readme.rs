//! The transcript in the README is a real one. `BROADSIDE_UPDATE_README=1` writes it anew.

use crate::world::{Scratch, run};

const START: &str = "<!-- transcript: demo --once -->";
const END: &str = "<!-- end of transcript -->";

/// What stays the same from run to run: words, marks and the order of steps, but no times, ids, keys or ports.
fn shape(transcript: &str) -> Vec<String> {
    let word = |word: &str| match word {
        word if word.contains("://") => "URL".to_owned(),
        word if word.starts_with("sk_") => "KEY".to_owned(),
        word if word.starts_with('/') => "PATH".to_owned(),
        word if word.contains(|c: char| c.is_ascii_digit()) => "N".to_owned(),
        word => word.to_owned(),
    };
    let line = |line: &str| line.split_whitespace().map(word).collect::<Vec<_>>().join(" ");
    // Results are shown as they come, and accounts race each other.
    let mut lines: Vec<_> = transcript.lines().map(line).filter(|line| !line.is_empty()).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn the_readmes_transcript_is_what_the_demo_says() {
    let scratch = Scratch::new("readme");
    let said = run(&scratch.data(), &["demo", "--once", "--listen", "127.0.0.1:0"]);
    assert_eq!(said.code, Some(0), "{}{}", said.out, said.err);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (before, rest) = readme.split_once(START).expect("the transcript's start");
    let (written, after) = rest.split_once(END).expect("the transcript's end");
    let written = written.trim().trim_start_matches("```text").trim_end_matches("```");
    if std::env::var_os("BROADSIDE_UPDATE_README").is_some() {
        // Key and page in the transcript are of no use to anybody, but secret scanners cannot know that.
        let (_, page) = said.out.split_once("/connect/").expect("a page");
        let page = page.lines().next().expect("its token");
        let key = said
            .out
            .split_once("sk_")
            .and_then(|(_, rest)| rest.split_once(')'))
            .expect("a key")
            .0;
        let out = said
            .out
            .replace(&format!("sk_{key}"), "sk_…")
            .replace(page, "…")
            .replace(scratch.path().to_str().unwrap(), "/tmp");
        let text = format!(
            "{before}{START}\n```text\n$ broadside demo --once\n{}\n```\n{END}{after}",
            out.trim()
        );
        std::fs::write(path, text).unwrap();
        return;
    }
    let written = written.trim_start().trim_start_matches("$ broadside demo --once");
    let (written, really) = (shape(written), shape(&said.out));
    assert_eq!(
        written, really,
        "run this test with BROADSIDE_UPDATE_README=1 to write the transcript"
    );
}
