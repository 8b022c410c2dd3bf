//! The settings that a post may carry for LinkedIn. `docs/platforms/linkedin.md` lists them.

use domain::content::{Draft, Media, PartContent};
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::platform::Platform;
use domain::text::find_links;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::is_post;
use crate::settings::Given;

const VISIBILITIES: &[&str] = &["PUBLIC", "CONNECTIONS", "LOGGED_IN"];
const DISTRIBUTIONS: &[&str] = &["MAIN_FEED", "NONE"];
const POLL_DURATIONS: &[&str] = &["ONE_DAY", "THREE_DAYS", "SEVEN_DAYS", "FOURTEEN_DAYS"];
const POLL_QUESTION_CHARS_MAX: usize = 140;
const POLL_OPTION_CHARS_MAX: usize = 30;

/// A link card. LinkedIn looks at no page itself: what is not said here is not shown.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Card {
    #[serde(default)]
    pub(super) uri: String,
    pub(super) title: String,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) thumb: Option<Media>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Poll {
    question: String,
    options: Vec<String>,
    #[serde(default)]
    duration: Option<String>,
}

/// What the settings ask of a post.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Wishes {
    pub(super) visibility: String,
    pub(super) feed_distribution: String,
    pub(super) target_entities: Value,
    pub(super) no_reshares: bool,
    pub(super) title: Option<String>,
    pub(super) card: Option<Card>,
    /// The poll as it goes out.
    pub(super) poll: Option<Value>,
    /// The post that is shared anew.
    pub(super) repost_of: Option<String>,
}

impl Wishes {
    /// Reads the settings of a draft; keys that are not known are left alone.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`] for a value that LinkedIn does not take, or things that cannot be in one post.
    pub(super) fn read(draft: &Draft, is_organization: bool) -> Result<Self, PlatformError> {
        let given = Given::of(draft);
        let content = &draft.content.head;
        let repost_of = repost(&given)?;
        let visibility = match &repost_of {
            Some(_) => given.word("repostVisibility", VISIBILITIES)?,
            None => None,
        };
        let visibility = match visibility {
            Some(word) => word,
            None => given
                .word("visibility", VISIBILITIES)?
                .unwrap_or_else(|| "PUBLIC".to_owned()),
        };
        if is_organization && visibility == "CONNECTIONS" {
            return Err(invalid(
                "An organization on LinkedIn has no connections; choose the visibility PUBLIC",
            ));
        }
        let target_entities = match given.value("targetEntities") {
            None => json!([]),
            Some(list @ Value::Array(_)) if is_organization => list.clone(),
            Some(_) => {
                return Err(invalid(
                    "The LinkedIn setting 'targetEntities' is a list, for posts of organizations",
                ));
            }
        };
        let wishes = Self {
            visibility,
            feed_distribution: given
                .word("feedDistribution", DISTRIBUTIONS)?
                .unwrap_or_else(|| "MAIN_FEED".to_owned()),
            target_entities,
            no_reshares: given.flag("isReshareDisabledByAuthor")?.unwrap_or_default(),
            title: given.text("title")?,
            card: card(&given, content)?,
            poll: poll(&given)?,
            repost_of,
        };
        let kinds = [
            !content.media.is_empty(),
            wishes.card.is_some(),
            wishes.poll.is_some(),
            wishes.repost_of.is_some(),
        ];
        if kinds.iter().filter(|is_there| **is_there).count() > 1 {
            return Err(invalid(
                "A LinkedIn post has media, or a link card, or a poll, or a post that it shares: one of them",
            ));
        }
        Ok(wishes)
    }
}

fn repost(given: &Given) -> Result<Option<String>, PlatformError> {
    let parent = given.text("repostParentUrn")?;
    let enabled = given.flag("repostEnabled")?.unwrap_or(parent.is_some());
    match (enabled, parent) {
        (false, None) => Ok(None),
        (true, Some(urn)) if is_post(&urn) => Ok(Some(urn)),
        (true, Some(_)) => Err(invalid(
            "The LinkedIn setting 'repostParentUrn' is a post, such as urn:li:share:ID or urn:li:ugcPost:ID",
        )),
        (true, None) => Err(invalid("A repost on LinkedIn needs the setting 'repostParentUrn'")),
        (false, Some(_)) => Err(invalid(
            "The LinkedIn setting 'repostParentUrn' is for posts with 'repostEnabled'",
        )),
    }
}

fn card(given: &Given, content: &PartContent) -> Result<Option<Card>, PlatformError> {
    if let Some(card) = given.object::<Card>("card")? {
        if card.uri.is_empty() {
            return Err(invalid("The LinkedIn setting 'card' needs a 'uri'"));
        }
        return Ok(Some(card));
    }
    let Some(card) = given.object::<Card>("linkCard")? else {
        return Ok(None);
    };
    let mut links = find_links(&content.text).into_iter();
    Ok(match (links.next(), links.next(), content.media.is_empty()) {
        (Some(only), None, true) => Some(Card { uri: only.url, ..card }),
        _ => None,
    })
}

fn poll(given: &Given) -> Result<Option<Value>, PlatformError> {
    let Some(poll) = given.object::<Poll>("poll")? else {
        return Ok(None);
    };
    let duration = poll.duration.unwrap_or_else(|| "THREE_DAYS".to_owned());
    let is_short = |text: &str, most: usize| (1..=most).contains(&text.chars().count());
    if !is_short(&poll.question, POLL_QUESTION_CHARS_MAX)
        || !(2..=4).contains(&poll.options.len())
        || !poll
            .options
            .iter()
            .all(|option| is_short(option, POLL_OPTION_CHARS_MAX))
        || !POLL_DURATIONS.contains(&duration.as_str())
    {
        return Err(invalid(&format!(
            "A poll on LinkedIn has a question of up to {POLL_QUESTION_CHARS_MAX} characters, two to four options of up \
             to {POLL_OPTION_CHARS_MAX}, and a duration of: {}",
            POLL_DURATIONS.join(", ")
        )));
    }
    let options: Vec<Value> = poll.options.iter().map(|text| json!({ "text": text })).collect();
    Ok(Some(json!({
        "question": poll.question,
        "options": options,
        "settings": { "duration": duration },
    })))
}

fn invalid(message: &str) -> PlatformError {
    PlatformError::refused(Platform::LinkedIn, Stage::Validate, ErrorKind::Validation, message)
}
