//! Containers: what Threads fetched and is preparing.

use axum::extract::{Path, State};
use domain::platform::Platform;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::text::{first_tag, is_topic, length};
use super::{Threads, new_id, not_everywhere};
use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Handled, Turn, open};
use crate::fault::Class;
use crate::fetch::{fetch, fetch_to};
use crate::form::Fields;
use crate::graph::{self, Asked, Preparation, Progress, invalid, own_user};
use crate::medium::{Kind, Medium};
use crate::spool::Spool;
use crate::world::{Shared, lock};

/// After what time a container is known everywhere.
const SPREADS: SignedDuration = SignedDuration::from_secs(5);
/// Status polls that an image needs.
const IMAGE_POLLS: u32 = 1;
/// Status polls that a video needs.
const VIDEO_POLLS: u32 = 2;
/// The length of a text.
const TEXT_MAX: usize = 500;
/// Characters of an alternative text.
const ALT_MAX: usize = 1_000;
/// Bytes of an image.
const IMAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes that are fetched before an image is called too large.
const FETCH_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of a video.
const VIDEO_BYTES_MAX: usize = 1024 * 1024 * 1024;
/// Items of a carousel.
const CHILDREN: std::ops::RangeInclusive<usize> = 2..=20;
const REPLY_CONTROLS: &[&str] = &[
    "everyone",
    "accounts_you_follow",
    "mentioned_only",
    "parent_post_author_only",
    "followers_only",
];

/// What a container will become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Product {
    Text,
    Image,
    Video,
    Carousel,
}

impl Product {
    /// The type that is read back, which is not the one that was sent.
    pub(super) const fn shown(self) -> &'static str {
        match self {
            Self::Text => "TEXT_POST",
            Self::Image => "IMAGE",
            Self::Video => "VIDEO",
            Self::Carousel => "CAROUSEL_ALBUM",
        }
    }
}

/// A container.
#[derive(Debug, Clone)]
pub(super) struct Container {
    pub(super) id: String,
    pub(super) account: String,
    pub(super) product: Product,
    pub(super) is_item: bool,
    pub(super) text: String,
    pub(super) media: Vec<String>,
    pub(super) alt: Vec<String>,
    pub(super) reply_to: Option<String>,
    pub(super) settings: Value,
    /// How far it is; a failure is its `error_message`.
    pub(super) preparation: Preparation<String>,
    /// When it is known everywhere at the latest.
    pub(super) known_after: SignedDuration,
    /// Whether a status that said "finished" makes it known everywhere.
    pub(super) spreads_by_status: bool,
}

pub(super) async fn create(
    State(world): State<Shared>,
    Path((_version, user)): Path<(String, String)>,
    call: Call,
) -> Handled {
    let asked = Asked::read(&call);
    let mut turn = open(
        &world,
        Threads,
        &call,
        asked.credential(),
        Class::Upload,
        &asked.text("text"),
    )
    .await?;
    let answer = match own_user(&turn, &user) {
        Ok(account) => make(&mut turn, &account, &asked.fields).await,
        Err(refused) => Err(refused),
    };
    Ok(turn.close(answer).await)
}

async fn make(turn: &mut Turn<Threads>, account: &Account, fields: &Fields) -> Result<Answer, Answer> {
    if fields.flag("auto_publish_text") {
        turn.violates("auto_publish_text leaves nothing to reconcile with");
        return Err(invalid("Param auto_publish_text is not accepted here"));
    }
    let product = product(fields)?;
    let text = fields.text("text").unwrap_or_default();
    check_words(fields, product, &text)?;
    let reply_to = match fields.text("reply_to_id") {
        Some(parent) => Some(reply_target(turn, parent)?),
        None => None,
    };
    let mut container = Container {
        id: new_id(turn),
        account: account.remote_id.clone(),
        product,
        is_item: fields.flag("is_carousel_item"),
        settings: settings(fields, &text),
        text,
        media: Vec::new(),
        alt: Vec::new(),
        reply_to,
        preparation: Preparation::new(turn.now, 0, None),
        known_after: SPREADS,
        spreads_by_status: true,
    };
    if turn.picked.read_lag_s > 0 {
        let lag = i64::try_from(turn.picked.read_lag_s).unwrap_or(i64::MAX);
        container.known_after = SignedDuration::from_secs(lag);
        container.spreads_by_status = false;
    }
    let (polls, fails) = take_media(turn, fields, &mut container).await?;
    let fails = if turn.picked.processing_fails {
        Some("FAILED_PROCESSING_VIDEO".to_owned())
    } else {
        fails
    };
    container.preparation = Preparation::new(turn.now, turn.picked.polls.unwrap_or(polls), fails);
    let id = container.id.clone();
    lock(&turn.world.threads.containers).insert(id.clone(), container);
    Ok(Answer::ok(&json!({ "id": id })))
}

