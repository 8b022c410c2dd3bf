//! One suite for all connectors, against the sandbox: what the platform stored is what was asked for, and no fault makes
//! two posts of one.
//!
//! The cases come from the capability: a platform that lists a kind of post is tested for it. A platform's own folder
//! says with [`Subject`] what is particular about it and takes the suite with [`behaves!`]; what was shown is noted for
//! `cargo xtask platforms`.

mod bench;
mod faults;
mod posts;

use domain::capability::PostType;
use serde_json::Value;

pub(crate) use self::bench::Bench;
pub(crate) use self::faults::{RECOVERED, REFUSED, a_post_met_by, a_refusal, processing};
pub(crate) use self::posts::{every_setting, stored};
use crate::Connector;

/// Stands in a setting for the id of a post that the account made earlier.
pub(crate) const EARLIER: &str = "$earlier";

/// Which files keep their description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Describes {
    /// None.
    Nothing,
    /// Pictures.
    Pictures,
    /// Pictures and films.
    All,
}

/// A platform as the suite sees it.
pub(crate) struct Subject {
    /// What is tested.
    pub(crate) connector: &'static dyn Connector,
    /// The account's id, where its form matters.
    pub(crate) remote_id: Option<&'static str>,
    /// Which files keep their description.
    pub(crate) describes: Describes,
    /// What this account cannot do although others of the platform can.
    pub(crate) lacks: &'static [PostType],
    /// Every setting that the capability lists, and what it becomes; `None` where another subject of the platform says so.
    pub(crate) settings: Option<fn(&mut Bench) -> Vec<Setting>>,
}

/// A post with settings, and what must be stored of one of them.
pub(crate) struct Setting {
    /// The setting's name.
    pub(crate) name: &'static str,
    /// The kind of post that carries it.
    pub(crate) on: PostType,
    /// The settings of the post.
    pub(crate) given: Value,
    /// Where the sandbox keeps it: a pointer into the settings and notes of what was published (`/settings/…`, `/notes/…`).
    pub(crate) at: &'static str,
    /// What must stand there.
    pub(crate) is: Value,
}

impl Setting {
    /// `name` with `value` on a post of this kind is stored `at` as `is`.
    pub(crate) fn new(on: PostType, name: &'static str, value: Value, at: &'static str, is: Value) -> Self {
        Self {
            name,
            on,
            given: Value::Object([(name.to_owned(), value)].into_iter().collect()),
            at,
            is,
        }
    }

    /// The same with another setting that this one needs beside it.
    pub(crate) fn beside(mut self, name: &str, value: Value) -> Self {
        if let Some(given) = self.given.as_object_mut() {
            given.insert(name.to_owned(), value);
        }
        self
    }
}

/// Takes the suite for a [`Subject`]: one test for each kind of post, one for the settings, one for each sort of fault.
macro_rules! behaves {
    ($subject:expr) => {
        use domain::capability::PostType;

        #[tokio::test]
        async fn a_text_is_stored_as_it_was_asked_for() {
            crate::behaviour::stored(&$subject, PostType::Text).await;
        }

        #[tokio::test]
        async fn a_link_is_stored_as_it_was_asked_for() {
            crate::behaviour::stored(&$subject, PostType::Link).await;
        }

        #[tokio::test]
        async fn an_image_is_stored_as_it_was_asked_for() {
            crate::behaviour::stored(&$subject, PostType::Image).await;
        }

        #[tokio::test]
        async fn several_images_are_stored_as_they_were_asked_for() {
            crate::behaviour::stored(&$subject, PostType::Images).await;
        }

        #[tokio::test]
        async fn a_film_is_stored_as_it_was_asked_for() {
            crate::behaviour::stored(&$subject, PostType::Video).await;
        }

        #[tokio::test]
        async fn images_and_films_together_are_stored_as_they_were_asked_for() {
            crate::behaviour::stored(&$subject, PostType::Mixed).await;
        }

        #[tokio::test]
        async fn a_document_is_stored_as_it_was_asked_for() {
            crate::behaviour::stored(&$subject, PostType::Document).await;
        }

        #[tokio::test]
        async fn a_thread_is_stored_as_it_was_asked_for() {
            crate::behaviour::stored(&$subject, PostType::Thread).await;
        }

        #[tokio::test]
        async fn a_first_comment_is_stored_as_it_was_asked_for() {
            crate::behaviour::stored(&$subject, PostType::FirstComment).await;
        }

        #[tokio::test]
        async fn every_setting_is_stored_as_it_was_asked_for() {
            crate::behaviour::every_setting(&$subject).await;
        }

        #[tokio::test]
        async fn whatever_happens_to_the_answer_there_is_one_post() {
            for fault in crate::behaviour::RECOVERED {
                crate::behaviour::a_post_met_by(&$subject, fault).await;
            }
        }

        #[tokio::test]
        async fn what_is_refused_is_not_published() {
            for fault in crate::behaviour::REFUSED {
                crate::behaviour::a_refusal(&$subject, fault).await;
            }
        }

        #[tokio::test]
        async fn files_are_waited_for_and_a_file_that_cannot_be_processed_is_refused() {
            crate::behaviour::processing(&$subject).await;
        }
    };
}

pub(crate) use behaves;
