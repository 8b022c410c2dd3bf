//! A scratch directory and the processes that run on it.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A directory that goes with its value. Its path is short, since a socket's path inside it must be.
pub(crate) struct Scratch(TempDir);

impl Scratch {
    pub(crate) fn new(label: &str) -> Self {
        let prefix = format!("bs-{label}-");
        Self(tempfile::Builder::new().prefix(&prefix).tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The data directory, which does not exist yet.
    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }
}

/// The binary with these arguments, and nothing of the caller's own settings.
pub(crate) fn broadside(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_broadside"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BROADSIDE_")) {
        command.env_remove(name);
    }
    command
        .args(arguments)
        .arg("--data")
        .arg(data)
        .stdin(Stdio::null())
        .env("NO_COLOR", "1");
    command
}

/// What a finished command said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The one JSON value on standard output of a command that went well.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// Runs a command to its end.
pub(crate) fn run(data: &Path, arguments: &[&str]) -> Said {
    Said::of(broadside(data, arguments).output().unwrap())
}

/// The same with these variables in its environment.
pub(crate) fn run_with(data: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Said {
    Said::of(broadside(data, arguments).envs(env.iter().copied()).output().unwrap())
}

/// Runs a command to its end with this on its standard input.
pub(crate) fn run_with_input(data: &Path, arguments: &[&str], input: &str) -> Said {
    let mut command = broadside(data, arguments);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    Said::of(child.wait_with_output().unwrap())
}

/// A process that serves. Dropping it kills it.
pub(crate) struct Served {
    child: Child,
    /// What it said when it was ready.
    pub(crate) ready: Value,
    rest: BufReader<Box<dyn std::io::Read + Send>>,
}

impl Served {
    /// Starts `serve` on a free port and waits for the log line that says that it serves.
    pub(crate) fn start(data: &Path, arguments: &[&str]) -> Self {
        Self::start_with(data, arguments, &[])
    }

    /// The same with these variables in its environment.
    pub(crate) fn start_with(data: &Path, arguments: &[&str], env: &[(&str, &str)]) -> Self {
        let mut command = broadside(data, &["serve", "--listen", "127.0.0.1:0"]);
        command
            .args(arguments)
            .envs(env.iter().copied())
            .env("BROADSIDE_LOG__FORMAT", "json")
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        Self::ready(child, Box::new(stderr), |line| {
            line.get("message").is_some_and(|text| text == "broadside serves")
        })
    }

    /// Starts a sandbox on a free port and waits until it says where it is.
    pub(crate) fn sandbox(scratch: &Scratch) -> Self {
        let mut command = broadside(&scratch.data(), &["sandbox", "--listen", "127.0.0.1:0", "--json"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        Self::ready(child, Box::new(stdout), |line| line.get("base_url").is_some())
    }

    /// Adds an account to this sandbox, and says what it is to be connected with.
    pub(crate) fn new_account(&self, data: &Path, platform: &str, handle: &str, more: &[&str]) -> Value {
        let at = self.ready["base_url"].as_str().unwrap();
        let at = at.trim_start_matches("http://").trim_end_matches('/');
        let new = ["sandbox", "account", "add", "--json", "--sandbox", at];
        let named = ["--platform", platform, "--handle", handle];
        run(data, &[&new[..], &named, more].concat()).json()
    }

    fn ready(child: Child, said: Box<dyn std::io::Read + Send>, is_ready: impl Fn(&Value) -> bool) -> Self {
        let mut served = Self {
            child,
            ready: Value::Null,
            rest: BufReader::new(said),
        };
        let mut line = String::new();
        // A process that dies instead closes the pipe, which ends the loop.
        while served.rest.read_line(&mut line).unwrap() > 0 {
            if let Ok(value) = serde_json::from_str::<Value>(&line)
                && is_ready(&value)
            {
                served.ready = value;
                return served;
            }
            eprint!("{line}");
            line.clear();
        }
        panic!("the process ended instead of serving: {:?}", served.child.wait());
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The address it listens on.
    pub(crate) fn addr(&self) -> String {
        self.ready["addr"].as_str().unwrap().to_owned()
    }

    /// Waits until it is gone, killed by itself or by another.
    pub(crate) fn wait_for_its_end(mut self) {
        let mut said = String::new();
        std::io::Read::read_to_string(&mut self.rest, &mut said).unwrap();
        assert!(!self.child.wait().unwrap().success(), "{said}");
    }

    /// Asks it to end and waits; gives the exit code and what else it said.
    pub(crate) fn terminate(mut self) -> (Option<i32>, String) {
        signal(self.pid(), "-TERM");
        let mut said = String::new();
        std::io::Read::read_to_string(&mut self.rest, &mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal.
pub(crate) fn signal(pid: u32, name: &str) {
    assert!(
        Command::new("kill")
            .args([name, &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

/// A plain HTTP request; the status and the body.
pub(crate) fn get(addr: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    use std::io::Read;
    let mut stream = std::net::TcpStream::connect(addr).unwrap();
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {addr}\r\nconnection: close\r\n{headers}\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer
        .split_once("\r\n\r\n")
        .map(|(_, body)| body.to_owned())
        .unwrap_or_default();
    (status, body)
}
