//! The media flow on a real S3 server: clients upload to the storage itself, and this server finds what they brought.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use domain::clock::Clock;
use domain::content::MediaKind;
use domain::ids::UserId;
use domain::secret::SecretText;
use jiff::SignedDuration;
use rand::SeedableRng;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::launch::{Running, free_port};
use crate::chaos::control::http_client;
use crate::clock::SystemClock;
use crate::product::{self, ScratchFolder, end_of};

/// How long an answer may take.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);
/// The largest image of the server under test, in bytes.
const IMAGE_BYTES_MAX: usize = 100_000;
/// How often a server that starts is asked whether it is ready, and how long it is waited for.
const LOOKS: (u32, SignedDuration) = (600, SignedDuration::from_millis(100));

/// Starts the storage and makes every check, a line each. True when all hold.
pub(super) async fn check(servers: &Path, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    let scratch = ScratchFolder::new("broadside-s3")?;
    let binary = product::binary().await?;
    let port = free_port()?;
    let settings = [("S3_PORT", port.to_string())];
    let running = Running::launch("s3.sh", &settings, port, servers, scratch.path()).await?;
    let checked = check_all(&binary, running.base_url(), scratch.path(), out).await;
    running.stop().await?;
    checked
}

async fn check_all(binary: &Path, storage: &str, scratch: &Path, out: &mut (dyn Write + Send)) -> anyhow::Result<bool> {
    let product = Product::start(binary, storage, scratch).await?;
    let mut passed = true;
    let mut tell = |what: &str, held: anyhow::Result<()>| -> anyhow::Result<()> {
        passed &= held.is_ok();
        match held {
            Ok(()) => writeln!(out, "ok: s3: {what}")?,
            Err(why) => writeln!(out, "FAIL: s3: {what}: {why:#}")?,
        }
        Ok(())
    };
    tell(
        "an upload goes to the storage and comes back byte for byte",
        product.whole_flow().await,
    )?;
    tell(
        "an upload of another type is refused by the storage",
        product.wrong_type().await,
    )?;
    tell(
        "an upload after its time is refused by the storage",
        product.expired().await,
    )?;
    tell(
        "a file that is too long is found out and removed",
        product.too_long().await,
    )?;
    tell(
        "a file that is none is found out and removed",
        product.no_picture().await,
    )?;
    product.stop().await?;
    Ok(passed)
}

/// The product on a bucket.
struct Product {
    child: Child,
    base: String,
    key: String,
    http: reqwest::Client,
    storage: String,
    group: String,
}

/// An upload that was asked for.
struct Slot {
    upload_url: String,
    file_url: String,
    media: String,
}

impl Product {
    async fn start(binary: &Path, storage: &str, scratch: &Path) -> anyhow::Result<Self> {
        let data = scratch.join("data");
        std::fs::create_dir(&data)?;
        let settings = format!(
            "[media]\nimage_bytes_max = {IMAGE_BYTES_MAX}\n\n[media.s3]\nendpoint = \"{storage}\"\nbucket = \"media\"\n\
             access_key = \"AKIALOOP\"\nsecret_key = \"secretloop\"\n"
        );
        std::fs::write(data.join("broadside.toml"), settings)?;
        let key = own(binary, &data).args(["key", "create", "--json"]).output().await?;
        ensure!(
            key.status.success(),
            "key create: {}",
            String::from_utf8_lossy(&key.stderr)
        );
        let key: Value = serde_json::from_slice(&key.stdout).context("the key")?;
        let base = format!("http://127.0.0.1:{}", free_port()?);
        let printed = scratch.join("product-printed");
        let log = std::fs::File::create(&printed)?;
        let mut command = own(binary, &data);
        command
            .args(["serve", "--listen", base.trim_start_matches("http://")])
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        let mut product = Self {
            child: command.spawn().context("the product")?,
            base,
            key: field(&key, "key")?,
            http: http_client(ANSWERED_WITHIN)?,
            storage: storage.to_owned(),
            group: String::new(),
        };
        product.when_ready().await.with_context(|| end_of(&printed))?;
        let body = json!({ "content": "with a picture", "platforms": ["twitter-1"] });
        product.group = field(&product.ask("/create-post", body).await?.1, "postGroupId")?;
        Ok(product)
    }

    async fn when_ready(&self) -> anyhow::Result<()> {
        let (looks, every) = LOOKS;
        for _ in 0..looks {
            if self.http.get(format!("{}/healthz", self.base)).send().await.is_ok() {
                return Ok(());
            }
            nap(every).await;
        }
        anyhow::bail!("the product is not ready")
    }

    async fn stop(mut self) -> anyhow::Result<()> {
        self.child.kill().await.context("the product could not be stopped")
    }

    async fn ask(&self, path: &str, body: Value) -> anyhow::Result<(u16, Value)> {
        let url = format!("{}/postpost/api/v1{path}", self.base);
        let answer = self
            .http
            .post(url)
            .header("x-api-key", &self.key)
            .json(&body)
            .send()
            .await?;
        Ok((answer.status().as_u16(), answer.json().await?))
    }

