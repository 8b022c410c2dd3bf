//! Telegram channels and groups, through a bot (core.telegram.org/bots/api).
//!
//! What must stay true: the bot's token is in the path of every request, so no URL of this connector goes into an error
//! or a log. There is no idempotency of any kind and a bot cannot read what it sent: a lost answer stays unknown.

mod error;
pub mod signin;
#[cfg(test)]
mod tests;
mod wire;

use domain::account::Tokens;
use domain::capability::Capability;
use domain::clock::BoxFut;
use domain::content::Draft;
use domain::error::{ErrorKind, PlatformError, Stage, When};
use domain::intent::{Armed, Dedupe, DedupeMeans, Prepared};
use domain::part::{Part, RemotePost};
use domain::platform::Platform;
use domain::secret::{SecretBytes, SecretText};
use reqwest::{Method, multipart};

use self::wire::{Envelope, Frozen, Messages, PostSettings};
use crate::frozen::{fingerprint, freeze, thaw};
use crate::{Connector, Endpoints, Finding, Preparation, Probe, Retraction, SendCtx, Sent, files, parent_of, retract};

const PLATFORM: Platform = Platform::Telegram;

/// The version of [`Frozen`].
const PREPARED_VERSION: u16 = 1;

/// Where the Bot API is, unless the operator runs a server of their own.
const BASE: &str = "https://api.telegram.org";

/// The connector.
#[derive(Debug, Clone, Copy, Default)]
pub struct Telegram;

impl Connector for Telegram {
    fn platform(&self) -> Platform {
        PLATFORM
    }

    fn prepare<'a>(
        &'a self,
        ctx: &'a SendCtx<'a>,
        draft: &'a Draft,
        part: Part,
        parents: &'a [(Part, RemotePost)],
        _resume: Option<&'a SecretBytes>,
    ) -> BoxFut<'a, Result<Preparation, PlatformError>> {
        // Nothing is uploaded ahead: that would need a message somewhere.
        Box::pin(async move { prepare(ctx, draft, part, parents).map(Preparation::Ready) })
    }

    fn send<'a>(&'a self, ctx: &'a SendCtx<'a>, armed: &'a Armed) -> BoxFut<'a, Result<Sent, PlatformError>> {
        Box::pin(send(ctx, armed))
    }

    fn check<'a>(&'a self, _ctx: &'a SendCtx<'a>, _probe: Probe<'a>) -> BoxFut<'a, Result<Finding, PlatformError>> {
        Box::pin(async { Ok(Finding::CannotTell) })
    }

    fn error_rows(&self) -> Vec<crate::rules::Row> {
        error::ROWS.to_vec()
    }

    /// Of the bot: its id, which is the token's first half and no secret.
    fn app_of<'a>(&self, tokens: &'a Tokens) -> &'a str {
        tokens.access.expose().split(':').next().unwrap_or_default()
    }

    fn retract<'a>(
        &'a self,
        ctx: &'a SendCtx<'a>,
        _part: Part,
        remote: &'a RemotePost,
    ) -> BoxFut<'a, Result<Retraction, PlatformError>> {
        Box::pin(retract(ctx, remote))
    }

    fn remote_id(&self, _account: crate::AccountRef<'_>, page: &url::Url) -> Result<Option<String>, String> {
        crate::pages::on_telegram(page)
    }

    fn reads_prepared(&self, version: u16) -> bool {
        version == PREPARED_VERSION
    }
}

/// The address of a method. It holds the token: for a request builder, never for a text that people see.
fn method_url(
    endpoints: &Endpoints,
    token: &SecretText,
    method: &str,
    stage: Stage,
) -> Result<SecretText, PlatformError> {
    let token = token.expose();
    let is_safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-');
    if token.is_empty() || !token.chars().all(is_safe) {
        let message = "This is no token of a Telegram bot; BotFather gives one like 123456:ABC";
        return Err(PlatformError::refused(PLATFORM, stage, ErrorKind::Auth, message)
            .with_retry(domain::error::Retry::when(When::AfterReconnect)));
    }
    Ok(SecretText::new(format!(
        "{}/bot{token}/{method}",
        endpoints.base(PLATFORM, BASE)
    )))
}

