//! What happens to plans and workspaces in a random life.

use domain::group::PlanEdit;
use domain::log::LogKind;
use domain::plan::{Per, Plan};
use domain::platform::Platform;

use super::super::bench::{at, entry};
use super::{Bench, Reach, Twins, pick, said};

fn plan(how: u8) -> Plan {
    let of = |bit: u8, n: u8| (how & bit != 0).then_some(u64::from(n));
    Plan {
        key: Some("some".to_owned()),
        name: format!("Plan {how}"),
        monthly_posts: of(1, how % 13 + 2),
        queued_posts: of(2, how % 11 + 1),
        monthly_posts_per: if how & 4 == 0 { Per::Account } else { Per::Connection },
        queued_posts_per: if how & 8 == 0 { Per::Account } else { Per::Connection },
        connections: of(16, 1),
        horizon_days: (how & 32 != 0).then_some(15),
        platforms: (how & 64 != 0).then(|| vec![Platform::Mastodon, Platform::Bluesky]),
        ..Plan::default()
    }
}

impl Twins {
    pub(super) async fn change_plan(&mut self, owner: Reach, who: u8, how: u8) {
        let (model, real) = match who % 5 {
            0 => both!(self, |store| store.set_plan(owner.owner, Plan::default())),
            4 => {
                let (model, real) = both!(self, |store| store.follow_plan(plan(how)));
                (model.map(|_| ()), real.map(|_| ()))
            }
            _ => both!(self, |store| store.set_plan(owner.owner, plan(how))),
        };
        assert_eq!(said(model), said(real));
        self.compare_usage().await;
    }

    /// Moves a group to another day, often to another month.
    pub(super) async fn move_far(&mut self, owner: Reach, who: u8, how: u8) {
        let Some((_, group)) = pick(&self.groups, how) else {
            return;
        };
        let days = i64::from(who % 60);
        let edit = PlanEdit {
            draft: [None, None, Some(false)][usize::from(how % 3)],
            planned_at: Some(at(self.now + days * 86_400)),
            now: at(self.now),
        };
        let log = entry(LogKind::StatusChanged, self.now);
        let (model, real) = both!(self, |store| store.edit_plan(&owner, group, edit, log.clone()));
        assert_eq!(said(model), said(real));
        self.compare_usage().await;
    }

    pub(super) async fn manage(&mut self, owner: Reach, who: u8, how: u8) {
        let Some(user) = pick(&self.owners, how) else { return };
        let (now, secret) = (self.now, [how; 32]);
        match who % 6 {
            0 | 1 => {
                let (model, real) = both!(self, |store| store.add_consent(user.owner, secret, at(now + 60)));
                assert_eq!(said(model), said(real));
                let secret = if who.is_multiple_of(7) { [who; 32] } else { secret };
                let (model, real) = both!(self, |store| store.attach(owner.owner, user.owner, secret, at(now)));
                assert_eq!(said(model), said(real));
            }
            2 => {
                let (model, real) = both!(self, |store| store.detach(owner.owner, user.owner, at(now)));
                assert_eq!(said(model), said(real));
            }
            3 => {
                let key = self.model.key_of(&user, "managed");
                let (model, real) = both!(self, |store| store.replace_key(owner.owner, key.clone(), secret, 3));
                assert_eq!(said(model), said(real));
            }
            _ => {
                let page = self.page(user, 60, true);
                let hash = [how ^ 0x55; 32];
                let rotate = who.is_multiple_of(4);
                let (model, real) = both!(self, |store| store.standing_link(
                    owner.owner,
                    page.clone(),
                    hash,
                    rotate
                ));
                assert_eq!(said(model), said(real));
            }
        }
        self.compare_usage().await;
    }

    /// The database's counters against the model's count of the posts that there are.
    async fn compare_usage(&self) {
        for owner in &self.owners {
            let (model, real) = both!(self, |store| store.usage(owner.owner, 1_000));
            assert_eq!(said(model), said(real));
        }
    }

    pub(super) async fn usage_of(&self, store: &Bench, owner: &Reach) -> Vec<String> {
        vec![
            said(store.usage(owner.owner, 1_000).await),
            said(store.connections(owner.owner).await),
            said(store.managed_users(owner.owner, at(self.now), 10).await),
            said(store.user(owner.owner).await),
            said(store.keys(owner.owner).await),
        ]
    }
}
