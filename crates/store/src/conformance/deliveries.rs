//! Messages to receivers of webhooks: their order, their claims, their ends.

use std::sync::Arc;

use domain::log::LogKind;
use domain::notice::NoticeKind;
use domain::platform::Platform;
use domain::webhook::DeliveryState;
use jiff::SignedDuration;

use super::bench::{at, entry};
use super::webhooks::{ask, batch, ended, kinds_of, listening, new, reread, run, settled, states};
use super::{Bench, Outcome};
use crate::{Batch, Conflict, DeliveryAsk, Error, WebhookEdit};

pub(super) async fn a_message_is_rendered_once_and_sent_under_one_id(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    listening(&bench, &ann, &[NoticeKind::PostScheduled]).await?;
    bench.grouped(&ann, &[(Platform::X, "1")], Some(50)).await?;
    let first = batch(&bench, 1).await?;
    assert!(
        bench.claim_deliveries(ask(2)).await?.is_empty(),
        "two claimants never hold one receiver"
    );
    assert_eq!(bench.next_delivery().await?, Some(at(61)), "the end of the lease");
    bench.grouped(&ann, &[(Platform::X, "2")], Some(50)).await?;
    assert!(
        bench.claim_deliveries(ask(3)).await?.is_empty(),
        "a new message does not end the lease"
    );
    // The claimant is gone. Whoever comes next renders nothing anew, whatever its dialect says now.
    let mut later = ask(61);
    later.each_max = 1;
    later.render = Arc::new(|_, _| Some(b"other words".to_vec()));
    let second = bench.claim_deliveries(later).await?.pop().ok_or(Error::NotFound)?;
    assert_eq!(second.parcels, first.parcels);
    assert_ne!(second.claim, first.claim);
    let outcomes = |batch: &Batch| {
        let parcels = batch.parcels.iter();
        parcels
            .map(|parcel| ended(parcel, DeliveryState::Delivered, 62))
            .collect::<Vec<_>>()
    };
    let late = bench.settle_deliveries(settled(&first, outcomes(&first), 62)).await;
    assert!(matches!(late, Err(Error::LeaseLost)), "{late:?}");
    bench.settle_deliveries(settled(&second, outcomes(&second), 62)).await?;
    assert_eq!(kinds_of(&batch(&bench, 63).await?.parcels).len(), 1, "the other one");
    // A process that owns the directory knows that no claimant lives.
    assert_eq!(bench.free_deliveries().await?, 1);
    assert_eq!(batch(&bench, 64).await?.parcels.len(), 1);
    Ok(())
}

pub(super) async fn messages_go_out_in_order_and_a_retry_gives_up_its_place(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let webhook = listening(&bench, &ann, &[NoticeKind::PostScheduled]).await?;
    for target in ["1", "2", "3"] {
        bench.grouped(&ann, &[(Platform::X, target)], Some(50)).await?;
    }
    let all = batch(&bench, 1).await?;
    let [one, two, three] = all.parcels.as_slice() else {
        return Err(format!("three messages: {all:?}").into());
    };
    // The third was not reached: it waits again.
    let outcomes = vec![
        ended(one, DeliveryState::Pending, 1),
        ended(two, DeliveryState::Delivered, 2),
    ];
    let after = bench.settle_deliveries(settled(&all, outcomes, 2)).await?;
    assert_eq!(
        (after.pending, after.failures, after.last_triggered_at),
        (2, 0, Some(at(2)))
    );
    let next = batch(&bench, 3).await?;
    assert_eq!(
        next.parcels.iter().map(|parcel| parcel.delivery).collect::<Vec<_>>(),
        [three.delivery]
    );
    let done = vec![ended(three, DeliveryState::Delivered, 3)];
    bench.settle_deliveries(settled(&next, done, 3)).await?;
    assert_eq!(bench.next_delivery().await?, Some(at(31)));
    let again = batch(&bench, 31).await?;
    assert_eq!(
        again.parcels.iter().map(|parcel| parcel.attempts).collect::<Vec<_>>(),
        [1]
    );
    let failed = vec![ended(one, DeliveryState::Failed, 31)];
    let after = bench.settle_deliveries(settled(&again, failed, 32)).await?;
    assert_eq!((after.pending, after.failures), (0, 1));
    let oldest = bench
        .deliveries(&ann, webhook.id, 10)
        .await?
        .pop()
        .ok_or(Error::NotFound)?;
    assert_eq!(
        (oldest.state, oldest.next_at, oldest.attempts.len()),
        (DeliveryState::Failed, None, 2)
    );
    assert_eq!(
        oldest.attempts.first().map(|attempt| attempt.took),
        Some(SignedDuration::from_millis(12))
    );
    Ok(())
}

