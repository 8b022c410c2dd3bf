//! `broadside post`.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use domain::capability::Capability;
use domain::content::{Media, Settings};
use domain::platform::Platform;
use jiff::{SignedDuration, Span, Timestamp, Zoned, civil};
use serde_json::Value;

use super::Context;
use super::output::Output;
use super::posts::post_lines;
use crate::admin::protocol::NewPost;
use crate::admin::unexpected;
use crate::admin::view::GroupView;
use crate::admin::{Door, Refusal, Reply, Request};

/// How long results are waited for. What is not finished by then goes on, when a server runs.
const WAIT_MAX: SignedDuration = SignedDuration::from_mins(5);
/// How often they are asked for.
const ASK_EVERY: SignedDuration = SignedDuration::from_millis(100);
/// A time that was over this long ago is taken for now; one before is a mistake.
const PAST_MAX: SignedDuration = SignedDuration::from_mins(1);
/// The longest text that is read from standard input, in bytes.
const TEXT_BYTES_MAX: u64 = 1_024 * 1_024;

/// Something certainly failed.
const EXIT_FAILED: u8 = 1;
/// Nobody knows whether something was published.
const EXIT_UNKNOWN: u8 = 3;
/// Something is still under way.
const EXIT_UNFINISHED: u8 = 4;

/// Publishes to one or several accounts, now or later.
#[derive(Debug, Args)]
#[command(
    after_help = "Ends with 0 when everything is published or planned, 1 when something failed, 3 when it is not \
known whether something was published, and 4 when something is still under way."
)]
pub(super) struct Post {
    /// The text; - reads it from standard input
    #[arg(value_name = "TEXT", allow_hyphen_values = true)]
    text: Option<String>,
    /// A file or an http address of one; can be given several times
    #[arg(long, value_name = "FILE")]
    media: Vec<String>,
    /// Describes the file before it, for people who cannot see it
    #[arg(long, value_name = "TEXT")]
    alt: Vec<String>,
    /// A reply to the post before it, which makes a thread; can be given several times
    #[arg(long, value_name = "TEXT")]
    reply: Vec<String>,
    /// A comment under the post, where the platform has comments
    #[arg(long, value_name = "TEXT")]
    first_comment: Option<String>,
    /// Where to: platform:name, a platform with one account, or an account's id; can be given several times
    #[arg(long, value_name = "ACCOUNT", required_unless_present = "all")]
    to: Vec<String>,
    /// To every connected account
    #[arg(long, conflicts_with = "to")]
    all: bool,
    /// When: an RFC 3339 instant, a local date and time, or a span from now such as 90m or 2d
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// A setting of one platform, as platform.key=value; the value is JSON or else text
    #[arg(long, value_name = "SETTING")]
    setting: Vec<String>,
    /// Whose accounts [default: the only user]
    #[arg(long)]
    user: Option<String>,
    /// Does not wait for results
    #[arg(long)]
    no_wait: bool,
}

impl Post {
    pub(super) async fn run(self, context: &Context) -> anyhow::Result<ExitCode> {
        let now = context.clock.now();
        let at = self.at.as_deref().map(|text| parse_time(text, now)).transpose()?;
        if let (Some(text), Some(at)) = (&self.at, at) {
            let is_past = at.saturating_add(PAST_MAX).unwrap_or(Timestamp::MAX) < now;
            ensure!(
                !is_past,
                "'{text}' is over, it was at {at:.0}; without --at it is published now"
            );
        }
        let settings = parse_settings(&self.setting)?;
        let text = read_text(self.text.as_deref())?;
        ensure!(self.alt.len() <= self.media.len(), "there are more --alt than --media");
        ensure!(
            !text.is_empty() || !self.media.is_empty(),
            "a post needs a text or --media"
        );
        let door = context.door().await?;
        let media = store_media(&door, self.user.as_deref(), &self.media, &self.alt).await?;
        let request = Request::Post(NewPost {
            user: self.user.clone(),
            text,
            media,
            replies: self.reply,
            first_comment: self.first_comment,
            settings,
            to: if self.all { Vec::new() } else { self.to },
            at,
        });
        let Reply::Group(group) = door.ask(request).await? else {
            return Err(unexpected());
        };
        if group
            .planned_at
            .is_some_and(|at| at > now.saturating_add(SignedDuration::from_secs(1)).unwrap_or(at))
        {
            return Ok(planned(context.out, &door, &group));
        }
        if self.no_wait {
            context.out.show(&group, || {
                format!("{} is on its way\n  next: broadside show {}", group.id, group.id)
            });
            if !door.is_server() {
                context.out.note("  no server runs: `broadside serve` publishes it");
            }
            return Ok(ExitCode::SUCCESS);
        }
        context.out.note(&format!("{}", group.id));
        door.publishing(follow(context, &door, self.user, group)).await
    }
}

