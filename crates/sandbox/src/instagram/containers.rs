//! Containers: media that Instagram fetched and is preparing.

use axum::extract::{Path, State};
use serde_json::{Value, json};

use super::{Instagram, new_id};
use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Handled, Turn, open};
use crate::fault::Class;
use crate::fetch::fetch;
use crate::form::Fields;
use crate::graph::{self, Asked, Preparation, Progress, invalid, own_user, refusal};
use crate::medium::{Kind, Medium};
use crate::world::{Shared, lock};

/// Status polls that an image needs.
const IMAGE_POLLS: u32 = 1;
/// Status polls that a video needs.
const VIDEO_POLLS: u32 = 2;
/// Characters of a caption.
const CAPTION_MAX: usize = 2_200;
/// Hashtags of a caption.
const HASHTAGS_MAX: usize = 30;
/// Mentions of a caption.
const MENTIONS_MAX: usize = 20;
/// Characters of an alternative text.
const ALT_MAX: usize = 1_000;
/// Bytes of an image.
const IMAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of a reel.
const REEL_BYTES_MAX: usize = 300 * 1024 * 1024;
/// Bytes of a story's video.
const STORY_BYTES_MAX: usize = 100 * 1024 * 1024;
/// Items of a carousel.
const CHILDREN: std::ops::RangeInclusive<usize> = 2..=10;

/// What a container will become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Product {
    Image,
    Item,
    Carousel,
    Reel,
    Story,
}

/// A container.
#[derive(Debug, Clone)]
pub(super) struct Container {
    pub(super) id: String,
    pub(super) account: String,
    pub(super) product: Product,
    pub(super) is_video: bool,
    pub(super) caption: String,
    pub(super) media: Vec<String>,
    pub(super) alt: Vec<String>,
    pub(super) settings: Value,
    /// How far it is; a failure is the code of the error.
    pub(super) preparation: Preparation<u32>,
}

/// `status_code` and `status` of a container.
pub(super) fn status_words(progress: &Progress<u32>) -> (&'static str, String) {
    match progress {
        Progress::Working => ("IN_PROGRESS", "In Progress: Media is still being processed.".to_owned()),
        Progress::Finished => (
            "FINISHED",
            "Finished: Media has been uploaded and it is ready to be published.".to_owned(),
        ),
        Progress::Failed(code) => (
            "ERROR",
            format!("Error: Media upload has failed with error code {code}"),
        ),
        Progress::Expired => (
            "EXPIRED",
            "Expired: The container was not published within 24 hours.".to_owned(),
        ),
    }
}

pub(super) async fn create(
    State(world): State<Shared>,
    Path((_version, user)): Path<(String, String)>,
    call: Call,
) -> Handled {
    let asked = Asked::read(&call);
    let caption = asked.fields.text("caption").unwrap_or_default();
    let turn = open(&world, Instagram, &call, asked.credential(), Class::Upload, &caption).await?;
    let answer = match own_user(&turn, &user) {
        Ok(account) => make(&turn, &account, &asked.fields, caption).await,
        Err(refused) => Err(refused),
    };
    Ok(turn.close(answer).await)
}

async fn make(turn: &Turn<Instagram>, account: &Account, fields: &Fields, caption: String) -> Result<Answer, Answer> {
    let product = product(fields)?;
    check_caption(&caption)?;
    let alt = fields.text("alt_text").unwrap_or_default();
    if alt.chars().count() > ALT_MAX {
        return Err(invalid("Param alt_text must be at most 1000 characters long"));
    }
    let mut container = Container {
        id: String::new(),
        account: account.remote_id.clone(),
        product,
        is_video: false,
        caption,
        media: Vec::new(),
        alt: Vec::new(),
        settings: graph::settings(fields, &["caption", "image_url", "video_url", "alt_text", "children"]),
        preparation: Preparation::new(turn.now, 0, None),
    };
    let (mut polls, mut fails) = (IMAGE_POLLS, None);
    if product == Product::Carousel {
        gather(turn, fields, &mut container)?;
    } else {
        let medium = get_medium(turn, fields, product).await?;
        container.is_video = medium.kind.is_video();
        fails = judge(&medium, product)?;
        if container.is_video {
            polls = VIDEO_POLLS;
        }
        container.media.push(medium.sha256);
        container.alt.push(alt);
    }
    if turn.picked.processing_fails {
        fails = Some(2_207_026);
    }
    container.preparation = Preparation::new(turn.now, turn.picked.polls.unwrap_or(polls), fails);
    let id = new_id(turn);
    container.id.clone_from(&id);
    lock(&turn.world.instagram.containers).insert(id.clone(), container);
    Ok(Answer::ok(&json!({ "id": id })))
}

