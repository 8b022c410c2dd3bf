//! `platformSettings`: what the caller gives, over the original's defaults. What has no place in [`TREE`] is dropped
//! silently, and so is a platform's value that is no object.

use domain::content::Settings;
use domain::platform::Platform;
use serde_json::{Value, json};

use super::js::Object;
use super::words;
use crate::openapi::{Field, Kind};

/// Every setting, by the dialect's word for the platform. Values that refer to stored files have no place here: a
/// caller could name somebody else's.
pub(super) const TREE: &[Field] = &[
    of("twitter", TWITTER),
    of("instagram", INSTAGRAM),
    of("threads", THREADS),
    of("tiktok", TIKTOK),
    of("linkedin", LINKEDIN),
    of("youtube", YOUTUBE),
    of("facebook", FACEBOOK),
    of("mastodon", MASTODON),
    of("bluesky", BLUESKY),
    of("telegram", TELEGRAM),
];

const TWITTER: &[Field] = &[
    word(
        "replySettings",
        &["everyone", "following", "mentionedUsers", "subscribers", "verified"],
        "Who may reply.",
    ),
    flag("madeWithAi", "Marks the media as made with AI."),
    flag("paidPartnership", "Marks the post as paid promotion."),
    text("replyTo", "The post that it answers: its address, or its id."),
    text("quoteTweet", "The post that it quotes: its address, or its id."),
];
const INSTAGRAM: &[Field] = &[
    word("videoType", &["REELS", "STORIES"], "How a video appears."),
    flag("shareToFeed", "Whether a reel appears in the feed as well."),
    texts("collaborators", 3, "Usernames."),
];
const THREADS: &[Field] = &[
    word(
        "replyControl",
        &["", "everyone", "accounts_you_follow", "mentioned_only"],
        "Who may reply; an empty text leaves it to Threads.",
    ),
    text("topicTag", "The topic."),
    text("linkAttachment", "The address of the preview."),
];
const TIKTOK: &[Field] = &[
    word(
        "viewerSetting",
        &[
            "PUBLIC_TO_EVERYONE",
            "MUTUAL_FOLLOW_FRIENDS",
            "FOLLOWER_OF_CREATOR",
            "SELF_ONLY",
        ],
        "Who may watch.",
    ),
    flag("allowComments", "Whether viewers may comment."),
    flag("allowDuet", "Whether viewers may make duets."),
    flag("allowStitch", "Whether viewers may stitch."),
    flag("commercialContent", "Whether it promotes anything."),
    flag("brandOrganic", "Whether it promotes the account's own business."),
    flag("brandedContent", "Whether it promotes somebody else's."),
];
const LINKEDIN: &[Field] = &[
    flag("repostEnabled", "Whether the post shares another one."),
    text(
        "repostParentUrn",
        "The post that is shared: urn:li:share:ID or urn:li:ugcPost:ID.",
    ),
    word("repostVisibility", &["PUBLIC", "CONNECTIONS"], "Who sees a share."),
    word(
        "visibility",
        &["PUBLIC", "CONNECTIONS", "LOGGED_IN"],
        "Who sees the post.",
    ),
    word(
        "feedDistribution",
        &["MAIN_FEED", "NONE"],
        "Whether it appears in the feed.",
    ),
    flag("isReshareDisabledByAuthor", "Whether others may not share it."),
    text("title", "The title of a document or a video."),
    field("linkCard", Kind::Object(CARD), "A card for the only link of the text."),
    field("poll", Kind::Object(POLL), "A poll."),
];
const YOUTUBE: &[Field] = &[
    word("privacy", &["public", "unlisted", "private"], "Who may watch."),
    text("title", "The title; the start of the content when empty."),
    texts("tags", 500, "Tags."),
    flag("madeForKids", "Whether it is made for children."),
    text("categoryId", "YouTube's number of a category."),
];
const FACEBOOK: &[Field] = &[
    word("contentType", &["post", "reel", "story"], "How it appears."),
    word("videoType", &["REELS", "STORIES"], "The same for videos."),
    text("link", "The address of the preview."),
    text("place", "The number of a place."),
    text("title", "The title of a video."),
    text("backdatedTime", "A time in the past to show."),
    flag("embeddable", "Whether others may embed a video."),
];
const MASTODON: &[Field] = &[
    word(
        "visibility",
        &["public", "unlisted", "private", "direct"],
        "Who sees it.",
    ),
    flag("sensitive", "Whether media are hidden at first."),
    text("spoilerText", "The words in front of hidden text."),
    text("language", "An ISO 639 code."),
];
const BLUESKY: &[Field] = &[
    texts("langs", 3, "Language tags."),
    texts("labels", 4, "Labels that the author gives it."),
    field("linkCard", Kind::Object(CARD), "A card for the only link of the text."),
];
const TELEGRAM: &[Field] = &[
    flag("disableNotification", "Whether it arrives without a sound."),
    flag("disableWebPagePreview", "Whether links get no preview."),
    flag("protectContent", "Whether it cannot be forwarded or saved."),
];
const CARD: &[Field] = &[text("title", "Its title.").required(), text("description", "Its text.")];
const POLL: &[Field] = &[
    text("question", "The question.").required(),
    field("options", Kind::Texts(2, 4), "The answers.").required(),
    word(
        "duration",
        &["ONE_DAY", "THREE_DAYS", "SEVEN_DAYS", "FOURTEEN_DAYS"],
        "How long it is open.",
    ),
];

