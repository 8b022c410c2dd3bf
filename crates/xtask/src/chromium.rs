//! A headless Chromium, driven over the DevTools protocol (chromedevtools.github.io/devtools-protocol) through the pipe of
//! `--remote-debugging-pipe`: messages are JSON that ends with a zero byte.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::chaos::time::{Deadline, pause};

/// The environment variable that names the program; without it the usual names are looked for.
const VARIABLE: &str = "CHROMIUM";
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];
/// How long one command may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);
/// How long a page may take to show what is waited for.
const SHOWN_WITHIN: Duration = Duration::from_secs(30);
/// Between two looks at a page.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The browser's descriptors 3 and 4 are ours to write and read.
const PIPES: &str = r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;

/// Where Chromium is on this machine, if it is.
pub(crate) fn program() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(VARIABLE) {
        return Some(PathBuf::from(named)).filter(|path| path.is_file());
    }
    let folders = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&folders).collect();
    let found = NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    found.into_iter().find(|path| path.is_file())
}

/// A key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// To the next thing that takes keys.
    Tab,
    /// Presses a button, follows a link.
    Enter,
    /// Presses a button, ticks a box.
    Space,
}

impl Key {
    /// Name, code, number and text, as the protocol wants them.
    const fn parts(self) -> (&'static str, &'static str, u32, &'static str) {
        match self {
            Self::Tab => ("Tab", "Tab", 9, ""),
            Self::Enter => ("Enter", "Enter", 13, "\r"),
            Self::Space => (" ", "Space", 32, " "),
        }
    }
}

/// A browser with one page.
#[derive(Debug)]
pub(crate) struct Chromium {
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    session: Option<String>,
    last_id: u64,
    _child: Child,
}

