//! LinkedIn: the member, and the organizations that the member manages.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use domain::platform::Platform;
use serde_json::{Map, Value, json};

use super::{ask, targets};
use crate::account::Account;
use crate::answer::Answer;
use crate::call::Call;
use crate::exchange::{Handled, Turn};
use crate::signin::Api;
use crate::world::Shared;

/// The scopes that let an app see who manages what.
const ADMIN: &[&str] = &["rw_organization_admin", "r_organization_admin"];
/// The scopes that let an app see an organization.
const ORGANIZATION: &[&str] = &[
    "rw_organization_admin",
    "r_organization_admin",
    "r_organization_social",
    "w_organization_social",
];

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/linkedin/v2/userinfo", get(userinfo))
        .route("/linkedin/rest/organizationAcls", get(roles))
        .route("/linkedin/rest/organizations/{id}", get(organization))
        .route("/linkedin/rest/organizationsLookup", get(organizations))
}

async fn userinfo(State(world): State<Shared>, call: Call) -> Handled {
    let turn = ask(&world, Platform::LinkedIn, &["openid", "profile"], &call).await?;
    let answer = turn.account().map(|member| {
        let mut body = json!({
            "sub": member.remote_id,
            "name": member.handle,
            "given_name": member.handle,
            "family_name": "Sandbox",
            "picture": world.address("samples/image2.png"),
            "locale": { "country": "US", "language": "en" },
        });
        let sees_mail = turn.grant.as_ref().is_none_or(|grant| grant.has_any(&["email"]));
        if let (true, Some(object)) = (sees_mail, body.as_object_mut()) {
            object.insert("email".to_owned(), json!(format!("{}@example.com", member.owner())));
            object.insert("email_verified".to_owned(), json!(true));
        }
        Answer::ok(&body)
    });
    Ok(turn.close(answer).await)
}

/// What all calls below `/rest` need.
fn check_version(call: &Call) -> Result<(), Answer> {
    if call
        .header("linkedin-version")
        .is_some_and(|version| version.len() == 6)
    {
        return Ok(());
    }
    let message = "Requested version is not active";
    let body = json!({ "status": 426, "code": "NONEXISTENT_VERSION", "message": message });
    Err(Answer::json(426, &body))
}

async fn roles(State(world): State<Shared>, call: Call) -> Handled {
    let turn = ask(&world, Platform::LinkedIn, ADMIN, &call).await?;
    let answer = check_version(&call).and_then(|()| listed(&turn, &call));
    Ok(turn.close(answer).await)
}

fn listed(turn: &Turn<Api>, call: &Call) -> Result<Answer, Answer> {
    let member = turn.account()?;
    if call.query("q") != Some("roleAssignee") {
        let body = json!({ "status": 400, "code": "ILLEGAL_ARGUMENT", "message": "Finder is not supported" });
        return Err(Answer::json(400, &body));
    }
    let elements: Vec<Value> = targets(turn)
        .iter()
        .map(|organization| {
            json!({
                "role": "ADMINISTRATOR",
                "state": "APPROVED",
                "organization": format!("urn:li:organization:{}", organization.remote_id),
                "roleAssignee": format!("urn:li:person:{}", member.remote_id),
            })
        })
        .filter(|element| {
            call.query("role")
                .is_none_or(|role| element.get("role") == Some(&json!(role)))
        })
        .filter(|element| {
            call.query("state")
                .is_none_or(|state| element.get("state") == Some(&json!(state)))
        })
        .collect();
    let paging = json!({ "start": 0, "count": 10, "links": [], "total": elements.len() });
    Ok(Answer::ok(&json!({ "paging": paging, "elements": elements })))
}

fn shown(organization: &Account) -> Value {
    json!({
        "id": organization.remote_id.parse::<u64>().unwrap_or_default(),
        "localizedName": organization.handle,
        "vanityName": organization.handle,
        "primaryOrganizationType": "NONE",
    })
}

async fn organization(State(world): State<Shared>, Path(id): Path<String>, call: Call) -> Handled {
    let turn = ask(&world, Platform::LinkedIn, ORGANIZATION, &call).await?;
    let answer = check_version(&call).and_then(|()| {
        let known = targets(&turn).into_iter().find(|known| known.remote_id == id);
        let missing = || {
            let body = json!({ "status": 404, "code": "NOT_FOUND", "message": format!("Could not find entity {id}") });
            Answer::json(404, &body)
        };
        Ok(Answer::ok(&shown(&*known.ok_or_else(missing)?)))
    });
    Ok(turn.close(answer).await)
}

/// `ids=List(1,2)`.
async fn organizations(State(world): State<Shared>, call: Call) -> Handled {
    let turn = ask(&world, Platform::LinkedIn, ORGANIZATION, &call).await?;
    let answer = check_version(&call).map(|()| {
        let list = call.query("ids").unwrap_or_default();
        let list = list.strip_prefix("List(").and_then(|list| list.strip_suffix(')'));
        let asked: Vec<&str> = list.unwrap_or_default().split(',').collect();
        let results: Map<String, Value> = targets(&turn)
            .iter()
            .filter(|known| asked.contains(&known.remote_id.as_str()))
            .map(|known| (known.remote_id.clone(), shown(known)))
            .collect();
        Answer::ok(&json!({ "results": results, "statuses": {}, "errors": {} }))
    });
    Ok(turn.close(answer).await)
}
