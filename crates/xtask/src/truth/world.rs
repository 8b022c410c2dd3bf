//! The witnesses against each other: what clients were promised, what the store keeps, and what is out there.

use std::collections::HashMap;

use domain::content::Draft;
use domain::log::LogKind;
use domain::part::Part;
use domain::platform::Platform;
use domain::post::PostState;
use sandbox::{Class, Published, RequestLine};

use super::Truth;
use super::book::Made;
use super::plan;
use super::store::{Group, Intent, Post, Remote, Store};
use crate::chaos::outside::Target;

/// What is out there, as the journal of the emulated platforms has it.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    pub(crate) published: Vec<Published>,
    pub(crate) requests: Vec<RequestLine>,
}

impl World {
    /// The world of this journal.
    pub(crate) fn new(mut published: Vec<Published>, requests: Vec<RequestLine>) -> Self {
        // A message of Telegram has its number within its chat, which is the account here.
        let number = |id: &str| id.rsplit('/').next().unwrap_or_default().to_owned();
        for one in published.iter_mut().filter(|one| one.platform == Platform::Telegram) {
            one.remote_id = number(&one.remote_id);
            one.reply_to = one.reply_to.as_deref().map(number);
        }
        Self { published, requests }
    }

    /// What this account has out there under this id.
    pub(crate) fn find(&self, platform: Platform, account: &str, remote_id: &str) -> Option<&Published> {
        let mut published = self.published.iter();
        published.find(|one| one.platform == platform && one.account == account && one.remote_id == remote_id)
    }

    /// The id under which a published post is out there, found by what it says and not by what the store remembers.
    pub(crate) fn id_of(&self, group: &Group, post: &Post) -> Option<&str> {
        let head = head_text(group, post);
        let is_it = |one: &&Published| {
            one.platform == post.platform && !one.deleted && one.reply_to.is_none() && one.text == head
        };
        let mut found = self.published.iter().filter(is_it).filter(|one| is_of(one, post));
        found.next().map(|one| one.remote_id.as_str())
    }

    /// How many answers a post has got out there.
    pub(crate) fn answers(&self, platform: Platform, remote_id: &str) -> usize {
        let is_answer =
            |one: &&Published| one.platform == platform && !one.deleted && one.reply_to.as_deref() == Some(remote_id);
        self.published.iter().filter(is_answer).count()
    }
}

/// Whether this was made by the post's account.
fn is_of(one: &Published, post: &Post) -> bool {
    one.account == post.target
}

fn head_text(group: &Group, post: &Post) -> String {
    Draft::of(post.platform, group.content.clone()).content.head.text
}

/// Everything in which the witnesses do not agree, one sentence each.
pub(super) fn judge(seed: u64, made: &[Made], targets: &[Target], truth: &Truth) -> Vec<String> {
    let Truth { store, world } = truth;
    let mut wrong = Vec::new();
    for made in made {
        promises(made, targets, store, &mut wrong);
    }
    for group in &store.groups {
        for post in &group.posts {
            outcome(group, post, world, &mut wrong);
        }
    }
    let gone: Vec<&Made> = made.iter().filter(|made| is_gone(made, store)).collect();
    strangers(seed, &gone, store, world, &mut wrong);
    let targets_of = |made: &&Made| {
        made.targets
            .iter()
            .filter_map(|target| targets.get(*target))
            .collect::<Vec<_>>()
    };
    let loose: Vec<&Target> = gone.iter().flat_map(targets_of).collect();
    attempts(store, world, &loose, &mut wrong);
    wrong
}

/// Whether a group was deleted and cleared away.
fn is_gone(made: &Made, store: &Store) -> bool {
    made.is_deleted && made.id.as_ref().is_some_and(|id| store.group(id).is_none())
}

