use crate::world::{Scratch, broadside, run};

#[test]
fn a_misspelt_setting_is_named_with_its_path_and_what_was_probably_meant() {
    let scratch = Scratch::new("misspelt");
    std::fs::create_dir(scratch.data()).unwrap();
    std::fs::write(
        scratch.data().join("broadside.toml"),
        "[server]\nlisten_on = \"127.0.0.1:1\"\n",
    )
    .unwrap();
    let said = run(&scratch.data(), &["config", "check"]);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.contains("'server.listen_on'") && said.err.contains("'server.listen'"),
        "{}",
        said.err
    );
    let said = run(&scratch.data(), &["serve"]);
    assert_eq!(
        said.code,
        Some(1),
        "a server must not start with settings that it does not understand"
    );
}

#[test]
fn a_named_file_that_is_not_there_is_an_error() {
    let scratch = Scratch::new("nofile");
    let said = run(
        &scratch.data(),
        &["config", "show", "--config", "/nonexistent/broadside.toml"],
    );
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("/nonexistent/broadside.toml"), "{}", said.err);
}

#[test]
fn what_is_shown_can_be_a_file_again_and_holds_what_the_environment_says() {
    let scratch = Scratch::new("shown");
    let mut command = broadside(&scratch.data(), &["config", "show"]);
    let shown = command.env("BROADSIDE_PUBLISHER__SENDS_MAX", "7").output().unwrap();
    assert!(shown.status.success());
    let text = String::from_utf8(shown.stdout).unwrap();
    assert!(text.contains("sends_max = 7"), "{text}");
    let file = scratch.path().join("shown.toml");
    std::fs::write(&file, text).unwrap();
    let said = run(
        &scratch.data(),
        &["config", "check", "--config", file.to_str().unwrap()],
    );
    assert_eq!(said.code, Some(0), "{}", said.err);
}

#[test]
fn an_allow_list_that_cannot_be_meant_is_refused() {
    let scratch = Scratch::new("allow");
    let mut command = broadside(&scratch.data(), &["config", "check"]);
    let said = command.env("BROADSIDE_MEDIA__ALLOW", "everything").output().unwrap();
    assert_eq!(said.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&said.stderr).contains("media.allow"));
}
