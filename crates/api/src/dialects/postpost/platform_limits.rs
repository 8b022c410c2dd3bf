//! What each platform takes, told from the same rules that posts are held against before they are sent.

use std::collections::BTreeMap;

use axum::extract::State;
use domain::capability::{Capability, DocumentRule, ImageRule, VideoRule};
use domain::platform::Platform;
use domain::thread;
use schemars::JsonSchema;
use serde::Serialize;

use super::routes::Answer;
use super::wire::{True, json};
use super::{Postpost, words};
use crate::dialect::Caller;
use crate::openapi::{Doc, answer};
use crate::state::ApiState;

/// The day on which the rules were last held against the platforms' documents.
const LAST_UPDATED: &str = "2026-11-22";

pub(super) static LIST: Doc = Doc::new(
    "Connections",
    "Tells what each platform takes",
    &[(200, answer::<Limits>)],
)
.words("Sizes are in bytes, durations in seconds; formats are media types.");

/// `GET /platform-limits`.
pub(super) async fn list(State(api): State<ApiState>, _: Caller<Postpost>) -> Answer {
    let words = words::PLATFORMS
        .into_iter()
        .filter_map(|platform| Some((words::platform_word(platform)?, platform)));
    let platforms = words.map(|(word, platform)| (word, limits(word, platform)));
    Ok(json(&Limits {
        success: True,
        schema_version: 1,
        source: "broadside",
        package_version: api.version,
        limits_last_updated: LAST_UPDATED,
        supported_platforms: words::PLATFORMS.into_iter().filter_map(words::platform_word).collect(),
        platforms: platforms.collect(),
    }))
}

fn limits(word: &'static str, platform: Platform) -> PlatformLimits {
    let rules = Capability::of(platform);
    let needs_video = rules.needs_media && rules.images.is_none();
    PlatformLimits {
        platform: word,
        display_name: words::display_name(platform),
        characters: Characters {
            standard: rules.text.units_max,
            premium: None,
        },
        images: rules.images.as_ref().map_or(FileLimits::NONE, FileLimits::of_images),
        videos: rules.video.as_ref().map_or(VideoLimits::NONE, VideoLimits::of),
        requirements: Requirements {
            requires_media: rules.needs_media,
            requires_video: needs_video,
            supports_text_only: !rules.needs_media,
            supports_threading: thread::splits(platform),
        },
        documents: rules.documents.as_ref().map(FileLimits::of_documents),
        gifs: None,
        thumbnails: None,
    }
}

/// The answer of `platform-limits`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Limits {
    success: True,
    schema_version: u32,
    /// Where the numbers come from.
    source: &'static str,
    /// The version of this server.
    package_version: &'static str,
    limits_last_updated: &'static str,
    supported_platforms: Vec<&'static str>,
    platforms: BTreeMap<&'static str, PlatformLimits>,
}

/// What one platform takes.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct PlatformLimits {
    platform: &'static str,
    display_name: &'static str,
    characters: Characters,
    images: FileLimits,
    videos: VideoLimits,
    requirements: Requirements,
    documents: Option<FileLimits>,
    gifs: Option<FileLimits>,
    thumbnails: Option<FileLimits>,
}

/// The longest text.
#[derive(Debug, Serialize, JsonSchema)]
struct Characters {
    standard: u32,
    /// For paying accounts, where that is known to be more.
    premium: Option<u32>,
}

/// Pictures or documents.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct FileLimits {
    supported: bool,
    max_size_bytes: u64,
    max_count: u8,
    formats: &'static [&'static str],
}

impl FileLimits {
    const NONE: Self = Self {
        supported: false,
        max_size_bytes: 0,
        max_count: 0,
        formats: &[],
    };

    fn of_images(rule: &ImageRule) -> Self {
        Self {
            supported: true,
            max_size_bytes: rule.bytes_max,
            max_count: rule.count_max,
            formats: rule.mimes,
        }
    }

    fn of_documents(rule: &DocumentRule) -> Self {
        Self {
            supported: true,
            max_size_bytes: rule.bytes_max,
            max_count: rule.count_max,
            formats: rule.mimes,
        }
    }
}

/// Films.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct VideoLimits {
    supported: bool,
    /// Null where the platform has no limit.
    max_duration_seconds: Option<u64>,
    /// Rounded up to a whole second.
    min_duration_seconds: u64,
    max_size_bytes: u64,
    max_count: u8,
    formats: &'static [&'static str],
    aspect_ratio_range: Option<AspectRatioRange>,
}

impl VideoLimits {
    const NONE: Self = Self {
        supported: false,
        max_duration_seconds: Some(0),
        min_duration_seconds: 0,
        max_size_bytes: 0,
        max_count: 0,
        formats: &[],
        aspect_ratio_range: None,
    };

    fn of(rule: &VideoRule) -> Self {
        let (shortest_ms, longest_ms) = rule.duration_ms;
        Self {
            supported: true,
            max_duration_seconds: (longest_ms < u64::MAX).then_some(longest_ms / 1_000),
            min_duration_seconds: shortest_ms.div_ceil(1_000),
            max_size_bytes: rule.bytes_max,
            max_count: rule.count_max,
            formats: rule.mimes,
            aspect_ratio_range: None,
        }
    }
}

/// Width divided by height.
#[derive(Debug, Serialize, JsonSchema)]
struct AspectRatioRange {
    min: f64,
    max: f64,
}

/// What a post must have.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Requirements {
    requires_media: bool,
    requires_video: bool,
    supports_text_only: bool,
    supports_threading: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Door;

    /// Q20: the numbers are those that posts are held against.
    #[tokio::test]
    async fn the_limits_are_those_that_posts_are_held_against() {
        let door = Door::open().await;
        let shown = door.postpost("GET", "/platform-limits", "").await.json();
        assert_eq!((&shown["success"], &shown["schemaVersion"]), (&true.into(), &1.into()));
        let words: Vec<_> = words::PLATFORMS.into_iter().filter_map(words::platform_word).collect();
        assert_eq!(shown["supportedPlatforms"], serde_json::json!(words));
        for platform in words::PLATFORMS {
            let told = &shown["platforms"][words::platform_word(platform).unwrap()];
            let rules = Capability::of(platform);
            assert_eq!(told["characters"]["standard"], rules.text.units_max, "{platform}");
            assert_eq!(told["images"]["supported"], rules.images.is_some(), "{platform}");
            if let Some(images) = &rules.images {
                assert_eq!(told["images"]["maxCount"], images.count_max, "{platform}");
                assert_eq!(told["images"]["formats"], serde_json::json!(images.mimes), "{platform}");
            }
            if let Some(video) = &rules.video {
                assert_eq!(told["videos"]["maxSizeBytes"], video.bytes_max, "{platform}");
                let longest = Some(video.duration_ms.1)
                    .filter(|longest| *longest < u64::MAX)
                    .map(|longest| longest / 1_000);
                assert_eq!(
                    told["videos"]["maxDurationSeconds"],
                    serde_json::json!(longest),
                    "{platform}"
                );
            }
        }
        assert!(shown["platforms"]["mastodon"]["videos"]["maxDurationSeconds"].is_null());
        assert_eq!(shown["platforms"]["twitter"]["displayName"], "Twitter/X");
        assert_eq!(shown["platforms"]["twitter"]["requirements"]["supportsThreading"], true);
        assert_eq!(shown["platforms"]["youtube"]["requirements"]["requiresVideo"], true);
        assert_eq!(
            shown["platforms"]["linkedin"]["requirements"]["supportsThreading"],
            false
        );
    }
}
