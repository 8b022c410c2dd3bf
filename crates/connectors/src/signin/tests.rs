//! Every platform's sign-in from beginning to end, at the sandbox.

use std::sync::Arc;

use domain::account::Tokens;
use domain::error::{ErrorKind, Stage, When};
use domain::platform::Platform;
use sandbox::{Class, Fault, Rule, TokenVerb};

use super::testing::{ask, consented, denied, granted, only, sandbox_world, signed_in};
use super::*;
use crate::Registry;

/// The platforms whose flow needs no server to be named first.
fn plain() -> Vec<Arc<dyn SignIn>> {
    let has_browser =
        |sign_in: &&Arc<dyn SignIn>| sign_in.facts().means.iter().any(|means| matches!(means, Means::OAuth));
    Registry::all().sign_ins().filter(has_browser).cloned().collect()
}

/// The accounts that a sign-in led to.
fn accounts(found: Found) -> Vec<Verified> {
    match found {
        Found::Account(verified) => vec![verified],
        Found::Choose { choices, .. } => choices.into_iter().map(|choice| choice.verified).collect(),
    }
}

#[tokio::test]
async fn every_platform_signs_in_and_tells_whose_tokens_it_gave() {
    for sign_in in plain() {
        let platform = sign_in.platform();
        let (world, _sandbox) = sandbox_world(platform).await;
        let found = signed_in(&world, sign_in.as_ref(), &[("handle", "ada")]).await;
        let accounts = accounts(found.unwrap_or_else(|error| panic!("{platform}: {error:?}")));
        assert!(!accounts.is_empty(), "{platform}");
        for account in &accounts {
            assert!(!account.identity.remote_id.is_empty(), "{platform}");
            assert!(
                account.identity.username.contains("ada"),
                "{platform}: {:?}",
                account.identity
            );
            assert_eq!(account.missing, [], "{platform}");
            let verified = sign_in
                .verify(
                    world.connect_ctx(),
                    AccountRef::from(&account.identity),
                    &account.tokens,
                )
                .await
                .unwrap_or_else(|error| panic!("{platform}: {error:?}"));
            let name = |account: &Verified| (account.identity.remote_id.clone(), account.identity.username.clone());
            assert_eq!(name(&verified), name(account), "{platform}");
        }
    }
}

#[tokio::test]
async fn a_person_who_declines_is_told_from_every_other_failure() {
    for sign_in in plain() {
        let platform = sign_in.platform();
        let (world, _sandbox) = sandbox_world(platform).await;
        let error = denied(&world, sign_in.as_ref(), &[]).await;
        assert!(is_denied(&error), "{platform}: {error:?}");
        assert_eq!(
            (error.kind, error.stage),
            (ErrorKind::Permission, Stage::Connect),
            "{platform}"
        );
    }
}

#[tokio::test]
async fn a_code_is_good_for_one_exchange_and_a_second_asks_to_start_again() {
    for sign_in in plain() {
        let platform = sign_in.platform();
        let (world, _sandbox) = sandbox_world(platform).await;
        let (begun, back) = consented(&world, sign_in.as_ref(), &[], &[("handle", "ada")]).await;
        let code = back.code.clone().unwrap();
        let ctx = world.connect_ctx();
        sign_in.exchange(ctx, &begun.memory, &back).await.unwrap();
        let replayed = sign_in.exchange(ctx, &begun.memory, &back).await.unwrap_err();
        assert_eq!(
            (replayed.kind, replayed.stage),
            (ErrorKind::Auth, Stage::Connect),
            "{platform}: {replayed:?}"
        );
        assert_eq!(replayed.retry.when, When::AfterReconnect, "{platform}");
        assert!(!format!("{replayed:?}").contains(code.expose()), "{platform}");
    }
}

#[tokio::test]
async fn a_code_that_was_stolen_is_worth_nothing_without_the_verifier() {
    for sign_in in plain() {
        let platform = sign_in.platform();
        if sign_in
            .facts()
            .oauth
            .as_ref()
            .is_none_or(|flow| flow.pkce == Pkce::None)
        {
            continue;
        }
        let (world, _sandbox) = sandbox_world(platform).await;
        let (begun, back) = consented(&world, sign_in.as_ref(), &[], &[("handle", "ada")]).await;
        let mut memory = begun.memory.clone();
        memory.set("verifier", pkce::verifier(&[9; 32]));
        let refused = sign_in.exchange(world.connect_ctx(), &memory, &back).await.unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Auth, "{platform}: {refused:?}");
    }
}

