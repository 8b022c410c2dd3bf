//! The performance: sample posts, their results and their timelines as they come.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use anyhow::Context;
use domain::capability::{Capability, PostType};
use domain::content::{Content, Media, PartContent};
use domain::ids::{GroupId, PostId};
use domain::platform::Platform;
use engine::commands::{CreateGroup, Target};
use jiff::{SignedDuration, Timestamp};
use sandbox::Filter;
use serde::Serialize;

use super::cast::{Behaviour, Role};
use super::stage::Stage;
use crate::admin::Reply;
use crate::admin::view::{GroupView, PostView};
use crate::cli::output::{Output, Tone};

/// A behaviour that is not met by then is not met.
const ENDS_WITHIN: SignedDuration = SignedDuration::from_secs(38);
const LOOK_EVERY: SignedDuration = SignedDuration::from_millis(25);

/// What every good account publishes, as far as its platform takes it.
const KINDS: &[PostType] = &[PostType::Text, PostType::Image, PostType::Images, PostType::Video];

/// A group that was made.
struct Group {
    id: GroupId,
    kind: PostType,
    text: String,
}

/// One target's end, as `--json` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ended {
    /// Where.
    pub platform: Platform,
    /// How the account behaves.
    pub behaviour: Behaviour,
    /// The kind of post: `text`, `image`, `images` or `video`.
    pub post: PostType,
    /// The state that its post is in.
    pub status: String,
    /// The public page.
    pub url: Option<String>,
    /// Posts that the platform really made, by the sandbox's journal.
    pub copies: usize,
    /// Publishing attempts.
    pub attempts: u32,
    /// From the request to the end.
    pub ms: i128,
}

/// Posts and reports.
pub struct Show<'a> {
    stage: &'a Stage,
    out: Output,
    text: String,
}

