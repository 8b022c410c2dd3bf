//! Messages on their way to receivers, on a clock that moves only when told to.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use domain::account::{Tokens, User};
use domain::clock::{BoxFut, Clock as _};
use domain::notice::{Notice, NoticeKind};
use domain::plan::Plan;
use domain::platform::Platform;
use domain::secret::SecretText;
use domain::webhook::{Delivery, DeliveryPolicy, DeliveryState, Header, Parcel, Webhook, WebhookDialect};
use engine::commands::{CreateGroup, Target};
use engine::webhooks::{Answer, Courier, Deliverer, EditWebhook, MakeWebhook, Outgoing, Room};
use engine::{Engine, Reach};
use jiff::SignedDuration;
use store::Store;
use tokio_util::sync::CancellationToken;

use crate::care;
use crate::world::{Outside, go_on, memory};

/// Receivers as they are told to be, by address.
#[derive(Default)]
struct Receivers {
    manners: Mutex<HashMap<String, Manner>>,
    got: Mutex<Vec<(String, Vec<Header>, String)>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Answers(u16),
    Stalls,
}

impl Receivers {
    fn are(&self, url: &str, manner: Manner) {
        self.manners.lock().unwrap().insert(url.to_owned(), manner);
    }

    /// The ids of the messages that came to an address.
    fn got(&self, url: &str) -> Vec<String> {
        let got = self.got.lock().unwrap();
        let mine = got.iter().filter(|(to, ..)| to == url);
        mine.map(|(_, headers, _)| headers[0].1.clone()).collect()
    }

    fn bodies(&self, url: &str) -> Vec<String> {
        let got = self.got.lock().unwrap();
        let mine = got.iter().filter(|(to, ..)| to == url);
        mine.map(|(.., body)| body.clone()).collect()
    }
}

impl Courier for Receivers {
    fn post<'a>(&'a self, url: &'a str, headers: &'a [Header], body: Vec<u8>) -> BoxFut<'a, Answer> {
        let body = String::from_utf8(body).unwrap();
        self.got.lock().unwrap().push((url.to_owned(), headers.to_vec(), body));
        let manner = self.manners.lock().unwrap().get(url).copied();
        Box::pin(async move {
            match manner.unwrap_or(Manner::Answers(200)) {
                Manner::Answers(status) => Ok(status),
                Manner::Stalls => std::future::pending().await,
            }
        })
    }
}

/// A dialect that tries again, as later ones do.
struct Patient;

impl WebhookDialect for Patient {
    fn name(&self) -> &'static str {
        "patient"
    }
    fn events(&self) -> &'static [(&'static str, &'static [NoticeKind])] {
        &[
            ("planned", &[NoticeKind::PostScheduled]),
            ("ending", &[NoticeKind::TokenExpiring]),
        ]
    }
    fn webhooks_max(&self) -> u32 {
        5
    }
    fn policy(&self) -> DeliveryPolicy {
        const AGAIN: &[SignedDuration] = &[SignedDuration::from_secs(30), SignedDuration::from_mins(5)];
        DeliveryPolicy {
            retry_after: AGAIN,
            disabled_after: 2,
            deadline: SignedDuration::from_secs(10),
        }
    }
    fn body(&self, notice: &Notice) -> Option<Vec<u8>> {
        serde_json::to_vec(notice).ok()
    }
    fn headers(&self, parcel: &Parcel, secret: &SecretText) -> Vec<Header> {
        vec![
            ("delivery", parcel.delivery.to_string()),
            ("secret", secret.expose().to_owned()),
        ]
    }
}

struct Hooked {
    outside: Outside,
    store: Arc<dyn Store>,
    engine: Engine,
    receivers: Arc<Receivers>,
    user: User,
}

const HERE: &str = "https://hooks.example.com/here";
const THERE: &str = "https://hooks.example.com/there";

impl Hooked {
    async fn new() -> Self {
        let (outside, store) = (Outside::new().await, memory());
        let engine = outside.engine(Arc::clone(&store), go_on()).await;
        let user = engine.create_user("ada", Plan::default()).await.unwrap();
        Self {
            outside,
            store,
            engine,
            receivers: Arc::default(),
            user,
        }
    }

    fn reach(&self) -> Reach {
        Reach { owner: self.user.id }
    }

    fn deliverer(&self, stop: &CancellationToken) -> Deliverer {
        let outgoing = Outgoing {
            dialects: vec![Arc::new(Patient)],
            courier: Arc::clone(&self.receivers) as _,
            room: Room::default(),
        };
        Deliverer::new(self.engine.clone(), outgoing, stop.clone())
    }

