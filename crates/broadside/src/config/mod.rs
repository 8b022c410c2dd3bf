//! Settings: embedded defaults, a TOML file, environment variables, flags; the later wins.

mod keys;
mod quotas;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use domain::plan::Plan;
use domain::platform::Platform;
use domain::secret::SecretText;
use engine::settings::StatedQuota;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize, Serializer};
use toml::{Table, Value};
use url::Url;

use keys::Kind;

/// The commented defaults, as a starting point for a file of one's own.
pub const DEFAULTS: &str = include_str!("defaults.toml");

/// The file that is read from the data directory when no other is named.
pub const FILE_NAME: &str = "broadside.toml";

/// All settings.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The HTTP server.
    pub server: Server,
    /// Where everything durable is.
    pub data: Data,
    /// Logs.
    pub log: Log,
    /// The publisher.
    pub publisher: Publisher,
    /// Connected accounts.
    pub accounts: Accounts,
    /// Media.
    pub media: Media,
    /// Webhooks.
    pub webhooks: Webhooks,
    /// Users.
    pub users: Users,
    /// Plans by their words.
    #[serde(default)]
    pub plans: BTreeMap<String, Plan>,
    /// Tools for programs that speak MCP.
    pub mcp: Mcp,
    /// Platforms.
    #[serde(default)]
    pub platforms: BTreeMap<Platform, PlatformConfig>,
}

/// Section `server`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Where the HTTP API listens.
    pub listen: SocketAddr,
    /// The address under which others reach this server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_url: Option<Url>,
}

/// Section `data`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The data directory.
    pub dir: PathBuf,
}

/// Section `log`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// The form of a line.
    pub format: LogFormat,
    /// A level or directives.
    pub level: String,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Section `publisher`; see [`engine::Settings`].
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Publisher {
    /// Sends under way at once; a platform has half of them at most.
    pub sends_max: usize,
    /// Posts claimed at once.
    pub claimed_max: usize,
    /// When a late post is missed.
    pub late_after: SignedDuration,
    /// When a late post makes its account catch up.
    pub behind_after: SignedDuration,
    /// The longest time between two looks at the database.
    pub poll: SignedDuration,
    /// How long a platform may work on something.
    pub processing_max: SignedDuration,
    /// Whether posts keep to their platforms' quotas.
    pub rate_budgets: bool,
    /// When the watchdog speaks.
    pub watchdog_after: SignedDuration,
    /// How long a shutdown waits.
    pub drain: SignedDuration,
}

/// Section `accounts`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Accounts {
    /// How long a due post waits for somebody to connect its account again; zero makes it fail at once.
    pub reconnect_grace: SignedDuration,
}

/// Section `media`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Media {
    /// Origins that may be imported from although their addresses are private.
    pub allow: Vec<String>,
    /// The largest image in bytes.
    pub image_bytes_max: u64,
    /// The largest video in bytes.
    pub video_bytes_max: u64,
    /// The largest document in bytes.
    pub document_bytes_max: u64,
    /// How many URLs one user may have imported in an hour.
    pub imports_per_hour: u32,
    /// The bucket that files are kept in; without one they lie in the data directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3>,
}

/// Section `media.s3`: a bucket of an S3-compatible storage.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct S3 {
    /// Where the service is; Amazon's if it is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Url>,
    /// The region, which every signature names.
    #[serde(default = "usual_region")]
    pub region: String,
    /// The bucket.
    pub bucket: String,
    /// The public half of the key.
    pub access_key: String,
    /// The secret half; shown as `(set)`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "hidden",
        deserialize_with = "secret"
    )]
    pub secret_key: Option<SecretText>,
    /// A file that holds the secret half.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_file: Option<PathBuf>,
    /// Whether the bucket's name is part of the host's, as Amazon has it, and not of the path.
    #[serde(default)]
    pub virtual_hosted: bool,
}

fn usual_region() -> String {
    "us-east-1".to_owned()
}

/// Section `webhooks`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// Receivers that may be delivered to although their addresses are private.
    pub allow: Vec<String>,
}

/// Section `users`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Users {
    /// The word of the plan that a new user has.
    pub plan: String,
}

/// Section `mcp`.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Mcp {
    /// Tools to offer beyond the eighteen of the baseline.
    pub extra_tools: Vec<String>,
}

