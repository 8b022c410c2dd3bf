//! One post with everything, read back from the real server; and one post for each place at which the product can die.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use domain::platform::Platform;
use engine::points::CrashPoint;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::server::{Login, Record};
use super::world::RealWorld;
use crate::chaos::admin;
use crate::chaos::control::http_client;
use crate::chaos::database::{Database, PostRow};
use crate::chaos::outside::{Outside, dialect_word};
use crate::chaos::processes::Server;
use crate::chaos::time::{Deadline, Time, pause};

/// The picture that is posted, and its media type's ending.
const PICTURE: &str = "image2.png";
/// A post must come to its end within this wall time.
const ENDED_WITHIN: Duration = Duration::from_secs(90);
/// A place must be reached within this wall time.
const REACHED_WITHIN: Duration = Duration::from_secs(20);

/// The product, an account on the real server, and what is needed to post to it.
pub(super) struct Walk<'a> {
    world: &'a RealWorld,
    server: Server,
    http: reqwest::Client,
    key: String,
    login: Login,
    friend: Login,
    picture_url: String,
}

impl<'a> Walk<'a> {
    /// Starts the product in `folder` and connects an account by its command line.
    pub(super) async fn start(world: &'a RealWorld, binary: &Path, folder: &Path, time: Time) -> anyhow::Result<Self> {
        let pictures = serve_samples().await?;
        let settings = format!("[media]\nallow = [\"{pictures}\"]\n{}", world.settings());
        let mut server = Server::new(binary, folder, time, &settings, Vec::new())?;
        server.start().await?;
        let key = admin::new_key(&server.data()).await?;
        let (login, friend) = (world.login("walker1").await?, world.login("walker2").await?);
        connect(binary, &server, world, &login).await?;
        let picture_url = format!("{pictures}/{PICTURE}");
        Ok(Self {
            world,
            server,
            http: http_client(ENDED_WITHIN)?,
            key,
            login,
            friend,
            picture_url,
        })
    }

    async fn create(&self, text: &str, media: &[&str]) -> anyhow::Result<String> {
        let target = format!("{}-{}", dialect_word(self.world.platform()), self.login.id);
        let now = format!("{:.3}", self.server.time().now());
        let mut body = json!({"content": text, "platforms": [target], "scheduledTime": now});
        if let (false, Some(object)) = (media.is_empty(), body.as_object_mut()) {
            object.insert("mediaUrls".to_owned(), json!(media));
        }
        let url = format!("{}/api/v1/create-post", self.server.base_url());
        let answer = self
            .http
            .post(url)
            .header("x-api-key", &self.key)
            .json(&body)
            .send()
            .await?;
        let (status, answer) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "create-post was answered {status}: {answer}");
        let answer: Value = serde_json::from_str(&answer)?;
        Ok(answer
            .get("postGroupId")
            .and_then(Value::as_str)
            .context("no postGroupId")?
            .to_owned())
    }

    /// Waits until the post has come to its end.
    async fn ended(&self, group: &str) -> anyhow::Result<PostRow> {
        let deadline = Deadline::within(ENDED_WITHIN);
        let database = Database::of(&self.server.data());
        loop {
            let row = database
                .posts()
                .await?
                .into_iter()
                .find(|row| row.group == group)
                .context("an unknown group")?;
            if matches!(
                row.state.as_str(),
                "published" | "failed" | "unconfirmed" | "missed" | "cancelled"
            ) {
                return Ok(row);
            }
            if deadline.passed() {
                bail!("it has not come to an end: {}", row.data);
            }
            pause(Duration::from_millis(50)).await;
        }
    }

    async fn out_there(&self, is_it: impl Fn(&Record) -> bool) -> anyhow::Result<Vec<Record>> {
        let mut records = self.world.server().posts(&self.login).await?;
        records.retain(is_it);
        Ok(records)
    }

    /// Publishes a post with a link, a mention, a tag and a picture, and reads it back.
    pub(super) async fn everything(&self) -> anyhow::Result<()> {
        let text = format!(
            "Zürich 🇨🇭 grüßt @{} mit https://example.com/ä?b=1 und #größe am Schluss",
            self.friend.handle
        );
        let row = self.ended(&self.create(&text, &[&self.picture_url]).await?).await?;
        ensure!(row.state == "published", "it is {}: {}", row.state, row.data);
        let found = self.out_there(|record| record.text.contains("am Schluss")).await?;
        let [record] = found.as_slice() else {
            bail!("it is out there {} times", found.len())
        };
        match self.world.platform() {
            Platform::Bluesky => self.check_record(record, &text).await,
            _ => self.check_status(record).await,
        }
    }

    async fn check_record(&self, record: &Record, text: &str) -> anyhow::Result<()> {
        ensure!(record.text == text, "the text is '{}'", record.text);
        let wanted = [
            (
                format!("@{}", self.friend.handle),
                "mention",
                "did",
                self.friend.id.as_str(),
            ),
            (
                "https://example.com/ä?b=1".to_owned(),
                "link",
                "uri",
                "https://example.com/ä?b=1",
            ),
            ("#größe".to_owned(), "tag", "tag", "größe"),
        ];
        let facets = record
            .whole
            .pointer("/value/facets")
            .and_then(Value::as_array)
            .context("no facets")?;
        ensure!(facets.len() == wanted.len(), "there are {} facets", facets.len());
        for (facet, (piece, kind, field, value)) in facets.iter().zip(&wanted) {
            let at = |name: &str| {
                facet
                    .pointer(&format!("/index/{name}"))
                    .and_then(Value::as_u64)
                    .unwrap_or_default()
            };
            let (from, to) = (usize::try_from(at("byteStart"))?, usize::try_from(at("byteEnd"))?);
            let covered = text.as_bytes().get(from..to).map(String::from_utf8_lossy);
            ensure!(
                covered.as_deref() == Some(piece),
                "a facet covers {covered:?} and not '{piece}'"
            );
            let feature = facet.pointer("/features/0").context("a facet without a feature")?;
            let is_kind =
                feature.get("$type").and_then(Value::as_str) == Some(&format!("app.bsky.richtext.facet#{kind}"));
            let said = feature.get(field).and_then(Value::as_str).unwrap_or_default();
            let same = said == *value || (*kind == "link" && url::Url::parse(said) == url::Url::parse(value));
            ensure!(is_kind && same, "the facet of '{piece}' is {feature}");
        }
        let cid = record
            .whole
            .pointer("/value/embed/images/0/image/ref/$link")
            .and_then(Value::as_str);
        let blob = self
            .world
            .server()
            .blob(&self.login.id, cid.context("no picture")?)
            .await?;
        same_picture(&blob)
    }

    async fn check_status(&self, record: &Record) -> anyhow::Result<()> {
        let html = record.whole.get("content").and_then(Value::as_str).unwrap_or_default();
        for piece in ["example.com", "größe", self.friend.handle.as_str()] {
            ensure!(html.contains(piece), "'{piece}' is not in {html}");
        }
        let url = record
            .whole
            .pointer("/media_attachments/0/url")
            .and_then(Value::as_str)
            .context("no picture")?;
        same_picture(&self.world.server().file(url).await?)
    }

    /// The answer to a post is lost: one record exists afterwards.
    pub(super) async fn lost_answer(&self) -> anyhow::Result<()> {
        self.world.proxy().drop_answers(1);
        let text = "the answer to this one was lost";
        let row = self.ended(&self.create(text, &[]).await?).await?;
        self.exactly_one(text, &row).await
    }

    /// The product dies at a place and is started again: one record exists afterwards.
    pub(super) async fn death_at(&mut self, point: CrashPoint) -> anyhow::Result<()> {
        match point {
            CrashPoint::Asked => self.world.proxy().drop_answers(1),
            point if point.is_of_a_refresh() => {
                self.world.proxy().expire(&self.login.id);
            }
            _ => {}
        }
        self.server.arm(point.word())?;
        let text = format!("the server dies at {}", point.word());
        let group = self.create(&text, &[]).await?;
        let died = self.server.dies_within(REACHED_WITHIN).await?;
        self.server.disarm()?;
        ensure!(died, "the place was not reached");
        self.server.start().await?;
        let row = self.ended(&group).await?;
        self.exactly_one(&text, &row).await
    }

    async fn exactly_one(&self, text: &str, row: &PostRow) -> anyhow::Result<()> {
        let copies = self.out_there(|record| record.text == text).await?.len();
        ensure!(
            copies == 1,
            "it is out there {copies} times, and the server says {}: {}",
            row.state,
            row.data
        );
        ensure!(
            row.state == "published",
            "it is out there, and the server says {}: {}",
            row.state,
            row.data
        );
        Ok(())
    }
}