impl<'a> Show<'a> {
    /// A performance whose posts nobody can confuse with those of another.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn new(stage: &'a Stage, out: Output) -> anyhow::Result<Self> {
        let number = crate::wiring::random_number()? & 0xff_ffff;
        Ok(Self {
            stage,
            out,
            text: format!("Hello from Broadside: one request, every network. Take {number:06x}"),
        })
    }

    /// Publishes samples. With `all` the good accounts get each kind of post that their platform takes, and the others
    /// get a picture; without it the good ones get a picture. True when everything ended as its account's behaviour says.
    ///
    /// # Errors
    /// When the server does not do what it should, which is a bug.
    pub async fn perform(&self, all: bool) -> anyhow::Result<bool> {
        let started = self.stage.server.site.engine.clock().now();
        let kinds = if all { KINDS } else { &[PostType::Image] };
        let mut groups = Vec::new();
        for kind in kinds {
            groups.push(self.publish(*kind, all).await?);
        }
        self.follow(&groups, started).await
    }

    /// One group with this kind of post, for everybody whom it is for.
    async fn publish(&self, kind: PostType, all: bool) -> anyhow::Result<Group> {
        let is_for = |role: &Role| match role.behaviour {
            Behaviour::Ok => Capability::of(role.platform).takes(kind),
            _ => all && kind == PostType::Image,
        };
        let cast = self.stage.accounts.iter().filter(|(role, _)| is_for(role));
        let text = format!("{} ({})", self.text, kind.word());
        let command = CreateGroup {
            owner: self.stage.user.id,
            content: Content {
                head: PartContent {
                    text: text.clone(),
                    media: self.samples(kind).await?,
                },
                ..Content::default()
            },
            targets: cast
                .map(|(role, account)| Target {
                    platform: role.platform,
                    remote_id: account.identity.remote_id.clone(),
                })
                .collect(),
            draft: false,
            planned_at: None,
            idempotency: None,
            request_id: None,
        };
        let id = self.stage.server.site.engine.create_group(command).await?.id;
        Ok(Group { id, kind, text })
    }

    /// The files of such a post.
    async fn samples(&self, kind: PostType) -> anyhow::Result<Vec<Media>> {
        let names: &[&str] = match kind {
            PostType::Image => &["image.jpg"],
            PostType::Images => &["image.jpg", "image2.jpg", "image3.jpg"],
            PostType::Video => &["video.mp4"],
            _ => &[],
        };
        let mut media = Vec::new();
        for name in names {
            media.push(self.sample(name).await?);
        }
        Ok(media)
    }

    async fn sample(&self, name: &str) -> anyhow::Result<Media> {
        let url = self.stage.sandbox.sample_url(name);
        let site = &self.stage.server.site;
        match site.fetch_media(Some(&self.stage.user.name), &url).await? {
            Reply::Media(mut media) => {
                media.alt = Some("A sample".to_owned());
                Ok(media)
            }
            _ => anyhow::bail!("the sample {name} was not stored"),
        }
    }

    /// Reports each post when it ends.
    async fn follow(&self, groups: &[Group], started: Timestamp) -> anyhow::Result<bool> {
        let engine = &self.stage.server.site.engine;
        let ends = started.saturating_add(ENDS_WITHIN)?;
        let mut told: BTreeMap<PostId, bool> = BTreeMap::new();
        loop {
            let is_over = engine.clock().now() >= ends;
            let mut posts = 0;
            for group in groups {
                let view = GroupView::from(&engine.group(&self.stage.reach(), group.id).await?);
                posts += view.posts.len();
                for post in view.posts.iter().filter(|post| post.done || is_over) {
                    if let Entry::Vacant(place) = told.entry(post.id) {
                        place.insert(self.report(group, post, started).await?);
                    }
                }
            }
            if told.len() == posts {
                return Ok(told.into_values().all(|is_met| is_met));
            }
            engine
                .clock()
                .sleep_until(engine.clock().now().saturating_add(LOOK_EVERY)?)
                .await;
        }
    }

    async fn report(&self, group: &Group, post: &PostView, started: Timestamp) -> anyhow::Result<bool> {
        let is_meant = |(role, account): &&(Role, _)| {
            let account: &domain::account::Account = account;
            role.platform == post.platform && account.identity.remote_id == post.account
        };
        let (role, account) = self
            .stage
            .accounts
            .iter()
            .find(is_meant)
            .context("a post of nobody's")?;
        let filter = Filter {
            platform: Some(role.platform),
            account: Some(account.identity.remote_id.clone()),
            text: Some(group.text.clone()),
        };
        let ended = Ended {
            platform: role.platform,
            behaviour: role.behaviour,
            post: group.kind,
            status: post.status.clone(),
            url: post.url.clone(),
            copies: self.stage.sandbox.published(&filter).len(),
            attempts: post.attempts,
            ms: post.ended_at.unwrap_or(started).duration_since(started).as_millis(),
        };
        let is_met = role.behaviour.is_met_by(post, ended.copies);
        if self.out.is_json() {
            self.out.json_line(&ended);
        } else {
            self.print(&ended, post, is_met);
            if role.behaviour != Behaviour::Ok {
                self.print_timeline(group.id, post.id, started).await?;
            }
        }
        Ok(is_met)
    }

    fn print(&self, ended: &Ended, post: &PostView, is_met: bool) {
        let (mark, tone) = match (is_met, ended.status.as_str()) {
            (false, _) => ("!", Tone::Bad),
            (true, "published") => ("✓", Tone::Good),
            (true, "unconfirmed") => ("?", Tone::Doubtful),
            (true, _) => ("✗", Tone::Doubtful),
        };
        let told = ended
            .url
            .clone()
            .or_else(|| post.error.as_ref().map(|error| error.message.clone()))
            .unwrap_or_default();
        let name = ended.platform.name();
        let line = format!(
            "{} {name:<10} {:<7} {:<22} {:<12} {:>6} ms  {told}",
            self.out.toned(tone, mark),
            ended.post.word(),
            ended.behaviour.word(),
            ended.status,
            ended.ms
        );
        self.out.line(line.trim_end());
    }

    async fn print_timeline(&self, group: GroupId, post: PostId, started: Timestamp) -> anyhow::Result<()> {
        let entries = self
            .stage
            .server
            .site
            .engine
            .group_log(&self.stage.reach(), group, 1_000)
            .await?;
        let of_post = entries.iter().filter(|record| record.entry.post == Some(post));
        let steps: Vec<_> = of_post
            .map(|record| {
                let at = record.entry.at.duration_since(started).as_secs_f64();
                format!("{} +{at:.2}s", record.entry.kind.word().replace('_', " "))
            })
            .collect();
        self.out
            .line(&self.out.toned(Tone::Faint, &format!("    {}", steps.join(" → "))));
        Ok(())
    }
}
