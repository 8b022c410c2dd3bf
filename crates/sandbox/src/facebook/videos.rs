//! Videos: what they are, reels and stories, and making them visible.

use std::sync::Arc;

use axum::extract::{Path, State};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::feed::check_message;
use super::{Facebook, class_of, new_id, schedule, success};
use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Handled, Turn, open};
use crate::fault::{Class, Picked};
use crate::graph::{self, Asked, DAY, invalid, no_such_object, own_user, refusal};
use crate::journal::NewPost;
use crate::medium::{Medium, sha256_hex};
use crate::processing::Processing;
use crate::spool::Spool;
use crate::world::{Shared, lock};

/// Reels of a page in a day.
const REELS_MAX: usize = 30;
/// Seconds from now in which a reel can be scheduled.
const SCHEDULE_S: (i64, i64) = (10 * 60, 29 * 24 * 3_600);

/// What a video is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Feed,
    Reel,
    Story,
}

impl Purpose {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Feed => "video",
            Self::Reel => "reel",
            Self::Story => "story",
        }
    }
}

/// A video.
#[derive(Debug)]
pub(super) struct Video {
    pub(super) page: String,
    pub(super) purpose: Purpose,
    pub(super) began: Timestamp,
    /// What the client said that it would send, in bytes.
    pub(super) size: Option<u64>,
    /// What came so far; elsewhere while somebody writes to it, gone once the file is whole.
    pub(super) spool: Option<Spool>,
    pub(super) received: u64,
    pub(super) medium: Option<Medium>,
    pub(super) processing: Option<Processing>,
    pub(super) description: String,
    pub(super) settings: Value,
    /// Whether it was finished, visible or not.
    pub(super) is_finished: bool,
    pub(super) post: Option<String>,
    pub(super) published_at: Option<Timestamp>,
    thumbnail: Option<String>,
    collaborators: Vec<String>,
    picked: Picked,
}

impl Video {
    pub(super) fn new(
        turn: &Turn<Facebook>,
        account: &Account,
        purpose: Purpose,
        size: Option<u64>,
    ) -> Result<Self, Answer> {
        let mut video = Self {
            page: account.remote_id.clone(),
            purpose,
            began: turn.now,
            size,
            spool: Some(Spool::new().map_err(|_| graph::server_error(503))?),
            received: 0,
            medium: None,
            processing: None,
            description: String::new(),
            settings: Value::Null,
            is_finished: false,
            post: None,
            published_at: None,
            thumbnail: None,
            collaborators: Vec::new(),
            picked: Picked::default(),
        };
        video.remember(&turn.picked);
        Ok(video)
    }

    pub(super) fn remember(&mut self, picked: &Picked) {
        self.picked.polls = picked.polls.or(self.picked.polls);
        self.picked.processing_fails |= picked.processing_fails;
    }

    /// Whether its upload can no longer go on.
    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.medium.is_none() && now.duration_since(self.began) >= DAY
    }

    /// Takes the whole file in.
    pub(super) fn complete(&mut self, medium: Medium, now: Timestamp) {
        self.received = u64::try_from(medium.size).unwrap_or(u64::MAX);
        self.medium = Some(medium);
        self.processing = Some(Processing::begin(now, &self.picked, false));
    }

    /// What is wrong with the file, by the documented limits of its purpose.
    fn judge(&self) -> Result<&Medium, Answer> {
        let medium = self.medium.as_ref().ok_or_else(incomplete)?;
        if !medium.kind.is_video() || !medium.readable {
            return Err(refusal(
                6_000,
                2_069_019,
                "The video file you selected is in a format that is not supported",
            ));
        }
        let longest_s = match self.purpose {
            Purpose::Feed => return Ok(medium),
            Purpose::Reel => 90.0,
            Purpose::Story => 60.0,
        };
        let problem = if !(3.0..=longest_s).contains(&medium.duration_s) {
            Some((1_363_128, "The video's duration is not supported"))
        } else if !(23.5..=60.5).contains(&medium.fps) {
            Some((1_363_129, "The video's frame rate is not supported"))
        } else if medium.width < 540 || medium.height < 960 {
            Some((1_363_127, "The video's resolution is too low"))
        } else if !(0.55..=0.575).contains(&medium.ratio()) {
            Some((1_363_040, "The video's aspect ratio is not supported"))
        } else {
            None
        };
        match problem {
            Some((subcode, message)) => Err(refusal(100, subcode, message)),
            None => Ok(medium),
        }
    }
}

/// Bytes are missing.
pub(super) fn incomplete() -> Answer {
    refusal(6_000, 1_363_030, "The upload of the video is not complete")
}

/// Judges a file on disk and takes it into its video.
pub(super) async fn take_in(turn: &Turn<Facebook>, id: &str, mut spool: Spool) -> Result<(), Answer> {
    let judged = tokio::task::spawn_blocking(move || Medium::of_spool(&mut spool)).await;
    let medium = judged
        .ok()
        .and_then(Result::ok)
        .ok_or_else(|| graph::server_error(503))?;
    with_video(turn, id, |video| {
        video.complete(medium, turn.now);
        Ok(())
    })
}