pub(super) async fn a_receiver_that_fails_five_times_in_a_row_is_switched_off(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let webhook = listening(&bench, &ann, &[NoticeKind::PostScheduled]).await?;
    let event = |target: &'static str| {
        let bench = bench.clone();
        async move { bench.grouped(&ann, &[(Platform::X, target)], Some(50)).await }
    };
    for n in 1..=4 {
        event("1").await?;
        run(&bench, DeliveryState::Failed, n).await?;
    }
    event("1").await?;
    run(&bench, DeliveryState::Delivered, 5).await?;
    assert_eq!(reread(&bench, &ann, &webhook).await?.failures, 0, "success resets");
    for n in 6..=10 {
        event("1").await?;
        assert!(reread(&bench, &ann, &webhook).await?.active);
        if n == 10 {
            // What waits behind the fifth is withdrawn with it.
            event("2").await?;
        }
        let batch = batch(&bench, n).await?;
        let first = batch.parcels.first().ok_or(Error::NotFound)?;
        let outcomes = vec![ended(first, DeliveryState::Failed, n)];
        bench.settle_deliveries(settled(&batch, outcomes, n)).await?;
    }
    let off = reread(&bench, &ann, &webhook).await?;
    assert_eq!(
        (off.active, off.failures, off.pending, off.updated_at),
        (false, 5, 0, at(10))
    );
    assert_eq!(
        states(&bench, &ann, &webhook).await?.last(),
        Some(&DeliveryState::Withdrawn)
    );
    let told = bench.recent_log(&ann, 100).await?;
    let kinds: Vec<_> = told
        .iter()
        .filter(|record| record.entry.kind == LogKind::WebhookDisabled)
        .collect();
    assert_eq!(kinds.len(), 1, "{told:?}");
    event("3").await?;
    assert!(bench.claim_deliveries(ask(11)).await?.is_empty(), "nothing more is due");
    assert_eq!(bench.next_delivery().await?, None);
    // Switched on again, the count goes on where it was.
    let on = WebhookEdit {
        active: Some(true),
        ..WebhookEdit::default()
    };
    assert_eq!(bench.edit_webhook(&ann, webhook.id, on, at(12)).await?.failures, 5);
    event("4").await?;
    run(&bench, DeliveryState::Failed, 13).await?;
    let off = reread(&bench, &ann, &webhook).await?;
    assert_eq!((off.active, off.failures), (false, 6));
    Ok(())
}

pub(super) async fn failing_receivers_do_not_take_the_room_of_sound_ones(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let failing = listening(&bench, &ann, &[NoticeKind::PostScheduled]).await?;
    bench.grouped(&ann, &[(Platform::X, "1")], Some(50)).await?;
    run(&bench, DeliveryState::Failed, 1).await?;
    let sound = listening(&bench, &ann, &[NoticeKind::PostScheduled]).await?;
    bench.grouped(&ann, &[(Platform::X, "2")], Some(50)).await?;
    let claimed = |sound_max, failing_max| {
        let bench = bench.clone();
        let ask = DeliveryAsk {
            sound_max,
            failing_max,
            ..ask(2)
        };
        async move {
            let batches = bench.claim_deliveries(ask).await?;
            bench.free_deliveries().await?;
            crate::Result::Ok(batches.into_iter().map(|batch| batch.webhook.id).collect::<Vec<_>>())
        }
    };
    assert_eq!(claimed(9, 0).await?, [sound.id]);
    assert_eq!(claimed(0, 9).await?, [failing.id]);
    assert_eq!(claimed(9, 9).await?, [sound.id, failing.id]);
    Ok(())
}