/// Takes files or children into a container: the status polls that they need, and what is wrong with them.
async fn take_media(
    turn: &Turn<Threads>,
    fields: &Fields,
    container: &mut Container,
) -> Result<(u32, Option<String>), Answer> {
    let polls = match container.product {
        Product::Text => return Ok((0, None)),
        Product::Carousel => return gather(turn, fields, container).map(|()| (0, None)),
        Product::Image => IMAGE_POLLS,
        Product::Video => VIDEO_POLLS,
    };
    container.alt.push(fields.text("alt_text").unwrap_or_default());
    let fails = match get_medium(turn, fields, container.product).await? {
        Some(medium) => {
            let problem = judge(&medium, container.product, &container.id);
            container.media.push(medium.sha256);
            problem
        }
        None if container.product == Product::Video => Some("FAILED_DOWNLOADING_VIDEO".to_owned()),
        None => Some("UNKNOWN".to_owned()),
    };
    Ok((polls, fails))
}

fn product(fields: &Fields) -> Result<Product, Answer> {
    match fields.text("media_type").unwrap_or_default().as_str() {
        "TEXT" => Ok(Product::Text),
        "IMAGE" => Ok(Product::Image),
        "VIDEO" => Ok(Product::Video),
        "CAROUSEL" => Ok(Product::Carousel),
        _ => Err(invalid(
            "Param media_type must be one of {TEXT, IMAGE, VIDEO, CAROUSEL}",
        )),
    }
}

/// Checks everything but files.
fn check_words(fields: &Fields, product: Product, text: &str) -> Result<(), Answer> {
    if length(text) > TEXT_MAX {
        return Err(invalid("Param text must be at most 500 characters long."));
    }
    let has = |name: &str| fields.text(name).is_some_and(|value| !value.is_empty());
    let attachments = [
        "link_attachment",
        "poll_attachment",
        "gif_attachment",
        "text_attachment",
    ];
    let attached = attachments.iter().filter(|name| has(name)).count();
    let is_text = product == Product::Text;
    if is_text && text.is_empty() && attached == 0 && !has("quote_post_id") {
        return Err(invalid("The parameter text is required."));
    }
    if (!is_text && attached > 0) || (attached > 1 && has("poll_attachment")) {
        return Err(invalid(
            "Attachments are available for TEXT posts only, and polls not with others",
        ));
    }
    if has("link_attachment") {
        let link = fields.text("link_attachment").unwrap_or_default();
        let is_web = url::Url::parse(&link).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !is_web {
            return Err(invalid("Param link_attachment must be a valid URL"));
        }
    }
    if is_text && fields.flag("is_carousel_item") {
        return Err(invalid("A carousel item must be an IMAGE or a VIDEO"));
    }
    if fields.text("alt_text").unwrap_or_default().chars().count() > ALT_MAX {
        return Err(invalid("Param alt_text must be at most 1000 characters long."));
    }
    if fields
        .text("reply_control")
        .is_some_and(|word| !REPLY_CONTROLS.contains(&word.as_str()))
    {
        return Err(invalid(&format!(
            "Param reply_control must be one of {{{}}}",
            REPLY_CONTROLS.join(", ")
        )));
    }
    if fields.text("topic_tag").is_some_and(|tag| !is_topic(&tag)) {
        return Err(invalid(
            "Param topic_tag must have from 1 to 50 characters without periods and ampersands",
        ));
    }
    Ok(())
}

