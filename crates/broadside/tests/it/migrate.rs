//! Follows `docs/migrate/postpost.md`: every command of the page is run as it stands there, by a small shell.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::world::{Said, Scratch, Served, run, run_with_input};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/migrate/postpost.md");
/// A key as the hosted service makes them.
const OLD_KEY: &str = "sk_lzk3q8f1_0123abcd.d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02";
/// The account that the page posts to, by the id that its platform gives it.
const REMOTE_ID: &str = "109876543210";

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The shell: its variables, its folder, and the server that one of the commands starts.
struct Shell {
    scratch: Scratch,
    variables: BTreeMap<String, String>,
    server: Option<Served>,
    /// What each command was and said, in order.
    said: Vec<(String, String)>,
}

/// A pipe's way through the words of a line.
#[derive(Default)]
struct Simple {
    words: Vec<String>,
    input: Option<String>,
}

impl Shell {
    /// Runs one line: a setting or a pipe.
    async fn line(&mut self, line: &str) {
        let setting = line
            .split_once('=')
            .filter(|(name, _)| name.bytes().all(|byte| byte.is_ascii_uppercase()));
        let Some((name, value)) = setting else {
            let said = self.pipe(line).await;
            self.said.push((line.to_owned(), said));
            return;
        };
        let value = match value.strip_prefix("$(").and_then(|rest| rest.strip_suffix(')')) {
            Some(command) => self.pipe(command).await.trim_end().to_owned(),
            // The page has the default port; the test's server has a free one.
            None if name == "SERVER" => format!("http://{}", self.server.as_ref().unwrap().addr()),
            None => self.expand(value),
        };
        self.variables.insert(name.to_owned(), value);
    }

    async fn pipe(&mut self, line: &str) -> String {
        let mut carried = String::new();
        for simple in self.parse(line) {
            let words: Vec<&str> = simple.words.iter().map(String::as_str).collect();
            let input = simple
                .input
                .map(|name| std::fs::read_to_string(self.file(&name)).unwrap());
            carried = match words.as_slice() {
                ["broadside", "serve"] => {
                    self.server = Some(Served::start(&self.scratch.data(), &[]));
                    String::new()
                }
                ["broadside", rest @ ..] => {
                    let rest: Vec<String> = rest.iter().map(|word| self.in_folder(word)).collect();
                    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
                    let said = match input {
                        Some(input) => run_with_input(&self.scratch.data(), &rest, &input),
                        None => run(&self.scratch.data(), &rest),
                    };
                    good(line, said)
                }
                ["cat", name] => std::fs::read_to_string(self.file(name)).unwrap(),
                ["jq", "-r", path] => {
                    let value: Value = serde_json::from_str(&carried).unwrap();
                    value[path.trim_start_matches('.')].as_str().unwrap().to_owned()
                }
                ["curl", rest @ ..] => self.curl(rest).await,
                other => panic!("the page has a command that this shell does not know: {other:?}"),
            };
        }
        carried
    }