fn planned(out: Output, door: &Door, group: &GroupView) -> ExitCode {
    out.show(group, || {
        let at = group.planned_at.map(|at| format!("{at:.0}")).unwrap_or_default();
        let hint = if door.is_server() {
            ""
        } else {
            "\n  no server runs: `broadside serve` publishes it when it is due"
        };
        format!("{} goes out at {at}{hint}", group.id)
    });
    ExitCode::SUCCESS
}

/// Prints results as they come until all are there, and tells by the exit code how it ended.
pub(super) async fn follow(
    context: &Context,
    door: &Door,
    user: Option<String>,
    group: GroupView,
) -> anyhow::Result<ExitCode> {
    let ends = context.clock.now().saturating_add(WAIT_MAX).unwrap_or(Timestamp::MAX);
    let mut told = Vec::new();
    let id = group.id.to_string();
    let mut group = group;
    loop {
        for post in &group.posts {
            let is_news = !told.iter().any(|(id, status)| *id == post.id && *status == post.status);
            if is_news && (post.done || matches!(post.status.as_str(), "waiting" | "reconciling")) {
                told.push((post.id, post.status.clone()));
                context.out.show(post, || post_lines(context.out, post));
            }
        }
        if group.is_done() || context.clock.now() >= ends {
            return Ok(exit_code(&group));
        }
        let soon = context.clock.now().saturating_add(ASK_EVERY).unwrap_or(ends);
        context.clock.sleep_until(soon).await;
        let request = Request::Show {
            user: user.clone(),
            id: id.clone(),
        };
        group = match door.ask(request).await {
            Ok(Reply::Group(group)) => group,
            Ok(_) => return Err(unexpected()),
            // What the server accepted it keeps, and goes on with when it runs again.
            Err(error) if door.is_server() && error.downcast_ref::<Refusal>().is_none() => {
                context.out.note(&format!(
                    "  the server has stopped; it keeps the post and goes on with it when it runs again\n  next: \
                     broadside show {id}"
                ));
                return Ok(EXIT_UNFINISHED.into());
            }
            Err(error) => return Err(error),
        };
    }
}

fn exit_code(group: &GroupView) -> ExitCode {
    let any = |words: &[&str]| group.posts.iter().any(|post| words.contains(&post.status.as_str()));
    if any(&["unconfirmed"]) {
        EXIT_UNKNOWN.into()
    } else if any(&["failed", "missed", "cancelled"]) {
        EXIT_FAILED.into()
    } else if !group.is_done() {
        EXIT_UNFINISHED.into()
    } else {
        ExitCode::SUCCESS
    }
}

