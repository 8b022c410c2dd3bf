//! Managed users over HTTP.

use domain::ids::UserId;
use domain::plan::Plan;
use serde_json::{Value, json};

use crate::testing::{Answer, Door};

async fn managed(door: &Door, email: &str) -> String {
    let body = json!({ "username": email }).to_string();
    let made = door.postpost("POST", "/workspace/users", body).await;
    assert_eq!(made.status, 201, "{}", made.body);
    made.json()["user"]["_id"].as_str().unwrap().to_owned()
}

async fn acting(door: &Door, header: &str, user: &str, method: &str, path: &str, body: &str) -> Answer {
    let headers = [("x-api-key", door.key.as_str()), (header, user)];
    let path = format!("/postpost/api/v1{path}");
    door.ask(method, &path, &headers, body.to_owned()).await
}

fn code(answer: &Answer) -> (u16, Value) {
    (answer.status, answer.json()["code"].clone())
}

#[tokio::test]
async fn a_managed_user_is_made_listed_and_let_go() {
    let door = Door::open().await;
    let body = r#"{"username":" Client@Example.com ","displayName":"Acme"}"#;
    let made = door.postpost("POST", "/workspace/users", body).await;
    assert_eq!(made.status, 201);
    let id = made.json()["user"]["_id"].as_str().unwrap().to_owned();
    let user = json!({
        "_id": id, "username": "client@example.com", "displayName": "Acme", "role": "managed", "dailyPostsLeft": 100,
    });
    assert_eq!(made.json(), json!({ "user": user }));
    let listed = door.postpost("GET", "/workspace/users", "").await;
    assert_eq!((listed.status, listed.json()), (200, json!({ "users": [user] })));
    let gone = door.postpost("DELETE", &format!("/workspace/users/{id}"), "").await;
    assert_eq!((gone.status, gone.json()), (200, json!({ "success": true })));
    let again = door.postpost("DELETE", &format!("/workspace/users/{id}"), "").await;
    let nobody = "User not found or not managed by this key";
    assert_eq!((again.status, again.error()), (404, nobody.to_owned()));
    let nonsense = door.postpost("DELETE", "/workspace/users/nonsense", "").await;
    assert_eq!((nonsense.status, nonsense.error()), (400, "Invalid userId".to_owned()));
}

