//! What was stored is what was asked for.

use std::collections::BTreeSet;

use domain::capability::PostType;
use domain::content::Draft;
use domain::part::{Part, RemotePost};
use sandbox::Published;
use sandbox::proof::{Shown, note};
use serde_json::{Value, json};

use super::{Bench, EARLIER, Setting, Subject};
use crate::testing::{draft, with_settings};

/// Publishes a post of this kind and compares every part of it with what the platform has then, if it takes such posts.
pub(crate) async fn stored(subject: &Subject, kind: PostType) {
    if !subject.connector.capability().takes(kind) || subject.lacks.contains(&kind) {
        return;
    }
    let mut bench = Bench::new(subject, vec![]).await;
    let draft = bench.post(kind);
    let live = bench.world.publish(subject.connector, &draft).await;
    let live = live.unwrap_or_else(|error| panic!("{kind:?}, which the capability lists, is not published: {error:?}"));
    let posts = bench.published();
    assert_eq!(posts.len(), draft.parts().len(), "{kind:?}: {posts:?}");
    for ((part, remote), post) in live.iter().zip(&posts) {
        compare(&draft, *part, remote, post);
        assert_eq!(
            post.reply_to.as_ref(),
            parent(*part, &live, &posts),
            "{kind:?}, {part:?}"
        );
    }
    note(bench.world.platform, Shown::Stored(kind));
}

fn compare(draft: &Draft, part: Part, remote: &RemotePost, post: &Published) {
    let asked = draft.part(part).unwrap();
    assert_eq!(post.text, asked.text, "{part:?}");
    let hashes: Vec<_> = asked.media.iter().map(|media| media.sha256.clone()).collect();
    assert_eq!(post.media, hashes, "{part:?}: the files or their order");
    let alts: Vec<_> = asked
        .media
        .iter()
        .map(|media| media.alt.clone().unwrap_or_default())
        .collect();
    let is_described = alts.iter().any(|alt| !alt.is_empty());
    if is_described || !post.alt.is_empty() {
        assert_eq!(post.alt, alts, "{part:?}: the descriptions");
    }
    assert!(is_named_by(remote, post), "{part:?}: {remote:?} is not {post:?}");
    if post.remote_id == remote.id {
        assert_eq!(remote.url, post.url, "{part:?}");
    }
}

/// Whether this is the post. A message of Telegram is named within its chat, a comment of LinkedIn within its post, and a
/// film of Facebook by itself and not by its post.
pub(super) fn is_named_by(remote: &RemotePost, post: &Published) -> bool {
    let ends = [format!("/{}", remote.id), format!(",{})", remote.id)];
    post.remote_id == remote.id
        || ends.iter().any(|end| post.remote_id.ends_with(end))
        || post.key.as_ref() == Some(&remote.id)
}

/// The platform's id of what a part answers.
fn parent<'a>(part: Part, live: &[(Part, RemotePost)], posts: &'a [Published]) -> Option<&'a String> {
    let of = match part {
        Part::Head => return None,
        Part::Reply(1) | Part::FirstComment => Part::Head,
        Part::Reply(n) => Part::Reply(n - 1),
    };
    let at = live.iter().position(|(part, _)| *part == of)?;
    posts.get(at).map(|post| &post.remote_id)
}

/// Publishes a post for each setting and looks for it in what the platform has then. What is tried is what the capability
/// lists, no less and no more.
pub(crate) async fn every_setting(subject: &Subject) {
    let Some(settings) = subject.settings else { return };
    let tried = settings(&mut Bench::new(subject, vec![]).await);
    let names: BTreeSet<&str> = tried.iter().map(|setting| setting.name).collect();
    let listed = subject.connector.capability().settings;
    assert_eq!(names, listed.iter().copied().collect(), "what is tried, what is listed");
    for number in 0..tried.len() {
        // A world of its own for each, since platforms refuse the same words twice.
        let mut bench = Bench::new(subject, vec![]).await;
        let setting = settings(&mut bench).swap_remove(number);
        let (given, is) = after_an_earlier_post(&bench, subject, &setting).await;
        let draft = with_settings(bench.post(setting.on), given);
        let live = bench.world.publish(subject.connector, &draft).await;
        live.unwrap_or_else(|error| panic!("{}: {error:?}", setting.name));
        let posts = bench.published();
        let last = posts.last().unwrap();
        let stored = json!({ "settings": last.settings, "notes": last.notes });
        let found = stored.pointer(setting.at).map(plain);
        assert_eq!(found.as_ref(), Some(&plain(&is)), "{}: {stored:#}", setting.name);
        note(bench.world.platform, Shown::Setting(setting.name.to_owned()));
    }
}

/// What the post carries and what must be stored, with the id of an earlier post in place of [`EARLIER`], if it is asked
/// for.
async fn after_an_earlier_post(bench: &Bench, subject: &Subject, setting: &Setting) -> (Value, Value) {
    let (given, is) = (setting.given.to_string(), setting.is.to_string());
    if !given.contains(EARLIER) {
        return (setting.given.clone(), setting.is.clone());
    }
    let earlier = draft(bench.world.platform, "what was there before", vec![]);
    let live = bench.world.publish(subject.connector, &earlier).await.unwrap();
    let named = |text: String| serde_json::from_str(&text.replace(EARLIER, &live[0].1.id)).unwrap();
    (named(given), named(is))
}

/// A value that some platforms keep as the JSON text that they were given.
fn plain(value: &Value) -> Value {
    let parsed = value.as_str().and_then(|text| serde_json::from_str(text).ok());
    match parsed {
        Some(parsed @ (Value::Object(_) | Value::Array(_) | Value::Bool(_) | Value::Number(_))) => parsed,
        _ => value.clone(),
    }
}
