//! Posts of text, links and photos; drafts; and what makes them visible.

use std::sync::Arc;

use axum::extract::{Path, State};
use domain::platform::Platform;
use jiff::SignedDuration;
use serde_json::{Value, json};
use url::Url;

use super::{Facebook, class_of, kind_of, makes_visible, new_id, reads, schedule, success, videos};
use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Handled, Turn, open};
use crate::form::Fields;
use crate::graph::{self, Asked, DAY, invalid, no_such_object, own_user, refusal};
use crate::journal::{Ledger, NewPost, Published};
use crate::world::{Shared, lock};

/// Characters of a message.
const MESSAGE_MAX: usize = 63_206;
/// How long the page's newest message is refused when it comes again.
const DUPLICATE_WINDOW: SignedDuration = SignedDuration::from_hours(1);
/// Seconds from now in which a post can be scheduled.
const SCHEDULE_S: (i64, i64) = (10 * 60, 30 * 24 * 3_600);

/// A post that nobody can see yet.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) page: String,
    pub(super) message: String,
    link: String,
    photos: Vec<String>,
    media: Vec<String>,
    alt: Vec<String>,
    settings: Value,
    kind: &'static str,
}

impl Draft {
    /// One that has a photo.
    pub(super) fn of_photo(account: &Account, message: String, photo: &str, settings: Value) -> Self {
        Self {
            page: account.remote_id.clone(),
            message,
            link: String::new(),
            photos: vec![photo.to_owned()],
            media: Vec::new(),
            alt: Vec::new(),
            settings,
            kind: "photo",
        }
    }
}

/// Where a post can be seen.
pub(super) fn permalink(post_id: &str) -> String {
    match post_id.split_once('_') {
        Some((page, post)) => format!("https://www.facebook.com/{page}/posts/{post}"),
        None => format!("https://www.facebook.com/{post_id}"),
    }
}

pub(super) async fn create(
    State(world): State<Shared>,
    Path((_version, page)): Path<(String, String)>,
    call: Call,
) -> Handled {
    let asked = Asked::read(&call);
    let class = class_of(makes_visible(&asked));
    let mut turn = open(
        &world,
        Facebook,
        &call,
        asked.credential(),
        class,
        &asked.text("message"),
    )
    .await?;
    let answer = own_user(&turn, &page).and_then(|account| make(&mut turn, &account, &asked));
    Ok(turn.close(answer).await)
}

fn make(turn: &mut Turn<Facebook>, account: &Account, asked: &Asked) -> Result<Answer, Answer> {
    let draft = read(turn, account, asked)?;
    let post_id = format!("{}_{}", account.remote_id, new_id(turn));
    if makes_visible(asked) {
        schedule(turn, asked, SCHEDULE_S.0, SCHEDULE_S.1)?;
        let world = Arc::clone(&turn.world);
        let mut ledger = world.ledger();
        refuse_duplicate(turn, &ledger, account, &draft)?;
        commit(turn, &mut ledger, &post_id, draft)?;
    } else {
        lock(&turn.world.facebook.drafts).insert(post_id.clone(), draft);
    }
    // A create call may ask for fields of what it made.
    let shown = reads::post(turn, account, &post_id).unwrap_or_else(|| json!({ "id": post_id }));
    Ok(Answer::ok(&asked.selected(&shown)))
}

pub(super) fn check_message(message: &str) -> Result<(), Answer> {
    if message.chars().count() > MESSAGE_MAX {
        return Err(invalid(&format!(
            "Param message must be at most {MESSAGE_MAX} characters long"
        )));
    }
    Ok(())
}

fn check_link(link: &str) -> Result<(), Answer> {
    let url = Url::parse(link)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"));
    let Some(url) = url else {
        return Err(refusal(100, 2_061_006, "The url you supplied is invalid"));
    };
    let host = url.host_str().unwrap_or_default();
    if host == "facebook.com" || host.ends_with(".facebook.com") {
        return Err(refusal(100, 1_609_008, "The link you posted points to Facebook"));
    }
    Ok(())
}

fn read(turn: &Turn<Facebook>, account: &Account, asked: &Asked) -> Result<Draft, Answer> {
    let (message, link) = (asked.text("message"), asked.text("link"));
    check_message(&message)?;
    if !link.is_empty() {
        check_link(&link)?;
    }
    let photos = attached(&asked.fields)?;
    let cards = asked.fields.list("child_attachments").len();
    if cards == 1 || cards > 10 {
        return Err(invalid("Param child_attachments must have from 2 to 10 elements"));
    }
    if message.is_empty() && link.is_empty() && photos.is_empty() && cards == 0 {
        return Err(invalid("Requires one of the params: message, link, attached_media"));
    }
    let mut draft = Draft {
        page: account.remote_id.clone(),
        message,
        link,
        photos,
        media: Vec::new(),
        alt: Vec::new(),
        settings: graph::settings(&asked.fields, &["message", "attached_media"]),
        kind: "feed",
    };
    gather(turn, &mut draft)?;
    Ok(draft)
}

/// The photos of `attached_media`, in the order of their numbers.
fn attached(fields: &Fields) -> Result<Vec<String>, Answer> {
    let ids: Option<Vec<String>> = fields
        .list("attached_media")
        .iter()
        .map(|item| {
            let item: Value = serde_json::from_str(item).ok()?;
            let id = item.get("media_fbid")?;
            Some(id.as_str().map_or_else(|| id.to_string(), str::to_owned))
        })
        .collect();
    ids.ok_or_else(|| invalid("Param attached_media must be a list of objects with a media_fbid"))
}

