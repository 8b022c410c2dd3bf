//! Files: uploads, what came of them, and what is to be removed.

use domain::content::{Media, MediaKind};
use domain::ids::{GroupId, MediaId};
use domain::log::LogKind;
use domain::platform::Platform;

use super::bench::{at, entry};
use super::groups::media;
use super::{Bench, Outcome};
use crate::{Conflict, Error, FILES_PER_GROUP_MAX, FileState, MediaFile, NewGroup, Purpose, Reach};

/// An upload to a group that was asked for at second 0 and has an hour.
fn upload(bench: &Bench, reach: &Reach, group: GroupId, key: &str) -> MediaFile {
    let id = MediaId::from_bytes(*bench.group_id().as_bytes());
    MediaFile {
        id,
        owner: reach.owner,
        group,
        purpose: Purpose::Post,
        kind: MediaKind::Image,
        mime: "image/png".to_owned(),
        name: "a.png".to_owned(),
        key: key.to_owned(),
        bytes_max: 1_000,
        created_at: at(0),
        expires_at: at(3_600),
        state: FileState::Uploading,
    }
}

fn ready(file: &MediaFile) -> FileState {
    FileState::Ready(Box::new(Media {
        id: file.id,
        ..media(&file.key)
    }))
}

fn scheduled(bench: &Bench, reach: &Reach) -> NewGroup {
    bench.new_group(reach, &[(Platform::X, "1")], Some(500))
}

async fn keys(bench: &Bench, reach: &Reach, group: GroupId) -> crate::Result<Vec<String>> {
    let content = bench.read(reach, group).await?.content;
    Ok(content.head.media.into_iter().map(|media| media.key).collect())
}

pub(super) async fn a_group_awaits_a_file_until_it_is_ready(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let group = bench.made(&ann, scheduled(&bench, &ann)).await?.id;
    let first = upload(&bench, &ann, group, "first");
    let second = upload(&bench, &ann, group, "second");
    bench.add_files(&ann, group, vec![first.clone()], at(1)).await?;
    bench.add_files(&ann, group, vec![second.clone()], at(2)).await?;
    let read = bench.read(&ann, group).await?;
    assert_eq!(read.content.awaiting, [first.id, second.id]);
    assert_eq!((read.updated_at, read.content.head.media), (at(2), Vec::new()));
    assert_eq!(bench.media_file(first.id).await?, Some(first.clone()));
    // The later one arrives first, and lies where it was asked for all the same.
    let settled = bench.settle_file(second.id, ready(&second), at(3)).await?;
    assert_eq!(settled.state, ready(&second));
    bench.settle_file(first.id, ready(&first), at(4)).await?;
    assert_eq!(keys(&bench, &ann, group).await?, ["first", "second"]);
    assert_eq!(bench.read(&ann, group).await?.content.awaiting, []);
    let again = bench.settle_file(first.id, ready(&first), at(5)).await;
    assert!(matches!(again, Err(Error::Conflict(Conflict::FileReady))), "{again:?}");
    let unknown = MediaId::from_bytes([250; 12]);
    let missing = bench.settle_file(unknown, FileState::Uploading, at(5)).await;
    assert!(matches!(missing, Err(Error::NotFound)), "{missing:?}");
    Ok(())
}

pub(super) async fn a_failed_upload_is_awaited_and_may_be_tried_again(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let group = bench.made(&ann, scheduled(&bench, &ann)).await?.id;
    let file = upload(&bench, &ann, group, "one");
    bench.add_files(&ann, group, vec![file.clone()], at(1)).await?;
    let failed = FileState::Failed("it is cut off".to_owned());
    assert_eq!(bench.settle_file(file.id, failed.clone(), at(2)).await?.state, failed);
    assert_eq!(bench.read(&ann, group).await?.content.awaiting, [file.id]);
    bench.settle_file(file.id, ready(&file), at(3)).await?;
    assert_eq!(keys(&bench, &ann, group).await?, ["one"]);
    Ok(())
}

pub(super) async fn files_for_the_settings_are_not_published(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let group = bench.made(&ann, scheduled(&bench, &ann)).await?.id;
    let mut cover = upload(&bench, &ann, group, "cover");
    cover.purpose = Purpose::Cover;
    cover.state = ready(&cover);
    let mut shown = upload(&bench, &ann, group, "shown");
    shown.state = ready(&shown);
    bench.add_files(&ann, group, vec![cover.clone(), shown], at(1)).await?;
    assert_eq!(keys(&bench, &ann, group).await?, ["shown"]);
    assert_eq!(bench.media_file(cover.id).await?, Some(cover));
    Ok(())
}

