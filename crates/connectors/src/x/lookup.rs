//! What became of a post whose answer was lost: the account's own posts of that time are listed and compared.
//!
//! A post with media is recognised by its media ids, which were uploaded for it alone: that is proof. A text is
//! recognised by being the same text, under the same parent, in the time of the call: that is likeness, and the
//! capability's rules make up for it. At most one such post of an account waits for a verdict at a time, and ids that
//! belong to other posts of ours are never taken; so a lone candidate is ours, or a person posted the very same words in
//! the very same minute. In that case too the words are out once, and sending them again would only be refused as a
//! duplicate: the candidate is adopted. Of several, those from X's own apps are a person's; if that leaves one, it is
//! ours. If it does not, nothing is claimed.

use domain::error::{PlatformError, Stage};
use domain::intent::IntentRecord;
use domain::part::RemotePost;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;

use super::api::{Api, read};
use super::compare::{comparable, written};
use super::error::{Call, classify};
use super::wire::{CreatePost, Post, Timeline};
use crate::http::{Answer, READ_BUDGET};
use crate::{Finding, SendCtx, Taken};

/// How far before the recorded intent the list begins.
const BEFORE: SignedDuration = SignedDuration::from_secs(30);
/// How long after its deadline a call may still have been carried out.
const AFTER: SignedDuration = SignedDuration::from_secs(60);
/// How much longer the list goes on than the call may have taken: media are proof at any time.
const LIST_AFTER: SignedDuration = SignedDuration::from_mins(10);
/// X takes no end of a list that is less than ten seconds ago (docs.x.com, "Get Posts").
const END_SETTLED: SignedDuration = SignedDuration::from_secs(15);
/// A difference of the clocks below this is the `Date` header's rounding.
const CLOCKS_AGREE: SignedDuration = SignedDuration::from_secs(2);
/// Pages of a hundred posts that are read.
const PAGES_MAX: usize = 5;
/// The first page is asked for anew at most for another clock, other names, and once more for the clock.
const FIRST_PAGE_TRIES: usize = 4;

/// The time in which the post must have been made, by X's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    from: Timestamp,
    until: Timestamp,
    now: Timestamp,
}

impl Window {
    /// The window of an intent, where X's clock is ahead of ours by `offset`.
    fn of(intent: &IntentRecord, offset: SignedDuration, now: Timestamp) -> Self {
        let moved = |at: Timestamp, by: SignedDuration| at.checked_add(offset + by).unwrap_or(at);
        Self {
            from: moved(intent.recorded_at, -BEFORE),
            until: moved(intent.send_by, AFTER),
            now: moved(now, SignedDuration::ZERO),
        }
    }

    /// Where the list ends, once that is past: an account may have posted a lot since.
    fn end(&self) -> Option<Timestamp> {
        let end = self.until.checked_add(LIST_AFTER).ok()?;
        (end.checked_add(END_SETTLED).ok()? < self.now).then_some(end)
    }

    /// Whether this is the same time but for the rounding of the `Date` header.
    fn is_as_good_as(&self, other: &Self) -> bool {
        self.from.duration_since(other.from).abs() <= CLOCKS_AGREE
    }

    fn contains(&self, at: Timestamp) -> bool {
        // X rounds down to the second.
        at.as_second() >= self.from.as_second() && at <= self.until
    }
}

/// How much X's clock is ahead of ours, as far as an answer tells.
fn offset(answer: &Answer, now: Timestamp) -> SignedDuration {
    let offset = answer
        .date()
        .map_or(SignedDuration::ZERO, |date| date.duration_since(now));
    if offset.abs() <= CLOCKS_AGREE {
        SignedDuration::ZERO
    } else {
        offset
    }
}

/// The names of fields: they are being renamed, and an API may know either set (docs.x.com, OpenAPI document 2.167, and
/// its changelog).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spelling {
    Posts,
    Tweets,
}

impl Spelling {
    fn fields(self) -> (&'static str, &'static str) {
        match self {
            Self::Posts => (
                "post.fields",
                "created_at,attachments,entities,source,referenced_posts,note_post",
            ),
            Self::Tweets => (
                "tweet.fields",
                "created_at,attachments,entities,source,referenced_tweets,note_tweet",
            ),
        }
    }
}

/// The posts of the account in the window, and whether they are all of them.
struct Listed {
    posts: Vec<Post>,
    window: Window,
    is_complete: bool,
}

