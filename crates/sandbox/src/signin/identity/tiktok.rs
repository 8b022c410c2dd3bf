//! TikTok: the user, and what the creator may do just now.

use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use domain::platform::Platform;
use serde_json::json;

use super::{ask, chosen};
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::Handled;
use crate::signin::words::{missing_scope, tiktok_envelope, tiktok_error};
use crate::world::Shared;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/tiktok/v2/user/info/", get(user))
        .route("/tiktok/v2/post/publish/creator_info/query/", post(creator))
}

async fn user(State(world): State<Shared>, call: Call) -> Handled {
    let turn = ask(&world, Platform::TikTok, &["user.info.basic"], &call).await?;
    let answer = turn.account().and_then(|account| {
        let fields = call
            .query("fields")
            .ok_or_else(|| tiktok_error(400, "invalid_params", "The request is missing the fields parameter"))?;
        let of_profile = ["username", "profile_deep_link", "bio_description", "is_verified"];
        let wants_profile = fields.split(',').any(|field| of_profile.contains(&field.trim()));
        let sees_profile = turn
            .grant
            .as_ref()
            .is_none_or(|grant| grant.has_any(&["user.info.profile"]));
        if wants_profile && !sees_profile {
            return Err(missing_scope(Platform::TikTok));
        }
        let avatar = world.address("samples/image2.png");
        let all = json!({
            "open_id": account.remote_id,
            "union_id": format!("u-{}", account.remote_id),
            "display_name": account.handle,
            "username": account.handle,
            "avatar_url": avatar,
            "avatar_url_100": avatar,
            "avatar_large_url": avatar,
            "profile_deep_link": format!("https://www.tiktok.com/@{}", account.handle),
            "bio_description": "",
            "is_verified": false,
        });
        let data = json!({ "user": chosen(&all, fields) });
        Ok(Answer::ok(&tiktok_envelope(&data, "ok", "")))
    });
    Ok(turn.close(answer).await)
}

async fn creator(State(world): State<Shared>, call: Call) -> Handled {
    let turn = ask(&world, Platform::TikTok, &["video.publish"], &call).await?;
    let answer = turn.account().map(|account| {
        let data = json!({
            "creator_avatar_url": world.address("samples/image2.png"),
            "creator_username": account.handle,
            "creator_nickname": account.handle,
            "privacy_level_options": ["PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY"],
            "comment_disabled": false,
            "duet_disabled": false,
            "stitch_disabled": true,
            "max_video_post_duration_sec": 300,
        });
        Answer::ok(&tiktok_envelope(&data, "ok", ""))
    });
    Ok(turn.close(answer).await)
}
