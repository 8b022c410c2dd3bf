//! Films for platforms that this server cannot publish to: what they would refuse is said all the same.

use connectors::Registry;
use domain::account::Tokens;
use domain::content::{Content, Media, MediaKind, PartContent};
use domain::error::ErrorKind;
use domain::platform::Platform;
use domain::post::PostState;
use domain::secret::SecretText;

use crate::world::{self, Outside, post_now, run_to_the_end, state};

fn film(frame_rate: f64) -> Media {
    Media {
        id: Default::default(),
        kind: MediaKind::Video,
        mime: "video/mp4".to_owned(),
        bytes: 1_000_000,
        sha256: String::new(),
        key: "film.mp4".to_owned(),
        name: None,
        alt: None,
        width: Some(1_080),
        height: Some(1_920),
        duration_ms: Some(10_000),
        frame_rate: Some(frame_rate),
    }
}

async fn said_of(platform: Platform, media: Vec<Media>) -> (ErrorKind, String) {
    let outside = Outside::new().await;
    let no_connectors = |registry: &mut Registry, _: &mut engine::Settings| *registry = Registry::new();
    let points = std::sync::Arc::new(engine::points::GoOn);
    let engine = outside.engine_with(world::memory(), points, no_connectors).await;
    let tokens = Tokens {
        access: SecretText::from("token"),
        ..Tokens::default()
    };
    let (user, account) = outside.add_account(&engine, platform, tokens).await;
    let content = Content {
        head: PartContent {
            text: "a film".to_owned(),
            media,
        },
        ..Content::default()
    };
    let group = post_now(&engine, &user, &account, content).await;
    run_to_the_end(&outside, &engine).await;
    match state(&engine, &user, group).await {
        PostState::Failed { error, .. } => (error.kind, error.message),
        other => panic!("{platform}: {other:?}"),
    }
}

#[tokio::test]
async fn a_film_that_the_platform_would_refuse_is_refused_first() {
    let slow = "Video FPS is below minimum requirement".to_owned();
    assert_eq!(
        said_of(Platform::TikTok, vec![film(15.0)]).await,
        (ErrorKind::Validation, slow)
    );
    let (kind, _) = said_of(Platform::YouTube, Vec::new()).await;
    assert_eq!(kind, ErrorKind::Validation);
}

#[tokio::test]
async fn a_film_that_is_fine_fails_with_a_clear_word() {
    for platform in [Platform::TikTok, Platform::YouTube] {
        let said = format!("This server cannot publish to {} yet", platform.name());
        assert_eq!(
            said_of(platform, vec![film(24.0)]).await,
            (ErrorKind::OperatorConfig, said)
        );
    }
}