/// What a client was promised is what the store keeps.
fn promises(made: &Made, targets: &[Target], store: &Store, wrong: &mut Vec<String>) {
    let Some(id) = &made.id else { return };
    let Some(group) = store.group(id) else {
        if made.is_deleted {
            return;
        }
        wrong.push(format!("group {id} was accepted, and the store does not have it"));
        return;
    };
    let mut differ = |what: &str, promised: String, kept: String| {
        if promised != kept {
            wrong.push(format!(
                "group {id}: its {what} was promised to be {promised}, and the store keeps {kept}"
            ));
        }
    };
    differ("deletion", made.is_deleted.to_string(), group.is_deleted.to_string());
    if made.is_deleted {
        return;
    }
    let wanted = made.targets.iter().filter_map(|target| targets.get(*target));
    let wanted: Vec<String> = wanted
        .map(|target| format!("{}-{}", target.platform, target.remote_id))
        .collect();
    let kept = group
        .posts
        .iter()
        .map(|post| format!("{}-{}", post.platform, post.target));
    differ(
        "targets",
        format!("{wanted:?}"),
        format!("{:?}", kept.collect::<Vec<_>>()),
    );
    differ("text", made.text.clone(), group.content.head.text.clone());
    differ("being a draft", made.is_draft.to_string(), group.draft.to_string());
    let planned_at = group.planned_at.map(|at| format!("{at:.3}"));
    differ("time", format!("{:?}", made.planned_at), format!("{planned_at:?}"));
    let files: Vec<&String> = group.content.head.media.iter().map(|media| &media.sha256).collect();
    differ("files", format!("{:?}", made.files), format!("{files:?}"));
}

/// What the store says of a post is what is out there of it.
fn outcome(group: &Group, post: &Post, world: &World, wrong: &mut Vec<String>) {
    let (id, platform) = (post.id, post.platform);
    for remote in &post.remotes {
        part(group, post, remote, world, wrong);
    }
    if let PostState::Published { remote, .. } = &post.state {
        match world.id_of(group, post) {
            None => wrong.push(format!(
                "post {id}: the store says that it is published on {platform}, and no such text is out there"
            )),
            Some(found) if found != remote.id => wrong.push(format!(
                "post {id}: the store says that its id on {platform} is {}, and out there it is {found}",
                remote.id
            )),
            Some(_) => {}
        }
        let known = |known: &Remote| known.part == Part::Head && known.post.id == remote.id;
        if !post.remotes.iter().any(known) {
            wrong.push(format!(
                "post {id}: {} is not among the store's remote posts",
                remote.id
            ));
        }
    }
    let tried = group
        .log
        .iter()
        .filter(|record| record.entry.post == Some(id) && record.entry.kind == LogKind::PublishAttempted);
    if tried.clone().count() != post.intents.len() {
        let (told, sends) = (tried.count(), post.intents.len());
        wrong.push(format!(
            "post {id}: its log tells of {told} attempts, and the store has {sends} sends"
        ));
    }
}

/// One part that the store takes for being out there.
fn part(group: &Group, post: &Post, remote: &Remote, world: &World, wrong: &mut Vec<String>) {
    let (id, platform, known) = (post.id, post.platform, &remote.post);
    let Some(seen) = world.find(platform, &post.target, &known.id) else {
        wrong.push(format!(
            "post {id}: the store knows it as {} on {platform}, where that is not",
            known.id
        ));
        return;
    };
    let mut differ = |what: &str, kept: String, seen: String| {
        if kept != seen {
            wrong.push(format!(
                "post {id}: the store keeps the {what} {kept}, and out there it is {seen}"
            ));
        }
    };
    differ("account", post.target.clone(), seen.account.clone());
    if known.url.is_some() {
        differ("URL", format!("{:?}", known.url), format!("{:?}", seen.url));
    }
    let content = Draft::of(platform, group.content.clone()).content;
    let text = match remote.part {
        Part::Head => Some(content.head.text.as_str()),
        Part::Reply(n) => content
            .replies
            .get(usize::from(n).saturating_sub(1))
            .map(|part| part.text.as_str()),
        Part::FirstComment => content.first_comment.as_deref(),
    };
    differ("text", format!("{text:?}"), format!("{:?}", Some(seen.text.as_str())));
    if remote.part == Part::Head {
        let files: Vec<String> = content
            .head
            .media
            .iter()
            .map(|media| sent_as(group, post, &media.sha256))
            .collect();
        differ("files", format!("{files:?}"), format!("{:?}", seen.media));
    }
    if group.planned_at.is_some_and(|planned| seen.at < planned) {
        let planned = group.planned_at.unwrap_or_default();
        wrong.push(format!(
            "post {id}: it went out at {}, before its time {planned}",
            seen.at
        ));
    }
    let is_its = |intent: &&Intent| {
        // A request that nobody waits for any more may lie around after its post was taken for absent.
        let end = intent
            .settled_at
            .filter(|_| !matches!(intent.state.as_str(), "absent" | "untold"))
            .unwrap_or(seen.at);
        intent.part == remote.part && intent.recorded_at <= seen.at && seen.at <= end
    };
    if !post.intents.iter().any(|intent| is_its(&intent)) {
        wrong.push(format!(
            "post {id}: it came out at {}, and no send of the store was under way then",
            seen.at
        ));
    }
}