    async fn slot(&self, name: &str) -> anyhow::Result<Slot> {
        let body = json!({ "fileName": name, "contentType": "image/jpeg", "postGroupId": self.group });
        let (status, body) = self.ask("/get-upload-url", body).await?;
        ensure!(status == 200, "get-upload-url: {status} {body}");
        Ok(Slot {
            upload_url: field(&body, "uploadUrl")?,
            file_url: field(&body, "fileUrl")?,
            media: field(&body, "mediaId")?,
        })
    }

    async fn put(&self, url: &str, mime: &str, bytes: Vec<u8>) -> anyhow::Result<u16> {
        let answer = self
            .http
            .put(url)
            .header("content-type", mime)
            .body(bytes)
            .send()
            .await?;
        Ok(answer.status().as_u16())
    }

    async fn complete(&self, slot: &Slot) -> anyhow::Result<(u16, Value)> {
        self.ask(&format!("/complete-media/{}", slot.media), json!({})).await
    }

    async fn whole_flow(&self) -> anyhow::Result<()> {
        let slot = self.slot("a.jpg").await?;
        ensure!(!slot.upload_url.starts_with(&self.base), "the URL is this server's own");
        ensure!(
            self.complete(&slot).await?.0 == 503,
            "a file that is not there was completed"
        );
        let bytes = sandbox::samples::jpeg(64, 48, 1);
        ensure!(
            self.put(&slot.upload_url, "image/jpeg", bytes.clone()).await? == 200,
            "the PUT was refused"
        );
        let (status, body) = self.complete(&slot).await?;
        ensure!(status == 200, "complete-media: {status} {body}");
        let width = body.pointer("/mediaFile/metadata/width").and_then(Value::as_u64);
        ensure!(width == Some(64), "it was not understood: {body}");
        let read = self.http.get(&slot.file_url).send().await?.bytes().await?;
        ensure!(read == bytes, "{} of {} bytes came back", read.len(), bytes.len());
        Ok(())
    }

    async fn wrong_type(&self) -> anyhow::Result<()> {
        let slot = self.slot("b.jpg").await?;
        let status = self
            .put(&slot.upload_url, "image/png", sandbox::samples::jpeg(64, 48, 2))
            .await?;
        ensure!(status == 403, "the storage answered {status}");
        Ok(())
    }

    /// An hour is too long to wait, so this one is signed for a second, by the same means.
    async fn expired(&self) -> anyhow::Result<()> {
        let settings = media::S3 {
            endpoint: Some(self.storage.parse()?),
            region: "us-east-1".to_owned(),
            bucket: "media".to_owned(),
            access_key: "AKIALOOP".to_owned(),
            secret_key: SecretText::from("secretloop"),
            virtual_hosted: false,
        };
        let store = media::MediaStore::s3(&settings)?;
        let owner = UserId::from_bytes([1; 12]);
        let mut rng = rand::rngs::StdRng::seed_from_u64(1);
        let key = media::key::upload_key(owner, MediaKind::Image, "c.jpg", SystemClock.now(), &mut rng);
        for (seconds, wait, expected) in [(60, 0, 200), (1, 3, 403)] {
            let url = store
                .presigned_put(&key, "image/jpeg", Duration::from_secs(seconds))
                .await?
                .context("the storage signs nothing")?;
            nap(SignedDuration::from_secs(wait)).await;
            let status = self
                .put(url.as_str(), "image/jpeg", sandbox::samples::jpeg(64, 48, 3))
                .await?;
            ensure!(
                status == expected,
                "for {seconds} s, after {wait} s: the storage answered {status}"
            );
        }
        Ok(())
    }

    async fn too_long(&self) -> anyhow::Result<()> {
        let slot = self.slot("d.jpg").await?;
        let mut bytes = sandbox::samples::jpeg(64, 48, 4);
        bytes.resize(IMAGE_BYTES_MAX + 1, 0);
        self.refused(&slot, bytes, "PROBE_FAILED").await
    }

    async fn no_picture(&self) -> anyhow::Result<()> {
        let slot = self.slot("e.jpg").await?;
        self.refused(&slot, b"hello".repeat(100), "MEDIA_FILE_INDETERMINATE_TYPE")
            .await
    }

    /// Puts a file that is found out at its completion, and then is not there any more.
    async fn refused(&self, slot: &Slot, bytes: Vec<u8>, code: &str) -> anyhow::Result<()> {
        ensure!(
            self.put(&slot.upload_url, "image/jpeg", bytes).await? == 200,
            "the PUT was refused"
        );
        let (status, body) = self.complete(slot).await?;
        ensure!(
            status == 400 && body.get("code") == Some(&code.into()),
            "{status} {body}"
        );
        let read = self.http.get(&slot.file_url).send().await?.status();
        ensure!(read == 404, "the file is still there: {read}");
        Ok(())
    }
}

/// The product on this data directory, without the operator's own settings.
fn own(binary: &Path, data: &PathBuf) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("BROADSIDE_")) {
        command.env_remove(name);
    }
    command.arg("--data").arg(data).stdin(Stdio::null());
    command
}

fn field(body: &Value, name: &str) -> anyhow::Result<String> {
    let text = body.get(name).and_then(Value::as_str);
    Ok(text.with_context(|| format!("no {name} in {body}"))?.to_owned())
}

async fn nap(time: SignedDuration) {
    let until = SystemClock.now().saturating_add(time).unwrap_or(jiff::Timestamp::MAX);
    SystemClock.sleep_until(until).await;
}
