//! Tests of the table of capabilities.

use super::*;
use crate::text::measure;

#[test]
fn every_platform_has_the_capability_of_its_own_name() {
    for platform in Platform::ALL {
        assert_eq!(Capability::of(*platform).platform, *platform);
    }
}

#[test]
fn every_rule_makes_sense() {
    for platform in Platform::ALL {
        let capability = Capability::of(*platform);
        assert!(capability.text.units_max > 0 && capability.media_max > 0, "{platform}");
        if let Some(images) = &capability.images {
            assert!(
                images.count_max > 0 && images.bytes_max > 0 && !images.mimes.is_empty(),
                "{platform}"
            );
            assert!(images.mimes.iter().all(|mime| mime.starts_with("image/")), "{platform}");
            assert!(
                images.aspect.is_none_or(|(low, high)| 0.0 < low && low < high),
                "{platform}"
            );
        }
        if let Some(video) = &capability.video {
            assert!(
                video.count_max > 0 && video.bytes_max > 0 && !video.mimes.is_empty(),
                "{platform}"
            );
            assert!(video.mimes.iter().all(|mime| mime.starts_with("video/")), "{platform}");
            assert!(video.duration_ms.0 < video.duration_ms.1, "{platform}");
            assert!(video.frame_rate.is_none_or(|(low, high)| low < high), "{platform}");
        }
        assert!(
            !capability.needs_media || capability.images.is_some() || capability.video.is_some(),
            "{platform}"
        );
        assert!(capability.pace.in_flight_max > 0, "{platform}");
    }
}

#[test]
fn no_platform_is_believed_absent_in_less_than_a_minute() {
    for platform in Platform::ALL {
        let ask = &Capability::of(*platform).ask;
        assert!(ask.settle_for >= SignedDuration::from_secs(60), "{platform}");
        assert!(ask.ask_times >= 1 && ask.ask_after > SignedDuration::ZERO, "{platform}");
    }
}

#[test]
fn a_send_budget_grows_with_the_body_and_is_bounded() {
    let budget = SendBudget {
        base: SignedDuration::from_secs(60),
        bytes_per_second_min: 65_536,
    };
    assert_eq!(budget.for_bytes(0), SignedDuration::from_secs(60));
    assert_eq!(budget.for_bytes(65_536 * 30), SignedDuration::from_secs(90));
    assert_eq!(budget.for_bytes(65_536 * 540), SendBudget::MAX);
    assert_eq!(budget.for_bytes(u64::MAX), SendBudget::MAX);
    let flat = SendBudget {
        base: SignedDuration::from_secs(30),
        bytes_per_second_min: 0,
    };
    assert_eq!(flat.for_bytes(u64::MAX), SignedDuration::from_secs(30));
}

#[test]
fn the_units_of_the_wired_platforms_are_their_own() {
    let family = "👨‍👩‍👧‍👦";
    let count = |platform| measure(Capability::of(platform).text.unit, family);
    assert_eq!(count(Platform::X), 2);
    assert_eq!(count(Platform::Bluesky), 1);
    assert_eq!(count(Platform::Mastodon), 1);
    assert_eq!(count(Platform::Telegram), 11);
    assert_eq!(count(Platform::Instagram), 7);
}

#[test]
fn durations_are_written_in_seconds() {
    let json = serde_json::to_value(Capability::of(Platform::Mastodon)).unwrap();
    assert_eq!(json["ask"]["settle_for"], 60.0);
    assert_eq!(json["text"]["unit"], "mastodon");
}

#[test]
fn quotas_have_names_of_their_own_and_allow_something() {
    for platform in Platform::ALL {
        let quotas = quotas(*platform);
        let names: std::collections::BTreeSet<_> = quotas.iter().map(|quota| quota.name).collect();
        assert_eq!(names.len(), quotas.len(), "{platform}");
        for quota in quotas {
            assert!(
                quota.most != Some(0) && quota.window.length() >= SignedDuration::from_secs(1),
                "{platform}"
            );
        }
    }
}

#[test]
fn a_quota_counts_what_it_is_about() {
    let media = crate::content::Media {
        id: crate::ids::MediaId::default(),
        kind: crate::content::MediaKind::Image,
        mime: "image/jpeg".to_owned(),
        bytes: 1,
        sha256: String::new(),
        key: "1".to_owned(),
        name: None,
        alt: None,
        width: None,
        height: None,
        duration_ms: None,
        frame_rate: None,
    };
    let mut draft = crate::content::Draft {
        platform: Platform::X,
        content: crate::content::Content::default(),
    };
    draft.content.head.media = vec![media.clone(), media];
    draft.content.replies.push(crate::content::PartContent::default());
    use crate::part::Part::{FirstComment, Head, Reply};
    for (counted, weights) in [
        (Counted::Parts(3), [3, 3, 3]),
        (Counted::Posts, [1, 1, 0]),
        (Counted::Heads, [1, 0, 0]),
        (Counted::Replies, [0, 1, 1]),
        (Counted::Comments, [0, 0, 1]),
        (Counted::Items, [2, 1, 1]),
        (Counted::Uploads, [2, 0, 0]),
        (Counted::Containers, [3, 1, 1]),
    ] {
        let found = [Head, Reply(1), FirstComment].map(|part| counted.weight(&draft, part));
        assert_eq!(found, weights, "{counted:?}");
    }
}