/// What a file was converted to for this post, or the file itself.
fn sent_as(group: &Group, post: &Post, sha256: &str) -> String {
    let text = |record: &domain::log::LogRecord, key: &str| {
        let file = record.entry.data.get(key)?.get("sha256")?.as_str()?;
        Some(file.to_owned())
    };
    let mut converted = group.log.iter().rev().filter(|record| {
        record.entry.kind == LogKind::MediaConverted
            && record.entry.post == Some(post.id)
            && text(record, "from").as_deref() == Some(sha256)
    });
    converted
        .next()
        .and_then(|record| text(record, "to"))
        .unwrap_or_else(|| sha256.to_owned())
}

/// Everything out there is a part that the store knows, but for what it says it cannot know.
fn strangers(seed: u64, gone: &[&Made], store: &Store, world: &World, wrong: &mut Vec<String>) {
    let posts = || {
        store
            .groups
            .iter()
            .flat_map(|group| group.posts.iter().map(move |post| (group, post)))
    };
    for one in world.published.iter().filter(|one| !one.deleted) {
        let is_known = posts().any(|(_, post)| {
            let is_it = |remote: &Remote| remote.post.id == one.remote_id;
            post.platform == one.platform && is_of(one, post) && post.remotes.iter().any(is_it)
        });
        let is_orphan = store.orphans.iter().any(|orphan| {
            orphan.platform == one.platform && orphan.account == one.account && orphan.post.id == one.remote_id
        });
        // It may be out there, the store says; or its group was deleted while it was under way.
        let may_be = posts().any(|(group, post)| {
            let is_open = matches!(post.state, PostState::Unconfirmed { .. }) || group.is_deleted;
            is_open && is_of(one, post) && one.platform == post.platform && says_the_same(seed, group, one)
        });
        // Or it was deleted while nobody could tell what became of it, and cleared away.
        let was_given_up = gone
            .iter()
            .any(|made| one.text.starts_with(&plan::token(seed, made.number)));
        if !is_known && !is_orphan && !may_be && !was_given_up {
            wrong.push(format!(
                "'{}' is out there on {} as {}, and no post of the store is that",
                one.text, one.platform, one.remote_id
            ));
        }
    }
}

/// Whether a text that is out there can be of this group, in any of its versions.
fn says_the_same(seed: u64, group: &Group, one: &Published) -> bool {
    let number = group
        .content
        .head
        .text
        .split(' ')
        .nth(2)
        .and_then(|word| word.parse().ok());
    number.is_some_and(|number| one.text.starts_with(&plan::token(seed, number)))
}

/// Whose token a request to publish carries: organizations of LinkedIn have their members', and are counted together.
fn asks_as(platform: Platform, account: &str) -> &str {
    if platform == Platform::LinkedIn {
        "member"
    } else {
        account
    }
}

/// Of each account, as many requests to publish came in as sends were under way; one that a kill cut off may or may not
/// have come. Of what was cleared away, on the `loose` accounts, the store does not know how often it was sent.
fn attempts(store: &Store, world: &World, loose: &[&Target], wrong: &mut Vec<String>) {
    let mut sends: HashMap<(Platform, &str), (usize, usize)> = HashMap::new();
    for post in store.groups.iter().flat_map(|group| &group.posts) {
        let (sure, all) = sends
            .entry((post.platform, asks_as(post.platform, &post.target)))
            .or_default();
        *all += post.intents.len();
        let is_sure = |intent: &&Intent| intent.state == "published" || intent.state == "not_published";
        *sure += post.intents.iter().filter(is_sure).count();
    }
    let mut came: HashMap<(Platform, &str), usize> = HashMap::new();
    for line in world.requests.iter().filter(|line| line.class == Class::Create) {
        if let Some(account) = &line.account {
            *came
                .entry((line.platform, asks_as(line.platform, account)))
                .or_default() += 1;
        }
    }
    for ((platform, account), (sure, all)) in sends {
        let came = came.get(&(platform, account)).copied().unwrap_or_default();
        let is_it = |target: &&&Target| asks_as(target.platform, &target.remote_id) == account;
        let is_loose = loose.iter().any(|target| target.platform == platform && is_it(&target));
        if came < sure || (came > all && !is_loose) {
            wrong.push(format!(
                "account {account} on {platform}: {came} requests to publish came in, and the store has {all} sends, \
                 {sure} of which were answered"
            ));
        }
    }
}
