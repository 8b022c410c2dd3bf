//! The consent page, as plain HTML that needs no script: radio buttons, boxes, two buttons.

use super::authorize::{Asked, is_hinted};
use super::people::Choice;
use super::variants::{Chooses, Variant};
use crate::answer::Answer;
use crate::text::html_escape;

const STYLE: &str = "\
:root{color-scheme:light dark;--ground:#f3f4f6;--card:#fff;--ink:#15181d;--soft:#5b6472;--line:#d5dae1;--act:#1d5fd1;\
--act-ink:#fff;--warn:#a3231b}\
@media(prefers-color-scheme:dark){:root{--ground:#111318;--card:#1a1d24;--ink:#eceff4;--soft:#a2abba;--line:#353b47;\
--act:#7cabff;--act-ink:#0c1526;--warn:#ff9a92}}\
*{box-sizing:border-box}body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1.5rem 1rem;\
background:var(--ground);color:var(--ink);font:1rem/1.5 system-ui,sans-serif}\
main{width:min(30rem,100%);background:var(--card);border:1px solid var(--line);border-radius:14px;padding:1.75rem}\
h1{font-size:1.25rem;line-height:1.3;margin:.25rem 0 1rem}.where{margin:0;color:var(--soft);font-size:.85rem}\
fieldset{border:0;border-top:1px solid var(--line);margin:0;padding:1rem 0}legend{font-weight:600;padding:0 .5rem 0 0}\
label.row{display:flex;gap:.6rem;align-items:baseline;padding:.3rem 0;cursor:pointer}label.row small{color:var(--soft)}\
input[type=radio],input[type=checkbox]{accent-color:var(--act);inline-size:1.05rem;block-size:1.05rem;flex:none;\
translate:0 .15rem}\
input[type=text]{font:inherit;width:100%;padding:.55rem .7rem;margin-top:.35rem;border:1px solid var(--line);\
border-radius:8px;background:var(--ground);color:var(--ink)}\
:focus-visible{outline:3px solid var(--act);outline-offset:2px}\
.buttons{display:flex;gap:.75rem;border-top:1px solid var(--line);padding-top:1.25rem}\
button{font:inherit;font-weight:600;flex:1;padding:.65rem 1rem;border-radius:8px;cursor:pointer;\
border:1px solid var(--line);background:transparent;color:var(--ink)}\
button.act{background:var(--act);border-color:var(--act);color:var(--act-ink)}\
.warn{color:var(--warn);font-weight:600}.foot{margin:1rem 0 0;color:var(--soft);font-size:.8rem;overflow-wrap:anywhere}";

/// Text that can stand in an attribute too.
pub(crate) fn escape(text: &str) -> String {
    html_escape(text).replace('"', "&quot;").replace('\'', "&#39;")
}

/// A page in the sandbox's style; `body` is HTML.
pub(crate) fn document(status: u16, title: &str, body: &str) -> Answer {
    let page = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\"><title>{title}</title><style>{STYLE}</style></head>\
         <body><main>{body}</main></body></html>",
        title = escape(title),
    );
    Answer::bytes(status, "text/html; charset=utf-8", page.into())
        .with("cache-control", "no-store")
        .with("referrer-policy", "no-referrer")
        .with("x-frame-options", "DENY")
        .with(
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
        )
}

/// What the platform says when it can send the visitor nowhere.
pub(super) fn refusal(variant: &Variant, why: &str) -> Answer {
    let name = variant.platform.name();
    let title = format!("{name}: something went wrong");
    let body = format!(
        "<p class=\"where\">{name} (sandbox)</p><h1>Something went wrong</h1><p class=\"warn\" role=\"alert\">{}</p>\
         <p>You were not able to give access to the app. Go back and try again.</p>",
        escape(why)
    );
    document(400, &title, &body)
}

