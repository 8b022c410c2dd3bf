//! Connecting a channel or group through a bot (core.telegram.org/bots/api).
//!
//! A bot's token has no end and comes from BotFather; what is connected is a chat in which the bot may post. A person
//! who does not know the chat's id adds the bot there and leaves the field empty: the bot's updates say where it is.

use domain::account::{Identity, Tokens};
use domain::clock::BoxFut;
use domain::error::{ErrorKind, PlatformError, Stage};
use domain::platform::Platform;
use domain::secret::SecretText;
use reqwest::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::wire::{Chat, ChatMember, Envelope, User};
use super::{error, method_url};
use crate::Credentials;
use crate::http::READ_BUDGET;
use crate::signin::{
    AppNeed, CHOICES_MAX, Choice, Field, Found, Grant, Means, RefreshFacts, SignIn, SignInCtx, SignInFacts, Verified,
    refused,
};

/// The sign-in. It has no state.
#[derive(Debug, Clone, Copy, Default)]
pub struct TelegramSignIn;

const TOKEN: Field = Field {
    name: "token",
    label: "Bot token",
    hint: "From @BotFather: /newbot makes a bot, /token shows its token",
    secret: true,
    placeholder: "123456789:AAF…",
};

const CHAT: Field = Field {
    name: "identifier",
    label: "Channel or group",
    hint: "Its @name or id. Or make the bot an administrator there, write something, and leave this empty",
    secret: false,
    placeholder: "@mychannel",
};

const MAY_NOT_POST: &str = "The bot may not post here; make it an administrator who may post messages";

const NO_CHAT: &str = "The bot has not seen a chat in which it may post; make it an administrator of the channel or add \
     it to the group, write something there, and try again";

/// A bot needs no app and no consent page.
pub static FACTS: SignInFacts = SignInFacts {
    platform: Platform::Telegram,
    means: &[Means::Credentials(&[TOKEN, CHAT])],
    oauth: None,
    app: AppNeed::None,
    refresh: RefreshFacts::NEVER,
    api: None,
    needs: &[],
};

/// What of an Update is read: where it happened.
#[derive(Deserialize)]
struct Update {
    #[serde(default)]
    message: Option<Happened>,
    #[serde(default)]
    channel_post: Option<Happened>,
    #[serde(default)]
    my_chat_member: Option<Happened>,
}

#[derive(Deserialize)]
struct Happened {
    chat: Chat,
}

impl SignIn for TelegramSignIn {
    fn facts(&self) -> &'static SignInFacts {
        &FACTS
    }

    /// The chats that the bot has seen and may post to.
    fn identify<'a>(&'a self, ctx: SignInCtx<'a>, grant: &'a Grant) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(seen(ctx, &grant.tokens.access))
    }

    fn with_credentials<'a>(
        &'a self,
        ctx: SignInCtx<'a>,
        credentials: &'a Credentials,
    ) -> BoxFut<'a, Result<Found, PlatformError>> {
        Box::pin(async move {
            let token = credentials.token.as_ref();
            let token =
                token.ok_or_else(|| refused(Platform::Telegram, ErrorKind::Auth, "The bot's token is needed"))?;
            let chat = credentials.identifier.as_deref().map(chat_id);
            match chat.filter(|chat| !chat.is_empty()) {
                Some(chat) => named(ctx, token, chat).await.map(Found::Account),
                None => seen(ctx, token).await,
            }
        })
    }

    fn verify<'a>(
        &'a self,
        ctx: SignInCtx<'a>,
        account: crate::AccountRef<'a>,
        tokens: &'a Tokens,
    ) -> BoxFut<'a, Result<Verified, PlatformError>> {
        Box::pin(named(ctx, &tokens.access, account.remote_id.to_owned()))
    }
}

/// The chat of this id or name, in which the bot must be allowed to post.
async fn named(ctx: SignInCtx<'_>, token: &SecretText, chat: String) -> Result<Verified, PlatformError> {
    let bot: User = ask(ctx, token, "getMe", &[]).await?;
    let chat: Chat = ask(ctx, token, "getChat", &[("chat_id", chat)]).await?;
    if may_post(ctx, token, &bot, &chat).await? {
        Ok(verified(token, chat))
    } else {
        Err(refused(Platform::Telegram, ErrorKind::Permission, MAY_NOT_POST))
    }
}

async fn may_post(ctx: SignInCtx<'_>, token: &SecretText, bot: &User, chat: &Chat) -> Result<bool, PlatformError> {
    if chat.kind == "private" {
        return Ok(true);
    }
    let whom = [("chat_id", chat.id.to_string()), ("user_id", bot.id.to_string())];
    let member: ChatMember = ask(ctx, token, "getChatMember", &whom).await?;
    Ok(member.may_post(&chat.kind))
}

