//! Pictures that were converted for a platform, and who uses them.

use domain::ids::GroupId;
use domain::log::LogKind;
use domain::platform::Platform;

use super::bench::{at, entry};
use super::{Bench, Outcome};
use crate::Error;

pub(super) async fn a_derivative_is_kept_while_a_group_uses_it(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let mut groups = Vec::new();
    for _ in 0..2 {
        let new = bench.new_group(&ann, &[(Platform::X, "1")], Some(500));
        groups.push(bench.made(&ann, new).await?.id);
    }
    let [first, second] = *groups else {
        return Err("two groups".into());
    };
    for _ in 0..2 {
        bench.use_derivative(first, "shared").await?;
    }
    bench.use_derivative(first, "mine").await?;
    bench.use_derivative(second, "shared").await?;
    bench
        .delete_group(&ann, first, at(1), entry(LogKind::Deleted, 1))
        .await?;
    assert_eq!(bench.prune(at(2), 10).await?, ["mine"]);
    bench
        .delete_group(&ann, second, at(3), entry(LogKind::Deleted, 3))
        .await?;
    assert_eq!(bench.prune(at(4), 10).await?, ["shared"]);
    Ok(())
}

pub(super) async fn a_derivative_needs_a_group(bench: Bench) -> Outcome {
    let unknown = bench.use_derivative(GroupId::from_bytes([7; 12]), "nobody's").await;
    assert!(matches!(unknown, Err(Error::NotFound)), "{unknown:?}");
    Ok(())
}