async fn store_media(door: &Door, user: Option<&str>, files: &[String], alts: &[String]) -> anyhow::Result<Vec<Media>> {
    let mut stored = Vec::new();
    for (n, file) in files.iter().enumerate() {
        let is_address = file.starts_with("http://") || file.starts_with("https://");
        let mut media = if is_address {
            match door
                .ask(Request::MediaFetch {
                    user: user.map(str::to_owned),
                    url: file.clone(),
                })
                .await?
            {
                Reply::Media(media) => media,
                _ => return Err(unexpected()),
            }
        } else {
            door.put_media(user, Path::new(file)).await?
        };
        media.alt = alts.get(n).cloned();
        stored.push(media);
    }
    Ok(stored)
}

fn read_text(argument: Option<&str>) -> anyhow::Result<String> {
    match argument {
        None => Ok(String::new()),
        Some("-") => {
            let mut text = String::new();
            std::io::stdin()
                .lock()
                .take(TEXT_BYTES_MAX)
                .read_to_string(&mut text)
                .context("the text on standard input")?;
            Ok(text.trim_end().to_owned())
        }
        Some(text) => Ok(text.to_owned()),
    }
}

/// An instant, a local date and time in this machine's zone, or a span from now.
fn parse_time(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if let Ok(zoned) = text.parse::<Zoned>() {
        return Ok(zoned.timestamp());
    }
    if let Ok(local) = text.parse::<civil::DateTime>() {
        let zone = jiff::tz::TimeZone::system();
        return Ok(local.to_zoned(zone).context("the local time")?.timestamp());
    }
    if let Ok(span) = text.trim_start_matches("in ").parse::<Span>() {
        // Days are those of this machine's zone: "1d" is the same time tomorrow, whatever the clocks do at night.
        let local = now.to_zoned(jiff::tz::TimeZone::system());
        return Ok(local.checked_add(span).context("that is too far away")?.timestamp());
    }
    bail!("'{text}' is no time: write 2026-12-24T18:00:00Z, \"2026-12-24 18:00\" or 90m")
}

/// `platform.key=value`, several times.
fn parse_settings(texts: &[String]) -> anyhow::Result<Settings> {
    let mut settings = Settings::new();
    for text in texts {
        let parts = text
            .split_once('=')
            .and_then(|(path, value)| Some((path.split_once('.')?, value)));
        let Some(((word, key), value)) = parts else {
            bail!("'{text}' is no setting: write platform.key=value")
        };
        let platform: Platform = word.parse()?;
        let known = Capability::of(platform).settings;
        ensure!(
            known.contains(&key),
            "{} has no setting '{key}'; there are: {}",
            platform.name(),
            if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            }
        );
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        let of_platform = settings
            .entry(platform.word())
            .or_insert_with(|| Value::Object(Settings::new()));
        if let Value::Object(of_platform) = of_platform {
            of_platform.insert(key.to_owned(), value);
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_an_instant_or_a_span_from_now() {
        let now: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        assert_eq!(
            parse_time("2026-12-24T18:00:00Z", now).unwrap().to_string(),
            "2026-12-24T18:00:00Z"
        );
        assert_eq!(parse_time("90m", now).unwrap().to_string(), "2026-11-22T10:30:00Z");
        assert_eq!(parse_time("in 2h", now).unwrap().to_string(), "2026-11-22T11:00:00Z");
        assert!(parse_time("2026-12-24 18:00", now).is_ok());
        assert!(parse_time("2d", now).unwrap() > parse_time("46h", now).unwrap());
        assert!(parse_time("tomorrow-ish", now).is_err());
    }

    #[test]
    fn settings_are_json_where_they_are_json() {
        let texts = [
            "bluesky.labels=[\"a\"]",
            "mastodon.visibility=unlisted",
            "mastodon.sensitive=true",
        ];
        let settings = parse_settings(&texts.map(str::to_owned)).unwrap();
        assert_eq!(
            Value::Object(settings),
            serde_json::json!({"bluesky": {"labels": ["a"]}, "mastodon": {"visibility": "unlisted", "sensitive": true}})
        );
        assert!(parse_settings(&["myspace.a=b".to_owned()]).is_err());
        assert!(parse_settings(&["nonsense".to_owned()]).is_err());
    }
}