pub(super) async fn files_belong_to_groups_that_can_be_edited(bench: Bench) -> Outcome {
    let (ann, bob) = (bench.owner("ann").await?, bench.owner("bob").await?);
    bench.connected(&ann, Platform::X, "1").await?;
    let due = bench.new_group(&ann, &[(Platform::X, "1")], Some(10));
    let group = bench.made(&ann, due).await?.id;
    let there = upload(&bench, &ann, group, "there");
    let foreign = bench.add_files(&bob, group, vec![there.clone()], at(1)).await;
    assert!(matches!(foreign, Err(Error::NotFound)), "{foreign:?}");
    bench.add_files(&ann, group, vec![there.clone()], at(1)).await?;
    let foreign = bench.remove_file(&bob, there.id, at(1)).await;
    assert!(matches!(foreign, Err(Error::NotFound)), "{foreign:?}");
    let many = (0..FILES_PER_GROUP_MAX).map(|n| upload(&bench, &ann, group, &n.to_string()));
    let many = bench.add_files(&ann, group, many.collect(), at(1)).await;
    assert!(
        matches!(many, Err(Error::Conflict(Conflict::TooManyFiles(FILES_PER_GROUP_MAX)))),
        "{many:?}"
    );
    let claim = bench.claim_one(20).await?;
    let late = upload(&bench, &ann, group, "late");
    let late = bench.add_files(&ann, group, vec![late], at(21)).await;
    assert!(
        matches!(late, Err(Error::Conflict(Conflict::NotEditable(_)))),
        "{late:?}"
    );
    let late = bench.remove_file(&ann, there.id, at(21)).await;
    assert!(
        matches!(late, Err(Error::Conflict(Conflict::NotEditable(_)))),
        "{late:?}"
    );
    // What was awaited may arrive all the same: nothing is sent before.
    bench.settle_file(there.id, ready(&there), at(22)).await?;
    let work = bench.work(&claim).await?;
    assert_eq!((work.content.head.media.len(), work.revision), (1, 2));
    Ok(())
}

pub(super) async fn a_removed_file_is_condemned_unless_it_is_shown_elsewhere(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let group = bench.made(&ann, scheduled(&bench, &ann)).await?.id;
    let mut other = scheduled(&bench, &ann);
    other.content.head.media = vec![media("shared")];
    bench.made(&ann, other).await?;
    for key in ["mine", "shared"] {
        let file = upload(&bench, &ann, group, key);
        bench.add_files(&ann, group, vec![file.clone()], at(1)).await?;
        bench.settle_file(file.id, ready(&file), at(2)).await?;
        assert_eq!(bench.remove_file(&ann, file.id, at(3)).await?.id, file.id);
        assert_eq!(bench.media_file(file.id).await?, None);
    }
    assert_eq!(keys(&bench, &ann, group).await?, Vec::<String>::new());
    assert_eq!(bench.condemned(10).await?, ["mine"]);
    bench.forget_condemned(vec!["mine".to_owned()]).await?;
    assert_eq!(bench.condemned(10).await?, Vec::<String>::new());
    Ok(())
}

pub(super) async fn uploads_that_nobody_made_end_and_go_with_their_group(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let group = bench.made(&ann, scheduled(&bench, &ann)).await?.id;
    let (never, done) = (
        upload(&bench, &ann, group, "never"),
        upload(&bench, &ann, group, "done"),
    );
    bench
        .add_files(&ann, group, vec![never.clone(), done.clone()], at(1))
        .await?;
    bench.settle_file(done.id, ready(&done), at(2)).await?;
    assert_eq!(bench.expire_uploads(at(3_599), 10).await?, 0);
    assert_eq!(bench.expire_uploads(at(3_600), 10).await?, 1);
    let state = bench.media_file(never.id).await?.map(|file| file.state);
    assert!(matches!(state, Some(FileState::Failed(_))), "{state:?}");
    bench
        .delete_group(&ann, group, at(4_000), entry(LogKind::Deleted, 4_000))
        .await?;
    let late = bench.settle_file(never.id, ready(&never), at(4_001)).await;
    assert!(matches!(late, Err(Error::NotFound)), "{late:?}");
    assert_eq!(bench.prune(at(4_002), 10).await?, ["done", "never"]);
    assert_eq!(bench.media_file(never.id).await?, None);
    assert_eq!(bench.condemned(10).await?, ["done", "never"]);
    Ok(())
}

pub(super) async fn imports_are_counted_by_the_hour(bench: Bench) -> Outcome {
    let (ann, bob) = (bench.owner("ann").await?, bench.owner("bob").await?);
    assert!(!bench.charge_imports(ann.owner, 61, 60, at(0)).await?);
    assert!(bench.charge_imports(ann.owner, 10, 60, at(0)).await?);
    assert!(!bench.charge_imports(ann.owner, 51, 60, at(1)).await?);
    assert!(bench.charge_imports(ann.owner, 50, 60, at(2)).await?);
    assert!(!bench.charge_imports(ann.owner, 1, 60, at(3_599)).await?);
    assert!(bench.charge_imports(bob.owner, 60, 60, at(3_599)).await?);
    assert!(bench.charge_imports(ann.owner, 60, 60, at(3_600)).await?);
    Ok(())
}
