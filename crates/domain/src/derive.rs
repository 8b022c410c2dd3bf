//! What has to be done to a picture before a platform takes it, decided from its facts and the platform's rule.
//!
//! A recipe and a file's bytes determine the derivative's bytes, so that a post that is prepared twice sends the same.

use crate::capability::ImageRule;
use crate::content::{Media, MediaKind};

/// Formats that can be decoded here. Others (HEIC, AVIF) go without what they tell, or are refused by the platform's rule.
pub const CONVERTIBLE: &[&str] = &["image/jpeg", "image/png", "image/webp", "image/gif"];

/// What was found in a picture's file beside its extent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Survey {
    /// It says where it was taken, or holds something that may say so.
    pub tells_location: bool,
    /// It moves. A derivative would stand still.
    pub is_animated: bool,
}

/// How a derivative is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Recipe {
    /// The same picture without what it tells beside itself. Nothing is decoded.
    Clean,
    /// A JPEG within these limits: decoded, turned upright, put on white, scaled down if need be.
    Jpeg {
        /// The most bytes.
        bytes_max: u64,
        /// The most pixels, across times down.
        pixels_max: Option<u64>,
        /// The most pixels across and down, added up.
        sides_sum_max: Option<u32>,
    },
}

impl Recipe {
    /// What a picture needs to be taken under `rule`; `None` when it can go as it is, or when nothing can be done here
    /// and the rule's own check says what is wrong.
    #[must_use]
    pub fn for_picture(media: &Media, survey: Survey, rule: &ImageRule) -> Option<Self> {
        if media.kind != MediaKind::Image {
            return None;
        }
        let too_many_pixels = matches!((media.width, media.height), (Some(w), Some(h)) if !rule.takes_extent(w, h));
        let is_taken = rule.mimes.contains(&media.mime.as_str()) && media.bytes <= rule.bytes_max && !too_many_pixels;
        if is_taken {
            return survey.tells_location.then_some(Self::Clean);
        }
        let can_be_decoded = CONVERTIBLE.contains(&media.mime.as_str()) && !survey.is_animated;
        (can_be_decoded && rule.mimes.contains(&"image/jpeg")).then_some(Self::Jpeg {
            bytes_max: rule.bytes_max,
            pixels_max: rule.pixels_max,
            sides_sum_max: rule.sides_sum_max,
        })
    }

    /// The recipe in one word, with its version: a derivative is found again by it, and another way of making it needs
    /// another version.
    #[must_use]
    pub fn word(&self) -> String {
        match self {
            Self::Clean => "clean-1".to_owned(),
            Self::Jpeg {
                bytes_max,
                pixels_max,
                sides_sum_max,
            } => format!(
                "jpeg-1 bytes {bytes_max} pixels {} sides {}",
                pixels_max.unwrap_or(0),
                sides_sum_max.unwrap_or(0)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::Capability;
    use crate::ids::MediaId;
    use crate::platform::Platform;

    fn picture(mime: &str, bytes: u64, width: u32, height: u32) -> Media {
        Media {
            id: MediaId::default(),
            kind: MediaKind::Image,
            mime: mime.to_owned(),
            bytes,
            sha256: String::new(),
            key: String::new(),
            name: None,
            alt: None,
            width: Some(width),
            height: Some(height),
            duration_ms: None,
            frame_rate: None,
        }
    }

    fn needed(platform: Platform, media: &Media, survey: Survey) -> Option<Recipe> {
        Recipe::for_picture(media, survey, Capability::of(platform).images.as_ref().unwrap())
    }

    #[test]
    fn a_picture_that_a_platform_takes_goes_as_it_is() {
        let jpeg = picture("image/jpeg", 900_000, 1_000, 1_000);
        for platform in Platform::ALL.iter().filter(|p| Capability::of(**p).images.is_some()) {
            assert_eq!(needed(*platform, &jpeg, Survey::default()), None, "{platform}");
        }
    }

    #[test]
    fn a_format_a_size_and_an_extent_that_are_refused_make_a_jpeg_within_the_rule() {
        let plain = Survey::default();
        let png = picture("image/png", 900_000, 1_000, 1_000);
        assert!(matches!(
            needed(Platform::Instagram, &png, plain),
            Some(Recipe::Jpeg {
                bytes_max: 8_388_608,
                ..
            })
        ));
        assert_eq!(needed(Platform::Threads, &png, plain), None);
        let large = picture("image/jpeg", 1_000_001, 1_000, 1_000);
        assert!(matches!(
            needed(Platform::Bluesky, &large, plain),
            Some(Recipe::Jpeg {
                bytes_max: 1_000_000,
                ..
            })
        ));
        let wide = picture("image/jpeg", 900_000, 9_000, 1_001);
        assert!(matches!(
            needed(Platform::Telegram, &wide, plain),
            Some(Recipe::Jpeg {
                sides_sum_max: Some(10_000),
                ..
            })
        ));
        let vast = picture("image/jpeg", 900_000, 8_000, 6_000);
        for platform in [Platform::Mastodon, Platform::LinkedIn] {
            assert!(matches!(
                needed(platform, &vast, plain),
                Some(Recipe::Jpeg {
                    pixels_max: Some(_),
                    ..
                })
            ));
        }
    }

    #[test]
    fn a_location_alone_never_costs_quality() {
        let tells = Survey {
            tells_location: true,
            ..Survey::default()
        };
        let jpeg = picture("image/jpeg", 900_000, 1_000, 1_000);
        assert_eq!(needed(Platform::X, &jpeg, tells), Some(Recipe::Clean));
        let heic = picture("image/heic", 900_000, 1_000, 1_000);
        assert_eq!(needed(Platform::Mastodon, &heic, tells), Some(Recipe::Clean));
    }

    #[test]
    fn what_cannot_be_decoded_is_left_to_the_platforms_rule() {
        let tells = Survey {
            tells_location: true,
            ..Survey::default()
        };
        assert_eq!(needed(Platform::X, &picture("image/heic", 9, 9, 9), tells), None);
        let large = picture("image/avif", 99_000_000, 9, 9);
        assert_eq!(needed(Platform::Mastodon, &large, tells), None);
    }

    #[test]
    fn what_moves_is_never_made_to_stand_still() {
        let moves = Survey {
            is_animated: true,
            ..Survey::default()
        };
        assert_eq!(
            needed(Platform::Instagram, &picture("image/webp", 9, 9, 9), moves),
            None
        );
        let animation = Media {
            kind: MediaKind::Animation,
            ..picture("image/gif", 9, 9, 9)
        };
        assert_eq!(needed(Platform::Instagram, &animation, Survey::default()), None);
    }

    #[test]
    fn every_limit_is_part_of_a_recipes_word() {
        let jpeg = |bytes_max, pixels_max, sides_sum_max| {
            Recipe::Jpeg {
                bytes_max,
                pixels_max,
                sides_sum_max,
            }
            .word()
        };
        let words = [
            Recipe::Clean.word(),
            jpeg(1, None, None),
            jpeg(2, None, None),
            jpeg(1, Some(1), None),
            jpeg(1, None, Some(1)),
        ];
        let distinct: std::collections::BTreeSet<_> = words.iter().collect();
        assert_eq!(distinct.len(), words.len());
    }
}