/// `broadside account add`, with the secret in the environment.
async fn connect(binary: &Path, server: &Server, world: &RealWorld, login: &Login) -> anyhow::Result<()> {
    let mut command = Command::new(binary);
    command.args([
        "account",
        "add",
        "--platform",
        world.platform().word(),
        "--base-url",
        world.proxy().base_url(),
    ]);
    command.arg("--data").arg(server.data()).args(server.time().flags());
    let variable = match world.platform() {
        Platform::Bluesky => {
            command.args(["--identifier", &login.handle]);
            "BROADSIDE_ACCOUNT_PASSWORD"
        }
        _ => "BROADSIDE_ACCOUNT_TOKEN",
    };
    let output = command
        .env(variable, &login.secret)
        .stdin(std::process::Stdio::null())
        .output()
        .await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "`broadside account add` ended with {}: {said}",
        output.status
    );
    Ok(())
}

fn same_picture(bytes: &[u8]) -> anyhow::Result<()> {
    let (_, original) = sandbox::samples::by_name(PICTURE).context("no such sample")?;
    let same = Sha256::digest(bytes) == Sha256::digest(&original);
    ensure!(
        same,
        "the picture came back with {} bytes instead of {}",
        bytes.len(),
        original.len()
    );
    Ok(())
}

/// Serves the samples on loopback; returns the origin.
async fn serve_samples() -> anyhow::Result<String> {
    use axum::extract::Path;
    use axum::http::{StatusCode, header};
    let sample = |Path(name): Path<String>| async move {
        match sandbox::samples::by_name(&name) {
            Some((mime, bytes)) => Ok(([(header::CONTENT_TYPE, mime)], bytes)),
            None => Err(StatusCode::NOT_FOUND),
        }
    };
    let routes = axum::Router::new().route("/{name}", axum::routing::get(sample));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let origin = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(origin)
}

/// The places that a post to this server can lead by.
pub(super) fn places(world: &RealWorld) -> impl Iterator<Item = CrashPoint> {
    CrashPoint::ALL.iter().copied().filter(|point| world.can_reach(*point))
}
