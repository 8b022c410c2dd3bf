//! Receivers of webhooks, and the outbox that every other verb writes to.

use std::sync::Arc;

use domain::group::PlanEdit;
use domain::ids::WebhookId;
use domain::intent::IntentState;
use domain::log::LogKind;
use domain::notice::NoticeKind;
use domain::platform::Platform;
use domain::secret::SecretText;
use domain::webhook::{Delivery, DeliveryAttempt, DeliveryState, Parcel, Webhook};
use jiff::SignedDuration;

use super::bench::{at, entry, failed, published, release, settlement};
use super::{Bench, Outcome};
use crate::{
    Batch, Conflict, DeliveryAsk, DeliveryOutcome, DeliverySettlement, Error, NewWebhook, Reach, Refreshed, WebhookEdit,
};

pub(super) fn new(bench: &Bench, reach: &Reach, kinds: &[NoticeKind]) -> NewWebhook {
    NewWebhook {
        id: WebhookId::from_bytes(*bench.link_id().as_bytes()),
        owner: reach.owner,
        dialect: "postpost".to_owned(),
        name: "Production".to_owned(),
        url: "https://hooks.example.com/x".to_owned(),
        events: vec!["some".to_owned(), "events".to_owned()],
        kinds: kinds.iter().copied().collect(),
        secret: SecretText::from("a secret"),
        at: at(-5),
    }
}

pub(super) async fn listening(bench: &Bench, reach: &Reach, kinds: &[NoticeKind]) -> crate::Result<Webhook> {
    bench.add_webhook(new(bench, reach, kinds), 10).await
}

/// Claims at this second. A dialect without words for tests renders a kind as its word and the name of what it is about.
pub(super) fn ask(seconds: i64) -> DeliveryAsk {
    DeliveryAsk {
        now: at(seconds),
        lease: SignedDuration::from_secs(60),
        sound_max: 10,
        failing_max: 10,
        each_max: 10,
        render: Arc::new(|dialect, notice| {
            let body = format!("{dialect} {} {:?}", notice.kind.word(), notice.subject);
            (notice.kind != NoticeKind::PostCancelled).then(|| body.into_bytes())
        }),
    }
}

pub(super) async fn batch(bench: &Bench, seconds: i64) -> crate::Result<Batch> {
    let mut batches = bench.claim_deliveries(ask(seconds)).await?;
    assert_eq!(batches.len(), 1, "one receiver has something due: {batches:?}");
    batches.pop().ok_or(Error::NotFound)
}

pub(super) fn kinds_of(parcels: &[Parcel]) -> Vec<NoticeKind> {
    parcels.iter().map(|parcel| parcel.kind).collect()
}

pub(super) fn ended(parcel: &Parcel, state: DeliveryState, seconds: i64) -> DeliveryOutcome {
    let is_good = state == DeliveryState::Delivered;
    DeliveryOutcome {
        delivery: parcel.delivery,
        attempt: DeliveryAttempt {
            at: at(seconds),
            took: SignedDuration::from_millis(12),
            http_status: Some(if is_good { 200 } else { 500 }),
            error: (!is_good).then(|| "the receiver answered 500".to_owned()),
        },
        state,
        next_at: (state == DeliveryState::Pending).then(|| at(seconds + 30)),
    }
}

pub(super) fn settled(batch: &Batch, outcomes: Vec<DeliveryOutcome>, seconds: i64) -> DeliverySettlement {
    DeliverySettlement {
        webhook: batch.webhook.id,
        claim: batch.claim,
        outcomes,
        disabled_after: 5,
        release: true,
        at: at(seconds),
    }
}

/// Claims everything at this second and lets it end so.
pub(super) async fn run(bench: &Bench, state: DeliveryState, seconds: i64) -> crate::Result<Vec<NoticeKind>> {
    let batch = batch(bench, seconds).await?;
    let outcomes = batch
        .parcels
        .iter()
        .map(|parcel| ended(parcel, state, seconds))
        .collect();
    bench.settle_deliveries(settled(&batch, outcomes, seconds)).await?;
    Ok(kinds_of(&batch.parcels))
}

