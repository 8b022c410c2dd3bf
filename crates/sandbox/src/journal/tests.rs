//! What the journal keeps and finds.

use super::*;

fn author(at: &str) -> Author<'static> {
    Author {
        platform: Platform::Mastodon,
        account: "7",
        at: at.parse().unwrap(),
        read_lag_s: 0,
    }
}

fn new(remote_id: &str, text: &str) -> NewPost {
    NewPost {
        remote_id: remote_id.to_owned(),
        text: text.to_owned(),
        ..NewPost::default()
    }
}

#[test]
fn what_was_made_is_there_after_a_restart() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut ledger = Ledger::open(Some(file.path())).unwrap();
    let first = ledger.commit(&author("2026-11-22T09:00:00Z"), new("1", "one")).unwrap();
    ledger.commit(&author("2026-11-22T09:00:01Z"), new("2", "two")).unwrap();
    // Nothing may wait in memory: the file holds what was made as soon as it was.
    assert_eq!(
        Ledger::open(Some(file.path()))
            .unwrap()
            .published(&Filter::default())
            .len(),
        2
    );
    ledger
        .delete(first.seq, "2026-11-22T09:00:02Z".parse().unwrap())
        .unwrap();
    let reloaded = Ledger::open(Some(file.path())).unwrap();
    assert_eq!(
        reloaded.published(&Filter::default()),
        ledger.published(&Filter::default())
    );
    assert!(reloaded.by_remote(Platform::Mastodon, "1").unwrap().deleted);
    assert!(reloaded.next_seq > first.seq);
}

#[test]
fn a_filter_tells_posts_apart() {
    let mut ledger = Ledger::open(None).unwrap();
    for (id, text) in [("1", "a"), ("2", "b"), ("3", "a")] {
        ledger.commit(&author("2026-11-22T09:00:00Z"), new(id, text)).unwrap();
    }
    let with = |text: &str| Filter {
        text: Some(text.to_owned()),
        ..Filter::default()
    };
    assert_eq!(ledger.published(&with("a")).len(), 2);
    assert_eq!(ledger.published(&with("c")).len(), 0);
    assert_eq!(
        ledger.last_with_text(Platform::Mastodon, "7", "a").unwrap().remote_id,
        "3"
    );
    assert_eq!(
        ledger
            .published(&Filter {
                platform: Some(Platform::X),
                ..Filter::default()
            })
            .len(),
        0
    );
}