    /// As curl would, but that a refusal fails the test.
    async fn curl(&self, words: &[&str]) -> String {
        let (mut method, mut url, mut body, mut headers) = (None, None, None, Vec::new());
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "-X" => method = words.next(),
                "-H" => headers.push(words.next().unwrap().split_once(": ").unwrap()),
                "-d" => body = Some(words.next().unwrap().as_bytes().to_vec()),
                "--data-binary" => {
                    let name = words.next().unwrap().strip_prefix('@').unwrap();
                    body = Some(std::fs::read(self.file(name)).unwrap());
                }
                option if option.starts_with('-') => panic!("this curl does not know {option}"),
                address => url = Some(address),
            }
        }
        let method = method.copied().unwrap_or(if body.is_some() { "POST" } else { "GET" });
        let http = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        let mut request = http.request(method.parse().unwrap(), url.unwrap());
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.body(body.unwrap_or_default()).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{status} {text}");
        text
    }

    /// The commands of a pipe, in words.
    fn parse(&self, line: &str) -> Vec<Simple> {
        let mut simples = vec![Simple::default()];
        let (mut word, mut quote, mut is_input) = (None::<String>, None, false);
        let mut chars = line.chars();
        loop {
            let next = chars.next();
            match (quote, next) {
                (Some(open), Some(c)) if c == open => {
                    let done = word.take().unwrap_or_default();
                    word = Some(if open == '"' { self.expand(&done) } else { done });
                    quote = None;
                }
                (Some('"'), Some('\\')) => word.get_or_insert_default().extend(chars.next()),
                (Some(_), Some(c)) => word.get_or_insert_default().push(c),
                (Some(open), None) => panic!("{open} is not closed in {line}"),
                (None, Some(c @ ('\'' | '"'))) => {
                    assert!(
                        word.is_none(),
                        "quotes inside of words are too much for this shell: {line}"
                    );
                    quote = Some(c);
                }
                (None, None | Some(' ' | '|' | '<')) => {
                    if let Some(done) = word.take() {
                        let simple = simples.last_mut().unwrap();
                        if std::mem::take(&mut is_input) {
                            simple.input = Some(done);
                        } else {
                            simple.words.push(done);
                        }
                    }
                    match next {
                        None => return simples,
                        Some('|') => simples.push(Simple::default()),
                        Some('<') => is_input = true,
                        Some(_) => {}
                    }
                }
                (None, Some(c)) => word.get_or_insert_default().push(c),
            }
        }
    }

    /// A text with its `$NAME`s replaced.
    fn expand(&self, text: &str) -> String {
        let mut parts = text.split('$');
        let mut whole = parts.next().unwrap().to_owned();
        for part in parts {
            let end = part.find(|c: char| !c.is_ascii_uppercase()).unwrap_or(part.len());
            let (name, rest) = part.split_at(end);
            let value = self.variables.get(name);
            whole.push_str(value.unwrap_or_else(|| panic!("${name} is not set where the page uses it")));
            whole.push_str(rest);
        }
        whole
    }

    fn file(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Names of the page's files are meant in its reader's folder.
    fn in_folder(&self, word: &str) -> String {
        if word.ends_with(".txt") {
            self.file(word).to_str().unwrap().to_owned()
        } else {
            word.to_owned()
        }
    }

    /// What the command that holds this text said.
    fn said(&self, part: &str) -> &str {
        let found = self.said.iter().find(|(line, _)| line.contains(part));
        &found
            .unwrap_or_else(|| panic!("the page has no command with {part:?}"))
            .1
    }

    fn json(&self, part: &str) -> Value {
        serde_json::from_str(self.said(part)).unwrap()
    }
}

fn good(line: &str, said: Said) -> String {
    assert_eq!(said.code, Some(0), "{line}: {}{}", said.out, said.err);
    said.out
}

/// The lines of the page's shell blocks, up to the heading with this number.
fn commands(before: Option<&str>) -> Vec<String> {
    let page = std::fs::read_to_string(PAGE).unwrap();
    let page = before.map_or(page.as_str(), |number| {
        page.split_once(&format!("\n## {number}.")).unwrap().0
    });
    let blocks = page
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split_once("```").unwrap().0);
    blocks.flat_map(str::lines).map(str::to_owned).collect()
}

