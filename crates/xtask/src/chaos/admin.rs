//! The product's own door for operators: the socket in its data directory, one JSON object a line.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

/// How long an answer may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// The server's word.
#[derive(Debug)]
pub(crate) enum Word {
    /// It did what was asked; what it says about it.
    Done(Value),
    /// It refused, and why.
    Refused(String),
}

impl Word {
    /// What it said.
    ///
    /// # Errors
    /// If it refused.
    pub(crate) fn done(self) -> anyhow::Result<Value> {
        match self {
            Self::Done(is) => Ok(is),
            Self::Refused(why) => bail!("the server refused: {why}"),
        }
    }
}

/// Asks the server whose data directory this is.
///
/// # Errors
/// If no whole answer came: whether the request was carried out is not known then.
pub(crate) async fn ask(data: &Path, request: &Value) -> anyhow::Result<Word> {
    let asking = async {
        let mut stream = UnixStream::connect(data.join("broadside.sock"))
            .await
            .context("the socket")?;
        stream.write_all(format!("{request}\n").as_bytes()).await?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await?;
        let answer: Value = serde_json::from_str(&line).context("the answer over the socket")?;
        let is = answer.get("is").cloned().unwrap_or_default();
        if answer.get("answer").and_then(Value::as_str) == Some("refused") {
            return Ok(Word::Refused(
                is.get("message").and_then(Value::as_str).unwrap_or("?").to_owned(),
            ));
        }
        Ok(Word::Done(is))
    };
    tokio::time::timeout(ANSWERED_WITHIN, asking)
        .await
        .context("the server did not answer over its socket")?
}

/// The text of a new API key of the server's first user, who is made for it.
///
/// # Errors
/// Those of [`ask`], or if the server refused.
pub(crate) async fn new_key(data: &Path) -> anyhow::Result<String> {
    let request = json!({"ask": "key_create", "user": null, "name": "xtask", "import": null});
    let key = ask(data, &request).await?.done()?;
    let text = key.get("text").and_then(Value::as_str);
    Ok(text.context("a key without a text")?.to_owned())
}
