use crate::world::{Scratch, Served, get, run, run_with, signal};

#[test]
fn a_second_server_names_the_first_and_leaves_it_alone() {
    let scratch = Scratch::new("second");
    let server = Served::start(&scratch.data(), &[]);
    let said = run(&scratch.data(), &["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains(&format!("process {}", server.pid())), "{}", said.err);
    assert_eq!(get(&server.addr(), "/healthz", &[]).0, 200);
    assert_eq!(
        run(&scratch.data(), &["user", "list"]).code,
        Some(0),
        "its socket is still there"
    );
}

#[test]
fn a_server_that_is_told_to_end_ends_well_and_leaves_the_directory_free() {
    let scratch = Scratch::new("ends");
    let server = Served::start(&scratch.data(), &[]);
    assert_eq!(get(&server.addr(), "/readyz", &[]).0, 200);
    let (code, said) = server.terminate();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("draining"), "{said}");
    assert!(!scratch.data().join("broadside.sock").exists());
    assert_eq!(run(&scratch.data(), &["doctor"]).code, Some(0));
}

#[test]
fn after_a_kill_the_next_server_starts_at_once() {
    let scratch = Scratch::new("kill");
    let first = Served::start(&scratch.data(), &[]);
    signal(first.pid(), "-KILL");
    drop(first);
    let second = Served::start(&scratch.data(), &[]);
    assert_eq!(run(&scratch.data(), &["key", "create"]).code, Some(0));
    assert_eq!(second.terminate().0, Some(0));
}

#[test]
fn only_the_owner_can_read_what_the_server_keeps() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new("modes");
    let _server = Served::start(&scratch.data(), &[]);
    let mode = |path: std::path::PathBuf| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(scratch.data()), 0o700);
    for file in ["master.key", "broadside.db", "broadside.sock", "broadside.lock"] {
        assert_eq!(mode(scratch.data().join(file)), 0o600, "{file}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_may_open_as_many_files_as_the_machine_lets_it() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let customary = Rlimit {
        current: Some(1_024),
        ..getrlimit(Resource::Nofile)
    };
    setrlimit(Resource::Nofile, customary).unwrap();
    let scratch = Scratch::new("files");
    let server = Served::start(&scratch.data(), &[]);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let numbers: Vec<_> = files
        .split_whitespace()
        .filter(|word| !word.contains(char::is_alphabetic))
        .collect();
    assert_eq!(numbers[0], numbers[1], "{files}");
}

#[test]
fn doctor_looks_and_makes_nothing() {
    let scratch = Scratch::new("looks");
    assert_eq!(run(&scratch.data(), &["doctor"]).code, Some(0));
    assert!(!scratch.data().exists());
}

#[test]
fn doctor_finds_a_key_that_others_can_read() {
    use std::os::unix::fs::PermissionsExt;
    let scratch = Scratch::new("doctor");
    run(&scratch.data(), &["key", "create"]);
    assert_eq!(run(&scratch.data(), &["doctor"]).code, Some(0));
    let key = scratch.data().join("master.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = run(&scratch.data(), &["doctor", "--json"]);
    assert_eq!(said.code, Some(1));
    let found: Vec<serde_json::Value> = serde_json::from_str(&said.out).unwrap();
    let problem = found.iter().find(|finding| finding["verdict"] == "problem").unwrap();
    assert!(problem["told"].as_str().unwrap().contains("chmod 600"), "{problem}");
}

#[test]
fn without_trusted_certificates_the_server_serves_and_doctor_says_what_is_missing() {
    let scratch = Scratch::new("untrusting");
    let nothing = [("SSL_CERT_FILE", "/nonexistent"), ("SSL_CERT_DIR", "/nonexistent")];
    let server = Served::start_with(&scratch.data(), &[], &nothing);
    assert_eq!(get(&server.addr(), "/readyz", &[]).0, 200);
    let said = run_with(&scratch.data(), &["doctor", "--json"], &nothing);
    assert_eq!(said.code, Some(1));
    let found: Vec<serde_json::Value> = serde_json::from_str(&said.out).unwrap();
    let problem = found.iter().find(|finding| finding["verdict"] == "problem").unwrap();
    assert_eq!(problem["what"], "certificates");
    assert!(
        problem["told"].as_str().unwrap().contains("ca-certificates"),
        "{problem}"
    );
}

#[test]
fn the_unit_for_systemd_starts_this_binary_and_lets_it_do_little_else() {
    let scratch = Scratch::new("unit");
    let asked = [
        "serve",
        "--print-unit",
        "systemd",
        "--listen",
        "0.0.0.0:80",
        "--config",
        "/etc/100% sure.toml",
    ];
    let said = run(std::path::Path::new("/var/lib/broadside"), &asked);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let starts = said.out.lines().find(|line| line.starts_with("ExecStart=")).unwrap();
    let flags = r#" serve --data /var/lib/broadside --config "/etc/100%% sure.toml" --listen 0.0.0.0:80"#;
    assert!(starts.ends_with(flags), "{starts}");
    for line in [
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "CapabilityBoundingSet=",
        "StateDirectoryMode=0700",
    ] {
        assert!(said.out.lines().any(|found| found == line), "{line} is missing");
    }
    let elsewhere = run(&scratch.data(), &["serve", "--print-unit", "systemd"]);
    assert!(elsewhere.err.contains("/var/lib/broadside"), "{}", elsewhere.err);
    assert!(!scratch.data().exists(), "nothing is made for it");
}
