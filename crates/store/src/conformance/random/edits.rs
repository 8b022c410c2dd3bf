//! What happens in a random life to what groups say and where they go.

use domain::content::{Media, Settings};
use domain::group::PlanEdit;
use domain::ids::MediaId;
use domain::log::LogKind;
use domain::platform::Platform;
use serde_json::json;

use super::super::bench::{at, entry};
use super::super::groups::media;
use super::{Reach, Twins, pick, said};
use crate::{FileState, GroupEdit, MediaFile, NewPost, Purpose, RequestKey};

const TARGETS: [(Platform, &str); 4] = [
    (Platform::Mastodon, "1"),
    (Platform::Bluesky, "2"),
    (Platform::X, "3"),
    (Platform::Mastodon, "4"),
];

impl Twins {
    /// Edits a group: the bits of `who` say what of it, `how` says to what.
    pub(super) async fn edit(&mut self, owner: Reach, who: u8, how: u8) {
        let Some((_, group)) = pick(&self.groups, how) else {
            return;
        };
        let now = self.now;
        let has = |bit: u8| who & bit != 0;
        let mut settings = Settings::new();
        if has(4) {
            settings.insert("x".to_owned(), json!({ "madeWithAi": how.is_multiple_of(2) }));
        }
        let edit = GroupEdit {
            plan: PlanEdit {
                draft: [None, Some(true), Some(false)][usize::from(how % 3)],
                planned_at: has(1).then(|| at(now + i64::from(how))),
                now: at(now),
            },
            text: has(2).then(|| format!("text {how}")),
            settings,
            targets: has(8).then(|| self.targets(how)),
            files: if has(16) {
                vec![self.file(owner, group, how)]
            } else {
                Vec::new()
            },
            log: entry(LogKind::StatusChanged, now),
        };
        let request = has(32).then(|| RequestKey {
            owner: owner.owner,
            operation: "edit".to_owned(),
            key: format!("key {}", how % 3),
            body_hash: [how % 4; 32],
            answer: String::new(),
            expires_at: at(now + 100),
        });
        let (model, real) = both!(self, |store| store.edit_group(
            &owner,
            group,
            edit.clone(),
            request.clone()
        ));
        if let Ok(edited) = &model {
            let known: Vec<_> = self.posts.iter().map(|(_, post)| *post).collect();
            let new = edited.group.posts.iter().filter(|post| !known.contains(&post.id));
            self.posts.extend(new.map(|post| (owner, post.id)));
        }
        assert_eq!(said(model), said(real));
    }

    /// Some of the targets, from any of them on.
    fn targets(&self, how: u8) -> Vec<NewPost> {
        let from = TARGETS.iter().cycle().skip(usize::from(how % 4));
        let new = |(platform, target): &(Platform, &str)| NewPost {
            id: self.model.post_id(),
            platform: *platform,
            target: (*target).to_owned(),
        };
        from.take(usize::from(how % 5)).map(new).collect()
    }

    /// A stored file.
    fn file(&self, owner: Reach, group: domain::ids::GroupId, how: u8) -> MediaFile {
        let id = MediaId::from_bytes(*self.model.group_id().as_bytes());
        let key = format!("file {}", how % 4);
        MediaFile {
            id,
            owner: owner.owner,
            group,
            purpose: Purpose::Post,
            kind: media("").kind,
            mime: "image/png".to_owned(),
            name: "a.png".to_owned(),
            state: FileState::Ready(Box::new(Media { id, ..media(&key) })),
            key,
            bytes_max: 1_000,
            created_at: at(self.now),
            expires_at: at(self.now),
        }
    }
}
