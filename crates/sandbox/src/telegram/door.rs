//! The page behind a link to the bot, as `t.me/{bot}?start=code` is: for people who try the linking of a channel out
//! without a Telegram client.

use axum::extract::{Path, State as FromWorld};
use axum::response::Response;
use domain::platform::Platform;

use super::linking::{TelegramEvent, TelegramVerb, happen};
use crate::answer::Answer;
use crate::call::Call;
use crate::fault::Class;
use crate::signin::page::{document, escape};
use crate::signin::{note, parameter};
use crate::world::{Shared, World};

/// The code of the link, in a channel's or in a private flavour.
fn code(call: &Call) -> &str {
    let of_link = |name: &str| parameter(&call.query, name);
    of_link("start").or_else(|| of_link("startchannel")).unwrap_or_default()
}

fn answered(world: &World, call: &Call, answer: Answer) -> Response {
    note(world, Platform::Telegram, Class::Check, call, None, answer)
}

/// `GET /telegram/{bot}`.
pub(super) async fn show(FromWorld(world): FromWorld<Shared>, Path(bot): Path<String>, call: Call) -> Response {
    let own = crate::app(Platform::Telegram).id;
    if bot != own {
        return answered(&world, &call, Answer::html(404));
    }
    let mut rows = String::new();
    let channels = world.accounts().of_platform(Platform::Telegram);
    for channel in channels.iter().filter(|account| !account.stand_in) {
        rows.push_str(&format!(
            "<label class=\"row\"><input type=\"radio\" name=\"account\" value=\"{id}\"><span>{name} \
             <small>{id}</small></span></label>",
            id = escape(&channel.remote_id),
            name = escape(&channel.handle),
        ));
    }
    let body = format!(
        "<p class=\"where\">Telegram (sandbox)</p><h1>@{own} in one of your channels</h1><form method=\"post\">\
         <fieldset><legend>Channel</legend>{rows}<label>Or a new channel<input type=\"text\" name=\"handle\" \
         maxlength=\"32\" autocomplete=\"off\" spellcheck=\"false\"></label></fieldset><div class=\"buttons\">\
         <button class=\"act\" name=\"decision\" value=\"channel\">Add the bot and post the code</button>\
         <button name=\"decision\" value=\"private\">Only write to the bot</button></div></form>\
         <p class=\"foot\">The message is <code>/start {code}</code>.</p>",
        code = escape(code(&call)),
    );
    answered(&world, &call, document(200, "Telegram: add a bot", &body))
}

/// `POST /telegram/{bot}`.
pub(super) async fn enter(FromWorld(world): FromWorld<Shared>, Path(bot): Path<String>, call: Call) -> Response {
    if bot != crate::app(Platform::Telegram).id {
        return answered(&world, &call, Answer::html(404));
    }
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(&call.body).into_owned().collect();
    let typed = parameter(&fields, "handle").or_else(|| parameter(&fields, "account"));
    let event = |verb: TelegramVerb| TelegramEvent {
        verb,
        chat: typed.unwrap_or_default().trim().to_owned(),
        text: format!("/start {}", code(&call)),
        bot: None,
    };
    let verbs: &[TelegramVerb] = match (typed, parameter(&fields, "decision")) {
        (None, _) => &[],
        (Some(_), Some("private")) => &[TelegramVerb::Message],
        (Some(_), _) => &[TelegramVerb::Join, TelegramVerb::Post],
    };
    let done = !verbs.is_empty() && verbs.iter().all(|verb| happen(&world, &event(*verb)).is_ok());
    let (status, words) = if done {
        (200, "Done. You can go back to the app now.")
    } else {
        (
            400,
            "Please choose a channel or type a new name, and go back to try again.",
        )
    };
    let body = format!("<p class=\"where\">Telegram (sandbox)</p><h1>{words}</h1>");
    answered(&world, &call, document(status, "Telegram", &body))
}