/// Q45.
#[tokio::test]
async fn an_email_is_needed_and_is_one_users() {
    let door = Door::open().await;
    for body in ["{}", r#"{"username":" "}"#, r#"{"username":7}"#] {
        let answer = door.postpost("POST", "/workspace/users", body).await;
        assert_eq!((answer.status, answer.error()), (400, "Email is required".to_owned()));
    }
    let id = managed(&door, "client@example.com").await;
    let twice = door
        .postpost("POST", "/workspace/users", r#"{"username":"CLIENT@example.com"}"#)
        .await;
    let expected = json!({
        "error": "User with this email already exists", "code": "email_exists", "userId": id, "attachable": false,
        "requiresConsent": false, "alreadyInWorkspace": true, "managedByAnotherWorkspace": false,
    });
    assert_eq!((twice.status, twice.json()), (409, expected));
}

#[tokio::test]
async fn a_manager_acts_for_its_users_by_either_header_and_for_nobody_else() {
    let door = Door::open().await;
    let client = managed(&door, "client@example.com").await;
    let body = r#"{"content":"theirs","platforms":["twitter-1"]}"#;
    let made = acting(&door, "x-postpost-user-id", &client, "POST", "/create-post", body).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let path = format!("/get-post/{}", made.json()["postGroupId"].as_str().unwrap());
    assert_eq!(
        acting(&door, "x-publora-user-id", &client, "GET", &path, "")
            .await
            .status,
        200
    );
    assert_eq!(
        door.postpost("GET", &path, "").await.status,
        404,
        "it is not the manager's own"
    );
    let (stranger, _) = door.other("stranger", Plan::default()).await;
    for user in [stranger.to_string(), UserId::from_bytes([9; 12]).to_string()] {
        let answer = acting(&door, "x-postpost-user-id", &user, "GET", "/list-posts", "").await;
        assert_eq!(
            (answer.status, answer.error()),
            (403, "User is not managed by key".to_owned())
        );
    }
    door.postpost("DELETE", &format!("/workspace/users/{client}"), "").await;
    assert_eq!(
        acting(&door, "x-postpost-user-id", &client, "GET", &path, "")
            .await
            .status,
        403
    );
}

/// Q44, Q47.
#[tokio::test]
async fn a_key_for_a_user_replaces_the_one_before_and_reaches_that_user_alone() {
    let door = Door::open().await;
    let client = managed(&door, "client@example.com").await;
    let path = format!("/workspace/users/{client}/api-key");
    let first = door.postpost("POST", &path, "{}").await;
    assert_eq!(first.status, 200);
    assert_eq!(first.json()["message"], "API key generated successfully");
    assert_eq!(first.json()["userId"], client.as_str());
    let second = door.postpost("POST", &path, "").await.json()["apiKey"]
        .as_str()
        .unwrap()
        .to_owned();
    let first = first.json()["apiKey"].as_str().unwrap().to_owned();
    let ask = async |key: &str, path: &str| {
        let path = format!("/postpost/api/v1{path}");
        door.ask("GET", &path, &[("x-api-key", key)], "").await
    };
    assert_eq!(ask(&first, "/list-posts").await.status, 401);
    assert_eq!(ask(&second, "/list-posts").await.json()["pagination"]["totalItems"], 0);
    let own = ask(&second, "/workspace/users").await;
    let text = "Workspace access is not enabled for this key";
    assert_eq!(
        (own.status, own.error()),
        (403, text.to_owned()),
        "a managed user manages nobody"
    );
    for n in 0..9 {
        let user: UserId = client.parse().unwrap();
        door.engine.create_key(user, &format!("{n}")).await.unwrap();
    }
    assert_eq!(
        door.postpost("POST", &path, "").await.status,
        200,
        "the replaced key leaves its place"
    );
    door.engine
        .revoke_key(client.parse().unwrap(), workspace_key(&door, &client).await)
        .await
        .unwrap();
    door.engine.create_key(client.parse().unwrap(), "tenth").await.unwrap();
    let full = door.postpost("POST", &path, "").await;
    assert_eq!(
        (full.status, full.error()),
        (400, "Maximum of 10 active API keys allowed".to_owned())
    );
}

async fn workspace_key(door: &Door, client: &str) -> domain::ids::ApiKeyId {
    let keys = door.engine.keys_of(client.parse().unwrap()).await.unwrap();
    let active = |key: &&domain::account::ApiKey| key.name == "Workspace" && key.revoked_at.is_none();
    keys.iter().find(active).unwrap().id
}

/// Q44: only this route has words about the owner.
#[tokio::test]
async fn a_key_for_a_user_needs_the_owners_access_to_the_api() {
    let door = Door::open().await;
    let client = managed(&door, "client@example.com").await;
    let plan = Plan {
        api_access: false,
        ..Plan::default()
    };
    door.engine.set_plan(door.owner.id, plan).await.unwrap();
    let answer = door
        .postpost("POST", &format!("/workspace/users/{client}/api-key"), "")
        .await;
    let words = "API access is not enabled for this workspace owner";
    assert_eq!((answer.status, answer.error()), (403, words.to_owned()));
    let listed = door.postpost("GET", "/workspace/users", "").await;
    let words = "API access is not enabled for this account";
    assert_eq!((listed.status, listed.error()), (403, words.to_owned()));
}

/// Q48.
#[tokio::test]
async fn the_same_connection_url_is_told_until_it_is_rotated_or_ends() {
    let door = Door::open().await;
    let client = managed(&door, "client@example.com").await;
    let path = format!("/workspace/users/{client}/connection-url");
    let ask = async |body: &'static str| {
        let answer = door.postpost("POST", &path, body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    };
    let first = ask("").await;
    let ninety_days = door.now() + jiff::SignedDuration::from_hours(90 * 24);
    assert_eq!(first["tokenExpiresAt"], format!("{ninety_days:.3}"));
    assert_eq!(ask(r#"{"expiresInDays":1}"#).await, first);
    let listed = door.postpost("GET", "/workspace/users", "").await.json();
    assert_eq!(listed["users"][0]["connectionsPageUrl"], first["url"]);
    assert_eq!(
        listed["users"][0]["connectionsPageTokenExpiresAt"],
        first["tokenExpiresAt"]
    );
    let page = first["url"]
        .as_str()
        .unwrap()
        .strip_prefix("http://127.0.0.1:4000")
        .unwrap();
    assert_eq!(door.get(page).await.status, 200, "the page is there");
    let rotated = ask(r#"{"rotate":true,"expiresInDays":0.5}"#).await;
    assert_ne!(rotated["url"], first["url"]);
    assert_ne!(door.get(page).await.status, 200, "the old page has ended");
    assert_eq!(ask(r#"{"expiresInDays":""}"#).await, rotated);
    door.clock.advance(jiff::SignedDuration::from_hours(13));
    assert_ne!(ask("{}").await["url"], rotated["url"]);
    for days in ["0", "-1", "\"7\"", "true"] {
        let body = format!("{{\"expiresInDays\":{days}}}");
        let answer = door.postpost("POST", &path, body).await;
        assert_eq!(answer.status, 400, "{days}: {}", answer.body);
    }
}

/// Q46.
#[tokio::test]
async fn a_user_is_attached_with_its_consent() {
    let door = Door::open().await;
    let (user, _) = door.other("grown@example.com", Plan::default()).await;
    let attach = async |body: Value| door.postpost("POST", "/workspace/users/attach", body.to_string()).await;
    assert_eq!(code(&attach(json!({})).await), (400, json!("missing_identifier")));
    assert_eq!(
        code(&attach(json!({"email": "grown"})).await),
        (400, json!("invalid_email"))
    );
    assert_eq!(
        code(&attach(json!({"userId": "grown"})).await),
        (400, json!("invalid_user_id"))
    );
    let unknown = attach(json!({"email": "nobody@example.com"})).await;
    assert_eq!(code(&unknown), (404, json!("user_not_found")));
    let itself = attach(json!({"userId": door.owner.id})).await;
    assert_eq!(code(&itself), (400, json!("cannot_attach_self")));
    let two = attach(json!({"userId": user, "email": "ada@example.com"})).await;
    assert_eq!(code(&two), (400, json!("identifier_mismatch")));
    let without = attach(json!({"userId": user})).await;
    assert_eq!(code(&without), (403, json!("attach_consent_required")));
    assert_eq!(without.error(), "Target user consent token is required");
    let made_up = attach(json!({"userId": user, "attachToken": "made up"})).await;
    assert_eq!(code(&made_up), (403, json!("invalid_attach_consent")));
    let (other, _) = door.other("other@example.com", Plan::default()).await;
    let (others, _) = door.engine.make_consent(other, None).await.unwrap();
    let foreign = attach(json!({"userId": user, "attachToken": others.expose()})).await;
    assert_eq!(code(&foreign), (403, json!("attach_consent_mismatch")));
    let (consent, _) = door.engine.make_consent(user, None).await.unwrap();
    let headers = [
        ("x-api-key", door.key.as_str()),
        ("x-publora-user-token", consent.expose()),
    ];
    let body = json!({ "username": "GROWN@example.com" }).to_string();
    let attached = door
        .ask("POST", "/postpost/api/v1/workspace/users/attach", &headers, body)
        .await;
    assert_eq!(attached.status, 200, "{}", attached.body);
    assert_eq!(attached.json()["alreadyInWorkspace"], false);
    assert_eq!(attached.json()["user"]["isActive"], true);
    assert_eq!(attached.json()["user"]["_id"], user.to_string());
    let again = attach(json!({"userId": user})).await;
    assert_eq!(
        (again.status, again.json()["alreadyInWorkspace"].clone()),
        (200, json!(true))
    );
}

#[tokio::test]
async fn a_user_of_another_workspace_or_with_one_is_not_attached() {
    let door = Door::open().await;
    let (owner, key) = door.other("agency@example.com", Plan::default()).await;
    let client = door
        .engine
        .create_managed_user(owner, "client@example.com", None)
        .await
        .unwrap();
    let (consent, _) = door.engine.make_consent(owner, None).await.unwrap();
    let body = json!({ "userId": owner, "userAccessToken": consent.expose() }).to_string();
    let answer = door.postpost("POST", "/workspace/users/attach", body).await;
    assert_eq!(code(&answer), (409, json!("user_is_workspace_owner")));
    assert!(
        door.engine.make_consent(client.id, None).await.is_err(),
        "a managed user cannot consent"
    );
    let twice = door
        .postpost("POST", "/workspace/users", r#"{"username":"client@example.com"}"#)
        .await;
    assert_eq!(twice.json()["managedByAnotherWorkspace"], true);
    let path = format!("/postpost/api/v1/workspace/users/{}", client.id);
    let foreign = door
        .postpost("DELETE", &format!("/workspace/users/{}", client.id), "")
        .await;
    assert_eq!(foreign.status, 404);
    assert_eq!(door.ask("DELETE", &path, &[("x-api-key", &key)], "").await.status, 200);
}

/// Q43.
#[tokio::test]
async fn accounts_that_come_along_need_room_in_the_plan() {
    let door = Door::open().await;
    let (agency, key) = door.other("agency@example.com", Plan::default()).await;
    let plan = Plan {
        name: "Small".to_owned(),
        connections: Some(2),
        ..Plan::default()
    };
    door.engine.set_plan(agency, plan).await.unwrap();
    let (consent, _) = door.engine.make_consent(door.owner.id, None).await.unwrap();
    let body = json!({ "userId": door.owner.id, "attachToken": consent.expose() }).to_string();
    let path = "/postpost/api/v1/workspace/users/attach";
    let answer = door.ask("POST", path, &[("x-api-key", &key)], body).await;
    let told = answer.json();
    assert_eq!((answer.status, &told["code"]), (403, &json!("CHANNEL_LIMIT_REACHED")));
    assert_eq!(
        (&told["projectedUsed"], &told["limit"], &told["used"]),
        (&json!(3), &json!(2), &json!(0))
    );
}
