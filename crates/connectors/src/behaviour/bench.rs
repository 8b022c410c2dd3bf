//! The posts of the suite, and where they are published.

use std::ops::{Deref, DerefMut};

use domain::capability::PostType;
use domain::content::{Draft, Media, MediaKind};
use domain::platform::Platform;
use sandbox::Rule;

use super::{Describes, Subject};
use crate::testing::{self, draft, with_comment, with_reply};

/// What every post says: characters that markup, forms and JSON write otherwise, two lines, and more than one plane.
const WORDS: &str = "Fisch & <Chips>\n\n\u{1f41f} 100% \"fresh\" \\ caf\u{e9} #menu";
const WORDS_WITH_LINK: &str = "The menu: https://example.com/today?dish=1&side=2";

/// Where a platform is tried out by the suite.
pub(crate) struct Bench {
    of_connector: testing::Bench,
    describes: Describes,
}

impl Deref for Bench {
    type Target = testing::Bench;

    fn deref(&self) -> &testing::Bench {
        &self.of_connector
    }
}

impl DerefMut for Bench {
    fn deref_mut(&mut self) -> &mut testing::Bench {
        &mut self.of_connector
    }
}

impl Bench {
    pub(super) async fn new(subject: &Subject, script: Vec<Rule>) -> Self {
        Self {
            of_connector: testing::Bench::of(subject.connector, subject.remote_id, script).await,
            describes: subject.describes,
        }
    }

    fn described(&self, mut media: Media) -> Media {
        let is_described = match self.describes {
            Describes::Nothing => false,
            Describes::Pictures => media.kind == MediaKind::Image,
            Describes::All => media.kind != MediaKind::Document,
        };
        media.alt = is_described.then(|| format!("What \"{}\" shows & more", media.key));
        media
    }

    /// A picture, another for each `seed`.
    pub(crate) fn image(&mut self, seed: u64) -> Media {
        let mut image = self.of_connector.image(seed);
        (image.width, image.height) = (Some(320), Some(320));
        self.described(image)
    }

    /// A film of five seconds.
    pub(crate) fn film(&mut self) -> Media {
        let mut film = self.of_connector.film();
        (film.width, film.height, film.duration_ms) = (Some(1_080), Some(1_920), Some(5_000));
        self.described(film)
    }

    fn paper(&mut self) -> Media {
        let mut paper = self.file(MediaKind::Document, "application/pdf", b"%PDF-1.7 a menu");
        paper.name = Some("menu.pdf".to_owned());
        paper
    }

    /// A post of this kind.
    pub(crate) fn post(&mut self, kind: PostType) -> Draft {
        let platform = self.world.platform;
        let media = match kind {
            PostType::Text | PostType::Link | PostType::Thread | PostType::FirstComment => self.needed(platform),
            PostType::Image => vec![self.image(1)],
            PostType::Images => (1..=3).map(|seed| self.image(seed)).collect(),
            PostType::Video => vec![self.film()],
            PostType::Mixed => vec![self.image(1), self.film(), self.image(2)],
            PostType::Document => vec![self.paper()],
        };
        let words = if kind == PostType::Link { WORDS_WITH_LINK } else { WORDS };
        let post = draft(platform, words, media);
        match kind {
            PostType::Thread => with_reply(with_reply(post, "second & last but one", vec![]), "third", vec![]),
            PostType::FirstComment => with_comment(post, "one more thing & that is all"),
            _ => post,
        }
    }

    fn needed(&mut self, platform: Platform) -> Vec<Media> {
        if domain::capability::Capability::of(platform).needs_media {
            vec![self.image(1)]
        } else {
            Vec::new()
        }
    }
}