pub(super) async fn reread(bench: &Bench, reach: &Reach, webhook: &Webhook) -> crate::Result<Webhook> {
    bench.webhook(reach, webhook.id).await?.ok_or(Error::NotFound)
}

pub(super) async fn states(bench: &Bench, reach: &Reach, webhook: &Webhook) -> crate::Result<Vec<DeliveryState>> {
    let all = bench.deliveries(reach, webhook.id, 100).await?;
    Ok(all.into_iter().rev().map(|delivery: Delivery| delivery.state).collect())
}

pub(super) async fn a_webhook_is_read_as_it_was_made_and_changed_as_it_was_asked(bench: Bench) -> Outcome {
    let (ann, bob) = (bench.owner("ann").await?, bench.owner("bob").await?);
    let made = listening(&bench, &ann, &[NoticeKind::PostFailed]).await?;
    assert_eq!((made.active, made.failures, made.pending), (true, 0, 0));
    assert_eq!(made.events, ["some", "events"]);
    assert_eq!(
        bench.webhooks(&ann, Some("postpost")).await?,
        std::slice::from_ref(&made)
    );
    assert_eq!(bench.webhooks(&ann, Some("late")).await?, []);
    assert_eq!(bench.webhooks(&bob, None).await?, []);
    let edit = WebhookEdit {
        name: Some("Staging".to_owned()),
        active: Some(false),
        ..WebhookEdit::default()
    };
    let edited = bench.edit_webhook(&ann, made.id, edit.clone(), at(7)).await?;
    assert_eq!(
        (edited.name.as_str(), edited.active, edited.url.as_str()),
        ("Staging", false, made.url.as_str())
    );
    assert_eq!((edited.created_at, edited.updated_at), (at(-5), at(7)));
    assert_eq!(reread(&bench, &ann, &made).await?, edited);
    let refused = bench.edit_webhook(&bob, made.id, edit, at(8)).await;
    assert!(matches!(refused, Err(Error::NotFound)), "{refused:?}");
    assert!(matches!(
        bench.remove_webhook(&bob, made.id).await,
        Err(Error::NotFound)
    ));
    assert_eq!(bench.webhook(&bob, made.id).await?, None);
    bench.remove_webhook(&ann, made.id).await?;
    assert_eq!(bench.webhook(&ann, made.id).await?, None);
    assert!(matches!(
        bench.remove_webhook(&ann, made.id).await,
        Err(Error::NotFound)
    ));
    Ok(())
}

