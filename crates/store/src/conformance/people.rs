//! Users and keys.

use domain::account::KeyOwner;
use domain::ids::ApiKeyId;
use domain::plan::Plan;
use domain::platform::Platform;
use domain::post::PostState;

use super::bench::at;
use super::{Bench, Outcome};
use crate::{Conflict, Error};

pub(super) async fn a_users_name_is_taken_until_the_user_is_removed(bench: Bench) -> Outcome {
    let user = bench.user_of("ann");
    bench.create_user(user.clone()).await?;
    let again = bench.create_user(bench.user_of("ann")).await;
    assert!(matches!(again, Err(Error::Conflict(Conflict::UserName))), "{again:?}");
    assert_eq!(bench.user(user.id).await?, Some(user.clone()));
    assert_eq!(bench.user_by_name("ann").await?, Some(user.clone()));
    let plan = Plan {
        name: "small".to_owned(),
        api_access: false,
        ..Plan::default()
    };
    bench.set_plan(user.id, plan.clone()).await?;
    assert_eq!(bench.user(user.id).await?.map(|user| user.plan), Some(plan.clone()));
    bench.remove_user(user.id, at(1)).await?;
    assert_eq!(bench.user_by_name("ann").await?, None);
    assert!(matches!(bench.set_plan(user.id, plan).await, Err(Error::NotFound)));
    assert!(matches!(bench.remove_user(user.id, at(2)).await, Err(Error::NotFound)));
    bench.create_user(bench.user_of("ann")).await?;
    Ok(())
}

pub(super) async fn users_are_listed_oldest_first(bench: Bench) -> Outcome {
    let mut young = bench.user_of("young");
    young.created_at = at(5);
    let old = bench.user_of("old");
    bench.create_user(young.clone()).await?;
    bench.create_user(old.clone()).await?;
    assert_eq!(bench.users(10).await?, [old.clone(), young]);
    assert_eq!(bench.users(1).await?, [old]);
    Ok(())
}

pub(super) async fn a_key_stands_for_its_user_until_it_is_revoked(bench: Bench) -> Outcome {
    let (ann, bob) = (bench.owner("ann").await?, bench.owner("bob").await?);
    let key = bench.key_of(&ann, "laptop");
    bench.create_key(key.clone(), [1; 32], 5).await?;
    let twice = bench.create_key(bench.key_of(&bob, "copy"), [1; 32], 5).await;
    assert!(matches!(twice, Err(Error::Conflict(Conflict::ApiKey))), "{twice:?}");
    let owner = bench.authenticate([1; 32]).await?;
    assert_eq!(
        owner,
        Some(KeyOwner {
            key: key.id,
            user: bench.user(ann.owner).await?
        })
    );
    assert_eq!(bench.authenticate([2; 32]).await?, None);
    assert!(matches!(
        bench.revoke_key(bob.owner, key.id, at(1)).await,
        Err(Error::NotFound)
    ));
    bench.revoke_key(ann.owner, key.id, at(1)).await?;
    bench.revoke_key(ann.owner, key.id, at(2)).await?;
    assert_eq!(bench.authenticate([1; 32]).await?, None);
    let listed = bench.keys(ann.owner).await?;
    assert_eq!(
        listed.first().and_then(|key| key.revoked_at),
        Some(at(1)),
        "the first revocation counts"
    );
    assert_eq!(bench.keys(bob.owner).await?, []);
    let unknown = bench.revoke_key(ann.owner, ApiKeyId::from_bytes([9; 12]), at(1)).await;
    assert!(matches!(unknown, Err(Error::NotFound)));
    bench.create_key(bench.key_of(&bob, "his"), [3; 32], 5).await?;
    bench.remove_user(bob.owner, at(3)).await?;
    assert!(
        bench
            .authenticate([3; 32])
            .await?
            .is_some_and(|owner| owner.user.is_none()),
        "a key without its owner"
    );
    assert!(matches!(
        bench.create_key(bench.key_of(&bob, "late"), [4; 32], 5).await,
        Err(Error::NotFound)
    ));
    Ok(())
}

pub(super) async fn two_callers_cannot_both_take_the_last_key(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.create_key(bench.key_of(&ann, "first"), [1; 32], 2).await?;
    let (one, two) = tokio::join!(
        bench.create_key(bench.key_of(&ann, "one"), [2; 32], 2),
        bench.create_key(bench.key_of(&ann, "two"), [3; 32], 2),
    );
    assert_eq!(
        usize::from(one.is_ok()) + usize::from(two.is_ok()),
        1,
        "{one:?} {two:?}"
    );
    let refused = one.and(two);
    assert!(
        matches!(refused, Err(Error::Conflict(Conflict::TooManyKeys(2)))),
        "{refused:?}"
    );
    let first = bench.keys(ann.owner).await?.into_iter().next().ok_or(Error::NotFound)?;
    bench.revoke_key(ann.owner, first.id, at(1)).await?;
    bench.create_key(bench.key_of(&ann, "after"), [4; 32], 2).await?;
    Ok(())
}

pub(super) async fn the_last_use_of_a_key_never_goes_back(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let key = bench.key_of(&ann, "laptop");
    bench.create_key(key.clone(), [1; 32], 2).await?;
    bench
        .touch_keys(vec![(key.id, at(10)), (ApiKeyId::from_bytes([9; 12]), at(10))])
        .await?;
    bench.touch_keys(vec![(key.id, at(5))]).await?;
    assert_eq!(
        bench.keys(ann.owner).await?.first().and_then(|key| key.last_used_at),
        Some(at(10))
    );
    Ok(())
}

pub(super) async fn a_removed_user_is_not_found_and_its_due_posts_are_cancelled(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let account = bench.connected(&ann, Platform::Mastodon, "1").await?;
    let group = bench
        .grouped(&ann, &[(Platform::Mastodon, "1"), (Platform::X, "none")], Some(5))
        .await?;
    bench.remove_user(ann.owner, at(1)).await?;
    assert_eq!(bench.user(ann.owner).await?, None);
    assert_eq!(bench.account(account.id).await?, None);
    let states: Vec<_> = bench
        .read(&ann, group.id)
        .await?
        .posts
        .into_iter()
        .map(|post| post.state)
        .collect();
    assert_eq!(
        states,
        [PostState::Cancelled { at: at(1) }, PostState::Cancelled { at: at(1) }]
    );
    assert_eq!(bench.claim(10).await?, []);
    Ok(())
}
