//! Pinterest with its boards, Reddit with its subreddits, Snapchat with its public profile.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use domain::platform::Platform;
use serde_json::{Value, json};

use super::ask;
use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::Handled;
use crate::signin::people::number;
use crate::signin::words::snap_error;
use crate::world::Shared;

/// The boards that every account of Pinterest has.
const BOARDS: &[&str] = &["Plans", "Pictures"];
/// The subreddits that everybody has joined.
const SUBREDDITS: &[&str] = &["sandbox", "pictures"];

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/pinterest/v5/user_account", get(pinner))
        .route("/pinterest/v5/boards", get(boards))
        .route("/pinterest/v5/boards/{id}/sections", get(sections))
        .route("/reddit/api/v1/me", get(redditor))
        .route("/reddit/subreddits/mine/subscriber", get(subreddits))
        .route("/snapchat/v1/public_profiles/my_profile", get(snapper))
}

fn board_id(account: &Account, name: &str) -> String {
    number(&format!("board/{}/{name}", account.remote_id), 18)
}

async fn pinner(State(world): State<Shared>, call: Call) -> Handled {
    let turn = ask(&world, Platform::Pinterest, &["user_accounts:read"], &call).await?;
    let answer = turn.account().map(|account| {
        Answer::ok(&json!({
            "id": account.remote_id,
            "username": account.handle,
            "account_type": "BUSINESS",
            "business_name": account.handle,
            "profile_image": world.address("samples/image2.png"),
            "website_url": "",
            "about": "",
            "board_count": BOARDS.len(),
            "pin_count": world.ledger().count_of_account(Platform::Pinterest, &account.remote_id),
            "follower_count": 0,
            "following_count": 0,
            "monthly_views": 0,
        }))
    });
    Ok(turn.close(answer).await)
}

async fn boards(State(world): State<Shared>, call: Call) -> Handled {
    let turn = ask(&world, Platform::Pinterest, &["boards:read"], &call).await?;
    let answer = turn.account().map(|account| {
        let boards: Vec<Value> = BOARDS
            .iter()
            .map(|name| {
                json!({
                    "id": board_id(&account, name),
                    "name": name,
                    "description": "",
                    "owner": { "username": account.handle },
                    "privacy": "PUBLIC",
                    "created_at": account.since.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
                    "pin_count": 0,
                    "follower_count": 0,
                    "collaborator_count": 0,
                    "is_ads_only": false,
                })
            })
            .collect();
        Answer::ok(&json!({ "items": boards, "bookmark": null }))
    });
    Ok(turn.close(answer).await)
}

async fn sections(State(world): State<Shared>, Path(id): Path<String>, call: Call) -> Handled {
    let turn = ask(&world, Platform::Pinterest, &["boards:read"], &call).await?;
    let answer = turn.account().and_then(|account| {
        if BOARDS.iter().any(|name| board_id(&account, name) == id) {
            Ok(Answer::ok(&json!({ "items": [], "bookmark": null })))
        } else {
            Err(Answer::json(404, &json!({ "code": 40, "message": "Board not found." })))
        }
    });
    Ok(turn.close(answer).await)
}

async fn redditor(State(world): State<Shared>, call: Call) -> Handled {
    let turn = ask(&world, Platform::Reddit, &["identity"], &call).await?;
    let answer = turn.account().map(|account| {
        Answer::ok(&json!({
            "id": account.remote_id,
            "name": account.handle,
            "icon_img": world.address("samples/image2.png"),
            "created_utc": account.since.as_second(),
            "has_verified_email": true,
            "is_suspended": false,
            "link_karma": 1,
            "comment_karma": 1,
            "subreddit": { "display_name": format!("u_{}", account.handle), "url": format!("/user/{}/", account.handle) },
        }))
    });
    Ok(turn.close(answer).await)
}

async fn subreddits(State(world): State<Shared>, call: Call) -> Handled {
    let turn = ask(&world, Platform::Reddit, &["mysubreddits"], &call).await?;
    let answer = turn.account().map(|_| {
        let children: Vec<Value> = SUBREDDITS
            .iter()
            .map(|name| {
                json!({ "kind": "t5", "data": {
                    "display_name": name,
                    "display_name_prefixed": format!("r/{name}"),
                    "name": format!("t5_{}", number(&format!("subreddit/{name}"), 6)),
                    "title": name,
                    "url": format!("/r/{name}/"),
                    "subscribers": 1,
                    "over18": false,
                    "submission_type": "any",
                    "user_is_banned": false,
                }})
            })
            .collect();
        Answer::ok(&json!({ "kind": "Listing", "data": {
            "after": null,
            "before": null,
            "dist": children.len(),
            "children": children,
        }}))
    });
    Ok(turn.close(answer).await)
}

async fn snapper(State(world): State<Shared>, call: Call) -> Handled {
    let turn = ask(&world, Platform::Snapchat, &["snapchat-profile-api"], &call).await?;
    let answer = turn.account().map(|account| {
        Answer::ok(&json!({
            "request_status": "SUCCESS",
            "request_id": world.serial().to_string(),
            "public_profile": {
                "id": account.remote_id,
                "display_name": account.handle,
                "snap_user_name": account.handle,
                "profile_type": "PUBLIC_PROFILE",
                "profile_tier": "TIER_1",
                "logo_urls": { "original_logo_url": world.address("samples/image2.png") },
            },
        }))
    });
    Ok(turn
        .close(answer.map_err(|_| snap_error(401, "AUTHENTICATION_FAILED", "The access token is invalid")))
        .await)
}