/// A table of section `platforms`.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PlatformConfig {
    /// Where the API is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<Url>,
    /// The app's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The app's secret; shown as `(set)`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "hidden",
        deserialize_with = "secret"
    )]
    pub client_secret: Option<SecretText>,
    /// A file that holds the app's secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_file: Option<PathBuf>,
    /// Scopes to ask for beyond the usual ones: what the platform approved the app for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// Quotas that differ from those that the platform documents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quotas: Vec<String>,
}

fn hidden<S: Serializer>(_: &Option<SecretText>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("(set)")
}

fn secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<SecretText>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretText::new))
}

/// What the command line says about settings.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--config`.
    pub config: Option<PathBuf>,
    /// `--data`.
    pub data: Option<PathBuf>,
    /// `--listen`.
    pub listen: Option<SocketAddr>,
    /// `--public-url`.
    pub public_url: Option<Url>,
}

impl Config {
    /// The settings that hold for this process.
    ///
    /// # Errors
    /// When a file cannot be read, a setting does not exist, or a value is not what its setting takes; the text names
    /// the setting and where it was found.
    pub fn load(flags: &Flags) -> anyhow::Result<Self> {
        Self::assemble(
            flags,
            std::env::vars().filter(|(name, _)| name.starts_with("BROADSIDE_")),
        )
    }

    fn assemble(flags: &Flags, env: impl Iterator<Item = (String, String)>) -> anyhow::Result<Self> {
        let mut table: Table = DEFAULTS.parse().context("the built-in defaults")?;
        let from_env = env_table(env)?;
        let file = file_for(flags, &from_env, &table);
        if let Some(path) = &file {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let read: Table = text
                .parse()
                .with_context(|| format!("{} is not valid TOML", path.display()))?;
            check(&read, &path.display().to_string())?;
            merge(&mut table, read);
        }
        merge(&mut table, from_env);
        let mut config: Self = table.try_into().context("the settings")?;
        if let Some(dir) = &flags.data {
            config.data.dir.clone_from(dir);
        }
        if let Some(listen) = flags.listen {
            config.server.listen = listen;
        }
        if let Some(url) = &flags.public_url {
            config.server.public_url = Some(url.clone());
        }
        config.validate()?;
        Ok(config)
    }

    /// The plans that users can be given.
    ///
    /// # Errors
    /// When new users are to have one that there is not.
    pub fn plans(&self) -> anyhow::Result<engine::Plans> {
        engine::Plans::new(self.plans.clone(), &self.users.plan).with_context(|| {
            format!(
                "users.plan is '{0}', and there is no table [plans.{0}]",
                self.users.plan
            )
        })
    }

    /// The quotas that the operator states.
    ///
    /// # Errors
    /// When one makes no sense; the text names its setting.
    pub fn stated_quotas(&self) -> anyhow::Result<Vec<StatedQuota>> {
        let stated = self.platforms.iter().flat_map(|(platform, settings)| {
            let parse = move |text: &String| {
                quotas::parse(*platform, text).with_context(|| format!("platforms.{platform}.quotas"))
            };
            settings.quotas.iter().map(parse)
        });
        stated.collect()
    }

    fn validate(&self) -> anyhow::Result<()> {
        self.plans()?;
        self.stated_quotas()?;
        let positive = [
            ("publisher.sends_max", self.publisher.sends_max),
            ("publisher.claimed_max", self.publisher.claimed_max),
        ];
        for (path, number) in positive {
            ensure!(number > 0, "{path} must be at least 1");
        }
        ensure!(
            self.media.imports_per_hour > 0,
            "media.imports_per_hour must be at least 1"
        );
        let times = [
            ("publisher.late_after", self.publisher.late_after),
            ("publisher.poll", self.publisher.poll),
            ("publisher.processing_max", self.publisher.processing_max),
        ];
        for (path, time) in times {
            ensure!(time >= SignedDuration::from_secs(1), "{path} must be at least a second");
        }
        let spans = [
            ("publisher.behind_after", self.publisher.behind_after),
            ("publisher.watchdog_after", self.publisher.watchdog_after),
            ("publisher.drain", self.publisher.drain),
            ("accounts.reconnect_grace", self.accounts.reconnect_grace),
        ];
        for (path, span) in spans {
            ensure!(!span.is_negative(), "{path} must not be negative");
        }
        for name in &self.mcp.extra_tools {
            let known: Vec<_> = mcp::names_of_later_tools().collect();
            ensure!(
                known.contains(&name.as_str()),
                "mcp.extra_tools has '{name}'; there are {}",
                known.join(", ")
            );
        }
        if let Some(url) = &self.server.public_url {
            ensure!(
                matches!(url.scheme(), "http" | "https"),
                "server.public_url must be an http or https address"
            );
            ensure!(
                url.query().is_none() && url.fragment().is_none(),
                "server.public_url must end with its path: paths of this server are appended to it"
            );
        }
        for (platform, settings) in &self.platforms {
            ensure!(
                settings.client_secret.is_none() || settings.client_secret_file.is_none(),
                "platforms.{platform} has both client_secret and client_secret_file; keep one"
            );
            ensure!(
                settings.client_id.is_some()
                    || (settings.client_secret.is_none() && settings.client_secret_file.is_none()),
                "platforms.{platform} has a secret without client_id; set both"
            );
        }
        Ok(())
    }
}

