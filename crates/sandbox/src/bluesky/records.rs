//! Records: a client that chooses the key makes one record however often it sends it.

use std::sync::Arc;

use axum::extract::State;
use domain::platform::Platform;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::lexicon::{Blobs, check_post, is_tid};
use super::{Bluesky, cid, invalid, refusal, repo};
use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Handled, Turn, open};
use crate::fault::Class;
use crate::form::Fields;
use crate::journal::{Ledger, NewPost, Published};
use crate::world::{Shared, lock};

/// The collection of posts, the only one that the journal keeps.
const POSTS: &str = "app.bsky.feed.post";
/// Records of one page at most.
const PAGE_MAX: usize = 100;

/// The parts of a write.
struct Write {
    account: Arc<Account>,
    collection: String,
    rkey: String,
    record: Value,
    cid: String,
}

impl Write {
    fn uri(&self) -> String {
        format!("at://{}/{}/{}", self.account.remote_id, self.collection, self.rkey)
    }

    fn done(&self, turn: &Turn<Bluesky>) -> Answer {
        let commit = json!({ "cid": cid::of_record(&json!({ "of": self.cid })), "rev": tid(turn.now, 0) });
        Answer::ok(&json!({
            "uri": self.uri(),
            "cid": self.cid,
            "commit": commit,
            "validationStatus": "valid",
        }))
    }
}

/// A TID: microseconds and ten bits that tell equal times apart, in base-32-sortable.
fn tid(now: Timestamp, serial: u64) -> String {
    const LETTERS: &[u8; 32] = b"234567abcdefghijklmnopqrstuvwxyz";
    let micros = u64::try_from(now.as_microsecond()).unwrap_or_default();
    let number = (micros << 10) | (serial & 1_023);
    (0..13)
        .rev()
        .filter_map(|at| LETTERS.get(usize::try_from((number >> (at * 5)) & 31).ok()?))
        .map(|letter| char::from(*letter))
        .collect()
}

/// The post's text, for scripts; other records count by their collection.
fn script_text(fields: &Fields) -> String {
    let record = fields.json("record").unwrap_or_default();
    let text = record.get("text").and_then(Value::as_str).map(str::to_owned);
    text.or_else(|| fields.text("collection")).unwrap_or_default()
}

pub(super) async fn put(State(world): State<Shared>, call: Call) -> Handled {
    write(world, call, put_record).await
}

pub(super) async fn create(State(world): State<Shared>, call: Call) -> Handled {
    write(world, call, create_record).await
}

type Work = fn(&mut Turn<Bluesky>, &Fields) -> Result<Answer, Answer>;

async fn write(world: Shared, call: Call, work: Work) -> Handled {
    let fields = Fields::of(&call);
    let text = fields.as_ref().map(script_text).unwrap_or_default();
    let mut turn = open(
        &world,
        Bluesky,
        &call,
        Credential::Access(call.bearer()),
        Class::Create,
        &text,
    )
    .await?;
    let answer = match &fields {
        Ok(fields) => work(&mut turn, fields),
        Err(_) => Err(invalid("Request body is not valid JSON")),
    };
    Ok(turn.close(answer).await)
}

fn read_write(turn: &Turn<Bluesky>, fields: &Fields, rkey: Option<String>) -> Result<Write, Answer> {
    let account = turn.account()?;
    own_repo(turn, fields, &account)?;
    let needed = |name: &str| {
        fields
            .text(name)
            .ok_or_else(|| invalid(&format!("Invalid input: Missing required key \"{name}\" at $")))
    };
    let collection = needed("collection")?;
    let rkey = rkey.map_or_else(|| needed("rkey"), Ok)?;
    if collection == POSTS && !is_tid(&rkey) {
        return Err(invalid(&format!("Invalid TID string (got \"{rkey}\") at $.rkey")));
    }
    let mut record = fields
        .json("record")
        .filter(Value::is_object)
        .ok_or_else(|| invalid("Invalid input: Missing required key \"record\" at $"))?;
    let kind = record.get("$type").and_then(Value::as_str).map(str::to_owned);
    match (kind, record.as_object_mut()) {
        (Some(kind), _) if kind != collection => {
            return Err(invalid(&format!("Invalid $type: expected {collection}, got {kind}")));
        }
        // The server names the type where the client did not.
        (None, Some(object)) => {
            object.insert("$type".to_owned(), Value::String(collection.clone()));
        }
        _ => {}
    }
    if has_float(&record) {
        return Err(invalid("Record must not contain floating point numbers"));
    }
    let cid = cid::of_record(&record);
    Ok(Write {
        account,
        collection,
        rkey,
        record,
        cid,
    })
}

fn own_repo(turn: &Turn<Bluesky>, fields: &Fields, account: &Account) -> Result<(), Answer> {
    let named = fields.text("repo").unwrap_or_default();
    match repo(&turn.world, &named) {
        Some(found) if found.remote_id == account.remote_id => Ok(()),
        _ => Err(refusal(
            403,
            "AccountNotFound",
            &format!("Could not find repo: {named}"),
        )),
    }
}