impl Chromium {
    /// Starts it with a profile of its own in `folder`.
    pub(crate) async fn start(program: &Path, folder: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new("bash");
        command.args(["-c", PIPES, "bash"]).arg(program);
        command.args([
            "--headless=new",
            "--remote-debugging-pipe",
            "--no-first-run",
            "--disable-gpu",
        ]);
        // Nothing but this machine is visited, and containers without user namespaces can run it no other way.
        command.args([
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--no-proxy-server",
            "--hide-scrollbars",
        ]);
        command.arg(format!("--user-data-dir={}", folder.join("chromium").display()));
        command
            .env("HOME", folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().context("Chromium cannot be started")?;
        let (to, from) = (child.stdin.take(), child.stdout.take());
        let mut browser = Self {
            to: to.context("no pipe to Chromium")?,
            from: BufReader::new(from.context("no pipe from Chromium")?),
            session: None,
            last_id: 0,
            _child: child,
        };
        let target = browser
            .call("Target.createTarget", json!({"url": "about:blank"}))
            .await?;
        let target = target.get("targetId").cloned().context("no target")?;
        let attach = json!({"targetId": target, "flatten": true});
        let attached = browser.call("Target.attachToTarget", attach).await?;
        browser.session = attached.get("sessionId").and_then(Value::as_str).map(str::to_owned);
        browser.call("Page.enable", json!({})).await?;
        browser.window(1_000, 800).await?;
        Ok(browser)
    }

    async fn call(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        self.last_id += 1;
        let mut message = json!({"id": self.last_id, "method": method, "params": params});
        if let (Some(session), Some(object)) = (&self.session, message.as_object_mut()) {
            object.insert("sessionId".to_owned(), json!(session));
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        let answered = tokio::time::timeout(ANSWERED_WITHIN, async {
            self.to.write_all(&bytes).await?;
            self.answer().await
        });
        let answer = answered
            .await
            .with_context(|| format!("Chromium did not answer {method}"))??;
        if let Some(error) = answer.get("error") {
            bail!("Chromium refused {method}: {error}");
        }
        Ok(answer.get("result").cloned().unwrap_or_default())
    }

    /// The answer to the last command; events are passed over.
    async fn answer(&mut self) -> anyhow::Result<Value> {
        loop {
            let mut bytes = Vec::new();
            let read = self.from.read_until(0, &mut bytes).await?;
            ensure!(read > 0, "Chromium has ended");
            bytes.pop();
            let message: Value = serde_json::from_slice(&bytes).context("a message of Chromium")?;
            if message.get("id").and_then(Value::as_u64) == Some(self.last_id) {
                return Ok(message);
            }
        }
    }

    /// Opens an address.
    pub(crate) async fn open(&mut self, url: &str) -> anyhow::Result<()> {
        let opened = self.call("Page.navigate", json!({"url": url})).await?;
        if let Some(error) = opened.get("errorText").and_then(Value::as_str) {
            bail!("the page did not open: {error}");
        }
        self.until("document.readyState === 'complete'").await
    }

    /// What this expression comes to.
    pub(crate) async fn evaluate(&mut self, expression: &str) -> anyhow::Result<Value> {
        let params = json!({"expression": expression, "returnByValue": true});
        let told = self.call("Runtime.evaluate", params).await?;
        ensure!(told.get("exceptionDetails").is_none(), "{expression}: {told}");
        Ok(told.pointer("/result/value").cloned().unwrap_or_default())
    }

    /// The same as a text.
    pub(crate) async fn text(&mut self, expression: &str) -> anyhow::Result<String> {
        let told = self.evaluate(expression).await?;
        Ok(told.as_str().unwrap_or_default().to_owned())
    }

    /// Waits until the expression is true, over changes of the page.
    pub(crate) async fn until(&mut self, expression: &str) -> anyhow::Result<()> {
        let deadline = Deadline::within(SHOWN_WITHIN);
        loop {
            // While a page changes there may be nothing to ask.
            if let Ok(Value::Bool(true)) = self.evaluate(expression).await {
                return Ok(());
            }
            if deadline.passed() {
                let shown = self.text("location.pathname + ': ' + document.body.innerText").await?;
                let shown: String = shown.chars().take(500).collect();
                bail!("'{expression}' did not become true; the page shows {shown}");
            }
            pause(LOOK_EVERY).await;
        }
    }

    /// Presses a key and lets it go.
    pub(crate) async fn press(&mut self, key: Key) -> anyhow::Result<()> {
        let (name, code, number, text) = key.parts();
        let mut down = json!({"type": "keyDown", "key": name, "code": code, "windowsVirtualKeyCode": number});
        if let (false, Some(object)) = (text.is_empty(), down.as_object_mut()) {
            object.insert("text".to_owned(), json!(text));
        }
        self.call("Input.dispatchKeyEvent", down).await?;
        let up = json!({"type": "keyUp", "key": name, "code": code, "windowsVirtualKeyCode": number});
        self.call("Input.dispatchKeyEvent", up).await?;
        Ok(())
    }

    /// Types a text, a key for each character.
    pub(crate) async fn type_text(&mut self, text: &str) -> anyhow::Result<()> {
        for character in text.chars() {
            let text = character.to_string();
            self.call(
                "Input.dispatchKeyEvent",
                json!({"type": "keyDown", "key": text, "text": text}),
            )
            .await?;
            self.call("Input.dispatchKeyEvent", json!({"type": "keyUp", "key": text}))
                .await?;
        }
        Ok(())
    }

    /// Makes the window so large, in CSS pixels.
    pub(crate) async fn window(&mut self, width: u32, height: u32) -> anyhow::Result<()> {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size).await?;
        Ok(())
    }

    /// Has pages believe that the person prefers dark colours, or light ones.
    pub(crate) async fn prefer_dark(&mut self, dark: bool) -> anyhow::Result<()> {
        let value = if dark { "dark" } else { "light" };
        let features = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        self.call("Emulation.setEmulatedMedia", features).await?;
        Ok(())
    }

    /// The whole page as a PNG.
    pub(crate) async fn screenshot(&mut self) -> anyhow::Result<Vec<u8>> {
        let params = json!({"format": "png", "captureBeyondViewport": true});
        let taken = self.call("Page.captureScreenshot", params).await?;
        let data = taken.get("data").and_then(Value::as_str).context("no picture")?;
        STANDARD.decode(data).context("the picture")
    }
}