    async fn deliver(&self) {
        self.deliverer(&CancellationToken::new())
            .run_until_idle()
            .await
            .unwrap();
    }

    async fn hook(&self, url: &str) -> Webhook {
        let make = MakeWebhook {
            owner: self.user.id,
            name: "hook".to_owned(),
            url: url.to_owned(),
            events: vec!["planned".to_owned(), "ending".to_owned()],
        };
        self.engine.make_webhook(&Patient, make).await.unwrap().0
    }

    /// Something happens.
    async fn event(&self) {
        let command = CreateGroup {
            owner: self.user.id,
            content: Default::default(),
            targets: vec![Target {
                platform: Platform::X,
                remote_id: "1".to_owned(),
            }],
            draft: false,
            planned_at: Some(self.outside.clock.now() + SignedDuration::from_hours(48)),
            idempotency: None,
            request_id: None,
        };
        self.engine.create_group(command).await.unwrap();
    }

    async fn deliveries(&self, webhook: &Webhook) -> Vec<Delivery> {
        self.engine.deliveries(&self.reach(), webhook.id, 100).await.unwrap()
    }

    async fn reread(&self, webhook: &Webhook) -> Webhook {
        self.engine.own(&Patient, &self.reach(), webhook.id).await.unwrap()
    }

    /// Lets tasks run until this holds.
    async fn until(&self, what: impl Fn() -> bool) {
        for _ in 0..10_000 {
            if what() {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("it never came to that");
    }
}

#[tokio::test]
async fn a_stalling_receiver_holds_up_nobody_and_is_given_up_at_its_deadline() {
    let hooked = Hooked::new().await;
    let stalls = hooked.hook(HERE).await;
    let sound = hooked.hook(THERE).await;
    hooked.receivers.are(HERE, Manner::Stalls);
    for _ in 0..3 {
        hooked.event().await;
    }
    let stop = CancellationToken::new();
    let running = tokio::spawn(hooked.deliverer(&stop).run());
    hooked.until(|| hooked.receivers.got(THERE).len() == 3).await;
    assert_eq!(hooked.receivers.got(HERE).len(), 1, "one after the other");
    hooked.outside.clock.advance(SignedDuration::from_secs(10));
    hooked.until(|| hooked.receivers.got(HERE).len() == 2).await;
    stop.cancel();
    hooked.outside.clock.advance(SignedDuration::from_secs(10));
    running.await.unwrap();
    let attempt = |delivery: &Delivery| {
        delivery
            .attempts
            .first()
            .map(|one| (one.took.as_secs(), one.error.clone()))
    };
    let told = hooked.deliveries(&stalls).await;
    let words = Some("no answer within 10 s".to_owned());
    assert_eq!(
        told.iter().rev().map(attempt).collect::<Vec<_>>(),
        [Some((10, words.clone())), Some((10, words)), None]
    );
    assert!(
        told.iter().all(|delivery| delivery.state == DeliveryState::Pending),
        "{told:?}"
    );
    let sound = hooked.deliveries(&sound).await;
    assert!(
        sound.iter().all(|delivery| delivery.state == DeliveryState::Delivered),
        "{sound:?}"
    );
}

#[tokio::test]
async fn a_message_is_tried_again_under_its_id_as_the_dialect_says_and_then_counts_as_failed() {
    let hooked = Hooked::new().await;
    let webhook = hooked.hook(HERE).await;
    hooked.receivers.are(HERE, Manner::Answers(503));
    hooked.event().await;
    for wait in [0, 30, 300] {
        hooked.outside.clock.advance(SignedDuration::from_secs(wait));
        assert_eq!(hooked.reread(&webhook).await.failures, 0, "it may still arrive");
        hooked.deliver().await;
    }
    let got = hooked.receivers.got(HERE);
    assert_eq!(got.len(), 3);
    assert!(got.iter().all(|id| *id == got[0]), "{got:?}");
    let bodies = hooked.receivers.bodies(HERE);
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    let told = hooked.deliveries(&webhook).await;
    assert_eq!((told[0].state, told[0].attempts.len()), (DeliveryState::Failed, 3));
    assert_eq!(told[0].attempts[2].http_status, Some(503));
    assert_eq!(hooked.reread(&webhook).await.failures, 1);
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_the_second_switches_this_dialects_receiver_off() {
    let hooked = Hooked::new().await;
    let webhook = hooked.hook(HERE).await;
    hooked.receivers.are(HERE, Manner::Answers(302));
    for _ in 0..3 {
        hooked.event().await;
    }
    for wait in [0, 30, 300] {
        hooked.outside.clock.advance(SignedDuration::from_secs(wait));
        hooked.deliver().await;
    }
    let off = hooked.reread(&webhook).await;
    assert_eq!((off.active, off.failures, off.pending), (false, 2, 0));
    let told = hooked.deliveries(&webhook).await;
    let states: Vec<_> = told.iter().rev().map(|delivery| delivery.state).collect();
    assert_eq!(
        states,
        [DeliveryState::Failed, DeliveryState::Failed, DeliveryState::Withdrawn]
    );
    let error = told
        .last()
        .and_then(|delivery| delivery.attempts[0].error.clone())
        .unwrap();
    assert_eq!(error, "the receiver redirects (302), which is not followed");
    hooked.event().await;
    assert_eq!(hooked.deliveries(&webhook).await.len(), 3, "nobody listens any more");
    assert_eq!(hooked.engine.stats().webhook_totals().1, 1);
}

#[tokio::test]
async fn what_a_killed_process_was_sending_is_sent_again_under_the_same_id() {
    let hooked = Hooked::new().await;
    let webhook = hooked.hook(HERE).await;
    hooked.receivers.are(HERE, Manner::Stalls);
    hooked.event().await;
    hooked.event().await;
    let running = tokio::spawn(hooked.deliverer(&CancellationToken::new()).run());
    hooked.until(|| hooked.receivers.got(HERE).len() == 1).await;
    running.abort();
    assert!(running.await.unwrap_err().is_cancelled());
    // Its tasks live on in this process; in the dead one they do not.
    hooked.receivers.are(HERE, Manner::Answers(200));
    assert_eq!(hooked.store.free_deliveries().await.unwrap(), 1);
    hooked.deliver().await;
    let got = hooked.receivers.got(HERE);
    assert_eq!((got.len(), &got[1]), (3, &got[0]), "{got:?}");
    assert_ne!(got[2], got[0]);
    assert_eq!(hooked.reread(&webhook).await.pending, 0);
}

#[tokio::test]
async fn a_new_secret_signs_and_a_new_address_gets_what_comes_next() {
    let hooked = Hooked::new().await;
    let webhook = hooked.hook(HERE).await;
    let secret = hooked
        .engine
        .renew_webhook_secret(&Patient, &hooked.reach(), webhook.id)
        .await
        .unwrap();
    let edit = EditWebhook {
        url: Some(THERE.to_owned()),
        ..EditWebhook::default()
    };
    hooked
        .engine
        .edit_webhook(&Patient, &hooked.reach(), webhook.id, edit)
        .await
        .unwrap();
    hooked.event().await;
    hooked.deliver().await;
    let got = hooked.receivers.got.lock().unwrap().clone();
    assert_eq!(
        (got.len(), got[0].0.as_str(), got[0].1[1].1.as_str()),
        (1, THERE, secret.expose())
    );
    let private = EditWebhook {
        url: Some("http://10.0.0.1/".to_owned()),
        ..EditWebhook::default()
    };
    let refused = hooked
        .engine
        .edit_webhook(&Patient, &hooked.reach(), webhook.id, private)
        .await;
    assert!(matches!(refused, Err(engine::Error::Invalid(_))), "{refused:?}");
}

// Q35
#[tokio::test]
async fn a_token_that_ends_soon_is_told_at_once_and_once() {
    let hooked = Hooked::new().await;
    let tokens = Tokens {
        access: SecretText::from("access"),
        expires_at: Some(hooked.outside.clock.now() + SignedDuration::from_hours(6 * 24)),
        ..Tokens::default()
    };
    let (user, _) = hooked
        .outside
        .add_account(&hooked.engine, Platform::LinkedIn, tokens)
        .await;
    let hooked = Hooked { user, ..hooked };
    hooked.hook(HERE).await;
    for _ in 0..3 {
        care::keep(&hooked.engine).await;
        hooked.deliver().await;
        hooked.outside.clock.advance(SignedDuration::from_hours(24));
    }
    let bodies = hooked.receivers.bodies(HERE);
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert!(
        bodies[0].contains("token_expiring") && bodies[0].contains("2026-11-28T09:00:00Z"),
        "{bodies:?}"
    );
    hooked.outside.clock.advance(SignedDuration::from_hours(2 * 24));
    care::keep(&hooked.engine).await;
    hooked.deliver().await;
    assert_eq!(hooked.receivers.bodies(HERE).len(), 2, "and again a day ahead");
}