pub(super) async fn two_callers_cannot_both_take_the_last_webhook(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let one = bench.add_webhook(new(&bench, &ann, &[]), 1);
    let two = bench.add_webhook(new(&bench, &ann, &[]), 1);
    let (one, two) = tokio::join!(one, two);
    let refused = match (one, two) {
        (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused,
        other => return Err(format!("one of two gets it: {other:?}").into()),
    };
    assert!(
        matches!(refused, Error::Conflict(Conflict::TooManyWebhooks(1))),
        "{refused:?}"
    );
    // Another dialect counts its own, and another user, too.
    let late = NewWebhook {
        dialect: "late".to_owned(),
        ..new(&bench, &ann, &[])
    };
    bench.add_webhook(late, 1).await?;
    let bob = bench.owner("bob").await?;
    bench.add_webhook(new(&bench, &bob, &[]), 1).await?;
    Ok(())
}

pub(super) async fn a_posts_way_is_told_to_whom_it_concerns(bench: Bench) -> Outcome {
    let (ann, bob) = (bench.owner("ann").await?, bench.owner("bob").await?);
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    let all = [
        NoticeKind::PostScheduled,
        NoticeKind::PostPublished,
        NoticeKind::PostFailed,
        NoticeKind::PostUnconfirmed,
    ];
    let webhook = listening(&bench, &ann, &all).await?;
    listening(&bench, &ann, &[NoticeKind::TokenExpiring]).await?;
    listening(&bench, &bob, &all).await?;
    let group = bench.grouped(&ann, &[(Platform::Mastodon, "1")], Some(0)).await?;
    let armed = bench.armed(bench.claim_one(1).await?, 1).await?;
    bench
        .settle(
            armed,
            settlement(IntentState::Published, Some("live"), 2),
            Some(release(published("live", 2), 2)),
        )
        .await?;
    let told = batch(&bench, 3).await?;
    assert_eq!((told.webhook.id, told.secret.expose()), (webhook.id, "a secret"));
    assert_eq!(told.webhook.pending, 2);
    assert_eq!(
        kinds_of(&told.parcels),
        [NoticeKind::PostScheduled, NoticeKind::PostPublished]
    );
    let post = group.posts.first().ok_or(Error::NotFound)?.id;
    for (parcel, words) in told.parcels.iter().zip(["Scheduled", "Published"]) {
        let body = String::from_utf8(parcel.body.clone())?;
        assert!(body.starts_with("postpost post_") && body.contains(words), "{body}");
        assert!(body.contains(&format!("{post:?}")), "{body}");
    }
    Ok(())
}

pub(super) async fn a_failure_and_a_second_plan_are_told_and_looks_are_not(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    bench.connected(&ann, Platform::Mastodon, "1").await?;
    let webhook = listening(&bench, &ann, NoticeKind::ALL).await?;
    let mut draft = bench.new_group(&ann, &[(Platform::Mastodon, "1")], None);
    draft.draft = true;
    let group = bench.made(&ann, draft).await?;
    assert_eq!(bench.next_delivery().await?, None, "a draft is no news");
    let plan = |draft, due: i64, seconds: i64| PlanEdit {
        draft: Some(draft),
        planned_at: Some(at(due)),
        now: at(seconds),
    };
    let note = |seconds| entry(LogKind::StatusChanged, seconds);
    bench.edit_plan(&ann, group.id, plan(false, 50, 1), note(1)).await?;
    bench.edit_plan(&ann, group.id, plan(false, 50, 2), note(2)).await?;
    bench.edit_plan(&ann, group.id, plan(false, 60, 3), note(3)).await?;
    assert_eq!(
        run(&bench, DeliveryState::Delivered, 4).await?,
        [NoticeKind::PostScheduled, NoticeKind::PostScheduled],
        "the same time again is no news"
    );
    let claim = bench.claim_one(60).await?;
    bench.release(claim, release(failed(61), 61)).await?;
    assert_eq!(
        run(&bench, DeliveryState::Delivered, 62).await?,
        [NoticeKind::PostFailed]
    );
    let post = bench.first(&ann, group.id).await?.id;
    bench
        .retry_post(&ann, post, at(70), entry(LogKind::StatusChanged, 63))
        .await?;
    assert_eq!(
        run(&bench, DeliveryState::Delivered, 64).await?,
        [NoticeKind::PostScheduled]
    );
    assert_eq!(reread(&bench, &ann, &webhook).await?.last_triggered_at, Some(at(64)));
    Ok(())
}

pub(super) async fn what_becomes_of_an_account_is_told(bench: Bench) -> Outcome {
    let ann = bench.owner("ann").await?;
    let webhook = listening(&bench, &ann, NoticeKind::ALL).await?;
    let account = bench.connected(&ann, Platform::X, "1").await?;
    let warning = Some(entry(LogKind::TokenExpiring, 1));
    bench.put_off_refresh(account.id, Some(at(100)), warning).await?;
    bench.put_off_refresh(account.id, Some(at(200)), None).await?;
    let gone = entry(LogKind::ReconnectNeeded, 2);
    bench
        .finish_refresh(account.id, account.token_version, Refreshed::Refused, None, gone)
        .await?;
    bench
        .remove_account(&ann, account.id, at(3), entry(LogKind::Disconnected, 3))
        .await?;
    let told = batch(&bench, 4).await?;
    let kinds = [
        NoticeKind::AccountConnected,
        NoticeKind::TokenExpiring,
        NoticeKind::ReconnectNeeded,
        NoticeKind::AccountDisconnected,
    ];
    assert_eq!((told.webhook.id, kinds_of(&told.parcels)), (webhook.id, kinds.to_vec()));
    let body = String::from_utf8(told.parcels.into_iter().nth(1).ok_or(Error::NotFound)?.body)?;
    assert!(
        body.contains("user of 1") && body.contains("expires_at: Some"),
        "{body}"
    );
    Ok(())
}
