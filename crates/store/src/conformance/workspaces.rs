//! Users that other users manage.

use domain::account::User;
use domain::log::LogKind;
use domain::plan::{Limit, Plan};
use domain::platform::Platform;

use super::bench::{at, entry};
use super::{Bench, Outcome};
use crate::{Conflict, ConnectLink, Error, Reach, Result};

async fn managed(bench: &Bench, manager: &Reach, name: &str) -> Result<User> {
    let user = User {
        manager: Some(manager.owner),
        display_name: Some("A client".to_owned()),
        ..bench.user_of(name)
    };
    bench.create_user(user.clone()).await?;
    Ok(user)
}

fn page(bench: &Bench, user: &User, seconds: i64) -> ConnectLink {
    ConnectLink {
        id: bench.link_id(),
        owner: user.id,
        return_to: None,
        platforms: Vec::new(),
        created_at: at(seconds),
        expires_at: at(seconds + 100),
        revoked_at: None,
        standing: true,
    }
}

pub(super) async fn a_managed_user_is_its_managers_and_lives_by_its_plan(bench: Bench) -> Outcome {
    let (ann, bob) = (bench.owner("ann").await?, bench.owner("bob").await?);
    let client = managed(&bench, &ann, "client").await?;
    let listed = bench.managed_users(ann.owner, at(0), 10).await?;
    let listed: Vec<_> = listed.into_iter().map(|one| one.user).collect();
    assert_eq!(listed, std::slice::from_ref(&client));
    assert_eq!(bench.managed_users(bob.owner, at(0), 10).await?, []);
    let nested = User {
        manager: Some(client.id),
        ..bench.user_of("nested")
    };
    assert!(matches!(bench.create_user(nested).await, Err(Error::NotFound)));
    let reach = Reach { owner: client.id };
    bench.create_key(bench.key_of(&reach, "own"), [5; 32], 10).await?;
    let plan = Plan {
        name: "Agency".to_owned(),
        mcp_access: false,
        ..Plan::default()
    };
    bench.set_plan(ann.owner, plan.clone()).await?;
    let caller = bench.authenticate([5; 32]).await?.and_then(|owner| owner.user);
    let lives_by = Plan {
        workspaces: false,
        ..plan
    };
    assert_eq!(caller.map(|user| user.plan), Some(lives_by));
    Ok(())
}

pub(super) async fn posts_of_managed_users_are_counted_with_their_managers(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let client = managed(&bench, &ann, "client").await?;
    let client = Reach { owner: client.id };
    let plan = Plan {
        name: "Agency".to_owned(),
        monthly_posts: Some(2),
        ..Plan::default()
    };
    bench.set_plan(ann.owner, plan).await?;
    bench.grouped(&ann, &[(Platform::X, "1")], Some(60)).await?;
    bench.grouped(&client, &[(Platform::X, "1")], Some(60)).await?;
    let new = bench.new_group(&client, &[(Platform::X, "2")], Some(60));
    let refused = bench.create_group(new.clone(), None).await;
    let Err(Error::LimitReached(reached)) = refused else {
        return Err(format!("{refused:?}").into());
    };
    assert!(matches!(reached.limit, Limit::Monthly { .. }));
    assert_eq!(bench.usage(ann.owner, 10).await?.len(), 2);
    bench.detach(ann.owner, client.owner, at(5)).await?;
    assert_eq!(
        bench.usage(ann.owner, 10).await?.len(),
        1,
        "its posts are its own again"
    );
    bench.create_group(new, None).await?;
    Ok(())
}

fn conflict(result: Result<bool>) -> Option<Conflict> {
    match result {
        Err(Error::Conflict(conflict)) => Some(conflict),
        _ => None,
    }
}

pub(super) async fn a_user_is_attached_by_its_own_consent_and_once(bench: Bench) -> Outcome {
    let (ann, bob, cat) = (
        bench.owner("ann").await?,
        bench.owner("bob").await?,
        bench.owner("cat").await?,
    );
    bench.add_consent(bob.owner, [1; 32], at(10)).await?;
    bench.add_consent(cat.owner, [3; 32], at(10)).await?;
    let stale = bench.attach(ann.owner, bob.owner, [1; 32], at(10)).await;
    assert_eq!(conflict(stale), Some(Conflict::ConsentInvalid));
    bench.add_consent(bob.owner, [2; 32], at(20)).await?;
    let replaced = bench.attach(ann.owner, bob.owner, [1; 32], at(1)).await;
    assert_eq!(conflict(replaced), Some(Conflict::ConsentInvalid));
    let of_another = bench.attach(ann.owner, bob.owner, [3; 32], at(1)).await;
    assert_eq!(conflict(of_another), Some(Conflict::ConsentMismatch));
    assert!(bench.attach(ann.owner, bob.owner, [2; 32], at(1)).await?);
    assert!(
        !bench.attach(ann.owner, bob.owner, [2; 32], at(1)).await?,
        "it is there already"
    );
    bench.add_consent(bob.owner, [4; 32], at(20)).await?;
    let taken = bench.attach(cat.owner, bob.owner, [4; 32], at(1)).await;
    assert_eq!(conflict(taken), Some(Conflict::ManagedByAnother));
    bench.add_consent(ann.owner, [5; 32], at(20)).await?;
    let manager = bench.attach(cat.owner, ann.owner, [5; 32], at(1)).await;
    assert_eq!(conflict(manager), Some(Conflict::ManagesOthers));
    let by_managed = bench.attach(bob.owner, cat.owner, [3; 32], at(1)).await;
    assert!(matches!(by_managed, Err(Error::NotFound)), "{by_managed:?}");
    let itself = bench.attach(ann.owner, ann.owner, [5; 32], at(1)).await;
    assert!(matches!(itself, Err(Error::NotFound)));
    Ok(())
}