/// The file to read: the one that is named must exist, the one in the data directory may.
fn file_for(flags: &Flags, env: &Table, defaults: &Table) -> Option<PathBuf> {
    if let Some(path) = &flags.config {
        return Some(path.clone());
    }
    let dir_in = |table: &Table| table.get("data")?.get("dir")?.as_str().map(PathBuf::from);
    let dir = flags
        .data
        .clone()
        .or_else(|| dir_in(env))
        .or_else(|| dir_in(defaults))?;
    Some(dir.join(FILE_NAME)).filter(|path| Path::exists(path))
}

/// Settings from the environment: `BROADSIDE_SECTION__KEY`. Other variables without `__` are other programs' business, but
/// for those that only lack an underscore.
fn env_table(env: impl Iterator<Item = (String, String)>) -> anyhow::Result<Table> {
    let mut table = Table::new();
    for (name, value) in env {
        let Some(rest) = name.strip_prefix("BROADSIDE_") else {
            continue;
        };
        if !rest.contains("__") {
            let doubled = rest.replacen('_', "__", 1);
            let is_meant = keys::kind(&doubled.to_lowercase().replace("__", ".")).is_some();
            ensure!(!is_meant, "{name} is no setting; did you mean BROADSIDE_{doubled}?");
            continue;
        }
        let path = rest.to_lowercase().replace("__", ".");
        let Some(kind) = keys::kind(&path) else {
            bail!("{name}: {}", unknown(&path));
        };
        let value = parse(kind, &value).with_context(|| format!("{name} ({path})"))?;
        insert(&mut table, &path, value);
    }
    Ok(table)
}

fn parse(kind: Kind, text: &str) -> anyhow::Result<Value> {
    Ok(match kind {
        Kind::Text => Value::String(text.to_owned()),
        Kind::Flag => Value::Boolean(text.trim().parse().context("true or false is needed")?),
        Kind::Number => Value::Integer(text.trim().parse().context("a whole number is needed")?),
        Kind::Truth => Value::Boolean(text.trim().parse().context("true or false is needed")?),
        Kind::List => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
        }
    })
}

fn insert(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            table.insert(path.to_owned(), value);
        }
        Some((head, rest)) => {
            if let Value::Table(inner) = table.entry(head).or_insert_with(|| Value::Table(Table::new())) {
                insert(inner, rest, value);
            }
        }
    }
}

/// Refuses settings that do not exist, all of them at once.
fn check(table: &Table, file: &str) -> anyhow::Result<()> {
    let mut found = Vec::new();
    unknown_in(table, "", &mut found);
    ensure!(
        found.is_empty(),
        "{file}: {}",
        found.iter().map(|path| unknown(path)).collect::<Vec<_>>().join("; ")
    );
    Ok(())
}

fn unknown_in(table: &Table, prefix: &str, found: &mut Vec<String>) {
    for (key, value) in table {
        let path = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        match value {
            Value::Table(inner) if !inner.is_empty() => unknown_in(inner, &path, found),
            Value::Table(_) => {}
            _ if keys::kind(&path).is_none() => found.push(path),
            _ => {}
        }
    }
}

fn unknown(path: &str) -> String {
    match keys::nearest(path) {
        Some(near) => format!("there is no setting '{path}'; did you mean '{near}'?"),
        None => format!("there is no setting '{path}'; `broadside config show --defaults` lists all"),
    }
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(other)) => merge(inner, other),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests;
