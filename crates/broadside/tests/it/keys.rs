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

/// A key in the form of a hosted service; its end is random.
const FOREIGN: &str = "sk_lzk3q8f1_0123abcd.d7a8fbb307d7809469ca9abcb0082e4f8d5651e46d3cdb762d02";
const OTHER: &str = "sk_lzk3q8f2.9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d";

#[test]
fn a_key_from_elsewhere_is_accepted_beside_a_server_and_without_one() {
    let scratch = Scratch::new("import");
    let data = scratch.data();
    let path = "/postpost/api/v1/list-posts";
    let made = run_with_input(&data, &["key", "create", "--import", "--json"], &format!("{FOREIGN}\n")).json();
    assert_eq!(
        (&made["prefix"], &made["user"]),
        (&"sk_lzk3q8f1_0123abcd".into(), &"me".into())
    );
    let server = Served::start(&data, &[]);
    assert_eq!(get(&server.addr(), path, &[("x-api-key", FOREIGN)]).0, 200);
    assert_eq!(get(&server.addr(), path, &[("x-publora-key", OTHER)]).0, 401);
    // The form of an argument, which is warned of; the key is repeated nowhere.
    let said = run(&data, &["key", "create", "--name", "ci", "--import", OTHER]);
    assert_eq!(
        (said.code, said.out.as_str()),
        (Some(0), "accepted sk_lzk3q8f2 for me\n")
    );
    assert!(
        said.err.contains("can be seen by others") && !said.err.contains(OTHER),
        "{}",
        said.err
    );
    assert_eq!(get(&server.addr(), path, &[("x-publora-key", OTHER)]).0, 200);
    let listed = run(&data, &["key", "list", "--json"]).json();
    assert_eq!(
        (&listed[0]["prefix"], &listed[1]["name"]),
        (&"sk_lzk3q8f1_0123abcd".into(), &"ci".into())
    );
    run(&data, &["key", "revoke", "ci"]);
    assert_eq!(get(&server.addr(), path, &[("x-publora-key", OTHER)]).0, 401);
}

#[test]
fn what_is_no_key_could_be_guessed_or_is_somebodys_is_not_imported() {
    let scratch = Scratch::new("refuse");
    let data = scratch.data();
    run(&data, &["user", "add", "ann"]);
    run(&data, &["user", "add", "bob"]);
    let import = |user: &str, key: &str| {
        run_with_input(
            &data,
            &["key", "create", "--user", user, "--import"],
            &format!("{key}\n"),
        )
    };
    assert_eq!(import("ann", FOREIGN).code, Some(0));
    let refusals = || {
        let quoted = format!("\"{OTHER}\"");
        let keys = [
            "short",
            "sk_with a space.0123456789",
            &quoted,
            "sk_a.0123456789abcdef0123456789abcdef",
            FOREIGN,
        ];
        keys.map(|key| {
            let said = import("bob", key);
            assert_eq!(said.code, Some(1), "{key} {}", said.out);
            assert!(!said.err.contains(key), "{}", said.err);
            said.err
        })
    };
    let without = refusals();
    let server = Served::start(&data, &[]);
    assert_eq!(refusals(), without);
    let told = [
        "20 to 200",
        "20 to 200",
        "without quotes",
        "could be guessed",
        "exists already",
    ];
    for (said, words) in without.iter().zip(told) {
        assert!(said.contains(words), "{said}");
    }
    assert_eq!(server.terminate().0, Some(0));
    assert!(run(&data, &["key", "list", "--user", "bob"]).out.contains("no key yet"));
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
