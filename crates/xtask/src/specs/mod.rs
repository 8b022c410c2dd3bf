//! `cargo xtask specs`: every request of the connectors and every answer of the emulators, held against the platforms'
//! machine-readable specifications.
//!
//! The exchanges come from the connectors' tests, which publish every kind of post with every setting to the sandbox. The
//! specifications are not part of this repository: without them the check is skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use domain::platform::Platform;
use sandbox::tap::Exchange;
use serde_json::Value;

use crate::product::ScratchFolder;

mod lexicon;
mod meta;
mod openapi;
pub(crate) mod schema;
mod telegram;

/// The environment variable that names the folder with the specifications.
pub const FOLDER_VARIABLE: &str = "BROADSIDE_SPECS";

/// The environment variable that the connectors' tests read.
const EXCHANGES: &str = "BROADSIDE_EXCHANGES";

/// A specification that a platform, or somebody from its documentation, publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// Its name for people.
    pub name: &'static str,
}

/// The specification of a platform, where there is one.
#[must_use]
pub fn of(platform: Platform) -> Option<&'static Spec> {
    let spec = match platform {
        Platform::X => &Spec { name: "X OpenAPI" },
        Platform::Bluesky => &Spec {
            name: "atproto lexicons",
        },
        Platform::Mastodon => &Spec {
            name: "Mastodon OpenAPI",
        },
        Platform::Telegram => &Spec {
            name: "Bot API as data",
        },
        Platform::Instagram | Platform::Facebook => &Spec {
            name: "Meta node specs",
        },
        Platform::Threads => &Spec {
            name: "Meta's requests",
        },
        _ => return None,
    };
    Some(spec)
}

/// Where specifications and exchanges are.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Options {
    /// Reads the exchanges of an earlier run instead of running the connectors' tests.
    #[arg(long, value_name = "FILE")]
    pub exchanges: Option<PathBuf>,
}

/// What a judge says of one exchange.
pub(crate) enum Verdict {
    /// The specification has it; these are the things that are not as it says.
    Known(Vec<String>),
    /// The specification does not have this endpoint.
    Unknown,
}

/// What a specification says.
pub(crate) trait Judge {
    /// Holds an exchange against it. `path` begins behind the emulator's name.
    fn judge(&self, path: &str, exchange: &Exchange) -> Verdict;
}

/// Where the platforms' own documents contradict their specifications: the beginning of what would be reported, and why.
const KNOWN: &[(&str, &str)] = &[
    (
        "POST /xrpc/com.atproto.repo.putRecord: answer 400: the error 'BlobNotFound'",
        "the reference server says so of a blob that is gone (bluesky-social/atproto, packages/pds/src/actor-store/blob/\
         transactor.ts, verifyBlobAndMakePermanent; read in 2026-11); no lexicon lists it",
    ),
    (
        "POST /2/tweets: answer 401:  fits no alternative",
        "problems of this status have the type about:blank on the wire, which the specification does not list",
    ),
    (
        "POST /2/tweets: answer 403:  fits no alternative",
        "the same: a duplicate, or something that the account may not do, is told in words only",
    ),
    ("POST /2/tweets: answer 429:  fits no alternative", "the same"),
    (
        "POST /v1.0/…/threads: request: the parameter allowlisted_country_codes",
        "documented (developers.facebook.com/documentation/threads/posts/geo-gating, \"Geo-Gated Content\"; read in 2026-11), \
         and not in the collection",
    ),
    (
        "POST /v25.0/…/photos: request: the parameter source",
        "a file may be sent with the request (developers.facebook.com/docs/graph-api/photo-uploads; read in 2026-11), in the \
         field source; the node has addresses only",
    ),
];

#[derive(Default)]
struct Count {
    held: usize,
    not_covered: BTreeMap<String, usize>,
    wrong: BTreeMap<String, usize>,
    /// Which of [`KNOWN`] were met, by their place.
    known: BTreeSet<usize>,
}