/// Asks once what became of `sent`.
pub(super) async fn look(
    ctx: &SendCtx<'_>,
    sent: &CreatePost,
    intent: &IntentRecord,
    taken: &dyn Taken,
) -> Result<Finding, PlatformError> {
    let Some(listed) = list(ctx, intent).await? else {
        return Ok(Finding::CannotTell);
    };
    let mut candidates = Vec::new();
    for post in listed.posts.iter().filter(|post| matches(sent, post, &listed.window)) {
        if !taken.is_taken(&post.id).await {
            candidates.push(post);
        }
    }
    Ok(match choose(&candidates) {
        Choice::One(post) => Finding::Published(remote_post(ctx, &post.id)),
        Choice::None if listed.is_complete => Finding::Absent,
        Choice::None | Choice::Several => Finding::CannotTell,
    })
}

/// A post of this account as it is kept.
pub(super) fn remote_post(ctx: &SendCtx<'_>, id: &str) -> RemotePost {
    let url = match ctx.account.username {
        "" => format!("https://x.com/i/web/status/{id}"),
        username => format!("https://x.com/{username}/status/{id}"),
    };
    RemotePost::visible(id, Some(url))
}

#[derive(Debug)]
enum Choice<'a> {
    One(&'a Post),
    None,
    Several,
}

fn choose<'a>(candidates: &[&'a Post]) -> Choice<'a> {
    let is_ours = |post: &&&Post| !post.source.as_deref().is_some_and(is_an_app_of_x);
    match candidates {
        [] => Choice::None,
        [one] => Choice::One(one),
        several => match several.iter().filter(is_ours).collect::<Vec<_>>().as_slice() {
            [one] => Choice::One(one),
            _ => Choice::Several,
        },
    }
}

/// Whether this is the name of an app that people post with.
fn is_an_app_of_x(source: &str) -> bool {
    ["Twitter ", "TweetDeck", "X for ", "X Web", "X Pro"]
        .iter()
        .any(|start| source.starts_with(start))
}

fn matches(sent: &CreatePost, post: &Post, window: &Window) -> bool {
    let keys = post
        .attachments
        .as_ref()
        .and_then(|attachments| attachments.media_keys.as_deref())
        .unwrap_or_default();
    if let Some(media) = &sent.media {
        // A media key is the id after a prefix that says what it is; the prefix changes.
        let id_of = |key: &String| key.rsplit('_').next().map(ToOwned::to_owned);
        return keys.iter().filter_map(id_of).any(|id| media.media_ids.contains(&id));
    }
    let refers_to = |kind: &str| {
        let references = post.referenced_posts.as_deref().unwrap_or_default();
        let mut of_kind = references.iter().filter(|reference| reference.kind == kind);
        of_kind.next().map(|reference| reference.id.as_str())
    };
    let quote = sent.quote_tweet_id.as_deref();
    keys.is_empty()
        && post.created_at.is_some_and(|at| window.contains(at))
        && refers_to("replied_to") == sent.reply.as_ref().map(|reply| reply.in_reply_to_tweet_id.as_str())
        // A link to a post makes a quote of it too, so that one which was not asked for says nothing.
        && quote.is_none_or(|quote| refers_to("quoted") == Some(quote))
        && shows(without_quote(&written(post), quote), sent)
}

/// Whether a text that X shows is the one that was sent. Before an answer X puts the names of those it is an answer to
/// that the text does not say itself.
fn shows(shown: &str, sent: &CreatePost) -> bool {
    let (mut shown, sent_text) = (comparable(shown), comparable(&sent.text));
    if sent.reply.is_none() {
        return shown == sent_text;
    }
    while shown != sent_text {
        match shown.split_once(' ') {
            Some((name, rest)) if name.starts_with('@') => shown = rest.to_owned(),
            _ => return false,
        }
    }
    true
}

/// A text without the address of the quoted post, which X puts at its end.
fn without_quote<'a>(text: &'a str, quote: Option<&str>) -> &'a str {
    let shorter = quote.and_then(|quote| {
        let (before, last) = text.rsplit_once(char::is_whitespace).unwrap_or(("", text));
        (last.starts_with("https://") && last.ends_with(&format!("/status/{quote}"))).then_some(before)
    });
    shorter.unwrap_or(text)
}

