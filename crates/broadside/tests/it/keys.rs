use crate::world::{Scratch, Served, get, run, run_with_input};

#[test]
fn the_first_key_makes_the_first_user_and_opens_the_api() {
    let scratch = Scratch::new("first");
    let data = scratch.data();
    let made = run(&data, &["key", "create", "--json"]).json();
    assert_eq!(made["user"], "me");
    let key = made["key"].as_str().unwrap();
    let server = Served::start(&data, &[]);
    let path = "/postpost/api/v1/platform-connections";
    assert_eq!(get(&server.addr(), path, &[("x-api-key", key)]).0, 200);
    assert_eq!(
        get(&server.addr(), path, &[("x-api-key", "sk_wrong_00000000.00")]).0,
        401
    );
}

#[test]
fn users_and_keys_live_and_die_the_same_beside_a_server_and_without_one() {
    let scratch = Scratch::new("life");
    let data = scratch.data();
    let without = life_of_a_user(&data, "ann");
    let server = Served::start(&data, &[]);
    let beside = life_of_a_user(&data, "ann");
    assert_eq!(without, beside);
    assert_eq!(server.terminate().0, Some(0));
}

/// What each step said, without what is different every time.
fn life_of_a_user(data: &std::path::Path, name: &str) -> Vec<String> {
    let added = run(data, &["user", "add", name]);
    let twice = run(data, &["user", "add", name]);
    assert_eq!(twice.code, Some(1), "{}", twice.out);
    let made = run(data, &["key", "create", "--user", name, "--name", "laptop"]);
    assert!(made.out.starts_with("sk_"), "{}", made.out);
    let listed = run(data, &["key", "list", "--json"]).json();
    assert_eq!(listed[0]["name"], "laptop", "the only user needs not be named");
    let revoked = run(data, &["key", "revoke", "laptop", "--user", name]);
    let again = run(data, &["key", "revoke", "laptop"]);
    assert_eq!(again.code, Some(1));
    let removed = run(data, &["user", "remove", name]);
    let gone = run(data, &["key", "list", "--user", name]);
    assert_eq!(gone.code, Some(1));
    [added.out, twice.err, revoked.out, again.err, removed.out, gone.err].to_vec()
}

#[test]
fn a_key_from_elsewhere_is_accepted_after_its_import() {
    let scratch = Scratch::new("import");
    let data = scratch.data();
    let key = "sk_lzk3q8f1_0123abcd.0123456789abcdef0123456789abcdef";
    run_with_input(&data, &["key", "create", "--import", "--json"], &format!("{key}\n")).json();
    let server = Served::start(&data, &[]);
    assert_eq!(
        get(&server.addr(), "/postpost/api/v1/list-posts", &[("x-api-key", key)]).0,
        200
    );
    let refused = run_with_input(&data, &["key", "create", "--import"], "short\n");
    assert_eq!(refused.code, Some(1), "a short key is no secret");
}

#[test]
fn with_several_users_a_command_asks_which_one() {
    let scratch = Scratch::new("which");
    let data = scratch.data();
    run(&data, &["user", "add", "ann"]);
    run(&data, &["user", "add", "bob"]);
    let said = run(&data, &["key", "create"]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.contains("ann, bob") && said.err.contains("--user"),
        "{}",
        said.err
    );
}
