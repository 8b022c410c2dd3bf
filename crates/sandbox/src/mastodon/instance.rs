//! What the server says about itself and its limits.

use axum::extract::State;
use serde_json::{Value, json};

use super::Mastodon;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Handled, open};
use crate::fault::Class;
use crate::world::{Shared, World};

/// Characters of a status, spoiler text included.
pub(super) const CHARACTERS_MAX: usize = 500;
/// What a link counts, whatever its length.
pub(super) const CHARACTERS_PER_URL: usize = 23;
/// Media of a status.
pub(super) const ATTACHMENTS_MAX: usize = 4;
/// Characters of an alternative text.
pub(super) const DESCRIPTION_MAX: usize = 1_500;
/// Bytes of an image.
pub(super) const IMAGE_BYTES_MAX: usize = 16_777_216;
/// Pixels of an image.
pub(super) const IMAGE_PIXELS_MAX: usize = 33_177_600;
/// Bytes of a video.
pub(super) const VIDEO_BYTES_MAX: usize = 103_809_024;
/// Pixels of a video's frame.
pub(super) const VIDEO_PIXELS_MAX: usize = 8_294_400;

const VERSION: &str = "4.5.2";
const MIME_TYPES: &[&str] = &["image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4"];

fn configuration(world: &World) -> Value {
    json!({
        "urls": { "streaming": world.address("mastodon"), "status": "" },
        "accounts": { "max_featured_tags": 10, "max_pinned_statuses": 5 },
        "statuses": {
            "max_characters": CHARACTERS_MAX,
            "max_media_attachments": ATTACHMENTS_MAX,
            "characters_reserved_per_url": CHARACTERS_PER_URL,
        },
        "media_attachments": {
            "supported_mime_types": MIME_TYPES,
            "description_limit": DESCRIPTION_MAX,
            "image_size_limit": IMAGE_BYTES_MAX,
            "image_matrix_limit": IMAGE_PIXELS_MAX,
            "video_size_limit": VIDEO_BYTES_MAX,
            "video_frame_rate_limit": 120,
            "video_matrix_limit": VIDEO_PIXELS_MAX,
        },
        "polls": {
            "max_options": 4,
            "max_characters_per_option": 50,
            "min_expiration": 300,
            "max_expiration": 2_629_746,
        },
        "translation": { "enabled": false },
    })
}

fn domain(world: &World) -> String {
    let host = world.base.host_str().unwrap_or("localhost");
    world
        .base
        .port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

pub(super) async fn v2(State(world): State<Shared>, call: Call) -> Handled {
    let turn = open(&world, Mastodon, &call, Credential::Open, Class::Check, "").await?;
    let answer = Answer::ok(&json!({
        "domain": domain(&world),
        "title": "Sandbox",
        "version": VERSION,
        "source_url": "https://github.com/mastodon/mastodon",
        "description": "An emulated Mastodon",
        "usage": { "users": { "active_month": 1 } },
        "thumbnail": { "url": world.address("samples/image2.png"), "blurhash": null, "versions": null },
        "icon": [],
        "contact": { "email": "staff@example.com", "account": null },
        "languages": ["en"],
        "configuration": configuration(&world),
        "registrations": { "enabled": false, "approval_required": false, "message": null },
        "api_versions": { "mastodon": 7 },
        "rules": [],
    }));
    Ok(turn.close(Ok(answer)).await)
}

pub(super) async fn v1(State(world): State<Shared>, call: Call) -> Handled {
    let turn = open(&world, Mastodon, &call, Credential::Open, Class::Check, "").await?;
    let answer = Answer::ok(&json!({
        "uri": domain(&world),
        "title": "Sandbox",
        "version": VERSION,
        "short_description": "An emulated Mastodon",
        "description": "An emulated Mastodon",
        "languages": ["en"],
        "registrations": false,
        "configuration": configuration(&world),
        "rules": [],
    }));
    Ok(turn.close(Ok(answer)).await)
}
