//! Groups: making, reading, listing, and their history.

use domain::group::{StateBit, StateMask};
use domain::ids::{AccountId, GroupId, PostId};
use domain::log::LogRecord;
use domain::plan::{Asked, Metric};
use domain::post::PostState;
use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use super::usage;
use super::webhooks;
use crate::sqlite::history::LogRow;
use crate::sqlite::reader::Db;
use crate::sqlite::rows::{self, micros};
use crate::sqlite::sql;
use crate::sqlite::tx::Tx;
use crate::usage::Meter;
use crate::{
    Conflict, Created, Error, Group, GroupOrder, GroupPage, GroupQuery, LISTED_MAX, NewGroup, Post, RECENT_LOG_SPAN,
    Reach, RequestKey, Result, rules,
};

/// A group on its way into the database, with what can be computed before the writer's turn.
pub(in crate::sqlite) struct Prepared {
    new: NewGroup,
    body: String,
    media: Vec<String>,
    /// The state of all its posts, and how their rows say it.
    state: PostState,
    data: String,
    /// Its history, in order.
    log: Vec<LogRow>,
}

/// Does outside the writing thread what needs no transaction.
pub(in crate::sqlite) fn prepare(mut new: NewGroup) -> Result<Prepared> {
    let body = rows::to_json(&new.content)?;
    let media = rules::media_keys(&new.content).into_iter().collect();
    let state = rules::first_state(new.draft, new.planned_at, new.created_at);
    let data = rows::to_json(&state)?;
    let log = std::mem::take(&mut new.log)
        .into_iter()
        .map(|entry| LogRow::of(rules::in_context(entry, new.owner, Some(new.id))))
        .collect::<Result<_>>()?;
    Ok(Prepared {
        new,
        body,
        media,
        state,
        data,
        log,
    })
}

pub(in crate::sqlite) fn create(tx: &mut Tx, group: Prepared, request: Option<&RequestKey>) -> Result<Created> {
    let Prepared {
        new,
        body,
        media,
        state,
        data,
        log,
    } = group;
    if !tx.is_user(new.owner)? {
        return Err(Error::NotFound);
    }
    if let Some(request) = request
        && let Some(answer) = answered(tx, request, new.created_at)?
    {
        return Ok(Created::Replayed { answer });
    }
    let meter = admit(tx, &new)?;
    if let Some(request) = request {
        remember(tx, request)?;
    }
    tx.exec(sql::ADD_CONTENT, [body])?;
    let content = tx.conn.last_insert_rowid();
    let mask = StateMask::of(new.draft, new.posts.first().map(|_| &state));
    let platforms = new
        .posts
        .iter()
        .fold(0, |bits, post| bits | rows::platform_bit(post.platform));
    tx.exec(
        sql::ADD_GROUP,
        params![
            new.id.as_bytes(),
            new.owner.as_bytes(),
            content,
            new.draft,
            new.planned_at.map(micros),
            mask.bits(),
            platforms,
            i64::try_from(new.posts.len()).unwrap_or(i64::MAX),
            i64::try_from(log.len()).unwrap_or(i64::MAX),
            micros(new.created_at),
        ],
    )?;
    let bit = StateMask::EMPTY.with(StateBit::of(&state)).bits();
    let wake_at = state.wake_at().map(micros);
    for (position, post) in (0_i64..).zip(&new.posts) {
        let account = tx.account_of(new.owner, post.platform, &post.target)?;
        let account = account.as_ref().map(AccountId::as_bytes);
        tx.exec(
            sql::ADD_POST,
            params![
                post.id.as_bytes(),
                new.id.as_bytes(),
                position,
                new.owner.as_bytes(),
                post.platform.word(),
                post.target,
                account,
                state.word(),
                bit,
                data,
                wake_at,
            ],
        )?;
        tx.count(post.platform, state.word(), 1);
    }
    charge(tx, meter.as_ref(), &new, &state)?;
    for key in &media {
        tx.exec(sql::ADD_MEDIA_REF, params![key, new.id.as_bytes()])?;
    }
    for (seq, row) in (1..).zip(&log) {
        tx.log_row(row, seq)?;
    }
    webhooks::tell_of_group(tx, &new, &state)?;
    Ok(Created::New)
}

