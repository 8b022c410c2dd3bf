//! The tasks that need the product, each run once.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

/// One at a time: each of them wants both cores, and the chaos run wants its clock undisturbed.
static ALONE: Mutex<()> = Mutex::new(());

fn xtask(arguments: &[&str]) -> Output {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    // A test of the whole workspace has built the product beside this program; otherwise the task builds it.
    let product = Path::new(env!("CARGO_BIN_EXE_xtask")).with_file_name("broadside");
    if product.is_file() && std::env::var_os("BROADSIDE_BIN").is_none() {
        command.env("BROADSIDE_BIN", product);
    }
    command.args(arguments).output().unwrap()
}

fn passes(arguments: &[&str]) -> String {
    let output = xtask(arguments);
    let (said, complained) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(
        output.status.success(),
        "cargo xtask {}:\n{said}\n{complained}",
        arguments.join(" ")
    );
    said.into_owned()
}

#[test]
fn every_core_fact_of_the_repository_holds() {
    let said = passes(&["facts", "--issue", "core"]);
    let last = said.lines().next_back().unwrap_or_default();
    assert!(last.contains(" passed, 0 failed, "), "{last}");
}

#[test]
fn killing_the_server_over_and_over_makes_no_duplicate_and_loses_nothing() {
    let said = passes(&["chaos", "--posts", "200", "--kills", "5", "--seed", "1"]);
    let last = said.lines().next_back().unwrap_or_default();
    assert!(last.contains(r#""duplicates":0,"lost":0"#), "{last}");
}

#[test]
fn a_server_that_forgets_its_intents_does_not_get_away_with_it() {
    let output = xtask(&[
        "chaos",
        "--posts",
        "200",
        "--kills",
        "5",
        "--seed",
        "1",
        "--sabotage",
        "skip-intent",
    ]);
    assert_eq!(
        output.status.code(),
        Some(1),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn everything_that_the_api_tells_of_random_groups_is_true() {
    let said = passes(&["truth", "--quick", "--seed", "1"]);
    let last = said.lines().next_back().unwrap_or_default();
    assert!(last.contains(r#""differences":[]"#), "{last}");
}

#[test]
fn accounts_are_connected_lose_their_tokens_and_come_back() {
    let said = passes(&["connect", "x", "facebook", "bluesky"]);
    let journeys = said
        .lines()
        .filter(|line| line.contains("✓ reconnect") && line.contains("✓ publish again"));
    assert_eq!(journeys.count(), 4, "{said}");
    assert!(said.contains("codes and states is in the"), "{said}");
}

#[test]
fn no_document_names_a_command_that_does_not_exist() {
    passes(&["docs", "--check"]);
}