/// The chats of the bot's last hundred updates, which Telegram keeps for a day. All of them are the bot owner's to choose
/// from: whoever has the token may post to every one.
async fn seen(ctx: SignInCtx<'_>, token: &SecretText) -> Result<Found, PlatformError> {
    let bot: User = ask(ctx, token, "getMe", &[]).await?;
    let fields = [
        ("offset", "-100".to_owned()),
        ("limit", "100".to_owned()),
        (
            "allowed_updates",
            r#"["message","channel_post","my_chat_member"]"#.to_owned(),
        ),
    ];
    let updates: Vec<Update> = ask(ctx, token, "getUpdates", &fields).await?;
    let mut choices: Vec<Choice> = Vec::new();
    // Newest first: what was just added is what is meant.
    for update in updates.into_iter().rev() {
        let happened = update.my_chat_member.or(update.channel_post).or(update.message);
        let Some(Happened { chat }) = happened else { continue };
        let id = chat.id.to_string();
        let is_known = choices.iter().any(|choice| choice.id == id);
        if is_known || chat.kind == "private" || choices.len() >= CHOICES_MAX {
            continue;
        }
        match may_post(ctx, token, &bot, &chat).await {
            Ok(true) => {
                let detail = chat.kind.clone();
                choices.push(Choice::of(verified(token, chat), Some(detail)));
            }
            Err(failed) if failed.kind.is_transient() => return Err(failed),
            // The bot was thrown out again, or never could post.
            Ok(false) | Err(_) => {}
        }
    }
    Found::among(
        Platform::Telegram,
        "Which channel or group is to be connected?",
        choices,
        NO_CHAT,
    )
}

fn verified(token: &SecretText, chat: Chat) -> Verified {
    let identity = Identity {
        remote_id: chat.id.to_string(),
        profile_url: chat.page(None),
        username: chat
            .username
            .or_else(|| chat.title.clone())
            .unwrap_or_else(|| chat.id.to_string()),
        display_name: chat.title,
        avatar_url: None,
        base_url: None,
    };
    let tokens = Tokens {
        access: token.clone(),
        ..Tokens::default()
    };
    Verified::new(&FACTS, identity, tokens, Vec::new())
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
    ctx: SignInCtx<'_>,
    token: &SecretText,
    method: &str,
    fields: &[(&str, String)],
) -> Result<T, PlatformError> {
    let url = method_url(ctx.endpoints, token, method, Stage::Connect)?;
    let request = ctx.http.reading(Method::POST, url.expose()).form(fields);
    let answer = ctx
        .http
        .read(request, READ_BUDGET)
        .await
        .map_err(|failure| failure.into_error(Platform::Telegram, Stage::Connect))?;
    match serde_json::from_slice(&answer.body) {
        Ok(Envelope {
            ok: true,
            result: Some(result),
        }) if answer.is_success() => Ok(result),
        _ => Err(error::refusal(Stage::Connect, &answer)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{Reply, Server, World};

    #[test]
    fn a_chat_is_understood_however_it_is_written() {
        for (given, chat) in [
            ("@press", "@press"),
            (" https://t.me/press/ ", "@press"),
            ("press", "@press"),
            ("-1001234", "-1001234"),
            ("", ""),
        ] {
            assert_eq!(chat_id(given), chat);
        }
    }

    fn ok(result: &Value) -> Reply {
        Reply::json(200, &json!({ "ok": true, "result": result }))
    }

    async fn found(replies: Vec<Reply>) -> Result<Found, PlatformError> {
        let server = Server::answering(replies).await;
        let world = World::new(Platform::Telegram, "", "").with_endpoint(server.url());
        let credentials = Credentials {
            token: Some("7:abc".into()),
            ..Credentials::default()
        };
        TelegramSignIn.with_credentials(world.connect_ctx(), &credentials).await
    }

    #[tokio::test]
    async fn the_chats_that_the_bot_saw_can_be_chosen_if_it_may_post_there() {
        let chat = |id: i64, title: &str| json!({ "id": id, "type": "channel", "title": title });
        let updates = json!([
            { "update_id": 1, "message": { "chat": { "id": 5, "type": "private" } } },
            { "update_id": 2, "channel_post": { "chat": chat(-1001, "One") } },
            { "update_id": 3, "my_chat_member": { "chat": chat(-1002, "Two") } },
            { "update_id": 4, "my_chat_member": { "chat": chat(-1003, "Three") } },
            { "update_id": 5, "channel_post": { "chat": chat(-1003, "Three") } },
        ]);
        let admin = json!({ "status": "administrator", "can_post_messages": true });
        let found = found(vec![
            ok(&json!({ "id": 7 })),
            ok(&updates),
            ok(&admin),
            ok(&json!({ "status": "left" })),
            ok(&admin),
        ])
        .await
        .unwrap();
        let Found::Choose { choices, .. } = found else {
            panic!("two chats are a choice")
        };
        let names: Vec<_> = choices.iter().map(|choice| choice.name.as_str()).collect();
        assert_eq!(names, ["Three", "One"]);
        assert_eq!(choices[0].verified.tokens.access.expose(), "7:abc");
    }

    #[tokio::test]
    async fn a_bot_that_is_nowhere_says_what_to_do() {
        let error = found(vec![ok(&json!({ "id": 7 })), ok(&json!([]))]).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Permission);
        assert!(error.message.contains("administrator"));
        assert!(!format!("{error:?}").contains("7:abc"));
    }
}
