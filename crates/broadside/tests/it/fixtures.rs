use serde_json::Value;

use crate::world::{Scratch, run};

/// What every preparation prints.
const EVERYWHERE: [&str; 5] = [
    "API_KEY",
    "LINKEDIN",
    "OTHER_USERS_GROUP_ID",
    "OTHER_USER_ID",
    "OWNER_ID",
];

#[test]
fn every_state_that_is_listed_can_be_prepared_without_a_server() {
    let scratch = Scratch::new("states");
    let names = run(&scratch.data(), &["fixtures", "--list", "--json"]).json();
    assert!(names.as_array().unwrap().len() >= 25, "{names}");
    let mut owners = Vec::new();
    for name in [
        "no_connections",
        "orphan_owner",
        "scheduled_range",
        "token_expired",
        "over_seats",
        "workspace_no_api",
        "webhook_failed_5",
        "uploaded_media",
    ] {
        assert!(names.as_array().unwrap().contains(&Value::from(name)));
        let variables = run(&scratch.data(), &["fixtures", "--prepare", name, "--json"]).json();
        for variable in EVERYWHERE {
            assert!(variables[variable].is_string(), "{name} does not print {variable}");
        }
        owners.push(variables["OWNER_ID"].clone());
    }
    owners.sort_by_key(ToString::to_string);
    owners.dedup();
    assert_eq!(owners.len(), 8, "each preparation makes an owner of its own");
}

#[test]
fn the_default_state_is_reached_by_publishing_and_refusing_for_real() {
    let scratch = Scratch::new("default");
    let variables = run(&scratch.data(), &["fixtures", "--prepare", "default", "--json"]).json();
    let users = run(&scratch.data(), &["user", "list", "--json"]).json();
    let owner = users
        .as_array()
        .unwrap()
        .iter()
        .find(|user| user["id"] == variables["OWNER_ID"])
        .unwrap();
    let name = owner["name"].as_str().unwrap();
    let show = |id: &str| run(&scratch.data(), &["show", id, "--user", name, "--json"]);
    let partial = show(variables["PARTIAL_GROUP_ID"].as_str().unwrap()).json();
    let statuses: Vec<_> = partial["posts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|post| post["status"].as_str().unwrap())
        .collect();
    assert_eq!(statuses, ["published", "failed", "published"]);
    assert_eq!(
        partial["posts"][1]["error"]["message"],
        "Video FPS is below minimum requirement"
    );
    let failed = show(variables["FAILED_GROUP_ID"].as_str().unwrap()).json();
    let error = &failed["posts"][0]["error"];
    assert_eq!(error["message"], "Error validating access token");
    assert_eq!(error["raw"], "Invalid OAuth access token");
    assert_eq!(
        (error["http_status"].as_u64(), failed["posts"][0]["attempts"].as_u64()),
        (Some(401), Some(2))
    );
    let accounts = run(&scratch.data(), &["account", "list", "--user", name, "--json"]).json();
    let threads = accounts
        .as_array()
        .unwrap()
        .iter()
        .find(|account| account["platform"] == "threads")
        .unwrap();
    assert_eq!(threads["last_error"]["message"], "Error validating access token");
    assert_eq!(threads["token_version"], 2, "the token was exchanged once");
    assert_eq!(show(variables["DELETED_GROUP_ID"].as_str().unwrap()).code, Some(1));
}

#[test]
fn an_unknown_state_has_an_exit_code_of_its_own() {
    let scratch = Scratch::new("unknown");
    let said = run(&scratch.data(), &["fixtures", "--prepare", "paradise", "--json"]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""));
    assert_eq!(said.err.lines().count(), 1);
}