/// An account on an emulated Mastodon, and a folder with what the page's reader has there.
fn reader() -> (Shell, Served) {
    // Another test of this process may have done it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let scratch = Scratch::new("migrate");
    let sandbox = Served::sandbox(&scratch);
    let data = scratch.data();
    let seed = sandbox.new_account(&data, "mastodon", "ada", &["--remote-id", REMOTE_ID]);
    let mastodon = seed["base_url"].as_str().unwrap().to_owned();
    std::fs::create_dir_all(&data).unwrap();
    let settings = format!("[platforms.mastodon]\nbase_url = \"{mastodon}\"\n");
    std::fs::write(data.join("broadside.toml"), settings).unwrap();
    let put = |name: &str, bytes: &[u8]| std::fs::write(scratch.path().join(name), bytes).unwrap();
    put("old-key.txt", format!("{OLD_KEY}\n").as_bytes());
    put("token.txt", seed["token"].as_str().unwrap().as_bytes());
    put("photo.jpg", &sandbox::samples::by_name("image.jpg").unwrap().1);
    let shell = Shell {
        scratch,
        variables: BTreeMap::from([("MASTODON".to_owned(), mastodon)]),
        server: None,
        said: Vec::new(),
    };
    (shell, sandbox)
}

async fn until_published(shell: &mut Shell, group: &str) -> Value {
    shell.variables.insert("GROUP".to_owned(), group.to_owned());
    for _ in 0..20_000 {
        let shown = shell.pipe(r#"curl -H "x-api-key: $KEY" "$API/get-post/$GROUP""#).await;
        let post = serde_json::from_str::<Value>(&shown).unwrap()["posts"][0].clone();
        match post["status"].as_str().unwrap() {
            "published" => return post,
            "failed" => panic!("{post}"),
            _ => tokio::task::yield_now().await,
        }
    }
    panic!("{group} is not published")
}

#[tokio::test]
async fn whoever_follows_the_page_has_moved_in() {
    let (mut shell, _sandbox) = reader();
    for command in commands(None) {
        shell.line(&command).await;
    }
    assert!(shell.said("key list").contains("sk_lzk3q8f1_0123abcd"));
    assert_eq!(shell.json("list-posts")["posts"], serde_json::json!([]));
    assert!(shell.said("account connect").contains("/connect/"));
    let stored = format!("mastodon-{REMOTE_ID}");
    assert_eq!(
        shell.json("platform-connections")["connections"][0]["platformId"],
        stored
    );
    let moved = shell.json("Moved in")["postGroupId"].as_str().unwrap().to_owned();
    let pictured = shell.json("/get-post/")["postGroupId"].as_str().unwrap().to_owned();
    for group in [moved, pictured] {
        let post = until_published(&mut shell, &group).await;
        assert_eq!(
            post["platformId"], REMOTE_ID,
            "get-post has the id without the platform's word"
        );
    }
    assert!(shell.json("$API/webhooks")["webhook"]["secret"].is_string());
    assert!(shell.said("webhook list").contains("hooks.example.com"));
    assert!(shell.said("$SERVER/mcp").contains("\"serverInfo\""));
}

/// The page's promise: an id that was stored works after the account was connected anew.
#[tokio::test]
async fn an_id_that_was_stored_works_after_every_reconnection() {
    let (mut shell, _sandbox) = reader();
    let commands = commands(Some("4"));
    for command in &commands {
        shell.line(command).await;
    }
    let connect = commands.iter().find(|command| command.contains("account add")).unwrap();
    let post = commands.iter().find(|command| command.contains("Moved in")).unwrap();
    // Connected again while it is there, and again after it was removed.
    for before in ["broadside account list", "broadside account remove mastodon:ada"] {
        shell.line(before).await;
        shell.line(connect).await;
        let shown = shell
            .pipe(r#"curl -H "x-api-key: $KEY" "$API/platform-connections""#)
            .await;
        let shown: Value = serde_json::from_str(&shown).unwrap();
        let ids: Vec<_> = shown["connections"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| &one["platformId"])
            .collect();
        assert_eq!(ids, [&Value::from(format!("mastodon-{REMOTE_ID}"))]);
        // Another text each time, since this one was posted already.
        let again = post.replace("Moved in", &format!("After {before}"));
        let made: Value = serde_json::from_str(&shell.pipe(&again).await).unwrap();
        until_published(&mut shell, made["postGroupId"].as_str().unwrap()).await;
    }
}
