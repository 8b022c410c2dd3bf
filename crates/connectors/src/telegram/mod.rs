//! Telegram channels and groups, through a bot (core.telegram.org/bots/api).
//!
//! What must stay true: the bot's token is in the path of every request, so no URL of this connector goes into an error
//! or a log. There is no idempotency of any kind and a bot cannot read what it sent: a lost answer stays unknown.

mod error;
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
use serde::de::DeserializeOwned;

use self::wire::{Chat, ChatMember, Envelope, Frozen, Messages, PostSettings, User};
use crate::frozen::{fingerprint, freeze, thaw};
use crate::http::READ_BUDGET;
use crate::{
    ConnectCtx, Connected, Connector, Credentials, Endpoints, Finding, Preparation, Probe, SendCtx, Sent, files,
    parent_of,
};

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

    fn connect<'a>(
        &'a self,
        ctx: ConnectCtx<'a>,
        credentials: &'a Credentials,
    ) -> BoxFut<'a, Result<Connected, PlatformError>> {
        Box::pin(connect(ctx, credentials))
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

async fn connect(ctx: ConnectCtx<'_>, credentials: &Credentials) -> Result<Connected, PlatformError> {
    let fail = |kind, message: &str| PlatformError::refused(PLATFORM, Stage::Validate, kind, message);
    let token = credentials
        .token
        .clone()
        .ok_or_else(|| fail(ErrorKind::Auth, "The bot's token is needed"))?;
    let chat = credentials
        .identifier
        .as_deref()
        .map(chat_id)
        .filter(|chat| !chat.is_empty());
    let chat = chat.ok_or_else(|| fail(ErrorKind::Invalid, "The channel is needed: its @name or its id"))?;
    let bot: User = ask(&ctx, &token, "getMe", &[]).await?;
    let chat: Chat = ask(&ctx, &token, "getChat", &[("chat_id", chat)]).await?;
    if chat.kind != "private" {
        let whom = [("chat_id", chat.id.to_string()), ("user_id", bot.id.to_string())];
        let member: ChatMember = ask(&ctx, &token, "getChatMember", &whom).await?;
        if !member.may_post(&chat.kind) {
            let message = "The bot may not post here; make it an administrator who may post messages";
            return Err(fail(ErrorKind::Permission, message));
        }
    }
    let profile_url = chat.page(None);
    Ok(Connected {
        remote_id: chat.id.to_string(),
        username: chat
            .username
            .or_else(|| chat.title.clone())
            .unwrap_or_else(|| chat.id.to_string()),
        display_name: chat.title,
        avatar_url: None,
        profile_url,
        base_url: None,
        tokens: Tokens {
            access: token,
            refresh: None,
            expires_at: None,
        },
    })
}

/// A chat as the Bot API takes it: a number, or a public name with `@`, also when it was given as a link.
fn chat_id(given: &str) -> String {
    let given = given.trim();
    let name = ["https://t.me/", "http://t.me/", "t.me/", "@"]
        .iter()
        .find_map(|prefix| given.strip_prefix(prefix));
    let name = name.unwrap_or(given).trim_end_matches('/');
    if name.parse::<i64>().is_ok() || name.is_empty() {
        name.to_owned()
    } else {
        format!("@{name}")
    }
}

/// Makes a call that changes nothing.
async fn ask<T: DeserializeOwned>(
    ctx: &ConnectCtx<'_>,
    token: &SecretText,
    method: &str,
    fields: &[(&str, String)],
) -> Result<T, PlatformError> {
    let url = method_url(ctx.endpoints, token, method, Stage::Validate)?;
    let request = ctx.http.reading(Method::POST, url.expose()).form(fields);
    let answer = ctx
        .http
        .read(request, READ_BUDGET)
        .await
        .map_err(|failure| failure.into_error(PLATFORM, Stage::Validate))?;
    match serde_json::from_slice(&answer.body) {
        Ok(Envelope {
            ok: true,
            result: Some(result),
        }) if answer.is_success() => Ok(result),
        _ => Err(error::refusal(Stage::Validate, &answer)),
    }
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
            let parent = parent_of(part, parents).and_then(|parent| parent.id.parse::<i64>().ok());
            Some(parent.ok_or_else(|| fail("What this replies to is not live"))?)
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