/// Runs `work` on a video of the token's page.
pub(super) fn with_video<T>(
    turn: &Turn<Facebook>,
    id: &str,
    work: impl FnOnce(&mut Video) -> Result<T, Answer>,
) -> Result<T, Answer> {
    let account = turn.account()?;
    let mut videos = lock(&turn.world.facebook.videos);
    let video = videos.get_mut(id).filter(|video| video.page == account.remote_id);
    work(video.ok_or_else(|| no_such_object(id))?)
}

pub(super) async fn reel(state: State<Shared>, path: Path<(String, String)>, call: Call) -> Handled {
    in_phases(state.0, path.0, call, Purpose::Reel).await
}

pub(super) async fn story(state: State<Shared>, path: Path<(String, String)>, call: Call) -> Handled {
    in_phases(state.0, path.0, call, Purpose::Story).await
}

/// `upload_phase=start`, then bytes to the upload host, then `upload_phase=finish`.
async fn in_phases(world: Shared, (version, page): (String, String), call: Call, purpose: Purpose) -> Handled {
    let asked = Asked::read(&call);
    let word = |name: &str| asked.text(name).to_ascii_lowercase();
    let (phase, state) = (word("upload_phase"), word("video_state"));
    let is_visible = phase == "finish" && state != "draft";
    let text = asked.text("description");
    let mut turn = open(&world, Facebook, &call, asked.credential(), class_of(is_visible), &text).await?;
    let answer = own_user(&turn, &page).and_then(|account| match phase.as_str() {
        "start" => start(&turn, &account, purpose, &version),
        "finish" => {
            let is_known = matches!(state.as_str(), "published" | "draft" | "scheduled");
            if purpose == Purpose::Reel && !is_known {
                return Err(invalid(
                    "Param video_state must be one of {DRAFT, PUBLISHED, SCHEDULED}",
                ));
            }
            if state == "scheduled" && asked.fields.text("scheduled_publish_time").is_none() {
                return Err(invalid("The parameter scheduled_publish_time is required"));
            }
            finish(&mut turn, &account, &asked, is_visible)
        }
        _ => Err(invalid("Param upload_phase must be one of {START, FINISH}")),
    });
    Ok(turn.close(answer).await)
}

fn start(turn: &Turn<Facebook>, account: &Account, purpose: Purpose, version: &str) -> Result<Answer, Answer> {
    let id = new_id(turn);
    let video = Video::new(turn, account, purpose, None)?;
    lock(&turn.world.facebook.videos).insert(id.clone(), video);
    let address = turn.world.address(&format!("facebook/video-upload/{version}/{id}"));
    Ok(Answer::ok(&json!({ "video_id": id, "upload_url": address })))
}

fn finish(turn: &mut Turn<Facebook>, account: &Account, asked: &Asked, is_visible: bool) -> Result<Answer, Answer> {
    let id = asked.text("video_id");
    if is_visible {
        schedule(turn, asked, SCHEDULE_S.0, SCHEDULE_S.1)?;
    }
    let purpose = end(turn, &id, asked)?;
    if !is_visible {
        return Ok(success());
    }
    let post_id = publish(turn, account, &id)?;
    // The post's id comes with stories, and now and then with reels.
    let says_post = purpose == Purpose::Story || id.ends_with(['0', '2', '4', '6', '8']);
    match post_id.filter(|_| says_post) {
        Some(post_id) => Ok(Answer::ok(&json!({ "success": true, "post_id": post_id }))),
        None => Ok(success()),
    }
}

/// Checks a whole upload and takes in what was said about it.
pub(super) fn end(turn: &Turn<Facebook>, id: &str, asked: &Asked) -> Result<Purpose, Answer> {
    let description = asked.text("description");
    check_message(&description)?;
    with_video(turn, id, |video| {
        if video.post.is_some() {
            return Err(invalid("The video was published already"));
        }
        video.judge()?;
        video.is_finished = true;
        video.description = description;
        let plain = [
            "description",
            "video_id",
            "upload_phase",
            "upload_session_id",
            "file_size",
            "source",
        ];
        video.settings = graph::settings(&asked.fields, &plain);
        video.remember(&turn.picked);
        Ok(video.purpose)
    })
}

fn reels_today(turn: &Turn<Facebook>, account: &Account) -> usize {
    let ledger = turn.world.ledger();
    graph::made_today(turn.now, &ledger, account, |post| super::kind_of(post) == "reel")
}

