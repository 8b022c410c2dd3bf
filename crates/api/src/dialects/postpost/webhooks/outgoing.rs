//! What receivers get: the names of events, the bytes of a message, its headers and its signature.

use std::borrow::Cow;

use domain::ids::{GroupId, PostId, WebhookId};
use domain::notice::{Notice, NoticeKind, Subject};
use domain::post::PostState;
use domain::secret::SecretText;
use domain::webhook::{DeliveryPolicy, Header, Parcel, WebhookDialect};
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use sha2::Sha256;

use crate::dialect::Dialect;
use crate::dialects::postpost::time::Iso;
use crate::dialects::postpost::wire::Compound;
use crate::dialects::postpost::{Postpost, map, words};

/// The events, in the order in which an error lists them, and what each of them tells. A post that was found too late, and
/// one whose outcome nobody knows, show as failed in this dialect.
pub(super) const EVENTS: &[(&str, &[NoticeKind])] = &[
    ("post.scheduled", &[NoticeKind::PostScheduled]),
    ("post.published", &[NoticeKind::PostPublished]),
    (
        "post.failed",
        &[
            NoticeKind::PostFailed,
            NoticeKind::PostMissed,
            NoticeKind::PostUnconfirmed,
        ],
    ),
    ("token.expiring", &[NoticeKind::TokenExpiring]),
];
/// The event of a test, which nobody can listen to and everybody gets.
const TEST: &str = "webhook.test";
/// The most receivers of a user.
const WEBHOOKS_MAX: u32 = 10;

/// The outgoing half of this dialect.
#[derive(Debug, Clone, Copy, Default)]
pub struct PostpostWebhooks;

impl WebhookDialect for PostpostWebhooks {
    fn name(&self) -> &'static str {
        Postpost::NAME
    }

    fn events(&self) -> &'static [(&'static str, &'static [NoticeKind])] {
        EVENTS
    }

    fn webhooks_max(&self) -> u32 {
        WEBHOOKS_MAX
    }

    /// One try an event; after five events in a row that failed the receiver is switched off.
    fn policy(&self) -> DeliveryPolicy {
        DeliveryPolicy {
            retry_after: &[],
            disabled_after: 5,
            deadline: SignedDuration::from_secs(10),
        }
    }

    fn body(&self, notice: &Notice) -> Option<Vec<u8>> {
        let message = Message {
            event: event(notice.kind)?,
            timestamp: Iso(notice.at),
            data: data(notice)?,
        };
        // As `JSON.stringify` writes it: receivers verify what they parsed and wrote again.
        serde_json::to_vec(&message).ok()
    }

    fn headers(&self, parcel: &Parcel, secret: &SecretText) -> Vec<Header> {
        let event = event(parcel.kind).unwrap_or_default().to_owned();
        let (signature, id) = (signature(secret, &parcel.body), parcel.delivery.to_string());
        vec![
            ("X-PostPost-Event", event.clone()),
            ("X-PostPost-Signature", signature.clone()),
            ("X-PostPost-Delivery", id.clone()),
            ("X-Publora-Event", event),
            ("X-Publora-Signature", signature),
            ("X-Publora-Delivery", id),
        ]
    }
}

/// The event's name; `None` for what this dialect has no word for.
fn event(kind: NoticeKind) -> Option<&'static str> {
    if kind == NoticeKind::Test {
        return Some(TEST);
    }
    let found = EVENTS.iter().find(|(_, kinds)| kinds.contains(&kind));
    found.map(|(name, _)| *name)
}

/// Lower-case hex of HMAC-SHA256 over exactly these bytes, keyed with the secret's text.
fn signature(secret: &SecretText, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes());
    // A key of any length will do, so that there is always a code.
    let code = mac.map(|mac| mac.chain_update(body).finalize().into_bytes());
    code.map(|code| code.iter().map(|byte| format!("{byte:02x}")).collect())
        .unwrap_or_default()
}

/// A message. The order of keys is the wire's.
#[derive(Debug, Serialize)]
struct Message<'a> {
    event: &'static str,
    timestamp: Iso,
    data: Data<'a>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Post(Post<'a>),
    Token(Token<'a>),
    Test(Test<'a>),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Post<'a> {
    post_id: PostId,
    post_group_id: GroupId,
    platform: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_at: Option<Iso>,
    #[serde(skip_serializing_if = "Option::is_none")]
    published_at: Option<Iso>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<PostError<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed_at: Option<Iso>,
}

#[derive(Debug, Serialize)]
struct PostError<'a> {
    code: &'static str,
    message: Cow<'a, str>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Token<'a> {
    platform: &'static str,
    platform_id: Compound<'a>,
    username: &'a str,
    expires_at: Option<Iso>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Test<'a> {
    webhook_id: WebhookId,
    name: &'a str,
}

/// What a notice tells in this dialect; `None` when it cannot name the platform, or has no word for the state.
fn data(notice: &Notice) -> Option<Data<'_>> {
    match &notice.subject {
        Subject::Post {
            group,
            post,
            platform,
            state,
            ..
        } => {
            let bare = Post {
                post_id: *post,
                post_group_id: *group,
                platform: words::platform_word(*platform)?,
                scheduled_at: None,
                published_at: None,
                error: None,
                failed_at: None,
            };
            told(bare, state).map(Data::Post)
        }
        Subject::Account {
            platform,
            remote_id,
            username,
            expires_at,
            ..
        } => {
            let word = words::platform_word(*platform)?;
            let platform_id = Compound { word, id: remote_id };
            Some(Data::Token(Token {
                platform: word,
                platform_id,
                username,
                expires_at: expires_at.map(Iso),
            }))
        }
        Subject::Webhook { webhook, name } => Some(Data::Test(Test {
            webhook_id: *webhook,
            name,
        })),
    }
}

/// The post with what its state adds.
fn told<'a>(post: Post<'a>, state: &'a PostState) -> Option<Post<'a>> {
    let at = |at: &Timestamp| Some(Iso(*at));
    Some(match state {
        PostState::Scheduled { due } => Post {
            scheduled_at: at(due),
            ..post
        },
        PostState::Published { at: published, .. } => Post {
            published_at: at(published),
            ..post
        },
        failed => {
            let error = map::post_error(failed)?;
            Post {
                failed_at: Some(error.failed_at),
                error: Some(PostError {
                    code: error.code,
                    message: plain(error.message),
                }),
                ..post
            }
        }
    })
}

/// Typographic signs as ASCII has them. Verifiers in the wild that write the message anew escape what is not ASCII, and
/// then find that the signature does not fit.
fn plain(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.is_ascii() {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{2018}' | '\u{2019}' => plain.push('\''),
            '\u{201c}' | '\u{201d}' => plain.push('"'),
            '\u{2010}'..='\u{2015}' => plain.push('-'),
            '\u{2026}' => plain.push_str("..."),
            '\u{a0}' => plain.push(' '),
            other => plain.push(other),
        }
    }
    Cow::Owned(plain)
}