/// The question, with `problem` when an answer could not be taken.
pub(super) fn consent(variant: &Variant, asked: &Asked, choices: &[Choice], problem: Option<&str>) -> Answer {
    let platform = variant.platform.name();
    let app = escape(&asked.client.name);
    let problem = problem.map_or_else(String::new, |why| {
        format!("<p class=\"warn\" role=\"alert\">{}</p>", escape(why))
    });
    let body = format!(
        "<p class=\"where\">{platform} (sandbox)</p><h1>{app} would like to use your {platform} account</h1>{problem}\
         <form method=\"post\">{people}{targets}{scopes}<div class=\"buttons\">\
         <button class=\"act\" name=\"decision\" value=\"allow\">Allow</button>\
         <button name=\"decision\" value=\"deny\">Deny</button></div></form>\
         <p class=\"foot\">You will go back to {back}. Nothing here leaves this machine.</p>",
        people = people(variant, asked, choices),
        targets = targets(variant, choices),
        scopes = scopes(variant, asked),
        back = escape(&asked.redirect_uri),
    );
    document(200, &format!("{platform}: allow {}?", asked.client.name), &body)
}

fn people(variant: &Variant, asked: &Asked, choices: &[Choice]) -> String {
    let mut rows = String::new();
    let hint = asked.login_hint.as_deref().unwrap_or_default();
    let hinted = choices.iter().position(|choice| is_hinted(choice, hint)).unwrap_or(0);
    for (at, choice) in choices.iter().enumerate() {
        let checked = if at == hinted { " checked" } else { "" };
        let id = escape(&choice.account.remote_id);
        rows.push_str(&format!(
            "<label class=\"row\"><input type=\"radio\" name=\"account\" value=\"{id}\"{checked}><span>{name} \
             <small>{id}</small></span></label>",
            name = escape(&choice.account.handle),
        ));
    }
    let legend = match variant.chooses {
        Chooses::Account => "Account",
        Chooses::Person(_) | Chooses::Member => "Who are you?",
    };
    let label = if choices.is_empty() {
        "Your name"
    } else {
        "Or somebody new"
    };
    format!(
        "<fieldset><legend>{legend}</legend>{rows}<label>{label}<input type=\"text\" name=\"handle\" maxlength=\"100\" \
         autocomplete=\"off\" spellcheck=\"false\"></label></fieldset>"
    )
}

fn targets(variant: &Variant, choices: &[Choice]) -> String {
    let legend = match variant.chooses {
        Chooses::Account => return String::new(),
        Chooses::Person(what) => what,
        Chooses::Member => "Organizations",
    };
    let mut rows = String::new();
    let mut shown = Vec::new();
    for target in choices.iter().flat_map(|choice| &choice.targets) {
        if shown.contains(&&target.remote_id) {
            continue;
        }
        shown.push(&target.remote_id);
        rows.push_str(&format!(
            "<label class=\"row\"><input type=\"checkbox\" name=\"target\" value=\"{id}\" checked><span>{name} \
             <small>of {owner}</small></span></label>",
            id = escape(&target.remote_id),
            name = escape(&target.handle),
            owner = escape(&target.owner()),
        ));
    }
    if rows.is_empty() {
        return rows;
    }
    let marker = "<input type=\"hidden\" name=\"targets_shown\" value=\"1\">";
    format!("<fieldset><legend>{legend} that the app may use</legend>{marker}{rows}</fieldset>")
}

fn scopes(variant: &Variant, asked: &Asked) -> String {
    let meaning = |scope: &str| {
        let known = variant.scopes.iter().find(|(known, _)| *known == scope);
        known.map_or("", |(_, meaning)| *meaning)
    };
    let mut rows = String::new();
    for (at, scope) in asked.scopes.iter().enumerate() {
        let always =
            !variant.may_untick || (at == 0 && variant.scopes.first().is_some_and(|(first, _)| first == scope));
        let disabled = if always { " disabled" } else { "" };
        rows.push_str(&format!(
            "<label class=\"row\"><input type=\"checkbox\" name=\"scope\" value=\"{scope}\" checked{disabled}>\
             <span>{meaning} <small>{scope}</small></span></label>",
            meaning = escape(meaning(scope)),
            scope = escape(scope),
        ));
    }
    let marker = if variant.may_untick {
        "<input type=\"hidden\" name=\"scopes_shown\" value=\"1\">"
    } else {
        ""
    };
    format!("<fieldset><legend>What it may do</legend>{marker}{rows}</fieldset>")
}