/// Takes hashes and alternative texts of the photos into a post.
fn gather(turn: &Turn<Facebook>, draft: &mut Draft) -> Result<(), Answer> {
    let known = lock(&turn.world.facebook.photos);
    for id in &draft.photos {
        let photo = known
            .get(id)
            .filter(|photo| photo.page == draft.page && turn.now.duration_since(photo.made) < DAY)
            .ok_or_else(|| invalid(&format!("Invalid photo {id} in attached_media")))?;
        if photo.post.is_some() {
            return Err(refusal(100, 1_366_051, "This photo has already been posted"));
        }
        draft.media.push(photo.sha256.clone());
        draft.alt.push(photo.alt.clone());
    }
    Ok(())
}

fn refuse_duplicate(turn: &Turn<Facebook>, ledger: &Ledger, account: &Account, draft: &Draft) -> Result<(), Answer> {
    let mut posts = ledger.of_account(Platform::Facebook, &account.remote_id);
    let newest = posts.find(|post| !post.deleted && graph::kind(post) != "comment");
    let same = |post: &Arc<Published>| {
        kind_of(post) == "feed"
            && post.text == draft.message
            && graph::note(post, "link") == draft.link
            && post.media == draft.media
            && turn.now.duration_since(post.at) < DUPLICATE_WINDOW
    };
    if newest.is_some_and(same) {
        return Err(graph::error(400, 506, None, "(#506) Duplicate status message", false));
    }
    Ok(())
}

/// Makes a post that people see.
pub(super) fn commit(
    turn: &mut Turn<Facebook>,
    ledger: &mut Ledger,
    post_id: &str,
    mut draft: Draft,
) -> Result<Arc<Published>, Answer> {
    // The photos of a draft may have been used elsewhere, or have ended, since it was made.
    (draft.media, draft.alt) = (Vec::new(), Vec::new());
    gather(turn, &mut draft)?;
    let new = NewPost {
        remote_id: post_id.to_owned(),
        url: Some(permalink(post_id)),
        text: draft.message,
        media: draft.media,
        alt: draft.alt,
        reply_to: None,
        settings: draft.settings,
        key: Some(post_id.to_owned()),
        notes: json!({ "kind": draft.kind, "media_ids": draft.photos, "link": draft.link }),
    };
    let made = turn.commit(ledger, new)?;
    let mut photos = lock(&turn.world.facebook.photos);
    for id in &draft.photos {
        if let Some(photo) = photos.get_mut(id) {
            photo.post = Some(post_id.to_owned());
        }
    }
    Ok(made)
}

/// `POST /{object}`: makes a draft visible, or changes what is there.
pub(super) async fn update(
    State(world): State<Shared>,
    Path((_version, id)): Path<(String, String)>,
    call: Call,
) -> Handled {
    let asked = Asked::read(&call);
    let is_flip = ["is_published", "published"]
        .iter()
        .any(|name| asked.fields.text(name).is_some());
    // The request does not carry the text, but scripts may count by it.
    let drafted = lock(&world.facebook.drafts).get(&id).map(|draft| draft.message.clone());
    let filmed = || {
        lock(&world.facebook.videos)
            .get(&id)
            .map(|video| video.description.clone())
    };
    let text = drafted.or_else(filmed).unwrap_or_default();
    let mut turn = open(&world, Facebook, &call, asked.credential(), class_of(is_flip), &text).await?;
    let answer = turn
        .account()
        .and_then(|account| change(&mut turn, &account, &id, &asked));
    Ok(turn.close(answer).await)
}

fn change(turn: &mut Turn<Facebook>, account: &Account, id: &str, asked: &Asked) -> Result<Answer, Answer> {
    let world = Arc::clone(&turn.world);
    if lock(&world.facebook.videos).contains_key(id) {
        return videos::update(turn, account, id, asked);
    }
    let draft = lock(&world.facebook.drafts).get(id).cloned();
    let mut ledger = world.ledger();
    let post = ledger.by_remote(Platform::Facebook, id);
    let own = post.filter(|post| post.account == account.remote_id && !post.deleted);
    match (own, draft.filter(|draft| draft.page == account.remote_id)) {
        (Some(post), _) => {
            if asked
                .fields
                .text("is_published")
                .is_some_and(|word| word != "true" && word != "1")
            {
                return Err(invalid("A published post cannot be unpublished"));
            }
            if let Some(message) = asked.fields.text("message") {
                check_message(&message)?;
                let edited = ledger.edit(post.seq, message, post.notes.clone());
                edited.map_err(|_| graph::server_error(503))?;
            }
            Ok(success())
        }
        (None, Some(mut draft)) => {
            if let Some(message) = asked.fields.text("message") {
                check_message(&message)?;
                draft.message = message;
            }
            if asked.fields.flag("is_published") {
                commit(turn, &mut ledger, id, draft)?;
                lock(&world.facebook.drafts).remove(id);
            } else {
                lock(&world.facebook.drafts).insert(id.to_owned(), draft);
            }
            Ok(success())
        }
        (None, None) => Err(no_such_object(id)),
    }
}