pub(super) async fn what_a_dialect_has_no_words_for_is_withdrawn(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let kinds = [NoticeKind::PostCancelled, NoticeKind::PostScheduled];
    let webhook = listening(&bench, &ann, &kinds).await?;
    let group = bench.grouped(&ann, &[(Platform::X, "1")], Some(50)).await?;
    run(&bench, DeliveryState::Delivered, 1).await?;
    bench
        .delete_group(&ann, group.id, at(2), entry(LogKind::Deleted, 2))
        .await?;
    assert!(bench.claim_deliveries(ask(3)).await?.is_empty());
    assert_eq!(
        states(&bench, &ann, &webhook).await?,
        [DeliveryState::Delivered, DeliveryState::Withdrawn]
    );
    assert_eq!(bench.next_delivery().await?, None);
    assert_eq!(reread(&bench, &ann, &webhook).await?.pending, 0);
    Ok(())
}

pub(super) async fn a_test_is_sent_whatever_the_receiver_listens_to(bench: Bench) -> Outcome {
    let (ann, bob) = (bench.owner("ann").await?, bench.owner("bob").await?);
    let webhook = listening(&bench, &ann, &[]).await?;
    let foreign = bench.test_webhook(&bob, webhook.id, at(1)).await;
    assert!(matches!(foreign, Err(Error::NotFound)), "{foreign:?}");
    let id = bench.test_webhook(&ann, webhook.id, at(1)).await?;
    let batch = batch(&bench, 1).await?;
    assert_eq!(
        batch.parcels.iter().map(|parcel| parcel.delivery).collect::<Vec<_>>(),
        [id]
    );
    let first = batch.parcels.first().ok_or(Error::NotFound)?;
    let outcomes = vec![ended(first, DeliveryState::Failed, 1)];
    let after = bench.settle_deliveries(settled(&batch, outcomes, 1)).await?;
    assert_eq!(
        (after.failures, after.pending),
        (0, 0),
        "a test is no failure of the receiver's"
    );
    let off = WebhookEdit {
        active: Some(false),
        ..WebhookEdit::default()
    };
    bench.edit_webhook(&ann, webhook.id, off, at(2)).await?;
    let refused = bench.test_webhook(&ann, webhook.id, at(3)).await;
    assert!(
        matches!(refused, Err(Error::Conflict(Conflict::WebhookOff))),
        "{refused:?}"
    );
    Ok(())
}

pub(super) async fn ended_messages_are_pruned_after_a_week(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let webhook = listening(&bench, &ann, &[]).await?;
    for _ in 0..12 {
        bench.test_webhook(&ann, webhook.id, at(1)).await?;
    }
    run(&bench, DeliveryState::Delivered, 1).await?;
    let week = 7 * 24 * 3_600;
    bench.prune(at(week), 10).await?;
    assert_eq!(states(&bench, &ann, &webhook).await?.len(), 12);
    bench.prune(at(week + 2), 10).await?;
    assert_eq!(
        states(&bench, &ann, &webhook).await?,
        [DeliveryState::Pending; 2],
        "what waits is kept"
    );
    Ok(())
}

pub(super) async fn a_removed_user_has_no_webhooks(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let webhook = listening(&bench, &ann, &[NoticeKind::PostScheduled, NoticeKind::PostCancelled]).await?;
    bench.grouped(&ann, &[(Platform::X, "1")], Some(50)).await?;
    bench.remove_user(ann.owner, at(1)).await?;
    assert_eq!(bench.webhook(&ann, webhook.id).await?, None);
    assert!(bench.claim_deliveries(ask(2)).await?.is_empty());
    let late = bench.add_webhook(new(&bench, &ann, &[]), 10).await;
    assert!(matches!(late, Err(Error::NotFound)), "{late:?}");
    Ok(())
}