/// Refuses what the owner's plan has no room for. Gives what its posts are counted against, if they are at all.
fn admit(tx: &Tx, new: &NewGroup) -> Result<Option<Meter>> {
    let Some(meter) = tx.meter(new.owner) else {
        return Ok(None);
    };
    let targets: Vec<_> = new
        .posts
        .iter()
        .map(|post| (post.platform, post.target.clone()))
        .collect();
    let asked = Asked {
        targets: &targets,
        at: (!new.draft).then(|| new.planned_at.unwrap_or(new.created_at)),
        now: new.created_at,
        joins_month: true,
        joins_queue: true,
    };
    usage::admit(tx, new.owner, &asked)?;
    Ok(Some(meter).filter(Meter::keeps))
}

fn charge(tx: &Tx, meter: Option<&Meter>, new: &NewGroup, state: &PostState) -> Result<()> {
    let Some(meter) = meter else { return Ok(()) };
    let counted_at = new.planned_at.unwrap_or(new.created_at);
    for metric in [crate::usage::month(counted_at), Metric::Queue] {
        for post in &new.posts {
            let change = i64::from(metric.counts(state));
            usage::charge(tx, meter, metric, new.owner, (post.platform, &post.target), change)?;
        }
    }
    Ok(())
}

/// What the same request was answered before, if it was.
pub(super) fn answered(tx: &Tx, request: &RequestKey, now: Timestamp) -> Result<Option<String>> {
    let name = params![request.owner.as_bytes(), request.operation, request.key, micros(now)];
    same(
        request,
        tx.one(sql::REQUEST, name, |row| Ok((row.get(0)?, row.get(1)?)))?,
    )
}

/// The answer of the request that is known by the name of this one, when that is the same request.
pub(super) fn same(request: &RequestKey, known: Option<([u8; 32], String)>) -> Result<Option<String>> {
    match known {
        Some((hash, answer)) if hash == request.body_hash => Ok(Some(answer)),
        Some(_) => Err(Conflict::IdempotencyKey.into()),
        None => Ok(None),
    }
}

/// Keeps what a request was answered.
pub(super) fn remember(tx: &Tx, request: &RequestKey) -> Result<()> {
    let (owner, until) = (request.owner.as_bytes(), micros(request.expires_at));
    let row = params![
        owner,
        request.operation,
        request.key,
        request.body_hash,
        request.answer,
        until
    ];
    tx.exec(sql::SET_REQUEST, row).map(|_| ())
}

/// A group within reach with its posts, in one statement: a row a post, and one for a group without.
pub(in crate::sqlite) fn read(conn: &Connection, reach: &Reach, id: GroupId) -> Result<Option<Group>> {
    let mut statement = conn.prepare_cached(sql::GROUP)?;
    let mut found = statement.query([id.as_bytes()])?;
    let (mut group, mut last) = (None, Alike::default());
    while let Some(row) = found.next()? {
        let group: &mut Group = match &mut group {
            Some(group) => group,
            none => none.insert(head(id, row)?),
        };
        if group.owner != reach.owner {
            return Ok(None);
        }
        if let Some(post) = rows::maybe_id(row, 7)? {
            group.posts.push(Post {
                id: post,
                platform: rows::platform(row, 8)?,
                target: row.get(9)?,
                account: rows::maybe_id(row, 10)?,
                state: last.state(rows::text(row, 11)?)?,
                attempts: row.get(12)?,
                retries: row.get(13)?,
            });
        }
    }
    Ok(group)
}

/// The state that was read last: most posts of a group stand alike, and to read one takes longer than to copy it.
#[derive(Default)]
struct Alike {
    data: String,
    state: Option<PostState>,
}