#[tokio::test]
async fn tokens_are_renewed_and_a_rotating_refresh_token_is_spent() {
    for sign_in in plain() {
        let platform = sign_in.platform();
        let facts = sign_in.facts();
        if facts.refresh.by != RefreshBy::RefreshToken {
            continue;
        }
        let (mut world, _sandbox) = sandbox_world(platform).await;
        approve_organizations(&mut world);
        let first = granted(&world, sign_in.as_ref(), &[("handle", "ada")]).await.tokens;
        assert!(facts.refresh.can_refresh(&first), "{platform}");
        let ends = first.expires_at.unwrap_or_else(|| panic!("{platform} tells no end"));
        let due = facts.refresh.refresh_at(&first, world.connect_ctx().now).unwrap();
        assert!(due > world.connect_ctx().now && due < ends, "{platform}");
        world.clock.advance_to(due);
        let second = refreshed(&world, sign_in.as_ref(), &first).await.unwrap();
        assert!(second.refresh.is_some() && second.access != first.access, "{platform}");
        sign_in
            .identify(world.connect_ctx(), &Grant::of(second.clone()))
            .await
            .unwrap();
        let again = refreshed(&world, sign_in.as_ref(), &first).await;
        assert_eq!(again.is_err(), facts.refresh.rotates, "{platform}");
        if let Err(error) = again {
            assert_eq!(
                (error.kind, error.stage),
                (ErrorKind::Auth, Stage::Refresh),
                "{platform}"
            );
            assert_eq!(error.retry.when, When::AfterReconnect, "{platform}");
            let secret = first.refresh.as_ref().unwrap();
            assert!(!format!("{error:?}").contains(secret.expose()), "{platform}");
        }
    }
}

async fn refreshed(
    world: &crate::testing::World,
    sign_in: &dyn SignIn,
    tokens: &Tokens,
) -> Result<Tokens, PlatformError> {
    sign_in.refresh(world.connect_ctx(), tokens).unwrap().await
}

#[tokio::test]
async fn a_revoked_sign_in_asks_for_a_person() {
    for sign_in in plain() {
        let platform = sign_in.platform();
        let (world, sandbox) = sandbox_world(platform).await;
        let account = accounts(signed_in(&world, sign_in.as_ref(), &[("handle", "ada")]).await.unwrap()).remove(0);
        sandbox
            .tokens(platform, &account.identity.remote_id, TokenVerb::Revoke)
            .unwrap();
        let ctx = world.connect_ctx();
        let error = sign_in
            .verify(ctx, AccountRef::from(&account.identity), &account.tokens)
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::Auth, "{platform}: {error:?}");
        if let Some(refresh) = sign_in.refresh(ctx, &account.tokens) {
            let error = refresh.await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Auth, "{platform}: {error:?}");
            assert_eq!(error.retry.when, When::AfterReconnect, "{platform}: {error:?}");
        }
    }
}

#[tokio::test]
async fn tokens_that_are_given_back_are_dead_and_giving_them_back_twice_is_no_error() {
    for sign_in in plain() {
        let platform = sign_in.platform();
        let (world, _sandbox) = sandbox_world(platform).await;
        let grant = granted(&world, sign_in.as_ref(), &[("handle", "ada")]).await;
        let ctx = world.connect_ctx();
        let Some(revocation) = sign_in.revoke(ctx, &grant.tokens) else {
            continue;
        };
        revocation.await.unwrap_or_else(|error| panic!("{platform}: {error:?}"));
        let error = sign_in.identify(ctx, &grant).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Auth, "{platform}: {error:?}");
        if let Some(twice) = sign_in.revoke(ctx, &grant.tokens) {
            twice.await.unwrap_or_else(|error| panic!("{platform}: {error:?}"));
        }
    }
}

#[tokio::test]
async fn a_scope_that_was_not_granted_is_said_in_words() {
    for (platform, kept, lacks) in [
        (Platform::TikTok, "user.info.basic", "scope:video.publish"),
        (
            Platform::YouTube,
            "https://www.googleapis.com/auth/youtube.readonly",
            "scope:https://www.googleapis.com/auth/youtube.upload",
        ),
        (
            Platform::Instagram,
            "instagram_business_basic",
            "scope:instagram_business_content_publish",
        ),
        (Platform::Facebook, "pages_show_list", "scope:pages_manage_posts"),
    ] {
        let registry = Registry::all();
        let sign_in = registry.sign_in(platform).unwrap();
        let (world, _sandbox) = sandbox_world(platform).await;
        let form = [("handle", "ada"), ("scopes_shown", "1"), ("scope", kept)];
        let found = signed_in(&world, sign_in.as_ref(), &form).await;
        let account = accounts(found.unwrap_or_else(|error| panic!("{platform}: {error:?}"))).remove(0);
        let missing = account.missing.iter().find(|missing| missing.code == lacks);
        let missing = missing.unwrap_or_else(|| panic!("{platform}: {:?}", account.missing));
        assert!(
            missing.words.contains("was not granted"),
            "{platform}: {}",
            missing.words
        );
    }
}

