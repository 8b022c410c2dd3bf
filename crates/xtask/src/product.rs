//! The product under test: its binary, and a throw-away server of it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use domain::secret::SecretText;
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::process::{Child, Command};

/// The environment variable that names a binary to test instead of one built from this tree.
pub const BINARY_VARIABLE: &str = "BROADSIDE_BIN";

/// How long a server may take from its start until its ready file is whole.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// The binary to test: the one that `BROADSIDE_BIN` names, else one built now by cargo.
///
/// # Errors
/// If the named file does not exist, or cargo cannot build the product.
pub async fn binary() -> anyhow::Result<PathBuf> {
    if let Some(named) = std::env::var_os(BINARY_VARIABLE) {
        let path = PathBuf::from(named);
        ensure!(
            path.is_file(),
            "{BINARY_VARIABLE} names {}, which is no file",
            path.display()
        );
        return std::path::absolute(path).context("the path of the binary");
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args([
            "build",
            "--package",
            "broadside",
            "--bin",
            "broadside",
            "--message-format",
            "json-render-diagnostics",
        ])
        .current_dir(crate::repository())
        .stderr(Stdio::inherit())
        .output()
        .await
        .context("cargo could not be started")?;
    ensure!(built.status.success(), "the product does not build");
    executable_in(&String::from_utf8_lossy(&built.stdout)).context("cargo named no executable")
}

/// The last executable that cargo's messages (one JSON object a line) name.
fn executable_in(messages: &str) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        executable: Option<PathBuf>,
    }
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok()?.executable)
        .next_back()
}

/// A folder under the system's temporary folder that is removed when this value is dropped.
#[derive(Debug)]
pub struct ScratchFolder(PathBuf);

impl ScratchFolder {
    /// Makes a folder whose name starts with `label`. Short, because a unix socket's path inside it must stay short.
    ///
    /// # Errors
    /// If the folder exists already or cannot be made.
    pub fn new(label: &str) -> anyhow::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "{label}-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        Ok(Self(path))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // Nothing can be done about a folder that will not go, and it is in the temporary folder.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A server started by `broadside demo` on loopback, with a data folder of its own. Dropping it kills the server.
#[derive(Debug)]
pub struct Demo {
    base_url: String,
    key: SecretText,
    ready: Value,
    data: PathBuf,
    printed: PathBuf,
    child: Child,
    // Declared after the child, so that the folder goes after the process was told to.
    _scratch: ScratchFolder,
}

impl Demo {
    /// Starts a server and waits until it is ready.
    ///
    /// # Errors
    /// If the process ends or is not ready within 60 seconds; the error quotes the end of what it printed.
    pub async fn start(binary: &Path) -> anyhow::Result<Self> {
        let scratch = ScratchFolder::new("broadside-xtask")?;
        let (data, ready, printed) = (
            scratch.path().join("data"),
            scratch.path().join("ready.json"),
            scratch.path().join("printed"),
        );
        let log = std::fs::File::create(&printed).context("cannot make the file for the server's output")?;
        let mut command = Command::new(binary);
        command
            .args(["demo", "--data"])
            .arg(&data)
            .args(["--listen", "127.0.0.1:0", "--ready-file"])
            .arg(&ready);
        // The operator's own settings must not leak into the server under test.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BROADSIDE_")) {
            command.env_remove(name);
        }
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let ready = tokio::time::timeout(READY_WITHIN, when_ready(&mut child, &ready)).await;
        match ready.unwrap_or_else(|_| Err(anyhow::anyhow!("the server was not ready within {READY_WITHIN:?}"))) {
            Ok(ready) => Ok(Self {
                base_url: ready.base_url.trim_end_matches('/').to_owned(),
                key: SecretText::new(ready.keys.postpost),
                ready: Value::Object(ready.rest),
                data,
                printed,
                child,
                _scratch: scratch,
            }),
            Err(error) => Err(error.context(format!("the server printed:\n{}", end_of(&printed)))),
        }
    }

    /// The address without a slash at its end, such as `http://127.0.0.1:4711`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// A key of the user whose accounts the demonstration has, for the PostPost API.
    #[must_use]
    pub fn key(&self) -> &str {
        self.key.expose()
    }

    /// What the server wrote into its ready file: accounts and samples, but for the keys.
    #[must_use]
    pub fn ready(&self) -> &Value {
        &self.ready
    }

    /// Everything that the server has printed so far.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn printed(&self) -> anyhow::Result<String> {
        let bytes = std::fs::read(&self.printed).context("what the server printed")?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The last lines that the server has printed.
    #[must_use]
    pub fn printed_end(&self) -> String {
        end_of(&self.printed)
    }

    /// Whether the server still runs.
    ///
    /// # Errors
    /// If the system cannot tell.
    pub fn is_running(&mut self) -> anyhow::Result<bool> {
        Ok(self.child.try_wait().context("cannot ask after the server")?.is_none())
    }

    /// The data folder of the server.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Kills the server and waits for its end.
    ///
    /// # Errors
    /// If the system refuses to kill or to wait.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("the server could not be stopped")
    }
}

/// What the product's ready file says.
#[derive(Deserialize)]
struct Ready {
    base_url: String,
    keys: Keys,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Deserialize)]
struct Keys {
    postpost: String,
}

async fn when_ready(child: &mut Child, ready: &Path) -> anyhow::Result<Ready> {
    let mut ticks = tokio::time::interval(Duration::from_millis(25));
    loop {
        ticks.tick().await;
        if let Some(status) = child.try_wait().context("cannot ask after the server")? {
            bail!("the server ended with {status} before it was ready");
        }
        // A file that is not there or not yet whole is looked at again.
        let Ok(text) = tokio::fs::read(ready).await else {
            continue;
        };
        if let Ok(ready) = serde_json::from_slice::<Ready>(&text) {
            return Ok(ready);
        }
    }
}

pub(crate) fn end_of(printed: &Path) -> String {
    let text = std::fs::read(printed)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(20)..)
        .unwrap_or_default()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_says_which_executable_it_built() {
        let messages = "{\"reason\":\"compiler-artifact\",\"executable\":null}\nnoise\n\
                        {\"reason\":\"compiler-artifact\",\"executable\":\"/x/broadside\"}\n{\"reason\":\"build-finished\"}";
        assert_eq!(executable_in(messages), Some(PathBuf::from("/x/broadside")));
        assert_eq!(executable_in("{\"reason\":\"build-finished\"}"), None);
    }

    #[test]
    fn a_scratch_folder_goes_with_its_value() {
        let scratch = ScratchFolder::new("broadside-xtask-test").unwrap();
        let path = scratch.path().to_owned();
        assert!(path.is_dir());
        drop(scratch);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_server_that_ends_at_once_is_reported_with_what_it_printed() {
        let error = Demo::start(Path::new("/bin/echo")).await.unwrap_err();
        assert!(format!("{error:#}").contains("demo --data"), "{error:#}");
    }
}
