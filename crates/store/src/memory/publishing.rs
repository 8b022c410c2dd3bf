//! Claims, intents and their outcomes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use domain::content::Content;
use domain::ids::{AccountId, AttemptId, IntentId, PostId};
use domain::intent::{Armed, Claim, IntentRecord, IntentState, Job};
use domain::part::{Part, RemotePost};
use domain::post::{Event, PostState};
use domain::secret::SecretBytes;
use jiff::Timestamp;

use super::groups::at_most;
use super::state::{GroupRow, IntentRow, PostRow, State};
use crate::{
    BACKLOG_COUNTED_MAX, Backlog, ClaimAsk, Claimed, Conflict, Error, Evidence, NewIntent, Orphans, PostCount, Reach,
    Release, Result, Resume, Settled, Settlement, Work, ageing, rules,
};

impl State {
    /// The account that a claim works with: asking goes on after a disconnection, sending does not.
    fn account_for(&self, row: &PostRow, job: Job) -> Option<AccountId> {
        if rules::only_asks(&row.post.state, job) {
            return row.post.account;
        }
        match row.post.account {
            Some(account) => self.live_account(account).map(|account| account.id),
            None => self.account_of(row.owner, row.post.platform, &row.post.target),
        }
    }

    pub(super) fn claim_due(&mut self, ask: &ClaimAsk) -> Result<Claimed> {
        let is_due = |row: &&Arc<PostRow>| row.wake_at.is_some_and(|at| at <= ask.now);
        let (ended, mut due): (Vec<_>, Vec<_>) = self
            .posts
            .values()
            .filter(is_due)
            .cloned()
            .partition(|row| row.claim.is_some());
        due.sort_by_key(|row| (row.wake_at, row.post.id));
        due.truncate(rules::looked_at(ask));
        let candidates: Vec<_> = due
            .iter()
            .map(|row| rules::Candidate {
                platform: row.post.platform,
                account: rules::job(&row.post.state).and_then(|job| self.account_for(row, job)),
                lane: rules::lane(&row.post.state),
                late: rules::is_late(&row.post.state, ask),
            })
            .collect();
        let chosen = rules::choose(candidates.into_iter(), ask);
        for (index, at) in &chosen.put_off {
            if let Some(row) = due.get(*index) {
                self.row_mut(row.post.id)?.wake_at = Some(*at);
            }
        }
        let mut claimed = Claimed {
            claims: Vec::new(),
            orphans: !ended.is_empty(),
            passed_over: chosen.passed_over,
        };
        for (index, attempt) in chosen.taken.iter().zip(&ask.attempts) {
            let Some(row) = due.get(*index) else { continue };
            let claim = self.take(row, *attempt, ask)?;
            claimed.claims.push(claim);
        }
        Ok(claimed)
    }

    fn take(&mut self, row: &PostRow, attempt: AttemptId, ask: &ClaimAsk) -> Result<Claim> {
        let found = row.post.state.clone();
        let job = rules::job(&found).ok_or_else(|| Error::Corrupt("nothing to do for a due post".to_owned()))?;
        let account = self.account_for(row, job);
        let lease_until = rules::later(ask.now, ask.lease);
        let state = rules::claimed(&found, attempt)?;
        let row_mut = self.row_mut(row.post.id)?;
        row_mut.post.state = state;
        row_mut.post.account = account;
        row_mut.claim = Some(attempt);
        row_mut.wake_at = Some(lease_until);
        Ok(Claim {
            post: row.post.id,
            group: row.group,
            owner: row.owner,
            attempt,
            attempt_no: if rules::only_asks(&found, job) {
                0
            } else {
                row.post.attempts + 1
            },
            retries: row.post.retries,
            job,
            platform: row.post.platform,
            account,
            due: rules::due(&found),
            claimed_at: ask.now,
            lease_until,
            found,
        })
    }