fn prepare(
    ctx: &SendCtx<'_>,
    draft: &Draft,
    part: Part,
    parents: &[(Part, RemotePost)],
) -> Result<Prepared, PlatformError> {
    let fail = |message: &str| PlatformError::refused(PLATFORM, Stage::Prepare, ErrorKind::Invalid, message);
    let content = draft.part(part).ok_or_else(|| fail("This post has no such part"))?;
    let settings = PostSettings::read(&draft.settings())?;
    let parent = match part {
        Part::Head => None,
        Part::Reply(_) => {
            let parent = parent_of(PLATFORM, part, parents)?.id.parse::<i64>();
            Some(parent.map_err(|_| fail("What this replies to is known by no number"))?)
        }
        Part::FirstComment => return Err(fail("Telegram has no first comment")),
    };
    let call = wire::call(ctx.account.remote_id, &content, parent, &settings)?;
    let bytes = content.media.iter().map(|media| media.bytes).sum();
    let parent = parent.map(|id| id.to_string());
    Ok(Prepared {
        version: PREPARED_VERSION,
        bytes: freeze(PLATFORM, Stage::Prepare, &call)?,
        dedupe: vec![Dedupe::exact(DedupeMeans::None)],
        fingerprint: fingerprint(PLATFORM, ctx.account.remote_id, parent.as_deref(), &content),
        budget: Capability::of(PLATFORM).send.for_bytes(bytes),
    })
}

async fn send(ctx: &SendCtx<'_>, armed: &Armed) -> Result<Sent, PlatformError> {
    let call: Frozen = thaw(PLATFORM, Stage::Send, &armed.prepared().bytes)?;
    let url = method_url(ctx.endpoints, &ctx.tokens.access, &call.method, Stage::Send)?;
    let request = ctx.http.creating(Method::POST, url.expose());
    let request = if call.files.is_empty() {
        request.form(&call.fields)
    } else {
        let mut form = multipart::Form::new();
        for (name, value) in call.fields {
            form = form.text(name, value);
        }
        for (name, media) in call.files {
            form = form.part(name, files::part(PLATFORM, Stage::Send, ctx.media, &media).await?);
        }
        request.multipart(form)
    };
    let answer = ctx
        .http
        .create(request, armed.send_by())
        .await
        .map_err(|failure| failure.into_error(PLATFORM, Stage::Send))?;
    match serde_json::from_slice(&answer.body) {
        Ok(Envelope {
            ok: true,
            result: Some(messages),
        }) if answer.is_success() => remote(&messages)
            .map(Sent::Live)
            .ok_or_else(|| error::refusal(Stage::Send, &answer)),
        _ => Err(error::refusal(Stage::Send, &answer)),
    }
}

/// The post that an answer tells of: the first message of an album, with the ids of all in the detail. `None` for an
/// album without messages.
fn remote(messages: &Messages) -> Option<RemotePost> {
    let (first, all) = match messages {
        Messages::One(message) => (message, None),
        Messages::Many(messages) => {
            let ids: Vec<_> = messages.iter().map(|message| message.message_id.to_string()).collect();
            (messages.first()?, Some(ids.join(",")))
        }
    };
    let mut remote = RemotePost::visible(first.message_id.to_string(), first.chat.page(Some(first.message_id)));
    remote.detail = all;
    Some(remote)
}

/// `deleteMessage`, and `deleteMessages` for an album, which passes over those that are gone.
async fn retract(ctx: &SendCtx<'_>, remote: &RemotePost) -> Result<Retraction, PlatformError> {
    let unknown = |_| retract::unknown_id(PLATFORM);
    let album = remote.detail.as_deref().unwrap_or_default().split(',');
    let album: Vec<i64> = album.filter_map(|id| id.parse().ok()).collect();
    let (method, field, value) = if album.len() > 1 {
        let ids = serde_json::json!(album).to_string();
        ("deleteMessages", "message_ids", ids)
    } else {
        let id: i64 = remote.id.parse().map_err(unknown)?;
        ("deleteMessage", "message_id", id.to_string())
    };
    let url = method_url(ctx.endpoints, &ctx.tokens.access, method, Stage::Retract)?;
    let fields = [("chat_id", ctx.account.remote_id), (field, value.as_str())];
    let request = ctx.http.creating(Method::POST, url.expose()).form(&fields);
    let answer = retract::ask(ctx, PLATFORM, request).await?;
    let is_true = || Some(answer.json()?.get("result")?.as_bool()? && answer.is_success());
    if is_true() == Some(true) {
        return Ok(Retraction::TakenDown);
    }
    let refused = error::refusal(Stage::Retract, &answer);
    match &refused.raw {
        Some(words) if words.contains("message to delete not found") => Ok(Retraction::GoneAlready),
        _ => Err(refused),
    }
}