pub(super) async fn accounts_that_come_along_need_room(bench: Bench) -> Outcome {
    let (ann, bob) = (bench.owner("ann").await?, bench.owner("bob").await?);
    bench.connected(&ann, Platform::X, "1").await?;
    let account = bench.connected(&bob, Platform::X, "1").await?;
    let plan = Plan {
        connections: Some(1),
        ..Plan::default()
    };
    bench.set_plan(ann.owner, plan).await?;
    bench.add_consent(bob.owner, [1; 32], at(10)).await?;
    let refused = bench.attach(ann.owner, bob.owner, [1; 32], at(1)).await;
    assert!(matches!(refused, Err(Error::LimitReached(_))), "{refused:?}");
    let log = entry(LogKind::Disconnected, 1);
    bench.remove_account(&bob, account.id, at(1), log).await?;
    assert!(bench.attach(ann.owner, bob.owner, [1; 32], at(1)).await?);
    let refused = bench.connected(&bob, Platform::X, "1").await;
    assert!(matches!(refused, Err(Error::LimitReached(_))), "{refused:?}");
    assert_eq!(bench.connections(ann.owner).await?, 1);
    Ok(())
}

pub(super) async fn a_detached_user_keeps_what_is_its_own(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let client = managed(&bench, &ann, "client").await?;
    let reach = Reach { owner: client.id };
    bench.create_key(bench.key_of(&reach, "own"), [1; 32], 10).await?;
    bench
        .replace_key(ann.owner, bench.key_of(&reach, "hers"), [2; 32], 10)
        .await?;
    bench
        .standing_link(ann.owner, page(&bench, &client, 0), [3; 32], false)
        .await?;
    bench.detach(ann.owner, client.id, at(5)).await?;
    let again = bench.detach(ann.owner, client.id, at(6)).await;
    assert!(matches!(again, Err(Error::NotFound)));
    assert!(bench.authenticate([1; 32]).await?.is_some());
    assert_eq!(bench.authenticate([2; 32]).await?, None);
    let link = bench.link([3; 32]).await?.and_then(|link| link.revoked_at);
    assert_eq!(link, Some(at(5)));
    assert_eq!(bench.user(client.id).await?.and_then(|user| user.manager), None);
    let key = bench
        .replace_key(ann.owner, bench.key_of(&reach, "late"), [4; 32], 10)
        .await;
    assert!(matches!(key, Err(Error::NotFound)));
    let link = bench
        .standing_link(ann.owner, page(&bench, &client, 7), [5; 32], false)
        .await;
    assert!(matches!(link, Err(Error::NotFound)));
    Ok(())
}

pub(super) async fn a_managers_key_for_a_user_replaces_the_one_before(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let client = managed(&bench, &ann, "client").await?;
    let reach = Reach { owner: client.id };
    bench.create_key(bench.key_of(&reach, "own"), [1; 32], 2).await?;
    for n in 2..5 {
        bench
            .replace_key(ann.owner, bench.key_of(&reach, "hers"), [n; 32], 2)
            .await?;
    }
    assert_eq!(bench.authenticate([3; 32]).await?, None);
    assert!(bench.authenticate([4; 32]).await?.is_some());
    assert!(bench.authenticate([1; 32]).await?.is_some(), "the user's own key stays");
    let full = bench
        .replace_key(ann.owner, bench.key_of(&reach, "one too many"), [6; 32], 1)
        .await;
    assert!(
        matches!(full, Err(Error::Conflict(Conflict::TooManyKeys(1)))),
        "{full:?}"
    );
    assert!(
        bench.authenticate([4; 32]).await?.is_some(),
        "a refusal revokes nothing"
    );
    Ok(())
}

pub(super) async fn the_same_page_is_given_until_it_ends(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let client = managed(&bench, &ann, "client").await?;
    let (one, two) = tokio::join!(
        bench.standing_link(ann.owner, page(&bench, &client, 0), [1; 32], false),
        bench.standing_link(ann.owner, page(&bench, &client, 0), [2; 32], false),
    );
    let first = one?;
    assert_eq!(two?, first);
    let listed = bench.managed_users(ann.owner, at(1), 10).await?;
    assert_eq!(listed.first().and_then(|one| one.page.clone()), Some(first.clone()));
    let rotated = bench
        .standing_link(ann.owner, page(&bench, &client, 10), [3; 32], true)
        .await?;
    assert_ne!(rotated.id, first.id);
    let expired = bench
        .standing_link(ann.owner, page(&bench, &client, 110), [4; 32], false)
        .await?;
    assert_ne!(expired.id, rotated.id);
    let listed = bench.managed_users(ann.owner, at(500), 10).await?;
    assert_eq!(listed.first().and_then(|one| one.page.clone()), None);
    Ok(())
}

pub(super) async fn a_removed_manager_leaves_users_of_their_own(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let client = managed(&bench, &ann, "client").await?;
    let reach = Reach { owner: client.id };
    bench
        .replace_key(ann.owner, bench.key_of(&reach, "hers"), [2; 32], 10)
        .await?;
    bench.remove_user(ann.owner, at(1)).await?;
    assert_eq!(bench.user(client.id).await?.map(|user| user.manager), Some(None));
    assert_eq!(bench.authenticate([2; 32]).await?, None);
    Ok(())
}