const fn of(platform: &'static str, fields: &'static [Field]) -> Field {
    field(platform, Kind::Object(fields), "")
}

const fn field(name: &'static str, kind: Kind, words: &'static str) -> Field {
    Field::new(name, kind, words)
}

const fn text(name: &'static str, words: &'static str) -> Field {
    field(name, Kind::Text, words)
}

const fn flag(name: &'static str, words: &'static str) -> Field {
    field(name, Kind::Flag, words)
}

const fn word(name: &'static str, among: &'static [&'static str], words: &'static str) -> Field {
    field(name, Kind::Word(among), words)
}

const fn texts(name: &'static str, most: u32, words: &'static str) -> Field {
    field(name, Kind::Texts(0, most), words)
}

/// The settings that a platform has.
fn fields(platform: Platform) -> &'static [Field] {
    let word = words::platform_word(platform);
    match TREE
        .iter()
        .find(|field| Some(field.name) == word)
        .map(|field| field.kind)
    {
        Some(Kind::Object(fields)) => fields,
        _ => &[],
    }
}

/// The names of a platform's settings.
pub(crate) fn setting_names(platform: Platform) -> impl Iterator<Item = &'static str> {
    fields(platform).iter().map(|field| field.name)
}

/// The defaults of a platform that has any.
fn defaults(platform: Platform) -> Value {
    match platform {
        Platform::TikTok => json!({
            "viewerSetting": "PUBLIC_TO_EVERYONE",
            "allowComments": true,
            "allowDuet": false,
            "allowStitch": false,
            "commercialContent": false,
            "brandOrganic": false,
            "brandedContent": false,
        }),
        Platform::Instagram => json!({ "videoType": "REELS" }),
        Platform::YouTube => json!({ "privacy": "public", "title": "" }),
        Platform::Threads => json!({ "replyControl": "" }),
        _ => json!({}),
    }
}

/// What of `given` has a place among `fields`. A truth value may come as its word, as forms send it.
fn known(given: Object, fields: &[Field]) -> Object {
    let mut known = Object::new();
    for (name, value) in given {
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            continue;
        };
        let value = match (field.kind, value) {
            (Kind::Object(inner), Value::Object(object)) => Value::Object(self::known(object, inner)),
            (Kind::Object(_), _) => continue,
            (Kind::Flag, Value::String(word)) if word == "true" || word == "false" => Value::Bool(word == "true"),
            (_, value) => value,
        };
        known.insert(name, value);
    }
    known
}

/// The settings to keep for a group with these targets, under Broadside's own words for the platforms.
pub(super) fn merged(mut given: Object, targets: impl Iterator<Item = Platform>) -> Settings {
    let mut settings = Settings::new();
    for platform in targets {
        if settings.contains_key(platform.word()) {
            continue;
        }
        let merged = over_defaults(&mut given, platform).unwrap_or_default();
        if !merged.is_empty() {
            settings.insert(platform.word().to_owned(), Value::Object(merged));
        }
    }
    settings
}

/// The settings to set in a group that goes to these targets now and has these settings: those that are given, and the
/// defaults of platforms that are new to it.
pub(super) fn edited(mut given: Object, stored: &Settings, targets: impl Iterator<Item = Platform>) -> Settings {
    let mut settings = Settings::new();
    for platform in targets {
        let word = words::platform_word(platform);
        let is_given = word.is_some_and(|word| given.get(word).is_some_and(Value::is_object));
        if settings.contains_key(platform.word()) || (!is_given && stored.contains_key(platform.word())) {
            continue;
        }
        let merged = over_defaults(&mut given, platform).unwrap_or_default();
        if is_given || !merged.is_empty() {
            settings.insert(platform.word().to_owned(), Value::Object(merged));
        }
    }
    settings
}

