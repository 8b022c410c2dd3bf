use tempfile::NamedTempFile;

use super::*;

fn none() -> std::iter::Empty<(String, String)> {
    std::iter::empty()
}

fn env(name: &str, value: &str) -> std::vec::IntoIter<(String, String)> {
    vec![(name.to_owned(), value.to_owned())].into_iter()
}

/// Flags that name a file with this text, and the file.
fn flags_with_file(text: &str) -> (Flags, NamedTempFile) {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(&file, text).unwrap();
    let flags = Flags {
        config: Some(file.path().to_owned()),
        ..Flags::default()
    };
    (flags, file)
}

#[test]
fn the_defaults_are_a_whole_configuration_and_agree_with_the_engines() {
    let config = Config::assemble(&Flags::default(), none()).unwrap();
    let engine = engine::Settings::default();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8420");
    assert_eq!(config.publisher.sends_max, engine.sends_max);
    assert_eq!(config.publisher.claimed_max, engine.claimed_max);
    assert_eq!(config.publisher.late_after, engine.late_after);
    assert_eq!(config.publisher.behind_after, engine.behind_after);
    assert_eq!(config.publisher.poll, engine.poll);
    assert_eq!(config.publisher.processing_max, engine.processing_max);
    assert_eq!(config.publisher.watchdog_after, engine.watchdog_after);
    assert_eq!(config.publisher.drain, engine.drain);
    assert_eq!(config.publisher.rate_budgets, engine.rate_budgets);
    assert_eq!(config.stated_quotas().unwrap(), engine.quotas);
    assert_eq!(config.accounts.reconnect_grace, engine.reconnect_grace);
    assert_eq!(config.media.imports_per_hour, engine.imports_per_hour);
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file() {
    let (mut flags, _file) = flags_with_file("[server]\nlisten = \"127.0.0.1:1\"\n[log]\nlevel = \"warn\"\n");
    let config = Config::assemble(&flags, env("BROADSIDE_SERVER__LISTEN", "127.0.0.1:2")).unwrap();
    assert_eq!(config.server.listen.port(), 2);
    assert_eq!(config.log.level, "warn");
    flags.listen = Some("127.0.0.1:3".parse().unwrap());
    let config = Config::assemble(&flags, env("BROADSIDE_SERVER__LISTEN", "127.0.0.1:2")).unwrap();
    assert_eq!(config.server.listen.port(), 3);
}

#[test]
fn a_setting_that_does_not_exist_is_named_with_its_path_and_its_neighbour() {
    let (flags, _file) = flags_with_file("[server]\nlsiten = \"127.0.0.1:1\"\n");
    let error = format!("{:#}", Config::assemble(&flags, none()).unwrap_err());
    assert!(
        error.contains("'server.lsiten'") && error.contains("'server.listen'"),
        "{error}"
    );
    let error = Config::assemble(&Flags::default(), env("BROADSIDE_PUBLISHER__SEND_MAX", "1")).unwrap_err();
    assert!(format!("{error:#}").contains("'publisher.sends_max'"), "{error:#}");
}

#[test]
fn numbers_lists_and_platforms_come_from_the_environment_too() {
    let config = Config::assemble(&Flags::default(), env("BROADSIDE_MEDIA__ALLOW", "http://a:1, http://b")).unwrap();
    assert_eq!(config.media.allow, ["http://a:1", "http://b"]);
    let config = Config::assemble(&Flags::default(), env("BROADSIDE_PLATFORMS__X__CLIENT_ID", "123")).unwrap();
    assert_eq!(
        config.platforms.get(&Platform::X).unwrap().client_id.as_deref(),
        Some("123")
    );
    let error = Config::assemble(&Flags::default(), env("BROADSIDE_PUBLISHER__SENDS_MAX", "many")).unwrap_err();
    assert!(format!("{error:#}").contains("publisher.sends_max"), "{error:#}");
}

#[test]
fn secrets_are_not_shown() {
    let (flags, _file) = flags_with_file("[platforms.x]\nclient_id = \"id\"\nclient_secret = \"hush-hush\"\n");
    let config = Config::assemble(&flags, none()).unwrap();
    assert_eq!(
        config
            .platforms
            .get(&Platform::X)
            .unwrap()
            .client_secret
            .as_ref()
            .unwrap()
            .expose(),
        "hush-hush"
    );
    assert!(!toml::to_string(&config).unwrap().contains("hush"));
    assert!(!format!("{config:?}").contains("hush"));
}

#[test]
fn a_variable_that_only_lacks_an_underscore_is_refused_and_others_are_nobodys_business() {
    let error = Config::assemble(&Flags::default(), env("BROADSIDE_SERVER_LISTEN", "127.0.0.1:1")).unwrap_err();
    assert!(error.to_string().contains("BROADSIDE_SERVER__LISTEN"), "{error}");
    Config::assemble(&Flags::default(), env("BROADSIDE_SERVER_ROOM", "2")).unwrap();
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for text in [
        "[publisher]\nsends_max = 0\n",
        "[publisher]\npoll = \"0s\"\n",
        "[server]\npublic_url = \"ftp://a\"\n",
        "[server]\npublic_url = \"https://a.example/?b=c\"\n",
        "[publisher]\ndrain = \"-5s\"\n",
        "[publisher]\nwatchdog_after = \"-5s\"\n",
        "[media]\nimports_per_hour = 0\n",
    ] {
        assert!(Config::assemble(&flags_with_file(text).0, none()).is_err(), "{text}");
    }
}

#[test]
fn an_apps_secret_without_its_id_is_refused_and_scopes_can_be_added() {
    let (flags, _file) = flags_with_file("[platforms.linkedin]\nclient_secret = \"hush\"\n");
    let error = format!("{:#}", Config::assemble(&flags, none()).unwrap_err());
    assert!(
        error.contains("platforms.linkedin") && !error.contains("hush"),
        "{error}"
    );
    let text = "[platforms.linkedin]\nscopes = [\"w_organization_social\"]\n[accounts]\nreconnect_grace = \"2h\"\n";
    let config = Config::assemble(&flags_with_file(text).0, none()).unwrap();
    assert_eq!(config.platforms[&Platform::LinkedIn].scopes, ["w_organization_social"]);
    assert_eq!(config.accounts.reconnect_grace, SignedDuration::from_hours(2));
    let scopes = env("BROADSIDE_PLATFORMS__TIKTOK__SCOPES", "video.upload, video.list");
    let config = Config::assemble(&Flags::default(), scopes).unwrap();
    assert_eq!(
        config.platforms[&Platform::TikTok].scopes,
        ["video.upload", "video.list"]
    );
}

#[test]
fn plans_are_tables_of_words_of_ones_own() {
    let (flags, _file) = flags_with_file(
        "[users]\nplan = \"small\"\n[plans.small]\nname = \"Small\"\nmonthly_posts = 5\nplatforms = [\"x\"]\n",
    );
    let plans = Config::assemble(&flags, none()).unwrap().plans().unwrap();
    let small = plans.of_new_users();
    assert_eq!((small.key.as_deref(), small.monthly_posts), (Some("small"), Some(5)));
    assert!(
        small.api_access && small.mcp_access && small.workspaces,
        "what is left out is on"
    );
    assert_eq!(plans.words().collect::<Vec<_>>(), ["self-hosted", "small"]);
    let config = Config::assemble(&flags, env("BROADSIDE_PLANS__SMALL__API_ACCESS", "false")).unwrap();
    assert!(!config.plans().unwrap().of_new_users().api_access);
}

#[test]
fn a_plan_that_is_not_there_or_has_a_misspelt_key_is_an_error() {
    let (flags, _file) = flags_with_file("[users]\nplan = \"big\"\n");
    let error = format!("{:#}", Config::assemble(&flags, none()).unwrap_err());
    assert!(error.contains("[plans.big]"), "{error}");
    let (flags, _file) = flags_with_file("[plans.big]\nname = \"Big\"\nmonthly_post = 5\n");
    let error = format!("{:#}", Config::assemble(&flags, none()).unwrap_err());
    assert!(error.contains("'plans.big.monthly_posts'"), "{error}");
}

#[test]
fn the_example_of_plans_is_a_configuration_and_has_the_documented_numbers() {
    let text = include_str!("../../../../docs/examples/postpost-plans.toml");
    let config = Config::assemble(&flags_with_file(text).0, none()).unwrap();
    let plans = config.plans().unwrap();
    let starter = plans.of_new_users();
    assert_eq!(
        (
            starter.monthly_posts,
            starter.queued_posts,
            starter.horizon_days,
            starter.connections
        ),
        (Some(15), Some(3), Some(7), Some(3))
    );
    assert!(!starter.api_access && starter.platforms.is_some_and(|all| !all.contains(&Platform::X)));
    let pro = plans.by_word("pro").unwrap();
    assert_eq!((pro.monthly_posts, pro.queued_posts), (Some(100), Some(100)));
    assert_eq!(pro.monthly_posts_per, domain::plan::Per::Connection);
    assert_eq!(plans.by_word("premium").unwrap().monthly_posts, Some(500));
    let caps = ["starter", "pro", "premium"].map(|word| plans.by_word(word).unwrap().video_bytes_max);
    assert_eq!(caps, [Some(50_000_000), Some(100_000_000), Some(250_000_000)]);
}