#[tokio::test]
async fn without_an_app_only_the_operator_can_help() {
    for sign_in in plain() {
        let world = crate::testing::World::new(sign_in.platform(), "", "");
        let error = sign_in.begin(world.connect_ctx(), &ask(&[])).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::OperatorConfig);
        let words = sign_in.facts().missing_config(&world.endpoints).unwrap();
        let key = format!("platforms.{}.client_id", sign_in.platform().word());
        assert!(
            words.contains("make one at https://") && words.contains(&key),
            "{words}"
        );
    }
}

#[tokio::test]
async fn a_wrong_secret_is_the_operators_to_mend() {
    for sign_in in plain() {
        let platform = sign_in.platform();
        let (mut world, _sandbox) = sandbox_world(platform).await;
        let (begun, back) = consented(&world, sign_in.as_ref(), &[], &[("handle", "ada")]).await;
        world.endpoints.apps.get_mut(&platform).unwrap().secret = "wrong-secret".into();
        let error = sign_in
            .exchange(world.connect_ctx(), &begun.memory, &back)
            .await
            .unwrap_err();
        assert_eq!(error.kind, ErrorKind::OperatorConfig, "{platform}: {error:?}");
        assert!(!format!("{error:?}").contains("wrong-secret"), "{platform}");
    }
}

#[tokio::test]
async fn a_refresh_whose_answer_is_lost_says_that_the_token_may_be_spent() {
    let registry = Registry::all();
    let sign_in = registry.sign_in(Platform::X).unwrap();
    let (world, sandbox) = sandbox_world(Platform::X).await;
    let account = only(signed_in(&world, sign_in.as_ref(), &[("handle", "ada")]).await.unwrap());
    sandbox
        .tokens(Platform::X, &account.identity.remote_id, TokenVerb::LoseNextRefresh)
        .unwrap();
    let error = refreshed(&world, sign_in.as_ref(), &account.tokens).await.unwrap_err();
    assert_eq!((error.code.as_deref(), error.stage), (Some(NO_ANSWER), Stage::Refresh));
    assert!(
        error.kind.is_transient() || error.kind == ErrorKind::Timeout,
        "{error:?}"
    );
    // What was lost was spent: the old token is refused, and the access token lives on.
    let spent = refreshed(&world, sign_in.as_ref(), &account.tokens).await.unwrap_err();
    assert_eq!(spent.retry.when, When::AfterReconnect);
    sign_in
        .verify(
            world.connect_ctx(),
            AccountRef::from(&account.identity),
            &account.tokens,
        )
        .await
        .unwrap();
}

#[tokio::test]
async fn an_access_token_that_has_ended_is_refreshed_and_the_account_is_good_again() {
    for sign_in in plain() {
        let platform = sign_in.platform();
        let (mut world, sandbox) = sandbox_world(platform).await;
        approve_organizations(&mut world);
        let found = signed_in(&world, sign_in.as_ref(), &[("handle", "ada")]).await;
        let mut account = accounts(found.unwrap()).remove(0);
        if account.tokens.refresh.is_none() {
            continue;
        }
        sandbox
            .tokens(platform, &account.identity.remote_id, TokenVerb::ExpireAccess)
            .unwrap();
        let ctx = world.connect_ctx();
        let ended = sign_in
            .verify(ctx, AccountRef::from(&account.identity), &account.tokens)
            .await
            .unwrap_err();
        assert_eq!(
            (ended.kind, ended.retry.when),
            (ErrorKind::Auth, When::AfterRefresh),
            "{platform}: {ended:?}"
        );
        account.tokens = refreshed(&world, sign_in.as_ref(), &account.tokens).await.unwrap();
        let good = sign_in
            .verify(ctx, AccountRef::from(&account.identity), &account.tokens)
            .await
            .unwrap();
        let known = good.knowing(sign_in.facts(), &account.scopes);
        assert_eq!(
            (known.missing.len(), known.scopes),
            (0, account.scopes.clone()),
            "{platform}"
        );
    }
}

/// LinkedIn gives refresh tokens and organizations to approved partners only.
fn approve_organizations(world: &mut crate::testing::World) {
    let scopes = [
        "w_organization_social",
        "r_organization_social",
        "rw_organization_admin",
    ];
    world
        .endpoints
        .scopes
        .insert(Platform::LinkedIn, scopes.map(str::to_owned).to_vec());
}