fn product(fields: &Fields) -> Result<Product, Answer> {
    if fields.text("upload_type").is_some() {
        return Err(invalid("Param upload_type is not available with Instagram Login"));
    }
    let kind = fields.text("media_type").unwrap_or_default();
    let unknown = || refusal(100, 2_207_023, "Unknown media type");
    match (kind.as_str(), fields.flag("is_carousel_item")) {
        ("" | "IMAGE" | "VIDEO", true) => Ok(Product::Item),
        ("" | "IMAGE", false) => Ok(Product::Image),
        ("REELS", false) => Ok(Product::Reel),
        ("STORIES", false) => Ok(Product::Story),
        ("CAROUSEL", false) => Ok(Product::Carousel),
        _ => Err(unknown()),
    }
}

fn check_caption(caption: &str) -> Result<(), Answer> {
    if caption.chars().count() > CAPTION_MAX {
        return Err(refusal(36_004, 2_207_010, "The caption was too long."));
    }
    let starting_with = |mark: char| {
        caption
            .split_whitespace()
            .filter(|word| word.len() > 1 && word.starts_with(mark))
            .count()
    };
    if starting_with('#') > HASHTAGS_MAX || starting_with('@') > MENTIONS_MAX {
        return Err(refusal(100, 2_207_040, "Too many tags in the caption."));
    }
    Ok(())
}

async fn get_medium(turn: &Turn<Instagram>, fields: &Fields, product: Product) -> Result<Medium, Answer> {
    let (image, video) = (fields.text("image_url"), fields.text("video_url"));
    let (address, limit) = match (product, image, video) {
        (Product::Reel, _, Some(video)) => (video, REEL_BYTES_MAX),
        (Product::Reel, ..) => return Err(invalid("The parameter video_url is required.")),
        (_, Some(image), _) => (image, REEL_BYTES_MAX),
        (Product::Item | Product::Story, None, Some(video)) => (video, REEL_BYTES_MAX),
        _ => return Err(invalid("The parameter image_url is required.")),
    };
    let fetched = fetch(&turn.world.clock, &address, limit).await;
    let unfetchable = |_| refusal(9_004, 2_207_052, "Only photo or video can be accepted as media type.");
    Ok(Medium::of(&fetched.map_err(unfetchable)?))
}

/// What is refused at once is an error; what processing finds out is a code for the container.
fn judge(medium: &Medium, product: Product) -> Result<Option<u32>, Answer> {
    if medium.kind.is_video() {
        return Ok(judge_video(medium, product).then_some(2_207_026));
    }
    if product == Product::Reel || medium.kind == Kind::Other {
        return Err(refusal(
            9_004,
            2_207_052,
            "Only photo or video can be accepted as media type.",
        ));
    }
    if medium.size > IMAGE_BYTES_MAX {
        return Err(refusal(36_000, 2_207_004, "The image size is too large."));
    }
    if medium.kind != Kind::Jpeg || !medium.readable {
        return Err(refusal(36_001, 2_207_005, "The image format is not supported."));
    }
    let fits = (0.795..=1.915).contains(&medium.ratio());
    if !fits && product != Product::Story {
        return Err(refusal(
            36_003,
            2_207_009,
            "The submitted image with aspect ratio cannot be published.",
        ));
    }
    Ok(None)
}

/// Whether a video is beyond the documented limits.
fn judge_video(medium: &Medium, product: Product) -> bool {
    let (longest_s, bytes_max) = match product {
        Product::Story => (60.0, STORY_BYTES_MAX),
        _ => (900.0, REEL_BYTES_MAX),
    };
    !medium.readable
        || !(22.5..=60.5).contains(&medium.fps)
        || !(3.0..=longest_s).contains(&medium.duration_s)
        || medium.size > bytes_max
        || medium.width > 1_920
}

/// Takes the children of a carousel into its container.
fn gather(turn: &Turn<Instagram>, fields: &Fields, container: &mut Container) -> Result<(), Answer> {
    let ids = graph::ids(fields, "children");
    if !CHILDREN.contains(&ids.len()) {
        return Err(refusal(100, 2_207_028, "A carousel needs from 2 to 10 items."));
    }
    let containers = lock(&turn.world.instagram.containers);
    for id in &ids {
        let child = containers
            .get(id)
            .filter(|child| child.account == container.account && child.product == Product::Item)
            .ok_or_else(|| refusal(24, 2_207_006, "The media builder of a child was not found."))?;
        if child.preparation.progress(turn.now) != Progress::Finished {
            return Err(not_ready());
        }
        container.media.extend(child.media.iter().cloned());
        container.alt.extend(child.alt.iter().cloned());
    }
    Ok(())
}

/// "Media ID is not available".
pub(super) fn not_ready() -> Answer {
    let message = "Media ID is not available";
    let words = "The media is not ready for publishing, please wait for a moment";
    graph::explained(9_007, 2_207_027, message, message, words)
}