fn has_float(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_float),
        Value::Object(object) => object.values().any(has_float),
        _ => false,
    }
}

fn cid_of(post: &Published) -> &str {
    post.notes.get("cid").and_then(Value::as_str).unwrap_or_default()
}

fn put_record(turn: &mut Turn<Bluesky>, fields: &Fields) -> Result<Answer, Answer> {
    let write = read_write(turn, fields, None)?;
    if write.collection != POSTS {
        return Ok(put_other(turn, &write));
    }
    let world = Arc::clone(&turn.world);
    let mut ledger = world.ledger();
    let standing = ledger
        .by_remote(Platform::Bluesky, &write.uri())
        .filter(|post| !post.deleted);
    check_swap(fields, standing.as_deref())?;
    match standing {
        Some(post) if cid_of(&post) == write.cid => {}
        Some(post) => {
            check(turn, &write)?;
            let text = record_text(&write.record);
            let notes = json!({ "cid": write.cid, "record": write.record });
            ledger
                .edit(post.seq, text, notes)
                .map_err(|_| refusal(503, "NotEnoughResources", "Not Enough Resources"))?;
        }
        None => make(turn, &mut ledger, &write)?,
    }
    Ok(write.done(turn))
}

/// `swapRecord: null` means "only if there is none"; a cid means "only if it is this one"; absent means "whatever".
fn check_swap(fields: &Fields, standing: Option<&Published>) -> Result<(), Answer> {
    let swap_refused = |at: &str| refusal(400, "InvalidSwap", &format!("Record was at {at}"));
    match (fields.raw_or_null("swapRecord"), standing) {
        (Some(Value::Null), Some(post)) => Err(swap_refused(cid_of(post))),
        (Some(Value::String(wanted)), Some(post)) if wanted != cid_of(post) => Err(swap_refused(cid_of(post))),
        (Some(Value::String(_)), None) => Err(swap_refused("null")),
        _ => Ok(()),
    }
}

fn create_record(turn: &mut Turn<Bluesky>, fields: &Fields) -> Result<Answer, Answer> {
    let rkey = fields
        .text("rkey")
        .unwrap_or_else(|| tid(turn.now, turn.world.serial()));
    let write = read_write(turn, fields, Some(rkey))?;
    if write.collection != POSTS {
        return Ok(put_other(turn, &write));
    }
    let world = Arc::clone(&turn.world);
    let mut ledger = world.ledger();
    if ledger
        .by_remote(Platform::Bluesky, &write.uri())
        .is_some_and(|post| !post.deleted)
    {
        // Observed on real servers: it looks like a fault of theirs, and it is not.
        return Err(refusal(500, "InternalServerError", "Internal Server Error"));
    }
    make(turn, &mut ledger, &write)?;
    Ok(write.done(turn))
}

fn put_other(turn: &Turn<Bluesky>, write: &Write) -> Answer {
    let key = (
        write.account.remote_id.clone(),
        write.collection.clone(),
        write.rkey.clone(),
    );
    lock(&turn.world.bluesky.others).insert(key, write.record.clone());
    write.done(turn)
}

fn record_text(record: &Value) -> String {
    record
        .get("text")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn check(turn: &Turn<Bluesky>, write: &Write) -> Result<super::lexicon::Media, Answer> {
    let stored = lock(&turn.world.bluesky.blobs);
    let mut wanted = Vec::new();
    links(&write.record, &mut wanted);
    let blobs: Blobs<'_> = wanted
        .into_iter()
        .filter_map(|link| Some((link, stored.get(&(write.account.remote_id.clone(), link.to_owned()))?)))
        .collect();
    check_post(&write.record, &blobs)
}

/// Every `$link` in a record.
fn links<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| links(item, found)),
        Value::Object(object) => {
            found.extend(object.get("$link").and_then(Value::as_str));
            object.values().for_each(|item| links(item, found));
        }
        _ => {}
    }
}

fn make(turn: &mut Turn<Bluesky>, ledger: &mut Ledger, write: &Write) -> Result<(), Answer> {
    let media = check(turn, write)?;
    let mut settings = write.record.clone();
    if let Some(object) = settings.as_object_mut() {
        object.remove("text");
    }
    let parent = write
        .record
        .get("reply")
        .and_then(|reply| reply.get("parent")?.get("uri")?.as_str());
    let new = NewPost {
        remote_id: write.uri(),
        url: Some(format!(
            "https://bsky.app/profile/{}/post/{}",
            write.account.remote_id, write.rkey
        )),
        text: record_text(&write.record),
        media: media.sha256,
        alt: media.alt,
        reply_to: parent.map(str::to_owned),
        settings,
        key: Some(write.rkey.clone()),
        notes: json!({ "cid": write.cid, "record": write.record }),
    };
    turn.commit(ledger, new).map(|_| ())
}

fn record_json(post: &Published) -> Value {
    json!({ "uri": post.remote_id, "cid": cid_of(post), "value": post.notes.get("record") })
}

