//! Comments, of which a publisher makes the first.

use std::sync::Arc;

use axum::extract::{Path, State};
use serde_json::json;

use super::{Facebook, feed, new_id, post_of};
use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Handled, Turn, open};
use crate::fault::Class;
use crate::graph::{self, Asked, PAGE_MAX, invalid, no_such_object};
use crate::journal::NewPost;
use crate::world::Shared;

pub(super) async fn create(
    State(world): State<Shared>,
    Path((_version, id)): Path<(String, String)>,
    call: Call,
) -> Handled {
    let asked = Asked::read(&call);
    let message = asked.text("message");
    let mut turn = open(&world, Facebook, &call, asked.credential(), Class::Create, &message).await?;
    let answer = turn
        .account()
        .and_then(|account| make(&mut turn, &account, &id, &asked, message));
    Ok(turn.close(answer).await)
}

fn make(
    turn: &mut Turn<Facebook>,
    account: &Account,
    id: &str,
    asked: &Asked,
    message: String,
) -> Result<Answer, Answer> {
    let scopes = ["pages_manage_engagement"];
    if !turn.may(account, &scopes, &scopes) {
        let message = "(#200) Requires pages_manage_engagement permission to manage the object";
        return Err(graph::error(403, 200, None, message, false));
    }
    let attachment = asked.fields.text("attachment_url");
    if message.is_empty() && attachment.is_none() {
        return Err(invalid("The parameter message is required."));
    }
    feed::check_message(&message)?;
    let world = Arc::clone(&turn.world);
    let mut ledger = world.ledger();
    let post = post_of(turn, &ledger, account, id).filter(|post| turn.shows(post));
    let post = post.ok_or_else(|| no_such_object(id))?;
    let number = post.remote_id.rsplit('_').next().unwrap_or_default();
    let comment_id = format!("{number}_{}", new_id(turn));
    let new = NewPost {
        remote_id: comment_id.clone(),
        text: message,
        reply_to: Some(post.remote_id.clone()),
        settings: json!({ "kind": "comment", "attachment_url": attachment }),
        ..NewPost::default()
    };
    turn.commit(&mut ledger, new)?;
    Ok(Answer::ok(&json!({ "id": comment_id })))
}

pub(super) async fn list(
    State(world): State<Shared>,
    Path((_version, id)): Path<(String, String)>,
    call: Call,
) -> Handled {
    let asked = Asked::read(&call);
    let turn = open(&world, Facebook, &call, asked.credential(), Class::Read, "").await?;
    let answer = turn.account().and_then(|account| {
        let ledger = world.ledger();
        let post = post_of(&turn, &ledger, &account, &id).filter(|post| turn.shows(post));
        let post = post.ok_or_else(|| no_such_object(&id))?;
        let data: Vec<_> = ledger
            .of_account(account.platform, &account.remote_id)
            .take_while(|comment| comment.seq > post.seq)
            .filter(|comment| comment.reply_to.as_deref() == Some(&post.remote_id) && turn.shows(comment))
            .take(PAGE_MAX)
            .map(|comment| {
                json!({
                    "id": comment.remote_id,
                    "message": comment.text,
                    "created_time": graph::timestamp(comment.at),
                    "from": { "id": account.remote_id, "name": account.handle },
                })
            })
            .collect();
        Ok(Answer::ok(&json!({ "data": data })))
    });
    Ok(turn.close(answer).await)
}
