use crate::world::{Scratch, run};

#[test]
fn a_users_plan_is_shown_and_changed() {
    let scratch = Scratch::new("plan");
    run(&scratch.data(), &["user", "add", "ada"]);
    let before = run(&scratch.data(), &["user", "plan", "ada", "--json"]).json();
    assert_eq!(
        (before["api_access"].as_bool(), before["workspaces"].as_bool()),
        (Some(true), Some(true))
    );
    run(
        &scratch.data(),
        &["user", "plan", "ada", "--api", "false", "--plan", "Trial"],
    );
    let after = run(&scratch.data(), &["user", "plan", "ada", "--json"]).json();
    assert_eq!(
        (after["api_access"].as_bool(), after["plan"].as_str()),
        (Some(false), Some("Trial"))
    );
}

#[test]
fn users_follow_the_plan_that_is_configured_until_they_have_one_of_their_own() {
    let scratch = Scratch::new("plans");
    let configure = |posts: u32| {
        let text = format!("[users]\nplan = \"small\"\n[plans.small]\nname = \"Small\"\nmonthly_posts = {posts}\n");
        std::fs::create_dir_all(scratch.data()).unwrap();
        std::fs::write(scratch.data().join("broadside.toml"), text).unwrap();
    };
    let limits = |name: &str| {
        run(&scratch.data(), &["user", "plan", name, "--json"]).json()["limits"][0]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    configure(5);
    run(&scratch.data(), &["user", "add", "ada"]);
    run(&scratch.data(), &["user", "add", "bob"]);
    run(&scratch.data(), &["user", "add", "cat", "--plan", "self-hosted"]);
    run(&scratch.data(), &["user", "plan", "bob", "--mcp", "false"]);
    assert_eq!(limits("ada"), "posts a month: 5 (0 used)");
    configure(7);
    assert_eq!(limits("ada"), "posts a month: 7 (0 used)");
    assert_eq!(limits("bob"), "posts a month: 5 (0 used)", "a plan of one's own stays");
    assert_eq!(limits("cat"), "");
    run(&scratch.data(), &["user", "plan", "bob", "--give", "self-hosted"]);
    assert_eq!(limits("bob"), "");
    let unknown = run(&scratch.data(), &["user", "plan", "bob", "--give", "huge"]);
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.err.contains("self-hosted, small"), "{}", unknown.err);
}

#[test]
fn a_consent_is_shown_once_and_says_what_it_is_for() {
    let scratch = Scratch::new("consent");
    run(&scratch.data(), &["user", "add", "bob@example.com"]);
    let said = run(
        &scratch.data(),
        &["user", "consent", "bob@example.com", "--expires-in", "2h"],
    );
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(
        said.out.starts_with("consent_") && said.out.contains("attachToken"),
        "{}",
        said.out
    );
    let long = run(
        &scratch.data(),
        &["user", "consent", "bob@example.com", "--expires-in", "200h"],
    );
    assert_eq!(long.code, Some(1), "{}", long.out);
}