/// Lists the account's posts; none when the answer does not tell.
async fn list(ctx: &SendCtx<'_>, intent: &IntentRecord) -> Result<Option<Listed>, PlatformError> {
    let api = Api::of(ctx);
    let Some(first) = first_page(ctx, &api, intent).await? else {
        return Ok(None);
    };
    let First {
        timeline,
        window,
        spelling,
    } = first;
    let mut next = timeline.meta.and_then(|meta| meta.next_token);
    let mut posts = timeline.data.unwrap_or_default();
    for _ in 1..PAGES_MAX {
        let Some(token) = next.take() else { break };
        let answer = page(ctx, &api, &window, spelling, Some(&token)).await?;
        let timeline: Timeline = read(&answer, Call::Post, Stage::Check)?;
        if timeline.meta.is_none() && timeline.data.is_none() {
            return Ok(None);
        }
        posts.extend(timeline.data.unwrap_or_default());
        next = timeline.meta.and_then(|meta| meta.next_token);
    }
    Ok(Some(Listed {
        posts,
        window,
        is_complete: next.is_none(),
    }))
}

struct First {
    timeline: Timeline,
    window: Window,
    spelling: Spelling,
}

/// Reads the first page. Its answer tells X's time, and whether X knows these names of fields: it is asked again for
/// the right time by that clock, and with the other names when these were not understood.
async fn first_page(ctx: &SendCtx<'_>, api: &Api<'_>, intent: &IntentRecord) -> Result<Option<First>, PlatformError> {
    let mut window = Window::of(intent, SignedDuration::ZERO, ctx.now);
    let mut spelling = Spelling::Posts;
    for _ in 0..FIRST_PAGE_TRIES {
        let answer = page(ctx, api, &window, spelling, None).await?;
        let by_its_clock = Window::of(intent, offset(&answer, ctx.now), ctx.now);
        if !by_its_clock.is_as_good_as(&window) {
            window = by_its_clock;
            continue;
        }
        if answer.status == 400 && spelling == Spelling::Posts && names(&answer, "post.fields") {
            spelling = Spelling::Tweets;
            continue;
        }
        if !answer.is_success() {
            return Err(classify(Call::Post, Stage::Check, &answer));
        }
        let timeline: Timeline = read(&answer, Call::Post, Stage::Check)?;
        let posts = timeline.data.as_deref().unwrap_or_default();
        if !posts.is_empty() && posts.iter().all(|post| post.created_at.is_none()) {
            // The fields were passed over, and without them every post looks like another's.
            match spelling {
                Spelling::Posts => spelling = Spelling::Tweets,
                Spelling::Tweets => return Ok(None),
            }
            continue;
        }
        // An answer with errors only says neither what there is nor that there is nothing.
        let is_list = timeline.data.is_some() || timeline.meta.is_some();
        return Ok(is_list.then_some(First {
            timeline,
            window,
            spelling,
        }));
    }
    Ok(None)
}

fn names(answer: &Answer, field: &str) -> bool {
    String::from_utf8_lossy(&answer.body).contains(field)
}

async fn page(
    ctx: &SendCtx<'_>,
    api: &Api<'_>,
    window: &Window,
    spelling: Spelling,
    token: Option<&str>,
) -> Result<Answer, PlatformError> {
    let written = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let from = written(window.from);
    let end = window.end().map(written);
    let (name, fields) = spelling.fields();
    let mut query = vec![
        ("start_time", from.as_str()),
        ("max_results", "100"),
        ("exclude", "retweets"),
        (name, fields),
    ];
    query.extend(end.as_deref().map(|end| ("end_time", end)));
    query.extend(token.map(|token| ("pagination_token", token)));
    let request = api
        .request(Method::GET, &format!("/2/users/{}/tweets", ctx.account.remote_id))
        .query(&query);
    api.exchange(request, Stage::Check, READ_BUDGET).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(id: &str, source: Option<&str>) -> Post {
        Post {
            id: id.into(),
            source: source.map(Into::into),
            ..Post::default()
        }
    }

    fn chosen(posts: &[Post]) -> Option<String> {
        match choose(&posts.iter().collect::<Vec<_>>()) {
            Choice::One(post) => Some(post.id.clone()),
            Choice::None => None,
            Choice::Several => Some("several".into()),
        }
    }

    #[test]
    fn a_lone_candidate_is_taken_and_of_several_only_the_one_that_no_person_made() {
        assert_eq!(chosen(&[]), None);
        assert_eq!(chosen(&[post("1", Some("Twitter Web App"))]).as_deref(), Some("1"));
        assert_eq!(
            chosen(&[post("1", Some("Twitter Web App")), post("2", None)]).as_deref(),
            Some("2")
        );
        assert_eq!(
            chosen(&[post("1", Some("Our App")), post("2", Some("X for iPhone"))]).as_deref(),
            Some("1")
        );
        assert_eq!(chosen(&[post("1", None), post("2", None)]).as_deref(), Some("several"));
        assert_eq!(
            chosen(&[post("1", Some("Twitter Web App")), post("2", Some("X Web App"))]).as_deref(),
            Some("several")
        );
    }
}