/// A platform's defaults with what is given over them; `None` when the platform has no settings.
fn over_defaults(given: &mut Object, platform: Platform) -> Option<Object> {
    let Value::Object(mut merged) = defaults(platform) else {
        return None;
    };
    let given = words::platform_word(platform).and_then(|word| given.remove(word));
    if let Some(Value::Object(given)) = given {
        merged.extend(known(given, fields(platform)));
    }
    Some(merged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::capability::Capability;
    use std::collections::BTreeSet;

    fn merge(given: Value, targets: &[Platform]) -> Value {
        let Value::Object(given) = given else {
            panic!("an object is given")
        };
        Value::Object(merged(given, targets.iter().copied()))
    }

    #[test]
    fn the_callers_keys_win_and_missing_ones_keep_their_defaults() {
        let given = json!({ "tiktok": { "allowDuet": true, "viewerSetting": "SELF_ONLY" } });
        assert_eq!(
            merge(given, &[Platform::TikTok]),
            json!({ "tiktok": {
                "viewerSetting": "SELF_ONLY", "allowComments": true, "allowDuet": true, "allowStitch": false,
                "commercialContent": false, "brandOrganic": false, "brandedContent": false,
            } })
        );
        assert_eq!(
            merge(json!({}), &[Platform::YouTube]),
            json!({ "youtube": { "privacy": "public", "title": "" } })
        );
    }

    #[test]
    fn later_platforms_have_their_settings_under_the_servers_own_words() {
        let given = json!({
            "twitter": { "replySettings": "following", "replyTo": "1", "quoteTweet": "https://x.com/a/status/2" },
            "linkedin": { "visibility": "CONNECTIONS", "poll": { "question": "?", "options": ["a", "b"], "x": 1 } },
            "facebook": { "contentType": "reel" },
            "telegram": { "protectContent": "true" },
        });
        assert_eq!(
            merge(
                given,
                &[
                    Platform::X,
                    Platform::LinkedIn,
                    Platform::Facebook,
                    Platform::Telegram,
                    Platform::Mastodon
                ]
            ),
            json!({
                "x": { "replySettings": "following", "replyTo": "1", "quoteTweet": "https://x.com/a/status/2" },
                "linkedin": { "visibility": "CONNECTIONS", "poll": { "question": "?", "options": ["a", "b"] } },
                "facebook": { "contentType": "reel" },
                "telegram": { "protectContent": true },
            })
        );
    }

    /// Q5: what has no place is dropped without a word.
    #[test]
    fn platforms_and_keys_without_a_place_and_values_that_are_no_objects_are_dropped() {
        let given = json!({
            "twitter": { "x": 1 }, "nobody": {}, "threads": [], "instagram": null, "linkedin": { "poll": 7 },
            "facebook": { "cover": { "key": "somebody-elses-file" } },
        });
        let all = [
            Platform::X,
            Platform::Threads,
            Platform::Instagram,
            Platform::Threads,
            Platform::LinkedIn,
        ];
        assert_eq!(
            merge(given.clone(), &all),
            json!({ "threads": { "replyControl": "" }, "instagram": { "videoType": "REELS" } })
        );
        assert_eq!(merge(given, &[Platform::Facebook]), json!({}));
    }

    #[test]
    fn an_edit_sets_what_is_given_and_the_defaults_of_new_platforms() {
        let json = |value| match value {
            Value::Object(object) => object,
            other => panic!("{other} is no object"),
        };
        let stored = json(json!({ "tiktok": { "allowDuet": true }, "threads": { "replyControl": "everyone" } }));
        let given = json(json!({ "threads": {}, "linkedin": { "visibility": "PUBLIC" } }));
        let targets = [
            Platform::TikTok,
            Platform::Threads,
            Platform::Instagram,
            Platform::Mastodon,
        ];
        assert_eq!(
            Value::Object(edited(given, &stored, targets.into_iter())),
            json!({ "threads": { "replyControl": "" }, "instagram": { "videoType": "REELS" } })
        );
    }

    #[test]
    fn every_default_has_a_place_and_every_place_a_platform() {
        for platform in words::PLATFORMS {
            for name in defaults(platform).as_object().unwrap().keys() {
                assert!(
                    fields(platform).iter().any(|field| field.name == name),
                    "{platform} {name}"
                );
            }
        }
        for field in TREE {
            assert!(words::platform(field.name).is_some(), "{}", field.name);
        }
    }

    /// The rows of the documentation's table: the platform, what its connector alone knows, what this dialect alone knows.
    fn documented() -> Vec<(Platform, BTreeSet<String>, BTreeSet<String>)> {
        let text = include_str!("../../../../../docs/dialects/postpost.md");
        let (_, rest) = text.split_once("| Only this dialect knows |").unwrap();
        let rows = rest.lines().skip(2).take_while(|line| line.starts_with('|'));
        let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        rows.map(|row| {
            let cells: Vec<&str> = row.split('|').collect();
            (
                cells[1].trim().trim_matches('`').parse().unwrap(),
                names(cells[2]),
                names(cells[3]),
            )
        })
        .collect()
    }

    #[test]
    fn every_setting_is_known_to_both_sides_or_stands_in_the_documentation() {
        let mut apart = Vec::new();
        for platform in words::PLATFORMS {
            let places: BTreeSet<String> = fields(platform).iter().map(|field| field.name.to_owned()).collect();
            let listed = Capability::of(platform).settings.iter();
            let taken: BTreeSet<String> = listed.map(|name| (*name).to_owned()).collect();
            if places != taken {
                apart.push((platform, &taken - &places, &places - &taken));
            }
        }
        let mut documented = documented();
        documented.sort();
        apart.sort();
        assert_eq!(documented, apart);
    }
}