#[tokio::test]
async fn trouble_at_the_platform_is_no_verdict_on_the_sign_in() {
    let faults = [
        (Fault::ErrorBefore { status: 503 }, ErrorKind::PlatformDown),
        (Fault::HtmlError { status: 502 }, ErrorKind::PlatformDown),
        (Fault::RateLimit { retry_after_s: 30 }, ErrorKind::RateLimited),
        (Fault::Truncated, ErrorKind::Network),
    ];
    for sign_in in plain() {
        let platform = sign_in.platform();
        let (world, sandbox) = sandbox_world(platform).await;
        let (begun, back) = consented(&world, sign_in.as_ref(), &[], &[("handle", "ada")]).await;
        for (fault, kind) in &faults {
            let rules = sandbox::RuleSet {
                platform: Some(platform),
                account: None,
                rules: vec![Rule::always(Class::Refresh, fault.clone())],
                latency_ms: None,
            };
            sandbox.add_rules(rules).unwrap();
            let error = sign_in
                .exchange(world.connect_ctx(), &begun.memory, &back)
                .await
                .unwrap_err();
            assert_eq!(
                (error.kind, error.stage),
                (*kind, Stage::Connect),
                "{platform} {fault:?}: {error:?}"
            );
            assert!(error.kind.is_transient(), "{platform} {fault:?}");
            sandbox.clear_rules(Some(platform), None).unwrap();
        }
    }
}

#[tokio::test]
async fn an_approved_app_lets_the_member_choose_an_organization() {
    let registry = Registry::all();
    let sign_in = registry.sign_in(Platform::LinkedIn).unwrap();
    let (mut world, _sandbox) = sandbox_world(Platform::LinkedIn).await;
    approve_organizations(&mut world);
    let found = signed_in(&world, sign_in.as_ref(), &[("handle", "ada")]).await.unwrap();
    let Found::Choose { choices, .. } = found else {
        panic!("a member and an organization are a choice")
    };
    let details: Vec<_> = choices.iter().map(|choice| choice.detail.as_deref()).collect();
    assert_eq!(details, [Some("your own profile"), Some("organization")]);
    let organization = &choices[1].verified;
    assert_eq!(organization.missing, []);
    // Tokens that are imported name the one that is meant.
    let credentials = Credentials {
        token: Some(organization.tokens.access.clone()),
        identifier: Some(choices[1].id.clone()),
        ..Credentials::default()
    };
    let named = sign_in
        .with_credentials(world.connect_ctx(), &credentials)
        .await
        .unwrap();
    assert_eq!(only(named).identity, organization.identity);
}

#[tokio::test]
async fn only_the_pages_and_locations_that_were_ticked_can_be_chosen() {
    for platform in [Platform::Facebook, Platform::GoogleBusiness] {
        let registry = Registry::all();
        let sign_in = registry.sign_in(platform).unwrap();
        let (world, _sandbox) = sandbox_world(platform).await;
        let found = signed_in(&world, sign_in.as_ref(), &[("handle", "ada")]).await.unwrap();
        let all = accounts(found);
        assert_eq!(all.len(), 2, "{platform}");
        let ticked = all[1].identity.remote_id.as_str();
        let form = [("handle", "ada"), ("targets_shown", "1"), ("target", ticked)];
        let found = signed_in(&world, sign_in.as_ref(), &form).await.unwrap();
        assert_eq!(only(found).identity.remote_id, ticked, "{platform}");
    }
}

#[test]
fn every_platform_has_a_sign_in_whose_facts_hold_together() {
    let registry = Registry::all();
    for platform in Platform::ALL {
        let facts = registry.sign_in(*platform).unwrap().facts();
        assert_eq!(facts.platform, *platform);
        assert!(!facts.means.is_empty(), "{platform}");
        let mut names: Vec<_> = facts.needs.iter().map(|scope| scope.name).collect();
        names.dedup();
        assert_eq!(names.len(), facts.needs.len(), "{platform}");
        if facts.refresh.rotates {
            assert_eq!(facts.refresh.by, RefreshBy::RefreshToken, "{platform}");
        }
        if let Some(flow) = &facts.oauth {
            let paths = [flow.authorize.path, flow.token.path];
            assert!(paths.iter().all(|path| path.starts_with('/')), "{platform}");
        }
    }
}

#[test]
fn a_choice_survives_being_sealed() {
    let tokens = Tokens {
        access: "a".into(),
        refresh: Some("r".into()),
        proof_key: Some("k".into()),
        ..Tokens::default()
    };
    let identity = domain::account::Identity {
        remote_id: "1".to_owned(),
        username: "press".to_owned(),
        display_name: Some("The Press".to_owned()),
        avatar_url: None,
        profile_url: None,
        base_url: None,
    };
    let facts = &crate::x::signin::FACTS;
    let choice = Choice::of(
        Verified::new(facts, identity, tokens, vec!["tweet.read".to_owned()]),
        None,
    );
    assert_eq!(choice.verified.missing.len(), 4);
    let sealed = choices::to_secret(std::slice::from_ref(&choice));
    let opened = choices::from_secret(&sealed).unwrap();
    assert_eq!(
        (opened[0].name.as_str(), &opened[0].verified),
        ("The Press", &choice.verified)
    );
    assert!(!format!("{choice:?}").contains("\"a\""));
}
