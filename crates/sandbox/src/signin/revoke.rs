//! Taking back what was granted (RFC 7009, and what the platforms make of it).

use domain::platform::Platform;
use serde_json::json;

use super::variants::Variant;
use super::words::{self, Refusal};
use super::{SignIn, apps, token};
use crate::account::{Holder, TokenUse};
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Credential, Handled, Turn, open};
use crate::fault::Class;
use crate::form::Fields;
use crate::world::Shared;

/// `POST` to the revocation endpoint.
pub(super) async fn revoke(variant: &'static Variant, world: Shared, call: Call) -> Handled {
    let fields = Fields::of(&call).unwrap_or_default();
    let token = fields.text("token").unwrap_or_default();
    let is_refresh = world.accounts().is_refresh(&token);
    let usage = if is_refresh {
        TokenUse::Refresh
    } else {
        TokenUse::Access
    };
    let credential = Credential::Other(Some(&token), usage);
    let turn = open(&world, SignIn(variant), &call, credential, Class::Refresh, "").await?;
    let answer = end(&turn, &call, &fields, &token, is_refresh);
    Ok(turn.close(answer).await)
}

fn end(turn: &Turn<SignIn>, call: &Call, fields: &Fields, token: &str, is_refresh: bool) -> Result<Answer, Answer> {
    let SignIn(variant) = turn.dialect;
    let world = &turn.world;
    let is_google = matches!(variant.platform, Platform::YouTube | Platform::GoogleBusiness);
    let is_seed = turn.holder.account().is_some() && turn.grant.is_none();
    // Google takes the token itself as proof.
    if !is_google {
        let refuse = |why| words::refusal(variant.platform, why);
        match apps::caller(world, variant, call, fields) {
            Ok(app) if turn.grant.as_ref().is_some_and(|grant| grant.app != app) => {
                return Err(match variant.platform {
                    Platform::Mastodon => words::standard(
                        403,
                        "unauthorized_client",
                        "You are not authorized to revoke this token",
                    ),
                    _ => refuse(Refusal::UnknownClient),
                });
            }
            Ok(_) => {}
            Err(_) if is_seed => {}
            Err(why) => return Err(refuse(why)),
        }
    }
    if is_google && !matches!(turn.holder, Holder::Good(_)) {
        return Err(words::standard(400, "invalid_token", "Token expired or revoked"));
    }
    let alone = matches!(variant.platform, Platform::X | Platform::Reddit) && !is_refresh;
    match &turn.grant {
        Some(grant) if !alone => {
            token::revoke_grant(world, grant.serial, turn.now);
        }
        _ => world.accounts().kill(token, turn.now),
    }
    Ok(match variant.platform {
        Platform::X => Answer::ok(&json!({ "revoked": true })),
        Platform::Reddit => Answer::bytes(204, "", "".into()),
        Platform::LinkedIn => Answer::bytes(200, "", "".into()),
        _ => Answer::ok(&json!({})),
    })
}
