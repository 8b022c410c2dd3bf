use crate::world::{Scratch, run};

/// What people read first must change on purpose only.
#[test]
fn the_help_texts_are_these() {
    let scratch = Scratch::new("help");
    let commands: &[&[&str]] = &[
        &[],
        &["serve"],
        &["user"],
        &["user", "plan"],
        &["user", "consent"],
        &["account"],
        &["account", "connect"],
        &["account", "add"],
        &["import-credentials"],
        &["key", "create"],
        &["webhook"],
        &["post"],
        &["posts"],
        &["logs"],
        &["retry"],
        &["resolve"],
        &["delete"],
        &["retract"],
        &["mcp"],
        &["doctor"],
        &["config"],
        &["demo"],
        &["sandbox"],
    ];
    let mut texts = String::new();
    for command in commands {
        let said = run(&scratch.data(), &[*command, &["--help"]].concat());
        assert_eq!(said.code, Some(0), "{command:?}");
        texts.push_str(&format!("$ broadside {} --help\n{}\n", command.join(" "), said.out));
    }
    insta::assert_snapshot!(texts);
}

#[test]
fn completions_are_made_for_the_common_shells_and_know_no_hidden_command() {
    let scratch = Scratch::new("complete");
    for shell in ["bash", "zsh", "fish"] {
        let said = run(&scratch.data(), &["completions", shell]);
        assert_eq!(said.code, Some(0));
        assert!(said.out.contains("broadside") && said.out.contains("doctor"), "{shell}");
    }
    assert!(!run(&scratch.data(), &["--help"]).out.contains("fixtures"));
}