    pub(super) fn claim_unconfirmed(&mut self, reach: &Reach, post: PostId, ask: &ClaimAsk) -> Result<Option<Claim>> {
        let row = self.post_within(reach, post)?.clone();
        let is_free = row.claim.is_none() && matches!(row.post.state, PostState::Unconfirmed { .. });
        match ask.attempts.first().filter(|_| is_free) {
            Some(attempt) => self.take(&row, *attempt, ask).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn remote_owner(&self, account: AccountId, remote_id: &str) -> Option<(PostId, Part)> {
        self.remotes
            .get(&(account, remote_id.to_owned()))
            .map(|row| (row.post, row.part))
    }

    pub(super) fn next_wake(&self) -> Option<Timestamp> {
        self.posts.values().filter_map(|row| row.wake_at).min()
    }

    pub(super) fn work(&self, claim: &Claim) -> Result<Work> {
        let row = self.claimed_row(claim)?;
        let group = self.groups.get(&row.group).ok_or(Error::NotFound)?;
        let account = row.post.account.and_then(|account| self.account_row(account));
        Ok(Work {
            content: Content::clone(&group.content),
            target: row.post.target.clone(),
            account: account.map(|row| row.account.clone()),
            tokens: account.and_then(|row| row.tokens.clone()),
            live: self.live_parts(claim.post),
            intents: self
                .intents
                .iter()
                .filter(|row| row.post == claim.post)
                .map(|row| row.record.clone())
                .collect(),
            resume: row.resume.clone(),
            revision: group.revision,
        })
    }

    pub(super) fn checkpoint(&mut self, claim: &Claim, resume: Option<SecretBytes>, until: Timestamp) -> Result<()> {
        self.claimed_row(claim)?;
        let row = self.row_mut(claim.post)?;
        row.wake_at = Some(until);
        row.resume = resume.or(row.resume.take());
        Ok(())
    }

    /// `Ok(Err)` is a refusal that leaves a trace: a place in a budget's queue.
    pub(super) fn record_intent(&mut self, claim: &Claim, new: NewIntent) -> Result<Result<()>> {
        let row = self.claimed_row(claim)?;
        let account = row.post.account.ok_or(Error::NotFound)?;
        if self.groups.get(&row.group).is_none_or(|group| group.deleted) || self.live_account(account).is_none() {
            return Err(Error::LeaseLost);
        }
        let open = |state| matches!(state, IntentState::Open | IntentState::Published);
        let earlier = |row: &&Arc<IntentRow>| row.post == claim.post && row.record.part == new.part;
        if self.intents.iter().filter(earlier).any(|row| open(row.record.state)) {
            return Err(Conflict::EarlierIntentOpen.into());
        }
        let alike = |row: &Arc<IntentRow>| {
            let prepared = &row.record.prepared;
            row.account == account
                && row.record.state == IntentState::Open
                && prepared.is_confusable()
                && prepared.fingerprint == new.prepared.fingerprint
        };
        if new.prepared.is_confusable()
            && let Some(alike) = self.intents.iter().find(|row| alike(row))
        {
            let post = alike.post;
            let is_unconfirmed = matches!(self.row(post)?.post.state, PostState::Unconfirmed { .. });
            return Err(Conflict::FingerprintBusy { post, is_unconfirmed }.into());
        }
        if let Some(wait) = self.spend(&new.budgets, new.at) {
            return Ok(Err(Conflict::BudgetSpent(wait).into()));
        }
        let row = self.row_mut(claim.post)?;
        if !rules::is_armed(&row.post.state) {
            let armed = rules::moved(&row.post.state, &Event::Armed { attempt: claim.attempt })?;
            row.post.state = armed;
            row.post.attempts += 1;
        }
        row.wake_at = Some(new.lease_until);
        let (owner, group) = (row.owner, row.group);
        let record = IntentRecord {
            id: new.id,
            part: new.part,
            state: IntentState::Open,
            recorded_at: new.at,
            send_by: new.send_by,
            settled_at: None,
            prepared: new.prepared,
        };
        self.intents.push(Arc::new(IntentRow {
            record,
            post: claim.post,
            account,
        }));
        self.touch(group, new.at)?;
        self.write_log(new.log, owner, Some(group));
        Ok(Ok(()))
    }

    /// Notes what became of an intent of this post.
    fn settle_intent(&mut self, post: PostId, id: IntentId, settlement: Settlement) -> Result<()> {
        let intent = self.intent_mut(post, id)?;
        rules::may_settle(intent.record.state, &settlement)?;
        intent.record.settle(settlement.state, settlement.at);
        let (account, part) = (intent.account, intent.record.part);
        if let Some(remote) = rules::published(&settlement)? {
            self.adopt(account, post, part, remote)?;
        }
        let row = self.row(post)?;
        let (owner, group) = (row.owner, row.group);
        self.write_log(settlement.log, owner, Some(group));
        Ok(())
    }

    /// `None`: the claim goes on.
    pub(super) fn settle(
        &mut self,
        armed: &Armed,
        settlement: Settlement,
        release: Option<Release>,
    ) -> Result<Option<Settled>> {
        let (claim, intent) = (armed.claim(), armed.intent());
        if self.claimed_row(claim).is_err() {
            let evidence = self.fenced(claim.post, intent, settlement)?;
            return Ok(Some(Settled::Fenced(evidence)));
        }
        self.settle_intent(claim.post, intent, settlement)?;
        // What cannot come next is said before anything about the intents that the release settles.
        if let Some(release) = &release {
            rules::moved(&self.row(claim.post)?.post.state, &release.event)?;
        }
        let released = release.map(|release| self.release(claim, release));
        Ok(released.transpose()?.map(Settled::Released))
    }

    /// A sender that lost its lease reports: only what is certain counts, and only for an intent that is still open.
    fn fenced(&mut self, post: PostId, id: IntentId, settlement: Settlement) -> Result<Evidence> {
        let published = rules::published(&settlement)?.cloned();
        let row = self.row(post)?;
        let (owner, group) = (row.owner, row.group);
        self.write_log(settlement.log, owner, Some(group));
        if let Some(remote) = published {
            return self.evidence(id, &remote, settlement.at);
        }
        let intent = self.intent_mut(post, id)?;
        if intent.record.state == IntentState::Open {
            intent.record.settle(settlement.state, settlement.at);
        }
        Ok(Evidence { duplicate: false })
    }

    /// Notes a remote id for a part, unless the post has it already for another part.
    pub(super) fn adopt_own(
        &mut self,
        account: AccountId,
        post: PostId,
        part: Part,
        remote: &RemotePost,
    ) -> Result<()> {
        let known = self
            .remotes
            .get(&(account, remote.id.clone()))
            .filter(|row| row.post == post);
        let part = known.map_or(part, |row| row.part);
        self.adopt(account, post, part, remote).map(|_| ())
    }

    pub(super) fn release(&mut self, claim: &Claim, release: Release) -> Result<PostState> {
        let row = self.claimed_row(claim)?;
        let (owner, group, account) = (row.owner, row.group, row.post.account);
        for (intent, settlement) in release.intents {
            self.settle_intent(claim.post, intent, settlement)?;
        }
        if let (Some(account), Some(remote)) = (account, rules::head_learned(&release.event)) {
            self.adopt_own(account, claim.post, Part::Head, remote)?;
        }
        let row = self.row_mut(claim.post)?;
        let state = rules::moved(&row.post.state, &release.event)?;
        row.post.attempts += u32::from(release.counts_as_attempt && !rules::is_armed(&row.post.state));
        row.post.retries += u32::from(matches!(release.event, Event::RetryAt { .. }));
        row.resume = match release.resume {
            Resume::Keep => row.resume.take(),
            Resume::Set(resume) => Some(resume),
            Resume::Clear => None,
        };
        let state = self.put(claim.post, state, release.at)?;
        if let (Some(account), Some(note)) = (account, &release.account) {
            self.note_account(account, note)?;
        }
        self.write_log(release.log, owner, Some(group));
        Ok(state)
    }

    pub(super) fn evidence(&mut self, id: IntentId, remote: &RemotePost, at: Timestamp) -> Result<Evidence> {
        let intent = self
            .intents
            .iter()
            .find(|row| row.record.id == id)
            .ok_or(Error::NotFound)?;
        let (post, account, part) = (intent.post, intent.account, intent.record.part);
        let was_published = intent.record.state == IntentState::Published;
        let duplicate = self.adopt(account, post, part, remote)?;
        if was_published {
            return Ok(Evidence { duplicate });
        }
        self.intent_mut(post, id)?.record.settle(IntentState::Published, at);
        let row = self.row(post)?;
        let (owner, group, state) = (row.owner, row.group, row.post.state.clone());
        let mut entry = rules::evidence_entry(duplicate, &remote.id, at);
        entry.post = Some(post);
        self.write_log(vec![entry], owner, Some(group));
        if rules::takes_evidence(&state)
            && let Some(remote) = self.live(self.row(post)?)?.complete().cloned()
        {
            let event = Event::Published {
                at,
                remote,
                next_look: None,
            };
            self.put(post, rules::moved(&state, &event)?, at)?;
        }
        Ok(Evidence { duplicate })
    }

    pub(super) fn recover_orphans(&mut self, which: Orphans, now: Timestamp) -> Result<u64> {
        let gone = |row: &&Arc<PostRow>| {
            row.claim.is_some() && (which == Orphans::All || row.wake_at.is_some_and(|at| at <= now))
        };
        let rows: Vec<_> = self.posts.values().filter(gone).cloned().collect();
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        for row in rows {
            let post = row.post.id;
            let state = match rules::orphaned(&row.post.state, self.has_open_intent(post), row.ready_at, now) {
                Some(event) => rules::moved(&row.post.state, &event)?,
                None => row.post.state.clone(),
            };
            if let Some(mut entry) = rules::orphan_entry(&state, now) {
                entry.post = Some(post);
                self.write_log(vec![entry], row.owner, Some(row.group));
            }
            self.put(post, state, now)?;
        }
        Ok(count)
    }

    pub(super) fn backlog(&self, now: Timestamp) -> Backlog {
        let unfinished = || self.posts.values().filter(|row| !row.post.state.is_terminal());
        let due = || {
            unfinished()
                .filter(|row| row.claim.is_none())
                .filter_map(|row| row.ready_at)
                .filter(|at| *at <= now)
        };
        let claimed = || unfinished().filter(|row| row.claim.is_some());
        Backlog {
            due: u64::try_from(due().count())
                .unwrap_or(u64::MAX)
                .min(BACKLOG_COUNTED_MAX),
            claimed: u64::try_from(claimed().count()).unwrap_or(u64::MAX),
            oldest_due: due().min(),
            oldest_claimed: claimed().filter_map(|row| row.ready_at).min(),
        }
    }

    pub(super) fn post_counts(&self) -> Vec<PostCount> {
        let mut counts = BTreeMap::new();
        for row in self.posts.values() {
            *counts
                .entry((row.post.platform.word(), row.post.state.word()))
                .or_insert(0) += 1;
        }
        let count = |((platform, state), count): ((&str, &str), u64)| {
            Some(PostCount {
                platform: platform.parse().ok()?,
                state: state.to_owned(),
                count,
            })
        };
        counts.into_iter().filter_map(count).collect()
    }

    pub(super) fn prune(&mut self, now: Timestamp, limit: u32) -> Result<Vec<String>> {
        self.prune_budgets(now);
        self.counted_from = self.counted_from.max(crate::usage::counted_from(now));
        let left_behind = |group: &&Arc<GroupRow>| !group.deleted && self.live_user(group.owner).is_none();
        let left_behind = self.groups.values().filter(left_behind).map(|group| group.id);
        let left_behind: Vec<_> = left_behind.take(at_most(limit)).collect();
        for group in left_behind {
            self.hide(group, now)?;
        }
        let over = |post: &PostId| {
            self.posts
                .get(post)
                .is_none_or(|row| row.post.state.is_terminal() && row.claim.is_none())
        };
        let gone = self
            .groups
            .values()
            .filter(|group| group.deleted && group.posts.iter().all(over));
        let gone: Vec<_> = gone.take(at_most(limit)).cloned().collect();
        let mut dropped = BTreeSet::new();
        for group in gone {
            self.keep_counts(&group);
            self.groups.remove(&group.id);
            self.posts.retain(|_, row| row.group != group.id);
            self.intents.retain(|row| !group.posts.contains(&row.post));
            self.log
                .retain(|record| record.entry.group != Some(group.id) || record.entry.kind.is_connection());
            dropped.extend(rules::media_keys(&group.content));
            let derivatives = self.derivatives.extract_if(.., |(of, _)| *of == group.id);
            dropped.extend(derivatives.map(|(_, key)| key));
            let of_group = |_: &_, file: &mut crate::MediaFile| file.group == group.id;
            dropped.extend(self.files.extract_if(.., of_group).map(|(_, file)| file.key));
        }
        for (_, key) in &self.derivatives {
            dropped.remove(key);
        }
        for key in self.shown_keys() {
            dropped.remove(&key);
        }
        self.condemn(dropped.clone());
        self.forget_aged(now);
        self.requests.retain(|_, request| request.expires_at > now);
        self.forget_expired(now);
        self.consents.retain(|_, (_, expires_at)| *expires_at > now);
        self.prune_deliveries(now);
        self.drop_unused_tokens();
        Ok(dropped.into_iter().collect())
    }

    fn forget_aged(&mut self, now: Timestamp) {
        let (until, log_from) = (ageing::intents_from(now), ageing::account_log_from(now));
        let posts = &self.posts;
        let is_over = |row: &IntentRow| {
            posts.get(&row.post).is_some_and(|post| {
                let state = &post.post.state;
                let is_done = matches!(state, PostState::Published { .. } | PostState::Removed { .. });
                is_done && post.wake_at.is_none()
            })
        };
        self.intents.retain(|row| {
            let is_old = row.record.recorded_at < until && row.record.state != IntentState::Open;
            !(is_old && is_over(row))
        });
        self.log
            .retain(|record| record.entry.group.is_some() || record.entry.at >= log_from);
    }
}
