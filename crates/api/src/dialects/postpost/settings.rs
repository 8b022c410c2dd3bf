//! `platformSettings`: what the caller gives, over the original's defaults. Platforms without settings are dropped
//! silently, and so is a value that is no object.

use domain::content::Settings;
use domain::platform::Platform;
use serde_json::{Value, json};

use super::js::Object;
use super::words;

/// The defaults of a platform that has settings.
fn defaults(platform: Platform) -> Option<Value> {
    match platform {
        Platform::TikTok => Some(json!({
            "viewerSetting": "PUBLIC_TO_EVERYONE",
            "allowComments": true,
            "allowDuet": false,
            "allowStitch": false,
            "commercialContent": false,
            "brandOrganic": false,
            "brandedContent": false,
        })),
        Platform::Instagram => Some(json!({ "videoType": "REELS" })),
        Platform::YouTube => Some(json!({ "privacy": "public", "title": "" })),
        Platform::Threads => Some(json!({ "replyControl": "" })),
        _ => None,
    }
}

/// The settings to keep for a group with these targets, under Broadside's own words for the platforms.
pub(super) fn merged(mut given: Object, targets: impl Iterator<Item = Platform>) -> Settings {
    let mut settings = Settings::new();
    for platform in targets {
        let Some(Value::Object(mut merged)) = defaults(platform) else {
            continue;
        };
        if settings.contains_key(platform.word()) {
            continue;
        }
        let given = words::platform_word(platform).and_then(|word| given.remove(word));
        if let Some(Value::Object(given)) = given {
            merged.extend(given);
        }
        settings.insert(platform.word().to_owned(), Value::Object(merged));
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(given: Value, targets: &[Platform]) -> Value {
        let Value::Object(given) = given else {
            panic!("an object is given")
        };
        Value::Object(merged(given, targets.iter().copied()))
    }

    #[test]
    fn the_callers_keys_win_and_missing_ones_keep_their_defaults() {
        let given = json!({ "tiktok": { "allowDuet": true, "viewerSetting": "SELF_ONLY", "colour": "red" } });
        assert_eq!(
            merge(given, &[Platform::TikTok]),
            json!({ "tiktok": {
                "viewerSetting": "SELF_ONLY", "allowComments": true, "allowDuet": true, "allowStitch": false,
                "commercialContent": false, "brandOrganic": false, "brandedContent": false, "colour": "red",
            } })
        );
        assert_eq!(
            merge(json!({}), &[Platform::YouTube]),
            json!({ "youtube": { "privacy": "public", "title": "" } })
        );
    }

    /// Q5: what has no place is dropped without a word.
    #[test]
    fn platforms_without_settings_and_values_that_are_no_objects_are_dropped() {
        let given = json!({ "twitter": { "x": 1 }, "nobody": {}, "threads": [], "instagram": null });
        assert_eq!(
            merge(
                given,
                &[Platform::X, Platform::Threads, Platform::Instagram, Platform::Threads]
            ),
            json!({ "threads": { "replyControl": "" }, "instagram": { "videoType": "REELS" } })
        );
    }
}