/// Makes a finished video visible, unless processing will fail, which only its status tells. Doing it again makes no
/// second post.
pub(super) fn publish(turn: &mut Turn<Facebook>, account: &Account, id: &str) -> Result<Option<String>, Answer> {
    let number = new_id(turn);
    let (new, post_id, purpose) = {
        let videos = lock(&turn.world.facebook.videos);
        let video = videos.get(id).ok_or_else(|| no_such_object(id))?;
        if video.post.is_some() {
            return Ok(video.post.clone());
        }
        if !video.is_finished {
            return Err(incomplete());
        }
        if video.processing.is_some_and(|processing| processing.will_fail()) {
            return Ok(None);
        }
        let post_id = match video.purpose {
            Purpose::Story => number,
            Purpose::Feed | Purpose::Reel => format!("{}_{number}", account.remote_id),
        };
        (post_of(video, id, &post_id), post_id, video.purpose)
    };
    let full = purpose == Purpose::Reel && reels_today(turn, account) >= REELS_MAX;
    if full && turn.world.rate_limits {
        turn.is_over_quota();
        let message = "(#9) The page is posting too fast. Try again later.";
        return Err(refusal(9, 1_390_008, message));
    }
    let world = Arc::clone(&turn.world);
    turn.commit(&mut world.ledger(), new)?;
    if let Some(video) = lock(&world.facebook.videos).get_mut(id) {
        video.post = Some(post_id.clone());
        video.published_at = Some(turn.now);
    }
    Ok(Some(post_id))
}

/// Where a video can be seen, on Facebook's host: reads give permalinks of videos without it.
pub(super) fn path_of(video: &Video, id: &str, post_id: &str) -> String {
    match video.purpose {
        Purpose::Feed => format!("/{}/videos/{id}/", video.page),
        Purpose::Reel => format!("/reel/{id}/"),
        Purpose::Story => format!("/stories/{post_id}"),
    }
}

fn post_of(video: &Video, id: &str, post_id: &str) -> NewPost {
    let url = format!("https://www.facebook.com{}", path_of(video, id, post_id));
    let sha256 = video.medium.as_ref().map(|medium| medium.sha256.clone());
    NewPost {
        remote_id: post_id.to_owned(),
        url: Some(url),
        text: video.description.clone(),
        media: sha256.into_iter().collect(),
        alt: vec![String::new()],
        reply_to: None,
        settings: video.settings.clone(),
        key: Some(id.to_owned()),
        notes: json!({
            "kind": video.purpose.word(),
            "media_ids": [id],
            "thumbnail": video.thumbnail,
            "collaborators": video.collaborators,
        }),
    }
}

/// `POST /{video}`: makes it visible, or changes what is said about it.
pub(super) fn update(turn: &mut Turn<Facebook>, account: &Account, id: &str, asked: &Asked) -> Result<Answer, Answer> {
    let description = asked.fields.text("description");
    if let Some(description) = &description {
        check_message(description)?;
    }
    let (post, is_published) = with_video(turn, id, |video| {
        if let Some(description) = description.clone() {
            video.description = description;
        }
        Ok((video.post.clone(), video.post.is_some()))
    })?;
    if let (Some(post), Some(description)) = (post, description) {
        let mut ledger = turn.world.ledger();
        if let Some(post) = ledger.by_remote(domain::platform::Platform::Facebook, &post) {
            let edited = ledger.edit(post.seq, description, post.notes.clone());
            edited.map_err(|_| graph::server_error(503))?;
        }
    }
    match asked.fields.text("published") {
        Some(_) if asked.fields.flag("published") => {
            publish(turn, account, id)?;
        }
        Some(_) if is_published => return Err(invalid("A published video cannot be unpublished")),
        _ => {}
    }
    Ok(success())
}

/// The cover of a video.
pub(super) async fn thumbnail(
    State(world): State<Shared>,
    Path((_version, id)): Path<(String, String)>,
    call: Call,
) -> Handled {
    let asked = Asked::read(&call);
    let turn = open(&world, Facebook, &call, asked.credential(), Class::Upload, "").await?;
    let answer = match asked.fields.file("source") {
        Some(file) if Medium::of(&file.bytes).kind.is_image() => {
            let sha256 = sha256_hex(&file.bytes);
            note(&turn, &id, |video| video.thumbnail = Some(sha256))
        }
        _ => Err(graph::error(
            400,
            324,
            None,
            "(#324) Missing or invalid image file",
            false,
        )),
    };
    Ok(turn.close(answer).await)
}

/// An invitation to collaborate.
pub(super) async fn collaborator(
    State(world): State<Shared>,
    Path((_version, id)): Path<(String, String)>,
    call: Call,
) -> Handled {
    let asked = Asked::read(&call);
    let turn = open(&world, Facebook, &call, asked.credential(), Class::Upload, "").await?;
    let answer = match asked.fields.text("target_id") {
        Some(target) => note(&turn, &id, |video| video.collaborators.push(target)),
        None => Err(invalid("The parameter target_id is required.")),
    };
    Ok(turn.close(answer).await)
}

/// Changes something of a video that its post shows as well.
fn note(turn: &Turn<Facebook>, id: &str, change: impl FnOnce(&mut Video)) -> Result<Answer, Answer> {
    let (post, notes) = with_video(turn, id, |video| {
        change(video);
        let post_id = video.post.clone();
        Ok((post_id.clone(), post_of(video, id, &post_id.unwrap_or_default()).notes))
    })?;
    let mut ledger = turn.world.ledger();
    let post = post.and_then(|post| ledger.by_remote(domain::platform::Platform::Facebook, &post));
    if let Some(post) = post {
        let edited = ledger.edit(post.seq, post.text.clone(), notes);
        edited.map_err(|_| graph::server_error(503))?;
    }
    Ok(success())
}