pub(super) async fn show(State(world): State<Shared>, call: Call) -> Handled {
    let turn = open(&world, Bluesky, &call, reader(&call), Class::Read, "").await?;
    let answer = find(&turn, &call);
    Ok(turn.close(answer).await)
}

/// Reads need no token; one that comes along names the account whose script applies.
fn reader(call: &Call) -> Credential<'_> {
    Credential::Other(call.bearer(), crate::account::TokenUse::Access)
}

fn find(turn: &Turn<Bluesky>, call: &Call) -> Result<Answer, Answer> {
    let part = |name: &str| call.query(name).unwrap_or_default();
    let (collection, rkey) = (part("collection"), part("rkey"));
    let account = repo(&turn.world, part("repo"));
    let account = account.ok_or_else(|| invalid(&format!("Could not find repo: {}", part("repo"))))?;
    let uri = format!("at://{}/{collection}/{rkey}", account.remote_id);
    let missing = || refusal(400, "RecordNotFound", &format!("Could not locate record: {uri}"));
    if collection != POSTS {
        let key = (account.remote_id.clone(), collection.to_owned(), rkey.to_owned());
        let record = lock(&turn.world.bluesky.others)
            .get(&key)
            .cloned()
            .ok_or_else(missing)?;
        return Ok(Answer::ok(
            &json!({ "uri": uri, "cid": cid::of_record(&record), "value": record }),
        ));
    }
    let post = turn.world.ledger().by_remote(Platform::Bluesky, &uri);
    let wanted = call.query("cid");
    post.filter(|post| turn.shows(post) && wanted.is_none_or(|cid| cid == cid_of(post)))
        .map(|post| Answer::ok(&record_json(&post)))
        .ok_or_else(missing)
}

pub(super) async fn list(State(world): State<Shared>, call: Call) -> Handled {
    let turn = open(&world, Bluesky, &call, reader(&call), Class::Read, "").await?;
    let answer = page(&turn, &call);
    Ok(turn.close(answer).await)
}

/// Newest first, in the order in which they were made, which is that of their keys for keys made of the time.
fn page(turn: &Turn<Bluesky>, call: &Call) -> Result<Answer, Answer> {
    let name = call.query("repo").unwrap_or_default();
    let account = repo(&turn.world, name).ok_or_else(|| invalid(&format!("Could not find repo: {name}")))?;
    if call.query("collection") != Some(POSTS) {
        return Ok(Answer::ok(&json!({ "records": [] })));
    }
    let limit = call.query_number("limit", 50, PAGE_MAX).max(1);
    let cursor = call.query("cursor");
    let below =
        |post: &&Arc<Published>| cursor.is_none_or(|cursor| post.key.as_deref().is_some_and(|key| key < cursor));
    let posts: Vec<Arc<Published>> = {
        let ledger = turn.world.ledger();
        let own = ledger.of_account(Platform::Bluesky, &account.remote_id);
        own.filter(below)
            .filter(|post| turn.shows(post))
            .take(limit)
            .cloned()
            .collect()
    };
    let records: Vec<Value> = posts.iter().map(|post| record_json(post)).collect();
    let mut body = json!({ "records": records });
    if let (Some(last), Some(object), true) = (posts.last(), body.as_object_mut(), posts.len() == limit) {
        object.insert("cursor".to_owned(), json!(last.key));
    }
    Ok(Answer::ok(&body))
}

pub(super) async fn delete(State(world): State<Shared>, call: Call) -> Handled {
    let turn = open(
        &world,
        Bluesky,
        &call,
        Credential::Access(call.bearer()),
        Class::Delete,
        "",
    )
    .await?;
    let answer = match Fields::of(&call) {
        Ok(fields) => remove(&turn, &fields),
        Err(_) => Err(invalid("Request body is not valid JSON")),
    };
    Ok(turn.close(answer).await)
}

fn remove(turn: &Turn<Bluesky>, fields: &Fields) -> Result<Answer, Answer> {
    let account = turn.account()?;
    own_repo(turn, fields, &account)?;
    let part = |name: &str| fields.text(name).unwrap_or_default();
    let (collection, rkey) = (part("collection"), part("rkey"));
    let key = (account.remote_id.clone(), collection.clone(), rkey.clone());
    if lock(&turn.world.bluesky.others).remove(&key).is_some() {
        return Ok(Answer::ok(&json!({})));
    }
    let uri = format!("at://{}/{collection}/{rkey}", account.remote_id);
    let mut ledger = turn.world.ledger();
    if let Some(post) = ledger.by_remote(Platform::Bluesky, &uri).filter(|post| !post.deleted) {
        turn.delete(&mut ledger, &post)?;
    }
    Ok(Answer::ok(&json!({})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_tid_is_one() {
        let now: Timestamp = "2026-11-22T09:00:00Z".parse().unwrap();
        assert!(is_tid(&tid(now, 7)));
        assert!(tid(now, 7) < tid(now, 8));
        assert!(!is_tid("abc") && !is_tid("zzzzzzzzzzzzz"));
    }
}