impl Alike {
    fn state(&mut self, data: &str) -> Result<PostState> {
        if let Some(state) = self.state.as_ref().filter(|_| self.data == data) {
            return Ok(state.clone());
        }
        let state: PostState = serde_json::from_str(data).map_err(rows::corrupt)?;
        data.clone_into(&mut self.data);
        self.state = Some(state.clone());
        Ok(state)
    }
}

fn head(id: GroupId, row: &Row<'_>) -> Result<Group> {
    Ok(Group {
        id,
        owner: rows::id(row, 0)?,
        content: rows::json(row, 1)?,
        draft: row.get(2)?,
        planned_at: rows::maybe_at(row, 3)?,
        mask: StateMask::from_bits(row.get(4)?),
        created_at: rows::at(row, 5)?,
        updated_at: rows::at(row, 6)?,
        posts: Vec::new(),
    })
}

pub(in crate::sqlite) fn one(db: &Db, reach: &Reach, group: GroupId) -> Result<Option<Group>> {
    read(&db.conn, reach, group)
}

pub(in crate::sqlite) fn list(db: &Db, reach: &Reach, query: &GroupQuery) -> Result<GroupPage> {
    let masks = query
        .masks
        .as_ref()
        .map(|masks| masks.iter().map(|mask| mask.bits()).collect::<Vec<_>>());
    let masks = masks.map(|masks| rows::to_json(&masks)).transpose()?;
    let platforms = query
        .platforms
        .iter()
        .fold(0, |bits, platform| bits | rows::platform_bit(*platform));
    let (owner, from, to) = (
        reach.owner.as_bytes(),
        query.planned_from.map(micros),
        query.planned_to.map(micros),
    );
    let statement = match (query.order, query.descending) {
        (GroupOrder::Created, false) => sql::GROUPS_CREATED_UP,
        (GroupOrder::Created, true) => sql::GROUPS_CREATED_DOWN,
        (GroupOrder::Updated, false) => sql::GROUPS_UPDATED_UP,
        (GroupOrder::Updated, true) => sql::GROUPS_UPDATED_DOWN,
        (GroupOrder::Planned, false) => sql::GROUPS_PLANNED_UP,
        (GroupOrder::Planned, true) => sql::GROUPS_PLANNED_DOWN,
    };
    let (limit, offset) = (
        query.limit.min(LISTED_MAX),
        i64::try_from(query.offset).unwrap_or(i64::MAX),
    );
    let total = db.one(sql::COUNT_GROUPS, params![owner, masks, platforms, from, to], |row| {
        rows::count(row, 0)
    })?;
    let page = params![owner, masks, platforms, from, to, limit, offset];
    let ids = db.all(statement, page, |row| rows::id(row, 0))?;
    let groups = ids.into_iter().filter_map(|id| read(&db.conn, reach, id).transpose());
    Ok(GroupPage {
        groups: groups.collect::<Result<_>>()?,
        total: total.unwrap_or(0),
    })
}

pub(in crate::sqlite) fn log(db: &Db, reach: &Reach, group: GroupId, limit: u32) -> Result<Vec<LogRecord>> {
    let is_found = db.one(sql::IS_GROUP, params![group.as_bytes(), reach.owner.as_bytes()], |_| {
        Ok(())
    })?;
    is_found.ok_or(Error::NotFound)?;
    db.all(sql::GROUP_LOG, params![group.as_bytes(), limit], rows::log_record)
}

pub(in crate::sqlite) fn of_post(db: &Db, reach: &Reach, post: PostId) -> Result<Option<GroupId>> {
    let within = params![post.as_bytes(), reach.owner.as_bytes()];
    db.one(sql::POST_GROUP, within, |row| rows::id(row, 0))
}

pub(in crate::sqlite) fn recent_log(db: &Db, reach: &Reach, limit: u32) -> Result<Vec<LogRecord>> {
    db.all(
        sql::RECENT_LOG,
        params![reach.owner.as_bytes(), limit, RECENT_LOG_SPAN],
        rows::log_record,
    )
}