/// Prints what was held against which specification and what is not as it says; false when something is not.
///
/// # Errors
/// If the tests do not pass, or a specification cannot be read.
pub async fn run(options: &Options, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    let Some(folder) = folder() else {
        writeln!(
            out,
            "skipped: {FOLDER_VARIABLE} names no folder with specifications, and there is none beside the repository"
        )?;
        return Ok(true);
    };
    let exchanges = match &options.exchanges {
        Some(file) => read(file)?,
        None => {
            let scratch = ScratchFolder::new("broadside-specs")?;
            let file = scratch.path().join("exchanges.jsonl");
            crate::platforms::test("connectors", &["--lib"], &[(EXCHANGES, &file)]).await?;
            read(&file)?
        }
    };
    let mut is_clean = true;
    let mut met = BTreeSet::new();
    for (word, judge) in judges(&folder)? {
        let count = hold(word, judge.as_ref(), &exchanges);
        is_clean &= count.wrong.is_empty() && count.held > 0;
        report(word, &count, out)?;
        met.extend(count.known);
    }
    for (place, (start, why)) in KNOWN.iter().enumerate() {
        let is_met = met.contains(&place);
        is_clean &= is_met;
        let word = if is_met {
            "known"
        } else {
            "known, but nothing is so any more"
        };
        writeln!(out, "{word}: {start}: {why}")?;
    }
    Ok(is_clean)
}

/// The folder with the specifications: the one that is named, else the one next to this repository.
fn folder() -> Option<PathBuf> {
    let named = std::env::var_os(FOLDER_VARIABLE).map(PathBuf::from);
    let beside = || {
        crate::repository()
            .parent()
            .map(|parent| parent.join("shared/platforms/specs"))
    };
    named.or_else(beside).filter(|folder| folder.is_dir())
}

fn judges(folder: &Path) -> anyhow::Result<Vec<(&'static str, Box<dyn Judge>)>> {
    Ok(vec![
        (
            "x",
            Box::new(openapi::OpenApi::new(json(
                &folder.join("x-api-v2-publishing.openapi.json"),
            )?)) as Box<dyn Judge>,
        ),
        (
            "mastodon",
            Box::new(openapi::OpenApi::new(json(
                &folder.join("mastodon-publishing.openapi.json"),
            )?)),
        ),
        (
            "bluesky",
            Box::new(lexicon::Lexicons::read(&folder.join("atproto-lexicons"))?),
        ),
        (
            "telegram",
            Box::new(telegram::BotApi::new(json(&folder.join("telegram-bot-api.min.json"))?)),
        ),
        ("facebook", Box::new(meta::Nodes::facebook(&folder.join("meta"))?)),
        ("instagram", Box::new(meta::Nodes::instagram(&folder.join("meta"))?)),
        ("threads", Box::new(meta::Nodes::threads(&folder.join("meta"))?)),
    ])
}

fn json(file: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is no JSON", file.display()))
}

fn read(file: &Path) -> anyhow::Result<Vec<Exchange>> {
    let text = std::fs::read_to_string(file).context("the tests left no exchanges")?;
    let parse = |line: &str| serde_json::from_str(line).context("no exchange");
    text.lines().map(parse).collect()
}

fn hold(word: &str, judge: &dyn Judge, exchanges: &[Exchange]) -> Count {
    let mut count = Count::default();
    // A redirect is a fault of ours, and not the platform's.
    for exchange in exchanges
        .iter()
        .filter(|exchange| !(300..400).contains(&exchange.status))
    {
        let Some(path) = exchange.path.strip_prefix('/').and_then(|path| path.strip_prefix(word)) else {
            continue;
        };
        match judge.judge(path, exchange) {
            Verdict::Unknown => {
                let name = format!("{} {}", exchange.method, without_numbers(path));
                *count.not_covered.entry(name).or_default() += 1;
            }
            Verdict::Known(wrong) => {
                count.held += 1;
                let name = format!("{} {}", exchange.method, without_numbers(path));
                for what in wrong {
                    let line = format!("{name}: {what}");
                    match KNOWN.iter().position(|(start, _)| line.starts_with(start)) {
                        Some(known) => drop(count.known.insert(known)),
                        None => *count.wrong.entry(line).or_default() += 1,
                    }
                }
            }
        }
    }
    count
}

/// A path with its numbers and tokens taken out, so that the same call reads the same.
fn without_numbers(path: &str) -> String {
    let segments = path.split('/').map(|segment| {
        let is_number = segment.chars().any(|c| c.is_ascii_digit()) && !segment.starts_with('v') && segment.len() > 2;
        if is_number { "…" } else { segment }
    });
    segments.collect::<Vec<_>>().join("/")
}

