//! Budgets of calls: what is spent with an intent, who waits, and what is learned.

use domain::budget::{Charge, Told, Window};
use domain::clock::BootInstant;
use domain::intent::DedupeMeans;
use domain::part::Part;
use domain::platform::Platform;
use jiff::SignedDuration;

use super::bench::at;
use super::{Bench, Outcome};
use crate::{BudgetAsk, BudgetNote, Conflict, Error, NewIntent};

const KEY: &str = "mastodon/account/1/posts";
const HOUR: SignedDuration = SignedDuration::from_hours(1);

fn charge(key: &str, most: u32) -> Charge {
    Charge {
        key: key.to_owned(),
        most: Some(most),
        is_stated: false,
        window: Window::Rolling(HOUR),
        weight: 1,
        gap: SignedDuration::from_secs(9),
        queues: true,
    }
}

fn ask(charges: &[Charge]) -> BudgetAsk {
    BudgetAsk {
        charges: charges.to_vec(),
        ..BudgetAsk::default()
    }
}

fn intent(bench: &Bench, charges: &[Charge], seconds: i64) -> NewIntent {
    NewIntent {
        budgets: ask(charges),
        ..bench.intent(Part::Head, 1, DedupeMeans::ClientMintedId, seconds)
    }
}

pub(super) async fn an_intent_spends_of_all_its_budgets_or_is_not_recorded(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    let charges = [charge(KEY, 2), charge("mastodon/app//posts_day", 1)];
    for _ in 0..2 {
        bench.grouped(&ann, &[(Platform::Mastodon, "1")], Some(0)).await?;
    }
    let mut claims = bench.claim(1).await?;
    let (second, first) = (claims.pop().ok_or("two")?, claims.pop().ok_or("two")?);
    bench.recorded(first, intent(&bench, &charges, 1)).await?;
    let refused = bench
        .record_intent(second, intent(&bench, &charges, 2), BootInstant(1))
        .await;
    let Err((Some(claim), Error::Conflict(Conflict::BudgetSpent(wait)))) = refused else {
        return Err(format!("{refused:?}").into());
    };
    assert_eq!(wait.key, "mastodon/app//posts_day");
    assert!(wait.until >= at(3_600) && wait.until < at(3_900), "{}", wait.until);
    assert_eq!(bench.work(&claim).await?.intents, [], "nothing was recorded");
    let window = Window::Rolling(HOUR);
    let spent = bench.budget(KEY).await?.ok_or("a budget")?.spent(window, at(2));
    assert_eq!(spent, 1, "nothing was spent by the one that was refused");
    Ok(())
}

pub(super) async fn who_waits_for_a_budget_has_a_place_of_his_own(bench: Bench) -> Outcome {
    let charges = [charge(KEY, 1)];
    assert_eq!(bench.spend_budgets(ask(&charges), at(0)).await?, None);
    let first = bench.spend_budgets(ask(&charges), at(1)).await?.ok_or("a wait")?;
    let second = bench.wait_for_budgets(ask(&charges), at(1)).await?.ok_or("a wait")?;
    assert!(second.until.duration_since(first.until) >= HOUR, "one an hour");
    let in_turn = BudgetAsk {
        in_turn: true,
        ..ask(&charges)
    };
    assert_eq!(bench.wait_for_budgets(in_turn.clone(), first.until).await?, None);
    assert_eq!(bench.spend_budgets(in_turn, first.until).await?, None);
    assert_eq!(bench.wait_for_budgets(BudgetAsk::default(), at(2)).await?, None);
    assert_eq!(bench.spend_budgets(BudgetAsk::default(), at(2)).await?, None);
    Ok(())
}

pub(super) async fn two_callers_cannot_both_spend_the_last_of_a_budget(bench: Bench) -> Outcome {
    let charges = [charge(KEY, 1)];
    let (one, other) = tokio::join!(
        bench.spend_budgets(ask(&charges), at(0)),
        bench.spend_budgets(ask(&charges), at(0)),
    );
    assert_ne!(one?.is_none(), other?.is_none());
    Ok(())
}

pub(super) async fn a_pause_that_a_platform_asks_for_holds_for_all(bench: Bench) -> Outcome {
    let told = BudgetNote::Told {
        key: KEY.to_owned(),
        window: Window::Rolling(HOUR),
        told: Told {
            closed_until: Some(at(100)),
            ..Told::default()
        },
    };
    bench.note_budgets(vec![told], at(0)).await?;
    let wait = bench.wait_for_budgets(ask(&[charge(KEY, 9)]), at(1)).await?;
    assert_eq!(wait.ok_or("a wait")?.until, at(100));
    assert_eq!(bench.wait_for_budgets(ask(&[charge("other", 9)]), at(1)).await?, None);
    assert_eq!(bench.wait_for_budgets(ask(&[charge(KEY, 9)]), at(300)).await?, None);
    Ok(())
}

pub(super) async fn what_was_never_sent_is_given_back(bench: Bench) -> Outcome {
    let charges = [charge(KEY, 1)];
    assert_eq!(bench.spend_budgets(ask(&charges), at(0)).await?, None);
    let back = charges.iter().cloned().map(BudgetNote::NeverSent).collect();
    bench.note_budgets(back, at(1)).await?;
    assert_eq!(bench.spend_budgets(ask(&charges), at(1)).await?, None);
    Ok(())
}

pub(super) async fn budgets_of_which_nothing_counts_are_forgotten(bench: Bench) -> Outcome {
    bench.spend_budgets(ask(&[charge(KEY, 1)]), at(0)).await?;
    bench.prune(at(3_000), 10).await?;
    assert!(bench.budget(KEY).await?.is_some());
    bench.prune(at(8_000), 10).await?;
    assert_eq!(bench.budget(KEY).await?, None);
    Ok(())
}