/// The post that is replied to, one's own or a stranger's, once it is known everywhere.
fn reply_target(turn: &Turn<Threads>, parent: String) -> Result<String, Answer> {
    let known = turn.world.ledger().by_remote(Platform::Threads, &parent);
    match known {
        Some(post) if turn.shows(&post) => Ok(parent),
        _ => Err(not_everywhere(&parent)),
    }
}

fn settings(fields: &Fields, text: &str) -> Value {
    let plain = ["text", "image_url", "video_url", "alt_text", "children", "reply_to_id"];
    let mut settings = graph::settings(fields, &plain);
    if let (Some(object), Some(tag)) = (settings.as_object_mut(), first_tag(text)) {
        object.entry("topic_tag").or_insert(json!(tag));
    }
    settings
}

/// The file; none when it cannot be had, which only the container's status tells.
async fn get_medium(turn: &Turn<Threads>, fields: &Fields, product: Product) -> Result<Option<Medium>, Answer> {
    let name = if product == Product::Video {
        "video_url"
    } else {
        "image_url"
    };
    let address = fields
        .text(name)
        .ok_or_else(|| invalid(&format!("The parameter {name} is required.")))?;
    let clock = &turn.world.clock;
    if product == Product::Image {
        let fetched = fetch(clock, &address, FETCH_BYTES_MAX).await;
        return Ok(fetched.ok().map(|bytes| Medium::of(&bytes)));
    }
    let mut spool = Spool::new().map_err(|_| graph::server_error(503))?;
    if fetch_to(clock, &address, VIDEO_BYTES_MAX, &mut spool).await.is_err() {
        return Ok(None);
    }
    let judged = tokio::task::spawn_blocking(move || Medium::of_spool(&mut spool)).await;
    Ok(judged.ok().and_then(Result::ok))
}

/// What processing finds wrong with a file.
fn judge(medium: &Medium, product: Product, id: &str) -> Option<String> {
    let problem = if product == Product::Video {
        video_problem(medium)
    } else {
        image_problem(medium)
    };
    // Both spellings are seen.
    let is_odd = id.ends_with(['1', '3', '5', '7', '9']);
    problem.map(|word| {
        if is_odd {
            word.replace("ASPEC_", "ASPECT_")
        } else {
            word.to_owned()
        }
    })
}

fn image_problem(medium: &Medium) -> Option<&'static str> {
    let is_image = matches!(medium.kind, Kind::Jpeg | Kind::Png) && medium.readable;
    if !is_image || medium.size > IMAGE_BYTES_MAX {
        Some("UNKNOWN")
    } else if (0.1..=10.0).contains(&medium.ratio()) {
        None
    } else {
        Some("INVALID_ASPEC_RATIO")
    }
}

fn video_problem(medium: &Medium) -> Option<&'static str> {
    if !medium.kind.is_video() || !medium.readable || medium.width > 1_920 {
        Some("FAILED_PROCESSING_VIDEO")
    } else if !(0.01..=10.0).contains(&medium.ratio()) {
        Some("INVALID_ASPEC_RATIO")
    } else if !(0.0..=300.5).contains(&medium.duration_s) {
        Some("INVALID_DURATION")
    } else if !(22.5..=60.5).contains(&medium.fps) {
        Some("INVALID_FRAME_RATE")
    } else {
        None
    }
}

/// Takes the children of a carousel into its container.
fn gather(turn: &Turn<Threads>, fields: &Fields, container: &mut Container) -> Result<(), Answer> {
    let ids = graph::ids(fields, "children");
    if !CHILDREN.contains(&ids.len()) {
        return Err(invalid("A carousel needs from 2 to 20 children"));
    }
    let containers = lock(&turn.world.threads.containers);
    for id in &ids {
        let child = containers
            .get(id)
            .filter(|child| child.account == container.account && child.is_item)
            .ok_or_else(|| not_everywhere(id))?;
        if child.preparation.progress(turn.now) != Progress::Finished {
            return Err(not_everywhere(id));
        }
        container.media.extend(child.media.iter().cloned());
        container.alt.extend(child.alt.iter().cloned());
    }
    Ok(())
}
