//! Groups with files.

use domain::content::{Content, Media, MediaKind, PartContent};
use domain::ids::MediaId;
use domain::platform::Platform;
use engine::commands::{CreateGroup, Target};
use serde_json::json;

use super::{refusal, says};
use crate::testing::Door;

fn media(key: &str) -> Media {
    Media {
        id: MediaId::default(),
        kind: MediaKind::Image,
        mime: "image/png".to_owned(),
        bytes: 1,
        sha256: String::new(),
        key: key.to_owned(),
        name: None,
        alt: None,
        width: None,
        height: None,
        duration_ms: None,
        frame_rate: None,
    }
}

/// Makes a draft with a file, which this dialect cannot be asked for yet.
async fn create_with_media(door: &Door, key: &str) {
    let command = CreateGroup {
        owner: door.owner.id,
        content: Content {
            head: PartContent {
                text: "x".to_owned(),
                media: vec![media(key)],
            },
            ..Content::default()
        },
        targets: vec![Target {
            platform: Platform::X,
            remote_id: "1".to_owned(),
        }],
        draft: true,
        planned_at: None,
        idempotency: None,
        request_id: None,
    };
    door.engine.create_group(command).await.unwrap();
}

#[tokio::test]
async fn media_are_listed_by_their_absolute_addresses() {
    let door = Door::open().await;
    create_with_media(&door, "a.png").await;
    let listed = door.postpost("GET", "/list-posts", "").await.json();
    assert_eq!(
        listed["posts"][0]["mediaUrls"],
        json!(["http://127.0.0.1:4000/media/token/a.png"])
    );
}

#[tokio::test]
async fn a_panic_is_answered_and_harms_nobody_else() {
    let door = Door::open().await;
    create_with_media(&door, "panic").await;
    let answer = door.postpost("GET", "/list-posts", "").await;
    assert_eq!(refusal(&answer), says(500, "Internal server error"));
    assert_eq!(door.postpost("GET", "/platform-connections", "").await.status, 200);
}