fn report(word: &str, count: &Count, out: &mut (dyn Write + Send)) -> anyhow::Result<()> {
    writeln!(
        out,
        "{word}: {} exchanges held, {} things wrong",
        count.held,
        count.wrong.len()
    )?;
    for (line, times) in &count.wrong {
        writeln!(out, "  wrong, {times} times: {line}")?;
    }
    for (name, times) in &count.not_covered {
        writeln!(out, "  not in the specification, {times} times: {name}")?;
    }
    Ok(())
}

/// The request's body as fields: of a form or of multipart, whose files are empty texts here.
pub(crate) fn fields(exchange: &Exchange) -> Option<Vec<(String, String)>> {
    let mime = exchange.mime.as_str();
    if mime.starts_with("application/x-www-form-urlencoded") {
        let pairs = url::form_urlencoded::parse(exchange.body.as_bytes());
        return Some(
            pairs
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        );
    }
    let boundary = mime
        .strip_prefix("multipart/form-data")?
        .split_once("boundary=")?
        .1
        .trim_matches('"');
    let mut fields = Vec::new();
    for part in exchange.body.split(&format!("--{boundary}")) {
        let Some((head, value)) = part.split_once("\r\n\r\n") else {
            continue;
        };
        let Some(name) = head.split_once("name=\"").and_then(|(_, rest)| rest.split('"').next()) else {
            continue;
        };
        let value = if head.contains("filename=") {
            ""
        } else {
            value.trim_end_matches("\r\n")
        };
        fields.push((name.to_owned(), value.to_owned()));
    }
    Some(fields)
}

/// The query as fields.
pub(crate) fn query(exchange: &Exchange) -> Vec<(String, String)> {
    let pairs = url::form_urlencoded::parse(exchange.query.as_bytes());
    pairs
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn exchange(body: &Value, answer: &Value) -> Exchange {
        Exchange {
            method: "POST".to_owned(),
            path: "/x/2/tweets".to_owned(),
            query: String::new(),
            mime: "application/json".to_owned(),
            body: body.to_string(),
            status: 201,
            answer: answer.to_string(),
        }
    }

    fn tiny() -> openapi::OpenApi {
        let text = json!({"type": "object", "required": ["text"], "additionalProperties": false,
            "properties": {"text": {"type": "string"}}});
        let made = json!({"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}});
        openapi::OpenApi::new(json!({"paths": {"/2/tweets": {"post": {
            "requestBody": {"content": {"application/json": {"schema": text}}},
            "responses": {"201": {"content": {"application/json": {"schema": made}}}},
        }}}}))
    }

    #[test]
    fn what_is_not_as_the_specification_says_is_found_in_requests_and_answers() {
        let wrong = |body, answer| {
            hold("x", &tiny(), &[exchange(&body, &answer)])
                .wrong
                .into_keys()
                .collect::<Vec<_>>()
        };
        assert_eq!(wrong(json!({"text": "hi"}), json!({"id": "1"})), [""; 0]);
        assert_eq!(
            wrong(json!({"text": "hi", "more": 1}), json!({"id": "1"})),
            ["POST /2/tweets: request: /more is not in the schema"]
        );
        assert_eq!(
            wrong(json!({"text": "hi"}), json!({"id": 1})),
            ["POST /2/tweets: answer 201: /id is no string"]
        );
        assert_eq!(
            wrong(json!({}), json!({})),
            [
                "POST /2/tweets: answer 201: /id is missing",
                "POST /2/tweets: request: /text is missing"
            ]
        );
    }

    #[test]
    fn fields_are_read_out_of_forms_and_of_multipart() {
        let mut exchange = exchange(&json!(null), &json!(null));
        exchange.mime = "multipart/form-data; boundary=xyz".to_owned();
        exchange.body =
            "--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--xyz\r\nContent-Disposition: \
                         form-data; name=\"f\"; filename=\"x\"\r\n\r\nbytes\r\n--xyz--"
                .to_owned();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(fields(&exchange), Some(vec![pair("a", "1"), pair("f", "")]));
        exchange.mime = "application/x-www-form-urlencoded".to_owned();
        exchange.body = "a=1&b=x+y".to_owned();
        assert_eq!(fields(&exchange), Some(vec![pair("a", "1"), pair("b", "x y")]));
    }
}
