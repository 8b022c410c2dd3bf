//! The settings that a post may carry for Bluesky.
//!
//! `langs` (a list of at most three language tags, or one), `labels` (a list of self-labels), `card` (a link card:
//! `uri`, `title`, `description`, `thumb`), `linkCard` (`title`, `description`, `thumb` of a card for the only link of
//! a text). A `thumb` is a stored file in the form of [`Media`].

use domain::content::{Draft, Media, PartContent};
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::part::Part;
use domain::platform::Platform;
use domain::text::find_links;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::wire::{SelfLabel, SelfLabels};

/// Languages that a record may name (lexicon `app.bsky.feed.post`).
const LANGS_MAX: usize = 3;
/// The self-labels that the app offers (docs.bsky.app, "Labels and moderation").
const LABELS: &[&str] = &["sexual", "nudity", "porn", "graphic-media"];

/// A link card, without its file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Card {
    pub(super) uri: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) thumb: Option<Media>,
}

#[derive(Deserialize)]
struct CardWords {
    #[serde(default)]
    uri: Option<String>,
    title: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    thumb: Option<Media>,
}

impl CardWords {
    fn into_card(self, uri: String) -> Card {
        Card {
            uri,
            title: self.title,
            description: self.description,
            thumb: self.thumb,
        }
    }
}

/// What the settings ask of one part.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wishes {
    pub(super) langs: Vec<String>,
    pub(super) labels: Option<SelfLabels>,
    pub(super) card: Option<Card>,
}

impl Wishes {
    /// Reads the settings of a draft for one part. Languages and labels hold for all parts, a card for the head.
    pub(super) fn read(draft: &Draft, part: Part, content: &PartContent) -> Result<Self, PlatformError> {
        let settings = draft.settings();
        let card = if part == Part::Head {
            card(&settings, content)?
        } else {
            None
        };
        Ok(Self {
            langs: langs(settings.get("langs"))?,
            labels: labels(settings.get("labels"))?,
            card,
        })
    }
}

fn langs(value: Option<&Value>) -> Result<Vec<String>, PlatformError> {
    let langs = words(value, "langs")?;
    if langs.len() > LANGS_MAX {
        return Err(invalid(format!(
            "The Bluesky setting 'langs' has {} languages of at most {LANGS_MAX}",
            langs.len()
        )));
    }
    Ok(langs)
}

fn labels(value: Option<&Value>) -> Result<Option<SelfLabels>, PlatformError> {
    let words = words(value, "labels")?;
    if let Some(unknown) = words.iter().find(|word| !LABELS.contains(&word.as_str())) {
        return Err(invalid(format!(
            "'{unknown}' is no label of Bluesky; there are: {}",
            LABELS.join(", ")
        )));
    }
    let values: Vec<_> = words.into_iter().map(|val| SelfLabel { val }).collect();
    let kind = "com.atproto.label.defs#selfLabels".to_owned();
    Ok((!values.is_empty()).then_some(SelfLabels { kind, values }))
}

fn card(settings: &domain::content::Settings, content: &PartContent) -> Result<Option<Card>, PlatformError> {
    if let Some(words) = object::<CardWords>(settings.get("card"), "card")? {
        let uri = words.uri.clone().filter(|uri| !uri.is_empty());
        let uri = uri.ok_or_else(|| invalid("The Bluesky setting 'card' needs a 'uri'".to_owned()))?;
        if !content.media.is_empty() {
            return Err(invalid(
                "A Bluesky post shows media or a link card, not both".to_owned(),
            ));
        }
        return Ok(Some(words.into_card(uri)));
    }
    let Some(words) = object::<CardWords>(settings.get("linkCard"), "linkCard")? else {
        return Ok(None);
    };
    let mut links = find_links(&content.text).into_iter();
    Ok(match (links.next(), links.next(), content.media.is_empty()) {
        (Some(only), None, true) => Some(words.into_card(only.url)),
        _ => None,
    })
}

fn words(value: Option<&Value>, name: &str) -> Result<Vec<String>, PlatformError> {
    match value {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::String(one)) => Ok(vec![one.clone()]),
        Some(list) => serde_json::from_value(list.clone())
            .map_err(|_| invalid(format!("The Bluesky setting '{name}' must be a list of words"))),
    }
}

fn object<T: DeserializeOwned>(value: Option<&Value>, name: &str) -> Result<Option<T>, PlatformError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value.clone())
            .map(Some)
            .map_err(|_| invalid(format!("The Bluesky setting '{name}' needs at least a 'title'"))),
    }
}

fn invalid(message: String) -> PlatformError {
    PlatformError::refused(Platform::Bluesky, Stage::Validate, ErrorKind::Validation, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::{draft, with_settings};

    fn wishes(text: &str, settings: Value) -> Result<Wishes, PlatformError> {
        let draft = with_settings(draft(Platform::Bluesky, text, Vec::new()), settings);
        Wishes::read(&draft, Part::Head, &draft.content.head)
    }

    #[test]
    fn a_card_for_the_only_link_needs_a_title_and_one_link() {
        let card = json!({"linkCard": {"title": "T"}});
        assert_eq!(
            wishes("see https://example.com/a", card.clone())
                .unwrap()
                .card
                .unwrap()
                .uri,
            "https://example.com/a"
        );
        assert_eq!(
            wishes("see https://a.example.com https://b.example.com", card.clone())
                .unwrap()
                .card,
            None
        );
        assert_eq!(wishes("see nothing", card).unwrap().card, None);
        assert_eq!(wishes("see https://example.com/a", json!({})).unwrap().card, None);
    }

    #[test]
    fn settings_that_bluesky_does_not_have_are_refused_with_what_it_has() {
        for (settings, piece) in [
            (json!({"labels": ["spicy"]}), "graphic-media"),
            (json!({"langs": ["a", "b", "c", "d"]}), "at most 3"),
            (json!({"langs": 7}), "list of words"),
            (json!({"card": {"title": "T"}}), "'uri'"),
            (json!({"card": {"uri": "https://example.com"}}), "'title'"),
        ] {
            let error = wishes("x", settings.clone()).unwrap_err();
            assert!(
                error.kind == ErrorKind::Validation && error.message.contains(piece),
                "{settings}: {}",
                error.message
            );
        }
    }
}
